"""Map of the effect: whose expected agreements the event changes, and arcs for the
dyads that change most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.scenario.actors import code_table
from balance_sim.show import atlas
from balance_sim.show import wording as say
from balance_sim.show.atlas import Layout, layout_of, rings_inside
from balance_sim.show.figures import style
from balance_sim.show.figures.dyads import NONE, dyads_table, has_dyads, states_table
from balance_sim.show.headline import by_size
from balance_sim.study.result import Result

LAND, SEA = "#d3d3d3", "#f3f6f8"
MOST_ARCS, MOST_NAMES = 12, 24
LETTER, ROW = (
    0.0064,
    0.0165,
)  # width of a letter and height of a line, of the width of the map
REACH = 0.9  # quantile of the effects on states at which the colours end: few larger ones must not leave the rest pale


def map_table(result: Result) -> pd.DataFrame:
    """One row a dyad: its filtered effect with 95 % CI, and arc: drawn, since the CI
    excludes zero, both states have a place, and fewer than MOST_ARCS are further from
    zero, ties by the codes."""
    dyads = dyads_table(result)
    if dyads.empty:
        return dyads
    layout = layout_of(result.scenario)
    placed = dyads["a"].isin(list(layout.spots)) & dyads["b"].isin(list(layout.spots))
    dyads = dyads.assign(
        arc=dyads.index.isin(by_size(dyads[dyads["clear"] & placed]).index[:MOST_ARCS])
    )
    dyads.attrs["layout"] = layout
    return dyads


def map_title(table: pd.DataFrame, states: pd.DataFrame) -> str:
    """The finding: how many states gain and lose, and which most."""
    name, sure = say.first(table, "treatment"), states[states["clear"]]
    if sure.empty:
        return f"{name}: no state's expected security agreements change detectably"
    sides = [(sure[sure["effect"] > 0], "gain"), (sure[sure["effect"] < 0], "lose")]
    tops = [
        (part, way, part.iloc[int(part["effect"].abs().to_numpy().argmax())])
        for part, way in sides
        if len(part)
    ]
    places = max(say.digits(float(top["effect"])) for _, _, top in tops)
    told = []
    for part, way, top in tops:
        size = say.signed(float(top["effect"]), places)
        several = f"{say.plural(len(part), 'state')} {way} security agreements, {top['name']} most ({size})"
        told.append(
            several
            if len(part) > 1
            else f"{top['name']} {way}s security agreements ({size})"
        )
    return f"{name}: {'; '.join(told)}"


def states_by_size(states: pd.DataFrame) -> pd.DataFrame:
    """States whose CI excludes zero first, then by the size of their effect."""
    keyed = states.assign(size=states["effect"].abs())
    ordered = keyed.sort_values(
        ["clear", "size", "code"], ascending=[False, False, True], kind="stable"
    )
    return ordered.drop(columns="size")


def reach_of(states: pd.DataFrame) -> float:
    """The effect at which the colours end."""
    sure = states.loc[states["clear"], "effect"].abs()
    return float(sure.quantile(REACH)) if len(sure) else 1.0


def shades_of(states: pd.DataFrame) -> dict[str, Any]:
    """The colour of each state by its code; None where its CI holds zero."""
    at = 0.5 + np.clip(states["effect"] / reach_of(states), -1, 1) / 2
    rows = zip(
        states["code"],
        style.effect_colours()(at.to_numpy(float)),
        states["clear"],
        strict=True,
    )
    return {code: tuple(shade) if sure else None for code, shade, sure in rows}


def _page(table: pd.DataFrame) -> list[style.Axes]:
    left, right, bottom, top = table.attrs["layout"].box
    return style.panels(12.0, 2.0 + min(11.6 * (top - bottom) / (right - left), 8.5))


@style.figure(
    "map",
    "Whose agreements does the event change, on a map?",
    map_table,
    page=_page,
    more={"states": states_table},
    listed="states",
    fits=has_dyads,
    empty=NONE,
    columns="code name effect lo hi",
    rows=states_by_size,
)
def draw_map(
    axes: list[style.Axes], table: pd.DataFrame, states: pd.DataFrame
) -> style.Words:
    """States coloured by their effect where its CI excludes zero, participants
    outlined, arcs of `map_table`; dots for states too small for the atlas, and for
    invented ones. states: of `states_table`."""
    ax, layout, shades = axes[0], table.attrs["layout"], shades_of(states)
    colour = {
        code: style.UNCLEAR if shade is None else shade
        for code, shade in shades.items()
    }
    known, marked = (
        states[states["code"].isin(list(layout.spots))],
        states.loc[states["participant"], "code"],
    )
    world = layout.kind == "world"
    if world:
        draw_land(ax, layout, colour, set(marked))
    dots = known[~known["code"].isin(list(atlas.by_iso3()))] if world else known
    if len(dots):
        x, y = zip(*(layout.spots[code] for code in dots["code"]), strict=True)
        edges = [2.4 if code in set(marked) else 0.8 for code in dots["code"]]
        fills = [colour[code] for code in dots["code"]]
        ax.scatter(
            x,
            y,
            s=60 if world else 420,
            c=fills,
            edgecolors=style.INK,
            linewidths=edges,
            zorder=4.5,
        )
    arcs = table[table["arc"]]
    draw_arcs(ax, arcs, layout)
    left, right, bottom, top = layout.box
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    draw_names(ax, arcs, known, layout)
    ax.set_axis_off()
    _key(ax, reach_of(states), world=world)
    under = f"Effects on expected new security agreements {style.within(table)}. "
    under += "Black outline, bold: participants of the event"
    if len(arcs):
        under += f". Arcs: the {len(arcs)} dyads that change most, wider where more; dashed: fewer"
    lost = sorted(set(states["name"]) - set(known["name"]))
    where = (
        atlas.CAPTION
        if world
        else "The places are invented: where they stand here means nothing."
    )
    told = (
        f"{style.runs_of(table)}. Control: {say.first(table, 'control')}. {say.CAVEAT} {where}"
        + (f" Without a place: {', '.join(lost)}." if lost else "")
    )
    return style.Words(map_title(table, states), under, told, 96, 160)


def _key(ax: style.Axes, reach: float, *, world: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    scale = ScalarMappable(Normalize(-reach, reach), style.effect_colours())
    bar = style.owner(ax).colorbar(
        scale,
        ax=ax,
        location="bottom",
        shrink=0.4,
        aspect=45,
        pad=0.01,
        extend="both",
        extendfrac=0.03,
    )
    bar.locator = MaxNLocator(5)
    bar.outline.set_edgecolor("#999999")
    grey = "light grey: the 95 % CI holds zero" + (
        "; dark grey: not in the model" if world else ""
    )
    told = f"effect on a state's expected new security agreements ({grey})"
    bar.set_label(told, fontsize=style.SMALL, color=style.QUIET)


def draw_land(
    ax: style.Axes, layout: Layout, colour: dict[str, Any], outlined: set[str]
) -> None:
    """Every country of the atlas but Antarctica; grey where it is not in the roster.
    outlined: codes in black lines."""
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    left, right, bottom, top = layout.box
    ax.add_patch(
        Rectangle(
            (left, bottom),
            right - left,
            top - bottom,
            facecolor=SEA,
            linewidth=0,
            zorder=0,
        )
    )
    iso3 = {
        of.numeric: code for code, of in code_table().items() if of.numeric is not None
    }
    for country in atlas.countries():
        if country.numeric == atlas.ANTARCTICA:
            continue
        corners, codes = [], []
        for px, py in rings_inside(country, layout):
            corners += [*zip(px, py, strict=True), (px[0], py[0])]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(px) - 1), Path.CLOSEPOLY]
        code = iso3.get(country.numeric, "") if country.numeric is not None else ""
        in_roster, marked = code in colour, code in outlined
        looks: dict[str, Any] = {
            "facecolor": colour.get(code, LAND),
            "zorder": 1 + in_roster + 0.5 * marked,
        }
        looks |= (
            {"edgecolor": style.INK, "linewidth": 1.5} if marked else {"linewidth": 0.5}
        )
        looks.setdefault("edgecolor", "#8a8a8a" if in_roster else "white")
        if corners:
            ax.add_artist(
                PathPatch(
                    Path(corners, codes), gid=f"land-{code or country.name}", **looks
                )
            )


def draw_arcs(ax: style.Axes, arcs: pd.DataFrame, layout: Layout) -> None:
    """Great circles, or bent lines: wider where the effect is further from zero, dashed
    where it is below."""
    most = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    for row in arcs.sort_values("effect", key=abs, kind="stable").to_dict("records"):
        width = 0.9 + 2.8 * abs(row["effect"]) / most
        colour, dashes = (
            ("#00304D", "-") if row["effect"] > 0 else (style.VERMILION, (0, (3, 1.5)))
        )
        for x, y in layout.arc(row["a"], row["b"]):
            ax.plot(
                x,
                y,
                color="white",
                linewidth=width + 1.4,
                alpha=0.75,
                zorder=3,
                solid_capstyle="round",
            )
            ax.plot(
                x,
                y,
                color=colour,
                linestyle=dashes,
                linewidth=width,
                alpha=0.9,
                zorder=4,
            )


def draw_names(
    ax: style.Axes, arcs: pd.DataFrame, known: pd.DataFrame, layout: Layout
) -> None:
    """Names where `named_spots` has them; dots at the ends of arcs."""
    ends = sorted({*arcs["a"], *arcs["b"]})
    if layout.kind == "world" and ends:
        spots = np.array([layout.spots[code] for code in ends])
        ax.plot(spots[:, 0], spots[:, 1], "o", color=style.INK, markersize=3, zorder=5)
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.7}
    looks: dict[str, Any] = {
        "fontsize": style.SMALL,
        "ha": "center",
        "va": "center",
        "bbox": box,
        "zorder": 6,
    }
    for name, x, y, bold in named_spots(arcs, known, layout, LETTER, ROW):
        ax.text(x, y, name, fontweight="bold" if bold else "normal", **looks)


def named_spots(
    arcs: pd.DataFrame, states: pd.DataFrame, layout: Layout, letter: float, row: float
) -> list[tuple[str, float, float, bool]]:
    """Names and the middle of each: of the participants, in bold, of the states at the
    ends of arcs, then of those that change most, none on top of another; in a layout of
    invented places of all that have room.

    letter, row: width of a letter and height of a line, of the width of the map."""
    left, right, bottom, top = layout.box
    wide, ends = (
        right - left,
        pd.concat([arcs["a"], arcs["b"]]).value_counts(sort=False),
    )
    known = states[states["code"].isin(list(layout.spots))]
    rows = known.assign(
        ends=[int(ends.get(code, 0)) for code in known["code"]],
        far=known["effect"].abs(),
    )
    rows = rows.sort_values(
        ["participant", "ends", "clear", "far", "code"],
        ascending=[False, False, False, False, True],
        kind="stable",
    )
    world = layout.kind == "world"
    taken: list[
        tuple[float, float, float]
    ] = []  # middle, and half the width of the words
    out: list[tuple[str, float, float, bool]] = []
    for one in rows.head(MOST_NAMES if world else len(rows)).to_dict("records"):
        x, y = layout.spots[one["code"]]
        bold = bool(one["participant"])
        half = 0.5 * letter * wide * len(str(one["name"])) * (1.1 if bold else 1.0)
        high, across = 0.9 * row * wide, half + 0.009 * wide
        down = high if world else 2 * high
        for dx, dy in (
            (0.0, -down),
            (0.0, down),
            (across, 0.0),
            (-across, 0.0),
            (across, -high),
            (-across, -high),
        ):
            u, v = x + dx, y + dy
            inside = (
                left + half < u < right - half
                and bottom + 0.5 * high < v < top - 0.5 * high
            )
            if inside and all(
                abs(u - p) > half + other or abs(v - q) > 1.02 * row * wide
                for p, q, other in taken
            ):
                out.append((str(one["name"]), u, v, bold))
                taken.append((u, v, half))
                break
    return out

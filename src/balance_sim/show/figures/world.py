"""Map of the effect: whose expected agreements the event changes, and arcs for the
dyads that change most."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

LAND, SEA, NAVY = "#d3d3d3", "#f3f6f8", "#00304D"
MOST_ARCS, MOST_NAMES = 12, 24
LETTER, ROW = 0.0064, 0.0165
"""Width of a letter and height of a line, of the width of the map."""
REACH = 0.9
"""Quantile of the effects on states at which the colours end: few larger ones must not
leave the others pale."""
FEWER_DASHES = (0, (3, 1.5))

# -- tables ----------------------------------------------------------------------------


def map_table(result: Result) -> pd.DataFrame:
    """One row a dyad: its filtered effect with 95 % CI, and arc: drawn, since the CI
    excludes zero, both states have a place, and fewer than MOST_ARCS are further from
    zero, ties by the codes."""
    dyads = dyads_table(result)
    if dyads.empty:
        return dyads
    layout = layout_of(result.scenario)
    places = list(layout.spots)
    placed = dyads["a"].isin(places) & dyads["b"].isin(places)
    arcs = by_size(dyads[dyads["clear"] & placed]).index[:MOST_ARCS]
    dyads = dyads.assign(arc=dyads.index.isin(arcs))
    dyads.attrs["layout"] = layout
    return dyads


def map_title(table: pd.DataFrame, states: pd.DataFrame) -> str:
    """The finding: how many states gain and lose, and which most."""
    name, sure = say.first(table, "treatment"), states[states["clear"]]
    if sure.empty:
        return f"{name}: no state's expected security agreements change detectably"
    gains, losses = sure[sure["effect"] > 0], sure[sure["effect"] < 0]
    sides = [
        (rows, verb, rows.iloc[int(rows["effect"].abs().to_numpy().argmax())])
        for rows, verb in ((gains, "gain"), (losses, "lose"))
        if len(rows)
    ]
    places = max(say.digits(float(top["effect"])) for _, _, top in sides)
    pieces = []
    for rows, verb, top in sides:
        size = say.signed(float(top["effect"]), places)
        if len(rows) == 1:
            pieces.append(f"{top['name']} {verb}s security agreements ({size})")
        else:
            count = say.plural(len(rows), "state")
            largest = f"{top['name']} most ({size})"
            pieces.append(f"{count} {verb} security agreements, {largest}")
    return f"{name}: {'; '.join(pieces)}"


def states_by_size(states: pd.DataFrame) -> pd.DataFrame:
    """States whose CI excludes zero first, then by the size of their effect."""
    keyed = states.assign(size=states["effect"].abs())
    ordered = keyed.sort_values(
        ["clear", "size", "code"], ascending=[False, False, True], kind="stable"
    )
    return ordered.drop(columns="size")


def reach_of(states: pd.DataFrame) -> float:
    """The effect at which the colours end."""
    sizes = states.loc[states["clear"], "effect"].abs()
    return float(sizes.quantile(REACH)) if len(sizes) else 1.0


def shades_of(states: pd.DataFrame) -> dict[str, Any]:
    """The colour of each state by its code; None where its CI holds zero."""
    places = 0.5 + np.clip(states["effect"] / reach_of(states), -1, 1) / 2
    shades = style.effect_colours()(places.to_numpy(float))
    rows = zip(states["code"], shades, states["clear"], strict=True)
    return {code: tuple(shade) if sure else None for code, shade, sure in rows}


# -- drawing ---------------------------------------------------------------------------


def _page(table: pd.DataFrame) -> list[style.Axes]:
    left_edge, right, bottom, top = table.attrs["layout"].box
    return style.panels(
        12.0, 2.0 + min(11.6 * (top - bottom) / (right - left_edge), 8.5)
    )


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
    invented ones.

    states : of `states_table`
    """
    ax, layout = axes[0], table.attrs["layout"]
    colours = {
        code: style.UNCLEAR if shade is None else shade
        for code, shade in shades_of(states).items()
    }
    placed = states[states["code"].isin(list(layout.spots))]
    is_world = layout.kind == "world"
    dots = placed
    if is_world:
        participants = set(states.loc[states["participant"], "code"])
        draw_land(ax, layout, colours, participants)
        dots = placed[~placed["code"].isin(list(atlas.by_iso3()))]
    if len(dots):
        _draw_dots(ax, dots, layout, colours)
    arcs = table[table["arc"]]
    draw_arcs(ax, arcs, layout)
    left_edge, right, bottom, top = layout.box
    ax.set(xlim=(left_edge, right), ylim=(bottom, top), aspect="equal")
    draw_names(ax, arcs, placed, layout)
    ax.set_axis_off()
    _draw_key(ax, reach_of(states), is_world=is_world)
    under = (
        f"Effects on expected new security agreements {style.within(table)}. Black "
        "outline, bold: participants of the event"
    )
    if len(arcs):
        under += (
            f". Arcs: the {len(arcs)} dyads that change most, wider where more; "
            "dashed: fewer"
        )
    places = "The places are invented: where they stand here means nothing."
    if is_world:
        places = atlas.CAPTION
    runs, control = style.runs_of(table), say.first(table, "control")
    small = f"{runs}. Control: {control}. {say.CAVEAT} {places}"
    missing = sorted(set(states["name"]) - set(placed["name"]))
    if missing:
        small += f" Without a place: {', '.join(missing)}."
    return style.Words(map_title(table, states), under, small, 96, 160)


def _draw_dots(
    ax: style.Axes, states: pd.DataFrame, layout: Layout, colours: Mapping[str, Any]
) -> None:
    """A dot a state, participants with a wide edge."""
    spots = np.array([layout.spots[code] for code in states["code"]])
    fills = [colours[code] for code in states["code"]]
    widths = [2.4 if marked else 0.8 for marked in states["participant"]]
    size = 60 if layout.kind == "world" else 420
    looks: dict[str, Any] = {"c": fills, "edgecolors": style.INK, "zorder": 4.5}
    ax.scatter(spots[:, 0], spots[:, 1], s=size, linewidths=widths, **looks)


def _draw_key(ax: style.Axes, reach: float, *, is_world: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    scale = ScalarMappable(Normalize(-reach, reach), style.effect_colours())
    sizing: dict[str, Any] = {"shrink": 0.4, "aspect": 45, "pad": 0.01}
    sizing |= {"extend": "both", "extendfrac": 0.03}
    bar = style.owner(ax).colorbar(scale, ax=ax, location="bottom", **sizing)
    bar.locator = MaxNLocator(5)
    bar.outline.set_edgecolor("#999999")
    greys = "light grey: the 95 % CI holds zero"
    if is_world:
        greys += "; dark grey: not in the model"
    label = f"effect on a state's expected new security agreements ({greys})"
    bar.set_label(label, fontsize=style.SMALL, color=style.QUIET)


def draw_land(
    ax: style.Axes,
    layout: Layout,
    colours: Mapping[str, Any],
    outlined: Collection[str],
) -> None:
    """Every country of the atlas but Antarctica; grey where it is not in the roster.
    outlined: codes in black lines."""
    from matplotlib.patches import PathPatch, Rectangle

    left_edge, right, bottom, top = layout.box
    looks: dict[str, Any] = {"facecolor": SEA, "linewidth": 0, "zorder": 0}
    ax.add_patch(
        Rectangle((left_edge, bottom), right - left_edge, top - bottom, **looks)
    )
    codes = {row.numeric: code for code, row in code_table().items()}
    codes.pop(None, None)
    for country in atlas.countries():
        rings = rings_inside(country, layout)
        if country.numeric == atlas.ANTARCTICA or not rings:
            continue
        code = codes.get(country.numeric, "")
        in_roster, is_outlined = code in colours, code in outlined
        looks = {"facecolor": colours.get(code, LAND), "linewidth": 0.5}
        looks["edgecolor"] = "#8a8a8a" if in_roster else "white"
        if is_outlined:
            looks |= {"edgecolor": style.INK, "linewidth": 1.5}
        height = 1 + in_roster + 0.5 * is_outlined
        gid = f"land-{code or country.name}"
        ax.add_artist(PathPatch(_path(rings), gid=gid, zorder=height, **looks))


def _path(rings: list[tuple[Any, Any]]) -> Any:
    """Closed rings as one path."""
    from matplotlib.path import Path

    corners, commands = [], []
    for x, y in rings:
        ring = np.column_stack([x, y])
        corners.append(np.concatenate([ring, ring[:1]]))
        lines = [Path.LINETO] * (len(ring) - 1)
        commands += [Path.MOVETO, *lines, Path.CLOSEPOLY]
    return Path(np.concatenate(corners), commands)


def draw_arcs(ax: style.Axes, arcs: pd.DataFrame, layout: Layout) -> None:
    """Great circles, or bent lines: wider where the effect is further from zero, dashed
    where it is below."""
    largest = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    ordered = arcs.sort_values("effect", key=abs, kind="stable")
    halo: dict[str, Any] = {"color": "white", "alpha": 0.75, "zorder": 3}
    for row in ordered.to_dict("records"):
        width = 0.9 + 2.8 * abs(row["effect"]) / largest
        looks: dict[str, Any] = {"color": NAVY, "linestyle": "-"}
        if row["effect"] <= 0:
            looks = {"color": style.VERMILION, "linestyle": FEWER_DASHES}
        for x, y in layout.arc(row["a"], row["b"]):
            ax.plot(x, y, linewidth=width + 1.4, solid_capstyle="round", **halo)
            ax.plot(x, y, linewidth=width, alpha=0.9, zorder=4, **looks)


def draw_names(
    ax: style.Axes, arcs: pd.DataFrame, states: pd.DataFrame, layout: Layout
) -> None:
    """Names where `named_spots` has them; dots at the ends of arcs."""
    ends = sorted({*arcs["a"], *arcs["b"]})
    if layout.kind == "world" and ends:
        spots = np.array([layout.spots[code] for code in ends])
        ax.plot(spots[:, 0], spots[:, 1], "o", color=style.INK, markersize=3, zorder=5)
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.7}
    looks: dict[str, Any] = {"fontsize": style.SMALL, "bbox": box, "zorder": 6}
    looks |= {"ha": "center", "va": "center"}
    for name, x, y, bold in named_spots(arcs, states, layout, LETTER, ROW):
        ax.text(x, y, name, fontweight="bold" if bold else "normal", **looks)


# -- names -----------------------------------------------------------------------------


def named_spots(
    arcs: pd.DataFrame, states: pd.DataFrame, layout: Layout, letter: float, row: float
) -> list[tuple[str, float, float, bool]]:
    """Names and the middle of each: of the participants, in bold, of the states at the
    ends of arcs, then of those that change most, none on top of another; in a layout of
    invented places of all that have room.

    letter, row : width of a letter and height of a line, of the width of the map
    """
    left_edge, right, bottom, top = layout.box
    width = right - left_edge
    line, is_world = row * width, layout.kind == "world"
    taken: list[tuple[float, float, float]] = []  # middle, and half the width of words
    names: list[tuple[str, float, float, bool]] = []
    candidates = _by_rank(arcs, states[states["code"].isin(list(layout.spots))])
    if is_world:
        candidates = candidates.head(MOST_NAMES)
    for state in candidates.to_dict("records"):
        name, bold = str(state["name"]), bool(state["participant"])
        half = 0.5 * letter * width * len(name) * (1.1 if bold else 1.0)
        x, y = layout.spots[state["code"]]
        for dx, dy in _offsets(half + 0.009 * width, 0.9 * line, is_world=is_world):
            u, v = x + dx, y + dy
            is_inside = (
                left_edge + half < u < right - half
                and bottom + 0.45 * line < v < top - 0.45 * line
            )
            is_free = all(
                abs(u - other_u) > half + other_half or abs(v - other_v) > 1.02 * line
                for other_u, other_v, other_half in taken
            )
            if is_inside and is_free:
                names.append((name, u, v, bold))
                taken.append((u, v, half))
                break
    return names


def _by_rank(arcs: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """States in the order in which they are named: participants, those at the ends of
    most arcs, those that change most."""
    ends = pd.concat([arcs["a"], arcs["b"]]).value_counts(sort=False)
    ranked = states.assign(
        ends=[int(ends.get(code, 0)) for code in states["code"]],
        size=states["effect"].abs(),
    )
    order = ["participant", "ends", "clear", "size", "code"]
    ascending = [False, False, False, False, True]
    return ranked.sort_values(order, ascending=ascending, kind="stable")


def _offsets(
    across: float, height: float, *, is_world: bool
) -> list[tuple[float, float]]:
    """Where a name may stand, from its state: below, above, beside, aslant."""
    down = height if is_world else 2 * height
    return [
        (0.0, -down),
        (0.0, down),
        (across, 0.0),
        (-across, 0.0),
        (across, -height),
        (-across, -height),
    ]

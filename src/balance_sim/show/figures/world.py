"""World map of the effect: whose expected agreements the event changes, and arcs for the dyads that change most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.scenario.actors import code_table
from balance_sim.show import atlas
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.dyads import NONE, has_dyads, pairs_table, places_of, states_table
from balance_sim.show.headline import by_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from balance_sim.results.result import Result

LAND, SEA = "#c9c9c9", "#f3f6f8"
SOUTH, NORTH = -58.0, 84.0
MOST_ARCS, MOST_NAMES = 16, 14
LETTER = 0.036  # width of a letter, of the map, which is 5.4 wide
PLACES = ["longitude_a", "latitude_a", "longitude_b", "latitude_b"]


def map_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a dyad: its filtered effect with 95 % CI, the places of both states (degrees; NaN: unknown), and arc.

    arc: drawn, since the CI excludes zero and at most MOST_ARCS are further from zero, ties by the codes."""
    dyads = pairs_table(result, arm)
    if dyads.empty:
        return dyads
    places = places_of(result.scenario)
    for side in ("a", "b"):
        dyads[f"longitude_{side}"] = [places[code][0] for code in dyads[side]]
        dyads[f"latitude_{side}"] = [places[code][1] for code in dyads[side]]
    placed = dyads[PLACES].notna().all(axis=1)
    return dyads.assign(arc=dyads.index.isin(by_size(dyads[dyads["clear"] & placed]).index[:MOST_ARCS]))


def map_title(table: pd.DataFrame, states: pd.DataFrame) -> str:
    """The finding: how many states gain and lose, and which most."""
    name, sure = say.first(table, "treatment"), states[states["clear"]]
    if sure.empty:
        return f"{name}: no state's expected security agreements change detectably"
    told = []
    for part, way in ((sure[sure["effect"] > 0], "gain"), (sure[sure["effect"] < 0], "lose")):
        if len(part):
            top = part.iloc[int(part["effect"].abs().to_numpy().argmax())]
            size = say.signed(float(top["effect"]), say.digits(float(top["effect"])))
            several = f"{say.plural(len(part), 'state')} {way} security agreements, {top['name']} most ({size})"
            told.append(several if len(part) > 1 else f"{top['name']} {way}s security agreements ({size})")
    return f"{name}: {'; '.join(told)}"


@style.figure(
    "map", "Whose agreements does the event change, on a map?", map_table, page=lambda _: style.panels(12.0, 6.6),
    more={"states": states_table}, listed="states", fits=has_dyads, empty=NONE,
)  # fmt: skip
def draw_map(axes: list[Axes], table: pd.DataFrame, states: pd.DataFrame) -> style.Words:
    """States coloured by their effect where its CI excludes zero, participants outlined; arcs of `map_table`; dots for
    states too small for the atlas. states: of `states_table`."""
    ax, shade = axes[0], style.effect_colours()
    known = states.dropna(subset=["longitude", "latitude"])
    middle = (atlas.emptiest_meridian(known["longitude"].tolist()) + 360.0) % 360.0 - 180.0
    sure = states.loc[states["clear"], "effect"].abs()
    reach = float(sure.max()) if len(sure) else 1.0
    colour: dict[str, Any] = {
        row["code"]: shade(0.5 + float(row["effect"]) / reach / 2) if row["clear"] else style.UNCLEAR
        for row in states.to_dict("records")
    }
    draw_land(ax, middle, colour, set(states.loc[states["participant"], "code"]))
    small = known[~known["code"].isin(list(atlas.by_iso3()))]
    if len(small):
        spots = [atlas.on_map(*at, middle) for at in zip(small["longitude"], small["latitude"], strict=True)]
        fills = [colour[code] for code in small["code"]]
        x, y = zip(*spots, strict=True)
        ax.scatter(x, y, s=44, c=fills, edgecolors=style.INK, linewidths=0.7, zorder=3)
    arcs = table[table["arc"]]
    draw_arcs(ax, arcs, middle)
    draw_names(ax, arcs, known, middle)
    ax.set_aspect("equal")
    ax.set_axis_off()
    _key(ax, reach)
    window = say.within(int(table["window"].iloc[0]))
    under = f"Effects on expected new security agreements {window}. Black outline: participants"
    if len(arcs):
        under += f". Arcs: the {len(arcs)} dyads that change most, wider where more; dashed: fewer"
    lost = sorted(set(states["name"]) - set(known["name"]))
    told = (
        f"{say.plural(int(table['n'].iloc[0]), 'replication')}. Control: {say.first(table, 'control')}. "
        f"{say.CAVEAT} {atlas.CAPTION}" + (f" Without a place: {', '.join(lost)}." if lost else "")
    )
    return style.Words(map_title(table, states), under, told, 96, 160)


def _key(ax: Axes, reach: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    scale = ScalarMappable(Normalize(-reach, reach), style.effect_colours())
    bar = style.owner(ax).colorbar(scale, ax=ax, location="bottom", shrink=0.4, aspect=45, pad=0.01)
    bar.locator = MaxNLocator(5)
    bar.outline.set_edgecolor("#999999")
    bar.set_label(
        "effect on a state's expected new security agreements (light grey: the 95 % CI holds zero; dark grey: not in "
        "the model)",
        fontsize=style.SMALL, color=style.QUIET,
    )  # fmt: skip


def draw_land(ax: Axes, middle: float, colour: dict[str, Any], outlined: set[str]) -> None:
    """Every country of the atlas but Antarctica; grey where it is not in the roster. outlined: codes in black lines."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    edge = np.concatenate([np.linspace(SOUTH, NORTH, 60), np.linspace(NORTH, SOUTH, 60)])
    x, y = atlas.equal_earth(np.repeat([-180.0, 180.0], 60), edge)
    ax.fill(x, y, color=SEA, linewidth=0)
    ax.autoscale_view()
    iso3 = {of.numeric: code for code, of in code_table().items() if of.numeric is not None}
    for country in atlas.countries():
        if country.numeric == atlas.ANTARCTICA:
            continue
        corners, codes = [], []
        for px, py in atlas.rings_on_map(country, middle):
            corners += [*zip(px, py, strict=True), (px[0], py[0])]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(px) - 1), Path.CLOSEPOLY]
        code = iso3.get(country.numeric) if country.numeric is not None else None
        in_roster, marked = code in colour, code in outlined
        looks: dict[str, Any] = {
            "facecolor": colour.get(code, LAND) if code else LAND,
            "edgecolor": style.INK if marked else "#8a8a8a" if in_roster else "white",
            "linewidth": 1.3 if marked else 0.5,
            "zorder": 1 + in_roster + 0.5 * marked,
        }
        if corners:
            ax.add_artist(PathPatch(Path(corners, codes), gid=f"land-{code or country.name}", **looks))


def draw_arcs(ax: Axes, arcs: pd.DataFrame, middle: float) -> None:
    """Great circles: wider where the effect is further from zero, dashed where it is below."""
    most = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    for row in arcs.sort_values("effect", key=abs, kind="stable").to_dict("records"):
        start, end = ((row[f"longitude_{side}"], row[f"latitude_{side}"]) for side in ("a", "b"))
        way = atlas.great_circle(start, end)
        longitude = (way[:, 0] - middle + 180.0) % 360.0 - 180.0
        cuts = np.flatnonzero(np.abs(np.diff(longitude)) > 180.0) + 1
        width, more = 0.8 + 3.2 * abs(row["effect"]) / most, row["effect"] > 0
        looks: dict[str, Any] = {
            "color": "#00304D" if more else style.VERMILION, "linestyle": "-" if more else (0, (3, 1.5)),
        }  # fmt: skip
        for part in np.split(np.arange(len(way)), cuts):
            x, y = atlas.equal_earth(longitude[part], way[part, 1])
            ax.plot(x, y, color="white", linewidth=width + 1.4, alpha=0.75, zorder=3, solid_capstyle="round")
            ax.plot(x, y, linewidth=width, alpha=0.9, zorder=4, **looks)


def draw_names(ax: Axes, arcs: pd.DataFrame, known: pd.DataFrame, middle: float) -> None:
    """Names of the states at the ends of arcs, those with most of them first; none on top of another."""
    if arcs.empty:
        return
    ends = pd.concat([arcs["a"], arcs["b"]]).value_counts(sort=False)
    order = sorted(ends.index, key=lambda code: (-ends[code], code))
    taken: list[tuple[float, float, float]] = []  # middle, and half the width of the words
    where = known.set_index("code")
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.8}
    spots = [atlas.on_map(where["longitude"][code], where["latitude"][code], middle) for code in order]
    ax.plot([x for x, _ in spots], [y for _, y in spots], "o", color=style.INK, markersize=3.2, zorder=5)
    for code, (x, y) in zip(order[:MOST_NAMES], spots, strict=False):
        name = str(where.loc[code, "name"])
        half = 0.5 * LETTER * len(name)
        at = half + 0.05
        for dx, dy in ((0.0, -0.09), (0.0, 0.09), (at, 0.0), (-at, 0.0), (at, -0.08), (-at, -0.08)):
            u, v = x + dx, y + dy
            if all(abs(u - p) > half + wide + 0.02 or abs(v - q) > 0.095 for p, q, wide in taken):
                ax.text(u, v, name, fontsize=style.SMALL, ha="center", va="center", zorder=6, bbox=box)
                taken.append((u, v, half))
                break

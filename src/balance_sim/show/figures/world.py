"""Map of the effect: whose expected agreements the event changes, and arcs for the
dyads that change most."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from balance_sim.show import atlas
from balance_sim.show import wording as say
from balance_sim.show.atlas import Layout, layout_of
from balance_sim.show.figures import style
from balance_sim.show.figures.dyads import NONE, dyads_table, states_table
from balance_sim.show.headline import by_size, detected
from balance_sim.study.result import Result

LAND, SEA, NAVY = "#d3d3d3", "#f3f6f8", "#00304D"
MOST_ARCS, MOST_NAMES = 12, 24
REACH = 0.9
"""Quantile of the effects on states at which the colours end: few larger ones must not
leave the others pale."""
LABEL = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.7}
"""The box of a name."""


class PlacedName(NamedTuple):
    """A state's name on a map: the middle of its words, and whether it is bold."""

    name: str
    x: float
    y: float
    bold: bool


# -- tables ----------------------------------------------------------------------------


def map_table(result: Result) -> pd.DataFrame:
    """Return the table of dyads with arc: it is drawn, since its CI excludes zero, both
    states have a place, and fewer than MOST_ARCS are further from zero."""
    dyads = dyads_table(result)
    if dyads.empty:
        return dyads
    layout = layout_of(result.scenario)
    is_placed = dyads[["a", "b"]].isin(list(layout.spots)).all(axis=1)
    arcs = by_size(dyads[dyads["clear"] & is_placed]).index[:MOST_ARCS]
    dyads = dyads.assign(arc=dyads.index.isin(arcs))
    dyads.attrs["layout"] = layout
    return dyads


def reach_of(states: pd.DataFrame) -> float:
    """Return the effect at which the colours end, a quantile of the sizes of those
    whose CI excludes zero; 1 where there are none."""
    sizes = states.loc[states["clear"], "effect"].abs()
    return float(sizes.quantile(REACH)) if len(sizes) else 1.0


def shades_of(states: pd.DataFrame) -> dict[str, str]:
    """Return the colour of each state by its code; grey where its CI holds zero."""
    from matplotlib.colors import to_hex

    places = 0.5 + np.clip(states["effect"] / reach_of(states), -1, 1) / 2
    shades = style.effect_colours()(places.to_numpy(float))
    rows = zip(states["code"], shades, states["clear"], strict=True)
    return {
        code: to_hex(shade) if sure else style.UNCLEAR for code, shade, sure in rows
    }


# -- drawing ---------------------------------------------------------------------------


def _page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page for the part of the world that is shown, in its proportions, and no
    higher than a screen.

    It is too low for the whole width: where the width bounds a map of fixed
    proportions, the layout leaves no room for what stands above it."""
    west, east, south, north = table.attrs["layout"].box
    return style.panels(12.0, 1.6 + min(11.6 * (north - south) / (east - west), 8.5))


@style.figure(
    "map",
    "Whose agreements does the event change, on a map?",
    map_table,
    page=_page,
    second=states_table,
    empty=NONE,
    columns="code name effect lo hi",
    rows=by_size,
)
def draw_map(
    axes: list[style.Axes], table: pd.DataFrame, states: pd.DataFrame
) -> style.Words:
    """Draw states coloured by their effect where its CI excludes zero, participants
    outlined, and arcs of `map_table`; dots for states too small for the atlas, and for
    invented ones.

    Parameters
    ----------
    states : of `states_table`
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    ax, layout = axes[0], table.attrs["layout"]
    colours = shades_of(states)
    placed = states[states["code"].isin(list(layout.spots))]
    dots, arcs = placed, table[table["arc"]]
    if layout.is_world:
        participants = set(states.loc[states["participant"], "code"])
        _draw_land(ax, layout, colours, participants)
        dots = placed[~placed["code"].isin(list(atlas.countries()))]
    for state in dots.to_dict("records"):
        x, y = layout.spots[state["code"]]
        (dot,) = ax.plot(x, y, "o", color=colours[state["code"]], zorder=4.5)
        width = 2.4 if state["participant"] else 0.8
        dot.set(markersize=8, markeredgewidth=width, markeredgecolor=style.INK)
    _draw_arcs(ax, arcs, layout)
    west, east, south, north = layout.box
    ax.set(xlim=(west, east), ylim=(south, north), aspect="equal")
    for name, x, y, bold in named_spots(arcs, states, layout, 0.0064):
        weight = "bold" if bold else "normal"
        label = ax.text(x, y, name, ha="center", va="center", fontweight=weight)
        label.set(fontsize=style.SMALL, bbox=LABEL, zorder=6)
    ax.set_axis_off()
    reach = reach_of(states)
    colours_of = ScalarMappable(Normalize(-reach, reach), style.effect_colours())
    words = (
        "effect on a state; light grey: the 95 % CI holds zero; dark: not in the model"
    )
    style.colour_bar(ax, colours_of, words)
    under = (
        f"Effects on expected new security agreements {style.within(table)}. Black "
        "outline, bold: participants of the event"
    )
    under += ". Arcs: the dyads that change most, wider where more; dashed: fewer"
    small = (
        f"{style.runs_of(table)}. Control: {say.first(table, 'control')}. {say.CAVEAT} "
        f"{layout.caption}"
    )
    name = f"{say.first(table, 'treatment')}, {say.first(table, 'values')}"
    title = f"{name}: {detected(states, 'states', 'name')}"
    return style.Words(title, under, small)


def _draw_land(
    ax: style.Axes,
    layout: Layout,
    colours: Mapping[str, str],
    outlined: Collection[str],
) -> None:
    """Draw the sea and every country of the atlas; grey where it is not in the
    roster, in black lines where its code is outlined."""
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    west, east, south, north = layout.box
    sea = Rectangle((west, south), east - west, north - south, facecolor=SEA)
    ax.add_patch(sea)
    for code, shape in atlas.countries().items():
        rings = [Path(ring, closed=True) for ring in layout.on_map(shape)]
        if not rings:
            continue
        land = PathPatch(Path.make_compound_path(*rings), linewidth=0.5)
        land.set(facecolor=colours.get(code, LAND), edgecolor="#8a8a8a")
        if code in outlined:
            land.set(edgecolor=style.INK, linewidth=1.5, zorder=2)
        ax.add_patch(land)


def _draw_arcs(ax: style.Axes, arcs: pd.DataFrame, layout: Layout) -> None:
    """Draw great circles, or bent lines: wider where the effect is further from zero,
    dashed where it is below."""
    largest = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    for row in arcs.sort_values("effect", key=abs, kind="stable").to_dict("records"):
        width = 0.9 + 2.8 * abs(row["effect"]) / largest
        colour, dashes = NAVY, "-"
        if row["effect"] <= 0:
            colour, dashes = style.VERMILION, "--"
        for way in layout.arc(row["a"], row["b"]):
            ax.plot(*way.T, color="white", linewidth=width + 1.4, alpha=0.75, zorder=3)
            ax.plot(*way.T, color=colour, linestyle=dashes, linewidth=width, zorder=4)


def named_spots(
    arcs: pd.DataFrame, states: pd.DataFrame, layout: Layout, letter: float
) -> list[PlacedName]:
    """Return names and the middle of each, none on top of another.

    Named are the participants, in bold, the states at the ends of most arcs, then those
    that change most.

    Parameters
    ----------
    letter : width of a letter, of the width of the map
    """
    west, east, south, north = layout.box
    letter *= east - west
    line = 2.5 * letter
    placed = states[states["code"].isin(list(layout.spots))]
    ends = pd.concat([arcs["a"], arcs["b"]]).value_counts()
    ranked = placed.assign(
        ends=placed["code"].map(ends).fillna(0), size=placed["effect"].abs()
    ).sort_values(
        ["participant", "ends", "clear", "size", "code"],
        ascending=[False, False, False, False, True],
    )
    names: list[PlacedName] = []
    for state in ranked.head(MOST_NAMES).to_dict("records"):
        name, (x, y) = str(state["name"]), layout.spots[state["code"]]
        half = 0.55 * letter * len(name)
        for dx, dy in ((0, -line), (0, line), (half + line, 0), (-half - line, 0)):
            spot = PlacedName(name, x + dx, y + dy, bool(state["participant"]))
            is_inside = west + half < spot.x < east - half and south < spot.y < north
            is_free = all(
                abs(spot.x - neighbour.x) > half + 0.55 * letter * len(neighbour.name)
                or abs(spot.y - neighbour.y) > line
                for neighbour in names
            )
            if is_inside and is_free:
                names.append(spot)
                break
    return names

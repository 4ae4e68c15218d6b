"""Map of the effect: whose expected agreements the event changes, and arcs for the
dyads that change most."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.show import atlas
from balance_sim.show import wording as say
from balance_sim.show.atlas import Layout, Ring, Spot, layout_of
from balance_sim.show.figures import style
from balance_sim.show.figures.dyads import (
    NONE,
    dyads_table,
    estimator_words,
    largest_words,
    states_table,
    total_words,
)
from balance_sim.show.headline import by_size

LAND, SEA, EDGE, NAVY = "#dfe3e8", "#f4f7fa", "#9aa3af", "#0b2f57"
MOST_ARCS, MOST_NAMES, MOST_LISTED = 12, 16, 7
LEAST_SHARE = 0.15
"""Of the largest effect on a dyad, below which a dyad has no arc."""
SHADES = 255
"""Steps of the colours from the lowest effect to the highest."""
LABEL = {"facecolor": "white", "alpha": 0.9, "edgecolor": "none", "pad": 0.6}
"""The box of a name."""
LINE = 0.052
"""Height of a line of the list beside a map, of the map's."""
PLACES = [(x, y) for y in (-1, 1, 0, -2, 2) for x in ((0, 1, -1) if y else (1, -1))]
"""Where a name may stand: to the right and up of its capital, best first."""


class PlacedName(NamedTuple):
    """A state's name on a map: the middle of its words, and whether it is bold."""

    name: str
    x: float
    y: float
    bold: bool


# -- tables ----------------------------------------------------------------------------


def map_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the table of dyads with arc: it is drawn, since its effect is not zero and
    at least LEAST_SHARE of the largest, both states have a place, and fewer than
    MOST_ARCS are further from zero."""
    dyads = dyads_table(result)
    if dyads.empty:
        return dyads
    layout = layout_of(result.scenario)
    is_placed = dyads[["a", "b"]].isin(list(layout.spots)).all(axis=1)
    sizes = dyads["effect"].abs().where(dyads["clear"] & is_placed, 0.0)
    is_large = (sizes > 0) & (sizes >= LEAST_SHARE * sizes.max())
    arcs = by_size(dyads[is_large]).index[:MOST_ARCS]
    dyads = dyads.assign(arc=dyads.index.isin(arcs))
    dyads.attrs["layout"] = layout
    return dyads


def reach_of(states: pd.DataFrame) -> float:
    """Return the effect at which the colours end, the largest that is not zero; 1 where
    there is none."""
    sizes = states.loc[states["clear"], "effect"].abs()
    return float(sizes.max()) if len(sizes) else 1.0


def shades_of(states: pd.DataFrame) -> dict[str, str]:
    """Return the colour of each state by its code: by the square root of its effect,
    so that small ones are seen too; light grey where it is zero."""
    shares = np.clip(states["effect"] / reach_of(states), -1, 1)
    places = 0.5 + np.sign(shares) * np.sqrt(np.abs(shares)) / 2
    steps = np.minimum((SHADES * places.to_numpy(float)).astype(int), SHADES - 1)
    heights, colours = zip(*style.SCALE, strict=True)
    channels = zip(*(bytes.fromhex(colour[1:]) for colour in colours), strict=True)
    levels = [np.interp(steps / (SHADES - 1), heights, ends) for ends in channels]
    shades = np.rint(levels).astype(np.uint8).T
    rows = zip(states["code"], shades, states["clear"], strict=True)
    return {
        code: f"#{shade.tobytes().hex()}" if sure else style.UNCLEAR
        for code, shade, sure in rows
    }


# -- drawing ---------------------------------------------------------------------------


def map_page(_: pd.DataFrame) -> list[style.Axes]:
    """Make a page of a map, and room at its right for a list."""
    axes = style.panels(1, 2, width_ratios=[4.6, 1])
    for ax in axes:
        ax.set_axis_off()
    return axes


@style.figure(
    "map",
    "Whose agreements does the event change?",
    map_table,
    page=map_page,
    second=states_table,
    empty=NONE,
    columns="code name effect lo hi",
    rows=by_size,
)
def draw_map(
    axes: list[style.Axes], table: pd.DataFrame, states: pd.DataFrame
) -> style.Words:
    """Draw states coloured by their effect, participants outlined, and arcs of
    `map_table`; at the right the largest effects in numbers.

    Parameters
    ----------
    states : of `states_table`
    """
    ax, layout, arcs = axes[0], table.attrs["layout"], table[table["arc"]]
    draw_states(ax, layout, states, shades_of(states))
    _draw_arcs(ax, arcs, layout)
    changed = states[states["clear"] | states["participant"]]
    names = named_spots(arcs, changed, layout, 0.0076)
    write_names(ax, names)
    lines: list[style.Label] = []
    for heading, rows, label in (
        ("States", states, "name"),
        ("Dyads", table, "dyad"),
    ):
        shown = by_size(rows[rows["clear"]]).head(MOST_LISTED)
        if len(shown):
            lines.append((0.0, heading, style.QUIET))
        places = say.effect_digits(*shown["effect"])
        for row in shown.to_dict("records"):
            ink = style.BLUE if row["effect"] > 0 else style.readable(style.ORANGE)
            words = f"{say.signed(row['effect'], places)}  {row[label]}"
            lines.append((0.0, words, ink))
    write_list(axes[1], lines)
    under = (
        f"Expected {say.COUNTER} {style.within(table)}: blue more, amber fewer. Arcs: "
        "the dyads that change most. Outlined: participants"
    )
    name = say.first(table, "treatment")
    changes = largest_words(states, "name", "state's total")
    title = f"{name}: {changes}"
    small = (
        f"{total_words(table)} An agreement counts for both of its states. "
        f"{estimator_words(table)}"
    )
    if table["lo"].notna().any():
        small += " A state's CI is as wide as those of its dyads together."
    return style.Words(title, under, f"{small} {layout.caption}")


def draw_states(
    ax: style.Axes,
    layout: Layout,
    states: pd.DataFrame,
    colours: Mapping[str, str],
) -> None:
    """Draw the states of a scenario in their colours, participants outlined, on a map
    of the world, or as dots on a ring; dots too for states too small for the atlas.

    Parameters
    ----------
    states : code, participant
    colours : by code
    """
    placed = states[states["code"].isin(list(layout.spots))]
    dots, size = placed, 13
    if layout.is_world:
        participants = set(states.loc[states["participant"], "code"])
        _draw_land(ax, layout, colours, participants)
        dots, size = placed[~placed["code"].isin(list(atlas.countries()))], 6
    for state in dots.to_dict("records"):
        x, y = layout.spots[state["code"]]
        (dot,) = ax.plot(x, y, "o", color=colours[state["code"]], zorder=4.5)
        width = 2.2 if state["participant"] else 0.7
        dot.set(markersize=size, markeredgewidth=width, markeredgecolor=style.INK)
    west, east, south, north = layout.box
    ax.set(xlim=(west, east), ylim=(south, north), aspect="equal", anchor="NW")


def write_names(
    ax: style.Axes, names: list[PlacedName], inks: Mapping[str, str] | None = None
) -> None:
    """Write names of states on a map, in ink or in a colour of their own."""
    for name, x, y, bold in names:
        weight = "bold" if bold else "normal"
        label = ax.text(x, y, name, ha="center", va="center", fontweight=weight)
        colour = style.readable((inks or {}).get(name, style.INK))
        label.set(fontsize=style.SMALL, bbox=LABEL, zorder=6, color=colour)


def write_list(ax: style.Axes, lines: Sequence[style.Label]) -> None:
    """Write lines (indent, words, colour) one under the other, headings in grey."""
    y = 1.0
    for indent, words, colour in lines:
        is_heading = colour == style.QUIET
        y -= LINE * (0.5 if is_heading and y < 1 else 0.0)
        size = style.SMALL if is_heading else 10.0
        ax.text(indent, y, words, color=colour, fontsize=size, va="top")
        y -= LINE


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
    ax.add_artist(sea)  # the page has bounds of its own: none are looked for
    for code, outline in layout.outlines().items():
        rings = [Path(ring, closed=True) for ring in outline]
        land = PathPatch(Path.make_compound_path(*rings), linewidth=0.5)
        land.set(facecolor=colours.get(code, LAND), edgecolor=EDGE)
        if code in outlined:
            land.set(edgecolor=style.INK, linewidth=1.5, zorder=2)
        ax.add_artist(land)


def _draw_arcs(ax: style.Axes, arcs: pd.DataFrame, layout: Layout) -> None:
    """Draw great circles, or bent lines: wider where the effect is further from zero,
    dashed where it is below."""
    largest = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    for row in arcs.sort_values("effect", key=abs, kind="stable").to_dict("records"):
        width = 0.7 + 1.9 * abs(row["effect"]) / largest
        colour, dashes = NAVY, "-"
        if row["effect"] <= 0:
            colour, dashes = style.readable(style.ORANGE), "--"
        for way in layout.arc(row["a"], row["b"]):
            ax.plot(*way.T, color="white", linewidth=width + 1.4, alpha=0.75, zorder=3)
            ax.plot(*way.T, color=colour, linestyle=dashes, linewidth=width, zorder=4)


def named_spots(
    arcs: pd.DataFrame, states: pd.DataFrame, layout: Layout, letter: float
) -> list[PlacedName]:
    """Return names and the middle of each, none on top of another, each where it hides
    fewest arcs and capitals and is not nearer to the capital of another.

    Named are the participants, in bold, the states at the ends of most arcs, then those
    that change most.

    Parameters
    ----------
    letter : width of a letter, of the width of the map
    """
    west, east, south, north = layout.box
    letter *= east - west
    line = 2.5 * letter
    dyads = zip(arcs["a"], arcs["b"], strict=True)
    capitals = np.array([*layout.spots.values()])
    arcs_drawn = [way for dyad in dyads for way in layout.arc(*dyad)]
    marks = [*arcs_drawn, *capitals[:, None]]
    points = np.concatenate(marks)
    owners = np.repeat(np.arange(len(marks)), [len(mark) for mark in marks])
    names: list[PlacedName] = []
    for state in _ranked(arcs, states, layout).to_dict("records"):
        name, (x, y) = str(state["name"]), layout.spots[state["code"]]
        half = 0.55 * letter * len(name)
        free: list[tuple[int, int, Spot]] = []
        for right, up in PLACES:
            aside = half + line / 2 if right and not up else half / 2
            spot = (x + right * aside, y + up * line)
            is_inside = west + half < spot[0] < east - half and south < spot[1] < north
            is_apart = all(
                abs(spot[0] - other.x) > half + 0.55 * letter * len(other.name)
                or abs(spot[1] - other.y) > line
                for other in names
            )
            if is_inside and is_apart:
                is_hidden = (np.abs(points - spot) < (half, 0.6 * line)).all(axis=1)
                cost = len(np.unique(owners[is_hidden]))
                cost += 3 * _is_nearer_to_another(spot, (x, y), capitals)
                free.append((cost, len(free), spot))
        if free:
            names.append(PlacedName(name, *min(free)[2], bool(state["participant"])))
    return names


def _ranked(arcs: pd.DataFrame, states: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return the states that are to be named, the most important first."""
    placed = states[states["code"].isin(list(layout.spots))]
    ends = pd.concat([arcs["a"], arcs["b"]]).value_counts()
    ranked = placed.assign(
        ends=placed["code"].map(ends).fillna(0), size=placed["effect"].abs()
    )
    order = ["participant", "ends", "clear", "size", "code"]
    down = [False, False, False, False, True]
    return ranked.sort_values(order, ascending=down).head(MOST_NAMES)


def _is_nearer_to_another(spot: Spot, home: Spot, capitals: Ring) -> bool:
    """Whether a name would stand nearer to another capital than to its own.

    Parameters
    ----------
    capitals : (C, 2) places
    """
    nearest = np.hypot(*(capitals - spot).T).min()
    return bool(nearest < 0.99 * np.hypot(*np.subtract(home, spot)))

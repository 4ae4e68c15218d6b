"""World map of the excess: which states make more accords, and arcs for the pairs that can be told from none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from balance_sim.show import atlas
from balance_sim.show.figures.arcs import draw_arcs, draw_names
from balance_sim.show.figures.land import draw_land, on_map
from balance_sim.show.figures.pairs import colours, pairs_table
from balance_sim.show.figures.paper import INK, QUIET, SMALL, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.partners import places_of, states_table
from balance_sim.show.wording import arm_words, number, plural, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

SHARE = 0.01  # excess below which a pair gets no arc
MOST_ARCS = 24
UNSURE = "#ffffff"  # a state whose excess cannot be told from none
COLUMNS = [
    "a", "b", "excess", "lo", "hi", "p", "p_reference", "longitude_a", "latitude_a", "longitude_b", "latitude_b",
    "arc", "n", "arm", "reference", "window",
]  # fmt: skip


def map_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a pair of states: its excess with interval, the places of both (degrees; NaN: unknown), and arc.

    arc: drawn, since the 95 % interval excludes zero and the excess is a percentage point or more either way;
    of more than MOST_ARCS such, those furthest from zero, ties in the order of the codes."""
    pairs = pairs_table(result, arm)
    if pairs.empty:
        return pd.DataFrame(columns=COLUMNS)
    places = places_of(result.scenario)
    for side in ("a", "b"):
        pairs[f"longitude_{side}"] = [places[code][0] for code in pairs[side]]
        pairs[f"latitude_{side}"] = [places[code][1] for code in pairs[side]]
    placed = pairs[["longitude_a", "latitude_a", "longitude_b", "latitude_b"]].notna().all(axis=1)
    shown = pairs[pairs["clear"] & placed & (pairs["excess"].abs() >= SHARE)]
    order = shown.assign(far=shown["excess"].abs()).sort_values(
        ["far", "a", "b"], ascending=[False, True, True], kind="stable"
    )
    pairs["arc"] = pairs.index.isin(order.index[:MOST_ARCS])
    return pairs[COLUMNS]


def map_title(table: pd.DataFrame, states: pd.DataFrame) -> str:
    """The finding: which states, and how many pairs, can be told from none."""
    arm, arcs = arm_words(str(table["arm"].iloc[0])), int(table["arc"].sum())
    if not (table["excess"] != 0).any():
        return f"{arm} changes no pair's share of runs with an accord"
    sure = states[states["clear"]]
    pairs = (
        f"{plural(arcs, 'pair')} {'stands' if arcs == 1 else 'stand'} out" if arcs else "no pair stands out"
    )
    if sure.empty:
        return f"No state's number of new partners in {arm} can be told from that without; {pairs}"
    more, fewer = int((sure["excess"] > 0).sum()), int((sure["excess"] < 0).sum())
    count, what = (more, "more") if more else (fewer, "fewer")
    found = f"{plural(count, 'state')} of {len(states)} {'gets' if count == 1 else 'get'} {what} new partners"
    found += f" and {fewer} fewer" if more and fewer else ""
    top = (
        sure.assign(far=sure["excess"].abs())
        .sort_values(["far", "code"], ascending=[False, True], kind="stable")
        .iloc[0]
    )
    most = f"most {top['code']}, {signed(float(top['excess']), 3)} a run"
    return f"In {arm} {found}, {most}; {pairs}"


@styled
def draw_map(table: pd.DataFrame, states: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """States coloured by their excess where it can be told from none; arcs of `map_table`; dots for small states.

    states: of `states_table`."""
    own = ax is None
    ax = ax if ax is not None else sheet(11.0, 6.0).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no excess to show.")
    known = states.dropna(subset=["longitude", "latitude"])
    middle = (atlas.emptiest_meridian(known["longitude"].tolist()) + 360.0) % 360.0 - 180.0
    reach = max(
        float(states.loc[states["clear"], "excess"].abs().max()) if states["clear"].any() else 0.0, 0.01
    )
    shade = colours()
    colour: dict[str, Any] = {
        row["code"]: shade(0.5 + float(row["excess"]) / reach / 2) if row["clear"] else UNSURE
        for row in states.to_dict("records")
    }
    draw_land(ax, middle, colour)
    shapes = atlas.by_iso3()
    for row in known.to_dict("records"):
        x, y = on_map(row["longitude"], row["latitude"], middle)
        if row["code"] not in shapes:
            ax.plot(
                x, y, "o", markersize=7, color=colour[row["code"]], markeredgecolor=INK, markeredgewidth=0.7
            )
    arcs = table[table["arc"]]
    draw_arcs(ax, arcs, middle)
    draw_names(ax, arcs, known, middle)
    ax.set_aspect("equal")
    ax.set_axis_off()
    _key(ax, reach)
    head(ax, map_title(table, states), _marks(table, arcs), own=own, wrap=90)
    note(ax, _small_print(states, known), own=own, wrap=148)
    return owner(ax)


def _marks(table: pd.DataFrame, arcs: pd.DataFrame) -> str:
    n, window = int(table["n"].iloc[0]), int(table["window"].iloc[0])
    reference = arm_words(str(table["reference"].iloc[0]))
    words = f"New accords within {window} days in {plural(n, 'run')}, over {reference}. "
    if arcs.empty:
        return (
            words
            + f"No arc: no pair's excess is {number(100 * SHARE, 1)} points or more with an interval that excludes zero"
        )
    least = number(100 * float(arcs["excess"].abs().min()), 1)
    return words + (
        f"Arc: the pair's share of runs with an accord differs by {least} points or more and its 95 % interval "
        "excludes zero; dashed: fewer"
    )


def _small_print(states: pd.DataFrame, known: pd.DataFrame) -> str:
    shapes = atlas.by_iso3()
    dots = [code for code in known["code"] if code not in shapes]
    lost = sorted(set(states["code"]) - set(known["code"]))
    words = (
        f"{atlas.CAPTION} Intervals are for each state and pair by itself. Arcs join "
        "the places the scenario gives, most often capitals."
    )
    words += f" Dots: too small for the atlas ({', '.join(dots)})." if dots else ""
    words += f" Without a place: {', '.join(lost)}." if lost else ""
    return words


def _key(ax: Axes, reach: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    scale = ScalarMappable(Normalize(-reach, reach), colours())
    bar = owner(ax).colorbar(scale, ax=ax, location="bottom", shrink=0.4, aspect=45, pad=0.01)
    bar.locator = MaxNLocator(6)
    bar.outline.set_edgecolor("#999999")
    bar.set_label(
        "a state's excess: partners with a new accord, per run (amber: fewer, blue: more). "
        "White: not told from none; grey: not in the roster",
                  fontsize=SMALL, color=QUIET)  # fmt: skip


__all__ = ["draw_map", "map_table", "map_title", "states_table"]

"""World map of the effect: whose expected agreements the event changes, and arcs for the dyads that change most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from balance_sim.show import atlas
from balance_sim.show.figures.arcs import draw_arcs, draw_names
from balance_sim.show.figures.land import draw_land, on_map
from balance_sim.show.figures.pairs import UNCLEAR, colours, pairs_table
from balance_sim.show.figures.paper import INK, QUIET, SMALL, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.partners import places_of, states_table
from balance_sim.show.figures.roles import first
from balance_sim.show.tables import by_size
from balance_sim.show.wording import digits, plural, signed, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

MOST_ARCS = 16
COLUMNS = [
    "a", "b", "name_a", "name_b", "mean_control", "mean", "effect", "lo", "hi", "longitude_a", "latitude_a",
    "longitude_b", "latitude_b", "arc", "n", "arm", "control", "treatment", "window",
]  # fmt: skip


def map_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a dyad: its filtered effect with 95 % CI, the places of both states (degrees; NaN: unknown), and arc.

    arc: drawn, since the CI excludes zero and at most MOST_ARCS are further from zero, ties by the codes."""
    dyads = pairs_table(result, arm)
    if dyads.empty:
        return pd.DataFrame(columns=COLUMNS)
    places = places_of(result.scenario)
    for side in ("a", "b"):
        dyads[f"longitude_{side}"] = [places[code][0] for code in dyads[side]]
        dyads[f"latitude_{side}"] = [places[code][1] for code in dyads[side]]
    placed = dyads[["longitude_a", "latitude_a", "longitude_b", "latitude_b"]].notna().all(axis=1)
    dyads["arc"] = dyads.index.isin(by_size(dyads[dyads["clear"] & placed]).index[:MOST_ARCS])
    return dyads[COLUMNS]


def map_title(table: pd.DataFrame, states: pd.DataFrame) -> str:
    """The finding: how many states gain and lose, and which most."""
    name, sure = first(table, "treatment"), states[states["clear"]]
    if sure.empty:
        return f"{name}: no state's expected security agreements change detectably"
    more, fewer = sure[sure["effect"] > 0], sure[sure["effect"] < 0]
    told = []
    for part, what, way in ((more, "gains", "gain"), (fewer, "loses", "lose")):
        if len(part):
            top = part.iloc[int(part["effect"].abs().to_numpy().argmax())]
            size = signed(float(top["effect"]), digits(float(top["effect"])))
            told.append(
                f"{plural(len(part), 'state')} {way} security agreements, {top['name']} most ({size})"
                if len(part) > 1
                else f"{top['name']} {what} security agreements ({size})"
            )
    return f"{name}: {'; '.join(told)}"


@styled
def draw_map(table: pd.DataFrame, states: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """States coloured by their effect where its CI excludes zero, participants outlined; arcs of `map_table`; dots for
    states too small for the atlas. states: of `states_table`."""
    own = ax is None
    ax = ax if ax is not None else sheet(12.0, 6.6).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no filtered numbers by dyad: there is no effect to show.")
    known = states.dropna(subset=["longitude", "latitude"])
    middle = (atlas.emptiest_meridian(known["longitude"].tolist()) + 360.0) % 360.0 - 180.0
    sure = states.loc[states["clear"], "effect"].abs()
    reach = float(sure.max()) if len(sure) else 1.0
    shade = colours()
    colour: dict[str, Any] = {
        row["code"]: shade(0.5 + float(row["effect"]) / reach / 2) if row["clear"] else UNCLEAR
        for row in states.to_dict("records")
    }
    draw_land(ax, middle, colour, set(states.loc[states["participant"], "code"]))
    shapes = atlas.by_iso3()
    small = known[~known["code"].isin(list(shapes))]
    if len(small):
        spots = [on_map(*spot, middle) for spot in zip(small["longitude"], small["latitude"], strict=True)]
        ax.scatter(
            [x for x, _ in spots], [y for _, y in spots], s=44, c=[colour[code] for code in small["code"]],
            edgecolors=INK, linewidths=0.7, zorder=3,
        )  # fmt: skip
    arcs = table[table["arc"]]
    draw_arcs(ax, arcs, middle)
    draw_names(ax, arcs, known, middle)
    ax.set_aspect("equal")
    ax.set_axis_off()
    _key(ax, reach)
    head(ax, map_title(table, states), _marks(table, arcs), own=own, wrap=96)
    note(ax, _small_print(table, states, known), own=own, wrap=160)
    return owner(ax)


def _marks(table: pd.DataFrame, arcs: pd.DataFrame) -> str:
    window = within(int(table["window"].iloc[0]))
    told = f"Effects on expected new security agreements {window}. Black outline: participants"
    if arcs.empty:
        return told
    return f"{told}. Arcs: the {len(arcs)} dyads that change most, wider where more; dashed: fewer"


def _small_print(table: pd.DataFrame, states: pd.DataFrame, known: pd.DataFrame) -> str:
    lost = sorted(set(states["name"]) - set(known["name"]))
    told = (
        f"{plural(int(table['n'].iloc[0]), 'replication')}. Control: {first(table, 'control')}. "
        f"The CI reflects Monte Carlo error only. {atlas.CAPTION}"
    )
    return told + (f" Without a place: {', '.join(lost)}." if lost else "")


def _key(ax: Axes, reach: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    scale = ScalarMappable(Normalize(-reach, reach), colours())
    bar = owner(ax).colorbar(scale, ax=ax, location="bottom", shrink=0.4, aspect=45, pad=0.01)
    bar.locator = MaxNLocator(5)
    bar.outline.set_edgecolor("#999999")
    bar.set_label(
        "effect on a state's expected new security agreements (light grey: the 95 % CI holds zero; dark grey: not in "
        "the model)",
        fontsize=SMALL, color=QUIET,
    )  # fmt: skip


__all__ = ["draw_map", "map_table", "map_title", "states_table"]

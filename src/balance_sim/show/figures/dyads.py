"""Effects by dyad and by state: a heat map with the dyads that change most."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from balance_sim.model.baseline import classes_of
from balance_sim.scenario.schema import Scenario
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import by_size, clear, detected
from balance_sim.study.result import Result

PARTICIPANTS, OTHERS = "participants", "others"
VALUES = ["mean_control", "mean", "effect", "lo", "hi", "mcse"]
MOST_LISTED = 20  # dyads beside the map
TOP = 98.0
"""Percentile of the absolute effects at which the colours end: few larger ones must not
leave the others pale."""
NONE = "No arm to compare, or no filtered numbers by dyad: there is no effect to show."

# -- tables ----------------------------------------------------------------------------


def state_order(scenario: Scenario) -> dict[str, str]:
    """Return the fixed order of states in figures of dyads, each code with its group.

    First stand those who take part in the focal event, then the groups the scenario
    reports on, then its other groups, then the others. A state stands in the first
    group that holds it, by code.
    """
    groups = scenario.groups
    reported = [name for name in scenario.report.groups if name in groups]
    total = [(PARTICIPANTS, classes_of(scenario).participants)]
    total += [(name, groups[name]) for name in dict.fromkeys([*reported, *groups])]
    total.append((OTHERS, scenario.codes))
    group_of: dict[str, str] = {}
    for name, members in total:
        for code in sorted(set(members) & set(scenario.codes)):
            group_of.setdefault(code, name)
    return group_of


def dyads_table(result: Result) -> pd.DataFrame:
    """Return the effect on every dyad.

    Returns
    -------
    A row a dyad, in the order of `state_order`: names, groups and places (a before b);
    mean, mean_control: expected new security agreements of any direction within the
    longest window, filtered; effect, its 95 % CI and Monte Carlo standard error; clear:
    the CI excludes zero
    """
    arm = result.headline_arm
    if arm is None or not result.finished or result.dyads.empty:
        return pd.DataFrame()
    names, group_of = say.state_names(result.scenario), state_order(result.scenario)
    codes = list(group_of)
    dyads = result.dyads[result.dyads["arm"] == arm]
    by_dyad = {frozenset((row["a"], row["b"])): row for row in dyads.to_dict("records")}
    none = dict.fromkeys(VALUES, 0.0)
    rows = [
        {"a": a, "b": b, "dyad": say.dyad_name(names, a, b)}
        | {key: by_dyad.get(frozenset((a, b)), none)[key] for key in VALUES}
        for a, b in itertools.combinations(codes, 2)
    ]
    table = pd.DataFrame(rows)
    for side in ("a", "b"):
        table[f"name_{side}"] = table[side].map(names)
        table[f"group_{side}"] = table[side].map(group_of)
        table[f"place_{side}"] = table[side].map(codes.index)
    table = table.assign(clear=clear(table), n=result.finished, arm=arm)
    return say.titled(table, result)


def states_table(result: Result) -> pd.DataFrame:
    """Return the effect on every state.

    Returns
    -------
    A row a state: code, name, effect (filtered, on its expected new security agreements
    within the longest window), its 95 % CI, clear (it excludes zero), participant (in
    the focal event)
    """
    arm, states = result.headline_arm, result.scenario.states
    if arm is None or not result.finished:
        return pd.DataFrame(columns=["clear"])
    of_arm = result.states[result.states["arm"] == arm].set_index("state")
    effects = of_arm[["effect", "lo", "hi", "mcse"]].astype(float)
    codes = [state.id for state in states]
    table = effects.reindex(codes, fill_value=0.0).reset_index(names="code")
    table.insert(1, "name", list(say.state_names(result.scenario).values()))
    participants = classes_of(result.scenario).participants
    return table.assign(
        clear=clear(table), participant=table["code"].isin(participants)
    )


# -- drawing ---------------------------------------------------------------------------


@style.figure(
    "pairs",
    "Which dyads?",
    dyads_table,
    empty=NONE,
    page=lambda _: style.panels(15.0, 10.4, 1, 2, width_ratios=[3.1, 1]),
    columns="name_a name_b mean_control mean effect lo hi",
    rows=by_size,
)
def draw_dyads(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw the heat map, both halves, and beside it the dyads with the largest
    effects."""
    _draw_heat(axes[0], table)
    _draw_largest(axes[1], table)
    small = (
        "Effects on a dyad's expected new security agreements of any direction "
        f"{style.within(table)}; {style.runs_of(table)}. Control: "
        f"{say.first(table, 'control')}. Each CI is for one dyad by itself: of dyads "
        f"without an effect about 5 % exclude zero. {say.CAVEAT}"
    )
    name = f"{say.first(table, 'treatment')}, {say.first(table, 'values')}"
    title = f"{name}: {detected(table, 'dyads', 'dyad')}"
    return style.Words(title, "", small)


def _draw_heat(ax: style.Axes, table: pd.DataFrame) -> None:
    """Draw effects of both halves; grey: the CI holds zero. Names stand on both axes,
    groups on the right.

    Parameters
    ----------
    table : of `dyads_table`, a row a dyad, from which both halves are filled
    """
    columns = ["place", "name", "group"]
    sides = [
        table[[f"{name}_{side}" for name in columns]].set_axis(columns, axis=1)
        for side in "ab"
    ]
    states = pd.concat(sides).drop_duplicates("place").sort_values("place")
    count = len(states)
    a, b = table["place_a"].to_numpy(int), table["place_b"].to_numpy(int)
    grid = np.full((count, count), np.nan)
    grid[a, b] = grid[b, a] = table["effect"].where(table["clear"])
    np.fill_diagonal(grid, 0.0)  # white: a state signs nothing with itself
    sizes = np.abs(grid[np.isfinite(grid) & (grid != 0)])
    reach = float(np.percentile(sizes, TOP)) if len(sizes) else 1.0
    image = ax.imshow(grid, style.effect_colours(), vmin=-reach, vmax=reach)
    ax.set_xticks(range(count), states["name"], rotation=90)
    ax.set_yticks(range(count), states["name"])
    ax.tick_params(length=0, pad=2, labelsize=style.SMALL)
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    places = states.groupby("group", sort=False)["place"].agg(["min", "max"])
    for name, (low, high) in places.iterrows():
        if high > low:  # one state says itself who it is
            label = style.folded(say.group_words(str(name)), 14)
            spot = (count - 0.5, (low + high) / 2)
            style.note(ax, label, spot, (6, 0), color=style.QUIET)
    edges = [*(places["min"] - 0.5), count - 0.5]
    ax.hlines(edges, -0.5, count - 0.5, colors=style.QUIET, linewidth=0.8)
    ax.vlines(edges, -0.5, count - 0.5, colors=style.QUIET, linewidth=0.8)
    style.colour_bar(ax, image, "effect on a dyad; grey: the 95 % CI holds zero")


def _draw_largest(ax: style.Axes, table: pd.DataFrame) -> None:
    """Draw the dyads furthest from zero of those that can be detected, with their
    CIs."""
    shown = by_size(table[table["clear"]]).head(MOST_LISTED)
    if shown.empty:
        ax.set_axis_off()
        ax.set_title(say.NO_DYAD, loc="left")
        return
    ax.axvline(0, color=style.INK, linewidth=1)
    heights = style.row_axis(ax, list(shown["dyad"]))
    for y, row in zip(heights, shown.to_dict("records"), strict=True):
        colour = style.BLUE if row["effect"] > 0 else style.ORANGE
        style.whisker(ax, y, row, colour, width=2)
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel("effect, with 95 % CI")
    title = f"The {say.plural(len(shown), 'largest effect')}"
    ax.set_title(title, loc="left", color=style.QUIET)

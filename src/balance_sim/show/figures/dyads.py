"""Effects by dyad and by state: a heat map with the dyads that change most."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.model.baseline import classes_of
from balance_sim.scenario.schema import Scenario
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import by_size, clear
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result

PARTICIPANTS, REST = "participants", "others"
VALUES = ["mean_control", "mean", "effect", "lo", "hi", "mcse"]
MOST_LISTED = 20  # dyads beside the map
TOP = 98.0  # percentile of the absolute effects at which the colours end
NONE = "No arm to compare, or no filtered numbers by dyad: there is no effect to show."


def state_order(scenario: Scenario) -> pd.DataFrame:
    """The fixed order of states in figures of dyads, a row a state: code, group.

    First those who take part in the focal event, then the groups the scenario reports
    on, then its other groups, each in the scenario's order (by name), then the rest. A
    state stands in the first group that holds it, by code."""
    report, groups = scenario.report.groups, scenario.groups
    named = [
        name
        for name in (*report, *(name for name in groups if name not in report))
        if name in groups
    ]
    every = [
        (PARTICIPANTS, classes_of(scenario).participants),
        *((name, groups[name]) for name in named),
    ]
    of: dict[str, str] = {}
    for name, members in (*every, (REST, scenario.codes)):
        of |= {
            code: name
            for code in sorted(set(members) & set(scenario.codes))
            if code not in of
        }
    return pd.DataFrame({"code": list(of), "group": list(of.values())})


def has_dyads(result: Result) -> bool:
    """Whether filtered numbers by dyad were kept, of an arm to compare."""
    return result.headline_arm is not None and not result.dyads.empty


def dyads_table(result: Result) -> pd.DataFrame:
    """One row a dyad, all of them, in the fixed order of `state_order`.

    mean, mean_control: expected new security agreements of any direction within the
    longest window, filtered; effect, its 95 % CI and Monte Carlo standard error; clear:
    the CI excludes zero; place_a < place_b: row and column. Empty where an earlier
    version kept no filtered numbers."""
    arm, levels = result.headline_arm, result.levels
    made = levels.loc[
        levels["outcome"] == Outcome("accords", "all", result.window).name, "mean"
    ]
    if arm is None or not result.finished or (result.dyads.empty and made.gt(0).any()):
        return pd.DataFrame()
    states, names = (
        state_order(result.scenario).to_dict("records"),
        say.state_names(result.scenario),
    )
    dyads = result.dyads[result.dyads["arm"] == arm]
    by_dyad = {frozenset((row["a"], row["b"])): row for row in dyads.to_dict("records")}
    rows = []
    for (i, one), (j, two) in itertools.combinations(enumerate(states), 2):
        a, b = one["code"], two["code"]
        row = by_dyad.get(frozenset((a, b))) or dict.fromkeys(VALUES, 0.0)
        sides = {
            "a": a,
            "b": b,
            "name_a": names[a],
            "name_b": names[b],
            "group_a": one["group"],
        }
        rows.append(
            sides
            | {"group_b": two["group"], "place_a": i, "place_b": j}
            | {k: row[k] for k in VALUES}
        )
    table = pd.DataFrame(rows)
    return say.titled(
        table.assign(clear=clear(table), n=result.finished, arm=arm), result
    )


def states_table(result: Result) -> pd.DataFrame:
    """One row a state: code, name, effect (filtered, on its expected new security
    agreements within the longest window), its 95 % CI, clear (it excludes zero),
    participant (in the focal event), longitude, latitude."""
    arm, states = result.headline_arm, result.scenario.states
    if arm is None or not result.finished:
        return pd.DataFrame(columns=["clear"])
    of_arm = (
        result.states[result.states["arm"] == arm]
        .set_index("state")
        .reindex([state.id for state in states])
    )
    table = (
        of_arm[["effect", "lo", "hi"]]
        .astype(float)
        .fillna(0.0)
        .reset_index(names="code")
    )
    names, taking_part = (
        say.state_names(result.scenario),
        classes_of(result.scenario).participants,
    )
    table.insert(1, "name", list(names.values()))
    return table.assign(
        clear=clear(table),
        participant=table["code"].isin(taking_part),
        longitude=np.array([state.longitude for state in states], float),
        latitude=np.array([state.latitude for state in states], float),
    )


def dyads_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads change detectably, and which most."""
    sure, name = table[table["clear"]], say.first(table, "treatment")
    if sure.empty:
        return f"{name}: no dyad shows a detectable effect"
    top = by_size(sure).iloc[0]
    effect, more = float(top["effect"]), int((sure["effect"] > 0).sum())
    far = f"{say.dyad_name({}, top['name_a'], top['name_b'])}, {say.signed(effect, say.digits(effect))}"
    if len(sure) == 1:
        return f"{name}: one dyad of {len(table):,} changes detectably, {far}"
    told = f"{say.plural(more, 'dyad')} {'becomes' if more == 1 else 'become'} more likely to sign"
    return f"{name}: {told}, {len(sure) - more:,} less; largest effect: {far}"


@style.figure(
    "pairs",
    "Which dyads?",
    dyads_table,
    fits=has_dyads,
    empty=NONE,
    page=lambda _: style.panels(15.0, 10.4, 1, 2, width_ratios=[3.1, 1]),
    columns="name_a name_b mean_control mean effect lo hi",
    download="a b mean_control mean effect lo hi",
    rows=by_size,
)
def draw_dyads(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """The heat map, both halves, and beside it the dyads with the largest effects."""
    _heat(axes[0], table)
    _largest(axes[1], table)
    small = (
        f"Effects on a dyad's expected new security agreements of any direction {style.within(table)}; "
        f"{style.runs_of(table)}. Control: {say.first(table, 'control')}. Each CI is for one dyad by itself: of dyads "
        f"without an effect about 5 % exclude zero. {say.CAVEAT}"
    )
    return style.Words(dyads_title(table), "", small, 118, 190)


def _ordered_states(table: pd.DataFrame) -> pd.DataFrame:
    """Place, name and group of all states, in order."""
    columns = ["place", "name", "group"]
    sides = [
        table[[f"{column}_{side}" for column in columns]].set_axis(columns, axis=1)
        for side in "ab"
    ]
    return pd.concat(sides).drop_duplicates("place").sort_values("place")


def _groups(states: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Runs of states of one group: its name, where it starts and stops."""
    start = 0
    for name, members in itertools.groupby(states["group"]):
        stop = start + len(list(members))
        yield name, start, stop
        start = stop


def _heat(ax: style.Axes, table: pd.DataFrame) -> None:
    """Effects of both halves; grey: the CI holds zero. Names on both axes, the groups
    on the right."""
    states = _ordered_states(table)
    count, names = len(states), list(states["name"])
    i, j = table["place_a"].to_numpy(int), table["place_b"].to_numpy(int)
    grid = np.full((count, count), np.nan)
    grid[i, j] = grid[j, i] = np.where(table["clear"], table["effect"], np.nan)
    np.fill_diagonal(grid, 0.0)  # white: a state signs nothing with itself
    sizes = table.loc[table["clear"], "effect"].abs()
    reach = (
        float(np.percentile(sizes, TOP)) if len(sizes) else 1.0
    )  # few larger ones must not leave the rest pale
    image = ax.imshow(
        grid, cmap=style.effect_colours(), vmin=-reach, vmax=reach, interpolation="none"
    )
    ax.set_xticks(range(count), names, rotation=90)
    ax.set_yticks(range(count), names)
    ax.tick_params(length=0, pad=2, labelsize=style.SMALL)
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    edges: list[float] = []
    for name, start, stop in _groups(states):
        edges += [start - 0.5, stop - 0.5]
        label = (
            style.folded(say.group_words(name), 14) if stop > start + 1 else ""
        )  # one state says itself who it is
        style.note(
            ax, label, (count - 0.5, (start + stop - 1) / 2), (6, 0), color=style.QUIET
        )
    ax.hlines(edges, -0.5, count - 0.5, colors=style.QUIET, linewidth=0.8)
    ax.vlines(edges, -0.5, count - 0.5, colors=style.QUIET, linewidth=0.8)
    ax.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    looks: dict[str, Any] = {
        "shrink": 0.55,
        "aspect": 40,
        "pad": 0.012,
        "extend": "both",
    }
    bar = style.owner(ax).colorbar(image, ax=ax, location="bottom", **looks)
    bar.outline.set_visible(False)
    bar.set_label(
        "effect on expected new security agreements (amber: fewer, blue: more; grey: the 95 % CI holds zero)"
    )


def _largest(ax: style.Axes, table: pd.DataFrame) -> None:
    """The dyads furthest from zero of those that can be detected, with their CIs."""
    shown = by_size(table[table["clear"]]).head(MOST_LISTED)
    if shown.empty:
        style.message(ax, "No dyad shows a detectable effect.")
        return
    ax.axvline(0, color=style.INK, linewidth=1)
    effect, lo, hi = (shown[name].to_numpy(float) for name in ("effect", "lo", "hi"))
    colour = [style.BLUE if value > 0 else style.ORANGE for value in effect]
    dyads = [
        say.dyad_name({}, a, b)
        for a, b in zip(shown["name_a"], shown["name_b"], strict=True)
    ]
    heights = style.row_axis(ax, dyads)
    ax.hlines(heights, lo, hi, colors=colour, linewidth=2)
    ax.scatter(effect, heights, c=colour, s=34, zorder=3)
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel("effect, with 95 % CI")
    title = (
        f"The {len(shown)} largest effects" if len(shown) > 1 else "The largest effect"
    )
    ax.set_title(title, loc="left", color=style.QUIET)

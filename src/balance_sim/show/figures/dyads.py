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

PARTICIPANTS, OTHERS = "participants", "others"
VALUES = ["mean_control", "mean", "effect", "lo", "hi", "mcse"]
MOST_LISTED = 20  # dyads beside the map
TOP = 98.0  # percentile of the absolute effects at which the colours end
NONE = "No arm to compare, or no filtered numbers by dyad: there is no effect to show."

# -- tables ----------------------------------------------------------------------------


def state_order(scenario: Scenario) -> pd.DataFrame:
    """The fixed order of states in figures of dyads, a row a state: code, group.

    First those who take part in the focal event, then the groups the scenario reports
    on, then its other groups, each in the scenario's order (by name), then the others.
    A state stands in the first group that holds it, by code."""
    groups = scenario.groups
    names = [name for name in scenario.report.groups if name in groups]
    names += [name for name in groups if name not in names]
    total = [(PARTICIPANTS, classes_of(scenario).participants)]
    total += [(name, groups[name]) for name in names]
    total.append((OTHERS, scenario.codes))
    group_of: dict[str, str] = {}
    for name, members in total:
        for code in sorted(set(members) & set(scenario.codes)):
            group_of.setdefault(code, name)
    columns = {"code": list(group_of), "group": list(group_of.values())}
    return pd.DataFrame(columns)


def has_dyads(result: Result) -> bool:
    """Whether filtered numbers by dyad were kept, of an arm to compare."""
    return result.headline_arm is not None and not result.dyads.empty


def dyads_table(result: Result) -> pd.DataFrame:
    """One row a dyad, all of them, in the fixed order of `state_order`.

    mean, mean_control: expected new security agreements of any direction within the
    longest window, filtered; effect, its 95 % CI and Monte Carlo standard error; clear:
    the CI excludes zero; place_a < place_b: row and column. Empty where an earlier
    version kept no filtered numbers."""
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    if result.dyads.empty and _has_agreements(result):
        return pd.DataFrame()
    names = say.state_names(result.scenario)
    dyads = result.dyads[result.dyads["arm"] == arm]
    by_dyad = {frozenset((row["a"], row["b"])): row for row in dyads.to_dict("records")}
    zeros = dict.fromkeys(VALUES, 0.0)
    states = state_order(result.scenario).itertuples()
    rows = []
    for first, second in itertools.combinations(states, 2):
        a, b = str(first.code), str(second.code)
        values = by_dyad.get(frozenset((a, b)), zeros)
        row = {
            "a": a,
            "b": b,
            "name_a": names[a],
            "name_b": names[b],
            "group_a": first.group,
            "group_b": second.group,
            "place_a": first.Index,
            "place_b": second.Index,
        }
        rows.append(row | {key: values[key] for key in VALUES})
    table = pd.DataFrame(rows)
    table = table.assign(clear=clear(table), n=result.finished, arm=arm)
    return say.titled(table, result)


def _has_agreements(result: Result) -> bool:
    """Whether any agreement was made in any arm."""
    outcome = Outcome("accords", "all", result.window).name
    levels = result.levels
    return bool(levels.loc[levels["outcome"] == outcome, "mean"].gt(0).any())


def states_table(result: Result) -> pd.DataFrame:
    """One row a state: code, name, effect (filtered, on its expected new security
    agreements within the longest window), its 95 % CI, clear (it excludes zero),
    participant (in the focal event), longitude, latitude."""
    arm, states = result.headline_arm, result.scenario.states
    if arm is None or not result.finished:
        return pd.DataFrame(columns=["clear"])
    of_arm = result.states[result.states["arm"] == arm].set_index("state")
    effects = of_arm.reindex([state.id for state in states])[["effect", "lo", "hi"]]
    table = effects.astype(float).fillna(0.0).reset_index(names="code")
    table.insert(1, "name", list(say.state_names(result.scenario).values()))
    participants = classes_of(result.scenario).participants
    return table.assign(
        clear=clear(table),
        participant=table["code"].isin(participants),
        longitude=np.array([state.longitude for state in states], float),
        latitude=np.array([state.latitude for state in states], float),
    )


def dyads_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads change detectably, and which most."""
    sure, name = table[table["clear"]], say.first(table, "treatment")
    if sure.empty:
        return f"{name}: no dyad shows a detectable effect"
    top = by_size(sure).iloc[0]
    effect = float(top["effect"])
    dyad = say.dyad_name({}, top["name_a"], top["name_b"])
    largest = f"{dyad}, {say.signed(effect, say.digits(effect))}"
    if len(sure) == 1:
        return f"{name}: one dyad of {len(table):,} changes detectably, {largest}"
    suffix = int((sure["effect"] > 0).sum())
    verb = "becomes" if suffix == 1 else "become"
    return (
        f"{name}: {say.plural(suffix, 'dyad')} {verb} more likely to sign, "
        f"{len(sure) - suffix:,} less; largest effect: {largest}"
    )


# -- drawing ---------------------------------------------------------------------------


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
    _draw_heat(axes[0], table)
    _draw_largest(axes[1], table)
    window, runs = style.within(table), style.runs_of(table)
    small = (
        "Effects on a dyad's expected new security agreements of any direction "
        f"{window}; {runs}. Control: {say.first(table, 'control')}. Each CI is for one "
        "dyad by itself: of dyads without an effect about 5 % exclude zero. "
        f"{say.CAVEAT}"
    )
    return style.Words(dyads_title(table), "", small, 118, 190)


def _ordered_states(table: pd.DataFrame) -> pd.DataFrame:
    """Place, name and group of all states, in order."""
    columns = ["place", "name", "group"]
    sides = []
    for side in "ab":
        part = table[[f"{column}_{side}" for column in columns]]
        sides.append(part.set_axis(columns, axis=1))
    return pd.concat(sides).drop_duplicates("place").sort_values("place")


def _groups(states: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Runs of states of one group: its name, where it starts and stops."""
    start = 0
    for name, members in itertools.groupby(states["group"]):
        stop = start + len(list(members))
        yield name, start, stop
        start = stop


def _draw_heat(ax: style.Axes, table: pd.DataFrame) -> None:
    """Effects of both halves; grey: the CI holds zero. Names on both axes, the groups
    on the right."""
    states = _ordered_states(table)
    count, names = len(states), list(states["name"])
    rows, columns = table["place_a"].to_numpy(int), table["place_b"].to_numpy(int)
    effects = np.where(table["clear"], table["effect"], np.nan)
    grid = np.full((count, count), np.nan)
    grid[rows, columns] = effects
    grid[columns, rows] = effects
    np.fill_diagonal(grid, 0.0)  # white: a state signs nothing with itself
    sizes = table.loc[table["clear"], "effect"].abs()
    # A percentile: few larger effects must not leave the others pale.
    reach = float(np.percentile(sizes, TOP)) if len(sizes) else 1.0
    looks: dict[str, Any] = {"cmap": style.effect_colours(), "interpolation": "none"}
    image = ax.imshow(grid, vmin=-reach, vmax=reach, **looks)
    ax.set_xticks(range(count), names, rotation=90)
    ax.set_yticks(range(count), names)
    ax.tick_params(length=0, pad=2, labelsize=style.SMALL)
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    edges: list[float] = []
    for name, start, stop in _groups(states):
        edges += [start - 0.5, stop - 0.5]
        is_single = stop == start + 1  # one state says itself who it is
        label = "" if is_single else style.folded(say.group_words(name), 14)
        place = (count - 0.5, (start + stop - 1) / 2)
        style.note(ax, label, place, (6, 0), color=style.QUIET)
    lines: dict[str, Any] = {"colors": style.QUIET, "linewidth": 0.8}
    ax.hlines(edges, -0.5, count - 0.5, **lines)
    ax.vlines(edges, -0.5, count - 0.5, **lines)
    ax.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    sizing: dict[str, Any] = {"shrink": 0.55, "aspect": 40, "pad": 0.012}
    figure = style.owner(ax)
    bar = figure.colorbar(image, ax=ax, location="bottom", extend="both", **sizing)
    bar.outline.set_visible(False)
    bar.set_label(
        "effect on expected new security agreements (amber: fewer, blue: more; grey: "
        "the 95 % CI holds zero)"
    )


def _draw_largest(ax: style.Axes, table: pd.DataFrame) -> None:
    """The dyads furthest from zero of those that can be detected, with their CIs."""
    shown = by_size(table[table["clear"]]).head(MOST_LISTED)
    if shown.empty:
        style.message(ax, "No dyad shows a detectable effect.")
        return
    ax.axvline(0, color=style.INK, linewidth=1)
    effect, lo, hi = (shown[name].to_numpy(float) for name in ("effect", "lo", "hi"))
    colours = [style.BLUE if value > 0 else style.ORANGE for value in effect]
    names = zip(shown["name_a"], shown["name_b"], strict=True)
    heights = style.row_axis(ax, [say.dyad_name({}, a, b) for a, b in names])
    ax.hlines(heights, lo, hi, colors=colours, linewidth=2)
    ax.scatter(effect, heights, c=colours, s=34, zorder=3)
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel("effect, with 95 % CI")
    title = "The largest effect"
    if len(shown) > 1:
        title = f"The {len(shown)} largest effects"
    ax.set_title(title, loc="left", color=style.QUIET)

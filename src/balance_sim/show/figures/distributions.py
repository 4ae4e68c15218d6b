"""Any outcome, as it is spread over replications: `plot RESULTS --outcome NAME --kind
ecdf|hist|forest|fan`.

Shapes are of what was drawn in each replication, not smoothed and not filtered;
effects, in the title and in `forest`, are paired with the control arm, and filtered
where there is a filtered estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.sweeps import is_number
from balance_sim.show.headline import clear
from balance_sim.study.outcomes import OutcomeType, known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

Floats = npt.NDArray[np.float64]
KINDS = {
    "ecdf": "share of replications with at most so much, a line an arm",
    "hist": "how often each value came, a panel an arm, the control arm behind",
    "forest": (
        "paired effect with its interval, a row an arm; of a sweep, a row a point"
    ),
    "fan": (
        "median, 50 % and 90 % of the control arm over time, and the headline arm's "
        "median"
    ),
}
MOST_ARMS, MOST_POINTS, BINS = 7, 60, 30
OWN = "own_"  # how outcomes of one's own begin
MOST_NEAR = 5  # outcomes that a message names
EFFECT = ["effect", "lo", "hi", "mcse"]
ROWS = ["arm", "title", "role", "value", "n", *EFFECT]
NO_REPLICATION = "No replication finished: there is nothing to show."

# -- which figure ----------------------------------------------------------------------


def spread_of(
    study: Result | SweepResult, outcome: str, kind: str | None = None
) -> style.FigureSpec:
    """The figure of an outcome; of no kind in particular an ECDF, of a sweep a forest.

    study : a run, or, for `forest` alone, a sweep

    Raises
    ------
    WrongRequest : for an unknown outcome or kind
    """
    is_sweep = isinstance(study, SweepResult)
    kind = kind or ("forest" if is_sweep else "ecdf")
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise WrongRequest(
            f"no kind of figure `{kind}`; {near} there are: {listed(KINDS)}"
        )
    if isinstance(study, SweepResult):
        names = sorted(set(study.effects["outcome"]))
        if kind != "forest":
            raise WrongRequest(
                f"`{kind}` is of the replications of one point: name it, as "
                f"{study.folder}@0"
            )
    else:
        names = [name for name in study.by_run.names if not is_filtered(name)]
    if outcome not in names:
        raise WrongRequest(_unknown(outcome, names))
    marks, page = MARKS[kind]
    return style.FigureSpec(
        name=f"{kind}_{outcome}",
        question=f"{say.capital(say.outcome_words(outcome))}: {KINDS[kind]}",
        table=_table_of(study, outcome, kind),
        marks=partial(marks, outcome=outcome),
        page=page,
        empty=NO_REPLICATION,
    )


def _table_of(
    study: Result | SweepResult, outcome: str, kind: str
) -> Callable[[Any], pd.DataFrame]:
    """The function that makes the table of a kind of figure."""
    if isinstance(study, SweepResult):
        return partial(points_table, outcome=outcome)
    if kind == "fan":
        return partial(course_table, course=course_of(study, outcome))
    table = effects_table if kind == "forest" else values_table
    return partial(table, outcome=outcome)


def is_filtered(name: str) -> bool:
    """Whether it is the filtered estimate of an outcome."""
    return name.startswith("filtered_")


def _unknown(outcome: str, names: list[str]) -> str:
    """What to say of an outcome that is not there: the one that was probably meant, or
    the nearest, own ones first."""
    own_names = [name for name in names if name.startswith(OWN)]
    is_own_name = outcome.startswith(OWN)
    advice = (
        did_you_mean(outcome, own_names, 0.0)
        if is_own_name
        else did_you_mean(outcome, names)
    )
    if not advice:
        containing = [name for name in names if outcome in name]
        similar = get_close_matches(outcome, names, MOST_NEAR, 0.0)
        nearest = list(dict.fromkeys([*own_names, *containing, *similar]))[:MOST_NEAR]
        front = "the nearest are"
        if is_own_name and not own_names:
            front = "there are none of one's own. Nearest:"
        advice = "\n  ".join([front, *(shown(name) for name in nearest)])
    return (
        f"unknown outcome `{shown(outcome)}`; {advice}\n"
        f"codebook.csv in the results folder lists all {len(names)}"
    )


# -- tables ----------------------------------------------------------------------------


def values_table(result: Result, outcome: str) -> pd.DataFrame:
    """Tidy: a row a replication and arm, the control arm first: the columns of ROWS;
    missing: not by the horizon."""
    if not result.finished:
        return pd.DataFrame(columns=ROWS)
    frame = result.by_run.frame(outcome)
    effects = effects_table(result, outcome).set_index("arm")
    others = [arm for arm in result.arms[1:] if arm in effects.index]
    others.sort(key=lambda arm: say.role(result, arm) != "headline")
    pieces = []
    for arm in (result.reference, *others[: MOST_ARMS - 1]):
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(float)
        effect = effects.reindex([arm])[EFFECT].iloc[0]
        part = pd.DataFrame({"value": values}).assign(
            arm=arm,
            title=say.arm_title(result.scenario, arm),
            role=say.role(result, arm),
            n=len(values),
            **effect,
        )
        pieces.append(part)
    return pd.concat(pieces, ignore_index=True)[ROWS]


def effects_table(result: Result, outcome: str) -> pd.DataFrame:
    """Tidy: a row an arm but the control arm, the largest effect first: the columns of
    ROWS, value being the effect."""
    effects = result.effects
    if effects.empty:
        return pd.DataFrame(columns=ROWS)
    rows = effects[effects["outcome"] == outcome].rename(columns={"mean": "effect"})
    rows = rows.assign(
        title=[say.arm_title(result.scenario, arm) for arm in rows["arm"]],
        role=[say.role(result, arm) for arm in rows["arm"]],
    )
    return _largest_first(rows).reset_index(drop=True)


def points_table(sweep: SweepResult, outcome: str) -> pd.DataFrame:
    """Tidy: a row a point, the headline arm's effect there; title: the values of its
    factors."""
    effects = sweep.effects
    of_arm = effects["arm"] == sweep.headline_arm
    rows = effects[of_arm & (effects["outcome"] == outcome)]
    paths = [path for path in sweep.paths if path in rows]
    titles = []
    for row in rows.to_dict("records"):
        values = [_value_words(path, row[path]) for path in paths]
        titles.append(", ".join(values) or f"point {row['point']}")
    rows = rows.rename(columns={"mean": "effect"}).assign(title=titles, role="other")
    return _largest_first(rows).head(MOST_POINTS)


def _largest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of ROWS of a table of effects, the largest first."""
    rows = rows.assign(value=rows["effect"])
    ordered = rows.sort_values("effect", ascending=False, kind="stable")
    return ordered.reindex(columns=ROWS)


def _value_words(path: str, value: object) -> str:
    """A factor's value: a number with its name."""
    return f"{say.factor_words(path)} {value:g}" if is_number(value) else str(value)


def course_of(result: Result, name: str) -> str | dict[int, str]:
    """What tells of an outcome over time: of new security agreements their direction,
    for weekly counts; else the outcomes that measure the same at the end of each
    window.

    Raises
    ------
    WrongRequest : where there is only one
    """
    outcome = known_outcome(name)
    assert outcome is not None
    if outcome.measure == "accords" and outcome.of in say.DIRECTIONS:
        return outcome.of
    windows = {}
    for other_name in result.outcome_names:
        second_state = known_outcome(other_name)
        if second_state is None or second_state.window is None:
            continue
        if (second_state.measure, second_state.of) == (outcome.measure, outcome.of):
            windows[second_state.window] = second_state.name
    if len(windows) < 2:
        kinds = listed([kind for kind in KINDS if kind != "fan"])
        raise WrongRequest(
            f"`{name}` is measured once, so it has no course over time; its kinds are: "
            f"{kinds}"
        )
    return dict(sorted(windows.items()))


def course_table(result: Result, course: str | dict[int, str]) -> pd.DataFrame:
    """Tidy: arm, role, day, mean, q05, q25, q50, q75, q95, n of the control and the
    headline arm. course: of `course_of`."""
    if not result.finished:
        return pd.DataFrame()
    if isinstance(course, str):
        table = result.fan(None if course == "all" else course)
    else:
        frame = result.by_run.frame(*course.values())
        pieces = []
        for day, name in course.items():
            by_arm = frame.groupby("arm", sort=False)[name]
            columns = {"mean": by_arm.mean(), "n": by_arm.size()}
            for share in (5, 25, 50, 75, 95):
                columns[f"q{share:02d}"] = by_arm.quantile(share / 100)
            pieces.append(pd.DataFrame(columns).assign(day=day))
        table = pd.concat(pieces).reset_index()
    shown_arms = [result.reference, result.headline_arm]
    return say.titled(table[table["arm"].isin(shown_arms)], result)


# -- drawing ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ArmValues:
    """An arm in a figure: its name, the values of its replications, how it looks."""

    name: str
    values: Floats
    colour: Any
    dashes: Any
    is_control: bool

    @property
    def finite(self) -> Floats:
        """The values that are not missing."""
        return self.values[np.isfinite(self.values)]


def _by_arm(table: pd.DataFrame) -> list[ArmValues]:
    """The arms of a table, in its order."""
    others = iter(style.OTHERS * 2)
    looks: dict[str, Any] = {
        "reference": (style.BASE, "-"),
        "headline": (style.BLUE, style.DASHES),
    }
    arms = []
    for _, rows in table.groupby("arm", sort=False):
        role = say.first(rows, "role")
        is_control = role == "reference"
        title = say.first(rows, "title") + (" (control)" if is_control else "")
        colour, dashes = looks[role] if role in looks else next(others)
        values = rows["value"].to_numpy(float)
        name = style.folded(title, 34)
        arms.append(ArmValues(name, values, colour, dashes, is_control))
    return arms


def edges_of(values: Floats, outcome: str) -> Floats:
    """Edges of bins: one a whole number where the outcome is a count of few, or of the
    user's own and in whole numbers; else BINS over the range.

    >>> edges_of(np.array([1.0, 3.0]), "accords_all_365").tolist()
    [0.5, 1.5, 2.5, 3.5]"""
    finite = values[np.isfinite(values)]
    low, high = 0.0, 1.0
    if len(finite):
        low, high = float(finite.min()), float(finite.max())
    is_whole = bool((finite == np.round(finite)).all())
    is_count = _is_count(outcome) or (is_own(outcome) and is_whole)
    if is_count and high - low <= 2 * BINS:
        return np.arange(np.floor(low) - 0.5, np.floor(high) + 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def is_own(name: str) -> bool:
    """Whether an outcome is one of the user's own, whose unit its author alone
    knows."""
    outcome = known_outcome(name)
    return outcome is not None and outcome.measure == "own"


def _is_count(name: str) -> bool:
    outcome = known_outcome(name)
    return outcome is not None and outcome.declared.type is OutcomeType.COUNT


def _unit(name: str) -> str:
    """The unit of an outcome."""
    if is_own(name):
        return say.outcome_words(name)
    outcome = known_outcome(name)
    return outcome.declared.unit if outcome is not None else ""


def _whole_ticks(ax: style.Axes, outcome: str) -> None:
    """Whole numbers alone on the axis of a count."""
    if _is_count(outcome):
        style.whole_ticks(ax.xaxis, 8)


def _title(table: pd.DataFrame, outcome: str) -> str:
    """Where the middle half of the control arm lies, and the headline arm's effect."""
    subject = say.capital(say.outcome_words(outcome))
    control = table.loc[table["role"] == "reference", "value"].dropna()
    low, high = (float(control.quantile(share)) for share in (0.25, 0.75))
    places = 0 if _is_count(outcome) else say.decimals((high - low) / 10)
    half = say.interval(low, high, places)
    headline = table[table["role"] == "headline"]
    if headline.empty or not np.isfinite(headline["effect"].iloc[0]):
        return f"{subject}: half of the replications lie at {half}"
    row = headline.iloc[0]
    effect = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
    return (
        f"{subject}: half of the control arm's replications lie at {half}; effect "
        f"{effect}"
    )


def _small(table: pd.DataFrame) -> str:
    words = (
        f"As drawn in each replication, not smoothed. Effects are paired. {say.CAVEAT}"
    )
    missing = int(table["value"].isna().sum())
    if missing:
        words += (
            f" In {missing:,} rows it did not come by the horizon: they are left out."
        )
    return words


def draw_ecdf(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """A step line an arm: the share of replications with at most so much."""
    ax = axes[0]
    for arm in _by_arm(table):
        values = np.sort(arm.finite)
        if not len(values):
            continue
        shares = np.arange(len(values) + 1) / len(arm.values)
        looks: dict[str, Any] = {"color": arm.colour, "linestyle": arm.dashes}
        looks |= {"linewidth": 2.6 if arm.is_control else 1.6, "label": arm.name}
        ax.step(np.append(values[:1], values), shares, where="post", **looks)
    style.share_axis(ax, "share of replications\nwith at most so much", 1.02)
    _whole_ticks(ax, outcome)
    ax.set_xlabel(_unit(outcome))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    under = f"{style.runs_of(table)} per arm"
    return style.Words(_title(table, outcome), under, _small(table), wrap=84)


def draw_hist(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """A panel an arm: how many replications have each value; the control arm's outline
    behind."""
    arms = _by_arm(table)
    edges = edges_of(table["value"].to_numpy(float), outcome)
    control = np.histogram(arms[0].finite, edges)[0]
    for ax, arm in zip(axes, arms, strict=False):
        counts = np.histogram(arm.finite, edges)[0]
        ax.stairs(counts, edges, fill=True, color=arm.colour, alpha=0.55)
        if not arm.is_control:
            ax.stairs(control, edges, color=style.INK, linewidth=1.1)
        ax.set_title(arm.name, loc="left")
    for ax in axes[len(arms) :]:
        ax.set_axis_off()
    axes[0].set_ylabel("replications")
    _whole_ticks(axes[0], outcome)
    small = f"{say.capital(_unit(outcome))}. Outline: the control arm. {_small(table)}"
    return style.Words(_title(table, outcome), "", small, wrap=84)


def draw_forest(
    axes: list[style.Axes], table: pd.DataFrame, outcome: str
) -> style.Words:
    """A row an arm, or a point: the paired effect with its 95 % interval."""
    ax, sure = axes[0], clear(table)
    heights = style.row_axis(ax, [style.folded(title, 44) for title in table["title"]])
    ax.axvline(0.0, color=style.INK, linewidth=1.0)
    places = say.decimals(float(table["mcse"].max()), *table["lo"], *table["hi"])
    rows = table.assign(clear=sure).to_dict("records")
    for y, row in zip(heights, rows, strict=True):
        colour = style.INK if row["clear"] else style.BASE
        if row["role"] == "headline":
            colour = style.BLUE
        lo, hi = row["lo"], row["hi"]
        line: dict[str, Any] = {"color": colour, "linewidth": 2.0}
        ax.plot([lo, hi], [y, y], solid_capstyle="butt", **line)
        ax.plot(row["effect"], y, "o", color=colour, markersize=6)
        bounds = say.interval(lo, hi, places)
        style.beside(ax, y, f"{say.signed(row['effect'], places)} ({bounds})")
    ax.set_xlabel(f"effect, {_unit(outcome)}")
    subject = say.capital(say.outcome_words(outcome))
    title = (
        f"{subject}: the 95 % CI of {int(sure.sum())} of {len(table)} effects "
        "excludes zero"
    )
    n = say.plural(int(table["n"].max()), "replication")
    under = f"paired with the control arm over {n}; grey: the interval holds zero"
    return style.Words(title, under, say.CAVEAT, wrap=72)


def draw_course(
    axes: list[style.Axes], table: pd.DataFrame, outcome: str
) -> style.Words:
    """Bands of the control arm's replications over time, its median and the headline
    arm's; names at the right."""
    ax, days, is_count = axes[0], sorted(table["day"].unique()), _is_count(outcome)
    table = table.sort_values("day")
    control = table[table["role"] == "reference"]
    headline = table[table["role"] == "headline"]
    style.bands(ax, control, step="post" if is_count else None)
    marks: dict[str, Any] = {"marker": "o", "markersize": 4}
    if is_count:
        marks = {"drawstyle": "steps-post"}
    labels, ends = list[style.Label](), []
    for rows, colour, dashes, width in (
        (control, style.INK, "-", 2.6),
        (headline, style.BLUE, style.DASHES, 1.6),
    ):
        if rows.empty:
            continue
        looks: dict[str, Any] = {"linestyle": dashes, "linewidth": width}
        ax.plot(rows["day"], rows["q50"], color=colour, **looks, **marks)
        median = float(rows["q50"].iloc[-1])
        ends.append(say.number(median, 0 if is_count else 3))
        words = style.folded(f"{ends[-1]} {say.first(rows, 'title')}", 34)
        labels.append((median, words, colour))
    low, high = ax.get_ylim()
    style.label_ends(ax, float(days[-1]), labels, 0.1 * (high - low))
    unit = style.folded(_unit(outcome), 24)
    ax.set(xlim=(0, float(days[-1])), xlabel="days after the event", ylabel=unit)
    declared = known_outcome(outcome)
    sentence = outcome
    if declared is not None:
        sentence = replace(declared, window=None).sentence.rstrip(".")
    title = f"{sentence}: after {days[-1]} days the median is {ends[0]} in the control"
    if len(ends) > 1:
        title += f", {ends[1]} with the event"
    n = say.plural(int(table["n"].max()), "replication")
    under = (
        f"Lines: medians. Bands: 50 % and 90 % of {n} of the control (spread, not "
        "error)"
    )
    small = "Measured at the end of each window."
    if is_count and len(days) > 4:
        small = "Weekly counts of new security agreements."
    return style.Words(title, under, small, wrap=84)


def _hist_page(table: pd.DataFrame) -> list[style.Axes]:
    rows = -(-table["arm"].nunique() // 3)
    return style.panels(10.6, 1.2 + 2.2 * rows, rows, 3, sharex=True, sharey=True)


MARKS: dict[str, tuple[Callable[..., style.Words], Callable[..., list[style.Axes]]]] = {
    "ecdf": (draw_ecdf, lambda _: style.panels(10.6, 5.4)),
    "hist": (draw_hist, _hist_page),
    "forest": (
        draw_forest,
        lambda table: style.panels(9.6, 1.6 + 0.34 * max(len(table), 3)),
    ),
    "fan": (draw_course, lambda _: style.panels(10.6, 4.8)),
}
"""By kind of figure: the function that draws it, and the one that makes its axes."""

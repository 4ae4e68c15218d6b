"""The effect under each of several studies, theories most often, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.replications.outcomes import FILTERED
from balance_sim.results.result import Result
from balance_sim.show.figures.arms import draw_dots
from balance_sim.show.figures.paper import folded, head, note, nothing, owner, sheet, styled
from balance_sim.show.tables import clear
from balance_sim.show.wording import (
    COUNTER,
    arm_words,
    decimals,
    factor_value,
    factor_words,
    interval,
    number,
    plural,
    signed,
    within,
)
from balance_sim.stats.intervals import Sample, drawn_interval, mean_interval, spread_over, welch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.sweep_result import SweepResult
    from balance_sim.show.comparison import Comparison

STUDIES = [
    "label", "theory", "arm", "reference", "level", "excess", "lo", "hi", "mcse", "differing", "n", "against_first",
    "against_lo", "against_hi", "against_differing", "paired", "window",
]  # fmt: skip
MOST_ROWS = 24
THEORY = "theory.preset"


def studies_table(comparison: Comparison) -> pd.DataFrame:
    """One row a study: mean paired excess of counter-accords of its headline arm, or of the arm named, over its

    reference, within the longest window that all have; level: mean in the reference. against_first: its excess
    less that of the first study, run by run where seeds match, else of independent runs (Welch).
    Sweeps have no excess of their own and no row."""
    every = zip(comparison.names, comparison.sides, comparison.studies, strict=True)
    return _excesses([(name, side.arm, study) for name, side, study in every if isinstance(study, Result)])


def theories_table(sweep: SweepResult) -> pd.DataFrame:
    """The same with a row a point of a sweep that varies the theory, at most MOST_ROWS of them."""
    named: list[tuple[str, str | None, Result]] = []
    for point in sweep.table.numbers()[:MOST_ROWS]:
        values = dict(sweep.table.points[point].values)
        others = [
            f"{factor_words(path)} {factor_value(value)}" for path, value in values.items() if path != THEORY
        ]
        label = ", ".join([arm_words(str(values.get(THEORY, sweep.scenario.theory.preset))), *others])
        named.append((label, None, sweep.point(point)))
    return _excesses(named)


def _excesses(studies: Sequence[tuple[str, str | None, Result]]) -> pd.DataFrame:
    """Rows of (name, arm or None for the headline's, study)."""
    named = [one for one in studies if one[2].finished]
    windows = [set(study.scenario.report.windows) for _, _, study in named]
    common = set.intersection(*windows) if windows else set()
    if not common:
        return pd.DataFrame(columns=STUDIES)
    window, rows, first = max(common), [], None
    outcome = f"accords_counter_{window}"
    for name, wanted, study in named:
        arm = wanted or study.headline_arm
        if arm is None or arm == study.reference:
            continue
        first = first if first is not None else (study, arm)
        study.need(outcome)
        found = study.effects[(study.effects["arm"] == arm) & (study.effects["outcome"] == outcome)].iloc[0]
        levels = study.levels.set_index(["arm", "outcome"])["mean"]
        level = levels[study.reference, outcome]
        differing = float(found["share_positive"] + found["share_negative"])
        numbers = [float(found[key]) for key in ("mean", "lo", "hi", "mcse")]
        front = [name, study.scenario.theory.preset, arm, study.reference, float(level)]
        more = _against(first, (study, arm), outcome)
        rows.append([*front, *numbers, differing, int(found["n"]), *more, window])
    return pd.DataFrame(rows, columns=STUDIES)


def _excess_by_run(study: Result, arm: str, outcome: str) -> tuple[pd.Series[float], float]:
    """The effect by run, and the spread of the outcome itself; of the filtered estimate where there is one."""
    outcome = FILTERED + outcome if FILTERED + outcome in study.by_run.names else outcome
    wide = study.by_run.frame(outcome).pivot(index="run", columns="arm", values=outcome).sort_index()
    wide = wide[[arm, study.reference]].dropna()
    excess: pd.Series[float] = wide[arm] - wide[study.reference]
    return excess, float(spread_over(*wide.to_numpy(float).T)) if len(wide) else 0.0


def _against(first: tuple[Result, str], other: tuple[Result, str], outcome: str) -> list[Any]:
    """The other's mean excess less the first's with its 95 % interval, the share of runs in which it differs (NaN
    if they are not paired), and whether it is paired."""
    (one, of_one), (two, of_two) = (_excess_by_run(*of, outcome) for of in (first, other))
    smooth = all(FILTERED + outcome in study.by_run.names for study, _ in (first, other))
    if first[0].seed == other[0].seed:
        both = one.index.intersection(two.index)
        difference = np.asarray(two.loc[both] - one.loc[both], dtype=np.float64)
        alike = first[0].outcomes.equals(other[0].outcomes) and first[1] == other[1]
        if alike or smooth:
            mean, _, lo, hi = mean_interval(difference)
        else:
            mean, _, lo, hi = drawn_interval(difference, max(of_one, of_two))
        return [mean, lo, hi, float((difference != 0).mean()), True]
    left, right = (Sample.of(np.asarray(series, dtype=np.float64)) for series in (one, two))
    mean, _, lo, hi = welch(left, right)
    return [mean, lo, hi, float("nan"), False]


def studies_title(table: pd.DataFrame) -> str:
    """The finding: of two the difference of their excesses, of more where the excess can be told from none."""
    if len(table) == 2:
        one, two = table.to_dict("records")
        places = decimals(max(float(one["mcse"]), float(two["mcse"])))
        words = " and ".join(f"{signed(row['excess'], places)} in {row['label']}" for row in (one, two))
        far = f"{signed(two['against_first'], places)}; 95 % CI "
        far += interval(two["against_lo"], two["against_hi"], places)
        if not np.isfinite(two["against_lo"]):
            return f"The effect is {words}; there are too few replications to compare the two"
        if two["against_differing"] == 0:
            return f"The effect is the same in every replication: {words}"
        told = two["against_lo"] > 0 or two["against_hi"] < 0
        return f"The effect is {words}; the two {'differ' if told else 'do not differ detectably'} ({far})"
    sure = table[clear(table) & (table["differing"] > 0)]
    words = f"The effect is detectable in {len(sure)} of {len(table)}"
    if sure.empty:
        return words
    top = sure.sort_values("excess", key=abs, ascending=False, kind="stable").iloc[0]
    places = decimals(float(top["mcse"]), float(top["lo"]), float(top["hi"]))
    size = f"{signed(top['excess'], places)} ({interval(top['lo'], top['hi'], places)})"
    return f"{words}; largest: {top['label']}, {size}"


@styled
def draw_studies(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A dot and interval a study, the numbers beside it."""
    own = ax is None
    ax = ax if ax is not None else sheet(9.8, 2.5 + 0.6 * max(len(table), 2)).subplots()
    if table.empty:
        return nothing(
            ax, "No two studies with an arm to compare and a window in common: there is no effect to show."
        )
    dots = table.assign(role="other", effect=table["excess"])
    draw_dots(ax, dots, [_named(row) for row in table.to_dict("records")])
    ax.set_xlabel(f"effect on expected {COUNTER} {within(int(table['window'].iloc[0]))}")
    arms = [
        f"{arm_words(a)} over {arm_words(b)}" for a, b in zip(table["arm"], table["reference"], strict=True)
    ]
    which = arms[0] if len(set(arms)) == 1 else "each study's own arm over its control"
    marks = f"Mean paired effect, {which}, {_runs(table)}. Bars: 95 % CI; open dots: it holds zero"
    head(ax, studies_title(table), marks, own=own, wrap=80)
    note(ax, "Under each name: agreements expected in the control. The CI reflects Monte Carlo error only.",
         own=own, wrap=118)  # fmt: skip
    return owner(ax)


def _named(row: dict[Any, Any]) -> str:
    return f"{folded(str(row['label']), 34)}\n{number(float(row['level']), 1)} in the control"


def _runs(table: pd.DataFrame) -> str:
    least, most = int(table["n"].min()), int(table["n"].max())
    return plural(most, "replication") if least == most else f"{least:,} to {most:,} replications"


@styled
def draw_theories(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """The same picture of the points of a sweep."""
    return draw_studies(table, ax)

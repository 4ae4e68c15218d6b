"""What two studies differ in, as `balance-sim compare` tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.compare import ComparedSide
from balance_sim.show import wording as say
from balance_sim.show.headline import effect_table, untold_words
from balance_sim.stats.intervals import Sample, paired_interval, welch
from balance_sim.study.outcomes import FILTERED, Outcome, known_outcome
from balance_sim.study.result import Result

type Rows = list[list[str]]

HEADS = ["left", "right", "difference", "95 % CI"]
PAIR = ["left_arm", "right_arm"]
"""Columns that say which arms a row compares."""


def effects_sentence(sides: Sequence[ComparedSide], studies: Sequence[Result]) -> str:
    """Return the effect of either study on counter-balancing agreements, and whether
    the two differ; empty where either has no effect, or the two no window in common.

    It is the effect of the arm that is named, else of the headline arm, within the
    longest window that both have.
    """
    pairs = zip(sides, studies, strict=True)
    arms = [side.arm or study.headline_arm for side, study in pairs]
    windows = [set(study.scenario.report.windows) for study in studies]
    common = windows[0] & windows[1]
    have_effects = all(
        study.finished and arm not in (None, study.reference)
        for study, arm in zip(studies, arms, strict=True)
    )
    if not common or not have_effects:
        return ""
    window = max(common)
    outcome, effects = Outcome("accords", "counter", window).name, []
    for side, study, arm in zip(sides, studies, arms, strict=True):
        study.need(outcome)
        table = effect_table(study, [outcome]).set_index("arm")
        effect, bounds, _ = say.effect_cells(table.loc[str(arm)])
        if bounds != "-":
            effect += f" (95 % CI {bounds})"
        effects.append(f"{effect} in {say.printable(side.text)}")
    change, error, lo, hi = _difference_of_effects(
        studies, list(map(str, arms)), outcome
    )
    difference = say.effect_words(change, lo, hi, error)
    if change == lo == hi == 0:
        words = "The two are the same in every replication"
    elif lo > 0 or hi < 0:
        words = f"The two differ ({difference})"
    else:
        row = {"effect": change, "lo": lo, "hi": hi, "mcse": error}
        runs = min(study.finished for study in studies)
        untold = untold_words(pd.DataFrame([row | {"n": runs}]), "their difference")
        words = f"{untold} ({difference})"
    return (
        f"The effect on expected {say.COUNTER} {say.within(window)} is "
        f"{' and '.join(effects)}. {words}."
    )


def _difference_of_effects(
    studies: Sequence[Result], arms: Sequence[str], outcome: str
) -> tuple[float, ...]:
    """Return the second effect less the first, its error, and its 95 % CI.

    With common seeds the same replications are compared one by one, so that the error
    they share drops out (`paired_interval`).
    """
    filtered = FILTERED + outcome
    is_filtered = all(filtered in study.by_run.names for study in studies)
    measured = filtered if is_filtered else outcome
    first, second = (
        _effect_by_run(study, arm, measured)
        for study, arm in zip(studies, arms, strict=True)
    )
    if studies[0].seed != studies[1].seed:
        return welch(Sample.of(first.array), Sample.of(second.array))
    runs = first.index.intersection(second.index)
    values = second.loc[runs].to_numpy(float), first.loc[runs].to_numpy(float)
    is_alike, jump = np.array_equal(*values), 0.0 if is_filtered else 1.0
    return paired_interval(*values, alike=is_alike, least=jump)


def _effect_by_run(result: Result, arm: str, outcome: str) -> pd.Series[Any]:
    """Return the effect of an arm by replication."""
    frame = result.by_run.frame(outcome)
    wide = frame.pivot(index="run", columns="arm", values=outcome).sort_index()
    return (wide[arm] - wide[result.reference]).dropna()


def agreement_rows(outcomes: pd.DataFrame, titles: Mapping[str, str]) -> Rows:
    """Return how new security agreements within the longest window differ.

    There is a row a direction where one pair of arms is compared; else one of
    counter-balancing agreements a pair of arms. Heads come first.

    Parameters
    ----------
    outcomes : of `StudyComparison`
    titles : of arms, by name
    """
    names = _longest_counts(outcomes)
    rows = outcomes[outcomes["outcome"].isin(names)]
    if len(rows[PAIR].drop_duplicates()) == 1:
        labels, head = rows["outcome"].map(say.outcome_words), "outcome"
    else:
        rows, head = rows[rows["outcome"] == names[0]], say.outcome_words(names[0])
        labels = rows["right_arm"].map(lambda arm: titles.get(arm, say.arm_words(arm)))
    cells = [_difference_cells(row, 3) for row in rows.to_dict("records")]
    named = zip(labels, cells, strict=True)
    return [[head, *HEADS], *([label, *numbers] for label, numbers in named)]


def _longest_counts(outcomes: pd.DataFrame) -> list[str]:
    """Return the outcomes that count security agreements by direction within the
    longest window; all outcomes where none does."""
    names = list(outcomes["outcome"].unique())
    windows = {}
    for name in names:
        outcome = known_outcome(name)
        if outcome and outcome.measure == "accords" and outcome.of in say.DIRECTIONS:
            windows[name] = outcome.window or 0
    longest = max(windows.values(), default=0)
    return [name for name, window in windows.items() if window == longest] or names


def _difference_cells(row: Mapping[Any, Any], places: int) -> list[str]:
    """Return left, right, difference and interval as text."""
    sides = [say.number(row[side], places) for side in ("left", "right")]
    change = row["difference"]
    places = max(places, say.digits(change))
    bounds = say.interval(row["lo"], row["hi"], places)
    return [*sides, say.signed(change, places), bounds]

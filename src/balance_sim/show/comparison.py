"""Several studies side by side: opened, named, with what differs in their inputs and in
their outcomes, as the terminal and the report tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from balance_sim.effects.compare import (
    ComparedSide,
    DifferingInput,
    StudyComparison,
    compare,
    differing_inputs,
    open_side,
    parse_side,
    refuse_other_classes,
)
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import wording as say
from balance_sim.study.outcomes import known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

type Rows = list[list[str]]

HEADS = ["left", "right", "difference", "95 % CI"]
PAIR = ["point", "left_arm", "right_arm"]
"""Columns that say which arms, and of a sweep which point, a row compares."""


@dataclass(frozen=True)
class Comparison:
    """Two studies or more.

    Attributes
    ----------
    sides : as the command names them (FOLDER, FOLDER:arm, FOLDER@point); the first is
        what the others are measured against
    studies : the same, opened
    """

    sides: tuple[ComparedSide, ...]
    studies: tuple[Result | SweepResult, ...]

    @staticmethod
    def of(texts: Sequence[str]) -> Comparison:
        """Open what the texts name.

        Raises
        ------
        WrongRequest : for fewer than two, a sweep among more than two, no results, or
            class tables that differ
        """
        if len(texts) < 2:
            raise WrongRequest("a comparison takes two results folders or more")
        sides = tuple(parse_side(text) for text in texts)
        studies = tuple(open_side(side) for side in sides)
        single = [study for study in studies if isinstance(study, Result)]
        if len(single) == len(studies):
            refuse_other_classes(single, [side.text for side in sides])
        elif len(studies) > 2:
            raise WrongRequest("of a sweep among several results, name a point: NAME@0")
        return Comparison(sides, studies)

    @cached_property
    def comparison(self) -> StudyComparison | None:
        """Outcome by outcome and dyad by dyad, of exactly two; None of more."""
        if len(self.sides) > 2:
            return None
        return compare(self.sides[0].text, self.sides[1].text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A short name each: folders where these tell all sides apart, else what the
        command was given."""
        folders = [side.folder.resolve().name for side in self.sides]
        texts = [side.text for side in self.sides]
        names = folders if len({*folders}) == len(folders) else texts
        return tuple(map(say.printable, names))

    @cached_property
    def differences(self) -> tuple[list[DifferingInput], ...]:
        """Inputs in which each of the others differs from the first; the scenario's
        sha256 follows from the rest."""
        return tuple(
            [
                difference
                for difference in differing_inputs(self.sides[0], side)
                if difference[0] != "scenario.sha256"
            ]
            for side in self.sides[1:]
        )

    @cached_property
    def titles(self) -> dict[str, str]:
        """Names of arms and states by key; those of the first study go before."""
        titles: dict[str, str] = {}
        for study in reversed(self.studies):
            titles |= say.state_names(study.scenario) | say.arm_titles(study.scenario)
        return titles


def agreement_rows(outcomes: pd.DataFrame, titles: Mapping[str, str]) -> Rows:
    """Return how new security agreements within the longest window differ.

    There is a row a direction where one pair of arms is compared; else one of
    counter-balancing agreements a pair of arms and point. Heads come first.

    Parameters
    ----------
    outcomes : of `StudyComparison`
    titles : of `Comparison`
    """
    names = _longest_counts(outcomes)
    rows = outcomes[outcomes["outcome"].isin(names)]
    keys = [name for name in PAIR if name in rows]
    if len(rows[keys].drop_duplicates()) == 1:
        labels, head = rows["outcome"].map(say.outcome_words), "outcome"
    else:
        rows, head = rows[rows["outcome"] == names[0]], say.outcome_words(names[0])
        labels = rows["right_arm"].map(lambda arm: titles.get(arm, say.arm_words(arm)))
        if "point" in rows:
            labels = "point " + rows["point"].astype(str) + ": " + labels
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


def dyad_rows(dyads: pd.DataFrame, titles: Mapping[str, str], most: int) -> Rows:
    """Return the dyads whose expected new security agreements differ most, at most so
    many, with heads first."""
    moved = dyads[dyads["difference"] != 0]
    has_arms = moved["right_arm"].nunique() > 1
    rows = [["dyad", *HEADS]]
    for row in moved.head(most).to_dict("records"):
        name = say.dyad_name(titles, row["a"], row["b"])
        if has_arms:
            name += f", {titles.get(row['right_arm'], row['right_arm'])}"
        rows.append([name, *_difference_cells(row, 4)])
    return rows


def _difference_cells(row: Mapping[Any, Any], places: int) -> list[str]:
    """Return left, right, difference and interval as text."""
    sides = [say.number(row[side], places) for side in ("left", "right")]
    change = row["difference"]
    places = max(places, say.digits(change))
    bounds = say.interval(row["lo"], row["hi"], places)
    return [*sides, say.signed(change, places), bounds]

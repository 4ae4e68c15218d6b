"""Studies side by side, as figures and reports take them: what was asked for, opened, and compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.analysis.compare import (
    Named,
    StudyComparison,
    compare,
    inputs_that_differ,
    open_side,
    parse_side,
)
from balance_sim.pool.faults import WrongRequest
from balance_sim.results.recount import Counting, by_one_table
from balance_sim.results.result import Result
from balance_sim.results.sweep_result import SweepResult
from balance_sim.show.wording import arm_words, printable

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Comparison:
    """Two studies or more. sides: as the command names them (FOLDER, FOLDER:arm, FOLDER@point), the first is what

    the others are measured against; studies: the same, opened; classes: `left` or `right`, whose class table counts
    where theirs differ; counting: how single studies were counted."""

    sides: tuple[Named, ...]
    studies: tuple[Result | SweepResult, ...]
    classes: str | None = None
    counting: Counting = field(default_factory=Counting)

    @staticmethod
    def of(texts: Sequence[str], classes: str | None = None) -> Comparison:
        """Open what the texts name. Raises WrongRequest where there is nothing, fewer than two, or class tables that

        differ without `classes`."""
        if len(texts) < 2:
            raise WrongRequest("a comparison takes two results folders or more")
        sides = tuple(parse_side(text) for text in texts)
        studies = tuple(open_side(side) for side in sides)
        sweeps = [
            side.text for side, study in zip(sides, studies, strict=True) if isinstance(study, SweepResult)
        ]
        if len(sides) > 2 and sweeps:
            raise WrongRequest(
                f"{sweeps[0]} is a sweep: beside more than one other, name a point, {sweeps[0]}@0"
            )
        single = [study for study in studies if isinstance(study, Result)]
        if len(single) < len(studies):
            return Comparison(sides, studies, classes)
        counted, counting = by_one_table(single, [side.text for side in sides], classes)
        return Comparison(sides, tuple(counted), classes, counting)

    @cached_property
    def found(self) -> StudyComparison | None:
        """Outcome by outcome and pair by pair, of exactly two; None of more."""
        if len(self.sides) != 2:
            return None
        return compare(self.sides[0].text, self.sides[1].text, self.classes)

    @property
    def counted(self) -> Counting:
        """By whose classes all were counted, and what was left out."""
        return self.found.counting if self.found is not None else self.counting

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A short name each, on one line: what sets them apart of theory, folder, point and arm."""
        return tuple(printable(name) for name in self._names())

    def _names(self) -> tuple[str, ...]:
        folders = [_last(side.folder) for side in self.sides]
        theories = [study.scenario.theory.preset for study in self.studies]
        if len(set(theories)) == len(theories):
            return tuple(arm_words(theory) for theory in theories)
        if len(set(folders)) == len(folders):
            return tuple(folders)
        return tuple(
            folder + ("" if side.point is None else f"@{side.point}") + (f":{side.arm}" if side.arm else "")
            if len({(s.point, s.arm) for s in self.sides}) > 1
            else side.text
            for folder, side in zip(folders, self.sides, strict=True)
        )

    @cached_property
    def differences(self) -> tuple[list[str], ...]:
        """Inputs in which each of the others differs from the first; the scenario's sha256 follows from the rest."""
        found = (inputs_that_differ(self.sides[0], side) for side in self.sides[1:])
        return tuple([line for line in lines if not line.startswith("scenario.sha256:")] for lines in found)


def _last(folder: Path) -> str:
    return folder.resolve().name

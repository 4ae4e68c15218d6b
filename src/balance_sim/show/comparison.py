"""Several studies side by side: opened, named, with what differs in their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from balance_sim.effects.compare import (
    ComparedSide,
    StudyComparison,
    compare,
    inputs_that_differ,
    open_side,
    parse_side,
)
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.wording import arm_words, printable
from balance_sim.study.result import Result, refuse_other_classes
from balance_sim.study.sweep_result import SweepResult


@dataclass(frozen=True)
class Comparison:
    """Two studies or more. sides: as the command names them (FOLDER, FOLDER:arm,
    FOLDER@point), the first is what the others are measured against; studies: the same,
    opened."""

    sides: tuple[ComparedSide, ...]
    studies: tuple[Result | SweepResult, ...]

    @staticmethod
    def of(texts: Sequence[str]) -> Comparison:
        """Open what the texts name. Raises WrongRequest where there is nothing, fewer
        than two, or class tables that differ."""
        if len(texts) < 2:
            raise WrongRequest("a comparison takes two results folders or more")
        sides = tuple(parse_side(text) for text in texts)
        studies = tuple(open_side(side) for side in sides)
        sweeps = [
            side.text
            for side, study in zip(sides, studies, strict=True)
            if isinstance(study, SweepResult)
        ]
        if sweeps and len(sides) > 2:
            raise WrongRequest(
                f"{sweeps[0]} is a sweep: beside more than one other, name a point, "
                f"{sweeps[0]}@0"
            )
        single = [study for study in studies if isinstance(study, Result)]
        if not sweeps:
            refuse_other_classes(single, [side.text for side in sides])
        return Comparison(sides, studies)

    @cached_property
    def comparison(self) -> StudyComparison | None:
        """Outcome by outcome and dyad by dyad, of exactly two; None of more."""
        two = len(self.sides) == 2
        return compare(self.sides[0].text, self.sides[1].text) if two else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A short name each, on one line: what sets them apart of theory, folder, point
        and arm."""
        folders = [side.folder.resolve().name for side in self.sides]
        theories = [arm_words(study.scenario.theory.preset) for study in self.studies]
        pieces = [
            (f"@{s.point}" if s.point is not None else "")
            + (f":{s.arm}" if s.arm else "")
            for s in self.sides
        ]
        names = [side.text for side in self.sides]
        if len(set(pieces)) > 1:
            names = [
                folder + part for folder, part in zip(folders, pieces, strict=True)
            ]
        results = next(
            (
                chosen
                for chosen in (theories, folders)
                if len(set(chosen)) == len(chosen)
            ),
            names,
        )
        return tuple(printable(name) for name in results)

    @cached_property
    def differences(self) -> tuple[list[str], ...]:
        """Inputs in which each of the others differs from the first; the scenario's
        sha256 follows from the rest."""
        results = (inputs_that_differ(self.sides[0], side) for side in self.sides[1:])
        return tuple(
            [line for line in lines if not line.startswith("scenario.sha256:")]
            for lines in results
        )

"""What an experiment is: a scenario, what is varied in it, how points are chosen, and how often each is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from balance_sim.scenario.factors import Factor, Values
from balance_sim.scenario.problems import Mark
from balance_sim.scenario.schema import Identifier, Scenario, Strict, Text


class Design(Strict):
    """How points are chosen. samples: of lhs; base samples of sobol, a power of 2; trajectories of morris.

    levels: of morris, even. seed: of the sample, apart from that of the runs."""

    method: Literal["grid", "list", "lhs", "sobol", "morris"] = "grid"
    samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    levels: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = 4
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1


class Head(Strict):
    """The plain part of an experiment file."""

    title: Text = ""
    question: Text = ""
    notes: Text = ""
    theory: Identifier | None = None
    guesses: bool = False
    arms: tuple[Identifier, ...] | None = None
    runs: Annotated[int, Field(ge=1, le=1_000_000_000)]
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 1
    outcomes: tuple[Identifier, ...] = ()


@dataclass(frozen=True)
class Point:
    """One row of a list design: values by key path, and a label for people."""

    values: dict[str, object]
    label: str = ""


@dataclass(frozen=True)
class Experiment:
    """All that a sweep needs. `scenario` holds the file's `set` and `theory` already."""

    name: str
    head: Head
    design: Design
    scenario: Scenario
    factors: tuple[Factor, ...]
    points: tuple[Point, ...] = ()
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """Key paths of what is varied, in the order of the file."""
        if self.points:
            return tuple(dict.fromkeys(path for point in self.points for path in point.values))
        return tuple(factor.path for factor in self.factors)

    def count(self) -> int:
        """How many points the design has, without making them."""
        return count_points(self.design, self.factors, self.points)


def listed_values(factor: Factor) -> tuple[object, ...]:
    return factor.takes.values if isinstance(factor.takes, Values) else factor.takes.grid()


def count_points(design: Design, factors: Sequence[Factor], points: Sequence[Point]) -> int:
    samples = design.samples or 0
    if points:
        return len(points)
    if design.method == "list":
        return len(listed_values(factors[0]))
    if design.method == "grid":
        return math.prod(
            len(factor.takes.values) if isinstance(factor.takes, Values) else factor.takes.steps
            for factor in factors
        )
    return samples * {"lhs": 1, "sobol": len(factors) + 2, "morris": len(factors) + 1}[design.method]

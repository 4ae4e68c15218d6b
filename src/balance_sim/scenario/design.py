"""What an experiment is: a scenario, what is varied in it, how points are chosen, and
how often each is simulated.

A factor takes a list of values, or a range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from balance_sim.scenario.diagnostics import listed, refusal
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.fields import (
    Identifier,
    RequiredText,
    Strict,
    Text,
    given_once,
)
from balance_sim.scenario.nodes import REFUSED, Node, from_plain
from balance_sim.scenario.reading import ValueChange
from balance_sim.scenario.schema import Scenario, Versioned


@dataclass(frozen=True)
class Values:
    """Certain values, in the order given."""

    values: tuple[object, ...]

    def at(self, share: float) -> object:
        """The value at a share 0..1 of the list; each value takes an equal part."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def grid(self) -> tuple[object, ...]:
        """The values that a grid or a list takes: all."""
        return self.values

    ends = grid


class Spread(Strict):
    """Values over a range, even or even in logarithms: `steps` of them; any of them in
    a sample."""

    min: float
    max: float
    steps: Annotated[int, Field(ge=2, le=10_000)] | None = None
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _is_a_range(self) -> Spread:
        """The ends are in order, and a logarithm exists."""
        low, high = self.min, self.max
        if low >= high:
            raise refusal("E403", f"min {low:g} is not below max {high:g}")
        if self.scale == "log" and low <= 0:
            raise refusal("E403", f"min {low:g} has no logarithm")
        return self

    def ends(self) -> tuple[float, float]:
        """The lowest value and the highest."""
        return self.min, self.max

    def at(self, share: float) -> float:
        """The value at a share 0..1 of the range.

        >>> round(Spread(min=0.01, max=1.0, scale="log").at(0.5), 9)
        0.1
        """
        low, high = self.min, self.max
        if self.scale == "linear":
            return low + share * (high - low)
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        return min(max(value, low), high)

    def grid(self) -> tuple[object, ...]:
        """The values that a grid or a list takes, even in share; none without `steps`.
        Rounded to 12 digits, so that 0.1 is 0.1."""
        last = (self.steps or 1) - 1
        shares = [place / last for place in range(last + 1)] if last else []
        return tuple(float(f"{self.at(share):.12g}") for share in shares)


@dataclass(frozen=True)
class Factor:
    """A key path of the scenario and what it takes. node: in the file, for messages."""

    path: str
    takes: Values | Spread
    node: Node

    def change(self, place: int) -> ValueChange:
        """Its value at that place of the list, or at that end of the range, as a
        change; else its last one."""
        ends = self.takes.ends()
        place = min(place, len(ends) - 1)
        item = from_plain(ends[place], self.node.mark)
        if self.node.items:
            item = self.node.items[place]
        return ValueChange(self.path, item, item.mark, f"factors.{self.path}")


Names = Annotated[tuple[Identifier, ...], AfterValidator(given_once)]


class SamplingDesign(Strict):
    """How points are chosen. samples: of lhs; base samples of sobol, a power of 2;
    trajectories of morris.

    levels: of morris, even. seed: of the sample, apart from that of the runs."""

    method: Literal["grid", "list", "lhs", "sobol", "morris"] = "grid"
    samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    levels: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = 4
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1

    @model_validator(mode="after")
    def _has_samples(self) -> SamplingDesign:
        """A sample has a size; that of sobol is a power of 2, without which the
        sequence loses its balance."""
        samples = self.samples or 0
        if self.method not in ("grid", "list") and not samples:
            raise refusal("E103", "`samples` is required (1 or more)")
        if self.method == "sobol" and samples & (samples - 1):
            low = 1 << (samples.bit_length() - 1)
            why = f"samples {samples:,} is not a power of 2"
            raise refusal("E406", why, f"write {low} or {2 * low}")
        return self


def _form(value: object) -> str:
    """The tag of what a factor takes."""
    return "[range]" if isinstance(value, dict) else "[list]"


def _listed(items: tuple[object, ...]) -> Values:
    """The values of a list: of one type, each once. 1 and 1.0 are one value.

    Raises PydanticCustomError, which `read_piece` reports, for other lists."""
    if REFUSED in items:  # it has been reported
        return Values(items)
    alike = [float(item) if type(item) is int else item for item in items]
    types = sorted({type(item).__name__ for item in alike})
    if len(types) != 1:
        why = f"the list holds {listed(types) or 'nothing'}"
        raise refusal("E402", why, "give values of one type")
    if len({*map(repr, alike)}) < len(alike):
        raise refusal("E402", "a value is given twice", "remove one")
    return Values(items)


Takes = Annotated[
    Annotated[Spread, Tag("[range]")]
    | Annotated[tuple[object, ...], AfterValidator(_listed), Tag("[list]")],
    Discriminator(_form),
]
"""What a factor takes; tags in brackets are no part of key paths."""


Point = dict[str, object]
"""One row of a list design: values by key path, and a `label` for people."""


def _points(rows: tuple[Point, ...]) -> tuple[Point, ...]:
    """The points of a list design: each gives the same keys, and other values."""
    points = [{key: row[key] for key in row if key != "label"} for row in rows]
    for place, point in enumerate(points):
        field = f"[{place}]"
        if not point or point.keys() != points[0].keys():
            why = "every point gives the same keys, and at least one"
            raise refusal("E402", why, field=field)
        if point in points[:place]:
            raise refusal("E402", "the same values as an earlier point", field=field)
    return rows


class ExperimentPlan(Versioned):
    """The keys of an experiment file.

    arms : that are run beside the control arm; None: all
    runs : replications of each point; seed: of their random numbers, at every point
    outcomes : that are reported; none: all
    """

    title: Text = ""
    question: Text = ""
    notes: Text = ""
    scenario: RequiredText
    set: dict[str, object] = Field(default={})
    design: SamplingDesign = SamplingDesign()
    factors: dict[str, Takes] = Field(default={}, max_length=1000)
    points: Annotated[tuple[Point, ...], AfterValidator(_points)] = ()
    arms: Names | None = None
    runs: Annotated[int, Field(ge=1, le=1_000_000_000)]
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 1
    outcomes: Names = ()


@dataclass(frozen=True, repr=False)
class Experiment(OneLine):
    """All that a sweep needs. `scenario` holds the file's `set` already;
    tree: of the file, for messages."""

    name: str
    head: ExperimentPlan
    scenario: Scenario
    factors: tuple[Factor, ...]
    tree: Node

    @property
    def paths(self) -> tuple[str, ...]:
        """Key paths of what is varied, in the order of the file."""
        paths = [path for point in self.head.points for path in point]
        paths += [factor.path for factor in self.factors]
        return tuple(path for path in dict.fromkeys(paths) if path != "label")

    def count(self) -> int:
        """How many points the design has, without making them.

        Saltelli's Sobol design has k + 2 points a sample for k factors, Morris's
        trajectories have k + 1."""
        if self.head.points:
            return len(self.head.points)
        lengths = [len(factor.takes.grid()) for factor in self.factors]
        samples, k = self.head.design.samples or 0, len(lengths)
        counts = {
            "grid": math.prod(lengths),
            "list": min(lengths, default=0),
            "sobol": samples * (k + 2),
            "morris": samples * (k + 1),
        }
        return counts.get(self.head.design.method, samples)

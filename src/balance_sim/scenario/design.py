"""What an experiment is: a scenario, what is varied in it, how points are chosen, and
how often each is run.

A factor takes a list of values, an even range, or a distribution."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from balance_sim.scenario.defaults import parameter_table, presets, switches
from balance_sim.scenario.diagnostics import Diagnostics, Mark, listed, shown
from balance_sim.scenario.nodes import REFUSED, Node, Refused, plain
from balance_sim.scenario.reading import ValueChange
from balance_sim.scenario.schema import SIGNAL_ORDER, Identifier, Scenario, Strict, Text
from balance_sim.scenario.setter import value_at
from balance_sim.scenario.validation import read_piece

MOST_STEPS = 10_000
MOST_FACTORS = 1_000
EXAMPLE = "smallest file: `schema: 1`, `scenario`, `factors`, `runs`"
_TYPES: dict[type, str] = {
    bool: "true or false",
    int: "numbers",
    float: "numbers",
    tuple: "lists",
    dict: "mappings",
    str: "text",
    type(None): "nulls",
}
NORMAL_SPREAD = 4.0
"""A normal without bounds is cut at so many standard deviations."""


@dataclass(frozen=True)
class Values:
    """Certain values, in the order given; none where they are joint draws (of the
    design `posterior` or `prior`)."""

    values: tuple[object, ...]

    def at(self, share: float) -> object:
        """The value at a share 0..1 of the list; each value takes an equal part."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def grid(self) -> tuple[object, ...]:
        return self.values

    ends = grid


@dataclass(frozen=True)
class Spread:
    """A distribution over low..high: `kind` is one of uniform, loguniform, triangular,
    normal.

    middle: the mode or the mean; sd: of a normal, cut at low and high. steps: of a
    grid, 0 if not given."""

    kind: str
    low: float
    high: float
    middle: float = 0.0
    sd: float = 0.0
    steps: int = 0

    def at(self, share: float) -> float:
        """The quantile of a share 0..1.

        >>> Spread("triangular", 0.0, 1.0, middle=0.5).at(0.5)
        0.5"""
        low, high = self.low, self.high
        if self.kind == "loguniform":
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        elif self.kind == "triangular":
            if share < (self.middle - low) / (high - low):
                return low + math.sqrt(share * (high - low) * (self.middle - low))
            return high - math.sqrt((1 - share) * (high - low) * (high - self.middle))
        elif self.kind == "normal":
            curve = NormalDist(self.middle, self.sd)
            below, above = curve.cdf(low), curve.cdf(high)
            inner = below + share * (above - below)
            value = curve.inv_cdf(min(max(inner, 1e-300), 1 - 1e-16))
        else:
            return low + share * (high - low)
        return min(max(value, low), high)

    def grid(self) -> tuple[object, ...]:
        """`steps` values from low to high, even in share; rounded to 12 digits, so that
        0.1 is 0.1."""
        shares = (
            [k / (self.steps - 1) for k in range(self.steps)]
            if self.steps > 1
            else [0.0]
        )
        return tuple(float(f"{self.at(share):.12g}") for share in shares)

    def ends(self) -> tuple[object, ...]:
        return (self.low, self.high)


DRAWN = "drawn"
OF_DRAWS = ("posterior", "prior")
"""Designs whose points are joint draws of the parameters."""
DRAWN_VALUES = Values(())


@dataclass(frozen=True)
class Factor:
    """A key path of the scenario and what it takes. node: in the file, for messages."""

    path: str
    takes: Values | Spread
    node: Node

    def change(self, place: int) -> ValueChange:
        """Its value at that place of the list, or at that end of the range, as a
        change; else its last one."""
        ends, node = self.takes.ends(), self.node
        place = min(place, len(ends) - 1)
        if node.items:
            item, label = node.items[place], f"factors.{self.path}[{place}]"
            return ValueChange(self.path, item, item.mark, label)
        written = node.get("min" if place == 0 else "max") or node
        number = Node(
            ends[place], written.mark, key=node.at, text=f"{ends[place]:.12g}"
        )
        return ValueChange(self.path, number, written.mark, f"factors.{self.path}")


class SamplingDesign(Strict):
    """How points are chosen. samples: of lhs; base samples of sobol, a power of 2;
    trajectories of morris; draws.

    levels: of morris, even. seed: of the sample, apart from that of the runs."""

    method: Literal["grid", "list", "lhs", "sobol", "morris", "posterior", "prior"] = (
        "grid"
    )
    samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    levels: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = 4
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1


class ExperimentHead(Strict):
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
class DesignPoint:
    """One row of a list design: values by key path, and a label for people."""

    values: dict[str, object]
    label: str = ""


@dataclass(frozen=True)
class Overrides:
    """What options lay over an experiment file. settings: `key.path=value` texts, laid
    over the file's own `set`."""

    settings: tuple[str, ...] = ()
    runs: int | None = None
    seed: int | None = None


@dataclass(frozen=True, repr=False)
class Experiment:
    """All that a sweep needs. `scenario` holds the file's `set` and `theory`
    already."""

    name: str
    head: ExperimentHead
    design: SamplingDesign
    scenario: Scenario
    factors: tuple[Factor, ...]
    points: tuple[DesignPoint, ...] = ()
    marks: dict[str, Mark] = field(default_factory=dict)

    def __repr__(self) -> str:
        size = f"{self.count():,} points, {self.head.runs} replications each"
        return f"<Experiment {self.name}: {', '.join(self.paths)}; {size}>"

    @property
    def paths(self) -> tuple[str, ...]:
        """Key paths of what is varied, in the order of the file."""
        if self.points:
            return tuple(
                dict.fromkeys(path for point in self.points for path in point.values)
            )
        return tuple(factor.path for factor in self.factors)

    def count(self) -> int:
        """How many points the design has, without making them."""
        if self.points:
            return len(self.points)
        if self.design.method in ("grid", "list"):
            lengths = [len(factor.takes.grid()) for factor in self.factors]
            return math.prod(lengths) if self.design.method == "grid" else lengths[0]
        a_sample = {"sobol": len(self.factors) + 2, "morris": len(self.factors) + 1}
        return (self.design.samples or 0) * a_sample.get(self.design.method, 1)


class Fault(NamedTuple):
    """What is wrong with a range or a distribution: under which key, error code,
    message and next step."""

    key: str
    message: str
    suggestion: str = ""
    code: str = "E403"


class FactorRange(Strict):
    """Values from `min` to `max`, even or even in logarithms: `steps` of them, or one
    every `step`."""

    min: float
    max: float
    steps: int | None = None
    step: float | None = None
    scale: Literal["linear", "log"] = "linear"

    def fault(self) -> Fault | None:
        """What is wrong between its numbers."""
        low, high, step, is_log = self.min, self.max, self.step, self.scale == "log"
        if low >= high:
            return Fault("min", f"min {low:g} is not below max {high:g}", "exchange")
        if is_log and low <= 0:
            return Fault("min", f"min {low:g} has no logarithm", "write a min above 0")
        if self.steps is not None and not 2 <= self.steps <= MOST_STEPS:
            return Fault("steps", f"steps {self.steps} is outside 2..{MOST_STEPS}")
        if step is None:
            return None
        if self.steps is not None:
            return Fault("step", "give `step` or `steps`, not both")
        hint = "give `steps`, the number of values"
        if is_log:
            return Fault("step", "a log scale has no even step", hint)
        if step <= 0:
            return Fault("step", f"step {step:g} is not above 0", hint)
        count = (high - low) / step
        is_whole = abs(count - round(count)) <= 1e-6 * max(count, 1.0)
        if not is_whole or not 1 <= round(count) < MOST_STEPS:
            why = f"step {step:g} does not lead from {low:g} to {high:g}"
            return Fault("step", why, hint)
        return None

    def spread(self) -> Spread:
        """The range as a distribution with so many steps."""
        steps = self.steps or 0
        if self.step is not None:
            steps = round((self.max - self.min) / self.step) + 1
        family = "loguniform" if self.scale == "log" else "uniform"
        return Spread(family, self.min, self.max, steps=steps)


class FactorDistribution(Strict):
    """A distribution by its family and numbers."""

    distribution: Literal["uniform", "loguniform", "triangular", "normal"]
    min: float | None = None
    max: float | None = None
    mode: float | None = None
    mean: float | None = None
    sd: float | None = None

    def fault(self) -> Fault | None:
        """What is wrong between its numbers."""
        needed, allowed = _NUMBERS[self.distribution]
        for name in ("min", "max", "mode", "mean", "sd"):
            is_given = getattr(self, name) is not None
            if name in needed and not is_given:
                return Fault("", f"`{name}` is required", code="E103")
            if is_given and name not in (*needed, *allowed):
                why = f"a {self.distribution} distribution has no `{name}`"
                return Fault(name, why, f"it takes {listed(needed)}", "E101")
        if self.sd is not None and self.sd <= 0:
            return Fault("", f"sd {self.sd:g} is not above 0")
        spread = self.spread()
        low, high, middle = spread.low, spread.high, spread.middle
        if low >= high:
            return Fault("", f"min {low:g} is not below max {high:g}")
        if self.distribution == "loguniform" and low <= 0:
            return Fault("", f"min {low:g} has no logarithm")
        if "uniform" not in self.distribution and not low <= middle <= high:
            return Fault("", f"the middle {middle:g} is not in {low:g}..{high:g}")
        return None

    def spread(self) -> Spread:
        """The distribution between its bounds."""
        middle = self.mean if self.mode is None else self.mode
        middle, sd = middle or 0.0, self.sd or 0.0
        low = middle - NORMAL_SPREAD * sd if self.min is None else self.min
        high = middle + NORMAL_SPREAD * sd if self.max is None else self.max
        return Spread(self.distribution, low, high, middle, sd)


_NUMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "uniform": (("min", "max"), ()),
    "loguniform": (("min", "max"), ()),
    "triangular": (("min", "mode", "max"), ()),
    "normal": (("mean", "sd"), ("min", "max")),
}
"""Numbers that a family needs, and those that it takes."""


# --- reading --------------------------------------------------------------------------


def read_factors(node: Node, problems: Diagnostics) -> list[Factor]:
    """The factors, one a key path."""
    if not isinstance(node.value, dict | Refused):
        why = f"expected a mapping of key paths, got {node.kind}"
        hint = "e.g. parameters.beta: [0.2, 0.4]"
        problems.add(node, "factors", "E201", why, hint)
    factors = []
    for path, child in node.fields.items():
        takes = _read_takes(child, f"factors.{shown(path)}", problems)
        if takes is not None:
            factors.append(Factor(path, takes, child))
    return factors


def _read_takes(node: Node, path: str, problems: Diagnostics) -> Values | Spread | None:
    """The values of a factor, or None with every reason why not added to
    `problems`."""
    if REFUSED in (node.value, *(item.value for item in node.items)):
        return None
    if node.value == DRAWN:
        return DRAWN_VALUES
    if isinstance(node.value, list):
        return _read_values(node, path, problems)
    if not isinstance(node.value, dict):
        why = f"expected values, or a mapping with min and max, got {node.kind}"
        hint = "e.g. [0, 0.5, 1] or {min: 0, max: 1}"
        problems.add(node, path, "E402", why, hint)
        return None
    is_range = "distribution" not in node.fields
    piece: FactorRange | FactorDistribution | None
    if is_range:
        piece = read_piece(FactorRange, node, path, problems)
    else:
        piece = read_piece(FactorDistribution, node, path, problems)
    fault = piece.fault() if piece is not None else None
    if fault is not None:
        place = node.get(fault.key) or node
        problems.add(place, path, fault.code, fault.message, fault.suggestion)
    return None if piece is None or fault is not None else piece.spread()


def _read_values(node: Node, path: str, problems: Diagnostics) -> Values | None:
    """A list of values of one type, each once."""
    problem_count = len(problems)
    if not node.items:
        problems.add(node, path, "E402", "the list is empty", "give values")
    values = tuple(map(plain, node.items))
    places: dict[str, int] = {}
    for place, (item, value) in enumerate(zip(node.items, values, strict=True), 1):
        key = repr(float(value) if type(value) is int else value)  # 1 and 1.0 are one
        if places.setdefault(key, place) != place:
            written = shown(item.text or value)
            why = f"value {written} at position {place}: also at {places[key]}"
            problems.add(item, path, "E402", why, "remove one")
    types = dict.fromkeys(_TYPES.get(type(value), "dates") for value in values)
    if len(types) > 1:
        why, hint = f"the list mixes {listed(types)}", "give values of one type"
        problems.add(node, path, "E402", why, hint)
    return Values(values) if len(problems) == problem_count else None


def read_points(
    node: Node | None, problems: Diagnostics
) -> tuple[list[DesignPoint], list[Node]]:
    """The points of a list design, and their nodes."""
    if node is None or node.value is REFUSED:
        return [], []
    if not node.items:
        why = "expected a list of points, each a mapping of key paths to values"
        problems.add(node, "points", "E402", why)
        return [], []
    points: list[DesignPoint] = []
    rows: list[Node] = []
    wanted = node.items[0].without("label").fields.keys()
    for place, item in enumerate(node.items):
        row, path = item.without("label"), f"points[{place}]"
        if row.fields.keys() != wanted or not wanted:
            gap = listed(f"`{key}`" for key in sorted(wanted ^ row.fields.keys()))
            why = f"every point gives the same keys; here {gap or 'one'} is out of line"
            problems.add(item, path, "E402", why)
            continue
        values = {key: plain(row.fields[key]) for key in wanted}
        if any(values == point.values for point in points):
            problems.add(item, path, "E402", "the same values as an earlier point")
        label = item.get("label")
        points.append(DesignPoint(values, label.text if label else ""))
        rows.append(row)
    return points, rows


def check_factors(tree: Node, experiment: Experiment, problems: Diagnostics) -> None:
    """Something is varied; designs of joint draws take factors that are drawn, and no
    others do."""
    method, factors = experiment.design.method, experiment.factors
    node = tree.get("factors") or tree.get("points") or tree
    is_drawn, is_listed = method in OF_DRAWS, method in ("grid", "list")
    is_given = tree.get("points") is not None or tree.below("factors").fields
    if not (factors or is_given or is_drawn):
        problems.add(node, "factors", "E402", "nothing is varied", EXAMPLE)
    if len(factors) > MOST_FACTORS:
        problems.add(node, "factors", "E022", f"more than {MOST_FACTORS:,} factors")
    for factor in factors:
        path, takes = f"factors.{factor.path}", factor.takes
        if (takes == DRAWN_VALUES) != is_drawn:
            why = f"`{DRAWN}` belongs to the designs {listed(OF_DRAWS)}, and no other"
            hint = f"write `design: {{method: {OF_DRAWS[0]}}}`"
            if is_drawn:
                hint = f"write `{factor.path}: {DRAWN}`"
            problems.add(factor.node, path, "E402", why, hint)
        if is_listed and isinstance(takes, Spread) and not takes.steps:
            why = f"a {method} needs values: give a list, `steps` or `step`"
            problems.add(factor.node, path, "E403", why)


# --- what `guesses: true` adds --------------------------------------------------------


def guessed_factors(scenario: Scenario, taken: set[str], node: Node) -> list[Factor]:
    """Every default that is a guess and may move alone, over its range.

    A weight that the theory itself names, or that is off, is no guess. Shares of
    capability must sum to 1 and signals must rise in their order, so those cannot be
    drawn one apart from the other: vary them in lists."""
    preset = presets().get(scenario.theory.preset)
    terms = [*(preset.weights if preset else ()), *switches()]
    taken = taken | {f"theory.weights.{term}" for term in terms}
    factors = []
    for row in parameter_table():
        path, span = str(row["path"]), row["range"]
        if row["source"] != "guess" or not isinstance(span, list) or span[0] >= span[1]:
            continue
        if path not in taken and not _BOUND.match(path) and _has(scenario, path):
            spread = Spread("uniform", float(span[0]), float(span[1]))
            factors.append(Factor(path, spread, node))
    return factors


_BOUND = re.compile(
    rf"step_days$|capability\."
    rf"|event_kinds\.(?:{'|'.join(SIGNAL_ORDER)})\.(?:alignment|intent)$"
)
"""Defaults that are no parameters of the model, or may not move apart from others."""


def _has(scenario: Scenario, path: str) -> bool:
    try:
        return value_at(scenario, path) is not None
    except LookupError:
        return False

"""What an experiment is: a scenario, what is varied in it, how points are chosen, and
how often each is run.

A factor takes a list of values, an even range, or a distribution."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field

from balance_sim.scenario.assemble import ValueChange, value_at
from balance_sim.scenario.defaults import parameter_table, presets, switches
from balance_sim.scenario.diagnostics import (
    REFUSED,
    Diagnostics,
    Mark,
    Node,
    Refused,
    did_you_mean,
    listed,
    plain,
    shown,
)
from balance_sim.scenario.schema import SIGNAL_ORDER, Identifier, Scenario, Strict, Text

MOST_STEPS = 10_000
MOST_FACTORS = 1_000
EXAMPLE = "smallest file: `schema: 1`, `scenario`, `factors`, `runs`"
_SORTS = {
    bool: "true or false",
    **dict.fromkeys((int, float), "numbers"),
    tuple: "lists",
    dict: "mappings",
}
_SORTS |= {str: "text", type(None): "nulls"}
NORMAL_SPREAD = 4.0  # a normal without bounds is cut at so many standard deviations
_NEEDS = {
    "uniform": ("min", "max"),
    "loguniform": ("min", "max"),
    "triangular": ("min", "mode", "max"),
    "normal": ("mean", "sd"),
}


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

    def change(self, at: int) -> ValueChange:
        """Its value at that place of the list, or at that end of the range, as a
        change; else its last one."""
        ends, node = self.takes.ends(), self.node
        at = min(at, len(ends) - 1)
        if node.items:
            return ValueChange(
                self.path,
                node.items[at],
                node.items[at].mark,
                f"factors.{self.path}[{at}]",
            )
        written = node.get("min" if at == 0 else "max") or node
        number = Node(ends[at], written.mark, key=node.at, text=f"{ends[at]:.12g}")
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
        many = f"{self.count():,} points, {self.head.runs} replications each"
        return f"<Experiment {self.name}: {', '.join(self.paths)}; {many}>"

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


# --- what a file says of factors and points ---------------------------------------------------------


def read_factors(node: Node, found: Diagnostics) -> list[Factor]:
    """What is varied, one factor a key path."""
    if not isinstance(node.value, dict | Refused):
        why = f"expected a mapping of key paths, got {node.kind}"
        found.add(node, "factors", "E201", why, "e.g. parameters.beta: [0.2, 0.4]")
    taken = [
        (path, child, _read_takes(child, f"factors.{shown(path)}", found))
        for path, child in node.fields.items()
    ]
    return [
        Factor(path, takes, child) for path, child, takes in taken if takes is not None
    ]


def _read_takes(node: Node, path: str, found: Diagnostics) -> Values | Spread | None:
    """What a factor's node says, or None with every reason why not added to `found`."""
    if REFUSED in (node.value, *(item.value for item in node.items)):
        return None
    if node.value == DRAWN:
        return DRAWN_VALUES
    takes: Values | Spread | None = None
    before = len(found)
    if isinstance(node.value, list):
        takes = _read_values(node, path, found)
    elif isinstance(node.value, dict):
        takes = (_read_distribution if "distribution" in node.fields else _read_range)(
            node, path, found
        )
    else:
        why = (
            f"expected a list of values, or a mapping with min and max, got {node.kind}"
        )
        found.add(node, path, "E402", why, "e.g. [0, 0.5, 1] or {min: 0, max: 1}")
    return takes if len(found) == before else None


def _read_values(node: Node, path: str, found: Diagnostics) -> Values:
    if not node.items:
        found.add(node, path, "E402", "the list is empty", "give values")
    values = tuple(map(plain, node.items))
    seen: dict[str, int] = {}
    for at, (item, value) in enumerate(zip(node.items, values, strict=True), 1):
        same = repr(float(value) if type(value) is int else value)  # 1 and 1.0 are one
        if same in seen:
            why = f"value {shown(item.text or value)} at position {at}: also at position {seen[same]}"
            found.add(item, path, "E402", why, "remove one")
        seen.setdefault(same, at)
    sorts = dict.fromkeys(_SORTS.get(type(value), "dates") for value in values)
    if len(sorts) > 1:
        found.add(
            node,
            path,
            "E402",
            f"the list mixes {listed(sorts)}",
            "give values of one type",
        )
    return Values(values)


def _numbers(
    node: Node,
    path: str,
    needed: Sequence[str],
    allowed: Sequence[str],
    found: Diagnostics,
) -> dict[str, float] | None:
    """The numbers among a mapping's fields; None where one is wrong, missing or of no
    known name."""
    out: dict[str, float] = {}
    known, before = (*needed, *allowed), len(found)
    for key, child in node.fields.items():
        where, value = f"{path}.{key}", child.value
        if key not in known:
            why = f"unknown key `{shown(key)}`"
            found.add(
                child.at, where, "E101", why, did_you_mean(key, known), listed(known)
            )
        elif key in ("scale", "distribution") or value is REFUSED:
            continue
        elif isinstance(value, bool) or not isinstance(value, int | float):
            found.add(child, where, "E201", f"expected number, got {child.kind}")
        elif not math.isfinite(value):
            found.add(child, where, "E204", "must be finite")
        else:
            out[key] = float(value)
    for key in needed:
        if key not in node.fields:
            found.add(node, path, "E103", f"`{key}` is required")
    return out if len(found) == before and {*needed} <= {*out} else None


def _read_range(node: Node, path: str, found: Diagnostics) -> Spread | None:
    got, given = (
        _numbers(node, path, ("min", "max"), ("steps", "step", "scale"), found),
        node.fields,
    )
    scale = given["scale"].value if "scale" in given else "linear"
    if scale not in ("linear", "log"):
        why = f"unknown scale `{shown(scale)}`"
        found.add(given["scale"], f"{path}.scale", "E211", why, allowed="linear, log")
    elif got is not None and got["min"] >= got["max"]:
        why = f"min {got['min']:g} is not below max {got['max']:g}"
        found.add(given["min"], path, "E403", why, "exchange them")
    elif got is not None and scale == "log" and got["min"] <= 0:
        found.add(
            given["min"],
            path,
            "E403",
            f"min {got['min']:g} has no logarithm",
            "write a min above 0",
        )
    elif got is not None:
        steps = _steps(node, path, got, found, is_log=scale == "log")
        return Spread(
            "loguniform" if scale == "log" else "uniform",
            got["min"],
            got["max"],
            steps=steps,
        )
    return None


def _steps(
    node: Node, path: str, got: dict[str, float], found: Diagnostics, *, is_log: bool
) -> int:
    """How many values a range has on a grid: from `steps`, or from the width of a
    `step`; 0 for neither."""
    low, high = got["min"], got["max"]
    if "step" in got and "steps" in got:
        found.add(
            node.fields["step"].at, path, "E403", "give `step` or `steps`, not both"
        )
    elif "steps" in got:
        number = got["steps"]
        if number == int(number) and 2 <= number <= MOST_STEPS:
            return int(number)
        why = f"steps {number:g} is not a whole number in 2..{MOST_STEPS}"
        found.add(node.fields["steps"], path, "E403", why)
    elif "step" in got:
        at, step = node.fields["step"], got["step"]
        count = (high - low) / step if step > 0 else 0.0
        if is_log:
            found.add(at, path, "E403", "a log scale has no even step", "give `steps`")
        elif step <= 0:
            hint = "give a step above 0, or `steps`, the number of values"
            found.add(at, path, "E403", f"step {step:g} is not above 0", hint)
        elif (
            abs(count - round(count)) > 1e-6 * max(count, 1.0)
            or not 1 <= round(count) < MOST_STEPS
        ):
            why = f"step {step:g} does not lead from {low:g} to {high:g}"
            found.add(at, path, "E403", why, "give `steps`, the number of values")
        else:
            return round(count) + 1
    return 0


def _read_distribution(node: Node, path: str, found: Diagnostics) -> Spread | None:
    kind = node.fields["distribution"].value
    if not isinstance(kind, str) or kind not in _NEEDS:
        why, hint = (
            f"unknown distribution `{shown(kind)}`",
            did_you_mean(str(kind), _NEEDS),
        )
        found.add(
            node.fields["distribution"],
            f"{path}.distribution",
            "E211",
            why,
            hint,
            listed(_NEEDS),
        )
        return None
    more = ("min", "max", "distribution") if kind == "normal" else ("distribution",)
    got = _numbers(node, path, _NEEDS[kind], more, found)
    if got is None:
        return None
    middle, sd = got.get("mode", got.get("mean", 0.0)), got.get("sd", 0.0)
    low = got.get("min", middle - NORMAL_SPREAD * sd)
    high = got.get("max", middle + NORMAL_SPREAD * sd)
    if kind == "normal" and sd <= 0:
        found.add(node, path, "E403", f"sd {sd:g} is not above 0")
    elif low >= high:
        found.add(node, path, "E403", f"min {low:g} is not below max {high:g}")
    elif kind == "loguniform" and low <= 0:
        found.add(node, path, "E403", f"min {low:g} has no logarithm")
    elif kind in ("triangular", "normal") and not low <= middle <= high:
        found.add(
            node, path, "E403", f"the middle {middle:g} is not in {low:g}..{high:g}"
        )
    return Spread(kind, low, high, middle, sd)


def read_points(
    node: Node | None, found: Diagnostics
) -> tuple[list[DesignPoint], list[Node]]:
    """The points of a list design, and their nodes."""
    if node is None or node.value is REFUSED:
        return [], []
    if not node.items:
        found.add(
            node,
            "points",
            "E402",
            "expected a list of points, each a mapping of key paths to values",
        )
        return [], []
    points: list[DesignPoint] = []
    rows: list[Node] = []
    wanted = node.items[0].without("label").fields.keys()
    for at, item in enumerate(node.items):
        row = item.without("label")
        if row.fields.keys() != wanted or not wanted:
            gap = (
                listed(f"`{key}`" for key in sorted(wanted ^ row.fields.keys()))
                or "a value"
            )
            why = f"every point gives the same keys; here {gap} is missing or too much"
            found.add(item, f"points[{at}]", "E402", why)
            continue
        values = {key: plain(row.fields[key]) for key in wanted}
        if any(values == point.values for point in points):
            found.add(
                item, f"points[{at}]", "E402", "the same values as an earlier point"
            )
        points.append(
            DesignPoint(
                values, item.fields["label"].text if "label" in item.fields else ""
            )
        )
        rows.append(row)
    return points, rows


def check_factors(tree: Node, experiment: Experiment, found: Diagnostics) -> None:
    """Something is varied; designs of joint draws take factors that are drawn, and no
    others do."""
    method, factors = experiment.design.method, experiment.factors
    node = tree.get("factors") or tree.get("points") or tree
    is_given = (
        factors
        or experiment.points
        or tree.get("points") is not None
        or tree.below("factors").fields
    )
    if not is_given and method not in OF_DRAWS:
        found.add(node, "factors", "E402", "nothing is varied", EXAMPLE)
    if len(factors) > MOST_FACTORS:
        found.add(node, "factors", "E022", f"more than {MOST_FACTORS:,} factors")
    for factor in factors:
        where, takes = f"factors.{factor.path}", factor.takes
        if (takes == DRAWN_VALUES) != (method in OF_DRAWS):
            why = f"`{DRAWN}` belongs to the designs {listed(OF_DRAWS)}, and they take nothing else"
            hint = (
                f"{factor.path}: {DRAWN}"
                if method in OF_DRAWS
                else f"design: {{method: {OF_DRAWS[0]}}}"
            )
            found.add(factor.node, where, "E402", why, f"write `{hint}`")
        if method in ("grid", "list") and isinstance(takes, Spread) and not takes.steps:
            found.add(
                factor.node,
                where,
                "E403",
                f"a {method} needs values: give a list, `steps` or `step`",
            )


# --- what `guesses: true` adds ----------------------------------------------------------------------


def guessed_factors(scenario: Scenario, taken: set[str], node: Node) -> list[Factor]:
    """Every default that is a guess and may move alone, over its range.

    A weight that the theory itself names, or that is off, is no guess. Shares of
    capability must sum to 1 and signals must rise in their order, so those cannot be
    drawn one apart from the other: vary them in lists."""
    preset = presets().get(scenario.theory.preset)
    taken = taken | {
        f"theory.weights.{term}"
        for term in (*(preset.weights if preset else ()), *switches())
    }
    out = []
    for row in parameter_table():
        path, span = str(row["path"]), row["range"]
        if row["source"] != "guess" or not isinstance(span, list) or span[0] >= span[1]:
            continue
        if path not in taken and not _BOUND.match(path) and _has(scenario, path):
            out.append(
                Factor(path, Spread("uniform", float(span[0]), float(span[1])), node)
            )
    return out


_BOUND = re.compile(
    rf"step_days$|capability\.|event_kinds\.(?:{'|'.join(SIGNAL_ORDER)})\.(?:alignment|intent)$"
)
"""Defaults that are no parameters of the model, or may not move apart from others."""


def _has(scenario: Scenario, path: str) -> bool:
    try:
        return value_at(scenario, path) is not None
    except LookupError:
        return False

"""What a factor of an experiment may take: a list of values, an even range, or a distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from balance_sim.scenario.nodes import REFUSED, Node, plain
from balance_sim.scenario.problems import Problem, did_you_mean, listed, problem, shown
from balance_sim.scenario.refusals import kind_of

MOST_STEPS = 10_000
NORMAL_SPREAD = 4.0  # a normal without bounds is cut at so many standard deviations
_RANGE_KEYS = ("min", "max", "steps", "step", "scale")
_NEEDS = {
    "uniform": ("min", "max"),
    "loguniform": ("min", "max"),
    "triangular": ("min", "mode", "max"),
    "normal": ("mean", "sd"),
}
_MAY = {"normal": ("min", "max")}


@dataclass(frozen=True)
class Values:
    """Certain values, in the order given."""

    values: tuple[object, ...]

    def at(self, share: float) -> object:
        """The value at a share 0..1 of the list; each value takes an equal part."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def ends(self) -> tuple[object, ...]:
        return self.values


@dataclass(frozen=True)
class Spread:
    """A distribution over low..high: `kind` is one of uniform, loguniform, triangular, normal.

    middle: the mode or the mean; sd: of a normal, cut at low and high. steps: of a grid, 0 if not given."""

    kind: str
    low: float
    high: float
    middle: float = 0.0
    sd: float = 0.0
    steps: int = 0

    def at(self, share: float) -> float:
        """The quantile of a share 0..1."""
        low, high = self.low, self.high
        if self.kind == "loguniform":
            return _inside(math.exp(math.log(low) + share * (math.log(high) - math.log(low))), low, high)
        if self.kind == "triangular":
            peak = (self.middle - low) / (high - low)
            if share < peak:
                return low + math.sqrt(share * (high - low) * (self.middle - low))
            return high - math.sqrt((1 - share) * (high - low) * (high - self.middle))
        if self.kind == "normal":
            curve = NormalDist(self.middle, self.sd)
            below, above = curve.cdf(low), curve.cdf(high)
            inner = below + share * (above - below)
            return _inside(curve.inv_cdf(min(max(inner, 1e-300), 1 - 1e-16)), low, high)
        return low + share * (high - low)

    def grid(self) -> tuple[object, ...]:
        """`steps` values from low to high, even in share; rounded to 12 digits, so that 0.1 is 0.1."""
        shares = [k / (self.steps - 1) for k in range(self.steps)] if self.steps > 1 else [0.0]
        return tuple(float(f"{self.at(share):.12g}") for share in shares)

    def ends(self) -> tuple[object, ...]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Factor:
    """A key path of the scenario and what it takes. where: of its key in the file, for messages."""

    path: str
    takes: Values | Spread
    node: Node


def _inside(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def read_takes(node: Node, path: str) -> tuple[Values | Spread | None, list[Problem]]:
    """What a factor's node says, or None and every reason why not."""
    if node.value is REFUSED:
        return None, []
    if isinstance(node.value, list):
        return _read_values(node, path)
    if isinstance(node.value, dict):
        return _read_distribution(node, path) if "distribution" in node.fields else _read_range(node, path)
    why = f"expected a list of values, or a mapping with min and max, got {kind_of(node)}"
    return None, [problem(node.mark, path, "E402", why, suggestion="e.g. [0, 0.5, 1] or {min: 0, max: 1}")]


def _read_values(node: Node, path: str) -> tuple[Values | None, list[Problem]]:
    if not node.items:
        return None, [problem(node.mark, path, "E402", "the list is empty", suggestion="give values")]
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    sorts: dict[str, int] = {}
    for at, item in enumerate(node.items, 1):
        if item.value is REFUSED:
            return None, []
        value = plain(item)
        if repr(_same(value)) in seen:
            before = seen[repr(_same(value))]
            why = f"value {shown(item.text or value)} at position {at}: also at position {before}"
            problems.append(problem(item.mark, path, "E402", why, suggestion="remove one"))
        seen.setdefault(repr(_same(value)), at)
        sorts.setdefault(_sort(value), at)
    if len(sorts) > 1:
        why = f"the list mixes {listed(sorts)}"
        problems.append(problem(node.mark, path, "E402", why, suggestion="give values of one type"))
    return (None if problems else Values(tuple(plain(item) for item in node.items))), problems


def _same(value: object) -> object:
    """1 and 1.0 are one value."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _sort(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "numbers"
    return {tuple: "lists", dict: "mappings", str: "text", type(None): "nulls"}.get(type(value), "dates")


def _numbers(
    node: Node, path: str, needed: Sequence[str], allowed: Sequence[str], problems: list[Problem]
) -> dict[str, float]:
    """The numbers among a mapping's fields; unknown and missing keys are reported."""
    out: dict[str, float] = {}
    known = (*needed, *allowed)
    for key, child in node.fields.items():
        if key not in known:
            hint = did_you_mean(key, known)
            problems.append(
                problem(child.at, f"{path}.{key}", "E101", f"unknown key `{shown(key)}`", listed(known), hint)
            )
        elif key in ("scale", "distribution") or child.value is REFUSED:
            continue
        elif isinstance(child.value, bool) or not isinstance(child.value, int | float):
            problems.append(
                problem(child.mark, f"{path}.{key}", "E201", f"expected number, got {kind_of(child)}")
            )
        elif not math.isfinite(child.value):
            problems.append(problem(child.mark, f"{path}.{key}", "E204", "must be finite"))
        else:
            out[key] = float(child.value)
    absent = [key for key in needed if key not in node.fields]
    problems += [problem(node.mark, path, "E103", f"`{key}` is required") for key in absent]
    return out


def _read_range(node: Node, path: str) -> tuple[Spread | None, list[Problem]]:
    problems: list[Problem] = []
    got = _numbers(node, path, ("min", "max"), _RANGE_KEYS[2:], problems)
    scale = node.fields["scale"].value if "scale" in node.fields else "linear"
    if scale not in ("linear", "log"):
        mark = node.fields["scale"].mark
        problems.append(
            problem(mark, f"{path}.scale", "E211", f"unknown scale `{shown(scale)}`", "linear, log")
        )
    if problems or not {"min", "max"} <= set(got):
        return None, problems
    low, high = got["min"], got["max"]
    if low >= high:
        why = f"min {low:g} is not below max {high:g}"
        return None, [problem(node.fields["min"].mark, path, "E403", why, suggestion="exchange them")]
    if scale == "log" and low <= 0:
        why = f"min {low:g} has no logarithm"
        return None, [problem(node.fields["min"].mark, path, "E403", why, suggestion="write a min above 0")]
    steps, found = _steps(node, path, got, low, high, is_log=scale == "log")
    if found:
        return None, found
    return Spread("loguniform" if scale == "log" else "uniform", low, high, steps=steps), []


def _steps(
    node: Node, path: str, got: dict[str, float], low: float, high: float, *, is_log: bool
) -> tuple[int, list[Problem]]:
    """How many values a range has on a grid: from `steps`, or from the width of a `step`; 0 for neither."""
    if "steps" in got and "step" in got:
        return 0, [problem(node.fields["step"].at, path, "E403", "give `step` or `steps`, not both")]
    if "steps" in got:
        count = got["steps"]
        if count != int(count) or not 2 <= count <= MOST_STEPS:
            why = f"steps {count:g} is no whole number in 2..{MOST_STEPS}"
            return 0, [problem(node.fields["steps"].mark, path, "E403", why)]
        return int(count), []
    if "step" not in got:
        return 0, []
    mark, step = node.fields["step"].mark, got["step"]
    if is_log:
        return 0, [problem(mark, path, "E403", "a log scale has no even step", suggestion="give `steps`")]
    if step <= 0:
        why, hint = f"step {step:g} is not above 0", "give a step above 0, or `steps`, the number of values"
        return 0, [problem(mark, path, "E403", why, suggestion=hint)]
    count = (high - low) / step
    if abs(count - round(count)) > 1e-6 * max(count, 1.0) or not 1 <= round(count) < MOST_STEPS:
        why = f"step {step:g} does not lead from {low:g} to {high:g}"
        return 0, [problem(mark, path, "E403", why, suggestion="give `steps`, the number of values")]
    return round(count) + 1, []


def _read_distribution(node: Node, path: str) -> tuple[Spread | None, list[Problem]]:
    name = node.fields["distribution"].value
    if name not in _NEEDS:
        mark = node.fields["distribution"].mark
        hint = did_you_mean(str(name), _NEEDS)
        why = f"unknown distribution `{shown(name)}`"
        return None, [problem(mark, f"{path}.distribution", "E211", why, listed(_NEEDS), hint)]
    kind = str(name)
    problems: list[Problem] = []
    got = _numbers(node, path, _NEEDS[kind], (*_MAY.get(kind, ()), "distribution"), problems)
    if problems or not set(_NEEDS[kind]) <= set(got):
        return None, problems
    middle, sd = got.get("mode", got.get("mean", 0.0)), got.get("sd", 0.0)
    low = got.get("min", middle - NORMAL_SPREAD * sd)
    high = got.get("max", middle + NORMAL_SPREAD * sd)
    bad = ""
    if kind == "normal" and sd <= 0:
        bad = f"sd {sd:g} is not above 0"
    elif low >= high:
        bad = f"min {low:g} is not below max {high:g}"
    elif kind == "loguniform" and low <= 0:
        bad = f"min {low:g} has no logarithm"
    elif kind in ("triangular", "normal") and not low <= middle <= high:
        bad = f"the middle {middle:g} is not in {low:g}..{high:g}"
    if bad:
        return None, [problem(node.mark, path, "E403", bad)]
    return Spread(kind, low, high, middle, sd), []

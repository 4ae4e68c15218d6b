"""What can be moved on the live page, and what a request may ask for.

Of a sweep: its factors. Of a run: how visible the focal event is, who takes part, how
reliable the patrons are, as in the explorer, and how much each audience heeds events.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from balance_sim.app import MOST_RUNS
from balance_sim.app.explorer import dials_of, is_number
from balance_sim.scenario import value_at
from balance_sim.scenario.diagnostics import did_you_mean, shown
from balance_sim.scenario.documents import is_plain_text
from balance_sim.show.report.tables import listed
from balance_sim.study.jobs import Values

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.sweep_result import SweepResult

AS_IN_THE_FILE = "as in the file"
STEPS = 20
"""Equal parts of a range that the page offers."""
MOST_AUDIENCES = 4


class BadRequest(Exception):
    """A request that asks for something that cannot be; the text says what, and what
    can."""


@dataclass(frozen=True)
class RangeControl:
    """A control over numbers low..high, both allowed.

    Attributes
    ----------
    paths : the key paths it sets, all to the same value
    scenario_value : where it stands at first
    offered : what the page offers, in order; a request may ask for any number
    is_integer : whole numbers only
    """

    name: str
    paths: tuple[str, ...]
    low: float
    high: float
    scenario_value: float
    offered: tuple[float, ...]
    is_integer: bool = False

    @property
    def start(self) -> int:
        """Place of the scenario's own value among those offered."""
        return self.offered.index(self.scenario_value)

    def values(self, number: object) -> dict[str, Any]:
        """Return key paths and values for a number; none at the scenario's own. Raises
        BadRequest."""
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise BadRequest(f"{self.name}: expected a number, got {_shown(number)}")
        if not self.low <= number <= self.high:
            bounds = f"{self.low:g} to {self.high:g}"
            raise BadRequest(f"{self.name}: {_shown(number)} is outside {bounds}")
        value = float(number)
        if self.is_integer and not value.is_integer():
            raise BadRequest(
                f"{self.name}: expected a whole number, got {_shown(number)}"
            )
        if value == self.scenario_value:
            return {}
        return dict.fromkeys(self.paths, int(value) if self.is_integer else value)


@dataclass(frozen=True)
class ChoiceControl:
    """A control over words, each with the key paths and values it stands for. start:
    where it stands at first."""

    name: str
    choices: tuple[tuple[str, Mapping[str, Any]], ...]
    start: int

    @property
    def offered(self) -> tuple[str, ...]:
        return tuple(word for word, _ in self.choices)

    def values(self, word: object) -> dict[str, Any]:
        """Return key paths and values for a word; none at the start. Raises
        BadRequest."""
        values = dict(self.choices).get(word) if isinstance(word, str) else None
        if values is None:
            words = ", ".join(self.offered)
            raise BadRequest(f"{self.name}: {_shown(word)} is none of: {words}")
        return {} if word == self.offered[self.start] else dict(values)


PageControl = RangeControl | ChoiceControl


def run_controls(scenario: Scenario) -> tuple[PageControl, ...]:
    """Return the controls of a study of one scenario: those of the explorer without a
    sweep, over numbers from 0 to 1, and how much each of the first few audiences heeds
    events of the types it has no attention of its own for.

    Not of `rest`: a file need not name it, and what it does not name cannot be set."""
    controls: list[PageControl] = []
    for factor in dials_of(scenario):
        value, settings = factor.steps[factor.start]
        if isinstance(value, str):
            steps = tuple(factor.steps)
            controls.append(ChoiceControl(factor.name, steps, factor.start))
        else:
            paths = tuple(settings)
            controls.append(_range(factor.name, paths, 0.0, 1.0, float(value)))
    audiences = [name for name in scenario.audiences if name != "rest"]
    for name in audiences[:MOST_AUDIENCES]:
        attention = scenario.audiences[name].attention.get("default")
        if attention is not None:
            paths = (f"audiences.{name}.attention.default",)
            low = min(0.0, attention)
            controls.append(_range(f"attention of {name}", paths, low, 1.0, attention))
    return tuple(controls)


def _range(
    name: str, paths: tuple[str, ...], low: float, high: float, value: float
) -> RangeControl:
    """Return a control over numbers, in even steps."""
    offered = _even_steps(low, high, [value])
    return RangeControl(name, paths, low, high, value, offered)


def sweep_controls(sweep: SweepResult) -> tuple[PageControl, ...]:
    """Return the factors of a sweep. Numbers: from the least to the greatest of the
    design and the scenario's own. All else: words, the scenario's own first."""
    points = [
        dict(sweep.table.points[number].values) for number in sweep.table.numbers()
    ]
    controls = []
    for path in sweep.paths:
        values = [point[path] for point in points if path in point]
        controls.append(_factor_control(path, values, sweep.scenario))
    return tuple(controls)


def _factor_control(
    path: str, values: Sequence[Any], scenario: Scenario
) -> PageControl:
    """Return the control of a factor with these values in the design."""
    try:
        scenario_values = [value_at(scenario, path)]
    except LookupError:
        scenario_values = []
    values = [*scenario_values, *values]
    if scenario_values and all(map(is_number, values)):
        low, high = float(min(values)), float(max(values))
        start = float(scenario_values[0])
        is_integer = all(isinstance(value, int) for value in values)
        levels = {float(value) for value in values}
        fixed = levels if len(levels) <= STEPS + 1 else {start}
        offered = _even_steps(low, high, fixed, is_integer=is_integer)
        return RangeControl(path, (path,), low, high, start, offered, is_integer)
    choices: dict[str, dict[str, Any]] = {}
    if not scenario_values:
        choices[AS_IN_THE_FILE] = {}
    for value in values:
        choices.setdefault(listed(value), {path: value})
    return ChoiceControl(path, tuple(choices.items()), 0)


def _even_steps(
    low: float, high: float, fixed: Iterable[float], *, is_integer: bool = False
) -> tuple[float, ...]:
    """Return even steps from low to high, with some that have to be there, in order."""
    steps = {low, high, *fixed}
    for step in range(STEPS + 1):
        value = low + (high - low) * step / STEPS
        value = float(round(value)) if is_integer else float(f"{value:.6g}")
        if low <= value <= high:
            steps.add(value)
    return tuple(sorted(steps))


@dataclass(frozen=True)
class EnsembleRequest:
    """What a request asks for: values by key path, sorted, but for those that stay as
    they are; and runs."""

    values: Values
    runs: int


def read_request(
    controls: Sequence[PageControl], runs: int, body: bytes
) -> EnsembleRequest:
    """Return what a request's JSON asks for: `values` by the controls' names, those not
    named as they are; `runs`, by default `runs`.

    Raises BadRequest for anything else."""
    request = _document(body)
    unknown = [key for key in request if key not in ("values", "runs")]
    if unknown:
        key = shown(unknown[0])
        raise BadRequest(f"unknown key `{key}`; there are `values` and `runs`")
    count = request.get("runs", runs)
    is_integer = isinstance(count, int) and not isinstance(count, bool)
    if not is_integer or not 2 <= count <= MOST_RUNS:
        raise BadRequest(
            f"runs: expected a whole number from 2 to {MOST_RUNS}, got {_shown(count)}"
        )
    numbers = request.get("values", {})
    if not isinstance(numbers, dict):
        raise BadRequest(f"values: expected a mapping, got {_shown(numbers)}")
    by_name = {control.name: control for control in controls}
    values: dict[str, Any] = {}
    for name, value in numbers.items():
        if name not in by_name:
            hint = did_you_mean(name, by_name) or f"there are: {', '.join(by_name)}"
            raise BadRequest(f"no control `{shown(name)}`; {hint}")
        values |= by_name[name].values(value)
    for path, value in values.items():
        if isinstance(value, list):
            values[path] = tuple(value)
    return EnsembleRequest(tuple(sorted(values.items())), count)


def _document(body: bytes) -> dict[str, Any]:
    """Return the JSON of a request. Raises BadRequest for what is no mapping."""
    try:
        document = json.loads(
            body, parse_constant=_refuse_constant, object_pairs_hook=_each_once
        )
    except RecursionError:
        raise BadRequest("the request is not JSON: nested too deeply") from None
    except ValueError as error:
        reason = shown(str(error), 120)
        raise BadRequest(f"the request is not JSON: {reason}") from None
    if not isinstance(document, dict):
        raise BadRequest(
            f"expected a mapping with `values` and `runs`, got {_shown(document)}"
        )
    return document


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a key stands twice")
    return mapping


def _shown(value: object) -> str:
    """Return a refused value as a message shows it."""
    return f"`{shown(json.dumps(value), 40)}`"


def as_options(request: EnsembleRequest, seed: int, *, draws: bool = False) -> str:
    """Return the options of `balance-sim run` that give the same numbers, for a shell.
    draws: runs draw parameters."""
    words = ["--runs", str(request.runs), "--seed", str(seed)]
    if draws:
        words += ["--draws", "fitted"]
    for path, value in request.values:
        # as `--set` reads it: a text in quotes where it would be read as something
        # else without
        is_plain = isinstance(value, str) and is_plain_text(value)
        text = value
        if not (is_plain or isinstance(value, date)):
            text = json.dumps(value, ensure_ascii=False)
        words += ["--set", f"{path}={text}"]
    return shlex.join(words)

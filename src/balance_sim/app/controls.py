"""What can be moved on the live page, and what a request may ask for.

Of a sweep: its factors. Of a run: how visible the focal event is, who takes part, how
reliable the patrons are, as in the explorer, and how much each audience heeds
events."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from balance_sim.app import MOST_RUNS
from balance_sim.app.explorer import dials_of
from balance_sim.scenario import value_at
from balance_sim.scenario.diagnostics import did_you_mean, shown
from balance_sim.scenario.documents import is_plain_text
from balance_sim.show.report.tables import listed
from balance_sim.study.jobs import Values

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.sweep_result import SweepResult

AS_IN_THE_FILE = "as in the file"
STEPS = 20  # equal parts of a range that the page offers
MOST_AUDIENCES = 4


class BadRequest(Exception):
    """A request that asks for something that cannot be; the text says what, and what
    can."""


@dataclass(frozen=True)
class RangeControl:
    """A control over numbers low..high, both allowed. own: the scenario's value, where
    it stands at first.

    paths: the key paths it sets, all to the same value. whole: whole numbers only.
    offered: what the page offers, in order; a request may ask for any number in the
    range."""

    name: str
    paths: tuple[str, ...]
    low: float
    high: float
    own: float
    offered: tuple[float, ...]
    whole: bool = False

    @property
    def start(self) -> int:
        """Place of the scenario's own value among those offered."""
        return self.offered.index(self.own)

    def values(self, given: object) -> dict[str, Any]:
        """Key paths and values for a number; none at the scenario's own. Raises
        BadRequest."""
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise BadRequest(f"{self.name}: expected a number, got {_said(given)}")
        if not self.low <= given <= self.high:
            raise BadRequest(
                f"{self.name}: {_said(given)} is outside {self.low:g} to {self.high:g}"
            )
        if self.whole and given != int(given):
            raise BadRequest(
                f"{self.name}: expected a whole number, got {_said(given)}"
            )
        return (
            {}
            if given == self.own
            else dict.fromkeys(self.paths, int(given) if self.whole else float(given))
        )


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

    def values(self, given: object) -> dict[str, Any]:
        """Key paths and values for a word; none at the start. Raises BadRequest."""
        found = dict(self.choices).get(given) if isinstance(given, str) else None
        if found is None:
            raise BadRequest(
                f"{self.name}: {_said(given)} is none of: {', '.join(self.offered)}"
            )
        return {} if given == self.offered[self.start] else dict(found)


PageControl = RangeControl | ChoiceControl


def run_controls(scenario: Scenario) -> tuple[PageControl, ...]:
    """The controls of a study of one scenario: those of the explorer without a sweep,
    over numbers from 0 to 1, and how much each of the first few audiences heeds events
    of the kinds it has no own attention for.

    Not of `rest`: a file need not name it, and what it does not name cannot be set."""
    out: list[PageControl] = []
    for name, steps, start in dials_of(scenario):
        words, values = steps[start]
        if isinstance(words, str):
            out.append(ChoiceControl(name, tuple(steps), start))
        else:
            own = float(words)
            out.append(
                RangeControl(
                    name, tuple(values), 0.0, 1.0, own, _between(0.0, 1.0, [own])
                )
            )
    for name in [name for name in scenario.audiences if name != "rest"][
        :MOST_AUDIENCES
    ]:
        heed = scenario.audiences[name].attention.get("default")
        if heed is not None:
            low, path = min(0.0, heed), f"audiences.{name}.attention.default"
            out.append(
                RangeControl(
                    f"attention of {name}",
                    (path,),
                    low,
                    1.0,
                    heed,
                    _between(low, 1.0, [heed]),
                )
            )
    return tuple(out)


def sweep_controls(sweep: SweepResult) -> tuple[PageControl, ...]:
    """The factors of a sweep. Numbers: from the least to the greatest of the design and
    the scenario's own. All else: words, the scenario's own first."""
    points = [
        dict(sweep.table.points[number].values) for number in sweep.table.numbers()
    ]
    return tuple(
        _of_factor(path, [row[path] for row in points if path in row], sweep.scenario)
        for path in sweep.paths
    )


def _of_factor(path: str, values: Sequence[Any], scenario: Scenario) -> PageControl:
    try:
        own = [value_at(scenario, path)]
    except LookupError:
        own = []
    every = [*own, *values]
    if own and all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in every
    ):
        low, high, at = float(min(every)), float(max(every)), float(own[0])
        whole, held = (
            all(isinstance(value, int) for value in every),
            {float(value) for value in every},
        )
        offered = _between(
            low, high, held if len(held) <= STEPS + 1 else {at}, whole=whole
        )
        return RangeControl(path, (path,), low, high, at, offered, whole)
    choices: dict[str, dict[str, Any]] = {} if own else {AS_IN_THE_FILE: {}}
    for value in every:
        choices.setdefault(listed(value), {path: value})
    return ChoiceControl(path, tuple(choices.items()), 0)


def _between(
    low: float, high: float, held: Iterable[float], *, whole: bool = False
) -> tuple[float, ...]:
    """Even steps from low to high, with those that have to be held, in order."""
    even = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    rounded = {
        float(round(value)) if whole else float(f"{value:.6g}") for value in even
    }
    return tuple(
        sorted(
            {low, high, *held} | {value for value in rounded if low <= value <= high}
        )
    )


@dataclass(frozen=True)
class EnsembleRequest:
    """What a request asks for: values by key path, sorted, but for those that stay as
    they are; and runs."""

    values: Values
    runs: int


def read_request(
    controls: Sequence[PageControl], runs: int, body: bytes
) -> EnsembleRequest:
    """A request's JSON: `values` by the controls' names, those not named as they are;
    `runs`, by default `runs`.

    Raises BadRequest for anything else."""
    try:
        asked = json.loads(body, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        why = (
            "nested too deeply"
            if isinstance(error, RecursionError)
            else shown(str(error), 120)
        )
        raise BadRequest(f"the request is not JSON: {why}") from None
    if not isinstance(asked, dict):
        raise BadRequest(
            f"expected a mapping with `values` and `runs`, got {_said(asked)}"
        )
    if unknown := [key for key in asked if key not in ("values", "runs")]:
        raise BadRequest(
            f"unknown key `{shown(unknown[0])}`; there are `values` and `runs`"
        )
    wanted = asked.get("runs", runs)
    if (
        isinstance(wanted, bool)
        or not isinstance(wanted, int)
        or not 2 <= wanted <= MOST_RUNS
    ):
        raise BadRequest(
            f"runs: expected a whole number from 2 to {MOST_RUNS}, got {_said(wanted)}"
        )
    given = asked.get("values", {})
    if not isinstance(given, dict):
        raise BadRequest(f"values: expected a mapping, got {_said(given)}")
    by_name = {control.name: control for control in controls}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in by_name:
            near = did_you_mean(name, by_name) or f"there are: {', '.join(by_name)}"
            raise BadRequest(f"no control `{shown(name)}`; {near}")
        values |= by_name[name].values(value)
    fixed = {
        path: tuple(value) if isinstance(value, list) else value
        for path, value in values.items()
    }
    return EnsembleRequest(tuple(sorted(fixed.items())), wanted)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key stands twice")
    return out


def _said(value: object) -> str:
    """A refused value as a message shows it."""
    return f"`{shown(json.dumps(value), 40)}`"


def as_options(asked: EnsembleRequest, seed: int, *, draws: bool = False) -> str:
    """The options of `balance-sim run` that give the same numbers, for a shell. draws:
    runs draw parameters."""
    words = [
        "--runs",
        str(asked.runs),
        "--seed",
        str(seed),
        *(["--draws", "fitted"] if draws else []),
    ]
    for path, value in asked.values:
        # as `--set` reads it: a text in quotes where it would be read as something else
        # without
        is_plain = isinstance(value, date) or (
            isinstance(value, str) and is_plain_text(value)
        )
        words += [
            "--set",
            f"{path}={value if is_plain else json.dumps(value, ensure_ascii=False)}",
        ]
    return shlex.join(words)

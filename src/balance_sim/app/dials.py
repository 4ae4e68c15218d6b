"""The controls of a page: what each moves, the values it offers, and where it starts.

Of a sweep: its factors. Of a run: how visible the focal event is, who takes part, how
reliable the patrons are; on the live page also how much each audience heeds events. A
dial at its start leaves the scenario as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.scenario.setter import value_at
from balance_sim.show.report.tables import listed
from balance_sim.show.wording import state_names

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.sweep_result import SweepResult

VISIBILITIES = 0.25, 0.5, 0.75, 1.0
RELIABILITIES = 0.5, 0.6, 0.7, 0.8
AS_IN_THE_FILE = "as in the file"
STEPS = 20
"""Equal parts of a range that the live page offers."""
MOST_AUDIENCES = 4

type Settings = Mapping[str, Any]
"""Values by key path."""


@dataclass(frozen=True)
class Dial:
    """One control.

    Attributes
    ----------
    name : as the page has it
    values : that are offered, in order, as numbers or words
    start : place of the value at which it stands at first
    settings : of each value, what it sets in the scenario
    """

    name: str
    values: tuple[Any, ...]
    start: int
    settings: tuple[Settings, ...] = ()

    def on_page(self, scenario: Scenario) -> dict[str, Any]:
        """Return what the page's script reads of it."""
        words = [_in_words(value, scenario) for value in self.values]
        values = {"name": self.name, "values": list(self.values), "start": self.start}
        return values | {"words": words}


def run_dials(scenario: Scenario) -> list[Dial]:
    """Return the dials of the explorer of a study of one scenario."""
    return [*_event_dials(scenario, VISIBILITIES), *_patrons(scenario, RELIABILITIES)]


def live_run_dials(scenario: Scenario) -> list[Dial]:
    """Return the dials of a live page: in finer steps, and the attention of the first
    few audiences to events of the types that they have no attention of its own for.

    Not of `rest`: a file need not name it, and what it does not name cannot be set."""
    dials = [
        *_event_dials(scenario, _steps(0.0, 1.0)),
        *_patrons(scenario, _steps(0.0, 1.0)),
    ]
    for name in [name for name in scenario.audiences if name != "rest"][
        :MOST_AUDIENCES
    ]:
        heeds = scenario.audiences[name].attention.get("default")
        if heeds is not None:
            path = f"audiences.{name}.attention.default"
            levels = _steps(min(0.0, heeds), 1.0)
            dials.append(_numbers(f"attention of {name}", [path], levels, heeds))
    return dials


def _event_dials(scenario: Scenario, levels: Iterable[float]) -> list[Dial]:
    """Return how visible the focal event is, and who takes part in it."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    path = f"events.{focal.id}"
    dials = [_numbers("visibility", [f"{path}.visibility"], levels, focal.visibility)]
    if len(focal.principals) > 2:
        attendance: dict[str, Settings] = {"all": {}}
        for code in focal.principals:
            if code != focal.host:
                others = tuple(state for state in focal.principals if state != code)
                attendance[f"without {code}"] = {f"{path}.principals": others}
        settings = tuple(attendance.values())
        dials.append(Dial("attendance", tuple(attendance), 0, settings))
    return dials


def _patrons(scenario: Scenario, levels: Iterable[float]) -> list[Dial]:
    """Return how reliable all patrons are, if there are any."""
    patrons = sorted({code for state in scenario.states for code in state.patrons})
    if not patrons:
        return []
    paths = [f"states.{code}.reliability" for code in patrons]
    states = [state for state in scenario.states if state.id in patrons]
    start = max(state.reliability for state in states)
    return [_numbers("patron reliability", paths, levels, start)]


def _numbers(
    name: str, paths: Sequence[str], levels: Iterable[float], start: float
) -> Dial:
    """Return a dial over numbers, its start among them."""
    values = tuple(sorted({*levels, start}))
    settings = [dict.fromkeys(paths, value) for value in values]
    place = values.index(start)
    settings[place] = {}
    return Dial(name, values, place, tuple(settings))


def _steps(low: float, high: float) -> list[float]:
    """Return even steps from low to high, both ends among them."""
    steps = np.linspace(low, high, STEPS + 1)
    return [low, *(float(f"{step:.6g}") for step in steps[1:-1]), high]


def sweep_dials(sweep: SweepResult, points: Sequence[Settings]) -> list[Dial]:
    """Return the factors of a sweep, with the values that these points have. Each
    starts at the value nearest to the scenario's own."""
    dials = []
    for path in sweep.paths:
        values = ordered([point.get(path) for point in points])
        dials.append(Dial(path, values, _nearest(values, sweep.scenario, path)))
    return dials


def live_sweep_dials(sweep: SweepResult) -> list[Dial]:
    """Return the factors of a sweep for a live page. Numbers: from the least to the
    greatest of the design and the scenario's own. All else: words, the scenario's own
    first."""
    table, scenario = sweep.table, sweep.scenario
    points = [dict(table.points[number].values) for number in table.numbers()]
    dials = []
    for path in sweep.paths:
        values = [point[path] for point in points if path in point]
        dials.append(live_factor(path, values, scenario))
    return dials


def live_factor(path: str, values: Sequence[Any], scenario: Scenario) -> Dial:
    """Return the dial of a factor with these values in the design."""
    try:
        start = value_at(scenario, path)
    except LookupError:
        return _words(path, {AS_IN_THE_FILE: {}}, values)
    if not all(map(is_number, [start, *values])):
        return _words(path, {listed(start): {}}, values)
    levels = {start, *values}
    if len(levels) > STEPS + 1:
        levels = {min(levels), max(levels)}
    is_integer = all(isinstance(value, int) for value in [start, *values])
    for step in _steps(min(levels), max(levels)):
        levels.add(round(step) if is_integer else step)
    return _numbers(path, [path], levels, start)


def _words(path: str, choices: dict[str, Settings], values: Iterable[Any]) -> Dial:
    """Return a dial over words, those of the scenario first."""
    for value in values:
        choices.setdefault(listed(value), {path: value})
    return Dial(path, tuple(choices), 0, tuple(choices.values()))


def is_number(value: object) -> bool:
    """Return whether a value is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ordered(values: list[Any]) -> tuple[Any, ...]:
    """Return distinct values: numbers by size, all else as words in the order in which
    they come."""
    distinct = list({str(value): value for value in values}.values())
    if all(map(is_number, distinct)):
        return tuple(sorted(distinct))
    return tuple(map(str, distinct))


def _nearest(values: tuple[Any, ...], scenario: Scenario, path: str) -> int:
    """Return the place of the value nearest to the scenario's own; the first where that
    cannot be told."""
    try:
        start = value_at(scenario, path)
    except LookupError:
        return 0
    if isinstance(start, int | float) and all(map(is_number, values)):
        return min(range(len(values)), key=lambda place: abs(values[place] - start))
    return values.index(str(start)) if str(start) in values else 0


def _in_words(value: Any, scenario: Scenario) -> str:
    """Return a value as it is shown: four significant digits of a number of a sample;
    states by name, so that `without PRK` is without North Korea."""
    if isinstance(value, float) and not value.is_integer():
        return format(value, ".4g" if abs(value) < 1000 else ".1f")
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return str(int(value))
    names = state_names(scenario)
    return re.sub(
        r"\b\w{3,}\b", lambda match: names.get(match[0], match[0]), str(value)
    )

"""The points an explorer shows: those of a sweep, or a small design round one study, by the expected estimator."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from balance_sim.analysis.expected_effect import Control, ExpectedEffect, figures
from balance_sim.model.classes import with_classes
from balance_sim.pool.faults import WrongRequest
from balance_sim.replications.arms import compile_arms, reference_key
from balance_sim.results.sweep_result import SweepResult
from balance_sim.scenario import Variations

if TYPE_CHECKING:
    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario

VISIBILITY, RELIABILITY, ATTENDANCE = "visibility", "patron reliability", "attendance"
VISIBILITIES = 0.25, 0.5, 0.75, 1.0
RELIABILITIES = 0.5, 0.6, 0.7, 0.8


@dataclass(frozen=True)
class Dial:
    """One factor: its name and values in order, as numbers or words, and the place it starts at."""

    name: str
    values: tuple[Any, ...]
    start: int


@dataclass(frozen=True)
class Design:
    """Dials, and points as (place on each dial, study). question: what is asked, where not the scenario's own."""

    dials: tuple[Dial, ...]
    points: Callable[[], Iterator[tuple[tuple[int, ...], Result | ExpectedEffect]]]
    count: int
    question: str = ""


def of_sweep(sweep: SweepResult) -> Design:
    """The factors of a sweep as dials. They start at the values nearest to the scenario's own.

    Raises WrongRequest where no point is finished."""
    numbers = [n for n in sweep.table.numbers() if sweep.point(n).finished]
    if not numbers:
        raise WrongRequest(f"{sweep.folder} has no finished point yet")
    rows = {number: dict(sweep.table.points[number].values) for number in numbers}
    dials = []
    for path in sweep.paths:
        values = ordered([rows[n].get(path) for n in numbers])
        dials.append(Dial(path, values, _nearest(values, _at(sweep.scenario, path))))
    places = [{str(value): k for k, value in enumerate(dial.values)} for dial in dials]

    def points() -> Iterator[tuple[tuple[int, ...], Result]]:
        for number in numbers:
            row = rows[number]
            spot = tuple(place[str(row.get(dial.name))] for dial, place in zip(dials, places, strict=True))
            yield spot, sweep.point(number)

    return Design(tuple(dials), points, len(numbers), sweep.question)


def around(result: Result, progress: Callable[[int, int], None] | None = None) -> Design:
    """A small design round a study: how visible the focal event is, who takes part, how reliable the patrons are.

    Each point is the expected effect of the headline arm: nothing is simulated.
    Raises WrongRequest for a study without an arm to compare, or simulated by agents of another class."""
    if result.folder is not None and result.model:
        raise WrongRequest(
            f"{result.folder} was made with --model, and explore runs no code of a study's own"
        )
    arm = result.headline_arm
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    own = with_classes(result.scenario)
    choices = dials_of(own)
    dials = tuple(Dial(name, tuple(words for words, _ in of), start) for name, of, start in choices)
    spots = list(itertools.product(*(range(len(dial.values)) for dial in dials)))

    def points() -> Iterator[tuple[tuple[int, ...], ExpectedEffect]]:
        controls: dict[str, Control] = {}
        variations = Variations(own)
        for done, spot in enumerate(spots):
            if progress:
                progress(done, len(spots))
            values: dict[str, Any] = {}
            for (_, of, _), place in zip(choices, spot, strict=True):
                values |= of[place][1]
            scenario = variations.with_values(values) if values else own
            worlds = compile_arms(scenario, (result.reference, arm))
            control = Control.among(controls, reference_key(scenario), worlds)
            yield spot, ExpectedEffect(scenario, arm, *figures(worlds, arm, control, split=False))

    return Design(dials, points, len(spots))


Choice = tuple[str, list[tuple[Any, dict[str, Any]]], int]


def dials_of(scenario: Scenario) -> list[Choice]:
    """Per dial: its name, (what is shown, values by key path) for each place, and the place it starts at."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    path = f"events.{focal.id}"
    seen = sorted({*VISIBILITIES, focal.visibility})
    steps: list[tuple[Any, dict[str, Any]]] = [(v, {f"{path}.visibility": v}) for v in seen]
    out: list[Choice] = [(VISIBILITY, steps, seen.index(focal.visibility))]
    if len(focal.principals) > 2:
        who: list[tuple[Any, dict[str, Any]]] = [("all", {})]
        for code in (code for code in focal.principals if code != focal.host):
            left = [other for other in focal.principals if other != code]
            who.append((f"without {code}", {f"{path}.principals": left}))
        out.append((ATTENDANCE, who, 0))
    patrons = sorted({patron for state in scenario.states for patron in state.patrons})
    own = {state.id: state.reliability for state in scenario.states}
    if patrons:
        start = max(own[patron] for patron in patrons)
        levels = sorted({*RELIABILITIES, start})
        of = [(v, {f"states.{p}.reliability": v for p in patrons}) for v in levels]
        out.append((RELIABILITY, of, levels.index(start)))
    return out


def ordered(values: list[Any]) -> tuple[Any, ...]:
    """Distinct values: numbers by size, all else as words in the order in which they come."""
    distinct = list({str(value): value for value in values}.values())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in distinct):
        return tuple(sorted(distinct))
    return tuple(str(value) for value in distinct)


def _nearest(values: tuple[Any, ...], own: Any) -> int:
    if isinstance(own, int | float) and all(isinstance(v, int | float) for v in values):
        return min(range(len(values)), key=lambda k: abs(values[k] - own))
    return values.index(str(own)) if str(own) in values else 0


def _at(scenario: Scenario, path: str) -> Any:
    """The scenario's own value at a key path; None where it cannot be told."""
    found: Any = scenario
    for key in path.split("."):
        if isinstance(found, tuple):
            found = next((item for item in found if getattr(item, "id", None) == key), None)
        elif isinstance(found, dict):
            found = found.get(key)
        else:
            found = getattr(found, key, None)
    return found

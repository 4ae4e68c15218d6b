"""The explorer: one HTML file with a sweep's factors as dials; figures and numbers
answer as they are moved.

Its points are those of a sweep, or a small design round one study, by the expected
estimator. What a page holds of each point are whole numbers, in 1/SCALE: the page turns
them back. The live page is made of the same parts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from balance_sim.app.arm_tables import reference_key
from balance_sim.app.workers import estimator_among
from balance_sim.effects.expected import Estimator
from balance_sim.effects.expected_effect import ExpectedEffect, effect_of
from balance_sim.model.baseline import with_classes
from balance_sim.scenario import with_values
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.setter import value_at
from balance_sim.show.atlas import shapes
from balance_sim.show.figures.counts import fan_effects_table, fan_table
from balance_sim.show.figures.dyads import states_table
from balance_sim.show.headline import by_size, clear
from balance_sim.show.report import map_of, policy, rendered, text_of
from balance_sim.show.wording import arm_title, printable, state_names
from balance_sim.study.arms import compile_arms
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.outcomes import Outcome
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

FILE = "explore.html"
SCALE = 100_000  # effects on a dyad are a few thousandths of an agreement
MOST_DYADS, MOST_DAYS = 12, 14
CHANNELS = ("picture", "threat", "rest")
VISIBILITY, RELIABILITY, ATTENDANCE = "visibility", "patron reliability", "attendance"
VISIBILITIES = 0.25, 0.5, 0.75, 1.0
RELIABILITIES = 0.5, 0.6, 0.7, 0.8

type Pairs = dict[tuple[int, int], int]
"""Dyads by the places of their states, each with its number on the page."""
type Place = tuple[int, ...]
"""A place on each dial."""
type Study = Result | ExpectedEffect


class Factor(NamedTuple):
    """What a dial moves: (what is shown, values by key path) for each place, and the
    place it starts at."""

    name: str
    steps: list[tuple[Any, dict[str, Any]]]
    start: int


@dataclass(frozen=True)
class Dial:
    """One factor: its name and values in order, as numbers or words, and the place it
    starts at."""

    name: str
    values: tuple[Any, ...]
    start: int


@dataclass(frozen=True)
class ExplorerDesign:
    """Dials, and a study at each place.

    Attributes
    ----------
    question : what is asked, where not the scenario's own
    study : simulated where the dials start, or next to it: of which a replication can
        be replayed
    """

    dials: tuple[Dial, ...]
    points: Callable[[], Iterator[tuple[Place, Study]]]
    question: str = ""
    study: Result | None = None


def design_of(
    study: Result | SweepResult, progress: Callable[[int, int], None] | None = None
) -> ExplorerDesign:
    """Return the points to show: a sweep's own, or a small design round a study, by the
    expected estimator."""
    if isinstance(study, SweepResult):
        return of_sweep(study)
    return around(study, progress)


def of_sweep(sweep: SweepResult) -> ExplorerDesign:
    """Return the factors of a sweep as dials. They start at the values nearest to the
    scenario's own.

    Raises WrongRequest where no point is finished."""
    values_at = {
        number: dict(sweep.table.points[number].values)
        for number in sweep.table.numbers()
        if sweep.point(number).finished
    }
    if not values_at:
        raise WrongRequest(f"{sweep.folder} has no finished point yet")
    dials = []
    for path in sweep.paths:
        values = ordered([point.get(path) for point in values_at.values()])
        dials.append(Dial(path, values, _nearest(values, sweep.scenario, path)))
    places = {number: _place(dials, point) for number, point in values_at.items()}

    def points() -> Iterator[tuple[Place, Study]]:
        for number, place in places.items():
            yield place, sweep.point(number)

    def distance(number: int) -> int:
        steps = zip(dials, places[number], strict=True)
        return sum((position - dial.start) ** 2 for dial, position in steps)

    nearest = min(places, key=distance)
    return ExplorerDesign(tuple(dials), points, sweep.question, sweep.point(nearest))


def _place(dials: list[Dial], values: Mapping[str, Any]) -> Place:
    """Return where the dials stand for the values of a point."""
    positions = []
    for dial in dials:
        words = [str(value) for value in dial.values]
        positions.append(words.index(str(values.get(dial.name))))
    return tuple(positions)


def around(
    result: Result, progress: Callable[[int, int], None] | None = None
) -> ExplorerDesign:
    """Return a small design round a study: how visible the focal event is, who takes
    part, how reliable the patrons are.

    Each point is the expected effect of the headline arm: nothing is simulated. Raises
    WrongRequest for a study without an arm to compare, or simulated by agents of
    another class."""
    if result.folder is not None and result.model:
        reason = "explore runs no code of a study's own"
        raise WrongRequest(f"{result.folder} was made with --model, and {reason}")
    arm = result.headline_arm
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    base = with_classes(result.scenario)
    factors = dials_of(base)
    dials = [
        Dial(factor.name, tuple(words for words, _ in factor.steps), factor.start)
        for factor in factors
    ]
    places = list(itertools.product(*(range(len(dial.values)) for dial in dials)))

    def points() -> Iterator[tuple[Place, Study]]:
        estimators: dict[str, Estimator] = {}
        for done, place in enumerate(places):
            if progress:
                progress(done, len(places))
            values: dict[str, Any] = {}
            for factor, position in zip(factors, place, strict=True):
                values |= factor.steps[position][1]
            scenario = with_values(base, values) if values else base
            worlds = compile_arms(scenario, (result.reference, arm))
            key = reference_key(scenario)
            estimator = estimator_among(estimators, key, worlds)
            yield place, effect_of(worlds, arm, estimator, with_parts=False)

    return ExplorerDesign(tuple(dials), points, study=result)


def dials_of(scenario: Scenario) -> list[Factor]:
    """Return what the dials of a study of one scenario move."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    path = f"events.{focal.id}"
    levels = sorted({*VISIBILITIES, focal.visibility})
    steps = [(level, {f"{path}.visibility": level}) for level in levels]
    factors = [Factor(VISIBILITY, steps, levels.index(focal.visibility))]
    if len(focal.principals) > 2:
        attendance: list[tuple[Any, dict[str, Any]]] = [("all", {})]
        for code in focal.principals:
            if code != focal.host:
                others = [state for state in focal.principals if state != code]
                attendance.append((f"without {code}", {f"{path}.principals": others}))
        factors.append(Factor(ATTENDANCE, attendance, 0))
    patrons = sorted({code for state in scenario.states for code in state.patrons})
    if patrons:
        states = [state for state in scenario.states if state.id in patrons]
        start = max(state.reliability for state in states)
        levels = sorted({*RELIABILITIES, start})
        paths = [f"states.{code}.reliability" for code in patrons]
        steps = [(level, dict.fromkeys(paths, level)) for level in levels]
        factors.append(Factor(RELIABILITY, steps, levels.index(start)))
    return factors


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


def document(design: ExplorerDesign) -> dict[str, Any]:
    """Return the whole of an explorer as plain data. States and dyads are told by
    number, values in 1/SCALE."""
    page: dict[str, Any] = {}
    points: list[dict[str, Any]] = []
    pairs: Pairs = {}
    days: list[int] = []
    dials = [
        {"name": dial.name, "values": list(dial.values), "start": dial.start}
        for dial in design.dials
    ]
    for place, study in design.points():
        scenario = study.scenario
        if isinstance(study, ExpectedEffect):
            arm, estimator, days = study.arm, "expected", days_of(scenario)
            numbers = expected_point(study, pairs)
        else:
            arm, estimator, table = (
                str(study.headline_arm),
                "simulated",
                fan_table(study),
            )
            days = days or chosen_days(table)
            numbers = point(study, table, days, pairs)
        points.append({"at": list(place)} | numbers)
        if not page:
            page = heading(scenario, scenario.reference_arm, arm, dials)
            page["estimator"] = estimator
    if design.question:
        page["question"] = printable(design.question)
    page |= {"days": days, "pairs": [list(dyad) for dyad in pairs]}
    return page | {"points": points}


def heading(
    scenario: Scenario, reference: str, arm: str, dials: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what a page says once: the question, the arms, the dials (name, values,
    words for them, start), states, map."""
    for dial in dials:
        dial["words"] = [named(in_words(value), scenario) for value in dial["values"]]
    return {
        "title": printable(scenario.title),
        "question": printable(scenario.question),
        "arm": arm_title(scenario, arm),
        "reference": arm_title(scenario, reference),
        "window": max(scenario.report.windows),
        "windows": days_of(scenario),
        "scale": SCALE,
        "dials": dials,
        "states": [state.id for state in scenario.states],
        "names": list(state_names(scenario).values()),
        "map": shapes(scenario),
    }


def named(words: str, scenario: Scenario) -> str:
    """Return the words of a dial's value with its states by name: `without PRK` is
    without North Korea."""
    names = state_names(scenario)
    return re.sub(r"\b\w{3,}\b", lambda match: names.get(match[0], match[0]), words)


def in_words(value: Any) -> str:
    """Return a dial's value as it is shown: four significant digits of a number of a
    sample."""
    if isinstance(value, float) and not value.is_integer():
        return format(value, ".4g" if abs(value) < 1000 else ".1f")
    if isinstance(value, bool):
        return json.dumps(value)
    return str(int(value) if isinstance(value, float) else value)


def days_of(scenario: Scenario) -> list[int]:
    """Return day 0 and the ends of the windows: where an expected effect is told."""
    return [0, *sorted(scenario.report.windows)]


def chosen_days(table: pd.DataFrame) -> list[int]:
    """Return, of a fan's table, day 0, the last, and about a dozen between."""
    days = np.unique(table["day"].to_numpy(int))
    places = np.round(np.linspace(0, len(days) - 1, MOST_DAYS)).astype(int)
    return [int(days[place]) for place in np.unique(places)]


def point(
    result: Result, table: pd.DataFrame, days: list[int], pairs: Pairs
) -> dict[str, Any]:
    """Return what a page shows of a study; table: its fan's.

    n: replications; e: effect by the ends of the windows, l, h: its 95 % CI (null: one
    replication); m, w: mean of the control arm and of the headline by day, q: the
    control's 5, 50 and 95 % of replications; p: [dyad, effect, low, high, clear] of the
    dyads furthest from zero; s: [state, effect, low, high] of those whose CI excludes
    zero. pairs: the dyads' numbers, a new one where a dyad has none yet."""
    table = table[table["day"].isin(days)]
    reference = table[table["role"] == "reference"]
    headline = table[table["role"] == "headline"]
    effects = fan_effects_table(result)
    effects = effects[effects["role"] == "headline"]
    states = states_table(result)
    rows = states[states["clear"]].to_dict("records")
    places = {code: place for place, code in enumerate(result.scenario.codes)}
    return {
        "n": int(reference["n"].iloc[0]),
        "e": whole(effects["effect"]),
        "l": whole(effects["lo"]),
        "h": whole(effects["hi"]),
        "m": whole(reference["mean"]),
        "w": whole(headline["mean"]),
        "q": [whole(reference[name]) for name in ("q05", "q50", "q95")],
        "p": _top_dyads(result, pairs),
        "s": [[places[row["code"]], *_with_interval(row)] for row in rows],
    }


def _with_interval(row: dict[Any, Any]) -> list[Any]:
    """Return effect, low and high of a row, in 1/SCALE."""
    return whole(row[name] for name in ("effect", "lo", "hi"))


def _top_dyads(result: Result, pairs: Pairs) -> list[list[Any]]:
    """Return [dyad, effect, low, high, clear] of the dyads furthest from zero."""
    places = {code: place for place, code in enumerate(result.scenario.codes)}
    dyads = result.dyads
    is_shown = (dyads["arm"] == result.headline_arm) & (dyads["effect"] != 0)
    dyads = dyads[is_shown]
    dyads = by_size(dyads.assign(clear=clear(dyads))).head(MOST_DYADS)
    rows = []
    for row in dyads.to_dict("records"):
        states = (places[row["a"]], places[row["b"]])
        number = pairs.setdefault(states, len(pairs))
        rows.append([number, *_with_interval(row), int(row["clear"])])
    return rows


def expected_point(effect: ExpectedEffect, pairs: Pairs) -> dict[str, Any]:
    """Return what a page shows of an expected effect, as `point` has it of a study:
    exact numbers, without replications.

    n: 0 replications; e: effect by the ends of the windows; l, h: no interval; m, w:
    expected numbers in the control arm and in the arm; c: its channels (null: the arm
    lacks the event, or they were not asked for); p, s: of the dyads furthest from zero
    and of all states that differ. pairs: as there."""
    scenario = effect.scenario
    names = [Outcome("accords", "counter", days).name for days in days_of(scenario)[1:]]
    control, arm = (
        np.array([0.0, *(outcomes[name] for name in names)])
        for outcomes in effect.outcomes
    )
    places = {code: place for place, code in enumerate(scenario.codes)}
    a, b = (effect.dyads[side].map(places).to_numpy(int) for side in ("a", "b"))
    changes = effect.dyads["effect"].to_numpy(float)
    by_state = np.zeros(len(places))
    for side in (a, b):
        by_state += np.bincount(side, changes, len(places))
    dyads = []
    for i, j, change in zip(a, b, whole(changes[:MOST_DYADS]), strict=False):
        if change:
            number = pairs.setdefault((int(i), int(j)), len(pairs))
            dyads.append([number, change, None, None, 1])
    unknown = [None] * len(control)
    channels = effect.channels
    return {
        "n": 0,
        "e": whole(arm - control),
        "l": unknown,
        "h": unknown,
        "m": whole(control),
        "w": whole(arm),
        "c": whole([channels[name] for name in CHANNELS]) if channels else None,
        "p": dyads,
        "s": [
            [place, change] for place, change in enumerate(whole(by_state)) if change
        ],
    }


def whole(values: Iterable[float]) -> list[Any]:
    """Return values in 1/SCALE; None where there is none."""
    return [
        round(SCALE * float(value)) if np.isfinite(value) else None for value in values
    ]


def explorer_html(design: ExplorerDesign) -> str:
    """Return the page of a design. The same bytes for the same results."""
    page = document(design)
    replayed = ""
    study = design.study
    if study is not None and study.headline_arm is not None and len(study.dyads):
        replayed = map_of(study)
    return _page("explore", f"{page['title']}: explorer", page, replayed=replayed)[0]


def live_html(content: dict[str, Any]) -> tuple[str, str]:
    """Return the live page, and the policy it asks for: like the explorer, but that it
    may ask its own server.

    content: `heading`, and `runs`: those asked for at first; `choices`: those that can
    be."""
    return _page("live", f"{content['title']}: live", content, connect="'self'")


def _page(
    name: str,
    title: str,
    content: dict[str, Any],
    connect: str = "'none'",
    replayed: str = "",
) -> tuple[str, str]:
    """Return a page with its data and script, and its policy. replayed: the map of a
    replication, as HTML."""
    text = json.dumps(
        content, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )
    # JSON in a script element, which `<` could end; as an escape it cannot.
    data = text.replace("<", "\\u003c")
    values = {"title": title, "found": content, "data": data, "replayed": replayed}
    scripts = ["draw.js", f"{name}.js"]
    if replayed:
        scripts.append("replay.js")
    script = "".join(map(text_of, scripts))
    style = text_of("report.css") + text_of("explore.css")
    page = rendered(f"{name}.html", values, script, style, connect)
    return page, policy(style, script, connect)


def save_explorer(design: ExplorerDesign, path: Path) -> Path:
    """Write the page, whole or not at all. Raises CannotWrite."""
    write_atomic(path, explorer_html(design).encode("utf-8", "backslashreplace"))
    return path

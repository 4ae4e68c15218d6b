"""The explorer: one HTML file with a sweep's factors as dials; figures and numbers
answer as they are moved.

Its points are those of a sweep, or a small design round one study, by the expected
estimator. What a page holds of each point are whole numbers, in 1/SCALE: the page turns
them back. The live page is made of the same parts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.expected_effect import (
    ExpectedControl,
    ExpectedEffect,
    expected_numbers,
)
from balance_sim.model.baseline import with_classes
from balance_sim.scenario import with_values
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.setter import value_at
from balance_sim.show.atlas import shapes
from balance_sim.show.figures.counts import fan_effects_table, fan_table
from balance_sim.show.figures.dyads import has_dyads, states_table
from balance_sim.show.headline import by_size, clear
from balance_sim.show.report import map_of, policy, rendered, text_of
from balance_sim.show.wording import arm_title, printable, state_names
from balance_sim.study.arms import compile_arms, reference_key
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
type Choice = tuple[str, list[tuple[Any, dict[str, Any]]], int]


@dataclass(frozen=True)
class Dial:
    """One factor: its name and values in order, as numbers or words, and the place it
    starts at."""

    name: str
    values: tuple[Any, ...]
    start: int


@dataclass(frozen=True)
class ExplorerDesign:
    """Dials, and points as (place on each dial, study). question: what is asked, where
    not the scenario's own; study: simulated where the dials start, or next to it: of
    which a replication can be replayed."""

    dials: tuple[Dial, ...]
    points: Callable[[], Iterator[tuple[tuple[int, ...], Result | ExpectedEffect]]]
    question: str = ""
    study: Result | None = None


def design_of(
    study: Result | SweepResult, progress: Callable[[int, int], None] | None = None
) -> ExplorerDesign:
    """The points to show: a sweep's own, or a small design round a study, by the
    expected estimator."""
    return (
        of_sweep(study) if isinstance(study, SweepResult) else around(study, progress)
    )


def of_sweep(sweep: SweepResult) -> ExplorerDesign:
    """The factors of a sweep as dials. They start at the values nearest to the
    scenario's own.

    Raises WrongRequest where no point is finished."""
    rows = {
        n: dict(sweep.table.points[n].values)
        for n in sweep.table.numbers()
        if sweep.point(n).finished
    }
    if not rows:
        raise WrongRequest(f"{sweep.folder} has no finished point yet")
    dials, spots = [], {number: tuple[int, ...]() for number in rows}
    for path in sweep.paths:
        values = ordered([row.get(path) for row in rows.values()])
        place = {str(value): k for k, value in enumerate(values)}
        dials.append(Dial(path, values, _nearest(values, sweep.scenario, path)))
        spots = {
            number: (*spots[number], place[str(row.get(path))])
            for number, row in rows.items()
        }

    def points() -> Iterator[tuple[tuple[int, ...], Result]]:
        for number, spot in spots.items():
            yield spot, sweep.point(number)

    def away(number: int) -> int:
        return sum(
            (place - dial.start) ** 2
            for dial, place in zip(dials, spots[number], strict=True)
        )

    return ExplorerDesign(
        tuple(dials), points, sweep.question, sweep.point(min(rows, key=away))
    )


def around(
    result: Result, progress: Callable[[int, int], None] | None = None
) -> ExplorerDesign:
    """A small design round a study: how visible the focal event is, who takes part, how
    reliable the patrons are.

    Each point is the expected effect of the headline arm: nothing is simulated. Raises
    WrongRequest for a study without an arm to compare, or simulated by agents of
    another class."""
    if result.folder is not None and result.model:
        raise WrongRequest(
            f"{result.folder} was made with --model, and explore runs no code of a study's own"
        )
    arm = result.headline_arm
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    own = with_classes(result.scenario)
    choices = dials_of(own)
    dials = tuple(
        Dial(name, tuple(words for words, _ in steps), start)
        for name, steps, start in choices
    )
    spots = list(itertools.product(*(range(len(dial.values)) for dial in dials)))

    def points() -> Iterator[tuple[tuple[int, ...], ExpectedEffect]]:
        controls: dict[str, ExpectedControl] = {}
        for done, spot in enumerate(spots):
            if progress:
                progress(done, len(spots))
            values = {
                path: v
                for (_, steps, _), k in zip(choices, spot, strict=True)
                for path, v in steps[k][1].items()
            }
            scenario = with_values(own, values) if values else own
            worlds = compile_arms(scenario, (result.reference, arm))
            control = ExpectedControl.among(controls, reference_key(scenario), worlds)
            outcomes, dyads = expected_numbers(worlds, arm, control)
            yield spot, ExpectedEffect(scenario, arm, outcomes, None, dyads)

    return ExplorerDesign(dials, points, study=result)


def dials_of(scenario: Scenario) -> list[Choice]:
    """Per dial: its name, (what is shown, values by key path) for each place, and the
    place it starts at."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    path = f"events.{focal.id}"
    seen = sorted({*VISIBILITIES, focal.visibility})
    out: list[Choice] = [
        (
            VISIBILITY,
            [(v, {f"{path}.visibility": v}) for v in seen],
            seen.index(focal.visibility),
        )
    ]
    if len(focal.principals) > 2:
        lefts = {
            code: [of for of in focal.principals if of != code]
            for code in focal.principals
            if code != focal.host
        }
        without = [
            (f"without {code}", {f"{path}.principals": left})
            for code, left in lefts.items()
        ]
        out.append((ATTENDANCE, [("all", {}), *without], 0))
    if patrons := sorted(
        {patron for state in scenario.states for patron in state.patrons}
    ):
        start = max(
            state.reliability for state in scenario.states if state.id in patrons
        )
        trust = sorted({*RELIABILITIES, start})
        of = [(v, {f"states.{p}.reliability": v for p in patrons}) for v in trust]
        out.append((RELIABILITY, of, trust.index(start)))
    return out


def ordered(values: list[Any]) -> tuple[Any, ...]:
    """Distinct values: numbers by size, all else as words in the order in which they
    come."""
    distinct = list({str(value): value for value in values}.values())
    if all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in distinct
    ):
        return tuple(sorted(distinct))
    return tuple(str(value) for value in distinct)


def _nearest(values: tuple[Any, ...], scenario: Scenario, path: str) -> int:
    """The place of the value nearest to the scenario's own; the first where that cannot
    be told."""
    try:
        own = value_at(scenario, path)
    except LookupError:
        return 0
    if isinstance(own, int | float) and all(isinstance(v, int | float) for v in values):
        return min(range(len(values)), key=lambda k: abs(values[k] - own))
    return values.index(str(own)) if str(own) in values else 0


def document(design: ExplorerDesign) -> dict[str, Any]:
    """The whole of an explorer as plain data. States and dyads are told by number,
    values in 1/SCALE."""
    found: dict[str, Any] = {}
    points: list[dict[str, Any]] = []
    pairs: Pairs = {}
    days: list[int] = []
    dials = [
        {"name": d.name, "values": list(d.values), "start": d.start}
        for d in design.dials
    ]
    for spot, one in design.points():
        if isinstance(one, ExpectedEffect):
            arm, estimator, days = one.arm, "expected", days_of(one.scenario)
            here = expected_point(one, pairs)
        else:
            arm, estimator, table = str(one.headline_arm), "simulated", fan_table(one)
            days = days or chosen_days(table)
            here = point(one, table, days, pairs)
        points.append({"at": list(spot)} | here)
        found = found or heading(
            one.scenario, one.scenario.reference_arm, arm, dials
        ) | {"estimator": estimator}
    if design.question:
        found["question"] = printable(design.question)
    return found | {
        "days": days,
        "pairs": [list(dyad) for dyad in pairs],
        "points": points,
    }


def heading(
    scenario: Scenario, reference: str, arm: str, dials: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a page says once: the question, the arms, the dials (name, values, words for
    them, start), states, map."""
    return {
        "title": printable(scenario.title),
        "question": printable(scenario.question),
        "arm": arm_title(scenario, arm),
        "reference": arm_title(scenario, reference),
        "window": max(scenario.report.windows),
        "windows": days_of(scenario),
        "scale": SCALE,
        "dials": [
            d | {"words": [named(in_words(v), scenario) for v in d["values"]]}
            for d in dials
        ],
        "states": [state.id for state in scenario.states],
        "names": list(state_names(scenario).values()),
        "map": shapes(scenario),
    }


def named(words: str, scenario: Scenario) -> str:
    """The words of a dial's value with its states by name: `without PRK` is without
    North Korea."""
    names = state_names(scenario)
    return re.sub(r"\b\w{3,}\b", lambda found: names.get(found[0], found[0]), words)


def in_words(value: Any) -> str:
    """A dial's value as it is shown: four significant digits of a number of a
    sample."""
    if isinstance(value, float):
        return (
            str(int(value))
            if value.is_integer()
            else format(value, ".4g" if abs(value) < 1000 else ".1f")
        )
    return json.dumps(value) if isinstance(value, bool) else str(value)


def days_of(scenario: Scenario) -> list[int]:
    """Day 0 and the ends of the windows: where an expected effect is told."""
    return [0, *sorted(scenario.report.windows)]


def chosen_days(table: pd.DataFrame) -> list[int]:
    """Of a fan's table: day 0, the last, and about a dozen between."""
    days = np.unique(table["day"].to_numpy(int))
    return [
        int(days[place])
        for place in np.unique(
            np.round(np.linspace(0, len(days) - 1, MOST_DAYS)).astype(int)
        )
    ]


def point(
    result: Result, table: pd.DataFrame, days: list[int], pairs: Pairs
) -> dict[str, Any]:
    """What a page shows of a study; table: its fan's.

    n: replications; e: effect by the ends of the windows, l, h: its 95 % CI (null: one
    replication); m, w: mean of the control arm and of the headline by day, q: the
    control's 5, 50 and 95 % of replications; p: [dyad, effect, low, high, clear] of the
    dyads furthest from zero; s: [state, effect, low, high] of those whose CI excludes
    zero. pairs: the dyads' numbers, a new one where a dyad has none yet."""
    table = table[table["day"].isin(days)]
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    effects = fan_effects_table(result)
    effects = effects[effects["role"] == "headline"]
    codes = {code: k for k, code in enumerate(result.scenario.codes)}
    dyads, states = result.dyads, states_table(result)
    dyads = dyads[(dyads["arm"] == result.headline_arm) & (dyads["effect"] != 0)]
    top = by_size(dyads.assign(clear=clear(dyads))).head(MOST_DYADS).to_dict("records")
    spans = [whole(row[name] for name in ("effect", "lo", "hi")) for row in top]
    numbers = [
        pairs.setdefault((codes[row["a"]], codes[row["b"]]), len(pairs)) for row in top
    ]
    return {
        "n": int(base["n"].iloc[0]),
        "e": whole(effects["effect"]),
        "l": whole(effects["lo"]),
        "h": whole(effects["hi"]),
        "m": whole(base["mean"]),
        "w": whole(chosen["mean"]),
        "q": [whole(base[name]) for name in ("q05", "q50", "q95")],
        "p": [
            [k, *span, int(row["clear"])]
            for k, span, row in zip(numbers, spans, top, strict=True)
        ],
        "s": [
            [codes[row["code"]], *whole(row[name] for name in ("effect", "lo", "hi"))]
            for row in states[states["clear"]].to_dict("records")
        ],
    }


def expected_point(found: ExpectedEffect, pairs: Pairs) -> dict[str, Any]:
    """What a page shows of an expected effect, as `point` has it of a study: exact
    numbers, without replications.

    n: 0 replications; e: effect by the ends of the windows; l, h: no interval; m, w:
    expected numbers in the control arm and in the arm; c: its channels (null: the arm
    lacks the event, or they were not asked for); p, s: of the dyads furthest from zero
    and of all states that differ. pairs: as there."""
    names = [
        Outcome("accords", "counter", days).name for days in days_of(found.scenario)[1:]
    ]
    control, arm = (
        np.array([0.0, *(of[name] for name in names)]) for of in found.outcomes
    )
    codes = {code: k for k, code in enumerate(found.scenario.codes)}
    sides = [found.dyads[side].map(codes).to_numpy(int) for side in ("a", "b")]
    effect = found.dyads["effect"].to_numpy(float)
    of_state = sum(np.bincount(side, effect, len(codes)) for side in sides)
    top = [*zip(*(side.tolist() for side in sides), whole(effect), strict=True)][
        :MOST_DYADS
    ]
    unknown = [None] * len(control)
    return {
        "n": 0,
        "e": whole(arm - control),
        "l": unknown,
        "h": unknown,
        "m": whole(control),
        "w": whole(arm),
        "c": whole([found.parts[name] for name in CHANNELS]) if found.parts else None,
        "p": [
            [pairs.setdefault((a, b), len(pairs)), by, None, None, 1]
            for a, b, by in top
            if by
        ],
        "s": [
            [k, value] for k, value in enumerate(whole(np.asarray(of_state))) if value
        ],
    }


def whole(values: Iterable[float]) -> list[Any]:
    """Values in 1/SCALE; None where there is none."""
    return [round(SCALE * float(v)) if np.isfinite(v) else None for v in values]


def explorer_html(design: ExplorerDesign) -> str:
    """The page of a design. The same bytes for the same results."""
    found = document(design)
    replayed = (
        map_of(design.study)
        if design.study is not None and has_dyads(design.study)
        else ""
    )
    return _page("explore", f"{found['title']}: explorer", found, replayed=replayed)[0]


def live_html(found: dict[str, Any]) -> tuple[str, str]:
    """The live page, and the policy it asks for: like the explorer, but that it may ask
    its own server.

    found: `heading`, and `runs`: those asked for at first; `choices`: those that can
    be."""
    return _page("live", f"{found['title']}: live", found, connect="'self'")


def _page(
    name: str,
    title: str,
    found: dict[str, Any],
    connect: str = "'none'",
    replayed: str = "",
) -> tuple[str, str]:
    """A page with its data and script, and its policy. replayed: the map of a
    replication, as HTML."""
    # JSON in a script element, which `<` could end; as an escape it cannot.
    data = json.dumps(
        found, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    ).replace("<", "\\u003c")
    content = {"title": title, "found": found, "data": data, "replayed": replayed}
    scripts = ["draw.js", f"{name}.js", *(["replay.js"] if replayed else [])]
    script, style = (
        "".join(map(text_of, scripts)),
        text_of("report.css") + text_of("explore.css"),
    )
    return rendered(f"{name}.html", content, script, style, connect), policy(
        style, script, connect
    )


def save_explorer(design: ExplorerDesign, path: Path) -> Path:
    """Write the page, whole or not at all. Raises CannotWrite."""
    write_atomic(path, explorer_html(design).encode("utf-8", "backslashreplace"))
    return path

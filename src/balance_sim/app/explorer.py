"""The explorer: one HTML file with a sweep's factors as dials; figures and numbers
answer as they are moved.

Its points are those of a sweep, or a small design round one study, by the expected
estimator. What a page holds of each point are whole numbers, in 1/SCALE: the page turns
them back. The live page is made of the same parts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.app.dials import Dial, run_dials, sweep_dials
from balance_sim.effects.expected import Estimator
from balance_sim.effects.expected_effect import ExpectedEffect, effect_of
from balance_sim.model.baseline import compile_worlds, with_classes
from balance_sim.scenario import with_values
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.atlas import shapes
from balance_sim.show.figures.counts import fan_effects_table, fan_table
from balance_sim.show.figures.dyads import states_table
from balance_sim.show.headline import by_size, clear
from balance_sim.show.report import map_of, policy, rendered, text_of
from balance_sim.show.wording import arm_title, band_words, printable, state_names
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

type Pairs = dict[tuple[int, int], int]
"""Dyads by the places of their states, each with its number on the page."""
type Place = tuple[int, ...]
"""A place on each dial."""
type Study = Result | ExpectedEffect


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
    dials = sweep_dials(sweep, list(values_at.values()))
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
    dials = run_dials(base)
    places = list(itertools.product(*(range(len(dial.values)) for dial in dials)))

    def points() -> Iterator[tuple[Place, Study]]:
        for done, place in enumerate(places):
            if progress:
                progress(done, len(places))
            values: dict[str, Any] = {}
            for dial, position in zip(dials, place, strict=True):
                values |= dial.settings[position]
            worlds = compile_worlds(with_values(base, values), (result.reference, arm))
            yield place, effect_of(worlds, arm, Estimator(worlds), with_parts=False)

    return ExplorerDesign(tuple(dials), points, study=result)


def document(design: ExplorerDesign) -> dict[str, Any]:
    """Return the whole of an explorer as plain data. States and dyads are told by
    number, values in 1/SCALE."""
    page: dict[str, Any] = {}
    points: list[dict[str, Any]] = []
    pairs: Pairs = {}
    days: list[int] = []
    for place, study in design.points():
        days, numbers = point_of(study, pairs, days)
        points.append({"at": list(place)} | numbers)
        if not page:
            page = heading(study.scenario, _arm_of(study), design.dials)
            page["estimator"] = "expected"
            if not isinstance(study, ExpectedEffect):
                page["estimator"] = "simulated"
                page["band"] = band_words(study.scenario, study.draws)
    if design.question:
        page["question"] = printable(design.question)
    page |= {"days": days, "pairs": [list(dyad) for dyad in pairs]}
    return page | {"points": points}


def _arm_of(study: Study) -> str:
    """Return the arm that a study compares with the control arm."""
    return study.arm if isinstance(study, ExpectedEffect) else str(study.headline_arm)


def heading(scenario: Scenario, arm: str, dials: Sequence[Dial]) -> dict[str, Any]:
    """Return what a page says once: the question, the arms, the dials (name, values,
    words for them, start), states, map."""
    return {
        "title": printable(scenario.title),
        "question": printable(scenario.question),
        "arm": arm_title(scenario, arm),
        "reference": arm_title(scenario, scenario.reference_arm),
        "window": max(scenario.report.windows),
        "windows": days_of(scenario),
        "scale": SCALE,
        "dials": [dial.on_page(scenario) for dial in dials],
        "states": [state.id for state in scenario.states],
        "names": list(state_names(scenario).values()),
        "map": shapes(scenario),
    }


def days_of(scenario: Scenario) -> list[int]:
    """Return day 0 and the ends of the windows: where an expected effect is told."""
    return [0, *sorted(scenario.report.windows)]


def point_of(
    study: Study, pairs: Pairs, days: list[int] | None = None
) -> tuple[list[int], dict[str, Any]]:
    """Return the days of a point, and what a page shows of it.

    pairs: the dyads' numbers, a new one where a dyad has none yet; days: of the points
    before, which are this one's too."""
    if isinstance(study, ExpectedEffect):
        return days_of(study.scenario), expected_point(study, pairs)
    table = fan_table(study)
    if not days:
        all_days = np.unique(table["day"].to_numpy(int))
        places = np.round(np.linspace(0, len(all_days) - 1, MOST_DAYS)).astype(int)
        days = all_days[np.unique(places)].tolist()
    return days, point(study, table[table["day"].isin(days)], pairs)


def point(result: Result, table: pd.DataFrame, pairs: Pairs) -> dict[str, Any]:
    """Return what a page shows of a study; table: its fan's, on the days that are
    shown.

    n: replications; e: effect by the ends of the windows, l, h: its 95 % CI (null: one
    replication); m, w: mean of the control arm and of the headline by day, q: the
    control's 5, 50 and 95 %; p: [dyad, effect, low, high, clear] of the
    dyads furthest from zero; s: [state, effect, low, high] of those whose CI excludes
    zero. pairs: as in `point_of`."""
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

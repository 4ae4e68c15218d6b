"""A world of real states in a year, from the extracts of public series that ship
(`record/SOURCES.md`) and by the rules of cases from history: what `balance-sim new NAME
--states` writes, with an example of an event."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from balance_sim.evidence.cases.record import Pair, Record, pacts_in_force, short
from balance_sim.evidence.cases.scenario import (
    csv_files,
    missing_series,
    rendered,
    tables_of,
)
from balance_sim.evidence.cases.tables import Actor, actor, is_state_in
from balance_sim.evidence.data.extracts import EXTRACTS
from balance_sim.model.baseline import compile_worlds, fear_of, standing, step_before
from balance_sim.model.classes import LISTS
from balance_sim.model.core import Bools, Floats, World
from balance_sim.model.engine import perceive
from balance_sim.model.perception import View
from balance_sim.model.world import by_audience, quarrels
from balance_sim.scenario import load_scenario
from balance_sim.scenario.actors import code_table, explain, successor
from balance_sim.scenario.diagnostics import (
    IDENTIFIER,
    IDENTIFIERS,
    Diagnostics,
    Mark,
    ScenarioError,
    listed,
    refused,
    shown,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.study.spans import at_start

FIRST_YEAR, LAST_YEAR = 1947, 2026
"""Years before whose first day the extracts hold a year."""
FEWEST_STATES = 3
MOST_TARGETS = 8
"""Targets of the example's event."""
A_DYAD = 0.024
"""Agreements a dyad and year where none are stated: 29.3 a year among the 1,225 dyads
of Beijing 2025, by its calibration."""
ALONE, TOGETHER = "incident", "exercise"
"""Kinds of the example's event."""
HEED = ("threatened", "wary")
"""Lists of the class table whose states can count."""
NOT_SHIPPED = (
    "Left blank, since they may not be shipped: {}. `balance-sim evidence case` reads "
    "them from files of your own."
)


class Example(NamedTuple):
    """Who acts in the example, and at whom: codes, sorted."""

    principals: tuple[str, ...]
    targets: tuple[str, ...]


def build_world(
    name: str, states: str, year: int | None, base_rate: float | None
) -> tuple[dict[str, str], str]:
    """The files of a scenario by their path beside NAME.yaml, and of which day it is,
    in words.

    Parameters
    ----------
    name : of the scenario
    states : ISO3 codes with commas between them
    year : on whose first day it starts; the last there is, if None or later
    base_rate : agreements a year that it states, if any

    Raises
    ------
    ScenarioError : for a name or a code that is none, a year before the record, and
        more agreements than dyads
    """
    if not IDENTIFIER.fullmatch(name):
        why = f"`{shown(name)}` is not a valid identifier"
        raise refused(Mark("NAME", 1, 1), "", "E106", why, "", IDENTIFIERS)
    of_year = LAST_YEAR if year is None else min(year, LAST_YEAR)
    if of_year < FIRST_YEAR:
        raise refused(
            Mark("--year", 1, 1),
            "",
            "E203",
            f"{year} is before the record",
            "`balance-sim evidence case` goes back to 1900, from files of your own",
            f"{FIRST_YEAR}..{LAST_YEAR}",
        )
    actors = _actors(states, of_year)
    dyads = math.comb(len(actors), 2)
    if base_rate is not None and base_rate > dyads:
        why = f"{base_rate:g} agreements a year among {len(actors)} states"
        place = Mark("--base-rate", 1, 1)
        raise refused(place, "", "E203", why, "give fewer", f"up to {dyads}")
    first_day = date(of_year, 1, 1)
    record = Record.of(EXTRACTS, actors, first_day + timedelta(days=1))
    tables, gaps = tables_of(record)
    files = csv_files(tables, name)
    values: dict[str, object] = {
        "name": name,
        "states": record.codes,
        "start": first_day,
        "notes": [NOT_SHIPPED.format(listed(missing_series(record))), *gaps],
        "tables": [*files],
        "base_rate": short(base_rate or float(f"{A_DYAD * dyads:.2g}")),
        "is_guess": base_rate is None,
        "dyads": dyads,
        "a_dyad": A_DYAD,
    }
    drafted = {
        f"{name}.yaml": _text(Example((record.codes[0],), (record.codes[1],)), values),
        **files,
    }
    allies = pacts_in_force(tables["accords"])
    text = _text(_example(name, drafted, allies), values)
    description = f"the world of {first_day}"
    if year is not None and year > LAST_YEAR:
        description += f" ({LAST_YEAR} is the last year on record, {year} is not)"
    return {**drafted, f"{name}.yaml": text}, description


def _text(example: Example, values: Mapping[str, object]) -> str:
    """The text of NAME.yaml with an example of an event."""
    names = [code_table()[code].name for code in example.principals]
    alone = len(names) == 1
    act = f"an incident that {names[0]} provokes"
    return rendered(
        "world.yaml.jinja",
        act=act if alone else f"an exercise of {' and '.join(names)}",
        kind=ALONE if alone else TOGETHER,
        principals=example.principals,
        targets=example.targets,
        **values,
    )


def _actors(states: str, year: int) -> list[Actor]:
    """The states of a list of codes, sorted. Raises ScenarioError for all that are
    none."""
    problems, actors = Diagnostics(), dict[str, Actor]()
    codes_by_state: dict[str, str] = {}
    column = 1
    for position, word in enumerate(states.split(",")):
        code, mark = word.strip().upper(), Mark("--states", 1, column)
        path, column = f"states[{position}]", column + len(word) + 1
        if code not in code_table():
            problems.add(mark, path, *explain(word.strip(), ()))
            continue
        state, why = actor(code, date(year, 1, 1)), is_state_in(code, year)
        if state is None or why is not None:
            why = why or f"`{code}` has no COW number, so no series has it"
            problems.add(mark, path, "E304", why, successor(code))
        elif state.iso3 in codes_by_state:
            why = f"`{code}` and `{codes_by_state[state.iso3]}` are one state"
            problems.add(mark, path, "E306", why)
        else:
            actors[code], codes_by_state[state.iso3] = state, code
    if problems:
        raise ScenarioError(problems)
    if len(actors) < FEWEST_STATES:
        why = f"{len(actors)} states, and {FEWEST_STATES} are needed for a reaction"
        raise refused(Mark("--states", 1, 1), "states", "E212", why, "name more")
    return [actors[code] for code in sorted(actors)]


def _example(name: str, files: Mapping[str, str], allies: Sequence[Pair]) -> Example:
    """The state whose strategic rivalries join most strength, the sum over its rivals
    of both capabilities multiplied, and of equals the more feared; where there are any,
    of those against which some dyad of the others can count as counter-balancing at the
    start. With an ally where more dyads can count against both. Aimed at those with
    whom they have quarrels of weight.

    files: of the scenario with any other example."""
    with TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder) / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        scenario = load_scenario(Path(folder) / f"{name}.yaml")
    world = compile_worlds(scenario, (scenario.reference_arm,)).reference
    view = perceive(world, at_start(world), step_before(world))
    codes, everyone = world.codes, range(world.n)
    pacts = sorted({(codes.index(a), codes.index(b)) for a, b in allies})
    rivalry = _rivalries(scenario, codes)
    contested = world.capability * (rivalry @ world.capability)

    def watch(actor: int) -> tuple[float, float]:
        """How much strength its rivalries join, and what the others fear of it, in
        shares of their balance; rounded, so that equals are equal."""
        fear = float(fear_of(view, (actor,)).sum())
        return round(float(contested[actor]), 12), round(fear, 9)

    can_count = [i for i in everyone if _counted(view, (i,))]
    lead = max(can_count or everyone, key=watch)
    teams = [(lead,), *(pact for pact in pacts if lead in pact)]
    actors = max(teams, key=lambda team: _counted(view, team))
    aimed = _targets(scenario, world, actors) or _fearful(view, actors)
    return Example(tuple(codes[i] for i in actors), tuple(codes[i] for i in aimed))


def _targets(scenario: Scenario, world: World, actors: tuple[int, ...]) -> list[int]:
    """Those with whom some actors have a quarrel of weight, as much as a claim or more:
    at most so many, of those whose quarrels join most strength."""
    ordered, acting = by_audience(scenario), list(actors)
    nats = quarrels(ordered, ordered.start)[:, acting]
    nats[acting] = 0.0
    is_large = nats.max(axis=1) >= scenario.parameters.eta_claim
    joined = world.capability * (nats @ world.capability[acting])
    return _first(np.where(is_large, joined, 0.0))


def _fearful(view: View, actors: tuple[int, ...]) -> list[int]:
    """The others that fear some actors most, at most so many; the first other state
    where nobody does."""
    fear = fear_of(view, actors)
    fear[list(actors)] = 0.0
    others = [i for i in range(len(fear)) if i not in actors]
    return _first(fear) or others[:1]


def _first(weights: Floats) -> list[int]:
    """Positions of the largest weights above 0, sorted."""
    largest = np.argsort(-weights, kind="stable")[:MOST_TARGETS]
    return sorted(int(i) for i in largest if weights[i] > 0)


def _rivalries(scenario: Scenario, codes: Sequence[str]) -> Bools:
    """(n, n) whether two states are strategic rivals."""
    rivalry = np.zeros((len(codes), len(codes)), dtype=bool)
    for row in scenario.disputes:
        a, b = codes.index(row.a), codes.index(row.b)
        rivalry[a, b] = rivalry[b, a] = row.rivalry > 0
    return rivalry


def _heeding(view: View, actors: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """States that some actors threaten, and those that are wary of them."""
    role = standing(view, actors)
    threatened, wary = (np.flatnonzero(role == LISTS.index(name)) for name in HEED)
    return threatened.tolist(), wary.tolist()


def _counted(view: View, actors: tuple[int, ...]) -> int:
    """How many dyads of others can count as counter-balancing against some actors."""
    threatened, wary = map(len, _heeding(view, actors))
    return math.comb(threatened, 2) + threatened * wary

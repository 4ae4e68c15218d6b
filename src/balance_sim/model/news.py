"""Events become evidence: what each audience adds to its log-odds, step by step.

An event adds weight * visibility * attention * 2^(-age / half-life) from 00:00 of its date. Costly signals:
Fearon 1997, JCR 41(1); Morrow 2000. Evidence is summed event by event in a fixed order, so that an event
at visibility 0, or dropped, leaves every other bit as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from balance_sim.model.beliefs import decay
from balance_sim.scenario.schema import Event, Scenario

Floats = npt.NDArray[np.float64]


def members(
    actors: Iterable[str], groups: Mapping[str, tuple[str, ...]], roster: Mapping[str, int]
) -> list[int]:
    """Positions of the actors in the roster, groups expanded, outsiders left out, each once, sorted."""
    codes = {code for actor in actors for code in groups.get(actor, (actor,))}
    return sorted(roster[code] for code in codes if code in roster)


def pairs_shown(
    event: Event, groups: Mapping[str, tuple[str, ...]], roster: Mapping[str, int]
) -> list[tuple[int, int]]:
    """Pairs that an event shows together: principals with each other, guests with principals.

    Nobody is shown together with a target of the act."""
    targets = set(members(event.targets, groups, roster))
    principals = [i for i in members(event.principals, groups, roster) if i not in targets]
    guests = [i for i in members(event.guests, groups, roster) if i not in targets and i not in principals]
    shown = [(i, j) for a, i in enumerate(principals) for j in principals[a + 1 :]]
    return shown + [(i, j) for i in principals for j in guests]


def pairs_aimed(
    event: Event, groups: Mapping[str, tuple[str, ...]], roster: Mapping[str, int]
) -> list[tuple[int, int]]:
    """(target, principal) pairs: who has reason to think worse, or better, of whom."""
    principals = members(event.principals, groups, roster)
    return [(t, p) for t in members(event.targets, groups, roster) for p in principals if t != p]


def evidence(scenario: Scenario, moments: Floats, starts: Floats) -> tuple[Floats, Floats, Floats]:
    """Evidence at the given moments: alignment (S, A, n, n), intent (S, n, n), lost reliability (S, n).

    moments: (S,) days at which decay is taken (the middle of each step); starts: (S,) when each step
    begins: an event counts from the step that begins on its date. Nats."""
    codes = scenario.codes
    roster = {code: i for i, code in enumerate(codes)}
    audience = reading_of(scenario)
    heed = {kind: attention_of_readings(scenario, kind) for kind in scenario.event_kinds}
    steps, n = len(moments), len(codes)
    align = np.zeros((steps, len(heed["treaty"]), n, n))
    intent = np.zeros((steps, n, n))
    lost = np.zeros((steps, n))
    for event in scenario.events:
        if event.accord is not None:
            continue
        kind = scenario.event_kinds[event.kind]
        day = (event.date - scenario.start).days
        left = np.where(starts >= day, decay(moments - day, kind.half_life_days), 0.0) * event.visibility
        attention = heed[event.kind]
        shown = pairs_shown(event, scenario.groups, roster)
        if shown and kind.alignment:
            i, j = (np.array(side) for side in zip(*shown, strict=True))
            dose = (event.sign * kind.alignment) * left[:, None] * attention
            align[:, :, i, j] += dose[:, :, None]
            align[:, :, j, i] += dose[:, :, None]
        aimed = pairs_aimed(event, scenario.groups, roster)
        if aimed and kind.intent:
            i, j = (np.array(side) for side in zip(*aimed, strict=True))
            scale = scenario.parameters.prior_tension if day < 0 else 1.0
            intent[:, i, j] += (kind.intent * scale) * left[:, None] * attention[audience[i]]
        if kind.reliability:
            who = np.array(members(event.principals, scenario.groups, roster), dtype=int)
            lost[:, who] += kind.reliability * left[:, None]
    return align, intent, lost


def readings(scenario: Scenario) -> tuple[tuple[str, ...], ...]:
    """Audiences that heed every kind of event alike read the news alike: their names, grouped, sorted."""
    alike: dict[tuple[float, ...], list[str]] = {}
    for name in sorted(scenario.audiences):
        heed = tuple(attention_to(scenario, name, kind) for kind in sorted(scenario.event_kinds))
        alike.setdefault(heed, []).append(name)
    return tuple(sorted(tuple(names) for names in alike.values()))


def reading_of(scenario: Scenario) -> npt.NDArray[np.int64]:
    """(n,) index of each state's reading. Raises ValueError where a state has none."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    of = np.full(len(roster), -1)
    for index, names in enumerate(readings(scenario)):
        for name in names:
            of[members(scenario.audiences[name].members, scenario.groups, roster)] = index
    without = [code for code, reading in zip(scenario.codes, of, strict=True) if reading < 0]
    if without:
        raise ValueError(
            f"no audience for {', '.join(without)}: every state needs one. A scenario from `load_scenario` has "
            "them; one that is changed by hand has to name each state in an audience, or a group that holds it"
        )
    return of


def attention_of_readings(scenario: Scenario, kind: str) -> Floats:
    """(A,) how much each reading heeds a kind of event."""
    return np.array([attention_to(scenario, names[0], kind) for names in readings(scenario)])


def attention_to(scenario: Scenario, audience: str, kind: str) -> float:
    """How much an audience heeds a kind of event, -1..1; 1 where the scenario does not say."""
    given = scenario.audiences[audience].attention
    return given.get(kind, given.get("default", 1.0))

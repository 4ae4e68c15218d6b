"""Who plays which part in an event: participants, host, the threatened, groups that are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.classes import sorted_into
from balance_sim.model.news import members
from balance_sim.scenario.fingerprint import Classes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cast:
    """Who plays which part, of the focal event or of a placebo's. Positions in the arrays.

    host, junior (the least capable principal beside the host) and third (the most capable other one) are None
    where there is none. Groups and audiences hold those outside the participants."""

    day: float
    participants: tuple[int, ...]
    host: int | None
    junior: int | None
    third: int | None
    threatened: Bools  # (n,)
    direction: Ints  # (P,)
    wars: tuple[tuple[int, int], ...]  # between others than the host
    declared: tuple[tuple[int, int, float], ...]  # the host's position between two states, 1 with the first
    war_parties: tuple[int, ...]  # participants at war, without the host
    groups: Mapping[str, Ints]
    audiences: Mapping[str, int]  # name to reading


def cast_of(worlds: Worlds, classes: Classes, day: float) -> Cast:
    """The cast that a class table gives in these worlds.

    Which groups, audiences and positions are told apart is the scenario's own; who is in them is the table's."""
    world, scenario = worlds.reference, worlds.scenario
    roster = {code: i for i, code in enumerate(world.codes)}
    threatened, direction = sorted_into(world, classes)

    def at(codes: Iterable[str]) -> list[int]:
        return sorted(roster[code] for code in codes if code in roster)

    participants = tuple(at(classes.participants))
    host, junior, third = (roster.get(code or "") for code in (classes.host, classes.junior, classes.third))
    fighting = {(roster[a], roster[b]) for a, b in classes.wars if a in roster and b in roster}
    groups = {
        name: np.array([i for i in at(group_members(worlds, classes, name)) if i not in participants])
        for name in scenario.report.groups
    }
    groups["outside"] = np.array([i for i in range(world.n) if i not in participants])
    return Cast(
        day=day,
        participants=participants,
        host=host,
        junior=junior,
        third=third,
        threatened=threatened,
        direction=direction,
        wars=tuple(sorted(pair for pair in fighting if host not in pair)),
        war_parties=tuple(i for i in participants if i != host and any(i in pair for pair in fighting)),
        declared=tuple(
            (roster[a], roster[b], position)
            for (a, b), position in sorted(
                (pair.split("-"), position) for pair, position in scenario.report.positions.items()
            )
            if roster[a] != host and roster[b] != host
        ),
        groups={name: who for name, who in groups.items() if len(who)},
        audiences={
            name: int(world.audience[who[0]])
            for name in sorted(scenario.audiences)
            if (who := audience_members(worlds, name, classes))
        },
    )


def group_members(worlds: Worlds, classes: Classes, name: str) -> tuple[str, ...]:
    """Codes of a group's members as written, or as the scenario has them where the group is new."""
    return classes.groups[name] if name in classes.groups else worlds.scenario.groups.get(name, (name,))


def audience_members(worlds: Worlds, name: str, classes: Classes | None = None) -> list[int]:
    """Positions of an audience's members as written, or as the scenario has them where the audience is new."""
    table, scenario = classes or worlds.classes, worlds.scenario
    roster = {code: i for i, code in enumerate(worlds.reference.codes)}
    who = table.audiences[name] if name in table.audiences else scenario.audiences[name].members
    return members(who, scenario.groups, roster)


def focal_cast(worlds: Worlds) -> Cast:
    """The cast of the scenario's focal event, in the classes and roles of the scenario as written."""
    return cast_of(worlds, worlds.classes, worlds.reference.focal_day)

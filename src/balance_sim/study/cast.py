"""Who plays which part in an event: participants, host, the threatened, groups that are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.news import members
from balance_sim.scenario.schema import Event

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

AT_WAR = 0.5
"""Intensity of a dispute's war from which its two states count as being at war."""


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


def cast_of(worlds: Worlds, event: Event, day: float, threatened: Bools, direction: Ints) -> Cast:
    """The cast of an event: its principals as participants."""
    world, scenario = worlds.reference, worlds.scenario
    roster = {code: i for i, code in enumerate(world.codes)}
    participants = tuple(members(event.principals, scenario.groups, roster))
    host = roster.get(event.host) if event.host is not None else None
    beside = sorted((world.capability[i], i) for i in participants if i != host)
    fighting = {(roster[row.a], roster[row.b]) for row in scenario.disputes if row.war >= AT_WAR}
    groups = {
        name: np.array([i for i in members([name], scenario.groups, roster) if i not in participants])
        for name in scenario.report.groups
    }
    groups["outside"] = np.array([i for i in range(world.n) if i not in participants])
    return Cast(
        day=day,
        participants=participants,
        host=host,
        junior=beside[0][1] if len(beside) > 1 else None,
        third=beside[-1][1] if len(beside) > 1 else None,
        threatened=threatened,
        direction=direction,
        wars=tuple(sorted(pair for pair in fighting if host not in pair)),
        war_parties=tuple(i for i in participants if i != host and any(i in pair for pair in fighting)),
        declared=tuple(
            (roster[a], roster[b], position)
            for (a, b), position in sorted(
                (pair.split("-"), at) for pair, at in scenario.report.positions.items()
            )
            if roster[a] != host and roster[b] != host
        ),
        groups={name: who for name, who in groups.items() if len(who)},
        audiences={
            name: int(world.audience[who[0]])
            for name, audience in sorted(scenario.audiences.items())
            if (who := members(audience.members, scenario.groups, roster))
        },
    )


def focal_cast(worlds: Worlds) -> Cast:
    """The cast of the scenario's focal event, with the classes that were fixed from the reference arm."""
    focal = next(event for event in worlds.scenario.events if event.id == worlds.scenario.focal)
    baseline = worlds.baseline
    return cast_of(worlds, focal, worlds.reference.focal_day, baseline.threatened, baseline.direction)

"""A lively small world, and a second program for sums over its opportunities: one opportunity, and one step of an
idle clock, after another."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DAYS_PER_YEAR, Drawn, Opportunities, World
from balance_sim.model.state import ClockRows
from balance_sim.scenario.schema import Scenario
from balance_sim.study.talks_at_start import Windows
from replications import every_kind, small
from scipy.integrate import quad
from scipy.special import gammainc

ARMS = """
  other:
    set: {states.XCO.democracy: 0.74}
    changes:
      - {date: 2025-04-20, state: XDO, effort: 0.2}
      - {date: 2025-06-01, pact: Alliance, joins: XBE, kind: defence_cooperation}
report:"""
EARLY = """accords:
  - {id: early, a: XBE, b: XEL, kind: access, status: signed, signed: 2024-11-01, scheduled_in_force: 2025-01-20}
  # """
PACTS = """groups: {Both: [XCO, XDO], North: [XCO, XDO]}
pacts: {Alliance: {group: Both, kind: defence_cooperation, candidates: [XBE, XEL, XAR], rate: 4}}
no_relations:
  - {a: XAR, b: XCO, kind: sanctions, from: 2025-05-10, until: 2025-08-01}
  - {a: XCO, b: XEL, kind: war, from: 2025-03-05, until: 2025-04-01}
"""


def lively_text(text: str) -> str:
    """Two members of a pact, two dyads without relations for a time, and an arm that changes facts too."""
    at, members = text.index("groups:"), "  North: [XCO, XDO]\n"
    text = text[:at] + PACTS + text[text.index(members) + len(members) :]
    rivals = "disputes:              # each part 0..1; one row a pair\n"
    assert rivals in text
    text = text.replace(rivals, rivals + "  - {a: XAR, b: XEL, rivalry: 0.7, militarised: 0.5}\n", 1)
    text = text.replace("targets: [North], host", "targets: [North, XEL], host", 1)
    text = text.replace("accords:  ", EARLY, 1)
    return text.replace("\nreport:", ARMS, 1)


def lively(folder: Path) -> Scenario:
    """Clocks are often busy, some lags are short, and three kinds have lags of their own."""
    kinds = small(folder, {}, lively_text)
    values = every_kind(kinds, ceiling=5.0, talks_days=50.0, force_days=70.0, at_once=0.25)
    values |= {"kinds.logistics.talks_shape": 0.8, "kinds.access.talks_shape": 3.0, "kinds.access.talks_days": 90.0}
    values |= {"kinds.logistics.ceiling": 9.0, "parameters.collapse_rate": 0.5, "step_days": 7.0}
    values |= {"report.windows": [30, 200]}
    values |= {"parameters.factor_sanctions": 0.4, "event_kinds.fighting_together.intent": 1.0}
    values |= {"events.summit.kind": "fighting_together", "event_kinds.fighting_together.reliability": 0.3}
    values |= {"theory.weights.bandwagon": -1.0, "theory.weights.security_gain": 0.3}
    values |= {f"kinds.{name}.intercept": kind.intercept + 1.5 for name, kind in kinds.kinds.items()}
    return small(folder, values, lively_text)


def compiled(scenario: Scenario, *arms: str) -> Worlds:
    return compile_worlds(scenario, (scenario.reference_arm, *arms))


def drawn(worlds: Worlds, rate: np.ndarray) -> Worlds:
    """Each replication with its own factor on the rate of opportunities."""

    def own(world: World) -> World:
        drawn = Drawn(weights={}, level=np.zeros((len(rate), len(world.ladder.names))), rate=rate)
        return replace(world, drawn=drawn, turns=tuple((step, own(turned)) for step, turned in world.turns))

    return replace(worlds, arms={name: own(world) for name, world in worlds.arms.items()})


def signed(world: World, kind: int, days: float) -> float:
    """By the density of the gamma, tilted by collapse: within so many days of the opening."""
    if days <= 0:
        return 0.0
    shape, mean = float(world.ladder.talks_shape[kind]), float(world.ladder.talks_days[kind])
    faster = 1.0 + world.rules.collapse_rate / DAYS_PER_YEAR * mean / shape
    return float(faster**-shape * gammainc(shape, days * faster * shape / mean))


def within(world: World, windows: Windows, window: int, kind: int, opened: float) -> float:
    """Probability that talks opened on a day are signed in a window: from the day after the event on."""
    first = windows.day + 1.0
    stop = max(min(first + window, windows.end), first)
    return signed(world, kind, stop - opened) - signed(world, kind, first - opened)


def step_of(world: World, day: float) -> int:
    return max(step for step in range(world.steps) if world.grid[step] <= day)


def is_earlier_in_step(c: Opportunities, world: World, one: int, row: int) -> bool:
    """Whether one opportunity is of the clock and the step of another, and before it."""
    same = all(getattr(c, name)[one] == getattr(c, name)[row] for name in ("run", "dyad", "kind"))
    return same and one < row and step_of(world, c.day[one]) == step_of(world, c.day[row])


def idle_steps(changes: ClockRows, world: World, runs: int) -> np.ndarray:
    """(R, S, P, M) whether a clock is idle in a step: idle at first, and as changes leave it by the step's beginning."""
    idle = np.ones((runs, world.steps, len(world.first), len(world.ladder.names)))
    for when, run, dyad, kind, weight in zip(*vars(changes).values(), strict=True):
        idle[run, when:, dyad, kind] += weight
    assert set(np.unique(idle)) == {0.0, 1.0}
    return idle


def over_steps(world: World, windows: Windows, window: int) -> np.ndarray:
    """(S, M) integral over a step of the probability that talks opened then are signed in a window."""
    out = np.zeros((world.steps, len(world.ladder.names)))
    first = windows.day + 1.0
    for kind in range(out.shape[1]):
        for step in range(world.steps):
            begin, end = world.grid[step], world.grid[step + 1]
            breaks = [day for day in (first, min(first + window, windows.end)) if begin < day < end]
            edges = [begin, *breaks, end]
            out[step, kind] = sum(
                quad(lambda day, m=kind: within(world, windows, window, m, day), a, b, epsabs=1e-11)[0]
                for a, b in pairwise(edges)
            )
    return out


def of_idle_time(
    world: World, changes: ClockRows, runs: int, opens: Callable[[int], np.ndarray], integral: np.ndarray
) -> np.ndarray:
    """(R, P, M) agreements signed in a window of what idle clocks open a day at the shipped rate of opportunities.

    opens: (P, M) of a step, probability that talks open at an opportunity; integral: of `over_steps`."""
    idle = idle_steps(changes, world, runs)
    out = np.zeros((runs, *idle.shape[2:]))
    for step in range(world.steps):
        a_day = world.frailty[:, None] * world.ladder.ceiling[None] / DAYS_PER_YEAR
        out += idle[:, step] * a_day * opens(step) * integral[step]
    return out


def sigma(u: float) -> float:
    return 1.0 / (1.0 + math.exp(-u))

"""One arm lived many times at once: each life with some groups of terms frozen at the twin's values.

A frozen term is read from the reference twin of the same run, at the same occasion: the same row of the
table of opportunities that all arms share. So nothing is switched off by weight 0, which would change the
base rate, and no random number moves. With every group frozen the arm opens the twin's talks and no other;
with none frozen it is the arm as `run` lives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Accords, Baseline, Opportunities, State, View, World
from balance_sim.model.engine import advance, begin, close_step, one_side, perceive, turn_of_step, watch
from balance_sim.model.opportunities import draw_opportunities
from balance_sim.model.pipeline import clock_of, open_talks, sign_talks
from balance_sim.model.willingness import (
    TERMS,
    BoundsBroken,
    consent,
    few_signed,
    ranges,
    within_margins,
)
from balance_sim.study.explain.account import account, summed
from balance_sim.study.explain.groups import TALKS_SPEED, Groups

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Runs = npt.NDArray[np.uint64]
Parts = tuple[dict[str, Floats], dict[str, Floats]]  # of the pair's first and second state


@dataclass(frozen=True)
class Cast:
    """The two worlds of a comparison, and what a life reads where its talks' speed is frozen."""

    arm: World
    twin: World
    arm_as_twin_sees: World  # the arm's, with the beliefs of the twin that the gain of an accord reads
    baseline: Baseline

    @staticmethod
    def of(worlds: Worlds, arm: str) -> Cast:
        mine, twin = worlds.arms[arm], worlds.reference
        return Cast(mine, twin, replace(mine, odds_against=twin.odds_against), worlds.baseline)


@dataclass(frozen=True)
class Seen:
    """The twin in one step: its state and view, and its parts of willingness at the step's occasions."""

    state: State
    view: View
    first_row: int
    parts: Parts


def frozen_terms(groups: Groups, coalition: int) -> frozenset[str]:
    """Terms read from the twin: those of the groups whose bit is not set."""
    return frozenset(
        term for place, terms in enumerate(groups.values()) if not coalition & (1 << place) for term in terms
    )


def live_coalitions(
    worlds: Worlds, arm: str, seed: int, runs: Runs, frozen: Sequence[frozenset[str]]
) -> tuple[Accords, list[Accords]]:
    """Accords of the reference twin, and of the arm once for each set of frozen terms.

    Occasions without a chance are passed over while the bounds hold, in all lives or in none."""
    cast = Cast.of(worlds, arm)
    for most in (most_of_any_mix(cast), None):
        chances = draw_opportunities(worlds.reference, seed, runs, most)
        try:
            return live(cast, chances, seed, runs, frozen)
        except BoundsBroken:
            continue
    raise AssertionError("without screening no bound can break")


def live(
    cast: Cast, chances: Opportunities, seed: int, runs: Runs, frozen: Sequence[frozenset[str]]
) -> tuple[Accords, list[Accords]]:
    """The twin and all lives of the arm, side by side, step by step."""
    twin = begin(cast.twin, cast.baseline, seed, runs)
    lives = [begin(cast.arm, cast.baseline, seed, runs) for _ in frozen]
    for step in range(cast.twin.steps):
        view = _look(cast.twin, cast.baseline, chances, twin, step)
        rows = np.arange(*chances.starts[step : step + 2])
        seen = Seen(
            twin, view, int(rows[0]) if len(rows) else 0, _parts(cast.twin, cast, chances, twin, view, rows)
        )
        for state, terms in zip(lives, frozen, strict=True):
            own = _look(cast.arm, cast.baseline, chances, state, step)
            _advance(cast, chances, state, own, seed, terms, seen)
        advance(cast.twin, cast.baseline, chances, twin, view, seed)
    for world, state in ((cast.twin, twin), *((cast.arm, state) for state in lives)):
        watch(chances, kept=few_signed(world, state))
        turn_of_step(world, state)
    return twin.accords, [state.accords for state in lives]


def _look(world: World, baseline: Baseline, chances: Opportunities, state: State, step: int) -> View:
    turn_of_step(world, state)
    watch(chances, kept=within_margins(baseline, state))
    return perceive(world, state, step)


def _parts(world: World, cast: Cast, chances: Opportunities, state: State, view: View, rows: Ints) -> Parts:
    first, second = (
        account(one_side(world, cast.baseline, chances, state, view, rows, side)) for side in (0, 1)
    )
    return first, second


def _advance(
    cast: Cast,
    chances: Opportunities,
    state: State,
    view: View,
    seed: int,
    frozen: frozenset[str],
    seen: Seen,
) -> None:
    """One step of a life, as `engine.advance` but for the frozen terms."""
    world, start, stop = cast.arm, cast.arm.grid[view.step], cast.arm.grid[view.step + 1]
    rows = _agreed(cast, chances, state, view, frozen, seen)
    lens, sight, eyes = world, view, state
    if TALKS_SPEED in frozen:  # what an accord would bring is read as the twin reads it
        lens, sight, eyes = cast.arm_as_twin_sees, seen.view, replace(state, depth=seen.state.depth)
    open_talks(lens, cast.baseline, chances, eyes, sight, rows, seed)
    sign_talks(lens, cast.baseline, eyes, sight, start, stop)
    close_step(world, cast.baseline, state, view)


def _agreed(
    cast: Cast, chances: Opportunities, state: State, view: View, frozen: frozenset[str], seen: Seen
) -> Ints:
    """Occasions of this step at which both sides consent."""
    world = cast.arm
    rows = np.arange(*chances.starts[view.step : view.step + 2])
    clock = clock_of(world, chances.run[rows], chances.pair[rows], chances.kind[rows])
    rows = rows[~state.busy.take(clock)]
    for side in (0, 1):
        who = one_side(world, cast.baseline, chances, state, view, rows, side)
        twin, at = seen.parts[side], rows - seen.first_row
        read = {name: twin[name][at] for name in frozen if name in twin}
        u = summed(account(who, skip=frozen) | read)
        rows = rows[chances.needs[rows, side] < consent(u)]
    return rows


def most_of_any_mix(cast: Cast) -> Floats:
    """(n, n, M) upper bound of u_ij with each term the arm's own or the twin's, within the margins."""
    both = (cast.arm, cast.twin)
    u = np.maximum(
        *(w.ladder.intercept + w.propensity[:, None, None] + np.zeros((w.n, w.n, 1)) for w in both)
    )
    bounds = [ranges(world, cast.baseline) for world in both]
    for name in TERMS:
        most = [
            np.maximum(*(w.rules.weights[name] * end for end in b[name]))
            for w, b in zip(both, bounds, strict=True)
        ]
        u = u + np.maximum(*most)
    return np.asarray(u)

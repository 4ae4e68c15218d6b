"""One arm lived with some groups of terms frozen at the twin's values, for every choice of the groups.

A frozen term is read from the reference twin of the same run, at the same occasion: the same row of the
table of opportunities that all arms share. So nothing is switched off by weight 0, which would change the
base rate, and no random number moves. With every group frozen the arm opens the twin's talks and no other;
with none frozen it is the arm as `run` lives it.

Coalitions part only where a decision does. So one life stands for all that would have decided as it did at
every occasion, and a coalition is lived on its own from the first run in which it decides otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Baseline, Opportunities, World
from balance_sim.model.engine import advance, begin, close_step, one_side, perceive, turn_of_step, watch
from balance_sim.model.margins import BoundsBroken, few_signed, ranges, within_margins
from balance_sim.model.opportunities import draw_opportunities
from balance_sim.model.pipeline import clock_of, open_talks, sign_talks
from balance_sim.model.state import Accords, State
from balance_sim.model.view import View
from balance_sim.model.willingness import TERMS, consent
from balance_sim.study.draws import with_draws
from balance_sim.study.explain.account import account, summed
from balance_sim.study.explain.groups import TALKS_SPEED, Groups

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
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
class Lives:
    """Some runs of the arm, each led by one coalition, and the coalitions that would have done the same."""

    rows: Ints  # (L,) which of the runs asked for
    twin: Accords  # `run` counts from 0 to L - 1 here and in `made`
    made: Accords
    covers: Bools  # (L, coalitions)


def frozen_terms(groups: Groups, coalition: int) -> frozenset[str]:
    """Terms read from the twin: those of the groups whose bit is not set."""
    return frozenset(
        term for place, terms in enumerate(groups.values()) if not coalition & (1 << place) for term in terms
    )


def live_coalitions(
    worlds: Worlds,
    arm: str,
    seed: int,
    runs: Runs,
    frozen: Sequence[frozenset[str]],
    *,
    draws: bool = False,
) -> Iterator[Lives]:
    """Lives of the arm that together cover each run with each set of frozen terms exactly once.

    draws: each run has parameters of its own."""
    slowed = np.array([TALKS_SPEED in terms for terms in frozen])
    for family in (np.flatnonzero(~slowed), np.flatnonzero(slowed)):
        terms = [frozen[int(place)] for place in family]
        left = np.ones((len(runs), len(family)), dtype=bool)
        while left.any():
            rows = np.flatnonzero(left.any(axis=1))
            cast = Cast.of(with_draws(worlds, seed, runs[rows]) if draws else worlds, arm)
            twin, made, alike = live(cast, seed, runs[rows], terms, left[rows].argmax(axis=1))
            covers = np.zeros((len(rows), len(frozen)), dtype=bool)
            covers[:, family] = alike & left[rows]
            left[rows] &= ~alike
            yield Lives(rows, twin, made, covers)


def live(
    cast: Cast, seed: int, runs: Runs, frozen: Sequence[frozenset[str]], lead: Ints, *, screen: bool = True
) -> tuple[Accords, Accords, Bools]:
    """The twin, and the arm led by one of the coalitions in each run, side by side, step by step.

    frozen: each coalition's; all freeze the speed of talks, or none does. lead: (R,) index into it. Returns both
    lives' accords and which coalitions (R, F) would have decided alike throughout. Occasions without a chance
    are passed over while the bounds hold."""
    if screen:
        chances = draw_opportunities(cast.twin, seed, runs, most_of_any_mix(cast))
        try:
            return _live(cast, chances, seed, runs, frozen, lead)
        except BoundsBroken:
            pass
    return _live(cast, draw_opportunities(cast.twin, seed, runs), seed, runs, frozen, lead)


def _live(
    cast: Cast, chances: Opportunities, seed: int, runs: Runs, frozen: Sequence[frozenset[str]], lead: Ints
) -> tuple[Accords, Accords, Bools]:
    twin, life = (begin(world, cast.baseline, seed, runs) for world in (cast.twin, cast.arm))
    alike = np.ones((len(runs), len(frozen)), dtype=bool)
    slowed = TALKS_SPEED in frozen[0]
    for step in range(cast.twin.steps):
        rows = np.arange(*chances.starts[step : step + 2])
        seen = _look(cast.twin, cast.baseline, chances, twin, step)
        theirs = _parts(cast.twin, cast, chances, twin, seen, rows)
        view = _look(cast.arm, cast.baseline, chances, life, step)
        clock = clock_of(cast.arm, chances.run[rows], chances.pair[rows], chances.kind[rows])
        free = np.flatnonzero(~life.busy.take(clock))
        rows, theirs = rows[free], _taken(theirs, free)
        agree = _agree(chances, rows, _parts(cast.arm, cast, chances, life, view, rows), theirs, frozen)
        run = chances.run[rows]
        decided = agree[lead[run], np.arange(len(rows))]
        coalition, row = np.nonzero(agree != decided)
        alike[run[row], coalition] = False
        lens, sight, eyes = cast.arm, view, life
        if slowed:  # what an accord would bring is read as the twin reads it
            lens, sight, eyes = cast.arm_as_twin_sees, seen, replace(life, depth=twin.depth)
        open_talks(lens, cast.baseline, chances, eyes, sight, rows[decided], seed)
        sign_talks(lens, cast.baseline, eyes, sight, cast.arm.grid[step], cast.arm.grid[step + 1])
        close_step(cast.arm, cast.baseline, life, view)
        advance(cast.twin, cast.baseline, chances, twin, seen, seed)
    for world, state in ((cast.twin, twin), (cast.arm, life)):
        watch(chances, kept=few_signed(world, state))
        turn_of_step(world, state)
    return twin.accords, life.accords, alike


def _look(world: World, baseline: Baseline, chances: Opportunities, state: State, step: int) -> View:
    turn_of_step(world, state)
    watch(chances, kept=within_margins(baseline, state))
    return perceive(world, state, step)


def _parts(world: World, cast: Cast, chances: Opportunities, state: State, view: View, rows: Ints) -> Parts:
    first, second = (
        account(one_side(world, cast.baseline, chances, state, view, rows, side)) for side in (0, 1)
    )
    return first, second


def _taken(parts: Parts, rows: Ints) -> Parts:
    first, second = ({name: values[rows] for name, values in of_side.items()} for of_side in parts)
    return first, second


def _agree(
    chances: Opportunities, rows: Ints, mine: Parts, theirs: Parts, frozen: Sequence[frozenset[str]]
) -> Bools:
    """(F, C) whether both sides consent at each occasion, for each set of frozen terms."""
    agree = np.ones((len(frozen), len(rows)), dtype=bool)
    for place, terms in enumerate(frozen):
        for side in (0, 1):
            own = {name: values for name, values in mine[side].items() if name not in terms}
            read = {name: theirs[side][name] for name in terms if name in theirs[side]}
            agree[place] &= chances.needs[rows, side] < consent(summed(own | read))
    return agree


def most_of_any_mix(cast: Cast) -> Floats:
    """(n, n, M) upper bound of u_ij with each term the arm's own or the twin's, within the margins."""
    both = (cast.arm, cast.twin)
    u = np.maximum(
        *(
            w.ladder.intercept + most_drawn(w) + w.propensity[:, None, None] + np.zeros((w.n, w.n, 1))
            for w in both
        )
    )
    bounds = [ranges(world, cast.baseline) for world in both]
    for name in TERMS:
        ends = [
            weight * end
            for world, bound in zip(both, bounds, strict=True)
            for end in bound[name]
            for weight in _weights(world, name)
        ]
        u = u + reduce(np.maximum, ends)
    return np.asarray(u)


def most_drawn(world: World) -> Floats:
    """(M,) the highest level that any run has drawn on top of the intercepts; 0 where none draws."""
    kinds = len(world.ladder.names)
    return np.zeros(kinds) if world.drawn is None else np.asarray(world.drawn.level.max(axis=0))


def _weights(world: World, name: str) -> tuple[float, float]:
    """The least and the greatest weight of a term in any run."""
    if world.drawn is None or name not in world.drawn.weights:
        return (world.rules.weights[name],) * 2
    of_runs = world.drawn.weights[name]
    return float(of_runs.min()), float(of_runs.max())

"""Martingale residuals: agreements signed so far, less the hazard of signing integrated
along what was observed.

The engine is taken through the record: each agreement of the span is signed, and comes
into force, on its own day, and nothing else is. In each step the model gives the rate
at which talks would open, rate_m sigma(u_ij) sigma(u_ji), with the beliefs, partners
and experience of that day. Talks are not observed, so each clock carries the
probabilities that it is idle, and in talks opened in each earlier step, given no
signature since; at the start those of the steady state. The probability of a signature
in the next step follows; its sum over steps is the compensator Lambda(t):

    M(t) = N(t) - Lambda(t)

is a martingale if the model is right (Andersen, Borgan, Gill, Keiding 1993, Statistical
Models Based on Counting Processes, II.4 and VII.3; Therneau, Grambsch, Fleming 1990,
Biometrika 77(1)). On the clock Lambda the signatures are then a Poisson process of rate
1 (time rescaling: Brown, Barbieri, Ventura, Kass, Frank 2002, Neural Computation
14(2)), so their times divided by Lambda at the end are uniform, which the
Kolmogorov-Smirnov test tries; their number has its own test. Left out: that talks can
run faster than speed 1.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from balance_sim.evidence.goodness.dyad_probabilities import both_consent
from balance_sim.evidence.goodness.networks import Agreements
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    Floats,
    Ints,
    Opportunities,
    Thinning,
    World,
)
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import chance_under_way, mean_openness, opportunity_rate
from balance_sim.scenario.schema import Agreement, Scenario

AGES = 48
"""Ages of talks under way at the start that are told apart, up to `LONG` times their
mean length."""
LONG = 6.0
LATE = date(9000, 1, 1)
SEED = 0
"""Of the lags from signature to force that the record does not tell."""
TINY = 1e-300


def residuals_of(scenario: Scenario, observed: Agreements) -> dict[str, Any]:
    """Take a scenario, from its start to its end, through agreements signed in that
    time.

    observed: all within the scenario's time, states by position in `scenario.codes`.

    Returned
    --------
    start : first day
    observed, expected : N agreements and Lambda, at the end
    level_p : two-sided exact Poisson p of N, given Lambda(end)
    ks, ks_p : Kolmogorov-Smirnov distance of the rescaled times / Lambda(end) from the
        uniform, and its p, NaN without a signature
    day : (S + 1,) step boundaries, days from the start
    signed : (S + 1,) N, agreements signed before each
    integrated_hazard : (S + 1,) Lambda
    rescaled_times : (N,) Lambda at each signature, in order
    states : expected agreements of each state, by code"""
    worlds = compile_worlds(through(scenario, observed))
    world = worlds.reference
    position = np.array([world.codes.index(code) for code in scenario.codes])
    names = world.ladder.names
    kind = np.array([names.index(str(name)) for name in observed.kind], dtype=np.int64)
    day = (observed.signed - scenario.start.toordinal()).astype(np.float64)
    dyad = world.dyad_index[position[observed.a], position[observed.b]]
    filtered = FilteredClocks(worlds, known_talks(scenario, world), (day, dyad, kind))
    silent = replace(worlds.baseline, keen=np.zeros_like(worlds.baseline.keen))
    simulate(
        world,
        silent,
        _no_opportunities(world),
        Thinning(np.empty(0, bool), np.empty(0)),
        SEED,
        np.zeros(1, dtype=np.uint64),
        filtered.look,
    )
    in_step = [probability.sum() for probability in filtered.probabilities]
    expected = np.concatenate([[0.0], np.cumsum(in_step)])
    by_dyad = np.sum([table.sum(axis=1) for table in filtered.probabilities], axis=0)
    of_first = np.bincount(world.first, by_dyad, world.n)
    of_second = np.bincount(world.second, by_dyad, world.n)
    by_state = np.add(of_first, of_second)
    days = np.sort(spread_out(day))
    times = np.interp(days, world.grid, expected)
    ks, ks_p = uniform(times / expected[-1] if expected[-1] > 0 else times)
    signed = np.searchsorted(days, world.grid, side="left").astype(np.float64)
    return {
        "start": scenario.start.isoformat(),
        "observed": float(signed[-1]),
        "expected": float(expected[-1]),
        "level_p": poisson_p(len(days), float(expected[-1])),
        "ks": ks,
        "ks_p": ks_p,
        "day": world.grid,
        "signed": signed,
        "integrated_hazard": expected,
        "rescaled_times": times,
        "states": dict(zip(scenario.codes, by_state[position], strict=True)),
    }


def _no_opportunities(world: World) -> Opportunities:
    empty, blank = np.empty(0), np.empty(0, dtype=np.int64)
    steps = np.zeros(world.steps + 1, np.int64)
    needs = np.empty((0, 2))
    return Opportunities(
        empty, blank, blank, blank, blank, needs, empty, steps, thinned=False
    )


def through(scenario: Scenario, observed: Agreements) -> Scenario:
    """The scenario with the agreements on its record as having their dates fixed, and
    without its own talks."""
    rows = []
    for number in range(len(observed)):
        signed, force = int(observed.signed[number]), observed.force[number]
        entry = LATE if np.isinf(force) else None
        if np.isfinite(force):
            entry = date.fromordinal(signed + int(max(force, 0)))
        row = Agreement.model_construct(
            id=f"observed-{number}",
            a=scenario.codes[observed.a[number]],
            b=scenario.codes[observed.b[number]],
            kind=str(observed.kind[number]),
            status="talks",
            scheduled_signed=date.fromordinal(signed),
            scheduled_in_force=entry,
        )
        rows.append(row)
    record = [row for row in scenario.agreements if row.status != "talks"]
    update = {"accords": (*record, *rows), "sha256": ""}
    return scenario.model_copy(update=update).counted_as(None)


def known_talks(scenario: Scenario, world: World) -> Floats:
    """(P, M) days that talks on record have lasted at the start, NaN where there are
    none."""
    lasted = np.full((len(world.first), len(world.ladder.names)), np.nan)
    for agreement in scenario.agreements:
        if agreement.status == "talks":
            days = 0
            if agreement.opened is not None:
                days = max((scenario.start - agreement.opened).days, 0)
            a, b = world.codes.index(agreement.a), world.codes.index(agreement.b)
            kind = world.ladder.names.index(agreement.kind)
            lasted[world.dyad_index[a, b], kind] = days
    return lasted


class FilteredClocks:
    """The state of each clock, given the signatures: day from the start, dyad and kind,
    (N,) each. At the start the steady state of unobserved negotiations, and those on
    record.

    idle: (P, M) probability; talks: (C, P, M) probability of talks that opened on the
    days `opened`, (C, M); is_held: (P, M) signed and not yet in force; probabilities:
    by step, (P, M) probability of a signature."""

    def __init__(
        self, worlds: Worlds, lasted: Floats, signatures: tuple[Floats, Ints, Ints]
    ) -> None:
        self.world, self.baseline = worlds.reference, worlds.baseline
        self.signatures = signatures
        world, ladder, shape = self.world, self.world.ladder, lasted.shape
        under_way = chance_under_way(world, self.baseline).reshape(-1, *shape)[0]
        width = LONG * ladder.talks_days / AGES  # (M,)
        age = (np.arange(AGES)[:, None] + 0.5) * width
        share = survives(world, age) / ladder.talks_days * width  # (AGES, M)
        share /= np.maximum(share.sum(axis=0), TINY)
        collapse = np.exp(-age * world.rules.collapse_rate / DAYS_PER_YEAR)
        on_record = np.isfinite(lasted)
        unobserved = np.where(on_record, 0.0, under_way)
        talks = [unobserved * (share * collapse)[:, None, :]]
        opened = [-age]
        for days in np.unique(lasted[on_record]):
            opened.append(np.full((1, shape[1]), -days))
            talks.append((lasted == days).astype(np.float64)[None])
        self.idle: Floats = 1.0 - np.concatenate(talks).sum(axis=0)
        later = np.zeros((world.steps, *shape))
        self.talks: Floats = np.concatenate([*talks, later])
        self.opened: Floats = np.concatenate([*opened, later[:, 0]])
        self.is_held = np.zeros(shape, dtype=bool)
        self.probabilities: list[Floats] = []

    def look(self, world: World, state: BlockState, view: View) -> None:
        """Take one step: who signed in the last one starts anew, then what may be
        signed in this one."""
        start, stop = world.grid[view.step], world.grid[view.step + 1]
        self._start_anew(state, start)
        openness = mean_openness(world, np.array([start, stop]))[0][:, None]
        opportunities = opportunity_rate(world) * openness / DAYS_PER_YEAR
        rate = both_consent(world, self.baseline, state, view)[0] * opportunities
        probability = self._pass(rate, view.step, float(start), float(stop))
        self.probabilities.append(probability)

    def _start_anew(self, state: BlockState, start: float) -> None:
        """A clock is idle after a signature, but held from then until the agreement is
        in force."""
        last_start = self.world.grid[max(len(self.probabilities) - 1, 0)]
        day, dyad, kind = self.signatures
        new = (day >= last_start) & (day < start)
        agreements = state.agreements
        waits = agreements.stage == 1
        is_held = np.zeros_like(self.is_held)
        is_held[agreements.dyad[waits], agreements.kind[waits]] = True
        free = self.is_held & ~is_held
        free[dyad[new], kind[new]] = True
        self.talks[:, free | is_held] = 0.0
        self.idle[free] = 1.0
        self.idle[is_held] = 0.0
        self.is_held = is_held

    def _pass(self, rate: Floats, step: int, start: float, stop: float) -> Floats:
        """(P, M) probability of a signature in a step; the state after it, if there was
        none, replaces the one before."""
        world, length = self.world, stop - start
        lasts = np.exp(-length * world.rules.collapse_rate / DAYS_PER_YEAR)
        cohort = len(self.talks) - world.steps + step  # that opens in this step
        earlier = self.talks[:cohort]
        age = start - self.opened[:cohort]
        longer = survives(world, age + length)
        goes_on = longer / np.maximum(survives(world, age), TINY)  # (C, M)
        signs = np.einsum("cpm,cm->pm", earlier, 1.0 - goes_on) * np.sqrt(lasts)
        at_start = earlier.sum(axis=0)
        earlier *= (goes_on * lasts)[:, None, :]
        opens = self.idle * -np.expm1(-rate * length)
        half_step = np.full((1, rate.shape[1]), length / 2)
        at_once = 1.0 - survives(world, half_step)[0]
        self.opened[cohort] = (start + stop) / 2
        self.talks[cohort] = opens * (1.0 - at_once) * np.sqrt(lasts)
        probability = signs + opens * at_once
        collapsed = np.maximum(at_start - signs - earlier.sum(axis=0), 0.0)
        collapsed_at_once = opens * (1 - at_once) * (1 - np.sqrt(lasts))
        self.idle = self.idle - opens + collapsed + collapsed_at_once
        unsigned = np.maximum(1.0 - probability, 1e-12)
        self.idle /= unsigned
        self.talks[: cohort + 1] /= unsigned
        return np.asarray(probability)


def survives(world: World, age: Floats) -> Floats:
    """(C, M) probability that talks of each kind last longer than so many days, if they
    do not collapse."""
    from scipy.special import gammaincc

    shape, mean = world.ladder.talks_shape, world.ladder.talks_days
    return np.asarray(gammaincc(shape, np.maximum(age, 0.0) * shape / mean))


def spread_out(day: Floats) -> Floats:
    """Days with the signatures of one day spread evenly over it: those of one day are
    in no order.

    >>> spread_out(np.array([3.0, 3.0, 5.0])).tolist()
    [3.25, 3.75, 5.5]"""
    order = np.argsort(day, kind="stable")
    _, index, count = np.unique(day[order], return_inverse=True, return_counts=True)
    place = np.arange(len(day)) - (np.cumsum(count) - count)[index]
    spread = np.empty(len(day))
    spread[order] = day[order] + (place + 0.5) / count[index]
    return spread


def uniform(shares: Floats) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of numbers in 0..1 from the uniform distribution, and
    its p."""
    from scipy.stats import kstest

    if not len(shares):
        return float("nan"), float("nan")
    test = kstest(np.clip(shares, 0.0, 1.0), "uniform")
    return float(test.statistic), float(test.pvalue)


def poisson_p(count: int, mean: float) -> float:
    """Two-sided exact p of a Poisson count: twice the smaller tail, 1 at the most."""
    from scipy.stats import poisson

    smaller = min(poisson.cdf(count, mean), poisson.sf(count - 1, mean))
    return float(min(2 * smaller, 1.0))

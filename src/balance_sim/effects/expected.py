"""Expected numbers of new agreements in closed form: the network as at the start, and
no random numbers.

Beliefs, threat, effort and consent of an arm are worked out in some spans of the
scenario's time. In a span talks open at rate h = lambda * openness * consent * consent
* P(idle), and

    E(signed by T) = sum over spans of  h (integral S(T - t) dt + gain d/dT of it)  +  talks under way at the start

with S of `stats.lags` and `gain` the days that talks opened then gain by running
faster, to first order. It leaves out what agreements made on the way change in the
network, and provocations; tests hold it against the filtered estimate.

The direct effect of an arm: its beliefs and effort evaluated beside the control arm's
replications.

At every opportunity of an idle clock the probability q that talks would open in another
arm stands beside the control arm's own, p. The sum of (q - p) / bound * P(signed in
time) is what the arm's beliefs do to consent while the network of agreements is the
control arm's. It costs half of simulating the arm and varies less, and it leaves out
the feedback through agreements that differ, and the pace of talks; results that rest on
it say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    DIRECTIONS,
    Bools,
    Floats,
    Ints,
    Keys,
    Opportunities,
    Thinning,
    World,
)
from balance_sim.model.engine import (
    advance,
    begin,
    consents,
    effort_after,
    filtered,
    open_to_consent,
    perceive,
    turn_of_step,
    watch_margins,
)
from balance_sim.model.perception import View
from balance_sim.model.pipeline import speed
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, Hastened, Simulated
from balance_sim.model.thinning import (
    BoundExceeded,
    draw_opportunities,
    mean_openness,
    opportunity_rate,
    thinning,
)
from balance_sim.model.willingness import account
from balance_sim.stats.lags import gamma_survival, signed_integral, signed_within
from balance_sim.study.filtered import TalksAtStart, Windows, focal_windows
from balance_sim.study.outcomes import numbers_of_agreements
from balance_sim.study.spans import WillingnessOverTime, course, in_spans, spans


@dataclass(frozen=True)
class Expected:
    """Expected new agreements of one arm. signed: by window, (P, M)."""

    world: World
    windows: Windows
    signed: Mapping[int, Floats]

    @property
    def security(self) -> Bools:
        return self.world.ladder.security

    def by_direction(
        self, direction: Ints, window: int, kinds: Bools | None = None
    ) -> Floats:
        """(D,) agreements of some kinds, of security agreements if not given, by class
        of dyads. direction: (P,)."""
        kinds = self.security if kinds is None else kinds
        return np.bincount(
            direction, self.signed[window][:, kinds].sum(axis=1), len(DIRECTIONS)
        )

    def by_dyad(self, window: int) -> Floats:
        """(P,) security agreements."""
        return np.asarray(self.signed[window][:, self.security].sum(axis=1))

    def outcomes(self, direction: Ints) -> dict[str, float]:
        """By the names of the outcomes that count new agreements."""
        longest, names = self.windows.longest, self.world.ladder.names
        windows = self.windows.days
        both = {
            w: (
                self.by_direction(direction, w),
                self.by_direction(direction, w, ~self.security),
            )
            for w in windows
        }
        found = numbers_of_agreements(
            both, self.signed[longest].sum(axis=0), names, longest
        )
        return {name: float(number) for name, number in found.items()}


@dataclass(frozen=True)
class Reach:
    """How many agreements are signed by a moment. K spans, M kinds.

    opened: (K, M) of talks that open at rate 1 a day in a span, at speed 1; hastened:
    how many more for a day that they gain; known, known_hastened: (P, M) of talks under
    way at the start. inside: (K,) days of each span before it."""

    opened: Floats
    hastened: Floats
    known: Floats
    known_hastened: Floats
    inside: Floats


class ExpectedSignatures:
    """What talks lead to that open in spans with these edges, (K + 1,) days: the same
    for all arms of a scenario."""

    def __init__(
        self, worlds: Worlds, edges: Floats, talks: TalksAtStart | None = None
    ) -> None:
        self.world, self.edges = worlds.reference, edges
        self.ladder = self.world.ladder
        self.collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        self.talks = talks or TalksAtStart(worlds)
        self._reach: dict[float, Reach] = {}

    def by(self, moment: float) -> Reach:
        """What is signed by a moment, in days from the scenario's start."""
        if moment not in self._reach:
            self._reach[moment] = self._by(moment)
        return self._reach[moment]

    def _by(self, moment: float) -> Reach:
        begin, end = self.edges[:-1], np.minimum(self.edges[1:], moment)
        inside = np.maximum(end - begin, 0.0)
        since, until = (
            np.maximum(moment - day, 0.0)[:, None]
            for day in (begin, np.maximum(end, begin))
        )
        of = (self.ladder.talks_shape, self.ladder.talks_days, self.collapse)
        opened, hastened = (
            np.where(
                inside[:, None] > 0, function(since, *of) - function(until, *of), 0.0
            )
            for function in (signed_integral, signed_within)
        )
        known, later, sooner = self.talks.signed_by(
            np.maximum([moment, moment + 0.5, moment - 0.5], 0.0)
        )
        return Reach(opened, hastened, known, later - sooner, inside)

    def rate(self, found: WillingnessOverTime) -> Floats:
        """(K, P, M) rate a day at which idle clocks open talks, the mean over each
        span."""
        openness = mean_openness(found.world, self.edges)[:, found.dyads, None]
        return np.asarray(
            found.consent
            * openness
            * opportunity_rate(found.world)[found.dyads]
            / DAYS_PER_YEAR
        )

    def signed(
        self, found: WillingnessOverTime, idle: Floats, windows: Windows
    ) -> Expected:
        """Expected new agreements of an arm within each window. idle: (K, P, M), as
        `idle` gives it."""
        opens = self.rate(found) * idle
        edges = sorted(
            {day for window in windows.days for day in windows.bounds(window)}
        )
        reaches = [self.by(day) for day in edges]
        sooner = gained(found, np.stack([reach.inside for reach in reaches]))
        by = {}
        for day, reach, days in zip(edges, reaches, sooner, strict=True):
            new = (
                opens * (reach.opened[:, None] + reach.hastened[:, None] * days)
            ).sum(axis=0)
            by[day] = (
                new
                + reach.known[found.dyads]
                + reach.known_hastened[found.dyads] * days[0]
            )
        of = {window: windows.bounds(window) for window in windows.days}
        return Expected(
            found.world,
            windows,
            {name: by[stop] - by[first] for name, (first, stop) in of.items()},
        )

    def idle(self, found: WillingnessOverTime) -> Floats:
        """(K, P, M) probability that nothing is under way on a clock in the middle of
        each span, talks at speed 1."""
        length, rate = np.diff(self.edges), self.rate(found)
        known, kernel = self._clocks[0][:, found.dyads], self._clocks[1]
        out, opened = np.empty_like(rate), np.zeros_like(rate)
        for k in range(len(length)):
            busy = known[k] + np.einsum("jm,jpm->pm", kernel[k, :k], opened[:k])
            own = (
                rate[k] * length[k] / 2
            )  # half of what opens in the span itself has opened by its middle
            out[k] = np.clip((1.0 - busy) / (1.0 + own), 0.0, 1.0)
            opened[k] = rate[k] * length[k] * out[k]
        return out

    @cached_property
    def _clocks(self) -> tuple[Floats, Floats]:
        """In the middle of each span, probabilities that a clock is kept busy: by what
        the start found, (K, P, M), and by what opened in the middle of each span
        before, (K, K, M)."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        days = middle[:, None] - middle
        before = np.tri(len(middle), k=-1, dtype=bool)
        kernel = np.zeros((*days.shape, len(self.ladder.names)))
        kernel[before] = self.busy(days[before])
        return self.busy_from_start(middle), kernel

    def busy(self, days: Floats) -> Floats:
        """(..., M) probability that what opened so many days ago is still in talks, or
        signed and not in force."""
        ladder, days = self.ladder, np.maximum(days, 0.0)[..., None]
        shape, mean = ladder.talks_shape, ladder.talks_days
        in_talks = np.exp(-self.collapse * days) * gamma_survival(
            shape, days * shape / mean
        )
        edges = days[..., None] * np.linspace(
            0.0, 1.0, PIECES + 1
        )  # of the days, signature in each piece
        signed = np.diff(
            signed_within(edges, shape[:, None], mean[:, None], self.collapse), axis=-1
        )
        after = days[..., None] - (edges[..., 1:] + edges[..., :-1]) / 2
        return np.asarray(
            in_talks + (signed * self.waiting(after, np.s_[:, None])).sum(axis=-1)
        )

    def waiting(self, days: Floats, kinds: Any = np.s_[:]) -> Floats:
        """Probability that what was signed so many days ago is not in force yet and has
        not collapsed."""
        ladder = self.ladder
        waits, shape = ladder.force_days > 0, ladder.force_shape[kinds]
        mean = np.where(waits, ladder.force_days, 1.0)[kinds]
        later = np.where(waits, 1.0 - ladder.at_once, 0.0)[kinds]
        return np.asarray(
            later
            * np.exp(-self.collapse * days)
            * gamma_survival(shape, days * shape / mean)
        )

    def busy_from_start(self, moments: Floats) -> Floats:
        """(K, P, M) probability that what the start found in talks or signed still
        keeps its clock busy."""
        edges = np.concatenate([[0.0], moments])
        signed = np.diff(self.talks.signed_by(edges), axis=0)
        in_talks, out = self.talks.under_way[0].copy(), np.empty_like(signed)
        after = np.maximum(
            edges[1:, None] - (edges[1:] + edges[:-1]) / 2, 0.0
        )  # of use from the diagonal on
        wait = self.waiting(after[..., None])
        for k, (since, moment) in enumerate(pairwise(edges)):
            in_talks = np.maximum(in_talks - signed[k], 0.0) * np.exp(
                -self.collapse * (moment - since)
            )
            out[k] = in_talks + np.einsum(
                "jm,jpm->pm", wait[k, : k + 1], signed[: k + 1]
            )
        initial = self.world.initial
        for row in np.flatnonzero(initial.stage < 2):
            out[:, initial.dyad[row], initial.kind[row]] += self._on_record(
                int(row), moments
            )
        return np.asarray(np.minimum(out, 1.0))

    def _on_record(self, row: int, moments: Floats) -> Floats:
        """(K,) the same of an agreement on record that is signed, or whose date is
        fixed."""
        initial, kind = self.world.initial, int(self.world.initial.kind[row])
        in_force, signed = initial.fixed_in_force[row], initial.fixed_signed[row]
        if not np.isnan(date := signed if np.isnan(in_force) else in_force):
            return np.asarray((moments < date).astype(float))
        if initial.stage[row] == 0:
            return np.zeros(len(moments))  # among the talks at the start
        waited = max(-float(initial.signed[row]), 0.0)
        one = np.s_[kind : kind + 1]
        lasted = np.maximum(self.waiting(np.array([waited]), one), 1e-300)
        return np.asarray((self.waiting(waited + moments[:, None], one) / lasted)[:, 0])


PIECES = 12  # of a lag, in which signature is taken to fall in the middle


def gained(found: WillingnessOverTime, inside: Floats) -> Floats:
    """(D, K, P, M) days that talks opened in each span gain by D moments. inside: (D,
    K) days of a span before each."""
    rules, shape = found.world.rules, found.gain.shape
    out = np.zeros((len(inside), *shape))
    if rules.talks_speed_exponent > 0:
        for j in range(shape[0]):
            faster = speed(
                found.gain[j:],
                found.gain[j],
                rules.talks_speed_exponent,
                rules.talks_speed_max,
            )
            out[:, j] = np.einsum("dk,k...->d...", inside[:, j:], faster - 1.0)
    return out


class Estimator:
    """The expected estimator of a scenario: its spans, and what talks lead to, are the
    same for all arms."""

    def __init__(self, worlds: Worlds) -> None:
        self.baseline, self.windows = worlds.baseline, focal_windows(worlds)
        self.edges = spans(worlds)
        self.gives = ExpectedSignatures(worlds, worlds.reference.grid[self.edges])

    def of(
        self, world: World, dyads: Ints | None = None, windows: Windows | None = None
    ) -> Expected:
        """Expected new agreements of an arm, of some dyads or of all, in the report's
        windows or in others."""
        found = course(in_spans(world, self.edges), self.baseline, dyads)
        return self.gives.signed(found, self.gives.idle(found), windows or self.windows)


def expected(worlds: Worlds, arms: Sequence[str]) -> dict[str, Expected]:
    """Expected new agreements of some arms, in the report's windows."""
    estimator = Estimator(worlds)
    return {arm: estimator.of(worlds.arms[arm]) for arm in arms}


@dataclass(frozen=True)
class StepOfArm:
    """What the states of one arm see in a step of the control arm's replications;
    `view` holds until the next.

    rows: (K,) the step's opportunities of idle clocks that were not thinned. account:
    takes willingness apart."""

    world: World
    state: BlockState
    view: View
    opportunities: Opportunities
    thin: Thinning
    rows: Ints
    account: Callable[[Prospects], dict[str, Floats]] = account


Look = Callable[[StepOfArm], None]


@dataclass(frozen=True)
class Along:
    """Replications of the control arm, with what was drawn for them."""

    opportunities: Opportunities
    control: Simulated


def along_control(
    worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str], look: Look
) -> Along:
    """Simulate the control arm; in each step show what each of the other arms, and then
    it, would see.

    An arm's state is the control arm's, with an effort of its own. A step is shown
    again, from the first on, where a replication leaves the margins of its bounds."""
    control, baseline = worlds.reference, worlds.baseline
    bound = worlds.bounds[worlds.scenario.reference_arm]

    def along(most: Floats | None) -> Along:
        opportunities = draw_opportunities(control, seed, runs, most)
        thin = thinning(control, opportunities, bound)
        state, consent = begin(control, baseline, seed, runs), []
        effort = {arm: state.effort.copy() for arm in arms}
        for step in range(control.steps):
            turn_of_step(control, state)
            watch_margins(control, baseline, opportunities, state)
            rows = open_to_consent(
                control,
                opportunities,
                thin,
                state,
                *opportunities.starts[step : step + 2],
            )
            for arm in arms:
                world, beside = worlds.arms[arm], replace(state, effort=effort[arm])
                view = perceive(world, beside, step)
                look(StepOfArm(world, beside, view, opportunities, thin, rows))
                effort[arm] = effort_after(
                    world, baseline, effort[arm], view.insecurity, step
                )
            view = perceive(control, state, step)
            look(StepOfArm(control, state, view, opportunities, thin, rows))
            consent.append(
                advance(control, baseline, opportunities, thin, state, view, seed)
            )
        turn_of_step(control, state)
        return Along(
            opportunities,
            Simulated(
                state.agreements,
                np.concatenate(consent),
                Hastened.joined(state.hastened),
            ),
        )

    try:
        return along(bound)
    except BoundExceeded:
        return along(None)


def direct(
    worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str]
) -> tuple[Along, dict[str, Simulated]]:
    """What `Filtered` needs for the control arm and, beside it, for others.

    Of the others `consent` is their own; agreements and the pace of talks are the
    control arm's, so that the difference of two filtered sums is the direct effect."""
    found: dict[str, Floats] = {}

    def look(seen: StepOfArm) -> None:
        if seen.view.step == 0:
            found[seen.world.arm] = np.zeros(len(seen.opportunities.day))
        sides = consents(
            seen.world,
            worlds.baseline,
            seen.opportunities,
            seen.state,
            seen.view,
            seen.rows,
        )
        weight = filtered(
            seen.world, seen.opportunities, seen.thin, seen.state, seen.rows, sides
        )
        found[seen.world.arm][seen.rows] = weight

    along = along_control(worlds, seed, runs, arms, look)
    return along, {arm: replace(along.control, consent=found[arm]) for arm in arms}

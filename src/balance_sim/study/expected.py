"""Expected numbers of new agreements in closed form: agreements in force as at the
start, and no random numbers.

Beliefs, threat, effort and consent of an arm are worked out in some spans of the
scenario's time. In a span talks open at rate h = lambda * openness * consent * consent
* P(idle), and

    E(signed by T) = sum over spans of  h integral S(T - t) dt
                     + talks under way at the start

with S of `stats.lags`. States remember what they are expected to sign on the way
(`remembered.py`). It leaves out what agreements made on the way change once they are in
force, what an arm signs more than at the start's willingness, and provocations; tests
hold it against the filtered estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from balance_sim.model.accession import Ballots, chances
from balance_sim.model.accession import wanted as asked
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    DIRECTIONS,
    Baseline,
    Bools,
    Floats,
    Ints,
    World,
)
from balance_sim.model.thinning import mean_openness, opportunity_rate
from balance_sim.model.world import differ_in_evidence, steps_alike
from balance_sim.stats.lags import gamma_survival, signed_integral, signed_within
from balance_sim.study.exercises import Exercises
from balance_sim.study.outcomes import Outcome, numbers_of_agreements
from balance_sim.study.recorder import step_at
from balance_sim.study.spans import (
    WillingnessOverTime,
    at_start,
    course,
    courses,
    in_spans,
    spans,
    walk,
)
from balance_sim.study.talks_at_start import (
    TalksAtStart,
    Windows,
    focal_windows,
    same_talks,
)

PIECES = 12  # of a lag, in which signature is taken to fall in the middle
ALL_TYPES: Any = np.s_[:]


@dataclass(frozen=True)
class Expected:
    """Expected new agreements of one arm, and what its states arm.

    signed: by window, (P, M). security: (M,) which of the types are security
    agreements. effort: by window that ends within the scenario, (n,)
    rise of capability in the step in which it ends, as replications record it.
    accessions: by window, where states can join pacts."""

    world: World
    windows: Windows
    security: Bools
    signed: Mapping[int, Floats]
    effort: Mapping[int, Floats]
    accessions: Mapping[int, float]

    def by_direction(
        self, direction: Ints, window: int, kinds: Bools | None = None
    ) -> Floats:
        """(D,) agreements of some types, of security agreements if not given, by class
        of dyads. direction: (P,)."""
        types = self.security if kinds is None else kinds
        by_dyad = self.signed[window][:, types].sum(axis=1)
        return np.bincount(direction, by_dyad, len(DIRECTIONS))

    def by_dyad(self, window: int) -> Floats:
        """(P,) security agreements."""
        return np.asarray(self.signed[window][:, self.security].sum(axis=1))

    def efforts(self, threatened: Bools) -> dict[str, float]:
        """By the names of the outcomes that are means of effort; none where no state is
        threatened, (n,)."""
        if not threatened.any():
            return {}
        return {
            Outcome("effort", "threatened", window).name: float(rise[threatened].mean())
            for window, rise in self.effort.items()
        }

    def outcomes(self, direction: Ints) -> dict[str, float]:
        """By the names of the outcomes that count new agreements."""
        longest, names = self.windows.longest, self.world.ladder.names
        by_direction = {
            window: (
                self.by_direction(direction, window),
                self.by_direction(direction, window, ~self.security),
            )
            for window in self.windows.days
        }
        by_type = self.signed[longest].sum(axis=0)
        numbers = numbers_of_agreements(by_direction, by_type, names, longest)
        joined = {
            Outcome("accessions", "", window).name: number
            for window, number in self.accessions.items()
        }
        return {name: float(number) for name, number in numbers.items()} | joined


@dataclass(frozen=True)
class Reach:
    """How many agreements are signed by a moment. K spans, M types.

    opened: (K, M) of talks that open at rate 1 a day in a span; known: (P, M) of talks
    under way at the start."""

    opened: Floats
    known: Floats


class ExpectedSignatures:
    """What talks lead to that open in spans with these edges, (K + 1,) days: the same
    for all arms of a scenario. dyads, types: (P,) and (M,) of which it is, sorted; all
    if not given. talks: of these dyads, if at hand."""

    def __init__(
        self,
        worlds: Worlds,
        edges: Floats,
        talks: TalksAtStart | None = None,
        dyads: Ints | None = None,
        types: Ints | None = None,
    ) -> None:
        self.world, self.edges = worlds.reference, edges
        self._worlds = worlds
        self._of_dyads = dyads
        self.dyads = np.arange(len(self.world.first)) if dyads is None else dyads
        of_all = np.arange(len(self.world.ladder.names))
        self.types = of_all if types is None else types
        self.ladder = self.world.ladder.of(self.types)
        self.collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        self._reach: dict[float, Reach] = {}
        self.talks = talks or TalksAtStart(worlds, dyads)

    def by(self, moment: float) -> Reach:
        """What is signed by a moment, in days from the scenario's start."""
        return self.by_each([moment])[moment]

    def by_each(self, moments: Sequence[float]) -> Mapping[float, Reach]:
        """The same by each of some moments."""
        missing = [moment for moment in moments if moment not in self._reach]
        if missing:
            reaches = self._by_each(np.array(missing))
            self._reach |= zip(missing, reaches, strict=True)
        return self._reach

    def _reaches(self, world: World, moments: Sequence[float]) -> Mapping[float, Reach]:
        """The same of an arm, which may begin with other talks."""
        of_all = self.by_each(moments)
        if same_talks(world, self.world):
            return of_all
        talks = TalksAtStart(self._worlds, self._of_dyads, world)
        signed = self._known(talks, np.array(moments))
        return {
            moment: replace(of_all[moment], known=known)
            for moment, known in zip(moments, signed, strict=True)
        }

    def _by_each(self, moments: Floats) -> list[Reach]:
        signed = self._known(self.talks, moments)
        reaches = zip(self.opened_by(moments), signed, strict=True)
        return [Reach(*reach) for reach in reaches]

    def _known(self, talks: TalksAtStart, moments: Floats) -> Floats:
        """(D, P, M) signed by each of some moments, of talks under way at the start."""
        return talks.signed_by(np.maximum(moments, 0.0))[..., self.types]

    def opened_by(self, moments: Floats) -> Floats:
        """(D, K, M) agreements signed by each of some moments, of talks that open at
        rate 1 a day in a span."""
        begin, moment = self.edges[:-1], moments[:, None]
        end = np.minimum(self.edges[1:], moment)
        since = np.maximum(moment - begin, 0.0)[..., None]
        until = np.maximum(moment - np.maximum(end, begin), 0.0)[..., None]
        lag = (self.ladder.talks_shape, self.ladder.talks_days, self.collapse)
        opened = signed_integral(since, *lag) - signed_integral(until, *lag)
        return np.where((end > begin)[..., None], opened, 0.0)

    def rate(self, wanted: WillingnessOverTime) -> Floats:
        """(K, P, M) rate a day at which idle clocks open talks, the mean over each
        span."""
        opportunities = opportunity_rate(wanted.world)[wanted.dyads][:, self.types]
        return np.asarray(self.openings(wanted) * opportunities / DAYS_PER_YEAR)

    def openings(self, wanted: WillingnessOverTime) -> Floats:
        """(K, P, M) probability that talks open at an opportunity of an idle clock,
        the mean over each span."""
        return np.asarray(wanted.consent * self.openness(wanted))

    def openness(self, wanted: WillingnessOverTime) -> Floats:
        """(K, P, 1) mean factor of the dyads on their rate in each span."""
        has_other = wanted.world.openness is not self.world.openness
        if has_other:
            return mean_openness(wanted.world, self.edges)[:, wanted.dyads, None]
        return self._openness[:, wanted.dyads, None]

    def span_of(self, day: Floats) -> Ints:
        """(C,) span in which each day lies; the last one beyond all."""
        last = len(self.edges) - 2
        return np.minimum(np.searchsorted(self.edges, day, side="right") - 1, last)

    def places(self, dyads: Ints) -> Ints:
        """Where some of the dyads stand among those of which it is."""
        return np.searchsorted(self.dyads, dyads)

    @cached_property
    def _openness(self) -> Floats:
        """(K, P) mean factor of every dyad on its rate in the control arm."""
        return mean_openness(self.world, self.edges)

    def signed(
        self, wanted: WillingnessOverTime, idle: Floats, windows: Windows
    ) -> Expected:
        """Expected new agreements of an arm within each window. idle: (K, P, M), as
        `idle` returns it."""
        return self._signed(wanted, self.rate(wanted) * idle, windows)

    def signed_by_arm(
        self, courses: Sequence[WillingnessOverTime], windows: Windows
    ) -> list[Expected]:
        """Expected new agreements of arms of which the same dyads are looked at."""
        rates = np.stack([self.rate(wanted) for wanted in courses])
        opens = rates * self._idle(rates, courses[0].dyads)
        return [
            self._signed(wanted, of_arm, windows)
            for wanted, of_arm in zip(courses, opens, strict=True)
        ]

    def _signed(
        self, wanted: WillingnessOverTime, opens: Floats, windows: Windows
    ) -> Expected:
        """Expected new agreements of an arm. opens: (K, P, M) talks a day."""
        bounds = {window: windows.bounds(window) for window in windows.days}
        moments = sorted({moment for ends in bounds.values() for moment in ends})
        by_moment, reaches = {}, self._reaches(wanted.world, moments)
        for moment in moments:
            reach = reaches[moment]
            new = (opens * reach.opened[:, None]).sum(axis=0)
            by_moment[moment] = new + reach.known[self.places(wanted.dyads)]
        signed = {
            window: by_moment[stop] - by_moment[first]
            for window, (first, stop) in bounds.items()
        }
        grid = self.world.grid
        ends = {window: step_at(grid, windows.day, window) for window in windows.days}
        effort = {
            window: wanted.effort_on(float(grid[step]))
            for window, step in ends.items()
            if step is not None
        }
        security = self.ladder.security
        return Expected(wanted.world, windows, security, signed, effort, {})

    def accessions(
        self, world: World, baseline: Baseline, windows: Windows
    ) -> dict[int, float]:
        """Expected accessions of an arm, in spans, within each window: the first
        application of each candidate, with the members of the start."""
        pacts = world.pacts
        if pacts is None:
            return {}
        pact, candidate = np.nonzero(pacts.candidates)
        members, one_run = pacts.members[None], np.zeros_like(pact)
        ballots = Ballots.of(pacts, members, one_run, pact, candidate)
        by_state = mean_openness(world, self.edges)[:, world.dyad_index[candidate]]
        openness = np.where(members[0, pact], by_state, 1.0).min(axis=-1)
        a_day = openness * pacts.rate[pact] / DAYS_PER_YEAR
        for span, (state, view) in enumerate(walk(world, baseline, at_start(world))):
            willing = asked(world.at(span), baseline, view, state, ballots)
            sides = chances(willing, ballots.which, ballots.unanimous)
            a_day[span] *= sides.prod(axis=1)
        opened = a_day * np.diff(self.edges)[:, None]
        begins = a_day * np.exp(opened / 2 - np.cumsum(opened, axis=0))
        kind, joining_day = pacts.kind[pact], pacts.joining_day[pact, candidate]

        def by(moment: float) -> float:
            """Signed by a moment, or by the day on which a change makes it a member."""
            days = zip(np.minimum(moment, joining_day).tolist(), kind, strict=True)
            reached = [self.by(day).opened[:, m] for day, m in days]
            return float((begins.T * np.stack(reached)).sum())

        bounds = {window: windows.bounds(window) for window in windows.days}
        return {
            window: by(stop) - by(first) for window, (first, stop) in bounds.items()
        }

    def idle(self, wanted: WillingnessOverTime) -> Floats:
        """(K, P, M) probability that nothing is under way on a clock in the middle of
        each span."""
        return self._idle(self.rate(wanted), wanted.dyads)

    def _idle(self, rate: Floats, dyads: Ints) -> Floats:
        """The same where talks would open at these rates a day, (..., K, P, M)."""
        length = np.diff(self.edges)
        from_start, kernel = self._clocks
        busy_from_start = from_start[:, self.places(dyads)]
        idle, opened = np.empty_like(rate), np.zeros_like(rate)
        for k in range(len(length)):
            busy = busy_from_start[k] + np.einsum(
                "jm,...jpm->...pm", kernel[k, :k], opened[..., :k, :, :]
            )
            # half of what opens in the span itself has opened by its middle
            opening = rate[..., k, :, :] * length[k] / 2
            idle[..., k, :, :] = np.clip((1.0 - busy) / (1.0 + opening), 0.0, 1.0)
            opened[..., k, :, :] = rate[..., k, :, :] * length[k] * idle[..., k, :, :]
        return idle

    @cached_property
    def _clocks(self) -> tuple[Floats, Floats]:
        """In the middle of each span, probabilities that a clock is kept busy: by what
        the start found, (K, P, M), and by what opened in the middle of each span
        before, (K, K, M)."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        days = middle[:, None] - middle
        is_before = np.tri(len(middle), k=-1, dtype=bool)
        kernel = np.zeros((*days.shape, len(self.ladder.names)))
        kernel[is_before] = self.busy(days[is_before])
        return self.busy_from_start(middle), kernel

    def busy(self, days: Floats) -> Floats:
        """(..., M) probability that what opened so many days ago is still in talks, or
        signed and not in force."""
        days = np.maximum(days, 0.0)[..., None]
        shape, mean = self.ladder.talks_shape, self.ladder.talks_days
        lasting = gamma_survival(shape, days * shape / mean)
        in_talks = np.exp(-self.collapse * days) * lasting
        edges = days[..., None] * np.linspace(0.0, 1.0, PIECES + 1)
        by_edge = signed_within(edges, shape[:, None], mean[:, None], self.collapse)
        signed = np.diff(by_edge, axis=-1)  # in each piece of the days
        since = days[..., None] - (edges[..., 1:] + edges[..., :-1]) / 2
        waiting = self.waiting(since, np.s_[:, None])
        return np.asarray(in_talks + (signed * waiting).sum(axis=-1))

    def waiting(self, days: Floats, kinds: Any = ALL_TYPES) -> Floats:
        """Probability that what was signed so many days ago is not in force yet and has
        not collapsed."""
        ladder, shape = self.ladder, self.ladder.force_shape[kinds]
        waits = ladder.force_days > 0
        mean = np.where(waits, ladder.force_days, 1.0)[kinds]
        later = np.where(waits, 1.0 - ladder.at_once, 0.0)[kinds]
        lasting = gamma_survival(shape, days * shape / mean)
        return np.asarray(later * np.exp(-self.collapse * days) * lasting)

    def busy_from_start(self, moments: Floats) -> Floats:
        """(K, P, M) probability that what the start found in talks or signed still
        keeps its clock busy."""
        edges = np.concatenate([[0.0], moments])
        signed = np.diff(self.talks.signed_by(edges)[..., self.types], axis=0)
        in_talks = self.talks.under_way[0][:, self.types]
        busy = np.empty_like(signed)
        middle = (edges[1:] + edges[:-1]) / 2
        since = np.maximum(edges[1:, None] - middle, 0.0)  # of use from the diagonal on
        wait = self.waiting(since[..., None])
        for k, (first, moment) in enumerate(pairwise(edges)):
            lasting = np.exp(-self.collapse * (moment - first))
            in_talks = np.maximum(in_talks - signed[k], 0.0) * lasting
            waiting = np.einsum("jm,jpm->pm", wait[k, : k + 1], signed[: k + 1])
            busy[k] = in_talks + waiting
        initial = self.world.initial
        under_way = (initial.stage < 2) & np.isin(initial.dyad, self.dyads)
        for row in np.flatnonzero(under_way & np.isin(initial.kind, self.types)):
            place = self.places(initial.dyad[row])
            kind = int(np.searchsorted(self.types, initial.kind[row]))
            busy[:, place, kind] += self._busy_on_record(int(row), kind, moments)
        return np.asarray(np.minimum(busy, 1.0))

    def _busy_on_record(self, row: int, kind: int, moments: Floats) -> Floats:
        """(K,) the same of an agreement on record that is signed, or whose date is
        fixed. kind: its place among the types."""
        initial = self.world.initial
        in_force, signed = initial.fixed_in_force[row], initial.fixed_signed[row]
        its_type = np.s_[kind : kind + 1]
        if not np.isnan(in_force):
            return np.asarray((moments < in_force).astype(float))
        if not np.isnan(signed):
            since = np.maximum(moments - signed, 0.0)[:, None]
            waiting = self.waiting(since, its_type)[:, 0]
            return np.where(moments < signed, 1.0, waiting)
        if initial.stage[row] == 0:
            return np.zeros(len(moments))  # among the talks at the start
        waited = max(-float(initial.signed[row]), 0.0)
        lasted = np.maximum(self.waiting(np.array([waited]), its_type), 1e-300)
        lasting = self.waiting(waited + moments[:, None], its_type)
        return np.asarray((lasting / lasted)[:, 0])


class Estimator:
    """The expected estimator of a scenario: its spans, and what talks lead to, are the
    same for all arms. dyads: (P,) whose security agreements alone are asked for,
    sorted; all dyads and types, and accessions, if not given. in_windows: it ends with
    the last of the report's windows."""

    def __init__(
        self, worlds: Worlds, dyads: Ints | None = None, *, in_windows: bool = False
    ) -> None:
        self.baseline, self.windows = worlds.baseline, focal_windows(worlds)
        self.dyads, self._worlds = dyads, worlds
        self.edges, self.reference = spans(worlds), worlds.reference
        if in_windows:
            _, stop = self.windows.bounds(self.windows.longest)
            before = np.count_nonzero(worlds.reference.grid[self.edges] < stop)
            self.edges = self.edges[: before + 1]
        days = worlds.reference.grid[self.edges]
        ladder = worlds.reference.ladder
        types = None if dyads is None else np.flatnonzero(ladder.security)
        self.signatures = ExpectedSignatures(worlds, days, dyads=dyads, types=types)

    @cached_property
    def joint(self) -> Exercises:
        """Joint exercises of the scenario's dyads."""
        return Exercises(self._worlds, self.baseline.direction, self.windows)

    @cached_property
    def _control_course(self) -> WillingnessOverTime:
        """What the control arm's states want."""
        present, types = in_spans(self.reference, self.edges), self.signatures.types
        return course(present, self.baseline, self.dyads, types=types)

    def is_control(self, world: World) -> bool:
        """Whether the world of an arm is that of the control arm, under another name:
        so is that of most arms once the focal event says nothing."""
        is_beside = differ_in_evidence(world, self.reference)
        return is_beside and steps_alike(world, self.reference) == world.steps

    def courses_of(self, worlds: Sequence[World]) -> list[WillingnessOverTime]:
        """What the states of several arms want."""
        beside: dict[int, World] = {}
        by_arm: dict[int, WillingnessOverTime] = {}
        for number, world in enumerate(worlds):
            present = in_spans(world, self.edges)
            if world is self.reference:
                by_arm[number] = self._control_course
            elif differ_in_evidence(world, self.reference):
                beside[number] = present
            else:
                types = self.signatures.types
                by_arm[number] = course(present, self.baseline, self.dyads, types=types)
        if beside:
            arm_courses = courses(
                [*beside.values()], self.baseline, self._control_course
            )
            by_arm |= zip(beside, arm_courses, strict=True)
        return [by_arm[number] for number in range(len(worlds))]

    def of(self, world: World, windows: Windows | None = None) -> Expected:
        """Expected new agreements of an arm, in the report's windows or in others."""
        return self.of_arms([world], windows)[0]

    def of_arms(
        self, worlds: Sequence[World], windows: Windows | None = None
    ) -> list[Expected]:
        """Expected new agreements of several arms, worked out together."""
        of_all, windows = self.courses_of(worlds), windows or self.windows
        by_arm = self.signatures.signed_by_arm(of_all, windows)
        if self.dyads is not None:
            return by_arm
        accessions = [
            self.signatures.accessions(wanted.world, self.baseline, windows)
            for wanted in of_all
        ]
        return [
            replace(expected, accessions=of_arm)
            for expected, of_arm in zip(by_arm, accessions, strict=True)
        ]

    def exercises(self, world: World) -> dict[str, float]:
        """Expected joint exercises of an arm by the outcomes' names; alarm is looked at
        in every span."""
        present = in_spans(world, self.edges)
        rates = {
            int(view.step): self.joint.by_class(view.world, view)
            for _, view in walk(present, self.baseline, at_start(present))
        }
        numbers = self.joint.within(present.grid, rates)[:, 0]
        return {name: float(n) for name, n in self.joint.outcomes(numbers).items()}

    @cached_property
    def control(self) -> Expected:
        """Of the control arm."""
        return self.of(self.reference)


def expected(worlds: Worlds, arms: Sequence[str]) -> dict[str, Expected]:
    """Expected new agreements of some arms, in the report's windows."""
    estimator = Estimator(worlds)
    of_arms = estimator.of_arms([worlds.arms[arm] for arm in arms])
    return dict(zip(arms, of_arms, strict=True))

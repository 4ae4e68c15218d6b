"""Filtered estimates of numbers of agreements: the consent that was drawn is replaced
by its probability.

At every opportunity of an idle clock the run knows the probability that talks open;
from then on the lags of signature and entry into force depend on nothing that it knows.
So

    sum over opportunities of  P(talks open | past) P(signed within the window | opened then, talks at speed 1)
    + P(signed within the window at speed 1 | under way at the start)
    + sum over talks under way and steps of  what running faster in this step adds to the probability of signature

has the expectation of the number of agreements signed within the window, and far less
variance: Glasserman 1993, Filtered Monte Carlo, Mathematics of Operations Research
18(3). docs/statistics.md derives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    DIRECTIONS,
    ORIGINS,
    AgreementTypes,
    Bools,
    Floats,
    Ints,
    Opportunities,
    World,
)
from balance_sim.model.state import Simulated
from balance_sim.model.thinning import chance_under_way, share_lasting
from balance_sim.stats.lags import (
    gained_by_haste,
    in_force_within,
    signed_from_age,
    signed_from_steady_state,
    signed_within,
)
from balance_sim.study.outcomes import (
    FROM_TALKS,
    NEW_ORIGINS,
    Outcome,
    numbers_of_agreements,
)


@dataclass(frozen=True)
class Windows:
    """New agreements count from the day after an event to `days` later; day, end: in
    days from the start."""

    day: float
    days: tuple[int, ...]
    end: float

    @property
    def longest(self) -> int:
        return self.days[-1]

    def bounds(self, window: int) -> tuple[float, float]:
        """First moment, and first moment after it, in days from the scenario's
        start."""
        first = self.day + 1.0
        return first, max(min(first + window, self.end), first)


def focal_windows(worlds: Worlds) -> Windows:
    """The windows of the scenario's report after its focal event."""
    world, days = worlds.reference, tuple(sorted(worlds.scenario.report.windows))
    return Windows(world.focal_day, days, float(world.grid[-1]))


@dataclass(frozen=True)
class Prospect:
    """What talks lead to, known when they open: the same in every arm.

    signed: by window, (C,) probability that talks opened at each opportunity are signed
    within it; in_force: (C,) in force within the longest; talks, talks_in_force: (R or
    1, P, M) expected numbers of those under way at the start."""

    signed: Mapping[int, Floats]
    in_force: Floats
    talks: Mapping[int, Floats]
    talks_in_force: Floats


def prospect_of(
    worlds: Worlds, opportunities: Opportunities, windows: Windows
) -> Prospect:
    """The probabilities that filtered estimates of these replications need."""
    world = worlds.reference
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    shape, mean = (
        ladder.talks_shape[opportunities.kind],
        ladder.talks_days[opportunities.kind],
    )

    def between(first: float, stop: float) -> Floats:
        late = signed_within(stop - opportunities.day, shape, mean, collapse)
        if first <= opportunities.day.min(initial=np.inf):
            return late
        return np.asarray(
            late - signed_within(first - opportunities.day, shape, mean, collapse)
        )

    under_way, longest = TalksAtStart(worlds), windows.bounds(windows.longest)
    in_force = np.empty(len(opportunities.day))
    for kind in range(len(ladder.names)):
        rows = np.flatnonzero(opportunities.kind == kind)
        days = [moment - opportunities.day[rows] for moment in longest]
        early, late = (
            in_force_of(ladder, kind, collapse, since, world.grid[-1]) for since in days
        )
        in_force[rows] = late - early
    return Prospect(
        signed={window: between(*windows.bounds(window)) for window in windows.days},
        in_force=in_force,
        talks={
            window: under_way.signed(*windows.bounds(window)) for window in windows.days
        },
        talks_in_force=under_way.in_force(*longest),
    )


def in_force_of(
    ladder: AgreementTypes, kind: int, collapse: float, days: Floats, longest: float
) -> Floats:
    """Probability that an agreement of a kind is in force within so many days of the
    opening of its talks."""
    return in_force_within(
        days,
        (float(ladder.talks_shape[kind]), float(ladder.talks_days[kind])),
        (float(ladder.force_shape[kind]), float(ladder.force_days[kind])),
        float(ladder.at_once[kind]),
        collapse,
        float(longest),
    )


class TalksAtStart:
    """Talks under way at the start: those on record, and unobserved negotiations in
    their steady state."""

    def __init__(self, worlds: Worlds) -> None:
        self.world = worlds.reference
        self.collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        shape = (len(self.world.first), len(self.world.ladder.names))
        chance = chance_under_way(self.world, worlds.baseline)
        self.chance = chance.reshape(-1, *shape).copy()  # (R or 1, P, M)
        initial = self.world.initial
        under_way = initial.stage < 2
        self.chance[:, initial.dyad[under_way], initial.kind[under_way]] = 0.0
        free = np.isnan(initial.fixed_signed) & np.isnan(initial.fixed_in_force)
        self.on_record = np.flatnonzero((initial.stage == 0) & free)

    @property
    def under_way(self) -> Floats:
        """(R or 1, P, M) expected number of talks under way at the start, but for those
        with a fixed date."""
        initial = self.world.initial
        out = self.chance * share_lasting(
            self.world.ladder, self.world.rules.collapse_rate
        )
        out[:, initial.dyad[self.on_record], initial.kind[self.on_record]] += 1.0
        return np.asarray(out)

    def signed(self, first: float, stop: float) -> Floats:
        """(R or 1, P, M) expected number signed between two moments, talks at speed
        1."""
        return self._of_clocks(
            *(np.diff(by)[:, 0] for by in self._by(np.array([first, stop])))
        )

    def signed_by(self, days: Floats) -> Floats:
        """(D, P, M) expected number signed from the start to each of D days, of the
        first replication."""
        since_start = [
            (by[:, 1:] - by[:, :1]).T for by in self._by(np.concatenate([[0.0], days]))
        ]
        return np.stack(
            [self._of_clocks(*of_day)[0] for of_day in zip(*since_start, strict=True)]
        )

    def in_force(self, first: float, stop: float) -> Floats:
        """The same in force between two moments, by the midpoint rule over the day of
        signature."""
        first = min(max(first, 0.0), stop)
        days = np.unique(np.concatenate([_nodes(0.0, first), _nodes(first, stop)]))
        middle, kinds = (days[1:] + days[:-1]) / 2, range(len(self.world.ladder.names))
        late, early = (
            np.stack([self._after_signature(kind, day - middle) for kind in kinds])
            for day in (stop, first)
        )
        unobserved, recorded = (np.diff(by) for by in self._by(days))
        lag, on_record = late - early, self.world.initial.kind[self.on_record]
        return self._of_clocks(
            (unobserved * lag).sum(axis=1), (recorded * lag[on_record]).sum(axis=1)
        )

    def _after_signature(self, kind: int, days: Floats) -> Floats:
        """Probability that an agreement is in force within so many days of its
        signature."""
        ladder, now = self.world.ladder, (days > 0).astype(float)
        at_once, mean = float(ladder.at_once[kind]), float(ladder.force_days[kind])
        if mean == 0.0:
            return now
        late = signed_within(
            days, ladder.force_shape[kind], np.asarray(mean), self.collapse
        )
        return np.asarray(at_once * now + (1.0 - at_once) * late)

    def _by(self, days: Floats) -> tuple[Floats, Floats]:
        """Probability to be signed by each of D days: (M, D) of unobserved
        negotiations, (K, D) of talks on record."""
        ladder, initial, rows = self.world.ladder, self.world.initial, self.on_record
        shape, mean, kind = (
            ladder.talks_shape[:, None],
            ladder.talks_days[:, None],
            initial.kind[rows],
        )
        age = np.maximum(-np.nan_to_num(initial.opened[rows]), 0.0)[:, None]
        return (
            signed_from_steady_state(days, shape, mean, self.collapse),
            signed_from_age(days, age, shape[kind], mean[kind], self.collapse),
        )

    def _of_clocks(self, unobserved: Floats, recorded: Floats) -> Floats:
        """(R or 1, P, M) from the probability of each kind, (M,), and of each of the
        talks on record, (K,)."""
        out, initial, rows = (
            self.chance * unobserved,
            self.world.initial,
            self.on_record,
        )
        for dyad, kind, chance in zip(
            initial.dyad[rows], initial.kind[rows], recorded, strict=True
        ):
            out[:, dyad, kind] += chance
        return np.asarray(out)


EVERY_DAYS = 4.0  # between two nodes of the rule at most


def _nodes(first: float, stop: float) -> Floats:
    return np.linspace(first, stop, int(np.ceil((stop - first) / EVERY_DAYS)) + 1)


@dataclass(frozen=True)
class FilteredSums:
    """Filtered sums of one arm's replications. `direction`: (P,) class of each dyad."""

    world: World
    opportunities: Opportunities
    simulated: Simulated
    prospect: Prospect
    windows: Windows
    direction: Ints
    runs: int

    @cached_property
    def _haste(self) -> dict[int, Floats]:
        """By window, (H,) what each row of `hastened` adds to the probability of being
        signed within it."""
        h, ladder = self.simulated.hastened, self.world.ladder
        counted = np.isin(h.origin, NEW_ORIGINS)

        def gained(moment: float) -> Floats:
            out = np.zeros(len(h.run))
            rows = np.flatnonzero(counted & (h.since < moment))
            if len(rows):
                since, kind = h.since[rows], h.kind[rows]
                speed = (
                    h.progress[rows],
                    h.stop[rows] - since,
                    h.pace[rows],
                    moment - since,
                )
                lag = ladder.talks_shape[kind], ladder.talks_days[kind], self._collapse
                out[rows] = gained_by_haste(*speed, *lag)
            return out

        bounds = {window: self.windows.bounds(window) for window in self.windows.days}
        return {
            window: gained(stop) - gained(first)
            for window, (first, stop) in bounds.items()
        }

    @property
    def _collapse(self) -> float:
        return self.world.rules.collapse_rate / DAYS_PER_YEAR

    def _talk_runs(self, by_clock: Floats, mask: Floats) -> Floats:
        """(R,) sum over the clocks of talks at the start, each with a weight (P,) or
        (M,)."""
        return np.broadcast_to((by_clock * mask).sum(axis=(-2, -1)), (self.runs,))

    @property
    def security(self) -> Bools:
        return self.world.ladder.security

    @cached_property
    def _by_class(self) -> dict[int, Floats]:
        """By window, (R, M, D) number of new agreements by kind and direction."""
        shape = (self.runs, len(self.world.ladder.names), len(DIRECTIONS))
        opened, haste = (  # where each counts in a flat (R, M, D)
            (of.run * shape[1] + of.kind) * shape[2] + self.direction[of.dyad]
            for of in (self.opportunities, self.simulated.hastened)
        )
        of_direction = (self.direction[:, None] == np.arange(shape[-1])).astype(float)
        return {
            window: (
                np.bincount(
                    opened,
                    self.simulated.consent * self.prospect.signed[window],
                    np.prod(shape),
                )
                + np.bincount(haste, self._haste[window], np.prod(shape))
            ).reshape(shape)
            + np.einsum("rpm,pd->rmd", self.prospect.talks[window], of_direction)
            for window in self.windows.days
        }

    def by_direction(self, window: int, kinds: Bools | None = None) -> Floats:
        """(R, D) number of new agreements of some kinds, of security agreements if not
        given, by direction."""
        return self._by_class[window][:, self.security if kinds is None else kinds].sum(
            axis=1
        )

    def by_kind(self, window: int) -> Floats:
        """(R, M) the same by kind."""
        return self._by_class[window].sum(axis=2)

    def by_dyad(self, window: int) -> Floats:
        """(R, P) number of new security agreements by dyad."""
        of_kind, count = self.security.astype(float), len(self.world.first)
        opportunities, haste = self.opportunities, self.simulated.hastened
        at = opportunities.run * count + opportunities.dyad
        opened = (
            self.simulated.consent
            * self.prospect.signed[window]
            * of_kind[opportunities.kind]
        )
        counted = np.bincount(at, opened, minlength=self.runs * count)
        out = counted.astype(float).reshape(
            self.runs, count
        )  # of no opportunity it counts in integers
        out = out + (self.prospect.talks[window] * of_kind).sum(axis=-1)
        np.add.at(
            out, (haste.run, haste.dyad), self._haste[window] * of_kind[haste.kind]
        )
        return np.asarray(out)

    def from_talks(self, window: int) -> Floats:
        """(R,) new security agreements whose talks were under way at the start."""
        of_kind = self.security.astype(float)
        out = self._talk_runs(self.prospect.talks[window], of_kind).copy()
        haste = self.simulated.hastened
        under_way = np.isin(haste.origin, FROM_TALKS) & self.security[haste.kind]
        np.add.at(out, haste.run, np.where(under_way, self._haste[window], 0.0))
        return out

    def in_force(self) -> Floats:
        """(R,) agreements that came into force within the longest window, whatever
        their origin but in force before."""
        first, stop = self.windows.bounds(self.windows.longest)
        out = np.bincount(
            self.opportunities.run,
            self.simulated.consent * self.prospect.in_force,
            minlength=self.runs,
        )
        out = out + self._talk_runs(self.prospect.talks_in_force, np.ones(1))
        haste, a = self.simulated.hastened, self.simulated.agreements
        np.add.at(
            out,
            haste.run,
            self.world.ladder.at_once[haste.kind] * self._haste[self.windows.longest],
        )
        moved = (
            np.isin(a.origin, NEW_ORIGINS)
            & np.isfinite(a.signed)
            & (a.plain_signed != a.signed)
        )
        change = self._later(a.signed[moved], a.kind[moved]) - self._later(
            a.plain_signed[moved], a.kind[moved]
        )
        np.add.at(out, a.run[moved], change)
        known = ~np.isin(a.origin, (*NEW_ORIGINS, ORIGINS.index("in_force")))
        np.add.at(
            out,
            a.run[known],
            ((a.in_force[known] >= first) & (a.in_force[known] < stop)).astype(float),
        )
        return np.asarray(out)

    def _later(self, signed: Floats, kind: Ints) -> Floats:
        """Probability that agreements signed on a day come into force later, within the
        longest window."""
        ladder, (first, stop) = (
            self.world.ladder,
            self.windows.bounds(self.windows.longest),
        )
        signed = np.minimum(signed, stop)  # never: later than any window
        lag = (
            ladder.force_shape[kind],
            np.where(ladder.force_days > 0, ladder.force_days, 1.0)[kind],
            self._collapse,
        )
        late, early = (signed_within(moment - signed, *lag) for moment in (stop, first))
        later = np.where(
            ladder.force_days[kind] > 0,
            late - early,
            (signed >= first) & (signed < stop),
        )
        return np.asarray((1.0 - ladder.at_once[kind]) * later)


def filtered_outcomes(found: FilteredSums) -> dict[str, Floats]:
    """(R,) each: filtered estimates of the numbers of agreements that
    `outcomes.outcomes_of` counts, by its names."""
    security, longest, windows = (
        found.security,
        found.windows.longest,
        found.windows.days,
    )
    by_direction = {
        w: (found.by_direction(w, security), found.by_direction(w, ~security))
        for w in windows
    }
    out = numbers_of_agreements(
        by_direction, found.by_kind(longest), found.world.ladder.names, longest
    )
    more = {"from_talks": found.from_talks(longest), "in_force": found.in_force()}
    return out | {Outcome(name, "", longest).name: of for name, of in more.items()}

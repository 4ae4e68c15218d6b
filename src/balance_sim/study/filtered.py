"""Filtered estimates of numbers of agreements: the consent that was drawn is replaced
by its probability.

At every opportunity of an idle clock the run knows the probability that talks open;
from then on the lags of signature and entry into force depend on nothing that it knows.
So

    sum over opportunities of  P(talks open | past)
                               P(signed within the window | opened then)
    + P(signed within the window | under way at the start)

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
    Bools,
    Floats,
    Ints,
    Opportunities,
    World,
)
from balance_sim.model.state import Simulated
from balance_sim.model.thinning import chance_under_way, share_lasting
from balance_sim.stats.lags import (
    in_force_within,
    signed_from_age,
    signed_from_steady_state,
    signed_within,
)
from balance_sim.study.outcomes import (
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
    """The probabilities that filtered estimates of these replications need.

    They depend on the day of an opportunity and on the agreement type alone: neither on
    the arm nor on what happens in it, so they are worked out once for all arms.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    opportunities : Opportunities
        of these replications, the same for all arms
    windows : Windows
        in which agreements are counted

    Returns
    -------
    Prospect
        probabilities of signature and of entry into force, (C,) of the opportunities,
        and expected numbers of what is under way at the start
    """
    world, day = worlds.reference, opportunities.day
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    under_way, longest = TalksAtStart(worlds), windows.bounds(windows.longest)
    first, last = longest
    signed = {window: np.empty(len(day)) for window in windows.days}
    in_force = np.empty(len(day))
    for kind in range(len(ladder.names)):
        rows = np.flatnonzero(opportunities.kind == kind)
        opened = day.take(rows)
        lag = ladder.talks_shape[kind], ladder.talks_days[kind], collapse
        before = signed_by(first, opened, *lag)
        for window in windows.days:
            _, stop = windows.bounds(window)
            by_stop = signed_by(stop, opened, *lag)
            signed[window][rows] = by_stop - before
        early = in_force_of(world, kind, first - opened, before)
        in_force[rows] = in_force_of(world, kind, last - opened, by_stop) - early
    talks = {
        window: under_way.signed(*windows.bounds(window)) for window in windows.days
    }
    return Prospect(signed, in_force, talks, under_way.in_force(*longest))


def signed_by(
    moment: float, opened: Floats, shape: Floats, mean: Floats, collapse: float
) -> Floats:
    """(K,) probability that talks opened on some days are signed by a moment; 0 where
    they open later. The rest as in `signed_within`."""
    signed, earlier = np.zeros(len(opened)), np.flatnonzero(opened < moment)
    days = moment - opened.take(earlier)
    signed[earlier] = signed_within(days, shape, mean, collapse)
    return signed


def in_force_of(world: World, kind: int, days: Floats, signed: Floats) -> Floats:
    """Probability that an agreement of a kind is in force within so many days of the
    opening of its talks. signed: that it is signed within them."""
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    talks = float(ladder.talks_shape[kind]), float(ladder.talks_days[kind])
    force = float(ladder.force_shape[kind]), float(ladder.force_days[kind])
    at_once, longest = float(ladder.at_once[kind]), float(world.grid[-1])
    return in_force_within(days, talks, force, at_once, collapse, longest, signed)


class TalksAtStart:
    """Talks under way at the start: those on record, and unobserved negotiations in
    their steady state. dyads: (P,) of which, sorted; all if not given.

    Attributes
    ----------
    chance : (R or 1, P, M)
        probability of unobserved negotiations, but for clocks that the record keeps
        busy
    on_record, dyad : (K,)
        rows of the initial agreements that are in talks and have no fixed date, and
        places of their dyads
    collapse : float
        collapses a day
    """

    def __init__(self, worlds: Worlds, dyads: Ints | None = None) -> None:
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
        self.dyad = initial.dyad[self.on_record]
        if dyads is not None:
            among = np.isin(self.dyad, dyads)
            self.chance, self.on_record = self.chance[:, dyads], self.on_record[among]
            self.dyad = np.searchsorted(dyads, self.dyad[among])

    @property
    def under_way(self) -> Floats:
        """(R or 1, P, M) expected number of talks under way at the start, but for those
        with a fixed date."""
        world = self.world
        lasting = share_lasting(world.ladder, world.rules.collapse_rate)
        number = self.chance * lasting
        number[:, self.dyad, world.initial.kind[self.on_record]] += 1.0
        return np.asarray(number)

    def signed(self, first: float, stop: float) -> Floats:
        """(R or 1, P, M) expected number signed between two moments."""
        unobserved, recorded = self._signed_by(np.array([first, stop]))
        return self._expected(np.diff(unobserved)[:, 0], np.diff(recorded)[:, 0])

    def signed_by(self, days: Floats) -> Floats:
        """(D, P, M) expected number signed from the start to each of D days, where
        all replications have the same talks."""
        unobserved, recorded = self._signed_by(np.concatenate([[0.0], days]))
        by_day = (unobserved[:, 1:] - unobserved[:, :1]).T
        return self._expected(by_day[:, None], recorded[:, 1:] - recorded[:, :1])

    def in_force(self, first: float, stop: float) -> Floats:
        """The same in force between two moments, by the midpoint rule over the day of
        signature."""
        first = min(max(first, 0.0), stop)
        days = np.unique(np.concatenate([_nodes(0.0, first), _nodes(first, stop)]))
        middle, kinds = (days[1:] + days[:-1]) / 2, range(len(self.world.ladder.names))
        late = [self._after_signature(kind, stop - middle) for kind in kinds]
        early = [self._after_signature(kind, first - middle) for kind in kinds]
        lag = np.stack(late) - np.stack(early)
        unobserved, recorded = self._signed_by(days)
        lag_on_record = lag[self.world.initial.kind[self.on_record]]
        return self._expected(
            (np.diff(unobserved) * lag).sum(axis=1),
            (np.diff(recorded) * lag_on_record).sum(axis=1),
        )

    def _after_signature(self, kind: int, days: Floats) -> Floats:
        """Probability that an agreement is in force within so many days of its
        signature."""
        ladder, is_signed = self.world.ladder, (days > 0).astype(float)
        at_once, mean = float(ladder.at_once[kind]), float(ladder.force_days[kind])
        if mean == 0.0:
            return is_signed
        shape = ladder.force_shape[kind]
        late = signed_within(days, shape, np.asarray(mean), self.collapse)
        return np.asarray(at_once * is_signed + (1.0 - at_once) * late)

    def _signed_by(self, days: Floats) -> tuple[Floats, Floats]:
        """Probability to be signed by each of D days: (M, D) of unobserved
        negotiations, (K, D) of talks on record."""
        ladder, initial, rows = self.world.ladder, self.world.initial, self.on_record
        shape, mean = ladder.talks_shape[:, None], ladder.talks_days[:, None]
        kind, collapse = initial.kind[rows], self.collapse
        age = np.maximum(-np.nan_to_num(initial.opened[rows]), 0.0)[:, None]
        unobserved = signed_from_steady_state(days, shape, mean, collapse)
        recorded = signed_from_age(days, age, shape[kind], mean[kind], collapse)
        return unobserved, recorded

    def _expected(self, unobserved: Floats, recorded: Floats) -> Floats:
        """(R or 1, P, M) from the probability of each type, (M,), and of each of the
        talks on record, (K,); (D, P, M) from (D, 1, M) and (K, D) on each of D
        days."""
        number, kind = self.chance * unobserved, self.world.initial.kind
        for k, row in enumerate(self.on_record):
            number[:, self.dyad[k], kind[row]] += recorded[k]
        return np.asarray(number)


EVERY_DAYS = 4.0
"""Between two nodes of the rule, at most."""


def _nodes(first: float, stop: float) -> Floats:
    intervals = int(np.ceil((stop - first) / EVERY_DAYS))
    return np.linspace(first, stop, intervals + 1)


@dataclass(frozen=True)
class FilteredSums:
    """Filtered sums of one arm's replications.

    Attributes
    ----------
    world, simulated : of the arm
    prospect : from `prospect_of`, of its opportunities
    windows : in which agreements are counted
    direction : (P,)
        class of each dyad, an index into DIRECTIONS
    runs : int
        R, number of replications
    """

    world: World
    simulated: Simulated
    prospect: Prospect
    windows: Windows
    direction: Ints
    runs: int

    @cached_property
    def _by_class(self) -> dict[int, Floats]:
        """By window, (R, M, D) number of new agreements by type and direction."""
        kinds, directions = len(self.world.ladder.names), len(DIRECTIONS)
        shape = (self.runs, kinds, directions)
        size = self.runs * kinds * directions
        opportunities = self.simulated.opportunities
        opened = (opportunities.run * kinds + opportunities.kind) * directions
        opened = opened + self.direction[opportunities.dyad]
        is_direction = (self.direction[:, None] == np.arange(directions)).astype(float)
        by_window = {}
        for window in self.windows.days:
            at_start = np.einsum(
                "rpm,pd->rmd", self.prospect.talks[window], is_direction
            )
            signed = self.simulated.consent * self.prospect.signed[window]
            number = np.bincount(opened, signed, size)
            by_window[window] = number.reshape(shape) + at_start
        return by_window

    def by_direction(self, window: int, kinds: Bools | None = None) -> Floats:
        """(R, D) number of new agreements of some types, of security agreements if not
        given, by direction."""
        counted = self.world.ladder.security if kinds is None else kinds
        return self._by_class[window][:, counted].sum(axis=1)

    def by_kind(self, window: int) -> Floats:
        """(R, M) the same by type."""
        return self._by_class[window].sum(axis=2)

    def by_dyad(self, window: int) -> Floats:
        """(R, P) number of new security agreements by dyad."""
        is_security, dyads = (
            self.world.ladder.security.astype(float),
            len(self.world.first),
        )
        opportunities = self.simulated.opportunities
        place = opportunities.run * dyads + opportunities.dyad
        opened = self.simulated.consent * self.prospect.signed[window]
        opened = opened * is_security[opportunities.kind]
        number = np.bincount(place, opened, minlength=self.runs * dyads)
        # of no opportunity it counts in integers
        number = number.astype(float).reshape(self.runs, dyads)
        talks = (self.prospect.talks[window] * is_security).sum(axis=-1)
        return np.asarray(number + talks)

    def weighted(self, window: int, weights: Floats) -> Floats:
        """(R,) number of new agreements, each counted with the weight of its dyad and
        type, (P, M)."""
        opportunities = self.simulated.opportunities
        signed = self.simulated.consent * self.prospect.signed[window]
        signed = signed * weights[opportunities.dyad, opportunities.kind]
        number = np.bincount(opportunities.run, signed, minlength=self.runs)
        talks = (self.prospect.talks[window] * weights).sum(axis=(-2, -1))
        return np.asarray(number + talks)

    def from_talks(self, window: int) -> Floats:
        """(R,) new security agreements whose talks were under way at the start."""
        talks = self.prospect.talks[window] * self.world.ladder.security.astype(float)
        return np.broadcast_to(talks.sum(axis=(-2, -1)), (self.runs,))

    def in_force(self) -> Floats:
        """(R,) agreements that came into force within the longest window, whatever
        their origin but in force before."""
        first, stop = self.windows.bounds(self.windows.longest)
        opened = self.simulated.consent * self.prospect.in_force
        number = np.bincount(
            self.simulated.opportunities.run, opened, minlength=self.runs
        )
        talks = self.prospect.talks_in_force.sum(axis=(-2, -1))
        number = number + np.broadcast_to(talks, (self.runs,))
        agreements = self.simulated.agreements
        others = ~np.isin(agreements.origin, (*NEW_ORIGINS, ORIGINS.index("in_force")))
        in_force = agreements.in_force[others]
        came = (in_force >= first) & (in_force < stop)
        np.add.at(number, agreements.run[others], came.astype(float))
        return np.asarray(number)

    def accessions(self, window: int) -> Floats:
        """(R,) accessions that candidates and members agree on, signed within a window.

        A change that makes a candidate a member ends its talks."""
        accessions, pacts = self.simulated.accessions, self.world.pacts
        assert accessions is not None
        assert pacts is not None
        rows, ladder = accessions.candidacies, self.world.ladder
        kind = pacts.kind[rows.pact]
        joining_day = pacts.joining_day[rows.pact, rows.state]
        lag = ladder.talks_shape[kind], ladder.talks_days[kind]
        collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        first, stop = (
            np.minimum(day, joining_day) for day in self.windows.bounds(window)
        )
        signed = signed_within(stop - rows.day, *lag, collapse)
        signed = signed - signed_within(first - rows.day, *lag, collapse)
        number = np.bincount(rows.run, rows.chance * signed, minlength=self.runs)
        return number.astype(float)


def filtered_outcomes(sums: FilteredSums) -> dict[str, Floats]:
    """(R,) each: filtered estimates of the numbers of agreements that
    `outcomes.outcomes_of` counts, by its names."""
    security, longest = sums.world.ladder.security, sums.windows.longest
    by_direction = {}
    for window in sums.windows.days:
        accords = sums.by_direction(window, security)
        by_direction[window] = accords, sums.by_direction(window, ~security)
    types = sums.world.ladder.names
    numbers = numbers_of_agreements(by_direction, sums.by_kind(longest), types, longest)
    numbers[Outcome("from_talks", "", longest).name] = sums.from_talks(longest)
    numbers[Outcome("in_force", "", longest).name] = sums.in_force()
    if sums.simulated.accessions is not None:
        for window in sums.windows.days:
            numbers[Outcome("accessions", "", window).name] = sums.accessions(window)
    return numbers

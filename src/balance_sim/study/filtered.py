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
18(3). `control_variates.py` takes from the first sum what would come of the same
opportunities with the network as at the start, and adds its expectation.
docs/statistics.md derives both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from balance_sim.model.thinning import drawn_rate
from balance_sim.stats.lags import in_force_within, signed_within
from balance_sim.study.control_variates import ControlVariate
from balance_sim.study.outcomes import NEW_ORIGINS, Outcome, numbers_of_agreements
from balance_sim.study.talks_at_start import TalksAtStart, Windows, same_talks


@dataclass(frozen=True)
class Prospect:
    """What talks lead to, known when they open: the same in every arm, but for those
    under way at the start.

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


def of_arm(
    prospect: Prospect, worlds: Worlds, world: World, windows: Windows
) -> Prospect:
    """A prospect with the talks that are under way at the start of an arm's world."""
    if same_talks(world, worlds.reference):
        return prospect
    under_way = TalksAtStart(worlds, world=world)
    talks = {
        window: under_way.signed(*windows.bounds(window)) for window in windows.days
    }
    in_force = under_way.in_force(*windows.bounds(windows.longest))
    return replace(prospect, talks=talks, talks_in_force=in_force)


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


@dataclass(frozen=True)
class SampledSignatures:
    """Parts of numbers of new agreements that came in replications. Arrays (K,).

    number : by window, agreements signed within it"""

    run: Ints
    dyad: Ints
    kind: Ints
    number: Mapping[int, Floats]


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
    variate : ControlVariate, optional
        of the arm; with it the sums vary less
    """

    world: World
    simulated: Simulated
    prospect: Prospect
    windows: Windows
    direction: Ints
    runs: int
    variate: ControlVariate | None = None

    @cached_property
    def _sampled(self) -> SampledSignatures:
        """What the number of new agreements has from what came in the replications:
        from opportunities, and with a control variate from changes of clocks."""
        simulated, signed = self.simulated, self.prospect.signed
        came, opens = simulated.opportunities, simulated.consent
        if self.variate is None:
            number = {window: opens * signed[window] for window in self.windows.days}
            return SampledSignatures(came.run, came.dyad, came.kind, number)
        opens = opens.copy()
        opens[simulated.answers.rows] -= self.variate.at(simulated)
        changes = simulated.changes
        rate = np.broadcast_to(drawn_rate(self.world), self.runs).take(changes.run)
        number = {
            window: np.concatenate([opens * signed[window], rate * changed])
            for window, changed in self.variate.changed(changes).items()
        }
        return SampledSignatures(
            np.concatenate([came.run, changes.run]),
            np.concatenate([came.dyad, changes.dyad]),
            np.concatenate([came.kind, changes.kind]),
            number,
        )

    def _known(self, window: int) -> Floats:
        """(R or 1, P, M) what it has from what is known before: from talks under way at
        the start, and the control variate's expectation with idle clocks."""
        talks = self.prospect.talks[window]
        if self.variate is None:
            return talks
        rate = drawn_rate(self.world)[..., None, None]
        return np.asarray(talks + rate * self.variate.signed(window))

    @cached_property
    def _by_class(self) -> dict[int, Floats]:
        """By window, (R, M, D) number of new agreements by type and direction."""
        kinds, directions = len(self.world.ladder.names), len(DIRECTIONS)
        shape, sampled = (self.runs, kinds, directions), self._sampled
        size = self.runs * kinds * directions
        place = (sampled.run * kinds + sampled.kind) * directions
        place += self.direction[sampled.dyad]
        is_direction = (self.direction[:, None] == np.arange(directions)).astype(float)
        by_window = {}
        for window in self.windows.days:
            known = np.einsum("rpm,pd->rmd", self._known(window), is_direction)
            number = np.bincount(place, sampled.number[window], size)
            by_window[window] = number.reshape(shape) + known
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
        is_security = self.world.ladder.security.astype(float)
        sampled, dyads = self._sampled, len(self.world.first)
        signed = sampled.number[window] * is_security[sampled.kind]
        place = sampled.run * dyads + sampled.dyad
        number = np.bincount(place, signed, self.runs * dyads)
        # of no opportunity it counts in integers
        number = number.astype(float).reshape(self.runs, dyads)
        known = (self._known(window) * is_security).sum(axis=-1)
        return np.asarray(number + known)

    def weighted(self, window: int, weights: Floats) -> Floats:
        """(R,) number of new agreements, each counted with the weight of its dyad and
        type, (P, M)."""
        sampled = self._sampled
        signed = sampled.number[window] * weights[sampled.dyad, sampled.kind]
        number = np.bincount(sampled.run, signed, self.runs)
        known = (self._known(window) * weights).sum(axis=(-2, -1))
        return np.asarray(number + known)

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

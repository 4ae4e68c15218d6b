"""Filtered estimates of numbers of agreements: the consent that was drawn is replaced by its probability.

At every opportunity of an idle clock the run knows the probability that talks open, and from the opening on the lags
of signature and entry into force depend on nothing that the run knows. So

    sum over opportunities of  P(talks open | past) P(signed within the window | opened then, talks at speed 1)
    + P(signed within the window at speed 1 | under way at the start)
    + sum over talks under way and steps of  what running faster in this step adds to the probability of signature

has the expectation of the number of agreements signed within the window, and far less variance: Glasserman 1993,
Filtered Monte Carlo, Mathematics of Operations Research 18(3). docs/statistics.md derives it; `balance_sim.stats.lags`
has the probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, ORIGINS, AgreementTypes, Opportunities, World
from balance_sim.model.state import Simulated
from balance_sim.model.thinning import chance_under_way, share_lasting
from balance_sim.replications.outcomes import (
    FROM_TALKS,
    NEW_ORIGINS,
    Outcome,
    in_force_between,
    numbers_of_agreements,
)
from balance_sim.stats.lags import (
    gained_by_haste,
    in_force_within,
    signed_from_age,
    signed_from_steady_state,
    signed_within,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Windows:
    """Windows of counting after the day of an event: new agreements dated from the day after it to `days` later.

    end: of the scenario, days from its start; nothing is counted from then on."""

    day: float
    days: tuple[int, ...]
    end: float

    @property
    def longest(self) -> int:
        return self.days[-1]

    def bounds(self, window: int) -> tuple[float, float]:
        """First moment, and first moment after it, in days from the scenario's start."""
        first = self.day + 1.0
        return first, max(min(first + window, self.end), first)


def focal_windows(worlds: Worlds) -> Windows:
    """The windows of the scenario's report after its focal event."""
    world, days = worlds.reference, tuple(sorted(worlds.scenario.report.windows))
    return Windows(world.focal_day, days, float(world.grid[-1]))


@dataclass(frozen=True)
class Prospect:
    """What talks lead to, known when they open: the same in every arm.

    signed: by window, (C,) probability that talks opened at each opportunity are signed within it; in_force: (C,) that
    they are in force within the longest; talks, talks_in_force: (R or 1, P, M) the same of talks under way at the
    start, by window, the chance that there are any included."""

    signed: Mapping[int, Floats]
    in_force: Floats
    talks: Mapping[int, Floats]
    talks_in_force: Floats


def prospect_of(worlds: Worlds, chances: Opportunities, windows: Windows) -> Prospect:
    """The probabilities that filtered estimates of these replications need."""
    world = worlds.reference
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    shape, mean = ladder.talks_shape[chances.kind], ladder.talks_days[chances.kind]

    def between(first: float, stop: float) -> Floats:
        late = signed_within(stop - chances.day, shape, mean, collapse)
        if first <= chances.day.min(initial=np.inf):
            return late
        return np.asarray(late - signed_within(first - chances.day, shape, mean, collapse))

    under_way = TalksAtStart(worlds)
    return Prospect(
        signed={window: between(*windows.bounds(window)) for window in windows.days},
        in_force=_in_force(ladder, collapse, chances, *windows.bounds(windows.longest), world.grid[-1]),
        talks={window: under_way.signed(*windows.bounds(window)) for window in windows.days},
        talks_in_force=under_way.in_force(*windows.bounds(windows.longest)),
    )


def _in_force(
    ladder: AgreementTypes, collapse: float, chances: Opportunities, first: float, stop: float, end: float
) -> Floats:
    out = np.empty(len(chances.day))
    for kind in range(len(ladder.names)):
        rows = np.flatnonzero(chances.kind == kind)
        late, early = (in_force_of(ladder, kind, collapse, day - chances.day[rows], end) for day in (stop, first))
        out[rows] = late - early
    return out


def in_force_of(ladder: AgreementTypes, kind: int, collapse: float, days: Floats, longest: float) -> Floats:
    """Probability that an agreement of a kind is in force within so many days of the opening of its talks."""
    return in_force_within(
        days,
        (float(ladder.talks_shape[kind]), float(ladder.talks_days[kind])),
        (float(ladder.force_shape[kind]), float(ladder.force_days[kind])),
        float(ladder.at_once[kind]),
        collapse,
        float(longest),
    )


class TalksAtStart:
    """Talks under way at the start: those on record, and unobserved negotiations in their steady state."""

    def __init__(self, worlds: Worlds) -> None:
        self.world = worlds.reference
        self.collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        shape = (len(self.world.first), len(self.world.ladder.names))
        chance = chance_under_way(self.world, worlds.baseline)
        self.chance = chance.reshape(-1, *shape).copy()  # (R or 1, P, M)
        initial = self.world.initial
        under_way = initial.stage < 2
        self.chance[:, initial.pair[under_way], initial.kind[under_way]] = 0.0
        free = np.isnan(initial.fixed_signed) & np.isnan(initial.fixed_in_force)
        self.on_record = np.flatnonzero((initial.stage == 0) & free)

    @property
    def under_way(self) -> Floats:
        """(R or 1, P, M) expected number of talks under way at the start, but for those with a fixed date."""
        initial = self.world.initial
        out = self.chance * share_lasting(self.world.ladder, self.world.rules.collapse_rate)
        out[:, initial.pair[self.on_record], initial.kind[self.on_record]] += 1.0
        return np.asarray(out)

    def signed(self, first: float, stop: float) -> Floats:
        """(R or 1, P, M) expected number signed between two moments, talks at speed 1."""
        unobserved, recorded = self._by(np.array([first, stop]))
        return self._of_clocks(unobserved[:, 1] - unobserved[:, 0], recorded[:, 1] - recorded[:, 0])

    def signed_by(self, days: Floats) -> Floats:
        """(D, P, M) expected number signed from the start to each of D days, of the first replication."""
        unobserved, recorded = self._by(np.concatenate([[0.0], days]))
        of_each = zip((unobserved[:, 1:] - unobserved[:, :1]).T, (recorded[:, 1:] - recorded[:, :1]).T, strict=True)
        return np.stack([self._of_clocks(*one)[0] for one in of_each])

    def in_force(self, first: float, stop: float) -> Floats:
        """The same in force between two moments, by the midpoint rule over the day of signature."""
        first = min(max(first, 0.0), stop)
        days = np.unique(np.concatenate([_nodes(0.0, first), _nodes(first, stop)]))
        middle, ladder = (days[1:] + days[:-1]) / 2, self.world.ladder
        lag = np.stack(
            [
                after_signature(ladder, kind, self.collapse, stop - middle)
                - after_signature(ladder, kind, self.collapse, first - middle)
                for kind in range(len(ladder.names))
            ]
        )
        unobserved, recorded = (np.diff(by, axis=1) for by in self._by(days))
        kind = self.world.initial.kind[self.on_record]
        return self._of_clocks((unobserved * lag).sum(axis=1), (recorded * lag[kind]).sum(axis=1))

    def _by(self, days: Floats) -> tuple[Floats, Floats]:
        """Probability to be signed by each of D days: (M, D) of unobserved negotiations, (K, D) of talks on record."""
        ladder, initial, rows = self.world.ladder, self.world.initial, self.on_record
        shape, mean, kind = ladder.talks_shape[:, None], ladder.talks_days[:, None], initial.kind[rows]
        age = np.maximum(-np.nan_to_num(initial.opened[rows]), 0.0)[:, None]
        return (
            signed_from_steady_state(days, shape, mean, self.collapse),
            signed_from_age(days, age, shape[kind], mean[kind], self.collapse),
        )

    def _of_clocks(self, unobserved: Floats, recorded: Floats) -> Floats:
        """(R or 1, P, M) from the probability of each kind, (M,), and of each of the talks on record, (K,)."""
        out, initial, rows = self.chance * unobserved, self.world.initial, self.on_record
        for pair, kind, chance in zip(initial.pair[rows], initial.kind[rows], recorded, strict=True):
            out[:, pair, kind] += chance
        return np.asarray(out)


EVERY_DAYS = 4.0  # between two nodes of the rule at most


def _nodes(first: float, stop: float) -> Floats:
    return np.linspace(first, stop, int(np.ceil((stop - first) / EVERY_DAYS)) + 1)


def after_signature(ladder: AgreementTypes, kind: int, collapse: float, days: Floats) -> Floats:
    """Probability that an agreement is in force within so many days of its signature."""
    at_once, mean = float(ladder.at_once[kind]), float(ladder.force_days[kind])
    now = (days > 0).astype(float)
    if mean == 0.0:
        return now
    late = signed_within(days, ladder.force_shape[kind], np.asarray(mean), collapse)
    return np.asarray(at_once * now + (1.0 - at_once) * late)


@dataclass(frozen=True)
class FilteredSums:
    """Filtered sums of one arm's replications. `direction`: (P,) class of each dyad."""

    world: World
    chances: Opportunities
    simulated: Simulated
    prospect: Prospect
    windows: Windows
    direction: Ints
    runs: int

    @cached_property
    def _haste(self) -> dict[int, Floats]:
        """By window, (H,) what each row of `hastened` adds to the probability of being signed within it."""
        h, ladder = self.simulated.hastened, self.world.ladder
        shape, mean = ladder.talks_shape[h.kind], ladder.talks_days[h.kind]
        collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        counted = np.isin(h.origin, NEW_ORIGINS)

        def gained(moment: float) -> Floats:
            out = np.zeros(len(h.run))
            rows = np.flatnonzero(counted & (h.since < moment))
            if len(rows):
                progress, days, pace = h.progress[rows], (h.stop - h.since)[rows], h.pace[rows]
                left = moment - h.since[rows]
                out[rows] = gained_by_haste(progress, days, pace, left, shape[rows], mean[rows], collapse)
            return out

        return {
            window: gained(stop) - gained(first)
            for window in self.windows.days
            for first, stop in [self.windows.bounds(window)]
        }

    def _talk_runs(self, by_clock: Floats, mask: Floats) -> Floats:
        """(R,) sum over the clocks of talks at the start, each with a weight (P,) or (M,)."""
        return np.broadcast_to((by_clock * mask).sum(axis=(-2, -1)), (self.runs,))

    @property
    def security(self) -> Bools:
        """(M,) which kinds are security agreements."""
        return self.world.ladder.security

    @cached_property
    def _classes(self) -> tuple[Ints, Ints]:
        """(C,) and (H,) where each opportunity, and each hastened talk, counts in a flat (R, M, D)."""
        kinds, directions = len(self.world.ladder.names), len(DIRECTIONS)
        opened, haste = (
            (of.run * kinds + of.kind) * directions + self.direction[of.pair]
            for of in (self.chances, self.simulated.hastened)
        )
        return opened, haste

    @cached_property
    def _by_class(self) -> dict[int, Floats]:
        """By window, (R, M, D) number of new agreements by kind and direction."""
        shape = (self.runs, len(self.world.ladder.names), len(DIRECTIONS))
        opened, haste = self._classes
        of_direction = (self.direction[:, None] == np.arange(shape[-1])).astype(float)
        return {
            window: (
                np.bincount(opened, self.simulated.consent * self.prospect.signed[window], np.prod(shape))
                + np.bincount(haste, self._haste[window], np.prod(shape))
            ).reshape(shape)
            + np.einsum("rpm,pd->rmd", self.prospect.talks[window], of_direction)
            for window in self.windows.days
        }

    def by_direction(self, window: int, kinds: Bools | None = None) -> Floats:
        """(R, D) number of new agreements of some kinds, of security agreements if not given, by direction."""
        return self._by_class[window][:, self.security if kinds is None else kinds].sum(axis=1)

    def by_kind(self, window: int) -> Floats:
        """(R, M) the same by kind."""
        return self._by_class[window].sum(axis=2)

    def by_dyad(self, window: int) -> Floats:
        """(R, P) number of new security agreements by dyad."""
        of_kind, count = self.security.astype(float), len(self.world.first)
        chances, haste = self.chances, self.simulated.hastened
        at = chances.run * count + chances.pair
        opened = self.simulated.consent * self.prospect.signed[window] * of_kind[chances.kind]
        counted = np.bincount(at, opened, minlength=self.runs * count)
        out = counted.astype(float).reshape(self.runs, count)  # of no opportunity it counts in integers
        out = out + (self.prospect.talks[window] * of_kind).sum(axis=-1)
        np.add.at(out, (haste.run, haste.pair), self._haste[window] * of_kind[haste.kind])
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
        """(R,) agreements that came into force within the longest window, whatever their origin but in force before."""
        first, stop = self.windows.bounds(self.windows.longest)
        out = np.bincount(self.chances.run, self.simulated.consent * self.prospect.in_force, minlength=self.runs)
        out = out + self._talk_runs(self.prospect.talks_in_force, np.ones(1))
        haste, a = self.simulated.hastened, self.simulated.accords
        at_once = self.world.ladder.at_once
        np.add.at(out, haste.run, at_once[haste.kind] * self._haste[self.windows.longest])
        moved = np.flatnonzero(np.isin(a.origin, NEW_ORIGINS) & np.isfinite(a.signed))
        moved = moved[a.plain_signed[moved] != a.signed[moved]]
        change = self._later(a.signed[moved], a.kind[moved]) - self._later(a.plain_signed[moved], a.kind[moved])
        np.add.at(out, a.run[moved], change)
        known = np.flatnonzero(~np.isin(a.origin, (*NEW_ORIGINS, ORIGINS.index("in_force"))))
        np.add.at(out, a.run[known], in_force_between(a.in_force[known], first, stop).astype(float))
        return np.asarray(out)

    def _later(self, signed: Floats, kind: Ints) -> Floats:
        """Probability that agreements signed on a day come into force later, within the longest window."""
        first, stop = self.windows.bounds(self.windows.longest)
        ladder, collapse = self.world.ladder, self.world.rules.collapse_rate / DAYS_PER_YEAR
        signed = np.minimum(signed, stop)  # never: later than any window
        mean = np.where(ladder.force_days > 0, ladder.force_days, 1.0)[kind]
        late, early = (
            signed_within(moment - signed, ladder.force_shape[kind], mean, collapse) for moment in (stop, first)
        )
        later = np.where(ladder.force_days[kind] > 0, late - early, (signed >= first) & (signed < stop))
        return np.asarray((1.0 - ladder.at_once[kind]) * later)


def filtered_outcomes(found: FilteredSums) -> dict[str, Floats]:
    """(R,) each: filtered estimates of the numbers of agreements that `outcomes.outcomes_of` counts, by its names."""
    security, longest = found.security, found.windows.longest
    by_direction = {
        window: (found.by_direction(window, security), found.by_direction(window, ~security))
        for window in found.windows.days
    }
    out = numbers_of_agreements(by_direction, found.by_kind(longest), found.world.ladder.names, longest)
    more = {"from_talks": found.from_talks(longest), "in_force": found.in_force()}
    return out | {Outcome(name, "", longest).name: of for name, of in more.items()}

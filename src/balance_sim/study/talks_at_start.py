"""Talks under way at the start, and the windows in which agreements are counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DAYS_PER_YEAR, Floats, Ints, World, content_key
from balance_sim.model.thinning import chance_under_way, share_lasting
from balance_sim.stats.lags import (
    signed_from_age,
    signed_from_steady_state,
    signed_within,
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


class TalksAtStart:
    """Talks under way at the start: those on record, and unobserved negotiations in
    their steady state. dyads: (P,) of which, sorted; all if not given. world: of an
    arm; the control arm's if not given.

    Attributes
    ----------
    on_record, dyad : (K,)
        rows of the initial agreements that are in talks and have no fixed date, and
        places of their dyads
    collapse : float
        collapses a day
    """

    def __init__(
        self, worlds: Worlds, dyads: Ints | None = None, world: World | None = None
    ) -> None:
        self.world = worlds.reference if world is None else world
        self._baseline = worlds.baseline
        self.collapse = self.world.rules.collapse_rate / DAYS_PER_YEAR
        self._dyads, initial = dyads, self.world.initial
        free = np.isnan(initial.fixed_signed) & np.isnan(initial.fixed_in_force)
        self.on_record = np.flatnonzero((initial.stage == 0) & free)
        self.dyad = initial.dyad[self.on_record]
        if dyads is not None:
            among = np.isin(self.dyad, dyads)
            self.on_record = self.on_record[among]
            self.dyad = np.searchsorted(dyads, self.dyad[among])

    @cached_property
    def chance(self) -> Floats:
        """(R or 1, P, M) probability of unobserved negotiations, but for clocks that
        the record keeps busy."""
        shape = (len(self.world.first), len(self.world.ladder.names))
        chance = chance_under_way(self.world, self._baseline)
        chance, initial = chance.reshape(-1, *shape).copy(), self.world.initial
        under_way = initial.stage < 2
        chance[:, initial.dyad[under_way], initial.kind[under_way]] = 0.0
        return chance if self._dyads is None else chance[:, self._dyads]

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


def same_talks(world: World, other: World) -> bool:
    """Whether the same talks are under way at the start of two arms: the same record,
    and whom states do not sign with."""
    same_record = content_key(world.initial) == content_key(other.initial)
    return same_record and content_key(world.openness) == content_key(other.openness)


EVERY_DAYS = 4.0
"""Between two nodes of the rule, at most."""


def _nodes(first: float, stop: float) -> Floats:
    intervals = int(np.ceil((stop - first) / EVERY_DAYS))
    return np.linspace(first, stop, intervals + 1)

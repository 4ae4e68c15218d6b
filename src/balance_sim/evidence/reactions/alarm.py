"""How alarmed states were, year by year: the threat to them by the model's own
formulas, over what it would have been had no force been used.

    H_ik    = 2.8 (recency of force of k against i, or of i against k)
              + 4.9 (war) + what spreads from force of k against others
    alarm_i = ln((Theta_i + s) / (Theta_i without H + s))

Hostility is the probability of an attack beyond that of a stranger's, and distance of
ideal points is relative to the attacker's mean (`eta_relative` 1). Recency is
2^(-years / half-life) since the last use of force, on 1 January."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from balance_sim.evidence.data.history import History
from balance_sim.evidence.reactions.record import (
    MEMORY_YEARS,
    Bools,
    Floats,
    ReactionRecord,
)
from balance_sim.model import beliefs, threat
from balance_sim.model.spread import NEAR_KM, PACT_DEPTH

HALF_LIFE_YEARS = 10.0
REACH_KM = 2000.0
"""Distance at which the loss-of-strength gradient bites: `delta_km`."""
FRIENDS_LEND = 0.3
"""Share that a friend lends: `beta`."""
LEAST_RECENCY = 0.02
"""Recency below which an act no longer spreads."""


@dataclass(frozen=True)
class HostilityScale:
    """Nats of hostile intent, and shares of it that spread.

    The defaults are the estimates that `evidence fit --hostility` prints for 1946 to
    2003, rounded."""

    stranger: float = -6.0
    distance: float = 0.33
    rivalry: float = 0.6
    claim: float = 0.4
    force: float = 2.8
    war: float = 4.9
    near: float = 0.29
    ally: float = 0.18


def recency(acts: Floats, half_life: float = HALF_LIFE_YEARS) -> Floats:
    """Return (T, ...) how recent the last act was on 1 January of each year, 1 for the
    year before; acts: (M + T, ...)."""
    fading, latest = 2.0 ** (-1.0 / half_life), np.zeros(acts.shape[1:])
    by_year = np.empty((len(acts) - MEMORY_YEARS, *acts.shape[1:]))
    for year, in_year in enumerate(acts):
        if year >= MEMORY_YEARS:
            by_year[year - MEMORY_YEARS] = latest
        latest = np.maximum(in_year, latest * fading)
    return by_year


def either_way(values: Floats) -> Floats:
    """Return the larger of the two directions of each dyad, (T, n, n)."""
    return np.maximum(values, values.swapaxes(1, 2))


def spread(likeness: Floats, recent: Floats) -> Floats:
    """Return (T, n, n) what the row learns of the column from its acts against others.

    likeness: (T, n, n) of observer and victim; recent: (T, n, n) victim and actor. The
    largest product over victims counts."""
    learned = np.zeros_like(recent)
    others = ~np.eye(recent.shape[1], dtype=bool)
    for year, acts in enumerate(np.where(recent > LEAST_RECENCY, recent, 0.0)):
        like = likeness[year] * others
        for victim in np.flatnonzero(acts.any(axis=1)):
            actors = np.flatnonzero(acts[victim])
            shares = like[:, victim, None] * acts[victim, actors]
            learned[year][:, actors] = np.maximum(learned[year][:, actors], shares)
    return learned


def nearness(history: History) -> Floats:
    """Return (T, n, n) 1 / (1 + d / 500 km)."""
    return np.asarray(1.0 / (1.0 + history.distance / NEAR_KM))


def allied(history: History) -> Floats:
    """Return (T, n, n) 1 where two states have a pact of defence."""
    return (np.nan_to_num(history.alliance_depth) >= PACT_DEPTH).astype(float)


def relative_distance(history: History) -> Floats:
    """Return (T, n, n) distance of ideal points, less the column's mean distance to all
    states of the year; the mean where a point is not known."""
    gap = np.abs(history.ideal[:, :, None] - history.ideal[:, None, :])
    together = existing(history)
    with np.errstate(invalid="ignore"):
        known = np.where(together, gap, np.nan)
        count = np.isfinite(known).sum(axis=1)
        usual = np.nansum(known, axis=1) / np.maximum(count, 1)
    usual = np.where(count > 0, usual, np.nanmean(usual))
    filled = np.where(np.isnan(gap), np.nanmean(gap), gap)
    return np.asarray(filled - usual[:, None, :])


def existing(history: History) -> Bools:
    """Return (T, n, n) dyads of two different members of the state system."""
    present = history.present
    together = present[:, :, None] & present[:, None, :]
    together &= ~np.eye(present.shape[1], dtype=bool)
    return np.asarray(together)


@dataclass(frozen=True)
class ThreatByYear:
    """Threat to each state, and what of it each other would side with.

    Attributes
    ----------
    total : (T, n)
        capability shares
    sided : (T, n, n)
        of the row's threat, what the column would side with
    hostility : (T, n, n)
        probability of an attack on the row by the column
    """

    total: Floats
    sided: Floats
    hostility: Floats

    @property
    def unsided(self) -> Floats:
        """(T, n, n) threat to the row that the column would not side with."""
        return threat.unsided(self.total, self.sided)


class YearlyWorld:
    """What states were to each other on 1 January of each year, whatever force was
    used: of it and of evidence on intent the threat to them follows."""

    def __init__(self, history: History, scale: HostilityScale) -> None:
        together = existing(history)
        depth = np.nan_to_num(history.alliance_depth)
        gap = np.abs(history.ideal[:, :, None] - history.ideal[:, None, :])
        gap = np.where(np.isnan(gap), np.nanmean(gap), gap)
        self.scale, self.history, self.together = scale, history, together
        self.eta = (
            scale.stranger
            + scale.distance * relative_distance(history)
            + scale.rivalry * np.nan_to_num(history.rivalry)
            + scale.claim * np.nan_to_num(history.claim)
            - ETA_CALM * np.nan_to_num(history.alliance_calm)
        )
        alpha = ALPHA_STRANGER - gap + ALPHA_DEPTH * depth
        self.alignment = beliefs.alignment(np.exp(-alpha)) * together
        self.free = (1.0 - np.maximum(depth, self.alignment)) * together
        self.own = self.alignment + np.eye(len(history.iso3))
        capability = np.nan_to_num(history.capability) * history.present
        capability /= np.maximum(capability.sum(axis=1, keepdims=True), 1e-12)
        far = np.where(np.isnan(history.distance), FAR_KM, history.distance)
        reach = threat.reach(far, REACH_KM, 1.0)
        self.offensive = capability[:, None, :] * reach * together

    def threat(self, evidence: Floats) -> ThreatByYear:
        """Return the threat to states by the model's formulas, with nats of evidence on
        hostile intent, (T, n, n)."""
        odds = np.exp(self.eta + evidence)
        intent = beliefs.hostility(odds, self.scale.stranger)
        hostility = threat.own_hostility(intent) * self.together
        lent = FRIENDS_LEND * (hostility @ self.alignment)
        unopposed = threat.unopposed(hostility, self.free, lent)
        threats = threat.threat(self.offensive, unopposed)
        return ThreatByYear(threats.sum(axis=2), threats @ self.own, hostility)


ALPHA_STRANGER, ALPHA_DEPTH, ETA_CALM = -2.5, 4.0, 2.0
"""`alpha0`, `alpha_acc` and `eta_acc` in use."""
FAR_KM = 12_800.0
"""Of two states whose distance is not known: e^2 - 1 times the gradient's own."""


@dataclass(frozen=True)
class Alarms:
    """Alarm of states, and of states beside each other.

    Attributes
    ----------
    by_state : (T, n)
        by the threat to each state
    by_dyad : (T, n, n)
        of the row, by the threat that the column would not side with
    """

    by_state: Floats
    by_dyad: Floats


class AlarmModel:
    """Alarm by the record of a period, for its own acts and for other acts in their
    place (placebos)."""

    def __init__(
        self, record: ReactionRecord, scale: HostilityScale | None = None
    ) -> None:
        self.record, self.scale = record, scale or HostilityScale()
        self.world = YearlyWorld(record.history, self.scale)
        self.near = np.nan_to_num(nearness(record.history))
        self.allied = allied(record.history)
        self.without = self.world.threat(np.zeros_like(self.near))

    def evidence(self, acts: Floats, *, both_sides: bool, wars: bool) -> Floats:
        """Return (T, n, n) nats of the row about the column, from acts (M + T, n, n).

        both_sides: who used force fears its victim too; wars: those under way count."""
        scale, recent = self.scale, recency(acts)
        own = either_way(recent) if both_sides else recent
        nats = scale.force * own
        nats = nats + scale.force * scale.near * spread(self.near, recent)
        nats = nats + scale.force * scale.ally * spread(self.allied, recent)
        if wars:
            nats = nats + scale.war * np.nan_to_num(self.record.history.war)
        return np.asarray(nats)

    def alarms(self, acts: Floats, *, both_sides: bool, wars: bool) -> Alarms:
        """Return the alarm that acts, (M + T, n, n), raise."""
        evidence = self.evidence(acts, both_sides=both_sides, wars=wars)
        present = self.world.threat(evidence)
        return Alarms(
            threat.alarm(present.total, self.without.total),
            threat.alarm(present.unsided, self.without.unsided),
        )

    @property
    def of_others(self) -> Alarms:
        """Alarm at force that others began."""
        return self.alarms(self.record.began, both_sides=False, wars=False)

    @property
    def of_all(self) -> Alarms:
        """Alarm at all force, one's own and wars under way included."""
        return self.alarms(self.record.force, both_sides=True, wars=True)


def dates_moved(acts: Floats, history: History, rng: np.random.Generator) -> Floats:
    """Return the acts of the period with those of every directed dyad moved by so many
    years of its own, around the period's end; both states have to exist then."""
    within = acts[MEMORY_YEARS:]
    years = len(within)
    target, actor = np.nonzero(acts.any(axis=0))
    by = rng.integers(5, years - 5, size=len(target))
    rows = (np.arange(years)[:, None] - by) % years
    moved = np.take_along_axis(within[:, target, actor], rows, axis=0)
    present = history.present
    placebo = acts.copy()
    placebo[MEMORY_YEARS:, target, actor] = (
        moved * present[:, target] * present[:, actor]
    )
    return placebo


def targets_exchanged(
    acts: Floats, history: History, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield acts whose targets are exchanged among states of the same year, without
    end: who acted, when and how often stays."""
    while True:
        placebo = acts.copy()
        for year, present in enumerate(history.present):
            states = np.flatnonzero(present)
            shuffled = np.arange(acts.shape[1])
            shuffled[states] = rng.permutation(states)
            in_year = acts[MEMORY_YEARS + year][shuffled].copy()
            np.fill_diagonal(in_year, 0.0)
            placebo[MEMORY_YEARS + year] = in_year
        yield placebo

"""How alarmed states were, year by year: the threat to them by the model's own
formulas, over what it would have been had no force been used.

    H_ik    = eta_militarised (recency of force of k against i, or of i against k)
              + eta_war (war) + what spreads from force of k against others
    alarm_i = ln((Theta_i + s) / (Theta_i without H + s))

Hostility is the probability of an attack beyond that of a stranger's, and distance of
ideal points is relative to the attacker's mean (`eta_relative` 1). Recency is
2^(-years / half-life) since the last use of force, on 1 January."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.layers import FORCE_HALF_LIFE
from balance_sim.evidence.reactions.record import MEMORY_YEARS, ReactionRecord
from balance_sim.model import beliefs, threat
from balance_sim.model.spread import NEAR_KM, PACT_DEPTH
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.nodes import plain
from balance_sim.scenario.schema import Parameters
from balance_sim.stats import Bools, Floats

FAR_KM = 12_800.0
"""Of two states whose distance is not known: e^2 - 1 times the gradient's own."""
LEAST_RECENCY = 0.02
"""Recency below which an act no longer spreads."""
PARAMETERS = Parameters(**plain(default_tree().fields["parameters"]))
"""Those in use: reactions are measured with the numbers that the model reacts by."""


def recency(acts: Floats, half_life: float = FORCE_HALF_LIFE) -> Floats:
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


def ideal_gap(history: History) -> Floats:
    """Return (T, n, n) distance of ideal points, NaN where one is not known."""
    return np.abs(history.ideal[:, :, None] - history.ideal[:, None, :])


def relative_distance(history: History) -> Floats:
    """Return (T, n, n) distance of ideal points, less the column's mean distance to all
    states of the year; the mean where a point is not known."""
    gap = ideal_gap(history)
    distances = np.where(existing(history), gap, np.nan)
    count = np.isfinite(distances).sum(axis=1)
    usual = np.nansum(distances, axis=1) / np.maximum(count, 1)
    usual = np.where(count > 0, usual, np.nanmean(usual))
    filled = np.where(np.isnan(gap), np.nanmean(gap), gap)
    return np.asarray(filled - usual[:, None, :])


def existing(history: History) -> Bools:
    """Return (T, n, n) dyads of two different members of the state system."""
    present = history.present
    together = present[:, :, None] & present[:, None, :]
    return np.asarray(together & ~np.eye(present.shape[1], dtype=bool))


class AlarmModel:
    """What states were to each other on 1 January of each year of a record, whatever
    force was used. From acts follow hostility and alarm: the record's own acts, or
    others in their place (placebos)."""

    def __init__(self, record: ReactionRecord) -> None:
        history, p = record.history, PARAMETERS
        together, gap = existing(history), ideal_gap(history)
        depth = np.nan_to_num(history.alliance_depth)
        gap = np.where(np.isnan(gap), np.nanmean(gap), gap)
        self.record, self.together = record, together
        self.near, self.allied = np.nan_to_num(nearness(history)), allied(history)
        self.war = p.eta_war * np.nan_to_num(history.war)
        self.eta = (
            p.eta0
            + p.eta_x * relative_distance(history)
            + p.eta_rivalry * np.nan_to_num(history.rivalry)
            + p.eta_claim * np.nan_to_num(history.claim)
            - p.eta_acc * np.nan_to_num(history.alliance_calm)
        )
        alpha = p.alpha0 - p.alpha_x * gap + p.alpha_acc * depth
        self.alignment = beliefs.alignment(np.exp(-alpha)) * together
        self.free = (1.0 - np.maximum(depth, self.alignment)) * together
        capability = np.nan_to_num(history.capability) * history.present
        capability /= np.maximum(capability.sum(axis=1, keepdims=True), 1e-12)
        reach = threat.reach(
            np.where(np.isnan(history.distance), FAR_KM, history.distance),
            p.delta_km,
            p.gamma,
        )
        self.offensive = capability[:, None, :] * reach * together
        self.without = self._total(self._hostility(np.zeros_like(self.near)))

    def _hostility(self, evidence: Floats) -> Floats:
        """Return (T, n, n) probability of an attack on the row by the column, with nats
        of evidence on hostile intent."""
        intent = beliefs.hostility(np.exp(self.eta + evidence), PARAMETERS.eta0)
        return np.asarray(threat.own_hostility(intent) * self.together)

    def _total(self, hostility: Floats) -> Floats:
        """Return (T, n) the threat to each state, in capability shares."""
        lent = PARAMETERS.beta * (hostility @ self.alignment)
        unopposed = threat.unopposed(hostility, self.free, lent)
        return np.asarray(threat.threat(self.offensive, unopposed).sum(axis=2))

    def _evidence(self, own: Floats, recent: Floats) -> Floats:
        """Return (T, n, n) nats of the row about the column from what was done to it,
        or by it, and from what was done to others."""
        p = PARAMETERS
        near = p.spread_near * spread(self.near, recent)
        allied = p.spread_ally * spread(self.allied, recent)
        return np.asarray(p.eta_militarised * (own + near + allied))

    def hostility_of_all(self) -> Floats:
        """Return (T, n, n) probability of an attack on the row by the column: force of
        either against the other counts, and wars under way."""
        recent = recency(self.record.force)
        return self._hostility(self._evidence(either_way(recent), recent) + self.war)

    def of_others(self, began: Floats) -> Floats:
        """Return (T, n) alarm at force that others began, (M + T, n, n)."""
        recent = recency(began)
        return threat.alarm(
            self._total(self._hostility(self._evidence(recent, recent))),
            self.without,
            PARAMETERS.alarm_floor,
        )


def dates_moved(acts: Floats, history: History, rng: np.random.Generator) -> Floats:
    """Return the acts of the period with those of every directed dyad moved by so many
    years of its own, around the period's end; both states have to exist then."""
    in_period = acts[MEMORY_YEARS:]
    years, present = len(in_period), history.present
    target, actor = np.nonzero(acts.any(axis=0))
    offset = rng.integers(5, years - 5, size=len(target))
    rows = (np.arange(years)[:, None] - offset) % years
    moved = np.take_along_axis(in_period[:, target, actor], rows, axis=0)
    moved = moved * present[:, target] * present[:, actor]
    placebo = acts.copy()
    placebo[MEMORY_YEARS:, target, actor] = moved
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

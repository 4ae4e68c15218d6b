"""Hostility as a probability: a logit of uses of force among directed dyads.

    logit P(force of k against i) = b0 + b1 (|x_i - x_k| - mean_j |x_j - x_k|)
        + b2 rivalry + b3 claim + b4 recency of force + b5 near victims + b6 allied
        victims + b7 victims, where i has a quarrel with k
        + reach, a common border, capability of both

Outcome: onset of a use of force in a militarised dispute (Gibler, Miller, Little 2016,
ISQ 60(4)). A year of a directed dyad is a row; errors are clustered by directed dyad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import rankdata

from balance_sim.evidence.reactions.alarm import (
    REACH_KM,
    AlarmModel,
    allied,
    either_way,
    existing,
    nearness,
    recency,
    relative_distance,
    spread,
)
from balance_sim.evidence.reactions.record import (
    MEMORY_YEARS,
    Bools,
    Floats,
    Ints,
    ReactionRecord,
)
from balance_sim.stats.scores import log_score

BINS = (0.0, 0.002, 0.01, 0.03, 0.1, 0.3, 0.7, 1.0)
"""Edges of the probabilities that are held against what was found."""
SMALLEST = 1e-5
"""Capability share that a state without any counts as having."""
TYPICAL = 0.01
"""Capability share about which its logarithm is centred."""
QUARREL = 0.05
"""Recency of force from which two states have a quarrel."""
ROUNDS, SETTLED, LONGEST = 60, 1e-8, 2.0


@dataclass(frozen=True)
class HostilityFit:
    """A fitted logit.

    Attributes
    ----------
    names : tuple of str
        the constant first
    estimate, error : (c,)
        nats; standard errors clustered by directed dyad
    rows, onsets : int
        directed dyad-years, and onsets of force among them
    log_likelihood : float
    """

    names: tuple[str, ...]
    estimate: Floats
    error: Floats
    rows: int
    onsets: int
    log_likelihood: float


@dataclass(frozen=True)
class HostilityRows:
    """Directed dyad-years as rows.

    Attributes
    ----------
    year, dyad : (N,)
        year, and number of the directed dyad
    columns : (N, c)
        in the order of `names`
    onset : (N,)
        1 where force began
    """

    names: tuple[str, ...]
    year: Ints
    dyad: Ints
    columns: Floats
    onset: Floats

    def within(self, first: int, last: int) -> HostilityRows:
        """Return the rows of some years."""
        keep = (self.year >= first) & (self.year <= last)
        rows = self.columns[keep], self.onset[keep]
        return HostilityRows(self.names, self.year[keep], self.dyad[keep], *rows)


def hostility_rows(record: ReactionRecord) -> HostilityRows:
    """Return every directed dyad-year whose ideal points and distance are known."""
    history = record.history
    states, known = len(history.iso3), existing(history)
    gap = np.abs(history.ideal[:, :, None] - history.ideal[:, None, :])
    known &= ~np.isnan(gap) & ~np.isnan(history.distance)
    recent = recency(record.force)
    own = either_way(recent)
    rivalry, claim = np.nan_to_num(history.rivalry), np.nan_to_num(history.claim)
    has_quarrel = (rivalry > 0) | (claim > 0) | (own > QUARREL)
    near = np.nan_to_num(nearness(history))
    anybody = spread(np.ones_like(near), recent)
    size = np.log(np.maximum(np.nan_to_num(history.capability), SMALLEST) / TYPICAL)
    columns: Mapping[str, Floats] = {
        "constant": np.ones(1),
        "distance": relative_distance(history),
        "rivalry": rivalry,
        "claim": claim,
        "force": own,
        "near": spread(near, recent),
        "ally": spread(allied(history), recent),
        "quarrel": anybody * has_quarrel,
        "reach": -np.log1p(np.nan_to_num(history.distance) / REACH_KM),
        "border": (np.nan_to_num(history.distance, nan=1e9) < 1.0).astype(float),
        "actor's capability": size[:, None, :],
        "target's capability": size[:, :, None],
    }
    year, target, actor = np.nonzero(known)
    laid_out = [
        np.broadcast_to(values, known.shape)[known] for values in columns.values()
    ]
    return HostilityRows(
        names=tuple(columns),
        year=history.years[year],
        dyad=target * states + actor,
        columns=np.stack(laid_out, axis=1),
        onset=record.onset[MEMORY_YEARS:][known],
    )


def fit_hostility(rows: HostilityRows) -> HostilityFit:
    """Return the logit by Newton's method."""
    x, y = rows.columns, rows.onset
    slopes = np.zeros(x.shape[1])
    slopes[0] = np.log(y.mean() / (1.0 - y.mean()))
    for _ in range(ROUNDS):
        mean = probabilities(rows, slopes)
        information = x.T @ (x * (mean * (1.0 - mean))[:, None])
        step = np.linalg.solve(information, x.T @ (y - mean))
        slopes = slopes + np.clip(step, -LONGEST, LONGEST)
        if np.abs(step).max() < SETTLED:
            break
    mean = probabilities(rows, slopes)
    bread = np.linalg.inv(x.T @ (x * (mean * (1.0 - mean))[:, None]))
    scores, dyads = (
        x * (y - mean)[:, None],
        np.unique(rows.dyad, return_inverse=True)[1],
    )
    sums = np.stack([np.bincount(dyads, column) for column in scores.T], axis=1)
    covariance = bread @ (sums.T @ sums) @ bread * len(sums) / (len(sums) - 1)
    return HostilityFit(
        names=rows.names,
        estimate=slopes,
        error=np.sqrt(np.diag(covariance)),
        rows=len(y),
        onsets=int(y.sum()),
        log_likelihood=-float(log_score(mean, y)) * len(y),
    )


def probabilities(rows: HostilityRows, slopes: Floats) -> Floats:
    """Return (N,) probabilities of an onset."""
    return np.asarray(1.0 / (1.0 + np.exp(-(rows.columns @ slopes))))


@dataclass(frozen=True)
class Calibration:
    """Probabilities held against what was found.

    Attributes
    ----------
    said, found : float
        sum of the probabilities, and number of onsets
    log_skill : float
        1 - log score over that of a constant rate, known before
    auc : float
        chance that an onset had the larger probability than a row without
    bins : tuple
        of (low, high, rows, said, found)
    """

    said: float
    found: float
    log_skill: float
    auc: float
    bins: tuple[tuple[float, float, int, float, float], ...]


def auc(probability: Floats, onset: Floats) -> float:
    """Return the chance that a row with an onset has a larger probability than one
    without, ties by half (Mann, Whitney 1947)."""
    ranks, count = rankdata(probability), onset.sum()
    least = count * (count + 1) / 2
    total = float(ranks[onset > 0].sum())
    return float((total - least) / (count * (len(onset) - count)))


def calibration(probability: Floats, onset: Floats, rate: float) -> Calibration:
    """Return how probabilities compare with what was found. rate: of onsets, as known
    before."""
    bins = []
    for low, high in pairwise(BINS):
        within = (probability >= low) & (probability < high + (high == BINS[-1]))
        said, found = float(probability[within].sum()), float(onset[within].sum())
        bins.append((low, high, int(within.sum()), said, found))
    constant = np.full_like(probability, rate)
    skill = 1.0 - log_score(probability, onset) / log_score(constant, onset)
    return Calibration(
        said=float(probability.sum()),
        found=float(onset.sum()),
        log_skill=float(skill),
        auc=float(auc(probability, onset)),
        bins=tuple(bins),
    )


def out_of_time(rows: HostilityRows, last: int) -> Calibration:
    """Return how a fit to the years up to `last` forecasts those after it."""
    past = rows.within(int(rows.year.min()), last)
    later = rows.within(last + 1, int(rows.year.max()))
    said = probabilities(later, fit_hostility(past).estimate)
    return calibration(said, later.onset, float(past.onset.mean()))


def model_calibration(record: ReactionRecord, first: int) -> Calibration:
    """Return how the model's own hostility, by the numbers in use, compares with onsets
    of force from a year on; between states at war, with its use."""
    model = AlarmModel(record)
    evidence = model.evidence(record.force, both_sides=True, wars=True)
    hostility = model.world.threat(evidence).hostility
    later: Bools = (
        existing(record.history) & (record.history.years >= first)[:, None, None]
    )
    is_at_war = np.nan_to_num(record.history.war) > 0
    onset, force = record.onset[MEMORY_YEARS:], record.force[MEMORY_YEARS:]
    onset = np.where(is_at_war, force, onset)
    rate = float(onset[: int(first - record.history.years[0])].mean())
    clipped = np.clip(hostility[later], 1e-6, 1.0 - 1e-6)
    return calibration(clipped, onset[later], rate)

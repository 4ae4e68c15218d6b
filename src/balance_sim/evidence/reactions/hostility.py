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
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from balance_sim.evidence.newton import LogitLikelihood, newton
from balance_sim.evidence.reactions.alarm import (
    PARAMETERS,
    AlarmModel,
    allied,
    either_way,
    existing,
    ideal_gap,
    nearness,
    recency,
    relative_distance,
    spread,
)
from balance_sim.evidence.reactions.record import MEMORY_YEARS, ReactionRecord
from balance_sim.evidence.scores import Ranking, log_score, reliability_table
from balance_sim.stats import Floats

BINS = (0.0, 0.002, 0.01, 0.03, 0.1, 0.3, 0.7, 1.0)
"""Edges of the probabilities that are held against what was found."""
SMALLEST = 1e-5
"""Capability share that a state without any counts as having."""
TYPICAL = 0.01
"""Capability share about which its logarithm is centred."""
QUARREL = 0.05
"""Recency of force from which two states have a quarrel."""
PLACE = ["year", "dyad", "onset"]
"""Columns of a row that say where it stands, and whether force began."""


@dataclass(frozen=True)
class HostilityFit:
    """A fitted logit.

    Attributes
    ----------
    table : DataFrame
        `mean` and `standard_error` in nats by name, the constant first; errors are
        clustered by directed dyad
    covariance : DataFrame
        of the means
    rows, onsets : int
        directed dyad-years, and onsets of force among them
    log_likelihood : float
    """

    table: pd.DataFrame
    covariance: pd.DataFrame
    rows: int
    onsets: int
    log_likelihood: float


def hostility_rows(record: ReactionRecord) -> pd.DataFrame:
    """Return every directed dyad-year whose ideal points and distance are known: year,
    number of the directed dyad, onset of force, and the columns of the logit."""
    history = record.history
    has_data = existing(history) & ~np.isnan(ideal_gap(history) + history.distance)
    recent = recency(record.force)
    dyad_force = either_way(recent)
    rivalry, claim = np.nan_to_num(history.rivalry), np.nan_to_num(history.claim)
    has_quarrel = (rivalry > 0) | (claim > 0) | (dyad_force > QUARREL)
    near = np.nan_to_num(nearness(history))
    size = np.log(np.maximum(np.nan_to_num(history.capability), SMALLEST) / TYPICAL)
    year, target, actor = np.nonzero(has_data)
    columns: Mapping[str, Floats] = {
        "constant": np.ones(1),
        "distance": relative_distance(history),
        "rivalry": rivalry,
        "claim": claim,
        "force": dyad_force,
        "near": spread(near, recent),
        "ally": spread(allied(history), recent),
        "quarrel": spread(np.ones_like(near), recent) * has_quarrel,
        "reach": -np.log1p(np.nan_to_num(history.distance) / PARAMETERS.delta_km),
        "border": (np.nan_to_num(history.distance, nan=1e9) < 1.0).astype(float),
        "actor's capability": size[:, None, :],
        "target's capability": size[:, :, None],
    }
    laid_out = {
        name: np.broadcast_to(values, has_data.shape)[has_data]
        for name, values in columns.items()
    }
    place = {
        "year": history.years[year],
        "dyad": target * len(history.iso3) + actor,
        "onset": record.onset[MEMORY_YEARS:][has_data],
    }
    return pd.DataFrame({**place, **laid_out})


def fit_hostility(rows: pd.DataFrame) -> HostilityFit:
    """Return the logit by maximum likelihood."""
    columns = rows.drop(columns=PLACE)
    x, y = columns.to_numpy(), rows["onset"].to_numpy()
    logit = LogitLikelihood(x, y)
    start = np.zeros(x.shape[1])
    start[0] = np.log(y.mean() / (1.0 - y.mean()))
    slopes, information = newton(
        start, logit.derivatives, logit.value, np.zeros(len(start)), tolerance=1e-14
    )
    bread = np.linalg.inv(information)
    scores = pd.DataFrame(x * (y - expit(x @ slopes))[:, None])
    sums = scores.groupby(rows["dyad"].to_numpy()).sum().to_numpy()
    covariance = bread @ (sums.T @ sums) @ bread * len(sums) / (len(sums) - 1)
    estimates = {"mean": slopes, "standard_error": np.sqrt(np.diag(covariance))}
    names, onsets = columns.columns, int(y.sum())
    table = pd.DataFrame(estimates, index=names)
    among = pd.DataFrame(covariance, index=names, columns=names)
    return HostilityFit(table, among, len(y), onsets, logit.value(slopes))


def calibration(probability: Floats, onset: Floats, rate: float) -> dict[str, Any]:
    """Return how probabilities compare with what was found: sum of them (`said`) and
    number of onsets (`found`), log skill over the rate of onsets as known before, `auc`
    and the `bins` of a `reliability_table`."""
    constant = np.full_like(probability, rate)
    skill = 1.0 - log_score(probability, onset) / log_score(constant, onset)
    return {
        "said": float(probability.sum()),
        "found": float(onset.sum()),
        "log_skill": float(skill),
        "auc": Ranking(probability, onset).auc(np.ones_like(onset)),
        "bins": reliability_table(probability, onset, BINS).to_dict("records"),
    }


def out_of_time(rows: pd.DataFrame, last: int) -> dict[str, Any]:
    """Return how a fit to the years up to `last` forecasts those after it."""
    fitted, later = rows[rows["year"] <= last], rows[rows["year"] > last]
    slopes = fit_hostility(fitted).table["mean"].to_numpy()
    forecast = expit(later.drop(columns=PLACE).to_numpy() @ slopes)
    return calibration(
        forecast, later["onset"].to_numpy(), float(fitted["onset"].mean())
    )


def model_calibration(record: ReactionRecord, first: int) -> dict[str, Any]:
    """Return how the model's own hostility, by the numbers in use, compares with onsets
    of force from a year on; between states at war, with its use. Skill is over the rate
    among the dyads of the years before."""
    history = record.history
    dyads, is_later = existing(history), (history.years >= first)[:, None, None]
    is_at_war = np.nan_to_num(history.war) > 0
    onset, force = record.onset[MEMORY_YEARS:], record.force[MEMORY_YEARS:]
    onset = np.where(is_at_war, force, onset)
    rate, later = float(onset[dyads & ~is_later].mean()), dyads & is_later
    hostility = AlarmModel(record).hostility_of_all()[later]
    return calibration(np.clip(hostility, 1e-6, 1.0 - 1e-6), onset[later], rate)

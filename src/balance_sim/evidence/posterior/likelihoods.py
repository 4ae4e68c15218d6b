"""What data say of the parameters of a scenario, as functions that can be worked out
for thousands of draws.

The record of agreements (DCAD 1985-2003) and the scenario's own record are known
through evaluations at some hundred points each: the terms are worked out anew by the
model's own rules, and weights, intercepts of types, states and years are fitted again,
their variances held (`benchmarks/beliefs_table.py`, `estimation/calibration.py`). A
Gaussian process about a plane takes the marginal log-likelihood from there to all other
points, one more each weight at its peak (`surrogate.py`). Coordinates z are those in
which the priors are standard normal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import gammaln, ndtr

from balance_sim.evidence.estimation.calibration import calibrate, peak_given, prior_of
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.estimation.parameter_files import key_path
from balance_sim.evidence.posterior.priors import Priors, limits, normals, quantile
from balance_sim.evidence.posterior.surrogate import (
    SmoothProcess,
    fit_process,
    process_at,
)
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import (
    Distribution,
    fitted_distribution,
    parameter_table,
    priors,
    shipped_yaml,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats

WEIGHT = "theory.weights."
NOT_TOLD = "not told"
POINTS = 200
"""Draws at which a scenario's own record is evaluated."""
CEILING = (-0.105, 0.237)
"""Logarithm of the rate of opportunities over that in use: peak and standard deviation
of the marginal likelihood on DCAD 1985-2003, 0.17 to 0.43 (docs/evidence.md, The
likelihood)."""
APART = {"factor_no_relations": 6.2, "factor_not_recognised": 6.1}
"""Agreements expected at a factor of 1 where none was signed
(docs/decisions/0019-whom-one-does-not-sign-with.md)."""
Likelihood = Callable[[Floats], Floats]
"""(D, P) coordinates, or (D,) values -> (D,) log-likelihood, up to a constant."""


def values_at(names: Sequence[str], prior: Priors, z: Floats) -> dict[str, Floats]:
    """(D,) values by key path at coordinates z (D, P)."""
    columns = {}
    for k, name in enumerate(names):
        values = quantile(prior[name], ndtr(z[:, k]))
        columns[name] = np.clip(values, *limits(name))
    return columns


# --- the record of agreements ---------------------------------------------------------


@dataclass(frozen=True)
class AgreementRecord:
    """The record of agreements as a likelihood of parameters of beliefs and reach.

    names: key paths, the order of z. temper: by which the log-likelihood is multiplied,
    as rows of a dyad hang together (the mean of the parameters' stretch; Ribatet,
    Cooley, Davison 2012, Statistica Sinica 22, call it the magnitude adjustment).
    marginal, weights: processes of the marginal log-likelihood and of each term's
    weight at its peak."""

    names: tuple[str, ...]
    temper: float
    marginal: SmoothProcess
    weights: dict[str, SmoothProcess]

    def log_likelihood(self, z: Floats) -> Floats:
        """(D,) tempered marginal log-likelihood at (D, P) coordinates, up to a
        constant."""
        return self.temper * self.marginal(z)

    def weights_at(self, z: Floats, fitted: Distribution) -> Floats:
        """(D, K) where the weights of a fit peak when beliefs are those at z: the fit's
        own at the values in use, moved by what the evaluations say."""
        peaks = np.tile(np.array(fitted.estimate), (len(z), 1))
        for k, path in enumerate(fitted.paths):
            process = self.weights.get(path.removeprefix(WEIGHT))
            if process is not None:
                peaks[:, k] = process(z)
        return peaks


def shipped_record() -> AgreementRecord:
    """From the shipped table that `benchmarks/beliefs_table.py` writes. Its `points`
    are z, by `names`, then the marginal log-likelihood over the one at the values in
    use, then the weights at its peak; `stretch`: of each parameter, variance of its
    score with rows of a dyad hanging together over that with rows apart; `scales`: of
    the processes, logarithms."""
    table = shipped_yaml("beliefs.yaml")
    rows, count = np.array(table["points"]), len(table["names"])

    def process(name: str, column: int) -> SmoothProcess:
        scales = np.array(table["scales"][name])
        return process_at(rows[:, :count], rows[:, column], scales)

    names = enumerate(table["weights"], start=count + 1)
    stretch = [max(value, 1.0) for value in table["stretch"].values()]
    return AgreementRecord(
        names=tuple(f"parameters.{name}" for name in table["names"]),
        temper=1.0 / float(np.mean(stretch)),
        marginal=process("marginal", count),
        weights={name: process(name, column) for column, name in names},
    )


# --- a scenario's own record ----------------------------------------------------------


@dataclass(frozen=True)
class ScenarioRecord:
    """A scenario's own record as a likelihood of the same parameters, the held weights
    at the record of agreements'.

    names: key paths of the calibrated weights and intercepts, the order of
    `covariance`. points: (N, P) evaluated; peaks: (N, K). log_likelihood: marginal, at
    (D, P) coordinates, up to a constant. error: root mean square of the difference
    between evaluation and surrogate on points that were left out, nats; deviation: of
    the evaluations there."""

    names: tuple[str, ...]
    covariance: Floats
    points: Floats
    peaks: Floats
    log_likelihood: SmoothProcess
    error: float
    deviation: float

    def peak_at(self, z: Floats) -> Floats:
        """(D, K) where weights and intercepts peak when beliefs are those at z."""
        processes = [fit_process(self.points, peak) for peak in self.peaks.T]
        return np.stack([process(z) for process in processes], axis=1)


def scenario_record(
    scenario: Scenario, raw: Scenario, record: AgreementRecord, z: Floats
) -> ScenarioRecord:
    """Evaluate a scenario's own record at POINTS of (D, P) draws from the posterior
    under the record of agreements; the last fifth is left out once, to check the
    surrogate.

    raw: the scenario without its calibration, which is made again, on the same years.
    Raises DataError where the record holds too little, or a search does not settle."""
    file = Path(scenario.folder) / scenario.calibration.file
    head = yaml.safe_load(file.read_text(encoding="utf-8"))["calibrated"]
    until, window = date.fromisoformat(str(head["years"][1])), head["form"]["window"]
    fitted, points = fitted_distribution(), _points_of(z)
    years = own_record(raw, window, until=until)
    calibrated = calibrate(years, prior_of(raw, fitted))
    values = values_at(record.names, priors(), points)
    centres = record.weights_at(points, fitted)
    evaluations = []
    for k, centre in enumerate(centres):
        point: dict[str, Any] = {
            path: float(column[k]) for path, column in values.items()
        }
        moved = with_values(raw, point)
        weights = {}
        for path, weight in zip(fitted.paths, centre.tolist(), strict=True):
            lowest = 0.0 if path in fitted.at_least_zero else -np.inf
            weights[path.removeprefix(WEIGHT)] = max(weight, lowest)
        prior = prior_of(moved, fitted).at_weights(weights)
        years = own_record(moved, window, until=until)
        evaluations.append(peak_given(years, prior, calibrated))
    heights, peaks, covariances = map(np.array, zip(*evaluations, strict=True))
    first = len(points) - len(points) // 5
    surrogate = fit_process(points[:first], heights[:first])
    error = surrogate(points[first:]) - heights[first:]
    return ScenarioRecord(
        names=tuple(key_path(name) for name in calibrated.names),
        covariance=np.mean(covariances, axis=0),
        points=points,
        peaks=peaks,
        log_likelihood=fit_process(points, heights),
        error=float(np.sqrt((error**2).mean())),
        deviation=float(heights[first:].std()),
    )


def _points_of(z: Floats) -> Floats:
    """(POINTS, P) of many draws: every so many-th, and a tenth as many about the
    priors' centre."""
    around_prior = POINTS // 10
    chosen = z[np.linspace(0, len(z) - 1, POINTS - around_prior).astype(int)]
    columns = [normals(f"points.{k}", around_prior, 1) for k in range(z.shape[1])]
    points = np.concatenate([np.stack(columns, axis=1), chosen])
    return points[np.argsort(normals("order", POINTS, 1), kind="stable")]


# --- event data -----------------------------------------------------------------------


@dataclass(frozen=True)
class EventRecord:
    """What event data say of the weights of acts: multipliers of those in use are
    normal (`fit --events`).

    paths: key paths of the weights, words `measured` or `bounded` only. multiplier:
    (K,); covariance: (K, K)."""

    paths: tuple[str, ...]
    multiplier: Floats
    covariance: Floats

    def log_likelihood(self, columns: Mapping[str, Floats]) -> Floats:
        """(D,) up to a constant, of weights by key path."""
        in_use = {str(row["path"]): row["value"] for row in parameter_table()}
        ratios = [columns[path] / float(str(in_use[path])) for path in self.paths]
        away = np.stack(ratios, axis=1) - self.multiplier
        precision = np.linalg.inv(self.covariance)
        return np.asarray(-0.5 * np.einsum("dk,kj,dj->d", away, precision, away))


def shipped_events(paths: Collection[str]) -> EventRecord:
    """From the shipped measurement, of these key paths; kinds that it calls not told
    are left out."""
    table = shipped_yaml("event_weights.yaml")
    kinds = [table["kinds"][name] for name in table["covariance"]["names"]]
    told = [
        k
        for k, kind in enumerate(kinds)
        if kind["word"] != NOT_TOLD and kind["parameters"][0] in paths
    ]
    return EventRecord(
        paths=tuple(kinds[k]["parameters"][0] for k in told),
        multiplier=np.array(table["covariance"]["multipliers"])[told],
        covariance=np.array(table["covariance"]["matrix"])[np.ix_(told, told)],
    )


# --- parameters that one number of data tells -----------------------------------------


def likelihoods_apart(scenario: Scenario, prior: Priors) -> dict[str, Likelihood]:
    """By key path the likelihood of each parameter that is told apart from all others,
    as a function of (D,) values."""
    likelihoods: dict[str, Likelihood] = {}
    for name, expected in APART.items():  # Poisson, none signed
        likelihoods[f"parameters.{name}"] = partial(np.multiply, -expected)
    likelihoods["priors.ceiling"] = lambda rate: _bell(*CEILING)(np.log(rate))
    variance = scenario.calibration.level_variance
    if scenario.base_rate is None and variance > 0:
        median = prior["base_rate"].numbers["median"]
        likelihoods["base_rate"] = _gamma(median, variance)
    return likelihoods


def _bell(mean: float, deviation: float) -> Likelihood:
    """Of a value that is measured with a normal error."""
    return lambda x: -0.5 * ((x - mean) / deviation) ** 2


def _gamma(level: float, variance: float) -> Likelihood:
    """Of a level whose factor on the record's is gamma with mean 1 and this
    variance."""
    shape = 1.0 / variance

    def log_density(x: Floats) -> Floats:
        growth = (shape - 1.0) * np.log(x / level)
        return np.asarray(growth - shape * x / level - gammaln(shape))

    return log_density

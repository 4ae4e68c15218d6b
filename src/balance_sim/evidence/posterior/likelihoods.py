"""What data say of the parameters of a scenario, as functions that can be worked out
for thousands of draws.

The record of agreements (DCAD 1985-2003) and the scenario's own record are known
through evaluations at some hundred points each: the terms are worked out anew by the
model's own rules, and weights, intercepts of types, states and years are fitted again,
their variances held (`estimation/beliefs.py`, `estimation/calibration.py`). A Gaussian
process about a plane takes the marginal log-likelihood from there to all other points,
one more each weight at its peak (`evidence/posterior/surrogate.py`). Coordinates z are
those in which the priors are standard normal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import ndtr

from balance_sim.evidence.estimation.calibration import calibrate, peak_given, prior_of
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.estimation.parameter_files import key_path
from balance_sim.evidence.posterior.parameter_draws import limits, normals, quantile
from balance_sim.evidence.posterior.surrogate import (
    SmoothProcess,
    fit_process,
    process_at,
)
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import (
    Distribution,
    ParameterPrior,
    fitted_distribution,
    parameter_table,
    priors,
    shipped_yaml,
)
from balance_sim.scenario.schema import Scenario, Strict
from balance_sim.stats import Floats

WEIGHT = "theory.weights."
NOT_TOLD = "not told"
POINTS = 200
"""Draws at which a scenario's own record is evaluated."""


class BeliefsFile(Strict):
    """Evaluations of the record of agreements, as `benchmarks/beliefs_table.py` writes
    them.

    names: parameters of beliefs and reach; stretch: of each, variance of its score with
    rows of a dyad hanging together over that with rows apart. weights: terms. scales:
    of the processes, logarithms. points: z, by `names`, then the marginal
    log-likelihood over the one at the values in use, then the weights at its peak."""

    command: str
    data: str
    names: tuple[str, ...]
    stretch: dict[str, float]
    weights: tuple[str, ...]
    scales: dict[str, tuple[float, ...]]
    points: tuple[tuple[float, ...], ...]


def values_at(
    names: Sequence[str], prior: Mapping[str, ParameterPrior], z: Floats
) -> dict[str, Floats]:
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
    command: str

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
    """From the table that is shipped."""
    table = BeliefsFile.model_validate(shipped_yaml("beliefs.yaml"), strict=False)
    rows, count = np.array(table.points), len(table.names)
    z = rows[:, :count]

    def process(name: str, column: int) -> SmoothProcess:
        return process_at(z, rows[:, column], np.array(table.scales[name]))

    weights = {
        name: process(name, count + 1 + k) for k, name in enumerate(table.weights)
    }
    stretch = [max(value, 1.0) for value in table.stretch.values()]
    return AgreementRecord(
        names=tuple(f"parameters.{name}" for name in table.names),
        temper=1.0 / float(np.mean(stretch)),
        marginal=process("marginal", count),
        weights=weights,
        command=table.command,
    )


# --- a scenario's own record ----------------------------------------------------------


@dataclass(frozen=True)
class ScenarioRecord:
    """A scenario's own record as a likelihood of the same parameters, the held weights
    at the record of agreements'.

    names: key paths of the calibrated weights and intercepts, the order of
    `covariance`. points: (N, P) evaluated; heights: (N,); peaks: (N, K). checked: root
    mean square of the difference between evaluation and surrogate on points that were
    left out, nats, and the standard deviation of the evaluations there."""

    names: tuple[str, ...]
    covariance: Floats
    points: Floats
    heights: Floats
    peaks: Floats
    checked: tuple[float, float]

    @cached_property
    def marginal(self) -> SmoothProcess:
        """Of the marginal log-likelihood."""
        return fit_process(self.points, self.heights)

    @cached_property
    def processes(self) -> list[SmoothProcess]:
        """Of each calibrated weight and intercept."""
        return [fit_process(self.points, peak) for peak in self.peaks.T]

    def log_likelihood(self, z: Floats) -> Floats:
        """(D,) marginal log-likelihood at (D, P) coordinates, up to a constant."""
        return self.marginal(z)

    def peak_at(self, z: Floats) -> Floats:
        """(D, K) where weights and intercepts peak when beliefs are those at z."""
        return np.stack([process(z) for process in self.processes], axis=1)


def scenario_record(
    raw: Scenario, until: date, window: int, record: AgreementRecord, points: Floats
) -> ScenarioRecord:
    """Evaluate a scenario's own record at draws from the posterior under the record of
    agreements.

    raw: without its calibration. until, window: the day before which the record is
    complete, and its years, as the calibration was made. points: (N, P) coordinates;
    the last fifth is left out once, to check the surrogate. Raises DataError where the
    record holds too little, or a search does not settle."""
    fitted = fitted_distribution()
    years = own_record(raw, window, until=until)
    calibrated = calibrate(years, prior_of(raw, fitted))
    values = values_at(record.names, priors(), points)
    centres = record.weights_at(points, fitted)
    heights, peaks, covariances = [], [], []
    for k in range(len(points)):
        point: dict[str, Any] = {
            path: float(column[k]) for path, column in values.items()
        }
        moved = with_values(raw, point)
        prior = prior_of(moved, fitted).at_weights(_held_weights(fitted, centres[k]))
        years = own_record(moved, window, until=until)
        height, peak, covariance = peak_given(years, prior, calibrated)
        heights.append(height)
        peaks.append(peak)
        covariances.append(covariance)
    height_at = np.array(heights)
    return ScenarioRecord(
        names=tuple(key_path(name) for name in calibrated.names),
        covariance=np.mean(covariances, axis=0),
        points=points,
        heights=height_at,
        peaks=np.stack(peaks),
        checked=_checked(points, height_at),
    )


def _held_weights(fitted: Distribution, centre: Floats) -> dict[str, float]:
    """Weights by term at a fit's peak, those that theory signs no lower than 0."""
    weights = {}
    for path, value in zip(fitted.paths, map(float, centre), strict=True):
        if path.startswith(WEIGHT):
            is_signed = path in fitted.at_least_zero
            weights[path.removeprefix(WEIGHT)] = max(value, 0.0) if is_signed else value
    return weights


def _checked(points: Floats, heights: Floats) -> tuple[float, float]:
    """Error of a surrogate from four fifths of the points at the last fifth, and the
    standard deviation there."""
    first = len(points) - len(points) // 5
    surrogate = fit_process(points[:first], heights[:first])
    error = surrogate(points[first:]) - heights[first:]
    return float(np.sqrt((error**2).mean())), float(heights[first:].std())


def record_points(z: Floats) -> Floats:
    """(POINTS, P) of many draws: every so many-th, and a tenth as many about the
    priors' centre."""
    around_prior = POINTS // 10
    chosen = z[np.linspace(0, len(z) - 1, POINTS - around_prior).astype(int)]
    columns = [normals(f"points.{k}", around_prior, 1) for k in range(z.shape[1])]
    points = np.concatenate([np.stack(columns, axis=1), chosen])
    return points[np.argsort(normals("order", POINTS, 1), kind="stable")]


def calibration_span(scenario: Scenario) -> tuple[date, int]:
    """The day before which a calibrated scenario's record is complete, and its years,
    from the calibration's file."""
    path = Path(scenario.folder) / scenario.calibration.file
    head = yaml.safe_load(path.read_text(encoding="utf-8"))["calibrated"]
    return date.fromisoformat(str(head["years"][1])), int(head["form"]["window"])


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

    def of(self, paths: Collection[str]) -> EventRecord:
        """Of these key paths alone."""
        columns = [k for k, path in enumerate(self.paths) if path in paths]
        return EventRecord(
            tuple(self.paths[k] for k in columns),
            self.multiplier[columns],
            self.covariance[np.ix_(columns, columns)],
        )

    def log_likelihood(self, columns: Mapping[str, Floats]) -> Floats:
        """(D,) up to a constant, of weights by key path."""
        in_use = {str(row["path"]): row["value"] for row in parameter_table()}
        ratios = [columns[path] / float(str(in_use[path])) for path in self.paths]
        away = np.stack(ratios, axis=1) - self.multiplier
        precision = np.linalg.inv(self.covariance)
        return np.asarray(-0.5 * np.einsum("dk,kj,dj->d", away, precision, away))


def shipped_events() -> EventRecord:
    """From the shipped measurement; kinds that it calls not told are left out."""
    table = shipped_yaml("event_weights.yaml")
    covariance, kinds = table["covariance"], table["kinds"]
    names = covariance["names"]
    columns = [k for k, name in enumerate(names) if kinds[name]["word"] != NOT_TOLD]
    matrix = np.array(covariance["matrix"])
    return EventRecord(
        paths=tuple(kinds[names[k]]["parameters"][0] for k in columns),
        multiplier=np.array(covariance["multipliers"])[columns],
        covariance=matrix[np.ix_(columns, columns)],
    )

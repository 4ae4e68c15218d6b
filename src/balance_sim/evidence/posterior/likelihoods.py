"""What data say of the parameters of a scenario, as functions that can be worked out
for thousands of draws.

The record of agreements (DCAD 1985-2003) and the scenario's own record are known
through evaluations at some hundred points each: the terms are worked out anew by the
model's own rules, and weights, intercepts of types, states and years are fitted again,
their variances held (`benchmarks/beliefs_table.py`, `estimation/calibration.py`). A
Gaussian process takes the marginal log-likelihood from there to all other points; one
more takes the weights at their peak, over their standard errors, and those errors
(`surrogate.py`). Its mean counts (Stuart, Teckentrup 2018, Mathematics of Computation
87: 721-753). The expected likelihood, e^(t m + t^2 v / 2) with the variance v of the
process, puts draws where nothing is known, as v grows there without bound.
Coordinates z are those in which the priors are standard normal, or of what was measured
its measurement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.interpolate import CubicSpline
from scipy.special import ndtr

from balance_sim.evidence.estimation.calibration import (
    PeakGiven,
    calibrate,
    peak_given,
    prior_of,
)
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.estimation.parameter_files import key_path
from balance_sim.evidence.posterior.priors import (
    coordinates,
    drawn_priors,
    from_factors,
    level_of,
    limits,
    log_density,
    normals,
    quantile,
)
from balance_sim.evidence.posterior.surrogate import (
    SmoothProcess,
    fit_process,
)
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import (
    Distribution,
    ParameterPrior,
    fitted_distribution,
    measurements,
    priors,
    reference_values,
    shipped_yaml,
)
from balance_sim.scenario.layout import LADDERS
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats, Ints

WEIGHT = "theory.weights."
RATE = "priors.ceiling"
"""The rate of opportunities of all types of agreement, over that in use."""
ACT_FACTORS = ("scale", "steps")
ACTS_APART = ("event_kinds.incident.intent",)
"""Weights outside the order of signals that event data speak of."""
NOT_TOLD, BY_RULE = "not told", "by rule"
"""Of event data: a word, and of targets that no source names."""
POINTS = 180
"""Draws at which a scenario's own record is evaluated first."""
FRESH = 20
"""Draws of the posterior at which a surrogate is checked, and which it then has."""
CLOSE, ROUNDS = 1.0, 4
"""Error at fresh draws, nats, below which no more are evaluated; checks at the most."""
APART = {"factor_no_relations": 6.2, "factor_not_recognised": 6.1}
"""Agreements expected at a factor of 1 where none was signed
(docs/decisions/0019-whom-one-does-not-sign-with.md)."""
Likelihood = Callable[[Floats], Floats]
"""(D, P) coordinates, or (D,) values -> (D,) log-likelihood, up to a constant."""


# --- coordinates ----------------------------------------------------------------------


@dataclass(frozen=True)
class Axes:
    """Parameters of beliefs and reach in the coordinates in which they are drawn: what
    was measured of each, else its prior, is standard normal.

    names: key paths, the order of z; prior, measured: distributions by key path."""

    names: tuple[str, ...]
    prior: Mapping[str, ParameterPrior]
    measured: Mapping[str, ParameterPrior]

    def values(self, z: Floats) -> dict[str, Floats]:
        """(D,) values by key path at coordinates z (D, P)."""
        columns = {}
        for k, name in enumerate(self.names):
            values = quantile(self._reference(name), ndtr(z[:, k]))
            columns[name] = np.clip(values, *limits(name))
        return columns

    def coordinates(self, values: Mapping[str, Floats]) -> Floats:
        """(D, P) coordinates of values by key path; a mass at a bound is one place."""
        columns = [
            coordinates(self._reference(name), values[name]) for name in self.names
        ]
        return np.stack(columns, axis=1)

    def places(self, z: Floats) -> Floats:
        """(D, P) coordinates of the surrogates at (D, P) of importance sampling."""
        return self.coordinates(self.values(z))

    def log_prior(self, z: Floats) -> Floats:
        """(D,) what priors add where coordinates are those of measurements, which
        importance sampling takes as the prior."""
        values = self.values(z)
        heights = [
            log_density(self.prior[name], values[name])
            for name in self.names
            if name in self.measured
        ]
        return np.sum(heights, axis=0) if heights else np.zeros(len(z))

    def _reference(self, name: str) -> ParameterPrior:
        """The distribution that is standard normal in a parameter's coordinate."""
        return self.measured.get(name, self.prior[name])


def in_errors(columns: Floats) -> Floats:
    """(N, 2 K) weights and logarithms of their errors -> the same with each weight over
    its error.

    Beliefs move the spread of a term, and with it a weight and its error by the same
    factor; the quotient hardly moves, so that few evaluations tell it well."""
    weights, log_errors = np.split(columns, 2, axis=1)
    return np.hstack([weights / np.exp(log_errors), log_errors])


# --- the record of agreements ---------------------------------------------------------


@dataclass(frozen=True)
class AgreementRecord:
    """The record of agreements as a likelihood of parameters of beliefs and reach.

    temper: by which the log-likelihood is multiplied, as rows of a dyad hang together
    (the mean of the parameters' stretch; Ribatet, Cooley, Davison 2012, Statistica
    Sinica 22, call it the magnitude adjustment).
    marginal, weights: processes of the marginal log-likelihood, and of the weights at
    its peak over their standard errors there and the logarithms of those, (2 K,) in the
    order of `terms`. evaluations: how many there are; error: of the marginal at fresh
    draws, nats."""

    axes: Axes
    temper: float
    marginal: SmoothProcess
    terms: tuple[str, ...]
    weights: SmoothProcess
    evaluations: int
    error: float

    def log_likelihood(self, z: Floats) -> Floats:
        """(D,) tempered marginal log-likelihood at (D, P) coordinates, up to a
        constant."""
        return self.temper * self.marginal(self.axes.places(z))

    def weights_at(self, z: Floats, fitted: Distribution) -> tuple[Floats, Floats]:
        """(D, K) where the weights of a fit peak when beliefs are those at z, and their
        standard errors: the fit's own, but for the terms that were evaluated."""
        deviations = np.sqrt(np.diag(np.array(fitted.covariance)))
        peaks, errors = (
            np.tile(values, (len(z), 1)) for values in (fitted.estimate, deviations)
        )
        quotients, log_errors = np.split(self.weights(self.axes.places(z)), 2, axis=1)
        for k, path in enumerate(fitted.paths):
            if (name := path.removeprefix(WEIGHT)) in self.terms:
                errors[:, k] = np.exp(log_errors[:, self.terms.index(name)])
                peaks[:, k] = quotients[:, self.terms.index(name)] * errors[:, k]
        return peaks, errors


def shipped_record() -> AgreementRecord:
    """From the shipped table."""
    return record_of(shipped_yaml("beliefs.yaml"))


def record_of(
    table: Mapping[str, Any], measured: Mapping[str, ParameterPrior] | None = None
) -> AgreementRecord:
    """From a table as `benchmarks/beliefs_table.py` writes it, with what was measured
    of its parameters, by default what is shipped. Its `points` are values,
    by `names`, then the marginal log-likelihood over the one at the values in use, then
    the weights at its peak and the logarithms of their standard errors; `stretch`: of
    each parameter, variance of its score with rows of a dyad hanging together over that
    with rows apart; `scales`: of the processes, logarithms."""
    names, rows = tuple(table["names"]), np.array(table["points"])
    values = dict(zip(names, rows.T, strict=False))
    axes = Axes(names, priors(), measurements() if measured is None else measured)
    points, count, scales = axes.coordinates(values), len(names), table["scales"]
    stretch = [max(value, 1.0) for value in table["stretch"].values()]
    return AgreementRecord(
        axes=axes,
        temper=1.0 / float(np.mean(stretch)),
        marginal=fit_process(points, rows[:, count], scales["marginal"]),
        terms=tuple(table["weights"]),
        weights=fit_process(points, in_errors(rows[:, count + 1 :]), scales["weights"]),
        evaluations=len(rows),
        error=table["error"][0] if table["error"] else np.nan,
    )


# --- a scenario's own record ----------------------------------------------------------


@dataclass(frozen=True)
class ScenarioRecord:
    """A scenario's own record as a likelihood of the same parameters, the held weights
    at the record of agreements'.

    names: key paths of the calibrated weights and intercepts, the order of
    `covariance` and of `peaks`; axes: of what is drawn.
    temper: as errors of dyads that share a state hang together. marginal: of the
    log-likelihood, up to a constant; peaks: of weights and intercepts. evaluations: how
    many there are; error: root mean square of what the surrogate missed fresh draws of
    the posterior by, nats; deviation: of the evaluations there."""

    names: tuple[str, ...]
    axes: Axes
    covariance: Floats
    temper: float
    marginal: SmoothProcess
    peaks: SmoothProcess
    evaluations: int
    error: float = np.nan
    deviation: float = np.nan

    def log_likelihood(self, z: Floats) -> Floats:
        """(D,) tempered marginal log-likelihood at (D, P) coordinates."""
        return self.temper * self.marginal(self.axes.places(z))

    def peak_at(self, z: Floats) -> Floats:
        """(D, K) where weights and intercepts peak when beliefs are those at z."""
        return self.peaks(self.axes.places(z))


def scenario_record(
    scenario: Scenario,
    raw: Scenario,
    record: AgreementRecord,
    sample: Callable[[ScenarioRecord | None], Floats],
) -> ScenarioRecord:
    """Evaluate a scenario's own record at POINTS of the draws from the posterior under
    the record of agreements, then at FRESH draws under both until the surrogate misses
    those by less than CLOSE, or ROUNDS times.

    raw: the scenario without its calibration, which is made again, on the same years.
    sample: draws (S, P) given the record of agreements, or that and this one. Raises
    DataError where the record holds too little, or a search does not settle."""
    evaluate = _Evaluations(scenario, raw, record)
    evaluate(_points_of(sample(None)))
    surrogate = evaluate.record()
    for _ in range(ROUNDS):
        z = sample(surrogate)
        fresh = z[np.linspace(0, len(z) - 1, FRESH).astype(int)]
        predicted = surrogate.marginal(record.axes.places(fresh))
        heights = evaluate(fresh)
        error = float(np.sqrt(((predicted - heights) ** 2).mean()))
        surrogate = replace(
            evaluate.record(), error=error, deviation=float(heights.std(ddof=1))
        )
        if error < CLOSE:
            break
    return surrogate


class _Evaluations:
    """A scenario's own record, its terms worked out anew at points one after the
    other."""

    def __init__(
        self, scenario: Scenario, raw: Scenario, record: AgreementRecord
    ) -> None:
        file = Path(scenario.folder) / scenario.calibration.file
        head = yaml.safe_load(file.read_text(encoding="utf-8"))["calibrated"]
        self.until = date.fromisoformat(str(head["years"][1]))
        self.window = int(head["form"]["window"])
        self.raw, self.of_agreements, self.fitted = raw, record, fitted_distribution()
        self.years = own_record(raw, self.window, until=self.until)
        self.calibrated = calibrate(self.years, prior_of(raw, self.fitted))
        self.places: list[Floats] = []
        self.peaks: list[PeakGiven] = []

    def __call__(self, z: Floats) -> Floats:
        """(D,) marginal log-likelihoods at coordinates z (D, P)."""
        axes, fitted = self.of_agreements.axes, self.fitted
        columns = from_factors(self.raw, axes.values(z))
        centres, _ = self.of_agreements.weights_at(z, fitted)
        for k, centre in enumerate(centres):
            point: dict[str, Any] = {
                path: float(column[k]) for path, column in columns.items()
            }
            moved = with_values(self.raw, point)
            weights = {}
            for path, weight in zip(fitted.paths, centre.tolist(), strict=True):
                lowest = 0.0 if path in fitted.at_least_zero else -np.inf
                weights[path.removeprefix(WEIGHT)] = max(weight, lowest)
            prior = prior_of(moved, fitted).at_weights(weights)
            years = own_record(moved, self.window, until=self.until)
            self.peaks.append(peak_given(years, prior, self.calibrated))
        self.places.extend(axes.places(z))
        return np.array([peak.height for peak in self.peaks[-len(z) :]])

    def record(self) -> ScenarioRecord:
        """What the evaluations so far tell."""
        points, peaks = np.array(self.places), self.peaks
        heights = np.array([peak.height for peak in peaks])
        by_row, choices = np.array([peak.by_row for peak in peaks]), self.years.choices
        away = points - points.mean(axis=0)
        slopes = np.linalg.lstsq(away, by_row - by_row.mean(axis=0), rcond=None)[0]
        return ScenarioRecord(
            names=tuple(key_path(name) for name in self.calibrated.names),
            axes=self.of_agreements.axes,
            covariance=np.mean([peak.covariance for peak in peaks], axis=0),
            temper=1.0 / stretch(slopes, choices.a, choices.b),
            marginal=fit_process(points, heights),
            peaks=fit_process(points, np.array([peak.values for peak in peaks])),
            evaluations=len(points),
        )


def stretch(slopes: Floats, a: Ints, b: Ints) -> float:
    """How much larger the variance of a parameter's score is with dyads that share a
    state hanging together than with all rows apart: the mean over parameters, at least
    1.

    slopes: (P, N) of each row's log-likelihood; a, b: (N,) its states. Aronow, Samii,
    Assenova 2015, Political Analysis 23: 564-577."""
    states = int(max(a.max(), b.max())) + 1
    _, dyad = np.unique(a * states + b, return_inverse=True)
    ratios = []
    for slope in slopes:
        by_state = np.bincount(a, slope, states) + np.bincount(b, slope, states)
        of_dyads = np.bincount(dyad, slope)  # both ends of a dyad have counted it
        shared = (by_state**2).sum() - (of_dyads**2).sum()
        ratios.append(float(shared / (slope @ slope)))
    return max(float(np.mean(ratios)), 1.0)


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
    """What event data say of the weights of acts: multipliers of the guesses that
    priors are centred on are normal (`fit --events`).

    paths: key paths of the weights, words `measured` or `bounded` only. aimed: of each
    the prior of the share of acts that are aimed at those whose reaction was measured,
    or empty where all are. multiplier: (K,); covariance: (K, K)."""

    paths: tuple[str, ...]
    aimed: tuple[str, ...]
    multiplier: Floats
    covariance: Floats

    def expected(self, columns: Mapping[str, Floats]) -> Floats:
        """(D, K) multipliers of the average act, of weights by key path and shares by
        the name of their prior: an act moves its participants' rivals by the share that
        is aimed at them times the weight."""
        references = reference_values()
        ratios = [
            columns[path] / references[path] * columns.get(share, 1.0)
            for path, share in zip(self.paths, self.aimed, strict=True)
        ]
        return np.stack(ratios, axis=1)

    def log_likelihood(self, columns: Mapping[str, Floats]) -> Floats:
        """(D,) up to a constant."""
        away = self.expected(columns) - self.multiplier
        precision = np.linalg.inv(self.covariance)
        return np.asarray(-0.5 * np.einsum("dk,kj,dj->d", away, precision, away))


def act_names(names: Iterable[str]) -> list[str]:
    """Those of what is drawn that weights of acts which event data speak of follow
    from."""
    heads = tuple(
        f"priors.{ladder}_{part}" for ladder in LADDERS for part in ACT_FACTORS
    )
    return [name for name in names if name.startswith(heads) or name in ACTS_APART]


def shipped_events(paths: Collection[str]) -> EventRecord:
    """From the shipped measurement, of these key paths; kinds that it calls not told
    are left out."""
    table = shipped_yaml("event_weights.yaml")
    kinds = [table["kinds"][name] for name in table["covariance"]["names"]]
    places = [
        k
        for k, kind in enumerate(kinds)
        if kind["word"] != NOT_TOLD and kind["parameters"][0] in paths
    ]
    names = tuple(kinds[k]["parameters"][0] for k in places)
    shares = (f"priors.aimed_{path.split('.')[1]}" for path in names)
    by_rule = (str(kinds[k]["targets"]).startswith(BY_RULE) for k in places)
    return EventRecord(
        paths=names,
        aimed=tuple(
            name if is_by_rule else ""
            for name, is_by_rule in zip(shares, by_rule, strict=True)
        ),
        multiplier=np.array(table["covariance"]["multipliers"])[places],
        covariance=np.array(table["covariance"]["matrix"])[np.ix_(places, places)],
    )


# --- parameters that one number of data tells -----------------------------------------


def likelihoods_apart(scenario: Scenario) -> dict[str, Likelihood]:
    """By key path the likelihood of each parameter that was measured apart from all
    others, as a function of (D,) values."""
    likelihoods: dict[str, Likelihood] = {}
    for name, expected in APART.items():  # Poisson, none signed
        likelihoods[f"parameters.{name}"] = partial(np.multiply, -expected)
    for path, measured in measurements().items():
        likelihoods[path] = partial(log_density, measured)
    likelihoods[RATE] = profiled(shipped_yaml("beliefs.yaml")["rate"])
    variance = scenario.calibration.level_variance
    level = level_of(scenario)
    if scenario.base_rate is None and level is not None and variance > 0:
        likelihoods["base_rate"] = _counted(level, variance)
    return likelihoods


def profiled(heights: Sequence[Sequence[float]]) -> Likelihood:
    """Of a rate over that in use, from its profile: rates and the logarithm of the
    likelihood there, 0 at that in use. Between rates a cubic in their logarithm, beyond
    them a line."""
    rates, height = np.array(heights).T
    in_use = rates[np.argmin(np.abs(height))]
    x = np.log(rates / in_use)
    spline = CubicSpline(x, height, bc_type="natural")
    slopes = spline(x[[0, -1]], 1)

    def log_likelihood(rate: Floats) -> Floats:
        log_rate = np.log(rate)
        inside = np.clip(log_rate, x[0], x[-1])
        slope = np.where(log_rate < inside, slopes[0], slopes[1])
        return np.asarray(spline(inside) + slope * (log_rate - inside))

    return log_likelihood


def _counted(level: float, variance: float) -> Likelihood:
    """Of a level that a record puts here with this variance of the factor on it: as if
    1 / variance agreements had been counted, Poisson."""
    count = 1.0 / variance
    return lambda x: count * (np.log(x / level) - x / level)


# --- all of it ------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What data say of a scenario's parameters, but for its own record.

    record, fitted: beliefs and reach, and weights, of the record of agreements. events:
    of weights of acts. apart: by key path of what was measured apart from the rest."""

    record: AgreementRecord
    fitted: Distribution
    events: EventRecord
    apart: Mapping[str, Likelihood]


def shipped_evidence(scenario: Scenario) -> Evidence:
    """What is shipped, as far as the scenario draws it."""
    ones = {name: np.ones(1) for name in act_names(drawn_priors(scenario))}
    return Evidence(
        record=shipped_record(),
        fitted=fitted_distribution(),
        events=shipped_events(from_factors(scenario, ones).keys()),
        apart=likelihoods_apart(scenario),
    )

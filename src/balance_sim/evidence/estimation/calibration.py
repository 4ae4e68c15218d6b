"""Calibration: what a scenario's own record says of its kinds, states and level, given
the fitted weights.

    n_ijmt ~ Poisson(L_t r_ijmt)
    r_ijmt = ceiling_m kept_m sigma(u_ij) sigma(u_ji)
    u_ij = intercept_m + s_ic + sum of weight * term
    weights ~ N(fitted, discount * fitted covariance)
    (s_i1, s_i2) ~ N(0, V)

c is the class of kind m, security agreement or declaration. r is that of `likelihood`,
from the same `ConsentDesign`, with L_t as its exposure. `HELD_TERMS` keep the fitted
weights; for the others the fit is a power prior (Ibrahim, Chen 2000, Statistical
Science 15: 46-60), its covariance times `discount`. Intercepts have a wide prior about
the scenario's own. A state has two random intercepts, one for each class of kinds, with
a covariance V of their own, which maximises the marginal likelihood: EM with Laplace's
covariance (Breslow, Clayton 1993, JASA 88: 9-25). A year's level L_t is free; the level
now is the mean of the years' with each year back counting `level_memory` of the next,
and intercepts are those at L = 1. Of a year ahead, L ~ Gamma(mean 1, variance v_l), v_l
from how yearly counts fell about what the years before them let expect (negative
binomial; Greenwood, Yule 1920, JRSS 83: 255-279)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.estimation.choices import Choices, OwnRecord
from balance_sim.evidence.estimation.fitting import highest
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    by_row,
    derivatives,
    log_likelihood,
    parameter_names,
)
from balance_sim.evidence.newton import Maximum
from balance_sim.scenario.defaults import Distribution
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats, Ints
from balance_sim.stats.lags import mixed_chance

HELD_TERMS = (
    *("security_gain", "common_threat", "bandwagon", "ladder"),
    *("autonomy", "exposure", "hub_doubt"),
)
"""Terms that keep their weights: those that carry an event's effect, the depth that two
states have reached, and those that the fit could not tell."""
POSITIVE = ("hostility",)
"""Terms whose weight theory holds above zero: one that the record puts below keeps its
fitted weight."""
HELD = 1e8
"""Prior precision of a weight that is held, 1 / nats squared."""
INTERCEPT_SD = 2.0
"""Of the prior of intercepts, nats: both sides have it, so one standard deviation moves
a rate by up to e^4."""
LEAST, MOST = 1e-3, 20.0
"""Bounds of the variance of the level."""
FEWEST = 50
"""Agreements below which there is no calibration: fewer cannot tell states apart."""
ROUNDS, CLOSE, SETTLED = 200, 1e-7, 1e-3
STATE_VARIANCE = 0.3
"""Of the random intercepts, from which the search starts."""
HIGHEST_START = -1.0
"""Of the intercepts from which the search starts."""
STRETCHED = 3
"""Every so many-th step goes all the way that two steps in a row tell."""
WINDOW = 20
"""Years of the record."""
LEVEL_MEMORY = 0.7
"""What a year back counts towards the level now."""
DISCOUNT = 100.0
"""Of the prior, by which the fitted covariance is multiplied. These three were chosen
on origins 2014-2019 of Beijing 2025: decision 21."""
FIRST_LEVELS = 5
"""Years before the first whose count tells the variance of the level."""


@dataclass(frozen=True)
class Prior:
    """Mean by term and by kind (nats), and the covariance of the terms that the record
    may move.

    declarations: kinds that are no security agreements."""

    weights: Mapping[str, float]
    intercepts: Mapping[str, float]
    free: tuple[str, ...]
    covariance: Floats
    declarations: tuple[str, ...] = ()

    def without(self, terms: Sequence[str]) -> Prior:
        """The same with some of the free terms held."""
        columns = [k for k, name in enumerate(self.free) if name not in terms]
        return replace(
            self,
            free=tuple(self.free[k] for k in columns),
            covariance=self.covariance[np.ix_(columns, columns)],
        )

    def at_weights(self, weights: Mapping[str, float]) -> Prior:
        """The same about other weights, by term; a term that is switched off stays
        so."""
        moved = {
            name: weights.get(name, weight) if weight else weight
            for name, weight in self.weights.items()
        }
        return replace(self, weights=moved)


def prior_of(scenario: Scenario, fitted: Distribution) -> Prior:
    """The scenario's weights and intercepts as they are without a calibration, and the
    fit's covariance.

    Weights that the scenario sets itself, other than its fitted ones, are centres of
    the prior too."""
    weights, kinds = scenario.theory.weights, scenario.kinds
    free, chosen = [], []
    for k, path in enumerate(fitted.paths):
        head, _, name = path.rpartition(".")
        is_weight = head == "theory.weights" and weights.get(name, 0.0) != 0
        if is_weight and name not in HELD_TERMS:
            free.append(name)
            chosen.append(k)
    declarations = sorted(name for name, kind in kinds.items() if not kind.security)
    return Prior(
        weights=dict(weights),
        intercepts={name: kind.intercept for name, kind in kinds.items()},
        free=tuple(free),
        covariance=np.array(fitted.covariance)[np.ix_(chosen, chosen)],
        declarations=tuple(declarations),
    )


class JointLikelihood:
    """The likelihood of all kinds, from a `ConsentDesign` for each class of kinds.

    Parameters, in order: weights by term and intercepts by kind, which the classes have
    in common (`names`), then the random intercepts of the states in the first class, in
    the second. `terms`, `kinds` and `own`: where these stand. designs: of each class,
    and where its parameters stand among all."""

    def __init__(self, choices: Choices, classes: tuple[tuple[str, ...], ...]) -> None:
        self.choices, self.classes = choices, classes
        self.names = parameter_names(choices)
        states, terms, first = len(choices.states), len(choices.names), len(self.names)
        self.size = first + len(classes) * states
        self.terms, self.kinds = slice(0, terms), slice(terms, first)
        self.own = slice(first, self.size)
        self.designs: list[tuple[ConsentDesign, Ints]] = []
        for kinds in classes:
            intercepts = [self.names.index(f"intercept.{kind}") for kind in kinds]
            columns = [*range(terms), *intercepts, *range(first, first + states)]
            design = ConsentDesign(choices.with_kinds(kinds))
            self.designs.append((design, np.array(columns)))
            first += states

    def log_likelihood(self, values: Floats) -> float:
        """Of all classes together."""
        return sum(
            log_likelihood(design, values[columns]) for design, columns in self.designs
        )

    def by_row(self, values: Floats) -> Floats:
        """(N,) of each dyad and year, all classes together."""
        return np.sum(
            [by_row(design, values[columns]) for design, columns in self.designs],
            axis=0,
        )

    def derivatives(self, values: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient (size,) and minus the second derivatives (size,
        size)."""
        total, slope = 0.0, np.zeros(self.size)
        curve = np.zeros((self.size, self.size))
        for design, columns in self.designs:
            value, gradient, information = derivatives(design, values[columns])
            total += value
            slope[columns] += gradient
            curve[np.ix_(columns, columns)] += information
        return total, slope, curve

    def rates(self, values: Floats) -> Floats:
        """(N,) agreements of any kind expected of each row at level and factor 1."""
        rates = [
            np.exp(design.log_rate(values[columns])[0])
            for design, columns in self.designs
        ]
        return np.asarray(sum(rate.sum(axis=1) for rate in rates))

    def exposed(self, factor: Floats) -> JointLikelihood:
        """The same with exposures times (N,) factors."""
        return JointLikelihood(
            replace(self.choices, exposure=self.choices.exposure * factor), self.classes
        )


@dataclass(frozen=True)
class CalibrationPosterior:
    """Posterior of a calibration. weights, intercepts: means by name; `names` and
    `covariance` of the free ones, then the intercepts, with random intercepts
    integrated out.

    classes: kinds of each class. propensity: (C, n) by class and state, its covariance
    (C, C, n). state_variance: (C, C). level: by year, 1 is now. values: (size,) of all
    parameters of the `JointLikelihood`."""

    states: tuple[str, ...]
    kinds: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...]
    weights: dict[str, float]
    intercepts: dict[str, float]
    names: tuple[str, ...]
    covariance: Floats
    propensity: Floats
    propensity_covariance: Floats
    state_variance: Floats
    level: dict[int, float]
    level_variance: float
    agreements: int
    values: Floats


def calibrate(record: OwnRecord, prior: Prior) -> CalibrationPosterior:
    """Calibrate on the whole of a record. Raises DataError where it holds too little,
    or the search does not settle.

    A weight of `POSITIVE` that comes out below zero is held at its fitted value, and
    the rest calibrated again."""
    posterior = _posterior(record, prior)
    against = [
        name for name in prior.free if name in POSITIVE and posterior.weights[name] < 0
    ]
    return _posterior(record, prior.without(against)) if against else posterior


def classes_of(
    kinds: Sequence[str], declarations: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Security agreements and declarations, in the order of the kinds; a class without
    kinds is left out."""
    security = tuple(kind for kind in kinds if kind not in declarations)
    declared = tuple(kind for kind in kinds if kind in declarations)
    return tuple(kinds for kinds in (security, declared) if kinds)


def _posterior(record: OwnRecord, prior: Prior) -> CalibrationPosterior:
    """The posterior, by rounds: each finds the peak with variances and levels held,
    then moves these."""
    total = int(record.counts.sum())
    if total < FEWEST:
        message = (
            f"the record holds {total} agreements between two states in "
            f"{len(record.years)} years; a calibration needs {FEWEST}"
        )
        raise DataError(
            message,
            "State the level with `base_rate`, or end the record where it is complete "
            "with --until",
        )
    choices, count = record.choices, len(record.years)
    joint = JointLikelihood(choices, classes_of(choices.kinds, prior.declarations))
    shape = len(joint.classes), len(choices.states)
    year = np.searchsorted(np.array(record.years), choices.year)
    yearly = np.bincount(year, record.counts.sum(axis=1), count)
    year_weight = LEVEL_MEMORY ** np.arange(count - 1.0, -1.0, -1.0)
    level = yearly / (year_weight @ yearly / year_weight.sum())
    mean, precision = _prior_moments(joint, prior)
    values = mean.copy()
    values[joint.kinds] = np.minimum(mean[joint.kinds], HIGHEST_START)
    variance, step = STATE_VARIANCE * np.eye(shape[0]), np.zeros(0)
    for number in range(ROUNDS):
        precision[joint.own, joint.own] = _state_precision(variance, shape[1])
        peak = _peak(joint.exposed(level[year]), values, mean, precision)
        values, covariance = peak.at, np.linalg.inv(peak.information)
        effects = values[joint.own].reshape(shape)
        of_states = np.einsum(
            "aibi->abi", covariance[joint.own, joint.own].reshape(*shape, *shape)
        )
        start, last_step = _flat(variance), step
        squares = effects @ effects.T + of_states.sum(axis=2)
        variance = squares / shape[1] + 1e-4 * np.eye(shape[0])
        step = _flat(variance) - start
        if number % STRETCHED == STRETCHED - 1:
            variance = _unflat(start + step * _stretch(step, last_step), shape[0])
        expected = np.bincount(year, joint.rates(values), count)
        level = yearly / expected / ((year_weight @ yearly) / (year_weight @ expected))
        if np.abs(step).max() < SETTLED:
            break
    else:
        message = f"the calibration did not settle in {ROUNDS} rounds"
        raise DataError(message, "Give a longer record")
    names = [name for name in joint.names if "." in name or name in prior.free]
    free = [joint.names.index(name) for name in names]
    return CalibrationPosterior(
        states=choices.states,
        kinds=choices.kinds,
        classes=joint.classes,
        weights=dict(zip(choices.names, values[joint.terms].tolist(), strict=True)),
        intercepts=dict(zip(choices.kinds, values[joint.kinds].tolist(), strict=True)),
        names=tuple(names),
        covariance=np.asarray(covariance[np.ix_(free, free)]),
        propensity=effects,
        propensity_covariance=np.asarray(of_states),
        state_variance=variance,
        level=dict(zip(record.years, level.tolist(), strict=True)),
        level_variance=level_variance(yearly, expected, LEVEL_MEMORY),
        agreements=total,
        values=values,
    )


def _state_precision(variance: Floats, states: int) -> Floats:
    """(C n, C n) precision of the random intercepts of n states."""
    return np.asarray(np.kron(np.linalg.inv(variance), np.eye(states)))


class PeakGiven(NamedTuple):
    """A peak with variances and levels held at those of a calibration.

    height: marginal log-likelihood up to a constant (Laplace). values: (K,) free
    weights and intercepts in the order of the calibration's `names`; covariance: (K,
    K). by_row: (N,) log-likelihood of each dyad and year."""

    height: float
    values: Floats
    covariance: Floats
    by_row: Floats


def peak_given(
    record: OwnRecord, prior: Prior, posterior: CalibrationPosterior
) -> PeakGiven:
    """The peak where the terms of a record are worked out anew. record: of the same
    years as the calibration."""
    joint = JointLikelihood(record.choices, posterior.classes)
    held_terms = [name for name in prior.free if name not in posterior.names]
    mean, precision = _prior_moments(joint, prior.without(held_terms))
    precision[joint.own, joint.own] = _state_precision(
        posterior.state_variance, len(posterior.states)
    )
    joint = joint.exposed(
        np.array([posterior.level[int(year)] for year in record.choices.year])
    )
    start = mean.copy()
    start[joint.kinds.start :] = posterior.values[joint.kinds.start :]
    values, information = _peak(joint, start, mean, precision)
    away = values - mean
    height = joint.log_likelihood(values) - 0.5 * float(away @ precision @ away)
    height -= 0.5 * float(np.linalg.slogdet(information)[1])
    free = [joint.names.index(name) for name in posterior.names]
    covariance = np.linalg.inv(information)[np.ix_(free, free)]
    return PeakGiven(height, values[free], covariance, joint.by_row(values))


# --- steps of the search --------------------------------------------------------------


def _flat(variance: Floats) -> Floats:
    """A covariance as numbers without bounds: its Cholesky factor, the diagonal in
    logarithms."""
    lower = np.linalg.cholesky(variance)
    below = lower[np.tril_indices(len(variance), -1)]
    return np.concatenate([np.log(np.diag(lower)), below])


def _unflat(flat: Floats, classes: int) -> Floats:
    """(C, C) covariance of such numbers."""
    lower = np.diag(np.exp(flat[:classes]))
    lower[np.tril_indices(classes, -1)] = flat[classes:]
    return np.asarray(lower @ lower.T)


def _stretch(step: Floats, last_step: Floats) -> float:
    """EM closes a gap by a steady share a round, told by two steps in a row: the step
    goes all the way (Aitken; Laird, Lange, Stram 1987, JASA 82: 97-105), ten times its
    length at the most."""
    square = max(float(last_step @ last_step), 1e-300)
    share = float(step @ last_step) / square
    return 1.0 / (1.0 - min(max(share, 0.0), 0.9))


def _prior_moments(joint: JointLikelihood, prior: Prior) -> tuple[Floats, Floats]:
    """Mean (size,) and precision (size, size), without that of the random
    intercepts."""
    names, kinds = joint.choices.names, joint.choices.kinds
    mean, precision = np.zeros(joint.size), np.zeros((joint.size, joint.size))
    mean[joint.terms] = [prior.weights[name] for name in names]
    mean[joint.kinds] = [prior.intercepts[kind] for kind in kinds]
    of_each = [0.0 if name in prior.free else HELD for name in names]
    of_each += [INTERCEPT_SD**-2] * len(kinds)
    np.fill_diagonal(precision[: len(of_each), : len(of_each)], of_each)
    free = [names.index(name) for name in prior.free]
    precision[np.ix_(free, free)] = np.linalg.inv(prior.covariance * DISCOUNT)
    return mean, precision


def _peak(
    joint: JointLikelihood, start: Floats, mean: Floats, precision: Floats
) -> Maximum:
    """Where likelihood and normal prior together are highest. mean: (size,), precision:
    (size, size) of the prior."""
    slopes, height = joint.derivatives, joint.log_likelihood
    return highest(joint.names, start, slopes, height, precision, mean, CLOSE)


# --- variances ------------------------------------------------------------------------


def mixing_variance(signed: Floats, expected: Floats) -> float:
    """Variance v of mean-one gamma factors under which counts are likeliest: signed ~
    Poisson(factor * expected), within LEAST..MOST.

    ln L = sum of ln G(a + N) - ln G(a) + a ln a - (a + N) ln(a + E), a = 1 / v."""

    def fall(log_v: float) -> float:
        """How fast ln L falls with ln v."""
        a = np.exp(-log_v)
        by_shape = digamma(a + signed) - digamma(a) + np.log(a / (a + expected))
        return float(a * (by_shape + (expected - signed) / (a + expected)).sum())

    low, high = np.log(LEAST), np.log(MOST)
    if fall(low) >= 0:
        return LEAST
    if fall(high) <= 0:
        return MOST
    return float(np.exp(brentq(fall, low, high, xtol=1e-13)))


def level_variance(yearly: Floats, expected: Floats, memory: float) -> float:
    """Variance of a year's level about what the years before it let expect. yearly,
    expected: (T,) counts, and what they are expected to be at level 1. 0 where there
    are too few years."""
    forecasts, counts = [], []
    for t in range(FIRST_LEVELS, len(yearly)):
        weight = memory ** np.arange(t - 1.0, -1.0, -1.0)
        level = (weight @ yearly[:t]) / (weight @ expected[:t])
        if level > 0:
            forecasts.append(level * expected[t])
            counts.append(yearly[t])
    if len(counts) < FIRST_LEVELS:
        return 0.0
    return mixing_variance(np.array(counts), np.array(forecasts))


# --- forecasts ------------------------------------------------------------------------


def forecast_from(
    record: OwnRecord, prior: Prior, window: int, origin: int
) -> tuple[Choices, Floats]:
    """The dyads of a year and their `forecast` by a calibration on the years before it.
    Raises DataError."""
    ahead = record.within(origin, origin).choices
    return ahead, forecast(
        calibrate(record.within(origin - window, origin - 1), prior), ahead
    )


def forecast(posterior: CalibrationPosterior, ahead: Choices) -> Floats:
    """(N,) probability that each dyad signs anything in the year, the level integrated
    over."""
    rate = JointLikelihood(ahead, posterior.classes).rates(posterior.values)
    no_factor = np.full(len(rate), np.inf)
    return mixed_chance(rate, no_factor, no_factor, posterior.level_variance)

"""Calibration: what a scenario's own record says of its kinds, states, dyads and level,
given the fitted weights.

    n_ijmt ~ Poisson(L_t lambda_ij r_ijmt)
    r_ijmt = ceiling_m kept_m sigma(u_ij) sigma(u_ji)
    u_ij = intercept_m + s_ic + sum of weight * term
    weights ~ N(fitted, discount * fitted covariance)
    (s_i1, s_i2) ~ N(0, V)   lambda_ij ~ Gamma(mean 1, variance v_d)

c is the class of kind m, security agreement or declaration. r is that of `likelihood`,
from the same `ConsentDesign`, with L_t lambda_ij as its exposure. `HELD_TERMS` keep the
fitted weights; for the others the fit is a power prior (Ibrahim, Chen 2000, Statistical
Science 15: 46-60), its covariance times `discount`. Intercepts have a wide prior about
the scenario's own. A state has two random intercepts, one for each class of kinds, with
a covariance V of their own. V and v_d maximise the marginal likelihood: EM with
Laplace's covariance as in `fitting.fit`, less what unknown factors leave open (Louis
1982), and the gamma mixture of Poissons in closed form (Greenwood, Yule 1920, JRSS 83:
255-279). A year's level L_t is free; the level now is the mean of the years' with each
year back counting `level_memory` of the next, and intercepts are those at L = 1. Of a
year ahead, L ~ Gamma(mean 1, variance v_l), v_l from how yearly counts fell about what
the years before them let expect (negative binomial)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import digamma, gammaln

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import Choices, OwnRecord
from balance_sim.evidence.estimation.fitting import search_errors
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    derivatives,
    log_likelihood,
    scores_by,
)
from balance_sim.scenario.defaults import Distribution
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.lags import mixed_chance
from balance_sim.stats.newton import Maximum, Search, newton

Ints = NDArray[np.int64]

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
"""Bounds of a variance of factors."""
NEAR = 1e-3
"""Of the logarithm of a variance, from the minimum that is found to that of the
slope."""
FEWEST = 50
"""Agreements below which there is no calibration: fewer cannot tell states apart."""
ROUNDS, CLOSE, SETTLED = 200, 1e-7, 1e-3
STATE_VARIANCE, DYAD_VARIANCE = 0.3, 0.25
"""Variances from which the search starts."""
HIGHEST_START = -1.0
"""Of the intercepts from which the search starts."""
STRETCHED = 3
"""Every so many-th step goes all the way that two steps in a row tell."""
FIRST_LEVELS = 5
"""Years before the first whose count tells the variance of the level."""


@dataclass(frozen=True)
class Form:
    """window: years of the record. level_memory: what a year back counts towards the
    level now. discount: of the prior, by which the fitted covariance is multiplied.
    dyads: whether each dyad has a factor of its own; else v_d is 0. Chosen on origins
    2014-2019 of Beijing 2025: decision 21."""

    window: int = 20
    level_memory: float = 0.7
    discount: float = 100.0
    dyads: bool = False


FORM = Form()


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
    columns = {
        path.rpartition(".")[2]: k
        for k, path in enumerate(fitted.paths)
        if ".weights." in path
    }
    weights = scenario.theory.weights
    free = tuple(
        name
        for name in columns
        if name not in HELD_TERMS and weights.get(name, 0.0) != 0
    )
    chosen = [columns[name] for name in free]
    kinds = scenario.kinds
    declarations = sorted(name for name, kind in kinds.items() if not kind.security)
    return Prior(
        weights=dict(weights),
        intercepts={name: kind.intercept for name, kind in kinds.items()},
        free=free,
        covariance=np.array(fitted.covariance)[np.ix_(chosen, chosen)],
        declarations=tuple(declarations),
    )


@dataclass(frozen=True)
class JointLikelihood:
    """The likelihood of all kinds, from a `ConsentDesign` for each class of kinds.

    Parameters, in order: weights by term and intercepts by kind, which the classes have
    in common (`names`), then the random intercepts of the states in the first class, in
    the second. `terms`, `kinds` and `own`: where these stand."""

    choices: Choices
    classes: tuple[tuple[str, ...], ...]

    @cached_property
    def designs(self) -> tuple[tuple[ConsentDesign, Ints], ...]:
        """One for each class, with its kinds alone, and where its parameters stand
        among all."""
        states, terms = len(self.choices.states), len(self.choices.names)
        designs = []
        for number, kinds in enumerate(self.classes):
            intercepts = [self.names.index(f"intercept.{kind}") for kind in kinds]
            first = self.own.start + number * states
            columns = np.concatenate(
                [
                    np.arange(terms),
                    np.array(intercepts, dtype=np.int64),
                    first + np.arange(states),
                ]
            )
            designs.append((ConsentDesign(self.choices.with_kinds(kinds)), columns))
        return tuple(designs)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the parameters that the classes have in common."""
        return ConsentDesign(self.choices).names

    @property
    def terms(self) -> slice:
        """Where the weights stand."""
        return slice(0, len(self.choices.names))

    @property
    def kinds(self) -> slice:
        """Where the intercepts of kinds stand."""
        return slice(len(self.choices.names), len(self.names))

    @property
    def own(self) -> slice:
        """Where the random intercepts of states stand."""
        first = len(self.names)
        return slice(first, first + len(self.classes) * len(self.choices.states))

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self.own.stop)

    def log_likelihood(self, values: Floats) -> float:
        """Of all classes together."""
        return sum(
            log_likelihood(design, values[columns]) for design, columns in self.designs
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

    def scores_by(self, values: Floats, cluster: Ints) -> Floats:
        """(clusters, size) first derivatives summed over the rows of each cluster."""
        total = np.zeros((len(np.unique(cluster)), self.size))
        for design, columns in self.designs:
            total[:, columns] += scores_by(design, values[columns], cluster)
        return total

    def rates(self, values: Floats) -> Floats:
        """(N,) agreements of any kind expected of each row at level and factor 1."""
        by_class = []
        for design, columns in self.designs:
            log_rate, _, _ = design.log_rate(values[columns])
            by_class.append(np.exp(log_rate).sum(axis=1))
        return np.asarray(sum(by_class))

    def exposed(self, factor: Floats) -> JointLikelihood:
        """The same with exposures times (N,) factors."""
        exposure = self.choices.exposure * factor
        return replace(self, choices=replace(self.choices, exposure=exposure))


@dataclass(frozen=True)
class CalibrationPosterior:
    """Posterior of a calibration. weights, intercepts: means by name; `names` and
    `covariance` of the free ones, then the intercepts, with random intercepts and
    factors integrated out.

    classes: kinds of each class. propensity: (C, n) by class and state, its covariance
    (C, C, n). state_variance: (C, C). signed, expected: (n, n), upper triangle,
    agreements signed and expected at factor 1. level: by year, 1 is now."""

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
    dyad_variance: float
    signed: Floats
    expected: Floats
    level: dict[int, float]
    level_variance: float
    agreements: int
    values: Floats

    @property
    def gamma(self) -> tuple[Floats, Floats]:
        """(n, n) shape and inverse scale of the gamma posterior of each dyad's factor;
        infinite where all are 1."""
        prior = 1.0 / self.dyad_variance if self.dyad_variance > 0 else float("inf")
        return prior + self.signed, prior + self.expected

    @property
    def factor(self) -> Floats:
        """(n, n) posterior mean of each dyad's factor."""
        return _factors(self.dyad_variance, self.signed, self.expected)


def _factors(variance: float, signed: Floats, expected: Floats) -> Floats:
    """(n, n) posterior mean of factors whose prior has mean 1: (1 / v + signed) / (1 /
    v + expected)."""
    return np.asarray((1.0 + variance * signed) / (1.0 + variance * expected))


def calibrate(
    record: OwnRecord, prior: Prior, form: Form = FORM
) -> CalibrationPosterior:
    """Calibrate on the whole of a record. Raises DataError where it holds too little,
    or the search does not settle.

    A weight of `POSITIVE` that comes out below zero is held at its fitted value, and
    the rest calibrated again."""
    posterior = _Search(record, prior, form).posterior()
    against = [
        name for name in prior.free if name in POSITIVE and posterior.weights[name] < 0
    ]
    if not against:
        return posterior
    return _Search(record, prior.without(against), form).posterior()


def classes_of(
    kinds: Sequence[str], declarations: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Security agreements and declarations, in the order of the kinds; a class without
    kinds is left out."""
    security = tuple(kind for kind in kinds if kind not in declarations)
    declared = tuple(kind for kind in kinds if kind in declarations)
    return tuple(kinds for kinds in (security, declared) if kinds)


class _Search:
    """The search for the posterior of a calibration, by rounds.

    A round finds the peak with variances, factors and levels held, then moves these.
    Raises DataError where the record holds too little.

    Attributes
    ----------
    values : (size,) parameters
    spread : (C, C) variance of the random intercepts of states
    dyads : variance of the factors of dyads
    factor, signed, expected : (n, n) by dyad, upper triangle
    level : (T,) by year
    """

    def __init__(self, record: OwnRecord, prior: Prior, form: Form) -> None:
        self.record, self.prior, self.form = record, prior, form
        self.total = int(record.counts.sum())
        if self.total < FEWEST:
            message = (
                f"the record holds {self.total} agreements between two states in "
                f"{len(record.years)} years; a calibration needs {FEWEST}"
            )
            hint = (
                "State the level with `base_rate`, or end the record where it is "
                "complete with --until"
            )
            raise DataError(message, hint)
        choices, years = record.choices, np.array(record.years)
        self.choices = choices
        classes = classes_of(choices.kinds, prior.declarations)
        self.joint = JointLikelihood(choices, classes)
        self.states, self.classes = len(choices.states), len(classes)
        self.year = np.searchsorted(years, choices.year)
        counts = record.counts.sum(axis=1)
        self.yearly = np.bincount(self.year, counts, len(years))
        years_back = np.arange(len(years) - 1.0, -1.0, -1.0)
        self.year_weight = form.level_memory**years_back
        mean = self.year_weight @ self.yearly / self.year_weight.sum()
        self.level = self.yearly / mean
        self.signed = self.expected = self.by_dyad(counts)
        self.factor = np.ones((self.states, self.states))
        self.spread = STATE_VARIANCE * np.eye(self.classes)
        self.dyads = DYAD_VARIANCE if form.dyads else 0.0
        self.mean, self.precision = _prior_moments(self.joint, prior, form)
        self.values = self.mean.copy()
        kinds = self.joint.kinds
        self.values[kinds] = np.minimum(self.mean[kinds], HIGHEST_START)

    def by_dyad(self, values: Floats) -> Floats:
        """(n, n) sums of (N,) values."""
        total = np.zeros((self.states, self.states))
        np.add.at(total, (self.choices.a, self.choices.b), values)
        return total

    def posterior(self) -> CalibrationPosterior:
        """The posterior where the search settles. Raises DataError where it does
        not."""
        step = np.zeros(0)
        upper = np.triu_indices(self.states, 1)
        for number in range(ROUNDS):
            covariance = self._peak_covariance()
            effects, of_states = self._state_effects(covariance)
            rate = self.joint.rates(self.values)
            self.expected = self.by_dyad(rate * self.level[self.year])
            flat, last_step = _flat(self.spread, self.dyads), step
            step = self._move_variances(effects, of_states, upper)
            if number % STRETCHED == STRETCHED - 1:
                stretched = flat + step * _stretch(step, last_step)
                self.spread, self.dyads = _unflat(stretched, self.classes)
            factor = _factors(self.dyads, self.signed, self.expected)
            factor_step = np.abs(np.log(factor / self.factor))[upper].max()
            self.factor = factor
            of_year = self._move_levels(rate)
            if max(float(np.abs(step).max()), float(factor_step)) < SETTLED:
                return self._posterior(covariance, effects, of_states, of_year)
        message = f"the calibration did not settle in {ROUNDS} rounds"
        raise DataError(message, "Give a longer record")

    def _peak_covariance(self) -> Floats:
        """(size, size) covariance at the peak with all else held; the parameters move
        there."""
        state_columns = self.joint.own
        by_state = np.kron(np.linalg.inv(self.spread), np.eye(self.states))
        self.precision[state_columns, state_columns] = by_state
        factor = self.factor[self.choices.a, self.choices.b]
        exposed = self.joint.exposed(self.level[self.year] * factor)
        peak = _peak(exposed, self.values, self.mean, self.precision)
        self.values, information = peak.at, peak.information
        if self.form.dyads:
            variance = self.factor / (1.0 / self.dyads + self.expected)
            lost = _lost_information(exposed, self.values, self.factor, variance)
            information = information - lost
        return np.linalg.inv(information)

    def _state_effects(self, covariance: Floats) -> tuple[Floats, Floats]:
        """(C, n) random intercepts of states, and their covariance (C, C, n)."""
        state_columns = self.joint.own
        shape = (self.classes, self.states)
        among = covariance[state_columns, state_columns].reshape(*shape, *shape)
        return self.values[state_columns].reshape(shape), np.einsum("aibi->abi", among)

    def _move_variances(
        self, effects: Floats, of_states: Floats, upper: tuple[Ints, Ints]
    ) -> Floats:
        """The step of the variances, as flat numbers."""
        flat = _flat(self.spread, self.dyads)
        squares = effects @ effects.T + of_states.sum(axis=2)
        self.spread = squares / self.states + 1e-4 * np.eye(self.classes)
        if self.form.dyads:
            self.dyads = mixing_variance(self.signed[upper], self.expected[upper])
        return _flat(self.spread, self.dyads) - flat

    def _move_levels(self, rate: Floats) -> Floats:
        """(T,) agreements expected at level 1; the levels move so that their mean, each
        year back counting less, is 1."""
        factor = self.factor[self.choices.a, self.choices.b]
        of_year = np.bincount(self.year, rate * factor, len(self.yearly))
        weight = self.year_weight
        mean = (weight @ self.yearly) / (weight @ of_year)
        self.level = self.yearly / of_year / mean
        return of_year

    def _posterior(
        self, covariance: Floats, effects: Floats, of_states: Floats, of_year: Floats
    ) -> CalibrationPosterior:
        joint, choices, years = self.joint, self.choices, self.record.years
        free = [
            k
            for k, name in enumerate(joint.names)
            if "." in name or name in self.prior.free
        ]
        weights, intercepts = self.values[joint.terms], self.values[joint.kinds]
        memory = self.form.level_memory
        return CalibrationPosterior(
            states=choices.states,
            kinds=choices.kinds,
            classes=joint.classes,
            weights=dict(zip(choices.names, map(float, weights), strict=True)),
            intercepts=dict(zip(choices.kinds, map(float, intercepts), strict=True)),
            names=tuple(joint.names[k] for k in free),
            covariance=np.asarray(covariance[np.ix_(free, free)]),
            propensity=effects,
            propensity_covariance=np.asarray(of_states),
            state_variance=self.spread,
            dyad_variance=self.dyads,
            signed=self.signed,
            expected=self.expected,
            level=dict(zip(years, map(float, self.level), strict=True)),
            level_variance=level_variance(self.yearly, of_year, memory),
            agreements=self.total,
            values=self.values,
        )


def peak_given(
    record: OwnRecord, prior: Prior, posterior: CalibrationPosterior
) -> tuple[float, Floats, Floats]:
    """The peak with variances and levels held at those of a calibration without factors
    of dyads: the marginal log-likelihood up to a constant (Laplace), the free weights
    and the intercepts in the order of `posterior.names`, and their covariance. record:
    of the same years, its terms worked out anew."""
    joint = JointLikelihood(record.choices, posterior.classes)
    held_terms = [name for name in prior.free if name not in posterior.names]
    mean, precision = _prior_moments(joint, prior.without(held_terms), FORM)
    inverse = np.linalg.inv(posterior.state_variance)
    by_state = np.kron(inverse, np.eye(len(posterior.states)))
    precision[joint.own, joint.own] = by_state
    levels = [posterior.level[int(year)] for year in record.choices.year]
    joint = joint.exposed(np.array(levels))
    start = mean.copy()
    start[joint.kinds.start :] = posterior.values[joint.kinds.start :]
    values, information = _peak(joint, start, mean, precision)
    away = values - mean
    height = joint.log_likelihood(values) - 0.5 * float(away @ precision @ away)
    height -= 0.5 * float(np.linalg.slogdet(information)[1])
    free = [joint.names.index(name) for name in posterior.names]
    covariance = np.linalg.inv(information)[np.ix_(free, free)]
    return height, values[free], covariance


# --- steps of the search --------------------------------------------------------------


def _flat(spread: Floats, dyads: float) -> Floats:
    """The variances as numbers without bounds: Cholesky factor of `spread`, its
    diagonal in logarithms; ln dyads."""
    lower = np.linalg.cholesky(spread)
    below = lower[np.tril_indices(len(spread), -1)]
    logarithms = [np.log(dyads)] if dyads > 0 else []
    return np.concatenate([np.log(np.diag(lower)), below, logarithms])


def _unflat(flat: Floats, classes: int) -> tuple[Floats, float]:
    """The other way round."""
    lower, below = np.diag(np.exp(flat[:classes])), np.tril_indices(classes, -1)
    end = classes + len(below[0])
    lower[below] = flat[classes:end]
    dyads = 0.0
    if len(flat) > end:
        dyads = float(np.clip(np.exp(flat[end]), LEAST, MOST))
    return np.asarray(lower @ lower.T), dyads


def _stretch(step: Floats, last_step: Floats) -> float:
    """EM closes a gap by a steady share a round, told by two steps in a row: the step
    goes all the way (Aitken; Laird, Lange, Stram 1987, JASA 82: 97-105), ten times its
    length at the most."""
    square = max(float(last_step @ last_step), 1e-300)
    share = float(step @ last_step) / square
    return 1.0 / (1.0 - min(max(share, 0.0), 0.9))


def _lost_information(
    joint: JointLikelihood, values: Floats, factor: Floats, variance: Floats
) -> Floats:
    """(size, size) information that is lost since dyads' factors are not known: the sum
    over dyads of the variance of the factor times the square of how the dyad's expected
    agreements move. Louis 1982, JRSS B 44: 226-233.

    joint: with its exposures times `factor` (n, n); variance: (n, n) of the factors'
    posterior."""
    c = joint.choices
    exposure = c.exposure / np.maximum(factor[c.a, c.b], 1e-12)
    unsigned = replace(c, exposure=exposure, signed=np.zeros_like(c.signed))
    moves = replace(joint, choices=unsigned).scores_by(values, c.dyad)
    _, first = np.unique(c.dyad, return_index=True)
    by_dyad = variance[c.a[first], c.b[first]][:, None]
    return np.asarray((moves * by_dyad).T @ moves)


def _prior_moments(
    joint: JointLikelihood, prior: Prior, form: Form
) -> tuple[Floats, Floats]:
    """Mean (size,) and precision (size, size), without that of the random
    intercepts."""
    names, kinds = joint.choices.names, joint.choices.kinds
    mean, precision = np.zeros(joint.size), np.zeros((joint.size, joint.size))
    mean[joint.terms] = [prior.weights[name] for name in names]
    term_precision = [0.0 if name in prior.free else HELD for name in names]
    precision[joint.terms, joint.terms] = np.diag(term_precision)
    free = [names.index(name) for name in prior.free]
    precision[np.ix_(free, free)] = np.linalg.inv(prior.covariance * form.discount)
    mean[joint.kinds] = [prior.intercepts[kind] for kind in kinds]
    precision[joint.kinds, joint.kinds] = INTERCEPT_SD**-2 * np.eye(len(kinds))
    return mean, precision


def _peak(
    joint: JointLikelihood, start: Floats, mean: Floats, precision: Floats
) -> Maximum:
    """Where likelihood and normal prior together are highest. mean: (size,), precision:
    (size, size) of the prior."""
    with search_errors(joint.names, "calibration", "Give a longer record"):
        return newton(
            start,
            joint.derivatives,
            joint.log_likelihood,
            precision,
            mean,
            Search(tolerance=CLOSE),
        )


# --- variances ------------------------------------------------------------------------


def mixing_variance(signed: Floats, expected: Floats) -> float:
    """Variance v of mean-one gamma factors under which counts are likeliest: signed ~
    Poisson(factor * expected).

    ln L = sum of ln G(a + N) - ln G(a) + a ln a - (a + N) ln(a + E), a = 1 / v, within
    LEAST..MOST."""

    def loss(log_v: float) -> float:
        a = np.exp(-log_v)
        terms = (
            gammaln(a + signed)
            - gammaln(a)
            + a * np.log(a)
            - (a + signed) * np.log(a + expected)
        )
        return -float(terms.sum())

    def slope(log_v: float) -> float:
        a = np.exp(-log_v)
        terms = (
            digamma(a + signed)
            - digamma(a)
            + np.log(a / (a + expected))
            + (expected - signed) / (a + expected)
        )
        return float(a * terms.sum())

    low, high = np.log(LEAST), np.log(MOST)
    options = {"xatol": 1e-5}
    minimum = minimize_scalar(
        loss, bounds=(low, high), method="bounded", options=options
    )
    log_v = float(minimum.x)
    near, far = max(log_v - NEAR, low), min(log_v + NEAR, high)
    if slope(near) * slope(far) < 0:
        # the minimum is as flat as rounding errors; the slope's zero is sharp
        log_v = float(brentq(slope, near, far, xtol=1e-13))
    elif near == low:
        log_v = near
    elif far == high:
        log_v = far
    return float(np.exp(log_v))


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
    record: OwnRecord, prior: Prior, form: Form, origin: int
) -> tuple[Choices, Floats]:
    """The dyads of a year and their `forecast` by a calibration on the years before it.
    Raises DataError."""
    ahead = record.within(origin, origin).choices
    window = record.within(origin - form.window, origin - 1)
    return ahead, forecast(calibrate(window, prior, form), ahead)


def forecast(posterior: CalibrationPosterior, ahead: Choices) -> Floats:
    """(N,) probability that each dyad signs anything in the year: factors and level
    integrated over."""
    rate = JointLikelihood(ahead, posterior.classes).rates(posterior.values)
    shape, inverse_scale = posterior.gamma
    dyads = (ahead.a, ahead.b)
    variance = posterior.level_variance
    return mixed_chance(rate, shape[dyads], inverse_scale[dyads], variance)

"""Calibration: what a scenario's own record says of its kinds, states, dyads and level,
given the fitted weights.

    n_ijmt ~ Poisson(L_t lambda_ij r_ijmt)       r_ijmt = ceiling_m kept_m sigma(u_ij) sigma(u_ji)
    u_ij = intercept_m + s_ic + sum of weight * term         c: class of kind m, security agreement or declaration
    weights ~ N(fitted, discount * fitted covariance)   (s_i1, s_i2) ~ N(0, V)   lambda_ij ~ Gamma(mean 1, variance v_d)

r is that of `likelihood`, from the same `ConsentDesign`, with L_t lambda_ij as its
exposure. `HELD_TERMS` keep the fitted weights; for the others the fit is a power prior
(Ibrahim, Chen 2000, Statistical Science 15: 46-60), its covariance times `discount`.
Intercepts have a wide prior about the scenario's own. A state has two random
intercepts, one for each class of kinds, with a covariance V of their own. V and v_d
maximise the marginal likelihood: EM with Laplace's covariance as in `fitting.fit`, less
what unknown factors leave open (Louis 1982), and the gamma mixture of Poissons in
closed form (Greenwood, Yule 1920, JRSS 83: 255-279). A year's level L_t is free; the
level now is the mean of the years' with each year back counting `level_memory` of the
next, and intercepts are those at L = 1. Of a year ahead, L ~ Gamma(mean 1, variance
v_l), v_l from how yearly counts fell about what the years before them let expect
(negative binomial)."""

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
from balance_sim.evidence.estimation.fitting import told_as_errors
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    derivatives,
    log_likelihood,
    scores_by,
)
from balance_sim.scenario.defaults import Distribution
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.lags import mixed_chance
from balance_sim.stats.newton import Maximum, newton

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

    def without(self, held: Sequence[str]) -> Prior:
        """The same with some of the free terms held."""
        at = [k for k, name in enumerate(self.free) if name not in held]
        return replace(
            self,
            free=tuple(self.free[k] for k in at),
            covariance=self.covariance[np.ix_(at, at)],
        )

    def at_weights(self, weights: Mapping[str, float]) -> Prior:
        """The same about other weights, by term; a term that is switched off stays
        so."""
        return replace(
            self,
            weights={
                name: weights.get(name, was) if was else was
                for name, was in self.weights.items()
            },
        )


def prior_of(scenario: Scenario, fitted: Distribution) -> Prior:
    """The scenario's weights and intercepts as they are without a calibration, and the
    fit's covariance.

    Weights that the scenario sets itself, other than its fitted ones, are centres of
    the prior too."""
    paths = {
        path.rpartition(".")[2]: k
        for k, path in enumerate(fitted.paths)
        if ".weights." in path
    }
    weights = scenario.theory.weights
    free = tuple(
        name for name in paths if name not in HELD_TERMS and weights.get(name, 0.0) != 0
    )
    at = [paths[name] for name in free]
    covariance = np.array(fitted.covariance)[np.ix_(at, at)]
    intercepts = {name: kind.intercept for name, kind in scenario.kinds.items()}
    declarations = tuple(
        sorted(name for name, kind in scenario.kinds.items() if not kind.security)
    )
    return Prior(dict(weights), intercepts, free, covariance, declarations)


@dataclass(frozen=True)
class JointLikelihood:
    """The likelihood of all kinds, from a `ConsentDesign` for each class of kinds.

    Parameters, in order: weights by term and intercepts by kind, which the classes have
    in common (`names`), then the random intercepts of the states in the first class, in
    the second. `terms`, `kinds` and `own`: where these stand."""

    choices: Choices
    classes: tuple[tuple[str, ...], ...]

    @cached_property
    def designs(self) -> tuple[tuple[ConsentDesign, NDArray[np.int64]], ...]:
        """One for each class, with its kinds alone, and where its parameters stand
        among all."""
        n, terms, out = len(self.choices.states), len(self.choices.names), []
        for place, kinds in enumerate(self.classes):
            intercepts = [self.names.index(f"intercept.{kind}") for kind in kinds]
            states = self.own.start + place * n + np.arange(n)
            at = np.concatenate(
                [np.arange(terms), np.array(intercepts, dtype=np.int64), states]
            )
            out.append((ConsentDesign(self.choices.with_kinds(kinds)), at))
        return tuple(out)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return ConsentDesign(self.choices).names

    @property
    def terms(self) -> slice:
        return slice(0, len(self.choices.names))

    @property
    def kinds(self) -> slice:
        return slice(len(self.choices.names), len(self.names))

    @property
    def own(self) -> slice:
        return slice(
            len(self.names),
            len(self.names) + len(self.classes) * len(self.choices.states),
        )

    @property
    def size(self) -> int:
        return int(self.own.stop)

    def log_likelihood(self, at: Floats) -> float:
        """Of all classes together."""
        return sum(log_likelihood(one, at[to]) for one, to in self.designs)

    def derivatives(self, at: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient (size,) and minus the second derivatives (size,
        size)."""
        value, slope, curve = 0.0, np.zeros(self.size), np.zeros((self.size, self.size))
        for one, to in self.designs:
            of_class = derivatives(one, at[to])
            value += of_class[0]
            slope[to] += of_class[1]
            curve[np.ix_(to, to)] += of_class[2]
        return value, slope, curve

    def scores_by(self, at: Floats, cluster: NDArray[np.int64]) -> Floats:
        """(clusters, size) first derivatives summed over the rows of each cluster."""
        total = np.zeros((len(np.unique(cluster)), self.size))
        for one, to in self.designs:
            total[:, to] += scores_by(one, at[to], cluster)
        return total

    def rates(self, at: Floats) -> Floats:
        """(N,) agreements of any kind expected of each row at level and factor 1."""
        return np.asarray(
            sum(np.exp(one.log_rate(at[to])[0]).sum(axis=1) for one, to in self.designs)
        )

    def exposed(self, factor: Floats) -> JointLikelihood:
        """The same with exposures times (N,) factors."""
        return replace(
            self, choices=replace(self.choices, exposure=self.choices.exposure * factor)
        )


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
    at: Floats

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
    found = _calibrated(record, prior, form)
    against = [
        name for name in prior.free if name in POSITIVE and found.weights[name] < 0
    ]
    return _calibrated(record, prior.without(against), form) if against else found


def classes_of(
    kinds: Sequence[str], declarations: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Security agreements and declarations, in the order of the kinds; a class without
    kinds is left out."""
    both = (
        tuple(k for k in kinds if (k in declarations) == declared)
        for declared in (False, True)
    )
    return tuple(one for one in both if one)


def _calibrated(record: OwnRecord, prior: Prior, form: Form) -> CalibrationPosterior:
    c, total = record.choices, int(record.counts.sum())
    if total < FEWEST:
        raise DataError(
            f"the record holds {total} agreements between two states in {len(record.years)} years; "
            f"a calibration needs {FEWEST}",
            "State the level with `base_rate`, or end the record where it is complete with --until",
        )
    joint = JointLikelihood(c, classes_of(c.kinds, prior.declarations))
    mean, precision = _prior_of(joint, prior, form)
    n, classes, by_row = len(c.states), len(joint.classes), record.counts.sum(axis=1)
    upper, year = np.triu_indices(n, 1), np.searchsorted(np.array(record.years), c.year)

    def by_dyad(values: Floats) -> Floats:
        out = np.zeros((n, n))
        np.add.at(out, (c.a, c.b), values)
        return out

    yearly = np.bincount(year, by_row, len(record.years))
    weight = form.level_memory ** np.arange(len(record.years) - 1.0, -1.0, -1.0)
    level = yearly / (weight @ yearly / weight.sum())
    signed = expected = by_dyad(by_row)
    factor, spread, dyads = (
        np.ones((n, n)),
        0.3 * np.eye(classes),
        0.25 if form.dyads else 0.0,
    )
    at, step = mean.copy(), np.zeros(0)
    at[joint.kinds] = np.minimum(mean[joint.kinds], -1.0)
    for number in range(ROUNDS):
        precision[joint.own, joint.own] = np.kron(np.linalg.inv(spread), np.eye(n))
        exposed = joint.exposed(level[year] * factor[c.a, c.b])
        at, information = _peak(exposed, at, mean, precision)
        if (
            form.dyads
        ):  # the variance of each factor's gamma posterior is shape / inverse scale^2
            lost = _of_factors(exposed, at, factor, factor / (1.0 / dyads + expected))
            information = information - lost
        covariance = np.linalg.inv(information)
        u = at[joint.own].reshape(classes, n)
        of_states = np.einsum(
            "aibi->abi",
            covariance[joint.own, joint.own].reshape(classes, n, classes, n),
        )
        rate = joint.rates(at)
        expected = by_dyad(rate * level[year])
        before, last = _flat(spread, dyads), step
        spread = (u @ u.T + of_states.sum(axis=2)) / n + 1e-4 * np.eye(classes)
        if form.dyads:
            dyads = mixing_variance(signed[upper], expected[upper])
        step = _flat(spread, dyads) - before
        if number % 3 == 2:
            spread, dyads = _unflat(before + step * _stretch(step, last), classes)
        now = _factors(dyads, signed, expected)
        moved = max(
            float(np.abs(step).max()), float(np.abs(np.log(now / factor))[upper].max())
        )
        factor = now
        of_year = np.bincount(year, rate * factor[c.a, c.b], len(yearly))
        level = yearly / of_year / ((weight @ yearly) / (weight @ of_year))
        if moved < SETTLED:
            break
    else:
        raise DataError(
            f"the calibration did not settle in {ROUNDS} rounds", "Give a longer record"
        )
    free = [
        k for k, name in enumerate(joint.names) if "." in name or name in prior.free
    ]
    return CalibrationPosterior(
        states=c.states,
        kinds=c.kinds,
        classes=joint.classes,
        weights=dict(zip(c.names, map(float, at[joint.terms]), strict=True)),
        intercepts=dict(zip(c.kinds, map(float, at[joint.kinds]), strict=True)),
        names=tuple(joint.names[k] for k in free),
        covariance=np.asarray(covariance[np.ix_(free, free)]),
        propensity=u,
        propensity_covariance=np.asarray(of_states),
        state_variance=spread,
        dyad_variance=dyads,
        signed=signed,
        expected=expected,
        level=dict(zip(record.years, map(float, level), strict=True)),
        level_variance=level_variance(yearly, of_year, form.level_memory),
        agreements=total,
        at=at,
    )


def peak_given(
    record: OwnRecord, prior: Prior, found: CalibrationPosterior
) -> tuple[float, Floats, Floats]:
    """The peak with variances and levels held at those of a calibration without factors
    of dyads: the marginal log-likelihood up to a constant (Laplace), the free weights
    and the intercepts in the order of `found.names`, and their covariance. record: of
    the same years, its terms worked out anew."""
    joint = JointLikelihood(record.choices, found.classes)
    mean, precision = _prior_of(
        joint, prior.without([n for n in prior.free if n not in found.names]), FORM
    )
    precision[joint.own, joint.own] = np.kron(
        np.linalg.inv(found.state_variance), np.eye(len(found.states))
    )
    joint = joint.exposed(
        np.array([found.level[int(year)] for year in record.choices.year])
    )
    start = mean.copy()
    start[joint.kinds.start :] = found.at[joint.kinds.start :]
    at, information = _peak(joint, start, mean, precision)
    away = at - mean
    height = joint.log_likelihood(at) - 0.5 * float(away @ precision @ away)
    height -= 0.5 * float(np.linalg.slogdet(information)[1])
    free = [joint.names.index(name) for name in found.names]
    return height, at[free], np.linalg.inv(information)[np.ix_(free, free)]


def _flat(spread: Floats, dyads: float) -> Floats:
    """The variances as numbers without bounds: Cholesky factor of `spread`, its
    diagonal in logarithms; ln dyads."""
    lower = np.linalg.cholesky(spread)
    last = [np.log(dyads)] if dyads > 0 else []
    return np.concatenate(
        [np.log(np.diag(lower)), lower[np.tril_indices(len(spread), -1)], last]
    )


def _unflat(flat: Floats, classes: int) -> tuple[Floats, float]:
    lower, below = np.diag(np.exp(flat[:classes])), np.tril_indices(classes, -1)
    end = classes + len(below[0])
    lower[below] = flat[classes:end]
    dyads = float(np.clip(np.exp(flat[end]), LEAST, MOST)) if len(flat) > end else 0.0
    return np.asarray(lower @ lower.T), dyads


def _stretch(step: Floats, last: Floats) -> float:
    """EM closes a gap by a steady share a round, told by two steps in a row: the step
    goes all the way (Aitken; Laird, Lange, Stram 1987, JASA 82: 97-105), ten times its
    length at the most."""
    share = float(step @ last) / max(float(last @ last), 1e-300)
    return 1.0 / (1.0 - min(max(share, 0.0), 0.9))


def _of_factors(
    joint: JointLikelihood, at: Floats, factor: Floats, variance: Floats
) -> Floats:
    """(size, size) information that is lost since dyads' factors are not known: the sum
    over dyads of the variance of the factor times the square of how the dyad's expected
    agreements move. Louis 1982, JRSS B 44: 226-233.

    joint: with its exposures times `factor` (n, n); variance: (n, n) of the factors'
    posterior."""
    c = joint.choices
    exposure = c.exposure / np.maximum(factor[c.a, c.b], 1e-12)
    bare = replace(c, exposure=exposure, signed=np.zeros_like(c.signed))
    moved = replace(joint, choices=bare).scores_by(at, c.dyad)
    _, first = np.unique(c.dyad, return_index=True)
    return np.asarray((moved * variance[c.a[first], c.b[first]][:, None]).T @ moved)


def _prior_of(
    joint: JointLikelihood, prior: Prior, form: Form
) -> tuple[Floats, Floats]:
    """Mean (size,) and precision (size, size), without that of the random
    intercepts."""
    names = joint.choices.names
    mean, precision = np.zeros(joint.size), np.zeros((joint.size, joint.size))
    mean[joint.terms] = [prior.weights[name] for name in names]
    precision[joint.terms, joint.terms] = np.diag(
        [0.0 if name in prior.free else HELD for name in names]
    )
    at = [names.index(name) for name in prior.free]
    precision[np.ix_(at, at)] = np.linalg.inv(prior.covariance * form.discount)
    mean[joint.kinds] = [prior.intercepts[kind] for kind in joint.choices.kinds]
    precision[joint.kinds, joint.kinds] = INTERCEPT_SD**-2 * np.eye(
        len(joint.choices.kinds)
    )
    return mean, precision


def _peak(
    joint: JointLikelihood, at: Floats, mean: Floats, precision: Floats
) -> Maximum:
    """Where likelihood and normal prior together are highest. mean: (size,), precision:
    (size, size) of the prior."""
    with told_as_errors(joint.names, "calibration", "Give a longer record"):
        return newton(
            at,
            joint.derivatives,
            joint.log_likelihood,
            precision,
            mean,
            tolerance=CLOSE,
        )


def mixing_variance(signed: Floats, expected: Floats) -> float:
    """Variance v of mean-one gamma factors under which counts are likeliest: signed ~
    Poisson(factor * expected).

    ln L = sum of ln G(a + N) - ln G(a) + a ln a - (a + N) ln(a + E), a = 1 / v, within
    LEAST..MOST."""

    def loss(log_v: float) -> float:
        a = np.exp(-log_v)
        parts = (
            gammaln(a + signed)
            - gammaln(a)
            + a * np.log(a)
            - (a + signed) * np.log(a + expected)
        )
        return -float(parts.sum())

    def slope(log_v: float) -> float:
        a = np.exp(-log_v)
        parts = (
            digamma(a + signed)
            - digamma(a)
            + np.log(a / (a + expected))
            + (expected - signed) / (a + expected)
        )
        return float(a * parts.sum())

    low, high = np.log(LEAST), np.log(MOST)
    found = float(
        minimize_scalar(
            loss, bounds=(low, high), method="bounded", options={"xatol": 1e-5}
        ).x
    )
    near, far = max(found - NEAR, low), min(found + NEAR, high)
    if (
        slope(near) * slope(far) < 0
    ):  # the minimum is as flat as rounding errors; the slope's zero is sharp
        found = float(brentq(slope, near, far, xtol=1e-13))
    elif near == low or far == high:
        found = near if near == low else far
    return float(np.exp(found))


def level_variance(yearly: Floats, expected: Floats, memory: float) -> float:
    """Variance of a year's level about what the years before it let expect. yearly,
    expected: (T,) counts, and what they are expected to be at level 1. 0 where there
    are too few years."""
    ahead, seen = [], []
    for t in range(FIRST_LEVELS, len(yearly)):
        weight = memory ** np.arange(t - 1.0, -1.0, -1.0)
        level = (weight @ yearly[:t]) / (weight @ expected[:t])
        if level > 0:
            ahead.append(level * expected[t])
            seen.append(yearly[t])
    return (
        mixing_variance(np.array(seen), np.array(ahead))
        if len(seen) >= FIRST_LEVELS
        else 0.0
    )


def forecast_from(
    record: OwnRecord, prior: Prior, form: Form, origin: int
) -> tuple[Choices, Floats]:
    """The dyads of a year and their `forecast` by a calibration on the years before it.
    Raises DataError."""
    ahead = record.within(origin, origin).choices
    return ahead, forecast(
        calibrate(record.within(origin - form.window, origin - 1), prior, form), ahead
    )


def forecast(found: CalibrationPosterior, ahead: Choices) -> Floats:
    """(N,) probability that each dyad signs anything in the year: factors and level
    integrated over."""
    rate = JointLikelihood(ahead, found.classes).rates(found.at)
    shape, inverse = (of[ahead.a, ahead.b] for of in found.gamma)
    return mixed_chance(rate, shape, inverse, found.level_variance)

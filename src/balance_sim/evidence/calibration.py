"""Calibration: what a scenario's own record says of its kinds, states, dyads and level, given the fitted weights.

    n_ijmt ~ Poisson(L_t lambda_ij r_ijmt)       r_ijmt = ceiling_m kept_m sigma(u_ij) sigma(u_ji)
    u_ij = intercept_m + s_i + sum of weight * term
    weights ~ N(fitted, discount * fitted covariance)    s_i ~ N(0, v_s)    lambda_ij ~ Gamma(mean 1, variance v_d)

r is that of `evidence.likelihood`, from the same `Design`, with L_t lambda_ij as its exposure. `HELD_TERMS` keep the
fitted weights; for the others the fit is a power prior (Ibrahim, Chen 2000, Statistical Science 15: 46-60), its
covariance times `discount`. Intercepts have a wide prior about the scenario's own. v_s and v_d maximise the marginal
likelihood: EM with Laplace's covariance as in `fitting.fit`, less what unknown factors leave open (Louis 1982), and
the gamma mixture of Poissons in closed form (Greenwood, Yule 1920, JRSS 83: 255-279). A year's level L_t is free; the
level now is the mean of the years' with each year back counting `level_memory` of the next, and intercepts are those
at L = 1. Of a year ahead, L ~ Gamma(mean 1, variance v_l), v_l from how yearly counts fell about what the years before
them let expect (negative binomial)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import digamma, gammaln

from balance_sim.evidence.choices import Choices
from balance_sim.evidence.errors import DataError
from balance_sim.evidence.fitting import newton_step
from balance_sim.evidence.history import Floats
from balance_sim.evidence.likelihood import Design, derivatives, log_likelihood, scores_by
from balance_sim.evidence.own_record import OwnRecord
from balance_sim.scenario.defaults import Distribution
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.mixing import mixed_chance

HELD_TERMS = (
    "security_gain",
    "common_threat",
    "bandwagon",
    "experience",
    "ladder",
    "autonomy",
    "exposure",
    "hub_doubt",
)
"""Terms that keep their weights: those that carry an event's effect; those of a dyad's own earlier agreements, of which
a table of what stands today holds too few; and those that the fit could not tell."""
POSITIVE = ("hostility",)
"""Terms whose weight theory holds above zero: one that the record puts below keeps its fitted weight."""
HELD = 1e8
"""Prior precision of a weight that is held, 1 / nats squared."""
INTERCEPT_SD = 2.0
"""Of the prior of intercepts, nats: both sides have it, so one standard deviation moves a rate by up to e^4."""
LEAST, MOST = 1e-3, 20.0
"""Bounds of a variance of factors."""
NEAR = 1e-3
"""Of the logarithm of a variance, from the minimum that is found to that of the slope."""
FEWEST = 50
"""Agreements below which there is no calibration: fewer cannot tell states apart."""
ROUNDS, STEPS, HALVINGS, CLOSE, SETTLED = 200, 60, 40, 1e-7, 1e-3
FIRST_LEVELS = 5
"""Years before the first whose count tells the variance of the level."""


@dataclass(frozen=True)
class Form:
    """window: years of the record. level_memory: what a year back counts towards the level now. discount: of the prior,
    by which the fitted covariance is multiplied. Chosen on origins 2014-2019 of Beijing 2025: decision 20."""

    window: int = 20
    level_memory: float = 0.7
    discount: float = 30.0


FORM = Form()


@dataclass(frozen=True)
class Prior:
    """Mean by term and by kind (nats), and the covariance of the terms that the record may move."""

    weights: Mapping[str, float]
    intercepts: Mapping[str, float]
    free: tuple[str, ...]
    covariance: Floats

    def without(self, held: Sequence[str]) -> Prior:
        """The same with some of the free terms held."""
        at = [k for k, name in enumerate(self.free) if name not in held]
        return replace(self, free=tuple(self.free[k] for k in at), covariance=self.covariance[np.ix_(at, at)])


def prior_of(scenario: Scenario, fitted: Distribution) -> Prior:
    """The scenario's weights and intercepts as they are without a calibration, and the fit's covariance.

    Weights that the scenario sets itself, other than its fitted ones, are centres of the prior too."""
    paths = {path.rpartition(".")[2]: k for k, path in enumerate(fitted.paths) if ".weights." in path}
    weights = scenario.theory.weights
    free = tuple(name for name in paths if name not in HELD_TERMS and weights.get(name, 0.0) != 0)
    at = [paths[name] for name in free]
    covariance = np.array(fitted.covariance)[np.ix_(at, at)]
    intercepts = {name: kind.intercept for name, kind in scenario.kinds.items()}
    return Prior(dict(weights), intercepts, free, covariance)


@dataclass(frozen=True)
class Calibrated:
    """Posterior of a calibration. weights, intercepts: means by name; `names` and `covariance` of the free ones, then
    the intercepts, propensities and factors integrated out. propensity, propensity_error: (n,).

    signed, expected: (n, n), upper triangle, agreements signed and expected at factor 1. level: by year, 1 is now."""

    states: tuple[str, ...]
    kinds: tuple[str, ...]
    weights: dict[str, float]
    intercepts: dict[str, float]
    names: tuple[str, ...]
    covariance: Floats
    propensity: Floats
    propensity_error: Floats
    state_variance: float
    dyad_variance: float
    signed: Floats
    expected: Floats
    level: dict[int, float]
    level_variance: float
    agreements: int
    at: Floats

    @property
    def shape(self) -> Floats:
        """(n, n) of the gamma posterior of each dyad's factor."""
        return np.asarray(1.0 / self.dyad_variance + self.signed)

    @property
    def factor(self) -> Floats:
        """(n, n) posterior mean of each dyad's factor."""
        return np.asarray(self.shape / (1.0 / self.dyad_variance + self.expected))


def calibrate(record: OwnRecord, prior: Prior, form: Form = FORM) -> Calibrated:
    """Calibrate on the whole of a record. Raises DataError where it holds too little, or the search does not settle.

    A weight of `POSITIVE` that comes out below zero is held at its fitted value, and the rest calibrated again."""
    found = _calibrated(record, prior, form)
    against = [name for name in prior.free if name in POSITIVE and found.weights[name] < 0]
    return _calibrated(record, prior.without(against), form) if against else found


def _calibrated(record: OwnRecord, prior: Prior, form: Form) -> Calibrated:
    c = record.choices
    total = int(record.counts.sum())
    if total < FEWEST:
        raise DataError(
            f"the record holds {total} agreements between two states in {len(record.years)} years; "
            f"a calibration needs {FEWEST}",
            "State the level with `base_rate`, or end the record where it is complete with --until",
        )
    design = Design(c)
    mean, precision = _prior_of(design, prior, form)
    year = np.searchsorted(np.array(record.years), c.year)
    yearly = np.bincount(year, record.counts.sum(axis=1), len(record.years))
    weight = form.level_memory ** np.arange(len(record.years) - 1.0, -1.0, -1.0)
    level = yearly / (weight @ yearly / weight.sum())
    n, own = len(c.states), design.parts[3]
    upper = np.triu_indices(n, 1)
    signed = np.zeros((n, n))
    np.add.at(signed, (c.a, c.b), record.counts.sum(axis=1))
    factor, spread, dyads, expected = np.ones((n, n)), 0.3, 0.25, np.zeros((n, n))
    np.add.at(expected, (c.a, c.b), record.counts.sum(axis=1))
    at = mean.copy()
    at[design.parts[2]] = np.minimum(mean[design.parts[2]], -1.0)
    for _ in range(ROUNDS):
        precision[own, own] = np.eye(n) / spread
        exposed = replace(design, choices=replace(c, exposure=c.exposure * level[year] * factor[c.a, c.b]))
        at, information = climb(exposed, at, mean, precision)
        shape, inverse = 1.0 / dyads + signed, 1.0 / dyads + expected
        told = information - _of_factors(exposed, at, factor, shape / inverse**2)
        covariance = np.linalg.inv(told)
        u = at[own]
        better = max(float((u @ u + np.trace(covariance[own, own])) / n), 1e-4)
        rate = rates(design, at)
        expected = np.zeros((n, n))
        np.add.at(expected, (c.a, c.b), rate * level[year])
        dyads = mixing_variance(signed[upper], expected[upper])
        now = (1.0 / dyads + signed) / (1.0 / dyads + expected)
        moved = max(abs(np.log(better / spread)), float(np.abs(np.log(now / factor))[upper].max()))
        spread, factor = better, now
        of_year = np.bincount(year, rate * factor[c.a, c.b], len(yearly))
        level = yearly / of_year / ((weight @ yearly) / (weight @ of_year))
        if moved < SETTLED:
            break
    else:
        raise DataError(f"the calibration did not settle in {ROUNDS} rounds", "Give a longer record")
    return Calibrated(
        states=c.states,
        kinds=c.kinds,
        weights=dict(zip(design.choices.names, map(float, at[: design.parts[1].stop]), strict=True)),
        intercepts=dict(zip(c.kinds, map(float, at[design.parts[2]]), strict=True)),
        names=tuple(name for name in design.names if "." in name or name in prior.free),
        covariance=_told(design, covariance, prior.free),
        propensity=at[own],
        propensity_error=np.sqrt(np.diag(covariance)[own]),
        state_variance=spread,
        dyad_variance=dyads,
        signed=signed,
        expected=expected,
        level=dict(zip(record.years, map(float, level), strict=True)),
        level_variance=level_variance(yearly, of_year, form.level_memory),
        agreements=total,
        at=at,
    )


def _of_factors(design: Design, at: Floats, factor: Floats, variance: Floats) -> Floats:
    """(size, size) information that is lost since dyads' factors are not known: the sum over dyads of the variance of
    the factor times the square of how the dyad's expected agreements move. Louis 1982, JRSS B 44: 226-233.

    design: with its exposures times `factor` (n, n); variance: (n, n) of the factors' posterior."""
    c = design.choices
    bare = replace(
        c,
        exposure=c.exposure / np.maximum(factor[c.a, c.b], 1e-12),
        signed=np.zeros_like(c.signed),
    )
    moved = scores_by(replace(design, choices=bare), at, c.pair)
    _, first = np.unique(c.pair, return_index=True)
    return np.asarray((moved * variance[c.a[first], c.b[first]][:, None]).T @ moved)


def _told(design: Design, covariance: Floats, free: Sequence[str]) -> Floats:
    keep = [k for k, name in enumerate(design.names) if "." in name or name in free]
    return np.asarray(covariance[np.ix_(keep, keep)])


def _prior_of(design: Design, prior: Prior, form: Form) -> tuple[Floats, Floats]:
    """Mean (size,) and precision (size, size), without that of the propensities."""
    names = design.choices.names
    mean, precision = np.zeros(design.size), np.zeros((design.size, design.size))
    for k, name in enumerate(names):
        mean[k] = prior.weights[name]
        precision[k, k] = 0.0 if name in prior.free else HELD
    at = [names.index(name) for name in prior.free]
    precision[np.ix_(at, at)] = np.linalg.inv(prior.covariance * form.discount)
    for k, kind in zip(range(*design.parts[2].indices(design.size)), design.choices.kinds, strict=True):
        mean[k], precision[k, k] = prior.intercepts[kind], INTERCEPT_SD**-2
    return mean, precision


def climb(design: Design, at: Floats, mean: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Where likelihood and normal prior together are highest, and minus the second derivatives there. Newton's method.

    mean: (size,), precision: (size, size) of the prior. Raises DataError if it does not settle."""

    def height(new: Floats) -> float:
        return log_likelihood(design, new) - 0.5 * float((new - mean) @ precision @ (new - mean))

    for _ in range(STEPS):
        value, slope, information = derivatives(design, at)
        away = precision @ (at - mean)
        value -= 0.5 * float((at - mean) @ away)
        slope, information = slope - away, information + precision
        step = newton_step(information, slope, design.names)
        if slope @ step < CLOSE:
            return at, information
        for halving in range(HALVINGS):
            new = at + step * 0.5**halving
            if height(new) >= value - 1e-9:
                break
        at = np.asarray(new)
    raise DataError(f"the calibration did not settle in {STEPS} steps", "Give a longer record")


def rates(design: Design, at: Floats) -> Floats:
    """(N,) agreements of any kind expected of each row at level and factor 1."""
    return np.asarray(np.exp(design.log_rate(at)[0]).sum(axis=1))


def mixing_variance(signed: Floats, expected: Floats) -> float:
    """Variance v of mean-one gamma factors under which counts are likeliest: signed ~ Poisson(factor * expected).

    ln L = sum of ln G(a + N) - ln G(a) + a ln a - (a + N) ln(a + E), a = 1 / v, within LEAST..MOST."""

    def loss(log_v: float) -> float:
        a = np.exp(-log_v)
        parts = gammaln(a + signed) - gammaln(a) + a * np.log(a) - (a + signed) * np.log(a + expected)
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
    found = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-5}).x)
    near, far = max(found - NEAR, low), min(found + NEAR, high)
    if slope(near) * slope(far) < 0:  # the minimum is as flat as rounding errors; the slope's zero is sharp
        found = float(brentq(slope, near, far, xtol=1e-13))
    elif near == low or far == high:
        found = near if near == low else far
    return float(np.exp(found))


def level_variance(yearly: Floats, expected: Floats, memory: float) -> float:
    """Variance of a year's level about what the years before it let expect. yearly, expected: (T,) counts, and what
    they are expected to be at level 1. 0 where there are too few years."""
    ahead, seen = [], []
    for t in range(FIRST_LEVELS, len(yearly)):
        weight = memory ** np.arange(t - 1.0, -1.0, -1.0)
        level = (weight @ yearly[:t]) / (weight @ expected[:t])
        if level > 0:
            ahead.append(level * expected[t])
            seen.append(yearly[t])
    return mixing_variance(np.array(seen), np.array(ahead)) if len(seen) >= FIRST_LEVELS else 0.0


def forecast(found: Calibrated, ahead: Choices) -> Floats:
    """(N,) probability that each dyad signs anything in the year: factors and level integrated over."""
    rate = rates(Design(ahead), found.at)
    shape = found.shape[ahead.a, ahead.b]
    inverse = 1.0 / found.dyad_variance + found.expected[ahead.a, ahead.b]
    return mixed_chance(rate, shape, inverse, found.level_variance)


__all__ = [
    "FORM",
    "HELD_TERMS",
    "Calibrated",
    "Form",
    "Prior",
    "calibrate",
    "forecast",
    "level_variance",
    "mixing_variance",
    "prior_of",
]

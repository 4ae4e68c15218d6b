"""Joint draws from the posterior of a scenario's parameters.

Parameters of beliefs and reach come first: prior times the record of agreements, times
the scenario's own record where it is calibrated; mode, Laplace approximation, draws
from it with Pareto smoothed importance weights. Given them, weights and intercepts are
normal about their peak there, cut off at 0 where theory holds a sign. Parameters that
are told apart from all others (shares of change, factors of dyads without relations,
the rate of opportunities, the level, scales and half-lives of acts) are drawn by
quantiles of their posterior on a fine grid. All others keep the draws of their priors,
on the same keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, log_ndtr, ndtr, ndtri_exp

from balance_sim.evidence.data.signals import ORDER
from balance_sim.evidence.posterior.importance import (
    effective_size,
    laplace,
    pareto_smoothed,
    resampled,
    trusted_below,
)
from balance_sim.evidence.posterior.likelihoods import (
    WEIGHT,
    AgreementRecord,
    ScenarioRecord,
    calibration_span,
    record_points,
    scenario_record,
    shipped_events,
    shipped_record,
    values_at,
)
from balance_sim.evidence.posterior.parameter_draws import (
    COUNT,
    SEED,
    drawn_priors,
    factor_of,
    from_factors,
    limits,
    normals,
    quantile,
    uniforms,
)
from balance_sim.evidence.posterior.power_scaling import PowerScaling, power_scaling
from balance_sim.scenario.defaults import (
    ParameterPrior,
    fitted_distribution,
    fitted_shares,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats
from balance_sim.study.draws import LADDERS, Draws, as_draws

PROPOSALS = 20_000
GRID = 20_001
ADAPTED, WIDER = 2, 1.1
"""Times that the proposal takes the moments of the weighted draws before it (Bugallo et
al. 2017, adaptive importance sampling, IEEE Signal Processing Magazine 34), with so
much more variance."""
MOST_AGAIN = 200
"""So often a draw is made again for its signs at the most."""
CEILING = (-0.105, 0.237)
"""Logarithm of the rate of opportunities over that in use: peak and standard deviation
of the marginal likelihood on DCAD 1985-2003, 0.17 to 0.43 (docs/evidence.md, The
likelihood)."""
APART = {"factor_no_relations": 6.2, "factor_not_recognised": 6.1}
"""Agreements expected at a factor of 1 where none was signed
(docs/decisions/0019-whom-one-does-not-sign-with.md)."""
ACT_FACTORS = ("scale", "steps")
ACTS_APART = ("event_kinds.incident.intent",)
"""Weights outside the order of signals that event data speak of."""
NOT_BELOW = -1e-9
"""A weight that theory signs may lie so far below 0, which is rounding."""
Say = Callable[[str], None]
Likelihood = Callable[[Floats], Floats]
"""(D, P) coordinates, or (D,) values -> (D,) log-likelihood, up to a constant."""
Priors = Mapping[str, ParameterPrior]


@dataclass(frozen=True)
class JointPosterior:
    """The posterior of a scenario, drawn.

    prior, likelihood: (D,) logarithm of the prior and of the likelihood of each draw,
    by key path, of what is drawn with it. pareto_k, effective: of the importance
    weights, the worse of beliefs and acts; trusted: the k-hat below which they are.
    by_logarithm: paths of log-normal priors. checked, evaluated: of the scenario's own
    record."""

    draws: Draws
    prior: Mapping[str, Floats]
    likelihood: Mapping[str, Floats]
    pareto_k: float
    trusted: float
    effective: float
    temper: float
    by_logarithm: frozenset[str] = frozenset()
    checked: tuple[float, float] | None = None
    evaluated: int = 0

    @cached_property
    def scaling(self) -> dict[str, PowerScaling]:
        """Sensitivity of each parameter to its own prior and to what data say, by key
        path."""
        nothing = np.zeros(len(self.draws))
        by_path = {}
        for path in self.draws.paths:
            values = self.draws.column(path)
            if path in self.by_logarithm and (values * values[0] > 0).all():
                values = np.log(np.abs(values))
            prior = self.prior.get(path, nothing)
            likelihood = self.likelihood.get(path, nothing)
            by_path[path] = power_scaling(values, prior, likelihood)
        return by_path


@dataclass
class _Columns:
    """Draws and their log-likelihood, (D,) each, by key path, or by the name of a
    factor that parameters have in common."""

    values: dict[str, Floats] = field(default_factory=dict)
    likelihood: dict[str, Floats] = field(default_factory=dict)

    def add(self, name: str, values: Floats, likelihood: Floats) -> None:
        self.values[name], self.likelihood[name] = values, likelihood


class _Normal(NamedTuple):
    """A normal distribution at each draw: means (D, K), covariance (K, K)."""

    mean: Floats
    covariance: Floats


def posterior_of(
    scenario: Scenario,
    raw: Scenario,
    count: int = COUNT,
    seed: int = SEED,
    say: Say = lambda _: None,
) -> JointPosterior:
    """Draw from the posterior of a scenario's parameters. raw: the scenario without its
    calibration.

    Raises DataError where the scenario's own record cannot be evaluated."""
    prior = drawn_priors(scenario)
    record = shipped_record()
    own_record: ScenarioRecord | None = None

    def log_likelihood(z: Floats) -> Floats:
        """Of beliefs and reach."""
        of_record = record.log_likelihood(z)
        return (
            of_record
            if own_record is None
            else of_record + own_record.log_likelihood(z)
        )

    say("record of agreements")
    size = len(record.names)
    beliefs = importance_draws("beliefs", log_likelihood, size, seed)
    if scenario.calibration.names:
        say("the scenario's own record")
        span = calibration_span(scenario)
        own_record = scenario_record(raw, *span, record, record_points(beliefs.z))
        beliefs = importance_draws("beliefs", log_likelihood, size, seed)
    z = beliefs.z[:count]
    columns = _Columns()
    of_beliefs = log_likelihood(z)
    for name, values in values_at(record.names, prior, z).items():
        if name in prior:
            columns.add(name, values, of_beliefs)
    _draw_weights(columns, prior, record, own_record, z, seed)
    for path in columns.values.keys() - set(record.names):
        columns.likelihood[path] = columns.likelihood[path] + of_beliefs
    _draw_apart(columns, scenario, prior, count, seed)
    pareto_k, effective = _draw_acts(columns, scenario, prior, count, seed)
    for name, declared in prior.items():
        if name not in columns.values:
            u = uniforms(name, count, seed)
            columns.values[name] = quantile(declared, u)
    draws, likelihood = _as_draws(scenario, columns)
    log_prior = {name: _log_prior(prior[name], columns.values[name]) for name in prior}
    return JointPosterior(
        draws=draws,
        prior=_by_path(draws.paths, log_prior),
        likelihood=likelihood,
        pareto_k=max(beliefs.pareto_k, pareto_k),
        trusted=trusted_below(PROPOSALS),
        effective=min(beliefs.effective, effective),
        temper=record.temper,
        by_logarithm=_log_normal_paths(draws.paths, prior),
        checked=None if own_record is None else own_record.checked,
        evaluated=0 if own_record is None else len(own_record.points),
    )


def _as_draws(scenario: Scenario, columns: _Columns) -> tuple[Draws, dict[str, Floats]]:
    """Draws as a file holds them, and their log-likelihood by key path. Those that data
    say nothing of are rounded once more, to a digit less."""
    rounded = as_draws(from_factors(scenario, columns.values), "posterior")
    likelihood = _by_path(rounded.paths, columns.likelihood)
    values = {path: rounded.column(path) for path in rounded.paths}
    return as_draws(values, "posterior", likelihood), likelihood


def _log_normal_paths(paths: tuple[str, ...], prior: Priors) -> frozenset[str]:
    """Paths of log-normal priors; a ladder and a multiple are log-normal, as their
    factors are."""
    log_normal = set()
    for path in paths:
        if path in prior:
            is_log_normal = prior[path].family == "log-normal"
        else:
            is_log_normal = path.startswith(("event_kinds.", "kinds."))
        if is_log_normal:
            log_normal.add(path)
    return frozenset(log_normal)


# --- blocks drawn by importance sampling ----------------------------------------------


class ImportanceDraws(NamedTuple):
    """z: (S, P) draws of a posterior in the coordinates of the priors; their k-hat, and
    the effective number of draws."""

    z: Floats
    pareto_k: float
    effective: float


def importance_draws(
    name: str,
    log_likelihood: Likelihood,
    size: int,
    seed: int,
    proposals: int = PROPOSALS,
) -> ImportanceDraws:
    """Draws of prior times likelihood, by importance sampling from a normal
    distribution that adapts to them."""

    def log_density(z: Floats) -> Floats:
        return np.asarray(log_likelihood(z) - 0.5 * (z**2).sum(axis=1))

    middle, covariance = laplace(log_density, np.zeros(size))
    columns = [normals(f"{name}.{k}", proposals, seed) for k in range(size)]
    standard = np.stack(columns, axis=1)
    squares = 0.5 * (standard**2).sum(axis=1)
    for number in range(ADAPTED + 1):
        root = np.linalg.cholesky(covariance)
        z = middle + np.einsum("dk,pk->dp", standard, root)
        weights, shape = pareto_smoothed(log_density(z) + squares)
        if number < ADAPTED:
            # once more from the normal distribution with the weighted draws' moments
            middle = weights @ z
            away = z - middle
            covariance = WIDER * (away * weights[:, None]).T @ away
    uniform = float(uniforms(f"{name}.resampled", 1, seed)[0])
    chosen = resampled(weights, proposals, uniform)
    order = np.argsort(uniforms(f"{name}.order", proposals, seed), kind="stable")
    return ImportanceDraws(z[chosen[order]], shape, effective_size(weights))


def _draw_acts(
    columns: _Columns, scenario: Scenario, prior: Priors, count: int, seed: int
) -> tuple[float, float]:
    """Draw scales and steps of the weights of acts; k-hat and the effective number of
    draws."""
    heads = [f"priors.{ladder}_{part}" for ladder in LADDERS for part in ACT_FACTORS]
    names = [
        name for name in prior if name.startswith(tuple(heads)) or name in ACTS_APART
    ]
    if not names:
        return -np.inf, float(PROPOSALS)
    drawn = from_factors(scenario, {name: np.ones(1) for name in names})
    record = shipped_events().of(drawn.keys())

    def factors(z: Floats) -> dict[str, Floats]:
        u = ndtr(z)
        return {name: quantile(prior[name], u[:, k]) for k, name in enumerate(names)}

    def log_likelihood(z: Floats) -> Floats:
        return record.log_likelihood(from_factors(scenario, factors(z)))

    acts = importance_draws("acts", log_likelihood, len(names), seed)
    z = acts.z[:count]
    likelihood = log_likelihood(z)
    for name, values in factors(z).items():
        columns.add(name, values, likelihood)
    return acts.pareto_k, acts.effective


# --- weights and intercepts -----------------------------------------------------------


def _draw_weights(
    columns: _Columns,
    prior: Priors,
    record: AgreementRecord,
    own: ScenarioRecord | None,
    z: Floats,
    seed: int,
) -> None:
    """Draw weights and intercepts, normal about their peak at each draw of beliefs.

    A scenario has its own intercepts; the fit tells how well they are known. What its
    own record tells, is drawn from that."""
    fitted = fitted_distribution()
    centre, covariance = record.weights_at(z, fitted), np.array(fitted.covariance)
    chosen = []
    for k, path in enumerate(fitted.paths):
        is_weight = path.startswith(WEIGHT)
        if not is_weight:
            centre[:, k] = prior[path].numbers["mean"] if path in prior else 0.0
        is_own = own is not None and (path in own.names or not is_weight)
        if path in prior and not is_own:
            chosen.append(k)
    paths = [fitted.paths[k] for k in chosen]
    likelihood = _Normal(centre[:, chosen], covariance[np.ix_(chosen, chosen)])
    posterior = _times_prior(prior, paths, likelihood)
    _draw_normal(columns, paths, posterior, likelihood, seed)
    if own is not None:
        chosen = [k for k, path in enumerate(own.names) if path in prior]
        paths = [own.names[k] for k in chosen]
        of_paths = own.covariance[np.ix_(chosen, chosen)]
        peak = _Normal(own.peak_at(z)[:, chosen], of_paths)
        _draw_normal(columns, paths, peak, peak, seed)


def _times_prior(prior: Priors, paths: list[str], likelihood: _Normal) -> _Normal:
    """A normal likelihood times the priors; a half-normal prior counts as the normal
    one that it is half of."""
    numbers = [prior[path].numbers for path in paths]
    mean = np.array([of_path.get("mean", 0.0) for of_path in numbers])
    precision = np.diag([of_path["sd"] ** -2 for of_path in numbers])
    inverse = np.linalg.inv(likelihood.covariance)
    covariance = np.linalg.inv(inverse + precision)
    total = likelihood.mean @ inverse + mean @ precision
    return _Normal(np.asarray(total @ covariance), covariance)


def _draw_normal(
    columns: _Columns,
    paths: list[str],
    posterior: _Normal,
    likelihood: _Normal,
    seed: int,
) -> None:
    """Normal draws, one for each row of the means; those with a sign that theory holds
    are drawn again where it fails. posterior: likelihood times prior."""
    if not paths:
        return
    at_least_zero = fitted_distribution().at_least_zero
    signed = [k for k, path in enumerate(paths) if path in at_least_zero]
    if len(signed) == 1:
        posterior = _given_signed(posterior, signed[0], paths[signed[0]], seed)
    values = _signed_draws(paths, posterior, signed, seed)
    deviation = np.sqrt(np.diag(likelihood.covariance))
    for k, path in enumerate(paths):
        away = (values[:, k] - likelihood.mean[:, k]) / deviation[k]
        columns.add(path, values[:, k], -0.5 * away**2)


def _given_signed(normal: _Normal, k: int, path: str, seed: int) -> _Normal:
    """The distribution given draws of its k-th coordinate that are cut off at 0."""
    mean, covariance = normal
    drawn = _above_zero(mean[:, k], covariance[k, k] ** 0.5, path, seed)
    slope = covariance[k] / covariance[k, k]
    moved = mean + np.outer(drawn - mean[:, k], slope)
    return _Normal(moved, covariance - np.outer(slope, covariance[k]))


def _signed_draws(
    paths: list[str], normal: _Normal, signed: list[int], seed: int
) -> Floats:
    """(D, K) draws, those again that put a signed coordinate below 0.

    The symmetric square root has no order of names in it."""
    mean = normal.mean
    roots, vectors = np.linalg.eigh(normal.covariance)
    root = (vectors * np.sqrt(np.maximum(roots, 0.0))) @ vectors.T
    values = np.full(mean.shape, -1.0)
    rows = np.arange(len(mean))
    for number in range(MOST_AGAIN):
        columns = [normals(f"{path}#{number}", len(mean), seed) for path in paths]
        standard = np.stack([column[rows] for column in columns], axis=1)
        values[rows] = mean[rows] + np.einsum("dk,pk->dp", standard, root)
        is_below = (values[rows][:, signed] < NOT_BELOW).any(axis=1)
        rows = rows[is_below]
        if not len(rows):
            break
    values[:, signed] = np.maximum(values[:, signed], 0.0)
    return values


def _above_zero(mean: Floats, deviation: float, path: str, seed: int) -> Floats:
    """(D,) normal draws cut off at 0, by quantiles, however far below 0 the mean
    lies.

    P(x > 0) = Phi(mean / deviation); the quantile of what is left, from the upper
    end."""
    u = uniforms(f"{path}#above", len(mean), seed)
    log_share = np.log1p(-u) + log_ndtr(mean / deviation)
    return np.asarray(np.maximum(mean - deviation * ndtri_exp(log_share), 0.0))


# --- parameters that one number of data tells -----------------------------------------


def _draw_apart(
    columns: _Columns, scenario: Scenario, prior: Priors, count: int, seed: int
) -> None:
    """Draw what one number of data each tells, apart from all others."""
    for path, log_likelihood in _likelihoods_apart(scenario, prior).items():
        if path in prior:
            u = uniforms(path, count, seed)
            quantiles = reweighted(prior[path], u, log_likelihood)
            values = np.clip(quantiles, *limits(path))
            columns.add(path, values, log_likelihood(values))


def _likelihoods_apart(scenario: Scenario, prior: Priors) -> dict[str, Likelihood]:
    """By key path the likelihood of each parameter that is told apart from all
    others."""
    likelihoods: dict[str, Likelihood] = {}
    shares = fitted_shares()
    for k, path in enumerate(shares.paths):
        deviation = shares.covariance[k][k] ** 0.5
        likelihoods[path] = _bell(shares.estimate[k], deviation)
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


def reweighted(prior: ParameterPrior, u: Floats, log_likelihood: Likelihood) -> Floats:
    """Quantiles of prior times likelihood at probabilities u, in the shape of u.

    On a grid of equal probability of the prior, so that a likelihood that says nothing
    gives the prior's own.

    >>> prior = ParameterPrior("normal", {"mean": 0.0, "sd": 1.0}, "")
    >>> median = reweighted(prior, np.array([0.5]), lambda x: -0.5 * (x - 2.0) ** 2)
    >>> abs(float(median[0]) - 1.0) < 1e-3
    True
    """
    edges = np.linspace(0.0, 1.0, GRID)
    middles = (edges[1:] + edges[:-1]) / 2.0
    height = log_likelihood(quantile(prior, middles))
    weight = np.exp(height - height.max())
    total = np.concatenate([[0.0], np.cumsum(weight)])
    probability = np.interp(u, total / total[-1], edges)
    return quantile(prior, np.clip(probability, 1e-9, 1.0 - 1e-9))


# --- priors ---------------------------------------------------------------------------


def _log_prior(prior: ParameterPrior, values: Floats) -> Floats:
    """(D,) logarithm of a prior's density at its draws, up to a constant; of a
    log-normal one that of the logarithm."""
    numbers = prior.numbers
    if prior.family == "coding":
        return np.zeros(len(values))
    if prior.family == "beta":
        return _log_beta(numbers["mean"], numbers["sd"], values)
    low = numbers.get("lower", 0.0)
    if prior.family == "normal":
        away = values - numbers["mean"]
    elif prior.family == "log-normal":
        ratio = (values - low) / (numbers["median"] - low)
        away = np.log(np.maximum(ratio, 1e-300))
    else:
        away = numbers["upper"] - values if "upper" in numbers else values - low
    return np.asarray(-0.5 * (away / numbers["sd"]) ** 2)


def _log_beta(mean: float, deviation: float, values: Floats) -> Floats:
    size = mean * (1.0 - mean) / deviation**2 - 1.0
    x = np.clip(values, 1e-12, 1.0 - 1e-12)
    below = (mean * size - 1.0) * np.log(x)
    return np.asarray(below + ((1.0 - mean) * size - 1.0) * np.log1p(-x))


def _by_path(
    paths: tuple[str, ...], factors: Mapping[str, Floats]
) -> dict[str, Floats]:
    """By key path, with what its factors in common have: of an act's weight those of
    the scale and of all steps."""
    sums = {}
    for path in paths:
        names = [name for name in factors if name == path or _is_factor(name, path)]
        if names:
            sums[path] = np.sum([factors[name] for name in names], axis=0)
    return sums


def _is_factor(name: str, path: str) -> bool:
    """Whether a factor in common is one of a key path's."""
    head, _, tail = path.partition(".")
    kind, _, field_name = tail.rpartition(".")
    if head == "kinds":
        return field_name == "ceiling" and name == "priors.ceiling"
    if head != "event_kinds" or kind not in ORDER:
        return False
    if field_name in LADDERS:
        return name.startswith(f"priors.{field_name}_")
    return field_name == "half_life_days" and name == factor_of(kind, field_name)

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

import numpy as np
from scipy.special import gammaln, log_ndtr, ndtr, ndtri_exp

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
from balance_sim.evidence.posterior.statistics import (
    PowerScaling,
    effective_size,
    laplace,
    pareto_smoothed,
    power_scaling,
    resampled,
    trusted_below,
)
from balance_sim.scenario.defaults import (
    ParameterPrior,
    fitted_distribution,
    fitted_shares,
)
from balance_sim.scenario.schema import SIGNAL_ORDER, Scenario
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
ACTS_APART = ("event_kinds.incident.intent",)
"""Weights outside the order of signals that event data speak of."""
Say = Callable[[str], None]


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
        none, found = np.zeros(len(self.draws)), {}
        for path in self.draws.paths:
            values = self.draws.column(path)
            if path in self.by_logarithm and (values * values[0] > 0).all():
                values = np.log(np.abs(values))
            found[path] = power_scaling(
                values, self.prior.get(path, none), self.likelihood.get(path, none)
            )
        return found


@dataclass
class _Parts:
    """What is gathered by key path, or by the name of a factor that parameters have in
    common."""

    values: dict[str, Floats] = field(default_factory=dict)
    likelihood: dict[str, Floats] = field(default_factory=dict)

    def add(self, name: str, values: Floats, likelihood: Floats) -> None:
        self.values[name], self.likelihood[name] = values, likelihood


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
    told = drawn_priors(scenario)
    record = shipped_record()
    own: ScenarioRecord | None = None

    def log_likelihood(z: Floats) -> Floats:
        """Of beliefs and reach."""
        return record.log_likelihood(z) + (
            own.log_likelihood(z) if own is not None else 0.0
        )

    say("record of agreements")
    z, k_of, size = _block("beliefs", log_likelihood, len(record.names), seed)
    if scenario.calibration.names:
        say("the scenario's own record")
        own = scenario_record(
            raw, *calibration_span(scenario), record, record_points(z)
        )
        z, k_of, size = _block("beliefs", log_likelihood, len(record.names), seed)
    z = z[:count]
    parts, of_beliefs = _Parts(), log_likelihood(z)
    for name, values in values_at(record.names, told, z).items():
        if name in told:
            parts.add(name, values, of_beliefs)
    _weights(parts, told, record, own, z, seed)
    for path in parts.values.keys() - set(record.names):
        parts.likelihood[path] = parts.likelihood[path] + of_beliefs
    _told_apart(parts, scenario, told, len(z), seed)
    of_acts = _acts(parts, scenario, told, len(z), seed)
    for name, prior in told.items():
        if name not in parts.values:
            parts.values[name] = quantile(prior, uniforms(name, len(z), seed))
    whole = as_draws(from_factors(scenario, parts.values), "posterior")
    likelihood = _by_path(whole.paths, parts.likelihood)
    columns = {path: whole.column(path) for path in whole.paths}
    draws = as_draws(columns, "posterior", likelihood)
    log_prior = {name: _log_prior(told[name], parts.values[name]) for name in told}
    return JointPosterior(
        draws=draws,
        prior=_by_path(draws.paths, log_prior),
        likelihood=likelihood,
        pareto_k=max(k_of, of_acts[0]),
        trusted=trusted_below(PROPOSALS),
        effective=min(size, of_acts[1]),
        temper=record.temper,
        by_logarithm=frozenset(  # a ladder and a multiple are log-normal, as their factors are
            path
            for path in draws.paths
            if (
                told[path].family == "log-normal"
                if path in told
                else path.startswith(("event_kinds.", "kinds."))
            )
        ),
        checked=None if own is None else own.checked,
        evaluated=0 if own is None else len(own.points),
    )


def _block(
    name: str,
    log_likelihood: Callable[[Floats], Floats],
    size: int,
    seed: int,
    proposals: int = PROPOSALS,
) -> tuple[Floats, float, float]:
    """(S, P) draws of the posterior in the coordinates of the priors, k-hat, and the
    effective number of draws."""

    def log_density(z: Floats) -> Floats:
        return np.asarray(log_likelihood(z) - 0.5 * (z**2).sum(axis=1))

    middle, covariance = laplace(log_density, np.zeros(size))
    standard = np.stack(
        [normals(f"{name}.{k}", proposals, seed) for k in range(size)], axis=1
    )
    for adapted in range(ADAPTED + 1):
        root = np.linalg.cholesky(covariance)
        z = middle + np.einsum("dk,pk->dp", standard, root)
        weights, shape = pareto_smoothed(
            log_density(z) + 0.5 * (standard**2).sum(axis=1)
        )
        if (
            adapted < ADAPTED
        ):  # once more from a normal distribution with the moments of the weighted draws
            middle = weights @ z
            covariance = WIDER * ((z - middle) * weights[:, None]).T @ (z - middle)
    chosen = resampled(
        weights, proposals, float(uniforms(f"{name}.resampled", 1, seed)[0])
    )
    mixed = np.argsort(uniforms(f"{name}.order", proposals, seed), kind="stable")
    return z[chosen[mixed]], shape, effective_size(weights)


def _weights(
    parts: _Parts,
    told: Mapping[str, ParameterPrior],
    record: AgreementRecord,
    own: ScenarioRecord | None,
    z: Floats,
    seed: int,
) -> None:
    """Weights and intercepts, normal about their peak at each draw of beliefs."""
    fitted = fitted_distribution()
    centre, covariance = record.weights_at(z, fitted), np.array(fitted.covariance)
    is_weight = np.array([path.startswith(WEIGHT) for path in fitted.paths])
    for k, path in enumerate(fitted.paths):
        if not is_weight[
            k
        ]:  # a scenario has its own intercepts; the fit tells how well they are known
            centre[:, k] = told[path].numbers["mean"] if path in told else 0.0
    held = [
        k
        for k, path in enumerate(fitted.paths)
        if path in told and (own is None or path not in own.names)
    ]
    if own is not None:
        held = [k for k in held if is_weight[k]]
    paths = [fitted.paths[k] for k in held]
    likelihood = centre[:, held], covariance[np.ix_(held, held)]
    _normal(parts, paths, _with_prior(told, paths, *likelihood), likelihood, seed)
    if own is not None:
        at_all = [k for k, path in enumerate(own.names) if path in told]
        paths = [own.names[k] for k in at_all]
        peak = own.peak_at(z)[:, at_all], own.covariance[np.ix_(at_all, at_all)]
        _normal(parts, paths, peak, peak, seed)


def _with_prior(
    told: Mapping[str, ParameterPrior],
    paths: list[str],
    centre: Floats,
    covariance: Floats,
) -> tuple[Floats, Floats]:
    """Mean (D, K) and covariance (K, K) of normal likelihoods times the priors; a
    half-normal prior counts as the normal one that it is half of."""
    mean = np.array([told[path].numbers.get("mean", 0.0) for path in paths])
    precision = np.diag([told[path].numbers["sd"] ** -2 for path in paths])
    inverse = np.linalg.inv(covariance)
    whole = np.linalg.inv(inverse + precision)
    return np.asarray((centre @ inverse + mean @ precision) @ whole), whole


def _normal(
    parts: _Parts,
    paths: list[str],
    whole: tuple[Floats, Floats],
    likelihood: tuple[Floats, Floats],
    seed: int,
) -> None:
    """Normal draws, one for each row of the means; those with a sign that theory holds
    are drawn again where it fails.

    whole, likelihood: mean (D, K) and covariance (K, K), with and without the prior."""
    mean, covariance = whole
    if not paths:
        return
    at_zero = [
        k for k, path in enumerate(paths) if path in fitted_distribution().at_least_zero
    ]
    if len(at_zero) == 1:  # the others given that one
        k = at_zero[0]
        first = _above_zero(mean[:, k], covariance[k, k] ** 0.5, paths[k], seed)
        slope = covariance[k] / covariance[k, k]
        mean = mean + np.outer(first - mean[:, k], slope)
        covariance = covariance - np.outer(slope, covariance[k])
    values, vectors = np.linalg.eigh(
        covariance
    )  # the symmetric square root: no order of names in it
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    out = np.full(mean.shape, -1.0)
    left = np.arange(len(mean))
    for again in range(MOST_AGAIN):
        standard = np.stack(
            [normals(f"{path}#{again}", len(mean), seed)[left] for path in paths],
            axis=1,
        )
        out[left] = mean[left] + np.einsum("dk,pk->dp", standard, root)
        left = left[(out[left][:, at_zero] < -1e-9).any(axis=1)]
        if not len(left):
            break
    out[:, at_zero] = np.maximum(out[:, at_zero], 0.0)
    deviation = np.sqrt(np.diag(likelihood[1]))
    for k, path in enumerate(paths):
        parts.add(
            path,
            out[:, k],
            -0.5 * ((out[:, k] - likelihood[0][:, k]) / deviation[k]) ** 2,
        )


def _above_zero(mean: Floats, deviation: float, path: str, seed: int) -> Floats:
    """(D,) normal draws cut off at 0, by quantiles, however far below 0 the mean
    lies."""
    u = uniforms(f"{path}#above", len(mean), seed)
    over = (
        mean / deviation
    )  # P(x > 0) = Phi(over); the quantile of what is left, from the upper end
    return np.asarray(
        np.maximum(mean - deviation * ndtri_exp(np.log1p(-u) + log_ndtr(over)), 0.0)
    )


def _acts(
    parts: _Parts,
    scenario: Scenario,
    told: Mapping[str, ParameterPrior],
    count: int,
    seed: int,
) -> tuple[float, float]:
    """Scales and steps of the weights of acts; k-hat and the effective number of
    draws."""
    heads = tuple(
        f"priors.{one}_{part}" for one in LADDERS for part in ("scale", "steps")
    )
    names = [name for name in told if name.startswith(heads) or name in ACTS_APART]
    if not names:
        return -np.inf, float(PROPOSALS)
    drawn = from_factors(scenario, {name: np.ones(1) for name in names})
    record = shipped_events().of(drawn.keys())

    def columns(z: Floats) -> dict[str, Floats]:
        return {
            name: quantile(told[name], ndtr(z[:, k])) for k, name in enumerate(names)
        }

    def log_likelihood(z: Floats) -> Floats:
        return record.log_likelihood(from_factors(scenario, columns(z)))

    z, shape, size = _block("acts", log_likelihood, len(names), seed)
    said = log_likelihood(z[:count])
    for name, values in columns(z[:count]).items():
        parts.add(name, values, said)
    return shape, size


def _told_apart(
    parts: _Parts,
    scenario: Scenario,
    told: Mapping[str, ParameterPrior],
    count: int,
    seed: int,
) -> None:
    """What one number of data each tells, apart from all others."""
    likelihoods: dict[str, Callable[[Floats], Floats]] = {}
    shares = fitted_shares()
    for k, path in enumerate(shares.paths):
        likelihoods[path] = _bell(shares.estimate[k], shares.covariance[k][k] ** 0.5)
    for name, expected in APART.items():  # Poisson, none signed
        likelihoods[f"parameters.{name}"] = partial(np.multiply, -expected)
    likelihoods["priors.ceiling"] = lambda rate: _bell(*CEILING)(np.log(rate))
    variance = scenario.calibration.level_variance
    if scenario.base_rate is None and variance > 0:
        likelihoods["base_rate"] = _gamma(told["base_rate"].numbers["median"], variance)
    for path, log_likelihood in likelihoods.items():
        if path in told:
            u = uniforms(path, count, seed)
            values = np.clip(reweighted(told[path], u, log_likelihood), *limits(path))
            parts.add(path, values, log_likelihood(values))


def _bell(mean: float, deviation: float) -> Callable[[Floats], Floats]:
    return lambda x: -0.5 * ((x - mean) / deviation) ** 2


def _gamma(level: float, variance: float) -> Callable[[Floats], Floats]:
    """Of a level whose factor on the record's is gamma with mean 1 and this
    variance."""
    shape = 1.0 / variance
    return lambda x: (
        (shape - 1.0) * np.log(x / level) - shape * x / level - gammaln(shape)
    )


def reweighted(
    prior: ParameterPrior, u: Floats, log_likelihood: Callable[[Floats], Floats]
) -> Floats:
    """Quantiles of prior times likelihood at probabilities u, in the shape of u.

    On a grid of equal probability of the prior, so that a likelihood that says nothing
    gives the prior's own.

    >>> prior = ParameterPrior("normal", {"mean": 0.0, "sd": 1.0}, "")
    >>> found = reweighted(prior, np.array([0.5]), lambda x: -0.5 * (x - 2.0) ** 2)
    >>> abs(float(found[0]) - 1.0) < 1e-3
    True
    """
    edges = np.linspace(0.0, 1.0, GRID)
    middles = (edges[1:] + edges[:-1]) / 2.0
    height = log_likelihood(quantile(prior, middles))
    weight = np.exp(height - height.max())
    whole = np.concatenate([[0.0], np.cumsum(weight)])
    return quantile(
        prior, np.clip(np.interp(u, whole / whole[-1], edges), 1e-9, 1.0 - 1e-9)
    )


def _log_prior(prior: ParameterPrior, values: Floats) -> Floats:
    """(D,) logarithm of a prior's density at its draws, up to a constant; of a
    log-normal one that of the logarithm."""
    of = prior.numbers
    if prior.family == "coding":
        return np.zeros(len(values))
    if prior.family == "normal":
        return -0.5 * ((values - of["mean"]) / of["sd"]) ** 2
    if prior.family == "log-normal":
        low = of.get("lower", 0.0)
        x = np.log(np.maximum((values - low) / (of["median"] - low), 1e-300))
        return np.asarray(-0.5 * (x / of["sd"]) ** 2)
    if prior.family == "half-normal":
        away = of["upper"] - values if "upper" in of else values - of.get("lower", 0.0)
        return -0.5 * (away / of["sd"]) ** 2
    size = of["mean"] * (1.0 - of["mean"]) / of["sd"] ** 2 - 1.0
    x = np.clip(values, 1e-12, 1.0 - 1e-12)
    return np.asarray(
        (of["mean"] * size - 1.0) * np.log(x)
        + ((1.0 - of["mean"]) * size - 1.0) * np.log1p(-x)
    )


def _by_path(
    paths: tuple[str, ...], factors: Mapping[str, Floats]
) -> dict[str, Floats]:
    """By key path, with what its factors in common have: of an act's weight those of
    the scale and of all steps."""
    out = {}
    for path in paths:
        own = [
            values
            for name, values in factors.items()
            if name == path or _is_factor(name, path)
        ]
        if own:
            out[path] = np.sum(own, axis=0)
    return out


def _is_factor(name: str, path: str) -> bool:
    head, _, rest = path.partition(".")
    kind, _, fieldname = rest.rpartition(".")
    if head == "event_kinds" and kind in SIGNAL_ORDER:
        if fieldname in LADDERS:
            return name.startswith(f"priors.{fieldname}_")
        return fieldname == "half_life_days" and name == factor_of(kind, fieldname)
    return head == "kinds" and fieldname == "ceiling" and name == "priors.ceiling"

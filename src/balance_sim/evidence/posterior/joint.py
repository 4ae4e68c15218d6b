"""Joint draws from the posterior of a scenario's parameters.

Parameters of beliefs and reach come first: prior times what was measured of them, times
the record of agreements, times the scenario's own record where it is calibrated; mode,
Laplace approximation, draws from it with Pareto smoothed importance weights. Given
them, weights and intercepts are normal about their peak there, cut off at 0 where
theory holds a sign. Weights of acts likewise have draws of their own. Parameters that
are told apart from all others (elasticities in alarm, how fear spreads, the rate of
opportunities, factors of dyads without relations, the level) are drawn by quantiles of
their posterior on a fine grid. All others are not evaluated and keep the draws of their
priors, on the same keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri_exp

from balance_sim.evidence.posterior.likelihoods import (
    WEIGHT,
    AgreementRecord,
    Evidence,
    Likelihood,
    ScenarioRecord,
    act_names,
    scenario_record,
    shipped_evidence,
)
from balance_sim.evidence.posterior.power_scaling import (
    NOT_EVALUATED,
    power_scaling,
)
from balance_sim.evidence.posterior.priors import (
    COUNT,
    SEED,
    Priors,
    drawn_priors,
    factor_of,
    from_factors,
    limits,
    log_density,
    normals,
    quantile,
    uniforms,
)
from balance_sim.evidence.posterior.weights import (
    effective_size,
    laplace,
    pareto_smoothed,
    resampled,
    trusted_below,
)
from balance_sim.scenario.defaults import ParameterPrior, priors
from balance_sim.scenario.layout import LADDERS
from balance_sim.scenario.schema import SIGNAL_ORDER, Scenario
from balance_sim.stats import Bools, Floats
from balance_sim.study.draws import Draws, as_draws

PROPOSALS = 20_000
GRID = 20_001
ADAPTED, WIDER = 2, 1.1
"""Times that the proposal takes the moments of the weighted draws before it (Bugallo et
al. 2017, adaptive importance sampling, IEEE Signal Processing Magazine 34), with so
much more variance."""
MOST_AGAIN = 200
"""So often a draw is made again for its signs at the most."""
NOT_BELOW = -1e-9
"""A weight that theory signs may lie so far below 0, which is rounding."""
Say = Callable[[str], None]
Drawn = dict[str, tuple[Floats, Floats]]
"""Draws and their log-likelihood, (D,) each, by key path, or by the name of a factor
that parameters have in common."""


class _Normal(NamedTuple):
    """A normal distribution at each draw: means (D, K), covariances (D, K, K)."""

    mean: Floats
    covariance: Floats


class Told(NamedTuple):
    """Draws of what data speak of, with what is drawn beside them.

    pareto_k, effective: the largest k-hat and the smallest effective number of draws of
    the blocks that are drawn by importance sampling."""

    drawn: Drawn
    pareto_k: float
    effective: float


def posterior_of(
    scenario: Scenario,
    raw: Scenario,
    count: int = COUNT,
    seed: int = SEED,
    say: Say = lambda _: None,
    evidence: Evidence | None = None,
) -> tuple[Draws, dict[str, Any]]:
    """Draws from the posterior of a scenario's parameters, and how they were made, as
    the head of their table has it: `method`, how far they can be trusted, and by key
    path what is `informed`. raw: the scenario without its calibration; evidence: by
    default what is shipped.

    Raises DataError where the scenario's own record cannot be evaluated."""
    prior, data = drawn_priors(scenario), evidence or shipped_evidence(scenario)
    record, own_record = data.record, None
    say("record of agreements")
    if scenario.calibration.names:
        say("the scenario's own record")
        own_record = scenario_record(
            scenario,
            raw,
            record,
            lambda own: _beliefs(prior, data, own, seed)[0],
        )
    drawn, pareto_k, effective = told_draws(
        scenario, prior, data, own_record, count, seed
    )
    columns = {name: values for name, (values, _) in drawn.items() if name in prior}
    for name in prior.keys() - drawn.keys():
        columns[name] = quantile(prior[name], uniforms(name, count, seed))
    heights = {name: height for name, (_, height) in drawn.items() if name in prior}
    log_density_of = {name: log_density(prior[name], columns[name]) for name in prior}
    # those that data say nothing of are rounded once more, to a digit less
    rounded = as_draws(from_factors(scenario, columns), "posterior")
    log_priors, log_likelihoods = (
        _by_path(rounded.paths, by_name) for by_name in (log_density_of, heights)
    )
    by_column = {path: rounded.column(path) for path in rounded.paths}
    draws = as_draws(by_column, "posterior", log_likelihoods)
    informed = _findings(draws, prior, log_priors, log_likelihoods)
    method: dict[str, Any] = {
        "record_of_agreements": {
            "evaluations": record.evaluations,
            "error": _short(record.error),
            "temper": _short(record.temper),
        },
        "pareto_k": _short(pareto_k),
        "trusted_below": _short(trusted_below(PROPOSALS)),
        "effective_draws": round(effective),
    }
    if own_record is not None:
        method["own_record"] = {
            "evaluations": own_record.evaluations,
            "error": _short(own_record.error),
            "deviation": _short(own_record.deviation),
            "temper": _short(own_record.temper),
        }
    return draws, {"method": method, "informed": informed}


def told_draws(
    scenario: Scenario,
    prior: Priors,
    evidence: Evidence,
    own: ScenarioRecord | None = None,
    count: int = COUNT,
    seed: int = SEED,
) -> Told:
    """Draws of all that data speak of among the parameters of `prior`, block by block.
    own: the scenario's own record, if it has one."""
    record, apart = evidence.record, dict(evidence.apart)
    z, k_of_beliefs, size_of_beliefs = _beliefs(prior, evidence, own, seed)
    z = z[:count]
    of_beliefs = _height(record, own, z)
    drawn: Drawn = {}
    for path, values in record.axes.values(z).items():
        measured = apart.pop(path)(values) if path in apart else 0.0
        drawn[path] = values, of_beliefs + measured
    weights = _weights(prior, evidence, own, z, seed)
    for path, (values, height) in weights.items():
        drawn[path] = values, height + of_beliefs
    for path, likelihood in apart.items():
        if path in prior:
            u = uniforms(path, count, seed)
            values = reweighted(prior[path], u, likelihood)
            values = np.clip(values, *limits(path))
            drawn[path] = values, likelihood(values)
    k_of_acts, size_of_acts, acts = _acts(scenario, prior, evidence, count, seed)
    drawn |= acts
    return Told(drawn, max(k_of_beliefs, k_of_acts), min(size_of_beliefs, size_of_acts))


def _height(record: AgreementRecord, own: ScenarioRecord | None, z: Floats) -> Floats:
    """(D,) log-likelihood of beliefs and reach."""
    height = record.log_likelihood(z)
    return height if own is None else height + own.log_likelihood(z)


def _beliefs(
    prior: Priors, evidence: Evidence, own: ScenarioRecord | None, seed: int
) -> tuple[Floats, float, float]:
    """Draws of beliefs and reach, as of `importance_draws`, weights integrated out."""
    record, weights = evidence.record, _weights_drawn(prior, evidence, own)

    def target(z: Floats) -> Floats:
        height = _height(record, own, z) + record.axes.log_prior(z)
        return height + weights.log_evidence(z)

    return importance_draws("beliefs", target, len(record.axes.names), seed)


def _findings(
    draws: Draws,
    prior: Priors,
    log_priors: Mapping[str, Floats],
    log_likelihoods: Mapping[str, Floats],
) -> dict[str, list[Any]]:
    """By key path the finding of power scaling in a word, sensitivities to prior and
    likelihood, and the pull of the prior."""
    findings, nothing = {}, np.zeros(len(draws))
    for path in sorted(draws.paths):
        values = draws.column(path)
        if _is_log_normal(path, prior) and (values * values[0] > 0).all():
            values = np.log(np.abs(values))
        densities = (
            by_path.get(path, nothing) for by_path in (log_priors, log_likelihoods)
        )
        scaling = power_scaling(values, *densities)
        word = scaling.word if path in log_likelihoods else NOT_EVALUATED
        numbers = (scaling.prior, scaling.likelihood, scaling.pull)
        findings[path] = [word, *map(_short, numbers)]
    return findings


def _short(value: float) -> float:
    """Three digits; what is rounding error alone is 0."""
    return float(f"{value:.3g}") if abs(value) >= 1e-5 else 0.0


def _is_log_normal(path: str, prior: Priors) -> bool:
    """Whether a parameter has a log-normal prior; a ladder and a multiple have one, as
    their factors do."""
    if path in prior:
        return prior[path].family == "log-normal"
    return path.startswith(("event_kinds.", "kinds."))


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
        return field_name in {"ceiling", "reaction"} and name == f"priors.{field_name}"
    if head != "event_kinds" or kind not in SIGNAL_ORDER:
        return False
    if field_name in LADDERS:
        return name.startswith(f"priors.{field_name}_")
    return field_name == "half_life_days" and name == factor_of(kind, field_name)


# --- blocks drawn by importance sampling ----------------------------------------------


def importance_draws(
    name: str,
    log_likelihood: Likelihood,
    size: int,
    seed: int,
    proposals: int = PROPOSALS,
) -> tuple[Floats, float, float]:
    """(S, P) draws of prior times likelihood in the coordinates of the priors, by
    importance sampling from a normal distribution that adapts to them; their k-hat, and
    the effective number of draws."""

    def log_posterior(z: Floats) -> Floats:
        return np.asarray(log_likelihood(z) - 0.5 * (z**2).sum(axis=1))

    middle, covariance = laplace(log_posterior, np.zeros(size))
    columns = [normals(f"{name}.{k}", proposals, seed) for k in range(size)]
    standard = np.stack(columns, axis=1)
    squares = 0.5 * (standard**2).sum(axis=1)
    for number in range(ADAPTED + 1):
        root = np.linalg.cholesky(covariance)
        z = middle + np.einsum("dk,pk->dp", standard, root)
        weights, shape = pareto_smoothed(log_posterior(z) + squares)
        if number < ADAPTED and effective_size(weights) > 2.0 * size:
            # once more from the normal distribution with the weighted draws' moments,
            # where there are enough of them to have a covariance
            middle = weights @ z
            away = z - middle
            covariance = WIDER * (away * weights[:, None]).T @ away
    uniform = float(uniforms(f"{name}.resampled", 1, seed)[0])
    chosen = resampled(weights, proposals, uniform)
    order = np.argsort(uniforms(f"{name}.order", proposals, seed), kind="stable")
    return z[chosen[order]], shape, effective_size(weights)


def _acts(
    scenario: Scenario, prior: Priors, evidence: Evidence, count: int, seed: int
) -> tuple[float, float, Drawn]:
    """Scales and steps of the weights of acts, and the shares of acts that are aimed at
    somebody; before them k-hat and the effective number of draws."""
    names = act_names(prior)
    if not names:
        return -np.inf, float(PROPOSALS), {}
    record, declared = evidence.events, priors()
    shares = sorted({*record.aimed} - {""})
    of_all = [prior[name] for name in names] + [declared[share] for share in shares]

    def factors(z: Floats) -> dict[str, Floats]:
        u = ndtr(z)
        return {
            name: quantile(of_all[k], u[:, k])
            for k, name in enumerate((*names, *shares))
        }

    def log_likelihood(z: Floats) -> Floats:
        drawn = factors(z)
        return record.log_likelihood(from_factors(scenario, drawn) | drawn)

    z, shape, effective = importance_draws("acts", log_likelihood, len(of_all), seed)
    height = log_likelihood(z[:count])
    drawn = {name: (values, height) for name, values in factors(z[:count]).items()}
    return shape, effective, drawn


# --- weights and intercepts -----------------------------------------------------------


@dataclass(frozen=True)
class _Weights:
    """Weights and intercepts that the record of agreements tells: normal about their
    peak at each draw of beliefs, times a normal prior, of which those that theory signs
    have the half above 0.

    chosen: which of the fit's; is_weight: (K,) which are no intercepts; mean: (K,) of
    the prior; correlation: (K, K) of the fit's errors; prior: (K, K) covariance."""

    evidence: Evidence
    chosen: list[int]
    is_weight: Bools
    mean: Floats
    correlation: Floats
    prior: Floats

    @property
    def paths(self) -> list[str]:
        return [self.evidence.fitted.paths[k] for k in self.chosen]

    def likelihood(self, z: Floats) -> _Normal:
        """At draws of beliefs z (D, P). A scenario has its own intercepts; the fit
        tells how well they are known."""
        record, fitted = self.evidence.record, self.evidence.fitted
        centre, error = (
            of_all[:, self.chosen] for of_all in record.weights_at(z, fitted)
        )
        centre = np.where(self.is_weight, centre, self.mean)
        squares = error[:, :, None] * error[:, None, :]
        return _Normal(centre, self.correlation * squares)

    def posterior(self, likelihood: _Normal) -> _Normal:
        """Likelihood times prior."""
        inverse, precision = map(np.linalg.inv, (likelihood.covariance, self.prior))
        covariance = np.linalg.inv(inverse + precision)
        total = np.einsum("dk,dkj->dj", likelihood.mean, inverse)
        total += self.mean @ precision
        return _Normal(np.einsum("dk,dkj->dj", total, covariance), covariance)

    def log_evidence(self, z: Floats) -> Floats:
        """(D,) logarithm of the integral of likelihood times prior over the weights, up
        to a constant: the normal density of the peaks under both spreads, times the
        volume of the likelihood, and the probability of the signs, as if one told
        nothing of another."""
        likelihood, rows = self.likelihood(z), np.flatnonzero(self.is_weight)
        among = np.ix_(np.arange(len(z)), rows, rows)
        spread = likelihood.covariance[among]
        total = spread + self.prior[np.ix_(rows, rows)]
        away = (likelihood.mean - self.mean)[:, rows]
        height = -0.5 * np.einsum("dk,dkj,dj->d", away, np.linalg.inv(total), away)
        height += 0.5 * (np.linalg.slogdet(spread)[1] - np.linalg.slogdet(total)[1])
        mean, covariance = self.posterior(likelihood)
        for k, path in enumerate(self.paths):
            if path in self.evidence.fitted.at_least_zero:
                height += log_ndtr(mean[:, k] / covariance[:, k, k] ** 0.5)
        return np.asarray(height)


def _weights_drawn(
    prior: Priors, evidence: Evidence, own: ScenarioRecord | None
) -> _Weights:
    """Those that are drawn from the fit; what a scenario's own record tells, is drawn
    from that."""
    fitted, chosen = evidence.fitted, []
    for k, path in enumerate(fitted.paths):
        is_weight = path.startswith(WEIGHT)
        is_own = own is not None and (path in own.names or not is_weight)
        if path in prior and not is_own:
            chosen.append(k)
    paths = [fitted.paths[k] for k in chosen]
    # a half-normal prior counts as the normal one that it is half of
    numbers = [prior[path].numbers for path in paths]
    covariance = np.array(fitted.covariance)[np.ix_(chosen, chosen)]
    deviation = np.sqrt(np.diag(covariance))
    return _Weights(
        evidence=evidence,
        chosen=chosen,
        is_weight=np.array([path.startswith(WEIGHT) for path in paths], dtype=bool),
        mean=np.array([of_path.get("mean", 0.0) for of_path in numbers]),
        correlation=covariance / np.outer(deviation, deviation),
        prior=np.diag([of_path["sd"] ** 2 for of_path in numbers]),
    )


def _weights(
    prior: Priors,
    evidence: Evidence,
    own: ScenarioRecord | None,
    z: Floats,
    seed: int,
) -> Drawn:
    """Weights and intercepts, normal about their peak at each draw of beliefs."""
    weights, signs = _weights_drawn(prior, evidence, own), evidence.fitted.at_least_zero
    likelihood = weights.likelihood(z)
    posterior = weights.posterior(likelihood)
    drawn = _normal_draws(weights.paths, posterior, likelihood, signs, seed)
    if own is not None:
        chosen = [k for k, path in enumerate(own.names) if path in prior]
        of_paths = own.covariance[np.ix_(chosen, chosen)] / own.temper
        of_draws = np.broadcast_to(of_paths, (len(z), *of_paths.shape))
        peak = _Normal(own.peak_at(z)[:, chosen], of_draws)
        paths = [own.names[k] for k in chosen]
        drawn |= _normal_draws(paths, peak, peak, signs, seed)
    return drawn


def _normal_draws(
    paths: list[str],
    posterior: _Normal,
    likelihood: _Normal,
    at_least_zero: Collection[str],
    seed: int,
) -> Drawn:
    """Normal draws, one for each row of the means; those with a sign that theory holds
    are drawn again where it fails. posterior: likelihood times prior."""
    if not paths:
        return {}
    signed = [k for k, path in enumerate(paths) if path in at_least_zero]
    if len(signed) == 1:
        posterior = _given_signed(posterior, signed[0], paths[signed[0]], seed)
    values = _signed_draws(paths, posterior, signed, seed)
    deviation = np.sqrt(np.diagonal(likelihood.covariance, axis1=1, axis2=2))
    heights = -0.5 * ((values - likelihood.mean) / deviation) ** 2
    return {path: (values[:, k], heights[:, k]) for k, path in enumerate(paths)}


def _given_signed(normal: _Normal, k: int, path: str, seed: int) -> _Normal:
    """The distribution given draws of its k-th coordinate that are cut off at 0, by
    quantiles, however far below 0 the mean lies.

    P(x > 0) = Phi(mean / deviation); the quantile of what is left, from the upper
    end."""
    mean, covariance = normal
    deviation = covariance[:, k, k] ** 0.5
    u = uniforms(f"{path}#above", len(mean), seed)
    log_share = np.log1p(-u) + log_ndtr(mean[:, k] / deviation)
    drawn = np.maximum(mean[:, k] - deviation * ndtri_exp(log_share), 0.0)
    slope = covariance[:, k] / covariance[:, k, k, None]
    moved = mean + slope * (drawn - mean[:, k])[:, None]
    explained = slope[:, :, None] * covariance[:, k, None, :]
    return _Normal(moved, covariance - explained)


def _signed_draws(
    paths: list[str], normal: _Normal, signed: list[int], seed: int
) -> Floats:
    """(D, K) draws, those again that put a signed coordinate below 0.

    The symmetric square root has no order of names in it."""
    mean = normal.mean
    roots, vectors = np.linalg.eigh(normal.covariance)
    scaled = vectors * np.sqrt(np.maximum(roots, 0.0))[:, None, :]
    root = scaled @ vectors.transpose(0, 2, 1)
    values = np.full(mean.shape, -1.0)
    rows = np.arange(len(mean))
    for number in range(MOST_AGAIN):
        columns = [normals(f"{path}#{number}", len(mean), seed) for path in paths]
        standard = np.stack([column[rows] for column in columns], axis=1)
        values[rows] = mean[rows] + np.einsum("dk,dpk->dp", standard, root[rows])
        is_below = (values[rows][:, signed] < NOT_BELOW).any(axis=1)
        rows = rows[is_below]
        if not len(rows):
            break
    values[:, signed] = np.maximum(values[:, signed], 0.0)
    return values


# --- parameters that one number of data tells -----------------------------------------


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

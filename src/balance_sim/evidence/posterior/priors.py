"""Priors of a scenario's parameters: their quantiles and densities, and joint draws.

A draw is the quantile of a uniform number on a key made of seed, key path and the
number of the draw, so that no further parameter or draw changes another. What a
scenario's own file, or `--set`, gives is not drawn.

Weights of acts on the ladder of costly signals are sums of its steps, each step and the
whole ladder with a log-normal factor, so that every draw keeps their order. The level
is the key path `base_rate`: intercepts are shifted so that the agreements expected a
year at the start are those of the draw."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv, gammaincinv, ndtr, ndtri

from balance_sim.model import clocks
from balance_sim.model.core import Floats
from balance_sim.model.streams import PRIOR, stream_label
from balance_sim.scenario.defaults import (
    ParameterPrior,
    parameter_table,
    priors,
    reference_values,
)
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.layout import CAPABILITY, LADDERS, with_its_company
from balance_sim.scenario.schema import (
    SIGNAL_ORDER,
    AgreementKind,
    EventKind,
    Parameters,
    Scenario,
)
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import CODING, DIGITS, Draws, as_draws

COUNT, SEED = 2000, 1
LEVEL = "base_rate"
"""Key path of the agreements a year that are expected at the start."""
CALIBRATED_SD = 2.0
"""Of the prior of an intercept that a scenario's own record tells, nats: that of a
calibration."""
WIDEST_GUESS = 0.6
"""Standard deviation of a guess at a share, over the most that its mean allows."""
MODELS: Mapping[str, type[Strict]] = {
    "parameters": Parameters,
    "kinds": AgreementKind,
    "event_kinds": EventKind,
}
Priors = Mapping[str, ParameterPrior]


# --- one prior ------------------------------------------------------------------------


def quantile(prior: ParameterPrior, u: Floats) -> Floats:
    """Values of a prior at probabilities u. Raises ValueError for `ladder` and
    `multiple`, which have none."""
    numbers = prior.numbers
    lower = numbers.get("lower", 0.0)
    match prior.family:
        case "normal":
            values = numbers["mean"] + numbers["sd"] * ndtri(u)
        case "log-normal":
            median = numbers["median"] - lower
            spread = numbers["sd"] * np.sign(median)
            values = lower + median * np.exp(spread * ndtri(u))
        case "half-normal":
            spike = numbers.get("spike", 0.0)
            end = 1.0 - u if "upper" in numbers else u  # 0 at the bound
            slab = np.maximum(end - spike, 0.0) / (1.0 - spike)
            away = numbers["sd"] * ndtri((1.0 + slab) / 2.0)
            values = numbers["upper"] - away if "upper" in numbers else lower + away
        case "gamma":
            values = gammaincinv(numbers["shape"], u)
        case "coding":
            edges = np.cumsum(list(numbers.values()))
            places = np.searchsorted(edges, 1.0 - u, side="right")
            values = places % (len(edges) + 1)
        case "beta":
            values = betaincinv(*_beta_shapes(prior), u)
        case _:
            message = f"a prior of the family {prior.family} has no quantiles"
            raise ValueError(message)
    return np.asarray(values, dtype=np.float64)


def coordinates(prior: ParameterPrior, values: Floats) -> Floats:
    """Where values lie in the coordinate in which a prior is standard normal: the
    inverse of `quantile`; a bound with a mass is the end of the rest next to it.

    >>> prior = ParameterPrior("half-normal", {"sd": 2.0, "spike": 0.5}, "")
    >>> values = quantile(prior, ndtr(np.array([-1.0, 0.0, 1.0])))
    >>> values.round(2).tolist(), coordinates(prior, values).round(3).tolist()
    ([0.0, 0.0, 2.0], [0.0, 0.0, 1.0])
    """
    numbers = prior.numbers
    lower = numbers.get("lower", 0.0)
    match prior.family:
        case "normal":
            return np.asarray((values - numbers["mean"]) / numbers["sd"])
        case "log-normal":
            median = numbers["median"] - lower
            ratio = np.log(np.maximum((values - lower) / median, 1e-300))
            return np.asarray(ratio * np.sign(median) / numbers["sd"])
        case "beta":
            u = betainc(*_beta_shapes(prior), values)
        case "half-normal":
            spike, upper = numbers.get("spike", 0.0), numbers.get("upper")
            away = values - lower if upper is None else upper - values
            end = 2.0 * ndtr(away / numbers["sd"]) - 1.0
            end = spike + (1.0 - spike) * end
            u = end if upper is None else 1.0 - end
        case _:
            message = f"a prior of the family {prior.family} has no coordinate"
            raise ValueError(message)
    return np.asarray(ndtri(np.clip(u, 1e-9, 1.0 - 1e-9)))


def log_density(prior: ParameterPrior, values: Floats) -> Floats:
    """(D,) logarithm of a prior's density at values, up to a constant; of a log-normal
    one that of the logarithm."""
    numbers = prior.numbers
    lower = numbers.get("lower", 0.0)
    match prior.family:
        case "coding":
            return np.zeros(len(values))
        case "beta":
            a, b = _beta_shapes(prior)
            x = np.clip(values, 1e-12, 1.0 - 1e-12)
            return np.asarray((a - 1.0) * np.log(x) + (b - 1.0) * np.log1p(-x))
        case "gamma":
            return np.asarray((numbers["shape"] - 1.0) * np.log(values) - values)
        case "normal":
            away = values - numbers["mean"]
        case "log-normal":
            ratio = (values - lower) / (numbers["median"] - lower)
            away = np.log(np.maximum(ratio, 1e-300))
        case _:
            away = numbers["upper"] - values if "upper" in numbers else values - lower
    return np.asarray(-0.5 * (away / numbers["sd"]) ** 2)


def _beta_shapes(prior: ParameterPrior) -> tuple[float, float]:
    """Both shapes of a beta distribution."""
    mean = prior.numbers["mean"]
    size = mean * (1.0 - mean) / prior.numbers["sd"] ** 2 - 1.0
    return mean * size, (1.0 - mean) * size


def uniforms(path: str, count: int, seed: int) -> Floats:
    """(D,) uniform numbers of a parameter, on a key of its own."""
    key = clocks.absorb(clocks.absorb(stream_label(PRIOR), seed), clocks.label(path))
    return clocks.uniform(clocks.absorb(key, np.arange(count, dtype=np.uint64)))


def normals(name: str, count: int, seed: int) -> Floats:
    """(D,) standard normal numbers, on a key of their own."""
    return np.asarray(ndtri(uniforms(name, count, seed)))


def limits(path: str) -> tuple[float, float]:
    """The least and the largest value that a scenario takes at a key path: what is
    drawn beyond stands at the bound."""
    head, name = path.partition(".")[0], path.rpartition(".")[2]
    low, high = -np.inf, np.inf
    field = _fields(head).get(name, {})
    for number_type in (field, *field.get("anyOf", ())):
        low = number_type.get("minimum", low)
        high = number_type.get("maximum", high)
    return low, high


@cache
def _fields(head: str) -> dict[str, dict[str, Any]]:
    """The JSON schema of each field below the head of a key path."""
    schema = MODELS[head].model_json_schema() if head in MODELS else {}
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    return properties


# --- what is drawn of a scenario ------------------------------------------------------


def drawn_priors(scenario: Scenario) -> dict[str, ParameterPrior]:
    """Prior by key path of all that is drawn independently for a scenario, sorted.

    Acts on the ladder have common factors (`priors.*`), and each step its own
    (`priors.alignment_steps.visit`)."""
    declared, values = priors(), _default_values()
    free = {
        path
        for path in declared
        if path in values and _is_default(scenario, path, values[path])
    }
    drawn = _guesses(scenario, declared)
    for path in free - with_its_company(declared.keys() - free):
        prior = declared[path]
        _, _, key = path.partition(".")
        kind, _, field = key.rpartition(".")
        if prior.family == "ladder":
            scale, steps = f"priors.{field}_scale", f"priors.{field}_steps"
            drawn |= {scale: declared[scale], f"{steps}.{kind}": declared[steps]}
        elif prior.family == "multiple":
            drawn[factor_of(kind, field)] = declared[factor_of(kind, field)]
        elif field == "intercept" and path in scenario.calibration.names:
            numbers = {**prior.numbers, "sd": CALIBRATED_SD}
            source = "as of `calibrate`: both sides have it, so wide"
            drawn[path] = ParameterPrior("normal", numbers, source)
        else:
            drawn[path] = prior
    return dict(sorted(drawn.items()))


def factor_of(kind: str, field: str) -> str:
    """The factor that a half-life has in common with acts of its sort, and a rate of
    opportunities and an elasticity with all types of agreement."""
    if field in {"ceiling", "reaction"}:
        return f"priors.{field}"
    sort = "symbolic" if kind in SIGNAL_ORDER[:3] else "material"
    return f"priors.half_life_{sort}"


def _default_values() -> dict[str, float]:
    return {str(row["path"]): float(str(row["value"])) for row in parameter_table()}


def _is_default(scenario: Scenario, path: str, default: float) -> bool:
    """Whether the scenario has the parameter and leaves it at its default, at what it
    was calibrated to, or at the mean of its draws."""
    try:
        value = value_at(scenario, path)
    except LookupError:
        return False
    calibration, mean = scenario.calibration, scenario.posterior.values.get(path)
    if path.startswith("theory.weights."):
        name = path.rpartition(".")[2]
        calibrated = calibration.weights.get(name, default)
        return value != 0 and value in (default, calibrated, mean)
    if path.endswith(".intercept") and calibration.names:
        return path in calibration.names
    return value in (default, mean)


def _guesses(scenario: Scenario, declared: Priors) -> dict[str, ParameterPrior]:
    """What a scenario guesses itself: attention, how visible its focal event is, whom
    it is aimed at, and its level."""
    guesses, shares = {}, dict[str, tuple[str, float]]()
    for name, audience in scenario.audiences.items():
        attention = audience.attention.get("default", 0.0)
        path = f"audiences.{name}.attention.default"
        shares[path] = "priors.attention", attention
    for event in scenario.events:
        if event.id == scenario.focal and event.confidence == "guess":
            path = f"events.{event.id}.visibility"
            shares[path] = "priors.visibility", event.visibility
    for path, (name, mean) in shares.items():
        if 0 < mean < 1:
            prior = declared[name]
            # narrower where the guess is near an end
            largest_sd = WIDEST_GUESS * float(np.sqrt(mean * (1 - mean)))
            numbers = {"mean": mean, "sd": min(prior.numbers["sd"], largest_sd)}
            guesses[path] = ParameterPrior("beta", numbers, prior.source)
    if scenario.targets_alternatives:
        numbers = {coding.id: coding.weight for coding in scenario.targets_alternatives}
        source = "weights of `targets_alternatives`"
        guesses[CODING] = ParameterPrior("coding", numbers, source)
    level = level_of(scenario)
    if level is not None:
        prior, median = declared["priors.base_rate"], level
        in_use = scenario.posterior.values.get(LEVEL)
        if scenario.base_rate in (None, in_use):  # its record tells it, and no prior
            prior = declared["priors.any_rate"]
            median = _dyads(scenario) * prior.numbers["median"]
        numbers = prior.numbers | {"median": median}
        guesses[LEVEL] = ParameterPrior("log-normal", numbers, prior.source)
    return guesses


def level_of(scenario: Scenario) -> float | None:
    """Agreements a year expected at the start: as the scenario states them, or as it
    was calibrated; else None."""
    if scenario.base_rate is not None or not scenario.calibration.names:
        return scenario.base_rate
    from balance_sim.model.baseline import compile_worlds, expected_a_year

    worlds = compile_worlds(scenario, [scenario.reference_arm])
    return float(f"{expected_a_year(worlds.start, worlds.baseline):.4g}")


# --- from factors to parameters -------------------------------------------------------


def from_factors(
    scenario: Scenario, factors: Mapping[str, Floats]
) -> dict[str, Floats]:
    """(D,) values by key path from what was drawn independently: the ladder is put
    together. Raises KeyError."""
    defaults, references = _default_values(), reference_values()
    columns = {
        path: values
        for path, values in factors.items()
        if not path.startswith("priors.")
    }
    for field in LADDERS:
        columns |= _ladder(field, factors, references)
    for path, prior in priors().items():
        if prior.family == "multiple":
            _, kind, field = path.split(".")
            name = factor_of(kind, field)
            if name in factors and _is_default(scenario, path, defaults[path]):
                columns[path] = references[path] * factors[name]
    if columns.keys() >= {*CAPABILITY}:
        columns |= _capability_shares(columns)
    if LEVEL in columns:
        ceiling = _most_a_year(scenario, columns)
        columns[LEVEL] = np.minimum(columns[LEVEL], ceiling)
    return {path: np.clip(columns[path], *limits(path)) for path in sorted(columns)}


def _dyads(scenario: Scenario) -> float:
    return len(scenario.states) * (len(scenario.states) - 1) / 2.0


def _most_a_year(scenario: Scenario, columns: Mapping[str, Floats]) -> Floats:
    """(D,) or () agreements a year that a draw may expect: one a dyad, and so many that
    a quarter of all opportunities gives them."""
    rates = [
        columns.get(f"kinds.{name}.ceiling", np.array(kind.ceiling))
        for name, kind in scenario.kinds.items()
    ]
    return np.minimum(np.sum(rates, axis=0) / 4.0, 1.0) * _dyads(scenario)


def _ladder(
    field: str, factors: Mapping[str, Floats], references: Mapping[str, float]
) -> dict[str, Floats]:
    """Weights of acts as sums of steps; the whole ladder stays below the bound."""
    prefix = f"priors.{field}_"
    kinds = [kind for kind in SIGNAL_ORDER if f"{prefix}steps.{kind}" in factors]
    if not kinds:
        return {}
    weights = [references[f"event_kinds.{kind}.{field}"] for kind in kinds]
    increments = np.diff(weights, prepend=0.0)[:, None]
    steps = increments * [factors[f"{prefix}steps.{kind}"] for kind in kinds]
    heights = np.cumsum(steps, axis=0)
    _, upper_bound = limits(f"event_kinds.{kinds[-1]}.{field}")
    scale = np.minimum(factors[f"{prefix}scale"], upper_bound / heights[-1])
    return {
        f"event_kinds.{kind}.{field}": height * scale
        for kind, height in zip(kinds, heights, strict=True)
    }


def _capability_shares(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """The three weights of capability, rounded, so that their sum is 1."""
    gdp, milex, population = CAPABILITY
    total = sum(columns[path] for path in CAPABILITY)
    first = np.round(columns[gdp] / total, DIGITS)
    second = np.round(columns[milex] / total, DIGITS)
    third = np.round(1.0 - first - second, DIGITS)
    return {gdp: first, milex: second, population: third}


def prior_draws(scenario: Scenario, count: int = COUNT, seed: int = SEED) -> Draws:
    """Joint draws from the priors of all parameters that the scenario has.

    A column depends on seed and key path alone, and the first draws of more are those
    of fewer.

    >>> from balance_sim.scenario import load_scenario
    >>> draws = prior_draws(load_scenario("scenarios/solomon_2022.yaml"), 4)
    >>> draws.values.shape[0]
    4
    >>> bool((draws.column("event_kinds.treaty.intent") > 0).all())
    True
    """
    factors = {
        path: quantile(prior, uniforms(path, count, seed))
        for path, prior in drawn_priors(scenario).items()
    }
    return as_draws(from_factors(scenario, factors), "prior")

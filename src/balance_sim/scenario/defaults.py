"""What is shipped: defaults, as a tree to lay a file over, as theories and as a table;
and a scenario to start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from balance_sim.scenario.diagnostics import (
    IDENTIFIER,
    IDENTIFIERS,
    Mark,
    refused,
    shown,
)
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.nodes import Node, from_plain

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TREES = ("step_days", "capability", "parameters", "kinds", "event_kinds")
DEFAULT_PRESET = "balance_of_threat"


@cache
def shipped_yaml(name: str) -> dict[str, Any]:
    """A shipped YAML file, as `fitted.yaml`. What is handed out is shared: nobody may
    change it."""
    loaded: dict[str, Any] = yaml.load(
        shipped_text("balance_sim.scenario", name), Loader=_Loader
    )
    return loaded


def _values(entry: Any) -> Any:
    """Defaults alone, of entries that also say where each comes from."""
    if not isinstance(entry, dict) or "value" in entry:
        return entry["value"] if isinstance(entry, dict) else entry
    return {str(key): _values(child) for key, child in entry.items()}


@cache
def default_tree() -> Node:
    """The sections of `TREES` with their default values."""
    return from_plain(
        {name: _values(shipped_yaml("defaults.yaml")[name]) for name in TREES}
    )


@cache
def default_weights() -> dict[str, float]:
    """Weights of the terms of willingness before a theory changes any."""
    return {
        name: entry["value"]
        for name, entry in shipped_yaml("defaults.yaml")["weights"].items()
    }


OWN = "own_"
"""Begins the name of what a user's own code defines: terms of willingness, kinds of
event, outcomes."""


def is_term(name: str) -> bool:
    """Whether a weight can be given to it: a term of willingness, or one of the user's
    own, `own_<name>`."""
    return name in default_weights() or (
        name.startswith(OWN) and name.isidentifier() and len(name) <= 64
    )


@cache
def accession_rate() -> float:
    """Opportunities a year of a candidate to seek accession to a pact, where a scenario
    gives none."""
    return float(shipped_yaml("defaults.yaml")["pacts"]["rate"]["value"])


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The shipped theories by name, as a file's `theory` would give them: `weights`
    that each changes, `equal_hostility` and `signal_cost`."""
    theories = shipped_yaml("defaults.yaml")["theories"]
    plain = {"equal_hostility": None, "signal_cost": 0.0}
    keys = ("weights", *plain)
    return {
        name: plain | {key: theory[key] for key in keys if key in theory}
        for name, theory in theories.items()
    }


@cache
def signal_costs() -> dict[str, float]:
    """What each act on the ladder of costly signals costs its participants, as a share
    of the costliest."""
    costs = shipped_yaml("defaults.yaml")["theories"]["signalling"]["costs"]
    return {kind: float(cost) for kind, cost in costs.items()}


@cache
def record_prior() -> tuple[float, float]:
    """The Beta distribution, (a, b), of the share of its words that a sender without a
    record keeps."""
    a, b = shipped_yaml("defaults.yaml")["theories"]["signalling"]["record"]
    return float(a), float(b)


def weights_under(preset: str) -> dict[str, float]:
    """All weights under a theory, before a file changes any; the plain defaults for an
    unknown name."""
    return {**default_weights(), **presets().get(preset, {}).get("weights", {})}


@dataclass(frozen=True)
class Distribution:
    """What a fit found of some parameters: estimates and their covariance, by key path.

    at_least_zero: those whose sign a prior holds. An estimate below zero is one that
    the record wants there: what is shipped in its place is 0, and what may be drawn is
    what its normal distribution leaves above 0."""

    paths: tuple[str, ...]
    estimate: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    at_least_zero: tuple[str, ...] = ()


@cache
def fitted_distribution() -> Distribution:
    """Of the shipped fit (fitted.yaml, as `balance-sim evidence fit` writes it)."""
    return distribution_in(shipped_yaml("fitted.yaml"))


def distribution_in(loaded: dict[str, Any]) -> Distribution:
    """Of the content of a fit's file."""
    paths = tuple(loaded["covariance"]["names"])
    estimate = tuple(float(loaded["parameters"][path]["estimate"]) for path in paths)
    rows = tuple(tuple(map(float, row)) for row in loaded["covariance"]["matrix"])
    return Distribution(paths, estimate, rows, tuple(loaded.get("at_least_zero", ())))


@dataclass(frozen=True)
class ParameterPrior:
    """A prior distribution and the source of its spread.

    family : `normal` (mean, sd); `log-normal` (median, sd of the logarithm, above
        `lower`; below 0 for a negative median); `half-normal` (sd, above `lower`, 0 if
        not given, or below `upper`; `spike`: probability of the bound itself); `beta`
        (mean, sd); `gamma` (shape), of a share before shares are made to sum to 1.
        `ladder` and `multiple` follow from factors that parameters have in common
        (`priors.`): weights of acts; half-lives and rates of opportunities
    numbers : of the family, by name; `centre`: the value that factors multiply, where
        it is not the one in use
    """

    family: str
    numbers: dict[str, float]
    source: str


@cache
def shipped_priors() -> dict[str, Any]:
    """As written, by key path; those that parameters have in common under `priors.`.
    With the values in use."""
    priors = {
        path: {"value": entry["value"], **entry["prior"]}
        for path, entry in _leaves()
        if "prior" in entry
    }
    common = shipped_yaml("defaults.yaml")["priors"]
    return priors | {f"priors.{name}": entry for name, entry in common.items()}


@cache
def shipped_measurements() -> dict[str, Any]:
    """As written, by key path as of `shipped_priors`: what a parameter was measured as,
    with its error."""
    measured = {
        path: entry["measured"] for path, entry in _leaves() if "measured" in entry
    }
    common = shipped_yaml("defaults.yaml")["measured"]
    return measured | {f"priors.{name}": entry for name, entry in common.items()}


def key_texts() -> dict[str, dict[str, dict[str, Any]]]:
    """What every key of a file means, by file or definition and key: `text`, `unit`,
    `default` in words, `example`."""
    return shipped_yaml("reference/descriptions.yaml")


def shipped_likelihoods() -> tuple[dict[str, Any], ...]:
    """What data tell of parameters, as far as draws are made from it: measurements, the
    fit, evaluations, multipliers of acts."""
    fit, beliefs = shipped_yaml("fitted.yaml"), shipped_yaml("beliefs.yaml")
    events = shipped_yaml("event_weights.yaml")
    of_fit = ("parameters", "in_conflict", "at_least_zero", "covariance")
    of_beliefs = ("names", "stretch", "weights", "scales", "rate", "points")
    words = {name: kind["word"] for name, kind in events["kinds"].items()}
    return (
        shipped_measurements(),
        {name: fit[name] for name in of_fit},
        {name: beliefs[name] for name in of_beliefs},
        {"covariance": events["covariance"], "words": words},
    )


@cache
def priors() -> dict[str, ParameterPrior]:
    """Prior by key path, and of what parameters have in common by `priors.` and its
    name."""
    return _distributions(shipped_priors())


@cache
def measurements() -> dict[str, ParameterPrior]:
    """What parameters were measured as, by the key paths of `priors`: as a function of
    the parameter each is a likelihood."""
    return _distributions(shipped_measurements())


def _distributions(entries: dict[str, Any]) -> dict[str, ParameterPrior]:
    texts = ("family", "source", "value", "declared")
    return {
        path: ParameterPrior(
            entry["family"],
            {name: float(entry[name]) for name in entry if name not in texts},
            entry["source"],
        )
        for path, entry in entries.items()
    }


@cache
def reaction_distribution() -> Distribution:
    """Of how strongly states react, a factor on all elasticities in alarm: 1, with the
    error with which they are measured (`measured: reaction`)."""
    numbers = measurements()["priors.reaction"].numbers
    variance = numbers["sd"] ** 2
    return Distribution(("theory.weights.alarm",), (numbers["mean"],), ((variance,),))


def exercise_slopes() -> dict[str, float]:
    """What a dyad's yearly rate of joint exercises follows from, by covariate, as
    `benchmarks/exercise_rates.py` writes it: logarithms of rates."""
    slopes = shipped_yaml("exercises.yaml")["slopes"]
    return {name: float(entry["estimate"]) for name, entry in slopes.items()}


@cache
def exercise_distribution() -> Distribution:
    """Of the elasticity of joint exercises in alarm, with its error."""
    elasticity = shipped_yaml("exercises.yaml")["reaction"]
    mean, error = float(elasticity["estimate"]), float(elasticity["standard_error"])
    return Distribution(("exercises.reaction",), (mean,), ((error**2,),))


def parameter_table() -> list[dict[str, object]]:
    """Every default as a row, by the key path that `--set` takes.

    Returns
    -------
    list of dict : `path`, `value`, `unit`, `source`, `cite`; `range` [low, high] or
        `standard_error`, the other is None; `prior`: family, numbers and source, or
        None for what is not drawn
    """
    empty = dict.fromkeys(
        ("value", "unit", "source", "range", "standard_error", "prior")
    )
    keys = (*empty, "cite")
    return [
        {"path": path, **empty, "cite": ""}
        | {key: entry[key] for key in keys if key in entry}
        for path, entry in _leaves()
    ]


@cache
def reference_values() -> dict[str, float]:
    """By key path what measurements and draws of a parameter are multiples of: the
    `centre` of its prior, or the value in use."""
    return {
        path: float(entry.get("prior", {}).get("centre", entry["value"]))
        for path, entry in _leaves()
    }


@cache
def declared_ranges() -> dict[str, tuple[float, float]]:
    """By key path the range that was declared before data: `declared` of the prior, or
    the `range`, where there is one."""
    spans = {
        path: entry.get("prior", {}).get("declared", entry.get("range"))
        for path, entry in _leaves()
    }
    return {path: (span[0], span[1]) for path, span in spans.items() if span}


@cache
def units() -> dict[str, str]:
    """Unit by the last name of a path, for messages."""
    return {path.rpartition(".")[2]: str(entry["unit"]) for path, entry in _leaves()}


def _leaves() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every default with what is said of it, by key path; weights of terms last."""
    shipped = shipped_yaml("defaults.yaml")
    for name in TREES:
        yield from _leaves_below(shipped[name], name)
    yield from _leaves_below(shipped["weights"], "theory.weights")


def _leaves_below(entry: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those below a path; what is no default of the model says no source."""
    if isinstance(entry, dict) and "value" in entry:
        yield path, entry
    elif isinstance(entry, dict):
        for key, child in entry.items():
            yield from _leaves_below(child, f"{path}.{key}")


BASE_RATE = "# base_rate: 2.0"


def new_scenario(name: str, base_rate: float | None = None) -> str:
    """Commented text of a small scenario that loads and runs. base_rate: agreements a
    year that it states, if any.

    Raises ScenarioError for an unusable name."""
    if not IDENTIFIER.fullmatch(name):
        why = f"`{shown(name)}` is not a valid identifier"
        raise refused(Mark("NAME", 1, 1), "", "E106", why, "", IDENTIFIERS)
    text = shipped_text("balance_sim.scenario", "starter.yaml")
    if base_rate is not None:
        text = text.replace(BASE_RATE, f"base_rate: {base_rate:g}")
    return text.replace("NAME", name)

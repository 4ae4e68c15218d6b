"""Joint draws of a scenario's parameters: from the priors, or from the posterior that
the scenario names.

A draw of a prior is the quantile of a uniform number on a key made of seed, key path
and the number of the draw, so that no further parameter or draw changes another. What a
scenario's own file, or `--set`, gives is not drawn.

Weights of acts on the ladder of costly signals are sums of its steps, each step and the
whole ladder with a log-normal factor, so that every draw keeps their order. The level
is the key path `base_rate`: intercepts are shifted so that the agreements expected a
year at the start are those of the draw."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import annotated_types
import numpy as np

from balance_sim.evidence.data.signals import SYMBOLIC
from balance_sim.model import clocks
from balance_sim.model.core import Floats
from balance_sim.model.streams import PRIOR, stream_label
from balance_sim.scenario.defaults import ParameterPrior, parameter_table, priors
from balance_sim.scenario.diagnostics import Mark, refused, shown
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.fingerprint import posterior_digest, priors_digest
from balance_sim.scenario.layout import parts_of
from balance_sim.scenario.schema import (
    SIGNAL_ORDER,
    AgreementKind,
    EventKind,
    Parameters,
    Scenario,
)
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import (
    CAPABILITY,
    CODING,
    DIGITS,
    LADDERS,
    Draws,
    as_draws,
    with_its_company,
)

ABSENT = "none"
"""Stands for the value of a parameter that a scenario has not."""
COUNT = 2000
SEED = 1
LARGEST_DRAWS = 16 << 20
CALIBRATED_SD = 2.0
"""Of the prior of an intercept that a scenario's own record tells, nats: that of a
calibration."""
WIDEST_GUESS = 0.6
"""Standard deviation of a guess at a share, over the most that its mean allows."""
BOUNDED = {"parameters": Parameters, "kinds": AgreementKind, "event_kinds": EventKind}
Priors = Mapping[str, ParameterPrior]


# --- priors ---------------------------------------------------------------------------


def quantile(prior: ParameterPrior, u: Floats) -> Floats:
    """Values of a prior at probabilities u. Raises ValueError for `ladder` and
    `multiple`, which have none."""
    from scipy.special import betaincinv, ndtri

    numbers = prior.numbers
    lower = numbers.get("lower", 0.0)
    match prior.family:
        case "normal":
            values = numbers["mean"] + numbers["sd"] * ndtri(u)
        case "log-normal":
            median = numbers["median"] - lower
            spread = numbers["sd"] * np.sign(median)
            values = lower + median * np.exp(spread * ndtri(u))
        case "half-normal" if "upper" in numbers:
            values = numbers["upper"] - numbers["sd"] * ndtri(1.0 - u / 2.0)
        case "half-normal":
            values = lower + numbers["sd"] * ndtri((1.0 + u) / 2.0)
        case "coding":
            edges = np.cumsum(list(numbers.values()))
            places = np.searchsorted(edges, 1.0 - u, side="right")
            values = places % (len(edges) + 1)
        case "beta":
            mean = numbers["mean"]
            size = mean * (1.0 - mean) / numbers["sd"] ** 2 - 1.0
            values = betaincinv(mean * size, (1.0 - mean) * size, u)
        case _:
            message = f"a prior of the family {prior.family} has no quantiles"
            raise ValueError(message)
    return np.asarray(values, dtype=np.float64)


def uniforms(path: str, count: int, seed: int) -> Floats:
    """(D,) uniform numbers of a parameter, on a key of its own."""
    key = clocks.absorb(clocks.absorb(stream_label(PRIOR), seed), clocks.label(path))
    return clocks.uniform(clocks.absorb(key, np.arange(count, dtype=np.uint64)))


def normals(name: str, count: int, seed: int) -> Floats:
    """(D,) standard normal numbers, on a key of their own."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniforms(name, count, seed)))


def drawn_priors(scenario: Scenario) -> dict[str, ParameterPrior]:
    """Prior by key path of all that is drawn independently for a scenario, sorted.

    Acts on the ladder have common factors (`priors.*`), and each step its own
    (`priors.alignment_steps.visit`)."""
    declared, values = priors(), _default_values()
    free = {
        path: _calibrated_prior(scenario, path, prior)
        for path, prior in declared.items()
        if path in values and _is_default(scenario, path, values[path])
    }
    in_common = {
        path
        for path, prior in declared.items()
        if prior.family in ("ladder", "multiple")
    }
    fixed = with_its_company(declared.keys() - free.keys())
    drawn = {
        path: prior for path, prior in free.items() if path not in in_common | fixed
    }
    for path in in_common - fixed:
        _, kind, field = path.split(".")
        if field in LADDERS:
            drawn[f"priors.{field}_steps.{kind}"] = declared[f"priors.{field}_steps"]
            name = f"priors.{field}_scale"
        else:
            name = factor_of(kind, field)
        drawn[name] = declared[name]
    drawn |= _guesses(scenario, declared)
    return dict(sorted(drawn.items()))


def _calibrated_prior(
    scenario: Scenario, path: str, prior: ParameterPrior
) -> ParameterPrior:
    """The prior of a parameter: of an intercept that the scenario's own record tells, a
    wide one about it."""
    is_calibrated = path in scenario.calibration.names
    if not (is_calibrated and path.endswith(".intercept")):
        return prior
    numbers = {**prior.numbers, "sd": CALIBRATED_SD}
    source = "as of `calibrate`: both sides have it, so wide"
    return ParameterPrior("normal", numbers, source)


def factor_of(kind: str, field: str) -> str:
    """The factor that a half-life has in common with acts of its sort, and a rate of
    opportunities with all types."""
    if field == "ceiling":
        return "priors.ceiling"
    sort = "symbolic" if kind in SYMBOLIC else "material"
    return f"priors.half_life_{sort}"


def _default_values() -> dict[str, float]:
    return {str(row["path"]): float(str(row["value"])) for row in parameter_table()}


def _is_default(scenario: Scenario, path: str, default: float) -> bool:
    """Whether the scenario has the parameter and leaves it at its default, or at what
    it was calibrated to."""
    try:
        value = value_at(scenario, path)
    except LookupError:
        return False
    calibration = scenario.calibration
    if path.startswith("theory.weights."):
        name = path.rpartition(".")[2]
        calibrated = calibration.weights.get(name, default)
        return value != 0 and value in (default, calibrated)
    if path.endswith(".intercept") and calibration.names:
        return path in calibration.names
    return bool(value == default)


def _guesses(scenario: Scenario, declared: Priors) -> dict[str, ParameterPrior]:
    """What a scenario guesses itself: attention, how visible its focal event is, whom
    it is aimed at, and its level."""
    guesses = {}
    for name, audience in scenario.audiences.items():
        attention = audience.attention.get("default")
        if attention is not None and 0 < attention < 1:
            path = f"audiences.{name}.attention.default"
            guesses[path] = _about(declared["priors.attention"], attention)
    for event in scenario.events:
        is_guess = event.id == scenario.focal and event.confidence == "guess"
        if is_guess and 0 < event.visibility < 1:
            path = f"events.{event.id}.visibility"
            guesses[path] = _about(declared["priors.visibility"], event.visibility)
    if scenario.targets_alternatives:
        shares = {coding.id: coding.weight for coding in scenario.targets_alternatives}
        source = "weights of `targets_alternatives`"
        guesses[CODING] = ParameterPrior("coding", shares, source)
    level = level_of(scenario)
    if level is not None:
        prior = declared["priors.base_rate"]
        numbers = {"median": level, "sd": prior.numbers["sd"]}
        guesses["base_rate"] = ParameterPrior("log-normal", numbers, prior.source)
    return guesses


def _about(prior: ParameterPrior, value: float) -> ParameterPrior:
    """A beta distribution about a guess, narrower where the guess is near an end."""
    largest_sd = WIDEST_GUESS * float(np.sqrt(value * (1 - value)))
    numbers = {"mean": value, "sd": min(prior.numbers["sd"], largest_sd)}
    return ParameterPrior("beta", numbers, prior.source)


def level_of(scenario: Scenario) -> float | None:
    """Agreements a year expected at the start: as the scenario states them, or as it
    was calibrated; else None."""
    if scenario.base_rate is not None or not scenario.calibration.names:
        return scenario.base_rate
    from balance_sim.model.baseline import compile_worlds, expected_a_year

    worlds = compile_worlds(scenario, [scenario.reference_arm])
    return float(f"{expected_a_year(worlds.reference, worlds.baseline):.4g}")


# --- from factors to parameters -------------------------------------------------------


def from_factors(
    scenario: Scenario, factors: Mapping[str, Floats]
) -> dict[str, Floats]:
    """(D,) values by key path from what was drawn independently: the ladder is put
    together. Raises KeyError."""
    defaults = _default_values()
    columns = {
        path: values
        for path, values in factors.items()
        if not path.startswith("priors.")
    }
    for field in LADDERS:
        columns |= _ladder(field, factors, defaults)
    for path, prior in priors().items():
        if prior.family == "multiple":
            _, kind, field = path.split(".")
            name = factor_of(kind, field)
            if name in factors and _is_default(scenario, path, defaults[path]):
                columns[path] = defaults[path] * factors[name]
    if columns.keys() >= {*CAPABILITY}:
        columns |= _capability_shares(columns)
    return {path: np.clip(columns[path], *limits(path)) for path in sorted(columns)}


def _ladder(
    field: str, factors: Mapping[str, Floats], defaults: Mapping[str, float]
) -> dict[str, Floats]:
    """Weights of acts as sums of steps; the whole ladder stays below the bound."""
    prefix = f"priors.{field}_"
    kinds = [kind for kind in SIGNAL_ORDER if f"{prefix}steps.{kind}" in factors]
    if not kinds:
        return {}
    weights = [defaults[f"event_kinds.{kind}.{field}"] for kind in kinds]
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


def limits(path: str) -> tuple[float, float]:
    """The least and the largest value that a scenario takes at a key path: what is
    drawn beyond stands at the bound."""
    head, name = path.partition(".")[0], path.rpartition(".")[2]
    low, high = -np.inf, np.inf
    for part in parts_of(BOUNDED[head], name) if head in BOUNDED else ():
        for bound in getattr(part, "metadata", [part]):
            if isinstance(bound, annotated_types.Ge):
                low = float(str(bound.ge))
            elif isinstance(bound, annotated_types.Le):
                high = float(str(bound.le))
    return low, high


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


# --- the posterior that a scenario names ----------------------------------------------


def posterior_draws(scenario: Scenario) -> Draws:
    """The joint draws that the scenario names by `posterior:`, without columns of
    parameters that were changed since.

    Raises ScenarioError, with the command that writes it again, where it names none, or
    the file is not there, another one, or drawn for another record, other priors or
    another fit."""
    named, command = (
        scenario.posterior,
        f"balance-sim evidence posterior {scenario.name}",
    )
    again, scenario_mark = f"write it again: {command}", Mark(scenario.name, 1, 1)
    if not named.draws:
        message = "the scenario names no posterior"
        hint = f"write one: {command}; then name it by `posterior:`"
        raise refused(scenario_mark, "posterior", "E107", message, hint)
    written = scenario.written if isinstance(scenario.written, Scenario) else None
    _refuse_stale(scenario, written, again)
    if named.table:
        place, content = Mark(named.draws, 1, 1), base64.b64decode(named.table)
        drawn = _read_table(content, named.sha256, place, again)
    elif scenario.folder:
        drawn = read_draws(Path(scenario.folder) / named.draws, named.sha256, again)
    else:
        message = (
            "the table of draws is not at hand: the scenario was not read from a folder"
        )
        hint = "load the scenario from its file"
        raise refused(scenario_mark, "posterior", "E001", message, hint)
    return drawn.without(_changed(scenario, written or scenario, drawn.paths))


def _refuse_stale(scenario: Scenario, written: Scenario | None, again: str) -> None:
    """Raise ScenarioError where the draws are of another form of the scenario, or of
    other priors or fits."""
    named = scenario.posterior
    file = Mark(named.file, 1, 1)
    if written is not None and posterior_digest(written) != named.scenario_sha256:
        message = "drawn for another form of this scenario"
        raise refused(file, "scenario_sha256", "E505", message, again)
    if priors_digest() != named.priors_sha256:
        message = "drawn from other priors, or other fits"
        raise refused(file, "priors_sha256", "E505", message, again)


def _changed(scenario: Scenario, written: Scenario, paths: tuple[str, ...]) -> set[str]:
    """Parameters that the scenario has no more, or that have another value than in the
    file as written."""
    targets = f"events.{scenario.focal}.targets"
    changed = set()
    for path in paths:
        value = _value_or_none(scenario, path)
        is_gone = path != "base_rate" and value == ABSENT
        watched = (path, targets) if path == CODING else (path,)
        is_other = any(
            _value_or_none(scenario, name) != _value_or_none(written, name)
            for name in watched
        )
        if is_gone or is_other:
            changed.add(path)
    return with_its_company(changed)


def _value_or_none(scenario: Scenario, path: str) -> object:
    """The value at a key path, or ABSENT."""
    try:
        return value_at(scenario, path)
    except LookupError:
        return ABSENT


def read_draws(path: Path, sha256: str, again: str) -> Draws:
    """A table of draws, held to the sha256 of its text. Raises ScenarioError, with
    `again` as the next step."""
    place = Mark(shown(os.fspath(path), 200), 1, 1)
    try:
        content = regular_bytes(path, LARGEST_DRAWS)
    except FileNotFoundError:
        message = "the table of draws is not there"
        raise refused(place, "", "E001", message, again) from None
    except OSError as error:
        raise refused(place, "", "E003", f"cannot be read: {error}", again) from None
    return _read_table(content, sha256, place, again)


def _read_table(content: bytes, sha256: str, place: Mark, again: str) -> Draws:
    try:
        text = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        message = f"cannot be read as a gzipped table: {error}"
        raise refused(place, "", "E003", message, again) from None
    if hashlib.sha256(text).hexdigest() != sha256:
        raise refused(place, "", "E503", "not the table of the head's sha256", again)
    lines = [line.split(",") for line in text.decode("ascii").splitlines()]
    paths = tuple(cells[0] for cells in lines)
    columns = [[float(cell) for cell in cells[1:]] for cells in lines]
    values = np.ascontiguousarray(np.array(columns, dtype=np.float64).T)
    return Draws(paths, values, "posterior", sha256)

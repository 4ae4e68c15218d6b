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

COUNT = 2000
SEED = 1
LARGEST_DRAWS = 16 << 20
CALIBRATED_SD = 2.0  # of the prior of an intercept that a scenario's own record tells, nats: that of a calibration


# --- priors -----------------------------------------------------------------------------------------


def quantile(prior: ParameterPrior, u: Floats) -> Floats:
    """Values of a prior at probabilities u. Raises ValueError for `ladder` and
    `multiple`, which have none."""
    from scipy.special import betaincinv, ndtri

    of = prior.numbers
    lower = of.get("lower", 0.0)
    match prior.family:
        case "normal":
            found = of["mean"] + of["sd"] * ndtri(u)
        case "log-normal":
            away = of["median"] - lower
            found = lower + away * np.exp(of["sd"] * np.sign(away) * ndtri(u))
        case "half-normal" if "upper" in of:
            found = of["upper"] - of["sd"] * ndtri(1.0 - u / 2.0)
        case "half-normal":
            found = lower + of["sd"] * ndtri((1.0 + u) / 2.0)
        case "coding":
            edges = np.cumsum(list(of.values()))
            found = np.searchsorted(edges, 1.0 - u, side="right") % (len(edges) + 1)
        case "beta":
            mean, size = (
                of["mean"],
                of["mean"] * (1.0 - of["mean"]) / of["sd"] ** 2 - 1.0,
            )
            found = betaincinv(mean * size, (1.0 - mean) * size, u)
        case _:
            raise ValueError(
                f"a prior of the family {prior.family} has no quantiles of its own"
            )
    return np.asarray(found, dtype=np.float64)


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
    told, used = priors(), _default_values()
    found = {
        path: prior
        for path, prior in told.items()
        if path in used and _is_default(scenario, path, used[path])
    }
    for path in [
        path
        for path in found
        if path.endswith(".intercept") and path in scenario.calibration.names
    ]:
        numbers = {**found[path].numbers, "sd": CALIBRATED_SD}
        found[path] = ParameterPrior(
            "normal", numbers, "as of `calibrate`: both sides have it, so wide"
        )
    common = {
        path for path, prior in told.items() if prior.family in ("ladder", "multiple")
    }
    fixed = with_its_company(told.keys() - found.keys())
    out = {path: prior for path, prior in found.items() if path not in common | fixed}
    for path in common - fixed:
        _, kind, field = path.split(".")
        if field in LADDERS:
            out[f"priors.{field}_steps.{kind}"] = told[f"priors.{field}_steps"]
        name = f"priors.{field}_scale" if field in LADDERS else factor_of(kind, field)
        out[name] = told[name]
    return dict(sorted({**out, **_of_the_scenario(scenario, told)}.items()))


def factor_of(kind: str, field: str) -> str:
    """The factor that a half-life has in common with acts of its sort, and a rate of
    opportunities with all types."""
    sort = "symbolic" if kind in SYMBOLIC else "material"
    return "priors.ceiling" if field == "ceiling" else f"priors.half_life_{sort}"


def _default_values() -> dict[str, float]:
    return {str(row["path"]): float(str(row["value"])) for row in parameter_table()}


def _is_default(scenario: Scenario, path: str, default: float) -> bool:
    """Whether the scenario has the parameter and leaves it at its default, or at what
    it was calibrated to."""
    try:
        value = value_at(scenario, path)
    except LookupError:
        return False
    if path.startswith("theory.weights."):
        name = path.rpartition(".")[2]
        return value != 0 and value in (
            default,
            scenario.calibration.weights.get(name, default),
        )
    if path.endswith(".intercept") and scenario.calibration.names:
        return path in scenario.calibration.names
    return bool(value == default)


def _of_the_scenario(
    scenario: Scenario, told: Mapping[str, ParameterPrior]
) -> dict[str, ParameterPrior]:
    """What a scenario guesses itself: attention, how visible its focal event is, and
    its level."""
    out = {}
    for name, audience in scenario.audiences.items():
        value = audience.attention.get("default")
        if value is not None and 0 < value < 1:
            out[f"audiences.{name}.attention.default"] = _about(
                told["priors.attention"], value
            )
    focal = next((one for one in scenario.events if one.id == scenario.focal), None)
    if focal is not None and focal.confidence == "guess" and 0 < focal.visibility < 1:
        out[f"events.{focal.id}.visibility"] = _about(
            told["priors.visibility"], focal.visibility
        )
    if scenario.targets_alternatives:
        shares = {one.id: one.weight for one in scenario.targets_alternatives}
        out[CODING] = ParameterPrior(
            "coding", shares, "weights of `targets_alternatives`"
        )
    if (level := level_of(scenario)) is not None:
        prior = told["priors.base_rate"]
        out["base_rate"] = ParameterPrior(
            "log-normal", {"median": level, "sd": prior.numbers["sd"]}, prior.source
        )
    return out


def _about(prior: ParameterPrior, value: float) -> ParameterPrior:
    """A beta distribution about a guess, narrower where the guess is near an end."""
    sd = min(prior.numbers["sd"], 0.6 * float(np.sqrt(value * (1 - value))))
    return ParameterPrior("beta", {"mean": value, "sd": sd}, prior.source)


def level_of(scenario: Scenario) -> float | None:
    """Agreements a year expected at the start: as the scenario states them, or as it
    was calibrated; else None."""
    if scenario.base_rate is not None or not scenario.calibration.names:
        return scenario.base_rate
    from balance_sim.model.baseline import compile_worlds, expected_a_year

    worlds = compile_worlds(scenario, [scenario.reference_arm])
    return float(f"{expected_a_year(worlds.reference, worlds.baseline):.4g}")


def from_factors(
    scenario: Scenario, factors: Mapping[str, Floats]
) -> dict[str, Floats]:
    """(D,) values by key path from what was drawn independently: the ladder is put
    together. Raises KeyError."""
    used = _default_values()
    out = {
        path: values
        for path, values in factors.items()
        if not path.startswith("priors.")
    }
    for field in LADDERS:
        name = f"priors.{field}_"
        kinds = [kind for kind in SIGNAL_ORDER if f"{name}steps.{kind}" in factors]
        if not kinds:
            continue
        weights = [used[f"event_kinds.{kind}.{field}"] for kind in kinds]
        steps = np.diff(weights, prepend=0.0)[:, None] * [
            factors[f"{name}steps.{kind}"] for kind in kinds
        ]
        heights = np.cumsum(steps, axis=0)
        most = limits(f"event_kinds.{kinds[-1]}.{field}")[1]
        scale = np.minimum(
            factors[f"{name}scale"], most / heights[-1]
        )  # the whole ladder stays below the bound
        out |= {
            f"event_kinds.{kind}.{field}": of * scale
            for kind, of in zip(kinds, heights, strict=True)
        }
    for path, prior in priors().items():
        name = factor_of(*path.split(".")[1:]) if prior.family == "multiple" else ""
        if name in factors and _is_default(scenario, path, used[path]):
            out[path] = used[path] * factors[name]
    if out.keys() >= {*CAPABILITY}:
        whole = sum(out[path] for path in CAPABILITY)
        first, second = (np.round(out[path] / whole, DIGITS) for path in CAPABILITY[:2])
        out |= dict(
            zip(
                CAPABILITY,
                (first, second, np.round(1.0 - first - second, DIGITS)),
                strict=True,
            )
        )
    return {path: np.clip(out[path], *limits(path)) for path in sorted(out)}


BOUNDED = {"parameters": Parameters, "kinds": AgreementKind, "event_kinds": EventKind}


def limits(path: str) -> tuple[float, float]:
    """The least and the largest value that a scenario takes at a key path: what is
    drawn beyond stands at the bound."""
    head, name = path.partition(".")[0], path.rpartition(".")[2]
    low, high = -np.inf, np.inf
    for part in parts_of(BOUNDED[head], name) if head in BOUNDED else ():
        for one in getattr(part, "metadata", [part]):
            low = float(str(one.ge)) if isinstance(one, annotated_types.Ge) else low
            high = float(str(one.le)) if isinstance(one, annotated_types.Le) else high
    return low, high


def prior_draws(scenario: Scenario, count: int = COUNT, seed: int = SEED) -> Draws:
    """Joint draws from the priors of all parameters that the scenario has.

    A column depends on seed and key path alone, and the first draws of more are those
    of fewer.

    >>> from balance_sim.scenario import load_scenario
    >>> draws = prior_draws(load_scenario("scenarios/solomon_2022.yaml"), 4)
    >>> draws.values.shape[0], bool((draws.column("event_kinds.treaty.intent") > 0).all())
    (4, True)
    """
    told = drawn_priors(scenario)
    factors = {
        path: quantile(prior, uniforms(path, count, seed))
        for path, prior in told.items()
    }
    return as_draws(from_factors(scenario, factors), "prior")


# --- files ------------------------------------------------------------------------------------------


def posterior_draws(scenario: Scenario) -> Draws:
    """The joint draws that the scenario names by `posterior:`, without columns of
    parameters that were changed since.

    Raises ScenarioError, with the command that writes it again, where it names none, or
    the file is not there, another one, or drawn for another record, other priors or
    another fit."""
    named, again = (
        scenario.posterior,
        f"write it again: balance-sim evidence posterior {scenario.name}",
    )
    here, file = Mark(scenario.name, 1, 1), Mark(named.file, 1, 1)
    if not named.draws:
        why = "the scenario names no posterior"
        hint = f"write one: balance-sim evidence posterior {scenario.name}; then name it by `posterior:`"
        raise refused(here, "posterior", "E107", why, hint)
    written = scenario.written if isinstance(scenario.written, Scenario) else None
    if written is not None and posterior_digest(written) != named.scenario_sha256:
        raise refused(
            file,
            "scenario_sha256",
            "E505",
            "drawn for another form of this scenario",
            again,
        )
    if priors_digest() != named.priors_sha256:
        raise refused(
            file,
            "priors_sha256",
            "E505",
            "drawn from other priors, or other fits",
            again,
        )
    if named.table:
        drawn = _read(
            base64.b64decode(named.table), named.sha256, Mark(named.draws, 1, 1), again
        )
    elif scenario.folder:
        drawn = read_draws(Path(scenario.folder) / named.draws, named.sha256, again)
    else:
        why = (
            "the table of draws is not at hand: the scenario was not read from a folder"
        )
        raise refused(here, "posterior", "E001", why, "load the scenario from its file")
    return drawn.without(_changed(scenario, written or scenario, drawn.paths))


def _changed(scenario: Scenario, written: Scenario, paths: tuple[str, ...]) -> set[str]:
    """Parameters that the scenario has no more, or that have another value than in the
    file as written."""

    def value(of: Scenario, path: str) -> object:
        try:
            return value_at(of, path)
        except LookupError:
            return "none"

    aimed = f"events.{scenario.focal}.targets"
    changed = {
        path
        for path in paths
        if value(scenario, path) != value(written, path)
        or (path != "base_rate" and value(scenario, path) == "none")
        or (path == CODING and value(scenario, aimed) != value(written, aimed))
    }
    return with_its_company(changed)


def read_draws(path: Path, sha256: str, again: str) -> Draws:
    """A table of draws, held to the sha256 of its text. Raises ScenarioError, with
    `again` as the next step."""
    named = Mark(shown(os.fspath(path), 200), 1, 1)
    try:
        data = regular_bytes(path, LARGEST_DRAWS)
    except FileNotFoundError:
        raise refused(
            named, "", "E001", "the table of draws is not there", again
        ) from None
    except OSError as error:
        raise refused(named, "", "E003", f"cannot be read: {error}", again) from None
    return _read(data, sha256, named, again)


def _read(data: bytes, sha256: str, named: Mark, again: str) -> Draws:
    try:
        text = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise refused(
            named, "", "E003", f"cannot be read as a gzipped table: {error}", again
        ) from None
    if hashlib.sha256(text).hexdigest() != sha256:
        raise refused(named, "", "E503", "not the table of the head's sha256", again)
    paths, *rows = zip(
        *(line.split(",") for line in text.decode("ascii").splitlines()), strict=True
    )
    return Draws(paths, np.array(rows, dtype=np.float64), "posterior", sha256)

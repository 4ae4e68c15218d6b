"""Joint draws of parameters: priors as declared, keys of their own, and how a file of draws is refused."""

import gzip
import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from balance_sim.evidence.posterior import priors as drawing
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.evidence.posterior.priors import coordinates, from_factors, prior_draws, quantile
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import ParameterPrior, measurements, parameter_table, priors
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.fingerprint import priors_digest
from balance_sim.scenario.schema import SIGNAL_ORDER
from balance_sim.study.draws import at, draws_bytes
from scipy import stats

from .conftest import solomon_with_draws

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
PROBABILITIES = np.array([0.001, 0.025, 0.3, 0.5, 0.9, 0.999])


@pytest.mark.parametrize(
    ("prior", "other"),
    [
        (ParameterPrior("normal", {"mean": -2.5, "sd": 0.5}, ""), stats.norm(-2.5, 0.5)),
        (ParameterPrior("log-normal", {"median": 3.0, "sd": 0.4}, ""), stats.lognorm(0.4, scale=3.0)),
        (ParameterPrior("log-normal", {"lower": 1.0, "median": 3.0, "sd": 0.4}, ""), stats.lognorm(0.4, 1.0, 2.0)),
        (ParameterPrior("half-normal", {"sd": 1.5}, ""), stats.halfnorm(0, 1.5)),
        (ParameterPrior("half-normal", {"lower": 1.0, "sd": 1.5}, ""), stats.halfnorm(1, 1.5)),
        (ParameterPrior("beta", {"mean": 0.3, "sd": 0.1}, ""), stats.beta(6.0, 14.0)),
    ],
)
def test_quantiles_are_those_of_the_families(prior: ParameterPrior, other: Any) -> None:
    assert quantile(prior, PROBABILITIES) == pytest.approx(other.ppf(PROBABILITIES))


def test_a_prior_below_a_bound_and_one_of_a_negative_number_are_mirrored() -> None:
    below = quantile(ParameterPrior("half-normal", {"upper": 1.0, "sd": 0.1}, ""), PROBABILITIES)
    assert 1.0 - below == pytest.approx(stats.halfnorm(0, 0.1).ppf(1 - PROBABILITIES))
    negative = quantile(ParameterPrior("log-normal", {"median": -0.4, "sd": 0.5}, ""), PROBABILITIES)
    assert -negative == pytest.approx(stats.lognorm(0.5, scale=0.4).ppf(1 - PROBABILITIES))


def test_coordinates_are_the_inverse_of_quantiles() -> None:
    """Of every prior and measurement that has one; a mass at a bound is one place."""
    z = np.array([-2.0, -0.4, 0.0, 0.7, 2.0])
    for path, prior in (*priors().items(), *measurements().items()):
        has_place = {"normal": "mean", "beta": "mean", "log-normal": "median"}.get(prior.family, "sd")
        if prior.family in ("ladder", "multiple", "gamma") or has_place not in prior.numbers:
            continue
        spike, expected = prior.numbers.get("spike"), z
        if spike is not None:
            bound = stats.norm.ppf(1.0 - spike if "upper" in prior.numbers else spike)
            expected = np.minimum(z, bound) if "upper" in prior.numbers else np.maximum(z, bound)
        assert coordinates(prior, quantile(prior, stats.norm.cdf(z))) == pytest.approx(expected, abs=1e-5), path


def test_a_spike_is_the_probability_of_the_bound_and_the_rest_keeps_its_family() -> None:
    u = (np.arange(1000) + 0.5) / 1000
    for at_bound, numbers in ((1.0, {"lower": 1.0}), (2.0, {"upper": 2.0})):
        found = quantile(ParameterPrior("half-normal", {**numbers, "sd": 0.5, "spike": 0.3}, ""), u)
        assert (found == at_bound).mean() == pytest.approx(0.3)
        rest = np.abs(found[found != at_bound] - at_bound)
        assert stats.kstest(rest, stats.halfnorm(0, 0.5).cdf).pvalue > 0.9


def test_shares_of_capability_are_a_dirichlet_whose_means_are_the_defaults() -> None:
    scenario = load_scenario(SCENARIOS / "solomon_2022.yaml", drawn=False)
    draws, shapes = prior_draws(scenario, 4000), np.array([4.0, 4.0, 2.0])
    shares = np.stack([draws.column(f"capability.{name}") for name in ("gdp", "milex", "population")], axis=1)
    mean = shapes / shapes.sum()
    assert mean.tolist() == [scenario.capability.gdp, scenario.capability.milex, scenario.capability.population]
    assert shares.mean(axis=0) == pytest.approx(mean, abs=0.01)
    assert shares.var(axis=0) == pytest.approx(mean * (1 - mean) / 11.0, rel=0.08)


def test_every_guess_with_a_range_has_a_prior_with_the_source_of_its_spread() -> None:
    """But for what is off, and what is a definition: the step of the time grid, the floor with which elasticities are
    measured, that force spreads by shares of its own, and that alarm counts by the elasticities alone."""
    without = {str(row["path"]): row["value"] for row in parameter_table() if row["prior"] is None}
    defined = {"step_days", "parameters.alarm_floor", "theory.weights.alarm"}
    defined |= {f"event_kinds.{kind}.spreads" for kind in ("force", "annexation")}
    assert {path for path, value in without.items() if value} == defined
    assert "event_kinds.retrenchment.reliability" not in without
    assert all(len(prior.source) > 10 for prior in priors().values())


def test_values_in_use_lie_within_their_priors() -> None:
    """A value in use beyond the central 99 % of its prior would say that the two were chosen apart."""
    outside = []
    for row in parameter_table():
        prior = priors().get(str(row["path"]))
        if prior is None or prior.family in ("ladder", "multiple", "gamma"):
            continue
        low, high = quantile(prior, np.array([0.005, 0.995]))
        if not low - 0.02 <= float(str(row["value"])) <= high + 0.02:
            outside.append(row["path"])
    assert outside == []


def test_a_column_depends_on_its_path_and_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(SCENARIOS / "solomon_2022.yaml")
    whole, short, other = prior_draws(scenario, 40), prior_draws(scenario, 10), prior_draws(scenario, 10, seed=2)
    assert np.array_equal(whole.values[:10], short.values)
    assert not np.isin(short.column("parameters.beta"), other.column("parameters.beta")).any()
    told = priors()
    fewer = {path: prior for path, prior in told.items() if path != "parameters.alpha0"}
    monkeypatch.setattr(drawing, "priors", lambda: fewer)
    left = prior_draws(scenario, 10)
    assert set(short.paths) - set(left.paths) == {"parameters.alpha0"}
    assert np.array_equal(left.values, short.without({"parameters.alpha0"}).values)


@pytest.mark.parametrize("name", ["solomon_2022", "beijing_2025"])
def test_draws_are_accepted_and_keep_what_the_rules_keep(name: str) -> None:
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    draws = prior_draws(scenario, 200)
    for field in ("alignment", "intent"):
        ladder = [draws.column(f"event_kinds.{kind}.{field}") for kind in SIGNAL_ORDER]
        assert all((low < high).all() for low, high in pairwise(ladder))
    for weight in ("common_threat", "hostility"):
        assert (draws.column(f"theory.weights.{weight}") >= 0).all()
    assert sum(draws.column(f"capability.{one}") for one in ("gdp", "milex", "population")) == pytest.approx(1.0)
    for k in range(0, 200, 20):
        drawn = at(scenario, draws, k)
        assert drawn.base_rate == draws.column("base_rate")[k]
        assert drawn.sha256 != scenario.sha256
        assert drawn.written == scenario


def test_what_a_scenario_sets_is_not_drawn() -> None:
    path = SCENARIOS / "solomon_2022.yaml"
    plain = set(prior_draws(load_scenario(path), 1).paths)
    set_here = load_scenario(path, set=["parameters.beta=0.35", "event_kinds.visit.intent=0.1"])
    ladder = {f"event_kinds.{kind}.intent" for kind in SIGNAL_ORDER}
    assert plain - set(prior_draws(set_here, 1).paths) == {"parameters.beta"} | ladder
    bandwagoning = load_scenario(path, theory="bandwagoning")
    switched_off = {f"theory.weights.{one}" for one in ("hostility", "common_threat")}
    assert plain - set(prior_draws(bandwagoning, 1).paths) == switched_off


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small scenario with a table of draws that are those of its prior."""
    return solomon_with_draws(tmp_path, 5)


def head_of(path: Path) -> Path:
    return path.with_suffix("") / "posterior.yaml"


def changed(path: Path, **values: object) -> None:
    head = yaml.safe_load(head_of(path).read_text())
    head_of(path).write_text(yaml.safe_dump(head | values, sort_keys=False))


def refusal(path: Path) -> tuple[str, str]:
    """Code and key of what is refused; the next step is the command that writes the draws again."""
    with pytest.raises(ScenarioError) as refused:
        posterior_draws(load_scenario(path))
    (problem,) = refused.value.problems
    assert "balance-sim evidence posterior solomon_2022" in problem.suggestion
    return problem.code, problem.path


def test_a_file_gives_back_what_was_drawn_and_the_same_bytes(copy: Path) -> None:
    scenario = load_scenario(copy)
    draws = posterior_draws(scenario)
    assert draws.source == "posterior"
    assert np.array_equal(draws.values, prior_draws(scenario, 5).values)
    data = (copy.with_suffix("") / "posterior.csv.gz").read_bytes()
    assert draws_bytes(draws) == data
    assert hashlib.sha256(gzip.decompress(data)).hexdigest() == draws.sha256


def test_draws_of_another_scenario_other_priors_or_another_table_are_refused(copy: Path) -> None:
    text, table = copy.read_text(), copy.with_suffix("") / "posterior.csv.gz"
    copy.write_text(text.replace("base_rate: 0.5", "base_rate: 0.6"))
    assert refusal(copy) == ("E505", "scenario_sha256")
    copy.write_text(text)
    changed(copy, priors_sha256="0" * 64)
    assert refusal(copy) == ("E505", "priors_sha256")
    changed(copy, priors_sha256=priors_digest(), sha256="0" * 64)
    assert refusal(copy) == ("E503", "")
    table.write_bytes(b"no gzip")
    assert refusal(copy) == ("E003", "")
    table.unlink()
    assert refusal(copy) == ("E001", "")
    copy.write_text(text.partition("\n")[2])
    assert refusal(copy) == ("E107", "posterior")


def test_a_ladder_that_would_pass_the_bound_is_lowered_as_a_whole() -> None:
    """Weights of acts stay in their order where the dearest stands at the most that a scenario takes."""
    scenario = load_scenario("scenarios/solomon_2022.yaml")
    factors = {f"priors.intent_steps.{kind}": np.ones(2) for kind in SIGNAL_ORDER}
    found = from_factors(scenario, factors | {"priors.intent_scale": np.array([2.0, 100.0])})
    column = np.stack([found[f"event_kinds.{kind}.intent"] for kind in SIGNAL_ORDER])
    assert (np.diff(column, axis=0) > 0).all()
    assert column[-1].tolist() == [2.0, 20.0]
    assert column[0].tolist() == pytest.approx([0.2, 2.0])

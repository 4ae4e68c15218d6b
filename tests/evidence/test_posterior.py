"""The posterior of parameters: closed forms, what data leave alone, and the shipped draws."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import aimed
import numpy as np
import pandas as pd
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.posterior import joint
from balance_sim.evidence.posterior.joint import posterior_of, reweighted
from balance_sim.evidence.posterior.likelihoods import (
    AgreementRecord,
    Axes,
    EventRecord,
    Evidence,
    in_errors,
    likelihoods_apart,
    profiled,
    record_of,
    shipped_evidence,
    shipped_record,
    stretch,
)
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.evidence.posterior.power_scaling import FINDINGS, INFORMED, NOT_EVALUATED
from balance_sim.evidence.posterior.priors import drawn_priors, prior_draws, quantile
from balance_sim.evidence.posterior.surrogate import fit_process
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import ParameterPrior, fitted_distribution, priors, shipped_yaml
from balance_sim.scenario.schema import SIGNAL_ORDER
from balance_sim.study.draws import Draws, at
from click.testing import CliRunner
from scipy import stats

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
Drawn = tuple[Draws, dict[str, Any]]
NAMES = sorted(path.parent.name for path in SCENARIOS.glob("*/posterior.yaml"))
SOLOMON = SCENARIOS / "solomon_2022.yaml"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest scenario, which has no calibration, with draws that the command made."""
    folder = tmp_path_factory.mktemp("posterior")
    shutil.copytree(SCENARIOS / "solomon_2022", folder / "solomon_2022")
    shutil.copy(SOLOMON, folder)
    words = ["evidence", "posterior", str(folder / SOLOMON.name), "--draws", "120"]
    assert CliRunner().invoke(main, words, catch_exceptions=False).exit_code == 0
    return folder / SOLOMON.name


@pytest.fixture(scope="module")
def small(copy: Path) -> Drawn:
    """Its draws, and what is said of them."""
    head = yaml.safe_load((copy.parent / "solomon_2022" / "posterior.yaml").read_text())
    return posterior_draws(load_scenario(copy)), head


# --- closed forms -----------------------------------------------------------------------------------


def test_a_normal_prior_times_a_normal_likelihood_is_the_conjugate_one() -> None:
    prior, u = ParameterPrior("normal", {"mean": 1.0, "sd": 2.0}, ""), np.linspace(0.01, 0.99, 25)
    found = reweighted(prior, u, lambda x: -0.5 * ((x - 4.0) / 1.5) ** 2)
    variance = 1 / (1 / 4 + 1 / 2.25)
    mean = variance * (1 / 4 + 4 / 2.25)
    assert found == pytest.approx(stats.norm(mean, variance**0.5).ppf(u), abs=2e-3)


def test_no_agreements_where_some_were_expected_give_the_gamma_posterior() -> None:
    """f^(-1/2) e^(-6.2 f) on 0..1: the posterior of decision 19, whose mean is 0.08."""
    u = (np.arange(2000) + 0.5) / 2000
    found = reweighted(priors()["parameters.factor_no_relations"], u, lambda f: -6.2 * f)
    assert found.mean() == pytest.approx(0.5 / 6.2, abs=0.003)


def test_a_likelihood_that_says_nothing_leaves_the_prior_as_it_is() -> None:
    prior, u = priors()["parameters.beta"], np.linspace(0.001, 0.999, 50)
    assert reweighted(prior, u, np.zeros_like) == pytest.approx(quantile(prior, u), rel=1e-3)


def test_importance_draws_have_the_moments_of_a_normal_posterior() -> None:
    """Prior N(0, I), likelihood N(y, S): mean and covariance are known, whatever the proposal was."""
    noise = np.array([[0.5, 0.2, 0.0], [0.2, 1.0, 0.3], [0.0, 0.3, 2.0]])
    inverse, y = np.linalg.inv(noise), np.array([1.5, -1.0, 0.5])
    covariance = np.linalg.inv(np.eye(3) + inverse)
    z, shape, size = joint.importance_draws(
        "test", lambda at: -0.5 * np.einsum("dk,kj,dj->d", at - y, inverse, at - y), 3, seed=1
    )
    assert z.mean(axis=0) == pytest.approx(covariance @ inverse @ y, abs=0.02)
    assert np.cov(z.T) == pytest.approx(covariance, abs=0.02)
    assert shape < 0.3 and size > 0.9 * len(z)


def test_a_curved_likelihood_is_followed_where_laplace_is_wrong() -> None:
    """Likelihood of z^2 = 1 with error 0.5: two modes, moments by quadrature; Laplace at one mode has neither."""
    z, _, _ = joint.importance_draws("test", lambda at: -0.5 * ((at[:, 0] ** 2 - 1.0) / 0.5) ** 2, 1, seed=1)
    grid = np.linspace(-4, 4, 4001)
    weight = np.exp(-0.5 * grid**2 - 0.5 * ((grid**2 - 1.0) / 0.5) ** 2)
    second = float((weight * grid**2).sum() / weight.sum())
    assert (z**2).mean() == pytest.approx(second, abs=0.05)


SIX = tuple(f"parameters.{name}" for name in ("alpha0", "alpha_x", "alpha_acc", "delta_km", "gamma", "eta_acc"))


def record_from(height: np.ndarray, spread: np.ndarray, points: np.ndarray) -> AgreementRecord:
    """A record evaluated at coordinates; the peak of `common_threat` is 6 errors high, both over the spread of its
    term."""
    values = Axes(SIX, priors(), {}).values(points)
    columns = [*values.values(), height, 6.0 / spread, -np.log(spread)]
    rows, weights = np.stack(columns, axis=1), ["common_threat"]
    axes = Axes(SIX, priors(), {}).coordinates(values)
    scales = {
        "marginal": fit_process(axes, height).scales,
        "weights": fit_process(axes, in_errors(rows[:, 7:])).scales,
    }
    told = {"names": SIX, "points": rows, "weights": weights, "scales": scales, "stretch": {"": 1.0}, "error": []}
    return record_of(told, {})


@pytest.mark.needs("sklearn")
def test_draws_stay_where_the_likelihood_is_known() -> None:
    """With the likelihood that is expected of a normal log-likelihood they leave for where its variance is large."""

    def height(z: np.ndarray) -> np.ndarray:
        return -30.0 * np.abs(np.tanh(z[:, 0] - 1.0)) - 10.0 * (np.sin(z[:, 1]) * z[:, 2]) ** 2

    points = np.random.default_rng(3).standard_normal((60, 6))
    record = record_from(height(points), np.ones(60), points)
    found, exact = (
        joint.importance_draws("test", function, 6, 1, 4000)[0] for function in (record.log_likelihood, height)
    )
    assert found.mean(axis=0) == pytest.approx(exact.mean(axis=0), abs=0.5)


@pytest.mark.needs("sklearn")
def test_weights_follow_the_spread_of_their_term() -> None:
    """A spread that differs by a factor of 20: peak and error at points between are right to a hundredth."""

    def spread(z: np.ndarray) -> np.ndarray:
        return np.exp(0.6 * z[:, 0] + 0.3 * z[:, 1])

    points, new = (np.random.default_rng(seed).standard_normal((60, 6)) for seed in (4, 5))
    record, fitted = record_from(np.zeros(60), spread(points), points), fitted_distribution()
    peaks, errors = record.weights_at(new, fitted)
    k = fitted.paths.index("theory.weights.common_threat")
    axes = spread(record.axes.places(new))
    assert peaks[:, k] * axes == pytest.approx(6.0, rel=0.01)
    assert errors[:, k] * axes == pytest.approx(1.0, rel=0.01)


def test_the_rate_follows_its_profile_and_a_line_beyond_it() -> None:
    points = [[0.1, -8.0], [0.2, -2.0], [0.4, 0.0], [0.8, -1.0]]
    found = profiled(points)
    rates = np.array([rate for rate, _ in points]) / 0.4
    assert found(rates) == pytest.approx([-8.0, -2.0, 0.0, -1.0])
    far = found(2.0 * np.array([2.0, 4.0, 8.0]))
    assert np.diff(far)[1] == pytest.approx(np.diff(far)[0])
    assert far[0] < -1.0


def test_a_level_that_a_record_tells_peaks_where_the_record_has_it() -> None:
    """As if 1 / variance agreements had been counted: with a flat prior of the logarithm the posterior is gamma."""
    scenario = load_scenario(SCENARIOS / "beijing_2025.yaml", drawn=False)
    likelihood = likelihoods_apart(scenario)["base_rate"]
    level = joint.drawn_priors(scenario)["base_rate"].numbers["median"]
    rates = np.exp(np.linspace(0.0, 5.0, 20_001))
    height, count = likelihood(rates), 1.0 / scenario.calibration.level_variance
    weight = np.exp(height - height.max())
    mean = float(weight @ rates / weight.sum())
    assert rates[height.argmax()] == pytest.approx(mean, rel=1e-3)
    spread = float(weight @ rates**2 / weight.sum()) / mean**2 - 1.0
    assert spread == pytest.approx(1.0 / count, rel=0.01)
    assert level == pytest.approx(
        0.01 * len(scenario.states) * (len(scenario.states) - 1) / 2
    )  # whatever the record says


def test_scores_of_dyads_that_share_a_state_hang_together() -> None:
    """Rows apart have the stretch 1; a shock of each state that all its dyads have is counted for all pairs of them."""
    a, b = np.triu_indices(40, 1)
    rng = np.random.default_rng(2)
    apart = rng.standard_normal((50, len(a)))
    assert stretch(apart, a, b) < 1.1
    state = rng.standard_normal((200, 40))
    whole = state[:, a] + state[:, b]
    # var of the sum over dyads 39^2 * 40 against 2 a dyad
    assert stretch(whole, a, b) == pytest.approx(39**2 * 40 / (2 * len(a)), rel=0.15)


def test_what_is_measured_of_average_acts_leaves_acts_that_are_aimed_at_somebody_open() -> None:
    """A multiplier measured as 0 with error s, where a share p of acts is aimed: with p known the weight has error
    s / p, and without it (p = 1) s."""
    path = "event_kinds.exercise.intent"
    record = EventRecord((path,), ("share",), np.zeros(1), np.array([[0.1**2]]))
    weight = np.array([0.0, 0.4, 0.8])  # multiples 0, 1, 2 of the weight in use
    assert record.log_likelihood({path: weight, "share": np.full(3, 0.05)}) == pytest.approx([0.0, -0.125, -0.5])
    assert record.log_likelihood({path: weight}) == pytest.approx([0.0, -50.0, -200.0])


def test_coders_that_agree_by_chance_alone_have_kappa_0() -> None:
    """Cohen 1960: of two codes that each coder gives to half, agreement in 3 of 4 is half of what chance leaves."""
    a = pd.Series(["yes", "yes", "no", "no"] * 25)
    assert aimed.kappa(a, pd.Series(["yes", "no"] * 50)) == pytest.approx(0.0)
    assert aimed.kappa(
        a, pd.Series(["yes", "yes", "no", "yes", "yes", "no", "no", "no"] * 12 + ["yes", "yes", "no", "no"])
    ) == (pytest.approx(0.52))
    assert aimed.kappa(a, a) == 1.0


# --- the whole --------------------------------------------------------------------------------------


@pytest.mark.needs("sklearn")
def test_silent_parameters_keep_the_draws_of_their_priors(small: Drawn) -> None:
    prior = prior_draws(load_scenario(SOLOMON), 120)
    draws, made = small
    silent = [path for path, (word, *_) in made["informed"].items() if word == NOT_EVALUATED]
    assert len(silent) > 60
    assert all(made["informed"][path][2] == 0 for path in silent)
    for path in silent:
        assert draws.column(path) == pytest.approx(prior.column(path), rel=6e-3, abs=6e-3), path


@pytest.mark.needs("sklearn")
def test_parameters_that_data_inform_are_narrower_than_their_priors(small: Drawn) -> None:
    scenario, (draws, made) = load_scenario(SOLOMON), small
    prior, declared, wider = prior_draws(scenario, 2000), drawn_priors(scenario), []
    for path, (word, to_prior, to_likelihood, _) in made["informed"].items():
        if word == INFORMED and to_likelihood > 2 * to_prior:
            before, after = prior.column(path), draws.column(path)
            if joint._is_log_normal(path, declared):
                before, after = np.log(np.abs(before)), np.log(np.abs(after))
            wider += [path] if after.std() > 1.1 * before.std() else []  # of 120 draws
    assert wider == []
    words = [word for word, *_ in made["informed"].values()]
    assert words.count(INFORMED) > 20
    assert {INFORMED, NOT_EVALUATED} <= {*words} <= {*FINDINGS}


@pytest.mark.needs("sklearn")
def test_a_measurement_is_a_likelihood_and_no_prior(small: Drawn) -> None:
    """The elasticity in alarm, 0 (1.6) before and 1 (0.33) measured: the conjugate posterior, in multiples of 0.32."""
    weight = 0.33**-2 / (0.33**-2 + 1.6**-2)
    found = small[0].column("kinds.access.reaction") / 0.32
    assert found.mean() == pytest.approx(weight, abs=0.1)
    assert found.std() == pytest.approx(0.33 * weight**0.5, rel=0.2)
    for path in ("kinds.access.reaction", "parameters.eta0", "parameters.eta_x", "parameters.spread_near"):
        assert small[1]["informed"][path][0] == INFORMED, path


@pytest.mark.needs("sklearn")
def test_draws_keep_signs_and_order_and_can_be_simulated(small: Drawn) -> None:
    draws, _ = small
    for path in fitted_distribution().at_least_zero:
        assert (draws.column(path) >= 0).all()
    for field in ("alignment", "intent"):
        steps = np.stack([draws.column(f"event_kinds.{kind}.{field}") for kind in SIGNAL_ORDER])
        assert (np.diff(steps, axis=0) > 0).all()
    assert at(load_scenario(SOLOMON), draws, 7).parameters.beta == draws.column("parameters.beta")[7]


@pytest.mark.needs("sklearn")
def test_weights_are_those_of_the_fit_where_its_data_are_alone(small: Drawn) -> None:
    """The prior is so wide that the fit's standard error decides."""
    fitted = fitted_distribution()
    at_of = fitted.paths.index("theory.weights.joint_democracy")
    found = small[0].column("theory.weights.joint_democracy")
    error = fitted.covariance[at_of][at_of] ** 0.5
    assert found.mean() == pytest.approx(fitted.estimate[at_of], abs=error)
    assert 0.8 * error < found.std() < 2 * error


@pytest.mark.needs("sklearn")
@pytest.mark.parametrize("sd", [0.5, 5.0])
def test_weights_are_integrated_out_of_what_the_record_says_of_beliefs(sd: float) -> None:
    """One weight, above 0 by theory: its normal likelihood at draws of beliefs times its prior, by quadrature."""
    name, evidence = "theory.weights.common_threat", shipped_evidence(load_scenario(SOLOMON))
    prior = {name: ParameterPrior("half-normal", {"sd": sd}, "")}
    z = np.random.default_rng(1).standard_normal((6, len(evidence.record.axes.names)))
    found = joint._weights_drawn(prior, evidence, None).log_evidence(z)
    peak, error = told_at(evidence, name, z)
    weight = np.linspace(0.0, 40.0, 40_001)
    likelihood = np.exp(-0.5 * ((weight - peak[:, None]) / error[:, None]) ** 2)
    wanted = np.log((likelihood * stats.norm.pdf(weight, 0.0, sd)).sum(axis=1))
    assert found - found[0] == pytest.approx(wanted - wanted[0], abs=1e-3)
    assert np.ptp(wanted) > 0.001
    assert np.ptp(np.log(error)) > 0.1  # with one error at all draws this would not be


def told_at(evidence: Evidence, name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peak and error of a weight at draws of beliefs."""
    peaks, errors = evidence.record.weights_at(z, evidence.fitted)
    at_of = evidence.fitted.paths.index(name)
    return peaks[:, at_of], errors[:, at_of]


@pytest.mark.needs("sklearn")
def test_a_weight_is_drawn_with_the_error_that_it_has_where_beliefs_are() -> None:
    """Of 200 draws of beliefs those with the smallest and the largest error: the cut normal distribution of each, with a
    prior too wide to count."""
    name, evidence = "theory.weights.common_threat", shipped_evidence(load_scenario(SOLOMON))
    prior = {name: ParameterPrior("half-normal", {"sd": 1e3}, "")}
    z = np.random.default_rng(1).standard_normal((200, len(evidence.record.axes.names)))
    peak, error = told_at(evidence, name, z)
    ends = [int(error.argmin()), int(error.argmax())]
    assert error[ends[1]] > 1.3 * error[ends[0]]
    for k in ends:
        drawn, _ = joint._weights(prior, evidence, None, np.tile(z[k], (4000, 1)), 1)[name]
        wanted = stats.truncnorm(-peak[k] / error[k], np.inf, peak[k], error[k])
        assert stats.kstest(drawn, wanted.cdf).pvalue > 0.01


@pytest.mark.needs("sklearn")
def test_event_data_pull_weights_to_their_multipliers() -> None:
    """Data that say twice the weight with an error of 5 % leave no doubt, of that kind; its neighbours follow."""
    path = "event_kinds.exercise.alignment"
    strong = EventRecord((path,), ("",), np.array([2.0]), np.array([[0.0025]]))
    shipped = shipped_evidence(load_scenario(SOLOMON))
    raw = load_scenario(SOLOMON, calibrated=False)
    found, _ = posterior_of(load_scenario(SOLOMON), raw, 120, 1, evidence=replace(shipped, events=strong))
    assert found.column(path).mean() == pytest.approx(1.2, rel=0.05)
    assert found.column("event_kinds.treaty.alignment").mean() > 1.5 * 1.2
    prior = prior_draws(load_scenario(SOLOMON), 120).column("event_kinds.treaty.intent")
    assert np.median(found.column("event_kinds.treaty.intent")) == pytest.approx(np.median(prior), rel=0.4)


# --- what is shipped --------------------------------------------------------------------------------


@pytest.mark.needs("sklearn")
def test_the_shipped_evaluations_are_told_well_by_their_surrogate() -> None:
    """The last points, draws of the posterior, by those before them: as far off as the table says, below 1 nat."""
    table, record = shipped_yaml("beliefs.yaml"), shipped_record()
    rows, count, fresh = np.array(table["points"]), len(record.axes.names), table["fresh"]
    places = record.axes.coordinates(dict(zip(record.axes.names, rows.T, strict=False)))
    before = fit_process(places[:-fresh], rows[:-fresh, count], table["scales"]["marginal"])
    error = before(places[-fresh:]) - rows[-fresh:, count]
    assert fresh >= 20
    assert np.sqrt((error**2).mean()) == pytest.approx(record.error, abs=0.3)
    assert record.error < 1.0
    assert set(record.axes.names) <= priors().keys()


@pytest.mark.parametrize("name", NAMES)
def test_shipped_draws_are_of_the_shipped_scenario_priors_and_fits(name: str) -> None:
    """If this fails, the scenario, a prior or a fit has changed: run `balance-sim evidence posterior` as the file says."""
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    draws = posterior_draws(scenario)
    head = yaml.safe_load((SCENARIOS / name / "posterior.yaml").read_text())
    assert len(draws) == 2000
    assert head["method"]["pareto_k"] < head["method"]["trusted_below"]
    assert set(draws.paths) == set(head["informed"]) == set(prior_draws(scenario, 1).paths)
    assert (SCENARIOS / name / "posterior.csv.gz").stat().st_size < 800_000


# --- the commands -----------------------------------------------------------------------------------


@pytest.mark.needs("sklearn")
def test_the_command_writes_what_the_scenario_then_reads(copy: Path) -> None:
    scenario = load_scenario(copy)
    assert scenario.posterior.command.endswith("solomon_2022.yaml --draws 120")
    assert len(posterior_draws(scenario)) == 120
    rows = json.loads(CliRunner().invoke(main, ["parameters", str(copy), "--json"], catch_exceptions=False).stdout)
    row = next(one for one in rows if one["path"] == "parameters.eta_x")
    assert row["prior"]["family"] == "log-normal"
    assert row["prior"]["low"] < row["prior"]["median"] < row["prior"]["high"]
    assert row["posterior"]["low"] < row["posterior"]["median"]
    assert row["finding"]["word"] == INFORMED

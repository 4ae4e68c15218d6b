"""Calibration on a scenario's own record: posteriors worked out by hand, recovery, no leakage, the file."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.estimation.calibration import (
    JointLikelihood,
    calibrate,
    classes_of,
    level_variance,
    mixing_variance,
    prior_of,
)
from balance_sim.evidence.estimation.choices import own_record, scenario_on, signing_day
from balance_sim.evidence.estimation.likelihood import ConsentDesign, log_likelihood
from balance_sim.evidence.forecast.forecast import Forecast, own_baselines_of
from balance_sim.evidence.forecast.own_baselines import OWN_BASELINES, own_rows
from balance_sim.model.baseline import compile_worlds, expected_a_year
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import fitted_distribution
from balance_sim.scenario.schema import Scenario
from scipy.stats import nbinom

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


@pytest.fixture(scope="module")
def beijing() -> Scenario:
    return load_scenario(SCENARIOS / "beijing_2025.yaml", calibrated=False)


def test_the_variance_of_factors_is_the_likeliest() -> None:
    """Counts of a negative binomial, by scipy's own mass function, are likeliest at the variance found."""
    signed = np.array([0, 0, 0, 0, 1, 0, 5, 0, 2, 0, 0, 7.0])
    expected = np.array([1, 2, 1, 0.5, 1, 3, 1.5, 1, 1, 0.2, 0.4, 2.0])
    found = mixing_variance(signed, expected)

    def likelihood(v: float) -> float:
        return float(nbinom.logpmf(signed, 1 / v, 1 / (1 + v * expected)).sum())

    assert likelihood(found) > max(likelihood(found * 0.97), likelihood(found * 1.03))
    assert mixing_variance(np.full(40, 2.0), np.full(40, 2.0)) == pytest.approx(1e-3, rel=1e-2)  # no spread at all


def test_the_variance_of_the_level_sees_jumps_and_no_trend_that_memory_follows() -> None:
    steady = level_variance(np.full(20, 30.0), np.full(20, 30.0), 0.7)
    jumping = level_variance(np.tile([10.0, 50.0], 10), np.full(20, 30.0), 0.7)
    assert steady == pytest.approx(1e-3, rel=1e-2)
    assert jumping > 0.2
    assert level_variance(np.array([3.0, 4.0]), np.array([3.0, 4.0]), 0.7) == 0.0


def test_nothing_after_the_origin_is_looked_at(beijing: Scenario) -> None:
    """Agreements after the origin are dropped, doubled on other dyads and dated anew: nothing before it moves."""
    origin = date(2015, 9, 1)
    later = [one for one in beijing.agreements if (day := signing_day(one)) is not None and day >= origin]
    assert len(later) > 100
    codes = beijing.codes
    invented = tuple(
        one.model_copy(
            update={"id": f"other-{k}", "a": codes[k % 20], "b": codes[20 + k % 30], "signed": origin + timedelta(k)}
        )
        for k, one in enumerate(later)
    )
    kept = tuple(one for one in beijing.agreements if one not in later)
    changed = beijing.model_copy(update={"accords": (*kept, *invented)})
    out = []
    for scenario in (beijing, changed):  # all that a calibration and a forecast are made of, beside the fit
        record = own_record(scenario, 10, until=origin, ahead=True)
        assert np.isnan(record.within(2015, 2015).counts).all()
        columns = vars(record.choices) | record.choices.terms
        arrays = [of for of in columns.values() if isinstance(of, np.ndarray)]
        assert len(arrays) > 8
        out.append((record.counts, own_rows(scenario, record).x.to_numpy(), *arrays))
    for one, other in zip(*out, strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    earlier, later_on = (own_record(of, 2, until=date(2017, 9, 1)) for of in (beijing, changed))
    assert not np.array_equal(earlier.counts, later_on.counts)  # what lies before the origin is looked at


def test_states_that_differ_are_found_again(beijing: Scenario) -> None:
    """A record drawn from the model: propensities and levels of years as they were drawn."""
    rng = np.random.default_rng(6)
    record, prior = own_record(beijing, 20), prior_of(beijing, fitted_distribution())
    c, n = record.choices, len(beijing.codes)
    joint = JointLikelihood(c, classes_of(c.kinds, prior.declarations))
    at = np.zeros(joint.size)
    at[joint.terms] = [prior.weights[name] for name in c.names]
    at[joint.kinds] = [1.6, 2.0, 0.9, 1.4, 1.8, 1.2, 2.4]
    at[joint.own] = rng.normal(0.0, 0.8, 2 * n)
    level = np.repeat([0.5, 1.0], 10)[c.year - c.year.min()]
    counts = np.zeros_like(record.counts)
    for kinds, (design, place) in zip(joint.classes, joint.designs, strict=True):
        rate = np.exp(design.log_rate(at[place])[0]) * level[:, None]
        counts[:, [c.kinds.index(kind) for kind in kinds]] = rng.poisson(rate)
    assert counts.sum() > 600
    drawn = replace(record, counts=counts, choices=replace(c, signed=(counts > 0).astype(float)))
    found = calibrate(drawn, prior)
    for k, true in enumerate(at[joint.own].reshape(2, n)):
        error = np.sqrt(found.propensity_covariance[k, k])
        away = found.propensity[k] - true
        assert (np.abs(away - away.mean()) < 1.96 * error).mean() > 0.85
        assert np.corrcoef(found.propensity[k], true)[0, 1] > 0.75
        assert found.state_variance[k, k] == pytest.approx(true.var(), rel=0.4)
    assert abs(found.state_variance[0, 1]) < 0.25  # the two were drawn apart
    early, late = (
        np.mean([found.level[y] for y in found.level if (y >= 2015) == is_late]) for is_late in (False, True)
    )
    assert early / late == pytest.approx(0.5, rel=0.2)
    assert joint.rates(found.values).sum() == pytest.approx(joint.rates(at).sum(), rel=0.25)


def test_the_joint_likelihood_is_that_of_its_classes(beijing: Scenario) -> None:
    """With the same intercepts of a state for both classes it is the likelihood of one design of all kinds; derivatives
    are those of finite differences."""
    c = own_record(beijing, 1).choices
    kinds = classes_of(c.kinds, ("non_aggression", "political_declaration"))
    assert kinds[1] == ("non_aggression", "political_declaration")
    assert classes_of(("a", "b"), ()) == (("a", "b"),)
    joint, whole, n = JointLikelihood(c, kinds), ConsentDesign(c), len(c.states)
    rng = np.random.default_rng(3)
    fixed, own = rng.normal(-0.5, 0.2, whole.fixed), rng.normal(0.0, 0.5, n)
    one, both = np.concatenate([fixed, own]), np.concatenate([fixed, own, own])
    np.testing.assert_allclose(joint.rates(both), np.exp(whole.log_rate(one)[0]).sum(axis=1), rtol=1e-12)
    assert joint.log_likelihood(both) == pytest.approx(log_likelihood(whole, one), rel=1e-12)
    value, slope, curve = joint.derivatives(both)
    assert value == pytest.approx(joint.log_likelihood(both))
    step = 1e-5
    for place in (0, joint.kinds.start, joint.own.start + 4, joint.own.start + n + 4):
        up, down = both.copy(), both.copy()
        up[place] += step
        down[place] -= step
        assert (joint.log_likelihood(up) - joint.log_likelihood(down)) / (2 * step) == pytest.approx(
            slope[place], rel=1e-4, abs=1e-4
        )
        change = (joint.derivatives(up)[1] - joint.derivatives(down)[1]) / (2 * step)
        np.testing.assert_allclose(-change, curve[place], rtol=1e-3, atol=1e-3)


def test_the_rates_of_the_likelihood_are_those_of_the_engine(beijing: Scenario) -> None:
    """What is calibrated is what is run: agreements of a year expected by the likelihood, and by the engine at the same start."""
    record, prior = own_record(beijing, 1), prior_of(beijing, fitted_distribution())
    joint = JointLikelihood(record.choices, classes_of(record.choices.kinds, prior.declarations))
    at = np.zeros(joint.size)
    at[joint.terms] = [prior.weights[name] for name in record.choices.names]
    at[joint.kinds] = [prior.intercepts[kind] for kind in record.choices.kinds]
    at[joint.own] = [state.propensity for state in beijing.states] * 2
    worlds = compile_worlds(scenario_on(beijing, record.starts[2024]))
    expected = expected_a_year(worlds.reference, worlds.baseline)
    assert joint.rates(at).sum() == pytest.approx(expected, rel=1e-9)


def test_a_record_that_tells_too_little_is_refused(beijing: Scenario) -> None:
    none = beijing.model_copy(update={"accords": ()})
    with pytest.raises(DataError, match=r"the record holds 0 agreements.*needs 50.*base_rate"):
        calibrate(own_record(none, 5), prior_of(none, fitted_distribution()))


@pytest.mark.needs("sklearn")
def test_baselines_of_a_window_come_from_the_scenarios_record(beijing: Scenario) -> None:
    """The base rate is the share of dyads and years before the start that signed, brought to the window's length."""
    pairs = (("AUS", "JPN"), ("QMA", "QMB"))
    half = Forecast(pairs, (0.1, 0.1), date(2025, 9, 4), date(2026, 3, 4))
    made, without = own_baselines_of(half, beijing)
    assert set(made) == set(OWN_BASELINES)
    assert without == ()
    share = own_record(beijing, 10).choices.any_signed.mean()
    years = 182 / 365.25
    assert made["base_rate"] == pytest.approx(np.full(2, 1 - (1 - share) ** years), rel=1e-6)
    assert made["earlier_count"][0] > made["earlier_count"][1]

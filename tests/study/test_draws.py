"""Parameters drawn for each run from the shipped fit."""

from dataclasses import replace

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Drawn
from balance_sim.model.thinning import most_willing
from balance_sim.scenario.defaults import (
    Distribution,
    default_weights,
    exercise_distribution,
    fitted_distribution,
    reaction_distribution,
)
from balance_sim.study.draws import deviations, with_draws
from balance_sim.study.outcomes import FILTERED

RUNS = np.arange(4000, dtype=np.uint64)


@pytest.fixture(scope="module")
def worlds(starter: bs.Scenario) -> Worlds:
    return compile_worlds(starter)


def test_draws_have_the_fits_covariance() -> None:
    """Correlations within 5 standard errors of a sample of 4,000: about 0.08."""
    found = replace(fitted_distribution(), at_least_zero=())
    moved = deviations(found, 1, RUNS)
    drawn = np.stack([moved[path] for path in found.paths])
    covariance = np.array(found.covariance)
    error = np.sqrt(np.diag(covariance))
    assert np.abs(drawn.mean(axis=1) / error).max() < 5 / np.sqrt(4000)
    wanted = covariance / np.outer(error, error)
    assert np.abs(np.corrcoef(drawn) - wanted).max() < 0.08
    np.testing.assert_allclose(drawn.std(axis=1), error, rtol=0.06)


def test_a_sign_that_the_prior_holds_is_held_in_every_draw() -> None:
    """Half a standard error above 0: three in ten of a normal lie below it; the mean rises by phi(0.5) / Phi(0.5)."""
    found = Distribution(("one", "two"), (0.5, 3.0), ((1.0, 0.3), (0.3, 1.0)), ("one",))
    free = deviations(replace(found, at_least_zero=()), 1, RUNS)
    held = deviations(found, 1, RUNS)
    assert 0.27 < (free["one"] < -0.5).mean() < 0.35
    assert held["one"].min() >= -0.5
    kept = free["one"] >= -0.5
    for path in found.paths:  # a draw that was good stays as it was
        np.testing.assert_array_equal(held[path][kept], free[path][kept])
    rise = np.exp(-0.125) / np.sqrt(2 * np.pi) / 0.6914625
    assert held["one"].mean() == pytest.approx(rise, abs=5 * 0.7 / np.sqrt(4000))
    assert held["two"].mean() == pytest.approx(0.3 * rise, abs=5 / np.sqrt(4000))


def test_a_run_draws_the_same_wherever_it_is_lived() -> None:
    found = fitted_distribution()
    whole, part = deviations(found, 3, RUNS[:10]), deviations(found, 3, RUNS[4:6])
    for path in found.paths:
        np.testing.assert_array_equal(whole[path][4:6], part[path])
    assert not np.array_equal(deviations(found, 4, RUNS[:10])[found.paths[0]], whole[found.paths[0]])


def test_shipped_defaults_are_the_fits_estimates() -> None:
    """To a fiftieth of a standard error: a refit that moves them by less leaves the defaults, which draws rest on."""
    found = fitted_distribution()
    weights = default_weights()
    errors = np.sqrt(np.diag(np.array(found.covariance)))
    for path, estimate, error in zip(found.paths, found.estimate, errors, strict=True):
        if path.startswith("theory.weights."):
            assert weights[path.rpartition(".")[2]] == pytest.approx(estimate, abs=0.02 * error)
    assert np.linalg.eigvalsh(np.array(found.covariance)).min() > 0


def test_arms_share_draws_and_zero_stays_zero(worlds: Worlds) -> None:
    off = replace(worlds.reference.rules, weights={**worlds.reference.rules.weights, "size": 0.0})
    arms = {name: replace(world, rules=off) for name, world in worlds.arms.items()}
    own = with_draws(replace(worlds, arms=arms), 1, RUNS[:6])
    first, *others = own.arms.values()
    assert "size" not in first.drawn.weights
    for other in others:
        np.testing.assert_array_equal(first.drawn.level, other.drawn.level)
        for name, value in first.drawn.weights.items():
            np.testing.assert_array_equal(value, other.drawn.weights[name])


def test_how_strongly_states_react_is_drawn_with_its_error(worlds: Worlds) -> None:
    """A factor of mean 1 on all elasticities, the same in every arm: 0.33 is 0.105 of 0.32."""
    own = with_draws(worlds, 1, RUNS)
    factors = [world.drawn.weights["alarm"] for world in own.arms.values()]
    assert all(np.array_equal(factor, factors[0]) for factor in factors)
    assert factors[0].mean() == pytest.approx(1.0, abs=4 * 0.33 / len(RUNS) ** 0.5)
    assert factors[0].std() == pytest.approx(0.33, rel=0.06)


def test_bounds_hold_for_each_run(worlds: Worlds) -> None:
    """Those of three runs together are those of each alone, and differ."""
    own = with_draws(worlds, 1, RUNS[:3])
    for name, world in own.arms.items():
        most = own.bounds[name]
        alone = [most_willing(replace(world, drawn=_of(world.drawn, run)), own.baseline) for run in range(3)]
        np.testing.assert_array_equal(most, np.concatenate(alone))
        assert len({float(bound.max()) for bound in alone}) == 3


def _of(drawn: Drawn, run: int) -> Drawn:
    weights = {name: value[[run]] for name, value in drawn.weights.items()}
    return Drawn(weights, drawn.level[[run]])


def test_drawn_with_no_uncertainty_is_not_drawn(starter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A covariance of zero gives the same agreements as no draws at all, bit for bit."""
    found = fitted_distribution()
    none = replace(found, covariance=tuple(tuple(0.0 for _ in row) for row in found.covariance))
    monkeypatch.setattr("balance_sim.study.draws.fitted_distribution", lambda: none)
    still = replace(reaction_distribution(), covariance=((0.0,),))
    monkeypatch.setattr("balance_sim.study.draws.reaction_distribution", lambda: still)
    as_measured = replace(exercise_distribution(), covariance=((0.0,),))
    monkeypatch.setattr("balance_sim.study.draws.exercise_distribution", lambda: as_measured)
    plain, drawn = bs.run(starter, runs=20), bs.run(starter, runs=20, draw_parameters=True)
    assert plain.agreements.equals(drawn.agreements)
    assert list(plain.outcomes.columns) == list(drawn.outcomes.columns)
    for name in plain.outcomes.columns:  # an upper bound that is summed in another order has another last digit
        if name.startswith(FILTERED):
            np.testing.assert_allclose(plain.outcomes[name], drawn.outcomes[name], rtol=0, atol=1e-11)
        else:
            assert plain.outcomes[name].equals(drawn.outcomes[name]), name

"""Parameters drawn for each run from the shipped fit."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Drawn
from balance_sim.model.thinning import most_willing
from balance_sim.model.willingness import Term
from balance_sim.scenario.defaults import (
    Distribution,
    default_weights,
    fitted_distribution,
    fitted_shares,
    new_scenario,
)
from balance_sim.study.draws import deviations, with_draws
from balance_sim.study.outcomes import FILTERED
from scipy.stats import norm

RUNS = np.arange(4000, dtype=np.uint64)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("draws") / "made_up.yaml"
    path.write_text(new_scenario("made_up"), encoding="utf-8")
    return bs.load_scenario(path)


@pytest.fixture(scope="module")
def worlds(scenario) -> Worlds:
    return compile_worlds(scenario)


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
    found = fitted_distribution()
    weights = default_weights()
    for path, estimate in zip(found.paths, found.estimate, strict=True):
        if path.startswith("theory.weights."):
            assert weights[path.rpartition(".")[2]] == pytest.approx(estimate, rel=1e-3)
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


def test_shares_of_change_are_drawn_from_what_theory_leaves_of_their_distribution() -> None:
    """Means of normal distributions cut off at 0, m + s phi(m / s) / Phi(m / s), with the shipped figures: the security
    gain, whose share the record wants at -0.0458 / 0.2786, half a normal about as wide as its standard error."""
    found = fitted_shares()
    assert found.paths == tuple(f"parameters.change_{name}" for name in ("common_threat", "hostility", "security_gain"))
    np.testing.assert_allclose(found.estimate, (0.42569, 1.71708, -0.16448), atol=1e-5)
    moved = deviations(found, 1, RUNS)
    for path, mean, sd in zip(found.paths, found.estimate, (0.55723, 1.40586, 0.31958), strict=True):
        share = mean + moved[path]
        assert share.min() >= 0
        cut = sd * np.exp(-0.5 * (mean / sd) ** 2) / np.sqrt(2 * np.pi) / norm.cdf(mean / sd)
        assert share.mean() == pytest.approx(mean + cut, abs=5 * sd / np.sqrt(4000))


def test_a_runs_own_share_of_change_counts(worlds: Worlds) -> None:
    """By hand: at the start 0.4, now 0.7. Shares of 0, 1 and 2 of the change count 0.4, 0.7 and 1.0; the world's own
    share is no longer read. Bounds hold for each run."""
    p = SimpleNamespace(
        world=SimpleNamespace(
            rules=SimpleNamespace(change_hostility=0.5),
            drawn=Drawn({}, np.zeros((3, 1)), {"hostility": np.array([0.0, 1.0, 2.0])}),
        ),
        baseline=SimpleNamespace(first={"hostility": np.array([0.4])}),
        run=np.array([0, 1, 2]),
        apart=np.zeros(3, dtype=np.int64),
        kinds_each=1,
    )

    def hostility(p: object) -> np.ndarray:
        return np.full(3, 0.7)

    counted = Term("hostility", hostility, lambda x: (-np.ones(()), np.zeros(())), changing=True)(p)
    np.testing.assert_allclose(counted, [0.4, 0.7, 1.0])
    own = with_draws(worlds, 1, RUNS[:3])
    for name, world in own.arms.items():
        most = own.bounds[name]
        alone = [
            most_willing(replace(world, drawn=Drawn(*(_of(part, run) for part in _parts(world.drawn)))), own.baseline)
            for run in range(3)
        ]
        np.testing.assert_array_equal(most, np.concatenate(alone))
    assert len({float(value) for value in own.reference.drawn.shares["hostility"]}) == 3


def _parts(drawn: Drawn) -> tuple:
    return drawn.weights, drawn.level, drawn.shares


def _of(part, run: int):
    return part[[run]] if isinstance(part, np.ndarray) else {name: value[[run]] for name, value in part.items()}


def test_drawn_with_no_uncertainty_is_not_drawn(scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """A covariance of zero gives the same agreements as no draws at all, bit for bit."""
    found = fitted_distribution()
    none = replace(found, covariance=tuple(tuple(0.0 for _ in row) for row in found.covariance))
    monkeypatch.setattr("balance_sim.study.draws.fitted_distribution", lambda: none)
    shares = fitted_shares()
    still = replace(shares, covariance=tuple((0.0,) * 3 for _ in range(3)), at_least_zero=())
    monkeypatch.setattr("balance_sim.study.draws.fitted_shares", lambda: still)
    plain, drawn = bs.run(scenario, runs=20), bs.run(scenario, runs=20, draw_parameters=True)
    assert plain.agreements.equals(drawn.agreements)
    assert list(plain.outcomes.columns) == list(drawn.outcomes.columns)
    for name in plain.outcomes.columns:  # an upper bound that is summed in another order has another last digit
        if name.startswith(FILTERED):
            np.testing.assert_allclose(plain.outcomes[name], drawn.outcomes[name], rtol=0, atol=1e-11)
        else:
            assert plain.outcomes[name].equals(drawn.outcomes[name]), name

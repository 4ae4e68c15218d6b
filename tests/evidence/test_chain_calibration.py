"""Calibration of the chain: what is invented is what likelihoods take it for, and a wrong posterior is told."""

from __future__ import annotations

from typing import Any

import chain_calibration
import numpy as np
import pytest
from balance_sim.evidence.posterior.joint import reweighted
from balance_sim.evidence.posterior.priors import log_density, quantile
from balance_sim.scenario.defaults import ParameterPrior, measurements, priors
from chain_calibration import compared, holm, measured_again, parts, rows
from scipy import stats

STANDARD = ParameterPrior("normal", {"mean": 0.0, "sd": 1.0}, "")
RIGHT, NARROW, SHIFTED, WIDE, SILENT = "right", "narrow", "shifted", "wide", "silent"


def test_a_wrong_posterior_is_told_from_a_right_one() -> None:
    """Truths N(0, 1), measured with error 1: the posterior is N(y / 2, 1 / 2)."""
    rng, records = np.random.default_rng(1), list[dict[str, Any]]()
    for _ in range(200):
        truth = rng.standard_normal()
        y = truth + rng.standard_normal()
        standard = rng.standard_normal(1000)
        of_name = {
            RIGHT: y / 2.0 + 0.5**0.5 * standard,
            NARROW: y / 2.0 + 0.5**0.5 / 2.0 * standard,
            SHIFTED: y / 2.0 + 0.5 + 0.5**0.5 * standard,
            WIDE: y / 2.0 + 0.5**0.5 * 1.6 * standard,
            SILENT: standard,
        }
        found = {name: compared(STANDARD, truth, draws) for name, draws in of_name.items()}
        records.append({"found": found})
    table = {row[0]: row[1:] for row in rows(records)}
    assert table[RIGHT][0] == pytest.approx(0.5, abs=0.02)
    assert table[SILENT][0] == pytest.approx(0.0, abs=0.02)
    assert table[RIGHT][1] == pytest.approx(0.9, abs=0.05)
    assert table[NARROW][1] == pytest.approx(2 * stats.norm.cdf(1.645 / 2) - 1, abs=0.07)
    assert table[RIGHT][-1] == "recovered" and table[SILENT][-1] == "not identified"
    assert {table[name][-1] for name in (NARROW, SHIFTED, WIDE)} == {"ranks not uniform"}


def test_holm_by_hand() -> None:
    """Of three, the smallest p times 3, the next times 2, the largest as it is, never falling."""
    assert holm([0.03, 0.01, 0.04]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("name", "truths"),
    [
        ("priors.reaction", 200),
        ("parameters.eta_x", 200),
        ("parameters.spread_near", 60),
        ("parameters.eta_relative", 60),
    ],
)
def test_a_measurement_is_invented_with_the_likelihood_that_it_then_has(name: str, truths: int) -> None:
    """A family each: normal, log-normal, beta, one at its bound. Ranks of truths in prior times likelihood are
    uniform."""
    rng, prior, shipped = np.random.default_rng(3), priors()[name], measurements()[name]
    u, ranks = (np.arange(400) + 0.5) / 400, []
    for _ in range(truths):
        truth = float(quantile(prior, rng.uniform()))
        found = measured_again(shipped, truth, rng.standard_normal(), rng)
        draws = reweighted(prior, u, lambda x, found=found: log_density(found, x))  # type: ignore[misc]
        ranks.append(compared(prior, truth, draws)[0])
    assert stats.kstest(ranks, "uniform").pvalue > 0.01
    assert np.var(ranks) == pytest.approx(1 / 12, rel=0.35)


@pytest.fixture
def small_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small world of two years, four beliefs and one round."""
    beliefs = tuple(f"parameters.{name}" for name in ("eta0", "eta_x", "gamma", "beta"))
    for name, value in {"YEARS": 2, "ROUNDS": 1, "DRAWN": 3, "BELIEFS": beliefs}.items():
        monkeypatch.setattr(chain_calibration, name, value)


@pytest.mark.needs("sklearn")
@pytest.mark.long
@pytest.mark.usefixtures("small_chain")
def test_a_record_is_made_again_to_the_bit() -> None:
    first, again = (chain_calibration.one_record(5, parts()) for _ in range(2))
    assert first == again


@pytest.mark.needs("sklearn")
@pytest.mark.slow
@pytest.mark.usefixtures("small_chain")
def test_a_record_tells_what_it_can() -> None:
    """What is measured is told by it, and agreements tell the weight of what they follow from."""
    found = chain_calibration.one_record(5, parts())["found"]
    contraction = {name: told for name, (_, told) in found.items()}
    assert contraction["parameters.eta0"] > 0.9
    assert contraction["theory.weights.size"] > 0.3
    assert abs(contraction["priors.intent_steps.visit"]) < 0.2
    assert all(0.0 <= rank <= 1.0 for rank, _ in found.values())

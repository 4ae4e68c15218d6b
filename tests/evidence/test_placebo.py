"""Placebos cover zero at their nominal rate, and a real effect does not."""

import numpy as np
import placebo
import pytest
from balance_sim.evidence.estimation.choices import Choices, choices
from balance_sim.evidence.estimation.fitting import fit
from invented import invented
from recovery import made_record

SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}
WEIGHTS = {"proximity": 0.8, "size": 0.3, "security_gain": 0.6}
TERMS = (*WEIGHTS, "joint_democracy")


@pytest.fixture(scope="module")
def record() -> Choices:
    made = made_record(invented(32, 12), WEIGHTS, {**SILENT, "defence_cooperation": 6.0, "logistics": 5.0})
    return choices(made, TERMS, {"collapse_rate": 0.0}, ("defence_cooperation", "logistics"))


@pytest.fixture(scope="module")
def null(record: Choices) -> object:
    plain = record.with_terms(("proximity", "size"))
    return placebo.null_of(plain, fit(plain, propensities=False))


def gain_of(record: Choices) -> np.ndarray:
    return record.by_kind[:, :, 0, 0]


def test_one_step_is_near_the_fit(record: Choices, null: object) -> None:
    """The score's one step against the estimate of a whole fit."""
    column = record.terms["joint_democracy"]
    whole = fit(record.with_terms(("proximity", "size", "joint_democracy")), propensities=False)
    at = whole.names.index("joint_democracy")
    step, z = placebo.z_of(null, column)
    assert step == pytest.approx(whole.estimate[at], abs=0.1 * whole.standard_error[at])
    assert z == pytest.approx(whole.estimate[at] / whole.standard_error[at], abs=0.4)


def test_a_real_effect_is_seen(record: Choices, null: object) -> None:
    assert placebo.z_of(null, gain_of(record))[1] > 3.0


def test_permuted_participants_cover_zero(record: Choices, null: object) -> None:
    """Of 200 placebos 0.05 lie beyond 1.96; between 1 and 23 do, but for 1 time in 1,000 (binomial)."""
    rng = np.random.default_rng(5)
    zs = [placebo.z_of(null, placebo.permuted(record, gain_of(record), rng))[1] for _ in range(200)]
    assert 1 <= round(200 * placebo.outside(zs)) <= 23

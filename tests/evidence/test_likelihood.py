"""The likelihood of two-sided consent: closed forms, derivatives, recovery, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.choices import Choices, choices, within_and_between
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    derivatives,
    log_likelihood,
    opportunities,
    scores_by,
)
from balance_sim.evidence.estimation.lines import fit_lines
from balance_sim.evidence.estimation.parameter_files import fitted_record
from recovery import covered, made_record

WEIGHTS = {"security_gain": 0.3, "proximity": 0.5, "size": 0.25, "joint_democracy": 0.8, "experience": 1.5}
INTERCEPTS = {"defence_cooperation": 3.6, "logistics": 2.6}
TERMS = tuple(WEIGHTS)
TRUTH = {**WEIGHTS, **{f"intercept.{kind}": value for kind, value in INTERCEPTS.items()}}
SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}


def record_of(history: History, run: int, spread: float = 0.0) -> Choices:
    states = len(history.iso3)
    propensity = spread * np.random.default_rng(run + 100).normal(size=states)
    made = made_record(history, WEIGHTS, {**SILENT, **INTERCEPTS}, propensity=propensity, run=run)
    return choices(made, TERMS, {"collapse_rate": 0.0}, tuple(INTERCEPTS))


@pytest.fixture(scope="module")
def history(invented) -> History:
    return invented(30, 12)


@pytest.fixture(scope="module")
def record(history: History) -> Choices:
    return record_of(history, 0)


def a_design(record: Choices, propensities: bool = True) -> tuple[ConsentDesign, np.ndarray]:
    design = ConsentDesign(record, propensities, tuple(np.unique(record.year)))
    rng = np.random.default_rng(1)
    at = rng.normal(scale=0.2, size=design.size)
    at[design.parts[2]] = [1.0, -0.5]
    return design, at


def test_rate_is_ceiling_times_both_consents(record: Choices) -> None:
    """ln(1 - P) = -ceiling kept exposure sum_m sigma(u) sigma(v), worked out from the terms by hand."""
    design, at = a_design(record)
    k = 17
    rate = 0.0
    for m in range(2):
        consent = 1.0
        for side, who in ((0, record.a[k]), (1, record.b[k])):
            u = at[design.parts[2]][m] + at[design.parts[3]][who] + at[design.parts[4]][record.year[k] - 1990]
            u += record.common[k, side] @ at[design.parts[0]]
            u += record.by_kind[k, side, m] @ at[design.parts[1]]
            consent /= 1.0 + np.exp(-u)
        rate += record.ceiling[m] * record.chance_kept[m] * record.exposure[k] * consent
    assert opportunities(design, at)[k] == pytest.approx(1.0 - np.exp(-rate), rel=1e-12)


def test_likelihood_is_that_of_its_events(record: Choices) -> None:
    """Each kind is a Bernoulli event of its own: the product of p or 1 - p."""
    design, at = a_design(record)
    rate = np.exp(design.log_rate(at)[0])
    p = -np.expm1(-rate)
    by_hand = np.where(record.signed > 0, np.log(p), np.log1p(-p)).sum()
    assert log_likelihood(design, at) == pytest.approx(by_hand, rel=1e-12)


def test_derivatives_against_differences(record: Choices) -> None:
    design, at = a_design(record.take(np.arange(0, len(record.year), 7)))
    value, slope, curve = derivatives(design, at)
    assert value == pytest.approx(log_likelihood(design, at), rel=1e-13)
    np.testing.assert_allclose(
        scores_by(design, at, np.arange(len(design.choices.year))).sum(axis=0), slope, rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(curve, curve.T, atol=1e-9)
    step = 1e-5
    for k in range(design.size):
        move = np.zeros(design.size)
        move[k] = step
        rise = (log_likelihood(design, at + move) - log_likelihood(design, at - move)) / (2 * step)
        bend = (derivatives(design, at + move)[1] - derivatives(design, at - move)[1]) / (2 * step)
        assert rise == pytest.approx(slope[k], rel=1e-5, abs=1e-5)
        np.testing.assert_allclose(-bend, curve[k], rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_a_fit_finds_what_the_record_was_made_with(history: History) -> None:
    """Records of the engine: 95 % intervals hold the truth in at least 72 of 84 cases.

    If intervals were right and cases independent, fewer would come by chance 1 time in 1,000 (binomial). A
    weight off by two standard errors in half of the records would miss it about 9 times in 10."""
    hits = []
    for run in range(12):
        found = fit(record_of(history, run), propensities=False)
        hits += list(covered(found, TRUTH).values())
    assert len(hits) == 84
    assert sum(hits) >= 72


def test_propensities_are_found_and_shrunk(history: History, record: Choices) -> None:
    made = record_of(history, 3, spread=0.8)
    found = fit(made)
    truth = 0.8 * np.random.default_rng(103).normal(size=30)
    assert np.corrcoef(found.propensity, truth)[0, 1] > 0.7
    assert 0.2 < found.propensity_variance < 1.5
    assert fit(record).propensity_variance < 0.1  # made without any


def test_clustering_of_single_rows_is_the_sandwich(record: Choices) -> None:
    few = record.take(np.arange(0, len(record.year), 3))
    found, plain = (fit(few, propensities=False, cluster=cluster) for cluster in (True, False))
    design = ConsentDesign(few, propensities=False)
    pull = scores_by(design, found.estimate, np.arange(len(few.year)))
    groups = np.unique(few.dyad, return_inverse=True)[1]
    total = np.zeros((groups.max() + 1, design.size))
    np.add.at(total, groups, pull)
    by_hand = plain.covariance @ (total.T @ total) @ plain.covariance * len(total) / (len(total) - 1)
    np.testing.assert_allclose(found.covariance, by_hand, rtol=1e-6)


@pytest.mark.parametrize("propensities", [False, True])
@pytest.mark.parametrize(("times", "plus"), [(2.0, 0.0), (-3.0, 5.0), (1e9, 0.0)])
def test_same_term_twice_is_named(record: Choices, times: float, plus: float, propensities: bool) -> None:
    again = record.common[:, :, :1] * times + plus
    twice = replace(record, terms={"again": again[..., 0], **record.terms})
    with pytest.raises(DataError, match=r"does not tell these apart: .*again") as caught:
        fit(twice, propensities=propensities)
    assert record.names[0] in str(caught.value)
    assert "joint_democracy" not in str(caught.value)  # the innocent are not named


def test_a_sign_of_theory_that_the_record_wants_is_kept_and_hardly_shrunk(record: Choices) -> None:
    plain, held = fit(record, propensities=False), fit(record, propensities=False, signs=True)
    assert held.conflicts == () and held.weights["security_gain"] > 0
    k = held.names.index("security_gain")
    assert held.estimate[k] == pytest.approx(plain.estimate[k], abs=plain.standard_error[k] / 10)
    assert 0 < held.estimate[k] < plain.estimate[k]


def test_a_sign_against_theory_is_in_conflict_and_not_kept(record: Choices) -> None:
    """The gain turned round: its weight would be the negative of the true one. What is left is the fit without it."""
    turned = replace(record, terms=record.terms | {"security_gain": -record.terms["security_gain"]})
    found = fit(turned, propensities=False, signs=True)
    ((name, estimate, error),) = found.conflicts
    assert name == "security_gain" and estimate < 0 < error
    assert found.weights["security_gain"] == 0.0 and "security_gain" not in found.names
    others = tuple(name for name in record.names if name != "security_gain")
    without = fit(record.with_terms(others), propensities=False)
    np.testing.assert_allclose(found.estimate, without.estimate, rtol=1e-6)
    assert fit(turned, propensities=False).weights["security_gain"] < 0  # left free


def test_parts_within_and_between_by_hand(record: Choices) -> None:
    """Dyad 0-1 in three years, 0-2 in two, years out of order: the mean runs over years so far and no later one."""
    few = replace(
        record.take(np.arange(5)),
        year=np.array([1991, 1990, 1992, 1990, 1991]),
        a=np.zeros(5, dtype=np.int64),
        b=np.array([1, 1, 1, 2, 2]),
        terms={
            "hostility": np.array([[3.0, 6.0], [1.0, 2.0], [8.0, 1.0], [5.0, 0.0], [7.0, 4.0]]),
            "security_gain": np.arange(20.0).reshape(5, 2, 2),
        },
    )
    parts = within_and_between(few, ("hostility", "security_gain"))
    wanted = [f"{term} ({part})" for term in few.names for part in ("between", "within")]
    assert list(parts.names) == wanted
    between = [[2.0, 4.0], [1.0, 2.0], [4.0, 3.0], [5.0, 0.0], [6.0, 2.0]]
    np.testing.assert_allclose(parts.common[..., 0], between)
    np.testing.assert_allclose(parts.common.sum(axis=-1), few.terms["hostility"])
    np.testing.assert_allclose(parts.by_kind[2, 1, 0, 0], (2.0 + 6.0 + 10.0) / 3)  # rows 0, 1, 2 of that side and kind
    np.testing.assert_allclose(parts.by_kind.sum(axis=-1), few.terms["security_gain"])
    assert within_and_between(few, ()).names == few.names


def test_one_weight_for_both_parts_is_the_term(record: Choices) -> None:
    """With the same weight on either part the likelihood is that of the whole term; a fit of both is no worse."""
    parts = within_and_between(record, ("security_gain", "size"))
    whole, split = ConsentDesign(record, propensities=False), ConsentDesign(parts, propensities=False)
    weights = dict(zip(whole.names, np.linspace(-0.3, 0.5, whole.size), strict=True))
    at = np.array([weights[name.partition(" ")[0]] for name in split.names])
    expected = log_likelihood(whole, np.array(list(weights.values())))
    assert log_likelihood(split, at) == pytest.approx(expected, rel=1e-12)
    gain = within_and_between(record, ("security_gain",))
    assert fit(gain, propensities=False).log_likelihood >= fit(record, propensities=False).log_likelihood - 1e-6


def test_the_file_holds_the_weight_between_and_the_share_within(history: History, record: Choices) -> None:
    """Share b_w / b_b, its variance by the delta method, (v_w + k^2 v_b - 2 k c) / b_b^2, worked out from the fit."""
    found = fit(within_and_between(record, ("security_gain",)), propensities=False, signs=True)
    b, w = (found.names.index(f"security_gain ({part})") for part in ("between", "within"))
    k, v = found.estimate[w] / found.estimate[b], found.covariance
    error = np.sqrt(v[w, w] + k**2 * v[b, b] - 2 * k * v[w, b]) / found.estimate[b]
    written = fitted_record(found, history, {})
    told = written["parameters"]
    assert told["theory.weights.security_gain"]["estimate"] == pytest.approx(found.estimate[b], rel=1e-6)
    share = told["parameters.change_security_gain"]
    assert (share["estimate"], share["standard_error"]) == pytest.approx((k, error), rel=1e-6)
    assert "theory.weights.security_gain" in written["at_least_zero"]
    assert len(written["covariance"]["names"]) == len(found.names) - 1
    lines = list(fit_lines(found))
    text = " ".join(lines)
    assert max(map(len, lines)) <= 80
    assert "theory.weights.security_gain (within)" in text and "parameters.change_security_gain" in text
    low, high = found.estimate[b] - 1.96 * found.standard_error[b], found.estimate[b] + 1.96 * found.standard_error[b]
    row = next(line for line in lines if line.startswith("theory.weights.security_gain (between)"))
    assert row.split()[2:6] == [f"{found.estimate[b]:.3f}", f"{low:.3f}", "to", f"{high:.3f}"]

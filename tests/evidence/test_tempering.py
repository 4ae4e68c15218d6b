"""Tempering and resampling of the posterior: closed forms, second ways to the same number, and invariants."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from balance_sim.evidence.posterior import joint
from balance_sim.evidence.posterior.joint import importance_draws, reweighted, told_draws
from balance_sim.evidence.posterior.likelihoods import (
    AgreementRecord,
    Axes,
    EventRecord,
    Evidence,
    ScenarioRecord,
    profiled,
    record_of,
    stretch,
)
from balance_sim.evidence.posterior.power_scaling import IN_CONFLICT, INFORMED, PRIOR_DOMINATED, power_scaling
from balance_sim.evidence.posterior.weights import (
    effective_size,
    laplace,
    pareto_shape,
    pareto_smoothed,
    resampled,
    trusted_below,
)
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import ParameterPrior, fitted_distribution, priors, reference_values
from scipy import stats

PATH = "parameters.alpha0"
STANDARD = ParameterPrior("normal", {"mean": 0.0, "sd": 1.0}, "")


# --- the stretch of a record, and what it tempers ---------------------------------------------------


def pairs_that_share(slope: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The variance of a score by all pairs of rows that have a state in common, over that of rows apart."""
    total = 0.0
    for row in range(len(a)):
        for other in range(len(a)):
            if {a[row], b[row]} & {a[other], b[other]}:
                total += slope[row] * slope[other]
    return total / float((slope**2).sum())


def test_the_stretch_is_the_sum_over_all_pairs_of_rows_that_share_a_state() -> None:
    rng = np.random.default_rng(4)
    first, second = np.triu_indices(7, 1)
    chosen = rng.integers(0, len(first), 60)  # dyads in several years
    a, b = first[chosen], second[chosen]
    slopes = rng.standard_normal((3, 60)) + rng.standard_normal((3, 7))[:, a]
    wanted = [pairs_that_share(slope, a, b) for slope in slopes]
    assert min(wanted) > 0
    assert stretch(slopes, a, b) == pytest.approx(max(np.mean(wanted), 1.0))
    assert np.mean(wanted) > 1.5


@pytest.mark.parametrize(
    ("a", "b", "slope", "wanted"),
    [
        ([0, 2, 4], [1, 3, 5], [1.0, 2.0, 3.0], 1.0),  # nothing in common
        ([0, 0, 0, 0], [1, 1, 1, 1], [1.0, 1.0, 1.0, 1.0], 4.0),  # one dyad in four years
        ([0, 0, 0, 0, 0], [1, 2, 3, 4, 5], [2.0, 2.0, 2.0, 2.0, 2.0], 5.0),  # a star of five
        ([0, 0], [1, 1], [1.0, -1.0], 1.0),  # they cancel: never below 1
    ],
)
def test_the_stretch_of_small_records(a: list[int], b: list[int], slope: list[float], wanted: float) -> None:
    assert stretch(np.array([slope]), np.array(a), np.array(b)) == pytest.approx(wanted)


def a_table(stretches: dict[str, float]) -> dict[str, object]:
    """Evaluations of a record, a parabola in the coordinate of one parameter, whose weight always peaks at 6 errors."""
    z = np.linspace(-4.0, 4.0, 33)
    values = Axes((PATH,), priors(), {}).values(z[:, None])[PATH]
    rows = np.stack([values, -0.5 * (z - 2.0) ** 2, np.full(33, 6.0), np.zeros(33)], axis=1)
    return {
        "names": [PATH],
        "points": rows,
        "weights": ["common_threat"],
        "scales": {"marginal": None, "weights": None},
        "stretch": stretches,
        "error": [],
    }


@pytest.mark.needs("sklearn")
def test_a_record_is_tempered_by_the_mean_of_its_stretches_of_which_none_is_below_1() -> None:
    assert record_of(a_table({"x": 3.0, "y": 5.0}), {}).temper == pytest.approx(1 / 4)
    assert record_of(a_table({"x": 0.2, "y": 5.0}), {}).temper == pytest.approx(1 / 3)
    assert record_of(a_table({"x": 1.0}), {}).temper == 1.0


@pytest.mark.needs("sklearn")
def test_temper_multiplies_the_log_likelihood_of_both_records() -> None:
    record = record_of(a_table({"x": 1.0}), {})
    z = np.array([[0.0], [2.0], [3.0]])
    whole = record.log_likelihood(z)
    assert whole - whole[1] == pytest.approx([-2.0, 0.0, -0.5], abs=0.02)
    quarter = replace(record, temper=0.25).log_likelihood(z)
    assert quarter == pytest.approx(0.25 * whole)
    own = own_record(record, temper=0.25)
    assert own.log_likelihood(z) == pytest.approx(0.25 * whole)
    assert own.peak_at(z) == pytest.approx(np.full((3, 1), 0.7))  # a peak is no likelihood


@dataclass(frozen=True)
class Constant:
    """A process that gives one number everywhere."""

    value: float

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return np.full((len(z), 1), self.value)


WEIGHT = "theory.weights.common_threat"
OWN = "kinds.access.intercept"


def own_record(record: AgreementRecord, temper: float, variance: float = 0.04) -> ScenarioRecord:
    """One that tells an intercept, 0.7 with a variance, and of beliefs the same as the record."""
    return ScenarioRecord(
        names=(OWN,),
        axes=record.axes,
        covariance=np.array([[variance]]),
        temper=temper,
        marginal=record.marginal,
        peaks=Constant(0.7),  # type: ignore[arg-type]
        evaluations=33,
    )


def evidence_of(record: AgreementRecord, apart: dict[str, Callable[[np.ndarray], np.ndarray]]) -> Evidence:
    """A record of agreements, no events, and what was measured apart."""
    nothing = EventRecord((), (), np.zeros(0), np.zeros((0, 0)))
    return Evidence(record, fitted_distribution(), nothing, apart)


@pytest.mark.needs("sklearn")
@pytest.mark.parametrize(("temper", "of_own"), [(1.0, None), (0.25, None), (0.25, 1.0), (1.0, 0.5)])
def test_draws_of_beliefs_are_the_conjugate_ones_of_prior_and_tempered_records(
    temper: float, of_own: float | None
) -> None:
    """Each record is normal about 2 with variance 1 / temper, the prior standard normal: precisions add."""
    record = replace(record_of(a_table({"x": 1.0}), {}), temper=temper)
    own = None if of_own is None else own_record(record, of_own)
    told = told_draws(load_scenario("solomon_2022"), {}, evidence_of(record, {}), own, 4000, 1)
    values, height = told.drawn[PATH]
    z = record.axes.coordinates({PATH: values})[:, 0]
    precision = temper + (of_own or 0.0)
    assert z.mean() == pytest.approx(2.0 * precision / (1.0 + precision), abs=0.05)
    assert z.var() == pytest.approx(1.0 / (1.0 + precision), rel=0.06)
    parabola = -0.5 * precision * (z - 2.0) ** 2
    assert height - height[0] == pytest.approx(parabola - parabola[0], abs=0.05)


@pytest.mark.needs("sklearn")
def test_what_was_measured_apart_adds_to_the_height_of_the_beliefs_and_is_drawn_alone_where_they_lack_it() -> None:
    record = record_of(a_table({"x": 1.0}), {})
    alone = "parameters.beta"
    apart = {PATH: lambda x: 3.0 * x, alone: lambda x: -0.5 * ((x - 0.6) / 0.01) ** 2}
    prior = {alone: priors()[alone]}
    told = told_draws(load_scenario("solomon_2022"), prior, evidence_of(record, apart), None, 500, 1)
    values, height = told.drawn[PATH]
    z = record.axes.coordinates({PATH: values})
    assert height - height[0] == pytest.approx(
        record.log_likelihood(z) + 3.0 * values - (record.log_likelihood(z[:1]) + 3.0 * values[0]),
        abs=1e-6,
    )
    assert told.drawn[alone][0].mean() == pytest.approx(0.6, abs=0.01)
    assert told.drawn[alone][0].std() == pytest.approx(0.01, rel=0.15)


@pytest.mark.needs("sklearn")
@pytest.mark.parametrize("temper", [1.0, 0.25])
def test_an_intercept_of_the_scenarios_own_record_has_the_variance_over_the_temper(temper: float) -> None:
    record = record_of(a_table({"x": 1.0}), {})
    own = own_record(record, temper, 0.04)
    told = told_draws(load_scenario("solomon_2022"), {OWN: STANDARD}, evidence_of(record, {}), own, 4000, 1)
    values, height = told.drawn[OWN]
    assert values.mean() == pytest.approx(0.7, abs=0.02)
    assert values.var() == pytest.approx(0.04 / temper, rel=0.08)
    own_part = -0.5 * (values - 0.7) ** 2 * temper / 0.04
    beliefs = told.drawn[PATH][1]
    assert height - height[0] == pytest.approx(own_part - own_part[0] + beliefs - beliefs[0])


# --- weights that theory signs ----------------------------------------------------------------------


def two_weights(mean: tuple[float, float], signed: set[str], count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Draws of two that hang together at 0.6, the first with an error of 1, the second of 2."""
    covariance = np.array([[1.0, 1.2], [1.2, 4.0]])
    normal = joint._Normal(np.tile(mean, (count, 1)), np.tile(covariance, (count, 1, 1)))
    drawn = joint._normal_draws(["x", "y"], normal, normal, signed, 1)
    return drawn["x"][0], drawn["y"][0]


def test_weights_without_a_sign_are_normal_with_their_covariance() -> None:
    x, y = two_weights((0.3, -1.0), set())
    assert [x.mean(), y.mean()] == pytest.approx([0.3, -1.0], abs=0.05)
    assert np.cov(x, y) == pytest.approx(np.array([[1.0, 1.2], [1.2, 4.0]]), abs=0.1)


@pytest.mark.parametrize("mean", [1.5, 0.0, -3.0])
def test_one_signed_weight_is_cut_at_0_and_moves_the_other_by_their_slope(mean: float) -> None:
    x, y = two_weights((mean, 1.0), {"x"})
    cut = stats.truncnorm(-mean, np.inf, loc=mean)
    assert x.min() >= 0
    assert [x.mean(), x.var()] == pytest.approx([cut.mean(), cut.var()], rel=0.05)
    assert y.mean() == pytest.approx(1.0 + 1.2 * (cut.mean() - mean), abs=0.06)
    assert y.var() == pytest.approx(4.0 - 1.44 + 1.44 * cut.var(), rel=0.05)


def test_two_signed_weights_are_those_draws_of_the_normal_distribution_that_keep_both_signs() -> None:
    x, y = two_weights((0.5, 0.5), {"x", "y"})
    root = np.linalg.cholesky(np.array([[1.0, 1.2], [1.2, 4.0]]))
    wide = 0.5 + np.random.default_rng(8).standard_normal((400_000, 2)) @ root.T
    kept = wide[(wide > 0).all(axis=1)]
    assert min(x.min(), y.min()) >= 0
    assert [x.mean(), y.mean()] == pytest.approx(kept.mean(axis=0), rel=0.03)
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(np.corrcoef(kept.T)[0, 1], abs=0.03)


# --- smoothing and resampling -----------------------------------------------------------------------


def test_each_draw_is_taken_as_often_as_its_weight_wants_to_less_than_one() -> None:
    rng = np.random.default_rng(5)
    for count in (7, 50, 400):
        weights = rng.gamma(0.3, size=60)
        weights /= weights.sum()
        taken = np.bincount(resampled(weights, count, rng.uniform()), minlength=60)
        assert taken.sum() == count
        assert (abs(taken - count * weights) < 1.0).all()


def test_over_all_uniforms_a_draw_is_taken_as_often_as_its_weight_wants_exactly() -> None:
    weights = np.array([0.45, 0.05, 0.3, 0.2])
    uniforms = (np.arange(1000) + 0.5) / 1000
    taken = [np.bincount(resampled(weights, 3, u), minlength=4) for u in uniforms]
    assert np.mean(taken, axis=0) == pytest.approx(3 * weights, abs=2e-3)
    assert resampled(3.0 * weights, 3, 0.5).tolist() == resampled(weights, 3, 0.5).tolist()


def test_draws_without_weight_are_never_taken() -> None:
    weights = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    assert {*resampled(weights, 100, 0.999).tolist()} == {1, 3}
    assert {*resampled(weights, 100, 0.001).tolist()} == {1, 3}


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.8])
def test_k_hat_is_the_shape_of_the_tail_of_the_weights(shape: float) -> None:
    """Weights u^-shape of equally spaced u are a generalised Pareto distribution's quantiles."""
    u = (np.arange(20_000) + 0.5) / 20_000
    _, found = pareto_smoothed(-shape * np.log(u))
    assert found == pytest.approx(shape, abs=0.05)


def test_smoothing_keeps_the_order_of_the_largest_weights_and_leaves_the_rest() -> None:
    rng = np.random.default_rng(6)
    raw = rng.standard_t(3, 4000)
    weights, shape = pareto_smoothed(raw)
    top = int(np.ceil(3.0 * np.sqrt(4000)))
    order = np.argsort(raw)
    assert np.isfinite(shape)
    assert weights.sum() == pytest.approx(1.0)
    assert (np.diff(weights[order]) >= 0).all()
    below = order[:-top]
    ratio = weights[below] / np.exp(raw[below])
    assert ratio == pytest.approx(np.full(len(below), ratio[0]))
    largest = weights.max() / ratio[0]
    assert largest <= np.exp(raw.max()) * (1 + 1e-12)
    assert not np.allclose(weights[order[-top:]] / np.exp(raw[order[-top:]]), ratio[0])
    shifted, _ = pareto_smoothed(raw + 7.0)
    assert shifted == pytest.approx(weights)


def test_no_smoothed_weight_is_above_the_largest_raw_one() -> None:
    """A heavy tail whose last quantiles are missing: the fitted distribution goes on beyond them."""
    u = (np.arange(4000) + 0.5) / 4000
    raw = -0.9 * np.log(u[40:])
    weights, shape = pareto_smoothed(raw)
    order = np.argsort(raw)
    below = order[0]
    assert shape > 0
    assert weights[order[-1]] / weights[below] <= np.exp(raw.max() - raw[below]) * (1 + 1e-9)


@pytest.mark.parametrize(("shape", "wanted"), [(2.0, 1.5), (0.0, 1 / 6)])
def test_of_twenty_excesses_a_third_of_the_shape_is_the_prior_at_a_half(shape: float, wanted: float) -> None:
    """(20 k + 10 / 2) / 30 (Vehtari et al. 2024, appendix C)."""
    quantiles = stats.genpareto(shape).ppf((np.arange(20) + 0.5) / 20)
    assert pareto_shape(quantiles)[0] == pytest.approx(wanted, abs=0.15)


def test_weights_that_are_ruled_out_stay_so() -> None:
    raw = np.where(np.arange(1000) % 2, -np.inf, np.linspace(0, 3, 1000))
    weights, _ = pareto_smoothed(raw)
    assert (weights[1::2] == 0).all()
    assert (weights[::2] > 0).all()


def test_sizes_and_the_bound_of_k_hat() -> None:
    assert effective_size(np.full(50, 1 / 50)) == pytest.approx(50)
    assert effective_size(np.array([1.0, 0.0, 0.0])) == 1.0
    assert effective_size(np.array([0.5, 0.25, 0.25])) == pytest.approx(8 / 3)
    assert trusted_below(100) == pytest.approx(0.5)  # Vehtari et al. 2024, eq. 13
    assert trusted_below(1_000_000) == 0.7


def test_laplace_is_exact_for_a_normal_density_and_gives_what_does_not_fall_off_the_variance_1() -> None:
    covariance = np.array([[0.5, 0.3], [0.3, 0.8]])
    inverse = np.linalg.inv(covariance)
    peak = np.array([1.0, -2.0])

    def density(z: np.ndarray) -> np.ndarray:
        away = z[:, :2] - peak
        return -0.5 * np.einsum("dk,kj,dj->d", away, inverse, away)

    mode, found = laplace(density, np.zeros(3))
    assert mode[:2] == pytest.approx(peak, abs=1e-3)
    assert found[:2, :2] == pytest.approx(covariance, abs=1e-3)
    assert found[2] == pytest.approx([0.0, 0.0, 1.0], abs=1e-3)


def test_importance_draws_are_in_no_order_and_all_of_them_are_of_the_target() -> None:
    """Of any part of the draws the moments are those of the whole, so that a caller may take the first of them."""
    z, _, size = importance_draws("x", lambda at: -2.0 * (at[:, 0] - 1.0) ** 2, 1, 1, 20_000)
    for part in (z[:5000, 0], z[-5000:, 0]):  # precision 1 + 4
        assert part.mean() == pytest.approx(0.8, abs=0.03)
        assert part.var() == pytest.approx(0.2, rel=0.08)
    repeated = (z[1:] == z[:-1]).all(axis=1).mean()
    assert repeated < 0.01
    assert size > 15_000
    again, _, _ = importance_draws("x", lambda at: -2.0 * (at[:, 0] - 1.0) ** 2, 1, 2, 20_000)
    assert not np.array_equal(z, again)


# --- parameters that one number tells ---------------------------------------------------------------


def test_a_likelihood_that_excludes_a_part_leaves_the_rest_of_the_prior() -> None:
    u = np.array([0.1, 0.5, 0.9])
    found = reweighted(STANDARD, u, lambda x: np.where(x > 0, 0.0, -np.inf))
    assert found == pytest.approx(stats.halfnorm.ppf(u), abs=2e-3)
    assert (np.diff(reweighted(STANDARD, np.linspace(0, 1, 50), np.zeros_like)) > 0).all()


def test_a_profile_is_met_at_its_points_and_goes_on_in_a_line_beyond_them() -> None:
    rates = np.array([0.5, 1.0, 2.0, 4.0])
    heights = [-1.0, 0.0, -0.5, -3.0]
    told = profiled([*zip(rates, heights, strict=True)])
    assert told(rates) == pytest.approx(heights)
    beyond = told(np.array([4.0, 8.0, 16.0]))
    assert beyond[1] - beyond[0] == pytest.approx(beyond[2] - beyond[1])
    assert beyond[1] < beyond[0]
    before = told(np.array([0.125, 0.25, 0.5]))
    assert before[1] - before[0] == pytest.approx(before[2] - before[1])
    assert before[0] < before[1]


def test_what_acts_weigh_is_the_height_of_all_their_factors_together() -> None:
    """By key path: an act's weight has the scale and all steps in common with others, and nothing of another field."""
    factors = {"priors.intent_scale": np.ones(2), "priors.intent_step": np.full(2, 2.0), "parameters.beta": np.zeros(2)}
    paths = ("event_kinds.exercise.intent", "event_kinds.exercise.alignment", "parameters.beta", "kinds.access.depth")
    sums = joint._by_path(paths, factors)
    assert {*sums} == {"event_kinds.exercise.intent", "parameters.beta"}
    assert sums["event_kinds.exercise.intent"].tolist() == [3.0, 3.0]


def test_events_tell_weights_by_the_precision_of_their_multipliers() -> None:
    """Two multipliers that hang together: the log-density of a normal distribution, by SciPy."""
    names = ("event_kinds.exercise.intent", "event_kinds.treaty.intent")
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    record = EventRecord(names, ("", ""), np.array([1.2, 0.7]), covariance)
    columns = {name: reference_values()[name] * np.array([1.0, 1.5, 0.2]) for name in names}
    normal = stats.multivariate_normal([1.2, 0.7], covariance)
    wanted = normal.logpdf(np.array([[1.0, 1.0], [1.5, 1.5], [0.2, 0.2]]))
    found = record.log_likelihood(columns)
    assert found - found[0] == pytest.approx(wanted - wanted[0])


@pytest.mark.parametrize(
    ("away", "spread", "word"), [(0.0, 100.0, PRIOR_DOMINATED), (0.5, 0.3, INFORMED), (4.0, 1.0, IN_CONFLICT)]
)
def test_power_scaling_of_normal_prior_and_likelihood(away: float, spread: float, word: str) -> None:
    """A prior raised to the power p has p times the precision: the mean of the posterior moves by -m log 2 / (1 + t) a
    doubling, in its standard deviations, with t the precision of the likelihood and m the mean."""
    precision = spread**-2
    mean = away * precision / (1.0 + precision)
    deviation = (1.0 + precision) ** -0.5
    draws = stats.norm(mean, deviation).ppf((np.arange(20_000) + 0.5) / 20_000)
    found = power_scaling(draws, stats.norm.logpdf(draws), stats.norm(away, spread).logpdf(draws))
    assert found.word == word
    assert found.pull == pytest.approx(-mean * np.log(2.0) * deviation, abs=0.02)

"""Does a 95 % interval hold the truth 95 times in 100? Every interval that is reported, by simulation.

One yardstick for all: of so many draws from a population whose true value is known, so many intervals have to
hold it. The yardstick rejects an interval that is right with a chance below `FALSE` a test, by the exact
binomial distribution. With `DRAWS` draws it sees a coverage of 0.932 or 0.967 at least 99 times in 100, with
those of the long form one of 0.943 or 0.9565 (`test_the_yardstick_has_the_power_it_claims`). Estimators that
are wrong on purpose have to fail it.

Elsewhere: the DKW band of the curve of differences, tests/show/test_tables.py.
The long form: `pytest -n 0 -m long tests/study/test_coverage.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.article.mechanisms.agreements import FEWEST, elasticity
from balance_sim.article.mechanisms.data import PairedColumns, jackknifed, ratio
from balance_sim.article.mechanisms.spiral import SAMPLE, loop_gains, rates, sampled
from balance_sim.effects.run import run
from balance_sim.effects.sensitivity import _morris_rows, _sobol_rows
from balance_sim.effects.sweep_matrices import OutcomeMatrices, Quantity, run_matrices
from balance_sim.evidence.cases.scores import CaseTable
from balance_sim.evidence.cases.scores import measured as case_measures
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.model.baseline import Worlds
from balance_sim.scenario import load_scenario
from balance_sim.scenario.experiment import load_experiment
from balance_sim.stats.indices import (
    FEW_POINTS,
    FEW_ROWS,
    Index,
    morris_effects,
    sobol_indices,
    variance_split,
)
from balance_sim.stats.intervals import (
    mean_interval,
    paired_interval,
    spread_over,
    t_quantile,
    welch,
)
from balance_sim.stats.scores import exact_share, reliability_table
from balance_sim.study.arms import compile_arms
from balance_sim.study.estimates import Counts, Moments
from balance_sim.study.outcomes import FILTERED, least_jump
from balance_sim.study.result import Result
from balance_sim.study.sweep import sweep
from balance_sim.study.sweep_result import SweepResult
from scipy.stats import binom, norm

SUMMIT = Path(__file__).parents[1] / "scenario" / "data" / "summit.yaml"
NOMINAL = 0.95
FALSE = 1e-6
DRAWS, LONG = 10_000, 60_000

Bounds = tuple[float, float]
Interval = Callable[[np.ndarray, np.ndarray], Bounds]  # of an arm's and the reference's values, run by run
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def allowed(draws: int, low: float = NOMINAL, high: float = NOMINAL) -> tuple[int, int]:
    """Fewest and most intervals of `draws` that hold the truth, for a coverage within low..high."""
    return int(binom.ppf(FALSE / 2, draws, low)), int(binom.isf(FALSE / 2, draws, high))


def held(interval: Interval, draw: Draw, n: int, truth: float, draws: int, seed: int = 1) -> int:
    """How many of `draws` intervals, each from n runs of its own, hold the truth."""
    rng = np.random.default_rng(seed)
    bounds = (interval(*draw(rng, n)) for _ in range(draws))
    return sum(low <= truth <= high for low, high in bounds)


def passes(count: int, draws: int, low: float = NOMINAL, high: float = NOMINAL) -> bool:
    least, most = allowed(draws, low, high)
    return least <= count <= most


def test_the_yardstick_has_the_power_it_claims() -> None:
    for draws, seen in ((DRAWS, (0.932, 0.967)), (LONG, (0.943, 0.9565))):
        least, most = allowed(draws)
        assert binom.cdf(least - 1, draws, NOMINAL) + binom.sf(most, draws, NOMINAL) <= FALSE
        for coverage in seen:
            missed = binom.cdf(most, draws, coverage) - binom.cdf(least - 1, draws, coverage)
            assert missed < 0.01, (draws, coverage)


# --- the mean of paired differences -----------------------------------------------------------------


def drawn(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Of an outcome that was drawn: counts, days, states of the world."""
    return paired_interval(arm, reference)[2:]


def counted(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Of a number of agreements or of states."""
    return paired_interval(arm, reference, least=1.0)[2:]


def _of_jump(least: float) -> Interval:
    """Of an outcome that moves by so much at least."""
    return lambda arm, reference: paired_interval(arm, reference, least=least)[2:]


def smooth(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Of a filtered estimate."""
    return paired_interval(arm, reference, smooth=True)[2:]


def tallied(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """A filtered estimate's as a study gathers it, in parts."""
    moments = Moments()
    for part in np.array_split(arm - reference, 3):
        moments.add(part)
    return moments.interval()


def normal(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels that share most of their luck; the difference has mean 0.3."""
    luck = rng.normal(0, 3, n)
    return luck + rng.normal(0.3, 1, n), luck


def counts_of_accords(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts as of agreements: some in both arms, some only with the event (0.4), some only without (0.1)."""
    both = rng.poisson(3.0, n)
    return (both + rng.poisson(0.4, n)).astype(float), (both + rng.poisson(0.1, n)).astype(float)


RIGHT = {"smooth": smooth, "tally": tallied}


@pytest.mark.parametrize("n", [2, 5, 60])
@pytest.mark.parametrize("name", RIGHT)
def test_an_interval_of_the_mean_holds_it_at_the_nominal_rate(name: str, n: int) -> None:
    assert passes(held(RIGHT[name], normal, n, 0.3, DRAWS), DRAWS)


@pytest.mark.parametrize("n", [100, pytest.param(400, marks=pytest.mark.long)])
def test_an_effect_on_counts_is_held_at_the_nominal_rate(n: int) -> None:
    """Two runs in five differ: 0.95 to 0.98. There is room for a jump as large as the spread of the levels."""
    assert passes(held(counted, counts_of_accords, n, 0.3, DRAWS), DRAWS, 0.95, 0.98)


def unpaired(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong: as if the arms had luck of their own."""
    middle = arm.mean() - reference.mean()
    half = 1.96 * np.sqrt((arm.var(ddof=1) + reference.var(ddof=1)) / len(arm))
    return middle - half, middle + half


def spread_of_runs(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong: where runs lie, not where their mean does."""
    low, high = np.quantile(arm - reference, [0.025, 0.975])
    return float(low), float(high)


def narrow(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong: a 90 % interval sold as one of 95 %."""
    middle, error, _, _ = mean_interval(arm - reference)
    half = t_quantile(0.90, len(arm) - 1) * error
    return middle - half, middle + half


def every_run_twice(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong: the same runs counted as if they were twice as many (one seed for two replications)."""
    return mean_interval(np.tile(arm - reference, 2))[2:]


def normal_quantile(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong for few runs."""
    middle, error, _, _ = mean_interval(arm - reference)
    return middle - 1.96 * error, middle + 1.96 * error


def divided_by_n(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong for few runs: the variance of a sample taken for that of the population."""
    values = arm - reference
    half = t_quantile(NOMINAL, len(values) - 1) * float(values.std()) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


@pytest.mark.parametrize(
    ("wrong", "n"),
    [(unpaired, 60), (spread_of_runs, 60), (narrow, 60), (every_run_twice, 60), (normal_quantile, 5),
     (divided_by_n, 3)],
)  # fmt: skip
def test_wrong_estimators_fail_the_same_test(wrong: Interval, n: int) -> None:
    assert not passes(held(wrong, normal, n, 0.3, DRAWS), DRAWS)


def students(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong where few runs differ: Student's t, which leans on the few differences that were seen."""
    middle, error, _, _ = mean_interval(arm - reference)
    half = t_quantile(NOMINAL, len(arm) - 1) * error
    return middle - half, middle + half


def exact_coverage_of_rare_differences(expected: float, interval: Interval, n: int = 400) -> float:
    """Coverage where each run differs, by one agreement, with chance expected / n: summed over all counts."""
    share = expected / n
    runs = np.arange(n + 1)
    weight = binom.pmf(runs, n, share)
    hold = np.zeros(n + 1, dtype=bool)
    for k in np.flatnonzero(weight > 1e-12):
        low, high = interval(np.repeat([1.0, 0.0], [k, n - k]), np.zeros(n))
        hold[k] = low <= share <= high
    return float(weight[hold].sum())


RARE = (1, 2, 5, 10, 20, 40)  # runs of 400 that are expected to differ


def test_rare_differences_have_the_coverage_that_docs_give() -> None:
    """The table of docs/statistics.md, exact: no draws, so no false failures."""
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    for name, interval in (("as reported", counted), ("Student's t alone", students)):
        found = [exact_coverage_of_rare_differences(m, interval) for m in RARE]
        assert f"| {name} | " + " | ".join(f"{one:.3f}" for one in found) + " |" in page


def test_rare_differences_of_one_accord_are_held_at_the_nominal_rate_or_more() -> None:
    """Of 400 runs 0.5 to 100 differ: 0.95 or more, by the exact sum. Student's t alone falls to 0.4."""
    found = [exact_coverage_of_rare_differences(m, counted) for m in np.geomspace(0.5, 100, 40)]
    assert min(found) >= 0.945, found
    assert min(exact_coverage_of_rare_differences(m, students) for m in RARE) < 0.70


Sizes = Callable[[np.random.Generator, int], np.ndarray]
UNEVEN: dict[str, tuple[Sizes, float]] = {
    "several": (lambda rng, n: rng.geometric(0.6, n) * 1.0, 5 / 3),
    "like the engine's": (lambda rng, n: rng.geometric(0.8, n) * 1.0, 1.25),
    "both": (lambda rng, n: rng.geometric(0.6, n) * np.where(rng.uniform(size=n) < 0.7, 1.0, -1.0), 2 / 3),
}
"""Sizes of differences of counts where a run has one, and their mean: 1.0 to 1.27 in the shipped scenarios."""


def rare(sizes: Sizes, expected: float) -> Draw:
    """So many of n runs differ, by such sizes."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        return sizes(rng, n) * (rng.uniform(size=n) < expected / n), np.zeros(n)

    return draw


@pytest.mark.parametrize("name", ["several", *(pytest.param(one, marks=pytest.mark.long) for one in [*UNEVEN][1:])])
def test_rare_differences_of_uneven_size(name: str) -> None:
    """Of 200 runs 3, 10 or 30 differ by uneven amounts: 0.94 or more. Student's fails, but where gains and losses
    make up for each other."""
    sizes, mean = UNEVEN[name]
    draws = DRAWS // 5
    for expected in (3.0, 10.0, 30.0):
        count = held(counted, rare(sizes, expected), 200, expected / 200 * mean, draws)
        assert passes(count, draws, 0.94, 1.0), (expected, count)
    if name == "several":
        assert not passes(held(students, rare(sizes, 3.0), 200, 3 / 200 * mean, draws), draws, 0.94, 1.0)


# --- on a continuous scale: a shift that most runs share, and jumps in a few ------------------------------


def tallied_on_a_scale(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """The same from how often each value and each difference came, as a sweep gathers it."""
    counts = [Counts() for _ in range(3)]
    for count, values in zip(counts, (arm, reference, arm - reference), strict=True):
        for part in np.array_split(values, 3):
            count.add(part)
    return counts[2].around(counts[0].spread_with(counts[1]))


JUMPS: dict[str, tuple[Sizes, float]] = {
    "all alike": (lambda rng, n: np.ones(n), 1.0),
    "normal": (lambda rng, n: rng.normal(0.3, 1, n), 0.3),
    "exponential": (lambda rng, n: rng.exponential(1, n), 1.0),
    "skewed": (lambda rng, n: rng.lognormal(-0.3, 0.8, n), float(np.exp(0.02))),
}
"""Sizes of the jumps, in units of the spread of the outcome, and their mean."""


def shifted(sizes: Sizes, expected: float) -> Draw:
    """A shift of 0.2 that varies by a hundredth, and so many jumps in n runs, on levels with a spread of 1."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        reference = rng.normal(0, 1, n)
        jumps = sizes(rng, n) * (rng.uniform(size=n) < expected / n)
        return reference + rng.normal(0.2, 0.01, n) + jumps, reference

    return draw


@pytest.mark.parametrize(
    "name", ["normal", *(pytest.param(one, marks=pytest.mark.long) for one in ("skewed", "all alike", "exponential"))]
)
def test_a_shift_with_rare_jumps_is_held_at_the_nominal_rate_or_more(name: str) -> None:
    """0.3 to 40 jumps in 200 runs: 0.94 or more. Student's, which knows only those that came, falls short where few are
    expected, unless jumps of both signs make up for each other."""
    sizes, mean = JUMPS[name]
    draws = DRAWS // 10
    for expected in (0.3, 2.0, 10.0, 40.0):
        truth = 0.2 + expected / 200 * mean
        count = held(drawn, shifted(sizes, expected), 200, truth, draws)
        assert passes(count, draws, 0.94, 1.0), (expected, count)
    for expected in () if name == "normal" else (0.3, 2.0):
        truth = 0.2 + expected / 200 * mean
        assert not passes(held(students, shifted(sizes, expected), 200, truth, draws), draws, 0.94, 1.0)


def test_a_tally_gives_the_interval_of_the_values_themselves() -> None:
    rng = np.random.default_rng(3)
    for n in (2, 7, 200):
        arm, reference = shifted(JUMPS["skewed"][0], 10.0)(rng, n)
        assert tallied_on_a_scale(arm, reference) == pytest.approx(drawn(arm, reference), rel=1e-9)


def test_what_no_run_shows_has_the_spread_of_the_outcome_for_its_size() -> None:
    """Closed form, of differences that are all the same: Wilson's bound for none of n, times the spread."""
    levels = np.array([1.0, 3.0] * 50)
    low, high = drawn(levels + 0.5, levels)
    spread = np.sqrt(1 + 0.25**2)
    assert float(spread_over(levels + 0.5, levels)) == pytest.approx(spread)
    assert low == pytest.approx(0.5 - 1.959964**2 * spread / 100)
    assert high == pytest.approx(0.5 + 1.959964**2 * spread / 100)


def test_no_difference_has_no_length_where_none_can_come() -> None:
    levels = np.array([1.0, 3.0] * 50)
    assert paired_interval(levels, levels, alike=True) == (0.0, 0.0, 0.0, 0.0)
    assert paired_interval(levels, levels, smooth=True) == (0.0, 0.0, 0.0, 0.0)
    low, high = drawn(levels, levels)
    assert -low == high == pytest.approx(1.959964**2 / 100)


# --- shares -------------------------------------------------------------------------------------------


def exact_coverage_of_a_share(share: float, n: int, low: np.ndarray, high: np.ndarray) -> float:
    weight = binom.pmf(np.arange(n + 1), n, share)
    return float(weight[(low <= share) & (share <= high)].sum())


@pytest.mark.parametrize("n", [40, 400])
def test_the_exact_interval_of_a_share(n: int) -> None:
    """Exact, summed over all counts: 0.95 or more for any share; Wilson's falls to 0.84 near 0 and 1."""
    hits = np.arange(n + 1.0)
    both = exact_share(hits, np.array(float(n)))
    shares = np.concatenate([np.geomspace(0.01 / n, 0.05, 200), np.linspace(0.05, 0.5, 91)])
    shares = np.concatenate([shares, 1 - shares])
    assert min(exact_coverage_of_a_share(share, n, *both) for share in shares) >= NOMINAL
    z = float(norm.ppf(0.975))
    half = z / (1 + z**2 / n) * np.sqrt(hits / n * (1 - hits / n) / n + z**2 / (4 * n**2))
    middle = (hits / n + z**2 / (2 * n)) / (1 + z**2 / n)
    assert min(exact_coverage_of_a_share(share, n, middle - half, middle + half) for share in shares) < 0.85


def bins_held(draws: int, *, right: bool) -> tuple[int, int]:
    """Bins of 200 pairs in ten years whose interval holds the mean forecast, and how many bins there are.

    A pair that has an agreement is four times as likely to make another: years hang together. right: forecasts know
    that; else they have the rate of a pair without one."""
    rng, good, every = np.random.default_rng(53), 0, 0
    for _ in range(draws):
        base, before = rng.beta(0.5, 20, 200), np.zeros(200, bool)
        forecast, happened = [], []
        for _ in range(10):
            chance = np.minimum(base * np.where(before, 4.0, 1.0), 0.9)
            y = rng.uniform(size=200) < chance
            forecast.append(chance if right else base)
            happened.append(y)
            before |= y
        table = reliability_table(np.concatenate(forecast), np.concatenate(happened).astype(float))
        good += int(
            ((table["observed_low"] <= table["forecast"]) & (table["forecast"] <= table["observed_high"])).sum()
        )
        every += len(table)
    return good, every


def test_bins_of_right_forecasts_agree_though_years_hang_together() -> None:
    """0.95 or more of the bins; of forecasts that do not know what came before fewer do. Bins of one history are
    as good as independent: what happens in a year is not known from the forecasts of it."""
    assert passes(*bins_held(200, right=True), 0.95, 1.0)
    assert not passes(*bins_held(200, right=False), 0.95, 1.0)


# --- ratios, slopes and studies that share no luck (mechanisms, compare) ------------------------------


def paired_means(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two effects of the same runs, of means 0.6 and 1.5, that share luck."""
    luck = rng.normal(0, 0.6, n)
    return luck + rng.normal(0.6, 0.7, n), luck + rng.normal(1.5, 0.7, n)


def fieller(over: np.ndarray, under: np.ndarray) -> Bounds:
    return ratio(PairedColumns.of(over, smooth=True), PairedColumns.of(under, smooth=True))[1:]


def ratio_as_if_known(over: np.ndarray, under: np.ndarray) -> Bounds:
    """Wrong: the lower mean taken as known."""
    low, high = mean_interval(over)[2:]
    return low / under.mean(), high / under.mean()


def left_out(over: np.ndarray, under: np.ndarray) -> Bounds:
    """The ratio of means by leaving one run out at a time."""
    both = np.column_stack([over, under])
    return jackknifed(lambda v: float(v[:, 0].mean() / v[:, 1].mean()), both)[1:]


def left_out_twice(over: np.ndarray, under: np.ndarray) -> Bounds:
    """Wrong: every run counted twice."""
    return left_out(np.tile(over, 2), np.tile(under, 2))


def unlike(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two studies with luck of their own, unlike spreads and sizes; the second mean is 0.5 lower."""
    return rng.poisson(2.5, n).astype(float), rng.poisson(2.0, 3 * n) * 1.0


def of_welch(left: np.ndarray, right: np.ndarray) -> Bounds:
    sides = (Counts(), Counts())
    for side, values in zip(sides, (left, right), strict=True):
        side.add(values)
    return welch(*(side.sample() for side in sides))[2:]


def right_as_if_known(left: np.ndarray, right: np.ndarray) -> Bounds:
    """Wrong: only the left study's error."""
    low, high = mean_interval(left)[2:]
    return float(right.mean()) - high, float(right.mean()) - low


def test_a_ratio_of_effects_is_held_at_the_nominal_rate() -> None:
    assert passes(held(fieller, paired_means, 60, 0.4, DRAWS), DRAWS)
    assert not passes(held(ratio_as_if_known, paired_means, 60, 0.4, DRAWS), DRAWS)


def rare_over_many(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Three runs gain one, of eight or so in each."""
    return (rng.uniform(size=n) < 3 / n).astype(float), rng.poisson(8, n).astype(float)


def fieller_alone(over: np.ndarray, under: np.ndarray) -> Bounds:
    """Wrong where few runs have any of the upper: Student's t, in all but name."""
    share = over.mean() / under.mean()
    half = t_quantile(NOMINAL, len(over) - 1) * (over - share * under).std(ddof=1)
    return tuple(share + side * half / np.sqrt(len(over)) / under.mean() for side in (-1, 1))


def test_a_ratio_of_something_rare_is_held_at_the_nominal_rate_or_more() -> None:
    """As of agreements that come 30 days earlier (M15): 0.945 or more; by Fieller's alone 0.80 or so."""
    draws, truth = DRAWS // 5, 3 / 60 / 8
    assert passes(
        held(
            lambda x, y: ratio(PairedColumns.of(x, least=1.0), PairedColumns.of(y, least=1.0))[1:],
            rare_over_many,
            60,
            truth,
            draws,
        ),
        draws,
        0.945,
        1.0,
    )
    assert not passes(held(fieller_alone, rare_over_many, 60, truth, draws), draws, 0.945, 1.0)


def test_what_is_jackknifed_is_held_at_the_nominal_rate() -> None:
    """Of a ratio of means, over 60 runs: 0.94 to 0.955 passes; with every run counted twice it does not."""
    draws = DRAWS // 5
    assert passes(held(left_out, paired_means, 60, 0.4, draws), draws, 0.94, 0.955)
    assert not passes(held(left_out_twice, paired_means, 60, 0.4, draws // 4), draws // 4, 0.94, 0.955)


LEVELS = np.array([0.25, 0.5, 0.75, 1.0])


def slope_draws(differing: float, draws: int, fewest: int) -> tuple[int, int]:
    """How many intervals of the elasticity hold the true one, and of how many: of the draws that have any.

    100 runs; what a run gains at a low visibility it gains at a higher one too, in proportion, so the elasticity is 1;
    so many gains at the highest, on average. fewest: runs that have to differ."""
    rng, good, given = np.random.default_rng(29), 0, 0
    x = np.log(LEVELS) - np.log(LEVELS).mean()
    for _ in range(draws):
        excess = np.cumsum(rng.poisson(differing / 400, (4, 100)), axis=0).T.astype(float)
        _, low, high = elasticity(LEVELS, excess)
        if fewest < FEWEST and excess.any(axis=0).all():  # wrong: whatever there is
            _, low, high = jackknifed(lambda v: float(x @ np.log(v.mean(axis=0)) / (x @ x)), excess)
        given += np.isfinite(low)
        good += low <= 1.0 <= high
    return good, given


def test_an_elasticity_is_held_where_it_has_an_interval() -> None:
    """M4: 0.93 to 0.97 passes, with 12 or with 40 gains. From fewer, without a floor, down to 0.8."""
    for differing in (12.0, 40.0):
        good, given = slope_draws(differing, 600, FEWEST)
        assert given > 300
        assert passes(good, given, 0.93, 0.97), (differing, good, given)
    with np.errstate(divide="ignore", invalid="ignore"):
        good, given = slope_draws(4.0, 1200, 0)
    assert not passes(good, given, 0.93, 0.97), (good, given)


def test_the_difference_of_two_studies_is_held_at_the_nominal_rate() -> None:
    draws = DRAWS // 3
    assert passes(held(of_welch, unlike, 40, -0.5, draws), draws)
    assert not passes(held(right_as_if_known, unlike, 40, -0.5, draws), draws)


# --- scores of forecasts ----------------------------------------------------------------------------


MEASURED = {"log_skill": "log_skill", "brier_skill": "brier_skill", "auc": "auc_gain",
            "average_precision": "average_precision_gain"}  # fmt: skip


def population_scores(p: np.ndarray, chance: np.ndarray) -> dict[str, float]:
    """What a forecast p scores over a population whose rows happen with these opportunities: skills over their mean."""
    base = np.full(len(p), chance.mean())

    def surprise(q: np.ndarray) -> float:
        return float(np.mean(-chance * np.log(q) - (1 - chance) * np.log1p(-q)))

    def square(q: np.ndarray) -> float:
        return float(np.mean(chance * (q - 1) ** 2 + (1 - chance) * q**2))

    order = np.argsort(-p)
    hits, misses = np.cumsum(chance[order]), np.cumsum(1 - chance[order])
    auc = float((chance[order] * (misses[-1] - misses + (1 - chance[order]) / 2)).sum() / hits[-1] / misses[-1])
    precision = float((chance[order] * hits / np.arange(1, len(p) + 1)).sum() / hits[-1])
    return {
        "log_skill": 1 - surprise(p) / surprise(base), "brier_skill": 1 - square(p) / square(base),
        "auc": auc - 0.5, "average_precision": precision - base[0],
    }  # fmt: skip


def score_draws(
    draws: int, resamples: int, pairs: int = 400, shape: Bounds = (0.6, 3.0)
) -> tuple[dict[str, int], dict[str, int]]:
    """By measure: how many intervals hold the true one; as given, and cut to a third. With `less ` in front:

    of what the model gains on a forecast that blurs it."""
    rng = np.random.default_rng(11)
    grid = np.clip(rng.beta(*shape, 200_000), 1e-6, 1 - 1e-6)
    blurred = 1 / (1 + np.exp(0.6 - 0.6 * (np.log(grid / (1 - grid)) + rng.normal(0, 1, len(grid)))))
    base = float(grid.mean())
    ours, theirs = population_scores(grid, grid), population_scores(blurred, grid)
    truth = ours | {f"less {name}": ours[name] - theirs[name] for name in ours}
    good, short = (dict.fromkeys(truth, 0) for _ in range(2))
    for at in range(draws):
        rows = rng.integers(0, len(grid), pairs)
        y = (rng.uniform(size=pairs) < grid[rows]).astype(float)
        forecasts = {"model": grid[rows], "base_rate": np.full(pairs, base), "blurred": blurred[rows]}
        scores = score_forecasts(forecasts, y, np.arange(pairs), resamples=resamples, seed=at)
        found = {name: scores["model"][f"{field}_ci95"] for name, field in MEASURED.items()}
        found |= {f"less {name}": one["ci95"] for name, one in scores["blurred"]["model_gains"].items()}
        for name, (low, high) in found.items():
            good[name] += not (truth[name] < low or truth[name] > high)  # right if not given
            middle, half = (low + high) / 2, (high - low) / 6
            short[name] += not abs(truth[name] - middle) > half
    return good, short


def test_bootstrap_intervals_of_scores_and_of_what_the_model_gains_hold_them() -> None:
    """60 draws of 400 pairs: 0.94 or more; a third of the length does not pass."""
    good, short = score_draws(60, 150)
    assert len(good) == 8
    assert all(passes(count, 60, 0.94, 1.0) for count in good.values()), good
    assert not any(passes(count, 60, 0.94, 1.0) for count in short.values()), short


@pytest.mark.parametrize(("pairs", "shape"), [(60, (0.6, 3.0)), pytest.param(400, (0.6, 24.0), marks=pytest.mark.long)])
def test_scores_of_few_events(pairs: int, shape: tuple[float, float]) -> None:
    """About ten events, of 60 pairs and of 400, 60 draws: 0.94 or more are not wrong. With a third of
    the length some are."""
    good, short = score_draws(60, 100, pairs, shape)
    assert all(passes(count, 60, 0.94, 1.0) for count in good.values()), good
    assert not all(passes(count, 60, 0.94, 1.0) for count in short.values()), short


def test_scores_of_fewer_events_have_no_interval() -> None:
    p, y = np.linspace(0.01, 0.3, 100), np.arange(100) % 15 == 0
    found = score_forecasts({"model": p, "base_rate": np.full(100, 0.07)}, y * 1.0, np.arange(100), resamples=20)
    assert y.sum() == 7
    assert np.isfinite(found["model"]["log_skill"]) and np.isnan(found["model"]["log_skill_ci95"][0])


def case_draws(draws: int, *, by_agreement: bool) -> int:
    """How many intervals of the weighted Brier score hold the true one; 120 agreements of eight to fourteen pairs
    that share their forecast, and 200 pairs without a response. Wrong unless whole agreements are resampled."""
    rng, held_ones = np.random.default_rng(13), 0
    truth = 120 / 320 * (1 - 2 * 0.3 + 0.7 * 0.3 / 11 + 0.09) + 200 / 320 * (0.9 * 0.1 / 11 + 0.01)
    for at in range(draws):
        responses = rng.binomial(320, 120 / 320)
        sizes = rng.integers(8, 15, responses)
        p = np.concatenate([np.repeat(rng.beta(3, 7, responses), sizes), rng.beta(1, 9, 320 - responses)])
        happened = np.arange(len(p)) < sizes.sum()
        cluster = np.concatenate([np.repeat(np.arange(responses), sizes), np.arange(responses, 320)])
        weight = np.concatenate([np.repeat(1 / sizes, sizes), np.ones(320 - responses)])
        pairs = tuple((f"A{n}", f"B{n}") for n in range(len(p)))
        table = CaseTable(pairs, happened, weight, cluster if by_agreement else np.arange(len(p)))
        low, high = case_measures({"model": p}, table, 120, at)["model"]["brier_ci95"]  # type: ignore[misc]
        held_ones += low <= truth <= high
    return held_ones


def case_gain_draws(draws: int) -> dict[str, int]:
    """Of a case as above, by measure: how many intervals of the model's score hold the true one, and, with `less` in

    front, of what it gains on a forecast that blurs it. The truth is that of 400 cases taken as one."""
    rng = np.random.default_rng(41)

    def case() -> tuple[dict[str, np.ndarray], CaseTable]:
        responses = rng.binomial(320, 120 / 320)
        sizes = rng.integers(8, 15, responses)
        chance = np.concatenate([rng.beta(3, 7, responses), rng.beta(1, 9, 320 - responses)])
        other = chance / 2 + np.concatenate([rng.beta(2, 8, responses), rng.beta(2, 8, 320 - responses)]) / 2
        times = np.concatenate([sizes, np.ones(320 - responses, int)])
        happened = np.repeat(np.arange(320) < responses, times).astype(float)
        pairs = tuple((f"A{n}", f"B{n}") for n in range(len(happened)))
        cluster = np.repeat(np.arange(320), times)
        table = CaseTable(pairs, happened, np.repeat(1.0 / times, times), cluster)
        return {"model": np.repeat(chance, times), "blurred": np.repeat(other, times)}, table

    many = [case() for _ in range(400)]
    whole = CaseTable(
        (), np.concatenate([t.happened for _, t in many]), np.concatenate([t.weight for _, t in many]),
        np.zeros(sum(len(t.happened) for _, t in many), int),
    )  # fmt: skip
    forecasts = {name: np.concatenate([f[name] for f, _ in many]) for name in ("model", "blurred")}
    truth: dict[str, Any] = case_measures(forecasts, whole, 0, 1)
    held_ones = dict.fromkeys(("average_precision", "auc", "brier"), 0)
    held_ones |= dict.fromkeys([f"less {name}" for name in held_ones], 0)
    for at in range(draws):
        found: dict[str, Any] = case_measures(*case(), 150, at)
        for name in ("average_precision", "auc", "brier"):
            low, high = found["model"][f"{name}_ci95"]
            held_ones[name] += low <= truth["model"][name] <= high
            low, high = found["blurred"]["model_gains"][name]["ci95"]
            held_ones[f"less {name}"] += low <= truth["blurred"]["model_gains"][name]["value"] <= high
    return held_ones


@pytest.mark.long
def test_long_cases() -> None:
    """1,000 draws: every measure and what is gained, 0.94 or more."""
    found = case_gain_draws(1000)
    assert all(passes(count, 1000, 0.94, 1.0) for count in found.values()), found


def test_bootstrap_intervals_of_case_scores_hold_them() -> None:
    """80 draws: 0.94 or more passes; resamples of single pairs instead of whole agreements do not."""
    assert passes(case_draws(80, by_agreement=True), 80, 0.94, 1.0)
    assert not passes(case_draws(80, by_agreement=False), 80, 0.94, 1.0)


# --- sensitivity ------------------------------------------------------------------------------------

SLOPES = np.array([1.0, 0.6, 0.2])


def surface(x: np.ndarray) -> np.ndarray:
    """Three factors, uniform on 0..1; the first two act together."""
    return np.asarray(x @ SLOPES + 0.8 * (x[..., 0] - 0.5) * (x[..., 1] - 0.5))


def narrowed(index: Index) -> Index:
    """Wrong: half as long."""
    middle, quarter = (index.low + index.high) / 2, (index.high - index.low) / 4
    return Index(index.value, middle - quarter, middle + quarter)


def sobol_draws(draws: int, rows: int, noise: float, *, average: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(2, 3) how many intervals of first and total order hold the exact index, as given and cut by half.

    Eight runs a point. average: their mean alone is handed over, so that its noise counts as interaction."""
    own, both = SLOPES**2 / 12, 0.64 / 144
    whole = own.sum() + both
    truth = np.stack([own / whole, (own + np.array([both, both, 0.0])) / whole])
    rng, good, cut = np.random.default_rng(17), np.zeros((2, 3), int), np.zeros((2, 3), int)
    for at in range(draws):
        a, b = rng.random((rows, 3)), rng.random((rows, 3))
        points = [a, b, *(np.where(np.arange(3) == k, b, a) for k in range(3))]
        y = [surface(x)[:, None] + rng.normal(0, noise, (rows, 8)) for x in points]
        y = [of.mean(axis=1, keepdims=True) for of in y] if average else y
        found = sobol_indices(y[0], y[1], np.stack(y[2:]), 400, at)
        for order, indices in enumerate((found.first, found.total)):
            for k, one in enumerate(indices):
                good[order, k] += one.low <= truth[order, k] <= one.high
                short = narrowed(one)
                cut[order, k] += short.low <= truth[order, k] <= short.high
    return good, cut


def test_bootstrap_intervals_of_sobol_indices_hold_them() -> None:
    """150 draws of 64 rows. 0.94 or more passes; half the length, and noise taken for interaction, do not; but for the
    factor whose effect is smaller than the noise, which stands in both the rows' and the runs' part."""
    good, cut = sobol_draws(150, 64, 0.1)
    assert all(passes(count, 150, 0.94, 1.0) for count in good.ravel()), good
    assert not any(passes(count, 150, 0.94, 1.0) for count in cut[:, :2].ravel()), cut
    noisy, _ = sobol_draws(150, 64, 0.5, average=True)
    assert not any(passes(count, 150, 0.94, 1.0) for count in noisy[1, 1:]), noisy


MORRIS = ("mu", "mu_star", "sigma")


def morris_draws(
    draws: int, trajectories: int, noise: float, wrong: Callable[[str, Index, np.ndarray], Index]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By measure: (3,) how many intervals hold the truth of each factor; as given, and made wrong.

    Eight runs a point. All slopes are above zero, so mu star is mu; the first two factors act together."""
    rng = np.random.default_rng(19)
    acting = 0.8 / np.sqrt(12)  # the spread of the first two factors' effects
    truth = {"mu": SLOPES, "mu_star": SLOPES, "sigma": np.array([acting, acting, 0.0])}
    good, bad = ({name: np.zeros(3, int) for name in MORRIS} for _ in range(2))
    for _ in range(draws):
        step = rng.choice([-0.5, 0.5], (trajectories, 3))
        y = np.empty((2, trajectories, 3, 8))
        for k in range(3):
            x = rng.random((trajectories, 3))
            x[:, k] = x[:, k] / 2 + np.where(step[:, k] > 0, 0.0, 0.5)
            for side in (0, 1):
                y[side, :, k] = surface(x)[:, None] + rng.normal(0, noise, (trajectories, 8))
                x[:, k] += step[:, k]
        found = morris_effects(y[0], y[1], step)
        effects = (y[1] - y[0]).mean(axis=2) / step
        for name in MORRIS:
            for k, one in enumerate(getattr(found, name)):
                good[name][k] += one.low <= truth[name][k] <= one.high
                other = wrong(name, one, effects[:, k])
                bad[name][k] += other.low <= truth[name][k] <= other.high
    return good, bad


def halved(name: str, one: Index, effects: np.ndarray) -> Index:
    return narrowed(one)


@pytest.mark.parametrize("trajectories", [10, *(pytest.param(n, marks=pytest.mark.long) for n in (6, 40))])
def test_intervals_of_morris_effects_hold_them(trajectories: int) -> None:
    """500 draws. mu and mu star: 0.93 to 0.97 passes. sigma: 0.94 or more, of few trajectories near 1; where it is
    zero the interval ends there. Half the length does not pass, of mu and mu star."""
    good, cut = morris_draws(500, trajectories, 0.1, halved)
    assert all(passes(count, 500, 0.93, 0.97) for count in good["mu"]), good
    assert all(passes(count, 500, 0.93, 1.0) for count in (*good["mu_star"], *good["sigma"])), good
    assert not any(passes(count, 500, 0.93, 1.0) for count in (*cut["mu"], *cut["mu_star"])), cut


def as_it_was(name: str, one: Index, effects: np.ndarray) -> Index:
    """Wrong: noise taken for size, and for spread; percentiles of resampled trajectories."""
    rng = np.random.default_rng(1)
    drawn = effects[rng.integers(0, len(effects), (200, len(effects)))]
    values = {"mu": drawn.mean(axis=1), "mu_star": np.abs(drawn).mean(axis=1), "sigma": drawn.std(axis=1)}[name]
    return Index(one.value, *(float(v) for v in np.quantile(values, [0.025, 0.975])))


def test_noise_is_not_taken_for_an_effect() -> None:
    """300 draws of 10 trajectories whose noise is three times the least slope: 0.94 or more holds. Percentiles of
    what is seen do not, of mu star and sigma."""
    good, wrong = morris_draws(300, 10, 0.6, as_it_was)
    assert all(passes(count, 300, 0.94, 1.0) for name in MORRIS for count in good[name]), good
    assert not passes(wrong["mu_star"][2], 300, 0.94, 1.0), wrong
    assert not any(passes(count, 300, 0.94, 1.0) for count in wrong["sigma"]), wrong


def sigma_draws(draws: int, trajectories: int, effects: Callable[..., np.ndarray]) -> tuple[int, int]:
    """How many intervals of sigma hold 1; ours, and percentiles of resampled trajectories. No noise."""
    rng, good, wrong = np.random.default_rng(31), 0, 0
    for _ in range(draws):
        e = effects(rng, trajectories)
        found = morris_effects(np.zeros((trajectories, 1, 1)), e[:, None, None], np.ones((trajectories, 1)))
        good += found.sigma[0].low <= 1.0 <= found.sigma[0].high
        other = as_it_was("sigma", found.sigma[0], e)
        wrong += other.low <= 1.0 <= other.high
    return good, wrong


SPREADS = {
    "even": (lambda rng, n: rng.uniform(-np.sqrt(3), np.sqrt(3), n), 0.94),
    "normal": (lambda rng, n: rng.normal(0, 1, n), 0.94),
    "two signs": (lambda rng, n: rng.choice([-1.0, 1.0], n), 0.94),
    "long tails": (lambda rng, n: rng.laplace(0, np.sqrt(0.5), n), 0.94),
    "skewed": (lambda rng, n: rng.exponential(1, n), 0.94),
}


@pytest.mark.parametrize("name", SPREADS)
def test_the_interval_of_sigma_by_the_form_of_the_effects(name: str) -> None:
    """400 draws of 10 trajectories: 0.94 or more, of whatever form the effects are. Percentiles, as they were, fail
    but for two signs."""
    effects, least = SPREADS[name]
    good, wrong = sigma_draws(400, 10, effects)
    assert passes(good, 400, least, 1.0), good
    assert not passes(wrong, 400, least, 1.0) or name == "two signs", wrong


LEVELS_OF_POINTS: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], float, float]] = {
    "normal": (lambda rng, n: rng.normal(0, 1, (n, 1)) + rng.normal(0, 2, (n, 20)), 1.0, 4.0),
    "no parameter": (lambda rng, n: rng.normal(0, 2, (n, 20)), 0.0, 4.0),
    "even": (lambda rng, n: rng.uniform(-3, 3, (n, 1)) + rng.normal(0, 1, (n, 20)), 3.0, 1.0),
    "skewed": (lambda rng, n: rng.exponential(1, (n, 1)) + rng.normal(0, 1, (n, 20)), 1.0, 1.0),
    "counts": (lambda rng, n: rng.poisson(rng.uniform(0.2, 1.8, (n, 1)), (n, 20)) * 1.0, 1.6**2 / 12, 1.0),
}
"""Outcomes of n points, 20 runs each; the variance of their means, and the mean of their variances."""


def split_draws(draws: int, points: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(3,) how many intervals hold the parameters' variance, chance's and the share; and how many percentiles of
    100 resamples of points do, as they were."""
    draw, of_parameters, of_chance = LEVELS_OF_POINTS[name]
    truth = (of_parameters, of_chance, of_parameters / (of_parameters + of_chance))
    rng, good, wrong = np.random.default_rng(23), np.zeros(3, int), np.zeros(3, int)
    for _ in range(draws):
        y = draw(rng, points)
        found = variance_split(y)
        good += [one.low <= t <= one.high for one, t in zip((found.parameters, found.chance, found.share), truth,
                                                            strict=True)]  # fmt: skip
        drawn = y[rng.integers(0, points, (100, points))]
        inside = drawn.var(axis=2, ddof=1).mean(axis=1)
        means = drawn.mean(axis=2).var(axis=1, ddof=1) - inside / y.shape[1]
        ends = np.quantile([means, inside, means / (means + inside)], [0.025, 0.975], axis=1).T
        wrong += [low <= t <= high for (low, high), t in zip(ends, truth, strict=True)]
    return good, wrong


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("no parameter", FEW_POINTS),
        ("counts", 50),
        *(pytest.param(name, FEW_POINTS, marks=pytest.mark.long) for name in ("normal", "even", "skewed", "counts")),
    ],
)
def test_intervals_of_the_variance_split_hold_it(name: str, points: int) -> None:
    """500 draws of 12 and of 50 points: 0.94 or more; percentiles of resampled points, as they were, do not pass."""
    good, wrong = split_draws(500, points, name)
    assert all(passes(count, 500, 0.94, 1.0) for count in good), good
    assert points > 12 or not all(passes(count, 500, 0.94, 1.0) for count in wrong), wrong


def test_few_rows_or_points_have_no_interval() -> None:
    rng = np.random.default_rng(1)
    found = variance_split(rng.normal(0, 1, (FEW_POINTS - 1, 8)))
    assert np.isfinite(found.share.value)
    assert np.isnan([found.share.low, found.parameters.high, found.chance.low]).all()
    a, b, *ab = rng.normal(0, 1, (4, FEW_ROWS - 1, 8))
    few = sobol_indices(a, b, np.stack(ab))
    assert np.isfinite(few.first[0].value) and np.isnan([few.first[0].low, few.total[1].high]).all()


@pytest.mark.long
def test_long_sobol_and_split() -> None:
    """2,000 draws, of the fewest rows and points too: 0.94 or more."""
    for rows in (FEW_ROWS, 64):
        found, _ = sobol_draws(2000, rows, 0.1)
        assert all(passes(count, 2000, 0.94, 1.0) for count in found.ravel()), found
    for points in (FEW_POINTS, 20, 50, 100):
        for name in LEVELS_OF_POINTS:
            good, _ = split_draws(2000, points, name)
            assert all(passes(count, 2000, 0.94, 1.0) for count in good), (points, name, good)


@pytest.mark.long
@pytest.mark.parametrize("trajectories", [6, 10, 20, 40])
def test_long_morris(trajectories: int) -> None:
    """2,000 draws: 0.94 to 0.96 for mu, 0.94 or more for mu star and sigma; sigma by the form of the effects."""
    good, _ = morris_draws(2000, trajectories, 0.1, halved)
    assert all(passes(count, 2000, 0.94, 0.96) for count in good["mu"]), good
    assert all(passes(count, 2000, 0.94, 1.0) for count in (*good["mu_star"], *good["sigma"])), good
    for effects, least in SPREADS.values():
        assert passes(sigma_draws(2000, trajectories, effects)[0], 2000, least, 1.0)


# --- sensitivity, on shared seeds -------------------------------------------------------------------


def seeds_shared(
    points: Sequence[np.ndarray], rng: np.random.Generator, runs: int, noise: tuple[float, float, float]
) -> list[np.ndarray]:
    """(N, R) outcomes of points that are simulated on the same seeds, as those of a sweep are.

    noise: spread of what a run adds to all points; of what it adds by the unit of each factor, and twice of what it
    adds by the product of the first and the last; of what is each point's own."""
    level, slope, own = noise
    u, v, w = rng.normal(0, level, runs), rng.normal(0, slope, (3, runs)), rng.normal(0, 2 * slope, runs)
    return [
        surface(x)[:, None] + u + (x - 0.5) @ v + np.outer((x[:, 0] - 0.5) * (x[:, 2] - 0.5), w)
        + rng.normal(0, own, (len(x), runs))
        for x in points
    ]  # fmt: skip


SHARED = {"little": (1.0, 0.3, 0.3), "as much": (3.0, 1.0, 0.5), "thrice": (3.0, 3.0, 1.0)}
"""Noise of the runs beside the surface's slopes of 1, 0.6 and 0.2."""


def shared_sobol(draws: int, rows: int, runs: int, noise: str) -> tuple[np.ndarray, np.ndarray, float]:
    """(2, 3) share of intervals of first and total order that hold the exact index, among those that are given; the
    same of rows alone, from the means over runs; share that is given."""
    own, both = SLOPES**2 / 12, 0.64 / 144
    whole = own.sum() + both
    truth = np.stack([own / whole, (own + np.array([both, both, 0.0])) / whole])
    rng, good, wrong, given = np.random.default_rng(17), np.zeros((2, 3)), np.zeros((2, 3)), 0.0
    for at in range(draws):
        a, b = rng.random((rows, 3)), rng.random((rows, 3))
        points = [a, b, *(np.where(np.arange(3) == k, b, a) for k in range(3))]
        y = seeds_shared(points, rng, runs, SHARED[noise])
        found = sobol_indices(y[0], y[1], np.stack(y[2:]), 200, at)
        means = [of.mean(axis=1, keepdims=True) for of in y]
        plain = sobol_indices(means[0], means[1], np.stack(means[2:]), 200, at)
        for count, indices in ((good, found), (wrong, plain)):
            ends = np.array([[(i.low, i.high) for i in of] for of in (indices.first, indices.total)])
            np.add(count, (ends[..., 0] <= truth) & (truth <= ends[..., 1]), out=count)
        given += float(np.mean([np.isfinite(i.low) for i in (*found.first, *found.total)])) / draws
    return good / max(given * draws, 1.0), wrong / draws, given


def shared_morris(
    draws: int, trajectories: int, runs: int, noise: str
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By measure: (3,) share of intervals that hold the truth; and of Student's t over trajectories alone."""
    rng = np.random.default_rng(19)
    acting = 0.8 / np.sqrt(12)
    truth = {"mu": SLOPES, "mu_star": SLOPES, "sigma": np.array([acting, acting, 0.0])}
    good, wrong = ({name: np.zeros(3) for name in MORRIS} for _ in range(2))
    for _ in range(draws):
        step = rng.choice([-0.5, 0.5], (trajectories, 3))
        sides = []
        for k in range(3):
            x = rng.random((trajectories, 3))
            x[:, k] = x[:, k] / 2 + np.where(step[:, k] > 0, 0.0, 0.5)
            sides += [x, x + np.where(np.arange(3) == k, step, 0.0)]
        y = seeds_shared(sides, rng, runs, SHARED[noise])
        before, after = np.stack(y[::2], axis=1), np.stack(y[1::2], axis=1)
        found = morris_effects(before, after, step)
        effects = (after - before).mean(axis=2) / step
        for k in range(3):
            for name in MORRIS:
                one = getattr(found, name)[k]
                good[name][k] += (one.low <= truth[name][k] <= one.high) / draws
            for name, values in (("mu", effects[:, k]), ("mu_star", np.abs(effects[:, k]))):
                low, high = mean_interval(values)[2:]
                wrong[name][k] += (low <= truth[name][k] <= high) / draws
    return good, wrong


def shared_split(draws: int, points: int, runs: int, noise: str) -> np.ndarray:
    """(3,) share of intervals that hold the variance by the parameters, by chance, and the parameters' share."""
    level, slope, own = SHARED[noise]
    of_parameters = float((SLOPES**2).sum() / 12 + 0.64 / 144)
    chance = level**2 + 3 * slope**2 / 12 + 4 * slope**2 / 144 + own**2
    truth = np.array([of_parameters, chance, of_parameters / (of_parameters + chance)])
    rng, good = np.random.default_rng(23), np.zeros(3)
    for _ in range(draws):
        found = variance_split(seeds_shared([rng.random((points, 3))], rng, runs, SHARED[noise])[0])
        ends = np.array([(one.low, one.high) for one in (found.parameters, found.chance, found.share)])
        good += ((ends[:, 0] <= truth) & (truth <= ends[:, 1])) / draws
    return good


def test_indices_of_points_on_shared_seeds_are_held() -> None:
    """100 draws: 0.93 or more of Sobol indices, Morris effects and the split. Rows and trajectories alone do not pass:
    what a run adds to all points stands in every one of them."""
    good, rows_alone, given = shared_sobol(100, 64, 100, "as much")
    assert given > 0.99
    assert all(passes(round(100 * one), 100, 0.93, 1.0) for one in good.ravel()), good
    assert not passes(round(100 * rows_alone[1, 2]), 100, 0.93, 1.0), rows_alone
    held_ones, alone = shared_morris(100, 40, 20, "as much")
    assert all(passes(round(100 * one), 100, 0.93, 1.0) for of in held_ones.values() for one in of), held_ones
    assert not any(passes(round(100 * one), 100, 0.93, 1.0) for name in ("mu", "mu_star") for one in alone[name][:2])
    split = shared_split(100, 50, 20, "as much")
    assert all(passes(round(100 * one), 100, 0.93, 1.0) for one in split), split


def test_where_runs_tell_no_variance_over_the_parameters_no_index_has_an_interval() -> None:
    """Noise of thrice the slopes over 20 runs: nearly no interval is given, and none of those is without 0..1."""
    rng = np.random.default_rng(3)
    given = 0
    for at in range(20):
        a, b = rng.random((64, 3)), rng.random((64, 3))
        points = [a, b, *(np.where(np.arange(3) == k, b, a) for k in range(3))]
        y = seeds_shared(points, rng, 20, SHARED["thrice"])
        found = sobol_indices(y[0], y[1], np.stack(y[2:]), 200, at)
        for one in (*found.first, *found.total):
            given += np.isfinite(one.low)
            assert not (one.high < 0 or one.low > 1)
    assert given <= 0.2 * 20 * 6


@pytest.mark.long
@pytest.mark.parametrize("noise", SHARED)
def test_long_shared_seeds(noise: str) -> None:
    """400 draws; docs/statistics.md has the numbers."""
    for rows, runs in ((32, 20), (64, 20), (64, 100), (256, 100)):
        good, alone, given = shared_sobol(400, rows, runs, noise)
        print(f"sobol, {noise}, {rows} rows, {runs} runs: {good.round(3)}, rows alone {alone.round(3)}, {given:.3f}")
        assert given < 0.2 or (good >= 0.9).all()
    for trajectories, runs in ((10, 20), (40, 20), (40, 100)):
        held_ones, other = shared_morris(400, trajectories, runs, noise)
        print(f"morris, {noise}, {trajectories} trajectories, {runs} runs: {held_ones}, trajectories alone {other}")
        assert all((of >= 0.87).all() for of in held_ones.values())
    for points, runs in ((12, 20), (50, 20), (50, 100)):
        print(f"split, {noise}, {points} points, {runs} runs: {shared_split(400, points, runs, noise).round(3)}")


def real_sweep(
    folder: Path, design: str, runs: int
) -> tuple[list[str], dict[str, int], list[int], OutcomeMatrices, SweepResult]:
    """A sweep of two factors of a small made-up world, on the seeds that sweeps have."""
    world = Path(__file__).parents[2] / "experiments" / "smoke" / "five_states.yaml"
    (folder / "design.yaml").write_text(
        f"schema: 1\ntitle: t\nscenario: {world}\nfactors:\n  events.summit.visibility: {{min: 0.2, max: 1}}\n"
        f"  parameters.beta: {{min: 0.1, max: 0.4}}\ndesign: {design}\narms: [no_summit, summit]\nruns: {runs}\n"
        "seed: 1\noutcomes: [accords_counter_300, insecurity_threatened_300]\n"
    )
    found = sweep(load_experiment(folder / "design.yaml"), out=folder / "r")
    assert found is not None
    matrices = run_matrices(found, found.outcome_names)
    parts = {found.table.points[number].part: at for at, number in enumerate(matrices.points)}
    return found.paths, parts, matrices.points, matrices, found


@pytest.mark.long  # in every run: of effects drawn by hand, above
def test_morris_effects_of_a_real_sweep_are_those_of_other_seeds(tmp_path: Path) -> None:
    """A sweep of 320 runs a point, cut into 16 of 20: the interval holds the mean effect over all 320. Student's t over
    trajectories, which all stand on the same 20 seeds, holds it in less than half."""
    pytest.importorskip("SALib")
    _, parts, points, matrices, found = real_sweep(tmp_path, "{method: morris, samples: 4, levels: 4}", 320)
    y = matrices.values[Quantity("mean", "no_summit", "accords_counter_300")]
    whole = {row["factor"]: row["mu"] for row in _morris_rows(found, points, parts, y)}
    good = alone = 0
    for part in np.split(y, 16, axis=1):
        row = next(r for r in _morris_rows(found, points, parts, part) if r["factor"] == "parameters.beta")
        good += row["mu_lo"] <= whole["parameters.beta"] <= row["mu_hi"]
        means = part.mean(axis=1, keepdims=True)  # what a run has in common with itself at other points is gone
        row = next(r for r in _morris_rows(found, points, parts, means) if r["factor"] == "parameters.beta")
        alone += row["mu_lo"] <= whole["parameters.beta"] <= row["mu_hi"]
    assert good >= 14
    assert alone < 8


@pytest.mark.long
def test_long_sobol_indices_of_a_real_sweep(tmp_path: Path) -> None:
    """32 base samples, 800 runs a point cut into 20 of 40: what all runs give is held where an interval is given."""
    paths, parts, _, matrices, _ = real_sweep(tmp_path, "{method: sobol, samples: 32}", 800)
    for quantity, y in matrices.values.items():
        whole = _sobol_rows(paths, parts, y, 200, 1)
        for name in ("first", "total"):
            good = given = 0
            for part in np.split(y, 20, axis=1):
                rows = _sobol_rows(paths, parts, part, 200, 1)
                for all_, one in zip(whole, rows, strict=True):
                    if np.isfinite(one[f"{name}_lo"]) and np.isfinite(all_[name]):
                        given += 1
                        good += one[f"{name}_lo"] <= all_[name] <= one[f"{name}_hi"]
            print(f"{quantity.of} {quantity.arm} {quantity.outcome} {name}: {good} of {given}")
            assert quantity.of == "mean" or good >= 0.9 * given


# --- loop gain (M16) ----------------------------------------------------------------------------------

Sampling = Callable[[Worlds, int, float], tuple[np.ndarray, np.ndarray]]


def evenly(worlds: Worlds, size: int, start: float) -> tuple[np.ndarray, np.ndarray]:
    """Wrong: every pair and kind as likely as another, however seldom it signs."""
    at = np.floor((np.arange(size) + start) / size * len(rates(worlds))).astype(int)
    return np.divmod(at, len(worlds.reference.ladder.names))


def loop_gains_held(path: Path, samplings: Sequence[Sampling], starts: int = 2000) -> list[float]:
    """Share of the starts of the sample whose interval holds the mean over all agreements, by their rates.

    Exact for so many starts, evenly apart: every pair and kind is looked at once, so there is no false failure."""
    scenario = load_scenario(path)
    worlds = compile_arms(scenario, (next(iter(scenario.arms)),))
    weight, kinds = rates(worlds), len(worlds.reference.ladder.names)
    everything = np.array_split(np.arange(len(weight)), -(-len(weight) // 100))
    gains = np.concatenate([loop_gains(worlds, *np.divmod(part, kinds))[0] for part in everything])
    truth = float(weight @ gains / weight.sum())
    shares = []
    for sampling in samplings:
        hold = 0
        for start in (np.arange(starts) + 0.5) / starts:
            dyad, kind = sampling(worlds, SAMPLE, start)
            low, high = mean_interval(gains[dyad * kinds + kind])[2:]
            hold += low <= truth <= high
        shares.append(hold / starts)
    return shares


def test_the_loop_gains_interval_holds_that_of_all_accords() -> None:
    """Of a small scenario, over all starts of the sample: 0.95 or more. A sample without regard to rates does not."""
    right, wrong = loop_gains_held(SUMMIT, [sampled, evenly])
    assert right >= 0.95
    assert wrong < 0.5


@pytest.mark.long
@pytest.mark.parametrize("name", ["tripartite_1940", "solomon_2022"])
def test_long_loop_gain(name: str) -> None:
    right, wrong = loop_gains_held(Path(__file__).parents[2] / "scenarios" / f"{name}.yaml", [sampled, evenly])
    assert right >= 0.95
    assert wrong < 0.95


# --- the engine's own runs --------------------------------------------------------------------------

OUTCOMES = ("days_without_counter_365", "accords_counter_365", "insecurity_threatened_365")


def groups_held(groups: int, size: int) -> dict[str, tuple[int, int]]:
    """Of studies of `size` runs each: whose interval holds the mean over all of them. By outcome.

    As it is; and from a study whose runs are one run under many numbers, which holds it by luck alone."""
    scenario = load_scenario(SUMMIT)
    result = run(scenario, groups * size, seed=3, arms=["summit"])
    frame = result.outcomes.set_index(["arm", "run"]).sort_index()
    out = {}
    for name in OUTCOMES:
        level = frame.loc["summit", name].to_numpy(float)
        whole, split = level.mean(), level.reshape(groups, size)
        intervals = np.array([mean_interval(part)[2:] for part in split])
        holds = (intervals[:, 0] <= whole) & (whole <= intervals[:, 1])
        cloned = [mean_interval(np.repeat(part[:2], size // 2))[2:] for part in split]
        out[name] = int(holds.sum()), sum(low <= whole <= high for low, high in cloned)
    return out


def test_replications_of_the_engine_are_independent_draws() -> None:
    """40 studies of 25 runs. Coverage 0.92..0.97 passes; runs that repeat each other do not."""
    for name, (right, cloned) in groups_held(40, 25).items():
        assert passes(right, 40, 0.92, 0.97), name
        if name != "accords_counter_365":  # mostly the same number
            assert not passes(cloned, 40, 0.92, 0.97), name


def effects_held(result: Result, arm: str, size: int) -> dict[str, tuple[int, int]]:
    """Of studies of `size` runs each, by outcome that was drawn: whose interval holds the effect over all runs; and

    Student's. Numbers of agreements by their counts."""
    frame = result.outcomes.set_index(["arm", "run"]).sort_index()
    out, steps = {}, result.steps
    for name in result.outcome_names:
        values, base = (frame.loc[of, name].to_numpy(float) for of in (arm, result.reference))
        if np.isnan(values - base).any() or (values == base).all():
            continue
        truth = float((values - base).mean())
        parts = list(zip(values.reshape(-1, size), base.reshape(-1, size), strict=True))
        out[name] = tuple(
            sum(low <= truth <= high for low, high in (interval(*part) for part in parts))
            for interval in (_of_jump(least_jump(name, steps)), students)
        )
    return out


def filtered_held(result: Result, arms: Sequence[str], sizes: Sequence[int]) -> dict[Key, float]:
    """By arm, size of a study and outcome: share of studies whose interval of the filtered effect holds that of all."""
    frame = result.outcomes.set_index(["arm", "run"]).sort_index()
    out = {}
    for arm in arms:
        for column in (name for name in frame.columns if name.startswith(FILTERED)):
            values, base = (frame.loc[of, column].to_numpy(float) for of in (arm, result.reference))
            if (values == base).all():
                continue
            truth = float((values - base).mean())
            for size in sizes:
                parts = zip(values.reshape(-1, size), base.reshape(-1, size), strict=True)
                found = [low <= truth <= high for low, high in (smooth(*part) for part in parts)]
                out[arm, size, column.removeprefix(FILTERED)] = float(np.mean(found))
    return out


Key = tuple[str, int, str]


def replications(name: str, runs: int, *arms: str) -> Result:
    """Of a shipped scenario, to be cut into studies."""
    return run(load_scenario(Path(__file__).parents[2] / "scenarios" / f"{name}.yaml"), runs, seed=11, arms=[*arms])


@pytest.fixture(scope="module")
def tripartite() -> Result:
    return replications("tripartite_1940", 1600, "signal")


@pytest.mark.slow
def test_every_effect_of_a_study_is_held(tripartite: Result) -> None:
    """Of a shipped scenario, 40 studies of 40 runs, every outcome: 0.93 or more, on the yardstick of each. Student's
    fails for a quarter of them: most runs share a shift, and in a few an agreement comes or fails.

    Also what is nothing in all runs of half of the studies, in both arms: there is room for one, or for a step."""
    found = effects_held(tripartite, "signal", 40)
    assert len(found) > 60
    bad = {name: right for name, (right, _) in found.items() if not passes(right, 40, 0.93, 1.0)}
    assert not bad, bad
    assert sum(right for right, _ in found.values()) / 40 / len(found) > 0.95
    assert sum(not passes(plain, 40, 0.93, 1.0) for _, plain in found.values()) > len(found) / 4


# --- long ---------------------------------------------------------------------------------------


RUN_OF_LUCK = ("influence_host_junior", "influence_third_junior")


@pytest.mark.long
@pytest.mark.parametrize("size", [25, 100])
def test_long_effects(size: int) -> None:
    """Beijing 2025, 4,000 runs: all but what one run in two hundred moves by twenty times its spread."""
    found = effects_held(replications("beijing_2025", 4000, "parade"), "parade", size)
    studies = 4000 // size
    bad = {name for name, (right, _) in found.items() if not passes(right, studies, 0.93, 1.0)}
    assert all(name.startswith((*RUN_OF_LUCK, "dependence_host_partners")) for name in bad), bad
    assert sum(right for right, _ in found.values()) / studies / len(found) > 0.975
    assert sum(not passes(plain, studies, 0.93, 1.0) for _, plain in found.values()) > len(found) / 4


FAR = ("accords_counter_365", "accords_all_365", "in_force_365", "accords_political_declaration_365")
"""Outcomes that the arms move in every run, by consent itself."""


@pytest.mark.long
def test_long_filtered_effects() -> None:
    """Beijing 2025, 8,000 runs cut into studies of 25, 100 and 400: the mean over outcomes of the share that holds the
    effect over all, and those of outcomes that move in every run. docs/statistics.md has the numbers."""
    arms, runs = ("parade", "washington_doubted"), 8000
    found = filtered_held(replications("beijing_2025", runs, *arms), arms, (25, 100, 400))
    for arm in arms:
        for size, least in ((25, 0.89), (100, 0.93), (400, 0.94)):
            of = {name: share for (one, n, name), share in found.items() if (one, n) == (arm, size)}
            print(f"{arm} {size}: {np.mean([*of.values()]):.3f}, least {min(of.items(), key=lambda x: x[1])}")
            assert len(of) > 15
            assert np.mean([*of.values()]) >= least, of
            studies = runs // size
            assert all(passes(round(of[name] * studies), studies, 0.925, 1.0) for name in FAR), of


@pytest.mark.slow
def test_filtered_effects_are_held_where_every_run_moves(tripartite: Result) -> None:
    """Of two shipped scenarios, studies of 20 and of 40 runs. On Beijing 2025 consent to counter-balancing agreements
    moves in every run and the interval holds at its rate, in 20 of them. On Tripartite 1940, where agreements are
    rare, what other dyads sign moves by agreements that differ alone, in few runs and much: Student's t does not hold
    it (docs/statistics.md)."""
    found = filtered_held(replications("beijing_2025", 400, "parade"), ["parade"], [20])
    held = {name: round(20 * share) for (_, _, name), share in found.items()}
    assert all(passes(held[name], 20, 0.93, 1.0) for name in FAR)
    rare = filtered_held(tripartite, ["signal"], [40])
    assert not passes(round(40 * rare["signal", 40, "accords_other_90"]), 40, 0.93, 1.0)


@pytest.mark.long
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("n", [2, 10, 100])
def test_long_mean(name: str, n: int) -> None:
    assert passes(held(RIGHT[name], normal, n, 0.3, LONG), LONG)


@pytest.mark.long
@pytest.mark.parametrize("n", [50, 400, 2000])
def test_long_counts(n: int) -> None:
    """Two runs in five differ: 0.95 to 0.99 from 50 runs on, and near 0.95 with many."""
    assert passes(held(counted, counts_of_accords, n, 0.3, LONG), LONG, 0.947, 0.958 if n > 400 else 0.99)


@pytest.mark.long
def test_long_scores() -> None:
    good, short = score_draws(1000, 400)
    assert all(passes(count, 1000, 0.94, 1.0) for count in good.values()), good
    assert not any(passes(count, 1000, 0.94, 1.0) for count in short.values()), short
    for pairs, shape in ((60, (0.6, 3.0)), (400, (0.6, 24.0)), (400, (0.6, 60.0))):
        good, _ = score_draws(1000, 300, pairs, shape)
        assert all(passes(count, 1000, 0.94, 1.0) for count in good.values()), (pairs, shape, good)


@pytest.mark.long
def test_long_engine() -> None:
    for name, (right, _) in groups_held(400, 50).items():
        assert passes(right, 400, 0.94, 0.96), name


def test_the_quantile_is_students() -> None:
    """Printed tables: t(0.975) with 1, 10, 30 degrees of freedom; the normal's in the limit."""
    assert [round(t_quantile(0.95, k), 3) for k in (1, 10, 30)] == [12.706, 2.228, 2.042]
    assert t_quantile(0.95, 10**7) == pytest.approx(norm.ppf(0.975), abs=1e-5)

"""Does a 95 % interval hold the truth 95 times in 100? Every interval that is reported, by simulation.

One yardstick for all: of so many draws from a population whose true value is known, so many intervals have to
hold it. The yardstick rejects an interval that is right with a chance below `FALSE` a test, by the exact
binomial distribution. With `DRAWS` draws it sees a coverage of 0.932 or 0.967 at least 99 times in 100, with
those of the long form one of 0.943 or 0.9565 (`test_the_yardstick_has_the_power_it_claims`). Estimators that
are wrong on purpose have to fail it.

Elsewhere: the DKW band of the curve of differences, tests/show/test_tables.py.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.evidence.scores import exact_share
from balance_sim.stats.indices import FEW_POINTS, FEW_ROWS, morris_effects, sobol_indices, variance_split
from balance_sim.stats.intervals import (
    Sample,
    Sides,
    mean_interval,
    paired_half_widths,
    paired_interval,
    spread_over,
    t_quantile,
    welch,
)
from scipy.stats import binom, norm

NOMINAL = 0.95
FALSE = 1e-6
DRAWS, LONG = 10_000, 60_000

Bounds = tuple[np.ndarray, np.ndarray]
Interval = Callable[[np.ndarray, np.ndarray], Bounds]  # of an arm's and the reference's values: runs by studies
Draw = Callable[[np.random.Generator, tuple[int, int]], tuple[np.ndarray, np.ndarray]]


def allowed(draws: int, low: float = NOMINAL, high: float = NOMINAL) -> tuple[int, int]:
    """Fewest and most intervals of `draws` that hold the truth, for a coverage within low..high."""
    return int(binom.ppf(FALSE / 2, draws, low)), int(binom.isf(FALSE / 2, draws, high))


def held(interval: Interval, draw: Draw, n: int, truth: float, draws: int, seed: int = 1) -> int:
    """How many of `draws` intervals, each from n runs of its own, hold the truth."""
    low, high = interval(*draw(np.random.default_rng(seed), (n, draws)))
    return int(((low <= truth) & (truth <= high)).sum())


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


def paired(arm: np.ndarray, reference: np.ndarray, least: float = 0.0) -> Bounds:
    """Of a filtered estimate, or of an outcome on a scale: days, states of the world."""
    difference = arm - reference
    sides = Sides.of(difference - np.median(difference, axis=0))
    spread = np.maximum(spread_over(arm, reference), least)
    below, above = paired_half_widths(difference.std(axis=0, ddof=1), len(arm), sides, spread)
    return difference.mean(axis=0) - below, difference.mean(axis=0) + above


def counted(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Of a number of agreements or of states."""
    return paired(arm, reference, 1.0)


def students(arm: np.ndarray, reference: np.ndarray, confidence: float = NOMINAL) -> Bounds:
    """Student's t, which leans on the few differences that were seen: wrong where few runs differ."""
    difference, n = arm - reference, len(arm)
    half = t_quantile(confidence, n - 1) * difference.std(axis=0, ddof=1) / np.sqrt(n)
    return difference.mean(axis=0) - half, difference.mean(axis=0) + half


def test_studies_side_by_side_have_the_intervals_that_each_has_alone() -> None:
    """Of the two above, for the sake of time, beside the functions that studies are reported by."""
    arm, reference = counts_of_accords(np.random.default_rng(2), (25, 40))
    for k, (one, other) in enumerate(zip(arm.T, reference.T, strict=True)):
        for interval, alone in (
            (paired, paired_interval(one, other)),
            (counted, paired_interval(one, other, least=1.0)),
            (students, mean_interval(one - other)),
        ):
            assert [end[k] for end in interval(arm, reference)] == pytest.approx(alone[2:], rel=1e-12)


def normal(rng: np.random.Generator, n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Levels that share most of their luck; the difference has mean 0.3."""
    luck = rng.normal(0, 3, n)
    return luck + rng.normal(0.3, 1, n), luck


def counts_of_accords(rng: np.random.Generator, n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Counts as of agreements: some in both arms, some only with the event (0.4), some only without (0.1)."""
    both = rng.poisson(3.0, n)
    return (both + rng.poisson(0.4, n)).astype(float), (both + rng.poisson(0.1, n)).astype(float)


@pytest.mark.parametrize("n", [2, 5, 60])
def test_an_interval_of_the_mean_holds_it_at_the_nominal_rate(n: int) -> None:
    """Student's t of one mean exactly; of the difference of two no less, and from ten runs on hardly more."""
    assert passes(held(students, normal, n, 0.3, DRAWS), DRAWS)
    assert passes(held(paired, normal, n, 0.3, DRAWS), DRAWS, 0.95, 0.97 if n < 10 else 0.955)


def lognormal(rng: np.random.Generator, n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A difference that is skewed in every run; the levels vary ten times as much."""
    luck = rng.lognormal(0, 1, n)
    return luck + 0.1 * rng.lognormal(0, 1, n), luck


def compound_poisson(rng: np.random.Generator, n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of exponential sizes, one a run on average in both arms and one in ten runs with the event alone."""
    both, gained = (rng.gamma(np.maximum(rng.poisson(rate, n), 1e-12)) for rate in (1.0, 0.1))
    return both + gained, both


def jumps(rng: np.random.Generator, n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A shift of 0.3 in every run; in two runs of a hundred more by a log-normal size, in one less."""
    sizes, chance = rng.lognormal(0, 0.5, (3, *n)), np.array([0.5, 0.02, 0.01])[:, None, None]
    both, gained, lost = sizes * (rng.uniform(size=(3, *n)) < chance)
    return both + gained + 0.3 + rng.normal(0, 0.02, n), both + lost


SKEWED = [(lognormal, 25), (lognormal, 100), (compound_poisson, 25), (compound_poisson, 100), (jumps, 100)]
MEANS = {lognormal: 0.1 * np.exp(0.5), compound_poisson: 0.1, jumps: 0.3 + 0.01 * np.exp(0.125)}


@pytest.mark.parametrize(("skewed", "n"), SKEWED)
def test_a_filtered_effect_is_held_under_skew_where_students_t_is_too_short(skewed: Draw, n: int) -> None:
    draws = 1_000
    assert passes(held(paired, skewed, n, MEANS[skewed], draws), draws, 0.945, 1.0)
    assert not passes(held(students, skewed, n, MEANS[skewed], draws), draws, 0.945, 1.0)


@pytest.mark.parametrize(("n", "longer"), [(10, 0.06), (25, 0.02), (100, 0.005)])
def test_of_normal_differences_the_interval_is_students_to_within_little(n: int, longer: float) -> None:
    """Levels vary three times as much as the difference; mean length over 400 studies."""
    arm, reference = normal(np.random.default_rng(4), (n, 400))
    short, long = ((high - low).mean() for low, high in (students(arm, reference), paired(arm, reference)))
    assert 0 <= long / short - 1 < longer


def test_an_effect_on_counts_is_held_at_the_nominal_rate() -> None:
    """Two runs in five differ: 0.95 to 0.98. There is room for a jump as large as the spread of the levels."""
    assert passes(held(counted, counts_of_accords, 100, 0.3, DRAWS), DRAWS, 0.95, 0.98)


def unpaired(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong: as if the arms had luck of their own."""
    middle = arm.mean(axis=0) - reference.mean(axis=0)
    half = 1.96 * np.sqrt((arm.var(axis=0, ddof=1) + reference.var(axis=0, ddof=1)) / len(arm))
    return middle - half, middle + half


def narrow(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong: a 90 % interval sold as one of 95 %."""
    return students(arm, reference, 0.90)


def normal_quantile(arm: np.ndarray, reference: np.ndarray) -> Bounds:
    """Wrong for few runs."""
    low, high = students(arm, reference)
    shorter = 1.96 / t_quantile(NOMINAL, len(arm) - 1)
    return (low + high - shorter * (high - low)) / 2, (low + high + shorter * (high - low)) / 2


@pytest.mark.parametrize(("wrong", "n"), [(unpaired, 60), (narrow, 60), (normal_quantile, 5)])
def test_wrong_estimators_fail_the_same_test(wrong: Interval, n: int) -> None:
    assert not passes(held(wrong, normal, n, 0.3, DRAWS), DRAWS)


def exact_coverage_of_rare_differences(expected: float, interval: Interval, n: int = 400) -> float:
    """Coverage where each run differs, by one agreement, with chance expected / n: summed over all counts."""
    share, counts = expected / n, np.arange(n + 1)
    arm = (np.arange(n)[:, None] < counts).astype(float)
    low, high = interval(arm, np.zeros_like(arm))
    return float(binom.pmf(counts, n, share)[(low <= share) & (share <= high)].sum())


RARE = (1, 2, 5, 10, 20, 40)  # runs of 400 that are expected to differ


def test_rare_differences_of_one_accord_are_held_at_the_nominal_rate_or_more() -> None:
    """Of 400 runs 0.5 to 100 differ: 0.95 or more, by the exact sum. Student's t alone falls to 0.4."""
    found = [exact_coverage_of_rare_differences(m, counted) for m in np.geomspace(0.5, 100, 40)]
    assert min(found) >= 0.945, found
    assert min(exact_coverage_of_rare_differences(m, students) for m in RARE) < 0.70


# --- on a continuous scale: a shift that most runs share, and jumps in a few ------------------------------


def test_no_difference_has_no_length_where_none_can_come() -> None:
    levels = np.array([1.0, 3.0] * 50)
    assert paired_interval(levels, levels, alike=True) == (0.0, 0.0, 0.0, 0.0)
    low, high = paired(levels, levels)
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


# --- ratios, slopes and studies that share no luck (mechanisms, compare) ------------------------------


def unlike(rng: np.random.Generator, n: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two studies with luck of their own, unlike spreads and sizes; the second mean is 0.5 lower."""
    runs, studies = n
    return rng.poisson(2.5, n).astype(float), rng.poisson(2.0, (3 * runs, studies)) * 1.0


def of_welch(left: np.ndarray, right: np.ndarray) -> Bounds:
    ends = [welch(Sample.of(one), Sample.of(other))[2:] for one, other in zip(left.T, right.T, strict=True)]
    return tuple(np.array(ends).T)


def right_as_if_known(left: np.ndarray, right: np.ndarray) -> Bounds:
    """Wrong: only the left study's error."""
    low, high = students(left, np.zeros_like(left))
    return right.mean(axis=0) - high, right.mean(axis=0) - low


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
    draws: int, pairs: int = 400, shape: tuple[float, float] = (0.6, 3.0)
) -> tuple[dict[str, int], dict[str, int]]:
    """By measure: how many intervals hold the true one; as given, and cut to a third. With `less ` in front:

    of what the model gains on a forecast that blurs it. No two dyads share a state."""
    rng = np.random.default_rng(11)
    grid = np.clip(rng.beta(*shape, 200_000), 1e-6, 1 - 1e-6)
    blurred = 1 / (1 + np.exp(0.6 - 0.6 * (np.log(grid / (1 - grid)) + rng.normal(0, 1, len(grid)))))
    base = float(grid.mean())
    ours, theirs = population_scores(grid, grid), population_scores(blurred, grid)
    truth = ours | {f"less {name}": ours[name] - theirs[name] for name in ours}
    good, short = (dict.fromkeys(truth, 0) for _ in range(2))
    states = np.arange(2 * pairs).reshape(-1, 2)
    for _ in range(draws):
        rows = rng.integers(0, len(grid), pairs)
        y = (rng.uniform(size=pairs) < grid[rows]).astype(float)
        forecasts = {"model": grid[rows], "base_rate": np.full(pairs, base), "blurred": blurred[rows]}
        scores = score_forecasts(forecasts, y, states)
        found = {name: scores["model"][f"{field}_ci95"] for name, field in MEASURED.items()}
        found |= {f"less {name}": one["ci95"] for name, one in scores["blurred"]["model_gains"].items()}
        for name, (low, high) in found.items():
            good[name] += not (truth[name] < low or truth[name] > high)  # right if not given
            middle, half = (low + high) / 2, (high - low) / 6
            short[name] += not abs(truth[name] - middle) > half
    return good, short


def test_intervals_of_scores_and_of_what_the_model_gains_hold_them() -> None:
    """200 draws of 400 dyads: 0.92 or more; a third of the length does not pass."""
    good, short = score_draws(200)
    assert len(good) == 8
    assert all(passes(count, 200, 0.92, 1.0) for count in good.values()), good
    assert not any(passes(count, 200, 0.92, 1.0) for count in short.values()), short


STATES, YEARS, OWN_YEARS = 40, 5, 1.0


def invented_years(rng: np.random.Generator, logit: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(YEARS x dyads,) what came where every state has, each year, a propensity of its own."""
    own = rng.normal(size=(YEARS, STATES)) * OWN_YEARS
    chance = 1 / (1 + np.exp(-logit - own[:, sides].sum(axis=2)))
    return (rng.uniform(size=chance.shape) < chance).ravel().astype(float)


def leads_held(draws: int) -> tuple[int, int]:
    """How many intervals of the gain in log skill over a forecast that knows less hold the true one: with dyads that
    share states varying together, and, wrong, with dyads apart."""
    rng = np.random.default_rng(7)
    sides = np.column_stack(np.triu_indices(STATES, 1))
    known = -5.0 + 0.8 * rng.normal(size=STATES)[sides].sum(axis=1)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    own = np.sqrt(2) * OWN_YEARS * points  # of both states together
    truth = 1 / (1 + np.exp(-known[:, None] - own)) @ weights / weights.sum()
    p = {
        "model": truth,
        "blurred": np.full(len(truth), 0.5 * truth.mean()),
        "base_rate": np.full(len(truth), truth.mean()),
    }
    loss = {name: float(np.mean(-truth * np.log(of) - (1 - truth) * np.log1p(-of))) for name, of in p.items()}
    gain = (loss["blurred"] - loss["model"]) / loss["base_rate"]
    forecasts = {name: np.tile(of, YEARS) for name, of in p.items()}
    together = np.tile(sides, (YEARS, 1))
    apart = np.tile(np.arange(2 * len(sides)).reshape(-1, 2), (YEARS, 1))
    held = [0, 0]
    for _ in range(draws):
        y = invented_years(rng, known, sides)
        for form, states in enumerate((together, apart)):
            low, high = score_forecasts(forecasts, y, states)["blurred"]["model_gains"]["log_skill"]["ci95"]
            held[form] += low <= gain <= high
    return held[0], held[1]


def test_a_lead_is_held_where_states_have_years_of_their_own() -> None:
    """200 studies: 0.93 to 0.97; intervals of dyads apart hold less than 0.90."""
    together, apart = leads_held(200)
    assert passes(together, 200, 0.93, 0.97), together
    assert apart < 0.9 * 200, apart


# --- sensitivity ------------------------------------------------------------------------------------

SLOPES = np.array([1.0, 0.6, 0.2])


def surface(x: np.ndarray) -> np.ndarray:
    """Three factors, uniform on 0..1; the first two act together."""
    return np.asarray(x @ SLOPES + 0.8 * (x[..., 0] - 0.5) * (x[..., 1] - 0.5))


MORRIS = ("mu", "mu_star", "sigma")


def test_few_rows_or_points_have_no_interval() -> None:
    rng = np.random.default_rng(1)
    found = variance_split(rng.normal(0, 1, (FEW_POINTS - 1, 8)))
    assert np.isfinite(found.share.value)
    assert np.isnan([found.share.low, found.parameters.high, found.chance.low]).all()
    a, b, *ab = rng.normal(0, 1, (4, FEW_ROWS - 1, 8))
    few = sobol_indices(a, b, np.stack(ab))
    assert np.isfinite(few.first[0].value) and np.isnan([few.first[0].low, few.total[1].high]).all()


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

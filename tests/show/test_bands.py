"""What the bands of a fan hold: chance, the level of the year where its variance is known, and the parameters where the
posterior says how the level moves with them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from balance_sim.effects.result import AnalysedResult as Result
from balance_sim.scenario.schema import Calibration
from balance_sim.stats import Ints
from balance_sim.stats.intervals import NORMAL
from balance_sim.stats.superposition import rate_for
from balance_sim.study.draws import drawn_levels
from balance_sim.study.tables import BlockTables
from scipy import stats
from scipy.special import ndtri
from studies import study, words

RUNS, MEAN = 600, 4.0
DYADS = list(combinations(("FRA", "IND", "JPN", "KOR"), 2))
QUANTILES = ["q05", "q25", "q50", "q75", "q95"]


def lives(seed: int = 1) -> list[list[tuple[int, str, str]]]:
    """Poisson numbers of agreements, on days of the first year."""
    rng = np.random.default_rng(seed)
    return [
        [(int(day), *DYADS[rng.integers(len(DYADS))]) for day in sorted(rng.integers(1, 360, number))]
        for number in rng.poisson(MEAN, RUNS)
    ]


def at_variance(variance: float, result: Result) -> Result:
    calibration = Calibration(level_variance=variance)
    return replace(result, scenario=result.scenario.model_copy(update={"calibration": calibration}))


def over_posterior(result: Result, low: float, median: float, high: float) -> Result:
    """The same with quantiles of the level over a posterior, as shares of that at the point values."""
    scenario = result.scenario
    spread = {"of": {"level": {"median": 10 * median, "ci95": [10 * low, 10 * high]}}}
    record = {"scenario_sha256": scenario.sha256, "estimate": {"level": 10.0}, "posterior": spread}
    posterior = scenario.posterior.model_copy(update={"headline": record})
    return replace(result, scenario=scenario.model_copy(update={"posterior": posterior}))


def invented(spread: float, seed: int = 3) -> Ints:
    """Counts of 4,000 worlds whose level is log-normal about MEAN, with this standard deviation of its logarithm."""
    rng = np.random.default_rng(seed)
    return rng.poisson(MEAN * np.exp(spread * rng.standard_normal(4_000)))


def held(counts: Ints, result: Result) -> float:
    """Share of counts within the middle 90 % of the control arm's band."""
    low, high = last_day(result).loc["without", ["q05", "q95"]]
    return float(((low <= counts) & (counts <= high)).mean())


def last_day(result: Result) -> pd.DataFrame:
    table = result.fan()
    return table[table["day"] == 365].set_index("arm")


@pytest.fixture(scope="module")
def plain() -> Result:
    one = lives()
    return study({"without": one, "with": one, "half": [*one[:-1], []]})


def test_the_level_widens_the_band_and_leaves_the_mean(plain: Result) -> None:
    moving, held = last_day(at_variance(0.5, plain)), last_day(plain)
    assert moving["mean"].tolist() == held["mean"].tolist()
    assert moving.loc["without", "q95"] > held.loc["without", "q95"]
    assert moving.loc["without", "q05"] < held.loc["without", "q05"]


def test_without_variance_the_quantiles_are_those_of_the_counts(plain: Result) -> None:
    counts = sorted(map(len, lives()))
    wanted = [counts[int(np.ceil(share * RUNS)) - 1] for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
    assert last_day(plain).loc["without", QUANTILES].tolist() == wanted


def test_arms_that_agree_have_the_same_band(plain: Result) -> None:
    found = last_day(at_variance(0.5, plain))
    assert found.loc["with", QUANTILES].tolist() == found.loc["without", QUANTILES].tolist()


def test_the_band_does_not_depend_on_blocks() -> None:
    one = lives()
    whole, cut = (at_variance(0.5, study({"without": one, "with": one}, block=block)) for block in (1_000, 37))
    pd.testing.assert_frame_equal(whole.fan(), cut.fan())


def test_replications_that_drew_a_level_do_not_get_another(plain: Result) -> None:
    drawn = replace(at_variance(0.5, plain), draws=True)
    pd.testing.assert_frame_equal(drawn.fan(), plain.fan())


def test_the_band_over_a_posterior_is_a_poisson_number_at_log_normal_levels(plain: Result) -> None:
    """Its quantiles are those of the mixture, which is integrated here, to one agreement."""
    spread = 0.6
    levels = MEAN * np.exp(spread * ndtri((np.arange(2_000) + 0.5) / 2_000))
    mixture = stats.poisson.cdf(np.arange(60)[:, None], levels).mean(axis=1)
    found = last_day(over_posterior(plain, *np.exp(spread * NORMAL * np.array([-1, 0, 1]))))
    for name, share in zip(QUANTILES, (0.05, 0.25, 0.5, 0.75, 0.95), strict=True):
        assert abs(found.loc["without", name] - np.searchsorted(mixture, share)) <= 1


def test_a_band_that_leaves_out_what_is_not_known_of_the_parameters_is_too_narrow(plain: Result) -> None:
    """A level known to 20 % beside parameters that move it by 60 %: the first alone holds too few of such worlds."""
    parameters, level = 0.6, 0.2
    both = float(np.hypot(parameters, level))
    counts = invented(both)
    ends = np.exp(both * NORMAL * np.array([-1, 0, 1]))
    level_alone = at_variance(level**2, plain)
    assert held(counts, level_alone) < 0.85
    assert 0.88 < held(counts, over_posterior(level_alone, *ends)) < 0.96


def test_the_draws_of_a_posterior_hold_the_level_and_it_is_not_counted_twice(plain: Result) -> None:
    """The calibration's variance is in the draws: the first year is the same with and without it."""
    known = 0.5, 0.9, 2.0
    once, again = over_posterior(plain, *known), over_posterior(at_variance(0.5, plain), *known)
    pd.testing.assert_frame_equal(last_day(once), last_day(again))


def test_a_posterior_of_another_form_leaves_the_band(plain: Result) -> None:
    told = over_posterior(plain, 0.3, 1.0, 3.0)
    changed = replace(told, scenario=told.scenario.model_copy(update={"sha256": "0" * 64}))
    pd.testing.assert_frame_equal(changed.fan(), plain.fan())


def test_the_mean_over_a_posterior_is_that_of_its_draws() -> None:
    """Where half of the agreements come at any rate, twice as many are three times as many of the others."""
    assert rate_for(np.array([2.0]), 4.0, 2.0).tolist() == [3.0]
    rate = rate_for(np.linspace(0.6, 3.0, 9), 4.0, 2.0)
    assert (2.0 + rate * 2.0) / 4.0 == pytest.approx(np.linspace(0.6, 3.0, 9))
    assert rate_for(np.array([0.4]), 4.0, 2.0).tolist() == [0.0]
    assert rate_for(np.array([0.4, 2.0]), 2.0, 2.0).tolist() == [0.4, 2.0]


def test_talks_on_record_are_not_multiplied(plain: Result) -> None:
    """Each is signed once at most, at any level."""

    def on_record(block: BlockTables) -> BlockTables:
        place, rows = block.agreements.column_names.index("origin"), len(block.agreements)
        talks = words(["talks"] * rows)
        return replace(block, agreements=block.agreements.set_column(place, "origin", talks))

    recorded = replace(plain, memory=tuple(map(on_record, plain.memory)))
    pd.testing.assert_frame_equal(at_variance(0.5, recorded).fan(), recorded.fan())


def test_a_level_walks_from_year_to_year() -> None:
    """Each step is independent of those before: the variance after k years is (1 + v)^k - 1."""
    runs = np.arange(40_000, dtype=np.uint64)
    levels = drawn_levels(0.3, 5, runs, years=3)
    assert levels.mean(axis=0) == pytest.approx([1.0, 1.0, 1.0], abs=0.02)
    assert levels.var(axis=0) == pytest.approx([0.3, 1.3**2 - 1, 1.3**3 - 1], rel=0.08)
    assert np.array_equal(levels[:, :1], drawn_levels(0.3, 5, runs))
    steps = levels[:, 1] / levels[:, 0]
    assert abs(np.corrcoef(steps, levels[:, 0])[0, 1]) < 0.02

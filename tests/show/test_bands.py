"""What the bands of a fan hold: chance, and the level of the year where its variance is known."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from balance_sim.effects.result import AnalysedResult as Result
from balance_sim.scenario.schema import Calibration
from balance_sim.show.figures import FIGURES
from balance_sim.show.figures.counts import fan_table
from balance_sim.study.draws import drawn_levels
from balance_sim.study.tables import BlockTables
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


def test_the_caption_says_what_the_band_holds(plain: Result) -> None:
    moving = at_variance(0.5, plain)
    held, level, drawn = (fan_table(result)["band"].iloc[0] for result in (plain, moving, replace(moving, draws=True)))
    assert len({held, level, drawn}) == 3
    texts = [
        text.get_text()
        for text in FIGURES["fan"].draw(moving).findobj(match=lambda artist: hasattr(artist, "get_text"))
    ]
    assert any(level in " ".join(text.split()) for text in texts)

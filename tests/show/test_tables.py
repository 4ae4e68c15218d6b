"""The tables behind the figures, against counts made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from studies import SCENARIO, four_runs, study

from balance_sim.evidence.score import exact_share
from balance_sim.show.figures.difference import difference_table, dkw_half_width, shares
from balance_sim.show.figures.fan import fan_runs_table, fan_table
from balance_sim.show.figures.order import state_order
from balance_sim.show.figures.pairs import pairs_table
from balance_sim.show.figures.survival import survival_table
from balance_sim.show.tables import direction_table, tied_with_last, top_pairs


def test_fan_counts_by_day_and_the_paired_excess() -> None:
    table = fan_table(four_runs())
    last = table[table["day"] == 365].set_index("arm")
    assert last.loc["without", ["mean", "q05", "q50", "q95"]].tolist() == [
        1.0,
        0.0,
        1.0,
        2.0,
    ]  # of 0, 1, 1, 2
    assert last.loc["with", "mean"] == 1.5
    # Differences 1, 0, 1, 0: mean 1/2, standard deviation sqrt(1/3). The interval is worked out by hand in
    # tests/study/test_statistics.py.
    error = math.sqrt(1 / 3) / 2
    assert last.loc["with", "excess"] == 0.5
    assert last.loc["with", "mcse"] == pytest.approx(error)
    assert last.loc["with", ["lo", "hi"]].tolist() == pytest.approx([-0.5293, 1.6276], abs=1e-4)
    assert last.loc["with", "differing"] == 0.5
    assert (table.loc[table["arm"].isin(["without", "half"]), "excess"] == 0).all()
    # By day 91 run 3 has its accord of day 90 in one arm and not that of day 100 in the other.
    assert table[(table["arm"] == "with") & (table["day"] == 91)]["excess"].item() == 0.25
    assert dict(zip(table["arm"], table["role"], strict=True)) == {
        "without": "reference",
        "with": "headline",
        "half": "other",
    }


def test_the_fans_band_is_the_interval_of_effects() -> None:
    """On the last day as `effects` has it. Where no run differs it has the length of one accord, but on the day of the

    event, and none for an arm that is its reference."""
    result = four_runs()
    table = fan_table(result).set_index(["arm", "day"])
    wanted = result.effects.set_index(["arm", "outcome"]).loc[("with", "accords_counter_365"), ["lo", "hi"]]
    assert table.loc[("with", 365), ["lo", "hi"]].tolist() == pytest.approx(wanted.tolist())
    idle = table.loc["with"].query("day > 0 and differing == 0")
    assert len(idle) and (idle["hi"] > 0.5).all() and (idle["lo"] == -idle["hi"]).all()
    assert (table.loc[("with", 0), ["lo", "hi"]] == 0).all()
    assert result.alike == {"half"}
    assert (table.loc["half", ["lo", "hi"]] == 0).all(axis=None)


def test_few_runs_are_drawn_one_by_one_and_many_are_not() -> None:
    runs = fan_runs_table(four_runs())
    assert runs[runs["day"] == 365]["count"].tolist() == [1, 2, 0, 1]
    assert fan_runs_table(study({"without": [[]] * 200, "with": [[]] * 200})).empty


def test_differences_are_whole_and_complete() -> None:
    table = difference_table(four_runs())
    rows = table[table["arm"] == "with"]
    assert rows["difference"].tolist() == [-1, 0, 1, 2]
    assert rows["runs"].tolist() == [0, 2, 2, 0]
    assert rows["cumulative"].tolist() == [0.0, 0.5, 1.0, 1.0]
    assert shares(rows) == (0.0, 0.5, 0.5)
    half = dkw_half_width(4)
    assert rows["lo"].tolist() == pytest.approx([0.0, max(0.5 - half, 0), 1 - half, 1 - half])
    assert rows["hi"].tolist() == pytest.approx([half, min(0.5 + half, 1), 1.0, 1.0])
    assert "without" not in set(table["arm"])


def test_dkw_half_width_is_massarts() -> None:
    assert dkw_half_width(200) == pytest.approx(0.0960, abs=5e-5)  # sqrt(ln 40 / 400)
    assert 2 * math.exp(-2 * 50 * dkw_half_width(50) ** 2) == pytest.approx(0.05)


def test_the_dkw_band_holds_a_known_distribution_often_enough() -> None:
    """Binomial(3, 0.3), n = 40, 2,000 draws: coverage at least 95 %.

    At exactly 95 % the count of misses exceeds 140 with a chance of 5e-5; half the width misses far more."""
    generator = np.random.default_rng(20)
    truth = np.cumsum([0.343, 0.441, 0.189, 0.027])
    draws = generator.binomial(3, 0.3, size=(2000, 40))
    seen = (draws[:, :, None] <= np.arange(4)).mean(axis=1)
    gap = np.abs(seen - truth).max(axis=1)
    assert (gap > dkw_half_width(40)).sum() <= 140
    assert (gap > dkw_half_width(40) / 2).sum() > 140


def test_survival_against_hand_counts() -> None:
    table = survival_table(four_runs())
    base = table[table["arm"] == "without"].set_index("day")  # first days: 5, 10, 100, never
    assert base.loc[[0, 5, 6, 10, 11, 100, 365], "at_risk"].tolist() == [4, 4, 3, 3, 2, 2, 1]
    assert base.loc[[4, 5, 10, 99, 100, 365], "share"].tolist() == [1.0, 0.75, 0.5, 0.5, 0.25, 0.25]
    row = table[(table["arm"] == "with") & (table["day"] == 0)].iloc[0]
    # Days 10, 5, 365, 90 against 10, 5, never, 100: waits differ by 0, 0, 0, -10.
    assert row["delay"] == -2.5
    assert row["delay_mcse"] == pytest.approx(2.5)
    assert row["same_day"] == 0.5


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_exact_shares_against_newcombe(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 5."""
    lo, hi = exact_share(np.array([float(hits)]), np.array(float(n)))
    assert (round(float(lo[0]), 4), round(float(hi[0]), 4)) == (low, high)


def test_every_pair_is_in_the_table_once_in_the_fixed_order() -> None:
    table = pairs_table(four_runs())
    assert len(table) == 15
    assert (table["place_a"] < table["place_b"]).all()
    order = state_order(SCENARIO)
    assert order.to_records(index=False).tolist() == [
        ("CHN", "participants"),
        ("RUS", "participants"),
        ("JPN", "near"),
        ("KOR", "near"),
        ("FRA", "far"),
        ("IND", "others"),
    ]
    rows = {frozenset((r["a"], r["b"])): r for r in table.to_dict("records")}
    korea_france = rows[frozenset(("KOR", "FRA"))]  # run 1 in both, run 0 with the meeting alone
    assert (korea_france["p"], korea_france["p_reference"], korea_france["excess"]) == (0.5, 0.25, 0.25)
    assert korea_france["seen"]
    assert not rows[frozenset(("CHN", "RUS"))]["seen"]
    assert not table["clear"].any()  # one run of four tells nothing


def test_a_pair_that_always_gains_is_told_from_none() -> None:
    result = study({"without": [[]] * 40, "with": [[(3, "JPN", "KOR")]] * 40})
    table = pairs_table(result)
    assert table["clear"].sum() == 1
    assert table.loc[table["clear"], ["a", "b", "excess"]].iloc[0].tolist() == ["JPN", "KOR", 1.0]


def test_directions_arm_by_arm() -> None:
    table = direction_table(four_runs(), ("without", "with", "half"))
    assert table["direction"].tolist() == ["counter", "with_participant", "other", "all"] * 3
    row = table[(table["arm"] == "with") & (table["direction"] == "all")].iloc[0]
    assert (row["mean"], row["excess"], row["differing"]) == (1.5, 0.5, 0.5)
    assert table.loc[table["arm"] == "without", "excess"].isna().all()


def test_top_pairs_grow_and_ties_are_counted() -> None:
    result = four_runs()
    top = top_pairs(result, "with")
    assert [(r["a"], r["b"], r["excess"]) for r in top.to_dict("records")] == [
        ("FRA", "IND", 0.25),
        ("FRA", "KOR", 0.25),
    ]
    assert tied_with_last(result, "with", top.head(1)) == 1
    assert tied_with_last(result, "with", top) == 0
    assert top_pairs(result, "half").empty

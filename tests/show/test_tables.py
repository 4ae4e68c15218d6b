"""The tables behind the figures, against counts made by hand."""

import math

import numpy as np
import pytest
from balance_sim.evidence.scores import exact_share
from balance_sim.show.figures.counts import fan_effects_table, fan_table
from balance_sim.show.figures.dyads import dyads_table, state_order
from balance_sim.show.figures.effects import arms_table
from balance_sim.show.figures.world import map_table, states_table
from balance_sim.show.headline import by_size, clear
from balance_sim.stats.intervals import paired_interval
from studies import CASES, SCENARIO, four_runs, study


def test_fan_counts_by_day_and_the_paired_excess() -> None:
    table = fan_table(four_runs())
    last = table[table["day"] == 365].set_index("arm")
    assert last.loc["without", ["mean", "q05", "q50", "q95"]].tolist() == [1.0, 0.0, 1.0, 2.0]  # of 0, 1, 1, 2
    assert last.loc["with", "mean"] == 1.5
    # By day 91 run 3 has its agreement of day 90 in one arm and not that of day 100 in the other.
    at = table[table["day"] == 91].set_index("arm")["mean"]
    assert at["with"] - at["without"] == 0.25
    assert dict(zip(table["arm"], table["role"], strict=True)) == {
        "without": "reference",
        "with": "headline",
        "half": "other",
    }


def test_effects_by_window_are_those_of_the_study() -> None:
    """Differences by day 365: 1, 0, 1, 0; by day 30 none."""
    result = four_runs()
    table = fan_effects_table(result).set_index(["arm", "day"])
    assert table.loc["with"].index.tolist() == [0, 30, 90, 365]
    whole = table.loc[("with", 365)]
    assert (whole["effect"], whole["expected"]) == (0.5, 1.5)
    assert whole["mcse"] == pytest.approx(math.sqrt(1 / 3) / 2)
    wanted = result.effects.set_index(["arm", "outcome"]).loc[("with", "accords_counter_365"), ["lo", "hi"]]
    assert [whole["lo"], whole["hi"]] == wanted.tolist() and whole["lo"] < 0 < whole["hi"]
    assert table.loc[("with", 90), "effect"] == 0.25  # run 3, on the day itself
    assert (table.loc[["without", "half"], "effect"] == 0).all()
    assert (table.loc[("half", 365), "title"], table["control"].iloc[0]) == ("Half", "Without the meeting")


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_exact_shares_against_newcombe(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 5."""
    lo, hi = exact_share(np.array([float(hits)]), np.array(float(n)))
    assert (round(float(lo[0]), 4), round(float(hi[0]), 4)) == (low, high)


def test_every_pair_is_in_the_table_once_in_the_fixed_order() -> None:
    table = dyads_table(four_runs())
    assert len(table) == 15
    assert (table["place_a"] < table["place_b"]).all()
    order = state_order(SCENARIO)
    assert list(order.items()) == [
        ("CHN", "participants"),
        ("RUS", "participants"),
        ("JPN", "near"),
        ("KOR", "near"),
        ("FRA", "far"),
        ("IND", "others"),
    ]
    rows = {frozenset((r["a"], r["b"])): r for r in table.to_dict("records")}
    korea_france = rows[frozenset(("KOR", "FRA"))]  # run 1 in both, run 0 with the meeting alone
    assert (korea_france["mean"], korea_france["mean_control"], korea_france["effect"]) == (0.5, 0.25, 0.25)
    # Differences 1, 0, 0, 0: standard deviation 1/2, so 1/4 for the mean.
    assert korea_france["mcse"] == pytest.approx(0.25)
    nobody = rows[frozenset(("CHN", "RUS"))]
    assert [nobody[name] for name in ("mean", "effect")] == [0.0] * 2
    assert not table["clear"].any()  # four runs tell nothing


def test_dyads_are_in_the_order_of_their_effects() -> None:
    """Differences by hand: JPN-KOR 1 in all of 40 runs, FRA-KOR -1 in 30, FRA-IND 1 in one."""
    with_it = [[(3, "JPN", "KOR"), *([(3, "FRA", "IND")] if run == 0 else [])] for run in range(40)]
    without = [[(3, "FRA", "KOR")] if run < 30 else [] for run in range(40)]
    dyads = study({"without": without, "with": with_it}).dyads
    top = by_size(dyads[clear(dyads)])
    assert top[["a", "b", "effect"]].to_numpy().tolist() == [["JPN", "KOR", 1.0], ["FRA", "KOR", -0.75]]


def test_arms_carry_the_paired_effect_sorted() -> None:
    result = four_runs()
    table = arms_table(result)
    mean, error, lo, hi = paired_interval(np.array([2.0, 2, 1, 1]), np.array([1.0, 2, 0, 1]), least=1.0)
    assert table["arm"].tolist() == ["with", "half"]
    first = table.iloc[0]
    assert [first[name] for name in ("effect", "mcse", "lo", "hi")] == pytest.approx([mean, error, lo, hi])
    assert (first["effect"], first["level"], first["control_level"]) == (0.5, 1.5, 1.0)
    assert (table["effect"].iloc[1], table["title"].iloc[1]) == (0.0, "Half")
    many = arms_table(CASES["250 runs"]())
    assert many["effect"].is_monotonic_decreasing


def test_effects_on_states_are_sums_over_their_dyads() -> None:
    """Run 0 gains KOR-FRA, run 2 FRA-IND; nobody loses one."""
    table = states_table(four_runs()).set_index("code")
    assert table["effect"].to_dict() == {"CHN": 0, "FRA": 0.5, "IND": 0.25, "JPN": 0, "KOR": 0.25, "RUS": 0}
    # Differences of FRA: 1, 0, 1, 0
    assert table.loc["FRA", "mcse"] == pytest.approx(math.sqrt(1 / 3) / 2)
    assert table.loc["FRA", ["lo", "hi"]].isna().all()  # of four runs
    assert not table["clear"].any()
    assert table.loc[table["participant"]].index.tolist() == ["CHN", "RUS"]


def test_arcs_are_the_dyads_that_change_most() -> None:
    gains = study({"without": [[]] * 40, "with": [[(3, "JPN", "KOR")]] * 40})
    table = map_table(gains)
    assert table.loc[table["arc"], ["a", "b"]].to_numpy().tolist() == [["JPN", "KOR"]]
    assert table.attrs["layout"].places["JPN"] == (140, 36)
    assert not map_table(four_runs())["arc"].any()

"""The tables behind the further figures, against counts made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from studies import CASES, alike, four_runs, study

from balance_sim.show.figures.arms import arms_table, arms_title
from balance_sim.show.figures.convergence import convergence_table, convergence_title
from balance_sim.show.figures.land import thinned
from balance_sim.show.figures.network import network_table, network_title
from balance_sim.show.figures.outcomes import middle_half, outcomes_table, outcomes_title, overlap
from balance_sim.show.figures.worldmap import map_table, map_title, states_table
from balance_sim.show.gallery import FIGURES, fitting, words_of
from balance_sim.study.effects import effect


def test_bars_count_every_run_once() -> None:
    table = outcomes_table(four_runs())  # without: 1, 2, 0, 1; with: 2, 2, 1, 1
    wide = table.pivot(index="count", columns="arm", values="runs")
    assert wide.index.tolist() == [0, 1, 2]
    assert wide["without"].tolist() == [1, 2, 1]
    assert wide["with"].tolist() == [0, 2, 2]
    assert (table.groupby("arm")["share"].sum() == 1).all()
    assert overlap(table, "with", "without") == 0.75  # min(1/4, 0) + min(2/4, 2/4) + min(1/4, 2/4)
    assert middle_half(table[table["arm"] == "without"]) == (0, 1)
    assert middle_half(table[table["arm"] == "with"]) == (1, 2)
    assert "75 % in common" in outcomes_title(table)


def test_arms_carry_the_paired_effect() -> None:
    result = four_runs()
    table = arms_table(result).set_index("label")
    expected = effect(np.array([2.0, 2, 1, 1]), np.array([1.0, 2, 0, 1]), unit=1.0)
    assert table.index.tolist() == ["with", "half"]
    for name in ("lo", "hi", "mcse"):
        assert table.loc["with", name] == pytest.approx(expected[name])
    assert (table.loc["with", "excess"], table.loc["with", "level"]) == (0.5, 1.5)
    assert (table.loc["half", "excess"], table.loc["half", "differing"]) == (0.0, 0.0)
    assert (
        arms_title(arms_table(result))
        == "0 of 2 arms can be told from without; furthest: with, +0.5 counter-accords"
    )
    assert arms_title(arms_table(alike())) == "No run of any arm differs from without in its counter-accords"


def test_convergence_ends_at_the_whole_and_is_the_running_mean() -> None:
    table = convergence_table(four_runs()).set_index("runs")  # differences 1, 0, 1, 0
    assert table["excess"].tolist() == pytest.approx([0.5, 2 / 3, 0.5])
    assert table.loc[2, "mcse"] == pytest.approx(math.sqrt(0.5 / 2))
    assert table.loc[4, "mcse"] == pytest.approx(math.sqrt(1 / 3 / 4))
    assert "After 4 runs the excess is +0.5 with a Monte Carlo error of 0.3" in convergence_title(
        table.reset_index()
    )
    assert convergence_table(CASES["one run"]()).empty
    assert convergence_title(convergence_table(alike())).startswith("All 30 runs give the same excess")


def test_partners_are_counted_by_state_and_run() -> None:
    """Run 0 gains KOR-FRA, run 2 FRA-IND; nobody loses one."""
    table = states_table(four_runs()).set_index("code")
    assert table["excess"].to_dict() == {"CHN": 0, "FRA": 0.5, "IND": 0.25, "JPN": 0, "KOR": 0.25, "RUS": 0}
    # Differences 1, 0, 1, 0: worked out by hand in tests/study/test_statistics.py.
    assert table.loc["FRA", ["lo", "hi"]].tolist() == pytest.approx([-0.5293, 1.6276], abs=1e-4)
    assert not table["clear"].any()
    # No run differs in JPN: the length that one partner would give. An arm that is its reference has none.
    assert table.loc["JPN", "hi"] == -table.loc["JPN", "lo"] > 0.5
    assert (states_table(four_runs(), "half")[["lo", "hi"]] == 0).all(axis=None)


# The same pair twice in a run is one partner; an accord after the window counts for nothing.
TWICE = {"without": [[]] * 8, "with": [[(3, "JPN", "KOR"), (9, "JPN", "KOR"), (366, "FRA", "IND")]] * 8}


def test_a_pair_twice_is_one_partner() -> None:
    result = study(TWICE)
    table = states_table(result).set_index("code")
    assert table["excess"].to_dict() == {"CHN": 0, "FRA": 0, "IND": 0, "JPN": 1, "KOR": 1, "RUS": 0}
    assert states_table(study(TWICE, block=3)).equals(states_table(result))


def test_arcs_need_a_clear_excess_of_a_point() -> None:
    pair = (3, "JPN", "KOR")
    gains = study({"without": [[]] * 40, "with": [[pair]] * 40})
    table = map_table(gains)
    assert table.loc[table["arc"], ["a", "b"]].to_numpy().tolist() == [["JPN", "KOR"]]
    assert (table.loc[table["arc"], ["longitude_a", "latitude_a"]].iloc[0] == [140, 36]).all()
    title = map_title(table, states_table(gains))
    assert (
        title == "No state's number of new partners in with can be told from that without; 1 pair stands out"
    )
    told = states_table(gains).assign(
        clear=[True, False, False, True, True, False], excess=[-2.0, 0, 0, 1, 1, 0]
    )
    assert map_title(table, told) == (
        "In with 2 states of 6 get more new partners and 1 fewer, most CHN, -2.000 a run; 1 pair stands out"
    )
    one = told.assign(clear=[True, *[False] * 5], excess=[-2.0, *[0.0] * 5])
    assert map_title(table, one).startswith(
        "In with 1 state of 6 gets fewer new partners, most CHN, -2.000 a run"
    )
    assert not map_table(four_runs())["arc"].any()
    assert (
        map_title(map_table(alike()), states_table(alike()))
        == "with changes no pair's share of runs with an accord"
    )


def test_the_network_has_what_was_there_and_what_comes() -> None:
    table = network_table(four_runs())
    rows = {frozenset((r["a"], r["b"])): r for r in table.to_dict("records")}
    assert rows[frozenset(("FRA", "JPN"))]["kind"] == "access"  # signed in 2024
    assert (table["kind"] != "").sum() == 1
    assert rows[frozenset(("JPN", "KOR"))]["p"] == 0.5
    assert network_title(table) == (
        "1 pair had an accord at the event; in with 3 pairs make a new one in at "
        "least 10 % of runs, 0 of them with one already"
    )


def test_thinning_keeps_a_ring() -> None:
    x, y = np.cos(np.linspace(0, 2 * np.pi, 400)), np.sin(np.linspace(0, 2 * np.pi, 400))
    few = thinned(x, y, 0.1)
    assert 30 < len(few[0]) < 100
    assert len(thinned(x * 0.001, y * 0.001, 0.1)[0]) == 3


@pytest.mark.parametrize("case", CASES)
def test_every_figure_says_something(case: str) -> None:
    result = CASES[case]()
    for name, picture in fitting(result).items():
        assert len(words_of(picture.draw(result))) > 10, name


def test_what_fits_a_study_without_a_comparison() -> None:
    names = set(fitting(CASES["reference only"]()))
    assert {"fan", "survival", "outcomes"} <= names
    assert names.isdisjoint({"arms", "map", "convergence", "mechanisms"})
    assert set(FIGURES) > names


def test_with_one_arm_or_one_run_what_has_nothing_to_show_is_left_out() -> None:
    alone = set(fitting(CASES["reference only"]()))
    assert {"fan", "outcomes", "network"} <= alone
    assert not {"arms", "difference", "map", "pairs", "mechanisms", "relations", "convergence"} & alone
    assert len(FIGURES["fan"](CASES["reference only"]()).axes) == 1  # no empty panel of the excess
    assert "convergence" in fitting(four_runs()) and "convergence" not in fitting(CASES["one run"]())

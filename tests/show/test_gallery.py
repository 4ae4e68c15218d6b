"""The tables behind the further figures, against counts made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from balance_sim.show.atlas import thinned
from balance_sim.show.figures import FIGURES, fitting
from balance_sim.show.figures.counts import furthest, middle_half, outcomes_table, overlap
from balance_sim.show.figures.effects import arms_table, convergence_table
from balance_sim.show.figures.world import map_table, states_table
from balance_sim.stats.intervals import paired_interval
from studies import CASES, four_runs, study


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
    assert table[table["arm"] == "without"]["cumulative"].tolist() == [0.25, 0.75, 1.0]


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


def test_convergence_ends_at_the_whole_and_is_the_running_mean() -> None:
    table = convergence_table(four_runs()).set_index("runs")  # differences 1, 0, 1, 0
    assert table["effect"].tolist() == pytest.approx([0.5, 2 / 3, 0.5])
    assert table.loc[2, "mcse"] == pytest.approx(math.sqrt(0.5 / 2))
    assert table.loc[4, "mcse"] == pytest.approx(math.sqrt(1 / 3 / 4))
    assert convergence_table(CASES["one run"]()).empty


def test_effects_on_states_are_sums_over_their_dyads() -> None:
    """Run 0 gains KOR-FRA, run 2 FRA-IND; nobody loses one."""
    table = states_table(four_runs()).set_index("code")
    assert table["effect"].to_dict() == {"CHN": 0, "FRA": 0.5, "IND": 0.25, "JPN": 0, "KOR": 0.25, "RUS": 0}
    # Differences of FRA: 1, 0, 1, 0; 3.1824 standard errors of sqrt(1/3) / 2 either way.
    assert table.loc["FRA", ["lo", "hi"]].tolist() == pytest.approx([-0.4187, 1.4187], abs=1e-4)
    assert not table["clear"].any()
    assert table.loc[table["participant"]].index.tolist() == ["CHN", "RUS"]


def test_arcs_are_the_dyads_that_change_most() -> None:
    gains = study({"without": [[]] * 40, "with": [[(3, "JPN", "KOR")]] * 40})
    table = map_table(gains)
    assert table.loc[table["arc"], ["a", "b"]].to_numpy().tolist() == [["JPN", "KOR"]]
    assert table.attrs["layout"].places["JPN"] == (140, 36)
    assert not map_table(four_runs())["arc"].any()


def test_only_arms_further_from_the_control_than_the_headline_are_drawn_beside_it() -> None:
    """Shares with at most so many: with, at most 0.25 from the control; half, not at all."""
    assert furthest(outcomes_table(four_runs()), 3) == []
    assert furthest(outcomes_table(CASES["250 runs"]()), 3) == ["tenth"]


def test_thinning_keeps_a_ring() -> None:
    x, y = np.cos(np.linspace(0, 2 * np.pi, 400)), np.sin(np.linspace(0, 2 * np.pi, 400))
    few = thinned(x, y, 0.1)
    assert 30 < len(few[0]) < 100
    assert len(thinned(x * 0.001, y * 0.001, 0.1)[0]) == 3


def test_with_one_arm_or_one_run_what_has_nothing_to_show_is_left_out() -> None:
    alone = set(fitting(CASES["reference only"]()))
    assert {"fan", "outcomes"} <= alone
    assert not {"arms", "difference", "map", "pairs", "relations", "convergence"} & alone
    assert len(FIGURES["fan"].draw(CASES["reference only"]()).axes) == 1  # no empty panel of the excess
    assert "convergence" in fitting(four_runs()) and "convergence" not in fitting(CASES["one run"]())

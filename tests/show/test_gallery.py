"""The tables behind the further figures, against counts made by hand."""

import numpy as np
import pytest
from balance_sim.show.figures.effects import arms_table
from balance_sim.show.figures.world import map_table, states_table
from balance_sim.stats.intervals import paired_interval
from studies import CASES, four_runs, study


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

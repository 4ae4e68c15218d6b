"""The reference arm lived once for several scenarios: only where it is the same life."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from balance_sim.app.arm_tables import one_arm_tables, reference_key
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import Block, simulate_arms, simulate_block
from balance_sim.study.outcomes import NEW
from balance_sim.study.recorder import focal_recorder
from balance_sim.study.tables import BlockTables

SCENARIO = load_scenario(Path(__file__).resolve().parents[2] / "scenarios" / "beijing_2025.yaml")
ARMS = ("no_parade", "parade")
RUNS = 6
FIRST_NEW_DAY = pd.Timestamp("2025-09-04")  # the parade was the day before


def alone(arm: str, values: dict[str, Any]) -> BlockTables:
    """One arm of the scenario with these values, lived without the other."""
    worlds = compile_arms(with_values(SCENARIO, values), ARMS)
    numbers = np.arange(RUNS, dtype=np.uint64)
    return one_arm_tables(worlds, arm, simulate_arms(worlds, 1, numbers, (arm,), focal_recorder(worlds)))


def test_one_key_one_life() -> None:
    """How visible the event is that the reference arm drops changes nothing there, to the last digit."""
    values = {"events.parade.visibility": 0.25}
    assert reference_key(with_values(SCENARIO, values)) == reference_key(SCENARIO)
    faint, loud = alone("no_parade", values), alone("no_parade", {})
    assert faint.runs.equals(loud.runs)
    assert faint.agreements.equals(loud.agreements)
    assert np.array_equal(faint.dyads, loud.dyads)


@pytest.mark.parametrize(
    "values",
    [
        {"audiences.south.attention.default": 0.4},
        {"states.USA.reliability": 0.5},
        {"events.xi_putin_beijing_2025.visibility": 0.1},
        {"events.parade.principals": ("CHN", "RUS")},
        {"events.parade.date": "2025-09-04"},
        {"parameters.tau": 0.2},
    ],
    ids=lambda values: next(iter(values)),
)
def test_another_life_has_another_key(values: dict[str, Any]) -> None:
    assert reference_key(with_values(SCENARIO, values)) != reference_key(SCENARIO)


def test_an_arm_alone_is_the_arm_among_others() -> None:
    """But for what compares it with its twin in the reference arm, and for agreements that are not new."""
    whole = simulate_block(compile_arms(SCENARIO, ARMS), 1, Block(0, RUNS), ARMS)
    for arm in ARMS:
        mine = alone(arm, {})
        theirs = whole.runs.filter([word == arm for word in whole.runs["arm"].to_pylist()])
        assert set(theirs.column_names) - set(mine.runs.column_names) == {"accelerated_365"}
        assert theirs.select(mine.runs.column_names).to_pandas().equals(mine.runs.to_pandas())
        rows = whole.agreements.to_pandas()
        new = rows["origin"].isin(NEW) & (pd.to_datetime(rows["signed"]) >= FIRST_NEW_DAY)
        agreements = rows[(rows["arm"] == arm) & new].astype(str).reset_index(drop=True)
        assert 0 < len(agreements) < (rows["arm"] == arm).sum()
        assert agreements.equals(mine.agreements.to_pandas().astype(str))

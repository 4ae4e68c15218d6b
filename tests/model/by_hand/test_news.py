"""What events and the record of signatures add to beliefs, with numbers worked out by hand, and the grid of steps."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from balance_sim.model import beliefs
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.news import evidence, members, pairs_aimed, pairs_shown
from balance_sim.model.world import _left_at_start, capabilities, differences, lesser, time_grid
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.schema import Accord, State

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(HERE / "paper.yaml")


def test_who_is_shown_with_whom_and_who_is_aimed_at() -> None:
    """Principals 0, 1, 4; guests 2, 1; targets 3, 4: 4 is a target and shown with nobody, 1 a principal already."""
    assert pairs_shown([0, 1, 4], [2, 1], [3, 4]) == [(0, 1), (0, 2), (1, 2)]
    assert pairs_shown([0], [2, 3], []) == [(0, 2), (0, 3)]
    assert pairs_aimed([0, 1, 4], [3, 4]) == [(3, 0), (3, 1), (3, 4), (4, 0), (4, 1)]
    assert members(["North", "XAR", "XZZ"], {"North": ("XDO", "XCO")}, {"XAR": 0, "XCO": 1, "XDO": 2}) == [
        *range(0, 26, 5),
        31,
        *range(35, 61, 5),
        80,
        100,
        101,
    ]
    assert [day for day in grid if day > 336] == [340, 360, 380, 400, 420, 440, 460, 480, 500, 520, 540, 547]
    monthly = scenario.model_copy(update={"step_days": 30.0})
    assert [day for day in time_grid(monthly, []) if 340 < day] == [360, 390, 420, 450, 480, 510, 540, 547]
    weekly = scenario.model_copy(update={"step_days": 10.0})  # two at a time: no more than 28 days
    assert [day for day in time_grid(weekly, []) if 340 <= day] == [*range(340, 547, 20), 547]

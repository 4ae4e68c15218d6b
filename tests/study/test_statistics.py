"""Levels, effects and curves against closed forms. Intervals: tests/stats/test_intervals.py."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from balance_sim.study.estimates import estimates_of


def test_an_arm_that_is_its_reference_has_no_interval_and_one_that_might_differ_has():
    runs = pd.DataFrame({"run": [0, 1, 2] * 2, "arm": ["ref"] * 3 + ["event"] * 3, "accords_all_90": [1.0, 2, 3] * 2,
                         "scheduled_90": 1.0, "insecurity": [0.1, 0.2, 0.3] * 2})  # fmt: skip
    names = ["accords_all_90", "scheduled_90"]

    def effects(only: tuple[str, ...] = ()) -> pd.DataFrame:
        tables = [pa.Table.from_pandas(runs[runs["run"] == run], preserve_index=False) for run in (0, 1, 2)]
        return estimates_of(tables, ["ref", "event"], only).effects_frame().set_index("outcome").loc[names]

    assert (effects()[["lo", "hi"]] == 0).all(axis=None)
    runs.loc[5, "insecurity"] += 1e-12
    for only in ((), tuple(names)):
        other = effects(only)
        # Wilson's bound for none of three, times one agreement: more than the spread of 1, 2, 3.
        assert other.loc["accords_all_90", "hi"] == pytest.approx(1.959964**2 / 3)
        assert other.loc["accords_all_90", "lo"] == -other.loc["accords_all_90", "hi"]
        assert (other.loc["scheduled_90", ["mean", "lo", "hi"]] == 0).all()

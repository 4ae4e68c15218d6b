"""Levels, effects and curves against closed forms. Intervals: tests/stats/test_intervals.py."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from balance_sim.study.estimates import Counts, Estimates, PairedDifference


def difference(arm: np.ndarray, reference: np.ndarray) -> PairedDifference:
    found = PairedDifference()
    found.add(arm, reference)
    return found


def test_the_paired_error_is_that_of_the_differences():
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 10, 400)
    found = difference(luck + 1 + rng.normal(0, 0.1, 400), luck).row(0.0)
    assert found["mean"] == pytest.approx(1.0, abs=0.02)
    assert found["mcse"] < 0.01  # unpaired it would be about 0.7
    assert found["share_positive"] == 1.0


def test_an_arm_that_is_its_reference_has_no_interval_and_one_that_might_differ_has():
    runs = pd.DataFrame({"run": [0, 1, 2] * 2, "arm": ["ref"] * 3 + ["event"] * 3, "accords_all_90": [1.0, 2, 3] * 2,
                         "scheduled_90": 1.0, "insecurity": [0.1, 0.2, 0.3] * 2})  # fmt: skip
    names = ["accords_all_90", "scheduled_90"]

    def effects(only: tuple[str, ...] = ()) -> pd.DataFrame:
        found = Estimates(["ref", "event"], only)
        for first in (0, 1, 2):
            found.add(pa.Table.from_pandas(runs[runs["run"] == first], preserve_index=False))
        return found.effects_frame().set_index("outcome").loc[names]

    assert (effects()[["lo", "hi"]] == 0).all(axis=None)
    runs.loc[5, "insecurity"] += 1e-12
    for only in ((), tuple(names)):
        other = effects(only)
        # Wilson's bound for none of three, times one agreement: more than the spread of 1, 2, 3.
        assert other.loc["accords_all_90", "hi"] == pytest.approx(1.959964**2 / 3)
        assert other.loc["accords_all_90", "lo"] == -other.loc["accords_all_90", "hi"]
        assert (other.loc["scheduled_90", ["mean", "lo", "hi"]] == 0).all()


@pytest.mark.parametrize("size", [1, 7, 400])
def test_a_tally_in_pieces_is_the_level_of_the_whole(size):
    rng = np.random.default_rng(2)
    values = rng.poisson(3, 400).astype(float)
    counts = Counts()
    for first in range(0, 400, size):
        counts.add(values[first : first + size])
    assert counts.mean() == pytest.approx(values.mean(), rel=1e-12)
    assert counts.sd() == pytest.approx(values.std(ddof=1), rel=1e-12)
    for q in (0.05, 0.25, 0.5, 0.95):
        assert counts.quantiles([q])[0] == np.sort(values)[int(np.ceil(q * 400)) - 1]

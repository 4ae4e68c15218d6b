"""Outcomes laid down block by block are the same rows as all blocks put together and sorted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pandas as pd
import pyarrow as pa
from balance_sim.study.frames import Outcomes
from hypothesis import given, settings
from hypothesis import strategies as st


def block(first: int, stop: int, arms: dict[str, set[int]]) -> pa.Table:
    """Rows of runs first..stop-1 in some arms, each without the runs that failed."""
    rows = [
        (run, arm, run + 0.25 * len(arm), float("nan") if run % 3 else run / 7)
        for arm, failed in arms.items()
        for run in range(first, stop)
        if run not in failed
    ]
    frame = pd.DataFrame(rows, columns=["run", "arm", "x_1", "y_1"])
    table = pa.Table.from_pandas(frame.astype({"run": "int32"}), preserve_index=False)
    return table.set_column(1, "arm", table["arm"].cast(pa.string()).dictionary_encode())


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 39), max_size=5, unique=True),
    failed=st.sets(st.integers(0, 39), max_size=40),
    late=st.integers(0, 5),
)
def test_rows_are_those_of_all_blocks_sorted(cuts: list[int], failed: set[int], late: int) -> None:
    """With failed runs, an arm that only later blocks have, and arms that do not come in their order."""
    edges = [0, *sorted(cuts), 40]
    tables = []
    for number, (first, stop) in enumerate(pairwise(edges)):
        arms = {"b": failed, "a": set()} | ({"aa": failed} if number >= late else {})
        tables.append(block(first, stop, arms))

    def read(some: Sequence[str] | None) -> Iterator[pa.Table]:
        yield from (one if some is None else one.select(["run", "arm", *some]) for one in tables)

    found = Outcomes(read)
    expected = pa.concat_tables(tables).unify_dictionaries().to_pandas().astype({"arm": str})
    expected = expected.sort_values(["arm", "run"], kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(found.frame("x_1", "y_1"), expected)
    pd.testing.assert_frame_equal(found.frame("y_1"), expected.drop(columns="x_1"))
    assert found.arms == sorted(expected["arm"].unique())
    for arm in found.arms:
        rows = expected[expected["arm"] == arm].set_index("run")["y_1"]
        pd.testing.assert_series_equal(found.of(arm, "y_1"), rows, check_index_type=False)

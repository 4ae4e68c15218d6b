"""Effects, intervals, pairs and curves against closed forms and published values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from balance_sim.study.comparison import independent_shares
from balance_sim.study.curves import survival
from balance_sim.study.effects import effect, effects_table, level
from balance_sim.study.intervals import mean_interval, share_excess, t_quantile
from balance_sim.study.pairs import ANY, PairCounts
from balance_sim.study.tally import MOST_VALUES, Counts, Tally


def test_students_t_as_in_the_printed_table():
    # Student's t, two-sided 95 %: 9 and 30 degrees of freedom, as in any printed table.
    assert t_quantile(0.95, 9) == pytest.approx(2.262, abs=5e-4)
    assert t_quantile(0.95, 30) == pytest.approx(2.042, abs=5e-4)
    assert t_quantile(0.95, 0) == float("inf")


def test_mean_and_interval_of_one_to_five():
    mean, error, low, high = mean_interval(np.arange(1.0, 6.0))
    assert (mean, error) == (3.0, pytest.approx(np.sqrt(2.5 / 5)))
    assert high - mean == pytest.approx(2.776445 * np.sqrt(0.5), abs=1e-5)
    assert mean - low == pytest.approx(high - mean)


def test_the_interval_of_a_few_differences_by_hand():
    # Differences 1, 0, 1, 0. Student's: 3.18245 sqrt(1/3) 2 = 3.67478 of the sum. Wilson's of two events:
    # 1.95996 sqrt(2 + 0.96036) = 3.37224, less or more 1.92073; of none: up to 3.84146. Joined and scaled by
    # sqrt(1/3) sqrt(4/2) 3.18245 / 1.95996 = 1.32576: 5.4442 below, 7.0170 above. A quarter of what that is more
    # than Student's is added.
    _, _, low, high = mean_interval(np.array([1.0, 0.0, 1.0, 0.0]))
    below, above = 3.67478 + (5.4442 - 3.67478) / 4, 3.67478 + (7.0170 - 3.67478) / 4
    assert (low, high) == (pytest.approx(0.5 - below / 4, abs=1e-4), pytest.approx(0.5 + above / 4, abs=1e-4))


def test_the_paired_error_is_that_of_the_differences():
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 10, 400)
    found = effect(luck + 1 + rng.normal(0, 0.1, 400), luck)
    assert found["mean"] == pytest.approx(1.0, abs=0.02)
    assert found["mcse"] < 0.01  # unpaired it would be about 0.7
    assert found["share_positive"] == 1.0


def test_days_that_never_came_have_no_mean_but_count_as_later():
    never = np.array([np.nan, 10.0, 20.0, np.nan])
    found = effect(never, np.array([5.0, 10.0, np.nan, np.nan]))
    assert np.isnan(found["mean"])
    assert (found["share_positive"], found["share_negative"]) == (0.25, 0.25)
    assert np.isnan(level(never)["mean"])
    assert level(never)["q25"] == 10.0


def test_a_pairs_excess_for_the_approval_data():
    # Agresti 2002, Categorical Data Analysis, table 10.1: 1600 people asked twice, of whom 150 changed from
    # approval to disapproval and 86 the other way. Difference 0.04, interval 0.02 to 0.06.
    excess, low, high = share_excess(np.array([150.0]), np.array([86.0]), 1600)
    assert excess[0] == pytest.approx(0.04)
    assert (round(low[0], 2), round(high[0], 2)) == (0.02, 0.06)


def test_a_pairs_excess_is_the_mean_of_differences_of_one():
    values = np.repeat([1.0, -1.0, 0.0], [7, 2, 191])
    mean, _, low, high = mean_interval(values)
    for found, wanted in zip(
        share_excess(np.array([7.0]), np.array([2.0]), 200), (mean, low, high), strict=True
    ):
        assert found[0] == pytest.approx(wanted, rel=1e-12)


def test_the_upper_bound_where_no_run_differs_is_wilsons():
    # Wilson 1927 for none of n, in the limit of many runs: z^2 / n.
    _, low, high = share_excess(np.array([0.0]), np.array([0.0]), 100_000)
    assert high[0] == -low[0] == pytest.approx(1.959964**2 / 100_000, rel=1e-4)


def test_an_arm_that_is_its_reference_has_no_interval_and_one_that_might_differ_has():
    runs = pd.DataFrame({"run": [0, 1, 2] * 2, "arm": ["ref"] * 3 + ["event"] * 3, "accords_all_90": [1.0, 2, 3] * 2,
                         "scheduled_90": 1.0, "insecurity": [0.1, 0.2, 0.3] * 2})  # fmt: skip
    names = ["accords_all_90", "scheduled_90"]
    alike = effects_table(runs, ["ref", "event"], "ref", names).set_index("outcome")
    assert (alike[["lo", "hi"]] == 0).all(axis=None)
    runs.loc[5, "insecurity"] += 1e-12
    other = effects_table(runs, ["ref", "event"], "ref", names).set_index("outcome")
    assert other.loc["accords_all_90", "hi"] == -other.loc["accords_all_90", "lo"] > 1.0
    assert (other.loc["scheduled_90", ["mean", "lo", "hi"]] == 0).all()
    for only in ((), names):
        tally = Tally(["ref", "event"], only)
        for first in (0, 1, 2):
            tally.add(pa.Table.from_pandas(runs[runs["run"] == first], preserve_index=False))
        whole = tally.effects_frame().set_index("outcome")
        assert whole.loc[names, ["lo", "hi"]].to_numpy() == pytest.approx(
            other.loc[names, ["lo", "hi"]].to_numpy()
        )


def test_agresti_and_caffo_add_one_of_each():
    # The closed form of Agresti and Caffo 2000 at 0 of 10 and 0 of 10: 1/12 on both sides.
    difference, low, high = independent_shares(np.array([0.0]), 10, np.array([0.0]), 10)
    half = 1.959964 * np.sqrt(2 * (1 / 12) * (11 / 12) / 12)
    assert (difference[0], high[0], low[0]) == (0.0, pytest.approx(half), pytest.approx(-half))


def test_pairs_are_counted_once_a_run_on_a_table_made_by_hand():
    def words(*text: str) -> pa.Array:
        return pa.array(text).dictionary_encode()

    rows = pa.table(
        {
            "run": pa.array([0, 0, 0, 1, 1, 2], pa.int32()),
            "arm": words("ref", "event", "event", "ref", "event", "event"),
            "a": words("AUS", "AUS", "AUS", "AUS", "AUS", "AUS"),
            "b": words("JPN", "JPN", "JPN", "JPN", "PHL", "JPN"),
            "kind": words("pact", "pact", "access", "pact", "pact", "pact"),
            "origin": words("new", "new", "talks", "new", "new", "scheduled"),
            "signed": pa.array([105, 101, 120, 105, 400, 110], pa.int32()).cast(pa.date32()),
        }
    )
    counts = PairCounts.none(("ref", "event"), ("AUS", "JPN", "PHL"), ("access", "pact"), 100, 30)
    counts.add(rows, np.array([0, 1, 2]))
    table = counts.table().set_index(["a", "b", "kind", "arm"]).sort_index()
    both = table.loc[("AUS", "JPN", ANY)]
    assert both.loc["ref", "p"] == pytest.approx(2 / 3)
    assert both.loc["event", "p"] == pytest.approx(1 / 3)  # two in run 0 are one run; scheduled is none
    assert both.loc["event", "excess"] == pytest.approx(-1 / 3)
    assert ("AUS", "PHL", ANY, "event") not in table.index  # signed beyond the window


def test_survival_is_the_share_still_without():
    frame = survival(np.array([1.0, 3.0, 3.0, np.nan]), 4).set_index("day")
    assert frame["share"].tolist() == [1.0, 0.75, 0.75, 0.25, 0.25]
    assert frame["at_risk"].tolist() == [4, 4, 3, 3, 1]


@pytest.mark.parametrize("size", [1, 7, 400])
def test_a_tally_in_pieces_is_the_level_of_the_whole(size):
    rng = np.random.default_rng(2)
    values = rng.poisson(3, 400).astype(float)
    counts = Counts()
    for first in range(0, 400, size):
        counts.add(values[first : first + size])
    whole = level(values)
    assert counts.mean() == pytest.approx(whole["mean"], rel=1e-12)
    assert counts.sd() == pytest.approx(whole["sd"], rel=1e-12)
    for q, name in ((0.05, "q05"), (0.25, "q25"), (0.5, "q50"), (0.95, "q95")):
        assert counts.quantile(q) == whole[name]


def test_a_tally_of_a_continuous_outcome_stays_small_and_near():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, 200_000)
    counts = Counts()
    for part in np.split(values, 100):
        counts.add(part)
    assert len(counts.values) <= MOST_VALUES
    assert counts.mean() == pytest.approx(values.mean(), abs=1e-12)
    assert counts.sd() == pytest.approx(values.std(ddof=1), rel=1e-12)
    for q in (0.05, 0.5, 0.95):
        assert stats.percentileofscore(values, counts.quantile(q)) / 100 == pytest.approx(q, abs=1e-3)

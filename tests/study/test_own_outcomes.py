"""Outcomes of one's own: measured, stored, paired and shown like ours, and their code runs only where it is named."""

import json
import sys
from pathlib import Path
from typing import Any

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.show.figures import figures_of
from balance_sim.show.report.pages import page_of
from program import call

from .conftest import small_text

SMALL = "small.yaml"
MINE = """
def ours_again(history):
    'New security agreements, counted a second time.'
    made = history.agreements
    return history.count(made["new"] & made["security"] & (made["signed"].fillna(1e9) < 301))

def weighed(history):
    types = history.dyad_types
    return history.weighted_count(types["security"] & (types["direction"] == "counter"))

def first_at_all(history):
    made = history.agreements
    return history.first(made["new"])
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the working directory, new to this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(tmp_path))])
    monkeypatch.setenv("PYTHONPATH", "")
    name = f"mine_{abs(hash(str(tmp_path))):x}"
    (tmp_path / f"{name}.py").write_text(MINE, encoding="utf-8")
    (tmp_path / SMALL).write_text(small_text(), encoding="utf-8")
    return name


def test_a_module_in_this_folder_is_measured_and_read_back(mine: str) -> None:
    words = ["run", SMALL, "--runs", "20", "--no-figures", "--outcomes", mine, "--json"]
    one = json.loads(call(*words, "--workers", "1", "--out", "a").stdout)
    two = json.loads(call(*words, "--workers", "2", "--out", "b").stdout)
    assert one["digest"] == two["digest"]
    frame = bs.open_result("a").outcomes
    np.testing.assert_array_equal(frame["own_ours_again"], frame["accords_all_300"])
    found, ours = (one["effects"]["summit"][name] for name in ("own_ours_again", "accords_all_300"))
    assert found["estimator"] == "count" and ours["estimator"] == "filtered"
    for front in ("", "filtered_"):
        np.testing.assert_allclose(frame[f"{front}own_weighed"], frame[f"{front}accords_counter_300"], atol=1e-9)
    ours, weighed = (one["effects"]["summit"][name] for name in ("accords_counter_300", "own_weighed"))
    assert weighed["estimator"] == "filtered" and weighed["mean"] == pytest.approx(ours["mean"])
    paired = frame.set_index(["run", "arm"])["own_ours_again"].unstack()
    assert found["mean"] == pytest.approx((paired["summit"] - paired["no_summit"]).mean())
    stored = bs.open_result("a")
    own = page_of(stored)[1]["own"]
    assert [row[0] for row in own[2:4]] == ["Ours again: New security agreements, counted a second time."] * 2
    assert own[2][3] == "control"
    assert "spread_own_ours_again" in figures_of(stored)
    assert "own_first_at_all" in call("export", "a", "--out", "a.csv").stdout + Path("a.csv").read_text(
        encoding="utf-8"
    )


class Loyal(bs.StateAgent):
    """Decides as the engine does, one replication at a time."""


def test_replications_one_at_a_time_are_measured_alike(mine: str) -> None:
    studies = [bs.run(SMALL, 6, model=model, outcomes=mine) for model in (None, Loyal)]
    assert studies[0].digest == studies[1].digest
    assert studies[1].outcomes["own_weighed"].dtype == float


def test_weights_of_one_dyad_count_that_dyad(mine: str) -> None:
    def half_of_two(history: bs.ArmHistory) -> Any:
        types = history.dyad_types
        return history.weighted_count(0.5 * (types["security"] & (types["a"] == "XCO") & (types["b"] == "XDO")))

    result = bs.run(SMALL, 6, outcomes=half_of_two)
    of_dyad = result.dyads.query("a == 'XCO' and b == 'XDO' and arm == 'summit'")
    levels = result.levels.query("outcome == 'own_half_of_two' and arm == 'summit'")
    assert 0 < 2 * levels["mean"].item() == pytest.approx(of_dyad["mean"].item(), rel=1e-6)


def test_a_direction_that_no_dyad_has_counts_0(mine: str) -> None:
    """Of six states whose summit is aimed at nobody none is threatened."""
    result = bs.run(Path(__file__).parents[1] / "scenario" / "data" / "summit.yaml", 2, outcomes=mine)
    assert not result.outcomes["own_weighed"].any()


def test_its_code_runs_only_where_it_is_named(mine: str) -> None:
    assert call("run", SMALL, "--runs", "4", "--no-figures", "--outcomes", mine, "--out", "a").exit_code == 0
    assert call("verify", "a").exit_code == 0
    assert call("package", "a", "--out", "a.zip").exit_code == 0
    refused = call("reproduce", "a.zip")
    assert refused.exit_code == 2 and f"--outcomes {mine} allows it" in refused.stderr
    assert call("reproduce", "a.zip", "--outcomes", mine).stdout.startswith("reproduced")
    other = call("run", SMALL, "--runs", "4", "--no-figures", "--out", "a")
    assert other.exit_code == 2 and "own_outcomes" in other.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [("x = 1", "it defines no function"), ("raise SystemExit(3)", "cannot be imported"), (None, "cannot be imported")],
)
def test_a_module_that_is_none_is_a_wrong_request(mine: str, code: str | None, said: str) -> None:
    if code is None:
        Path(f"{mine}.py").unlink()
    else:
        Path(f"{mine}.py").write_text(code, encoding="utf-8")
    done = call("run", SMALL, "--runs", "2", "--outcomes", mine, "--out", "a")
    assert done.exit_code == 2 and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        (
            "return [1, 2, 3]",
            1,
            "gave list of 3 for 1 replications\n  help: return one number a replication",
        ),
        (
            "return history.first(history.agreements['securty'])",
            2,
            "KeyError: 'securty'\n  help: did you mean `security`?",
        ),
        ("pass", 1, "gave None (has it a `return`?)"),
        ("return 'three'", 1, "gave text, `three`, no numbers, for 1 replications"),
        ("return history.agreements", 1, "gave Frame of shape ("),
        ("raise SystemExit(0)", 2, "ends in SystemExit: 0"),
        ("return history.weighted_count([1.0])", 2, "ends in ValueError: weights"),
        ("return history.weighted_count(history.dyad_types['a'] == 'XOC')", 2, "none counts"),
        ("return history.weighted_count(history.dyad_types['security'], 7)", 2, "[300]"),
        (
            "import numpy; return 1j * numpy.ones(len(history.runs))",
            1,
            "gave ndarray of shape (1,) of complex128, no numbers, for 1 replications",
        ),
        ("return history.runs * 0 + len(history.runs)", 1, "gave 1.0 for a replication alone, and 2.0 beside another"),
    ],
)
def test_a_function_that_gives_no_column_is_refused_before_anything_is_simulated(
    mine: str, code: str, line: int, said: str
) -> None:
    Path(f"{mine}.py").write_text(f"def wrong(history):\n    {code}\n", encoding="utf-8")
    done = call("run", SMALL, "--runs", "2", "--no-figures", "--outcomes", mine, "--workers", "1", "--out", "a")
    assert done.exit_code == 4 and not Path("a").exists()
    assert f"{mine}.py:{line}:1: error[E310] outcome `wrong`: " in done.stderr and said in done.stderr
    assert "Traceback" not in done.stderr

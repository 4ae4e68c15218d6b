"""What is not known is not told as a no: too few replications are said to be too few, with how many would do."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.cli.program import main
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.evidence.goodness.figures import LEVEL, verdict_words
from balance_sim.scenario.experiment import load_experiment
from balance_sim.show.figures.dyads import EXPECTED, estimator_words, largest_words
from balance_sim.show.figures.sweeps import factors_table, factors_title, headline_effects, indices_title
from balance_sim.show.headline import clear, detected, untold_words
from balance_sim.stats.indices import morris_effects
from balance_sim.stats.intervals import FEWEST_RUNS
from balance_sim.study.sweep import sweep
from click.testing import CliRunner
from studies import SCENARIO

NAN = float("nan")
SMOKE = "experiments/smoke/five_states.yaml"


def numbers(words: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", words)]


def rows(effect: float, half: float, error: float, n: int) -> pd.DataFrame:
    row = {"effect": effect, "lo": effect - half, "hi": effect + half, "mcse": error, "n": n, "name": "A"}
    return pd.DataFrame([row, row | {"effect": 0.0, "lo": -half, "hi": half}])


@pytest.mark.parametrize(
    ("frame", "runs", "enough"),
    [
        (rows(0.1, NAN, 0.001, 8), 8, FEWEST_RUNS),
        (rows(0.1, NAN, 0.5, 8), 8, 1100),
        (rows(0.1, NAN, NAN, 1), 1, FEWEST_RUNS),  # that many have an interval at least
        (rows(0.1, 0.2, 0.0, 40), 40, 80),
        (rows(-0.1, 0.2, 0.0, 40), 40, 80),
    ],
)
def test_how_many_replications_would_do_is_said(frame: pd.DataFrame, runs: int, enough: int) -> None:
    for words in (detected(frame, "points", "name"), untold_words(frame, "any dyad")):
        assert (numbers(words)[0], numbers(words)[-1]) == (runs, pytest.approx(enough, rel=0.1))
    table = frame.assign(clear=clear(frame), exact=False)
    assert numbers(largest_words(table, "name", "dyad"))[0] == runs
    assert largest_words(table.assign(exact=True), "name", "dyad") == "no dyad differs from zero"


def test_of_what_cannot_differ_no_replications_are_asked() -> None:
    """Arms alike have the interval from 0 to 0, whatever their number."""
    frame = rows(0.0, 0.0, 0.0, 8)
    assert untold_words(frame, "any dyad") == ""
    assert detected(frame, "points", "name").startswith("None of 2 points")


def test_a_simulated_table_without_intervals_is_not_called_exact() -> None:
    table = rows(0.1, NAN, 0.01, 8)
    assert estimator_words(table.assign(exact=False)) != EXPECTED == estimator_words(table.assign(exact=True))


def test_indices_that_are_not_known_are_not_chance() -> None:
    row = {"factor": "parameters.beta", "main": "total", "total": 0.5, "total_lo": 0.3, "total_hi": 0.7}
    unknown, none, some = (indices_title(pd.DataFrame([row | {"share_lo": least}])) for least in (NAN, -0.1, 0.2))
    assert numbers(unknown) and not numbers(none)
    assert "matters most" in some and "matters" not in unknown + none


def test_no_spread_of_elementary_effects_is_seen_only_where_there_is_none() -> None:
    """Of four trajectories: noise as large as what is seen leaves the spread unknown; the same effect in all is none."""
    rng = np.random.default_rng(3)
    before = rng.normal(size=(4, 6, 2))
    noisy = morris_effects(before, before + rng.normal(0, 5, before.shape), np.full((4, 6), 0.5))
    sizes = [index.value for index in noisy.sigma]
    assert any(np.isnan(sizes)) and all(np.isnan(size) or size > 0 for size in sizes)
    same = morris_effects(before, before + 1.0, np.full((4, 6), 0.5))
    assert [index.value for index in same.sigma] == pytest.approx([0.0] * 6, abs=1e-7)


def test_one_replication_has_no_z(tmp_path) -> None:
    """`z` is effect by error, and not 0 where no error is known."""
    one = run(SCENARIO, 1, seed=3, out=tmp_path / "one", workers=1).dyads
    assert (one["effect"] != 0).any() and one["mcse"].isna().all() and one["z"].isna().all()
    twelve = run(SCENARIO, 12, seed=3, out=tmp_path / "twelve", workers=1).dyads
    moved = twelve[twelve["mcse"] > 0]
    assert len(moved) and moved["z"].to_numpy() == pytest.approx(moved["effect"] / moved["mcse"])


def test_a_sweep_of_few_replications_says_how_many_tell_a_point(tmp_path) -> None:
    plan = """schema: 1
title: few
scenario: five_states.yaml
factors: {events.summit.visibility: [0.5, 1]}
outcomes: [accords_all_300, alignment_participants_rest_90]
runs: 8
"""
    path = tmp_path / "plan.yaml"
    (tmp_path / "five_states.yaml").write_bytes(Path(SMOKE).read_bytes())
    path.write_text(plan, encoding="utf-8")
    few = sweep(load_experiment(path), out=tmp_path / "few", workers=1)
    table = factors_table(few, "accords_all_300")
    assert not clear(table).any() and table["lo"].isna().all()
    assert numbers(factors_title(table))[0] == 8
    assert numbers(factors_title(table))[-1] > FEWEST_RUNS
    assert (headline_effects(few, "accords_all_300")["spread"] > 0).all()


def test_commands_on_eight_replications_do_not_say_no(tmp_path) -> None:
    """`explain` and `compare`: of no dyad, and of no difference, is said that it is none."""
    for name, seed in (("a", 1), ("b", 2)):
        run(SCENARIO, 8, seed=seed, out=tmp_path / name, workers=1)
    assert open_result(tmp_path / "a").dyads["lo"].isna().any()
    runner = CliRunner()
    for words in (["explain", str(tmp_path / "a")], ["compare", str(tmp_path / "a"), str(tmp_path / "b")]):
        said = " ".join(runner.invoke(main, words).output.split())
        assert "8 replications are too few" in said, said


def test_how_many_replications_a_test_of_fit_needs() -> None:
    study = {"groups": [], "p": None}
    few = numbers(verdict_words(study | {"replications": 5}))  # type: ignore[arg-type]
    assert 0.5 / (few[-1] + 1) <= LEVEL < 0.5 / few[-1]
    assert not numbers(verdict_words(study | {"replications": few[-1]}))  # type: ignore[arg-type]

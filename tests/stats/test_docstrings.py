"""The examples in the docstrings of statistics, and of what the model exports, run."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import balance_sim as bs

MODULES = (
    *(
        f"balance_sim.stats.{name}"
        for name in (
            "equilibria",
            "games",
            "indices",
            "intervals",
            "lags",
            "networks",
            "newton",
            "scores",
            "uncertain_games",
            "variance",
        )
    ),
    *(f"balance_sim.model.{name}" for name in ("agents", "landscape", "own.events", "own.terms")),
    *(f"balance_sim.results.{name}" for name in ("frames", "result", "sweep_result")),
    "balance_sim.replications.players",
    "balance_sim.scenario.experiment",
    *(
        f"balance_sim.analysis.{name}"
        for name in (
            "compare",
            "effect_draws",
            "explain",
            "explain.attribution",
            "gof",
            "mechanisms",
            "participants",
            "placebos",
            "sensitivity",
            "world_at_start",
        )
    ),
    *(f"balance_sim.evidence.data.{name}" for name in ("codes", "table")),
    "balance_sim.coordination.effects",
    "balance_sim.pool.errors",
    *(f"balance_sim.show.{name}" for name in ("diary", "wording")),
    *(f"balance_sim.experiment.{name}" for name in ("run", "sweep")),
    "balance_sim.game.plan",
    "balance_sim.scenario.reference.schemas",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    found = doctest.testmod(import_module(name))
    assert found.failed == 0
    assert found.attempted > 0


def test_everything_at_the_top_has_an_example() -> None:
    lacking = [name for name in bs.__all__ if ">>>" not in (getattr(bs, name).__doc__ or "")]
    assert lacking == ["Scenario", "ScenarioError"]  # made by `load_scenario`, which has one

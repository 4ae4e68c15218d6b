"""The examples in all docstrings run."""

import doctest
from importlib import import_module
from pathlib import Path

import balance_sim as bs
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
MODULES = [
    ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCES.rglob("*.py"))
    if "    >>> " in path.read_text(encoding="utf-8")
]


NEEDS = {
    "balance_sim.app.mesa_view": "solara",
    "balance_sim.evidence.posterior.surrogate": "sklearn",
    "balance_sim.games.boxes": "sklearn",
    "balance_sim.games.robust": "sklearn",
}
"""Packages of extras that examples need, by module."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(*filter(None, [NEEDS.get(name)]))) for name in MODULES]
)
def test_examples_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0
    assert results.attempted > 0


def test_everything_at_the_top_has_an_example() -> None:
    lacking = [name for name in bs.__all__ if ">>>" not in (getattr(bs, name).__doc__ or "")]
    assert sorted(lacking) == ["FailedReplications", "Scenario", "ScenarioError"]  # what others make or raise

"""Lets the tests of this folder import `studies`, the studies made by hand that stand beside them; two small games."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def dilemma(tmp_path_factory: pytest.TempPathFactory) -> PlayedGame:
    """The shipped game of two rivals: 8 replications, 12 draws."""
    from playing import ROOT, played

    folder = tmp_path_factory.mktemp("games") / "dilemma"
    return played(ROOT / "games" / "security_dilemma.yaml", folder, 8, 12)


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> PlayedGame:
    from playing import of_three

    return of_three(tmp_path_factory.mktemp("three"))

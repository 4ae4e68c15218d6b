"""A small game on an invented world, as text to change."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GAME = """schema: 1
title: Two sides
scenario: world.yaml
players:
  arden:
    states: [XAR]
    strategies:
      wait: {}
      manoeuvre:
        cost: 0.5
        source: assumed
        add:
          - {id: arden_manoeuvre, date: 2025-02-01, kind: exercise, principals: [XAR], targets: [XBE]}
    payoff:
      - {outcome: insecurity, weight: -100, source: assumed}
      - {outcome: relations, of: XCO, weight: 1, source: assumed}
  belmar:
    states: [XBE]
    strategies:
      wait: {}
      manoeuvre:
        set: {parameters.beta: 0.2}
        add:
          - {id: belmar_manoeuvre, date: 2025-02-01, kind: exercise, principals: [XBE], targets: [XAR]}
    payoff:
      - {outcome: insecurity, weight: -100, source: assumed}
observed: {arden: wait, belmar: wait}
"""


def game_in(folder: Path, text: str = GAME) -> Path:
    """The file of a game, beside its world."""
    shutil.copy(ROOT / "games" / "security_dilemma" / "world.yaml", folder)
    (folder / "game.yaml").write_text(text, encoding="utf-8")
    return folder / "game.yaml"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder of a game and its world."""
    return game_in(tmp_path).parent

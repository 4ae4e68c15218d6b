"""What a results folder keeps of a game: `summary.json`, which follows from the
replications, and `game.json`, with what rests on draws of the parameters too.

Both are made anew where they are not of these replications and payoffs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balance_sim.games.plan import Game
from balance_sim.games.solution import Solution
from balance_sim.games.solve import solve
from balance_sim.games.study import GameStudy, open_game
from balance_sim.scenario.files import bytes_if_any
from balance_sim.study.manifest import sealed, unsealed
from balance_sim.study.store import LARGEST_SUMMARY, Store

FILE = "game.json"


@dataclass(frozen=True)
class PlayedGame:
    """A game, its replications, and what it comes to: what figures and reports are made
    of."""

    study: GameStudy
    solution: Solution

    @property
    def game(self) -> Game:
        """Players, strategies, payoffs, and the scenario."""
        return self.study.game


def game_digest(game: Game) -> str:
    """sha256 of what payoffs follow from, beside the replications: the whole plan and
    what is measured."""
    text = json.dumps(game.as_plain(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def game_identity(game: Game) -> dict[str, str]:
    """Which game a document is of."""
    return {
        "name": game.name,
        "title": game.plan.title,
        "sha256": game_digest(game),
    }


def _identity(study: GameStudy) -> dict[str, Any]:
    """Which game, replications and payoffs a document is of."""
    game, result = study.game, study.result
    return {
        "game": game_identity(game),
        "scenario": {"name": result.scenario.name, "sha256": result.scenario.sha256},
        "seed": result.seed,
        "version": result.version,
        "digest": result.digest,
        "failed_runs": len(result.failed),
    }


def summary(study: GameStudy) -> dict[str, Any]:
    """What follows from the replications alone: the `summary.json` of a game's
    folder."""
    result, plain = study.result, _identity(study)
    return plain | {
        "runs": result.runs,
        "reference": result.reference,
        "missing_runs": result.missing_runs,
        "game": plain["game"] | solve(study),
    }


def document(played: PlayedGame) -> dict[str, Any]:
    """The JSON of `balance-sim game`."""
    return _identity(played.study) | played.solution


def keep(played: PlayedGame, store: Store) -> None:
    """Write both files. store: locked."""
    text = json.dumps(summary(played.study), indent=1, allow_nan=False)
    store.write_text("summary.json", f"{text}\n")
    store.write_text(FILE, sealed(document(played)).decode())


def kept(study: GameStudy) -> Solution | None:
    """The solution in the folder, if it is of these replications and payoffs, by this
    version, and as it was written; else None."""
    folder = study.result.folder
    if folder is None:
        return None
    try:
        plain = unsealed(bytes_if_any(folder / FILE, LARGEST_SUMMARY) or b"")
        identity = {key: plain.pop(key) for key in _identity(study)}
    except (ValueError, KeyError, AttributeError, RecursionError):
        return None
    is_same = (
        identity == _identity(study) and plain.get("runs") == study.result.finished
    )
    return Solution(plain) if is_same and "recommendations" in plain else None


def open_played(folder: Path | str) -> PlayedGame:
    """The game in a folder, with what it came to: as kept, else by the replications
    alone. Raises WrongRequest."""
    study = open_game(folder)
    return PlayedGame(study, kept(study) or solve(study))

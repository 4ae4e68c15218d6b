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

from balance_sim.games.plan import Game, as_plain
from balance_sim.games.solution import Solution
from balance_sim.games.solve import solve
from balance_sim.games.study import GameStudy, open_game
from balance_sim.scenario.files import FileTooLarge, bytes_if_any
from balance_sim.study.shards import is_changed, note_drawn
from balance_sim.study.store import LARGEST_SUMMARY, Store

FILE = "game.json"
IDENTITY = ("game", "scenario", "seed", "version", "digest")
"""Keys of the document that say which replications and payoffs it is of."""


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
    text = json.dumps(as_plain(game), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def summary(study: GameStudy) -> dict[str, Any]:
    """What follows from the replications alone: the `summary.json` of a game's
    folder."""
    game, result = study.game, study.result
    return {
        "scenario": {"name": result.scenario.name, "sha256": result.scenario.sha256},
        "runs": result.runs,
        "seed": result.seed,
        "version": result.version,
        "digest": result.digest,
        "reference": result.reference,
        "game": {
            "name": game.name,
            "sha256": game_digest(game),
            **solve(study).as_dict(),
        },
        "failed_runs": len(result.failed),
        "missing_runs": result.missing_runs,
    }


def document(played: PlayedGame) -> dict[str, Any]:
    """The JSON of `balance-sim game`."""
    return _identity(played.study) | played.solution.as_dict()


def _identity(study: GameStudy) -> dict[str, Any]:
    """Which game, replications and payoffs a document is of."""
    game, result = study.game, study.result
    return {
        "game": {
            "name": game.name,
            "title": game.plan.title,
            "sha256": game_digest(game),
        },
        "scenario": {"name": result.scenario.name, "sha256": result.scenario.sha256},
        "seed": result.seed,
        "version": result.version,
        "digest": result.digest,
        "failed_runs": len(result.failed),
    }


def keep(played: PlayedGame, store: Store) -> None:
    """Write both files. store: locked."""
    for name, plain in (
        ("summary.json", summary(played.study)),
        (FILE, document(played)),
    ):
        text = json.dumps(plain, indent=1, allow_nan=False)
        store.write_text(name, f"{text}\n")
    note_drawn(store.folder, [store.folder / FILE])


def kept(study: GameStudy) -> Solution | None:
    """The solution in the folder, if it is of these replications and payoffs, by this
    version, and as it was written; else None."""
    folder = study.result.folder
    if folder is None or is_changed(folder / FILE):
        return None
    try:
        text = bytes_if_any(Path(folder) / FILE, LARGEST_SUMMARY) or b"{}"
        plain = json.loads(text)
        solution = Solution.of_plain(plain)
    except (ValueError, TypeError, RecursionError, FileTooLarge):
        return None
    expected = _identity(study)
    is_same = all(plain.get(key) == expected[key] for key in IDENTITY)
    return solution if is_same and solution.runs == study.result.finished else None


def open_played(folder: Path | str) -> PlayedGame:
    """The game in a folder, with what it came to: as kept, else by the replications
    alone. Raises WrongRequest."""
    study = open_game(folder)
    return PlayedGame(study, kept(study) or solve(study))

"""What a results folder keeps of a game: `summary.json`, which follows from the
replications, and `game.json`, with what rests on draws of the parameters too. Both are
made anew where they are not of these replications and payoffs."""

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
    return hashlib.sha256(
        json.dumps(as_plain(game), sort_keys=True).encode()
    ).hexdigest()


def summary(study: GameStudy) -> dict[str, Any]:
    """What follows from the replications alone: the `summary.json` of a game's
    folder."""
    result = study.result
    return {
        "scenario": {"name": result.scenario.name, "sha256": result.scenario.sha256},
        **{
            key: getattr(result, key)
            for key in ("runs", "seed", "version", "digest", "reference")
        },
        "game": {
            "name": study.game.name,
            "sha256": game_digest(study.game),
            **solve(study).as_dict(),
        },
        "failed_runs": len(result.failed),
        "missing_runs": result.missing_runs,
    }


def document(played: PlayedGame) -> dict[str, Any]:
    """The JSON of `balance-sim game`."""
    game, result = played.game, played.study.result
    return {
        "game": {
            "name": game.name,
            "title": game.plan.title,
            "sha256": game_digest(game),
        },
        "scenario": {"name": result.scenario.name, "sha256": result.scenario.sha256},
        **{key: getattr(result, key) for key in ("seed", "version", "digest")},
        "failed_runs": len(result.failed),
    } | played.solution.as_dict()


def keep(played: PlayedGame, store: Store) -> None:
    """Write both files. store: locked."""
    store.write_text(
        "summary.json",
        json.dumps(summary(played.study), indent=1, allow_nan=False) + "\n",
    )
    store.write_text(
        FILE, json.dumps(document(played), indent=1, allow_nan=False) + "\n"
    )
    note_drawn(store.folder, [store.folder / FILE])


def kept(study: GameStudy) -> Solution | None:
    """What the folder keeps, if it is of these replications and payoffs, by this
    version, and as it was written."""
    if study.result.folder is None or is_changed(study.result.folder / FILE):
        return None
    try:
        said = json.loads(
            bytes_if_any(Path(study.result.folder) / FILE, LARGEST_SUMMARY) or b"{}"
        )
        found = Solution.of_plain(said)
        mine = document(PlayedGame(study, found))
    except (ValueError, TypeError, RecursionError, FileTooLarge):
        return None
    same = all(
        said.get(name) == mine[name]
        for name in ("game", "scenario", "seed", "version", "digest")
    )
    return found if same and found.runs == study.result.finished else None


def open_played(folder: Path | str) -> PlayedGame:
    """The game in a folder, with what it came to: as kept, else by the replications
    alone. Raises WrongRequest."""
    study = open_game(folder)
    return PlayedGame(study, kept(study) or solve(study))

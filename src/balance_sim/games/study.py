"""Simulate every profile of a game, into a folder that can be gone on with: an ordinary
study whose arms are profiles.

All profiles share their random numbers with the control arm, and are simulated in full:
docs/decisions/0026-games.md says why. Payoffs are no part of what is simulated: with
other weights the same folder is read again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.effects.run import analysed
from balance_sim.games.plan import Game, game_from, game_of
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import OneLine, WrongRequest, whole_number
from balance_sim.study.failures import tell_failures
from balance_sim.study.jobs import Progress
from balance_sim.study.run import PreparedRun, RunOptions, prepared_job
from balance_sim.study.store import Store

if TYPE_CHECKING:
    from distributed import Client

RUNS = 200
"""Replications of every profile where no number is given."""


@dataclass(frozen=True, repr=False)
class GameStudy(OneLine):
    """A game and its replications: a study of which each arm but the control arm is a
    profile."""

    game: Game
    result: AnalysedResult


def default_folder(game: Game, seed: int) -> Path:
    """results/game-<name>-<first 8 digits of the sha256 of what decides the
    replications>."""
    inputs = [game.scenario.sha256, sorted(game.arms), seed, game.as_plain()["cast"]]
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return Path("results") / f"game-{game.name}-{key[:8]}"


def play(
    game: Game | Path | str,
    runs: int = RUNS,
    seed: int = 1,
    *,
    workers: int = 1,
    client: Client | None = None,
    out: Path | str | None = None,
    run_timeout: float | None = None,
    command: str = "",
    files: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> GameStudy:
    """Simulate `runs` replications of every profile of a game, and of its control arm.

    Parameters
    ----------
    game : what `load_game` read, or the path or the name of one
    runs : replications of each of them
    seed : of all random numbers
    workers : processes
    client : a Dask cluster instead of local processes
    out : results folder; the same call resumes there. In memory if None
    run_timeout : seconds after which a replication counts as failed
    command, files : kept in the folder's manifest
    progress : called with replications simulated, asked for, failed

    Warns
    -----
    FailedReplications : where some replications failed; they are in no number

    Raises
    ------
    WrongRequest : for a wrong seed, or the folder of another study
    FailedReplications : where all did
    FolderBusy, CannotWrite : from the results folder

    Examples
    --------
    >>> study = play("security_dilemma", runs=4)
    >>> study.result.finished, len(study.result.arms)
    (4, 5)
    """
    options: RunOptions = {
        "workers": workers,
        "client": client,
        "out": out,
        "run_timeout": run_timeout,
        "command": command,
        "files": files,
        "progress": progress,
    }
    study = simulated_game(game_from(game), runs, seed, options)
    tell_failures(study.result.failed, study.result.runs)
    return study


def simulated_game(game: Game, runs: int, seed: int, options: RunOptions) -> GameStudy:
    """The game and its replications, with nothing said of those that failed.

    Raises
    ------
    WrongRequest, FolderBusy, CannotWrite : what `play` raises
    """
    options = {**options, "game": game.as_plain()}
    job = prepared_job(game.scenario, seed, game.arms, options)
    job = replace(job, further=game.cast, has_extra_arms=False)
    study = PreparedRun(job, whole_number("runs", runs, 1), options)
    return GameStudy(game, analysed(study.simulate(options.get("out"))))


def open_game(folder: Path | str) -> GameStudy:
    """The game in a results folder of `balance-sim game`. Raises WrongRequest where
    there is none."""
    manifest = Store(Path(folder)).manifest()
    if manifest.game is None:
        name = shown(str(folder), 200)
        hint = f"balance-sim report {folder} tells what it holds"
        raise WrongRequest(f"{name} holds no game; {hint}")
    result = open_result(folder)
    return GameStudy(game_of(manifest.game, result.scenario), result)


def observed_arm(folder: Path | str) -> str:
    """Return the arm of the profile that was observed, of a game's results folder."""
    game = open_game(folder).game
    profile = tuple(game.plan.observed[name] for name in game.players)
    return game.arms[1 + game.profiles.index(profile)]

"""`balance-sim game FILE`: profiles of strategies simulated on common random numbers,
and what each side should do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, resumable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from balance_sim.cli.check import CheckedFile
    from balance_sim.games.plan import Game
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.draws import Draws
    from balance_sim.study.jobs import Progress
    from balance_sim.study.run import RunOptions


LEAST_DISCOVERED = 10
"""Draws with `--discover`, at least."""
SECONDS = {
    "reading": 2.0,
    "first answer": 3.0,
    "simulation": 20.0,
    "draws of the parameters": 20.0,
    "solution": 2.0,
    "discovery": 30.0,
    "figures and report": 6.0,
}
"""About how long each step takes, for the progress bar."""


@click.command()
@click.argument("file")
@click.option(
    "--runs",
    type=click.IntRange(2, 1_000_000),
    default=200,
    show_default=True,
    help="Replications of every profile.",
)
@click.option(
    "--seed", type=options.SEED, default=1, show_default=True, help="Random numbers."
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/game-<name>-<key>]",
)
@options.workers_option
@click.option(
    "--draws",
    type=click.IntRange(0, 100_000),
    default=200,
    show_default=True,
    help="Joint draws of the parameters, for intervals and regret; 0: none.",
)
@click.option(
    "--play",
    "in_stages",
    is_flag=True,
    help="What sides do that choose again, at the dates of `play` in FILE.",
)
@click.option(
    "--discover",
    is_flag=True,
    help="Find the futures in which each strategy fails, early signs of it, and the "
    "worst plan of the file's red team. It works through the draws once more.",
)
@options.timeout_option
@options.figures_option
@options.set_option
@options.theory_option
@options.json_option
@options.terms_option
def game(
    file: str,
    runs: int,
    seed: int,
    out: Path | None,
    workers: int,
    draws: int,
    in_stages: bool,
    discover: bool,
    run_timeout: float | None,
    figures: bool,
    settings: tuple[str, ...],
    theory: str | None,
) -> None:
    """Play the game in FILE: payoffs of every profile, best replies, equilibria,
    regret.

    FILE is a path, or a name as `balance-sim list` gives it. The answer holds
    under the payoffs of the file; it is no advice. The same command goes on where it
    stopped, and other payoffs need no new replications."""
    if in_stages:
        _answer_play(file, draws, workers, {"set": settings, "theory": theory})
        return
    began = time.monotonic()
    with resumable(), Steps(SECONDS) as steps:
        from balance_sim.games.boxes import require_trees
        from balance_sim.games.keep import FILE, PlayedGame, document, keep, kept
        from balance_sim.games.page import first_lines, game_lines
        from balance_sim.games.plan import game_files, load_game
        from balance_sim.games.red_team import write_plans
        from balance_sim.games.solve import identity_of, over_parameters, solve
        from balance_sim.games.study import default_folder, simulated_game
        from balance_sim.scenario.errors import WrongRequest
        from balance_sim.show.report import save_study
        from balance_sim.study.shards import REPORT
        from balance_sim.study.store import MOST_WAITING, Store

        if discover and draws < LEAST_DISCOVERED:
            raise WrongRequest(
                f"--discover finds in one half of the draws and tests in the other: "
                f"set --draws to {LEAST_DISCOVERED} or more"
            )
        loaded = load_game(file, set=settings, theory=theory)
        if discover:
            require_trees()
        parameters = _draws(loaded.scenario, draws)
        folder = out or default_folder(loaded, seed)
        if not (folder / FILE).is_file():
            steps.begin("first answer")
            steps.say(first_lines(loaded))
        steps.begin("simulation")
        asked: RunOptions = {
            "workers": workers,
            "out": folder,
            "run_timeout": run_timeout,
            "command": options.command_line(),
            "files": game_files(file),
            "progress": steps.counter("replications"),
        }
        study = simulated_game(loaded, runs, seed, asked)
        solution = kept(study)
        identity = None if parameters is None else identity_of(parameters)
        is_new = solution is None or solution["draws"] != identity
        if solution is None or is_new:
            steps.begin("draws of the parameters")
            counter, over = steps.counter("draws"), None
            if parameters is not None:
                over = over_parameters(loaded, parameters, workers, counter)
            steps.begin("solution")
            solution = solve(study, over)
        if discover and parameters and not solution.get("conditions"):
            steps.begin("discovery")
            counter, is_new = steps.counter("futures"), True
            solution.update(_discovered(loaded, parameters, workers, counter))
        played = PlayedGame(study, solution)
        with Store(folder).lock(MOST_WAITING) as store:
            keep(played, store)
            write_plans(played, store)
            if figures and (is_new or not (folder / REPORT).is_file()):
                steps.begin("figures and report")
                save_study(played, folder, steps.counter("figures"))
    seconds = {"seconds": time.monotonic() - began}
    options.answer(lambda: document(played) | seconds, lambda: game_lines(played))
    result = study.result
    options.leave_if_failed(result.failed, result.runs, folder)


def _answer_play(file: str, draws: int, workers: int, laid: Mapping[str, Any]) -> None:
    """Print the path of play of a game in stages. laid: over its scenario."""
    with resumable(), Steps(["draws of the parameters"]) as steps:
        from balance_sim.games.plan import load_game
        from balance_sim.games.play import path_of_play
        from balance_sim.games.play_page import play_document, play_lines

        loaded = load_game(file, **laid)
        parameters, counter = _draws(loaded.scenario, draws), steps.counter("draws")
        played = path_of_play(loaded, parameters, workers=workers, progress=counter)
    options.answer(lambda: play_document(played), lambda: play_lines(played))


def _discovered(
    game: Game, draws: Draws, workers: int, progress: Progress
) -> dict[str, Any]:
    """Conditions, signposts and the red team's plans."""
    from balance_sim.games.red_team import red_team
    from balance_sim.games.robust import discover

    discoveries = discover(game, draws, workers, progress)
    return discoveries | {"red_team": red_team(game, draws, workers)}


def _draws(scenario: Scenario, count: int) -> Draws | None:
    """Joint draws of the posterior, or of the prior where there is none; None where
    none are asked for."""
    from balance_sim.evidence.posterior.parameter_draws import (
        posterior_draws,
        prior_draws,
    )

    if count == 0:
        return None
    if scenario.posterior.draws:
        return posterior_draws(scenario).first(count)
    return prior_draws(scenario, count)


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read a game, for `balance-sim check`. Raises ScenarioError."""
    from balance_sim.cli.check import CheckedFile
    from balance_sim.games.plan import load_game
    from balance_sim.games.stages import dates_of
    from balance_sim.show.wording import plural

    game = load_game(path, set=settings, theory=theory)
    counts = {
        "players": len(game.players),
        "profiles": len(game.profiles),
        "outcomes": len(game.cast.outcomes),
    }
    if game.plan.play is not None:
        counts["stages"] = len(dates_of(game.plan.play, game.scenario))
    words = [plural(count, name.removesuffix("s")) for name, count in counts.items()]
    summary = f"{', '.join(words)}; of {game.scenario.name}"
    return CheckedFile(summary, {"game": {"name": game.name, **counts}}, [])

"""`balance-sim game FILE`: profiles of strategies simulated on common random numbers,
and what each side should do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, resumable
from balance_sim.cli.sweep import dask_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from balance_sim.cli.check import CheckedFile
    from balance_sim.games.solution import DrawsUsed
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.draws import Draws


SECONDS = {
    "reading": 2.0,
    "simulation": 20.0,
    "draws of the parameters": 20.0,
    "solution": 2.0,
}
"""About how long each step takes, for the progress bar."""


@click.command()
@click.argument("file")
@click.option(
    "--runs",
    type=click.IntRange(2, 1_000_000),
    help="Replications of every profile  [default: 200]",
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
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Simulate on the Dask cluster of this scheduler.",
)
@click.option(
    "--draws",
    type=click.IntRange(0, 100_000),
    help="Joint draws of the parameters, for intervals and regret; 0: none  "
    "[default: 200]",
)
@click.option(
    "--source",
    type=click.Choice(["posterior", "prior"]),
    help="What is drawn from  [default: posterior, or prior where there is none]",
)
@options.timeout_option
@options.figures_option
@options.verbose_option
@options.set_option
@options.theory_option
@options.json_option
@options.terms_option
def game(
    file: str,
    runs: int | None,
    seed: int,
    out: Path | None,
    workers: int,
    scheduler: str | None,
    draws: int | None,
    source: str | None,
    run_timeout: float | None,
    figures: bool,
    verbose: bool,
    settings: tuple[str, ...],
    theory: str | None,
) -> None:
    """Play the game in FILE: payoffs of every profile, best replies, equilibria,
    regret.

    FILE is a path, or a name as `balance-sim list` gives it. What is said holds under
    the payoffs of the file; it is no advice. The same command goes on where it stopped;
    with other payoffs the same replications are read again."""
    began = time.monotonic()
    seconds = dict(SECONDS)
    if figures:
        seconds["figures and report"] = 6.0
    with resumable(options.command_line()), Steps(seconds) as steps:
        from balance_sim.games.keep import PlayedGame, document, keep, kept
        from balance_sim.games.plan import game_files, load_game
        from balance_sim.games.solve import over_parameters, solve
        from balance_sim.games.study import RUNS, default_folder, play
        from balance_sim.show.report import save_study
        from balance_sim.study.shards import is_drawn
        from balance_sim.study.store import Store, refuse_lost

        loaded = load_game(file, set=settings, theory=theory)
        parameters = _draws(loaded.scenario, draws, source)
        folder = out or default_folder(loaded, seed)
        steps.begin("simulation")
        with dask_client(scheduler) as client:
            study = play(
                loaded,
                runs or RUNS,
                seed,
                workers=workers,
                client=client,
                out=folder,
                run_timeout=run_timeout,
                command=options.command_line(),
                files=game_files(file),
                progress=steps.counter("replications"),
            )
        solution = kept(study)
        is_new = solution is None or not _are_used(parameters, solution.draws)
        if solution is None or is_new:
            steps.begin("draws of the parameters")
            counter, over = steps.counter("draws"), None
            if parameters is not None:
                over = over_parameters(loaded, parameters, workers, counter)
            steps.begin("solution")
            solution = solve(study, over)
        played = PlayedGame(study, solution)
        with Store(folder).lock() as store:
            keep(played, store)
            if figures and (is_new or not is_drawn(folder)):
                steps.begin("figures and report")
                save_study(played, folder, steps.counter("figures"))
            refuse_lost(store, [0], study.result.runs)
    elapsed = time.monotonic() - began

    def lines() -> Iterator[str]:
        from balance_sim.games.lines import game_lines

        return game_lines(played, verbose=verbose)

    options.answer(lambda: document(played) | {"seconds": elapsed}, lines)
    options.leave_if_failed(study.result, folder)


def _draws(scenario: Scenario, count: int | None, source: str | None) -> Draws | None:
    """Joint draws of the parameters; None where none are asked for."""
    from balance_sim.evidence.posterior.parameter_draws import (
        posterior_draws,
        prior_draws,
    )
    from balance_sim.games.solve import DRAWS

    if count == 0:
        return None
    if source == "posterior" or (source is None and scenario.posterior.draws):
        return posterior_draws(scenario).first(count or DRAWS)
    return prior_draws(scenario, count or DRAWS)


def _are_used(draws: Draws | None, used: DrawsUsed | None) -> bool:
    """Whether a solution rests on these draws, or on none where there are none."""
    if draws is None or used is None:
        return draws is None and used is None
    identity = (used.source, used.count, used.sha256)
    return identity == (draws.source, len(draws), draws.sha256)


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read a game, for `balance-sim check`. Raises ScenarioError."""
    from balance_sim.cli.check import CheckedFile
    from balance_sim.games.plan import check_game
    from balance_sim.scenario.diagnostics import ScenarioError
    from balance_sim.show.wording import plural

    game, problems = check_game(path, set=settings, theory=theory)
    if game is None:
        raise ScenarioError(problems)
    counts = {
        "players": len(game.players),
        "profiles": len(game.profiles),
        "outcomes": len(game.cast.outcomes),
    }
    words = [plural(count, name.removesuffix("s")) for name, count in counts.items()]
    summary = f"{', '.join(words)}; of {game.scenario.name}"
    return CheckedFile(summary, {"game": {"name": game.name, **counts}}, problems)

"""`balance-sim run SCENARIO`: replications of every arm; the finding on stdout, everything in a results folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, resumable
from balance_sim.show.terminal import page_width

if TYPE_CHECKING:
    from balance_sim.replications.jobs import Job

MANY_RUNS = 20_000
"""Replications beyond which what they take is estimated before they begin."""
SECONDS = 1e-5
"""About what a dyad takes in a replication of an arm, for the time left that is shown at first."""


@click.command()
@click.argument("scenario")
@click.option("--runs", type=click.IntRange(1, 10_000_000), help="Replications  [default: 100]")
@click.option(
    "--precision", type=options.FiniteRange(min=1e-6), metavar="X",
    help="Go on until the standard error of the headline effect is at most X agreements.",
)  # fmt: skip
@click.option("--seed", type=options.SEED, default=1, show_default=True, help="Random numbers.")
@click.option("--out", type=options.FOLDER, help="Results folder  [default: results/<scenario>-<key>]")
@options.workers_option
@click.option("--arms", metavar="A,B", help="Only these arms; the control arm is always run.")
@options.timeout_option
@options.own_model_option
@options.own_outcomes_option
@options.bytes_option
@options.figures_option
@click.option(
    "--draws", "source", type=click.Choice(["posterior", "prior", "fitted"]),
    help="Each replication draws its parameters, the same in every arm: all of them jointly, or weights and intercepts "
    "from the shipped fit.",
)  # fmt: skip
@click.option("--draw-parameters", "fitted", is_flag=True, hidden=True)
@click.option(
    "--mechanisms/--no-mechanisms", default=True,
    help="Simulate the extra arms behind some mechanisms too, in every fourth replication.",
)  # fmt: skip
@options.verbose_option
@options.set_option
@options.theory_option
@options.json_option
def run(
    scenario: str, runs: int | None, precision: float | None, seed: int, out: Path | None, workers: int,
    arms: str | None, run_timeout: float | None, model: str | None, own: str | None, max_bytes: int, figures: bool,
    mechanisms: bool, source: str | None, fitted: bool, verbose: bool, settings: tuple[str, ...], theory: str | None,
) -> None:  # fmt: skip
    """Simulate every arm of SCENARIO and report its effects relative to the control arm.

    SCENARIO is a path, or a name as `balance-sim list` gives it. The same command resumes where it stopped."""
    if runs is not None and precision is not None:
        raise click.UsageError("--runs and --precision both say when to stop: give one of the two")
    if source is not None and fitted:
        raise click.UsageError("--draw-parameters is the old name of --draws fitted: give one of the two")
    wanted = None if arms is None else [name.strip() for name in arms.split(",")]
    if wanted is not None and not all(wanted):
        raise click.UsageError("--arms: a name is missing; write arms with commas between them, as A,B")
    plan = {"reading": 1.0, "simulation": 6.0, "placebos and mechanisms": 1.5}
    with resumable(options.command_line()), Steps(plan | ({"figures and report": 4.5} if figures else {})) as steps:
        import json

        from balance_sim.experiment.run import RUNS, default_folder, import_model, own_outcomes
        from balance_sim.experiment.run import run as simulate
        from balance_sim.replications.arms import chosen_arms
        from balance_sim.replications.draws import drawing
        from balance_sim.replications.jobs import Job
        from balance_sim.results.shards import is_drawn
        from balance_sim.results.store import Store, read_summary, refuse_lost
        from balance_sim.scenario import load_scenario, scenario_files

        loaded, draws = drawing(load_scenario(scenario, set=settings, theory=theory), source or fitted)
        chosen, mine = chosen_arms(loaded, wanted), own_outcomes(own, elsewhere=True)
        folder = out or default_folder(loaded, chosen, seed, model, draws=draws, own=mine)
        if (runs or RUNS) > MANY_RUNS:
            if model is not None:
                import_model(model)
            job = Job(loaded, seed, chosen, model, run_timeout, mechanisms, draws, own=mine)
            _tell_plan(job, runs or RUNS, folder, workers, max_bytes)
        steps.begin("simulation", SECONDS * (runs or RUNS) * len(chosen) * len(loaded.states) ** 2 / workers)
        result = simulate(
            loaded, runs or RUNS, seed, precision=precision, arms=wanted, out=folder,
            workers=workers, command=options.command_line(), progress=steps.of("replications"), model=model,
            run_timeout=run_timeout,
            files={name: text.decode("utf-8", "replace") for name, text in scenario_files(scenario).items()},
            mechanisms=mechanisms, draw_parameters=draws, placebos_ahead=True, outcomes=own,
        )  # fmt: skip
        steps.begin("placebos and mechanisms")
        summary = result.summary()
        with Store(folder).lock() as store:
            refuse_lost(store, [0], result.runs)
            there, fresh = ((one or {}) | {"timing": None} for one in (read_summary(folder), summary))
            is_new = there != json.loads(json.dumps(fresh))
            if is_new:
                store.write_text("summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
            if figures and result.finished and (is_new or not is_drawn(folder)):
                from balance_sim.show.report import save_study

                steps.begin("figures and report")
                save_study(result, folder, steps.of("figures"))
            refuse_lost(store, [0], result.runs)

    def lines() -> Iterator[str]:
        from balance_sim.show.headline import headline_lines

        yield from headline_lines(result, page_width(), verbose=verbose)

    options.answer(summary, lines)
    options.leave_if_failed(result, folder)


def _tell_plan(job: Job, runs: int, folder: Path, workers: int, max_bytes: int) -> None:
    """On stderr, before it begins: what is to be done and what that takes. Raises WrongRequest for too much disk."""
    from balance_sim.experiment.sweep import plan_of_run, refuse_absurd
    from balance_sim.results.store import Store

    done = [one.block for one in Store(folder).kept()] if (folder / "manifest.json").is_file() else []
    plan = plan_of_run(job, runs, done, workers)
    click.echo("\n".join(plan.lines()), err=True)
    refuse_absurd(plan, max_bytes)

"""`balance-sim run SCENARIO`: replications of every arm; the finding on stdout,
everything in a results folder.

`balance-sim status RESULTS`: how far a study is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, resumable
from balance_sim.show.wording import page_width

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.study.jobs import Job

MANY_RUNS = 20_000
"""Replications beyond which what they take is estimated before they begin."""
STEPS = ("reading", "simulation", "placebos and mechanisms", "figures and report")


@click.command()
@click.argument("scenario")
@click.option("--runs", type=options.RUNS, help="Replications  [default: 100]")
@click.option(
    "--precision",
    type=options.FiniteRange(min=1e-6),
    metavar="X",
    help="Go on until the standard error of the headline effect is at most X "
    "agreements.",
)
@click.option(
    "--seed", type=options.SEED, default=1, show_default=True, help="Random numbers."
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/<scenario>-<key>]",
)
@options.workers_option
@click.option(
    "--arms", metavar="A,B", help="Only these arms; the control arm is always run."
)
@options.timeout_option
@options.own_model_option
@options.own_outcomes_option
@options.bytes_option
@options.figures_option
@click.option(
    "--draws",
    "source",
    type=click.Choice(["posterior", "prior", "fitted"]),
    help="Each replication draws its parameters, the same in every arm: all of them "
    "jointly, or weights and intercepts from the shipped fit.",
)
@options.set_option
@options.theory_option
@options.json_option
@options.terms_option
def run(
    scenario: str,
    runs: int | None,
    precision: float | None,
    seed: int,
    out: Path | None,
    workers: int,
    arms: str | None,
    run_timeout: float | None,
    model: str | None,
    own: str | None,
    max_bytes: int,
    figures: bool,
    source: str | None,
    settings: tuple[str, ...],
    theory: str | None,
) -> None:
    """Simulate every arm of SCENARIO and report its effects relative to the control
    arm.

    SCENARIO is a path, or a name as `balance-sim list` gives it. The same command
    resumes where it stopped."""
    if runs is not None and precision is not None:
        raise click.UsageError(
            "--runs and --precision both say when to stop: give one of the two"
        )
    wanted_arms = _names(arms)
    steps_names = STEPS if figures else STEPS[:-1]
    with resumable(options.command_line()), Steps(steps_names) as steps:
        from balance_sim.effects.run import run as simulate
        from balance_sim.scenario import load_scenario, scenario_files
        from balance_sim.study.arms import chosen_arms, wants_extra_arms
        from balance_sim.study.draws import drawing
        from balance_sim.study.jobs import Job
        from balance_sim.study.run import (
            RUNS,
            default_folder,
            import_model,
            own_outcomes,
        )

        loaded = load_scenario(scenario, set=settings, theory=theory)
        loaded, draws = drawing(loaded, source or False)
        chosen = chosen_arms(loaded, wanted_arms)
        outcomes = own_outcomes(own, elsewhere=True)
        folder = out or default_folder(
            loaded, chosen, seed, model, draws=draws, own=outcomes
        )
        count = runs or RUNS
        if count > MANY_RUNS:
            if model is not None:
                import_model(model)
            job = Job(
                loaded,
                seed,
                chosen,
                model,
                run_timeout,
                wants_extra_arms(loaded),
                draws,
                own=outcomes,
            )
            _print_plan(job, count, folder, workers, max_bytes)
        steps.begin("simulation")
        texts = {
            name: content.decode("utf-8", "replace")
            for name, content in scenario_files(scenario).items()
        }
        result = simulate(
            loaded,
            count,
            seed,
            precision=precision,
            arms=wanted_arms,
            out=folder,
            workers=workers,
            command=options.command_line(),
            progress=steps.counter("replications"),
            model=model,
            run_timeout=run_timeout,
            files=texts,
            draw_parameters=draws,
            placebos_ahead=True,
            outcomes=own,
        )
        steps.begin("placebos and mechanisms")
        summary = result.summary()
        _write(result, summary, folder, steps, figures=figures)
    from balance_sim.show.headline import headline_lines

    options.answer(summary, lambda: headline_lines(result, page_width()))
    options.leave_if_failed(result, folder)


def _names(arms: str | None) -> list[str] | None:
    """Return the names between commas; None where no arms are named.

    Raises
    ------
    click.UsageError : where a name is missing
    """
    if arms is None:
        return None
    names = [name.strip() for name in arms.split(",")]
    if not all(names):
        raise click.UsageError(
            "--arms: a name is missing; write arms with commas between them, as A,B"
        )
    return names


def _write(
    result: AnalysedResult,
    summary: dict[str, Any],
    folder: Path,
    steps: Steps,
    *,
    figures: bool,
) -> None:
    """Write summary, figures and report into the folder, where they are not there
    already.

    The folder is locked meanwhile, and looked at before and after: a shard that was
    taken away in between ends with what is lost.

    Raises
    ------
    FolderBusy : where another process writes there
    StoreDamaged : for a shard that is lost
    """
    from balance_sim.study.export import frame_csv
    from balance_sim.study.shards import REPORT
    from balance_sim.study.store import Store, read_summary

    report = folder / REPORT
    with Store(folder).lock() as store:
        if read_summary(folder) != json.loads(json.dumps(summary)):
            text = json.dumps(summary, indent=1, allow_nan=False)
            report.unlink(missing_ok=True)  # it is of another summary
            store.write_text("summary.json", f"{text}\n")
            store.write_text("codebook.csv", frame_csv(result.codebook))
        if figures and result.finished and not report.is_file():
            from balance_sim.show.report import save_study

            steps.begin("figures and report")
            save_study(result, folder, steps.counter("figures"))


def _print_plan(
    job: Job, runs: int, folder: Path, workers: int, max_bytes: int
) -> None:
    """Print to stderr, before it begins, what is to be done and what that takes.

    Raises
    ------
    WrongRequest : for too much disk
    """
    from balance_sim.study.plan import plan_of_run, refuse_absurd
    from balance_sim.study.store import Store

    finished = []
    if (folder / "manifest.json").is_file():
        finished = [stored.block for stored in Store(folder).blocks_done()]
    plan = plan_of_run(job, runs, finished, workers)
    click.echo("\n".join(plan.lines()), err=True)
    refuse_absurd(plan, max_bytes)


@click.command()
@click.argument("results", type=options.PATH)
@options.json_option
def status(results: Path) -> None:
    """Say how far the study in RESULTS is: points, runs, rate, time left, failures.
    Disturbs nothing."""
    from balance_sim.study.status import status_lines, status_of

    state = status_of(results)
    options.answer(state, lambda: status_lines(state))

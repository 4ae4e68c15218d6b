"""`balance-sim sweep EXPERIMENT`: a parameter space x arms x replications, into a
folder that can be gone on with.

Blocks of replications run in processes of this machine, or on the Dask cluster whose
scheduler is named; the bytes of the results are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, Stopwatch, resumable
from balance_sim.show.wording import page_width, said

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.plan import SweepPlan
    from balance_sim.study.sweep_result import SweepResult


@click.command()
@click.argument("experiment")
@click.option(
    "--runs", type=options.RUNS, help="Replications a point  [default: the file's]"
)
@click.option("--seed", type=options.SEED, help="Random numbers  [default: the file's]")
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Change a value of the scenario at every point, over the file's own `set`. "
    "Repeatable.",
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/<experiment>; with --seed or --set a key "
    "too]",
)
@options.workers_option
@click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Run on the Dask cluster of this scheduler.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan; run nothing.")
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=10 << 30,
    show_default="10 GiB",
    help="Refuse a study that would fill more disk.",
)
@options.timeout_option
@options.own_model_option
@options.own_outcomes_option
@options.figures_option
@click.option(
    "--retry-failed", is_flag=True, help="Run blocks with failed replications again."
)
@options.json_option
@options.terms_option
def sweep(
    experiment: str,
    runs: int | None,
    seed: int | None,
    values: tuple[str, ...],
    out: Path | None,
    workers: int,
    scheduler: str | None,
    dry_run: bool,
    max_bytes: int,
    run_timeout: float | None,
    model: str | None,
    own: str | None,
    figures: bool,
    retry_failed: bool,
) -> None:
    """Run every point of EXPERIMENT in every arm. The same command goes on where it
    stopped.

    EXPERIMENT is a path, or a name as `balance-sim list` gives it. Exit code 3 if some
    replications failed."""

    def begin(plan: SweepPlan) -> None:
        click.echo("\n".join(plan.lines()), err=True)
        steps.begin("simulation")

    def show(done: int, wanted: int, failed: int) -> None:
        watch.counting(steps.counter("replications"))(done, wanted, failed)
        if done == wanted:
            steps.begin("tables")

    watch = Stopwatch()
    names = ("reading", "simulation", "tables")
    with resumable(), Steps(names) as steps:
        from balance_sim.scenario.experiment import experiment_files, load_experiment
        from balance_sim.study.sweep import default_folder, simulated_sweep

        loaded = load_experiment(experiment, set=values, runs=runs, seed=seed)
        is_as_written = seed is None and not values
        folder = out or default_folder(loaded, is_as_written=is_as_written)
        with dask_client(None if dry_run else scheduler) as client:
            result = simulated_sweep(
                loaded,
                out=folder,
                workers=workers,
                client=client,
                model=model,
                run_timeout=run_timeout,
                outcomes=own,
                max_bytes=max_bytes,
                dry_run=dry_run,
                retry_failed=retry_failed,
                command=options.command_line(),
                files=experiment_files(experiment),
                progress=show,
                told=begin,
            )
        if result is not None and figures:
            from balance_sim.show.report import save_study

            save_study(result, folder)
    if result is None:
        return

    def document() -> dict[str, Any]:
        timing = watch.timing(len(result.arms), workers)
        return result.summary() | {"timing": timing}

    options.answer(document, lambda: sweep_lines(result, folder))
    options.leave_if_failed(result.failed, result.wanted, folder)


def dask_client(scheduler: str | None) -> AbstractContextManager[Client | None]:
    """Open the client of a Dask scheduler; without one None, for this machine."""
    if scheduler is None:
        return nullcontext()
    from balance_sim.study.cluster import connect

    return closing(connect(scheduler))


def sweep_lines(result: SweepResult, folder: Path) -> Iterator[str]:
    """Yield the finding, the digest, and where everything is.

    Parameters
    ----------
    folder : of the results
    """
    from balance_sim.show.figures.sweeps import sweep_finding
    from balance_sim.study.shards import REPORT

    yield from said(sweep_finding(result), page_width())
    yield f"digest {result.digest}"
    page = "; report.html is a page" if (folder / REPORT).is_file() else ""
    yield f"effects.csv has every point{page}"
    yield f"wrote {folder}"

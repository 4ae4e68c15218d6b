"""`balance-sim sweep EXPERIMENT`: a parameter space x arms x runs, into a folder that can be gone on with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.interrupts import resumable
from balance_sim.cli.options import FiniteRange, json_option
from balance_sim.cli.program import ExitCode
from balance_sim.cli.run import cores

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.experiment.sweep import Plan, Standing
    from balance_sim.results.sweep_result import SweepResult


@click.command()
@click.argument("experiment")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="Results folder  [default: results/<experiment>]",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 512), default=None, help="Processes  [default: cores]")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="Run on the Dask cluster of this scheduler.")
@click.option(
    "--cluster", metavar="KIND", help="Run on a queue through dask-jobqueue: slurm, pbs, sge, lsf ..."
)
@click.option(
    "--jobs", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Jobs to ask it for."
)
@click.option(
    "--cluster-option", "options", multiple=True, metavar="KEY=VALUE",
    help="For the queue's jobs, e.g. queue=short, cores=8, memory=16GB, walltime=02:00:00. Repeatable.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the plan, and the cluster's job script; run nothing.")
@click.option(
    "--max-runs", type=click.IntRange(min=1), default=1_000_000, show_default=True,
    help="Refuse a design of more runs.",
)  # fmt: skip
@click.option(
    "--max-bytes", type=click.IntRange(min=1), default=10 << 30, show_default="10 GiB",
    help="Refuse a plan that would fill more disk.",
)  # fmt: skip
@click.option(
    "--run-timeout", type=FiniteRange(min=0.001), metavar="SECONDS", help="Give up a run after so long."
)
@click.option(
    "--model", metavar="MODULE:CLASS", help="A StateAgent subclass that decides another way. Runs its code."
)
@click.option("--block", type=click.IntRange(1, 100_000), help="Runs a block  [default: two seconds of work]")
@click.option("--retry-failed", is_flag=True, help="Run blocks with failed runs again.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    experiment: str,
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    cluster: str | None,
    jobs: int,
    options: tuple[str, ...],
    dry_run: bool,
    max_runs: int,
    max_bytes: int,
    run_timeout: float | None,
    model: str | None,
    block: int | None,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Run every point of EXPERIMENT in every arm. The same command goes on where it stopped.

    EXPERIMENT is a path, or the name of a file in ./experiments. Exit code 3 if some runs failed."""
    from balance_sim.scenario.experiment import load_experiment

    if scheduler and cluster:
        raise click.UsageError("give --scheduler or --cluster, not both")
    loaded = load_experiment(experiment, max_runs=max_runs)
    queue = _queue(cluster, options)
    if dry_run and queue is not None:
        click.echo(queue.job_script())
    from balance_sim.experiment.sweep import Where, default_folder, sweep

    folder = out or default_folder(loaded)
    command_line = shlex.join(["balance-sim", *sys.argv[1:]])
    with (
        resumable(command_line),
        _client(None if dry_run else scheduler, queue, jobs, dry_run) as client,
        _bar() as bar,
    ):
        result = sweep(
            loaded,
            out=folder,
            where=Where(workers or cores(), client, model, run_timeout, block),
            max_bytes=max_bytes,
            dry_run=dry_run,
            retry_failed=retry_failed,
            command=command_line,
            files=_files(experiment),
            told=_tell_plan,
            progress=bar,
        )
    if result is None:
        return
    _print(result, folder, as_json=as_json)
    if result.failed:
        click.echo(_failures(result, folder), err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def _files(experiment: str) -> dict[str, str]:
    """The experiment file itself, for the manifest."""
    from balance_sim.scenario.experiment import experiment_files

    return experiment_files(experiment)


def _tell_plan(plan: Plan) -> None:
    for line in plan.lines():
        click.echo(line, err=True)


def _queue(cluster: str | None, options: tuple[str, ...]) -> Any:
    if cluster is None:
        return None
    from balance_sim.experiment.cluster import job_queue

    pairs = [text.partition("=") for text in options]
    if any(not equals or not key for key, equals, _ in pairs):
        raise click.UsageError("--cluster-option takes KEY=VALUE")
    return job_queue(cluster, {key: int(value) if value.isdigit() else value for key, _, value in pairs})


@contextmanager
def _client(scheduler: str | None, queue: Any, jobs: int, dry_run: bool) -> Iterator[Client | None]:
    """The Dask client asked for, or None for this machine."""
    if scheduler is None and (queue is None or dry_run):
        yield None
        if queue is not None:
            queue.close()
        return
    from balance_sim.experiment.cluster import connect

    if queue is not None:
        queue.scale(jobs=jobs)
    client = connect(scheduler or queue.scheduler_address)
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call]
        if queue is not None:
            queue.close()


@contextmanager
def _bar() -> Iterator[Any]:
    """On a terminal: points and runs done, rate, time left, failures. Else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.percentage:3.0f}%  {task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(standing: Standing) -> None:
            from balance_sim.experiment.status import spoken_standing

            progress.update(
                task, total=standing.runs, completed=standing.runs_done, description=spoken_standing(standing)
            )

        yield tell


def _print(result: SweepResult, folder: Path, *, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(result.summary(), allow_nan=False))
        return
    from balance_sim.experiment.status import effects_lines

    for line in effects_lines(result):
        click.echo(line)
    click.echo(f"digest {result.digest}")
    click.echo(f"wrote {folder}")


def _failures(result: SweepResult, folder: Path) -> str:
    total = len(result.table.numbers()) * result.runs
    first = result.failed[0]
    why = first["traceback"].strip().splitlines()[-1]
    where = f"run {first['run']} of point {first['point']}"
    return (
        f"{len(result.failed)} of {total} runs failed, the first: {where}: {why}\n"
        f"see {folder / 'failed.json'}; --retry-failed runs them again"
    )

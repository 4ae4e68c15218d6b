"""`balance-sim run SCENARIO`: replications of every arm; the finding on stdout,
everything in a results folder.

`balance-sim sweep EXPERIMENT`: a parameter space x arms x replications, into a folder that can be gone on with;
`balance-sim status RESULTS`: how far a study is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode
from balance_sim.cli.progress import Steps, resumable
from balance_sim.show.wording import (
    arm_words,
    decimals,
    factor_words,
    interval,
    outcome_words,
    page_width,
    signed,
    table,
)

if TYPE_CHECKING:
    from distributed import Client

    from balance_sim.study.jobs import Job
    from balance_sim.study.sweep import Standing, SweepPlan
    from balance_sim.study.sweep_result import SweepResult

MANY_RUNS = 20_000
"""Replications beyond which what they take is estimated before they begin."""
SECONDS = 1e-5
"""About what a dyad takes in a replication of an arm, for the time left that is shown
at first."""


@click.command()
@click.argument("scenario")
@click.option(
    "--runs", type=click.IntRange(1, 10_000_000), help="Replications  [default: 100]"
)
@click.option(
    "--precision",
    type=options.FiniteRange(min=1e-6),
    metavar="X",
    help="Go on until the standard error of the headline effect is at most X agreements.",
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
    help="Each replication draws its parameters, the same in every arm: all of them jointly, or weights and intercepts "
    "from the shipped fit.",
)
@click.option("--draw-parameters", "fitted", is_flag=True, hidden=True)
@click.option(
    "--mechanisms/--no-mechanisms",
    default=True,
    help="Simulate the extra arms behind some mechanisms too, in every fourth replication.",
)
@options.verbose_option
@options.set_option
@options.theory_option
@options.json_option
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
    mechanisms: bool,
    source: str | None,
    fitted: bool,
    verbose: bool,
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
    if source is not None and fitted:
        raise click.UsageError(
            "--draw-parameters is the old name of --draws fitted: give one of the two"
        )
    wanted = None if arms is None else [name.strip() for name in arms.split(",")]
    if wanted is not None and not all(wanted):
        raise click.UsageError(
            "--arms: a name is missing; write arms with commas between them, as A,B"
        )
    plan = {"reading": 1.0, "simulation": 6.0, "placebos and mechanisms": 1.5}
    with (
        resumable(options.command_line()),
        Steps(plan | ({"figures and report": 4.5} if figures else {})) as steps,
    ):
        import json

        from balance_sim.effects.run import run as simulate
        from balance_sim.scenario import load_scenario, scenario_files
        from balance_sim.study.draws import chosen_arms, drawing
        from balance_sim.study.jobs import Job
        from balance_sim.study.run import (
            RUNS,
            default_folder,
            import_model,
            own_outcomes,
        )
        from balance_sim.study.shards import is_drawn
        from balance_sim.study.store import Store, read_summary, refuse_lost

        loaded, draws = drawing(
            load_scenario(scenario, set=settings, theory=theory), source or fitted
        )
        chosen, mine = chosen_arms(loaded, wanted), own_outcomes(own, elsewhere=True)
        folder = out or default_folder(
            loaded, chosen, seed, model, draws=draws, own=mine
        )
        if (runs or RUNS) > MANY_RUNS:
            if model is not None:
                import_model(model)
            job = Job(
                loaded, seed, chosen, model, run_timeout, mechanisms, draws, own=mine
            )
            _tell_plan(job, runs or RUNS, folder, workers, max_bytes)
        steps.begin(
            "simulation",
            SECONDS * (runs or RUNS) * len(chosen) * len(loaded.states) ** 2 / workers,
        )
        result = simulate(
            loaded,
            runs or RUNS,
            seed,
            precision=precision,
            arms=wanted,
            out=folder,
            workers=workers,
            command=options.command_line(),
            progress=steps.of("replications"),
            model=model,
            run_timeout=run_timeout,
            files={
                name: text.decode("utf-8", "replace")
                for name, text in scenario_files(scenario).items()
            },
            mechanisms=mechanisms,
            draw_parameters=draws,
            placebos_ahead=True,
            outcomes=own,
        )
        steps.begin("placebos and mechanisms")
        summary = result.summary()
        with Store(folder).lock() as store:
            refuse_lost(store, [0], result.runs)
            there, fresh = (
                (one or {}) | {"timing": None}
                for one in (read_summary(folder), summary)
            )
            is_new = there != json.loads(json.dumps(fresh))
            if is_new:
                store.write_text(
                    "summary.json",
                    json.dumps(summary, indent=1, allow_nan=False) + "\n",
                )
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
    """On stderr, before it begins: what is to be done and what that takes. Raises
    WrongRequest for too much disk."""
    from balance_sim.study.store import Store
    from balance_sim.study.sweep import plan_of_run, refuse_absurd

    done = (
        [one.block for one in Store(folder).kept()]
        if (folder / "manifest.json").is_file()
        else []
    )
    plan = plan_of_run(job, runs, done, workers)
    click.echo("\n".join(plan.lines()), err=True)
    refuse_absurd(plan, max_bytes)


MOST_POINTS = 20  # that are shown


@click.command()
@click.argument("experiment")
@click.option(
    "--runs",
    type=click.IntRange(1, 10_000_000),
    help="Replications a point  [default: the file's]",
)
@click.option("--seed", type=options.SEED, help="Random numbers  [default: the file's]")
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Change a value of the scenario at every point, over the file's own `set`. Repeatable.",
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/<experiment>; with --seed or --set a key too]",
)
@options.workers_option
@click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Run on the Dask cluster of this scheduler.",
)
@click.option(
    "--cluster",
    metavar="KIND",
    help="Run on a queue through dask-jobqueue: slurm, pbs, sge, lsf ...",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Jobs to ask it for.",
)
@click.option(
    "--cluster-option",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="For the queue's jobs, e.g. queue=short, cores=8, memory=16GB, walltime=02:00:00. Repeatable.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the plan, and the cluster's job script; run nothing.",
)
@click.option(
    "--max-runs",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Refuse a design of more replications.",
)
@options.bytes_option
@options.timeout_option
@options.own_model_option
@options.own_outcomes_option
@click.option(
    "--block",
    type=click.IntRange(1, 100_000),
    help="Replications a block  [default: two seconds of work]",
)
@click.option(
    "--retry-failed", is_flag=True, help="Run blocks with failed replications again."
)
@options.json_option
@click.pass_context
def sweep(
    ctx: click.Context,
    experiment: str,
    runs: int | None,
    seed: int | None,
    values: tuple[str, ...],
    out: Path | None,
    workers: int,
    scheduler: str | None,
    cluster: str | None,
    jobs: int,
    settings: tuple[str, ...],
    dry_run: bool,
    max_runs: int,
    max_bytes: int,
    run_timeout: float | None,
    model: str | None,
    own: str | None,
    block: int | None,
    retry_failed: bool,
) -> None:
    """Run every point of EXPERIMENT in every arm. The same command goes on where it
    stopped.

    EXPERIMENT is a path, or a name as `balance-sim list` gives it. Exit code 3 if some
    replications failed."""
    if scheduler and cluster:
        raise click.UsageError("give --scheduler or --cluster, not both")

    def begun(plan: SweepPlan) -> None:
        click.echo("\n".join(plan.lines()), err=True)
        steps.begin("simulation", plan.seconds if plan.seconds >= 0 else None)

    def tell(standing: Standing) -> None:
        steps.of("replications")(standing.runs_done, standing.runs, standing.failed)
        if standing.runs_done == standing.runs:
            steps.begin("tables")

    with (
        resumable(options.command_line()),
        Steps({"reading": 3.0, "simulation": 60.0, "tables": 2.0}) as steps,
    ):
        from balance_sim.scenario.design import Overrides
        from balance_sim.scenario.experiment import experiment_files, load_experiment
        from balance_sim.study.sweep import Where, default_folder
        from balance_sim.study.sweep import sweep as run_points

        over = Overrides(values, runs, seed)
        loaded = load_experiment(experiment, max_runs=max_runs, over=over)
        queue = None
        if cluster is not None:
            from balance_sim.study.cluster import job_queue

            pairs = [text.partition("=") for text in settings]
            if any(not equals or not key for key, equals, _ in pairs):
                raise click.UsageError("--cluster-option takes KEY=VALUE")
            queue = job_queue(
                cluster,
                {
                    key: int(value) if value.isdigit() else value
                    for key, _, value in pairs
                },
            )
        if dry_run and queue is not None:
            click.echo(queue.job_script())
        folder = out or default_folder(loaded, over)
        with dask_client(
            None if dry_run else scheduler, queue, jobs, dry_run=dry_run
        ) as client:
            result = run_points(
                loaded,
                out=folder,
                where=Where(workers, client, model, run_timeout, block, own),
                max_bytes=max_bytes,
                dry_run=dry_run,
                retry_failed=retry_failed,
                command=options.command_line(),
                files=experiment_files(experiment),
                progress=tell,
                told=begun,
            )
    if result is None:
        return
    options.answer(
        result.summary,
        lambda: [*effects_lines(result), f"digest {result.digest}", f"wrote {folder}"],
    )
    if result.failed:
        first, total = result.failed[0], len(result.table.numbers()) * result.runs
        why = first["traceback"].strip().splitlines()[-1]
        where = f"run {first['run']} of point {first['point']}"
        click.echo(
            f"{len(result.failed)} of {total} runs failed, the first: {where}: {why}",
            err=True,
        )
        click.echo(
            f"see {folder / 'failed.json'}; --retry-failed runs them again", err=True
        )
        ctx.exit(ExitCode.FAILED_RUNS)


@contextmanager
def dask_client(
    scheduler: str | None, queue: Any = None, jobs: int = 1, *, dry_run: bool = False
) -> Iterator[Client | None]:
    """The Dask client asked for, or None for this machine."""
    if scheduler is None and (queue is None or dry_run):
        yield None
        if queue is not None:
            queue.close()
        return
    from balance_sim.study.cluster import connect

    if queue is not None:
        queue.scale(jobs=jobs)
    client = connect(scheduler or queue.scheduler_address)
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call]
        if queue is not None:
            queue.close()


def effects_lines(result: SweepResult) -> Iterator[str]:
    """The paired effect of the headline arm on the outcome that its figure draws, point
    by point."""
    arm, outcome = result.headline_arm, result.headline_outcome
    frame = result.effects
    if arm is None or not len(frame):
        yield "no arm beside the control arm: see levels.csv"
        return
    rows = frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict(
        "records"
    )
    yield f"Effect of {arm_words(arm)} on {outcome_words(outcome)}, with 95 % CI"
    places = decimals(
        max(row["mcse"] for row in rows),
        *(row[end] for row in rows for end in ("lo", "hi")),
    )
    cells = []
    for row in rows[:MOST_POINTS]:
        values = ", ".join(
            f"{factor_words(path)} {_short(row[path])}" for path in result.paths[:4]
        )
        label = result.table.points[row["point"]].label or values
        cells.append(
            (signed(row["mean"], places), interval(row["lo"], row["hi"], places), label)
        )
    yield from table(cells, ">><", indent="  ")
    if len(rows) > MOST_POINTS:
        yield f"  ... and {len(rows) - MOST_POINTS} more points: effects.csv"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "+".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


@click.command()
@click.argument("results", type=options.PATH)
@options.json_option
def status(results: Path) -> None:
    """Say how far the study in RESULTS is: points, runs, rate, time left, failures.
    Disturbs nothing."""
    from balance_sim.study.status import status_lines, status_of

    found = status_of(results)
    options.answer(found, lambda: status_lines(found))

"""`balance-sim run SCENARIO`: replications of every arm; the finding on stdout, everything in a results folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.interrupts import resumable
from balance_sim.cli.options import FiniteRange, json_option, set_option, theory_option
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.replications.jobs import Job, Progress


MANY_RUNS = 20_000
"""Replications beyond which what they take is estimated before they begin."""


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


@click.command()
@click.argument("scenario")
@click.option("--runs", type=click.IntRange(1, 10_000_000), help="Replications  [default: 100]")
@click.option(
    "--precision",
    type=FiniteRange(min=1e-6),
    metavar="X",
    help="Go on until the standard error of the headline effect is at most X agreements.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**64 - 1), default=1, show_default=True, help="Random numbers."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Results folder  [default: results/<scenario>-<key>]",
)
@click.option("--workers", type=click.IntRange(1, 512), default=None, help="Processes  [default: cores]")
@click.option("--arms", metavar="A,B", help="Only these arms; the control arm is always run.")
@click.option(
    "--run-timeout",
    type=FiniteRange(min=0.001),
    metavar="SECONDS",
    help="Give up a replication after so long.",
)
@click.option(
    "--model", metavar="MODULE:CLASS", help="Use your own StateAgent subclass (executes that module)."
)
@click.option(
    "--max-bytes", type=click.IntRange(min=1), default=10 << 30, show_default="10 GiB",
    help="Refuse a study that would fill more disk.",
)  # fmt: skip
@click.option("--figures/--no-figures", default=True, help="Figures and report in the results folder.")
@click.option(
    "--draw-parameters",
    is_flag=True,
    help="Each replication draws its weights and intercepts from the shipped fit, the same in every arm.",
)
@click.option(
    "--mechanisms/--no-mechanisms",
    default=True,
    help="Simulate the extra arms behind some mechanisms too, in every fourth replication.",
)
@click.option(
    "--verbose", is_flag=True, help="Also print every direction, all dyads, the mechanisms and the digest."
)
@set_option
@theory_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    scenario: str,
    runs: int | None,
    precision: float | None,
    seed: int,
    out: Path | None,
    workers: int | None,
    arms: str | None,
    run_timeout: float | None,
    model: str | None,
    max_bytes: int,
    figures: bool,
    mechanisms: bool,
    draw_parameters: bool,
    verbose: bool,
    settings: tuple[str, ...],
    theory: str | None,
    as_json: bool,
) -> None:
    """Simulate every arm of SCENARIO and report its effects relative to the control arm.

    SCENARIO is a path, or the name of a scenario in ./scenarios. The same command resumes where it stopped."""
    from balance_sim.experiment.run import RUNS, default_folder, import_model, run
    from balance_sim.replications.arms import chosen_arms
    from balance_sim.replications.jobs import Job
    from balance_sim.results.store import Store, refuse_lost
    from balance_sim.scenario import load_scenario, scenario_files

    if runs is not None and precision is not None:
        raise click.UsageError("--runs and --precision both say when to stop: give one of the two")
    loaded = load_scenario(scenario, set=settings, theory=theory)
    wanted = named_arms(arms)
    folder = out or default_folder(loaded, chosen_arms(loaded, wanted), seed, model, draws=draw_parameters)
    command_line = shlex.join(["balance-sim", *sys.argv[1:]])
    if (runs or RUNS) > MANY_RUNS:
        if model is not None:
            import_model(model)
        job = Job(loaded, seed, chosen_arms(loaded, wanted), model, run_timeout, mechanisms, draw_parameters)
        tell_plan(job, runs or RUNS, folder, workers or cores(), max_bytes)
    with resumable(command_line), progress_bar("runs") as progress:
        result = run(
            loaded,
            runs or RUNS,
            seed,
            precision=precision,
            arms=wanted,
            workers=workers or cores(),
            out=folder,
            command=command_line,
            files={name: text.decode("utf-8", "replace") for name, text in scenario_files(scenario).items()},
            progress=progress,
            model=model,
            run_timeout=run_timeout,
            mechanisms=mechanisms,
            draw_parameters=draw_parameters,
            placebos_ahead=True,
        )
        summary = result.summary()
        with Store(folder).lock() as store:
            import json

            refuse_lost(store, [0], result.runs)
            store.write_text("summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
            if figures and result.finished:
                draw(result, folder)
            refuse_lost(store, [0], result.runs)
    if as_json:
        import json

        click.echo(json.dumps(summary, allow_nan=False))
    else:
        show(result, verbose=verbose)
    if result.failed:
        click.echo(
            f"{len(result.failed)} of {result.runs} replications failed: see {folder / 'failed.json'}",
            err=True,
        )
        ctx.exit(ExitCode.FAILED_RUNS)


def tell_plan(job: Job, runs: int, folder: Path, workers: int, max_bytes: int) -> None:
    """On stderr, before it begins: what is to be done and what that takes. Raises WrongRequest for too much disk."""
    from balance_sim.experiment.sweep import plan_of_run, refuse_absurd
    from balance_sim.results.store import Store

    done = [one.block for one in Store(folder).kept()] if (folder / "manifest.json").is_file() else []
    plan = plan_of_run(job, runs, done, workers)
    for line in plan.lines():
        click.echo(line, err=True)
    refuse_absurd(plan, max_bytes)


def named_arms(text: str | None) -> list[str] | None:
    """The arms of `--arms A,B`; None where it was not given."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise click.UsageError("--arms: a name is missing; write arms with commas between them, as A,B")
    return names


def draw(result: AnalysedResult, folder: Path) -> None:
    """The figures, as PNG and SVG, and the report into the folder."""
    from balance_sim.show.report import save_study

    save_study(result, folder)


def show(result: AnalysedResult, *, verbose: bool = False) -> None:
    """The finding, for a person; verbose: all that was measured."""
    from balance_sim.show.headline import headline
    from balance_sim.show.mechanisms import mechanism_table

    headline(result, verbose=verbose)
    if verbose and result.headline_arm is not None and result.finished:
        mechanism_table(result)


class progress_bar:  # noqa: N801 - used like a function
    """A bar on stderr, on a terminal, once a second has passed; else nothing. Yields what to call."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._bar: Bar | None = None
        self._task: TaskID

    def __enter__(self) -> Progress | None:
        if not sys.stderr.isatty():
            return None
        import time

        began = time.monotonic()

        def tell(done: int, wanted: int, failed: int) -> None:
            if self._bar is None and time.monotonic() - began > 1.0 and done < wanted:
                self._start(wanted)
            if self._bar is not None:
                what = f"{self.what}, {failed} failed" if failed else self.what
                self._bar.update(self._task, completed=done, description=what)

        return tell

    def _start(self, wanted: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self.what, total=wanted)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

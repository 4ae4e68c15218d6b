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


class DrawSource(click.Choice[str]):
    """What parameters are drawn from; how many is asked of `effect`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the source."""
        if str(value).isdigit():
            sources = ", ".join(self.choices)
            advice = f"`balance-sim effect SCENARIO --draws {value}`"
            message = f"{value} is no source of draws ({sources}); so many: {advice}"
            self.fail(message, param, ctx)
        return super().convert(value, param, ctx)


STEPS = ("reading", "simulation", "placebos and mechanisms", "figures and report")


@click.command()
@click.argument("scenario")
@click.option("--runs", type=options.RUNS, help="Replications  [default: 100]")
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
@options.figures_option
@click.option(
    "--draws",
    "source",
    type=DrawSource(["posterior", "prior", "fitted"]),
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
    seed: int,
    out: Path | None,
    workers: int,
    arms: str | None,
    run_timeout: float | None,
    model: str | None,
    own: str | None,
    figures: bool,
    source: str | None,
    settings: tuple[str, ...],
    theory: str | None,
) -> None:
    """Simulate every arm of SCENARIO and report its effects relative to the control
    arm.

    SCENARIO is a path, or a name as `balance-sim list` gives it. The same command
    resumes where it stopped."""
    steps_names = STEPS if figures else STEPS[:-1]
    with resumable(), Steps(steps_names) as steps:
        from balance_sim.effects.ahead import simulated
        from balance_sim.scenario import load_scenario, scenario_files
        from balance_sim.study.run import RUNS, RunOptions, prepare

        loaded = load_scenario(scenario, set=settings, theory=theory)
        texts = {
            name: content.decode("utf-8", "replace")
            for name, content in scenario_files(scenario).items()
        }
        run_options: RunOptions = {
            "arms": arms,
            "workers": workers,
            "command": options.command_line(),
            "progress": steps.counter("replications"),
            "model": model,
            "run_timeout": run_timeout,
            "files": texts,
            "draw_parameters": source or False,
            "outcomes": own,
        }
        study = prepare(loaded, runs or RUNS, seed, run_options)
        folder = out or study.default_folder
        steps.begin("simulation")
        result = simulated(study, folder)
        steps.begin("placebos and mechanisms")
        summary = result.summary()
        _write(result, summary, folder, steps, figures=figures)
    from balance_sim.show.headline import headline_lines

    options.answer(summary, lambda: headline_lines(result, page_width()))
    options.leave_if_failed(result.failed, result.runs, result.model, folder)


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


@click.command()
@click.argument("results", type=options.PATH)
@options.json_option
def status(results: Path) -> None:
    """Say how far the study in RESULTS is: points, runs, rate, time left, failures.
    Disturbs nothing."""
    from balance_sim.study.status import status_lines, status_of

    state = status_of(results)
    options.answer(state, lambda: status_lines(state))

"""`balance-sim run SCENARIO`: replications of every arm; the finding on stdout,
everything in a results folder.

`balance-sim status RESULTS`: how far a study is.
"""

from __future__ import annotations

import json
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, Stopwatch, resumable
from balance_sim.show.wording import page_width, paragraph_lines, place_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from balance_sim.effects.result import AnalysedResult
    from balance_sim.show.finished import FinishedRun
    from balance_sim.show.study_types import Content
    from balance_sim.study.jobs import Job
    from balance_sim.study.processes import Background

    type Pictures = Callable[[], list[Content]]


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
    watch = Stopwatch()
    with resumable(), Steps(steps_names) as steps:
        from balance_sim.model.own.modules import entered_modules
        from balance_sim.scenario import scenario_files
        from balance_sim.show.finished import answering_run, request_digest

        loaded = options.telling(scenario, settings, theory, steps.say)
        files = scenario_files(scenario)
        request = ""
        if not (model or own or entered_modules()):  # whose text is not looked at
            asked = {"runs": runs, "seed": seed, "arms": arms, "draws": source}
            request = request_digest(loaded, files, asked)
        finished = answering_run(loaded.name, out, request, figures=figures)
        if finished is not None:
            _answer_from(*finished, watch, workers)
            return
        from balance_sim.effects.ahead import simulated
        from balance_sim.show.save import keep_out_of_home
        from balance_sim.study.run import RUNS, RunOptions, prepare

        run_options: RunOptions = {
            "arms": arms,
            "workers": workers,
            "command": options.command_line(),
            "progress": watch.counting(steps.counter("replications")),
            "model": model,
            "run_timeout": run_timeout,
            "files": {
                name: content.decode("utf-8", "replace")
                for name, content in files.items()
            },
            "draw_parameters": source or False,
            "outcomes": own,
        }
        study = prepare(loaded, runs or RUNS, seed, run_options)
        folder = out or study.default_folder
        steps.begin("simulation")
        keep_out_of_home()
        drawing = partial(_first_pictures, study.job) if figures else None
        result, first = simulated(study, folder, drawing)
        with closing(result.ahead) if result.ahead else nullcontext():
            steps.begin("placebos and mechanisms")
            pictures = _begun_pictures(result, first)
            summary = result.summary()
            _write(result, summary, request, steps, pictures, figures=figures)
    from balance_sim.show.headline import headline_lines

    document = summary | {"timing": watch.timing(len(result.arms), workers)}
    options.answer(document, lambda: headline_lines(result, page_width()))
    options.leave_if_failed(result.failed, result.runs, folder)


def _first_pictures(job: Job) -> list[Content]:
    """Draw what needs no replication of a run."""
    from balance_sim.show.report import pictures_at_start

    return pictures_at_start(job.scenario, job.arms)


def _begun_pictures(
    result: AnalysedResult, first: Background[list[Content]] | None
) -> Pictures | None:
    """Begin to draw in another process, if there is one, and return what waits for
    it."""
    if first is None or not result.finished:
        return None
    from balance_sim.show.report import begun_pictures

    return begun_pictures(result, first)


def _answer_from(
    folder: Path, run: FinishedRun, watch: Stopwatch, workers: int
) -> None:
    """Print what the record of a folder has kept; nothing was simulated."""

    def document() -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
        return summary | {"timing": watch.timing(len(summary["arms"]), workers)}

    def lines() -> Iterator[str]:
        yield from paragraph_lines(run.paragraphs, page_width())
        yield place_words(folder, is_finished=True)

    options.answer(document, lines)


def _write(
    result: AnalysedResult,
    summary: dict[str, Any],
    request: str,
    steps: Steps,
    pictures: Pictures | None,
    *,
    figures: bool,
) -> None:
    """Write summary, figures and report into the folder, where they are not there
    already, and the record of a run that is finished.

    The folder is locked meanwhile, and looked at before and after: a shard that was
    taken away in between ends with what is lost.

    Parameters
    ----------
    request : of `finished.request_digest`; empty: no record is kept
    pictures : gives figures that another process draws

    Raises
    ------
    FolderBusy : where another process writes there
    StoreDamaged : for a shard that is lost
    """
    from balance_sim.scenario.files import bytes_if_any
    from balance_sim.show.finished import finished_run, keep_record
    from balance_sim.study.export import frame_csv
    from balance_sim.study.shards import REPORT
    from balance_sim.study.store import MOST_WAITING, Store

    folder = result.folder
    assert folder is not None
    report = folder / REPORT
    with Store(folder).lock(MOST_WAITING) as store:
        before = finished_run(folder)
        texts = {
            "summary.json": f"{json.dumps(summary, indent=1, allow_nan=False)}\n",
            "codebook.csv": frame_csv(result.codebook),
        }
        for name, text in texts.items():
            content = text.encode("utf-8", "backslashreplace")
            if bytes_if_any(folder / name) != content:
                report.unlink(missing_ok=True)  # it is of another summary
                store.write_text(name, text)
        is_drawn = before is not None and before.is_drawn(folder)
        if figures and result.finished and not is_drawn:
            from balance_sim.show.report import save_study

            steps.begin("figures and report")
            save_study(result, folder, steps.counter("figures"), pictures)
        if request and result.finished == result.runs:
            keep_record(result, request, has_figures=figures or is_drawn)


@click.command()
@click.argument("results", type=options.PATH)
@options.json_option
def status(results: Path) -> None:
    """Say how far the study in RESULTS is: points, runs, rate, time left, failures.
    Disturbs nothing."""
    from balance_sim.study.status import status_lines, status_of

    state = status_of(results)
    options.answer(state, lambda: status_lines(state))

"""`balance-sim evidence hindcast EXPERIMENT`: fit on the past, forecast the years after,
score against what happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.forecast.lines import (
    agreement_lines,
    detectable_lines,
    gain_lines,
)
from balance_sim.evidence.goodness.command import write_study
from balance_sim.show.wording import plural, printable, wrapped

if TYPE_CHECKING:
    from balance_sim.cli.check import CheckedFile
    from balance_sim.evidence.forecast.hindcast import Hindcast


@click.command()
@click.argument("experiment", type=options.PATH)
@click.option(
    "--data",
    type=options.PATH,
    required=True,
    help="Folder with the field's data files.",
)
@click.option(
    "--outcomes",
    type=options.PATH,
    help="Agreements of the years forecast, in DCAD's columns or the generic ones, if DATA lacks them.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100_000),
    help="Replications forward  [default: as in EXPERIMENT]",
)
@click.option("--seed", type=options.SHORT_SEED, help="[default: as in EXPERIMENT]")
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/<experiment>-<key>]",
)
@options.figures_option
@options.verbose_option
@options.json_option
def hindcast(
    experiment: Path,
    data: Path,
    outcomes: Path | None,
    runs: int | None,
    seed: int | None,
    out: Path | None,
    figures: bool,
    verbose: bool,
) -> None:
    """Fit the model up to a year, forecast the years after, and score it beside five
    baselines.

    Two forecasts: one year ahead with the history known, and run forward from the last
    year of the fit. Scores, figures and the report go into the results folder.
    EXPERIMENT: see experiments/hindcast_dcad.yaml and docs/evidence.md."""
    from balance_sim.evidence.estimation.parameter_files import data_used
    from balance_sim.evidence.forecast.hindcast import (
        STEPS,
        hindcast_of,
        read_hindcast_plan,
        read_history,
    )
    from balance_sim.evidence.forecast.score import FILE
    from balance_sim.study.machine import version

    plan = read_hindcast_plan(experiment)
    asked = {"runs": runs or plan.runs, "seed": plan.seed if seed is None else seed}
    plan = plan.model_copy(update=asked)
    each = (1.0, 3.0, 60.0, 2.0, 2.0 + 0.05 * plan.runs * (plan.until - plan.last), 1.0)
    seconds = zip(("reading", *STEPS), each, strict=True)
    told = {name: one * (plan.until - plan.first + 1) / 10 for name, one in seconds}
    with Steps(told | ({"figures": 5.0} if figures else {})) as steps:
        steps.begin("reading")
        history = read_history(plan, data, outcomes)
        about = json.loads(
            json.dumps({"plan": plan.model_dump(), "data": data_used(history)})
        )
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        folder = out or Path("results") / f"{experiment.stem}-{key[:8]}"
        with held(folder, about):
            found = hindcast_of(plan, history, steps.begin)
            record = found.as_dict()
            record["about"] |= {"version": version(), "command": options.command_line()}
            if figures:
                steps.begin("figures")
            keep(record, folder, figures=figures)
    wrote = f"wrote {folder}/{FILE}" + ", figures and report.html" * figures
    options.answer(record, lambda: [*_lines(found, verbose=verbose), wrote], indent=1)


@contextmanager
def held(folder: Path, about: dict[str, Any]) -> Iterator[None]:
    """The folder, made if need be, is ours to write for as long as this lasts.

    Raises FolderBusy, CannotWrite, and WrongRequest if it holds another study or a
    hindcast of another plan or data."""
    from balance_sim.study.store import Store

    _refuse_other(folder, about)
    with Store(folder).lock(places=()):
        _refuse_other(folder, about)
        yield


def _refuse_other(folder: Path, about: dict[str, Any]) -> None:
    """Raise WrongRequest if the folder holds another study, or a hindcast with other
    values of these keys."""
    from balance_sim.evidence.forecast.score import FILE, read_scored_forecasts
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study.folder import refuse_strange

    refuse_strange(folder, (FILE,))
    if (folder / "manifest.json").exists():
        raise WrongRequest(
            f"{folder} holds results of another kind: choose another --out"
        )
    if not (folder / FILE).exists():
        return
    there = read_scored_forecasts(folder / FILE).about
    other = [name for name, value in about.items() if there.get(name) != value]
    if other:
        raise WrongRequest(
            f"{folder} holds a hindcast with another {' and '.join(other)}: choose another --out"
        )


def keep(record: dict[str, Any], folder: Path, *, figures: bool) -> None:
    """The scores, and figures and report of them, into a folder that is held. Raises
    CannotWrite."""
    from balance_sim.evidence.forecast.score import FILE, read_scored_forecasts

    text = json.dumps(json.loads(json.dumps(record)), indent=1, allow_nan=False) + "\n"
    write_study(folder, FILE, text, read_scored_forecasts if figures else None)


def _lines(found: Hindcast, *, verbose: bool) -> Iterator[str]:
    """What was forecast from what; of both ways the model beside the best baseline,
    then every forecast."""
    plan = found.plan
    first, last = found.fit.years
    yield from wrapped(printable(plan.title), "") if plan.title else ()
    yield from wrapped(
        f"Fitted on {found.fit.agreements:,} agreements of {first}-{last}, forecast {plan.last + 1}-{plan.until}. "
        "Skills are over the base rate (0: no better, 1: perfect), CIs resample dyads.",
        "",
    )
    for way, scores in found.scores.items():
        one = scores["model"]
        head = "One year ahead, with the history known"
        if way == "simulated_forward":
            head = f"Simulated forward from {plan.last} in {plural(plan.runs, 'replication')}"
        yield from [
            "",
            *wrapped(
                f"{head}: {one.n:,} dyad-years, {one.events:,} with an agreement", ""
            ),
        ]
        yield from [
            *gain_lines(scores),
            *detectable_lines(one),
            *agreement_lines(scores),
        ]
        yield from _details(found, way) if verbose else ()
    yield ""
    if verbose:
        yield from (line for note in found.notes for line in wrapped(f"note: {note}"))
    else:
        notes = f" and {plural(len(found.notes), 'note')}" if found.notes else ""
        yield f"--verbose prints how the model follows the years{notes}."


def _details(found: Hindcast, way: str) -> Iterator[str]:
    """How the model follows states and dyads over the years."""
    plan = found.plan
    if way == "simulated_forward":
        if plan.drift and plan.persistence < 1:
            yield f"random intercepts of states persist by {plan.persistence:g} a year"
        return
    if plan.refit == "yearly":
        yield "model and baselines are fitted anew for each year ahead"
    if found.as_fitted is None:
        return
    if plan.drift:
        frailties = f", dyad frailties with variance {plan.pair_variance:g}" * (
            plan.pair_variance > 0
        )
        yield from wrapped(
            f"model: random intercepts and level follow the years, memory {found.memory:g}{frailties}"
        )
    skills = found.as_fitted.log_skill.value, found.as_fitted.brier_skill.value
    yield f"model left as fitted: log skill {skills[0]:.4f}, Brier skill {skills[1]:.4f}"


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read the plan of a hindcast, for `balance-sim check`. Raises ScenarioError."""
    from balance_sim.cli.check import checked_plan, refuse_changes
    from balance_sim.evidence.forecast.hindcast import read_hindcast_plan

    refuse_changes(settings, theory)
    plan = read_hindcast_plan(path)
    summary = f"fit to {plan.last}, forecast to {plan.until}"
    return checked_plan("balance-sim evidence hindcast", summary)

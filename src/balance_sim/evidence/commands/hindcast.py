"""`balance-sim evidence hindcast EXPERIMENT`: fit on the past, forecast the years
after, score against what happened."""

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
from balance_sim.evidence.commands.gof import write_study
from balance_sim.evidence.forecast.lines import (
    agreement_lines,
    detectable_lines,
    gain_lines,
)
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
    help="Agreements of the years forecast, in DCAD's columns or the generic ones, "
    "if DATA lacks them.",
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
        read_history,
    )
    from balance_sim.evidence.forecast.hindcast_plan import read_hindcast_plan
    from balance_sim.evidence.forecast.scored_files import FILE
    from balance_sim.study.machine import version

    plan = read_hindcast_plan(experiment)
    seed = plan.seed if seed is None else seed
    plan = plan.model_copy(update={"runs": runs or plan.runs, "seed": seed})
    forward = 2.0 + 0.05 * plan.runs * (plan.until - plan.last)
    weights = zip(STEPS, (3.0, 60.0, 2.0, forward, 1.0), strict=True)
    decades = (plan.until - plan.first + 1) / 10
    seconds = {"reading": decades}
    seconds |= {step: weight * decades for step, weight in weights}
    if figures:
        seconds["figures"] = 5.0
    with Steps(seconds) as steps:
        steps.begin("reading")
        history = read_history(plan, data, outcomes)
        inputs = {"plan": plan.model_dump(), "data": data_used(history)}
        about = json.loads(json.dumps(inputs))
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        folder = out or Path("results") / f"{experiment.stem}-{key[:8]}"
        with locked(folder, about):
            hindcast = hindcast_of(plan, history, steps.begin)
            record = hindcast.as_dict()
            record["about"] |= {"version": version(), "command": options.command_line()}
            if figures:
                steps.begin("figures")
            keep(record, folder, figures=figures)

    def lines() -> list[str]:
        files = f"{folder}/{FILE}"
        if figures:
            files += ", figures and report.html"
        return [*hindcast_lines(hindcast, verbose=verbose), f"wrote {files}"]

    options.answer(record, lines, indent=1)


@contextmanager
def locked(folder: Path, about: dict[str, Any]) -> Iterator[None]:
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
    from balance_sim.evidence.forecast.scored_files import FILE, read_scored_forecasts
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study.folder import refuse_strange

    hint = "choose another --out"
    refuse_strange(folder, (FILE,))
    if (folder / "manifest.json").exists():
        raise WrongRequest(f"{folder} holds results of another kind: {hint}")
    if (folder / FILE).exists():
        stored = read_scored_forecasts(folder / FILE).about
        changed = [key for key, value in about.items() if stored.get(key) != value]
        if changed:
            keys = " and ".join(changed)
            raise WrongRequest(f"{folder} holds a hindcast with another {keys}: {hint}")


def keep(record: dict[str, Any], folder: Path, *, figures: bool) -> None:
    """Write the scores, and figures and report of them, into a folder that is held.
    Raises CannotWrite."""
    from balance_sim.evidence.forecast.scored_files import FILE, read_scored_forecasts

    plain = json.loads(json.dumps(record))
    text = json.dumps(plain, indent=1, allow_nan=False) + "\n"
    write_study(folder, FILE, text, read_scored_forecasts if figures else None)


def hindcast_lines(hindcast: Hindcast, *, verbose: bool) -> Iterator[str]:
    """For a terminal: what was forecast from what; of both ways the model beside the
    best baseline, then every forecast."""
    plan = hindcast.plan
    if plan.title:
        yield from wrapped(printable(plan.title), "")
    first, last = hindcast.fit.years
    fitted = f"Fitted on {hindcast.fit.agreements:,} agreements of {first}-{last}"
    yield from wrapped(
        f"{fitted}, forecast {plan.last + 1}-{plan.until}. Skills are over the base "
        "rate (0: no better, 1: perfect), CIs resample dyads.",
        "",
    )
    for way, scores in hindcast.scores.items():
        model = scores["model"]
        head = "One year ahead, with the history known"
        if way == "simulated_forward":
            replications = plural(plan.runs, "replication")
            head = f"Simulated forward from {plan.last} in {replications}"
        rows = f"{model.n:,} dyad-years, {model.events:,} with an agreement"
        yield from ["", *wrapped(f"{head}: {rows}", "")]
        yield from gain_lines(scores)
        yield from detectable_lines(model)
        yield from agreement_lines(scores)
        if verbose:
            yield from _details(hindcast, way)
    yield ""
    if verbose:
        for note in hindcast.notes:
            yield from wrapped(f"note: {note}")
    else:
        count = len(hindcast.notes)
        notes = f" and {plural(count, 'note')}" if count else ""
        yield f"--verbose prints how the model follows the years{notes}."


def _details(hindcast: Hindcast, way: str) -> Iterator[str]:
    """How the model follows states and dyads over the years."""
    plan, as_fitted = hindcast.plan, hindcast.as_fitted
    if way == "simulated_forward":
        if plan.drift and plan.persistence < 1:
            yield f"random intercepts of states persist by {plan.persistence:g} a year"
        return
    if plan.refit == "yearly":
        yield "model and baselines are fitted anew for each year ahead"
    if as_fitted is None:
        return
    if plan.drift:
        follows = f"intercepts and level follow the years, memory {hindcast.memory:g}"
        if plan.pair_variance > 0:
            follows += f", dyad frailties with variance {plan.pair_variance:g}"
        yield from wrapped(f"model: random {follows}")
    log_skill, brier_skill = as_fitted.log_skill.value, as_fitted.brier_skill.value
    skills = f"log skill {log_skill:.4f}, Brier skill {brier_skill:.4f}"
    yield f"model left as fitted: {skills}"


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read the plan of a hindcast, for `balance-sim check`. Raises ScenarioError."""
    from balance_sim.cli.check import checked_plan, refuse_changes
    from balance_sim.evidence.forecast.hindcast_plan import read_hindcast_plan

    refuse_changes(settings, theory)
    plan = read_hindcast_plan(path)
    summary = f"fit to {plan.last}, forecast to {plan.until}"
    return checked_plan("balance-sim evidence hindcast", summary)

"""`balance-sim evidence gof SCENARIO`: does the model make networks like the one on
record?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options

if TYPE_CHECKING:
    from balance_sim.evidence.goodness.networks import Agreements
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result
    from balance_sim.study.store import Store


@click.command()
@click.argument("subject", metavar="SCENARIO|RESULTS", type=options.PATH)
@click.option(
    "--against",
    type=options.PATH,
    help="Table of what was signed: a, b, date, kind  "
    "[default: the scenario's own record]",
)
@click.option(
    "--simulated",
    type=options.PATH,
    help="Table of networks that any model simulated: replication, a, b, date, kind.",
)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    help="Replications; with --simulated, how many there are, if some signed "
    "nothing  [default: 128]",
)
@click.option("--seed", type=options.SHORT_SEED, default=1, show_default=True)
@click.option(
    "--from",
    "first",
    type=options.Day(),
    help="First day  [default: 1 January, three years before that of the "
    "scenario's start]",
)
@click.option(
    "--until",
    type=options.Day(),
    help="Last day  [default: the day before the scenario's start]",
)
@click.option(
    "--arm", metavar="ARM", help="Which arm is simulated  [default: the control arm]"
)
@options.workers_option
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder for gof.json, figures and report  [default: RESULTS/gof, or "
    "results/<name>-gof]",
)
@options.figures_option
@options.json_option
@options.terms_option
def gof(
    subject: Path,
    against: Path | None,
    simulated: Path | None,
    runs: int | None,
    seed: int,
    first: date | None,
    until: date | None,
    arm: str | None,
    workers: int,
    out: Path | None,
    figures: bool,
) -> None:
    """Compare simulated networks of new agreements with the observed one.

    The years before the scenario's start are simulated from their first day, with what
    was known then, and compared with the scenario's own record in degrees, shared
    partners, triads, distance, regimes, counts and more; each group of statistics has a
    Mahalanobis Monte Carlo p. Residuals show when the record left the model. See
    docs/gof.md."""
    from balance_sim.evidence.goodness.comparison import FILE, read_gof
    from balance_sim.evidence.goodness.page import gof_lines
    from balance_sim.evidence.goodness.study import (
        RUNS,
        goodness_of_fit,
        networks_fit,
        span_asked,
    )

    scenario, result = _scenario_of(subject)
    folder = out or Path("results") / f"{subject.stem}-gof"
    if out is None and subject.is_dir():
        folder = subject / "gof"
    stop = None if until is None else until + timedelta(days=1)
    span = span_asked(scenario, first, stop, ahead=against is not None)
    is_past = span.first < scenario.start
    if result is not None and result.model is not None and is_past:
        hint = "simulate these years with it, and give its networks with --simulated"
        raise click.UsageError(f"{subject} was made by {result.model}: {hint}")
    observed, notes = None, list[str]()
    if against is not None:
        observed, _, notes = _networks(against, scenario, simulated=False)
    if simulated is None:
        study = goodness_of_fit(
            scenario,
            runs=runs or RUNS,
            seed=seed if result is None else result.seed,
            span=span,
            arm=arm,
            observed=observed,
            stored=result,
            workers=workers,
            draw_parameters=False if result is None else result.draws,
        )
    else:
        networks, count, left_out = _networks(simulated, scenario, simulated=True)
        notes += left_out
        study = networks_fit(
            scenario,
            simulated.stem,
            networks,
            max(count, runs or 0),
            span=span,
            observed=observed,
        )
    study["about"]["command"] = options.command_line()
    study["notes"] += notes
    with own_folder(folder, FILE) as store:
        text = json.dumps(study.as_dict(simulated=True), allow_nan=False)
        store.write_text(FILE, f"{text}\n")
        if figures:
            draw(read_gof(folder / FILE), folder)
    lines = [*gof_lines(study), f"wrote {folder}"]
    options.answer(study.as_dict, lines, indent=1)


@contextmanager
def own_folder(folder: Path, file: str) -> Iterator[Store]:
    """A folder for one document, ours to write for as long as this lasts.

    Raises FolderBusy, CannotWrite, and WrongRequest if it holds anything else."""
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study.folder import refuse_strange
    from balance_sim.study.store import Store

    refuse_strange(folder, (file,))
    if (folder / "manifest.json").exists():
        hint = "choose another --out"
        raise WrongRequest(f"{folder} holds results of another kind: {hint}")
    with Store(folder).lock(places=()) as store:
        yield store


def draw(study: Any, folder: Path) -> None:
    """Write figures and report of a study into its folder. Raises CannotWrite."""
    from balance_sim.show.report import save_study

    save_study(study, folder)


def _scenario_of(subject: Path) -> tuple[Scenario, Result | None]:
    """A scenario from its file, or that of a results folder with its results."""
    from balance_sim.scenario import load_scenario
    from balance_sim.study.result import open_result

    if subject.is_dir():
        result = open_result(subject)
        return result.scenario, result
    return load_scenario(subject), None


def _networks(
    path: Path, scenario: Scenario, *, simulated: bool
) -> tuple[Agreements, int, list[str]]:
    """Agreements of a table between states of the roster, of how many replications they
    are, and a note on the others."""
    from balance_sim.evidence.data.agreements import read_networks
    from balance_sim.evidence.goodness.networks import from_table

    frame = read_networks(path, scenario.codes, simulated=simulated)
    is_known = frame["a"].isin(scenario.codes) & frame["b"].isin(scenario.codes)
    in_roster = frame[is_known].reset_index(drop=True)
    notes = []
    if len(in_roster) < len(frame):
        count = f"{len(frame) - len(in_roster)} agreements of {path.name}"
        notes.append(f"{count} with a state that is not in the roster are left out")
    runs = int(frame["run"].max()) + 1 if len(frame) else 0
    return from_table(in_roster, scenario.codes), runs, notes

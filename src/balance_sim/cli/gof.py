"""`balance-sim gof SCENARIO`: does the model make networks like the one on record?"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option

if TYPE_CHECKING:
    from datetime import datetime

    from balance_sim.analysis.gof_file import GoodnessOfFit


@click.command()
@click.argument(
    "subject", metavar="[SCENARIO|RESULTS|HINDCAST]", type=click.Path(path_type=Path), required=False
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Table of what was signed: a, b, date, kind  [default: the scenario's own record]",
)
@click.option(
    "--simulated",
    type=click.Path(path_type=Path),
    help="Table of networks that any model simulated: replication, a, b, date, kind.",
)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    help="Replications; with --simulated, how many there are, if some signed nothing  [default: 128]",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]),
    help="First day  [default: 1 January, three years before that of the scenario's start]",
)  # fmt: skip
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day  [default: the day before the scenario's start]",
)
@click.option("--arm", metavar="ARM", help="Which arm is simulated  [default: the control arm]")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Of a hindcast: folder with the field's data files."
)
@click.option(
    "--outcomes", type=click.Path(path_type=Path), help="Of a hindcast: agreements of the years forecast."
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Processes, of a scenario."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="Folder for gof.json, figures and report  [default: RESULTS/gof, or results/<name>-gof]",
)  # fmt: skip
@click.option("--figures/--no-figures", default=True, help="Figures and report in that folder.")
@json_option
def command(
    subject: Path | None,
    against: Path | None,
    simulated: Path | None,
    runs: int | None,
    seed: int,
    first: datetime | None,
    until: datetime | None,
    arm: str | None,
    data: Path | None,
    outcomes: Path | None,
    workers: int,
    out: Path | None,
    figures: bool,
    as_json: bool,
) -> None:
    """Compare simulated networks of new agreements with the observed one.

    The years before the scenario's start are simulated from their first day, with what was known then, and compared
    with the scenario's own record in degrees, shared partners, triads, distance, regimes, counts and more; each group
    of statistics has a Mahalanobis Monte Carlo p. Residuals show when the record left the model. See docs/gof.md."""
    from balance_sim.cli.gof_subjects import Asked, found_for
    from balance_sim.show.gof import gof_lines

    begin, end = (None if moment is None else moment.date() for moment in (first, until))
    asked = Asked(subject, against, simulated, runs, seed, begin, end, arm, data, outcomes, workers)
    place = out or home_of(subject, simulated)
    refuse_other(place)
    found = found_for(asked)
    found = replace(found, about=found.about | {"command": shlex.join(["balance-sim", *sys.argv[1:]])})
    keep(found, place, figures=figures)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=1, allow_nan=False))
        return
    click.echo("\n".join([*gof_lines(found), "", f"wrote {place}"]))


def home_of(subject: Path | None, simulated: Path | None) -> Path:
    """Where the files go if nothing is said: beside the results, or in a folder of their own."""
    if simulated is None and subject is not None and subject.is_dir():
        return subject / "gof"
    named = simulated or subject
    return Path("results") / f"{named.stem if named is not None else 'networks'}-gof"


def refuse_other(folder: Path) -> None:
    """Raise WrongRequest if the folder holds results of another kind."""
    from balance_sim.pool.faults import WrongRequest

    if any((folder / name).exists() for name in ("manifest.json", "hindcast.json")):
        raise WrongRequest(f"{folder} holds results of another kind: choose another --out")


def keep(found: GoodnessOfFit, folder: Path, *, figures: bool) -> None:
    """gof.json, and figures and report of it, into the folder. Raises CannotWrite, FolderBusy."""
    from balance_sim.analysis.gof_file import FILE, read_gof
    from balance_sim.evidence.forecast.score import FILE as SCORES
    from balance_sim.results.folder import refuse_strange
    from balance_sim.results.store import Store

    refuse_strange(folder, (FILE, SCORES))
    store = Store(folder)
    with store.lock(places=()):
        store.write_text(FILE, json.dumps(found.as_dict(simulated=True), allow_nan=False) + "\n")
        if figures:
            from balance_sim.show.plots import Plots
            from balance_sim.show.report import save_report

            plots = Plots(read_gof(folder / FILE))
            plots.save(folder)
            save_report(plots.study, folder / "report.html")

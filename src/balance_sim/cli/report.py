"""`balance-sim report RESULTS`: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli.options import classes_option


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULTS...")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write  [default: report.html in RESULTS; in comparison/ of the last of several]",
)
@click.option("--map/--no-map", "world_map", default=True, help="With the world map, which shows borders.")
@classes_option
def command(results: tuple[str, ...], out: Path | None, world_map: bool, classes: str | None) -> None:
    """Write one HTML file of RESULTS, with the answer, the figures, their numbers, the inputs and their sources.

    RESULTS is a folder of `run`, `sweep` or `hindcast`, FOLDER@point of a sweep, or a file with the JSON of
    `hindcast` or `score`. Two or more folders, or FOLDER:arm, as `compare` takes them, are compared. The file
    needs no network and no script, prints to A4, and is the same for the same results."""
    from balance_sim.show.plots import Plots, home_of
    from balance_sim.show.report import save_report

    study = Plots.of_all(results, classes).study
    click.echo(save_report(study, out or home_of(results) / "report.html", world_map=world_map))

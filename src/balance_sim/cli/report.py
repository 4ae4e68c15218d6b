"""`balance-sim report RESULTS`: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write  [default: RESULTS/report.html]",
)
@click.option("--map/--no-map", "world_map", default=True, help="With the world map, which shows borders.")
def command(results: Path, out: Path | None, world_map: bool) -> None:
    """Write one HTML file of RESULTS, a folder of `run` or `sweep`, with the answer, the figures, their numbers,
    the inputs and their sources.

    It needs no network and no script, prints to A4, and is the same file for the same results."""
    from balance_sim.show.plots import Plots
    from balance_sim.show.report import save_report

    click.echo(save_report(Plots.of(results).study, out or results / "report.html", world_map=world_map))

"""`balance-sim explore RESULTS`: one self-contained interactive HTML file with dials."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write  [default: RESULTS/explore.html]",
)
@click.option(
    "--runs", type=click.IntRange(2, 100_000), default=100, show_default=True,
    help="Runs a point, where RESULTS is no sweep and a small one is lived.",
)  # fmt: skip
def command(results: Path, out: Path | None, runs: int) -> None:
    """Write one HTML file whose dials are the factors of the sweep in RESULTS.

    Of a folder of `run` a small design is lived first: how visible the focal event is, who takes part, how
    reliable the patrons are. The file needs no network."""
    from balance_sim.show.explore import save_explorer
    from balance_sim.show.explore.page import design_of
    from balance_sim.show.plots import Plots

    study = Plots.of(results).study
    click.echo(save_explorer(design_of(study, runs, _tell), out or results / "explore.html"))


def _tell(done: int, wanted: int) -> None:
    """Which point is under way, on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\rpoint {done + 1} of {wanted} ", err=True, nl=done + 1 == wanted)

"""`balance-sim explore RESULTS`: one self-contained interactive HTML file with dials."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from balance_sim.cli.interrupts import resumable
from balance_sim.cli.run import cores


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write  [default: RESULTS/explore.html]",
)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    show_default="200",
    help="With --live: replications asked for at first. Without, it has no effect.",
)
@click.option(
    "--live", is_flag=True, help="Serve a page on this machine that answers anew as its dials are moved."
)
@click.option(
    "--port", type=click.IntRange(1024, 65535), help="With --live: where to listen  [default: any free port]"
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context, results: Path, out: Path | None, runs: int | None, live: bool, port: int | None
) -> None:
    """Write one HTML file whose dials are the factors of the sweep in RESULTS.

    Of a folder of `run`, the dials are how visible the focal event is, who takes part, and how reliable the
    patrons are, and each point is an expected effect, without simulation. The file needs no network.

    With --live nothing is written: the page's address, good for this machine and until Ctrl-C, is printed on
    stdout; open it in a browser. It answers with the expected effect (as `effect`), then with simulated replications:
    those of `run` with the same values, runs and seed."""
    if live:
        if out is not None:
            raise click.UsageError("--out does not go with --live, which writes no file.", ctx)
        _serve(results, 200 if runs is None else runs, port)
        return
    if port is not None:
        raise click.UsageError("--port goes with --live alone.", ctx)
    from balance_sim.show.explore import save_explorer
    from balance_sim.show.explore.page import design_of
    from balance_sim.show.plots import Plots

    if runs is not None:
        click.echo("Note: --runs has no effect without --live; nothing is simulated here.", err=True)
    design = design_of(Plots.of(results).study, _tell)
    click.echo(save_explorer(design, out or results / "explore.html"))


def _serve(results: Path, runs: int, port: int | None) -> None:
    """The live page, until it is stopped."""
    from balance_sim.live import MOST_RUNS, need_extra

    need_extra()
    from balance_sim.live.server import serve

    if runs > MOST_RUNS:
        raise click.UsageError(f"--runs: at most {MOST_RUNS:,} with --live.")

    def announce(address: str) -> None:
        click.echo(address)
        sys.stdout.flush()
        click.echo("Open it in a browser on this machine. Ctrl-C ends it.", err=True)

    with resumable(shlex.join(["balance-sim", *sys.argv[1:]]), "to open it again, at another address"):
        serve(results, runs, port or 0, cores(), announce)


def _tell(done: int, wanted: int) -> None:
    """Which point is under way, on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\rpoint {done + 1} of {wanted} ", err=True, nl=done + 1 == wanted)

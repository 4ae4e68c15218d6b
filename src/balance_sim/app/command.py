"""`balance-sim explore RESULTS`: a page whose controls move a study, as one file or
live."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps, resumable

RUNS = 200
"""Replications that the live page asks for at first."""


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--out", type=options.FILE, help="File to write  [default: RESULTS/explore.html]"
)
@click.option(
    "--runs",
    type=click.IntRange(2, 5_000),
    help=f"With --live: replications asked for at first  [default: {RUNS}]",
)
@click.option(
    "--live",
    is_flag=True,
    help="Serve a page on this machine that answers anew as its controls are moved.",
)
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    help="With --live: where to listen  [default: any free port]",
)
@options.terms_option
def explore(
    results: Path, out: Path | None, runs: int | None, live: bool, port: int | None
) -> None:
    """Write one HTML file whose controls are the factors of the sweep in RESULTS.

    Of a folder of `run`, the controls are how visible the focal event is, who takes
    part, and how reliable the patrons are, and each point is an expected effect,
    without simulation. The file needs no network.

    With --live nothing is written: the page's address, good for this machine and until
    Ctrl-C, is printed on stdout; open it in a browser. It answers with the expected
    effect (as `effect`), then with simulated replications: those of `run` with the same
    values, runs and seed."""
    if live:
        if out is not None:
            raise click.UsageError(
                "--out does not go with --live, which writes no file"
            )
        _serve(results, runs or RUNS, port or 0)
        return
    if port is not None or runs is not None:
        raise click.UsageError("--port and --runs go with --live alone")
    from balance_sim.app.explorer import design_of, save_explorer
    from balance_sim.show.plots import open_run_or_sweep

    study = open_run_or_sweep(results)
    with Steps({"points": 10.0}) as steps:
        path = save_explorer(
            design_of(study, steps.counter("points")), out or results / "explore.html"
        )
    click.echo(path)


def _serve(results: Path, runs: int, port: int) -> None:
    """Serve the live page until it is stopped."""
    from balance_sim.app.server import serve

    def announce(address: str) -> None:
        click.echo(address)
        sys.stdout.flush()
        click.echo("Open it in a browser on this machine. Ctrl-C ends it.", err=True)

    with resumable(options.command_line(), "to open it again, at another address"):
        serve(results, runs, port, options.cores(), announce)

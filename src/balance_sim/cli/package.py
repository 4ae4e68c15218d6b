"""`balance-sim package RESULTS`: a replication archive."""

from __future__ import annotations

from pathlib import Path

import click

SCORES = "hand on its plan and the file of scores, which names the data by their sha256 and the command"


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="ARCHIVE",
    help="The archive to write  [default: RESULTS.zip]",
)  # fmt: skip
def command(results: Path, out: Path | None) -> None:
    """Write a replication archive of the finished study in RESULTS, for a journal or a colleague.

    README in the sections data editors ask for, scenario, parameters with sources, versions, seed, tables,
    digest. No path of this machine is in it, and the same study gives the same bytes."""
    from balance_sim.archive.package import package
    from balance_sim.evidence.forecast.score import scored_path
    from balance_sim.pool.faults import WrongRequest

    if not (results / "manifest.json").exists() and scored_path(results) is not None:
        raise WrongRequest(
            f"{results} holds forecasts of `hindcast`, whose data are not ours to pass on: {SCORES}"
        )
    path = package(results, out)
    click.echo(f"wrote {path} ({path.stat().st_size:,} bytes); next: balance-sim reproduce {path}")

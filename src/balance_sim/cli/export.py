"""`balance-sim export RESULTS`: one tidy CSV or Parquet file, or the EMA workbench's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .csv, .parquet, or .tar.gz for EMA  [default: RESULTS/export.csv, or RESULTS/ema.tar.gz]",
)  # fmt: skip
@click.option(
    "--table", type=click.Choice(["runs", "accords"]), default="runs", show_default=True,
    help="A row a run and arm, or a row an accord.",
)  # fmt: skip
@click.option(
    "--ema", is_flag=True, help="Experiments and outcomes, as the EMA workbench's load_results reads them."
)
def command(results: Path, out: Path | None, table: Literal["runs", "accords"], ema: bool) -> None:
    """Write everything in RESULTS to one file, sweeps with the values of their factors in every row."""
    from balance_sim.results.export import export, export_ema

    path = out or results / ("ema.tar.gz" if ema else "export.csv")
    if ema:
        click.echo(f"wrote {path}: {export_ema(results, path):,} experiments")
    else:
        click.echo(f"wrote {path}: {export(results, path, table):,} rows")

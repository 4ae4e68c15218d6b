"""`balance-sim plot RESULTS`: every figure of a study as PNG and SVG, or those named."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write figures/ into  [default: RESULTS]",
)  # fmt: skip
@click.option(
    "--list", "only_list", is_flag=True, help="Print the names of the figures and what each answers."
)
def command(results: Path, names: tuple[str, ...], out: Path | None, only_list: bool) -> None:
    """Draw the figures of RESULTS, a folder of `run` or `sweep`: all of them, or those named."""
    from balance_sim.show.plots import Plots

    plots = Plots.of(results)
    if only_list:
        for name, question in plots.questions().items():
            click.echo(f"{name:<14}{question}")
        return
    unknown = [name for name in names if name not in plots.questions()]
    if unknown:
        raise click.UsageError(f"no figure `{unknown[0]}`; there are: {', '.join(plots.questions())}")
    for path in plots.save(out or results, names or None):
        click.echo(path)

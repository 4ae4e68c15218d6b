"""`balance-sim plot RESULTS`: every figure of a study as PNG and SVG, or those named."""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli.options import classes_option


@click.command()
@click.argument("results", metavar="RESULTS...")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write figures/ into  [default: RESULTS; comparison/ in the last of several]",
)  # fmt: skip
@click.option(
    "--list", "only_list", is_flag=True, help="Print the names of the figures and what each answers."
)
@classes_option
def command(
    results: str, names: tuple[str, ...], out: Path | None, only_list: bool, classes: str | None
) -> None:
    """Draw the figures of RESULTS: all of them, or those named.

    RESULTS is a folder of `run`, `sweep` or `hindcast`, FOLDER@point of a sweep, or a file with the JSON of
    `hindcast` or `score`. Several folders, or FOLDER:arm, are drawn side by side: theories, for one."""
    from balance_sim.show.plots import Plots, home_of, is_results

    texts = [results, *(name for name in names if is_results(name))]
    wanted = [name for name in names if not is_results(name)]
    plots = Plots.of_all(texts, classes)
    if only_list:
        for name, question in plots.questions().items():
            click.echo(f"{name:<14}{question}")
        return
    unknown = [name for name in wanted if name not in plots.questions()]
    if unknown:
        known = ", ".join(plots.questions())
        raise click.UsageError(f"no results and no figure `{unknown[0]}`; figures are: {known}")
    for path in plots.save(out or home_of(texts), wanted or None):
        click.echo(path)

"""`balance-sim plot`, `report` and `export`: figures, pages and tables of results."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from balance_sim.cli import options

TABLES: dict[str, Literal["runs", "accords"]] = {
    "replications": "runs",
    "agreements": "accords",
}
"""Tables of `export`, and what they are called in a results folder."""


@click.command()
@click.argument("results", required=False)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder to write figures/ into  [default: RESULTS]",
)
@click.option(
    "--list",
    "only_list",
    is_flag=True,
    help="Print the figures there are and what each answers; with RESULTS, only those "
    "that these have.",
)
@click.option(
    "--outcome",
    metavar="NAME",
    help="Draw this outcome instead, whichever it is: accords_all_365, own_x, ...",
)
@click.option("--pdf", is_flag=True, help="Write PDF files too, as slides take them.")
@options.terms_option
def plot(
    results: str | None,
    names: tuple[str, ...],
    out: Path | None,
    only_list: bool,
    outcome: str | None,
    pdf: bool,
) -> None:
    """Draw the figures of RESULTS: all of them, or those named.

    RESULTS is a folder of `run`, `game` or `sweep`, or FOLDER@point of a sweep."""
    from balance_sim.show import figures, plots
    from balance_sim.show.save import IN_FOLDER, STAMPS, save_drawn

    if results is None:
        if not only_list:
            raise click.UsageError(
                "Missing argument RESULTS: a results folder; --list alone prints all "
                "figures there are"
            )
        click.echo("\n".join(figures.catalogue()))
        return
    study = plots.open_study(results)
    study_figures = figures.figures_of(study)
    if only_list:
        widest = max(map(len, study_figures))
        for name, figure in study_figures.items():
            click.echo(f"{name:<{widest}}  {figure.question}")
        return
    for name in names:
        plots.refuse_unknown(name, study_figures)
    folder, formats = out or plots.home_of(results), STAMPS if pdf else IN_FOLDER
    if outcome is None:
        paths = plots.save_figures(study, folder, names or None, formats)
    else:
        figure = plots.outcome_figure(study, outcome)
        paths = save_drawn({figure.name: figure.draw(study)}, folder, formats)
    for path in paths:
        click.echo(path)


@click.command()
@click.argument("results")
@click.option(
    "--out",
    type=options.FILE,
    help="File to write  [default: report.html in RESULTS]",
)
@options.terms_option
def report(results: str, out: Path | None) -> None:
    """Write one HTML file of RESULTS, with the answer, the figures, their numbers, the
    inputs and their sources.

    RESULTS is a folder of `run`, `game` or `sweep`, or FOLDER@point of a sweep. The
    file needs no network, works without a script, prints to A4, and is the same for the
    same results."""
    from balance_sim.show.plots import home_of, open_study
    from balance_sim.show.report import save_report

    study = open_study(results)
    path = out or home_of(results) / "report.html"
    click.echo(save_report(study, path))


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--out",
    type=options.FILE,
    help="File to write: .csv or .parquet  [default: RESULTS/export.csv]",
)
@click.option(
    "--table",
    type=click.Choice([*TABLES]),
    default="replications",
    show_default=True,
    help="A row a replication and arm, or a row an agreement.",
)
def export(results: Path, out: Path | None, table: str) -> None:
    """Write everything in RESULTS to one file, sweeps with the values of their factors
    in every row."""
    from balance_sim.study.export import export as export_table

    path = out or results / "export.csv"
    rows = export_table(results, path, TABLES[table])
    click.echo(f"wrote {path}: {rows:,} rows")

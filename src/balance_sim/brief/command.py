"""`balance-sim brief RESULTS`: one page to hand on."""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli import options


@click.command()
@click.argument("results")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["html", "pdf", "pptx"]),
    default=("html", "pdf"),
    show_default="html and pdf",
    help="Repeatable. `pptx` needs the extra `brief`, the others nothing more.",
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder to write brief.html, ... into  [default: RESULTS]",
)
@options.terms_option
def brief(results: str, formats: tuple[str, ...], out: Path | None) -> None:
    """Write one page of RESULTS to hand on: the finding in two sentences, the map, the
    difference, how sure it is, and the sources.

    RESULTS is a folder of `run`, or FOLDER@point of a sweep."""
    from balance_sim.brief.content import brief_of
    from balance_sim.brief.files import FORMATS
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.show.plots import home_of, open_study
    from balance_sim.study.atomic_files import make_folder, write_atomic

    study = open_study(results)
    if not isinstance(study, AnalysedResult):
        raise WrongRequest(f"{results}: a brief is of one run, or FOLDER@point")
    if "pptx" in formats:
        import pptx  # noqa: F401 - one that is missing is told before drawing
    page, folder = brief_of(study), out or home_of(results)
    contents = {name: FORMATS[name](page) for name in dict.fromkeys(formats)}
    make_folder(folder)
    for name, content in contents.items():
        path = folder / f"brief.{name}"
        write_atomic(path, content)
        click.echo(path)

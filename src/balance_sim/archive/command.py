"""`balance-sim verify`, `package` and `reproduce`: whether results are sound, and an
archive that others can run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from balance_sim.archive.verify import Verified

NEXT_STEP = "give the study's own command again, which simulates damaged blocks anew"


@click.command()
@click.argument("results", type=options.PATH)
@options.json_option
@options.terms_option
@click.pass_context
def verify(ctx: click.Context, results: Path) -> None:
    """Check every file in RESULTS against its checksum; and summary and tables against
    what the replications give.

    Figures and reports are not checked. Exit code 6 if something is damaged, with its
    name: the study's own command simulates it again. `balance-sim reproduce RESULTS`
    runs the whole study again and compares."""
    from balance_sim.archive.verify import verify as check_folder

    _refuse_forecasts(results)
    verified = check_folder(results)
    options.answer(verified.as_dict, lambda: _verified_lines(verified), indent=2)
    if verified.damage:
        ctx.exit(ExitCode.DAMAGED)


def _refuse_forecasts(results: Path) -> None:
    """Raise WrongRequest for a folder of `hindcast`, which holds no blocks."""
    from balance_sim.scenario.errors import WrongRequest

    if (results / "hindcast.json").exists():
        raise WrongRequest(
            f"{results} holds forecasts of `hindcast`, whose data are elsewhere: "
            "give the command in its `about.command` again, or hand on its plan"
        )


def _verified_lines(verified: Verified) -> Iterator[str]:
    """Yield what is sound; what is not goes to stderr. Names that could steer a
    terminal are written out."""
    from balance_sim.scenario.diagnostics import escaped

    for damage in verified.damage:
        click.echo(escaped(damage.why), err=True)
    yield f"{verified.study}: {verified.blocks:,} blocks, {verified.runs:,} runs"
    if verified.damage:
        click.echo(f"damaged: {len(verified.damage)}; {NEXT_STEP}", err=True)
    elif verified.digest is None:
        yield "sound, and not finished: give the command that wrote it again"
    else:
        yield f"sound; digest {verified.digest}"


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--out",
    type=options.FILE,
    metavar="ARCHIVE",
    help="The archive to write  [default: RESULTS.zip]",
)
@options.terms_option
def package(results: Path, out: Path | None) -> None:
    """Write a replication archive of the finished study in RESULTS, for a journal or a
    colleague.

    README in the sections data editors ask for, scenario, parameters with sources,
    versions, seed, tables, digest. No path of this machine is in it, and the same study
    gives the same bytes."""
    from balance_sim.archive.package import package as write_archive

    _refuse_forecasts(results)
    path = write_archive(results, out)
    click.echo(f"wrote {path} ({path.stat().st_size:,} bytes)")
    click.echo(f"next: balance-sim reproduce {path}")


@click.command()
@click.argument("archive", type=options.PATH)
@options.workers_option
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder, in which the same command goes on  [default: none is kept]",
)
@options.own_model_option
@options.own_outcomes_option
@options.json_option
@options.terms_option
@click.pass_context
def reproduce(
    ctx: click.Context,
    archive: Path,
    workers: int,
    out: Path | None,
    model: str | None,
    own: str | None,
) -> None:
    """Run the study in ARCHIVE, or in a results folder, again and compare digests.

    The archive is checked whole before anything is run; no code in it is run. Exit
    code 4 if it is refused, 6 if something else came out."""
    from balance_sim.archive.reproduce import read_archive
    from balance_sim.archive.reproduce import reproduce as run_again

    archived = read_archive(archive)
    document = run_again(archived, workers=workers, model=model, outcomes=own, out=out)
    lines = [document["said"], *(f"  {line}" for line in document["differs"])]
    options.answer(document, lines, indent=2)
    if not document["ok"]:
        ctx.exit(ExitCode.DAMAGED)

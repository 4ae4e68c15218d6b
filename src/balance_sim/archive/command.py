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

NOT_CHECKED = "not checked: figures and pages, which `plot` and `report` draw anew"
NEXT_STEP = "give the study's own command again, which simulates damaged blocks anew"


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Blocks of which a part is run again; 0: none.",
)
@click.option("--all", "whole", is_flag=True, help="Run every block again, whole.")
@click.option(
    "--workers",
    type=click.IntRange(1, options.MOST_WORKERS),
    default=1,
    show_default=True,
    help="Worker processes.",
)
@options.study_model_option
@options.study_outcomes_option
@options.json_option
@options.terms_option
@click.pass_context
def verify(
    ctx: click.Context,
    results: Path,
    sample: int,
    whole: bool,
    workers: int,
    model: str | None,
    own: str | None,
) -> None:
    """Check every file in RESULTS against its checksum and keys, and run a sample of
    blocks again.

    Compared bit for bit; the sample is another at each call. Summary and tables are
    worked out again; figures and reports are not, and are named as not checked. Exit
    code 6 if something is damaged, with its name: the study's own command simulates it
    again."""
    from balance_sim.archive.verify import verify as check_folder

    _refuse_forecasts(results)
    verified = check_folder(
        results,
        sample=None if whole else sample,
        model=model,
        outcomes=own,
        workers=workers,
    )
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

    notes = [f"note: {note}" for note in verified.notes]
    notes += [f"damaged: {damage.why}" for damage in verified.damage]
    notes.append(NOT_CHECKED)
    for note in notes:
        click.echo(escaped(note), err=True)
    size = f"{verified.blocks:,} blocks, {verified.runs:,} runs"
    again = f"{verified.runs_again:,} runs of {len(verified.rerun):,} blocks run again"
    yield escaped(f"{verified.folder}: {verified.study}, {size}; {again}")
    if verified.damage:
        click.echo(f"damaged: {len(verified.damage)}; {NEXT_STEP}", err=True)
    else:
        yield f"sound; digest {verified.digest}" if verified.digest else "sound"


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
@options.study_model_option
@options.study_outcomes_option
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
    """Run the study in ARCHIVE again and compare digests.

    The archive is checked whole before anything is run; no code in it is run. Exit
    code 4 if it is refused, 6 if something else came out."""
    from balance_sim.archive.reproduce import read_archive
    from balance_sim.archive.reproduce import reproduce as run_again

    archived = read_archive(archive)
    reproduced = run_again(
        archived, workers=workers, model=model, outcomes=own, out=out
    )
    document = {
        "ok": reproduced.ok,
        "how": reproduced.how,
        "digest": reproduced.digest,
        "archived": archived.package.digest,
        "said": reproduced.said,
        "differs": list(reproduced.differs),
    }
    lines = [reproduced.said, *(f"  {line}" for line in reproduced.differs)]
    options.answer(document, lines, indent=2)
    if not reproduced.ok:
        ctx.exit(ExitCode.DAMAGED)

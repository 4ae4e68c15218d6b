"""`balance-sim verify`, `package` and `reproduce`: whether results are sound, and an archive that others can run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from balance_sim.archive.verify import Verified

ANEW = "`plot`, `report` and `explore` draw figures and pages from the checked blocks"


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--sample", type=click.IntRange(min=0), default=4, show_default=True,
    help="Blocks of which a part is run again; 0: none.",
)  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="Run every block again, whole.")
@click.option("--repair", is_flag=True, help="Take damaged blocks away and run them again.")
@click.option(
    "--workers", type=click.IntRange(1, options.MOST_WORKERS), default=1, show_default=True, help="Worker processes."
)
@options.study_model_option
@options.study_outcomes_option
@options.json_option
@click.pass_context
def verify(
    ctx: click.Context, results: Path, sample: int, whole: bool, repair: bool, workers: int, model: str | None,
    own: str | None,
) -> None:  # fmt: skip
    """Check every file in RESULTS against its checksum and keys, and run a sample of blocks again.

    Compared bit for bit; the sample is another at each call. Summary and tables are worked out again; figures and
    reports are not, and are named as not checked. Exit code 6 if something is damaged, with its name; --repair runs
    it again."""
    from balance_sim.archive.verify import verify as check_folder

    _refuse_forecasts(
        results,
        "are elsewhere: give the command in its `about.command` again; it goes on only if plan and data are the same",
    )
    few = None if whole else sample
    found = check_folder(results, sample=few, mend=repair, model=model, outcomes=own, workers=workers)
    options.answer(found.as_dict, lambda: _verified_lines(found), indent=2)
    if found.damage:
        ctx.exit(ExitCode.DAMAGED)


def _refuse_forecasts(results: Path, said: str) -> None:
    """Raise WrongRequest for a folder of `hindcast`, which holds no blocks and whose data are not in it."""
    from balance_sim.evidence.forecast.score import scored_path
    from balance_sim.pool.errors import WrongRequest

    if not (results / "manifest.json").exists() and scored_path(results) is not None:
        raise WrongRequest(f"{results} holds forecasts of `hindcast`, whose data {said}")


def _verified_lines(found: Verified) -> Iterator[str]:
    """What is sound on stdout, what is not on stderr, in order; names that could steer a terminal written out."""
    from balance_sim.scenario.diagnostics import escaped

    yield from (escaped(f"repaired: {line}") for line in found.mended)
    before = [f"note: {note}" for note in found.notes] + [f"damaged: {one.text()}" for one in found.damage]
    for text in before:
        click.echo(escaped(text), err=True)
    again = sum(len(one.block) for one in found.rerun)
    which = ", drawn anew each time; --all: every one" if found.rerun and again < found.runs else ""
    yield escaped(
        f"{found.folder}: {found.study}, {found.blocks:,} blocks, {found.runs:,} runs; "
        f"{again:,} runs of {len(found.rerun):,} blocks run again{which}"
    )
    if found.unchecked:
        click.echo(escaped(f"not checked: {', '.join(found.unchecked)}; {ANEW}"), err=True)
    if found.damage:
        said = f"damaged: {len(found.damage)}; --repair runs it again, or give the study's own command"
        click.echo(said, err=True)
    else:
        yield f"sound{f'; digest {found.digest}' if found.digest else ''}"


@click.command()
@click.argument("results", type=options.PATH)
@click.option("--out", type=options.FILE, metavar="ARCHIVE", help="The archive to write  [default: RESULTS.zip]")
def package(results: Path, out: Path | None) -> None:
    """Write a replication archive of the finished study in RESULTS, for a journal or a colleague.

    README in the sections data editors ask for, scenario, parameters with sources, versions, seed, tables,
    digest. No path of this machine is in it, and the same study gives the same bytes."""
    from balance_sim.archive.package import package as write_archive

    ours = "hand on its plan and the file of scores, which names the data by their sha256 and the command"
    _refuse_forecasts(results, f"are not ours to pass on: {ours}")
    path = write_archive(results, out)
    click.echo(f"wrote {path} ({path.stat().st_size:,} bytes); next: balance-sim reproduce {path}")


@click.command()
@click.argument("archive", type=options.PATH)
@options.workers_option
@click.option("--out", type=options.FOLDER, help="Unpack the archive into this new folder too.")
@options.study_model_option
@options.study_outcomes_option
@options.json_option
@click.pass_context
def reproduce(
    ctx: click.Context, archive: Path, workers: int, out: Path | None, model: str | None, own: str | None
) -> None:
    """Run the study in ARCHIVE again and compare digests.

    The archive is checked whole before anything is written; no code in it is run. Exit code 4 if it is refused, 6
    if something else came out."""
    from balance_sim.archive.reproduce import read_archive
    from balance_sim.archive.reproduce import reproduce as run_again

    archived = read_archive(archive)
    found = run_again(archived, workers=workers, model=model, outcomes=own, out=out)
    document = {"ok": found.ok, "how": found.how, "digest": found.digest, "archived": archived.about.digest}
    document |= {"said": found.said, "differs": list(found.differs)}
    options.answer(document, [found.said, *(f"  {line}" for line in found.differs)], indent=2)
    if not found.ok:
        ctx.exit(ExitCode.DAMAGED)

"""`balance-sim verify RESULTS`: checksums, counts, keys, and a sample of blocks run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from balance_sim.archive.verify import Verified


SCORES = "give the command in its `about.command` again; it goes on only if plan and data are the same"
ANEW = "`plot`, `report` and `explore` draw pictures and pages from the checked blocks"


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--sample", type=click.IntRange(min=0), default=4, show_default=True,
    help="Blocks of which a part is run again; 0: none.",
)  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="Run every block again, whole.")
@click.option("--repair", "mend", is_flag=True, help="Take damaged blocks away and run them again.")
@click.option("--workers", type=click.IntRange(1, 512), default=1, show_default=True, help="Processes.")
@click.option(
    "--model", metavar="MODULE:CLASS", help="Allow the study's own code to run, if it has any. Runs its code."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    results: Path,
    sample: int,
    whole: bool,
    mend: bool,
    workers: int,
    model: str | None,
    as_json: bool,
) -> None:
    """Check every file in RESULTS against its checksum and keys, and run a sample of blocks again.

    Compared bit for bit; the sample is another at each call. Summary and tables are worked out again; figures and
    reports are not, and are named as not checked. Exit code 6 if something is damaged, with its name; --repair runs
    it again."""
    from balance_sim.archive.verify import verify
    from balance_sim.evidence.forecast.score import scored_path
    from balance_sim.pool.faults import WrongRequest

    if not (results / "manifest.json").exists() and scored_path(results) is not None:
        raise WrongRequest(f"{results} holds forecasts of `hindcast`, whose data are elsewhere: {SCORES}")
    found = verify(results, sample=None if whole else sample, mend=mend, model=model, workers=workers)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        _tell(found)
    if found.damage:
        ctx.exit(ExitCode.DAMAGED)


def _which(found: Verified, again: int) -> str:
    """How they were chosen, where not all were."""
    return ", drawn anew each time; --all: every one" if found.rerun and again < found.runs else ""


def _tell(found: Verified) -> None:
    for line in found.mended:
        _say(f"mended: {line}")
    for note in found.notes:
        _say(f"note: {note}", err=True)
    for one in found.damage:
        _say(f"damaged: {one.text()}", err=True)
    again = sum(len(one.block) for one in found.rerun)
    _say(
        f"{found.folder}: {found.study}, {found.blocks:,} blocks, {found.runs:,} runs; "
        f"{again:,} runs of {len(found.rerun):,} blocks run again{_which(found, again)}"
    )
    if found.unchecked:
        _say(f"not checked: {', '.join(found.unchecked)}; {ANEW}", err=True)
    if found.damage:
        _say(
            f"damaged: {len(found.damage)}; --repair runs it again, or give the study's own command", err=True
        )
    else:
        _say(f"sound{f'; digest {found.digest}' if found.digest else ''}")


def _say(text: str, *, err: bool = False) -> None:
    """A line; what the name of a file holds that could steer a terminal is written out."""
    from balance_sim.scenario.problems import escaped

    click.echo(escaped(text), err=err)

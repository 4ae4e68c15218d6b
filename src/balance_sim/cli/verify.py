"""`balance-sim verify RESULTS`: checksums, counts, keys, and a sample of blocks run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from balance_sim.study.verify import Verified


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

    Compared bit for bit. Exit code 6 if something is damaged, with its name; --repair runs it again."""
    from balance_sim.study.verify import verify

    found = verify(results, sample=None if whole else sample, mend=mend, model=model, workers=workers)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        _tell(found)
    if found.damage:
        ctx.exit(ExitCode.DAMAGED)


def _tell(found: Verified) -> None:
    for line in found.mended:
        click.echo(f"mended: {line}")
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    for one in found.damage:
        click.echo(f"damaged: {one.text()}", err=True)
    again = sum(len(one.block) for one in found.rerun)
    click.echo(
        f"{found.folder}: {found.study}, {found.blocks:,} blocks, {found.runs:,} runs; "
        f"{again:,} runs of {len(found.rerun):,} blocks run again"
    )
    if found.damage:
        click.echo(
            f"damaged: {len(found.damage)}; --repair runs it again, or give the study's own command", err=True
        )
    else:
        click.echo(f"sound{f'; digest {found.digest}' if found.digest else ''}")

"""`balance-sim reproduce ARCHIVE`: run an archive's study again and compare."""

from __future__ import annotations

import json
from pathlib import Path

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode
from balance_sim.cli.run import cores


@click.command()
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1, 512), default=None, help="Processes  [default: cores]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Unpack the archive into this new folder too.",
)
@click.option(
    "--model", metavar="MODULE:CLASS", help="Allow the study's own code to run, if it has any. Runs its code."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context, archive: Path, workers: int | None, out: Path | None, model: str | None, as_json: bool
) -> None:
    """Run the study in ARCHIVE again and compare digests.

    The archive is checked whole before anything is written; no code in it is run. Exit code 4 if it is refused, 6
    if something else came out."""
    from balance_sim.archive.reproduce import read_archive, reproduce

    archived = read_archive(archive)
    found = reproduce(archived, workers=workers or cores(), model=model, out=out)
    if as_json:
        answer = {
            "ok": found.ok,
            "how": found.how,
            "digest": found.digest,
            "archived": archived.numbers.digest,
        }
        click.echo(json.dumps(answer | {"said": found.said, "differs": list(found.differs)}, indent=2))
    else:
        click.echo(found.said)
        for line in found.differs:
            click.echo(f"  {line}")
    if not found.ok:
        ctx.exit(ExitCode.DAMAGED)

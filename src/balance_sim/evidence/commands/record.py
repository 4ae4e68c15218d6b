"""`balance-sim evidence record FOLDER`: a folder of data to try fits and hindcasts."""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli import options
from balance_sim.cli.inputs import write_new
from balance_sim.show.wording import plural

HINDCAST = "experiments/hindcast_treaties.yaml"


@click.command()
@click.argument("folder", type=options.FOLDER)
def record(folder: Path) -> None:
    """Write the extracts of public series that ship into FOLDER, to try `fit` and
    `hindcast` without a download.

    Agreements are treaties between two states (ATOP), in the generic format that a
    record of your own may have. Treaties of more states count as alliances. Never
    overwrites a file."""
    from balance_sim.evidence.data.extracts import AGREEMENTS, record_files

    files = record_files()
    write_new({folder / name: text for name, text in files.items()})
    others = plural(len(files) - 1, "other file")
    click.echo(f"wrote {folder / AGREEMENTS} and {others}")
    click.echo(f"next: balance-sim evidence hindcast {HINDCAST} --data {folder}")

"""The folder of what `gof` and `hindcast` write: one JSON document, and its figure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.scenario.errors import WrongRequest

if TYPE_CHECKING:
    from balance_sim.study.store import Store

figure_option = click.option(
    "--figures/--no-figures", default=True, help="Draw the figure into the folder."
)


@contextmanager
def own_folder(folder: Path, name: str) -> Iterator[Store]:
    """A folder for one document, ours to write for as long as this lasts.

    Raises FolderBusy, CannotWrite, and WrongRequest if it holds anything else."""
    from balance_sim.study.folder import refuse_strange
    from balance_sim.study.store import Store

    refuse_strange(folder, (name,))
    if (folder / "manifest.json").exists():
        hint = "choose another --out"
        raise WrongRequest(f"{folder} holds results of another kind: {hint}")
    with Store(folder).lock() as store:
        yield store

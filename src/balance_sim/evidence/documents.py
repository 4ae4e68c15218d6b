"""What `gof` and `hindcast` write: one JSON document in a folder of its own, which is
read back for figures and a report."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import regular_bytes

if TYPE_CHECKING:
    from balance_sim.study.store import Store

LARGEST = 64 << 20  # bytes that are read at most


def document_path(path: Path, name: str) -> Path | None:
    """The file of that name where a path is it, or a folder that holds it; else
    None."""
    file = path if path.name == name else path / name
    return file if file.is_file() else None


def read_document(path: Path, name: str, keys: Collection[str]) -> dict[str, Any]:
    """The document that a path names. Raises DataError where it cannot be read, or
    lacks a key."""
    file = document_path(path, name) or path
    try:
        document: dict[str, Any] = dict(json.loads(regular_bytes(file, LARGEST)))
        missing = [key for key in keys if key not in document]
    except (OSError, ValueError, TypeError, RecursionError):
        missing = ["it"]
    if missing:
        raise unreadable(file, f"{missing[0]} cannot be read")
    return document


def unreadable(file: Path, why: str) -> DataError:
    """The error for a file of which no figure and no report can be made."""
    message = f"this is not what `{file.stem}` wrote: {why}"
    return DataError(message, f"Run `{file.stem}` again", file)


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
    with Store(folder).lock(places=()) as store:
        yield store

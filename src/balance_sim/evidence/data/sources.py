"""A source of data: the file of a folder that holds it, its columns and tidy frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.data.table import Read, Table, empty_table, open_table


@dataclass(frozen=True)
class Source:
    """A series that the field publishes.

    Attributes
    ----------
    title : what it is called in messages
    columns : those that are read, as `open_table` takes them
    tidy : makes a tidy frame of them
    files : names looked for, in this order, in any case, plain or with .gz
    """

    title: str
    columns: str
    tidy: Callable[[Table], Read]
    files: tuple[str, ...]

    def read(self, path: Path | str) -> Read:
        """The source as a file holds it. Raises DataError."""
        return self.tidy(open_table(path, self.title, self.columns))

    def of(self, folder: Path) -> Read:
        """The source as a folder holds it; without rows where it has no file of it, and
        `is_missing` then. Raises DataError."""
        path = file_of(folder, self.files)
        if path is not None:
            return self.read(path)
        table = empty_table(self.title, self.columns)
        return table.read(self.tidy(table).frame, None)

    def require(self, folder: Path) -> None:
        """Raise DataError where a folder has no file of the source."""
        if file_of(folder, self.files) is None:
            raise DataError(
                f"there is no file of {self.title}",
                f"Put {' or '.join(self.files)} into the folder",
                folder,
                code=NO_FILE,
            )


def file_of(folder: Path, files: Sequence[str]) -> Path | None:
    """The file of a folder that fits the first of these names that any file fits; of
    several the last in the alphabet, which is the newest version. Raises DataError for
    what is no folder."""
    try:
        listing = [path for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        raise DataError(
            f"this is no folder of data: {error.strerror}",
            "Give the folder that holds the data files",
            folder,
            code=NO_FILE,
        ) from None
    names = {path.name.lower().removesuffix(".gz"): path for path in sorted(listing)}
    for pattern in files:
        matches = [name for name in names if fnmatch(name, pattern.lower())]
        if matches:
            return names[max(matches)]
    return None

"""Reading files: those of a scenario, regular, of bounded size, none outside its
folder; and those of the package."""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from balance_sim.scenario.diagnostics import (
    Mark,
    ScenarioError,
    did_you_mean,
    listed,
    refused,
    shown,
)

LARGEST_SCENARIO = 1 << 20
LARGEST_TABLE = 8 << 20
LARGEST_TOGETHER = 32 << 20
SCENARIOS = Path("scenarios")
EXPERIMENTS = Path("experiments")
GAMES = Path("games")
FOLDERS = (SCENARIOS, EXPERIMENTS, GAMES)
"""Of the working directory, and of what comes with the package: a bare name is sought
in both, in this order."""
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS)
"""Errors of a system that has no more of something: they say nothing of the file that
was to be opened."""
MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_OUTSIDE = re.compile(r"(?s)[A-Za-z][A-Za-z0-9+.-]*:|[~/]|.*[\\\0]")
_CODES = dict.fromkeys(MISSING, "E001") | {
    errno.EISDIR: "E002",
    errno.ENXIO: "E002",
    errno.EFBIG: "E005",
}
"""Error codes by the number of the system's error."""
_BINARY = re.compile(rb".{0,7}[\x00-\x08\x0e-\x1f]", re.DOTALL)


class ReadFile(NamedTuple):
    """A file named by another: its name within the scenario's folder, as messages show
    it, and its bytes."""

    name: str
    shown: str
    data: bytes

    @property
    def text(self) -> str:
        """What it holds. Raises ScenarioError where that is no text in UTF-8."""
        return decoded(self.data, self.shown)

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return hashlib.sha256(self.data).hexdigest()


class Sources:
    """The files that one scenario is read from.

    Attributes
    ----------
    files : bytes by name within the scenario's folder
    names : name by file as messages show it
    of_package : names of files in the package, read by what extends its scenarios. A
        file may extend a scenario of the package by its name from any folder; that
        one's own files are the package's.
    is_shipped : whether the scenario itself is one of the package
    kind_folder : where files of its type are
    """

    def __init__(self, path: str | os.PathLike[str], folder: Path = SCENARIOS) -> None:
        try:
            written = os.fspath(path)
        except TypeError as error:
            why = f"expected a path, or a name, not {type(path).__name__}"
            raise refused(Mark(shown(path), 1, 1), "", "E001", why) from error
        self.kind_folder = folder
        self.path = find(written, (folder, *FOLDERS))
        self.is_shipped = self.path.is_absolute() and not os.path.isabs(written)
        self.shown = shown(str(self.path), 200)
        self.folder = Path(os.path.realpath(self.path.parent))
        self.files: dict[str, bytes] = {}
        self.of_package: set[str] = set()
        self.names = {self.shown: self.path.name}

    def home(self) -> Path:
        """The folder for what is written of a scenario: that of its tables, which has
        its name, if there is one; its own; the working directory for a scenario of the
        package, whose files stay as they were installed."""
        if self.is_shipped:
            return Path()
        tables = self.path.with_suffix("")
        return tables if tables.is_dir() else self.path.parent

    def main(self) -> str:
        """The text of the scenario file itself."""
        data = _bytes_of(self.path, Mark(self.shown, 1, 1), "", self.kind_folder)
        self.files[self.path.name] = data
        return decoded(data, self.shown)

    def beside(self, node: Any, base: str, key: str) -> ReadFile:
        """The file that another names.

        Parameters
        ----------
        node : Node
            Its path, as seen from the other, or the name of a scenario of the package.
        base : str
            Name of the other.
        key : str
            Key path of the node.

        Raises
        ------
        ScenarioError
            For what lies outside of the folder, cannot be read or is too large.
        """
        folder, path = self._sought(node.value, base, node.mark, key)
        name = path.relative_to(folder).as_posix()
        label = os.path.join(os.path.dirname(self.shown), name)
        if folder != self.folder:
            self.of_package.add(name)
            label = shown(str(path), 200)
        self.names[label] = name
        if name not in self.files:
            self.files[name] = _bytes_of(path, node.mark, key)
        if sum(map(len, self.files.values())) > LARGEST_TOGETHER:
            raise refused(node, key, "E005", "all files together exceed 32 MiB")
        return ReadFile(name, label, self.files[name])

    def _sought(
        self, written: object, base: str, mark: Mark, key: str
    ) -> tuple[Path, Path]:
        """The folder of the scenario or of the package, and the path in it of a file
        that another names; see `beside`."""
        hint = "write a path within the folder"
        if not isinstance(written, str) or not written.strip():
            raise refused(mark, key, "E501", "expected the name of a file", hint)
        folder, names = self.folder_of(base), [written]
        places = [(folder, Path(base).parent)]
        if key == "extends":
            names.append(f"{written}.yaml")
            places += [(_package_scenarios(), Path())] * (Path(written).name == written)
        paths = [(root, root / home / name) for root, home in places for name in names]
        present = [place for place in paths if os.path.isfile(place[1])]
        folder, path = [*present, *paths][0]
        real = Path(os.path.realpath(path))
        if _OUTSIDE.match(written) or not real.is_relative_to(folder):
            why = f"`{shown(written)}` lies outside the scenario's folder"
            raise refused(mark, key, "E501", why, hint)
        return folder, real

    def folder_of(self, name: str) -> Path:
        """The folder that a file's name is relative to."""
        return _package_scenarios() if name in self.of_package else self.folder


ZIPPED = b"PK\x03\x04"
"""First bytes of a zipped file, as of every .xlsx."""


def decoded(data: bytes, file: str) -> str:
    """UTF-8 text, a byte order mark dropped. Raises ScenarioError for anything else."""
    hint = "save it as text (CSV, YAML) in UTF-8"
    line, column, why = 1, 1, "this is no text in UTF-8"
    if data.startswith(ZIPPED):
        why = "this is a workbook or another zipped file, whatever its name says"
        hint = "rename it to `.xlsx`, or save the sheet as CSV in UTF-8"
        raise refused(Mark(file, line, column), "", "E006", why, hint)
    try:
        if not _BINARY.match(data):
            return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lines = re.split(rb"\r\n|\r|\n", error.object[: error.start])
        line, column = len(lines), len(lines[-1].decode("utf-8", "replace")) + 1
        why = f"byte 0x{error.object[error.start]:02X} is not UTF-8 text"
    raise refused(Mark(file, line, column), "", "E006", why, hint)


# --- by name --------------------------------------------------------------------------


def shipped_root() -> Path | None:
    """Where the package has its scenarios, experiments and games: in a wheel beside its
    code, else in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "shipped", package.parents[1]):
        if (root / SCENARIOS).is_dir() and (root / GAMES).is_dir():
            return root
    return None


def _package_scenarios() -> Path:
    """The folder of the package's scenarios, its links resolved."""
    return Path(os.path.realpath((shipped_root() or Path(os.devnull)) / SCENARIOS))


def shipped_files() -> list[tuple[Path, Path]]:
    """The folder and the path of each scenario, experiment and game of the package."""
    root = shipped_root()
    return [] if root is None else named_files(root)


def named_files(root: Path) -> list[tuple[Path, Path]]:
    """The folder and the path of each file below `root` that is found by its stem."""
    return [
        (folder, path)
        for folder in FOLDERS
        for path in sorted((root / folder).glob("*.yaml"))
    ]


def find(written: str, folders: Iterable[Path] = FOLDERS) -> Path:
    """The file itself, or for a bare name a file of that name: here, in one of these
    folders, or of the package.

    Raises ScenarioError for what is no path at all."""
    path = Path(written)
    if _URL.match(written):
        why, hint = f"`{shown(written)}`: a URL", "save the file and give its path"
        raise refused(Mark(shown(written), 1, 1), "", "E501", why, hint)
    if "\0" in written or not written:
        raise not_found(written)
    if path.suffix or (os.path.lexists(path) and not path.is_dir()):
        return path  # a folder of tables may have the name of its scenario
    name, root = f"{path.name}.yaml", shipped_root()
    candidates = [path.parent / name]
    for folder in folders:
        candidates.append(folder / name)
        if path.name == written and root is not None:
            candidates.append(root / folder / name)
    return next((file for file in candidates if os.path.isfile(file)), path)


def not_found(written: str, folder: Path = SCENARIOS) -> ScenarioError:
    """The error for a file that is not there, with what there is instead. folder: where
    files of its type are."""
    label, files = shown(written, 200), [*named_files(Path()), *shipped_files()]
    siblings = Path(written.replace("\0", "")).parent.glob("*.yaml")
    stems = [file.stem for _, file in files]
    names = {file.stem for place, file in files if place == folder}
    hint = did_you_mean(written, [*stems, *map(str, siblings)])
    hint = hint or f"these are known: {listed(sorted(names))} (balance-sim list)"
    return refused(Mark(label, 1, 1), "", "E001", f"not found: `{label}`", hint)


# --- reading --------------------------------------------------------------------------


UNBOUNDED = -2


def regular_bytes(path: str | os.PathLike[str], largest: int = UNBOUNDED) -> bytes:
    """The whole of a regular file. Opens without blocking, so that no pipe and no
    device is waited for.

    largest: bytes that are read at most; without a bound as many as there are. Raises
    OSError: of EISDIR for whatever is not a regular file, of EFBIG beyond the bound."""
    with open(path, "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EISDIR, "not a regular file")
        data = stream.read(largest + 1)
    if 0 <= largest < len(data):
        raise OSError(errno.EFBIG, f"more than {largest:,} bytes")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """A handle on a file, opened at once even where it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def bytes_if_any(
    path: str | os.PathLike[str], largest: int = UNBOUNDED
) -> bytes | None:
    """The same; None where there is no such file, it is too large, or may not be read.

    Raises OSError where the system has no more files or memory, which says nothing of
    the file."""
    try:
        return regular_bytes(path, largest)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        return None


def _bytes_of(path: Path, mark: Mark, key: str, folder: Path = SCENARIOS) -> bytes:
    """The bytes of a file of a scenario. Raises ScenarioError.

    mark, key : where it is named; the key is empty for the file that was asked for
    folder : where files of its type are"""
    is_table = key.endswith("table")
    try:
        return regular_bytes(path, LARGEST_TABLE if is_table else LARGEST_SCENARIO)
    except OSError as error:
        number, reason = error.errno or 0, error.strerror
    if number in MISSING and not key:
        raise not_found(str(path), folder)
    why = f"cannot be read: `{shown(str(path), 200)}` ({reason})"
    hint = "give a regular file of at most 1 MiB, or 8 for a table, by its path"
    if number == errno.EFBIG and not is_table:
        hint = "move long lists to tables, as `events: [{table: FILE}]`"
    if number == errno.EISDIR:
        hint = "give a file; a folder of results is checked by `balance-sim verify`"
    if number in MISSING:
        names = [file.stem for _, file in shipped_files() if key == "extends"]
        beside = path.parent.glob("*")
        names += [file.name for file in beside if file.suffix == path.suffix]
        hint = did_you_mean(path.name, names) or "give the path of a file that exists"
    raise refused(mark, key, _CODES.get(number, "E003"), why, hint)


# --- what comes with the package ------------------------------------------------------


def shipped(package: str, name: str) -> bytes:
    """A file of a package of ours."""
    return (importlib.resources.files(package) / name).read_bytes()


def shipped_text(package: str, name: str) -> str:
    """The same as text."""
    return shipped(package, name).decode("utf-8")

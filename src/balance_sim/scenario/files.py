"""Reading files: those of a scenario, regular, of bounded size, none outside its
folder; and those of the package.

A wheel's own record has the sha256 of every file: a table of ours that was cut or
edited since would give wrong numbers without a word. Where there is no record, as in a
working copy, nothing is compared."""

from __future__ import annotations

import base64
import errno
import hashlib
import importlib.resources
import os
import posixpath
import re
import stat
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from balance_sim.scenario.diagnostics import (
    Mark,
    ScenarioError,
    closest,
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
REINSTALL = (
    "install balance-sim again: pip install --force-reinstall --no-deps balance-sim"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_YEAR = re.compile(r"_\d{4}$")
_OUTSIDE = re.compile(r"(?s)[A-Za-z][A-Za-z0-9+.-]*:|[~/]|.*\\")
_BINARY = re.compile(rb".{0,7}[\x00-\x08\x0e-\x1f]", re.DOTALL)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class ReadFile(NamedTuple):
    """A file named by another: its name within the scenario's folder, as messages show
    it, and its bytes."""

    name: str
    shown: str
    data: bytes


class Sources:
    """The files that one scenario is read from.

    Attributes
    ----------
    files : bytes by name within the scenario's folder
    held : files by name to read from instead of the disk, which is then not looked at
    included : by file as messages show it, the place that extends it
    names : name by file as messages show it
    of_package : names of files in the package, read by what extends its scenarios. A
        file may extend a scenario of the package by its name from any folder; that
        one's own files are the package's.
    is_shipped : whether the scenario itself is one of the package
    """

    def __init__(
        self, path: str | os.PathLike[str], held: Mapping[str, bytes] | None = None
    ) -> None:
        written = os.fspath(path)
        self.held = held
        self.path = find(written) if held is None else Path(posixpath.normpath(written))
        is_name = self.path.is_absolute() and not os.path.isabs(written)
        self.is_shipped = held is None and is_name
        self.shown = shown(str(self.path), 200)
        folder = self.path.parent
        self.folder = folder if held is not None else Path(os.path.realpath(folder))
        self.files: dict[str, bytes] = {}
        self.included: dict[str, str] = {}
        self.of_package: set[str] = set()
        self.names = {self.shown: self.path.name}

    def home(self) -> Path:
        """The folder for what is written of a scenario: that of its tables, which has
        its name, if there is one; its own; the working directory for a scenario of the
        package, whose files stay as they were installed."""
        tables = self.path.with_suffix("")
        if self.is_shipped:
            return Path()
        return tables if tables.is_dir() else self.path.parent

    def main(self) -> str:
        """The text of the scenario file itself."""
        mark = Mark(self.shown, 1, 1)
        data = self._read(self.path, mark, "", LARGEST_SCENARIO, str(self.path))
        self.files[self.path.name] = data
        return decoded(data, self.shown)

    def path_of(self, written: object, base: str) -> str:
        """The path of what a file names; one for all ways to write it."""
        if not isinstance(written, str) or "\0" in written:
            return str(written)
        return os.path.realpath(self.folder / Path(base).parent / written)

    def beside(
        self, written: object, base: str, mark: Mark, key: str, largest: int
    ) -> ReadFile:
        """The file that another names. base: that one's name; key: under which; mark:
        where. Raises ScenarioError."""
        hint = "write a path within the folder"
        if not isinstance(written, str) or not written.strip():
            raise refused(mark, key, "E501", "expected the name of a file", hint)
        if _OUTSIDE.match(written):
            why = f"`{shown(written)}`: a file within the scenario's folder is read"
            raise refused(mark, key, "E501", why, hint)
        folder, written = self._home_of(written, base, is_base=key == "extends")
        is_relative = base in self.of_package or folder == self.folder
        inside = folder / (Path(base).parent if is_relative else "") / written
        normal = os.path.realpath if self.held is None else posixpath.normpath
        real = Path(normal(inside))
        if not real.is_relative_to(folder):
            why = f"`{shown(written)}` resolves outside the scenario's folder"
            raise refused(mark, key, "E501", why, "copy the file into the folder")
        name = real.relative_to(folder).as_posix()
        label = os.path.join(os.path.dirname(self.shown), name)
        if folder != self.folder:
            self.of_package.add(name)
            label = shown(str(real), 200)
        self.names[label] = name
        if name not in self.files:
            self.files[name] = self._read(real, mark, key, largest, written)
            total = sum(map(len, self.files.values()))
            if total > LARGEST_TOGETHER:
                subject = "all files together"
                raise _too_large(mark, key, subject, total, LARGEST_TOGETHER)
        return ReadFile(name, label, self.files[name])

    def folder_of(self, name: str) -> Path:
        """The folder that a file's name is relative to."""
        root = shipped_root()
        is_of_package = name in self.of_package and root is not None
        return root / SCENARIOS if is_of_package and root else self.folder

    def _home_of(self, written: str, base: str, *, is_base: bool) -> tuple[Path, str]:
        """The folder to look in for a file that `base` names, and the file's name: the
        scenario's own, or, for what extends a scenario of the package that does not lie
        here and for that one's own files, the package's."""
        naming_folder, root = self.folder / Path(base).parent, shipped_root()
        names = [written, f"{written}.yaml"] if is_base else [written]
        if self.held is not None:
            paths = {name: posixpath.normpath(naming_folder / name) for name in names}
            present = [name for name in names if paths[name] in self.held]
            return self.folder, (present or [written])[0]
        if root is None:
            return self.folder, written
        package = Path(os.path.realpath(root / SCENARIOS))
        if base in self.of_package:
            return package, written
        for name in names:
            if os.path.lexists(naming_folder / name):
                return self.folder, name
        if is_base and Path(written).name == written:
            for name in names:
                if (package / name).is_file():
                    return package, name
        return self.folder, written

    def _read(
        self, path: Path, mark: Mark, key: str, largest: int, written: str
    ) -> bytes:
        name = shown(written, 200)
        if self.held is not None:
            data = self.held.get(path.as_posix())
            if data is None:
                hint = "it is not among the files given"
                raise refused(mark, key, "E001", f"not found: `{name}`", hint)
            if len(data) > largest:
                raise _too_large(mark, key, name, len(data), largest)
            return data
        try:
            return regular_bytes(path, largest)
        except FileTooLarge as error:
            raise _too_large(mark, key, name, error.size, largest) from None
        except OSError as error:
            raise _cannot_open(error, path, mark, key, name) from None


def decoded(data: bytes, file: str) -> str:
    """UTF-8 text, a byte order mark dropped. Raises ScenarioError for anything else."""
    if data.startswith(_UTF_16) or _BINARY.match(data):
        why, hint = "this is no text in UTF-8", "save it as text (CSV, YAML) in UTF-8"
        raise refused(Mark(file, 1, 1), "", "E006", why, hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
    lines = re.split(rb"\r\n|\r|\n", data[:offset])
    column = len(lines[-1].decode("utf-8", "replace")) + 1
    why = f"byte 0x{data[offset]:02X} at offset {offset} is not UTF-8 text"
    mark = Mark(file, len(lines), column)
    raise refused(mark, "", "E006", why, "save it as text in UTF-8")


# --- by name --------------------------------------------------------------------------


def shipped_root() -> Path | None:
    """Where the package has its scenarios, experiments and games: in a wheel beside its
    code, else in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "shipped", package.parents[1]):
        if (root / SCENARIOS).is_dir() and (root / GAMES).is_dir():
            return root
    return None


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
    path, label = Path(written), shown(written, 200)
    if _URL.match(written):
        why, hint = f"`{label}`: URLs are not read", "save the file and give its path"
        raise refused(Mark(label, 1, 1), "", "E501", why, hint)
    if "\0" in written or not written:
        raise not_found(written)
    if os.path.lexists(path) or path.suffix:
        return path
    name, root = f"{path.name}.yaml", shipped_root()
    candidates = [path.with_name(name)]
    for folder in folders:
        candidates.append(folder / name)
        if path.name == written and root is not None:
            candidates.append(root / folder / name)
    return next((file for file in candidates if os.path.isfile(file)), path)


def not_found(written: str, folder: Path | None = None) -> ScenarioError:
    """The error for a file that is not there, with what there is instead. folder: where
    it was looked for, if in one alone."""
    label = shown(written, 200)
    hint = _near(Path(written.replace("\0", "")), folder)
    if written.startswith("~"):
        hint = "`~` is not replaced here: write the path in full"
    why, hint = f"not found: `{label}`", hint or "give the path of a file"
    return refused(Mark(label, 1, 1), "", "E001", why, hint)


def _near(path: Path, folder: Path | None = None) -> str:
    """`did you mean `x`?` of a YAML file here, beside `path` or shipped whose name is
    near, its year left out or not; else the names of files that exist."""
    names: dict[str, str] = {file.stem: file.stem for _, file in shipped_files()}
    for place in (EXPERIMENTS, SCENARIOS, path.parent):
        paths = sorted(place.glob("*.yaml")) if place.is_dir() else []
        names |= {file.stem: str(file) for file in paths if file != path}
    wanted = path.stem if path.suffix in (".yaml", ".yml") else path.name
    if len(wanted) > 2 and wanted.isprintable():
        undated = {_YEAR.sub("", name): name for name in names}
        longer = [name for name in names if name.startswith(wanted.casefold())]
        near = closest(wanted, names, cutoff=0.75)
        near = near or undated.get(closest(wanted, undated, cutoff=0.75) or "")
        if near is None and len(longer) == 1:
            near = longer[0]
        if near:
            return f"did you mean `{shown(names[near], 200)}`?"
    offered = [*named_files(Path()), *shipped_files()]
    wanted_folder = folder or SCENARIOS
    present = {file.stem for place, file in offered if place == wanted_folder}
    if present:
        return f"these are known: {listed(sorted(present))} (balance-sim list)"
    return ""


# --- reading --------------------------------------------------------------------------


class FileTooLarge(OSError):
    """A file of more bytes than are read; `size` tells how many, as far as they were
    counted."""

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(errno.EFBIG, f"{size:,} bytes; at most {largest:,} are read")
        self.size = size


def regular_bytes(path: str | os.PathLike[str], largest: int | None = None) -> bytes:
    """The whole of a regular file. Opens without blocking, so that no pipe and no
    device is waited for.

    Raises OSError: of EISDIR for whatever is not a regular file, `FileTooLarge` beyond
    `largest` bytes."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(path, flags)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EISDIR, "not a regular file")
        if largest is not None and status.st_size > largest:
            raise FileTooLarge(status.st_size, largest)
        with os.fdopen(handle, "rb", closefd=False) as stream:
            if largest is None:
                return stream.read()
            # room for as much as is asked for is made at once
            data = stream.read(status.st_size + 1)
            if len(data) > status.st_size:  # it grows, or does not tell its size
                data += stream.read(largest - status.st_size)
    finally:
        os.close(handle)
    if len(data) > largest:
        raise FileTooLarge(len(data), largest)
    return data


def bytes_if_any(
    path: str | os.PathLike[str], largest: int | None = None
) -> bytes | None:
    """The same; None where there is no such file, or it may not be read.

    Raises OSError where the system has no more files or memory, which says nothing of
    the file; `FileTooLarge`."""
    try:
        return regular_bytes(path, largest)
    except OSError as error:
        if error.errno in EXHAUSTED or isinstance(error, FileTooLarge):
            raise
        return None


def _cannot_open(
    error: OSError, path: Path, mark: Mark, key: str, label: str
) -> ScenarioError:
    """The error for a file that cannot be read, by the number of the system's."""
    code, hint = "E003", "give the path of a readable file"
    why = f"cannot be read: `{label}` ({os.strerror(error.errno or 0)})"
    if error.errno in MISSING and not key:
        return not_found(str(path))
    if error.errno in MISSING:
        code, why = "E001", f"not found: `{label}`"
        hint = "paths are relative to the naming file"
        names = {file.stem for folder, file in shipped_files() if folder == SCENARIOS}
        near = closest(Path(label).stem, names) if key == "extends" else None
        hint = f"did you mean `{near}`?" if near else hint
    elif error.errno == errno.EISDIR and path.is_dir():
        code, why, hint = "E002", f"`{label}` is a folder", _in_folder(path)
    elif error.errno in (errno.ENXIO, errno.EISDIR):
        code, why = "E002", f"`{label}` is not a regular file"
    elif error.errno in EXHAUSTED:
        hint = "close other files or programs, or raise `ulimit -n`, and try again"
    return refused(mark, key, code, why, hint)


def _in_folder(path: Path) -> str:
    """What to give instead of a folder."""
    name = shown(str(path), 200)
    if (path / "manifest.json").is_file():
        return f"it holds results: balance-sim verify {name}"
    files = sorted(file.name for file in path.glob("*.yaml"))
    return f"give the path of a file; it holds {listed(files, 6) or 'no YAML file'}"


def _too_large(
    mark: Mark, key: str, label: str, size: int, largest: int
) -> ScenarioError:
    why = f"`{label}`: {size / 2**20:.2f} MiB exceeds {largest >> 20} MiB"
    return refused(mark, key, "E005", why, "move long lists into CSV tables")


# --- what comes with the package ------------------------------------------------------


def shipped(package: str, name: str) -> bytes:
    """A file of a package of ours, held to the record of its installation. Raises
    ScenarioError."""
    path = importlib.resources.files(package) / name
    mark = Mark(str(path), 1, 1)
    try:
        data = path.read_bytes()
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        why = f"cannot be read: {os.strerror(error.errno or 0)}"
        raise refused(mark, "", "E008", why, REINSTALL) from None
    binary_digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    digest = binary_digest.rstrip(b"=").decode()
    if _record().get(os.path.realpath(str(path)), digest) != digest:
        why = "this file of the package is not as it was installed"
        raise refused(mark, "", "E008", why, REINSTALL)
    return data


def shipped_text(package: str, name: str) -> str:
    """The same as text."""
    return shipped(package, name).decode("utf-8")


@cache
def _record() -> dict[str, str]:
    """Path of each installed file that is no code -> its sha256, as wheels write it;
    empty without a record."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        installed = files("balance-sim") or []
    except PackageNotFoundError:
        return {}
    return {
        os.path.realpath(str(file.locate())): file.hash.value
        for file in installed
        if file.hash is not None and file.suffix != ".py"
    }

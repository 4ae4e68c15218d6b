"""Reading files: those of a scenario, regular, of bounded size, none outside its
folder; and those of the package.

A wheel's own record has the sha256 of every file: a table of ours that was cut or
edited since would give wrong numbers without a word. Where there is no record, as in a
working copy, nothing is compared."""

from __future__ import annotations

import base64
import contextlib
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
REINSTALL = (
    "install balance-sim again: pip install --force-reinstall --no-deps balance-sim"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_YEAR = re.compile(r"_\d{4}$")
_OUTSIDE = re.compile(r"(?s)[A-Za-z][A-Za-z0-9+.-]*:|[~/]|.*\\")
_PACKED = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old kind",
    b"\x1f\x8b": "a gzipped file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"PAR1": "a Parquet file",
    b"SQLite format 3\0": "a SQLite database",
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class Sources:
    """The files that one scenario was read from: `files` maps names within its folder
    to bytes.

    A file may extend a scenario of the package by its name from any folder; that one's
    own files are the package's. included: file, as shown in messages -> the place that
    extends it. names: file as shown -> its name. of_package: names of those that were
    found in the package by what extends it. is_shipped: found by its name among the
    files of the package, not in the working directory. held: files by name to read from
    instead of the disk, which is then not looked at; `path` is one of the names."""

    def __init__(
        self, path: str | os.PathLike[str], held: Mapping[str, bytes] | None = None
    ) -> None:
        written = os.fspath(path)
        self.held = held
        self.path = find(written) if held is None else Path(posixpath.normpath(written))
        self.is_shipped = (
            held is None and self.path.is_absolute() and not os.path.isabs(written)
        )
        self.shown = shown(str(self.path), 200)
        self.folder = (
            Path(os.path.realpath(self.path.parent))
            if held is None
            else self.path.parent
        )
        self.files: dict[str, bytes] = {}
        self.included: dict[str, str] = {}
        self.of_package: set[str] = set()
        self.names = {self.shown: self.path.name}

    def home(self) -> Path:
        """The folder for what is written of a scenario: that of its tables, which has
        its name, if there is one; its own; the working directory for a scenario of the
        package, whose files stay as they were installed."""
        tables = self.path.with_suffix("")
        return (
            Path()
            if self.is_shipped
            else tables
            if tables.is_dir()
            else self.path.parent
        )

    def main(self) -> str:
        """The text of the scenario file itself."""
        data = self._read(
            self.path, Mark(self.shown, 1, 1), "", LARGEST_SCENARIO, str(self.path)
        )
        self.files[self.path.name] = data
        return decoded(data, self.shown)

    def name_of(self, written: object, base: str) -> str:
        """The same for any two ways to write one file; `base` as in `beside`."""
        if not isinstance(written, str) or "\0" in written:
            return str(written)
        return os.path.realpath(self.folder / Path(base).parent / written)

    def beside(
        self, written: object, base: str, mark: Mark, path: str, largest: int
    ) -> tuple[str, str, bytes]:
        """A file named by another: its name within the folder, as shown in messages,
        and its bytes.

        `base` is the name within the folder of the file that names it."""
        hint = "write a path within the folder"
        if not isinstance(written, str) or not written.strip():
            raise refused(mark, path, "E501", "expected the name of a file", hint)
        if _OUTSIDE.match(written):
            why = (
                "URLs are not read"
                if "://" in written
                else "must stay inside the scenario's folder"
            )
            raise refused(mark, path, "E501", f"`{shown(written)}`: {why}", hint)
        folder, written = self._home_of(written, base, is_base=path == "extends")
        from_package = (
            base in self.of_package or folder == self.folder
        )  # else the name is of its top
        inside = folder / (Path(base).parent if from_package else "") / written
        try:
            real = Path(
                os.path.realpath(inside)
                if self.held is None
                else posixpath.normpath(inside)
            )
            name = real.relative_to(folder).as_posix()
        except ValueError:
            why = f"`{shown(written)}` resolves outside the scenario's folder"
            raise refused(
                mark, path, "E501", why, "copy the file into the folder"
            ) from None
        told = os.path.join(os.path.dirname(self.shown), name)
        if folder != self.folder:
            self.of_package.add(name)
            told = shown(str(real), 200)
        self.names[told] = name
        if name not in self.files:
            self.files[name] = self._read(real, mark, path, largest, written)
            total = sum(map(len, self.files.values()))
            if total > LARGEST_TOGETHER:
                raise _too_large(
                    mark, path, "all files together", total, LARGEST_TOGETHER
                )
        return name, told, self.files[name]

    def folder_of(self, name: str) -> Path:
        """The folder that a file's name is relative to."""
        root = shipped_root()
        return (
            root / SCENARIOS
            if name in self.of_package and root is not None
            else self.folder
        )

    def _home_of(self, written: str, base: str, *, is_base: bool) -> tuple[Path, str]:
        """The folder to look in for a file that `base` names, and the file's name: the
        scenario's own, or, for what extends a scenario of the package that does not lie
        here and for that one's own files, the package's."""
        here, root = self.folder / Path(base).parent, shipped_root()
        if self.held is not None:
            names = [written, f"{written}.yaml"] if is_base else [written]
            return self.folder, next(
                (one for one in names if posixpath.normpath(here / one) in self.held),
                written,
            )
        if base in self.of_package and root is not None:
            return Path(os.path.realpath(root / SCENARIOS)), written
        if (
            is_base
            and not os.path.lexists(here / written)
            and Path(written).name == written
        ):
            written = written if Path(written).suffix else f"{written}.yaml"
            if (
                not os.path.lexists(here / written)
                and root is not None
                and os.path.isfile(root / SCENARIOS / written)
            ):
                return Path(os.path.realpath(root / SCENARIOS)), written
        return self.folder, written

    def _read(
        self, path: Path, mark: Mark, where: str, largest: int, written: str
    ) -> bytes:
        name = shown(written, 200)
        try:
            data = (
                self.held.get(path.as_posix())
                if self.held is not None
                else regular_bytes(path, largest)
            )
        except FileTooLarge as error:
            raise _too_large(mark, where, name, error.size, largest) from None
        except OSError as error:
            raise _cannot_open(error, path, mark, where, name) from None
        if data is None:
            raise refused(
                mark,
                where,
                "E001",
                f"not found: `{name}`",
                "it is not among the files given",
            )
        if len(data) > largest:
            raise _too_large(mark, where, name, len(data), largest)
        return data


def decoded(data: bytes, file: str) -> str:
    """UTF-8 text, a byte order mark dropped. Raises ScenarioError for anything else."""
    mark = Mark(file, 1, 1)
    packed = next(
        (what for start, what in _PACKED.items() if data.startswith(start)), None
    )
    if packed is not None:
        raise refused(mark, "", "E006", f"{packed} found", "give a text file in UTF-8")
    if data.startswith(_UTF_16):
        raise refused(mark, "", "E006", "UTF-16 or UTF-32 found", "save as UTF-8")
    if len(data) >= 4 and any(not any(data[at::2][:16]) for at in (0, 1)):
        raise refused(mark, "", "E006", "UTF-16 found", "save as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        before = data[:start]
        line_start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        column = len(before[line_start:].decode("utf-8", "replace")) + 1
        mark = Mark(file, len(re.findall(rb"\r\n|\r|\n", before)) + 1, column)
        why = f"byte 0x{data[start]:02X} at offset {start} is not UTF-8"
        raise refused(mark, "", "E006", why, "save as UTF-8") from None


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
    """The folder and the path of each file below `root` that is found by its name; see
    `name_of`."""
    patterns = ("*.yaml",)
    return [
        (of, path)
        for of in FOLDERS
        for pattern in patterns
        for path in sorted((root / of).glob(pattern))
    ]


def name_of(path: Path) -> str:
    """What commands find a file by: its own name, or that of its folder where it is the
    plan in it."""
    return path.stem


def find(written: str, folders: Iterable[Path] = FOLDERS) -> Path:
    """The file itself, or for a bare name a file of that name: here, in one of these
    folders, or of the package.

    Raises ScenarioError for what is no path at all."""
    path = Path(written)
    if _URL.match(written):
        named = shown(written, 200)
        raise refused(
            Mark(named, 1, 1),
            "",
            "E501",
            f"`{named}`: URLs are not read",
            "save the file and give its path",
        )
    if "\0" in written or not written:
        raise not_found(written)
    if not os.path.lexists(path) and not path.suffix:
        bare, root = path.name == written, shipped_root()
        candidates = [path.with_name(f"{path.name}.yaml")]
        for folder in folders:
            here = (folder / f"{path.name}.yaml",)
            candidates += [
                *here,
                *(root / one for one in here if bare and root is not None),
            ]
        return next((one for one in candidates if os.path.isfile(one)), path)
    return path


def not_found(written: str, folder: Path | None = None) -> ScenarioError:
    """What there is instead of a file that is not there. folder: where it was looked
    for, if in one alone."""
    named = shown(written, 200)
    path = Path(written.replace("\0", ""))
    why, hint = f"not found: `{named}`", _near(path, folder)
    if not written:
        why, hint = "no file is named", ""
    elif written == "-":
        why, hint = "not found: `-`; standard input is not read", ""
    elif os.path.islink(path):
        there = shown(os.readlink(path), 200)
        why, hint = f"not found: `{named}` is a link to `{there}`, and that is not", ""
    elif written.startswith("~"):
        hint = "`~` is not replaced here: write the path in full"
    return refused(
        Mark(named, 1, 1), "", "E001", why, hint or "give the path of a file"
    )


def _near(path: Path, within: Path | None = None) -> str:
    """`did you mean `x`?` of a YAML file here, beside `path` or shipped whose name is
    near, its year left out or not; else which files there are here, or by which names
    the package has scenarios."""
    offered = shipped_files()
    names = {name_of(of): name_of(of) for _, of in offered}
    for folder in (
        EXPERIMENTS,
        SCENARIOS,
        path.parent,
    ):  # of two of one name the one in the folder that was meant
        with contextlib.suppress(OSError):
            names |= {
                one.stem: str(one)
                for one in sorted(folder.glob("*.yaml"))
                if one != path
            }
    wanted = path.stem if path.suffix in (".yaml", ".yml") else path.name
    longer = [
        name
        for name in names
        if len(wanted) > 2 and name.casefold().startswith(wanted.casefold())
    ]
    near = closest(wanted, names, cutoff=0.75) or (
        longer[0] if len(longer) == 1 else None
    )
    if near is None and wanted.isprintable() and len(wanted) > 2:
        undated = {_YEAR.sub("", name): name for name in names}
        near = undated.get(closest(wanted, undated, cutoff=0.75) or "")
    if near:
        return f"did you mean `{shown(names[near], 200)}`?"
    if within is not None:
        here = {
            name_of(one) for of, one in [*offered, *named_files(Path())] if of == within
        }
        return (
            f"these are known: {listed(sorted(here))} (balance-sim list)"
            if here
            else ""
        )
    there = [
        path
        for path in names.values()
        if Path(path).parent != EXPERIMENTS and os.path.isfile(path)
    ]
    if there:
        return f"these exist: {listed(there)}"
    scenarios = [name_of(of) for folder, of in offered if folder is SCENARIOS]
    return (
        f"these are shipped: {listed(scenarios)} (balance-sim list)"
        if scenarios
        else ""
    )


class FileTooLarge(OSError):
    """A file of more bytes than are read; `size` tells how many, as far as they were
    counted."""

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(errno.EFBIG, f"{size:,} bytes; at most {largest:,} are read")
        self.size = size


def regular_bytes(path: str | os.PathLike[str], largest: int | None = None) -> bytes:
    """The whole of a regular file. Opens without blocking, so that no pipe and no
    device is waited for.

    Raises OSError: of EISDIR for whatever is not a regular file, `TooLarge` beyond
    `largest` bytes."""
    handle = os.open(
        path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    )
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EISDIR, "not a regular file")
        if largest is not None and status.st_size > largest:
            raise FileTooLarge(status.st_size, largest)
        with os.fdopen(handle, "rb", closefd=False) as stream:
            # room for as much as is asked for is made at once
            data = stream.read(-1 if largest is None else status.st_size + 1)
            if (
                largest is not None and len(data) > status.st_size
            ):  # it grows, or does not tell its size
                data += stream.read(largest - status.st_size)
    finally:
        os.close(handle)
    if largest is not None and len(data) > largest:
        raise FileTooLarge(len(data), largest)
    return data


def bytes_if_any(
    path: str | os.PathLike[str], largest: int | None = None
) -> bytes | None:
    """The same; None where there is no such file, or it may not be read.

    Raises OSError where the system has no more files or memory, which says nothing of
    the file; `TooLarge`."""
    try:
        return regular_bytes(path, largest)
    except OSError as error:
        if error.errno in EXHAUSTED or isinstance(error, FileTooLarge):
            raise
        return None


def _cannot_open(
    error: OSError, path: Path, mark: Mark, where: str, named: str
) -> ScenarioError:
    code, hint = "E003", "give the path of a readable file"
    why = f"cannot be read: `{named}` ({os.strerror(error.errno or 0)})"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        if not where:
            return not_found(str(path))
        code, why, hint = (
            "E001",
            f"not found: `{named}`",
            "paths are relative to the naming file",
        )
        if where == "extends":
            names = {
                name_of(of) for folder, of in shipped_files() if folder == SCENARIOS
            }
            near = closest(
                Path(named).stem,
                names | {one.stem for one in path.parent.glob("*.yaml")},
            )
            hint = (
                f"did you mean `{near}`?"
                if near
                else f"a file beside this one, or one of {listed(sorted(names))}"
            )
    elif error.errno in (errno.EACCES, errno.EPERM):
        why, hint = f"permission denied: `{named}`", "make the file readable"
    elif error.errno == errno.EISDIR and path.is_dir():
        code, why, hint = (
            "E002",
            f"`{named}` is a folder, not a regular file",
            _in_folder(path),
        )
    elif error.errno == errno.ELOOP:
        why = f"cannot be read: `{named}` is a link that leads back to itself"
        hint = "give the path of the file itself"
    elif error.errno in (errno.ENXIO, errno.EISDIR):
        code, why, hint = (
            "E002",
            f"`{named}` is not a regular file",
            "give the path of a file",
        )
    elif error.errno in EXHAUSTED:
        hint = "close other files or programs, or raise `ulimit -n`, and give the command again"
    return refused(mark, where, code, why, hint)


def _in_folder(path: Path) -> str:
    """What to give instead of a folder."""
    name = shown(str(path), 200)
    if (path / "manifest.json").is_file():
        return f"it holds results: balance-sim verify {name}"
    if path.name and path.with_name(f"{path.name}.yaml").is_file():
        return f"did you mean `{name}.yaml`?"
    try:
        files = sorted(
            one.name for one in path.iterdir() if one.suffix in (".yaml", ".yml")
        )
    except OSError:
        files = []
    return f"give the path of a file; it holds {listed(files, 6) or 'no YAML file'}"


def _too_large(
    mark: Mark, where: str, named: str, size: int, largest: int
) -> ScenarioError:
    why = f"`{named}`: {size / 2**20:.2f} MiB exceeds {largest >> 20} MiB"
    return refused(mark, where, "E005", why, "move long lists into CSV tables")


# --- what comes with the package --------------------------------------------------------------------


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
    digest = (
        base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    )
    if _record().get(os.path.realpath(str(path)), digest) != digest:
        raise refused(
            mark,
            "",
            "E008",
            "this file of the package is not as it was installed",
            REINSTALL,
        )
    return data


def shipped_text(package: str, name: str) -> str:
    """The same as text."""
    return shipped(package, name).decode("utf-8")


@cache
def _record() -> dict[str, str]:
    """Path of each installed file that is no code -> its sha256, as wheels write it;
    empty without a record."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        here = distribution("balance-sim")
    except PackageNotFoundError:
        return {}
    rows = [
        line.rsplit(",", 2) for line in (here.read_text("RECORD") or "").splitlines()
    ]
    return {
        os.path.realpath(str(here.locate_file(row[0].strip('"')))): row[1].removeprefix(
            "sha256="
        )
        for row in rows
        if len(row) == 3 and row[1].startswith("sha256=") and not row[0].endswith(".py")
    }

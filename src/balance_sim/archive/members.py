"""A zip archive by the names of its members: the same bytes for the same content, and
read so that a stranger's archive can do no harm.

Names, kinds and sizes of all members are checked, then their bytes, before anything is
written.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StudyError
from balance_sim.scenario.files import EXHAUSTED, regular_bytes
from balance_sim.study.atomic_files import make_folder, write_atomic

LARGEST_ARCHIVE = 256 << 20
LARGEST_MEMBER = 128 << 20
LARGEST_TOTAL = 512 << 20
MOST_MEMBERS = 2_000
LONGEST_NAME = 300
LARGEST_ENTRY = 1_024
"""Bytes that the list of members takes for one, on average."""
MOST_VALUES = 4_000_000
"""Values in a JSON member: in memory each may take a hundred bytes."""
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\5\6"
_MARK_64_BIT = b"PK\6\7"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/){0,7}[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class BadArchive(StudyError):
    """An archive that is refused; the text says why. Nothing of it was written."""

    exit_code = 4


def zipped(files: dict[str, bytes]) -> bytes:
    """Return an archive of members in the order of names, all of one date, with plain
    permissions: content alone decides the bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, files[name], compresslevel=9)
    return sink.getvalue()


def unzipped(path: Path) -> dict[str, bytes]:
    """Return all members by name, in memory. Raises BadArchive for whatever is not a
    plain, small, honest archive."""
    name = shown(path, 200)
    try:
        content = regular_bytes(path, LARGEST_ARCHIVE)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise BadArchive(f"{name}: {error.strerror}") from None
    _check_end(content, name)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [
                member
                for member in archive.infolist()
                if not member.is_dir() or member.file_size
            ]
            _check_members(members)
            files = {member.filename: _content(archive, member) for member in members}
    except _UNREADABLE as error:
        raise BadArchive(f"{name}: cannot be read as a zip archive: {error}") from None
    for member_name, data in files.items():
        values = data.count(b",") + data.count(b"[") + data.count(b"{")
        if member_name.endswith(".json") and values > MOST_VALUES:
            raise BadArchive(
                f"{member_name}: {values:,} values; at most {MOST_VALUES:,} are read"
            )
    return files


def _check_end(content: bytes, name: str) -> None:
    """Raise BadArchive unless the list of members is short, by the record at the very
    end: a long one is not even read, for its entries take more room in memory than in
    the file."""
    end = content[-_END.size :]
    if len(end) < _END.size or not end.startswith(_END_MARK):
        raise BadArchive(f"{name}: not a zip archive, or one with bytes behind it")
    _, disk, _, _, count, size, start, comment = _END.unpack(end)
    if count > MOST_MEMBERS or size > MOST_MEMBERS * LARGEST_ENTRY:
        raise BadArchive(f"{name}: {count:,} files; at most {MOST_MEMBERS:,} are read")
    before_end = len(content) - _END.size
    is_64_bit = content[before_end - 20 : before_end - 16] == _MARK_64_BIT
    if disk or comment or is_64_bit or start + size != before_end:
        raise BadArchive(f"{name}: not a plain zip archive: it holds other bytes")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Raise BadArchive for a name, a kind or a size that is not allowed."""
    total = 0
    names: set[str] = set()
    for member in members:
        name = member.filename
        problem = _problem(member)
        total += member.file_size
        if name.casefold() in names:
            problem = "stands there twice"
        elif member.file_size > LARGEST_MEMBER or total > LARGEST_TOTAL:
            problem = f"too large ({member.file_size:,} bytes, {total:,} so far)"
        if problem:
            raise BadArchive(f"{name[:200]!r}: {problem}")
        names.add(name.casefold())


def _problem(member: zipfile.ZipInfo) -> str:
    """Return why a member is refused: its name could lead out of the folder, or it is
    no plain file; nothing where it is not."""
    name = member.filename
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        return "a name that is not allowed"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "a link, or another thing than a file"
    if member.flag_bits & 0x1 or member.compress_type not in _PACKINGS:
        return "encrypted, or packed in a way that is not read"
    return ""


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the bytes, never more than the list of members says; their check sum is
    the archive's own."""
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
        if len(data) != member.file_size or stream.read(1):
            raise BadArchive(f"{member.filename!r}: not as long as declared")
    return data


def unpack(files: dict[str, bytes], folder: Path) -> None:
    """Write checked members into a new or empty folder. Raises BadArchive if something
    is there already, CannotWrite."""
    if folder.is_symlink():
        raise BadArchive(f"{folder} is a link; choose another --out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadArchive(f"{folder} is there already; choose another --out")
    root = Path(os.path.realpath(folder))
    for name, content in files.items():
        path = root / name
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise BadArchive(f"{name!r}: leads out of the folder")
        make_folder(path.parent)
        write_atomic(path, content)

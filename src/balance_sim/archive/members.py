"""A zip archive by the names of its members: the same bytes for the same content, and
read so that a stranger's archive can do no harm.

Names, types and sizes of all members are checked, then their bytes; nothing of an
archive is ever written."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StudyError
from balance_sim.scenario.files import EXHAUSTED, regular_bytes

LARGEST_ARCHIVE = 256 << 20
LARGEST_MEMBER = 128 << 20
LARGEST_TOTAL = 512 << 20
MOST_MEMBERS = 2_000
LARGEST_ENTRY = 1_024
"""Bytes that the list of members takes for one, on average."""
MOST_VALUES = 4_000_000
"""Values in a JSON member: in memory each may take a hundred bytes."""
_END = struct.Struct("<4s4H2LH")
"""The record at the end of a zip archive: mark, disks, counts, sizes, comment."""
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/){0,7}[A-Za-z0-9_][A-Za-z0-9_.-]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)
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
    """An archive that is refused; the text says why."""

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
        _check_end(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_members(members)
            return {member.filename: _content(archive, member) for member in members}
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            raise
        raise BadArchive(f"{name}: cannot be read as a zip archive: {error}") from None


def _check_end(content: bytes) -> None:
    """Raise ValueError unless the list of members is short, by the record at the very
    end: a long one is not even read, for its entries take more room in memory than in
    the file."""
    end = content[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\5\6"):
        raise ValueError("it ends otherwise, or with other bytes")
    _, disk, _, _, count, size, start, comment = _END.unpack(end)
    if count > MOST_MEMBERS or size > MOST_MEMBERS * LARGEST_ENTRY:
        raise ValueError(f"{count:,} files; at most {MOST_MEMBERS:,} are read")
    if disk or comment or start + size != len(content) - _END.size:
        raise ValueError("it holds other bytes")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Raise BadArchive for a name, a type or a size that is not allowed."""
    total, names = 0, set()
    for member in members:
        name, why = member.filename, ""
        total += member.file_size
        file_type = stat.S_IFMT(member.external_attr >> 16)
        if not _NAME.fullmatch(name):
            why = "a name that is not allowed"
        elif file_type not in (0, stat.S_IFREG):
            why = "a link, or another thing than a file"
        elif member.flag_bits & 0x1 or member.compress_type not in _PACKINGS:
            why = "encrypted, or packed in a way that is not read"
        elif name.casefold() in names:
            why = "stands there twice"
        elif member.file_size > LARGEST_MEMBER or total > LARGEST_TOTAL:
            why = f"too large ({member.file_size:,} bytes, {total:,} so far)"
        if why:
            raise BadArchive(f"{shown(name, 200)}: {why}")
        names.add(name.casefold())


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the bytes, never more than the list of members says; their check sum is
    the archive's own."""
    name = member.filename
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
        if len(data) != member.file_size or stream.read(1):
            raise BadArchive(f"{name}: not as long as declared")
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if name.endswith(".json") and values > MOST_VALUES:
        raise BadArchive(f"{name}: {values:,} values; at most {MOST_VALUES:,} are read")
    return data

"""A replication archive: what is in it, as zip and by its package.json. No machine's
paths.

Written so that the same content gives the same bytes, read so that nothing in it can
harm: names, kinds and sizes of all members are checked, then their bytes, before
anything is written.

    README.md          in the sections that data editors of the social sciences ask for
    package.json       what `reproduce` reads: `About`, with digests, runs, seed, versions, sha256 of every other file
    inputs/            the files as their author wrote them, where they give the study
    scenario.json      the complete scenario that was run, after every default and every option
    points.json        of a sweep: the values of each point, as `Point`
    parameters.csv     every parameter: value here, default, unit, range, source
    sources.csv        every source that the scenario names, and how many rows rest on it
    requirements.txt   versions for pip
    results/           summary and tables
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StudyError, WrongRequest
from balance_sim.scenario.files import EXHAUSTED, regular_bytes
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.jobs import Values
from balance_sim.study.manifest import JointDraws, Name, PlayedBy, outcomes_of_game
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.points import point_key
from balance_sim.study.recorder import FurtherOutcomes

FORMAT = 2
INPUTS = "inputs"
REQUIREMENTS = "requirements.txt"
MOST_RUNS = 10_000_000
LARGEST_ARCHIVE = 256 << 20
LARGEST_MEMBER = 128 << 20
LARGEST_WHOLE = 512 << 20
MOST_MEMBERS = 2_000
MOST_DEPTH = 8
MOST_RATIO = 500  # bytes out for a byte in
LARGEST_ENTRY = 1_024  # bytes that the list of members takes for one, on average
LEAST_HEADER = 30  # bytes before a member's name
MOST_VALUES = 4_000_000  # in a JSON member: in memory each may take a hundred bytes
_END = struct.Struct("<4s4H2LH")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\- ]{0,127}")
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?", re.IGNORECASE)


class BadArchive(StudyError):
    """An archive that is refused; the text says why. Nothing of it was written."""

    exit_code = 4


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+!_\-]{0,63}$")]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class ByHand(_Strict):
    """How the study is made again from its files: the file to name, and what of the
    command decides results."""

    file: str
    settings: list[str] = Field(default=[], alias="set")
    theory: str | None = None
    runs: Annotated[int | None, Field(exclude_if=lambda runs: runs is None)] = None
    seed: Annotated[int | None, Field(exclude_if=lambda seed: seed is None)] = None


class NamedScenario(_Strict):
    """The scenario that was run."""

    name: Any = None
    sha256: str


class FailedAt(_Strict):
    """A run on record as failed."""

    point: Number
    run: Number


class Point(_Strict):
    """One point of a sweep, with the number that its folder gave it; of a single run,
    one without values."""

    number: Number = Field(default=0, alias="point")
    key: str = ""
    label: str = ""
    settings: dict[str, Any] = Field(default={}, alias="values")

    @property
    def values(self) -> Values:
        """(key path, value) pairs."""
        return tuple(
            (path, tuple(v) if isinstance(v, list) else v)
            for path, v in self.settings.items()
        )


class About(_Strict):
    """package.json. means: of every outcome by point, arm and outcome; files: sha256 of
    every other member."""

    format: int
    study: Literal["run", "sweep"]
    name: Name
    scenario: NamedScenario
    classes: dict[str, Any] | None = None
    arms: list[str]
    runs: Annotated[int, Field(ge=1, le=MOST_RUNS)]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    model: str | None = None
    own_outcomes: Annotated[
        dict[Name, Name] | None, Field(exclude_if=lambda own: own is None)
    ] = None
    own_rules: Annotated[
        dict[Name, Name] | None, Field(exclude_if=lambda own: own is None)
    ] = None
    game: Annotated[PlayedBy | None, Field(exclude_if=lambda game: game is None)] = None
    draw_parameters: bool | JointDraws
    mechanisms: bool
    factors: list[Name]
    outcomes: list[Name]
    digest: Sha256
    accords_digest: Sha256
    means: dict[Name, float | None]
    failed: list[FailedAt]
    versions: dict[str, Version]
    cpu: Name
    by_hand: ByHand | None = None
    files: dict[str, str]

    @property
    def version(self) -> str:
        """The balance-sim that made the study."""
        return self.versions["balance_sim"]

    @property
    def own(self) -> CodeReferences:
        """Outcomes of one's own: name, and `module:function`."""
        return tuple(sorted((self.own_outcomes or {}).items()))

    @property
    def rules(self) -> CodeReferences:
        """Terms and kinds of event of one's own: name, and `module:function`."""
        return tuple(sorted((self.own_rules or {}).items()))

    @property
    def further(self) -> FurtherOutcomes | None:
        """What is measured of the players of the game that is played."""
        return None if self.game is None else outcomes_of_game(self.game["cast"])


def read_about(files: dict[str, bytes]) -> About:
    """package.json, each of its keys of the kind it has to be. Raises BadArchive,
    WrongRequest for another format."""
    try:
        found = json.loads(files["package.json"])
    except KeyError:
        raise BadArchive(
            "no package.json: not an archive of `balance-sim package`"
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadArchive(f"package.json: {str(error)[:200]}") from None
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise BadArchive("package.json: not one of `balance-sim package`")
    if found["format"] != FORMAT:
        raise WrongRequest(
            f"the archive is of format {found['format']}; this balance-sim reads {FORMAT}"
        )
    return checked_about(found)


def checked_about(found: dict[str, Any]) -> About:
    """`About` from plain data. Raises BadArchive with the first key that does not
    hold."""
    try:
        about = About.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        kind = len(first["loc"]) == 1 and (
            first["type"] == "missing" or first["type"].endswith("_type")
        )
        why = " is missing or of another kind" if kind else ": a value is out of bounds"
        raise BadArchive(f"package.json: `{first['loc'][0]}`{why}") from None
    if "balance_sim" not in about.versions:
        raise BadArchive("package.json: `versions` is missing or of another kind")
    return about


def read_points(files: dict[str, bytes], about: About) -> tuple[Point, ...]:
    """The points of a sweep, whose factors are those of package.json; of a run, its
    one. Raises BadArchive."""
    if about.study == "run":
        return (Point(),)
    try:
        points = [Point.model_validate(row) for row in json.loads(files["points.json"])]
        hash(
            tuple(point.values for point in points)
        )  # no lists in lists, nor mappings: these have none
        sound = 0 < len(points) == len({point.number for point in points}) and all(
            point.settings
            and {*point.settings} == {*about.factors}
            and point.key == point_key(point.values)
            for point in points
        )
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise BadArchive("points.json: missing, or not the points of a sweep")
    in_order = ({path: one.settings[path] for path in about.factors} for one in points)
    return tuple(
        one.model_copy(update={"settings": settings})
        for one, settings in zip(points, in_order, strict=True)
    )


def zipped(files: dict[str, bytes]) -> bytes:
    """Members in the order of names, all of one date, with plain permissions: content
    alone decides the bytes."""
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
    """All members by name, in memory. Raises BadArchive for whatever is not a plain,
    small, honest archive.

    JSON that would take far more room in memory than in the archive is refused, too,
    and not parsed for that."""
    name = shown(path, 200)
    try:
        content = regular_bytes(path, LARGEST_ARCHIVE)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        raise BadArchive(f"{name}: {error.strerror}") from None
    start = _start_of_directory(content, name)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_places(archive.infolist(), start)
            # An entry for a folder says nothing; its name is checked with those of its
            # files.
            members = [
                one
                for one in archive.infolist()
                if not one.is_dir() or one.file_size or _name_fault(one.filename[:-1])
            ]
            _check_members(members)
            files = {one.filename: _bytes_of(archive, one) for one in members}
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        zlib.error,
        EOFError,
    ) as error:
        raise BadArchive(
            f"{name}: not a zip archive that can be read: {error}"
        ) from None
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        raise BadArchive(f"{name}: cannot be read: {error}") from None
    for member, data in files.items():
        many = sum(data.count(mark) for mark in (b",", b"[", b"{"))
        if member.endswith(".json") and many > MOST_VALUES:
            raise BadArchive(
                f"{member}: {many:,} values; at most {MOST_VALUES:,} are read"
            )
    return files


def _start_of_directory(content: bytes, name: str) -> int:
    """Where the archive's own list of members begins, by the record at its very end. A
    list that is too long is not even read: its entries take more room in memory than in
    the file."""
    end = content[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\5\6"):
        raise BadArchive(
            f"{name}: not a zip archive, or one with a comment or other bytes behind it"
        )
    _, disk, _, _, members, size, start, comment = _END.unpack(end)
    if members > MOST_MEMBERS:
        raise BadArchive(
            f"{name}: {members:,} files; at most {MOST_MEMBERS:,} are read"
        )
    if size > MOST_MEMBERS * LARGEST_ENTRY:
        raise BadArchive(
            f"{name}: its list of files takes {size:,} bytes; that is too much for {MOST_MEMBERS:,} files"
        )
    before = len(content) - _END.size
    if (
        disk
        or comment
        or start + size != before
        or content[before - 20 : before - 16] == b"PK\6\7"
    ):
        raise BadArchive(
            f"{name}: not a plain zip archive: in parts, of the 64 bit kind, or with other bytes in it"
        )
    return int(start)


def _check_places(members: list[zipfile.ZipInfo], start: int) -> None:
    """Each member has bytes of its own, from the first byte of the archive to its
    list."""
    at = 0
    for one in sorted(members, key=lambda member: member.header_offset):
        if one.header_offset < at or (at == 0 and one.header_offset):
            raise BadArchive(
                f"{one.filename[:200]!r}: lies over another member, or other bytes lie before it"
            )
        at = (
            one.header_offset
            + LEAST_HEADER
            + len(one.orig_filename.encode())
            + one.compress_size
        )
    if at > start:
        raise BadArchive("a member reaches into the list of members")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS:
        raise BadArchive(f"{len(members):,} files; at most {MOST_MEMBERS:,} are read")
    whole, seen = 0, set[str]()
    for one in members:
        name, size = one.filename, one.file_size
        if fault := _name_fault(name) or _kind_fault(one):
            raise BadArchive(f"{name[:200]!r}: {fault}")
        if name.casefold() in seen:
            raise BadArchive(f"{name!r}: stands there twice")
        seen.add(name.casefold())
        whole += size
        if size > LARGEST_MEMBER or whole > LARGEST_WHOLE:
            raise BadArchive(f"{name!r}: too large ({size:,} bytes, {whole:,} so far)")
        if size > (1 << 20) and size > MOST_RATIO * max(one.compress_size, 1):
            raise BadArchive(
                f"{name!r}: {size:,} bytes packed into {one.compress_size:,}"
            )
    for name in seen:
        if any(
            str(parent).casefold() in seen for parent in PurePosixPath(name).parents
        ):
            raise BadArchive(f"{name!r}: lies in a file")


def _name_fault(name: str) -> str | None:
    """Why a name is refused: it could lead out of the folder, or mean something to some
    system."""
    parts = name.split("/")
    if (
        name.startswith("~")
        or any(mark in name for mark in "\\:\0")
        or {"", ".", ".."} & {*parts}
    ):
        return "leads out of the folder"
    if len(parts) > MOST_DEPTH:
        return f"more than {MOST_DEPTH} folders deep"
    if any(
        not _PART.fullmatch(part)
        or part.endswith((".", " "))
        or _RESERVED.fullmatch(part)
        for part in parts
    ):
        return "a name that is not allowed"
    return None


def _kind_fault(member: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "a link" if kind == stat.S_IFLNK else "not a regular file"
    if member.flag_bits & 0x1:
        return "encrypted"
    known = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return None if known else "packed in a way that is not read"


def _bytes_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes, never more than the directory says; their check sum is the archive's
    own."""
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
        if len(data) != member.file_size:
            raise BadArchive(
                f"{member.filename!r}: {len(data):,} bytes, {member.file_size:,} were declared"
            )
        if stream.read(1):
            raise BadArchive(f"{member.filename!r}: longer than declared")
    return data


def unpack(files: dict[str, bytes], folder: Path) -> None:
    """Write checked members into a new or empty folder. Raises BadArchive if something
    is there already."""
    if folder.is_symlink():
        raise BadArchive(f"{folder} is a link; choose another --out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadArchive(f"{folder} is there already; choose another --out")
    root = Path(os.path.realpath(folder))
    for name in files:
        if not Path(os.path.realpath(root / name)).is_relative_to(root):
            raise BadArchive(f"{name!r}: leads out of the folder")
    for name, content in files.items():
        make_folder((root / name).parent)
        write_atomic(root / name, content)

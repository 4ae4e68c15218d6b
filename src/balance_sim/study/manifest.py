"""The manifest of a results folder: what decides its results. It carries its own
sha256.

Keys, kinds and bounds are checked before anything is read by it, for it may come from a
stranger."""

from __future__ import annotations

import errno
import hashlib
import json
import platform
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from balance_sim.model.classes import Classes
from balance_sim.model.own.fingerprint import CodeFingerprint
from balance_sim.registry import part
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.files import EXHAUSTED, FileTooLarge, regular_bytes
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.machine import cpu_type, version
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.recorder import FurtherOutcomes

FILE = "manifest.json"
MANIFEST_VERSION = 4
LARGEST = 64 << 20  # bytes that are read at most, and so written


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that are not printable")
    return text


def _is_table(said: dict[str, Any]) -> dict[str, Any]:
    Classes.read(said)
    return said


def outcomes_of_game(plain: dict[str, Any]) -> FurtherOutcomes:
    """What is measured of a game's players, from plain data. Raises ValueError for what
    is no such thing."""
    further: FurtherOutcomes = part("further_outcomes", "game")(plain)
    return further


def _is_game(said: dict[str, Any]) -> dict[str, Any]:
    if not {"name", "plan", "cast"} <= {*said}:
        raise ValueError("lacks name, plan or cast")
    outcomes_of_game(said["cast"])
    return said


Name = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\Z")]


class _Part(BaseModel):
    """Keys that another version added are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", regex_engine="python-re")


class MadeWith(_Part):
    """What simulated, at the beginning or at one resume of a study: versions of
    programs, the processor, and the fingerprint of the code."""

    balance_sim: Name
    numpy: Name
    pandas: Name
    pyarrow: Name
    python: Name
    scipy: Name
    cpu: str
    code: Sha256
    own_code: dict[Name, Name] = {}

    @property
    def programs(self) -> dict[str, str]:
        """Versions by program."""
        names = ("balance_sim", "numpy", "pandas", "pyarrow", "python", "scipy")
        return {name: getattr(self, name) for name in names}

    @property
    def fingerprint(self) -> CodeFingerprint:
        """Of the package and of modules of one's own."""
        return CodeFingerprint(self.code, dict(self.own_code))


def made_here(fingerprint: CodeFingerprint) -> MadeWith:
    """What simulates here: installed versions, this processor, and this code."""
    return MadeWith(
        balance_sim=version(),
        numpy=version("numpy"),
        pandas=version("pandas"),
        pyarrow=version("pyarrow"),
        python=platform.python_version(),
        scipy=version("scipy"),
        cpu=cpu_type(),
        code=fingerprint.package,
        own_code=fingerprint.modules,
    )


class ScenarioNamed(_Part):
    """Which scenario: its name, and the sha256 of its content."""

    name: Name
    sha256: Sha256


class PointsNamed(_Part):
    """Which table of points, and how many it holds: of the present design, and in
    all."""

    sha256: Sha256
    count: Any = 0
    known: Any = 0


class SweepDesign(_Part):
    """The design of a sweep, as its experiment file has it."""

    method: str | None = None
    samples: int | None = None
    levels: int = 4
    seed: int = 1
    paths: list[str] = []
    outcomes: list[str] = []
    title: str = ""
    question: str = ""


PlayedBy = Annotated[dict[str, Any], AfterValidator(_is_game)]
"""The game that a study's arms are the profiles of, as `game.plan.as_plain` has it."""
JointDraws = Annotated[str, Field(pattern=r"^(prior|posterior):[0-9a-f]{16}$")]
"""A source of joint draws, and the first digits of the sha256 of its draws."""


class Manifest(_Part):
    """What decides a study's results, and what it was made with. What not all studies
    write has a default.

    versions: what simulated, one entry for the beginning and one for each resume with
    anything else."""

    manifest_version: StrictInt = MANIFEST_VERSION
    study: Literal["run", "sweep"] = Field(description="`run` or `sweep`")
    scenario: ScenarioNamed = Field(description="a name and a sha256")
    inputs: dict[str, Any] = Field(description="the scenario's content")
    classes: Annotated[dict[str, Any], AfterValidator(_is_table)] = Field(
        description="a class table with its sha256"
    )
    arms: list[Name] = Field(description="a list of names")
    seed: StrictInt = Field(
        ge=0, lt=2**64, description="a whole number, 0..18446744073709551615"
    )
    runs: StrictInt = Field(ge=0, description="a whole number")
    model: Name | None = Field(default=None, description="module:Class, or null")
    draw_parameters: StrictBool | JointDraws = Field(
        default=False, description="true, false, or joint draws"
    )
    versions: list[MadeWith] = Field(
        min_length=1, description="versions, processor and code, one entry a resume"
    )
    files: dict[str, str] = Field(default={}, description="texts by name")
    command: str = Field(default="", description="text")
    mechanisms: StrictBool = Field(default=False, description="true or false")
    own_outcomes: dict[Name, Name] | None = Field(
        default=None, description="module:function by name, or null"
    )
    own_rules: dict[Name, Name] | None = Field(
        default=None,
        description="module:function by the name of a term or kind of event, or null",
    )
    own_meanings: dict[Name, str] | None = Field(
        default=None, description="a text by the name of an outcome, or null"
    )
    game: PlayedBy | None = Field(
        default=None, description="a game: its name, its plan and its players' outcomes"
    )
    experiment: Name | None = Field(default=None, description="a name")
    design: SweepDesign = Field(default=SweepDesign(), description="the design")
    points: PointsNamed | None = Field(
        default=None, description="a sha256 and counts, or null"
    )

    @property
    def study_key(self) -> str:
        """sha256 of what decides replications: the same for every shard of a study."""
        further = None if self.game is None else self.game["cast"]
        parts = [
            self.study,
            self.scenario.sha256,
            self.classes.get("sha256"),
            sorted(self.arms),
            self.seed,
            self.model,
            self.draw_parameters,
            self.own,
            self.rules,
            further,
        ]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def own(self) -> CodeReferences:
        """Outcomes of one's own: name, and `module:function`."""
        return tuple(sorted((self.own_outcomes or {}).items()))

    @property
    def rules(self) -> CodeReferences:
        """Terms and kinds of event of one's own: name, with `own_` in front, and
        `module:function`."""
        return tuple(sorted((self.own_rules or {}).items()))

    @property
    def further(self) -> FurtherOutcomes | None:
        """What is measured of the players of the game that is played."""
        return None if self.game is None else outcomes_of_game(self.game["cast"])

    @property
    def is_sweep(self) -> bool:
        return self.study == "sweep"

    @property
    def name(self) -> str:
        """What a person calls the study: its experiment, else its scenario."""
        return self.experiment or self.scenario.name

    @property
    def version(self) -> str:
        """The balance-sim that made the study."""
        return self.versions[0].balance_sim

    @property
    def cpu(self) -> str:
        """The processor that the study began on."""
        return self.versions[0].cpu

    @property
    def own_code(self) -> dict[str, str]:
        """sha256 by module of one's own, as last simulated."""
        return self.versions[-1].own_code

    @property
    def fingerprint(self) -> CodeFingerprint:
        """The code that last simulated."""
        return self.versions[-1].fingerprint

    @property
    def class_table(self) -> Classes:
        """The scenario's class table."""
        return Classes.read(self.classes)

    def plain(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, or None where there is none. Raises StoreDamaged,
    WrongRequest for another version."""
    path = folder / FILE
    try:
        text = regular_bytes(path, LARGEST).decode("utf-8", "replace")
    except FileTooLarge as error:
        raise too_large(path, error, "restore it, or start in a new folder") from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        if error.errno in EXHAUSTED:
            raise
        raise StoreDamaged(f"{path} cannot be read: {error.strerror}.") from None
    damaged = f"{path} is damaged: restore it, or start in a new folder."
    try:
        plain = json.loads(text)
        made_in = plain["manifest_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreDamaged(damaged) from None
    if made_in != MANIFEST_VERSION:
        raise WrongRequest(
            f"{path} was made by another version of balance-sim, in format {made_in}; "
            f"this one reads {MANIFEST_VERSION}. Run the study again into a new "
            "folder, "
            "or install that version"
        )
    declared = plain.pop("sha256", None)
    if declared is not None and declared != _seal(plain):
        raise StoreDamaged(damaged)
    try:
        return manifest_from(plain)
    except ValueError as error:
        raise StoreDamaged(
            f"{path}: {error}. Restore it, or start in a new folder."
        ) from None


def manifest_from(plain: dict[str, Any]) -> Manifest:
    """A manifest of plain data. Raises ValueError with the first key that is missing or
    not of its kind."""
    if plain.get("study") == "sweep":
        for key in ("experiment", "design", "points"):
            if key not in plain:
                raise ValueError(f"`{key}` is missing")
    try:
        return Manifest.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0])
        if first["type"] == "missing" and len(first["loc"]) == 1:
            raise ValueError(f"`{key}` is missing") from None
        raise ValueError(
            f"`{key}` is not {Manifest.model_fields[key].description}"
        ) from None


def too_large(path: Path, error: FileTooLarge, hint: str) -> StoreDamaged:
    """The fault of a file of a results folder that holds more than is read."""
    return StoreDamaged(f"{path}: {error.strerror}. No balance-sim wrote it: {hint}.")


def write_manifest(folder: Path, plain: dict[str, Any]) -> None:
    """Put the manifest in its place, with its own sha256. Raises WrongRequest for more
    than is read."""
    content = (json.dumps(plain | {"sha256": _seal(plain)}, indent=1) + "\n").encode(
        "utf-8"
    )
    if len(content) > LARGEST:
        raise WrongRequest(
            f"the scenario's files make a manifest of {len(content):,} bytes; at most "
            f"{LARGEST:,} are read. Shorten "
            "the texts in its tables, or leave out columns that nothing reads."
        )
    write_atomic(folder / FILE, content)


def _seal(plain: dict[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

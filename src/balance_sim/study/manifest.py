"""The manifest of a results folder: what decides its results. It carries its own
sha256.

Keys, kinds and bounds are checked before anything is read by it, for it may come from a
stranger."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import lru_cache
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
from balance_sim.scenario.files import EXHAUSTED, MISSING, regular_bytes
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.machine import cpu_type, version
from balance_sim.study.recorder import FurtherOutcomes

FILE = "manifest.json"
MANIFEST_VERSION = 6
LARGEST = 64 << 20
"""Bytes that are read at most."""
PACKAGES = ("numpy", "pandas", "pyarrow", "scipy")
"""Programs whose versions are put down beside ours and Python's."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that are not printable")
    return text


def _is_table(plain: dict[str, Any]) -> dict[str, Any]:
    Classes.read(plain)
    return plain


def outcomes_of_game(plain: dict[str, Any]) -> FurtherOutcomes:
    """Return what is measured of a game's players, from the game's plain data.

    Raises
    ------
    ValueError : for what is no such thing
    """
    if not {"name", "plan", "cast"} <= {*plain}:
        raise ValueError("lacks name, plan or cast")
    outcomes: FurtherOutcomes = part("further_outcomes", "game")(plain["cast"])
    return outcomes


def _is_game(plain: dict[str, Any]) -> dict[str, Any]:
    outcomes_of_game(plain)
    return plain


Name = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\Z")]
References = tuple[tuple[Name, Name], ...]
"""Names of code of one's own, and `module:function` of each, by name."""
PlayedBy = Annotated[dict[str, Any], AfterValidator(_is_game)]
"""The game that a study's arms are the profiles of, as `game.plan.as_plain` has it."""
JointDraws = Annotated[str, Field(pattern=r"^(prior|posterior):[0-9a-f]{16}$")]
"""A source of joint draws, and the first digits of the sha256 of its draws."""


class Sealed(BaseModel):
    """Plain data of a study that are read from a file, never changed."""

    model_config = ConfigDict(frozen=True, regex_engine="python-re")


class MadeWith(Sealed):
    """What simulated, at the beginning or at one resume of a study.

    Attributes
    ----------
    programs : versions by name
    cpu : the type of processor
    code : sha256 of the package's sources
    own_code : sha256 by module of one's own
    """

    programs: dict[Name, Name]
    cpu: Name
    code: Sha256
    own_code: dict[Name, Name]

    @property
    def fingerprint(self) -> CodeFingerprint:
        """Of the package and of modules of one's own."""
        return CodeFingerprint(self.code, dict(self.own_code))


def made_here(fingerprint: CodeFingerprint) -> MadeWith:
    """Return what simulates here: installed versions, this processor, and this code."""
    programs = {name: version(name) for name in PACKAGES}
    programs |= {"balance_sim": version(), "python": platform.python_version()}
    return MadeWith(
        programs=programs,
        cpu=cpu_type(),
        code=fingerprint.package,
        own_code=fingerprint.modules,
    )


class ScenarioNamed(Sealed):
    """Which scenario: its name, and the sha256 of its content."""

    name: Name
    sha256: Sha256


class SweepDesign(Sealed):
    """The design of a sweep, as its experiment file has it.

    Attributes
    ----------
    method, samples, levels, seed : how the points were chosen
    paths : key paths of the factors
    outcomes : names of those that are asked for; none: all
    title, question : of the experiment
    """

    method: str | None = None
    samples: int | None = None
    levels: int = 4
    seed: int = 1
    paths: list[str] = []
    outcomes: list[str] = []
    title: str = ""
    question: str = ""


class Manifest(Sealed):
    """What decides a study's results, and what it was made with.

    Attributes
    ----------
    inputs : content of the scenario
    leveled : of the scenario at whose start its level is solved the parts that differ;
        `anew`: its own level was asked for
    classes : its class table, with the table's sha256
    runs : replications asked for, of every arm and point
    model : `module:Class` of agents of one's own
    mechanisms : whether extra arms are simulated too
    versions : what simulated, one entry for the beginning and one for each resume with
        anything else
    files, command : texts of the scenario's files by name; the command line
    own_outcomes, own_rules : name, and `module:function`, of outcomes of one's own;
        and of terms and types of event, with `own_` in front
    own_meanings : what outcomes of one's own are, by name
    experiment, design, points : of a sweep: its name, its design, and the sha256 of its
        table of points
    """

    manifest_version: StrictInt = MANIFEST_VERSION
    study: Literal["run", "sweep"]
    scenario: ScenarioNamed
    inputs: dict[str, Any]
    leveled: dict[str, Any] | Literal["anew"] | None = None
    classes: Annotated[dict[str, Any], AfterValidator(_is_table)]
    arms: list[Name]
    seed: StrictInt = Field(ge=0, lt=2**64)
    runs: StrictInt = Field(ge=0)
    model: Name | None = None
    draw_parameters: StrictBool | JointDraws = False
    mechanisms: StrictBool = False
    versions: list[MadeWith] = Field(min_length=1)
    files: dict[str, str] = {}
    command: str = ""
    own_outcomes: References = ()
    own_rules: References = ()
    own_meanings: dict[Name, str] = {}
    game: PlayedBy | None = None
    experiment: Name | None = None
    design: SweepDesign = SweepDesign()
    points: Sha256 | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What decides replications, besides the code."""
        return {
            "study": self.study,
            "scenario": self.scenario.sha256,
            "classes": self.classes["sha256"],
            "arms": sorted(self.arms),
            "seed": self.seed,
            "model": self.model,
            "draw_parameters": self.draw_parameters,
            "own_outcomes": self.own_outcomes,
            "own_rules": self.own_rules,
            "game": self.game and self.game["cast"],
        }

    @property
    def study_key(self) -> str:
        """sha256 of the identity: the same for every shard of a study."""
        text = json.dumps([*self.identity.values()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def further(self) -> FurtherOutcomes | None:
        """What is measured of the players of the game that is played."""
        return None if self.game is None else outcomes_of_game(self.game)

    @property
    def is_sweep(self) -> bool:
        """Whether the study has points."""
        return self.study == "sweep"

    @property
    def name(self) -> str:
        """What a person calls the study: its experiment, else its scenario."""
        return self.experiment or self.scenario.name

    @property
    def version(self) -> str:
        """The balance-sim that made the study."""
        return self.versions[0].programs["balance_sim"]

    @property
    def fingerprint(self) -> CodeFingerprint:
        """The code that last simulated."""
        return self.versions[-1].fingerprint


def read_manifest(folder: Path) -> Manifest | None:
    """Return the folder's manifest, or None where there is none.

    Raises
    ------
    StoreDamaged : for one that cannot be read, or is not as it was written
    WrongRequest : for one of another format
    """
    path = folder / FILE
    try:
        return manifest_from(regular_bytes(path, LARGEST))
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        if error.errno not in MISSING:
            raise StoreDamaged(f"{path} cannot be read: {error.strerror}.") from None
        return None
    except ValueError as error:
        raise StoreDamaged(
            f"{path}: {error}. Restore it, or start in a new folder."
        ) from None


@lru_cache(maxsize=1)
def manifest_from(content: bytes) -> Manifest:
    """Return a manifest from its JSON; that of the same bytes is the same.

    Raises
    ------
    ValueError : with the first key that is missing or not of its type
    WrongRequest : for another format
    """
    plain = unsealed(content)
    made_in = plain.get("manifest_version")
    if made_in != MANIFEST_VERSION:
        raise WrongRequest(
            f"the study is of another version of balance-sim, in format {made_in}; "
            f"this one reads {MANIFEST_VERSION}. Run it again into a new folder, or "
            "install that version"
        )
    try:
        return Manifest.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ValueError(f"`{key}`: {first['msg']}") from None


def write_manifest(folder: Path, plain: dict[str, Any]) -> None:
    """Put the manifest in its place. Raises CannotWrite."""
    write_atomic(folder / FILE, sealed(plain))


def sealed(plain: dict[str, Any]) -> bytes:
    """Return plain data as JSON, with their own sha256."""
    plain = json.loads(json.dumps(plain, allow_nan=False))
    return f"{json.dumps(plain | {'sha256': _seal(plain)}, indent=1)}\n".encode()


def unsealed(content: bytes) -> dict[str, Any]:
    """Return plain data from JSON that `sealed` wrote, without their sha256.

    Raises
    ------
    ValueError : where they are not those of their sha256
    """
    try:
        plain: dict[str, Any] = json.loads(content.decode("utf-8", "replace"))
        if plain.pop("sha256") == _seal(plain):
            return plain
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        pass
    raise ValueError("not as it was written")


def _seal(plain: dict[str, Any]) -> str:
    """Return the sha256 of plain data."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

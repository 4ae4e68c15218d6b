"""What a replication archive says of its study, in package.json and points.json.

README.md          in the sections that data editors of the social sciences ask for
package.json       what `reproduce` reads: `About`
inputs/            the files as their author wrote them
scenario.json      the complete scenario that was run, after every default
points.json        of a sweep: the values of each point, as `Point`
parameters.csv     every parameter: value here, default, unit, range, source
sources.csv        every source that the scenario names, and how many rows rest on it
requirements.txt   versions for pip
results/           summary and tables
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from balance_sim.archive.members import BadArchive
from balance_sim.model.own.fingerprint import CodeFingerprint
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.jobs import Values
from balance_sim.study.manifest import JointDraws, Name, PlayedBy, outcomes_of_game
from balance_sim.study.own_outcomes import CodeReferences
from balance_sim.study.points import point_key
from balance_sim.study.recorder import FurtherOutcomes

FORMAT = 3
MOST_RUNS = 10_000_000

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+!_\-]{0,63}$")]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


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
            (path, tuple(value) if isinstance(value, list) else value)
            for path, value in self.settings.items()
        )


class About(_Strict):
    """package.json: what decides the study's results, and what came of it.

    Attributes
    ----------
    digest, accords_digest : of all results; of agreements and their dates alone
    files : sha256 of every other member
    took : how long the study took, in words
    """

    format: int
    study: Literal["run", "sweep"]
    name: Name
    scenario: NamedScenario
    classes: dict[str, Any]
    arms: list[str]
    runs: Annotated[int, Field(ge=1, le=MOST_RUNS)]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    model: str | None = None
    own_outcomes: dict[Name, Name] | None = None
    own_rules: dict[Name, Name] | None = None
    game: PlayedBy | None = None
    draw_parameters: bool | JointDraws
    mechanisms: bool
    factors: list[Name]
    outcomes: list[Name]
    digest: Sha256
    accords_digest: Sha256
    failed: list[FailedAt]
    versions: dict[str, Version]
    code: Sha256
    own_code: dict[Name, Sha256] = {}
    cpu: Name
    took: Name
    files: dict[str, str]

    @property
    def version(self) -> str:
        """The balance-sim that made the study."""
        return self.versions["balance_sim"]

    @property
    def fingerprint(self) -> CodeFingerprint:
        """The code that made the study."""
        return CodeFingerprint(self.code, dict(self.own_code))

    @property
    def own(self) -> CodeReferences:
        """Outcomes of one's own: name, and `module:function`."""
        return tuple(sorted((self.own_outcomes or {}).items()))

    @property
    def rules(self) -> CodeReferences:
        """Terms and types of event of one's own: name, and `module:function`."""
        return tuple(sorted((self.own_rules or {}).items()))

    @property
    def further(self) -> FurtherOutcomes | None:
        """What is measured of the players of the game that is played."""
        return None if self.game is None else outcomes_of_game(self.game["cast"])


def read_about(files: dict[str, bytes]) -> About:
    """Return package.json, each of its keys of the type it has to be. Raises
    BadArchive, WrongRequest for another format."""
    try:
        content = json.loads(files["package.json"])
        archive_format = content["format"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise BadArchive(
            "package.json: missing, or not one of `balance-sim package`"
        ) from None
    if archive_format != FORMAT:
        raise WrongRequest(
            f"the archive is of another format; this balance-sim reads {FORMAT}"
        )
    return checked_about(content)


def checked_about(content: dict[str, Any]) -> About:
    """Return `About` from plain data. Raises BadArchive with the first key that does
    not hold."""
    try:
        about = About.model_validate(content)
    except ValidationError as error:
        key = error.errors(include_url=False, include_input=False)[0]["loc"][0]
        raise BadArchive(
            f"package.json: `{key}` is missing, of another type or out of bounds"
        ) from None
    if "balance_sim" not in about.versions:
        raise BadArchive("package.json: `versions` lacks balance_sim")
    return about


def read_points(files: dict[str, bytes], about: About) -> tuple[Point, ...]:
    """Return the points of a sweep, whose factors are those of package.json; of a run,
    its one. Raises BadArchive."""
    if about.study == "run":
        return (Point(),)
    try:
        rows = json.loads(files["points.json"])
        points = [Point.model_validate(row) for row in rows]
        hash(tuple(point.values for point in points))  # no lists in lists, nor mappings
        is_sound = bool(points) and all(_belongs(point, about) for point in points)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        is_sound = False
    if not is_sound or len({point.number for point in points}) < len(points):
        raise BadArchive("points.json: missing, or not the points of a sweep")
    return tuple(_in_order(point, about.factors) for point in points)


def _belongs(point: Point, about: About) -> bool:
    """Return whether a point has a value of each factor, and the key of its values."""
    has_all = bool(point.settings) and {*point.settings} == {*about.factors}
    return has_all and point.key == point_key(point.values)


def _in_order(point: Point, factors: list[Name]) -> Point:
    """Return the point with its values in the order of the factors."""
    settings = {path: point.settings[path] for path in factors}
    return point.model_copy(update={"settings": settings})

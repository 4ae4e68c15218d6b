"""`reproduce`: run what an archive holds again, and say whether the same came of it:
digests, and every table in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from balance_sim.archive import archive as members
from balance_sim.archive.archive import (
    INPUTS,
    MOST_RUNS,
    REQUIREMENTS,
    About,
    BadArchive,
    Point,
)
from balance_sim.archive.integrity import close, diff_files
from balance_sim.archive.package import (
    TABLES,
    PointDigest,
    StudyNumbers,
    is_member,
    numbers_of_parts,
    part_of,
    results_of,
)
from balance_sim.archive.papers import (
    command_by_hand,
    derived_files,
    gives,
    readme,
    requirements,
    seconds_said,
)
from balance_sim.archive.verify import Allowed, job_of
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.baseline import refuse_strangers
from balance_sim.model.classes import Classes
from balance_sim.scenario import with_values
from balance_sim.scenario.diagnostics import listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task
from balance_sim.study.machine import arithmetic, arithmetic_here, version
from balance_sim.study.points import SweepPoint
from balance_sim.study.recorder import share_steps
from balance_sim.study.run import run_tasks
from balance_sim.study.store import missing
from balance_sim.study.sweep_result import PointNumbers, numbers_of, tables_of
from balance_sim.study.tables import BlockTables

TOLERANCE = 1e-9
# of numbers in tables where last digits differ, since what is worked out from them
# differs more
ROUNDING = 1e-6
BLOCK = 128
LISTED = 5
Blocks = Iterator[tuple[int, list[BlockTables]]]


@dataclass(frozen=True)
class Archived:
    """An archive that was checked: what to run, and what came of it before."""

    about: About
    scenario: Scenario
    arms: tuple[str, ...]
    points: tuple[Point, ...]
    files: dict[str, bytes] = field(repr=False)
    unheld: tuple[
        str, ...
    ] = ()  # members that cannot be held against the study, and are not unpacked
    unsampled: bool = False  # whether the inputs give the points is unknown: what draws them is not installed

    def unpacked(self) -> dict[str, bytes]:
        """What is written for a person: what was held against the study, and the
        requirements made anew."""
        held = {
            name: data for name, data in self.files.items() if name not in self.unheld
        }
        return held | (
            {REQUIREMENTS: requirements(self.about.versions)}
            if REQUIREMENTS in self.unheld
            else {}
        )


@dataclass(frozen=True)
class Reproduced:
    """`how`: "bits", "digits" or "not"; `said`: in words; `differs`: what does, the
    first few."""

    how: str
    said: str
    digest: str
    differs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.how != "not"


def read_archive(path: Path) -> Archived:
    """Everything is checked here; nothing is written and nothing is run.

    Raises BadArchive, ScenarioError for a scenario that does not hold, WrongRequest for
    another format."""
    files = members.unzipped(path)
    about = members.read_about(files)
    for name, digest in sorted(about.files.items()):
        if name not in files:
            raise BadArchive(f"{name} is missing")
        if sha256(files[name]).hexdigest() != digest:
            raise BadArchive(
                f"{name} is not what package.json says: its bytes have changed"
            )
    unexpected = sorted({*files} - {*about.files} - {"package.json"})
    if unexpected:
        raise BadArchive(f"{unexpected[0]} is not named in package.json")
    unknown = sorted(name for name in files if not is_member(name, about.study))
    if unknown:
        raise BadArchive(
            f"{unknown[0]}: no file of this name belongs in the archive of a {about.study}"
        )
    scenario = _scenario_of(files, about)
    arms = chosen_arms(scenario, about.arms)
    points = members.read_points(files, about)
    if about.study == "sweep":
        with_values(scenario, dict(points[0].values))
    if len(points) * about.runs > MOST_RUNS:
        raise BadArchive(f"{len(points) * about.runs:,} runs exceed {MOST_RUNS:,}")
    unheld, unsampled = _check_papers(files, about, scenario, points)
    return Archived(about, scenario, arms, points, files, unheld, unsampled)


def _scenario_of(files: dict[str, bytes], about: About) -> Scenario:
    """The scenario, with its class table; an archive of a version that kept none has
    none."""
    try:
        scenario = Scenario.model_validate_json(files["scenario.json"])
    except ValueError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise BadArchive(f"scenario.json: {' '.join(lines[:3])[:300]}") from None
    except KeyError:
        raise BadArchive("scenario.json is missing") from None
    checked = with_values(scenario, {})
    if checked.sha256 != about.scenario.sha256:
        raise BadArchive(
            "scenario.json is not the scenario of package.json: its sha256 is another"
        )
    if about.classes is None:
        return checked.counted_as(None)
    try:
        classes = Classes.read(about.classes)
        refuse_strangers(checked.codes, classes)
    except ValueError as error:
        raise BadArchive(f"package.json: `classes`: {error}") from None
    return checked.counted_as(classes)


def _check_papers(
    files: dict[str, bytes], about: About, scenario: Scenario, points: tuple[Point, ...]
) -> tuple[tuple[str, ...], bool]:
    """Hold what stands beside the scenario against the study: papers, requirements, and
    the inputs as written.

    Returns what cannot be held against it, and whether the points of a design were left
    uncompared. What differs is refused, but for words in README.md, and but in the
    archive of another version, which may write it otherwise."""
    wrong: dict[str, str] = {}
    for name, content in derived_files(scenario).items():
        if name != "scenario.json" and files.get(name) != content:
            wrong[name] = f"{name} is not what scenario.json gives"
    allowed = [
        requirements(about.versions, needs_sampler=needed) for needed in (False, True)
    ]
    if files.get(REQUIREMENTS) not in allowed:
        wrong[REQUIREMENTS] = (
            f"{REQUIREMENTS} is not what the versions in package.json give"
        )
    inputs = [name for name in files if name.startswith(f"{INPUTS}/")]
    hand = about.by_hand
    found = hand is not None and gives(
        hand, about, files, [point.key for point in points]
    )
    if hand is not None and found is False:
        why = f"{shown(hand.file, 200)} and the files beside it do not give this study"
        wrong |= dict.fromkeys(inputs or ["package.json"], why)
    elif hand is None and inputs:
        wrong |= dict.fromkeys(
            inputs,
            f"{inputs[0]}: package.json says of no input that it gives the study",
        )
    if wrong and about.version == version():
        raise BadArchive(next(iter(wrong.values())))
    there = files.get("README.md", b"")
    others = {
        name: data
        for name, data in files.items()
        if name not in ("README.md", "package.json")
    }
    command = command_by_hand(hand, about) if hand is not None else None
    took = seconds_said(there.decode("utf-8", "replace"))
    try:
        fits = there == readme(about, scenario, command, others, len(points), took)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        wrong["README.md"] = "README.md is not what the study gives"
    return tuple(sorted({*wrong} - {"package.json"})), found is None


def reproduce(
    archived: Archived,
    *,
    workers: int = 1,
    model: str | None = None,
    outcomes: str | None = None,
    out: Path | None = None,
) -> Reproduced:
    """Run the study again and compare. out: a new folder for the archive's files.

    Raises WrongRequest where the study's own code is not allowed by `model` and
    `outcomes`, or a sweep has no class table."""
    about = archived.about
    if about.study == "sweep" and about.classes is None:
        raise WrongRequest(
            "the archive is of a version before class tables: its points were each "
            "counted by classes of their own"
        )
    job = job_of(about, archived.scenario, Allowed(model, outcomes))
    if out is not None:
        members.unpack(archived.unpacked(), out)
    revived: list[int] = []
    blocks = _blocks_by_point(archived, job, workers, revived)
    numbers, results = (_run_again if about.study == "run" else _sweep_again)(
        archived, blocks
    )
    return _compared(archived, numbers, results, len(revived))


def _blocks_by_point(
    archived: Archived, job: Job, workers: int, revived: list[int]
) -> Blocks:
    """Each point by its place, with its tables in the order of runs, as soon as it is
    whole. Runs on record as failed are left out; those that did not fail here are added
    to `revived`."""
    about, points = archived.about, archived.points
    gone: dict[int, list[Block]] = {}
    for row in about.failed:
        gone.setdefault(row.point, []).append(Block(row.run, row.run + 1))
    tasks, left = [], {}
    for at, point in enumerate(points):
        lost = gone.get(point.number, [])
        blocks = [
            *missing(lost, about.runs, BLOCK),
            *lost,
        ]  # these by themselves: in no sum of the others
        tasks += [Task(block, at, point.values) for block in blocks]
        left[at] = len(blocks)
    waiting: dict[int, dict[int, BlockTables]] = {at: {} for at in left}
    for outcome in run_tasks(job, tasks, workers):
        at, block = outcome.task.point, outcome.task.block
        left[at] -= 1
        if outcome.tables is not None and block in gone.get(points[at].number, []):
            revived.append(block.first)
        elif outcome.tables is not None:
            waiting[at][block.first] = outcome.tables
        if not left[at]:
            found = waiting.pop(at)
            yield at, [found[first] for first in sorted(found)]


def _run_again(
    archived: Archived, blocks: Blocks
) -> tuple[StudyNumbers, dict[str, bytes]]:
    """What came of a run here and now: numbers, and the tables as an archive holds
    them."""
    about = archived.about
    result = AnalysedResult(
        scenario=archived.scenario,
        runs=about.runs,
        seed=about.seed,
        arms=archived.arms,
        version=about.version,
        memory=tuple(next(blocks)[1]),
        failed=tuple(row.model_dump() for row in about.failed),
        draws=about.draw_parameters,
    )
    numbers = numbers_of_parts(
        [("", part_of(result.blocks(), result.arms))], result.digest
    )
    return numbers, results_of(
        result.summary(), {name: getattr(result, name) for name in TABLES["run"]}
    )


def _sweep_again(
    archived: Archived, blocks: Blocks
) -> tuple[StudyNumbers, dict[str, bytes]]:
    """The same of a sweep."""
    about, arms, points = archived.about, archived.arms, archived.points
    steps = share_steps(archived.scenario)
    parts: dict[int, PointDigest] = {}
    found: dict[int, PointNumbers] = {}
    for at, pairs in blocks:
        plain = [(one.runs, one.agreements) for one in pairs]
        parts[at], found[at] = (
            part_of(plain, arms),
            numbers_of(plain, arms, about.outcomes, steps),
        )
    tables = tables_of(
        (p.number, SweepPoint(p.values, p.label), found[at])
        for at, p in enumerate(points)
    )
    outcomes = about.outcomes or tables.outcomes
    what = (
        about.name,
        archived.scenario,
        arms,
        about.factors,
        outcomes,
        len(about.failed),
    )
    study = {
        "points": len(points),
        "runs": about.runs,
        "seed": about.seed,
        "version": about.version,
    }
    summary = tables.summary(*what, study)
    numbers = numbers_of_parts(
        [(p.key, parts[at]) for at, p in enumerate(points)], tables.digest
    )
    return numbers, results_of(
        summary, {"levels": tables.levels, "effects": tables.effects}
    )


def _compared(
    archived: Archived, numbers: StudyNumbers, results: dict[str, bytes], revived: int
) -> Reproduced:
    """Bits first; then agreements and dates exactly and means within TOLERANCE, where
    the arithmetic may be another."""
    about, digest = archived.about, numbers.digest
    made_on = arithmetic(about.cpu, about.versions.get("numpy"))
    where = f"made by balance-sim {about.version} on {made_on}, this is {version()} on {arithmetic_here()}"
    apart = [
        f"{name}: {about.means.get(name)} there, {numbers.means.get(name)} here"
        for name in sorted({*about.means, *numbers.means})
        if not close(about.means.get(name), numbers.means.get(name), TOLERANCE)
    ]
    agreements = (
        [] if numbers.accords == about.accords_digest else ["agreements or their dates"]
    )
    same_bits = digest == about.digest
    there = {
        name: content
        for name, content in archived.files.items()
        if name.startswith("results/")
    }
    summary = (
        "results/summary.json"  # the digest that it names is compared apart from it
    )
    own = results[summary].replace(digest.encode(), about.digest.encode())
    tables = diff_files(
        there, results | {summary: own}, TOLERANCE if same_bits else ROUNDING
    )
    elsewhere = (made_on, about.version) != (arithmetic_here(), version())
    if agreements + apart + tables or not (same_bits or elsewhere):
        said = f"not reproduced: digest {digest}, the archive says {about.digest} ({where})"
        if same_bits:
            said = f"not reproduced: the runs give digest {digest}, as the archive says, but not all it holds"
        few = (*agreements, *apart[:LISTED], *tables[:LISTED])
        return Reproduced(
            "not",
            said,
            digest,
            few or ("last digits, though the arithmetic is the same here",),
        )
    said = (
        f"reproduced to the last bit: digest {digest}; {len(results)} tables compared"
    )
    if not same_bits:
        said = (
            "reproduced: agreements and dates are the same in every run, means within a relative difference of "
            f"{TOLERANCE:g}, {len(results)} tables within {ROUNDING:g}; last digits differ ({where})"
        )
    return Reproduced(
        "bits" if same_bits else "digits", said + _left_out(archived, revived), digest
    )


def _left_out(archived: Archived, revived: int) -> str:
    """Runs on record as failed: nothing else tells whether they were rightly left out.
    And what was not compared."""
    said, failed = "", len(archived.about.failed)
    if failed:
        said += f"; left out here as there: {failed} on record as failed, {revived} of which did not fail here"
    if archived.unheld:
        said += f"; not known to belong to the study, so not unpacked: {listed(archived.unheld, 5)}"
    if archived.unsampled:
        said += "; whether the inputs give these points was not looked at, which takes "
        said += "`pip install 'balance-sim[sensitivity]'`"
    return said

"""`reproduce`: run what an archive holds again, and say whether the same came of it:
digests, and every table in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from balance_sim.archive.about import (
    MOST_RUNS,
    About,
    Point,
    read_about,
    read_points,
)
from balance_sim.archive.differences import diff_files
from balance_sim.archive.members import BadArchive, unpack, unzipped
from balance_sim.archive.package import (
    PAPERS,
    TABLES,
    agreements_digest,
    is_member,
    results_of,
)
from balance_sim.archive.papers import papers
from balance_sim.archive.verify import AllowedCode, job_of, refuse_other_version
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.baseline import refuse_strangers
from balance_sim.model.classes import Classes
from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task
from balance_sim.study.machine import arithmetic, arithmetic_here
from balance_sim.study.points import SweepPoint
from balance_sim.study.recorder import share_steps
from balance_sim.study.run import run_tasks
from balance_sim.study.store import missing
from balance_sim.study.sweep_result import combined, numbers_of, tables_of
from balance_sim.study.tables import BlockTables

TOLERANCE = 1e-9
"""Relative difference of numbers in tables that are the same but for their text."""
ROUNDING = 1e-6
"""The same where the arithmetic is another, and last digits differ."""
BLOCK = 128
LISTED = 5
SUMMARY = "results/summary.json"
PointTables = Iterator[tuple[int, list[BlockTables]]]


@dataclass(frozen=True)
class Archived:
    """An archive that was checked: what to run, and what came of it before."""

    about: About
    scenario: Scenario
    arms: tuple[str, ...]
    points: tuple[Point, ...]
    files: dict[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Reproduced:
    """Whether the same came of it.

    Attributes
    ----------
    how : "bits", "digits" or "not"
    said : the same in words
    differs : what differs, the first few
    """

    how: str
    said: str
    digest: str
    differs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.how != "not"


def read_archive(path: Path) -> Archived:
    """Return an archive in which everything was checked; nothing is written and nothing
    is run.

    Raises BadArchive, ScenarioError for a scenario that does not hold, WrongRequest for
    another format or other code."""
    files = unzipped(path)
    about = read_about(files)
    refuse_other_version(about)
    _check_sums(files, about)
    scenario = _scenario_of(files, about)
    arms = chosen_arms(scenario, about.arms)
    points = read_points(files, about)
    if about.study == "sweep":
        with_values(scenario, dict(points[0].values))
    if len(points) * about.runs > MOST_RUNS:
        raise BadArchive(f"{len(points) * about.runs:,} runs exceed {MOST_RUNS:,}")
    others = {name: files[name] for name in files if name not in PAPERS}
    for name, content in papers(about, scenario, others, len(points)).items():
        if files.get(name) != content:
            raise BadArchive(f"{name} is not what the study gives")
    return Archived(about, scenario, arms, points, files)


def _check_sums(files: dict[str, bytes], about: About) -> None:
    """Raise BadArchive for a member that is missing, has other bytes, or does not
    belong into the archive."""
    for name, digest in sorted(about.files.items()):
        if name not in files or sha256(files[name]).hexdigest() != digest:
            raise BadArchive(f"{name} is missing, or has other bytes than declared")
    for name in sorted(files):
        is_named = name in about.files or name == "package.json"
        if not is_named or not is_member(name, about):
            raise BadArchive(f"{name} does not belong into the archive")


def _scenario_of(files: dict[str, bytes], about: About) -> Scenario:
    """Return the scenario, with its class table. Raises BadArchive."""
    try:
        scenario = Scenario.model_validate_json(files["scenario.json"])
    except (KeyError, ValueError) as error:
        raise BadArchive(
            f"scenario.json: {' '.join(str(error).split())[:300]}"
        ) from None
    checked = with_values(scenario, {})
    if checked.sha256 != about.scenario.sha256:
        raise BadArchive(
            "scenario.json is not the scenario of package.json: its sha256 is another"
        )
    try:
        classes = Classes.read(about.classes)
        refuse_strangers(checked.codes, classes)
    except ValueError as error:
        raise BadArchive(f"package.json: `classes`: {error}") from None
    return checked.counted_as(classes)


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
    `outcomes`."""
    about = archived.about
    job = job_of(about, archived.scenario, AllowedCode(model, outcomes))
    if out is not None:
        unpack(archived.files, out)
    tables = _point_tables(archived, job, workers)
    simulate = _run_again if about.study == "run" else _sweep_again
    return _compared(archived, simulate(archived, tables))


def _point_tables(archived: Archived, job: Job, workers: int) -> PointTables:
    """Yield each point by its place, with its tables in the order of runs, as soon as
    it is whole. Runs on record as failed are left out."""
    runs = archived.about.runs
    failed: dict[int, list[Block]] = {}
    for row in archived.about.failed:
        failed.setdefault(row.point, []).append(Block(row.run, row.run + 1))
    tasks = []
    pending: dict[int, int] = {}
    for place, point in enumerate(archived.points):
        blocks = missing(failed.get(point.number, []), runs, BLOCK)
        tasks += [Task(block, place, point.values) for block in blocks]
        pending[place] = len(blocks)
    yield from ((place, []) for place, count in pending.items() if not count)
    tables: dict[int, dict[int, BlockTables]] = {place: {} for place in pending}
    for result in run_tasks(job, tasks, workers):
        place = result.task.point
        pending[place] -= 1
        if result.tables is not None:
            tables[place][result.task.block.first] = result.tables
        if not pending[place]:
            by_run = tables.pop(place)
            yield place, [by_run[first] for first in sorted(by_run)]


@dataclass(frozen=True)
class Made:
    """What came of a study here and now: digests of all results, and of agreements and
    their dates alone; the tables as an archive holds them."""

    digest: str
    accords_digest: str
    results: dict[str, bytes]


def _run_again(archived: Archived, tables: PointTables) -> Made:
    """Return what came of a run here and now."""
    about = archived.about
    result = AnalysedResult(
        scenario=archived.scenario,
        runs=about.runs,
        seed=about.seed,
        arms=archived.arms,
        version=about.version,
        memory=tuple(next(tables)[1]),
        failed=tuple(row.model_dump() for row in about.failed),
        draws=about.draw_parameters,
    )
    accords = combined([("", agreements_digest(result.blocks(), result.arms))])
    frames = {name: getattr(result, name) for name in TABLES["run"]}
    return Made(result.digest, accords, results_of(result.summary(), frames))


def _sweep_again(archived: Archived, tables: PointTables) -> Made:
    """Return what came of a sweep here and now."""
    about, arms, points = archived.about, archived.arms, archived.points
    steps = share_steps(archived.scenario)
    digests = {}
    numbers = {}
    for place, blocks in tables:
        pairs = [(block.runs, block.agreements) for block in blocks]
        digests[place] = agreements_digest(pairs, arms)
        numbers[place] = numbers_of(pairs, arms, about.outcomes, steps)
    swept = tables_of(
        (point.number, SweepPoint(point.values, point.label), numbers[place])
        for place, point in enumerate(points)
    )
    summary = swept.summary(
        about.name,
        archived.scenario,
        arms,
        about.factors,
        about.outcomes or swept.outcomes,
        len(about.failed),
        {
            "points": len(points),
            "runs": about.runs,
            "seed": about.seed,
            "version": about.version,
        },
    )
    accords = combined(
        (point.key, digests[place]) for place, point in enumerate(points)
    )
    results = results_of(summary, {"levels": swept.levels, "effects": swept.effects})
    return Made(swept.digest, accords, results)


def _compared(archived: Archived, made: Made) -> Reproduced:
    """Compare bits first; then agreements and dates exactly and tables within ROUNDING,
    where the arithmetic may be another."""
    about, digest = archived.about, made.digest
    made_on = arithmetic(about.cpu, about.versions.get("numpy"))
    is_same = digest == about.digest
    differs = []
    if made.accords_digest != about.accords_digest:
        differs.append("agreements or their dates")
    tolerance = TOLERANCE if is_same else ROUNDING
    differs += _unlike_tables(archived, made, tolerance)[:LISTED]
    if not is_same and not differs and made_on == arithmetic_here():
        differs.append("last digits, though the arithmetic is the same here")
    machines = f"made on {made_on}, this is {arithmetic_here()}"
    if differs:
        words = f"digest {digest}, the archive says {about.digest} ({machines})"
        if is_same:
            words = f"digest {digest}, as the archive says, but not all it holds"
        return Reproduced("not", f"not reproduced: {words}", digest, tuple(differs))
    count = len(made.results)
    words = f"reproduced to the last bit: digest {digest}; {count} tables compared"
    if not is_same:
        words = (
            "reproduced: agreements and dates are the same in every run, "
            f"{count} tables within a relative difference of {ROUNDING:g}; "
            f"last digits differ ({machines})"
        )
    if about.failed:
        words += f"; left out here as there: {len(about.failed)} on record as failed"
    return Reproduced("bits" if is_same else "digits", words, digest)


def _unlike_tables(archived: Archived, made: Made, tolerance: float) -> list[str]:
    """Return the first difference of each table; the digest that a summary names is
    compared apart from it."""
    tables = {
        name: content
        for name, content in archived.files.items()
        if name.startswith("results/")
    }
    digests = (made.digest.encode(), archived.about.digest.encode())
    summary = made.results[SUMMARY].replace(*digests)
    return diff_files(tables, made.results | {SUMMARY: summary}, tolerance)

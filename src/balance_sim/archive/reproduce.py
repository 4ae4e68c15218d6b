"""Run what an archive holds again, and say whether the same came of it: digests, and every table in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from balance_sim.analysis.result import AnalysedResult
from balance_sim.archive.archive import BadArchive, check_values, unpack, unzipped
from balance_sim.archive.inputs import FOLDER, ByHand, gives
from balance_sim.archive.package import (
    FORMAT,
    Numbers,
    Part,
    derived_files,
    numbers_of_parts,
    part_of,
    requirements,
    results_files,
    results_of,
)
from balance_sim.archive.readme_text import Facts, readme, seconds_said
from balance_sim.archive.rerun import OWN_CLASSES
from balance_sim.archive.unlike import close, unlike_files
from balance_sim.experiment.run import import_model
from balance_sim.experiment.runner import run_tasks
from balance_sim.model.classes import refuse_strangers
from balance_sim.pool.faults import WrongRequest
from balance_sim.pool.machine import arithmetic, arithmetic_here
from balance_sim.replications.arms import chosen_arms
from balance_sim.replications.blocks import Block
from balance_sim.replications.jobs import Job, Task, Values
from balance_sim.replications.recorder import share_steps
from balance_sim.replications.tables import BlockTables
from balance_sim.results.folder import version
from balance_sim.results.points import DesignPoint, point_key
from balance_sim.results.store import missing
from balance_sim.results.sweep_result import PointNumbers, numbers_of, summary_of, tables_of
from balance_sim.scenario import with_values
from balance_sim.scenario.fingerprint import Classes
from balance_sim.scenario.problems import listed, shown
from balance_sim.scenario.schema import Scenario

TOLERANCE = 1e-9
ROUNDING = (
    1e-6  # of numbers in tables where last digits differ, since what is worked out from them differs more
)
BLOCK = 128
MOST_RUNS = 10_000_000
LISTED = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_\-]{0,63}")
REQUIREMENTS = "requirements.txt"
PAPERS = ("package.json", "README.md", "scenario.json", "parameters.csv", "sources.csv", REQUIREMENTS)
TABLES = {"run": ("levels", "effects", "dyads"), "sweep": ("levels", "effects")}


@dataclass(frozen=True)
class Point:
    """One point of a sweep, with the number that its folder gave it; of a single run, one without values."""

    number: int = 0
    values: Values = ()
    label: str = ""

    @property
    def key(self) -> str:
        return point_key(self.values) if self.values else ""


@dataclass(frozen=True)
class Archived:
    """An archive that was checked: what to run, and what came of it before."""

    about: dict[str, Any]
    scenario: Scenario
    arms: tuple[str, ...]
    points: tuple[Point, ...]
    numbers: Numbers
    files: dict[str, bytes] = field(repr=False)
    unheld: tuple[str, ...] = ()  # members that cannot be held against the study, and are not unpacked
    unsampled: bool = False  # whether the inputs give the points is unknown: what draws them is not installed

    def unpacked(self) -> dict[str, bytes]:
        """What is written for a person: what was held against the study, and the requirements made anew."""
        held = {name: data for name, data in self.files.items() if name not in self.unheld}
        if REQUIREMENTS in self.unheld:
            held[REQUIREMENTS] = requirements(self.about["versions"])
        return held


@dataclass(frozen=True)
class Reproduced:
    """`how`: "bits", "digits" or "not"; `said`: in words; `differs`: what does, the first few."""

    how: str
    said: str
    digest: str
    differs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.how != "not"


def read_archive(path: Path) -> Archived:
    """Everything is checked here; nothing is written and nothing is run.

    Raises BadArchive, ScenarioError for a scenario that does not hold, WrongRequest for another format."""
    files = unzipped(path)
    for name, content in files.items():
        if name.endswith(".json"):
            check_values(name, content)
    about = _about(files)
    for name, digest in sorted(about["files"].items()):
        if name not in files:
            raise BadArchive(f"{name} is missing")
        if sha256(files[name]).hexdigest() != digest:
            raise BadArchive(f"{name} is not what package.json says: its bytes have changed")
    strangers = sorted(set(files) - set(about["files"]) - {"package.json"})
    if strangers:
        raise BadArchive(f"{strangers[0]} is not named in package.json")
    unknown = sorted(name for name in files if not _is_member(name, about["study"]))
    if unknown:
        raise BadArchive(f"{unknown[0]}: no file of this name belongs in the archive of a {about['study']}")
    try:
        scenario = Scenario.model_validate_json(files["scenario.json"])
    except ValueError as error:
        raise BadArchive(f"scenario.json: {_first_line(error)}") from None
    except KeyError:
        raise BadArchive("scenario.json is missing") from None
    checked = with_values(scenario, {})
    if checked.sha256 != about["scenario"]["sha256"]:
        raise BadArchive("scenario.json is not the scenario of package.json: its sha256 is another")
    checked = checked.counted_as(_classes_of(about, checked))
    arms = chosen_arms(checked, about["arms"])
    points = _points(files, about, checked)
    if len(points) * about["runs"] > MOST_RUNS:
        raise BadArchive(f"{len(points) * about['runs']:,} runs exceed {MOST_RUNS:,}")
    numbers = Numbers(about["digest"], about["accords_digest"], about["means"])
    unheld, unsampled = _check_papers(files, about, checked, points)
    return Archived(about, checked, arms, points, numbers, files, unheld, unsampled)


def _is_member(name: str, study: str) -> bool:
    """Whether an archive of such a study may hold a file of that name. Which inputs it may hold they say themselves."""
    results = {f"results/{table}.csv" for table in TABLES[study]} | {"results/summary.json"}
    own = {"points.json"} if study == "sweep" else set()
    return name in {*PAPERS, *results, *own} or name.startswith(f"{FOLDER}/")


def _classes_of(about: dict[str, Any], scenario: Scenario) -> Classes | None:
    """The class table of an archive; None in one of a version that kept none."""
    if about.get("classes") is None:
        return None
    try:
        classes = Classes.read(about["classes"])
        refuse_strangers(scenario.codes, classes)
    except ValueError as error:
        raise BadArchive(f"package.json: `classes`: {error}") from None
    return classes


def _check_papers(
    files: dict[str, bytes], about: dict[str, Any], scenario: Scenario, points: Sequence[Point]
) -> tuple[tuple[str, ...], bool]:
    """Hold what stands beside the scenario against the study: papers, requirements, and the inputs as written.

    Returns what cannot be held against it, and whether the points of a design were left uncompared. What differs is
    refused, but for words in README.md; in the archive of another version, which may have written it otherwise, it
    is among what is returned."""
    wrong: dict[str, str] = {}
    for name, content in derived_files(scenario).items():
        if name != "scenario.json" and files.get(name) != content:
            wrong[name] = f"{name} is not what scenario.json gives"
    allowed = [requirements(about["versions"], needs_sampler=needed) for needed in (False, True)]
    if files.get(REQUIREMENTS) not in allowed:
        wrong[REQUIREMENTS] = f"{REQUIREMENTS} is not what the versions in package.json give"
    inputs = [name for name in files if name.startswith(f"{FOLDER}/")]
    hand = ByHand.read(about.get("by_hand"))
    found = hand is not None and gives(hand, about, files, [point.key for point in points])
    if hand is not None and found is False:
        why = f"{shown(hand.file, 200)} and the files beside it do not give this study"
        wrong |= dict.fromkeys(inputs or ["package.json"], why)
    elif hand is None and inputs:
        wrong |= dict.fromkeys(inputs, f"{inputs[0]}: package.json says of no input that it gives the study")
    if wrong and about["versions"]["balance_sim"] == version():
        raise BadArchive(next(iter(wrong.values())))
    if files.get("README.md") != _readme(files, about, scenario, hand, len(points)):
        wrong["README.md"] = "README.md is not what the study gives"
    return tuple(sorted({*wrong} - {"package.json"})), found is None


def _readme(
    files: dict[str, bytes], about: dict[str, Any], scenario: Scenario, hand: ByHand | None, points: int
) -> bytes:
    """The README of this study, with the time that the archive's own says it took."""
    others = {name: data for name, data in sorted(files.items()) if name not in ("README.md", "package.json")}
    texts = {name: data.decode("utf-8", "replace") for name, data in others.items()}
    seconds = seconds_said(files.get("README.md", b"").decode("utf-8", "replace"))
    command = hand.command(about) if hand is not None else None
    try:
        return readme(Facts(about, scenario, command, texts, points, seconds)).encode()
    except (KeyError, UnicodeEncodeError):  # no version of Python is named, say
        return b""


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:300]


_KINDS: dict[str, type | tuple[type, ...]] = {
    "format": int, "study": str, "name": str, "scenario": dict, "arms": list, "runs": int, "seed": int,
    "digest": str, "accords_digest": str, "means": dict, "failed": list, "versions": dict, "cpu": str,
    "files": dict, "factors": list, "outcomes": list,
}  # fmt: skip


def _about(files: dict[str, bytes]) -> dict[str, Any]:
    """package.json, each of its keys of the kind it has to be."""
    try:
        about = json.loads(files["package.json"])
    except KeyError:
        raise BadArchive("no package.json: not an archive of `balance-sim package`") from None
    except (ValueError, RecursionError) as error:
        raise BadArchive(f"package.json: {str(error)[:200]}") from None
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise BadArchive("package.json: not one of `balance-sim package`")
    if about["format"] != FORMAT:
        raise WrongRequest(f"the archive is of format {about['format']}; this balance-sim reads {FORMAT}")
    for key, kind in _KINDS.items():
        if not isinstance(about.get(key), kind) or isinstance(about.get(key), bool):
            raise BadArchive(f"package.json: `{key}` is missing or of another kind")
    sound = (
        about["study"] in ("run", "sweep")
        and 1 <= about["runs"] <= MOST_RUNS
        and 0 <= about["seed"] < 2**64
        and all(isinstance(arm, str) for arm in about["arms"])
        and all(isinstance(value, str) for value in about["files"].values())
        and all(_is_line(name) and _is_mean(value) for name, value in about["means"].items())
        and isinstance(about["scenario"].get("sha256"), str)
        and isinstance(about["versions"].get("balance_sim"), str)
        and all(_names_a_run(row) for row in about["failed"])
        and all(_SHA256.fullmatch(about[key]) for key in ("digest", "accords_digest"))
        and all(_is_line(text) for text in (about["name"], about["cpu"]))
        and all(isinstance(text, str) and _VERSION.fullmatch(text) for text in about["versions"].values())
        and (about.get("model") is None or isinstance(about["model"], str))
        and all(isinstance(about.get(key), bool) for key in ("draw_parameters", "mechanisms"))
        and all(_is_line(word) for word in (*about["factors"], *about["outcomes"]))
        and _is_by_hand(about.get("by_hand"))
    )
    if not sound:
        raise BadArchive("package.json: a value is out of bounds")
    return about


def _names_a_run(row: object) -> bool:
    if not isinstance(row, dict):
        return False
    return all(type(row.get(key)) is int and 0 <= row[key] < 2**31 for key in ("point", "run"))


def _is_mean(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_by_hand(said: object) -> bool:
    try:
        ByHand.read(said)
    except ValueError:
        return False
    return True


def _is_line(text: object) -> bool:
    """True for a line that steers no terminal."""
    return isinstance(text, str) and len(text) <= 200 and text.isprintable()


def _points(files: dict[str, bytes], about: dict[str, Any], scenario: Scenario) -> tuple[Point, ...]:
    if about["study"] == "run":
        return (Point(),)
    try:
        points = tuple(_point(row, about["factors"]) for row in json.loads(files["points.json"]))
        sound = (
            len({point.values for point in points}) > 0
        )  # no mappings and no lists in lists: these have no hash
        sound = sound and len({point.number for point in points}) == len(points)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise BadArchive("points.json: missing, or not the points of a sweep")
    for point in points[:1]:
        with_values(scenario, dict(point.values))
    return points


def _point(row: dict[str, Any], factors: Sequence[str]) -> Point:
    values = {str(path): tuple(v) if isinstance(v, list) else v for path, v in row["values"].items()}
    number, label = row["point"], row["label"]
    if type(number) is not int or not 0 <= number < 2**31 or not isinstance(label, str) or not values:
        raise ValueError("no point")
    if set(values) != set(factors) or row["key"] != point_key(tuple(values.items())):
        raise ValueError("other factors than those of the sweep, or another key")
    return Point(number, tuple((path, values[path]) for path in dict.fromkeys(factors)), label)


def reproduce(
    archived: Archived, *, workers: int = 1, model: str | None = None, out: Path | None = None
) -> Reproduced:
    """Run the study again and compare. out: a new folder for the archive's files.

    Raises WrongRequest where the study's own code is not allowed by `model`, or a sweep has no class table."""
    about = archived.about
    if about["study"] == "sweep" and about.get("classes") is None:
        raise WrongRequest(f"the archive is of a version before class tables: {OWN_CLASSES}")
    if about.get("model") is not None:
        if model is None or model != about["model"]:
            raise WrongRequest(
                f"the study used code of its own, {about['model']}: --model {about['model']} allows it to run"
            )
        import_model(model)
    if out is not None:
        unpack(archived.unpacked(), out)
    return compared(archived, again(archived, workers))


@dataclass(frozen=True)
class Again:
    """What came of it here and now: numbers, and the tables as an archive holds them."""

    numbers: Numbers
    results: dict[str, bytes] = field(repr=False)
    revived: int = 0  # runs on record as failed that did not fail


def again(archived: Archived, workers: int = 1) -> Again:
    """The study, run here and now."""
    revived: list[int] = []
    blocks = _blocks_by_point(archived, workers, revived)
    if archived.about["study"] == "run":
        found = _run_again(archived, next(blocks)[1])
    else:
        found = _sweep_again(archived, blocks)
    return replace(found, revived=len(revived))


def _blocks_by_point(
    archived: Archived, workers: int, revived: list[int]
) -> Iterator[tuple[int, list[BlockTables]]]:
    """Each point by its place, with its (runs, accords) tables in the order of runs, as soon as it is whole.

    Runs on record as failed are left out; those that did not fail here are added to `revived`."""
    about, points = archived.about, archived.points
    job = Job(
        archived.scenario,
        about["seed"],
        archived.arms,
        about.get("model"),
        mechanisms=about["mechanisms"],
        draws=about["draw_parameters"],
    )
    gone: dict[int, list[Block]] = {}
    for row in about["failed"]:
        gone.setdefault(row["point"], []).append(Block(row["run"], row["run"] + 1))
    tasks, left = [], {}
    for at, point in enumerate(points):
        lost = gone.get(point.number, [])
        blocks = [*missing(lost, about["runs"], BLOCK), *lost]  # these by themselves: in no sum of the others
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


def _run_again(archived: Archived, blocks: Sequence[BlockTables]) -> Again:
    about = archived.about
    result = AnalysedResult(
        scenario=archived.scenario,
        runs=about["runs"],
        seed=about["seed"],
        arms=archived.arms,
        version=about["versions"]["balance_sim"],
        memory=tuple(blocks),
        failed=tuple(about["failed"]),
        draws=about["draw_parameters"],
    )
    numbers = numbers_of_parts([("", part_of(result.blocks(), result.arms))], result.digest)
    return Again(numbers, results_files(result))


def _sweep_again(archived: Archived, blocks: Iterable[tuple[int, list[BlockTables]]]) -> Again:
    about, arms = archived.about, archived.arms
    steps = share_steps(archived.scenario)
    parts: dict[int, Part] = {}
    found: dict[int, PointNumbers] = {}
    for at, pairs in blocks:
        plain = [(one.runs, one.accords) for one in pairs]
        parts[at] = part_of(plain, arms)
        found[at] = numbers_of(plain, arms, about["outcomes"], steps)
    points = archived.points
    tables = tables_of((p.number, DesignPoint(p.values, p.label), found[at]) for at, p in enumerate(points))
    every = dict.fromkeys(tables.levels["outcome"]) if len(tables.levels) else ()
    summary = summary_of(
        tables,
        name=about["name"],
        scenario=archived.scenario,
        points=len(points),
        runs=about["runs"],
        seed=about["seed"],
        version=about["versions"]["balance_sim"],
        arms=arms,
        factors=about["factors"],
        outcomes=about["outcomes"] or list(every),
        failed=len(about["failed"]),
    )
    numbers = numbers_of_parts([(p.key, parts[at]) for at, p in enumerate(points)], tables.digest)
    return Again(numbers, results_of(summary, {"levels": tables.levels, "effects": tables.effects}))


def compared(archived: Archived, now: Again) -> Reproduced:
    """Bits first; then accords and dates exactly and means within TOLERANCE, where the arithmetic may be another."""
    before, about, numbers = archived.numbers, archived.about, now.numbers
    where = (
        f"made by balance-sim {about['versions']['balance_sim']} on {_arithmetic_of(about)}, "
        f"this is {version()} on {arithmetic_here()}"
    )
    apart = [
        f"{name}: {before.means.get(name)} there, {numbers.means.get(name)} here"
        for name in sorted({*before.means, *numbers.means})
        if not close(before.means.get(name), numbers.means.get(name), TOLERANCE)
    ]
    accords = [] if numbers.accords == before.accords else ["accords or their dates"]
    same_bits = numbers.digest == before.digest
    tables = unlike_files(
        _results(archived.files), _as_of(now, before.digest), TOLERANCE if same_bits else ROUNDING
    )
    elsewhere = (_arithmetic_of(about), about["versions"]["balance_sim"]) != (arithmetic_here(), version())
    differs = accords + apart + tables
    if same_bits and not differs:
        said = f"reproduced to the last bit: digest {numbers.digest}"
        said += f"; {len(now.results)} tables compared{_left_out(about, now)}{_not_held(archived)}"
        return Reproduced("bits", said, numbers.digest)
    if not differs and elsewhere:
        said = (
            "reproduced: accords and dates are the same in every run, means within a relative difference of "
            f"{TOLERANCE:g}, {len(now.results)} tables within {ROUNDING:g}; last digits differ ({where})"
            f"{_left_out(about, now)}{_not_held(archived)}"
        )
        return Reproduced("digits", said, numbers.digest)
    if same_bits:
        said = f"not reproduced: the runs give digest {numbers.digest}, as the archive says, but not all it holds"
    else:
        said = f"not reproduced: digest {numbers.digest}, the archive says {before.digest} ({where})"
    few = (*accords, *apart[:LISTED], *tables[:LISTED])
    return Reproduced(
        "not", said, numbers.digest, few or ("last digits, though the arithmetic is the same here",)
    )


def _left_out(about: dict[str, Any], now: Again) -> str:
    """What of the runs is on record as failed: nothing else tells whether they were rightly left out."""
    if not about["failed"]:
        return ""
    many = len(about["failed"])
    return f"; left out here as there: {many} on record as failed, {now.revived} of which did not fail here"


def _not_held(archived: Archived) -> str:
    """What in the archive was not compared, as nothing here can say whether it belongs to the study."""
    said = ""
    if archived.unheld:
        said += f"; not known to belong to the study, so not unpacked: {listed(archived.unheld, 5)}"
    if archived.unsampled:
        said += (
            "; whether the inputs give these points was not looked at, which takes "
            "`pip install 'balance-sim[sensitivity]'`"
        )
    return said


def _as_of(now: Again, digest: str) -> dict[str, bytes]:
    """The tables; the digest that the summary names is compared apart from them."""
    name = "results/summary.json"
    own = now.numbers.digest.encode()
    return now.results | {name: now.results[name].replace(own, digest.encode())}


def _arithmetic_of(about: dict[str, Any]) -> str:
    return arithmetic(about["cpu"], about["versions"].get("numpy"))


def _results(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.startswith("results/")}

"""Run what an archive holds again, and say whether the same came of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.archive import BadArchive, unpack, unzipped
from balance_sim.study.arms import chosen_arms
from balance_sim.study.designs import point_key
from balance_sim.study.faults import WrongRequest
from balance_sim.study.folder import version
from balance_sim.study.jobs import Job, Task, Values
from balance_sim.study.machine import cpu_type
from balance_sim.study.package import FORMAT, Gathered, Numbers, combined
from balance_sim.study.run import import_model
from balance_sim.study.runner import run_tasks
from balance_sim.study.store import missing

TOLERANCE = 1e-9
BLOCK = 128
MOST_RUNS = 10_000_000
LISTED = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Archived:
    """An archive that was checked: what to run, and what came of it before."""

    about: dict[str, Any]
    scenario: Scenario
    arms: tuple[str, ...]
    points: dict[str, Values]  # by key; "" for a single run
    numbers: Numbers
    files: dict[str, bytes] = field(repr=False)


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
    about = _about(files)
    for name, digest in sorted(about["files"].items()):
        if name not in files:
            raise BadArchive(f"{name} is missing")
        if sha256(files[name]).hexdigest() != digest:
            raise BadArchive(f"{name} is not what package.json says: its bytes have changed")
    strangers = sorted(set(files) - set(about["files"]) - {"package.json"})
    if strangers:
        raise BadArchive(f"{strangers[0]} is not named in package.json")
    try:
        scenario = Scenario.model_validate_json(files["scenario.json"])
    except ValueError as error:
        raise BadArchive(f"scenario.json: {_first_line(error)}") from None
    except KeyError:
        raise BadArchive("scenario.json is missing") from None
    checked = with_values(scenario, {})
    if checked.sha256 != about["scenario"]["sha256"]:
        raise BadArchive("scenario.json is not the scenario of package.json: its sha256 is another")
    arms = chosen_arms(checked, about["arms"])
    points = _points(files, about, checked)
    if len(points) * about["runs"] > MOST_RUNS:
        raise BadArchive(f"{len(points) * about['runs']:,} runs exceed {MOST_RUNS:,}")
    numbers = Numbers(about["digest"], about["accords_digest"], about["means"])
    return Archived(about, checked, arms, points, numbers, files)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:300]


_KINDS: dict[str, type | tuple[type, ...]] = {
    "format": int, "study": str, "name": str, "scenario": dict, "arms": list, "runs": int, "seed": int,
    "digest": str, "accords_digest": str, "means": dict, "failed": list, "versions": dict, "cpu": str,
    "files": dict,
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
        and all(value is None or isinstance(value, int | float) for value in about["means"].values())
        and isinstance(about["scenario"].get("sha256"), str)
        and isinstance(about["versions"].get("balance_sim"), str)
        and all(_names_a_run(row) for row in about["failed"])
        and all(_SHA256.fullmatch(about[key]) for key in ("digest", "accords_digest"))
        and all(_is_line(text) for text in (about["name"], about["cpu"], *about["versions"].values()))
        and (about.get("model") is None or isinstance(about["model"], str))
        and isinstance(about.get("draw_parameters", False), bool)
    )
    if not sound:
        raise BadArchive("package.json: a value is out of bounds")
    return about


def _names_a_run(row: object) -> bool:
    if not isinstance(row, dict):
        return False
    return all(type(row.get(key)) is int and 0 <= row[key] < 2**31 for key in ("point", "run"))


def _is_line(text: object) -> bool:
    """True for a line that steers no terminal."""
    return isinstance(text, str) and len(text) <= 200 and text.isprintable()


def _points(files: dict[str, bytes], about: dict[str, Any], scenario: Scenario) -> dict[str, Values]:
    if about["study"] == "run":
        return {"": ()}
    try:
        rows = json.loads(files["points.json"])
        values = [
            tuple((str(path), tuple(v) if isinstance(v, list) else v) for path, v in row["values"].items())
            for row in rows
        ]
        sound = all(type(row.get("point", 0)) is int and 0 <= row.get("point", 0) < 2**31 for row in rows)
        sound = sound and len({*values}) > 0  # no mappings and no lists in lists either: these have no hash
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise BadArchive("points.json: missing, or not the points of a sweep")
    for value in values[:1]:
        with_values(scenario, dict(value))
    return {point_key(value): value for value in values}


def reproduce(
    archived: Archived, *, workers: int = 1, model: str | None = None, out: Path | None = None
) -> Reproduced:
    """Run the study again and compare. out: a new folder for the archive's files.

    Raises WrongRequest where the study's own code is not allowed by `model`."""
    about = archived.about
    if about.get("model") is not None:
        if model is None or model != about["model"]:
            raise WrongRequest(
                f"the study used code of its own, {about['model']}: --model {about['model']} allows it to run"
            )
        import_model(model)
    if out is not None:
        unpack(archived.files, out)
    return compared(archived, again(archived, workers))


def again(archived: Archived, workers: int = 1) -> Numbers:
    """The numbers of the study run here and now."""
    about = archived.about
    draws = about.get("draw_parameters", False)
    job = Job(archived.scenario, about["seed"], archived.arms, about.get("model"), draws=draws)
    keys = list(archived.points)
    numbers = _numbers_of_points(archived)
    gone = {(row["point"], row["run"]) for row in about["failed"]}
    tasks = [
        Task(block, at, archived.points[key])
        for at, key in enumerate(keys)
        for block in missing([], about["runs"], BLOCK)
    ]
    left = {at: len(missing([], about["runs"], BLOCK)) for at in range(len(keys))}
    waiting: dict[int, dict[int, tuple[pa.Table, pa.Table]]] = {at: {} for at in range(len(keys))}
    wholes: dict[str, str] = {}
    accords: dict[str, str] = {}
    means: dict[str, float | None] = {}
    for outcome in run_tasks(job, tasks, workers):
        at = outcome.task.point
        left[at] -= 1
        if outcome.tables is not None:
            pair = (outcome.tables.runs, outcome.tables.accords)
            lost = [run for point, run in gone if point == numbers[at]]
            waiting[at][outcome.task.block.first] = _without(pair, lost)
        if left[at]:
            continue
        part = Gathered(archived.arms)
        for first in sorted(waiting[at]):
            part.add(*waiting[at][first])
        waiting[at].clear()
        wholes[keys[at]], accords[keys[at]] = part.whole.hexdigest(), part.accords_digest()
        means |= part.means(keys[at])
    whole = wholes[""] if about["study"] == "run" else combined(wholes)
    return Numbers(whole, combined(accords), means)


def _numbers_of_points(archived: Archived) -> list[int]:
    """The numbers that the folder gave its points, in the order of `points`."""
    if archived.about["study"] == "run":
        return [0]
    found = {}
    for row, values in zip(json.loads(archived.files["points.json"]), archived.points.values(), strict=False):
        found[point_key(values)] = row.get("point", 0)
    return [found[key] for key in archived.points]


def _without(pair: tuple[pa.Table, pa.Table], runs: Sequence[int]) -> tuple[pa.Table, pa.Table]:
    if not runs:
        return pair
    lost = pa.array(runs, pa.int32())
    kept = [t.filter(pc.invert(pc.is_in(t["run"], value_set=lost))) for t in pair]
    return kept[0], kept[1]


def compared(archived: Archived, now: Numbers) -> Reproduced:
    """Bits first; then accords and dates exactly and means within TOLERANCE, on another type of machine."""
    before, about = archived.numbers, archived.about
    if now.digest == before.digest:
        return Reproduced("bits", f"reproduced to the last bit: digest {now.digest}", now.digest)
    here = {"cpu": cpu_type(), "balance_sim": version()}
    made = {"cpu": about["cpu"], "balance_sim": about["versions"]["balance_sim"]}
    elsewhere = here != made
    apart = [
        f"{name}: {before.means.get(name)} there, {now.means.get(name)} here"
        for name in sorted({*before.means, *now.means})
        if not _close(before.means.get(name), now.means.get(name))
    ]
    where = (
        f"made by balance-sim {made['balance_sim']} on {made['cpu']}, "
        f"this is {here['balance_sim']} on {here['cpu']}"
    )
    if now.accords == before.accords and not apart and elsewhere:
        said = (
            "reproduced: accords and dates are the same in every run, means within a relative difference of "
            f"{TOLERANCE:g}; last digits differ ({where})"
        )
        return Reproduced("digits", said, now.digest)
    differs = [] if now.accords == before.accords else ["accords or their dates"]
    said = f"not reproduced: digest {now.digest}, the archive says {before.digest} ({where})"
    if not differs and not apart:
        differs = ["last digits, though the machine is of the same type"]
    return Reproduced("not", said, now.digest, tuple((differs + apart)[:LISTED]))


def _close(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)

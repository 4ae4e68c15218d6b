"""`reproduce`: run what an archive holds again, and say whether the same came of it:
digests, and every table in it."""

from __future__ import annotations

import io
import json
import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from balance_sim.archive.members import BadArchive, unzipped
from balance_sim.archive.package import (
    FORMAT,
    INPUT,
    SUMMARY,
    Package,
    files_of,
    results_of,
    with_papers,
)
from balance_sim.model.own.fingerprint import CodeFingerprint
from balance_sim.model.own.modules import HERE, loaded_rules
from balance_sim.scenario import with_values
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.differences import differences
from balance_sim.study.digest import sha256_of
from balance_sim.study.folder import Folder, refuse_code, scenario_of
from balance_sim.study.jobs import Job, Task, TaskResult
from balance_sim.study.machine import cpu_type, version
from balance_sim.study.manifest import Manifest, manifest_from
from balance_sim.study.own_outcomes import function_named
from balance_sim.study.points import PointTable
from balance_sim.study.run import model_reference, simulate_lacking

BLOCK = 128
ROUNDING = 1e-6
"""Relative difference of numbers that other arithmetic may show."""
SAID = {
    "bits": "reproduced to the last bit: digest {digest}",
    "digits": "reproduced: agreements and dates are the same in every run, tables "
    f"within a relative difference of {ROUNDING:g}; last digits differ",
    "not": "not reproduced: digest {digest}, the archive says {archived}",
}
"""What came of it, in words."""
MOST_RUNS = 10_000_000
PAPERS = {"package.json", "README.md", "requirements.txt"}
_MEMBER = re.compile(
    rf"package\.json|README\.md|requirements\.txt|manifest\.json|{INPUT.pattern}"
    r"|points\.[0-9a-f]{64}\.parquet|results/summary\.json"
    r"|results/(levels|effects|dyads)\.csv"
)
"""Names that an archive may hold."""
RESULT = re.compile("results/")
"""What the name of a summary or a table begins with."""


@dataclass(frozen=True)
class Archived:
    """An archive that was checked: what to run, and what came of it before."""

    package: Package
    manifest: Manifest
    scenario: Scenario
    points: PointTable
    files: dict[str, bytes] = field(repr=False)


def read_archive(path: Path) -> Archived:
    """Return an archive, or a results folder as one, in which everything was checked;
    nothing is written and nothing is run.

    Raises BadArchive, ScenarioError for a scenario that does not hold, WrongRequest for
    another format or other code."""
    files = files_of(path) if path.is_dir() else unzipped(path)
    package = _package_of(files)
    for name in sorted({*files, *package.files}):
        is_sound = name in files and _MEMBER.fullmatch(name) is not None
        if name != "package.json":
            declared = package.files.get(name)
            is_sound = is_sound and sha256_of(files[name]) == declared
        if not is_sound:
            raise BadArchive(f"{name}: no file of an archive, or with other bytes")
    try:
        manifest = manifest_from(files["manifest.json"])
        refuse_other_version(manifest)
        scenario = with_values(scenario_of(manifest), {})
        if scenario.level_source is not None:
            with_values(scenario.level_source, {})
        points = _points_of(files, manifest)
        with_values(scenario, dict(points.points[0].values))
    except (KeyError, IndexError, ValueError, StoreDamaged) as error:
        raise BadArchive(f"manifest.json: {error}") from None
    count = len(points.numbers()) * manifest.runs
    if count > MOST_RUNS:
        raise BadArchive(f"{count:,} runs exceed {MOST_RUNS:,}")
    others = {name: files[name] for name in files if name not in PAPERS}
    digests = package.digest, package.agreements_digest
    papers = with_papers(manifest, others, package.failed, digests)
    for name in ("README.md", "requirements.txt"):
        if files.get(name) != papers[name]:
            raise BadArchive(f"{name} is not what the study gives")
    return Archived(package, manifest, scenario, points, files)


def _package_of(files: Mapping[str, bytes]) -> Package:
    """Return package.json. Raises BadArchive, WrongRequest for another format."""
    try:
        content = json.loads(files["package.json"])
        archive_format = content["format"]
        if archive_format == FORMAT:
            return Package.model_validate(content)
    except (KeyError, TypeError, ValidationError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise BadArchive(f"package.json: missing, or not sound: {why}") from None
    raise WrongRequest(
        f"the archive is of another format; this balance-sim reads {FORMAT}"
    )


def _points_of(files: Mapping[str, bytes], manifest: Manifest) -> PointTable:
    """Return the points of a sweep; of a run, its one. Raises ValueError."""
    if not manifest.is_sweep:
        return PointTable()
    name = f"points.{manifest.points}.parquet"
    if sha256_of(files[name]) != manifest.points:
        raise ValueError(f"{name}: other points")
    return PointTable.read(files[name], name)


# -- running again ---------------------------------------------------------------------


def refuse_other_version(made: Manifest) -> None:
    """Refuse a study of another version than this, or of other text of the package.

    Raises
    ------
    WrongRequest : with the version to install
    CodeDiffers : with both values
    """
    if made.version != version():
        raise WrongRequest(
            f"made by balance-sim {made.version}, this is {version()}: "
            f"pip install balance-sim=={made.version}"
        )
    refuse_code(CodeFingerprint(made.fingerprint.package))


def refuse_unnamed(study: Manifest, model: str | None, outcomes: str | None) -> None:
    """Refuse code of a study's own that was not named: no archive brings any in.

    Parameters
    ----------
    model, outcomes : that may run here: a model, and the module of its outcomes

    Raises
    ------
    WrongRequest : with the options that name it
    """
    modules = {reference.partition(":")[0] for _, reference in study.own_outcomes}
    if HERE in modules or len(modules) > 1:
        raise WrongRequest("the study's own outcomes were defined in no one module")
    options = [f"--outcomes {module}" for module in modules - {outcomes}]
    if study.model not in (None, model):
        options.append(f"--model {study.model}")
    rules = {*study.own_rules} - {*loaded_rules().items()}
    options += {f"--terms {reference.partition(':')[0]}" for _, reference in rules}
    if options:
        named = " ".join(sorted(options))
        raise WrongRequest(f"code of the study's own: {named} allows it to run")


def job_of(
    study: Manifest,
    scenario: Scenario,
    model: str | None = None,
    outcomes: str | None = None,
) -> Job:
    """Return the job that a manifest describes. model, outcomes: as in
    `refuse_unnamed`.

    Raises
    ------
    WrongRequest : where its code is not allowed, or not found
    CodeDiffers : where its code has another text
    """
    refuse_unnamed(study, model, outcomes)
    model_reference(study.model)
    for _, reference in study.own_outcomes:
        function_named(reference)
    refuse_code(study.fingerprint)
    return Job(
        scenario,
        study.seed,
        chosen_arms(scenario, study.arms),
        study.model,
        has_extra_arms=study.mechanisms,
        draws=study.draw_parameters,
        further=study.further,
        own=study.own_outcomes,
    )


def reproduce(
    archived: Archived,
    *,
    workers: int = 1,
    model: str | None = None,
    outcomes: str | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Run the study again and compare.

    Parameters
    ----------
    workers : processes
    model, outcomes : code of the study's own that may run
    out : a results folder for it; the same call goes on there

    Returns
    -------
    dict : `ok`, `how` ("bits", "digits" or "not"), `digest`, `archived` (the digest
        there), `said` (the same in words), and `differs`: what does

    Raises
    ------
    WrongRequest : where the study's own code is not allowed
    """
    job = job_of(archived.manifest, archived.scenario, model, outcomes)
    with tempfile.TemporaryDirectory() as temporary:
        folder = out or Path(temporary) / "study"
        _simulate(archived, job, folder, workers)
        (digest, of_agreements), files = results_of(folder)
    differs = []
    if of_agreements != archived.package.agreements_digest:
        differs.append("agreements or their dates")
    old = archived.files
    for name in sorted({*files, *filter(RESULT.match, old)}):
        why = _difference(name, old.get(name), files.get(name))
        differs += [f"{name}: {why}"] if why else []
    return _compared(archived, digest, differs)


def _simulate(archived: Archived, job: Job, folder: Path, workers: int) -> None:
    """Simulate what is lacking in a results folder; runs on record as failed are left
    out."""
    manifest, points = archived.manifest, archived.points
    with Folder(folder, manifest) as results:
        if manifest.is_sweep:
            points.save(folder)
        done = results.done()
        for point, run in archived.package.failed:
            task = Task(Block(run, run + 1), point)
            if task.block not in done.get(point, []):
                failure = job.lost(task, "on record as failed").failed
                results.keep(TaskResult(task, None, failure))
        results.flush()
        values = {number: points.points[number].values for number in points.numbers()}
        options = {"workers": workers}
        simulate_lacking(results, job, values, manifest.runs, BLOCK, options)


def _compared(archived: Archived, digest: str, differs: list[str]) -> dict[str, Any]:
    """Return whether the same came of it: bits first; then agreements and dates exactly
    and tables within ROUNDING, where the arithmetic may be another.

    differs: agreements, and tables that are further apart."""
    package, made_with = archived.package, archived.manifest.versions[0]
    machine = f"{cpu_type()} with NumPy {version('numpy')}"
    origin = f"{made_with.cpu} with NumPy {made_with.programs['numpy']}"
    is_same = digest == package.digest
    if not is_same and not differs and origin == machine:
        differs.append("last digits, though the arithmetic is the same here")
    how = "not" if differs else "bits" if is_same else "digits"
    words = SAID[how].format(digest=digest, archived=package.digest)
    if not is_same:
        words += f" (made on {origin}, this is {machine})"
    if package.failed and not differs:
        words += f"; left out here as there: {len(package.failed)} on record as failed"
    return {
        "ok": not differs,
        "how": how,
        "digest": digest,
        "archived": package.digest,
        "said": words,
        "differs": differs,
    }


def _difference(name: str, old: bytes | None, new: bytes | None) -> str:
    """Return the first difference of a table there and here; nothing where numbers are
    close."""
    if old is None or new is None:
        return "stands on one side alone"
    if old == new:
        return ""
    try:
        trees = _values(name, old), _values(name, new)
        first = next(differences(*trees, same=_are_close), None)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return "is no table of this type"
    if first is None:
        return ""
    return shown("{}: {!r} there, {!r} here".format(*first), 300)


def _values(name: str, content: bytes) -> dict[str, Any]:
    """Return a summary, without the digest that is compared apart from it; or the
    columns of a table, and its number of rows."""
    if name == SUMMARY:
        summary: dict[str, Any] = json.loads(content)
        summary.pop("digest")
        return summary
    table = pd.read_csv(io.BytesIO(content)).astype(object)
    columns = table.where(table.notna(), None).to_dict("list")
    return {"rows": len(table)} | {str(key): columns[key] for key in columns}


def _are_close(left: Any, right: Any) -> bool:
    """Return whether two values are the same, or numbers within ROUNDING."""
    numbers = [value for value in (left, right) if type(value) in (int, float)]
    if len(numbers) == 2:
        return math.isclose(*numbers, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return type(left) is type(right) and bool(left == right)

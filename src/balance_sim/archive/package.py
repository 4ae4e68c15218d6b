"""`package`: what a study was made of, what came of it, and how to make it again, in
one archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.archive.about import FORMAT, About, checked_about
from balance_sim.archive.differences import Tables
from balance_sim.archive.members import zipped
from balance_sim.archive.papers import (
    INPUT_NAME,
    duration,
    input_files,
    json_bytes,
    papers,
)
from balance_sim.archive.stored import StoredStudy, stored_study
from balance_sim.archive.verify import verify
from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import scenario_of
from balance_sim.study.shards import row_bytes
from balance_sim.study.sweep_result import SweepResult, combined, open_sweep

TABLES = {"run": ("levels", "effects", "dyads"), "sweep": ("levels", "effects")}
"""Tables under results/, by type of study."""
PAPERS = (
    "package.json",
    "README.md",
    "scenario.json",
    "parameters.csv",
    "sources.csv",
    "requirements.txt",
)
COPIED = (
    "study",
    "classes",
    "arms",
    "seed",
    "model",
    "own_outcomes",
    "own_rules",
    "game",
    "draw_parameters",
    "mechanisms",
    "own_code",
)
"""Keys of package.json that stand in the manifest."""


def package(folder: Path, out: Path | None = None) -> Path:
    """Write the archive of a finished study, by default `<folder>.zip` beside it. The
    same study, the same bytes.

    Raises WrongRequest for an unfinished study, StoreDamaged for a damaged one,
    CannotWrite."""
    study = stored_study(folder)
    if not study.finished:
        raise WrongRequest(
            f"{folder} is not finished: give its command again, then package it"
        )
    damage = verify(folder, sample=0).damage
    if damage:
        raise StoreDamaged(
            f"{damage[0].text()}; give the study's own command again first"
        )
    path = out or folder.parent / f"{folder.resolve().name}.zip"
    if path.exists():
        raise WrongRequest(f"{path} is there already; choose another --out")
    content = zipped(files_of(study))
    make_folder(path.parent)
    write_atomic(path, content)
    return path


def files_of(study: StoredStudy) -> dict[str, bytes]:
    """Return every member of the archive by its name."""
    manifest = study.manifest
    scenario = scenario_of(manifest)
    results, facts, files = (_sweep_facts if study.is_sweep else _run_facts)(study)
    files |= {
        name: content
        for name, content in input_files(manifest.files).items()
        if INPUT_NAME.fullmatch(name)
    }
    timing = (study.summary or {}).get("timing") or {}
    about = checked_about(
        {key: getattr(manifest, key) for key in COPIED}
        | facts
        | {
            "format": FORMAT,
            "name": manifest.name,
            "scenario": manifest.scenario.model_dump(exclude_unset=True),
            "runs": study.runs,
            "outcomes": list(manifest.design.outcomes),
            "versions": manifest.versions[-1].programs,
            "code": manifest.fingerprint.package,
            "cpu": manifest.cpu,
            "took": duration(timing.get("seconds")),
            "files": {},
        }
    )
    files |= results
    files |= papers(about, scenario, files, len(study.points))
    sums = {name: sha256(files[name]).hexdigest() for name in sorted(files)}
    about = about.model_copy(update={"files": sums})
    files["package.json"] = json_bytes(about.model_dump(by_alias=True))
    return files


Facts = tuple[dict[str, bytes], dict[str, Any], dict[str, bytes]]
"""Results, keys of package.json, and other members."""


def _run_facts(study: StoredStudy) -> Facts:
    """Return what came of a run."""
    result = open_result(study.store.folder, study.runs)
    accords = combined([("", agreements_digest(result.blocks(), result.arms))])
    frames = {name: getattr(result, name) for name in TABLES["run"]}
    facts = _facts(result, accords) | {"factors": []}
    return results_of(result.summary(), frames), facts, {}


def _sweep_facts(study: StoredStudy) -> Facts:
    """Return what came of a sweep, and its points."""
    sweep = open_sweep(study.store.folder)
    digests = []
    rows = []
    for number in sweep.table.numbers():
        point = sweep.table.points[number]
        digest = agreements_digest(sweep.blocks(number), sweep.arms)
        digests.append((point.key, digest))
        rows.append(
            {
                "point": number,
                "key": point.key,
                "label": point.label,
                "values": {path: _plain(value) for path, value in point.values},
            }
        )
    frames = {name: getattr(sweep, name) for name in TABLES["sweep"]}
    accords = combined(digests)
    facts = _facts(sweep, accords) | {"factors": sweep.paths}
    return results_of(sweep.summary(), frames), facts, {"points.json": json_bytes(rows)}


def _facts(study: AnalysedResult | SweepResult, accords: str) -> dict[str, Any]:
    """Return the keys of package.json that hold results."""
    return {
        "digest": study.digest,
        "accords_digest": accords,
        "failed": [{"point": row["point"], "run": row["run"]} for row in study.failed],
    }


def results_of(
    summary: dict[str, Any], frames: dict[str, pd.DataFrame]
) -> dict[str, bytes]:
    """Return the summary without timing, and the tables, as an archive holds them."""
    files = {
        f"results/{name}.csv": frame_csv(frame).encode()
        for name, frame in frames.items()
    }
    content = {key: value for key, value in summary.items() if key != "timing"}
    return files | {"results/summary.json": json_bytes(content)}


def is_member(name: str, about: About) -> bool:
    """Return whether an archive of such a study may hold a file of that name."""
    results = {f"results/{table}.csv" for table in TABLES[about.study]}
    names = {*PAPERS, *results, "results/summary.json"}
    if about.study == "sweep":
        names.add("points.json")
    return name in names or INPUT_NAME.fullmatch(name) is not None


def agreements_digest(blocks: Iterable[Tables], arms: Sequence[str]) -> str:
    """Return the digest of a point's agreements and dates alone, which are whole
    numbers and words: the same on every type of processor.

    blocks: in the order of their runs."""
    streams = {arm: sha256() for arm in sorted(arms)}
    for _, agreements in blocks:
        names = agreements["arm"].cast(pa.string())
        for arm, stream in streams.items():
            stream.update(row_bytes(agreements.filter(pc.equal(names, arm))))
    return combined((arm, stream.hexdigest()) for arm, stream in streams.items())


def _plain(value: Any) -> Any:
    """Return a value of a point as JSON has it."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value

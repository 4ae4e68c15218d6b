"""`package`: what a study was made of, what came of it, and how to make it again, in
one archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.archive import papers
from balance_sim.archive.archive import (
    FORMAT,
    INPUTS,
    REQUIREMENTS,
    checked_about,
    zipped,
)
from balance_sim.archive.integrity import contents
from balance_sim.archive.papers import json_bytes
from balance_sim.archive.verify import verify
from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.estimates import Estimates, in_chunks
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import scenario_of
from balance_sim.study.machine import cpu_type
from balance_sim.study.shards import row_bytes
from balance_sim.study.sweep_result import SweepResult, combined, open_sweep

TABLES = {"run": ("levels", "effects", "dyads"), "sweep": ("levels", "effects")}


AS_IN_MANIFEST = (
    *(
        "study",
        "classes",
        "arms",
        "seed",
        "model",
        "own_outcomes",
        "own_rules",
        "game",
        "draw_parameters",
    ),
    "mechanisms",
)
PointDigest = tuple[str, dict[str, float | None]]
"""Digest of a point's agreements and dates; its means by arm and outcome, None where a
run has no value."""


@dataclass(frozen=True)
class StudyNumbers:
    """What two makings of a study are compared by: its digest, and its points
    together."""

    digest: str
    accords: str
    means: dict[
        str, float | None
    ]  # by point, arm and outcome; None where a run has no value


def package(folder: Path, out: Path | None = None) -> Path:
    """Write the archive of a finished study, by default `<folder>.zip` beside it. The
    same study, the same bytes.

    Raises WrongRequest for an unfinished study, StoreDamaged for a damaged one,
    CannotWrite."""
    if not contents(folder).finished:
        raise WrongRequest(
            f"{folder} is not finished: give its command again, then package it"
        )
    if damage := verify(folder, sample=0).damage:
        raise StoreDamaged(
            f"{damage[0].text()}; give the command that wrote {folder} again first"
        )
    path = out or folder.parent / f"{folder.resolve().name}.zip"
    if path.exists():
        raise WrongRequest(f"{path} is there already; choose another --out")
    data = zipped(files_of(folder))
    make_folder(path.parent)
    write_atomic(path, data)
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    """Every member of the archive by its name."""
    held = contents(folder)
    manifest, scenario = held.manifest, scenario_of(held.manifest)
    points: list[dict[str, Any]] = []
    inputs, main = papers.input_files(manifest)
    files = inputs | papers.derived_files(scenario)
    if held.is_sweep:
        study: AnalysedResult | SweepResult = (sweep := open_sweep(folder))
        parts = []
        for number in sweep.table.numbers():
            point = sweep.table.points[number]
            parts.append((point.key, part_of(sweep.blocks(number), sweep.arms)))
            values = {path: _plain(value) for path, value in point.values}
            points.append(
                {
                    "point": number,
                    "key": point.key,
                    "label": point.label,
                    "values": values,
                }
            )
        files["points.json"] = json_bytes(points)
    else:
        study = open_result(folder, held.runs)
        parts = [("", part_of(study.blocks(), study.arms))]
    numbers = numbers_of_parts(parts, study.digest)
    frames = {name: getattr(study, name) for name in TABLES[manifest.study]}
    files |= results_of(study.summary(), frames)
    about = checked_about(
        {name: getattr(manifest, name) for name in AS_IN_MANIFEST}
        | {
            "format": FORMAT,
            "versions": manifest.versions[-1].programs,
            "name": manifest.experiment or scenario.name,
            "scenario": manifest.scenario.model_dump(exclude_unset=True),
            "runs": held.runs,
            "factors": study.paths if isinstance(study, SweepResult) else [],
            "outcomes": list(manifest.design.outcomes),
            "digest": numbers.digest,
            "accords_digest": numbers.accords,
            "means": numbers.means,
            "failed": [
                {key: row[key] for key in ("point", "run")} for row in study.failed
            ],
            "cpu": manifest.cpu or cpu_type(),
            "files": {},
        }
    )
    hand = papers.by_hand(
        manifest, about, inputs, main, [str(row["key"]) for row in points]
    )
    if (
        hand is None
    ):  # the inputs are of no use, and nobody could say that they belong to it
        files = {name: data for name, data in files.items() if name not in inputs}
    files[REQUIREMENTS] = papers.requirements(
        about.versions, needs_sampler=manifest.design.method == "morris"
    )
    seconds = ((held.summary or {}).get("timing") or {}).get("seconds")
    took = float(seconds) if isinstance(seconds, int | float) else None
    command = papers.command_by_hand(hand, about) if hand else None
    files["README.md"] = papers.readme(
        about, scenario, command, files, len(held.points), took
    )
    sums = {name: sha256(data).hexdigest() for name, data in sorted(files.items())}
    whole = about.model_copy(update={"by_hand": hand, "files": sums})
    files["package.json"] = json_bytes(whole.model_dump(by_alias=True))
    return files


def results_of(
    summary: dict[str, Any], frames: dict[str, pd.DataFrame]
) -> dict[str, bytes]:
    """Summary without timing, and the tables, as an archive holds them."""
    tables = {
        f"results/{name}.csv": frame_csv(frame).encode()
        for name, frame in frames.items()
    }
    told = {key: value for key, value in summary.items() if key != "timing"}
    return {"results/summary.json": json_bytes(told)} | tables


def is_member(name: str, study: str) -> bool:
    """Whether an archive of such a study may hold a file of that name. Which inputs it
    may hold they say themselves."""
    papers = {
        "package.json",
        "README.md",
        "scenario.json",
        "parameters.csv",
        "sources.csv",
        REQUIREMENTS,
    }
    results = {f"results/{table}.csv" for table in TABLES[study]} | {
        "results/summary.json"
    }
    own = {"points.json"} if study == "sweep" else set()
    return name in papers | results | own or name.startswith(f"{INPUTS}/")


def part_of(
    blocks: Iterable[tuple[pa.Table, pa.Table]], arms: Sequence[str]
) -> PointDigest:
    """What two makings of one point are compared by, from its blocks in the order of
    their runs: the digest of agreements and dates alone, which are whole numbers and
    words; and means by arm and outcome."""
    streams, tally = {arm: sha256() for arm in sorted(arms)}, Estimates(arms)

    def fed() -> Iterator[pa.Table]:
        for runs, agreements in blocks:
            for arm, stream in streams.items():
                stream.update(
                    row_bytes(
                        agreements.filter(
                            pc.equal(agreements["arm"].cast(pa.string()), arm)
                        )
                    )
                )
            yield runs

    for runs in in_chunks(fed()):
        tally.add(runs)
    means = {
        f"{arm}/{name}": counts.mean()
        for arm, of in tally.levels.items()
        for name, counts in of.counts.items()
    }
    agreements = combined((arm, stream.hexdigest()) for arm, stream in streams.items())
    return agreements, {
        key: mean if np.isfinite(mean) else None for key, mean in means.items()
    }


def numbers_of_parts(
    parts: Sequence[tuple[str, PointDigest]], digest: str
) -> StudyNumbers:
    """The points of a study, each with its key, together."""
    agreements = combined((key, of_point) for key, (of_point, _) in parts)
    means = {
        f"{key[:16]}/{name}": mean
        for key, (_, of_point) in parts
        for name, mean in of_point.items()
    }
    return StudyNumbers(digest, agreements, means)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value

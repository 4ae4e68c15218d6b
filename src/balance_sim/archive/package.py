"""A replication archive: what a study was made of, what came of it, and how to make it again. No machine's paths.

README.md          in the sections that data editors of the social sciences ask for
package.json       what `reproduce` reads: digests, runs, seed, versions, sha256 of every other file
inputs/            the files as their author wrote them, where they give the study
scenario.json      the complete scenario that was run, after every default and every option
points.json        of a sweep: the values of each point
parameters.csv     every parameter: value here, default, unit, range, source
sources.csv        every source that the scenario names, and how many rows rest on it
requirements.txt   versions for pip
results/           summary and tables
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.analysis.result import AnalysedResult, open_result
from balance_sim.archive.archive import zipped
from balance_sim.archive.citations import named_sources
from balance_sim.archive.inputs import by_hand, input_files
from balance_sim.archive.integrity import contents
from balance_sim.archive.readme_text import Facts, readme
from balance_sim.archive.verify import verify
from balance_sim.pool.faults import StoreDamaged, WrongRequest
from balance_sim.pool.machine import cpu_type
from balance_sim.pool.whole_files import make_folder, write_whole
from balance_sim.results.estimates import Estimates, in_chunks
from balance_sim.results.export import frame_csv, harmless
from balance_sim.results.folder import inputs_of, scenario_of
from balance_sim.results.shards import row_bytes
from balance_sim.results.sweep_result import SweepResult, combined, open_sweep
from balance_sim.scenario import parameter_table, value_at
from balance_sim.scenario.layout import NoSuchPath
from balance_sim.scenario.schema import Scenario

FORMAT = 2


@dataclass(frozen=True)
class Numbers:
    """What two makings of a study are compared by."""

    digest: str
    accords: str  # of accords and dates alone: whole numbers and words
    means: dict[str, float | None]  # by point, arm and outcome


def package(folder: Path, out: Path | None = None) -> Path:
    """Write the archive of a finished study, by default `<folder>.zip` beside it. The same study, the same bytes.

    Raises WrongRequest for an unfinished study, StoreDamaged for a damaged one, CannotWrite."""
    held = contents(folder)
    if not held.finished:
        raise WrongRequest(f"{folder} is not finished: give its command again, then package it")
    found = verify(folder, sample=0)
    if found.damage:
        raise StoreDamaged(f"{found.damage[0].text()}; `balance-sim verify --repair {folder}` first")
    path = out or folder.parent / f"{folder.resolve().name}.zip"
    if path.exists():
        raise WrongRequest(f"{path} is there already; choose another --out")
    data = zipped(files_of(folder))
    make_folder(path.parent)
    write_whole(path, data)
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    """Every member of the archive by its name."""
    held = contents(folder)
    manifest, scenario = held.manifest, scenario_of(held.manifest)
    study = open_sweep(folder) if held.is_sweep else open_result(folder, held.runs)
    numbers = _numbers_of(study)
    inputs, main = input_files(manifest)
    files = inputs | derived_files(scenario) | results_files(study)
    points: list[dict[str, Any]] = []
    if isinstance(study, SweepResult):
        points = _points(study)
        files["points.json"] = _json(points)
    about: dict[str, Any] = {
        "format": FORMAT,
        "study": manifest.study,
        "name": manifest.experiment or scenario.name,
        "scenario": manifest.scenario.model_dump(exclude_unset=True),
        "classes": manifest.classes,
        "arms": manifest.arms,
        "runs": held.runs,
        "seed": manifest.seed,
        "model": manifest.model,
        "draw_parameters": manifest.draw_parameters,
        "mechanisms": manifest.mechanisms,
        "factors": study.paths if isinstance(study, SweepResult) else [],
        "outcomes": list(manifest.design.outcomes),
        "digest": numbers.digest,
        "accords_digest": numbers.accords,
        "means": numbers.means,
        "failed": [{key: row[key] for key in ("point", "run")} for row in study.failed],
        "versions": manifest.versions,
        "cpu": manifest.cpu or cpu_type(),
    }
    hand = by_hand(manifest, about, inputs, main, [row["key"] for row in points])
    about["by_hand"] = hand.as_dict() if hand else None
    if hand is None:  # of no use, and nobody could say that they belong to it
        files = {name: data for name, data in files.items() if name not in inputs}
    files["requirements.txt"] = requirements(
        manifest.versions, needs_sampler=manifest.design.method == "morris"
    )
    facts = Facts(
        about,
        scenario,
        hand.command(about) if hand else None,
        {name: data.decode() for name, data in sorted(files.items())},
        len(held.points),
        _seconds(held.summary),
    )
    files["README.md"] = readme(facts).encode()
    about["files"] = {name: sha256(data).hexdigest() for name, data in sorted(files.items())}
    files["package.json"] = _json(about)
    return files


def derived_files(scenario: Scenario) -> dict[str, bytes]:
    """What the archive says of the scenario, from the scenario alone."""
    return {
        "scenario.json": _json(
            inputs_of(scenario), in_order=True
        ),  # the order of arms decides which comes first
        "parameters.csv": _csv(parameter_rows(scenario)),
        "sources.csv": _csv([("section", "source", "rows"), *named_sources(scenario)]),
    }


def results_files(study: AnalysedResult | SweepResult) -> dict[str, bytes]:
    """Summary without timing, and the tables."""
    names = ("levels", "effects") if isinstance(study, SweepResult) else ("levels", "effects", "dyads")
    summary = {key: value for key, value in study.summary().items() if key != "timing"}
    return results_of(summary, {name: getattr(study, name) for name in names})


def results_of(summary: dict[str, Any], frames: dict[str, pd.DataFrame]) -> dict[str, bytes]:
    """The same of a study that is held in parts."""
    tables = {f"results/{name}.csv": frame_csv(frame).encode() for name, frame in frames.items()}
    return {"results/summary.json": _json(summary)} | tables


def requirements(versions: dict[str, str], *, needs_sampler: bool = False) -> bytes:
    """What pip has to install for the same arithmetic; needs_sampler: the design is drawn by SALib."""
    names = ("balance_sim", "numpy", "pandas", "pyarrow", "scipy")
    lines = [f"{name.replace('_', '-')}=={versions[name]}\n" for name in names if name in versions]
    text = "".join(lines)
    return (text.replace("balance-sim==", "balance-sim[sensitivity]==") if needs_sampler else text).encode()


def _seconds(summary: dict[str, Any] | None) -> float | None:
    value = ((summary or {}).get("timing") or {}).get("seconds")
    return float(value) if isinstance(value, int | float) else None


def _numbers_of(study: AnalysedResult | SweepResult) -> Numbers:
    """Digests and means of a finished study."""
    if isinstance(study, SweepResult):
        parts = [
            (study.table.points[n].key, part_of(study.blocks(n), study.arms)) for n in study.table.numbers()
        ]
    else:
        parts = [("", part_of(study.blocks(), study.arms))]
    return numbers_of_parts(parts, study.digest)


@dataclass(frozen=True)
class Part:
    """What two makings of one point are compared by."""

    accords: str
    means: dict[str, float | None]  # by arm and outcome; None where a run has no value


def part_of(blocks: Iterable[tuple[pa.Table, pa.Table]], arms: Sequence[str]) -> Part:
    """One point, from its blocks in the order of their runs."""
    streams, tally = {arm: sha256() for arm in sorted(arms)}, Estimates(arms)

    def fed() -> Iterator[pa.Table]:
        for runs, accords in blocks:
            for arm, stream in streams.items():
                stream.update(row_bytes(accords.filter(pc.equal(accords["arm"].cast(pa.string()), arm))))
            yield runs

    for runs in in_chunks(fed()):
        tally.add(runs)
    means = {
        f"{arm}/{name}": counts.mean()
        for arm, of in tally.levels.items()
        for name, counts in of.counts.items()
    }
    accords = combined((arm, stream.hexdigest()) for arm, stream in streams.items())
    return Part(accords, {key: mean if np.isfinite(mean) else None for key, mean in means.items()})


def numbers_of_parts(parts: Sequence[tuple[str, Part]], digest: str) -> Numbers:
    """The points of a study, each with its key, together."""
    accords = combined((key, part.accords) for key, part in parts)
    means = {f"{key[:16]}/{name}": mean for key, part in parts for name, mean in part.means.items()}
    return Numbers(digest, accords, means)


def parameter_rows(scenario: Scenario) -> list[tuple[object, ...]]:
    """A header, and a row a parameter."""
    rows: list[tuple[object, ...]] = [
        ("path", "value", "default", "unit", "range", "standard_error", "source")
    ]
    for row in parameter_table():
        try:
            value = value_at(scenario, str(row["path"]))
        except (NoSuchPath, KeyError, ValueError):
            value = ""
        bounds = row["range"]
        span = f"{bounds[0]} to {bounds[1]}" if isinstance(bounds, list) else ""
        rows.append(
            (row["path"], value, row["value"], row["unit"], span, row["standard_error"] or "", row["source"])
        )
    return rows


def _points(sweep: SweepResult) -> list[dict[str, Any]]:
    found = ((number, sweep.table.points[number]) for number in sweep.table.numbers())
    return [
        {"point": number, "key": point.key, "label": point.label}
        | {"values": {path: _plain(value) for path, value in point.values}}
        for number, point in found
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _json(content: Any, *, in_order: bool = False) -> bytes:
    text = json.dumps(content, indent=1, sort_keys=not in_order, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def cell(value: object) -> str:
    """Text of one cell: what a spreadsheet would take for a formula gets an apostrophe in front."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    text = "" if value is None else str(value)
    return harmless(text)


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerows([cell(value) for value in row] for row in rows)
    return sink.getvalue().encode()

"""A replication archive: what a study was made of, what came of it, and how to make it again. No machine's paths.

README.md          in the sections that data editors of the social sciences ask for
package.json       what `reproduce` reads: digests, runs, seed, versions, sha256 of every other file
inputs/            the files as their author wrote them
scenario.json      the complete scenario that was run, after every default and every option
points.json        of a sweep: the values of each point
parameters.csv     every parameter: value here, default, unit, range, source
sources.csv        every source that the scenario names, and how many rows rest on it
results/           summary and tables
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.scenario import parameter_table, value_at
from balance_sim.scenario.layout import NoSuchPath
from balance_sim.scenario.schema import Scenario
from balance_sim.study.archive import zipped
from balance_sim.study.cells import frame_csv, harmless
from balance_sim.study.citations import named_sources
from balance_sim.study.digest import Digest, row_bytes
from balance_sim.study.faults import StoreDamaged, WrongRequest
from balance_sim.study.folder import scenario_of
from balance_sim.study.integrity import contents
from balance_sim.study.machine import cpu_type
from balance_sim.study.points import PointTable
from balance_sim.study.readme_text import Facts, readme
from balance_sim.study.run import open_result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import open_sweep
from balance_sim.study.tally import Tally
from balance_sim.study.verify import verify
from balance_sim.study.whole_files import make_folder, write_whole

FORMAT = 1
CHUNK = 128  # runs added up at a time, so that the last digit of a mean does not hang on the blocks
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")


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
    numbers = numbers_of(folder)
    files = {f"inputs/{_safe(name)}": text.encode() for name, text in sorted(manifest["files"].items())}
    files["scenario.json"] = _json(manifest["inputs"])
    files["parameters.csv"] = _csv(parameter_rows(scenario))
    files["sources.csv"] = _csv([("section", "source", "rows"), *named_sources(scenario)])
    summary, tables = _results(folder, held.runs)
    files["results/summary.json"] = _json(summary)
    files |= {f"results/{name}.csv": text for name, text in tables.items()}
    if held.is_sweep:
        files["points.json"] = _json(_points(held.store, manifest))
    failed = [{key: row[key] for key in ("point", "run")} for row in held.store.failed()]
    about: dict[str, Any] = {
        "format": FORMAT,
        "study": manifest["study"],
        "name": manifest.get("experiment") or scenario.name,
        "scenario": manifest["scenario"],
        "arms": manifest["arms"],
        "runs": held.runs,
        "seed": manifest["seed"],
        "model": manifest["model"],
        "draw_parameters": manifest.get("draw_parameters", False),
        "digest": numbers.digest,
        "accords_digest": numbers.accords,
        "means": numbers.means,
        "failed": failed,
        "versions": manifest["versions"],
        "cpu": manifest.get("cpu") or cpu_type(),
    }
    facts = Facts(
        about,
        scenario,
        plain_command(manifest, held.runs),
        sorted(files),
        len(held.points),
        _seconds(held.summary),
    )
    files["README.md"] = readme(facts).encode()
    about["files"] = {name: sha256(data).hexdigest() for name, data in sorted(files.items())}
    files["package.json"] = _json(about)
    return files


def _seconds(summary: dict[str, Any] | None) -> float | None:
    value = ((summary or {}).get("timing") or {}).get("seconds")
    return float(value) if isinstance(value, int | float) else None


def numbers_of(folder: Path) -> Numbers:
    """Digests and means of a finished study in its folder."""
    held = contents(folder)
    if held.is_sweep:
        sweep = open_sweep(folder)
        keyed = {sweep.table.points[n].key: sweep.blocks(n) for n in sweep.table.numbers()}
        return Numbers(sweep.digest, *_exact_and_means(keyed, sweep.arms))
    result = open_result(folder, held.runs)
    return Numbers(result.digest, *_exact_and_means({"": result.blocks()}, result.arms))


def _exact_and_means(
    points: dict[str, Iterator[tuple[pa.Table, pa.Table]]], arms: Sequence[str]
) -> tuple[str, dict[str, float | None]]:
    parts = {key: Gathered(arms) for key in points}
    for key, blocks in points.items():
        for runs, accords in blocks:
            parts[key].add(runs, accords)
    return combined({key: part.accords_digest() for key, part in parts.items()}), {
        name: value for key, part in sorted(parts.items()) for name, value in part.means(key).items()
    }


def combined(digests: dict[str, str]) -> str:
    """One digest of many by key, as a sweep makes its own."""
    lines = sorted(f"{key}\0{digest}\n" for key, digest in digests.items())
    return sha256("".join(lines).encode()).hexdigest()


class Gathered:
    """Blocks of one point in the order of their runs: both digests, and means that no cut into blocks moves."""

    def __init__(self, arms: Sequence[str]) -> None:
        self.whole = Digest(arms)
        self._accords = {arm: sha256() for arm in sorted(arms)}
        self._tally = Tally(arms)
        self._rest: pa.Table | None = None
        self._edge = CHUNK

    def add(self, runs: pa.Table, accords: pa.Table) -> None:
        """One block."""
        self.whole.add(runs, accords)
        for arm, stream in self._accords.items():
            stream.update(row_bytes(accords.filter(pc.equal(accords["arm"].cast(pa.string()), arm))))
        rest = runs if self._rest is None else pa.concat_tables([self._rest, runs])
        while rest.num_rows and pc.max(rest["run"]).as_py() >= self._edge:
            part = rest.filter(pc.less(rest["run"], self._edge))
            if part.num_rows:
                self._tally.add(part)
            rest = rest.filter(pc.greater_equal(rest["run"], self._edge))
            self._edge += CHUNK
        self._rest = rest

    def accords_digest(self) -> str:
        """sha256 of accords and dates, arm by arm."""
        return combined({arm: stream.hexdigest() for arm, stream in self._accords.items()})

    def means(self, key: str) -> dict[str, float | None]:
        """`point/arm/outcome` -> mean; None where a run has no value."""
        if self._rest is not None and self._rest.num_rows:
            self._tally.add(self._rest)
            self._rest = None
        out: dict[str, float | None] = {}
        for (arm, name), counts in self._tally.levels.items():
            mean = counts.mean()
            out[f"{key[:16]}/{arm}/{name}"] = mean if np.isfinite(mean) else None
        return out


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


def plain_command(manifest: dict[str, Any], runs: int) -> str | None:
    """The command as it works on the files in the archive; None for a study made from Python or a sweep.

    Only what decides the results is kept: options that hold paths or say how fast are left out."""
    if manifest["study"] != "run" or not manifest["files"]:
        return None
    try:
        words = shlex.split(manifest.get("command") or "")
    except ValueError:
        return None
    if len(words) < 2 or words[1] != "run":
        return None
    name = f"{manifest['scenario']['name']}.yaml"
    if name not in manifest["files"]:
        return None
    kept = ["balance-sim", "run", f"inputs/{name}", "--runs", str(runs), "--seed", str(manifest["seed"])]
    kept += ["--arms", ",".join(manifest["arms"])]
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in ("--set", "--theory"):
            value = value if equals else (words[at + 1] if at + 1 < len(words) else "")
            kept += [option, value]
    if manifest["model"]:
        kept += ["--model", manifest["model"]]
    if manifest.get("draw_parameters"):
        kept.append("--draw-parameters")
    return shlex.join(kept)


def _results(folder: Path, runs: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Summary without timing, and the tables."""
    manifest = Store(folder).read_manifest()
    if manifest is not None and manifest["study"] == "sweep":
        sweep = open_sweep(folder)
        return sweep.summary(), {n: _frame(getattr(sweep, n)) for n in ("levels", "effects")}
    result = open_result(folder, runs)
    summary = {key: value for key, value in result.summary().items() if key != "timing"}
    return summary, {n: _frame(getattr(result, n)) for n in ("levels", "effects", "dyads")}


def _points(store: Store, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    table = PointTable.load(store, manifest["points"])
    return [
        {"point": number, "key": table.points[number].key, "label": table.points[number].label}
        | {"values": {path: _plain(value) for path, value in table.points[number].values}}
        for number in table.numbers()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _safe(name: str) -> str:
    return "/".join(_UNSAFE.sub("_", part).lstrip(".") or "_" for part in name.split("/"))


def _json(content: Any) -> bytes:
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def _frame(frame: Any) -> bytes:
    return frame_csv(frame).encode()


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

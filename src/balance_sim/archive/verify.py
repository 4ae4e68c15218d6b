"""`verify`: a results folder against itself, and a sample of it against the model."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from balance_sim.analysis.result import open_result
from balance_sim.archive.integrity import (
    Contents,
    Damage,
    check_counts,
    check_drawn,
    check_files,
    check_rows,
    contents,
    left_over,
    strangers,
    unchecked,
)
from balance_sim.archive.rerun import Compared, compare, job_of, repair, sample_of, why_not
from balance_sim.experiment.go_on import command_of
from balance_sim.pool.faults import StoreDamaged
from balance_sim.pool.machine import arithmetic, arithmetic_here
from balance_sim.results.export import frame_csv
from balance_sim.results.folder import version
from balance_sim.results.shards import changed, noted, take_away
from balance_sim.results.store import runs_of
from balance_sim.results.sweep_result import open_sweep
from balance_sim.scenario.files import bytes_if_any

SAMPLE = 4
FEW = 5  # runs that a note names


@dataclass
class Verified:
    """What was looked at and what was found. `damage` is empty if all is well."""

    folder: Path
    study: str
    blocks: int
    runs: int
    digest: str | None = None
    damage: list[Damage] = field(default_factory=list)
    rerun: list[Compared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "study": self.study,
            "ok": not self.damage,
            "blocks": self.blocks,
            "runs": self.runs,
            "digest": self.digest,
            "blocks_rerun": len(self.rerun),
            "runs_rerun": sum(len(one.block) for one in self.rerun),
            "rerun": [
                {"file": one.file, "point": one.point, "first": one.block.first, "last": one.block.stop - 1}
                for one in self.rerun
            ],
            "damage": [{"file": d.file, "why": d.why} for d in self.damage],
            "notes": self.notes,
            "mended": self.mended,
            "unchecked": self.unchecked,
        }


def verify(
    folder: Path | str,
    *,
    sample: int | None = SAMPLE,
    mend: bool = False,
    model: str | None = None,
    workers: int = 1,
) -> Verified:
    """Check every file of a results folder, and run a sample of its blocks again.

    sample: blocks of which a part is run again, drawn anew at each call; None: all of them, whole; 0: none.
    mend: take what is damaged away and run it again. model: allows the study's own code to run; without it
    such a study is not re-run.

    Raises WrongRequest where there are no results, StoreDamaged where not even the manifest can be read."""
    folder = Path(folder)
    found = _look(folder, sample, model, workers)
    if not mend or not found.damage:
        return found
    held = _with_runs(contents(folder))
    job = job_of(held.manifest, model)
    stop = why_not(held.manifest, model, version())
    if stop:
        raise StoreDamaged(f"{folder} is damaged and cannot be mended here: {stop}")
    told = [d.text() for d in found.damage]
    take_away(folder, changed(folder))
    repair(held, job, found.damage, workers)
    _write_summary(_with_runs(contents(folder)))
    again = _look(folder, sample, model, workers)
    again.mended = told
    return again


def _with_runs(held: Contents) -> Contents:
    """Where the summary of a finished study cannot be read: as many runs as were asked for."""
    whole = {"runs": held.runs, "points": len(held.points)}
    return replace(held, summary=whole) if held.lost_summary else held


def _look(folder: Path, sample: int | None, model: str | None, workers: int) -> Verified:
    held = contents(folder)
    whole = {shard.key for shard in held.store.shards("runs")}
    found = Verified(folder, held.manifest.study, len(whole), sum(stop - first for _, first, stop in whole))
    found.damage = check_files(held)
    found.damage += list(check_rows(held, found.damage))
    found.damage += _uncovered(check_counts(held), found.damage)
    drawn = check_drawn(held)
    stop = why_not(held.manifest, model, version())
    if sample == 0:
        found.notes.append("no block was run again (--sample 0)")
    elif stop:
        found.notes.append(f"no block was run again: {stop}")
    else:
        parts = sample_of(held, sample, found.damage)
        found.rerun = compare(held, job_of(held.manifest, model), parts, workers) if parts else []
        _take_differences(held, found)
    if not found.damage:
        found.damage += _check_summary(held, found)
    found.damage += drawn
    if not held.finished:
        command = command_of(held.manifest, folder) or "the command that made it"
        left, wanted = runs_of(held.store.lacking(held.points, held.runs)), len(held.points) * held.runs
        how = (
            f"{wanted - left:,} of {wanted:,} runs" if left else "its runs are there, its summary.json is not"
        )
        found.notes.append(f"the study is not finished, {how}; to go on: {command}")
    found.notes += [f"left over by a writer that was stopped: {name}" for name in left_over(folder)]
    found.notes += [f"not written by balance-sim and read by nobody: {name}" for name in strangers(folder)]
    gone = [name for name in noted(folder) if not os.path.lexists(folder / name)]
    found.notes += [f"drawn, and not there any more: {name}" for name in gone[:FEW]]
    found.unchecked = unchecked(held)
    return found


def _uncovered(counted: list[Damage], known: list[Damage]) -> list[Damage]:
    """Missing runs that no damaged file accounts for."""
    return [
        d
        for d in counted
        if not any(
            k.block and d.block and k.point == d.point
            and k.block.first <= d.block.first and d.block.stop <= k.block.stop
            for k in known
        )
    ]  # fmt: skip


def _take_differences(held: Contents, found: Verified) -> None:
    """What differs when run again is damage, unless it is but last digits from other arithmetic than ours."""
    made_on = arithmetic(held.manifest.cpu, held.manifest.versions["numpy"])
    here = arithmetic_here()
    for one in found.rerun:
        if one.revived:
            few = ", ".join(map(str, one.revived[:FEW])) + (", ..." if len(one.revived) > FEW else "")
            at = f" of point {one.point}; --retry-failed lives it again" if held.is_sweep else ""
            found.notes.append(f"on record as failed, and without a fault when run again: run {few}{at}")
        if one.why is None:
            continue
        if one.digits and made_on != here:
            found.notes.append(
                f"{one.file}: last digits differ, accords and dates do not ({one.why}); "
                f"made on {made_on}, this is {here}"
            )
        else:
            block = next(
                k.block for k in held.store.kept() if k.point == one.point and k.runs is not None
                and k.block.first <= one.block.first and one.block.stop <= k.block.stop
            )  # fmt: skip
            found.damage.append(Damage(one.file, f"differs when run again: {one.why}", one.point, block))


def _check_summary(held: Contents, found: Verified) -> list[Damage]:
    """The tables made from the blocks, made again. Figures and reports are drawn anew by their commands."""
    folder = held.store.folder
    if not (folder / "summary.json").exists():
        return []
    if held.summary is None:
        return [Damage("summary.json", "cannot be read")]
    if not held.finished:
        return []
    fresh, tables = _fresh(held)
    found.digest = fresh["digest"]
    other = [
        Damage("summary.json", f"`{key}` is not what the runs give")
        for key in sorted({*fresh, *held.summary} - {"timing"})
        if held.summary.get(key) != fresh.get(key)
    ][:1]
    out = [Damage(name, "is missing") for name in tables if not os.path.lexists(folder / name)]
    lost = {one.file for one in out}
    other += [
        Damage(name, "is not what the runs give")
        for name, text in tables.items()
        if name not in lost and bytes_if_any(folder / name) != text.encode()
    ]
    made = held.manifest.version
    earlier = not all(held.store.has_sums(one.runs) for one in held.store.kept() if one.runs is not None)
    if (made == version() and not earlier) or held.summary.get("digest") != fresh["digest"]:
        out += other
    elif other:
        by = "an earlier balance-sim, without filtered estimates" if earlier else f"balance-sim {made}"
        found.notes.append(
            f"made by {by}, this is {version()}: the runs are whole, and what is told of them "
            f"({', '.join(one.file for one in other)}) is worked out another way, and was not compared"
        )
    rows = held.store.failed()
    listed = folder / "failed.json"
    if os.path.lexists(listed) != bool(rows) or (
        rows and bytes_if_any(listed) != _failed_text(rows).encode()
    ):
        out.append(Damage("failed.json", "is not what the runs give"))
    return out


def _failed_text(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=1) + "\n"


def _fresh(held: Contents) -> tuple[dict[str, Any], dict[str, str]]:
    """The summary as plain JSON data, and the tables beside it, from the blocks."""
    folder = held.store.folder
    if held.is_sweep:
        sweep = open_sweep(folder)
        tables = {f"{n}.csv": frame_csv(getattr(sweep, n)) for n in ("levels", "effects")}
        return json.loads(json.dumps(sweep.summary())), tables
    return json.loads(json.dumps(open_result(folder, held.runs).summary())), {}


def _write_summary(held: Contents) -> None:
    """Put the tables made from the blocks in their place again."""
    if not held.finished:
        return
    fresh, tables = _fresh(held)
    with held.store.lock() as store:
        if held.summary and "timing" in held.summary:
            fresh["timing"] = held.summary["timing"]
        tables["summary.json"] = json.dumps(fresh, indent=1, allow_nan=False) + "\n"
        for name, text in tables.items():
            store.write_text(name, text)
        rows = store.failed()
        if rows:
            store.write_text("failed.json", _failed_text(rows))
        else:
            (store.folder / "failed.json").unlink(missing_ok=True)


__all__ = ["SAMPLE", "Verified", "verify"]

"""A finished sweep, or as much of it as there is, as tidy frames; one point of it as a `Result`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.digest import Digest
from balance_sim.study.effects import rounded
from balance_sim.study.faults import WrongRequest, no_results
from balance_sim.study.folder import scenario_of
from balance_sim.study.points import FIXED, PointTable
from balance_sim.study.result import Result
from balance_sim.study.shards import Kept
from balance_sim.study.store import Store
from balance_sim.study.tally import Tally


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found. Frames are gathered point by point from the shards; memory does not grow with runs.

    `scenario`: before any factor. `arms`: the reference first. A run that failed is in no frame."""

    folder: Path
    name: str
    scenario: Scenario
    table: PointTable
    runs: int
    seed: int
    arms: tuple[str, ...]
    version: str
    manifest: dict[str, Any]
    failed: tuple[dict[str, Any], ...] = ()

    @property
    def reference(self) -> str:
        return self.arms[0]

    @property
    def question(self) -> str:
        """What the experiment asks, or its scenario."""
        return str(self.manifest.get("design", {}).get("question") or self.scenario.question)

    @property
    def paths(self) -> list[str]:
        """Key paths of the factors."""
        return self.table.paths()

    @cached_property
    def points(self) -> pd.DataFrame:
        """Tidy: point, place, key, label, part, and a column a factor."""
        return self.table.frame()

    @cached_property
    def _kept(self) -> dict[int, list[Kept]]:
        out: dict[int, list[Kept]] = {}
        for one in Store(self.folder).kept():
            out.setdefault(one.point, []).append(one)
        return out

    def blocks(self, number: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """(runs, accords) tables of the point of that number, in the order of runs."""
        return Store(self.folder).blocks(number, self.runs, self._kept.get(number, []))

    def point(self, number: int) -> Result:
        """One point as the study of a single scenario."""
        values = dict(self.table.points[number].values)
        return Result(
            scenario=with_values(self.scenario, values),
            runs=self.runs,
            seed=self.seed,
            arms=self.arms,
            version=self.version,
            folder=self.folder,
            failed=tuple(row for row in self.failed if row["point"] == number),
            point=number,
        )

    @cached_property
    def _gathered(self) -> tuple[pd.DataFrame, pd.DataFrame, str]:
        """Levels, effects and the digest, in one pass over the shards."""
        asked = self.manifest.get("design", {}).get("outcomes", ())
        levels: list[pd.DataFrame] = []
        effects: list[pd.DataFrame] = []
        digests = []
        for number in self.table.numbers():
            tally, digest = Tally(self.arms, asked), Digest(self.arms)
            for runs, accords in self.blocks(number):
                tally.add(runs)
                digest.add(runs, accords)
            point = self.table.points[number]
            digests.append(f"{point.key}\0{digest.hexdigest()}\n")
            front: dict[str, Any] = {"point": number} | dict(point.values)
            for frames, frame in ((levels, tally.levels_frame()), (effects, tally.effects_frame())):
                for at, (name, value) in enumerate(front.items()):
                    if len(frame):
                        frame.insert(at, name, [value] * len(frame))
                frames.append(frame)
        whole = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
        joined = [
            pd.concat(full, ignore_index=True) if (full := [f for f in frames if len(f)]) else pd.DataFrame()
            for frames in (levels, effects)
        ]
        return joined[0], joined[1], whole

    @property
    def levels(self) -> pd.DataFrame:
        """Tidy: point, factors, arm, outcome, mean, sd, q05 ... q95, mcse, n."""
        return self._gathered[0]

    @property
    def effects(self) -> pd.DataFrame:
        """Tidy: point, factors, arm, outcome, mean, mcse, lo, hi, share_positive, share_negative, n."""
        return self._gathered[1]

    @property
    def digest(self) -> str:
        """sha256 over points and runs: the same whatever the workers, blocks, cluster or order of points."""
        return self._gathered[2]

    @property
    def headline_arm(self) -> str | None:
        """The arm that answers the question."""
        return headline_arm(self.scenario, self.arms)

    @property
    def outcome_names(self) -> list[str]:
        """The outcomes asked for, or all."""
        asked = list(self.manifest.get("design", {}).get("outcomes", ()))
        return asked or list(dict.fromkeys(self.levels["outcome"]) if len(self.levels) else ())

    def summary(self) -> dict[str, Any]:
        """The JSON of `sweep --json`."""
        asked = set(self.outcome_names)
        effects = self.effects
        shown = effects[effects["outcome"].isin(asked)] if len(effects) else effects
        return {
            "experiment": self.name,
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "points": len(self.table.numbers()),
            "runs": self.runs,
            "seed": self.seed,
            "version": self.version,
            "digest": self.digest,
            "reference": self.reference,
            "arms": list(self.arms),
            "factors": self.paths,
            "effects": [_record(row, self.paths) for row in shown.to_dict("records")],
            "failed_runs": len(self.failed),
        }


def _record(row: dict[Any, Any], paths: list[str]) -> dict[str, Any]:
    """One effect for JSON: the point's number and values, then the numbers, NaN as null."""
    numbers = {k: float(v) for k, v in row.items() if k not in (*paths, "point", "arm", "outcome", "n")}
    values = {path: _json(row.get(path)) for path in paths}
    head = {"point": int(row["point"]), "values": values, "arm": row["arm"], "outcome": row["outcome"]}
    return head | rounded(numbers) | {"n": int(row["n"])}


def _json(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_json(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return value.isoformat() if hasattr(value, "isoformat") else value


def open_sweep(folder: Path | str) -> SweepResult:
    """A sweep read back from its folder, finished or not."""
    store = Store(Path(folder))
    manifest = store.read_manifest()
    if manifest is None:
        raise no_results(folder)
    if manifest["study"] != "sweep" or not manifest.get("points"):
        raise WrongRequest(f"{folder} holds no sweep: give a folder of `balance-sim sweep`")
    scenario = scenario_of(manifest)
    table = PointTable.load(store, manifest["points"])
    inside = set(table.numbers())
    runs = manifest["runs"]
    failed = (row for row in store.failed() if row["point"] in inside and row["run"] < runs)
    return SweepResult(
        folder=Path(folder),
        name=manifest["experiment"],
        scenario=scenario,
        table=table,
        runs=runs,
        seed=manifest["seed"],
        arms=chosen_arms(scenario, manifest["arms"]),
        version=manifest["versions"]["balance_sim"],
        manifest=manifest,
        failed=tuple(failed),
    )


__all__ = ["FIXED", "SweepResult", "open_sweep"]

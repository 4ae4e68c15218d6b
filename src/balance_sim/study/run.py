"""Run a scenario: every arm, many times, in memory or into a results folder that can be gone on with."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import BlockTables
from balance_sim.study.faults import WrongRequest
from balance_sim.study.result import Result
from balance_sim.study.runner import SHARD_RUNS, FailedRun, Job, run_blocks
from balance_sim.study.store import MANIFEST_VERSION, Store, missing

Progress = Callable[[int, int, int], None]  # runs done, runs wanted, failed


def version() -> str:
    """The installed version of balance-sim."""
    from importlib.metadata import version as installed

    return installed("balance-sim")


def chosen_arms(scenario: Scenario, arms: Sequence[str] | None) -> tuple[str, ...]:
    """The reference first, then the others in the scenario's order. Unknown names are refused."""
    reference = scenario.reference_arm
    unknown = [arm for arm in arms or () if arm not in scenario.arms]
    if unknown:
        raise WrongRequest(f"unknown arm `{unknown[0]}`; the scenario has: {', '.join(scenario.arms)}")
    wanted = set(arms) if arms is not None else set(scenario.arms)
    return (reference, *(arm for arm in scenario.arms if arm in wanted and arm != reference))


def study_key(scenario: Scenario, arms: Sequence[str], seed: int, model: str | None = None) -> str:
    """sha256 of what decides a study's results: scenario with overrides, arms, seed, and a model of one's own."""
    parts = [scenario.sha256, sorted(arms), seed, *([model] if model else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def default_folder(scenario: Scenario, arms: Sequence[str], seed: int, model: str | None = None) -> Path:
    """results/<scenario>-<first 8 digits of the study's key>."""
    return Path("results") / f"{scenario.name}-{study_key(scenario, arms, seed, model)[:8]}"


def run(
    scenario: Scenario,
    runs: int = 400,
    seed: int = 1,
    *,
    arms: Sequence[str] | None = None,
    workers: int = 1,
    out: Path | str | None = None,
    command: str = "",
    files: dict[str, str] | None = None,
    progress: Progress | None = None,
    model: str | None = None,
    run_timeout: float | None = None,
) -> Result:
    """Live `runs` replications of the scenario in every arm and return what came of them.

    The reference arm is always among the arms. With `out`, block tables go to that folder as they finish
    and the same call goes on where it stopped; without, they stay in memory. The result depends on the
    scenario, arms and seed, run by run: the first 200 of 400 runs are the 200 runs. More than one worker
    starts processes: call it under `if __name__ == "__main__":` from a script.

    model: `module:Class` of a StateAgent subclass that decides another way; its code runs. run_timeout: seconds
    after which a run counts as failed.

    Raises WrongRequest for unknown arms or a folder of another study, FolderBusy, CannotWrite."""
    if runs < 1:
        raise WrongRequest(f"runs must be at least 1, got {runs}")
    if not 0 <= seed < 2**64:
        raise WrongRequest(f"seed must be a whole number from 0 to 18446744073709551615, got {seed}")
    if model is not None:
        _import_model(model)
    began = time.monotonic()
    chosen = chosen_arms(scenario, arms)
    sink: _Memory | _Folder = (
        _Memory() if out is None else _Folder(Path(out), scenario, chosen, seed, command, files, model)
    )
    with sink:
        todo = missing(sink.done(), runs, SHARD_RUNS)
        wanted = sum(len(block) for block in todo)
        done, failed = runs - wanted, list(sink.failed())
        if progress:
            progress(done, runs, len(failed))
        worlds = compile_worlds(scenario) if todo else None
        job = Job(worlds, seed, chosen, model, run_timeout) if worlds else None
        for finished in run_blocks(job, todo, workers) if job else ():
            sink.keep(finished.block.first, finished.block.stop, finished.tables, finished.failed)
            failed += [_failed_row(one) for one in finished.failed]
            done += len(finished.block)
            if progress:
                progress(done, runs, len(failed))
    seconds = time.monotonic() - began
    return Result(
        scenario=scenario,
        runs=runs,
        seed=seed,
        arms=chosen,
        version=version(),
        folder=None if out is None else Path(out),
        memory=sink.tables() if isinstance(sink, _Memory) else (),
        failed=tuple(row for row in failed if row["run"] < runs),
        timing={
            "seconds": seconds,
            "runs_per_second": wanted * len(chosen) / seconds if seconds > 0 else float("nan"),
            "workers": workers,
        },
    )


def _import_model(model: str) -> None:
    from balance_sim.model.agents import agent_class_named

    try:
        agent_class_named(model)
    except ValueError as error:
        raise WrongRequest(str(error)) from error


def _failed_row(one: FailedRun) -> dict[str, Any]:
    return {"run": one.run, "seed": one.seed, "traceback": one.traceback}


class _Memory:
    """Block tables kept in this process."""

    def __init__(self) -> None:
        self._kept: dict[int, BlockTables] = {}

    def __enter__(self) -> _Memory:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def done(self) -> list[Any]:
        return []

    def failed(self) -> list[dict[str, Any]]:
        return []

    def keep(self, first: int, _stop: int, tables: BlockTables | None, _failed: Sequence[FailedRun]) -> None:
        if tables is not None:
            self._kept[first] = tables

    def tables(self) -> tuple[tuple[pa.Table, pa.Table], ...]:
        return tuple((self._kept[k].runs, self._kept[k].accords) for k in sorted(self._kept))


class _Folder:
    """Block tables kept in a results folder, under its lock."""

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        arms: Sequence[str],
        seed: int,
        command: str,
        files: dict[str, str] | None,
        model: str | None,
    ) -> None:
        self.store = Store(folder)
        self.manifest = {
            "manifest_version": MANIFEST_VERSION,
            "study": "run",
            "scenario": {"name": scenario.name, "sha256": scenario.sha256},
            "inputs": inputs_of(scenario),
            "files": files or {},
            "arms": sorted(arms),
            "seed": seed,
            "model": model,
            "versions": {
                "balance_sim": version(),
                "numpy": np.__version__,
                "pyarrow": pa.__version__,
                "python": platform.python_version(),
            },
            "command": command,
        }
        self._failed: list[dict[str, Any]] = []

    def __enter__(self) -> _Folder:
        self.store.lock()
        try:
            self._agree()
        except BaseException:
            self.store.unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.store.unlock()

    def _agree(self) -> None:
        before = self.store.read_manifest()
        if before is None:
            if any(self.store.shards(table) for table in ("runs", "accords")):
                raise WrongRequest(
                    f"{self.store.folder} holds results without a manifest; choose another --out."
                )
            self.store.write_text("manifest.json", json.dumps(self.manifest, indent=1) + "\n")
            return
        differences = differing(before, self.manifest)
        if differences:
            raise WrongRequest(
                f"{self.store.folder} holds another study; choose another --out. What differs:\n  "
                + "\n  ".join(differences[:20])
            )
        failed = self.store.folder / "failed.json"
        if failed.exists():
            self._failed = list(json.loads(failed.read_text(encoding="utf-8")))

    def done(self) -> list[Any]:
        return [shard.block for shard in self.store.shards("runs")]

    def failed(self) -> list[dict[str, Any]]:
        return self._failed

    def keep(self, first: int, stop: int, tables: BlockTables | None, failed: Sequence[FailedRun]) -> None:
        from balance_sim.study.blocks import Block

        if failed:
            self._failed = [*self._failed, *map(_failed_row, failed)]
            self.store.write_text("failed.json", json.dumps(self._failed, indent=1) + "\n")
        if tables is not None:
            self.store.write(0, Block(first, stop), tables)


def inputs_of(scenario: Scenario) -> dict[str, Any]:
    """The scenario's complete content, for the manifest and for telling two studies apart."""
    return scenario.model_dump(mode="json", exclude={"sha256"})


def differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Keys in which two manifests ask for different results, with both values."""
    out = [
        f"{key}: {before.get(key)} there, {now[key]} asked for"
        for key in ("study", "arms", "seed", "model")
        if before.get(key) != now[key]
    ]
    if before["scenario"]["sha256"] != now["scenario"]["sha256"]:
        out += _leaf_differences(before.get("inputs", {}), now["inputs"], "")[:20] or [
            "scenario: another content"
        ]
    there, here = before["versions"], now["versions"]
    if (
        there["balance_sim"] != here["balance_sim"]
        or there["numpy"].split(".")[0] != here["numpy"].split(".")[0]
    ):
        out.append(f"versions: {there} there, {here} here")
    return out


def _leaf_differences(a: Any, b: Any, path: str) -> list[str]:
    if isinstance(a, list) and isinstance(b, list):
        a, b = (_by_id(value) for value in (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return [
            line
            for key in sorted({*a, *b})
            for line in _leaf_differences(a.get(key), b.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if a == b else [f"{path}: {a!r} there, {b!r} asked for"]


def _by_id(items: list[Any]) -> Any:
    if all(isinstance(item, dict) and "id" in item for item in items):
        return {item["id"]: item for item in items}
    return dict(enumerate(items))


def open_result(folder: Path | str, runs: int | None = None) -> Result:
    """A finished study read back from its folder; `runs` cuts it to the first so many."""
    store = Store(Path(folder))
    manifest = store.read_manifest()
    if manifest is None:
        raise WrongRequest(f"{folder} holds no results: there is no manifest.json")
    scenario = Scenario.model_validate_json(json.dumps(manifest["inputs"]))
    scenario = scenario.model_copy(update={"sha256": manifest["scenario"]["sha256"]})
    shards = store.shards("runs")
    have = max((shard.stop for shard in shards), default=0)
    failed = Path(folder) / "failed.json"
    timing: dict[str, float] = {}
    summary = Path(folder) / "summary.json"
    if summary.exists():
        try:
            timing = json.loads(summary.read_text(encoding="utf-8")).get("timing", {})
        except ValueError:
            timing = {}
    wanted = min(have, runs) if runs is not None else have
    rows = json.loads(failed.read_text(encoding="utf-8")) if failed.exists() else []
    return Result(
        scenario=scenario,
        runs=wanted,
        seed=manifest["seed"],
        arms=chosen_arms(scenario, manifest["arms"]),
        version=manifest["versions"]["balance_sim"],
        folder=Path(folder),
        failed=tuple(row for row in rows if row["run"] < wanted),
        timing=timing,
    )

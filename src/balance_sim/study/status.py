"""How far a study is, read from its folder without disturbing whoever writes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balance_sim.study.points import PointTable
from balance_sim.study.store import Store


def status_of(folder: Path) -> dict[str, Any]:
    """Return how far the study in a folder is, as plain data.

    Returns
    -------
    study, scenario, experiment : what it is
    running : some process writes it
    finished : all replications are there and nobody writes
    points, points_done, runs, runs_done, failed_runs : runs of all points together

    Raises
    ------
    WrongRequest : where there are no results
    StoreDamaged : where manifest, points or records cannot be read
    """
    store = Store(folder)
    manifest = store.manifest()
    running, runs = store.is_written(), manifest.runs
    numbers = PointTable.load(folder, manifest).numbers()
    to_do = store.lacking_runs(numbers, runs)
    return {
        "study": manifest.study,
        "scenario": manifest.scenario.name,
        "experiment": manifest.experiment,
        "running": running,
        "finished": not to_do and not running and runs > 0,
        "points": len(numbers),
        "points_done": len(numbers) - len(store.lacking(numbers, runs)),
        "runs": len(numbers) * runs,
        "runs_done": len(numbers) * runs - to_do,
        "failed_runs": len(store.failed()),
    }


def status_lines(status: dict[str, Any]) -> list[str]:
    """Return the same for a person."""
    state = "finished" if status["finished"] else "interrupted"
    state = "running" if status["running"] else state
    done = f"{status['runs_done']:,} of {status['runs']:,} replications"
    if status["points"] > 1:
        done += f", {status['points_done']:,} of {status['points']:,} points"
    lines = [f"{status['experiment'] or status['scenario']}: {state}, {done}"]
    if status["failed_runs"]:
        lines.append(f"failed: {status['failed_runs']:,} replications, see failed.json")
    if state == "interrupted":
        lines.append("to go on: give the command that wrote the folder again")
    return lines

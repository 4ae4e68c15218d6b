"""How far a study is, read from its folder without disturbing whoever writes there."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.analysis.sensitivity_text import digits
from balance_sim.experiment.go_on import command_of
from balance_sim.experiment.plan import spoken
from balance_sim.pool.faults import no_results
from balance_sim.results.store import Store, came_to_its_end, read_summary, runs_of
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.problems import escaped

if TYPE_CHECKING:
    from balance_sim.experiment.sweep import Standing
    from balance_sim.results.sweep_result import SweepResult

PROGRESS = "progress.json"


def status_of(folder: Path) -> dict[str, Any]:
    """Plain data: study, running, finished, lost, points, points_done, runs, runs_done, failed_runs, rate, ...

    runs: that were asked for, of all points together. lost: how many are gone of a study that had come to its end.
    rate and seconds_left: as last reported by a sweep under way, else null. command: what goes on with it, put together
    from what the manifest holds."""
    store = Store(folder)
    manifest = store.read_manifest()
    if manifest is None:
        raise no_results(folder)
    running, runs = store.is_written(), manifest.runs
    if manifest.is_sweep and manifest.points:
        from balance_sim.results.points import PointTable

        numbers = PointTable.load(store, manifest.points).numbers()
    else:
        numbers = [0]
    lacking = store.lacking(numbers, runs)
    left = runs_of(lacking)
    ended = came_to_its_end(read_summary(folder), runs, len(numbers))
    reported = _reported(folder) if running else {}
    return {
        "study": manifest.study,
        "scenario": manifest.scenario.name,
        "experiment": manifest.experiment,
        "running": running,
        "finished": not left and not running and runs > 0,
        "lost": left if ended and not running else 0,
        "points": len(numbers),
        "points_done": len(numbers) - len(lacking),
        "runs": len(numbers) * runs,
        "runs_done": len(numbers) * runs - left,
        "failed_runs": len(store.failed()),
        "rate": reported.get("rate"),
        "seconds_left": reported.get("seconds_left"),
        "command": command_of(manifest, folder) or "",
    }


def _reported(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(regular_bytes(folder / PROGRESS, 1 << 20))
        rate, left = found["rate"], found["seconds_left"]
        sound = all(one is None or isinstance(one, int | float) for one in (rate, left))
        return {"rate": rate, "seconds_left": left} if sound else {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def status_lines(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    state = "running" if found["running"] else "finished" if found["finished"] else "interrupted"
    if found["lost"]:
        state = f"damaged, {found['lost']:,} runs that were finished are gone"
    lines = [
        f"{found['experiment'] or found['scenario']}: {state}",
        f"points {found['points_done']:,} of {found['points']:,}, runs {found['runs_done']:,} of {found['runs']:,}, "
        f"failed {found['failed_runs']:,}",
    ]
    if found["rate"]:
        left = found["seconds_left"]
        ahead = f", about {spoken(left)} left" if left is not None else ""
        lines.append(f"{found['rate']:,.0f} runs a second{ahead}")
    if not found["running"] and not found["finished"] and found["command"]:
        lines.append(f"to go on: {escaped(found['command'])}")
    return lines


def spoken_standing(standing: Standing) -> str:
    """One line: points and runs done, rate, time left, failures."""
    left = "" if math.isnan(standing.seconds_left) else f", {spoken(standing.seconds_left)} left"
    failed = f", {standing.failed:,} failed" if standing.failed else ""
    return (
        f"points {standing.points_done:,}/{standing.points:,}, runs {standing.runs_done:,}/{standing.runs:,}, "
        f"{standing.rate:,.0f} runs/s{left}{failed}"
    )


def effects_lines(result: SweepResult, most: int = 20) -> list[str]:
    """The paired effect of the headline arm on the outcome that its figure draws, point by point; the rest is in the
    folder."""
    arm = result.headline_arm
    if arm is None or not len(result.effects):
        return ["no arm besides the reference: see levels.csv"]
    outcome = result.headline_outcome
    frame = result.effects
    rows = frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict("records")
    lines = [f"{outcome}: `{arm}` less `{result.reference}`, with 95 % interval"]
    places = digits(max((abs(row[end]) for row in rows for end in ("lo", "hi")), default=0.0), 3)
    for row in rows[:most]:
        values = ", ".join(f"{path.split('.', 1)[-1]}={_short(row[path])}" for path in result.paths[:4])
        label = result.table.points[row["point"]].label
        mean, low, high = (f"{row[key]:+z.{places}f}" for key in ("mean", "lo", "hi"))
        lines.append(f"  {mean:>8} [{low}, {high}]  {label or values}")
    if len(rows) > most:
        lines.append(f"  ... and {len(rows) - most} more points: effects.csv")
    return lines


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "+".join(map(str, value)) if isinstance(value, tuple | list) else str(value)

"""How far a study is, read from its folder without disturbing whoever writes there; and
the command that resumes it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.scenario.diagnostics import escaped
from balance_sim.scenario.load import stem
from balance_sim.study.shards import is_drawn
from balance_sim.study.store import Store, came_to_its_end, read_summary, runs_of

if TYPE_CHECKING:
    from balance_sim.study.manifest import Manifest

LONGEST = 1_000
"""Characters of a word of a command."""
HARMLESS = {"--runs", "--precision", "--theory", "--set", "--draws", "--source"}
HARMLESS |= {"--workers", "--run-timeout", "--max-bytes", "--no-figures"}
"""Options of a stored command that are said again, with whatever value they have; all
others are worked out from the manifest, or left out."""


def status_of(folder: Path) -> dict[str, Any]:
    """Return plain data: study, running, finished, lost, points, points_done, runs,
    runs_done, failed_runs, ...

    runs: that were asked for, of all points together. lost: how many are gone of a
    study that had come to its end. lacks: what a command would have written after the
    replications and is not there: `summary`, `figures` or nothing. command: what
    goes on with it, put together from what the manifest holds."""
    store = Store(folder)
    manifest = store.manifest()
    running, runs = store.is_written(), manifest.runs
    numbers = [0]
    if manifest.is_sweep:
        from balance_sim.study.points import PointTable

        numbers = PointTable.load(store, manifest.points).numbers()
    lacking = store.lacking(numbers, runs)
    to_do, failed = runs_of(lacking), len(store.failed())
    is_ended = came_to_its_end(read_summary(folder), runs, len(numbers))
    command, lacks = command_of(manifest, folder) or "", ""
    if command and not running and not to_do:
        has_figures = "--no-figures" not in manifest.command and failed < runs
        if not is_ended:
            lacks = "summary"
        elif not manifest.is_sweep and has_figures and not is_drawn(folder):
            lacks = "figures"
    return {
        "study": manifest.study,
        "scenario": manifest.scenario.name,
        "experiment": manifest.experiment,
        "running": running,
        "finished": not to_do and not running and runs > 0,
        "lost": to_do if is_ended and not running else 0,
        "points": len(numbers),
        "points_done": len(numbers) - len(lacking),
        "runs": len(numbers) * runs,
        "runs_done": len(numbers) * runs - to_do,
        "failed_runs": failed,
        "lacks": lacks,
        "command": command,
    }


def status_lines(status: dict[str, Any]) -> list[str]:
    """Return the same for a person."""
    done = f"{status['runs_done']:,} of {status['runs']:,} replications"
    is_finished = status["finished"] and not status["lacks"]
    state = f"finished, {done}" if is_finished else f"interrupted after {done}"
    if status["lost"]:
        state = f"damaged, {status['lost']:,} replications that were finished are gone"
    elif status["running"]:
        state = f"running, {done}"
    elif status["lacks"]:
        state = f"{state}, {status['lacks']} not written"
    if status["points"] > 1:
        state += f", {status['points_done']:,} of {status['points']:,} points"
    lines = [f"{status['experiment'] or status['scenario']}: {state}"]
    if status["failed_runs"]:
        lines.append(f"failed: {status['failed_runs']:,} replications, see failed.json")
    if not status["running"] and not is_finished and status["command"]:
        lines.append(f"to go on: {escaped(status['command'])}")
    return lines


def command_of(manifest: Manifest, folder: Path) -> str | None:
    """Return what to run next for the study in `folder`; None where its manifest tells
    of no command that made it.

    The folder may come from a stranger, so the command line in its manifest is taken
    apart: harmless options are put together again, quoted for a shell."""
    study: str = manifest.study
    name = manifest.name
    if manifest.game is not None:
        study, name = "game", manifest.game["name"]
    try:
        words = shlex.split(manifest.command)
    except ValueError:
        return None
    options: list[str] = []
    arguments, remaining = [], iter(words[2:])
    for word in remaining:
        option, equals, value = word.partition("=")
        if not option.startswith("-"):
            arguments.append(word)
        elif option == "--no-figures":
            options.append(option)
        elif option in HARMLESS:
            value = value if equals else next(remaining, "")
            options += [option, value] if _is_plain(value) else []
    file = arguments[0] if arguments else ""
    is_named = _is_plain(file) and stem(Path(file).name) == name
    if words[:2] != ["balance-sim", study] or not is_named:
        return None
    given = {word.partition("=")[0] for word in words}
    if study != "sweep" or "--seed" in given:
        options += ["--seed", str(manifest.seed)]
    if study == "run" and "--arms" in given:
        options += ["--arms", ",".join(manifest.arms)]
    if manifest.model is not None:
        options += ["--model", manifest.model]
    return shlex.join(["balance-sim", study, file, *options, "--out", str(folder)])


def _is_plain(word: str) -> bool:
    """Return whether a word of a stored command may be said again as a value."""
    return 0 < len(word) <= LONGEST and word.isprintable() and not word.startswith("-")

"""How far a study is, read from its folder without disturbing whoever writes there; and
the command that resumes it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.scenario.diagnostics import escaped
from balance_sim.scenario.load import stem
from balance_sim.study.points import PointTable
from balance_sim.study.store import Store

if TYPE_CHECKING:
    from balance_sim.study.manifest import Manifest

LONGEST = 1_000
"""Characters of a word of a command."""
HARMLESS = {"--runs", "--theory", "--set", "--draws", "--source"}
HARMLESS |= {"--workers", "--run-timeout", "--max-bytes", "--seed", "--arms"}
"""Options of a stored command that are said again, with whatever value they have."""


def status_of(folder: Path) -> dict[str, Any]:
    """Return how far the study in a folder is, as plain data.

    Returns
    -------
    study, scenario, experiment : what it is
    running : some process writes it
    finished : all replications are there and nobody writes
    points, points_done, runs, runs_done, failed_runs : runs of all points together
    command : what goes on with it, put together from what the manifest holds

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
        "command": command_of(manifest, folder) or "",
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
    if state == "interrupted" and status["command"]:
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
    if manifest.model is not None:
        options += ["--model", manifest.model]
    for option, rules in (
        ("--outcomes", manifest.own_outcomes),
        ("--terms", manifest.own_rules),
    ):
        modules = {reference.partition(":")[0] for _, reference in rules}
        for module in filter(_is_plain, sorted(modules)):
            options += [option, module]
    return shlex.join(["balance-sim", study, file, *options, "--out", str(folder)])


def _is_plain(word: str) -> bool:
    """Return whether a word of a stored command may be said again as a value."""
    return 0 < len(word) <= LONGEST and word.isprintable() and not word.startswith("-")

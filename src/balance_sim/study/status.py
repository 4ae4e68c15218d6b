"""How far a study is, read from its folder without disturbing whoever writes there; and
the command that resumes it.

The folder may come from a stranger, so the command line in its manifest is taken apart:
what is put together again are options of `run` and `sweep` that are known here and
harmless, with values of their kind, quoted for a shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.scenario.diagnostics import escaped
from balance_sim.scenario.errors import no_results
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.load import stem
from balance_sim.study.shards import is_drawn
from balance_sim.study.store import Store, came_to_its_end, read_summary, runs_of

if TYPE_CHECKING:
    from balance_sim.study.manifest import Manifest

PROGRESS = "progress.json"
LONGEST = 1_000  # characters of a word
_IDENTIFIER = r"[A-Za-z0-9_-]{1,64}"
_MODEL = r"[A-Za-z_][\w.]{0,150}:[A-Za-z_]\w{0,150}"
_WHOLE = r"\d{1,19}"
_NUMBER = r"(?=.{1,39}$)[+]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?"
_SETTING = r"[A-Za-z0-9_.\-\[\]]{1,200}=.*"
_COMMON = {"--workers": _WHOLE, "--run-timeout": _NUMBER} | dict.fromkeys(
    ("--out", "--model"), None
)
# What a value of each option looks like; None: an option that is worked out anew, or
# left out.
_OPTIONS: dict[str, dict[str, str | None]] = {
    "run": _COMMON
    | {
        "--runs": _WHOLE,
        "--precision": _NUMBER,
        "--theory": _IDENTIFIER,
        "--seed": None,
        "--arms": None,
    }
    | {"--set": _SETTING, "--draws": r"posterior|prior|fitted"},
    "sweep": _COMMON
    | dict.fromkeys(("--max-runs", "--max-bytes", "--block", "--runs"), _WHOLE)
    | {"--set": _SETTING, "--seed": None}
    | dict.fromkeys(("--scheduler", "--cluster", "--jobs", "--cluster-option"), None),
}
_OPTIONS["game"] = _COMMON | {
    "--runs": _WHOLE,
    "--draws": _WHOLE,
    "--source": r"posterior|prior",
    "--seed": None,
}
_OPTIONS["game"] |= {name: _OPTIONS["run"][name] for name in ("--theory", "--set")} | {
    "--scheduler": None
}
_FLAGS = {
    "run": ("--no-figures",),
    "sweep": (),
    "game": ("--no-figures",),
}


def status_of(folder: Path) -> dict[str, Any]:
    """Plain data: study, running, finished, lost, points, points_done, runs, runs_done,
    failed_runs, rate, ...

    runs: that were asked for, of all points together. lost: how many are gone of a
    study that had come to its end. lacks: what a command would have written after the
    replications and is not there: `summary`, `figures` or nothing. rate and
    seconds_left: as last reported by a sweep under way, else null. command: what goes
    on with it, put together from what the manifest holds."""
    store = Store(folder)
    manifest = store.read_manifest()
    if manifest is None:
        raise no_results(folder)
    running, runs = store.is_written(), manifest.runs
    numbers = [0]
    if manifest.is_sweep and manifest.points:
        from balance_sim.study.points import PointTable

        numbers = PointTable.load(store, manifest.points).numbers()
    lacking = store.lacking(numbers, runs)
    to_do = runs_of(lacking)
    is_ended = came_to_its_end(read_summary(folder), runs, len(numbers))
    rate, seconds_left = _progress(folder) if running else (None, None)
    command = command_of(manifest, folder) or ""
    failed, lacks = len(store.failed()), ""
    if command and not running and not to_do:
        has_figures = "--no-figures" not in manifest.command and failed < runs
        if not is_ended:
            lacks = "summary"
        elif manifest.study == "run" and has_figures and not is_drawn(folder):
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
        "rate": rate,
        "seconds_left": seconds_left,
        "lacks": lacks,
        "command": command,
    }


def _progress(folder: Path) -> tuple[float | None, float | None]:
    """Runs a second and seconds left, as a sweep under way last reported them."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        report = json.loads(regular_bytes(folder / PROGRESS, 1 << 20))
        rate, seconds = report["rate"], report["seconds_left"]
        if all(
            value is None or isinstance(value, int | float) for value in (rate, seconds)
        ):
            return rate, seconds
    return None, None


NOT_WRITTEN = {
    "summary": "its summary is not written",
    "figures": "its figures or its report are not written",
}


def status_lines(status: dict[str, Any]) -> list[str]:
    """The same for a person."""
    done = f"{status['runs_done']:,} of {status['runs']:,} replications"
    is_finished = status["finished"] and not status["lacks"]
    state = f"finished, {done}" if is_finished else f"interrupted after {done}"
    if status["lost"]:
        state = f"damaged, {status['lost']:,} replications that were finished are gone"
    elif status["running"]:
        state = f"running, {done}"
    elif status["lacks"]:
        state = f"{state}, {NOT_WRITTEN[status['lacks']]}"
    if status["points"] > 1:
        state += f", {status['points_done']:,} of {status['points']:,} points"
    lines = [f"{status['experiment'] or status['scenario']}: {state}"]
    if status["failed_runs"]:
        lines.append(f"failed: {status['failed_runs']:,} replications, see failed.json")
    if status["rate"]:
        line = f"{status['rate']:,.0f} replications a second"
        if status["seconds_left"] is not None:
            line += f", about {spoken(status['seconds_left'])} left"
        lines.append(line)
    if not status["running"] and not is_finished and status["command"]:
        lines.append(f"to go on: {escaped(status['command'])}")
    return lines


def spoken(seconds: float) -> str:
    """A length of time in words."""
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def bytes_spoken(size: float) -> str:
    """A number of bytes in words."""
    for unit, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << unit:
            return f"{size / (1 << unit):.1f} {name}"
    return f"{size:.0f} bytes"


def command_of(manifest: Manifest, folder: Path) -> str | None:
    """What to run next for the study in `folder`; None where its manifest tells of no
    command that made it."""
    study = "game" if manifest.game is not None else manifest.study
    try:
        words = shlex.split(manifest.command)
    except ValueError:
        return None
    if words[:2] != ["balance-sim", study]:
        return None
    options, arguments = _known(words[2:], study)
    file = arguments[0] if arguments else ""
    if not _is_plain(file) or not _names_study(file, study, manifest):
        return None
    options_given = {word.partition("=")[0] for word in words}
    if study in ("run", "game") or "--seed" in options_given:
        options += ["--seed", str(manifest.seed)]
    are_plain = all(re.fullmatch(_IDENTIFIER, arm) for arm in manifest.arms)
    if study == "run" and "--arms" in options_given and are_plain:
        options += ["--arms", ",".join(manifest.arms)]
    if manifest.model is not None:
        if re.fullmatch(_MODEL, manifest.model, re.ASCII) is None:
            return None
        options += ["--model", manifest.model]
    return shlex.join(["balance-sim", study, file, *options, "--out", str(folder)])


def _names_study(file: str, study: str, manifest: Manifest) -> bool:
    """Whether a file is named as the study's scenario, game or experiment is."""
    name: object = manifest.experiment
    if study == "run":
        name = manifest.scenario.name
    elif manifest.game is not None:
        name = manifest.game.get("name")
    suffix = re.fullmatch(r"(\.[A-Za-z0-9]{1,8})?", Path(file).suffix)
    return stem(Path(file).name) == name and suffix is not None


def _known(words: Sequence[str], study: str) -> tuple[list[str], list[str]]:
    """Known options with their values, and arguments with no option before them; all
    else is passed over."""
    options: list[str] = []
    arguments: list[str] = []
    remaining = iter(words)
    for word in remaining:
        option, equals, value = word.partition("=")
        if not option.startswith("-"):
            arguments.append(word)
        elif option in _OPTIONS[study]:
            value = value if equals else next(remaining, "")
            pattern = _OPTIONS[study][option]
            if pattern is None or not _is_plain(value):
                continue
            if re.fullmatch(pattern, value, re.ASCII):
                options += [option, value]
        elif option in _FLAGS[study] and not equals:
            options.append(option)
    return options, arguments


def _is_plain(word: str) -> bool:
    return 0 < len(word) <= LONGEST and word.isprintable() and not word.startswith("-")

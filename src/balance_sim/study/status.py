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
    "run": ("--draw-parameters", "--no-figures"),
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
    if manifest.is_sweep and manifest.points:
        from balance_sim.study.points import PointTable

        numbers = PointTable.load(store, manifest.points).numbers()
    else:
        numbers = [0]
    lacking = store.lacking(numbers, runs)
    left = runs_of(lacking)
    ended = came_to_its_end(read_summary(folder), runs, len(numbers))
    rate = seconds_left = None
    if running:
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            found = json.loads(regular_bytes(folder / PROGRESS, 1 << 20))
            said = found["rate"], found["seconds_left"]
            if all(one is None or isinstance(one, int | float) for one in said):
                rate, seconds_left = said
    command = command_of(manifest, folder) or ""
    failed, lacks = len(store.failed()), ""
    if command and not running and not left:
        draws = (
            manifest.study == "run"
            and "--no-figures" not in manifest.command
            and failed < runs
        )
        lacks = (
            "summary"
            if not ended
            else "figures"
            if draws and not is_drawn(folder)
            else ""
        )
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
        "failed_runs": failed,
        "rate": rate,
        "seconds_left": seconds_left,
        "lacks": lacks,
        "command": command,
    }


def status_lines(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    done = f"{found['runs_done']:,} of {found['runs']:,} replications"
    if found["lost"]:
        state = f"damaged, {found['lost']:,} replications that were finished are gone"
    elif found["running"]:
        state = f"running, {done}"
    elif found["lacks"]:
        written = {
            "summary": "its summary is",
            "figures": "its figures or its report are",
        }[found["lacks"]]
        state = f"interrupted after {done}, {written} not written"
    else:
        state = (
            f"finished, {done}" if found["finished"] else f"interrupted after {done}"
        )
    points = (
        f", {found['points_done']:,} of {found['points']:,} points"
        if found["points"] > 1
        else ""
    )
    lines = [f"{found['experiment'] or found['scenario']}: {state}{points}"]
    if found["failed_runs"]:
        lines.append(f"failed: {found['failed_runs']:,} replications, see failed.json")
    if found["rate"]:
        left = found["seconds_left"]
        ahead = f", about {spoken(left)} left" if left is not None else ""
        lines.append(f"{found['rate']:,.0f} replications a second{ahead}")
    is_done = found["finished"] and not found["lacks"]
    if not found["running"] and not is_done and found["command"]:
        lines.append(f"to go on: {escaped(found['command'])}")
    return lines


def spoken(seconds: float) -> str:
    """A length of time in words."""
    sizes = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))
    return next(
        (
            f"{seconds / size:.1f} {name}"
            for size, name in sizes
            if seconds >= 1.5 * size
        ),
        f"{seconds:.0f} s",
    )


def bytes_spoken(size: float) -> str:
    """A number of bytes in words."""
    units = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
    return next(
        (f"{size / unit:.1f} {name}" for unit, name in units if size >= unit),
        f"{size:.0f} bytes",
    )


def command_of(manifest: Manifest, folder: Path) -> str | None:
    """What to run next for the study in `folder`; None where its manifest tells of no
    command that made it."""
    study, model = (
        "game" if manifest.game is not None else manifest.study,
        manifest.model,
    )
    try:
        words = shlex.split(manifest.command)
    except ValueError:
        return None
    if words[:2] != ["balance-sim", study]:
        return None
    options, arguments = _known(words[2:], study)
    file, given = next(iter(arguments), ""), {word.partition("=")[0] for word in words}
    named = {
        "run": manifest.scenario.name,
        "game": (manifest.game or {}).get("name"),
    }.get(study, manifest.experiment)
    suffix = re.fullmatch(r"(\.[A-Za-z0-9]{1,8})?", Path(file).suffix)
    if not _is_plain(file) or stem(Path(file).name) != named or suffix is None:
        return None
    if study in ("run", "game") or "--seed" in given:
        options += ["--seed", str(manifest.seed)]
    if (
        study == "run"
        and "--arms" in given
        and all(re.fullmatch(_IDENTIFIER, arm) for arm in manifest.arms)
    ):
        options += ["--arms", ",".join(manifest.arms)]
    if model is not None:
        if re.fullmatch(_MODEL, model, re.ASCII) is None:
            return None
        options += ["--model", model]
    return shlex.join(["balance-sim", study, file, *options, "--out", str(folder)])


def _known(words: Sequence[str], study: str) -> tuple[list[str], list[str]]:
    """Known options with their values, and arguments with no option before them; all
    else is passed over."""
    options: list[str] = []
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if not option.startswith("-"):
            arguments.append(word)
        elif option in _OPTIONS[study]:
            value = value if equals else next(rest, "")
            kind = _OPTIONS[study][option]
            if (
                kind is not None
                and _is_plain(value)
                and re.fullmatch(kind, value, re.ASCII)
            ):
                options += [option, value]
        elif option in _FLAGS[study] and not equals:
            options.append(option)
    return options, arguments


def _is_plain(word: str) -> bool:
    return 0 < len(word) <= LONGEST and word.isprintable() and not word.startswith("-")

"""What `hindcast` writes, and what `hindcast --json` and `score --json` print, read back for figures and reports."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.hindcast_plan import WAYS
from balance_sim.scenario.files import regular_bytes

FILE = "hindcast.json"
LARGEST = 64 << 20  # bytes that are read at most
MEASURES = ("log_skill", "brier_skill", "average_precision_gain", "auc_gain")
COUNTS = (
    "n",
    "events",
    "expected",
    "brier",
    "log_score",
    "auc",
    "average_precision",
    "minimum_detectable_log_skill",
)
GAINS = ("log_skill", "brier_skill", "average_precision", "auc")
BINS = ("low", "high", "n", "expected", "happened")
FORMS = {
    "plan": dict, "weights": dict, "standard_errors": dict, "log_skill_by_year": dict, "data": list, "notes": list,
}  # fmt: skip
"""What stands under these keys beside the scores, where it stands there at all."""
NEXT = "Give what `hindcast` wrote, or what `hindcast --json` or `score --json` printed"

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """One way of forecasting. scores: forecast -> measure -> number, `<measure>_ci95` -> [low, high]; None where

    there is none. The first is the model. Of the others `model_gains`: measure of GAINS -> (value, low, high), what
    the model gains on it; empty in a file of an earlier version. bins: its reliability table, low to high."""

    name: str
    scores: dict[str, Numbers]
    bins: tuple[Numbers, ...]


@dataclass(frozen=True)
class Scored:
    """Forecasts with their scores. kind: `hindcast` or `score`. about: what was done, as it stands in the file."""

    kind: str
    path: Path
    ways: tuple[Way, ...]
    about: dict[str, Any]


def scored_path(path: Path) -> Path | None:
    """The file to read where a path names scored forecasts: a `.json`, or a folder that holds FILE. Else None."""
    if path.is_file() and path.suffix.lower() == ".json":
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_scored(path: Path) -> Scored:
    """Scores from the file. Raises DataError where it is something else."""
    try:
        tree = json.loads(regular_bytes(path, LARGEST), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise DataError(f"this cannot be read: {why}", NEXT, path) from None
    if not isinstance(tree, dict):
        raise DataError("this is not a document of scores", NEXT, path)
    try:
        if isinstance(tree.get("about"), dict):
            about = tree["about"]
            ways = tuple(_way(name, tree[name], about["calibration"][name]) for name in WAYS if name in tree)
            kind = "hindcast"
        else:
            about = {
                key: value for key, value in tree.items() if not _is_score(value) and key != "calibration"
            }
            scores = {key: value for key, value in tree.items() if _is_score(value)}
            ways, kind = (_way("forecast", scores, tree["calibration"]),), "score"
        if ways:
            _check_about(about, kind)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        key = str(error.args[0]) if isinstance(error, KeyError) else None
        raise DataError("this is not a document of scores", NEXT, path, column=key) from None
    if not ways:
        raise DataError("there is no way of forecasting in it", NEXT, path)
    return Scored(kind, path, ways, about)


def _is_score(value: object) -> bool:
    return isinstance(value, dict) and "log_skill" in value


def _way(name: str, scores: dict[str, Numbers], bins: list[Numbers]) -> Way:
    """The scores as numbers. Raises KeyError, TypeError, ValueError or OverflowError where one is not there."""
    if "model" not in scores:
        raise KeyError("model")
    order = ["model", *(one for one in scores if one != "model")]
    checked = {}
    for one in order:
        held = scores[one]
        row: Numbers = {key: _number(held[key]) for key in (*COUNTS, *MEASURES)}
        row |= {key: _finite(held, key) for key in ("n", "events")}
        for key in MEASURES:
            low, high = held[f"{key}_ci95"]
            row[f"{key}_ci95"] = (_number(low), _number(high))
        gains = held.get("model_gains", {})
        row["model_gains"] = {key: _with_bounds(gains[key]) for key in GAINS if gains}
        checked[one] = row
    rows = tuple({key: _finite(one, key) for key in BINS} for one in bins)
    if not any(one["n"] > 0 for one in rows):
        raise KeyError("calibration")
    return Way(name, checked, rows)


def _with_bounds(of: Numbers) -> tuple[float, float, float]:
    low, high = of["ci95"]
    return _number(of["value"]), _number(low), _number(high)


def _check_about(about: Numbers, kind: str) -> None:
    """Raises KeyError, TypeError, ValueError or AttributeError where a report could not read it."""
    for key, form in FORMS.items():
        if not isinstance(about.get(key, form()), form):
            raise KeyError(key)
    if kind == "hindcast":
        for key in ("fitted", "forecast"):
            _, _ = about[key]
    by_year = [skills for years in about.get("log_skill_by_year", {}).values() for skills in years.values()]
    for numbers in (about.get("weights", {}), about.get("standard_errors", {}), *by_year):
        for key in numbers.keys():  # noqa: SIM118 - a list has none
            _finite(numbers, key)
    if not all(isinstance(one, dict) for one in about.get("data", [])):
        raise KeyError("data")


def _finite(held: Numbers, key: str) -> float:
    value = _number(held[key])
    if not math.isfinite(value):
        raise KeyError(key)
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _number(value: object) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return float(value)

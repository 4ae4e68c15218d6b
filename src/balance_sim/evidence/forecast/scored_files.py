"""Scores that were written, read back for figures and reports: what `hindcast` writes,
and what `hindcast --json` and `score --json` print."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import MODEL, Scores
from balance_sim.scenario.files import regular_bytes

WAYS = ("one_year_ahead", "simulated_forward")
"""Of forecasting, of a hindcast."""
FILE = "hindcast.json"
LARGEST = 64 << 20  # bytes that are read at most
NEXT = "Give what `hindcast` wrote, or what `hindcast --json` or `score --json` printed"


@dataclass(frozen=True)
class ScoredForecasts:
    """Forecasts with their scores.

    Attributes
    ----------
    kind : what made them
    path : of the file
    ways : by way of forecasting and forecast, the model first
    bins : by way, the model's reliability table, low to high
    about : what was done, as it stands in the file
    """

    kind: Literal["hindcast", "score"]
    path: Path
    ways: dict[str, dict[str, Scores]]
    bins: dict[str, list[dict[str, Any]]]
    about: dict[str, Any]


def scored_path(path: Path) -> Path | None:
    """The file to read where a path names scored forecasts: a `.json`, or a folder that
    holds FILE. Else None."""
    if path.is_file() and path.suffix.lower() == ".json":
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_scored_forecasts(path: Path) -> ScoredForecasts:
    """Scores from the file. Raises DataError where it is something else."""
    try:
        tree = json.loads(regular_bytes(path, LARGEST))
        is_hindcast = isinstance(tree.get("about"), dict)  # of a score it is a text
        return _hindcast(tree, path) if is_hindcast else _score(tree, path)
    except KeyError as error:
        message, key = "this is not a document of scores", str(error.args[0])
        raise DataError(message, NEXT, path, column=key) from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"this is no document of scores: {why}", NEXT, path) from None


def _hindcast(tree: dict[str, Any], path: Path) -> ScoredForecasts:
    """Raises KeyError where something is missing."""
    about = tree["about"]
    ways = {way: _model_first(tree[way]) for way in WAYS}
    bins = {way: about["calibration"][way] for way in WAYS}
    return ScoredForecasts("hindcast", path, ways, bins, about)


def _score(tree: dict[str, Any], path: Path) -> ScoredForecasts:
    """Raises KeyError where something is missing."""
    scores: dict[str, Any] = {}
    about: dict[str, Any] = {}
    bins = tree.pop("calibration")
    for key, value in tree.items():
        is_score = isinstance(value, dict) and "log_skill" in value
        (scores if is_score else about)[key] = value
    ways = {"forecast": _model_first(scores)}
    return ScoredForecasts("score", path, ways, {"forecast": bins}, about)


def _model_first(scores: dict[str, Any]) -> dict[str, Scores]:
    """The model, then the others in their order, with NaN for null."""
    by_name = {MODEL: scores[MODEL], **scores}
    return {name: _with_nan(row) for name, row in by_name.items()}


def _with_nan(value: Any) -> Any:
    """The same with NaN for null."""
    if isinstance(value, dict):
        return {key: _with_nan(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_nan(child) for child in value]
    return float("nan") if value is None else value

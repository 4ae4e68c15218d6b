"""Scored forecasts that `hindcast` wrote, read back for figures and reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from balance_sim.scenario.files import regular_bytes

WAYS = ("one_year_ahead", "simulated_forward")
"""Of forecasting."""
FILE = "hindcast.json"
LARGEST = 64 << 20  # bytes that are read at most


class ScoredForecasts(dict[str, Any]):
    """A hindcast under the names of docs/json.md: by way of forecasting and forecast
    its scores, the model first, and `about`; NaN where the file has null."""


def scored_path(path: Path) -> Path | None:
    """The file to read where a path names a hindcast: that file, or a folder that holds
    it. Else None."""
    if path.name == FILE and path.is_file():
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_scored_forecasts(path: Path) -> ScoredForecasts:
    """What a file holds, unchecked. Raises OSError, and ValueError for no JSON."""
    return ScoredForecasts(_with_nan(json.loads(regular_bytes(path, LARGEST))))


def _with_nan(value: Any) -> Any:
    """The same with NaN for null."""
    if isinstance(value, dict):
        return {key: _with_nan(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_nan(child) for child in value]
    return float("nan") if value is None else value

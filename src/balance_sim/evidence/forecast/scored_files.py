"""Scores that were written, read back for figures and reports: what `hindcast` writes,
and what `hindcast --json` and `score --json` print."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import MODEL
from balance_sim.scenario.files import regular_bytes

ForecastWay = Literal["one_year_ahead", "simulated_forward"]
WAYS: tuple[ForecastWay, ...] = get_args(ForecastWay)
"""Of a hindcast."""
FILE = "hindcast.json"
LARGEST = 64 << 20  # bytes that are read at most
NEXT = "Give what `hindcast` wrote, or what `hindcast --json` or `score --json` printed"
NO_SCORES = "this is not a document of scores"


def _nan_for_null(value: object) -> object:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_nan_for_null), Field(strict=True)]
"""NaN where there is none."""
Known = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Bounds = tuple[Number, Number]


class ModelGain(BaseModel):
    """What the model gains on a forecast in a measure, with its 95 % CI."""

    value: Number
    ci95: Bounds

    @property
    def numbers(self) -> tuple[float, float, float]:
        """Value and bounds."""
        return self.value, *self.ci95


class ModelGains(BaseModel):
    """Of each measure of GAINS."""

    brier_skill: ModelGain
    log_skill: ModelGain
    auc: ModelGain
    average_precision: ModelGain


class ForecastScores(BaseModel):
    """Scores of one forecast, and its skills over the reference with 95 % CIs."""

    n: Known
    events: Known
    expected: Number
    brier: Number
    log_score: Number
    auc: Number
    average_precision: Number
    minimum_detectable_log_skill: Number
    log_skill: Number
    log_skill_ci95: Bounds
    brier_skill: Number
    brier_skill_ci95: Bounds
    average_precision_gain: Number
    average_precision_gain_ci95: Bounds
    auc_gain: Number
    auc_gain_ci95: Bounds
    model_gains: ModelGains | None = None

    def skill(self, measure: str) -> tuple[float, float, float]:
        """Value and bounds of a skill or gain over the reference."""
        low, high = getattr(self, f"{measure}_ci95")
        return getattr(self, measure), low, high


class ReliabilityBin(BaseModel):
    """A bin of the model's probabilities [low, high): rows, expected and happened."""

    low: Known
    high: Known
    n: Known
    expected: Known
    happened: Known


class ForecastWayScores(BaseModel):
    """One way of forecasting. scores: by forecast, the model first; bins: the model's
    reliability table, low to high."""

    name: str
    scores: dict[str, ForecastScores]
    bins: tuple[ReliabilityBin, ...]


class _About(BaseModel):
    """What must be readable of what was done, where it stands there at all."""

    plan: dict[str, Any] = {}
    weights: dict[str, Known] = {}
    standard_errors: dict[str, Known] = {}
    log_skill_by_year: dict[str, dict[str, dict[str, Known]]] = {}
    data: list[dict[str, Any]] = []
    notes: list[Any] = []


class _AboutHindcast(_About):
    fitted: tuple[Any, Any]
    forecast: tuple[Any, Any]


@dataclass(frozen=True)
class ScoredForecasts:
    """Forecasts with their scores.

    about: what was done, as it stands in the file."""

    kind: Literal["hindcast", "score"]
    path: Path
    ways: tuple[ForecastWayScores, ...]
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
        tree = json.loads(regular_bytes(path, LARGEST), parse_constant=_refuse_constant)
    except RecursionError:
        raise DataError("this is nested too deeply", NEXT, path) from None
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"this cannot be read: {why}", NEXT, path) from None
    if not isinstance(tree, dict):
        raise DataError(NO_SCORES, NEXT, path)
    try:
        is_hindcast = isinstance(tree.get("about"), dict)  # of a score it is a text
        scored = _hindcast(tree, path) if is_hindcast else _score(tree, path)
    except KeyError as error:
        raise DataError(NO_SCORES, NEXT, path, column=str(error.args[0])) from None
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        names = [name for name in place if isinstance(name, str)]
        raise DataError(NO_SCORES, NEXT, path, column=names[-1]) from None
    if not scored.ways:
        raise DataError("there is no way of forecasting in it", NEXT, path)
    return scored


def _hindcast(tree: Mapping[str, Any], path: Path) -> ScoredForecasts:
    """Raises KeyError or ValidationError."""
    about = tree["about"]
    bins = about["calibration"]
    ways = tuple(_way(way, tree[way], bins[way]) for way in WAYS if way in tree)
    if ways:
        _AboutHindcast.model_validate(about)
    return ScoredForecasts("hindcast", path, ways, about)


def _score(tree: Mapping[str, Any], path: Path) -> ScoredForecasts:
    """Raises KeyError or ValidationError."""
    scores, about = {}, {}
    for key, value in tree.items():
        if isinstance(value, dict) and "log_skill" in value:
            scores[key] = value
        elif key != "calibration":
            about[key] = value
    ways = (_way("forecast", scores, tree["calibration"]),)
    _About.model_validate(about)
    return ScoredForecasts("score", path, ways, about)


def _way(name: str, scores: dict[str, Any], bins: list[Any]) -> ForecastWayScores:
    """Raises KeyError or ValidationError."""
    model_first = {MODEL: scores[MODEL], **scores}
    plain = {"name": name, "scores": model_first, "bins": bins}
    way = ForecastWayScores.model_validate(plain)
    if not any(row.n > 0 for row in way.bins):
        raise KeyError("calibration")
    return way


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")

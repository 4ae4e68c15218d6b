"""Scores of forecasts for dyads side by side, with paired intervals; and scores that
were written, read back.

p: (N,) probabilities; y: (N,) 0 or 1, what happened; dyad: (N,) a number for the dyad
of each row. The scores themselves: `stats.scores`. What `hindcast` writes, and what
`hindcast --json` and `score --json` print, is read by
`read_scored_forecasts` for figures and reports."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.files import regular_bytes
from balance_sim.stats import Floats
from balance_sim.stats.scores import (
    FLOOR,
    Ranking,
    carrying,
    checked,
    cluster_resamples,
    resampled,
    surprise,
)

MODEL, REFERENCE = "model", "base_rate"
SCORES = ("brier", "log_score", "auc", "average_precision")
SKILLS = ("brier_skill", "log_skill", "auc_gain", "average_precision_gain")
GAINS = ("brier_skill", "log_skill", "auc", "average_precision")
DETECTION = 2.80
"""Normal quantiles 0.975 and 0.8 added: an effect of this many standard errors is seen
8 times in 10."""


@dataclass(frozen=True)
class Interval:
    """A number with its standard error and 95 % interval over resamples of dyads."""

    value: float
    standard_error: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Floats, carry: int) -> Interval:
        """NaN but for the value where too few draws are numbers."""
        draws = draws[np.isfinite(draws)]
        if len(draws) < 2:
            return cls(float(value), float("nan"), float("nan"), float("nan"))
        return cls(
            float(value),
            float(draws.std(ddof=1)),
            *resampled(float(value), draws, carry),
        )


@dataclass(frozen=True)
class Scores:
    """One forecast's scores (brier: mean squared error, Brier 1950, Monthly Weather
    Review 78: 1-3) and, against the reference, its skills, 1 - score / reference; of
    AUC and average precision plain differences. detectable: smallest true log skill
    that this sample would show 8 times in 10. model_gains: by measure of GAINS, how
    much better the forecast named `model` is than this one, from the same resamples;
    none for the model itself."""

    n: int
    events: int
    expected: float
    clipped: int
    brier: float
    log_score: float
    auc: float
    average_precision: float
    brier_skill: Interval
    log_skill: Interval
    auc_gain: Interval
    average_precision_gain: Interval
    detectable: float
    model_gains: Mapping[str, Interval] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """For JSON: numbers, and each interval as value, `_se` and `_ci95`."""
        out: dict[str, object] = {}
        for name, value in vars(self).items():
            if isinstance(value, Interval):
                out |= {name: value.value, f"{name}_se": value.standard_error}
                out[f"{name}_ci95"] = [value.low, value.high]
            elif name != "model_gains":
                out[name] = value
        if self.model_gains:
            out["model_gains"] = {
                name: {
                    "value": gain.value,
                    "se": gain.standard_error,
                    "ci95": [gain.low, gain.high],
                }
                for name, gain in self.model_gains.items()
            }
        out["minimum_detectable_log_skill"] = out.pop("detectable")
        return out


def finite(values: Mapping[str, object]) -> dict[str, object]:
    """The same with null for what is not a number, as JSON has none."""

    def one(value: object) -> object:
        if isinstance(value, float) and not np.isfinite(value):
            return None
        if isinstance(value, dict):
            return {key: one(item) for key, item in value.items()}
        return [one(item) for item in value] if isinstance(value, list) else value

    return {key: one(value) for key, value in values.items()}


def score_forecasts(
    forecasts: Mapping[str, ArrayLike],
    y: ArrayLike,
    dyad: ArrayLike,
    resamples: int = 1000,
    seed: int = 1,
) -> dict[str, Scores]:
    """Score every forecast against the one named `base_rate`, with intervals from one
    set of resamples of whole dyads.

    The resamples are shared, so differences between forecasts are paired. No interval
    where fewer than `scores.FEWEST` dyads have an event, or have none. Raises
    ValueError if a forecast has another length than y or a value outside 0..1, or if
    there is no base rate."""
    if REFERENCE not in forecasts:
        raise ValueError(
            f"there is no forecast {REFERENCE!r} to compare with. Give one of that name."
        )
    given = {name: checked(p, y)[0] for name, p in forecasts.items()}
    y = checked(given[REFERENCE], y)[1]
    _, cluster = np.unique(np.asarray(dyad), return_inverse=True)
    clusters = int(cluster.max()) + 1 if len(cluster) else 0
    carry = carrying(y, cluster)
    rankings = {name: Ranking(p, y) for name, p in given.items()}
    losses = {}  # rows, squared error and surprise summed by dyad
    for name, p in given.items():
        parts = np.ones_like(p), (p - y) ** 2, surprise(p, y)
        losses[name] = np.array(
            [np.bincount(cluster, part, clusters) for part in parts]
        )

    def measures(weight: Floats) -> dict[str, Floats]:
        """Brier, log score, AUC, average precision with a weight for each dyad."""
        each, out = weight[cluster], {}
        for name, ranking in rankings.items():
            rows, squared, log = losses[name] @ weight
            ranks = ranking.auc(each), ranking.average_precision(each)
            out[name] = np.array([squared / rows, log / rows, *ranks])
        return out

    whole = measures(np.ones(clusters))
    drawn = cluster_resamples(measures, clusters, resamples, seed) or dict.fromkeys(
        given, np.empty((0, 4))
    )
    over = {name: _over(whole[name], whole[REFERENCE]) for name in given}
    over_drawn = {name: _over(drawn[name], drawn[REFERENCE]) for name in given}
    out = {}
    for name, p in given.items():
        values: dict[str, Any] = dict(zip(SCORES, map(float, whole[name]), strict=True))
        for k, of in enumerate(SKILLS):
            values[of] = Interval.of(over[name][k], over_drawn[name][:, k], carry)
        gains = {}
        if MODEL in given and name != MODEL:
            gap, gaps = over[MODEL] - over[name], over_drawn[MODEL] - over_drawn[name]
            gains = {
                of: Interval.of(gap[k], gaps[:, k], carry) for k, of in enumerate(GAINS)
            }
        out[name] = Scores(
            n=len(y),
            events=int(y.sum()),
            expected=float(p.sum()),
            clipped=int(((p < FLOOR) | (p > 1 - FLOOR)).sum()),
            **values,
            detectable=DETECTION * values["log_skill"].standard_error,
            model_gains=gains,
        )
    return out


def _over(measures: Floats, reference: Floats) -> Floats:
    """(..., 4) Brier and log skill over the reference, and differences in AUC and
    average precision.

    Over a reference whose Brier score is perfect there is no skill: NaN."""
    base = np.where(reference[..., :1] == 0, np.nan, reference[..., :2])
    return np.concatenate(
        [1 - measures[..., :2] / base, measures[..., 2:] - reference[..., 2:]], axis=-1
    )


def best_baseline(log_skill: Mapping[str, float]) -> str | None:
    """The forecast with the highest log skill but for the model and the reference; None
    where there is none.

    Of equals the first in the order of the names. It is picked on the rows that it is
    scored on, so what the model gains on it is rather too small."""
    others = {
        name: value
        for name, value in log_skill.items()
        if name not in (MODEL, REFERENCE) and value == value
    }
    return min(others, key=lambda name: (-others[name], name)) if others else None


ForecastWay = Literal["one_year_ahead", "simulated_forward"]
WAYS: tuple[ForecastWay, ...] = get_args(ForecastWay)
"""Of a hindcast."""
FILE = "hindcast.json"
LARGEST = 64 << 20  # bytes that are read at most
MEASURES = ("log_skill", "brier_skill", "average_precision_gain", "auc_gain")
COUNTS = ("n", "events", "expected", *SCORES, "minimum_detectable_log_skill")
BINS = ("low", "high", "n", "expected", "happened")
FORMS = {
    "plan": dict,
    "weights": dict,
    "standard_errors": dict,
    "log_skill_by_year": dict,
    "data": list,
    "notes": list,
}
"""What stands under these keys beside the scores, where it stands there at all."""
NEXT = "Give what `hindcast` wrote, or what `hindcast --json` or `score --json` printed"

Numbers = dict[str, Any]


@dataclass(frozen=True)
class ForecastWayScores:
    """One way of forecasting. scores: forecast -> measure -> number, `<measure>_ci95`
    -> [low, high]; NaN where there is none. The first is the model. Of the others
    `model_gains`: measure of GAINS -> (value, low, high), what the model gains on it;
    empty in a file of an earlier version. bins: its reliability table, low to high."""

    name: str
    scores: dict[str, Numbers]
    bins: tuple[Numbers, ...]


@dataclass(frozen=True)
class ScoredForecasts:
    """Forecasts with their scores. kind: `hindcast` or `score`. about: what was done,
    as it stands in the file."""

    kind: str
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
        tree = json.loads(regular_bytes(path, LARGEST), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        why = (
            "nested too deeply"
            if isinstance(error, RecursionError)
            else " ".join(str(error).split())
        )
        raise DataError(f"this cannot be read: {why}", NEXT, path) from None
    try:
        if isinstance(tree.get("about"), dict):
            kind, about = "hindcast", tree["about"]
            ways = tuple(
                _way(name, tree[name], about["calibration"][name])
                for name in WAYS
                if name in tree
            )
        else:
            scores = {
                key: value
                for key, value in tree.items()
                if isinstance(value, dict) and "log_skill" in value
            }
            about = {
                key: value
                for key, value in tree.items()
                if key not in scores and key != "calibration"
            }
            kind, ways = "score", (_way("forecast", scores, tree["calibration"]),)
        if ways:
            _check_about(about, kind)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        key = str(error.args[0]) if isinstance(error, KeyError) else None
        raise DataError(
            "this is not a document of scores", NEXT, path, column=key
        ) from None
    if not ways:
        raise DataError("there is no way of forecasting in it", NEXT, path)
    return ScoredForecasts(kind, path, ways, about)


def _way(
    name: str, scores: dict[str, Numbers], bins: list[Numbers]
) -> ForecastWayScores:
    """The scores as numbers. Raises KeyError, TypeError, ValueError or OverflowError
    where one is not there."""
    order = {MODEL: scores[MODEL], **scores}
    read = {}
    for one, held in order.items():
        row: Numbers = {key: _number(held[key]) for key in (*COUNTS, *MEASURES)}
        row |= {key: _finite(held, key) for key in ("n", "events")}
        for key in MEASURES:
            low, high = held[f"{key}_ci95"]
            row[f"{key}_ci95"] = (_number(low), _number(high))
        gains, row["model_gains"] = held.get("model_gains", {}), {}
        for key in GAINS if gains else ():
            low, high = gains[key]["ci95"]
            row["model_gains"][key] = (
                _number(gains[key]["value"]),
                _number(low),
                _number(high),
            )
        read[one] = row
    rows = tuple({key: _finite(one, key) for key in BINS} for one in bins)
    if not any(one["n"] > 0 for one in rows):
        raise KeyError("calibration")
    return ForecastWayScores(name, read, rows)


def _check_about(about: Numbers, kind: str) -> None:
    """Raises KeyError, TypeError, ValueError or AttributeError where a report could not
    read it."""
    for key, form in FORMS.items():
        if not isinstance(about.get(key, form()), form):
            raise KeyError(key)
    if kind == "hindcast":
        for key in ("fitted", "forecast"):
            _, _ = about[key]
    by_year = [
        skills
        for years in about.get("log_skill_by_year", {}).values()
        for skills in years.values()
    ]
    for numbers in (
        about.get("weights", {}),
        about.get("standard_errors", {}),
        *by_year,
    ):
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

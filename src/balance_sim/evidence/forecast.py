"""A forecast of who makes an accord with whom in a window: read, frozen before the outcome, and scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence import codes
from balance_sim.evidence.baselines import BASELINES, WINDOW, fit_baselines
from balance_sim.evidence.errors import DataError
from balance_sim.evidence.features import pair_years
from balance_sim.evidence.history import Floats
from balance_sim.evidence.panel import load_history
from balance_sim.evidence.readers.accords import read_outcomes
from balance_sim.evidence.readers.table import open_table
from balance_sim.evidence.score import Scores, calibration, score_forecasts

STAGES = ("signed", "in_force")
FROZEN = "balance-sim forecast"
_NAMES = {
    "a": ("iso3_a", "a", "iso3_1"),
    "b": ("iso3_b", "b", "iso3_2"),
    "p": ("p", "probability"),
}


@dataclass(frozen=True)
class Forecast:
    """pairs: ISO alpha-3 codes, a < b; p: a probability each that the pair makes an accord of one of `kinds`
    (any if empty) that reaches `stage` on first..last, both days included."""

    pairs: tuple[tuple[str, str], ...]
    p: tuple[float, ...]
    first: date
    last: date
    kinds: tuple[str, ...] = ()
    stage: str = "signed"
    about: str = ""

    @property
    def content(self) -> dict[str, Any]:
        """What is forecast, as plain values in a fixed order."""
        order = sorted(range(len(self.pairs)), key=lambda k: self.pairs[k])
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "kinds": list(self.kinds),
            "stage": self.stage,
            "about": self.about,
            "pairs": [[*self.pairs[k], self.p[k]] for k in order],
        }

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()


def read_pairs(
    path: Path, first: date, last: date, kinds: Sequence[str] = (), stage: str = "signed"
) -> Forecast:
    """A CSV of pairs and probabilities: iso3_a, iso3_b, p. Raises DataError for a repeated pair or a bad
    p."""
    table = open_table(path, "forecast", _NAMES, ("a", "b", "p"))
    p = table.bounded("p", 0.0, 1.0)
    if p.isna().any():
        raise table.fault("p", p.isna(), "there is no probability", "Write a number from 0 to 1")
    sides = [table.text[side].str.strip().str.upper() for side in ("a", "b")]
    pairs = [(min(a, b), max(a, b)) for a, b in zip(*sides, strict=True)]
    twice = pd.Series(pairs, index=table.text.index).duplicated()
    if twice.any():
        raise table.fault("a", twice, "this pair stands in the file twice", "Keep one of the rows")
    return Forecast(tuple(pairs), tuple(map(float, p)), first, last, tuple(kinds), stage, path.name)


def freeze(forecast: Forecast, path: Path) -> dict[str, Any]:
    """Write a forecast with its hash and today's date (UTC). A file that is there is not written over."""
    record = {
        "format": FROZEN,
        "frozen": datetime.now(UTC).date().isoformat(),
        "sha256": forecast.sha256,
        "forecast": forecast.content,
    }
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(json.dumps(record, indent=1) + "\n")
    except FileExistsError:
        raise DataError("a frozen forecast is not written over", "Give another name", path=path) from None
    return record


def thaw(path: Path) -> tuple[Forecast, str]:
    """A frozen forecast and the date of freezing. Raises DataError if it is not as it was frozen."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        held = record["forecast"]
        forecast = Forecast(
            pairs=tuple((str(a), str(b)) for a, b, _ in held["pairs"]),
            p=tuple(float(p) for _, _, p in held["pairs"]),
            first=date.fromisoformat(held["first"]),
            last=date.fromisoformat(held["last"]),
            kinds=tuple(held["kinds"]),
            stage=str(held["stage"]),
            about=str(held["about"]),
        )
        frozen, sha256 = str(record["frozen"]), record["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            "this is no frozen forecast", "Give a file made by `score --freeze`, a CSV or a folder", path=path
        ) from None
    if forecast.sha256 != sha256:
        raise DataError("the forecast was changed after it was frozen", "Take the file as frozen", path=path)
    return forecast, frozen


def made(forecast: Forecast, outcomes: Path) -> Floats:
    """(N,) 1 where the pair made such an accord in the window."""
    frame = read_outcomes(outcomes).frame
    frame = frame[frame[forecast.stage].notna()]
    if forecast.kinds:
        frame = frame[frame["kind"].isin(forecast.kinds)]
    day = frame[forecast.stage]
    frame = frame[(day >= pd.Timestamp(forecast.first)) & (day <= pd.Timestamp(forecast.last))]
    sides = [codes.convert(frame[side], frame[forecast.stage], "cow", "iso3") for side in ("cow_a", "cow_b")]
    done = {(min(str(a), str(b)), max(str(a), str(b))) for a, b in zip(*sides, strict=True)}
    return np.array([float(pair in done) for pair in forecast.pairs])


def baselines_of(forecast: Forecast, data: Path) -> dict[str, Floats]:
    """(N,) by name: baselines trained on the ten years before the window, on what `data` holds before it.

    A year's chance becomes the window's by 1 - (1 - p)^years. Pairs that the data do not know get the base
    rate."""
    year = forecast.first.year
    history = load_history(data, year - WINDOW, year)
    if history.accord_years[1] < year - 1:
        raise DataError(
            f"the accords on record end in {history.accord_years[1]}",
            f"Give accords up to {year - 1}, or leave --data out",
            path=data,
        )
    rows = pair_years(history, forecast.kinds or None)
    now = rows.within(year, year)
    place = {(history.iso3[a], history.iso3[b]): k for k, (a, b) in enumerate(zip(now.a, now.b, strict=True))}
    at = np.array([place.get(pair, -1) for pair in forecast.pairs])
    years = ((forecast.last - forecast.first).days + 1) / 365.25
    out = {}
    base = 0.0
    for name, predict in fit_baselines(rows.within(year - WINDOW, year - 1), tuple(BASELINES)).items():
        p = predict(now)
        base = float(p[0]) if name == "base_rate" else base
        out[name] = -np.expm1(np.log1p(-np.where(at >= 0, p[at], base)) * years)
    return out


def score_forecast(
    forecast: Forecast,
    outcomes: Path,
    data: Path | None = None,
    more: Mapping[str, Floats] | None = None,
    resamples: int = 1000,
) -> tuple[dict[str, Scores], list[dict[str, Any]], Floats]:
    """Scores by name (`model` is the forecast), the reliability table, and what happened.

    Without data the reference is the share of pairs that made one, known only afterwards: harder to beat than
    any base rate of the past."""
    y = made(forecast, outcomes)
    base = {"base_rate": np.full(len(y), float(np.clip(y.mean(), 1e-6, 1 - 1e-6)))}
    known = baselines_of(forecast, data) if data is not None else base
    p = {"model": np.array(forecast.p), **known, **(more or {})}
    scores = score_forecasts(p, y, np.arange(len(y)), resamples=resamples)
    reliability = [
        {str(k): v for k, v in row.items()} for row in calibration(p["model"], y).to_dict("records")
    ]
    return scores, reliability, y


def window_of(first: date, days: int) -> tuple[date, date]:
    """The days after `first`, so many."""
    return first + timedelta(days=1), first + timedelta(days=days)

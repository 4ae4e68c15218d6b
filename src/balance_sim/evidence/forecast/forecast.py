"""A forecast of who makes an agreement with whom in a window: read, frozen before the
outcome, and scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.agreements import AGREEMENTS, read_forecast
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.data.layers import default_depths
from balance_sim.evidence.data.table import ReadReport
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.forecast.baselines import (
    WINDOW,
)
from balance_sim.evidence.forecast.own_baselines import own_predictors, own_rows
from balance_sim.evidence.forecast.score import Scores, score_forecasts
from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.scores import FLOOR, reliability_table
from balance_sim.study.atomic_files import write_atomic

FEW = 5
LARGEST = 64 << 20
"""Bytes of a frozen forecast that are read at most."""


@dataclass(frozen=True)
class Forecast:
    """pairs: ISO alpha-3 codes, a < b; p: a probability each that the dyad makes an
    agreement of one of `kinds` (any if empty) signed on first..last, both days
    included."""

    pairs: tuple[tuple[str, str], ...]
    p: tuple[float, ...]
    first: date
    last: date
    kinds: tuple[str, ...] = ()
    about: str = ""

    @property
    def content(self) -> dict[str, Any]:
        """What is forecast, as plain values in a fixed order."""
        rows = sorted(zip(self.pairs, self.p, strict=True), key=lambda row: row[0])
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "kinds": list(self.kinds),
            "stage": "signed",
            "about": self.about,
            "pairs": [[*dyad, p] for dyad, p in rows],
        }

    @property
    def sha256(self) -> str:
        """Of the content."""
        text = json.dumps(self.content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def read_dyads(
    path: Path,
    first: date,
    last: date,
    kinds: Sequence[str] = (),
) -> Forecast:
    """A CSV of pairs and probabilities: iso3_a, iso3_b, p (see `readers.forecasts`).
    Raises DataError."""
    frame = read_forecast(path, first, kinds)
    return Forecast(
        pairs=tuple(zip(frame["a"], frame["b"], strict=True)),
        p=tuple(map(float, frame["p"])),
        first=first,
        last=last,
        kinds=tuple(kinds),
        about=path.name,
    )


def freeze(forecast: Forecast, path: Path) -> dict[str, Any]:
    """Write a forecast with its hash and today's date (UTC). A file that is there is
    not written over."""
    record = {
        "format": "balance-sim forecast",
        "frozen": datetime.now(UTC).date().isoformat(),
        "sha256": forecast.sha256,
        "forecast": forecast.content,
    }
    text = json.dumps(record, indent=1) + "\n"
    if path.exists():
        message = "a frozen forecast is not written over"
        raise DataError(message, "Give another name", path=path)
    write_atomic(path, text.encode())
    return record


def thaw(path: Path) -> tuple[Forecast, str]:
    """A frozen forecast and the date of freezing. Raises DataError if it is not as it
    was frozen."""
    wrong = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)
    try:
        record = json.loads(regular_bytes(path, LARGEST))
        content = record["forecast"]
        forecast = Forecast(
            pairs=tuple((str(a), str(b)) for a, b, _ in content["pairs"]),
            p=tuple(float(p) for _, _, p in content["pairs"]),
            first=date.fromisoformat(content["first"]),
            last=date.fromisoformat(content["last"]),
            kinds=tuple(content["kinds"]),
            about=str(content["about"]),
        )
        day, sha256 = str(record["frozen"]), record["sha256"]
    except wrong:
        hint = "Give a file made by `score --freeze`, a CSV or a folder"
        raise DataError("this is no frozen forecast", hint, path=path) from None
    if forecast.sha256 != sha256:
        message = "the forecast was changed after it was frozen"
        raise DataError(message, "Take the file as frozen", path=path)
    return forecast, day


@dataclass(frozen=True)
class Outcomes:
    """What happened to the dyads of a forecast. y: (N,) 1 where the dyad made such an
    agreement in the window.

    agreements: such agreements in the file; outside: dyads that made one and are not in
    the forecast; kinds: all of the file."""

    y: Floats
    agreements: int
    outside: tuple[str, ...]
    kinds: tuple[str, ...]
    report: ReadReport

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": Path(self.report.path).name,
            "rows": self.report.rows_read,
            "dropped": dict(self.report.dropped),
            "accords": self.agreements,
            "pairs": int(self.y.sum()),
            "pairs_outside": list(self.outside),
        }


def outcomes_of(forecast: Forecast, path: Path) -> Outcomes:
    """The agreements of a file that count. Rows of one agreement with several parties
    are pairs of their own."""
    read = AGREEMENTS.read(path)
    day = read.frame["signed"]
    first, last = pd.Timestamp(forecast.first), pd.Timestamp(forecast.last)
    counts = (day >= first) & (day <= last)
    if forecast.kinds:
        counts &= read.frame["kind"].isin(forecast.kinds)
    frame, day = read.frame[counts], day[counts]
    first_side = codes.convert(frame["cow_a"], day, "cow", "iso3")
    second_side = codes.convert(frame["cow_b"], day, "cow", "iso3")
    dyads = set()
    for a, b in zip(map(str, first_side), map(str, second_side), strict=True):
        dyads.add((min(a, b), max(a, b)))
    outside = sorted(dyads - {*forecast.pairs})
    return Outcomes(
        y=np.array([float(dyad in dyads) for dyad in forecast.pairs]),
        agreements=len(frame),
        outside=tuple(f"{a}-{b}" for a, b in outside),
        kinds=tuple(sorted(set(read.frame["kind"]))),
        report=read.report,
    )


def own_baselines_of(
    forecast: Forecast, scenario: Scenario
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """(N,) by name: baselines trained on what a scenario's own record holds of the ten
    years before its start, and why one was not.

    A year's chance becomes the window's by 1 - (1 - p)^years. Pairs not among the rows
    get the base rate."""
    until = min(scenario.start, forecast.first)
    year = until.year
    record = own_record(scenario, WINDOW, until=until, ahead=True, kinds=forecast.kinds)
    rows = own_rows(scenario, record)
    trained, missing = own_predictors(rows.within(record.years[0], year - 1))
    ahead, place = rows.within(year, year), {}
    for row, (a, b) in enumerate(zip(ahead.a, ahead.b, strict=True)):
        place[scenario.codes[a], scenario.codes[b]] = row
    places = np.array([place.get(dyad, -1) for dyad in forecast.pairs])
    years = ((forecast.last - forecast.first).days + 1) / 365.25
    in_window = {}
    for name, predict in trained.items():
        in_year = np.where(
            places >= 0, predict(ahead)[places], trained["base_rate"](ahead)[0]
        )
        in_window[name] = -np.expm1(np.log1p(-in_year) * years)
    return in_window, missing


@dataclass(frozen=True)
class ScoredForecast:
    """Scores by name (`model` is the forecast), the reliability table, and what the
    skills are against."""

    scores: dict[str, Scores]
    calibration: list[dict[Any, Any]]
    reference: str
    outcomes: Outcomes
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        about = {
            "calibration": self.calibration,
            "reference": self.reference,
            "outcomes": self.outcomes.as_dict(),
            "notes": list(self.notes),
        }
        return dict(plain_data(self.scores | about))


def score_forecast(
    forecast: Forecast,
    outcomes: Path,
    resamples: int = 1000,
    kinds: Sequence[str] = (),
    scenario: Scenario | None = None,
) -> ScoredForecast:
    """Score a forecast beside its baselines. kinds: of agreements that are known
    besides the shipped ones.

    Baselines are trained on the record of `scenario`. Without one, or where its record
    holds no agreement, the reference is the share of dyads that
    made one, known only afterwards: harder to beat than any base rate of the past.
    Where none or all did, that share is right by construction and there is no skill."""
    happened = outcomes_of(forecast, outcomes)
    y, p = happened.y, np.array(forecast.p)
    baselines, missing = dict[str, Floats](), tuple[str, ...]()
    if scenario is not None:
        baselines, missing = own_baselines_of(forecast, scenario)
    is_past = "base_rate" in baselines
    if not is_past:
        baselines = {"base_rate": np.full(len(y), y.mean())}
        missing += ("other baselines need a history: give --scenario",)
    forecasts = {"model": p, **baselines}
    scores = score_forecasts(forecasts, y, np.arange(len(y)), resamples=resamples)
    kind_names = {*default_depths(), *kinds}
    base_rate, hindsight = "base rate of the past", "share that made one, in hindsight"
    return ScoredForecast(
        scores=scores,
        calibration=reliability_table(p, y).to_dict("records"),
        reference=base_rate if is_past else hindsight,
        outcomes=happened,
        notes=(*missing, *_notes(scores["model"], happened, forecast, kind_names)),
    )


def _notes(
    model: Scores, outcomes: Outcomes, forecast: Forecast, kinds: Collection[str]
) -> list[str]:
    """What the numbers are to be read with."""
    report, notes = outcomes.report, list(outcomes.report.losses)
    file, last = Path(report.path).name, report.last_year
    for word in sorted({*outcomes.kinds, *forecast.kinds} - {*kinds})[:FEW]:
        hint = did_you_mean(word, kinds) or f"kinds: {listed(sorted(kinds))}"
        notes.append(f"{file}: no kind is called `{shown(word)}`; {hint}")
    if model["events"] < FEW:
        count = f"{model['events']} of {model['n']} dyads made such an agreement"
        notes.append(f"{count}: too few to tell forecasts apart")
    if model["clipped"]:
        count = f"{model['clipped']} probabilities of 0 or 1"
        notes.append(f"{count} were kept {FLOOR:g} away from it in the log score")
    if outcomes.outside:
        names = listed(outcomes.outside, FEW)
        notes.append(f"dyads that are not in the forecast, so not scored: {names}")
    if last is not None and last < forecast.last.year:
        end = f"the agreements in {file} end in {last}"
        notes.append(f"{end}, the forecast in {forecast.last.year}")
    return notes

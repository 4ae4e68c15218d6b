"""A forecast of who makes an agreement with whom in a window: read, frozen before the
outcome, and scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.data.layers import default_depths
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.forecast.baselines import WINDOW
from balance_sim.evidence.forecast.own_baselines import own_predictors, own_rows
from balance_sim.evidence.forecast.score import Scores, score_forecasts
from balance_sim.evidence.goodness.dyad_probabilities import dyad_probabilities
from balance_sim.evidence.scores import reliability_table
from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.schema import Scenario
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.result import Result

MOST_NAMED = 5
EPOCH = date(1970, 1, 1)
"""From which results count days."""
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


def forecast_of(result: Result, kinds: Sequence[str], runs: int) -> Forecast:
    """Each dyad's probability of a new agreement in the longest window of the arm with
    the event, from some of a study's replications simulated again. Raises
    WrongRequest."""
    scenario, arm = result.scenario, result.headline_arm
    if not {*kinds} <= {*scenario.kinds}:
        names = listed(sorted(scenario.kinds))
        raise WrongRequest(f"the scenario has no such --kind; it has {names}")
    p = dyad_probabilities(result, arm, kinds=kinds, runs=runs)
    again = min(result.outcomes["run"].nunique(), runs)
    first, last = window_of(result)
    return Forecast(
        pairs=tuple(p),
        p=tuple(p.values()),
        first=first,
        last=last,
        kinds=tuple(kinds),
        about=f"{scenario.name}, arm {arm}, {again} runs simulated again",
    )


def window_of(result: Result) -> tuple[date, date]:
    """First and last day of a study's longest window: the focal day is not in it."""
    focal = EPOCH + timedelta(days=result.focal_day)
    return focal + timedelta(days=1), focal + timedelta(days=result.window)


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
        raise DataError(
            "a frozen forecast is not written over", "Give another name", path=path
        )
    write_atomic(path, text.encode())
    return record


def thaw(path: Path) -> tuple[Forecast, str]:
    """A frozen forecast and the date of freezing. Raises DataError if it is not as it
    was frozen."""
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
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        hint = "Give a results folder, or a file made by `score --freeze`"
        raise DataError("this is no frozen forecast", hint, path=path) from None
    if forecast.sha256 != sha256:
        raise DataError(
            "the forecast was changed after it was frozen",
            "Take the file as frozen",
            path=path,
        )
    return forecast, day


@dataclass(frozen=True)
class SignedRecord:
    """Agreements of a file that are signed in a window. rows: accord_id, a, b (ISO
    alpha-3 codes, a < b), kind, multilateral; document: what the file holds, for JSON;
    notes: what is to be read with it."""

    rows: pd.DataFrame
    document: dict[str, Any]
    notes: list[str]


def signed_record(
    path: Path, first: date, last: date, named: Collection[str], known: Collection[str]
) -> SignedRecord:
    """The agreements of a file that are signed on first..last. Rows of one agreement
    with several parties are dyads of their own.

    named: types that count, all if empty; known: types that are no slip of the pen."""
    read = AGREEMENTS.read(path)
    frame, report = read.frame, read.report
    counts = frame["signed"].between(pd.Timestamp(first), pd.Timestamp(last))
    if named:
        counts &= frame["kind"].isin(named)
    rows = frame[counts]
    sides = [
        codes.convert(rows[side], rows["signed"], "cow", "iso3").astype(str)
        for side in ("cow_a", "cow_b")
    ]
    low, high = np.sort(np.array(sides, dtype=object), axis=0)
    rows = rows[["accord_id", "kind", "multilateral"]].assign(a=low, b=high)
    document = {
        "file": path.name,
        "rows": report.rows_read,
        "dropped": dict(report.dropped),
        "accords": len(rows),
    }
    notes = list(report.losses)
    for word in sorted({*frame["kind"], *named} - {*known})[:MOST_NAMED]:
        hint = did_you_mean(word, known) or f"kinds: {listed(sorted(known))}"
        notes.append(f"{path.name}: no kind is called `{shown(word)}`; {hint}")
    if report.last_year is not None and report.last_year < last.year:
        end = f"the agreements in {path.name} end in {report.last_year}"
        notes.append(f"{end}, the forecast in {last.year}")
    return SignedRecord(rows, document, notes)


def outcomes_of(
    forecast: Forecast, path: Path, kinds: Collection[str] = ()
) -> tuple[Floats, dict[str, Any], list[str]]:
    """(N,) 1 where a dyad made such an agreement in the window by the agreements of a
    file; what the file holds, for JSON; and what is to be read with it. kinds: of
    agreements that are known."""
    record = signed_record(path, forecast.first, forecast.last, forecast.kinds, kinds)
    dyads = {*zip(record.rows["a"], record.rows["b"], strict=True)}
    y = np.array([float(dyad in dyads) for dyad in forecast.pairs])
    outside = ["-".join(dyad) for dyad in sorted(dyads - {*forecast.pairs})]
    counted = {"pairs": int(y.sum()), "pairs_outside": outside}
    return y, record.document | counted, record.notes


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
    ahead = rows.within(year, year)
    place = {
        (scenario.codes[a], scenario.codes[b]): row
        for row, (a, b) in enumerate(zip(ahead.a, ahead.b, strict=True))
    }
    places = np.array([place.get(dyad, -1) for dyad in forecast.pairs])
    years = ((forecast.last - forecast.first).days + 1) / 365.25
    in_window = {}
    for name, predict in trained.items():
        in_year = np.where(
            places >= 0, predict(ahead)[places], trained["base_rate"](ahead)[0]
        )
        in_window[name] = -np.expm1(np.log1p(-in_year) * years)
    return in_window, missing


def score_forecast(
    forecast: Forecast,
    outcomes: Path,
    scenario: Scenario | None = None,
) -> tuple[dict[str, Scores], dict[str, Any]]:
    """Scores by name, `model` being the forecast, and what else the JSON says of them.

    Baselines are trained on the record of `scenario`. Without one, or where its record
    holds no agreement, the reference is the share of dyads that made one, known only
    afterwards: harder to beat than any base rate of the past. Where none or all did,
    that share is right by construction and there is no skill."""
    kinds = {*default_depths(), *(scenario.kinds if scenario else ())}
    y, happened, notes = outcomes_of(forecast, outcomes, kinds)
    baselines, missing = dict[str, Floats](), tuple[str, ...]()
    if scenario is not None:
        baselines, missing = own_baselines_of(forecast, scenario)
    reference = "base rate of the past"
    if "base_rate" not in baselines:
        reference = "share that made one, in hindsight"
        baselines = {"base_rate": np.full(len(y), y.mean())}
        missing += ("other baselines need a history: give --scenario",)
    forecasts = {"model": np.array(forecast.p), **baselines}
    _, states = np.unique(forecast.pairs, return_inverse=True)
    scores = score_forecasts(forecasts, y, states.reshape(-1, 2))
    return scores, {
        "calibration": reliability_table(forecast.p, y).to_dict("records"),
        "reference": reference,
        "outcomes": happened,
        "notes": [*missing, *notes],
    }

"""A forecast of who makes an agreement with whom in a window: read, frozen before the
outcome, and scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.agreements import read_forecast, read_outcomes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, default_depths, load_history
from balance_sim.evidence.data.table import ReadReport
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.estimation.features import FeatureYears, feature_years
from balance_sim.evidence.forecast.baselines import (
    BASELINES,
    WINDOW,
    Predictor,
    fit_baselines,
    own_predictors,
    own_rows,
)
from balance_sim.evidence.forecast.score import Scores, score_forecasts
from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.scores import FLOOR, reliability_table

FEW = 5
LARGEST = 64 << 20
"""Bytes of a frozen forecast that are read at most."""


@dataclass(frozen=True)
class Forecast:
    """pairs: ISO alpha-3 codes, a < b; p: a probability each that the dyad makes an
    agreement of one of `kinds` (any if empty) that reaches `stage` on first..last, both
    days included."""

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
        rows = sorted(zip(self.pairs, self.p, strict=True), key=lambda row: row[0])
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "kinds": list(self.kinds),
            "stage": self.stage,
            "about": self.about,
            "pairs": [[*dyad, p] for dyad, p in rows],
        }

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(
            json.dumps(self.content, sort_keys=True).encode()
        ).hexdigest()


def read_dyads(
    path: Path,
    first: date,
    last: date,
    kinds: Sequence[str] = (),
    stage: str = "signed",
) -> Forecast:
    """A CSV of pairs and probabilities: iso3_a, iso3_b, p (see `readers.forecasts`).
    Raises DataError."""
    frame = read_forecast(path, first, kinds).frame
    pairs = tuple(zip(frame["a"], frame["b"], strict=True))
    return Forecast(
        pairs,
        tuple(map(float, frame["p"])),
        first,
        last,
        tuple(kinds),
        stage,
        path.name,
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
    try:
        out = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise DataError(
            "a frozen forecast is not written over", "Give another name", path=path
        ) from None
    except FileNotFoundError:
        raise DataError(
            "there is no such folder", "Make it, or give another name", path=path.parent
        ) from None
    try:
        with out:
            out.write(json.dumps(record, indent=1) + "\n")
    except OSError:
        path.unlink(missing_ok=True)  # half a file
        raise
    return record


def thaw(path: Path) -> tuple[Forecast, str]:
    """A frozen forecast and the date of freezing. Raises DataError if it is not as it
    was frozen."""
    try:
        record = json.loads(regular_bytes(path, LARGEST))
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
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise DataError(
            "this is no frozen forecast",
            "Give a file made by `score --freeze`, a CSV or a folder",
            path=path,
        ) from None
    if forecast.sha256 != sha256:
        raise DataError(
            "the forecast was changed after it was frozen",
            "Take the file as frozen",
            path=path,
        )
    return forecast, frozen


@dataclass(frozen=True)
class Happened:
    """What happened to the dyads of a forecast. y: (N,) 1 where the dyad made such an
    agreement in the window.

    agreements: such agreements in the file; outside: dyads that made one and are not in
    the forecast; partial: those dated to the month or year only."""

    y: Floats
    agreements: int
    outside: tuple[str, ...]
    partial: int
    report: ReadReport

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": Path(self.report.path).name,
            "rows": self.report.rows_read,
            "dropped": {one.reason: one.count for one in self.report.dropped},
            "accords": self.agreements,
            "pairs": int(self.y.sum()),
            "pairs_outside": list(self.outside),
        }


def happened(forecast: Forecast, outcomes: Path) -> Happened:
    """The agreements of a file that count. Rows of one agreement with several parties
    are pairs of their own."""
    read = read_outcomes(outcomes)
    frame, day = read.frame, read.frame[forecast.stage]
    inside = (day >= pd.Timestamp(forecast.first)) & (
        day <= pd.Timestamp(forecast.last)
    )
    frame = frame[inside & (frame["kind"].isin(forecast.kinds) | (not forecast.kinds))]
    sides = [
        codes.convert(frame[side], frame[forecast.stage], "cow", "iso3")
        for side in ("cow_a", "cow_b")
    ]
    done = {
        (min(str(a), str(b)), max(str(a), str(b))) for a, b in zip(*sides, strict=True)
    }
    return Happened(
        y=np.array([float(dyad in done) for dyad in forecast.pairs]),
        agreements=len(frame),
        outside=tuple(f"{a}-{b}" for a, b in sorted(done - {*forecast.pairs})),
        partial=int((frame["precision"] != "day").sum()),
        report=read.report,
    )


def baselines_of(forecast: Forecast, data: Path) -> dict[str, Floats]:
    """(N,) by name: baselines trained on the ten years before the window, on what
    `data` holds before it."""
    year = forecast.first.year
    history = load_history(data, year - WINDOW, year)
    if history.agreement_years[1] < year - 1:
        raise DataError(
            f"the agreements on record end in {history.agreement_years[1]}",
            f"Give agreements up to {year - 1}, or leave --data out",
            path=data,
        )
    rows = feature_years(history, forecast.kinds or None)
    known = fit_baselines(rows.within(year - WINDOW, year - 1), tuple(BASELINES))
    return _in_window(forecast, known, rows.within(year, year), history.iso3)


def own_baselines_of(
    forecast: Forecast, scenario: Scenario
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """The same of baselines trained on what a scenario's own record holds before its
    start, and why one was not."""
    until = min(scenario.start, forecast.first)
    record = own_record(scenario, WINDOW, until=until, ahead=True, kinds=forecast.kinds)
    rows = own_rows(scenario, record)
    known, without = own_predictors(rows.within(record.years[0], until.year - 1))
    return _in_window(
        forecast, known, rows.within(until.year, until.year), scenario.codes
    ), without


def _in_window(
    forecast: Forecast,
    known: Mapping[str, Predictor],
    now: FeatureYears,
    codes: Sequence[str],
) -> dict[str, Floats]:
    """A year's chance becomes the window's by 1 - (1 - p)^years. Pairs not among the
    rows get the base rate."""
    place = {
        (codes[a], codes[b]): k
        for k, (a, b) in enumerate(zip(now.a, now.b, strict=True))
    }
    at = np.array([place.get(dyad, -1) for dyad in forecast.pairs])
    years = ((forecast.last - forecast.first).days + 1) / 365.25
    out, base = {}, 0.0
    for name, predict in known.items():
        p = predict(now)
        base = float(p[0]) if name == "base_rate" else base
        out[name] = -np.expm1(np.log1p(-np.where(at >= 0, p[at], base)) * years)
    return out


@dataclass(frozen=True)
class ScoredForecast:
    """Scores by name (`model` is the forecast), the reliability table, and what the
    skills are against."""

    scores: dict[str, Scores]
    calibration: list[dict[str, Any]]
    reference: str
    outcomes: Happened
    notes: tuple[str, ...]


def score_forecast(
    forecast: Forecast,
    outcomes: Path,
    data: Path | None = None,
    resamples: int = 1000,
    kinds: Sequence[str] = (),
    scenario: Scenario | None = None,
) -> ScoredForecast:
    """Score a forecast beside its baselines. kinds: of agreements that are known
    besides the shipped ones.

    Baselines are trained on `data`, else on the record of `scenario`. Without either,
    or where its record holds no agreement, the reference is the share of dyads that
    made one, known only afterwards: harder to beat than any base rate of the past.
    Where none or all did, that share is right by construction and there is no skill."""
    there = happened(forecast, outcomes)
    y, without = there.y, tuple[str, ...]()
    known = hindsight = {"base_rate": np.full(len(y), y.mean())}
    if data is not None:
        known = baselines_of(forecast, data)
    elif scenario is not None:
        own, without = own_baselines_of(forecast, scenario)
        known = own if "base_rate" in own else hindsight
    is_past = known is not hindsight
    p = {"model": np.array(forecast.p), **known}
    scores = score_forecasts(p, y, np.arange(len(y)), resamples=resamples)
    return ScoredForecast(
        scores,
        [
            {str(k): v for k, v in row.items()}
            for row in reliability_table(p["model"], y).to_dict("records")
        ],
        "base rate of the past" if is_past else "share that made one, in hindsight",
        there,
        (
            *unknown_kinds(forecast, there.report, (*default_depths(), *kinds)),
            *without,
            *_notes(
                scores["model"], there, forecast.last, forecast.stage, is_past=is_past
            ),
        ),
    )


def unknown_kinds(
    forecast: Forecast, report: ReadReport, known: Sequence[str]
) -> list[str]:
    """A note for each word that is the name of no kind, with its line and what may be
    meant: misspelt, a row counts for no kind that is asked for."""
    file = Path(report.path).name
    counts = (
        "so it counts for no --kind"
        if forecast.kinds
        else "so it counts as a kind of its own"
    )
    odd = [kind for kind in report.kinds if kind.name not in {*known, *forecast.kinds}]
    notes = [
        f"{file}, line {kind.line}, column kind: no kind is called `{shown(kind.word)}`, "
        f"{counts}{_meant(kind.name, known)}"
        for kind in odd[:FEW]
    ]
    if len(odd) > FEW:
        notes.append(f"{file}: {len(odd) - FEW} more words for kinds that are none")
    there = {*known, *(kind.name for kind in report.kinds)}
    return notes + [
        f"--kind {shown(name)}: no kind is called so, in {file} neither{_meant(name, known)}"
        for name in forecast.kinds
        if name not in there
    ]


def _meant(word: str, known: Sequence[str]) -> str:
    found = did_you_mean(word, known)
    return f"; {found}" if found else f". Kinds: {listed(sorted(known))}"


def _notes(
    model: Scores, there: Happened, until: date, stage: str, *, is_past: bool
) -> tuple[str, ...]:
    others = ", ".join(name for name in BASELINES if name != "base_rate")
    file, last, outside = (
        Path(there.report.path).name,
        there.report.last_year,
        there.outside,
    )
    more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
    few, ends_early = 0 < model.events < FEW, last is not None and last < until.year
    notes = {
        f"{others} need a history to train on: give --data DIR, or --scenario FILE for its record": not is_past,
        "the baselines are trained on signatures, whatever the stage": is_past
        and stage != "signed",
        "no dyad made such an agreement: ranks are undefined, only the expected number tells much": not model.events,
        f"{model.events} of {model.n} dyads made such an agreement: too few to tell forecasts apart": few,
        f"{model.clipped} probabilities of 0 or 1 were kept {FLOOR:g} away from it in the log score": model.clipped,
        f"{len(outside)} dyads made such an agreement and are not in the forecast, so not scored: "
        f"{', '.join(outside[:5])}{more}": outside,
        f"{there.partial} of the agreements are dated to the month or year only": there.partial,
        f"the agreements in {file} end in {last}, the forecast in {until.year}: is the window covered?": ends_early,
    }
    return (*(note for note, holds in notes.items() if holds), *there.report.losses)

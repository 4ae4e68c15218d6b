"""How many joint exercises dyads hold: a Poisson rate of what scenarios know of a dyad.

    python benchmarks/exercise_rates.py DATA FILE

DATA holds the field's files (docs/evidence.md); FILE is written as
`src/balance_sim/scenario/exercises.yaml` ships it: fitted to 1980 to 2003, with the
forecast of 2004 to 2010, and the elasticity of exercises in alarm.

    E(exercises of i and j in year t) = e^(a_t + b . x_ijt)

with the covariates of `model.exercises` and the years' levels a_t, which are
concentrated out. Estimates need no Poisson distribution (Gourieroux, Monfort, Trognon
1984, Econometrica 52(3)); errors are by the jackknife of states, since a state's dyads
go together."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History, load_history
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.evidence.estimation.parameter_files import (
    file_record,
    fitted_text,
    rounded,
)
from balance_sim.evidence.newton import NoMaximum, newton
from balance_sim.evidence.reactions.alarm import AlarmModel, existing, ideal_gap
from balance_sim.evidence.reactions.elasticities import Elasticity, fit, panel_of
from balance_sim.evidence.reactions.record import RECORDS, load_reactions
from balance_sim.model.exercises import covariates
from balance_sim.stats import Bools, Floats
from balance_sim.study.machine import version

FIRST, LAST_FITTED, LAST = 1980, 2003, 2010
FIRST_OF_REACTIONS = 1946
HEAD = """\
# Joint exercises of dyads a year (benchmarks/exercise_rates.py): logarithms of rates,
# and their elasticity in alarm. See docs/reactions.md.
"""
LEVEL_YEARS = 5
"""Years at the end of the fit whose mean level is the constant."""
PLACE = ["year", "a", "b", "exercises"]
"""Columns of a row that say where it stands, and how many exercises there were."""


@dataclass(frozen=True)
class ExerciseRecord:
    """Years of all dyads whose covariates are known.

    rows: `PLACE` (calendar year, roster positions a < b, number of exercises) and the
    covariates; reports: of the files beside the history's."""

    history: History
    rows: pd.DataFrame
    reports: tuple[ReadReport, ...]


@dataclass(frozen=True)
class ExerciseFit:
    """Fitted rates.

    Attributes
    ----------
    table : DataFrame
        `estimate` and `standard_error` by covariate, the constant first: the mean level
        of the last `LEVEL_YEARS` years
    rows, exercises : int
        dyad-years, and exercises in them, each counted once a dyad
    log_likelihood : float
    """

    table: pd.DataFrame
    rows: int
    exercises: int
    log_likelihood: float

    def said(self, rows: pd.DataFrame) -> Floats:
        """(N,) exercises expected of rows, at the fit's level."""
        columns = rows[[*self.table.index]].to_numpy()
        return np.asarray(np.exp(columns @ self.table["estimate"].to_numpy()))


def load_exercises(folder: Path, first: int, last: int) -> ExerciseRecord:
    """Read the record of joint exercises and what is known of dyads. Raises DataError
    where a source that is needed is not there, or holds no exercise of the years."""
    for name in ("exercises", "participants"):
        RECORDS[name].require(folder)
    history = load_history(folder, first, last)
    exercises, participants = (
        RECORDS[name].of(folder) for name in ("exercises", "participants")
    )
    counts = exercises_of_dyads(exercises, participants, history)
    if not counts.any():
        raise DataError(
            f"no joint exercise of {first} to {last} is on record",
            "Give other years",
            path=folder,
        )
    return ExerciseRecord(
        history, _rows(history, counts), (exercises.report, participants.report)
    )


def exercises_of_dyads(exercises: Read, participants: Read, history: History) -> Floats:
    """(T, n, n) exercises in which both states took part, above the diagonal."""
    place = pd.Series(np.arange(len(history.iso3)), index=history.iso3)
    parties = participants.frame.merge(exercises.frame, on="exercise")
    parties = parties.assign(place=parties["iso3"].map(place)).dropna()
    dyads = parties.merge(parties, on=["exercise", "year"], suffixes=("_a", "_b"))
    rows = dyads[["year", "place_a", "place_b"]].to_numpy(dtype=np.int64)
    rows[:, 0] -= history.years[0]
    is_covered = (rows[:, 0] >= 0) & (rows[:, 0] < len(history.years))
    counts = np.zeros_like(history.distance)
    np.add.at(counts, tuple(rows[is_covered & (rows[:, 1] < rows[:, 2])].T), 1.0)
    return counts


def ties(history: History) -> Bools:
    """(T, n, n) dyads with an alliance or an agreement on record in force on 1 January;
    one whose end is not known goes on."""
    depth, years = np.nan_to_num(history.alliance_depth), history.years
    signed = history.agreements["signed"].dt.year
    ended = history.agreements["ended"].dt.year.fillna(layers.NEVER)
    in_force = np.zeros(depth.shape, dtype=bool)
    for t, year in enumerate(years):
        active = history.agreements[(signed < year) & (ended >= year)]
        in_force[t, active["a"], active["b"]] = True
    return np.asarray((depth > 0) | in_force | in_force.swapaxes(1, 2))


def _rows(history: History, counts: Floats) -> pd.DataFrame:
    """All dyad-years whose covariates are known."""
    capability, regime = history.capability, history.democracy
    columns = covariates(
        ties(history).astype(float),
        capability[:, :, None] * capability[:, None, :],
        history.distance,
        ideal_gap(history),
        np.minimum(regime[:, :, None], regime[:, None, :]),
    )
    is_complete = np.triu(existing(history))
    for values in columns.values():
        is_complete &= np.isfinite(values)
    year, a, b = np.nonzero(is_complete)
    exercises = counts[is_complete]
    place = {"year": history.years[year], "a": a, "b": b, "exercises": exercises}
    laid_out = {
        name: np.broadcast_to(values, is_complete.shape)[is_complete]
        for name, values in columns.items()
    }
    return pd.DataFrame({**place, **laid_out})


class _Years:
    """Rows by year, with the years' levels concentrated out."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.x = rows.drop(columns=[*PLACE, "constant"]).to_numpy()
        self.y = rows["exercises"].to_numpy()
        self.year = np.unique(rows["year"].to_numpy(), return_inverse=True)[1]

    def means(self, slopes: Floats) -> tuple[Floats, Floats]:
        """(N,) fitted means, and (N, c) columns less their means by year."""
        weight, year = np.exp(self.x @ slopes), self.year
        totals = np.bincount(year, weight)
        share = weight / totals[year]
        centre = [np.bincount(year, share * column) for column in self.x.T]
        apart = self.x - np.stack(centre, axis=1)[year]
        return share * np.bincount(year, self.y)[year], apart

    def log_likelihood(self, slopes: Floats) -> float:
        """Of Poisson numbers, without their factorials."""
        mean, _ = self.means(slopes)
        with_mean = mean > 0
        terms = self.y[with_mean] * np.log(mean[with_mean]) - mean[with_mean]
        return float(terms.sum())

    def derivatives(self, slopes: Floats) -> tuple[float, Floats, Floats]:
        """See `newton`."""
        mean, apart = self.means(slopes)
        score = apart.T @ (self.y - mean)
        return self.log_likelihood(slopes), score, apart.T @ (apart * mean[:, None])

    def constant(self, slopes: Floats) -> float:
        """The logarithm of the mean level of the last years."""
        late = self.year > self.year.max() - LEVEL_YEARS
        expected = np.exp(self.x[late] @ slopes).sum()
        return float(np.log(self.y[late].sum() / expected))


def fit_exercises(rows: pd.DataFrame) -> ExerciseFit:
    """Return rates by maximum likelihood. Raises DataError where there is none."""
    years = _Years(rows)
    start = np.zeros(years.x.shape[1])
    try:
        slopes = newton(start, years.derivatives, years.log_likelihood, start).at
    except NoMaximum:
        message = "exercises do not tell what they follow from"
        raise DataError(message, "Give a longer period, or more exercises") from None
    estimate = np.array([years.constant(slopes), *slopes])
    sides, apart = rows[["a", "b"]].to_numpy(), []
    states = np.unique(sides)
    for state in states:
        without = _Years(rows[(sides != state).all(axis=1)])
        _, score, information = without.derivatives(slopes)
        moved = slopes + np.linalg.pinv(information, hermitian=True) @ score
        apart.append(np.array([without.constant(moved), *moved]) - estimate)
    share = (len(states) - 1) / len(states)
    errors = np.sqrt(share * (np.array(apart) ** 2).sum(axis=0))
    names = [name for name in rows.columns if name not in PLACE]
    table = pd.DataFrame({"estimate": estimate, "standard_error": errors}, index=names)
    return ExerciseFit(
        table, len(rows), int(years.y.sum()), years.log_likelihood(slopes)
    )


def forecast(fit: ExerciseFit, rows: pd.DataFrame, last: int) -> dict[str, Any]:
    """Return how a fit to the years up to `last` forecasts those after it: exercises
    `said` and `found`, and by how many nats an exercise it beats one rate for all
    dyads (`gain`), beside as many as in the dyad's last five years (`gain_of_past`;
    with one year at the rate of all, so that none is impossible)."""
    later = rows[rows["year"] > last]
    recent = rows[(rows["year"] > last - LEVEL_YEARS) & (rows["year"] <= last)]
    counts, rate = later["exercises"].to_numpy(), recent["exercises"].mean()
    by_dyad = recent.groupby(["a", "b"])["exercises"].sum().rename("recent")
    recent_count = later.join(by_dyad, on=["a", "b"])["recent"].fillna(0.0).to_numpy()
    as_before = (recent_count + rate) / (LEVEL_YEARS + 1)
    expected = fit.said(later)

    def gain(mean: Floats) -> float:
        compared = counts * np.log(mean / rate) - (mean - rate)
        return float(compared.sum() / counts.sum())

    return {
        "years": [last + 1, int(rows["year"].max())],
        "said": float(expected.sum()),
        "found": float(counts.sum()),
        "gain": gain(expected),
        "gain_of_past": gain(as_before),
    }


def reaction_of(folder: Path) -> Elasticity:
    """The elasticity of exercises in alarm at force that others began."""
    record = load_reactions(folder, FIRST_OF_REACTIONS, LAST_FITTED)
    history, alarm = record.history, AlarmModel(record).of_others(record.began)
    panel = panel_of(
        record.margins["exercises"],
        [alarm],
        history.present,
        history.years,
        record.region,
    )
    return fit(panel, len(history.iso3))


def record_of(
    record: ExerciseRecord,
    rates: ExerciseFit,
    later: dict[str, Any],
    reaction: Elasticity,
) -> dict[str, Any]:
    """Everything that the file holds, as plain values. later: of `forecast`."""
    reports = (*record.history.reports, *record.reports)
    content = {
        "exercises": {
            "command": "python benchmarks/exercise_rates.py DATA FILE",
            "version": version(),
            "years": [FIRST, LAST_FITTED],
            "dyad_years": rates.rows,
            "exercises_of_dyads": rates.exercises,
            "log_likelihood": rates.log_likelihood,
            "standard_errors": "jackknife of states",
            "data": [file_record(report) for report in reports],
        },
        "slopes": rates.table.to_dict("index"),
        "reaction": {
            "estimate": reaction.estimate[0],
            "standard_error": reaction.error[0],
        },
        "out_of_time": later,
    }
    return rounded(content, 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    record = load_exercises(given.data, FIRST, LAST)
    rates = fit_exercises(record.rows[record.rows["year"] <= LAST_FITTED])
    later = forecast(rates, record.rows, LAST_FITTED)
    content = record_of(record, rates, later, reaction_of(given.data))
    given.file.write_text(fitted_text(content, HEAD), encoding="utf-8")
    print(rates.table.round(3), later, sep="\n")


if __name__ == "__main__":
    main()

"""Fit on the past, forecast the years after, score against what happened and against baselines.

Two ways: one year ahead, with the history up to 1 January of each year known, and run forward from the origin
with nothing known after it. Parameters, and every baseline, are fitted once, on years up to the origin, or, one
year ahead and `refit: yearly`, anew for each year. The model's propensities of states, its level and the factors
of pairs follow what is known as the years pass (`drift`, `pair_factors`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History, carried_forward, load_history
from balance_sim.evidence.estimation.choices import Choices, choices, fitted_terms
from balance_sim.evidence.estimation.drift import PairFactors, chances_ahead, fit_at, memory_of, pair_factors
from balance_sim.evidence.estimation.features import PairYears, pair_years
from balance_sim.evidence.estimation.fitting import Fit, fit
from balance_sim.evidence.estimation.parameter_files import data_used
from balance_sim.evidence.forecast.baselines import fit_baselines
from balance_sim.evidence.forecast.forward import simulate_forward
from balance_sim.evidence.forecast.hindcast_plan import WAYS, Plan, read_plan
from balance_sim.evidence.forecast.score import Scores, calibration, log_score, score_forecasts


@dataclass(frozen=True)
class Hindcast:
    """memory: what a year counts beside the one after it. as_fitted: the model one year ahead with everything
    as at the end of the fit; None where that is the forecast itself. scores: way -> forecast -> scores.
    calibration: of the model. notes: what was left out, and why. data: the files that were read."""

    plan: Plan
    fit: Fit
    memory: float
    as_fitted: Scores | None
    scores: dict[str, dict[str, Scores]]
    calibration: dict[str, Any]
    by_year: dict[str, dict[int, dict[str, float]]]
    notes: tuple[str, ...]
    data: tuple[dict[str, object], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON: way -> forecast -> scores, then `about`."""
        out: dict[str, Any] = {
            way: {name: finite(one.as_dict()) for name, one in scores.items()}
            for way, scores in self.scores.items()
        }
        out["about"] = {
            "fitted": list(self.fit.years),
            "forecast": [self.plan.last + 1, self.plan.until],
            "runs": self.plan.runs,
            "seed": self.plan.seed,
            "plan": asdict(self.plan),
            "weights": self.fit.weights,
            "standard_errors": {
                name: float(error)
                for name, error in zip(self.fit.names, self.fit.standard_error, strict=True)
                if name in self.fit.weights
            },
            "data": list(self.data),
            "memory": self.memory,
            "one_year_ahead_as_fitted": None if self.as_fitted is None else finite(self.as_fitted.as_dict()),
            "calibration": self.calibration,
            "log_skill_by_year": self.by_year,
            "notes": list(self.notes),
        }
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


def hindcast(plan: Plan, data: Path | str, outcomes: Path | str | None = None) -> Hindcast:
    """Run a plan on the files of `read_history`."""
    return hindcast_of(plan, read_history(plan, data, outcomes))


def read_history(plan: Plan, data: Path | str, outcomes: Path | str | None = None) -> History:
    """What a plan needs. outcomes: a file with the accords after the fit's last year; up to that year those in
    `data` count, after it the file's alone. Covariates that end earlier are carried forward, and a note says which.

    Raises DataError if the record of accords does not reach the last year forecast."""
    later = None if outcomes is None else (outcomes, plan.last)
    history = load_history(data, plan.first, plan.until, outcomes=later, alliances=plan.alliances)
    if history.accord_years[1] < plan.until:
        raise DataError(
            f"the accords on record end in {history.accord_years[1]}",
            f"Give the outcomes up to {plan.until}, or set `until` earlier",
            path=outcomes or data,
        )
    history = carried_forward(history)
    return replace(history, notes=(*history.notes, *_silent_years(plan, history)))


def _silent_years(plan: Plan, history: History) -> list[str]:
    """A line on the years forecast in which nobody signed: more likely a hole in the file than the truth."""
    signed = set(history.accords["signed"].dt.year)
    silent = [str(year) for year in range(plan.last + 1, plan.until + 1) if year not in signed]
    return [f"no accord at all in {', '.join(silent)}: do the outcomes cover them?"] if silent else []


def hindcast_of(plan: Plan, history: History) -> Hindcast:
    """Run a plan on a history that reaches its last year."""
    terms, notes = fitted_terms(history, plan.terms)
    record, rows = choices(history, terms), pair_years(history)
    if not (np.array_equal(record.a, rows.a) and np.array_equal(record.b, rows.b)):
        raise AssertionError("the model and its baselines look at other pairs")
    found = _fitted(plan, record, plan.last)
    every, record = record, record.with_kinds(found.kinds)
    memory = memory_of(found, record.within(plan.first, plan.last), plan.window) if plan.drift else 1.0
    base = fit_baselines(rows.within(plan.first, plan.last), plan.baselines, plan.window)
    ahead = rows.within(plan.last + 1, plan.until)
    forecasts: dict[str, dict[str, Floats]] = {}
    kept = {}
    if "one_year_ahead" in plan.ways:
        still = found.chances(record.within(plan.last + 1, plan.until))
        if plan.refit == "yearly":
            forecasts["one_year_ahead"] = _refitted(plan, every, rows, memory)
        else:
            forecasts["one_year_ahead"] = {
                "model": _followed(plan, found, record, memory, plan.last + 1, plan.until),
                **{name: predict(ahead) for name, predict in base.items()},
            }
        kept["one_year_ahead"] = ahead
    if "simulated_forward" in plan.ways:
        start = fit_at(found, record, plan.last + 1, memory, plan.window) if plan.drift else found
        factors = (
            pair_factors(start, record, plan.last + 1, plan.window, plan.pair_variance)
            if plan.drift and plan.pair_variance > 0
            else None
        )
        model, frozen, there = _forward(plan, start, factors, history, rows)
        forecasts["simulated_forward"] = {
            "model": model,
            **{name: predict(frozen) for name, predict in base.items()},
        }
        kept["simulated_forward"] = there
        lost = len(ahead.y) - len(there.y)
        notes += (f"simulated_forward: {lost} pairs and years with a state that joined later left out",)
    as_fitted = None
    if (plan.drift or plan.refit == "yearly") and "one_year_ahead" in forecasts:
        both = {"base_rate": forecasts["one_year_ahead"]["base_rate"], "model": still}
        as_fitted = score_forecasts(both, ahead.y, ahead.pair, resamples=plan.resamples, seed=plan.seed)[
            "model"
        ]
    return Hindcast(
        plan=plan,
        fit=found,
        memory=memory,
        as_fitted=as_fitted,
        scores={
            way: score_forecasts(p, kept[way].y, kept[way].pair, resamples=plan.resamples, seed=plan.seed)
            for way, p in forecasts.items()
        },
        calibration={
            way: calibration(p["model"], kept[way].y)[["low", "high", "n", "expected", "happened"]].to_dict(
                "records"
            )
            for way, p in forecasts.items()
        },
        by_year={way: _by_year(p, kept[way]) for way, p in forecasts.items()},
        notes=(*notes, *history.notes),
        data=tuple(data_used(history)),
    )


def _fitted(plan: Plan, record: Choices, last: int) -> Fit:
    """The model fitted on the window that ends with a year."""
    past = record.within(max(plan.first, last - plan.window + 1), last)
    kinds = [k for k, count in zip(past.kinds, past.signed.sum(axis=0), strict=True) if count > 0]
    return fit(past.with_kinds(kinds or past.kinds), propensities=plan.propensities, signs=True)


def _followed(plan: Plan, found: Fit, record: Choices, memory: float, first: int, last: int) -> Floats:
    """The model's chances one year ahead, weights held."""
    if not plan.drift:
        return found.chances(record.within(first, last))
    years = range(first, last + 1)
    return chances_ahead(found, record, years, memory, plan.window, plan.pair_variance)


def _refitted(plan: Plan, record: Choices, rows: PairYears, memory: float) -> dict[str, Floats]:
    """Model and baselines one year ahead, all of them fitted anew for each year on the window before it."""
    parts: dict[str, list[Floats]] = {}
    for year in range(plan.last + 1, plan.until + 1):
        found = _fitted(plan, record, year - 1)
        ours = _followed(plan, found, record.with_kinds(found.kinds), memory, year, year)
        parts.setdefault("model", []).append(ours)
        base = fit_baselines(rows.within(plan.first, year - 1), plan.baselines, plan.window)
        for name, predict in base.items():
            parts.setdefault(name, []).append(predict(rows.within(year, year)))
    return {name: np.concatenate(part) for name, part in parts.items()}


def _forward(
    plan: Plan, found: Fit, factors: PairFactors | None, history: History, rows: PairYears
) -> tuple[Floats, PairYears, PairYears]:
    """The model's chances run forward; the rows with what was known at the origin; and the rows to score."""
    origin = plan.last + 1
    run = simulate_forward(
        found,
        history,
        origin,
        plan.until,
        runs=plan.runs,
        seed=plan.seed,
        persistence=plan.persistence if plan.drift else 1.0,
        factors=factors,
    )
    ahead, first = rows.within(origin, plan.until), rows.within(origin, origin)
    chance = run.chance[ahead.year - origin, ahead.a, ahead.b]
    place = {int(pair): k for k, pair in enumerate(first.pair)}
    at = np.array([place.get(int(pair), -1) for pair in ahead.pair])
    there = (at >= 0) & ~np.isnan(chance)
    keep = np.flatnonzero(there)
    scored = PairYears(
        ahead.year[keep],
        ahead.a[keep],
        ahead.b[keep],
        ahead.y[keep],
        ahead.exposure[keep],
        ahead.x.iloc[keep].reset_index(drop=True),
    )
    frozen = PairYears(
        scored.year,
        scored.a,
        scored.b,
        scored.y,
        scored.exposure,
        first.x.iloc[at[keep]].reset_index(drop=True),
    )
    part = -np.expm1(np.log1p(-chance[keep]) * scored.exposure)
    return part, frozen, scored


def _by_year(forecasts: Mapping[str, Floats], rows: PairYears) -> dict[int, dict[str, float]]:
    """Log skill over the base rate, year by year."""
    out = {}
    for year in np.unique(rows.year):
        now = rows.year == year
        base = log_score(forecasts["base_rate"][now], rows.y[now])
        out[int(year)] = {
            name: float(1 - log_score(p[now], rows.y[now]) / base) for name, p in forecasts.items()
        }
    return out


__all__ = ["WAYS", "Hindcast", "Plan", "data_used", "hindcast", "hindcast_of", "read_history", "read_plan"]

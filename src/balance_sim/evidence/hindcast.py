"""Fit on the past, forecast the years after, score against what happened and against baselines.

Two ways: one year ahead, with the history up to 1 January of each year known, and run forward from the origin
with nothing known after it. Parameters, and every baseline, are fitted once, on years up to the origin. The
model's propensities of states and its level follow what is known as the years pass (`drift`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from balance_sim.evidence.baselines import BASELINES, fit_baselines
from balance_sim.evidence.carried import carried_forward
from balance_sim.evidence.choices import choices
from balance_sim.evidence.drift import chances_ahead, fit_at, memory_of
from balance_sim.evidence.errors import DataError
from balance_sim.evidence.features import PairYears, pair_years
from balance_sim.evidence.fitted_file import data_used
from balance_sim.evidence.fitting import Fit, fit
from balance_sim.evidence.forward import simulate_forward
from balance_sim.evidence.history import Floats, History
from balance_sim.evidence.panel import load_history
from balance_sim.evidence.plan_file import plan_values
from balance_sim.evidence.score import Scores, calibration, log_score, score_forecasts
from balance_sim.evidence.terms import fitted_terms
from balance_sim.scenario.problems import closest

WAYS = ("one_year_ahead", "simulated_forward")


@dataclass(frozen=True)
class Plan:
    """first: of the history. last: last year of the fit. until: last year forecast. window: years that the
    fit and the baselines look back. drift: propensities and level follow the years. runs, seed: of the engine.
    resamples: for the intervals."""

    title: str = ""
    first: int = 1985
    last: int = 2003
    until: int = 2010
    window: int = 10
    alliances: str = "atop"
    terms: tuple[str, ...] | None = None
    propensities: bool = True
    drift: bool = True
    ways: tuple[str, ...] = WAYS
    baselines: tuple[str, ...] = tuple(BASELINES)
    runs: int = 200
    seed: int = 1
    resamples: int = 500


WHOLE = ("first", "last", "until", "window", "runs", "seed", "resamples")
LEAST = {"window": 1, "runs": 1, "seed": 0, "resamples": 2, "first": 1816, "last": 1816, "until": 1816}


def read_plan(path: Path | str) -> Plan:
    """A plan from a YAML file; unknown keys and wrong values are refused.

    Raises DataError, or ScenarioError where it is no YAML of ours."""
    tree = plan_values(path, "hindcast")
    known = set(Plan.__dataclass_fields__)
    try:
        for key in tree:
            if key not in known:
                near = closest(key, known)
                use = f"Write `{near}`" if near else f"Use {', '.join(sorted(known))}"
                raise DataError("there is no such key", use, path, column=key)
        return checked_plan({key: _value(key, value, path) for key, value in tree.items()}, path)
    except DataError as error:
        raise tree.placed(error) from None


def _value(key: str, value: object, path: Path | str) -> object:
    if key in WHOLE:
        if not isinstance(value, int) or isinstance(value, bool) or value < LEAST[key]:
            bound = f"Write a whole number of {LEAST[key]} or more"
            raise DataError("this is not a whole number in range", bound, path, column=key, value=str(value))
        return value
    if key == "title":
        if not isinstance(value, str):
            raise DataError("this is not a title", 'Write it in "quotes"', path, column=key, value=str(value))
        return value
    flag = ("true", "false")
    choices_of = {"propensities": flag, "drift": flag, "alliances": ("atop", "cow")}.get(key)
    if choices_of is not None:
        if str(value).lower() not in choices_of or isinstance(value, bool) != (choices_of is flag):
            raise DataError(
                "no such value", f"Write {' or '.join(choices_of)}", path, column=key, value=str(value)
            )
        return value
    return None if value is None and key == "terms" else _names(key, value, path)


def _names(key: str, value: object, path: Path | str) -> tuple[str, ...]:
    if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value) or not value:
        raise DataError("this is not a list of names", "Write [a, b]", path, column=key, value=str(value))
    allowed = {"ways": WAYS, "baselines": tuple(BASELINES)}.get(key)
    for item in value:
        if allowed is not None and item not in allowed:
            raise DataError(
                "no such name", f"Choose among {', '.join(allowed)}", path, column=key, value=item
            )
    return tuple(value)


def checked_plan(values: Mapping[str, Any], path: Path | str | None = None) -> Plan:
    """The plan, with years in order and the base rate among the baselines."""
    plan = Plan(**values)
    if not plan.first < plan.last < plan.until:
        raise DataError(
            "the years are not in order",
            "first, last (of the fit), until: each later than the one before",
            path,
        )
    if "base_rate" not in plan.baselines:
        raise DataError("skills are against the base rate", "Add base_rate", path, column="baselines")
    return plan


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
    past = record.within(max(plan.first, plan.last - plan.window + 1), plan.last)
    kinds = [k for k, count in zip(past.kinds, past.signed.sum(axis=0), strict=True) if count > 0]
    found = fit(past.with_kinds(kinds or past.kinds), propensities=plan.propensities)
    record = record.with_kinds(found.kinds)
    memory = memory_of(found, record.within(plan.first, plan.last), plan.window) if plan.drift else 1.0
    base = fit_baselines(rows.within(plan.first, plan.last), plan.baselines, plan.window)
    ahead = rows.within(plan.last + 1, plan.until)
    forecasts: dict[str, dict[str, Floats]] = {}
    kept = {}
    if "one_year_ahead" in plan.ways:
        still = found.chances(record.within(plan.last + 1, plan.until))
        years = range(plan.last + 1, plan.until + 1)
        forecasts["one_year_ahead"] = {
            "model": chances_ahead(found, record, years, memory, plan.window) if plan.drift else still,
            **{name: predict(ahead) for name, predict in base.items()},
        }
        kept["one_year_ahead"] = ahead
    if "simulated_forward" in plan.ways:
        start = fit_at(found, record, plan.last + 1, memory, plan.window) if plan.drift else found
        model, frozen, there = _forward(plan, start, history, rows)
        forecasts["simulated_forward"] = {
            "model": model,
            **{name: predict(frozen) for name, predict in base.items()},
        }
        kept["simulated_forward"] = there
        lost = len(ahead.y) - len(there.y)
        notes += (f"simulated_forward: {lost} pairs and years with a state that joined later left out",)
    as_fitted = None
    if plan.drift and "one_year_ahead" in forecasts:
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


def _forward(
    plan: Plan, found: Fit, history: History, rows: PairYears
) -> tuple[Floats, PairYears, PairYears]:
    """The model's chances run forward; the rows with what was known at the origin; and the rows to score."""
    origin = plan.last + 1
    run = simulate_forward(found, history, origin, plan.until, runs=plan.runs, seed=plan.seed)
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


__all__ = ["Hindcast", "Plan", "data_used", "hindcast", "hindcast_of", "read_history", "read_plan"]

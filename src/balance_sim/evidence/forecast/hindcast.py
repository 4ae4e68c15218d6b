"""Fit on the past, forecast the years after, score against what happened and against
baselines.

Two ways: one year ahead, with the history up to 1 January of each year known, and run
forward from the origin with nothing known after it. Parameters, and every baseline, are
fitted once, on years up to the origin. The model's propensities of states, its level
and the factors of dyads follow what is known as the years pass (`varying_intercepts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import (
    Floats,
    History,
    last_carried_forward,
    load_history,
)
from balance_sim.evidence.estimation.choices import Choices, choices, fitted_terms
from balance_sim.evidence.estimation.features import FeatureYears, feature_years
from balance_sim.evidence.estimation.fitting import WeightFit, fit
from balance_sim.evidence.estimation.parameter_files import data_used
from balance_sim.evidence.estimation.varying_intercepts import (
    chances_ahead,
    dyad_frailty,
    fit_at,
    memory_of,
)
from balance_sim.evidence.forecast.baselines import fit_baselines
from balance_sim.evidence.forecast.forward import simulate_forward
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.evidence.forecast.score import Scores, score_forecasts
from balance_sim.scenario.errors import plain_data
from balance_sim.stats.scores import log_score, reliability_table

STEPS = (
    "terms of the model",
    "fit and baselines",
    "one year ahead",
    "simulated forward",
    "scores",
)
BINS = ["low", "high", "n", "expected", "happened"]


@dataclass(frozen=True)
class Hindcast:
    """Forecasts of a plan, scored.

    Attributes
    ----------
    plan : as given
    fit : of the model, on the years up to the plan's last
    memory : what a year counts beside the one after it
    as_fitted : the model one year ahead with everything as at the end of the fit; None
        where that is the forecast itself
    scores : way -> forecast -> scores
    calibration : way -> the model's reliability table
    by_year : way -> year -> forecast -> log skill over the base rate
    notes : in words
    data : which files were read
    """

    plan: HindcastPlan
    fit: WeightFit
    memory: float
    as_fitted: Scores | None
    scores: dict[str, dict[str, Scores]]
    calibration: dict[str, Any]
    by_year: dict[str, dict[int, dict[str, float]]]
    notes: tuple[str, ...]
    data: tuple[dict[str, object], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON: way -> forecast -> scores, then `about`."""
        rows = [(name, float(error)) for name, _, error in self.fit.table]
        about = {
            "fitted": list(self.fit.years),
            "forecast": [self.plan.last + 1, self.plan.until],
            "runs": self.plan.runs,
            "seed": self.plan.seed,
            "plan": self.plan.model_dump(),
            "weights": self.fit.weights,
            "standard_errors": {name: error for name, error in rows if "." not in name},
            "data": list(self.data),
            "memory": self.memory,
            "one_year_ahead_as_fitted": self.as_fitted,
            "calibration": self.calibration,
            "log_skill_by_year": self.by_year,
            "notes": list(self.notes),
        }
        return dict(plain_data(self.scores | {"about": about}))


def read_history(
    plan: HindcastPlan, data: Path | str, outcomes: Path | str | None = None
) -> History:
    """The history that a plan needs.

    outcomes: a file with the agreements after the fit's last year; up to that year
    those in `data` count, after it the file's alone. Covariates that end earlier are
    carried forward, and a note says which. Raises DataError if the record of agreements
    does not reach the last year forecast."""
    later = None if outcomes is None else (outcomes, plan.last)
    history = load_history(data, plan.first, plan.until, outcomes=later)
    end = history.agreement_years[1]
    if end < plan.until:
        hint = f"Give the outcomes up to {plan.until}, or set `until` earlier"
        message = f"the accords on record end in {end}"
        raise DataError(message, hint, path=outcomes or data)
    history = last_carried_forward(history)
    signed = set(history.agreements["signed"].dt.year)
    without = [str(year) for year in plan.years if year not in signed]
    if not without:
        return history
    # A hole in the file is likelier than a year without any.
    note = f"no agreement at all in {', '.join(without)}: do the outcomes cover them?"
    return replace(history, notes=(*history.notes, note))


def fit_plan(plan: HindcastPlan, record: Choices) -> WeightFit:
    """The model fitted on the window that ends with the plan's last year."""
    window = record.within(max(plan.first, plan.last - plan.window + 1), plan.last)
    counts = zip(window.kinds, window.signed.sum(axis=0), strict=True)
    kinds = [kind for kind, count in counts if count > 0] or window.kinds
    return fit(window.with_kinds(kinds), propensities=True, signs=True)


def hindcast_of(
    plan: HindcastPlan,
    history: History,
    begin: Callable[[str], None] = lambda _: None,
) -> Hindcast:
    """Run a plan on a history that reaches its last year. begin: called with the step
    of STEPS that begins."""
    begin(STEPS[0])
    terms, notes = fitted_terms(history, plan.terms)
    rows = feature_years(history)
    begin(STEPS[1])
    record = choices(history, terms)
    weights = fit_plan(plan, record)
    record = record.with_kinds(weights.kinds)
    training = record.within(plan.first, plan.last)
    memory = memory_of(weights, training, plan.window) if plan.drift else 1.0
    past = rows.within(plan.first, plan.last)
    baselines = fit_baselines(past, plan.baselines, plan.window)
    begin(STEPS[2])
    ahead = rows.within(plan.last + 1, plan.until)
    model = unchanged = weights.opportunities(record.within(plan.last + 1, plan.until))
    if plan.drift:
        options = (plan.years, memory, plan.window, plan.pair_variance)
        model = chances_ahead(weights, record, *options)
    forecasts = {"model": model}
    forecasts |= {name: predict(ahead) for name, predict in baselines.items()}
    ways = {"one_year_ahead": (forecasts, ahead)}
    begin(STEPS[3])
    options_of_run = _following(plan, weights, record, memory)
    chance, at_origin, scorable = _forward(plan, history, rows, *options_of_run)
    forecasts = {"model": chance}
    forecasts |= {name: predict(at_origin) for name, predict in baselines.items()}
    ways["simulated_forward"] = (forecasts, scorable)
    lost = f"simulated_forward: {len(ahead.y) - len(scorable.y)} dyads and years"
    notes += (f"{lost} with a state that joined later left out",)
    begin(STEPS[4])
    scored = partial(score_forecasts, resamples=plan.resamples, seed=plan.seed)
    as_fitted = None
    if plan.drift:
        base_rate = ways["one_year_ahead"][0]["base_rate"]
        pair = {"base_rate": base_rate, "model": unchanged}
        as_fitted = scored(pair, ahead.y, ahead.dyad)["model"]
    return Hindcast(
        plan=plan,
        fit=weights,
        memory=memory,
        as_fitted=as_fitted,
        scores={way: scored(p, row.y, row.dyad) for way, (p, row) in ways.items()},
        calibration={way: _bins(p["model"], row.y) for way, (p, row) in ways.items()},
        by_year={way: _by_year(p, row) for way, (p, row) in ways.items()},
        notes=(*notes, *history.notes),
        data=tuple(data_used(history)),
    )


def _bins(p: Floats, y: Floats) -> list[dict[Any, Any]]:
    """The rows of a reliability table."""
    return reliability_table(p, y)[BINS].to_dict("records")


def _following(
    plan: HindcastPlan, weights: WeightFit, record: Choices, memory: float
) -> tuple[WeightFit, dict[str, Any]]:
    """The fit as it is known at the origin, and how it goes on from there."""
    options: dict[str, Any] = {"runs": plan.runs, "seed": plan.seed}
    if not plan.drift:
        return weights, options
    at_origin = fit_at(weights, record, plan.last + 1, memory, plan.window)
    options["persistence"] = plan.persistence
    if plan.pair_variance > 0:
        options["factors"] = dyad_frailty(
            at_origin, record, plan.last + 1, plan.window, plan.pair_variance
        )
    return at_origin, options


def _forward(
    plan: HindcastPlan,
    history: History,
    rows: FeatureYears,
    weights: WeightFit,
    options: dict[str, Any],
) -> tuple[Floats, FeatureYears, FeatureYears]:
    """The model's chances run forward; the rows with what was known at the origin; and
    the rows to score."""
    origin = plan.years[0]
    forecast = simulate_forward(weights, history, plan.years, **options)
    ahead, at_origin = rows.within(origin, plan.until), rows.within(origin, origin)
    chance = forecast.chance[ahead.year - origin, ahead.a, ahead.b]
    place = {int(dyad): row for row, dyad in enumerate(at_origin.dyad)}
    places = np.array([place.get(int(dyad), -1) for dyad in ahead.dyad])
    is_known = (places >= 0) & ~np.isnan(chance)
    scored = ahead.take(np.flatnonzero(is_known))
    x = at_origin.x.iloc[places[is_known]].reset_index(drop=True)
    in_exposure = -np.expm1(np.log1p(-chance[is_known]) * scored.exposure)
    return in_exposure, replace(scored, x=x), scored


def _by_year(
    forecasts: Mapping[str, Floats], rows: FeatureYears
) -> dict[int, dict[str, float]]:
    """Log skill over the base rate, year by year."""
    by_year: dict[int, dict[str, float]] = {}
    for year in map(int, np.unique(rows.year)):
        is_year = rows.year == year
        y = rows.y[is_year]
        losses = {name: log_score(p[is_year], y) for name, p in forecasts.items()}
        base = losses["base_rate"]
        by_year[year] = {name: float(1 - loss / base) for name, loss in losses.items()}
    return by_year

"""Fit on the past, forecast the years after, score against what happened and against
baselines.

Each year is forecast with the history up to its 1 January known. Parameters, and every
baseline, are fitted once, on years up to the origin. The model's propensities of
states, its level and the factors of dyads follow what is known as the years pass
(`varying_intercepts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    memory_of,
)
from balance_sim.evidence.forecast.baselines import fit_baselines
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.evidence.forecast.score import WAY, score_forecasts
from balance_sim.evidence.scores import log_score, reliability_table

Progress = Callable[[int, int], None]
STEPS = {
    "terms of the model": "years",
    "fit": "evaluations of the likelihood",
    "memory of states": "years",
    "baselines": "",
    "one year ahead": "years",
    "scores": "",
}
"""What is done, and what its progress is counted in."""


def read_history(
    plan: HindcastPlan, data: Path | str, outcomes: Path | str | None = None
) -> History:
    """The history that a plan needs.

    outcomes: a file with the agreements after the fit's last year; up to that year
    those in `data` count, after it the file's alone. Covariates that end earlier are
    carried forward, and a note says which. Raises DataError if the record of agreements
    does not reach the last year forecast."""
    history = load_history(
        data,
        plan.first,
        plan.until,
        outcomes=None if outcomes is None else (outcomes, plan.last),
    )
    if plan.states:
        history = history.among(plan.states)
    end = history.agreement_years[1]
    if end < plan.until:
        hint = f"Give the outcomes up to {plan.until}, or set `until` earlier"
        raise DataError(
            f"the accords on record end in {end}", hint, path=outcomes or data
        )
    return last_carried_forward(history)


def fit_plan(
    plan: HindcastPlan, record: Choices, progress: Progress = lambda *_: None
) -> WeightFit:
    """The model fitted on the window that ends with the plan's last year. progress:
    called with evaluations done, and about how many there will be."""
    window = record.within(max(plan.first, plan.last - plan.window + 1), plan.last)
    return fit(window.with_signed_kinds(), signs=True, progress=progress)


def hindcast_of(
    plan: HindcastPlan,
    history: History,
    begin: Callable[[str], Progress] = lambda _: lambda *_: None,
) -> dict[str, Any]:
    """Run a plan on a history that reaches its last year: the document of `hindcast
    --json` but for version and command, with NaN for null. begin: called with the step
    of STEPS that begins; returns what is called with how much of it is done, and of how
    much."""
    progress = begin("terms of the model")
    terms, notes = fitted_terms(history, plan.terms)
    record = choices(history, terms, progress=progress)
    weights = fit_plan(plan, record, begin("fit"))
    record = record.with_kinds(weights.kinds)
    progress = begin("memory of states")
    known = record.within(plan.first, plan.last)
    memory = memory_of(weights, known, plan.window, progress)
    begin("baselines")
    rows = feature_years(history)
    fitted_rows = rows.within(plan.first, plan.last)
    baselines = fit_baselines(fitted_rows, plan.baselines, plan.window)
    progress = begin("one year ahead")
    ahead = rows.within(plan.last + 1, plan.until)
    options = (plan.years, memory, plan.window, plan.pair_variance, progress)
    forecasts = {"model": chances_ahead(weights, record, *options)}
    forecasts |= {name: predict(ahead) for name, predict in baselines.items()}
    unchanged = weights.opportunities(record.within(plan.last + 1, plan.until))
    begin("scores")
    about: dict[str, Any] = {
        "fitted": list(weights.years),
        "forecast": [plan.years[0], plan.until],
        "plan": plan.model_dump(),
        "weights": weights.weights,
        "standard_errors": {
            name: float(error) for name, _, error in weights.table if "." not in name
        },
        "data": data_used(history),
        "memory": memory,
        "one_year_ahead_as_fitted": score_forecasts(
            {"base_rate": forecasts["base_rate"], "model": unchanged},
            ahead.y,
            ahead.sides,
        )["model"],
        "calibration": {
            WAY: reliability_table(forecasts["model"], ahead.y).to_dict("records")
        },
        "log_skill_by_year": {WAY: _by_year(forecasts, ahead)},
        "notes": [*notes, *history.notes],
    }
    return {
        WAY: score_forecasts(forecasts, ahead.y, ahead.sides, ahead.year),
        "about": about,
    }


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

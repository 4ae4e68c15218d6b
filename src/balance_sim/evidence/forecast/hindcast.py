"""Fit on the past, forecast the years after, score against what happened and against
baselines.

Two ways: one year ahead, with the history up to 1 January of each year known, and run
forward from the origin with nothing known after it. Parameters, and every baseline, are
fitted once, on years up to the origin, or, one year ahead and `refit: yearly`, anew for
each year. The model's propensities of states, its level and the factors of dyads follow
what is known as the years pass (`varying_intercepts`, `dyad_frailty`).
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
from balance_sim.evidence.forecast.baselines import fit_baselines, rolling_origin
from balance_sim.evidence.forecast.forward import simulate_forward
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.evidence.forecast.score import Scores, finite, score_forecasts
from balance_sim.evidence.forecast.scored_files import ReliabilityBin
from balance_sim.stats.scores import log_score, reliability_table

STEPS = (
    "terms of the model",
    "fit and baselines",
    "one year ahead",
    "simulated forward",
    "scores",
)


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
        document: dict[str, Any] = {}
        for way, scores in self.scores.items():
            document[way] = {
                name: finite(score.as_dict()) for name, score in scores.items()
            }
        errors = {}
        for name, _, error in self.fit.table:
            if "." not in name:
                errors[name] = float(error)
        as_fitted = None
        if self.as_fitted is not None:
            as_fitted = finite(self.as_fitted.as_dict())
        document["about"] = {
            "fitted": list(self.fit.years),
            "forecast": [self.plan.last + 1, self.plan.until],
            "runs": self.plan.runs,
            "seed": self.plan.seed,
            "plan": self.plan.model_dump(),
            "weights": self.fit.weights,
            "standard_errors": errors,
            "data": list(self.data),
            "memory": self.memory,
            "one_year_ahead_as_fitted": as_fitted,
            "calibration": self.calibration,
            "log_skill_by_year": self.by_year,
            "notes": list(self.notes),
        }
        return document


def read_history(
    plan: HindcastPlan, data: Path | str, outcomes: Path | str | None = None
) -> History:
    """The history that a plan needs.

    outcomes: a file with the agreements after the fit's last year; up to that year
    those in `data` count, after it the file's alone. Covariates that end earlier are
    carried forward, and a note says which. Raises DataError if the record of agreements
    does not reach the last year forecast."""
    later = None if outcomes is None else (outcomes, plan.last)
    history = load_history(
        data, plan.first, plan.until, outcomes=later, alliances=plan.alliances
    )
    end = history.agreement_years[1]
    if end < plan.until:
        hint = f"Give the outcomes up to {plan.until}, or set `until` earlier"
        message = f"the accords on record end in {end}"
        raise DataError(message, hint, path=outcomes or data)
    history = last_carried_forward(history)
    signed = set(history.agreements["signed"].dt.year)
    years = range(plan.last + 1, plan.until + 1)
    without = [str(year) for year in years if year not in signed]
    if not without:
        return history
    # A hole in the file is likelier than a year without any.
    hint = "do the outcomes cover them?"
    note = f"no agreement at all in {', '.join(without)}: {hint}"
    return replace(history, notes=(*history.notes, note))


@dataclass(frozen=True)
class PlannedFits:
    """Fits of the model on windows of a record, as a plan has them.

    Attributes
    ----------
    plan : of the hindcast
    record : choices of all years
    notes : on terms that are left out
    """

    plan: HindcastPlan
    record: Choices
    notes: tuple[str, ...]

    @classmethod
    def of(cls, plan: HindcastPlan, history: History) -> PlannedFits:
        """The fits of a plan on a history."""
        terms, notes = fitted_terms(history, plan.terms)
        return cls(plan, choices(history, terms), notes)

    def fit(self, last: int, *, signs: bool = True) -> WeightFit:
        """The model fitted on the window that ends with a year. signs: of weights as
        theory has them."""
        plan = self.plan
        since = max(plan.first, last - plan.window + 1)
        window = self.record.within(since, last)
        counts = zip(window.kinds, window.signed.sum(axis=0), strict=True)
        kinds = [kind for kind, count in counts if count > 0] or window.kinds
        rows = window.with_kinds(kinds)
        return fit(rows, propensities=plan.propensities, signs=signs)

    def as_fitted(self, weights: WeightFit, until: int | None = None) -> Choices:
        """The record with the types of agreement of a fit, up to a year where one is
        given."""
        record = self.record
        if until is not None:
            record = record.within(self.plan.first, until)
        return record.with_kinds(weights.kinds)

    def memory(self, weights: WeightFit, record: Choices) -> float:
        """What a year counts beside the one after it; 1 without drift."""
        plan = self.plan
        if not plan.drift:
            return 1.0
        training = record.within(plan.first, plan.last)
        return memory_of(weights, training, plan.window)

    def ahead(
        self, weights: WeightFit, record: Choices, memory: float, years: range
    ) -> Floats:
        """The model's chances one year ahead, weights held."""
        plan = self.plan
        if not plan.drift:
            return weights.opportunities(record.within(years[0], years[-1]))
        variance = plan.pair_variance
        return chances_ahead(weights, record, years, memory, plan.window, variance)


def hindcast_of(
    plan: HindcastPlan,
    history: History,
    begin: Callable[[str], None] = lambda _: None,
) -> Hindcast:
    """Run a plan on a history that reaches its last year. begin: called with the step
    of STEPS that begins."""
    begin(STEPS[0])
    fits = PlannedFits.of(plan, history)
    rows = feature_years(history)
    a, b = fits.record.a, fits.record.b
    if not (np.array_equal(a, rows.a) and np.array_equal(b, rows.b)):
        raise AssertionError("the model and its baselines look at other dyads")
    begin(STEPS[1])
    weights = fits.fit(plan.last)
    record = fits.as_fitted(weights)
    memory = fits.memory(weights, record)
    training = rows.within(plan.first, plan.last)
    baselines = fit_baselines(training, plan.baselines, plan.window)
    years = range(plan.last + 1, plan.until + 1)
    ahead = rows.within(years[0], years[-1])
    scored = partial(score_forecasts, resamples=plan.resamples, seed=plan.seed)
    ways: dict[str, tuple[dict[str, Floats], FeatureYears]] = {}
    notes, as_fitted = fits.notes, None
    if "one_year_ahead" in plan.ways:
        begin(STEPS[2])
        if plan.refit == "yearly":
            forecasts = _refitted(fits, rows, memory)
        else:
            forecasts = {"model": fits.ahead(weights, record, memory, years)}
            forecasts |= {name: predict(ahead) for name, predict in baselines.items()}
        ways["one_year_ahead"] = forecasts, ahead
        if plan.drift or plan.refit == "yearly":
            unchanged = weights.opportunities(record.within(years[0], years[-1]))
            pair = {"base_rate": forecasts["base_rate"], "model": unchanged}
            as_fitted = scored(pair, ahead.y, ahead.dyad)["model"]
    if "simulated_forward" in plan.ways:
        begin(STEPS[3])
        model, at_origin, scorable = _forward(
            fits, weights, record, memory, history, rows
        )
        forecasts = {"model": model}
        forecasts |= {name: predict(at_origin) for name, predict in baselines.items()}
        ways["simulated_forward"] = forecasts, scorable
        lost = f"{len(ahead.y) - len(scorable.y)} dyads and years"
        why = "with a state that joined later left out"
        notes += (f"simulated_forward: {lost} {why}",)
    begin(STEPS[4])
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
    columns = list(ReliabilityBin.model_fields)
    return reliability_table(p, y)[columns].to_dict("records")


def _refitted(
    fits: PlannedFits, rows: FeatureYears, memory: float
) -> dict[str, Floats]:
    """Model and baselines one year ahead, all of them fitted anew for each year on the
    window before it."""
    plan, model = fits.plan, []
    for year in range(plan.last + 1, plan.until + 1):
        weights = fits.fit(year - 1)
        record = fits.as_fitted(weights, until=year)
        model.append(fits.ahead(weights, record, memory, range(year, year + 1)))
    baselines = partial(fit_baselines, names=plan.baselines, window=plan.window)
    years = rows.within(plan.first, plan.until)
    _, forecasts = rolling_origin(years, plan.last + 1, plan.until, baselines)
    return {"model": np.concatenate(model), **forecasts}


def _forward(
    fits: PlannedFits,
    weights: WeightFit,
    record: Choices,
    memory: float,
    history: History,
    rows: FeatureYears,
) -> tuple[Floats, FeatureYears, FeatureYears]:
    """The model's chances run forward; the rows with what was known at the origin; and
    the rows to score."""
    plan, origin = fits.plan, fits.plan.last + 1
    years = range(origin, plan.until + 1)
    options: dict[str, Any] = {"runs": plan.runs, "seed": plan.seed}
    if plan.drift:
        weights = fit_at(weights, record, origin, memory, plan.window)
        options["persistence"] = plan.persistence
        if plan.pair_variance > 0:
            options["factors"] = dyad_frailty(
                weights, record, origin, plan.window, plan.pair_variance
            )
    forecast = simulate_forward(weights, history, years, **options)
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
        base = log_score(forecasts["base_rate"][is_year], y)
        by_year[year] = {
            name: float(1 - log_score(p[is_year], y) / base)
            for name, p in forecasts.items()
        }
    return by_year

"""Fit on the past, forecast the years after, score against what happened and against
baselines.

Two ways: one year ahead, with the history up to 1 January of each year known, and run
forward from the origin with nothing known after it. Parameters, and every baseline, are
fitted once, on years up to the origin, or, one year ahead and `refit: yearly`, anew for
each year. The model's propensities of states, its level and the factors of dyads follow
what is known as the years pass (`varying_intercepts`, `dyad_frailty`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError

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
from balance_sim.evidence.estimation.looking_ahead import LookingAhead
from balance_sim.evidence.estimation.parameter_files import data_used
from balance_sim.evidence.estimation.varying_intercepts import (
    chances_ahead,
    dyad_frailty,
    fit_at,
    memory_of,
)
from balance_sim.evidence.forecast.baselines import fit_baselines, rolling_origin
from balance_sim.evidence.forecast.forward import (
    agreements_forward,
    scenario_of_fit,
    simulate_forward,
)
from balance_sim.evidence.forecast.score import (
    BINS,
    WAYS,
    ForecastWay,
    Scores,
    finite,
    score_forecasts,
)
from balance_sim.evidence.goodness.networks import Agreements, Span, from_table
from balance_sim.scenario.plans import Refuse, read_plan
from balance_sim.scenario.schema import Scenario, Strict, Text
from balance_sim.stats.scores import log_score, reliability_table

Baseline = Literal["base_rate", "earlier_accords", "gravity", "logit", "boosted_trees"]
Year = Annotated[int, Field(ge=1816)]
Count = Annotated[int, Field(ge=1)]


class HindcastPlan(Strict):
    """The plan of a hindcast: which years, which forecasts, how the years are followed.

    first: of the history. last: last year of the fit. until: last year forecast.
    window: years that the fit and the baselines look back. looking_ahead: terms that
    follow from the fit of the others, added to it. drift: propensities and level follow
    the years. persistence: of propensities from one year run forward to the next.
    pair_variance: of the dyads' factors (`dyad_frailty`), 0 for none. refit: weights
    and baselines `once`, or `yearly` for each year ahead. runs, seed: of the engine.
    resamples: for the intervals. Without drift neither persistence nor factors are
    used."""

    title: Text = ""
    first: Year = 1985
    last: Year = 2003
    until: Year = 2010
    window: Count = 10
    alliances: Literal["atop", "cow"] = "atop"
    terms: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    looking_ahead: tuple[Literal["foresight", "talks_budget"], ...] = ()
    propensities: bool = True
    drift: bool = True
    persistence: Annotated[float, Field(ge=0, le=1)] = 0.9
    pair_variance: Annotated[float, Field(ge=0, le=4)] = 0.25
    refit: Literal["once", "yearly"] = "once"
    ways: Annotated[tuple[ForecastWay, ...], Field(min_length=1)] = WAYS
    baselines: Annotated[tuple[Baseline, ...], Field(min_length=1)] = get_args(Baseline)
    runs: Count = 200
    seed: Annotated[int, Field(ge=0)] = 1
    resamples: Annotated[int, Field(ge=2)] = 500


def read_hindcast_plan(path: Path | str) -> HindcastPlan:
    """A plan from a YAML file. Raises ScenarioError."""
    return read_plan(HindcastPlan, path, "hindcast", rules=_between_keys)


def _between_keys(plan: HindcastPlan, refuse: Refuse) -> None:
    if not plan.first < plan.last < plan.until:
        said = f"first {plan.first}, last {plan.last} (of the fit), until {plan.until} are not in order"
        refuse("until", "E210", said, "each later than the one before")
    if "base_rate" not in plan.baselines:
        refuse("baselines", "E211", "skills are against the base rate", "add base_rate")


def stored_plan(values: Mapping[str, object], path: Path) -> HindcastPlan:
    """The plan that a hindcast's results hold. Raises DataError where they hold
    none."""
    given = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
    }
    why: list[str] = []
    try:
        plan = HindcastPlan.model_validate(given)
        _between_keys(plan, lambda _where, _code, said, *_hints: why.append(said))
    except ValidationError as error:
        why = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        ]
    if why:
        raise DataError(
            f"this holds no plan of a hindcast: {why[0]}",
            "Give what `hindcast` wrote",
            path,
        )
    return plan


@dataclass(frozen=True)
class Hindcast:
    """memory: what a year counts beside the one after it. as_fitted: the model one year
    ahead with everything as at the end of the fit; None where that is the forecast
    itself. scores: way -> forecast -> scores."""

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
        ways = {
            way: {name: finite(one.as_dict()) for name, one in scores.items()}
            for way, scores in self.scores.items()
        }
        about = {
            "fitted": list(self.fit.years),
            "forecast": [self.plan.last + 1, self.plan.until],
            "runs": self.plan.runs,
            "seed": self.plan.seed,
            "plan": self.plan.model_dump(),
            "weights": self.fit.weights,
            "standard_errors": {
                name: float(error)
                for name, _, error in self.fit.table
                if "." not in name
            },
            "data": list(self.data),
            "memory": self.memory,
            "one_year_ahead_as_fitted": None
            if self.as_fitted is None
            else finite(self.as_fitted.as_dict()),
            "calibration": self.calibration,
            "log_skill_by_year": self.by_year,
            "notes": list(self.notes),
        }
        return {**ways, "about": about}


def read_history(
    plan: HindcastPlan, data: Path | str, outcomes: Path | str | None = None
) -> History:
    """What a plan needs. outcomes: a file with the agreements after the fit's last
    year; up to that year those in
    `data` count, after it the file's alone. Covariates that end earlier are carried forward, and a note says which.

    Raises DataError if the record of agreements does not reach the last year
    forecast."""
    later = None if outcomes is None else (outcomes, plan.last)
    history = load_history(
        data, plan.first, plan.until, outcomes=later, alliances=plan.alliances
    )
    if history.agreement_years[1] < plan.until:
        raise DataError(
            f"the accords on record end in {history.agreement_years[1]}",
            f"Give the outcomes up to {plan.until}, or set `until` earlier",
            path=outcomes or data,
        )
    history = last_carried_forward(history)
    signed = set(history.agreements["signed"].dt.year)
    silent = [
        str(year) for year in range(plan.last + 1, plan.until + 1) if year not in signed
    ]
    note = f"no agreement at all in {', '.join(silent)}: do the outcomes cover them?"  # a hole in the file, more likely
    return replace(history, notes=(*history.notes, note)) if silent else history


STEPS = (
    "terms of the model",
    "fit and baselines",
    "one year ahead",
    "simulated forward",
    "scores",
)


def hindcast_of(
    plan: HindcastPlan, history: History, say: Callable[[str], None] = lambda _: None
) -> Hindcast:
    """Run a plan on a history that reaches its last year. say: told the step of STEPS
    that begins."""
    say(STEPS[0])
    terms, notes = fitted_terms(history, plan.terms)
    every, rows = choices(history, terms), feature_years(history)
    look = LookingAhead(history) if plan.looking_ahead else None
    if not (np.array_equal(every.a, rows.a) and np.array_equal(every.b, rows.b)):
        raise AssertionError("the model and its baselines look at other dyads")
    scored = partial(score_forecasts, resamples=plan.resamples, seed=plan.seed)
    say(STEPS[1])
    found = _fitted(plan, every, plan.last, look, signs=True)
    record = _as_fitted(plan, every, found, look)
    memory = (
        memory_of(found, record.within(plan.first, plan.last), plan.window)
        if plan.drift
        else 1.0
    )
    base = fit_baselines(
        rows.within(plan.first, plan.last), plan.baselines, plan.window
    )
    ahead = rows.within(plan.last + 1, plan.until)
    made: dict[str, tuple[dict[str, Floats], FeatureYears]] = {}
    as_fitted = None
    if "one_year_ahead" in plan.ways:
        say(STEPS[2])
        if plan.refit == "yearly":
            p = _refitted(plan, every, rows, memory, look)
        else:
            p = {
                "model": _followed(
                    plan, found, record, memory, plan.last + 1, plan.until
                )
            }
            p |= {name: predict(ahead) for name, predict in base.items()}
        made["one_year_ahead"] = p, ahead
        if plan.drift or plan.refit == "yearly":
            still = found.opportunities(record.within(plan.last + 1, plan.until))
            as_fitted = scored(
                {"base_rate": p["base_rate"], "model": still}, ahead.y, ahead.dyad
            )["model"]
    if "simulated_forward" in plan.ways:
        say(STEPS[3])
        model, frozen, there = _forward(plan, found, record, memory, history, rows)
        made["simulated_forward"] = (
            {"model": model, **{k: of(frozen) for k, of in base.items()}},
            there,
        )
        lost = len(ahead.y) - len(there.y)
        notes += (
            f"simulated_forward: {lost} dyads and years with a state that joined later left out",
        )
    say(STEPS[4])
    return Hindcast(
        plan=plan,
        fit=found,
        memory=memory,
        as_fitted=as_fitted,
        scores={way: scored(p, of.y, of.dyad) for way, (p, of) in made.items()},
        calibration={
            way: reliability_table(p["model"], of.y)[[*BINS]].to_dict("records")
            for way, (p, of) in made.items()
        },
        by_year={way: _by_year(p, of) for way, (p, of) in made.items()},
        notes=(*notes, *history.notes),
        data=tuple(data_used(history)),
    )


def _fitted(
    plan: HindcastPlan,
    record: Choices,
    last: int,
    look: LookingAhead | None,
    *,
    signs: bool,
) -> WeightFit:
    """The model fitted on the window that ends with a year. signs: of weights as theory
    has them."""
    since = max(plan.first, last - plan.window + 1)
    past = record.within(since, last)
    kinds = [
        k
        for k, count in zip(past.kinds, past.signed.sum(axis=0), strict=True)
        if count > 0
    ] or past.kinds
    if look is None:
        return fit(past.with_kinds(kinds), propensities=plan.propensities, signs=signs)
    whole = record.within(plan.first, last).with_kinds(kinds)
    return look.fit(
        whole,
        plan.looking_ahead,
        since=since,
        propensities=plan.propensities,
        signs=signs,
    )


def _as_fitted(
    plan: HindcastPlan, record: Choices, found: WeightFit, look: LookingAhead | None
) -> Choices:
    """The record with the types of agreement of a fit, and the terms that follow from
    it."""
    ours = record.with_kinds(found.kinds)
    return ours if look is None else look.of(found, ours, plan.looking_ahead)


def _followed(
    plan: HindcastPlan,
    found: WeightFit,
    record: Choices,
    memory: float,
    first: int,
    last: int,
) -> Floats:
    """The model's chances one year ahead, weights held."""
    if not plan.drift:
        return found.opportunities(record.within(first, last))
    years = range(first, last + 1)
    return chances_ahead(found, record, years, memory, plan.window, plan.pair_variance)


def _refitted(
    plan: HindcastPlan,
    record: Choices,
    rows: FeatureYears,
    memory: float,
    look: LookingAhead | None,
) -> dict[str, Floats]:
    """Model and baselines one year ahead, all of them fitted anew for each year on the
    window before it."""
    ours = []
    for year in range(plan.last + 1, plan.until + 1):
        found = _fitted(plan, record, year - 1, look, signs=True)
        known = _as_fitted(plan, record.within(plan.first, year), found, look)
        ours.append(_followed(plan, found, known, memory, year, year))
    past = rows.within(plan.first, plan.until)
    base = partial(fit_baselines, names=plan.baselines, window=plan.window)
    return {
        "model": np.concatenate(ours),
        **rolling_origin(past, plan.last + 1, plan.until, base)[1],
    }


def _forward(
    plan: HindcastPlan,
    found: WeightFit,
    record: Choices,
    memory: float,
    history: History,
    rows: FeatureYears,
) -> tuple[Floats, FeatureYears, FeatureYears]:
    """The model's chances run forward; the rows with what was known at the origin; and
    the rows to score."""
    origin = plan.last + 1
    how: dict[str, Any] = {"runs": plan.runs, "seed": plan.seed}
    if plan.drift:
        found = fit_at(found, record, origin, memory, plan.window)
        how["persistence"] = plan.persistence
        if plan.pair_variance > 0:
            how["factors"] = dyad_frailty(
                found, record, origin, plan.window, plan.pair_variance
            )
    run = simulate_forward(found, history, origin, plan.until, **how)
    ahead, first = rows.within(origin, plan.until), rows.within(origin, origin)
    chance = run.chance[ahead.year - origin, ahead.a, ahead.b]
    place = {int(dyad): k for k, dyad in enumerate(first.dyad)}
    at = np.array([place.get(int(dyad), -1) for dyad in ahead.dyad])
    keep = np.flatnonzero((at >= 0) & ~np.isnan(chance))
    scored = ahead.take(keep)
    frozen = replace(scored, x=first.x.iloc[at[keep]].reset_index(drop=True))
    return -np.expm1(np.log1p(-chance[keep]) * scored.exposure), frozen, scored


def _by_year(
    forecasts: Mapping[str, Floats], rows: FeatureYears
) -> dict[int, dict[str, float]]:
    """Log skill over the base rate, year by year."""
    out = {}
    for year in map(int, np.unique(rows.year)):
        now = rows.year == year
        base = log_score(forecasts["base_rate"][now], rows.y[now])
        out[year] = {
            name: float(1 - log_score(p[now], rows.y[now]) / base)
            for name, p in forecasts.items()
        }
    return out


@dataclass(frozen=True)
class Forward:
    """What the forward simulation signs after the fit's last year, and what was signed.

    scenario: the record on 1 January after that year. observed, simulated: the
    agreements of the kinds fitted, between its states, of the years forecast."""

    scenario: Scenario
    span: Span
    kinds: tuple[str, ...]
    observed: Agreements
    simulated: Agreements
    notes: tuple[str, ...]


def forward_networks(
    plan: HindcastPlan, history: History, *, runs: int, seed: int
) -> Forward:
    """Fit up to the plan's last year as `hindcast` does, and run forward without
    looking at what came after.

    Factors of pairs do not act in the runs, as in the hindcast's own."""
    terms, notes = fitted_terms(history, plan.terms)
    record, look = (
        choices(history, terms),
        LookingAhead(history) if plan.looking_ahead else None,
    )
    found = _fitted(plan, record, plan.last, look, signs=False)
    record = _as_fitted(plan, record, found, look)
    origin = plan.last + 1
    persistence = 1.0
    if plan.drift:
        memory = memory_of(found, record.within(plan.first, plan.last), plan.window)
        found, persistence = (
            fit_at(found, record, origin, memory, plan.window),
            plan.persistence,
        )
    scenario = scenario_of_fit(found, history, origin, plan.until - plan.last, {})
    world, made = agreements_forward(
        found, scenario, runs=runs, seed=seed, persistence=persistence
    )
    at = {code: i for i, code in enumerate(scenario.codes)}
    place = np.array([at[code] for code in world.codes])
    first, second = place[world.first[made.dyad]], place[world.second[made.dyad]]
    lag = np.floor(made.in_force) - np.floor(made.signed)
    simulated = Agreements(
        run=made.run,
        a=np.minimum(first, second),
        b=np.maximum(first, second),
        kind=np.array(world.ladder.names)[made.kind],
        signed=scenario.start.toordinal() + np.floor(made.signed).astype(np.int64),
        talks=np.floor(made.signed) - np.floor(made.opened),
        force=np.where(np.isfinite(lag), lag, np.nan),
    )
    span = Span(date(origin, 1, 1), date(plan.until + 1, 1, 1))
    observed, left_out = _observed(history, scenario, found.kinds, span)
    if left_out:
        notes += (
            f"{left_out} agreements with a state that joined after {span.first} are left out",
        )
    return Forward(
        scenario,
        span,
        tuple(found.kinds),
        observed,
        simulated,
        (*notes, *history.notes),
    )


def _observed(
    history: History, scenario: Scenario, kinds: Sequence[str], span: Span
) -> tuple[Agreements, int]:
    """What was signed, between states that were there at the origin; and how many
    others there were."""
    frame = history.agreements
    dated = (frame["signed"] >= pd.Timestamp(span.first)) & (
        frame["signed"] < pd.Timestamp(span.stop)
    )
    frame = frame[
        dated & frame["kind"].isin(kinds) & ~frame["multilateral"].astype(bool)
    ].reset_index(drop=True)
    exact = (
        frame["precision"] == "day"
        if "precision" in frame
        else pd.Series(True, index=frame.index)
    )
    sides = {
        side: np.array(history.iso3)[frame[side].to_numpy(dtype=np.int64)]
        for side in ("a", "b")
    }
    named = frame[["kind", "signed"]].assign(
        run=0, **sides, in_force=frame["in_force"].where(exact)
    )
    there = named["a"].isin(scenario.codes) & named["b"].isin(scenario.codes)
    return from_table(named[there], scenario.codes), int((~there).sum())

"""The networks of a hindcast: what the forward simulation signs after the fit's last year, and what was signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.choices import choices
from balance_sim.evidence.estimation.drift import fit_at, memory_of
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.estimation.terms import fitted_terms
from balance_sim.evidence.forecast.forward import agreements_forward, scenario_of_fit
from balance_sim.evidence.forecast.hindcast_plan import Plan
from balance_sim.replications.gof import Agreements, Span, from_table
from balance_sim.scenario.schema import Scenario


@dataclass(frozen=True)
class Forward:
    """scenario: the record on 1 January after the fit's last year, as it is run forward. observed, simulated: the

    agreements of the kinds fitted, between its states, of the years forecast; kinds: those."""

    scenario: Scenario
    span: Span
    kinds: tuple[str, ...]
    observed: Agreements
    simulated: Agreements
    notes: tuple[str, ...]


def forward_networks(plan: Plan, history: History, *, runs: int, seed: int) -> Forward:
    """Fit up to the plan's last year as `hindcast` does, and run forward without looking at what came after.

    Factors of pairs do not act in the runs, as in the hindcast's own."""
    terms, notes = fitted_terms(history, plan.terms)
    record = choices(history, terms)
    past = record.within(max(plan.first, plan.last - plan.window + 1), plan.last)
    signed = [kind for kind, count in zip(past.kinds, past.signed.sum(axis=0), strict=True) if count > 0]
    found = fit(past.with_kinds(signed or past.kinds), propensities=plan.propensities)
    record = record.with_kinds(found.kinds)
    origin = plan.last + 1
    persistence = 1.0
    if plan.drift:
        memory = memory_of(found, record.within(plan.first, plan.last), plan.window)
        found, persistence = fit_at(found, record, origin, memory, plan.window), plan.persistence
    scenario = scenario_of_fit(found, history, origin, plan.until - plan.last, {})
    world, made = agreements_forward(found, scenario, runs=runs, seed=seed, persistence=persistence)
    at = {code: i for i, code in enumerate(scenario.codes)}
    place = np.array([at[code] for code in world.codes])
    first, second = place[world.first[made.pair]], place[world.second[made.pair]]
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
        notes += (f"{left_out} agreements with a state that joined after {span.first} are left out",)
    return Forward(scenario, span, tuple(found.kinds), observed, simulated, (*notes, *history.notes))


def _observed(
    history: History, scenario: Scenario, kinds: list[str] | tuple[str, ...], span: Span
) -> tuple[Agreements, int]:
    """What was signed, between states that were there at the origin; and how many others there were."""
    frame = history.accords
    dated = (frame["signed"] >= pd.Timestamp(span.first)) & (frame["signed"] < pd.Timestamp(span.stop))
    frame = frame[dated & frame["kind"].isin(kinds) & ~frame["multilateral"].astype(bool)]
    iso3 = np.array(history.iso3)
    exact = frame["precision"] == "day" if "precision" in frame else pd.Series(True, index=frame.index)
    named = pd.DataFrame(
        {
            "run": 0,
            "a": iso3[frame["a"].to_numpy(dtype=np.int64)],
            "b": iso3[frame["b"].to_numpy(dtype=np.int64)],
            "kind": frame["kind"].to_numpy(),
            "signed": frame["signed"].to_numpy(),
            "in_force": frame["in_force"].where(exact).to_numpy(),
        }
    )
    there = named["a"].isin(scenario.codes) & named["b"].isin(scenario.codes)
    return from_table(named[there], scenario.codes), int((~there).sum())

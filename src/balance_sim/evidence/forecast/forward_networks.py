"""The networks that a hindcast's forward simulation signs, and what was signed: for
goodness of fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.varying_intercepts import fit_at
from balance_sim.evidence.forecast.forward import agreements_forward, scenario_of_fit
from balance_sim.evidence.forecast.hindcast import PlannedFits
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.evidence.goodness.networks import Agreements, Span, from_table
from balance_sim.model.core import World
from balance_sim.model.state import AgreementRows
from balance_sim.scenario.schema import Scenario


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

    Factors of dyads do not act in the runs, as in the hindcast's own."""
    fits = PlannedFits.of(plan, history)
    weights = fits.fit(plan.last, signs=False)
    record = fits.as_fitted(weights)
    origin, persistence, notes = plan.last + 1, 1.0, fits.notes
    if plan.drift:
        memory = fits.memory(weights, record)
        weights = fit_at(weights, record, origin, memory, plan.window)
        persistence = plan.persistence
    scenario = scenario_of_fit(weights, history, range(origin, plan.until + 1))
    world, rows = agreements_forward(
        weights, scenario, runs=runs, seed=seed, persistence=persistence
    )
    span = Span(date(origin, 1, 1), date(plan.until + 1, 1, 1))
    observed, left_out = _observed(history, scenario, weights.kinds, span)
    if left_out:
        states = f"a state that joined after {span.first}"
        notes += (f"{left_out} agreements with {states} are left out",)
    return Forward(
        scenario=scenario,
        span=span,
        kinds=tuple(weights.kinds),
        observed=observed,
        simulated=_simulated(scenario, world, rows),
        notes=(*notes, *history.notes),
    )


def _simulated(scenario: Scenario, world: World, rows: AgreementRows) -> Agreements:
    """Agreements of runs, states by position in the scenario."""
    position = {code: i for i, code in enumerate(scenario.codes)}
    places = np.array([position[code] for code in world.codes])
    first, second = places[world.first[rows.dyad]], places[world.second[rows.dyad]]
    signed = np.floor(rows.signed)
    lag = np.floor(rows.in_force) - signed
    return Agreements(
        run=rows.run,
        a=np.minimum(first, second),
        b=np.maximum(first, second),
        kind=np.array(world.ladder.names)[rows.kind],
        signed=scenario.start.toordinal() + signed.astype(np.int64),
        talks=signed - np.floor(rows.opened),
        force=np.where(np.isfinite(lag), lag, np.nan),
    )


def _observed(
    history: History, scenario: Scenario, kinds: Sequence[str], span: Span
) -> tuple[Agreements, int]:
    """What was signed, between states that were there at the origin; and how many
    others there were."""
    frame = history.agreements
    first, stop = pd.Timestamp(span.first), pd.Timestamp(span.stop)
    counts = (frame["signed"] >= first) & (frame["signed"] < stop)
    counts &= frame["kind"].isin(kinds) & ~frame["multilateral"].astype(bool)
    frame = frame[counts].reset_index(drop=True)
    in_force = frame["in_force"]
    if "precision" in frame:
        in_force = in_force.where(frame["precision"] == "day")
    codes = np.array(history.iso3)
    table = frame[["kind", "signed"]].assign(
        run=0,
        a=codes[frame["a"].to_numpy(dtype=np.int64)],
        b=codes[frame["b"].to_numpy(dtype=np.int64)],
        in_force=in_force,
    )
    is_present = table["a"].isin(scenario.codes) & table["b"].isin(scenario.codes)
    return from_table(table[is_present], scenario.codes), int((~is_present).sum())

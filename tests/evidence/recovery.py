"""A record made by the model itself, to see whether a fit finds what it was made with."""

from dataclasses import replace

import numpy as np
import pandas as pd
from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.record_scenario import scenario_at
from balance_sim.evidence.estimation.fitting import WeightFit
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import simulate
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.willingness import TERMS
from balance_sim.scenario.schema import AgreementKind, Scenario

SHORT_DAYS = 1.0


def made_record(
    history: History,
    weights: dict[str, float],
    intercepts: dict[str, float],
    *,
    propensity: Floats | None = None,
    parameters: dict[str, float] | None = None,
    run: int = 0,
    seed: int = 1,
) -> History:
    """The history with the agreements that one run of the engine signs in each of its years, begun anew on 1 January
    with what was signed before, as the fit and forecasts take a year: `at_start` terms are those of that day.

    Talks last a day, none collapse, and agreements enter into force at once, so that the lag between opening and
    signature, which the likelihood leaves out, is not at issue. parameters: of beliefs and reach, laid over the
    defaults."""
    first, last = int(history.years[0]), int(history.years[-1])
    made, by_year = replace(history, agreement_years=(first, last)), []
    for year in range(first, last + 1):
        scenario = scenario_at(
            made,
            year,
            weights={**dict.fromkeys(TERMS, 0.0), **weights},
            intercepts=intercepts,
            propensity=propensity,
            parameters=parameters,
        )
        by_year.append(_signed_in(_short_talks(scenario), history.iso3, 10_000 * run + year, seed))
        made = replace(made, agreements=pd.concat(by_year, ignore_index=True))
    return made


def _signed_in(scenario: Scenario, roster: tuple[str, ...], run: int, seed: int) -> pd.DataFrame:
    """Agreements that one run signs, as a history holds them."""
    worlds, numbers = compile_worlds(scenario), np.array([run], dtype=np.uint64)
    world = worlds.reference
    opportunities = draw_opportunities(world, seed, numbers)
    made = simulate(
        world, worlds.baseline, opportunities, thinning(world, opportunities, None), seed, numbers
    ).agreements
    kept = np.flatnonzero((made.signed >= 0) & (made.signed < world.grid[-1]))
    place = np.array([roster.index(code) for code in world.codes])
    a, b = place[world.first[made.dyad[kept]]], place[world.second[made.dyad[kept]]]
    when = pd.Timestamp(scenario.start) + pd.to_timedelta(np.floor(made.signed[kept]), unit="D")
    return pd.DataFrame(
        {
            "accord_id": [f"made-{run}-{k}" for k in range(len(kept))],
            "kind": [world.ladder.names[m] for m in made.kind[kept]],
            "signed": when,
            "in_force": when,
            "ended": pd.Series(pd.NaT, index=range(len(kept)), dtype="datetime64[ns]"),
            "precision": "day",
            "multilateral": False,
            "a": np.minimum(a, b),
            "b": np.maximum(a, b),
        }
    )


def _short_talks(scenario: Scenario) -> Scenario:
    kinds = {
        name: AgreementKind(**{**kind.model_dump(), "talks_days": SHORT_DAYS, "at_once": 1.0})
        for name, kind in scenario.kinds.items()
    }
    calm = scenario.parameters.model_copy(update={"collapse_rate": 0.0})
    return scenario.model_copy(update={"kinds": kinds, "parameters": calm})


def covered(fit: WeightFit, truth: dict[str, float]) -> dict[str, bool]:
    """Whether each 95 % interval holds what the record was made with."""
    error = fit.standard_error
    return {
        name: bool(abs(value - truth[name]) <= 1.959964 * one)
        for name, value, one in zip(fit.names, fit.estimate, error, strict=True)
        if name in truth
    }


__all__ = ["covered", "made_record"]

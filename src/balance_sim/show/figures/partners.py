"""States by how much an arm changes their expected new security agreements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from balance_sim.model.classes import classes_of
from balance_sim.show.names import state_names
from balance_sim.show.tables import clear

if TYPE_CHECKING:
    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario

STATES = ["code", "name", "effect", "lo", "hi", "clear", "participant", "longitude", "latitude"]


def places_of(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Longitude and latitude of each state by its code, in degrees; NaN where not known."""
    return {state.id: (_or_nan(state.longitude), _or_nan(state.latitude)) for state in scenario.states}


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def states_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a state: code, name, effect (filtered, on its expected new security agreements within the longest
    window), its 95 % CI, clear (it excludes zero), participant (in the focal event), longitude, latitude."""
    arm = arm if arm is not None else result.headline_arm
    codes = list(result.scenario.codes)
    if arm is None or not result.finished:
        return pd.DataFrame(columns=STATES)
    of_arm = result.states[result.states["arm"] == arm].set_index("state").reindex(codes)
    table = of_arm[["effect", "lo", "hi"]].astype(float).fillna(0.0).reset_index(names="code")
    table["clear"] = clear(table)
    names, places = state_names(result.scenario), places_of(result.scenario)
    taking_part = classes_of(result.scenario).participants
    table["name"] = [names[code] for code in codes]
    table["participant"] = [code in taking_part for code in codes]
    table["longitude"] = [places[code][0] for code in codes]
    table["latitude"] = [places[code][1] for code in codes]
    return table[STATES]

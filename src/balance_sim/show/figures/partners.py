"""States by how many more partners with a new accord they have in an arm than in the reference."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.show.tables import clear
from balance_sim.study.intervals import Sides, paired_half_widths
from balance_sim.study.pairs import NEW_ORIGINS, column_words, positions

if TYPE_CHECKING:
    import pyarrow as pa

    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

STATES = ["code", "excess", "lo", "hi", "clear", "longitude", "latitude"]


def places_of(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Longitude and latitude of each state by its code, in degrees; NaN where not known."""
    return {state.id: (_or_nan(state.longitude), _or_nan(state.latitude)) for state in scenario.states}


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def states_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a state: code, excess (pairs with a new accord in the longest window, per run, over the reference,
    paired by run), its 95 % interval, clear (it excludes zero), longitude, latitude."""
    arm = arm if arm is not None else result.headline_arm
    codes = list(result.scenario.codes)
    if arm is None or result.outcomes.empty:
        return pd.DataFrame(columns=STATES)
    n, sums = 0, np.zeros((len(fields(Sides)), len(codes)))
    for runs, accords in result.blocks():
        here = np.unique(runs["run"].to_numpy())
        difference = partners(accords, here, arm, result) - partners(accords, here, result.reference, result)
        n, sums = n + len(here), sums + np.stack(astuple(Sides.of(difference)))
    sides = Sides(*sums)
    mean, squares = (sides.gained - sides.lost) / n, sides.gained2 + sides.lost2
    spread = (
        np.sqrt(np.maximum(squares - n * mean**2, 0.0) / (n - 1)) if n > 1 else np.full(len(codes), np.nan)
    )
    below, above = paired_half_widths(spread, n, sides, 0.0 if arm in result.alike else 1.0)
    table = pd.DataFrame({"code": codes, "excess": mean, "lo": mean - below, "hi": mean + above})
    table["clear"] = clear(table) & (spread > 0)
    places = places_of(result.scenario)
    table["longitude"] = [places[code][0] for code in codes]
    table["latitude"] = [places[code][1] for code in codes]
    return table[STATES]


def partners(accords: pa.Table, runs: npt.NDArray[Any], arm: str, result: Result) -> npt.NDArray[np.float64]:
    """(runs, states) number of partners with a new accord of any kind in the longest window."""
    codes = list(result.scenario.codes)
    after = accords["signed"].cast("int32").fill_null(-(2**30)).to_numpy() - result.focal_day
    wanted = (column_words(accords, "arm") == arm) & np.isin(column_words(accords, "origin"), NEW_ORIGINS)
    wanted &= (after >= 1) & (after <= result.window)
    run = np.searchsorted(runs, accords["run"].to_numpy()[wanted])
    a, b = (positions(accords, side, codes)[wanted] for side in ("a", "b"))
    met = np.zeros((len(runs), len(codes), len(codes)), dtype=bool)
    met[run, a, b] = True
    return np.asarray(met.sum(axis=1) + met.sum(axis=2), dtype=np.float64)

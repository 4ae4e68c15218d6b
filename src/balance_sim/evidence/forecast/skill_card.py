"""The skill card of a calibration: the last years of a scenario's own record, each
forecast from those before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.calibration import WINDOW, Prior, forecast_from
from balance_sim.evidence.estimation.choices import Choices, OwnRecord
from balance_sim.evidence.forecast.own_baselines import own_predictors, own_rows
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.scenario.schema import Scenario

CARD_YEARS = 5
"""Years at the end of the record that are forecast, each from those before it."""


def skill_card(
    scenario: Scenario,
    record: OwnRecord,
    prior: Prior,
    window: int = WINDOW,
    origins: tuple[int, ...] = (),
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """One year ahead from each origin, by default the last five years of the record:
    calibrate on what was known, forecast the year after, score beside baselines trained
    on the same record and no more of it.

    Returned: `origins` forecast; by origin in `years` the agreements' dyads that the
    model `expected`, and those that `happened`; `scores` by forecast; `notes`. record:
    with the years before the first origin that the window asks for, where there are
    any. Raises DataError where no year can be forecast."""
    rows = own_rows(scenario, record)
    forecasts: list[dict[str, Floats]] = []
    choices: list[Choices] = []
    years: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    for origin in origins or record.years[-CARD_YEARS:]:
        start = record.starts[origin]
        say(f"forecast of the year that begins on {start}")
        try:
            happened, p = forecast_from(record, prior, window, origin)
        except DataError as error:
            notes.append(f"no forecast from {start}: {error.message}")
            continue
        predictors, reasons = own_predictors(rows.within(record.years[0], origin - 1))
        notes += [f"{start}: {reason}" for reason in reasons]
        ahead = rows.within(origin, origin)
        by_name = {name: predict(ahead) for name, predict in predictors.items()}
        forecasts.append({"model": p, **by_name})
        choices.append(happened)
        signed, expected = int(happened.any_signed.sum()), round(float(p.sum()), 6)
        years[str(origin)] = {"expected": expected, "happened": signed}
    if not years:
        raise DataError(
            "no year of the record can be forecast from those before it",
            "Give a longer record",
        )
    joined = {}
    for name in forecasts[0]:
        if all(name in forecast for forecast in forecasts):
            joined[name] = np.concatenate([forecast[name] for forecast in forecasts])
    came = Choices.joined(choices)
    return {
        "origins": [int(origin) for origin in years],
        "years": years,
        "scores": score_forecasts(joined, came.any_signed, came.sides, came.year),
        "notes": notes,
    }

"""The skill card of a calibration: the last years of a scenario's own record, each
forecast from those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.calibration import WINDOW, Prior, forecast_from
from balance_sim.evidence.estimation.choices import Choices, OwnRecord
from balance_sim.evidence.forecast.own_baselines import own_predictors, own_rows
from balance_sim.evidence.forecast.score import Scores, score_forecasts
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.schema import Scenario

CARD_YEARS = 5
"""Years at the end of the record that are forecast, each from those before it."""


@dataclass(frozen=True)
class SkillCard:
    """Rolling origin inside a scenario's own record: calibrate on what was known,
    forecast the year after, score.

    scores: by forecast, `model` first, beside it baselines trained on the same record
    and no more of it. origins: years forecast. expected: by origin, agreements' dyads
    the model expected, and those that came."""

    scores: dict[str, Scores]
    origins: tuple[int, ...]
    expected: dict[int, tuple[float, int]]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        years = {}
        for year, (expected, happened) in self.expected.items():
            counts = {"expected": round(expected, 6), "happened": happened}
            years[str(year)] = counts
        return {
            "origins": list(self.origins),
            "years": years,
            "scores": plain_data(self.scores),
            "notes": list(self.notes),
        }


def skill_card(
    scenario: Scenario,
    record: OwnRecord,
    prior: Prior,
    window: int = WINDOW,
    origins: tuple[int, ...] = (),
    resamples: int = 1000,
    say: Callable[[str], None] = lambda _: None,
) -> SkillCard:
    """One year ahead from each origin, by default the last five years of the record.

    record: with the years before the first origin that the window asks for,
    where there are any. Raises DataError where no year can be forecast."""
    rows = own_rows(scenario, record)
    forecasts: list[dict[str, Floats]] = []
    years: dict[int, Choices] = {}
    notes: list[str] = []
    for origin in origins or record.years[-CARD_YEARS:]:
        start = record.starts[origin]
        say(f"forecast of the year that begins on {start}")
        try:
            years[origin], p = forecast_from(record, prior, window, origin)
        except DataError as error:
            notes.append(f"no forecast from {start}: {error.message}")
            continue
        earlier = rows.within(record.years[0], origin - 1)
        predictors, reasons = own_predictors(earlier)
        notes += [f"{start}: {reason}" for reason in reasons]
        ahead = rows.within(origin, origin)
        forecast = {"model": p}
        forecast |= {name: predict(ahead) for name, predict in predictors.items()}
        forecasts.append(forecast)
    if not years:
        message = "no year of the record can be forecast from those before it"
        raise DataError(message, "Give a longer record")
    happened = Choices.joined(list(years.values()))
    joined = {}
    for name in forecasts[0]:
        if all(name in forecast for forecast in forecasts):
            joined[name] = np.concatenate([forecast[name] for forecast in forecasts])
    expected = {}
    for (origin, choices), forecast in zip(years.items(), forecasts, strict=True):
        total = float(forecast["model"].sum())
        expected[origin] = (total, int(choices.any_signed.sum()))
    y, dyad = happened.any_signed, happened.dyad
    scores = score_forecasts(joined, y, dyad, resamples=resamples)
    return SkillCard(scores, tuple(years), expected, tuple(notes))

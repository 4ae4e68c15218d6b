"""Rolling origin inside a scenario's own record: calibrate on what was known, forecast the year after, score.

Beside the model stand baselines trained on the same record and no more of it (`own_baselines`). Scores and paired
intervals are those of `evidence.forecast.score`, dyads resampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.calibration import FORM, Form, Prior, calibrate, forecast
from balance_sim.evidence.estimation.choices import OwnRecord
from balance_sim.evidence.forecast.baselines import WINDOW
from balance_sim.evidence.forecast.hindcast import finite
from balance_sim.evidence.forecast.own_baselines import OWN_BASELINES, own_predictors, own_rows
from balance_sim.evidence.forecast.score import Scores, score_forecasts
from balance_sim.scenario.schema import Scenario

YEARS = 5
"""Years at the end of the record that are forecast, each from those before it."""


@dataclass(frozen=True)
class SkillCard:
    """scores: by forecast, `model` first. origins: years forecast. expected: by origin, agreements' dyads the model
    expected, and those that came. notes: what a reader should know."""

    scores: dict[str, Scores]
    origins: tuple[int, ...]
    expected: dict[int, tuple[float, int]]
    forecasts: dict[str, Floats]
    y: Floats
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "origins": list(self.origins),
            "years": {
                str(year): {"expected": round(expected, 6), "happened": came}
                for year, (expected, came) in self.expected.items()
            },
            "scores": {name: finite(one.as_dict()) for name, one in self.scores.items()},
            "notes": list(self.notes),
        }


def skill_card(
    scenario: Scenario,
    record: OwnRecord,
    prior: Prior,
    form: Form = FORM,
    origins: tuple[int, ...] = (),
    resamples: int = 1000,
    say: Callable[[str], None] = lambda _: None,
) -> SkillCard:
    """One year ahead from each origin, by default the last five years of the record.

    record: with the years before the first origin that the form's window asks for, where there are any. Raises
    DataError where no year can be forecast."""
    origins = origins or record.years[-YEARS:]
    rows = own_rows(scenario, record)
    made: dict[str, list[Floats]] = {name: [] for name in ("model", *OWN_BASELINES)}
    seen: list[tuple[int, Floats, Floats]] = []
    notes: list[str] = []
    for origin in origins:
        say(f"forecast of the year that begins on {record.starts[origin]}")
        try:
            found = calibrate(record.within(origin - form.window, origin - 1), prior, form)
        except DataError as error:
            notes.append(f"no forecast from {record.starts[origin]}: {error.message}")
            continue
        now = record.within(origin, origin).choices
        p = forecast(found, now)
        made["model"].append(p)
        new = rows.within(origin, origin)
        known, without = own_predictors(rows.within(record.years[0], origin - 1), WINDOW)
        notes += [f"{record.starts[origin]}: {one}" for one in without]
        for name in OWN_BASELINES:
            if name in known:
                made[name].append(known[name](new))
        seen.append((origin, p, now.any_signed))
    if not seen:
        raise DataError("no year of the record can be forecast from those before it", "Give a longer record")
    whole = {name: np.concatenate(parts) for name, parts in made.items() if len(parts) == len(seen)}
    y = np.concatenate([now for _, _, now in seen])
    pair = np.concatenate([record.within(origin, origin).choices.pair for origin, _, _ in seen])
    return SkillCard(
        scores=score_forecasts(whole, y, pair, resamples=resamples),
        origins=tuple(origin for origin, _, _ in seen),
        expected={origin: (float(p.sum()), int(now.sum())) for origin, p, now in seen},
        forecasts=whole,
        y=y,
        notes=tuple(notes),
    )


__all__ = ["YEARS", "SkillCard", "skill_card"]

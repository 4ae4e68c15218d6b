"""The shipped theories scored on the same held-back years of a scenario's own record,
and stacked.

Each preset is calibrated on what was known at each origin, as the skill card does it
(`skill_card`), with the weights that the theory names held, so that all stand at one
base rate: the record's. The probabilities that they gave to what came in the years
after are stacked (`stats.stacking`). Theories that differ in how acts weigh alone, as
`signalling` does, forecast alike here: the record of agreements holds few acts and
cannot tell them apart, and they share one weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import Field

from balance_sim.evidence.estimation.calibration import (
    WINDOW,
    forecast_from,
    prior_of,
)
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.forecast.skill_card import CARD_YEARS
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.defaults import fitted_distribution, presets
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.plans import read_plan
from balance_sim.scenario.schema import Strict
from balance_sim.stats import Floats
from balance_sim.stats.scores import (
    FLOOR,
    average_precision,
    stacking_weights,
    surprise,
)
from balance_sim.study.machine import version


class TheoryScore(Strict):
    """Of one theory. weight: by stacking; log_score: nats a dyad and year, lower is
    better."""

    weight: Annotated[float, Field(ge=0.0, le=1.0)]
    log_score: float
    average_precision: float


class TheoriesFile(Strict):
    """What `calibrate --theories` writes beside the calibration. record_sha256,
    weights_sha256: of what was scored."""

    command: str
    version: str
    origins: tuple[int, ...]
    dyad_years: int
    record_sha256: str
    weights_sha256: str
    theories: dict[str, TheoryScore]


NAME = "theories.yaml"
HEAD = """\
# Written by `balance-sim evidence calibrate --theories`: each theory, calibrated on the
# scenario's own record, forecasts its last years from what was known before. weight: by
# stacking (Yao et al. 2018); log_score: nats a dyad and year, lower is better. See
# docs/evidence.md.
"""


def theories_text(file: TheoriesFile) -> str:
    """The file as text."""
    plain = file.model_dump(mode="json")
    text = yaml.safe_dump(plain, sort_keys=False, width=100, default_flow_style=None)
    return f"{HEAD}{text}"


def stacking_weights_beside(
    scenario: Scenario, folder: Path
) -> dict[str, float] | None:
    """Weights in the file in a folder; None where there is no file, and no weights
    where it is of another record, fit or set of theories.

    Raises ScenarioError for a file that is not what the command writes."""
    path = folder / NAME
    if not path.is_file():
        return None
    file = read_plan(TheoriesFile, path)
    is_current = file.record_sha256 == record_digest(scenario)
    is_current &= file.weights_sha256 == weights_digest()
    if not is_current or {*file.theories} != {*presets()}:
        return {}
    return {name: score.weight for name, score in file.theories.items()}


def theory_scores(p: Mapping[str, Floats], y: Floats) -> dict[str, TheoryScore]:
    """By theory its scores; theories whose forecasts are the same share their weight
    equally.

    p: by theory, (N,) probability that each dyad signs within the year after an origin;
    y: (N,) whether it did."""
    likelihoods = [
        np.clip(np.where(y > 0, values, 1.0 - values), FLOOR, 1.0)
        for values in p.values()
    ]
    weights = stacking_weights(np.column_stack(likelihoods))
    return {
        name: TheoryScore(
            weight=round(float(weight), 6),
            log_score=round(float(surprise(values, y).mean()), 8),
            average_precision=round(average_precision(values, y), 6),
        )
        for (name, values), weight in zip(p.items(), weights, strict=True)
    }


def score_theories(
    path: Path | str,
    command: str,
    window: int = WINDOW,
    until: date | None = None,
    say: Callable[[str], Any] = lambda _: None,
) -> TheoriesFile:
    """Forecast the last years of a scenario's own record under each theory. command:
    for the file; until: day before which the record is complete; the scenario's start
    if not given. Raises DataError where the record holds too little."""
    forecasts: dict[str, Floats] = {}
    for theory in presets():
        scenario = load_scenario(path, theory=theory, calibrated=False)
        prior = prior_of(scenario, fitted_distribution())
        end = until or scenario.start
        record = own_record(scenario, window + CARD_YEARS, until=end)
        origins, years, p = record.years[-CARD_YEARS:], [], []
        for origin in origins:
            start = record.starts[origin]
            say(f"{theory}: forecast of the year that begins on {start}")
            choices, probabilities = forecast_from(record, prior, window, origin)
            years.append(choices.any_signed)
            p.append(probabilities)
        forecasts[theory], y = np.concatenate(p), np.concatenate(years)
    raw = load_scenario(path, calibrated=False)
    return TheoriesFile(
        command=command,
        version=version(),
        origins=origins,
        dyad_years=len(y),
        record_sha256=record_digest(raw),
        weights_sha256=weights_digest(),
        theories=theory_scores(forecasts, y),
    )

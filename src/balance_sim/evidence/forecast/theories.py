"""The shipped theories scored on the same held-back years of a scenario's own record,
and stacked.

Each preset is calibrated on what was known at each origin, as the skill card does it
(`skill_card`), with the weights that the theory names held, so that all stand at one
base rate: the record's. The probabilities that they gave to what came in the years
after are stacked (`evidence.scores.stacking_weights`). Theories that differ in how acts
weigh alone, as `signalling` does, forecast alike here: the record of agreements holds
few acts and cannot tell them apart, and they have one weight between them.
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
from balance_sim.evidence.scores import (
    FLOOR,
    average_precision,
    stacking_weights,
    surprise,
    twins,
)
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.defaults import fitted_distribution, presets
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.plans import read_plan
from balance_sim.stats import Floats, Ints
from balance_sim.study.machine import version

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class TheoryScore(Strict):
    """Of one theory. weight: by stacking, of it and of those that it is `not_told_from`
    together; weight_ci95: over resamples of states; log_score: nats a dyad and year,
    lower is better."""

    weight: Share
    weight_ci95: tuple[Share, Share]
    not_told_from: tuple[str, ...] = ()
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


NAME, SEED = "theories.yaml", 1
HEAD = """\
# Written by `balance-sim evidence calibrate --theories`: each theory, calibrated on the
# scenario's own record, forecasts its last years from what was known before. weight: by
# stacking (Yao et al. 2018), of a theory and of those that it is `not_told_from`
# together, with its 95 % interval over resamples of states; log_score: nats a dyad and
# year, lower is better. See docs/evidence.md.
"""


def theories_text(file: TheoriesFile) -> str:
    """The file as text."""
    text = yaml.safe_dump(
        file.model_dump(mode="json"),
        sort_keys=False,
        width=100,
        default_flow_style=None,
    )
    return f"{HEAD}{text}"


def theory_scores_beside(
    scenario: Scenario, folder: Path
) -> dict[str, TheoryScore] | None:
    """Scores in the file in a folder; None where there is no file, and no scores where
    it is of another record, fit or set of theories.

    Raises ScenarioError for a file that is not what the command writes."""
    path = folder / NAME
    if not path.is_file():
        return None
    file = read_plan(TheoriesFile, path)
    is_current = file.record_sha256 == record_digest(scenario)
    is_current &= file.weights_sha256 == weights_digest()
    if not is_current or {*file.theories} != {*presets()}:
        return {}
    return file.theories


def theory_scores(
    p: Mapping[str, Floats], y: Floats, states: Ints, resamples: int = 500
) -> dict[str, TheoryScore]:
    """By theory its scores; theories that no forecast tells apart (`twins`) are stacked
    as one, by their mean.

    p: by theory, (N,) probability that each dyad signs within the year after an origin;
    y: (N,) whether it did; states: (N, 2) of each dyad, numbers from 0."""
    names, columns = list(p), np.column_stack([*p.values()])
    groups = twins(columns)
    merged = np.column_stack([columns[:, group].mean(axis=1) for group in groups])
    chance = np.clip(np.where(y[:, None] > 0, merged, 1.0 - merged), FLOOR, 1.0)
    weights = stacking_weights(chance)
    count, rng = int(states.max()) + 1, np.random.default_rng(SEED)
    drawn = []
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, count, count), minlength=count)
        dyads = times[states].prod(axis=1).astype(float)
        if dyads.any():
            drawn.append(stacking_weights(chance, dyads))
    ends = np.quantile(drawn, [0.025, 0.975], axis=0)
    scores: dict[str, TheoryScore] = {}
    for weight, (low, high), group in zip(weights, ends.T, groups, strict=True):
        for place in group:
            values = columns[:, place]
            scores[names[place]] = TheoryScore(
                weight=round(float(weight), 4),
                weight_ci95=(round(float(low), 4), round(float(high), 4)),
                not_told_from=tuple(names[k] for k in group if k != place),
                log_score=round(float(surprise(values, y).mean()), 8),
                average_precision=round(average_precision(values, y), 6),
            )
    return {name: scores[name] for name in names}


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
        origins, p = record.years[-CARD_YEARS:], []
        for origin in origins:
            start = record.starts[origin]
            say(f"{theory}: forecast of the year that begins on {start}")
            p.append(forecast_from(record, prior, window, origin)[1])
        forecasts[theory] = np.concatenate(p)
        came = record.within(origins[0], origins[-1]).choices
    raw = load_scenario(path, calibrated=False)
    return TheoriesFile(
        command=command,
        version=version(),
        origins=origins,
        dyad_years=len(came.year),
        record_sha256=record_digest(raw),
        weights_sha256=weights_digest(),
        theories=theory_scores(forecasts, came.any_signed, came.sides),
    )

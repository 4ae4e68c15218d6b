"""The baselines trained on a scenario's own record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.choices import (
    OwnRecord,
    signing_day,
    years_before,
)
from balance_sim.evidence.estimation.features import (
    DISTANCE_OFFSET_KM,
    MEMORY_HALF_LIFE,
    QUARRELS,
    RECENT_YEARS,
    FeatureYears,
    NetworkMoment,
    dyad_columns,
)
from balance_sim.evidence.forecast.baselines import (
    BASELINES,
    WINDOW,
    Predictor,
    fit_logit,
)
from balance_sim.model.core import DAYS_PER_YEAR
from balance_sim.model.world import capabilities, differences, distances, lesser
from balance_sim.scenario.schema import Agreement, Scenario

OWN_BASELINES: Mapping[str, Callable[[FeatureYears], Predictor]] = {
    **BASELINES,
    "earlier_count": partial(fit_logit, columns=("ln_earlier",)),
}
"""And a logit on ln(1 + earlier agreements of the dyad) alone: what the classes of
`earlier_accords` put together."""


def own_predictors(train: FeatureYears) -> tuple[dict[str, Predictor], tuple[str, ...]]:
    """The baselines trained on the last `WINDOW` years of some rows, and why one could
    not be."""
    last = int(train.year.max())
    rows = train.within(last - WINDOW + 1, last)
    predictors: dict[str, Predictor] = {}
    reasons = []
    for name, baseline in OWN_BASELINES.items():
        try:
            predictors[name] = baseline(rows)
        except DataError as error:
            reasons.append(f"no baseline {name}: {error.message}")
    return predictors, tuple(reasons)


def own_rows(scenario: Scenario, record: OwnRecord) -> FeatureYears:
    """The rows of a scenario's own record, in its order, with the columns of the
    baselines; y is NaN where it looks at nothing.

    Columns are as known at the start of the year, as in `features.pair_years`; what the
    tables have without dates (sizes, regimes, ideal points, distances, quarrels) is the
    same in every year. Agreements between two states count, as they do for the model;
    legs of multilateral treaties are in `pact`, `other_alliance` and the network
    alone."""
    choices = record.choices
    years = [_columns(scenario, start) for start in record.starts.values()]
    return FeatureYears(
        choices.year,
        choices.a,
        choices.b,
        choices.any_signed,
        choices.exposure,
        pd.concat(years, ignore_index=True),
    )


def _columns(scenario: Scenario, start: date) -> pd.DataFrame:
    """The columns of one year, a row a dyad."""
    i, j = np.triu_indices(len(scenario.codes), 1)
    place = {code: k for k, code in enumerate(scenario.codes)}
    standing, bilateral = [], []
    for agreement in scenario.agreements:
        day = signing_day(agreement)
        if day is None or day >= start:
            continue
        if agreement.ended is None or agreement.ended >= start:
            standing.append(agreement)
        if not agreement.multilateral:
            bilateral.append((day, agreement))
    signed = [agreement for _, agreement in bilateral]
    ages = [(start - day).days / DAYS_PER_YEAR for day, _ in bilateral]
    since_recent = years_before(start, RECENT_YEARS)
    recent = [agreement for day, agreement in bilateral if day >= since_recent]
    since = np.full((len(place), len(place)), np.nan)
    for age, agreement in zip(ages, signed, strict=True):
        a, b = place[agreement.a], place[agreement.b]
        since[a, b] = since[b, a] = np.fmin(since[a, b], age)
    ideal_points = [state.ideal_point for state in scenario.states]
    fading = [2.0 ** (-age / MEMORY_HALF_LIFE) for age in ages]
    moment = NetworkMoment(
        capability=capabilities(scenario),
        ideal=np.array([np.nan if x is None else x for x in ideal_points]),
        present=np.ones(len(place), dtype=bool),
        earlier=_table(place, signed),
        memory=_table(place, signed, fading),
        recent=_table(place, recent),
        since_last=since,
        ties=(_table(place, standing) > 0).astype(np.float64),
    )
    return dyad_columns(i, j, moment, _dyadic(scenario, standing))


def _dyadic(scenario: Scenario, standing: Sequence[Agreement]) -> dict[str, Floats]:
    """(P,) by name: what holds of a dyad besides its earlier agreements."""
    i, j = np.triu_indices(len(scenario.codes), 1)
    place = {code: k for k, code in enumerate(scenario.codes)}
    pacts, other_alliances = [], []
    for agreement in standing:
        if scenario.kinds[agreement.kind].depth >= 1.0:
            pacts.append(agreement)
        elif agreement.multilateral:
            other_alliances.append(agreement)
    regimes = [state.democracy for state in scenario.states]
    is_unknown = np.array([value is None for value in regimes])
    columns = {
        "ln_distance": np.log(distances(scenario)[i, j] + DISTANCE_OFFSET_KM),
        "joint_democracy": lesser(regimes)[i, j],
        "democracy_gap": differences(regimes)[i, j],
        "democracy_missing": (is_unknown[i] | is_unknown[j]).astype(np.float64),
        "contiguous": np.full(len(i), np.nan),
        "pact": (_table(place, pacts) > 0).astype(np.float64)[i, j],
        "other_alliance": (_table(place, other_alliances) > 0).astype(float)[i, j],
    }
    for name in QUARRELS:
        strength = np.zeros((len(place), len(place)))
        for row in scenario.disputes:
            a, b = place[row.a], place[row.b]
            strength[a, b] = strength[b, a] = getattr(row, name)
        columns[name] = strength[i, j]
    return columns


def _table(
    place: Mapping[str, int],
    agreements: Sequence[Agreement],
    weight: Sequence[float] | float = 1.0,
) -> Floats:
    """(n, n) agreements of each dyad, symmetric; each 1, or its weight."""
    first = [place[agreement.a] for agreement in agreements]
    second = [place[agreement.b] for agreement in agreements]
    table = np.zeros((len(place), len(place)))
    np.add.at(table, (first, second), weight)
    return table + table.T

"""The baselines trained on a scenario's own record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
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
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats, Ints

OWN_BASELINES: Mapping[str, Callable[[FeatureYears], Predictor]] = {
    **BASELINES,
    "earlier_count": partial(fit_logit, columns=("ln_earlier",)),
}
"""And a logit on ln(1 + earlier agreements of the dyad) alone: what the classes of
`earlier_accords` put together."""


SIGNED = ["a", "b", "day", "end", "multilateral", "depth"]


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
    choices, signed = record.choices, _signed(scenario)
    years = [_columns(scenario, signed, start) for start in record.starts.values()]
    return FeatureYears(
        choices.year,
        choices.a,
        choices.b,
        choices.any_signed,
        choices.exposure,
        pd.concat(years, ignore_index=True),
    )


def _signed(scenario: Scenario) -> pd.DataFrame:
    """Agreements with a day of signature (`SIGNED`): positions of both sides, the last
    day in force, and what kind of agreement it is."""
    place = {code: k for k, code in enumerate(scenario.codes)}
    rows = []
    for agreement in scenario.agreements:
        day = signing_day(agreement)
        if day is not None:
            a, b, end = place[agreement.a], place[agreement.b], agreement.ended
            depth = scenario.kinds[agreement.kind].depth
            rows.append((a, b, day, end or date.max, agreement.multilateral, depth))
    return pd.DataFrame(rows, columns=SIGNED)


def _columns(scenario: Scenario, signed: pd.DataFrame, start: date) -> pd.DataFrame:
    """The columns of one year, a row a dyad. signed: of `_signed`."""
    states = len(scenario.codes)
    i, j = np.triu_indices(states, 1)
    earlier = signed[signed["day"] < start]
    standing = earlier[earlier["end"] >= start]
    bilateral = earlier[~earlier["multilateral"].astype(bool)]
    age = np.array([(start - day).days for day in bilateral["day"]]) / DAYS_PER_YEAR
    since = np.full((states, states), np.inf)
    np.minimum.at(since, _sides(bilateral), age)
    since = np.minimum(since, since.T)
    ideal_points = [state.ideal_point for state in scenario.states]
    moment = NetworkMoment(
        capability=capabilities(scenario),
        ideal=np.array([np.nan if x is None else x for x in ideal_points]),
        present=np.ones(states, dtype=bool),
        earlier=_table(states, bilateral),
        memory=_table(states, bilateral, 2.0 ** (-age / MEMORY_HALF_LIFE)),
        recent=_table(
            states, bilateral[bilateral["day"] >= years_before(start, RECENT_YEARS)]
        ),
        since_last=np.where(np.isfinite(since), since, np.nan),
        ties=(_table(states, standing) > 0).astype(np.float64),
    )
    return dyad_columns(i, j, moment, _dyadic(scenario, standing))


def _dyadic(scenario: Scenario, standing: pd.DataFrame) -> dict[str, Floats]:
    """(P,) by name: what holds of a dyad besides its earlier agreements. standing: of
    `_signed`, in force."""
    states, regimes = (
        len(scenario.codes),
        [state.democracy for state in scenario.states],
    )
    i, j = np.triu_indices(states, 1)
    is_unknown = np.array([value is None for value in regimes])
    is_pact = standing["depth"] >= 1.0
    others = standing[~is_pact & standing["multilateral"].astype(bool)]
    columns = {
        "ln_distance": np.log(distances(scenario)[i, j] + DISTANCE_OFFSET_KM),
        "joint_democracy": lesser(regimes)[i, j],
        "democracy_gap": differences(regimes)[i, j],
        "democracy_missing": (is_unknown[i] | is_unknown[j]).astype(np.float64),
        "contiguous": np.full(len(i), np.nan),
        "pact": (_table(states, standing[is_pact]) > 0).astype(np.float64)[i, j],
        "other_alliance": (_table(states, others) > 0).astype(np.float64)[i, j],
    }
    place = {code: k for k, code in enumerate(scenario.codes)}
    for name in QUARRELS:
        strength = np.zeros((states, states))
        for row in scenario.disputes:
            a, b = place[row.a], place[row.b]
            strength[a, b] = strength[b, a] = getattr(row, name)
        columns[name] = strength[i, j]
    return columns


def _sides(agreements: pd.DataFrame) -> tuple[Ints, Ints]:
    """(E,) and (E,) positions of both sides."""
    return agreements["a"].to_numpy(np.int64), agreements["b"].to_numpy(np.int64)


def _table(
    states: int, agreements: pd.DataFrame, weight: Floats | float = 1.0
) -> Floats:
    """(n, n) agreements of each dyad, symmetric; each 1, or its weight."""
    table = np.zeros((states, states))
    np.add.at(table, _sides(agreements), weight)
    return table + table.T

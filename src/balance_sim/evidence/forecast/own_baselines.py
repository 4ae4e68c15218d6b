"""Baselines from a scenario's own record: the columns that `baselines` reads, for its own dyads and years.

Each column is as known at the start of the year, as in `features.pair_years`: of earlier agreements those signed
before it; what the tables have without dates (sizes, regimes, ideal points, distances, quarrels) is the same in every
year. Agreements between two states count, as they do for the model; legs of multilateral treaties are in `pact`,
`other_alliance` and the network alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.choices import OwnRecord, signing_day, years_before
from balance_sim.evidence.estimation.features import (
    DISTANCE_OFFSET_KM,
    MEMORY_HALF_LIFE,
    RECENT_YEARS,
    PairYears,
)
from balance_sim.evidence.forecast.baselines import BASELINES, WINDOW, Predictor, fit_logit
from balance_sim.model.core import DAYS_PER_YEAR
from balance_sim.model.world import capabilities, differences, distances, lesser
from balance_sim.scenario.schema import Accord, Scenario

COUNT = "earlier_count"
"""A logit on ln(1 + earlier agreements of the dyad) alone: what the classes of `earlier_accords` put together."""
OWN_BASELINES = (*BASELINES, COUNT)


def own_rows(scenario: Scenario, record: OwnRecord) -> PairYears:
    """The rows of a record, in its order, with the columns of the baselines. y is NaN where it looks at nothing."""
    parts = [_columns(scenario, start) for start in record.starts.values()]
    c = record.choices
    return PairYears(c.year, c.a, c.b, c.any_signed, c.exposure, pd.concat(parts, ignore_index=True))


def _columns(scenario: Scenario, start: date) -> pd.DataFrame:
    n = len(scenario.codes)
    i, j = np.triu_indices(n, 1)
    dated = [(day, one) for one in scenario.accords if (day := signing_day(one)) is not None and day < start]
    signed = [(day, one) for day, one in dated if not one.multilateral]
    size = np.log(np.maximum(capabilities(scenario), 1e-7))
    ideal = np.array([np.nan if s.ideal_point is None else s.ideal_point for s in scenario.states])
    regimes = [s.democracy for s in scenario.states]
    unknown = np.array([value is None for value in regimes])
    x: dict[str, Floats] = {
        "ln_size": size[i] + size[j],
        "ln_size_gap": np.abs(size[i] - size[j]),
        "size_low": np.minimum(size[i], size[j]),
        "size_high": np.maximum(size[i], size[j]),
        "ln_distance": np.log(distances(scenario)[i, j] + DISTANCE_OFFSET_KM),
        "contiguous": np.full(len(i), np.nan),
        "joint_democracy": lesser(regimes)[i, j],
        "democracy_gap": differences(regimes)[i, j],
        "democracy_missing": (unknown[i] | unknown[j]).astype(np.float64),
        "ideal_gap": np.abs(ideal[i] - ideal[j]),
        "ideal_sum": ideal[i] + ideal[j],
        "ideal_missing": np.isnan(ideal[i] - ideal[j]).astype(np.float64),
    }
    standing = [one for _, one in dated if one.ended is None or one.ended >= start]
    depth = {kind: rung.depth for kind, rung in scenario.kinds.items()}
    pacts = [one for one in standing if depth[one.kind] >= 1.0]
    others = [one for one in standing if depth[one.kind] < 1.0 and one.multilateral]
    x["pact"] = (_table(scenario, pacts) > 0).astype(np.float64)[i, j]
    x["other_alliance"] = (_table(scenario, others) > 0).astype(np.float64)[i, j]
    quarrel = {(row.a, row.b): row for row in scenario.disputes} | {(r.b, r.a): r for r in scenario.disputes}
    pairs = [quarrel.get((scenario.codes[a], scenario.codes[b])) for a, b in zip(i, j, strict=True)]
    for name in ("rivalry", "claim", "militarised", "war"):
        x[name] = np.array([0.0 if row is None else getattr(row, name) for row in pairs])
    earlier = _table(scenario, [one for _, one in signed])
    age = [(start - day).days / DAYS_PER_YEAR for day, _ in signed]
    memory = _table(
        scenario, [one for _, one in signed], [2.0 ** (-years / MEMORY_HALF_LIFE) for years in age]
    )
    lately = _table(scenario, [one for day, one in signed if day >= years_before(start, RECENT_YEARS)])
    x["earlier"] = earlier[i, j]
    x["ln_earlier"] = np.log1p(earlier[i, j])
    x["memory"] = np.log1p(memory[i, j])
    x["recent"] = (lately[i, j] > 0).astype(np.float64)
    last = np.full((n, n), np.nan)
    place = {code: k for k, code in enumerate(scenario.codes)}
    for years, (_, one) in zip(age, signed, strict=True):
        a, b = place[one.a], place[one.b]
        last[a, b] = last[b, a] = np.fmin(last[a, b], years)
    x["since_last"] = last[i, j]
    ties = (_table(scenario, standing) > 0).astype(np.float64)
    partners, activity = (_centred(np.log1p(one.sum(axis=1))) for one in (ties, memory))
    for name, value in (("partners", partners), ("activity", activity)):
        x[name] = value[i] + value[j]
        x[f"{name}_low"] = np.minimum(value[i], value[j])
        x[f"{name}_high"] = np.maximum(value[i], value[j])
    shared = np.log1p((ties @ ties)[i, j])
    x["shared"] = shared - shared.mean()
    return pd.DataFrame(x).astype(np.float32)


def _table(scenario: Scenario, accords: Sequence[Accord], weight: Sequence[float] | None = None) -> Floats:
    """(n, n) agreements of each dyad, symmetric; each 1, or its weight."""
    place = {code: k for k, code in enumerate(scenario.codes)}
    out = np.zeros((len(place), len(place)))
    a, b = ([place[getattr(one, side)] for one in accords] for side in ("a", "b"))
    np.add.at(out, (a, b), 1.0 if weight is None else np.asarray(weight))
    return out + out.T


def _centred(value: Floats) -> Floats:
    return np.asarray(value - value.mean())


def own_predictors(train: PairYears, window: int = WINDOW) -> tuple[dict[str, Predictor], tuple[str, ...]]:
    """The baselines trained on the last `window` years of some rows, and why one could not be."""
    rows = train.within(int(train.year.max()) - window + 1, int(train.year.max()))
    made: dict[str, Predictor] = {}
    without = []
    for name in OWN_BASELINES:
        try:
            made[name] = fit_logit(rows, ("ln_earlier",)) if name == COUNT else BASELINES[name](rows)
        except DataError as error:
            without.append(f"no baseline {name}: {error.message}")
    return made, tuple(without)


__all__ = ["COUNT", "OWN_BASELINES", "own_predictors", "own_rows"]

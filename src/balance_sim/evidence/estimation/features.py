"""Pair-years as a table for statistical baselines: who could sign in a year, what was known, who did.

Every column is as known on 1 January. Counts that grow with the network also come relative to their mean
over the pairs of the year: raw counts drift as the network grows, and over-predict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History

DISTANCE_OFFSET_KM = 500.0
MEMORY_HALF_LIFE = 5.0
RECENT_YEARS = 3

GRAVITY = ("ln_size", "ln_size_gap", "ln_distance", "contiguous")
EARLIER = ("earlier",)
REGIME = ("joint_democracy", "democracy_gap", "democracy_missing")
ALIGNMENT = ("ideal_gap", "ideal_sum", "ideal_missing")
SECURITY = ("pact", "other_alliance", "rivalry", "claim", "militarised", "war")
MEMORY = ("ln_earlier", "memory", "recent")
NETWORK = ("partners", "shared", "activity")
LOGIT = (*GRAVITY, *REGIME, *ALIGNMENT, *SECURITY, *MEMORY, *NETWORK)
EXTRA = (
    "partners_low",
    "partners_high",
    "activity_low",
    "activity_high",
    "size_low",
    "size_high",
    "since_last",
)
"""Columns that only the trees get, beside those of the logit."""


@dataclass(frozen=True)
class PairYears:
    """Rows: pairs present together on some day of a year. year, a < b (roster positions), y: (N,); y is 1
    where the pair signed in the year, missing if not on record. exposure: (N,) part of the year. x: columns
    by name, a row each."""

    year: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    y: Floats
    exposure: Floats
    x: pd.DataFrame

    @property
    def pair(self) -> NDArray[np.int64]:
        """(N,) one number a pair."""
        return self.a * 100_000 + self.b

    def within(self, first: int, last: int) -> PairYears:
        """The rows of years first..last."""
        keep = (self.year >= first) & (self.year <= last)
        return PairYears(
            self.year[keep],
            self.a[keep],
            self.b[keep],
            self.y[keep],
            self.exposure[keep],
            self.x[keep].reset_index(drop=True),
        )


def pair_years(history: History, kinds: Iterable[str] | None = None) -> PairYears:
    """Every pair-year of the history. kinds: the kinds of accord that count as signing (all if None).

    Memory and network terms count accords of every kind. y is missing in the year after the last one that the
    accords cover; beyond that memory itself would be wrong, and a DataError is raised."""
    if history.years[-1] > history.accord_years[1] + 1:
        raise DataError(
            f"the accords on record end in {history.accord_years[1]}",
            f"Give the later accords, or end the period in {history.accord_years[1] + 1}",
            value=str(history.years[-1]),
        )
    wanted = None if kinds is None else set(kinds)
    parts = [_year(history, int(year), wanted) for year in history.years]
    return PairYears(
        np.concatenate([p.year for p in parts]),
        np.concatenate([p.a for p in parts]),
        np.concatenate([p.b for p in parts]),
        np.concatenate([p.y for p in parts]),
        np.concatenate([p.exposure for p in parts]),
        pd.concat([p.x for p in parts], ignore_index=True),
    )


def signed_between(history: History, first: int, last: int, kinds: set[str] | None = None) -> Floats:
    """(n, n) accords signed in years first..last, symmetric."""
    accords = history.accords
    when = accords["signed"].dt.year
    keep = (when >= first) & (when <= last)
    if kinds is not None:
        keep &= accords["kind"].isin(kinds)
    return _counted(history, accords[keep], np.ones(int(keep.sum())))


def remembered(history: History, year: int, half_life: float = MEMORY_HALF_LIFE) -> Floats:
    """(n, n) accords signed before the year, each worth 2^(-age / half_life), age in years on 1 January."""
    accords = history.accords[history.accords["signed"].dt.year < year]
    age = (pd.Timestamp(f"{year}-01-01") - accords["signed"]).dt.days.to_numpy(np.float64) / 365.25
    return _counted(history, accords, 2.0 ** (-age / half_life))


def partnered(history: History, year: int) -> Floats:
    """(n, n) 1 where an accord signed before the year has not ended by then."""
    accords = history.accords
    first = pd.Timestamp(f"{year}-01-01")
    keep = (accords["signed"] < first) & (accords["ended"].isna() | (accords["ended"] >= first))
    return (_counted(history, accords[keep], np.ones(int(keep.sum()))) > 0).astype(np.float64)


def _counted(history: History, accords: pd.DataFrame, weight: Floats) -> Floats:
    n = len(history.iso3)
    out = np.zeros((n, n))
    np.add.at(out, (accords["a"].to_numpy(), accords["b"].to_numpy()), weight)
    return out + out.T


def _year(history: History, year: int, kinds: set[str] | None) -> PairYears:
    t = history.at(year)
    exposure = history.exposure(year)
    a, b = np.nonzero(np.triu(exposure > 0, 1))
    x: dict[str, Floats] = {}
    size = np.log(np.maximum(history.capability[t], 1e-7))
    x["ln_size"] = size[a] + size[b]
    x["ln_size_gap"] = np.abs(size[a] - size[b])
    x["size_low"], x["size_high"] = np.minimum(size[a], size[b]), np.maximum(size[a], size[b])
    x["ln_distance"] = np.log(history.distance[t, a, b] + DISTANCE_OFFSET_KM)
    x["contiguous"] = (history.contiguity[t, a, b] > 0).astype(np.float64)
    democracy, ideal = history.democracy[t], history.ideal[t]
    x["joint_democracy"] = np.minimum(democracy[a], democracy[b])
    x["democracy_gap"] = np.abs(democracy[a] - democracy[b])
    x["democracy_missing"] = np.isnan(x["democracy_gap"]).astype(np.float64)
    x["ideal_gap"], x["ideal_sum"] = np.abs(ideal[a] - ideal[b]), ideal[a] + ideal[b]
    x["ideal_missing"] = np.isnan(x["ideal_gap"]).astype(np.float64)
    depth = history.alliance_depth[t, a, b]
    x["pact"] = (depth >= 1.0).astype(np.float64)
    x["other_alliance"] = ((depth < 1.0) & (history.alliance_calm[t, a, b] > 0)).astype(np.float64)
    for name in ("rivalry", "claim", "militarised", "war"):
        x[name] = getattr(history, name)[t, a, b]
    first = history.accord_years[0]
    earlier = signed_between(history, first, year - 1)
    x["earlier"] = earlier[a, b]
    x["ln_earlier"] = np.log1p(earlier[a, b])
    x["memory"] = np.log1p(remembered(history, year)[a, b])
    x["recent"] = (signed_between(history, year - RECENT_YEARS, year - 1)[a, b] > 0).astype(np.float64)
    x["since_last"] = _since_last(history, year)[a, b]
    ties = partnered(history, year)
    active = remembered(history, year).sum(axis=1)
    present = history.present[t]
    partners = _centred(np.log1p(ties.sum(axis=1)), present)
    activity = _centred(np.log1p(active), present)
    x["partners"], x["activity"] = partners[a] + partners[b], activity[a] + activity[b]
    x["partners_low"], x["partners_high"] = (
        np.minimum(partners[a], partners[b]),
        np.maximum(partners[a], partners[b]),
    )
    x["activity_low"], x["activity_high"] = (
        np.minimum(activity[a], activity[b]),
        np.maximum(activity[a], activity[b]),
    )
    shared = np.log1p((ties @ ties)[a, b])
    x["shared"] = shared - shared.mean()
    y = (signed_between(history, year, year, kinds)[a, b] > 0).astype(np.float64)
    if not history.accord_years[0] <= year <= history.accord_years[1]:
        y = np.full(len(a), np.nan)
    years = np.full(len(a), year, dtype=np.int64)
    return PairYears(years, a, b, y, exposure[a, b], pd.DataFrame(x).astype(np.float32))


def _centred(value: Floats, present: NDArray[np.bool_]) -> Floats:
    centred: Floats = value - value[present].mean()
    return centred


def _since_last(history: History, year: int) -> Floats:
    """(n, n) years since the last accord; missing without one."""
    accords = history.accords[history.accords["signed"].dt.year < year]
    last = np.full((len(history.iso3),) * 2, -np.inf)
    when = accords["signed"].dt.year.to_numpy(np.float64)
    np.maximum.at(last, (accords["a"].to_numpy(), accords["b"].to_numpy()), when)
    last = np.maximum(last, last.T)
    return np.where(np.isfinite(last), year - last, np.nan)

"""Pair-years as a table for statistical baselines: who could sign in a year, what was
known, who did.

Every column is as known on 1 January. Counts that grow with the network also come
relative to their mean over the pairs of the year: raw counts drift as the network
grows, and over-predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data.history import Floats, History
from balance_sim.model.core import DAYS_PER_YEAR

Ints = NDArray[np.int64]

DISTANCE_OFFSET_KM = 500.0
MEMORY_HALF_LIFE = 5.0

SMALLEST_CAPABILITY = 1e-7
RECENT_YEARS = 3

GRAVITY = ("ln_size", "ln_size_gap", "ln_distance", "contiguous")
EARLIER = ("earlier",)
REGIME = ("joint_democracy", "democracy_gap", "democracy_missing")
ALIGNMENT = ("ideal_gap", "ideal_sum", "ideal_missing")
QUARRELS = ("rivalry", "claim", "militarised", "war")
SECURITY = ("pact", "other_alliance", *QUARRELS)
MEMORY = ("ln_earlier", "memory", "recent")
NETWORK = ("partners", "shared", "activity")
LOGIT = (*GRAVITY, *REGIME, *ALIGNMENT, *SECURITY, *MEMORY, *NETWORK)
EXTRA = (
    *("partners_low", "partners_high", "activity_low", "activity_high"),
    *("size_low", "size_high", "since_last"),
)
"""Columns that only the trees get, beside those of the logit."""


@dataclass(frozen=True)
class DyadYears:
    """Rows of dyads and years, (N,): year, a < b (roster positions). `rows` names the
    fields with a value a row: arrays, a mapping of them by name, or a data frame."""

    year: Ints
    a: Ints
    b: Ints
    rows: ClassVar[tuple[str, ...]] = ("year", "a", "b")

    @property
    def dyad(self) -> Ints:
        """(N,) one number a dyad."""
        return self.a * 100_000 + self.b

    @property
    def sides(self) -> Ints:
        """(N, 2) roster positions of both states."""
        return np.column_stack([self.a, self.b])

    def take(self, keep: NDArray[np.bool_] | Ints) -> Self:
        """Some of the rows."""

        def taken(column: Any) -> Any:
            return getattr(column, "iloc", column)[keep]

        columns = {name: _by_column(taken, getattr(self, name)) for name in self.rows}
        return replace(self, **columns)

    def within(self, first: int, last: int) -> Self:
        """The rows of years first..last."""
        return self.take((self.year >= first) & (self.year <= last))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, in their order."""

        def whole(*columns: Any) -> Any:
            is_frame = isinstance(columns[0], pd.DataFrame)
            if is_frame:
                return pd.concat(columns, ignore_index=True)
            return np.concatenate(columns)

        joined = {}
        for name in cls.rows:
            joined[name] = _by_column(whole, *(getattr(part, name) for part in parts))
        return replace(parts[0], **joined)


def _by_column(change: Callable[..., Any], *values: Any) -> Any:
    """What becomes of columns, or of mappings of them column by column."""
    if not isinstance(values[0], dict):
        return change(*values)
    return {name: change(*(columns[name] for columns in values)) for name in values[0]}


@dataclass(frozen=True)
class FeatureYears(DyadYears):
    """Dyads present together on some day of a year. y: (N,) 1 where the dyad signed in
    the year, missing if not on record. exposure: (N,) part of the year. x: columns by
    name, a row each."""

    y: Floats
    exposure: Floats
    x: pd.DataFrame
    rows: ClassVar[tuple[str, ...]] = (*DyadYears.rows, "y", "exposure", "x")


def feature_years(history: History, kinds: Iterable[str] | None = None) -> FeatureYears:
    """Every pair-year of the history. kinds: those that count as signing (all if None);
    memory and network terms count every kind.

    y is missing in the year after the last one that the agreements cover; beyond that,
    DataError."""
    history.require_record(int(history.years[-1]))
    wanted = None if kinds is None else set(kinds)
    return FeatureYears.joined([_year(history, int(t), wanted) for t in history.years])


def signed_between(
    history: History, first: int, last: int, kinds: set[str] | None = None
) -> Floats:
    """(n, n) agreements signed in years first..last, symmetric."""
    agreements = history.agreements
    is_counted = agreements["signed"].dt.year.between(first, last)
    if kinds is not None:
        is_counted &= agreements["kind"].isin(kinds)
    return _counted(history, agreements[is_counted])


def _counted(
    history: History, agreements: pd.DataFrame, weight: Floats | float = 1.0
) -> Floats:
    """(n, n) weights of agreements, symmetric."""
    upper = np.zeros((len(history.iso3), len(history.iso3)))
    np.add.at(upper, (agreements["a"], agreements["b"]), weight)
    return upper + upper.T


@dataclass(frozen=True)
class NetworkMoment:
    """What is known of states and of their agreements at one moment.

    capability, ideal, present: (n,) of states. earlier, memory, recent: (n, n)
    agreements signed before, fading by half in `MEMORY_HALF_LIFE` years, and of late;
    since_last: (n, n) years; ties: (n, n) 1 where an agreement stands."""

    capability: Floats
    ideal: Floats
    present: NDArray[np.bool_]
    earlier: Floats
    memory: Floats
    recent: Floats
    since_last: Floats
    ties: Floats


def network_moment(history: History, year: int) -> NetworkMoment:
    """What was known on 1 January of a year."""
    t = history.at(year)
    start, agreements = pd.Timestamp(f"{year}-01-01"), history.agreements
    signed = agreements[agreements["signed"] < start]
    in_force = signed[~(signed["ended"] < start)]
    age = (start - signed["signed"]).dt.days.to_numpy(np.float64) / DAYS_PER_YEAR
    last_signed = np.full((len(history.iso3), len(history.iso3)), np.nan)
    np.fmax.at(last_signed, (signed["a"], signed["b"]), signed["signed"].dt.year)
    return NetworkMoment(
        capability=history.capability[t],
        ideal=history.ideal[t],
        present=history.present[t],
        earlier=_counted(history, signed),
        memory=_counted(history, signed, 2.0 ** (-age / MEMORY_HALF_LIFE)),
        recent=signed_between(history, year - RECENT_YEARS, year - 1),
        since_last=year - np.fmax(last_signed, last_signed.T),
        ties=(_counted(history, in_force) > 0).astype(np.float64),
    )


def dyad_columns(
    i: Ints, j: Ints, moment: NetworkMoment, dyadic: Mapping[str, Floats]
) -> pd.DataFrame:
    """The columns of the baselines for dyads i, j at one moment, of the panel and of a
    scenario's own record alike. dyadic: (N,) further columns."""
    size = np.log(np.maximum(moment.capability, SMALLEST_CAPABILITY))
    ideal, earlier = moment.ideal, moment.earlier[i, j]
    ideal_gap = ideal[i] - ideal[j]
    x: dict[str, Floats] = {
        "ln_size": size[i] + size[j],
        "ln_size_gap": np.abs(size[i] - size[j]),
        "size_low": np.minimum(size[i], size[j]),
        "size_high": np.maximum(size[i], size[j]),
        "ideal_gap": np.abs(ideal_gap),
        "ideal_sum": ideal[i] + ideal[j],
        "ideal_missing": np.isnan(ideal_gap).astype(np.float64),
        **dyadic,
        "earlier": earlier,
        "ln_earlier": np.log1p(earlier),
        "memory": np.log1p(moment.memory[i, j]),
        "recent": (moment.recent[i, j] > 0).astype(np.float64),
        "since_last": moment.since_last[i, j],
    }
    for name, counts in (("partners", moment.ties), ("activity", moment.memory)):
        logs = np.log1p(counts.sum(axis=1))
        relative = logs - logs[moment.present].mean()
        x[name] = relative[i] + relative[j]
        x[f"{name}_low"] = np.minimum(relative[i], relative[j])
        x[f"{name}_high"] = np.maximum(relative[i], relative[j])
    shared = np.log1p((moment.ties @ moment.ties)[i, j])
    x["shared"] = shared - shared.mean()
    columns: pd.DataFrame = pd.DataFrame(x).astype(np.float32)
    return columns


def _year(history: History, year: int, kinds: set[str] | None) -> FeatureYears:
    """Every dyad of a year."""
    t, exposure = history.at(year), history.exposure(year)
    a, b = np.nonzero(np.triu(exposure > 0, 1))
    first, last = history.agreement_years
    x = dyad_columns(
        a, b, network_moment(history, year), _dyadic_columns(history, t, a, b)
    )
    y = (signed_between(history, year, year, kinds)[a, b] > 0).astype(np.float64)
    if not first <= year <= last:
        y = np.full(len(a), np.nan)
    return FeatureYears(np.full(len(a), year), a, b, y, exposure[a, b], x)


def _dyadic_columns(history: History, t: int, a: Ints, b: Ints) -> dict[str, Floats]:
    """(N,) columns of dyads a, b in the t-th year."""
    democracy = history.democracy[t]
    democracy_gap = democracy[a] - democracy[b]
    depth, calm = history.alliance_depth[t, a, b], history.alliance_calm[t, a, b]
    flags = {
        "democracy_missing": np.isnan(democracy_gap),
        "contiguous": history.contiguity[t, a, b] > 0,
        "pact": depth >= 1.0,
        "other_alliance": (depth < 1.0) & (calm > 0),
    }
    return {
        "ln_distance": np.log(history.distance[t, a, b] + DISTANCE_OFFSET_KM),
        "joint_democracy": np.minimum(democracy[a], democracy[b]),
        "democracy_gap": np.abs(democracy_gap),
        **{name: flag.astype(np.float64) for name, flag in flags.items()},
        **{name: getattr(history, name)[t, a, b] for name in QUARRELS},
    }

"""Tidy frames laid out as arrays by year on a roster: one small function a layer, NaN
where nothing is known.

T years, n states. Everything is as it stood on 1 January of the year, unless a
docstring says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.table import Read, placed
from balance_sim.model.threat import great_circle

Floats = NDArray[np.float64]

MILITARISED_YEARS = 10
CARRY_YEARS = 5


@dataclass(frozen=True)
class Roster:
    """Every state that is a member on some day of the period, by ISO code; `position`
    maps COW numbers."""

    iso3: tuple[str, ...]
    names: tuple[str, ...]
    spells: pd.DataFrame
    position: pd.Series

    @property
    def size(self) -> int:
        return len(self.iso3)

    def pairs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows whose two COW numbers are on the roster, with positions a < b."""
        return placed(frame, self.position, np.int64)


def roster(start_year: int, end_year: int) -> Roster:
    """States of a period. Germany 255 and 260, Yemen 678 and 679 share a place, since
    they share a code."""
    table = codes.state_codes()
    inside = (table["start"] <= f"{end_year}-12-31") & (
        table["end"] >= f"{start_year}-01-01"
    )
    table = table[inside & (table["iso3"] != "")].sort_values(["iso3", "start"])
    last = table.groupby("iso3").last()
    place = pd.Series(np.arange(len(last)), index=last.index)
    position = (
        table.drop_duplicates("cow")
        .set_index("cow")["iso3"]
        .map(place)
        .astype(np.int64)
    )
    names = tuple(str(name) for name in last["name"])
    return Roster(tuple(last.index), names, table, position)


def membership(states: Roster, years: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(T, n) part of the year at which membership starts and ends; both 0 where
    absent."""
    entry, leave = (
        np.zeros((len(years), states.size)),
        np.zeros((len(years), states.size)),
    )
    place = states.spells["cow"].map(states.position).to_numpy()
    for t, year in enumerate(years):
        first, after = pd.Timestamp(f"{year}-01-01"), pd.Timestamp(f"{year + 1}-01-01")
        length = (after - first).days
        low = (
            ((states.spells["start"] - first).dt.days / length)
            .clip(0.0, 1.0)
            .to_numpy()
        )
        high = (
            (((states.spells["end"] - first).dt.days + 1) / length)
            .clip(0.0, 1.0)
            .to_numpy()
        )
        there = high > low
        entry[t] = 1.0
        np.minimum.at(entry[t], place[there], low[there])
        np.maximum.at(leave[t], place[there], high[there])
        entry[t] = np.where(leave[t] > 0, entry[t], 0.0)
    return entry, leave


def state_years(
    read: Read | None, column: str, states: Roster, years: NDArray[np.int64]
) -> Floats:
    """(T, n) the value of the year before, carried over gaps of `CARRY_YEARS`; a new
    member's first value."""
    if read is None:
        return np.full((len(years), states.size), np.nan)
    frame = read.frame
    first = int(years[0]) - 1 - CARRY_YEARS
    span = np.arange(first, int(years[-1]) + 1)
    frame = frame[
        frame["cow"].isin(states.position.index)
        & frame["year"].isin(span)
        & frame[column].notna()
    ]
    ends = frame["cow"].map(states.spells.groupby("cow")["end"].max())
    lasting = ends >= pd.to_datetime(frame["year"].astype(str) + "-12-31")
    frame = frame.assign(lasting=lasting).sort_values("lasting", kind="stable")
    values = np.full((len(span), states.size), np.nan)
    values[
        frame["year"].to_numpy() - first, frame["cow"].map(states.position).to_numpy()
    ] = frame[column]
    out = values[CARRY_YEARS:-1]
    for back in range(1, CARRY_YEARS + 1):
        out = np.where(np.isnan(out), values[CARRY_YEARS - back : -1 - back], out)
    joined = states.spells.groupby("iso3")["start"].min().dt.year.to_numpy()
    new = joined[None, :] >= years[:, None] - 1
    return np.where(np.isnan(out) & new, values[CARRY_YEARS + 1 :], out)


def distances(
    minimum: Read | None,
    capitals: Read | None,
    states: Roster,
    years: NDArray[np.int64],
) -> tuple[Floats, int]:
    """(T, n, n) km: minimum distance on 1 January; for states not yet on the map then,
    the next year that has one, else the last; for dyads that have none at all, between
    capitals. Also the number of such dyads."""
    square = (states.size, states.size)
    above = np.triu(np.ones(square, dtype=bool), 1)
    out, never = np.full((len(years), *square), np.nan), above.copy()
    if minimum is not None:
        frame = states.pairs(minimum.frame).sort_values("year_from", kind="stable")
        a, b, km, low, high = (
            frame[c].to_numpy() for c in ("a", "b", "km", "year_from", "year_to")
        )
        later = np.full(square, np.nan)
        for year in range(int(years[-1]) + 2, int(years[0]) - 1, -1):
            now = (low <= year) & (high >= year)
            later[a[now], b[now]] = km[now]
            if year <= years[-1]:
                out[year - years[0]] = later
        for t in range(1, len(years)):
            out[t] = np.where(np.isnan(out[t]), out[t - 1], out[t])
        never[a, b] = False
    apart = np.full(square, np.nan)
    if capitals is not None:
        frame = capitals.frame.assign(
            place=capitals.frame["cow"].map(states.position)
        ).sort_values("start")
        known = frame[frame["place"].notna() & (frame["start"] <= f"{years[-1]}-12-31")]
        where = known.groupby("place").last().reindex(np.arange(states.size))
        apart = great_circle(
            where["latitude"].to_numpy(float), where["longitude"].to_numpy(float)
        )
    out = np.where(above, np.where(np.isnan(out), apart, out), 0.0)
    return out + out.transpose(0, 2, 1), 0 if minimum is None else int(never.sum())


def contiguity(read: Read | None, states: Roster, years: NDArray[np.int64]) -> Floats:
    """(T, n, n) COW type 1..5 of contiguity, 0 for none, in force over the turn of the
    year."""
    if read is None:
        return np.full((len(years), states.size, states.size), np.nan)
    frame = states.pairs(read.frame).sort_values("type", ascending=False, kind="stable")
    out = np.zeros((len(years), states.size, states.size))
    for t, year in enumerate(years):
        at = min(int(year), _last_year(read))
        now = (frame["year_from"] <= at) & (frame["year_to"] >= at)
        out[t, frame["a"][now], frame["b"][now]] = frame["type"][now]
    return out + out.transpose(0, 2, 1)


def rivalry(read: Read | None, states: Roster, years: NDArray[np.int64]) -> Floats:
    """(T, n, n) 1 where a strategic rivalry began in an earlier year and has not ended
    before this one."""

    def lasts(frame: pd.DataFrame, year: int) -> pd.Series:
        return (frame["year_from"] < year) & (frame["year_to"].fillna(9999) >= year)

    return _highest(read, states, years, lasts)


def claims(read: Read | None, states: Roster, years: NDArray[np.int64]) -> Floats:
    """(T, n, n) 1 where a territorial claim stands."""
    return _highest(read, states, years, _standing)


def disputes(
    read: Read | None, states: Roster, years: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """(T, n, n) 1 where the dyad was on opposite sides of a militarised dispute in the
    ten years before, and 1 where it is at war: both fight, the war has begun and is not
    over."""

    def recent(frame: pd.DataFrame, year: int) -> pd.Series:
        since = f"{year - MILITARISED_YEARS}-01-01"
        return (frame["start"] < f"{year}-01-01") & (frame["end"] >= since)

    def war(frame: pd.DataFrame, year: int) -> pd.Series:
        return _standing(frame, year) & frame["war"]

    return _highest(read, states, years, recent), _highest(read, states, years, war)


def alliances(
    read: Read | None,
    depths: Mapping[str, tuple[float, float]],
    states: Roster,
    years: NDArray[np.int64],
) -> tuple[Floats, Floats]:
    """(T, n, n) depth and calm of the deepest and calmest alliance in force."""

    def of(part: int) -> Floats:
        worth = {kind: both[part] for kind, both in depths.items()}
        return _highest(
            read,
            states,
            years,
            _standing,
            lambda frame: frame["kind"].map(worth).fillna(0.0),
        )

    return of(0), of(1)


def _standing(frame: pd.DataFrame, year: int) -> pd.Series:
    first = pd.Timestamp(date(year, 1, 1))
    return (frame["start"] < first) & (frame["end"].isna() | (frame["end"] >= first))


def _highest(
    read: Read | None,
    states: Roster,
    years: NDArray[np.int64],
    there: Callable[[pd.DataFrame, int], pd.Series],
    worth: Callable[[pd.DataFrame], pd.Series] | None = None,
) -> Floats:
    """(T, n, n) the highest value of the rows that are there in each year, 0 without
    any; missing for 1 January of years after the day on which the source ends. worth: 1
    if not given."""
    out = np.zeros((len(years), states.size, states.size))
    if read is None:
        return np.full(out.shape, np.nan)
    frame = states.pairs(read.frame)
    a, b = frame["a"].to_numpy(), frame["b"].to_numpy()
    values = np.ones(len(frame)) if worth is None else worth(frame).to_numpy(np.float64)
    for t, year in enumerate(years):
        now = there(frame, int(year)).to_numpy(dtype=bool)
        np.maximum.at(out[t], (a[now], b[now]), values[now])
    out = out + out.transpose(0, 2, 1)
    out[years > _last_year(read) + 1] = np.nan
    return out


def _last_year(read: Read) -> int:
    return read.report.last_year if read.report.last_year is not None else -1

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
Ints = NDArray[np.int64]
InForce = Callable[[pd.DataFrame, int], pd.Series]
"""Which rows of a frame hold at the start of a year."""

MILITARISED_YEARS = 10
CARRY_YEARS = 5
NEVER = 9999


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
        """The number of states."""
        return len(self.iso3)

    def pairs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows whose two COW numbers are on the roster, with positions a < b."""
        return placed(frame, self.position, np.int64)

    def square(self, years: Ints, value: float = 0.0) -> Floats:
        """(T, n, n) of one value."""
        return np.full((len(years), self.size, self.size), value)


def roster(start_year: int, end_year: int) -> Roster:
    """States of a period. Germany 255 and 260, Yemen 678 and 679 share a place, since
    they share a code."""
    table = codes.state_codes()
    begins = table["start"] <= f"{end_year}-12-31"
    lasts = table["end"] >= f"{start_year}-01-01"
    table = table[begins & lasts & (table["iso3"] != "")]
    table = table.sort_values(["iso3", "start"])
    last = table.groupby("iso3").last()
    place = pd.Series(np.arange(len(last)), index=last.index)
    by_number = table.drop_duplicates("cow").set_index("cow")["iso3"]
    names = tuple(str(name) for name in last["name"])
    position = by_number.map(place).astype(np.int64)
    return Roster(tuple(last.index), names, table, position)


def membership(states: Roster, years: Ints) -> tuple[Floats, Floats]:
    """(T, n) part of the year at which membership starts and ends; both 0 where
    absent."""
    spells = states.spells
    place = spells["cow"].map(states.position).to_numpy()
    entry = np.zeros((len(years), states.size))
    leave = np.zeros((len(years), states.size))
    for t, year in enumerate(years):
        first = pd.Timestamp(f"{year}-01-01")
        length = (pd.Timestamp(f"{year + 1}-01-01") - first).days
        days_before = (spells["start"] - first).dt.days
        days_until_end = (spells["end"] - first).dt.days + 1
        low = (days_before / length).clip(0.0, 1.0).to_numpy()
        high = (days_until_end / length).clip(0.0, 1.0).to_numpy()
        is_member = high > low
        entry[t] = 1.0
        np.minimum.at(entry[t], place[is_member], low[is_member])
        np.maximum.at(leave[t], place[is_member], high[is_member])
        entry[t] = np.where(leave[t] > 0, entry[t], 0.0)
    return entry, leave


def state_years(read: Read | None, column: str, states: Roster, years: Ints) -> Floats:
    """(T, n) the value of the year before, carried over gaps of `CARRY_YEARS`; a new
    member's first value."""
    if read is None:
        return np.full((len(years), states.size), np.nan)
    first = int(years[0]) - 1 - CARRY_YEARS
    span = np.arange(first, int(years[-1]) + 1)
    values = _by_year(read.frame, column, states, span)
    filled = values[CARRY_YEARS:-1]
    for years_back in range(1, CARRY_YEARS + 1):
        earlier = values[CARRY_YEARS - years_back : -1 - years_back]
        filled = np.where(np.isnan(filled), earlier, filled)
    joined = states.spells.groupby("iso3")["start"].min().dt.year.to_numpy()
    is_new = joined[None, :] >= years[:, None] - 1
    first_value = values[CARRY_YEARS + 1 :]
    return np.where(np.isnan(filled) & is_new, first_value, filled)


def _by_year(frame: pd.DataFrame, column: str, states: Roster, span: Ints) -> Floats:
    """(years of the span, n) values as a series has them. Of two states with one code
    that which lasts to the end of the year counts."""
    is_wanted = frame["cow"].isin(states.position.index) & frame["year"].isin(span)
    frame = frame[is_wanted & frame[column].notna()]
    ends = frame["cow"].map(states.spells.groupby("cow")["end"].max())
    is_lasting = ends >= pd.to_datetime(frame["year"].astype(str) + "-12-31")
    frame = frame.assign(lasting=is_lasting).sort_values("lasting", kind="stable")
    values = np.full((len(span), states.size), np.nan)
    rows = frame["year"].to_numpy() - span[0]
    columns = frame["cow"].map(states.position).to_numpy()
    values[rows, columns] = frame[column]
    return values


def distances(
    minimum: Read | None, capitals: Read | None, states: Roster, years: Ints
) -> tuple[Floats, int]:
    """(T, n, n) km: minimum distance on 1 January; for states not yet on the map then,
    the next year that has one, else the last; for dyads that have none at all, between
    capitals. Also the number of such dyads."""
    above = np.triu(np.ones((states.size, states.size), dtype=bool), 1)
    between_borders = states.square(years, np.nan)
    without = 0
    if minimum is not None:
        frame = states.pairs(minimum.frame).sort_values("year_from", kind="stable")
        between_borders = _border_distances(frame, states, years)
        has_none = above.copy()
        has_none[frame["a"].to_numpy(), frame["b"].to_numpy()] = False
        without = int(has_none.sum())
    between_capitals = _capital_distances(capitals, states, int(years[-1]))
    is_missing = np.isnan(between_borders)
    km = np.where(is_missing, between_capitals, between_borders)
    upper = np.where(above, km, 0.0)
    return upper + upper.transpose(0, 2, 1), without


def _border_distances(frame: pd.DataFrame, states: Roster, years: Ints) -> Floats:
    """(T, n, n) upper triangle, each year that of the next on record, else the last.
    frame: spells of years."""
    columns = ("a", "b", "km", "year_from", "year_to")
    a, b, km, low, high = (frame[name].to_numpy() for name in columns)
    values = states.square(years, np.nan)
    later = np.full((states.size, states.size), np.nan)
    for year in range(int(years[-1]) + 2, int(years[0]) - 1, -1):
        in_force = (low <= year) & (high >= year)
        later[a[in_force], b[in_force]] = km[in_force]
        if year <= years[-1]:
            values[year - years[0]] = later
    for t in range(1, len(years)):
        values[t] = np.where(np.isnan(values[t]), values[t - 1], values[t])
    return values


def _capital_distances(capitals: Read | None, states: Roster, last: int) -> Floats:
    """(n, n) km between the last capitals of a period; NaN where one is not known."""
    if capitals is None:
        return np.full((states.size, states.size), np.nan)
    place = capitals.frame["cow"].map(states.position)
    frame = capitals.frame.assign(place=place).sort_values("start")
    has_begun = frame["start"] <= f"{last}-12-31"
    located = frame[frame["place"].notna() & has_begun]
    capital = located.groupby("place").last().reindex(np.arange(states.size))
    latitude = capital["latitude"].to_numpy(float)
    return great_circle(latitude, capital["longitude"].to_numpy(float))


def contiguity(read: Read | None, states: Roster, years: Ints) -> Floats:
    """(T, n, n) COW type 1..5 of contiguity, 0 for none, in force over the turn of the
    year."""
    if read is None:
        return states.square(years, np.nan)
    frame = states.pairs(read.frame).sort_values("type", ascending=False, kind="stable")
    upper = states.square(years)
    for t, year in enumerate(years):
        day = min(int(year), _last_year(read))
        in_force = (frame["year_from"] <= day) & (frame["year_to"] >= day)
        dyads = frame[in_force]
        upper[t, dyads["a"], dyads["b"]] = dyads["type"]
    return upper + upper.transpose(0, 2, 1)


def rivalry(read: Read | None, states: Roster, years: Ints) -> Floats:
    """(T, n, n) 1 where a strategic rivalry began in an earlier year and has not ended
    before this one."""

    def in_force(frame: pd.DataFrame, year: int) -> pd.Series:
        has_not_ended = frame["year_to"].fillna(NEVER) >= year
        return (frame["year_from"] < year) & has_not_ended

    return _highest(read, states, years, in_force)


def claims(read: Read | None, states: Roster, years: Ints) -> Floats:
    """(T, n, n) 1 where a territorial claim stands."""
    return _highest(read, states, years, _in_force)


def disputes(read: Read | None, states: Roster, years: Ints) -> tuple[Floats, Floats]:
    """(T, n, n) 1 where the dyad was on opposite sides of a militarised dispute in the
    ten years before, and 1 where it is at war: both fight, the war has begun and is not
    over."""

    def recent(frame: pd.DataFrame, year: int) -> pd.Series:
        since = f"{year - MILITARISED_YEARS}-01-01"
        return (frame["start"] < f"{year}-01-01") & (frame["end"] >= since)

    def at_war(frame: pd.DataFrame, year: int) -> pd.Series:
        return _in_force(frame, year) & frame["war"]

    militarised = _highest(read, states, years, recent)
    return militarised, _highest(read, states, years, at_war)


def alliances(
    read: Read | None,
    depths: Mapping[str, tuple[float, float]],
    states: Roster,
    years: Ints,
) -> tuple[Floats, Floats]:
    """(T, n, n) depth and calm of the deepest and calmest alliance in force."""
    depth = {kind: values[0] for kind, values in depths.items()}
    calm = {kind: values[1] for kind, values in depths.items()}
    return (
        _highest(read, states, years, _in_force, depth),
        _highest(read, states, years, _in_force, calm),
    )


def _in_force(frame: pd.DataFrame, year: int) -> pd.Series:
    """Which spells hold on 1 January."""
    day = pd.Timestamp(date(year, 1, 1))
    has_not_ended = frame["end"].isna() | (frame["end"] >= day)
    return (frame["start"] < day) & has_not_ended


def _highest(
    read: Read | None,
    states: Roster,
    years: Ints,
    in_force: InForce,
    worth: Mapping[str, float] | None = None,
) -> Floats:
    """(T, n, n) the highest value of the rows that are there in each year, 0 without
    any; missing for 1 January of years after the day on which the source ends. worth:
    by kind of row; 1 each if not given."""
    if read is None:
        return states.square(years, np.nan)
    frame = states.pairs(read.frame)
    a, b = frame["a"].to_numpy(), frame["b"].to_numpy()
    values: Floats = np.ones(len(frame))
    if worth is not None:
        values = np.asarray(frame["kind"].map(worth).fillna(0.0), dtype=np.float64)
    upper = states.square(years)
    for t, year in enumerate(years):
        rows = in_force(frame, int(year)).to_numpy(dtype=bool)
        np.maximum.at(upper[t], (a[rows], b[rows]), values[rows])
    highest = upper + upper.transpose(0, 2, 1)
    highest[years > _last_year(read) + 1] = np.nan
    return highest


def _last_year(read: Read) -> int:
    last = read.report.last_year
    return last if last is not None else -1

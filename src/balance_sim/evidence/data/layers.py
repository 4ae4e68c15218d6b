"""Tidy frames laid out as arrays by year on a roster: one small function a layer.

T years, n states. Everything is as it stood on 1 January of the year, unless a
docstring says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.table import Read, placed
from balance_sim.model.threat import great_circle
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.nodes import plain

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CARRY_YEARS = 5
NEVER = 9999
FORCE = 4
"""Level of hostility of a militarised dispute from which force was used."""
FORCE_HALF_LIFE = 10.0
"""Years in which what a use of force tells fades by half."""
MOST_REMOTE = 6
"""One more than the last of COW's types of contiguity."""


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
    place = states.spells["cow"].map(states.position).to_numpy()
    start = states.spells["start"].to_numpy("datetime64[D]")
    day_after = states.spells["end"] + pd.Timedelta(days=1)
    end = day_after.to_numpy("datetime64[D]")
    entry = np.ones((len(years), states.size))
    leave = np.zeros((len(years), states.size))
    for t, year in enumerate(years):
        first = np.datetime64(f"{year}-01-01")
        length = np.datetime64(f"{year + 1}-01-01") - first
        low = ((start - first) / length).clip(0.0, 1.0)
        high = ((end - first) / length).clip(0.0, 1.0)
        is_member = high > low
        np.minimum.at(entry[t], place[is_member], low[is_member])
        np.maximum.at(leave[t], place[is_member], high[is_member])
    return np.where(leave > 0, entry, 0.0), leave


def state_years(read: Read, states: Roster, years: Ints) -> Floats:
    """(T, n) the series of the year before, carried over gaps of `CARRY_YEARS`; a new
    member's first value. Of two states with one code that which lasts to the end of the
    year counts. The series is the last column."""
    frame = read.frame.dropna()
    place = frame["cow"].map(states.position)
    ends = frame["cow"].map(states.spells.groupby("cow")["end"].max())
    lasting = ends >= pd.to_datetime(frame["year"].astype(str) + "-12-31")
    frame = frame.assign(place=place, lasting=lasting).dropna()
    frame = frame.sort_values("lasting", kind="stable")
    frame = frame.drop_duplicates(["year", "place"], keep="last")
    table = frame.pivot(index="year", columns="place", values=read.frame.columns[-1])
    span = range(int(years[0]) - 1 - CARRY_YEARS, int(years[-1]) + 1)
    values = table.reindex(index=span, columns=range(states.size)).astype(np.float64)
    filled = values.ffill(limit=CARRY_YEARS).shift(1).loc[years].to_numpy()
    first_value = values.loc[years].to_numpy()
    is_unknown = np.isnan(filled) & _is_new(states, years)
    return np.where(is_unknown, first_value, filled)


def _is_new(states: Roster, years: Ints) -> NDArray[np.bool_]:
    """(T, n) whether a state became a member, for the first time or again, in the year
    or the one before."""
    place = states.spells["cow"].map(states.position).to_numpy()
    age = years[:, None] - states.spells["start"].dt.year.to_numpy()
    is_new = np.zeros((len(years), states.size), dtype=bool)
    t, spell = np.nonzero((age == 0) | (age == 1))
    is_new[t, place[spell]] = True
    return is_new


def distances(minimum: Read, capitals: Read, states: Roster, years: Ints) -> Floats:
    """(T, n, n) km: minimum distance on 1 January; for states not yet on the map then,
    that of the next year that has one, two years after the period at most; else the
    last, of before the period too; else between capitals."""
    frame = states.pairs(minimum.frame).sort_values("year_from", kind="stable")
    km = _border_distances(frame, states, years)
    between_capitals = _capital_distances(capitals, states, int(years[-1]))
    km = np.where(np.isnan(km), between_capitals, km)
    above = np.triu(np.ones((states.size, states.size), dtype=bool), 1)
    upper = np.where(above, km, 0.0)
    return upper + upper.transpose(0, 2, 1)


def _border_distances(frame: pd.DataFrame, states: Roster, years: Ints) -> Floats:
    """(T, n, n) upper triangle, each year that of the next on record, else the last,
    NaN without any. frame: spells of years."""
    columns = ("a", "b", "km", "year_from", "year_to")
    a, b, km, low, high = (frame[name].to_numpy() for name in columns)
    values = states.square(years, np.nan)
    later = np.full((states.size, states.size), np.nan)
    for year in range(int(years[-1]) + 2, int(years[0]) - 1, -1):
        in_force = (low <= year) & (high >= year)
        later[a[in_force], b[in_force]] = km[in_force]
        if year <= years[-1]:
            values[year - years[0]] = later
    past = frame[high < years[0]].sort_values("year_to", kind="stable")
    before = np.full((states.size, states.size), np.nan)
    before[past["a"], past["b"]] = past["km"]
    values[0] = np.where(np.isnan(values[0]), before, values[0])
    for t in range(1, len(years)):
        values[t] = np.where(np.isnan(values[t]), values[t - 1], values[t])
    return values


def _capital_distances(capitals: Read, states: Roster, last: int) -> Floats:
    """(n, n) km between the last capitals of a period; NaN where one is not known."""
    place = capitals.frame["cow"].map(states.position)
    frame = capitals.frame.assign(place=place).sort_values("start")
    has_begun = frame["start"] <= f"{last}-12-31"
    located = frame[frame["place"].notna() & has_begun]
    capital = located.groupby("place").last().reindex(np.arange(states.size))
    latitude = capital["latitude"].to_numpy(float)
    return great_circle(latitude, capital["longitude"].to_numpy(float))


def contiguity(read: Read, states: Roster, years: Ints) -> Floats:
    """(T, n, n) COW type 1..5 of contiguity, the closest of those in force on some day
    of the year, as with membership; 0 for none, NaN without a source; as in its last
    year after the source ends."""
    frame = read.frame
    spells = frame.assign(
        first=frame["year_from"],
        last=frame["year_to"],
        value=MOST_REMOTE - frame["type"],
    )
    closeness = _highest(spells, states, np.minimum(years, _last_year(read)))
    none = np.nan if read.report.is_missing else 0.0
    return np.where(closeness > 0, MOST_REMOTE - closeness, none)


def rivalries(read: Read, states: Roster, years: Ints) -> Floats:
    """(T, n, n) 1 where a strategic rivalry began in an earlier year and has not ended
    before this one."""
    begin, end = read.frame["year_from"], read.frame["year_to"]
    spells = read.frame.assign(first=begin + 1, last=end.fillna(NEVER), value=1.0)
    return _on_record(_highest(spells, states, years), read, years)


def default_depths() -> dict[str, tuple[float, float]]:
    """Type of agreement -> its depth and calm, from the shipped defaults."""
    kinds: Any = plain(default_tree().fields["kinds"])
    return {
        name: (float(kind["depth"]), float(kind["calm"]))
        for name, kind in kinds.items()
    }


def alliances(read: Read, states: Roster, years: Ints, part: int) -> Floats:
    """(T, n, n) the depth (part 0) of the deepest type of alliance in force, or the
    calm (part 1) of the calmest."""
    values = {
        kind: depth_and_calm[part] for kind, depth_and_calm in default_depths().items()
    }
    deepest = read.frame.assign(value=read.frame["kind"].map(values).fillna(0.0))
    return dated(read._replace(frame=deepest), states, years, "value")


def dated(read: Read, states: Roster, years: Ints, column: str | None = None) -> Floats:
    """(T, n, n) the highest value in a column, else 1, of the spells that have begun
    before the year and have not ended before it."""
    frame = read.frame
    last = frame["end"].dt.year.fillna(NEVER)
    value = frame[column].astype(float) if column else 1.0
    spells = frame.assign(first=frame["start"].dt.year + 1, last=last, value=value)
    return _on_record(_highest(spells, states, years), read, years)


def recent_force(read: Read, states: Roster, years: Ints) -> Floats:
    """(T, n, n) how recently force was used in a dispute: 1 for the year before, half
    of it for every `FORCE_HALF_LIFE` years since; 0 where it never was.

    The half-life is that of `evidence fit --hostility` (docs/reactions.md)."""
    force = read.frame[read.frame["hostility"] >= FORCE]
    first, last = force["start"].dt.year, force["end"].dt.year
    recent = states.square(years)
    for t, year in enumerate(years):
        age = (year - 1 - last.fillna(NEVER)).clip(lower=0)
        spells = force.assign(first=first + 1, last=NEVER, value=fading_force(age))
        recent[t] = _highest(spells, states, years[t : t + 1])[0]
    return _on_record(recent, read, years)


def fading_force(years: pd.Series) -> pd.Series:
    """Of a use of force so many years ago, what still counts."""
    return 2.0 ** (-years / FORCE_HALF_LIFE)


def _highest(spells: pd.DataFrame, states: Roster, years: Ints) -> Floats:
    """(T, n, n) the highest `value` of the spells that hold in each year, 0 without
    any. spells: dyads, with the `first` and the `last` year in which each holds."""
    frame = states.pairs(spells)
    upper = states.square(years)
    for t, year in enumerate(years):
        rows = frame[(frame["first"] <= year) & (frame["last"] >= year)]
        places = rows["a"].to_numpy(), rows["b"].to_numpy()
        np.maximum.at(upper[t], places, rows["value"].to_numpy())
    return upper + upper.transpose(0, 2, 1)


def _on_record(values: Floats, read: Read, years: Ints) -> Floats:
    """The same, missing for 1 January of years after the day on which the source
    ends."""
    values[years > _last_year(read) + 1] = np.nan
    return values


def _last_year(read: Read) -> int:
    last = read.report.last_year
    return last if last is not None else -1

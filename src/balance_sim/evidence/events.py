"""A stream of two-sided events with all that was known before each: ties, covariates, who was there.

What is dated on the day of an event is not known to it: ties and covariates dated strictly before count, and
events of one day do not see each other. Presence counts its first and last day. A blank date is the
beginning of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.effects import Floats, Moment
from balance_sim.evidence.errors import DataError
from balance_sim.evidence.readers.covariates import (
    read_pair_covariates,
    read_presence,
    read_state_covariates,
    read_ties,
)

_NEVER = np.datetime64("0001-01-01", "s")
_ALWAYS = np.datetime64("9999-12-31", "s")
_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class EventData:
    """Events between actors, in the tidy form that `readers.covariates` gives.

    events: a, b, date. presence: actor, start, end; actors without a row are always there. networks: name ->
    a, b, date, increment or value. states: name -> actor, date, value. pairs: name -> a, b, date, value
    (undirected)."""

    actors: tuple[str, ...]
    events: pd.DataFrame
    presence: pd.DataFrame | None = None
    networks: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    states: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pairs: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class EventDay:
    """One day with events. present: (n,); first, second: positions of the sides of each event of the day."""

    date: np.datetime64
    present: NDArray[np.bool_]
    moment: Moment
    first: NDArray[np.int64]
    second: NDArray[np.int64]


def ties_from_accords(accords: pd.DataFrame, a: str = "cow_a", b: str = "cow_b") -> pd.DataFrame:
    """Dated ties of a tidy frame of accords: +1 on the day of signature, -1 on the day the accord ends."""
    signed = accords[accords["signed"].notna()]
    ended = signed[signed["ended"].notna()]
    frames = [
        pd.DataFrame(
            {"a": part[a].astype(str), "b": part[b].astype(str), "date": part[when], "increment": by}
        )
        for part, when, by in ((signed, "signed", 1.0), (ended, "ended", -1.0))
    ]
    out = pd.concat(frames, ignore_index=True)
    return out.assign(value=np.nan).sort_values("date", kind="stable").reset_index(drop=True)


def load_event_data(
    events: Path | str,
    *,
    presence: Path | str | None = None,
    networks: Mapping[str, Path | str] | None = None,
    states: Mapping[str, tuple[Path | str, str]] | None = None,
    pairs: Mapping[str, tuple[Path | str, str]] | None = None,
) -> EventData:
    """From files in the generic format. states, pairs: name -> (file, column of the value).

    events: a, b, date and perhaps increment; rows with an increment below 0 end a tie and are no events. The
    actors are all that any file names. Raises DataError."""
    made = read_ties(events).frame
    made = made[~(made["increment"] < 0)][["a", "b", "date"]].reset_index(drop=True)
    ties = {name: read_ties(path).frame for name, path in (networks or {}).items()}
    by_state = {
        name: read_state_covariates(path, [column]).frame.rename(columns={column: "value"})
        for name, (path, column) in (states or {}).items()
    }
    by_pair = {
        name: read_pair_covariates(path, [column]).frame.rename(columns={column: "value"})
        for name, (path, column) in (pairs or {}).items()
    }
    spells = None if presence is None else read_presence(presence).frame
    named = {*made["a"], *made["b"], *(() if spells is None else spells["actor"])}
    for frame in (*ties.values(), *by_pair.values()):
        named |= {*frame["a"], *frame["b"]}
    for frame in by_state.values():
        named |= set(frame["actor"])
    return EventData(tuple(sorted(named)), made, spells, ties, by_state, by_pair)


def event_days(data: EventData) -> Iterator[EventDay]:
    """The days of `data.events` in order, each with what was known before it. Raises DataError."""
    world = World(data)
    first, second, dates = _events(data.events, world.place)
    for day in np.unique(dates):
        now = dates == day
        found = world.on(day, first[now], second[now])
        gone = ~(found.present[found.first] & found.present[found.second])
        if gone.any():
            k = int(np.flatnonzero(gone)[0])
            raise DataError(
                f"an event on {day.astype('datetime64[D]')} has a side that is not present",
                "Correct the spells of presence, or leave the event out",
                value=f"{data.actors[found.first[k]]}-{data.actors[found.second[k]]}",
            )
        yield found


class World:
    """Ties, covariates and presence of `data`, brought forward day by day (never back)."""

    def __init__(self, data: EventData) -> None:
        self.place = {actor: i for i, actor in enumerate(data.actors)}
        if len(self.place) != len(data.actors):
            raise DataError("an actor is listed twice", "List each actor once")
        n = len(data.actors)
        self.networks = {name: _Ties(frame, self.place, name) for name, frame in data.networks.items()}
        self.states = {
            name: _Values(_actor_rows(frame, self.place, name), (n,)) for name, frame in data.states.items()
        }
        self.pairs = {
            name: _Values(_pair_rows(frame, self.place, name), (n, n)) for name, frame in data.pairs.items()
        }
        self.spells = _spells(data.presence, self.place)

    def on(
        self,
        day: np.datetime64,
        first: NDArray[np.int64] = _NOBODY,
        second: NDArray[np.int64] = _NOBODY,
    ) -> EventDay:
        """What is known just before a day, and who is there on it."""
        moment = Moment(
            {name: ties.before(day) for name, ties in self.networks.items()},
            {name: values.before(day) for name, values in self.states.items()},
            {name: values.before(day) for name, values in self.pairs.items()},
        )
        return EventDay(day, _present(self.spells, day, len(self.place)), moment, first, second)


class _Ties:
    """Weights of one undirected network, brought forward in time."""

    def __init__(self, frame: pd.DataFrame, place: Mapping[str, int], name: str) -> None:
        frame = frame.sort_values("date", na_position="first", kind="stable")
        self.a, self.b = _positions(frame["a"], place, name), _positions(frame["b"], place, name)
        self.dates = _days(frame["date"], _NEVER)
        self.increment = (
            frame["increment"].to_numpy(np.float64) if "increment" in frame else np.full(len(frame), np.nan)
        )
        self.value = frame["value"].to_numpy(np.float64) if "value" in frame else np.full(len(frame), np.nan)
        self.x = np.zeros((len(place), len(place)))
        self.done = 0

    def add(self, i: int, j: int, weight: float) -> None:
        self.x[i, j] += weight
        self.x[j, i] = self.x[i, j]

    def before(self, day: np.datetime64) -> Floats:
        until = int(np.searchsorted(self.dates, day, side="left"))
        for k in range(self.done, until):
            i, j = self.a[k], self.b[k]
            by = self.increment[k]
            self.add(i, j, self.value[k] - self.x[i, j] if np.isnan(by) else by)
        self.done = max(self.done, until)
        return self.x.copy()


class _Values:
    """Values that hold from their date until the next, brought forward in time; NaN before the first."""

    def __init__(
        self,
        rows: tuple[tuple[NDArray[np.int64], ...], NDArray[np.datetime64], Floats],
        shape: tuple[int, ...],
    ) -> None:
        self.where, self.dates, self.values = rows
        self.now = np.full(shape, np.nan)
        self.done = 0

    def before(self, day: np.datetime64) -> Floats:
        until = int(np.searchsorted(self.dates, day, side="left"))
        for k in range(self.done, until):
            place = tuple(axis[k] for axis in self.where)
            self.now[place] = self.values[k]
            self.now[place[::-1]] = self.values[k]
        self.done = max(self.done, until)
        return self.now.copy()


def _actor_rows(
    frame: pd.DataFrame, place: Mapping[str, int], name: str
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.datetime64], Floats]:
    frame = frame.sort_values("date", na_position="first", kind="stable")
    return (
        (_positions(frame["actor"], place, name),),
        _days(frame["date"], _NEVER),
        frame["value"].to_numpy(np.float64),
    )


def _pair_rows(
    frame: pd.DataFrame, place: Mapping[str, int], name: str
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.datetime64], Floats]:
    frame = frame.sort_values("date", na_position="first", kind="stable")
    where = (_positions(frame["a"], place, name), _positions(frame["b"], place, name))
    return where, _days(frame["date"], _NEVER), frame["value"].to_numpy(np.float64)


def _positions(labels: pd.Series, place: Mapping[str, int], name: str) -> NDArray[np.int64]:
    text = labels.astype(str)
    unknown = ~text.isin(list(place))
    if unknown.any():
        raise DataError(
            f"{name} names an actor that is not on the list",
            "Add it to the actors, or leave the row out",
            value=str(text[unknown].iloc[0]),
        )
    return np.array([place[label] for label in text], dtype=np.int64)


def _days(dates: pd.Series, blank: np.datetime64) -> NDArray[np.datetime64]:
    days = pd.to_datetime(dates).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(days), blank, days)


def _events(
    events: pd.DataFrame, place: Mapping[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.datetime64]]:
    if events.empty:
        raise DataError("there is no event", "Give at least one dated event")
    if events["date"].isna().any():
        raise DataError("an event has no date", "Date every event, or leave it out")
    first, second = _positions(events["a"], place, "events"), _positions(events["b"], place, "events")
    if (first == second).any():
        raise DataError("an event has the same actor on both sides", "Leave it out")
    return first, second, _days(events["date"], _NEVER)


def _spells(
    presence: pd.DataFrame | None, place: Mapping[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.datetime64], NDArray[np.datetime64]]:
    if presence is None:
        none = np.empty(0, dtype="datetime64[s]")
        return np.empty(0, dtype=np.int64), none, none
    where = _positions(presence["actor"], place, "presence")
    return where, _days(presence["start"], _NEVER), _days(presence["end"], _ALWAYS)


def _present(
    spells: tuple[NDArray[np.int64], NDArray[np.datetime64], NDArray[np.datetime64]],
    day: np.datetime64,
    n: int,
) -> NDArray[np.bool_]:
    where, start, end = spells
    present = np.ones(n, dtype=bool)
    present[where] = False
    present[where[(start <= day) & (day <= end)]] = True
    return present

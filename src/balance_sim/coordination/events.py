"""A stream of two-sided events with all that was known before each: ties, covariates, who was there.

What is dated on the day of an event is not known to it: ties and covariates dated strictly before count, and events of
one day do not see each other. Presence counts its first and last day. A blank date is the beginning of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.coordination.effects import Floats, Snapshot, windowed
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import ReadReport

Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]

_NEVER = np.datetime64("0001-01-01", "s")
_ALWAYS = np.datetime64("9999-12-31", "s")
_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class EventData:
    """Events between actors, in the tidy form that the readers of `evidence.data` give.

    events: a, b, date, and perhaps line and _file. presence: actor, start, end; actors without a row are always there.
    networks: name -> a, b, date, increment or value. states: name -> actor, date, value. pairs: name -> a, b, date,
    value (undirected). source: the file of the events, for messages. reports: of the files read; notes: what else was
    done to them."""

    actors: tuple[str, ...]
    events: pd.DataFrame
    presence: pd.DataFrame | None = None
    networks: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    states: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pairs: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    source: str | None = None
    reports: tuple[ReadReport, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventDay:
    """One day with events. present: (n,); moment: what was known before it; first, second: sides of each event."""

    date: np.datetime64
    present: NDArray[np.bool_]
    moment: Snapshot
    first: Ints
    second: Ints


def event_days(
    data: EventData,
    windows: Iterable[tuple[str, float]] = (),
    *,
    distinct: Iterable[str] = (),
    mean_kept: bool = False,
) -> Iterator[EventDay]:
    """The days of `data.events` in order, each with what was known before it; see `Record`. Raises DataError."""
    record = Record(data, windows, distinct=distinct, mean_kept=mean_kept)
    events = data.events
    if events.empty:
        raise DataError("there is no event", "Give at least one dated event", path=data.source)

    def refuse_any(bad: NDArray[np.bool_], message: str, next_step: str) -> None:
        if bad.any():
            event = events.iloc[int(np.argmax(bad))]
            line = None if pd.isna(event.get("line")) else int(event["line"])
            path = event.get("_file", data.source)
            raise DataError(message, next_step, path, line, None, f"{event['a']}-{event['b']}")

    refuse_any(events["date"].isna().to_numpy(), "an event has no date", "Date every event, or leave it out")
    first, second = (_positions(events[side], record.place, "events") for side in ("a", "b"))
    refuse_any(first == second, "an event has the same actor on both sides", "Leave it out")
    dates = _days(events["date"], _NEVER)
    for day in np.unique(dates):
        now = dates == day
        found = record.on(day, first[now], second[now])
        absent = now & ~(found.present[first] & found.present[second])
        message = f"an event on {day.astype('datetime64[D]')} has a side that is not present"
        refuse_any(absent, message, "Correct the spells of presence, or leave the event out")
        yield found


class Record:
    """Ties, covariates and presence of `data`, brought forward day by day (never back).

    windows: networks, and the days within which ties of them count, too. distinct: networks in which repetitions are
    looked for with equal rows of one moment counted once. mean_kept: blanks of covariates are filled once and keep that
    (`_means_kept`)."""

    def __init__(
        self,
        data: EventData,
        windows: Iterable[tuple[str, float]] = (),
        *,
        distinct: Iterable[str] = (),
        mean_kept: bool = False,
    ) -> None:
        self.place = {actor: i for i, actor in enumerate(data.actors)}
        if len(self.place) != len(data.actors):
            raise DataError("an actor is listed twice", "List each actor once")
        self.windows = dict.fromkeys(windows)
        self.networks = {name: self._ties(frame, name) for name, frame in data.networks.items()}
        for name, days in self.windows:
            inside = _within(data.networks[name], name, days)
            self.networks[windowed(name, days)] = self._ties(inside, name, least=-np.inf)
        self.repeated = {name: self._ties(_once(data.networks[name]), name) for name in dict.fromkeys(distinct)}
        self.states, self.pairs = (
            {name: self._values(frame, name, sides, mean_kept=mean_kept) for name, frame in frames.items()}
            for frames, sides in ((data.states, ("actor",)), (data.pairs, ("a", "b")))
        )
        always = pd.DataFrame({"actor": [], "start": pd.to_datetime([]), "end": pd.to_datetime([])})
        spells = always if data.presence is None else data.presence
        self.spells = _positions(spells["actor"], self.place, "presence")
        self.start, self.end = _days(spells["start"], _NEVER), _days(spells["end"], _ALWAYS)

    def on(self, day: np.datetime64, first: Ints = _NOBODY, second: Ints = _NOBODY) -> EventDay:
        """What is known just before a day, and who is there on it."""
        every = (self.networks, self.states, self.pairs, self.repeated)
        known = Snapshot(*({name: track.before(day) for name, track in tracks.items()} for tracks in every))
        present = np.ones(len(self.place), dtype=bool)
        present[self.spells] = False
        present[self.spells[(self.start <= day) & (day <= self.end)]] = True
        return EventDay(day, present, known, first, second)

    def happens(self, network: str, i: int, j: int, when: np.datetime64) -> None:
        """An event that is not in the data: adds 1 to the network and to its windows."""
        self.networks[network].put((i, j), 1.0, adds=True)
        for name, days in self.windows:
            if name == network:
                inside = self.networks[windowed(name, days)]
                inside.put((i, j), 1.0, adds=True)
                inside.passing.append((when + np.timedelta64(round(days * 86_400), "s"), (i, j)))

    def _ties(self, frame: pd.DataFrame, name: str, least: float = 0.0) -> Track:
        """Weights of one undirected network; unless `least` says otherwise a tie that ends unbegun stays at 0."""
        frame = frame.assign(**{k: np.nan for k in ("increment", "value") if k not in frame})
        adds = frame["increment"].notna()
        total = frame[adds].groupby(["a", "b", "date"], dropna=False)["increment"].sum().reset_index()
        sets = frame[~adds][["a", "b", "date", "value"]]
        rows = pd.concat([sets, total], ignore_index=True).sort_values("date", na_position="first", kind="stable")
        by, to = (rows[column].to_numpy(np.float64) for column in ("increment", "value"))
        where = tuple(_positions(rows[side], self.place, name) for side in ("a", "b"))
        values, now = np.where(np.isnan(by), to, by), np.zeros((len(self.place),) * 2)
        return Track(where, _days(rows["date"], _NEVER), values, ~np.isnan(by), now, least)

    def _values(self, frame: pd.DataFrame, name: str, sides: tuple[str, ...], *, mean_kept: bool) -> Track:
        """A covariate of actors or of pairs, missing before its first value."""
        frame = frame.sort_values("date", na_position="first", kind="stable")
        where = tuple(_positions(frame[side], self.place, name) for side in sides)
        values = frame["value"].to_numpy(np.float64)
        now = np.full((len(self.place),) * len(sides), np.nan)
        track = Track(where, _days(frame["date"], _NEVER), values, np.zeros(len(values), dtype=bool), now)
        return _means_kept(track) if mean_kept else track


@dataclass
class Track:
    """One network or covariate through time: rows that add to a cell or set it, until the next.

    where: an index array for each axis of `now`, which is symmetric; dates, values, adds: of the rows, in order of
    time. passing: what a simulation added to a window, and when it goes again."""

    where: tuple[Ints, ...]
    dates: Days
    values: Floats
    adds: NDArray[np.bool_]
    now: Floats
    least: float = -np.inf
    done: int = 0
    passing: list[tuple[np.datetime64, tuple[int, ...]]] = field(default_factory=list)

    def put(self, place: tuple[Any, ...], value: float, *, adds: bool) -> None:
        """Add to one cell, or set it."""
        new = max(self.now[place] + value if adds else value, self.least)
        self.now[place] = self.now[place[::-1]] = new

    def before(self, day: np.datetime64) -> Floats:
        """What rows dated before a day have made of it."""
        until = int(np.searchsorted(self.dates, day, side="left"))
        for k in range(self.done, until):
            self.put(tuple(axis[k] for axis in self.where), self.values[k], adds=self.adds[k])
        self.done = max(self.done, until)
        for when, place in self.passing:
            if when < day:
                self.put(place, -1.0, adds=True)
        self.passing = [one for one in self.passing if one[0] >= day]
        return self.now.copy()


def _once(frame: pd.DataFrame) -> pd.DataFrame:
    """Ties with equal increments of one dyad and moment counted once."""
    if "increment" not in frame:
        return frame
    return frame[~(frame["increment"].notna() & frame.duplicated(["a", "b", "date", "increment"]))]


def _within(frame: pd.DataFrame, name: str, days: float) -> pd.DataFrame:
    """Increments, and the same taken back when the window has passed."""
    frame = frame.assign(**{k: np.nan for k in ("increment", "value") if k not in frame})
    if (frame["value"].notna() & frame["date"].notna()).any():
        message = f"a window needs ties given by increments, and {name} has dated values"
        raise DataError(message, "Give increments, or leave the window out")
    frame = frame[frame["increment"].notna() & frame["date"].notna()]
    passed = frame["date"] + pd.to_timedelta(days * 86_400, unit="s").as_unit("s")
    return pd.concat([frame, frame.assign(date=passed, increment=-frame["increment"])], ignore_index=True)


def _means_kept(track: Track) -> Track:
    """The covariate with every blank filled once, and kept until a row of its own.

    At the start, the first moment at which anyone has a value, whoever has none takes the mean over all who have one. A
    later blank takes the mean of the others' values as they stand when its row comes, in the order given."""
    values, places = track.values.copy(), list(zip(*track.where, strict=True))
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return track
    begun = int(np.searchsorted(track.dates, track.dates[known[0]], side="right"))
    now = np.full_like(track.now, np.nan)

    def put(k: int, value: float) -> None:
        now[places[k]] = now[places[k][::-1]] = value

    for k in range(begun):
        put(k, values[k])
    blank, mean = np.isnan(now), np.nanmean(now)
    if now.ndim == 2:
        np.fill_diagonal(blank, False)
    now[blank] = mean
    for k in range(begun, len(values)):
        if np.isnan(values[k]):
            put(k, np.nan)
            others = now[~np.isnan(now)]
            values[k] = others.mean() if len(others) else np.nan
        put(k, values[k])
    cells = np.nonzero(np.triu(blank) if now.ndim == 2 else blank)

    def filled(rows: NDArray[Any], more: Any) -> NDArray[Any]:
        return np.concatenate([rows[:begun], np.broadcast_to(more, len(cells[0])), rows[begun:]])

    where = tuple(filled(axis, cell) for axis, cell in zip(track.where, cells, strict=True))
    dates, adds = filled(track.dates, track.dates[begun - 1]), filled(track.adds, False)
    return Track(where, dates, filled(values, mean), adds, track.now)


def _positions(labels: pd.Series, place: Mapping[str, int], name: str) -> Ints:
    text = labels.astype(str)
    unknown = ~text.isin(list(place))
    if unknown.any():
        message, stranger = f"{name} names an actor that is not on the list", str(text[unknown].iloc[0])
        raise DataError(message, "Add it to the actors, or leave the row out", value=stranger)
    return np.array([place[label] for label in text], dtype=np.int64)


def _days(dates: pd.Series, blank: np.datetime64) -> Days:
    days = pd.to_datetime(dates).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(days), blank, days)

"""A stream of two-sided events with all that was known before each: ties, covariates, who was there.

What is dated on the day of an event is not known to it: ties and covariates dated strictly before count, and
events of one day do not see each other. Presence counts its first and last day. A blank date is the
beginning of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.coordination.effects import Floats, Moment, windowed
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import ReadReport

_NEVER = np.datetime64("0001-01-01", "s")
_ALWAYS = np.datetime64("9999-12-31", "s")
_NOBODY = np.empty(0, dtype=np.int64)
Rows = tuple[tuple[NDArray[np.int64], ...], NDArray[np.datetime64], Floats]
"""Where (an axis each), from when, and which value, in order of time."""


@dataclass(frozen=True)
class EventData:
    """Events between actors, in the tidy form that `readers.covariates` gives.

    events: a, b, date, and perhaps line and _file. presence: actor, start, end; actors without a row are always there.
    networks: name -> a, b, date, increment or value. states: name -> actor, date, value. pairs: name -> a, b,
    date, value (undirected). source: the file of the events, for messages. reports: of the files read; notes:
    what else was done to them."""

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
    """One day with events. present: (n,); first, second: positions of the sides of each event of the day."""

    date: np.datetime64
    present: NDArray[np.bool_]
    moment: Moment
    first: NDArray[np.int64]
    second: NDArray[np.int64]


def event_days(
    data: EventData,
    windows: Iterable[tuple[str, float]] = (),
    *,
    distinct: Iterable[str] = (),
    mean_kept: bool = False,
) -> Iterator[EventDay]:
    """The moments of `data.events` in order, each with what was known before it. See `World`. Raises DataError."""
    world = World(data, windows, distinct=distinct, mean_kept=mean_kept)
    first, second, dates = _events(data, world.place)
    for day in np.unique(dates):
        now = np.flatnonzero(dates == day)
        found = world.on(day, first[now], second[now])
        gone = ~(found.present[found.first] & found.present[found.second])
        if gone.any():
            row = int(now[int(np.flatnonzero(gone)[0])])
            raise _fault(
                data,
                row,
                f"an event on {day.astype('datetime64[D]')} has a side that is not present",
                "Correct the spells of presence, or leave the event out",
            )
        yield found


class World:
    """Ties, covariates and presence of `data`, brought forward day by day (never back).

    windows: networks, and the days within which ties of them count, too. distinct: networks in which repetitions
    are looked for with equal rows of one moment counted once. mean_kept: see `_kept`."""

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
        n = len(data.actors)
        self.networks = {name: Ties(frame, self.place, name) for name, frame in data.networks.items()}
        for name, days in dict.fromkeys(windows):
            self.networks[windowed(name, days)] = Ties(data.networks[name], self.place, name, days)
        self.repeated = {
            name: Ties(_once(data.networks[name]), self.place, name) for name in dict.fromkeys(distinct)
        }
        self.states = {
            name: _Values(_actor_rows(frame, self.place, name), (n,), mean_kept=mean_kept)
            for name, frame in data.states.items()
        }
        self.pairs = {
            name: _Values(_pair_rows(frame, self.place, name), (n, n), mean_kept=mean_kept)
            for name, frame in data.pairs.items()
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
            {name: ties.before(day) for name, ties in self.repeated.items()},
        )
        return EventDay(day, _present(self.spells, day, len(self.place)), moment, first, second)

    def happens(self, network: str, i: int, j: int, when: np.datetime64) -> None:
        """An event that is not in the data: adds 1 to the network and to its windows."""
        for ties in self.networks.values():
            if ties.of == network:
                ties.add(i, j, 1.0)
                if ties.days is not None:
                    length = np.timedelta64(round(ties.days * 86_400), "s")
                    ties.passing.append((when + length, i, j, 1.0))


class Ties:
    """Weights of one undirected network, brought forward in time. days: what was added stays so long.

    Without a window no weight falls below 0: a tie that ends and was never begun stays at 0. `passing`: what a
    simulation added and when it goes."""

    def __init__(
        self, frame: pd.DataFrame, place: Mapping[str, int], name: str, days: float | None = None
    ) -> None:
        self.of, self.days = name, days
        self.least = 0.0 if days is None else -np.inf
        self.passing: list[tuple[np.datetime64, int, int, float]] = []
        frame = frame.assign(**{k: np.nan for k in ("increment", "value") if k not in frame})
        if days is not None:
            frame = _within(frame, name, days)
        added = frame["increment"].notna()
        total = frame[added].groupby(["a", "b", "date"], dropna=False)["increment"].sum().reset_index()
        frame = pd.concat([frame[~added][["a", "b", "date", "value"]], total], ignore_index=True)
        frame = frame.sort_values("date", na_position="first", kind="stable")
        self.a, self.b = _positions(frame["a"], place, name), _positions(frame["b"], place, name)
        self.dates = _days(frame["date"], _NEVER)
        self.increment = frame["increment"].to_numpy(np.float64)
        self.value = frame["value"].to_numpy(np.float64)
        self.x = np.zeros((len(place), len(place)))
        self.done = 0

    def add(self, i: int, j: int, weight: float) -> None:
        """Change one tie's weight."""
        self.x[i, j] = max(self.x[i, j] + weight, self.least)
        self.x[j, i] = self.x[i, j]

    def before(self, day: np.datetime64) -> Floats:
        until = int(np.searchsorted(self.dates, day, side="left"))
        for k in range(self.done, until):
            i, j = self.a[k], self.b[k]
            by = self.increment[k]
            self.add(i, j, self.value[k] - self.x[i, j] if np.isnan(by) else by)
        self.done = max(self.done, until)
        for _, i, j, by in (gone for gone in self.passing if gone[0] < day):
            self.add(i, j, -by)
        self.passing = [gone for gone in self.passing if gone[0] >= day]
        return self.x.copy()


def _once(frame: pd.DataFrame) -> pd.DataFrame:
    """Ties with equal increments of one dyad and moment counted once."""
    if "increment" not in frame:
        return frame
    return frame[~(frame["increment"].notna() & frame.duplicated(["a", "b", "date", "increment"]))]


def _within(frame: pd.DataFrame, name: str, days: float) -> pd.DataFrame:
    """Increments, and the same taken back when the window has passed."""
    if frame["value"].notna().any() and frame.loc[frame["value"].notna(), "date"].notna().any():
        raise DataError(
            f"a window needs ties given by increments, and {name} has dated values",
            "Give increments, or leave the window out",
        )
    frame = frame[frame["increment"].notna() & frame["date"].notna()]
    passed = frame["date"] + pd.to_timedelta(days * 86_400, unit="s").as_unit("s")
    return pd.concat([frame, frame.assign(date=passed, increment=-frame["increment"])], ignore_index=True)


def _kept(rows: Rows, shape: tuple[int, ...]) -> Rows:
    """The rows with every blank filled once, and kept until a row of its own.

    At the start, the first moment at which anyone has a value, whoever has none takes the mean over all who have
    one. A later blank takes the mean of the others' values as they stand when its row comes, in the order given."""
    where, dates, values = rows
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return rows
    begun = int(np.searchsorted(dates, dates[known[0]], side="right"))
    places = list(zip(*where, strict=True))
    now, filled = np.full(shape, np.nan), values.copy()
    for place, value in zip(places[:begun], values, strict=False):
        now[place] = now[place[::-1]] = value
    blank, mean = np.isnan(now), np.nanmean(now)
    if len(shape) == 2:
        np.fill_diagonal(blank, False)
    now[blank] = mean
    for k in range(begun, len(values)):
        if np.isnan(values[k]):
            now[places[k]] = now[places[k][::-1]] = np.nan
            others = now[~np.isnan(now)]
            filled[k] = others.mean() if len(others) else np.nan
        now[places[k]] = now[places[k][::-1]] = filled[k]
    cells = np.nonzero(np.triu(blank) if len(shape) == 2 else blank)

    def between(before: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([before[:begun], more, before[begun:]])

    return (
        tuple(between(axis, cell) for axis, cell in zip(where, cells, strict=True)),
        between(dates, np.full(len(cells[0]), dates[begun - 1])),
        between(filled, np.full(len(cells[0]), mean)),
    )


class _Values:
    """Values that hold from their date until the next, brought forward in time; NaN before the first."""

    def __init__(
        self,
        rows: Rows,
        shape: tuple[int, ...],
        *,
        mean_kept: bool,
    ) -> None:
        self.where, self.dates, self.values = _kept(rows, shape) if mean_kept else rows
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


def _actor_rows(frame: pd.DataFrame, place: Mapping[str, int], name: str) -> Rows:
    frame = frame.sort_values("date", na_position="first", kind="stable")
    return (
        (_positions(frame["actor"], place, name),),
        _days(frame["date"], _NEVER),
        frame["value"].to_numpy(np.float64),
    )


def _pair_rows(frame: pd.DataFrame, place: Mapping[str, int], name: str) -> Rows:
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
    data: EventData, place: Mapping[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.datetime64]]:
    events = data.events
    if events.empty:
        raise DataError("there is no event", "Give at least one dated event", path=data.source)
    undated = events["date"].isna().to_numpy()
    if undated.any():
        row = int(np.flatnonzero(undated)[0])
        raise _fault(data, row, "an event has no date", "Date every event, or leave it out")
    first, second = _positions(events["a"], place, "events"), _positions(events["b"], place, "events")
    if (first == second).any():
        row = int(np.flatnonzero(first == second)[0])
        raise _fault(data, row, "an event has the same actor on both sides", "Leave it out")
    return first, second, _days(events["date"], _NEVER)


def _fault(data: EventData, row: int, message: str, next_step: str) -> DataError:
    event = data.events.iloc[row]
    line = None if pd.isna(event.get("line")) else int(event["line"])
    path = event.get("_file", data.source)
    return DataError(message, next_step, path, line, None, f"{event['a']}-{event['b']}")


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

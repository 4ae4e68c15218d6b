"""A study's tables as tidy frames: outcomes by replication and arm, and new agreements
as they add up; and what every outcome is, a row each: the codebook of its tables, also
kept in the results folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache

from balance_sim.model.core import Floats, Ints
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, known_outcome

if TYPE_CHECKING:
    pass

DayCounts = npt.NDArray[np.int16]

CACHED_BYTES = 64 << 20
"""Bytes of outcomes that are held at once, but for those asked for together."""
EVERY_DAYS = 7
"""Days between points of a curve."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
Tables = Callable[[Sequence[str] | None], Iterator[pa.Table]]
"""Tables of these outcomes, of all if None, in the order of runs."""


class Outcomes:
    """Outcomes by run and arm, read some columns at a time: a large study is never held
    whole."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.runs = 0  # that finished
        self.names: list[str] = []
        runs, places = [np.empty(0, np.int32)], [np.empty(0, np.int16)]
        number: dict[str, int] = {}  # of each arm, as they come
        for table in tables(()):
            self.runs += len(pc.unique(table["run"]))
            runs.append(table["run"].to_numpy())
            words = table["arm"].cast(pa.string()).combine_chunks().dictionary_encode()
            arms = words.dictionary.to_pylist()
            numbers = [number.setdefault(arm, len(number)) for arm in arms]
            places.append(np.array(numbers, np.int16)[words.indices.to_numpy()])
        self.arms = sorted(number)
        rank = np.array([self.arms.index(arm) for arm in number], np.int16)
        run, place = np.concatenate(runs), np.concatenate(places)
        place = rank[place] if number else place
        self._order = np.lexsort((run, place))
        self._front = pd.DataFrame({"run": run[self._order].astype(np.int32)})
        self._front["arm"] = pd.Series(
            np.repeat(self.arms, np.bincount(place)), dtype=str
        )
        edges = np.searchsorted(place[self._order], np.arange(len(self.arms) + 1))
        pairs = zip(self.arms, pairwise(edges), strict=True)
        self._rows = {arm: slice(first, stop) for arm, (first, stop) in pairs}
        self._runs = {
            arm: pd.Index(self._front["run"].iloc[rows])
            for arm, rows in self._rows.items()
        }
        self._fits = max(CACHED_BYTES // max(8 * len(run), 1), 2)
        self._cache: LRUCache[str, Floats] = LRUCache(self._fits)
        if self.arms:
            first = next(iter(tables(None)))
            self.names = [
                name for name in first.column_names if name not in ("run", "arm")
            ]

    def frame(self, *names: str) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and these outcomes.
        Raises KeyError."""
        values = self._values(*names)
        columns = pd.DataFrame(
            {name: values[name] for name in names}, index=self._front.index, copy=False
        )
        return pd.concat([self._front, columns], axis=1)

    def of(self, arm: str, name: str) -> pd.Series[float]:
        """An outcome of one arm, by run: a stretch of what is held, not a copy. Raises
        KeyError."""
        return pd.Series(
            self._values(name)[name][self._rows[arm]],
            index=self._runs[arm],
            name=name,
            copy=False,
        )

    def _values(self, *names: str) -> dict[str, Floats]:
        """Outcomes by name, in the order of `_front`."""
        values = {name: self._cache[name] for name in names if name in self._cache}
        lacking = [name for name in names if name not in values]
        if lacking:
            values |= self._read(lacking)
        return values

    def _read(self, lacking: Sequence[str]) -> dict[str, Floats]:
        """What is lacking of what is asked for, and what comes after it in the tables,
        which will be asked for next."""
        for name in lacking:
            if name not in self.names:
                raise KeyError(name)
        start = self.names.index(lacking[0])
        in_turn = self.names[start:] + self.names[:start]
        cached = {*self._cache, *lacking}
        following = [name for name in in_turn if name not in cached]
        room = self._fits if len(self.names) <= self._fits else self._fits // 2
        following = following[: max(room - len(lacking), 0)]
        wanted = list(dict.fromkeys([*lacking, *following]))
        columns: dict[str, list[Floats]] = {name: [] for name in wanted}
        for table in self._tables(wanted):
            for name in wanted:
                columns[name].append(table[name].to_numpy())
        values = {
            name: np.concatenate(columns.pop(name))[self._order] for name in wanted
        }
        for name in reversed(wanted):  # what was asked for is kept longest
            self._cache[name] = values[name]
        return values


# -- curves ----------------------------------------------------------------------------


def day_axis(horizon: int) -> Ints:
    """Days after the focal date at which curves are given."""
    return np.unique(np.append(np.arange(0, horizon + 1, EVERY_DAYS), horizon))


def fan(parts: Iterable[dict[str, DayCounts]], horizon: int) -> pd.DataFrame:
    """Tidy: arm, day, mean, q05 ... q95, n, from counts of some runs each; only how
    often each count came is held."""
    days = day_axis(horizon)
    times: dict[str, Ints] = {}  # by arm, (days, counts)
    for part in parts:
        for arm, counts in part.items():
            table = times.setdefault(arm, np.zeros((len(days), 1), np.int64))
            widest = int(counts.max()) + 1 if len(counts) else 0
            if widest > table.shape[1]:
                table = np.pad(table, ((0, 0), (0, widest - table.shape[1])))
                times[arm] = table
            day = np.broadcast_to(np.arange(len(days)), counts.shape)
            np.add.at(table, (day, counts), 1)
    frames = [_fan_rows(arm, days, table) for arm, table in times.items()]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _fan_rows(arm: str, days: Ints, times: Ints) -> pd.DataFrame:
    """The rows of one arm. times: (days, counts) how often each count came."""
    n = int(times[0].sum())
    if not n:
        return pd.DataFrame()
    below = times.cumsum(axis=1)
    columns: dict[str, Any] = {"arm": arm, "day": days}
    columns["mean"] = times @ np.arange(times.shape[1]) / n
    for name, q in QUANTILES.items():
        # the smallest count that a share q of the runs does not exceed, as NumPy's
        # `inverted_cdf`
        columns[name] = (below < max(np.ceil(n * q), 1)).sum(axis=1).astype(float)
    return pd.DataFrame(columns | {"n": n})


def survival(first_days: Floats, horizon: int) -> pd.DataFrame:
    """Share of runs without a first event by each day: Kaplan and Meier 1958, all
    censored at the horizon.

    first_days: (runs,), NaN where there was none. Columns: day, at_risk, events,
    share."""
    n = len(first_days)
    event_days = first_days[~np.isnan(first_days)].astype(int)
    events = np.bincount(event_days, minlength=horizon + 1)[: horizon + 1]
    at_risk = n - np.concatenate([[0], np.cumsum(events)[:-1]])
    share = 1.0 - np.cumsum(events) / n if n else np.full(horizon + 1, np.nan)
    return pd.DataFrame(
        {
            "day": np.arange(horizon + 1),
            "at_risk": at_risk,
            "events": events,
            "share": share,
        }
    )


FILE = "codebook.csv"
COLUMNS = [
    "outcome",
    "meaning",
    "unit",
    "type",
    "estimator",
    "window_days",
    "direction",
    "kind",
    "group",
    "fixed",
]


def codebook(
    names: Iterable[str], meanings: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A row an outcome, in the order of the tables' columns `names`, those of filtered
    estimates among them.

    estimator: of `levels` and `effects`; direction, kind: of the agreements that are
    counted; fixed: whether no arm can change it. meanings: of outcomes of the user's
    own, by name without `own_`.

    >>> book = codebook(["accords_counter_30", "filtered_accords_counter_30"])
    >>> book[["outcome", "unit", "estimator"]].values.tolist()
    [['accords_counter_30', 'agreements', 'filtered']]
    """
    columns = list(names)
    outcomes = [name for name in columns if not name.startswith(FILTERED)]
    rows = [
        _row(name, is_filtered=FILTERED + name in columns, meanings=meanings or {})
        for name in outcomes
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"window_days": "Int64"})


def _row(
    name: str, *, is_filtered: bool, meanings: Mapping[str, str]
) -> dict[str, object]:
    """The row of an outcome, in the order of COLUMNS."""
    estimator = "filtered" if is_filtered else "count"
    row: dict[str, object] = {"outcome": name, "estimator": estimator}
    outcome = known_outcome(name)
    if outcome is None:  # of another version
        words = ("meaning", "unit", "type", "direction", "kind", "group")
        return row | dict.fromkeys(words, "") | {"fixed": False}
    meaning = outcome.sentence
    if outcome.measure == "own":
        meaning = meanings.get(name.removeprefix("own_")) or meaning
    return row | {
        "meaning": meaning,
        "unit": outcome.declared.unit,
        "type": outcome.declared.type.value,
        "window_days": outcome.window,
        "direction": outcome.direction or "",
        "kind": outcome.kind or "",
        "group": outcome.group or "",
        "fixed": fixed_beforehand(name),
    }

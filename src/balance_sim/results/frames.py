"""A study's tables as tidy frames: outcomes by replication and arm, and new agreements as they add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache

from balance_sim.model.core import Floats, Ints

DayCounts = npt.NDArray[np.int16]

HELD = 64 << 20  # bytes of outcomes that are held at once, but for those asked for together
EVERY_DAYS = 7  # between points of a curve
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
Tables = Callable[[Sequence[str] | None], Iterator[pa.Table]]  # of these outcomes, in the order of runs


class Outcomes:
    """Outcomes by run and arm, read some columns at a time: a large study is never held whole."""

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
            known = [number.setdefault(word, len(number)) for word in words.dictionary.to_pylist()]
            places.append(np.array(known, np.int16)[words.indices.to_numpy()])
        self.arms = sorted(number)
        rank = np.array([self.arms.index(arm) for arm in number], np.int16)
        run, place = np.concatenate(runs), np.concatenate(places)
        place = rank[place] if number else place
        self._order = np.lexsort((run, place))
        self._front = pd.DataFrame({"run": run[self._order].astype(np.int32)})
        self._front["arm"] = pd.Series(np.repeat(self.arms, np.bincount(place)), dtype=str)
        edges = np.searchsorted(place[self._order], np.arange(len(self.arms) + 1))
        self._rows = {arm: slice(*of) for arm, of in zip(self.arms, pairwise(edges), strict=True)}
        self._runs = {arm: pd.Index(self._front["run"].iloc[rows]) for arm, rows in self._rows.items()}
        self._fits = max(HELD // max(8 * len(run), 1), 2)  # outcomes held at once
        self._held: LRUCache[str, Floats] = LRUCache(self._fits)
        if self.arms:
            first = next(iter(tables(None)))
            self.names = [name for name in first.column_names if name not in ("run", "arm")]

    def frame(self, *names: str) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and these outcomes. Raises KeyError."""
        found = self._values(*names)
        columns = pd.DataFrame({name: found[name] for name in names}, index=self._front.index, copy=False)
        return pd.concat([self._front, columns], axis=1)

    def of(self, arm: str, name: str) -> pd.Series[float]:
        """An outcome of one arm, by run: a stretch of what is held, not a copy. Raises KeyError."""
        return pd.Series(self._values(name)[name][self._rows[arm]], index=self._runs[arm], name=name, copy=False)

    def _values(self, *names: str) -> dict[str, Floats]:
        found = {name: self._held[name] for name in names if name in self._held}
        if lacking := [name for name in names if name not in found]:
            found |= self._read(lacking)
        return found

    def _read(self, lacking: Sequence[str]) -> dict[str, Floats]:
        """What is lacking of what is asked for, and what comes after it in the tables, which will be asked for next."""
        if unknown := [name for name in lacking if name not in self.names]:
            raise KeyError(unknown[0])
        start = self.names.index(lacking[0])
        after = [n for n in self.names[start:] + self.names[:start] if n not in {*self._held, *lacking}]
        most = self._fits if len(self.names) <= self._fits else self._fits // 2
        wanted = list(dict.fromkeys([*lacking, *after[: max(most - len(lacking), 0)]]))
        parts: dict[str, list[Floats]] = {name: [] for name in wanted}
        for table in self._tables(wanted):
            for name in wanted:
                parts[name].append(table[name].to_numpy())
        found = {name: np.concatenate(parts.pop(name))[self._order] for name in wanted}
        for name in reversed(wanted):  # what was asked for is kept longest
            self._held[name] = found[name]
        return found


# -- curves ------------------------------------------------------------------------------------------


def day_axis(horizon: int) -> Ints:
    """Days after the focal date at which curves are given."""
    return np.unique(np.append(np.arange(0, horizon + 1, EVERY_DAYS), horizon))


def fan(parts: Iterable[dict[str, DayCounts]], horizon: int) -> pd.DataFrame:
    """Tidy: arm, day, mean, q05 ... q95, n, from counts of some runs each; only how often each count came is held."""
    days = day_axis(horizon)
    times: dict[str, Ints] = {}  # by arm, (days, counts)
    for part in parts:
        for arm, counts in part.items():
            held = times.setdefault(arm, np.zeros((len(days), 1), np.int64))
            if len(counts) and (more := int(counts.max()) + 1 - held.shape[1]) > 0:
                held = times[arm] = np.pad(held, ((0, 0), (0, more)))
            np.add.at(held, (np.broadcast_to(np.arange(len(days)), counts.shape), counts), 1)
    rows = []
    for arm, held in times.items():
        if n := int(held[0].sum()):
            below = held.cumsum(axis=1)
            # The smallest count that a share q of the runs does not exceed, as NumPy's `inverted_cdf`.
            quantiles = {
                name: (below < max(np.ceil(n * q), 1)).sum(axis=1).astype(float) for name, q in QUANTILES.items()
            }
            mean = held @ np.arange(held.shape[1]) / n
            rows.append(pd.DataFrame({"arm": arm, "day": days, "mean": mean} | quantiles | {"n": n}))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def survival(first_days: Floats, horizon: int) -> pd.DataFrame:
    """Share of runs without a first event by each day: Kaplan and Meier 1958, all censored at the horizon.

    first_days: (runs,), NaN where there was none. Columns: day, at_risk, events, share."""
    n = len(first_days)
    known = first_days[~np.isnan(first_days)].astype(int)
    events = np.bincount(known, minlength=horizon + 1)[: horizon + 1]
    at_risk = n - np.concatenate([[0], np.cumsum(events)[:-1]])
    left = 1.0 - np.cumsum(events) / n if n else np.full(horizon + 1, np.nan)
    return pd.DataFrame({"day": np.arange(horizon + 1), "at_risk": at_risk, "events": events, "share": left})

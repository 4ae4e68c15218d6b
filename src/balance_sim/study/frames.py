"""A study's tables as tidy frames: outcomes by replication and arm, agreements as they
add up over time, and what every outcome is, a row each: the codebook of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from cachetools import LRUCache

from balance_sim.model.core import Floats, Ints
from balance_sim.scenario.errors import OneLine, checked_name
from balance_sim.stats.frame import Frame
from balance_sim.stats.superposition import Marked, superposed
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, known_outcome

CACHED_BYTES = 64 << 20
"""Bytes of outcomes that are held at once, but for those asked for together."""
EVERY_DAYS = 7
"""Days between points of a curve."""
FEWEST_LEVELS = 1000
"""Draws of the level behind a band, at the least: some for each replication."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
Tables = Callable[[Sequence[str] | None], Iterator[pa.Table]]
"""Tables of these outcomes, of all if None, in the order of runs."""


class Outcomes(OneLine):
    """Outcomes by run and arm, read some columns at a time: a large study is never held
    whole.

    Attributes
    ----------
    runs : how many replications finished
    arms : in the order of their names
    names : of all outcomes, those of filtered estimates among them
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        frames = [table.select(["run", "arm"]).to_pandas() for table in tables(())]
        columns = {"run": np.int32, "arm": str}
        none = pd.DataFrame(columns=[*columns])
        front = pd.concat(frames or [none]).astype(columns)
        self._order = np.lexsort((front["run"], front["arm"]))
        self._front = front.iloc[self._order].reset_index(drop=True)
        self.runs = int(self._front["run"].nunique())
        self.arms = sorted(front["arm"].unique())
        edges = [*np.searchsorted(self._front["arm"], self.arms), len(front)]
        self._rows = {
            arm: slice(*edges[place : place + 2]) for place, arm in enumerate(self.arms)
        }
        columns_held = max(CACHED_BYTES // max(8 * len(front), 1), 2)
        self._cache: LRUCache[str, Floats] = LRUCache(columns_held)
        first = next(iter(tables(None)), None) if self.arms else None
        names = [] if first is None else first.column_names
        self.names = [name for name in names if name not in columns]

    def frame(self, *names: str) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and these outcomes.
        Raises WrongRequest for one that there is not."""
        columns = pd.DataFrame(self._values(names), index=self._front.index)
        return Frame(pd.concat([self._front, columns], axis=1))

    def runs_of(self, arm: str) -> Ints:
        """(R,) replications that finished in an arm, rising. Raises WrongRequest."""
        checked_name("arm", arm, self.arms)
        return np.asarray(self._front["run"].to_numpy()[self._rows[arm]])

    def column(self, arm: str, name: str) -> Floats:
        """(R,) an outcome of one arm. Raises WrongRequest."""
        checked_name("arm", arm, self.arms)
        return self._values([name])[name][self._rows[arm]]

    def of(self, arm: str, name: str) -> pd.Series[float]:
        """The same by run."""
        runs = pd.Index(self.runs_of(arm), name="run")
        return pd.Series(self.column(arm, name), runs, name=name)

    def _values(self, names: Sequence[str]) -> dict[str, Floats]:
        """Outcomes by name, in the order of `_front`; those that are not held are read,
        with those after them, which will be asked for next."""
        values = {name: self._cache[name] for name in names if name in self._cache}
        lacking = [name for name in names if name not in values]
        if lacking:
            places = {name: place for place, name in enumerate(self.names)}
            start = places[checked_name("outcome", lacking[0], self.names)]
            following = self.names[start : start + int(self._cache.maxsize) // 2]
            wanted = dict.fromkeys([*lacking, *following])
            tables = [*self._tables([*wanted])]
            for name in reversed(wanted):  # what was asked for is held longest
                column = np.concatenate([table[name].to_numpy() for table in tables])
                values[name] = self._cache[name] = column[self._order].astype(float)
        return {name: values[name] for name in names}


# -- curves ----------------------------------------------------------------------------


def fan(
    events: Mapping[str, Marked], runs: int, levels: Floats, days: Ints
) -> pd.DataFrame:
    """Tidy: arm, day, mean, q05 ... q95, n.

    A quantile is the smallest number that a share of the draws of levels does not
    exceed; the mean is that of the replications, at level 1.

    Parameters
    ----------
    events : mapping of Marked
        by arm, agreements by the first of `days` on which they are made
    runs : int
        replications
    levels : (L, Y)
        draws, by year
    days : (D,)
        after the focal date
    """
    frames = []
    shares = [*QUANTILES.values()]
    for arm, of_arm in events.items():
        columns: dict[str, Any] = {"arm": arm, "day": days}
        by_day = np.bincount(of_arm.bin, minlength=len(days) + 1)[:-1]
        columns["mean"] = by_day.cumsum() / runs
        numbers = superposed(of_arm, runs, levels, len(days)).cumsum(axis=1)
        lines = np.quantile(numbers, shares, axis=0, method="inverted_cdf")
        columns |= dict(zip(QUANTILES, lines.astype(float), strict=True))
        frames.append(Frame(columns | {"n": runs}))
    return pd.concat(frames, ignore_index=True)


# -- the codebook ----------------------------------------------------------------------

FILE = "codebook.csv"
COLUMNS = ["outcome", "meaning", "unit", "type", "estimator", "window_days"]
COLUMNS += ["direction", "kind", "group", "fixed"]


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
    columns, rows = list(names), []
    for name in columns:
        if name.startswith(FILTERED):
            continue
        estimator = "filtered" if FILTERED + name in columns else "count"
        row = {"outcome": name, "estimator": estimator, "fixed": fixed_beforehand(name)}
        outcome = known_outcome(name)
        if outcome is not None:  # else of another version
            own_meaning = (meanings or {}).get(name.removeprefix("own_"))
            row |= {
                "meaning": own_meaning or outcome.sentence,
                "unit": outcome.declared.unit,
                "type": outcome.declared.type.value,
                "window_days": outcome.window,
                "direction": outcome.direction,
                "kind": outcome.kind,
                "group": outcome.group,
            }
        rows.append(row)
    frame = Frame(rows, columns=COLUMNS).astype({"window_days": "Int64"})
    return frame.fillna(dict.fromkeys(set(COLUMNS) - {"window_days"}, ""))

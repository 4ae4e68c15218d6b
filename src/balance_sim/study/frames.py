"""A study's tables as tidy frames: outcomes by replication and arm, agreements as they
add up over time, and what every outcome is, a row each: the codebook of its tables."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
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

CACHED_BYTES = 128 << 20
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
        fronts = [table.select(["run", "arm"]) for table in tables(())]
        runs = [front["run"].to_numpy() for front in fronts] or [np.empty(0, np.int32)]
        run, (words, code) = np.concatenate(runs), _coded([f["arm"] for f in fronts])
        self._order = np.lexsort((run, code))
        self._run, code = run[self._order], code[self._order]
        self.runs = len(np.unique(run))
        self.arms = [words[place] for place in np.unique(code)]
        starts = np.flatnonzero(np.diff(code, prepend=-1)).tolist()
        ends = [*starts[1:], len(code)]
        self._rows = dict(zip(self.arms, map(slice, starts, ends), strict=True))
        first = next(iter(tables(None)), None) if self.arms else None
        names = [] if first is None else first.column_names
        self.names = [name for name in names if name not in ("run", "arm")]
        self._most = max(CACHED_BYTES // max(8 * len(run), 1), 2)
        holds_all = len(self.names) <= self._most
        self._cache: MutableMapping[str, Floats]
        self._cache = {} if holds_all else LRUCache(self._most)

    def frame(self, *names: str) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and these outcomes.
        Raises WrongRequest for one that there is not."""
        lengths = [rows.stop - rows.start for rows in self._rows.values()]
        front = {
            "run": self._run,
            "arm": np.repeat(np.array(self.arms, object), lengths),
        }
        return Frame(front | self._values(names)).astype({"arm": str})

    def runs_of(self, arm: str) -> Ints:
        """(R,) replications that finished in an arm, rising. Raises WrongRequest."""
        checked_name("arm", arm, self.arms)
        return np.asarray(self._run[self._rows[arm]])

    def column(self, arm: str, name: str) -> Floats:
        """(R,) an outcome of one arm. Raises WrongRequest."""
        return np.asarray(self.stack(arm, [name])[0])

    def stack(self, arm: str, names: Sequence[str]) -> Floats:
        """(K, R) outcomes of one arm. Raises WrongRequest."""
        rows = self._rows[checked_name("arm", arm, self.arms)]
        return np.array([values[rows] for values in self._values(names).values()])

    def of(self, arm: str, name: str) -> pd.Series[float]:
        """The same by run."""
        runs = pd.Index(self.runs_of(arm), name="run")
        return pd.Series(self.column(arm, name), runs, name=name)

    def _values(self, names: Sequence[str]) -> dict[str, Floats]:
        """Outcomes by name, in the order of `_run`; those that are not held are read,
        with those after them, which will be asked for next."""
        values = {name: self._cache[name] for name in names if name in self._cache}
        lacking = [name for name in names if name not in values]
        if lacking:
            places = {name: place for place, name in enumerate(self.names)}
            start = places[checked_name("outcome", lacking[0], self.names)]
            following = self.names[start : start + max(self._most // 2, 1)]
            wanted = dict.fromkeys([*lacking, *following])
            tables = [*self._tables([*wanted])]
            for name in reversed(wanted):  # what was asked for is held longest
                column = np.concatenate([table[name].to_numpy() for table in tables])
                values[name] = self._cache[name] = column[self._order].astype(float)
        return {name: values[name] for name in names}


def _coded(columns: Sequence[pa.ChunkedArray]) -> tuple[list[str], Ints]:
    """Words of text columns, in order, and the place of each row's word among them."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    encoded = pa.chunked_array(chunks, None if chunks else pa.string())
    encoded = encoded.dictionary_encode().unify_dictionaries().combine_chunks()
    words = encoded.dictionary.to_pylist()
    ordered = sorted(words)
    places = np.array([ordered.index(word) for word in words], int)
    return ordered, places[encoded.indices.to_numpy()]


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

"""Outcomes by run and arm as one frame, laid down once as the blocks come: a large study is copied nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class OutcomeRows:
    """Rows of `runs` tables, an arm beside the other. most: the most runs that an arm can have.

    only: names of the outcomes that are kept; all where it is not given."""

    def __init__(self, most: int, only: Sequence[str] | None = None) -> None:
        self.most, self.only = most, only
        self.names: list[str] = []
        self._place: dict[str, int] = {}  # which stretch of the columns is an arm's
        self._filled: list[int] = []
        self._runs: Ints = np.empty(0, np.int64)
        self._values: Floats = np.empty((0, 0))

    def add(self, table: pa.Table) -> None:
        """Rows of one block, sorted by run within each arm."""
        if not table.num_rows:
            return
        if not self._place:
            outcomes = [name for name in table.column_names if name not in ("run", "arm")]
            self.names = outcomes if self.only is None else [name for name in self.only if name in outcomes]
            self._values = np.empty((len(self.names), 0))
        words = table["arm"].cast(pa.string())
        arms = sorted(pc.unique(words).to_pylist())
        self._make_room([arm for arm in arms if arm not in self._place])
        for arm in arms:
            part = table.filter(pc.equal(words, arm))
            first = self._place[arm] * self.most + self._filled[self._place[arm]]
            here = slice(first, first + part.num_rows)
            self._filled[self._place[arm]] += part.num_rows
            self._runs[here] = part["run"].to_numpy()
            for row, name in enumerate(self.names):
                self._values[row, here] = part[name].to_numpy()

    def _make_room(self, arms: list[str]) -> None:
        if not arms:
            return
        for arm in arms:
            self._place[arm] = len(self._place)
            self._filled.append(0)
        more = self.most * len(arms)
        self._runs = np.concatenate([self._runs, np.empty(more, np.int64)])
        if self._values.shape[1]:
            self._values = np.concatenate([self._values, np.empty((len(self.names), more))], axis=1)
        else:
            self._values = np.empty((len(self.names), more))

    def frame(self) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and a column an outcome."""
        if not self._place:
            return pd.DataFrame({"run": [], "arm": []})
        arms = sorted(self._place)
        stretches = [self._place[arm] * self.most + np.arange(self._filled[self._place[arm]]) for arm in arms]
        order = np.concatenate([rows[np.argsort(self._runs[rows], kind="stable")] for rows in stretches])
        runs, values = self._runs, self._values
        if len(order) != len(runs) or (order != np.arange(len(order))).any():
            runs, values = runs[order], values[:, order]
        frame = pd.DataFrame(values.T, columns=self.names, copy=False)
        frame.insert(0, "arm", np.repeat(arms, [len(rows) for rows in stretches]))
        frame["arm"] = frame["arm"].astype(str)
        frame.insert(0, "run", runs.astype(np.int32))
        return frame


HELD = 64 << 20  # bytes of outcomes that are held at once, but for those asked for together
Tables = Callable[[Sequence[str] | None], Iterator[pa.Table]]  # of these outcomes, in the order of runs


class Outcomes:
    """Outcomes by run and arm, read some columns at a time: a large study is never held whole.

    tables: the study's, cut to the arms that are meant. most: the most runs that an arm can have."""

    def __init__(self, tables: Tables, most: int) -> None:
        self._tables, self._most = tables, most
        self._held: dict[str, pd.Series[float]] = {}
        self._front = pd.DataFrame({"run": [], "arm": []})
        self.names: list[str] = []
        self.runs = 0  # that finished
        self.arms: list[str] = []
        seen: dict[str, None] = {}
        for table in tables(()):
            self.runs += len(pc.unique(table["run"]))
            seen |= dict.fromkeys(pc.unique(table["arm"].cast(pa.string())).to_pylist())
        self.arms = sorted(seen)
        if self.arms:
            first = next(iter(tables(None)))
            self.names = [name for name in first.column_names if name not in ("run", "arm")]

    @property
    def _fits(self) -> int:
        """How many outcomes may be held at once."""
        return max(HELD // max(8 * self._most * len(self.arms), 1), 2)

    def frame(self, *names: str) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and these outcomes. Raises KeyError."""
        lacking = [name for name in names if name not in self._held]
        if lacking or self._front.empty:
            self._read(lacking, names)
        return pd.concat([self._front, *(self._held[name] for name in names)], axis=1)

    def _read(self, lacking: Sequence[str], asked: Sequence[str]) -> None:
        """What is lacking of what is asked for, and what comes after it in the tables, which will be asked for next."""
        if unknown := [name for name in lacking if name not in self.names]:
            raise KeyError(unknown[0])
        start = self.names.index(lacking[0]) if lacking else 0
        after = [
            n for n in self.names[start:] + self.names[:start] if n not in self._held and n not in lacking
        ]
        most = len(self.names) if len(self.names) <= self._fits else self._fits // 2
        wanted = list(dict.fromkeys([*lacking, *after[: max(most - len(lacking), 0)]]))
        if len(self._held) + len(wanted) > self._fits:
            self._held = {name: self._held[name] for name in asked if name in self._held}
        rows = OutcomeRows(self._most, wanted)
        for table in self._tables(wanted):
            rows.add(table)
        found = rows.frame()
        self._front = found[["run", "arm"]]
        self._held |= {name: found[name] for name in wanted}


def by_arm(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each arm's rows of such a frame, sorted by arm, indexed by run: stretches of it, not copies."""
    arms = frame["arm"].to_numpy()
    edges = [0, *(np.flatnonzero(arms[1:] != arms[:-1]) + 1), len(arms)] if len(arms) else []
    return {str(arms[first]): frame.iloc[first:stop].set_index("run") for first, stop in pairwise(edges)}

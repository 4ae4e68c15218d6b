"""Pairs of states: in how many runs did each make a new accord, arm by arm, and how much more than without.

Counts are gathered shard by shard, so memory does not grow with the number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from balance_sim.study.intervals import share_excess

ANY = "any"
NEW_ORIGINS = ("new", "assumed", "talks")


@dataclass
class PairCounts:
    """Runs in which a pair made a new accord within the window. Arrays (arms, P, kinds + any)."""

    arms: tuple[str, ...]
    codes: tuple[str, ...]
    kinds: tuple[str, ...]
    focal_day: int  # days since 1970-01-01
    window: int
    runs: int
    made: npt.NDArray[np.int64]  # in this arm
    alone: npt.NDArray[np.int64]  # in this arm and not in the reference
    lost: npt.NDArray[np.int64]  # in the reference and not in this arm

    @staticmethod
    def none(
        arms: Sequence[str], codes: Sequence[str], kinds: Sequence[str], focal_day: int, window: int
    ) -> PairCounts:
        codes = tuple(sorted(codes))
        shape = (len(arms), len(codes) * (len(codes) - 1) // 2, len(kinds) + 1)
        zeros = [np.zeros(shape, dtype=np.int64) for _ in range(3)]
        return PairCounts(tuple(arms), codes, (*kinds, ANY), focal_day, window, 0, *zeros)

    def add(self, accords: pa.Table, runs: npt.NDArray[np.int64]) -> None:
        """One block: its accords, and the sorted numbers of all its runs."""
        reach = len(self.codes)
        index = np.full((reach, reach), -1)
        i, j = np.triu_indices(reach, 1)
        index[i, j] = np.arange(len(i))
        hit = np.zeros((len(self.arms), len(runs), len(i), len(self.kinds)), dtype=bool)
        after = accords["signed"].cast(pa.int32()).fill_null(-(2**30)).to_numpy() - self.focal_day
        new = np.isin(column_words(accords, "origin"), NEW_ORIGINS) & (after >= 1) & (after <= self.window)
        arm = positions(accords, "arm", self.arms)[new]
        kind = positions(accords, "kind", self.kinds)[new]
        pair = index[positions(accords, "a", self.codes)[new], positions(accords, "b", self.codes)[new]]
        run = np.searchsorted(runs, accords["run"].to_numpy()[new])
        hit[arm, run, pair, kind] = True
        hit[arm, run, pair, -1] = True
        reference = hit[0]
        self.runs += len(runs)
        self.made += hit.sum(axis=1)
        self.alone += (hit & ~reference).sum(axis=1)
        self.lost += (reference & ~hit).sum(axis=1)

    def table(self) -> pd.DataFrame:
        """Tidy: a, b, kind, arm, p, p_reference, excess, lo, hi, n; rows with an accord in some arm."""
        i, j = np.triu_indices(len(self.codes), 1)
        codes = np.array(self.codes)
        keep_pair, keep_kind = np.nonzero(self.made.any(axis=0))
        parts = []
        for k, arm in enumerate(self.arms):
            made = self.made[k, keep_pair, keep_kind]
            excess, low, high = share_excess(
                self.alone[k, keep_pair, keep_kind], self.lost[k, keep_pair, keep_kind], self.runs
            )
            same = np.zeros(len(made)) if k == 0 else None
            parts.append(
                pd.DataFrame(
                    {
                        "a": codes[i[keep_pair]],
                        "b": codes[j[keep_pair]],
                        "kind": np.array(self.kinds)[keep_kind],
                        "arm": arm,
                        "p": made / max(self.runs, 1),
                        "p_reference": self.made[0, keep_pair, keep_kind] / max(self.runs, 1),
                        "excess": excess if same is None else same,
                        "lo": low if same is None else same,
                        "hi": high if same is None else same,
                        "n": self.runs,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


def column_words(table: pa.Table, name: str) -> npt.NDArray[np.object_]:
    """A dictionary column as an array of its words."""
    whole = table[name].unify_dictionaries().combine_chunks()
    return np.asarray(np.array(whole.dictionary.to_pylist(), dtype=object)[whole.indices.to_numpy()])


def positions(table: pa.Table, name: str, words: Sequence[str]) -> npt.NDArray[np.int64]:
    """Position of each row's word among `words`."""
    column = table[name].unify_dictionaries().combine_chunks()
    place = {word: k for k, word in enumerate(words)}
    of_word = np.array([place[word] for word in column.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(of_word[column.indices.to_numpy()])

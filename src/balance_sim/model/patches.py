"""Matrices that runs share but for a few entries: the entries of pairs to which something has happened.

In a step all runs of a block would see the same matrices if nothing had happened in them. A few runs' matrices
lie on a desk; their own entries are put in, the runs are worked out, and the entries are put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import World

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Patches:
    """Both entries of K pairs of R runs, sorted by run.

    few: runs that lie on the desk at once, each with one matrix of every stack (..., few, n, n)."""

    n: int
    few: int
    run: Ints  # (K,)
    sides: Ints  # (2, K) row of either entry; its column is the other's row
    starts: Ints  # (R + 1,) where each run's pairs begin

    @staticmethod
    def of(world: World, run: Ints, pair: Ints, runs: int, few: int) -> Patches:
        sides = np.stack([world.first.take(pair), world.second.take(pair)])
        return Patches(world.n, few, run, sides, np.searchsorted(run, np.arange(runs + 1)))

    @cached_property
    def place(self) -> Ints:
        """(2, K) where the entries stand in a flat (n, n)."""
        return self.sides * self.n + self.sides[::-1]

    @cached_property
    def seat(self) -> Ints:
        """(2, K) where they stand in a flat (few, n, n)."""
        return self.run % self.few * self.n**2 + self.place

    def put(self, stacks: Floats, runs: slice, values: Floats) -> Floats:
        """Set the runs' entries in (B, few, n, n); returns what stood there. values: (B, 2, K)."""
        rows = self._rows(runs)
        seat, flat = self.seat[:, rows], stacks.reshape(len(stacks), -1)
        before = flat[:, seat]
        flat[:, seat] = values[:, :, rows]
        return before

    def put_back(self, stacks: Floats, runs: slice, before: Floats) -> None:
        """Undo `put`."""
        stacks.reshape(len(stacks), -1)[:, self.seat[:, self._rows(runs)]] = before

    def _rows(self, runs: slice) -> slice:
        return slice(self.starts[runs.start], self.starts[runs.stop])

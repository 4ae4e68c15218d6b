"""Occasions that a process has drawn already. Dials that move the event alone leave them as they are, so the next
setting asks for the same ones: an eighth of its work."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from balance_sim.model.thinning import draw_opportunities

if TYPE_CHECKING:
    from balance_sim.model.core import Opportunities, World

MOST_KEPT = 64 << 20  # bytes


class Occasions:
    """Draws as `draw_opportunities` does, and keeps what was asked for last: the very same for the same inputs."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self._kept: OrderedDict[str, Opportunities] = OrderedDict()
        self._bytes = 0

    def draw(
        self,
        world: World,
        seed: int,
        runs: npt.NDArray[np.uint64],
        most: npt.NDArray[np.float64] | None = None,
    ) -> Opportunities:
        key = inputs_of(world, seed, runs, most)
        if key not in self._kept:
            self._kept[key] = draw_opportunities(world, seed, runs, most)
            self._bytes += _size(self._kept[key])
        self._kept.move_to_end(key)
        found = self._kept[key]
        while self._bytes > self.most and self._kept:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return found


def inputs_of(
    world: World, seed: int, runs: npt.NDArray[np.uint64], most: npt.NDArray[np.float64] | None
) -> str:
    """sha256 of all that occasions follow from."""
    digest = hashlib.sha256(f"{seed} {len(runs)} {most is None} {world.ladder.names}".encode())
    for array in (
        runs,
        world.grid,
        world.ladder.ceiling,
        world.frailty,
        world.first,
        world.second,
        world.pair_keys,
        world.kind_keys,
        np.empty(0) if most is None else most,
    ):
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _size(chances: Opportunities) -> int:
    arrays = (getattr(chances, one.name) for one in fields(chances))
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

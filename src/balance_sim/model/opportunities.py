"""When pairs could open talks: a keyed Poisson stream for each pair and kind, the same in every arm.

Opportunities of kind m between i and j come at rate lambda_ijm (`rates.py`). At each, i consents
with probability sigma(u_ij) and j with sigma(u_ji), each on a uniform of its own, so that talks open at
rate lambda_ijm sigma(u_ij) sigma(u_ji): two-sided consent (Jackson, Wolinsky 1996). Where the two have no relations
a third uniform thins that rate by the dyad's factor (`model/no_relations.py`). Arms share the
opportunities and the uniforms; they part where a probability crosses a uniform, and nowhere else
(split coupling: Anderson 2012, SIAM J. Numer. Anal. 50(5)). See docs/decisions/0002-opportunities.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from balance_sim.model import clocks
from balance_sim.model.core import DAYS_PER_YEAR, Opportunities, Thinning, World
from balance_sim.model.rates import opportunity_rate
from balance_sim.model.willingness import consent

Floats = npt.NDArray[np.float64]


FEW = 4  # runs drawn at once, so that the work stays in the cache; changes no result


def run_keys(seed: int, runs: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """(R,) one key a run; run k has the same key however many runs there are."""
    return clocks.absorb(clocks.absorb(clocks.label("balance-sim"), seed), runs)


def clock_keys(world: World, run_key: npt.NDArray[np.uint64], purpose: str) -> npt.NDArray[np.uint64]:
    """(R, P * M) one key for each run, pair and kind, for one purpose."""
    key = clocks.absorb(run_key, clocks.label(purpose))[:, None]
    return clocks.absorb(key, clocks.absorb(world.pair_keys[:, None], world.kind_keys).reshape(-1))


def draw_opportunities(
    world: World, seed: int, runs: npt.NDArray[np.uint64], most: Floats | None = None
) -> Opportunities:
    """All opportunities of a block of runs from the start to the horizon.

    most: (n, n, M), or (R, n, n, M), upper bound of every u_ij in every arm; opportunities at which a side could
    not consent even then are left out, which changes no result. None keeps them all."""
    shape = (len(runs), len(world.first), len(world.ladder.names))
    every = (DAYS_PER_YEAR / opportunity_rate(world)).reshape(-1)
    ceiling = None if most is None else np.broadcast_to(_sides(world, most), (len(runs), 2, len(every)))
    run_key = run_keys(seed, runs)
    found = [
        part
        for k in range(0, len(runs), FEW)
        for part in _stream(
            clock_keys(world, run_key[k : k + FEW], "opportunity"),
            every,
            world.grid[-1],
            None if ceiling is None else ceiling[k : k + FEW],
            k,
        )
    ]
    where, days, counts, needs, bars = (np.concatenate(column) for column in zip(*found, strict=True))
    step = np.searchsorted(world.grid, days, side="right") - 1
    order = np.lexsort((counts, where, step))
    where, days, counts = where[order], days[order], counts[order]
    run, pair, kind = np.unravel_index(where, shape)
    return Opportunities(
        day=days,
        run=run,
        pair=pair,
        kind=kind,
        count=counts,
        needs=needs[order],
        bars=bars[order],
        starts=np.searchsorted(step[order], np.arange(world.steps + 1)),
        thinned=most is not None,
    )


def _stream(
    key: npt.NDArray[np.uint64], every: Floats, horizon: float, ceiling: Floats | None, first_run: int
) -> Iterator[tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.int64], Floats, Floats]]:
    """Arrivals of a few runs' clocks, the first of each, then the second, until all are past the horizon.

    Yields (index of run and clock, day, count, the sides' two uniforms, the dyad's). A few runs at a time stay in
    cache."""
    index, clock = np.arange(key.size), np.tile(np.arange(key.shape[1]), len(key))
    key, day, count = key.reshape(-1), np.zeros(key.size), 0
    while len(clock):
        this = clocks.absorb(key, count)
        day = day + clocks.exponential(clocks.draw(this, 1)) * every[clock]
        on_time = np.flatnonzero(day < horizon)
        index, clock, key = index[on_time], clock[on_time], key[on_time]
        day, this = day[on_time], this[on_time]
        kept = np.arange(len(clock))
        if ceiling is not None:
            for side in (0, 1):
                most = ceiling[index[kept] // len(every), side, clock[kept]]
                kept = kept[clocks.uniform(clocks.draw(this[kept], 2 + side)) < most]
        *needs, bars = (clocks.uniform(clocks.draw(this[kept], number)) for number in (2, 3, 4))
        place = index[kept] + first_run * len(every)
        yield place, day[kept], np.full(len(kept), count), np.stack(needs, axis=1), bars
        count += 1


def thinning(world: World, chances: Opportunities, most: Floats | None) -> Thinning:
    """Which opportunities could lead to consent in one arm, and how likely it was that they are kept.

    most: (n, n, M), or (R, n, n, M), upper bound of every u_ij in this arm; None: nothing is thinned."""
    count = len(chances.day)
    if most is None:
        return Thinning(np.ones(count, dtype=bool), np.ones(count))
    sides = _sides(world, most)
    clock = chances.pair * len(world.ladder.names) + chances.kind
    bounds = np.minimum(sides[chances.run if len(sides) > 1 else 0, :, clock], 1.0)
    return Thinning((chances.needs < bounds).all(axis=1), bounds.prod(axis=1))


def _sides(world: World, most: Floats) -> Floats:
    """(R or 1, 2, P * M) upper bound of consent of the first and of the second state, with a margin for rounding."""
    bound = consent(most.reshape(-1, *most.shape[-3:])) * (1 + 1e-9)
    sides = np.stack([bound[:, world.first, world.second], bound[:, world.second, world.first]], axis=1)
    return np.asarray(sides.reshape(len(bound), 2, -1))

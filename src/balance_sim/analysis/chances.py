"""The probability that each dyad of a finished study reaches an agreement: some replications are simulated again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from balance_sim.analysis.hazard import Sought, chances_along, kinds_named
from balance_sim.model.core import World
from balance_sim.pool.faults import WrongRequest
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.draws import with_draws
from balance_sim.results.result import Result
from balance_sim.stats.lags import mixed_chance

RUNS = 32


def dyad_chances(
    result: Result,
    arm: str,
    *,
    window: int | None = None,
    kinds: Sequence[str] = (),
    stage: str = "signed",
    runs: int | None = None,
) -> dict[tuple[str, str], float]:
    """Dyad (codes sorted) -> probability of a new agreement within `window` days after the focal event in an arm.

    The study's first `runs` replications that finished are simulated again, on their own random numbers, and the hazard
    of every dyad is integrated along them (`analysis.hazard`): the same numbers every time. Two arms share their random
    numbers, so their difference is paired. window: the longest reported if None; kinds: all if empty; stage: `signed`
    or `in_force`; runs: `RUNS` if None. Of a calibrated scenario, the dyads' factors and the level of the time are
    integrated over, not held at their means as they are in the replications.

    Raises WrongRequest for a study that decides by code of its own, and for one of which no replication finished.

    Examples
    --------
    >>> from balance_sim.results.result import open_result
    >>> p = dyad_chances(open_result("results/beijing"), "parade")  # doctest: +SKIP
    >>> max(p, key=p.get)  # doctest: +SKIP
    """
    if result.model is not None:
        raise WrongRequest(
            f"the study decides by code of its own, {result.model}: its probabilities are not known. "
            "Give the forecast as a CSV of probabilities"
        )
    numbers = np.unique(result.by_run.frame()["run"].to_numpy(np.uint64))[: runs or RUNS]
    if not len(numbers):
        raise WrongRequest("no replication has finished: run the study first")
    worlds = compile_arms(result.scenario, tuple(dict.fromkeys((result.reference, arm))))
    if result.draws:
        worlds = with_draws(worlds, result.seed, numbers)
    world = worlds.arms[arm]
    first, days = world.focal_day + 1.0, window or result.window
    stop = max(min(first + days, world.grid[-1]), first)
    found = chances_along(
        worlds, arm, result.seed, numbers, Sought(kinds_named(world, kinds), first, stop, stage)
    )
    either = _integrated(result, world, found.any.mean(axis=0))
    sides = zip(world.first, world.second, strict=True)
    dyads = [tuple(sorted((world.codes[i], world.codes[j]))) for i, j in sides]
    return {(a, b): float(p) for (a, b), p in zip(dyads, either, strict=True)}


def _integrated(result: Result, world: World, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(P,) probabilities with what a calibration leaves uncertain: each dyad's factor, and the level unless drawn."""
    scenario = result.scenario
    variance = 0.0 if result.draws else scenario.calibration.level_variance
    shape = np.full(len(p), np.inf)
    for row in scenario.frailties:
        if row.shape is not None:
            shape[world.pair_index[world.codes.index(row.a), world.codes.index(row.b)]] = row.shape
    if variance == 0 and not np.isfinite(shape).any():
        return p
    return mixed_chance(-np.log1p(-np.minimum(p, 1.0 - 1e-12)), shape, shape, variance)

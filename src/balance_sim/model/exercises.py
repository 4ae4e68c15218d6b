"""Joint exercises of dyads: a margin beside agreements, which feeds nothing back.

    lambda_ij  = exp(b . x_ij)            agreements as at the start; facts of the day
    rate_ij(t) = lambda_ij exp(kappa (alarm_ij(t) + alarm_ji(t)) / 2)   a year

with alarm as in `willingness.alarm`. The numbers are of the record of exercises 1980 to
2003 (scenario/exercises.yaml; `benchmarks/exercise_rates.py`). An exercise of m
states is one of each of its m (m - 1) / 2 dyads. D'Orazio, Galambos 2021, Multinational
Military Exercises.
"""

from __future__ import annotations

import numpy as np

from balance_sim.model.core import Floats, Ints, World
from balance_sim.model.spread import NEAR_KM
from balance_sim.scenario.defaults import exercise_distribution, exercise_slopes

SMALLEST = 1e-5
"""Capability share that a state without any counts as having."""


def covariates(
    tie: Floats, capability: Floats, distance_km: Floats, gap: Floats, regime: Floats
) -> dict[str, Floats]:
    """Return what a dyad's rate of exercises follows from, by name, in the order of the
    slopes; shapes broadcast.

    Parameters
    ----------
    tie : 1 where an agreement or alliance is in force, else 0
    capability : product of the two states' shares
    distance_km : km
    gap : distance of ideal points
    regime : lesser of the two regime scores, 0..1
    """
    return {
        "constant": np.ones(()),
        "agreement": tie,
        "capability": np.log(np.maximum(capability, SMALLEST**2)) / 2,
        "nearness": -np.log1p(distance_km / NEAR_KM),
        "likeness": -gap,
        "democracy": regime,
    }


def rate_at_start(world: World) -> Floats:
    """Return (P,) lambda, exercises a year of each dyad at the scenario's start, at the
    level of the last years on record."""
    first, second = world.first, world.second
    columns = covariates(
        (world.at_start.depth > 0).astype(np.float64),
        world.capability[first] * world.capability[second],
        world.distance_km[first, second],
        world.gap[first, second],
        world.democracy[first, second],
    )
    slopes = exercise_slopes()
    log_rate = sum(slopes[name] * values for name, values in columns.items())
    return np.exp(np.asarray(log_rate))


def reaction(world: World) -> Floats:
    """Return (R, 1) or (1, 1) kappa, the elasticity of exercises in alarm: each
    replication's own where it is drawn, 0 where alarm has no weight."""
    if not world.rules.weights["alarm"]:
        return np.zeros((1, 1))
    if world.drawn is None or world.drawn.exercise_reaction is None:
        return np.array([exercise_distribution().estimate])
    return world.drawn.exercise_reaction[:, None]


def mutual_alarm(
    total: Floats, sided: Floats, at_start: Floats, sides: tuple[Ints, Ints], s: float
) -> Floats:
    """Return (R, P) mean of both sides' alarm, (alarm_ij + alarm_ji) / 2: one logarithm
    for both.

    Parameters
    ----------
    total : (R, n)
        threat to each state, capability shares
    sided : (R, n, n)
        of it, what each other state would side with
    at_start : (n, n)
        threat to the row that the column would not side with, at the start
    sides : two of (P,)
        positions of the dyads' states
    s : float
        `alarm_floor`, capability share
    """
    first, second = sides
    n, by_entry = len(at_start), sided.reshape(len(sided), -1)
    product = 1.0 / (at_start[first, second] + s) / (at_start[second, first] + s)
    for i, j in ((first, second), (second, first)):
        unsided = total.take(i, axis=1)
        unsided -= by_entry.take(i * n + j, axis=1)
        np.maximum(unsided, 0.0, out=unsided)
        unsided += s
        product = np.multiply(product, unsided, out=unsided)
    return np.divide(np.log(product, out=product), 2.0, out=product)


def days_within(grid: Floats, first: float, stop: float) -> Floats:
    """Return (S,) days of each step that lie within first to stop, by which rates that
    hold in steps make an integral: it lies between the least and the largest rate times
    the days.

    grid : (S + 1,) days on which steps begin, and the end

    >>> days_within(np.array([0.0, 7.0, 14.0, 21.0]), 5.0, 15.0)
    array([2., 7., 1.])
    """
    return np.diff(np.clip(grid, first, stop))


def poisson(uniform: Floats, mean: Floats) -> Floats:
    """Return the smallest whole numbers whose Poisson distribution function reaches
    uniform numbers: equal for equal means, never fewer for a higher one.

    From the normal approximation with its correction for skew (Cornish, Fisher 1938) up
    and down to the exact quantile."""
    from scipy.special import ndtri, pdtr

    z = ndtri(uniform)
    near = mean + np.sqrt(mean) * z + (z**2 - 1.0) / 6.0
    count = np.maximum(np.floor(near), 0.0)
    while (short := pdtr(count, mean) < uniform).any():
        count += short
    while (over := (count > 0) & (pdtr(count - 1.0, mean) >= uniform)).any():
        count -= over
    return np.asarray(count)

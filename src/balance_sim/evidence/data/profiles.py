"""A parameter that enters the terms themselves, seen through the likelihood with all weights fitted anew.

The profile log-likelihood over its range gives the best value, the interval where it falls by less than half
the 95 % point of chi-squared with one degree of freedom, and a verdict: what the record does not tell keeps
its literature value. Rows of one pair hang together: the drop is stretched by the ratio of the variance of the
profile's slope by pair to that by row (Chandler, Bate 2007, Biometrika 94: 167-183, vertical adjustment);
never below 1. That variance is a guess from the pairs that make it, too low where few do; so the normal quantile
gives way to Student's (Bell, McCaffrey 2002, Survey Methodology 28: 169-181), with as many degrees of freedom as
half of the number of pairs that carry the squares.

Profile likelihood: Venzon, Moolgavkar 1988, Applied Statistics 37: 87-94."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import stdtrit

from balance_sim.evidence.data.history import Floats

HALF_CHI2 = 1.920729410347062
"""Half of the 95 % point of chi-squared with one degree of freedom."""
FINE = 2001
REFINED = 2
TOLD, ONE_SIDED, AT_BOUND, NOT_TOLD = "identified", "bounded on one side", "at a bound", "not identified"


@dataclass(frozen=True)
class Profile:
    """points: (P,) values, rising; height: (P,) marginal log-likelihood there. shipped: the value in use.
    log_scale: whether distances between points are those of logarithms. stretch: >= 1, of the drop.

    best, low, high: where the profile peaks, and where it has fallen by the drop; low or high is the end of
    the range where it has not fallen that far by then (`open_below`, `open_above`)."""

    path: str
    shipped: float
    points: Floats
    height: Floats
    log_scale: bool
    stretch: float
    best: float
    low: float
    high: float
    open_below: bool
    open_above: bool
    verdict: str

    @property
    def gain(self) -> float:
        """Log-likelihood of the peak above that of the value in use."""
        at = int(np.flatnonzero(self.points == self.shipped)[0])
        return float(self.height.max() - self.height[at])

    @property
    def told(self) -> bool:
        """Whether the record tells it: a peak inside the range with an end on both sides."""
        return self.verdict == TOLD


def grid(low: float, shipped: float, high: float, *, log_scale: bool) -> Floats:
    """(<= 5,) ends of the range, the value in use, and the middles between; rising, each once."""
    ends = np.array([low, shipped, high])
    scale = np.log(ends) if log_scale else ends
    middles = (scale[:-1] + scale[1:]) / 2
    return np.unique(np.concatenate([ends, np.exp(middles) if log_scale else middles]))


def vertex(points: Floats, height: Floats, *, log_scale: bool) -> float | None:
    """Where the parabola through the highest point and its neighbours peaks; None at an end of the range."""
    at = int(np.argmax(height))
    if at in (0, len(points) - 1):
        return None
    x = _scaled(points, log_scale=log_scale)[at - 1 : at + 2]
    bend, slope, _ = np.polyfit(x - x[1], height[at - 1 : at + 2], 2)
    if bend >= 0:
        return None
    top = float(np.clip(x[1] - slope / (2 * bend), x[0], x[2]))
    return float(np.exp(top)) if log_scale else top


def stretch(height: Floats, by_row: Floats, cluster: NDArray[np.int64]) -> float:
    """Variance of the profile's slope with rows of a cluster hanging together over that with rows apart, >= 1, times
    the square of Student's quantile over the normal one.

    by_row: (P, N) log-likelihood of each row at each point, all other parameters at their best there: along
    the profile its differences are efficient scores, taken here from one side of the peak to the other."""
    at = int(np.clip(np.argmax(height), 1, len(height) - 2))
    slope = by_row[at + 1] - by_row[at - 1]
    apart = float(slope @ slope)
    together = np.bincount(np.unique(cluster, return_inverse=True)[1], slope)
    if apart == 0:
        return 1.0
    squares = float(together @ together)
    carrying = squares**2 / max(float((together**4).sum()), 1e-300)
    quantile = float(stdtrit(max(carrying / 2, 1.0), 0.975))
    return max(squares / apart, 1.0) * quantile**2 / (2 * HALF_CHI2)


def profiled(
    path: str, shipped: float, points: Floats, height: Floats, *, log_scale: bool, widen: float = 1.0
) -> Profile:
    """The profile through its points: shape-preserving cubic, its peak, interval and verdict."""
    x = _scaled(points, log_scale=log_scale)
    fine = np.union1d(np.linspace(x[0], x[-1], FINE), x)
    curve = PchipInterpolator(x, height)(fine)
    top = int(np.argmax(curve))
    inside = curve >= curve[top] - HALF_CHI2 * widen
    first = top - int(np.argmin(inside[top::-1])) + 1 if not inside[: top + 1].all() else 0
    last = top + int(np.argmin(inside[top:])) - 1 if not inside[top:].all() else len(fine) - 1
    open_below, open_above = first == 0, last == len(fine) - 1
    if open_below and open_above:
        verdict = NOT_TOLD
    elif top in (0, len(fine) - 1):
        verdict = AT_BOUND
    elif open_below or open_above:
        verdict = ONE_SIDED
    else:
        verdict = TOLD
    best, low, high = (np.exp(fine[[top, first, last]]) if log_scale else fine[[top, first, last]]).tolist()
    return Profile(
        path, shipped, points, height, log_scale, widen, best, low, high, open_below, open_above, verdict
    )


Look = Callable[[Floats], tuple[Floats, Floats]]
"""values (V,) -> log-likelihood (V,) and that of each row (V, N), all other parameters at their best."""


def traced(
    path: str, shipped: float, points: Floats, look: Look, cluster: NDArray[np.int64], *, log_scale: bool
) -> Profile:
    """The profile, looked at where it matters: at `points`, at the vertex of the highest three, and, where it is
    told, REFINED times at its peak and at both ends, since between points far apart its form is a guess."""
    at = np.unique(points)
    top = vertex(at, look(at)[0], log_scale=log_scale)
    at = at if top is None else np.union1d(at, [top])
    for left in reversed(range(REFINED + 1)):
        height, by_row = look(at)
        widen = stretch(height, by_row, cluster)
        found = profiled(path, shipped, at, height, log_scale=log_scale, widen=widen)
        if not found.told or not left:
            break
        at = np.union1d(at, [found.low, found.best, found.high])
    return found


def _scaled(points: Floats, *, log_scale: bool) -> Floats:
    return np.log(points) if log_scale else points


__all__ = ["Profile", "grid", "profiled", "stretch", "traced", "vertex"]

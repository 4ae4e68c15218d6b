"""Numbers of events at another rate, from repetitions at the rate expected.

At L times its rate a Poisson process is the superposition of whole copies of it and one
that is thinned (Kingman 1993, *Poisson Processes*, 2.2; Lewis, Shedler 1979, Naval
Research Logistics Quarterly 26: 403-413). Where an event's mark u is uniform, copy c
keeps those with c + u < L: floor(L) copies whole, the next one with probability
L - floor(L). Over levels of mean 1 and variance v a Poisson number of mean mu has mean
mu and variance mu + v mu^2.

Doubt about the parameters is one more level, of which three quantiles are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from balance_sim.stats import Floats, Ints
from balance_sim.stats.intervals import NORMAL


class Marked(NamedTuple):
    """(K,) events of R repetitions, sorted by repetition.

    run: its place, 0..R-1. bin: where the event counts, 0..D; D counts nowhere. year:
    0..Y-1, whose level it is thinned by. mark: uniform in (0, 1)."""

    run: Ints
    bin: Ints
    year: Ints
    mark: Floats


def superposed(
    events: Marked, repetitions: int, levels: Floats, bins: int
) -> npt.NDArray[np.int32]:
    """Numbers of events at drawn levels.

    Copy c of draw l is repetition (l + c) mod R. At level 1 the first R numbers are
    those of `events`.

    Parameters
    ----------
    events : Marked
        at level 1
    repetitions : int
        R, those without an event among them
    levels : (L, Y)
        draws of the factor on the rate, by year; at least 0
    bins : int
        D

    Returns
    -------
    (L, D)
        events by bin

    Examples
    --------
    >>> one = np.zeros(1, int)
    >>> superposed(Marked(one, one, one, np.array([0.3])), 1, np.array([[2.5]]), 1)
    array([[3]], dtype=int32)
    """
    copies = np.ceil(levels.max(axis=1)).astype(int)
    target, copy = np.repeat(np.arange(len(levels)), copies), _counted(copies)
    donor = (target + copy) % repetitions
    first = np.searchsorted(events.run, donor)
    times = np.searchsorted(events.run, donor, "right") - first
    row = np.repeat(first, times) + _counted(times)
    target, copy = np.repeat(target, times), np.repeat(copy, times)
    is_kept = copy + events.mark[row] < levels[target, events.year[row]]
    numbers = np.zeros((len(levels), bins + 1), np.int32)
    np.add.at(numbers, (target[is_kept], events.bin[row[is_kept]]), 1)
    return numbers[:, :-1]


def log_normal_through(u: Floats, low: float, median: float, high: float) -> Floats:
    """Quantiles at probabilities u of what is log-normal on either side of its median,
    through that and the ends of its central 95 %.

    Parameters
    ----------
    u : (L,)
        in (0, 1)
    low, median, high : float
        2.5 %, 50 % and 97.5 % quantiles; above 0

    Returns
    -------
    (L,)

    Examples
    --------
    >>> log_normal_through(np.array([0.025, 0.5, 0.975]), 0.5, 1.0, 4.0).round(6)
    array([0.5, 1. , 4. ])
    """
    from scipy.special import ndtri

    below, above = np.log([median / low, high / median]) / NORMAL
    z = ndtri(u)
    return np.asarray(median * np.exp(np.where(z < 0, below, above) * z))


def rate_for(ratio: Floats, mean: float, fixed: float) -> Floats:
    """The factor on the rate of all other events at which a mean number, of which a
    part does not follow the rate, is so many times what it is.

    Parameters
    ----------
    ratio : (L,)
        of means
    mean, fixed : float
        events expected, and those of them that come at any rate

    Returns
    -------
    (L,)
        at least 0; `ratio` where nothing else is expected

    Examples
    --------
    >>> rate_for(np.array([0.2, 1.0, 1.5]), 6.0, 2.0)
    array([0.  , 1.  , 1.75])
    """
    if fixed >= mean:
        return ratio
    return np.maximum((ratio * mean - fixed) / (mean - fixed), 0.0)


def _counted(times: Ints) -> Ints:
    """0, 1, ... up to each number less one, one after the other.

    >>> _counted(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(times)
    return np.arange(times.sum()) - np.repeat(ends - times, times)

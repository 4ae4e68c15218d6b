"""Numbers of events at another rate, from repetitions at the rate expected.

At L times its rate a Poisson process is the superposition of whole copies of it and one
that is thinned (Kingman 1993, *Poisson Processes*, 2.2; Lewis, Shedler 1979, Naval
Research Logistics Quarterly 26: 403-413). Where an event's mark u is uniform, copy c
keeps those with c + u < L: floor(L) copies whole, the next one with probability
L - floor(L). Over levels of mean 1 and variance v a Poisson number of mean mu has mean
mu and variance mu + v mu^2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from balance_sim.stats import Floats, Ints


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


def _counted(times: Ints) -> Ints:
    """0, 1, ... up to each number less one, one after the other.

    >>> _counted(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(times)
    return np.arange(times.sum()) - np.repeat(ends - times, times)

"""95 % intervals of a mean over replications, of paired differences above all.

Most runs share a shift, and in a few an agreement comes in one arm alone and the
difference is another by much, be it counted or filtered. There the rare events are what
lies off the median, the spread of their sizes is known from themselves alone, and
Student's t interval is widened by what a score interval of rare events asks for (Wilson
1927), of what was gained and of what was lost each by itself, joined by recovery of
their variances (Newcombe 1998, Statistics in Medicine 17; Zou, Donner 2008, Statistics
in Medicine 27). It has room for one jump that no run has shown: as large as the spread
of the outcome over runs and arms, in as many runs as Wilson's bound for none. Both have
the more weight the fewer runs carry the spread of the differences, and none where these
are normal: Student's interval holds its rate there (docs/statistics.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balance_sim.stats import Floats, Ints

NORMAL = 1.959963984540054  # 97.5 % quantile
NORMAL_SIZES = np.pi / 2
"""Of n normal distances from their median 2 n / pi are `effective`."""
FEWEST_RUNS = 10
"""Below so many the intervals of filtered effects hold too little to be given
(measured: docs/statistics.md)."""
NAN = float("nan")
Interval = tuple[float, float, float, float]
"""A mean, its Monte Carlo standard error, and both ends of its 95 % interval."""


def t_quantile(confidence: float, freedom: int) -> float:
    """Two-sided quantile of Student's t; infinite without a degree of freedom.

    Examples
    --------
    >>> round(t_quantile(0.95, 9), 3)
    2.262
    """
    from scipy.special import stdtrit

    if freedom <= 0:
        return float("inf")
    return float(stdtrit(freedom, 0.5 + confidence / 2))


def squared(values: Floats) -> Floats:
    """Squares in the shape of `values`, each as of a number alone: NumPy rounds the
    square of an array otherwise."""
    squares = [value**2 for value in np.ravel(values).tolist()]
    return np.array(squares).reshape(np.shape(values))


def runs_to_tell(
    effect: Floats, half: Floats, error: Floats, n: int, spread: Floats
) -> Floats:
    """How many runs would tell effects from zero, if these are as large as they seem:
    Student's part of an interval shrinks with the root of their number, the room for a
    jump that no run has shown with the number itself.

    FEWEST_RUNS at least; infinite for an effect of zero, NaN where its error is not
    known.

    Parameters
    ----------
    effect, half, error : means over n runs, half-widths of their intervals (NaN where
        there is none) and Monte Carlo standard errors, any shape
    spread : standard deviations of the outcome, for rows without an interval; where
        these are not known either, 0, the number is the least that it can be

    Examples
    --------
    >>> effect, half, error = np.array([0.1, 0.0]), np.full(2, 0.2), np.full(2, 0.001)
    >>> runs_to_tell(effect, half, error, 40, np.zeros(2)).round().tolist()
    [80.0, inf]
    """
    student = squared(t_quantile(0.95, max(n, FEWEST_RUNS) - 1) * error)
    room = np.maximum(squared(half) - student, 0.0)
    room = np.where(np.isnan(half), squared(NORMAL**2 / n * spread), room)
    # with x = n / N and size the square of the effect: room x^2 + student x = size
    size = squared(effect)
    root = np.sqrt(squared(student) + 4.0 * room * size)
    inverse = np.full(np.shape(effect), np.inf)
    np.divide(student + root, 2.0 * size, out=inverse, where=size > 0)
    return np.asarray(np.maximum(n * inverse, FEWEST_RUNS))


@dataclass(frozen=True)
class Sides:
    """Differences over runs, summed by sign. Arrays of one shape, or numbers.

    gained, lost: sums of the positive and of the negative ones, >= 0; gained2, lost2:
    of their squares; up, down: how many there are."""

    gained: Floats
    gained2: Floats
    lost: Floats
    lost2: Floats
    up: Floats
    down: Floats

    @property
    def differing(self) -> Floats:
        """How many are not zero."""
        return self.up + self.down

    @property
    def effective(self) -> Floats:
        """How many equal ones have the same sum of sizes and of squares (Kish 1965,
        Survey Sampling, 11.7)."""
        squares = self.gained2 + self.lost2
        sums = squared(self.gained + self.lost)
        return np.asarray(sums / np.where(squares > 0, squares, 1.0))

    @staticmethod
    def of(values: Floats, times: Ints | None = None) -> Sides:
        """values: (runs, ...) differences; times: (runs,) how many runs each stands
        for, one if not given."""
        weight = np.ones(len(values)) if times is None else times.astype(float)
        up, down = np.maximum(values, 0.0), np.maximum(-values, 0.0)
        sums = []
        for part in (up, up**2, down, down**2, up > 0.0, down > 0.0):
            is_flat = part.ndim == 1
            total = weight @ part if is_flat else np.tensordot(weight, part, axes=1)
            sums.append(np.asarray(total, dtype=float))
        return Sides(*sums)


def spread_over(arm: Floats, reference: Floats) -> Floats:
    """Standard deviation of an outcome over the runs of both arms together: (runs, ...)
    each, returned (...).

    Examples
    --------
    >>> float(spread_over(np.array([1.0, 1.0]), np.array([3.0, 3.0])))
    1.0
    """
    return np.asarray(np.concatenate([arm, reference]).std(axis=0))


def student_half_width(sd: Floats, n: int) -> Floats:
    """How far Student's 95 % interval of a mean over n runs reaches to either side; NaN
    for one run.

    Examples
    --------
    >>> round(float(student_half_width(np.array(1.0), 10)), 3)
    0.715
    """
    if n < 2:
        return np.full_like(sd, np.nan)
    return np.asarray(t_quantile(0.95, n - 1) * sd / np.sqrt(n))


def paired_half_widths(
    sd: Floats, n: int, sides: Sides, spread: float | Floats
) -> tuple[Floats, Floats]:
    """How far the 95 % interval of a mean difference reaches below and above it.

    Both in the shape of `sd`, never less than Student's t; NaN for one run.

    Parameters
    ----------
    sd : of the differences over the n runs, any shape
    sides : of the distances of the differences from their median
    spread : standard deviation of the outcome over runs and arms (`spread_over`); 0
        where there can be no difference

    Examples
    --------
    One agreement gained in ten runs: the interval reaches further up than down.

    >>> difference = np.array([1.0] + [0.0] * 9)
    >>> sides, sd = Sides.of(difference), difference.std(ddof=1)
    >>> [round(float(x), 2) for x in paired_half_widths(sd, 10, sides, 0.3)]
    [0.4, 0.46]
    """
    if n < 2:
        return np.full_like(sd, np.nan), np.full_like(sd, np.nan)
    t, squares = t_quantile(0.95, n - 1), sides.gained2 + sides.lost2
    student = t * sd * np.sqrt(n)  # all of the sum; divided by n in the end
    size = np.sqrt(squares / np.maximum(sides.differing, 1.0))
    gained_below, gained_above = _score(sides.gained, sides.gained2, size)
    lost_below, lost_above = _score(sides.lost, sides.lost2, size)
    doubt = _doubt_of_sizes(sides)
    # rare events vary by the sum of their squares: how much less these vary
    positive = np.where(squares > 0, squares, 1.0)
    relative = np.where(squares > 0, sd * np.sqrt(n / positive), 1.0) * t / NORMAL
    rarity = _rarity(sides, n) ** 2
    squares_below = squared(gained_below) + squared(lost_above)
    squares_above = squared(gained_above) + squared(lost_below)
    score_below = relative * np.sqrt(squares_below + doubt)
    score_above = relative * np.sqrt(squares_above + doubt)
    below = student + rarity * np.maximum(score_below - student, 0.0)
    above = student + rarity * np.maximum(score_above - student, 0.0)
    unseen = unseen_jump(sides, n, spread)
    return np.hypot(below / n, unseen), np.hypot(above / n, unseen)


def unseen_jump(sides: Sides, n: int, spread: float | Floats) -> Floats:
    """How far a jump that none of n runs has shown may move their mean: its size times
    Wilson's bound for none of n, by the weight of rare events among `sides`. spread: as
    in `paired_half_widths`."""
    return np.asarray(NORMAL**2 / n * np.asarray(spread) * _rarity(sides, n))


def _rarity(sides: Sides, n: int) -> Floats:
    """The weight of rare events among n differences: 1 where next to none carries their
    spread, 0 where as many do as of normal ones."""
    return np.asarray(np.maximum(1.0 - NORMAL_SIZES * sides.effective / n, 0.0))


def _doubt_of_sizes(sides: Sides) -> Floats:
    """What Student's quantile, with the differing runs less one a sign as degrees of
    freedom, adds to the normal one, squared, in the spread of sizes around the mean of
    their sign. Nothing where all of a sign are of one size."""
    from scipy.special import stdtrit

    spread = sides.gained2 - sides.gained**2 / np.maximum(sides.up, 1.0)
    spread = spread + sides.lost2 - sides.lost**2 / np.maximum(sides.down, 1.0)
    freedom = sides.differing - (sides.up > 0) - (sides.down > 0)
    rounding = 1e-9 * (sides.gained2 + sides.lost2)
    is_uneven = (freedom > 0) & (spread > rounding)
    if not np.any(is_uneven):
        return np.zeros_like(spread)
    freedom = np.where(is_uneven, freedom, 1.0)
    excess = squared(stdtrit(freedom, 0.975)) - NORMAL**2
    variance = spread * sides.differing / freedom
    return np.asarray(excess * np.where(is_uneven, variance, 0.0))


def _score(total: Floats, squares: Floats, size: Floats) -> tuple[Floats, Floats]:
    """How far the score interval of a sum of rare events reaches below and above it: of
    equal events, as many and as large as give its square and its variance; `size` where
    there was none."""
    has_events = total > 0
    mean_size = squares / np.where(has_events, total, 1.0)
    event_size = np.where(has_events, mean_size, size)
    count = total / np.where(has_events, event_size, 1.0)
    half = NORMAL * np.sqrt(np.where(has_events, count, 0.0) + NORMAL**2 / 4)
    return event_size * (half - NORMAL**2 / 2), event_size * (half + NORMAL**2 / 2)


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % score interval of a share of n. Wilson 1927, Journal of the American
    Statistical Association 22: 209-212.

    Examples
    --------
    >>> [round(end, 4) for end in share_interval(0, 20)]
    [0.0, 0.1611]
    """
    share, weight = hits / n, NORMAL**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = np.sqrt(weight * share * (1 - share) + weight**2 / 4) / (1 + weight)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def mean_interval(values: Floats) -> Interval:
    """Mean over runs, its Monte Carlo standard error, and Student's 95 % interval; NaN
    but for the mean with one run.

    Examples
    --------
    >>> [round(x, 3) for x in mean_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, 0.577, -0.484, 4.484]
    """
    sample = Sample.of(values)
    mean, n = sample.mean, sample.n
    if n < 2:
        return mean, NAN, NAN, NAN
    half = float(student_half_width(np.asarray(sample.sd), n))
    return mean, float(sample.sd / np.sqrt(n)), mean - half, mean + half


def paired_interval(
    arm: Floats,
    reference: Floats,
    *,
    alike: bool = False,
    least: float = 0.0,
) -> Interval:
    """The same of the difference of two arms, (runs,) each, run by run.

    Parameters
    ----------
    alike : the arms are the same in everything, so there are no jumps
    least : how large a jump is at least, 1 of a count

    Examples
    --------
    >>> with_event, without = np.array([2.0, 3.0, 5.0]), np.array([1.0, 2.0, 3.0])
    >>> [round(x, 3) for x in paired_interval(with_event, without, alike=True)]
    [1.333, 0.333, -0.428, 3.217]
    """
    difference = arm - reference
    if len(arm) < 2:
        return mean_interval(difference)
    spread = 0.0 if alike else max(float(spread_over(arm, reference)), least)
    return difference_interval(difference, spread)


def difference_interval(difference: Floats, spread: float) -> Interval:
    """The same of differences. spread: of the outcome, as in `paired_half_widths`."""
    mean, error, low, high = mean_interval(difference)
    n = len(difference)
    if n < 2:
        return mean, error, low, high
    sides = Sides.of(difference - np.median(difference))
    sd = np.asarray(difference.std(ddof=1))
    below, above = paired_half_widths(sd, n, sides, spread)
    return mean, error, mean - float(below), mean + float(above)


def fieller(
    a: float, b: float, aa: float, ab: float, bb: float, t: float
) -> tuple[float, float]:
    """The interval of a ratio a / b of two means with variances aa, bb and covariance
    ab. t: quantile of Student's t.

    NaN where it has no ends: b is then not distinguishable from zero. Fieller 1954,
    JRSS B 16(2); Franz 2007, arXiv:0710.2024.

    Examples
    --------
    With b known:

    >>> [round(x, 4) for x in fieller(2.0, 4.0, 0.04, 0.0, 0.0, 2.0)]
    [0.4, 0.6]
    """
    square, cross = b**2 - t**2 * bb, a * b - t**2 * ab
    if square <= 0:
        return NAN, NAN
    constant = a**2 - t**2 * aa
    root = np.sqrt(max(cross**2 - square * constant, 0.0))
    return float((cross - root) / square), float((cross + root) / square)


@dataclass(frozen=True)
class Sample:
    """What the interval of a difference needs to know of one of two studies: n values,
    their mean and spread."""

    n: int
    mean: float
    sd: float

    @staticmethod
    def of(values: Floats) -> Sample:
        """values: (runs,). NaN where there are too few."""
        n = len(values)
        sd = float(values.std(ddof=1)) if n > 1 else float("nan")
        return Sample(n, float(values.mean()) if n else float("nan"), sd)


def welch(left: Sample, right: Sample) -> Interval:
    """Difference right - left of two means that share no random numbers, its error and
    95 % interval.

    Student's t with Welch's degrees of freedom (1947, Biometrika 34). NaN but for the
    difference where a side has one run, which says nothing of its error.

    Examples
    --------
    >>> [round(x, 3) for x in welch(Sample(10, 1.0, 1.0), Sample(20, 2.0, 2.0))]
    [1.0, 0.548, -0.124, 2.124]
    """
    mean = right.mean - left.mean
    if min(left.n, right.n) < 2 or not np.isfinite(left.sd + right.sd):
        return mean, NAN, NAN, NAN
    of_left, of_right = left.sd**2 / left.n, right.sd**2 / right.n
    variance = of_left + of_right
    error = float(np.sqrt(variance))
    freedom = 1.0
    if error > 0:
        squares = of_left**2 / (left.n - 1) + of_right**2 / (right.n - 1)
        freedom = variance**2 / squares
    half = t_quantile(0.95, max(int(freedom), 1)) * error
    return mean, error, mean - half, mean + half

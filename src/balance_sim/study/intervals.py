"""95 % intervals of a mean over runs, of paired differences above all, most of which may be exactly zero.

Student's t interval leans on the spread it has seen. Where an arm differs from its reference in few runs that
spread is itself a guess, and the interval too short: docs/statistics.md has the numbers. So it is widened by what a
score interval of rare events asks for (Wilson 1927), of what was gained and of what was lost each by itself, joined
by recovery of their variances (Newcombe 1998, Statistics in Medicine 17; Zou, Donner 2008, Statistics in Medicine
27). The spread of the sizes is known from the differing runs alone: its part has Student's quantile for as many
(Student 1908, Biometrika 6). What is added is weighted by the squared share of
runs that do not differ: all of it where differences are rare, nothing where every run has one.

On a continuous scale most runs share a shift, and in a few an accord comes or fails and the difference is another by
much. There the rare events are what lies off the median, and the interval has room for one that no run has shown: it
may be as large as the spread of the outcome over runs and arms, and come in as many runs as Wilson's bound for none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NORMAL = 1.959963984540054  # 97.5 % quantile
NORMAL_SIZES = np.pi / 2  # of n normal distances from their median 2 n / pi are `effective`
UNKNOWN = float("nan")  # size of a difference on a continuous scale: the spread of the outcome stands for it


def t_quantile(confidence: float, freedom: int) -> float:
    """Two-sided quantile of Student's t; infinite without a degree of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2)) if freedom > 0 else float("inf")


@dataclass(frozen=True)
class Sides:
    """Differences over runs, summed by sign. Arrays of one shape, or numbers.

    gained, lost: sums of the positive and of the negative ones, >= 0; gained2, lost2: of their squares; up, down: how
    many there are."""

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
        """How many equal ones have the same sum of sizes and of squares (Kish 1965, Survey Sampling, 11.7)."""
        squares = self.gained2 + self.lost2
        return np.asarray((self.gained + self.lost) ** 2 / np.where(squares > 0, squares, 1.0))

    @staticmethod
    def of(values: Floats, times: npt.NDArray[np.int64] | None = None) -> Sides:
        """values: (runs, ...) differences; times: (runs,) how many runs each stands for, one if not given."""
        weight = np.ones(len(values)) if times is None else times.astype(float)
        up, down = np.maximum(values, 0.0), np.maximum(-values, 0.0)
        parts = (up, up**2, down, down**2, up > 0.0, down > 0.0)
        sums = (np.tensordot(weight, part, axes=1) for part in parts)
        return Sides(*(np.asarray(one, dtype=float) for one in sums))


def spread_over(arm: Floats, reference: Floats) -> Floats:
    """Standard deviation of an outcome over the runs of both arms together: (runs, ...) each, returned (...)."""
    return np.asarray(np.concatenate([arm, reference]).std(axis=0))


def paired_half_widths(
    sd: Floats, n: int, sides: Sides, unit: float | Floats = 0.0, spread: float | Floats | None = None
) -> tuple[Floats, Floats]:
    """How far the 95 % interval of a mean difference reaches below and above it; never less than Student's t.

    sd: of the differences over the n runs. unit: the size that differences have where none was seen, 0 if there can
    be none; a number, or in the shape of `sd`. spread: on a continuous scale, that of the outcome (`spread_over`);
    `sides` are then those of the distances from the median, and `unit` is of no use. Both returned in the shape of
    `sd`; NaN for one run."""
    t = t_quantile(0.95, n - 1)
    if n < 2:
        return np.full_like(sd, np.nan), np.full_like(sd, np.nan)
    squares = sides.gained2 + sides.lost2
    half = t * sd * np.sqrt(n)  # all of the sum; divided by n in the end
    if spread is None and np.all(sides.differing == n):
        return half / n, half / n
    size = np.where(sides.differing > 0, np.sqrt(squares / np.maximum(sides.differing, 1.0)), unit)
    gained_below, gained_above = _score(sides.gained, sides.gained2, size)
    lost_below, lost_above = _score(sides.lost, sides.lost2, size)
    doubt = _doubt_of_sizes(sides)
    # events that are rare vary by the sum of their squares; this is how much less these do
    less = np.where(squares > 0, sd * np.sqrt(n / np.where(squares > 0, squares, 1.0)), 1.0) * t / NORMAL
    apart = sides.differing if spread is None else NORMAL_SIZES * sides.effective
    alike = np.maximum(1.0 - apart / n, 0.0) ** 2
    below = half + alike * np.maximum(less * np.sqrt(gained_below**2 + lost_above**2 + doubt) - half, 0.0)
    above = half + alike * np.maximum(less * np.sqrt(gained_above**2 + lost_below**2 + doubt) - half, 0.0)
    if spread is not None:
        unseen = NORMAL**2 * np.asarray(spread)  # Wilson's bound for none of n, times the size
        below, above = np.hypot(below, unseen), np.hypot(above, unseen)
    return below / n, above / n


def _doubt_of_sizes(sides: Sides) -> Floats:
    """What Student's quantile adds to the normal one, squared, in the spread of sizes around the mean of their sign.

    As many degrees of freedom as differing runs, less one a sign. Nothing where all of a sign are of one size."""
    from scipy.special import stdtrit

    apart = sides.gained2 - sides.gained**2 / np.maximum(sides.up, 1.0)
    apart = apart + sides.lost2 - sides.lost**2 / np.maximum(sides.down, 1.0)
    freedom = sides.differing - (sides.up > 0) - (sides.down > 0)
    uneven = (freedom > 0) & (apart > 1e-9 * (sides.gained2 + sides.lost2))
    if not np.any(uneven):
        return np.zeros_like(apart)
    known = np.where(uneven, freedom, 1.0)
    more = stdtrit(known, 0.975) ** 2 - NORMAL**2
    return np.asarray(more * np.where(uneven, apart * sides.differing / known, 0.0))


def _score(total: Floats, squares: Floats, size: Floats) -> tuple[Floats, Floats]:
    """How far the score interval of a sum of rare events reaches below and above it.

    The sum counts as that of equal events, as many and as large as give its square and its variance; `size` where
    there was none."""
    seen = total > 0
    each = np.where(seen, squares / np.where(seen, total, 1.0), size)
    events = np.where(seen, total / np.where(seen, each, 1.0), 0.0)
    half = NORMAL * np.sqrt(events + NORMAL**2 / 4)
    return each * (half - NORMAL**2 / 2), each * (half + NORMAL**2 / 2)


def mean_interval(
    values: Floats, unit: float = 0.0, spread: float | None = None
) -> tuple[float, float, float, float]:
    """Mean, its Monte Carlo error, and its 95 % interval. One value: error and interval are NaN.

    unit: size of the differences that none of the runs showed. Without it the interval of values that are all zero
    is zero, which says nothing of what more runs would show. spread: of the outcome, for differences on a
    continuous scale, as in `paired_half_widths`."""
    n = len(values)
    mean = float(values.mean()) if n else float("nan")
    if n < 2:
        return mean, float("nan"), float("nan"), float("nan")
    sd = values.std(ddof=1)
    centre = 0.0 if spread is None else float(np.median(values))
    below, above = paired_half_widths(np.asarray(sd), n, Sides.of(values - centre), unit, spread)
    return mean, float(sd) / np.sqrt(n), mean - float(below), mean + float(above)


def paired_interval(
    arm: Floats, reference: Floats, unit: float = UNKNOWN
) -> tuple[float, float, float, float]:
    """The same of the difference of two arms, run by run. unit: of a count; UNKNOWN: on a continuous scale."""
    if np.isnan(unit):
        return mean_interval(arm - reference, spread=float(spread_over(arm, reference)) if len(arm) else 0.0)
    return mean_interval(arm - reference, unit)


@dataclass(frozen=True)
class Sample:
    """What the interval of a difference needs to know of one of two studies: n values, their mean and spread."""

    n: int
    mean: float
    sd: float
    sides: Sides

    @staticmethod
    def of(values: Floats) -> Sample:
        """values: (runs,). NaN where there are too few."""
        n = len(values)
        sd = float(values.std(ddof=1)) if n > 1 else float("nan")
        return Sample(n, float(values.mean()) if n else float("nan"), sd, Sides.of(values))


def welch(left: Sample, right: Sample, unit: float = 0.0) -> tuple[float, float, float, float]:
    """Difference right - left of two means that share no luck, its error and 95 % interval.

    Student's t with Welch's degrees of freedom (1947, Biometrika 34). It leans on the spreads that were seen, as
    that of one mean does: so it is widened by as much as the intervals of the two means are, joined by recovery of
    their variances (Zou, Donner 2008). Where no value is zero nothing is added. unit: as in `mean_interval`; UNKNOWN
    counts as 0, since on a continuous scale levels have a spread of their own. NaN but for the difference where a side
    has one run, which says nothing of its error."""
    mean = right.mean - left.mean
    if min(left.n, right.n) < 2 or not np.isfinite(left.sd + right.sd):
        return mean, float("nan"), float("nan"), float("nan")
    parts = [one.sd**2 / one.n for one in (left, right)]
    error = float(np.sqrt(sum(parts)))
    freedom = 1.0
    if error > 0:
        freedom = sum(parts) ** 2 / sum(p**2 / (s.n - 1) for p, s in zip(parts, (left, right), strict=True))
    half = t_quantile(0.95, max(int(freedom), 1)) * error
    size = 0.0 if np.isnan(unit) else unit
    reach = [paired_half_widths(np.asarray(one.sd), one.n, one.sides, size) for one in (left, right)]
    plain = [t_quantile(0.95, one.n - 1) * one.sd / np.sqrt(one.n) for one in (left, right)]
    (left_below, left_above), (right_below, right_above) = reach
    below = half + max(float(np.hypot(right_below, left_above) - np.hypot(*plain)), 0.0)
    above = half + max(float(np.hypot(right_above, left_below) - np.hypot(*plain)), 0.0)
    return mean, error, mean - below, mean + above


def share_excess(arm_only: Floats, reference_only: Floats, n: int) -> tuple[Floats, Floats, Floats]:
    """Paired difference of shares and its 95 % interval, per pair of states.

    arm_only, reference_only: numbers of runs, of n, with the accord in one of the two arms alone. That is the mean of
    differences of one, up or down, and has the interval of such a mean; no run differs: one would differ by one."""
    excess = (arm_only - reference_only) / max(n, 1)
    if n < 2:
        return excess, np.full_like(excess, -1.0), np.full_like(excess, 1.0)
    sd = np.sqrt(np.maximum(arm_only + reference_only - n * excess**2, 0.0) / (n - 1))
    sides = Sides(arm_only, arm_only, reference_only, reference_only, arm_only, reference_only)
    below, above = paired_half_widths(sd, n, sides, unit=1.0)
    return excess, np.maximum(excess - below, -1.0), np.minimum(excess + above, 1.0)

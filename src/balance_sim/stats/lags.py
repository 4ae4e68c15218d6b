"""How likely a negotiation is to be signed, or an agreement to be in force, within some
time.

Talks of gamma length X (shape k, scale th) collapse at rate kap. All times are in days,
all functions broadcast, and a time of zero or less has probability zero.

    S(r) = P(X <= r, no collapse by X) = (1 + kap th)^-k P(k, r (1 + kap th) / th)

P is the regularised lower incomplete gamma function: the density of X times e^(-kap x)
is again a gamma density, scaled (exponential tilting; Johnson, Kotz, Balakrishnan 1994,
Continuous Univariate Distributions 1, ch. 17). And how likely at least one event is
where the rate has gamma factors that are not known: `mixed_chance`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from balance_sim.stats import Floats

MOST_WHOLE = 12  # shapes summed in closed form
MOST_COLLAPSES = 600.0
"""Expected collapses so far above which e to their number is too large."""
TINY = 1e-250
"""Chances of having lasted so long below which the remainder is exponential."""
CELLS = 8192  # of the grid for two lags in a row
POINTS = 40  # of equal probability at which a level is integrated over


def gamma_survival(shape: Floats, x: Floats) -> Floats:
    """P(X > x) of a gamma variable of scale 1: the regularised upper incomplete gamma
    function Q(k, x), x >= 0.

    A whole shape is summed in closed form, e^-x sum_j<k x^j / j!, in a tenth of the
    time. Each value depends on its own shape alone, to the last digit, whatever others
    come with it."""
    from scipy.special import gammaincc

    shape, x = np.asarray(shape, dtype=float), np.asarray(x, dtype=float)
    whole = [k for k in np.unique(shape) if k in range(1, MOST_WHOLE + 1)]
    if not whole:
        return np.asarray(gammaincc(shape, x))
    if shape.size == 1:
        return _of_whole_shape(int(whole[0]), x + np.zeros(shape.shape))
    shape, x = np.broadcast_arrays(shape, x)
    survival, others = np.empty(x.shape), ~np.isin(shape, whole)
    survival[others] = gammaincc(shape[others], x[others])
    for k in whole:
        rows = shape == k
        survival[rows] = _of_whole_shape(int(k), x[rows])
    return survival


def _of_whole_shape(shape: int, x: Floats) -> Floats:
    """`gamma_survival` of a whole shape."""
    term = np.exp(-x)
    survival = term.copy()
    for j in range(1, shape):
        term = term * x / j
        survival = survival + term
    return np.asarray(survival)


def signed_within(days: Floats, shape: Floats, mean: Floats, collapse: float) -> Floats:
    """Probability that talks are signed within so many days of their opening and do not
    collapse before: S.

    shape, mean: of the gamma length of talks, days, `mean` above zero; collapse: rate
    at which they collapse, per day.

    Examples
    --------
    Exponential talks (shape 1) of mean 100 days that never collapse: 1 - e^-1 within
    100 days.

    >>> one, hundred = np.array(1.0), np.array(100.0)
    >>> round(float(signed_within(hundred, one, hundred, 0.0)), 6)
    0.632121
    """
    scale = mean / shape
    faster = 1.0 + collapse * scale
    lasting = gamma_survival(shape, np.maximum(days, 0.0) * faster / scale)
    return np.asarray(faster**-shape * (1.0 - lasting))


def signed_integral(
    days: Floats, shape: Floats, mean: Floats, collapse: float
) -> Floats:
    """Integral of `signed_within` from 0 to so many days, r S(r) - integral_0^r x s(x)
    dx, in closed form: the expected number signed by a date of talks that opened at
    rate 1 a day over the `days` before it.

    Examples
    --------
    Exponential talks of mean 100 over 100 days: 100 - 100 (1 - e^-1).

    >>> one, hundred = np.array(1.0), np.array(100.0)
    >>> round(float(signed_integral(hundred, one, hundred, 0.0)), 6)
    36.787944
    """
    days, scale = np.maximum(days, 0.0), mean / shape
    faster = 1.0 + collapse * scale
    moment = 1.0 - gamma_survival(shape + 1.0, days * faster / scale)
    first_moment = shape * scale * faster ** (-shape - 1.0) * moment
    return np.asarray(days * signed_within(days, shape, mean, collapse) - first_moment)


def signed_from_age(
    days: Floats, age: Floats, shape: Floats, mean: Floats, collapse: float
) -> Floats:
    """Probability that talks which have lasted `age` days, as is known, are signed
    within `days` more.

    Where the chance of having lasted so long underflows, the remainder is exponential,
    the gamma's own limit.

    Examples
    --------
    Exponential talks have no memory, whatever their age.

    >>> one, age, hundred = np.array(1.0), np.array(40.0), np.array(100.0)
    >>> round(float(signed_from_age(hundred, age, one, hundred, 0.0)), 6)
    0.632121
    """
    age, days = np.maximum(age, 0.0), np.maximum(days, 0.0)
    scale = mean / shape
    faster = 1.0 + collapse * scale
    collapses = collapse * age
    lasted = gamma_survival(shape, age / scale)
    is_tail = (lasted < TINY) | (collapses > MOST_COLLAPSES)
    at_age = gamma_survival(shape, age * faster / scale)
    later = gamma_survival(shape, (age + days) * faster / scale)
    weight = np.exp(np.where(is_tail, 0.0, collapses)) / np.where(is_tail, 1.0, lasted)
    reached = faster**-shape * weight * (at_age - later)
    limit = -np.expm1(-days * faster / scale) / faster
    return np.asarray(np.where(is_tail, limit, reached))


def signed_from_steady_state(
    days: Floats, shape: Floats, mean: Floats, collapse: float
) -> Floats:
    """Probability that talks found under way in a steady state have not collapsed and
    are signed within `days`.

    The talks' whole length is length-biased and their age uniform in it (renewal
    theory: Cox 1962, ch. 5), so age and remainder have the joint density f(age + rest)
    / mean; collapse acts on both: 1 / mean integral_0^r (S(inf) - S(x)) dx.

    Examples
    --------
    Exponential talks of mean 100 days that never collapse: the remainder is again
    exponential.

    >>> one, hundred = np.array(1.0), np.array(100.0)
    >>> round(float(signed_from_steady_state(hundred, one, hundred, 0.0)), 6)
    0.632121
    """
    scale = mean / shape
    ever = (1.0 + collapse * scale) ** -shape
    days = np.maximum(days, 0.0)
    signed = signed_integral(days, shape, mean, collapse)
    return np.asarray((days * ever - signed) / mean)


def in_force_within(
    days: Floats,
    talks: tuple[float, float],
    force: tuple[float, float],
    at_once: float,
    collapse: float,
    longest: float,
    signed: Floats | None = None,
) -> Floats:
    """Probability that talks have led to an agreement in force within `days` of their
    opening, 0 <= days <= longest.

    Signature after a gamma lag `talks` (shape, mean), entry into force at once with
    probability `at_once`, else after another gamma lag `force` (shape, mean; mean 0: at
    once); collapse throughout:

        H(r) = at_once S(r) + (1 - at_once) integral_0^r s(x) G(r - x) dx

    with S and G of `signed_within` and s the density of S. The integral is worked out
    once on a grid. signed: S(days), where it is known.

    Examples
    --------
    Two exponential lags of mean 100 and no collapse: a gamma of shape 2.

    >>> lag, days = (1.0, 100.0), np.array(100.0)
    >>> round(float(in_force_within(days, lag, lag, 0.0, 0.0, 400.0)), 6)
    0.264241
    """
    shape, mean = np.asarray(talks[0]), np.asarray(talks[1])
    if signed is None:
        signed = signed_within(days, shape, mean, collapse)
    if force[1] == 0.0 or at_once == 1.0:
        return signed
    later = _in_force(talks, force, collapse, longest)(np.clip(days, 0.0, longest))
    return np.asarray(at_once * signed + (1.0 - at_once) * later)


@lru_cache(maxsize=64)
def _in_force(
    talks: tuple[float, float],
    force: tuple[float, float],
    collapse: float,
    longest: float,
) -> Callable[[Floats], Floats]:
    """The integral, as a function of r. It is symmetric in the two lags: the one that
    varies less gives its mass to the knots, what lies between two of them to both so
    that its mean stays; the other's probability is taken there."""
    from scipy.special import gammainc

    knots = np.linspace(0.0, longest, CELLS + 1)
    narrow, wide = sorted((talks, force), key=lambda lag: lag[1] / np.sqrt(lag[0]))
    shape, mean = narrow
    scale = mean / shape
    faster = 1.0 + collapse * scale
    mass = np.diff(signed_within(knots, np.asarray(shape), np.asarray(mean), collapse))
    moment_share = gammainc(shape + 1.0, knots * faster / scale)
    moment = shape * scale * faster ** (-shape - 1.0) * moment_share
    up = np.clip((np.diff(moment) - mass * knots[:-1]) / knots[1], 0.0, mass)
    at_knots = np.append(mass - up, 0.0)
    at_knots[1:] += up
    wide_shape, wide_mean = np.asarray(wide[0]), np.asarray(wide[1])
    other_lag = signed_within(knots, wide_shape, wide_mean, collapse)
    probability = np.convolve(at_knots, other_lag)[: CELLS + 1]
    return partial(_cubic, knots, _coefficients(knots, probability))


def _coefficients(knots: Floats, values: Floats) -> Floats:
    """(4, K - 1) coefficients, highest power first, of the cubic spline through values
    at K knots whose third derivative is continuous at the second and the last but one
    (de Boor 1978, A Practical Guide to Splines, ch. 4).

    SciPy's `CubicSpline` to the last digit; to import `scipy.interpolate` would take a
    fifth of a second."""
    from scipy.linalg import solve_banded

    width = np.diff(knots)
    slope = np.diff(values) / width
    bands, right = np.zeros((3, len(knots))), np.empty(len(knots))
    bands[0, 2:], bands[2, :-2] = width[:-1], width[1:]
    bands[1, 1:-1] = 2 * (width[:-1] + width[1:])
    right[1:-1] = 3 * (width[1:] * slope[:-1] + width[:-1] * slope[1:])
    first, last = knots[2] - knots[0], knots[-1] - knots[-3]
    bands[1, 0], bands[0, 1] = width[1], first
    bands[1, -1], bands[2, -2] = width[-2], last
    near, far = (width[0] + 2 * first) * width[1], (2 * last + width[-1]) * width[-2]
    right[0] = (near * slope[0] + width[0] ** 2 * slope[1]) / first
    right[-1] = (width[-1] ** 2 * slope[-2] + far * slope[-1]) / last
    steepness = solve_banded((1, 1), bands, right)
    bend = (steepness[:-1] + steepness[1:] - 2 * slope) / width
    square = (slope - steepness[:-1]) / width - bend
    return np.stack([bend / width, square, steepness[:-1], values[:-1]])


def _cubic(knots: Floats, coefficients: Floats, x: Floats) -> Floats:
    """The values of a spline, from its coefficients, at x within the knots, which are
    even and begin at 0."""
    piece = np.minimum((x / knots[1]).astype(np.int64), len(knots) - 2)
    beyond = x - knots.take(piece)
    cube, square, line, value = coefficients.take(piece, axis=1)
    power = beyond * beyond
    return np.asarray(value + line * beyond + square * power + cube * (power * beyond))


def mixed_chance(
    rate: Floats, shape: Floats, inverse: Floats, variance: float = 0.0
) -> Floats:
    """Probability of at least one event, 1 - E exp(-lambda L rate), with lambda ~
    Gamma(shape, inverse scale) and L ~ Gamma of mean 1 and this variance.

    Over lambda in closed form, 1 - (1 + L r / b)^-a (Greenwood, Yule 1920, JRSS 83:
    255-279); over L at points of equal probability. rate: (N,) where both factors are
    1; shape: (N,), infinite where lambda is 1.

    Examples
    --------
    1 - 1 / 2:

    >>> one = np.array([1.0])
    >>> mixed_chance(one, one, one).tolist()
    [0.5]
    """
    is_fixed = ~np.isfinite(shape)
    a, b = np.where(is_fixed, 1.0, shape), np.where(is_fixed, 1.0, inverse)
    chances = []
    for level in level_points(variance):
        hazard = level * rate
        mixed = np.where(is_fixed, hazard, a * np.log1p(hazard / b))
        chances.append(-np.expm1(-mixed))
    return np.mean(chances, axis=0)


def level_points(variance: float) -> Floats:
    """Points of equal probability of the mean-one gamma distribution with this
    variance; their mean is 1."""
    from scipy.special import gammaincinv

    if variance <= 0:
        return np.ones(1)
    shares = (np.arange(POINTS) + 0.5) / POINTS
    points = gammaincinv(1.0 / variance, shares)  # but for the scale, the mean below
    return np.asarray(points / points.mean())

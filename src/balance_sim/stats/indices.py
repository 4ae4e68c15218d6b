"""Which factor matters: Sobol indices and Morris' elementary effects, with the noise of
finite runs removed.

Outcomes come as (points, runs) arrays. Squares of means over runs hold noise, which
would count as interaction: what a square holds of it on average is estimated from the
spread over runs, and taken off. Without noise these are the estimators of SALib. All
points are simulated on the same seeds, and drawing rows or trajectories anew cannot see
what a run has in common over points. So every interval is lengthened by what leaving
out runs shows, a group of them at a time over all points (`_over_runs`); of a ratio by
Fieller's theorem, since few runs may leave the variance in doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from balance_sim.stats import Floats
from balance_sim.stats.intervals import NORMAL, fieller, mean_interval, t_quantile

Ints = npt.NDArray[np.intp]

SIZE_OF_NOISE = float(
    np.sqrt(2 / np.pi)
)  # mean size of a normal deviate: what noise alone adds to a mean size
FEWEST = 6  # trajectories for an interval of sigma
FEW_ROWS, FEW_POINTS = (
    32,
    12,
)  # base samples for intervals of Sobol indices, points for those of the split
LONG_TAILS = 9.0  # kurtosis of the exponential distribution
TOWARDS = 1 / 3  # of the way to it: a sample shows too little of its own
GROUPS = 20  # of runs, at most, of which one at a time is left out


@dataclass(frozen=True)
class Index:
    """An estimate with its 95 % interval; NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class SobolIndices:
    """First and total order by factor, and the variance of the means over the
    parameters."""

    first: list[Index]
    total: list[Index]
    variance: float
    rows: int


def sobol_indices(
    a: Floats, b: Floats, ab: Floats, boots: int = 1000, seed: int = 1
) -> SobolIndices:
    """First and total order of k factors, and the variance of the means over the
    parameters.

    Parameters
    ----------
    a, b : (N, R) outcomes of rows A and B, over R runs
    ab : (k, N, R), A with one column of B
    boots, seed : of the resampling of rows

    First order: Saltelli et al. 2010, Computer Physics Communications 181, table 2(b).
    Total order: Jansen 1999, same place, table 2(f). Intervals: of three the furthest
    end on each side, since each is too short for some factors: percentiles over
    resampled rows; the bootstrap-t (Efron, Tibshirani 1993, An Introduction to the
    Bootstrap, ch. 12); Student's t with the same error; all lengthened by `_over_runs`.
    NaN where nothing varies; no interval below FEW_ROWS, nor where runs leave the
    variance of the means in doubt altogether.

    Examples
    --------
    >>> x = np.random.default_rng(1).uniform(size=(2, 4096, 2))  # 2 x + y: shares 0.8 and 0.2 of the variance
    >>> ab = [np.column_stack([x[1, :, 0], x[0, :, 1]]), np.column_stack([x[0, :, 0], x[1, :, 1]])]
    >>> a, b, *ab = (one @ np.array([[2.0], [1.0]]) for one in (*x, *ab))
    >>> [round(of.value, 1) for of in sobol_indices(a, b, np.stack(ab), boots=20).total]
    [0.8, 0.2]
    """
    n, k = len(a), len(ab)
    first, total, level, square = _sobol_parts(a, b, ab)
    resampled = (
        np.random.default_rng(seed)
        .multinomial(n, np.full(n, 1.0 / n), size=boots)
        .astype(float)
    )
    weights = np.vstack([np.ones(n), resampled]) / n  # how often each row is drawn
    variance = weights @ square - (weights @ level) ** 2
    least = 1e-12 * max(float(np.abs(square).mean()), 1e-300)
    scale = np.where(variance > least, variance, np.nan)
    found = [
        _share(row, level, square, weights, scale)
        for row in np.concatenate([first, total])
    ]
    if n >= FEW_ROWS and a.shape[1] > 1:
        cov, t = _over_runs(
            lambda runs: _sobol_means(a[:, runs], b[:, runs], ab[..., runs]), a.shape[1]
        )
        tops = np.concatenate([first, total]).mean(axis=1)
        cov[np.arange(k, 2 * k), np.arange(k, 2 * k)] += [
            _of_squares(one - a) for one in ab
        ]
        for at, top in enumerate(tops):
            ends = fieller(
                float(top), float(variance[0]), cov[at, at], cov[at, -1], cov[-1, -1], t
            )
            found[at] = _lengthened(found[at], *ends)
    return SobolIndices(found[:k], found[k:], float(variance[0]), n)


def _sobol_means(a: Floats, b: Floats, ab: Floats) -> Floats:
    """(2 k + 1,) what first and total order are of the variance, and the variance."""
    first, total, level, square = _sobol_parts(a, b, ab)
    return np.array(
        [*first.mean(axis=1), *total.mean(axis=1), square.mean() - level.mean() ** 2]
    )


def _sobol_parts(
    a: Floats, b: Floats, ab: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Row by row, without the noise of the runs: what first and total order are the
    means of, (k, N) each; level and square, (N,) each, whose means give the
    variance."""
    n, runs = a.shape
    centre = (a.mean() + b.mean()) / 2
    fa, fb, fab = (
        a.mean(axis=1) - centre,
        b.mean(axis=1) - centre,
        ab.mean(axis=2) - centre,
    )
    first = fb * (fab - fa) - _covariance(b, ab - a) / runs  # (k, N)
    total = ((fa - fab) ** 2 - _variance(a - ab) / runs) / 2
    noise = (own_noise(np.stack([a, b])).reshape(2, n).sum(axis=0)) / 2 / runs
    return first, total, (fa + fb) / 2, (fa**2 + fb**2) / 2 - noise


def _of_squares(difference: Floats) -> float:
    """Variance that the runs give half of the mean over rows of squared differences of
    means by their squares alone.

    difference: (N, R) by run. Where it is near nothing, leaving out runs shows no
    slope, and what is left is the degenerate part of a U statistic (Serfling 1980,
    Approximation Theorems of Mathematical Statistics, 5.5.2): twice the squared
    products of different runs."""
    n, runs = difference.shape
    apart = difference - difference.mean(axis=1, keepdims=True)
    products = apart.T @ apart / (2 * n)
    return float(2.0 * ((products**2).sum() - (np.diag(products) ** 2).sum()) / runs**4)


def _over_runs(statistic: Callable[[Ints], Floats], runs: int) -> tuple[Floats, float]:
    """Covariance of an (m,) statistic of the runs that stay, one group of them left out
    at a time, and Student's quantile: the delete-a-group jackknife (Kott 2001, Journal
    of Official Statistics 17)."""
    groups = min(runs, GROUPS)
    parts = np.array_split(np.arange(runs), groups)
    without = np.stack([statistic(np.delete(np.arange(runs), part)) for part in parts])
    apart = without - without.mean(axis=0)
    return apart.T @ apart * (groups - 1) / groups, t_quantile(0.95, groups - 1)


def _lengthened(index: Index, low: float, high: float) -> Index:
    """With the interval that the runs alone give: the two causes are apart, so squares
    are added on each side."""
    value = index.value
    below, above = (
        np.hypot(value - index.low, value - low),
        np.hypot(index.high - value, high - value),
    )
    return Index(value, float(value - below), float(value + above))


def _widened(index: Index, half: float) -> Index:
    """The same with so much on both sides."""
    return _lengthened(index, index.value - half, index.value + half)


def _half_widths(
    statistic: Callable[[Ints], Floats], runs: int, known: float | Floats = 0.0
) -> Floats:
    """(m,) half of the 95 % interval that the runs alone give each; 0 of one run.
    known: of each one's variance over runs, what another interval holds already."""
    if runs < 2:
        return np.zeros_like(statistic(np.arange(runs)))
    cov, t = _over_runs(statistic, runs)
    return np.asarray(t * np.sqrt(np.maximum(np.diag(cov) - known, 0.0)))


def _share(
    part: Floats, level: Floats, square: Floats, weights: Floats, scale: Floats
) -> Index:
    """Mean of `part` over the variance, with its interval. weights: (1 + boots, N), the
    sample's own first.

    scale: (1 + boots,) the variance, NaN where nothing varies. The error is that of the
    ratio's linear form."""
    n = len(part)
    value = weights @ part / scale
    if n < FEW_ROWS or not np.isfinite(value[0]):
        return Index(float(value[0]))
    sums = np.stack([part, level, square])
    means = weights @ sums.T
    products = (weights @ (sums[:, None] * sums[None]).reshape(9, n).T).reshape(
        -1, 3, 3
    )
    slope = (
        np.stack([np.ones(len(value)), 2 * means[:, 1] * value, -value], axis=1)
        / scale[:, None]
    )
    spread = np.einsum(
        "ri,rij,rj->r", slope, products - means[:, :, None] * means[:, None], slope
    )
    error = np.sqrt(np.maximum(spread, 0.0) / (n - 1))
    of_error = np.divide(
        value - value[0], error, out=np.full_like(error, np.nan), where=error > 0
    )[1:]
    t, studentised = t_quantile(0.95, n - 1), of_error[np.isfinite(of_error)]
    low_t, high_t = (
        np.quantile(studentised, (0.025, 0.975)) if len(studentised) else (-t, t)
    )
    low, high = _percentiles(value[1:], n)
    low, high = (
        min(low, value[0] - max(high_t, t) * error[0]),
        max(high, value[0] - min(low_t, -t) * error[0]),
    )
    return Index(float(value[0]), float(low), float(high))


def _percentiles(values: Floats, drawn: int) -> tuple[float, float]:
    """Of resamples of so many rows, further out the fewer these are, since a resample
    varies less than a sample does and its variance is a guess: Hesterberg 2015, The
    American Statistician 69, section 5.1 (expanded percentiles)."""
    from scipy.special import ndtr

    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    tail = float(ndtr(-np.sqrt(drawn / (drawn - 1)) * t_quantile(0.95, drawn - 1)))
    low, high = np.quantile(known, (tail, 1 - tail))
    return float(low), float(high)


@dataclass(frozen=True)
class MorrisEffects:
    """By factor: mean of elementary effects, mean of their size as it is seen, and
    spread with the noise removed."""

    mu: list[Index]
    mu_star: list[Index]
    sigma: list[Index]
    trajectories: int


def morris_effects(before: Floats, after: Floats, step: Floats) -> MorrisEffects:
    """Mean, mean size and spread of the elementary effects of k factors over T
    trajectories.

    Parameters
    ----------
    before, after : (T, k, R) outcomes on both sides of each trajectory's step in each
        factor, over R runs
    step : (T, k) signed step in shares of the factor's range

    Morris 1991, Technometrics 33; mu star: Campolongo, Cariboni, Saltelli 2007.
    Intervals: of mu that of a mean over trajectories; of mu star the same, and further
    down by what noise alone would give, since it counts as size where an effect is
    small beside it; of sigma `_sigma`; all lengthened by `_over_runs`. Noise that all
    trajectories share moves mu and leaves sigma. One run a side tells nothing of the
    noise: it counts as effect in mu star and sigma.

    Examples
    --------
    >>> before = np.zeros((3, 1, 2)) + np.array([0.0, 1.0])
    >>> found = morris_effects(before, before - 2.0, np.full((3, 1), 0.5))
    >>> found.mu[0].value, found.mu_star[0].value, found.sigma[0].value
    (-4.0, 4.0, 0.0)
    """
    t, k, runs = before.shape
    every = (after - before) / step[..., None]
    noise = _variance(every) / runs
    mu, size, spread = [], [], []
    for at in range(k):
        effect, here = every[:, at].mean(axis=1), every[:, at]
        own = own_noise(here) / runs  # in the spread over trajectories already
        known = np.array([own.mean() / t] * 2 + [0.0])
        halves = _half_widths(partial(_morris_of, here), runs, known)
        mean, _, low, high = mean_interval(effect)
        mu.append(_widened(Index(mean, low, high), halves[0]))
        mean, _, low, high = mean_interval(np.abs(effect))
        longer = _widened(Index(mean, low, high), halves[1])
        least = longer.low - SIZE_OF_NOISE * float(np.sqrt(noise[:, at]).mean())
        size.append(Index(mean, max(least, 0.0), longer.high))
        spread.append(_sigma(effect, own, runs, halves[2]))
    return MorrisEffects(mu, size, spread, t)


def _morris_of(all_runs: Floats, chosen: Ints) -> Floats:
    """Mean effect, mean size, and variance of true effects, from some of the runs of
    (T, R) elementary effects."""
    every = all_runs[:, chosen]
    effect = every.mean(axis=1)
    true = (
        effect.var(ddof=1) - own_noise(every).mean() / every.shape[1]
        if len(effect) > 1
        else 0.0
    )
    return np.array([effect.mean(), np.abs(effect).mean(), true])


def _sigma(effect: Floats, noise: Floats, runs: int, half: float) -> Index:
    """Spread of true effects: the root of the variance of those seen less the mean
    noise, with its 95 % interval.

    effect, noise: (T,), the noise as a variance from so many runs; half: what the runs
    add to the interval of the variance. Interval of the variance: Bonett 2006,
    Computational Statistics and Data Analysis 50, which allows for the kurtosis, with
    Student's quantile for his normal one; of the noise: chi square, with the freedom of
    Satterthwaite 1946; of their difference: recovery of both (Zou, Donner 2008). NaN
    below FEWEST trajectories."""
    t = len(effect)
    if t < FEWEST:
        seen = float(effect.var(ddof=1)) if t > 1 else 0.0
        return Index(float(np.sqrt(max(seen - float(noise.mean()), 0.0))))
    squared = _widened(_true_variance(effect, noise, runs), half)
    value, low, high = (
        float(np.sqrt(max(one, 0.0)))
        for one in (squared.value, squared.low, squared.high)
    )
    return Index(value, low, max(high, value))


def _true_variance(means: Floats, noise: Floats, runs: int) -> Index:
    """Variance of what is seen less the mean noise, with its interval."""
    seen, taken = float(means.var(ddof=1)), float(noise.mean())
    low, high = _variance_bounds(means)
    least, most = _noise_bounds(noise, runs)
    below, above = (
        np.hypot(seen - low, most - taken),
        np.hypot(high - seen, taken - least),
    )
    return Index(seen - taken, seen - taken - float(below), seen - taken + float(above))


def _variance_bounds(values: Floats) -> tuple[float, float]:
    """Bonett's 95 % interval of a variance. A kurtosis below LONG_TAILS is moved
    TOWARDS it (his section 3)."""
    n, variance = len(values), float(values.var(ddof=1))
    if variance == 0:
        return 0.0, 0.0
    cut = int(
        n / (2 * np.sqrt(n - 4))
    )  # from each end, for a middle that skew moves less
    middle = np.sort(values)[cut : n - cut].mean()
    kurtosis = n * float(((values - middle) ** 4).sum()) / ((n - 1) * variance) ** 2
    kurtosis += max(LONG_TAILS - kurtosis, 0.0) * TOWARDS
    scale = n / (n - NORMAL)
    error = (
        scale
        * np.sqrt(max(kurtosis - (n - 3) / n, 0.0) / (n - 1))
        * t_quantile(0.95, n - 1)
    )
    return variance * scale * float(np.exp(-error)), variance * scale * float(
        np.exp(error)
    )


def _noise_bounds(noise: Floats, runs: int) -> tuple[float, float]:
    """The interval of mean noise, by chi square."""
    from scipy.special import chdtri

    mean = float(noise.mean())
    if runs < 2 or mean == 0:
        return mean, mean
    freedom = float(noise.sum() ** 2 / (noise**2).sum()) * (runs - 1)
    return mean * freedom / float(chdtri(freedom, 0.025)), mean * freedom / float(
        chdtri(freedom, 0.975)
    )


@dataclass(frozen=True)
class VarianceSplit:
    """Law of total variance over points and runs: parameters + chance = total; share:
    parameters / total."""

    parameters: Index
    chance: Index
    share: Index
    points: int
    runs: int


def variance_split(y: Floats) -> VarianceSplit:
    """Variance over points of the mean given the point, and mean over points of the
    variance over runs.

    y: (points, runs). Unbiased: the noise of the means is taken off, whether or not
    points share seeds (Searle, Casella, McCulloch 1992, Variance Components, ch. 4).
    Intervals: of the parameters' variance as of Morris's sigma, squared; of chance
    `_chance_bounds`; both lengthened by `_over_runs`, chance on the logarithm; of the
    share by recovery of both from the logarithm of their ratio (Zou, Donner 2008). None
    below FEW_POINTS, nor of two runs.

    Examples
    --------
    >>> found = variance_split(np.array([[0.0, 2.0], [4.0, 6.0]]))  # points differ by 4, runs by 2
    >>> found.parameters.value, found.chance.value, found.share.value
    (8.0, 2.0, 0.8)
    """
    points, runs = y.shape
    if points < 2 or runs < 2:
        nothing = Index(float("nan"))
        return VarianceSplit(nothing, nothing, nothing, points, runs)
    seen, chance = (float(one) for one in _split(y))
    share = seen / (seen + chance) if seen + chance > 0 else float("nan")
    if points < FEW_POINTS or runs < 3:
        return VarianceSplit(Index(seen), Index(chance), Index(share), points, runs)
    more = _half_widths(lambda chosen: _split(y[:, chosen]), runs)
    parameters = _widened(
        _true_variance(y.mean(axis=1), own_noise(y) / runs, runs), more[0]
    )
    parameters = Index(seen, max(parameters.low, 0.0), max(parameters.high, 0.0))
    within = Index(chance, *_chance_bounds(y, more[1]))
    return VarianceSplit(
        parameters, within, _share_of(parameters, within, share), points, runs
    )


def _split(y: Floats) -> Floats:
    """Variance of the means without their noise, and mean of the variances over runs,
    of (points, runs)."""
    noise = float(own_noise(y).mean()) / y.shape[1]
    return np.array([y.mean(axis=1).var(ddof=1) - noise, y.var(axis=1, ddof=1).mean()])


def _chance_bounds(y: Floats, more: float) -> tuple[float, float]:
    """Of the mean over points of the variance over runs, on the logarithm. Over points:
    Student's t, or chi square where that is longer. Over runs, which points share: what
    leaving out runs gives, `more` to either side, or Bonett's interval of the variance
    that the runs have in common."""
    inside, runs = y.var(axis=1, ddof=1), y.shape[1]
    mean = float(inside.mean())
    if mean == 0:
        return 0.0, 0.0
    half = (
        t_quantile(0.95, len(inside) - 1)
        * float(inside.std(ddof=1))
        / np.sqrt(len(inside))
        / mean
    )
    least, most = _noise_bounds(inside, runs)
    below, above = more / mean, more / mean
    if runs > FEWEST:
        common = y.mean(axis=0)
        low, high = _variance_bounds(common)
        shared = float(common.var(ddof=1))
        below = max(below, float(np.log(mean / max(mean - shared + low, 1e-300))))
        above = max(above, float(np.log((mean - shared + high) / mean)))
    below = np.hypot(max(half, np.log(mean / least)), below)
    above = np.hypot(max(half, np.log(most / mean)), above)
    return mean * float(np.exp(-below)), mean * float(np.exp(above))


def _share_of(part: Index, rest: Index, share: float) -> Index:
    """part / (part + rest): bounds of the logarithm of part / rest, from those of
    both."""
    if not np.isfinite(share) or rest.low <= 0:
        return Index(share)
    if part.value <= 0:
        return Index(share, min(share, 0.0), part.high / (part.high + rest.low))
    below, above = np.log(rest.high / rest.value), np.log(rest.value / rest.low)
    below = np.hypot(np.log(part.value / part.low), below) if part.low > 0 else np.inf
    above = np.hypot(np.log(part.high / part.value), above)
    low, high = (
        part.value / rest.value * float(np.exp(side)) for side in (-below, above)
    )
    return Index(share, low / (1 + low), high / (1 + high))


def own_noise(y: Floats) -> Floats:
    """(points,) what each point's mean over R runs holds of noise that other points do
    not share, times R.

    y: (..., runs). What the same seeds share over points moves all means alike and adds
    nothing to their spread: the residual of the two-way layout is what is left."""
    flat = y.reshape(-1, y.shape[-1])
    points, runs = flat.shape
    if points < 2 or runs < 2:
        return np.zeros(points)
    rest = flat - flat.mean(axis=1, keepdims=True) - flat.mean(axis=0) + flat.mean()
    return np.asarray((rest**2).sum(axis=1) / (runs - 1) * points / (points - 1))


def _variance(difference: Floats) -> Floats:
    """Variance over the last axis; 0 for a single run."""
    if difference.shape[-1] < 2:
        return np.zeros(difference.shape[:-1])
    return np.asarray(difference.var(axis=-1, ddof=1))


def _covariance(a: Floats, b: Floats) -> Floats:
    runs = a.shape[-1]
    if runs < 2:
        return np.zeros(np.broadcast_shapes(a.shape, b.shape)[:-1])
    product = (a - a.mean(axis=-1, keepdims=True)) * (
        b - b.mean(axis=-1, keepdims=True)
    )
    return np.asarray(product.sum(axis=-1) / (runs - 1))

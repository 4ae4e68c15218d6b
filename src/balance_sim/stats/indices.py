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

NAN = float("nan")
SIZE_OF_NOISE = float(np.sqrt(2 / np.pi))
"""Mean size of a normal deviate: what noise alone adds to a mean size."""
FEWEST = 6  # trajectories for an interval of sigma
FEW_ROWS = 32  # base samples for intervals of Sobol indices
FEW_POINTS = 12  # points for intervals of the split
FEWEST_OF_SPLIT = 3  # runs for the same
LONG_TAILS = 9.0  # kurtosis of the exponential distribution
TOWARDS = 1 / 3  # of the way to it: a sample shows too little of its own
GROUPS = 20  # of runs, at most, of which one at a time is left out


@dataclass(frozen=True)
class Index:
    """An estimate with its 95 % interval; NaN where there is none."""

    value: float
    low: float = NAN
    high: float = NAN


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

    First order: Saltelli et al. 2010, Computer Physics Communications 181, table 2(b).
    Total order: Jansen 1999, same place, table 2(f). Intervals: of three the furthest
    end on each side, since each is too short for some factors: percentiles over
    resampled rows; the bootstrap-t (Efron, Tibshirani 1993, An Introduction to the
    Bootstrap, ch. 12); Student's t with the same error; all lengthened by `_over_runs`.
    NaN where nothing varies; no interval below FEW_ROWS, nor where runs leave the
    variance of the means in doubt altogether.

    Parameters
    ----------
    a, b : (N, R) outcomes of rows A and B, over R runs
    ab : (k, N, R), A with one column of B
    boots, seed : of the resampling of rows

    Examples
    --------
    2 x + y has shares of 0.8 and 0.2 of the variance:

    >>> x = np.random.default_rng(1).uniform(size=(2, 4096, 2))
    >>> ab = np.stack([x[0], x[0]])
    >>> ab[0, :, 0], ab[1, :, 1] = x[1, :, 0], x[1, :, 1]
    >>> weight = np.array([[2.0], [1.0]])
    >>> found = sobol_indices(x[0] @ weight, x[1] @ weight, ab @ weight, boots=20)
    >>> [round(index.value, 1) for index in found.total]
    [0.8, 0.2]
    """
    n, runs = a.shape
    k = len(ab)
    first, total, level, square = _sobol_parts(a, b, ab)
    tops = np.concatenate([first, total])
    rng = np.random.default_rng(seed)
    resampled = rng.multinomial(n, np.full(n, 1.0 / n), size=boots).astype(float)
    weights = np.vstack([np.ones(n), resampled]) / n  # how often each row is drawn
    variance = weights @ square - (weights @ level) ** 2
    rounding = 1e-12 * max(float(np.abs(square).mean()), 1e-300)
    scale = np.where(variance > rounding, variance, np.nan)
    shares = _Shares(level, square, weights, scale)
    indices = [shares.index(top) for top in tops]
    if n >= FEW_ROWS and runs > 1:
        cov, t = _over_runs(
            lambda chosen: _sobol_means(a[:, chosen], b[:, chosen], ab[..., chosen]),
            runs,
        )
        diagonal = np.arange(k, 2 * k)
        cov[diagonal, diagonal] += [_of_squares(column - a) for column in ab]
        bottom = float(variance[0])
        for row, top in enumerate(tops.mean(axis=1)):
            covariance = (cov[row, row], cov[row, -1], cov[-1, -1])
            low, high = fieller(float(top), bottom, *covariance, t)
            indices[row] = _lengthened(indices[row], low, high)
    return SobolIndices(indices[:k], indices[k:], float(variance[0]), n)


def _sobol_means(a: Floats, b: Floats, ab: Floats) -> Floats:
    """(2 k + 1,) what first and total order are of the variance, and the variance."""
    first, total, level, square = _sobol_parts(a, b, ab)
    variance = square.mean() - level.mean() ** 2
    return np.array([*first.mean(axis=1), *total.mean(axis=1), variance])


def _sobol_parts(
    a: Floats, b: Floats, ab: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Row by row, without the noise of the runs: what first and total order are the
    means of, (k, N) each; level and square, (N,) each, whose means give the
    variance."""
    n, runs = a.shape
    centre = (a.mean() + b.mean()) / 2
    fa, fb = a.mean(axis=1) - centre, b.mean(axis=1) - centre
    fab = ab.mean(axis=2) - centre
    first = fb * (fab - fa) - _covariance(b, ab - a) / runs
    total = ((fa - fab) ** 2 - _variance(a - ab) / runs) / 2
    noise = own_noise(np.stack([a, b])).reshape(2, n).sum(axis=0) / 2 / runs
    return first, total, (fa + fb) / 2, (fa**2 + fb**2) / 2 - noise


def _of_squares(difference: Floats) -> float:
    """Variance that the runs give half of the mean over rows of squared differences of
    means by their squares alone.

    difference: (N, R) by run. Where it is near nothing, leaving out runs shows no
    slope, and what is left is the degenerate part of a U statistic (Serfling 1980,
    Approximation Theorems of Mathematical Statistics, 5.5.2): twice the squared
    products of different runs."""
    n, runs = difference.shape
    deviation = difference - difference.mean(axis=1, keepdims=True)
    products = deviation.T @ deviation / (2 * n)
    off_diagonal = (products**2).sum() - (np.diag(products) ** 2).sum()
    return float(2.0 * off_diagonal / runs**4)


def _over_runs(statistic: Callable[[Ints], Floats], runs: int) -> tuple[Floats, float]:
    """Covariance of an (m,) statistic of the runs that stay, one group of them left out
    at a time, and Student's quantile: the delete-a-group jackknife (Kott 2001, Journal
    of Official Statistics 17)."""
    groups, numbers = min(runs, GROUPS), np.arange(runs)
    values = np.stack(
        [
            statistic(np.delete(numbers, group))
            for group in np.array_split(numbers, groups)
        ]
    )
    deviation = values - values.mean(axis=0)
    return deviation.T @ deviation * (groups - 1) / groups, t_quantile(0.95, groups - 1)


def _lengthened(index: Index, low: float, high: float) -> Index:
    """With the interval that the runs alone give: the two causes are apart, so squares
    are added on each side."""
    value = index.value
    below = np.hypot(value - index.low, value - low)
    above = np.hypot(index.high - value, high - value)
    return Index(value, float(value - below), float(value + above))


def _widened(index: Index, half: float) -> Index:
    """The same with so much on both sides."""
    return _lengthened(index, index.value - half, index.value + half)


def _half_widths(
    statistic: Callable[[Ints], Floats], runs: int, held: float | Floats = 0.0
) -> Floats:
    """(m,) half of the 95 % interval that the runs alone give each; 0 of one run.
    held: of each one's variance over runs, what another interval holds already."""
    if runs < 2:
        return np.zeros_like(statistic(np.arange(runs)))
    cov, t = _over_runs(statistic, runs)
    return np.asarray(t * np.sqrt(np.maximum(np.diag(cov) - held, 0.0)))


@dataclass(frozen=True)
class _Shares:
    """Shares of the variance of a sample of rows, and of resamples of it.

    level, square: (N,) as `_sobol_parts` returns them. weights: (1 + boots, N), the
    sample's own first. scale: (1 + boots,) the variance, NaN where nothing varies."""

    level: Floats
    square: Floats
    weights: Floats
    scale: Floats

    def index(self, part: Floats) -> Index:
        """Mean of `part`, (N,), over the variance, with its interval."""
        n = len(part)
        shares = self.weights @ part / self.scale
        value = shares[0]
        if n < FEW_ROWS or not np.isfinite(value):
            return Index(float(value))
        error = self._error(part, shares)
        t = t_quantile(0.95, n - 1)
        low_t, high_t = _bootstrap_t(shares, error, t)
        low, high = _percentiles(shares[1:], n)
        low = min(low, value - max(high_t, t) * error[0])
        high = max(high, value - min(low_t, -t) * error[0])
        return Index(float(value), float(low), float(high))

    def _error(self, part: Floats, shares: Floats) -> Floats:
        """(1 + boots,) standard error of each share: that of the ratio's linear
        form."""
        n = len(part)
        sums = np.stack([part, self.level, self.square])
        means = self.weights @ sums.T
        squares = (sums[:, None] * sums[None]).reshape(9, n).T
        products = (self.weights @ squares).reshape(-1, 3, 3)
        slopes = [np.ones(len(shares)), 2 * means[:, 1] * shares, -shares]
        slope = np.stack(slopes, axis=1) / self.scale[:, None]
        covariance = products - means[:, :, None] * means[:, None]
        spread = np.einsum("ri,rij,rj->r", slope, covariance, slope)
        return np.asarray(np.sqrt(np.maximum(spread, 0.0) / (n - 1)))


def _bootstrap_t(shares: Floats, error: Floats, t: float) -> tuple[float, float]:
    """The 95 % quantiles of resampled shares less the sample's own, in units of their
    errors; Student's where no resample has an error."""
    no_error = np.full_like(error, np.nan)
    ratios = np.divide(shares - shares[0], error, out=no_error, where=error > 0)[1:]
    studentised = ratios[np.isfinite(ratios)]
    if not len(studentised):
        return -t, t
    low, high = np.quantile(studentised, (0.025, 0.975))
    return float(low), float(high)


def _percentiles(values: Floats, drawn: int) -> tuple[float, float]:
    """Of resamples of so many rows, further out the fewer these are, since a resample
    varies less than a sample does and its variance is a guess: Hesterberg 2015, The
    American Statistician 69, section 5.1 (expanded percentiles)."""
    from scipy.special import ndtr

    finite = values[np.isfinite(values)]
    if not len(finite):
        return NAN, NAN
    tail = float(ndtr(-np.sqrt(drawn / (drawn - 1)) * t_quantile(0.95, drawn - 1)))
    low, high = np.quantile(finite, (tail, 1 - tail))
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

    Morris 1991, Technometrics 33; mu star: Campolongo, Cariboni, Saltelli 2007.
    Intervals: of mu that of a mean over trajectories; of mu star the same, and further
    down by what noise alone would give, since it counts as size where an effect is
    small beside it; of sigma `_sigma`; all lengthened by `_over_runs`. Noise that all
    trajectories share moves mu and leaves sigma. One run a side tells nothing of the
    noise: it counts as effect in mu star and sigma.

    Parameters
    ----------
    before, after : (T, k, R) outcomes on both sides of each trajectory's step in each
        factor, over R runs
    step : (T, k) signed step in shares of the factor's range

    Examples
    --------
    >>> before = np.zeros((3, 1, 2)) + np.array([0.0, 1.0])
    >>> effects = morris_effects(before, before - 2.0, np.full((3, 1), 0.5))
    >>> effects.mu[0].value, effects.mu_star[0].value, effects.sigma[0].value
    (-4.0, 4.0, 0.0)
    """
    trajectories, factors, runs = before.shape
    effects = (after - before) / step[..., None]
    mu, mu_star, sigma = [], [], []
    for factor in range(factors):
        by_run = effects[:, factor]
        effect = by_run.mean(axis=1)
        noise = own_noise(by_run) / runs  # in the spread over trajectories already
        noise_variance = np.array([noise.mean() / trajectories] * 2 + [0.0])
        halves = _half_widths(partial(_morris_of, by_run), runs, noise_variance)
        mu.append(_mean_index(effect, halves[0]))
        size = _mean_index(np.abs(effect), halves[1])
        noise_size = np.sqrt(_variance(by_run) / runs).mean()
        low = max(size.low - SIZE_OF_NOISE * float(noise_size), 0.0)
        mu_star.append(Index(size.value, low, size.high))
        sigma.append(_sigma(effect, noise, runs, halves[2]))
    return MorrisEffects(mu, mu_star, sigma, trajectories)


def _mean_index(values: Floats, half: float) -> Index:
    """Mean over trajectories with its interval. half: what the runs add to it."""
    mean, _, low, high = mean_interval(values)
    return _widened(Index(mean, low, high), half)


def _morris_of(by_run: Floats, chosen: Ints) -> Floats:
    """Mean effect, mean size, and variance of true effects, from some of the runs of
    (T, R) elementary effects."""
    effects = by_run[:, chosen]
    effect = effects.mean(axis=1)
    variance = 0.0
    if len(effect) > 1:
        noise = own_noise(effects).mean() / effects.shape[1]
        variance = effect.var(ddof=1) - noise
    return np.array([effect.mean(), np.abs(effect).mean(), variance])


def _sigma(effect: Floats, noise: Floats, runs: int, half: float) -> Index:
    """Spread of true effects: the root of the variance of those seen less the mean
    noise, with its 95 % interval.

    effect, noise: (T,), the noise as a variance from so many runs; half: what the runs
    add to the interval of the variance. Interval of the variance: Bonett 2006,
    Computational Statistics and Data Analysis 50, which allows for the kurtosis, with
    Student's quantile for his normal one; of the noise: chi square, with the freedom of
    Satterthwaite 1946; of their difference: recovery of both (Zou, Donner 2008). None
    below FEWEST trajectories, and there no spread where noise alone is as large as what
    is seen."""
    if len(effect) < FEWEST:
        total = float(effect.var(ddof=1)) if len(effect) > 1 else NAN
        rest = total - float(noise.mean())
        return Index(_root(rest) if rest > 0 or total == 0 else NAN)
    variance = _widened(_true_variance(effect, noise, runs), half)
    value = _root(variance.value)
    return Index(value, _root(variance.low), max(_root(variance.high), value))


def _root(variance: float) -> float:
    return float(np.sqrt(max(variance, 0.0)))


def _true_variance(means: Floats, noise: Floats, runs: int) -> Index:
    """Variance of what is seen less the mean noise, with its interval."""
    total, mean_noise = float(means.var(ddof=1)), float(noise.mean())
    low, high = _variance_bounds(means)
    noise_low, noise_high = _noise_bounds(noise, runs)
    below = np.hypot(total - low, noise_high - mean_noise)
    above = np.hypot(high - total, mean_noise - noise_low)
    value = total - mean_noise
    return Index(value, value - float(below), value + float(above))


def _variance_bounds(values: Floats) -> tuple[float, float]:
    """Bonett's 95 % interval of a variance. A kurtosis below LONG_TAILS is moved
    TOWARDS it (his section 3)."""
    n, variance = len(values), float(values.var(ddof=1))
    if variance == 0:
        return 0.0, 0.0
    cut = int(n / (2 * np.sqrt(n - 4)))  # from each end: skew moves the middle less
    middle = np.sort(values)[cut : n - cut].mean()
    fourth = float(((values - middle) ** 4).sum())
    kurtosis = n * fourth / ((n - 1) * variance) ** 2
    kurtosis += max(LONG_TAILS - kurtosis, 0.0) * TOWARDS
    scale = n / (n - NORMAL)
    spread = np.sqrt(max(kurtosis - (n - 3) / n, 0.0) / (n - 1))
    error = scale * spread * t_quantile(0.95, n - 1)
    centre = variance * scale
    return centre * float(np.exp(-error)), centre * float(np.exp(error))


def _noise_bounds(noise: Floats, runs: int) -> tuple[float, float]:
    """The interval of mean noise, by chi square."""
    from scipy.special import chdtri

    mean = float(noise.mean())
    if runs < 2 or mean == 0:
        return mean, mean
    freedom = float(noise.sum() ** 2 / (noise**2).sum()) * (runs - 1)
    low, high = chdtri(freedom, 0.025), chdtri(freedom, 0.975)
    return mean * freedom / float(low), mean * freedom / float(high)


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

    Unbiased: the noise of the means is taken off, whether or not points share seeds
    (Searle, Casella, McCulloch 1992, Variance Components, ch. 4). Intervals: of the
    parameters' variance as of Morris's sigma, squared; of chance `_chance_bounds`; both
    lengthened by `_over_runs`, chance on the logarithm; of the share by recovery of
    both from the logarithm of their ratio (Zou, Donner 2008). None below FEW_POINTS,
    nor of two runs.

    Parameters
    ----------
    y : (points, runs)

    Examples
    --------
    Points differ by 4, runs by 2:

    >>> split = variance_split(np.array([[0.0, 2.0], [4.0, 6.0]]))
    >>> split.parameters.value, split.chance.value, split.share.value
    (8.0, 2.0, 0.8)
    """
    points, runs = y.shape
    if points < 2 or runs < 2:
        unknown = Index(NAN)
        return VarianceSplit(unknown, unknown, unknown, points, runs)
    of_points, of_runs = _split(y).tolist()
    total = of_points + of_runs
    share = of_points / total if total > 0 else NAN
    if points < FEW_POINTS or runs < FEWEST_OF_SPLIT:
        values = (Index(of_points), Index(of_runs), Index(share))
        return VarianceSplit(*values, points, runs)
    halves = _half_widths(lambda chosen: _split(y[:, chosen]), runs)
    true = _true_variance(y.mean(axis=1), own_noise(y) / runs, runs)
    wide = _widened(true, halves[0])
    parameters = Index(of_points, max(wide.low, 0.0), max(wide.high, 0.0))
    chance = Index(of_runs, *_chance_bounds(y, halves[1]))
    share_index = _share_of(parameters, chance, share)
    return VarianceSplit(parameters, chance, share_index, points, runs)


def _split(y: Floats) -> Floats:
    """Variance of the means without their noise, and mean of the variances over runs,
    of (points, runs)."""
    noise = float(own_noise(y).mean()) / y.shape[1]
    return np.array([y.mean(axis=1).var(ddof=1) - noise, y.var(axis=1, ddof=1).mean()])


def _chance_bounds(y: Floats, half: float) -> tuple[float, float]:
    """Of the mean over points of the variance over runs, on the logarithm. Over points:
    Student's t, or chi square where that is longer. Over runs, which points share: what
    leaving out runs gives, `half` to either side, or Bonett's interval of the variance
    that the runs have in common."""
    variances, runs = y.var(axis=1, ddof=1), y.shape[1]
    mean, points = float(variances.mean()), len(variances)
    if mean == 0:
        return 0.0, 0.0
    t, sd = t_quantile(0.95, points - 1), float(variances.std(ddof=1))
    student = t * sd / np.sqrt(points) / mean
    noise_low, noise_high = _noise_bounds(variances, runs)
    below, above = half / mean, half / mean
    if runs > FEWEST:
        common = y.mean(axis=0)
        low, high = _variance_bounds(common)
        shared = float(common.var(ddof=1))
        below = max(below, float(np.log(mean / max(mean - shared + low, 1e-300))))
        above = max(above, float(np.log((mean - shared + high) / mean)))
    below = np.hypot(max(student, np.log(mean / noise_low)), below)
    above = np.hypot(max(student, np.log(noise_high / mean)), above)
    return mean * float(np.exp(-below)), mean * float(np.exp(above))


def _share_of(part: Index, others: Index, share: float) -> Index:
    """part / (part + others): bounds of the logarithm of part / others, from those of
    both."""
    if not np.isfinite(share) or others.low <= 0:
        return Index(share)
    if part.value <= 0:
        return Index(share, min(share, 0.0), part.high / (part.high + others.low))
    fall, rise = np.log(others.high / others.value), np.log(others.value / others.low)
    below = np.inf
    if part.low > 0:
        below = np.hypot(np.log(part.value / part.low), fall)
    above = np.hypot(np.log(part.high / part.value), rise)
    odds = part.value / others.value
    low, high = odds * float(np.exp(-below)), odds * float(np.exp(above))
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
    by_point = flat - flat.mean(axis=1, keepdims=True)
    residual = by_point - flat.mean(axis=0) + flat.mean()
    squares = (residual**2).sum(axis=1)
    return np.asarray(squares / (runs - 1) * points / (points - 1))


def _variance(difference: Floats) -> Floats:
    """Variance over the last axis; 0 for a single run."""
    if difference.shape[-1] < 2:
        return np.zeros(difference.shape[:-1])
    return np.asarray(difference.var(axis=-1, ddof=1))


def _covariance(a: Floats, b: Floats) -> Floats:
    runs = a.shape[-1]
    if runs < 2:
        return np.zeros(np.broadcast_shapes(a.shape, b.shape)[:-1])
    from_mean = a - a.mean(axis=-1, keepdims=True)
    product = from_mean * (b - b.mean(axis=-1, keepdims=True))
    return np.asarray(product.sum(axis=-1) / (runs - 1))

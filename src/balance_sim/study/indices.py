"""Which factor matters: Sobol indices and Morris' elementary effects, with the noise of finite runs removed.

Outcomes come as (points, runs) arrays. The mean over R runs of a point is its true mean plus noise; squares of
means hold the noise too, and would count it as interaction. What a square holds on average is estimated from the
spread over runs of the same difference, and taken off. Without noise these are the estimators of SALib.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.study.intervals import t_quantile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Index:
    """An estimate with its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SobolIndices:
    """First and total order by factor, and the variance of the means over the parameters."""

    first: list[Index]
    total: list[Index]
    variance: float
    rows: int


def sobol_indices(a: Floats, b: Floats, ab: Floats, boots: int = 1000, seed: int = 1) -> SobolIndices:
    """a, b: (N, R) outcomes of rows A and B; ab: (k, N, R), A with one column of B.

    First order: Saltelli et al. 2010, Computer Physics Communications 181, table 2(b). Total order: Jansen 1999,
    same place, table 2(f). Intervals: 95 %, percentiles over resampled rows. NaN where nothing varies."""
    n, runs = a.shape
    centre = (a.mean() + b.mean()) / 2
    fa, fb, fab = a.mean(axis=1) - centre, b.mean(axis=1) - centre, ab.mean(axis=2) - centre
    first = fb * (fab - fa) - _covariance(b, ab - a) / runs  # (k, N)
    total = ((fa - fab) ** 2 - _variance(a - ab) / runs) / 2
    noise = (own_noise(np.stack([a, b])).reshape(2, n).sum(axis=0)) / 2 / runs
    rows = np.stack([(fa + fb) / 2, (fa**2 + fb**2) / 2, noise])  # (3, N)
    weights = np.vstack([np.ones(n), _resampled(n, boots, seed)]) / n
    mean, square, noisy = weights @ rows[0], weights @ rows[1], weights @ rows[2]
    variance = square - mean**2 - noisy
    scale = np.where(variance > 1e-12 * max(square[0], 1e-300), variance, np.nan)
    return SobolIndices(
        [_index(weights @ row / scale, n) for row in first],
        [_index(weights @ row / scale, n) for row in total],
        float(variance[0]),
        n,
    )


@dataclass(frozen=True)
class MorrisEffects:
    """By factor: mean of elementary effects, mean of their size, and spread with the noise removed."""

    mu: list[Index]
    mu_star: list[Index]
    sigma: list[Index]
    trajectories: int


def morris_effects(
    before: Floats, after: Floats, step: Floats, boots: int = 1000, seed: int = 1
) -> MorrisEffects:
    """before, after: (T, k, R) outcomes on both sides of each trajectory's step in each factor.

    step: (T, k) signed step in shares of the factor's range. Morris 1991, Technometrics 33; mu star:
    Campolongo, Cariboni, Saltelli 2007. mu star counts noise as size where an effect is small beside it."""
    t, k, runs = before.shape
    effect = (after - before).mean(axis=2) / step
    noise = _variance(after - before) / runs / step**2
    weights = np.vstack([np.ones(t), _resampled(t, boots, seed)]) / t
    mu, size = weights @ effect, weights @ np.abs(effect)
    scale = t / max(t - 1, 1)
    spread = np.sqrt(np.maximum((weights @ effect**2 - mu**2) * scale - weights @ noise, 0.0))
    columns = [[_index(table[:, at], t) for at in range(k)] for table in (mu, size, spread)]
    return MorrisEffects(columns[0], columns[1], columns[2], t)


@dataclass(frozen=True)
class VarianceSplit:
    """Law of total variance over points and runs: parameters + chance = total."""

    parameters: Index
    chance: Index
    share: Index  # parameters / total
    points: int
    runs: int


def variance_split(y: Floats, boots: int = 1000, seed: int = 1) -> VarianceSplit:
    """y: (points, runs). Parameters: variance over points of the mean given the point. Chance: mean over points
    of the variance over runs. Unbiased: the noise of the means is taken off, whether or not points share seeds.

    Law of total variance; Searle, Casella, McCulloch 1992, Variance Components, ch. 4."""
    points, runs = y.shape
    if points < 2 or runs < 2:
        nothing = Index(float("nan"), float("nan"), float("nan"))
        return VarianceSplit(nothing, nothing, nothing, points, runs)
    mean = y.mean(axis=1)
    inside = y.var(axis=1, ddof=1)
    noise = own_noise(y) / runs
    rows = np.stack([mean, mean**2, noise, inside])
    weights = np.vstack([np.ones(points), _resampled(points, boots, seed)]) / points
    m, square, noisy, chance = (weights @ row for row in rows)
    parameters = (square - m**2) * points / (points - 1) - noisy
    parameters[1:] += (square[1:] - m[1:] ** 2) / (points - 1)  # a resample holds (P - 1) / P of the variance
    whole = parameters + chance
    share = np.divide(parameters, whole, out=np.full_like(whole, np.nan), where=whole > 0)
    parts = [_index(one, points) for one in (parameters, chance, share)]
    return VarianceSplit(parts[0], parts[1], parts[2], points, runs)


def own_noise(y: Floats) -> Floats:
    """(points,) what each point's mean over R runs holds of noise that other points do not share, times R.

    y: (..., runs). With the same seeds at every point a run that is high is high everywhere; that moves all
    means alike and adds nothing to their spread. The residual of the two-way layout is what is left."""
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
    product = (a - a.mean(axis=-1, keepdims=True)) * (b - b.mean(axis=-1, keepdims=True))
    return np.asarray(product.sum(axis=-1) / (runs - 1))


def _resampled(n: int, boots: int, seed: int) -> Floats:
    """(boots, n) how often each row is drawn."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=boots).astype(float)


def _index(values: Floats, drawn: int) -> Index:
    """The first is the estimate, the others are of resamples of so many rows, trajectories or points.

    The percentiles are further out the fewer these are, since a resample varies less than a sample does and its
    variance is a guess: Hesterberg 2015, The American Statistician 69, section 5.1 (expanded percentiles)."""
    from scipy.special import ndtr

    known = values[1:][np.isfinite(values[1:])]
    if not len(known) or drawn < 2:
        return Index(float(values[0]), float("nan"), float("nan"))
    tail = float(ndtr(-np.sqrt(drawn / (drawn - 1)) * t_quantile(0.95, drawn - 1)))
    low, high = np.quantile(known, (tail, 1 - tail))
    return Index(float(values[0]), float(low), float(high))

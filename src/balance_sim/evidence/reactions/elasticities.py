"""Elasticities of what states do in alarm: fixed effects of states and of regions by
year, clusters of states.

Numbers by Poisson pseudo-likelihood (Santos Silva, Tenreyro 2006, REStat 88(4)),
logarithms by least squares, both with the effects partialled out (Frisch, Waugh 1933;
Correia, Guimaraes, Zylkin 2020, Stata Journal 20(1)). Errors by the jackknife of states
(MacKinnon, Nielsen, Webb 2023, Journal of Applied Econometrics 38(5)): a few states
carry much of what is known, and sums of squared scores, or a wild bootstrap of them,
are too small then (docs/decisions/0032-reactions.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.reactions.record import Bools, Floats, Ints, Margin

ROUNDS, TOLERANCE = 60, 1e-8
FURTHEST = 20.0
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Panel:
    """Rows of states and years.

    Attributes
    ----------
    outcome : (N,)
        what was done
    columns : (N, c)
        what it may follow from
    groups : pair of (N,)
        number of the state, and of the region and year, whose effects are taken out
    state, year : (N,)
        place of the row in (T, n); states are the clusters
    is_count : bool
        whether the outcome is a number of acts, or else a logarithm
    """

    outcome: Floats
    columns: Floats
    groups: tuple[Ints, Ints]
    state: Ints
    year: Ints
    is_count: bool


@dataclass(frozen=True)
class Elasticity:
    """Estimates of a margin.

    Attributes
    ----------
    estimate : (c,)
        elasticities by column
    influence : (n, c)
        how far each state's absence moves them, scaled so that their covariance is the
        sum of its squares
    rates : (N,)
        fitted means of numbers; ones of logarithms
    """

    estimate: Floats
    influence: Floats
    rates: Floats

    @property
    def rows(self) -> int:
        """State-years that tell anything."""
        return len(self.rates)

    @property
    def error(self) -> Floats:
        """(c,) standard errors, clustered by state."""
        return np.asarray(np.sqrt((self.influence**2).sum(axis=0)))

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """(c,) and (c,) bounds of the 95 % CI."""
        half = NORMAL_95 * self.error
        return self.estimate - half, self.estimate + half


def panel_of(
    margin: Margin,
    columns: Sequence[Floats],
    present: Bools,
    years: Ints,
    region: Ints,
) -> Panel:
    """Return the rows of a margin that its effects leave anything of.

    columns: (T, n) each; present: (T, n); years: (T,); region: (n,). Raises DataError
    where none are left."""
    stacked = np.stack(columns, axis=-1)
    covered = (years >= margin.first) & (years <= margin.last)
    use = present & covered[:, None] & np.isfinite(margin.values)
    use &= np.isfinite(stacked).all(axis=-1)
    year, state = np.nonzero(use)
    by_region = _numbered(region[state] * len(years) + year)
    outcome = margin.values[use]
    keep = _informative(outcome, (_numbered(state), by_region), margin.is_count)
    if not keep.any():
        raise DataError("no state-year is left", "Give a longer period")
    return Panel(
        outcome=outcome[keep],
        columns=stacked[use][keep],
        groups=(_numbered(state[keep]), _numbered(by_region[keep])),
        state=state[keep],
        year=year[keep],
        is_count=margin.is_count,
    )


def _numbered(values: Ints) -> Ints:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _informative(outcome: Floats, groups: Sequence[Ints], is_count: bool) -> Bools:  # noqa: FBT001
    """Return the rows whose groups have two rows or more and, of numbers, any act."""
    keep = np.ones(len(outcome), dtype=bool)
    while True:
        lost = np.zeros(len(outcome), dtype=bool)
        for group in groups:
            count = np.bincount(group[keep], minlength=group.max() + 1)
            lost |= (count < 2)[group]
            if is_count:
                total = np.bincount(group[keep], outcome[keep], group.max() + 1)
                lost |= (total <= 0)[group]
        if not (lost & keep).any():
            return keep
        keep &= ~lost


class Effects:
    """Takes the effects of two groupings out of columns by weighted least squares: one
    is solved for, the other follows by its means.

    weights: (N,), > 0."""

    def __init__(self, weights: Floats, groups: tuple[Ints, Ints]) -> None:
        self.weights, self.groups = weights, groups
        first, second = groups
        self.totals = np.bincount(second, weights)
        shape = first.max() + 1, len(self.totals)
        self.cross = np.zeros(shape)
        np.add.at(self.cross, groups, weights)
        normal = np.diag(np.bincount(first, weights))
        normal -= (self.cross / self.totals) @ self.cross.T
        self.inverse = np.linalg.pinv(normal, hermitian=True)

    def residuals(self, columns: Floats) -> Floats:
        """Return (N, c) columns without the effects."""
        first, second = self.groups
        weighted = self.weights[:, None] * columns
        of_first, of_second = _sums(first, weighted), _sums(second, weighted)
        means = of_second / self.totals[:, None]
        solved = self.inverse @ (of_first - self.cross @ means)
        followed = means - (self.cross.T @ solved) / self.totals[:, None]
        return np.asarray(columns - solved[first] - followed[second])


def _sums(group: Ints, columns: Floats) -> Floats:
    """Return (groups, c) sums of columns."""
    sums = np.zeros((group.max() + 1, columns.shape[1]))
    np.add.at(sums, group, columns)
    return sums


def fit(panel: Panel, states: int) -> Elasticity:
    """Return the elasticities of a panel. states: how many there are in all. Raises
    DataError where the fit does not settle."""
    found = _poisson(panel) if panel.is_count else _linear(panel)
    influence = np.zeros((states, len(found.slopes)))
    clusters = np.unique(panel.state)
    scale = np.sqrt((len(clusters) - 1) / len(clusters))
    for state in clusters:
        without = _slopes_without(panel, found, state)
        influence[state] = scale * (without - found.slopes)
    return Elasticity(found.slopes, influence, found.weights)


def _slopes_without(panel: Panel, found: WithoutEffects, state: int) -> Floats:
    """Return (c,) the slopes without a state, at the weights of the fit with it."""
    keep = panel.state != state
    first, second = (_numbered(group[keep]) for group in panel.groups)
    weights = found.weights[keep]
    both = np.column_stack([found.working, panel.columns])[keep]
    left = Effects(weights, (first, second)).residuals(both)
    weighted = left[:, 1:] * weights[:, None]
    return np.linalg.solve(weighted.T @ left[:, 1:], weighted.T @ left[:, 0])


@dataclass(frozen=True)
class WithoutEffects:
    """A fit with the effects taken out.

    Attributes
    ----------
    slopes : (c,)
        of the columns
    columns : (N, c)
        without the effects
    residuals, weights : (N,)
        derivative of the likelihood by the linear predictor, and its negative second
    working : (N,)
        outcome of the last least squares
    """

    slopes: Floats
    columns: Floats
    residuals: Floats
    weights: Floats
    working: Floats


class NullFit:
    """A margin with its effects alone, to which alarm is added in one step."""

    def __init__(self, panel: Panel) -> None:
        alone = replace(panel, columns=np.zeros((len(panel.outcome), 0)))
        self.panel = panel
        self.left = _poisson(alone) if panel.is_count else _linear(alone)

    def one_step(self, alarm: Floats) -> float:
        """Return the elasticity in an alarm, (T, n), by one step from no elasticity."""
        column = alarm[self.panel.year, self.panel.state][:, None]
        weights = self.left.weights
        apart = Effects(weights, self.panel.groups).residuals(column)[:, 0]
        return float(apart @ self.left.residuals / (apart**2 @ weights))


def _linear(panel: Panel) -> WithoutEffects:
    """Return the fit by least squares."""
    weights = np.ones(len(panel.outcome))
    both = np.column_stack([panel.outcome, panel.columns])
    left = Effects(weights, panel.groups).residuals(both)
    outcome, columns = left[:, 0], left[:, 1:]
    slopes = np.linalg.solve(columns.T @ columns, columns.T @ outcome)
    residuals = outcome - columns @ slopes
    return WithoutEffects(slopes, columns, residuals, weights, panel.outcome)


def _poisson(panel: Panel) -> WithoutEffects:
    """Return the fit by Poisson pseudo-likelihood. Raises DataError where its maximum
    is not found."""
    outcome = panel.outcome
    mean = (outcome + outcome.mean()) / 2
    predictor, before = np.log(mean), np.inf
    for _ in range(ROUNDS):
        working = predictor + (outcome - mean) / mean
        both = np.column_stack([working, panel.columns])
        left = Effects(mean, panel.groups).residuals(both)
        columns, weighted = left[:, 1:], left[:, 1:] * mean[:, None]
        slopes = np.linalg.solve(columns.T @ weighted, weighted.T @ left[:, 0])
        predictor = working - (left[:, 0] - columns @ slopes)
        mean = np.exp(np.clip(predictor, -FURTHEST, FURTHEST))
        ratio = np.where(outcome > 0, outcome, 1.0) / mean
        deviance = float(2 * (outcome * np.log(ratio) - (outcome - mean)).sum())
        if abs(before - deviance) < TOLERANCE * (1 + abs(deviance)):
            residuals = outcome - mean
            working = np.log(mean) + residuals / mean
            return WithoutEffects(slopes, columns, residuals, mean, working)
        before = deviance
    raise DataError("the fit does not settle", "Give a longer period")


@dataclass(frozen=True)
class Pooled:
    """Elasticities of several margins under partial pooling.

    Attributes
    ----------
    mean, error : float
        of the margins' common mean
    spread : float
        standard deviation between margins
    estimates, errors : (m,)
        of each margin, drawn towards the mean
    q : float
        Cochran's Q of m - 1 degrees of freedom
    """

    mean: float
    error: float
    spread: float
    estimates: Floats
    errors: Floats
    q: float


def pooled(margins: Sequence[Elasticity], column: int = 0) -> Pooled:
    """Return margins under kappa_m ~ N(kappa, tau^2), tau by the moments of DerSimonian
    and Laird 1986, with the covariance of margins through states that are in
    several."""
    estimates = np.array([margin.estimate[column] for margin in margins])
    influence = np.stack([margin.influence[:, column] for margin in margins], axis=1)
    covariance = influence.T @ influence
    mean, error, q = _common(estimates, covariance)
    precision = np.linalg.inv(covariance)
    weight = precision.sum(axis=1)
    scale = np.trace(precision) - (weight @ precision.sum(axis=0)) / weight.sum()
    tau2 = max(0.0, (q - (len(estimates) - 1)) / max(scale, 1e-300))
    between = tau2 * np.eye(len(estimates))
    mean, error, _ = _common(estimates, covariance + between)
    shrink = between @ np.linalg.inv(covariance + between)
    drawn = mean + shrink @ (estimates - mean)
    left = (np.eye(len(estimates)) - shrink).sum(axis=1)
    variance = np.diag(shrink @ covariance) + left**2 * error**2
    errors = np.sqrt(np.maximum(variance, 0.0))
    return Pooled(mean, error, float(np.sqrt(tau2)), drawn, errors, q)


def _common(estimates: Floats, covariance: Floats) -> tuple[float, float, float]:
    """Return mean, its standard error and Q by generalised least squares."""
    precision = np.linalg.inv(covariance)
    variance = 1.0 / precision.sum()
    mean = float(precision.sum(axis=0) @ estimates * variance)
    apart = estimates - mean
    return mean, float(np.sqrt(variance)), float(apart @ precision @ apart)

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
from dataclasses import dataclass
from functools import partial

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.events.absorbed import (
    AbsorbedFit,
    Effects,
    fit_absorbed,
    indicator,
    least_squares,
    numbered,
)
from balance_sim.evidence.reactions.record import Margin
from balance_sim.stats import Bools, Floats, Ints
from balance_sim.stats.intervals import NORMAL

FURTHEST = 20.0
"""Logarithms beyond which a fitted number is held."""


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
    def error(self) -> Floats:
        """(c,) standard errors, clustered by state."""
        return np.asarray(np.sqrt((self.influence**2).sum(axis=0)))

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """(c,) and (c,) bounds of the 95 % CI."""
        half = NORMAL * self.error
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
    by_region = numbered(region[state] * len(years) + year)
    outcome = margin.values[use]
    groups = state, by_region
    keep = _informative(outcome, groups, is_count=margin.is_count)
    if not keep.any():
        raise DataError("no state-year is left", "Give a longer period")
    return Panel(
        outcome=outcome[keep],
        columns=stacked[use][keep],
        groups=(numbered(state[keep]), numbered(by_region[keep])),
        state=state[keep],
        year=year[keep],
        is_count=margin.is_count,
    )


def _informative(outcome: Floats, groups: Sequence[Ints], *, is_count: bool) -> Bools:
    """Return the rows whose groups have two rows or more and, of numbers, any act."""
    keep = np.ones(len(outcome), dtype=bool)
    while True:
        lost = np.zeros(len(outcome), dtype=bool)
        for group in groups:
            lost |= (np.bincount(group, keep) < 2)[group]
            if is_count:
                lost |= (np.bincount(group, outcome * keep) <= 0)[group]
        if not (lost & keep).any():
            return keep
        keep &= ~lost


def fit_columns(panel: Panel, columns: Floats) -> AbsorbedFit:
    """Return the fit of columns, (N, c), beside the effects of a panel. Raises
    DataError where it does not settle."""
    outcome, groups = panel.outcome, tuple(map(indicator, panel.groups))
    if not panel.is_count:
        return fit_absorbed(columns, groups, partial(_weigh_alike, outcome), outcome)
    start = np.log((outcome + outcome.mean()) / 2)
    return fit_absorbed(columns, groups, partial(_weigh_numbers, outcome), start)


def _weigh_alike(outcome: Floats, _: Floats) -> tuple[Floats, Floats, float]:
    """See `absorbed.Weigh`: least squares."""
    return outcome, np.ones(len(outcome)), 0.0


def _weigh_numbers(outcome: Floats, predictor: Floats) -> tuple[Floats, Floats, float]:
    """See `absorbed.Weigh`: Poisson numbers, the loss their deviance."""
    mean = np.exp(np.clip(predictor, -FURTHEST, FURTHEST))
    ratio = np.where(outcome > 0, outcome, 1.0) / mean
    deviance = float(2 * (outcome * np.log(ratio) - (outcome - mean)).sum())
    return predictor + (outcome - mean) / mean, mean, deviance


def fit(panel: Panel, states: int) -> Elasticity:
    """Return the elasticities of a panel. states: how many there are in all. Raises
    DataError where the fit does not settle."""
    full_fit = fit_columns(panel, panel.columns)
    influence = np.zeros((states, len(full_fit.estimate)))
    clusters = np.unique(panel.state)
    scale = np.sqrt((len(clusters) - 1) / len(clusters))
    for state in clusters:
        without = _slopes_without(panel, full_fit, state)
        influence[state] = scale * (without - full_fit.estimate)
    return Elasticity(full_fit.estimate, influence, full_fit.effects.weights)


def _slopes_without(panel: Panel, full_fit: AbsorbedFit, state: int) -> Floats:
    """Return (c,) the slopes without a state, at the weights of the fit with it."""
    keep = panel.state != state
    weights = full_fit.effects.weights[keep]
    groups = (indicator(numbered(group[keep])) for group in panel.groups)
    residuals = Effects(weights, *groups).residuals(
        np.column_stack([full_fit.working, panel.columns])[keep]
    )
    return least_squares(residuals[:, 1:], residuals[:, :1], weights)[:, 0]


class NullFit:
    """A margin with its effects alone, to which alarm is added in one step."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.fit = fit_columns(panel, np.zeros((len(panel.outcome), 0)))

    def one_step(self, alarm: Floats) -> float:
        """Return the elasticity in an alarm, (T, n), by one step from no elasticity."""
        column = alarm[self.panel.year, self.panel.state][:, None]
        apart = self.fit.effects.residuals(column)[:, 0]
        return float(apart @ self.fit.scores / (apart**2 @ self.fit.effects.weights))


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


def pooled(margins: Sequence[Elasticity]) -> Pooled:
    """Return margins under kappa_m ~ N(kappa, tau^2), tau by the moments of DerSimonian
    and Laird 1986, with the covariance of margins through states that are in
    several."""
    estimates = np.array([margin.estimate[0] for margin in margins])
    influence = np.stack([margin.influence[:, 0] for margin in margins], axis=1)
    covariance = influence.T @ influence
    _, _, q = _common(estimates, covariance)
    precision = np.linalg.inv(covariance)
    weight = precision.sum(axis=1)
    scale = np.trace(precision) - (weight @ precision.sum(axis=0)) / weight.sum()
    tau2 = max(0.0, (q - (len(estimates) - 1)) / max(scale, 1e-300))
    heterogeneity = tau2 * np.eye(len(estimates))
    mean, error, _ = _common(estimates, covariance + heterogeneity)
    shrink = heterogeneity @ np.linalg.inv(covariance + heterogeneity)
    drawn = mean + shrink @ (estimates - mean)
    share = (np.eye(len(estimates)) - shrink).sum(axis=1)
    variance = np.diag(shrink @ covariance) + share**2 * error**2
    errors = np.sqrt(np.maximum(variance, 0.0))
    return Pooled(mean, error, float(np.sqrt(tau2)), drawn, errors, q)


def _common(estimates: Floats, covariance: Floats) -> tuple[float, float, float]:
    """Return mean, its standard error and Q by generalised least squares."""
    precision = np.linalg.inv(covariance)
    variance = 1.0 / precision.sum()
    mean = float(precision.sum(axis=0) @ estimates * variance)
    apart = estimates - mean
    return mean, float(np.sqrt(variance)), float(apart @ precision @ apart)

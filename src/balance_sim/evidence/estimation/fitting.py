"""Maximum likelihood for the model's weights, with random intercepts of states
(sociality) and of years.

Their variances maximise the restricted marginal likelihood, all else integrated out by
Laplace's approximation (`evidence.newton`; Patterson, Thompson 1971, Biometrika 58:
545-554). The covariance of the weights holds the uncertainty of the random intercepts.

Signs that theory fixes (`choices.SIGNED`) are held by a wide half-normal prior. Where
the record wants the other sign, the posterior is highest at 0: the term is left out,
and is reported as in conflict with what the record says of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import minimize

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import SIGNED, Choices
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    clustered,
    derivatives,
    log_likelihood,
    opportunities,
)
from balance_sim.evidence.newton import (
    TOLERANCE,
    Maximum,
    NoMaximum,
    laplace_marginal,
    newton,
)

STATE_VARIANCE, YEAR_VARIANCE = 0.3, 0.05
"""Variances of the random intercepts from which the search starts."""
LOG_VARIANCES = float(np.log(1e-4)), float(np.log(1e4))
"""Logarithms of the least and the largest variance that is searched."""
SETTLED = {"xatol": 0.01, "fatol": 1e-3, "maxfev": 120}
"""Where the search of logarithms of variances ends."""
SIGN_SPREAD = 10.0
"""Of the half-normal prior on a weight whose sign theory fixes, in nats per standard
deviation of its term: so wide that it speaks only where the record says nothing. A
narrower one would count twice, since the posterior has the prior of the weight."""
COLLINEAR = 0.1
"""Share of a direction's independent information below which its members are called
collinear: correlations of about 0.9 between two."""
SMALLEST_LOAD = 0.2
"""Share of a direction below which a member of it is not named."""
FLAT = 1e-7
"""The same, below which they are not told apart at all."""
USUAL_EVALUATIONS = 19
"""Of the restricted likelihood, for each variance, until the search settles: what
progress is measured by."""
Row = tuple[str, float, float]
"""Name, estimate and standard error."""


@dataclass(frozen=True)
class WeightFit:
    """names: terms and `intercept.<kind>`; estimate, covariance: of those, nats a unit
    of the term. propensity: (n,) random intercepts by position in `states`, 0 for a
    state not seen; level: those of years.

    log_likelihood: at the estimate, without the shrinkage. marginal: with the random
    intercepts integrated out (Laplace). flat: what the record does not tell apart.
    conflicts: name, estimate and standard error of terms that the record wants below 0
    and theory above, as they were before they were left out; their weight is 0."""

    names: tuple[str, ...]
    estimate: Floats
    covariance: Floats
    propensity: Floats
    propensity_variance: float
    level: dict[int, float]
    level_variance: float
    states: tuple[str, ...]
    kinds: tuple[str, ...]
    log_likelihood: float
    marginal: float
    rows: int
    agreements: int
    years: tuple[int, int]
    flat: tuple[str, ...]
    conflicts: tuple[Row, ...] = ()

    @property
    def standard_error(self) -> Floats:
        """(K,) of the estimate."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def table(self) -> list[Row]:
        """Name, estimate and standard error of each parameter."""
        return list(zip(self.names, self.estimate, self.standard_error, strict=True))

    @property
    def aic(self) -> float:
        """2 k - 2 ln L of the marginal likelihood; the variances count as parameters.
        Akaike 1974."""
        variances = int(self.propensity_variance > 0) + int(self.level_variance > 0)
        return 2.0 * (len(self.names) + variances) - 2.0 * self.marginal

    @property
    def weights(self) -> dict[str, float]:
        """Estimate by term, 0 for a term in conflict."""
        estimates = zip(self.names, self.estimate, strict=True)
        weights = {name: float(value) for name, value in estimates if "." not in name}
        return weights | {name: 0.0 for name, _, _ in self.conflicts}

    @property
    def intercepts(self) -> dict[str, float]:
        """Estimate by kind, at the mean level of the years fitted with levels."""
        estimates = zip(self.names, self.estimate, strict=True)
        return {
            name.removeprefix("intercept."): float(value)
            for name, value in estimates
            if "." in name
        }

    def on(self, rows: Choices) -> tuple[ConsentDesign, Floats]:
        """The design of other rows, and the fit's parameters on it; states not seen
        have intercept 0."""
        design = ConsentDesign(rows.with_terms(self.names), propensities=True)
        order = [self.names.index(name) for name in design.names]
        return design, np.concatenate([self.estimate[order], self.propensity])

    def opportunities(self, rows: Choices) -> Floats:
        """(N,) probability that each dyad signs any agreement in its year."""
        return opportunities(*self.on(rows))


def fit(
    record: Choices,
    *,
    propensities: bool = True,
    levels: bool = False,
    cluster: bool = False,
    signs: bool = False,
    ridge: float = 0.0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> WeightFit:
    """Fit all the terms that `record` holds. propensities: a random intercept of each
    state. levels: one of each year. cluster: the covariance is clustered by dyad, else
    from the second derivatives. signs: hold those that theory fixes by the prior; a
    term in conflict is left out, the one furthest from 0 in standard errors first.
    ridge: 1 / variance of a normal prior on each weight per standard deviation of its
    term. progress: called with evaluations of the likelihood done, and about how many
    there will be.

    Raises DataError if there is nothing to fit, a term does not vary, a direction is
    flat, or the search does not settle."""
    conflicts: list[Row] = []
    number = itertools.count(1)

    def evaluated() -> None:
        done, searches = next(number), (propensities + levels) * (1 + len(conflicts))
        progress(done, max(done, USUAL_EVALUATIONS * searches))

    while True:
        years = tuple(map(int, np.unique(record.year))) if levels else ()
        design = _design(record, propensities=propensities, years=years)
        is_signed = [signs and name in SIGNED for name in record.names]
        prior = ridge + np.array(is_signed, dtype=float) / SIGN_SPREAD**2
        peak, penalty, variances = _searched(design, prior, evaluated)
        result = _finished(design, peak, penalty, variances, cluster=cluster)
        against = [
            row for row in result.table if signs and row[0] in SIGNED and row[1] < 0
        ]
        if not against:
            return replace(result, conflicts=tuple(conflicts))
        furthest = min(against, key=lambda row: (row[1] / row[2], row[0]))
        conflicts.append(furthest)
        terms = [name for name in record.names if name != furthest[0]]
        record = record.with_terms(terms)


def _design(
    record: Choices, *, propensities: bool, years: tuple[int, ...]
) -> ConsentDesign:
    """The record as a matrix, each term over its standard deviation over both sides.
    Raises DataError."""
    if np.isnan(record.signed).any():
        message = "a year has no agreements on record"
        raise DataError(message, "End the period before it")
    for kind, count in zip(record.kinds, record.signed.sum(axis=0), strict=True):
        if count == 0:
            message = f"no agreement of type {kind} was signed in these years"
            raise DataError(message, "Leave the kind out")
    common, by_kind = record.common.std(axis=(0, 1)), record.by_kind.std(axis=(0, 1, 2))
    spread = np.concatenate([common, by_kind])
    for name, deviation in zip(record.names, spread, strict=True):
        if deviation < 1e-12:
            raise DataError(f"the term {name} does not vary", "Leave it out")
    return ConsentDesign(record, propensities, years, spread)


def _searched(
    design: ConsentDesign, prior: Floats, evaluated: Callable[[], None]
) -> tuple[Maximum, Floats, list[float]]:
    """The maximum of all parameters, with the precision of their prior and the
    variances of states and years. prior: (K + B,) precision of that of each scaled
    weight; evaluated: called after each evaluation.

    The variances maximise the restricted likelihood: what is left of it when weights,
    intercepts and random intercepts are all integrated out. Raises DataError."""
    fixed, variances = design.fixed, np.array([STATE_VARIANCE, YEAR_VARIANCE])
    parts = design.parts[3:]
    is_asked = np.array([part.stop > part.start for part in parts])
    penalty, start = np.zeros(design.size), np.zeros(design.size)
    penalty[: len(prior)] = prior
    start[design.parts[2]] = _intercepts(design.choices)
    peak = Maximum(start, np.zeros((0, 0)))

    def loss(log_variances: Floats) -> float:
        """Minus the logarithm of the restricted likelihood; the search for the peak
        starts from the one before."""
        nonlocal peak
        variances[is_asked] = np.exp(log_variances)
        for part, variance in zip(parts, variances, strict=True):
            penalty[part] = 1.0 / variance
        slopes, height = partial(derivatives, design), partial(log_likelihood, design)
        peak = highest(design.names, peak.at, slopes, height, penalty)
        place = peak.at
        evaluated()
        top = height(place) - 0.5 * float(prior @ place[: len(prior)] ** 2)
        return -laplace_marginal(top, place[fixed:], penalty[fixed:], peak.information)

    best = np.log(variances[is_asked])
    loss(best)
    across, shrunk = peak.information[:fixed, fixed:], peak.information[fixed:, fixed:]
    profiled = across @ np.linalg.solve(shrunk, across.T)
    flat = _collinear(peak.information[:fixed, :fixed] - profiled, design.names, FLAT)
    if flat:
        message = f"the record does not tell these apart: {'; '.join(flat)}"
        raise DataError(message, "Leave one of them out")
    if is_asked.any():
        first = np.vstack([best, best + np.eye(len(best))])
        found = minimize(
            loss,
            best,
            method="Nelder-Mead",
            bounds=[LOG_VARIANCES] * len(best),
            options={"initial_simplex": first, **SETTLED},
        )
        loss(found.x)
    return peak, penalty, variances.tolist()


def _intercepts(record: Choices) -> Floats:
    """(M,) intercepts that match the number of agreements with all weights 0."""
    opportunities_met = record.exposure.sum() * record.ceiling * record.chance_kept
    share = record.signed.sum(axis=0) / opportunities_met
    consent = np.sqrt(np.clip(share, 1e-9, 0.81))
    return np.asarray(np.log(consent) - np.log1p(-consent))


def highest(
    names: Sequence[str],
    start: Floats,
    slopes: Callable[[Floats], tuple[float, Floats, Floats]],
    height: Callable[[Floats], float],
    precision: Floats,
    mean: Floats | float = 0.0,
    tolerance: float = TOLERANCE,
) -> Maximum:
    """The maximum that `evidence.newton` finds. names: of the first parameters; those
    after them are random intercepts. Raises DataError where it finds none."""
    try:
        return newton(start, slopes, height, precision, mean, tolerance)
    except NoMaximum as error:
        message = "the search for the highest likelihood did not settle"
        hint = "Leave out a term, or give a longer record"
        if error.why == "pull":
            is_named = error.parameter < len(names)
            name = names[error.parameter] if is_named else "a random intercept"
            message = f"nothing in the record depends on {name}"
        raise DataError(message, hint) from None


def _finished(
    design: ConsentDesign,
    peak: Maximum,
    penalty: Floats,
    variances: Sequence[float],
    *,
    cluster: bool,
) -> WeightFit:
    """The fit at a maximum, with the terms in their own units."""
    record, fixed, values = design.choices, design.fixed, peak.at
    covariance = np.linalg.inv(peak.information)
    information = np.linalg.pinv(
        covariance[:fixed, :fixed], rcond=1e-15, hermitian=True
    )
    if cluster:
        covariance = clustered(design, values, record.dyad, covariance, penalty)
    scale = np.ones(fixed)
    scale[: len(design.scale)] = 1.0 / design.scale
    shrunk, (states, levels) = slice(fixed, None), design.parts[3:]
    height = log_likelihood(design, values)
    among = peak.information[shrunk, shrunk]
    marginal = laplace_marginal(height, values[shrunk], penalty[shrunk], among)
    propensity = values[states] if design.propensities else np.zeros(len(record.states))
    return WeightFit(
        names=design.names,
        estimate=values[:fixed] * scale,
        covariance=covariance[:fixed, :fixed] * np.outer(scale, scale),
        propensity=propensity,
        propensity_variance=variances[0] if design.propensities else 0.0,
        level=dict(zip(design.years, map(float, values[levels]), strict=True)),
        level_variance=variances[1] if design.years else 0.0,
        states=record.states,
        kinds=record.kinds,
        log_likelihood=height,
        marginal=marginal,
        rows=len(record.year),
        agreements=int(record.signed.sum()),
        years=(int(record.year.min()), int(record.year.max())),
        flat=tuple(_collinear(information, design.names, COLLINEAR)),
    )


# --- what the record tells ------------------------------------------------------------


def _collinear(information: Floats, names: Sequence[str], least: float) -> list[str]:
    """Combinations of parameters with less independent information left than `least`,
    the flattest first, small loads left out: 1 where parameters are independent, 0
    where a combination is flat.

    Smallest eigenvalues of the correlation matrix of the estimates' information:
    Belsley, Kuh, Welsch 1980, Regression Diagnostics, ch. 3."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    combinations = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value < least:
            members = np.argsort(-np.abs(vector))
            members = members[np.abs(vector[members]) >= SMALLEST_LOAD]
            loads = " ".join(f"{vector[k]:+.2f} {names[k]}" for k in members)
            share = max(float(value), 0.0)
            combinations.append(f"{loads} (information left {share:.2g})")
    return combinations

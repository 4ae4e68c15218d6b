"""Maximum likelihood for the model's weights, with random intercepts of states
(sociality) and of years.

Their variances come from the marginal likelihood, Laplace approximation, with EM steps
(`stats.newton`). The covariance of the weights holds the uncertainty of the random
intercepts.

Signs that theory fixes (`choices.SIGNED`) are held by a half-normal prior. Where the
record wants the other sign, the posterior is highest at 0: the term is left out, and is
reported as in conflict with what the record says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import SIGNED, Choices, term_of
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    clustered,
    derivatives,
    log_likelihood,
    opportunities,
)
from balance_sim.stats.newton import (
    Maximum,
    NoMaximum,
    laplace_marginal,
    newton,
    random_effect_variance,
)

ROUNDS = 40
STATE_VARIANCE, YEAR_VARIANCE = 0.3, 0.05
"""Variances of the random intercepts from which the search starts."""
LEAST_VARIANCE = 1e-4
SMALL = 0.002
"""Changes of a variance below this end the search: it creeps where there is none to be
found."""
SIGN_SPREAD = 1.0
"""Of the half-normal prior on a weight whose sign theory fixes, in nats per standard
deviation of its term: weak, as the weights of gravity and network are 0.1 to 0.5 on
that scale (Gelman et al. 2008, Annals of Applied Statistics 2)."""
COLLINEAR = 0.1
"""Share of a direction's independent information below which its members are called
collinear: correlations of about 0.9 between two."""
SMALLEST_LOAD = 0.2
"""Share of a direction below which a member of it is not named."""
FLAT = 1e-7
"""The same, below which they are not told apart at all."""


EXTREME = "Look for extreme values in the data"


@dataclass(frozen=True)
class Conflict:
    """A weight that the record wants below 0 and theory above: what it was before it
    was left out."""

    name: str
    estimate: float
    standard_error: float


@dataclass(frozen=True)
class Direction:
    """A combination of parameters that the record tells badly. independence: smallest
    eigenvalue of the correlation matrix of the estimates' information, 1 when all are
    independent, 0 when the direction is flat."""

    names: tuple[str, ...]
    loads: tuple[float, ...]
    independence: float

    def __str__(self) -> str:
        loads = zip(self.names, self.loads, strict=True)
        combination = " ".join(f"{load:+.2f} {name}" for name, load in loads)
        return f"{combination} (information left {self.independence:.2g})"


@dataclass(frozen=True)
class WeightFit:
    """names: terms and `intercept.<kind>`; estimate, covariance: of those, nats a unit
    of the term. propensity: (n,) random intercepts by position in `states`, 0 for a
    state not seen; level: those of years.

    log_likelihood: at the estimate, without the shrinkage. marginal: with the random
    intercepts integrated out (Laplace). flat: directions that the record does not tell.
    signs: whether signs were held by a prior; conflicts: terms with the other sign,
    which are left out and have weight 0."""

    names: tuple[str, ...]
    estimate: Floats
    covariance: Floats
    cluster_covariance: Floats | None
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
    flat: tuple[Direction, ...]
    seen: NDArray[np.bool_]
    ridge: float = 0.0
    signs: bool = False
    conflicts: tuple[Conflict, ...] = ()

    @property
    def of_estimate(self) -> Floats:
        """Covariance of the estimate, clustered by dyad where that was asked for, else
        from the second derivatives."""
        if self.cluster_covariance is None:
            return self.covariance
        return self.cluster_covariance

    @property
    def standard_error(self) -> Floats:
        """From `of_estimate`."""
        return np.asarray(np.sqrt(np.diag(self.of_estimate)))

    @property
    def table(self) -> list[tuple[str, float, float]]:
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
        return weights | {conflict.name: 0.0 for conflict in self.conflicts}

    @property
    def intercepts(self) -> dict[str, float]:
        """Estimate by kind, at the mean level of the years fitted with levels."""
        intercepts = {}
        for name, value in zip(self.names, self.estimate, strict=True):
            _, is_intercept, kind = name.partition(".")
            if is_intercept:
                intercepts[kind] = float(value)
        return intercepts

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
    ridge: float = 0.0,
    start: Mapping[str, float] | None = None,
    variance: float | None = None,
    signs: bool = False,
) -> WeightFit:
    """Fit all the terms that `record` holds. levels: a shrunk level of each year.
    cluster: by dyad. signs: hold those that theory fixes by the prior; a term in
    conflict is left out, the one furthest from 0 in standard errors first.

    ridge: 1 / variance of a normal prior on each weight per standard deviation of its
    term. variance: of the random intercepts of states, found if not given. start: by
    name. Raises DataError if there is nothing to fit, a term does not vary, a direction
    is flat, or the search does not settle."""
    conflicts: list[Conflict] = []
    while True:
        years = tuple(map(int, np.unique(record.year))) if levels else ()
        design = _design(record, propensities=propensities, years=years)
        prior = _prior(record.names, ridge=ridge, signs=signs)
        search = _searched(design, prior, start or {}, variance)
        result = _finished(design, *search, cluster=cluster)
        result = replace(result, ridge=ridge, signs=signs)
        against = _conflicts(result) if signs else []
        if not against:
            return replace(result, conflicts=tuple(conflicts))
        conflicts.append(against[0])
        terms = [name for name in record.names if name != against[0].name]
        record = record.with_terms(terms)


def _conflicts(result: WeightFit) -> list[Conflict]:
    """Terms whose sign is not theory's, the furthest from 0 in standard errors
    first."""
    against = [
        Conflict(name, float(estimate), float(error))
        for name, estimate, error in result.table
        if term_of(name) in SIGNED and estimate < 0
    ]
    return sorted(
        against, key=lambda term: (term.estimate / term.standard_error, term.name)
    )


def _prior(names: Sequence[str], *, ridge: float, signs: bool) -> Floats:
    """(K + B,) 1 / variance of the prior on each weight per standard deviation of its
    term."""
    is_signed = [signs and term_of(name) in SIGNED for name in names]
    return np.asarray(ridge + np.array(is_signed, dtype=float) / SIGN_SPREAD**2)


def _searched(
    design: ConsentDesign,
    prior: Floats,
    start: Mapping[str, float],
    variance: float | None,
) -> tuple[Maximum, Floats, list[float]]:
    """The maximum of all parameters, with the precision of their prior and the
    variances of states and years."""
    _, by_kind, intercepts, states, years = design.parts
    terms = by_kind.stop
    values, penalty = np.zeros(design.size), np.zeros(design.size)
    values[intercepts], penalty[:terms] = _intercepts(design.choices), prior
    for k, name in enumerate(design.names):
        if name in start:
            values[k] = start[name] * (design.scale[k] if k < terms else 1.0)
    variances = [STATE_VARIANCE if variance is None else variance, YEAR_VARIANCE]
    for _ in range(ROUNDS):
        penalty[states], penalty[years] = 1.0 / variances[0], 1.0 / variances[1]
        peak = _peak(design, values, penalty)
        values = peak.at
        _refuse_flat(design, peak.information)
        covariance = np.linalg.inv(peak.information)
        moved = [
            _moved_variance(values[part], covariance[part, part], variances[k])
            for k, part in enumerate((states, years))
        ]
        if variance is not None:
            moved[0] = variance
        is_settled = all(
            abs(new - old) < max(0.01 * old, SMALL)
            for new, old in zip(moved, variances, strict=True)
        )
        variances = [max(value, LEAST_VARIANCE) for value in moved]
        if is_settled:
            return peak, penalty, variances
    message = f"the variances did not settle in {ROUNDS} rounds"
    raise DataError(message, "Give `variance`, or leave a term out")


def _moved_variance(effects: Floats, covariance: Floats, variance: float) -> float:
    """The next variance of random intercepts; as it was where there are none."""
    return random_effect_variance(effects, covariance) if len(effects) else variance


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
    scale = np.ones(fixed)
    scale[: len(design.scale)] = 1.0 / design.scale
    scales = np.outer(scale, scale)
    by_dyad = None
    if cluster:
        by_dyad = clustered(design, values, record.dyad, covariance)
        by_dyad = by_dyad[:fixed, :fixed] * scales
    states, levels = values[design.parts[3]], values[design.parts[4]]
    fixed_covariance = covariance[:fixed, :fixed]
    information = np.linalg.pinv(fixed_covariance, rcond=1e-15, hermitian=True)
    return WeightFit(
        names=design.names,
        estimate=values[:fixed] * scale,
        covariance=fixed_covariance * scales,
        cluster_covariance=by_dyad,
        propensity=states if design.propensities else np.zeros(len(record.states)),
        propensity_variance=variances[0] if design.propensities else 0.0,
        level=dict(zip(design.years, map(float, levels), strict=True)),
        level_variance=variances[1] if design.years else 0.0,
        states=record.states,
        kinds=record.kinds,
        log_likelihood=log_likelihood(design, values),
        marginal=_marginal(design, peak, penalty),
        rows=len(record.year),
        agreements=int(record.signed.sum()),
        years=(int(record.year.min()), int(record.year.max())),
        flat=_directions(information, design.names),
        seen=np.isin(np.arange(len(record.states)), [record.a, record.b]),
    )


def _marginal(design: ConsentDesign, peak: Maximum, penalty: Floats) -> float:
    """Marginal log-likelihood, the random intercepts integrated out (Laplace)."""
    shrunk = slice(design.fixed, None)
    value = log_likelihood(design, peak.at)
    information = peak.information[shrunk, shrunk]
    return laplace_marginal(value, peak.at[shrunk], penalty[shrunk], information)


# --- the peak with variances held -----------------------------------------------------


@dataclass(frozen=True)
class Peak:
    """Where a design's likelihood peaks with the variances held: parameters of scaled
    terms, their penalty, and the marginal log-likelihood."""

    design: ConsentDesign
    values: Floats
    penalty: Floats
    marginal: float

    def moved(self, record: Choices) -> Peak:
        """The peak when the terms are those of `record`: same rows, same names. Raises
        DataError."""
        return _peak_from(
            replace(self.design, choices=record), self.values, self.penalty
        )


def peak_of(record: Choices, result: WeightFit) -> Peak:
    """The peak that `result`, a fit of `record`, stands at, without terms in conflict.
    Raises DataError."""
    record = record.with_terms(result.names)
    has_states = result.propensity_variance > 0
    design = _design(record, propensities=has_states, years=tuple(result.level))
    states, years = design.parts[3:]
    terms = len(design.scale)
    values, penalty = np.zeros(design.size), np.zeros(design.size)
    values[: design.fixed] = result.estimate
    values[:terms] *= design.scale
    values[states] = result.propensity if design.propensities else 0.0
    values[years] = list(result.level.values())
    penalty[states] = _precision(result.propensity_variance)
    penalty[years] = _precision(result.level_variance)
    penalty[:terms] = _prior(record.names, ridge=result.ridge, signs=result.signs)
    return _peak_from(design, values, penalty)


def _precision(variance: float) -> float:
    return 1.0 / variance if variance > 0 else 0.0


def _peak_from(design: ConsentDesign, values: Floats, penalty: Floats) -> Peak:
    peak = _peak(design, values, penalty)
    return Peak(design, peak.at, penalty, _marginal(design, peak, penalty))


def _peak(design: ConsentDesign, values: Floats, penalty: Floats) -> Maximum:
    hint = "Leave out a term, or give a ridge above 0"
    with search_errors(design.names, "fit", hint):
        return newton(
            values,
            partial(derivatives, design),
            partial(log_likelihood, design),
            penalty,
        )


@contextmanager
def search_errors(names: Sequence[str], search: str, hint: str) -> Iterator[None]:
    """A search without end as a DataError. search: a fit or a calibration; hint: where
    it did not settle."""
    try:
        yield
    except NoMaximum as error:
        is_named = error.parameter < len(names)
        name = names[error.parameter] if is_named else "a random intercept"
        reasons = {
            "steps": (f"the {search} did not settle in 60 steps", hint),
            "step": ("no step raises the likelihood", hint),
            "value": ("the likelihood is not finite on the way", EXTREME),
            "curve": ("the second derivatives are not finite", EXTREME),
            "pull": (f"nothing in the record depends on {name}", "Leave the term out"),
        }
        raise DataError(*reasons[error.why]) from None


# --- what the record tells ------------------------------------------------------------


def _directions(information: Floats, names: Sequence[str]) -> tuple[Direction, ...]:
    """Directions with little independent information left, the flattest first; small
    loads left out.

    Belsley, Kuh, Welsch 1980, Regression Diagnostics, ch. 3, on the information of the
    estimates."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    directions = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value >= COLLINEAR:
            break
        members = np.flatnonzero(np.abs(vector) >= SMALLEST_LOAD)
        members = members[np.argsort(-np.abs(vector[members]))]
        direction = Direction(
            names=tuple(names[int(k)] for k in members),
            loads=tuple(map(float, vector[members])),
            independence=float(max(value, 0.0)),
        )
        directions.append(direction)
    return tuple(directions)


def _refuse_flat(design: ConsentDesign, information: Floats) -> None:
    """Raise DataError that names what the record leaves open of the weights, with
    random intercepts profiled out."""
    fixed = design.fixed
    across, shrunk = information[:fixed, fixed:], information[fixed:, fixed:]
    profiled = information[:fixed, :fixed] - across @ np.linalg.solve(shrunk, across.T)
    directions = _directions(profiled, design.names)
    flat = [str(direction) for direction in directions if direction.independence < FLAT]
    if flat:
        message = f"the record does not tell these apart: {'; '.join(flat)}"
        raise DataError(message, "Leave one of them out")


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
    if not (np.isfinite(record.common).all() and np.isfinite(record.by_kind).all()):
        raise DataError("a term is not finite", EXTREME)
    common, by_kind = record.common.std(axis=(0, 1)), record.by_kind.std(axis=(0, 1, 2))
    spread = np.concatenate([common, by_kind])
    for name, deviation in zip(record.names, spread, strict=True):
        if deviation < 1e-12:
            raise DataError(f"the term {name} does not vary", "Leave it out")
    return ConsentDesign(record, propensities, years, spread)


def _intercepts(record: Choices) -> Floats:
    """(M,) intercepts that match the number of agreements with all weights 0."""
    opportunities_met = record.exposure.sum() * record.ceiling * record.chance_kept
    share = record.signed.sum(axis=0) / opportunities_met
    consent = np.sqrt(np.clip(share, 1e-9, 0.81))
    return np.asarray(np.log(consent) - np.log1p(-consent))

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
FLAT = 1e-7
"""The same, below which they are not told apart at all."""


@dataclass(frozen=True)
class Conflict:
    """A weight that the record wants below 0 and theory above: what it was before it
    was left out."""

    name: str
    estimate: float
    standard_error: float


@dataclass(frozen=True)
class Direction:
    """A combination of parameters that the record tells badly. left: smallest
    eigenvalue of the correlation matrix of the estimates' information, 1 when all are
    independent, 0 when the direction is flat."""

    names: tuple[str, ...]
    loads: tuple[float, ...]
    left: float

    def __str__(self) -> str:
        parts = " ".join(
            f"{load:+.2f} {name}"
            for name, load in zip(self.names, self.loads, strict=True)
        )
        return f"{parts} (information left {self.left:.2g})"


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
        return (
            self.covariance
            if self.cluster_covariance is None
            else self.cluster_covariance
        )

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
        told = {
            n: float(e)
            for n, e in zip(self.names, self.estimate, strict=True)
            if "." not in n
        }
        return told | {one.name: 0.0 for one in self.conflicts}

    @property
    def intercepts(self) -> dict[str, float]:
        """Estimate by kind, at the mean level of the years fitted with levels."""
        named = zip(self.names, self.estimate, strict=True)
        return {name.partition(".")[2]: float(e) for name, e in named if "." in name}

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
        found, penalty, spread = _searched(design, prior, start or {}, variance)
        result = replace(
            _finished(design, found, penalty, spread, cluster=cluster),
            ridge=ridge,
            signs=signs,
        )
        wrong = _conflicts(result) if signs else []
        if not wrong:
            return replace(result, conflicts=tuple(conflicts))
        conflicts.append(wrong[0])
        record = record.with_terms(
            [name for name in record.names if name != wrong[0].name]
        )


def _conflicts(found: WeightFit) -> list[Conflict]:
    """Terms whose sign is not theory's, the furthest from 0 in standard errors
    first."""
    wrong = [
        Conflict(n, float(e), float(s))
        for n, e, s in found.table
        if term_of(n) in SIGNED and e < 0
    ]
    return sorted(wrong, key=lambda one: (one.estimate / one.standard_error, one.name))


def _prior(names: Sequence[str], *, ridge: float, signs: bool) -> Floats:
    """(K + B,) 1 / variance of the prior on each weight per standard deviation of its
    term."""
    held = np.array([signs and term_of(name) in SIGNED for name in names], dtype=float)
    return np.asarray(ridge + held / SIGN_SPREAD**2)


def _searched(
    design: ConsentDesign,
    prior: Floats,
    start: Mapping[str, float],
    variance: float | None,
) -> tuple[Maximum, Floats, list[float]]:
    """The maximum of all parameters, with the precision of their prior and the
    variances of states and years."""
    parts, terms = design.parts, design.parts[1].stop
    at, penalty = np.zeros(design.size), np.zeros(design.size)
    at[parts[2]], penalty[:terms] = _level_of(design.choices), prior
    for k, name in enumerate(design.names):
        if name in start:
            at[k] = start[name] * (design.scale[k] if k < terms else 1.0)
    spread = [0.3 if variance is None else variance, 0.05]
    for _ in range(ROUNDS):
        penalty[parts[3]], penalty[parts[4]] = 1.0 / spread[0], 1.0 / spread[1]
        found = _peak(design, at, penalty)
        at = found.at
        _refuse_flat(design, found.information)
        covariance = np.linalg.inv(found.information)
        moved = [
            random_effect_variance(at[part], covariance[part, part])
            if len(at[part])
            else old
            for part, old in zip(parts[3:], spread, strict=True)
        ]
        if variance is not None:
            moved[0] = variance
        close = all(
            abs(new - old) < max(0.01 * old, SMALL)
            for new, old in zip(moved, spread, strict=True)
        )
        spread = [max(value, 1e-4) for value in moved]
        if close:
            return found, penalty, spread
    raise DataError(
        f"the variances did not settle in {ROUNDS} rounds",
        "Give `variance`, or leave a term out",
    )


def _finished(
    design: ConsentDesign,
    found: Maximum,
    penalty: Floats,
    spread: Sequence[float],
    *,
    cluster: bool,
) -> WeightFit:
    record, parts, fixed, at = design.choices, design.parts, design.fixed, found.at
    covariance = np.linalg.inv(found.information)
    back = np.ones(fixed)
    back[: len(design.scale)] = 1.0 / design.scale
    whole = clustered(design, at, record.dyad, covariance) if cluster else None
    states = at[parts[3]] if design.propensities else np.zeros(len(record.states))
    seen = np.isin(np.arange(len(record.states)), [record.a, record.b])
    outer = np.outer(back, back)
    return WeightFit(
        names=design.names,
        estimate=at[:fixed] * back,
        covariance=covariance[:fixed, :fixed] * outer,
        cluster_covariance=None if whole is None else whole[:fixed, :fixed] * outer,
        propensity=states,
        propensity_variance=spread[0] if design.propensities else 0.0,
        level={
            year: float(v) for year, v in zip(design.years, at[parts[4]], strict=True)
        },
        level_variance=spread[1] if design.years else 0.0,
        states=record.states,
        kinds=record.kinds,
        log_likelihood=log_likelihood(design, at),
        marginal=_marginal(design, found, penalty),
        rows=len(record.year),
        agreements=int(record.signed.sum()),
        years=(int(record.year.min()), int(record.year.max())),
        flat=_directions(
            np.linalg.pinv(covariance[:fixed, :fixed], rcond=1e-15, hermitian=True),
            design.names,
        ),
        seen=seen,
    )


def _marginal(design: ConsentDesign, found: Maximum, penalty: Floats) -> float:
    own = slice(design.fixed, None)
    value = log_likelihood(design, found.at)
    return laplace_marginal(
        value, found.at[own], penalty[own], found.information[own, own]
    )


@dataclass(frozen=True)
class Peak:
    """Where a design's likelihood peaks with the variances held: parameters of scaled
    terms, their penalty, and the marginal log-likelihood."""

    design: ConsentDesign
    at: Floats
    penalty: Floats
    marginal: float

    def moved(self, record: Choices) -> Peak:
        """The peak when the terms are those of `record`: same rows, same names. Raises
        DataError."""
        return _peak_from(replace(self.design, choices=record), self.at, self.penalty)


def peak_of(record: Choices, found: WeightFit) -> Peak:
    """The peak that `found`, a fit of `record`, stands at, without terms in conflict.
    Raises DataError."""
    record = record.with_terms(found.names)
    design = _design(
        record, propensities=found.propensity_variance > 0, years=tuple(found.level)
    )
    parts, scale = design.parts, design.scale
    at, penalty = np.zeros(design.size), np.zeros(design.size)
    at[: design.fixed] = found.estimate
    at[: len(scale)] *= scale
    at[parts[3]] = found.propensity if design.propensities else 0.0
    at[parts[4]] = list(found.level.values())
    for part, variance in zip(
        parts[3:], (found.propensity_variance, found.level_variance), strict=True
    ):
        penalty[part] = 1.0 / variance if variance > 0 else 0.0
    penalty[: len(scale)] = _prior(record.names, ridge=found.ridge, signs=found.signs)
    return _peak_from(design, at, penalty)


def _peak_from(design: ConsentDesign, at: Floats, penalty: Floats) -> Peak:
    found = _peak(design, at, penalty)
    return Peak(design, found.at, penalty, _marginal(design, found, penalty))


def _peak(design: ConsentDesign, at: Floats, penalty: Floats) -> Maximum:
    with told_as_errors(
        design.names, "fit", "Leave out a term, or give a ridge above 0"
    ):
        return newton(
            at, partial(derivatives, design), partial(log_likelihood, design), penalty
        )


@contextmanager
def told_as_errors(names: Sequence[str], what: str, hint: str) -> Iterator[None]:
    """A search without end as a DataError. what: a fit or a calibration; hint: where it
    did not settle."""
    extreme = "Look for extreme values in the data"
    try:
        yield
    except NoMaximum as error:
        name = (
            names[error.parameter]
            if error.parameter < len(names)
            else "a random intercept"
        )
        said = {
            "steps": (f"the {what} did not settle in 60 steps", hint),
            "step": ("no step raises the likelihood", hint),
            "value": ("the likelihood is not finite on the way", extreme),
            "curve": ("the second derivatives are not finite", extreme),
            "pull": (f"nothing in the record depends on {name}", "Leave the term out"),
        }
        raise DataError(*said[error.why]) from None


def _directions(information: Floats, names: Sequence[str]) -> tuple[Direction, ...]:
    """Directions with little independent information left, the flattest first; loads
    below 0.2 left out.

    Belsley, Kuh, Welsch 1980, Regression Diagnostics, ch. 3, on the information of the
    estimates."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    out = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value >= COLLINEAR:
            break
        big = np.flatnonzero(np.abs(vector) >= 0.2)
        big = big[np.argsort(-np.abs(vector[big]))]
        out.append(
            Direction(
                tuple(names[int(k)] for k in big),
                tuple(map(float, vector[big])),
                float(max(value, 0.0)),
            )
        )
    return tuple(out)


def _refuse_flat(design: ConsentDesign, information: Floats) -> None:
    """Raise DataError that names what the record leaves open of the weights, with
    random intercepts profiled out."""
    fixed = design.fixed
    across, own = information[:fixed, fixed:], information[fixed:, fixed:]
    ways = _directions(
        information[:fixed, :fixed] - across @ np.linalg.solve(own, across.T),
        design.names,
    )
    if named := "; ".join(str(way) for way in ways if way.left < FLAT):
        raise DataError(
            f"the record does not tell these apart: {named}", "Leave one of them out"
        )


def _design(
    record: Choices, *, propensities: bool, years: tuple[int, ...]
) -> ConsentDesign:
    """The record as a matrix, each term over its standard deviation over both sides.
    Raises DataError."""
    if np.isnan(record.signed).any():
        raise DataError(
            "a year has no agreements on record", "End the period before it"
        )
    for m, kind in enumerate(record.kinds):
        if record.signed[:, m].sum() == 0:
            raise DataError(
                f"no agreement of type {kind} was signed in these years",
                "Leave the kind out",
            )
    if not (np.isfinite(record.common).all() and np.isfinite(record.by_kind).all()):
        raise DataError("a term is not finite", "Look for extreme values in the data")
    spread = np.concatenate(
        [record.common.std(axis=(0, 1)), record.by_kind.std(axis=(0, 1, 2))]
    )
    for name, one in zip(record.names, spread, strict=True):
        if one < 1e-12:
            raise DataError(f"the term {name} does not vary", "Leave it out")
    return ConsentDesign(record, propensities, years, spread)


def _level_of(record: Choices) -> Floats:
    """(M,) intercepts that match the number of agreements with all weights 0."""
    shown = record.signed.sum(axis=0) / (
        record.exposure.sum() * record.ceiling * record.chance_kept
    )
    consent = np.sqrt(np.clip(shown, 1e-9, 0.81))
    return np.asarray(np.log(consent) - np.log1p(-consent))

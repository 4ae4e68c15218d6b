"""Maximum likelihood for the model's weights, with propensities of states shrunk by a variance the data
choose.

The variance comes from the marginal likelihood, Laplace approximation, with EM steps: v = (sum of squares +
trace of the covariance) / n (Dempster, Laird, Rubin 1977, JRSS B 39: 1-38; Breslow, Clayton 1993, JASA 88:
9-25). The covariance of the weights holds the uncertainty of the propensities.

Signs that theory fixes (`choices.SIGNED`) are held by a half-normal prior. Where the record wants the other sign, the
posterior is highest at 0: the term is left out, and is reported as in conflict with what the record says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.choices import SIGNED, Choices, term_of
from balance_sim.evidence.estimation.identify import Direction, flat_directions, open_directions, profiled
from balance_sim.evidence.estimation.likelihood import Design, chances, clustered, derivatives, log_likelihood

ROUNDS, STEPS, HALVINGS = 40, 60, 40
SMALL = 0.002
"""Changes of a variance below this end the search: it creeps where there is none to be found."""
CLOSE = 1e-6
"""The search ends when a Newton step would raise the log-likelihood by less."""

SIGN_SPREAD = 1.0
"""Of the half-normal prior on a weight whose sign theory fixes, in nats per standard deviation of its term: weak, as
the weights of gravity and network are 0.1 to 0.5 on that scale (Gelman et al. 2008, Annals of Applied Statistics 2)."""


@dataclass(frozen=True)
class Conflict:
    """A weight that the record wants below 0 and theory above: what it was before it was left out."""

    name: str
    estimate: float
    standard_error: float


@dataclass(frozen=True)
class Fit:
    """names: terms and `intercept.<kind>`; estimate, covariance: of those, nats a unit of the term.
    propensity: (n,) by position in `states`, 0 for a state not seen; propensity_variance; level: by year.

    log_likelihood: at the estimate, without the shrinkage. marginal: with propensities and levels integrated
    out (Laplace). flat: directions that the record does not tell. signs: whether signs were held by a prior;
    conflicts: terms with the other sign, which are left out and have weight 0."""

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
    accords: int
    years: tuple[int, int]
    flat: tuple[Direction, ...]
    seen: NDArray[np.bool_]
    ridge: float = 0.0
    signs: bool = False
    conflicts: tuple[Conflict, ...] = ()

    @property
    def standard_error(self) -> Floats:
        """Clustered by pair where that was asked for, else from the second derivatives."""
        covariance = self.covariance if self.cluster_covariance is None else self.cluster_covariance
        return np.asarray(np.sqrt(np.diag(covariance)))

    @property
    def aic(self) -> float:
        """2 k - 2 ln L of the marginal likelihood; the variances count as parameters. Akaike 1974."""
        variances = int(self.propensity_variance > 0) + int(self.level_variance > 0)
        return 2.0 * (len(self.names) + variances) - 2.0 * self.marginal

    @property
    def weights(self) -> dict[str, float]:
        """Estimate by term, 0 for a term in conflict."""
        told = {n: float(e) for n, e in zip(self.names, self.estimate, strict=True) if "." not in n}
        return told | {one.name: 0.0 for one in self.conflicts}

    @property
    def intercepts(self) -> dict[str, float]:
        """Estimate by kind, at the mean level of the years fitted with levels."""
        return {
            n.partition(".")[2]: float(e) for n, e in zip(self.names, self.estimate, strict=True) if "." in n
        }

    def chances(self, rows: Choices) -> Floats:
        """(N,) probability that each pair signs any accord in its year; states not seen have propensity 0."""
        design = Design(rows.with_terms(self.names), propensities=True)
        order = [self.names.index(name) for name in design.names]
        return chances(design, np.concatenate([self.estimate[order], self.propensity]))


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
) -> Fit:
    """Fit all the terms that `record` holds. levels: a shrunk level of each year. cluster: by pair. signs: hold those
    that theory fixes by the prior; a term in conflict is left out, the one furthest from 0 in standard errors first.

    ridge: 1 / variance of a normal prior on each weight per standard deviation of its term. variance: of the
    propensities, found if not given. start: by name, what to begin from. Raises DataError if there is nothing
    to fit, if a term does not vary, if a direction is flat, or if the search does not settle."""
    conflicts: list[Conflict] = []
    while True:
        found = _fitted(
            record,
            propensities=propensities,
            levels=levels,
            cluster=cluster,
            ridge=ridge,
            start=start,
            variance=variance,
            signs=signs,
        )
        wrong = _conflicts(found) if signs else []
        if not wrong:
            return replace(found, conflicts=tuple(conflicts))
        conflicts.append(wrong[0])
        record = record.with_terms([name for name in record.names if name != wrong[0].name])


def _conflicts(found: Fit) -> list[Conflict]:
    """Terms whose sign is not theory's, the furthest from 0 in standard errors first."""
    each = zip(found.names, found.estimate, found.standard_error, strict=True)
    wrong = [Conflict(name, float(e), float(s)) for name, e, s in each if term_of(name) in SIGNED and e < 0]
    return sorted(wrong, key=lambda one: (one.estimate / one.standard_error, one.name))


def _of_prior(names: Sequence[str], *, ridge: float, signs: bool) -> Floats:
    """(K + B,) 1 / variance of the prior on each weight per standard deviation of its term."""
    held = np.array([signs and term_of(name) in SIGNED for name in names], dtype=float)
    return np.asarray(ridge + held / SIGN_SPREAD**2)


def _fitted(
    record: Choices,
    *,
    propensities: bool,
    levels: bool,
    cluster: bool,
    ridge: float,
    start: Mapping[str, float] | None,
    variance: float | None,
    signs: bool,
) -> Fit:
    """The fit of all terms of a record, whatever their signs."""
    scale = _checked(record)
    seen_years = tuple(int(y) for y in np.unique(record.year)) if levels else ()
    design = Design(record, propensities, seen_years, scale)
    parts = design.parts
    terms = parts[1].stop
    at = np.zeros(design.size)
    at[parts[2]] = _level_of(record)
    for k, name in enumerate(design.names):
        if start and name in start:
            at[k] = start[name] * (scale[k] if k < terms else 1.0)
    spread = [0.3 if variance is None else variance, 0.05]
    for _ in range(ROUNDS):
        penalty = np.zeros(design.size)
        penalty[:terms] = _of_prior(record.names, ridge=ridge, signs=signs)
        penalty[parts[3]], penalty[parts[4]] = 1.0 / spread[0], 1.0 / spread[1]
        at, information = climb(design, at, penalty)
        refuse_flat(design, information)
        covariance = np.linalg.inv(information)
        moved = [
            _variance(at[part], covariance[part, part]) if len(at[part]) else old
            for part, old in zip(parts[3:], spread, strict=True)
        ]
        if variance is not None:
            moved[0] = variance
        close = all(abs(new - old) < max(0.01 * old, SMALL) for new, old in zip(moved, spread, strict=True))
        spread = [max(value, 1e-4) for value in moved]
        if close:
            break
    else:
        raise DataError(
            f"the variances did not settle in {ROUNDS} rounds", "Give `variance`, or leave a term out"
        )
    found = _finished(design, at, covariance, information, penalty, spread, cluster=cluster)
    return replace(found, ridge=ridge, signs=signs)


def _finished(
    design: Design,
    at: Floats,
    covariance: Floats,
    information: Floats,
    penalty: Floats,
    spread: Sequence[float],
    *,
    cluster: bool,
) -> Fit:
    record, parts, fixed = design.choices, design.parts, design.fixed
    back = np.ones(fixed)
    back[: len(design.scale)] = 1.0 / design.scale
    whole = clustered(design, at, record.pair, covariance) if cluster else None
    value = log_likelihood(design, at)
    marginal = _marginal(value, at[fixed:], penalty[fixed:], information[fixed:, fixed:])
    states = np.zeros(len(record.states))
    if design.propensities:
        states[:] = at[parts[3]]
    seen = np.zeros(len(record.states), dtype=bool)
    seen[np.union1d(record.a, record.b)] = True
    outer = np.outer(back, back)
    return Fit(
        names=design.names,
        estimate=at[:fixed] * back,
        covariance=covariance[:fixed, :fixed] * outer,
        cluster_covariance=None if whole is None else whole[:fixed, :fixed] * outer,
        propensity=states,
        propensity_variance=spread[0] if design.propensities else 0.0,
        level={year: float(v) for year, v in zip(design.years, at[parts[4]], strict=True)},
        level_variance=spread[1] if design.years else 0.0,
        states=record.states,
        kinds=record.kinds,
        log_likelihood=value,
        marginal=marginal,
        rows=len(record.year),
        accords=int(record.signed.sum()),
        years=(int(record.year.min()), int(record.year.max())),
        flat=flat_directions(covariance[:fixed, :fixed], design.names),
        seen=seen,
    )


def _marginal(value: float, shrunk: Floats, penalty: Floats, inside: Floats) -> float:
    """Log-likelihood with what is shrunk integrated out, by Laplace's approximation."""
    log_det = np.linalg.slogdet(inside)[1] if len(shrunk) else 0.0
    prior = 0.5 * float(np.log(penalty).sum() - penalty @ shrunk**2)
    return float(value + prior - 0.5 * log_det)


@dataclass(frozen=True)
class Peak:
    """Where a design's likelihood peaks with the variances held: parameters of scaled terms, their penalty,
    and the marginal log-likelihood."""

    design: Design
    at: Floats
    penalty: Floats
    marginal: float

    def moved(self, record: Choices) -> Peak:
        """The peak when the terms are those of `record`: same rows, same names. Raises DataError."""
        design = replace(self.design, choices=record)
        return _peak_from(design, self.at, self.penalty)


def peak_of(record: Choices, found: Fit) -> Peak:
    """The peak that `found`, a fit of `record`, stands at, without terms in conflict. Raises DataError."""
    record = record.with_terms(found.names)
    scale = _checked(record)
    design = Design(record, found.propensity_variance > 0, tuple(found.level), scale)
    parts = design.parts
    at, penalty = np.zeros(design.size), np.zeros(design.size)
    at[: design.fixed] = found.estimate
    at[: len(scale)] *= scale
    at[parts[3]] = found.propensity if design.propensities else 0.0
    at[parts[4]] = list(found.level.values())
    for part, variance in zip(parts[3:], (found.propensity_variance, found.level_variance), strict=True):
        penalty[part] = 1.0 / variance if variance > 0 else 0.0
    penalty[: len(scale)] = _of_prior(record.names, ridge=found.ridge, signs=found.signs)
    return _peak_from(design, at, penalty)


def _peak_from(design: Design, at: Floats, penalty: Floats) -> Peak:
    at, information = climb(design, at, penalty)
    fixed = design.fixed
    value = log_likelihood(design, at)
    marginal = _marginal(value, at[fixed:], penalty[fixed:], information[fixed:, fixed:])
    return Peak(design, at, penalty, marginal)


def climb(design: Design, at: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    """Penalised maximum by Newton's method, and minus the second derivatives there, penalty included.

    Where these are not positive definite, a multiple of their diagonal is added until they are (Levenberg
    1944)."""

    def height(new: Floats) -> float:
        return log_likelihood(design, new) - 0.5 * float(penalty @ new**2)

    for _ in range(STEPS):
        value, slope, information = derivatives(design, at)
        value -= 0.5 * float(penalty @ at**2)
        slope = slope - penalty * at
        information = information + np.diag(penalty)
        step = newton_step(information, slope, design.names)
        if not np.isfinite(step).all() or not np.isfinite(value):
            raise DataError("the likelihood is not finite on the way", "Look for extreme values in the data")
        if slope @ step < CLOSE:
            return at, information
        at = _uphill(at, step, value, height)
    raise DataError(f"the fit did not settle in {STEPS} steps", "Leave out a term, or give a ridge above 0")


def _uphill(at: Floats, step: Floats, value: float, height: Callable[[Floats], float]) -> Floats:
    for halving in range(HALVINGS):
        new = at + step * 0.5**halving
        if height(new) >= value - 1e-9:
            return np.asarray(new)
    raise DataError("no step raises the likelihood", "Leave out a term, or give a ridge above 0")


def newton_step(information: Floats, slope: Floats, names: Sequence[str]) -> Floats:
    """information^-1 slope, damped until it points uphill. Raises DataError for a parameter without any
    pull."""
    diagonal = np.diag(information)
    if (np.abs(diagonal) < 1e-12).any():
        k = int(np.argmin(np.abs(diagonal)))
        what = names[k] if k < len(names) else "a propensity"
        raise DataError(f"nothing in the record depends on {what}", "Leave the term out")
    damping = 0.0
    for _ in range(60):
        try:
            lower = np.linalg.cholesky(information + damping * np.diag(np.abs(diagonal)))
        except np.linalg.LinAlgError:
            damping = max(4.0 * damping, 1e-8)
            continue
        return np.asarray(np.linalg.solve(lower.T, np.linalg.solve(lower, slope)))
    raise DataError("the second derivatives are not finite", "Look for extreme values in the data")


def refuse_flat(design: Design, information: Floats) -> None:
    """Raise DataError where the record leaves a direction of the weights open, naming it."""
    ways = open_directions(profiled(information, design.fixed), design.names)
    named = "; ".join(str(way) for way in ways if way.flat)
    if named:
        raise DataError(f"the record does not tell these apart: {named}", "Leave one of them out")


def _checked(record: Choices) -> Floats:
    """(K + B,) standard deviation of each term over both sides."""
    if np.isnan(record.signed).any():
        raise DataError("a year has no accords on record", "End the period before it")
    for m, kind in enumerate(record.kinds):
        if record.signed[:, m].sum() == 0:
            raise DataError(f"no accord of kind {kind} was signed in these years", "Leave the kind out")
    if not (np.isfinite(record.common).all() and np.isfinite(record.by_kind).all()):
        raise DataError("a term is not finite", "Look for extreme values in the data")
    spread = np.concatenate([record.common.std(axis=(0, 1)), record.by_kind.std(axis=(0, 1, 2))])
    for name, one in zip(record.names, spread, strict=True):
        if one < 1e-12:
            raise DataError(f"the term {name} does not vary", "Leave it out")
    return np.asarray(spread)


def _level_of(record: Choices) -> Floats:
    """(M,) intercepts that match the number of accords with all weights 0."""
    shown = record.signed.sum(axis=0) / (record.exposure.sum() * record.ceiling * record.chance_kept)
    consent = np.sqrt(np.clip(shown, 1e-9, 0.81))
    return np.asarray(np.log(consent) - np.log1p(-consent))


def _variance(value: Floats, covariance: Floats) -> float:
    return float((value @ value + np.trace(covariance)) / len(value))

"""The two-sided choice of the dynamic network actor model for coordination ties.

Given that an accord is made now, whose is it? Each actor turns to a partner by a multinomial choice, and an
accord needs both (Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, eqs. 5-7):

    p_ij = exp(b . s_ij) / sum_k exp(b . s_ik)        over the partners k present, k != i
    P{i,j} = p_ij p_ji / sum_{k<l} p_kl p_lk          over the pairs present

The log-likelihood is the sum of ln P over the events, conditional on their times. With
D_ij = s_ij + s_ji - E_i s_i. - E_j s_j. the score of an event is D_ij less its mean under P, and the Fisher
information is the covariance of D under P. The log-likelihood need not be concave: Fisher scoring, which goes
uphill everywhere, with halved steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.effects import NETWORK_KINDS, STATE_KINDS, Effect, Floats, Moment
from balance_sim.evidence.errors import DataError
from balance_sim.evidence.events import EventData, EventDay, World, event_days

FLAT = 1e-9
"""A mix of effects, each scaled to information 1 at the start, with less than this is flat there."""
LOST = 1e-6
"""A mix whose information has fallen below this on the way is on its way to infinity."""
KEPT_BYTES = 512 * 2**20
"""Statistics of all days are kept in memory up to this size, and computed anew on each pass beyond it."""

Missing = Literal["mean", "refuse"]


@dataclass(frozen=True)
class ChoiceDay:
    """Statistics of one day. s: (m, m, P) over the m actors present; i, j: sides of each event."""

    s: Floats
    i: NDArray[np.int64]
    j: NDArray[np.int64]


@dataclass(frozen=True)
class Choices:
    """The statistics of every event, day by day, for the likelihood.

    missing: covariates without a value take the mean over the actors (or pairs) present that have one, and
    are counted; or `refuse`."""

    data: EventData
    effects: tuple[Effect, ...]
    missing: Missing = "mean"

    def __iter__(self) -> Iterator[ChoiceDay]:
        size = len(self.data.actors) ** 2 * len(self.effects) * 8 * self.data.events["date"].nunique()
        return iter(self._kept) if size <= KEPT_BYTES else self._made()

    def _made(self) -> Iterator[ChoiceDay]:
        return (_choice_day(day, self.effects, self.missing) for day in event_days(self.data))

    @cached_property
    def _kept(self) -> tuple[ChoiceDay, ...]:
        return tuple(self._made())


@dataclass(frozen=True)
class CoordinationFit:
    """A fit. covariance: inverse of the observed information (minus the Hessian); `fisher_covariance` of the
    expected one. imputed: covariate -> share of the cells needed that were filled with the mean."""

    effects: tuple[str, ...]
    estimate: Floats
    covariance: Floats
    fisher_covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    events: int
    iterations: int
    largest_score: float
    imputed: dict[str, float]

    @property
    def standard_error(self) -> Floats:
        return _root(self.covariance)

    @property
    def fisher_standard_error(self) -> Floats:
        return _root(self.fisher_covariance)

    @property
    def aic(self) -> float:
        return 2 * len(self.estimate) - 2 * self.log_likelihood

    def table(self) -> pd.DataFrame:
        """effect, estimate, standard_error, fisher_standard_error, z."""
        return pd.DataFrame(
            {
                "effect": self.effects,
                "estimate": self.estimate,
                "standard_error": self.standard_error,
                "fisher_standard_error": self.fisher_standard_error,
                "z": self.estimate / self.standard_error,
            }
        )


def choices(data: EventData, effects: Sequence[Effect], missing: Missing = "mean") -> Choices:
    """Events and effects made ready. Raises DataError on names that the data do not have."""
    effects = tuple(effects)
    if not effects:
        raise DataError("there is no effect", "Name at least one")
    if len({effect.name for effect in effects}) != len(effects):
        raise DataError(
            "an effect is named twice", "Name each once", value=", ".join(e.name for e in effects)
        )
    for effect in effects:
        known, what = _names(data, effect)
        if effect.of not in known:
            raise DataError(
                f"there is no {what} of this name", f"Known: {', '.join(known) or 'none'}", value=effect.of
            )
    return Choices(data, effects, missing)


def log_likelihood(b: Floats, choice: Choices) -> float:
    """Sum over events of ln P{i,j}. b: (P,)."""
    return float(sum(_day_value(b, day) for day in choice))


def score(b: Floats, choice: Choices) -> Floats:
    """(P,) gradient of the log-likelihood."""
    return _derivatives(b, choice)[1]


def hessian(b: Floats, choice: Choices) -> Floats:
    """(P, P) second derivatives of the log-likelihood."""
    return _derivatives(b, choice)[3]


def pair_probabilities(b: Floats, day: ChoiceDay) -> Floats:
    """(m, m) P{i,j}, symmetric with diagonal 0; the upper triangle sums to 1."""
    return _probabilities(b, day.s)[2]


def fit_coordination(
    data: EventData,
    effects: Sequence[Effect],
    *,
    missing: Missing = "mean",
    start: Floats | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-8,
) -> CoordinationFit:
    """Maximum likelihood by Fisher scoring. Refuses flat and infinite directions, naming the effects.

    tolerance: on the gain in log-likelihood that the next step promises. Raises DataError."""
    choice = choices(data, effects, missing)
    b = np.zeros(len(choice.effects)) if start is None else np.asarray(start, dtype=np.float64)
    null = log_likelihood(np.zeros_like(b), choice)
    value, gradient, information, curvature = _derivatives(b, choice)
    scale = np.sqrt(np.diag(information))
    _refuse_flat(information, scale, choice.effects, FLAT, "the likelihood is flat along a mix of them")
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        step = np.linalg.solve(information, gradient)
        if gradient @ step < 2 * tolerance:
            break
        b, (value, gradient, information, curvature) = _uphill(b, step, value, float(gradient @ step), choice)
        _refuse_flat(information, scale, choice.effects, LOST, "the data put them at infinity")
    else:
        raise DataError(
            f"no maximum after {max_iterations} steps; the largest score is {np.abs(gradient).max():.2g}",
            "Drop an effect, or start elsewhere",
        )
    if np.linalg.eigvalsh(-curvature)[0] <= 0:
        raise DataError("the fit stopped at a saddle of the likelihood", "Start elsewhere, or drop an effect")
    return CoordinationFit(
        effects=tuple(effect.name for effect in choice.effects),
        estimate=b,
        covariance=np.linalg.inv(-curvature),
        fisher_covariance=np.linalg.inv(information),
        log_likelihood=value,
        log_likelihood_null=null,
        events=len(data.events),
        iterations=iterations,
        largest_score=float(np.abs(gradient).max()),
        imputed=imputed_share(choice),
    )


def imputed_share(choice: Choices) -> dict[str, float]:
    """Covariate -> share of its cells (actors or pairs present, days with events) without a value."""
    blank: dict[str, list[float]] = {}
    used = {effect.of for effect in choice.effects}
    for day in event_days(choice.data):
        for name, value in {**day.moment.states, **day.moment.pairs}.items():
            if name in used:
                blank.setdefault(name, []).append(float(np.isnan(_among(value, day.present)).mean()))
    return {name: float(np.mean(shares)) for name, shares in blank.items() if any(shares)}


def simulate(
    data: EventData,
    effects: Sequence[Effect],
    b: Floats,
    dates: Sequence[np.datetime64],
    network: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw one event a date from the model; each adds 1 to `network`, and later dates see it.

    data.events is not read; `network` may stand in data.networks with earlier ties. Returns a, b, date."""
    none = pd.DataFrame({"a": [], "b": [], "date": pd.to_datetime([])})
    world = World(replace(data, networks={network: none, **data.networks}))
    made: list[tuple[str, str, np.datetime64]] = []
    for when in np.unique(np.asarray(dates, dtype="datetime64[s]")):
        today = world.on(when)
        chance = np.triu(pair_probabilities(b, _choice_day(today, tuple(effects), "mean")), 1).ravel()
        here = np.flatnonzero(today.present)
        for _ in range(int((np.asarray(dates, dtype="datetime64[s]") == when).sum())):
            i, j = divmod(int(rng.choice(len(chance), p=chance / chance.sum())), len(here))
            made.append((data.actors[here[i]], data.actors[here[j]], when))
            world.networks[network].add(int(here[i]), int(here[j]), 1.0)
    return pd.DataFrame(made, columns=["a", "b", "date"])


def _names(data: EventData, effect: Effect) -> tuple[list[str], str]:
    if effect.kind in NETWORK_KINDS:
        return sorted(data.networks), "network"
    if effect.kind in STATE_KINDS:
        return sorted(data.states), "state covariate"
    return sorted(data.pairs), "pair covariate"


def _choice_day(day: EventDay, effects: tuple[Effect, ...], missing: Missing) -> ChoiceDay:
    here = np.flatnonzero(day.present)
    used = {effect.of for effect in effects}
    moment = Moment(
        day.moment.networks,
        {n: _filled(v, day, n, missing) for n, v in day.moment.states.items() if n in used},
        {n: _filled(v, day, n, missing) for n, v in day.moment.pairs.items() if n in used},
    )
    off = ~np.eye(len(here), dtype=bool)
    s = np.empty((len(here), len(here), len(effects)))
    for k, effect in enumerate(effects):
        s[:, :, k] = np.where(off, effect.statistic(moment)[np.ix_(here, here)], 0.0)
    place = np.full(len(day.present), -1, dtype=np.int64)
    place[here] = np.arange(len(here))
    return ChoiceDay(s, place[day.first], place[day.second])


def _among(value: Floats, present: NDArray[np.bool_]) -> Floats:
    """The cells of the actors present, or of pairs of them (off the diagonal)."""
    if value.ndim == 1:
        return value[present]
    return value[np.outer(present, present) & ~np.eye(len(present), dtype=bool)]


def _filled(value: Floats, day: EventDay, name: str, missing: Missing) -> Floats:
    cells = _among(value, day.present)
    known = cells[~np.isnan(cells)]
    on = day.date.astype("datetime64[D]")
    if len(known) == 0:
        raise DataError(f"{name} has no value for anyone before {on}", "Give values that start earlier")
    if len(known) < len(cells) and missing == "refuse":
        raise DataError(
            f"{name} is missing for {len(cells) - len(known)} of {len(cells)} before {on}",
            "Fill the gaps, or let the mean stand for them",
        )
    return np.where(np.isnan(value), known.mean(), value)


def _probabilities(b: Floats, s: Floats) -> tuple[Floats, Floats, Floats, float]:
    """ln p_ij p_ji (m, m), p_ij (m, m), P{i,j} (m, m) symmetric, and ln of the sum over pairs."""
    utility = s @ b
    np.fill_diagonal(utility, -np.inf)
    log_p = utility - _log_sum(utility)[:, None]
    both = log_p + log_p.T
    top = both.max()
    weight = np.exp(both - top)
    total = weight.sum() / 2
    return both, np.exp(log_p), weight / total, float(top + np.log(total))


def _log_sum(utility: Floats) -> Floats:
    top = utility.max(axis=1)
    out: Floats = top + np.log(np.exp(utility - top[:, None]).sum(axis=1))
    return out


def _day_value(b: Floats, day: ChoiceDay) -> float:
    both, _, _, total = _probabilities(b, day.s)
    return float(both[day.i, day.j].sum() - len(day.i) * total)


def _derivatives(b: Floats, choice: Choices) -> tuple[float, Floats, Floats, Floats]:
    """Log-likelihood, score (P,), Fisher information (P, P), Hessian (P, P)."""
    p = len(b)
    value, gradient, information, curvature = 0.0, np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
    for day in choice:
        v, g, f, h = _day_derivatives(b, day)
        value, gradient, information, curvature = value + v, gradient + g, information + f, curvature + h
    return value, gradient, information, curvature


def _day_derivatives(b: Floats, day: ChoiceDay) -> tuple[float, Floats, Floats, Floats]:
    """As `_derivatives`, of one day. V_i is the covariance of s_i. under p_i.:
    Hessian = sum_i (E q_i - events of i) V_i - E Cov(D), with q_i = P(i takes part) and E events."""
    s, events = day.s, len(day.i)
    m, p = s.shape[0], s.shape[2]
    both, choose, pair, total = _probabilities(b, s)
    mean = np.einsum("ij,ijp->ip", choose, s)
    d = s + s.transpose(1, 0, 2) - mean[:, None, :] - mean[None, :, :]
    flat = d.reshape(m * m, p)
    weight = pair.ravel() / 2
    average = weight @ flat
    information = events * ((flat * weight[:, None]).T @ flat - np.outer(average, average))
    involved = np.bincount(np.concatenate([day.i, day.j]), minlength=m)
    excess = events * pair.sum(axis=1) - involved
    raw = s.reshape(m * m, p)
    spread = (raw * (excess[:, None] * choose).reshape(-1, 1)).T @ raw - (mean * excess[:, None]).T @ mean
    gradient = d[day.i, day.j].sum(axis=0) - events * average
    value = float(both[day.i, day.j].sum() - events * total)
    return value, gradient, information, spread - information


def _uphill(
    b: Floats, step: Floats, value: float, slope: float, choice: Choices
) -> tuple[Floats, tuple[float, Floats, Floats, Floats]]:
    """The step, halved until the log-likelihood rises by a part of what its slope promises; terms there."""
    for halving in range(40):
        shorter = b + step * 0.5**halving
        terms = _derivatives(shorter, choice)
        if terms[0] >= value + 1e-4 * 0.5**halving * slope:
            return shorter, terms
    raise DataError(
        "no step goes uphill", "Check the covariates for very large values; divide them by their spread"
    )


def _refuse_flat(
    information: Floats, scale: Floats, effects: Sequence[Effect], least: float, why: str
) -> None:
    """Raise DataError naming the effects without information. scale: its root at the start."""
    dead = [e.name for e, s in zip(effects, scale, strict=True) if s**2 <= FLAT]
    if dead:
        raise DataError(
            f"{', '.join(dead)} cannot be estimated: it never tells one possible pair from another",
            "Leave it out",
        )
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] < least:
        part = np.abs(vectors[:, 0])
        names = [e.name for e, q in zip(effects, part, strict=True) if q > 0.1 * part.max()]
        raise DataError(f"{', '.join(names)} cannot be estimated: {why}", "Leave one of them out")


def _root(covariance: Floats) -> Floats:
    out: Floats = np.sqrt(np.diag(covariance))
    return out

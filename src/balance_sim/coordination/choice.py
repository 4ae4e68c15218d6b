"""The two-sided choice of the dynamic network actor model for coordination ties: likelihood, fit, simulation.

Given that an agreement is made now, whose is it? Each actor turns to a partner by a multinomial choice, and an
agreement needs both (Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, eqs. 5-7):

    p_ij = exp(b . s_ij) / sum_k exp(b . s_ik)        over the partners k present, k != i
    P{i,j} = p_ij p_ji / sum_{k<l} p_kl p_lk          over the pairs present

The log-likelihood is the sum of ln P over the events, conditional on their times. It need not be concave: Newton's
steps where it is, Fisher scoring, which goes uphill everywhere, where it is not, both halved as needed. Definitions
and options: docs/coordination.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.coordination.effects import Effect, Floats, Snapshot
from balance_sim.coordination.events import EventData, EventDay, Ints, Record, event_days
from balance_sim.evidence.data.errors import DataError, refuse_unless_one_of

FLAT = 1e-9
"""A mix of effects, each scaled to information 1 at the start, with less than this is flat there."""
LOST = 1e-6
"""A mix whose information has fallen below this on the way is on its way to infinity."""
STEPS = 100
CLOSE = 1e-10
"""The fit ends where the next step promises less than this in log-likelihood."""
KEPT_BYTES = 512 * 2**20
"""Statistics of all days are kept in memory up to this size, and computed anew on each pass beyond it."""

Missing = Literal["mean", "mean_of_all", "mean_kept", "refuse"]
Repetitions = Literal["all", "distinct"]
Terms = tuple[float, Floats, Floats, Floats]
"""Log-likelihood, score (P,), Fisher information (P, P), Hessian (P, P)."""


@dataclass(frozen=True)
class ChoiceDay:
    """Statistics of one day. s: (m, m, P) over the m actors present, 0 on the diagonal; i, j: sides of each event.

    In memory effect stands after effect, so that each is one block."""

    s: Floats
    i: Ints
    j: Ints

    @property
    def by_effect(self) -> Floats:
        """(P, m * m) the same numbers, an effect a row."""
        m, _, p = self.s.shape
        return np.asarray(self.s.transpose(2, 0, 1).reshape(p, m * m))


def dyad_probabilities(b: Floats, day: ChoiceDay) -> Floats:
    """(m, m) P{i,j}, symmetric with diagonal 0; the upper triangle sums to 1."""
    both, _, top = _both_choose(b, day)
    weight: Floats = np.exp(both - top)
    weight /= weight.sum() / 2
    return weight


def day_value(b: Floats, day: ChoiceDay) -> float:
    """Sum over the day's events of ln P{i,j}."""
    both, _, top = _both_choose(b, day)
    made = float(both[day.i, day.j].sum())
    both -= top
    np.exp(both, out=both)
    return made - len(day.i) * float(top + np.log(both.sum() / 2))


def day_derivatives(b: Floats, day: ChoiceDay, room: Floats | None = None) -> Terms:
    """Log-likelihood, score, Fisher information and Hessian of one day. room: memory of at least 3 P m^2 cells.

    With D_ij = s_ij + s_ji - E_i s_i. - E_j s_j. the score of an event is D_ij less its mean under P, and the Fisher
    information the covariance of D under P. The Hessian is sum_i (E q_i - events of i) V_i - E Cov(D), with V_i the
    covariance of s_i. under p_i., q_i = P(i takes part), and E events."""
    events, (m, _, p) = len(day.i), day.s.shape
    apart, d, weighted = (np.empty(3 * day.s.size) if room is None else room[: 3 * day.s.size]).reshape(3, p, m * m)
    both, choose, top = _both_choose(b, day)
    made = float(both[day.i, day.j].sum())
    dyad = np.exp(both - top)
    total = dyad.sum() / 2
    dyad /= 2 * total  # P{i,j} / 2: each dyad stands here twice
    for k, s in enumerate(day.by_effect.reshape(p, m, m)):
        own, sums = apart[k].reshape(m, m), d[k].reshape(m, m)
        np.subtract(s, np.einsum("ij,ij->i", choose, s)[:, None], out=own)
        np.add(own, own.T, out=sums)
    average = d @ dyad.ravel()
    gradient = d.reshape(p, m, m)[:, day.i, day.j].sum(axis=1) - events * average
    d -= average[:, None]
    information = events * (np.multiply(d, dyad.ravel(), out=weighted) @ d.T)
    involved = np.bincount(np.concatenate([day.i, day.j]), minlength=m)
    choose *= (2 * events * dyad.sum(axis=1) - involved)[:, None]
    spread = np.multiply(apart, choose.ravel(), out=weighted) @ apart.T
    value = made - events * float(top + np.log(total))
    return value, gradient, information, spread - information


def _both_choose(b: Floats, day: ChoiceDay) -> tuple[Floats, Floats, float]:
    """ln p_ij p_ji (m, m) with -inf on the diagonal, p_ij (m, m), and the largest of the first."""
    m = len(day.s)
    log_p = (b @ day.by_effect).reshape(m, m)
    np.fill_diagonal(log_p, -np.inf)
    log_p -= log_p.max(axis=1, keepdims=True)
    choose = np.exp(log_p)
    sums = choose.sum(axis=1, keepdims=True)
    choose /= sums
    log_p -= np.log(sums)
    both = log_p + log_p.T
    return both, choose, float(both.max())


class ChoiceSets:
    """The statistics of every event, day by day, for the likelihood: iterate for each `ChoiceDay`.

    missing: covariates without a value take the mean over the actors (or pairs) present that have one, or over all that
    have one (`mean_of_all`), anew at every event, or once, and keep it (`mean_kept`); they are counted; or `refuse`.
    repetitions: rows that add to a tie and that `ignore_repetitions` looks at: `all`, or equal ones of one moment once
    (`distinct`). Raises DataError on names that the data do not have."""

    def __init__(
        self, data: EventData, effects: Sequence[Effect], missing: Missing = "mean", repetitions: Repetitions = "all"
    ) -> None:
        refuse_unless_one_of("missing", missing, get_args(Missing))
        refuse_unless_one_of("repetitions", repetitions, get_args(Repetitions))
        names = [effect.name for effect in effects]
        if not names:
            raise DataError("there is no effect", "Name at least one")
        if len({*names}) != len(names):
            raise DataError("an effect is named twice", "Name each once", value=", ".join(names))
        what = {"networks": "network", "states": "state covariate", "pairs": "pair covariate"}
        for effect in effects:
            for name, reads in effect.needs:
                if name not in getattr(data, reads):
                    known = f"Known: {', '.join(sorted(getattr(data, reads))) or 'none'}"
                    raise DataError(f"there is no {what[reads]} of this name", known, value=name)
        self.data, self.effects, self.missing, self.repetitions = data, tuple(effects), missing, repetitions

    def __iter__(self) -> Iterator[ChoiceDay]:
        size = len(self.data.actors) ** 2 * len(self.effects) * 8 * self.data.events["date"].nunique()
        return iter(self._kept) if size <= KEPT_BYTES else self._made()

    def _made(self) -> Iterator[ChoiceDay]:
        repeated = [effect.repeated for effect in self.effects if effect.repeated is not None]
        distinct, mean_kept = repeated if self.repetitions == "distinct" else (), self.missing == "mean_kept"
        days = event_days(self.data, windows_of(self.effects), distinct=distinct, mean_kept=mean_kept)
        return (choice_day(day, self.effects, self.missing) for day in days)

    @cached_property
    def _kept(self) -> tuple[ChoiceDay, ...]:
        return tuple(self._made())

    def coverage(self) -> tuple[list[int], dict[str, float]]:
        """Actors there at each moment; covariate -> share of the cells needed (on days with events) without a value."""
        here: list[int] = []
        blank: dict[str, list[float]] = {}
        used = {(effect.reads, effect.of) for effect in self.effects}
        for day in event_days(replace(self.data, networks={})):
            here.append(int(day.present.sum()))
            covariates = ((reads, *one) for reads in ("states", "pairs") for one in getattr(day.moment, reads).items())
            for reads, name, value in covariates:
                if (reads, name) in used:
                    blank.setdefault(name, []).append(float(np.isnan(_among(value, day.present)).mean()))
        return here, {name: float(np.mean(shares)) for name, shares in blank.items() if any(shares)}


def windows_of(effects: Iterable[Effect]) -> list[tuple[str, float]]:
    """The networks that effects read within a window, with its days."""
    return [(effect.of, effect.window) for effect in effects if effect.window is not None]


def choice_day(day: EventDay, effects: Sequence[Effect], missing: Missing) -> ChoiceDay:
    """The statistics of one day, covariates filled."""
    here, used = np.flatnonzero(day.present), {effect.of for effect in effects}
    states, pairs = (
        {name: _filled(value, day, name, missing) for name, value in covariates.items() if name in used}
        for covariates in (day.moment.states, day.moment.pairs)
    )
    known = Snapshot(day.moment.networks, states, pairs, day.moment.repeated)
    s = np.empty((len(effects), len(here), len(here)))
    for k, effect in enumerate(effects):
        s[k] = effect.statistic(known)[np.ix_(here, here)]
        np.fill_diagonal(s[k], 0.0)
    place = np.full(len(day.present), -1, dtype=np.int64)
    place[here] = np.arange(len(here))
    return ChoiceDay(s.transpose(1, 2, 0), place[day.first], place[day.second])


def _among(value: Floats, present: NDArray[np.bool_]) -> Floats:
    """The cells of the actors present, or of pairs of them (off the diagonal)."""
    if value.ndim == 1:
        return value[present]
    return value[np.outer(present, present) & ~np.eye(len(present), dtype=bool)]


def _filled(value: Floats, day: EventDay, name: str, missing: Missing) -> Floats:
    cells = _among(value, day.present)
    blank = int(np.isnan(cells).sum())
    known = (value if missing == "mean_of_all" else cells).ravel()
    known = known[~np.isnan(known)]
    on = day.date.astype("datetime64[D]")
    if len(known) == 0:
        raise DataError(f"{name} has no value for anyone before {on}", "Give values that start earlier")
    if blank and missing == "refuse":
        message = f"{name} is missing for {blank} of {len(cells)} before {on}"
        raise DataError(message, "Fill the gaps, or let the mean stand for them")
    return np.where(np.isnan(value), known.mean(), value)


def log_likelihood(b: Floats, choice: ChoiceSets) -> float:
    """Sum over events of ln P{i,j}. b: (P,)."""
    return float(sum(day_value(b, day) for day in choice))


def derivatives(b: Floats, choice: ChoiceSets) -> Terms:
    """Log-likelihood, score (P,), Fisher information (P, P), Hessian (P, P) of all events."""
    p = len(b)
    value, gradient, information, curvature = 0.0, np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
    room = np.empty(
        3 * p * len(choice.data.actors) ** 2
    )  # used for every day: new blocks take longer than the products
    for day in choice:
        v, g, f, h = day_derivatives(b, day, room)
        value, gradient, information, curvature = value + v, gradient + g, information + f, curvature + h
    return value, gradient, information, curvature


@dataclass(frozen=True)
class CoordinationFit:
    """A fit. covariance: inverse of the observed information (minus the Hessian); `fisher_covariance` of the expected
    one. moments: at which there are events; present: fewest and most actors there at one. imputed: covariate -> share
    of the cells needed that were filled with a mean."""

    effects: tuple[str, ...]
    estimate: Floats
    covariance: Floats
    fisher_covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    events: int
    moments: int
    present: tuple[int, int]
    iterations: int
    largest_score: float
    imputed: dict[str, float]

    @property
    def standard_error(self) -> Floats:
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def aic(self) -> float:
        return 2 * len(self.estimate) - 2 * self.log_likelihood

    def table(self) -> pd.DataFrame:
        """effect, estimate, standard_error, fisher_standard_error, z."""
        table = pd.DataFrame({"effect": self.effects, "estimate": self.estimate, "standard_error": self.standard_error})
        expected = np.sqrt(np.diag(self.fisher_covariance))
        return table.assign(fisher_standard_error=expected, z=self.estimate / self.standard_error)


def fit_coordination(
    data: EventData, effects: Sequence[Effect], *, missing: Missing = "mean", repetitions: Repetitions = "all"
) -> CoordinationFit:
    """Maximum likelihood by Newton's method and Fisher scoring. Refuses flat and infinite directions by name.

    missing, repetitions: see `ChoiceSets`. Raises DataError."""
    choice = ChoiceSets(data, effects, missing, repetitions)
    b = np.zeros(len(choice.effects))
    null, gradient, information, curvature = derivatives(b, choice)
    value, scale = null, np.sqrt(np.diag(information))
    square = np.outer(scale, scale)
    _refuse_flat(information, scale, choice.effects, FLAT, "the likelihood is flat along a mix of them")
    for iterations in range(1, STEPS + 1):  # noqa: B007 - reported
        observed = -curvature / square
        definite = np.linalg.eigvalsh(observed)[0] > LOST  # else Fisher scoring
        step = np.linalg.solve(observed if definite else information / square, gradient / scale) / scale
        if gradient @ step < 2 * CLOSE:
            break
        b, (value, gradient, information, curvature) = _uphill(b, step, value, float(gradient @ step), choice)
        _refuse_flat(information, scale, choice.effects, LOST, "the data put them at infinity")
    else:
        message = f"no maximum after {STEPS} steps; the largest score is {np.abs(gradient).max():.2g}"
        raise DataError(message, "Drop an effect")
    if np.linalg.eigvalsh(observed)[0] <= 0:
        raise DataError("the fit stopped at a saddle of the likelihood", "Drop an effect")
    here, imputed = choice.coverage()
    return CoordinationFit(
        effects=tuple(effect.name for effect in choice.effects),
        estimate=b,
        covariance=np.linalg.inv(observed) / square,
        fisher_covariance=np.linalg.inv(information / square) / square,
        log_likelihood=value,
        log_likelihood_null=null,
        events=len(data.events),
        moments=len(here),
        present=(min(here), max(here)),
        iterations=iterations,
        largest_score=float(np.abs(gradient).max()),
        imputed=imputed,
    )


def _uphill(b: Floats, step: Floats, value: float, slope: float, choice: ChoiceSets) -> tuple[Floats, Terms]:
    """The step, halved until the log-likelihood, alone worked out on the way, rises as promised; terms there."""
    for halving in range(40):
        shorter = b + step * 0.5**halving
        if log_likelihood(shorter, choice) >= value + 1e-4 * 0.5**halving * slope:
            return shorter, derivatives(shorter, choice)
    raise DataError("no step goes uphill", "Check the covariates for very large values; divide them by their spread")


def _refuse_flat(information: Floats, scale: Floats, effects: Sequence[Effect], least: float, why: str) -> None:
    """Raise DataError naming the effects without information. scale: its root at the start."""
    dead = [e.name for e, s in zip(effects, scale, strict=True) if s**2 <= FLAT]
    if dead:
        message = f"{', '.join(dead)} cannot be estimated: it never tells one possible dyad from another"
        raise DataError(message, "Leave it out")
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] < least:
        part = np.abs(vectors[:, 0])
        names = [e.name for e, q in zip(effects, part, strict=True) if q > 0.1 * part.max()]
        raise DataError(f"{', '.join(names)} cannot be estimated: {why}", "Leave one of them out")


def simulate(
    data: EventData,
    effects: Sequence[Effect],
    b: Floats,
    dates: Sequence[np.datetime64],
    network: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw one event a date from the model; each adds 1 to `network`, and later dates see it, windows too.

    data.events is not read; `network` may stand in data.networks with earlier ties. Returns a, b, date."""
    none = pd.DataFrame({"a": [], "b": [], "date": pd.to_datetime([])})
    record = Record(replace(data, networks={network: none, **data.networks}), windows_of(effects))
    made: list[tuple[str, str, np.datetime64]] = []
    moments, counts = np.unique(np.asarray(dates, dtype="datetime64[s]"), return_counts=True)
    for when, count in zip(moments, counts, strict=True):
        today = record.on(when)
        chance = np.triu(dyad_probabilities(b, choice_day(today, effects, "mean")), 1).ravel()
        here = np.flatnonzero(today.present)
        for _ in range(count):
            i, j = divmod(int(rng.choice(len(chance), p=chance / chance.sum())), len(here))
            made.append((data.actors[here[i]], data.actors[here[j]], when))
            record.happens(network, int(here[i]), int(here[j]), when)
    return pd.DataFrame(made, columns=["a", "b", "date"])

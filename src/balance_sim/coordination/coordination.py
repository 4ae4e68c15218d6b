"""The two-sided choice of the dynamic network actor model for coordination ties.

Given that an accord is made now, whose is it? Each actor turns to a partner by a multinomial choice, and an
accord needs both (Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, eqs. 5-7):

    p_ij = exp(b . s_ij) / sum_k exp(b . s_ik)        over the partners k present, k != i
    P{i,j} = p_ij p_ji / sum_{k<l} p_kl p_lk          over the pairs present

The log-likelihood is the sum of ln P over the events, conditional on their times. It need not be concave: Newton's
steps where it is, Fisher scoring, which goes uphill everywhere, where it is not, both halved as needed.
Definitions and options: docs/coordination.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.coordination.effects import NETWORK_KINDS, STATE_KINDS, Effect, Floats, Moment
from balance_sim.coordination.events import EventData, EventDay, World, event_days
from balance_sim.coordination.two_sided import (
    ChoiceDay,
    Room,
    day_derivatives,
    day_value,
    of_effects,
    pair_probabilities,
)
from balance_sim.evidence.data.errors import DataError, refuse_unless_one_of

FLAT = 1e-9
"""A mix of effects, each scaled to information 1 at the start, with less than this is flat there."""
LOST = 1e-6
"""A mix whose information has fallen below this on the way is on its way to infinity."""
KEPT_BYTES = 512 * 2**20
"""Statistics of all days are kept in memory up to this size, and computed anew on each pass beyond it."""

Missing = Literal["mean", "mean_of_all", "mean_kept", "refuse"]
Repetitions = Literal["all", "distinct"]


@dataclass(frozen=True)
class Choices:
    """The statistics of every event, day by day, for the likelihood.

    missing: covariates without a value take the mean over the actors (or pairs) present that have one, or over
    all that have one (`mean_of_all`), anew at every event, or once, and keep it (`mean_kept`); they are counted;
    or `refuse`. repetitions: rows that add to a tie and that `ignore_repetitions` looks at: `all`, or equal ones of
    one moment once (`distinct`)."""

    data: EventData
    effects: tuple[Effect, ...]
    missing: Missing = "mean"
    repetitions: Repetitions = "all"

    def __iter__(self) -> Iterator[ChoiceDay]:
        size = len(self.data.actors) ** 2 * len(self.effects) * 8 * self.data.events["date"].nunique()
        return iter(self._kept) if size <= KEPT_BYTES else self._made()

    def _made(self) -> Iterator[ChoiceDay]:
        looked_at = [effect.repeated for effect in self.effects if effect.repeated is not None]
        days = event_days(
            self.data,
            windows_of(self.effects),
            distinct=looked_at if self.repetitions == "distinct" else (),
            mean_kept=self.missing == "mean_kept",
        )
        return (_choice_day(day, self.effects, self.missing) for day in days)

    @cached_property
    def _kept(self) -> tuple[ChoiceDay, ...]:
        return tuple(self._made())


@dataclass(frozen=True)
class CoordinationFit:
    """A fit. covariance: inverse of the observed information (minus the Hessian); `fisher_covariance` of the
    expected one. moments: at which there are events; present: fewest and most actors there at one. imputed:
    covariate -> share of the cells needed that were filled with a mean."""

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


def choices(
    data: EventData,
    effects: Sequence[Effect],
    missing: Missing = "mean",
    repetitions: Repetitions = "all",
) -> Choices:
    """Events and effects made ready. Raises DataError on names that the data do not have."""
    refuse_unless_one_of("missing", missing, get_args(Missing))
    refuse_unless_one_of("repetitions", repetitions, get_args(Repetitions))
    effects = tuple(effects)
    if not effects:
        raise DataError("there is no effect", "Name at least one")
    if len({effect.name for effect in effects}) != len(effects):
        raise DataError(
            "an effect is named twice", "Name each once", value=", ".join(e.name for e in effects)
        )
    for effect in effects:
        known, what = _names(data, effect)
        for name, among in ((effect.of, known), (effect.repeated, sorted(data.networks))):
            if name is not None and name not in among:
                raise DataError(
                    f"there is no {what if name == effect.of else 'network'} of this name",
                    f"Known: {', '.join(among) or 'none'}",
                    value=name,
                )
    return Choices(data, effects, missing, repetitions)


def log_likelihood(b: Floats, choice: Choices) -> float:
    """Sum over events of ln P{i,j}. b: (P,)."""
    return float(sum(day_value(b, day) for day in choice))


def score(b: Floats, choice: Choices) -> Floats:
    """(P,) gradient of the log-likelihood."""
    return _derivatives(b, choice)[1]


def hessian(b: Floats, choice: Choices) -> Floats:
    """(P, P) second derivatives of the log-likelihood."""
    return _derivatives(b, choice)[3]


def fit_coordination(
    data: EventData,
    effects: Sequence[Effect],
    *,
    missing: Missing = "mean",
    repetitions: Repetitions = "all",
    start: Floats | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-10,
) -> CoordinationFit:
    """Maximum likelihood by Newton's method and Fisher scoring. Refuses flat and infinite directions by name.

    missing, repetitions: see `Choices`. tolerance: on the gain in log-likelihood that the next step promises.
    Raises DataError."""
    choice = choices(data, effects, missing, repetitions)
    b = np.zeros(len(choice.effects)) if start is None else np.asarray(start, dtype=np.float64)
    value, gradient, information, curvature = _derivatives(b, choice)
    null = value if start is None else log_likelihood(np.zeros_like(b), choice)
    scale = np.sqrt(np.diag(information))
    square = np.outer(scale, scale)
    _refuse_flat(information, scale, choice.effects, FLAT, "the likelihood is flat along a mix of them")
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        step = _step(gradient / scale, information / square, -curvature / square) / scale
        if gradient @ step < 2 * tolerance:
            break
        b, (value, gradient, information, curvature) = _uphill(b, step, value, float(gradient @ step), choice)
        _refuse_flat(information, scale, choice.effects, LOST, "the data put them at infinity")
    else:
        raise DataError(
            f"no maximum after {max_iterations} steps; the largest score is {np.abs(gradient).max():.2g}",
            "Drop an effect, or start elsewhere",
        )
    observed = -curvature / square
    if np.linalg.eigvalsh(observed)[0] <= 0:
        raise DataError("the fit stopped at a saddle of the likelihood", "Start elsewhere, or drop an effect")
    here, imputed = _met(choice)
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


def imputed_share(choice: Choices) -> dict[str, float]:
    """Covariate -> share of its cells (actors or pairs present, days with events) without a value."""
    return _met(choice)[1]


def _met(choice: Choices) -> tuple[list[int], dict[str, float]]:
    """How many actors are there at each moment, and the share of blank cells by covariate."""
    here: list[int] = []
    blank: dict[str, list[float]] = {}
    of_states = {effect.of for effect in choice.effects if effect.kind in STATE_KINDS}
    of_pairs = {effect.of for effect in choice.effects if effect.kind not in (*STATE_KINDS, *NETWORK_KINDS)}
    for day in event_days(replace(choice.data, networks={})):
        here.append(int(day.present.sum()))
        states = ((name, value) for name, value in day.moment.states.items() if name in of_states)
        pairs = ((name, value) for name, value in day.moment.pairs.items() if name in of_pairs)
        for name, value in (*states, *pairs):
            blank.setdefault(name, []).append(float(np.isnan(_among(value, day.present)).mean()))
    return here, {name: float(np.mean(shares)) for name, shares in blank.items() if any(shares)}


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
    world = World(replace(data, networks={network: none, **data.networks}), windows_of(effects))
    made: list[tuple[str, str, np.datetime64]] = []
    for when in np.unique(np.asarray(dates, dtype="datetime64[s]")):
        today = world.on(when)
        chance = np.triu(pair_probabilities(b, _choice_day(today, tuple(effects), "mean")), 1).ravel()
        here = np.flatnonzero(today.present)
        for _ in range(int((np.asarray(dates, dtype="datetime64[s]") == when).sum())):
            i, j = divmod(int(rng.choice(len(chance), p=chance / chance.sum())), len(here))
            made.append((data.actors[here[i]], data.actors[here[j]], when))
            world.happens(network, int(here[i]), int(here[j]), when)
    return pd.DataFrame(made, columns=["a", "b", "date"])


def windows_of(effects: Iterable[Effect]) -> list[tuple[str, float]]:
    """The networks that effects read within a window, with its days."""
    return [(effect.of, effect.window) for effect in effects if effect.window is not None]


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
        day.moment.repeated,
    )
    s = np.empty((len(effects), len(here), len(here)))
    for k, effect in enumerate(effects):
        s[k] = effect.statistic(moment)[np.ix_(here, here)]
        np.fill_diagonal(s[k], 0.0)
    place = np.full(len(day.present), -1, dtype=np.int64)
    place[here] = np.arange(len(here))
    return of_effects(s, place[day.first], place[day.second])


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
        raise DataError(
            f"{name} is missing for {blank} of {len(cells)} before {on}",
            "Fill the gaps, or let the mean stand for them",
        )
    return np.where(np.isnan(value), known.mean(), value)


def _derivatives(b: Floats, choice: Choices) -> tuple[float, Floats, Floats, Floats]:
    """Log-likelihood, score (P,), Fisher information (P, P), Hessian (P, P)."""
    p = len(b)
    value, gradient, information, curvature = 0.0, np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
    room = Room()
    for day in choice:
        v, g, f, h = day_derivatives(b, day, room)
        value, gradient, information, curvature = value + v, gradient + g, information + f, curvature + h
    return value, gradient, information, curvature


def _step(gradient: Floats, expected: Floats, observed: Floats) -> Floats:
    """Newton's step where the observed information is positive definite, else that of Fisher scoring."""
    definite = np.linalg.eigvalsh(observed)[0] > LOST
    step: Floats = np.linalg.solve(observed if definite else expected, gradient)
    return step


def _uphill(
    b: Floats, step: Floats, value: float, slope: float, choice: Choices
) -> tuple[Floats, tuple[float, Floats, Floats, Floats]]:
    """The step, halved until the log-likelihood rises by a part of what its slope promises; terms there.

    Of a step that is too long the log-likelihood alone is worked out."""
    for halving in range(40):
        shorter = b + step * 0.5**halving
        if log_likelihood(shorter, choice) >= value + 1e-4 * 0.5**halving * slope:
            return shorter, _derivatives(shorter, choice)
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

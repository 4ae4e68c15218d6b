"""The measurement model: the share of conflict among i's acts towards k is an indicator
of what i believes about k.

    y_ikt ~ beta-binomial(n_ikt, m_ikt)
    logit m_ikt = a_ik + b_it + c_kt + slope (eta_ikt - alpha_ikt)

eta is the log-odds of hostile intent and alpha that of alignment, in nats, with the
model's own evidence inside (`exposure`). Values without counts are normal about the
same linear predictor. The multiplier of a group of shipped weights is its coefficient
over `slope`, which is read between dyads. Of alignment and incidents only acts before
the period count: later ones are themselves recorded among the n_ikt. What identifies
what, and what one column cannot tell: docs/event_weights.md.

The rule for the word of an estimate, fixed before any data were fitted
(docs/decisions/0023-event-weights.md):

* measured: the 95 % CI of the multiplier lies above 0; of permuted dates and of
  permuted participants at most 5 % have a z as large; and neither leads nor stale acts,
  fitted beside it, differ from 0 at 5 %.
* bounded: leads and stale acts do not differ from 0, and the CI ends above 0 and below
  the end of the declared range.
* not told: anything else.

The CI is clustered by dyad and by event, and stretched by the spread of the permuted z
where that is above 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.stats import norm

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.events.absorbed import (
    EventPanel,
    ShareFit,
    fit_shares,
    informative,
    one_step,
)
from balance_sim.evidence.events.exposure import (
    ActSets,
    Aims,
    aimed,
    aims,
    shown,
)
from balance_sim.scenario.defaults import declared_ranges, reference_values
from balance_sim.scenario.schema import SIGNAL_ORDER
from balance_sim.stats import Floats
from balance_sim.stats.intervals import NORMAL

Progress = Callable[[int, int], None]

LEVEL = 0.05
WORDS = MEASURED, BOUNDED, NOT_TOLD = ("measured", "bounded", "not told")
POWER = float(norm.ppf(0.8)) + NORMAL
"""Standard errors off 0 at which an estimate is found in four of five samples."""


@dataclass(frozen=True)
class Study:
    """A panel, the acts, and who is whose rival.

    edges: (T + 1,) of its years; rivals: (T, n, n) 0 or 1; quarrel: (T, n, n) nats;
    window: days within which acts are moved by a permutation."""

    panel: EventPanel
    edges: Floats
    acts: ActSets
    rivals: Floats
    quarrel: Floats
    window: tuple[float, float]

    def rows(self, matrix: Floats) -> Floats:
        """(N,) a matrix (T, n, n), observer and other, at the rows of the panel."""
        panel = self.panel
        values: Floats = matrix[panel.period, panel.first, panel.second]
        return values


@dataclass(frozen=True)
class Column:
    """One column of evidence: a group, and the kinds that it sums at their shipped
    weights, in nats."""

    name: str
    group: str
    kinds: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """Key paths of the shipped weights that it sums."""
        return [f"event_kinds.{kind}.{weight_of(self.group)}" for kind in self.kinds]


def weight_of(group: str) -> str:
    """Which of the two shipped weights of a kind a group has."""
    return "alignment" if group == "alignment" else "intent"


def groups_of(acts: ActSets) -> list[Column]:
    """The pooled columns that the acts allow."""
    joint = {acts.kinds[k] for k in acts.kind[~acts.has_named_targets]}
    ordered = tuple(kind for kind in SIGNAL_ORDER if kind in joint)
    aimed_kinds = {acts.kinds[k] for k in acts.kind[acts.has_named_targets]}
    by_group = {
        "intent": ordered,
        "alignment": ordered,
        "incident": tuple(sorted(aimed_kinds)),
    }
    return [Column(group, group, kinds) for group, kinds in by_group.items() if kinds]


def kinds_of(acts: ActSets) -> list[Column]:
    """A column for each kind of each group."""
    return [
        Column(f"{pooled.group}.{kind}", pooled.group, (kind,))
        for pooled in groups_of(acts)
        for kind in pooled.kinds
    ]


class Exposures:
    """Columns of evidence of a study's acts, by the shipped half-lives."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.half = {
            kind: reference_values()[f"event_kinds.{kind}.half_life_days"]
            for kind in study.acts.kinds
        }
        self._aims: dict[tuple[str, str], Aims] = {}

    def columns(
        self, columns: Sequence[Column], when: str = "now", acts: ActSets | None = None
    ) -> Floats:
        """(N, c) evidence in nats, as it enters eta - alpha. when: `now`, `lead` (acts
        to come) or `stale` (acts five half-lives older)."""
        acts, edges = acts or self.study.acts, self.study.edges
        every_act = earlier_acts = acts.series(edges, self.half, when)
        if when != "lead":
            earlier_acts = acts.series(edges, self.half, f"{when} before")

        @cache
        def evidence(group: str, kind: str) -> Floats:
            """(N,) of one kind, which columns have in common."""
            series = every_act if group == "intent" else earlier_acts
            return self._kind(acts, group, kind, series)

        values = np.empty((self.study.panel.size, len(columns)))
        for c, column in enumerate(columns):
            values[:, c] = sum(evidence(column.group, kind) for kind in column.kinds)
        return values

    def _kind(self, acts: ActSets, group: str, kind: str, series: Floats) -> Floats:
        """(N,) evidence of one kind, at its shipped weight."""
        study = self.study
        is_told = acts.has_named_targets == (group == "incident")
        sets = (acts.kind == acts.kinds.index(kind)) & is_told
        weight = reference_values()[f"event_kinds.{kind}.{weight_of(group)}"]
        weighted = series[sets] * weight
        if group == "alignment":
            return -study.rows(shown(acts.only(sets), weighted))
        # sets of the study itself, perhaps on other dates, have the same aims
        is_own = acts.principals is study.acts.principals
        cache = self._aims if is_own else {}
        if (group, kind) not in cache:
            cache[group, kind] = aims(acts.only(sets), study.rivals)
        return study.rows(aimed(cache[group, kind], weighted))


@dataclass(frozen=True)
class EventEstimate:
    """A multiplier of shipped weights and what stands beside it.

    estimate, error: of the multiplier, the error of the slope included and stretched by
    the spread of the placebos; lead_z, stale_z: of acts to come and of acts long past,
    fitted beside it; dates_p, participants_p: share of permutations with a z as large;
    spread: standard deviation of their z; declared_end: upper end of the declared
    range, as a multiplier; rows: of the panel where the column is not 0."""

    column: Column
    coefficient: float
    estimate: float
    error: float
    z: float
    lead_z: float
    stale_z: float
    dates_p: float
    participants_p: float
    spread: tuple[float, float]
    declared_end: float
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % CI of the multiplier."""
        margin = NORMAL * self.error
        return self.estimate - margin, self.estimate + margin

    @property
    def word(self) -> str:
        """measured, bounded or not told: the rule at the top of this module."""
        low, high = self.interval
        if max(abs(self.lead_z), abs(self.stale_z)) >= NORMAL:
            return NOT_TOLD
        if low > 0 and max(self.dates_p, self.participants_p) <= LEVEL:
            return MEASURED
        return BOUNDED if 0 < high < self.declared_end else NOT_TOLD

    @property
    def detectable(self) -> float:
        """The multiplier that would be found in four of five samples."""
        return POWER * self.error


@dataclass(frozen=True)
class EventWeights:
    """What a panel says of the weights of events.

    pooled, kinds: estimates; multipliers, covariance: of `kinds`, (c,) and (c, c);
    slope: logits of conflict a nat of quarrel, and its error; slope_within: the same
    within dyads."""

    pooled: tuple[EventEstimate, ...]
    kinds: tuple[EventEstimate, ...]
    multipliers: Floats
    covariance: Floats
    slope: tuple[float, float]
    slope_within: tuple[float, float]
    rho: float
    rows: int
    dyads: int
    acts_counted: float
    permutations: int


def informative_study(study: Study) -> Study:
    """The study on the rows that say anything."""
    is_informative = informative(study.panel)
    if not is_informative.any():
        raise DataError("no dyad has both conflict and cooperation", "Take more years")
    return replace(study, panel=study.panel.rows(is_informative))


def slope_between(study: Study) -> tuple[float, float]:
    """Logits a nat of standing quarrel, without effects of dyads, and its clustered
    standard error. Raises DataError."""
    dyads = replace(
        study, panel=study.panel.rows(informative(study.panel, dyads=False))
    )
    nats = dyads.rows(dyads.quarrel)
    if not nats.any():
        raise DataError(
            "no dyad has a rivalry, a claim or a war",
            "Put their files into the folder: docs/evidence.md",
        )
    fit = fit_shares(dyads.panel, nats[:, None], dyads=False)
    slope, error = float(fit.estimate[0]), float(fit.errors[0])
    if slope < NORMAL * error:
        estimate = f"{slope:.3g} logits a nat, s.e. {error:.3g}"
        raise DataError(
            f"conflict does not rise with quarrels ({estimate})",
            "Without that anchor event weights have no scale: use other outcome data",
        )
    return slope, error


def measure(
    whole: Study,
    permutations: int = 999,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> EventWeights:
    """Estimate the multipliers of the shipped weights of events, with their placebos.
    progress: called with how many permutations of dates and of participants are done,
    of how many. Raises DataError."""
    slope = slope_between(whole)
    study = informative_study(whole)
    panel, exposures = study.panel, Exposures(study)
    null = fit_shares(panel, study.rows(study.quarrel)[:, None])
    columns = [*groups_of(study.acts), *kinds_of(study.acts)]
    z = one_step(null, exposures.columns(columns))
    permuted = permuted_z(exposures, columns, null, permutations, seed, progress)
    count = len(groups_of(study.acts))
    pooled, kinds = (
        _estimates(
            exposures, columns[part], null.rho, slope, z[part], permuted[:, :, part]
        )
        for part in (slice(count), slice(count, None))
    )
    multipliers, covariance = _multipliers(kinds[1], slope, kinds[0])
    slope_within = (np.nan, np.nan)
    if null.absorbed.apart.any():
        slope_within = (float(null.estimate[0]), float(null.errors[0]))
    return EventWeights(
        pooled=pooled[0],
        kinds=kinds[0],
        multipliers=multipliers,
        covariance=covariance,
        slope=slope,
        slope_within=slope_within,
        rho=null.rho,
        rows=panel.size,
        dyads=int(panel.dyad.max()) + 1,
        acts_counted=float(panel.count.sum()),
        permutations=permutations,
    )


def _estimates(
    exposures: Exposures,
    columns: list[Column],
    rho: float,
    slope: tuple[float, float],
    z: Floats,
    permuted: Floats,
) -> tuple[tuple[EventEstimate, ...], ShareFit]:
    """The multiplier of each column, its error stretched by the spread of the placebos,
    and the fit of the columns. z: (c,); permuted: (2, P, c) z with dates and with
    participants permuted."""
    study, size = exposures.study, len(columns)
    nats = study.rows(study.quarrel)[:, None]
    present, lead, stale = (
        exposures.columns(columns, when) for when in ("now", "lead", "stale")
    )
    fit = fit_shares(study.panel, np.column_stack([present, nats]), rho=rho)
    tested = fit_shares(
        study.panel, np.column_stack([present, lead, stale, nats]), rho=rho
    )
    tested_z = tested.estimate / np.maximum(tested.errors, 1e-300)
    is_larger = np.abs(permuted) >= np.abs(z) - 1e-12
    p = (1.0 + is_larger.sum(axis=1)) / (permuted.shape[1] + 1.0)
    estimates = []
    for c, column in enumerate(columns):
        spread = [np.nan, np.nan]
        if permuted.size:
            spread = [float(np.sqrt(np.mean(draws[:, c] ** 2))) for draws in permuted]
        error = float(fit.errors[c]) * float(np.nanmax([1.0, *spread]))
        multiplier = float(fit.estimate[c]) / slope[0]
        estimate = EventEstimate(
            column=column,
            coefficient=float(fit.estimate[c]),
            estimate=multiplier,
            error=float(np.hypot(error, multiplier * slope[1]) / slope[0]),
            z=float(z[c]),
            lead_z=float(tested_z[size + c]),
            stale_z=float(tested_z[2 * size + c]),
            dates_p=float(p[0, c]),
            participants_p=float(p[1, c]),
            spread=(spread[0], spread[1]),
            declared_end=_declared_end(column),
            rows=int((present[:, c] != 0).sum()),
        )
        estimates.append(estimate)
    return tuple(estimates), fit


def _declared_end(column: Column) -> float:
    """Upper end of the declared range of a column's weights, as a multiplier."""
    ranges, shipped = declared_ranges(), reference_values()
    ends = [ranges[path][1] / shipped[path] for path in column.paths]
    return float(np.median(ends))


def _multipliers(
    fit: ShareFit, slope: tuple[float, float], kinds: Sequence[EventEstimate]
) -> tuple[Floats, Floats]:
    """(c,) multipliers of the kinds, and their covariance, stretched as the errors
    are."""
    value, error = slope
    size = len(kinds)
    multipliers = fit.estimate[:size] / value
    stretched = np.array([estimate.error for estimate in kinds]) * value
    plain = np.hypot(fit.errors[:size], multipliers * error)
    factor = np.divide(stretched, plain, out=np.ones(size), where=plain > 0)
    of_slope = np.outer(multipliers, multipliers) * error**2
    covariance = (fit.covariance[:size, :size] + of_slope) / value**2
    return multipliers, covariance * np.outer(factor, factor)


def permuted_z(
    exposures: Exposures,
    columns: Sequence[Column],
    null: ShareFit,
    permutations: int,
    seed: int,
    progress: Progress,
) -> Floats:
    """(2, P, c) z of each column by its score on the fit without evidence: dates
    permuted, participants permuted."""
    study, z = exposures.study, np.zeros((2, permutations, len(columns)))
    for number in range(permutations):
        for which, permuted in enumerate(z):
            rng = np.random.default_rng([seed, which, number])
            if which:
                acts = study.acts.relabelled(rng)
            else:
                acts = study.acts.shifted(rng, *study.window)
            permuted[number] = one_step(null, exposures.columns(columns, acts=acts))
        progress(number + 1, permutations)
    return z

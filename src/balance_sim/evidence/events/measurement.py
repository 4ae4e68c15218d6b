"""The measurement model: the share of conflict among i's acts towards k is an indicator
of what i believes about k.

    y_ikt ~ beta-binomial(n_ikt, m_ikt)      logit m_ikt = a_ik + b_it + c_kt + slope (eta_ikt - alpha_ikt)

eta is the log-odds of hostile intent and alpha that of alignment, in nats, with the
model's own evidence inside (`exposure`). Values without counts are normal about the
same linear predictor. The multiplier of a group of shipped weights is its coefficient
over `slope`, which is read between dyads. Of alignment and incidents only acts before
the period count: later ones are themselves recorded among the n_ikt. What identifies
what, and what one column cannot tell: docs/event_weights.md.

The rule for the word of an estimate, fixed before any data were fitted
(docs/decisions/0023-event-weights.md):

* measured: the 95 % CI of the multiplier lies above 0; of permuted dates and of permuted participants at most 5 % have
  a z as large; and neither leads nor stale acts, fitted beside it, differ from 0 at 5
  %.
* bounded: leads and stale acts do not differ from 0, and the CI ends above 0 and below the end of the declared range.
* not told: anything else.

The CI is clustered by dyad and by event, and stretched by the spread of the permuted z
where that is above 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import norm

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.events.absorbed import (
    AbsorbedFit,
    EventPanel,
    Floats,
    Ints,
    fit_absorbed,
    informative,
    one_step,
)
from balance_sim.evidence.events.exposure import (
    ActSets,
    Aims,
    Periods,
    aimed,
    aims,
    shown,
)
from balance_sim.evidence.posterior.parameter_draws import SYMBOLIC
from balance_sim.scenario.defaults import parameter_table
from balance_sim.scenario.schema import SIGNAL_ORDER

ORDER = SIGNAL_ORDER
"""Kinds of events by cost, the least first: each weighs more than the one before it."""
MATERIAL = tuple(kind for kind in SIGNAL_ORDER if kind not in SYMBOLIC)
LEVEL = 0.05
QUANTILE = float(norm.ppf(1 - LEVEL / 2))
CHUNK = 192
WORDS = ("measured", "bounded", "not told")
POWER = float(norm.ppf(0.8)) + QUANTILE
"""Standard errors off 0 at which an estimate is found in four of five samples."""


def shipped_weights() -> dict[str, dict[str, float]]:
    """By kind of event its shipped alignment, intent and half-life, and of the two
    weights the upper end of the declared range."""
    out: dict[str, dict[str, float]] = {}
    for row in parameter_table():
        section, *names = str(row["path"]).split(".")
        if section == "event_kinds":
            kind, name = names
            out.setdefault(kind, {})[name] = float(row["value"])  # type: ignore[arg-type]
            if isinstance(row.get("range"), list | tuple):
                out[kind][f"{name}_most"] = float(row["range"][1])  # type: ignore[index]
    return out


def shipped_parameters(*names: str) -> list[float]:
    """Values of the model's parameters, as shipped."""
    table = {str(row["path"]): row["value"] for row in parameter_table()}
    return [float(str(table[f"parameters.{name}"])) for name in names]


@dataclass(frozen=True)
class Study:
    """A panel, the acts, and who is whose rival.

    rivals: (T, n, n) 0 or 1; quarrel: (T, n, n) nats; window: days within which acts
    are moved by a permutation; audience: (n,) of each state, -1 for none, named in
    `audiences`."""

    panel: EventPanel
    periods: Periods
    acts: ActSets
    rivals: Floats
    quarrel: Floats
    window: tuple[float, float]
    audiences: tuple[str, ...] = ()
    audience: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def rows(self, matrix: Floats) -> Floats:
        """(N,) a matrix (T, n, n), observer and other, at the rows of the panel; of
        undirected dyads the mean of both."""
        panel = self.panel
        own = matrix[panel.period, panel.first, panel.second]
        return (
            own
            if panel.count is not None
            else (own + matrix[panel.period, panel.second, panel.first]) / 2
        )


@dataclass(frozen=True)
class Column:
    """One column of evidence: a group, and the kinds that it sums at their shipped
    weights, in nats; of the observers of one audience, if one is named."""

    name: str
    group: str
    kinds: tuple[str, ...]
    audience: str = ""

    @property
    def weight(self) -> str:
        """Which of the two shipped weights of its kinds it sums."""
        return "alignment" if self.group == "alignment" else "intent"


def groups_of(acts: ActSets) -> list[Column]:
    """The pooled columns that the acts allow."""
    joint = {acts.kinds[k] for k in acts.kind[~acts.told]}
    ordered = tuple(kind for kind in ORDER if kind in joint)
    single = tuple(sorted({acts.kinds[k] for k in acts.kind[acts.told]}))
    by_group = {"intent": ordered, "alignment": ordered, "incident": single}
    return [Column(group, group, kinds) for group, kinds in by_group.items() if kinds]


def kinds_of(acts: ActSets) -> list[Column]:
    """A column for each kind of each group."""
    return [
        Column(f"{c.group}.{kind}", c.group, (kind,))
        for c in groups_of(acts)
        for kind in c.kinds
    ]


def audiences_of(study: Study) -> list[Column]:
    """Intent and alignment as each audience sees them: attention is the ratio of an
    audience's multiplier to another's."""
    return [
        Column(f"{column.group} ({name})", column.group, column.kinds, name)
        for column in groups_of(study.acts)
        for name in study.audiences
        if column.group != "incident" and study.panel.count is not None
    ]


class Exposures:
    """Columns of evidence of a study's acts.

    half: half-lives by kind, days, if not as shipped; concave: ln(1 + nats) in place of
    nats, so that further acts add less than the model has them add."""

    def __init__(
        self,
        study: Study,
        half: Mapping[str, float] | None = None,
        *,
        concave: bool = False,
    ) -> None:
        self.study, self.weights, self.concave = study, shipped_weights(), concave
        self.half = half or {
            kind: own["half_life_days"] for kind, own in self.weights.items()
        }
        self._aims: dict[tuple[str, str], Aims] = {}

    def columns(
        self, columns: Sequence[Column], when: str = "now", acts: ActSets | None = None
    ) -> Floats:
        """(N, c) evidence in nats, as it enters eta - alpha. when: `now`, `lead` (acts
        to come) or `stale` (acts five half-lives older)."""
        acts = acts or self.study.acts
        periods, half = self.study.periods, self.half
        if when == "lead":
            series = [acts.future(periods, half)] * 2
        else:
            series = [
                acts.series(periods, half, stale=when == "stale", before=before)
                for before in (False, True)
            ]
        single = {
            (column.group, kind): self._kind(
                acts, column, kind, series[column.group != "intent"]
            )
            for column in columns
            for kind in column.kinds
        }
        out = np.empty((self.study.panel.size, len(columns)))
        for c, column in enumerate(columns):
            out[:, c] = sum(single[column.group, kind] for kind in column.kinds)
            if column.audience:
                heard = self.study.audience == self.study.audiences.index(
                    column.audience
                )
                out[:, c] *= heard[self.study.panel.first]
        return np.asarray(np.sign(out) * np.log1p(np.abs(out))) if self.concave else out

    def _kind(self, acts: ActSets, column: Column, kind: str, series: Floats) -> Floats:
        """(N,) evidence of one kind, at its shipped weight."""
        group = column.group
        of = (acts.kind == acts.kinds.index(kind)) & (
            acts.told == (group == "incident")
        )
        left = series[of] * self.weights[kind][column.weight]
        if group == "alignment":
            return -self.study.rows(shown(acts.only(of), left))
        known = (
            acts.principals is self.study.acts.principals
        )  # the same sets, perhaps on other dates
        aim = self._aims if known else {}
        if (group, kind) not in aim:
            aim[group, kind] = aims(acts.only(of), self.study.rivals)
        return self.study.rows(aimed(aim[group, kind], left))


@dataclass(frozen=True)
class EventEstimate:
    """A multiplier of shipped weights and what stands beside it.

    estimate, error: of the multiplier, the error of the slope included and stretched by
    the spread of the placebos; lead_z, stale_z: of acts to come and of acts long past,
    fitted beside it; dates_p, participants_p: share of permutations with a z as large;
    spread: standard deviation of their z; most: upper end of the declared range, as a
    multiplier; rows: of the panel where the column is not 0."""

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
    most: float
    rows: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % CI of the multiplier."""
        return (
            self.estimate - QUANTILE * self.error,
            self.estimate + QUANTILE * self.error,
        )

    @property
    def word(self) -> str:
        """measured, bounded or not told: the rule at the top of this module."""
        low, high = self.interval
        if max(abs(self.lead_z), abs(self.stale_z)) >= QUANTILE:
            return WORDS[2]
        if low > 0 and max(self.dates_p, self.participants_p) <= LEVEL:
            return WORDS[0]
        return WORDS[1] if 0 < high < self.most else WORDS[2]

    @property
    def detectable(self) -> float:
        """The multiplier that would be found in four of five samples."""
        return POWER * self.error


@dataclass(frozen=True)
class EventWeights:
    """What a panel says of the weights of events.

    pooled, kinds: estimates; coefficients: (c,) of `columns` (kinds) in logits a nat,
    with covariance; slope: logits a nat of quarrel, its error; slope_within: the same
    within dyads."""

    pooled: tuple[EventEstimate, ...]
    kinds: tuple[EventEstimate, ...]
    attention: tuple[EventEstimate, ...]
    slope: float
    slope_error: float
    slope_within: tuple[float, float]
    rho: float
    rows: int
    dyads: int
    acts_counted: float
    columns: tuple[Column, ...]
    multipliers: Floats
    covariance: Floats
    permutations: int

    @property
    def unit(self) -> str:
        """Of the slope: logits of conflict, or standard deviations of a value that has
        no counts."""
        return "logits" if self.acts_counted else "standard deviations"


def informative_study(study: Study) -> Study:
    """The study on the rows that say anything."""
    keep = informative(study.panel)
    if not keep.any():
        raise DataError(
            "no dyad has both conflict and cooperation",
            "Take longer periods, or more of them",
        )
    return replace(study, panel=study.panel.rows(keep))


def slope_between(study: Study) -> tuple[float, float]:
    """Logits a nat of standing quarrel, without effects of dyads, and its clustered
    standard error. Raises DataError."""
    keep = informative(study.panel, dyads=False)
    part = replace(study, panel=study.panel.rows(keep))
    nats = part.rows(part.quarrel)
    if not nats.any():
        raise DataError(
            "no dyad has a rivalry, a claim or a war",
            "Put their files into the folder: docs/evidence.md",
        )
    found = fit_absorbed(part.panel, nats[:, None], dyads=False)
    slope, error = float(found.estimate[0]), float(found.errors[0])
    if slope < QUANTILE * error:
        unit = "logits" if study.panel.count is not None else "standard deviations"
        why = f"conflict does not rise with quarrels ({slope:.3g} {unit} a nat, s.e. {error:.3g})"
        raise DataError(
            why,
            "Without that anchor event weights have no scale: use other outcome data",
        )
    return slope, error


def measure(
    whole: Study,
    permutations: int = 999,
    seed: int = 0,
    say: Callable[[int], None] | None = None,
    *,
    concave: bool = False,
) -> EventWeights:
    """Estimate the multipliers of the shipped weights of events, with their placebos.
    say: told how many permutations of dates and of participants are done. Raises
    DataError."""
    slope, slope_error = slope_between(whole)
    study = informative_study(whole)
    panel, exposures = study.panel, Exposures(study, concave=concave)
    nats = study.rows(study.quarrel)[:, None]
    none = fit_absorbed(panel, nats)
    fits = []
    for columns in (groups_of(study.acts), kinds_of(study.acts), audiences_of(study)):
        now, lead, stale = (
            exposures.columns(columns, when) for when in ("now", "lead", "stale")
        )
        alone = fit_absorbed(panel, np.column_stack([now, nats]), rho=none.rho)
        beside = (
            fit_absorbed(panel, np.column_stack([now, lead, stale, nats]), rho=none.rho)
            if columns
            else alone
        )
        fits.append((columns, (now != 0).sum(axis=0), alone, beside))
    every = [column for columns, *_ in fits for column in columns]
    z = one_step(none, panel, exposures.columns(every))
    drawn = permuted_z(exposures, every, none, permutations, seed, say)
    estimates: list[list[EventEstimate]] = []
    for columns, rows, alone, beside in fits:
        size, at = len(columns), sum(map(len, estimates))
        tested = beside.estimate / np.maximum(beside.errors, 1e-300)
        estimates.append([])
        for c, column in enumerate(columns):
            placebos = drawn[:, :, at + c]
            spread = [
                float(np.sqrt(np.mean(one**2))) if permutations else np.nan
                for one in placebos
            ]
            larger = [
                1.0 + float((np.abs(one) >= abs(z[at + c]) - 1e-12).sum())
                for one in placebos
            ]
            coefficient, error = (
                float(alone.estimate[c]),
                float(alone.errors[c]) * float(np.nanmax([1.0, *spread])),
            )
            weights = [exposures.weights[kind] for kind in column.kinds]
            ends = [
                own[f"{column.weight}_most"] / own[column.weight]
                for own in weights
                if own[column.weight]
            ]
            estimates[-1].append(
                EventEstimate(
                    column=column,
                    coefficient=coefficient,
                    estimate=coefficient / slope,
                    error=float(
                        np.hypot(error, coefficient / slope * slope_error) / slope
                    ),
                    z=float(z[at + c]),
                    lead_z=float(tested[size + c]),
                    stale_z=float(tested[2 * size + c]),
                    dates_p=larger[0] / (permutations + 1.0),
                    participants_p=larger[1] / (permutations + 1.0),
                    spread=(spread[0], spread[1]),
                    most=float(np.median(ends)),
                    rows=int(rows[c]),
                )
            )
    columns, _, alone, _ = fits[1]
    size = len(columns)
    multipliers = alone.estimate[:size] / slope
    stretch = np.array([one.error for one in estimates[1]]) * slope
    plain = np.hypot(alone.errors[:size], multipliers * slope_error)
    factor = np.divide(stretch, plain, out=np.ones(size), where=plain > 0)
    covariance = (
        alone.covariance[:size, :size]
        + np.outer(multipliers, multipliers) * slope_error**2
    ) / slope**2
    pooled, kinds, attention = map(tuple, estimates)
    return EventWeights(
        pooled=pooled,
        kinds=kinds,
        attention=attention,
        slope=slope,
        slope_error=slope_error,
        slope_within=(float(none.estimate[0]), float(none.errors[0]))
        if none.apart.any()
        else (np.nan, np.nan),
        rho=none.rho,
        rows=panel.size,
        dyads=int(panel.dyad.max()) + 1,
        acts_counted=float(panel.count.sum()) if panel.count is not None else 0.0,
        columns=tuple(columns),
        multipliers=multipliers,
        covariance=covariance * np.outer(factor, factor),
        permutations=permutations,
    )


def permuted_z(
    exposures: Exposures,
    columns: Sequence[Column],
    none: AbsorbedFit,
    permutations: int,
    seed: int,
    say: Callable[[int], None] | None,
) -> Floats:
    """(2, P, c) z of each column by its score on the fit without evidence: dates
    permuted, participants permuted."""
    study, size = exposures.study, len(columns)
    out = np.zeros((2, permutations, size))
    each = max(CHUNK // max(size, 1), 1)
    for first in range(0, permutations, each):
        draws = range(first, min(first + each, permutations))
        for which in range(2):
            stacked = []
            for number in draws:
                rng = np.random.default_rng([seed, which, number])
                acts = (
                    study.acts.relabelled(rng)
                    if which
                    else study.acts.shifted(rng, *study.window)
                )
                stacked.append(exposures.columns(columns, acts=acts))
            found = one_step(none, study.panel, np.column_stack(stacked))
            out[which, first : draws.stop] = found.reshape(len(draws), size)
        if say is not None:
            say(draws.stop)
    return out

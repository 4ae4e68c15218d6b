"""The measurement model: the share of conflict among i's acts towards k is an indicator of what i believes about k.

    y_ikt ~ beta-binomial(n_ikt, m_ikt)      logit m_ikt = a_ik + b_it + c_kt + slope (eta_ikt - alpha_ikt)

eta is the log-odds of hostile intent and alpha that of alignment, in nats, with the model's own evidence inside
(`exposure`). Values without counts are normal about the same linear predictor.

What identifies what.

* a_ik takes out whatever a dyad always is: rivalry, distance, regime, a lasting alliance, how the press covers the two.
  b_it and c_kt take out what i does to all and what all do to k in a period: wars, coverage, a state's year.
* What is left is change within a dyad beyond that of both sides. Evidence moves it: `intent`, acts of k with i's
  rivals, at the shipped weights of their kinds; `alignment`, acts of i and k together, with the sign of -alpha;
  `incident`, militarised acts aimed at i. Acts of i and k with each other are themselves recorded among the n_ikt, so
  of alignment and incidents only acts before the period count; acts of k with others are no acts between i and k, and
  count from their date.
* The multiplier of a group of shipped weights is its coefficient over `slope`. Nothing within dyads tells the slope
  apart from the multiplier. The slope is read between dyads: rivalry, claim and war are 2, 1 and 3 nats of intent in
  the model, so the slope is the coefficient of those nats without effects of dyads. That conflict answers to a nat of
  evidence as it does to a nat of standing quarrel is an assumption, not a finding. Leads, stale and permuted acts test
  the coefficient, not the slope.
* One column cannot tell whether an act of k with i's rival j is read as aimed at i (intent) or as j gaining k's
  strength (alignment of j and k as i sees it): the model has both. `ladder.association` gives the second as a share of
  the first at the shipped weights; the column is read as intent.
* Whom an act is aimed at is a rule here (every rival of a participant), not coded from statements. A multiplier of
  intent is that of the average act with a rival, most of which nobody aims at anyone: an act with a target on record
  may weigh more.

The rule for the word of an estimate, fixed before any data were fitted (docs/decisions/0023-event-weights.md):

* measured: the 95 % CI of the multiplier lies above 0; of permuted dates and of permuted participants at most 5 % have
  a z as large; and neither leads nor stale acts, fitted beside it, differ from 0 at 5 %.
* bounded: leads and stale acts do not differ from 0, and the CI ends above 0 and below the end of the declared range.
* not told: anything else.

The CI is clustered by dyad and by event, and stretched by the spread of the permuted z where that is above 1."""

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
from balance_sim.evidence.events.exposure import ActSets, Aims, Periods, aimed, aims, shown
from balance_sim.scenario.defaults import parameter_table

ORDER = ("statement", "visit", "joint_summit", "exercise", "arms_or_basing", "treaty", "fighting_together")
"""Kinds of events by cost, the least first: each weighs more than the one before it."""
SYMBOLIC = ("statement", "visit", "joint_summit", "exercise")
MATERIAL = ("arms_or_basing", "treaty", "fighting_together")
GROUPS = ("intent", "alignment", "incident")
LEVEL = 0.05
QUANTILE = float(norm.ppf(1 - LEVEL / 2))
CHUNK = 192
WORDS = ("measured", "bounded", "not told")
POWER = float(norm.ppf(0.8)) + QUANTILE
"""Standard errors off 0 at which an estimate is found in four of five samples."""


def shipped_weights() -> dict[str, dict[str, float]]:
    """By kind of event its shipped alignment, intent and half-life, and of the two weights the upper end of the
    declared range."""
    table = {str(row["path"]): row for row in parameter_table()}
    out: dict[str, dict[str, float]] = {}
    for path, row in table.items():
        if path.startswith("event_kinds."):
            _, kind, name = path.split(".")
            out.setdefault(kind, {})[name] = float(row["value"])  # type: ignore[arg-type]
            if isinstance(row.get("range"), list | tuple):
                out[kind][f"{name}_most"] = float(row["range"][1])  # type: ignore[index]
    return out


def quarrel_nats() -> tuple[float, float, float]:
    """Nats of intent of a rivalry, a claim and a war, as shipped."""
    table = {str(row["path"]): row["value"] for row in parameter_table()}
    rivalry, claim, war = (float(str(table[f"parameters.eta_{name}"])) for name in ("rivalry", "claim", "war"))
    return rivalry, claim, war


@dataclass(frozen=True)
class Study:
    """A panel, the acts, and who is whose rival.

    rivals: (T, n, n) 0 or 1; quarrel: (T, n, n) nats; window: days within which acts are moved by a permutation;
    audience: (n,) of each state, -1 for none, named in `audiences`."""

    panel: EventPanel
    periods: Periods
    acts: ActSets
    rivals: Floats
    quarrel: Floats
    window: tuple[float, float]
    codes: tuple[str, ...]
    audiences: tuple[str, ...] = ()
    audience: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def rows(self, matrix: Floats) -> Floats:
        """(N,) a matrix (T, n, n), observer and other, at the rows of the panel; of undirected dyads the mean of
        both."""
        panel = self.panel
        own = matrix[panel.period, panel.first, panel.second]
        if panel.count is not None:
            return own
        return np.asarray((own + matrix[panel.period, panel.second, panel.first]) / 2)


@dataclass(frozen=True)
class Column:
    """One column of evidence: a group, and the kinds that it sums at their shipped weights, in nats; of the observers
    of one audience, if one is named."""

    name: str
    group: str
    kinds: tuple[str, ...]
    audience: str = ""


Half = Mapping[str, float]


def groups_of(acts: ActSets) -> list[Column]:
    """The pooled columns that the acts allow."""
    joint = {acts.kinds[k] for k in acts.kind[~acts.told]}
    told = {acts.kinds[k] for k in acts.kind[acts.told]}
    ordered = tuple(kind for kind in ORDER if kind in joint)
    out = [Column(group, group, ordered) for group in ("intent", "alignment") if ordered]
    single = tuple(sorted(told))
    return out + ([Column("incident", "incident", single)] if single else [])


def kinds_of(acts: ActSets) -> list[Column]:
    """A column for each kind of each group."""
    return [Column(f"{c.group}.{kind}", c.group, (kind,)) for c in groups_of(acts) for kind in c.kinds]


def audiences_of(study: Study) -> list[Column]:
    """Intent and alignment as each audience sees them: attention is the ratio of an audience's multiplier to
    another's."""
    joint = [column for column in groups_of(study.acts) if column.group != "incident"]
    if study.panel.count is None:
        return []
    return [
        Column(f"{column.group} ({name})", column.group, column.kinds, name)
        for column in joint
        for name in study.audiences
    ]


class Exposures:
    """Columns of evidence of a study's acts.

    half: half-lives by kind, days; weights: nats by kind, as shipped; concave: ln(1 + nats) in place of nats, so that
    further acts add less than the model has them add."""

    def __init__(
        self,
        study: Study,
        weights: Mapping[str, Mapping[str, float]],
        half: Half | None = None,
        *,
        concave: bool = False,
    ) -> None:
        self.study, self.weights, self.concave = study, weights, concave
        self.half = half or {kind: own["half_life_days"] for kind, own in weights.items()}
        self._aims: dict[tuple[str, str], Aims] = {}
        for kind in study.acts.kinds:
            if kind not in weights:
                raise DataError("no kind of event has this name", f"Use {', '.join(sorted(weights))}", value=kind)

    def columns(self, columns: Sequence[Column], when: str = "now", acts: ActSets | None = None) -> Floats:
        """(N, c) evidence in nats, as it enters eta - alpha. when: `now`, `lead` (acts to come) or `stale` (acts five
        half-lives older)."""
        acts = acts or self.study.acts
        series = {before: self._series(acts, when, before=before) for before in (False, True)}
        single = {
            (column.group, kind): self._kind(acts, column.group, kind, series[column.group != "intent"])
            for column in columns
            for kind in column.kinds
        }
        out = np.empty((self.study.panel.size, len(columns)))
        for c, column in enumerate(columns):
            out[:, c] = sum(single[column.group, kind] for kind in column.kinds)
            if column.audience:
                heard = self.study.audience == self.study.audiences.index(column.audience)
                out[:, c] *= heard[self.study.panel.first]
        return np.asarray(np.sign(out) * np.log1p(np.abs(out))) if self.concave else out

    def _series(self, acts: ActSets, when: str, *, before: bool) -> Floats:
        if when == "lead":
            return acts.future(self.study.periods, self.half)
        return acts.series(self.study.periods, self.half, stale=when == "stale", before=before)

    def _kind(self, acts: ActSets, group: str, kind: str, series: Floats) -> Floats:
        """(N,) evidence of one kind, at its shipped weight."""
        name = "alignment" if group == "alignment" else "intent"
        of = (acts.kind == acts.kinds.index(kind)) & (acts.told == (group == "incident"))
        left = series[of] * self.weights[kind][name]
        if group == "alignment":
            return -self.study.rows(shown(acts.only(of), left))
        known = acts.principals is self.study.acts.principals  # the same sets, perhaps on other dates
        aim = self._aims.get((group, kind)) if known else None
        if aim is None:
            aim = aims(acts.only(of), self.study.rivals)
            if known:
                self._aims[group, kind] = aim
        return self.study.rows(aimed(aim, left))


@dataclass(frozen=True)
class EventEstimate:
    """A multiplier of shipped weights and what stands beside it.

    estimate, error: of the multiplier, the error of the slope included and stretched by the spread of the placebos;
    lead_z, stale_z: of acts to come and of acts long past, fitted beside it; dates_p, participants_p: share of
    permutations with a z as large; spread: standard deviation of their z; most: upper end of the declared range, as a
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
        return self.estimate - QUANTILE * self.error, self.estimate + QUANTILE * self.error

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

    pooled, kinds: estimates; coefficients: (c,) of `columns` (kinds) in logits a nat, with covariance; slope: logits a
    nat of quarrel, its error; slope_within: the same within dyads."""

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
        """Of the slope: logits of conflict, or standard deviations of a value that has no counts."""
        return "logits" if self.acts_counted else "standard deviations"


def informative_study(study: Study) -> Study:
    """The study on the rows that say anything."""
    keep = informative(study.panel)
    if not keep.any():
        raise DataError("no dyad has both conflict and cooperation", "Take longer periods, or more of them")
    return _with(study, study.panel.rows(keep))


def _with(study: Study, panel: EventPanel) -> Study:
    return replace(study, panel=panel)


def slope_between(study: Study) -> tuple[float, float]:
    """Logits a nat of standing quarrel, without effects of dyads, and its clustered standard error. Raises
    DataError."""
    keep = informative(study.panel, dyads=False)
    part = _with(study, study.panel.rows(keep))
    nats = part.rows(part.quarrel)
    if not nats.any():
        raise DataError("no dyad has a rivalry, a claim or a war", "Put their files into the folder: docs/evidence.md")
    found = fit_absorbed(part.panel, nats[:, None], dyads=False)
    slope, error = float(found.estimate[0]), float(found.errors[0])
    if slope < QUANTILE * error:
        unit = "logits" if study.panel.count is not None else "standard deviations"
        why = f"conflict does not rise with quarrels ({slope:.3g} {unit} a nat, s.e. {error:.3g})"
        raise DataError(why, "Without that anchor event weights have no scale: use other outcome data")
    return slope, error


def measure(
    whole: Study,
    permutations: int = 999,
    seed: int = 0,
    say: Callable[[int], None] | None = None,
    weights: Mapping[str, Mapping[str, float]] | None = None,
    *,
    concave: bool = False,
) -> EventWeights:
    """Estimate the multipliers of the shipped weights of events, with their placebos. say: told how many permutations
    of dates and of participants are done. Raises DataError."""
    shipped = weights or shipped_weights()
    slope, slope_error = slope_between(whole)
    study = informative_study(whole)
    panel, exposures = study.panel, Exposures(study, shipped, concave=concave)
    nats = study.rows(study.quarrel)[:, None]
    none = fit_absorbed(panel, nats)
    fits = []
    for columns in (groups_of(study.acts), kinds_of(study.acts), audiences_of(study)):
        now, lead, stale = (exposures.columns(columns, when) for when in ("now", "lead", "stale"))
        alone = fit_absorbed(panel, np.column_stack([now, nats]), rho=none.rho)
        beside = fit_absorbed(panel, np.column_stack([now, lead, stale, nats]), rho=none.rho) if columns else alone
        fits.append((columns, now, alone, beside))
    placebo = _Placebo(study, exposures, [c for columns, *_ in fits for c in columns], none)
    by_dates, by_names = placebo.draw(permutations, seed, say)
    estimates: list[tuple[EventEstimate, ...]] = []
    at = 0
    for columns, now, alone, beside in fits:
        found = []
        for c, column in enumerate(columns):
            drawn = by_dates[:, at], by_names[:, at]
            pair, size, anchor = (alone, beside), len(columns), (slope, slope_error)
            found.append(_estimate(column, (c, size), pair, anchor, drawn, float(placebo.z[at]), now[:, c], shipped))
            at += 1
        estimates.append(tuple(found))
    columns, _, alone, _ = fits[1]
    size = len(columns)
    multipliers = alone.estimate[:size] / slope
    stretch = np.array([one.error for one in estimates[1]]) * slope
    plain = np.hypot(alone.errors[:size], multipliers * slope_error)
    factor = np.divide(stretch, plain, out=np.ones(size), where=plain > 0)
    covariance = (alone.covariance[:size, :size] + np.outer(multipliers, multipliers) * slope_error**2) / slope**2
    return EventWeights(
        pooled=estimates[0],
        kinds=estimates[1],
        attention=estimates[2],
        slope=slope,
        slope_error=slope_error,
        slope_within=(float(none.estimate[0]), float(none.errors[0])) if none.apart.any() else (np.nan, np.nan),
        rho=none.rho,
        rows=panel.size,
        dyads=int(panel.dyad.max()) + 1,
        acts_counted=float(panel.count.sum()) if panel.count is not None else 0.0,
        columns=tuple(columns),
        multipliers=multipliers,
        covariance=covariance * np.outer(factor, factor),
        permutations=permutations,
    )


def _estimate(
    column: Column,
    place: tuple[int, int],
    fits: tuple[AbsorbedFit, AbsorbedFit],
    anchor: tuple[float, float],
    drawn: tuple[Floats, Floats],
    z: float,
    now: Floats,
    shipped: Mapping[str, Mapping[str, float]],
) -> EventEstimate:
    (c, size), (alone, beside), (slope, slope_error) = place, fits, anchor
    coefficient, error = float(alone.estimate[c]), float(alone.errors[c])
    spread = tuple(float(np.sqrt(np.mean(one**2))) if len(one) else float("nan") for one in drawn)
    stretch = max(1.0, *(s for s in spread if s == s)) if any(s == s for s in spread) else 1.0
    multiplier = coefficient / slope
    own = float(np.hypot(error * stretch, multiplier * slope_error) / slope)
    share = [(1.0 + float((np.abs(one) >= abs(z) - 1e-12).sum())) / (len(one) + 1.0) for one in drawn]
    lead, stale = (float(beside.estimate[k * size + c] / max(beside.errors[k * size + c], 1e-300)) for k in (1, 2))
    name = "alignment" if column.group == "alignment" else "intent"
    ends = [shipped[kind][f"{name}_most"] / shipped[kind][name] for kind in column.kinds if shipped[kind][name]]
    return EventEstimate(
        column=column, coefficient=coefficient, estimate=multiplier, error=own, z=z, lead_z=lead, stale_z=stale,
        dates_p=share[0], participants_p=share[1], spread=(spread[0], spread[1]),
        most=float(np.median(ends)), rows=int((now != 0).sum()),
    )  # fmt: skip


class _Placebo:
    """Permuted dates and permuted participants: z of each column by its score, on the fit without evidence."""

    def __init__(self, study: Study, exposures: Exposures, columns: Sequence[Column], none: AbsorbedFit) -> None:
        self.study, self.exposures, self.columns, self.none = study, exposures, columns, none
        self.z = one_step(none, study.panel, exposures.columns(columns))

    def draw(self, permutations: int, seed: int, say: Callable[[int], None] | None) -> tuple[Floats, Floats]:
        """(P, c) z under permuted dates, and under permuted participants."""
        size = len(self.columns)
        out = np.zeros((2, permutations, size))
        each = max(CHUNK // max(size, 1), 1)
        for first in range(0, permutations, each):
            draws = range(first, min(first + each, permutations))
            for kind in range(2):
                stacked = [self.exposures.columns(self.columns, acts=self._permuted(kind, p, seed)) for p in draws]
                found = one_step(self.none, self.study.panel, np.column_stack(stacked))
                out[kind, first : draws.stop] = found.reshape(len(draws), size)
            if say is not None:
                say(draws.stop)
        return out[0], out[1]

    def _permuted(self, kind: int, number: int, seed: int) -> ActSets:
        rng = np.random.default_rng([seed, kind, number])
        acts = self.study.acts
        return acts.shifted(rng, *self.study.window) if kind == 0 else acts.relabelled(rng)

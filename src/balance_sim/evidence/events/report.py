"""The file of event weights, that a posterior is built from.

The file holds, by group of shipped weights, the multiplier with its CI and its
placebos, the word, and two forms of the same likelihood: on the multiplier itself,
where it is normal, and on its logarithm, where the multiplier is told from 0. The same
data, seed and form give the same bytes.

Weights in the order of their cost, half-lives by profile, and what a third party's
alignment would add.

Order: w_m = w_(m-1) + shipped increment * s * e^(e_m), so that a costlier kind always
weighs more (Fearon 1997). log s is normal with standard deviation 1 (a factor of 7
either way), e_m with 0.5. The likelihood of the kinds' multipliers is normal with their
clustered covariance; the mode and its curvature give mean and covariance of the log
multipliers of all kinds (Laplace).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from balance_sim.evidence.data.signals import MATERIAL, ORDER, SYMBOLIC
from balance_sim.evidence.estimation.parameter_files import file_record
from balance_sim.evidence.events.absorbed import Floats, fit_absorbed, joint_chi_square
from balance_sim.evidence.events.load import LoadedStudy
from balance_sim.evidence.events.measurement import (
    MEASURED,
    NOT_TOLD,
    Column,
    EventEstimate,
    EventWeights,
    Exposures,
    Study,
    groups_of,
    informative_study,
    shipped_parameters,
    shipped_weights,
)

SCALE_SD, INCREMENT_SD = 1.0, 0.5
HELD_IN_ORDER = ("intent", "alignment")
"""Groups whose kinds have an order of cost."""
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
DROP, NEEDED = 3.841458820694124, 5.991464547107979
"""Fall of chi-square (1 degree of freedom) at the end of a 95 % interval, and
chi-square of two columns at 5 %."""


@dataclass(frozen=True)
class Ladder:
    """Log multipliers of the shipped weights of all kinds in `ORDER`, kept in order of
    cost.

    mean: (7,); covariance: (7, 7)."""

    group: str
    kinds: tuple[str, ...]
    mean: Floats
    covariance: Floats

    @property
    def errors(self) -> Floats:
        """(7,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def ladders_of(weights: EventWeights) -> list[Ladder]:
    """Of each group whose kinds have an order of cost, where it was measured."""
    groups = {column.group for column in weights.columns}
    return [in_order(group, weights) for group in HELD_IN_ORDER if group in groups]


def in_order(group: str, weights: EventWeights) -> Ladder:
    """The kinds' multipliers of a group (`intent` or `alignment`), with the order of
    cost kept."""
    by_kind = shipped_weights()
    shipped = np.array([by_kind[kind][group] for kind in ORDER])
    increments = np.diff(shipped, prepend=0.0)
    columns = [c for c, column in enumerate(weights.columns) if column.group == group]
    place = [ORDER.index(weights.columns[c].kinds[0]) for c in columns]
    multipliers = weights.multipliers[columns]
    covariance = weights.covariance[np.ix_(columns, columns)]
    precision = np.linalg.pinv(covariance, hermitian=True)
    root = np.linalg.cholesky(precision + 1e-12 * np.eye(len(columns)))

    def log_multipliers(theta: Floats) -> Floats:
        heights = np.cumsum(increments * np.exp(theta[0] + theta[1:]))
        return np.asarray(np.log(heights / shipped))

    def misfit(theta: Floats) -> Floats:
        data = root.T @ (np.exp(log_multipliers(theta)[place]) - multipliers)
        prior = [theta[:1] / SCALE_SD, theta[1:] / INCREMENT_SD]
        return np.concatenate([data, *prior])

    start = np.zeros(1 + len(ORDER))
    best = least_squares(misfit, start, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    spread = np.linalg.inv(best.jac.T @ best.jac)
    steps = np.exp(best.x[0] + best.x[1:]) * increments
    below = np.tril(np.ones((len(ORDER), len(ORDER))))
    share = below * steps / np.cumsum(steps)[:, None]
    gradient = np.column_stack([np.ones(len(ORDER)), share])
    return Ladder(group, ORDER, log_multipliers(best.x), gradient @ spread @ gradient.T)


@dataclass(frozen=True)
class HalfLives:
    """Profile of a factor on the half-lives of some kinds: chi-square of their columns
    of evidence, by factor.

    word: `measured` where the peak lies inside the factors tried, is told from no
    evidence at 5 %, and chi-square falls by 3.84 on either side of it; else `not
    told`."""

    name: str
    kinds: tuple[str, ...]
    factors: tuple[float, ...]
    chi_square: tuple[float, ...]

    @property
    def word(self) -> str:
        """The rule above."""
        chi = self.chi_square
        peak = max(chi)
        is_inside = 0 < chi.index(peak) < len(chi) - 1
        falls = peak - max(chi[0], chi[-1]) >= DROP
        return MEASURED if is_inside and falls and peak >= NEEDED else NOT_TOLD

    @property
    def log_factor(self) -> tuple[float, float]:
        """Mean and standard error of the log factor, by a parabola through the peak;
        NaN if not told."""
        if self.word != MEASURED:
            return math.nan, math.nan
        k = int(np.argmax(self.chi_square))
        around = slice(k - 1, k + 2)
        logs = np.log(self.factors)[around]
        curve, slope, _ = np.polyfit(logs, self.chi_square[around], 2)
        return float(-slope / (2 * curve)), float(np.sqrt(-1.0 / curve))


def half_lives(whole: Study, rho: float) -> list[HalfLives]:
    """Profiles of the half-lives of symbolic and of material kinds, those of the other
    kinds as shipped."""
    study = informative_study(whole)
    pooled = [column for column in groups_of(study.acts) if column.group != "incident"]
    profiles = []
    for name, kinds in (("symbolic", SYMBOLIC), ("material", MATERIAL)):
        columns = _columns_of(pooled, kinds)
        if columns:
            elsewhere = [kind for kind in ORDER if kind not in kinds]
            chi = _profile(study, rho, kinds, columns, _columns_of(pooled, elsewhere))
            measured_kinds = {kind for column in columns for kind in column.kinds}
            measured = tuple(kind for kind in kinds if kind in measured_kinds)
            profiles.append(HalfLives(name, measured, FACTORS, chi))
    return profiles


def _columns_of(pooled: Sequence[Column], kinds: Sequence[str]) -> list[Column]:
    """The columns with some of their kinds alone; those without any are left out."""
    columns = []
    for column in pooled:
        members = tuple(kind for kind in column.kinds if kind in kinds)
        if members:
            columns.append(replace(column, kinds=members))
    return columns


def _profile(
    study: Study,
    rho: float,
    kinds: Sequence[str],
    columns: Sequence[Column],
    others: Sequence[Column],
) -> tuple[float, ...]:
    """Chi-square of columns, beside others, by factor on the half-lives of kinds."""
    nats = study.rows(study.quarrel)[:, None]
    other_evidence = np.column_stack([nats, Exposures(study).columns(others)])
    null = fit_absorbed(study.panel, other_evidence, rho=rho)
    shipped = {kind: row["half_life_days"] for kind, row in shipped_weights().items()}
    chi = []
    for factor in FACTORS:
        half = dict(shipped)
        for kind in kinds:
            half[kind] = shipped[kind] * factor
        evidence = Exposures(study, half).columns(columns)
        chi.append(joint_chi_square(null, evidence))
    return tuple(chi)


def association(columns: Sequence[Column]) -> float:
    """What the alignment of k with i's rival adds to i's view of k, as a share of what
    the acts' intent weights do.

    By the model's own equations at a stranger k and a rival j of i: -log(1 - q_ik)
    rises by h_ij f_ik beta a_jk (1 - a_jk) a nat of alignment of j and k, and by 1 / (1
    + e^-eta_ik) a nat of intent. Kinds count alike."""
    names = ("eta0", "eta_rivalry", "alpha0", "beta")
    eta0, rivalry, alpha0, beta = shipped_parameters(*names)
    intent = math.log1p(math.exp(eta0 + rivalry)) - math.log1p(math.exp(eta0))
    hostile, aligned = 1.0 - math.exp(-intent), 1.0 / (1.0 + math.exp(-alpha0))
    by_alignment = hostile * (1.0 - aligned) * beta * aligned * (1.0 - aligned)
    by_intent = 1.0 / (1.0 + math.exp(-eta0))
    intent_columns = [column for column in columns if column.group == "intent"]
    kinds = sorted({kind for column in intent_columns for kind in column.kinds})
    if not kinds:
        return 0.0
    weights = [shipped_weights()[kind] for kind in kinds]
    ratio = [row["alignment"] / row["intent"] for row in weights]
    return by_alignment / by_intent * float(np.mean(ratio))


# --- the file -------------------------------------------------------------------------

FORM = 1
TARGETS = {
    "intent": "by rule: every rival of another participant",
    "incident": "on record",
    "alignment": None,
}
"""How it is known at whom acts are aimed."""
HEAD = """\
# Multipliers of the shipped weights of events, from the share of conflict among
# recorded acts (fit --events). A multiplier of 1 is the shipped weight, 0 is none. See
# docs/event_weights.md.
"""


def _short(value: Any) -> Any:
    """The same with six significant digits in every number with a point; None for what
    is not a number."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _entry(estimate: EventEstimate) -> dict[str, object]:
    """An estimate as plain values."""
    column, word = estimate.column, estimate.word
    log_mean, log_error = None, None
    if word == MEASURED:
        log_mean = math.log(estimate.estimate)
        log_error = estimate.error / estimate.estimate
    dates, participants = estimate.spread
    return {
        "word": word,
        "parameters": [f"event_kinds.{kind}.{column.weight}" for kind in column.kinds],
        "targets": TARGETS[column.group],
        "multiplier": {
            "mean": estimate.estimate,
            "standard_error": estimate.error,
            "interval": estimate.interval,
        },
        "log_multiplier": {"mean": log_mean, "standard_error": log_error},
        "upper_bound": None if word == NOT_TOLD else estimate.interval[1],
        "declared_end": estimate.declared_end,
        "detectable": estimate.detectable,
        "coefficient": estimate.coefficient,
        "z": estimate.z,
        "leads_z": estimate.lead_z,
        "stale_z": estimate.stale_z,
        "permuted_dates": {"p": estimate.dates_p, "spread": dates},
        "permuted_participants": {
            "p": estimate.participants_p,
            "spread": participants,
        },
        "rows": estimate.rows,
    }


def _ladder_entry(ladder: Ladder) -> dict[str, object]:
    return {
        "kinds": ladder.kinds,
        "log_multipliers": ladder.mean.tolist(),
        "covariance": ladder.covariance.tolist(),
        "prior": {"scale_sd": SCALE_SD, "increment_sd": INCREMENT_SD},
    }


def _half_lives_entry(profile: HalfLives) -> dict[str, object]:
    mean, error = profile.log_factor
    return {
        "word": profile.word,
        "kinds": profile.kinds,
        "factors": profile.factors,
        "chi_square": profile.chi_square,
        "log_factor": {"mean": mean, "standard_error": error},
    }


def events_record(
    loaded: LoadedStudy,
    weights: EventWeights,
    ladders: Sequence[Ladder],
    halves: Sequence[HalfLives],
    command: str,
    version: str,
) -> dict[str, object]:
    """Everything the file holds, as plain values."""
    slope, error = weights.slope
    record: dict[str, object] = {
        "event_weights": {
            "form": FORM,
            "command": command,
            "version": version,
            "outcome": "icews-years",
            "period": "year",
            "years": loaded.years,
            "rows": weights.rows,
            "dyads": weights.dyads,
            "acts_counted": int(weights.acts_counted),
            "rho": weights.rho,
            "permutations": weights.permutations,
            "acts": loaded.acts,
        },
        "data": [file_record(report) for report in loaded.reports],
        "anchor": {
            "unit": "logits a nat",
            "slope": slope,
            "standard_error": error,
            "within_dyads": weights.slope_within,
        },
        "association_share": association(weights.columns),
        "groups": {row.column.name: _entry(row) for row in weights.pooled},
        "kinds": {row.column.name: _entry(row) for row in weights.kinds},
        "covariance": {
            "names": [column.name for column in weights.columns],
            "multipliers": weights.multipliers.tolist(),
            "matrix": weights.covariance.tolist(),
        },
        "ordered": {ladder.group: _ladder_entry(ladder) for ladder in ladders},
        "half_lives": {profile.name: _half_lives_entry(profile) for profile in halves},
        "notes": loaded.notes,
    }
    short: dict[str, object] = _short(record)
    return short

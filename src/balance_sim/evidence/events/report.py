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

from balance_sim.evidence.events.absorbed import Floats, fit_absorbed, joint_chi_square
from balance_sim.evidence.events.load import Loaded
from balance_sim.evidence.events.measurement import (
    MATERIAL,
    ORDER,
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
from balance_sim.evidence.posterior.parameter_draws import SYMBOLIC

SCALE_SD, INCREMENT_SD = 1.0, 0.5
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


def in_order(group: str, found: EventWeights) -> Ladder:
    """The kinds' multipliers of a group (`intent` or `alignment`), with the order of
    cost kept."""
    weights = shipped_weights()
    shipped = np.array([weights[kind][group] for kind in ORDER])
    increments = np.diff(shipped, prepend=0.0)
    at = [c for c, column in enumerate(found.columns) if column.group == group]
    place = [ORDER.index(found.columns[c].kinds[0]) for c in at]
    precision = np.linalg.pinv(found.covariance[np.ix_(at, at)], hermitian=True)
    root = np.linalg.cholesky(precision + 1e-12 * np.eye(len(at)))

    def log_multipliers(theta: Floats) -> Floats:
        return np.asarray(
            np.log(np.cumsum(increments * np.exp(theta[0] + theta[1:])) / shipped)
        )

    def misfit(theta: Floats) -> Floats:
        data = root.T @ (np.exp(log_multipliers(theta)[place]) - found.multipliers[at])
        return np.concatenate([data, theta[:1] / SCALE_SD, theta[1:] / INCREMENT_SD])

    best = least_squares(
        misfit, np.zeros(1 + len(ORDER)), xtol=1e-12, ftol=1e-12, gtol=1e-12
    )
    spread = np.linalg.inv(best.jac.T @ best.jac)
    by = np.exp(best.x[0] + best.x[1:]) * increments
    share = np.tril(np.ones((len(ORDER), len(ORDER)))) * by / np.cumsum(by)[:, None]
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
        inside = 0 < chi.index(peak) < len(chi) - 1
        falls = peak - max(chi[0], chi[-1]) >= DROP
        return "measured" if inside and falls and peak >= NEEDED else "not told"

    @property
    def log_factor(self) -> tuple[float, float]:
        """Mean and standard error of the log factor, by a parabola through the peak;
        NaN if not told."""
        if self.word != "measured":
            return math.nan, math.nan
        k = int(np.argmax(self.chi_square))
        around = slice(k - 1, k + 2)
        curve, slope, _ = np.polyfit(
            np.log(self.factors)[around], self.chi_square[around], 2
        )
        return float(-slope / (2 * curve)), float(np.sqrt(-1.0 / curve))


def half_lives(whole: Study, rho: float) -> list[HalfLives]:
    """Profiles of the half-lives of symbolic and of material kinds, those of the other
    kinds as shipped."""
    study = informative_study(whole)
    base = {kind: own["half_life_days"] for kind, own in shipped_weights().items()}
    nats = study.rows(study.quarrel)[:, None]
    out = []
    for name, kinds in (("symbolic", SYMBOLIC), ("material", MATERIAL)):
        own, others = list[Column](), list[Column]()
        for column in groups_of(study.acts):
            if column.group != "incident":
                inside = tuple(kind for kind in column.kinds if kind in kinds)
                outside = tuple(kind for kind in column.kinds if kind not in kinds)
                own += [replace(column, kinds=inside)] if inside else []
                others += [replace(column, kinds=outside)] if outside else []
        if not own:
            continue
        beside = np.column_stack([nats, Exposures(study).columns(others)])
        null = fit_absorbed(study.panel, beside, rho=rho)
        chi = []
        for factor in FACTORS:
            half = {
                kind: days * (factor if kind in kinds else 1.0)
                for kind, days in base.items()
            }
            chi.append(
                joint_chi_square(null, study.panel, Exposures(study, half).columns(own))
            )
        told = tuple(
            kind for kind in kinds if any(kind in column.kinds for column in own)
        )
        out.append(HalfLives(name, told, FACTORS, tuple(chi)))
    return out


def association(columns: Sequence[Column]) -> float:
    """What the alignment of k with i's rival adds to i's view of k, as a share of what
    the acts' intent weights do.

    By the model's own equations at a stranger k and a rival j of i: -log(1 - q_ik)
    rises by h_ij f_ik beta a_jk (1 - a_jk) a nat of alignment of j and k, and by 1 / (1
    + e^-eta_ik) a nat of intent. Kinds count alike."""
    eta0, rivalry, alpha0, beta = shipped_parameters(
        "eta0", "eta_rivalry", "alpha0", "beta"
    )
    intent = math.log1p(math.exp(eta0 + rivalry)) - math.log1p(math.exp(eta0))
    hostile, aligned = 1.0 - math.exp(-intent), 1.0 / (1.0 + math.exp(-alpha0))
    by_alignment = hostile * (1.0 - aligned) * beta * aligned * (1.0 - aligned)
    by_intent = 1.0 / (1.0 + math.exp(-eta0))
    weights = shipped_weights()
    kinds = sorted(
        {
            kind
            for column in columns
            if column.group == "intent"
            for kind in column.kinds
        }
    )
    ratio = [weights[kind]["alignment"] / weights[kind]["intent"] for kind in kinds]
    return by_alignment / by_intent * float(np.mean(ratio)) if ratio else 0.0


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
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _entry(one: EventEstimate) -> dict[str, object]:
    told = one.word == "measured"
    return {
        "word": one.word,
        "parameters": [
            f"event_kinds.{kind}.{one.column.weight}" for kind in one.column.kinds
        ],
        "targets": TARGETS[one.column.group],
        "multiplier": {
            "mean": one.estimate,
            "standard_error": one.error,
            "interval": one.interval,
        },
        "log_multiplier": {
            "mean": math.log(one.estimate) if told else None,
            "standard_error": one.error / one.estimate if told else None,
        },
        "upper_bound": one.interval[1] if one.word != "not told" else None,
        "declared_end": one.most,
        "detectable": one.detectable,
        "coefficient": one.coefficient,
        "z": one.z,
        "leads_z": one.lead_z,
        "stale_z": one.stale_z,
        "permuted_dates": {"p": one.dates_p, "spread": one.spread[0]},
        "permuted_participants": {"p": one.participants_p, "spread": one.spread[1]},
        "rows": one.rows,
    }


def events_record(
    data: Loaded,
    found: EventWeights,
    order: Sequence[Ladder],
    halves: Sequence[HalfLives],
    command: str,
    version: str,
    files: Sequence[dict[str, object]],
) -> dict[str, object]:
    """Everything the file holds, as plain values. files: of the data, with hashes."""
    record: dict[str, object] = {
        "event_weights": {
            "form": FORM,
            "command": command,
            "version": version,
            "outcome": data.outcome,
            "period": data.period,
            "years": data.years,
            "rows": found.rows,
            "dyads": found.dyads,
            "acts_counted": int(found.acts_counted),
            "rho": found.rho,
            "permutations": found.permutations,
            "acts": data.acts,
        },
        "data": files,
        "anchor": {
            "unit": f"{found.unit} a nat",
            "slope": found.slope,
            "standard_error": found.slope_error,
            "within_dyads": found.slope_within,
        },
        "association_share": association(found.columns),
        "groups": {one.column.name: _entry(one) for one in found.pooled},
        "kinds": {one.column.name: _entry(one) for one in found.kinds},
        "covariance": {
            "names": [column.name for column in found.columns],
            "multipliers": found.multipliers.tolist(),
            "matrix": found.covariance.tolist(),
        },
        "ordered": {
            one.group: {
                "kinds": one.kinds,
                "log_multipliers": one.mean.tolist(),
                "covariance": one.covariance.tolist(),
                "prior": {"scale_sd": SCALE_SD, "increment_sd": INCREMENT_SD},
            }
            for one in order
        },
        "half_lives": {
            one.name: {
                "word": one.word,
                "kinds": one.kinds,
                "factors": one.factors,
                "chi_square": one.chi_square,
                "log_factor": dict(
                    zip(("mean", "standard_error"), one.log_factor, strict=True)
                ),
            }
            for one in halves
        },
        "attention": {one.column.name: _entry(one) for one in found.attention},
        "notes": data.notes,
    }
    short: dict[str, object] = _short(record)
    return short

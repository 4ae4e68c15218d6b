"""The file of event weights, that a posterior is built from, and half-lives by profile.

The file holds, by group of shipped weights, the multiplier with its CI and its
placebos, the word, and two forms of the same likelihood: on the multiplier itself,
where it is normal, and on its logarithm, where the multiplier is told from 0. The same
data, seed and form give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balance_sim.evidence.estimation.parameter_files import file_record
from balance_sim.evidence.events.absorbed import fit_absorbed, joint_chi_square
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
    half_lives_of,
    informative_study,
)
from balance_sim.scenario.schema import SIGNAL_ORDER

KINDS_BY_COST = {"symbolic": SIGNAL_ORDER[:3], "material": SIGNAL_ORDER[3:]}
"""Acts that show a standing, and those that commit forces or goods: each have a
half-life in common."""
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
DROP, NEEDED = 3.841458820694124, 5.991464547107979
"""Fall of chi-square (1 degree of freedom) at the end of a 95 % interval, and
chi-square of two columns at 5 %."""


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
    kinds as shipped: chi-square of their columns, beside the others, by factor."""
    study = informative_study(whole)
    nats = study.rows(study.quarrel)[:, None]
    shipped = half_lives_of(study.acts.kinds)
    profiles = []
    for name, kinds in KINDS_BY_COST.items():
        columns = _columns_of(study, kinds)
        others = _columns_of(
            study, [kind for kind in SIGNAL_ORDER if kind not in kinds]
        )
        beside = np.column_stack([nats, Exposures(study).columns(others)])
        null = fit_absorbed(study.panel, beside, rho=rho)
        on_record = {kind for column in columns for kind in column.kinds}
        measured = tuple(kind for kind in kinds if kind in on_record)
        chi = []
        for factor in FACTORS if columns else ():
            half = shipped | {kind: shipped[kind] * factor for kind in measured}
            evidence = Exposures(study, half).columns(columns)
            chi.append(joint_chi_square(null, evidence))
        if columns:
            profiles.append(HalfLives(name, measured, FACTORS, tuple(chi)))
    return profiles


def _columns_of(study: Study, kinds: Sequence[str]) -> list[Column]:
    """Intent and alignment with some of their kinds alone; those without any are left
    out."""
    columns = []
    for column in groups_of(study.acts):
        members = tuple(kind for kind in column.kinds if kind in kinds)
        if members and column.group != "incident":
            columns.append(replace(column, kinds=members))
    return columns


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
        "groups": {row.column.name: _entry(row) for row in weights.pooled},
        "kinds": {row.column.name: _entry(row) for row in weights.kinds},
        "covariance": {
            "names": [column.name for column in weights.columns],
            "multipliers": weights.multipliers.tolist(),
            "matrix": weights.covariance.tolist(),
        },
        "half_lives": {profile.name: _half_lives_entry(profile) for profile in halves},
        "notes": loaded.notes,
    }
    short: dict[str, object] = _short(record)
    return short

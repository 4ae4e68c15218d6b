"""What a fit and a calibration found, for a terminal: on which data first, then the
estimates with their 95 % CI, then what is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from balance_sim.show import wording as say
from balance_sim.show.wording import said, table, wrapped
from balance_sim.stats.intervals import NORMAL

if TYPE_CHECKING:
    from balance_sim.evidence.estimation.calibration import CalibrationPosterior
    from balance_sim.evidence.estimation.fitting import WeightFit

SHOWN = 3
"""States at each end that a calibration names."""


def normal_interval(estimate: float, error: float, places: int = 3) -> str:
    """The 95 % CI of an estimate that is about normal."""
    margin = NORMAL * error
    return say.interval(estimate - margin, estimate + margin, places)


def note_lines(notes: Iterable[str]) -> Iterator[str]:
    """What is to be read with a finding."""
    for note in notes:
        yield from wrapped(f"note: {note}")


def fit_lines(fit: WeightFit, notes: Iterable[str]) -> Iterator[str]:
    """Weights of the model's own rates: a row a weight, with its CI and z; notes."""
    from balance_sim.evidence.estimation.parameter_files import key_path

    weights = [row for row in fit.table if "." not in row[0]]
    clear = sum(abs(estimate) > NORMAL * error for _, estimate, error in weights)
    first, last = fit.years
    yield from said(
        f"Maximum likelihood of the model's own rates on {fit.agreements:,} "
        f"agreements: {fit.rows:,} dyad-years, {first}-{last}. "
        f"The CI of {clear} of {len(weights)} weights excludes 0. Weights are in nats "
        "a unit of the term, standard errors clustered by dyad; signs that theory "
        "fixes are held by a prior."
    )
    against = list(fit.conflicts)
    rows = [("parameter", "estimate", "95 % CI", "z")]
    for name, estimate, error in weights + against:
        is_kept = (name, estimate, error) not in against
        z = say.number(estimate / error, 2) if is_kept else "kept at 0"
        interval = normal_interval(estimate, error)
        rows.append((key_path(name), say.number(estimate, 3), interval, z))
    yield from ["", *table(rows, "<>>>"), ""]
    if against:
        yield from wrapped(
            "kept at 0: the record's sign is not that of the theory, so the weight was "
            "left out."
        )
    if fit.flat:
        yield from wrapped(f"Weakly told apart by the record: {'; '.join(fit.flat)}.")
    yield from note_lines(notes)


def calibration_lines(
    posterior: CalibrationPosterior, names: Mapping[str, str], until: date
) -> Iterator[str]:
    """What a calibration comes to: how readily states sign, and the level.

    names: of states, by code; until: the day before which the record was read."""
    yield from wrapped(
        f"Calibrated on {posterior.agreements:,} agreements between two states in "
        f"{len(posterior.level)} years before {until}, with the fitted weights as "
        "prior.",
        "",
    )
    yield from ["", "Random intercepts of states, in nats (posterior sd)"]
    titles = ("security agreements", "declarations")
    for k, (title, intercepts) in enumerate(
        zip(titles, posterior.propensity, strict=False)
    ):
        errors = np.sqrt(np.maximum(posterior.propensity_covariance[k, k], 0.0))
        order = np.argsort(-intercepts, kind="stable")
        states = []
        for i in (*order[:SHOWN], *order[-SHOWN:]):
            name = names.get(posterior.states[i], posterior.states[i])
            states.append(f"{name} {intercepts[i]:+.2f} ({errors[i]:.2f})")
        eager, reluctant = ", ".join(states[:SHOWN]), ", ".join(states[SHOWN:])
        yield from wrapped(
            f"  {title}, most readily: {eager}; least: {reluctant}", "    "
        )

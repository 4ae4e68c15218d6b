"""What a calibration found, for a terminal: how readily states sign, dyads and years; its skill card; theories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from balance_sim.show.score_lines import accord_lines, detectable_lines, gain_lines, note_lines, number, spread, words
from balance_sim.show.terminal import said, table, wrapped
from balance_sim.show.wording import arm_words, dyad_name

if TYPE_CHECKING:
    from balance_sim.evidence.estimation.calibration import CalibrationPosterior
    from balance_sim.evidence.forecast.baselines import SkillCard
    from balance_sim.evidence.forecast.theories import TheoryScores

MOST, SHOWN = 5, 3  # states at each end, with verbose and without


def calibration_lines(
    found: CalibrationPosterior, names: Mapping[str, str], until: date, *, verbose: bool = False
) -> Iterator[str]:
    """names: of states, by code; until: the day before which the record was read."""
    yield from said(
        f"Calibrated on {found.agreements:,} agreements between two states in {len(found.level)} years before {until}, "
        "with the fitted weights as prior."
    )
    shown = MOST if verbose else SHOWN
    yield from ["", "Random intercepts of states, in nats (posterior standard deviation)"]
    for k, (name, own) in enumerate(zip(("security agreements", "declarations"), found.propensity, strict=False)):
        error = np.sqrt(np.maximum(found.propensity_covariance[k, k], 0.0))
        order = np.argsort(-own, kind="stable")
        most, least = (
            ", ".join(f"{names.get(found.states[i], found.states[i])} {own[i]:+.2f} ({error[i]:.2f})" for i in part)
            for part in (order[:shown], order[-shown:])
        )
        yield from wrapped(f"  {name}, most readily: {most}; least: {least}", "    ")
    states = " and ".join(number(float(value)) for value in np.diag(found.state_variance))
    differ = found.dyad_variance > 0
    dyads = number(found.dyad_variance) if differ else "0 (no dyad differs beyond what terms and states say)"
    yield from said(
        f"Variances: of these intercepts {states}; of dyads' frailty {dyads}; of the level of a year "
        f"{number(found.level_variance)}."
    )
    if differ:
        factor = np.triu(found.factor, 1)
        order = np.argsort(-factor, axis=None, kind="stable")[:shown]
        dyads = ", ".join(
            f"{dyad_name(names, found.states[i], found.states[j])} {factor[i, j]:.2f}"
            for i, j in zip(*np.unravel_index(order, factor.shape), strict=True)
        )
        yield from said(f"Dyads whose rate is furthest above it, as a factor: {dyads}.")


def card_lines(card: SkillCard, *, verbose: bool = False) -> Iterator[str]:
    """The same calibration on earlier years, each forecast from what was known before it. verbose: gains on each."""
    one = card.scores["model"]
    years = ", ".join(f"{year} {expected:.1f} ({came})" for year, (expected, came) in card.expected.items())
    card_of = (
        f"Skill card: {len(card.origins)} of the record's years, each forecast from what was known before it: "
        f"{one.n:,} dyad-years, {one.events:,} with an agreement. Expected, and what came: {years}."
    )
    yield from ["", *said(card_of), *gain_lines(card.scores), *detectable_lines(one), *accord_lines(card.scores)]
    if verbose:
        rows = [["the model's gain on", "log skill (95 % CI)", "average precision (95 % CI)"]]
        rows += [
            [words(name), *(spread(score.model_gains[of]) for of in ("log_skill", "average_precision"))]
            for name, score in card.scores.items()
            if score.model_gains
        ]
        yield from ["", *table(rows)]
    yield from note_lines(card.notes)


def theory_lines(found: TheoryScores) -> Iterator[str]:
    """Each theory's stacking weight and scores."""
    yield from ["", "Theories: the same years forecast under each, calibrated anew, and stacked"]
    rows = [["", "weight", "log score", "av. prec."]]
    rows += [
        [arm_words(name), f"{of['weight']:.2f}", f"{of['log_score']:.5f}", f"{of['average_precision']:.3f}"]
        for name, of in found.as_dict().items()
    ]
    yield from table(rows, "<>", indent="  ")

"""Scores on a terminal: forecasts beside each other, and what the model gains on each
baseline.

What a calibration found, for a terminal: how readily states sign, dyads and years; its
skill card; theories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import isnan
from typing import TYPE_CHECKING, Any

from balance_sim.show import wording as say
from balance_sim.show.wording import arm_words, dyad_name, said, table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.estimation.calibration import CalibrationPosterior
    from balance_sim.evidence.forecast.baselines import SkillCard
    from balance_sim.evidence.forecast.score import Interval, Scores
    from balance_sim.evidence.forecast.theories import TheoryScores

FORECASTS = ("model", "base_rate", "earlier_accords")
MEASURES = {"average_precision": "average precision", "auc": "AUC", "brier": "Brier"}
GAINS = {
    "log_skill": "log skill",
    "brier_skill": "Brier skill",
    "average_precision": "average precision",
    "auc": "AUC",
}


def agreement_lines(scores: Mapping[str, Scores]) -> list[str]:
    """One line a forecast of agreements."""
    rows = [["", "log skill (95 % CI)", "Brier skill", "av. prec.", "AUC", "expected"]]
    for name, s in scores.items():
        expected = f"{s.expected:.1f}" if s.expected < 1000 else f"{s.expected:.0f}"
        numbers = [
            number(one) for one in (s.brier_skill.value, s.average_precision, s.auc)
        ]
        rows.append([words(name), spread(s.log_skill), *numbers, expected])
    return table(rows, "<<>")


def detectable_lines(model: Scores) -> list[str]:
    """How large a skill would have to be to be seen."""
    few = isnan(model.log_skill.low)
    lines = (
        wrapped("no CIs: they need eight dyads with an event and eight without one")
        if few
        else []
    )
    if not isnan(model.detectable):
        lines += wrapped(
            f"A true log skill of {number(model.detectable)} would be found in four of five samples."
        )
    return lines


def gain_lines(scores: Mapping[str, Scores]) -> list[str]:
    """Whether the model is better than the best baseline, from the same resamples;
    nothing where there is but the base rate."""
    from balance_sim.evidence.forecast.score import best_baseline

    best = best_baseline({name: s.log_skill.value for name, s in scores.items()})
    if best is None:
        return []
    gains = scores[best].model_gains
    first, *others = (f"{said} {_gain(gains[name])}" for name, said in GAINS.items())
    found = f"The model is {judged(gains['log_skill'])} the best baseline, {words(best)}: {first}, on the same"
    return wrapped(
        f"{found} resamples of dyads. Further gains on it: {', '.join(others)}.", ""
    )


def note_lines(notes: Sequence[str]) -> list[str]:
    """Notes of a forecast's scores; baselines that are not there for one reason in one
    note."""
    lacking: dict[str, list[str]] = {}
    others = []
    for note in notes:
        if lacks := re.fullmatch(r"no baseline (\w+): (.*)", note, re.DOTALL):
            lacking.setdefault(lacks[2], []).append(words(lacks[1]))
        else:
            others.append(note)
    told = [f"no baseline {', '.join(names)}: {why}" for why, names in lacking.items()]
    return [line for note in [*told, *others] for line in wrapped(f"note: {note}")]


def judged(gain: Interval) -> str:
    """What a gain with its 95 % CI allows to say of the model beside a baseline."""
    if isnan(gain.low):
        return "not comparable (no CI) with"
    return (
        "better than"
        if gain.low > 0
        else "worse than"
        if gain.high < 0
        else "not distinguishable from"
    )


def _gain(of: Interval) -> str:
    """`+0.0137 (95 % CI -0.0056 to 0.0337)`."""
    if isnan(of.value):
        return "-"
    bounds = (
        "" if isnan(of.low) else f" (95 % CI {number(of.low)} to {number(of.high)})"
    )
    return f"{'+' if of.value > 0 else ''}{number(of.value)}{bounds}"


def case_lines(scored: Mapping[str, Any]) -> list[str]:
    """Scores of a case: by measure a line a forecast, with what the model gains on
    it."""
    rows = [["", "score", "95 % CI", "model's gain", "95 % CI"]]
    for measure, title in MEASURES.items():
        rows.append(
            [
                f"{title} ({'lower' if measure == 'brier' else 'higher'} is better)",
                *[""] * 4,
            ]
        )
        for name in FORECASTS:
            of, gain = scored[name], scored[name].get("model_gains", {}).get(measure)
            cells = ["", ""] if gain is None else _gain_cells(gain)
            rows.append(
                [
                    f"  {words(name)}",
                    say.number(of[measure], 3),
                    _bounds(of[f"{measure}_ci95"]),
                    *cells,
                ]
            )
        if scored.get("excess") and measure != "brier":
            rows.append(
                [
                    "  ranked by the event's effect",
                    say.number(scored["excess"][measure], 3),
                    "",
                    "",
                    "",
                ]
            )
    lines = table(rows, "<><><")
    if scored["model"]["brier_ci95"] is None:
        lines += [
            "",
            *wrapped("no CIs: they need eight agreements and eight dyads without one"),
        ]
    return lines


def gain_table(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each case the model's score beside that of past agreements, and what it gains
    on them, in two measures."""
    model, _, past = FORECASTS
    rows = [["case", "measure", "model", words(past), "gain", "95 % CI"]]
    for scored in cases:
        for name, measure in ((scored["scenario"], "average_precision"), ("", "auc")):
            told = (say.number(scored[of][measure], 3) for of in (model, past))
            rows.append(
                [
                    name,
                    MEASURES[measure],
                    *told,
                    *_gain_cells(scored[past]["model_gains"][measure]),
                ]
            )
    return table(rows, "<<>>><")


def words(forecast: str) -> str:
    """A forecast's name as it is read: `earlier_accords` is past agreements."""
    return forecast.replace("earlier_accords", "past_agreements").replace("_", " ")


def _gain_cells(gain: Mapping[str, Any]) -> list[str]:
    return [
        "-" if gain["value"] is None else f"{gain['value']:+z.3f}",
        _bounds(gain["ci95"]),
    ]


def _bounds(interval: Sequence[float] | None) -> str:
    """An interval; nothing where there is none."""
    return say.interval(interval[0], interval[1], 3) if interval else ""


def spread(of: Interval) -> str:
    """A number with its interval; `-` where it is undefined."""
    return number(of.value) + (
        ""
        if isnan(of.value) or isnan(of.low)
        else f" ({number(of.low)} to {number(of.high)})"
    )


def number(value: float) -> str:
    """Four decimals, three from a tenth on, fewer where it is large; `-` where it is
    undefined."""
    if isnan(value):
        return "-"
    size = abs(value)
    return (
        f"{value:.{4 if size < 0.1 else 3 if size < 10 else 2 if size < 100 else 0}f}"
    )


MOST, SHOWN = 5, 3  # states at each end, with verbose and without


def calibration_lines(
    found: CalibrationPosterior,
    names: Mapping[str, str],
    until: date,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """names: of states, by code; until: the day before which the record was read."""
    import numpy as np

    yield from said(
        f"Calibrated on {found.agreements:,} agreements between two states in {len(found.level)} years before {until}, "
        "with the fitted weights as prior."
    )
    shown = MOST if verbose else SHOWN
    yield from [
        "",
        "Random intercepts of states, in nats (posterior standard deviation)",
    ]
    for k, (name, own) in enumerate(
        zip(("security agreements", "declarations"), found.propensity, strict=False)
    ):
        error = np.sqrt(np.maximum(found.propensity_covariance[k, k], 0.0))
        order = np.argsort(-own, kind="stable")
        most, least = (
            ", ".join(
                f"{names.get(found.states[i], found.states[i])} {own[i]:+.2f} ({error[i]:.2f})"
                for i in part
            )
            for part in (order[:shown], order[-shown:])
        )
        yield from wrapped(f"  {name}, most readily: {most}; least: {least}", "    ")
    states = " and ".join(
        number(float(value)) for value in np.diag(found.state_variance)
    )
    differ = found.dyad_variance > 0
    dyads = (
        number(found.dyad_variance)
        if differ
        else "0 (no dyad differs beyond what terms and states say)"
    )
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
    """The same calibration on earlier years, each forecast from what was known before
    it. verbose: gains on each."""
    one = card.scores["model"]
    years = ", ".join(
        f"{year} {expected:.1f} ({came})"
        for year, (expected, came) in card.expected.items()
    )
    card_of = (
        f"Skill card: {len(card.origins)} of the record's years, each forecast from what was known before it: "
        f"{one.n:,} dyad-years, {one.events:,} with an agreement. Expected, and what came: {years}."
    )
    yield from [
        "",
        *said(card_of),
        *gain_lines(card.scores),
        *detectable_lines(one),
        *agreement_lines(card.scores),
    ]
    if verbose:
        rows = [
            [
                "the model's gain on",
                "log skill (95 % CI)",
                "average precision (95 % CI)",
            ]
        ]
        rows += [
            [
                words(name),
                *(
                    spread(score.model_gains[of])
                    for of in ("log_skill", "average_precision")
                ),
            ]
            for name, score in card.scores.items()
            if score.model_gains
        ]
        yield from ["", *table(rows)]
    yield from note_lines(card.notes)


def theory_lines(found: TheoryScores) -> Iterator[str]:
    """Each theory's stacking weight and scores."""
    yield from [
        "",
        "Theories: the same years forecast under each, calibrated anew, and stacked",
    ]
    rows = [["", "weight", "log score", "av. prec."]]
    rows += [
        [
            arm_words(name),
            f"{of['weight']:.2f}",
            f"{of['log_score']:.5f}",
            f"{of['average_precision']:.3f}",
        ]
        for name, of in found.as_dict().items()
    ]
    yield from table(rows, "<>", indent="  ")

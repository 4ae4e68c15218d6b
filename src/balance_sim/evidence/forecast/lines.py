"""Scores on a terminal: forecasts beside each other, and what the model gains on each
baseline; the skill card of a calibration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from balance_sim.evidence.forecast.score import Interval, Scores, best_baseline
from balance_sim.show import wording as say

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.skill_card import SkillCard

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
    for name, score in scores.items():
        places = 1 if score.expected < 1000 else 0
        numbers = (score.brier_skill.value, score.average_precision, score.auc)
        expected = f"{score.expected:.{places}f}"
        cells = [*map(number, numbers), expected]
        rows.append([words(name), spread(score.log_skill), *cells])
    return say.table(rows, "<<>")


def detectable_lines(model: Scores) -> list[str]:
    """How large a skill would have to be to be seen."""
    lines = []
    if isnan(model.log_skill.low):
        reason = "no CIs: they need eight dyads with an event and eight without one"
        lines += say.wrapped(reason)
    if not isnan(model.detectable):
        skill = f"A true log skill of {number(model.detectable)}"
        lines += say.wrapped(f"{skill} would be found in four of five samples.")
    return lines


def gain_lines(scores: Mapping[str, Scores]) -> list[str]:
    """Whether the model is better than the best baseline, from the same resamples;
    nothing where there is but the base rate."""
    best = best_baseline({name: row.log_skill.value for name, row in scores.items()})
    if best is None:
        return []
    gains = scores[best].model_gains
    gain_words = [f"{title} {_gain(gains[key])}" for key, title in GAINS.items()]
    verdict = judged(gains["log_skill"])
    return say.wrapped(
        f"The model is {verdict} the best baseline, {words(best)}: {gain_words[0]}, on "
        "the same resamples of dyads. Further gains on it: "
        f"{', '.join(gain_words[1:])}.",
        "",
    )


def note_lines(notes: Sequence[str]) -> list[str]:
    """Notes of a forecast's scores; baselines that are not there for one reason in one
    note."""
    by_reason: dict[str, list[str]] = {}
    others = []
    for note in notes:
        match = re.fullmatch(r"no baseline (\w+): (.*)", note, re.DOTALL)
        if match:
            by_reason.setdefault(match[2], []).append(words(match[1]))
        else:
            others.append(note)
    missing = [
        f"no baseline {', '.join(names)}: {why}" for why, names in by_reason.items()
    ]
    return [line for note in missing + others for line in say.wrapped(f"note: {note}")]


def judged(gain: Interval) -> str:
    """What a gain with its 95 % CI allows to say of the model beside a baseline."""
    if isnan(gain.low):
        return "not comparable (no CI) with"
    if gain.low > 0:
        return "better than"
    return "worse than" if gain.high < 0 else "not distinguishable from"


def _gain(gain: Interval) -> str:
    """`+0.0137 (95 % CI -0.0056 to 0.0337)`."""
    if isnan(gain.value):
        return "-"
    sign = "+" if gain.value > 0 else ""
    bounds = ""
    if not isnan(gain.low):
        bounds = f" (95 % CI {number(gain.low)} to {number(gain.high)})"
    return f"{sign}{number(gain.value)}{bounds}"


def case_lines(scored: Mapping[str, Any]) -> list[str]:
    """Scores of a case: by measure a line a forecast, with what the model gains on
    it."""
    rows = [["", "score", "95 % CI", "model's gain", "95 % CI"]]
    effect = scored.get("excess")
    for measure, title in MEASURES.items():
        better = "lower" if measure == "brier" else "higher"
        rows.append([f"{title} ({better} is better)", "", "", "", ""])
        for name in FORECASTS:
            forecast = scored[name]
            score, bounds = forecast[measure], forecast[f"{measure}_ci95"]
            gain = ["", ""]
            if "model_gains" in forecast:
                gain = _gain_cells(forecast["model_gains"][measure])
            cells = [say.number(score, 3), _bounds(bounds), *gain]
            rows.append([f"  {words(name)}", *cells])
        if effect and measure != "brier":
            score = say.number(effect[measure], 3)
            rows.append(["  ranked by the event's effect", score, "", "", ""])
    lines = say.table(rows, "<><><")
    if scored["model"]["brier_ci95"] is None:
        reason = "no CIs: they need eight agreements and eight dyads without one"
        lines += ["", *say.wrapped(reason)]
    return lines


def gain_table(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each case the model's score beside that of past agreements, and what it gains
    on them, in two measures."""
    model, _, baseline = FORECASTS
    rows = [["case", "measure", "model", words(baseline), "gain", "95 % CI"]]
    for scored in cases:
        for name, measure in ((scored["scenario"], "average_precision"), ("", "auc")):
            scores = [say.number(scored[key][measure], 3) for key in (model, baseline)]
            gain = _gain_cells(scored[baseline]["model_gains"][measure])
            rows.append([name, MEASURES[measure], *scores, *gain])
    return say.table(rows, "<<>>><")


def words(forecast: str) -> str:
    """A forecast's name as it is read: `earlier_accords` is past agreements."""
    return forecast.replace("earlier_accords", "past_agreements").replace("_", " ")


def _gain_cells(gain: Mapping[str, Any]) -> list[str]:
    value = "-" if gain["value"] is None else f"{gain['value']:+z.3f}"
    return [value, _bounds(gain["ci95"])]


def _bounds(interval: Sequence[float] | None) -> str:
    """An interval; nothing where there is none."""
    return say.interval(interval[0], interval[1], 3) if interval else ""


def spread(interval: Interval) -> str:
    """A number with its interval; `-` where it is undefined."""
    value = number(interval.value)
    if isnan(interval.value) or isnan(interval.low):
        return value
    return f"{value} ({number(interval.low)} to {number(interval.high)})"


def number(value: float) -> str:
    """Four decimals, three from a tenth on, fewer where it is large; `-` where it is
    undefined."""
    if isnan(value):
        return "-"
    bounds = ((0.1, 4), (10, 3), (100, 2))
    places = next((places for bound, places in bounds if abs(value) < bound), 0)
    return f"{value:.{places}f}"


def card_lines(card: SkillCard, *, verbose: bool = False) -> Iterator[str]:
    """The same calibration on earlier years, each forecast from what was known before
    it. verbose: gains on each."""
    model = card.scores["model"]
    years = []
    for year, (expected, happened) in card.expected.items():
        years.append(f"{year} {expected:.1f} ({happened})")
    summary = (
        f"Skill card: {len(card.origins)} of the record's years, each forecast from "
        f"what was known before it: {model.n:,} dyad-years, {model.events:,} with an "
        f"agreement. Expected, and what came: {', '.join(years)}."
    )
    yield from ["", *say.wrapped(summary, ""), *gain_lines(card.scores)]
    yield from detectable_lines(model)
    yield from agreement_lines(card.scores)
    if verbose:
        measures = ("log_skill", "average_precision")
        heads = [f"{GAINS[measure]} (95 % CI)" for measure in measures]
        rows = [["the model's gain on", *heads]]
        for name, score in card.scores.items():
            if score.model_gains:
                gains = [spread(score.model_gains[measure]) for measure in measures]
                rows.append([words(name), *gains])
        yield from ["", *say.table(rows)]
    yield from note_lines(card.notes)

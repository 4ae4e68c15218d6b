"""Scores on a terminal: forecasts beside each other, and what the model gains on the
best baseline; the skill card of a calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from balance_sim.evidence.forecast.score import MODEL, Scores, best_baseline
from balance_sim.show import wording as say

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.skill_card import SkillCard

BASELINE = "earlier_accords"
MEASURES = {"average_precision": "average precision", "auc": "AUC"}


def words(forecast: str) -> str:
    """A forecast's name as it is read: `earlier_accords` is past agreements."""
    return forecast.replace("earlier_accords", "past_agreements").replace("_", " ")


def number(value: float) -> str:
    """Four decimals, three from a tenth on, fewer where it is large; `-` where it is
    undefined."""
    if isnan(value):
        return "-"
    bounds = ((0.1, 4), (10, 3), (100, 2))
    places = next((places for bound, places in bounds if abs(value) < bound), 0)
    return f"{value:.{places}f}"


def spread(value: float, bounds: Sequence[float]) -> str:
    """A number with its interval, if it has one."""
    low, high = bounds
    if isnan(value) or isnan(low):
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def agreement_lines(scores: Mapping[str, Scores]) -> list[str]:
    """One line a forecast of agreements."""
    rows = [["", "log skill (95 % CI)", "Brier skill", "av. prec.", "AUC", "expected"]]
    for name, score in scores.items():
        numbers = [score[key] for key in ("brier_skill", "average_precision", "auc")]
        skill = spread(score["log_skill"], score["log_skill_ci95"])
        cells = [*map(number, numbers), f"{score['expected']:.1f}"]
        rows.append([words(name), skill, *cells])
    return say.table(rows, "<<>")


def gain_words(scores: Mapping[str, Scores]) -> str:
    """Whether the model is better than the best baseline, from the same resamples; its
    skill over the base rate where there is no other."""
    best = best_baseline(scores)
    if best is None:
        model = scores["model"]
        skill = spread(model["log_skill"], model["log_skill_ci95"])
        return f"The model has a log skill of {skill} over the base rate"
    gain = scores[best]["model_gains"]["log_skill"]
    verdict, bounds = judged(gain["ci95"]), spread(gain["value"], gain["ci95"])
    of_log_skill = f"a gain in log skill of {bounds}"
    return f"The model is {verdict} the best baseline, {words(best)}: {of_log_skill}"


def judged(bounds: Sequence[float]) -> str:
    """What a gain with this 95 % CI allows to say of the model beside a baseline."""
    low, high = bounds
    if isnan(low):
        return "not comparable (no CI) with"
    if low > 0:
        return "better than"
    return "worse than" if high < 0 else "not distinguishable from"


def score_lines(
    scores: Mapping[str, Scores], notes: Sequence[str] = ()
) -> Iterator[str]:
    """The finding, one line a forecast, how large a skill would have to be to be seen,
    and notes."""
    model = scores["model"]
    detectable = model["minimum_detectable_log_skill"]
    yield from say.wrapped(f"{gain_words(scores)}.", "")
    yield from agreement_lines(scores)
    if isnan(detectable):
        yield "no CIs: they need eight dyads with an event and eight without one"
    else:
        yield f"A true log skill of {number(detectable)} is found in 4 of 5 samples."
    for note in notes:
        yield from say.wrapped(f"note: {note}")


def gain_table(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each case the model's score beside that of past agreements, and what it gains
    on them, in two measures."""
    rows = [["case", "measure", "model", words(BASELINE), "gain", "95 % CI"]]
    for scored in cases:
        for measure, title in MEASURES.items():
            scores = [say.number(scored[key][measure], 3) for key in (MODEL, BASELINE)]
            gain = scored[BASELINE]["model_gains"][measure]
            value = "-" if gain["value"] is None else f"{gain['value']:+z.3f}"
            low, high = gain["ci95"] or (None, None)
            bounds = say.interval(low, high, 3)
            rows.append([scored["scenario"], title, *scores, value, bounds])
    return say.table(rows, "<<>>><")


def card_lines(card: SkillCard) -> Iterator[str]:
    """The same calibration on earlier years, each forecast from what was known before
    it."""
    years = []
    for year, (expected, happened) in card.expected.items():
        years.append(f"{year} {expected:.1f} ({happened})")
    summary = (
        f"Skill card: {len(card.origins)} of the record's years, each forecast from "
        f"what was known before it. Expected, and what came: {', '.join(years)}."
    )
    yield from ["", *say.wrapped(summary, "")]
    yield from score_lines(card.scores, card.notes)

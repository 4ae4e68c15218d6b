"""Scores on a terminal: forecasts beside each other, and what the model gains on the
best baseline; the skill card of a calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, isnan
from typing import Any

from balance_sim.evidence.estimation.lines import note_lines
from balance_sim.evidence.forecast.score import MODEL, Scores, best_baseline
from balance_sim.scenario.schema import Scenario
from balance_sim.show import wording as say

BASELINE = "earlier_accords"
PLACES = 3
MEASURES = {"average_precision": "average precision", "auc": "AUC"}


def words(forecast: str) -> str:
    """A forecast's name as it is read: `earlier_accords` is past agreements."""
    return forecast.replace("earlier_accords", "past_agreements").replace("_", " ")


def spread(value: float, bounds: Sequence[float]) -> str:
    """A number with its interval, if it has one."""
    low, high = bounds
    words = say.number(value, PLACES)
    return words if isnan(low) else f"{words} ({say.interval(low, high, PLACES)})"


def gain_words(scores: Mapping[str, Scores]) -> str:
    """Whether the model is better than the best baseline; its skill over the base rate
    where there is no other."""
    best = best_baseline(scores)
    if best is None:
        model = scores["model"]
        skill = spread(model["log_skill"], model["log_skill_ci95"])
        return f"The model has a log skill of {skill} over the base rate"
    gain = scores[best]["model_gains"]["log_skill"]
    low, high = gain["ci95_years"]
    of_log_skill = f"a gain in log skill of {spread(gain['value'], gain['ci95'])}"
    if not isnan(low):
        years = say.interval(low, high, PLACES)
        of_log_skill += f", {years} with years as replicates"
    verdict = judged([*gain["ci95"], low, high])
    return f"The model is {verdict} the best baseline, {words(best)}: {of_log_skill}"


def judged(ends: Sequence[float]) -> str:
    """What a gain with these ends of 95 % CIs, that of dyads first, allows to say of
    the model beside a baseline."""
    if isnan(ends[0]):
        return "not comparable (no CI) with"
    finite = [end for end in ends if not isnan(end)]
    if min(finite) > 0:
        return "better than"
    return "worse than" if max(finite) < 0 else "not distinguishable from"


def score_lines(
    scores: Mapping[str, Scores], notes: Sequence[str] = ()
) -> Iterator[str]:
    """The finding, one line a forecast, how large a skill would have to be to be seen,
    and notes."""
    yield from say.wrapped(f"{gain_words(scores)}.", "")
    rows = [["", "log skill (95 % CI)", "Brier skill", "av. prec.", "AUC", "expected"]]
    for name, row in scores.items():
        skill = spread(row["log_skill"], row["log_skill_ci95"])
        measures = ("brier_skill", "average_precision", "auc")
        numbers = [say.number(row[measure], PLACES) for measure in measures]
        rows.append([words(name), skill, *numbers, f"{row['expected']:.1f}"])
    yield from say.table(rows, "<<>")
    smallest = scores["model"]["minimum_detectable_log_skill"]
    if isnan(smallest):
        yield "no CIs: they need eight dyads with an event and eight without one"
    else:
        skill = say.number(smallest, PLACES)
        yield f"A true log skill of {skill} is found in 4 of 5 samples."
    yield from note_lines(notes)


def gain_table(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each case the model's score beside that of past agreements, and what it gains
    on them, in two measures."""
    rows = [["case", "measure", "model", words(BASELINE), "gain", "95 % CI"]]
    for scored in cases:
        for measure, title in MEASURES.items():
            names, gain = (MODEL, BASELINE), scored[BASELINE]["model_gains"][measure]
            scores = [say.number(scored[name][measure], PLACES) for name in names]
            low, high = gain["ci95"] or (None, None)
            gained = say.signed(gain["value"], PLACES)
            cells = [*scores, gained, say.interval(low, high, PLACES)]
            rows.append([scored["scenario"], title, *cells])
    return say.table(rows, "<<>>><")


def reaction_lines(document: Mapping[str, Any], scenario: Scenario) -> Iterator[str]:
    """Whether counter-balancing agreements are more, beside the others, than is
    forecast without the event; what so many could show; and each arm."""
    counts, ratio, arms = document["found"], document["ratio"], document["arms"]
    control = arms[document["control"]]
    yield from say.wrapped(
        f"{counts['counter']} counter-balancing and {counts['other']} other security "
        f"agreements were signed, where {control['counter']:.1f} and "
        f"{control['other']:.1f} are expected in the control arm.",
        "",
    )
    low, high = ratio["ci95"]
    verdict = "a reaction" if low > 1 else "no reaction that can be told from chance"
    if high < 1:
        verdict = "fewer than without a reaction"
    power = "So few agreements could show no ratio, however large."
    if not isnan(ratio["smallest"]):
        smallest = say.number(ratio["smallest"])
        power = f"So many show a ratio of {smallest} or more in 4 of 5 records."
    yield from say.wrapped(
        f"Counter-balancing over other agreements, found over forecast: "
        f"{say.number(ratio['value'])} (95 % CI {low:.2f} to {high:.2f}): {verdict}. "
        + power,
        "",
    )
    titles = say.arm_titles(scenario)
    rows = [["arm", "counter", "other", "ratio", "Bayes factor", "s.e."]]
    for name, arm in arms.items():
        numbers = [arm["counter"], arm["other"], arm["ratio"], arm["bayes_factor"]]
        cells = [say.number(value, 2 + (k > 1)) for k, value in enumerate(numbers)]
        rows.append([titles[name], *cells, say.number(arm["bayes_factor_se"], 4)])
    yield from ["", *say.table(rows, "<>")]
    if document["headline_arm"] is not None:
        needed = dict(arms[document["headline_arm"]]["like_events"])
        needed |= document["like_events_posterior"] or {}
        alone, shared, *drawn = map(_events_words, needed.values())
        median = f" ({drawn[0]} at the posterior's median)" if drawn else ""
        yield from say.wrapped(
            f"To see in counts what the headline arm forecasts takes {alone} like "
            f"events{median}, were the level known, and {shared} beside other "
            "agreements.",
            "",
        )
    yield from note_lines(document["notes"])


def _events_words(count: float) -> str:
    """A number of events with two digits; of what would never be seen, that none is
    enough."""
    if not isfinite(count):
        return "more than any number of"
    return f"{float(f'{count:.2g}'):,.0f}"


def card_lines(card: Mapping[str, Any]) -> Iterator[str]:
    """The same calibration on earlier years, each forecast from what was known before
    it."""
    years = [
        f"{year} {counts['expected']:.1f} ({counts['happened']})"
        for year, counts in card["years"].items()
    ]
    yield from [
        "",
        *say.wrapped(
            f"Skill card: {len(years)} of the record's years, each forecast from "
            f"what was known before it. Expected, and what came: {', '.join(years)}.",
            "",
        ),
    ]
    yield from score_lines(card["scores"], card["notes"])

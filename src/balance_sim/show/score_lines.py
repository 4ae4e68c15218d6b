"""Scores on a terminal: forecasts beside each other, and what the model gains on each baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.show.terminal import table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.score import Interval, Scores

FORECASTS = ("model", "base_rate", "earlier_accords")
MEASURES = {"average_precision": "average precision", "auc": "AUC", "brier": "Brier"}
GAINS = {
    "log_skill": "log skill",
    "brier_skill": "Brier skill",
    "average_precision": "average precision",
    "auc": "AUC",
}


def accord_lines(scores: Mapping[str, Scores]) -> list[str]:
    """One line a forecast of agreements."""
    rows = [["", "log skill (95 % CI)", "Brier skill", "av. prec.", "AUC", "expected"]]
    for name, s in scores.items():
        expected = f"{s.expected:.1f}" if s.expected < 1000 else f"{s.expected:.0f}"
        numbers = [number(one) for one in (s.brier_skill.value, s.average_precision, s.auc)]
        rows.append([words(name), spread(s.log_skill), *numbers, expected])
    return table(rows, "<<>")


def detectable_lines(model: Scores) -> list[str]:
    """How large a skill would have to be to be seen."""
    few = bool(model.log_skill.low != model.log_skill.low)
    note = wrapped("no CIs: they need eight dyads with an event and eight without one") if few else []
    if model.detectable != model.detectable:
        return note
    return [*note, *wrapped(f"A true log skill of {number(model.detectable)} would be found in four of five samples.")]


def gain_lines(scores: Mapping[str, Scores]) -> list[str]:
    """Whether the model is better than the best baseline, from the same resamples; nothing where there is but the base
    rate."""
    from balance_sim.evidence.forecast.score import best_baseline

    best = best_baseline({name: s.log_skill.value for name, s in scores.items()})
    if best is None:
        return []
    first, *others = (f"{GAINS[name]} {_gain(scores[best].model_gains[name])}" for name in GAINS)
    found = judged(scores[best].model_gains["log_skill"])
    told = f"The model is {found} the best baseline, {words(best)}: {first}, on the same resamples of dyads. Further"
    return wrapped(f"{told} gains on it: {', '.join(others)}.", "")


def note_lines(notes: Sequence[str]) -> list[str]:
    """Notes of a forecast's scores; baselines that are not there for one reason in one note."""
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
    if gain.low != gain.low:
        return "not comparable (no CI) with"
    return "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not distinguishable from"


def _gain(of: Interval) -> str:
    """`+0.0137 (95 % CI -0.0056 to 0.0337)`."""
    if of.value != of.value:
        return "-"
    sign = "+" if of.value > 0 else ""
    bounds = "" if of.low != of.low else f" (95 % CI {number(of.low)} to {number(of.high)})"
    return f"{sign}{number(of.value)}{bounds}"


def case_lines(scored: Mapping[str, Any]) -> list[str]:
    """Scores of a case: by measure a line a forecast, with what the model gains on it."""
    rows = [["", "score", "95 % CI", "model's gain", "95 % CI"]]
    for measure, said in MEASURES.items():
        rows.append([f"{said} ({'lower' if measure == 'brier' else 'higher'} is better)", *[""] * 4])
        for name in FORECASTS:
            of, gain = scored[name], scored[name].get("model_gains", {}).get(measure)
            cells = ["", ""] if gain is None else [_signed(gain["value"]), _bounds(gain["ci95"])]
            rows.append([f"  {words(name)}", _plain(of[measure]), _bounds(of[f"{measure}_ci95"]), *cells])
        if scored.get("excess") and measure != "brier":
            rows.append(["  ranked by the event's effect", _plain(scored["excess"][measure]), "", "", ""])
    lines = table(rows, "<><><")
    if scored["model"]["brier_ci95"] is None:
        lines += ["", *wrapped("no CIs: they need eight agreements and eight dyads without one")]
    return lines


def gain_table(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each case the model's score beside that of past agreements, and what it gains on them, in two measures."""
    rows = [["case", "measure", "model", words(FORECASTS[2]), "gain", "95 % CI"]]
    for scored in cases:
        for measure in ("average_precision", "auc"):
            gain = scored[FORECASTS[2]]["model_gains"][measure]
            told = (_plain(scored[name][measure]) for name in (FORECASTS[0], FORECASTS[2]))
            name = scored["scenario"] if measure == "average_precision" else ""
            rows.append([name, MEASURES[measure], *told, _signed(gain["value"]), _bounds(gain["ci95"])])
    return table(rows, "<<>>><")


def words(forecast: str) -> str:
    """A forecast's name as it is read: `earlier_accords` is past agreements."""
    return forecast.replace("earlier_accords", "past_agreements").replace("_", " ")


def _bounds(interval: Sequence[float] | None) -> str:
    """An interval; nothing where there is none."""
    return f"{_plain(interval[0])} to {_plain(interval[1])}" if interval else ""


def _plain(value: float | None) -> str:
    """Three decimals; `-` where a score is undefined."""
    return "-" if value is None else f"{value:z.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+z.3f}"


def spread(of: Interval) -> str:
    """A number with its interval; `-` where it is undefined."""
    value = number(of.value)
    return value if value == "-" or of.low != of.low else f"{value} ({number(of.low)} to {number(of.high)})"


def number(value: float) -> str:
    """Four decimals, three from a tenth on, fewer where it is large; `-` where it is undefined."""
    if value != value:
        return "-"
    size = abs(value)
    return f"{value:.{4 if size < 0.1 else 3 if size < 10 else 2 if size < 100 else 0}f}"

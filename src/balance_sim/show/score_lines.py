"""Scores on a terminal: forecasts beside each other, and what the model gains on each baseline."""

from __future__ import annotations

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
    rows = [["", "log skill", "Brier skill", "av. prec.", "AUC", "expect"]]
    for name, s in scores.items():
        expected = f"{s.expected:.1f}" if s.expected < 1000 else f"{s.expected:.0f}"
        numbers = [number(one) for one in (s.brier_skill.value, s.average_precision, s.auc)]
        rows.append([words(name), spread(s.log_skill), *numbers, expected])
    return table(rows)


def detectable_lines(model: Scores) -> list[str]:
    """How large a skill would have to be to be seen."""
    least = number(model.detectable)
    few = bool(model.log_skill.low != model.log_skill.low)
    note = wrapped("no CIs: they need eight dyads with an event and eight without one") if few else []
    return [*note, *wrapped(f"smallest log skill that would be seen 8 times in 10: {least}")]


def gain_lines(scores: Mapping[str, Scores]) -> list[str]:
    """The model less the best baseline, from the same resamples; nothing where there is but the base rate."""
    from balance_sim.evidence.forecast.score import best_baseline

    best = best_baseline({name: s.log_skill.value for name, s in scores.items()})
    if best is None:
        return []
    rows = [[GAINS[name], spread(scores[best].model_gains[name])] for name in GAINS]
    head = f"model less {words(best)}, the best baseline, on the same resamples:"
    return [*wrapped(head), *table(rows, indent="  ")]


def case_lines(scored: Mapping[str, Any]) -> list[str]:
    """Scores of a case: a line a forecast, then what the model gains on each baseline, a line a measure."""
    rows = [["", *MEASURES.values()]]
    for name in FORECASTS:
        of = scored[name]
        rows.append([words(name), *(_plain(of[m]) + _bounds(of[f"{m}_ci95"]) for m in MEASURES)])
    if scored.get("excess"):
        rows.append(["by effect", *(_plain(scored["excess"][m]) for m in ("average_precision", "auc")), ""])
    gains = [["the model's gain on", *map(words, FORECASTS[1:])]]
    for measure, said in MEASURES.items():
        found = [scored[name]["model_gains"][measure] for name in FORECASTS[1:]]
        gains.append([said, *(_plain(one["value"]) + _bounds(one["ci95"]) for one in found)])
    lines = [*table(rows), "", *table(gains)]
    if scored["model"]["brier_ci95"] is None:
        lines += ["", *wrapped("no CIs: they need eight agreements and eight dyads without one")]
    return lines


def gain_table(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each case the model's score beside that of past agreements, and what it gains on them, in two measures."""
    rows = [["case", "measure", "model", words(FORECASTS[2]), "gain (95 % CI)"]]
    for scored in cases:
        for measure in ("average_precision", "auc"):
            gain = scored[FORECASTS[2]]["model_gains"][measure]
            told = (_plain(scored[name][measure]) for name in (FORECASTS[0], FORECASTS[2]))
            name = scored["scenario"] if measure == "average_precision" else ""
            rows.append([name, MEASURES[measure], *told, _plain(gain["value"]) + _bounds(gain["ci95"])])
    return table(rows, "<<>><")


def words(forecast: str) -> str:
    """A forecast's name as it is read: `earlier_accords` is past agreements."""
    return forecast.replace("earlier_accords", "past_agreements").replace("_", " ")


def _bounds(interval: Sequence[float] | None) -> str:
    """An interval in brackets; nothing where there is none."""
    return f" ({_plain(interval[0])}..{_plain(interval[1])})" if interval else ""


def _plain(value: float | None) -> str:
    """Three decimals; `-` where a score is undefined."""
    return "-" if value is None else f"{value:.3f}"


def spread(of: Interval) -> str:
    """A number with its interval; `-` where it is undefined."""
    value = number(of.value)
    return value if value == "-" or of.low != of.low else f"{value} ({number(of.low)}..{number(of.high)})"


def number(value: float) -> str:
    """Four decimals, three from a tenth on, fewer where it is large; `-` where it is undefined."""
    if value != value:
        return "-"
    size = abs(value)
    return f"{value:.{4 if size < 0.1 else 3 if size < 10 else 2 if size < 100 else 0}f}"

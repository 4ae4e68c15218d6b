"""Scores on a terminal: columns as wide as what stands in them, within 80 characters, and what the model gains."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.score import Interval, Scores

WIDTH = 80
FORECASTS = ("model", "base_rate", "earlier_accords")
MEASURES = {"average_precision": "average precision", "auc": "AUC", "brier": "Brier"}
GAINS = {
    "log_skill": "log skill",
    "brier_skill": "Brier skill",
    "average_precision": "average precision",
    "auc": "AUC",
}


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Lines of at most WIDTH characters; all but the first indented. A word that is longer stays whole."""
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Rows of cells as columns, two spaces between them; one where they would be wider than WIDTH."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = "  " if len(indent) + sum(wide) + 2 * (len(wide) - 1) <= WIDTH else " "
    return [
        (indent + gap.join(f"{cell:<{size}}" for cell, size in zip(row, wide, strict=True))).rstrip()
        for row in rows
    ]


def accord_lines(scores: Mapping[str, Scores]) -> list[str]:
    """One line a forecast of accords."""
    rows = [["", "log skill", "Brier skill", "av. prec.", "AUC", "expect"]]
    for name, s in scores.items():
        rows.append(
            [
                name,
                spread(s.log_skill),
                number(s.brier_skill.value),
                number(s.average_precision),
                number(s.auc),
                f"{s.expected:.1f}" if s.expected < 1000 else f"{s.expected:.0f}",
            ]
        )
    return aligned(rows)


def detectable_lines(model: Scores) -> list[str]:
    """How large a skill would have to be to be seen."""
    least = number(model.detectable)
    few = bool(model.log_skill.low != model.log_skill.low)
    note = wrapped("no intervals: they need eight pairs with an event and eight without one") if few else []
    return [*note, *wrapped(f"smallest log skill that would be seen 8 times in 10: {least}")]


def gain_lines(scores: Mapping[str, Scores]) -> list[str]:
    """The model less the best baseline, from the same resamples; nothing where there is but the base rate."""
    from balance_sim.evidence.forecast.score import best_baseline

    best = best_baseline({name: s.log_skill.value for name, s in scores.items()})
    if best is None:
        return []
    gains = scores[best].model_gains
    rows = [[GAINS[name], spread(gains[name])] for name in GAINS]
    return [*wrapped(f"model less {best}, the best baseline, on the same resamples:"), *aligned(rows, "  ")]


def case_lines(scored: Mapping[str, Any]) -> list[str]:
    """Scores of a case: a line a forecast, then what the model gains on each baseline, a line a measure."""
    rows = [["", *MEASURES.values()]]
    rows += [[name, *(_cell(scored[name], m) for m in MEASURES)] for name in FORECASTS]
    if scored.get("excess"):
        rows.append(["by excess", *(plain(scored["excess"][m]) for m in ("average_precision", "auc")), ""])
    gains = [["the model's gain on", *FORECASTS[1:]]]
    for measure, words in MEASURES.items():
        of = [scored[name]["model_gains"][measure] for name in FORECASTS[1:]]
        gains.append([words, *(plain(one["value"]) + bounds(one["ci95"]) for one in of)])
    lines = [*aligned(rows), "", *aligned(gains)]
    if scored["model"]["brier_ci95"] is None:
        lines += ["", *wrapped("no intervals: they need eight agreements and eight pairs without one")]
    return lines


def _cell(measures: Mapping[str, Any], name: str) -> str:
    return plain(measures[name]) + bounds(measures[f"{name}_ci95"])


def bounds(interval: Sequence[float] | None) -> str:
    """An interval in brackets; nothing where there is none."""
    return f" ({plain(interval[0])}..{plain(interval[1])})" if interval else ""


def plain(value: float | None) -> str:
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

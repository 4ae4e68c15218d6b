"""Hindcasts as a type of study: their figure, and their page besides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balance_sim.evidence.documents import document_path, read_document, unreadable
from balance_sim.evidence.forecast import figures
from balance_sim.evidence.forecast.lines import gain_words, power_words, score_rows
from balance_sim.evidence.forecast.score import FILE, WAY, ScoredForecasts
from balance_sim.show import wording as say
from balance_sim.show.report.tables import cell
from balance_sim.show.study_types import Content, StudyType

FIGURES = {"reliability": figures.draw_reliability}
DATA = ("source", "file", "rows", "sha256")


def page(scored: ScoredForecasts) -> Content:
    """By name, what the template of the page is filled with."""
    about, scores = scored["about"], scored[WAY]
    years, made = [], []
    for year, skills in about["log_skill_by_year"][WAY].items():
        years.append([year, *(cell(skills.get(name)) for name in scores)])
    for key, value in (about["plan"] | about).items():
        if isinstance(value, str | int | float) and key != "title":
            made.append([key.replace("_", " "), say.printable(str(value))])
    counts = figures.reliability_title(figures.reliability_table(scored))
    heads, *rows = score_rows(scores)
    errors = about["standard_errors"]
    return {
        "title": say.printable(about["plan"]["title"]) or "Hindcast",
        "answer": f"{gain_words(scores)}. {counts}. {power_words(scores)}",
        "heads": heads,
        "scores": rows,
        "years": years,
        "forecasts": list(scores),
        "weights": [
            [name, cell(value), cell(errors.get(name))]
            for name, value in about["weights"].items()
        ],
        "data": [[cell(row.get(key)) for key in DATA] for row in about["data"]],
        "notes": [say.printable(note) for note in about["notes"]],
        "made": made,
    }


def read(path: Path) -> ScoredForecasts:
    """The hindcast that a path names. Raises DataError for a file of which no page can
    be made."""
    scored = ScoredForecasts(_with_nan(read_document(path, FILE, ("about", WAY))))
    try:
        page(scored)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise unreadable(path, str(error)) from None
    return scored


def _with_nan(value: Any) -> Any:
    """The same with NaN for null."""
    if isinstance(value, dict):
        return {key: _with_nan(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_nan(child) for child in value]
    return float("nan") if value is None else value


SCORES = StudyType(
    title="hindcast",
    named_by=lambda path: document_path(path, FILE) is not None,
    read=read,
    study_class=ScoredForecasts,
    figures=FIGURES,
    page=lambda scored: ("evidence/forecast/templates/score.html", page(scored)),
)

"""Scored forecasts as a type of study: their figures, and their page besides these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast import figures
from balance_sim.evidence.forecast.lines import number
from balance_sim.evidence.forecast.scored_files import (
    NEXT,
    ScoredForecasts,
    read_scored_forecasts,
    scored_path,
)
from balance_sim.show import wording as say
from balance_sim.show.report.tables import Rows, cell
from balance_sim.show.study_types import Content, StudyType

FIGURES = {
    figure.name: figure for figure in (figures.draw_scorecard, figures.draw_reliability)
}
DATA = ("source", "file", "rows", "sha256")
MADE = ("version", "command", "first", "last", "kinds", "stage", "frozen", "reference")
"""Keys of what is said of how the file was made, beside the plan."""


def page(scored: ScoredForecasts) -> Content:
    """By name, what the template of the page is filled with."""
    about, is_hindcast = scored.about, scored.kind == "hindcast"
    plan = about.get("plan", {})
    title = plan.get("title") if is_hindcast else about.get("about")
    names, years = list(next(iter(scored.ways.values()))), []
    for way, by_year in about.get("log_skill_by_year", {}).items():
        for year, skills in by_year.items():
            cells = [cell(skills.get(name)) for name in names]
            years.append([say.arm_words(way), year, *cells])
    errors, weights = about.get("standard_errors", {}), []
    for name, value in about.get("weights", {}).items():
        weights.append([name, cell(value), cell(errors.get(name))])
    counts = figures.reliability_title(figures.reliability_table(scored))
    finding = say.first(figures.scorecard_table(scored), "finding")
    detectable = next(iter(scored.ways.values()))["model"][
        "minimum_detectable_log_skill"
    ]
    power = f"A true log skill of {number(detectable)} is found in 4 of 5 samples."
    return {
        "kind": "a hindcast" if is_hindcast else "a scored forecast",
        "title": say.printable(str(title)) if title else scored.path.stem,
        "question": "How well was it forecast who signs with whom?",
        "answer": f"{finding}. {counts}. {power}",
        "years": years,
        "forecasts": names,
        "weights": weights,
        "data": [[cell(row.get(key)) for key in DATA] for row in about.get("data", [])],
        "notes": [say.printable(str(note)) for note in about.get("notes", [])],
        "made": _made(plan | {key: about[key] for key in MADE if about.get(key)}),
    }


def _made(keys: dict[str, Any]) -> Rows:
    """The plan and the other keys of how it was made."""
    rows = []
    for key, value in keys.items():
        if value is not None and key != "title":
            words = ", ".join(map(str, value)) if isinstance(value, list) else value
            rows.append([key.replace("_", " "), say.printable(str(words))])
    return rows


def read(path: Path) -> ScoredForecasts:
    """The scores that a path names. Raises DataError for a file of which no page can be
    made."""
    scored = read_scored_forecasts(scored_path(path) or path)
    try:
        page(scored)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        message = f"this is not a document of scores: {error}"
        raise DataError(message, NEXT, scored.path) from None
    return scored


SCORES = StudyType(
    title="hindcast or score",
    named_by=lambda path: scored_path(path) is not None,
    read=read,
    study_class=ScoredForecasts,
    figures=FIGURES,
    page=lambda scored: ("evidence/forecast/templates/score.html", page(scored)),
)

"""Scored forecasts as a type of study: their figures, and their page besides these."""

from __future__ import annotations

import math
from pathlib import Path

from balance_sim.evidence.forecast import figures
from balance_sim.evidence.forecast.scored_files import (
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
MADE = (
    "version",
    "command",
    "first",
    "last",
    "kinds",
    "stage",
    "frozen",
    "sha256",
    "reference",
)
"""Keys of what is said of how the file was made, beside the plan."""


def page(scored: ScoredForecasts) -> Content:
    """By name, what the template of the page is filled with."""
    about, is_hindcast = scored.about, scored.kind == "hindcast"
    title = about.get("about")
    if is_hindcast:
        title = about.get("plan", {}).get("title")
    names, years = list(scored.ways[0].scores), []
    for way, by_year in about.get("log_skill_by_year", {}).items():
        for year, skills in by_year.items():
            cells = [cell(float(skills.get(name, math.nan))) for name in names]
            years.append([say.arm_words(way), year, *cells])
    errors, weights = about.get("standard_errors", {}), []
    for name, value in about.get("weights", {}).items():
        error = float(errors.get(name, math.nan))
        weights.append([name, cell(float(value)), cell(error)])
    files = about.get("data", [])
    return {
        "kind": "a hindcast" if is_hindcast else "a scored forecast",
        "title": say.printable(str(title)) if title else scored.path.stem,
        "question": _question(about, is_hindcast=is_hindcast),
        "answer": _answer(scored),
        "years": years,
        "forecasts": names,
        "weights": weights,
        "data": [[str(row.get(column, "")) for column in DATA] for row in files],
        "notes": [say.printable(str(note)) for note in about.get("notes", [])],
        "made": _made(about),
    }


def _question(about: Content, *, is_hindcast: bool) -> str:
    """What the scores answer."""
    if is_hindcast:
        (first, last), (start, end) = about["fitted"], about["forecast"]
        event = f"who signs with whom from {start} to {end}"
        return f"Fitted on {first} to {last}, how well does the model forecast {event}?"
    days = ""
    if "first" in about and "last" in about:
        days = f" from {about['first']} to {about['last']}"
    return f"How well was it forecast who signs with whom{days}?"


def _answer(scored: ScoredForecasts) -> str:
    """Two sentences: the skill beside the best baseline's, and how far the counts
    agree."""
    table = figures.scorecard_table(scored)
    skill = figures.scorecard_title(table)
    counts = figures.reliability_title(figures.reliability_table(scored))
    detectable = float(table["detectable"].iloc[0])
    answer = f"{skill}. {counts}."
    if math.isfinite(detectable):
        number = say.number(detectable, 3)
        power = "would be missed 2 times in 10 or more"
        answer += f" Differences in log skill below {number} {power}."
    return answer


def _made(about: Content) -> Rows:
    """The plan and the other keys of how it was made."""
    rows = []
    for key, value in about.get("plan", {}).items():
        if key != "title":
            rows.append([key.replace("_", " "), _words(value)])
    keys = [key for key in MADE if about.get(key) not in (None, [])]
    return rows + [[key, _words(about[key])] for key in keys]


def _words(value: object) -> str:
    if value is None:
        return "all that the record can tell"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return say.printable(str(value))


def _read(path: Path) -> ScoredForecasts:
    return read_scored_forecasts(scored_path(path) or path)


SCORES = StudyType(
    title="hindcast or score",
    named_by=lambda path: scored_path(path) is not None,
    read=_read,
    is_one=lambda study: isinstance(study, ScoredForecasts),
    catalogue=FIGURES,
    figures=lambda _: dict(FIGURES),
    page=lambda scored: ("evidence/forecast/templates/score.html", page(scored)),
)

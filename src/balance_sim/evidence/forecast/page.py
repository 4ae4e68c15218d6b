"""Scored forecasts as a type of study: their figures, and what their page says besides."""

from __future__ import annotations

import math
from pathlib import Path

from balance_sim.evidence.forecast import figures
from balance_sim.evidence.forecast.score import (
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


def page(scored: ScoredForecasts) -> Content:
    about, hindcast = scored.about, scored.kind == "hindcast"
    given = about.get("plan", {}).get("title") if hindcast else about.get("about")
    errors, names = about.get("standard_errors", {}), list(scored.ways[0].scores)
    columns = ("source", "file", "rows", "sha256")
    return {
        "kind": "a hindcast" if hindcast else "a scored forecast",
        "title": say.printable(str(given)) if given else scored.path.stem,
        "question": _score_question(about, hindcast=hindcast),
        "answer": _score_answer(scored),
        "years": [
            [
                say.arm_words(way),
                year,
                *(cell(float(skills.get(one, math.nan))) for one in names),
            ]
            for way, years in about.get("log_skill_by_year", {}).items()
            for year, skills in years.items()
        ],
        "forecasts": names,
        "weights": [
            [name, cell(float(value)), cell(float(errors.get(name, math.nan)))]
            for name, value in about.get("weights", {}).items()
        ],
        "data": [
            [str(one.get(column, "")) for column in columns]
            for one in about.get("data", [])
        ],
        "notes": [say.printable(str(one)) for one in about.get("notes", [])],
        "made": _score_made(about),
    }


def _score_question(about: Content, *, hindcast: bool) -> str:
    """What the scores answer."""
    if hindcast:
        (first, last), (start, end) = about["fitted"], about["forecast"]
        who = f"who signs with whom from {start} to {end}"
        return f"Fitted on {first} to {last}, how well does the model forecast {who}?"
    days = (
        f" from {about['first']} to {about['last']}"
        if "first" in about and "last" in about
        else ""
    )
    return f"How well was it forecast who signs with whom{days}?"


def _score_answer(scored: ScoredForecasts) -> str:
    """Two sentences: the skill beside the best baseline's, and how far the counts
    agree."""
    table = figures.scorecard_table(scored)
    least = say.number(float(table["detectable"].iloc[0]), 3)
    known = f" Differences in log skill below {least} would be missed 2 times in 10 or more."
    told = f"{figures.scorecard_title(table)}. {figures.reliability_title(figures.reliability_table(scored))}."
    return told if least == "-" else told + known


def _score_made(about: Content) -> Rows:
    """The plan and what else the file says of how it was made."""
    more = (
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
    plan = {
        key.replace("_", " "): value
        for key, value in about.get("plan", {}).items()
        if key != "title"
    }
    rest = {key: about[key] for key in more if about.get(key) not in (None, [])}
    return [[key, _score_words(value)] for key, value in (*plan.items(), *rest.items())]


def _score_words(value: object) -> str:
    if value is None:
        return "all that the record can tell"
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else say.printable(str(value))
    )


def _read(path: Path) -> ScoredForecasts:
    file = scored_path(path)
    return read_scored_forecasts(path if file is None else file)


SCORES = StudyType(
    title="hindcast or score",
    named_by=lambda path: scored_path(path) is not None,
    read=_read,
    is_one=lambda study: isinstance(study, ScoredForecasts),
    catalogue=FIGURES,
    figures=lambda _: dict(FIGURES),
    page=lambda scored: ("evidence/forecast/templates/score.html", page(scored)),
)

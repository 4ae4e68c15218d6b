"""Hindcasts as a type of study: their figures, and their page besides these."""

from __future__ import annotations

from pathlib import Path

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast import figures
from balance_sim.evidence.forecast.lines import power_words
from balance_sim.evidence.forecast.scored_files import (
    WAYS,
    ScoredForecasts,
    read_scored_forecasts,
    scored_path,
)
from balance_sim.show import wording as say
from balance_sim.show.report.tables import cell
from balance_sim.show.study_types import Content, StudyType

FIGURES = {
    figure.name: figure for figure in (figures.draw_scorecard, figures.draw_reliability)
}
DATA = ("source", "file", "rows", "sha256")


def page(scored: ScoredForecasts) -> Content:
    """By name, what the template of the page is filled with."""
    about, first = scored["about"], scored[WAYS[0]]
    names, years, made = list(first), [], []
    for way, by_year in about["log_skill_by_year"].items():
        for year, skills in by_year.items():
            cells = [cell(skills.get(name)) for name in names]
            years.append([say.arm_words(way), year, *cells])
    for key, value in (about["plan"] | about).items():
        if isinstance(value, str | int | float) and key != "title":
            made.append([key.replace("_", " "), say.printable(str(value))])
    counts = figures.reliability_title(figures.reliability_table(scored))
    finding = say.first(figures.scorecard_table(scored), "finding")
    errors = about["standard_errors"]
    return {
        "title": say.printable(about["plan"]["title"]) or "Hindcast",
        "answer": f"{finding}. {counts}. {power_words(first)}",
        "years": years,
        "forecasts": names,
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
    file = scored_path(path) or path
    try:
        scored = read_scored_forecasts(file)
        page(scored)
    except (
        *(OSError, LookupError, TypeError, ValueError, AttributeError),
        *(OverflowError, RecursionError),
    ) as error:
        message = f"this is not what `hindcast` wrote: {error}"
        raise DataError(message, "Run `hindcast` again", file) from None
    return scored


SCORES = StudyType(
    title="hindcast",
    named_by=lambda path: scored_path(path) is not None,
    read=read,
    study_class=ScoredForecasts,
    figures=FIGURES,
    page=lambda scored: ("evidence/forecast/templates/score.html", page(scored)),
)

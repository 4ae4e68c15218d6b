"""Goodness of fit as a type of study: its figures, its page, and its section in the
report of a run."""

from __future__ import annotations

from pathlib import Path

from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.goodness import figures
from balance_sim.evidence.goodness.comparison import (
    GoodnessOfFit,
    NotGoodnessOfFit,
    gof_path,
    read_gof,
)
from balance_sim.evidence.goodness.figures import (
    TITLES,
    p_words,
    residual_words,
    span_words,
    verdict_words,
)
from balance_sim.show import wording as say
from balance_sim.show.figures import fitting
from balance_sim.show.report import embedded
from balance_sim.show.report.tables import Rows, cell
from balance_sim.show.study_types import Content, Section, StudyType

FIGURES = {
    figure.name: figure
    for figure in (
        figures.draw_gof,
        figures.draw_gof_states,
        figures.draw_gof_residuals,
    )
}


def page(study: GoodnessOfFit) -> Content:
    found, about = study.comparison, study.about
    keys = ("subject", "scenario", "sha256", "arm", "seed", "version", "command")
    made = [["span", span_words(found)], ["replications", f"{found.replications:,}"]]
    return _section(study) | {
        "title": say.printable(str(about.get("title") or "Goodness of fit")),
        "question": "Does the model make networks of new agreements like the one on record?",
        "made": made
        + [
            [key, say.printable(str(about[key]))]
            for key in keys
            if about.get(key) is not None
        ],
    }


def _section(study: GoodnessOfFit) -> Content:
    """What the section shows: answer, tests, states, notes."""
    words, residuals = f"{verdict_words(study.comparison)}.", study.residuals
    return {
        "answer": words
        if residuals is None
        else f"{words} {residual_words(residuals)}.",
        "span": span_words(study.comparison),
        "tests": _test_rows(study),
        "states": [
            [
                say.printable(study.names.get(of.name, of.name)),
                *map(cell, (of.observed, of.mean, of.low, of.high)),
            ]
            for of in study.comparison.states
        ],
        "notes": [say.printable(note) for note in study.notes],
    }


def section(result: AnalysedResult) -> Section | None:
    """The section of a run's report, if a comparison stands in its folder."""
    if result.folder is None:
        return None
    path = gof_path(result.folder / "gof")
    if path is None:
        return None
    try:
        study = read_gof(path)
    except NotGoodnessOfFit:
        return None
    figures_in_page = embedded(study, fitting(study))
    return Section(
        "gof-tests",
        "Goodness of fit",
        "evidence/goodness/templates/section.html",
        _section(study) | {"figures": figures_in_page},
    )


def _test_rows(study: GoodnessOfFit) -> Rows:
    """Group, p, distance, statistics outside their band of how many."""
    found, rows = study.comparison, []
    for one in found.groups:
        outside = sum(each.outside for each in one.statistics)
        p = "not tested" if one.fit is None else p_words(one.fit.p, found.replications)
        distance = "-" if one.fit is None else say.number(one.fit.distance, 1)
        told = p.removeprefix("p = ").removeprefix("p ")
        rows.append(
            [TITLES[one.name], told, distance, f"{outside} of {len(one.statistics)}"]
        )
    return [
        *rows,
        [
            "All groups together",
            p_words(found.p, found.replications).removeprefix("p = "),
            "",
            "",
        ],
    ]


def _read(path: Path) -> GoodnessOfFit:
    file = gof_path(path) or path
    try:
        return read_gof(file)
    except NotGoodnessOfFit as error:
        raise DataError(
            str(error), "Run `gof` again, into this folder or another", file
        ) from None


GOODNESS_OF_FIT = StudyType(
    title="gof",
    named_by=lambda path: gof_path(path) is not None,
    read=_read,
    is_one=lambda study: isinstance(study, GoodnessOfFit),
    catalogue=FIGURES,
    figures=lambda _: dict(FIGURES),
    page=lambda study: ("evidence/goodness/templates/gof.html", page(study)),
)

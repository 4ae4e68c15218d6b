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
from balance_sim.evidence.goodness.lines import (
    TITLES,
    group_words,
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
ABOUT = ("subject", "scenario", "sha256", "arm", "seed", "version", "command")


def page(study: GoodnessOfFit) -> Content:
    """By name, what the template of the page is filled with."""
    comparison, about = study.comparison, study.about
    title = str(about.get("title") or "Goodness of fit")
    rows = [["span", span_words(comparison)]]
    rows.append(["replications", f"{comparison.replications:,}"])
    keys = [key for key in ABOUT if about.get(key) is not None]
    rows += [[key, say.printable(str(about[key]))] for key in keys]
    question = "Does the model make networks of new agreements like the one on record?"
    content = {"title": say.printable(title), "question": question, "made": rows}
    return _content(study) | content


def _content(study: GoodnessOfFit) -> Content:
    """Answer, tests, states, notes."""
    comparison = study.comparison
    answer = f"{verdict_words(comparison)}."
    if study.residuals is not None:
        answer += f" {residual_words(study.residuals)}."
    states = []
    for state in comparison.states:
        name = say.printable(study.names.get(state.name, state.name))
        states.append([name, *map(cell, state.numbers)])
    return {
        "answer": answer,
        "span": span_words(comparison),
        "tests": _test_rows(study),
        "states": states,
        "notes": [say.printable(note) for note in study.notes],
    }


def section(result: AnalysedResult) -> Section | None:
    """The section of a run's report, if a comparison stands in its folder."""
    path = None if result.folder is None else gof_path(result.folder / "gof")
    if path is None:
        return None
    try:
        study = read_gof(path)
    except NotGoodnessOfFit:
        return None
    content = _content(study) | {"figures": embedded(study, fitting(study))}
    template = "evidence/goodness/templates/section.html"
    return Section("gof-tests", "Goodness of fit", template, content)


def _test_rows(study: GoodnessOfFit) -> Rows:
    """Group, p, distance, statistics outside their band of how many."""
    comparison, rows = study.comparison, []
    for group in comparison.groups:
        outside = sum(statistic.outside for statistic in group.statistics)
        distance = "-" if group.fit is None else say.number(group.fit.distance, 1)
        count = f"{outside} of {len(group.statistics)}"
        test = group_words(group, comparison.replications)
        rows.append([TITLES[group.name], test.removeprefix("p = "), distance, count])
    together = p_words(comparison.p, comparison.replications).removeprefix("p = ")
    return [*rows, ["All groups together", together, "", ""]]


def _read(path: Path) -> GoodnessOfFit:
    file = gof_path(path) or path
    try:
        return read_gof(file)
    except NotGoodnessOfFit as error:
        hint = "Run `gof` again, into this folder or another"
        raise DataError(str(error), hint, file) from None


GOODNESS_OF_FIT = StudyType(
    title="gof",
    named_by=lambda path: gof_path(path) is not None,
    read=_read,
    is_one=lambda study: isinstance(study, GoodnessOfFit),
    catalogue=FIGURES,
    figures=lambda _: dict(FIGURES),
    page=lambda study: ("evidence/goodness/templates/gof.html", page(study)),
)

"""Goodness of fit as a type of study: its lines on the terminal, its figures, its page,
and its section in the report of a run."""

from __future__ import annotations

from collections.abc import Iterator

from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.goodness import figures
from balance_sim.evidence.goodness.comparison import GoodnessOfFit, gof_path, read_gof
from balance_sim.show import wording as say
from balance_sim.show.report import embedded, pictures_of
from balance_sim.show.study_types import Content, Section, StudyType

FIGURES = {"gof": figures.draw_gof, "gof_residuals": figures.draw_gof_residuals}
HEADS = ["statistics", "p", "outside of the 5-95 % band"]


def answer(study: GoodnessOfFit) -> str:
    """The finding, and that of the residuals if there are any."""
    words = f"{figures.verdict_words(study)}."
    if study["residuals"] is not None:
        words += f" {figures.residual_words(study)}."
    return words


def gof_lines(study: GoodnessOfFit) -> Iterator[str]:
    """For a terminal, at 80 columns: the finding, and each group of statistics in a
    line, with what lies outside of its band."""
    yield say.printable(str(study["about"].get("title") or ""))
    observed = say.plural(study["agreements"], "agreement")
    simulated = say.plural(study["replications"], "replication")
    yield f"{observed} observed, {figures.span_words(study)}; {simulated}"
    yield from say.wrapped(answer(study), "")
    yield from say.table([HEADS, *figures.tests_table(study)], "<>")
    yield "p: Mahalanobis Monte Carlo (docs/gof.md)"
    for note in study["notes"]:
        yield from say.wrapped(f"note: {note}")


def _content(study: GoodnessOfFit) -> Content:
    """Answer, tests, states, notes."""
    return {
        "answer": answer(study),
        "span": figures.span_words(study),
        "heads": HEADS,
        "tests": figures.tests_table(study),
        "states": [
            [row["name"], *(say.number(row[key]) for key in figures.NUMBERS)]
            for row in study["states"]
        ],
        "notes": [say.printable(note) for note in study["notes"]],
    }


def page(study: GoodnessOfFit) -> Content:
    """By name, what the template of the page is filled with."""
    about = study["about"]
    rows = [["replications", f"{study['replications']:,}"]]
    rows += [[key, say.printable(str(value))] for key, value in about.items()]
    question = "Does the model make networks of new agreements like the one on record?"
    title = say.printable(str(about.get("title") or "Goodness of fit"))
    return _content(study) | {"title": title, "question": question, "made": rows}


def section(result: AnalysedResult) -> Section | None:
    """The section of a run's report, if a comparison stands in its folder."""
    path = None if result.folder is None else gof_path(result.folder / "gof")
    if path is None:
        return None
    try:
        study = read_gof(path)
    except DataError:
        return None
    content = _content(study) | {"figures": embedded(study, pictures_of(study))}
    template = "evidence/goodness/templates/section.html"
    return Section("gof-tests", "Goodness of fit", template, content)


GOODNESS_OF_FIT = StudyType(
    title="gof",
    named_by=lambda path: gof_path(path) is not None,
    read=lambda path: read_gof(gof_path(path) or path),
    study_class=GoodnessOfFit,
    figures=FIGURES,
    page=lambda study: ("evidence/goodness/templates/gof.html", page(study)),
)

"""Goodness of fit as a type of study: its lines on the terminal, its figure, and its
page."""

from __future__ import annotations

from collections.abc import Iterator

from balance_sim.evidence.documents import document_path, read_document
from balance_sim.evidence.goodness import figures
from balance_sim.evidence.goodness.comparison import FILE, KEYS, GoodnessOfFit
from balance_sim.show import wording as say
from balance_sim.show.study_types import Content, StudyType

FIGURES = {"gof": figures.draw_gof}
HEADS = ["statistics", "p", "outside of the 5-95 % band"]


def gof_lines(study: GoodnessOfFit) -> Iterator[str]:
    """For a terminal, at 80 columns: the finding, and each group of statistics in a
    line, with what lies outside of its band."""
    yield say.printable(str(study["about"].get("title") or ""))
    observed = say.plural(study["agreements"], "agreement")
    simulated = say.plural(study["replications"], "replication")
    yield f"{observed} observed, {figures.span_words(study)}; {simulated}"
    yield from say.wrapped(f"{figures.verdict_words(study)}.", "")
    yield from say.table([HEADS, *figures.tests_table(study)], "<>")
    yield "p: Mahalanobis Monte Carlo (docs/gof.md)"
    for note in study["notes"]:
        yield from say.wrapped(f"note: {note}")


def page(study: GoodnessOfFit) -> Content:
    """By name, what the template of the page is filled with."""
    about = study["about"]
    made = [["replications", f"{study['replications']:,}"]]
    made += [[key, say.printable(str(value))] for key, value in about.items()]
    return {
        "title": say.printable(str(about.get("title") or "Goodness of fit")),
        "question": "Does the model make networks of new agreements like the one on "
        "record?",
        "answer": f"{figures.verdict_words(study)}.",
        "span": figures.span_words(study),
        "heads": HEADS,
        "tests": figures.tests_table(study),
        "states": [
            [row["name"], *(say.number(row[key]) for key in figures.NUMBERS)]
            for row in study["states"]
        ],
        "notes": [say.printable(note) for note in study["notes"]],
        "made": made,
    }


GOODNESS_OF_FIT = StudyType(
    title="gof",
    named_by=lambda path: document_path(path, FILE) is not None,
    read=lambda path: GoodnessOfFit(read_document(path, FILE, KEYS)),
    study_class=GoodnessOfFit,
    figures=FIGURES,
    page=lambda study: ("evidence/goodness/templates/gof.html", page(study)),
)

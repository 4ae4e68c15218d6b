"""The page of a goodness-of-fit comparison, and its section in the report of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim.analysis.gof_file import NotGoodnessOfFit, gof_path, read_gof
from balance_sim.show.gallery import fitting
from balance_sim.show.gof import TITLES, p_words, residual_words, span_words, verdict_words
from balance_sim.show.gof_gallery import GOF_FIGURES
from balance_sim.show.report.tables import cell
from balance_sim.show.wording import number, printable

if TYPE_CHECKING:
    from pathlib import Path

    from balance_sim.analysis.gof_file import GoodnessOfFit
    from balance_sim.show.report.facts import Rows
    from balance_sim.show.report.page import Plate

LIMITS = (
    "A model that passes makes networks like the record in what is compared here. That does not make its mechanisms "
    "right, nor does it say anything of an event's effect.",
    "The record is what its sources list. Where they list recent years or some states more fully, that is a difference "
    "too.",
    "Fifteen groups are tested at 0.05 each; the test of all together holds 0.05 for them as a whole.",
    "Figures of states, disputes and distances are those of the scenario's start, not of the years before it.",
)


def gof_html(study: GoodnessOfFit) -> str:
    """The report of a comparison as HTML; the same bytes for the same comparison."""
    from balance_sim.show.report.page import rendered

    about = study.about
    content: dict[str, Any] = {
        "title": printable(str(about.get("title") or "Goodness of fit")),
        "question": "Does the model make networks of new agreements like the one on record?",
        "limits": LIMITS,
        "made": made_rows(study),
        **section(study),
    }
    return rendered("gof.html", content)


def section(study: GoodnessOfFit) -> dict[str, Any]:
    """What the section shows: answer, tests, states, plates, notes."""
    return {
        "answer": answer(study),
        "span": span_words(study.comparison),
        "tests": test_rows(study),
        "states": state_rows(study),
        "plates": _plates(study),
        "notes": [printable(note) for note in study.notes],
    }


def section_beside(folder: Path | None) -> dict[str, Any] | None:
    """The section for the report of a run, if a comparison stands in its folder; None where there is none."""
    path = None if folder is None else gof_path(folder / "gof")
    if path is None:
        return None
    try:
        return section(read_gof(path))
    except NotGoodnessOfFit:
        return None


def answer(study: GoodnessOfFit) -> str:
    """Two sentences: the groups that fail, and the residuals."""
    words = f"{verdict_words(study.comparison)}."
    return words if study.residuals is None else f"{words} {residual_words(study.residuals)}."


def test_rows(study: GoodnessOfFit) -> Rows:
    """Group, p, distance, statistics outside their band of how many."""
    found = study.comparison
    rows = []
    for one in found.groups:
        fit, out = one.fit, sum(each.outside for each in one.statistics)
        p = (
            "not tested"
            if fit is None
            else p_words(fit.p, found.replications).removeprefix("p = ").removeprefix("p ")
        )
        distance = "-" if fit is None else number(fit.distance, 1)
        rows.append([TITLES[one.name], p, distance, f"{out} of {len(one.statistics)}"])
    return [*rows, ["All groups together", p_words(found.p, found.replications).removeprefix("p = "), "", ""]]


def state_rows(study: GoodnessOfFit) -> Rows:
    """State, observed agreements a year, simulated mean, band; furthest first."""
    return [
        [
            printable(study.names.get(one.code, one.code)),
            *map(cell, (one.observed, one.mean, one.low, one.high)),
        ]
        for one in study.comparison.states
    ]


def made_rows(study: GoodnessOfFit) -> Rows:
    """How it was made."""
    found = study.comparison
    rows = [["span", span_words(found)], ["replications", f"{found.replications:,}"]]
    keys = ("subject", "scenario", "sha256", "arm", "seed", "version", "command")
    return [
        *rows,
        *([key, printable(str(study.about[key]))] for key in keys if study.about.get(key) is not None),
    ]


def _plates(study: GoodnessOfFit) -> list[Plate]:
    from balance_sim.show.report.page import plates_of

    return plates_of(study, fitting(study, GOF_FIGURES))

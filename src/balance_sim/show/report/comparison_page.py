"""The page of a comparison: what differs in the inputs, and what that makes of the outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim.results.result import Result
from balance_sim.results.sweep_result import SweepResult
from balance_sim.show.comparison_gallery import COMPARISON_FIGURES
from balance_sim.show.figures.comparison import differences_table, differences_title
from balance_sim.show.figures.studies import studies_table, studies_title
from balance_sim.show.gallery import fitting
from balance_sim.show.report import facts, sweep_page
from balance_sim.show.report.page import plates_of, rendered
from balance_sim.show.wording import plural, printable

if TYPE_CHECKING:
    from balance_sim.show.comparison import Comparison

MOST_INPUTS = 60
MOST_LETTERS = 160
LIMITS = (
    "Where seeds match, both sides live the same runs on the same random numbers, so that chance they share drops out "
    "of their difference. Where they do not, the runs are independent and the intervals wider.",
    "A difference says what the inputs that differ do in this model, taken together, and not which of them did it.",
    "Many outcomes and pairs are compared. Some differences exclude zero by chance.",
)


def comparison_html(comparison: Comparison) -> str:
    """The report of a comparison as HTML; the same bytes for the same results."""
    names = [printable(name) for name in comparison.names]
    scenarios = list(dict.fromkeys(printable(study.scenario.title) for study in comparison.studies))
    content: dict[str, Any] = {
        "title": " and ".join(names)
        if len(names) == 2
        else f"{len(names)} studies side by side: {', '.join(names)}",
        "question": "; ".join(scenarios),
        "answer": answer(comparison),
        "plates": plates_of(comparison, fitting(comparison, COMPARISON_FIGURES)),
        "inputs": [
            (f"{name}, against {names[0]}", input_rows(lines), len(lines))
            for name, lines in zip(names[1:], comparison.differences, strict=True)
        ],
        "classes": [f"{line[0].upper()}{line[1:]}." for line in comparison.counted.lines()],
        "limits": (*LIMITS, *facts.LIMITS),
        "made": [(name, made_of(study)) for name, study in zip(names, comparison.studies, strict=True)],
        "failed_count": sum(len(study.failed) for study in comparison.studies),
    }
    return rendered("comparison.html", content)


def answer(comparison: Comparison) -> str:
    """Two sentences: what is found, and in how many inputs the sides differ."""
    studies, differences = studies_table(comparison), differences_table(comparison)
    if len(studies):
        found = studies_title(studies)
    elif len(differences):
        found = differences_title(differences)
    else:
        found = "No outcome is in both, so there is nothing to report"
    count = [len(lines) for lines in comparison.differences]
    if not any(count):
        return f"{found}. The inputs are the same."
    least, most = min(count), max(count)
    values = plural(most, "value") if least == most else f"{least:,} to {most:,} values"
    return f"{found}. Their inputs differ in {values}, listed below."


def input_rows(lines: list[str]) -> facts.Rows:
    """Key path, left, right of the inputs that differ; the number of runs and the versions last."""
    rows = []
    for line in lines:
        path, _, values = line.partition(": ")
        left, _, right = values.removesuffix(" right").rpartition(" left, ")
        rows.append([path, _cut(left), _cut(right)])
    rows.sort(key=lambda row: (row[0].startswith(("versions", "runs", "scenario.")), row[0]))
    return rows[:MOST_INPUTS]


def _cut(text: str) -> str:
    text = "not there" if text == "None" else printable(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]  # words stand without their quotes
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def made_of(study: Result | SweepResult) -> facts.Rows:
    """How one side was made."""
    return sweep_page.made_rows(study) if isinstance(study, SweepResult) else facts.made_rows(study)

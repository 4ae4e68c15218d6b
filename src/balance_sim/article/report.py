"""The table of the mechanisms in the report of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim.show.report.tables import cell
from balance_sim.show.study_types import Section

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult

HEADS = (
    "mechanism",
    "measured as",
    "value",
    "low",
    "high",
    "found",
    "placebo rank",
    "note",
)


def section(result: AnalysedResult) -> Section | None:
    """The section of a run's report; None without the plug-in or an arm to compare."""
    if result.headline_arm is None or "mechanisms" not in result.additions:
        return None
    template = "article/templates/mechanisms.html"
    content = {"heads": HEADS, "rows": mechanism_rows(result.additions["mechanisms"])}
    return Section("mechanisms", "Mechanisms of the argument", template, content)


def mechanism_rows(mechanisms: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Cells of the table, a row a mechanism in the order of HEADS."""
    rows = []
    for name, row in mechanisms.items():
        sign = "size only" if row["tag"] == "implied" else row["found"]
        numbers = [row["value"], *row["ci95"], sign, row["placebo_rank"]]
        note = row.get("why") or row.get("note")
        cells = ["-" if value is None else cell(value) for value in numbers]
        rows.append([f"{name} {row['name']}", row["measure"], *cells, note or ""])
    return rows

"""The page of a sweep: how far the excess depends on the factors, point by point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim.show.figures.sweeps import headline_effects, multiples_table, multiples_title
from balance_sim.show.gallery import fitting
from balance_sim.show.report import facts
from balance_sim.show.report.page import plates_of, rendered
from balance_sim.show.report.tables import MOST_ROWS, cell
from balance_sim.show.sweep_gallery import SWEEP_FIGURES
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, plural, printable

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.results.sweep_result import SweepResult


def sweep_html(sweep: SweepResult) -> str:
    """The report of a sweep as HTML; the same bytes for the same results."""
    found = headline_effects(sweep)
    scenario = sweep.scenario
    content: dict[str, Any] = {
        "title": printable(str(sweep.manifest.design.title or sweep.name)),
        "question": f"{printable(scenario.title)}. {printable(sweep.question)}",
        "answer": answer(sweep, found),
        "plates": plates_of(sweep, fitting(sweep, SWEEP_FIGURES)),
        "heads": [*sweep.paths, "excess", "low", "high", "MC error", "runs"],
        "numeric": [False] * len(sweep.paths) + [True] * 5,
        "points": point_rows(sweep, found),
        "count": len(found),
        "outcome": sweep.headline_outcome.replace("_", " "),
        "factors": factor_rows(sweep),
        "parameters": facts.parameter_rows(scenario),
        "arms": facts.arm_rows(scenario, sweep.arms),
        "made": made_rows(sweep),
        "limits": facts.LIMITS,
        "failed_count": len(sweep.failed),
    }
    return rendered("sweep.html", content)


def answer(sweep: SweepResult, found: pd.DataFrame) -> str:
    """The range of the excess over the points, at how many of them it can be told from none, and which way."""
    if found.empty:
        return "No arm to compare, or no point finished, so there is nothing to report."
    sure = found[clear(found)]
    more, fewer = int((sure["mean"] > 0).sum()), int((sure["mean"] < 0).sum())
    arm, reference = arm_words(str(sweep.headline_arm)), arm_words(sweep.reference)
    runs = plural(sweep.runs, "run")
    told = f" Of those told from none {more} have more and {fewer} fewer." if len(sure) else ""
    return f"{multiples_title(multiples_table(sweep))}.{told} {arm} over {reference}, {runs} a point."


def point_rows(sweep: SweepResult, found: pd.DataFrame) -> facts.Rows:
    """The points with the largest and the smallest excess, in that order."""
    if found.empty:
        return []
    order = found.sort_values(["mean", "point"], ascending=[False, True], kind="stable")
    half = MOST_ROWS // 2
    part = order if len(order) <= MOST_ROWS else order.iloc[[*range(half), *range(-half, 0)]]
    columns = [*sweep.paths, "mean", "lo", "hi", "mcse", "n"]
    return [[cell(row[name]) for name in columns] for row in part.to_dict("records")]


def factor_rows(sweep: SweepResult) -> facts.Rows:
    """Each factor: key path, how many values, the least and the most, or the words."""
    rows = []
    for path in sweep.paths:
        values = sorted(
            sweep.points[path].unique(),
            key=lambda v: (not isinstance(v, int | float), v if isinstance(v, int | float) else str(v)),
        )
        words = (
            ", ".join(cell(v) for v in values)
            if len(values) <= 8
            else f"{cell(values[0])} to {cell(values[-1])}"
        )
        rows.append([path, str(len(values)), words])
    return rows


def made_rows(sweep: SweepResult) -> facts.Rows:
    """How it was made, in a form that can be repeated."""
    manifest, scenario = sweep.manifest, sweep.scenario
    rows = [
        ["experiment", sweep.name],
        ["scenario", f"{scenario.name}, sha256 {scenario.sha256}"],
        ["design", manifest.design.method or ""],
        ["points", f"{len(sweep.table.numbers()):,}"],
        ["arms", ", ".join(sweep.arms)],
        [
            "runs",
            f"{sweep.runs:,} of every arm and point" + facts.failed_and_missing(sweep),
        ],
        ["seed", str(sweep.seed)],
        ["digest", sweep.digest],
        ["versions", ", ".join(f"{name} {v}" for name, v in manifest.versions.items())],
    ]
    return [*rows, *([["command", manifest.command]] if manifest.command else [])]

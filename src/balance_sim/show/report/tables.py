"""Tables of a page: what stands under each figure, and what a report says besides them,
as rows of words.

The templates call them by name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from balance_sim.scenario.defaults import parameter_table
from balance_sim.scenario.setter import value_at
from balance_sim.show import wording as say
from balance_sim.show.diary import change_lines
from balance_sim.study.export import harmless_frame
from balance_sim.study.manifest import read_manifest
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.show.figures.style import FigureSpec
    from balance_sim.study.result import Result

type Rows = list[list[str]]

MOST_ROWS = 12
"""Of a table that is shown; longer ones are in the download alone."""


def shown(figure: FigureSpec, table: pd.DataFrame) -> dict[str, Any]:
    """Return the numbers of a figure in the form of the page.

    Returns
    -------
    heads; rows as words, none where there are more than MOST_ROWS; numeric: which
    columns are of numbers; count: how many rows there are in all; link, file: all of
    them to download
    """
    rows = figure.rows(table) if len(table) else table
    read = rows[figure.columns.split()] if len(table) and figure.columns else rows
    heads = {"name_a": "state", "name_b": "with"}
    numeric = [
        pd.api.types.is_numeric_dtype(column) and column.dtype != bool
        for _, column in read.items()
    ]
    return {
        "heads": [heads.get(name, name.replace("_", " ")) for name in read.columns],
        "rows": [] if len(read) > MOST_ROWS else read.to_numpy(object).tolist(),
        "numeric": numeric,
        "count": len(rows),
        "link": data_uri(rows),
        "file": f"{figure.name}.csv",
    }


def cell(value: object) -> str:
    """Return a value as it is read: numbers with four digits, a dash where there is
    none."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{float(value) + 0.0:.4g}" if np.isfinite(value) else "-"
    return "-" if value is None else listed(value)


def data_uri(table: pd.DataFrame) -> str:
    """Return the whole table as CSV in a link: numbers with four digits, no cell a
    formula."""
    harmless = harmless_frame(table)
    text = harmless.to_csv(index=False, lineterminator="\n", float_format="%.4g")
    return "data:text/csv;charset=utf-8," + quote(text, safe=",.:-_ ")


# -- inputs ----------------------------------------------------------------------------


def changes(scenario: Scenario, name: str) -> str:
    """Return what an arm changes of the scenario: events that it drops and adds, facts
    that change on a day, and values that it sets."""
    arm = scenario.arms[name]
    pieces = [f"without {event}" for event in arm.drop]
    pieces += [f"with {event.id} ({event.date})" for event in arm.add]
    pieces += change_lines(scenario, arm.changes)
    pieces += [f"{path} = {listed(value)}" for path, value in arm.set.items()]
    return "; ".join(pieces) or "nothing"


def listed(value: object) -> str:
    """Return a value of a scenario; of a list its members."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def parameter_rows(scenario: Scenario) -> list[list[object]]:
    """Return every parameter: path, the value of this study, default where it differs,
    unit, range or standard error, source."""
    rows = []
    for row in parameter_table():
        default = value = row["value"]
        with suppress(LookupError):  # a scenario without, say, this type of agreement
            value = value_at(scenario, str(row["path"]))
        cells = [value, "" if value == default else default, row["unit"]]
        rows.append([row["path"], *cells, say.spread_words(row), row["source"]])
    return rows


# -- how it was made -------------------------------------------------------------------


def failed_and_missing(study: Result | SweepResult) -> str:
    """Return what a number of replications is to be read with; empty where all are
    there."""
    words = f"; {len(study.failed):,} failed" if study.failed else ""
    if study.missing_runs:
        words += (
            f"; {study.missing_runs:,} of all that were asked for are missing, and in "
            "no number here"
        )
    return words


def made_rows(study: Result | SweepResult) -> Rows:
    """Return how a run or a sweep was made, in a form that can be repeated.

    A study that was never written into a folder has no command and no versions but that
    of the program.
    """
    scenario = study.scenario
    manifest = None if study.folder is None else read_manifest(study.folder)
    rows = {"scenario": f"{scenario.name}, sha256 {scenario.sha256}"}
    if isinstance(study, SweepResult):
        rows["experiment"] = study.name
        rows["design"] = study.manifest.design.method or "points of a list"
        rows["points"] = f"{len(study.table.numbers()):,}"
    else:
        steps = f"steps of {scenario.step_days:g} days"
        rows["time"] = f"{scenario.start} to {scenario.end}, {steps}"
        rows["theory"] = scenario.theory.preset
    rows["arms"] = ", ".join(study.arms)
    rows["replications"] = f"{study.runs:,} of every arm{failed_and_missing(study)}"
    rows |= {"seed": str(study.seed), "digest": study.digest}
    versions = {"balance_sim": getattr(study, "version", "")}
    if manifest is not None:
        rows |= {"agents": manifest.model or "", "command": manifest.command}
        versions = manifest.versions[-1].programs
    rows["versions"] = ", ".join(f"{name} {text}" for name, text in versions.items())
    return [[name, text] for name, text in rows.items() if text]

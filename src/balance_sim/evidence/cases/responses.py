"""The table of what is on record as an answer to a signal. Columns: docs/cases.md.

`counter` and `bandwagon` rows are responses. Every other row is kept and reported, and
not scored: `other` rows, rows with a side that is no state of the scenario (NATO, EU,
SCO), rows outside the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from balance_sim.evidence.cases.tables import state_code
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Table, open_table
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.schema import Scenario

RESPONSES = ("counter", "bandwagon")
DIRECTIONS = (*RESPONSES, "other")
COLUMNS = "case_id state_a! state_b! date! direction! agreement_id"
SIDES = ["state_a", "state_b"]
PERIODS = {"month": "M", "year": "Y"}
"""What is known of an imprecise date, and how pandas calls it."""


def responses_of(path: Path | str, case_id: str) -> pd.DataFrame:
    """The rows of one case; all where no row has a case.

    What is wrong in the rows of other cases is no matter. A blank agreement_id makes
    the row an agreement of its own. A date may be a month or a year. Raises
    DataError.

    Returns
    -------
    DataFrame : line of the table; state_a, state_b; date as the table has it, first and
        latest day of what is known of it; direction; agreement_id
    """
    table = open_table(path, "responses", COLUMNS)
    ids = table.text["case_id"]
    if (ids != "").any():
        table.text = table.text[ids == case_id]
    if table.text.empty:
        raise DataError(
            "no response is recorded for this case",
            f"The cases found are: {', '.join(ids.unique()[:20]) or 'none'}",
            path,
            column="case_id",
            value=case_id,
        )
    return _responses(table)


def _responses(table: Table) -> pd.DataFrame:
    """The rows of a table, checked. Raises DataError."""
    text, direction = table.text, table.text["direction"].str.lower()
    table.refuse(
        "direction",
        ~direction.isin(DIRECTIONS),
        "this is no direction",
        f"Write one of {', '.join(DIRECTIONS)}",
    )
    latest, precision = table.dates("date", end=True)
    table.refuse("date", latest.isna(), "a response needs a date", "Write YYYY-MM-DD")
    for side in SIDES:
        table.refuse(
            side,
            text[side] == "",
            "a side is missing",
            "Name a state or an organisation",
        )
    first = latest
    for unit, period in PERIODS.items():
        first = first.mask(precision == unit, latest.dt.to_period(period).dt.start_time)
    own_ids = "line-" + text.index.astype(str)
    return pd.DataFrame(
        {
            "line": text.index,
            **{side: text[side].map(_code) for side in SIDES},
            "date": text["date"],
            "first": first,
            "latest": latest,
            "direction": direction,
            "agreement_id": text["agreement_id"].mask(
                text["agreement_id"] == "", own_ids
            ),
        }
    )


def _code(word: str) -> str:
    """The code of a state, or the word itself."""
    return state_code(word) or word.upper()


def sorted_out(responses: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """The same rows in the scenario's codes, and in `why_not` the reason for which each
    is not scored; empty where it is."""
    code_of = {codes.current_iso3(code): code for code in scenario.codes}
    sides = responses[SIDES].map(
        lambda code: code_of.get(codes.current_iso3(code), code)
    )
    rows = responses.assign(**sides)
    return rows.assign(
        state_a=sides.min(axis=1),
        state_b=sides.max(axis=1),
        why_not=[_why_not(row, scenario) for row in rows.itertuples()],
    )


def _why_not(row: Any, scenario: Scenario) -> str:
    """Why a row is not scored; empty if it is."""
    if row.direction not in RESPONSES:
        return f"direction `{row.direction}`: not a response"
    for side in (row.state_a, row.state_b):
        if side not in scenario.codes:
            roster = " of the scenario" if state_code(side) else ""
            return f"{side}: not a state{roster}"
    if row.state_a == row.state_b:
        return "both sides are one state"
    if {row.state_a, row.state_b} <= {*classes_of(scenario).participants}:
        return "both sides are participants"
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    if row.latest.date() < focal.date or row.first.date() >= scenario.end:
        return f"outside the window {focal.date}..{scenario.end}"
    return ""

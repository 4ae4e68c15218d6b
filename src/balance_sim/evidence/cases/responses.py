"""The table of what is on record as an answer to a signal. Columns: docs/cases.md.

`counter` and `bandwagon` rows are responses. Every other row is kept and reported, and
not scored: `other` rows, rows with a side that is no state of the scenario (NATO, EU,
SCO), rows outside the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from balance_sim.evidence.cases.tables import state_code
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Table, open_table
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.schema import Scenario

RESPONSES = ("counter", "bandwagon")
DIRECTIONS = (*RESPONSES, "other")
COLUMNS = "case_id state_a! state_b! date! direction! agreement_id"


@dataclass(frozen=True)
class Response:
    """One row. `on`: the first day of what is known of its date, `latest` the last;
    written: the date as the table has it.

    why_not: the reason for which it is not scored, empty if it is."""

    line: int
    state_a: str
    state_b: str
    on: date
    latest: date
    written: str
    direction: str
    agreement_id: str
    why_not: str = ""


def responses_of(path: Path | str, case_id: str) -> list[Response]:
    """The rows of one case; all where no row has a case.

    What is wrong in the rows of other cases is no matter. A blank agreement_id makes
    the row an agreement of its own. A date may be a month or a year. Raises
    DataError."""
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


def _responses(table: Table) -> list[Response]:
    """The rows of a table, checked. Raises DataError."""
    direction = table.text["direction"].str.lower()
    is_unknown = ~direction.isin(DIRECTIONS)
    table.refuse(
        "direction",
        is_unknown,
        "this is no direction",
        f"Write one of {', '.join(DIRECTIONS)}",
    )
    days, precision = table.dates("date")
    latest, _ = table.dates("date", end=True)
    table.refuse("date", days.isna(), "a response needs a date", "Write YYYY-MM-DD")
    for side in ("state_a", "state_b"):
        table.refuse(
            side,
            table.text[side] == "",
            "a side is missing",
            "Name a state or an organisation",
        )
    rows = []
    records = zip(table.text.to_dict("records"), latest, precision, strict=True)
    for line, (record, day, unit) in zip(table.text.index, records, strict=True):
        last = day.date()
        starts = {"year": last.replace(month=1, day=1), "month": last.replace(day=1)}
        response = Response(
            line=line,
            state_a=state_code(record["state_a"]) or record["state_a"].upper(),
            state_b=state_code(record["state_b"]) or record["state_b"].upper(),
            on=starts.get(unit, last),
            latest=last,
            written=record["date"],
            direction=record["direction"].lower(),
            agreement_id=record["agreement_id"] or f"line-{line}",
        )
        rows.append(response)
    return rows


def sorted_out(rows: Sequence[Response], scenario: Scenario) -> list[Response]:
    """The same rows in the scenario's codes, each with the reason why it is not scored,
    if there is one."""
    code_of = {codes.current_iso3(code): code for code in scenario.codes}
    responses = []
    for row in rows:
        sides = [
            code_of.get(codes.current_iso3(side), side)
            for side in (row.state_a, row.state_b)
        ]
        a, b = sorted(sides)
        reason = _why_not(row, sides, scenario)
        responses.append(replace(row, state_a=a, state_b=b, why_not=reason))
    return responses


def _why_not(row: Response, sides: Sequence[str], scenario: Scenario) -> str:
    """Why a row is not scored; empty if it is. sides: its states in the scenario's
    codes."""
    if row.direction not in RESPONSES:
        return f"direction `{row.direction}`: not a response"
    for side in sides:
        if side not in scenario.codes:
            roster = " of the scenario" if state_code(side) else ""
            return f"{side}: not a state{roster}"
    if sides[0] == sides[1]:
        return "both sides are one state"
    if {*sides} <= {*classes_of(scenario).participants}:
        return "both sides are participants"
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    if row.latest < focal.date or row.on >= scenario.end:
        return f"outside the window {focal.date}..{scenario.end}"
    return ""

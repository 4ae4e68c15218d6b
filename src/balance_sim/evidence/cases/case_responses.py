"""What is on record as an answer to a case's signal: a table of responses, read and sorted out.

Columns: state_a, state_b, date, direction; and, where they are known, case_id, kind, agreement_id, source,
confidence. `counter` and `bandwagon` rows are responses. Every other row is kept and reported, and not
scored: `other` rows, rows with a side that is no state of the scenario (NATO, EU, SCO), rows outside the
window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from balance_sim.evidence.cases.cases_data import state_code
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Table, open_table
from balance_sim.model.classes import classes_of
from balance_sim.scenario.schema import Scenario

RESPONSES = ("counter", "bandwagon")
DIRECTIONS = (*RESPONSES, "other")
_COLUMNS = {
    "case_id": ("case_id", "case"),
    "state_a": ("state_a", "iso3_a", "a"),
    "state_b": ("state_b", "iso3_b", "b"),
    "kind": ("kind",),
    "date": ("date", "signed"),
    "direction": ("direction",),
    "agreement_id": ("agreement_id",),
    "source": ("source",),
    "confidence": ("confidence",),
}


@dataclass(frozen=True)
class Response:
    """One row. `why_not`: the reason for which it is not scored, empty if it is."""

    line: int
    case_id: str
    state_a: str
    state_b: str
    kind: str
    on: date
    direction: str
    agreement_id: str
    confidence: str
    written: str = ""  # the date as the table has it
    latest: date | None = None  # a month's or a year's last day where no more is known; `on` is its first
    why_not: str = ""


def read_responses(path: Path | str) -> list[Response]:
    """Every row of the table. A blank agreement_id makes the row an agreement of its own. A date may be
    a month or a year. Raises DataError."""
    return _responses(_opened(path))


def responses_of(path: Path | str, case_id: str | None) -> list[Response]:
    """The rows of one case; of the only one there is if none is named; all where none has a case.

    What is wrong in the rows of other cases is no matter. Raises DataError."""
    table = _opened(path)
    ids = table.text["case_id"] if table.has("case_id") else pd.Series("", index=table.text.index)
    known = list(dict.fromkeys(ids))
    if known != [""] and not (case_id is None and len(known) == 1):
        hint = f"The cases found are: {', '.join(known[:20]) or 'none'}"
        if case_id is None:
            raise DataError("the table has more than one case, or none", f"Name one by --case. {hint}", path)
        table.text = table.text[ids == case_id]
        if table.text.empty:
            raise DataError(
                "no response is recorded for this case", hint, path, column="case_id", value=case_id
            )
    return _responses(table)


def _opened(path: Path | str) -> Table:
    """The table as text, its cells without blanks around them."""
    table = open_table(path, "responses", _COLUMNS, ("state_a", "state_b", "date", "direction"))
    table.whole_rows()
    table.text = pd.DataFrame({name: table.text[name].str.strip() for name in table.text})
    return table


def _responses(table: Table) -> list[Response]:
    """The rows of a table, checked."""
    text = table.text
    wrong = ~text["direction"].str.lower().isin(DIRECTIONS)
    if wrong.any():
        known = ", ".join(DIRECTIONS)
        raise table.fault("direction", wrong, "this is no direction", f"Write one of {known}")
    days, precision = table.dates("date")
    latest, _ = table.dates("date", end=True)
    if days.isna().any():
        raise table.fault("date", days.isna(), "a response needs a date", "Write YYYY-MM-DD")
    for side in ("state_a", "state_b"):
        if (text[side] == "").any():
            raise table.fault(side, text[side] == "", "a side is missing", "Name a state or an organisation")
    blank = pd.Series("", index=text.index)
    column = {name: text.get(name, blank).tolist() for name in _COLUMNS}
    lines = table.lines([int(row) for row in text.index])
    rows = []
    for i, line in enumerate(lines):
        a, b = column["state_a"][i].upper(), column["state_b"][i].upper()
        case_id = column["case_id"][i]
        rows.append(
            Response(
                line=line,
                case_id=case_id,
                state_a=state_code(a) or a,
                state_b=state_code(b) or b,
                kind=column["kind"][i],
                on=_first(days.iloc[i].date(), precision.iloc[i]),
                written=column["date"][i],
                latest=latest.iloc[i].date(),
                direction=column["direction"][i].lower(),
                agreement_id=column["agreement_id"][i] or f"line-{line}",
                confidence=column["confidence"][i],
            )
        )
    return rows


def _first(day: date, precision: str) -> date:
    """The first day of what is known of a date."""
    return {"year": day.replace(month=1, day=1), "month": day.replace(day=1)}.get(precision, day)


def sorted_out(rows: Sequence[Response], scenario: Scenario) -> list[Response]:
    """The same rows in the scenario's codes, each with the reason why it is not scored, if there is one."""
    own = {codes.current_iso3(code): code for code in scenario.codes}
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    inside = {*classes_of(scenario).participants}
    out = []
    for row in rows:
        a, b = (own.get(codes.current_iso3(side), side) for side in (row.state_a, row.state_b))
        missing = [side for side in (a, b) if side not in scenario.codes]
        if row.direction not in RESPONSES:
            why = f"direction `{row.direction}`: not a response"
        elif missing:
            what = "not a state of the scenario" if state_code(missing[0]) else "not a state"
            why = f"{missing[0]}: {what}"
        elif a == b:
            why = "both sides are one state"
        elif {a, b} <= inside:
            why = "both sides are participants"
        elif (row.latest or row.on) < focal.date or row.on >= scenario.end:
            why = f"outside the window {focal.date}..{scenario.end}"
        else:
            why = ""
        a, b = sorted((a, b))
        changes = {"state_a": a, "state_b": b, "why_not": why}
        out.append(Response(**{**vars(row), **changes}))
    return out

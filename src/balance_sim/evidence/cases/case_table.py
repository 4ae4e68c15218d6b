"""The table of cases: one row a case, read and checked.

Columns: case_id, signal_date, participants; and, where they are known, label, observers, visibility (1 if
blank), window_months (24 if blank), notes, kind (of the focal event). Lists of states are separated by `;`."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from balance_sim.evidence.cases.cases_data import ORGANISATIONS, state_code
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import open_table
from balance_sim.scenario.defaults import default_tree

FIRST_YEAR = 1900
DEFAULT_WINDOW_MONTHS = 24
LONGEST_WINDOW_MONTHS = 119
"""Windows count days from the focal date, up to 3650."""
TREATY_WORDS = (
    "accord",
    "agreement",
    "alliance",
    "convention",
    "covenant",
    "entente",
    "pact",
    "protocol",
    "treaty",
)
"""A label with one of these words names a `treaty`; any other signal is a `joint_summit`."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_COLUMNS = {
    "case_id": ("case_id",),
    "label": ("label", "title", "name"),
    "signal_date": ("signal_date", "date"),
    "participants": ("participants",),
    "observers": ("observers",),
    "visibility": ("visibility",),
    "window_months": ("window_months",),
    "notes": ("notes", "note"),
    "kind": ("kind",),
}


@dataclass(frozen=True)
class Case:
    """One row: who gave the signal when, who could answer it, and for how long answers count.

    organisations: named among the observers, and no states. path, line: where the row stands, for messages."""

    case_id: str
    label: str
    signal_date: date
    participants: tuple[str, ...]
    observers: tuple[str, ...]
    visibility: float = 1.0
    window_months: int = DEFAULT_WINDOW_MONTHS
    notes: str = ""
    kind: str = ""
    organisations: tuple[str, ...] = ()
    path: Path | str | None = field(default=None, compare=False)
    line: int | None = field(default=None, compare=False)

    @property
    def last_day(self) -> date:
        """The last day on which an answer counts."""
        months = self.signal_date.month - 1 + self.window_months
        year, month = self.signal_date.year + months // 12, months % 12 + 1
        return date(year, month, min(self.signal_date.day, calendar.monthrange(year, month)[1]))

    @property
    def event_kind(self) -> str:
        """The kind given, else by the words of the label."""
        words = re.findall(r"[a-z]+", self.label.lower())
        by_label = "treaty" if any(word in words for word in TREATY_WORDS) else "joint_summit"
        return self.kind or by_label


def read_cases(path: Path | str) -> dict[str, Case]:
    """Every case of a table, by id. Raises DataError with the line of what is wrong."""
    return {record["case_id"].strip(): case_of(record, path, line) for record, line in _records(path)}


def case_named(path: Path | str, case_id: str) -> Case:
    """One case of a table; what is wrong in the rows of others is no matter. Raises DataError if it is not
    there, with the ids that are."""
    rows = {record["case_id"].strip(): (record, line) for record, line in _records(path)}
    if case_id not in rows:
        known = ", ".join(list(rows)[:20]) or "none"
        raise DataError("there is no such case", f"The cases found are: {known}", path, value=case_id)
    record, line = rows[case_id]
    return case_of(record, path, line)


def _records(path: Path | str) -> list[tuple[dict[str, str], int]]:
    """The rows of a table of cases as text by column, and their lines. Ids are there once."""
    table = open_table(path, "cases", _COLUMNS, ("case_id", "signal_date", "participants"))
    table.whole_rows()
    text = table.text
    twice = text["case_id"].str.strip().duplicated()
    if twice.any():
        raise table.fault("case_id", twice, "this case has two rows", "Keep one row a case")
    records = [{str(k): str(v) for k, v in record.items()} for record in text.to_dict("records")]
    return list(zip(records, table.lines(list(range(len(records)))), strict=True))


@dataclass(frozen=True)
class _Cells:
    """A row as text, and where it stands, for messages."""

    record: Mapping[str, str]
    path: Path | str | None
    line: int | None

    def of(self, column: str) -> str:
        text = str(self.record.get(column) or "").strip()
        found = _CONTROL.search(text)
        if found:
            why = f"control character U+{ord(found.group()):04X}"
            raise DataError(why, "Remove it", self.path, self.line, column)
        return text

    def refused(self, column: str, message: str, hint: str = "Correct it") -> DataError:
        return DataError(message, hint, self.path, self.line, column, self.of(column))


def case_of(record: Mapping[str, str], path: Path | str | None, line: int | None) -> Case:
    """A row of text cells as a Case. Raises DataError."""
    cells = _Cells(record, path, line)
    if not cells.of("case_id"):
        raise cells.refused("case_id", "a case without a name", "Give each case an id")
    kind, kinds = cells.of("kind"), default_tree().fields["event_kinds"].fields
    if kind and kind not in kinds:
        raise cells.refused("kind", "this is no kind of event", f"Write one of {', '.join(kinds)}")
    participants, observers = _codes(cells, "participants"), _codes(cells, "observers", ORGANISATIONS)
    organisations = tuple(code for code in observers if code in ORGANISATIONS)
    observers = tuple(code for code in observers if code not in ORGANISATIONS)
    both = sorted({*participants} & {*observers})
    if both:
        raise cells.refused("observers", f"{both[0]} is a participant already", "Name each state once")
    if not participants:
        raise cells.refused("participants", "no participants", "Name those who gave the signal")
    visibility = _number(cells, "visibility", 1.0, 0.0, 1.0)
    months = _number(cells, "window_months", DEFAULT_WINDOW_MONTHS, 1, LONGEST_WINDOW_MONTHS)
    if months != int(months):
        raise cells.refused("window_months", "this is not a whole number")
    label = cells.of("label") or cells.of("case_id")
    when, notes = _day(cells), cells.of("notes")
    case_id = cells.of("case_id")
    return Case(
        case_id=case_id,
        label=label,
        signal_date=when,
        participants=participants,
        observers=observers,
        visibility=visibility,
        window_months=int(months),
        notes=notes,
        kind=kind,
        organisations=organisations,
        path=path,
        line=line,
    )


def _day(cells: _Cells) -> date:
    try:
        when = date.fromisoformat(cells.of("signal_date"))
    except ValueError:
        raise cells.refused("signal_date", "the signal needs a whole date", "Write YYYY-MM-DD") from None
    if when.year < FIRST_YEAR:
        raise cells.refused("signal_date", f"cases start in {FIRST_YEAR}", "Take a later case")
    return when


def _number(cells: _Cells, column: str, default: float, low: float, high: float) -> float:
    try:
        value = float(cells.of(column) or default)
    except ValueError:
        raise cells.refused(column, "this is not a number") from None
    if not low <= value <= high:
        raise cells.refused(column, f"this lies outside {low:g}..{high:g}")
    return value


def _codes(cells: _Cells, column: str, others: Sequence[str] = ()) -> tuple[str, ...]:
    """The codes of a cell; `others` may stand among them as they are."""
    found: dict[str, None] = {}
    for word in re.split(r"[;,|\s]+", cells.of(column)):
        if not word:
            continue
        code = word.upper() if word.upper() in others else state_code(word)
        if code is None:
            hint = "Write ISO alpha-3 codes, of former states too (SUN, YUG)"
            raise DataError("no state has this code", hint, cells.path, cells.line, column, word)
        if code in found:
            raise DataError("this state is named twice", "Name it once", cells.path, cells.line, column, word)
        found[code] = None
    return tuple(found)

"""A case from history becomes a scenario: one row of a table of cases, and the series at the case's date.

Columns of the table: case_id, signal_date, participants; and, where they are known, label, observers,
visibility (1 if blank), window_months (24 if blank), notes, kind (of the focal event). Lists of states are
separated by `;`. The rules by which a row and the series become a scenario are in docs/cases.md; they are the
same for every case and none was chosen by what happened afterwards."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from balance_sim.evidence.cases_accords import accord_rows
from balance_sim.evidence.cases_data import Actor, Series, actor, is_state_in, state_code
from balance_sim.evidence.cases_pairs import dispute_rows, distance_rows
from balance_sim.evidence.cases_states import Row, state_rows
from balance_sim.evidence.cases_text import scenario_files
from balance_sim.evidence.errors import DataError
from balance_sim.evidence.readers.table import open_table
from balance_sim.scenario.actors import IDENTIFIER
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
    """One row: who gave the signal when, who could answer it, and for how long answers count."""

    case_id: str
    label: str
    signal_date: date
    participants: tuple[str, ...]
    observers: tuple[str, ...]
    visibility: float = 1.0
    window_months: int = DEFAULT_WINDOW_MONTHS
    notes: str = ""
    kind: str = ""

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
    return {record["case_id"].strip(): _case(record, path, line) for record, line in _records(path)}


def case_named(path: Path | str, case_id: str) -> Case:
    """One case of a table; what is wrong in the rows of others is no matter. Raises DataError if it is not
    there, with the ids that are."""
    rows = {record["case_id"].strip(): (record, line) for record, line in _records(path)}
    if case_id not in rows:
        known = ", ".join(list(rows)[:20]) or "none"
        raise DataError("there is no such case", f"The cases found are: {known}", path, value=case_id)
    record, line = rows[case_id]
    return _case(record, path, line)


def _records(path: Path | str) -> list[tuple[dict[str, str], int]]:
    """The rows of a table of cases as text by column, and their lines. Ids are there once."""
    table = open_table(path, "cases", _COLUMNS, ("case_id", "signal_date", "participants"))
    text = table.text
    twice = text["case_id"].str.strip().duplicated()
    if twice.any():
        raise table.fault("case_id", twice, "this case has two rows", "Keep one row a case")
    records = [{str(k): str(v) for k, v in record.items()} for record in text.to_dict("records")]
    return list(zip(records, table.lines(list(range(len(records)))), strict=True))


def build_case(case: Case | Mapping[str, str], data_dir: Path | str, name: str) -> dict[str, str]:
    """The files of a scenario, by their path beside NAME.yaml: NAME.yaml itself and NAME/*.csv.

    case: a row of the table of cases, read or as text by column. data_dir: folder of the series, under the
    names that evidence.panel.FILES lists; only the capabilities must be there. Nothing dated on or after the
    signal is read into the scenario. Raises DataError."""
    if not isinstance(case, Case):
        case = _case(dict(case), None, None)
    if not IDENTIFIER.fullmatch(name):
        raise DataError(
            "this is no name for a scenario", "Take letters, digits, _ and -, up to 64 of them", value=name
        )
    series = Series(data_dir)
    actors, left_out = cast(case)
    accords = accord_rows(series, actors, case.participants, case.signal_date)
    states = state_rows(series, actors, case.signal_date, accords)
    disputes = dispute_rows(series, actors, case.signal_date)
    distances, by_capitals = distance_rows(series, actors, case.signal_date)
    tables = {"states": states, "disputes": disputes, "distances": distances, "accords": accords}
    present = {one.code for one in actors}
    targets = targets_of(disputes, case.participants, present)
    notes = [*left_out, *series.notes, *_gaps(series, case, states, by_capitals)]
    roles = {
        "participants": sorted({*case.participants} & present),
        "targets": targets,
        "bloc": allied_with(accords, case.participants, present - {*targets}),
    }
    return scenario_files(case, name, tables, roles, notes)


def cast(case: Case) -> tuple[list[Actor], list[str]]:
    """The states of the case, sorted by code, and why others are left out.

    A state that was none in the year of the signal cannot be in a scenario that starts then."""
    on, found, why = case.signal_date, dict[str, Actor](), list[str]()
    for code in (*case.participants, *case.observers):
        reason = is_state_in(code, (on - timedelta(days=1)).year)
        one = actor(code, on) if reason is None else None
        if one is None:
            why.append(f"Left out: {reason or f'`{code}` has no COW number'}.")
            continue
        same = [other.code for other in found.values() if other.iso3 == one.iso3]
        if same:
            raise DataError(
                f"{same[0]} and {code} are one state", f"Name it once in {case.case_id}", value=code
            )
        found[code] = one
    missing = [code for code in case.participants if code not in found]
    if missing or len(found) < 3:
        detail = f" ({why[0]})" if why else ""
        raise DataError(
            f"{case.case_id} needs its participants and an observer that were states at the time{detail}",
            "Correct the codes or the date",
            value=";".join(missing or found),
        )
    return [found[code] for code in sorted(found)], why


def targets_of(disputes: Sequence[Row], participants: Sequence[str], present: set[str]) -> list[str]:
    """States, not participants, with a rivalry, claim, recent dispute or war with a participant on record."""
    pairs = [{row["a"], row["b"]} for row in disputes]
    hit = {code for pair in pairs if pair & {*participants} for code in pair}
    return sorted((hit & present) - {*participants})


def allied_with(accords: Sequence[Row], participants: Sequence[str], present: set[str]) -> list[str]:
    """The participants and, of `present`, those with a defence pact in force with one of them."""
    pacts = [
        {row["a"], row["b"]}
        for row in accords
        if row["kind"] == "defence_pact" and row["status"] == "in_force"
    ]
    allies = {code for pair in pacts if pair & {*participants} for code in pair}
    return sorted((allies | {*participants}) & present)


def _gaps(series: Series, case: Case, states: Sequence[Row], by_capitals: int) -> list[str]:
    """What the scenario lacks, in words."""
    notes = []
    for name, what in (
        ("rivalry", "Rivalries"),
        ("claims", "Territorial claims"),
        ("disputes", "Militarised disputes and wars"),
        ("atop", "ATOP alliances"),
        ("cow_alliances", "COW alliances"),
        ("accords", "Defence cooperation agreements (DCAD)"),
    ):
        read = series.read(name)
        last = read.report.last_year if read is not None else None
        if last is not None and last < case.signal_date.year - 1:
            notes.append(f"{what} are on record to {last}; what went on then is taken to go on.")
    for field in ("democracy", "ideal_point"):
        missing = [row["id"] for row in states if not row[field]]
        if len(missing) == len(states):
            notes.append(f"{field}: missing for all states; no pair differs in it.")
        elif missing:
            who = ", ".join(missing)
            notes.append(f"{field}: missing for {who}; their pairs take the mean of the others.")
    notes += _capability_notes(states, case.signal_date.year)
    if by_capitals:
        notes.append(f"{by_capitals} pairs without a minimum distance: between capitals.")
    return notes


def _capability_notes(states: Sequence[Row], year: int) -> list[str]:
    """States whose capability is of another year than the one before the signal, or of no series."""
    notes = []
    for row in states:
        found = re.search(r"COW NMC (\d{4})", row["source"])
        if found is None:
            notes.append(f"Capability of {row['id']}: in no series; the least of the other states stands in.")
        elif int(found[1]) != year - 1:
            notes.append(f"Capability of {row['id']} is that of {found[1]}.")
    return notes


@dataclass(frozen=True)
class _Cells:
    """A row as text, and where it stands, for messages."""

    record: Mapping[str, str]
    path: Path | str | None
    line: int | None

    def of(self, column: str) -> str:
        return str(self.record.get(column) or "").strip()

    def refused(self, column: str, message: str, hint: str = "Correct it") -> DataError:
        return DataError(message, hint, self.path, self.line, column, self.of(column))


def _case(record: Mapping[str, str], path: Path | str | None, line: int | None) -> Case:
    """A row of text cells as a Case. Raises DataError."""
    cells = _Cells(record, path, line)
    if not cells.of("case_id"):
        raise cells.refused("case_id", "a case without a name", "Give each case an id")
    kind, kinds = cells.of("kind"), default_tree().fields["event_kinds"].fields
    if kind and kind not in kinds:
        raise cells.refused("kind", "this is no kind of event", f"Write one of {', '.join(kinds)}")
    participants, observers = (_codes(cells, name) for name in ("participants", "observers"))
    both = sorted({*participants} & {*observers})
    if both:
        raise cells.refused("observers", f"{both[0]} is a participant already", "Name each state once")
    if not participants:
        raise cells.refused("participants", "no participants", "Name those who gave the signal")
    visibility = _number(cells, "visibility", 1.0, 0.0, 1.0)
    months = _number(cells, "window_months", DEFAULT_WINDOW_MONTHS, 1, LONGEST_WINDOW_MONTHS)
    label = cells.of("label") or cells.of("case_id")
    when, notes = _day(cells), cells.of("notes")
    case_id = cells.of("case_id")
    return Case(case_id, label, when, participants, observers, visibility, int(months), notes, kind)


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


def _codes(cells: _Cells, column: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for word in re.split(r"[;,|\s]+", cells.of(column)):
        if not word:
            continue
        code = state_code(word)
        if code is None:
            hint = "Write ISO alpha-3 codes, of former states too (SUN, YUG)"
            raise DataError("no state has this code", hint, cells.path, cells.line, column, word)
        if code in found:
            raise DataError("this state is named twice", "Name it once", cells.path, cells.line, column, word)
        found[code] = None
    return tuple(found)

"""What users write of cases: the table of cases, the table of what is on record as an
answer to a signal, a plan of cases. Columns: docs/cases.md.

`counter` and `bandwagon` rows are responses. Every other row is kept and reported, and
not scored: `other` rows, rows with a side that is no state of the scenario (NATO, EU,
SCO), rows outside the window."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BeforeValidator, Field, ValidationInfo

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Table, declared, open_table
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.actors import code_table, known
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.plans import read_plan
from balance_sim.scenario.schema import Scenario, Strict
from balance_sim.scenario.validation import refusal

ORGANISATIONS = ("NATO", "EU", "SCO")
"""Named in tables of cases and of responses, and no states."""
LONG_GAP = 20
"""Years without membership of the COW system, between two spells of it, after which a
state had ceased to be one: Korea 1905-49, the Baltic states 1940-91. A shorter one is
an occupation that a government outlived."""
FIRST_YEAR = 1900
DEFAULT_WINDOW_MONTHS = 24
LONGEST_WINDOW_MONTHS = 119
"""Windows count days from the focal date, up to 3650."""
_TREATY = re.compile(
    "(?<![a-z])(accord|agreement|alliance|convention|covenant|entente|pact|protocol"
    "|treaty)(?![a-z])"
)
"""A label with one of these words names a `treaty`; any other signal is a
`joint_summit`."""
RESPONSES = ("counter", "bandwagon")
DIRECTIONS = (*RESPONSES, "other")
_CASES = declared(
    "case_id! label=label|title|name signal_date!=signal_date|date participants! "
    "observers visibility window_months notes=notes|note kind"
)
_RESPONSES = declared(
    "case_id=case_id|case state_a!=state_a|iso3_a|a state_b!=state_b|iso3_b|b "
    "date!=date|signed direction! agreement_id"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Actor:
    """A state of a case. code: as the scenario has it, of the date where the case gives
    one (SUN, YUG, BUR); iso3: the code of the series; cows: its COW numbers through
    time; cow: the one that counts at the date."""

    code: str
    iso3: str
    name: str
    cows: tuple[int, ...]
    cow: int


def actor(code: str, on: date) -> Actor | None:
    """The state with that code; None if the code tables have no COW number for it."""
    iso3, table = codes.current_iso3(code), codes.state_codes()
    spells = table[table["iso3"] == iso3].sort_values("start")
    if spells.empty:
        return None
    day = pd.Timestamp(on)
    at_date = spells[(spells["start"] <= day) & (spells["end"] >= day)]
    earlier = spells[spells["end"] < day]
    spell = spells.iloc[0]
    if len(at_date):
        spell = at_date.iloc[-1]
    elif len(earlier):
        spell = earlier.iloc[-1]
    cows = tuple(int(cow) for cow in dict.fromkeys(spells["cow"]))
    return Actor(code, iso3, code_table()[code].name, cows, int(spell["cow"]))


def state_code(text: str) -> str | None:
    """The ISO3 code (also of a former state) that is meant, or None: COW's
    abbreviations (AUH, GMY) are read where they are no ISO code."""
    code = text.strip().upper()
    if code in code_table():
        return code
    table = codes.state_codes()
    is_match = (table["abbreviation"] == code) & (table["iso3"] != "")
    matches = {*table.loc[is_match, "iso3"]}
    iso3 = matches.pop() if len(matches) == 1 else None
    return iso3 if iso3 in code_table() else None


def is_state_in(code: str, year: int) -> str | None:
    """None if the code's state existed in that year, else why not, in words."""
    reason = known(code, year)
    if reason is not None:
        return reason
    table = codes.state_codes()
    spells = table[table["iso3"] == codes.current_iso3(code)]
    last = spells[spells["start"].dt.year <= year]["end"].max()
    first = spells[spells["end"].dt.year >= year]["start"].min()
    if pd.isna(last) or pd.isna(first) or not last.year < year < first.year:
        return None
    if first.year - last.year < LONG_GAP:
        return None
    state = f"`{code}` ({code_table()[code].name})"
    years = f"from {last.year} to {first.year}"
    return f"{state} was no member of the state system {years}"


@dataclass(frozen=True)
class Case:
    """One row: who gave the signal when, who could answer it, and for how long answers
    count.

    organisations: named among the observers, and no states. path, line: where the row
    stands, for messages."""

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
        return (
            pd.Timestamp(self.signal_date) + pd.DateOffset(months=self.window_months)
        ).date()

    @property
    def event_kind(self) -> str:
        """The kind given, else by the words of the label."""
        return self.kind or (
            "treaty" if _TREATY.search(self.label.lower()) else "joint_summit"
        )


def case_named(path: Path | str, case_id: str) -> Case:
    """One case of a table; what is wrong in the rows of others is no matter. Raises
    DataError if it is not there, with the ids that are."""
    table = open_table(path, "cases", *_CASES)
    table.whole_rows()
    ids = table.text["case_id"].str.strip()
    table.refuse(
        "case_id", ids.duplicated(), "this case has two rows", "Keep one row a case"
    )
    if case_id not in set(ids):
        listed = ", ".join(ids[:20]) or "none"
        raise DataError(
            "there is no such case",
            f"The cases found are: {listed}",
            path,
            value=case_id,
        )
    row = list(ids).index(case_id)
    cells = {str(column): str(cell) for column, cell in table.text.iloc[row].items()}
    return case_of(cells, path, table.lines([row])[0])


@dataclass(frozen=True)
class _CaseRow:
    """A row as text, and where it stands, for messages."""

    cells: Mapping[str, str]
    path: Path | str | None
    line: int | None

    def refused(
        self,
        column: str,
        message: str,
        hint: str = "Correct it",
        value: str | None = None,
    ) -> DataError:
        value = self.cells[column] if value is None else value
        return DataError(message, hint, self.path, self.line, column, value)

    def text(self, column: str) -> str:
        control = _CONTROL.search(self.cells[column])
        if control:
            why = f"control character U+{ord(control.group()):04X}"
            raise DataError(why, "Remove it", self.path, self.line, column)
        return self.cells[column]

    def number(self, column: str, default: float, low: float, high: float) -> float:
        try:
            value = float(self.text(column) or default)
        except ValueError:
            raise self.refused(column, "this is not a number") from None
        if not low <= value <= high:
            raise self.refused(column, f"this lies outside {low:g}..{high:g}")
        return value

    def states(self, column: str, others: Sequence[str] = ()) -> tuple[str, ...]:
        """The codes of a cell; `others` may stand among them as they are."""
        named: dict[str, None] = {}
        for word in filter(None, re.split(r"[;,|\s]+", self.text(column))):
            code = word.upper() if word.upper() in others else state_code(word)
            if code is None:
                hint = "Write ISO alpha-3 codes, of former states too (SUN, YUG)"
                raise self.refused(column, "no state has this code", hint, word)
            if code in named:
                raise self.refused(
                    column, "this state is named twice", "Name it once", word
                )
            named[code] = None
        return tuple(named)

    def day(self, column: str) -> date:
        try:
            when = date.fromisoformat(self.text(column))
        except ValueError:
            raise self.refused(
                column, "the signal needs a whole date", "Write YYYY-MM-DD"
            ) from None
        if when.year < FIRST_YEAR:
            raise self.refused(
                column, f"cases start in {FIRST_YEAR}", "Take a later case"
            )
        return when


def case_of(
    record: Mapping[str, str], path: Path | str | None, line: int | None
) -> Case:
    """A row of text cells as a Case. Raises DataError."""
    row = _CaseRow(
        {column: str(record.get(column) or "").strip() for column in _CASES[0]},
        path,
        line,
    )
    if not row.text("case_id"):
        raise row.refused("case_id", "a case without a name", "Give each case an id")
    kind, kinds = row.text("kind"), default_tree().fields["event_kinds"].fields
    if kind and kind not in kinds:
        raise row.refused(
            "kind", "this is no kind of event", f"Write one of {', '.join(kinds)}"
        )
    participants, named = (
        row.states("participants"),
        row.states("observers", ORGANISATIONS),
    )
    observers = tuple(code for code in named if code not in ORGANISATIONS)
    twice = sorted({*participants} & {*observers})
    if twice:
        raise row.refused(
            "observers", f"{twice[0]} is a participant already", "Name each state once"
        )
    if not participants:
        raise row.refused(
            "participants", "no participants", "Name those who gave the signal"
        )
    visibility = row.number("visibility", 1.0, 0.0, 1.0)
    months = row.number(
        "window_months", DEFAULT_WINDOW_MONTHS, 1, LONGEST_WINDOW_MONTHS
    )
    if months != int(months):
        raise row.refused("window_months", "this is not a whole number")
    return Case(
        case_id=row.text("case_id"),
        label=row.text("label") or row.text("case_id"),
        signal_date=row.day("signal_date"),
        participants=participants,
        observers=observers,
        visibility=visibility,
        window_months=int(months),
        notes=row.text("notes"),
        kind=kind,
        organisations=tuple(code for code in named if code in ORGANISATIONS),
        path=path,
        line=line,
    )


@dataclass(frozen=True)
class Response:
    """One row. `on`: the first day of what is known of its date, `latest` the last;
    written: the date as the table has it.

    why_not: the reason for which it is not scored, empty if it is."""

    line: int
    case_id: str
    state_a: str
    state_b: str
    on: date
    direction: str
    agreement_id: str
    written: str
    latest: date
    why_not: str = ""


def responses_of(path: Path | str, case_id: str | None) -> list[Response]:
    """The rows of one case; of the only one there is if none is named; all where none
    has a case.

    What is wrong in the rows of other cases is no matter. A blank agreement_id makes
    the row an agreement of its own. A date may be a month or a year. Raises
    DataError."""
    table = open_table(path, "responses", *_RESPONSES)
    table.whole_rows()
    table.text = table.text.apply(lambda column: column.str.strip())
    ids = table.words("case_id")
    case_ids = list(dict.fromkeys(ids))
    if case_ids != [""] and not (case_id is None and len(case_ids) == 1):
        hint = f"The cases found are: {', '.join(case_ids[:20]) or 'none'}"
        if case_id is None:
            raise DataError(
                "the table has more than one case, or none",
                f"Name one by --case. {hint}",
                path,
            )
        table.text = table.text[ids == case_id]
        if table.text.empty:
            message = "no response is recorded for this case"
            raise DataError(message, hint, path, column="case_id", value=case_id)
    is_unknown = ~table.text["direction"].str.lower().isin(DIRECTIONS)
    hint = f"Write one of {', '.join(DIRECTIONS)}"
    table.refuse("direction", is_unknown, "this is no direction", hint)
    return _responses(table)


SIDES = ("state_a", "state_b")


def _responses(table: Table) -> list[Response]:
    days, precision = table.dates("date")
    latest, _ = table.dates("date", end=True)
    table.refuse("date", days.isna(), "a response needs a date", "Write YYYY-MM-DD")
    for side in SIDES:
        hint = "Name a state or an organisation"
        table.refuse(side, table.text[side] == "", "a side is missing", hint)
    cells = table.text.reindex(columns=list(_RESPONSES[0]), fill_value="")
    records = cells.to_dict("records")
    lines = table.lines([int(row) for row in table.text.index])
    rows = []
    for record, line, when, unit, last in zip(
        records, lines, days, precision, latest, strict=True
    ):
        day = when.date()
        starts = {"year": day.replace(month=1, day=1), "month": day.replace(day=1)}
        sides = [state_code(record[side]) or record[side].upper() for side in SIDES]
        rows.append(
            Response(
                line=line,
                case_id=record["case_id"],
                state_a=sides[0],
                state_b=sides[1],
                on=starts.get(unit, day),
                direction=record["direction"].lower(),
                agreement_id=record["agreement_id"] or f"line-{line}",
                written=record["date"],
                latest=last.date(),
            )
        )
    return rows


def sorted_out(rows: Sequence[Response], scenario: Scenario) -> list[Response]:
    """The same rows in the scenario's codes, each with the reason why it is not scored,
    if there is one."""
    code_of = {codes.current_iso3(code): code for code in scenario.codes}
    participants = {*classes_of(scenario).participants}
    responses = []
    for row in rows:
        sides = [
            code_of.get(codes.current_iso3(side), side)
            for side in (row.state_a, row.state_b)
        ]
        a, b = sorted(sides)
        response = replace(row, state_a=a, state_b=b)
        absent = [side for side in sides if side not in scenario.codes]
        why = _not_scored(response, absent)
        if not why and {a, b} <= participants:
            why = "both sides are participants"
        responses.append(replace(response, why_not=why or _outside(row, scenario)))
    return responses


def _not_scored(row: Response, absent: Sequence[str]) -> str:
    """Why a row is no response of two states of the scenario; empty if it is one.
    absent: its sides that are none."""
    if row.direction not in RESPONSES:
        return f"direction `{row.direction}`: not a response"
    if absent:
        is_state = state_code(absent[0])
        end = "not a state of the scenario" if is_state else "not a state"
        return f"{absent[0]}: {end}"
    return "both sides are one state" if row.state_a == row.state_b else ""


def _outside(row: Response, scenario: Scenario) -> str:
    """Why a row is not of the scenario's window; empty if it is."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    if row.latest >= focal.date and row.on < scenario.end:
        return ""
    return f"outside the window {focal.date}..{scenario.end}"


def _beside(value: object, info: ValidationInfo) -> Path:
    """A path from the plan's folder."""
    if not isinstance(value, str):
        hint = "write its path from this file's folder"
        raise refusal("E501", "expected the name of a file", hint)
    return Path((info.context or {}).get("folder", "")) / value


Beside = Annotated[Path, BeforeValidator(_beside)]
AnyText = Annotated[str, BeforeValidator(str)]


class PlannedCase(Strict):
    """A scenario, and the case of the responses that it stands for; None if none are on
    record."""

    scenario: Beside
    case: AnyText | None = None


class CasesPlan(Strict):
    """Cases to run and score in one go: experiments/cases.yaml. Paths are relative to
    the file's folder."""

    title: AnyText = ""
    responses: Beside
    runs: Annotated[int, Field(ge=1, le=10_000_000)] = 400
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 1
    cases: Annotated[tuple[PlannedCase, ...], Field(min_length=1)]


def read_cases_plan(path: Path | str) -> CasesPlan:
    """The plan in a file; without a title it is called as the file. Raises
    ScenarioError."""
    plan = read_plan(CasesPlan, path, "cases")
    return plan if plan.title else plan.model_copy(update={"title": Path(path).stem})

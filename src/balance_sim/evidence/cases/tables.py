"""What users write of cases: the table of cases, and a plan of cases to run and score.
Columns: docs/cases.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Self

import pandas as pd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import (
    BAD_CELL,
    OUT_OF_BOUNDS,
    TWICE,
    DataError,
)
from balance_sim.evidence.data.table import open_table
from balance_sim.scenario.actors import code_table, known
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.files import find
from balance_sim.scenario.plans import read_plan

ORGANISATIONS = ("NATO", "EU", "SCO")
"""Named in tables of cases and of responses, and no states."""
LONG_GAP = 20
"""Years without membership of the COW system, between two spells of it, after which a
state had ceased to be one: Korea 1905-49, the Baltic states 1940-91. A shorter one is
an occupation that a government outlived."""
FIRST_DAY = date(1900, 1, 1)
LONGEST_WINDOW_MONTHS = 119
"""Windows count days from the focal date, up to 3650."""
_TREATY = re.compile(
    "(?<![a-z])(accord|agreement|alliance|convention|covenant|entente|pact|protocol"
    "|treaty)(?![a-z])"
)
"""A label with one of these words names a `treaty`; any other signal is a
`joint_summit`."""
CASES = "case_id! label signal_date! participants! observers visibility window_months"


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
    begun = spells[spells["start"] <= pd.Timestamp(on)]
    spell = spells.iloc[0] if begun.empty else begun.iloc[-1]
    return Actor(
        code,
        iso3,
        code_table()[code].name,
        tuple(int(cow) for cow in dict.fromkeys(spells["cow"])),
        int(spell["cow"]),
    )


def state_code(text: str) -> str | None:
    """The ISO3 code (also of a former state) that a word is, or None."""
    code = text.strip().upper()
    return code if code in code_table() else None


def is_state_in(code: str, year: int) -> str | None:
    """None if the code's state existed in that year, else why not, in words."""
    if code in ORGANISATIONS:
        return f"{code} is no state"
    reason = known(code, year)
    if reason is not None:
        return reason
    table = codes.state_codes()
    spells = table[table["iso3"] == codes.current_iso3(code)]
    last = spells["end"][spells["start"].dt.year <= year].max()
    first = spells["start"][spells["end"].dt.year >= year].min()
    has_spells = pd.notna(last) and pd.notna(first)
    is_gap = has_spells and last.year < year < first.year
    if not is_gap or first.year - last.year < LONG_GAP:
        return None
    years = f"from {last.year} to {first.year}"
    name = code_table()[code].name
    return f"`{code}` ({name}) was no member of the state system {years}"


# --- the table of cases ---------------------------------------------------------------


def _state_codes(text: str) -> tuple[str, ...]:
    """The codes of a cell; organisations stand among them as they are."""
    named: list[str] = []
    for word in filter(None, re.split(r"[;,|\s]+", text)):
        code = word.upper() if word.upper() in ORGANISATIONS else state_code(word)
        if code is None:
            raise ValueError(f"no state has this code: {word}")
        named.append(code)
    return tuple(named)


Codes = Annotated[tuple[str, ...], BeforeValidator(_state_codes)]


class Case(BaseModel):
    """One row: who gave the signal when, who could answer it, and for how long answers
    count. path, line: where the row stands, for messages."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    case_id: str
    label: str = ""
    signal_date: Annotated[
        date, BeforeValidator(date.fromisoformat), Field(ge=FIRST_DAY)
    ]
    participants: Codes
    observers: Codes = ()
    visibility: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    window_months: Annotated[int, Field(ge=1, le=LONGEST_WINDOW_MONTHS)] = 24
    path: str = ""
    line: int = 0

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        """The same. Raises ValueError for a state that is named twice, and for an
        organisation among the participants."""
        named = (*self.participants, *self.observers)
        twice = [code for code in named if named.count(code) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is named twice")
        if {*self.participants} & {*ORGANISATIONS}:
            raise ValueError("an organisation is no participant: name its states")
        return self

    @property
    def last_day(self) -> date:
        """The last day on which an answer counts."""
        return (
            pd.Timestamp(self.signal_date) + pd.DateOffset(months=self.window_months)
        ).date()

    @property
    def event_kind(self) -> str:
        """The kind of the signal, by the words of the label."""
        is_treaty = _TREATY.search(self.label.lower())
        return "treaty" if is_treaty else "joint_summit"

    def refused(self, message: str, hint: str, column: str, value: str) -> DataError:
        """An error in a cell of the row."""
        return DataError(message, hint, self.path, self.line, column, value)


def case_of(cells: Mapping[str, str], path: str = "", line: int = 0) -> Case:
    """A row of text cells as a Case; blank cells are as if they were not there. Raises
    DataError for the first that is wrong."""
    filled = {column: cell for column, cell in cells.items() if cell}
    try:
        return Case.model_validate({**filled, "path": path, "line": line})
    except ValidationError as error:
        first = error.errors()[0]
        column = str(first["loc"][0]) if first["loc"] else "observers"
        message = first["msg"].removeprefix("Value error, ")
        is_bound = first["type"].startswith(("greater_than", "less_than"))
        code = OUT_OF_BOUNDS if is_bound else BAD_CELL
        value = cells.get(column, "")
        raise DataError(
            message,
            "Correct the cell: docs/cases.md has the columns",
            path,
            line,
            column,
            value,
            code=code,
        ) from None


def case_named(path: Path | str, case_id: str) -> Case:
    """One case of a table; what is wrong in the rows of others is no matter. Raises
    DataError if it is not there, with the ids that are."""
    table = open_table(path, "cases", CASES)
    ids = table.text["case_id"]
    message, hint = "this case has two rows", "Keep one row a case"
    table.refuse("case_id", ids.duplicated(), message, hint, TWICE)
    rows = table.text[ids == case_id]
    if rows.empty:
        raise DataError(
            "there is no such case",
            f"The cases found are: {', '.join(ids[:20]) or 'none'}",
            path,
            value=case_id,
        )
    return case_of(
        {str(column): str(cell) for column, cell in rows.iloc[0].items()},
        table.path,
        int(rows.index[0]),
    )


# --- plans ----------------------------------------------------------------------------


Beside = Annotated[Path, Field(strict=False)]
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
    plan, folder = read_plan(CasesPlan, path, "cases"), find(str(path)).parent
    cases = [
        case.model_copy(update={"scenario": folder / case.scenario})
        for case in plan.cases
    ]
    changes = {"responses": folder / plan.responses, "cases": tuple(cases)}
    return plan.model_copy(update=changes | {"title": plan.title or Path(path).stem})

"""CSV with the line of every row; and tables that become the same rows of nodes as
items written inline.

A table may hold what is published as it is: Correlates of War (COW) numbers in a column
`ccode`, Polity scores in a column `polity`, years where a day is wanted. Each is read
in one way only, and refused where there are two."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TextIO

from balance_sim.scenario.actors import of_cow_number
from balance_sim.scenario.diagnostics import (
    CONTROL,
    Diagnostics,
    Mark,
    ScenarioError,
    closest,
    listed,
    shown,
)
from balance_sim.scenario.files import LARGEST_TABLE, ReadFile, Sources, decoded
from balance_sim.scenario.layout import OTHER_NAMES, SECTIONS, cell_type
from balance_sim.scenario.nodes import (
    REFUSED,
    Node,
    Unclear,
    hint_for_number,
    plain_scalar,
)
from balance_sim.scenario.schema import State

MOST_COLUMNS = 100
MOST_LISTED = 1_000
LONGEST_CELL = 1 << 17  # characters
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_DELIMITERS = {";": "`;`", "\t": "a tab", "|": "`|`"}
_OF_STATES = {
    "ccode": "id",
    "cowcode": "id",
    "polity": "democracy",
    "polity2": "democracy",
}
_OF_DYADS = {"ccode1": "a", "ccode2": "b"}
_YEAR = re.compile(r"[12][0-9]{3}")
_NO_SCORE = {"-66": "foreign interruption", "-77": "interregnum", "-88": "transition"}
"""Codes of Polity5 that are no scores."""


# --- CSV ------------------------------------------------------------------------------


class CsvRow(NamedTuple):
    """A row of a CSV text. line: on which it begins, counted from 1; cells may hold
    line breaks."""

    line: int
    cells: list[str]


class CsvFault(ValueError):
    """What is no CSV: on which line, and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def csv_rows(
    text: str | TextIO,
    delimiter: str = ",",
    *,
    strict: bool = True,
    longest: int = LONGEST_CELL,
    blank: str | None = None,
) -> Iterator[CsvRow]:
    """Rows of a CSV text, blank lines left out. Raises CsvFault, for a quote left open
    or a cell that is too long.

    strict: refuse what follows the closing quote of a cell. longest: characters of a
    cell. blank: those that a blank line may hold, white space if not given.

    >>> [row.line for row in csv_rows('a,b\\n"1\\n2",3\\n\\n4,5\\n')]
    [1, 2, 5]"""
    stream = io.StringIO(text, newline="") if isinstance(text, str) else text
    reader = csv.reader(stream, delimiter=delimiter, strict=strict)
    line, limit = 1, csv.field_size_limit()
    while True:
        csv.field_size_limit(longest)  # one for the whole process: others may move it
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CsvFault(max(1, reader.line_num), str(error)) from None
        finally:
            csv.field_size_limit(limit)
        if cells is None:
            return
        is_blank = len(cells) < 2 and not "".join(cells).strip(blank)
        if not is_blank:
            yield CsvRow(line, cells)
        line = reader.line_num + 1


def delimiter_of(header: str) -> str:
    """What separates the columns: a comma, a tab or a semicolon, whichever the header
    has most of."""
    return max((",", "\t", ";"), key=header.count)


# --- tables of a scenario -------------------------------------------------------------


def read_table(
    item: Node,
    section: str,
    sources: Sources,
    base: str,
    problems: Diagnostics,
    year: int | None = None,
) -> list[Node]:
    """Rows of the table that `item` (`table`, `sha256`) names; what is wrong with it
    goes to `problems`.

    base: the file that holds `item`. year: in which the scenario begins."""
    for key, child in item.without("table", "sha256").fields.items():
        hint = "put fields into an item of their own, beside the table"
        why = f"unknown key `{shown(key)}`"
        problems.add(child.at, f"{section}[].{shown(key)}", "E101", why, hint)
    written, problem_count = item.fields["table"], len(problems)
    rows: list[Node] = []
    try:
        file = sources.beside(
            written.value, base, written.mark, f"{section}[].table", LARGEST_TABLE
        )
        _check_digest(item, section, file, problems)
        table = _Table(file.shown, section, year, problems)
        rows = table.rows(decoded(file.data, file.shown))
    except ScenarioError as error:
        problems += error.problems
    except CsvFault as error:
        mark, why = Mark(file.shown, error.line, 1), f"not a CSV row: {error}"
        problems.add(mark, section, "E604", why, "check the quotes")
    is_lost = not rows and len(problems) > problem_count
    return [Node(REFUSED, item.mark)] if is_lost else rows


def _check_digest(
    item: Node, section: str, file: ReadFile, problems: Diagnostics
) -> None:
    """The sha256 that is declared for a table is the one that it has."""
    digest = hashlib.sha256(file.data).hexdigest()
    declared = item.get("sha256")
    is_told = any(problem.code == "W310" for problem in problems)
    if declared is None and not is_told:
        why = f"no sha256 declared for `{file.shown}`"
        hint = "`balance-sim check --seal` writes it"
        problems.add(item, f"{section}[].table", "W310", why, hint)
    elif declared is not None and declared.text.lower() != digest:
        why = f"`{file.shown}` has another sha256 than `{shown(declared.text, 70)}`"
        hint = f"the file's is {digest}; restore the file or declare that"
        problems.add(declared, f"{section}[].sha256", "E610", why, hint)


class _Table:
    """Reads the table of one section.

    published: columns that hold a field in the way in which it is published, and the
    field. fields: that the columns stand for, None for notes. years: where dates are
    years alone, by field."""

    def __init__(
        self, file: str, section: str, year: int | None, problems: Diagnostics
    ) -> None:
        self.file, self.section, self.year = file, section, year
        self.model = SECTIONS[section].model
        self.known = self.model.model_fields
        self.published = {}
        if self.model is State:
            self.published = _OF_STATES
        elif {"a", "b"} <= self.known.keys():
            self.published = _OF_DYADS
        self.columns: list[str] = []
        self.fields: list[str | None] = []
        self.years: dict[str, list[Mark]] = {}
        self.problems = problems

    def refuse(
        self, mark: Mark, code: str, message: str, hint: str = "", allowed: str = ""
    ) -> Node:
        """The node that stands for a row that is refused."""
        self.problems.add(mark, self.section, code, message, hint, allowed)
        return Node(REFUSED, mark)

    def rows(self, text: str) -> list[Node]:
        """All rows; none where the text or its header is refused. Raises CsvFault."""
        start = Mark(self.file, 1, 1)
        if not text.strip():
            self.refuse(start, "E004", "the table is empty", "write a header")
            return []
        control = CONTROL.search(text)
        if control is not None:
            line = text.count("\n", 0, control.start()) + 1
            why = f"control character U+{ord(control.group()):04X}"
            self.refuse(Mark(self.file, line, 1), "E007", why, "remove it")
            return []
        records = csv_rows(text)
        line, header = next(records)
        if not self.read_header(header, Mark(self.file, line, 1)):
            return []
        rows: list[Node] = []
        row_limit = SECTIONS[self.section].row_limit
        for line, cells in records:
            mark = Mark(self.file, line, 1)
            if not any(cell.strip() for cell in cells):
                continue  # Excel leaves such rows
            if len(rows) >= row_limit:
                rows.append(self.refuse(mark, "E022", f"more than {row_limit:,} rows"))
                break
            rows.append(self.row(cells, mark))
        for field, marks in self.years.items():
            why = f"{len(marks):,} dates are years alone, read as 1 January"
            hint, path = "write days where they are known", f"{self.section}[].{field}"
            self.problems.add(marks[0], path, "W313", why, hint)
        return rows

    def read_header(self, header: Sequence[str], mark: Mark) -> bool:
        """Whether the first row names columns that can be read."""
        separators = [text for text in _DELIMITERS if text in header[0]]
        if len(header) == 1 and separators:
            why = f"{_DELIMITERS[separators[0]]} used as delimiter"
            self.refuse(mark, "E606", why, "save the table with commas between cells")
            return False
        if len(header) > MOST_COLUMNS:
            why = f"{len(header):,} columns, more than {MOST_COLUMNS}"
            self.refuse(mark, "E602", why)
            return False
        self.columns = [column.strip(" \t\u00a0\u200b\ufeff") for column in header]
        self.fields = [self.field_of(column) for column in self.columns]
        missing = [
            f"`{name}`"
            for name, info in self.known.items()
            if info.is_required() and name not in self.fields
        ]
        meant = [closest(column, self.known) for column in self.columns if column]
        if not any(self.fields) and not any(meant):
            labels = listed((f"`{shown(cell, 30)}`" for cell in header), 3)
            why = f"the first row names no column: it holds {labels}"
            hint = "write a first row with the names of the columns"
            self.refuse(mark, "E601", why, hint, listed(self.known, 30))
            return False
        is_right = [
            self.check_column(position, mark) for position in range(len(header))
        ]
        if all(is_right) and missing:
            why = f"missing column {listed(missing)}"
            hint = "the first row must name the columns"
            self.refuse(mark, "E601", why, hint, listed(self.known, 30))
        return all(is_right) and not missing

    def field_of(self, column: str) -> str | None:
        """The field that a column holds, however its name is spelt: `GDP (bn)` is
        `gdp_bn`."""
        if column in self.known or column in self.published:
            return self.published.get(column, column)
        folded = re.sub(r"\W+", "_", column.casefold()).strip("_")
        return folded if folded in self.known else None

    def check_column(self, position: int, header: Mark) -> bool:
        """Whether the column is known, or holds notes, and no other is the same."""
        column, field = self.columns[position], self.fields[position]
        mark = Mark(header.file, header.line, position + 1)
        if field is not None and self.fields.index(field) < position:
            why, hint = f"`{field}` stands in two columns", "keep one of the two"
            self.refuse(mark, "E605", why, hint)
            return False
        if column and column in self.columns[:position]:
            self.refuse(mark, "E605", f"column `{shown(column)}` given twice")
            return False
        if field is not None or column.endswith("_note") or column.startswith("x_"):
            return True
        why = f"unknown column `{shown(column)}`"
        hint = "columns for notes end in `_note` or begin with `x_`"
        near = OTHER_NAMES.get(column.casefold()) or closest(column, self.known)
        if not column:
            why, hint = f"column {position + 1} has no name", "name it, or remove it"
        elif near in self.known:
            hint = f"write `{near}`, if that is meant"
        self.refuse(mark, "E602", why, hint, listed(self.known, 30))
        return False

    def row(self, cells: Sequence[str], header: Mark) -> Node:
        """The row as a node. An agreement with a year for a date is known to the year,
        and may not say better."""
        if len(cells) != len(self.columns):
            why = f"{len(cells)} cells, expected {len(self.columns)}"
            hint = "put cells that hold a comma in double quotes"
            if len(cells) > len(self.columns) and not cells[-1].strip():
                hint = "remove the comma at the end of the row"
            return self.refuse(header, "E604", why, hint)
        if [cell.strip() for cell in cells] == self.columns:
            why = "the names of the columns again"
            return self.refuse(header, "E604", why, "remove the row")
        fields: dict[str, Node] = {}
        faults: list[tuple[Mark, str, Fault]] = []
        years: list[Mark] = []
        for position, (field, cell) in enumerate(zip(self.fields, cells, strict=True)):
            if field is None or not cell.strip():
                continue
            mark = Mark(header.file, header.line, position + 1)
            cell_kind = cell_type(self.model, field)
            if cell_kind == "day" and _YEAR.fullmatch(cell):
                years.append(mark)
                self.years.setdefault(field, []).append(mark)
                value: object = f"{cell}-01-01"
            else:
                value = self.value(cell, self.columns[position], field, mark)
            if isinstance(value, Fault):
                faults.append((mark, self.columns[position], value))
                value = REFUSED
            is_text = cell_kind in ("text", "day")
            fields[field] = Node(value, mark, text=cell, quoted=is_text)
        if years and "status" in fields:
            year = Node("year", years[0], text="year", quoted=True)
            precision = fields.setdefault("precision", year)
            if precision.value in ("day", "month"):
                why = f"a date is a year alone, `precision` says {precision.value}"
                fault = Fault("E213", why, "write year, or the whole date")
                faults.append((precision.mark, "precision", fault))
                fields["precision"] = precision.with_value(REFUSED)
        row = Node(fields, header)
        label = row_path(self.section, row, len(self.problems))
        for mark, column, fault in faults:
            self.problems.add(mark, f"{label}.{column}", *fault)
        return row

    def value(self, cell: str, column: str, field: str, mark: Mark) -> object:
        """The value of a cell, or a Fault."""
        if column in self.published:
            return _score(cell) if field == "democracy" else _cow(cell, self.year)
        return _typed(cell, cell_type(self.model, field), mark)


def row_path(section: str, row: Node, position: int) -> str:
    """`events.parade` where the row can be named, else `events[3]`."""
    keys = [row.value_of(key) for key in SECTIONS[section].keys]
    if all(isinstance(key, str) and key for key in keys):
        return f"{section}.{shown(SECTIONS[section].name(keys))}"
    return f"{section}[{position}]"


class Fault(NamedTuple):
    """What is wrong with a cell: error code, message and next step."""

    code: str
    message: str
    suggestion: str = ""


def _cow(cell: str, year: int | None) -> str | Fault:
    """The ISO3 code of a COW number."""
    if not (cell.isascii() and cell.isdigit() and len(cell) < 5):
        why = f"expected a COW number, got `{shown(cell)}`"
        hint = "ISO3 codes stand in a column of their own name"
        return Fault("E603", why, hint)
    code = of_cow_number(int(cell), year)
    if code is None:
        why = f"`{cell}` is no COW number of a state with an ISO3 code"
        return Fault("E303", why, "see State System Membership, v2016")
    return code


def _score(cell: str) -> float | Fault:
    """A regime score 0..1 from a Polity score."""
    meaning = _NO_SCORE.get(cell.strip())
    if meaning is not None:
        why = f"`{cell.strip()}` is no score: it stands for {meaning} (Polity5)"
        return Fault("E203", why, "leave the cell blank, or take polity2")
    score = _number(cell)
    if isinstance(score, Fault):
        return score
    if not -10 <= score <= 10:
        return Fault("E203", f"{shown(cell)} is outside -10..10")
    return (score + 10) / 20


def _typed(cell: str, cell_kind: str, mark: Mark) -> object:
    """A cell as its field holds it, or a Fault; cell_kind: see `cell_type`."""
    if cell_kind in ("text", "day"):
        return cell
    if cell_kind == "list":
        cell_items = cell.split(";")
        if len(cell_items) > MOST_LISTED:
            return Fault("E022", f"more than {MOST_LISTED:,} items in a cell")
        return [Node(part, mark, text=part, quoted=True) for part in cell_items]
    if cell_kind == "flag":
        why = f"expected true or false, got `{shown(cell)}`"
        fault = Fault("E603", why, "write true or false")
        return _FLAGS.get(cell.casefold(), fault)
    return _number(cell)


def _number(cell: str) -> int | float | Fault:
    """The number in a cell."""
    number = plain_scalar(cell)
    if isinstance(number, Unclear):
        return Fault("E603", number.message, "write decimal digits")
    if isinstance(number, int | float) and not isinstance(number, bool):
        return number
    code, hint = hint_for_number(cell)
    why = f"expected number, got `{shown(cell)}`"
    return Fault("E604" if code == "E204" else "E603", why, hint)

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
from itertools import islice
from typing import NamedTuple, TextIO

from balance_sim.scenario.actors import code_table
from balance_sim.scenario.diagnostics import (
    CONTROL,
    NOWHERE,
    REFUSED,
    Diagnostics,
    Mark,
    Node,
    ScenarioError,
    Unclear,
    closest,
    hint_for_number,
    listed,
    plain_scalar,
    shown,
)
from balance_sim.scenario.files import LARGEST_TABLE, Sources, decoded
from balance_sim.scenario.layout import (
    OTHER_NAMES,
    SECTIONS,
    cell_sort,
    is_day,
    row_path,
)
from balance_sim.scenario.schema import State

MOST_COLUMNS = 100
MOST_LISTED = 1_000
MOST_TITLE_ROWS = 5
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
_EARLIER_COW = {260: "DEU", 678: "YEM"}
"""Numbers of West Germany and North Yemen, whose codes Germany and Yemen keep."""
_NO_SCORE = {"-66": "foreign interruption", "-77": "interregnum", "-88": "transition"}
"""Codes of Polity5 that are no scores."""


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
    line, before = 1, csv.field_size_limit()
    while True:
        csv.field_size_limit(
            longest
        )  # one limit for the whole process: others may have moved it
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CsvFault(max(1, reader.line_num), str(error)) from None
        finally:
            csv.field_size_limit(before)
        if cells is None:
            return
        first, line = line, reader.line_num + 1
        if cells and not (len(cells) == 1 and not cells[0].strip(blank)):
            yield CsvRow(first, cells)


def delimiter_of(first_line: str) -> str:
    """What separates the columns: a comma, a tab or a semicolon, whichever the header
    has most of."""
    return max((",", "\t", ";"), key=first_line.count)


def read_table(
    item: Node, name: str, sources: Sources, base: str, found: Diagnostics
) -> list[Node]:
    """Rows of the table that `item` (`table`, `sha256`) names; what is wrong with it
    goes to `found`.

    `name` is the section's; `base` the file that holds `item`."""
    for key, child in item.fields.items():
        if key not in ("table", "sha256"):
            hint = "put fields into an item of their own, beside the table"
            found.add(child.at, f"{name}[].{key}", "E101", f"unknown key `{key}`", hint)
    written = item.fields["table"]
    rows: list[Node] = []
    try:
        _, file, data = sources.beside(
            written.value, base, written.mark, f"{name}[].table", LARGEST_TABLE
        )
        _check_digest(item, name, file, data, found)
        table = _Table(file, name)
        rows, wrong = table.rows(decoded(data, file)), table.found
    except ScenarioError as error:
        wrong = Diagnostics(error.problems)
    found += wrong
    return rows or [Node(REFUSED, item.mark)] * bool(wrong)


def _check_digest(
    item: Node, name: str, file: str, data: bytes, found: Diagnostics
) -> None:
    digest = hashlib.sha256(data).hexdigest()
    declared = item.get("sha256")
    if declared is None:
        why = f"no sha256 declared for `{file}`: a changed table would go unnoticed"
        found.add(item, f"{name}[].table", "W310", why, f"add sha256: {digest}")
    elif declared.text.lower() != digest:
        why = f"`{file}` has another sha256 than the one declared"
        if not re.fullmatch(r"[0-9a-fA-F]{64}", declared.text):
            why = f"`{shown(declared.text)}` is not a sha256 (64 hexadecimal digits)"
        hint = f"the file's is {digest}; restore the file or declare that"
        found.add(declared, f"{name}[].sha256", "E610", why, hint)


def _no_row(cells: Sequence[str], header: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a row as a whole, and what to do; None if it has a cell for
    each column."""
    if len(cells) != len(header):
        why = f"{len(cells)} cell{'s' * (len(cells) != 1)}, expected {len(header)}"
        if len(cells) == len(header) + 1 and not cells[-1].strip():
            return why, "remove the comma at the end of the row"
        return why, "put cells that hold a comma in double quotes"
    if not any(cell.strip() for cell in cells):
        return "a row of blank cells", "remove the row"
    return (
        ("the names of the columns again", "remove the row")
        if list(cells) == list(header)
        else None
    )


def _is_note(column: str) -> bool:
    return column.endswith("_note") or column.startswith("x_")


class _Table:
    """A table of one section. found: what is wrong with its header, which ends it, or
    with its rows.

    published: columns that hold a field in the way in which it is published, and the
    field. years: where dates are years alone, by column."""

    def __init__(self, file: str, name: str) -> None:
        self.file, self.name, self.most = file, name, SECTIONS[name].most
        self.model, self.known = SECTIONS[name].model, SECTIONS[name].model.model_fields
        of_dyads = _OF_DYADS if {"a", "b"} <= self.known.keys() else {}
        self.published = _OF_STATES if self.model is State else of_dyads
        self.header: list[str] = []
        self.years: dict[str, list[Mark]] = {}
        self.found = Diagnostics()

    def refuse(
        self,
        mark: Mark,
        code: str,
        message: str,
        suggestion: str = "",
        allowed: str = "",
    ) -> Node:
        """What stands for a row that is refused."""
        self.found.add(mark, self.name, code, message, suggestion, allowed)
        return Node(REFUSED, mark)

    def rows(self, text: str) -> list[Node]:
        """All rows; none where the text or its header is refused."""
        if not text.strip():
            self.refuse(
                Mark(self.file, 1, 1), "E004", "the table is empty", "write a header"
            )
            return []
        if control := CONTROL.search(text):
            mark = Mark(self.file, text.count("\n", 0, control.start()) + 1, 1)
            self.refuse(
                mark,
                "E007",
                f"control character U+{ord(control.group()):04X}",
                "remove it",
            )
            return []
        rows: list[Node] = []
        records = csv_rows(text)
        try:
            for line, cells in records:
                mark = Mark(self.file, line, 1)
                if not self.header:
                    self.read_header(cells, mark, records)
                    if self.found:
                        return []
                elif len(rows) >= self.most:
                    rows.append(
                        self.refuse(
                            mark,
                            "E022",
                            f"more than {self.most:,} rows; the rest was not read",
                        )
                    )
                    break
                elif wrong := _no_row(cells, self.header):
                    rows.append(self.refuse(mark, "E604", *wrong))
                else:
                    rows.append(self.row(cells, mark))
        except CsvFault as error:
            self.refuse(
                Mark(self.file, error.line, 1),
                "E604",
                f"not a CSV row: {error}",
                "check the quotes",
            )
        for column, marks in self.years.items():
            what = (
                "1 date is a year"
                if len(marks) == 1
                else f"{len(marks):,} dates are years"
            )
            why, hint = f"{what}, read as 1 January", "write days where they are known"
            self.found.add(marks[0], f"{self.name}[].{column}", "W313", why, hint)
        return rows

    def read_header(
        self, header: list[str], mark: Mark, below: Iterator[CsvRow]
    ) -> None:
        """The first row, which names the columns; below: the rows under it."""
        self.header = header
        if len(header) == 1 and (
            other := next((one for one in _DELIMITERS if one in header[0]), None)
        ):
            hint = "save the table with commas between cells"
            self.refuse(mark, "E606", f"{_DELIMITERS[other]} used as delimiter", hint)
            return
        if len(header) > MOST_COLUMNS:
            self.refuse(
                mark, "E602", f"{len(header):,} columns, more than {MOST_COLUMNS}"
            )
            return
        meant = [self.published.get(column) or self.meant(column) for column in header]
        if not any(meant):
            self.refuse_first_row(header, mark, below)
            return
        for at, (column, near) in enumerate(zip(header, meant, strict=True), 1):
            where = Mark(mark.file, mark.line, at)
            if header.index(column) + 1 < at and column.strip():
                self.refuse(where, "E605", f"column `{shown(column)}` given twice")
            elif column in self.published and meant.count(near) > 1:
                why = (
                    f"column `{column}` stands for `{near}`, which another column holds"
                )
                self.refuse(where, "E605", why, "keep one of the two")
            elif (
                column not in self.known
                and column not in self.published
                and not _is_note(column)
            ):
                why, hint = f"column {at} has no name", "name it, or remove it"
                if column.strip():
                    why, hint = (
                        f"unknown column `{shown(column)}`",
                        "columns for notes end in `_note` or begin with `x_`",
                    )
                    if near:
                        hint = (
                            f"it is called `{near}` here"
                            if column in OTHER_NAMES
                            else f"did you mean `{near}`?"
                        )
                elif at == len(header):
                    hint = "remove the comma at the end of every row"
                self.refuse(where, "E602", why, hint, listed(self.known, 30))
        missing = [
            field
            for field, info in self.known.items()
            if info.is_required() and field not in meant
        ]
        if missing:
            why = f"missing column {listed(f'`{field}`' for field in missing)}"
            self.refuse(
                mark,
                "E601",
                why,
                "the first row must name the columns",
                listed(self.known, 30),
            )

    def meant(self, column: str) -> str | None:
        """The field that the name of a column stands for, well written or not."""
        bare = column.strip(" \t\u00a0\u200b\ufeff").casefold()
        for name in (column, OTHER_NAMES.get(column) or OTHER_NAMES.get(bare) or bare):
            if name in self.known:
                return name
        return None if _is_note(column) or not bare else closest(column, self.known)

    def refuse_first_row(
        self, header: Sequence[str], mark: Mark, below: Iterator[CsvRow]
    ) -> None:
        """The first row names no column at all: a title, data, or no table."""
        why = f"the first row names no column: it holds {listed((f'`{shown(cell, 30)}`' for cell in header), 3)}"
        hint = "write a first row with the names of the columns"
        for line, cells in islice(below, MOST_TITLE_ROWS):
            if sum(self.meant(cell) is not None for cell in cells) > 1:
                hint = f"the names stand in row {line}: remove what is above"
                break
        self.refuse(mark, "E601", why, hint, listed(self.known, 30))

    def row(self, cells: Sequence[str], mark: Mark) -> Node:
        """The row as a node. An agreement with a year for a date is known to the year,
        and may not say better."""
        fields: dict[str, Node] = {}
        wrong: list[tuple[Mark, str, Reading]] = []
        years: list[Mark] = []
        for at, (column, cell) in enumerate(zip(self.header, cells, strict=True), 1):
            if not cell.strip() or _is_note(column):
                continue
            where, field = (
                Mark(mark.file, mark.line, at),
                self.published.get(column, column),
            )
            sort = cell_sort(self.model, field)
            if is_day(self.model, field) and _YEAR.fullmatch(cell):
                years.append(where)
                self.years.setdefault(column, []).append(where)
                read = Reading(f"{cell}-01-01")
            elif column in self.published:
                read = _score(cell) if field == "democracy" else _cow(cell)
            else:
                read = _typed(cell, sort, where)
            if read.code:
                wrong.append((where, column, read))
            fields[field] = Node(read.value, where, text=cell, quoted=sort == "text")
        if years and "status" in fields:
            said = fields.setdefault(
                "precision", Node("year", years[0], text="year", quoted=True)
            )
            if said.value in ("day", "month"):
                why = f"a date of the row is a year alone, and `precision` says {said.value}"
                wrong.append(
                    (
                        said.mark,
                        "precision",
                        Reading(REFUSED, "E213", why, "write year, or the whole date"),
                    )
                )
        row = Node(fields, mark)
        path = row_path(self.name, row, len(self.found))
        for where, column, read in wrong:
            self.found.add(where, f"{path}.{column}", read.code, read.why, read.hint)
        return row


class Reading(NamedTuple):
    """What a cell holds; error code, message and hint if it is not what it has to
    be."""

    value: object
    code: str = ""
    why: str = ""
    hint: str = ""


def _cow(cell: str) -> Reading:
    """The ISO3 code of a COW number."""
    number = int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 5 else None
    if number is None:
        why = f"expected a COW number, got `{shown(cell)}`"
        return Reading(
            REFUSED, "E603", why, "ISO3 codes stand in a column of their own name"
        )
    code = _EARLIER_COW.get(number) or next(
        (one.iso3 for one in code_table().values() if one.cow == number), None
    )
    if code is None:
        why = f"`{number}` is no COW number of a state with an ISO3 code"
        return Reading(REFUSED, "E303", why, "see State System Membership, v2016")
    return Reading(code)


def _score(cell: str) -> Reading:
    """A regime score 0..1 from a Polity score."""
    if cell.strip() in _NO_SCORE:
        why = f"`{cell.strip()}` is no score: it stands for {_NO_SCORE[cell.strip()]} (Polity5)"
        return Reading(REFUSED, "E203", why, "leave the cell blank, or take polity2")
    read = _typed(cell, "number", NOWHERE)
    if not isinstance(read.value, int | float):
        return read
    if not -10 <= read.value <= 10:
        return Reading(REFUSED, "E203", f"{shown(cell)} is outside -10..10")
    return Reading((read.value + 10) / 20)


def _typed(cell: str, sort: str, where: Mark) -> Reading:
    """A cell as its field holds it; sort: see `cell_sort`."""
    if sort == "text":
        return Reading(cell)
    if sort == "list":
        if cell.count(";") >= MOST_LISTED:
            return Reading(
                REFUSED, "E022", f"more than {MOST_LISTED:,} items in a cell"
            )
        return Reading(
            [Node(part, where, text=part, quoted=True) for part in cell.split(";")]
        )
    if sort == "flag":
        value = _FLAGS.get(cell.casefold())
        if value is None:
            return Reading(
                REFUSED,
                "E603",
                f"expected true or false, got `{shown(cell)}`",
                "write true or false",
            )
        return Reading(value)
    number = plain_scalar(cell)
    if isinstance(number, Unclear):
        return Reading(REFUSED, "E603", number.message, "write decimal digits")
    if isinstance(number, int | float) and not isinstance(number, bool):
        return Reading(number)
    code, hint = hint_for_number(cell)
    why = f"expected number, got `{shown(cell)}`"
    return Reading(REFUSED, "E604" if code == "E204" else "E603", why, hint)

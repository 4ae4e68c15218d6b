"""CSV with the line of every row; and tables that become the same rows of nodes as items written inline.

A table may hold what is published as it is: Correlates of War (COW) numbers in a column `ccode`, Polity scores in a
column `polity`, years where a day is wanted. Each is read in one way only, and refused where there are two."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TextIO

from balance_sim.scenario.actors import code_table
from balance_sim.scenario.diagnostics import CONTROL, Diagnostics, Mark, ScenarioError, closest, listed, shown
from balance_sim.scenario.files import LARGEST_TABLE, Sources, decoded
from balance_sim.scenario.layout import OTHER_NAMES, Section, cell_sort, is_day, row_path
from balance_sim.scenario.nodes import REFUSED, Node, Unclear, hint_for_number, plain_scalar
from balance_sim.scenario.schema import State

MOST_COLUMNS = 100
MOST_LISTED = 1_000
MOST_TITLE_ROWS = 5
LONGEST_CELL = 1 << 17  # characters
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_DELIMITERS = {";": "`;`", "\t": "a tab", "|": "`|`"}
_OF_STATES = {"ccode": "id", "cowcode": "id", "polity": "democracy", "polity2": "democracy"}
_OF_DYADS = {"ccode1": "a", "ccode2": "b"}
_YEAR = re.compile(r"[12][0-9]{3}")
_EARLIER_COW = {260: "DEU", 678: "YEM"}
"""Numbers of West Germany and North Yemen, whose codes Germany and Yemen keep."""
_NO_SCORE = {"-66": "foreign interruption", "-77": "interregnum", "-88": "transition"}
"""Codes of Polity5 that are no scores."""


class CsvRow(NamedTuple):
    """A row of a CSV text. line: on which it begins, counted from 1; cells may hold line breaks."""

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
    """Rows of a CSV text, blank lines left out. Raises CsvFault, for a quote left open or a cell that is too long.

    strict: refuse what follows the closing quote of a cell. longest: characters of a cell. blank: those that a blank
    line may hold, white space if not given.

    >>> [row.line for row in csv_rows('a,b\\n"1\\n2",3\\n\\n4,5\\n')]
    [1, 2, 5]"""
    stream = io.StringIO(text, newline="") if isinstance(text, str) else text
    reader = csv.reader(stream, delimiter=delimiter, strict=strict)
    line, before = 1, csv.field_size_limit()
    while True:
        csv.field_size_limit(longest)  # one limit for the whole process: others may have moved it
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
    """What separates the columns: a comma, a tab or a semicolon, whichever the header has most of."""
    return max((",", "\t", ";"), key=first_line.count)


def read_table(item: Node, name: str, section: Section, sources: Sources, base: str, found: Diagnostics) -> list[Node]:
    """Rows of the table that `item` (`table`, `sha256`) names; what is wrong with it goes to `found`.

    `name` is the section's; `base` the file that holds `item`."""
    for key, child in item.fields.items():
        if key not in ("table", "sha256"):
            hint = "put fields into an item of their own, beside the table"
            found.add(child.at, f"{name}[].{key}", "E101", f"unknown key `{key}`", hint)
    written, before = item.fields["table"], len(found)
    try:
        _, file, data = sources.beside(written.value, base, written.mark, f"{name}[].table", LARGEST_TABLE)
        _check_digest(item, name, file, data, found)
        before = len(found)
        rows = parse_table(decoded(data, file), file, name, section, found)
    except ScenarioError as error:
        found += error.problems
        rows = []
    return [Node(REFUSED, item.mark)] if not rows and len(found) > before else rows


def _check_digest(item: Node, name: str, file: str, data: bytes, found: Diagnostics) -> None:
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


def parse_table(text: str, file: str, name: str, section: Section, found: Diagnostics) -> list[Node]:
    """Rows of a table's text. A problem with the header ends it; others are gathered."""
    if not text.strip():
        found.add(Mark(file, 1, 1), name, "E004", "the table is empty", "write a header")
        return []
    if control := CONTROL.search(text):
        mark = Mark(file, text.count("\n", 0, control.start()) + 1, 1)
        found.add(mark, name, "E007", f"control character U+{ord(control.group()):04X}", "remove it")
        return []
    rows: list[Node] = []
    header: list[str] | None = None
    of_rows = Diagnostics()
    records, columns = csv_rows(text), stand_for(section)
    years: dict[str, list[Mark]] = {}
    try:
        for line, cells in records:
            mark = Mark(file, line, 1)
            if header is None:
                header = cells
                if not _check_header(cells, mark, name, section, records, found):
                    return []
            elif len(rows) >= section.most:
                of_rows.add(mark, name, "E022", f"more than {section.most:,} rows; the rest was not read")
                rows.append(Node(REFUSED, mark))
                break
            elif wrong := _no_row(cells, header):
                of_rows.add(mark, name, "E604", *wrong)
                rows.append(Node(REFUSED, mark))
            else:
                rows.append(_row(cells, header, columns, mark, name, section, years, of_rows))
    except CsvFault as error:
        of_rows.add(Mark(file, error.line, 1), name, "E604", f"not a CSV row: {error}", "check the quotes")
    found += of_rows
    for column, marks in years.items():
        what = "1 date is a year" if len(marks) == 1 else f"{len(marks):,} dates are years"
        found.add(
            marks[0], f"{name}[].{column}", "W313", f"{what}, read as 1 January", "write days where they are known"
        )
    return rows


def stand_for(section: Section) -> dict[str, str]:
    """Columns that hold a field of a section in the way in which it is published, and the field.

    >>> from balance_sim.scenario.layout import SECTIONS
    >>> stand_for(SECTIONS["disputes"])
    {'ccode1': 'a', 'ccode2': 'b'}
    """
    if section.model is State:
        return _OF_STATES
    return _OF_DYADS if {"a", "b"} <= section.model.model_fields.keys() else {}


def _no_row(cells: Sequence[str], header: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a row as a whole, and what to do; None if it has a cell for each column."""
    if len(cells) != len(header):
        why = f"{len(cells)} cell{'s' * (len(cells) != 1)}, expected {len(header)}"
        if len(cells) == len(header) + 1 and not cells[-1].strip():
            return why, "remove the comma at the end of the row"
        return why, "put cells that hold a comma in double quotes"
    if not any(cell.strip() for cell in cells):
        return "a row of blank cells", "remove the row"
    return ("the names of the columns again", "remove the row") if list(cells) == list(header) else None


def _is_note(column: str) -> bool:
    return column.endswith("_note") or column.startswith("x_")


def _check_header(
    header: Sequence[str],
    mark: Mark,
    name: str,
    section: Section,
    below: Iterator[CsvRow],
    found: Diagnostics,
) -> bool:
    """Whether the first row names the columns as it should; below: the rows under it."""
    known, before, columns = section.model.model_fields, len(found), stand_for(section)
    if len(header) == 1 and (other := next((one for one in _DELIMITERS if one in header[0]), None)):
        hint = "save the table with commas between cells"
        found.add(mark, name, "E606", f"{_DELIMITERS[other]} used as delimiter", hint)
        return False
    if len(header) > MOST_COLUMNS:
        found.add(mark, name, "E602", f"{len(header):,} columns, more than {MOST_COLUMNS}")
        return False
    meant = [columns.get(column) or _meant(column, known) for column in header]
    if not any(meant):
        _no_header(header, mark, name, known, below, found)
        return False
    for at, (column, near) in enumerate(zip(header, meant, strict=True), 1):
        where = Mark(mark.file, mark.line, at)
        if header.index(column) + 1 < at and column.strip():
            found.add(where, name, "E605", f"column `{shown(column)}` given twice")
        elif column in columns and meant.count(columns[column]) > 1:
            field = columns[column]
            hint = "keep one of the two"
            found.add(where, name, "E605", f"column `{column}` stands for `{field}`, which another column holds", hint)
        elif column not in known and column not in columns and not _is_note(column):
            why, hint = f"column {at} has no name", "name it, or remove it"
            if column.strip():
                why, hint = (
                    f"unknown column `{shown(column)}`",
                    "columns for notes end in `_note` or begin with `x_`",
                )
                if near:
                    hint = f"it is called `{near}` here" if column in OTHER_NAMES else f"did you mean `{near}`?"
            elif at == len(header):
                hint = "remove the comma at the end of every row"
            found.add(where, name, "E602", why, hint, listed(known, 30))
    missing = [field for field, info in known.items() if info.is_required() and field not in meant]
    if missing:
        why = f"missing column {listed(f'`{field}`' for field in missing)}"
        found.add(mark, name, "E601", why, "the first row must name the columns", listed(known, 30))
    return len(found) == before


def _meant(column: str, known: Collection[str]) -> str | None:
    """The field that the name of a column stands for, well written or not."""
    bare = column.strip(" \t\u00a0\u200b\ufeff").casefold()
    name = OTHER_NAMES.get(column) or OTHER_NAMES.get(bare) or bare
    if column in known or name in known:
        return column if column in known else name
    return None if _is_note(column) or not bare else closest(column, known)


def _no_header(
    header: Sequence[str],
    mark: Mark,
    name: str,
    known: Collection[str],
    below: Iterator[CsvRow],
    found: Diagnostics,
) -> None:
    """The first row names no column at all: a title, data, or no table."""
    why = f"the first row names no column: it holds {listed((f'`{shown(cell, 30)}`' for cell in header), 3)}"
    hint = "write a first row with the names of the columns"
    for line, cells in islice(below, MOST_TITLE_ROWS):
        if sum(_meant(cell, known) is not None for cell in cells) > 1:
            hint = f"the names stand in row {line}: remove what is above"
            break
    found.add(mark, name, "E601", why, hint, listed(known, 30))


def _row(
    cells: Sequence[str],
    header: Sequence[str],
    columns: Mapping[str, str],
    mark: Mark,
    name: str,
    section: Section,
    years: dict[str, list[Mark]],
    found: Diagnostics,
) -> Node:
    """The row as a node. years: where dates of it are years alone is added, by column."""
    fields: dict[str, Node] = {}
    wrong: list[tuple[Mark, str, Reading]] = []
    for at, (column, cell) in enumerate(zip(header, cells, strict=True), 1):
        if not cell.strip() or _is_note(column):
            continue
        where, field = Mark(mark.file, mark.line, at), columns.get(column, column)
        sort = cell_sort(section.model, field)
        if sort == "list" and cell.count(";") >= MOST_LISTED:
            read = Reading(REFUSED, "E022", f"more than {MOST_LISTED:,} items in a cell")
        elif sort == "list":
            read = Reading([Node(part, where, text=part, quoted=True) for part in cell.split(";")])
        elif column in columns:
            read = _score(cell) if field == "democracy" else _cow(cell)
        elif sort == "text":
            is_year = _YEAR.fullmatch(cell) is not None and is_day(section.model, field)
            read = Reading(f"{cell}-01-01" if is_year else cell)
            if is_year:
                years.setdefault(column, []).append(where)
        else:
            read = _typed(cell, sort)
        if read.code:
            wrong.append((where, column, read))
        fields[field] = Node(read.value, where, text=cell, quoted=sort == "text")
    row = Node(_known_to_the_year(fields, wrong, years, mark), mark)
    path = row_path(name, row, len(found))
    for where, column, read in wrong:
        found.add(where, f"{path}.{column}", read.code, read.why, read.hint)
    return row


def _known_to_the_year(
    fields: dict[str, Node], wrong: list[tuple[Mark, str, Reading]], years: Mapping[str, Sequence[Mark]], mark: Mark
) -> dict[str, Node]:
    """An agreement with a year for a date is known to the year, and may not say that it is known better."""
    of_row = [one for marks in years.values() for one in marks if one.line == mark.line]
    if not of_row or "status" not in fields:
        return fields
    said = fields.get("precision")
    if said is None:
        return {**fields, "precision": Node("year", of_row[0], text="year", quoted=True)}
    if said.value in ("day", "month"):
        why = f"a date of the row is a year alone, and `precision` says {said.value}"
        wrong.append((said.mark, "precision", Reading(REFUSED, "E213", why, "write year, or the whole date")))
    return fields


class Reading(NamedTuple):
    """What a cell holds; error code, message and hint if it is not what it has to be."""

    value: object
    code: str = ""
    why: str = ""
    hint: str = ""


def _cow(cell: str) -> Reading:
    """The ISO3 code of a COW number."""
    number = int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 5 else None
    if number is None:
        why = f"expected a COW number, got `{shown(cell)}`"
        return Reading(REFUSED, "E603", why, "ISO3 codes stand in a column of their own name")
    code = _EARLIER_COW.get(number) or next((one.iso3 for one in code_table().values() if one.cow == number), None)
    if code is None:
        why = f"`{number}` is no COW number of a state with an ISO3 code"
        return Reading(REFUSED, "E303", why, "see State System Membership, v2016")
    return Reading(code)


def _score(cell: str) -> Reading:
    """A regime score 0..1 from a Polity score."""
    read = _typed(cell, "number")
    if cell.strip() in _NO_SCORE:
        why = f"`{cell.strip()}` is no score: it stands for {_NO_SCORE[cell.strip()]} (Polity5)"
        return Reading(REFUSED, "E203", why, "leave the cell blank, or take polity2")
    if not isinstance(read.value, int | float):
        return read
    if not -10 <= read.value <= 10:
        return Reading(REFUSED, "E203", f"{shown(cell)} is outside -10..10")
    return Reading((read.value + 10) / 20)


def _typed(cell: str, sort: str) -> Reading:
    """A cell that is to hold a number or a flag."""
    if sort == "flag":
        value = _FLAGS.get(cell.casefold())
        if value is None:
            return Reading(REFUSED, "E603", f"expected true or false, got `{shown(cell)}`", "write true or false")
        return Reading(value)
    number = plain_scalar(cell)
    if isinstance(number, Unclear):
        return Reading(REFUSED, "E603", number.message, "write decimal digits")
    if isinstance(number, int | float) and not isinstance(number, bool):
        return Reading(number)
    code, hint = hint_for_number(cell)
    why = f"expected number, got `{shown(cell)}`"
    return Reading(REFUSED, "E604" if code == "E204" else "E603", why, hint)

"""Tables in CSV, or sheets of Excel files, become the same rows of nodes as items
written inline.

A column `ccode` (in tables of dyads `ccode1`, `ccode2`) may hold Correlates of War
(COW) numbers. Every cell is read as the same text would be in YAML, by the type of its
field."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from balance_sim.scenario.actors import of_cow_number
from balance_sim.scenario.diagnostics import (
    Diagnostics,
    Mark,
    ScenarioError,
    check_printable,
    listed,
    refused,
    shown,
    unknown,
)
from balance_sim.scenario.documents import FaultlessReadings
from balance_sim.scenario.files import ReadFile, Sources
from balance_sim.scenario.layout import LIMITS, MOST_ROWS, SECTIONS, cell_type
from balance_sim.scenario.nodes import (
    REFUSED,
    Node,
    Scalar,
    Unclear,
    iso_date,
    plain_scalar,
)
from balance_sim.scenario.validation import unknown_key

MOST_COLUMNS = 100
SUFFIX = ".xlsx"
LARGEST_UNPACKED = 64 << 20
"""Bytes of all members of an Excel file together."""
TABLE_KEYS = ("table", "sheet", "sha256")
MOST_LISTED = 1_000
LONGEST_CELL = 1 << 17  # characters
_NUMBER = re.compile(r"[0-9]{1,4}")
_TABLES = FaultlessReadings[list[Node]](1 << 20)
"""Rows of tables, counted by the bytes of their files."""
_COW = {"ccode": "id", "cowcode": "id", "ccode1": "a", "ccode2": "b"}
"""Columns of COW numbers, and the fields that they give."""


class Column(NamedTuple):
    """A column that is read: its place in the row, from 1; its name; the field that it
    gives; what its cells hold, `text`, `number`, `list` or `COW number`."""

    place: int
    name: str
    field: str
    content: str


def with_tables(tree: Node, base: str, sources: Sources, problems: Diagnostics) -> Node:
    """The tree of a file with the rows of tables in the place of what names them.

    Parameters
    ----------
    tree : Node
        Of a scenario.
    base : str
        Its file.
    sources : Sources
        Files of the scenario.
    problems : Diagnostics
        Takes what is wrong with a table; one REFUSED stands for its rows.
    """
    has_seals = any(
        item.get("table") is not None and item.get("sha256") is not None
        for key in SECTIONS
        for item in tree.below(key).items
    )
    year = getattr(iso_date(tree.value_of("start")), "year", None)

    def rows_of(node: Node, section: str) -> Node:
        """A list with all its rows."""
        rows: list[Node] = []
        names: set[tuple[str, object]] = set()
        for item in node.items:
            if item.get("table") is None:
                rows.append(item)
                continue
            try:
                file = _file(
                    item, section, base, sources, problems, has_seals=has_seals
                )
                sheet = item.value_of("sheet")
                if (file.name, sheet) in names:
                    why = f"`{shown(file.name)}` is read already"
                    place = item.fields["table"]
                    raise refused(place, f"{section}[].table", "E015", why)
                names.add((file.name, sheet))
                rows += table_rows(file, sheet, section, year, problems)
            except ScenarioError as error:
                problems.extend(error.problems)
                rows.append(Node(REFUSED, item.mark))
        return node.with_value(rows)

    sections = {
        key: rows_of(node, key)
        for key, node in tree.fields.items()
        if key in SECTIONS and node.items
    }
    return tree.with_fields(sections)


def _file(
    item: Node,
    section: str,
    base: str,
    sources: Sources,
    problems: Diagnostics,
    *,
    has_seals: bool,
) -> ReadFile:
    """The file of a table, whose sha256 is the one that is declared; one without is
    warned of where others of the scenario have theirs (`has_seals`), as in a draft none
    has. Raises ScenarioError where it cannot be read."""
    for key, child in item.without(*TABLE_KEYS).fields.items():
        unknown_key(problems, child, f"{section}[]", key, TABLE_KEYS)
    declared = item.get("sha256")
    file = sources.beside(item.fields["table"], base, f"{section}[].table")
    if declared is not None and declared.text.lower() != file.sha256:
        why = f"`{file.shown}` has another sha256 than `{shown(declared.text, 70)}`"
        hint = f"the file's is {file.sha256}; restore the file or declare that"
        problems.add(declared, f"{section}[].sha256", "E610", why, hint)
    elif (
        has_seals
        and declared is None
        and all(problem.code != "W310" for problem in problems)
    ):
        why = f"no sha256 declared for `{file.shown}`"
        hint = "`balance-sim check --seal` writes it"
        problems.add(item, f"{section}[].table", "W310", why, hint)
    return file


def csv_rows(
    text: str, file: str, section: str, delimiter: str = ","
) -> Iterator[tuple[Mark, list[str]]]:
    """Rows of a CSV text.

    Parameters
    ----------
    text : str
        Of the file.
    file : str
        As messages show it.
    section : str
        Key path of the rows, for messages.
    delimiter : str
        Between cells.

    Yields
    ------
    Mark, list of str
        Where a row begins, and its cells; blank rows, as Excel leaves them, are left
        out.

    Raises
    ------
    ScenarioError
        For a quote left open, what follows a closing quote, a cell that is too long.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            mark, line = Mark(file, line, 1), reader.line_num + 1
            row = "".join(cells)
            if len(row) > LONGEST_CELL and max(map(len, cells)) > LONGEST_CELL:
                raise csv.Error("a cell is too long")
            if row.strip():
                yield mark, cells
    except csv.Error as error:
        why = f"not a CSV row: {error}"
        raise refused(
            Mark(file, line, 1), section, "E604", why, "check the quotes"
        ) from None


def _records(
    file: ReadFile, sheet: object, section: str
) -> Iterator[tuple[Mark, list[str]]]:
    """Where each row of a table begins, and its cells. sheet: of an Excel file.

    Raises ScenarioError where the text is refused."""
    if file.name.lower().endswith(SUFFIX):
        name = None if sheet is None else str(sheet)
        return sheet_rows(file.data, file.shown, name, section)
    check_printable(file.text, file.shown, section)
    return csv_rows(file.text, file.shown, section)


def table_rows(
    file: ReadFile, sheet: object, section: str, year: int | None, problems: Diagnostics
) -> list[Node]:
    """All rows of a table; nobody may change the list. Raises ScenarioError where text
    or header are refused."""
    return _TABLES.get(
        (file, sheet, section, year),
        len(file.data),
        problems,
        lambda: _rows(_records(file, sheet, section), file, section, year, problems),
    )


def _rows(
    records: Iterator[tuple[Mark, list[str]]],
    file: ReadFile,
    section: str,
    year: int | None,
    problems: Diagnostics,
) -> list[Node]:
    """Rows of a table from its records."""
    start = Mark(file.shown, 1, 1)
    mark, header = next(records, (start, []))
    if not header:
        raise refused(start, section, "E004", "the table is empty", "write a header")
    names, rows = _columns(header, section, mark), list[Node]()
    columns = [
        Column(
            place,
            name,
            _COW.get(name, name),
            "COW number" if name in _COW else cell_type(SECTIONS[section], name),
        )
        for place, name in enumerate(names, 1)
        if name
    ]
    for mark, cells in records:
        if len(rows) >= LIMITS.get(section, MOST_ROWS):
            raise refused(mark, section, "E022", f"more than {len(rows):,} rows")
        if len(cells) == len(names):
            rows.append(_row(cells, columns, mark, section, year, problems))
            continue
        why = f"{len(cells)} cells, expected {len(names)}"
        hint = "put cells that hold a comma in double quotes"
        problems.add(mark, section, "E604", why, hint)
        rows.append(Node(REFUSED, mark))
    return rows


def _columns(header: Sequence[str], section: str, mark: Mark) -> list[str]:
    """What each column holds, however its name is spelt: `GDP (bn)` is `gdp_bn`.

    Parameters
    ----------
    header : sequence of str
        Cells of the first row.
    section : str
        Of the rows.
    mark : Mark
        Where the header stands.

    Returns
    -------
    list of str
        Names of fields or of columns of COW numbers; empty for notes.

    Raises
    ------
    ScenarioError
        For columns that are unknown, given twice or missing.
    """
    fields_of_row = SECTIONS[section].model_fields
    if len(header) == 1 and re.search(r"[;\t|]", header[0]):
        hint = "save the table with commas"
        raise refused(mark, section, "E606", "no comma between columns", hint)
    if len(header) > MOST_COLUMNS:
        raise refused(mark, section, "E602", f"more than {MOST_COLUMNS} columns")
    faults, columns = Diagnostics(), list[str]()
    for place, text in enumerate(header, 1):
        column = text.strip(" \t\u00a0\u200b\ufeff")
        folded = re.sub(r"\W+", "_", column.casefold()).strip("_")
        name = column if column in fields_of_row else folded
        if _COW.get(name, name) not in fields_of_row:
            name = ""
        place_mark = mark._replace(col=place)
        if name and name in columns:
            why = f"column `{shown(column)}` given twice"
            faults.add(place_mark, section, "E605", why)
        elif not name and not (column.endswith("_note") or column.startswith("x_")):
            texts = unknown("column", column, fields_of_row)
            faults.add(place_mark, section, "E602", *texts)
        columns.append(name)
    fields = {_COW.get(column, column) for column in columns if column}
    needed = [name for name, info in fields_of_row.items() if info.is_required()]
    missing = listed(f"`{name}`" for name in needed if name not in fields)
    if not fields or (missing and not faults):
        why, hint = f"missing column {missing}", "the first row must name the columns"
        raise refused(mark, section, "E601", why, hint, listed(fields_of_row, 30))
    if faults:
        raise ScenarioError(faults)
    return columns


def _row(
    cells: Sequence[str],
    columns: Sequence[Column],
    mark: Mark,
    section: str,
    year: int | None,
    problems: Diagnostics,
) -> Node:
    """A row as a node.

    Parameters
    ----------
    cells : sequence of str
        Of the row.
    columns : sequence of Column
        That are read.
    mark : Mark
        Where the row begins.
    section : str
        That it is of.
    year : int, optional
        In which the scenario begins.
    problems : Diagnostics
        Takes what is wrong with a cell.
    """
    fields: dict[str, Node] = {}
    for place, name, field, content in columns:
        cell = cells[place - 1]
        if not cell.strip():
            continue
        place_mark = Mark(mark.file, mark.line, place)
        value: Any = cell
        if content != "text":
            value = _cell_value(cell, content, place_mark, year)
        if isinstance(value, Unclear):
            problems.add(place_mark, f"{section}[].{name}", *value)
            value = REFUSED
        is_text = content in ("text", "COW number")
        fields[field] = Node(value, place_mark, None, cell, is_text)
    return Node(fields, mark)


def _cell_value(
    cell: str, content: str, place: Mark, year: int | None
) -> Scalar | list[Node] | Unclear:
    """What a cell holds, or why that is refused.

    Parameters
    ----------
    cell : str
        As it is written.
    content : str
        Of its column: `number`, `list` or `COW number`.
    place : Mark
        Of the cell.
    year : int, optional
        In which the scenario begins.
    """
    if content == "number":
        return plain_scalar(cell)
    if content == "list":
        items = cell.split(";", MOST_LISTED)
        if len(items) > MOST_LISTED:
            return Unclear("E022", f"more than {MOST_LISTED:,} items in a cell", "")
        return [Node(item, place, text=item, quoted=True) for item in items]
    code = of_cow_number(int(cell), year) if _NUMBER.fullmatch(cell) else None
    why = f"`{shown(cell)}` is no COW number of a state with an ISO3 code"
    return code or Unclear("E303", why, "see State System Membership, v2016")


def sheet_rows(
    data: bytes, file: str, sheet: str | None, section: str
) -> Iterator[tuple[Mark, list[str]]]:
    """Rows of a sheet.

    Parameters
    ----------
    data : bytes
        Of the file.
    file : str
        As messages show it.
    sheet : str, optional
        Its name; the first one if not given.
    section : str
        Key path of the rows, for messages.

    Yields
    ------
    Mark, list of str
        Where a row stands, and its cells; blank rows are left out, and what is blank
        beyond the header.

    Raises
    ------
    ScenarioError
        Where openpyxl is not installed, the file is no Excel file or too large, or has
        no such sheet.
    """
    start = Mark(file, 1, 1)
    try:
        from openpyxl import load_workbook
    except ImportError:
        hint = (
            "pip install 'balance-sim[excel]', in a clone ./balance-sim --with excel; "
            "or save the sheet as CSV"
        )
        why = "Excel files need the package openpyxl"
        raise refused(start, section, "E003", why, hint) from None
    try:
        unpacked = sum(
            member.file_size for member in ZipFile(io.BytesIO(data)).filelist
        )
        if unpacked > LARGEST_UNPACKED:
            raise refused(start, section, "E005", "more than 64 MiB when unpacked")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        names = book.sheetnames
        if sheet is not None and sheet not in names:
            texts = unknown("sheet", sheet, names)
            raise refused(start, f"{section}[].sheet", "E107", *texts)
        name = sheet or names[0]
        place = Mark(f"{file}[{name}]", 1, 1)
        rows = book[name].iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
        width = 0
        for number, values in enumerate(rows, 1):
            cells = [_cell_text(value) for value in values]
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
            width = width or len(cells)
            cells += [""] * (width - len(cells))
            check_printable("\n".join(cells), place.file, section)
            if any(cell.strip() for cell in cells):
                yield place._replace(line=number), cells
    except ScenarioError:
        raise
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        why = f"not an Excel file: {error}"
        hint = "save it as .xlsx, or as CSV"
        raise refused(start, section, "E006", why, hint) from None


def _cell_text(value: object) -> str:
    """A cell as it would stand in CSV.

    >>> _cell_text(datetime(2025, 9, 3)), _cell_text(2.0), _cell_text(None)
    ('2025-09-03', '2', '')
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

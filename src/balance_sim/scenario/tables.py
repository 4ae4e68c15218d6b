"""Tables in CSV become the same rows of nodes as items written inline.

A column `ccode` (in tables of dyads `ccode1`, `ccode2`) may hold Correlates of War
(COW) numbers. Every cell is read as the same text would be in YAML, by the type of its
field."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence

from balance_sim.scenario.actors import of_cow_number
from balance_sim.scenario.diagnostics import (
    CONTROL,
    Diagnostics,
    Mark,
    ScenarioError,
    did_you_mean,
    listed,
    refused,
    shown,
)
from balance_sim.scenario.files import LARGEST_TABLE, ReadFile, Sources, decoded
from balance_sim.scenario.layout import SECTIONS, cell_type
from balance_sim.scenario.nodes import REFUSED, Node, Unclear, plain_scalar
from balance_sim.scenario.validation import unknown_key

MOST_COLUMNS = 100
MOST_LISTED = 1_000
LONGEST_CELL = 1 << 17  # characters
_NUMBER = re.compile(r"[0-9]{1,4}")
_COW = {"ccode": "id", "cowcode": "id", "ccode1": "a", "ccode2": "b"}
"""Columns of COW numbers, and the fields that they give."""


def read_table(
    item: Node,
    section: str,
    sources: Sources,
    base: str,
    problems: Diagnostics,
    year: int | None = None,
) -> list[Node]:
    """Rows of a table.

    Parameters
    ----------
    item : Node
        Names the table: `table`, `sha256`.
    section : str
        Whose rows they are.
    sources : Sources
        Files of the scenario.
    base : str
        The file that holds `item`.
    problems : Diagnostics
        Takes what is wrong with the table.
    year : int, optional
        In which the scenario begins.
    """
    for key, child in item.without("table", "sha256").fields.items():
        unknown_key(problems, child, f"{section}[]", key, ("table", "sha256"))
    written, path = item.fields["table"], f"{section}[].table"
    try:
        file = sources.beside(written.value, base, written.mark, path, LARGEST_TABLE)
        _check_digest(item, section, file, problems)
        return _Table(file, section, year, problems).rows()
    except ScenarioError as error:
        problems += error.problems
    return [Node(REFUSED, item.mark)]


def _check_digest(
    item: Node, section: str, file: ReadFile, problems: Diagnostics
) -> None:
    """The sha256 that is declared for a table is the one that it has."""
    digest = hashlib.sha256(file.data).hexdigest()
    declared = item.get("sha256")
    if declared is not None and declared.text.lower() != digest:
        why = f"`{file.shown}` has another sha256 than `{shown(declared.text, 70)}`"
        hint = f"the file's is {digest}; restore the file or declare that"
        problems.add(declared, f"{section}[].sha256", "E610", why, hint)
    elif declared is None and all(problem.code != "W310" for problem in problems):
        why = f"no sha256 declared for `{file.shown}`"
        hint = "`balance-sim check --seal` writes it"
        problems.add(item, f"{section}[].table", "W310", why, hint)


def csv_rows(text: str, file: str, section: str) -> Iterator[tuple[Mark, list[str]]]:
    """Where each row of a CSV text begins, and its cells; blank rows, as Excel leaves
    them, are left out. Raises ScenarioError."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            mark, line = Mark(file, line, 1), reader.line_num + 1
            if max(map(len, cells), default=0) > LONGEST_CELL:
                raise csv.Error("a cell is too long")
            if any(cell.strip() for cell in cells):
                yield mark, cells
    except csv.Error as error:
        mark, why = Mark(file, max(1, reader.line_num), 1), f"not a CSV row: {error}"
        raise refused(mark, section, "E604", why, "check the quotes") from None


class _Table:
    """Reads the table of one section. fields: that its columns stand for, None for
    notes."""

    def __init__(
        self, file: ReadFile, section: str, year: int | None, problems: Diagnostics
    ) -> None:
        self.file, self.section, self.year = file, section, year
        self.model, self.problems = SECTIONS[section].model, problems
        self.columns: list[str] = []
        self.fields: list[str | None] = []

    def stop(self, mark: Mark, *words: str) -> ScenarioError:
        """The error for a table that cannot be read."""
        return refused(mark, self.section, *words)

    def rows(self) -> list[Node]:
        """All rows. Raises ScenarioError where text or header are refused."""
        text, start = decoded(self.file.data, self.file.shown), Mark(self.file.shown, 1, 1)
        control = CONTROL.search(text)
        if control is not None:
            mark = start._replace(line=text.count("\n", 0, control.start()) + 1)
            why = f"control character U+{ord(control.group()):04X}"
            raise self.stop(mark, "E007", why, "remove it")
        records = csv_rows(text, self.file.shown, self.section)
        mark, header = next(records, (start, []))
        if not header:
            raise self.stop(start, "E004", "the table is empty", "write a header")
        self.read_header(header, mark)
        rows: list[Node] = []
        for mark, cells in records:
            if len(rows) >= SECTIONS[self.section].row_limit:
                raise self.stop(mark, "E022", f"more than {len(rows):,} rows")
            rows.append(self.row(cells, mark))
        return rows

    def read_header(self, header: Sequence[str], mark: Mark) -> None:
        """Take the names of the columns. Raises ScenarioError."""
        if len(header) == 1 and re.search(r"[;\t|]", header[0]):
            why, hint = "no comma between columns", "save the table with commas"
            raise self.stop(mark, "E606", why, hint)
        if len(header) > MOST_COLUMNS:
            why = f"{len(header):,} columns, more than {MOST_COLUMNS}"
            raise self.stop(mark, "E602", why)
        self.columns = [column.strip(" \t\u00a0\u200b\ufeff") for column in header]
        self.fields = [self.field_of(column) for column in self.columns]
        faults = Diagnostics()
        for place, column in enumerate(self.columns):
            self.check_column(place, column, mark._replace(col=place + 1), faults)
        known = self.model.model_fields
        needed = [name for name, info in known.items() if info.is_required()]
        missing = listed(f"`{name}`" for name in needed if name not in self.fields)
        if not any(self.fields) or (missing and not faults):
            hint = "the first row must name the columns"
            why = f"missing column {missing}"
            raise self.stop(mark, "E601", why, hint, listed(known, 30))
        if faults:
            raise ScenarioError(faults)

    def field_of(self, column: str) -> str | None:
        """The field that a column holds, however its name is spelt: `GDP (bn)` is
        `gdp_bn`."""
        known = self.model.model_fields
        folded = re.sub(r"\W+", "_", column.casefold()).strip("_")
        name = column if column in known else _COW.get(column, folded)
        return name if name in known else None

    def check_column(
        self, place: int, column: str, mark: Mark, faults: Diagnostics
    ) -> None:
        """Report a column that is unknown and holds no notes, or is given twice."""
        field = self.fields[place]
        is_note = column.endswith("_note") or column.startswith("x_")
        if field in self.fields[:place] and field or column in self.columns[:place]:
            why = f"column `{shown(column)}` given twice"
            faults.add(mark, self.section, "E605", why, "keep one of the two")
        elif field is None and not is_note:
            known = self.model.model_fields
            hint = did_you_mean(column, known)
            hint = hint or "columns for notes end in `_note` or begin with `x_`"
            why = f"unknown column `{shown(column)}`"
            faults.add(mark, self.section, "E602", why, hint, listed(known, 30))

    def row(self, cells: Sequence[str], mark: Mark) -> Node:
        """A row as a node; REFUSED where its cells are not those of the columns."""
        is_header = [cell.strip() for cell in cells] == self.columns
        if len(cells) != len(self.columns) or is_header:
            why = f"{len(cells)} cells, expected {len(self.columns)}"
            if is_header:
                why = "the names of the columns again"
            hint = "put cells that hold a comma in double quotes"
            self.problems.add(mark, self.section, "E604", why, hint)
            return Node(REFUSED, mark)
        places = [place for place, cell in enumerate(cells) if cell.strip()]
        fields = {
            field: self.cell(cells[place], place, field, mark._replace(col=place + 1))
            for place in places
            if (field := self.fields[place]) is not None
        }
        return Node(fields, mark)

    def cell(self, cell: str, place: int, field: str, mark: Mark) -> Node:
        """A cell as a node, as its field holds it."""
        column, held = self.columns[place], cell_type(self.model, field)
        node = Node(cell, mark, text=cell, quoted=held == "text")
        fault: Sequence[str] = ()
        if column in _COW:
            code = of_cow_number(int(cell), self.year) if _NUMBER.fullmatch(cell) else None
            why = f"`{shown(cell)}` is no COW number of a state with an ISO3 code"
            fault = () if code else ("E303", why, "see State System Membership, v2016")
            node = node.with_value(code)
        elif held == "number":
            value = plain_scalar(cell)
            fault = value if isinstance(value, Unclear) else ()
            node = node.with_value(value)
        elif held == "list":
            items = cell.split(";")
            if len(items) > MOST_LISTED:
                fault = ("E022", f"more than {MOST_LISTED:,} items in a cell")
            nodes = [Node(item, mark, text=item, quoted=True) for item in items]
            node = node.with_value(nodes)
        if fault:
            self.problems.add(mark, f"{self.section}[].{column}", *fault)
            return node.with_value(REFUSED)
        return node


def row_path(section: str, row: Node, position: int) -> str:
    """`events.parade` where the row can be named, else `events[3]`."""
    keys = [row.value_of(key) for key in SECTIONS[section].keys]
    if all(isinstance(key, str) and key for key in keys):
        return f"{section}.{shown(SECTIONS[section].name(keys))}"
    return f"{section}[{position}]"

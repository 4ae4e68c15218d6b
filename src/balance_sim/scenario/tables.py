"""CSV tables become the same rows of nodes as items written inline, each cell with its row and column."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from balance_sim.scenario.cells import Unclear, hint_for_number, plain_scalar
from balance_sim.scenario.files import LARGEST_TABLE, Sources, decoded
from balance_sim.scenario.layout import (
    OTHER_NAMES,
    Section,
    cell_sort,
    field_names,
    row_path,
)
from balance_sim.scenario.nodes import REFUSED, Node
from balance_sim.scenario.problems import (
    CONTROL,
    Mark,
    Problem,
    ScenarioError,
    closest,
    listed,
    problem,
    shown,
)

MOST_COLUMNS = 100
MOST_LISTED = 1_000
MOST_TITLE_ROWS = 5
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_DELIMITERS = {";": "`;`", "\t": "a tab", "|": "`|`"}


def read_table(
    item: Node, name: str, section: Section, sources: Sources, base: str
) -> tuple[list[Node], list[Problem]]:
    """Rows of the table that `item` (`table`, `sha256`) names, and what is wrong with it.

    `name` is the section's; `base` the file that holds `item`."""
    problems: list[Problem] = []
    for key, child in item.fields.items():
        if key not in ("table", "sha256"):
            hint = "put fields into an item of their own, beside the table"
            problems.append(
                problem(child.at, f"{name}[].{key}", "E101", f"unknown key `{key}`", suggestion=hint)
            )
    written = item.fields["table"]
    try:
        _, file, data = sources.beside(written.value, base, written.mark, f"{name}[].table", LARGEST_TABLE)
        problems += _check_digest(item, name, file, data)
        rows, found = parse_table(decoded(data, file), file, name, section)
    except ScenarioError as error:
        return [Node(REFUSED, item.mark)], problems + list(error.problems)
    if not rows and found:
        rows = [Node(REFUSED, item.mark)]
    return rows, problems + found


def _check_digest(item: Node, name: str, file: str, data: bytes) -> list[Problem]:
    digest = hashlib.sha256(data).hexdigest()
    declared = item.get("sha256")
    if declared is None:
        why = f"no sha256 declared for `{file}`: a changed table would go unnoticed"
        return [problem(item.mark, f"{name}[].table", "W310", why, suggestion=f"add sha256: {digest}")]
    if declared.text.lower() == digest:
        return []
    if not re.fullmatch(r"[0-9a-fA-F]{64}", declared.text):
        why = f"`{shown(declared.text)}` is not a sha256 (64 hexadecimal digits)"
    else:
        why = f"`{file}` has another sha256 than the one declared"
    hint = f"the file's is {digest}; restore the file or declare that"
    return [problem(declared.mark, f"{name}[].sha256", "E610", why, suggestion=hint)]


LONGEST_CELL = 1 << 17  # characters


def parse_table(text: str, file: str, name: str, section: Section) -> tuple[list[Node], list[Problem]]:
    """Rows of a table's text. A problem with the header ends it; others are gathered."""
    if not text.strip():
        return [], [
            problem(Mark(file, 1, 1), name, "E004", "the table is empty", suggestion="write a header")
        ]
    controls = _controls(text, file, name)
    if controls:
        return [], controls
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Node] = []
    problems: list[Problem] = []
    header: list[str] | None = None
    line = 1
    before = csv.field_size_limit(LONGEST_CELL)  # one limit for the whole process: others may have moved it
    try:
        for cells in reader:
            first, line = line, reader.line_num + 1
            if not cells or cells == [""] or (len(cells) == 1 and not cells[0].strip()):
                continue
            if header is None:
                header = cells
                problems += _check_header(cells, file, first, name, section, reader)
                if problems:
                    return [], problems
            elif len(rows) >= section.most:
                why = f"more than {section.most:,} rows; the rest was not read"
                problems.append(problem(Mark(file, first, 1), name, "E022", why))
                rows.append(Node(REFUSED, Mark(file, first, 1)))
                break
            elif wrong := _no_row(cells, header):
                problems.append(problem(Mark(file, first, 1), name, "E604", wrong[0], suggestion=wrong[1]))
                rows.append(Node(REFUSED, Mark(file, first, 1)))
            else:
                rows.append(_row(cells, header, Mark(file, first, 1), name, section, problems))
    except csv.Error as error:
        mark = Mark(file, max(1, reader.line_num), 1)
        problems.append(problem(mark, name, "E604", f"not a CSV row: {error}", suggestion="check the quotes"))
    finally:
        csv.field_size_limit(before)
    return rows, problems


def _no_row(cells: Sequence[str], header: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a row as a whole, and what to do; None if it has a cell for each column."""
    if len(cells) != len(header):
        why = f"{len(cells)} cell{'s' * (len(cells) != 1)}, expected {len(header)}"
        if len(cells) == len(header) + 1 and not cells[-1].strip():
            return why, "remove the comma at the end of the row"
        return why, "put cells that hold a comma in double quotes"
    if not any(cell.strip() for cell in cells):
        return "a row of blank cells", "remove the row"
    if list(cells) == list(header):
        return "the names of the columns again", "remove the row"
    return None


def _controls(text: str, file: str, name: str) -> list[Problem]:
    found = CONTROL.search(text)
    if found is None:
        return []
    line = text.count("\n", 0, found.start()) + 1
    why = f"control character U+{ord(found.group()):04X}"
    return [problem(Mark(file, line, 1), name, "E007", why, suggestion="remove it")]


def _is_note(column: str) -> bool:
    return column.endswith("_note") or column.startswith("x_")


def _check_header(
    header: Sequence[str], file: str, line: int, name: str, section: Section, below: Iterable[Sequence[str]]
) -> list[Problem]:
    """What is wrong with the first row; below: the rows under it."""
    if len(header) == 1:
        for mark, spoken in _DELIMITERS.items():
            if mark in header[0]:
                hint = "save the table with commas between cells"
                return [
                    problem(Mark(file, line, 1), name, "E606", f"{spoken} used as delimiter", suggestion=hint)
                ]
    known = field_names(section.model)
    if len(header) > MOST_COLUMNS:
        return [
            problem(Mark(file, line, 1), name, "E602", f"{len(header):,} columns, more than {MOST_COLUMNS}")
        ]
    meant = [_meant(column, known) for column in header]
    if not any(meant):
        return [_no_header(header, Mark(file, line, 1), name, known, below)]
    problems = []
    for at, (column, near) in enumerate(zip(header, meant, strict=True), 1):
        where = Mark(file, line, at)
        if header.index(column) + 1 < at and column.strip():
            problems.append(problem(where, name, "E605", f"column `{shown(column)}` given twice"))
        elif column not in known and not _is_note(column):
            problems.append(_unknown_column(column, near, where, name, known, is_last=at == len(header)))
    needed = [field for field in known if section.model.model_fields[field].is_required()]
    missing = [field for field in needed if field not in meant]
    if missing:
        why = f"missing column {listed(f'`{field}`' for field in missing)}"
        hint = "the first row must name the columns"
        problems.append(problem(Mark(file, line, 1), name, "E601", why, listed(known, 30), hint))
    return problems


def _meant(column: str, known: Sequence[str]) -> str | None:
    """The field that the name of a column stands for, well written or not."""
    bare = column.strip(" \t\u00a0\u200b\ufeff").casefold()
    name = OTHER_NAMES.get(column) or OTHER_NAMES.get(bare) or bare
    if column in known or name in known:
        return column if column in known else name
    return None if _is_note(column) or not bare else closest(column, known)


def _unknown_column(
    column: str, near: str | None, where: Mark, name: str, known: Sequence[str], *, is_last: bool
) -> Problem:
    if not column.strip():
        hint = "remove the comma at the end of every row" if is_last else "name it, or remove it"
        return problem(where, name, "E602", f"column {where.col} has no name", listed(known, 30), hint)
    hint = "columns for notes end in `_note` or begin with `x_`"
    if near:
        hint = f"it is called `{near}` here" if column in OTHER_NAMES else f"did you mean `{near}`?"
    return problem(where, name, "E602", f"unknown column `{shown(column)}`", listed(known, 30), hint)


def _no_header(
    header: Sequence[str], mark: Mark, name: str, known: Sequence[str], below: Iterable[Sequence[str]]
) -> Problem:
    """The first row names no column at all: a title, data, or no table."""
    why = f"the first row names no column: it holds {listed((f'`{shown(cell, 30)}`' for cell in header), 3)}"
    hint = "write a first row with the names of the columns"
    for at, row in enumerate(islice(below, MOST_TITLE_ROWS), 1):
        if sum(_meant(cell, known) is not None for cell in row) > 1:
            hint = f"the names stand in row {mark.line + at}: remove what is above"
            break
    return problem(mark, name, "E601", why, listed(known, 30), hint)


def _row(
    cells: Sequence[str],
    header: Sequence[str],
    mark: Mark,
    name: str,
    section: Section,
    problems: list[Problem],
) -> Node:
    fields: dict[str, Node] = {}
    wrong: list[tuple[Mark, str, str, str, str]] = []
    for at, (column, cell) in enumerate(zip(header, cells, strict=True), 1):
        if not cell.strip() or _is_note(column):
            continue
        where = Mark(mark.file, mark.line, at)
        sort = cell_sort(section.model, column)
        if sort == "list":
            if cell.count(";") >= MOST_LISTED:
                wrong.append((where, column, "E022", f"more than {MOST_LISTED:,} items in a cell", ""))
                fields[column] = Node(REFUSED, where, text=cell)
                continue
            items = [Node(part, where, text=part, quoted=True) for part in cell.split(";")]
            fields[column] = Node(items, where, text=cell)
            continue
        value: object = cell
        if sort != "text":
            value, code, why, hint = _typed(cell, sort)
            if code:
                wrong.append((where, column, code, why, hint))
        fields[column] = Node(value, where, text=cell, quoted=sort == "text")
    row = Node(fields, mark)
    path = row_path(name, row, len(problems))
    problems += [
        problem(at, f"{path}.{column}", code, why, "", hint) for at, column, code, why, hint in wrong
    ]
    return row


def _typed(cell: str, sort: str) -> tuple[object, str, str, str]:
    """Value of a cell that is to hold a number or a flag; error code, message and hint if it does not."""
    if sort == "flag":
        value = _FLAGS.get(cell.casefold())
        if value is None:
            return REFUSED, "E603", f"expected true or false, got `{shown(cell)}`", "write true or false"
        return value, "", "", ""
    number = plain_scalar(cell)
    if isinstance(number, Unclear):
        return REFUSED, "E603", number.message, "write decimal digits"
    if isinstance(number, int | float) and not isinstance(number, bool):
        return number, "", "", ""
    code, hint = hint_for_number(cell)
    return REFUSED, "E604" if code == "E204" else "E603", f"expected number, got `{shown(cell)}`", hint

"""Sheets of Excel files as the rows of text that a table in CSV would have."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from zipfile import BadZipFile, ZipFile

from balance_sim.scenario.diagnostics import (
    Mark,
    ScenarioError,
    check_printable,
    refused,
    unknown,
)

SUFFIX = ".xlsx"
LARGEST_UNPACKED = 64 << 20
"""Bytes of all members of a file together."""
MOST_COLUMNS = 100


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

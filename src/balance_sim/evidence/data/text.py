"""The text of data files (plain, gzipped, or Stata's own format) as rows and columns.

Text is UTF-8, with or without mark, or else Latin-1; columns are separated by commas,
tabs or semicolons, whichever the header has most of."""

from __future__ import annotations

import csv
import gzip
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from balance_sim.evidence.data.errors import NO_FILE, NO_TABLE, DataError
from balance_sim.scenario.files import regular_bytes

LARGEST = 1 << 31
"""Bytes of a file, unpacked, that are read at most."""
SMALL = 1 << 25
MOST_RATIO = 100
"""Bytes out for a byte in, of a gzipped file that unpacks to more than `SMALL`
bytes."""
LARGE = 1 << 26
"""Characters beyond which only the columns wanted are read, and the length of rows is
not checked."""
LONGEST_CELL = 1 << 27
PART = 1 << 22
GZIP_MARK = b"\x1f\x8b"
UNREADABLE_STATA = (
    *(ValueError, TypeError, KeyError, IndexError),
    *(struct.error, OverflowError),
)


class Row(NamedTuple):
    """A row of a table, and the physical line on which it begins, counted from 1."""

    line: int
    cells: list[str]


def read_text(path: Path) -> io.StringIO:
    """The text of a file; of a Stata file the CSV that it would be.

    Raises OSError for a file that cannot be read, DataError for one that is no text.
    """
    content = regular_bytes(path, LARGEST)
    if path.suffix.lower() == ".dta":
        return _stata_text(content)
    if content.startswith(GZIP_MARK):
        content = _unpacked(content, path)
    elif path.suffix.lower() == ".gz":
        message = "the name ends in .gz and the file is not gzipped"
        raise DataError(message, "Rename it, or pack it", path, code=NO_TABLE)
    if b"\0" in content[:4096]:
        hint = "Save it as CSV in UTF-8"
        raise DataError("this is no text", hint, path, code=NO_TABLE)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return io.StringIO(text, newline="")


def _unpacked(packed: bytes, path: Path) -> bytes:
    """The content of a gzipped file. Never much more is unpacked than a table holds."""
    source = io.BytesIO(packed)
    chunks: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=source) as stream:
            while part := stream.read(PART):
                chunks.append(part)
                size += len(part)
                if size > max(SMALL, MOST_RATIO * source.tell()) or size > LARGEST:
                    message = f"{source.tell():,} bytes unpack to {size:,} and more"
                    hint = "Give the file unpacked"
                    raise DataError(message, hint, path, code=NO_TABLE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"the compressed data are damaged ({error})") from None
    return b"".join(chunks)


def _stata_text(content: bytes) -> io.StringIO:
    options: dict[str, Any] = {"convert_categoricals": False, "preserve_dtypes": False}
    try:
        frame = pd.read_stata(io.BytesIO(content), **options)
    except UNREADABLE_STATA as error:
        message = f"this is no Stata file that can be read ({error})"
        raise OSError(message) from None
    return io.StringIO(frame.to_csv(index=False), newline="")


def rows(text: io.StringIO) -> Iterator[Row]:
    """The rows of a table, split where its header is; blank lines left out.

    Raises csv.Error for a cell that is too long."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(text, delimiter=_delimiter(text))
    line = 1
    for cells in reader:
        is_blank = len(cells) == 1 and not cells[0].strip(" \t")
        if cells and not is_blank:
            yield Row(line, cells)
        line = reader.line_num + 1


def row_lines(path: Path, positions: Sequence[int]) -> list[int]:
    """Physical line on which each row of a file starts. positions: from 0, the header
    left out."""
    wanted = set(positions)
    lines: dict[int, int] = {}
    for position, row in enumerate(rows(read_text(path)), start=-1):
        if position in wanted:
            lines[position] = row.line
    return [lines[position] for position in positions]


def _delimiter(text: io.StringIO) -> str:
    place = text.tell()
    header = text.readline()
    text.seek(place)
    return max((",", "\t", ";"), key=header.count)


def read_columns(path: Path, published: Mapping[str, str], width: int) -> pd.DataFrame:
    """Columns of a file as text, by our names.

    Row names that R writes without a header are left out, and so are marks at the end
    of each line. published: our name -> that in the header; width: of the header.
    Raises DataError for rows that do not fit the header."""
    text = read_text(path)
    is_large = len(text.getvalue()) > LARGE
    if is_large:
        wanted = list(dict.fromkeys(published.values()))
        frame = _parsed(text, path, width, usecols=wanted)
    else:
        frame = _parsed(text, path, width)
        ends_with_mark = bool((frame.iloc[:, -1] == "").all())
        if not isinstance(frame.index, pd.RangeIndex) and ends_with_mark:
            text.seek(0)
            frame = _parsed(text, path, width, index_col=False)
    extra = frame.index.nlevels
    if extra > 1:
        message = f"rows have {width + extra} cells, the header {width}"
        hint = "Name every column, and put a cell that holds a comma in quotes"
        raise DataError(message, hint, path, 2, code=NO_TABLE)
    columns = {
        our_name: frame[their_name].to_numpy()
        for our_name, their_name in published.items()
    }
    return pd.DataFrame(columns)


def _parsed(text: io.StringIO, path: Path, width: int, **options: Any) -> pd.DataFrame:
    options |= {"sep": _delimiter(text), "dtype": str}
    options |= {"keep_default_na": False, "na_filter": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(text, **options)
            return frame
    except pd.errors.ParserError as error:
        raise _parser_fault(str(error), path, width) from None


def _parser_fault(reason: str, path: Path, width: int) -> DataError:
    """What pandas says of a table that it cannot parse, with the place."""
    unclosed = re.search(r"EOF inside string starting at row (\d+)", reason)
    if unclosed:
        message = "a quote is opened and not closed"
        line = int(unclosed[1]) + 1
        return DataError(message, "Close it", path, line, code=NO_TABLE)
    longer = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if longer:
        message = f"a row has {longer[3]} cells, the header {longer[1]}"
        hint = "Put a cell that holds a comma in quotes"
        return DataError(message, hint, path, int(longer[2]), code=NO_TABLE)
    message = f"a row does not fit the header's {width} cells: {reason}"
    return DataError(message, "Correct it", path, code=NO_TABLE)


def read_header(path: Path) -> list[str]:
    """The cells of a table's first line. Raises DataError where there is none."""
    try:
        first = next(rows(read_text(path)), None)
    except FileNotFoundError:
        hint = "Check the folder and the file's name"
        raise DataError("the file is not there", hint, path, code=NO_FILE) from None
    except OSError as error:
        reason = getattr(error, "strerror", None) or error
        message = f"the file cannot be read: {reason}"
        hint = "Give a CSV file, plain or gzipped"
        raise DataError(message, hint, path, code=NO_FILE) from None
    except csv.Error as error:
        message = f"this is no table: {error}"
        raise DataError(message, "Give a CSV file", path, 1, code=NO_TABLE) from None
    cells = first.cells if first is not None and first.line == 1 else []
    if not any(cell.strip() for cell in cells):
        hint = "The first line must name the columns"
        raise DataError("the file is empty", hint, path, 1, code=NO_TABLE)
    return cells

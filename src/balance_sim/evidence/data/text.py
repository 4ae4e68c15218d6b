"""The text of a data file, however its authors packed it: plain, gzipped, or Stata's own format."""

from __future__ import annotations

import csv
import gzip
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.files import regular_bytes

csv.field_size_limit(1 << 27)  # a longer cell than the reader's own limit is a cell, not a crash

LARGEST = 1 << 31
"""Bytes of a file, unpacked, that are read at most."""
SMALL = 1 << 25
MOST_RATIO = 100
"""Bytes out for a byte in, of a gzipped file that unpacks to more than `SMALL` bytes."""
LARGE = 1 << 26
"""Characters beyond which only the columns wanted are read, and the length of rows is not checked."""


class Rows(Protocol):
    """A CSV reader: rows of cells, and the line that was read last."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


def text_of(path: Path) -> io.StringIO:
    """The text of a file, plain or gzipped, UTF-8 or Latin-1; a Stata file as the CSV that it would be."""
    raw = regular_bytes(path, LARGEST)
    if path.suffix.lower() == ".dta":
        return _from_stata(raw)
    if raw.startswith(_GZIP):
        raw = _unpacked(raw, path)
    elif path.suffix.lower() == ".gz":
        raise DataError("the name ends in .gz and the file is not gzipped", "Rename it, or pack it", path)
    found = next((what for start, what in _FORMATS.items() if raw.startswith(start)), None)
    if found is None and raw[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        found = ("a web page", "Download the data file itself")
    if found is None and b"\0" in raw[:4096]:
        found = ("no text", "Save it as CSV in UTF-8")
    if found is not None:
        raise DataError(f"this is {found[0]}, not a CSV file", found[1], path)
    try:
        return io.StringIO(raw.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        return io.StringIO(raw.decode("latin-1"), newline="")


_GZIP = b"\x1f\x8b"
_AS_CSV = "Save the sheet as CSV in UTF-8"
_FORMATS: Mapping[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("an Excel workbook or a zip archive", f"{_AS_CSV}, or unpack the archive"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook of the old kind", _AS_CSV),
    b"<stata_dta>": ("a Stata file", "Let its name end in .dta"),
    b"PAR1": ("a Parquet file", "Save it as CSV"),
    b"RDX": ("an R workspace", "Save the table as CSV with write.csv"),
    b"X\n\0": ("an R object", "Save the table as CSV with write.csv"),
    b"$FL": ("an SPSS file", "Save it as CSV"),
    b"%PDF": ("a PDF", "Give the table as CSV"),
    b"\xff\xfe": ("text in UTF-16", "Save it as UTF-8"),
    b"\xfe\xff": ("text in UTF-16", "Save it as UTF-8"),
    b"BZh": ("a file packed by bzip2", "Unpack it"),
    b"\xfd7zXZ": ("a file packed by xz", "Unpack it"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "Unpack it"),
}
"""What files begin with that are taken for tables, what they are, and what to do."""


def _unpacked(raw: bytes, path: Path) -> bytes:
    """The content of a gzipped file. Never much more is unpacked than a table can hold."""
    parts, size, packed = [], 0, io.BytesIO(raw)
    try:
        with gzip.GzipFile(fileobj=packed) as stream:
            while part := stream.read(1 << 22):
                parts.append(part)
                size += len(part)
                if size > LARGEST or size > max(SMALL, MOST_RATIO * packed.tell()):
                    raise DataError(
                        f"{packed.tell():,} bytes unpack to {size:,} and more", "Give the file unpacked", path
                    )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"the compressed data are damaged ({error})") from None
    return b"".join(parts)


def _from_stata(raw: bytes) -> io.StringIO:
    try:
        frame = pd.read_stata(io.BytesIO(raw), convert_categoricals=False, preserve_dtypes=False)
    except (ValueError, TypeError, KeyError, IndexError, struct.error, OverflowError) as error:
        raise OSError(f"this is no Stata file that can be read ({error})") from None
    out = io.StringIO(newline="")
    frame.to_csv(out, index=False)
    out.seek(0)
    return out


def delimiter(handle: io.StringIO) -> str:
    """What separates the columns: a comma, a tab or a semicolon, whichever the header has most of."""
    at = handle.tell()
    head = handle.readline()
    handle.seek(at)
    return max((",", "\t", ";"), key=head.count)


def records(handle: io.StringIO) -> Rows:
    """The rows of a file, split where its header is."""
    return csv.reader(handle, delimiter=delimiter(handle))


def columns_of(path: Path, published: Mapping[str, str], width: int) -> pd.DataFrame:
    """The columns as text. Row names that R writes without a header are left out; a row that is longer than the
    others is an error, since its cells would stand under the wrong names."""
    wanted = list(dict.fromkeys(published.values()))
    with text_of(path) as handle:
        large = len(handle.getvalue()) > LARGE
        frame = _parsed(handle, path, width, usecols=wanted if large else None)
        if not large and not isinstance(frame.index, pd.RangeIndex) and (frame.iloc[:, -1] == "").all():
            handle.seek(0)  # a mark at the end of each line, and no row names
            frame = _parsed(handle, path, width, index_col=False)
        if frame.index.nlevels > 1:
            raise DataError(
                f"rows have {width + frame.index.nlevels} cells, the header {width}",
                "Name every column, and put a cell that holds a comma in quotes",
                path,
                2,
            )
    return pd.DataFrame({ours: frame[theirs].to_numpy() for ours, theirs in published.items()})


def _parsed(handle: io.StringIO, path: Path, width: int, **how: Any) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(
                handle, sep=delimiter(handle), dtype=str, keep_default_na=False, na_filter=False, **how
            )
            return frame
    except pd.errors.ParserError as error:
        unclosed = re.search(r"EOF inside string starting at row (\d+)", str(error))
        if unclosed:
            line = int(unclosed[1]) + 1
            raise DataError("a quote is opened and not closed", "Close it", path, line) from None
        longer = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if longer:
            raise DataError(
                f"a row has {longer[3]} cells, the header {longer[1]}",
                "Put a cell that holds a comma in quotes",
                path,
                int(longer[2]),
            ) from None
        raise DataError(
            f"a row does not fit the header's {width} cells: {error}", "Correct it", path
        ) from None

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

from balance_sim.evidence.errors import DataError

csv.field_size_limit(1 << 27)  # a longer cell than the reader's own limit is a cell, not a crash

LARGE = 1 << 26
"""Characters beyond which only the columns wanted are read, and the length of rows is not checked."""


class Rows(Protocol):
    """A CSV reader: rows of cells, and the line that was read last."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


def text_of(path: Path) -> io.StringIO:
    """The text of a file, plain or gzipped, UTF-8 or Latin-1; a Stata file as the CSV that it would be."""
    if path.suffix == ".dta":
        return _from_stata(path)
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, zlib.error) as error:
            raise OSError(f"the compressed data are damaged ({error})") from None
    try:
        return io.StringIO(raw.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        return io.StringIO(raw.decode("latin-1"), newline="")


def _from_stata(path: Path) -> io.StringIO:
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        frame = pd.read_stata(path, convert_categoricals=False, preserve_dtypes=False)
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

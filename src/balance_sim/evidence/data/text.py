"""The text of files: of data, however their authors packed them (plain, gzipped, or
Stata's own format), and of parameters, which are written as YAML."""

from __future__ import annotations

import gzip
import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.tables import CsvRow, csv_rows, delimiter_of

LARGEST = 1 << 31
"""Bytes of a file, unpacked, that are read at most."""
LONGEST_CELL = 1 << 27
SMALL = 1 << 25
MOST_RATIO = 100
"""Bytes out for a byte in, of a gzipped file that unpacks to more than `SMALL`
bytes."""
LARGE = 1 << 26
"""Characters beyond which only the columns wanted are read, and the length of rows is
not checked."""
_CSV, _UNPACK, _UTF8 = (
    "Save it as CSV",
    "Unpack it",
    ("text in UTF-16", "Save it as UTF-8"),
)
_SHEET, _R = "Save the sheet as CSV in UTF-8", "Save the table as CSV with write.csv"
_FORMATS: Mapping[bytes, tuple[str, str]] = {
    b"PK\x03\x04": (
        "an Excel workbook or a zip archive",
        f"{_SHEET}, or unpack the archive",
    ),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook of the old kind", _SHEET),
    b"<stata_dta>": ("a Stata file", "Let its name end in .dta"),
    b"PAR1": ("a Parquet file", _CSV),
    b"RDX": ("an R workspace", _R),
    b"X\n\0": ("an R object", _R),
    b"$FL": ("an SPSS file", _CSV),
    b"%PDF": ("a PDF", "Give the table as CSV"),
    b"\xff\xfe": _UTF8,
    b"\xfe\xff": _UTF8,
    b"BZh": ("a file packed by bzip2", _UNPACK),
    b"\xfd7zXZ": ("a file packed by xz", _UNPACK),
    b"7z\xbc\xaf": ("a 7-Zip archive", _UNPACK),
}
"""What files begin with that are taken for tables, what they are, and what to do."""


FITTED_HEAD = "# Fitted by balance-sim. Estimates in nats; see docs/evidence.md.\n"
CALIBRATION_HEAD = """\
# Written by `balance-sim evidence calibrate`. Posterior means of the scenario's own record,
# nats; dyads: [mean factor on the rate, shape of its gamma posterior]. See
# docs/evidence.md. After a change of the record or of the fitted weights, run it again.
"""


def text_of(path: Path) -> io.StringIO:
    """The text of a file, plain or gzipped, UTF-8 or Latin-1; a Stata file as the CSV
    that it would be."""
    raw = regular_bytes(path, LARGEST)
    if path.suffix.lower() == ".dta":
        return _from_stata(raw)
    if raw.startswith(b"\x1f\x8b"):
        raw = _unpacked(raw, path)
    elif path.suffix.lower() == ".gz":
        raise DataError(
            "the name ends in .gz and the file is not gzipped",
            "Rename it, or pack it",
            path,
        )
    found = next(
        (what for start, what in _FORMATS.items() if raw.startswith(start)), None
    )
    if found is None and raw[:200].lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        found = ("a web page", "Download the data file itself")
    if found is None and b"\0" in raw[:4096]:
        found = ("no text", "Save it as CSV in UTF-8")
    if found is not None:
        raise DataError(f"this is {found[0]}, not a CSV file", found[1], path)
    try:
        return io.StringIO(raw.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        return io.StringIO(raw.decode("latin-1"), newline="")


def _unpacked(raw: bytes, path: Path) -> bytes:
    """The content of a gzipped file. Never much more is unpacked than a table can
    hold."""
    parts, size, packed = [], 0, io.BytesIO(raw)
    try:
        with gzip.GzipFile(fileobj=packed) as stream:
            while part := stream.read(1 << 22):
                parts.append(part)
                size += len(part)
                if size > LARGEST or size > max(SMALL, MOST_RATIO * packed.tell()):
                    why = f"{packed.tell():,} bytes unpack to {size:,} and more"
                    raise DataError(why, "Give the file unpacked", path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"the compressed data are damaged ({error})") from None
    return b"".join(parts)


def _from_stata(raw: bytes) -> io.StringIO:
    try:
        frame = pd.read_stata(
            io.BytesIO(raw), convert_categoricals=False, preserve_dtypes=False
        )
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        struct.error,
        OverflowError,
    ) as error:
        raise OSError(f"this is no Stata file that can be read ({error})") from None
    return io.StringIO(frame.to_csv(index=False), newline="")


def rows_of(handle: io.StringIO) -> Iterator[CsvRow]:
    """The rows of a file, split where its header is; blank lines left out, as pandas
    does."""
    return csv_rows(
        handle, _delimiter(handle), strict=False, longest=LONGEST_CELL, blank=" \t"
    )


def lines_of(path: Path, rows: Sequence[int]) -> list[int]:
    """Physical line on which each row of a file starts. rows: from 0, the header left
    out."""
    wanted = set(rows)
    with text_of(path) as handle:
        there = (row.line for row in rows_of(handle))
        next(there)
        found = {row: line for row, line in enumerate(there) if row in wanted}
    return [found[row] for row in rows]


def _delimiter(handle: io.StringIO) -> str:
    at = handle.tell()
    head = handle.readline()
    handle.seek(at)
    return delimiter_of(head)


def columns_of(path: Path, published: Mapping[str, str], width: int) -> pd.DataFrame:
    """The columns as text. Row names that R writes without a header are left out; a row
    that is longer than the others is an error, since its cells would stand under the
    wrong names."""
    with text_of(path) as handle:
        large = len(handle.getvalue()) > LARGE
        wanted = list(dict.fromkeys(published.values())) if large else None
        frame = _parsed(handle, path, width, usecols=wanted)
        if (
            not large
            and not isinstance(frame.index, pd.RangeIndex)
            and (frame.iloc[:, -1] == "").all()
        ):
            handle.seek(0)  # a mark at the end of each line, and no row names
            frame = _parsed(handle, path, width, index_col=False)
        if frame.index.nlevels > 1:
            why = f"rows have {width + frame.index.nlevels} cells, the header {width}"
            raise DataError(
                why,
                "Name every column, and put a cell that holds a comma in quotes",
                path,
                2,
            )
    return pd.DataFrame(
        {ours: frame[theirs].to_numpy() for ours, theirs in published.items()}
    )


def _parsed(handle: io.StringIO, path: Path, width: int, **how: Any) -> pd.DataFrame:
    how |= {
        "sep": _delimiter(handle),
        "dtype": str,
        "keep_default_na": False,
        "na_filter": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(handle, **how)
            return frame
    except pd.errors.ParserError as error:
        why, what, line = (
            f"a row does not fit the header's {width} cells: {error}",
            "Correct it",
            None,
        )
        if unclosed := re.search(
            r"EOF inside string starting at row (\d+)", str(error)
        ):
            why, what, line = (
                "a quote is opened and not closed",
                "Close it",
                int(unclosed[1]) + 1,
            )
        elif longer := re.search(
            r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)
        ):
            why, line = (
                f"a row has {longer[3]} cells, the header {longer[1]}",
                int(longer[2]),
            )
            what = "Put a cell that holds a comma in quotes"
        raise DataError(why, what, path, line) from None


def fitted_text(record: dict[str, object], head: str = FITTED_HEAD) -> str:
    """One YAML document; lists of numbers on one line, the matrix a row a line."""

    def flat(data: Any) -> bool:
        return isinstance(data, list) and all(
            item is None or isinstance(item, int | float) for item in data
        )

    return head + _dumped(record, flat)


def calibration_text(record: dict[str, object]) -> str:
    """One YAML document; lists, and mappings of numbers, on one line each."""

    def flat(data: Any) -> bool:
        return (
            "estimate" in data
            if isinstance(data, dict)
            else not any(isinstance(item, list) for item in data)
        )

    return CALIBRATION_HEAD + _dumped(record, flat)


def _dumped(record: dict[str, object], flat: Callable[[Any], bool]) -> str:
    """YAML with the lists and mappings on one line of which `flat` says so."""

    class Dumper(yaml.SafeDumper): ...

    seq, mapping = "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"
    Dumper.add_representer(
        list, lambda own, data: own.represent_sequence(seq, data, flat(data))
    )
    Dumper.add_representer(
        dict, lambda own, data: own.represent_mapping(mapping, data.items(), flat(data))
    )
    return yaml.dump(
        record, Dumper=Dumper, sort_keys=False, width=1_000_000, allow_unicode=True
    )

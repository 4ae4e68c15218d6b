"""A data file turned into checked columns.

Files are CSV, plain or gzipped, in UTF-8 or Latin-1, with commas, tabs or semicolons.
Column names are matched without regard to case, and each column may go by several
published names. What is wrong is raised as a DataError with file, line and column."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import (
    BAD_CELL,
    NO_COLUMN,
    NO_FILE,
    NO_TABLE,
    OUT_OF_BOUNDS,
    DataError,
)
from balance_sim.scenario.diagnostics import ScenarioError, listed
from balance_sim.scenario.files import ZIPPED, regular_bytes
from balance_sim.scenario.tables import csv_rows

LARGEST = 1 << 31
"""Bytes of a file, unpacked, that are read at most."""
GZIP_MARK = b"\x1f\x8b"
MISSING_TEXT = ("", "NA", "NaN", "nan", ".", "..", "NULL", "N/A", "#N/A")
MISSING_CODES = (-9, -8, -7)
"""What the Correlates of War and those who follow it write for missing, inapplicable
and not yet known."""
LARGEST_INTEGER = 2.0**53
"""Beyond it a float64 no longer holds every whole number."""
FIRST_YEAR, LAST_YEAR = 1000, 2200
"""Years that a date may have."""
TRUE_WORDS = ("1", "1.0", "true", "t", "yes")
WHOLE = ("cow", "cow_a", "cow_b", "year", "year_from", "dispute", "type")
"""Columns of tidy frames that hold whole numbers and have no gaps."""
SECONDS: Final = "datetime64[s]"
_DATE = r"^(\d{4})(?:[-/]?(\d{1,2})(?:[-/]?(\d{1,2})(?:[T ]\d.*)?)?)?$"

Years = tuple[int, int] | None


@dataclass(frozen=True)
class ReadReport:
    """What a reader took from a file. The years are those the source covers, not those
    of its events; dropped: how many rows were left out, by reason."""

    source: str
    path: str
    rows_read: int
    rows_kept: int
    first_year: int | None
    last_year: int | None
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether there was no file of the source."""
        return not self.path

    @property
    def losses(self) -> tuple[str, ...]:
        """A line for each reason why rows were left out."""
        name = Path(self.path).name
        return tuple(
            f"{name}: {count} rows left out: {reason}"
            for reason, count in self.dropped.items()
        )


class Read(NamedTuple):
    """A tidy frame and the report on how it came about."""

    frame: pd.DataFrame
    report: ReadReport


@dataclass
class Table:
    """The rows of a file, and checked conversions of its columns.

    Attributes
    ----------
    source : what the file is called in messages
    text : the cells, a column each of our names, indexed by the line of the file on
        which a row begins; blank throughout where the file has no such column
    head : the names of the columns in the file
    published : our name -> that of the file, of columns that are there
    names : our name -> the names that a column may have in a header
    dropped : how many rows were left out, by reason
    """

    path: str
    source: str
    text: pd.DataFrame
    head: Sequence[str]
    published: Mapping[str, str]
    names: Mapping[str, Sequence[str]]
    dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows_read = len(self.text)

    def needs(self, *columns: str) -> None:
        """Raise DataError for the first of these columns that the file lacks."""
        for column in columns:
            if column not in self.published:
                raise DataError(
                    f"{self.source} needs a column {' or '.join(self.names[column])}",
                    f"The columns found are {listed(self.head)}",
                    self.path,
                    1,
                    code=NO_COLUMN,
                )

    def refuse(
        self,
        column: str,
        is_bad: pd.Series,
        message: str,
        next_step: str = "Correct the cell, or leave it blank",
        code: str = BAD_CELL,
    ) -> None:
        """Raise DataError for the first row where `is_bad` is true, if there is one."""
        if is_bad.any():
            line = int(is_bad.index[is_bad][0])
            value = str(self.text.at[line, column])
            name = self.published.get(column, column)
            raise DataError(message, next_step, self.path, line, name, value, code=code)

    def number(
        self,
        column: str,
        low: float = -np.inf,
        high: float = np.inf,
        missing: Sequence[float] = MISSING_CODES,
    ) -> pd.Series:
        """A column as float64 within low..high, both allowed; blanks and the source's
        codes for missing become NaN."""
        cells = self.text[column]
        is_blank = cells.isin(MISSING_TEXT)
        numbers = pd.to_numeric(cells.mask(is_blank), errors="coerce")
        values = numbers.astype(np.float64)
        self.refuse(column, ~(is_blank | np.isfinite(values)), "this is not a number")
        values = values.mask(values.isin(missing))
        self.refuse(
            column,
            (values < low) | (values > high),
            f"this lies outside {low:g}..{high:g}",
            code=OUT_OF_BOUNDS,
        )
        return values

    def integer(
        self,
        column: str,
        low: float = -LARGEST_INTEGER,
        high: float = LARGEST_INTEGER,
        missing: Sequence[float] = MISSING_CODES,
    ) -> pd.Series:
        """The same of whole numbers, still as float64."""
        values = self.number(column, low, high, missing)
        self.refuse(
            column, values.notna() & (values % 1 != 0), "this is not a whole number"
        )
        return values

    def year(self, column: str, missing: Sequence[float] = MISSING_CODES) -> pd.Series:
        """A column of years as float64, NaN where missing."""
        return self.integer(column, FIRST_YEAR, LAST_YEAR, missing)

    def flag(self, column: str) -> pd.Series:
        """Where a column says yes: TRUE, T, yes or 1, in any case."""
        return self.text[column].str.lower().isin(TRUE_WORDS)

    def parted(
        self, stem: str, missing: Sequence[float], *, end: bool = False
    ) -> tuple[pd.Series, pd.Series]:
        """Dates, and their precision, from columns `stem_year`, `stem_month`,
        `stem_day`: see `day`."""
        month = self.integer(f"{stem}_month", missing=missing)
        return day(
            self.year(f"{stem}_year", missing),
            month,
            self.integer(f"{stem}_day", missing=missing),
            end=end,
        )

    def dates(
        self, column: str, *, end: bool = False, loose: bool = False
    ) -> tuple[pd.Series, pd.Series]:
        """Dates, whole or partial: YYYY, YYYY-MM, YYYY-MM-DD, also without hyphens or
        with slashes; and their precision; see `day`. A time of day is left out.

        loose: a month that there is not, as 99, is one that is not known."""
        cells = self.text[column]
        fields = cells.str.extract(_DATE)
        year, month, day_of_month = (pd.to_numeric(fields[k]) for k in range(3))
        dates, precision = day(year, month, day_of_month, end=end)
        is_bad = ~year.between(FIRST_YEAR, LAST_YEAR)
        if not loose:
            is_bad |= month.notna() & (precision == "year")
            is_bad |= day_of_month.notna() & (precision != "day")
        is_blank = cells.isin((*MISSING_TEXT, *map(str, MISSING_CODES)))
        self.refuse(
            column,
            is_bad & ~is_blank,
            "this is not a date",
            "Write YYYY-MM-DD, YYYY-MM or YYYY",
        )
        return dates, precision

    def drop(self, is_bad: pd.Series, reason: str) -> None:
        """Leave out the rows where `is_bad` is true and count them; rows that are left
        out already do not count."""
        is_lost = is_bad[self.text.index]
        if is_lost.any():
            self.dropped[reason] = int(is_lost.sum())
            self.text = self.text[~is_lost]

    def drop_blank(self, **reasons: str) -> None:
        """Leave out rows without a number in a column that they cannot do without;
        the reason is given by column."""
        for column, reason in reasons.items():
            self.drop(self.integer(column).isna(), reason)

    def drop_broken_dyads(self) -> None:
        """Leave out rows of `cow_a`, `cow_b` that name no state or the same one
        twice."""
        a, b = self.integer("cow_a"), self.integer("cow_b")
        self.drop(a.isna() | b.isna(), "a state without a COW number")
        self.drop(a == b, "both sides are the same state")

    def kept(self, **columns: object) -> pd.DataFrame:
        """A frame of columns, of the rows that are not left out; those of `WHOLE` are
        int64."""
        frame = pd.DataFrame(columns, index=self.text.index)
        integers = [name for name in WHOLE if name in frame]
        return frame.astype(dict.fromkeys(integers, np.int64))

    def dyads(self, **columns: object) -> pd.DataFrame:
        """A frame of `cow_a` < `cow_b` and these columns."""
        a, b = self.integer("cow_a"), self.integer("cow_b")
        return self.kept(cow_a=np.minimum(a, b), cow_b=np.maximum(a, b), **columns)

    def read(self, frame: pd.DataFrame, years: Years, by: Sequence[str] = ()) -> Read:
        """The frame, sorted and numbered anew, and the report on what was left out on
        the way to it. years: that the source covers."""
        first, last = years or (None, None)
        if by:
            frame = frame.sort_values(list(by), kind="stable")
        return Read(
            frame.reset_index(drop=True),
            ReadReport(
                source=self.source,
                path=self.path,
                rows_read=self.rows_read,
                rows_kept=len(frame),
                first_year=first,
                last_year=last,
                dropped=self.dropped,
            ),
        )


# --- files ----------------------------------------------------------------------------


def _read_text(path: Path) -> str:
    """The text of a file. Raises DataError for one that cannot be read."""
    try:
        content = regular_bytes(path, LARGEST)
        if content.startswith(GZIP_MARK):
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"the file cannot be read: {reason}",
            "Give a CSV file, plain or gzipped",
            path,
            code=NO_FILE,
        ) from None
    if content.startswith(ZIPPED):
        raise DataError(
            "this is a workbook or another zipped file, whatever its name says",
            "Save the sheet as CSV in UTF-8, or unpack the file",
            path,
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, header first, and the line on which it begins. Raises
    DataError for a file that is no table, or a row longer than the header."""
    text = _read_text(path)
    header = text.partition("\n")[0]
    delimiter = max((",", "\t", ";"), key=header.count)
    width = 0
    try:
        for mark, cells in csv_rows(text, str(path), "", delimiter):
            width = width or len(cells)
            if any(cells[width:]):
                raise DataError(
                    f"a row has {len(cells)} cells, the header {width}",
                    "Put a cell that holds a comma in quotes",
                    path,
                    mark.line,
                    code=NO_TABLE,
                )
            yield mark.line, cells
    except ScenarioError as error:
        problem = error.problems[0]
        hint = "Close each quote, or save the file as CSV anew"
        raise DataError(
            problem.message, hint, path, problem.line, code=NO_TABLE
        ) from None


def open_table(path: Path | str, source: str, columns: str) -> Table:
    """Read some columns of a file, each under the first of its published names that is
    there.

    columns: `ours=theirs|or theirs` with blanks between, `ours` alone where the two are
    the same, and `!` after ours where a reader cannot do without the column. Raises
    DataError where the file is missing, empty, no table, or lacks a column."""
    rows = _rows(Path(path))
    _, head = next(rows, (1, list[str]()))
    if not head:
        raise DataError(
            "the file is empty",
            "The first line must name the columns",
            path,
            1,
            code=NO_TABLE,
        )
    positions = {name.strip().lower(): place for place, name in enumerate(head)}
    names = _declared(columns)
    places: dict[str, int] = {}
    for name, published_names in names.items():
        headings = [heading.lower() for heading in published_names]
        matches = [heading for heading in headings if heading in positions]
        if matches:
            places[name] = positions[matches[0]]
    lines, cells = [], []
    for line, row in rows:
        padded = row + [""] * (len(head) - len(row))
        lines.append(line)
        cells.append([padded[place].strip() for place in places.values()])
    text = pd.DataFrame(cells, index=lines, columns=list(places), dtype=object)
    text = text.reindex(columns=list(names), fill_value="")
    table = Table(
        str(path),
        source,
        text,
        head,
        {name: head[place] for name, place in places.items()},
        names,
    )
    required = [word.partition("!")[0] for word in columns.split() if "!" in word]
    table.needs(*required)
    return table


def empty_table(source: str, columns: str) -> Table:
    """A table of no file, without rows."""
    names = _declared(columns)
    return Table(
        "",
        source,
        pd.DataFrame(columns=list(names), dtype=object),
        [],
        {name: name for name in names},
        names,
    )


def _declared(columns: str) -> dict[str, list[str]]:
    """Our name of each column, and its published names."""
    return {
        name: (headings or name).split("|")
        for name, _, headings in [
            word.replace("!", "").partition("=") for word in columns.split()
        ]
    }


# --- dates and dyads ------------------------------------------------------------------


def day(
    year: pd.Series,
    month: pd.Series | float = np.nan,
    day_of_month: pd.Series | float = np.nan,
    *,
    end: bool = False,
) -> tuple[pd.Series, pd.Series]:
    """Dates from parts, and their precision (`day`, `month`, `year`; missing where the
    year is).

    An unknown day is put at the 15th and an unknown month at 1 July; with `end`, at the
    last day of the month or the year. Months outside 1..12 and days outside the month
    count as unknown."""
    fields = pd.DataFrame({"year": year, "month": month, "day": day_of_month}).astype(
        np.float64
    )
    months = fields["month"].where(fields["month"].between(1, 12))
    number = (fields["year"] - 1970) * 12 + months.fillna(12 if end else 7) - 1
    month_start = number.fillna(0).to_numpy("int64").astype("datetime64[M]")
    first_day = month_start.astype("datetime64[D]")
    length = (
        (month_start + np.timedelta64(1, "M")).astype("datetime64[D]") - first_day
    ).astype("int64")
    is_day = months.notna() & fields["day"].between(1, length)
    usual = length if end else np.where(months.notna(), 15, 1)
    chosen = fields["day"].where(is_day, usual).to_numpy("int64")
    dates = pd.Series(
        first_day + (chosen - 1).astype("timedelta64[D]"), index=year.index
    ).astype(SECONDS)
    coarse = np.where(months.notna(), "month", "year")
    precision = pd.Series(np.where(is_day, "day", coarse), index=year.index)
    return dates.where(year.notna()), precision.where(year.notna())


def years_of(first: pd.Series, last: pd.Series | int | None = None) -> Years:
    """First and last of columns of years; None without any. last: a year, where the
    source says it."""
    if first.empty:
        return None
    if not isinstance(last, int):
        last = int((first if last is None else last).max())
    return int(first.min()), last


def placed(frame: pd.DataFrame, place: Any, dtype: type) -> pd.DataFrame:
    """Rows whose two COW numbers have a place, and not the same one, with the places
    `a` < `b`. place: by number."""
    a, b = frame["cow_a"].map(place), frame["cow_b"].map(place)
    is_known = a.notna() & b.notna() & (a != b)
    a, b = a[is_known].astype(dtype), b[is_known].astype(dtype)
    return frame[is_known].assign(a=a.where(a < b, b), b=b.where(a < b, a))

"""A CSV file read as text and turned into checked columns; and the report of what a reader left out.

Files may be plain or gzipped, UTF-8 (with or without mark) or Latin-1, with commas, tabs or semicolons between
the columns, or Stata's (.dta). Column names are matched without regard to case, and each column may go by several
published names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.text import columns_of, records, text_of
from balance_sim.scenario.problems import listed

_DATE = (
    r"^(\d{4})(?:[-/](\d{1,2}))?(?:[-/](\d{1,2}))?"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?:Z| ?UTC)?)?$"
)
MISSING_TEXT = ("", "NA", "NaN", "nan", ".", "..", "NULL", "N/A", "#N/A")
LARGEST_INTEGER = 2.0**53
"""Beyond it a float64 no longer holds every whole number."""
MISSING_CODES = (-9, -8, -7)
"""What the Correlates of War and those who follow it write for missing, inapplicable and not yet known."""


@dataclass(frozen=True)
class Dropped:
    """Rows left out for one reason; `lines` are the first few of them (header is line 1)."""

    reason: str
    count: int
    lines: tuple[int, ...]


class Kind(NamedTuple):
    """A kind of accord as a file writes it, our name for it, and the line on which it stands first."""

    word: str
    name: str
    line: int


@dataclass(frozen=True)
class ReadReport:
    """What a reader took from a file. The years are those the source covers, not those of its events.

    kinds: the words that a list of accords has for kinds, where they are words of its own."""

    source: str
    path: str
    rows_read: int
    rows_kept: int
    first_year: int | None
    last_year: int | None
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()

    @property
    def losses(self) -> tuple[str, ...]:
        """A line for each reason why rows were left out."""
        name = Path(self.path).name
        return tuple(f"{name}: {one.count} rows left out: {one.reason}" for one in self.dropped)

    def __str__(self) -> str:
        years = f", {self.first_year}-{self.last_year}" if self.first_year is not None else ""
        lines = [f"{self.source}: {self.rows_kept} rows from {self.rows_read} in {self.path}{years}"]
        for d in self.dropped:
            more = ", ..." if d.count > len(d.lines) else ""
            lines.append(f"  dropped {d.count}: {d.reason} (lines {', '.join(map(str, d.lines))}{more})")
        return "\n".join(lines + [f"  {note}" for note in self.notes])


class Read(NamedTuple):
    """A tidy frame and the report on how it came about."""

    frame: pd.DataFrame
    report: ReadReport


@dataclass
class Table:
    """A file's columns as text under our names, with checked conversions. Built by `open_table`."""

    path: Path
    source: str
    text: pd.DataFrame
    published: Mapping[str, str]
    dropped: list[Dropped] = field(default_factory=list)

    def has(self, *columns: str) -> bool:
        return all(column in self.text for column in columns)

    def number(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column as float64; blanks and the source's codes for missing become NaN. Text is an error."""
        raw = self.text[column].str.strip()
        blank = raw.isin(MISSING_TEXT)
        values = pd.to_numeric(raw.mask(blank), errors="coerce").astype(np.float64)
        bad = values.isna() & ~blank | np.isinf(values)
        if bad.any():
            raise self.fault(column, bad, "this is not a number", "Write a number, or leave the cell blank")
        return values.mask(values.isin(list(missing)))

    def integer(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column as Int64 with missing; a fraction is an error."""
        values = self.number(column, missing)
        bad = values.notna() & ((values % 1 != 0) | (values.abs() > LARGEST_INTEGER))
        if bad.any():
            raise self.fault(
                column, bad, "this is not a whole number", "Write a whole number, or leave it blank"
            )
        return values.astype("Int64")

    def year(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column of years 1000..2200 as Int64, missing allowed."""
        values = self.integer(column, missing)
        bad = ((values < 1000) | (values > 2200)).fillna(False).astype(bool)
        if bad.any():
            raise self.fault(
                column, bad, "this is not a year", "Write a year of four digits, or leave it blank"
            )
        return values

    def part(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A part of a date as Int64, all missing where the file has no such column."""
        if not self.has(column):
            return pd.Series(pd.NA, index=self.text.index, dtype="Int64")
        return self.integer(column, missing)

    def bounded(self, column: str, low: float, high: float, missing: Iterable[float] = ()) -> pd.Series:
        """Numbers within low..high, both allowed; anything outside is an error."""
        values = self.number(column, missing)
        bad = (values < low) | (values > high)
        if bad.any():
            raise self.fault(
                column, bad, f"this lies outside {low:g}..{high:g}", "Correct the value, or leave it blank"
            )
        return values

    def dates(self, column: str, *, end: bool = False) -> tuple[pd.Series, pd.Series]:
        """ISO dates, whole or partial (YYYY, YYYY-MM), also YYYY/MM/DD and YYYYMMDD, with or without a time of
        day; in a column named `time` also seconds since 1970-01-01, if every cell is a whole number and not
        every one a year or a date. And their precision; see `day`."""
        raw = self.text[column].str.strip()
        blank = raw.isin(MISSING_TEXT)
        parts = raw.str.extract(_DATE)
        whole = raw.str.extract(r"^(\d{4})(\d{2})(\d{2})$")
        parts[[0, 1, 2]] = parts[[0, 1, 2]].where(parts[0].notna(), whole)
        dates, precision = day(parts[0], parts[1], parts[2], end=end)
        wrong = parts[1].notna() & (precision == "year") | parts[2].notna() & (precision != "day")
        wrong |= parts[3].notna() & (precision != "day")
        wrong |= ~pd.to_numeric(parts[0]).between(1000, 2200) & parts[0].notna()
        bad = (parts[0].isna() | wrong.fillna(False).astype(bool)) & ~blank
        is_time = self.published[column].strip().lower() == "time"
        if bad.any() and is_time and raw[~blank].str.fullmatch(r"-?\d{1,12}").all():
            seconds = pd.to_numeric(raw.mask(blank), errors="coerce")
            return _from_seconds(seconds), pd.Series("day", index=raw.index).mask(blank)
        if bad.any():
            raise self.fault(column, bad, "this is not a date", "Write YYYY-MM-DD, YYYY-MM or YYYY")
        hour, minute, second = (pd.to_numeric(parts[k]).fillna(0) for k in (3, 4, 5))
        late = (hour > 23) | (minute > 59) | (second > 59)
        if late.any():
            raise self.fault(column, late, "this is not a time of day", "Write YYYY-MM-DD HH:MM:SS")
        of_day = pd.to_timedelta(hour * 3600 + minute * 60 + second, unit="s")
        return (dates + of_day).astype("datetime64[s]"), precision

    def flag(self, column: str) -> pd.Series:
        """A column of yes and no: TRUE, T, yes, 1 or FALSE, F, no, 0, in any case. Anything else is an
        error."""
        raw = self.text[column].str.strip().str.lower()
        yes, no = raw.isin(["1", "1.0", "true", "t", "yes"]), raw.isin(["0", "0.0", "false", "f", "no"])
        if not (yes | no).all():
            raise self.fault(column, ~(yes | no), "this is neither yes nor no", "Write TRUE or FALSE")
        return yes

    def fault(self, column: str, bad: pd.Series, message: str, next_step: str) -> DataError:
        """The error for the first row where `bad` is true."""
        row = int(np.flatnonzero(bad.to_numpy())[0])
        return DataError(
            message,
            next_step,
            path=self.path,
            line=self.lines([int(self.text.index[row])])[0],
            column=self.published.get(column, column),
            value=str(self.text[column].iloc[row]),
        )

    def nothing(self, message: str, next_step: str) -> DataError:
        """An error about the file as a whole."""
        return DataError(message, next_step, path=self.path)

    def whole_rows(self) -> None:
        """Raises DataError for a row with more cells than the header has: a comma in a cell without quotes.

        What a short row lacks is blank."""
        with text_of(self.path) as handle:
            reader = records(handle)
            width, start = len(next(reader)), reader.line_num + 1
            for record in reader:
                if any(cell.strip() for cell in record[width:]):
                    raise DataError(
                        f"a row has {len(record)} cells, the header {width}",
                        "Put a cell that holds a comma in quotes",
                        self.path,
                        start,
                    )
                start = reader.line_num + 1

    def lines(self, rows: Sequence[int]) -> list[int]:
        """Physical line on which each row of the file starts."""
        return lines_of(self.path, rows)

    def drop(self, bad: pd.Series, reason: str) -> None:
        """Leave out the rows where `bad` is true and remember why."""
        mask = bad.to_numpy(dtype=bool)
        if mask.any():
            first = [int(i) for i in self.text.index[mask][:5]]
            self.dropped.append(Dropped(reason, int(mask.sum()), tuple(self.lines(first))))
            self.text = self.text[~mask]

    def drop_blank(self, column: str, reason: str, missing: Iterable[float] = MISSING_CODES) -> None:
        """Leave out rows without a number in a column that they cannot do without."""
        self.drop(self.integer(column, missing).isna(), reason)

    def drop_broken_pairs(self) -> None:
        """Leave out rows of `cow_a`, `cow_b` that name no state or the same one twice."""
        blank = self.integer("cow_a").isna() | self.integer("cow_b").isna()
        self.drop(blank, "a state without a COW number")
        self.drop(self.integer("cow_a") == self.integer("cow_b"), "both sides are the same state")

    def report(
        self, rows_read: int, frame: pd.DataFrame, years: tuple[int, int] | None, *notes: str
    ) -> ReadReport:
        return ReadReport(
            self.source,
            str(self.path),
            rows_read,
            len(frame),
            years[0] if years else None,
            years[1] if years else None,
            tuple(self.dropped),
            notes,
        )


def lines_of(path: Path, rows: Sequence[int]) -> list[int]:
    """Physical line on which each row of a file starts (cells may hold line breaks). rows: counted from 0."""
    wanted, found = set(rows), {}
    with text_of(path) as handle:
        reader = records(handle)
        next(reader)
        start = reader.line_num + 1
        row = 0
        for record in reader:
            if record and not (len(record) == 1 and not record[0].strip(" \t")):  # blank to pandas too
                if row in wanted:
                    found[row] = start
                row += 1
            start = reader.line_num + 1
    return [found[row] for row in rows]


def open_table(
    path: Path | str, source: str, names: Mapping[str, Sequence[str]], required: Sequence[str]
) -> Table:
    """Read the columns that `names` knows, each under the first of its published names that is there.

    names: our name -> published names. Raises DataError if the file is missing, empty, not a table, or lacks
    one of `required`."""
    path = Path(path)
    try:
        with text_of(path) as handle:
            head: list[str] = next(records(handle), [])
    except FileNotFoundError:
        raise DataError("the file is not there", "Check the folder and the file's name", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the file cannot be read: {getattr(error, 'strerror', None) or error}",
            "Give a CSV file, plain or gzipped",
            path=path,
        ) from None
    except csv.Error as error:
        raise DataError(f"this is no table: {error}", "Give a CSV file", path=path, line=1) from None
    if not any(cell.strip() for cell in head):
        raise DataError("the file is empty", "The first line must name the columns", path=path, line=1)
    lowered: dict[str, str] = {}
    for cell in head:
        key = cell.strip().lower()
        if key and key in lowered:
            raise DataError("two columns have the same name", "Rename one", path=path, line=1, value=cell)
        lowered[key] = cell
    published = {
        ours: lowered[theirs.lower()]
        for ours, known in names.items()
        for theirs in list(known)[::-1]
        if theirs.lower() in lowered
    }
    for ours in required:
        if ours not in published:
            known = " or ".join(names[ours])
            raise DataError(
                f"{source} needs a column {known}",
                f"The columns found are {listed(head)}",
                path=path,
                line=1,
            )
    return Table(path, source, columns_of(path, published, len(head)), published)


def _from_seconds(seconds: pd.Series) -> pd.Series:
    """Moments from seconds since 1970-01-01 UTC, below 0 before it."""
    since = pd.to_timedelta(seconds, unit="s")
    return (pd.Timestamp("1970-01-01") + since).astype("datetime64[s]")


def day(
    year: pd.Series, month: pd.Series, of_month: pd.Series, *, end: bool = False
) -> tuple[pd.Series, pd.Series]:
    """Dates from parts, and their precision (`day`, `month`, `year`; missing where the year is).

    An unknown day is put at the 15th and an unknown month at 1 July; with `end`, at the last day of the
    month or the year. Months outside 1..12 and days outside the month count as unknown."""
    y, m, d = (pd.to_numeric(part).astype("Float64") for part in (year, month, of_month))
    has_month = m.between(1, 12).fillna(False).astype(bool) & y.notna()
    has_day = d.between(1, 31).fillna(False).astype(bool) & has_month
    month_part = m.where(has_month, 12 if end else 7).astype("Float64").fillna(1)
    first = pd.to_datetime(
        pd.DataFrame({"year": y.fillna(1900).astype(int), "month": month_part.astype(int), "day": 1}),
        errors="coerce",
    )
    last_day = first.dt.days_in_month
    has_day &= d.fillna(0) <= last_day
    unknown = last_day if end else pd.Series(np.where(has_month, 15, 1), index=y.index)
    of = d.where(has_day).fillna(unknown.astype("Float64")).astype(int)
    dates = (first + pd.to_timedelta(of - 1, unit="D")).where(y.notna())
    precision = pd.Series(np.where(has_day, "day", np.where(has_month, "month", "year")), index=y.index)
    return dates.astype("datetime64[s]"), precision.where(y.notna())


def folded(rows: int) -> tuple[str, ...]:
    """The note on rows that say of a pair what another says, in the other order or again."""
    return (f"{rows} rows repeat another in the other order or again: each pair once",) if rows else ()


def ordered_pair(frame: pd.DataFrame, a: str = "cow_a", b: str = "cow_b") -> pd.DataFrame:
    """The same rows with the smaller code in `a`."""
    low, high = frame[[a, b]].min(axis=1), frame[[a, b]].max(axis=1)
    return frame.assign(**{a: low.astype(np.int64), b: high.astype(np.int64)})

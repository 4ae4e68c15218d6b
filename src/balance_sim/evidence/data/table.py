"""A data file turned into checked columns; and the report of what a reader left out.

Files may be plain or gzipped, UTF-8 (with or without mark) or Latin-1, with commas,
tabs or semicolons between the columns, or Stata's (.dta). Column names are matched
without regard to case, and each column may go by several published names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.text import columns_of, lines_of, rows_of, text_of
from balance_sim.scenario.diagnostics import listed
from balance_sim.scenario.tables import CsvFault

MISSING_TEXT = ("", "NA", "NaN", "nan", ".", "..", "NULL", "N/A", "#N/A")
LARGEST_INTEGER = 2.0**53
"""Beyond it a float64 no longer holds every whole number."""
MISSING_CODES = (-9, -8, -7)
"""What the Correlates of War and those who follow it write for missing, inapplicable
and not yet known."""
_DATE = (
    r"^(\d{4})(?:[-/](\d{1,2}))?(?:[-/](\d{1,2}))?"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?:Z| ?UTC)?)?$"
)


@dataclass(frozen=True)
class Dropped:
    """Rows left out for one reason; `lines` are the first few of them (header is line
    1)."""

    reason: str
    count: int
    lines: tuple[int, ...]


class Kind(NamedTuple):
    """A type of agreement as a file writes it, our name for it, and the line on which
    it stands first."""

    word: str
    name: str
    line: int


@dataclass(frozen=True)
class ReadReport:
    """What a reader took from a file. The years are those the source covers, not those
    of its events.

    kinds: the words that a list of agreements has for types, where they are words of
    its own."""

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
        return tuple(
            f"{name}: {one.count} rows left out: {one.reason}" for one in self.dropped
        )


class Read(NamedTuple):
    """A tidy frame and the report on how it came about."""

    frame: pd.DataFrame
    report: ReadReport


Years = tuple[int, int] | None
Declared = tuple[dict[str, tuple[str, ...]], tuple[str, ...]]


def declared(columns: str) -> Declared:
    """The columns that a reader wants, and those that it cannot do without, as
    `open_table` takes them.

    >>> declared("cow!=ccode|COWcode cinc! milex")
    ({'cow': ('ccode', 'COWcode'), 'cinc': ('cinc',), 'milex': ('milex',)}, ('cow',
    'cinc'))
    """
    parts = [word.partition("=") for word in columns.split()]
    names = {
        ours.rstrip("!"): tuple((theirs or ours.rstrip("!")).split("|"))
        for ours, _, theirs in parts
    }
    return names, tuple(ours[:-1] for ours, _, _ in parts if ours.endswith("!"))


@dataclass
class Table:
    """A file's columns as text under our names, with checked conversions. Built by
    `open_table`.

    Conversions take the source's codes for `missing`. What cannot be converted raises a
    DataError that names the file, the line, the column and the cell."""

    path: Path
    source: str
    text: pd.DataFrame
    published: Mapping[str, str]
    names: Mapping[str, Sequence[str]]
    head: tuple[str, ...]
    dropped: list[Dropped] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows_read = len(self.text)

    def has(self, *columns: str) -> bool:
        return all(column in self.text for column in columns)

    def needs(self, *columns: str) -> None:
        """Raise DataError for the first of these columns that the file does not
        have."""
        for ours in columns:
            if ours not in self.published:
                why = f"{self.source} needs a column {' or '.join(self.names[ours])}"
                raise DataError(
                    why, f"The columns found are {listed(self.head)}", self.path, 1
                )

    def words(self, column: str) -> pd.Series:
        """Cells without blanks around them; blank throughout where the file has no such
        column."""
        return self.text[column].str.strip() if self.has(column) else self.same("")

    def same(self, value: object, dtype: Any = None) -> pd.Series:
        """A column with one value."""
        return pd.Series(value, index=self.text.index, dtype=dtype)  # type: ignore[no-any-return]

    def number(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column as float64; blanks and the source's codes for missing become NaN."""
        raw = self.text[column].str.strip()
        blank = raw.isin(MISSING_TEXT)
        values = pd.to_numeric(raw.mask(blank), errors="coerce").astype(np.float64)
        bad = values.isna() & ~blank | np.isinf(values)
        self.refuse(
            column,
            bad,
            "this is not a number",
            "Write a number, or leave the cell blank",
        )
        return values.mask(values.isin(list(missing)))

    def integer(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column as Int64 with missing; a fraction is an error."""
        values = self.number(column, missing)
        bad = values.notna() & ((values % 1 != 0) | (values.abs() > LARGEST_INTEGER))
        self.refuse(
            column,
            bad,
            "this is not a whole number",
            "Write a whole number, or leave it blank",
        )
        return values.astype("Int64")

    def year(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column of years 1000..2200 as Int64, missing allowed."""
        values = self.integer(column, missing)
        bad = ((values < 1000) | (values > 2200)).fillna(False).astype(bool)
        self.refuse(
            column,
            bad,
            "this is not a year",
            "Write a year of four digits, or leave it blank",
        )
        return values

    def part(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A part of a date as Int64, all missing where the file has no such column."""
        return (
            self.integer(column, missing)
            if self.has(column)
            else self.same(pd.NA, "Int64")
        )

    def parted(
        self,
        stem: str,
        missing: Iterable[float],
        *,
        end: bool = False,
        loose: bool = False,
    ) -> tuple[pd.Series, pd.Series]:
        """Dates, and their precision, from columns `stem_year`, `stem_month`,
        `stem_day`: see `day`.

        loose: the year need not be one of 1000..2200."""
        year = self.part if loose else self.year
        month, of_month = (
            self.part(f"{stem}_{part}", missing) for part in ("month", "day")
        )
        return day(year(f"{stem}_year", missing), month, of_month, end=end)

    def bounded(
        self, column: str, low: float, high: float, missing: Iterable[float] = ()
    ) -> pd.Series:
        """Numbers within low..high, both allowed; anything outside is an error."""
        values = self.number(column, missing)
        bad = (values < low) | (values > high)
        self.refuse(
            column,
            bad,
            f"this lies outside {low:g}..{high:g}",
            "Correct the value, or leave it blank",
        )
        return values

    def dates(self, column: str, *, end: bool = False) -> tuple[pd.Series, pd.Series]:
        """ISO dates, whole or partial (YYYY, YYYY-MM), also YYYY/MM/DD and YYYYMMDD,
        with or without a time of day; in a column named `time` also seconds since
        1970-01-01, if every cell is a whole number and not every one a year or a date.
        And their precision; see `day`."""
        raw = self.text[column].str.strip()
        blank = raw.isin(MISSING_TEXT)
        parts = raw.str.extract(_DATE)
        whole = raw.str.extract(r"^(\d{4})(\d{2})(\d{2})$")
        parts[[0, 1, 2]] = parts[[0, 1, 2]].where(parts[0].notna(), whole)
        dates, precision = day(parts[0], parts[1], parts[2], end=end)
        wrong = parts[1].notna() & (precision == "year") | parts[2].notna() & (
            precision != "day"
        )
        wrong |= parts[3].notna() & (precision != "day")
        wrong |= ~pd.to_numeric(parts[0]).between(1000, 2200) & parts[0].notna()
        bad = (parts[0].isna() | wrong.fillna(False).astype(bool)) & ~blank
        is_time = self.published[column].strip().lower() == "time"
        if bad.any() and is_time and raw[~blank].str.fullmatch(r"-?\d{1,12}").all():
            since = pd.to_timedelta(
                pd.to_numeric(raw.mask(blank), errors="coerce"), unit="s"
            )
            moments = (pd.Timestamp("1970-01-01") + since).astype("datetime64[s]")
            return moments, self.same("day").mask(blank)
        self.refuse(
            column, bad, "this is not a date", "Write YYYY-MM-DD, YYYY-MM or YYYY"
        )
        hour, minute, second = (pd.to_numeric(parts[k]).fillna(0) for k in (3, 4, 5))
        late = (hour > 23) | (minute > 59) | (second > 59)
        self.refuse(
            column, late, "this is not a time of day", "Write YYYY-MM-DD HH:MM:SS"
        )
        of_day = pd.to_timedelta(hour * 3600 + minute * 60 + second, unit="s")
        return (dates + of_day).astype("datetime64[s]"), precision

    def flag(self, column: str) -> pd.Series:
        """A column of yes and no: TRUE, T, yes, 1 or FALSE, F, no, 0, in any case;
        anything else is an error."""
        raw = self.text[column].str.strip().str.lower()
        yes, no = (
            raw.isin(["1", "1.0", "true", "t", "yes"]),
            raw.isin(["0", "0.0", "false", "f", "no"]),
        )
        self.refuse(
            column, ~(yes | no), "this is neither yes nor no", "Write TRUE or FALSE"
        )
        return yes

    def refuse(self, column: str, bad: pd.Series, message: str, next_step: str) -> None:
        """Raise DataError for the first row where `bad` is true, if there is one."""
        if bad.any():
            row = int(np.flatnonzero(bad.to_numpy())[0])
            line = self.lines([int(self.text.index[row])])[0]
            value = str(self.text[column].iloc[row])
            raise DataError(
                message,
                next_step,
                self.path,
                line,
                self.published.get(column, column),
                value,
            )

    def whole_rows(self) -> None:
        """Raises DataError for a row with more cells than the header has: a comma in a
        cell without quotes.

        What a short row lacks is blank."""
        with text_of(self.path) as handle:
            rows = rows_of(handle)
            _, head = next(rows)
            for line, cells in rows:
                if any(cell.strip() for cell in cells[len(head) :]):
                    why = f"a row has {len(cells)} cells, the header {len(head)}"
                    raise DataError(
                        why, "Put a cell that holds a comma in quotes", self.path, line
                    )

    def lines(self, rows: Sequence[int]) -> list[int]:
        """Physical line on which each row of the file starts."""
        return lines_of(self.path, rows)

    def drop(self, bad: pd.Series, reason: str) -> None:
        """Leave out the rows where `bad` is true and remember why; rows that are left
        out already do not count."""
        mask = bad[self.text.index].to_numpy(dtype=bool)
        if mask.any():
            first = [int(i) for i in self.text.index[mask][:5]]
            self.dropped.append(
                Dropped(reason, int(mask.sum()), tuple(self.lines(first)))
            )
            self.text = self.text[~mask]

    def kept(self, **columns: pd.Series) -> pd.DataFrame:
        """A frame of columns, of the rows that are not left out."""
        return pd.DataFrame(
            {name: column[self.text.index] for name, column in columns.items()}
        )

    def drop_blank(self, **reasons: str) -> None:
        """Leave out rows without a number in a column that they cannot do without, and
        say why."""
        for column, reason in reasons.items():
            self.drop(self.integer(column, MISSING_CODES).isna(), reason)

    def drop_broken_dyads(self) -> None:
        """Leave out rows of `cow_a`, `cow_b` that name no state or the same one
        twice."""
        blank = self.integer("cow_a").isna() | self.integer("cow_b").isna()
        self.drop(blank, "a state without a COW number")
        self.drop(
            self.integer("cow_a") == self.integer("cow_b"),
            "both sides are the same state",
        )

    def dyads(self, **columns: object) -> pd.DataFrame:
        """A frame of `cow_a`, `cow_b` and these columns."""
        return pd.DataFrame(
            {"cow_a": self.integer("cow_a"), "cow_b": self.integer("cow_b"), **columns}
        )

    def read(
        self,
        frame: pd.DataFrame,
        years: Years,
        *notes: str,
        kinds: tuple[Kind, ...] = (),
    ) -> Read:
        """The frame, and the report on what was left out on the way to it. years: that
        the source covers."""
        first, last = years or (None, None)
        counts, dropped = (self.rows_read, len(frame)), tuple(self.dropped)
        return Read(
            frame,
            ReadReport(
                self.source, str(self.path), *counts, first, last, dropped, notes, kinds
            ),
        )


def open_table(
    path: Path | str,
    source: str,
    names: Mapping[str, Sequence[str]],
    required: Sequence[str] = (),
) -> Table:
    """Read the columns that `names` knows, each under the first of its published names
    that is there.

    names: our name -> published names. Raises DataError if the file is missing, empty,
    not a table, or lacks one of `required`."""
    path = Path(path)
    try:
        with text_of(path) as handle:
            first = next(rows_of(handle), None)
            head = first.cells if first is not None and first.line == 1 else []
    except FileNotFoundError:
        raise DataError(
            "the file is not there", "Check the folder and the file's name", path=path
        ) from None
    except OSError as error:
        why = f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
        raise DataError(why, "Give a CSV file, plain or gzipped", path=path) from None
    except CsvFault as error:
        raise DataError(
            f"this is no table: {error}", "Give a CSV file", path=path, line=1
        ) from None
    if not any(cell.strip() for cell in head):
        raise DataError(
            "the file is empty",
            "The first line must name the columns",
            path=path,
            line=1,
        )
    lowered: dict[str, str] = {}
    for cell in head:
        key = cell.strip().lower()
        if key and key in lowered:
            raise DataError(
                "two columns have the same name",
                "Rename one",
                path=path,
                line=1,
                value=cell,
            )
        lowered[key] = cell
    published = {
        ours: lowered[theirs.lower()]
        for ours, known in names.items()
        for theirs in list(known)[::-1]
        if theirs.lower() in lowered
    }
    text = (
        pd.DataFrame()
        if set(required) - set(published)
        else columns_of(path, published, len(head))
    )
    table = Table(path, source, text, published, names, tuple(head))
    table.needs(*required)
    return table


def day(
    year: pd.Series,
    month: pd.Series | None = None,
    of_month: pd.Series | None = None,
    *,
    end: bool = False,
) -> tuple[pd.Series, pd.Series]:
    """Dates from parts, and their precision (`day`, `month`, `year`; missing where the
    year is).

    An unknown day is put at the 15th and an unknown month at 1 July; with `end`, at the
    last day of the month or the year. Months outside 1..12 and days outside the month
    count as unknown."""
    blank = pd.Series(pd.NA, index=year.index)
    parts = (
        year,
        blank if month is None else month,
        blank if of_month is None else of_month,
    )
    y, m, d = (pd.to_numeric(part).astype("Float64") for part in parts)
    has_month = m.between(1, 12).fillna(False).astype(bool) & y.notna()
    has_day = d.between(1, 31).fillna(False).astype(bool) & has_month
    month_part = m.where(has_month, 12 if end else 7).astype("Float64").fillna(1)
    first = pd.to_datetime(
        pd.DataFrame(
            {
                "year": y.fillna(1900).astype(int),
                "month": month_part.astype(int),
                "day": 1,
            }
        ),
        errors="coerce",
    )
    last_day = first.dt.days_in_month
    has_day &= d.fillna(0) <= last_day
    unknown = last_day if end else pd.Series(np.where(has_month, 15, 1), index=y.index)
    of = d.where(has_day).fillna(unknown.astype("Float64")).astype(int)
    dates = (first + pd.to_timedelta(of - 1, unit="D")).where(y.notna())
    precision = pd.Series(
        np.where(has_day, "day", np.where(has_month, "month", "year")), index=y.index
    )
    return dates.astype("datetime64[s]"), precision.where(y.notna())


def years_of(first: pd.Series, last: pd.Series | int | None = None) -> Years:
    """First and last year of columns of years or dates; None without any. last: a year,
    where the source says it."""
    if not len(first):
        return None
    low, high = (
        s.dt.year if s.dtype.kind == "M" else s
        for s in (first, last if isinstance(last, pd.Series) else first)
    )
    return int(low.min()), last if isinstance(last, int) else int(high.max())


def folded(rows: int) -> tuple[str, ...]:
    """The note on rows that say of a dyad what another says, in the other order or
    again."""
    return (
        (f"{rows} rows repeat another in the other order or again: each dyad once",)
        if rows
        else ()
    )


def placed(frame: pd.DataFrame, place: Any, kind: type) -> pd.DataFrame:
    """Rows whose two COW numbers have a place, and not the same one, with the places
    `a` < `b`. place: by number."""
    a, b = frame["cow_a"].map(place), frame["cow_b"].map(place)
    known = a.notna() & b.notna() & (a != b)
    a, b = a[known].astype(kind), b[known].astype(kind)
    return frame[known].assign(a=a.where(a < b, b), b=b.where(a < b, a))


def ordered_dyad(frame: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """The same rows with the smaller code in `cow_a`, sorted by these columns and
    numbered anew if any are given."""
    low, high = (
        frame[["cow_a", "cow_b"]].min(axis=1),
        frame[["cow_a", "cow_b"]].max(axis=1),
    )
    frame = frame.assign(cow_a=low.astype(np.int64), cow_b=high.astype(np.int64))
    return (
        frame.sort_values(list(by), kind="stable").reset_index(drop=True)
        if by
        else frame
    )

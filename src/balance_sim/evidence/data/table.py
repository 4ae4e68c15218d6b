"""A data file turned into checked columns; and the report of what a reader left out.

Column names are matched without regard to case, and each column may go by several
published names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import (
    BAD_CELL,
    NO_COLUMN,
    NO_TABLE,
    OUT_OF_BOUNDS,
    DataError,
)
from balance_sim.evidence.data.text import (
    read_columns,
    read_header,
    read_text,
    row_lines,
    rows,
)
from balance_sim.scenario.diagnostics import listed

MISSING_TEXT = ("", "NA", "NaN", "nan", ".", "..", "NULL", "N/A", "#N/A")
LARGEST_INTEGER = 2.0**53
"""Beyond it a float64 no longer holds every whole number."""
MISSING_CODES = (-9, -8, -7)
"""What the Correlates of War and those who follow it write for missing, inapplicable
and not yet known."""
FIRST_YEAR, LAST_YEAR = 1000, 2200
"""Years that a date may have."""
SHOWN_LINES = 5
"""Lines of rows left out that a report names."""
TRUE_WORDS = ("1", "1.0", "true", "t", "yes")
FALSE_WORDS = ("0", "0.0", "false", "f", "no")
SECONDS: Final = "datetime64[s]"
_DATE = (
    r"^(\d{4})(?:[-/](\d{1,2}))?(?:[-/](\d{1,2}))?"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?:Z| ?UTC)?)?$"
)
_COMPACT_DATE = r"^(\d{4})(\d{2})(\d{2})$"

Years = tuple[int, int] | None
Columns = tuple[dict[str, tuple[str, ...]], tuple[str, ...]]


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
            f"{name}: {loss.count} rows left out: {loss.reason}"
            for loss in self.dropped
        )


class Read(NamedTuple):
    """A tidy frame and the report on how it came about."""

    frame: pd.DataFrame
    report: ReadReport


def declared(columns: str) -> Columns:
    """The columns that a reader wants, and those that it cannot do without, as
    `open_table` takes them: `ours=theirs|or theirs`, with `!` where it is needed.

    >>> names, required = declared("cow!=ccode|COWcode milex")
    >>> names["cow"], names["milex"], required
    (('ccode', 'COWcode'), ('milex',), ('cow',))
    """
    names: dict[str, tuple[str, ...]] = {}
    required: list[str] = []
    for word in columns.split():
        spelled, _, published = word.partition("=")
        name = spelled.rstrip("!")
        names[name] = tuple((published or name).split("|"))
        if spelled.endswith("!"):
            required.append(name)
    return names, tuple(required)


@dataclass
class Table:
    """A file's columns as text under our names, with checked conversions. Built by
    `open_table`.

    Conversions take the source's codes for `missing`. What cannot be converted raises a
    DataError that names the file, the line, the column and the cell.

    Attributes
    ----------
    source : what the file is called in messages
    text : the cells, a column each of our names
    published : our name -> the name in the file's header
    names : our name -> all names that it is published by
    head : the file's header
    dropped : rows that were left out, by reason
    """

    path: Path
    source: str
    text: pd.DataFrame
    published: Mapping[str, str]
    names: Mapping[str, Sequence[str]]
    head: tuple[str, ...]
    dropped: list[Dropped] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows_read = len(self.text)

    # what the file has

    def has(self, *columns: str) -> bool:
        """Whether the file has all of these columns."""
        return all(column in self.text for column in columns)

    def needs(self, *columns: str) -> None:
        """Raise DataError for the first of these columns that the file lacks."""
        for column in columns:
            if column not in self.published:
                names = " or ".join(self.names[column])
                message = f"{self.source} needs a column {names}"
                hint = f"The columns found are {listed(self.head)}"
                raise DataError(message, hint, self.path, 1, code=NO_COLUMN)

    def refuse(
        self,
        column: str,
        is_bad: pd.Series,
        message: str,
        next_step: str,
        code: str = BAD_CELL,
    ) -> None:
        """Raise DataError for the first row where `is_bad` is true, if there is one."""
        if is_bad.any():
            row = int(np.flatnonzero(is_bad.to_numpy())[0])
            line = self.lines([int(self.text.index[row])])[0]
            value = str(self.text[column].iloc[row])
            name = self.published.get(column, column)
            raise DataError(message, next_step, self.path, line, name, value, code=code)

    def whole_rows(self) -> None:
        """Raise DataError for a row with more cells than the header has: a comma in a
        cell without quotes. What a short row lacks is blank."""
        table = rows(read_text(self.path))
        width = len(next(table).cells)
        for line, cells in table:
            if any(cell.strip() for cell in cells[width:]):
                message = f"a row has {len(cells)} cells, the header {width}"
                hint = "Put a cell that holds a comma in quotes"
                raise DataError(message, hint, self.path, line, code=NO_TABLE)

    def lines(self, positions: Sequence[int]) -> list[int]:
        """Physical line on which each row of the file starts."""
        return row_lines(self.path, positions)

    # columns

    def words(self, column: str) -> pd.Series:
        """Cells without blanks around them; blank throughout where the file has no such
        column."""
        if not self.has(column):
            return self.same("")
        return self.text[column].str.strip()

    def same(self, value: object, dtype: Any = None) -> pd.Series:
        """A column with one value."""
        column: pd.Series = pd.Series(value, index=self.text.index, dtype=dtype)
        return column

    def number(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column as float64; blanks and the source's codes for missing become NaN."""
        cells = self.words(column)
        is_blank = cells.isin(MISSING_TEXT)
        numbers = pd.to_numeric(cells.mask(is_blank), errors="coerce")
        values = numbers.astype(np.float64)
        is_bad = values.isna() & ~is_blank | np.isinf(values)
        hint = "Write a number, or leave the cell blank"
        self.refuse(column, is_bad, "this is not a number", hint)
        return values.mask(values.isin(list(missing)))

    def integer(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column as Int64 with missing; a fraction is an error."""
        values = self.number(column, missing)
        has_fraction = (values % 1 != 0) | (values.abs() > LARGEST_INTEGER)
        is_bad = values.notna() & has_fraction
        hint = "Write a whole number, or leave it blank"
        self.refuse(column, is_bad, "this is not a whole number", hint)
        return values.astype("Int64")

    def codes(self, column: str) -> pd.Series:
        """A column of whole numbers without missing, as int64."""
        return self.integer(column).astype(np.int64)

    def year(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A column of years 1000..2200 as Int64, missing allowed."""
        values = self.integer(column, missing)
        is_outside = (values < FIRST_YEAR) | (values > LAST_YEAR)
        is_bad = is_outside.fillna(False).astype(bool)
        hint = "Write a year of four digits, or leave it blank"
        self.refuse(column, is_bad, "this is not a year", hint)
        return values

    def bounded(
        self, column: str, low: float, high: float, missing: Iterable[float] = ()
    ) -> pd.Series:
        """Numbers within low..high, both allowed; anything outside is an error."""
        values = self.number(column, missing)
        is_bad = (values < low) | (values > high)
        message = f"this lies outside {low:g}..{high:g}"
        hint = "Correct the value, or leave it blank"
        self.refuse(column, is_bad, message, hint, OUT_OF_BOUNDS)
        return values

    def flag(self, column: str) -> pd.Series:
        """A column of yes and no: TRUE, T, yes, 1 or FALSE, F, no, 0, in any case;
        anything else is an error."""
        cells = self.words(column).str.lower()
        is_true = cells.isin(TRUE_WORDS)
        is_bad = ~(is_true | cells.isin(FALSE_WORDS))
        message = "this is neither yes nor no"
        self.refuse(column, is_bad, message, "Write TRUE or FALSE")
        return is_true

    def part(self, column: str, missing: Iterable[float] = ()) -> pd.Series:
        """A part of a date as Int64, all missing where the file has no such column."""
        if not self.has(column):
            return self.same(pd.NA, "Int64")
        return self.integer(column, missing)

    def parted(
        self,
        stem: str,
        missing: Sequence[float],
        *,
        end: bool = False,
        loose: bool = False,
    ) -> tuple[pd.Series, pd.Series]:
        """Dates, and their precision, from columns `stem_year`, `stem_month`,
        `stem_day`: see `day`.

        loose: the year need not be one of 1000..2200."""
        month = self.part(f"{stem}_month", missing)
        day_of_month = self.part(f"{stem}_day", missing)
        read_year = self.part if loose else self.year
        return day(read_year(f"{stem}_year", missing), month, day_of_month, end=end)

    def dates(self, column: str, *, end: bool = False) -> tuple[pd.Series, pd.Series]:
        """ISO dates, whole or partial (YYYY, YYYY-MM), also YYYY/MM/DD and YYYYMMDD,
        with or without a time of day; and their precision; see `day`."""
        cells = self.words(column)
        fields = cells.str.extract(_DATE)
        compact = cells.str.extract(_COMPACT_DATE)
        fields[[0, 1, 2]] = fields[[0, 1, 2]].where(fields[0].notna(), compact)
        dates, precision = day(fields[0], fields[1], fields[2], end=end)
        is_bad = fields[0].isna() | _is_impossible(fields, precision)
        hint = "Write YYYY-MM-DD, YYYY-MM or YYYY"
        is_blank = cells.isin(MISSING_TEXT)
        self.refuse(column, is_bad & ~is_blank, "this is not a date", hint)
        hour, minute, second = (pd.to_numeric(fields[k]).fillna(0) for k in (3, 4, 5))
        is_late = (hour > 23) | (minute > 59) | (second > 59)
        hint = "Write YYYY-MM-DD HH:MM:SS"
        self.refuse(column, is_late, "this is not a time of day", hint)
        seconds = hour * 3600 + minute * 60 + second
        moments = dates + pd.to_timedelta(seconds, unit="s")
        return moments.astype(SECONDS), precision

    # rows

    def drop(self, is_bad: pd.Series, reason: str) -> None:
        """Leave out the rows where `is_bad` is true and record why; rows that are left
        out already do not count."""
        mask = is_bad[self.text.index].to_numpy(dtype=bool)
        if not mask.any():
            return
        positions = [int(position) for position in self.text.index[mask][:SHOWN_LINES]]
        lines = tuple(self.lines(positions))
        self.dropped.append(Dropped(reason, int(mask.sum()), lines))
        self.text = self.text[~mask]

    def drop_blank(self, **reasons: str) -> None:
        """Leave out rows without a number in a column that they cannot do without;
        the reason is given by column."""
        for column, reason in reasons.items():
            self.drop(self.integer(column, MISSING_CODES).isna(), reason)

    def drop_broken_dyads(self) -> None:
        """Leave out rows of `cow_a`, `cow_b` that name no state or the same one
        twice."""
        is_blank = self.integer("cow_a").isna() | self.integer("cow_b").isna()
        self.drop(is_blank, "a state without a COW number")
        is_same = self.integer("cow_a") == self.integer("cow_b")
        self.drop(is_same, "both sides are the same state")

    def kept(self, **columns: pd.Series) -> pd.DataFrame:
        """A frame of columns, of the rows that are not left out."""
        index = self.text.index
        return pd.DataFrame({name: column[index] for name, column in columns.items()})

    def dyads(self, **columns: object) -> pd.DataFrame:
        """A frame of `cow_a`, `cow_b` and these columns."""
        sides = {"cow_a": self.integer("cow_a"), "cow_b": self.integer("cow_b")}
        return pd.DataFrame(sides | columns)

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
        report = ReadReport(
            source=self.source,
            path=str(self.path),
            rows_read=self.rows_read,
            rows_kept=len(frame),
            first_year=first,
            last_year=last,
            dropped=tuple(self.dropped),
            notes=notes,
            kinds=kinds,
        )
        return Read(frame, report)


def _is_impossible(parts: pd.DataFrame, precision: pd.Series) -> pd.Series:
    """Where a date has a month, a day, a time or a year that there is not."""
    no_month = parts[1].notna() & (precision == "year")
    no_day = (parts[2].notna() | parts[3].notna()) & (precision != "day")
    year = pd.to_numeric(parts[0])
    no_year = ~year.between(FIRST_YEAR, LAST_YEAR) & parts[0].notna()
    is_wrong = no_month | no_day | no_year
    return is_wrong.fillna(False).astype(bool)


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
    head = read_header(path)
    headings = _by_lower_case(head, path)
    published: dict[str, str] = {}
    for our_name, their_names in names.items():
        matches = [name.lower() for name in their_names if name.lower() in headings]
        if matches:
            published[our_name] = headings[matches[0]]
    is_complete = all(name in published for name in required)
    text = pd.DataFrame()
    if is_complete:
        text = read_columns(path, published, len(head))
    table = Table(path, source, text, published, names, tuple(head))
    table.needs(*required)
    return table


def _by_lower_case(head: Sequence[str], path: Path) -> dict[str, str]:
    """A header's names by the same in lower case."""
    headings: dict[str, str] = {}
    for cell in head:
        key = cell.strip().lower()
        if key and key in headings:
            message = "two columns have the same name"
            raise DataError(message, "Rename one", path, 1, value=cell, code=NO_TABLE)
        headings[key] = cell
    return headings


def day(
    year: pd.Series,
    month: pd.Series | None = None,
    day_of_month: pd.Series | None = None,
    *,
    end: bool = False,
) -> tuple[pd.Series, pd.Series]:
    """Dates from parts, and their precision (`day`, `month`, `year`; missing where the
    year is).

    An unknown day is put at the 15th and an unknown month at 1 July; with `end`, at the
    last day of the month or the year. Months outside 1..12 and days outside the month
    count as unknown."""
    blank = pd.Series(pd.NA, index=year.index)
    y = _float_part(year)
    m = _float_part(blank if month is None else month)
    d = _float_part(blank if day_of_month is None else day_of_month)
    has_month = m.between(1, 12).fillna(False).astype(bool) & y.notna()
    has_day = d.between(1, 31).fillna(False).astype(bool) & has_month
    known_month = m.where(has_month, 12 if end else 7).astype("Float64").fillna(1)
    years = y.fillna(1900).astype(int)
    months = {"year": years, "month": known_month.astype(int), "day": 1}
    first = pd.to_datetime(pd.DataFrame(months), errors="coerce")
    last_day = first.dt.days_in_month
    has_day &= d.fillna(0) <= last_day
    usual_day = pd.Series(np.where(has_month, 15, 1), index=y.index)
    unknown = last_day if end else usual_day
    known_day = d.where(has_day).fillna(unknown.astype("Float64")).astype(int)
    dates = first + pd.to_timedelta(known_day - 1, unit="D")
    coarse = np.where(has_month, "month", "year")
    precision = pd.Series(np.where(has_day, "day", coarse), index=y.index)
    return dates.where(y.notna()).astype(SECONDS), precision.where(y.notna())


def _float_part(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column).astype("Float64")


def years_of(first: pd.Series, last: pd.Series | int | None = None) -> Years:
    """First and last year of columns of years or dates; None without any. last: a year,
    where the source says it."""
    if not len(first):
        return None
    low = int(_years(first).min())
    if isinstance(last, int):
        return low, last
    return low, int(_years(first if last is None else last).max())


def _years(column: pd.Series) -> pd.Series:
    return column.dt.year if column.dtype.kind == "M" else column


def folded(count: int) -> tuple[str, ...]:
    """The note on rows that say of a dyad what another says, in the other order or
    again; none where there are no such rows."""
    if not count:
        return ()
    return (f"{count} rows repeat another in the other order or again: each dyad once",)


def placed(frame: pd.DataFrame, place: Any, dtype: type) -> pd.DataFrame:
    """Rows whose two COW numbers have a place, and not the same one, with the places
    `a` < `b`. place: by number."""
    a, b = frame["cow_a"].map(place), frame["cow_b"].map(place)
    is_known = a.notna() & b.notna() & (a != b)
    a, b = a[is_known].astype(dtype), b[is_known].astype(dtype)
    return frame[is_known].assign(a=a.where(a < b, b), b=b.where(a < b, a))


def ordered_dyad(frame: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """The same rows with the smaller code in `cow_a`, sorted by these columns and
    numbered anew if any are given."""
    sides = frame[["cow_a", "cow_b"]]
    low, high = sides.min(axis=1), sides.max(axis=1)
    frame = frame.assign(cow_a=low.astype(np.int64), cow_b=high.astype(np.int64))
    if not by:
        return frame
    return frame.sort_values(list(by), kind="stable").reset_index(drop=True)

"""Rows that set one actor, or one dyad, twice at one moment.

Rows that say the same count once. Where they differ, `refuse` names every such row with the line it contradicts, and
`last` lets the last one in file order hold. Rows that add to a tie do not set it: they add up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError, DataErrors
from balance_sim.evidence.data.table import lines_of

Conflicts = Literal["refuse", "last"]
"""What to do with rows that contradict each other: an error, or the last one holds and a note counts the others."""
Twice = Literal["refuse", "last", "keep"]
"""The same for a reader; `keep`: leave them to whoever reads several files of one thing."""


def again(frame: pd.DataFrame, values: Sequence[str]) -> pd.Series:
    """Which rows say what the row before them, of the same actor or dyad and moment, says already.

    frame: in file order; actor or a and b, date, the columns `values`, and perhaps increment (missing where a row
    sets)."""
    sets = _sets(frame, values)
    return _groups(frame).duplicated() & sets & _before(frame, sets) & _same(frame, values)


def contradicting(frame: pd.DataFrame, values: Sequence[str]) -> pd.Series:
    """Which rows set otherwise than the row before them, of the same actor or dyad and moment."""
    sets = _sets(frame, values)
    return _groups(frame).duplicated() & (sets | _before(frame, sets)) & ~again(frame, values)


def the_last(frame: pd.DataFrame, values: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """The rows that hold if each is applied in file order, and how many contradict the one before them."""
    count = int(contradicting(frame, values).sum())
    frame = frame[~again(frame, values)]
    groups = _sets(frame, values).astype(int).groupby(_groups(frame), sort=False)
    overruled = groups.transform("sum") > groups.cumsum()
    return frame[~overruled], count


def conflicts_of(frame: pd.DataFrame, values: Sequence[str]) -> list[DataError]:
    """An error for each row of `contradicting`, with the line that it contradicts.

    frame: as in `again`, with `_file`, and `line` or `_row` (its number among the rows of the file)."""
    found = np.flatnonzero(contradicting(frame, values).to_numpy())
    if not len(found):
        return []
    group = _groups(frame).to_numpy()
    order = np.argsort(group, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    earlier = order[place[found] - 1]
    where = _places(frame.iloc[np.unique(np.concatenate([found, earlier]))])
    errors, index = [], frame.index.to_list()
    for this, that in zip(found, earlier, strict=True):
        row, other = frame.iloc[this], frame.iloc[that]
        (path, line), (other_path, other_line) = where[index[this]], where[index[that]]
        beside = "" if path == other_path else f" of {Path(other_path).name}"
        said, before = _says(row, values), _says(other, values)
        errors.append(
            DataError(
                f"{_who(row)} is {said} here, and {before} on line {other_line}{beside}, at one moment",
                "Keep one of the two, or set `conflicts: last` to let the last row hold",
                path,
                line,
            )
        )
    return sorted(errors, key=lambda error: (str(error.path), error.line or 0))


def settled(
    frame: pd.DataFrame, values: Sequence[str], twice: Twice, path: Path
) -> tuple[pd.DataFrame, list[str]]:
    """The frame of one file with its conflicts settled, and notes on them. Raises DataErrors."""
    if twice == "keep":
        return frame, []
    if twice == "refuse":
        errors = conflicts_of(frame.assign(_file=str(path), _row=frame.index), values)
        if errors:
            raise DataErrors(errors)
        return frame, []
    kept, count = the_last(frame, values)
    return kept, [
        f"{count} rows contradict one before them of the same moment: the last holds"
    ] if count else []


def _keys(frame: pd.DataFrame) -> list[str]:
    return ["actor", "date"] if "actor" in frame else ["a", "b", "date"]


def _groups(frame: pd.DataFrame) -> pd.Series:
    """A number for each actor or dyad and moment; rows without a date share the beginning of time."""
    numbers: pd.Series = frame.groupby(_keys(frame), dropna=False, sort=False).ngroup()
    return numbers


def _sets(frame: pd.DataFrame, values: Sequence[str]) -> pd.Series:
    if "increment" in frame and "increment" not in values:
        return frame["increment"].isna()
    return pd.Series(True, index=frame.index)


def _before(frame: pd.DataFrame, flags: pd.Series) -> pd.Series:
    return flags.groupby(_groups(frame), sort=False).shift(1, fill_value=False).astype(bool)


def _same(frame: pd.DataFrame, values: Sequence[str]) -> pd.Series:
    now = frame[list(values)].astype(float)
    before = now.groupby(_groups(frame), sort=False).shift(1)
    return ((now == before) | (now.isna() & before.isna())).all(axis=1)


def _places(frame: pd.DataFrame) -> dict[object, tuple[str, int | None]]:
    """File and line of each row, by its index."""
    out: dict[object, tuple[str, int | None]] = {}
    for file, part in frame.groupby("_file", dropna=False, sort=False):
        none = pd.Series(np.nan, index=part.index)
        known, row = part.get("line", none), part.get("_row", none)
        bare = part.index[known.isna() & row.notna()]
        found = lines_of(Path(str(file)), [int(row[index]) for index in bare]) if len(bare) else []
        lines = dict(zip(bare, found, strict=True))
        for index, line in known.items():
            out[index] = (str(file), lines.get(index, None if pd.isna(line) else int(line)))
    return out


def _who(row: pd.Series) -> str:
    who = row["actor"] if "actor" in row else f"{row['a']}-{row['b']}"
    date = row["date"]
    if pd.isna(date):
        return f"{who} at the start"
    return f"{who} on {date.date() if date == date.normalize() else date}"


def _says(row: pd.Series, values: Sequence[str]) -> str:
    by = row.get("increment", np.nan) if "increment" not in values else np.nan
    if not pd.isna(by):
        return f"changed by {by:g}"
    return f"set to {', '.join(_word(row[name]) for name in values)}"


def _word(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).upper()
    return "blank" if pd.isna(value) else f"{value:g}"  # type: ignore[call-overload]


__all__: Sequence[str] = [
    "Conflicts",
    "Twice",
    "again",
    "conflicts_of",
    "contradicting",
    "settled",
    "the_last",
]

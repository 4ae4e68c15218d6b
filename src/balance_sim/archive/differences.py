"""Where two makings of the same results differ: text exactly, numbers within a
tolerance; the first difference, in words."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.scenario.diagnostics import shown
from balance_sim.study.differences import differences

SAME_DIGITS = 1e-9
"""Relative difference of a number that another type of processor may show."""
AGREEMENT_KEY = ["run", "arm", "a", "b", "kind", "origin", "occasion"]
Tables = tuple[pa.Table, pa.Table]
"""Outcomes by run and arm, and agreements."""


def close(left: object, right: object, tolerance: float) -> bool:
    """Return whether two values are the same, or numbers within a relative difference;
    below 1 the difference itself counts."""
    if _is_number(left) and _is_number(right):
        return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance)  # type: ignore[arg-type]
    return type(left) is type(right) and left == right


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def diff_files(
    archived: Mapping[str, bytes], made: Mapping[str, bytes], tolerance: float
) -> list[str]:
    """Return the first difference of each file; CSV and JSON, by their names."""
    lines = [
        f"{shown(name, 200)}: is not made by this study"
        for name in sorted({*archived} - {*made})
    ]
    for name, content in made.items():
        if name not in archived:
            lines.append(f"{name}: is missing")
        elif archived[name] != content:
            lines += [
                f"{name}: {difference}"
                for difference in _first_difference(
                    name, archived[name], content, tolerance
                )
            ]
    return lines


def _first_difference(
    name: str, archived: bytes, made: bytes, tolerance: float
) -> list[str]:
    """Return the first difference of two files; none where numbers are close."""
    try:
        if name.endswith(".json"):
            found = _values(json.loads(archived), json.loads(made), tolerance)
        else:
            found = _cells(_table(archived), _table(made), tolerance)
        return [*islice(found, 1)]
    except (ValueError, csv.Error, RecursionError):
        return ["is no table of this kind"]


def _values(archived: object, made: object, tolerance: float) -> Iterator[str]:
    """Yield where two JSON documents differ."""
    unlike = differences(
        archived, made, same=lambda a, b: close(a, b, tolerance), exact=True
    )
    for path, a, b in unlike:
        yield f"{path or 'the whole'}: {_shown(a)} there, {_shown(b)} here"


def _table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"))))


def _cells(
    archived: list[list[str]], made: list[list[str]], tolerance: float
) -> Iterator[str]:
    """Yield where two tables differ."""
    if [len(row) for row in archived] != [len(row) for row in made]:
        yield f"{len(archived)} rows there, {len(made)} here, or other columns"
    for number, (row, made_row) in enumerate(zip(archived, made, strict=False), 1):
        for column, a, b in zip(made[0], row, made_row, strict=False):
            if a != b and not close(_number(a), _number(b), tolerance):
                yield f"row {number}, {column}: {_shown(a)} there, {_shown(b)} here"


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _shown(value: object) -> str:
    return shown(value if isinstance(value, str) else json.dumps(value), 60)


def diff_tables(stored: Tables, again: Tables) -> tuple[str, bool]:
    """Return what differs in two makings of a block, and whether it is but the last
    digits of numbers."""
    runs, agreements = stored
    runs_again, agreements_again = again
    words, _ = _first_unlike("agreement", agreements, agreements_again, AGREEMENT_KEY)
    if words:
        return words, False
    words, is_close = _first_unlike("outcome", runs, runs_again, ["arm", "run"])
    return words or "rows in another order", is_close


def _first_unlike(
    title: str, stored: pa.Table, again: pa.Table, key: list[str]
) -> tuple[str, bool]:
    """Return the first column and row that differ, and whether all that differs is
    numbers, and close. Nothing where rows are the same."""
    left, right = _frame(stored, key), _frame(again, key)
    if list(left.columns) != list(right.columns) or len(left) != len(right):
        return f"other columns, or {len(left)} rows there, {len(right)} again", False
    message = ""
    for name in map(str, left.columns):
        a, b = left[name], right[name]
        unlike = ~((a == b) | (a.isna() & b.isna())).to_numpy()
        if unlike.any():
            row = int(np.argmax(unlike))
            place = f"run {left['run'][row]}, arm {left['arm'][row]}"
            message = f"{name} of an {title} ({place}): {a[row]} there, {b[row]} again"
            if not _are_close(a, b):
                return message, False
    return message, bool(message)


def _are_close(a: pd.Series, b: pd.Series) -> bool:
    """Return whether two columns are numbers that differ in their last digits alone."""
    if not (pd.api.types.is_float_dtype(a) and pd.api.types.is_float_dtype(b)):
        return False
    return np.allclose(a, b, rtol=SAME_DIGITS, atol=SAME_DIGITS, equal_nan=True)


def _frame(table: pa.Table, key: list[str]) -> pd.DataFrame:
    """Return the rows in order, with words as text."""
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(use_threads=False)
    for name in frame.columns:
        if frame[name].dtype.name == "category":
            frame[name] = frame[name].astype(str)
    return frame.sort_values(key, ignore_index=True)

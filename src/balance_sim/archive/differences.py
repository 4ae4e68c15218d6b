"""Where two makings of the same results differ: text exactly, numbers within a
tolerance; the first difference, in words."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from itertools import islice

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
    numbers = [
        value
        for value in (left, right)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) == 2:
        return math.isclose(*numbers, rel_tol=tolerance, abs_tol=tolerance)
    return type(left) is type(right) and left == right


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
            unlike = differences(
                json.loads(archived),
                json.loads(made),
                same=lambda a, b: close(a, b, tolerance),
                exact=True,
            )
            for path, a, b in islice(unlike, 1):
                values = f"{json.dumps(a)[:60]} there, {json.dumps(b)[:60]} here"
                return [f"{path or 'the whole'}: {values}"]
            return []
        tables = [pd.read_csv(io.BytesIO(content)) for content in (archived, made)]
    except (ValueError, RecursionError):
        return ["is no table of this kind"]
    line = _unlike(*tables, tolerance=tolerance)
    return [line] if line else []


def _unlike(left: pd.DataFrame, right: pd.DataFrame, *, tolerance: float) -> str:
    """Return the first column that differs, with its values; nothing where all are the
    same, or numbers within a relative difference."""
    try:
        pd.testing.assert_frame_equal(
            left,
            right,
            rtol=tolerance,
            atol=tolerance,
            check_exact=tolerance == 0,
            check_dtype=False,
        )
    except AssertionError as error:
        return shown(" ".join(str(error).split()), 300)
    return ""


def diff_tables(stored: Tables, again: Tables) -> tuple[str, bool]:
    """Return what differs in two makings of a block, and whether it is but the last
    digits of numbers."""
    runs, agreements = stored
    runs_again, agreements_again = again
    line = _unlike(
        _frame(agreements, AGREEMENT_KEY),
        _frame(agreements_again, AGREEMENT_KEY),
        tolerance=0,
    )
    if line:
        return f"agreements: {line}", False
    frames = [_frame(table, ["arm", "run"]) for table in (runs, runs_again)]
    line = _unlike(*frames, tolerance=0)
    is_close = not _unlike(*frames, tolerance=SAME_DIGITS)
    return f"outcomes: {line or 'rows in another order'}", bool(line) and is_close


def _frame(table: pa.Table, key: list[str]) -> pd.DataFrame:
    """Return the rows in order, with words as text."""
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(use_threads=False)
    for name in frame.columns:
        if frame[name].dtype.name == "category":
            frame[name] = frame[name].astype(str)
    return frame.sort_values(key, ignore_index=True)

"""Where two makings of the same results differ: text exactly, numbers within a tolerance; the first one, in words."""

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

from balance_sim.results.folder import differences
from balance_sim.scenario.diagnostics import shown

CLOSE = 1e-9  # relative difference of a number that another type of processor may show
KEY = ["run", "arm", "a", "b", "kind", "origin", "occasion"]


def close(a: object, b: object, tolerance: float) -> bool:
    """The same, or two numbers within a relative difference; below 1 the difference itself counts."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in (a, b)):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)  # type: ignore[arg-type]
    return type(a) is type(b) and a == b


def diff_files(there: Mapping[str, bytes], here: Mapping[str, bytes], tolerance: float) -> list[str]:
    """The first difference of each file; CSV and JSON, by their names."""
    out = [f"{shown(name, 200)}: is not made by this study" for name in sorted({*there} - {*here})]
    for name, content in here.items():
        if name not in there:
            out.append(f"{name}: is missing")
        elif there[name] != content:
            out += [f"{name}: {first}" for first in _first_of_file(name, there[name], content, tolerance)]
    return out


def _first_of_file(name: str, there: bytes, here: bytes, tolerance: float) -> list[str]:
    try:
        if name.endswith(".json"):
            unlike = differences(
                json.loads(there), json.loads(here), same=lambda x, y: close(x, y, tolerance), exact=True
            )
            found: Iterator[str] = (
                f"{path or 'the whole'}: {_said(x)} there, {_said(y)} here" for path, x, y in unlike
            )
        else:
            one, other = (list(csv.reader(io.StringIO(text.decode("utf-8")))) for text in (there, here))
            found = _rows(one, other, tolerance)
        return [*islice(found, 1)]
    except (ValueError, csv.Error, RecursionError):
        return ["is no table of this kind"]


def _rows(a: list[list[str]], b: list[list[str]], tolerance: float) -> Iterator[str]:
    if len(a) != len(b):
        yield f"{len(a)} rows there, {len(b)} here"
    for at, (one, other) in enumerate(zip(a, b, strict=False), 1):
        if len(one) != len(other):
            yield f"row {at}: {len(one)} cells there, {len(other)} here"
        for name, x, y in zip(b[0], one, other, strict=False):
            if x != y and not close(_number(x), _number(y), tolerance):
                yield f"row {at}, {name}: {_said(x)} there, {_said(y)} here"


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _said(value: object) -> str:
    return shown(value if isinstance(value, str) else json.dumps(value), 60)


def diff_tables(kept: tuple[pa.Table, pa.Table], again: tuple[pa.Table, pa.Table]) -> tuple[str, bool]:
    """What differs in two makings of (runs, accords) tables, and whether it is but the last digits of numbers."""
    (runs, accords), (runs_again, accords_again) = (
        (_frame(of_runs, ["arm", "run"]), _frame(of_accords, KEY)) for of_runs, of_accords in (kept, again)
    )
    if len(accords) != len(accords_again):
        return f"{len(accords)} agreements there, {len(accords_again)} when run again", False
    for name, at in _unlike_columns(accords, accords_again):
        row = accords.iloc[at]
        who = f"run {row['run']}, arm {row['arm']}, {row['a']}-{row['b']}"
        return f"{name} of an agreement ({who}): {row[name]} there, {accords_again[name][at]} again", False
    if list(runs.columns) != list(runs_again.columns) or len(runs) != len(runs_again):
        return "other columns or rows of outcomes when run again", False
    found: tuple[str, bool] = ("rows in another order", False)
    for name, at in _unlike_columns(runs, runs_again):
        row = runs.iloc[at]
        said = f"{name} of run {row['run']}, arm {row['arm']}: {row[name]} there, {runs_again[name][at]} again"
        if name in ("run", "arm"):
            return said, False
        one, other = (frame[name].astype(float) for frame in (runs, runs_again))
        if not np.allclose(one, other, rtol=CLOSE, atol=CLOSE, equal_nan=True):
            return said, False
        found = (said, True)
    return found


def _frame(table: pa.Table, by: list[str]) -> pd.DataFrame:
    """The rows in order, with words as text."""
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(use_threads=False)
    words = [name for name in frame.columns if frame[name].dtype.name == "category"]
    frame[words] = frame[words].astype(str)
    return frame.sort_values(by, ignore_index=True)


def _unlike_columns(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Columns that differ, each with the first row at which it does."""
    for name in map(str, a.columns):
        unlike = ~((a[name] == b[name]) | (a[name].isna() & b[name].isna())).to_numpy()
        if unlike.any():
            yield name, int(np.argmax(unlike))

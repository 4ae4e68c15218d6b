"""Tables as a notebook shows them: as many digits as the interval leaves, what each
column is above its name, and no more rows than are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

HEADINGS = {
    "alone": "added when all others are out",
    "control": "control arm",
    "error": "MC standard error of the mean",
    "hi": "95 % CI, upper",
    "last": "added when all others are in",
    "lo": "95 % CI, lower",
    "mcse": "MC standard error",
    "mean_control": "mean, control arm",
    "n": "replications",
    "q05": "5 % quantile",
    "q25": "25 % quantile",
    "q50": "median",
    "q75": "75 % quantile",
    "q95": "95 % quantile",
    "run": "replication",
    "sd": "standard deviation",
    "share_negative": "share with fewer",
    "share_positive": "share with more",
    "z": "effect / standard error",
}
"""What columns are whose names alone do not say it."""
OF_INTERVAL = {"mean", "error", "mean_control", "effect", "mcse", "lo", "hi", "value"}
OF_INTERVAL |= {"alone", "last", "excess", "left", "right", "difference"}
"""Columns whose digits are those of the row's interval."""
SIGNIFICANT = 3
MOST_PLACES = 8
MOST_ROWS = MOST_COLUMNS = 20
HEAD = 12
"""Rows that are shown of a table with more."""
LONGEST_KEY = 12
"""Digits of a sha256."""


class Frame(pd.DataFrame):
    """A DataFrame that a notebook shows in the field's words. Its columns are named as
    in code, below their headings.

    >>> frame = Frame({"mean": [0.0123456], "lo": [0.0101], "hi": [0.0145]})
    >>> ">0.0123</td>" in frame._repr_html_()
    True
    """

    @property
    def _constructor(self) -> Callable[..., Frame]:
        return Frame

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        shown = pd.DataFrame(self if len(self) <= MOST_ROWS else self.head(HEAD))
        if any(name is not None for name in shown.index.names):
            shown = shown.reset_index()
        width, shown = shown.shape[1], shown.iloc[:, :MOST_COLUMNS]
        of_rows = shown.loc[:, ~shown.columns.duplicated()].to_dict("records")
        places = [_places(row) for row in of_rows]
        names = [str(name) for name in shown.columns]
        if shown.columns.name is not None and names:  # of a table made by pivoting
            names[0] += f" \\ {shown.columns.name}"
        columns = [
            _column(name, shown.iloc[:, place], places)
            for place, name in enumerate(names)
        ]
        rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
        lacking = {"rows": len(self) - len(shown), "columns": width - shown.shape[1]}
        words = [f"{count:,} {what}" for what, count in lacking.items() if count]
        more = f"<p>and {' and '.join(words)} more</p>" if words else ""
        return f'<table class="dataframe">{rows}</table>{more}'


def _column(name: str, values: pd.Series[Any], places: list[int | None]) -> list[str]:
    """Return the cells of a column, its heading first. places: decimals, row by row, of
    columns that belong to an interval."""
    if name not in OF_INTERVAL:
        places = [None] * len(places)
    pairs = zip(values.tolist(), places, strict=True)
    side = "right" if pd.api.types.is_numeric_dtype(values) else "left"
    style = f'style="text-align: {side}"'
    is_key_path = "." in name  # its values are as somebody wrote them
    cells = [_cell(value, digits, is_as_written=is_key_path) for value, digits in pairs]
    rest = [f"<td {style}>{cell}</td>" for cell in cells]
    return [f"<th {style}>{_heading(name)}</th>", *rest]


def _heading(name: str) -> str:
    """Return what a column is, above the name that code calls it by."""
    words = HEADINGS.get(name)
    code = escape(name)
    return code if words is None else f"{escape(words)}<br><code>{code}</code>"


def _places(row: dict[Any, Any]) -> int | None:
    """Return the decimals that show two significant digits of the half-width of a row's
    interval; None where it has none."""
    numbers = {name: value for name, value in row.items() if isinstance(value, float)}
    low, high, error = (numbers.get(name, math.nan) for name in ("lo", "hi", "mcse"))
    for width in ((high - low) / 2, 2 * error):
        if math.isfinite(width) and width > 0:
            return min(max(1 - math.floor(math.log10(width)), 0), MOST_PLACES)
    return None


def _cell(value: Any, places: int | None, *, is_as_written: bool) -> str:
    """Return a value as text; nothing where it is missing."""
    if isinstance(value, float):
        return f"{value:g}" if is_as_written else _number(value, places)
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    text = str(value)
    is_key = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return escape(text[:LONGEST_KEY] if is_key else text)


def _number(value: float, places: int | None) -> str:
    """Return a number with so many decimals, or with three significant digits."""
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if places is not None:
        return f"{value:z.{places}f}"
    if value == round(value) and abs(value) < 1e15:
        return f"{value:.0f}"
    if abs(value) < 10.0**-MOST_PLACES:
        return f"{value:.{SIGNIFICANT - 1}e}"
    decimals = SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(decimals, 0)}f}"

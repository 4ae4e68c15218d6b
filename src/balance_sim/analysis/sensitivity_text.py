"""A sensitivity report for a terminal and as plain data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from typing import Any

import pandas as pd

from balance_sim.analysis.sensitivity import Sensitivity


def as_plain(found: Sensitivity) -> dict[str, Any]:
    """For JSON: lists of records, NaN as null."""
    frames = {"indices": found.indices, "variance": found.split, "convergence": found.convergence}
    return {"method": found.method, "left_out": found.left_out, "notes": found.notes} | {
        name: [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
        for name, frame in frames.items()
    }


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_lines(found: Sensitivity, most: int = 15) -> list[str]:
    """The report for a person: the largest indices of each quantity, the split, the runs wanted."""
    lines: list[str] = []
    if found.indices.empty:
        lines.append(f"no indices: they need a sobol or morris design, this one is {found.method}")
    else:
        lines.append("indices, with 95 % intervals")
        for key, part in found.indices.groupby(["of", "arm", "outcome"], sort=False):
            lines += _index_lines(key, part, found.method, most)
    lines += ["", "variance over points and runs: share of the parameters, the rest is chance"]
    lines += _table(found.split, lambda row: _interval(row, "share_parameters"))
    wanted = found.convergence["wanted"].iloc[0]
    lines += [
        "",
        f"runs: the worst point's half-width now, and how many more make it {wanted:g}",
    ]
    lines += _table(found.convergence, _runs_wanted)
    lines += [f"left out: {what}" for what in found.left_out]
    for note in found.notes:
        lines += textwrap.wrap(f"note: {note}", 80, subsequent_indent="  ")
    return lines


def _table(frame: pd.DataFrame, last: Callable[[dict[Any, Any]], str]) -> list[str]:
    """One row a quantity, in columns: mean or effect, arm, outcome, and what is said of it."""
    rows = frame.to_dict("records")
    wide = {name: max((len(str(row[name])) for row in rows), default=0) for name in ("of", "arm", "outcome")}
    return [
        "  " + "  ".join(f"{row[name]!s:<{size}}" for name, size in wide.items()) + f"  {last(row)}"
        for row in rows
    ]


def _index_lines(key: Any, part: pd.DataFrame, method: str, most: int) -> list[str]:
    of, arm, outcome = key
    main, names = ("total", ("first", "total")) if method == "sobol" else ("mu_star", ("mu_star", "sigma"))
    places = 3 if method == "sobol" else digits(part[main].max())
    ranked = part.sort_values(main, ascending=False, kind="stable")
    rows = ranked.head(most).to_dict("records")
    if ranked[main].isna().all():
        return ["", f"{of} of {outcome} in `{arm}`: nothing varies"]
    cells = [[_interval(row, name, places) for name in names] for row in rows]
    wide = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    lines = ["", f"{of} of {outcome} in `{arm}`"]
    head = "  ".join(f"{name:<{size}}" for name, size in zip(names, wide, strict=True))
    lines.append(f"  {head}  factor")
    for row, texts in zip(rows, cells, strict=True):
        values = "  ".join(f"{text:<{size}}" for text, size in zip(texts, wide, strict=True))
        lines.append(f"  {values}  {row['factor']}")
    if len(ranked) > most:
        lines.append(f"  ... and {len(ranked) - most} more: --json")
    return lines


def digits(largest: float, least: int = 0) -> int:
    """Decimals that leave the largest number three figures: `least` to six.

    >>> digits(0.0123), digits(12.3), digits(12.3, 3)
    (4, 1, 3)"""
    return 3 if not largest > 0 else max(least, min(6, 2 - math.floor(math.log10(largest))))


def _interval(row: dict[Any, Any], name: str, digits: int = 3) -> str:
    if pd.isna(row[name]):
        return "nothing varies"
    value, low, high = (f"{row[key]:z.{digits}f}" for key in (name, f"{name}_lo", f"{name}_hi"))
    return f"{value} [{low}, {high}]" if pd.notna(row[f"{name}_lo"]) else value


def _runs_wanted(row: dict[Any, Any]) -> str:
    if pd.isna(row["more_runs"]):
        return "one run: error unknown"
    if row["points_alike"] == row["points"]:
        return "no runs differ: error unknown"
    more = f"{row['more_runs']:,} more" if row["more_runs"] else "enough"
    return f"{row['half_width_worst']:>9.3g}  {more}"

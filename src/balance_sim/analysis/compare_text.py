"""A comparison for a terminal and as plain data."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from balance_sim.analysis.compare import Found

SIDES = ("left", "right")
HEAD = ("outcome", "left", "right", "difference", "95 % interval")
NARROWEST = 16  # columns of an outcome's name, at least
WITHOUT_LIMIT = 1000  # columns, where no terminal says how many there are


def as_plain(found: Found) -> dict[str, Any]:
    """For JSON: lists of records, NaN as null."""
    return {
        "left": found.left,
        "right": found.right,
        "paired": found.paired,
        "inputs_that_differ": found.differences,
        "classes": {
            "by": found.counting.by,
            "dyads_that_differ": found.counting.dyads,
            "dyads_kept": found.counting.kept,
            "left_out": list(found.counting.left_out),
        },
        "outcomes": _records(found.outcomes),
        "dyads": _records(found.dyads),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_lines(found: Found, pairs: int, width: int = WITHOUT_LIMIT) -> list[str]:
    """Inputs that differ, then every outcome, then the pairs of states that differ most.

    width: columns there are; where a row would be longer, its numbers stand under its name."""
    how = "paired run by run" if found.paired else "seeds differ: not paired"
    lines = [f"left {found.left}, right {found.right}; {how}"]
    lines.append("inputs that differ:" if found.differences else "the inputs are the same")
    lines += [f"  {line}" for line in found.differences[:20]]
    if len(found.differences) > 20:
        lines.append(f"  ... and {len(found.differences) - 20} more: --json")
    lines += [f"classes: {line}" for line in found.counting.lines()]
    keys = [name for name in found.outcomes.columns if name in ("point", "left_arm", "right_arm")]
    for key, part in found.outcomes.groupby(keys, sort=False):
        lines.append(_title(keys, key))
        rows = part.to_dict("records")
        still = [row for row in rows if row["difference"] == row["mcse"] == 0.0]
        moved = [row for row in rows if not row["difference"] == row["mcse"] == 0.0]
        if moved:
            lines += _table(moved, width)
        if still:
            some = still[0]["outcome"] + (", ..." if len(still) > 1 else "")
            lines.append(f"  no difference: {len(still)} of {len(rows)} outcomes ({some})")
    return lines + _pair_lines(found.dyads, pairs)


def _pair_lines(dyads: pd.DataFrame, most: int) -> list[str]:
    """The pairs that differ most; how many do not is counted."""
    if not len(dyads) or not most:
        return []
    moved = dyads[dyads["difference"] != 0]
    lines = ["dyads, expected new agreements:"]
    lines += [_pair_line(row) for row in moved.head(most).to_dict("records")]
    if len(moved) > most:
        lines.append(f"  {len(moved) - most} more differ: --pairs")
    if len(moved) < len(dyads):
        lines.append(f"  the same on both sides: {len(dyads) - len(moved)} of {len(dyads)} dyads")
    return lines


def _title(keys: list[str], key: Any) -> str:
    named = dict(zip(keys, key, strict=True))
    point = f"point {named['point']}: " if "point" in named else ""
    return f"{point}`{named['right_arm']}` less `{named['left_arm']}`"


def _table(rows: list[dict[Any, Any]], width: int) -> list[str]:
    """Outcomes with both sides, their difference and its interval."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(HEAD))]
    name = min(widths[0], max(width - 2 - sum(2 + one for one in widths[1:]), NARROWEST))
    lines = []
    for first, *numbers, last in cells:
        middle = "".join(f"  {text:>{one}}" for text, one in zip(numbers, widths[1:], strict=False))
        fits = len(first) <= name
        lines += [] if fits else [f"  {first}"]
        lines.append(f"  {first if fits else '':<{name}}{middle}  {last}")
    return lines


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    sides = ["-" if pd.isna(row[side]) else format(row[side], "z.3f") for side in SIDES]
    if pd.isna(row["difference"]):
        return (row["outcome"], *sides, "-", "missing in some runs")
    interval = "unknown: one run" if pd.isna(row["lo"]) else f"[{_signed(row['lo'])}, {_signed(row['hi'])}]"
    return (row["outcome"], *sides, _signed(row["difference"]), interval)


def _signed(value: float) -> str:
    """Three decimals; a small number two figures, so that it is not shown as nought."""
    return f"{value:+z.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.2g}"


def _pair_line(row: dict[Any, Any]) -> str:
    arms = "" if row["left_arm"] == row["right_arm"] else f"{row['left_arm']} / "
    return (
        f"  {row['a']}-{row['b']:<6}{row['left']:>8.4f}{row['right']:>8.4f}{row['difference']:>+10.4f}  "
        f"[{row['lo']:+.4f}, {row['hi']:+.4f}]  {arms}{row['right_arm']}"
    )

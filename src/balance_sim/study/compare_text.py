"""A comparison for a terminal and as plain data."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from balance_sim.study.compare import Found
from balance_sim.study.pairs import ANY


def as_plain(found: Found) -> dict[str, Any]:
    """For JSON: lists of records, NaN as null."""
    return {
        "left": found.left,
        "right": found.right,
        "paired": found.paired,
        "inputs_that_differ": found.differences,
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


def as_lines(found: Found, pairs: int) -> list[str]:
    """Inputs that differ, then every outcome, then the pairs of states that differ most."""
    how = "paired run by run" if found.paired else "seeds differ: not paired"
    lines = [f"left {found.left}, right {found.right}; {how}"]
    lines.append("inputs that differ:" if found.differences else "the inputs are the same")
    lines += [f"  {line}" for line in found.differences[:20]]
    if len(found.differences) > 20:
        lines.append(f"  ... and {len(found.differences) - 20} more: --json")
    keys = [name for name in found.outcomes.columns if name in ("point", "left_arm", "right_arm")]
    for key, part in found.outcomes.groupby(keys, sort=False):
        lines.append(_title(keys, key))
        lines.append(f"  {'outcome':<34}{'left':>10}{'right':>10}{'difference':>12}  95 % interval")
        lines += [_outcome_line(row) for row in part.to_dict("records")]
    shown = found.dyads[found.dyads["kind"] == ANY].head(pairs) if len(found.dyads) else found.dyads
    if len(shown):
        lines.append("pairs of states, share of runs with a new accord:")
        lines += [_pair_line(row) for row in shown.to_dict("records")]
    return lines


def _title(keys: list[str], key: Any) -> str:
    named = dict(zip(keys, key, strict=True))
    point = f"point {named['point']}: " if "point" in named else ""
    return f"{point}`{named['right_arm']}` less `{named['left_arm']}`"


def _outcome_line(row: dict[Any, Any]) -> str:
    return (
        f"  {row['outcome']:<34}{row['left']:>10.3f}{row['right']:>10.3f}{row['difference']:>+12.3f}  "
        f"[{row['lo']:+.3f}, {row['hi']:+.3f}]"
    )


def _pair_line(row: dict[Any, Any]) -> str:
    arms = "" if row["left_arm"] == row["right_arm"] else f"{row['left_arm']} / "
    return (
        f"  {row['a']}-{row['b']:<6}{row['left']:>8.3f}{row['right']:>8.3f}{row['difference']:>+9.3f}  "
        f"[{row['lo']:+.3f}, {row['hi']:+.3f}]  {arms}{row['right_arm']}"
    )

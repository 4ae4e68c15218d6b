"""A sensitivity report for a terminal and as plain data."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from balance_sim.study.sensitivity import Sensitivity


def as_plain(found: Sensitivity) -> dict[str, Any]:
    """For JSON: lists of records, NaN as null."""
    frames = {"indices": found.indices, "variance": found.split, "convergence": found.convergence}
    return {"method": found.method, "left_out": found.left_out} | {
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
        main = "total" if found.method == "sobol" else "mu_star"
        for key, part in found.indices.groupby(["of", "arm", "outcome"], sort=False):
            lines.append(f"{_named(key)}:")
            ranked = part.sort_values(main, ascending=False, kind="stable")
            lines += [_index_line(row, found.method) for row in ranked.head(most).to_dict("records")]
            if len(ranked) > most:
                lines.append(f"  ... and {len(ranked) - most} more: --json")
    lines.append("variance over points and runs, noise of the means removed:")
    for row in found.split.to_dict("records"):
        share = _interval(row, "share_parameters")
        lines.append(
            f"  {_named((row['of'], row['arm'], row['outcome']))}: parameters {share} of it, chance the rest"
        )
    lines.append("runs wanted at every point:")
    lines += [_runs_line(row) for row in found.convergence.to_dict("records")]
    return [*lines, *(f"left out: {what}" for what in found.left_out)]


def _named(key: Any) -> str:
    of, arm, outcome = key
    return f"{of} of {outcome} in `{arm}`"


def _index_line(row: dict[Any, Any], method: str) -> str:
    names = ("first", "total") if method == "sobol" else ("mu_star", "mu", "sigma")
    return "  " + "  ".join(f"{name} {_interval(row, name)}" for name in names) + f"  {row['factor']}"


def _interval(row: dict[Any, Any], name: str) -> str:
    if pd.isna(row[name]):
        return "- (nothing varies)"
    return f"{row[name]:.3f} [{row[f'{name}_lo']:.3f}, {row[f'{name}_hi']:.3f}]"


def _runs_line(row: dict[Any, Any]) -> str:
    named = _named((row["of"], row["arm"], row["outcome"]))
    if pd.isna(row["more_runs"]):
        return f"  {named}: one run a point says nothing of its error"
    ahead = f"{row['more_runs']:,} more, {row['runs_wanted']:,} in all" if row["more_runs"] else "enough"
    return f"  {named}: half-width {row['half_width_worst']:.3g} at worst, {row['wanted']:g} wanted: {ahead}"

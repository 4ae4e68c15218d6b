"""Which part an arm plays in a figure: the reference, the headline, or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.study.result import Result


def role(result: Result, arm: str) -> str:
    """`reference`, `headline` or `other`."""
    if arm == result.reference:
        return "reference"
    return "headline" if arm == result.headline_arm else "other"


def arm_with_role(table: pd.DataFrame, wanted: str) -> str | None:
    """The arm of a figure's table that plays a part, or None."""
    arms = table.loc[table["role"] == wanted, "arm"]
    return str(arms.iloc[0]) if len(arms) else None

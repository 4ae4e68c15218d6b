"""Which part an arm plays in a figure, the control arm, the headline or another, and by which words it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balance_sim.show.names import arm_titles, treatment

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.results.result import Result


def role(result: Result, arm: str) -> str:
    """`reference`, `headline` or `other`."""
    if arm == result.reference:
        return "reference"
    return "headline" if arm == result.headline_arm else "other"


def arm_with_role(table: pd.DataFrame, wanted: str) -> str | None:
    """The arm of a figure's table that plays a part, or None."""
    arms = table.loc[table["role"] == wanted, "arm"]
    return str(arms.iloc[0]) if len(arms) else None


def titled(table: pd.DataFrame, result: Result) -> pd.DataFrame:
    """The same with the words of each row's `arm`: title; control (the control arm's title); treatment (what the
    headline arm's effect is the effect of; empty without one)."""
    titles, arm = arm_titles(result.scenario), result.headline_arm
    return table.assign(
        title=[titles[name] for name in table["arm"]],
        control=titles[result.reference],
        treatment=treatment(result, arm) if arm is not None else "",
    )


def title_of(table: pd.DataFrame, arm: str) -> str:
    """The title of an arm in such a table."""
    return str(table.loc[table["arm"] == arm, "title"].iloc[0])


def first(table: pd.DataFrame, column: str) -> str:
    """What a column says in the first row: of columns that say the same in all."""
    return str(table[column].iloc[0])

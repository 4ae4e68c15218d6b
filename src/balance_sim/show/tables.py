"""The small tables a reader is shown: accords by direction and arm, and the pairs with the largest excess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from balance_sim.study.result import Result

DIRECTIONS = {"counter": "counter", "with_participant": "with participant", "other": "other", "all": "all"}


def direction_table(result: Result, arms: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, direction, mean, excess, lo, hi, mcse, differing (share of runs), n; the longest window.

    The reference arm's excess is NaN: it is what the others are measured against."""
    outcomes = {f"accords_{name}_{result.window}": name for name in DIRECTIONS}
    levels = result.levels[result.levels["outcome"].isin(outcomes)]
    frame = levels[["arm", "outcome", "mean", "n"]].copy()
    effects = result.effects
    if effects.empty:
        frame = frame.assign(**dict.fromkeys(("excess", "lo", "hi", "mcse", "differing"), float("nan")))
    else:
        effects = effects.assign(differing=effects["share_positive"] + effects["share_negative"])
        effects = effects.rename(columns={"mean": "excess"})
        columns = ["arm", "outcome", "excess", "lo", "hi", "mcse", "differing"]
        frame = frame.merge(effects[columns], on=["arm", "outcome"], how="left")
    frame["direction"] = frame["outcome"].map(outcomes)
    order = {(arm, name): k for k, (arm, name) in enumerate((a, d) for a in arms for d in DIRECTIONS)}
    frame = frame[frame["arm"].isin(arms)]
    place = [order[key] for key in zip(frame["arm"], frame["direction"], strict=True)]
    frame = frame.iloc[sorted(range(len(place)), key=place.__getitem__)]
    columns = ["arm", "direction", "mean", "excess", "lo", "hi", "mcse", "differing", "n"]
    return frame[columns].reset_index(drop=True)


def top_pairs(result: Result, arm: str, count: int = 10) -> pd.DataFrame:
    """The pairs whose share of runs with a new accord of any kind grows most; only those where it grows.

    Columns a, b, p, p_reference, excess, lo, hi, n; ties in the order of the codes."""
    columns = ["a", "b", "p", "p_reference", "excess", "lo", "hi", "n"]
    dyads = result.dyads
    part = dyads[(dyads["arm"] == arm) & (dyads["kind"] == "any") & (dyads["excess"] > 0)]
    ordered = part.sort_values(["excess", "a", "b"], ascending=[False, True, True], kind="stable")
    return ordered[columns].head(count).reset_index(drop=True)


def tied_with_last(result: Result, arm: str, shown: pd.DataFrame) -> int:
    """How many pairs that are not shown have exactly the excess of the last one that is."""
    if shown.empty:
        return 0
    last, dyads = shown["excess"].iloc[-1], result.dyads
    part = dyads[(dyads["arm"] == arm) & (dyads["kind"] == "any")]
    return int((part["excess"] == last).sum() - (shown["excess"] == last).sum())


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Rows whose interval excludes zero."""
    return (frame["lo"] > 0) | (frame["hi"] < 0)

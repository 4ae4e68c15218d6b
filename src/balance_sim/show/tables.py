"""The small tables a reader is shown: agreements by direction and arm, and the dyads with the largest effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from balance_sim.results.result import Result

DIRECTIONS = {
    "counter": "counter-balancing",
    "with_participant": "with a participant",
    "other": "other",
    "all": "all",
}
DECLARED = {
    "declarations_counter": "declarations, counter-balancing",
    "declarations_all": "declarations, all",
}
ROWS = DIRECTIONS | DECLARED
"""What the rows of `direction_table` are: security agreements by direction, then declarations."""
DYADS = ["a", "b", "mean_control", "mean", "effect", "lo", "hi", "mcse", "z", "n"]


def direction_table(result: Result, arms: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, direction (a key of ROWS), mean, effect, lo, hi, mcse, n; new agreements within the longest window.

    The control arm's effect is NaN: it is what the others are measured against."""
    outcomes = {f"accords_{name}_{result.window}": name for name in DIRECTIONS}
    outcomes |= {f"{name}_{result.window}": name for name in DECLARED}
    levels = result.levels[result.levels["outcome"].isin(outcomes)]
    frame = levels[["arm", "outcome", "mean", "n"]].copy()
    effects = result.effects
    if effects.empty:
        frame = frame.assign(**dict.fromkeys(("effect", "lo", "hi", "mcse"), float("nan")))
    else:
        columns = ["arm", "outcome", "effect", "lo", "hi", "mcse"]
        frame = frame.merge(
            effects.rename(columns={"mean": "effect"})[columns], on=["arm", "outcome"], how="left"
        )
    frame["direction"] = frame["outcome"].map(outcomes)
    order = {(arm, name): k for k, (arm, name) in enumerate((a, d) for a in arms for d in ROWS)}
    frame = frame[frame["arm"].isin(arms)]
    place = [order[key] for key in zip(frame["arm"], frame["direction"], strict=True)]
    frame = frame.iloc[sorted(range(len(place)), key=place.__getitem__)]
    return frame[["arm", "direction", "mean", "effect", "lo", "hi", "mcse", "n"]].reset_index(drop=True)


def top_pairs(result: Result, arm: str, count: int | None = None) -> pd.DataFrame:
    """Dyads whose effect has a 95 % CI that excludes zero, furthest from zero first, ties in the order of the codes.

    The columns of DYADS: expected new security agreements within the longest window in the control arm and in `arm`,
    and the effect. count: at most so many; all if not given."""
    dyads = result.dyads
    part = dyads[dyads["arm"] == arm]
    ordered = by_size(part[clear(part)])
    return ordered[DYADS].head(len(ordered) if count is None else count).reset_index(drop=True)


def by_size(frame: pd.DataFrame) -> pd.DataFrame:
    """Dyads with the effect furthest from zero first, ties in the order of the codes."""
    keyed = frame.assign(far=frame["effect"].abs())
    ordered = keyed.sort_values(["far", "a", "b"], ascending=[False, True, True], kind="stable")
    return ordered.drop(columns="far")


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Rows whose interval excludes zero."""
    return (frame["lo"] > 0) | (frame["hi"] < 0)

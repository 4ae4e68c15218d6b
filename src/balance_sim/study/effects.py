"""From runs to statements: levels by arm, paired effects, pairs of states. Each with its error.

A level's spread does not shrink with more runs; its Monte Carlo error does. An effect is the mean over
runs of (arm minus reference) with the same random numbers, so its error is that of the paired difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.study.frames import by_arm
from balance_sim.study.intervals import UNKNOWN, mean_interval, paired_interval
from balance_sim.study.outcomes import counts, fixed_beforehand

Floats = npt.NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEVELS = ["arm", "outcome", "mean", "sd", "q05", "q25", "q50", "q75", "q95", "mcse", "n"]
EFFECTS = ["arm", "outcome", "mean", "mcse", "lo", "hi", "share_positive", "share_negative", "n"]


def level(values: Floats) -> dict[str, float]:
    """Mean, spread and quantiles of one outcome in one arm. Missing values stand for "not by the horizon":

    they are never averaged; where any is missing the mean is missing too, and quantiles that fall among
    them are missing."""
    missing = np.isnan(values)
    complete = not missing.any() and len(values) > 0
    ordered = np.where(missing, np.inf, values)
    quantiles = np.quantile(ordered, QUANTILES, method="inverted_cdf") if len(values) else np.full(5, np.nan)
    mean, error, _, _ = mean_interval(values) if complete else (float("nan"),) * 4
    out = {"mean": mean, "sd": float(values.std(ddof=1)) if complete and len(values) > 1 else float("nan")}
    out |= {
        f"q{round(100 * q):02d}": float(v) if np.isfinite(v) else float("nan")
        for q, v in zip(QUANTILES, quantiles, strict=True)
    }
    return out | {"mcse": error}


def effect(arm: Floats, reference: Floats, unit: float = UNKNOWN) -> dict[str, float]:
    """The paired effect of one arm on one outcome. Missing counts as later than any day, in the shares.

    unit: the size a difference has, 0 if there can be none, UNKNOWN on a continuous scale: as in `unit_of`."""
    missing = np.isnan(arm) | np.isnan(reference)
    late = np.where(np.isnan(arm), np.inf, arm), np.where(np.isnan(reference), np.inf, reference)
    both_late = np.isnan(arm) & np.isnan(reference)
    n = max(len(arm), 1)
    out = {"mean": float("nan"), "mcse": float("nan"), "lo": float("nan"), "hi": float("nan")}
    if not missing.any():
        out = dict(zip(("mean", "mcse", "lo", "hi"), paired_interval(arm, reference, unit), strict=True))
    return out | {
        "share_positive": float(((late[0] > late[1]) & ~both_late).sum()) / n,
        "share_negative": float(((late[0] < late[1]) & ~both_late).sum()) / n,
    }


def unit_of(outcome: str, *, alike: bool) -> float:
    """Size of a difference of an outcome where no run has one: one, of a count; 0 where there can be none; UNKNOWN of

    one on a continuous scale, whose spread stands for it. alike: whether the two arms are the same in everything."""
    if alike or fixed_beforehand(outcome):
        return 0.0
    return 1.0 if counts(outcome) else UNKNOWN


def levels_table(runs: pd.DataFrame, arms: Sequence[str], outcomes: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, outcome, mean, sd, quantiles, mcse, n."""
    rows, parts = [], by_arm(runs)
    for arm in arms:
        part = parts[arm] if arm in parts else runs[:0]
        for name in outcomes:
            values = part[name].to_numpy(float)
            rows.append({"arm": arm, "outcome": name} | level(values) | {"n": len(values)})
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=LEVELS)


def alike_arms(runs: pd.DataFrame, reference: str) -> set[str]:
    """Arms that are the reference to the last digit, in every outcome of every run that both have."""
    parts = by_arm(runs)
    base = parts.get(reference, runs[:0].set_index("run"))
    return {arm for arm, part in parts.items() if arm != reference and alike(*_in_common(part, base))}


def alike(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two frames of outcomes, rows and columns in the same order, are the same to the last digit."""
    return all(_same(one[name], other[name]) for name in one.columns if name != "arm")


def _in_common(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the runs that both have."""
    common = one.index.intersection(other.index)
    first, second = (frame if len(frame) == len(common) else frame.loc[common] for frame in (one, other))
    return first, second


def _same(one: pd.Series[float], other: pd.Series[float]) -> bool:
    return np.array_equal(one.to_numpy(float), other.to_numpy(float), equal_nan=True)


def effects_table(
    runs: pd.DataFrame, arms: Sequence[str], reference: str, outcomes: Sequence[str]
) -> pd.DataFrame:
    """Tidy: arm, outcome, mean, mcse, lo, hi, share_positive, share_negative, n; paired by run.

    An arm that is its reference to the last digit, in every outcome of every run, has effects of exactly zero."""
    nothing = runs[:0].set_index("run")
    parts = by_arm(runs)
    base, rows = parts.get(reference, nothing), []
    for arm in arms:
        if arm == reference:
            continue
        part = parts.get(arm, nothing)
        part, twin = _in_common(part, base)
        same = alike(part, twin)
        for name in outcomes:
            a, b = part[name].to_numpy(float), twin[name].to_numpy(float)
            rows.append(
                {"arm": arm, "outcome": name} | effect(a, b, unit_of(name, alike=same)) | {"n": len(part)}
            )
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=EFFECTS)


def rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    """For JSON: NaN and infinities become null."""
    return {name: (value if np.isfinite(value) else None) for name, value in values.items()}

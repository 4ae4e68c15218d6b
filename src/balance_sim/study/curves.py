"""New accords as they add up: by day, arm and run, gathered shard by shard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from balance_sim.results.columns import column_words
from balance_sim.results.outcomes import NEW

EVERY_DAYS = 7


def cumulative(
    blocks: Iterable[tuple[pa.Table, npt.NDArray[np.int64]]],
    arms: Sequence[str],
    direction: str | None,
    focal_day: int,
    horizon: int,
    kinds: Sequence[str],
) -> dict[str, npt.NDArray[np.int16]]:
    """(runs, days) counts of new agreements of some kinds by each day after the focal date, one array an arm.

    Days: 0, 7, 14 ... and the horizon. direction None counts all. Runs in the order of the blocks."""
    days = day_axis(horizon)
    parts: dict[str, list[npt.NDArray[np.int16]]] = {arm: [] for arm in arms}
    for accords, runs in blocks:
        signed = accords["signed"].cast(pa.int32()).fill_null(-(2**30)).to_numpy()
        new = np.isin(column_words(accords, "origin"), NEW) & (signed > focal_day)
        new &= np.isin(column_words(accords, "kind"), kinds)
        if direction is not None:
            new &= column_words(accords, "direction") == direction
        arm_of = column_words(accords, "arm")
        place = np.searchsorted(runs, accords["run"].to_numpy())
        for arm in arms:
            rows = new & (arm_of == arm)
            slot = np.searchsorted(days, signed[rows] - focal_day)
            counts = np.zeros((len(runs), len(days) + 1), dtype=np.int16)
            np.add.at(counts, (place[rows], slot), 1)
            parts[arm].append(counts[:, :-1].cumsum(axis=1, dtype=np.int16))
    return {
        arm: np.concatenate(part) if part else np.zeros((0, len(days)), np.int16)
        for arm, part in parts.items()
    }


def day_axis(horizon: int) -> npt.NDArray[np.int64]:
    """Days after the focal date at which curves are given."""
    return np.unique(np.append(np.arange(0, horizon + 1, EVERY_DAYS), horizon))


def fan(curves: dict[str, npt.NDArray[np.int16]], horizon: int) -> pd.DataFrame:
    """Tidy: arm, day, mean, q05, q25, q50, q75, q95 over runs."""
    days = day_axis(horizon)
    rows = []
    for arm, counts in curves.items():
        if not len(counts):
            continue
        quantiles = np.quantile(counts, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0, method="inverted_cdf")
        frame = pd.DataFrame(quantiles.T.astype(float), columns=["q05", "q25", "q50", "q75", "q95"])
        frame.insert(0, "mean", counts.mean(axis=0))
        frame.insert(0, "day", days)
        frame.insert(0, "arm", arm)
        rows.append(frame)
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def survival(first_days: npt.NDArray[np.float64], horizon: int) -> pd.DataFrame:
    """Share of runs without a first event by each day: Kaplan and Meier 1958, all censored at the horizon.

    first_days: (runs,), NaN where there was none. Columns: day, at_risk, events, share."""
    n = len(first_days)
    known = first_days[~np.isnan(first_days)].astype(int)
    events = np.bincount(known, minlength=horizon + 1)[: horizon + 1] if n else np.zeros(horizon + 1, int)
    at_risk = n - np.concatenate([[0], np.cumsum(events)[:-1]])
    left = 1.0 - np.cumsum(events) / n if n else np.full(horizon + 1, np.nan)
    return pd.DataFrame({"day": np.arange(horizon + 1), "at_risk": at_risk, "events": events, "share": left})

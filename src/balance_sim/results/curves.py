"""New accords as they add up: by day, arm and run, gathered shard by shard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from balance_sim.replications.columns import column_words
from balance_sim.replications.outcomes import NEW

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


QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


def fan(parts: Iterable[dict[str, npt.NDArray[np.int16]]], horizon: int) -> pd.DataFrame:
    """Tidy: arm, day, mean, q05, q25, q50, q75, q95 over runs, n. parts: of `cumulative`, of some runs each.

    How often each count came by each day is all that is held."""
    days = day_axis(horizon)
    times: dict[str, npt.NDArray[np.int64]] = {}  # by arm, (days, counts)
    for part in parts:
        for arm, counts in part.items():
            held = times.setdefault(arm, np.zeros((len(days), 1), np.int64))
            if len(counts) and (more := int(counts.max()) + 1 - held.shape[1]) > 0:
                held = times[arm] = np.pad(held, ((0, 0), (0, more)))
            np.add.at(held, (np.broadcast_to(np.arange(len(days)), counts.shape), counts), 1)
    rows = []
    for arm, held in times.items():
        n = int(held[0].sum())
        if not n:
            continue
        below = held.cumsum(axis=1)
        # The smallest count that a share q of the runs does not exceed, as NumPy's `inverted_cdf`.
        quantiles = {
            name: (below < max(np.ceil(n * q), 1)).sum(axis=1).astype(float) for name, q in QUANTILES.items()
        }
        mean = held @ np.arange(held.shape[1]) / n
        rows.append(pd.DataFrame({"arm": arm, "day": days, "mean": mean} | quantiles | {"n": n}))
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

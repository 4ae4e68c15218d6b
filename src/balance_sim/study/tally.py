"""Means, spreads, quantiles and paired effects of one point, gathered block by block.

Outcomes are counts and days: how often each value came is all that is kept, so memory does not grow with runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.study.effects import QUANTILES, t_quantile

Floats = npt.NDArray[np.float64]


@dataclass
class Counts:
    """How often each value came; NaN ("not by the horizon") counted apart."""

    values: Floats = field(default_factory=lambda: np.empty(0))
    times: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    missing: int = 0

    def add(self, new: Floats) -> None:
        known = new[~np.isnan(new)]
        self.missing += len(new) - len(known)
        found, times = np.unique(known, return_counts=True)
        whole = np.concatenate([self.values, found])
        self.values, place = np.unique(whole, return_inverse=True)
        self.times = np.bincount(place, np.concatenate([self.times, times]), len(self.values)).astype(
            np.int64
        )

    @property
    def n(self) -> int:
        return int(self.times.sum()) + self.missing

    def mean(self) -> float:
        """NaN where a value is missing: a day that never came has no mean."""
        if self.missing or not self.n:
            return float("nan")
        return float(self.values @ self.times) / self.n

    def sd(self) -> float:
        if self.missing or self.n < 2:
            return float("nan")
        return float(np.sqrt(((self.values - self.mean()) ** 2) @ self.times / (self.n - 1)))

    def quantile(self, q: float) -> float:
        """The smallest value that a share q of the runs does not exceed; NaN among the missing."""
        if not self.n:
            return float("nan")
        need = np.ceil(q * self.n - 1e-9)
        at = int(np.searchsorted(np.cumsum(self.times), max(need, 1)))
        return float(self.values[at]) if at < len(self.values) else float("nan")

    def interval(self, confidence: float = 0.95) -> tuple[float, float, float]:
        """Monte Carlo error of the mean, and Student's t interval."""
        error = self.sd() / np.sqrt(self.n) if self.n else float("nan")
        half = t_quantile(confidence, self.n - 1) * error if self.n > 1 else float("nan")
        return error, self.mean() - half, self.mean() + half


class Tally:
    """Levels by arm and paired effects by arm, of one point."""

    def __init__(self, arms: Sequence[str]) -> None:
        self.arms = tuple(arms)
        self.outcomes: list[str] = []
        self.levels: dict[tuple[str, str], Counts] = {}
        self.effects: dict[tuple[str, str], Counts] = {}
        self.signs: dict[tuple[str, str], npt.NDArray[np.int64]] = {}

    def add(self, runs: pa.Table) -> None:
        """One block of outcomes by run and arm."""
        by_arm = columns_by_arm(runs, self.arms)
        reference = by_arm[self.arms[0]]
        self.outcomes = [name for name in reference if name != "run"]
        for arm, columns in by_arm.items():
            for name in self.outcomes:
                self.levels.setdefault((arm, name), Counts()).add(columns[name])
                if arm != self.arms[0]:
                    self._add_effect(arm, name, columns[name], reference[name])

    def _add_effect(self, arm: str, name: str, a: Floats, b: Floats) -> None:
        self.effects.setdefault((arm, name), Counts()).add(a - b)
        late_a, late_b = np.where(np.isnan(a), np.inf, a), np.where(np.isnan(b), np.inf, b)
        signs = np.array([(late_a > late_b).sum(), (late_a < late_b).sum()])
        self.signs[arm, name] = self.signs.get((arm, name), np.zeros(2, np.int64)) + signs

    def levels_frame(self) -> pd.DataFrame:
        """Tidy: arm, outcome, mean, sd, q05 ... q95, mcse, n."""
        rows = []
        for arm in self.arms:
            for name in self.outcomes:
                c = self.levels[arm, name]
                quantiles = {f"q{round(100 * q):02d}": c.quantile(q) for q in QUANTILES}
                row = {"arm": arm, "outcome": name, "mean": c.mean(), "sd": c.sd()} | quantiles
                rows.append(row | {"mcse": c.interval()[0], "n": c.n})
        return pd.DataFrame(rows)

    def effects_frame(self) -> pd.DataFrame:
        """Tidy: arm, outcome, mean, mcse, lo, hi, share_positive, share_negative, n; paired by run."""
        rows = []
        for arm in self.arms[1:]:
            for name in self.outcomes:
                c = self.effects[arm, name]
                error, low, high = c.interval()
                up, down = self.signs[arm, name] / max(c.n, 1)
                row = {"arm": arm, "outcome": name, "mean": c.mean(), "mcse": error, "lo": low, "hi": high}
                rows.append(row | {"share_positive": up, "share_negative": down, "n": c.n})
        return pd.DataFrame(rows)


def columns_by_arm(runs: pa.Table, arms: Sequence[str]) -> dict[str, dict[str, Floats]]:
    """Outcome columns of each arm, sorted by run and cut to the runs that every arm has; `run` among them."""
    words = runs["arm"].cast(pa.string())
    parts: dict[str, dict[str, Floats]] = {}
    for arm in arms:
        part = runs.filter(pc.equal(words, arm)).sort_by("run")
        parts[arm] = {
            name: part[name].to_numpy(zero_copy_only=False).astype(float)
            for name in part.column_names
            if name != "arm"
        }
    common = parts[arms[0]]["run"]
    for arm in arms[1:]:
        common = np.intersect1d(common, parts[arm]["run"])
    for arm, columns in parts.items():
        if len(columns["run"]) != len(common):
            keep = np.isin(columns["run"], common)
            parts[arm] = {name: values[keep] for name, values in columns.items()}
    return parts

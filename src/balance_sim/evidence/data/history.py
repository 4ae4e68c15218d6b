"""What was known of states and pairs at the start of each year, as arrays on a fixed roster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import ReadReport

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class History:
    """Arrays by year (T) on a fixed roster (n), sorted by ISO code. NaN is missing.

    entry, leave: (T, n) part of the year at which membership starts and ends; equal where absent.
    capability: (T, n) CINC; ideal: (T, n) final-passage ideal points; democracy: (T, n) polyarchy 0..1.
    distance: (T, n, n) km; contiguity: (T, n, n) COW types, 0 none; rivalry, claim, militarised, war:
    (T, n, n) 0 or 1; claim_salience 0..1; alliance_depth, alliance_calm: (T, n, n) by kind of alliance.
    accords: a, b (roster positions, a < b), accord_id, kind, signed, in_force, ended, precision.
    """

    years: NDArray[np.int64]
    iso3: tuple[str, ...]
    cow: NDArray[np.int64]
    names: tuple[str, ...]
    entry: Floats
    leave: Floats
    capability: Floats
    ideal: Floats
    democracy: Floats
    distance: Floats
    contiguity: Floats
    rivalry: Floats
    claim: Floats
    claim_salience: Floats
    militarised: Floats
    war: Floats
    alliance_depth: Floats
    alliance_calm: Floats
    accords: pd.DataFrame
    accord_years: tuple[int, int]
    reports: tuple[ReadReport, ...]
    notes: tuple[str, ...]

    @property
    def present(self) -> Flags:
        """(T, n): member on some day of the year."""
        return self.leave > self.entry

    def at(self, year: int) -> int:
        """Position of a year. Raises DataError outside the period."""
        if not self.years[0] <= year <= self.years[-1]:
            raise DataError(
                f"the history covers {self.years[0]}-{self.years[-1]}",
                "Load a longer period",
                value=str(year),
            )
        return int(year - self.years[0])

    def exposure(self, year: int) -> Floats:
        """(n, n) part of the year in which both are members; diagonal 0."""
        t = self.at(year)
        low = np.maximum(self.entry[t][:, None], self.entry[t][None, :])
        high = np.minimum(self.leave[t][:, None], self.leave[t][None, :])
        both: Floats = np.clip(high - low, 0.0, 1.0)
        np.fill_diagonal(both, 0.0)
        return both

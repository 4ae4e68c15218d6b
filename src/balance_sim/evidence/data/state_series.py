"""Readers of series with a row a state and year: capability, democracy, ideal points.

Tidy frames: cow, year and one series. `cinc` is a share of the world, `polyarchy` lies
in 0..1; `ideal_fp`, of final-passage votes, is higher the closer to the US-led
position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import TWICE
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    Read,
    Table,
    declared,
    open_table,
    years_of,
)

FIRST_SESSION = 1945
"""Session s of the General Assembly opens in year 1945 + s."""
FURTHEST_IDEAL = 10.0

_NMC = declared("cow!=ccode year! cinc!")
_VDEM = declared("cow!=COWcode|ccode year! polyarchy!=v2x_polyarchy")
_IDEAL = declared("cow!=ccode year session ideal_fp!=idealpointfp")


def read_nmc(path: Path | str) -> Read:
    """National Material Capabilities (v6, v7). Singer, Bremer, Stuckey 1972; Singer
    1987."""
    table = open_table(path, "COW NMC", *_NMC)
    return _state_years(table, "cinc", 0.0, 1.0, MISSING_CODES)


def read_vdem(path: Path | str) -> Read:
    """V-Dem country-years (Coppedge et al.), full or core, or a table with the same
    columns.

    V-Dem's units that are no COW members have no COW number and are left out."""
    table = open_table(path, "V-Dem", *_VDEM)
    return _state_years(table, "polyarchy", 0.0, 1.0, MISSING_CODES)


def read_ideal_points(path: Path | str) -> Read:
    """Ideal point estimates, CSV as released. Bailey, Strezhnev, Voeten 2017, JCR
    61(2): 430-456.

    A release without a year column is dated by its session."""
    table = open_table(path, "UN ideal points", *_IDEAL)
    if not table.has("year"):
        table.needs("session")
        table.drop(table.integer("session").isna(), "no session")
        years = table.integer("session") + FIRST_SESSION
        table.text = table.text.assign(year=years.astype(str))
    return _state_years(table, "ideal_fp", -FURTHEST_IDEAL, FURTHEST_IDEAL)


def _state_years(
    table: Table, series: str, low: float, high: float, missing: Sequence[float] = ()
) -> Read:
    """A state and year once, sorted; rows without either are left out. Coverage runs
    over the years in which the series is known at all."""
    table.drop_blank(cow="a state without a COW number", year="no year")
    table.drop(table.text.duplicated(), "the same row again")
    keys = {"cow": table.integer("cow"), "year": table.year("year")}
    frame = pd.DataFrame(keys).astype(np.int64)
    message = "this state has two rows in one year"
    hint = "Keep one row a state and year"
    table.refuse("cow", frame.duplicated(), message, hint, TWICE)
    frame[series] = table.bounded(series, low, high, missing)
    years = years_of(frame.loc[frame[series].notna(), "year"])
    frame = frame.sort_values(["cow", "year"]).reset_index(drop=True)
    note = f"{series} is missing in {int(frame[series].isna().sum())} rows"
    return table.read(frame, years, note)

"""Regime type: V-Dem's electoral democracy index, and Polity where the file has it.

Tidy frame: cow, year, polyarchy (0..1), polity2 (-10..10)."""

from __future__ import annotations

from pathlib import Path

from balance_sim.evidence.data.state_years import finish, key_columns
from balance_sim.evidence.data.table import MISSING_CODES, Read, open_table

_NAMES = {
    "cow": ("COWcode", "ccode"),
    "year": ("year",),
    "polyarchy": ("v2x_polyarchy",),
    "polity2": ("polity2",),
}


def read_vdem(path: Path | str) -> Read:
    """V-Dem country-years (Coppedge et al.), full or core, or a table with the same columns.

    V-Dem's units that are no COW members have no COW number and are left out."""
    table = open_table(path, "V-Dem", _NAMES, ("cow", "year", "polyarchy"))
    read = len(table.text)
    frame = key_columns(table)
    frame["polyarchy"] = table.bounded("polyarchy", 0.0, 1.0, missing=MISSING_CODES)
    if table.has("polity2"):
        frame["polity2"] = table.bounded("polity2", -10.0, 10.0, missing=(-66, -77, -88, -99))
    return finish(table, read, frame, "polyarchy")

"""Alignment in the UN General Assembly: ideal points of Bailey, Strezhnev and Voeten.

Tidy frame: cow, year, and ideal_fp (final-passage votes), ideal_all (all votes), ideal_legacy where the file
has them. Higher is closer to the US-led position. Scenarios use the final-passage series."""

from __future__ import annotations

from pathlib import Path

from balance_sim.evidence.data.state_years import finish, key_columns
from balance_sim.evidence.data.table import Read, open_table

FIRST_SESSION = 1945
"""Session s of the Assembly opens in year 1945 + s."""

_NAMES = {
    "cow": ("ccode",),
    "year": ("year",),
    "session": ("session",),
    "ideal_fp": ("idealpointfp",),
    "ideal_all": ("idealpointall",),
    "ideal_legacy": ("idealpointlegacy",),
}


def read_ideal_points(path: Path | str) -> Read:
    """Ideal point estimates, CSV as released. Bailey, Strezhnev, Voeten 2017, JCR 61(2): 430-456.

    A release without a year column is dated by its session."""
    required = ("cow", "ideal_fp")
    table = open_table(path, "UN ideal points", _NAMES, required)
    read = len(table.text)
    if not table.has("year"):
        open_table(path, "UN ideal points", _NAMES, ("session",))
        session = table.integer("session")
        table.drop(session.isna(), "no session")
        table.text = table.text.assign(year=(session[table.text.index] + FIRST_SESSION).astype(str))
    frame = key_columns(table)
    for series in ("ideal_fp", "ideal_all", "ideal_legacy"):
        if table.has(series):
            frame[series] = table.bounded(series, -10.0, 10.0)
    return finish(table, read, frame, "ideal_fp")

"""Material capabilities: Correlates of War NMC (v6, v7).

Tidy frame: cow, year, cinc (share of the world, 0..1), and milex, milper, irst, pec, tpop, upop where the
file has them, in the source's units (thousands; milex thousand current US dollars)."""

from __future__ import annotations

from pathlib import Path

from balance_sim.evidence.data.state_years import finish, key_columns
from balance_sim.evidence.data.table import MISSING_CODES, Read, open_table

COMPONENTS = ("milex", "milper", "irst", "pec", "tpop", "upop")
_NAMES = {
    "cow": ("ccode",),
    "year": ("year",),
    "cinc": ("cinc",),
    **{component: (component,) for component in COMPONENTS},
}


def read_nmc(path: Path | str) -> Read:
    """National Material Capabilities. Singer, Bremer, Stuckey 1972; Singer 1987.

    -9 is missing, as are -8 and -7."""
    table = open_table(path, "COW NMC", _NAMES, ("cow", "year", "cinc"))
    read = len(table.text)
    frame = key_columns(table)
    frame["cinc"] = table.bounded("cinc", 0.0, 1.0, missing=MISSING_CODES)
    for component in COMPONENTS:
        if table.has(component):
            frame[component] = table.number(component, missing=MISSING_CODES)
    return finish(table, read, frame, "cinc")

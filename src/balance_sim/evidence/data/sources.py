"""Which file of a data folder holds which source, and the readers of those with a row a state and year.

Tidy frames of the latter: cow, year and one series. `cinc` is a share of the world, `polyarchy` lies in 0..1;
`ideal_fp`, of final-passage votes, is higher the closer to the US-led position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data import dyad_sources
from balance_sim.evidence.data.agreements import read_outcomes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import MISSING_CODES, Read, Table, declared, open_table, years_of

FIRST_SESSION = 1945
"""Session s of the General Assembly opens in year 1945 + s."""

_NMC = declared("cow!=ccode year! cinc!")
_VDEM = declared("cow!=COWcode|ccode year! polyarchy!=v2x_polyarchy")
_IDEAL = declared("cow!=ccode year session ideal_fp!=idealpointfp")


def read_nmc(path: Path | str) -> Read:
    """National Material Capabilities (v6, v7). Singer, Bremer, Stuckey 1972; Singer 1987."""
    return _state_years(open_table(path, "COW NMC", *_NMC), "cinc", 0.0, 1.0, MISSING_CODES)


def read_vdem(path: Path | str) -> Read:
    """V-Dem country-years (Coppedge et al.), full or core, or a table with the same columns.

    V-Dem's units that are no COW members have no COW number and are left out."""
    return _state_years(open_table(path, "V-Dem", *_VDEM), "polyarchy", 0.0, 1.0, MISSING_CODES)


def read_ideal_points(path: Path | str) -> Read:
    """Ideal point estimates, CSV as released. Bailey, Strezhnev, Voeten 2017, JCR 61(2): 430-456.

    A release without a year column is dated by its session."""
    table = open_table(path, "UN ideal points", *_IDEAL)
    if not table.has("year"):
        table.needs("session")
        table.drop(table.integer("session").isna(), "no session")
        table.text = table.text.assign(year=(table.integer("session") + FIRST_SESSION).astype(str))
    return _state_years(table, "ideal_fp", -10.0, 10.0)


def _state_years(table: Table, series: str, low: float, high: float, missing: Sequence[float] = ()) -> Read:
    """A state and year once, sorted; rows without either are left out. Coverage runs over the years in which the series
    is known at all."""
    table.drop_blank(cow="a state without a COW number", year="no year")
    table.drop(table.text.duplicated(), "the same row again")
    frame = pd.DataFrame({"cow": table.integer("cow"), "year": table.year("year")}).astype(np.int64)
    twice = "this state has two rows in one year"
    table.refuse("cow", frame.duplicated(), twice, "Keep one row a state and year")
    frame[series] = table.bounded(series, low, high, missing)
    years = years_of(frame.loc[frame[series].notna(), "year"])
    frame = frame.sort_values(["cow", "year"]).reset_index(drop=True)
    return table.read(frame, years, f"{series} is missing in {int(frame[series].isna().sum())} rows")


_SOURCES: Mapping[str, tuple[Callable[[Path], Read], str]] = {
    "accords": (read_outcomes, "dcad_agreements.csv DCAD*main*.csv accords.csv"),
    "capability": (read_nmc, "nmc_state_year.csv NMC*abridged*.csv NMC*.csv NMC*.dta"),
    "ideal": (read_ideal_points, "unga_ideal_points.csv Idealpoint*.csv Idealpoint*.tab Idealpoint*.dta"),
    "democracy": (read_vdem, "democracy_state_year.csv V-Dem-CY-Core*.csv V-Dem-CY-Full*.csv"),
    "distance": (dyad_sources.read_minimum_distance, "min_distance_spells.csv cow_mindist.csv"),
    "contiguity": (dyad_sources.read_contiguity, "contiguity_spells.csv contdir.csv contdird.csv"),
    "capitals": (dyad_sources.read_capitals, "capitals.csv cow_capitals.csv"),
    "rivalry": (
        dyad_sources.read_rivalries,
        "rivalries_thompson_sakuwa_suhas.csv tss_rivalries.csv rivalries_thompson_dreyer.csv",
    ),
    "claims": (dyad_sources.read_territorial_claims, "territorial_claims_icow.csv ICOWprov*.csv ICOW*.dta"),
    "disputes": (dyad_sources.read_mid_participants, "mid_cow5_participants.csv MIDB*.csv"),
    "atop": (dyad_sources.read_atop_members, "atop_members.csv atop5*m.csv"),
    "cow_alliances": (
        dyad_sources.read_cow_alliances,
        "cow_alliance_spells.csv alliance_v4*_by_directed*.csv alliance_v4*_by_dyad*.csv",
    ),
}
READERS = {name: reader for name, (reader, _) in _SOURCES.items()}
FILES = {name: tuple(files.split()) for name, (_, files) in _SOURCES.items()}
"""File names looked for in the data folder, in any case, plain or with .gz, the first that is there; of several that
fit a `*`, the last in the alphabet, which is the newest version."""
UNREAD = (".xlsx", ".xls", ".ods", ".zip", ".rds", ".rdata", ".rda", ".sav", ".parquet", ".dta", ".tab", ".txt")


def file_of(folder: Path, name: str) -> tuple[Path | None, tuple[str, ...]]:
    """The file of a source, and the names of others that would have done too."""
    listing = _listing(folder)
    for wanted in FILES[name]:
        fits = [path for path in listing if fnmatch(path.name.lower().removesuffix(".gz"), wanted.lower())]
        if fits:
            return fits[-1], tuple(path.name for path in fits[:-1])
    return None, ()


def unread(folder: Path, name: str) -> tuple[str, ...]:
    """Names of files that hold a source by their name, in a format that is not read: NMC-60-abridged.xlsx."""
    stems = [Path(wanted).stem.lower() for wanted in FILES[name]]
    return tuple(
        path.name
        for path in _listing(folder)
        if path.suffix.lower() in UNREAD and any(fnmatch(path.stem.lower(), stem) for stem in stems)
    )


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(
            (path for path in folder.iterdir() if path.is_file()),
            key=lambda path: (path.name.lower().removesuffix(".gz"), path.suffix != ".gz"),
        )
    except OSError as error:
        raise DataError(f"the folder cannot be read: {error.strerror}", "Look at its rights", folder) from None

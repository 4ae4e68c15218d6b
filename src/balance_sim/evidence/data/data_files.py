"""Which file of a data folder holds which source: the names under which authors publish them, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from balance_sim.evidence.data.accords import read_outcomes
from balance_sim.evidence.data.alignment import read_ideal_points
from balance_sim.evidence.data.alliances import read_atop_members, read_cow_alliances
from balance_sim.evidence.data.capabilities import read_nmc
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.geography import read_capitals, read_contiguity, read_minimum_distance
from balance_sim.evidence.data.regime import read_vdem
from balance_sim.evidence.data.rivalry import (
    read_mid_participants,
    read_rivalries,
    read_territorial_claims,
)
from balance_sim.evidence.data.table import Read

READERS: Mapping[str, Callable[[Path], Read]] = {
    "accords": read_outcomes,
    "capability": read_nmc,
    "ideal": read_ideal_points,
    "democracy": read_vdem,
    "distance": read_minimum_distance,
    "contiguity": read_contiguity,
    "capitals": read_capitals,
    "rivalry": read_rivalries,
    "claims": read_territorial_claims,
    "disputes": read_mid_participants,
    "atop": read_atop_members,
    "cow_alliances": read_cow_alliances,
}

FILES: Mapping[str, tuple[str, ...]] = {
    "accords": ("dcad_agreements.csv", "DCAD*main*.csv", "accords.csv"),
    "capability": ("nmc_state_year.csv", "NMC*abridged*.csv", "NMC*.csv", "NMC*.dta"),
    "ideal": ("unga_ideal_points.csv", "Idealpoint*.csv", "Idealpoint*.tab", "Idealpoint*.dta"),
    "democracy": ("democracy_state_year.csv", "V-Dem-CY-Core*.csv", "V-Dem-CY-Full*.csv"),
    "distance": ("min_distance_spells.csv", "cow_mindist.csv"),
    "contiguity": ("contiguity_spells.csv", "contdir.csv", "contdird.csv"),
    "capitals": ("capitals.csv", "cow_capitals.csv"),
    "rivalry": ("rivalries_thompson_sakuwa_suhas.csv", "tss_rivalries.csv", "rivalries_thompson_dreyer.csv"),
    "claims": ("territorial_claims_icow.csv", "ICOWprov*.csv", "ICOW*.dta"),
    "disputes": ("mid_cow5_participants.csv", "MIDB*.csv"),
    "atop": ("atop_members.csv", "atop5*m.csv"),
    "cow_alliances": (
        "cow_alliance_spells.csv",
        "alliance_v4*_by_directed*.csv",
        "alliance_v4*_by_dyad*.csv",
    ),
}
"""File names looked for in the data folder, in any case, plain or with .gz, the first that is there; of several that
fit a `*`, the last in the alphabet, which is the newest version."""


UNREAD = (
    ".xlsx",
    ".xls",
    ".ods",
    ".zip",
    ".rds",
    ".rdata",
    ".rda",
    ".sav",
    ".parquet",
    ".dta",
    ".tab",
    ".txt",
)


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
        raise DataError(
            f"the folder cannot be read: {error.strerror}", "Look at its rights", folder
        ) from None


__all__ = ["FILES", "READERS", "file_of", "unread"]

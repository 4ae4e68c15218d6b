"""Which file of a data folder holds which source, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from balance_sim.evidence.data import dyad_series, state_series
from balance_sim.evidence.data.agreements import read_outcomes
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.data.table import Read

Reader = Callable[[Path], Read]

READERS: Mapping[str, Reader] = {
    "accords": read_outcomes,
    "capability": state_series.read_nmc,
    "ideal": state_series.read_ideal_points,
    "democracy": state_series.read_vdem,
    "distance": dyad_series.read_minimum_distance,
    "contiguity": dyad_series.read_contiguity,
    "capitals": dyad_series.read_capitals,
    "rivalry": dyad_series.read_rivalries,
    "claims": dyad_series.read_territorial_claims,
    "disputes": dyad_series.read_mid_participants,
    "atop": dyad_series.read_atop_members,
    "cow_alliances": dyad_series.read_cow_alliances,
}
FILES: Mapping[str, tuple[str, ...]] = {
    "accords": ("dcad_agreements.csv", "DCAD*main*.csv", "accords.csv"),
    "capability": (
        *("nmc_state_year.csv", "NMC*abridged*.csv", "NMC*.csv", "NMC*.dta"),
    ),
    "ideal": (
        *("unga_ideal_points.csv", "Idealpoint*.csv"),
        *("Idealpoint*.tab", "Idealpoint*.dta"),
    ),
    "democracy": (
        *("democracy_state_year.csv", "V-Dem-CY-Core*.csv", "V-Dem-CY-Full*.csv"),
    ),
    "distance": ("min_distance_spells.csv", "cow_mindist.csv"),
    "contiguity": ("contiguity_spells.csv", "contdir.csv", "contdird.csv"),
    "capitals": ("capitals.csv", "cow_capitals.csv"),
    "rivalry": (
        *("rivalries_thompson_sakuwa_suhas.csv", "tss_rivalries.csv"),
        "rivalries_thompson_dreyer.csv",
    ),
    "claims": ("territorial_claims_icow.csv", "ICOWprov*.csv", "ICOW*.dta"),
    "disputes": ("mid_cow5_participants.csv", "MIDB*.csv"),
    "atop": ("atop_members.csv", "atop5*m.csv"),
    "cow_alliances": (
        *("cow_alliance_spells.csv", "alliance_v4*_by_directed*.csv"),
        "alliance_v4*_by_dyad*.csv",
    ),
}
"""File names looked for in the data folder, in any case, plain or with .gz, the first
that is there; of several that fit a `*`, the last in the alphabet, which is the newest
version."""


def file_of(folder: Path, name: str) -> tuple[Path | None, tuple[str, ...]]:
    """The file of a source, and the names of others that would have done too."""
    listing = list_files(folder)
    for pattern in FILES[name]:
        matches = [path for path in listing if is_match(path, pattern)]
        if matches:
            return matches[-1], tuple(path.name for path in matches[:-1])
    return None, ()


def is_match(path: Path, pattern: str) -> bool:
    """Whether a file's name fits a pattern, in any case, plain or with .gz."""
    return fnmatch(path.name.lower().removesuffix(".gz"), pattern.lower())


def list_files(folder: Path) -> list[Path]:
    """The files of a folder by name; of two with one name the plain one last. Raises
    DataError."""
    try:
        files = [path for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror}"
        raise DataError(message, "Look at its rights", folder, code=NO_FILE) from None
    return sorted(files, key=_plain_last)


def _plain_last(path: Path) -> tuple[str, bool]:
    return path.name.lower().removesuffix(".gz"), path.suffix != ".gz"

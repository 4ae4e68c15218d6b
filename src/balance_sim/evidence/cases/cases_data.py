"""What a case is drawn from: the series of a data folder, each read once, and what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.data_files import FILES, READERS, file_of
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Read
from balance_sim.scenario.actors import code_table, known

ORGANISATIONS = ("NATO", "EU", "SCO")
"""Named in tables of cases and of responses, and no states."""


@dataclass(frozen=True)
class Actor:
    """A state of a case. code: as the scenario has it, of the date where the case gives one (SUN, YUG, BUR);
    iso3: the code of the series; cows: its COW numbers through time; cow: the one that counts at the date."""

    code: str
    iso3: str
    name: str
    cows: tuple[int, ...]
    cow: int


def state_code(text: str) -> str | None:
    """The ISO3 code (also of a former state) that is meant, or None: COW's abbreviations (AUH, GMY) are read
    where they are no ISO code."""
    code = text.strip().upper()
    if code in code_table():
        return code
    table = codes.state_codes()
    found = sorted({*table.loc[(table["abbreviation"] == code) & (table["iso3"] != ""), "iso3"]})
    return found[0] if len(found) == 1 and found[0] in code_table() else None


def actor(code: str, on: date) -> Actor | None:
    """The state with that code; None if the code tables have no COW number for it."""
    iso3 = codes.current_iso3(code)
    table = codes.state_codes()
    spells = table[table["iso3"] == iso3].sort_values("start")
    if spells.empty:
        return None
    day = pd.Timestamp(on)
    now = spells[(spells["start"] <= day) & (spells["end"] >= day)]
    before = spells[spells["end"] < day]
    counts = now if len(now) else before.tail(1) if len(before) else spells.head(1)
    cows = tuple(int(cow) for cow in dict.fromkeys(spells["cow"]))
    return Actor(code, iso3, code_table()[code].name, cows, int(counts["cow"].iloc[-1]))


LONG_GAP = 20
"""Years without membership of the COW system, between two spells of it, after which a state had ceased to be
one: Korea 1905-49, the Baltic states 1940-91. A shorter one is an occupation that a government outlived."""


def is_state_in(code: str, year: int) -> str | None:
    """None if the code's state existed in that year, else why not, in words."""
    wrong = known(code, year)
    if wrong is not None:
        return wrong
    table = codes.state_codes()
    spells = table[table["iso3"] == codes.current_iso3(code)]
    last = spells[spells["start"].dt.year <= year]["end"].max()
    first = spells[spells["end"].dt.year >= year]["start"].min()
    if pd.isna(last) or pd.isna(first) or not last.year < year < first.year:
        return None
    gone = f"`{code}` ({code_table()[code].name}) was no member of the state system from {last.year} to {first.year}"
    return gone if first.year - last.year >= LONG_GAP else None


TITLES = {
    "accords": "defence cooperation agreements (DCAD)",
    "ideal": "ideal points",
    "democracy": "regime types",
    "distance": "minimum distances",
    "contiguity": "contiguity",
    "capitals": "capitals",
    "rivalry": "rivalries",
    "claims": "territorial claims",
    "disputes": "militarised disputes",
    "atop": "ATOP alliances",
    "cow_alliances": "COW alliances",
}


class Series:
    """The tables of a data folder, read when asked for. `notes` says which are not there."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.notes: list[str] = []
        self._read: dict[str, Read | None] = {}
        if self.folder.is_file():
            raise DataError("this is a file, not a folder of data", "Give the folder it lies in", self.folder)
        if not self.folder.is_dir():
            raise DataError("there is no such folder", "Give the folder that holds the series", self.folder)

    def read(self, name: str) -> Read | None:
        """A series by the panel's name for it (`capability`, `atop`, ...), or None with a note."""
        if name not in self._read:
            self._read[name] = self._find(name)
        return self._read[name]

    def _find(self, name: str) -> Read | None:
        path, _ = file_of(self.folder, name)
        if path is not None:
            return READERS[name](path)
        if name == "capability":
            wanted = " or ".join(FILES[name])
            raise DataError("there is no file of capabilities", f"Put {wanted} into the folder", self.folder)
        self.notes.append(f"The data folder has no {TITLES[name]}: missing throughout.")
        return None


def placed(frame: pd.DataFrame, actors: Sequence[Actor]) -> pd.DataFrame:
    """Rows whose two COW numbers belong to two of the actors, with their codes a < b."""
    code_of = {cow: one.code for one in actors for cow in one.cows}
    a, b = frame["cow_a"].map(code_of), frame["cow_b"].map(code_of)
    inside = a.notna() & b.notna() & (a != b)
    a, b = a[inside].astype(str), b[inside].astype(str)
    return frame[inside].assign(a=a.where(a < b, b), b=b.where(a < b, a))

"""Who may be named where: codes of states, the roster, actors outside it, and groups
that stand for their members.

The table of codes beside this module: ISO 3166-1 alpha-3 with alpha-2 and numeric, ISO
3166-3 for states that no longer exist, Correlates of War (COW) numbers and years from
State System Membership v2016. `from` and `until` are the first and the last year of the
code's state, gaps ignored. A successor keeps its code back in time (RUS before 1992,
SRB before 2006), so RUS and SUN are two ways to write one state.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from balance_sim.scenario.diagnostics import closest, listed, refusal, shown
from balance_sim.scenario.files import shipped_text

_TOTALS = ("total", "totals", "sum", "all", "world", "average", "mean", "others")
FREE_CODE = re.compile(r"AA[A-Z]|Q[M-Z][A-Z]|X[A-WYZ][A-Z]|ZZ[A-Z]")
_WORD = re.compile(r"(?=.*[a-z])[A-Za-z][A-Za-z0-9_]{2,31}")
_SUCCESSORS = {
    "SUN": "RUS",
    "YUG": "SRB",
    "SCG": "SRB",
    "DDR": "DEU",
    "BUR": "MMR",
    "ZAR": "COD",
    "CSK": "CZE",
}
_COW_IN_THE_PAST = {365: "SUN", 345: "YUG"}
"""Numbers that a state which is gone shares with the one that followed it."""
_OLDER_COW = {260: "DEU", 678: "YEM"}
"""Numbers of West Germany and North Yemen, whose codes Germany and Yemen keep."""


class Code(NamedTuple):
    """One state as the code tables have it; years are None where the tables set no
    bound."""

    iso3: str
    iso2: str
    numeric: int | None
    cow: int | None
    name: str
    other_names: tuple[str, ...]
    first: int | None
    last: int | None

    def existed_in(self, year: int) -> bool:
        """Whether the state existed at some time of that year; where the tables set no
        bound it did."""
        return (self.first or year) <= year <= (self.last or year)


@cache
def code_table() -> dict[str, Code]:
    """Every known code, by ISO3."""
    text = shipped_text("balance_sim.scenario", "codes.csv")
    return {
        row["iso3"]: Code(
            row["iso3"],
            row["iso2"],
            _number(row["numeric"]),
            _number(row["cow"]),
            row["name"],
            tuple(filter(None, row["other_names"].split(";"))),
            _number(row["from"]),
            _number(row["until"]),
        )
        for row in csv.DictReader(text.splitlines())
    }


def _number(cell: str) -> int | None:
    """The number in a cell; None where it is empty."""
    return int(cell) if cell else None


def of_cow_number(number: int, year: int | None = None) -> str | None:
    """The ISO3 code of a COW number, None if no state has it.

    year: in which the number is used. 365 is the Soviet Union's in 1950, and Russia's
    in 2020 or where no year is given."""
    state = _COW_IN_THE_PAST.get(number)
    if state and year is not None and code_table()[state].existed_in(year):
        return state
    codes = {code.cow: code.iso3 for code in reversed(code_table().values())}
    return _OLDER_COW.get(number, codes.get(number))


def is_invented(code: str) -> bool:
    """Whether a code may stand for a state that does not exist.

    That is one that ISO 3166 leaves to its users (AAA..AAZ, QMA..QZZ, XAA..XZZ without
    XX*, ZZA..ZZZ), or a word of one's own: 3 to 32 letters, digits and `_`, a small
    letter among them, that are no real state's code or name."""
    folded = code.casefold().replace("_", " ")
    is_word = _WORD.fullmatch(code) and folded not in (*_TOTALS, *_spellings())
    return bool(FREE_CODE.fullmatch(code) or is_word)


def may_be_state(code: str) -> bool:
    """Whether a code names a state, or may stand for one that does not exist."""
    return code in code_table() or is_invented(code)


def known(code: str, year: int | None = None) -> str | None:
    """None if `code` names a state (that existed in `year`); else what is wrong, in
    words."""
    entry = code_table().get(code)
    if entry is None:
        return f"unknown state `{shown(code)}`"
    if year is None or entry.existed_in(year):
        return None
    years = f"{entry.first}..{entry.last}" if entry.last else f"from {entry.first}"
    return f"`{code}` ({entry.name}) is valid {years}, not in {year}"


def successor(code: str) -> str:
    """The next step for a code that was not valid in a year: the state that followed
    or went before, if there is one."""
    return f"use `{_SUCCESSORS[code]}`" if code in _SUCCESSORS else "check it"


@cache
def _spellings() -> dict[str, tuple[str, str]]:
    """Error code and ISO3 code by what a state is called elsewhere, in small letters:
    other codes (E301) and names (E302). Of a name that two have had, the state that
    still exists."""
    spellings: dict[str, tuple[str, str]] = {}
    for entry in sorted(code_table().values(), key=lambda entry: bool(entry.last)):
        for text in filter(None, (entry.iso3, entry.iso2)):
            spellings.setdefault(text.casefold(), ("E301", entry.iso3))
        for text in (entry.name, *entry.other_names):
            spellings.setdefault(text.casefold(), ("E302", entry.iso3))
    return spellings


def explain(written: object, names: Collection[str]) -> tuple[str, str, str]:
    """Error code, message and next step for what is no state's code.

    Parameters
    ----------
    written : whatever stands in the place of a code
    names : of the scenario's own states and groups, one of which may be meant

    Returns
    -------
    tuple : E302 for the name of a state, E303 for a number, else E301

    Examples
    --------
    >>> explain("Japan", ())
    ('E302', 'unknown state `Japan`', 'use `JPN`')
    """
    text, spellings = shown(written), _spellings()
    folded = text.strip(" :").casefold().replace("_", " ")
    if folded in _TOTALS:
        return "E301", f"`{text}` is not a state", "remove what is a sum of others"
    error, near = "E303" if text.isdigit() else "E301", closest(text, names)
    words = [spelling for spelling in spellings if len(spelling) > 2]
    match = folded if folded in spellings else closest(text, words, cutoff=0.8)
    if match is not None and (near is None or match == folded):
        error, near = spellings[match]
    options = "ISO3 codes, as `USA`"
    if any(map(is_invented, names)):
        options = f"one of {listed(sorted(names))}"
    hint = f"use `{near}`" if near else f"use {options}"
    return error, f"unknown state `{text}`", hint


def code_of(word: str, names: Mapping[str, str] | None = None) -> str | None:
    """The code of a state that is called so, in a scenario or elsewhere; None where
    none is.

    Parameters
    ----------
    word : a code or a name, in whatever case
    names : codes by name of the scenario's own states; what stands behind in brackets
        may be left out

    Examples
    --------
    >>> code_of("South Korea"), code_of("UK"), code_of("Atlantis")
    ('KOR', 'GBR', None)
    """
    folded = " ".join(word.replace("_", " ").split()).casefold()
    own = {}
    for name, code in (names or {}).items():
        own[name.casefold()] = code
        own.setdefault(name.partition(" (")[0].casefold(), code)
    if folded in own:
        return own[folded]
    return _spellings().get(folded, ("", None))[1]


# --- the names of a scenario ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What the pieces of a scenario may refer to; groups hold their members in the
    roster, sorted.

    is_whole: False if a state could not be read; then nothing is said of a name that is
    not among the others."""

    roster: frozenset[str]
    outside: frozenset[str]
    groups: dict[str, tuple[str, ...]]
    kinds: tuple[str, ...]
    event_kinds: tuple[str, ...]
    is_whole: bool = True

    @property
    def key(self) -> Hashable:
        """What tells these names from others."""
        groups, kinds = (*self.groups.items(),), (self.kinds, self.event_kinds)
        return self.roster, self.outside, groups, kinds, self.is_whole

    @property
    def heeded(self) -> tuple[str, ...]:
        """Kinds of event that an audience may heed more or less."""
        return ("default", *self.event_kinds)

    def check_new(self, code: object) -> None:
        """Raise the error of pydantic for what is neither a state's code nor one that
        may be invented, with the one that was probably meant."""
        if not may_be_state(str(code)):
            raise refusal(*explain(code, ()))

    def check_outside(self, code: object) -> None:
        """Raise the error of pydantic for what can be no actor outside the roster."""
        if code in self.roster:
            raise refusal("E306", f"`{code}` is a state already", "remove it here")
        self.check_new(code)

    def check_group(self, name: str) -> None:
        """Raise the error of pydantic for a group that is called as a state is."""
        if name in code_table() or name in self.roster:
            raise refusal("E015", f"`{name}` is a state's code", "take another name")

    def check_member(self, code: object) -> None:
        """Raise the error of pydantic for a member of a group that is no state, of the
        roster or another: groups hold no groups."""
        if code not in self.roster and code not in code_table():
            raise refusal(*explain(code, self.roster))

    def check(
        self, code: object, *, outside: bool = False, groups: bool = False
    ) -> None:
        """Raise the error of pydantic for a code that names nobody here.

        Parameters
        ----------
        code : object
            That is checked.
        outside, groups : bool
            Whether actors outside the roster, and groups, may be named.
        """
        if not self.is_whole or code in self.roster:
            return
        if (outside and code in self.outside) or (groups and code in self.groups):
            return
        if code in self.groups:
            raise refusal("E307", f"`{code}` is a group", "name one state")
        if code in code_table() or code in self.outside:
            why = f"`{code}` is not among the {len(self.roster)} states"
            hint = f"add it to `states`{' or to `outside`' if outside else ''}"
            raise refusal("E307", why, hint)
        names = {*self.roster, *self.groups} if groups else self.roster
        raise refusal(*explain(code, names))

    def expanded(
        self, codes: Collection[str], taken: Collection[str]
    ) -> tuple[str, ...]:
        """Actors with their groups expanded, sorted. taken: actors that no group stands
        for here."""
        single = {code for code in codes if code not in self.groups}
        groups = [self.groups[code] for code in codes if code in self.groups]
        return tuple(sorted(single.union(*groups).difference({*taken} - single)))

"""Codes of states, and what was probably meant by something that is none.

The table beside this module: ISO 3166-1 alpha-3 with alpha-2 and numeric, ISO 3166-3 for states that no
longer exist, Correlates of War (COW) numbers and years from State System Membership v2016. `from` and `until`
are the first and the last year of the code's state, gaps ignored. A successor keeps its code back in time
(RUS before 1992, SRB before 2006), so RUS and SUN are two ways to write one state."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from balance_sim.scenario.problems import closest, listed, may_suggest, shown
from balance_sim.scenario.shipped import shipped_text

_TOTALS = frozenset(("total", "totals", "grand total", "sum", "all", "world", "average", "mean", "others"))
_INVENTED = re.compile(r"AA[A-Z]|Q[M-Z][A-Z]|X[A-WYZ][A-Z]|ZZ[A-Z]")


@dataclass(frozen=True, slots=True)
class Code:
    """One state as the code tables have it; years are None where the tables set no bound."""

    iso3: str
    iso2: str
    numeric: int | None
    cow: int | None
    name: str
    other_names: tuple[str, ...]
    first: int | None
    last: int | None

    def existed_in(self, year: int) -> bool:
        """Whether the state existed at some time of that year."""
        return (self.first is None or self.first <= year) and (self.last is None or year <= self.last)

    @property
    def years(self) -> str:
        """`1922..1991`, `from 2011`."""
        if self.last is None:
            return f"from {self.first}"
        return f"{self.first}..{self.last}"


@cache
def code_table() -> dict[str, Code]:
    """Every known code, by ISO3."""
    text = shipped_text("balance_sim.scenario", "codes.csv")

    def number(cell: str) -> int | None:
        return int(cell) if cell else None

    return {
        row["iso3"]: Code(
            row["iso3"],
            row["iso2"],
            number(row["numeric"]),
            number(row["cow"]),
            row["name"],
            tuple(row["other_names"].split(";")) if row["other_names"] else (),
            number(row["from"]),
            number(row["until"]),
        )
        for row in csv.DictReader(text.splitlines())
    }


def is_invented(code: str) -> bool:
    """Codes that ISO 3166 leaves to its users (AAA..AAZ, QMA..QZZ, XAA..XZZ without XX*, ZZA..ZZZ)."""
    return _INVENTED.fullmatch(code) is not None


def known(code: str, year: int | None = None) -> str | None:
    """None if `code` names a state (that existed in `year`); else what is wrong, in words."""
    entry = code_table().get(code)
    if entry is None:
        return f"unknown state `{shown(code)}`"
    if year is not None and not entry.existed_in(year):
        return f"`{code}` ({entry.name}) is valid {entry.years}, not in {year}"
    return None


Explanation = tuple[str, str, str]


def explain(written: object, roster: Collection[str]) -> Explanation:
    """Error code, message and suggestion for something that is no state's code."""
    text = shown(written)
    exact = explain_exactly(written, roster)
    if text.strip(" :").casefold() in _TOTALS:
        return "E301", f"`{text}` is no state", "remove what is a sum of others"
    if exact or not may_suggest():
        return exact or ("E301", f"unknown state `{text}`", "use ISO3 codes")
    return _explain_near_name(text) or _explain_misspelling(text, roster)


def explain_exactly(written: object, roster: Collection[str]) -> Explanation | None:
    """The same for what is some state's number, ISO2 code, name, or code in other letters; else None."""
    text = shown(written)
    if (isinstance(written, int) and not isinstance(written, bool)) or (text.isascii() and text.isdigit()):
        return _explain_number(int(str(written)[:9]))
    tidy = text.strip().upper()
    if tidy in code_table() or tidy in roster:
        return "E301", f"unknown state `{text}`", f"did you mean `{tidy}`?"
    entry = _by_iso2().get(tidy)
    if entry is not None:
        return "E301", f"`{text}` is the ISO2 code of {entry.name}", f"use ISO3 `{entry.iso3}`"
    return _explain_name(text) if may_suggest() else None


def _explain_number(number: int) -> Explanation:
    table = code_table().values()
    cow = [entry for entry in table if entry.cow == number]
    numeric = [entry for entry in table if entry.numeric == number]
    readings = [f"{entry.iso3} in COW numbers" for entry in cow]
    readings += [f"{entry.iso3} in ISO numeric codes" for entry in numeric]
    found = list(dict.fromkeys(entry.iso3 for entry in cow + numeric))
    is_what = f"is {' and '.join(readings)}, not" if readings else "is not"
    hint = "use ISO3 " + " or ".join(f"`{code}`" for code in found) if found else "use ISO3 codes, e.g. `USA`"
    return "E303", f"`{number}` {is_what} an ISO3 code", hint


@cache
def _by_iso2() -> dict[str, Code]:
    return {entry.iso2: entry for entry in code_table().values() if entry.iso2}


@cache
def _by_name() -> dict[str, Code]:
    """Codes by name and other names; where two share one, the state that still exists."""
    entries = sorted(code_table().values(), key=lambda entry: entry.last is None)
    return {name: entry for entry in entries for name in (entry.name, *entry.other_names)}


def _explain_name(text: str) -> Explanation | None:
    folded = text.strip().casefold()
    word = re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
    now = [entry for entry in code_table().values() if entry.last is None]
    sharing = [entry for entry in now if len(folded) > 3 and word.search(entry.name.casefold())]
    if len(sharing) > 1:
        codes = listed(entry.iso3 for entry in sharing)
        return "E305", f"`{text}` is ambiguous: {codes}", "write the ISO3 code that is meant"
    for name, entry in _by_name().items():
        if folded == name.casefold():
            return _use(text, entry)
    return _use(text, sharing[0]) if sharing else None


def _explain_near_name(text: str) -> Explanation | None:
    near = closest(text, _by_name(), cutoff=0.8) if len(text) > 4 else None
    return _use(text, _by_name()[near]) if near else None


def _use(text: str, entry: Code) -> Explanation:
    return "E302", f"`{text}` is a name, not a code", f"use `{entry.iso3}`"


def _explain_misspelling(text: str, roster: Collection[str]) -> Explanation:
    bare = re.sub(r"[^A-Za-z]", "", text).upper()
    if bare in roster or bare in code_table():
        near: str | None = bare
    else:
        near = closest(text, roster) or closest(text, code_table())
    return "E301", f"unknown state `{text}`", f"did you mean `{near}`?" if near else "use ISO3 codes"

"""Who may be named where: codes of states, the roster, actors outside it, and groups
that stand for their members.

The table of codes beside this module: ISO 3166-1 alpha-3 with alpha-2 and numeric, ISO
3166-3 for states that no longer exist, Correlates of War (COW) numbers and years from
State System Membership v2016. `from` and `until` are the first and the last year of the
code's state, gaps ignored. A successor keeps its code back in time (RUS before 1992,
SRB before 2006), so RUS and SUN are two ways to write one state."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import NamedTuple, TypeGuard

from balance_sim.scenario.diagnostics import (
    REFUSED,
    Diagnostics,
    Node,
    Refused,
    closest,
    did_you_mean,
    from_plain,
    iso_date,
    listed,
    may_suggest,
    shown,
)
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.layout import SECTIONS, names_in

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_REPORTED = 100
_RESERVED = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")
_TOTALS = frozenset(
    (
        "total",
        "totals",
        "grand total",
        "sum",
        "all",
        "world",
        "average",
        "mean",
        "others",
    )
)
_INVENTED = re.compile(r"AA[A-Z]|Q[M-Z][A-Z]|X[A-WYZ][A-Z]|ZZ[A-Z]")
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
        """Whether the state existed at some time of that year."""
        return (self.first is None or self.first <= year) and (
            self.last is None or year <= self.last
        )

    @property
    def years(self) -> str:
        """`1922..1991`, `from 2011`."""
        return (
            f"from {self.first}" if self.last is None else f"{self.first}..{self.last}"
        )


@cache
def code_table() -> dict[str, Code]:
    """Every known code, by ISO3."""
    table = {}
    for row in csv.DictReader(
        shipped_text("balance_sim.scenario", "codes.csv").splitlines()
    ):
        numeric, cow, first, last = (
            int(row[key]) if row[key] else None
            for key in ("numeric", "cow", "from", "until")
        )
        others = tuple(row["other_names"].split(";")) if row["other_names"] else ()
        table[row["iso3"]] = Code(
            row["iso3"], row["iso2"], numeric, cow, row["name"], others, first, last
        )
    return table


@cache
def _by_name() -> dict[str, Code]:
    """Codes by name and other names in small letters; where two share one, the state
    that still exists."""
    entries = sorted(code_table().values(), key=lambda entry: entry.last is None)
    return {
        name.casefold(): entry
        for entry in entries
        for name in (entry.name, *entry.other_names)
    }


def is_invented(code: str) -> bool:
    """Codes that ISO 3166 leaves to its users (AAA..AAZ, QMA..QZZ, XAA..XZZ without
    XX*, ZZA..ZZZ), and words."""
    return _INVENTED.fullmatch(code) is not None or is_word_of_ones_own(code)


def is_word_of_ones_own(code: str) -> bool:
    """3 to 32 letters, digits and `_`, a small letter among them, that are no real
    state's code or name."""
    is_taken = (
        code.upper() in code_table()
        or code.casefold() in _TOTALS
        or named(code) is not None
    )
    return _WORD.fullmatch(code) is not None and not is_taken


def named(text: str) -> Code | None:
    """The state of that name, in whatever letters."""
    return _by_name().get(text.replace("_", " ").strip().casefold())


def known(code: str, year: int | None = None) -> str | None:
    """None if `code` names a state (that existed in `year`); else what is wrong, in
    words."""
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
        return "E301", f"`{text}` is not a state", "remove what is a sum of others"
    if exact or not may_suggest():
        return exact or ("E301", f"unknown state `{text}`", "use ISO3 codes")
    if len(text) > 4 and (name := closest(text, _by_name(), cutoff=0.8)):
        return _is_a_name(text, _by_name()[name])
    bare = re.sub(r"[^A-Za-z]", "", text).upper()
    is_code = bare in roster or bare in code_table()
    near = bare if is_code else closest(text, roster) or closest(text, code_table())
    return (
        "E301",
        f"unknown state `{text}`",
        f"did you mean `{near}`?" if near else "use ISO3 codes",
    )


def explain_exactly(written: object, roster: Collection[str]) -> Explanation | None:
    """The same for what is some state's number, ISO2 code, name, or code in other
    letters; else None."""
    text = shown(written)
    if (isinstance(written, int) and not isinstance(written, bool)) or (
        text.isascii() and text.isdigit()
    ):
        return _explain_number(int(str(written)[:9]))
    upper = text.strip().upper()
    if upper in code_table() or upper in roster:
        return "E301", f"unknown state `{text}`", f"did you mean `{upper}`?"
    for entry in code_table().values():
        if upper and entry.iso2 == upper:
            return (
                "E301",
                f"`{text}` is the ISO2 code of {entry.name}",
                f"use ISO3 `{entry.iso3}`",
            )
    return _explain_name(text) if may_suggest() else None


def _explain_number(number: int) -> Explanation:
    table = code_table().values()
    readings = [(one.iso3, "COW numbers") for one in table if one.cow == number]
    readings += [
        (one.iso3, "ISO numeric codes") for one in table if one.numeric == number
    ]
    spoken = " and ".join(f"{code} in {kind}" for code, kind in readings)
    is_what = f"is {spoken}, not" if readings else "is not"
    found = " or ".join(f"`{code}`" for code in dict(readings))
    hint = f"use ISO3 {found}" if found else "use ISO3 codes, e.g. `USA`"
    return "E303", f"`{number}` {is_what} an ISO3 code", hint


def _explain_name(text: str) -> Explanation | None:
    folded = text.strip().casefold()
    word = re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
    now = [entry for entry in code_table().values() if entry.last is None]
    sharing = [
        entry for entry in now if len(folded) > 3 and word.search(entry.name.casefold())
    ]
    if len(sharing) > 1:
        codes = listed(entry.iso3 for entry in sharing)
        return (
            "E305",
            f"`{text}` is ambiguous: {codes}",
            "write the ISO3 code that is meant",
        )
    entry = named(text) or (sharing[0] if sharing else None)
    return None if entry is None else _is_a_name(text, entry)


def _is_a_name(text: str, entry: Code) -> Explanation:
    return "E302", f"`{text}` is a name, not a code", f"use `{entry.iso3}`"


# --- the names of a scenario ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows of a scenario may refer to; groups hold their members in the
    roster, sorted.

    is_whole: False if a state could not be read; then a known code is not held against
    anyone. line: where the roster begins, 0 if unknown."""

    roster: frozenset[str]
    outside: frozenset[str]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    kinds: tuple[str, ...]
    event_kinds: tuple[str, ...]
    is_whole: bool = True
    line: int = 0

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Groups by name."""
        return dict(self.groups)


def read_names(tree: Node, found: Diagnostics) -> Names:
    """The names that a file's tree defines; what is wrong with them goes to `found`."""
    start = iso_date(child.value) if (child := tree.get("start")) else None
    year = start.year if isinstance(start, date) else None
    states, before = tree.get("states"), len(found)
    roster = _roster(states, year, found)
    is_whole = (
        states is not None
        and len(found) == before
        and len(roster) == len(states.items) > 1
    )
    outside = _outside(tree.get("outside") or from_plain([]), roster, year, found)
    groups = _groups(tree.below("groups"), roster, found, is_whole=is_whole)
    kinds, event_kinds = (names_in(tree, head) for head in ("kinds", "event_kinds"))
    line, ordered = states.at.line if states else 0, tuple(sorted(groups.items()))
    return Names(
        frozenset(roster),
        frozenset(outside),
        ordered,
        kinds,
        event_kinds,
        is_whole,
        line,
    )


def check_identifier(text: object, node: Node, path: str, found: Diagnostics) -> None:
    """Ids go into file names and key paths: letters, digits, `_` and `-`, none that a
    system reserves."""
    if isinstance(text, str) and not IDENTIFIER.fullmatch(text):
        why, allowed = (
            f"`{shown(text)}` is not a valid identifier",
            "[A-Za-z0-9_-], 1 to 64 characters",
        )
        found.add(node.at, path, "E106", why, allowed=allowed)
    elif isinstance(text, str) and _RESERVED.fullmatch(text):
        found.add(
            node.at,
            path,
            "E106",
            f"`{text}` is a reserved name on some systems",
            "take another name",
        )


def _is_word(code: object) -> TypeGuard[str | int]:
    """Whether a value can be a code at all, right or wrong."""
    return isinstance(code, str | int) and not isinstance(code, bool)


def _roster(states: Node | None, year: int | None, found: Diagnostics) -> list[str]:
    roster: dict[str, Node] = {}
    for row in (states.items if states else ())[: SECTIONS["states"].most]:
        child = row.get("id")
        if child is None or child.value is REFUSED or child.value is None:
            continue
        code, path = child.value, f"states.{shown(child.value)}.id"
        if isinstance(code, str) and code in roster:
            why = f"`{code}` already defined at line {roster[code].mark.line}"
            found.add(child, path, "E015", why, "remove one")
            continue
        _check_code(child, path, year, found, row)
        if isinstance(code, str):
            roster[code] = child
    return list(roster)


def _check_code(
    node: Node, path: str, year: int | None, found: Diagnostics, row: Node | None = None
) -> None:
    """A code in the tables (in that year), or one of those left to users if its row
    says what it is."""
    code = node.value
    if not _is_word(code):
        return
    if isinstance(code, str) and is_invented(code):
        name = row.get("name") if row is not None else None
        is_word = is_word_of_ones_own(code)
        if (
            is_word and row is not None and not name
        ):  # the word is the name, unless it looks like a real state's
            code_or_name = explain(code, ())
            if code_or_name[0] in ("E302", "E305"):
                found.add(node, path, *code_or_name)
        elif code not in code_table() and row is not None and not name:
            hint = "an invented state needs a `name`; real ones have ISO3 codes"
            found.add(node, path, "E301", f"unknown state `{code}`", hint)
        elif name and is_word and (real := named(str(name.value))):
            found.add(
                node,
                path,
                "E301",
                f"`{code}` is not the code of {real.name}",
                f"use `{real.iso3}`",
            )
    elif isinstance(code, str) and code in code_table():
        if why := known(code, year):
            found.add(node, path, "E304", why, _at_the_time(code_table()[code], year))
    else:
        found.add(node, path, *explain(code, ()))


def _at_the_time(entry: Code, year: int | None) -> str:
    alike = [
        other
        for other in code_table().values()
        if other is not entry and other.cow == entry.cow
    ]
    others = [
        other.iso3
        for other in alike
        if year is not None and entry.cow and other.existed_in(year)
    ]
    others = (
        others or [_SUCCESSORS[entry.iso3]] if entry.iso3 in _SUCCESSORS else others
    )
    return (
        f"use {listed(f'`{other}`' for other in others)}" if others else "check `start`"
    )


def _outside(
    node: Node, roster: Collection[str], year: int | None, found: Diagnostics
) -> list[str]:
    if not isinstance(node.value, list | Refused):
        found.add(node, "outside", "E201", "expected a list of ISO3 codes")
    outside: dict[str, None] = {}
    for code, item, path in _words(node, "outside", outside, found):
        if code in roster:
            found.add(
                item,
                path,
                "E306",
                f"`{shown(code)}` is among the states already",
                "remove it here",
            )
        else:
            _check_code(item, path, year, found)
            outside |= {code: None} if isinstance(code, str) else {}
    return list(outside)


def _words(
    node: Node, path: str, taken: Collection[object], found: Diagnostics
) -> Iterator[tuple[str | int, Node, str]]:
    """What can be a code in a list, and where it stands; taken: those that were taken
    from it so far."""
    for at, item in enumerate(node.items):
        where = f"{path}[{at}]"
        if not _is_word(item.value):
            _no_code(item, where, found)
        elif item.value in taken:
            found.add(
                item, where, "E015", f"`{shown(item.value)}` given twice", "remove one"
            )
        else:
            yield item.value, item, where


def _no_code(item: Node, path: str, found: Diagnostics) -> None:
    if item.value is None:
        found.add(item, path, "E207", "value missing", "write an ISO3 code")
    elif item.value is not REFUSED:
        found.add(item, path, "E201", f"expected an ISO3 code, got {item.kind}")


def _groups(
    node: Node, roster: Collection[str], found: Diagnostics, *, is_whole: bool
) -> dict[str, tuple[str, ...]]:
    if not isinstance(node.value, dict | Refused):
        found.add(
            node, "groups", "E201", "expected a mapping of names to lists of codes"
        )
    groups: dict[str, tuple[str, ...]] = {}
    for name, members in node.fields.items():
        path = f"groups.{shown(name)}"
        check_identifier(name, members, path, found)
        if name in code_table() or name in roster:
            why = f"`{name}` is the code of a state"
            found.add(members.at, path, "E015", why, "give the group another name")
        if isinstance(members.value, list):
            groups[name] = _group_members(members, path, node.fields, roster, found)
            if not groups[name] and is_whole:
                why = f"group `{shown(name)}` has no member among the states"
                found.add(
                    members.at, path, "W308", why, "events that name it act on nothing"
                )
        elif members.value is not REFUSED:
            found.add(members, path, "E201", "expected a list of ISO3 codes")
    return groups


def _group_members(
    members: Node,
    path: str,
    groups: Collection[str],
    roster: Collection[str],
    found: Diagnostics,
) -> tuple[str, ...]:
    codes: set[object] = set()
    for code, item, where in _words(members, path, codes, found):
        if code in groups:
            why = f"`{shown(code)}` is a group; groups hold states only"
            found.add(item, where, "E301", why, "list its members")
        elif isinstance(code, str) and is_word_of_ones_own(code) and code not in roster:
            found.add(item, where, *explain(code, roster))
        else:
            if code not in roster:
                _check_code(item, where, None, found)
            codes |= {code} if isinstance(code, str) else set()
    return tuple(sorted(str(code) for code in codes if code in roster))


def one_actor(
    node: Node, path: str, names: Names, found: Diagnostics, *, outside: bool = False
) -> None:
    """A field that names one state of the roster (or, where `outside`, an actor outside
    it)."""
    code = node.value
    if (
        _is_word(code)
        and code not in names.roster
        and not (outside and code in names.outside)
    ):
        _not_among(node, path, names, found, groups=False, outside=outside)


def _not_among(
    node: Node,
    path: str,
    names: Names,
    found: Diagnostics,
    *,
    groups: bool,
    outside: bool = True,
) -> None:
    """Why the code is refused; nothing if it is a state's and the roster is not known
    whole."""
    code = node.value
    if not groups and code in names.members:
        found.add(node, path, "E307", f"`{code}` is a group", "name one state")
    elif isinstance(code, str) and not names.is_whole and is_invented(code):
        return
    elif isinstance(code, str) and (code in code_table() or code in names.outside):
        if not names.is_whole:
            return
        near = closest(code, names.roster)
        line = f" (line {names.line})" if names.line > 1 else ""
        hint = f"add it to `states`{' or to `outside`' if outside else ''}"
        hint = f"did you mean `{near}`? else {hint}" if near else hint
        found.add(
            node,
            path,
            "E307",
            f"`{code}` is not among the {len(names.roster)} states{line}",
            hint,
        )
    else:
        exact = explain_exactly(code, names.roster)
        group = (
            did_you_mean(str(code), names.members) if groups and exact is None else ""
        )
        said = (
            ("E301", f"unknown state or group `{shown(code)}`", group)
            if group
            else exact
        )
        found.add(node, path, *(said or explain(code, names.roster)))


def many_actors(
    node: Node,
    path: str,
    names: Names,
    found: Diagnostics,
    taken: Sequence[str] = (),
    *,
    outside: bool = True,
) -> Node:
    """A list of actors with its groups expanded, sorted; actors in `taken` are left out
    of groups.

    What is no list is handed back for the schema to refuse. outside: others than the
    roster may be named."""
    if not isinstance(node.value, list):
        return node
    wrong, is_known = Diagnostics(), True
    explicit: dict[str, Node] = {}
    expanded: dict[str, Node] = {}
    for at, item in enumerate(node.items):
        where, code, before = f"{path}[{at}]", item.value, len(wrong)
        if code is REFUSED:
            is_known = False
        elif not _is_word(code):
            _no_code(item, where, wrong)
        elif code in names.members:
            is_known = is_known and names.is_whole
            expanded |= {
                member: item
                for member in names.members[str(code)]
                if member not in taken
            }
        elif code in explicit:
            wrong.add(item, where, "E306", f"`{shown(code)}` named twice", "remove one")
        elif code in names.roster or (outside and code in names.outside):
            explicit[str(code)] = item
        else:
            _not_among(item, where, names, wrong, groups=True, outside=outside)
            is_known = is_known and len(wrong) > before
    if wrong or not is_known:
        found += wrong[:MOST_REPORTED]
        return node.with_value(REFUSED)
    both = {**expanded, **explicit}
    return node.with_value([both[code].with_value(code) for code in sorted(both)])

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
from functools import cache
from typing import NamedTuple

from balance_sim.scenario.diagnostics import (
    Diagnostics,
    closest,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.nodes import REFUSED, Node, Refused
from balance_sim.scenario.validation import IDENTIFIERS

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESERVED = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")
_TOTALS = frozenset(
    ["total", "totals", "sum", "all", "world", "average", "mean", "others"]
) | {"grand total"}
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
_OLDER_COW = {260: "DEU", 678: "YEM"}
"""Numbers of West Germany and North Yemen, whose codes Germany and Yemen keep."""
_PAST_COW = {365: "SUN", 345: "YUG"}
"""Numbers that a state which is gone shares with the one that followed it."""


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
        has_begun = self.first is None or self.first <= year
        return has_begun and (self.last is None or year <= self.last)

    @property
    def years(self) -> str:
        """`1922..1991`, `from 2011`."""
        return f"{self.first}..{self.last}" if self.last else f"from {self.first}"


@cache
def code_table() -> dict[str, Code]:
    """Every known code, by ISO3."""
    text = shipped_text("balance_sim.scenario", "codes.csv")
    table = {}
    for row in csv.DictReader(text.splitlines()):
        numeric, cow, first, last = [
            int(row[key]) if row[key] else None
            for key in ("numeric", "cow", "from", "until")
        ]
        others = tuple(filter(None, row["other_names"].split(";")))
        code = Code(
            row["iso3"], row["iso2"], numeric, cow, row["name"], others, first, last
        )
        table[code.iso3] = code
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


def named(text: str) -> Code | None:
    """The state of that name, in whatever letters."""
    return _by_name().get(text.replace("_", " ").strip().casefold())


def of_cow_number(number: int, year: int | None = None) -> str | None:
    """The ISO3 code of a COW number; in a year in which the Soviet Union or Yugoslavia
    existed, theirs."""
    past_state = code_table().get(_PAST_COW.get(number, ""))
    if past_state is not None and year is not None and past_state.existed_in(year):
        return past_state.iso3
    if number in _OLDER_COW:
        return _OLDER_COW[number]
    matches = [entry.iso3 for entry in code_table().values() if entry.cow == number]
    return matches[0] if matches else None


def is_invented(code: str) -> bool:
    """Codes that ISO 3166 leaves to its users (AAA..AAZ, QMA..QZZ, XAA..XZZ without
    XX*, ZZA..ZZZ), and words."""
    return _INVENTED.fullmatch(code) is not None or is_own_word(code)


def is_own_word(code: str) -> bool:
    """3 to 32 letters, digits and `_`, a small letter among them, that are no real
    state's code or name."""
    if _WORD.fullmatch(code) is None or code.casefold() in _TOTALS:
        return False
    return code.upper() not in code_table() and named(code) is None


def known(code: str, year: int | None = None) -> str | None:
    """None if `code` names a state (that existed in `year`); else what is wrong, in
    words."""
    entry = code_table().get(code)
    if entry is None:
        return f"unknown state `{shown(code)}`"
    if year is not None and not entry.existed_in(year):
        return f"`{code}` ({entry.name}) is valid {entry.years}, not in {year}"
    return None


def codes_at_the_time(code: str, year: int) -> str:
    """Which codes to write in a year instead of one that was not valid then."""
    entry = code_table()[code]
    codes = [
        iso3.iso3
        for iso3 in code_table().values()
        if entry.cow and iso3.cow == entry.cow and iso3.existed_in(year)
    ]
    if not codes and code in _SUCCESSORS:
        codes = [_SUCCESSORS[code]]
    return f"use {listed(f'`{iso3}`' for iso3 in codes)}" if codes else "check it"


class Explanation(NamedTuple):
    """Why something is no state's code: error code, message and next step."""

    code: str
    message: str
    suggestion: str


class Spelling(NamedTuple):
    """Another way to write a state: of which kind it is, and the state's code."""

    system: str
    iso3: str


_CODES = {"name": "E302", "COW number": "E303", "ISO number": "E303"}
"""Error codes by what was written in the place of a code."""


@cache
def _spellings() -> dict[str, list[Spelling]]:
    """States by what they are called elsewhere, in small letters."""
    spellings: dict[str, list[Spelling]] = {}
    for entry in code_table().values():
        texts = [
            ("ISO2 code", entry.iso2),
            ("code in other letters", entry.iso3),
            ("COW number", str(entry.cow or "")),
            ("ISO number", str(entry.numeric or "")),
        ]
        for system, text in texts:
            if text:
                spelling = Spelling(system, entry.iso3)
                spellings.setdefault(text.casefold(), []).append(spelling)
    for name, entry in _by_name().items():
        spellings.setdefault(name, []).append(Spelling("name", entry.iso3))
    return spellings


def explain(written: object, roster: Collection[str]) -> Explanation:
    """Why something is no state's code, with the one that was probably meant."""
    text = shown(written)
    if text.strip(" :").casefold() in _TOTALS:
        hint = "remove what is a sum of others"
        return Explanation("E301", f"`{text}` is not a state", hint)
    exact = explain_exactly(written, roster)
    if exact is not None:
        return exact
    name = closest(text, _by_name(), cutoff=0.8) if len(text) > 4 else None
    if name:
        return _meaning(text, [Spelling("name", _by_name()[name].iso3)])
    bare = re.sub(r"[^A-Za-z]", "", text).upper()
    near: str | None = bare
    if bare not in roster and bare not in code_table():
        near = closest(text, roster) or closest(text, code_table())
    hint = f"did you mean `{near}`?" if near else "use ISO3 codes, e.g. `USA`"
    is_number = isinstance(written, int) or text.isdigit()
    code = "E303" if is_number else "E301"
    return Explanation(code, f"unknown state `{text}`", hint)


def explain_exactly(written: object, roster: Collection[str]) -> Explanation | None:
    """The same for what is some state's number, ISO2 code, name or a part of one, or
    its code in other letters; else None."""
    text = shown(written)
    folded = text.strip().casefold()
    if folded.upper() in roster:
        return _meaning(text, [Spelling("code in other letters", folded.upper())])
    word = re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
    partial_names = [
        Spelling("name", entry.iso3)
        for entry in code_table().values()
        if entry.last is None and word.search(entry.name.casefold())
    ]
    is_part = len(folded) > 3 and len(partial_names) > 1
    spellings = partial_names if is_part else _spellings().get(folded)
    if spellings is None and len(folded) > 3:
        spellings = partial_names
    return _meaning(text, spellings) if spellings else None


def _meaning(text: str, spellings: Sequence[Spelling]) -> Explanation:
    """The explanation of one or several ways to read a text."""
    codes = list(dict.fromkeys(spelling.iso3 for spelling in spellings))
    systems = {spelling.system for spelling in spellings}
    readings = listed(f"{spelling.system} of {spelling.iso3}" for spelling in spellings)
    code = _CODES.get(spellings[0].system, "E301")
    if len(codes) > 1 and systems == {"name"}:
        code = "E305"
    hint = f"use {' or '.join(f'`{iso3}`' for iso3 in codes)}"
    return Explanation(code, f"`{text}` is no ISO3 code: {readings}", hint)


# --- the names of a scenario ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows of a scenario may refer to; groups hold their members in the
    roster, sorted.

    is_whole: False if a state could not be read; then a known code is not held against
    anyone."""

    roster: frozenset[str]
    outside: frozenset[str]
    groups: dict[str, tuple[str, ...]]
    kinds: tuple[str, ...]
    event_kinds: tuple[str, ...]
    is_whole: bool = True


def check_identifier(
    text: object, node: Node, path: str, problems: Diagnostics
) -> None:
    """Ids go into file names and key paths: letters, digits, `_` and `-`, none that a
    system reserves."""
    if not isinstance(text, str):
        return
    if not IDENTIFIER.fullmatch(text):
        why = f"`{shown(text)}` is not a valid identifier"
        bare = re.sub(r"[^A-Za-z0-9_-]+", "_", text.strip())[:64].strip("_")
        hint = f"write `{bare}`" if bare else ""
        problems.add(node.at, path, "E106", why, hint, IDENTIFIERS)
    elif _RESERVED.fullmatch(text):
        why = f"`{text}` is a reserved name on some systems"
        problems.add(node.at, path, "E106", why, "take another name")


def check_code(
    node: Node, path: str, problems: Diagnostics, row: Node | None = None
) -> None:
    """A code in the tables, or one of those left to users if its row says what it
    is."""
    code = node.value
    if not _can_be_code(code) or (isinstance(code, str) and code in code_table()):
        return
    if not (isinstance(code, str) and is_invented(code)):
        problems.add(node, path, *explain(code, ()))
    elif row is not None:
        _check_invented(code, node, path, row.value_of("name"), problems)


def _check_invented(
    code: str, node: Node, path: str, name: object, problems: Diagnostics
) -> None:
    """An invented code needs a name, unless it is a word; neither is a real state's."""
    if not is_own_word(code) and not name:
        hint = "an invented state needs a `name`; real ones have ISO3 codes"
        problems.add(node, path, "E301", f"unknown state `{code}`", hint)
    elif is_own_word(code) and not name:
        explanation = explain(code, ())
        if explanation.code in ("E302", "E305"):
            problems.add(node, path, *explanation)
    elif is_own_word(code) and (entry := named(str(name))):
        why = f"`{code}` is not the code of {entry.name}"
        problems.add(node, path, "E301", why, f"use `{entry.iso3}`")


def _can_be_code(code: object) -> bool:
    """Whether a value can be a code at all, right or wrong."""
    return isinstance(code, str | int) and not isinstance(code, bool)


def read_roster(states: Node, most: int, problems: Diagnostics) -> list[str]:
    """Codes of the states that are simulated."""
    roster: dict[str, Node] = {}
    for row in states.items[:most]:
        child = row.get("id")
        if child is None or child.value is REFUSED or child.value is None:
            continue
        code, path = child.value, f"states.{shown(child.value)}.id"
        if code in roster:
            why = f"`{code}` already defined at line {roster[code].mark.line}"
            problems.add(child, path, "E015", why, "remove one")
            continue
        check_code(child, path, problems, row)
        if isinstance(code, str):
            roster[code] = child
    return list(roster)


def read_outside(
    node: Node, roster: Collection[str], problems: Diagnostics
) -> list[str]:
    """Codes of actors that are named and not simulated."""
    if not isinstance(node.value, list | Refused):
        problems.add(node, "outside", "E201", "expected a list of ISO3 codes")
    outside: list[str] = []
    for item, path in _codes_in(node, "outside", problems):
        if item.value in roster:
            why = f"`{shown(item.value)}` is among the states already"
            problems.add(item, path, "E306", why, "remove it here")
            continue
        check_code(item, path, problems)
        if isinstance(item.value, str):
            outside.append(item.value)
    return outside


def _codes_in(
    node: Node, path: str, problems: Diagnostics
) -> Iterator[tuple[Node, str]]:
    """Items of a list that can be codes, each once, with their key paths."""
    codes: set[object] = set()
    for position, item in enumerate(node.items):
        item_path = f"{path}[{position}]"
        if not _can_be_code(item.value):
            _no_code(item, item_path, problems)
        elif item.value in codes:
            why = f"`{shown(item.value)}` given twice"
            problems.add(item, item_path, "E015", why, "remove one")
        else:
            codes.add(item.value)
            yield item, item_path


def _no_code(item: Node, path: str, problems: Diagnostics) -> None:
    if item.value is None:
        problems.add(item, path, "E207", "value missing", "write an ISO3 code")
    elif item.value is not REFUSED:
        problems.add(item, path, "E201", f"expected an ISO3 code, got {item.kind}")


def read_groups(
    node: Node, roster: Collection[str], problems: Diagnostics, *, is_whole: bool
) -> dict[str, tuple[str, ...]]:
    """Members in the roster of each group. is_whole: whether the roster is known
    whole."""
    if not isinstance(node.value, dict | Refused):
        why = "expected a mapping of names to lists of codes"
        problems.add(node, "groups", "E201", why)
    groups: dict[str, tuple[str, ...]] = {}
    for name, members in sorted(node.fields.items()):
        path = f"groups.{shown(name)}"
        check_identifier(name, members, path, problems)
        if name in code_table() or name in roster:
            why, hint = f"`{name}` is the code of a state", "give it another name"
            problems.add(members.at, path, "E015", why, hint)
        if members.value is REFUSED:
            continue
        if not isinstance(members.value, list):
            problems.add(members, path, "E201", "expected a list of ISO3 codes")
            continue
        groups[name] = _members(members, path, node.fields, roster, problems)
        if is_whole and not groups[name]:
            why = f"group `{shown(name)}` has no member among the states"
            hint = "events that name it act on nothing"
            problems.add(members.at, path, "W308", why, hint)
    return groups


def _members(
    members: Node,
    path: str,
    groups: Collection[str],
    roster: Collection[str],
    problems: Diagnostics,
) -> tuple[str, ...]:
    """Members of a group that are in the roster, sorted."""
    codes: list[str] = []
    for item, item_path in _codes_in(members, path, problems):
        code = item.value
        if code in roster:
            codes.append(code)
        elif code in groups:
            why = f"`{shown(code)}` is a group; groups hold states only"
            problems.add(item, item_path, "E301", why, "list its members")
        elif isinstance(code, str) and is_own_word(code):
            problems.add(item, item_path, *explain(code, roster))
        else:
            check_code(item, item_path, problems)
    return tuple(sorted(codes))


# --- actors in rows -------------------------------------------------------------------


def check_actor(
    node: Node,
    path: str,
    names: Names,
    problems: Diagnostics,
    *,
    outside: bool = False,
) -> None:
    """A field that names one state of the roster (or, where `outside`, an actor outside
    it)."""
    code = node.value
    is_named = code in names.roster if _can_be_code(code) else True
    if is_named or (outside and code in names.outside):
        return
    if code in names.groups:
        problems.add(node, path, "E307", f"`{code}` is a group", "name one state")
        return
    _not_among(node, path, names, problems, outside=outside)


def _not_among(
    node: Node, path: str, names: Names, problems: Diagnostics, *, outside: bool
) -> None:
    """Report why the code is refused; nothing if it is a state's and the roster is not
    known whole."""
    code = node.value
    is_text = isinstance(code, str)
    is_state = is_text and (code in code_table() or code in names.outside)
    if not names.is_whole and (is_state or (is_text and is_invented(code))):
        return
    if is_state:
        why = f"`{code}` is not among the {len(names.roster)} states"
        hint = f"add it to `states`{' or to `outside`' if outside else ''}"
        near = closest(code, names.roster)
        hint = f"did you mean `{near}`? else {hint}" if near else hint
        problems.add(node, path, "E307", why, hint)
        return
    exact = explain_exactly(code, names.roster)
    near_group = did_you_mean(str(code), names.groups) if exact is None else ""
    if near_group:
        why = f"unknown state or group `{shown(code)}`"
        problems.add(node, path, "E301", why, near_group)
    else:
        problems.add(node, path, *(exact or explain(code, names.roster)))


def expanded(
    node: Node,
    path: str,
    names: Names,
    problems: Diagnostics,
    taken: Collection[object] = (),
    *,
    outside: bool = True,
) -> Node:
    """A list of actors with its groups expanded, sorted; actors in `taken` are left out
    of groups.

    What is no list comes back for the schema to refuse. outside: others than the roster
    may be named."""
    if not isinstance(node.value, list):
        return node
    problem_count, is_known = len(problems), True
    single: dict[str, Node] = {}
    of_groups: dict[str, Node] = {}
    for position, item in enumerate(node.items):
        item_path, code = f"{path}[{position}]", item.value
        if not _can_be_code(code):
            _no_code(item, item_path, problems)
            is_known = is_known and code is not REFUSED
        elif code in names.groups:
            is_known = is_known and names.is_whole
            members = [name for name in names.groups[code] if name not in taken]
            of_groups |= dict.fromkeys(members, item)
        elif code in single:
            why = f"`{shown(code)}` named twice"
            problems.add(item, item_path, "E306", why, "remove one")
        elif code in names.roster or (outside and code in names.outside):
            single[code] = item
        else:
            _not_among(item, item_path, names, problems, outside=outside)
            is_known = False
    if len(problems) > problem_count or not is_known:
        return node.with_value(REFUSED)
    actors = {**of_groups, **single}
    return node.with_value([actors[code].with_value(code) for code in sorted(actors)])

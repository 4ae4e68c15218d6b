"""Who may be named where: the roster, actors outside it, and groups that stand for their members."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from balance_sim.scenario.cells import iso_date
from balance_sim.scenario.codes import (
    code_table,
    explain,
    explain_exactly,
    is_invented,
    known,
)
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import REFUSED, Node
from balance_sim.scenario.problems import Problem, closest, listed, problem, shown
from balance_sim.scenario.refusals import kind_of

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_REPORTED = 100
_RESERVED = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows of a scenario may refer to; groups hold their members in the roster, sorted.

    is_whole: False if a state could not be read; then a known code is not held against anyone.
    line: where the roster begins, 0 if unknown."""

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


def read_names(tree: Node) -> tuple[Names, list[Problem]]:
    """The names that a file's tree defines, and what is wrong with them."""
    problems: list[Problem] = []
    start = iso_date(child.value) if (child := tree.get("start")) else None
    year = start.year if isinstance(start, date) else None
    states = tree.get("states")
    roster = _roster(states, year, problems)
    is_whole = len(roster) > 1 and not problems and states is not None
    is_whole = is_whole and len(roster) == len(states.items if states else ())
    outside = _outside(tree.get("outside"), roster, year, problems)
    groups = _groups(tree.get("groups"), roster, problems, is_whole=is_whole)
    names = Names(
        frozenset(roster),
        frozenset(outside),
        tuple(sorted(groups.items())),
        _known(tree, "kinds"),
        _known(tree, "event_kinds"),
        is_whole,
        states.at.line if states else 0,
    )
    return names, problems


def _known(tree: Node, head: str) -> tuple[str, ...]:
    given = tree.get(head)
    return tuple(dict.fromkeys([*default_tree().fields[head].fields, *(given.fields if given else ())]))


def check_identifier(text: object, node: Node, path: str) -> list[Problem]:
    """Ids go into file names and key paths: letters, digits, `_` and `-`, none that a system reserves."""
    if not isinstance(text, str):
        return []
    if not IDENTIFIER.fullmatch(text):
        allowed = "[A-Za-z0-9_-], 1 to 64 characters"
        return [problem(node.at, path, "E106", f"`{shown(text)}` is no identifier", allowed)]
    if _RESERVED.fullmatch(text):
        why = f"`{text}` is a reserved name on some systems"
        return [problem(node.at, path, "E106", why, suggestion="take another name")]
    return []


def _roster(states: Node | None, year: int | None, problems: list[Problem]) -> list[str]:
    roster: dict[str, Node] = {}
    for row in (states.items if states else ())[: SECTIONS["states"].most]:
        child = row.get("id")
        if child is None or child.value is REFUSED or child.value is None:
            continue
        code = child.value
        path = f"states.{shown(code)}.id"
        if isinstance(code, str) and code in roster:
            first = roster[code].mark
            problems.append(
                problem(
                    child.mark,
                    path,
                    "E015",
                    f"`{code}` already defined at line {first.line}",
                    suggestion="remove one",
                )
            )
            continue
        wrong = _check_code(child, path, year, row)
        problems += wrong
        if isinstance(code, str):
            roster[code] = child
    return list(roster)


def _check_code(node: Node, path: str, year: int | None, row: Node | None = None) -> list[Problem]:
    """A code in the tables (in that year), or one of those left to users if its row says what it is."""
    code = node.value
    if not isinstance(code, str | int) or isinstance(code, bool):
        return []
    if isinstance(code, str) and is_invented(code):
        if code in code_table() or row is None or row.get("name"):
            return []
        hint = "an invented state needs a `name`; real ones have ISO3 codes"
        return [problem(node.mark, path, "E301", f"unknown state `{code}`", suggestion=hint)]
    if isinstance(code, str) and code in code_table():
        why = known(code, year)
        return [problem(node.mark, path, "E304", why, suggestion=_at_the_time(code, year))] if why else []
    number, message, hint = explain(code, ())
    return [problem(node.mark, path, number, message, suggestion=hint)]


def _at_the_time(code: str, year: int | None) -> str:
    entry = code_table()[code]
    others = [
        other.iso3
        for other in code_table().values()
        if other.iso3 != code
        and year is not None
        and other.existed_in(year)
        and other.cow
        and other.cow == entry.cow
    ]
    successor = {
        "SUN": "RUS",
        "YUG": "SRB",
        "SCG": "SRB",
        "DDR": "DEU",
        "BUR": "MMR",
        "ZAR": "COD",
        "CSK": "CZE",
    }
    others = others or [successor[code]] if code in successor else others
    return f"use {listed(f'`{other}`' for other in others)}" if others else "check `start`"


def _outside(
    node: Node | None, roster: Collection[str], year: int | None, problems: list[Problem]
) -> list[str]:
    if node is None or node.value is REFUSED:
        return []
    if not isinstance(node.value, list):
        problems.append(problem(node.mark, "outside", "E201", "expected a list of ISO3 codes"))
        return []
    found: dict[str, None] = {}
    for at, item in enumerate(node.items):
        path = f"outside[{at}]"
        if not isinstance(item.value, str | int) or isinstance(item.value, bool):
            problems += [] if item.value is REFUSED else [_no_code(item, path)]
        elif item.value in roster:
            why = f"`{shown(item.value)}` is among the states already"
            problems.append(problem(item.mark, path, "E306", why, suggestion="remove it here"))
        elif item.value in found:
            problems.append(
                problem(item.mark, path, "E015", f"`{shown(item.value)}` given twice", "", "remove one")
            )
        else:
            problems += _check_code(item, path, year)
            found |= {item.value: None} if isinstance(item.value, str) else {}
    return list(found)


def _no_code(item: Node, path: str) -> Problem:
    if item.value is None:
        return problem(item.mark, path, "E207", "value missing", suggestion="write an ISO3 code")
    return problem(item.mark, path, "E201", f"expected an ISO3 code, got {kind_of(item)}")


def _groups(
    node: Node | None, roster: Collection[str], problems: list[Problem], *, is_whole: bool
) -> dict[str, tuple[str, ...]]:
    if node is None or node.value is REFUSED:
        return {}
    if not isinstance(node.value, dict):
        problems.append(problem(node.mark, "groups", "E201", "expected a mapping of names to lists of codes"))
        return {}
    groups: dict[str, tuple[str, ...]] = {}
    for name, members in node.fields.items():
        path = f"groups.{shown(name)}"
        problems += check_identifier(name, members, path)
        if name in code_table() or name in roster:
            why = f"`{name}` is the code of a state"
            problems.append(problem(members.at, path, "E015", why, suggestion="give the group another name"))
        if not isinstance(members.value, list):
            if members.value is not REFUSED:
                problems.append(problem(members.mark, path, "E201", "expected a list of ISO3 codes"))
            continue
        groups[name] = _group_members(members, path, node.fields, roster, problems)
        if not groups[name] and is_whole:
            why = f"group `{shown(name)}` has no member among the states"
            problems.append(
                problem(members.at, path, "W308", why, suggestion="events that name it act on nothing")
            )
    return groups


def _group_members(
    members: Node, path: str, groups: Collection[str], roster: Collection[str], problems: list[Problem]
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for at, item in enumerate(members.items):
        where = f"{path}[{at}]"
        if not isinstance(item.value, str | int) or isinstance(item.value, bool):
            problems += [] if item.value is REFUSED else [_no_code(item, where)]
        elif item.value in groups:
            why = f"`{shown(item.value)}` is a group; groups hold states only"
            problems.append(problem(item.mark, where, "E301", why, suggestion="list its members"))
        elif item.value in found:
            problems.append(
                problem(item.mark, where, "E015", f"`{shown(item.value)}` given twice", "", "remove one")
            )
        elif isinstance(item.value, str):
            problems += [] if item.value in roster else _check_code(item, where, None)
            found[item.value] = None
        else:
            problems += _check_code(item, where, None)
    return tuple(sorted(code for code in found if code in roster))


def one_actor(node: Node, path: str, names: Names, *, outside: bool = False) -> list[Problem]:
    """A field that names one state of the roster (or, where `outside`, an actor outside it)."""
    code = node.value
    if code is None or code is REFUSED or isinstance(code, dict | list | bool | float):
        return []
    if code in names.roster or (outside and code in names.outside):
        return []
    return _not_among(node, path, names, groups=False, outside=outside)


def _not_among(node: Node, path: str, names: Names, *, groups: bool, outside: bool = True) -> list[Problem]:
    """Why the code is refused; nothing if it is a state's and the roster is not known whole."""
    code = node.value
    if not groups and code in names.members:
        return [problem(node.mark, path, "E307", f"`{code}` is a group", suggestion="name one state")]
    if isinstance(code, str) and not names.is_whole and is_invented(code):
        return []
    if isinstance(code, str) and (code in code_table() or code in names.outside):
        if not names.is_whole:
            return []
        near = closest(code, names.roster)
        why = f"`{code}` is not among the {len(names.roster)} states"
        why += f" (line {names.line})" if names.line > 1 else ""
        hint = f"add it to `states`{' or to `outside`' if outside else ''}"
        hint = f"did you mean `{near}`? else {hint}" if near else hint
        return [problem(node.mark, path, "E307", why, suggestion=hint)]
    exact = explain_exactly(code, names.roster)
    near = closest(str(code), names.members) if groups and exact is None else None
    if near:
        why = f"unknown state or group `{shown(code)}`"
        return [problem(node.mark, path, "E301", why, suggestion=f"did you mean `{near}`?")]
    number, message, hint = exact or explain(code, names.roster)
    return [problem(node.mark, path, number, message, suggestion=hint)]


def many_actors(
    node: Node, path: str, names: Names, taken: Sequence[str] = (), *, outside: bool = True
) -> tuple[Node, list[Problem]]:
    """A list of actors with its groups expanded, sorted; actors in `taken` are left out of groups.

    What is no list is handed back for the schema to refuse. outside: others than the roster may be named."""
    if not isinstance(node.value, list):
        return node, []
    problems: list[Problem] = []
    is_known = True
    explicit: dict[str, Node] = {}
    expanded: dict[str, Node] = {}
    for at, item in enumerate(node.items):
        where = f"{path}[{at}]"
        code = item.value
        if code is REFUSED:
            is_known = False
        elif not isinstance(code, str | int) or isinstance(code, bool):
            problems.append(_no_code(item, where))
        elif code in names.members:
            is_known = is_known and names.is_whole
            expanded |= {member: item for member in names.members[str(code)] if member not in taken}
        elif code in explicit:
            problems.append(
                problem(item.mark, where, "E306", f"`{shown(code)}` named twice", "", "remove one")
            )
        elif code in names.roster or (outside and code in names.outside):
            explicit[str(code)] = item
        else:
            wrong = _not_among(item, where, names, groups=True, outside=outside)
            problems += wrong
            is_known = is_known and bool(wrong)
    if problems or not is_known:
        return node.with_value(REFUSED), problems[:MOST_REPORTED]
    both = {**expanded, **explicit}
    return node.with_value([both[code].with_value(code) for code in sorted(both)]), []

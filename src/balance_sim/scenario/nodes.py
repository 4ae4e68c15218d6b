"""A tree of plain values that remembers where each was written, and single values as
people write them.

Nodes are never changed in place. Scalars follow the core schema of YAML 1.2: `NO` is
text, and what older readers took for octal, hexadecimal, sexagesimal or grouped numbers
is refused as ambiguous.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any, NamedTuple

from balance_sim.scenario.diagnostics import Mark, shown

NOWHERE = Mark("defaults.yaml", 1, 1)


class Refused:
    """Stands where a value was that has been reported already; nothing more is said
    about it."""


REFUSED = Refused()


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A value and its place.

    Attributes
    ----------
    value : object
        A scalar, a dict of nodes or a list of nodes.
    mark : Mark
        Where it begins.
    key : Mark, optional
        Where the key begins that names it.
    text : str
        How a scalar was written.
    quoted : bool
        Whether it was written in quotes.
    """

    value: Any
    mark: Mark
    key: Mark | None = None
    text: str = ""
    quoted: bool = False

    @property
    def fields(self) -> dict[str, Node]:
        """Children by key; empty if this is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """Children of a list; empty if this is no list."""
        return self.value if isinstance(self.value, list) else []

    def get(self, key: str) -> Node | None:
        """The child of that name, or None."""
        return self.fields.get(key)

    def below(self, key: str) -> Node:
        """The child of that name, or an empty mapping."""
        return self.fields.get(key) or Node({}, self.mark)

    def value_of(self, key: str) -> Any:
        """The value of the child of that name; None without one."""
        child = self.fields.get(key)
        return None if child is None else child.value

    @property
    def at(self) -> Mark:
        """Where to point when the trouble is that this key is here at all."""
        return self.key or self.mark

    def with_value(self, value: object) -> Node:
        """The same place with another value."""
        return Node(value, self.mark, self.key, self.text, self.quoted)

    def with_fields(self, changes: Mapping[str, Node]) -> Node:
        """This mapping with some children replaced or added."""
        return self.with_value({**self.fields, **changes})

    def without(self, *keys: str) -> Node:
        """This mapping without some children."""
        fields = {key: child for key, child in self.fields.items() if key not in keys}
        return self.with_value(fields)

    def at_path(self, path: str) -> Node | None:
        """The value at a key path of mappings, or None."""
        *sections, name = path.split(".")
        return reduce(Node.below, sections, self).get(name)

    def with_path(self, path: str, value: Node | None) -> Node:
        """This mapping with another value at a key path, or, for None, without any."""
        step, _, path_below = path.partition(".")
        if path_below:
            value = self.below(step).with_path(path_below, value)
        return self.without(step) if value is None else self.with_fields({step: value})

    @property
    def kind(self) -> str:
        """The value in words, for a message."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return f"number {shown(self.text or self.value)}"
        words = {type(None): "nothing", dict: "a mapping", list: "a list"}
        return words.get(type(self.value), f'text "{shown(self.text or self.value)}"')


def plain(node: Node) -> Any:
    """The value without its places: dicts, tuples and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return tuple([plain(child) for child in value])
    return value


def from_plain(value: Any, mark: Mark = NOWHERE) -> Node:
    """A tree of plain values, all at one place.

    Parameters
    ----------
    value : object
        Of mappings, models, lists, tuples, scalars of Python or NumPy, and nodes, which
        stay as they are.
    mark : Mark
        The place.

    Returns
    -------
    Node
        With scalars of Python.
    """
    if isinstance(value, Node):
        return value
    if hasattr(value, "model_fields_set"):
        value = dict(value)
    if isinstance(value, Mapping):
        fields = {str(key): from_plain(child, mark) for key, child in value.items()}
        return Node(fields, mark)
    if isinstance(value, list | tuple | set | frozenset):
        return Node([from_plain(child, mark) for child in value], mark)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return from_plain(value.tolist(), mark)
    is_text = isinstance(value, str | date)
    return Node(value, mark, text=str(value), quoted=is_text)


def merged(below: Node, above: Node) -> Node:
    """`above` laid over `below`: mappings merge key by key, anything else replaces."""
    if not (isinstance(below.value, dict) and isinstance(above.value, dict)):
        return above
    children = dict(below.fields)
    for key, child in above.fields.items():
        children[key] = merged(children[key], child) if key in children else child
    return above.with_value(children)


def descend(node: Node, steps: Sequence[object]) -> Node:
    """The deepest node along the steps that a file has: no default."""
    for step in steps:
        child = node.get(step) if isinstance(step, str) else None
        if isinstance(step, int) and step < len(node.items):
            child = node.items[step]
        if child is None or (child.mark is NOWHERE and node.mark is not NOWHERE):
            return node
        node = child
    return node


# --- scalars --------------------------------------------------------------------------

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_AMBIGUOUS = re.compile(
    r"[-+]?0(?:[oO][0-7]+|[xX][0-9a-fA-F]+|[bB][01]+)"  # of another base
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"  # grouped
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"  # sexagesimal
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_FIRST_OF_NUMBER = frozenset("+-.0123456789")
_NO_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_PERCENT = re.compile(r"([-+]?[0-9]*[.,]?[0-9]+) ?%")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[,' ][0-9]{3})+(?:\.[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+")
_INFINITE = ("nan", "inf", "infinity", "na")
LONGEST_NUMBER = 40

Scalar = bool | int | float | str | None


class Unclear(NamedTuple):
    """A scalar that is refused whatever was wanted: its error code, what is wrong, what
    to write."""

    code: str
    message: str
    suggestion: str


def iso_date(value: object) -> object:
    """A `date` from text YYYY-MM-DD; anything else comes back for the schema to
    refuse."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    return value


def hint_for_date(text: str) -> str:
    """What to write where text is no date: the form, or the days that the month has.

    Examples
    --------
    >>> hint_for_date("2025-02-30")
    '2025-02 has 28 days'
    """
    if not _ISO.fullmatch(text):
        return "write it as 2025-09-03"
    year, month = int(text[:4]), int(text[5:7])
    if not (year and 1 <= month <= 12):
        return "write year, month 01 to 12 and day, as 2025-09-03"
    return f"{text[:7]} has {monthrange(year, month)[1]} days"


def plain_scalar(text: str) -> Scalar | Unclear:
    """The value of unquoted text, by the core schema of YAML 1.2.

    Parameters
    ----------
    text : str
        As it is written.

    Returns
    -------
    bool, int, float, str, None or Unclear
        `Unclear` where two readers would disagree.

    Examples
    --------
    >>> plain_scalar("2.50"), plain_scalar("NO")
    (2.5, 'NO')
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST_OF_NUMBER:
        return text
    if _NO_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    is_number = _FLOAT.fullmatch(text) is not None
    is_unclear = _LEADING_ZERO.match(text) if is_number else _AMBIGUOUS.fullmatch(text)
    if is_unclear:
        why = f"ambiguous number `{shown(text, LONGEST_NUMBER)}`"
        return Unclear("E206", why, "write decimal digits, or quote it")
    if is_number and len(text) > LONGEST_NUMBER:
        return Unclear("E024", f"a number of {len(text)} digits", "write fewer digits")
    if is_number:
        return int(text) if _INTEGER.fullmatch(text) else float(text) + 0.0
    return text


def hint_for_number(text: str) -> tuple[str, str]:
    """What to say of text that stands where a number is wanted.

    Parameters
    ----------
    text : str
        As it is written.

    Returns
    -------
    str, str
        Error code and next step.

    Examples
    --------
    >>> hint_for_number("28,751")
    ('E205', 'write 28751, without commas')
    """
    bare = text.strip()
    if percent := _PERCENT.fullmatch(bare):
        share = float(percent[1].replace(",", ".")) / 100
        return "E205", f"write {share:g}"
    if _GROUPED.fullmatch(bare):
        mark = "commas" if "," in bare else "blanks"
        return "E205", f"write {re.sub("[,' ]", '', bare)}, without {mark}"
    if _DECIMAL_COMMA.fullmatch(bare):
        return "E205", f"use {bare.replace(',', '.')}"
    if bare.casefold().strip("+-.") in _INFINITE:
        return "E204", "a number must be finite; leave it out where it is missing"
    if isinstance(plain_scalar(bare), int | float):
        return "E201", "remove the quotes"
    return "E201", "write decimal digits, with a point"

"""A tree of plain values that remembers where each was written. Never changed in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from balance_sim.scenario.problems import Mark

NOWHERE = Mark("defaults.yaml", 1, 1)


class Refused:
    """Stands where a value was that has been reported already; nothing more is said about it."""


REFUSED = Refused()


class Node:
    """A value and its place. `value` is a scalar, a dict of nodes or a list of nodes.

    `key` is where the key stands that names it; `text` how a scalar was written, `quoted` if in quotes."""

    __slots__ = ("key", "mark", "quoted", "text", "value")

    def __init__(
        self, value: object, mark: Mark, *, key: Mark | None = None, text: str = "", quoted: bool = False
    ) -> None:
        self.value = value
        self.mark = mark
        self.key = key
        self.text = text
        self.quoted = quoted

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

    @property
    def at(self) -> Mark:
        """Where to point when the trouble is that this key is here at all."""
        return self.key or self.mark

    def with_value(self, value: object) -> Node:
        """The same place with another value."""
        return Node(value, self.mark, key=self.key, text=self.text, quoted=self.quoted)

    def with_fields(self, changes: Mapping[str, Node]) -> Node:
        """This mapping with some children replaced or added."""
        return self.with_value({**self.fields, **changes})

    def without(self, keys: Sequence[str]) -> Node:
        """This mapping without some children."""
        return self.with_value({name: child for name, child in self.fields.items() if name not in keys})


def plain(node: Node) -> object:
    """The value without its places: dicts, tuples and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return tuple([plain(child) for child in value])
    return value


def from_plain(value: object, mark: Mark = NOWHERE) -> Node:
    """A tree from dicts, lists, tuples and scalars, all at one place. NumPy scalars become Python's."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node({str(key): from_plain(child, mark) for key, child in value.items()}, mark)
    if isinstance(value, list | tuple | set | frozenset):
        return Node([from_plain(child, mark) for child in value], mark)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return from_plain(value.tolist(), mark)
    if isinstance(value, date):
        return Node(value, mark, text=value.isoformat(), quoted=True)
    return Node(value, mark, text=str(value), quoted=isinstance(value, str))


def merged(below: Node, above: Node) -> Node:
    """`above` laid over `below`: mappings merge key by key, anything else replaces."""
    if not (isinstance(below.value, dict) and isinstance(above.value, dict)):
        return above
    children = dict(below.fields)
    for key, child in above.fields.items():
        children[key] = merged(children[key], child) if key in children else child
    return above.with_value(children)


def has_refused(node: Node) -> bool:
    """True if something below was reported already."""
    return any(child.value is REFUSED for child in walk(node))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in (*node.fields.values(), *node.items):
        yield from walk(child)


def descend(node: Node, loc: Sequence[object]) -> Node:
    """The deepest node along `loc` that there is."""
    for step in loc:
        child = node.get(step) if isinstance(step, str) else None
        if isinstance(step, int) and step < len(node.items):
            child = node.items[step]
        if child is None:
            return node
        node = child
    return node

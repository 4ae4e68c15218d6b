"""YAML text becomes a tree of nodes with their places. Nothing but mappings, lists and
scalars is let in.

Tags, aliases, anchors, merge keys, duplicate keys and second documents are refused;
depth, size and the length of numbers are bounded, so no file can hang or blow up the
reader."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, ClassVar

import yaml
from cachetools import LRUCache

from balance_sim.scenario.diagnostics import (
    CONTROL,
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    check_printable,
    problem,
    refused,
    shown,
)
from balance_sim.scenario.nodes import REFUSED, Node, Unclear, plain_scalar

DEEPEST = 20
MOST_VALUES = 100_000
EXAMPLE = (
    "smallest scenario: `schema: 1`, `title`, `start`, `end`, `focal`, `states`, "
    "`events`, `arms`; `balance-sim new NAME` writes one to start from"
)
_TAB = re.compile(r"\s*\t")
_KEY_AND_VALUE = re.compile(
    r"^\s*(?:- +)?(?:\{ *)?(?P<key>[A-Za-z_][\w-]*):(?P<value>[^\s/:][^,}]*)"
)


OVERHEAD = 50
"""Added to the size of each result that is kept, so that small ones are not many."""


class FaultlessReadings[Value]:
    """The last results of reading in which nothing was wrong, up to a size together.

    What is handed out is shared: nobody may change it. Safe among threads."""

    def __init__(self, most: int) -> None:
        self._cache: LRUCache[Hashable, tuple[int, Value]]
        self._cache = LRUCache(most, itemgetter(0))
        self._guard = threading.Lock()

    def get(
        self,
        key: Hashable,
        size: int,
        problems: Diagnostics,
        read: Callable[[], Value],
    ) -> Value:
        """The result of `read`, or what it was for the same key before.

        Parameters
        ----------
        key : hashable
            All that the result follows from.
        size : int
            Of the result; one that is larger than all together may be is not kept.
        problems : Diagnostics
            Takes what `read` finds wrong; that is looked for again the next time.
        read : callable
        """
        with self._guard:
            entry = self._cache.get(key)
        if entry is None:
            count = len(problems)
            entry = size + OVERHEAD, read()
            if len(problems) == count:
                with self._guard, suppress(ValueError):  # larger than all may be
                    self._cache[key] = entry
        return entry[1]


_TREES = FaultlessReadings[Node](1 << 19)
"""Trees of documents, counted by the characters of their texts."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Takes every scalar for text: what it holds is told by `plain_scalar`."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


def read_document(text: str, file: str) -> tuple[Node, Diagnostics]:
    """The tree of one YAML document.

    Parameters
    ----------
    text : str
        Of the file.
    file : str
        As messages show it.

    Returns
    -------
    Node, Diagnostics
        The tree, and what is wrong with its values.

    Raises
    ------
    ScenarioError
        Where nothing more can be read.
    """
    problems = Diagnostics()
    tree = _TREES.get(
        (text, file), len(text), problems, lambda: _tree_of(text, file, problems)
    )
    return tree, problems


def _tree_of(text: str, file: str, problems: Diagnostics) -> Node:
    """The tree of a document. problems: takes what is wrong with its values."""
    check_printable(text, file)
    start = Mark(file, 1, 1)
    if file.endswith(".csv"):
        hint = "give the scenario that names it, as `states: {table: FILE}`"
        raise refused(start, "", "E010", "a table is no YAML file", hint)
    if text.count(",") + text.count("\n") > MOST_VALUES:
        why = f"more than {MOST_VALUES:,} values"
        raise refused(start, "", "E022", why, "move long lists to tables")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ScenarioError([_explain(error, text, file)]) from None
    if root is None:
        raise refused(start, "", "E004", "the file is empty", EXAMPLE)
    return _Reader(file, problems).node(root, "", 0)


def read_mapping(text: str, file: str, problems: Diagnostics) -> Node:
    """The tree of a document that is a mapping, as files are.

    Raises ScenarioError for another; what is wrong with its values goes to
    `problems`."""
    node, of_values = read_document(text, file)
    problems += of_values
    if not isinstance(node.value, dict):
        code = "E004" if node.value is None else "E012"
        raise refused(node, "", code, f"expected a mapping, got {node.kind}", EXAMPLE)
    return node


class _Reader:
    """Makes nodes of those of PyYAML.

    Attributes
    ----------
    file : str
        As messages show it.
    problems : Diagnostics
        What is wrong with keys and values.
    known : set
        Nodes of PyYAML that were met: an alias gives one again.
    """

    def __init__(self, file: str, problems: Diagnostics) -> None:
        self.file = file
        self.problems = problems
        self.known: set[yaml.Node] = set()

    def node(self, source: yaml.Node, path: str, depth: int) -> Node:
        """A node with all below it.

        Parameters
        ----------
        source : yaml.Node
            As PyYAML has it.
        path : str
            Its key path.
        depth : int
            Number of mappings and lists around it.
        """
        mark = self._mark(source, path, depth)
        if isinstance(source, yaml.ScalarNode):
            return self._scalar(source, path, mark)
        if isinstance(source, yaml.MappingNode):
            return Node(self._fields(source, path, depth + 1), mark)
        items = [
            self.node(item, f"{path}[{position}]", depth + 1)
            for position, item in enumerate(source.value)
        ]
        return Node(items, mark)

    def _mark(self, source: yaml.Node, path: str, depth: int) -> Mark:
        """Where a node begins. Raises ScenarioError for what makes it pointless to read
        on: an alias, a tag, too deep a nesting."""
        fault: Sequence[str] = ()
        if source in self.known:
            fault = "E020", "an alias refers to it", "repeat it"
        elif source.tag.rpartition(":")[2] not in ("map", "seq", "str"):
            why = f"YAML tags are not allowed (`{shown(source.tag)}`)"
            fault = "E023", why, "write plain values"
        elif depth >= DEEPEST and not isinstance(source, yaml.ScalarNode):
            fault = "E021", f"nesting deeper than {DEEPEST}"
        self.known.add(source)
        line, column = source.start_mark.line + 1, source.start_mark.column + 1
        mark = Mark(self.file, line, column)
        if fault:
            self.problems.add(mark, path, *fault)
            raise ScenarioError(self.problems)
        return mark

    def _fields(
        self, source: yaml.MappingNode, path: str, depth: int
    ) -> dict[str, Node]:
        """Children of a mapping; one whose key is refused is left out."""
        fields: dict[str, Node] = {}
        for key_source, value in source.value:
            is_scalar = isinstance(key_source, yaml.ScalarNode)
            text = key_source.value if is_scalar else ""
            key_path = f"{path}.{shown(text)}".lstrip(".")
            key = self.node(key_source, key_path, depth)
            fault = _fault_of_key(key, fields)
            if fault:
                self.problems.add(key, key_path, *fault)
            child = self.node(value, key_path, depth)
            child.key = key.mark
            if key.value == text and not fault:
                fields[text] = child
        return fields

    def _scalar(self, source: yaml.ScalarNode, path: str, mark: Mark) -> Node:
        """A single value. Digests are text, whatever they look like, and so is the
        theory `null`."""
        text, is_quoted = source.value, bool(source.style)
        is_text = is_quoted or path.endswith(("sha256", "theory.preset"))
        value: Any = text if is_text else plain_scalar(text)
        control = CONTROL.search(text) if is_quoted else None  # of an escape
        fault: Sequence[str] = value if isinstance(value, Unclear) else ()
        if control is not None:
            why = f"control character U+{ord(control.group()):04X}"
            fault = "E007", why, "remove it"
        if fault:
            self.problems.add(mark, path, *fault)
            value = REFUSED
        return Node(value, mark, text=text, quoted=is_quoted)


def _fault_of_key(key: Node, fields: Mapping[str, Node]) -> Sequence[str]:
    """Code, message and next step for what cannot stand as a key beside these fields;
    empty where it can, or was refused before."""
    if key.text == "<<" and not key.quoted:
        return "E020", "merge keys are not supported", "repeat the keys"
    if key.text in fields:
        line = fields[key.text].at.line
        return "E014", f"`{shown(key.text)}` already given at line {line}", "remove one"
    if key.value is REFUSED or (key.value and isinstance(key.value, str)):
        return ()
    text = shown(key.text)
    hint, earlier_key = "put it in quotes", [node.text for node in fields.values()][-1:]
    if key.text.isdigit() and earlier_key and earlier_key[0].isdigit():
        is_grouped = len(key.text) == 3 and earlier_key != ["0"]
        hint = f"a decimal comma is written as a point: {earlier_key[0]}.{text}"
        hint = f"write {earlier_key[0]}{text}, without a comma" if is_grouped else hint
    return "E105", f"keys must be text, got `{text}`", hint


def _explain(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """What a person can do about a text that YAML cannot read.

    Parameters
    ----------
    error : yaml.YAMLError
        That PyYAML raised.
    text : str
        That it could not read.
    file : str
        As messages show it.
    """
    mark = getattr(error, "problem_mark", None)
    row, column = (mark.line, mark.column) if mark else (0, 0)
    place, lines = Mark(file, row + 1, column + 1), [*text.splitlines(), ""]
    last = min(row, len(lines) - 1)
    if _TAB.match(lines[last]) or lines[last][column : column + 1] == "\t":
        return problem(place, "", "E010", "tab used for indentation", "use spaces")
    for number in range(last, max(-1, last - 3), -1):
        if match := _KEY_AND_VALUE.match(lines[number]):
            key, value = match["key"], match["value"]
            why = f"got text `{shown(f'{key}:{value}'.strip())}`"
            hint = f"write `{shown(key)}: {shown(value.strip())}`"
            place = Mark(file, number + 1, match.start("key") + 1)
            return problem(place, "", "E011", why, hint)
    if "single document" in str(error):
        return problem(place, "", "E013", "one document per file")
    if "nesting" in str(error):
        return problem(place, "", "E021", f"nesting deeper than {DEEPEST}")
    why = f"YAML cannot be read here: {shown(getattr(error, 'problem', error), 120)}"
    hint = "give a YAML file, such as `balance-sim new NAME` writes; check indentation"
    return problem(place, "", "E010", why, f"{hint}, brackets and quotes")

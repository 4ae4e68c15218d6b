"""YAML text becomes a tree of nodes with their places. Nothing but mappings, lists and
scalars is let in.

Tags, aliases, anchors, merge keys, duplicate keys and second documents are refused;
depth, size and the length of numbers are bounded, so no file can hang or blow up the
reader."""

from __future__ import annotations

import re
from typing import Any

import yaml

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
    "smallest file: `schema: 1`, `title`, `start`, `end`, `focal`, `states`, "
    "`events`, `arms`; `balance-sim new NAME` writes one to start from"
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Any = yaml.resolver.Resolver()
_KEY_AND_VALUE = re.compile(
    r"^\s*(?:- +)?(?:\{ *)?(?P<key>[A-Za-z_][\w-]*):(?P<value>[^\s/:][^,}]*)"
)


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
    check_printable(text, file)
    start = Mark(file, 1, 1)
    if text.count(",") + text.count("\n") > MOST_VALUES:
        why = f"more than {MOST_VALUES:,} values"
        raise refused(start, "", "E022", why, "move long lists to tables")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ScenarioError([_explain(error, text, file)]) from None
    if root is None:
        raise refused(start, "", "E004", "the file is empty", EXAMPLE)
    tree = _Tree(file)
    return tree.node(root, "", 0), tree.problems


def is_plain_text(text: str) -> bool:
    """Whether these words, written without quotes, are read as the same words."""
    try:
        node, problems = read_document(text, "")
    except ScenarioError:
        return False
    return not problems and isinstance(node.value, str) and node.value == text


class _Tree:
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

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems = Diagnostics()
        self.known: set[yaml.Node] = set()

    def mark(self, source: yaml.Node) -> Mark:
        """Where a node begins."""
        return Mark(self.file, source.start_mark.line + 1, source.start_mark.column + 1)

    def stop(self, source: yaml.Node, *words: str) -> ScenarioError:
        """The error for what makes it pointless to read on."""
        self.problems.add(self.mark(source), *words)
        return ScenarioError(self.problems)

    def check(self, source: yaml.Node, path: str, depth: int) -> None:
        """Raises ScenarioError for an alias, a tag, and too deep a nesting."""
        if source in self.known:
            raise self.stop(source, path, "E020", "an alias refers to it", "repeat it")
        self.known.add(source)
        is_plain = isinstance(source, yaml.ScalarNode) and not source.style
        tag = _RESOLVER.resolve(type(source), source.value, (is_plain, True))
        if source.tag != tag:
            why = f"YAML tags are not allowed (`{shown(source.tag)}`)"
            raise self.stop(source, path, "E023", why, "write plain values")
        if depth > DEEPEST:
            raise self.stop(source, path, "E021", f"nesting deeper than {DEEPEST}")

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
        if isinstance(source, yaml.ScalarNode):
            self.check(source, path, depth)
            return self.scalar(source, path)
        self.check(source, path, depth + 1)
        value: object = [
            self.node(item, f"{path}[{position}]", depth + 1)
            for position, item in enumerate(source.value)
            if isinstance(source, yaml.SequenceNode)
        ]
        if isinstance(source, yaml.MappingNode):
            value = self.fields(source, path, depth + 1)
        return Node(value, self.mark(source))

    def fields(self, source: yaml.Node, path: str, depth: int) -> dict[str, Node]:
        """Children of a mapping; one whose key is refused is left out."""
        fields: dict[str, Node] = {}
        for key, value in source.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.stop(key, path, "E105", "keys must be text")
            key_path = f"{path}.{shown(key.value)}".lstrip(".")
            is_key = self.is_key(key, key_path, fields)
            child = self.node(value, key_path, depth)
            child.key = self.mark(key)
            if is_key:
                fields[key.value] = child
        return fields

    def is_key(
        self, source: yaml.ScalarNode, path: str, fields: dict[str, Node]
    ) -> bool:
        """Whether a node may stand as a key beside fields that are there; why not is
        reported.

        Parameters
        ----------
        source : yaml.ScalarNode
            The key.
        path : str
            The key path that it would have.
        fields : dict of str to Node
            Children of the mapping so far.
        """
        key, problem_count, hint = source.value, len(self.problems), "put it in quotes"
        self.check(source, path, 0)
        node = self.scalar(source, path)
        if key == "<<" and not node.quoted:
            why, hint = "merge keys are not supported", "repeat the keys"
            self.problems.add(node, path, "E020", why, hint)
        elif key in fields:
            why = f"`{shown(key)}` already given at line {fields[key].at.line}"
            self.problems.add(node, path, "E014", why, "remove one")
        elif node.value is not REFUSED and not (isinstance(node.value, str) and key):
            last_text = [*fields.values()][-1].text if fields else ""
            if last_text.lstrip("-").isdigit() and key.isdigit():  # {beta: 0,5}
                hint = f"if this is a decimal comma, use {last_text}.{key}"
            why = f"keys must be text, got `{shown(key)}`"
            self.problems.add(node, path, "E105", why, hint)
        return len(self.problems) == problem_count

    def scalar(self, source: yaml.ScalarNode, path: str) -> Node:
        """A single value. Digests are text, whatever they look like, and so is the
        theory `null`."""
        text, is_quoted = source.value, bool(source.style)
        node = Node(text, self.mark(source), text=text, quoted=is_quoted)
        is_text = is_quoted or path.endswith(("sha256", "theory.preset"))
        value, control = text if is_text else plain_scalar(text), CONTROL.search(text)
        if isinstance(value, Unclear):
            self.problems.add(node, path, *value)
        elif control is not None:
            why = f"control character U+{ord(control.group()):04X}"
            self.problems.add(node, path, "E007", why, "remove it")
        else:
            return node.with_value(value)
        return node.with_value(REFUSED)


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
    reason = getattr(error, "problem", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    row, column = (mark.line, mark.column) if mark else (0, 0)
    place, lines = Mark(file, row + 1, column + 1), [*text.splitlines(), ""]
    last = min(row, len(lines) - 1)
    indent = re.match(r"\s*", lines[last])
    if indent and "\t" in indent.group() + lines[last][column : column + 1]:
        return problem(place, "", "E010", "tab used for indentation", "use spaces")
    for number in range(last, max(-1, last - 3), -1):
        match = _KEY_AND_VALUE.match(lines[number])
        if match:
            key_mark = Mark(file, number + 1, match.start("key") + 1)
            return no_space(key_mark, match["key"], match["value"])
    if "single document" in str(error):
        return problem(place, "", "E013", "one document per file")
    if "nesting" in reason:
        return problem(place, "", "E021", f"nesting deeper than {DEEPEST}")
    why = f"YAML cannot be read here: {shown(reason, 120)}"
    hint = "check indentation, brackets and quotes"
    if not file.endswith((".yaml", ".yml")):
        hint = "give a YAML file, such as `balance-sim new NAME` writes"
    return problem(place, "", "E010", why, hint)


def no_space(mark: Mark, key: str, value: str) -> Diagnostic:
    """The problem of `key:value` without the space that makes it a key."""
    why = f"got text `{shown(f'{key}:{value}'.strip())}`"
    hint = f"write `{shown(key)}: {shown(value.strip())}`"
    return problem(mark, "", "E011", why, hint)

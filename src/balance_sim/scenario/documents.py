"""YAML text becomes a tree of nodes with their places. Nothing but mappings, lists and
scalars is let in.

Tags, aliases, anchors, merge keys, duplicate keys and second documents are refused;
depth, size and the length of numbers are bounded, so no file can hang or blow up the
reader."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from balance_sim.scenario.diagnostics import (
    CONTROL,
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    problem,
    refused,
    shown,
)
from balance_sim.scenario.nodes import REFUSED, Node, Unclear, plain_scalar

DEEPEST = 20
MOST_NODES = 200_000
EXAMPLE = (
    "smallest file: `schema: 1`, `title`, `start`, `end`, `focal`, `states`, "
    "`events`, `arms`; `balance-sim new NAME` writes one to start from"
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEY_AND_VALUE = re.compile(
    r"^\s*(?:- +)?(?:\{ *)?(?P<key>[A-Za-z_][\w-]*):(?P<value>[^\s/:][^,}]*)"
)


def read_document(text: str, file: str) -> tuple[Node, Diagnostics]:
    """The tree of one YAML document, and what is wrong with its values.

    Raises ScenarioError where nothing more can be read."""
    _refuse_controls(text, file)
    composer = _Composer(text, file)
    try:
        root = composer.document()
    except yaml.YAMLError as error:
        raise ScenarioError([*composer.problems, _explain(error, text, file)]) from None
    if root is None:
        raise refused(Mark(file, 1, 1), "", "E004", "the file is empty", EXAMPLE)
    return root, composer.problems


def is_plain_text(text: str) -> bool:
    """Whether these words, written without quotes, are read as the same words."""
    try:
        node, problems = read_document(text, "")
    except ScenarioError:
        return False
    return not problems and isinstance(node.value, str) and node.value == text


class _Composer:
    """Composes nodes from the events of YAML. problems: what is wrong with values."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.events = yaml.parse(text, Loader=_Loader)
        self.problems = Diagnostics()
        self.count = 0

    def document(self) -> Node | None:
        """The one document of the text; None where there is none."""
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent) and event.tags:
                raise self.stop(event, "", "E023", "YAML tags are not allowed")
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self.stop(event, "", "E013", "one document per file")
            if isinstance(event, yaml.NodeEvent):
                root = self.node(event, "", 0)
        return root

    def mark(self, event: yaml.Event) -> Mark:
        """Where an event begins."""
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def stop(self, event: yaml.Event, *words: str) -> ScenarioError:
        """The error for what makes it pointless to read on."""
        self.problems.add(self.mark(event), *words)
        return ScenarioError(self.problems)

    def children(self) -> Iterator[yaml.Event]:
        """Events of what the open mapping or list holds."""
        for event in self.events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield event

    def refuse_reference(self, event: yaml.Event, path: str) -> None:
        """Raises ScenarioError for a node that has an anchor or a tag, or is an
        alias."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            why = f"anchors and aliases are not allowed (`{shown(anchor)}`)"
            raise self.stop(event, path, "E020", why, "repeat the value")
        if tag is not None:
            why = f"YAML tags are not allowed (`{shown(tag)}`)"
            raise self.stop(event, path, "E023", why, "write plain values")

    def node(self, event: yaml.Event, path: str, depth: int) -> Node:
        """A node with all below it. depth: of mappings and lists around it."""
        self.refuse_reference(event, path)
        self.count += 1
        if self.count > MOST_NODES:
            why = f"more than {MOST_NODES:,} values"
            raise self.stop(event, path, "E022", why, "move long lists to tables")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        if depth >= DEEPEST:
            raise self.stop(event, path, "E021", f"nesting deeper than {DEEPEST}")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self.fields(path, depth + 1), self.mark(event))
        items: list[Node] = []
        for child in self.children():
            items.append(self.node(child, f"{path}[{len(items)}]", depth + 1))
        return Node(items, self.mark(event))

    def fields(self, path: str, depth: int) -> dict[str, Node]:
        """Children of a mapping; one whose key is refused is left out."""
        fields: dict[str, Node] = {}
        events = self.children()
        for event in events:
            self.refuse_reference(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                raise self.stop(event, path, "E105", "keys must be text")
            key_path = f"{path}.{shown(event.value)}".lstrip(".")
            is_key = self.is_key(event, key_path, fields)
            child = self.node(next(events), key_path, depth)
            child.key = self.mark(event)
            if is_key:
                fields[event.value] = child
        return fields

    def is_key(
        self, event: yaml.ScalarEvent, path: str, fields: dict[str, Node]
    ) -> bool:
        """Whether it may stand as a key beside these fields."""
        key, mark, is_quoted = event.value, self.mark(event), bool(event.style)
        problem_count = len(self.problems)
        if key == "<<" and not is_quoted:
            hint = "use `extends:` or repeat the keys"
            self.problems.add(mark, path, "E020", "merge keys are not supported", hint)
        elif not key or not (is_quoted or isinstance(plain_scalar(key), str)):
            why, hint = f"keys must be text, got `{shown(key)}`", "put it in quotes"
            before = [*fields.values()][-1].text if fields else ""
            if before.lstrip("-").isdigit() and key.isdigit():  # {beta: 0,5}
                hint = f"if this is a decimal comma, use {before}.{key}"
            self.problems.add(mark, path, "E105", why, hint)
        elif key in fields:
            why = f"`{shown(key)}` already given at line {fields[key].at.line}"
            self.problems.add(mark, path, "E014", why, "remove one")
        else:
            self.refuse_control(key, mark, path)
        return len(self.problems) == problem_count

    def refuse_control(self, text: str, mark: Mark, path: str) -> None:
        """Report a control character in a text."""
        match = CONTROL.search(text)
        if match:
            why = f"control character U+{ord(match.group()):04X}"
            self.problems.add(mark, path, "E007", why, "remove it")

    def scalar(self, event: yaml.ScalarEvent, path: str) -> Node:
        """A single value. A digest is text, whatever it looks like."""
        text, mark, is_quoted = event.value, self.mark(event), bool(event.style)
        problem_count = len(self.problems)
        is_text = is_quoted or path.endswith("sha256")
        value = text if is_text else plain_scalar(text)
        if isinstance(value, Unclear):
            self.problems.add(mark, path, *value)
        else:
            self.refuse_control(text, mark, path)
        if len(self.problems) > problem_count:
            value = REFUSED
        return Node(value, mark, text=text, quoted=is_quoted)


def _refuse_controls(text: str, file: str) -> None:
    """Control characters anywhere in the text, outside of escapes."""
    match = CONTROL.search(text)
    if match:
        lines = re.split("\r\n|\r|\n", text[: match.start()])
        mark = Mark(file, len(lines), len(lines[-1]) + 1)
        why = f"control character U+{ord(match.group()):04X}"
        raise refused(mark, "", "E007", why, "remove it")


def _explain(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """What a person can do about a text that YAML cannot read."""
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
    if "depth" in reason or "nesting" in reason:
        return problem(place, "", "E021", f"nesting deeper than {DEEPEST}")
    why = f"YAML cannot be read here: {shown(reason, 120)}"
    return problem(place, "", "E010", why, "check indentation, brackets and quotes")


def no_space(mark: Mark, key: str, value: str) -> Diagnostic:
    """The problem of `key:value` without the space that makes it a key."""
    why = f"got text `{shown(f'{key}:{value}'.strip())}`"
    hint = f"write `{shown(key)}: {shown(value.strip())}`"
    return problem(mark, "", "E011", why, hint)

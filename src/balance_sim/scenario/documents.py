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
MOST_REFUSED = 500
EXAMPLE = (
    "smallest file: `schema: 1`, `title`, `start`, `end`, `focal`, `states`, "
    "`events`, `arms`; `balance-sim new NAME` writes one to start from"
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEY_AND_VALUE = re.compile(
    r"^\s*(?:- +)?(?:\{ *)?(?P<key>[A-Za-z_][\w-]*):(?P<value>[^\s/:][^,}]*)"
)
_CONFLICT = ("<<<<<<< ", "=======", ">>>>>>> ")


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
        why = "the file is empty"
        raise refused(Mark(file, 1, 1), "", "E004", why, EXAMPLE)
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

    def refuse(
        self, mark: Mark, path: str, code: str, message: str, hint: str = ""
    ) -> None:
        """A value is refused; the rest is read, up to MOST_REFUSED of them."""
        self.problems.add(mark, path, code, message, hint)
        if len(self.problems) > MOST_REFUSED:
            raise ScenarioError(self.problems)

    def stop(
        self, mark: Mark, path: str, code: str, message: str, hint: str = ""
    ) -> ScenarioError:
        """The error for what makes it pointless to read on."""
        self.problems.add(mark, path, code, message, hint)
        return ScenarioError(self.problems)

    def document(self) -> Node | None:
        """The one document of the text; None where there is none."""
        root = None
        for event in self.events:
            mark = self.mark(event)
            if isinstance(event, yaml.DocumentStartEvent) and event.tags:
                hint = "remove the %TAG line"
                raise self.stop(mark, "", "E023", "YAML tags are not allowed", hint)
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                why = f"one document per file; a second starts at line {mark.line}"
                raise self.stop(mark, "", "E013", why)
            if isinstance(event, yaml.NodeEvent):
                root = self.node(event, "", 0)
        return root

    def mark(self, event: yaml.Event) -> Mark:
        """Where an event begins."""
        start = event.start_mark
        if start is None:
            return Mark(self.file, 1, 1)
        return Mark(self.file, start.line + 1, start.column + 1)

    def children(self) -> Iterator[yaml.Event]:
        """Events of what the open mapping or list holds."""
        for event in self.events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield event

    def admitted(self, event: yaml.Event, path: str) -> Mark:
        """Where a node begins that is nothing but a mapping, a list or a scalar."""
        mark = self.mark(event)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            is_alias = isinstance(event, yaml.AliasEvent)
            event_type = "aliases" if is_alias else "anchors"
            sigil = "*" if is_alias else "&"
            why = f"{event_type} are not allowed (`{sigil}{shown(anchor)}`)"
            raise self.stop(mark, path, "E020", why, "repeat the value")
        if tag is not None:
            why = f"YAML tags are not allowed (`{shown(tag)}`)"
            raise self.stop(mark, path, "E023", why, "write plain values")
        return mark

    def node(self, event: yaml.Event, path: str, depth: int, key: str = "") -> Node:
        """A node with all below it. key: that names it."""
        mark = self.admitted(event, path)
        self.count += 1
        if self.count > MOST_NODES:
            why, hint = f"more than {MOST_NODES:,} values", "move long lists to tables"
            raise self.stop(mark, path, "E022", why, hint)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, mark, path, is_text=key == "sha256")
        if depth >= DEEPEST:
            raise self.stop(mark, path, "E021", f"nesting deeper than {DEEPEST}")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(mark, path, depth + 1)
        items: list[Node] = []
        for child in self.children():
            items.append(self.node(child, f"{path}[{len(items)}]", depth + 1))
        return Node(items, mark)

    def mapping(self, mark: Mark, path: str, depth: int) -> Node:
        """A mapping; a key that is refused is left out."""
        fields: dict[str, Node] = {}
        events = self.children()
        for event in events:
            key_mark = self.admitted(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                why = "keys must be text, got a list or a mapping"
                raise self.stop(key_mark, path, "E105", why)
            key = event.value
            key_path = f"{path}.{shown(key)}" if depth > 1 else shown(key)
            is_admitted = self.is_key(event, key_mark, key_path, fields)
            child = self.node(next(events), key_path, depth, key)
            child.key = key_mark
            if is_admitted:
                fields[key] = child
        return Node(fields, mark)

    def is_key(
        self, event: yaml.ScalarEvent, mark: Mark, path: str, fields: dict[str, Node]
    ) -> bool:
        """Whether it may stand as a key beside these fields."""
        key, is_quoted = event.value, event.style not in (None, "")
        if key == "<<" and not is_quoted:
            hint = "use `extends:` or repeat the keys"
            self.refuse(mark, path, "E020", "merge keys are not supported", hint)
        elif not key or not (is_quoted or isinstance(plain_scalar(key), str)):
            why, hint = f"keys must be text, got `{shown(key)}`", "put it in quotes"
            last_text = list(fields.values())[-1].text if fields else ""
            if last_text.lstrip("-").isdigit() and key.isdigit():  # {beta: 0,5}
                hint = f"if this is a decimal comma, use {last_text}.{key}"
            self.refuse(mark, path, "E105", why, hint)
        elif key in fields:
            why = f"`{shown(key)}` already given at line {fields[key].at.line}"
            self.refuse(mark, path, "E014", why, "remove one")
        else:
            return not self.has_controls(key, mark, path)
        return False

    def has_controls(self, text: str, mark: Mark, path: str) -> bool:
        """Whether a text holds control characters, which is refused."""
        match = CONTROL.search(text)
        if match:
            why = f"control character U+{ord(match.group()):04X}"
            self.refuse(mark, path, "E007", why, "remove it")
        return match is not None

    def scalar(
        self, event: yaml.ScalarEvent, mark: Mark, path: str, *, is_text: bool
    ) -> Node:
        """A single value. is_text: whatever it looks like."""
        text, is_quoted = event.value, event.style not in (None, "")
        value: object = text if is_quoted or is_text else plain_scalar(text)
        if isinstance(value, Unclear):
            self.refuse(mark, path, *value)
            value = REFUSED
        elif self.has_controls(text, mark, path):
            value = REFUSED
        return Node(value, mark, text=text, quoted=is_quoted)


def _refuse_controls(text: str, file: str) -> None:
    """Control characters anywhere in the text, outside of escapes."""
    match = CONTROL.search(text)
    if match:
        lines = re.split("\r\n|\r|\n", text[: match.start()])
        mark = Mark(file, len(lines), len(lines[-1]) + 1)
        why = f"control character U+{ord(match.group()):04X}"
        raise refused(mark, "", "E007", why, "remove it; in text write what is meant")


def _explain(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """What a person can do about a text that YAML cannot read."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    if mark is None:
        why = f"YAML cannot be read: {shown(reason, 120)}"
        return problem(Mark(file, 1, 1), "", "E010", why)
    place = Mark(file, mark.line + 1, mark.column + 1)
    lines = [*text.splitlines(), ""]
    last = min(mark.line, len(lines) - 1)
    line = lines[last]
    if "\t" in line[: len(line) - len(line.lstrip())] + line[mark.column :][:1]:
        why = "tab used for indentation"
        return problem(place, "", "E010", why, "use spaces")
    for number in range(last, max(-1, last - 3), -1):
        if lines[number].startswith(_CONFLICT):
            why = "a merge conflict stands in the file"
            hint = "keep one of the two versions, without the lines of `<<<` and `>>>`"
            return problem(Mark(file, number + 1, 1), "", "E010", why, hint)
        match = _KEY_AND_VALUE.match(lines[number])
        if match:
            key_mark = Mark(file, number + 1, match.start("key") + 1)
            return no_space(key_mark, match["key"], match["value"])
    if "depth" in reason or "nesting" in reason:
        return problem(place, "", "E021", f"nesting deeper than {DEEPEST}")
    opened, context = getattr(error, "context_mark", None), str(error)
    if opened is not None and ("flow" in context or "quoted scalar" in context):
        why = f"opened at line {opened.line + 1}, never closed"
        return problem(place, "", "E010", why, "close the bracket or quote")
    why = f"YAML cannot be read here: {shown(reason, 120)}"
    return problem(place, "", "E010", why, "check indentation, brackets and quotes")


def no_space(mark: Mark, key: str, value: str) -> Diagnostic:
    """The problem of `key:value` without the space that makes it a key."""
    why = f"got text `{shown(f'{key}:{value}'.strip())}`"
    hint = f"write `{shown(key)}: {shown(value.strip())}`"
    return problem(mark, "", "E011", why, hint)

"""YAML text becomes a tree of nodes with their places. Nothing but mappings, lists and
scalars is let in.

Tags, aliases, anchors, merge keys, duplicate keys and second documents are refused;
depth, size and the length of numbers are bounded, so no file can hang or blow up the
reader."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import lru_cache

import yaml
from yaml import events as happening

from balance_sim.scenario.diagnostics import (
    CONTROL,
    REFUSED,
    Diagnostic,
    Diagnostics,
    Mark,
    Node,
    ScenarioError,
    Unclear,
    plain_scalar,
    problem,
    refused,
    shown,
)

DEEPEST = 20
MOST_ITEMS = 10_000
MOST_NODES = 200_000
MOST_REFUSED = 500
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_SPACE = re.compile(
    r"^\s*(?:- +)?(?:\{ *)?(?P<key>[A-Za-z_][\w-]*):(?P<value>[^\s/:][^,}]*)"
)
EXAMPLE = (
    "smallest file: `schema: 1`, `title`, `start`, `end`, `focal`, `states`, `events`, `arms`; "
    "`balance-sim new NAME` writes one to start from"
)


def read_document(text: str, file: str) -> tuple[Node, Diagnostics]:
    """The tree of one YAML document, and what is wrong with its values.

    Raises ScenarioError where nothing more can be read."""
    tree, problems = _document(text, file)
    return tree, Diagnostics(problems)


@lru_cache(maxsize=1)
def _document(text: str, file: str) -> tuple[Node, tuple[Diagnostic, ...]]:
    """The last one is kept: what kind of file it is, is asked before it is read. No
    tree is changed once it is made."""
    builder = _Builder(text, file)
    _refuse_controls(text, file)
    try:
        root = builder.document()
    except yaml.YAMLError as error:
        refuse_other_text(text, file)
        builder.found.append(_explain(error, text, file, builder.last_quote))
        raise ScenarioError(builder.found) from None
    except RecursionError:
        raise builder.stop(
            Mark(file, 1, 1), "", "E021", f"nesting deeper than {DEEPEST}"
        ) from None
    if root is None:
        raise refused(Mark(file, 1, 1), "", "E004", "the file is empty", EXAMPLE)
    if isinstance(root.value, str):
        refuse_other_text(text, file)
    return root, tuple(builder.found)


def is_plain_text(text: str) -> bool:
    """Whether these words, written without quotes, are read as the same words."""
    try:
        node, problems = read_document(text, "")
    except ScenarioError:
        return False
    return not problems and isinstance(node.value, str) and node.value == text


class _Builder:
    """Nodes from the events of YAML. found: what is wrong with values; last_quote:
    lines of the last quoted text."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.events = file, yaml.parse(text, Loader=_Loader)
        self.found, self.nodes, self.last_quote = Diagnostics(), 0, (0, 0)

    def refuse(
        self, mark: Mark, path: str, code: str, message: str, suggestion: str = ""
    ) -> None:
        self.found.add(mark, path, code, message, suggestion)
        if len(self.found) > MOST_REFUSED:
            raise ScenarioError(self.found)

    def stop(
        self, mark: Mark, path: str, code: str, message: str, suggestion: str = ""
    ) -> ScenarioError:
        """For what makes it pointless to read on."""
        self.refuse(mark, path, code, message, suggestion)
        return ScenarioError(self.found)

    def mark(self, event: happening.Event) -> Mark:
        at = event.start_mark
        return (
            Mark(self.file, at.line + 1, at.column + 1) if at else Mark(self.file, 1, 1)
        )

    def document(self) -> Node | None:
        """The one document of the text; None where there is none."""
        root = None
        for event in self.events:
            if isinstance(event, happening.DocumentStartEvent):
                mark = self.mark(event)
                if event.tags:
                    raise self.stop(
                        mark,
                        "",
                        "E023",
                        "YAML tags are not allowed",
                        "remove the %TAG line",
                    )
                if root is not None:
                    raise self.stop(
                        mark,
                        "",
                        "E013",
                        f"one scenario per file; a second starts at line {mark.line}",
                    )
            elif isinstance(event, happening.NodeEvent):
                root = self.node(event, "", "", 0)
        return root

    def children(self) -> Iterator[happening.Event]:
        """Events of what the open mapping or list holds."""
        for event in self.events:
            if isinstance(event, happening.CollectionEndEvent):
                return
            yield event

    def admit(self, event: happening.Event, path: str) -> Mark:
        """Where a node begins that is nothing but a mapping, a list or a scalar."""
        mark = self.mark(event)
        if isinstance(event, happening.AliasEvent):
            why = f"aliases are not allowed (`*{shown(event.anchor)}`)"
            raise self.stop(mark, path, "E020", why, "repeat the value")
        if (anchor := getattr(event, "anchor", None)) is not None:
            raise self.stop(
                mark,
                path,
                "E020",
                f"anchors are not allowed (`&{shown(anchor)}`)",
                "repeat the value",
            )
        if (tag := getattr(event, "tag", None)) is not None:
            raise self.stop(
                mark,
                path,
                "E023",
                f"YAML tags are not allowed (`{shown(tag)}`)",
                "write plain values",
            )
        if getattr(event, "style", None) in ("'", '"') and event.end_mark:
            self.last_quote = (mark.line - 1, event.end_mark.line)
        return mark

    def node(
        self,
        event: happening.Event,
        path: str,
        within: str,
        depth: int,
        key: str = "",
        *,
        is_over: bool = False,
    ) -> Node:
        """A node with all below it. within: path for what it holds; is_over: it is one
        too many of what holds it."""
        mark = self.admit(event, path)
        if isinstance(event, happening.ScalarEvent):
            node = self.scalar(event, mark, path, is_text=key == "sha256")
        elif depth >= DEEPEST:
            raise self.stop(mark, path, "E021", f"nesting deeper than {DEEPEST}")
        else:
            node = Node(
                {} if isinstance(event, happening.MappingStartEvent) else [], mark
            )
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self.stop(
                mark,
                path,
                "E022",
                f"more than {MOST_NODES:,} values",
                "move long lists into tables",
            )
        if is_over:
            why = f"more than {MOST_ITEMS:,} items"
            raise self.stop(
                mark, within, "E022", why, "move long lists into a CSV table"
            )
        if isinstance(event, happening.MappingStartEvent):
            self.read_mapping(node, within, depth + 1)
        elif isinstance(event, happening.SequenceStartEvent):
            for at, child in enumerate(self.children()):
                path, inner = f"{within}[{at}]", f"{within}[{at + 1}]"
                node.items.append(
                    self.node(child, path, inner, depth + 1, is_over=at >= MOST_ITEMS)
                )
        return node

    def read_mapping(self, node: Node, path: str, depth: int) -> None:
        events = self.children()
        for event in events:
            mark = self.admit(event, path)
            if not isinstance(event, happening.ScalarEvent):
                raise self.stop(
                    mark, path, "E105", "keys must be text, got a list or a mapping"
                )
            key = event.value
            inner = f"{path}.{shown(key)}" if depth > 1 else shown(key)
            is_taken = self.is_key(event, mark, inner, node)
            is_over = len(node.fields) + is_taken > MOST_ITEMS
            child = self.node(next(events), inner, inner, depth, key, is_over=is_over)
            child.key = mark
            if is_taken:
                node.fields[key] = child

    def is_key(
        self, event: happening.ScalarEvent, mark: Mark, path: str, node: Node
    ) -> bool:
        """Whether it may stand as a key; its value is read in any case."""
        key, is_plain = event.value, event.style in (None, "")
        if is_plain and key == "<<":
            self.refuse(
                mark,
                path,
                "E020",
                "merge keys are not supported",
                "use `extends:` or repeat the keys",
            )
        elif not key or (is_plain and not isinstance(plain_scalar(key), str)):
            hint = "put the key in quotes"
            before = list(node.fields.values())[
                -1:
            ]  # `{beta: 0,5}` reads as `beta: 0` and a key `5`
            if before and before[0].text.lstrip("-").isdigit() and key.isdigit():
                hint = f"if this is a decimal comma, use {before[0].text}.{key}"
            self.refuse(
                mark, path, "E105", f"keys must be text, got `{shown(key)}`", hint
            )
        elif key in node.fields:
            why = f"`{shown(key)}` already given at line {node.fields[key].at.line}"
            self.refuse(mark, path, "E014", why, "remove one")
        else:
            return not self.has_controls(key, mark, path)
        return False

    def has_controls(self, text: str, mark: Mark, path: str) -> bool:
        found = CONTROL.search(text)
        if found:
            self.refuse(
                mark,
                path,
                "E007",
                f"control character U+{ord(found.group()):04X}",
                "remove it",
            )
        return found is not None

    def scalar(
        self, event: happening.ScalarEvent, mark: Mark, path: str, *, is_text: bool
    ) -> Node:
        quoted = event.style not in (None, "")
        value: object = event.value if quoted or is_text else plain_scalar(event.value)
        if isinstance(value, Unclear):
            self.refuse(mark, path, *value)
        is_refused = isinstance(value, Unclear) or self.has_controls(
            event.value, mark, path
        )
        return Node(
            REFUSED if is_refused else value, mark, text=event.value, quoted=quoted
        )


def _refuse_controls(text: str, file: str) -> None:
    if found := CONTROL.search(text):
        lines = re.split("\r\n|\r|\n", text[: found.start()])
        mark = Mark(file, len(lines), len(lines[-1]) + 1)
        why = f"control character U+{ord(found.group()):04X}"
        raise refused(mark, "", "E007", why, "remove it; in text write what is meant")


# --- texts that YAML makes nothing of ---------------------------------------------------------------


def _explain(
    error: yaml.YAMLError, text: str, file: str, last_quote: tuple[int, int]
) -> Diagnostic:
    """What a person can do about a text that YAML cannot read."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return problem(
            Mark(file, 1, 1), "", "E010", f"YAML cannot be read: {shown(error)}"
        )
    here = Mark(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if (
        "\t" in line[: len(line) - len(line.lstrip())]
        or line[mark.column : mark.column + 1] == "\t"
    ):
        return problem(here, "", "E010", "tab used for indentation", "use spaces")
    for number in range(min(mark.line, len(lines) - 1), max(-1, mark.line - 3), -1):
        if lines[number].startswith(("<<<<<<< ", "=======", ">>>>>>> ")):
            hint = "keep one of the two versions and remove the lines of `<<<`, `===` and `>>>`"
            return problem(
                Mark(file, number + 1, 1),
                "",
                "E010",
                "a merge conflict stands in the file",
                hint,
            )
        near = _NO_SPACE.match(lines[number])
        if near:
            return no_space(
                Mark(file, number + 1, near.start("key") + 1),
                near["key"],
                near["value"],
            )
    what = getattr(error, "problem", None) or str(error)
    if "depth" in what or "nesting" in what:
        return problem(here, "", "E021", f"nesting deeper than {DEEPEST}")
    opened = _opened(error, what, lines[: mark.line + 1], mark.line, last_quote)
    if opened is not None:
        return problem(
            here,
            "",
            "E010",
            f"opened at line {opened}, never closed",
            "close the bracket or quote",
        )
    why = f"YAML cannot be read here: {shown(what, 120)}"
    return problem(here, "", "E010", why, "check indentation, brackets and quotes")


def _opened(
    error: yaml.YAMLError,
    what: str,
    read: list[str],
    line: int,
    last_quote: tuple[int, int],
) -> int | None:
    """The line of a bracket or quote that was not closed, if that is the trouble; read:
    the lines so far."""
    if last_quote[0] < last_quote[1] == line:
        return last_quote[0] + 1
    context, start = (
        getattr(error, "context", None) or "",
        getattr(error, "context_mark", None),
    )
    if start is None:
        return None
    if (
        "flow node" in context
    ):  # nothing follows the bracket, and the place given is where the text ends
        opening = (
            n + 1 for n in range(len(read) - 1, -1, -1) if {"[", "{"} & set(read[n])
        )
        return next(opening, start.line + 1)
    unended = (
        "quoted scalar" in context and "end of" in what
    ) or "document indicator" in what
    return start.line + 1 if unended or "flow" in context else None


def no_space(mark: Mark, key: str, value: str) -> Diagnostic:
    """`key:value` without the space that makes it a key."""
    why = f"got text `{shown(f'{key}:{value}'.strip())}`"
    return problem(
        mark, "", "E011", why, f"write `{shown(key)}: {shown(value.strip())}`"
    )


MOST_LOOKED_AT = 20_000  # characters: the first lines tell
_BEGINNINGS = (
    (r"<(?:!doctype html|html)\b", "a web page (HTML)"),
    (r"<\?xml|<svg\b", "an XML file"),
    (r"version https://git-lfs", "a pointer that Git LFS left in place of the file"),
    (r"@\w+\{", "a list of references (BibTeX)"),
    (r"(?:#!.*\n)?(?:import \w|from \w[\w.]* import |library\()", "a program"),
    (r"\[[A-Za-z][\w.-]*\]\n[\w.-]+ ?= ?", "a TOML or INI file"),
)
_DELIMITERS = {
    ",": "a table (CSV)",
    ";": "a table (CSV with `;`)",
    "\t": "a table (CSV with tabs)",
}


def refuse_other_text(text: str, file: str) -> None:
    """Raises ScenarioError if a text that YAML makes nothing of is something else."""
    if (
        what := "a text in Markdown"
        if file.lower().endswith(".md")
        else _other_text(text)
    ):
        hint = "give a YAML file of keys and values; `balance-sim new NAME` writes one to start from"
        if "table" in what:
            hint = f"name it in a scenario, as `states: [{{table: {shown(file)}}}]`, and give that file"
        raise refused(Mark(file, 1, 1), "", "E012", f"this is {what}, not YAML", hint)


def _other_text(text: str) -> str:
    """In words, what a text of several lines is that is no YAML; empty where nothing
    tells."""
    lines = [
        line for line in text[:MOST_LOOKED_AT].strip().splitlines() if line.strip()
    ]
    if len(lines) < 2:
        return ""
    first = "\n".join(line.strip() for line in lines[:3])
    for pattern, what in _BEGINNINGS:
        if re.match(pattern, first, re.IGNORECASE):
            return what
    if not re.search(
        r":(?: |$)", lines[0]
    ):  # as a first line of YAML would name a value
        for delimiter, what in _DELIMITERS.items():
            try:
                rows = list(
                    csv.reader(io.StringIO("\n".join(lines[:5])), delimiter=delimiter)
                )[:3]
            except csv.Error:
                continue
            named = [cell for cell in rows[0] if cell.strip()] if rows else []
            if (
                len(rows) > 1
                and len(named) > 1
                and len({len(row) for row in rows}) == 1
            ):
                return what
    if any(re.match(r"\s*(?:[\w\"'.-]+ *:|- |[\[{#%&*!|>])", line) for line in lines):
        return ""  # a key or an item
    return (
        "plain text"
        if sum(len(line.split()) > 2 for line in lines) * 2 >= len(lines)
        else ""
    )

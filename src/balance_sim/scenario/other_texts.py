"""What a text is that was meant to be YAML and is not: a table, a web page, a letter."""

from __future__ import annotations

import csv
import io
import re

MOST_LOOKED_AT = 20_000  # characters: the first lines tell
_BEGINNINGS = (
    (r"<(?:!doctype html|html)\b", "a web page (HTML)"),
    (r"<\?xml|<svg\b", "an XML file"),
    (r"version https://git-lfs", "a pointer that Git LFS left in place of the file"),
    (r"@\w+\{", "a list of references (BibTeX)"),
    (r"(?:#!.*\n)?(?:import \w|from \w[\w.]* import |library\()", "a program"),
    (r"\[[A-Za-z][\w.-]*\]\n[\w.-]+ ?= ?", "a TOML or INI file"),
)
_DELIMITERS = {",": "a table (CSV)", ";": "a table (CSV with `;`)", "\t": "a table (CSV with tabs)"}


def other_text(text: str) -> str:
    """In words, what a text of several lines is that is no YAML; empty where nothing tells."""
    start = text[:MOST_LOOKED_AT].strip()
    lines = [line for line in start.splitlines() if line.strip()]
    if len(lines) < 2:
        return ""
    first = "\n".join(line.strip() for line in lines[:3])
    for pattern, what in _BEGINNINGS:
        if re.match(pattern, first, re.IGNORECASE):
            return what
    return _table(lines) or _prose(lines)


def _table(lines: list[str]) -> str:
    """A table if its first lines have the same number of cells, and the first names no value as YAML does."""
    if re.search(r":(?: |$)", lines[0]):
        return ""
    for delimiter, what in _DELIMITERS.items():
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines[:5])), delimiter=delimiter))[:3]
        except csv.Error:
            continue
        named = [cell for cell in rows[0] if cell.strip()] if rows else []
        if len(rows) > 1 and len(named) > 1 and len({len(row) for row in rows}) == 1:
            return what
    return ""


def _prose(lines: list[str]) -> str:
    """Plain text if no line begins as a key or an item, and most hold several words."""
    if any(re.match(r"\s*(?:[\w\"'.-]+ *:|- |[\[{#%&*!|>])", line) for line in lines):
        return ""
    return "plain text" if sum(len(line.split()) > 2 for line in lines) * 2 >= len(lines) else ""

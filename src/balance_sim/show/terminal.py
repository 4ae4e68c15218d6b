"""Text on a terminal: lines of a width, and tables in columns."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

WIDTH = 80
WIDEST = 100  # columns that are filled of a wider terminal: longer lines are hard to read
UNLIMITED = 1000  # columns, where no terminal says how many there are: a line a row, for other programs
NARROWEST = 16  # columns that the first one of a table keeps
NARROW = 64  # columns below which a table becomes lines


def terminal_width() -> int:
    """Columns of the terminal; UNLIMITED where there is none."""
    return shutil.get_terminal_size((UNLIMITED, 24)).columns


def page_width() -> int:
    """Columns to fill with sentences and tables for a person: WIDTH where no terminal says how many there are."""
    return min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST)


def shortened(text: str, width: int) -> str:
    """A text of at most `width` characters, or NARROWEST where that is more, cut at a word where it is longer."""
    width = max(width, NARROWEST)
    return text if len(text) <= width else textwrap.shorten(text, width, placeholder="...")


def wrapped(text: str, indent: str = "  ", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` characters, all but the first indented; a word that is longer stays whole."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def said(text: str, width: int = WIDTH) -> list[str]:
    """Lines of a paragraph, none of them indented; none where there is nothing to say."""
    return wrapped(text, "", width) if text else []


def table(rows: Sequence[Sequence[str]], align: str = "<", indent: str = "", width: int = WIDTH) -> list[str]:
    """Rows of cells, heads among them, in columns with two spaces between them; one where they would be too wide.

    align: `<` or `>` of each column, the last for those after it. A first cell for which there is still no room stands
    on a line of its own.

    >>> table([["dyad", "effect"], ["Japan - Australia", "+0.1"]], "<>")
    ['dyad               effect', 'Japan - Australia    +0.1']
    """
    if not rows:
        return []
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = "  " if len(indent) + sum(wide) + 2 * (len(wide) - 1) <= width else " "
    wide[0] = min(wide[0], max(width - len(indent) - sum(len(gap) + one for one in wide[1:]), NARROWEST))
    sides = align.ljust(len(wide), align[-1])
    lines = []
    for row in rows:
        fits = len(row[0]) <= wide[0]
        if not fits:
            lines.append(indent + row[0])
            if not any(row[1:]):
                continue
        cells = [row[0] if fits else "", *row[1:]]
        told = gap.join(f"{cell:{side}{size}}" for cell, side, size in zip(cells, sides, wide, strict=True))
        lines.append((indent + told).rstrip())
    return lines


def table_or_lines(rows: Sequence[Sequence[str]], align: str = "<", width: int = WIDTH) -> list[str]:
    """A table of heads and rows; on a page narrower than NARROW a line a row, with the heads before the cells.

    >>> table_or_lines([["dyad", "effect"], ["Japan - Australia", "+0.1"]], width=40)
    ['Japan - Australia: effect +0.1']
    """
    if width >= NARROW:
        return table(rows, align, width=width)
    heads, lines = rows[0], []
    for first, *cells in rows[1:]:
        told = ", ".join(f"{head} {cell}" for head, cell in zip(heads[1:], cells, strict=True) if cell)
        lines += wrapped(f"{first}: {told}" if told else first, width=width)
    return lines

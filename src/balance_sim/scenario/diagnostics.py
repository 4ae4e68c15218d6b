"""What is wrong with a file, said so that it can be put right: place, key path, value, bound, next step."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol

CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""What no text of a file may hold: it would steer a terminal, or show letters in another order than they stand."""
MOST_SUGGESTIONS = 200
MOST_COMPARED = 100_000  # words looked at for them, all told
SHOWN_AT_ONCE = 20
SHOWN_PER_COLUMN = 5


class Mark(NamedTuple):
    """A place in a file: line and column count from 1. In a table: row of the file and number of the cell."""

    file: str
    line: int
    col: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing wrong. `code` begins with E (refused) or W (a warning; the scenario still runs)."""

    file: str
    line: int
    col: int
    path: str
    code: str
    message: str
    allowed: str = ""
    suggestion: str = ""

    @property
    def is_warning(self) -> bool:
        """True for what is worth saying and no reason to refuse."""
        return self.code.startswith("W")

    def text(self) -> str:
        """Two lines at most: `file:line:col: error[code] path: message`, then the help."""
        word = "warning" if self.is_warning else "error"
        where = f"{self.path}: " if self.path else ""
        first = f"{self.file}:{self.line}:{self.col}: {word}[{self.code}] {where}{self.message}"
        allowed = f"allowed: {self.allowed}" if self.allowed and self.allowed not in self.message else ""
        hints = "; ".join(hint for hint in (self.suggestion, allowed) if hint)
        return f"{first}\n  help: {hints}" if hints else first

    def record(self) -> dict[str, object]:
        """The same as plain data, for `--json`."""
        return asdict(self)


class Placed(Protocol):
    """A node, or whatever else knows its place."""

    mark: Mark


def problem(
    at: Mark | Placed, path: str, code: str, message: str, suggestion: str = "", allowed: str = ""
) -> Diagnostic:
    """A `Diagnostic` at a place. What it says is one printable line, whatever names the file holds."""
    mark = at if isinstance(at, Mark) else at.mark
    said = (escaped(text) for text in (message, allowed, suggestion))
    return Diagnostic(mark.file, mark.line, mark.col, shown(path, 200), code, *said)


class Diagnostics(list[Diagnostic]):
    """What was found in one pass."""

    def add(
        self, at: Mark | Placed, path: str, code: str, message: str, suggestion: str = "", allowed: str = ""
    ) -> None:
        """One more; see `problem`."""
        self.append(problem(at, path, code, message, suggestion, allowed))


def errors_in(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those for which a file is refused: all but the warnings."""
    return [one for one in problems if not one.is_warning]


class BalanceSimError(Exception):
    """What ends a command: the text says what is wrong and what to do next; `exit_code` is the command's."""

    exit_code = 1


class ScenarioError(BalanceSimError, ValueError):
    """A file was refused. `problems` holds everything found in one pass, in the order of the file."""

    exit_code = 4

    def __init__(self, problems: Iterable[Diagnostic]) -> None:
        self.problems: tuple[Diagnostic, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return report(self.problems)


def refused(
    at: Mark | Placed, path: str, code: str, message: str, suggestion: str = "", allowed: str = ""
) -> ScenarioError:
    """A refusal for one reason; see `problem`."""
    return ScenarioError([problem(at, path, code, message, suggestion, allowed)])


def in_order(problems: Iterable[Diagnostic], first_file: str) -> list[Diagnostic]:
    """Without repetitions; the scenario's own file first, then by file, line, column."""
    return sorted(
        dict.fromkeys(problems),
        key=lambda p: (p.file != first_file, p.file, p.line, p.col, p.code, p.path, p.message),
    )


def report(problems: Sequence[Diagnostic]) -> str:
    """All problems as text: at most five a table column and code, twenty in all, then counts."""
    kept: list[Diagnostic] = []
    seen: Counter[tuple[str, int, str]] = Counter()
    for item in problems:
        seen[column := (item.file, item.col, item.code)] += item.file.endswith(".csv")
        kept += [item] if seen[column] <= SHOWN_PER_COLUMN else []
    lines = [item.text() for item in kept[:SHOWN_AT_ONCE]]
    for (file, col, code), count in seen.items():
        if count > SHOWN_PER_COLUMN:
            lines.append(f"{file}: {count - SHOWN_PER_COLUMN} more [{code}] in column {col}")
    if len(kept) > SHOWN_AT_ONCE:
        lines.append(f"... and {len(kept) - SHOWN_AT_ONCE} more")
    return "\n".join(lines)


def shown(value: object, limit: int = 60) -> str:
    """A value as a message may print it: one line, no control characters, clipped."""
    text = str(value)
    return escaped(text if len(text) <= limit else text[: limit - 3] + "...")


def escaped(text: str) -> str:
    """Text with its control characters written out; what is printable stays."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


_left: ContextVar[list[int]] = ContextVar("suggestions left")


@contextmanager
def few_suggestions() -> Iterator[None]:
    """Inside, the first `MOST_SUGGESTIONS` misspelt words are looked up and no more: that takes time.

    Fewer where there are many words to compare them with: see `MOST_COMPARED`."""
    token = _left.set([MOST_SUGGESTIONS, MOST_COMPARED])
    try:
        yield
    finally:
        _left.reset(token)


def may_suggest() -> bool:
    """True while there is time left to look for what was meant."""
    left = _left.get([MOST_SUGGESTIONS, MOST_COMPARED])
    left[0] -= 1
    return left[0] >= 0 and left[1] >= 0


def closest(word: str, options: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The option that was probably meant, or None. cutoff: how much alike they are at least, 0..1."""
    if not may_suggest():
        return None
    known = sorted(set(options))
    _left.get([MOST_SUGGESTIONS, MOST_COMPARED])[1] -= len(known)
    folded = {option.casefold(): option for option in known}
    if word.casefold() in folded:
        return folded[word.casefold()]
    found = difflib.get_close_matches(word[:80].casefold(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def did_you_mean(word: str, options: Iterable[str], cutoff: float = 0.6) -> str:
    """`did you mean `x`?`, or nothing."""
    found = closest(word, options, cutoff)
    return f"did you mean `{shown(found)}`?" if found else ""


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names with commas between them, clipped to the first `limit`."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + more

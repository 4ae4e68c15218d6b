"""What is wrong with a file, in a form that helps to put it right: place, key path,
value, bound, next step."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufffe\uffff]"
)
"""What no text of a file may hold: it would steer a terminal, or show letters in
another order than they stand."""
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
IDENTIFIERS = "[A-Za-z0-9_-], 1 to 64 characters"
MOST_PROBLEMS = 500
"""Problems after which no more of a file is read."""
SHOWN_AT_ONCE = 20


class Mark(NamedTuple):
    """A place in a file: line and column count from 1. In a table: row of the file and
    number of the cell."""

    file: str
    line: int
    col: int


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One thing wrong. `code` begins with E (refused) or W (a warning; the scenario
    still runs)."""

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
        """Whether it is no reason to refuse the file."""
        return self.code.startswith("W")

    def text(self) -> str:
        """Two lines at most: `file:line:col: error[code] path: message`, then the
        help."""
        severity = "warning" if self.is_warning else "error"
        place = f"{self.file}:{self.line}:{self.col}"
        path = f"{self.path}: " if self.path else ""
        headline = f"{place}: {severity}[{self.code}] {path}{self.message}"
        hints = [self.suggestion] if self.suggestion else []
        if self.allowed and self.allowed not in self.message:
            hints.append(f"allowed: {self.allowed}")
        return f"{headline}\n  help: {'; '.join(hints)}" if hints else headline

    def record(self) -> dict[str, object]:
        """The same as plain data, for `--json`."""
        return asdict(self)


NEXT_STEPS = {
    "E014": "remove one",
    "E103": "add it",
    "E015": "remove one",
    "E105": "put it in quotes",
    "E215": "correct one of the two dates",
    "E306": "name each actor once",
    "E308": "remove one",
    "E602": "columns for notes end in `_note` or begin with `x_`",
    "E605": "remove one",
}
"""What to do where a message has no step of its own, by code."""


def problem(
    place: Any,
    path: str,
    code: str,
    message: str,
    suggestion: str = "",
    allowed: str = "",
) -> Diagnostic:
    """One thing wrong, its texts made printable, whatever names the file holds.

    Parameters
    ----------
    place : Mark, or a node
        Where it is.
    path : str
        The key path.
    code, message, suggestion, allowed : str
        See `Diagnostic`.
    """
    step = suggestion or NEXT_STEPS.get(code, "")
    texts = escaped(message), escaped(allowed), escaped(step)
    file, line, col = getattr(place, "mark", place)
    return Diagnostic(file, line, col, shown(path, 200), code, *texts)


class Diagnostics(list[Diagnostic]):
    """All that is wrong after one pass."""

    def add(self, *words: Any, **texts: str) -> None:
        """Append one, of the arguments of `problem`.

        Raises ScenarioError with all of them where they are too many to go on."""
        self.append(problem(*words, **texts))
        if len(self) > MOST_PROBLEMS:
            raise ScenarioError(self)


def errors_in(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those for which a file is refused: all but the warnings."""
    return [problem for problem in problems if not problem.is_warning]


def check_printable(text: str, file: str, path: str = "") -> None:
    """Raise ScenarioError for the first control character in the text of a file."""
    match = CONTROL.search(text)
    if match is not None:
        lines = re.split("\r\n|\r|\n", text[: match.start()])
        mark = Mark(file, len(lines), len(lines[-1]) + 1)
        why = f"control character U+{ord(match.group()):04X}"
        raise refused(mark, path, "E007", why, "remove it")


class BalanceSimError(Exception):
    """What ends a command: the text says what is wrong and what to do next; `exit_code`
    is the command's."""

    exit_code = 1

    def messages(self) -> list[str]:
        """Return what the command line prints."""
        return [f"balance-sim: {self}"]

    def records(self) -> list[dict[str, object]]:
        """Return the same as plain data for `--json`, in the keys of `Diagnostic`."""
        code = f"E70{int(self.exit_code)}"
        record = asdict(Diagnostic("", 0, 0, "", code, str(self)))
        return [record | {"line": None, "col": None}]


class InputError(BalanceSimError):
    """A file of the user's was refused: a scenario, a plan, or data; with `--json` the
    records alone are printed."""

    exit_code = 4

    def messages(self) -> list[str]:
        """Return one text for each thing that is wrong, with place and next step."""
        return [str(self)]


class ScenarioError(InputError, ValueError):
    """A file was refused. `problems` holds everything from one pass, in the order of
    the file."""

    def __init__(self, problems: Iterable[Diagnostic]) -> None:
        self.problems: tuple[Diagnostic, ...] = tuple(problems)
        super().__init__(self.problems)

    def records(self) -> list[dict[str, object]]:
        """Return the problems as plain data, warnings among them."""
        return [problem.record() for problem in self.problems]

    def __str__(self) -> str:
        return report(self.problems)


def refused(*words: Any, **texts: str) -> ScenarioError:
    """A refusal for one reason, of the arguments of `problem`."""
    return ScenarioError([problem(*words, **texts)])


def refusal(
    code: str, message: str, suggestion: str = "", allowed: str = "", **places: str
) -> PydanticCustomError:
    """The error that a validator raises.

    Parameters
    ----------
    code, message, suggestion, allowed : str
        See `Diagnostic`.
    **places : str
        `field`: the key path of the value at fault, below what is validated; `place`:
        that of where to point, if it is elsewhere.
    """
    texts = {"message": message, "suggestion": suggestion, "allowed": allowed}
    return PydanticCustomError(code, "{message}", texts | places)


def in_order(problems: Iterable[Diagnostic], first_file: str) -> list[Diagnostic]:
    """Without repetitions: errors before warnings, the first file before others, then
    by file, line and column."""
    return sorted(
        set(problems),
        key=lambda problem: (
            problem.is_warning,
            problem.file != first_file,
            problem,
        ),
    )


def report(problems: Sequence[Diagnostic]) -> str:
    """The first problems as text, and how many are left."""
    texts = [problem.text() for problem in problems[:SHOWN_AT_ONCE]]
    hidden = len(problems) - len(texts)
    return "\n".join([*texts, f"... and {hidden} more"] if hidden else texts)


# --- words ----------------------------------------------------------------------------


def shown(value: object, limit: int = 60) -> str:
    """A value as a message may print it: one line, no control characters, clipped."""
    text = str(value)
    return escaped(text if len(text) <= limit else text[: limit - 3] + "...")


def escaped(text: str) -> str:
    """Text with its control characters written out; what is printable stays."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names with commas between them, clipped to the first `limit`."""
    names = list(names)
    ending = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + ending


SHORTEST_START = 3
"""Letters of a name that stand for it where no other begins so: `lat`, `lon`."""


def closest(word: str, options: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The option that was probably meant, or None. cutoff: how much alike they are at
    least, 0..1."""
    return _closest(word, frozenset(options), cutoff)


@lru_cache(maxsize=64)
def _closest(word: str, options: frozenset[str], cutoff: float) -> str | None:
    """The same: one slip often stands in many rows."""
    folded = {option.casefold(): option for option in sorted(options)}
    start = word[:80].casefold()
    matches = difflib.get_close_matches(start, folded, 1, cutoff)
    if not matches and len(start) >= SHORTEST_START:
        matches = [option for option in folded if option.startswith(start)]
    return folded[matches[0]] if len(matches) == 1 else None


def unknown(what: str, name: object, options: Iterable[str]) -> tuple[str, str, str]:
    """Message, next step and bound for a name that is none of the options.

    Parameters
    ----------
    what : of what it is no name, in words
    name : as it is written
    options : that there are; the nearest one is offered, or all of them, those of a set
        in alphabetical order

    Examples
    --------
    >>> unknown("event", "parade", {"summit", "drill"})
    ('unknown event `parade`', '', 'drill, summit')
    """
    names = sorted(options) if isinstance(options, set) else list(options)
    hint = did_you_mean(str(name), names)
    allowed = "" if hint else listed(names, 40)
    return f"unknown {what} `{shown(name)}`", hint, allowed


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`did you mean `x`?`, or nothing."""
    match = closest(word, options)
    return f"did you mean `{shown(match)}`?" if match else ""

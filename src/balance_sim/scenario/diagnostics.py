"""What is wrong with a file, said so that it can be put right: place, key path, value,
bound, next step.

A tree of plain values that remembers where each was written, and single values as
people write them.

Nodes are never changed in place. Scalars follow the core schema of YAML 1.2: `NO` is
text, and what older readers took for octal, hexadecimal, sexagesimal or grouped numbers
is refused as ambiguous.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import date
from typing import NamedTuple, Protocol

CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""What no text of a file may hold: it would steer a terminal, or show letters in
another order than they stand."""
MOST_SUGGESTIONS = 200
MOST_COMPARED = 100_000  # words looked at for them, all told
SHOWN_AT_ONCE = 20
SHOWN_PER_COLUMN = 5


class Mark(NamedTuple):
    """A place in a file: line and column count from 1. In a table: row of the file and
    number of the cell."""

    file: str
    line: int
    col: int


@dataclass(frozen=True, slots=True)
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
        """True for what is worth saying and no reason to refuse."""
        return self.code.startswith("W")

    def text(self) -> str:
        """Two lines at most: `file:line:col: error[code] path: message`, then the
        help."""
        word = "warning" if self.is_warning else "error"
        where = f"{self.path}: " if self.path else ""
        first = f"{self.file}:{self.line}:{self.col}: {word}[{self.code}] {where}{self.message}"
        allowed = (
            f"allowed: {self.allowed}"
            if self.allowed and self.allowed not in self.message
            else ""
        )
        hints = "; ".join(hint for hint in (self.suggestion, allowed) if hint)
        return f"{first}\n  help: {hints}" if hints else first

    def record(self) -> dict[str, object]:
        """The same as plain data, for `--json`."""
        return asdict(self)


class Placed(Protocol):
    """A node, or whatever else knows its place."""

    mark: Mark


def problem(
    at: Mark | Placed,
    path: str,
    code: str,
    message: str,
    suggestion: str = "",
    allowed: str = "",
) -> Diagnostic:
    """A `Diagnostic` at a place. What it says is one printable line, whatever names the
    file holds."""
    mark = at if isinstance(at, Mark) else at.mark
    said = (escaped(text) for text in (message, allowed, suggestion))
    return Diagnostic(mark.file, mark.line, mark.col, shown(path, 200), code, *said)


class Diagnostics(list[Diagnostic]):
    """What was found in one pass."""

    def add(
        self,
        at: Mark | Placed,
        path: str,
        code: str,
        message: str,
        suggestion: str = "",
        allowed: str = "",
    ) -> None:
        """One more; see `problem`."""
        self.append(problem(at, path, code, message, suggestion, allowed))


def errors_in(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those for which a file is refused: all but the warnings."""
    return [one for one in problems if not one.is_warning]


class BalanceSimError(Exception):
    """What ends a command: the text says what is wrong and what to do next; `exit_code`
    is the command's."""

    exit_code = 1


class InputError(BalanceSimError):
    """A file of the user's was refused: a scenario, a plan, or data.

    The command line prints `messages`, or `records` with `--json`, and ends with 4.
    """

    exit_code = 4

    def messages(self) -> list[str]:
        """Return one text for each thing that is wrong, with place and next step."""
        return [str(self)]

    def records(self) -> list[dict[str, object]]:
        """Return the same as plain data, in the keys of `Diagnostic`."""
        raise NotImplementedError


class ScenarioError(InputError, ValueError):
    """A file was refused. `problems` holds everything found in one pass, in the order
    of the file."""

    def __init__(self, problems: Iterable[Diagnostic]) -> None:
        self.problems: tuple[Diagnostic, ...] = tuple(problems)
        super().__init__(self.problems)

    def records(self) -> list[dict[str, object]]:
        """Return the problems as plain data, warnings among them."""
        return [problem.record() for problem in self.problems]

    def __str__(self) -> str:
        return report(self.problems)


def refused(
    at: Mark | Placed,
    path: str,
    code: str,
    message: str,
    suggestion: str = "",
    allowed: str = "",
) -> ScenarioError:
    """A refusal for one reason; see `problem`."""
    return ScenarioError([problem(at, path, code, message, suggestion, allowed)])


def in_order(problems: Iterable[Diagnostic], first_file: str) -> list[Diagnostic]:
    """Without repetitions; the scenario's own file first, then by file, line,
    column."""
    return sorted(
        dict.fromkeys(problems),
        key=lambda p: (
            p.file != first_file,
            p.file,
            p.line,
            p.col,
            p.code,
            p.path,
            p.message,
        ),
    )


def report(problems: Sequence[Diagnostic]) -> str:
    """All problems as text: at most five a table column and code, twenty in all, then
    counts."""
    kept: list[Diagnostic] = []
    seen: Counter[tuple[str, int, str]] = Counter()
    for item in problems:
        seen[column := (item.file, item.col, item.code)] += item.file.endswith(".csv")
        kept += [item] if seen[column] <= SHOWN_PER_COLUMN else []
    lines = [item.text() for item in kept[:SHOWN_AT_ONCE]]
    for (file, col, code), count in seen.items():
        if count > SHOWN_PER_COLUMN:
            lines.append(
                f"{file}: {count - SHOWN_PER_COLUMN} more [{code}] in column {col}"
            )
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
    return "".join(
        c
        if c.isprintable()
        else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )


_left: ContextVar[list[int]] = ContextVar("suggestions left")


@contextmanager
def few_suggestions() -> Iterator[None]:
    """Inside, the first `MOST_SUGGESTIONS` misspelt words are looked up and no more:
    that takes time.

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
    """The option that was probably meant, or None. cutoff: how much alike they are at
    least, 0..1."""
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


NOWHERE = Mark("defaults.yaml", 1, 1)


class Refused:
    """Stands where a value was that has been reported already; nothing more is said
    about it."""


REFUSED = Refused()


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A value and its place. `value` is a scalar, a dict of nodes or a list of nodes.

    `key` is where the key stands that names it; `text` how a scalar was written, `quoted` if in quotes."""

    value: object
    mark: Mark
    key: Mark | None = None
    text: str = ""
    quoted: bool = False

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

    def below(self, key: str) -> Node:
        """The child of that name, or an empty mapping."""
        return self.fields.get(key) or Node({}, self.mark)

    @property
    def at(self) -> Mark:
        """Where to point when the trouble is that this key is here at all."""
        return self.key or self.mark

    def with_value(self, value: object) -> Node:
        """The same place with another value."""
        return Node(value, self.mark, self.key, self.text, self.quoted)

    def with_fields(self, changes: Mapping[str, Node]) -> Node:
        """This mapping with some children replaced or added."""
        return self.with_value({**self.fields, **changes})

    def without(self, *keys: str) -> Node:
        """This mapping without some children."""
        return self.with_value(
            {name: child for name, child in self.fields.items() if name not in keys}
        )

    @property
    def kind(self) -> str:
        """What the node holds, in words for a message."""
        value = self.value
        words = {
            type(None): "nothing",
            dict: "a mapping",
            list: "a list",
            bool: "boolean",
        }
        if type(value) in words:
            return words[type(value)]
        if isinstance(value, int | float):
            return f"{'integer' if isinstance(value, int) else 'number'} {shown(self.text or value)}"
        return f'text "{shown(value)}"'


def plain(node: Node) -> object:
    """The value without its places: dicts, tuples and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return tuple([plain(child) for child in value])
    return value


def from_plain(value: object, mark: Mark = NOWHERE) -> Node:
    """A tree from dicts, lists, tuples and scalars, all at one place. NumPy scalars
    become Python's."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node(
            {str(key): from_plain(child, mark) for key, child in value.items()}, mark
        )
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


# --- scalars ----------------------------------------------------------------------------------------

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_AMBIGUOUS = re.compile(
    r"[-+]?0(?:[oO][0-7]+|[xX][0-9a-fA-F]+|[bB][01]+)"  # of another base
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"  # grouped
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"  # sexagesimal
)
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
LONGEST_NUMBER = 40

Scalar = bool | int | float | str | None


class Unclear(NamedTuple):
    """A scalar that is refused whatever was wanted: its error code, what is wrong, what
    to write."""

    code: str
    message: str
    suggestion: str


def iso_date(value: object) -> object:
    """A `date` from text YYYY-MM-DD; anything else is handed back for the schema to
    refuse."""
    with suppress(ValueError):
        return (
            date.fromisoformat(value)
            if isinstance(value, str) and _ISO.fullmatch(value)
            else value
        )
    return value


def plain_scalar(text: str) -> Scalar | Unclear:
    """The value of unquoted `text`; `Unclear` where two readers would disagree."""
    if text in _WORDS:
        return _WORDS[text]
    if not (text[0].isascii() and (text[0].isdigit() or text[0] in "+-.")):
        return text
    if _FLOAT.fullmatch(text):
        if len(text) > LONGEST_NUMBER:
            return Unclear(
                "E024",
                f"number too long ({len(text)} characters)",
                "write fewer digits",
            )
        if not _LEADING_ZERO.match(text):
            return int(text) if _INTEGER.fullmatch(text) else float(text) + 0.0
    elif _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    elif _NOT_A_NUMBER.fullmatch(text):
        return float("nan")
    elif not _AMBIGUOUS.fullmatch(text):
        return text
    clipped = text if len(text) <= LONGEST_NUMBER else text[:LONGEST_NUMBER] + "..."
    return Unclear(
        "E206",
        f"ambiguous number `{clipped}`",
        "write decimal digits, or quote it if it is text",
    )


def hint_for_number(text: str) -> tuple[str, str]:
    """Error code and next step for text that stands where a number is wanted."""
    bare = text.strip()
    if re.fullmatch(r"[-+]?[0-9.]+ ?%", bare):
        try:
            return "E205", f"write {float(bare.rstrip('% ')) / 100:g}"
        except ValueError:
            return "E205", "write a share between 0 and 1"
    if re.fullmatch(r"[-+]?[0-9]*,[0-9]+", bare):
        return "E205", f"use {bare.replace(',', '.')}"
    if bare.casefold().strip("+-.") in ("nan", "inf", "infinity", "na"):
        return (
            "E204",
            "a number must be finite; leave it out (blank in a table) where it is missing",
        )
    if bare.casefold() in ("null", "none", "n/a", "missing", "-", "?", ".."):
        return "E201", "leave it out (blank in a table) where it is missing"
    if isinstance(plain_scalar(bare), int | float) and bare:
        return "E201", "remove the quotes"
    return "E201", "write decimal digits, with a point"

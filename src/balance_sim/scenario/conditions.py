"""When a policy acts: a small language of what a player can see.

    insecurity > 0.05 for 60 days and not (hostility(USA) < 0.1 or day < 30)

A comparison of two observables or numbers; `for N days` behind a comparison or a
parenthesis; `not`, `and`, `or`, in the order in which they bind. docs/policies.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pydantic_core import PydanticCustomError

from balance_sim.scenario.diagnostics import refusal, shown, unknown

OBSERVABLES = {
    "insecurity": "optional",
    "effort": "optional",
    "threat": "optional",
    "alarm": "optional",
    "acts": "optional",
    "hostility": "required",
    "alignment": "required",
    "agreements": "required",
    "new_agreements": "required",
    "done": "none",
    "day": "none",
}
"""What a player can see, and whether it is of others, who are named behind it."""
SINCE_START = ("insecurity", "effort", "threat", "hostility", "alignment")
"""What `change(...)` may be of: what has a value at the start."""
LONGEST = 1_000
MOST_DAYS = 36_525
DEEPEST = 20
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.-]))"
    r"|(?P<word>[A-Za-z0-9_][\w-]*)|(?P<sign>[<>]=?|[()]))",
    re.ASCII,
)


@dataclass(frozen=True)
class Observable:
    """A number that a player sees. who: of whom, a state, a group or a role of the
    player's; empty: of itself. change: less what it was at the start."""

    name: str
    who: str = ""
    change: bool = False

    def __str__(self) -> str:
        """As a condition has it."""
        text = f"{self.name}({self.who})" if self.who else self.name
        return f"change({text})" if self.change else text


@dataclass(frozen=True)
class Comparison:
    """Whether one number is more, or less, than another."""

    left: Observable | float
    sign: str
    right: Observable | float


@dataclass(frozen=True)
class Lasting:
    """A condition that has held for so many days."""

    of: Condition
    days: float


@dataclass(frozen=True)
class Joined:
    """Conditions of which all have to hold, or any."""

    of: tuple[Condition, ...]
    all: bool


@dataclass(frozen=True)
class Opposite:
    """That a condition does not hold."""

    of: Condition


Condition = Comparison | Lasting | Joined | Opposite


def observables_in(condition: Condition) -> Iterator[Observable]:
    """Yield every observable of a condition, from left to right."""
    if isinstance(condition, Comparison):
        sides = condition.left, condition.right
        yield from (side for side in sides if isinstance(side, Observable))
    else:
        below = condition.of if isinstance(condition.of, tuple) else (condition.of,)
        for part in below:
            yield from observables_in(part)


def lasting_in(condition: Condition) -> int:
    """How many parts of a condition have to hold for some days."""
    if isinstance(condition, Comparison):
        return 0
    below = condition.of if isinstance(condition.of, tuple) else (condition.of,)
    return isinstance(condition, Lasting) + sum(map(lasting_in, below))


@cache
def parsed(text: str) -> Condition:
    """The condition that a text says. Raises the error of pydantic, with the character
    at which it is wrong and what may stand there."""
    reader = _Reader(text)
    condition = reader.joined("or")
    if reader.word is not None:
        raise reader.expected("`and`, `or`, `for N days`, or the end")
    return condition


class _Reader:
    """Reads a text word by word; `word` is the one that it has come to, None at the
    end."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise refusal("E222", f"more than {LONGEST:,} characters", "shorten it")
        self.text, self.depth = text, 0
        self.start = self.end = 0
        self.kind: str | None = None
        self.word: str | None = None
        self.go_on()

    def go_on(self) -> str:
        """The present word; the reader has then come to the next."""
        passed = self.word or ""
        self.start = len(self.text) - len(self.text[self.end :].lstrip())
        match = _TOKEN.match(self.text, self.end)
        if match is None and self.start < len(self.text):
            self.word = self.text[self.start]
            raise self.expected("an observable, a number, < > ( )")
        self.kind = None if match is None else match.lastgroup
        self.word = None if match is None else match[match.lastgroup or 0]
        self.end = self.end if match is None else match.end()
        return passed

    def expected(self, what: str) -> PydanticCustomError:
        """The refusal of the present word, with what may stand there."""
        present = "the end" if self.word is None else f"`{shown(self.word)}`"
        why = f"character {self.start + 1}: expected {what}, got {present}"
        return refusal("E222", why, "write it as `insecurity > 0.05 for 60 days`")

    def take(self, word: str) -> None:
        """Pass over a word that has to stand here."""
        if self.word != word:
            raise self.expected(f"`{word}`")
        self.go_on()

    def joined(self, word: str) -> Condition:
        """Conditions with a word between them; `and` binds before `or`."""
        below = self._one if word == "and" else lambda: self.joined("and")
        conditions = [below()]
        while self.word == word:
            self.go_on()
            conditions.append(below())
        is_single = len(conditions) == 1
        return conditions[0] if is_single else Joined(tuple(conditions), word == "and")

    def _one(self) -> Condition:
        """A comparison, or what stands behind `not` or in a parenthesis."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise refusal("E222", f"nested more than {DEEPEST} deep", "shorten it")
        if self.word == "not":
            self.go_on()
            condition: Condition = Opposite(self._one())
        elif self.word == "(":
            self.go_on()
            condition = self.joined("or")
            self.take(")")
            condition = self._lasting(condition)
        else:
            quantity = self._side()
            if self.kind != "sign" or self.word in ("(", ")"):
                raise self.expected("< > <= >=")
            sign = self.go_on()
            condition = self._lasting(Comparison(quantity, sign, self._side()))
        self.depth -= 1
        return condition

    def _lasting(self, condition: Condition) -> Condition:
        """The condition, or that it has held for so many days."""
        if self.word != "for":
            return condition
        self.go_on()
        if self.kind != "number" or not 0 < float(self.word or 0) <= MOST_DAYS:
            raise self.expected(f"a number of days, above 0 and up to {MOST_DAYS:,}")
        days = float(self.go_on())
        if self.word not in ("day", "days"):
            raise self.expected("`days`")
        self.go_on()
        return Lasting(condition, days)

    def _side(self) -> Observable | float:
        """A number or an observable."""
        if self.kind == "number":
            return float(self.go_on())
        if self.word == "change":
            self.go_on()
            self.take("(")
            observable = self._observable(SINCE_START, change=True)
            self.take(")")
            return observable
        return self._observable(OBSERVABLES)

    def _observable(
        self, names: dict[str, str] | tuple[str, ...], *, change: bool = False
    ) -> Observable:
        """One of some observables, and of whom it is."""
        if self.kind != "word":
            raise self.expected("an observable or a number")
        if self.word not in names:
            why, hint, _ = unknown("observable", self.word, names)
            if self.word in OBSERVABLES:
                why = f"`{self.word}` has no change since the start"
                hint = f"write `{self.word}` without `change( )`"
            why = f"character {self.start + 1}: {why}"
            raise refusal("E211", why, hint, ", ".join(names))
        name, actor = self.go_on(), ""
        if self.word == "(" and OBSERVABLES[name] != "none":
            self.go_on()
            if self.kind not in ("word", "number"):
                raise self.expected("a state or a group")
            actor = self.go_on()
            self.take(")")
        elif OBSERVABLES[name] == "required":
            raise self.expected(f"`(` and of whom: {name}(USA)")
        return Observable(name, actor, change)

"""Single values as people write them: dates, numbers, yes and no.

Scalars follow the core schema of YAML 1.2: `NO` is text, and what older readers took for octal, hexadecimal,
sexagesimal or grouped numbers is refused as ambiguous."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_OTHER_BASE = re.compile(r"[-+]?0(?:[oO][0-7]+|[xX][0-9a-fA-F]+|[bB][01]+)")
_GROUPED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
LONGEST_NUMBER = 40

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Unclear:
    """A scalar that is refused whatever was wanted: its error code, what is wrong, what to write."""

    code: str
    message: str
    suggestion: str


def iso_date(value: object) -> object:
    """A `date` from text YYYY-MM-DD; anything else is handed back for the schema to refuse."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def plain_scalar(text: str) -> Scalar | Unclear:
    """The value of unquoted `text`; `Unclear` where two readers would disagree."""
    if text in _WORDS:
        return _WORDS[text]
    if not (text[0].isascii() and (text[0].isdigit() or text[0] in "+-.")):
        return text
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | Unclear | None:
    if _FLOAT.fullmatch(text):
        if len(text) > LONGEST_NUMBER:
            return Unclear("E024", f"number too long ({len(text)} characters)", "write fewer digits")
        if _LEADING_ZERO.match(text):
            return _ambiguous(text)
        return int(text) if _INTEGER.fullmatch(text) else float(text) + 0.0
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if _NOT_A_NUMBER.fullmatch(text):
        return float("nan")
    if any(form.fullmatch(text) for form in (_OTHER_BASE, _GROUPED, _SEXAGESIMAL)):
        return _ambiguous(text)
    return None


def _ambiguous(text: str) -> Unclear:
    clipped = text if len(text) <= LONGEST_NUMBER else text[:LONGEST_NUMBER] + "..."
    return Unclear("E206", f"ambiguous number `{clipped}`", "write decimal digits, or quote it if it is text")


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
        return "E204", "a number must be finite; leave it out (blank in a table) where it is missing"
    if bare.casefold() in ("null", "none", "n/a", "missing", "-", "?", ".."):
        return "E201", "leave it out (blank in a table) where it is missing"
    if isinstance(plain_scalar(bare), int | float) and bare:
        return "E201", "remove the quotes"
    return "E201", "write decimal digits, with a point"

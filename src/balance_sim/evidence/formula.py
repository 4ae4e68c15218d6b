"""Effects as text: `inertia(treaties) + degree(treaties, ignore_repetitions) + difference(wealth)`.

The usual names of dynamic network actor models are understood beside ours, and options may be given a value. What
stands before a `~` is left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from balance_sim.evidence.effects import KINDS, TRANSFORMS, Effect

ALSO: Mapping[str, str] = {
    "indeg": "degree",
    "indegree": "degree",
    "outdeg": "degree",
    "deg": "degree",
    "trans": "closure",
    "transitivity": "closure",
    "common_partners": "closure",
    "four": "four_cycles",
    "diff": "difference",
    "absdiff": "difference",
    "sim": "similarity",
    "egoAlterInt": "ego_alter",
}
"""Other names of an effect. Ties have no direction here, so in-degree and out-degree are one."""

OPTIONS: Mapping[str, str] = {
    "weighted": "weighted",
    "ignore_repetitions": "ignore_repetitions",
    "ignoreRepetitions": "ignore_repetitions",
    "ignoreRep": "ignore_repetitions",
    "window": "window",
    "transform": "transform",
    "transformFun": "transform",
    "transformer_fn": "transform",
}
_TERM = re.compile(r"^\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$", re.DOTALL)
_YES, _NO = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
DAYS = {"day": 1.0, "days": 1.0, "week": 7.0, "weeks": 7.0, "year": 365.25, "years": 365.25}


def parse_formula(text: str) -> tuple[Effect, ...]:
    """The effects of a formula. Raises ValueError that says what is wrong and what may stand there."""
    right = text.split("~", 1)[-1]
    terms = [term for term in _split(right, "+") if term.strip()]
    if not terms:
        raise ValueError(
            "there is no effect. Write effects joined by +, as in inertia(treaties) + alter(wealth)."
        )
    return tuple(parse_effect(term) for term in terms)


def parse_effect(text: str) -> Effect:
    """One effect: `kind(of, option, option=value)`. Raises ValueError."""
    found = _TERM.match(text)
    if found is None:
        raise ValueError(f"{text.strip()!r} is no effect. Write kind(of), as in inertia(treaties).")
    name, inside = found.groups()
    kind = ALSO.get(name, name)
    if kind not in KINDS:
        near = difflib.get_close_matches(name, [*KINDS, *ALSO], n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(f"no effect is called {name!r}. {hint}Use one of {', '.join(KINDS)}.")
    of, *rest = [part.strip() for part in _split(inside, ",")]
    options: dict[str, object] = {}
    for part in rest:
        word, value = _option(part)
        if word in options:
            raise ValueError(f"{word} is given twice in {text.strip()!r}. Keep one.")
        options[word] = value
    of = of.rpartition("$")[2].strip()
    if not of:
        raise ValueError(f"{text.strip()!r} names nothing to read. Write kind(of), as in inertia(treaties).")
    return Effect(kind, of, **options)  # type: ignore[arg-type]


def _option(part: str) -> tuple[str, object]:
    word, equals, value = (piece.strip() for piece in part.partition("="))
    if word in TRANSFORMS and word and not equals:
        return "transform", word
    if word not in OPTIONS:
        known = "weighted, ignore_repetitions, window=DAYS, log1p, sqrt"
        raise ValueError(f"no option is called {word!r}. Use one of {known}.")
    name = OPTIONS[word]
    if name == "window":
        return name, _days(value.strip("\"'"))
    if name == "transform":
        return name, "" if value == "identity" else value
    if not equals or value.lower() in _YES:
        return name, True
    if value.lower() in _NO:
        return name, False
    if name == "ignore_repetitions":
        return name, value
    raise ValueError(f"{word} is yes or no, got {value!r}. Write {word}, or leave it out.")


def _days(text: str) -> float | None:
    if text.lower() in ("inf", "none", ""):
        return None
    number, _, unit = text.partition(" ")
    try:
        return float(number) * DAYS[unit.strip().lower() or "days"]
    except (ValueError, KeyError):
        raise ValueError(f"{text!r} is no window. Write a number of days, as in window=365.") from None


def _split(text: str, mark: str) -> list[str]:
    """Parts between marks that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts

"""Effects as text: `inertia(treaties) + degree(treaties, ignore_repetitions) + difference(wealth)`.

The usual names of dynamic network actor models are understood beside ours, and options may be given a value. What
stands before a `~` is left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from balance_sim.coordination.effects import KINDS, TRANSFORMS, Effect

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
    "ego_alter_interaction": "ego_alter",
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
ELSEWHERE: Mapping[str, str] = {
    "tertius": "it averages a covariate over the partners of j, and no effect here reads a network and a covariate "
    "at once. Use alter(covariate), or degree(network).",
    "tertius_diff": "it compares i with the average over the partners of j, and no effect here reads a network and a "
    "covariate at once. Use difference(covariate), or degree(network).",
    "node_trans": "it counts the triangles of one actor. Use closure(network), which counts those that the tie would "
    "close.",
    "mixed_trans": "it closes triangles over two networks, and closure reads one. Use closure(network) of either, or "
    "of a network that holds the ties of both.",
    "recip": "ties have no direction here, and so none is returned. Use inertia(network).",
    "cycle": "ties have no direction here, and so a cycle of three is a triangle. Use closure(network).",
    "common_sender": "ties have no direction here, and so it is the same as closure. Use closure(network).",
    "common_receiver": "ties have no direction here, and so it is the same as closure. Use closure(network).",
    **dict.fromkeys(
        ("mixed_cycle", "mixed_common_sender", "mixed_common_receiver"),
        "it closes triangles over two networks, and closure reads one. Use closure(network).",
    ),
}
"""Effects of other programs that have no counterpart: why, and what stands nearest."""

POOLED = {"history": "pooled", "type": "alter"}
"""Options of other programs of which one value is what is done here."""

_TERM = re.compile(r"^\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$", re.DOTALL)
_LIST = re.compile(r"^(?:list|c)\s*\((.*)\)$", re.DOTALL)
_OF = re.compile(r"^(?:network|attribute)\s*=\s*")
_YES, _NO = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
_UNITS = {"second": 1 / 86_400, "minute": 1 / 1_440, "hour": 1 / 24, "day": 1.0, "week": 7.0}
_UNITS |= {"month": 365.25 / 12, "year": 365.25}
DAYS = {name + plural: days for name, days in _UNITS.items() for plural in ("", "s")}
"""Units of a window in days: a month is a twelfth of a year of 365.25 days."""


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
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if snake in ELSEWHERE:
        raise ValueError(f"{name} has no counterpart here: {ELSEWHERE[snake]}")
    if kind not in KINDS:
        near = difflib.get_close_matches(name, [*KINDS, *ALSO], n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(f"no effect is called {name!r}. {hint}Use one of {', '.join(KINDS)}.")
    of, *rest = [part.strip() for part in _split(inside, ",")]
    of = _one_of(_OF.sub("", of), kind)
    options: dict[str, object] = {}
    for part in rest:
        if _as_here(part):
            continue
        word, value = _option(part)
        if word in options:
            raise ValueError(f"{word} is given twice in {text.strip()!r}. Keep one.")
        options[word] = value
    if not of:
        raise ValueError(f"{text.strip()!r} names nothing to read. Write kind(of), as in inertia(treaties).")
    return Effect(kind, of, **options)  # type: ignore[arg-type]


def _one_of(text: str, kind: str) -> str:
    """What an effect reads: `regime` of `states$regime`, and of a list that names it on both sides."""
    both = _LIST.match(text)
    names = {name.rpartition("$")[2].strip() for name in _split(both[1] if both else text, ",")}
    if len(names) > 1:
        raise ValueError(
            f"{kind} reads one network or covariate, not {' and '.join(sorted(names))}. Write {kind}(of) with one of "
            "them; what depends on both sides at once may be given as pair(of)."
        )
    return names.pop()


def _as_here(part: str) -> bool:
    """True for an option of another program that says what is done here anyway. Raises ValueError otherwise."""
    word, _, value = (piece.strip() for piece in part.partition("="))
    if word not in POOLED:
        return False
    if value.strip("\"'") != POOLED[word]:
        only = f'{word}="{POOLED[word]}"'
        raise ValueError(f"{part} is not computed here: every effect is that of {only}. Leave {word} out.")
    return True


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
        return name, value.strip("\"'")
    raise ValueError(f"{word} is yes or no, got {value!r}. Write {word}, or leave it out.")


def _days(text: str) -> float | None:
    if text.lower() in ("inf", "none", ""):
        return None
    found = re.fullmatch(r"([\d.eE+-]*\d[.]?)\s*([A-Za-z]*)", text.strip())
    try:
        number, unit = found.groups() if found else ("", "")
        return float(number) * DAYS[unit.lower() or "days"]
    except (ValueError, KeyError):
        raise ValueError(
            f"{text!r} is no window. Write a number of days, as in window=365, or with a unit, as in window=6 months."
        ) from None


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

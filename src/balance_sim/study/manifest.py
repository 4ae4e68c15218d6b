"""What a manifest has to hold before anything is read by it: keys, kinds, bounds. It may come from a stranger."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_SHA256 = re.compile(r"[0-9a-f]{64}")
Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(_name(one) for one in value)


def _sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _named(value: Any) -> bool:
    return isinstance(value, dict) and _name(value.get("name")) and _sha256(value.get("sha256"))


def _name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _files(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _versions(value: Any) -> bool:
    return (
        isinstance(value, dict) and all(map(_name, value.values())) and {"balance_sim", "numpy"} <= set(value)
    )


def _points(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and _sha256(value.get("sha256")))


def _seed(value: Any) -> bool:
    return _is(int)(value) and 0 <= value < 2**64


_ALWAYS: dict[str, tuple[Check, str]] = {
    "study": (lambda value: value in ("run", "sweep"), "`run` or `sweep`"),
    "scenario": (_named, "a name and a sha256"),
    "inputs": (_is(dict), "the scenario's content"),
    "arms": (_texts, "a list of names"),
    "seed": (_seed, "a whole number, 0..18446744073709551615"),
    "versions": (_versions, "versions by program"),
}
_OFTEN: dict[str, tuple[Check, str]] = {
    "model": (lambda value: value is None or _name(value), "module:Class, or null"),
    "draw_parameters": (_is(bool), "true or false"),
    "mechanisms": (_is(bool), "true or false"),
    "files": (_files, "texts by name"),
    "command": (_is(str), "text"),
    "cpu": (_is(str), "text"),
}
_SWEEP: dict[str, tuple[Check, str]] = {
    "experiment": (_name, "a name"),
    "design": (_is(dict), "the design"),
    "runs": (lambda value: _is(int)(value) and value >= 0, "a whole number"),
    "points": (_points, "a sha256 and counts, or null"),
}


def manifest_fault(manifest: dict[str, Any]) -> str | None:
    """The first key that is missing or not of its kind, in words; None where all are sound."""
    wanted = _ALWAYS | (_SWEEP if manifest.get("study") == "sweep" else {})
    for key, (check, what) in (wanted | _OFTEN).items():
        if key not in manifest:
            if key in wanted:
                return f"`{key}` is missing"
        elif not check(manifest[key]):
            return f"`{key}` is not {what}"
    return None


__all__ = ["manifest_fault"]

"""Where two makings of the same files differ: text exactly, numbers within a tolerance."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from balance_sim.scenario.problems import shown


def unlike_files(there: Mapping[str, bytes], here: Mapping[str, bytes], tolerance: float) -> list[str]:
    """The first difference of each file, in words; CSV and JSON, by their names."""
    out = [f"{shown(name, 200)}: is not made by this study" for name in sorted({*there} - {*here})]
    for name, content in here.items():
        if name not in there:
            out.append(f"{name}: is missing")
        elif there[name] != content:
            first = next(_unlike(name, there[name], content, tolerance), None)
            out += [f"{name}: {first}"] if first is not None else []
    return out


def close(a: object, b: object, tolerance: float) -> bool:
    """The same, or two numbers within a relative difference; below 1 the difference itself counts."""
    if _is_number(a) and _is_number(b):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)  # type: ignore[arg-type]
    return type(a) is type(b) and a == b


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unlike(name: str, there: bytes, here: bytes, tolerance: float) -> Iterator[str]:
    try:
        if name.endswith(".json"):
            yield from _unlike_trees(json.loads(there), json.loads(here), "", tolerance)
        else:
            yield from _unlike_rows(_rows(there), _rows(here), tolerance)
    except (ValueError, csv.Error, RecursionError):
        yield "is no table of this kind"


def _unlike_trees(a: Any, b: Any, path: str, tolerance: float) -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in b:
            yield from _unlike_trees(a[key], b[key], f"{path}.{key}" if path else key, tolerance)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for at, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _unlike_trees(one, other, f"{path}[{at}]", tolerance)
    elif not close(a, b, tolerance):
        yield f"{path or 'the whole'}: {_said(a)} there, {_said(b)} here"


def _rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"))))


def _unlike_rows(a: list[list[str]], b: list[list[str]], tolerance: float) -> Iterator[str]:
    if len(a) != len(b):
        yield f"{len(a)} rows there, {len(b)} here"
    for at, (one, other) in enumerate(zip(a, b, strict=False), 1):
        if len(one) != len(other):
            yield f"row {at}: {len(one)} cells there, {len(other)} here"
        for name, x, y in zip(b[0], one, other, strict=False):
            if x != y and not close(_number(x), _number(y), tolerance):
                yield f"row {at}, {name}: {_said(x)} there, {_said(y)} here"


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _said(value: object) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return shown(text, 60)


__all__ = ["close", "unlike_files"]

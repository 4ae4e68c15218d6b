"""Where two trees of plain data differ: inputs of two studies, two summaries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def differences(
    a: Any, b: Any, path: str = "", *, same: Callable[[Any, Any], bool] = operator.eq
) -> Iterator[tuple[str, Any, Any]]:
    """Key paths at which two trees of JSON differ, and both values there.

    What is missing is null, and items of lists go by their names or ids where they have
    any. same: whether two leaves are."""
    left, right = _as_mappings(a, b)
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}, key=str):
            below = f"{path}.{key}" if path else str(key)
            yield from differences(left.get(key), right.get(key), below, same=same)
    elif not same(a, b):
        yield path, a, b


def _as_mappings(a: Any, b: Any) -> tuple[Any, Any]:
    """Two lists as mappings by name, id or place; anything else as it is."""
    if not (isinstance(a, list | tuple) and isinstance(b, list | tuple)):
        return a, b
    if _are_names(a) and _are_names(b) and {*a} != {*b}:
        return {name: name for name in a}, {name: name for name in b}
    return _by_id(a), _by_id(b)


def _are_names(items: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in items) and len({*items}) == len(items)


def _by_id(items: Sequence[Any]) -> dict[Any, Any]:
    if all(isinstance(item, dict) and "id" in item for item in items):
        return {item["id"]: item for item in items}
    return dict(enumerate(items))

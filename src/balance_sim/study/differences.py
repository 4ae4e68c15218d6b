"""Where two trees of plain data differ: inputs of two studies, two summaries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any


def differences(
    a: Any,
    b: Any,
    path: str = "",
    *,
    same: Callable[[Any, Any], bool] = operator.eq,
    exact: bool = False,
) -> Iterator[tuple[str, Any, Any]]:
    """Key paths at which two trees of JSON differ, and both values there.

    same: whether two leaves are. exact: keys have to be the same and lists go by place;
    else what is missing is null, and items of lists go by their names or ids where they
    have any."""
    left_tree, right = _as_mappings(a, b, exact=exact)
    are_mappings = isinstance(left_tree, dict) and isinstance(right, dict)
    if are_mappings and not (exact and left_tree.keys() != right.keys()):
        for key in sorted({*left_tree, *right}, key=str):
            below = f"{path}.{key}" if path else str(key)
            pair = left_tree.get(key), right.get(key)
            yield from differences(*pair, below, same=same, exact=exact)
    elif not same(a, b):
        yield path, a, b


def _as_mappings(a: Any, b: Any, *, exact: bool) -> tuple[Any, Any]:
    """Two lists as mappings by name, id or place; anything else as it is."""
    if not (isinstance(a, list) and isinstance(b, list)):
        return a, b
    if exact:
        return dict(enumerate(a)), dict(enumerate(b))
    if _are_names(a) and _are_names(b) and {*a} != {*b}:
        return {name: name for name in a}, {name: name for name in b}
    return _by_id(a), _by_id(b)


def _are_names(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items) and len({*items}) == len(items)


def _by_id(items: list[Any]) -> dict[Any, Any]:
    if all(isinstance(item, dict) and "id" in item for item in items):
        return {item["id"]: item for item in items}
    return dict(enumerate(items))

"""Where two trees of plain data differ: inputs of two studies, two summaries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any


def leaf_differences(
    a: Any, b: Any, words: str = "{a!r} there, {b!r} asked for"
) -> list[str]:
    """Key paths at which two trees differ, with both values."""
    return [
        f"{path}: {words.format(a=one, b=other)}"
        for path, one, other in differences(a, b)
    ]


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
    one, other = a, b
    if isinstance(a, list) and isinstance(b, list):
        named = _are_names(a) and _are_names(b) and {*a} != {*b}
        one, other = (
            dict(enumerate(of))
            if exact
            else {k: k for k in of}
            if named
            else _by_id(of)
            for of in (a, b)
        )
    if (
        isinstance(one, dict)
        and isinstance(other, dict)
        and not (exact and one.keys() != other.keys())
    ):
        for key in sorted({*one, *other}, key=str):
            below = f"{path}.{key}" if path else str(key)
            yield from differences(
                one.get(key), other.get(key), below, same=same, exact=exact
            )
    elif not same(a, b):
        yield path, a, b


def _are_names(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items) and len({*items}) == len(items)


def _by_id(items: list[Any]) -> dict[Any, Any]:
    have_ids = all(isinstance(item, dict) and "id" in item for item in items)
    return {item["id"] if have_ids else at: item for at, item in enumerate(items)}

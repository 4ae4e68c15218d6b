"""Numbers as JSON knows them; dataclasses as a notebook shows them."""

from __future__ import annotations

import math
from typing import Any

from balance_sim.scenario.diagnostics import shown


def plain_data(value: Any) -> Any:
    """The same for JSON: null for NaN and infinities, lists for tuples and arrays, Python's numbers for NumPy's.

    >>> plain_data({"p": float("nan"), "ci95": (0.5, 1.0)})
    {'p': None, 'ci95': [0.5, 1.0]}
    """
    if isinstance(value, dict):
        return {key: plain_data(of) for key, of in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain_data(of) for of in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class OneLine:
    """A base of dataclasses that a notebook shows in one line: single values, and how many the others hold.

    >>> from dataclasses import dataclass
    >>> @dataclass(repr=False)
    ... class Found(OneLine):
    ...     arm: str
    ...     draws: list[int]
    >>> Found("summit", [1, 2, 3])
    <Found: arm summit, 3 draws>
    """

    def __repr__(self) -> str:
        said = []
        for name, value in vars(self).items():
            if isinstance(value, str | int | float):
                said += [f"{name} {shown(value, 40)}"] if value != "" and not name.startswith("_") else []
            elif hasattr(value, "__len__") and not name.startswith("_"):
                said += [f"{len(value):,} {name}"] if len(value) else []
        return f"<{type(self).__name__}: {shown(', '.join(said), 160)}>"

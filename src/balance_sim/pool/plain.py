"""Numbers as JSON knows them."""

from __future__ import annotations

import math
from typing import Any


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

"""Tables as CSV in which a spreadsheet finds no formula."""

from __future__ import annotations

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """The text; with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def frame_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV. Numbers are as pandas writes them; text is harmless, in cells and in the header."""
    safe = frame.rename(columns=lambda name: harmless(str(name)))
    for at, (_, column) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(column):
            safe.isetitem(at, [harmless(one) if isinstance(one, str) else one for one in column])
    return safe.to_csv(index=False, lineterminator="\n")

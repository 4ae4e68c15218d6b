"""Tables as CSV in which a spreadsheet finds no formula."""

from __future__ import annotations

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # full width, too


def harmless(text: str) -> str:
    """The text; with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA) else text


def harmless_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with harmless text, in cells and in the header; numbers stay as they are."""
    safe = frame.rename(columns=lambda name: harmless(str(name)))
    for at, (_, column) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(column):
            safe.isetitem(at, [harmless(one) if isinstance(one, str) else one for one in column])
    return safe


def frame_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV. Numbers are as pandas writes them; text is harmless, in cells and in the header."""
    return harmless_frame(frame).to_csv(index=False, lineterminator="\n")

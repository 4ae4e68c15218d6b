"""Single values as people write them: dates."""

from __future__ import annotations

import re
from datetime import date

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def iso_date(value: object) -> object:
    """A `date` from text YYYY-MM-DD; anything else is handed back for the schema to refuse."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value

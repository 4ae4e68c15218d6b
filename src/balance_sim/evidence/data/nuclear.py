"""Who has nuclear weapons, and since when: nuclear.csv beside this module, each row with its source.

Weapons on a state's soil that another controls do not count, nor a test that was no weapon. A date known to the
year stands as 1 January."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache

from balance_sim.scenario.files import shipped_text


@cache
def _spells() -> tuple[tuple[str, date, date | None], ...]:
    rows = csv.DictReader(shipped_text("balance_sim.evidence", "nuclear.csv").splitlines())
    day = date.fromisoformat
    return tuple((r["state"], day(r["since"]), day(r["until"]) if r["until"] else None) for r in rows)


def nuclear_since(state: str, on: date) -> date | None:
    """The day from which a state has had the nuclear weapons that it has on `on`; None: it has none then.

    state: ISO3, or SUN for the Soviet Union, whose weapons Russia holds since.

    >>> nuclear_since("ZAF", date(1985, 1, 1)), nuclear_since("ZAF", date(1992, 1, 1))
    (datetime.date(1979, 1, 1), None)
    """
    for code, since, until in _spells():
        if code == state and since <= on and (until is None or on < until):
            return since
    return None

"""What must hold of pairs of states: given once, shares that add up, dates of accords in their order."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from balance_sim.scenario.draft import Draft
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.problems import Problem, problem
from balance_sim.scenario.rows import Row
from balance_sim.scenario.schema import Accord

DONE = ("opened", "signed", "in_force", "ended")


def check_pairs(draft: Draft) -> Iterator[Problem]:
    """Each undirected pair once whatever its order, each directed pair once; trade shares within 1."""
    for name in ("disputes", "distances", "trade", "frailties"):
        seen: dict[str, Node] = {}
        for row in draft.rows[name]:
            if row.key is None:
                continue
            if row.key in seen:
                first = seen[row.key].mark
                other = f" of {first.file}" if first.file != row.node.mark.file else ""
                why = f"the pair conflicts with line {first.line}{other}: each pair once"
                yield problem(row.node.mark, row.path, "E308", why, suggestion="remove one")
            seen.setdefault(row.key, row.node)
    shares: defaultdict[str, list[float]] = defaultdict(list)
    last: dict[str, Row] = {}
    for row in draft.rows["trade"]:
        if row.value is not None:
            shares[row.value.state].append(row.value.share)
            last[row.value.state] = row
    for state, parts in shares.items():
        total = math.fsum(parts)
        if total > 1.0 + 1e-9:
            at = last[state].at("share")
            why = f"the shares of `{state}` sum to {total:.6g}; must be 1 at most"
            yield problem(at.mark, f"{last[state].path}.share", "E213", why)


def check_no_relations(draft: Draft) -> Iterator[Problem]:
    """Spells that end after they begin, and of one dyad and kind one at a time."""
    spells: defaultdict[str, list[Row]] = defaultdict(list)
    for row in draft.rows["no_relations"]:
        spell = row.value
        if spell is None or row.key is None:
            continue
        if spell.since is not None and spell.until is not None and spell.until <= spell.since:
            why = f"`until` {spell.until} is not after `from` {spell.since}"
            hint = "`until` is the day on which it ended; leave it blank while it goes on"
            yield problem(row.at("until").mark, f"{row.path}.until", "E215", why, "from < until", hint)
        else:
            spells[row.key].append(row)
    for rows in spells.values():
        rows.sort(key=lambda row: row.value.since or date.min)
        for earlier, later in pairwise(rows):
            ended, begun = earlier.value.until, later.value.since
            if ended is None or begun is None or begun < ended:
                first = earlier.node.mark
                other = f" of {first.file}" if first.file != later.node.mark.file else ""
                why = f"the spell overlaps that of line {first.line}{other}: the same dyad and kind"
                hint = "join the two, or correct a date"
                yield problem(later.node.mark, later.path, "E308", why, suggestion=hint)


def check_accords(draft: Draft) -> Iterator[Problem]:
    """Dates in order, and what the status says matches the dates given."""
    start = draft.head.start if draft.head else None
    end = draft.head.end if draft.head else None
    for row in draft.rows["accords"]:
        if row.value is not None:
            yield from _order(row.value, row)
            yield from _status(row.value, row)
            if start is not None and end is not None and start < end:
                yield from _against_start(row.value, row, start)


def _coarse(day: date, precision: str) -> tuple[int, ...]:
    parts = (day.year, day.month, day.day)
    return parts[: {"year": 1, "month": 2, "day": 3}[precision]]


def _order(accord: Accord, row: Row) -> Iterator[Problem]:
    dates = [
        ("opened", accord.opened),
        ("signed", accord.signed or accord.scheduled_signed),
        ("in_force", accord.in_force or accord.scheduled_in_force),
        ("ended", accord.ended),
    ]
    given = [(name, day) for name, day in dates if day is not None]
    for (before, early), (after, late) in pairwise(given):
        if _coarse(late, accord.precision) < _coarse(early, accord.precision):
            at = row.at(after, f"scheduled_{after}")
            why = f"`{after}` {late} is before `{before}` {early}"
            yield problem(at.mark, f"{row.path}.{after}", "E215", why, " <= ".join(DONE))


def _status(accord: Accord, row: Row) -> Iterator[Problem]:
    forbidden = {
        "talks": ("signed", "in_force", "ended"),
        "signed": ("in_force", "ended", "scheduled_signed"),
        "in_force": ("ended", "scheduled_signed", "scheduled_in_force"),
        "collapsed": ("in_force", "scheduled_signed", "scheduled_in_force"),
        "ended": ("scheduled_signed", "scheduled_in_force"),
    }[accord.status]
    for name in forbidden:
        if getattr(accord, name) is not None:
            at = row.at(name)
            instead = name in ("signed", "in_force") and accord.status in ("talks", "signed")
            hint = (
                f"a date fixed beforehand is `scheduled_{name}`"
                if instead
                else "correct the status or the date"
            )
            why = f"an accord with status `{accord.status}` has no `{name}` date"
            yield problem(at.mark, f"{row.path}.{name}", "E215", why, suggestion=hint)
    if accord.status == "signed" and accord.signed is None:
        at = row.at("status")
        yield problem(at.mark, f"{row.path}.signed", "E103", "`signed` is required with status `signed`")
    if accord.status == "ended" and accord.ended is None:
        at = row.at("status")
        yield problem(at.mark, f"{row.path}.ended", "E103", "`ended` is required with status `ended`")
    if accord.status == "in_force" and accord.signed is None and accord.in_force is None:
        at = row.at("status")
        yield problem(
            at.mark, row.path, "W309", "in force since an unknown date: neither `signed` nor `in_force`"
        )


def _against_start(accord: Accord, row: Row, start: date) -> Iterator[Problem]:
    for name in DONE:
        day = getattr(accord, name)
        if day is not None and day > start:
            instead = f"scheduled_{name}"
            hint = f"a date fixed beforehand is `{instead}`" if name in ("signed", "in_force") else ""
            why = f"`{name}` {day} is after `start` {start}: accords are those on record then"
            yield problem(row.at(name).mark, f"{row.path}.{name}", "E215", why, suggestion=hint)
    for name in ("scheduled_signed", "scheduled_in_force"):
        day = getattr(accord, name)
        if day is not None and day < start:
            why = f"`{name}` {day} is before `start` {start}"
            hint = f"what has happened is `{name.removeprefix('scheduled_')}`"
            yield problem(row.at(name).mark, f"{row.path}.{name}", "E215", why, suggestion=hint)

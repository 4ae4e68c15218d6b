"""Whom one does not sign with on a day: relations.csv beside this module, and wars from the series of disputes.

Facts of the table are from memory, each with where it can be checked; no series at hand has relations, recognition or
sanctions. Its rules, docs/decisions/0019-whom-one-does-not-sign-with.md:

* war: armed force between the two governments, under way, or ended less than twelve months before without a peace
  settlement; then the spell ends twelve months after the last fighting.
* no_diplomatic_relations: relations broken off, or refused by one of the two.
* not_recognised: one of the two does not recognise the other as the state it claims to be.
* sanctions: an arms embargo of one's own, or of one's union, together with financial sanctions on the other's
  government, state banks or armed forces. What the Security Council asks of all is none of one's own.

`*` stands for every state without a row `recognised`. A blank `from` is a spell that began before all starts."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from datetime import date
from functools import cache

from balance_sim.scenario.files import shipped_text

Row = dict[str, str]

MEMORY = "from memory, to be checked"
UNSETTLED = "no settlement"
"""Says of a war that its fighting is over: its end is then known by the rule."""


@cache
def _facts() -> tuple[Row, ...]:
    return tuple(csv.DictReader(shipped_text("balance_sim.evidence", "relations.csv").splitlines()))


def known_relations(codes: Collection[str], start: date) -> list[Row]:
    """Spells of the table in force on a day between two of the states, in the order of dyad and kind.

    codes: of the date (SUN, not RUS, in 1950). Nothing that came later is told: neither spells nor their ends.

    >>> [row["kind"] for row in known_relations(("CAN", "IRN", "TWN"), date(2025, 9, 1))]
    ['no_diplomatic_relations', 'sanctions', 'not_recognised', 'not_recognised']
    """
    rows = []
    for fact in _facts():
        begun = not fact["from"] or date.fromisoformat(fact["from"]) <= start
        if not begun or (fact["until"] and date.fromisoformat(fact["until"]) <= start):
            continue
        if fact["kind"] == "recognised":
            continue
        for a, b in _dyads(fact, codes):
            known = UNSETTLED in fact["source"] and fact["from"][:4] == str(start.year)
            since = "" if fact["a"] == "*" else fact["from"]
            until = fact["until"] if known else ""
            source = f"{fact['source']}; {MEMORY}"
            rows.append(
                {"a": a, "b": b, "from": since, "until": until, "kind": fact["kind"], "source": source}
            )
    return sorted(rows, key=lambda row: (row["a"], row["b"], row["kind"]))


def _dyads(fact: Row, codes: Collection[str]) -> Iterator[tuple[str, str]]:
    if fact["b"] not in codes:
        return
    if fact["a"] != "*":
        if fact["a"] in codes:
            yield fact["a"], fact["b"]
        return
    apart = {row["a"] for row in _facts() if row["kind"] == "recognised" and row["b"] == fact["b"]}
    for code in sorted({*codes} - apart - {fact["b"]}):
        a, b = sorted((code, fact["b"]))
        yield a, b

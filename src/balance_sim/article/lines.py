"""The mechanisms of the founding article in words: rows for figures, and the lines that
`run --verbose` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from balance_sim.show import wording as say

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult

MOST_PLACES = 6
HEADS = ["mechanism", "value", "95 % CI", "found", "placebo p"]
TAGS = {"emergent": "emergent: sign open", "implied": "implied: size only"}
IMPLIED = (
    "Implied: the sign was the same in all draws of the guessed parameters (M2: not "
    "tested), so only the size, and how it compares with placebo events, is a finding."
)
FEW_REPLICATIONS = 30


def mechanism_rows(result: AnalysedResult) -> list[dict[str, str]]:
    """Each mechanism in words: id, name, value, interval, tag, found, p among placebos,
    why, note; else empty."""
    mechanisms = result.additions["mechanisms"]
    return [_row_words(name, row) for name, row in mechanisms.items()]


def _row_words(name: str, row: Mapping[str, Any]) -> dict[str, str]:
    value, (lo, hi) = row["value"], row["ci95"]
    if None not in (value, lo, hi) and abs(value) < (hi - lo) / 1000:
        value = 0.0  # rounding error of the arithmetic
    places = places_of_values(value, lo, hi)
    interval = f"{say.number(lo, places)} to {say.number(hi, places)}"
    if lo is None and hi is None:
        interval = ""
    elif lo == hi == 0:
        interval = "no replication differs"
    p = row["placebo_p"]
    words = {key: row.get(key) or "" for key in ("name", "tag", "found", "why", "note")}
    return words | {
        "id": name,
        "value": say.number(value, places),
        "interval": interval,
        "placebos": "" if p is None else say.number(p, 3),
    }


def places_of_values(*values: float | None) -> int:
    """Decimals for a value and its bounds: three significant digits of the largest
    (12.3 -> 1, 0.0123 -> 4); 1 to MOST_PLACES."""
    sizes = [abs(v) for v in values if v is not None and math.isfinite(v)]
    largest = max(sizes, default=0.0)
    if not largest:
        return 1
    return min(max(2 - math.floor(math.log10(largest)), 1), MOST_PLACES)


def mechanism_lines(result: AnalysedResult, width: int = say.WIDTH) -> Iterator[str]:
    """Value with its CI, what was found, placebo p; those with an open sign first; and
    how to read them. Nothing where there is no arm to compare."""
    if result.headline_arm is None:
        return
    rows, titles = mechanism_rows(result), say.arm_titles(result.scenario)
    arm, control = titles[result.headline_arm], titles[result.reference]
    yield from say.said(f"Mechanisms: {arm}, relative to {control}", width)
    cells = _table_cells(rows)
    if len(cells) > 1:
        yield from say.table(cells, "<>><>", width=width)
    for line in (*_notes(rows), *_how_to_read(result)):
        yield from say.wrapped(line, width=width)


def _table_cells(rows: list[dict[str, str]]) -> list[list[str]]:
    """Heads, then the rows with a value, those of each tag under its own line."""
    cells = [HEADS]
    for tag, words in TAGS.items():
        rows_of_tag = [row for row in rows if row["tag"] == tag and not row["why"]]
        if rows_of_tag:
            cells.append([words, "", "", "", ""])
        for row in rows_of_tag:
            numbers = [row[key] for key in ("value", "interval", "found", "placebos")]
            cells.append([f"{row['id']:<3} {row['name']}", *numbers])
    return cells


def _notes(rows: list[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        if row["why"]:
            yield f"{row['id']} {row['name']}: no value: {row['why']}."
        elif row["note"]:
            yield f"{row['id']}: {row['note']}."


def _how_to_read(result: AnalysedResult) -> Iterator[str]:
    """What must be known to read the table."""
    yield IMPLIED
    mechanisms = result.additions["mechanisms"].items()
    compared = max((row["placebos"] for key, row in mechanisms if key != "M2"))
    if compared:
        yield (
            "Placebo p: two-sided, of the event among "
            f"{say.plural(compared, 'set')} of other participants, with the network as "
            "at the start; M2: among shuffles of who is threatened."
        )
    arms = {*result.extra_by_run.arms}
    if not arms:
        yield "Without the extra replications behind M4, M8 and M11."
        return
    replications = result.extra_by_run.runs
    count = replications * len(arms | {result.reference})
    caution = " So few give wide CIs." if replications < FEW_REPLICATIONS else ""
    yield (
        f"Behind M4, M8 and M11: {say.plural(count, 'further replication')}, in every "
        f"fourth replication ({replications}).{caution}"
    )

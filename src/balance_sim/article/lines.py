"""The mechanisms of the founding article as rows of words, for the terminal and for
figures."""

from __future__ import annotations

import math
from collections.abc import Iterator

from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.wording import WIDTH, said, table_or_lines, wrapped

MOST_PLACES = 6


def mechanism_rows(result: AnalysedResult) -> list[dict[str, str]]:
    """Each mechanism in words: id, name, value, interval, tag, found, p among placebos,
    why, note; else empty."""
    rows = []
    for key, of in result.mechanisms.items():
        value, (lo, hi) = of["value"], of["ci95"]
        if None not in (value, lo, hi) and abs(value) < (hi - lo) / 1000:
            value = 0.0  # rounding error of the arithmetic
        places = places_of_values(value, lo, hi)
        bounds = (
            ""
            if lo is None and hi is None
            else f"{say.number(lo, places)} to {say.number(hi, places)}"
        )
        words = {
            name: of.get(name) or "" for name in ("name", "tag", "found", "why", "note")
        }
        told = {"id": key, "value": say.number(value, places)}
        told["interval"] = "no replication differs" if lo == hi == 0 else bounds
        told["placebos"] = (
            "" if of["placebo_p"] is None else say.number(of["placebo_p"], 3)
        )
        rows.append(words | told)
    return rows


def places_of_values(*values: float | None) -> int:
    """Decimals for a value and its bounds: three significant digits of the largest
    (12.3 -> 1, 0.0123 -> 4); 1 to MOST_PLACES."""
    most = max(
        (abs(one) for one in values if one is not None and math.isfinite(one)),
        default=0.0,
    )
    return min(max(2 - math.floor(math.log10(most)), 1), MOST_PLACES) if most else 1


def mechanism_lines(result: AnalysedResult, width: int = WIDTH) -> Iterator[str]:
    """Value with its CI, what was found, placebo p; those with an open sign first; and
    how to read them."""
    rows, titles = mechanism_rows(result), say.arm_titles(result.scenario)
    arm, control = titles[str(result.headline_arm)], titles[result.reference]
    yield from said(f"Mechanisms: {arm}, relative to {control}", width)
    cells = [["mechanism", "value", "95 % CI", "found", "placebo p"]]
    for tag, words in (
        ("emergent", "emergent: sign open"),
        ("implied", "implied: size only"),
    ):
        inside = [row for row in rows if row["tag"] == tag and not row["why"]]
        cells += [[words, "", "", "", ""]] if inside else []
        for row in inside:
            name = f"{row['id']:<3} {row['name']}"
            cells.append(
                [name, row["value"], row["interval"], row["found"], row["placebos"]]
            )
    yield from table_or_lines(cells, "<>><>", width) if len(cells) > 1 else ()
    notes = [
        f"{row['id']} {row['name']}: no value: {row['why']}."
        if row["why"]
        else f"{row['id']}: {row['note']}."
        for row in rows
        if row["why"] or row["note"]
    ]
    for line in (*notes, *_reading(result)):
        yield from wrapped(line, width=width)


def _reading(result: AnalysedResult) -> Iterator[str]:
    """What must be known to read the table."""
    yield (
        "Implied: the sign was the same in all draws of the guessed parameters (M2: not tested), so only the size, "
        "and how it compares with placebo events, is a finding."
    )
    if compared := max(
        (of["placebos"] for key, of in result.mechanisms.items() if key != "M2"),
        default=0,
    ):
        yield (
            f"Placebo p: two-sided, of the event among {say.plural(compared, 'set')} of other participants, with the "
            "network as at the start; M2: among shuffles of who is threatened."
        )
    if not result.extra_by_run.arms:
        yield "Without the extra replications behind M4, M8 and M11 (--no-mechanisms)."
        return
    simulated = result.extra_by_run.runs
    extra = say.plural(
        simulated * len({*result.extra_by_run.arms, result.reference}),
        "further replication",
    )
    few = " So few give wide CIs." if simulated < 30 else ""
    what = f"{extra}, in every fourth replication ({simulated}); --no-mechanisms leaves them out.{few}"
    yield f"Behind M4, M8 and M11: {what}"

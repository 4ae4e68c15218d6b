"""The mechanisms as a table for the terminal: value with its interval, tag, what was found, placebo p."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from balance_sim.show.wording import number, plural

if TYPE_CHECKING:
    from rich.console import Console

    from balance_sim.analysis.result import AnalysedResult

NARROW = 76  # columns below which the table becomes lines
WIDE = 108  # columns from which each mechanism has one line
NAMES = 39  # columns of the longest name
STACK = "\n"
DIGITS = 3


def mechanism_rows(result: AnalysedResult) -> list[dict[str, str]]:
    """Each mechanism in words: id, name, value, interval, tag, found, p among placebos, why, note; else empty."""
    return [_row(key, of) for key, of in result.mechanisms.items()]


def mechanism_table(result: AnalysedResult, console: Console | None = None) -> None:
    """Print the mechanisms, and what must be known to read them."""
    from rich.console import Console
    from rich.text import Text

    page = console or Console(highlight=False)
    rows = mechanism_rows(result)
    page.print(Text(""))
    page.print(Text(f"Mechanisms, {result.headline_arm} against {result.reference}", style="bold"))
    if page.width < NARROW:
        for row in rows:
            page.print(Text(_line(row)))
    else:
        _table(page, [row for row in rows if not row["why"]])
        for row in rows:
            if row["why"]:
                page.print(Text(f"{row['id']} {row['name']}: no value: {row['why']}."))
            elif row["note"]:
                page.print(Text(f"{row['id']}: {row['note']}."))
    for line in reading(result):
        page.print(Text(line))


def reading(result: AnalysedResult) -> list[str]:
    """What must be known to read the table."""
    compared = max((of["placebos"] for key, of in result.mechanisms.items() if key != "M2"), default=0)
    lines = [
        "Implied: the sign was the same in all draws of the guessed parameters (M2: not tested), so only the size, "
        "and how it compares with placebo events, is a finding."
    ]
    if compared:
        lines.append(
            f"Placebo p: two-sided, of the event among {plural(compared, 'set')} of other participants, with the "
            "network as at the start; M2: among shuffles of who is threatened."
        )
    if result.extra_by_run.arms:
        lived = result.extra_by_run.runs
        extra = lived * len({*result.extra_by_run.arms, result.reference})
        few = " So few give wide intervals." if lived < 30 else ""
        lines.append(
            f"Behind M4, M8 and M11: {plural(extra, 'further replication')}, in every fourth "
            f"replication ({lived}); --no-mechanisms leaves them out.{few}"
        )
    else:
        lines.append("Without the extra replications behind M4, M8 and M11 (--no-mechanisms).")
    return lines


def _row(key: str, of: dict[str, Any]) -> dict[str, str]:
    value, (lo, hi), p = of["value"], of["ci95"], of["placebo_p"]
    if None not in (value, lo, hi) and abs(value) < (hi - lo) / 1000:
        value = 0.0  # rounding error of the arithmetic
    return {
        "id": key,
        "name": of["name"],
        "value": _number(value),
        "interval": _interval(lo, hi),
        "tag": of["tag"],
        "found": of["found"] or "",
        "placebos": "" if p is None else number(p, 3),
        "why": of.get("why", ""),
        "note": of.get("note", ""),
    }


def _interval(lo: float | None, hi: float | None) -> str:
    if lo == hi == 0:
        return "no run differs"
    return "" if lo is None and hi is None else f"{_number(lo)} to {_number(hi)}"


def _number(value: float | None) -> str:
    """Three significant digits; small ones as powers of ten."""
    if value is None:
        return "-"
    if value != 0 and abs(value) < 1e-4:
        return f"{value:.1e}"
    places = DIGITS - 1 - math.floor(math.log10(abs(value))) if value != 0 else 1
    return number(value, min(max(places, 0), 6))


def _table(page: Console, rows: list[dict[str, str]]) -> None:
    """Emergent rows with what was found, then the implied ones, which have a size only.

    Where the page is too narrow for a line each, the interval stands under its value."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide = page.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    table.add_column("mechanism", min_width=NAMES if wide else None, ratio=None if wide else 1)
    for name in ("value", "95 % interval") if wide else (f"value{STACK}95 % interval",):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("found", min_width=None if wide else 15, no_wrap=wide)
    table.add_column("placebo p" if wide else "placebo\np", justify="right", no_wrap=True)
    for tag, words in (("emergent", "emergent: sign open"), ("implied", "implied: size only")):
        inside = [row for row in rows if row["tag"] == tag]
        if inside:
            table.add_row("", Text(words, style="bold"))
        for row in inside:
            pair = [row["value"], row["interval"]]
            numbers = pair if wide else [STACK.join(filter(None, pair))]
            cells = [row["id"], row["name"], *numbers, row["found"], row["placebos"]]
            table.add_row(*(Text(cell) for cell in cells))
    page.print(table)


def _line(row: dict[str, str]) -> str:
    if row["why"]:
        return f"{row['id']} {row['name']}: no value: {row['why']}."
    bounds = f" ({row['interval']})" if row["interval"] else ""
    placebos = f", placebo p {row['placebos']}" if row["placebos"] else ""
    found = row["found"] or "size only"
    return f"{row['id']} {row['name']}: {row['value']}{bounds}, {row['tag']}, {found}{placebos}"

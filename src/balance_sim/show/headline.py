"""What a run found, for the terminal: the finding in two sentences, then the tables it rests on.

Everything is printed as plain text objects, so that brackets and colons in a scenario's words stay words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from balance_sim.show.tables import DIRECTIONS, clear, direction_table, tied_with_last, top_pairs
from balance_sim.show.wording import (
    Verdict,
    decimals,
    interval,
    largest_unseen_share,
    number,
    percent,
    plural,
    points,
    points_interval,
    printable,
    signed,
    verdict,
)

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from balance_sim.study.result import Result

NARROW = 64  # columns below which tables become lines
MOST_ARMS = 6


def finding(result: Result) -> str:
    """The finding for the headline arm in one or two plain sentences."""
    outcome = f"accords_counter_{result.window}"
    reference, arm = result.reference, result.headline_arm
    within = f"counter-accords within {result.window} days"
    base = _row(result.levels, reference, outcome)
    if base is None or not base["n"]:
        return "No run finished, so there is nothing to report."
    if arm is None:
        return (
            f"Only the reference arm {reference} was run: {number(base['mean'], 1)} {within} on average. "
            "Nothing to compare."
        )
    row = _row(result.effects, arm, outcome)
    if row is None or not row["n"]:
        return "No paired run finished, so there is nothing to report."
    return _sentences(row, arm, reference, within, number(base["mean"], 1))


def _sentences(row: dict[str, float], arm: str, reference: str, within: str, anyway: str) -> str:
    n, places = int(row["n"]), decimals(row["mcse"], row["lo"], row["hi"])
    differing = row["share_positive"] + row["share_negative"]
    found: Verdict = verdict(row["mean"], row["lo"], row["hi"], differing, n)
    bounds = f"95 % interval {interval(row['lo'], row['hi'], places)}"
    ends = f"The number differs in {percent(differing)} of the runs."
    if found == "no run differs":
        return (
            f"No excess: in each of {n:,} paired runs {arm} has as many {within} as {reference}, "
            f"{anyway} on average. "
            f"With 95 % confidence fewer than {percent(largest_unseen_share(n))} of runs would differ."
        )
    if found == "one run":
        if row["mean"] == 0:
            return f"In the one run, {arm} has as many {within} as {reference}, {anyway}. One run gives no interval."
        return (
            f"In the one run, {arm} has {signed(row['mean'], 0)} {within} against {reference}, "
            f"where {anyway} come anyway. One run gives no interval."
        )
    if found == "not distinguishable":
        return (
            f"In {n:,} paired runs the excess of {within} in {arm} over {reference} "
            "is not distinguishable from none: "
            f"{signed(row['mean'], places)} on average ({bounds}), "
            f"on top of {anyway} that come anyway. {ends}"
        )
    if found == "more":
        return (
            f"In {n:,} paired runs {arm} has on average {number(row['mean'], places)} more {within} "
            f"than {reference} ({bounds}), on top of {anyway} that come anyway. {ends}"
        )
    fewer = f"95 % interval {interval(-row['hi'], -row['lo'], places)}"
    return (
        f"In {n:,} paired runs {arm} has on average {number(-row['mean'], places)} fewer {within} "
        f"than {reference} ({fewer}), where {anyway} come. {ends}"
    )


def headline(result: Result, console: Console | None = None) -> None:
    """Print the finding and its tables. Readable at 80 columns; below 64 the tables become lines."""
    from rich.console import Console

    page = _Page(console or Console(highlight=False))
    scenario = result.scenario
    page.heading(printable(scenario.title))
    if scenario.question:
        page.text(printable(scenario.question))
    page.text("")
    page.text(finding(result))
    if not result.outcomes.empty:
        _accords(result, page)
        _pairs(result, page)
        _anyway(result, page)
    _failed(result, page)
    _inputs(result, page)


class _Page:
    """Where the text goes, and how wide it is."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.narrow = console.width < NARROW

    def text(self, words: str, style: str = "") -> None:
        from rich.text import Text

        self.console.print(Text(words, style=style))

    def heading(self, words: str) -> None:
        self.text(words, "bold")

    def table(self, words: list[str], numbers: list[str], rows: list[list[str]]) -> None:
        """Columns of words, then of numbers. A row of one cell is a subheading."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for name in words:
            table.add_column(Text(name), overflow="fold")
        for name in numbers:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)


def _accords(result: Result, page: _Page) -> None:
    few = len(result.arms) <= MOST_ARMS
    arms = result.arms if few else (result.reference, str(result.headline_arm))
    frame = direction_table(result, arms)
    page.text("")
    over = f"excess over {result.reference}, paired by run" if len(arms) > 1 else "one arm, no excess"
    page.heading(f"New accords within {result.window} days, mean per run; {over}")
    rows: list[list[str]] = []
    for arm in arms:
        rows.append([f"{arm} (reference)" if arm == result.reference else arm])
        part = frame[frame["arm"] == arm].to_dict("records")
        rows += [_accord_cells(row, reference=arm == result.reference) for row in part]
    if page.narrow:
        for cells in rows:
            page.text(_accord_line(cells))
    else:
        page.table(["arm and direction"], ["mean", "excess", "95 % interval", "MC error"], rows)
    page.text("")
    page.text(
        "counter: neither side takes part in the event and at least one is threatened. "
        "MC error: Monte Carlo error of the mean excess; it shrinks with more runs. "
        "Intervals hold the chance of the runs at these parameters, not doubt about the parameters."
    )
    for arm in arms:
        if title := printable(result.scenario.arms[arm].title):
            page.text(f"{arm}: {title}")
    if len(arms) < len(result.arms):
        page.text(f"{len(result.arms) - len(arms)} other arms: see summary.json.")


def _accord_cells(row: Mapping[Hashable, Any], *, reference: bool) -> list[str]:
    cells = ["  " + DIRECTIONS[str(row["direction"])], number(row["mean"], 1)]
    if reference:
        return cells
    if row["differing"] == 0:
        return [*cells, "0", "no run differs", "0"]
    places = decimals(row["mcse"], row["lo"], row["hi"])
    return [
        *cells,
        signed(row["excess"], places),
        interval(row["lo"], row["hi"], places),
        number(row["mcse"], places),
    ]


def _accord_line(cells: list[str]) -> str:
    """The same as words, for a narrow page."""
    if len(cells) < 3:
        return ": ".join(cells)
    return f"{cells[0]}: {cells[1]}; excess {cells[2]} ({cells[3]}), error {cells[4]}"


def _pairs(result: Result, page: _Page) -> None:
    arm = result.headline_arm
    if arm is None:
        return
    frame = top_pairs(result, arm)
    page.text("")
    if frame.empty:
        page.text(f"Pairs: none has a new accord in more runs of {arm} than of {result.reference}.")
        return
    page.heading(f"Pairs with the largest excess in {arm}: per cent of runs with a new accord")
    rows = [
        [
            f"{row['a']}-{row['b']}",
            f"{100 * row['p']:.1f} %",
            f"{100 * row['p_reference']:.1f} %",
            points(row["excess"]),
            points_interval(row["lo"], row["hi"]),
        ]
        for row in frame.to_dict("records")
    ]
    if page.narrow:
        for cells in rows:
            page.text(f"  {cells[0]}: {cells[1]}, without {cells[2]}, excess {cells[3]} ({cells[4]})")
    else:
        page.table(["pair"], ["with", "without", "excess, points", "95 % interval"], rows)
    page.text("")
    page.text(_picked(frame))
    if tied := tied_with_last(result, arm, frame):
        have = plural(tied, "further pair has", "further pairs have")
        page.text(f"{have} the same excess as the last one shown.")


def _picked(frame: pd.DataFrame) -> str:
    shown, sure = len(frame), int(clear(frame).sum())
    of = f"{sure} of these {shown} have" if shown > 1 else ("It has" if sure else "It does not have")
    return f"{of} an interval that excludes zero. They were picked for being the largest, so some are chance."


def _anyway(result: Result, page: _Page) -> None:
    scheduled = result.scheduled
    page.text("")
    page.heading("What came anyway")
    if scheduled.empty:
        page.text("Scheduled beforehand: nothing.")
    for one in scheduled.to_dict("records"):
        name = printable(str(one["name"])) or str(one["kind"]).replace("_", " ")
        page.text(
            f"Scheduled: {one['a']}-{one['b']}, {name}, {one['stage']} on {one['date']}: "
            "the same date in every arm, so its effect is zero by construction."
        )
    outcome = f"from_talks_{result.window}"
    base = _row(result.levels, result.reference, outcome)
    if base is None:
        return
    words = (
        f"Already in talks: {number(base['mean'], 1)} of the new accords of {result.reference} come from "
        "talks under way at the start, recorded or assumed."
    )
    row = _row(result.effects, result.headline_arm, outcome) if result.headline_arm else None
    if row is not None and math.isfinite(row["mean"]):
        places = decimals(row["mcse"], row["lo"], row["hi"])
        known = math.isfinite(row["lo"])
        bounds = f" (95 % interval {interval(row['lo'], row['hi'], places)})" if known else ""
        differing = row["share_positive"] + row["share_negative"]
        words += (
            f" In {result.headline_arm}: {signed(row['mean'], places)}{bounds}, counted in the excess above."
            if differing
            else f" In {result.headline_arm}: as many in every run."
        )
    page.text(words)


def _failed(result: Result, page: _Page) -> None:
    if result.failed:
        page.text("")
        numbers = ", ".join(str(row["run"]) for row in result.failed[:10])
        more = f" and {len(result.failed) - 10} more" if len(result.failed) > 10 else ""
        what = plural(len(result.failed), "run failed and counts", "runs failed and count")
        page.heading(f"{what} nowhere above: run {numbers}{more}.")


def _inputs(result: Result, page: _Page) -> None:
    page.text("")
    page.text(f"{plural(result.runs, 'run')} of {plural(len(result.arms), 'arm')}, seed {result.seed}")
    page.text(f"digest {result.digest}")
    if result.folder is not None:
        page.text(f"folder {result.folder}")


def _row(frame: pd.DataFrame, arm: str | None, outcome: str) -> dict[str, Any] | None:
    """One row of a tidy table, or None."""
    if frame.empty:
        return None
    rows = frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None

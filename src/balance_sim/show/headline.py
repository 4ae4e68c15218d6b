"""What a run found, for the terminal: the finding in a sentence, the arms, the dyads, and what was scheduled anyway.

Everything is printed as plain text objects, so that brackets and colons in a scenario's words stay words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from balance_sim.show.names import arm_title, capital, dyad_name, state_names, treatment
from balance_sim.show.tables import ROWS, direction_table, top_pairs
from balance_sim.show.wording import (
    COUNTER,
    change_words,
    decimals,
    digits,
    effect_words,
    interval,
    number,
    plural,
    printable,
    signed,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console

    from balance_sim.analysis.result import AnalysedResult

NARROW = 64  # columns below which tables become lines
TOP = 5  # dyads that are shown
NO_DYAD = "No dyad shows a detectable effect."
CAVEAT = "The CI reflects Monte Carlo error only."


def finding(result: AnalysedResult) -> str:
    """The effect of the headline arm in a sentence."""
    reference, arm = result.reference, result.headline_arm
    outcome = f"accords_counter_{result.window}"
    what = f"{COUNTER} {within(result.window)}"
    base = _row(result.levels, reference, outcome)
    if base is None or not base["n"]:
        return "No replication finished, so there is nothing to report."
    if arm is None:
        title = arm_title(result.scenario, reference)
        return f"{title}: {number(base['mean'], 1)} expected {what}. There is no other arm to compare with."
    row, with_it = _row(result.effects, arm, outcome), _row(result.levels, arm, outcome)
    if row is None or with_it is None or not row["n"]:
        return "No paired replication finished, so there is nothing to report."
    numbers = (row["mean"], row["lo"], row["hi"], row["mcse"], int(row["n"]), base["mean"], with_it["mean"])
    return f"{treatment(result, arm)}: {change_words(*numbers, what)}."


def headline(result: AnalysedResult, console: Console | None = None, *, verbose: bool = False) -> None:
    """Print the finding and its tables. Readable at 80 columns; below 64 the tables become lines.

    verbose: also agreements of every direction, all dyads with an effect, and what is needed to repeat the run."""
    from rich.console import Console

    page = _Page(console or Console(highlight=False))
    scenario = result.scenario
    page.heading(printable(scenario.title))
    if scenario.question:
        page.text(printable(scenario.question))
    page.text("")
    page.text(finding(result))
    if result.finished:
        for words in (channel_words(result), placebo_words(result)):
            if words:
                page.text(words)
        _arms(result, page)
        _declared(result, page)
        _dyads(result, page, None if verbose else TOP)
        _scheduled(result, page)
        if verbose:
            _directions(result, page)
            _from_talks(result, page)
    _failed(result, page)
    _files(result, page, verbose=verbose)


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

    def table(self, heads: Sequence[str], rows: list[list[str]]) -> None:
        """A column of words, then of numbers; on a narrow page a line a row, with the heads before the numbers."""
        if self.narrow:
            for first, *cells in rows:
                told = [f"{head} {cell}" for head, cell in zip(heads[1:], cells, strict=True) if cell]
                self.text(f"{first}: {', '.join(told)}")
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
        table.add_column(Text(heads[0]), overflow="fold")
        for name in heads[1:]:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)


def channel_words(result: AnalysedResult) -> str:
    """What the focal event's two channels make of the headline effect, in a sentence; empty without the event."""
    arm = result.headline_arm
    found = result.channels.of(arm, f"accords_counter_{result.window}") if arm is not None else None
    if found is None:
        return ""
    places = decimals(abs(found["total"]) / 50)
    picture, threat = (signed(found[name], places) for name in ("picture", "threat"))
    rest = "" if abs(found["rest"]) < 1e-9 else f", what else the arm changes {signed(found['rest'], places)}"
    return (
        f"Channels: the picture of who stands together adds {picture}, the threat to its targets {threat}{rest} "
        "(exact Shapley values, expected estimator)."
    )


def placebo_words(result: AnalysedResult) -> str:
    """What the placebos say, in one sentence; empty where there are none."""
    told = []
    for of in result.placebos.families:
        if len(of.placebos):
            others = "other sets of states" if of.name == "participants" else "other dates"
            told.append(
                f"p = {of.p:.3f} against {plural(len(of.placebos), 'placebo')} with {others} ({of.verdict})"
            )
    return f"Placebos: {'; '.join(told)}." if told else ""


def _arms(result: AnalysedResult, page: _Page) -> None:
    """Every arm: expected agreements, effect, CI and Monte Carlo standard error."""
    frame = direction_table(result, result.arms)
    frame = frame[frame["direction"] == "counter"]
    titles = [
        arm_title(result.scenario, arm) + (" (control)" if arm == result.reference else "")
        for arm in frame["arm"]
    ]
    rows = _effect_rows(titles, frame)
    page.text("")
    page.heading(f"{capital(COUNTER)} {within(result.window)}, {plural(result.runs, 'replication')} per arm")
    page.table(("arm", "expected", "effect", "95 % CI", "MCSE"), rows)
    page.text(f"Effects are paired with the control arm. {CAVEAT}" if len(rows) > 1 else CAVEAT)


def _declared(result: AnalysedResult, page: _Page) -> None:
    """Declarations, which the table of arms leaves out: the level of the control arm, and the headline arm's effect."""
    frame = direction_table(result, result.arms)
    rows = frame[frame["direction"] == "declarations_counter"].to_dict("records")
    by_arm = {row["arm"]: row for row in rows}
    if result.reference not in by_arm:
        return
    words = f"Declarations apart: {number(by_arm[result.reference]['mean'], 1)} counter-balancing ones are expected in "
    words += "the control arm"
    row = by_arm.get(result.headline_arm)
    if row is not None and math.isfinite(row["effect"]):
        words += f"; effect {effect_words(row['effect'], row['lo'], row['hi'], row['mcse'])}"
    page.text(f"{words}.")


def _effect_rows(names: Sequence[str], frame: pd.DataFrame) -> list[list[str]]:
    """Name, level, effect, CI and error of each row, with the same decimals in all; empty cells for the control arm."""
    places = decimals(frame["mcse"].max(), *frame["lo"], *frame["hi"])
    rows = []
    for name, row in zip(names, frame.to_dict("records"), strict=True):
        cells = [
            signed(row["effect"], places),
            interval(row["lo"], row["hi"], places),
            number(row["mcse"], places + 1),
        ]
        known = math.isfinite(row["effect"])
        rows.append([name, number(row["mean"], min(places, 2)), *(cells if known else [""] * len(cells))])
    return rows


def _dyads(result: AnalysedResult, page: _Page, most: int | None) -> None:
    """The dyads whose effect can be detected, or the one sentence that there is none."""
    arm = result.headline_arm
    if arm is None or result.dyads.empty:
        return
    frame, every = top_pairs(result, arm), int((result.dyads["arm"] == arm).sum())
    page.text("")
    if frame.empty:
        page.text(NO_DYAD)
        return
    shown = frame if most is None else frame.head(most)
    which = "Dyads" if len(shown) == len(frame) else f"The {len(shown)} largest effects on dyads"
    page.heading(f"{which}: expected new security agreements {within(result.window)}")
    names = state_names(result.scenario)
    places = max(digits(*shown["effect"].tolist()), 3)
    rows = [
        [
            dyad_name(names, row["a"], row["b"]),
            number(row["mean_control"], places),
            number(row["mean"], places),
            signed(row["effect"], places),
            interval(row["lo"], row["hi"], places),
        ]
        for row in shown.to_dict("records")
    ]
    page.table(("dyad", "without", "with", "effect", "95 % CI"), rows)
    page.text(f"The 95 % CI of {len(frame):,} of {plural(every, 'dyad')} excludes zero.")


def _scheduled(result: AnalysedResult, page: _Page) -> None:
    page.text("")
    names = state_names(result.scenario)
    told = []
    for one in result.scheduled.to_dict("records"):
        name = printable(str(one["name"])) or str(one["kind"]).replace("_", " ")
        told.append(f"{dyad_name(names, one['a'], one['b'])}, {name} ({one['stage']} on {one['date']})")
    if not told:
        page.text("No agreement was already scheduled.")
        return
    its = "its effect is" if len(told) == 1 else "their effects are"
    page.text(f"Already scheduled, so {its} zero by construction: {'; '.join(told)}.")


def _directions(result: AnalysedResult, page: _Page) -> None:
    """New agreements of every direction in every arm."""
    page.text("")
    page.heading(f"New agreements {within(result.window)} by direction")
    frame = direction_table(result, result.arms)
    names = [
        f"{arm_title(result.scenario, arm)}: {ROWS[way]}"
        for arm, way in zip(frame["arm"], frame["direction"], strict=True)
    ]
    rows = _effect_rows(names, frame)
    page.table(("arm and direction", "expected", "effect", "95 % CI", "MCSE"), rows)
    page.text(
        "Counter-balancing: neither state takes part in the event, both fear the participants, and neither is aligned "
        "with them. Security agreements are binding and of the depth of information sharing or more; the other types "
        "are declarations."
    )


def _from_talks(result: AnalysedResult, page: _Page) -> None:
    """Agreements that come of negotiations under way at the start."""
    outcome = f"from_talks_{result.window}"
    base = _row(result.levels, result.reference, outcome)
    if base is None:
        return
    words = (
        f"{number(base['mean'], 1)} of the new security agreements in the control arm come from negotiations "
    )
    words += "under way at the start"
    row = _row(result.effects, result.headline_arm, outcome) if result.headline_arm else None
    if row is not None and math.isfinite(row["mean"]):
        words += f"; effect {effect_words(row['mean'], row['lo'], row['hi'], row['mcse'])}"
    page.text(f"{words}.")


def _failed(result: AnalysedResult, page: _Page) -> None:
    if result.failed:
        page.text("")
        numbers = ", ".join(str(row["run"]) for row in result.failed[:10])
        more = f" and {len(result.failed) - 10} more" if len(result.failed) > 10 else ""
        what = plural(len(result.failed), "replication failed and is", "replications failed and are")
        page.heading(f"{what} left out of every number above: {numbers}{more}.")


def _files(result: AnalysedResult, page: _Page, *, verbose: bool) -> None:
    page.text("")
    if verbose:
        page.text(
            f"{plural(result.runs, 'replication')} of {plural(len(result.arms), 'arm')}, seed {result.seed}"
        )
        page.text(f"digest {result.digest}")
    if result.folder is not None:
        page.text(f"Results, figures and report.html: {result.folder}")


def _row(frame: pd.DataFrame, arm: str | None, outcome: str) -> dict[str, Any] | None:
    """One row of a tidy table, or None."""
    if frame.empty:
        return None
    rows = frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None

"""`balance-sim compare A B`: two results side by side, paired where the seeds match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.wording import (
    COUNTER,
    DIRECTIONS,
    WIDTH,
    arm_titles,
    arm_words,
    capital,
    dyad_name,
    outcome_words,
    page_width,
    plural,
    shortened,
    state_names,
    table,
    terminal_width,
    within,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.compare import StudyComparison
    from balance_sim.show.comparison import Comparison

KEYS = ("point", "left_arm", "right_arm")
"""Columns that say which arms, and which point, a row compares."""
HEADS = ("outcome", "left", "right", "difference", "95 % CI")
MOST_INPUTS = 6


@click.command()
@click.argument("left")
@click.argument("right")
@click.option(
    "--dyads",
    type=click.IntRange(0, 100_000),
    default=5,
    show_default=True,
    help="Dyads that are shown.",
)
@options.verbose_option
@options.json_option
@options.terms_option
def compare(left: str, right: str, dyads: int, verbose: bool) -> None:
    """Compare two results folders, or two arms: FOLDER, FOLDER:arm, FOLDER@point,
    FOLDER@point:arm.

    Differences are RIGHT less LEFT, replication by replication where both have the same
    seed. What differs in the inputs is said first. Two results whose class tables
    differ are refused.
    `balance-sim report LEFT RIGHT` makes a page of it."""
    from balance_sim.effects.compare import compare as compare_results

    def lines() -> Iterator[str]:
        from balance_sim.show.comparison import Comparison
        from balance_sim.show.figures.comparison import studies_table, studies_title

        studies = Comparison.of([left, right])
        effects = studies_table(studies)
        if len(effects) > 1:  # where each side has an effect of its own
            window = within(int(effects["window"].iloc[0]))
            title = f"{studies_title(effects)}. Effects on expected {COUNTER} {window}."
            yield from wrapped(title, "", page_width())
        comparison = studies.comparison
        assert comparison is not None  # there are two sides
        width = terminal_width()
        names = _names(studies)
        yield from comparison_lines(comparison, dyads, width, names, verbose=verbose)

    options.answer(lambda: compare_results(left, right).as_dict(), lines)


def _names(studies: Comparison) -> dict[str, str]:
    """Return the names of arms and states by their codes; those of the first study go
    before."""
    names: dict[str, str] = {}
    for study in reversed(studies.studies):
        names |= state_names(study.scenario)
        names |= arm_titles(study.scenario)
    return names


def comparison_lines(
    comparison: StudyComparison,
    dyads: int,
    width: int,
    names: Mapping[str, str] | None = None,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Yield inputs that differ, then expected agreements within the longest window,
    with verbose every outcome, then the dyads that differ most.

    width: columns there are; names: of arms and states, by their codes."""
    names = names or {}
    outcomes = comparison.outcomes
    runs = 0 if outcomes.empty else int(outcomes["n"].max())
    pairing = f"{runs:,} replications, not paired: the seeds differ"
    if comparison.paired:
        pairing = f"{runs:,} paired replications"
    sides = f"Left: {comparison.left}; right: {comparison.right}."
    yield from wrapped(f"Below: right less left, {pairing}. {sides}", "", width)
    input_width = min(width, WIDTH)
    yield from _input_lines(comparison.differences, input_width, verbose=verbose)
    yield from _first_difference_lines(comparison.first_difference, names, input_width)
    if outcomes.empty:
        yield "No replication finished in both: there is nothing to compare."
        return
    if verbose:
        yield from _every_outcome(outcomes, width, names)
    else:
        yield from _agreements(outcomes, width, names)
    yield from _dyad_lines(comparison.dyads, dyads, names, paired=comparison.paired)


def _input_lines(
    differences: Sequence[str], width: int, *, verbose: bool
) -> Iterator[str]:
    """Yield inputs that differ, without what follows from others; a line each, with
    verbose all of them and whole."""
    from balance_sim.scenario.diagnostics import shown

    inputs = []
    for line in differences:
        text = line.removeprefix("inputs.").replace(": None left", ": not given left")
        inputs.append(text.replace(", None right", ", not given right"))
    inputs = [line for line in inputs if not line.startswith("scenario.")] or inputs
    yield "inputs that differ:" if inputs else "the inputs are the same"
    if verbose:
        for line in inputs:
            yield from wrapped(f"  {line}", "    ", width)
        return
    for line in inputs[:MOST_INPUTS]:
        yield f"  {shown(line, width - 2)}"
    if len(inputs) > MOST_INPUTS:
        yield f"  ... and {len(inputs) - MOST_INPUTS} more: --verbose"


def _first_difference_lines(
    place: Mapping[str, Any] | None, names: Mapping[str, str], width: int
) -> Iterator[str]:
    """Yield where the two results part: why their digests differ."""
    if place is None:
        return
    arm = names.get(place["arm"], arm_words(place["arm"]))
    point = f"point {place['point']}, " if "point" in place else ""
    text = (
        f"The results first differ in {point}{arm}, replication "
        f"{place['replication']}: {outcome_words(place['outcome'])}."
    )
    yield from wrapped(text, "", width)


def _agreements(
    outcomes: pd.DataFrame, width: int, names: Mapping[str, str]
) -> Iterator[str]:
    """Yield new agreements within the longest window, in one table: of one pair of arms
    by direction, of more a row each."""
    blocks = [
        (_front(key, rows, names), rows.to_dict("records"))
        for key, rows in _by_arms(outcomes)
    ]
    counts = _counts(blocks[0][1])
    directions = _directions(counts)
    shown: list[tuple[str, dict[Any, Any]]] = []
    if len(blocks) == 1 and directions:
        front, rows = blocks[0]
        shown = [
            (directions[row["outcome"]], row)
            for row in rows
            if row["outcome"] in directions
        ]
        yield from ["", *wrapped(front, "  ", width)]
        head = f"security agreements {_window(counts[0])}"
    else:
        for front, rows in blocks:
            shown += [(front, row) for row in rows if row["outcome"] == counts[0]]
        yield from ["", capital(outcome_words(counts[0]))]
        head = "arm"
    cells = [(shortened(name, 36), *_cells(row)[1:]) for name, row in shown]
    yield from table([(head, *HEADS[1:]), *cells], "<>>><", "", width)
    hidden = sum(len(rows) for _, rows in blocks) - len(cells)
    if hidden:
        yield f"{plural(hidden, 'further row')}: --verbose"
    yield ""


def _by_arms(outcomes: pd.DataFrame) -> Any:
    """Return the rows of each pair of arms, at each point."""
    keys = [name for name in outcomes.columns if name in KEYS]
    return outcomes.groupby(keys, sort=False)


def _front(key: tuple[Any, ...], rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Return which arms, and which point, rows compare."""
    columns = [name for name in rows.columns if name in KEYS]
    values = dict(zip(columns, map(str, key), strict=True))
    point = f"point {values['point']}: " if "point" in values else ""
    left, right = (
        names.get(arm, arm_words(arm))
        for arm in (values["left_arm"], values["right_arm"])
    )
    return f"{point}{right}" if left == right else f"{point}{right} less {left}"


def _every_outcome(
    outcomes: pd.DataFrame, width: int, names: Mapping[str, str]
) -> Iterator[str]:
    """Yield a block a pair of arms."""
    for key, rows in _by_arms(outcomes):
        yield from ["", _front(key, rows, names)]
        is_same = (rows["difference"] == 0.0) & (rows["mcse"] == 0.0)
        moved = rows[~is_same].to_dict("records")
        if moved:
            yield from table([HEADS, *map(_cells, moved)], "<>>><", "  ", width)
        count = int(is_same.sum())
        if count:
            example = outcome_words(rows[is_same]["outcome"].iloc[0])
            example += ", ..." if count > 1 else ""
            line = f"  no difference: {count} of {len(rows)} outcomes: {example}"
            yield from wrapped(line, "    ", width)


def _counts(rows: Sequence[dict[Any, Any]]) -> list[str]:
    """Return numbers of agreements and declarations within the longest window, by
    direction; all outcomes where there is none."""
    from balance_sim.study.outcomes import COUNTS, known_outcome

    names = list(dict.fromkeys(str(row["outcome"]) for row in rows))
    windows = {}
    for name in names:
        outcome = known_outcome(name)
        if outcome and outcome.measure in COUNTS and not outcome.kind:
            windows[name] = outcome.window or 0
    longest = max(windows.values(), default=0)
    return [name for name, window in windows.items() if window == longest] or names


def _directions(counts: Sequence[str]) -> dict[str, str]:
    """Return the directions, in words, of those outcomes that count security
    agreements."""
    from balance_sim.study.outcomes import known_outcome

    outcomes = {name: known_outcome(name) for name in counts}
    return {
        name: DIRECTIONS[outcome.of]
        for name, outcome in outcomes.items()
        if outcome is not None and outcome.measure == "accords"
    }


def _window(name: str) -> str:
    """Return the window of an outcome, in words."""
    from balance_sim.study.outcomes import known_outcome

    outcome = known_outcome(name)
    return within(outcome.window or 0) if outcome is not None else ""


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    """Return outcome, left, right, difference and interval, as text."""
    import pandas as pd

    left, right = (
        "-" if pd.isna(row[side]) else format(row[side], "z.3f")
        for side in ("left", "right")
    )
    front = (outcome_words(row["outcome"]), left, right)
    if pd.isna(row["difference"]):
        return (*front, "-", "missing in some replications")
    if row["difference"] == row["mcse"] == 0.0:
        return (*front, "0", "no difference")
    limits = "unknown: one run"
    if not pd.isna(row["lo"]):
        limits = f"{_signed(row['lo'])} to {_signed(row['hi'])}"
    return (*front, _signed(row["difference"]), limits)


def _signed(value: float) -> str:
    """Return three decimals; of a small number two figures, so that it is not shown as
    nought."""
    return f"{value:+z.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.2g}"


def _dyad_lines(
    dyads: pd.DataFrame, most: int, names: Mapping[str, str], *, paired: bool
) -> Iterator[str]:
    """Yield the dyads that differ most; how many do not is counted."""
    if not len(dyads) or not most:
        return
    moved = dyads[dyads["difference"] != 0]
    has_arms = dyads["right_arm"].nunique() > 1
    rows = []
    for row in moved.head(most).to_dict("records"):
        name = dyad_name(names, row["a"], row["b"])
        if has_arms:
            name += f", {names.get(row['right_arm'], row['right_arm'])}"
        rows.append(
            (
                shortened(name, 30),
                f"{row['left']:.4f}",
                f"{row['right']:.4f}",
                f"{row['difference']:+.4f}",
                f"{row['lo']:+.4f} to {row['hi']:+.4f}",
            )
        )
    note = ""
    if paired and rows:
        note = " (CI as of independent sides, so too wide for paired ones)"
    yield from wrapped(f"dyads, expected new security agreements{note}:")
    if rows:
        yield from table([("dyad", *HEADS[1:]), *rows], "<>>><", "  ")
    if len(moved) > most:
        yield f"  {len(moved) - most} more differ: --dyads {len(moved)}"
    unmoved = len(dyads) - len(moved)
    if unmoved:
        yield f"  the same on both sides: {unmoved} of {len(dyads)} dyads"

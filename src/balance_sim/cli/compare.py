"""`balance-sim compare A B`: two results side by side, paired where the seeds match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from balance_sim.analysis.compare import StudyComparison

HEADS = ("outcome", "left", "right", "difference", "95 % CI")
MOST_INPUTS = 20


@click.command()
@click.argument("left")
@click.argument("right")
@click.option(
    "--dyads", "--pairs", "dyads", cls=options.Renamed, type=click.IntRange(0, 100_000), default=5, show_default=True,
    help="Dyads that are shown.",
)  # fmt: skip
@options.classes_option
@options.verbose_option
@options.json_option
def compare(left: str, right: str, dyads: int, classes: str | None, verbose: bool) -> None:
    """Compare two results folders, or two arms: FOLDER, FOLDER:arm, FOLDER@point, FOLDER@point:arm.

    Differences are RIGHT less LEFT, replication by replication where both have the same seed. What differs in the
    inputs is said first. Two results whose class tables differ are refused without --classes.
    `balance-sim report LEFT RIGHT` makes a page of it."""
    from balance_sim.analysis.compare import compare as compare_results
    from balance_sim.show.terminal import terminal_width

    found = compare_results(left, right, classes)
    options.answer(found.as_dict, lambda: comparison_lines(found, dyads, terminal_width(), verbose=verbose))


def comparison_lines(found: StudyComparison, dyads: int, width: int, *, verbose: bool = False) -> Iterator[str]:
    """Inputs that differ, then expected agreements within the longest window, with verbose every outcome, then the
    dyads that differ most. width: columns there are."""
    from balance_sim.show.terminal import table, wrapped
    from balance_sim.show.wording import arm_words, outcome_words
    from balance_sim.show.wording import plural as say_plural

    how = "paired, replication by replication" if found.paired else "not paired: the seeds differ"
    yield f"left {found.left}, right {found.right}; {how}"
    yield "inputs that differ:" if found.differences else "the inputs are the same"
    yield from (f"  {line}" for line in found.differences[:MOST_INPUTS])
    if len(found.differences) > MOST_INPUTS:
        yield f"  ... and {len(found.differences) - MOST_INPUTS} more: --json"
    yield from (f"classes: {line}" for line in found.counting.lines())
    keys = [name for name in found.outcomes.columns if name in ("point", "left_arm", "right_arm")]
    for key, part in found.outcomes.groupby(keys, sort=False):
        named = dict(zip(keys, map(str, key), strict=True))
        point = f"point {named['point']}: " if "point" in named else ""
        yield f"{point}{arm_words(named['right_arm'])} less {arm_words(named['left_arm'])}"
        rows = part.to_dict("records")
        shown = rows if verbose else [row for row in rows if row["outcome"] in _counts(rows)]
        hidden, rows = len(rows) - len(shown), shown
        still = [row for row in rows if row["difference"] == row["mcse"] == 0.0]
        moved = [row for row in rows if not row["difference"] == row["mcse"] == 0.0]
        if moved:
            yield from table([HEADS, *map(_cells, moved)], "<>>><", "  ", width)
        if still:
            some = outcome_words(still[0]["outcome"]) + (", ..." if len(still) > 1 else "")
            line = f"  no difference: {len(still)} of {len(rows)} outcomes: {some}"
            yield from wrapped(line, "    ", width)
        if hidden:
            yield f"  {say_plural(hidden, 'further outcome')}: --verbose"
    yield from _dyad_lines(found.dyads, dyads)


def _counts(rows: Sequence[dict[Any, Any]]) -> set[str]:
    """Names of the numbers of agreements and declarations within the longest window, by direction; all outcomes where
    there is none of them."""
    from balance_sim.replications.outcomes import COUNTS, known_outcome

    names = [str(row["outcome"]) for row in rows]
    known = [(name, one) for name in names if (one := known_outcome(name)) and one.measure in COUNTS and not one.kind]
    longest = max((one.window or 0 for _, one in known), default=0)
    return {name for name, one in known if one.window == longest} or {*names}


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    import pandas as pd

    from balance_sim.show.wording import outcome_words

    outcome = outcome_words(row["outcome"])
    sides = ["-" if pd.isna(row[side]) else format(row[side], "z.3f") for side in ("left", "right")]
    if pd.isna(row["difference"]):
        return (outcome, *sides, "-", "missing in some replications")
    interval = "unknown: one run"
    if not pd.isna(row["lo"]):
        interval = f"{_signed(row['lo'])} to {_signed(row['hi'])}"
    return (outcome, *sides, _signed(row["difference"]), interval)


def _signed(value: float) -> str:
    """Three decimals; a small number two figures, so that it is not shown as nought."""
    return f"{value:+z.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.2g}"


def _dyad_lines(frame: pd.DataFrame, most: int) -> Iterator[str]:
    """The dyads that differ most; how many do not is counted."""
    from balance_sim.show.terminal import table

    if not len(frame) or not most:
        return
    moved = frame[frame["difference"] != 0]
    rows = []
    for row in moved.head(most).to_dict("records"):
        arms = "" if row["left_arm"] == row["right_arm"] else f"{row['left_arm']} / "
        numbers = (f"{row['left']:.4f}", f"{row['right']:.4f}", f"{row['difference']:+.4f}")
        interval = f"{row['lo']:+.4f} to {row['hi']:+.4f}"
        rows.append((f"{row['a']}-{row['b']}", *numbers, interval, f"{arms}{row['right_arm']}"))
    yield "dyads, expected new security agreements:"
    yield from table([("dyad", *HEADS[1:], "arm"), *rows], "<>>><<", "  ") if rows else ()
    if len(moved) > most:
        yield f"  {len(moved) - most} more differ: --dyads"
    if len(moved) < len(frame):
        yield f"  the same on both sides: {len(frame) - len(moved)} of {len(frame)} dyads"

"""`balance-sim compare A B`: two results side by side, paired where the seeds match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.terminal import WIDTH, page_width, shortened, table, terminal_width, wrapped
from balance_sim.show.wording import (
    COUNTER,
    DIRECTIONS,
    arm_titles,
    arm_words,
    capital,
    dyad_name,
    outcome_words,
    plural,
    state_names,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from balance_sim.analysis.compare import StudyComparison
    from balance_sim.show.plots import Comparison

KEYS = ("point", "left_arm", "right_arm")
HEADS = ("outcome", "left", "right", "difference", "95 % CI")
MOST_INPUTS = 6


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

    def lines() -> Iterator[str]:
        from balance_sim.show.plots import Comparison

        both = Comparison.of([left, right], classes)
        assert both.found is not None  # there are two sides
        scenarios = [study.scenario for study in reversed(both.studies)]
        names = {code: name for one in scenarios for of in (state_names, arm_titles) for code, name in of(one).items()}
        yield from _effects(both)
        yield from comparison_lines(both.found, dyads, terminal_width(), names, verbose=verbose)

    options.answer(lambda: compare_results(left, right, classes).as_dict(), lines)


def _effects(both: Comparison) -> list[str]:
    """The effect in each of two studies, and whether the two differ; nothing where a side has no effect of its own."""
    from balance_sim.show.figures.comparison import studies_table, studies_title

    table = studies_table(both)
    if len(table) < 2:
        return []
    what = f"Effects on expected {COUNTER} {within(int(table['window'].iloc[0]))}."
    return wrapped(f"{studies_title(table)}. {what}", "", page_width())


def comparison_lines(
    found: StudyComparison, dyads: int, width: int, names: Mapping[str, str] | None = None, *, verbose: bool = False
) -> Iterator[str]:
    """Inputs that differ, then expected agreements within the longest window, with verbose every outcome, then the
    dyads that differ most. width: columns there are; names: of arms and states, by their codes."""
    names = names or {}
    runs = "0" if found.outcomes.empty else f"{int(found.outcomes['n'].max()):,}"
    how = f"{runs} paired replications" if found.paired else f"{runs} replications, not paired: the seeds differ"
    yield from wrapped(f"Below: right less left, {how}. Left: {found.left}; right: {found.right}.", "", width)
    yield from _input_lines(found.differences, min(width, WIDTH), verbose=verbose)
    yield from (f"classes: {line}" for line in found.counting.lines())
    if found.outcomes.empty:
        yield "No replication finished in both: there is nothing to compare."
        return
    yield from (_every_outcome if verbose else _agreements)(found.outcomes, width, names)
    yield from _dyad_lines(found.dyads, dyads, names, paired=found.paired)


def _input_lines(differences: Sequence[str], width: int, *, verbose: bool) -> Iterator[str]:
    """Inputs that differ, without what follows from others; a line each, with verbose all of them and whole."""
    from balance_sim.scenario.diagnostics import shown

    told = [line.removeprefix("inputs.").replace(": None left", ": not given left") for line in differences]
    told = [line.replace(", None right", ", not given right") for line in told]
    told = [line for line in told if not line.startswith("scenario.")] or told
    yield "inputs that differ:" if told else "the inputs are the same"
    if verbose:
        yield from (line for one in told for line in wrapped(f"  {one}", "    ", width))
        return
    yield from (f"  {shown(line, width - 2)}" for line in told[:MOST_INPUTS])
    if len(told) > MOST_INPUTS:
        yield f"  ... and {len(told) - MOST_INPUTS} more: --verbose"


def _agreements(outcomes: pd.DataFrame, width: int, names: Mapping[str, str]) -> Iterator[str]:
    """New agreements within the longest window, in one table: of one pair of arms by direction, of more a row each."""
    from balance_sim.replications.outcomes import known_outcome

    parts = [(_front(key, part, names), part.to_dict("records")) for key, part in _by_arms(outcomes)]
    counts = [*_counts(parts[0][1])]
    known = {name: one for name in counts if (one := known_outcome(name)) and one.measure == "accords"}
    if len(parts) == 1 and known:
        front, of = parts[0]
        told = [(DIRECTIONS[known[row["outcome"]].of], row) for row in of if row["outcome"] in known]
        yield from ["", *wrapped(front, "  ", width)]
        head = f"security agreements {within(known[counts[0]].window or 0)}"
    else:
        told = [(front, row) for front, of in parts for row in of if row["outcome"] == counts[0]]
        yield from ["", capital(outcome_words(counts[0]))]
        head = "arm"
    cells = [(shortened(name, 36), *_cells(row)[1:]) for name, row in told]
    yield from table([(head, *HEADS[1:]), *cells], "<>>><", "", width)
    hidden = sum(len(of) for _, of in parts) - len(cells)
    if hidden:
        yield f"{plural(hidden, 'further row')}: --verbose"
    yield ""


def _by_arms(outcomes: pd.DataFrame) -> Any:
    """Rows of each pair of arms, at each point."""
    return outcomes.groupby([name for name in outcomes.columns if name in KEYS], sort=False)


def _front(key: tuple[Any, ...], part: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which arms, and at which point, rows are of."""
    named = dict(zip([name for name in part.columns if name in KEYS], map(str, key), strict=True))
    point = f"point {named['point']}: " if "point" in named else ""
    left, right = (names.get(arm := named[f"{side}_arm"], arm_words(arm)) for side in ("left", "right"))
    return f"{point}{right}" + ("" if left == right else f" less {left}")


def _every_outcome(outcomes: pd.DataFrame, width: int, names: Mapping[str, str]) -> Iterator[str]:
    """A block a pair of arms."""
    for key, part in _by_arms(outcomes):
        yield from ["", _front(key, part, names)]
        still = (part["difference"] == 0.0) & (part["mcse"] == 0.0)
        if moved := part[~still].to_dict("records"):
            yield from table([HEADS, *map(_cells, moved)], "<>>><", "  ", width)
        if count := int(still.sum()):
            some = outcome_words(part[still]["outcome"].iloc[0]) + (", ..." if count > 1 else "")
            yield from wrapped(f"  no difference: {count} of {len(part)} outcomes: {some}", "    ", width)


def _counts(rows: Sequence[dict[Any, Any]]) -> dict[str, None]:
    """Numbers of agreements and declarations within the longest window, by direction; all outcomes where none is."""
    from balance_sim.replications.outcomes import COUNTS, known_outcome

    names = [str(row["outcome"]) for row in rows]
    known = [(name, one) for name in names if (one := known_outcome(name)) and one.measure in COUNTS and not one.kind]
    longest = max((one.window or 0 for _, one in known), default=0)
    return dict.fromkeys([name for name, one in known if one.window == longest] or names)


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    import pandas as pd

    told = (
        outcome_words(row["outcome"]),
        *("-" if pd.isna(row[side]) else format(row[side], "z.3f") for side in ("left", "right")),
    )
    if pd.isna(row["difference"]):
        return (*told, "-", "missing in some replications")
    if row["difference"] == row["mcse"] == 0.0:
        return (*told, "0", "no difference")
    interval = "unknown: one run" if pd.isna(row["lo"]) else f"{_signed(row['lo'])} to {_signed(row['hi'])}"
    return (*told, _signed(row["difference"]), interval)


def _signed(value: float) -> str:
    """Three decimals; a small number two figures, so that it is not shown as nought."""
    return f"{value:+z.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.2g}"


def _dyad_lines(frame: pd.DataFrame, most: int, names: Mapping[str, str], *, paired: bool) -> Iterator[str]:
    """The dyads that differ most; how many do not is counted."""
    if not len(frame) or not most:
        return
    moved, several, rows = frame[frame["difference"] != 0], frame["right_arm"].nunique() > 1, []
    for row in moved.head(most).to_dict("records"):
        arm = f", {names.get(row['right_arm'], row['right_arm'])}" if several else ""
        numbers = (f"{row['left']:.4f}", f"{row['right']:.4f}", f"{row['difference']:+.4f}")
        dyad = shortened(dyad_name(names, row["a"], row["b"]) + arm, 30)
        rows.append((dyad, *numbers, f"{row['lo']:+.4f} to {row['hi']:+.4f}"))
    wide = " (CI as of independent sides, so too wide for paired ones)" if paired and rows else ""
    yield from wrapped(f"dyads, expected new security agreements{wide}:")
    yield from table([("dyad", *HEADS[1:]), *rows], "<>>><", "  ") if rows else ()
    if len(moved) > most:
        yield f"  {len(moved) - most} more differ: --dyads {len(moved)}"
    if len(moved) < len(frame):
        yield f"  the same on both sides: {len(frame) - len(moved)} of {len(frame)} dyads"

"""`balance-sim compare A B`: two results side by side, paired where the seeds match.

`balance-sim sensitivity RESULTS`: which factors matter, what is Monte Carlo error, how many more runs to add.
"""

from __future__ import annotations

from pathlib import Path
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
    digits,
    dyad_name,
    factor_words,
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
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from balance_sim.effects.compare import StudyComparison
    from balance_sim.effects.sensitivity import Sensitivity

KEYS = ("point", "left_arm", "right_arm")
HEADS = ("outcome", "left", "right", "difference", "95 % CI")
MOST_INPUTS = 6


@click.command()
@click.argument("left")
@click.argument("right")
@click.option(
    "--dyads",
    "--pairs",
    "dyads",
    cls=options.Renamed,
    type=click.IntRange(0, 100_000),
    default=5,
    show_default=True,
    help="Dyads that are shown.",
)
@options.verbose_option
@options.json_option
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

        both = Comparison.of([left, right])
        assert both.comparison is not None  # there are two sides
        scenarios = [study.scenario for study in reversed(both.studies)]
        names = {
            code: name
            for one in scenarios
            for of in (state_names, arm_titles)
            for code, name in of(one).items()
        }
        table_of_both = studies_table(both)
        if len(table_of_both) > 1:  # where each side has an effect of its own
            what = f"Effects on expected {COUNTER} {within(int(table_of_both['window'].iloc[0]))}."
            yield from wrapped(
                f"{studies_title(table_of_both)}. {what}", "", page_width()
            )
        yield from comparison_lines(
            both.comparison, dyads, terminal_width(), names, verbose=verbose
        )

    options.answer(lambda: compare_results(left, right).as_dict(), lines)


def comparison_lines(
    found: StudyComparison,
    dyads: int,
    width: int,
    names: Mapping[str, str] | None = None,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Inputs that differ, then expected agreements within the longest window, with
    verbose every outcome, then the dyads that differ most. width: columns there are;
    names: of arms and states, by their codes."""
    names = names or {}
    runs = "0" if found.outcomes.empty else f"{int(found.outcomes['n'].max()):,}"
    how = (
        f"{runs} paired replications"
        if found.paired
        else f"{runs} replications, not paired: the seeds differ"
    )
    yield from wrapped(
        f"Below: right less left, {how}. Left: {found.left}; right: {found.right}.",
        "",
        width,
    )
    yield from _input_lines(found.differences, min(width, WIDTH), verbose=verbose)
    if found.outcomes.empty:
        yield "No replication finished in both: there is nothing to compare."
        return
    yield from (_every_outcome if verbose else _agreements)(
        found.outcomes, width, names
    )
    yield from _dyad_lines(found.dyads, dyads, names, paired=found.paired)


def _input_lines(
    differences: Sequence[str], width: int, *, verbose: bool
) -> Iterator[str]:
    """Inputs that differ, without what follows from others; a line each, with verbose
    all of them and whole."""
    from balance_sim.scenario.diagnostics import shown

    told = [
        line.removeprefix("inputs.").replace(": None left", ": not given left")
        for line in differences
    ]
    told = [line.replace(", None right", ", not given right") for line in told]
    told = [line for line in told if not line.startswith("scenario.")] or told
    yield "inputs that differ:" if told else "the inputs are the same"
    if verbose:
        yield from (line for one in told for line in wrapped(f"  {one}", "    ", width))
        return
    yield from (f"  {shown(line, width - 2)}" for line in told[:MOST_INPUTS])
    if len(told) > MOST_INPUTS:
        yield f"  ... and {len(told) - MOST_INPUTS} more: --verbose"


def _agreements(
    outcomes: pd.DataFrame, width: int, names: Mapping[str, str]
) -> Iterator[str]:
    """New agreements within the longest window, in one table: of one pair of arms by
    direction, of more a row each."""
    from balance_sim.study.outcomes import known_outcome

    parts = [
        (_front(key, part, names), part.to_dict("records"))
        for key, part in _by_arms(outcomes)
    ]
    counts = [*_counts(parts[0][1])]
    known = {
        name: one
        for name in counts
        if (one := known_outcome(name)) and one.measure == "accords"
    }
    if len(parts) == 1 and known:
        front, of = parts[0]
        told = [
            (DIRECTIONS[known[row["outcome"]].of], row)
            for row in of
            if row["outcome"] in known
        ]
        yield from ["", *wrapped(front, "  ", width)]
        head = f"security agreements {within(known[counts[0]].window or 0)}"
    else:
        told = [
            (front, row)
            for front, of in parts
            for row in of
            if row["outcome"] == counts[0]
        ]
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
    return outcomes.groupby(
        [name for name in outcomes.columns if name in KEYS], sort=False
    )


def _front(key: tuple[Any, ...], part: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which arms, and at which point, rows are of."""
    named = dict(
        zip([name for name in part.columns if name in KEYS], map(str, key), strict=True)
    )
    point = f"point {named['point']}: " if "point" in named else ""
    left, right = (
        names.get(arm := named[f"{side}_arm"], arm_words(arm))
        for side in ("left", "right")
    )
    return f"{point}{right}" + ("" if left == right else f" less {left}")


def _every_outcome(
    outcomes: pd.DataFrame, width: int, names: Mapping[str, str]
) -> Iterator[str]:
    """A block a pair of arms."""
    for key, part in _by_arms(outcomes):
        yield from ["", _front(key, part, names)]
        still = (part["difference"] == 0.0) & (part["mcse"] == 0.0)
        if moved := part[~still].to_dict("records"):
            yield from table([HEADS, *map(_cells, moved)], "<>>><", "  ", width)
        if count := int(still.sum()):
            some = outcome_words(part[still]["outcome"].iloc[0]) + (
                ", ..." if count > 1 else ""
            )
            yield from wrapped(
                f"  no difference: {count} of {len(part)} outcomes: {some}",
                "    ",
                width,
            )


def _counts(rows: Sequence[dict[Any, Any]]) -> dict[str, None]:
    """Numbers of agreements and declarations within the longest window, by direction;
    all outcomes where none is."""
    from balance_sim.study.outcomes import COUNTS, known_outcome

    names = [str(row["outcome"]) for row in rows]
    known = [
        (name, one)
        for name in names
        if (one := known_outcome(name)) and one.measure in COUNTS and not one.kind
    ]
    longest = max((one.window or 0 for _, one in known), default=0)
    return dict.fromkeys(
        [name for name, one in known if one.window == longest] or names
    )


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    import pandas as pd

    told = (
        outcome_words(row["outcome"]),
        *(
            "-" if pd.isna(row[side]) else format(row[side], "z.3f")
            for side in ("left", "right")
        ),
    )
    if pd.isna(row["difference"]):
        return (*told, "-", "missing in some replications")
    if row["difference"] == row["mcse"] == 0.0:
        return (*told, "0", "no difference")
    interval = (
        "unknown: one run"
        if pd.isna(row["lo"])
        else f"{_signed(row['lo'])} to {_signed(row['hi'])}"
    )
    return (*told, _signed(row["difference"]), interval)


def _signed(value: float) -> str:
    """Three decimals; a small number two figures, so that it is not shown as nought."""
    return f"{value:+z.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.2g}"


def _dyad_lines(
    frame: pd.DataFrame, most: int, names: Mapping[str, str], *, paired: bool
) -> Iterator[str]:
    """The dyads that differ most; how many do not is counted."""
    if not len(frame) or not most:
        return
    moved, several, rows = (
        frame[frame["difference"] != 0],
        frame["right_arm"].nunique() > 1,
        [],
    )
    for row in moved.head(most).to_dict("records"):
        arm = f", {names.get(row['right_arm'], row['right_arm'])}" if several else ""
        numbers = (
            f"{row['left']:.4f}",
            f"{row['right']:.4f}",
            f"{row['difference']:+.4f}",
        )
        dyad = shortened(dyad_name(names, row["a"], row["b"]) + arm, 30)
        rows.append((dyad, *numbers, f"{row['lo']:+.4f} to {row['hi']:+.4f}"))
    wide = (
        " (CI as of independent sides, so too wide for paired ones)"
        if paired and rows
        else ""
    )
    yield from wrapped(f"dyads, expected new security agreements{wide}:")
    yield from table([("dyad", *HEADS[1:]), *rows], "<>>><", "  ") if rows else ()
    if len(moved) > most:
        yield f"  {len(moved) - most} more differ: --dyads {len(moved)}"
    if len(moved) < len(frame):
        yield f"  the same on both sides: {len(frame) - len(moved)} of {len(frame)} dyads"


MOST_FACTORS, MOST_OUTCOMES = 8, 3
INDICES = {
    "sobol": "first: share of the variance over points due to a factor alone; total: with its interactions.",
    "morris": "mu_star: mean absolute elementary effect over a factor's range, in the outcome's unit; sigma: its "
    "standard deviation, large where the factor's effect is not linear or depends on others.",
}


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    help="Only this outcome. Repeatable.  [default: the file's]",
)
@click.option(
    "--precision",
    type=options.FiniteRange(min=1e-9),
    default=0.1,
    show_default=True,
    help="Wanted half-width of the 95 % CI of means and effects.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(10, 100_000),
    default=1000,
    show_default=True,
    help="Resamples, for Sobol and the variances.",
)
@click.option(
    "--seed",
    type=options.SHORT_SEED,
    default=1,
    show_default=True,
    help="Of the resampling.",
)
@options.verbose_option
@options.json_option
def sensitivity(
    results: Path,
    outcomes: tuple[str, ...],
    precision: float,
    bootstrap: int,
    seed: int,
    verbose: bool,
) -> None:
    """Sobol or Morris indices with 95 % CIs, on means and on paired effects, and the
    split of the variance into parametric and Monte Carlo variance, with the noise of
    finite runs removed.

    Printed are effects, on the outcomes that are named, here or in the experiment's
    file, else on the headline outcome; --verbose prints means and every outcome too."""
    from balance_sim.effects.sensitivity import sensitivity as sensitivity_of
    from balance_sim.study.sweep_result import open_sweep

    result = open_sweep(results)
    found = sensitivity_of(result, outcomes or None, precision, bootstrap, seed)
    named = list(outcomes) or result.outcome_names
    if not outcomes and len(named) > MOST_OUTCOMES:
        named = (
            [result.headline_outcome] if result.headline_outcome in named else named[:1]
        )
    options.answer(
        found.as_dict, lambda: sensitivity_lines(found, None if verbose else named)
    )


def sensitivity_lines(
    found: Sensitivity, outcomes: Sequence[str] | None = None
) -> Iterator[str]:
    """For a person: the largest indices of each quantity, then parametric shares and
    the replications wanted.

    outcomes: on which effects are told (means, where there is none); None for
    everything."""
    split = told = found.split
    if split.empty:
        yield "No outcome has a mean in every replication: there is nothing to tell."
        yield from (
            line for what in found.left_out for line in wrapped(f"left out: {what}")
        )
        return
    if outcomes is not None:
        of = "effect" if "effect" in {*split["of"]} else "mean"
        told = split[split["outcome"].isin(outcomes) & (split["of"] == of)]
    points, runs = int(found.convergence["points"].max()), int(split["runs"].max())
    yield f"design: {found.method or 'points of a list'}; {points:,} points, {runs:,} replications each"
    if found.indices.empty:
        yield "no indices: they need a sobol or morris design"
    else:
        yield from wrapped(INDICES[found.method], "", 80)
        keys = {*zip(told["of"], told["arm"], told["outcome"], strict=True)}
        for key, part in found.indices.groupby(["of", "arm", "outcome"], sort=False):
            yield from _index_lines(key, part, found.method) if key in keys else ()
    yield from ["", *_split_lines(told, found.convergence)]
    lost = [
        what
        for what in found.left_out
        if outcomes is None or what.split()[2] in outcomes
    ]
    for what in [
        *(f"left out: {what}" for what in lost),
        *(f"note: {note}" for note in found.notes),
    ]:
        yield from wrapped(what)
    if len(told) < len(split):
        yield f"{len(split) - len(told):,} further means and effects: --verbose, or --outcome NAME"


def _split_lines(told: pd.DataFrame, convergence: pd.DataFrame) -> list[str]:
    """A row a quantity: the parametric share of its variance, the half-width of the
    worst point, the runs wanted."""
    both = told.merge(
        convergence.drop(columns=["points", "runs"], errors="ignore"),
        on=["of", "arm", "outcome"],
    )
    wanted = f"{convergence['wanted'].iloc[0]:g}"
    lines = wrapped(
        "variance by parameters: share of the variance over points and replications that the factors make, with the "
        "noise of few replications taken off (so that it can fall below 0); half-width: of the 95 % CI at the worst "
        f"point, in the outcome's unit; more: replications that a half-width of {wanted} still asks for",
        "",
    )
    for outcome, part in both.groupby("outcome", sort=False):
        rows = [
            (
                "",
                f"variance by parameters{_ci(part, 'share_parameters')}",
                "half-width",
                "more",
            )
        ]
        for row in part.to_dict("records"):
            of = f"{'effect of' if row['of'] == 'effect' else 'mean in'} {arm_words(row['arm'])}"
            rows.append((of, _interval(row, "share_parameters"), *_runs_wanted(row)))
        lines += [
            capital(outcome_words(str(outcome))),
            *table(rows, "<<>>", indent="  "),
        ]
    return lines


def _index_lines(key: Any, part: pd.DataFrame, method: str) -> Iterator[str]:
    of, arm, outcome = key
    quantity = outcome_words(outcome)
    effect = f"effect of {arm_words(arm)} on {quantity}"
    said = capital(
        effect if of == "effect" else f"mean of {quantity} in {arm_words(arm)}"
    )
    main, names = (
        ("total", ("first", "total"))
        if method == "sobol"
        else ("mu_star", ("mu_star", "sigma"))
    )
    places = 3 if method == "sobol" else digits(float(part[main].max()))
    ranked = part.sort_values(main, ascending=False, kind="stable")
    if ranked[main].isna().all():
        yield from ["", *wrapped(f"{said}: nothing varies")]
        return
    yield from ["", *wrapped(said)]
    rows = ranked.head(MOST_FACTORS).to_dict("records")
    cells = [
        (factor_words(row["factor"]), *(_interval(row, name, places) for name in names))
        for row in rows
    ]
    yield from table(
        [("factor", *(f"{name}{_ci(part, name)}" for name in names)), *cells],
        indent="  ",
    )
    if len(ranked) > MOST_FACTORS:
        yield f"  ... and {len(ranked) - MOST_FACTORS} more: --json"


def _interval(row: dict[Any, Any], name: str, places: int = 3) -> str:
    import pandas as pd

    if pd.isna(row[name]):
        return "nothing varies"
    value, low, high = (
        f"{row[key]:z.{places}f}" for key in (name, f"{name}_lo", f"{name}_hi")
    )
    return f"{value} ({low} to {high})" if pd.notna(row[f"{name}_lo"]) else value


def _ci(part: pd.DataFrame, name: str) -> str:
    """What the head of a column adds, where there are intervals."""
    return " (95 % CI)" * bool(part[f"{name}_lo"].notna().any())


def _runs_wanted(row: dict[Any, Any]) -> tuple[str, str]:
    import pandas as pd

    if pd.isna(row["more_runs"]):
        return "-", "unknown: one run"
    if row["points_alike"] == row["points"]:
        return "-", "unknown: no replications differ"
    return f"{row['half_width_worst']:.3g}", f"{row['more_runs']:,}" if row[
        "more_runs"
    ] else "none"

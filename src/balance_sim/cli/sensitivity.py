"""`balance-sim sensitivity RESULTS`: which factors matter, what is Monte Carlo error, how many more runs to add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from balance_sim.analysis.sensitivity import Sensitivity

MOST_FACTORS = 15


@click.command()
@click.argument("results", type=options.PATH)
@click.option("--outcome", "outcomes", multiple=True, help="Only this outcome. Repeatable.  [default: the file's]")
@click.option(
    "--precision", type=options.FiniteRange(min=1e-9), default=0.1, show_default=True,
    help="Wanted half-width of the 95 % CI of means and effects.",
)  # fmt: skip
@click.option(
    "--bootstrap", type=click.IntRange(10, 100_000), default=1000, show_default=True,
    help="Resamples, for Sobol and the variances.",
)  # fmt: skip
@click.option("--seed", type=options.SHORT_SEED, default=1, show_default=True, help="Of the resampling.")
@options.json_option
def sensitivity(results: Path, outcomes: tuple[str, ...], precision: float, bootstrap: int, seed: int) -> None:
    """Sobol or Morris indices with 95 % CIs, on means and on paired effects, and the split of the variance into
    parametric and Monte Carlo variance, with the noise of finite runs removed."""
    from balance_sim.analysis.sensitivity import sensitivity as sensitivity_of
    from balance_sim.results.sweep_result import open_sweep

    found = sensitivity_of(open_sweep(results), outcomes or None, precision, bootstrap, seed)
    options.answer(found.as_dict, lambda: sensitivity_lines(found))


def sensitivity_lines(found: Sensitivity) -> Iterator[str]:
    """For a person: the largest indices of each quantity, the split of the variance, the replications wanted."""
    from balance_sim.show.terminal import wrapped

    if found.indices.empty:
        yield f"no indices: they need a sobol or morris design, this one is {found.method}"
    else:
        yield "indices, with 95 % CI"
        for key, part in found.indices.groupby(["of", "arm", "outcome"], sort=False):
            yield from _index_lines(key, part, found.method)
    yield "\nparametric share of the variance over points and replications"
    yield from _rows(found.split, lambda row: _interval(row, "share_parameters"))
    wanted = found.convergence["wanted"].iloc[0]
    yield f"\nreplications: the worst point's half-width now, and how many more make it {wanted:g}"
    yield from _rows(found.convergence, _runs_wanted)
    yield from (f"left out: {what}" for what in found.left_out)
    for note in found.notes:
        yield from wrapped(f"note: {note}")


def _rows(frame: pd.DataFrame, told: Callable[[dict[Any, Any]], str]) -> list[str]:
    """One row a quantity, and what is said of it."""
    from balance_sim.show.terminal import table

    rows = frame.to_dict("records")
    return table([(_words(row["of"], row["arm"], row["outcome"]), told(row)) for row in rows], indent="  ")


def _words(of: str, arm: str, outcome: str) -> str:
    """`effect of parade on counter-balancing security agreements within a year`, `mean of ... in parade`."""
    from balance_sim.show.wording import arm_words, outcome_words

    if of == "effect":
        return f"effect of {arm_words(arm)} on {outcome_words(outcome)}"
    return f"mean of {outcome_words(outcome)} in {arm_words(arm)}"


def _index_lines(key: Any, part: pd.DataFrame, method: str) -> Iterator[str]:
    from balance_sim.show.terminal import table
    from balance_sim.show.wording import digits, factor_words

    said = _words(*key)
    main, names = ("total", ("first", "total")) if method == "sobol" else ("mu_star", ("mu_star", "sigma"))
    places = 3 if method == "sobol" else digits(float(part[main].max()))
    ranked = part.sort_values(main, ascending=False, kind="stable")
    if ranked[main].isna().all():
        yield f"\n{said}: nothing varies"
        return
    yield f"\n{said}"
    rows = ranked.head(MOST_FACTORS).to_dict("records")
    cells = [(*(_interval(row, name, places) for name in names), factor_words(row["factor"])) for row in rows]
    yield from table([(*names, "factor"), *cells], indent="  ")
    if len(ranked) > MOST_FACTORS:
        yield f"  ... and {len(ranked) - MOST_FACTORS} more: --json"


def _interval(row: dict[Any, Any], name: str, places: int = 3) -> str:
    import pandas as pd

    if pd.isna(row[name]):
        return "nothing varies"
    value, low, high = (f"{row[key]:z.{places}f}" for key in (name, f"{name}_lo", f"{name}_hi"))
    return f"{value} ({low} to {high})" if pd.notna(row[f"{name}_lo"]) else value


def _runs_wanted(row: dict[Any, Any]) -> str:
    import pandas as pd

    if pd.isna(row["more_runs"]):
        return "one run: error unknown"
    if row["points_alike"] == row["points"]:
        return "no runs differ: error unknown"
    more = f"{row['more_runs']:,} more" if row["more_runs"] else "enough"
    return f"{row['half_width_worst']:>9.3g}  {more}"

"""`balance-sim sensitivity RESULTS`: which factors matter, what is Monte Carlo error, how many more runs to add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.terminal import table, wrapped
from balance_sim.show.wording import arm_words, capital, digits, factor_words, outcome_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from balance_sim.analysis.sensitivity import Sensitivity

MOST_FACTORS, MOST_OUTCOMES = 8, 3
INDICES = {
    "sobol": "first: share of the variance over points due to a factor alone; total: with its interactions.",
    "morris": "mu_star: mean absolute elementary effect over a factor's range, in the outcome's unit; sigma: its "
    "standard deviation, large where the factor's effect is not linear or depends on others.",
}


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
@options.verbose_option
@options.json_option
def sensitivity(
    results: Path, outcomes: tuple[str, ...], precision: float, bootstrap: int, seed: int, verbose: bool
) -> None:  # fmt: skip
    """Sobol or Morris indices with 95 % CIs, on means and on paired effects, and the split of the variance into
    parametric and Monte Carlo variance, with the noise of finite runs removed.

    Printed are effects, on the outcomes that are named, here or in the experiment's file, else on the headline outcome;
    --verbose prints means and every outcome too."""
    from balance_sim.analysis.sensitivity import sensitivity as sensitivity_of
    from balance_sim.results.sweep_result import open_sweep

    result = open_sweep(results)
    found = sensitivity_of(result, outcomes or None, precision, bootstrap, seed)
    named = list(outcomes) or result.outcome_names
    if not outcomes and len(named) > MOST_OUTCOMES:
        named = [result.headline_outcome] if result.headline_outcome in named else named[:1]
    options.answer(found.as_dict, lambda: sensitivity_lines(found, None if verbose else named))


def sensitivity_lines(found: Sensitivity, outcomes: Sequence[str] | None = None) -> Iterator[str]:
    """For a person: the largest indices of each quantity, then parametric shares and the replications wanted.

    outcomes: on which effects are told (means, where there is none); None for everything."""
    split = told = found.split
    if split.empty:
        yield "No outcome has a mean in every replication: there is nothing to tell."
        yield from (line for what in found.left_out for line in wrapped(f"left out: {what}"))
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
    lost = [what for what in found.left_out if outcomes is None or what.split()[2] in outcomes]
    for what in [*(f"left out: {what}" for what in lost), *(f"note: {note}" for note in found.notes)]:
        yield from wrapped(what)
    if len(told) < len(split):
        yield f"{len(split) - len(told):,} further means and effects: --verbose, or --outcome NAME"


def _split_lines(told: pd.DataFrame, convergence: pd.DataFrame) -> list[str]:
    """A row a quantity: the parametric share of its variance, the half-width of the worst point, the runs wanted."""
    both = told.merge(convergence.drop(columns=["points", "runs"], errors="ignore"), on=["of", "arm", "outcome"])
    wanted = f"{convergence['wanted'].iloc[0]:g}"
    lines = wrapped(
        "variance by parameters: share of the variance over points and replications that the factors make, with the "
        "noise of few replications taken off (so that it can fall below 0); half-width: of the 95 % CI at the worst "
        f"point, in the outcome's unit; more: replications that a half-width of {wanted} still asks for", ""
    )  # fmt: skip
    for outcome, part in both.groupby("outcome", sort=False):
        rows = [("", f"variance by parameters{_ci(part, 'share_parameters')}", "half-width", "more")]
        for row in part.to_dict("records"):
            of = f"{'effect of' if row['of'] == 'effect' else 'mean in'} {arm_words(row['arm'])}"
            rows.append((of, _interval(row, "share_parameters"), *_runs_wanted(row)))
        lines += [capital(outcome_words(str(outcome))), *table(rows, "<<>>", indent="  ")]
    return lines


def _index_lines(key: Any, part: pd.DataFrame, method: str) -> Iterator[str]:
    of, arm, outcome = key
    quantity = outcome_words(outcome)
    effect = f"effect of {arm_words(arm)} on {quantity}"
    said = capital(effect if of == "effect" else f"mean of {quantity} in {arm_words(arm)}")
    main, names = ("total", ("first", "total")) if method == "sobol" else ("mu_star", ("mu_star", "sigma"))
    places = 3 if method == "sobol" else digits(float(part[main].max()))
    ranked = part.sort_values(main, ascending=False, kind="stable")
    if ranked[main].isna().all():
        yield from ["", *wrapped(f"{said}: nothing varies")]
        return
    yield from ["", *wrapped(said)]
    rows = ranked.head(MOST_FACTORS).to_dict("records")
    cells = [(factor_words(row["factor"]), *(_interval(row, name, places) for name in names)) for row in rows]
    yield from table([("factor", *(f"{name}{_ci(part, name)}" for name in names)), *cells], indent="  ")
    if len(ranked) > MOST_FACTORS:
        yield f"  ... and {len(ranked) - MOST_FACTORS} more: --json"


def _interval(row: dict[Any, Any], name: str, places: int = 3) -> str:
    import pandas as pd

    if pd.isna(row[name]):
        return "nothing varies"
    value, low, high = (f"{row[key]:z.{places}f}" for key in (name, f"{name}_lo", f"{name}_hi"))
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
    return f"{row['half_width_worst']:.3g}", f"{row['more_runs']:,}" if row["more_runs"] else "none"

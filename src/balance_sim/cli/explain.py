"""`balance-sim explain RESULTS`: why: terms of a dyad, one run day by day, which terms the effect goes through."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.run import cores, progress_bar

if TYPE_CHECKING:
    from balance_sim.results.result import Result

CHOSEN = "chosen"
TOP_PAIRS = 5
TOP_MOMENT = "+7"


@click.command()
@click.argument("results", type=click.Path(file_okay=False, path_type=Path))
@click.option("--pair", metavar="A-B", help="The terms of both sides' willingness, e.g. JPN-AUS.")
@click.option("--kind", metavar="KIND", help="Type of agreement  [default: the likeliest security agreement]")
@click.option(
    "--run", is_flag=False, flag_value=CHOSEN, metavar="[K]",
    help="One run day by day; with --pair the pair in it. Without K: those of least, median, largest effect.",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Of a run: every line.")
@click.option(
    "--attribution", is_flag=True, help="Which groups of terms the effect goes through, and nothing else."
)
@click.option("--groups", metavar="NAME=TERM+TERM,...", help="Groups of terms for the attribution.")
@click.option("--outcome", metavar="NAME", help="Number of agreements to attribute  [default: counter]")
@click.option(
    "--attribution-runs",
    type=click.IntRange(1),
    metavar="N",
    help="Runs attributed  [default: all, up to 400]",
)
@click.option(
    "--runs", type=click.IntRange(1), metavar="N", help="Runs a pair is averaged over  [default: 64]"
)
@click.option("--arm", metavar="ARM", help="Arm to explain  [default: the headline arm]")
@click.option("--workers", type=click.IntRange(1, 512), default=None, help="Processes  [default: cores]")
@json_option
def command(
    results: Path,
    pair: str | None,
    kind: str | None,
    run: str | None,
    everything: bool,
    attribution: bool,
    groups: str | None,
    outcome: str | None,
    attribution_runs: int | None,
    runs: int | None,
    arm: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Explain RESULTS. Without an option: which terms the effect goes through, and what moved the top dyads.

    What is found is also kept in RESULTS/explain.json."""
    from balance_sim.analysis.explain import explainable, keep
    from balance_sim.results.result import open_result

    number = _run_number(run)
    if attribution and (pair or run):
        raise click.UsageError("--attribution stands alone: leave out --pair and --run")
    result = open_result(results)
    explainable(result)
    if pair is not None:
        if run == CHOSEN:
            raise click.UsageError("--pair needs the number of the run: --run K")
        parts, lines = _pair(result, pair, kind, arm, runs, number)
    elif run is not None:
        parts, lines = _runs(result, number, arm, everything=everything)
    else:
        with progress_bar("runs") as progress:
            parts, lines = _attribution(
                result, arm, groups, outcome, attribution_runs, workers or cores(), progress
            )
        if not attribution:
            more, pair_lines = _top_pairs(result, arm, runs)
            parts |= more
            lines = [*lines, "", *pair_lines]
    keep(result, parts)
    if as_json:
        import json

        click.echo(json.dumps(parts, allow_nan=False))
        return
    for line in lines:
        click.echo(line)


def _run_number(run: str | None) -> int | None:
    if run is None or run == CHOSEN:
        return None
    if not run.isdecimal():
        raise click.UsageError(f"--run takes the number of a run, got `{run}`; put RESULTS before --run")
    return int(run)


def _pair(
    result: Result, pair: str, kind: str | None, arm: str | None, runs: int | None, number: int | None
) -> tuple[dict[str, Any], Iterable[str]]:
    from balance_sim.analysis.explain.pairs import explain_pairs
    from balance_sim.show.explain import pair_lines

    states = tuple(part.strip().upper() for part in pair.split("-"))
    if len(states) != 2:
        raise click.UsageError(f"--pair takes two codes, as in JPN-AUS, got `{pair}`")
    found = explain_pairs(result, [states], arm=arm, kind=kind, runs=runs, run=number)[0]
    return {"pairs": {f"{found.a}-{found.b}": found.summary()}}, pair_lines(found)


def _runs(
    result: Result, number: int | None, arm: str | None, *, everything: bool
) -> tuple[dict[str, Any], Iterable[str]]:
    from balance_sim.analysis.explain.timeline import RULE, chosen_runs, tell
    from balance_sim.show.explain import timeline_lines

    chosen = {"": number} if number is not None else chosen_runs(result, arm)
    told = {why: tell(result, run, arm) for why, run in chosen.items()}
    parts: dict[str, Any] = {"timelines": {str(one.run): one.summary() for one in told.values()}}
    if number is None:
        parts["chosen"] = chosen | {"rule": RULE}
    lines: list[str] = [] if number is not None else [*RULE.splitlines(), ""]
    for why, one in told.items():
        lines += [*timeline_lines(one, everything=everything, why=why and f"{why} effect"), ""]
    return parts, lines[:-1]


def _attribution(
    result: Result,
    arm: str | None,
    groups: str | None,
    outcome: str | None,
    runs: int | None,
    workers: int,
    progress: Any,
) -> tuple[dict[str, Any], Iterable[str]]:
    from balance_sim.analysis.explain.attribution import GROUPS, attribute, attribution_table, parse_groups
    from balance_sim.show.explain import attribution_lines

    found = attribute(
        result,
        arm,
        groups=parse_groups(groups) if groups is not None else GROUPS,
        outcome=outcome,
        runs=runs,
        workers=workers,
        progress=progress,
    )
    return {"attribution": found.summary()}, attribution_lines(found, attribution_table(found))


def _top_pairs(result: Result, arm: str | None, runs: int | None) -> tuple[dict[str, Any], Iterable[str]]:
    from balance_sim.analysis.explain import compared_arm
    from balance_sim.analysis.explain.pairs import explain_pairs, leading_pairs
    from balance_sim.show.explain import top_pair_lines

    arm = compared_arm(result, arm)
    found = explain_pairs(result, leading_pairs(result, arm, TOP_PAIRS), arm=arm, runs=runs)
    parts = {"pairs": {f"{one.a}-{one.b}": one.summary() for one in found}}
    return parts, top_pair_lines(found, TOP_MOMENT)

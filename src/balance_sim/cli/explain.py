"""`balance-sim explain RESULTS`: why: a dyad's terms, one replication day by day, the
groups of terms that the effect goes through.

Replications are simulated again and held to the stored numbers. Each answer is a
document for `--json`, and lines for a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.registry import part
from balance_sim.show.explain import (
    attribution_answer,
    dyad_answer,
    dyads_answer,
    replication_answer,
)
from balance_sim.show.wording import page_width

if TYPE_CHECKING:
    from balance_sim.study.result import Result

TOP_DYADS = 5
TOP_MOMENT = "+7"
Answer = tuple[dict[str, Any], list[str]]
"""A document for `--json`, by key, and lines for a person."""


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--dyad",
    metavar="A-B",
    help="Why two states do what they do, e.g. JPN-AUS, or Japan-Australia.",
)
@click.option(
    "--kind",
    metavar="TYPE",
    help="Type of agreement  [default: the likeliest security agreement]",
)
@click.option(
    "--run",
    "replication",
    type=click.IntRange(0),
    metavar="K",
    help="A diary of replication K; with --dyad the dyad in it.",
)
@click.option(
    "--attribution",
    is_flag=True,
    help="Which groups of terms the effect goes through, and nothing else.",
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    metavar="N",
    help="Over how many replications an effect is attributed, or a dyad averaged  "
    "[default: up to 400, or 64]",
)
@click.option(
    "--arm",
    metavar="ARM",
    help="Arm to explain  [default: the headline arm; of a game, what was observed]",
)
@options.workers_option
@options.json_option
@options.terms_option
def explain(
    results: Path,
    dyad: str | None,
    kind: str | None,
    replication: int | None,
    attribution: bool,
    runs: int | None,
    arm: str | None,
    workers: int,
) -> None:
    """Explain RESULTS. Without an option: which terms the effect goes through, and what
    moved the top dyads. --json has every term in nats."""
    from balance_sim.effects.explain import explainable
    from balance_sim.study.result import Result
    from balance_sim.study.sweep_result import open_run

    if attribution and (dyad or replication is not None):
        raise click.UsageError("--attribution stands alone: leave out --dyad and --run")
    result = open_run(results, Result)
    explainable(result)
    arm = arm or _default_arm(results)
    if dyad is not None:
        document, lines = _dyad(
            result, _states(dyad, result), kind, runs, replication, arm
        )
    elif replication is not None:
        document, lines = _replication(result, replication, arm)
    else:
        document, lines = _attribution(result, runs, workers, arm)
        if not attribution:
            dyads, dyad_rows = _top_dyads(result, runs, arm)
            document, lines = document | dyads, [*lines, "", *dyad_rows]
    options.answer(document, lines)


def _default_arm(results: Path) -> str | None:
    """Return, of a game, the arm of the profile that was observed; None of anything
    else."""
    from balance_sim.study.manifest import read_manifest

    manifest = read_manifest(results)
    if manifest is None or manifest.game is None:
        return None
    arm: str = part("arm", "game")(results)
    return arm


def _states(dyad: str, result: Result) -> tuple[str, str]:
    """Return the two codes of `JPN-AUS`, or of two names without a hyphen.

    Raises
    ------
    click.UsageError : where there is no such pair of words
    """
    from balance_sim.scenario.actors import code_of

    called = {state.name: state.id for state in result.scenario.states if state.name}
    names = [word.strip() for word in dyad.split("-")]
    if len(names) != 2:
        example = "two codes or names, as in JPN-AUS or Japan-Australia"
        raise click.UsageError(f"--dyad takes {example}, got `{dyad}`")
    a, b = names
    return code_of(a, called) or a.upper(), code_of(b, called) or b.upper()


def _by_dyad(explanations: Iterable[Any]) -> dict[str, Any]:
    """Return for JSON the summaries of explained dyads by their codes."""
    return {"pairs": {f"{dyad.a}-{dyad.b}": dyad.summary() for dyad in explanations}}


def _dyad(
    result: Result,
    states: tuple[str, str],
    kind: str | None,
    runs: int | None,
    run: int | None,
    arm: str | None,
) -> Answer:
    """Explain one dyad: what moved either side, on average or in one replication.

    Parameters
    ----------
    kind : type of agreement; None for the likeliest security agreement
    runs : replications to average over; run: the only one
    """
    from balance_sim.effects.explain.pairs import explain_dyads

    explained = explain_dyads(result, [states], arm=arm, kind=kind, runs=runs, run=run)
    lines = dyad_answer(explained[0], result.scenario, page_width())
    return _by_dyad(explained), list(lines)


def _replication(result: Result, number: int, arm: str | None) -> Answer:
    """Tell one replication day by day."""
    from balance_sim.effects.explain.timeline import tell

    timeline = tell(result, number, arm)
    lines = replication_answer(timeline, result.scenario, page_width())
    return {"timelines": {str(timeline.run): timeline.summary()}}, list(lines)


def _attribution(
    result: Result, runs: int | None, workers: int, arm: str | None
) -> Answer:
    """Attribute the effect to groups of terms."""
    from balance_sim.effects.explain.attribution import attribute

    with Steps(["replications"]) as steps:
        progress = steps.counter("replications")
        shares = attribute(result, arm, runs=runs, workers=workers, progress=progress)
    lines = attribution_answer(shares, result.scenario, page_width())
    return {"attribution": shares.summary()}, list(lines)


def _top_dyads(result: Result, runs: int | None, arm: str | None) -> Answer:
    """Explain the dyads of the largest effects."""
    from balance_sim.effects.explain import compared_arm
    from balance_sim.effects.explain.pairs import explain_dyads, leading_dyads
    from balance_sim.show.headline import untold_words

    arm = compared_arm(result, arm)
    dyads = leading_dyads(result, arm, TOP_DYADS)
    explained = explain_dyads(result, dyads, arm=arm, runs=runs)
    rows = result.dyads[result.dyads["arm"] == arm]
    nothing = untold_words(rows, "any dyad") or "No dyad has an effect"
    lines = dyads_answer(explained, TOP_MOMENT, result.scenario, page_width(), nothing)
    return _by_dyad(explained), list(lines)

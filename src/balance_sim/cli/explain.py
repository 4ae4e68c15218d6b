"""`balance-sim explain RESULTS`: why: a dyad's terms, one replication day by day, the
channels of the effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.registry import part
from balance_sim.show.explain import (
    attribution_answer,
    dyad_answer,
    dyad_lines,
    dyads_answer,
    replication_answer,
)
from balance_sim.show.wording import page_width

if TYPE_CHECKING:
    from balance_sim.study.result import Result

CHOSEN = "chosen"
"""In place of a number: the replications of least, median and largest effect."""
TOP_DYADS = 5
TOP_MOMENT = "+7"
Answer = tuple[dict[str, Any], Iterable[str]]
"""What is kept in explain.json, by key, and lines for a person."""


@dataclass(frozen=True)
class Request:
    """What an explanation is asked for, beside its subject.

    Attributes
    ----------
    arm : that is explained; None: the headline arm
    runs : replications; None: as many as each explanation takes by itself
    verbose : every term in nats
    """

    arm: str | None
    runs: int | None
    verbose: bool


@click.command()
@click.argument("results", type=options.FOLDER)
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
    is_flag=False,
    flag_value=CHOSEN,
    metavar="[K]",
    help="A diary of one replication; with --dyad the dyad in it. Without K: those of "
    "least, median, largest effect.",
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
    help="Replications that are attributed, and that a dyad is averaged over  "
    "[default: up to 400, and 64]",
)
@click.option(
    "--arm",
    metavar="ARM",
    help="Arm to explain  [default: the headline arm; of a game, what was observed]",
)
@options.workers_option
@options.verbose_option
@options.json_option
@options.terms_option
def explain(
    results: Path,
    dyad: str | None,
    kind: str | None,
    replication: str | None,
    attribution: bool,
    runs: int | None,
    arm: str | None,
    workers: int,
    verbose: bool,
) -> None:
    """Explain RESULTS. Without an option: which terms the effect goes through, and what
    moved the top dyads.

    What is found is also kept in RESULTS/explain.json. --verbose prints every term in
    nats, and every line of a replication."""
    from balance_sim.effects.explain import explainable, keep
    from balance_sim.study.result import open_result

    number = _number(replication)
    if attribution and (dyad or replication):
        raise click.UsageError("--attribution stands alone: leave out --dyad and --run")
    if dyad is not None and replication == CHOSEN:
        raise click.UsageError("--dyad needs the number of the replication: --run K")
    result = open_result(results)
    explainable(result)
    request = Request(arm or _default_arm(results), runs, verbose)
    if dyad is not None:
        document, lines = _dyad(result, dyad, kind, number, request)
    elif replication is not None:
        document, lines = _replications(result, number, request)
    else:
        document, lines = _attribution(result, workers, request)
        if not attribution:
            dyads, more_lines = _top_dyads(result, request)
            document |= dyads
            lines = [*lines, "", *more_lines]
    keep(result, document)
    options.answer(document, lines)


def _number(replication: str | None) -> int | None:
    """Return the number of the replication; None where none is named. Raises
    click.UsageError."""
    if replication is None or replication == CHOSEN:
        return None
    if not replication.isdecimal():
        problem = f"--run takes the number of a replication, got `{replication}`"
        raise click.UsageError(f"{problem}; put RESULTS before --run")
    return int(replication)


def _default_arm(results: Path) -> str | None:
    """Return, of a game, the arm of the profile that was observed; None of anything
    else."""
    from balance_sim.study.store import Store

    manifest = Store(results).read_manifest()
    if manifest is None or manifest.game is None:
        return None
    arm: str = part("arm", "game")(results)
    return arm


def _dyad(
    result: Result, dyad: str, kind: str | None, number: int | None, request: Request
) -> Answer:
    """Explain one dyad."""
    from balance_sim.effects.explain.pairs import explain_dyads

    states = _states(dyad, result)
    explanation = explain_dyads(
        result,
        [states],
        arm=request.arm,
        kind=kind,
        runs=request.runs,
        run=number,
    )[0]
    lines = [*dyad_answer(explanation, result.scenario, page_width())]
    if request.verbose:
        lines += ["", *dyad_lines(explanation, result.scenario)]
    return {"pairs": _by_dyad([explanation])}, lines


def _by_dyad(explanations: Iterable[Any]) -> dict[str, Any]:
    """Return the summaries of explained dyads by their codes."""
    return {f"{dyad.a}-{dyad.b}": dyad.summary() for dyad in explanations}


def _states(dyad: str, result: Result) -> tuple[str, str]:
    """Return the two codes of `JPN-AUS`, or of two names, which may have a hyphen of
    their own. Raises click.UsageError."""
    codes: dict[str, str] = {}
    for state in result.scenario.states:
        codes[state.name.casefold()] = state.id
        codes[state.id.casefold()] = state.id
    words = dyad.split("-")
    for cut in range(1, len(words)):
        names = ("-".join(words[:cut]).strip(), "-".join(words[cut:]).strip())
        a, b = (codes.get(name.casefold(), name.upper()) for name in names)
        if len(words) == 2 or {a, b} <= set(result.scenario.codes):
            return a, b
    example = "two codes or names, as in JPN-AUS or Japan-Australia"
    raise click.UsageError(f"--dyad takes {example}, got `{dyad}`")


def _replications(result: Result, number: int | None, request: Request) -> Answer:
    """Tell one replication day by day, or those of least, median and largest effect."""
    from balance_sim.effects.explain.timeline import RULE, chosen_runs, tell

    document: dict[str, Any] = {"timelines": {}}
    lines: list[str] = []
    if number is None:
        chosen = chosen_runs(result, request.arm)
        document["chosen"] = chosen | {"rule": RULE}
        lines += [*RULE.splitlines(), ""]
    else:
        chosen = {"": number}
    for reason, run in chosen.items():
        timeline = tell(result, run, request.arm)
        document["timelines"][str(timeline.run)] = timeline.summary()
        lines += replication_answer(
            timeline,
            result.scenario,
            page_width(),
            everything=request.verbose,
            why=reason,
        )
        lines.append("")
    return document, lines[:-1]


def _attribution(
    result: Result,
    workers: int,
    request: Request,
) -> Answer:
    """Attribute the effect to groups of terms."""
    from balance_sim.effects.explain.attribution import attribute

    with Steps({"replications": 10.0}) as steps:
        attribution = attribute(
            result,
            request.arm,
            runs=request.runs,
            workers=workers,
            progress=steps.counter("replications"),
        )
    lines = attribution_answer(
        attribution,
        attribution.table,
        result.scenario,
        page_width(),
        verbose=request.verbose,
    )
    return {"attribution": attribution.summary()}, lines


def _top_dyads(result: Result, request: Request) -> Answer:
    """Explain the dyads of the largest effects."""
    from balance_sim.effects.explain import compared_arm
    from balance_sim.effects.explain.pairs import explain_dyads, leading_dyads

    arm = compared_arm(result, request.arm)
    dyads = leading_dyads(result, arm, TOP_DYADS)
    explanations = explain_dyads(result, dyads, arm=arm, runs=request.runs)
    lines = dyads_answer(explanations, TOP_MOMENT, result.scenario, page_width())
    return {"pairs": _by_dyad(explanations)}, lines

"""`balance-sim explain RESULTS`: why: a dyad's terms, one replication day by day, the
channels of the effect.

`balance-sim effect SCENARIO`: the expected effect, its channels and dyads, without random numbers, in a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.posterior.lines import (
    TOO_SHORT,
    draws_sentence,
    uncertainty_lines,
)
from balance_sim.show.explain import (
    attribution_answer,
    attribution_lines,
    dyad_answer,
    dyad_lines,
    dyads_answer,
    replication_answer,
    timeline_lines,
    top_dyad_lines,
)
from balance_sim.show.headline import placebo_words
from balance_sim.show.wording import (
    DIRECTIONS,
    arm_title,
    dyad_name,
    page_width,
    signed,
    state_names,
    table,
    within,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from balance_sim.effects.expected_effect import ExpectedEffect
    from balance_sim.evidence.posterior.effect_draws import Uncertainty
    from balance_sim.study.result import Result

    type Told = tuple[dict[str, Any], Iterable[str]]

CHOSEN = "chosen"
TOP_DYADS = 5
TOP_MOMENT = "+7"


@click.command()
@click.argument("results", type=options.FOLDER)
@click.option(
    "--dyad",
    "--pair",
    "dyad",
    cls=options.Renamed,
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
    help="A diary of one replication; with --dyad the dyad in it. Without K: those of least, median, largest effect.",
)
@click.option("--all", "everything", is_flag=True, help="Of a replication: every line.")
@click.option(
    "--attribution",
    is_flag=True,
    help="Which groups of terms the effect goes through, and nothing else.",
)
@click.option(
    "--groups",
    metavar="NAME=TERM+TERM,...",
    help="Groups of terms for the attribution.",
)
@click.option(
    "--outcome",
    metavar="NAME",
    help="Number of agreements to attribute  [default: counter, counter-balancing security agreements]",
)
@click.option(
    "--attribution-runs",
    type=click.IntRange(1),
    metavar="N",
    help="Replications attributed  [default: all, up to 400]",
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    metavar="N",
    help="Replications a dyad is averaged over  [default: 64]",
)
@click.option(
    "--arm",
    metavar="ARM",
    help="Arm to explain  [default: the headline arm; of a game, what was observed]",
)
@options.workers_option
@options.study_model_option
@options.verbose_option
@options.json_option
def explain(
    results: Path,
    dyad: str | None,
    kind: str | None,
    replication: str | None,
    everything: bool,
    attribution: bool,
    groups: str | None,
    outcome: str | None,
    attribution_runs: int | None,
    runs: int | None,
    arm: str | None,
    workers: int,
    model: str | None,
    verbose: bool,
) -> None:
    """Explain RESULTS. Without an option: which terms the effect goes through, and what
    moved the top dyads.

    What is found is also kept in RESULTS/explain.json. --verbose prints every term in
    nats."""
    from balance_sim.effects.explain import explainable, keep
    from balance_sim.study.result import open_result

    number = None
    if replication is not None and replication != CHOSEN:
        if not replication.isdecimal():
            said = f"--run takes the number of a replication, got `{replication}`; put RESULTS before --run"
            raise click.UsageError(said)
        number = int(replication)
    if attribution and (dyad or replication):
        raise click.UsageError("--attribution stands alone: leave out --dyad and --run")
    result = open_result(results)
    explainable(result, model)
    arm = arm or _observed(results)
    if dyad is not None:
        if replication == CHOSEN:
            raise click.UsageError(
                "--dyad needs the number of the replication: --run K"
            )
        parts, lines = _dyad(result, dyad, kind, arm, runs, number, verbose=verbose)
    elif replication is not None:
        parts, lines = _replications(
            result, number, arm, everything=everything, verbose=verbose
        )
    else:
        parts, lines = _attribution(
            result, arm, groups, outcome, attribution_runs, workers, verbose=verbose
        )
        if not attribution:
            more, dyad_lines = _top_dyads(result, arm, runs, verbose=verbose)
            parts, lines = parts | more, [*lines, "", *dyad_lines]
    keep(result, parts)
    options.answer(parts, lines)


def _observed(results: Path) -> str | None:
    """Of a game, the arm of the profile that was observed; None of anything else."""
    from balance_sim.study.store import Store

    manifest = Store(results).read_manifest()
    if manifest is None or manifest.game is None:
        return None
    from balance_sim.games.study import open_game

    game = open_game(results).game
    return game.arms[
        1
        + game.profiles.index(tuple(game.plan.observed[name] for name in game.players))
    ]


def _dyad(
    result: Result,
    dyad: str,
    kind: str | None,
    arm: str | None,
    runs: int | None,
    number: int | None,
    *,
    verbose: bool,
) -> Told:
    from balance_sim.effects.explain.pairs import explain_dyads

    found = explain_dyads(
        result, [_states(dyad, result)], arm=arm, kind=kind, runs=runs, run=number
    )[0]
    lines = [*dyad_answer(found, result.scenario, page_width())]
    lines += ["", *dyad_lines(found, result.scenario)] if verbose else []
    return {"pairs": {f"{found.a}-{found.b}": found.summary()}}, lines


def _states(dyad: str, result: Result) -> tuple[str, str]:
    """The two codes of `JPN-AUS`, or of two names, which may have a hyphen of their
    own."""
    states = result.scenario.states
    known = {
        words.casefold(): state.id
        for state in states
        for words in (state.name, state.id)
    }
    words = dyad.split("-")
    for k in range(1, len(words)):
        one, other = ("-".join(part).strip() for part in (words[:k], words[k:]))
        found = [known.get(name.casefold(), name.upper()) for name in (one, other)]
        if len(words) == 2 or set(found) <= set(result.scenario.codes):
            return found[0], found[1]
    raise click.UsageError(
        f"--dyad takes two codes or names, as in JPN-AUS or Japan-Australia, got `{dyad}`"
    )


def _replications(
    result: Result,
    number: int | None,
    arm: str | None,
    *,
    everything: bool,
    verbose: bool,
) -> Told:
    from balance_sim.effects.explain.timeline import RULE, chosen_runs, tell

    chosen = {"": number} if number is not None else chosen_runs(result, arm)
    told = {why: tell(result, run, arm) for why, run in chosen.items()}
    parts: dict[str, Any] = {
        "timelines": {str(one.run): one.summary() for one in told.values()}
    }
    if number is None:
        parts["chosen"] = chosen | {"rule": RULE}
    lines: list[str] = [] if number is not None else [*RULE.splitlines(), ""]
    for why, one in told.items():
        lines += replication_answer(
            one, result.scenario, page_width(), everything=everything, why=why
        )
        lines += (
            ["", *timeline_lines(one, result.scenario, everything=everything)]
            if verbose
            else []
        )
        lines.append("")
    return parts, lines[:-1]


def _attribution(
    result: Result,
    arm: str | None,
    groups: str | None,
    outcome: str | None,
    runs: int | None,
    workers: int,
    *,
    verbose: bool,
) -> Told:
    from balance_sim.effects.explain.attribution import attribute, parse_groups

    chosen = parse_groups(groups) if groups is not None else None
    with Steps({"replications": 10.0}) as steps:
        told = steps.of("replications")
        found = attribute(
            result,
            arm,
            groups=chosen,
            outcome=outcome,
            runs=runs,
            workers=workers,
            progress=told,
        )
    parts, scenario = found.table, result.scenario
    if verbose:
        return {"attribution": found.summary()}, attribution_lines(
            found, parts, scenario
        )
    return {"attribution": found.summary()}, attribution_answer(
        found, parts, scenario, page_width()
    )


def _top_dyads(
    result: Result, arm: str | None, runs: int | None, *, verbose: bool
) -> Told:
    from balance_sim.effects.explain import compared_arm
    from balance_sim.effects.explain.pairs import explain_dyads, leading_dyads

    arm = compared_arm(result, arm)
    found = explain_dyads(
        result, leading_dyads(result, arm, TOP_DYADS), arm=arm, runs=runs
    )
    parts = {"pairs": {f"{one.a}-{one.b}": one.summary() for one in found}}
    if verbose:
        return parts, top_dyad_lines(found, TOP_MOMENT, result.scenario)
    return parts, dyads_answer(found, TOP_MOMENT, result.scenario, page_width())


CHANNELS = {
    "picture": "picture: who stands together",
    "threat": "threat to the event's targets",
}


@click.command()
@click.argument("scenario")
@click.option("--arm", help="Which arm  [default: the headline arm]")
@click.option(
    "--dyads",
    type=click.IntRange(0, 100_000),
    default=5,
    show_default=True,
    help="Dyads that are shown.",
)
@click.option(
    "--draws",
    type=click.IntRange(10, 100_000),
    help="Work out the intervals over so many draws of prior and posterior  [default: as kept with the scenario]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Processes, for --draws.",
)
@options.set_option
@options.theory_option
@options.verbose_option
@options.json_option
def effect(
    scenario: str,
    arm: str | None,
    dyads: int,
    draws: int | None,
    workers: int,
    settings: tuple[str, ...],
    theory: str | None,
    verbose: bool,
) -> None:
    """Print the expected effect of an arm of SCENARIO over the control arm, with its
    channels and dyads.

    The network of agreements is that of the start, and no random numbers are drawn:
    what agreements made on the way change is left out. `run` simulates it, and prints
    the gap between the two."""
    from balance_sim.cli.progress import Steps
    from balance_sim.effects.expected_effect import expected_effect
    from balance_sim.evidence.posterior.effect_draws import (
        stored_uncertainty,
        uncertainty,
    )
    from balance_sim.scenario import load_scenario

    began = time.monotonic()
    loaded = load_scenario(scenario, set=settings, theory=theory)
    found = expected_effect(loaded, arm)
    doubt = stored_uncertainty(loaded, found.arm)
    if draws is not None:
        with Steps({"draws": 0.05 * draws}) as steps:
            doubt = uncertainty(
                loaded,
                found.arm,
                draws=draws,
                workers=workers,
                progress=steps.of("draws"),
            )

    def document() -> dict[str, Any]:
        short = dict.fromkeys(
            ("posterior", "prior", "theories", "placebo", "uncertainty")
        )
        short |= (
            {} if doubt is None else doubt.in_short() | {"uncertainty": doubt.as_dict()}
        )
        told = {"outcome": found.outcome, "effect": found.effect, **short}
        return found.as_dict() | told | {"seconds": time.monotonic() - began}

    def told() -> Iterator[str]:
        is_asked = (
            verbose and doubt is not None and doubt.theories and doubt.stacked is None
        )
        return lines(
            found,
            dyads,
            doubt,
            verbose=verbose,
            unscored=_unscored(scenario) if is_asked else "",
        )

    options.answer(document, told)


def _unscored(scenario: str) -> str:
    """Why the theories of a scenario have no stacking weights."""
    from balance_sim.evidence.forecast.theories import stacking_weights_beside
    from balance_sim.scenario import load_scenario
    from balance_sim.scenario.files import Sources

    weights = stacking_weights_beside(
        load_scenario(scenario, calibrated=False),
        Sources(scenario).path.with_suffix(""),
    )
    if weights is None:
        return TOO_SHORT
    if weights:
        return "Their weights in theories.yaml are not used here."
    return (
        "Their scores in theories.yaml are of another record, fit or set of theories: balance-sim evidence calibrate "
        f"{scenario} --theories scores them anew."
    )


def lines(
    found: ExpectedEffect,
    dyads: int,
    doubt: Uncertainty | None = None,
    *,
    verbose: bool = False,
    unscored: str = "",
) -> Iterator[str]:
    """For a terminal, at 80 columns: the longest window; verbose: all windows,
    theories, and what carries the width.

    unscored: why theories have no weights, where they have none."""
    scenario, heads, names = (
        found.scenario,
        ["control", "arm", "effect"],
        state_names(found.scenario),
    )
    yield arm_title(scenario, found.arm)
    yield f"  against: {arm_title(scenario, scenario.reference_arm)}"
    for title, what in (
        ("security agreements", "accords"),
        ("declarations", "declarations"),
    ):
        rows = [[f"expected new {title}", *heads]]
        for name, days, control, level in found.rows(what):
            if verbose or days >= found.window:
                label, effect = (
                    f"  {DIRECTIONS[name]}, {within(days)}",
                    signed(level - control, 4),
                )
                rows.append([label, f"{control:.3f}", f"{level:.3f}", effect])
        yield from ["", *table(rows, "<>")]
    if found.parts is not None:
        parts = [
            [f"  {words}", signed(found.parts[name], 4)]
            for name, words in CHANNELS.items()
        ]
        if abs(found.parts["rest"]) > 1e-12:
            parts.append(
                ["  what else the arm changes", signed(found.parts["rest"], 4)]
            )
        yield f"\nof the effect on counter-balancing security agreements {within(found.window)}:"
        yield from table(parts, "<>")
    yield ""
    if verbose or doubt is None:
        yield from uncertainty_lines(doubt, placebos=True, unscored=unscored)
    else:
        for words in (draws_sentence(doubt), placebo_words(doubt.placebos)):
            yield from wrapped(words, "") if words else ()
    rows = [[f"dyad: security agreements {within(found.window)}", *heads]]
    for row in found.dyads.head(dyads).to_dict("records"):
        dyad = dyad_name(names, row["a"], row["b"])
        rows.append(
            [
                dyad,
                f"{row['control']:.4f}",
                f"{row['mean']:.4f}",
                signed(row["effect"], 4),
            ]
        )
    if len(rows) > 1:
        yield from ["", *table(rows, "<>")]
    yield ""
    yield from wrapped(
        "Expected estimator: the network as at the start, no random numbers. `run` measures the rest."
    )

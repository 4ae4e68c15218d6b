"""`balance-sim evidence fit DATA`: maximum likelihood for the model's weights from
dated agreements and covariates; with `--events`, for the weights of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.fit_events import fit_events
from balance_sim.show.wording import wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.data.history import History
    from balance_sim.evidence.estimation.beliefs import Profile
    from balance_sim.evidence.estimation.choices import Choices
    from balance_sim.evidence.estimation.fitting import WeightFit

FIRST_YEAR = 1985
OF_EVENTS = ("outcome", "period", "acts", "form", "audiences", "permutations", "seed")
OF_BOTH = ("data", "events", "first", "last", "out", "verbose", "json", None)


@click.command()
@click.argument("data", type=options.PATH)
@click.option(
    "--events",
    is_flag=True,
    help="Fit the weights of events to dyadic event data instead: "
    "docs/event_weights.md.",
)
@click.option(
    "--first",
    type=int,
    help="First year of the period  [default: 1985; with --events: of the outcome]",
)
@click.option(
    "--last",
    type=int,
    help="Last year  [default: the last with agreements, or with outcomes and acts]",
)
@click.option(
    "--agreements",
    type=options.PATH,
    multiple=True,
    help="More agreements, in DCAD's columns or the generic ones. Repeatable.",
)
@click.option(
    "--alliances", type=click.Choice(["atop", "cow"]), default="atop", show_default=True
)
@click.option(
    "--terms",
    metavar="A,B",
    help="Only these terms  [default: all that the record can tell]",
)
@click.option(
    "--levels/--no-levels", default=True, help="A random intercept of each year."
)
@click.option(
    "--random-intercepts/--no-random-intercepts",
    "intercepts",
    default=True,
    help="A random intercept of each state (its sociality).",
)
@click.option(
    "--cluster/--no-cluster", default=True, help="Standard errors clustered by dyad."
)
@click.option(
    "--signs/--no-signs",
    default=True,
    help="Hold the signs that theory fixes by a prior.",
)
@click.option(
    "--ridge",
    type=options.FiniteRange(min=0.0),
    default=0.0,
    help="1 / variance of a prior on weights.",
)
@click.option(
    "--parts/--no-parts",
    default=True,
    help="Fit threat within and between dyads apart, too.",
)
@click.option(
    "--beliefs/--no-beliefs",
    default=True,
    help="Profile the parameters of beliefs and of the loss-of-strength gradient, and "
    "fit those that the record tells.",
)
@click.option(
    "--outcome",
    metavar="NAME",
    help="With --events: icews-years, icews, polecat, gdelt or gdelt-scores.",
)
@click.option(
    "--period",
    type=click.Choice(["year", "quarter", "month"]),
    default="year",
    show_default=True,
)
@click.option(
    "--acts",
    multiple=True,
    metavar="NAME",
    help="With --events: only this source of dated acts. Repeatable.",
)
@click.option(
    "--form",
    type=click.Choice(["nats", "log"]),
    default="nats",
    show_default=True,
    help="With --events: acts add as in the model; or ln(1 + nats), so that further "
    "acts add less.",
)
@click.option(
    "--audiences",
    metavar="SCENARIO",
    help="With --events: estimates by audience of this scenario, too.",
)
@click.option(
    "--permutations",
    type=click.IntRange(0, 9999),
    default=999,
    show_default=True,
    help="With --events: permuted dates, and permuted participants.",
)
@click.option(
    "--seed",
    type=options.SHORT_SEED,
    default=0,
    show_default=True,
    help="With --events: of the permutations.",
)
@click.option(
    "--out",
    type=options.FILE,
    help="File to write  [default: parameters.yaml; with --events: event_weights.yaml]",
)
@options.verbose_option
@options.json_option
@click.pass_context
def fit(
    ctx: click.Context,
    /,
    data: Path,
    events: bool,
    out: Path | None,
    verbose: bool,
    **given: Any,
) -> None:
    """Fit the weights of willingness to the agreements in the folder DATA, and write
    them with their covariance.

    DATA holds the field's files as their authors publish them, or accords.csv in the
    generic format. Which names are looked for, and what is fitted: docs/evidence.md.
    With --events the weights of events are fitted to dyadic event data in DATA:
    docs/event_weights.md."""
    _refuse_options_of_others(ctx, events=events)
    if events:
        file = out or Path("event_weights.yaml")
        wanted = {name: given[name] for name in (*OF_EVENTS, "first", "last")}
        defaults = {str(option.name): option.default for option in ctx.command.params}
        fit_events(data, wanted, defaults, file, verbose=verbose)
        return
    if data.suffix.lower() in (".yaml", ".yml"):
        _refuse_file(data)
    _fit_agreements(data, given, out or Path("parameters.yaml"), verbose=verbose)


def _refuse_options_of_others(ctx: click.Context, *, events: bool) -> None:
    """Refuse options that have no meaning for what is fitted: events or agreements."""
    for option in ctx.command.params:
        name = str(option.name)
        if option.name in OF_BOTH or not options.is_given(ctx, name):
            continue
        if name in OF_EVENTS and not events:
            raise click.UsageError(f"{option.opts[0]} belongs to --events")
        if name not in OF_EVENTS and events:
            raise click.UsageError(f"{option.opts[0]} has no meaning with --events")


def _refuse_file(data: Path) -> None:
    """Say what a YAML file is that was given instead of a folder of data."""
    from balance_sim.scenario.diagnostics import shown
    from balance_sim.scenario.plans import kind_of_file

    file_type = kind_of_file(data)
    name = shown(str(data), 200)
    if file_type is None:
        raise click.UsageError(f"{name} is a file: the rates need a folder of data")
    raise click.UsageError(
        f"{name} is {file_type.description}, no folder of data: {file_type.command} "
        f"{name}"
    )


@dataclass(frozen=True)
class _Fits:
    """What was fitted to a record. in_parts: with threat within and between dyads
    apart, where asked for; joint: profiles at the joint peak."""

    weights: WeightFit
    in_parts: WeightFit | None
    profiles: list[Profile]
    joint: tuple[Profile, ...]


def _fit_agreements(
    data: Path, given: Mapping[str, Any], out: Path, *, verbose: bool
) -> None:
    """Fit the weights of willingness, write them and print them. given: the command's
    options."""
    from balance_sim.evidence.data.history import agreements_end, load_history
    from balance_sim.evidence.estimation.choices import choices, fitted_terms
    from balance_sim.evidence.estimation.lines import fit_lines, profile_lines
    from balance_sim.evidence.estimation.parameter_files import (
        fitted_record,
        fitted_text,
    )
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    first = FIRST_YEAR if given["first"] is None else given["first"]
    last = given["last"]
    if last is None:
        last = agreements_end(data, given["agreements"])
    with Steps(_seconds(given, last - first + 1)) as steps:
        steps.begin("reading")
        history = load_history(
            data,
            first,
            last,
            agreements=given["agreements"],
            alliances=given["alliances"],
        )
        steps.begin("terms")
        terms, left_out = fitted_terms(history, _names(given["terms"]))
        record = _with_signed_kinds(choices(history, terms), data)
        fits = _fits(history, record, given, steps)
    shown, in_one_piece = fits.weights, None
    if fits.in_parts is not None:
        shown, in_one_piece = fits.in_parts, fits.weights
    command = options.command_line()
    written = fitted_record(
        shown, history, command, version(), fits.profiles, fits.joint, in_one_piece
    )
    write_atomic(out, fitted_text(written).encode())

    def lines() -> Iterator[str]:
        yield from fit_lines(shown, history, in_one_piece, verbose=verbose)
        for reason in left_out:
            yield from wrapped(f"note: {reason}")
        if fits.profiles:
            yield from profile_lines(fits.profiles, fits.joint, verbose=verbose)
        yield f"wrote {out}"

    options.answer(written, lines, indent=1)


def _seconds(given: Mapping[str, Any], years: int) -> dict[str, float]:
    """About how many seconds each step takes."""
    decades = years / 10
    seconds = {"reading": 2.0, "terms": 10.0, "weights": 40.0}
    if given["beliefs"]:
        seconds["beliefs"] = 900.0
    if given["parts"]:
        seconds["threat in parts"] = 40.0
    return {step: decades * step_seconds for step, step_seconds in seconds.items()}


def _names(terms: str | None) -> list[str] | None:
    """The names in an option with commas between them."""
    if terms is None:
        return None
    names = [name.strip() for name in terms.split(",")]
    return [name for name in names if name]


def _with_signed_kinds(record: Choices, data: Path) -> Choices:
    """The record with the types of agreement that were signed. Raises DataError where
    there are none."""
    from balance_sim.evidence.data.errors import DataError

    counts = zip(record.kinds, record.signed.sum(axis=0), strict=True)
    signed = [kind for kind, count in counts if count > 0]
    if not signed:
        message = "no agreement was signed in these years"
        raise DataError(message, "Give a longer period", path=data)
    return record.with_kinds(signed)


def _fits(
    history: History, record: Choices, given: Mapping[str, Any], steps: Steps
) -> _Fits:
    """The weights, beliefs that the record tells, and threat in parts."""
    from balance_sim.evidence.estimation import beliefs
    from balance_sim.evidence.estimation.choices import SIGNED, within_and_between
    from balance_sim.evidence.estimation.fitting import fit as fit_record

    fit_weights = partial(
        fit_record,
        propensities=given["intercepts"],
        levels=given["levels"],
        cluster=given["cluster"],
        ridge=given["ridge"],
        signs=given["signs"],
    )
    steps.begin("weights")
    weights = fit_weights(record)
    profiles: list[Profile] = []
    joint: tuple[Profile, ...] = ()
    if given["beliefs"]:
        steps.begin("beliefs")
        start = beliefs.shipped_setting(record, weights)
        movable = beliefs.movable(start.record)
        say = steps.lines(2 * len(movable))
        for name in movable:
            say(name)
            profiles.append(beliefs.profile(history, start, name)[0])
        peak, joint = beliefs.joint_peak(history, start, profiles, say)
        if joint:
            record = peak.record
            values = dict(zip(weights.names, weights.estimate, strict=True))
            weights = fit_weights(record, start=values)
    in_parts = None
    if given["parts"]:
        steps.begin("threat in parts")
        if set(SIGNED) & set(record.names):
            in_parts = fit_weights(within_and_between(record))
    return _Fits(weights, in_parts, profiles, joint)

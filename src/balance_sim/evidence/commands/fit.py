"""`balance-sim evidence fit DATA`: maximum likelihood for the model's weights from
dated agreements and covariates; with `--events`, for the weights of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.fit_events import fit_events
from balance_sim.evidence.commands.fit_reactions import fit_hostility, fit_reactions
from balance_sim.show.wording import wrapped

FIRST_YEAR = 1985
ACTS = ("exercises", "treaties", "us_visits", "china_visits", "arms", "incidents")
FORMS = {
    "agreements": ("agreements", "terms"),
    "events": ("acts", "permutations", "seed"),
    "reactions": ("permutations", "seed"),
    "hostility": (),
}
"""What is fitted, and the options that belong to it beside the years."""
FILES = {
    "agreements": "parameters.yaml",
    "events": "event_weights.yaml",
    "reactions": "reactions.yaml",
    "hostility": "hostility.yaml",
}
PLACEBOS = 99
"""Of a fit of reactions, unless `--permutations` is given."""


@click.command()
@click.argument("data", type=options.PATH)
@click.option(
    "--events",
    is_flag=True,
    help="Fit the weights of events to dyadic event data instead: "
    "docs/event_weights.md.",
)
@click.option(
    "--reactions",
    is_flag=True,
    help="Measure how states reacted to uses of force instead: docs/reactions.md.",
)
@click.option(
    "--hostility",
    is_flag=True,
    help="Fit how likely uses of force are instead: docs/reactions.md.",
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
    "--terms",
    metavar="A,B",
    help="Only these terms  [default: all that the record can tell]",
)
@click.option(
    "--acts",
    multiple=True,
    type=click.Choice(ACTS),
    help="With --events: only this source of dated acts. Repeatable.",
)
@click.option(
    "--permutations",
    type=click.IntRange(0, 9999),
    default=999,
    show_default=True,
    help="With --events, or --reactions (99 there): permuted dates, and participants.",
)
@click.option(
    "--seed",
    type=options.SHORT_SEED,
    default=0,
    show_default=True,
    help="With --events or --reactions: of the permutations.",
)
@click.option(
    "--out",
    type=options.FILE,
    help="File to write  [default: parameters.yaml; with --events: event_weights.yaml]",
)
@options.json_option
@click.pass_context
def fit(
    ctx: click.Context,
    /,
    data: Path,
    events: bool,
    reactions: bool,
    hostility: bool,
    out: Path | None,
    **given: Any,
) -> None:
    """Fit the weights of willingness to the agreements in the folder DATA, and write
    them with their covariance.

    DATA holds the field's files as their authors publish them, or accords.csv in the
    generic format. Which names are looked for, and what is fitted: docs/evidence.md.
    With --events the weights of events are fitted to dyadic event data in DATA:
    docs/event_weights.md."""
    flags = {"events": events, "reactions": reactions, "hostility": hostility}
    asked = [name for name, flag in flags.items() if flag]
    if len(asked) > 1:
        raise click.UsageError(f"--{asked[0]} and --{asked[1]} are two fits: give one")
    form = asked[0] if asked else "agreements"
    known = {option for options_of in FORMS.values() for option in options_of}
    for option in ctx.command.params:
        is_of_other = option.name in known and option.name not in FORMS[form]
        if is_of_other and options.is_given(ctx, str(option.name)):
            homes = [f"--{name}" for name, of in FORMS.items() if option.name in of]
            relation = f"belongs to {' and '.join(homes)}"
            raise click.UsageError(f"{option.opts[0]} {relation}")
    file = out or Path(FILES[form])
    if form == "events":
        fit_events(data, given, file)
    elif form == "reactions":
        if not options.is_given(ctx, "permutations"):
            given["permutations"] = PLACEBOS
        fit_reactions(data, given, file)
    elif form == "hostility":
        fit_hostility(data, given, file)
    else:
        _fit_agreements(data, given, file)


def _fit_agreements(data: Path, given: Mapping[str, Any], out: Path) -> None:
    """Fit the weights of willingness, write them and print them. given: the command's
    options."""
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.evidence.data.history import agreements_end, load_history
    from balance_sim.evidence.estimation import choices, fitting, parameter_files
    from balance_sim.evidence.estimation.lines import fit_lines
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    first, last, agreements = given["first"], given["last"], given["agreements"]
    first = FIRST_YEAR if first is None else first
    last = agreements_end(data, agreements) if last is None else last
    decades = (last - first + 1) / 10
    seconds = {"reading": 2 * decades, "terms": 10 * decades, "weights": 40 * decades}
    with Steps(seconds) as steps:
        steps.begin("reading")
        history = load_history(data, first, last, agreements=agreements)
        steps.begin("terms")
        names = None
        if given["terms"] is not None:
            names = [name.strip() for name in given["terms"].split(",")]
        terms, notes = choices.fitted_terms(history, names)
        record = choices.choices(history, terms)
        counts = zip(record.kinds, record.signed.sum(axis=0), strict=True)
        signed = [kind for kind, count in counts if count > 0]
        if not signed:
            message = "no agreement was signed in these years"
            raise DataError(message, "Give a longer period", path=data)
        steps.begin("weights")
        record = choices.within_and_between(record.with_kinds(signed))
        result = fitting.fit(record, levels=True, cluster=True, signs=True)
    written = parameter_files.fitted_record(
        result, history, options.command_line(), version()
    )
    write_atomic(out, parameter_files.fitted_text(written).encode())

    def lines() -> Iterator[str]:
        yield from fit_lines(result)
        for note in notes:
            yield from wrapped(f"note: {note}")
        yield f"wrote {out}"

    options.answer(written, lines, indent=1)

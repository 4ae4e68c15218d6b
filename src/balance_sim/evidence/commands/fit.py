"""`balance-sim evidence fit DATA`: maximum likelihood for the model's weights from
dated agreements and covariates; other fits with `--events`, `--reactions`,
`--hostility`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.threads import use_one_thread

FIRST_YEAR = 1985
REACTION_YEARS = 1946, 2003
"""First and last year that the sources of reactions share."""
FORECAST_YEARS = 13
"""At the end of the period, which a fit of hostility forecasts."""
PLACEBOS = {"events": 999, "reactions": 99}
"""Permutations, unless `--permutations` is given."""

Fitted = tuple[dict[str, Any], str, Iterator[str]]


def fit_agreements(data: Path, given: Mapping[str, Any]) -> Fitted:
    """Weights of willingness by maximum likelihood. given: the command's options."""
    from balance_sim.evidence.data.history import load_history
    from balance_sim.evidence.estimation import choices, fitting, parameter_files
    from balance_sim.evidence.estimation.lines import fit_lines

    with Steps(("reading", "terms", "weights")) as steps:
        history = load_history(data, *_years(given, (FIRST_YEAR, None)))
        if given["states"]:
            history = history.among(given["states"].split(","))
        steps.begin("terms")
        names = given["terms"] and [name.strip() for name in given["terms"].split(",")]
        terms, notes = choices.fitted_terms(history, names)
        years = steps.counter("years")
        record = choices.choices(history, terms, progress=years).with_signed_kinds()
        steps.begin("weights")
        evaluations = steps.counter("evaluations of the likelihood")
        result = fitting.fit(
            record, levels=True, cluster=True, signs=True, progress=evaluations
        )
    written = parameter_files.fitted_record(result, history, _made_by())
    return written, parameter_files.FITTED_HEAD, fit_lines(result, notes)


def fit_events(data: Path, given: Mapping[str, Any]) -> Fitted:
    """Multipliers of the weights of events. given: the command's options."""
    from balance_sim.evidence.events.load import load_events
    from balance_sim.evidence.events.measurement import measure
    from balance_sim.evidence.events.report import HEAD, event_lines, events_record

    permutations = _permutations(given, "events")
    with Steps(("reading", "estimates")) as steps:
        loaded = load_events(data, given["first"], given["last"])
        steps.begin("estimates")
        progress = steps.counter("permutations")
        weights = measure(loaded.study, permutations, given["seed"], progress)
    return (
        events_record(loaded, weights, _made_by()),
        HEAD,
        event_lines(loaded, weights),
    )


def fit_reactions(data: Path, given: Mapping[str, Any]) -> Fitted:
    """Elasticities of what states did in alarm. given: the command's options."""
    from balance_sim.evidence.reactions import report
    from balance_sim.evidence.reactions.measure import measure_reactions
    from balance_sim.evidence.reactions.record import load_reactions

    placebos = _permutations(given, "reactions")
    with Steps(("reading", "reactions")) as steps:
        record = load_reactions(data, *_years(given, REACTION_YEARS))
        steps.begin("reactions")
        progress = steps.counter("placebos")
        reactions = measure_reactions(record, placebos, given["seed"], progress)
    document = report.reactions_record(record, reactions, _made_by())
    return document, report.REACTIONS_HEAD, report.reaction_lines(record, reactions)


def fit_hostility(data: Path, given: Mapping[str, Any]) -> Fitted:
    """A logit of uses of force, with its forecast of later years. given: the command's
    options."""
    from balance_sim.evidence.reactions import hostility, report
    from balance_sim.evidence.reactions.record import load_reactions

    years = _years(given, REACTION_YEARS)
    last_fitted = years[1] - FORECAST_YEARS
    with Steps(("reading", "hostility")) as steps:
        record = load_reactions(data, *years)
        steps.begin("hostility")
        rows = hostility.hostility_rows(record)
        fit = hostility.fit_hostility(rows)
        later = hostility.out_of_time(rows, last_fitted)
        in_use = hostility.model_calibration(record, last_fitted + 1)
    document = report.hostility_record(record, fit, later, in_use, _made_by())
    return (
        document,
        report.HOSTILITY_HEAD,
        report.hostility_lines(fit, later, in_use, last_fitted),
    )


def _made_by() -> dict[str, str]:
    """Command and version, as files name them."""
    from balance_sim.study.machine import version

    return {"command": options.command_line(), "version": version()}


def _permutations(given: Mapping[str, Any], form: str) -> int:
    wanted = given["permutations"]
    return PLACEBOS[form] if wanted is None else int(wanted)


def _years(given: Mapping[str, Any], usual: tuple[Any, Any]) -> tuple[Any, Any]:
    """First and last year: those given, else the usual ones."""
    first, last = usual
    return (
        first if given["first"] is None else given["first"],
        last if given["last"] is None else given["last"],
    )


FORMS = {
    "agreements": (fit_agreements, "parameters.yaml"),
    "events": (fit_events, "event_weights.yaml"),
    "reactions": (fit_reactions, "reactions.yaml"),
    "hostility": (fit_hostility, "hostility.yaml"),
}
"""What is fitted, and the file that is written."""
FORMS_OF = {
    "terms": ("agreements",),
    "states": ("agreements",),
    "permutations": ("events", "reactions"),
}
"""The fits that read an option."""


@click.command()
@click.argument("data", type=options.PATH)
@click.option(
    "--events",
    "form",
    flag_value="events",
    help="Fit the weights of events to dyadic event data instead: "
    "docs/event_weights.md.",
)
@click.option(
    "--reactions",
    "form",
    flag_value="reactions",
    help="Measure how states reacted to uses of force instead: docs/reactions.md.",
)
@click.option(
    "--hostility",
    "form",
    flag_value="hostility",
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
    "--terms",
    metavar="A,B",
    help="Only these terms  [default: all that the record can tell]",
)
@click.option(
    "--states",
    metavar="A,B,...",
    help="Only what these states (ISO alpha-3) sign among themselves: for a record of "
    "a region  [default: all states]",
)
@click.option(
    "--permutations",
    type=click.IntRange(0, 9999),
    help="With --events or --reactions: permuted dates, and participants.  [default: "
    "999, or 99]",
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
def fit(data: Path, form: str | None, out: Path | None, **given: Any) -> None:
    """Fit the weights of willingness to the agreements in the folder DATA, and write
    them with their covariance.

    DATA holds the field's files as their authors publish them, or accords.csv in the
    generic format. Which names are looked for, and what is fitted: docs/evidence.md.
    With --events the weights of events are fitted to dyadic event data in DATA:
    docs/event_weights.md."""
    form = form or "agreements"
    for option, forms in FORMS_OF.items():
        if given[option] is not None and form not in forms:
            raise click.UsageError(f"--{option} has no meaning in a fit of {form}")
    use_one_thread()
    from balance_sim.evidence.estimation.parameter_files import fitted_text
    from balance_sim.study.atomic_files import write_atomic

    fit_form, usual_file = FORMS[form]
    file = out or Path(usual_file)
    record, head, lines = fit_form(data, given)
    write_atomic(file, fitted_text(record, head).encode())
    options.answer(record, chain(lines, [f"wrote {file}"]), indent=1)

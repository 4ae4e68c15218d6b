"""`balance-sim evidence fit DATA`: maximum likelihood for the model's weights from
dated agreements and covariates; other fits with `--events`, `--reactions`,
`--hostility`."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import click

from balance_sim.cli import options
from balance_sim.evidence.commands import fits
from balance_sim.evidence.commands.threads import use_one_thread

FORMS = {
    "agreements": (fits.fit_agreements, "parameters.yaml"),
    "events": (fits.fit_events, "event_weights.yaml"),
    "reactions": (fits.fit_reactions, "reactions.yaml"),
    "hostility": (fits.fit_hostility, "hostility.yaml"),
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

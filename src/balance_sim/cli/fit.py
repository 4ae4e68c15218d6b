"""`balance-sim fit DATA`: maximum likelihood for the model's weights from dated accords and covariates."""

from __future__ import annotations

import json
import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import FiniteRange, json_option

if TYPE_CHECKING:
    from balance_sim.evidence.estimation.beliefs import Profile


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--model",
    type=click.Choice(["rates", "coordination"]),
    default="rates",
    show_default=True,
    help="The model's own rates; or the two-sided choice of partner, with a plan as DATA.",
)
@click.option("--first", type=int, default=1985, show_default=True, help="First year of the period.")
@click.option("--last", type=int, help="Last year  [default: the last with accords on record]")
@click.option(
    "--accords",
    type=click.Path(path_type=Path),
    multiple=True,
    help="More accords, in DCAD's columns or the generic ones. Repeatable.",
)
@click.option("--alliances", type=click.Choice(["atop", "cow"]), default="atop", show_default=True)
@click.option("--terms", metavar="A,B", help="Only these terms  [default: all that the record can tell]")
@click.option("--levels/--no-levels", default=True, help="A level of each year, shrunk.")
@click.option("--propensities/--no-propensities", default=True, help="A propensity of each state, shrunk.")
@click.option("--cluster/--no-cluster", default=True, help="Standard errors clustered by pair.")
@click.option("--signs/--no-signs", default=True, help="Hold the signs that theory fixes by a prior.")
@click.option("--ridge", type=FiniteRange(min=0.0), default=0.0, help="1 / variance of a prior on weights.")
@click.option("--parts/--no-parts", default=True, help="Fit threat within and between dyads apart, too.")
@click.option(
    "--beliefs/--no-beliefs",
    default=True,
    help="Profile the parameters of beliefs and reach, and fit those that the record tells.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("parameters.yaml"),
    show_default=True,
    help="File to write.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    data: Path,
    model: str,
    first: int,
    last: int | None,
    accords: tuple[Path, ...],
    alliances: str,
    terms: str | None,
    levels: bool,
    propensities: bool,
    cluster: bool,
    signs: bool,
    ridge: float,
    parts: bool,
    beliefs: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Fit the weights of willingness to the accords in the folder DATA, and write them with their covariance.

    DATA holds the field's files as their authors publish them, or accords.csv in the generic format. Which
    names are looked for, and what is fitted: docs/evidence.md. With --model coordination DATA is a plan that
    names dated ties, covariates and effects: docs/coordination.md."""
    if model == "coordination":
        refuse_given(ctx)
        fit_coordination_plan(data, out, as_json=as_json)
        return
    if data.suffix.lower() in (".yaml", ".yml"):
        refuse_file(data)
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.evidence.data.history import accords_end, load_history
    from balance_sim.evidence.estimation.beliefs import (
        joint_peak,
        movable,
        profile,
        report_lines,
        shipped_setting,
    )
    from balance_sim.evidence.estimation.choices import SIGNED, choices, fitted_terms, within_and_between
    from balance_sim.evidence.estimation.fitting import fit
    from balance_sim.evidence.estimation.parameter_files import fitted_record, parts_lines, summary_lines

    end = last if last is not None else accords_end(data, accords)
    history = load_history(data, first, end, accords=accords, alliances=alliances)
    wanted = None if terms is None else [name.strip() for name in terms.split(",") if name.strip()]
    used, left_out = fitted_terms(history, wanted)
    record = choices(history, used)
    signed = [kind for kind, count in zip(record.kinds, record.signed.sum(axis=0), strict=True) if count > 0]
    if not signed:
        raise DataError("no accord was signed in these years", "Give a longer period", path=data)
    record = record.with_kinds(signed)
    by_these = partial(
        fit, propensities=propensities, levels=levels, cluster=cluster, ridge=ridge, signs=signs
    )
    found, there = by_these(record), record
    profiles: list[Profile] = []
    joint: tuple[Profile, ...] = ()
    if beliefs:
        start = shipped_setting(record, found)
        for name in movable(start.record):
            say(name)
            profiles.append(profile(history, start, name)[0])
        peak, joint = joint_peak(history, start, profiles, say)
        if joint:
            there = peak.record
            found = by_these(there, start=dict(zip(found.names, found.estimate, strict=True)))
    apart = by_these(within_and_between(there)) if parts and set(SIGNED) & set(there.names) else None
    command_line = shlex.join(["balance-sim", *sys.argv[1:]])
    from balance_sim.results.folder import version

    told = found if apart is None else apart
    whole = None if apart is None else found
    written = fitted_record(told, history, command_line, version(), profiles, joint, whole)
    _write(written, out)
    if as_json:
        click.echo(json.dumps(written, indent=1, allow_nan=False))
        return
    lines = summary_lines(told, history) + [f"note: {why}" for why in left_out]
    if apart is not None:
        lines += parts_lines(apart, found)
    if profiles:
        lines += ["", *report_lines(profiles, joint)]
    click.echo("\n".join([*lines, "", f"written to {out}"]))


def refuse_file(data: Path) -> None:
    """Say what a YAML file is that was given instead of a folder of data."""
    from balance_sim.scenario.problems import shown
    from balance_sim.scenario.validation import kind_of_file

    kind = kind_of_file(data)
    if kind is not None and kind.name != "coordination":
        name = shown(str(data), 200)
        raise click.UsageError(f"{name} is {kind.what}, no folder of data: {kind.command} {name}")
    raise click.UsageError("a plan needs --model coordination; the rates need a folder of data")


RATES_ONLY = (
    *("first", "last", "accords", "alliances", "terms"),
    *("levels", "propensities", "cluster", "signs", "ridge", "parts", "beliefs"),
)


def refuse_given(ctx: click.Context) -> None:
    """Options of the rates have no meaning for the choice of partner."""
    given = click.core.ParameterSource.COMMANDLINE
    for name in RATES_ONLY:
        if ctx.get_parameter_source(name) is given:
            raise click.UsageError(
                f"--{name} belongs to --model rates; the plan holds what coordination needs"
            )


def fit_coordination_plan(plan_path: Path, out: Path, *, as_json: bool) -> None:
    """Fit the two-sided choice that a plan describes, write it and print it."""
    one_thread()
    from balance_sim.coordination.plan import (
        coordination_lines,
        coordination_record,
        read_coordination_plan,
    )
    from balance_sim.results.folder import version

    plan = read_coordination_plan(plan_path)
    data = plan.load()
    found = plan.fit(data)
    command_line = shlex.join(["balance-sim", *sys.argv[1:]])
    written = coordination_record(found, data, plan.title, command_line, version(), plan.options)
    _write(written, out)
    if as_json:
        click.echo(json.dumps(written, indent=1, allow_nan=False))
        return
    click.echo("\n".join([*coordination_lines(found, data), "", f"written to {out}"]))


def one_thread() -> None:
    """One thread for linear algebra, unless the user says otherwise; before NumPy is imported. The matrices of a choice
    are small: several threads wait for each other longer than they work, and round in an order of their own."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def say(name: str) -> None:
    """Progress, on a terminal only: the parameter that is looked at now."""
    if sys.stderr.isatty():
        click.echo(f"profile of {name}", err=True)


def _write(record: dict[str, object], out: Path) -> None:
    """The file, put in its place whole. Raises CannotWrite."""
    from balance_sim.evidence.data.text import fitted_text
    from balance_sim.pool.whole_files import write_whole

    write_whole(out, fitted_text(record).encode())

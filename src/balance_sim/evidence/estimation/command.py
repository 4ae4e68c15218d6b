"""`balance-sim evidence fit DATA`: maximum likelihood for the model's weights from dated
agreements and covariates;
`balance-sim evidence calibrate SCENARIO`: types, states, dyads and level from a scenario's own record, with a skill card."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.estimation.lines import event_lines, fit_lines, profile_lines
from balance_sim.show.wording import state_names, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from balance_sim.evidence.estimation.beliefs import Profile
    from balance_sim.evidence.estimation.calibration import Form
    from balance_sim.evidence.forecast.theories import TheoryScores
    from balance_sim.scenario.schema import Scenario

OF_EVENTS = ("outcome", "period", "acts", "form", "audiences", "permutations", "seed")
OF_BOTH = ("data", "events", "first", "last", "out", "verbose", "json", None)


@click.command()
@click.argument("data", type=options.PATH)
@click.option(
    "--events",
    is_flag=True,
    help="Fit the weights of events to dyadic event data instead: docs/event_weights.md.",
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
    help="Profile the parameters of beliefs and of the loss-of-strength gradient, and fit those that the record tells.",
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
    help="With --events: acts add as in the model; or ln(1 + nats), so that further acts add less.",
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
    first: int | None,
    last: int | None,
    agreements: tuple[Path, ...],
    alliances: str,
    terms: str | None,
    levels: bool,
    intercepts: bool,
    cluster: bool,
    signs: bool,
    ridge: float,
    parts: bool,
    beliefs: bool,
    out: Path | None,
    verbose: bool,
    **of_events: Any,
) -> None:
    """Fit the weights of willingness to the agreements in the folder DATA, and write
    them with their covariance.

    DATA holds the field's files as their authors publish them, or accords.csv in the
    generic format. Which names are looked for, and what is fitted: docs/evidence.md.
    With --events the weights of events are fitted to dyadic event data in DATA:
    docs/event_weights.md."""
    _refuse_options_of_others(ctx, events=events)
    if events:
        given = of_events | {"first": first, "last": last}
        _fit_events(data, given, out or Path("event_weights.yaml"), verbose=verbose)
        return
    out, first = out or Path("parameters.yaml"), 1985 if first is None else first
    if data.suffix.lower() in (".yaml", ".yml"):
        _refuse_file(data)
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.evidence.data.history import agreements_end, load_history
    from balance_sim.evidence.estimation import beliefs as profiling
    from balance_sim.evidence.estimation.choices import (
        SIGNED,
        choices,
        fitted_terms,
        within_and_between,
    )
    from balance_sim.evidence.estimation.fitting import fit as fit_record
    from balance_sim.evidence.estimation.parameter_files import fitted_record
    from balance_sim.study.folder import version

    end = last if last is not None else agreements_end(data, agreements)
    years, seconds = (
        (end - first + 1) / 10,
        {"reading": 2.0, "terms": 10.0, "weights": 40.0},
    )
    seconds |= {"beliefs": 900.0 * beliefs, "threat in parts": 40.0 * parts}
    with Steps({name: years * each for name, each in seconds.items() if each}) as steps:
        steps.begin("reading")
        history = load_history(
            data, first, end, agreements=agreements, alliances=alliances
        )
        wanted = (
            None
            if terms is None
            else [name.strip() for name in terms.split(",") if name.strip()]
        )
        steps.begin("terms")
        used, left_out = fitted_terms(history, wanted)
        record = choices(history, used)
        signed = [
            kind
            for kind, count in zip(record.kinds, record.signed.sum(axis=0), strict=True)
            if count > 0
        ]
        if not signed:
            raise DataError(
                "no agreement was signed in these years",
                "Give a longer period",
                path=data,
            )
        record = record.with_kinds(signed)
        by_these = partial(
            fit_record,
            propensities=intercepts,
            levels=levels,
            cluster=cluster,
            ridge=ridge,
            signs=signs,
        )
        steps.begin("weights")
        found, there = by_these(record), record
        profiles: list[Profile] = []
        joint: tuple[Profile, ...] = ()
        if beliefs:
            steps.begin("beliefs")
            start = profiling.shipped_setting(record, found)
            movable = profiling.movable(start.record)
            say = steps.lines(2 * len(movable))
            for name in movable:
                say(name)
                profiles.append(profiling.profile(history, start, name)[0])
            peak, joint = profiling.joint_peak(history, start, profiles, say)
            if joint:
                there = peak.record
                found = by_these(
                    there, start=dict(zip(found.names, found.estimate, strict=True))
                )
        if parts:
            steps.begin("threat in parts")
        apart = (
            by_these(within_and_between(there))
            if parts and set(SIGNED) & set(there.names)
            else None
        )
    told = found if apart is None else apart
    whole = None if apart is None else found
    written = fitted_record(
        told, history, options.command_line(), version(), profiles, joint, whole
    )
    _write(written, out)

    def lines() -> Iterator[str]:
        yield from fit_lines(told, history, whole, verbose=verbose)
        yield from (line for why in left_out for line in wrapped(f"note: {why}"))
        if profiles:
            yield from profile_lines(profiles, joint, verbose=verbose)
        yield f"wrote {out}"

    options.answer(written, lines, indent=1)


def _refuse_options_of_others(ctx: click.Context, *, events: bool) -> None:
    """Refuse options that have no meaning for what is fitted: events or agreements."""
    given = {
        str(one.name): one.opts[0]
        for one in ctx.command.params
        if options.is_given(ctx, str(one.name))
    }
    for name, option in given.items():
        own = name in OF_EVENTS
        if own != events and name not in OF_BOTH:
            raise click.UsageError(
                f"{option} {'belongs to --events' if own else 'has no meaning with --events'}"
            )


def _fit_events(
    data: Path, given: Mapping[str, Any], out: Path, *, verbose: bool
) -> None:
    """Fit the weights of events, write them and print them. given: the command's
    options."""
    one_thread()
    from balance_sim.evidence.events.load import files_used, load_events
    from balance_sim.evidence.events.measurement import measure
    from balance_sim.evidence.events.report import (
        HEAD,
        events_record,
        half_lives,
        in_order,
    )
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.folder import version

    audiences, told, wanted = None, dict(given), given["permutations"]
    if given["audiences"] is not None:
        scenario = load_scenario(given["audiences"], calibrated=False)
        audiences = {
            name: {
                code
                for one in audience.members
                for code in scenario.groups.get(one, (one,))
            }
            for name, audience in sorted(scenario.audiences.items())
        }
        path = Sources(given["audiences"]).path
        told["audiences"] = f"{path.parent.name}/{path.name}"
    with Steps(
        {"reading": 8.0, "estimates": 4 + 0.2 * wanted, "half-lives": 5.0}
    ) as steps:
        steps.begin("reading")
        years = given["first"], given["last"]
        study = load_events(
            data,
            given["outcome"],
            given["period"],
            *years,
            sources=given["acts"],
            audiences=audiences,
        )
        steps.begin("estimates")
        tell, concave = (
            partial(steps.counter("permutations"), wanted=wanted),
            given["form"] == "log",
        )
        found = measure(study.study, wanted, given["seed"], tell, concave=concave)
        steps.begin("half-lives")
        groups = {column.group for column in found.columns}
        order = [
            in_order(group, found)
            for group in ("intent", "alignment")
            if group in groups
        ]
        halves = half_lives(study.study, found.rho)
    record = events_record(
        study, found, order, halves, _as_given(told), version(), files_used(study)
    )
    _write(record, out, HEAD)
    lines = event_lines(study, found, order, halves, verbose=verbose)
    options.answer(record, lambda: [*lines, f"wrote {out}"], indent=1)


def _as_given(told: Mapping[str, Any]) -> str:
    """The command with the options that are not the defaults, whatever the folder is
    called."""
    defaults = {param.name: param.default for param in fit.params}
    words = ["balance-sim", "evidence", "fit", "--events", "DATA"]
    for name, value in sorted(told.items()):
        if value not in (None, (), defaults[name]):
            each = value if isinstance(value, tuple) else (value,)
            words += [word for one in each for word in (f"--{name}", str(one))]
    return " ".join(words)


def _refuse_file(data: Path) -> None:
    """Say what a YAML file is that was given instead of a folder of data."""
    from balance_sim.scenario.diagnostics import shown
    from balance_sim.scenario.plans import kind_of_file

    kind = kind_of_file(data)
    name = shown(str(data), 200)
    if kind is None:
        raise click.UsageError(f"{name} is a file: the rates need a folder of data")
    raise click.UsageError(
        f"{name} is {kind.what}, no folder of data: {kind.command} {name}"
    )


def one_thread() -> None:
    """One thread for linear algebra, unless the user says otherwise; before NumPy is
    imported. The matrices of a choice are small: several threads wait for each other
    longer than they work, and round in an order of their own."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _write(record: dict[str, object], out: Path, *head: str) -> None:
    """The file, put in its place whole. Raises CannotWrite."""
    from balance_sim.evidence.estimation.parameter_files import fitted_text
    from balance_sim.study.atomic_files import write_atomic

    write_atomic(out, fitted_text(record, *head).encode())


@click.command()
@click.argument("scenario")
@click.option(
    "--out",
    type=options.FILE,
    help="File to write  [default: calibration.yaml in the scenario's folder of tables; here for a shipped one]",
)
@click.option(
    "--until",
    type=options.Day(),
    help="Day before which the record is complete  [default: the scenario's start]",
)
@click.option(
    "--window",
    type=click.IntRange(5, 60),
    default=20,
    show_default=True,
    help="Years of the record.",
)
@click.option(
    "--card/--no-card",
    default=True,
    help="Forecast the record's last five years, and score that.",
)
@click.option(
    "--theories",
    is_flag=True,
    help="Score and stack the shipped theories on the same years; theories.yaml. Minutes.",
)
@options.verbose_option
@options.json_option
def calibrate(
    scenario: str,
    out: Path | None,
    until: date | None,
    window: int,
    card: bool,
    theories: bool,
    verbose: bool,
) -> None:
    """Calibrate SCENARIO on its own record, and write what was found to a file that it
    names by `calibration:`.

    From the fitted weights as a prior and the dated agreements in the scenario's
    tables: the intercept of each type, how readily each state signs (its random
    intercept), the frailty of each dyad, and the level of a year. The skill card scores
    the same calibration on the record's last five years, each forecast from what was
    known before it, beside baselines."""
    from dataclasses import replace

    from balance_sim.evidence.estimation.calibration import FORM, prior_of
    from balance_sim.evidence.estimation.calibration import calibrate as calibrated
    from balance_sim.evidence.estimation.choices import own_record
    from balance_sim.evidence.estimation.parameter_files import (
        calibration_record,
        calibration_text,
    )
    from balance_sim.evidence.forecast.lines import (
        calibration_lines,
        card_lines,
        theory_lines,
    )
    from balance_sim.evidence.forecast.skill_card import CARD_YEARS, skill_card
    from balance_sim.scenario.defaults import fitted_distribution
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.folder import version

    raw = load_scenario(scenario, calibrated=False)
    prior, form, sources = (
        prior_of(raw, fitted_distribution()),
        replace(FORM, window=window),
        Sources(scenario),
    )
    path, end = sources.path, until or raw.start
    if end > raw.start:
        raise click.UsageError(
            f"--until {end} lies after the scenario's start, {raw.start}"
        )
    record = own_record(raw, window + CARD_YEARS * card, until=end)
    kept = record.within(record.years[-1] - window + 1, record.years[-1])
    found = calibrated(kept, prior, form)
    told = ["balance-sim", "calibrate", f"{path.parent.name}/{path.name}"]
    told += ["--until", end.isoformat()] if end != raw.start else []
    told += ["--window", str(window)] if window != FORM.window else []
    written = calibration_record(
        raw, kept, found, prior, form, " ".join(told), version()
    )
    is_alone = sources.home().name == path.stem  # in a folder of the scenario's name
    target = out or sources.home() / (
        "calibration.yaml" if is_alone else f"{path.stem}_calibration.yaml"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, calibration_text(written).encode("utf-8"))
    skill = None
    if card:
        with Steps({"skill card": 6.0 * CARD_YEARS}) as steps:
            steps.begin("skill card")
            skill = skill_card(raw, record, prior, form, say=steps.lines(CARD_YEARS))
    told += ["--theories"] if theories else []
    scored = (
        _score_theories(scenario, raw, form, until, target.parent, " ".join(told))
        if theories
        else None
    )
    name = (
        target.relative_to(path.parent)
        if target.is_relative_to(path.parent)
        else target
    )
    document = {
        "file": str(target),
        **{key: written[key] for key in ("calibrated", "variances", "levels")},
    }
    document |= {"skill_card": None if skill is None else skill.as_dict()}
    document |= {} if scored is None else {"theories": scored.as_dict()}

    def lines() -> Iterator[str]:
        yield from calibration_lines(found, state_names(raw), end, verbose=verbose)
        yield from card_lines(skill, verbose=verbose) if skill is not None else ()
        yield from theory_lines(scored) if scored is not None else ()
        yield from (
            "",
            *wrapped(
                f"wrote {target}; the scenario names it by `calibration: {name}`", ""
            ),
        )

    options.answer(document, lines, indent=1)
    sys.stdout.flush()


def _score_theories(
    scenario: str,
    raw: Scenario,
    form: Form,
    until: date | None,
    folder: Path,
    command: str,
) -> TheoryScores:
    """Score the theories, and write what was found beside the calibration."""
    from balance_sim.evidence.forecast.skill_card import CARD_YEARS
    from balance_sim.evidence.forecast.theories import (
        NAME,
        score_theories,
        theories_text,
    )
    from balance_sim.scenario.defaults import presets
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.folder import version

    wanted = CARD_YEARS * len(presets())
    with Steps({"theories": 6.0 * wanted}) as steps:
        steps.begin("theories")
        found = score_theories(
            scenario, form=form, until=until, say=steps.lines(wanted)
        )
    write_atomic(
        folder / NAME, theories_text(raw, found, command, version()).encode("utf-8")
    )
    return found

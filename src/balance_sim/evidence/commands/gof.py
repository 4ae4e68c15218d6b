"""`balance-sim evidence gof SCENARIO`: does the model make networks like the one on
record?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
    from balance_sim.evidence.goodness.comparison import GoodnessOfFit
    from balance_sim.evidence.goodness.networks import Agreements, Span
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result


@click.command()
@click.argument(
    "subject", metavar="[SCENARIO|RESULTS|HINDCAST]", type=options.PATH, required=False
)
@click.option(
    "--against",
    type=options.PATH,
    help="Table of what was signed: a, b, date, kind  "
    "[default: the scenario's own record]",
)
@click.option(
    "--simulated",
    type=options.PATH,
    help="Table of networks that any model simulated: replication, a, b, date, kind.",
)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    help="Replications; with --simulated, how many there are, if some signed "
    "nothing  [default: 128]",
)
@click.option("--seed", type=options.SHORT_SEED, default=1, show_default=True)
@click.option(
    "--from",
    "first",
    type=options.Day(),
    help="First day  [default: 1 January, three years before that of the "
    "scenario's start]",
)
@click.option(
    "--until",
    type=options.Day(),
    help="Last day  [default: the day before the scenario's start]",
)
@click.option(
    "--arm", metavar="ARM", help="Which arm is simulated  [default: the control arm]"
)
@click.option(
    "--data",
    type=options.PATH,
    help="Of a hindcast: folder with the field's data files.",
)
@click.option(
    "--outcomes",
    type=options.PATH,
    help="Of a hindcast: agreements of the years forecast.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Worker processes, of a scenario.",
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder for gof.json, figures and report  [default: RESULTS/gof, or "
    "results/<name>-gof]",
)
@options.figures_option
@options.verbose_option
@options.json_option
@options.terms_option
def gof(out: Path | None, figures: bool, verbose: bool, **given: Any) -> None:
    """Compare simulated networks of new agreements with the observed one.

    The years before the scenario's start are simulated from their first day, with what
    was known then, and compared with the scenario's own record in degrees, shared
    partners, triads, distance, regimes, counts and more; each group of statistics has a
    Mahalanobis Monte Carlo p. Residuals show when the record left the model. See
    docs/gof.md."""
    from balance_sim.evidence.forecast.scored_files import FILE as SCORES
    from balance_sim.evidence.goodness.comparison import FILE, read_gof
    from balance_sim.evidence.goodness.lines import gof_lines
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study.folder import refuse_strange
    from balance_sim.study.store import Store

    request = GofRequest(**given)
    folder = out or request.home
    if any((folder / name).exists() for name in ("manifest.json", SCORES)):
        hint = "choose another --out"
        raise WrongRequest(f"{folder} holds results of another kind: {hint}")
    study = goodness_of(request)
    study = replace(study, about=study.about | {"command": options.command_line()})
    refuse_strange(folder, (FILE, SCORES))
    with Store(folder).lock(places=()):
        text = json.dumps(study.as_dict(simulated=True), allow_nan=False)
        write_study(folder, FILE, f"{text}\n", read_gof if figures else None)

    def lines() -> list[str]:
        return [*gof_lines(study, verbose=verbose), "", f"wrote {folder}"]

    options.answer(study.as_dict, lines, indent=1)


def write_study(
    folder: Path, file: str, text: str, read: Callable[[Path], Any] | None
) -> None:
    """Write a file into a folder that is held; and figures and report of the study that
    `read` makes of it. Raises CannotWrite."""
    from balance_sim.study.store import Store

    Store(folder).write_text(file, text)
    if read is not None:
        from balance_sim.show.plots import save_figures
        from balance_sim.show.report import save_report

        study = read(folder / file)
        save_figures(study, folder)
        save_report(study, folder / "report.html")


@dataclass(frozen=True)
class GofRequest:
    """What the command was given; None where it was not."""

    subject: Path | None
    against: Path | None
    simulated: Path | None
    runs: int | None
    seed: int
    first: date | None
    until: date | None
    arm: str | None
    data: Path | None
    outcomes: Path | None
    workers: int

    @property
    def home(self) -> Path:
        """Where the files go if nothing is said: beside the results, or in a folder of
        their own."""
        source = self.simulated or self.subject or Path("networks")
        if self.simulated is None and source.is_dir():
            return source / "gof"
        return Path("results") / f"{source.stem}-gof"

    @property
    def stop(self) -> date | None:
        """The first day after the span."""
        return None if self.until is None else self.until + timedelta(days=1)

    def span(self, scenario: Scenario, *, ahead: bool = False) -> Span:
        """The span of a scenario. ahead: where no first day is given, from its start
        on."""
        from balance_sim.evidence.goodness.study import span_asked

        if self.first is not None:
            ahead = self.first >= scenario.start
        return span_asked(scenario, self.first, self.stop, ahead=ahead)

    def record(self, codes: tuple[str, ...]) -> tuple[Agreements | None, list[str]]:
        """The table of what was signed, if one is given, between states of the roster;
        and a note on the others."""
        from balance_sim.evidence.data.agreements import only_known, read_networks
        from balance_sim.evidence.goodness.networks import from_table

        if self.against is None:
            return None, []
        frame = read_networks(self.against, simulated=False)
        in_roster = only_known(frame, codes, self.against, simulated=False)
        notes = []
        if len(in_roster) < len(frame):
            count = f"{len(frame) - len(in_roster)} agreements of {self.against.name}"
            notes.append(f"{count} with a state that is not in the roster are left out")
        return from_table(in_roster, codes), notes

    def refuse(self, names: tuple[str, ...], why: str) -> None:
        """Raise click.UsageError where any of these options is given."""
        for name in names:
            if getattr(self, name) is not None:
                option = "from" if name == "first" else name
                raise click.UsageError(f"--{option} {why}")


def goodness_of(request: GofRequest) -> GoodnessOfFit:
    """The comparison that is asked for. Raises click.UsageError for options that do not
    go together."""
    if request.simulated is not None:
        return _of_tables(request, request.simulated)
    if request.subject is None:
        subjects = "SCENARIO, RESULTS or HINDCAST"
        raise click.UsageError(f"give {subjects}, or networks with --simulated")
    plan = _plan_of(request.subject)
    if plan is not None:
        return _of_hindcast(plan, request)
    request.refuse(
        ("data", "outcomes"), f"is for a hindcast: {request.subject} is none"
    )
    scenario, result = _scenario_of(request.subject)
    return _of_scenario(scenario, result, request)


def _plan_of(subject: Path) -> HindcastPlan | None:
    """The plan that a path names, of an experiment or of a hindcast's results; None
    where it is neither."""
    from balance_sim.evidence.forecast.hindcast_plan import (
        read_hindcast_plan,
        stored_plan,
    )
    from balance_sim.evidence.forecast.scored_files import FILE, read_scored_forecasts
    from balance_sim.scenario.plans import kind_of_file

    file = subject / FILE
    if file.is_file():
        return stored_plan(read_scored_forecasts(file).about["plan"], file)
    file_type = None if subject.is_dir() else kind_of_file(subject)
    if file_type is None or file_type.name != "hindcast":
        return None
    return read_hindcast_plan(subject)


def _scenario_of(subject: Path) -> tuple[Scenario, Result | None]:
    """A scenario from its file, or that of a results folder with its results."""
    from balance_sim.scenario import load_scenario
    from balance_sim.study.result import open_result

    if subject.is_dir():
        result = open_result(subject)
        return result.scenario, result
    return load_scenario(subject), None


def _of_scenario(
    scenario: Scenario, result: Result | None, request: GofRequest
) -> GoodnessOfFit:
    """A scenario against its own record, or against a table."""
    from balance_sim.evidence.goodness.study import RUNS, goodness_of_fit
    from balance_sim.study.arms import headline_arm

    span = request.span(scenario, ahead=request.against is not None)
    observed, notes = request.record(scenario.codes)
    arm, stored, reference = request.arm, None, scenario.reference_arm
    if span.first >= scenario.start:
        arms = [reference, *scenario.arms]
        arm = arm or headline_arm(scenario, arms) or reference
        stored = _stored(result, arm, request.runs)
    if result is not None and result.model is not None and stored is None:
        made_by = f"made by a model of its own, {result.model}"
        raise click.UsageError(
            f"{request.subject} was {made_by}, and tells nothing of these years: "
            "simulate them with it, and give its networks with --simulated"
        )
    study = goodness_of_fit(
        scenario,
        runs=request.runs or RUNS,
        seed=request.seed if result is None else result.seed,
        span=span,
        arm=arm,
        observed=observed,
        stored=stored,
        workers=request.workers,
        draw_parameters=False if result is None else result.draws,
    )
    return replace(study, notes=(*notes, *study.notes))


def _stored(result: Result | None, arm: str, runs: int | None) -> Result | None:
    """The results that hold enough replications of an arm, cut to as many as are asked
    for; None where there are none."""
    if result is None or arm not in result.arms or result.runs < (runs or 2):
        return None
    stored = replace(result, runs=min(result.runs, runs or result.runs))
    return None if stored.missing_runs and runs else stored


def _of_hindcast(plan: HindcastPlan, request: GofRequest) -> GoodnessOfFit:
    """The forward simulation of a hindcast against the record of the years forecast."""
    from balance_sim.evidence.forecast.forward_networks import forward_networks
    from balance_sim.evidence.forecast.hindcast import read_history
    from balance_sim.evidence.goodness.comparison import GoodnessOfFit
    from balance_sim.evidence.goodness.networks import compare, facts_of
    from balance_sim.evidence.goodness.residuals import residuals_of
    from balance_sim.evidence.goodness.study import RUNS, names_of
    from balance_sim.study.machine import version

    if request.data is None:
        data = "the folder with the field's files, --data DIR"
        raise click.UsageError(f"a hindcast is fitted anew: give {data}")
    request.refuse(
        ("first", "until", "arm", "against"),
        "does not apply to a hindcast: its plan and data say it",
    )
    history = read_history(plan, request.data, request.outcomes)
    runs = request.runs or RUNS
    forward = forward_networks(plan, history, runs=runs, seed=request.seed)
    scenario, span = forward.scenario, forward.span
    observed, simulated = forward.observed, forward.simulated
    in_span = observed.signed_within(span)
    return GoodnessOfFit(
        comparison=compare(facts_of(scenario), span, observed, simulated, runs),
        residuals=residuals_of(scenario, in_span, forward.kinds),
        names=names_of(scenario),
        about={
            "subject": "hindcast",
            "title": plan.title,
            "plan": plan.model_dump(),
            "seed": request.seed,
            "version": version(),
        },
        notes=forward.notes,
    )


def _of_tables(request: GofRequest, path: Path) -> GoodnessOfFit:
    """Networks that somebody simulated, against a table or a scenario's record."""
    from balance_sim.evidence.data.agreements import only_known, read_networks
    from balance_sim.evidence.goodness.comparison import GoodnessOfFit
    from balance_sim.evidence.goodness.networks import (
        StateFacts,
        compare,
        facts_of,
        from_table,
        recorded,
    )
    from balance_sim.evidence.goodness.study import names_of
    from balance_sim.study.machine import version

    request.refuse(
        ("arm", "data", "outcomes"),
        "does not apply to networks that are simulated already",
    )
    simulated = read_networks(path, simulated=True)
    notes: list[str] = []
    if request.subject is not None:
        scenario, _ = _scenario_of(request.subject)
        facts, names = facts_of(scenario), names_of(scenario)
        simulated = only_known(simulated, scenario.codes, path, simulated=True)
        span = request.span(scenario)
        table, notes = request.record(scenario.codes)
        observed = recorded(scenario) if table is None else table
    elif request.against is not None:
        frame = read_networks(request.against, simulated=False)
        _refuse_empty(frame, request.against)
        _refuse_empty(simulated, path)
        tables = (frame, simulated)
        codes = sorted(
            {*(code for table in tables for code in [*table["a"], *table["b"]])}
        )
        facts, names = StateFacts(tuple(codes)), {code: code for code in codes}
        span = _span_of_tables(request, [*frame["signed"], *simulated["signed"]])
        observed = from_table(frame, codes)
    else:
        record = "--against TABLE, or a SCENARIO with its record"
        raise click.UsageError(f"--simulated needs what was observed: {record}")
    runs = _runs_of_table(request, simulated, path)
    networks = from_table(simulated, facts.codes)
    return GoodnessOfFit(
        comparison=compare(facts, span, observed, networks, runs),
        names=names,
        about={
            "subject": "simulated networks",
            "title": path.stem,
            "version": version(),
        },
        notes=tuple(notes),
    )


def _refuse_empty(table: pd.DataFrame, source: Path) -> None:
    from balance_sim.evidence.data.errors import DataError

    if not len(table):
        hint = "Give one row an agreement"
        raise DataError("there is no agreement in it", hint, source)


def _span_of_tables(request: GofRequest, dates: list[pd.Timestamp]) -> Span:
    """The span asked for; from the first to the last date where none is."""
    from balance_sim.evidence.goodness.networks import Span

    first = request.first or min(dates).date()
    stop = request.stop or max(dates).date() + timedelta(days=1)
    if first >= stop:
        options_given = f"--from {first}, --until {stop}"
        raise click.UsageError(f"the span is not in order: {options_given}")
    return Span(first, stop)


def _runs_of_table(request: GofRequest, simulated: pd.DataFrame, path: Path) -> int:
    """How many replications a table of simulated networks is of."""
    from balance_sim.evidence.data.errors import DataError

    runs = int(simulated["run"].max()) + 1 if len(simulated) else 0
    if request.runs is not None and request.runs < runs:
        count = f"--runs {request.runs} is fewer than the {runs} replications"
        raise click.UsageError(f"{count} in {path}")
    runs = request.runs or runs
    if runs < 2:
        message = "at least two replications are needed"
        raise DataError(message, "Simulate more", path, column="replication")
    return runs

"""`balance-sim evidence gof SCENARIO`: does the model make networks like the one on record?"""

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
    from balance_sim.evidence.forecast.hindcast import HindcastPlan
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
    help="Table of what was signed: a, b, date, kind  [default: the scenario's own record]",
)
@click.option(
    "--simulated",
    type=options.PATH,
    help="Table of networks that any model simulated: replication, a, b, date, kind.",
)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    help="Replications; with --simulated, how many there are, if some signed nothing  [default: 128]",
)
@click.option("--seed", type=options.SHORT_SEED, default=1, show_default=True)
@click.option(
    "--from",
    "first",
    type=options.Day(),
    help="First day  [default: 1 January, three years before that of the scenario's start]",
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
    help="Folder for gof.json, figures and report  [default: RESULTS/gof, or results/<name>-gof]",
)
@options.figures_option
@options.verbose_option
@options.json_option
@options.terms_option
def gof(out: Path | None, figures: bool, verbose: bool, **asked_for: Any) -> None:
    """Compare simulated networks of new agreements with the observed one.

    The years before the scenario's start are simulated from their first day, with what
    was known then, and compared with the scenario's own record in degrees, shared
    partners, triads, distance, regimes, counts and more; each group of statistics has a
    Mahalanobis Monte Carlo p. Residuals show when the record left the model. See
    docs/gof.md."""
    from balance_sim.evidence.forecast.score import FILE as SCORES
    from balance_sim.evidence.goodness.comparison import FILE, read_gof
    from balance_sim.evidence.goodness.figures import gof_answer, gof_lines
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study.folder import refuse_strange
    from balance_sim.study.store import Store

    asked = GofRequest(**asked_for)
    folder, lines = out or asked.home, gof_lines if verbose else gof_answer
    if any((folder / name).exists() for name in ("manifest.json", "hindcast.json")):
        raise WrongRequest(
            f"{folder} holds results of another kind: choose another --out"
        )
    found = found_for(asked)
    found = replace(found, about=found.about | {"command": options.command_line()})
    refuse_strange(folder, (FILE, SCORES))
    with Store(folder).lock(places=()):
        text = json.dumps(found.as_dict(simulated=True), allow_nan=False) + "\n"
        write_study(folder, FILE, text, read_gof if figures else None)
    options.answer(
        found.as_dict, lambda: [*lines(found), "", f"wrote {folder}"], indent=1
    )


def write_study(
    folder: Path, file: str, text: str, read: Callable[[Path], Any] | None
) -> None:
    """A file into a folder that is held; and figures and report of what `read` makes of
    it. Raises CannotWrite."""
    from balance_sim.study.store import Store

    Store(folder).write_text(file, text)
    if read is not None:
        from balance_sim.show.plots import Plots
        from balance_sim.show.report import save_report

        plots = Plots(read(folder / file))
        plots.save(folder)
        save_report(plots.study, folder / "report.html")


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
        named = self.simulated or self.subject or Path("networks")
        return (
            named / "gof"
            if named is self.subject and named.is_dir()
            else Path("results") / f"{named.stem}-gof"
        )

    @property
    def stop(self) -> date | None:
        """The first day after the span."""
        return None if self.until is None else self.until + timedelta(days=1)

    def span(self, scenario: Scenario, *, ahead: bool = False) -> Span:
        """The span of a scenario. ahead: where no first day is given, from its start
        on."""
        from balance_sim.evidence.goodness.study import span_asked

        ahead = self.first >= scenario.start if self.first is not None else ahead
        return span_asked(scenario, self.first, self.stop, ahead=ahead)

    def observed(
        self, codes: tuple[str, ...]
    ) -> tuple[Agreements | None, tuple[str, ...]]:
        """The table of what was signed, if one is given, between states of the roster;
        and a note on the others."""
        from balance_sim.evidence.data.agreements import only_known, read_networks
        from balance_sim.evidence.goodness.networks import from_table

        if self.against is None:
            return None, ()
        frame = read_networks(self.against, simulated=False)
        kept = only_known(frame, codes, self.against, simulated=False)
        lost = len(frame) - len(kept)
        note = f"{lost} agreements of {self.against.name} with a state that is not in the roster are left out"
        return from_table(kept, codes), (note,) if lost else ()

    def refuse(self, names: tuple[str, ...], why: str) -> None:
        """Raise click.UsageError where any of these options is given."""
        for name in names:
            if getattr(self, name) is not None:
                raise click.UsageError(f"--{'from' if name == 'first' else name} {why}")


def found_for(asked: GofRequest) -> GoodnessOfFit:
    """The comparison. Raises click.UsageError for options that do not go together."""
    if asked.simulated is not None:
        return _of_tables(asked, asked.simulated)
    if asked.subject is None:
        raise click.UsageError(
            "give SCENARIO, RESULTS or HINDCAST, or networks with --simulated"
        )
    plan = _plan_of(asked.subject)
    if plan is not None:
        return _of_hindcast(plan, asked)
    asked.refuse(("data", "outcomes"), f"is for a hindcast: {asked.subject} is none")
    return _of_scenario(*_scenario_of(asked.subject), asked)


def _plan_of(subject: Path) -> HindcastPlan | None:
    """The plan that a path names, of an experiment or of a hindcast's results; None
    where it is neither."""
    from balance_sim.evidence.forecast.hindcast import read_hindcast_plan, stored_plan
    from balance_sim.evidence.forecast.score import FILE, read_scored_forecasts
    from balance_sim.scenario.validation import plan_kind

    if (subject / FILE).is_file():
        return stored_plan(
            read_scored_forecasts(subject / FILE).about["plan"], subject / FILE
        )
    return (
        read_hindcast_plan(subject)
        if not subject.is_dir() and plan_kind(subject) == "hindcast"
        else None
    )


def _scenario_of(subject: Path) -> tuple[Scenario, Result | None]:
    """A scenario from its file, or that of a results folder with its results."""
    from balance_sim.scenario import load_scenario
    from balance_sim.study.result import open_result

    if subject.is_dir():
        result = open_result(subject)
        return result.scenario, result
    return load_scenario(subject), None


def _of_scenario(
    scenario: Scenario, result: Result | None, asked: GofRequest
) -> GoodnessOfFit:
    """A scenario against its own record, or against a table."""
    from balance_sim.evidence.goodness.study import RUNS, goodness_of_fit
    from balance_sim.study.arms import headline_arm

    span = asked.span(scenario, ahead=asked.against is not None)
    seen, notes = asked.observed(scenario.codes)
    arm, runs, stored, reference = asked.arm, asked.runs, None, scenario.reference_arm
    if span.first >= scenario.start:
        arm = arm or headline_arm(scenario, [reference, *scenario.arms]) or reference
        if result is not None and arm in result.arms and result.runs >= (runs or 2):
            stored = replace(result, runs=min(result.runs, runs or result.runs))
            stored = None if stored.missing_runs and runs else stored
    if result is not None and result.model is not None and stored is None:
        raise click.UsageError(
            f"{asked.subject} was made by a model of its own, {result.model}, and tells nothing of these years: "
            "simulate them with it, and give its networks with --simulated"
        )
    seed, draws = (asked.seed, False) if result is None else (result.seed, result.draws)
    found = goodness_of_fit(
        scenario,
        runs=runs or RUNS,
        seed=seed,
        span=span,
        arm=arm,
        observed=seen,
        stored=stored,
        workers=asked.workers,
        draw_parameters=draws,
    )
    return replace(found, notes=(*notes, *found.notes))


def _of_hindcast(plan: HindcastPlan, asked: GofRequest) -> GoodnessOfFit:
    """The forward simulation of a hindcast against the record of the years forecast."""
    from balance_sim.evidence.forecast.hindcast import forward_networks, read_history
    from balance_sim.evidence.goodness.comparison import GoodnessOfFit, residuals_of
    from balance_sim.evidence.goodness.networks import compare, ground_of
    from balance_sim.evidence.goodness.study import RUNS
    from balance_sim.study.machine import version

    if asked.data is None:
        raise click.UsageError(
            "a hindcast is fitted anew: give the folder with the field's files, --data DIR"
        )
    asked.refuse(
        ("first", "until", "arm", "against"),
        "does not apply to a hindcast: its plan and data say it",
    )
    history, runs = read_history(plan, asked.data, asked.outcomes), asked.runs or RUNS
    forward = forward_networks(plan, history, runs=runs, seed=asked.seed)
    scenario, seen = forward.scenario, forward.observed
    about: dict[str, Any] = {
        "subject": "hindcast",
        "title": plan.title,
        "plan": plan.model_dump(),
    }
    return GoodnessOfFit(
        compare(ground_of(scenario), forward.span, seen, forward.simulated, runs),
        residuals_of(scenario, seen.signed_within(forward.span), forward.kinds),
        _names(scenario),
        about | {"seed": asked.seed, "version": version()},
        forward.notes,
    )


def _names(scenario: Scenario) -> dict[str, str]:
    return {state.id: state.name or state.id for state in scenario.states}


def _of_tables(asked: GofRequest, path: Path) -> GoodnessOfFit:
    """Networks that somebody simulated, against a table or a scenario's record."""
    from balance_sim.evidence.data.agreements import only_known, read_networks
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.evidence.goodness.comparison import GoodnessOfFit
    from balance_sim.evidence.goodness.networks import (
        Span,
        StateFacts,
        compare,
        from_table,
        ground_of,
        recorded,
    )
    from balance_sim.study.machine import version

    asked.refuse(
        ("arm", "data", "outcomes"),
        "does not apply to networks that are simulated already",
    )
    made = read_networks(path, simulated=True)
    notes: tuple[str, ...] = ()
    if asked.subject is not None:
        scenario = _scenario_of(asked.subject)[0]
        ground, names = ground_of(scenario), _names(scenario)
        made = only_known(made, scenario.codes, path, simulated=True)
        span = asked.span(scenario)
        seen, notes = asked.observed(scenario.codes)
        seen = recorded(scenario) if seen is None else seen
    elif asked.against is not None:
        frame = read_networks(asked.against, simulated=False)
        for table, source in ((frame, asked.against), (made, path)):
            if not len(table):
                raise DataError(
                    "there is no agreement in it", "Give one row an agreement", source
                )
        codes = tuple(sorted({*frame["a"], *frame["b"], *made["a"], *made["b"]}))
        dates = [*frame["signed"], *made["signed"]]
        ground, names = StateFacts(codes), {code: code for code in codes}
        span = Span(
            asked.first or min(dates).date(),
            asked.stop or max(dates).date() + timedelta(days=1),
        )
        if span.first >= span.stop:
            raise click.UsageError(
                f"the span is not in order: --from {span.first}, --until {span.stop}"
            )
        seen = from_table(frame, codes)
    else:
        raise click.UsageError(
            "--simulated needs what was observed: --against TABLE, or a SCENARIO with its record"
        )
    runs = int(made["run"].max()) + 1 if len(made) else 0
    if asked.runs is not None and asked.runs < runs:
        raise click.UsageError(
            f"--runs {asked.runs} is fewer than the {runs} replications in {path}"
        )
    runs = asked.runs or runs
    if runs < 2:
        raise DataError(
            "at least two replications are needed",
            "Simulate more",
            path,
            column="replication",
        )
    about: dict[str, Any] = {
        "subject": "simulated networks",
        "title": path.stem,
        "version": version(),
    }
    return GoodnessOfFit(
        compare(ground, span, seen, from_table(made, ground.codes), runs),
        None,
        names,
        about,
        notes,
    )

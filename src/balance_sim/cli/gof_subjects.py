"""What `gof` compares, by what it was given: a scenario, results, a hindcast, or simulated networks alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.analysis.gof_file import GoodnessOfFit
    from balance_sim.evidence.forecast.hindcast import HindcastPlan
    from balance_sim.replications.gof import Agreements
    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario


@dataclass(frozen=True)
class Asked:
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
    def stop(self) -> date | None:
        """The first day after the span."""
        return None if self.until is None else self.until + timedelta(days=1)


def found_for(asked: Asked) -> GoodnessOfFit:
    """The comparison. Raises click.UsageError for options that do not go together."""
    if asked.simulated is not None:
        return of_tables(asked)
    if asked.subject is None:
        raise click.UsageError("give SCENARIO, RESULTS or HINDCAST, or networks with --simulated")
    plan = plan_of(asked.subject)
    if plan is not None:
        return of_hindcast(plan, asked)
    for name in ("data", "outcomes"):
        if getattr(asked, name) is not None:
            raise click.UsageError(f"--{name} is for a hindcast: {asked.subject} is none")
    scenario, result = scenario_of(asked.subject)
    return of_scenario(scenario, result, asked)


def plan_of(subject: Path) -> HindcastPlan | None:
    """The plan that a path names, of an experiment or of a hindcast's results; None where it is neither."""
    from balance_sim.evidence.forecast.hindcast import read_hindcast_plan, stored_plan
    from balance_sim.evidence.forecast.score import FILE, read_scored
    from balance_sim.scenario.validation import plan_kind

    if (subject / FILE).is_file():
        return stored_plan(read_scored(subject / FILE).about["plan"], subject / FILE)
    return read_hindcast_plan(subject) if subject.is_file() and plan_kind(subject) == "hindcast" else None


def scenario_of(subject: Path) -> tuple[Scenario, Result | None]:
    """A scenario from its file, or that of a results folder with its results."""
    from balance_sim.results.result import open_result
    from balance_sim.scenario import load_scenario

    if subject.is_dir():
        result = open_result(subject)
        return result.scenario, result
    return load_scenario(subject), None


def of_scenario(scenario: Scenario, result: Result | None, asked: Asked) -> GoodnessOfFit:
    """A scenario against its own record, or against a table."""
    from dataclasses import replace

    from balance_sim.experiment.gof import RUNS, goodness_of_fit, span_asked
    from balance_sim.replications.arms import headline_arm
    from balance_sim.replications.gof import from_table

    ahead = asked.against is not None and (asked.first is None or asked.first >= scenario.start)
    span = span_asked(scenario, asked.first, asked.stop, ahead=ahead)
    seen: Agreements | None = None
    notes: tuple[str, ...] = ()
    if asked.against is not None:
        frame, notes = observed_table(asked.against, scenario.codes)
        seen = from_table(frame, scenario.codes)
    arm, runs, stored = asked.arm, asked.runs, None
    if span.first >= scenario.start:
        arm = (
            arm or headline_arm(scenario, [scenario.reference_arm, *scenario.arms]) or scenario.reference_arm
        )
        if result is not None and arm in result.arms and result.runs >= (runs or 2):
            stored = replace(result, runs=min(result.runs, runs or result.runs))
            stored = None if stored.missing_runs and runs else stored
    if result is not None and result.model is not None and stored is None:
        raise click.UsageError(
            f"{asked.subject} was made by a model of its own, {result.model}, and tells nothing of these years: "
            "simulate them with it, and give its networks with --simulated"
        )
    found = goodness_of_fit(
        scenario,
        runs=runs or RUNS,
        seed=result.seed if result is not None else asked.seed,
        span=span,
        arm=arm,
        observed=seen,
        stored=stored,
        workers=asked.workers,
        draw_parameters=result is not None and result.draws,
    )
    return replace(found, notes=(*notes, *found.notes))


def observed_table(path: Path, codes: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of a record between states of the roster, and a note on the others."""
    from balance_sim.evidence.data.accords import only_known, read_networks

    frame = read_networks(path, simulated=False)
    kept = only_known(frame, codes, path, simulated=False)
    lost = len(frame) - len(kept)
    return kept, (
        f"{lost} agreements of {path.name} with a state that is not in the roster are left out",
    ) * (lost > 0)


def of_hindcast(plan: HindcastPlan, asked: Asked) -> GoodnessOfFit:
    """The forward simulation of a hindcast against the record of the years forecast."""
    from balance_sim.analysis.gof_file import GoodnessOfFit
    from balance_sim.analysis.residuals import residuals_of
    from balance_sim.evidence.forecast.hindcast import forward_networks, read_history
    from balance_sim.experiment.gof import RUNS
    from balance_sim.replications.gof import compare, ground_of
    from balance_sim.results.folder import version

    if asked.data is None:
        raise click.UsageError(
            "a hindcast is fitted anew: give the folder with the field's files, --data DIR"
        )
    for name, option in {
        "first": "--from",
        "until": "--until",
        "arm": "--arm",
        "against": "--against",
    }.items():
        if getattr(asked, name) is not None:
            raise click.UsageError(f"{option} does not apply to a hindcast: its plan and data say it")
    history = read_history(plan, asked.data, asked.outcomes)
    runs = asked.runs or RUNS
    forward = forward_networks(plan, history, runs=runs, seed=asked.seed)
    scenario = forward.scenario
    about: dict[str, Any] = {"subject": "hindcast", "title": plan.title, "plan": plan.model_dump()}
    return GoodnessOfFit(
        compare(ground_of(scenario), forward.span, forward.observed, forward.simulated, runs),
        residuals_of(scenario, forward.observed.signed_within(forward.span), forward.kinds),
        {state.id: state.name or state.id for state in scenario.states},
        {**about, "seed": asked.seed, "version": version()},
        forward.notes,
    )


def of_tables(asked: Asked) -> GoodnessOfFit:
    """Networks that somebody simulated, against a table or a scenario's record."""
    from balance_sim.analysis.gof_file import GoodnessOfFit
    from balance_sim.evidence.data.accords import only_known, read_networks
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.experiment.gof import span_asked
    from balance_sim.replications.gof import Ground, Span, compare, from_table, ground_of, recorded
    from balance_sim.results.folder import version

    path = asked.simulated
    assert path is not None
    for name in ("arm", "data", "outcomes"):
        if getattr(asked, name) is not None:
            raise click.UsageError(f"--{name} does not apply to networks that are simulated already")
    made = read_networks(path, simulated=True)
    notes: tuple[str, ...] = ()
    if asked.subject is not None:
        scenario = scenario_of(asked.subject)[0]
        ground, names = ground_of(scenario), {state.id: state.name or state.id for state in scenario.states}
        made = only_known(made, scenario.codes, path, simulated=True)
        span = span_asked(
            scenario, asked.first, asked.stop, ahead=bool(asked.first and asked.first >= scenario.start)
        )
        seen = recorded(scenario)
        if asked.against is not None:
            frame, notes = observed_table(asked.against, scenario.codes)
            seen = from_table(frame, scenario.codes)
    elif asked.against is not None:
        frame = read_networks(asked.against, simulated=False)
        codes = tuple(sorted({*frame["a"], *frame["b"], *made["a"], *made["b"]}))
        dates = [*frame["signed"], *made["signed"]]
        if not len(frame) or not len(made):
            empty = asked.against if not len(frame) else path
            raise DataError("there is no agreement in it", "Give one row an agreement", empty)
        first, last = min(dates).date(), max(dates).date()
        ground, names = Ground(codes), {code: code for code in codes}
        span = Span(asked.first or first, asked.stop or last + timedelta(days=1))
        if span.first >= span.stop:
            raise click.UsageError(f"the span is not in order: --from {span.first}, --until {span.stop}")
        seen = from_table(frame, codes)
    else:
        raise click.UsageError(
            "--simulated needs what was observed: --against TABLE, or a SCENARIO with its record"
        )
    runs = int(made["run"].max()) + 1 if len(made) else 0
    if asked.runs is not None and asked.runs < runs:
        raise click.UsageError(f"--runs {asked.runs} is fewer than the {runs} replications in {path}")
    runs = asked.runs or runs
    if runs < 2:
        raise DataError("at least two replications are needed", "Simulate more", path, column="replication")
    about: dict[str, Any] = {"subject": "simulated networks", "title": path.stem, "version": version()}
    return GoodnessOfFit(
        compare(ground, span, seen, from_table(made, ground.codes), runs), None, names, about, notes
    )

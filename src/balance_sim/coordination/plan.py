"""The plan of a two-sided choice: which files, which effects; and its fit as a record and as lines for a terminal.

`balance-sim fit PLAN --model coordination`. Plans are read as scenarios are: file, line and column of everything that
is wrong, in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, InstanceOf, ValidationInfo, WrapValidator

from balance_sim.coordination.choice import CoordinationFit, Missing, Repetitions, fit_coordination
from balance_sim.coordination.effects import Effect, parse_effect, parse_formula
from balance_sim.coordination.events import EventData
from balance_sim.coordination.files import FILES, PlanFile, PlanFiles, Source, Strays, load_event_data
from balance_sim.evidence.data.ties import Conflicts
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.schema import Day, Strict, Text
from balance_sim.scenario.validation import Refuse, read_plan, refusal

FILE_NAME = "coordination.yaml"
"""The plan looked for where a folder is given."""


def _source(value: object, row: Callable[[object], Any], info: ValidationInfo) -> Any:
    """`{file, column, transform}`, or files alone."""
    if isinstance(value, dict):
        return row(value)
    return Source.model_construct(file=FILES.validate_python(value, context=info.context))


def _parsed(parse: Callable[[str], Any], value: object) -> Any:
    try:
        return parse(value) if isinstance(value, str) else value
    except ValueError as error:
        message, _, suggestion = str(error).partition(". ")
        raise refusal("E211", message, suggestion.rstrip(".")) from None


OneEffect = Annotated[InstanceOf[Effect], BeforeValidator(lambda value: _parsed(parse_effect, value))]
Sources = dict[str, Annotated[Source, WrapValidator(_source)]]


class CoordinationPlan(Strict):
    """Files and effects, as a plan names them. `networks`, `states`, `pairs`: name -> files."""

    title: Text = ""
    notes: Text = ""
    events: PlanFiles
    kinds: tuple[Text, ...] = ()
    first: Day | None = None
    last: Day | None = None
    actors: PlanFile | None = None
    others: Strays = "refuse"
    absent: Strays = "refuse"
    presence: PlanFiles | None = None
    networks: dict[str, PlanFiles] = Field(default_factory=dict)
    states: Sources = Field(default_factory=dict)
    pairs: Sources = Field(default_factory=dict)
    missing: Missing = "mean"
    conflicts: Conflicts = "refuse"
    repetitions: Repetitions = "all"
    effects: Annotated[
        tuple[OneEffect, ...],
        Field(min_length=1),
        WrapValidator(lambda value, each: _parsed(parse_formula, value) if isinstance(value, str) else each(value)),
    ]

    def load(self) -> EventData:
        """Read the files. Raises DataError."""
        own = {"title", "notes", "missing", "repetitions", "effects"}
        return load_event_data(**{name: getattr(self, name) for name in type(self).model_fields if name not in own})

    def fit(self, data: EventData) -> CoordinationFit:
        """Fit the effects to what `load` has read. Raises DataError."""
        return fit_coordination(data, self.effects, missing=self.missing, repetitions=self.repetitions)


def read_coordination_plan(path: Path | str) -> CoordinationPlan:
    """The plan in a YAML file, or in `coordination.yaml` of a folder. Raises ScenarioError."""
    path = Path(path)
    return read_plan(CoordinationPlan, path / FILE_NAME if path.is_dir() else path, "coordination", rules=_between_keys)


def _between_keys(plan: CoordinationPlan, refuse: Refuse) -> None:
    if plan.first is not None and plan.last is not None and plan.last < plan.first:
        refuse("last", "E210", f"{plan.last} is before `first` {plan.first}", "swap the two")
    for k, effect in enumerate(plan.effects):
        for name, home in effect.needs:
            known = tuple(getattr(plan, home))
            if name not in known:
                near = did_you_mean(name, known) or f"`{home}` names {listed(known) or 'nothing'}"
                refuse(f"effects[{k}]", "E107", f"{effect.name} reads `{name}`, not in `{home}`", near)


STANDARD_ERRORS: Mapping[str, Mapping[str, str]] = {
    "observed": {
        "key": "standard_error",
        "covariance": "covariance",
        "from": "the inverse of the observed information, minus the Hessian at the maximum",
        "compares_with": "programs that fit by Newton's method or report a numerical Hessian (optim in R, Stata's oim)",
    },
    "expected": {
        "key": "fisher_standard_error",
        "covariance": "fisher_covariance",
        "from": "the inverse of the expected (Fisher) information, the covariance of the scores under the model",
        "compares_with": "programs that fit by Fisher scoring (goldfish in R)",
    },
}
"""Both kinds of standard errors: where they stand, where they come from, which programs report the same."""


def coordination_record(
    plan: CoordinationPlan, fit: CoordinationFit, data: EventData, command: str, version: str
) -> dict[str, object]:
    """Everything that is found: the fit, its covariance, and what was read and left out."""
    matrices, likelihoods = ("covariance", "fisher_covariance"), ("log_likelihood", "log_likelihood_null", "aic")
    return {
        "model": "coordination",
        "title": plan.title,
        "fitted": {
            "command": command,
            "version": version,
            "period": [*_period(data)],
            "events": fit.events,
            "moments": fit.moments,
            "actors": len(data.actors),
            "present": [*fit.present],
            **{name: getattr(fit, name) for name in (*likelihoods, "iterations", "largest_score")},
            "standard_errors": "observed information",
            "options": {
                name: getattr(plan, name) for name in ("others", "absent", "missing", "conflicts", "repetitions")
            },
        },
        "standard_errors": {name: dict(kind) for name, kind in STANDARD_ERRORS.items()},
        "data": [
            {
                "source": report.source,
                "file": Path(report.path).name,
                "rows": report.rows_kept,
                "dropped": {one.reason: one.count for one in report.dropped},
                "sha256": hashlib.sha256(Path(report.path).read_bytes()).hexdigest(),
            }
            for report in data.reports
        ],
        "notes": [*dict.fromkeys([*data.notes, *_imputed(fit)])],
        "effects": [
            {name: value if name == "effect" else float(value) for name, value in row.items()}
            | {f"standard_error_{name}": float(row[kind["key"]]) for name, kind in STANDARD_ERRORS.items()}
            for row in fit.table().to_dict("records")
        ],
        **{key: {"names": list(fit.effects), "matrix": getattr(fit, key).tolist()} for key in matrices},
    }


def _period(data: EventData) -> tuple[str, str]:
    dates = data.events["date"]
    return str(dates.min().date()), str(dates.max().date())


def read_lines(fit: CoordinationFit, data: EventData) -> list[str]:
    """How many events and actors there are."""
    (first, last), (low, high) = _period(data), fit.present
    return [
        f"{fit.events} events at {fit.moments} moments, {first} to {last}",
        f"{len(data.actors)} actors, {low} to {high} of them present",
    ]


def note_lines(fit: CoordinationFit, data: EventData) -> list[str]:
    """What was left out, filled or settled, a line each."""
    notes = [*data.notes, *_imputed(fit)]
    for report in data.reports:
        notes += [*report.losses, *(f"{Path(report.path).name}: {note}" for note in report.notes)]
    return [f"note: {note}" for note in dict.fromkeys(notes)]


def _imputed(fit: CoordinationFit) -> list[str]:
    return [f"{name}: {share:.1%} of its cells were blank and took a mean" for name, share in fit.imputed.items()]

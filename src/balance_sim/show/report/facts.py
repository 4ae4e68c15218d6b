"""What a report says besides its figures: what was scheduled, the inputs with their sources, how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.results.store import Store
from balance_sim.scenario.defaults import parameter_table
from balance_sim.show.names import arm_title, dyad_name, state_names
from balance_sim.show.report.tables import cell
from balance_sim.show.tables import ROWS, direction_table
from balance_sim.show.wording import arm_words, decimals, interval, number, signed

if TYPE_CHECKING:
    from balance_sim.results.result import Result
    from balance_sim.results.sweep_result import SweepResult
    from balance_sim.scenario.schema import Scenario

Rows = list[list[str]]

LIMITS = (
    "This is a model. Its numbers are expectations and shares of simulated replications, not probabilities of what "
    "will happen.",
    "The CI reflects Monte Carlo error only. It leaves out uncertainty about the parameters, the coding of events and "
    "agreements, and the form of the rules; for that, run a sensitivity analysis.",
    "Effects are relative to the control arm, which is itself simulated: how many agreements come without the event "
    "depends on base rates that are fitted or assumed, as their sources say.",
    "Each CI is for one dyad, state or arm by itself: of those without an effect about one in twenty excludes zero.",
    "The model has no elections, outbreaks of war, or outside states.",
)


def scheduled_rows(result: Result) -> Rows:
    """Agreements whose date was fixed beforehand: dyad, name, type, stage, date."""
    names = state_names(result.scenario)
    return [
        [dyad_name(names, row["a"], row["b"]), *(str(row[key]) for key in ("name", "kind", "stage", "date"))]
        for row in result.scheduled.to_dict("records")
    ]


def accord_rows(result: Result, arms: Sequence[str]) -> Rows:
    """Per arm and direction: expected number, effect, CI, Monte Carlo standard error; the longest window."""
    rows = []
    for row in direction_table(result, arms).to_dict("records"):
        title, way = arm_title(result.scenario, str(row["arm"])), ROWS[str(row["direction"])]
        if row["arm"] == result.reference:
            rows.append([title, way, number(float(row["mean"]), 2), "control", "", ""])
            continue
        places = decimals(row["mcse"], row["lo"], row["hi"])
        bounds = interval(row["lo"], row["hi"], places)
        effect, error = signed(row["effect"], places), number(row["mcse"], places + 1)
        rows.append([title, way, number(float(row["mean"]), 2), effect, bounds, error])
    return rows


def arm_rows(scenario: Scenario, arms: tuple[str, ...]) -> Rows:
    """Name, title, and what an arm changes."""
    rows = []
    for name in arms:
        arm = scenario.arms[name]
        changes = [f"without {event}" for event in arm.drop]
        changes += [f"with {event.id} ({event.date})" for event in arm.add]
        changes += [f"{path} = {_listed(value)}" for path, value in arm.set.items()]
        rows.append([arm_words(name), arm.title, "; ".join(changes) or "nothing"])
    return rows


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def event_rows(scenario: Scenario) -> Rows:
    """Events by date: date, kind, label, who, visibility, confidence, source."""
    return [
        [
            str(event.date),
            event.kind.replace("_", " "),
            event.label or event.id,
            " ".join(event.principals),
            cell(event.visibility),
            event.confidence.replace("_", " "),
            event.source,
        ]
        for event in sorted(scenario.events, key=lambda event: (event.date, event.id))
    ]


def parameter_rows(scenario: Scenario) -> Rows:
    """Every parameter with the value of this study: path, value, default where it differs, unit, range, source."""
    content = scenario.model_dump()
    rows = []
    for row in parameter_table():
        here = _at(content, str(row["path"]))
        used = row["value"] if here is None else here
        bounds, error = row["range"], row["standard_error"]
        spread = f"{bounds[0]:g} to {bounds[1]:g}" if isinstance(bounds, list) else ""
        spread = f"s.e. {error:g}" if error is not None else spread
        other = "" if used == row["value"] else cell(row["value"])
        rows.append([str(row["path"]), cell(used), other, str(row["unit"]), spread, str(row["source"])])
    return rows


def _at(content: Any, path: str) -> Any:
    """The value at a key path; None where the scenario has no such key."""
    for key in path.split("."):
        if not isinstance(content, dict) or key not in content:
            return None
        content = content[key]
    return content if isinstance(content, int | float | str) else None


def failed_and_missing(study: Result | SweepResult) -> str:
    """What a number of replications is to be read with: nothing where all are there."""
    failed = f"; {len(study.failed):,} failed" if study.failed else ""
    missing = study.missing_runs
    return failed + (
        f"; {missing:,} of all that were asked for are missing, and in no number here" if missing else ""
    )


def made_rows(result: Result) -> Rows:
    """How it was made, in a form that can be repeated."""
    manifest = Store(result.folder).read_manifest() if result.folder is not None else None
    versions = {"balance_sim": result.version} if manifest is None else manifest.versions
    scenario = result.scenario
    rows = [
        ["scenario", f"{scenario.name}, sha256 {scenario.sha256}"],
        ["time", f"{scenario.start} to {scenario.end}, steps of {scenario.step_days:g} days"],
        ["focal event", scenario.focal],
        [
            "roster",
            f"{len(scenario.states)} states, {len(scenario.accords)} agreements on record, "
            f"{len(scenario.events)} events",
        ],
        ["theory", scenario.theory.preset],
        ["arms", ", ".join(result.arms)],
        [
            "runs",
            f"{result.runs:,} of every arm" + failed_and_missing(result),
        ],
        ["seed", str(result.seed)],
        ["digest", result.digest],
        ["versions", ", ".join(f"{name} {v}" for name, v in versions.items())],
    ]
    if manifest and manifest.model:
        rows.append(["agents", manifest.model])
    if manifest and manifest.command:
        rows.append(["command", manifest.command])
    return rows


def state_rows(scenario: Scenario) -> Rows:
    """The roster: code, name, values, guessed columns, source."""
    return [
        [
            state.id,
            state.name,
            *(
                cell("-" if v is None else v)
                for v in (
                    state.gdp_bn,
                    state.milex_bn,
                    state.population_m,
                    state.democracy,
                    state.ideal_point,
                )
            ),
            state.guesses.replace(";", ", "),
            state.source,
        ]
        for state in scenario.states
    ]

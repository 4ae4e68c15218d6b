"""The upper storey: what its rooms add to the core, registered in this one place.

The core (`scenario`, `model`, `study`, `effects`, `show`, `cli`) imports none of these
rooms. It asks here for what has a role, and the module that holds it is imported then.

Roles
-----
command : a click command of its own at the top level
draws : by source, a function of a scenario that returns its joint `study.draws.Draws`
evidence : a click command in the group `balance-sim evidence`
check : by type of file (`scenario.validation.FILE_KINDS`), what `balance-sim check`
    does: `(path, settings, theory) -> cli.check.CheckedFile`
schema : by type of file, a function that returns its JSON Schema
arm : by type of study, `(folder) -> arm that is explained unless another is named`
study_type : a `StudyType` of `show.study_types`, of which figures and reports are made
run_figures : by name, a figure of a run
section : from a run to a `Section` of its report, or None
uncertainty : `estimate`, what draws of the parameters say of an effect
new : `world`, `(name, states, year, base_rate) -> (files by path, which year it is)`,
    the scenario of some states in a year
further_outcomes : by the manifest's key, a function of plain data that returns
    `study.recorder.FurtherOutcomes`, what a block measures beside our outcomes
parameters : what is drawn of a scenario's parameters, rows of a table

Roles of plug-ins, by the name with which a scenario asks for them (`plugins`)

summary : from a study to keys that its summary has besides
arms : from compiled arms and the headline arm to further arms, in which every fourth
    replication is simulated too
measures : from `Participants` and sets of states to comparisons with placebos
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Room:
    """A room of the upper storey.

    Attributes
    ----------
    name : of the sub-package
    title : its heading in the help
    extra : of `pyproject.toml` that installs what the room needs; None: nothing more
    parts : by role, then by name: the place, as `module:attribute` below `balance_sim`
    """

    name: str
    title: str
    extra: str | None
    parts: Mapping[str, Mapping[str, str]]


ROOMS = (
    Room(
        "evidence",
        "Evidence",
        "evidence",
        {
            "draws": {
                "posterior": "evidence.posterior.parameter_draws:posterior_draws",
                "prior": "evidence.posterior.priors:prior_draws",
            },
            "parameters": {
                "summary": "evidence.posterior.parameter_draws:parameter_summary",
            },
            "run_figures": {
                "uncertainty": "evidence.posterior.figures:draw_uncertainty"
            },
            "evidence": {
                "calibrate": "evidence.commands.calibrate:calibrate",
                "case": "evidence.commands.cases:case",
                "cases": "evidence.commands.cases:cases",
                "fit": "evidence.commands.fit:fit",
                "gof": "evidence.commands.gof:gof",
                "hindcast": "evidence.commands.hindcast:hindcast",
                "posterior": "evidence.commands.posterior:posterior",
                "record": "evidence.commands.record:record",
                "score": "evidence.commands.score:score",
            },
            "new": {"world": "evidence.cases.world:build_world"},
            "check": {
                "cases": "evidence.commands.cases:check_file",
                "hindcast": "evidence.commands.hindcast:check_file",
            },
            "uncertainty": {
                "estimate": "evidence.posterior.uncertainty:uncertainty",
            },
        },
    ),
    Room(
        "games",
        "Games",
        "games",
        {
            "study_type": {"game": "games.page:GAME"},
            "command": {"game": "games.command:game"},
            "check": {"game": "games.command:check_file"},
            "schema": {"game": "games.schema:game_schema"},
            "arm": {"game": "games.study:observed_arm"},
            "further_outcomes": {"game": "games.players:cast_of"},
        },
    ),
    Room(
        "article",
        "Article",
        None,
        {
            "summary": {"article": "article.summary:additions"},
            "arms": {"article": "article.arms:extra_arms"},
            "section": {"article": "article.report:section"},
            "measures": {"article": "article.beliefs:placebo_measures"},
        },
    ),
    Room(
        "archive",
        "Archive",
        None,
        {
            "command": {
                "package": "archive.command:package",
                "reproduce": "archive.command:reproduce",
                "verify": "archive.command:verify",
            },
        },
    ),
    Room("brief", "Brief", "brief", {"command": {"brief": "brief.command:brief"}}),
    Room("app", "App", "app", {"command": {"app": "app.command:app"}}),
)
EXTRAS = {
    "SALib": "sensitivity",
    "altair": "app",
    "dask": "cluster",
    "distributed": "cluster",
    "openpyxl": "excel",
    "pptx": "brief",
    "sklearn": "evidence",
    "solara": "app",
    "starlette": "app",
    "uvicorn": "app",
}
"""By package, the extra of `pyproject.toml` that installs it. A command that lacks one
ends with exit code 2 and this hint."""


def places(role: str) -> dict[str, str]:
    """Return, by name, `module:attribute` of all that has a role; nothing is
    imported."""
    return {
        name: place
        for room in ROOMS
        for name, place in room.parts.get(role, {}).items()
    }


def part(role: str, name: str) -> Any:
    """Return what has that role and name; its module is imported.

    Raises
    ------
    KeyError : where no room has one
    """
    return load(places(role)[name])


def parts(role: str) -> dict[str, Any]:
    """Return, by name, all that has a role; their modules are imported."""
    return {name: load(place) for name, place in places(role).items()}


def of_plugins(role: str, plugins: Collection[str]) -> dict[str, Any]:
    """By name, what has that role among some plug-ins. Their modules are imported."""
    return {
        name: load(place) for name, place in places(role).items() if name in plugins
    }


def load(place: str) -> Any:
    """Return the object at `module:attribute` below `balance_sim`."""
    module, attribute = place.split(":")
    return getattr(import_module(f"balance_sim.{module}"), attribute)

"""The upper storey: what its rooms add to the core, registered in this one place.

The core (`scenario`, `model`, `study`, `effects`, `show`, `cli`) imports none of these
rooms. It asks here for what has a role, and the module that holds it is imported then.

Roles
-----
command : a click command of its own at the top level
evidence : a click command in the group `balance-sim evidence`
study_type : a `StudyType` of `show.study_types`, of which figures and reports are made
run_figures : figures of a run by name
doubt : from a run to a `Doubt`, how sure its effect is, or None
section : from a run to a `Section` of its report, or None
uncertainty : what draws of the parameters say of the headline effect

Roles of plug-ins, by the name with which a scenario asks for them (`plugins`)

summary : from a study to keys that its summary has besides
lines : from a study and a width to lines that `run --verbose` prints
figures : figures of a study by name
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
    extra : of `pyproject.toml` that installs what the room needs; None: nothing more
    parts : by role, then by name: the place, as `module:attribute` below `balance_sim`
    """

    name: str
    extra: str | None
    parts: Mapping[str, Mapping[str, str]]


ROOMS = (
    Room(
        "evidence",
        "evidence",
        {
            "evidence": {
                "calibrate": "evidence.estimation.command:calibrate",
                "cases": "evidence.forecast.score_command:cases",
                "fit": "evidence.estimation.command:fit",
                "gof": "evidence.goodness.command:gof",
                "hindcast": "evidence.forecast.command:hindcast",
                "posterior": "evidence.commands.posterior:posterior",
                "score": "evidence.forecast.score_command:score",
            },
            "study_type": {
                "score": "evidence.forecast.page:SCORES",
                "gof": "evidence.goodness.page:GOODNESS_OF_FIT",
            },
            "run_figures": {"posterior": "evidence.posterior.figures:FIGURES"},
            "doubt": {"posterior": "evidence.posterior.lines:doubt"},
            "section": {"gof": "evidence.goodness.page:section"},
            "uncertainty": {
                "headline": "evidence.posterior.effect_draws:headline_uncertainty"
            },
        },
    ),
    Room(
        "games",
        None,
        {
            "command": {"game": "games.command:game"},
            "study_type": {"game": "games.report:GAME"},
        },
    ),
    Room(
        "article",
        None,
        {
            "summary": {"article": "article.summary:additions"},
            "lines": {"article": "article.lines:mechanism_lines"},
            "figures": {"article": "article.figures:FIGURES"},
            "measures": {"article": "article.beliefs:placebo_measures"},
        },
    ),
    Room(
        "archive",
        None,
        {
            "command": {
                "package": "cli.pages:package",
                "reproduce": "cli.pages:reproduce",
                "verify": "cli.pages:verify",
            },
        },
    ),
    Room("app", "app", {"command": {"explore": "cli.pages:explore"}}),
)


def places(role: str) -> dict[str, str]:
    """By name, `module:attribute` of all that has a role; nothing is imported."""
    return {
        name: place
        for room in ROOMS
        for name, place in room.parts.get(role, {}).items()
    }


def part(role: str, name: str) -> Any:
    """What has that role and name. Its module is imported.

    Raises
    ------
    KeyError : where no room has one
    """
    return load(places(role)[name])


def parts(role: str) -> dict[str, Any]:
    """By name, all that has a role. Their modules are imported."""
    return {name: load(place) for name, place in places(role).items()}


def of_plugins(role: str, plugins: Collection[str]) -> dict[str, Any]:
    """By name, what has that role among some plug-ins. Their modules are imported."""
    return {
        name: load(place) for name, place in places(role).items() if name in plugins
    }


def load(place: str) -> Any:
    """The object at `module:attribute` below `balance_sim`."""
    module, attribute = place.split(":")
    return getattr(import_module(f"balance_sim.{module}"), attribute)

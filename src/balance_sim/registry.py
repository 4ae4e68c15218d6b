"""The upper storey: what its rooms add to the core, registered in this one place.

The core (`scenario`, `model`, `study`, `effects`, `show`, `cli`) imports none of these
rooms. It asks here for what has a role, and the module that holds it is imported then.

Roles
-----
command : a click command of its own at the top level
evidence : a click command in the group `balance-sim evidence`
study_type : a `StudyType` of `show.study_types`, of which figures and reports are made
figure : a `FigureSpec` of `show.figures.style` that is drawn of a run
doubt : a function from a run to what is known of how sure its effect is
lines : a function from a run and a width to lines of `run --verbose`
section : a function from a run to a section of its report, or None
"""

from __future__ import annotations

from collections.abc import Mapping
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
                "posterior": "evidence.forecast.command:posterior",
                "score": "evidence.forecast.score_command:score",
            },
            "study_type": {
                "score": "evidence.forecast.page:SCORES",
                "gof": "evidence.goodness.page:GOODNESS_OF_FIT",
            },
            "figure": {"uncertainty": "evidence.posterior.figures:draw_uncertainty"},
            "doubt": {"uncertainty": "evidence.posterior.lines:doubt"},
            "section": {"gof": "evidence.goodness.page:section"},
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
            "figure": {
                "mechanisms": "article.figures:draw_mechanisms",
                "relations": "article.figures:draw_relations",
                "stances": "article.figures:draw_stances",
            },
            "lines": {"mechanisms": "article.lines:mechanism_lines"},
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


def load(place: str) -> Any:
    """The object at `module:attribute` below `balance_sim`."""
    module, attribute = place.split(":")
    return getattr(import_module(f"balance_sim.{module}"), attribute)

"""A scenario's states, dyads, arms and focal event as a person reads them; the code or key where there are no words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balance_sim.show.wording import arm_words, printable

if TYPE_CHECKING:
    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario

SHORT = {"us", "eu", "uk", "un", "nato"}


def state_names(scenario: Scenario) -> dict[str, str]:
    """Names by code: `{"KOR": "South Korea"}`."""
    return {state.id: printable(state.name) or state.id for state in scenario.states}


def dyad_name(names: dict[str, str], a: str, b: str) -> str:
    """Both states of a dyad: `Japan\u2013South Korea`."""
    return f"{names.get(a, a)}\u2013{names.get(b, b)}"


def arm_title(scenario: Scenario, arm: str) -> str:
    """An arm's title; its key as words where it has none."""
    return printable(scenario.arms[arm].title) or capital(arm_words(arm))


def arm_titles(scenario: Scenario) -> dict[str, str]:
    """Titles of all arms by key."""
    return {arm: arm_title(scenario, arm) for arm in scenario.arms}


def treatment(result: Result, arm: str) -> str:
    """What an arm's effect is the effect of: the focal event where the arm is the scenario as it is, else its title."""
    scenario = result.scenario
    changed = scenario.arms[arm]
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    if not (changed.drop or changed.add or changed.set) and focal.label:
        return printable(focal.label)
    return arm_title(scenario, arm)


def group_words(name: str) -> str:
    """A group's name as it is read: `us_allies` is US Allies."""
    return " ".join(word.upper() if word in SHORT else capital(word) for word in arm_words(name).split())


def capital(words: str) -> str:
    """The same with a capital at the start."""
    return words[:1].upper() + words[1:]

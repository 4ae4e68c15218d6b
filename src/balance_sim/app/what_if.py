"""What if an event had not been, or on another day, with others, or aimed at others:
the answer by the expected estimator, and the scenario file that gives it again.

A what-if changes events in the headline arm alone. Its effect is over the scenario's
own control arm, and what the change itself does is the difference between that arm and
the same arm as the scenario has it, both on one grid of days."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from balance_sim.effects.expected_effect import effect_of, largest_first
from balance_sim.model.baseline import compile_worlds, feared, with_classes
from balance_sim.model.core import Floats, World
from balance_sim.model.engine import perceive
from balance_sim.model.world import focal_day
from balance_sim.scenario.actors import code_table
from balance_sim.scenario.diagnostics import Mark
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.load import arm_scenario, with_arms, with_values
from balance_sim.scenario.nodes import from_plain
from balance_sim.scenario.schema import Event, Scenario
from balance_sim.show import wording as say
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.expected import Estimator
from balance_sim.study.outcomes import headline_outcome
from balance_sim.study.spans import at_start

if TYPE_CHECKING:
    import pandas as pd

AS_WRITTEN = "as_written"
"""Arm of a what-if that is the headline arm as the scenario has it."""
MOST_NAMES = 4
LONGEST_TITLE = 200
RARE = 2
"""Worlds with one agreement more or fewer from which it is said how many they are."""


@dataclass(frozen=True)
class EventChange:
    """What is changed in an event: it is left out, or has other values of these."""

    is_off: bool = False
    date: dt.date | None = None
    principals: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """Other values by field, as a file has them."""
        values = {
            "date": self.date and self.date.isoformat(),
            "principals": self.principals,
            "targets": self.targets,
        }
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None
        }


type Changes = Mapping[str, EventChange]
"""By event."""


@dataclass(frozen=True)
class Setting:
    """A scenario of which what-ifs are asked.

    Attributes
    ----------
    original : as it was read
    scenario : with its class table, and its headline arm a second time
    extends : as a file names the scenario that it extends
    arm, as_written : of the what-if, and the same as the scenario has it
    events : of that arm, by id
    """

    original: Scenario
    scenario: Scenario
    extends: str
    arm: str
    as_written: str
    events: Mapping[str, Event]


@dataclass(frozen=True)
class Answer:
    """What a what-if does, by the expected estimator at the point values.

    Attributes
    ----------
    levels : expected counter-balancing security agreements within the longest window,
        in the control arm, the arm as written and the arm with the changes
    dyads : a, b, as_written, mean and change in security agreements, the largest
        changes first
    codes : (n,) states
    fear : (n, n) how much the row fears the column, as a share of its balance of threat
    fear_date : of which `fear` is: the first step after the focal event
    """

    setting: Setting
    changes: Changes
    levels: tuple[float, float, float]
    dyads: pd.DataFrame
    codes: tuple[str, ...]
    fear: Floats
    fear_date: dt.date

    @property
    def effect(self) -> float:
        """Over the control arm: what `balance-sim effect` prints of the file."""
        return self.levels[2] - self.levels[0]

    @property
    def effect_as_written(self) -> float:
        """The same of the arm as the scenario has it."""
        return self.levels[1] - self.levels[0]

    @property
    def change(self) -> float:
        """What the changes themselves do."""
        return self.levels[2] - self.levels[1]


def setting_of(scenario: Scenario, extends: str) -> Setting:
    """Return what what-ifs of a scenario start from.

    Parameters
    ----------
    extends : as a file names the scenario that it extends

    Raises
    ------
    WrongRequest : for a scenario of one arm
    """
    arm = headline_arm(chosen_arms(scenario, None))
    if arm is None:
        raise WrongRequest(
            "there is one arm only, so there is no effect that an event could change; "
            "add an arm without the focal event, with `reference: true`"
        )
    as_written = AS_WRITTEN
    while as_written in scenario.arms:
        as_written += "_"
    arms = scenario.arms | {as_written: scenario.arms[arm]}
    mark = Mark(scenario.name, 1, 1)
    with_copy, problems = with_arms(with_classes(scenario), from_plain(arms, mark))
    assert with_copy is not None, problems
    events = arm_scenario(scenario, arm, sealed=False).events
    by_id = {event.id: event for event in events}
    return Setting(scenario, with_copy, extends, arm, as_written, by_id)


def _arm_values(setting: Setting, changes: Changes) -> dict[str, dict[str, Any]]:
    """Return what the changes write into both arms, by name.

    An event that the arm itself adds or sets stays, seen by nobody, since a file that
    extends another cannot take such a row away. The arm as written gives the dates of
    changed events, so that the grid of days is the same whichever arm is asked for."""
    arm = setting.scenario.arms[setting.arm]
    arm_events = {event.id for event in arm.add}
    arm_events |= {path.split(".")[1] for path in arm.set if path.startswith("events.")}
    dropped, settings, dates = list(arm.drop), dict(arm.set), dict(arm.set)
    for name, change in sorted(changes.items()):
        path = f"events.{name}"
        dates[f"{path}.date"] = setting.events[name].date.isoformat()
        if change.is_off and name not in arm_events:
            dropped.append(name)
        elif change.is_off:
            settings[f"{path}.visibility"] = 0
        else:
            settings |= {f"{path}.{field}": v for field, v in change.values.items()}
    title = {"title": title_of(setting, changes)}
    return {
        setting.arm: title | {"drop": dropped, "set": settings},
        setting.as_written: {"set": dates},
    }


def changed_scenario(setting: Setting, changes: Changes) -> Scenario:
    """Return the scenario with the changes in its headline arm.

    Raises
    ------
    ScenarioError : where a file with these changes would be refused
    """
    values = {
        f"arms.{arm}.{field}": value
        for arm, fields in _arm_values(setting, changes).items()
        for field, value in fields.items()
    }
    return with_values(setting.scenario, values)


def answer_of(setting: Setting, changes: Changes) -> Answer:
    """Return what changes do.

    Raises
    ------
    ScenarioError : where a file with these changes would be refused
    """
    scenario = changed_scenario(setting, changes)
    names = chosen_arms(scenario, (setting.arm, setting.as_written))
    worlds = compile_worlds(scenario, names, bounded=False)
    estimator = Estimator(worlds)
    written, changed = (
        effect_of(worlds, arm, estimator, with_parts=False)
        for arm in (setting.as_written, setting.arm)
    )
    outcome = headline_outcome(scenario)
    control, treated = changed.outcomes
    levels = control[outcome], written.outcomes[1][outcome], treated[outcome]
    dyads = changed.dyads[["a", "b", "mean"]].merge(
        written.dyads[["a", "b", "mean"]].rename(columns={"mean": "as_written"})
    )
    dyads["change"] = dyads["mean"] - dyads["as_written"]
    dyads = largest_first(dyads, dyads["change"])
    world = worlds.arms[setting.arm]
    step = _step_after(world, _focal_day_of(scenario, changes))
    fear = _fear_in(world, step)
    fear_date = scenario.start + dt.timedelta(int(world.grid[step]))
    codes = worlds.reference.codes
    return Answer(setting, changes, levels, dyads, codes, fear, fear_date)


def _focal_day_of(scenario: Scenario, changes: Changes) -> float:
    """Return days from the start to the focal event, on the date that it is moved to;
    one that is off has the date that the scenario gives it."""
    moved = changes.get(scenario.focal, EventChange())
    if moved.is_off or moved.date is None:
        return focal_day(scenario)
    return float((moved.date - scenario.start).days)


def _step_after(world: World, day: float) -> int:
    """Return the first step after a day, or the last one."""
    return min(int(np.searchsorted(world.grid, day + 1.0)), world.steps - 1)


def _fear_in(world: World, step: int) -> Floats:
    """Return (n, n) how much states fear each other in a step, with partners as at the
    start."""
    view = perceive(world, at_start(world), step)
    return np.asarray(feared(view)[0])


# -- in words and as a file ------------------------------------------------------------


def actor_names(scenario: Scenario) -> dict[str, str]:
    """Return in words, by code, all that an event may name: states, groups and states
    outside of the roster."""
    codes = code_table()
    names = {
        code: codes[code].name if code in codes else code for code in scenario.outside
    }
    groups = {group: f"{say.group_words(group)} (group)" for group in scenario.groups}
    return names | groups | say.state_names(scenario)


def names_of(scenario: Scenario, codes: Sequence[str]) -> str:
    """Return states in words: all of a few, else the first and how many more."""
    names = actor_names(scenario)
    words = [names.get(code, code) for code in codes]
    if len(words) > MOST_NAMES:
        words = [*words[: MOST_NAMES - 1], f"{len(words) - MOST_NAMES + 1} more"]
    return say.listed(words) or "nobody"


def title_of(setting: Setting, changes: Changes) -> str:
    """Return what is changed in words: `without "Xi in Hanoi"`."""
    clauses = []
    for name, change in sorted(changes.items()):
        event = setting.events[name]
        label = f'"{say.printable(event.label) or say.arm_words(name)}"'
        if change.is_off:
            clauses.append(f"without {label}")
            continue
        words = []
        if change.date is not None:
            words.append(f"on {change.date.isoformat()}")
        if change.principals is not None:
            words += _participants(setting.scenario, event, change.principals)
        if change.targets is not None:
            words.append(f"aimed at {names_of(setting.scenario, change.targets)}")
        clauses.append(f"{label} {', '.join(words)}".strip())
    title = "; ".join(clauses)
    if len(title) > LONGEST_TITLE:
        title = f"{say.plural(len(changes), 'event')} changed"
    return say.capital(title) or "As the scenario has it"


def _participants(
    scenario: Scenario, event: Event, principals: Sequence[str]
) -> list[str]:
    """Return who no longer takes part in an event, and who does beside the others."""
    absent = [code for code in event.principals if code not in principals]
    added = [code for code in principals if code not in event.principals]
    clauses = {"without": absent, "with": added}
    return [f"{word} {names_of(scenario, c)}" for word, c in clauses.items() if c]


def sentences(answer: Answer) -> list[str]:
    """Return what the changes do in two sentences, then the effects that `balance-sim
    effect` prints with and without them."""
    scenario, arm = answer.setting.scenario, answer.setting.arm
    effects = answer.effect, answer.effect_as_written
    places = say.digits(*effects)
    with_changes, as_written = (
        say.signed(effect, max(places, 3)) if effect else "zero" for effect in effects
    )
    control = say.arm_title(scenario, scenario.reference_arm)
    over_control = f"Over the control arm ({control}) the effect is {with_changes}"
    if not answer.changes:
        counted, level = _counted(scenario), say.number(answer.levels[2])
        expected = f"As the scenario has it, {level} {counted} are expected."
        return [expected, f"{over_control}."]
    return [
        *_change_sentences(answer),
        *_window_sentences(answer),
        f"{over_control}; in the scenario as written ({say.arm_title(scenario, arm)}) "
        f"it is {as_written}.",
    ]


def _counted(scenario: Scenario) -> str:
    """Return what is counted in words."""
    return f"{say.COUNTER} {say.within(max(scenario.report.windows))}"


def _change_sentences(answer: Answer) -> list[str]:
    """Return what the changes themselves do, and how rare that is."""
    title, change = title_of(answer.setting, answer.changes), answer.change
    if round(change, say.MOST_DECIMALS) == 0:
        return [f"{title}: nothing changes. {_why_nothing(answer)}".strip()]
    places = say.digits(change)  # so that the levels differ; the change has one more
    as_written, changed = (say.number(level, places) for level in answer.levels[1:])
    side = "more" if change > 0 else "fewer"
    size = say.number(abs(change), max(places, 3))
    lines = [
        f"{title}: {size} {side} {_counted(answer.setting.scenario)} are expected, "
        f"{changed} instead of {as_written}."
    ]
    worlds = float(f"{1 / abs(change):.1e}")
    if worlds >= RARE:
        lines.append(f"That is one agreement {side} in {worlds:,.0f} such worlds.")
    return lines


def _window_sentences(answer: Answer) -> list[str]:
    """Return from when to when agreements are counted, where a changed event is moved
    past the day from which they are."""
    scenario = answer.setting.scenario
    begin = scenario.start + dt.timedelta(focal_day(scenario))
    end = min(begin + dt.timedelta(max(scenario.report.windows)), scenario.end)
    moved = [change.date for change in answer.changes.values() if not change.is_off]
    latest = max((date for date in moved if date), default=begin)
    if latest <= begin:
        return []
    remaining = say.plural(max((end - latest).days, 0), "day")
    return [
        f"Agreements are still counted from {begin} to {end}: after {latest}, "
        f"{remaining} of that are left."
    ]


def _why_nothing(answer: Answer) -> str:
    """Return why changes do nothing, where each is of an event that stands for an
    agreement on record."""
    events = [answer.setting.events[name] for name in answer.changes]
    if all(event.accord for event in events):
        return (
            "The event is the signature of an agreement on record, which stays: states "
            "react to the agreement."
        )
    return ""


def dyad_sentences(answer: Answer, most: int = 5) -> list[str]:
    """Return a sentence for each of the dyads that change most, whatever class they
    are of."""
    names, lines = say.state_names(answer.setting.scenario), []
    for row in answer.dyads.head(most).to_dict("records"):
        change = row["change"]
        places = say.digits(change)
        if round(change, say.MOST_DECIMALS) == 0:
            break
        side = "more" if change > 0 else "fewer"
        dyad = say.listed([names[row["a"]], names[row["b"]]])
        lines.append(
            f"{dyad}: {say.number(abs(change), places)} {side}, "
            f"{say.number(row['mean'], places)} instead of "
            f"{say.number(row['as_written'], places)}."
        )
    return lines


def yaml_of(setting: Setting, changes: Changes) -> str:
    """Return the scenario file of a what-if: it extends the scenario, and `balance-sim
    effect` on it prints the effect of the answer."""
    arm, arms = setting.scenario.arms[setting.arm], _arm_values(setting, changes)
    as_written = arm.model_dump(mode="json", exclude_defaults=True)
    as_written["title"] = say.arm_title(setting.scenario, setting.arm)
    arms[setting.as_written] = as_written | arms[setting.as_written]
    content = {
        "schema": 1,
        "extends": setting.extends,
        "title": title_of(setting, changes),
        "arms": arms,
    }
    plain = json.loads(json.dumps(content))  # no list twice, which YAML would alias
    layout: dict[str, Any] = {"sort_keys": False, "default_flow_style": None}
    text: str = yaml.safe_dump(plain, allow_unicode=True, width=88, **layout)
    return f"# Arm `{setting.arm}` is the what-if.\n{text}"

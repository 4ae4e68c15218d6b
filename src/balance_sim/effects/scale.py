"""The scale of a scenario's world: what standard acts would do in it, and what states
on record did where they were as alarmed. What `balance-sim check` prints.

Each act is by the focal event's participants, on its date, against its targets, seen by
all, on top of the control arm and by the *expected* estimator. Beside it stands the
same act answered as on record: over the control arm's, the consent of each side is
e^(kappa alarm), with the elasticity kappa of agreements in alarm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from balance_sim.effects.participants import (
    COUNTER,
    Participants,
    StateSet,
)
from balance_sim.model import threat
from balance_sim.model.baseline import compile_worlds, feared
from balance_sim.model.beliefs import members
from balance_sim.model.core import Floats
from balance_sim.model.engine import perceive
from balance_sim.model.world import by_audience
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.scenario.schema import Event, EventKind, Scenario
from balance_sim.study.spans import WillingnessOverTime, course, with_event

ELASTICITY = (0.32, 0.12, 0.53)
"""Of agreements in alarm, pooled, and its 95 % CI: `balance-sim evidence fit
--reactions`, alliances 1947-2003, defence cooperation agreements and exercises
(docs/reactions.md)."""
OFF = 3.0
"""Factor between the answer to an act here and the one on record from which a world is
off the record."""
LEAST = 0.01
"""Answer, as a share of the control arm's agreements, below which none is held against
the record."""
MOST_NATS = 10.0
"""Of the largest threat: beyond, nearly everybody is certain of an attack."""
UNDER_WAY, LARGEST = "standard_war", "largest"
ACTS = {
    **{name: (name,) for name in ("statement", "joint_summit", "exercise", "treaty")},
    **{name: (name,) for name in ("display", "force")},
    "war": ("force", UNDER_WAY),
    LARGEST: (LARGEST,),
}
"""Standard acts, each of one or several kinds of event."""


@dataclass(frozen=True)
class StandardAct:
    """What one act would do.

    Attributes
    ----------
    act : its name
    alarm : beyond the control arm's on the day of the act, the mean over both sides of
        the dyads that count
    effect : expected new security agreements more within the window
    record : the same, answered as on record: mean, and bounds of the 95 % CI
    """

    act: str
    alarm: float
    effect: float
    record: tuple[float, float, float]


@dataclass(frozen=True, repr=False)
class Scale(OneLine):
    """What standard acts would do to new security agreements.

    Attributes
    ----------
    by, against : codes of the states that act, and of those at whom they do
    direction : `counter` where counter-balancing agreements are counted, else `all`
    window : days after the focal event
    level : expected agreements in the control arm
    acts : in the order of ACTS, without those whose kind of event the scenario lacks
    """

    by: tuple[str, ...]
    against: tuple[str, ...]
    direction: str
    window: int
    level: float
    acts: tuple[StandardAct, ...]

    def ratio(self, effect: float) -> float:
        """An effect as a share of the control arm's agreements; 0 where it has none."""
        return effect / self.level if self.level > 0 else 0.0

    @property
    def off_record(self) -> tuple[StandardAct, ...]:
        """Acts whose answer here and on record differ by more than the factor OFF from
        each other, and by more than the share LEAST."""
        off = []
        for act in self.acts:
            effect, record = self.ratio(act.effect), self.ratio(act.record[0])
            smaller, larger = sorted((max(effect, 0.0), max(record, 0.0)))
            if larger > OFF * smaller + LEAST:
                off.append(act)
        return tuple(off)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        mean, low, high = ELASTICITY
        rows = [
            asdict(act)
            | {"ratio": 1.0 + self.ratio(act.effect)}
            | {"record_ratio": [1.0 + self.ratio(gain) for gain in act.record]}
            for act in self.acts
        ]
        document = {
            "by": list(self.by),
            "against": list(self.against),
            "direction": self.direction,
            "window": self.window,
            "level": self.level,
            "elasticity": {"mean": mean, "ci95": [low, high]},
            "acts": rows,
            "off_record": [act.act for act in self.off_record],
        }
        return dict(plain_data(document))


def scale(scenario: Scenario) -> Scale:
    """What standard acts would do in a scenario's control arm.

    Parameters
    ----------
    scenario : a complete scenario

    Returns
    -------
    Scale : agreements within the longest of the report's windows, by act

    Examples
    --------
    >>> import balance_sim as bs
    >>> found = scale(bs.load_scenario("experiments/smoke/five_states.yaml"))
    >>> found.acts[-1].act, found.acts[-1].effect > found.acts[0].effect
    ('largest', True)
    """
    return _World(scenario).scale()


class _World:
    """The control arm of a scenario, and the roles of its standard acts.

    Attributes
    ----------
    actors, targets : positions in the arrays
    dyads : (D,) that count
    """

    def __init__(self, scenario: Scenario) -> None:
        control = scenario.reference_arm
        focal = next(event for event in scenario.events if event.id == scenario.focal)
        worlds = compile_worlds(scenario, (control,))
        lacking = _with_kinds(by_audience(arm_scenario(worlds.scenario, control)))
        self.study = study = Participants(worlds, lacking, focal)
        self.actors = study.real or (_most_feared(study),)
        cast, world = study.cast(self.actors), study.control
        counter = np.flatnonzero(cast.direction == COUNTER)
        self.direction = "counter" if len(counter) else "all"
        self.dyads = counter if len(counter) else np.arange(len(world.first))
        self.focal = focal
        self.others = tuple(i for i in range(world.n) if i not in self.actors)
        aimed = members(focal.targets, lacking.groups, study.roster)
        aimed = [i for i in aimed if i in self.others]
        threatened: list[int] = np.flatnonzero(cast.threatened).tolist()
        self.targets = tuple(aimed or threatened) or self.others
        self.common = study.course.of(self.dyads)
        self.calm = self._alarm(self.common)

    def scale(self) -> Scale:
        """What each standard act would do."""
        security = self.study.control.ladder.security
        return Scale(
            by=self._codes(self.actors),
            against=self._codes(self.targets),
            direction=self.direction,
            window=self.study.windows.longest,
            level=float(self.study.without[self.dyads][:, security].sum()),
            acts=tuple(self._act(name) for name in self._possible()),
        )

    def _possible(self) -> list[str]:
        """Acts whose kinds of event the scenario has."""
        kinds = self.study.scenario.event_kinds.keys()
        return [name for name, needed in ACTS.items() if kinds >= {*needed}]

    def _act(self, name: str) -> StandardAct:
        """What one act would do, and would do on record."""
        study = self.study
        world = study.control
        for event in self._events(name):
            world = with_event(world, study.scenario, event)
        having = course(
            world,
            study.worlds.baseline,
            self.dyads,
            start=study.start,
            beside=self.common,
        )
        alarm = self._alarm(having) - self.calm
        record = []
        for elasticity in ELASTICITY:
            odds = np.exp(elasticity * alarm.sum(axis=1))[..., None]
            consent = np.minimum(self.common.consent * odds, 1.0)
            record.append(self.study.gain(replace(self.common, consent=consent)))
        return StandardAct(
            act=name,
            alarm=float(alarm[self._day].mean()),
            effect=self.study.gain(having),
            record=(record[0], record[1], record[2]),
        )

    def _events(self, name: str) -> Iterator[Event]:
        """The events that make up an act; the largest is from the first day on, against
        everybody."""
        is_largest = name == LARGEST
        roles = {
            "principals": self._codes(self.actors),
            "guests": (),
            "host": None,
            "targets": self._codes(self.others if is_largest else self.targets),
        }
        date = self.study.scenario.start if is_largest else self.focal.date
        common = {"date": date, "visibility": 1.0, "sign": 1, "accord": None}
        for kind in ACTS[name]:
            yield self.focal.model_copy(update={"kind": kind, **common, **roles})

    def _alarm(self, wanted: WillingnessOverTime) -> Floats:
        """(K, 2, D) alarm of both sides of the dyads in each span."""
        world, start = wanted.world, self.study.worlds.baseline.unsided
        sides = np.stack([world.first[self.dyads], world.second[self.dyads]])
        floor, rows = world.rules.alarm_floor, []
        for step, state in enumerate(wanted.states):
            view = perceive(world.at(step), state, step)
            unsided = threat.unsided(view.total, view.sided)[0]
            rows.append(threat.alarm(unsided, start, floor)[sides, sides[::-1]])
        return np.stack(rows)

    @property
    def _day(self) -> int:
        """The span that begins on the day of the event."""
        world = self.study.control
        return int(np.searchsorted(world.grid, world.focal_day, side="right")) - 1

    def _codes(self, states: StateSet) -> tuple[str, ...]:
        return tuple(sorted(self.study.control.codes[i] for i in states))


def _with_kinds(scenario: Scenario) -> Scenario:
    """The scenario with the kinds of event that standard acts are made of."""
    intents = {UNDER_WAY: scenario.parameters.eta_war, LARGEST: MOST_NATS}
    lasting = {
        name: EventKind(alignment=0.0, intent=nats, half_life_days=None, spreads=0.0)
        for name, nats in intents.items()
    }
    kinds = scenario.event_kinds | lasting
    return scenario.model_copy(update={"event_kinds": kinds})


def _most_feared(study: Participants) -> int:
    """The state that is the largest part of the others' balance of threat, summed."""
    return int(feared(study.before)[0].sum(axis=0).argmax())

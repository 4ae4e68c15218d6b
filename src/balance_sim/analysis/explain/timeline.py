"""One run told in the order of its days: events, talks, signatures, and where the twin arms part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from balance_sim.analysis.explain.attribution import compared_arm
from balance_sim.analysis.explain.occasions import (
    Lived,
    accords_of,
    all_chances,
    as_stored,
    live_run,
    main_part,
    occasion_rows,
)
from balance_sim.analysis.explain.pairs import run_numbers
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Opportunities
from balance_sim.model.engine import unbarred
from balance_sim.pool.faults import StoreDamaged
from balance_sim.replications.arms import compile_arms
from balance_sim.replications.draws import with_draws
from balance_sim.results.result import Result
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Event, Scenario

Mark = Literal["both", "arm only", "reference only", "earlier", "later", "changed"]
What = Literal["event", "provocation", "talks", "signed", "in force", "talks collapse", "collapse", "ended"]
_ORDER = ("event", "provocation", "ended", "collapse", "talks collapse", "talks", "signed", "in force")


@dataclass(frozen=True)
class Side:
    """One state asked at an occasion: it consents if its probability exceeds the number drawn."""

    state: str
    consent: float
    needs: float
    main_part: str  # of its willingness, that which differs most between arm and reference; "": none
    main_difference: float  # nats, arm less reference

    @property
    def agrees(self) -> bool:
        return self.consent > self.needs


@dataclass(frozen=True)
class Asked:
    """Both sides at one opportunity in one arm. busy: that kind was under way, so nobody was asked. barred: the two
    have no relations, and the opportunity was passed for that."""

    arm: str
    busy: bool
    sides: tuple[Side, Side]
    barred: bool = False


@dataclass(frozen=True)
class Entry:
    """Something that happened on a day. `date` is the arm's; the reference's where it happens there alone."""

    date: dt.date
    what: What
    mark: Mark
    date_reference: dt.date | None
    text: str = ""
    a: str = ""
    b: str = ""
    kind: str = ""
    direction: str = ""
    origin: str = ""
    occasion: int = -1
    asked: tuple[Asked, ...] = ()

    @property
    def days_later(self) -> int:
        """Days by which the arm is later than the reference; 0 where it happens in one of them alone."""
        both = self.mark in ("earlier", "later") and self.date_reference is not None
        return (self.date - self.date_reference).days if both and self.date_reference else 0


@dataclass(frozen=True)
class Timeline:
    """One run of an arm beside its reference twin."""

    run: int
    arm: str
    reference: str
    start: dt.date
    end: dt.date
    focal: dt.date
    outcome: str
    value: float
    value_reference: float
    entries: tuple[Entry, ...]

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        rows = asdict(self)
        rows["entries"] = [_plain(asdict(entry)) for entry in self.entries]
        return _plain(rows)


def tell(result: Result, run: int, arm: str | None = None) -> Timeline:
    """Run number `run` of an arm, the headline arm if not given, lived again beside its twin.

    Raises WrongRequest for a run or arm that the study does not have, StoreDamaged where its accords are not
    those of the study."""
    arm = compared_arm(result, arm)
    run_numbers(result, 1, run)
    worlds = compile_arms(result.scenario, (result.reference, arm))
    if result.draws:
        worlds = with_draws(worlds, result.seed, np.array([run], dtype=np.uint64))
    chances = all_chances(worlds, result.seed, run)
    lives = {name: live_run(worlds, name, result.seed, run, chances) for name in (result.reference, arm)}
    accords = {name: accords_of(worlds, lived, run) for name, lived in lives.items()}
    _hold(result, run, accords)
    entries = [
        *_events(result.scenario, result.reference, arm),
        *_acts(result.scenario, lives[arm]),
        *_steps(
            result.scenario, accords[result.reference], accords[arm], _Asking(worlds, chances, lives, arm)
        ),
    ]
    outcome = f"accords_counter_{result.window}"
    row = result.outcomes[result.outcomes["run"] == run].set_index("arm")[outcome]
    focal = next(event.date for event in result.scenario.events if event.id == result.scenario.focal)
    return Timeline(
        run=run,
        arm=arm,
        reference=result.reference,
        start=result.scenario.start,
        end=result.scenario.end,
        focal=focal,
        outcome=outcome,
        value=float(row[arm]),
        value_reference=float(row[result.reference]),
        entries=tuple(
            sorted(entries, key=lambda e: (e.date, _ORDER.index(e.what), e.a, e.b, e.kind, e.text))
        ),
    )


RULE = """Runs in the order of their paired effect on the headline outcome, ties by run
number. least: the first; median: the one in the middle, the earlier of two;
largest: the first of those with the largest effect."""


def chosen_runs(result: Result, arm: str | None = None) -> dict[str, int]:
    """Three runs, `least`, `median` and `largest` by their paired effect, chosen by RULE."""
    arm = compared_arm(result, arm)
    run_numbers(result, 1)
    frame = result.outcomes.pivot(index="run", columns="arm", values=f"accords_counter_{result.window}")
    frame = frame.sort_index()
    effect = (frame[arm] - frame[result.reference]).to_numpy(float)
    order, numbers = effect.argsort(kind="stable"), frame.index.to_numpy()
    places = {"least": order[0], "median": order[(len(order) - 1) // 2], "largest": effect.argmax()}
    return {name: int(numbers[place]) for name, place in places.items()}


@dataclass(frozen=True)
class _Asking:
    """Where an entry finds who was asked, in both arms."""

    worlds: Worlds
    chances: Opportunities
    lives: dict[str, Lived]
    arm: str

    def rows(self) -> dict[tuple[str, str, str, int], int]:
        """(a, b, kind, count) of talks opened in either arm, to the row of the occasion."""
        world = self.worlds.reference
        found: dict[tuple[int, int, int], int] = {}
        for lived in self.lives.values():
            found |= occasion_rows(self.chances, lived.made)
        codes, names = world.codes, world.ladder.names
        return {
            (codes[world.first[pair]], codes[world.second[pair]], names[kind], count): row
            for (pair, kind, count), row in found.items()
        }

    def at(self, row: int) -> tuple[Asked, ...]:
        """Both arms' answers at one occasion, the reference first."""
        world, reference = self.worlds.reference, self.worlds.scenario.reference_arm
        pair = self.chances.pair[row]
        states = [world.codes[who[pair]] for who in (world.first, world.second)]
        mine, twin = self.lives[self.arm].answers, self.lives[reference].answers
        parts = [main_part(mine.parts[side], twin.parts[side], row) for side in (0, 1)]
        out = []
        for arm, answers in ((reference, twin), (self.arm, mine)):
            first, second = (
                Side(
                    states[side],
                    float(answers.consent[row, side]),
                    float(self.chances.needs[row, side]),
                    *parts[side],
                )
                for side in (0, 1)
            )
            barred = not unbarred(self.worlds.arms[arm], self.chances, np.array([row]))[0]
            out.append(Asked(arm, bool(answers.busy[row]), (first, second), bool(barred)))
        return tuple(out)


def _hold(result: Result, run: int, accords: dict[str, pd.DataFrame]) -> None:
    stored = result.accords[result.accords["run"] == run]
    for arm, frame in accords.items():
        there = as_stored(stored[stored["arm"].astype(str) == arm])
        if not there[list(frame.columns)].equals(frame):
            raise StoreDamaged(
                f"run {run} of {arm} makes other accords than in the results. They were made by version "
                f"{result.version} or on another type of CPU; run the scenario again into a new folder."
            )


def _events(scenario: Scenario, reference: str, arm: str) -> Iterator[Entry]:
    """Events of either arm within the run. `changed`: the arms have it in different form."""
    twin, mine = (
        {event.id: event for event in arm_scenario(scenario, name).events} for name in (reference, arm)
    )
    for name in dict.fromkeys([*twin, *mine]):
        event, other = mine.get(name), twin.get(name)
        shown = event or other
        if shown is None or not scenario.start <= shown.date < scenario.end or shown.accord is not None:
            continue
        yield Entry(
            date=shown.date,
            what="event",
            mark=_event_mark(event, other),
            date_reference=other.date if other else None,
            text=_event_text(shown),
            kind=shown.kind,
        )


def _event_mark(mine: Event | None, twin: Event | None) -> Mark:
    if mine is None:
        return "reference only"
    if twin is None:
        return "arm only"
    return "both" if mine == twin else "changed"


def _event_text(event: Event) -> str:
    at = f" at {', '.join(event.targets)}" if event.targets else ""
    return f"{event.label or event.id} ({event.kind.replace('_', ' ')}: {', '.join(event.principals)}{at})"


def _acts(scenario: Scenario, lived: Lived) -> Iterator[Entry]:
    """Provocations of the run; they are the same in every arm."""
    drawn = [one for one in scenario.provocations if one.rate > 0 and one.state in scenario.codes]
    for day, act in lived.acts:
        one, when = drawn[act], scenario.start + dt.timedelta(days=int(day))
        text = f"{one.id}: {one.state}, {one.kind.replace('_', ' ')} at {', '.join(one.targets)}"
        yield Entry(date=when, what="provocation", mark="both", date_reference=when, text=text, kind=one.kind)


def _steps(
    scenario: Scenario, reference: pd.DataFrame, arm: pd.DataFrame, asking: _Asking
) -> Iterator[Entry]:
    """What accords did in either arm."""
    keys = ["a", "b", "kind", "origin", "occasion", "direction"]
    both = reference.merge(arm, on=keys, how="outer", suffixes=("_reference", "_arm"))
    rows = asking.rows()
    for row in both.to_dict("records"):
        a, b, kind, origin, occasion = (row[key] for key in keys[:5])
        twin, mine = (_life(row, suffix, scenario.start) for suffix in ("_reference", "_arm"))
        for what in dict.fromkeys([*twin, *mine]):
            there, here = twin.get(what), mine.get(what)
            when = here or there
            assert when is not None, "it happened in one of the two"
            asked: tuple[Asked, ...] = ()
            if what == "talks":
                asked = asking.at(rows[a, b, kind, int(occasion)])
            yield Entry(
                date=when,
                what=what,
                mark=_mark(here, there),
                date_reference=there,
                a=a,
                b=b,
                kind=kind,
                direction=row["direction"],
                origin=origin,
                occasion=int(occasion),
                asked=asked,
            )


def _life(row: dict[Any, Any], suffix: str, start: dt.date) -> dict[What, dt.date]:
    """The dated steps of one accord within the run, by name."""
    opened, signed, in_force, ended = (
        None if pd.isna(row[name + suffix]) else row[name + suffix]
        for name in ("opened", "signed", "in_force", "ended")
    )
    out: dict[What, dt.date] = {}
    if opened is not None and row["origin"] == "new":
        out["talks"] = opened
    if signed is not None and signed >= start:
        out["signed"] = signed
    if in_force is not None and in_force >= start:
        out["in force"] = in_force
    if ended is not None:
        over: What = (
            "ended" if in_force is not None else "collapse" if signed is not None else "talks collapse"
        )
        out["ended" if row["origin"] == "in_force" else over] = ended
    return out


def _mark(here: dt.date | None, there: dt.date | None) -> Mark:
    if here is None:
        return "reference only"
    if there is None:
        return "arm only"
    return "both" if here == there else "earlier" if here < there else "later"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in row.items()}

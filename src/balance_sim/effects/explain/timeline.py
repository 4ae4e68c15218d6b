"""One run told in order, in an arm beside its paired control run: events, talks,
signatures, and where they part.

Both arms are simulated again with every opportunity answered by both sides, and held to
the stored agreements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from balance_sim.effects.explain import compared_arm, other_replications, run_numbers
from balance_sim.effects.explain.agents import Account, simulated
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import (
    ORIGINS,
    Bools,
    Floats,
    Ints,
    Keys,
    Opportunities,
    World,
)
from balance_sim.model.engine import unbarred
from balance_sim.model.perception import View
from balance_sim.model.pipeline import clock_of
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.thinning import draw_opportunities
from balance_sim.model.willingness import consent, summed
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import compile_arms
from balance_sim.study.draws import own_worlds
from balance_sim.study.result import Result
from balance_sim.study.tables import agreement_table

Mark = Literal["both", "arm only", "reference only", "earlier", "later", "changed"]
What = Literal[
    "event",
    "provocation",
    "talks",
    "signed",
    "in force",
    "talks collapse",
    "collapse",
    "ended",
]
COLUMNS = [
    "date",
    "what",
    "mark",
    "date_reference",
    "text",
    "a",
    "b",
    "kind",
    "direction",
    "origin",
]
COLUMNS += ["opened", "signed"]
_ORDER = (
    "event",
    "provocation",
    "ended",
    "collapse",
    "talks collapse",
    "talks",
    "signed",
    "in force",
)


@dataclass(frozen=True)
class Trace:
    """One run of one arm, and what both sides would say at each of its C opportunities,
    busy ones too."""

    arm: str
    made: AgreementRows
    consent: Floats  # (C, 2) probability of the dyad's first and second state
    busy: Bools  # (C,) something of that kind is under way
    parts: dict[str, Floats]  # (2, C) of either side's willingness, nats
    feared: Ints  # (S, n) place of the state that each state fears most in each step; -1: it fears nobody
    acts: list[tuple[float, int]]  # provocations of the run: day, and which


def traced(
    worlds: Worlds,
    arm: str,
    seed: int,
    run: Keys,
    opportunities: Opportunities,
    model: str | None = None,
) -> Trace:
    """One run of one arm. opportunities: of this run alone, none thinned. model: as of
    `simulated`."""
    steps: list[tuple[dict[str, Floats], Bools]] = []
    feared: list[Ints] = []
    acts: list[tuple[float, int]] = []

    def observe(world: World, state: BlockState, view: View, account: Account) -> None:
        rows = slice(*opportunities.starts[view.step : view.step + 2])
        where = (
            opportunities.run[rows],
            opportunities.dyad[rows],
            opportunities.kind[rows],
        )
        both = Prospects.of_both_sides(world, worlds.baseline, view, state, *where)
        parts = {name: of.reshape(2, -1) for name, of in account(both).items()}
        steps.append((parts, state.busy.take(clock_of(world, *where))))
        threat = view.adversaries.mean(axis=0)
        feared.append(np.where(threat.max(axis=1) > 0, threat.argmax(axis=1), -1))
        if view.step == 0 and state.provoked is not None:
            acts.extend(
                zip(
                    state.provoked.day.tolist(),
                    state.provoked.act.tolist(),
                    strict=True,
                )
            )

    made = simulated(worlds, arm, seed, run, opportunities, observe, model).agreements
    parts = {
        name: np.concatenate([of[name] for of, _ in steps], axis=1)
        for name in steps[0][0]
    }
    busy = np.concatenate([busy for _, busy in steps])
    return Trace(
        arm, made, consent(summed(parts)).T, busy, parts, np.stack(feared), sorted(acts)
    )


def rows_of_talks(
    opportunities: Opportunities, made: AgreementRows
) -> dict[tuple[int, int, int], int]:
    """(dyad, kind, count) of the talks opened in the run, to the row of the
    opportunity."""
    new = made.origin == ORIGINS.index("new")
    wanted = set(
        zip(
            made.dyad[new].tolist(),
            made.kind[new].tolist(),
            made.count[new].tolist(),
            strict=True,
        )
    )
    keys = zip(
        opportunities.dyad.tolist(),
        opportunities.kind.tolist(),
        opportunities.count.tolist(),
        strict=True,
    )
    return {key: row for row, key in enumerate(keys) if key in wanted}


@dataclass(frozen=True)
class AskedState:
    """One state asked at an opportunity: it consents if its probability exceeds the
    number drawn."""

    state: str
    consent: float
    needs: float
    main_part: str  # of its willingness, that which differs most between arm and control arm; "": none
    main_difference: float  # nats, arm less control arm

    @property
    def agrees(self) -> bool:
        return self.consent > self.needs


@dataclass(frozen=True)
class AskedDyad:
    """Both sides at one opportunity in one arm. busy: that kind was under way, so
    nobody was asked. barred: the two have no relations, and the opportunity was passed
    for that."""

    arm: str
    busy: bool
    sides: tuple[AskedState, AskedState]
    barred: bool = False


@dataclass(frozen=True)
class Entry:
    """Something that happened on a day. `date` is the arm's; the control arm's where it
    happens there alone.

    label, actors, guests, targets: of an event or a provocation. opened, signed: when
    talks of an agreement began and when it was signed. feared: codes of the states that
    `a` and `b` fear most on the day; "": nobody."""

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
    asked: tuple[AskedDyad, ...] = ()
    label: str = ""
    actors: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    opened: dt.date | None = None
    signed: dt.date | None = None
    feared: tuple[str, str] = ("", "")

    @property
    def days_later(self) -> int:
        """Days by which the arm is later than the control arm; 0 where it happens in
        one of them alone."""
        both = self.mark in ("earlier", "later")
        return (
            (self.date - self.date_reference).days
            if both and self.date_reference
            else 0
        )


@dataclass(frozen=True, repr=False)
class Timeline:
    """One run of an arm beside its paired control run."""

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

    def __repr__(self) -> str:
        return f"<Timeline of replication {self.run}: {self.arm} beside {self.reference}, {len(self.entries)} entries>"

    @property
    def table(self) -> pd.DataFrame:
        """A row an entry: the columns of COLUMNS."""
        return pd.DataFrame(
            [[getattr(one, name) for name in COLUMNS] for one in self.entries],
            columns=COLUMNS,
        )

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        return dict(_PLAIN.dump_python(self, mode="json"))


_PLAIN = TypeAdapter(Timeline)


def tell(result: Result, run: int, arm: str | None = None) -> Timeline:
    """Run number `run` of an arm, the headline arm if not given, simulated again beside
    its paired control run.

    Raises WrongRequest for what the study does not have, StoreDamaged where agreements
    are not those of the study."""
    arm = compared_arm(result, arm)
    number = run_numbers(result, 1, run)
    scenario, control = result.scenario, result.reference
    worlds = own_worlds(
        compile_arms(scenario, (control, arm)), result.seed, number, result.draws
    )
    opportunities = draw_opportunities(worlds.reference, result.seed, number)
    traces = {
        name: traced(worlds, name, result.seed, number, opportunities, result.model)
        for name in (control, arm)
    }
    made = {
        name: _held(result, number, worlds, trace) for name, trace in traces.items()
    }
    entries = [
        *_events(scenario, control, arm),
        *_acts(scenario, traces[arm]),
        *_steps(
            made[control],
            made[arm],
            _Asking(worlds, opportunities, traces[control], traces[arm]),
        ),
    ]
    outcome = result.headline_outcome
    row = result.outcomes[result.outcomes["run"] == run].set_index("arm")[outcome]
    return Timeline(
        run=run,
        arm=arm,
        reference=control,
        start=scenario.start,
        end=scenario.end,
        focal=next(
            event.date for event in scenario.events if event.id == scenario.focal
        ),
        outcome=outcome,
        value=float(row[arm]),
        value_reference=float(row[control]),
        entries=tuple(
            sorted(
                entries,
                key=lambda e: (e.date, _ORDER.index(e.what), e.a, e.b, e.kind, e.text),
            )
        ),
    )


RULE = """Runs in the order of their paired effect on the headline outcome, ties by run
number. least: the first; median: the one in the middle, the earlier of two;
largest: the first of those with the largest effect."""


def chosen_runs(result: Result, arm: str | None = None) -> dict[str, int]:
    """Three runs, `least`, `median` and `largest` by their paired effect, chosen by
    RULE."""
    arm = compared_arm(result, arm)
    run_numbers(result, 1)
    frame = result.outcomes.pivot(
        index="run", columns="arm", values=result.headline_outcome
    ).sort_index()
    effect = (frame[arm] - frame[result.reference]).to_numpy(float)
    order, numbers = effect.argsort(kind="stable"), frame.index.to_numpy()
    places = {
        "least": order[0],
        "median": order[(len(order) - 1) // 2],
        "largest": effect.argmax(),
    }
    return {name: int(numbers[place]) for name, place in places.items()}


class _Asking:
    """Where an entry finds who was asked, in both arms."""

    def __init__(
        self, worlds: Worlds, opportunities: Opportunities, control: Trace, arm: Trace
    ) -> None:
        self.worlds, self.opportunities, self.control, self.arm = (
            worlds,
            opportunities,
            control,
            arm,
        )
        self.rows = rows_of_talks(opportunities, control.made) | rows_of_talks(
            opportunities, arm.made
        )

    def at(self, a: str, b: str, kind: str, count: int) -> tuple[AskedDyad, ...]:
        """Both arms' answers at the opportunity at which talks opened in either, the
        control arm's first."""
        world = self.worlds.reference
        dyad = int(world.dyad_index[world.codes.index(a), world.codes.index(b)])
        row = self.rows[dyad, world.ladder.names.index(kind), count]
        parts = [self._main_part(side, row) for side in (0, 1)]
        out = []
        for trace in (self.control, self.arm):
            numbers = zip(
                trace.consent[row].tolist(),
                self.opportunities.needs[row].tolist(),
                strict=True,
            )
            first, second = (
                AskedState(who, *of, *part)
                for who, of, part in zip((a, b), numbers, parts, strict=True)
            )
            barred = not unbarred(
                self.worlds.arms[trace.arm], self.opportunities, np.array([row])
            )[0]
            out.append(
                AskedDyad(trace.arm, bool(trace.busy[row]), (first, second), barred)
            )
        return tuple(out)

    def feared(self, trace: Trace, a: str, b: str, day: dt.date) -> tuple[str, str]:
        """Whom the two fear most on a day of an arm."""
        world = self.worlds.reference
        step = int(
            np.searchsorted(
                world.grid[1:-1], (day - self.worlds.scenario.start).days, side="right"
            )
        )
        first, second = (
            trace.feared[step, world.codes.index(state)] for state in (a, b)
        )
        codes = (*world.codes, "")  # the last, at -1: nobody
        return codes[first], codes[second]

    def _main_part(self, side: int, row: int) -> tuple[str, float]:
        """The part of willingness that differs most between the arms, and by how much;
        "": none does."""
        mine, theirs = (
            {name: float(of[side, row]) for name, of in one.parts.items()}
            for one in (self.arm, self.control)
        )
        by = {
            name: mine.get(name, 0.0) - theirs.get(name, 0.0) for name in mine | theirs
        }
        most = max(by, key=lambda name: abs(by[name]))
        return (most, by[most]) if by[most] != 0 else ("", 0.0)


def _held(result: Result, run: Keys, worlds: Worlds, trace: Trace) -> pd.DataFrame:
    """The run's agreements as the study stores them, same rows, same whole days. Raises
    StoreDamaged."""

    def ordered(frame: pd.DataFrame) -> pd.DataFrame:
        out = frame.astype(
            dict.fromkeys(["arm", "a", "b", "kind", "origin", "direction"], str)
        )
        keys = ["a", "b", "kind", "origin", "occasion", "opened"]
        return out.sort_values(keys, kind="stable", ignore_index=True)

    frame = ordered(
        agreement_table(worlds, trace.arm, trace.made, run).to_pandas(use_threads=False)
    )
    stored = result.agreements[result.agreements["run"] == run[0]]
    there = ordered(stored[stored["arm"].astype(str) == trace.arm])
    if not there[list(frame.columns)].equals(frame):
        raise other_replications(
            result,
            f"run {run[0]} of {trace.arm} makes other agreements than in the results",
        )
    return frame


def _events(scenario: Scenario, reference: str, arm: str) -> Iterator[Entry]:
    """Events of either arm within the run. `changed`: the arms have it in different
    form."""
    control, mine = (
        {event.id: event for event in arm_scenario(scenario, name).events}
        for name in (reference, arm)
    )
    for name, shown in (control | mine).items():
        if not scenario.start <= shown.date < scenario.end or shown.accord is not None:
            continue
        event, other = mine.get(name), control.get(name)
        at = f" at {', '.join(shown.targets)}" if shown.targets else ""
        yield Entry(
            shown.date,
            "event",
            _mark(event, other, "both" if event == other else "changed"),
            other.date if other else None,
            text=f"{shown.label or name} ({shown.kind.replace('_', ' ')}: {', '.join(shown.principals)}{at})",
            kind=shown.kind,
            label=shown.label or name.replace("_", " "),
            actors=tuple(shown.principals),
            guests=tuple(shown.guests),
            targets=tuple(shown.targets),
        )


def _acts(scenario: Scenario, trace: Trace) -> Iterator[Entry]:
    """Provocations of the run; they are the same in every arm."""
    drawn = [
        one
        for one in scenario.provocations
        if one.rate > 0 and one.state in scenario.codes
    ]
    for day, act in trace.acts:
        one, when = drawn[act], scenario.start + dt.timedelta(days=int(day))
        text = f"{one.id}: {one.state}, {one.kind.replace('_', ' ')} at {', '.join(one.targets)}"
        more: dict[str, Any] = {
            "text": text,
            "kind": one.kind,
            "actors": (one.state,),
            "targets": tuple(one.targets),
        }
        yield Entry(when, "provocation", "both", when, **more)


def _steps(
    reference: pd.DataFrame, arm: pd.DataFrame, asking: _Asking
) -> Iterator[Entry]:
    """What agreements did in either arm."""
    keys, start = (
        ["a", "b", "kind", "origin", "occasion", "direction"],
        asking.worlds.scenario.start,
    )
    both = reference.merge(arm, on=keys, how="outer", suffixes=("_reference", "_arm"))
    for held in both.to_dict("records"):
        row: dict[Any, Any] = {
            name: None if pd.isna(value) else value for name, value in held.items()
        }
        who = {key: row[key] for key in keys} | {"occasion": int(row["occasion"])}
        control, mine = (
            _dated(row, suffix, start) for suffix in ("_reference", "_arm")
        )
        for what, when in (control | mine).items():
            there, here = control.get(what), mine.get(what)
            moved: Mark = (
                "both"
                if here == there
                else "earlier"
                if here and there and here < there
                else "later"
            )
            trace, suffix = (
                (asking.control, "_reference") if here is None else (asking.arm, "_arm")
            )
            yield Entry(
                when,
                what,
                _mark(here, there, moved),
                there,
                **who,
                asked=asking.at(who["a"], who["b"], who["kind"], who["occasion"])
                if what == "talks"
                else (),
                opened=row["opened" + suffix],
                signed=row["signed" + suffix],
                feared=asking.feared(trace, who["a"], who["b"], when),
            )


def _dated(row: dict[Any, Any], suffix: str, start: dt.date) -> dict[What, dt.date]:
    """The dated steps of one agreement within the run, by name."""
    opened, signed, in_force, ended = (
        row[name + suffix] for name in ("opened", "signed", "in_force", "ended")
    )
    lasted = in_force is not None or row["origin"] == "in_force"
    end: What = (
        "ended" if lasted else "collapse" if signed is not None else "talks collapse"
    )
    dates: dict[What, dt.date | None] = {
        "talks": opened if row["origin"] == "new" else None,
        "signed": signed if signed is not None and signed >= start else None,
        "in force": in_force if in_force is not None and in_force >= start else None,
        end: ended,
    }
    return {what: when for what, when in dates.items() if when is not None}


def _mark(here: object, there: object, both: Mark) -> Mark:
    """both: where it happens in either arm."""
    return "reference only" if here is None else "arm only" if there is None else both

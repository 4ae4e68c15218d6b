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
from balance_sim.scenario.schema import Event, Scenario
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
COLUMNS = ["date", "what", "mark", "date_reference", "text", "a", "b", "kind"]
COLUMNS += ["direction", "origin", "opened", "signed"]
AGREEMENT_KEYS = ["a", "b", "kind", "origin", "occasion", "direction"]
ORDER_OF_DAY = (
    "event",
    "provocation",
    "ended",
    "collapse",
    "talks collapse",
    "talks",
    "signed",
    "in force",
)
RULE = """Runs in the order of their paired effect on the headline outcome, ties by run
number. least: the first; median: the one in the middle, the earlier of two;
largest: the first of those with the largest effect."""


# -- a run, and what both sides would say ----------------------------------------------


@dataclass(frozen=True)
class Trace:
    """One run of one arm, and what both sides would say at each of its C opportunities,
    busy ones too.

    Attributes
    ----------
    consent : (C, 2) probability of the dyad's first and second state
    busy : (C,) something of that type is under way
    parts : (2, C) of either side's willingness, nats
    feared : (S, n) place of the state that each state fears most in each step; -1: it
        fears nobody
    acts : provocations of the run: day, and which
    """

    arm: str
    made: AgreementRows
    consent: Floats
    busy: Bools
    parts: dict[str, Floats]
    feared: Ints
    acts: list[tuple[float, int]]


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
    step_parts: list[dict[str, Floats]] = []
    busy: list[Bools] = []
    feared: list[Ints] = []
    acts: list[tuple[float, int]] = []

    def observe(world: World, state: BlockState, view: View, account: Account) -> None:
        rows = slice(*opportunities.starts[view.step : view.step + 2])
        run, dyad = opportunities.run[rows], opportunities.dyad[rows]
        clock = (run, dyad, opportunities.kind[rows])
        prospects = Prospects.of_both_sides(world, worlds.baseline, view, state, *clock)
        terms = account(prospects)
        step_parts.append(
            {name: values.reshape(2, -1) for name, values in terms.items()}
        )
        busy.append(state.busy.take(clock_of(world, *clock)))
        threat = view.adversaries.mean(axis=0)
        feared.append(np.where(threat.max(axis=1) > 0, threat.argmax(axis=1), -1))
        if view.step == 0 and state.provoked is not None:
            provoked = state.provoked
            acts.extend(zip(provoked.day.tolist(), provoked.act.tolist(), strict=True))

    agreements = simulated(
        worlds, arm, seed, run, opportunities, observe, model
    ).agreements
    joined = {
        name: np.concatenate([step[name] for step in step_parts], axis=1)
        for name in step_parts[0]
    }
    return Trace(
        arm,
        agreements,
        consent(summed(joined)).T,
        np.concatenate(busy),
        joined,
        np.stack(feared),
        sorted(acts),
    )


def rows_of_talks(
    opportunities: Opportunities, made: AgreementRows
) -> dict[tuple[int, int, int], int]:
    """(dyad, kind, count) of the talks opened in the run, to the row of the
    opportunity."""
    new = made.origin == ORIGINS.index("new")
    opened = (
        made.dyad[new].tolist(),
        made.kind[new].tolist(),
        made.count[new].tolist(),
    )
    wanted = set(zip(*opened, strict=True))
    dyad, kind = opportunities.dyad.tolist(), opportunities.kind.tolist()
    keys = zip(dyad, kind, opportunities.count.tolist(), strict=True)
    return {key: row for row, key in enumerate(keys) if key in wanted}


# -- the timeline ----------------------------------------------------------------------


@dataclass(frozen=True)
class AskedState:
    """One state asked at an opportunity: it consents if its probability exceeds the
    number drawn.

    main_part: of its willingness, that which differs most between arm and control arm;
    "": none. main_difference: nats, arm less control arm."""

    state: str
    consent: float
    needs: float
    main_part: str
    main_difference: float

    @property
    def agrees(self) -> bool:
        """Whether it consents."""
        return self.consent > self.needs


@dataclass(frozen=True)
class AskedDyad:
    """Both sides at one opportunity in one arm. busy: that type was under way, so
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
        if self.mark not in ("earlier", "later") or self.date_reference is None:
            return 0
        return (self.date - self.date_reference).days

    @property
    def place(self) -> tuple[Any, ...]:
        """Sorts entries: by day, then by what they are."""
        turn = ORDER_OF_DAY.index(self.what)
        return self.date, turn, self.a, self.b, self.kind, self.text


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
        arms = f"{self.arm} beside {self.reference}"
        count = len(self.entries)
        return f"<Timeline of replication {self.run}: {arms}, {count} entries>"

    @property
    def table(self) -> pd.DataFrame:
        """A row an entry: the columns of COLUMNS."""
        rows = [[getattr(entry, name) for name in COLUMNS] for entry in self.entries]
        return pd.DataFrame(rows, columns=COLUMNS)

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
    worlds = compile_arms(scenario, (control, arm))
    worlds = own_worlds(worlds, result.seed, number, result.draws)
    opportunities = draw_opportunities(worlds.reference, result.seed, number)
    traces = {
        name: traced(worlds, name, result.seed, number, opportunities, result.model)
        for name in (control, arm)
    }
    tables = {
        name: _stored_agreements(result, number, worlds, trace)
        for name, trace in traces.items()
    }
    answers = _Answers(worlds, opportunities, traces[control], traces[arm])
    entries = [
        *_events(scenario, control, arm),
        *_provocations(scenario, traces[arm]),
        *_agreement_entries(tables[control], tables[arm], answers),
    ]
    outcome = result.headline_outcome
    of_run = result.outcomes[result.outcomes["run"] == run]
    values = of_run.set_index("arm")[outcome]
    focal = next(event.date for event in scenario.events if event.id == scenario.focal)
    return Timeline(
        run=run,
        arm=arm,
        reference=control,
        start=scenario.start,
        end=scenario.end,
        focal=focal,
        outcome=outcome,
        value=float(values[arm]),
        value_reference=float(values[control]),
        entries=tuple(sorted(entries, key=lambda entry: entry.place)),
    )


def chosen_runs(result: Result, arm: str | None = None) -> dict[str, int]:
    """Three runs, `least`, `median` and `largest` by their paired effect, chosen by
    RULE."""
    arm = compared_arm(result, arm)
    run_numbers(result, 1)
    outcome = result.headline_outcome
    frame = result.outcomes.pivot(index="run", columns="arm", values=outcome)
    frame = frame.sort_index()
    effect = (frame[arm] - frame[result.reference]).to_numpy(float)
    order, numbers = effect.argsort(kind="stable"), frame.index.to_numpy()
    middle = order[(len(order) - 1) // 2]
    return {
        "least": int(numbers[order[0]]),
        "median": int(numbers[middle]),
        "largest": int(numbers[effect.argmax()]),
    }


class _Answers:
    """What both sides would say at each opportunity, in both arms."""

    def __init__(
        self, worlds: Worlds, opportunities: Opportunities, control: Trace, arm: Trace
    ) -> None:
        self.worlds, self.opportunities = worlds, opportunities
        self.control, self.arm = control, arm
        self.rows = rows_of_talks(opportunities, control.made)
        self.rows |= rows_of_talks(opportunities, arm.made)

    def at(self, a: str, b: str, kind: str, count: int) -> tuple[AskedDyad, AskedDyad]:
        """Both arms' answers at the opportunity at which talks opened in either, the
        control arm's first."""
        world = self.worlds.reference
        dyad = int(world.dyad_index[world.codes.index(a), world.codes.index(b)])
        row = self.rows[dyad, world.ladder.names.index(kind), count]
        in_control = self._asked(self.control, row, (a, b))
        return in_control, self._asked(self.arm, row, (a, b))

    def _asked(self, trace: Trace, row: int, states: tuple[str, str]) -> AskedDyad:
        needs = self.opportunities.needs[row].tolist()
        asked_states = []
        for side, state in enumerate(states):
            part, difference = self._main_part(side, row)
            consent = float(trace.consent[row, side])
            answer = AskedState(state, consent, needs[side], part, difference)
            asked_states.append(answer)
        world = self.worlds.arms[trace.arm]
        is_open = unbarred(world, self.opportunities, np.array([row]))[0]
        sides = (asked_states[0], asked_states[1])
        return AskedDyad(trace.arm, bool(trace.busy[row]), sides, not is_open)

    def feared(self, trace: Trace, a: str, b: str, day: dt.date) -> tuple[str, str]:
        """Whom the two fear most on a day of an arm."""
        world = self.worlds.reference
        days = (day - self.worlds.scenario.start).days
        step = int(np.searchsorted(world.grid[1:-1], days, side="right"))
        codes = (*world.codes, "")  # the last, at -1: nobody
        of_a = trace.feared[step, world.codes.index(a)]
        of_b = trace.feared[step, world.codes.index(b)]
        return codes[of_a], codes[of_b]

    def _main_part(self, side: int, row: int) -> tuple[str, float]:
        """The part of willingness that differs most between the arms, and by how much;
        "": none does."""
        arm = {name: float(v[side, row]) for name, v in self.arm.parts.items()}
        control = {name: float(v[side, row]) for name, v in self.control.parts.items()}
        differences = {
            name: arm.get(name, 0.0) - control.get(name, 0.0) for name in arm | control
        }
        part = max(differences, key=lambda name: abs(differences[name]))
        return (part, differences[part]) if differences[part] != 0 else ("", 0.0)


def _stored_agreements(
    result: Result, run: Keys, worlds: Worlds, trace: Trace
) -> pd.DataFrame:
    """The run's agreements as the study stores them, same rows, same whole days. Raises
    StoreDamaged."""
    table = agreement_table(worlds, trace.arm, trace.made, run)
    frame = _ordered(table.to_pandas(use_threads=False))
    stored = result.agreements[result.agreements["run"] == run[0]]
    stored = _ordered(stored[stored["arm"].astype(str) == trace.arm])
    if not stored[list(frame.columns)].equals(frame):
        difference = (
            f"run {run[0]} of {trace.arm} makes other agreements than in the results"
        )
        raise other_replications(result, difference)
    return frame


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    words = ["arm", "a", "b", "kind", "origin", "direction"]
    frame = frame.astype(dict.fromkeys(words, str))
    keys = ["a", "b", "kind", "origin", "occasion", "opened"]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _events(scenario: Scenario, reference: str, arm: str) -> Iterator[Entry]:
    """Events of either arm within the run. `changed`: the arms have it in different
    form."""
    control = {event.id: event for event in arm_scenario(scenario, reference).events}
    having = {event.id: event for event in arm_scenario(scenario, arm).events}
    for name, shown in (control | having).items():
        is_within = scenario.start <= shown.date < scenario.end
        if not is_within or shown.accord is not None:
            continue
        arm_event, control_event = having.get(name), control.get(name)
        yield Entry(
            shown.date,
            "event",
            _mark(
                arm_event,
                control_event,
                "both" if arm_event == control_event else "changed",
            ),
            control_event.date if control_event else None,
            text=_event_text(shown),
            kind=shown.kind,
            label=shown.label or name.replace("_", " "),
            actors=tuple(shown.principals),
            guests=tuple(shown.guests),
            targets=tuple(shown.targets),
        )


def _event_text(event: Event) -> str:
    aim = f" at {', '.join(event.targets)}" if event.targets else ""
    kind, principals = event.kind.replace("_", " "), ", ".join(event.principals)
    return f"{event.label or event.id} ({kind}: {principals}{aim})"


def _provocations(scenario: Scenario, trace: Trace) -> Iterator[Entry]:
    """Provocations of the run; they are the same in every arm."""
    drawn = [
        provocation
        for provocation in scenario.provocations
        if provocation.rate > 0 and provocation.state in scenario.codes
    ]
    for day, which in trace.acts:
        act, date = drawn[which], scenario.start + dt.timedelta(days=int(day))
        kind, targets = act.kind.replace("_", " "), ", ".join(act.targets)
        yield Entry(
            date,
            "provocation",
            "both",
            date,
            text=f"{act.id}: {act.state}, {kind} at {targets}",
            kind=act.kind,
            actors=(act.state,),
            targets=tuple(act.targets),
        )


def _agreement_entries(
    control: pd.DataFrame, arm: pd.DataFrame, answers: _Answers
) -> Iterator[Entry]:
    """What agreements did in either arm."""
    suffixes = ("_reference", "_arm")
    merged = control.merge(arm, on=AGREEMENT_KEYS, how="outer", suffixes=suffixes)
    for record in merged.to_dict("records"):
        row = {
            str(name): None if pd.isna(value) else value
            for name, value in record.items()
        }
        yield from _entries_of_agreement(row, answers)


def _entries_of_agreement(row: dict[str, Any], answers: _Answers) -> Iterator[Entry]:
    start = answers.worlds.scenario.start
    identity = {key: row[key] for key in AGREEMENT_KEYS}
    identity["occasion"] = int(row["occasion"])
    a, b, kind = row["a"], row["b"], row["kind"]
    control, arm = _dated(row, "_reference", start), _dated(row, "_arm", start)
    for step, date in (control | arm).items():
        control_date, arm_date = control.get(step), arm.get(step)
        trace, suffix = answers.arm, "_arm"
        if arm_date is None:
            trace, suffix = answers.control, "_reference"
        answered: tuple[AskedDyad, ...] = ()
        if step == "talks":
            answered = answers.at(a, b, kind, identity["occasion"])
        yield Entry(
            date,
            step,
            _mark(arm_date, control_date, _moved(arm_date, control_date)),
            control_date,
            **identity,
            asked=answered,
            opened=row["opened" + suffix],
            signed=row["signed" + suffix],
            feared=answers.feared(trace, a, b, date),
        )


def _dated(row: dict[str, Any], suffix: str, start: dt.date) -> dict[What, dt.date]:
    """The dated steps of one agreement within the run, by name."""
    opened, signed = row["opened" + suffix], row["signed" + suffix]
    in_force, ended = row["in_force" + suffix], row["ended" + suffix]
    end: What = "talks collapse"
    if in_force is not None or row["origin"] == "in_force":
        end = "ended"
    elif signed is not None:
        end = "collapse"
    dates: dict[What, dt.date] = {}
    if opened is not None and row["origin"] == "new":
        dates["talks"] = opened
    if signed is not None and signed >= start:
        dates["signed"] = signed
    if in_force is not None and in_force >= start:
        dates["in force"] = in_force
    if ended is not None:
        dates[end] = ended
    return dates


def _moved(here: dt.date | None, there: dt.date | None) -> Mark:
    """Whether the arm's date is the control arm's, or before or after it."""
    if here == there:
        return "both"
    return "earlier" if here and there and here < there else "later"


def _mark(here: object, there: object, both: Mark) -> Mark:
    """both: where it happens in either arm."""
    if here is None:
        return "reference only"
    return "arm only" if there is None else both

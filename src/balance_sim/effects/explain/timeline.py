"""One replication in order, in an arm beside its paired control run: events, talks,
signatures, and where they part.

Both arms are simulated again with every opportunity answered by both sides, and held to
the stored agreements."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import PlainSerializer, TypeAdapter

from balance_sim.effects.explain import compared_arm, other_replications, run_numbers
from balance_sim.model.baseline import (
    NOBODY,
    Worlds,
    compile_worlds,
    most_feared,
)
from balance_sim.model.baseline import feared as shares_of_fear
from balance_sim.model.changes import dyads_of
from balance_sim.model.core import (
    NEVER,
    ORIGINS,
    Bools,
    Floats,
    Keys,
    Opportunities,
    World,
)
from balance_sim.model.engine import simulate, unbarred
from balance_sim.model.perception import View
from balance_sim.model.pipeline import clock_of
from balance_sim.model.prospects import Prospects
from balance_sim.model.sights import seen_of
from balance_sim.model.state import Accessions, AgreementRows, BlockState, Enacted
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.willingness import account, consent, summed
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.players import Deed
from balance_sim.scenario.schema import Change, Scenario
from balance_sim.stats.frame import Frame
from balance_sim.study.draws import own_worlds
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result
from balance_sim.study.tables import agreement_table

Mark = Literal["both", "arm only", "reference only", "changed"]
What = Literal[
    "event",
    "change",
    "provocation",
    "policy",
    "ended",
    "collapse",
    "talks collapse",
    "talks",
    "signed",
    "accession",
    "in force",
]
"""What an entry is of, in the order in which those of one day stand."""
ORDER_OF_DAY = get_args(What)
COLUMNS = ["date", "what", "mark", "date_reference", "label", "a", "b", "kind"]
COLUMNS += ["direction", "origin", "opened", "signed"]
GIVEN = "given"
"""Origin of an agreement that a change of the world signs."""
Sights = tuple[tuple[str, float], ...]
"""Observables of a condition, and their values."""
AGREEMENT_KEYS = ["a", "b", "kind", "origin", "occasion", "direction"]


# -- a replication, and what both sides would say --------------------------------------


@dataclass(frozen=True)
class Trace:
    """One replication of one arm, and what both sides would say at each of its C
    opportunities, busy ones too.

    Attributes
    ----------
    consent : (C, 2) probability of the dyad's first and second state
    busy : (C,) something of that type is under way
    parts : (2, C) of either side's willingness, nats
    feared : (S, n) code of the state that each state fears most in each step; "": it
        fears nobody much
    acts : provocations of the replication: day, and which
    accessions : None where no state can join a pact
    policies : by player, policy and number of the act, its day, the day on which its
        condition was found to hold, and what was seen then
    """

    arm: str
    made: AgreementRows
    consent: Floats
    busy: Bools
    parts: dict[str, Floats]
    feared: npt.NDArray[np.str_]
    acts: list[tuple[float, int]]
    accessions: Accessions | None = None
    policies: dict[tuple[str, str, int], tuple[float, float, Sights]] = field(
        default_factory=dict
    )


def traced(
    worlds: Worlds, arm: str, seed: int, run: Keys, opportunities: Opportunities
) -> Trace:
    """One replication of one arm. opportunities: of this replication alone, none
    thinned."""
    step_parts: list[dict[str, Floats]] = []
    busy: list[Bools] = []
    feared: list[npt.NDArray[np.str_]] = []
    acts: list[tuple[float, int]] = []
    due: dict[int, float] = {}
    sights: dict[int, list[tuple[float, Sights]]] = defaultdict(list)

    def observe(world: World, state: BlockState, view: View) -> None:
        rows = slice(*opportunities.starts[view.step : view.step + 2])
        run, dyad = opportunities.run[rows], opportunities.dyad[rows]
        clock = (run, dyad, opportunities.kind[rows])
        prospects = Prospects.of_both_sides(world, worlds.baseline, view, state, *clock)
        step_parts.append(account(prospects))
        busy.append(state.busy.take(clock_of(world, *clock)))
        most = most_feared(shares_of_fear(view).mean(axis=0), world.rules.tau)
        feared.append(np.where(most == NOBODY, "", np.array(world.codes)[most]))
        if view.step == 0 and state.provoked is not None:
            provoked = state.provoked
            acts.extend(zip(provoked.day.tolist(), provoked.act.tolist(), strict=True))
        if state.enacted is None or world.policies is None:
            return
        for k, day in enumerate(state.enacted.due[0].tolist()):
            if day < NEVER and due.get(k) != day:
                due[k] = day
                seen = tuple(seen_of(world, state, view, k).items())
                sights[k].append((day - float(world.policies.delay[k]), seen))

    world = worlds.arms[arm]
    common = worlds.baseline, opportunities, thinning(world, opportunities, None)
    simulated = simulate(world, *common, seed, run, observe)
    terms = {}
    for name in step_parts[0]:
        sides = [step[name].reshape(2, -1) for step in step_parts]
        terms[name] = np.concatenate(sides, axis=1)
    says_yes, under_way = consent(summed(terms)).T, np.concatenate(busy)
    return Trace(
        arm,
        simulated.agreements,
        says_yes,
        under_way,
        terms,
        np.stack(feared),
        sorted(acts),
        simulated.accessions,
        dict(_acts_of_policies(world, simulated.enacted, sights)),
    )


def _acts_of_policies(
    world: World,
    enacted: Enacted | None,
    sights: Mapping[int, list[tuple[float, Sights]]],
) -> Iterator[tuple[tuple[str, str, int], tuple[float, float, Sights]]]:
    """Yield the acts of a replication's policies, as `Trace` holds them."""
    policies = world.policies
    if policies is None or enacted is None:
        return
    for k, name in enumerate(policies.ids):
        days = enacted.days[0, k]
        for number, day in enumerate(days[days < NEVER].tolist()):
            player = policies.players[policies.player[k]]
            yield (player, name, number), (day, *sights[k][number])


def rows_of_talks(
    opportunities: Opportunities, made: AgreementRows
) -> dict[tuple[int, int, int], int]:
    """(dyad, kind, count) of the talks opened in the replication, to the row of the
    opportunity."""
    new = made.origin == ORIGINS.index("new")
    opened = made.dyad[new], made.kind[new], made.count[new]
    wanted = set(zip(*(column.tolist() for column in opened), strict=True))
    opportunity_keys = opportunities.dyad, opportunities.kind, opportunities.count
    keys = zip(*(column.tolist() for column in opportunity_keys), strict=True)
    return {key: row for row, key in enumerate(keys) if key in wanted}


_ROW = PlainSerializer(lambda row: row.model_dump(mode="json", exclude_defaults=True))
AsWritten = Annotated[Change, _ROW]
"""A change, in JSON as its row in a scenario."""


# -- the timeline ----------------------------------------------------------------------


@dataclass(frozen=True)
class AskedState:
    """One state asked at an opportunity: it consents if its probability exceeds the
    number drawn."""

    state: str
    consent: float
    needs: float

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

    label, actors, guests, targets: of an event or a provocation. change: of the world,
    with its label and the dyads that it is about. Of a policy label is its player and
    name, deed what it does, seen what its condition spoke of when it became due, on the
    day looked, share that of the study's replications in which its player acts in that
    arm. Of an accession `a` is the state,
    label the pact, dyads what it is bound to. opened, signed: when talks of an
    agreement began and when it was signed. feared: codes of the states that `a` and `b`
    fear most on the day; "": nobody much."""

    date: dt.date
    what: What
    mark: Mark
    date_reference: dt.date | None
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
    change: AsWritten | None = None
    deed: Annotated[Deed, _ROW] | None = None
    seen: Sights = ()
    looked: dt.date | None = None
    share: float = 0.0
    dyads: tuple[tuple[str, str], ...] = ()
    opened: dt.date | None = None
    signed: dt.date | None = None
    feared: tuple[str, str] = ("", "")

    @property
    def place(self) -> tuple[Any, ...]:
        """Sorts entries: by day, then by what they are."""
        turn = ORDER_OF_DAY.index(self.what)
        return self.date, turn, self.a, self.b, self.kind, self.label


@dataclass(frozen=True, repr=False)
class Timeline(OneLine):
    """One replication of an arm beside its paired control run."""

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

    @property
    def table(self) -> pd.DataFrame:
        """A row an entry: the columns of COLUMNS."""
        rows = [[getattr(entry, name) for name in COLUMNS] for entry in self.entries]
        return Frame(rows, columns=COLUMNS)

    def summary(self) -> dict[str, Any]:
        """For `explain --json`."""
        return dict(TypeAdapter(Timeline).dump_python(self, mode="json"))


def tell(result: Result, run: int, arm: str | None = None) -> Timeline:
    """One replication of an arm, simulated again beside its paired control run.

    Parameters
    ----------
    result : the study
    run : number of the replication
    arm : the headline arm if not given

    Raises
    ------
    WrongRequest : for an arm or a replication that the study does not have
    StoreDamaged : where its agreements are not those of the study
    """
    arm, control = compared_arm(result, arm), result.reference
    number, scenario = run_numbers(result, 1, run), result.scenario
    worlds = compile_worlds(scenario, (control, arm))
    worlds = own_worlds(worlds, result.seed, number, result.draws)
    opportunities = draw_opportunities(worlds.reference, result.seed, number)
    traces, tables = [], []
    rows: dict[tuple[int, int, int], int] = {}
    for name in (control, arm):
        trace = traced(worlds, name, result.seed, number, opportunities)
        traces.append(trace)
        rows |= rows_of_talks(opportunities, trace.made)
        tables.append(_stored_agreements(result, number, worlds, trace))
    answers = _Answers(worlds, opportunities, traces, rows)
    changes = [*_changes(scenario, control, arm)]
    entries = [*_events(scenario, control, arm), *_provocations(scenario, traces[1])]
    entries += _accessions(worlds, traces)
    entries += _policies(result, traces)
    suffixes = ("_reference", "_arm")
    merged = tables[0].merge(
        tables[1], on=AGREEMENT_KEYS, how="outer", suffixes=suffixes
    )
    for record in merged.astype(object).where(merged.notna(), None).to_dict("records"):
        if record["origin"] != "accession":
            steps = _entries_of_agreement(cast("dict[str, Any]", record), answers)
            entries += _not_told(steps, changes)
    entries += changes
    frame = result.by_run.frame(result.headline_outcome)
    values = frame[frame["run"] == run].set_index("arm")[result.headline_outcome]
    return Timeline(
        run=run,
        arm=arm,
        reference=control,
        start=scenario.start,
        end=scenario.end,
        focal=dt.date(1970, 1, 1) + dt.timedelta(days=result.focal_day),
        outcome=result.headline_outcome,
        value=float(values[arm]),
        value_reference=float(values[control]),
        entries=tuple(sorted(entries, key=lambda entry: entry.place)),
    )


@dataclass(frozen=True)
class _Answers:
    """What both sides would say at each opportunity, in the control arm and the arm.

    rows: of the opportunities at which talks opened in either, by dyad, type and
    count."""

    worlds: Worlds
    opportunities: Opportunities
    traces: list[Trace]
    rows: dict[tuple[int, int, int], int]

    def at(self, a: str, b: str, kind: str, count: int) -> tuple[AskedDyad, ...]:
        """Both arms' answers at the opportunity at which talks opened in either, the
        control arm's first."""
        world = self.worlds.reference
        dyad = int(world.dyad_index[world.codes.index(a), world.codes.index(b)])
        row = self.rows[dyad, world.ladder.names.index(kind), count]
        needs, answers = self.opportunities.needs[row].tolist(), []
        for trace in self.traces:
            states = zip((a, b), trace.consent[row].tolist(), needs, strict=True)
            first, second = (AskedState(*state) for state in states)
            world = self.worlds.arms[trace.arm]
            is_open = unbarred(world, self.opportunities, np.array([row]))[0]
            answer = bool(trace.busy[row]), (first, second), not is_open
            answers.append(AskedDyad(trace.arm, *answer))
        return tuple(answers)

    def feared(self, trace: Trace, a: str, b: str, day: dt.date) -> tuple[str, str]:
        """Whom the two fear most on a day of an arm."""
        world = self.worlds.reference
        days = (day - self.worlds.scenario.start).days
        step = int(np.searchsorted(world.grid[1:-1], days, side="right"))
        feared = dict(zip(world.codes, trace.feared[step].tolist(), strict=True))
        return feared[a], feared[b]


def _stored_agreements(
    result: Result, run: Keys, worlds: Worlds, trace: Trace
) -> pd.DataFrame:
    """The replication's agreements as the study stores them, same rows, same whole
    days. Raises StoreDamaged."""
    table = agreement_table(worlds, trace.arm, trace.made, run)
    frame = _ordered(table.to_pandas(use_threads=False))
    stored = result.agreements_of(int(run[0]))
    is_of_arm = stored["arm"] == trace.arm
    if not _ordered(stored[is_of_arm])[list(frame.columns)].equals(frame):
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


# -- entries ---------------------------------------------------------------------------


def _events(scenario: Scenario, reference: str, arm: str) -> Iterator[Entry]:
    """Events of either arm within the replication. `changed`: the arms have it in
    different form."""
    control = {event.id: event for event in arm_scenario(scenario, reference).events}
    having = {event.id: event for event in arm_scenario(scenario, arm).events}
    for name, shown in (control | having).items():
        is_within = scenario.start <= shown.date < scenario.end
        if not is_within or shown.accord is not None:
            continue
        arm_event, control_event = having.get(name), control.get(name)
        is_same = arm_event == control_event
        yield Entry(
            shown.date,
            "event",
            _mark(arm_event, control_event, "both" if is_same else "changed"),
            control_event.date if control_event else None,
            kind=shown.kind,
            label=shown.label or name.replace("_", " "),
            actors=tuple(shown.principals),
            guests=tuple(shown.guests),
            targets=tuple(shown.targets),
        )


def _changes(scenario: Scenario, reference: str, arm: str) -> Iterator[Entry]:
    """Changes of the world in either arm, one entry each."""
    control, having = (
        arm_scenario(scenario, name).changes for name in (reference, arm)
    )
    for change in dict.fromkeys((*control, *having)):
        in_arm, in_control = (change in having or None, change in control or None)
        yield Entry(
            change.date,
            "change",
            _mark(in_arm, in_control, "both"),
            change.date if in_control else None,
            label=change.key,
            change=change,
            dyads=tuple(dyads_of(scenario, change)),
        )


def _provocations(scenario: Scenario, trace: Trace) -> Iterator[Entry]:
    """Provocations of the replication; they are the same in every arm."""
    drawn = [
        provocation
        for provocation in scenario.provocations
        if provocation.rate > 0 and provocation.state in scenario.codes
    ]
    for day, which in trace.acts:
        act, date = drawn[which], scenario.start + dt.timedelta(days=int(day))
        yield Entry(
            date,
            "provocation",
            "both",
            date,
            kind=act.kind,
            actors=(act.state,),
            targets=tuple(act.targets),
        )


def _accessions(worlds: Worlds, traces: Sequence[Trace]) -> Iterator[Entry]:
    """Accessions signed in either arm, one entry each: of the control arm and of the
    arm, in this order."""
    control, arm = (_signed_accessions(worlds, trace) for trace in traces)
    for key, entry in (control | arm).items():
        arm_date = arm[key].date if key in arm else None
        control_date = control[key].date if key in control else None
        mark = _mark(arm_date, control_date, "both")
        yield replace(entry, mark=mark, date_reference=control_date)


def _policies(result: Result, traces: Sequence[Trace]) -> Iterator[Entry]:
    """Acts of policies in either arm, one entry each: of the control arm and of the
    arm, in this order."""
    control, arm = traces
    scenario = result.scenario
    for key in dict.fromkeys((*control.policies, *arm.policies)):
        trace = arm if key in arm.policies else control
        player, name, _ = key
        row = arm_scenario(scenario, trace.arm).players[player]
        acts = result.by_run.column(trace.arm, Outcome("policy_acts", player).name)
        dates = [
            scenario.start + dt.timedelta(days=int(arm_trace.policies[key][0]))
            if key in arm_trace.policies
            else None
            for arm_trace in traces
        ]
        day, looked, observed = trace.policies[key]
        yield Entry(
            scenario.start + dt.timedelta(days=int(day)),
            "policy",
            _mark(dates[1], dates[0], "both"),
            dates[0],
            label=f"{player}, {name}",
            actors=(row.state,),
            deed=row.deed_of(name),
            seen=observed,
            looked=scenario.start + dt.timedelta(days=int(looked)),
            share=float((acts > 0).mean()),
        )


def _signed_accessions(
    worlds: Worlds, trace: Trace
) -> dict[tuple[int, int, int], Entry]:
    """Accessions of one arm that are signed before the end, by pact, state and which
    of their opportunities."""
    world, start = worlds.arms[trace.arm], worlds.scenario.start
    if trace.accessions is None or world.pacts is None:
        return {}
    applications, agreements = trace.accessions.applications, trace.made
    terms, codes = applications.terms, world.codes
    entries: dict[tuple[int, int, int], Entry] = {}
    for row in np.flatnonzero(terms.signed < world.grid[-1]).tolist():
        bound = agreements.dyad[agreements.key == terms.key[row]].tolist()
        pact, state = int(applications.pact[row]), int(applications.state[row])
        opened, signed = (
            start + dt.timedelta(days=int(days[row]))
            for days in (terms.opened, terms.signed)
        )
        entries[pact, state, int(terms.count[row])] = Entry(
            signed,
            "accession",
            "both",
            None,
            a=codes[state],
            kind=world.ladder.names[terms.kind[row]],
            origin="accession",
            label=world.pacts.names[pact],
            dyads=tuple((codes[world.first[p]], codes[world.second[p]]) for p in bound),
            opened=opened,
            signed=signed,
        )
    return entries


def _entries_of_agreement(row: dict[str, Any], answers: _Answers) -> Iterator[Entry]:
    """What an agreement did in either arm. row: its dates in both."""
    start = answers.worlds.scenario.start
    identity = {key: row[key] for key in AGREEMENT_KEYS}
    identity["occasion"] = int(row["occasion"])
    a, b = row["a"], row["b"]
    control, arm = _dated(row, "_reference", start), _dated(row, "_arm", start)
    for step, date in (control | arm).items():
        control_date, arm_date = control.get(step), arm.get(step)
        trace, suffix = answers.traces[1], "_arm"
        if arm_date is None:
            trace, suffix = answers.traces[0], "_reference"
        answered: tuple[AskedDyad, ...] = ()
        if step == "talks":
            answered = answers.at(a, b, row["kind"], identity["occasion"])
        yield Entry(
            date,
            step,
            _mark(arm_date, control_date, "both"),
            control_date,
            **identity,
            asked=answered,
            opened=row["opened" + suffix],
            signed=row["signed" + suffix],
            feared=answers.feared(trace, a, b, date),
        )


def _not_told(steps: Iterable[Entry], changes: Sequence[Entry]) -> Iterator[Entry]:
    """Steps of an agreement that no change tells; what a change signs is GIVEN."""
    for step in steps:
        dyad = step.a, step.b
        matches = [
            entry.change is not None
            and (dyad in entry.dyads or entry.change.joins in dyad)
            and _makes(entry.change, step)
            for entry in changes
        ]
        if not any(matches):
            yield step
        elif step.what == "in force":
            yield replace(step, origin=GIVEN)


def _makes(change: Change, step: Entry) -> bool:
    """Whether a change signs or ends the agreement of a step."""
    if change.ended:
        is_here = step.mark in ("both", "arm only")
        return is_here and (step.what, step.date) == ("ended", change.date)
    if change.agreement is None and change.joins is None:
        return False
    agreement = change.date, getattr(change.agreement, "kind", change.kind)
    return step.origin == "scheduled" and (step.signed, step.kind) == agreement


def _dated(row: dict[str, Any], suffix: str, start: dt.date) -> dict[What, dt.date]:
    """The dated steps of one agreement within the replication, by name. suffix: of the
    arm's columns."""
    names = ("opened", "signed", "in_force", "ended")
    opened, signed, in_force, ended = (row[name + suffix] for name in names)
    end: What = "collapse" if signed is not None else "talks collapse"
    if in_force is not None or row["origin"] == "in_force":
        end = "ended"
    steps: dict[What, dt.date | None] = {"talks": None, "signed": signed}
    if row["origin"] == "new":
        steps["talks"] = opened
    steps |= {"in force": in_force, end: ended}
    earliest = {"signed": start, "in force": start}
    return {
        step: date
        for step, date in steps.items()
        if date is not None and date >= earliest.get(step, date)
    }


def _mark(arm: object, control: object, both: Mark) -> Mark:
    """In which of the arms something is. both: where it is in either."""
    if arm is None:
        return "reference only"
    return "arm only" if control is None else both

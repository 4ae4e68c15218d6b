"""A world that changes, walked through day by day: who is at war, who has broken with whom, what states are like, what
has been signed. The arrays of every step against `plain.py` on the facts of that day."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import plain  # as conftest.py found it
import pytest
from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.changes import with_force
from balance_sim.model.core import ORIGINS, World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.thinning import draw_opportunities, openness_at, thinning
from balance_sim.model.world import compile_world
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.schema import Change, Event

PAPER = Path(__file__).with_name("paper.yaml")
SEED = 5
RECORD = """disputes:
  - {a: XAR, b: XDO, war: 1}
  - {a: XBE, b: XEL, war: 0.5, militarised: 0.2}
  - {a: XAR, b: XCO, rivalry: 0.8, war: 0.4}
no_relations:
  - {a: XAR, b: XDO, kind: war, from: 1999-03-01}
  - {a: XCO, b: XDO, kind: sanctions, from: 1999-06-01, until: 2000-09-01}
  - {a: XBE, b: XEL, kind: no_diplomatic_relations, from: 2000-04-01}
"""
CODES = ("XAR", "XBE", "XCO", "XDO", "XEL")
PAIRS = [*combinations(CODES, 2)]


def written(folder: Path) -> Scenario:
    """`paper.yaml` with another record of quarrels and wars."""
    sections = re.split(r"^(?=\w)", PAPER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = [text for text in sections if not text.startswith(("disputes:", "no_relations:"))]
    path = folder / "wars.yaml"
    path.write_text("".join([*kept, RECORD]), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return written(tmp_path_factory.mktemp("wars"))


def changing(scenario: Scenario, rows: list[dict]) -> Scenario:  # type: ignore[type-arg]
    """The control arm's scenario with these changes, sorted as a file's are."""
    changes = sorted((Change.model_validate(row) for row in rows), key=lambda row: row.date)
    events = tuple(event for event in scenario.events if event.id != "parade")
    return scenario.model_copy(update={"changes": tuple(changes), "events": events})


def histories(count: int) -> Iterator[list[dict]]:  # type: ignore[type-arg]
    """Changes at random, in which nobody at war goes to war, but for a war of the record."""
    draw = random.Random(7)
    for _ in range(count):
        rows, at_war = [], {}
        for day in sorted(draw.sample(range(5, 520), 12)):
            when = date(2000, 1, 1) + timedelta(days=day)
            sides = draw.choice([("XAR", "XDO"), ("XBE", "XEL"), ("XBE", "XCO"), ("XCO", "XDO"), ("XAR", "XCO")])
            until = draw.choice([None, when + timedelta(days=draw.randrange(20, 200))])
            form = draw.choice(
                ["war", "war", "peace", "peace", "sanctions", "no_diplomatic_relations", "not_recognised", "state"]
            )
            row: dict = {"date": when, "dyad": sides[:: draw.choice([1, -1])]}  # type: ignore[type-arg]
            if form == "war":
                if at_war.get(sides, when) > when:
                    continue
                at_war[sides] = until or date.max
                rows.append(row | {"war": True, "until": until})
            elif form == "peace":
                at_war[sides] = when
                rows.append(row | {"war": False})
            elif form == "state":
                name, value = draw.choice(
                    [("democracy", 0.9), ("ideal_point", 0.7), ("reliability", 0.4), ("effort", 0.3)]
                )
                rows.append({"date": when, "state": draw.choice(CODES), name: value + draw.choice([0.0, 0.05])})
            else:
                rows.append(row | {"no_relations": form, "until": until})
        yield rows


@dataclass
class Walk:
    """What a changing world is like on a day, told one day after the other."""

    facts: dict[str, dict[str, float]] = field(default_factory=dict)
    effort: dict[str, float] = field(default_factory=dict)
    war: dict[tuple[str, str], float] = field(default_factory=dict)  # of the disputes' own
    at_war: dict[tuple[str, str], float] = field(default_factory=dict)  # begun by a change, until
    peace: set[tuple[str, str]] = field(default_factory=set)  # of a war on record
    broken: list[tuple[tuple[str, str], str, float]] = field(default_factory=list)  # begun by a change, until
    force: list[Event] = field(default_factory=list)

    def changes(self, row: Change, eve: dict[tuple[str, str], float], start: date) -> None:
        """What a row says is so from now on."""
        if row.state is not None:
            named = {name: getattr(row, name) for name in ("democracy", "ideal_point", "reliability")}
            stated = {name: value for name, value in named.items() if value is not None}
            self.facts[row.state] = self.facts.get(row.state, {}) | stated
            if row.effort is not None:
                self.effort[row.state] = row.effort
            return
        sides = min(row.dyad), max(row.dyad)
        until = np.inf if row.until is None else (row.until - start).days
        if row.war:
            if eve.get(sides, 0.0) < 0.5:
                self.force += [used(row.date, *sides), used(row.date, *reversed(sides))]
            self.war[sides], self.at_war[sides] = 1.0, until
        elif row.war is False:
            self.war[sides] = 0.0
            self.at_war.pop(sides, None)
            self.peace.add(sides)
        else:
            self.broken.append((sides, row.no_relations, until))


def walks(scenario: Scenario) -> Iterator[tuple[int, Walk]]:
    """The world on each day, by what is written of that day alone."""
    now = Walk()
    now.war = {(row.a, row.b): row.war for row in scenario.disputes}
    for day in range((scenario.end - scenario.start).days):
        eve = dict(now.war)
        for sides in [sides for sides, until in now.at_war.items() if until <= day]:
            now.war[sides] = 0.0
            del now.at_war[sides]
        for row in scenario.changes:
            if (row.date - scenario.start).days == day:
                now.changes(row, eve, scenario.start)
        yield day, now


def used(when: date, actor: str, target: str) -> Event:
    return Event(id=f"{actor}{when}", date=when, kind="force", principals=(actor,), targets=(target,))


class OfDay(plain.Plain):
    """The second program, on a day of a changing world."""

    def __init__(self, scenario: Scenario, day: int, now: Walk) -> None:
        disputes = {(row.a, row.b): row for row in scenario.disputes}
        for a, b in now.war:
            row = disputes.get((a, b)) or type(scenario.disputes[0])(a=a, b=b)
            disputes[a, b] = row.model_copy(update={"war": now.war[a, b]})
        states = [row.model_copy(update=now.facts.get(row.id, {})) for row in scenario.states]
        self.now, self.today = now, day
        update = {"states": tuple(states), "disputes": tuple(disputes.values()), "changes": ()}
        update["events"] = tuple(sorted((*scenario.events, *now.force), key=lambda event: event.date))
        self.of_record = scenario.no_relations
        self.s = scenario.model_copy(update=update)
        self.p, self.kinds = self.s.parameters, self.s.kinds
        self.state = {one.id: one for one in self.s.states}
        self.codes = sorted(self.state)
        self.dyads = [frozenset(dyad) for dyad in combinations(self.codes, 2)]
        self.weights = dict(self.s.theory.weights)

    @property
    def apart_today(self) -> list[tuple[tuple[str, str], str]]:
        """Who has begun a spell by a change, and is in it."""
        out = [(sides, "war") for sides in self.now.at_war]
        return out + [(sides, kind) for sides, kind, until in self.now.broken if self.today < until]

    @cached_property
    def quarrel(self) -> dict[frozenset[str], float]:
        """Spells of the record as at the start, but for a war that is over; those of changes as today."""
        p, out, broken = self.p, dict.fromkeys(self.dyads, 0.0), set()
        for row in self.s.disputes:
            nats = p.eta_rivalry * row.rivalry + p.eta_claim * row.claim
            out[frozenset((row.a, row.b))] = nats + p.eta_militarised * row.militarised + p.eta_war * row.war
        for row in self.of_record:
            since_start = (row.since or date.min) <= self.s.start < (row.until or date.max)
            if since_start and not (row.kind == "war" and (row.a, row.b) in self.now.peace):
                broken.add(frozenset((row.a, row.b)))
        broken |= {frozenset(sides) for sides, kind in self.apart_today if kind != "not_recognised"}
        return {dyad: nats + p.eta_no_relations * (dyad in broken) for dyad, nats in out.items()}

    def factor(self, sides: tuple[str, str]) -> float:
        """Of the dyad's opportunities, today."""
        names = {"war": "factor_war", "no_diplomatic_relations": "factor_no_relations"}
        names |= {"not_recognised": "factor_not_recognised", "sanctions": "factor_sanctions"}
        held = [kind for at, kind in self.apart_today if at == sides]
        for row in self.of_record:
            since = -np.inf if row.since is None else self.day(row.since)
            until = np.inf if row.until is None else self.day(row.until)
            is_over = row.kind == "war" and sides in self.now.peace
            if (row.a, row.b) == sides and since <= self.today < until and not is_over:
                held.append(row.kind)
        return min((getattr(self.p, names[kind]) for kind in held), default=1.0)

    def see_alone(self, step: int, grid: np.ndarray) -> "plain.Seen":
        """What states see in a step without any agreement."""
        self.days = grid.tolist()
        return self.see(step, [], dict.fromkeys(self.codes, 0.0), [])


def compiled(scenario: Scenario) -> World:
    return compile_world(scenario, "without", np.array(plain.grid(with_untils(scenario))), 0.0)


def with_untils(scenario: Scenario) -> Scenario:
    """Steps begin where a spell ends too."""
    ends = [Change(date=row.until, state="XAR", effort=0.0) for row in scenario.changes if row.until]
    arms = {name: arm.model_copy(update={"changes": ()}) for name, arm in scenario.arms.items()}
    return scenario.model_copy(update={"changes": (*scenario.changes, *ends), "arms": arms})


def held(scenario: Scenario, world: World) -> int:
    """Every fact of every step against the walk; how many there were of a war."""
    begins = {int(day): step for step, day in enumerate(world.grid[:-1])}
    i = {code: world.codes.index(code) for code in CODES}
    turns = {step for step, _ in world.turns}
    at_war = 0
    for day, now in walks(scenario):
        other = OfDay(scenario, day, now)
        for a, b in PAIRS:
            found = openness_at(world, day)[world.dyad_index[i[a], i[b]]]
            assert found == other.factor((a, b)), (day, a, b)
        if day not in begins or (begins[day] not in turns and begins[day] % 7):
            continue
        step = begins[day]
        version = world.at(step)
        decided = np.zeros(5) if version.decided_effort is None else version.decided_effort
        assert decided[[i[code] for code in CODES]].tolist() == [now.effort.get(code, 0.0) for code in CODES]
        seen = other.see_alone(step, world.grid)
        middle = {code: version.reliability[step, i[code]] for code in CODES}
        assert middle == pytest.approx(seen.reliability, rel=1e-9)
        stranger = np.log1p(np.exp(other.p.eta0))
        for a, b in permutations(CODES, 2):
            assert version.gap[i[a], i[b]] == pytest.approx(other.gap[frozenset((a, b))])
            assert version.democracy[i[a], i[b]] == pytest.approx(other.lesser_democracy[frozenset((a, b))])
            nats = max(0.0, np.log1p(version.intent_odds[step][i[a], i[b]]) - stranger)
            assert 1 - np.exp(-nats) == pytest.approx(seen.h[a, b], rel=1e-9, abs=1e-12), (day, a, b)
            against = version.odds_against[step][version.audience[i[a]], world.dyad_index[i[a], i[b]]]
            assert 1 / (1 + against) == pytest.approx(seen.a[a, a, b], rel=1e-9)
        at_war += len(now.at_war)
    return at_war


WAR = {"date": date(2000, 5, 1), "dyad": ("XBE", "XCO"), "war": True}
PEACE = {"date": date(2000, 7, 1), "dyad": ("XCO", "XBE"), "war": False}


@pytest.mark.parametrize("until", [None, date(2000, 9, 1), date(2003, 1, 1)])
def test_a_peace_ends_a_war_whatever_its_until_was(scenario: Scenario, until: date | None) -> None:
    """On 1 July, day 182, talks are as free as before the war, and of its nats those of the acts of force are left. A
    second peace changes nothing."""
    again = PEACE | {"date": date(2000, 8, 1)}
    world = compiled(changing(scenario, [WAR | {"until": until}, PEACE, again]))
    control = compile_world(changing(scenario, []), "without", world.grid, 0.0)
    i, j = world.codes.index("XBE"), world.codes.index("XCO")
    dyad, p = world.dyad_index[i, j], scenario.parameters
    assert [openness_at(world, day)[dyad] for day in (120, 121, 181, 182)] == [1.0, p.factor_war, p.factor_war, 1.0]
    rises = []
    for day in (181, 182):
        step = int(np.searchsorted(world.grid, day, side="right")) - 1
        kind = scenario.event_kinds["force"]
        left = kind.intent * 2 ** (-(world.middle(step) - 121) / kind.half_life_days)
        heed = scenario.audiences["south"].attention["default"]
        odds = world.at(step).intent_odds[step][i, j] / control.intent_odds[step][i, j]
        rises.append(np.log(odds) - left * heed)
    assert rises == pytest.approx([p.eta_war + p.eta_no_relations, 0.0])


def test_a_peace_ends_a_war_on_record_with_its_spell(scenario: Scenario) -> None:
    """Arden and Dorn, at war since 1999; sanctions of others last, and so does a war without a peace."""
    peace = {"date": date(2000, 7, 1), "dyad": ("XDO", "XAR"), "war": False}
    world = compiled(changing(scenario, [peace]))
    control = compile_world(changing(scenario, []), "without", world.grid, 0.0)
    i, j = world.codes.index("XAR"), world.codes.index("XDO")
    p, last = scenario.parameters, world.steps - 1
    for day, factor in ((181, p.factor_war), (182, 1.0), (500, 1.0)):
        wanted = openness_at(control, day).copy()
        wanted[world.dyad_index[i, j]] = factor
        np.testing.assert_array_equal(openness_at(world, day), wanted)
    fall = np.log(control.intent_odds[last][i, j] / world.at(last).intent_odds[last][i, j])
    assert fall == pytest.approx(p.eta_war + p.eta_no_relations)


def shown(scenario: Scenario) -> dict[tuple[str, str], float]:
    """Visibility of the acts of force that a scenario's wars add, by actor and target."""
    added = [act for act in with_force(scenario).events if act not in scenario.events]
    assert {act.kind for act in added} <= {"force"} and len({act.id for act in added}) == len(added)
    return {(act.principals[0], act.targets[0]): act.visibility for act in added}


DAY = WAR["date"]
ACTS = (  # kind, actor, target, visibility, day; then what is left to show of Belmar's force, and of Corvia's
    ([], 1.0, 1.0),
    ([("force", "XBE", "XCO", 0.3, DAY)], 0.7, 1.0),
    ([("annexation", "XCO", "XBE", 0.4, DAY)], 1.0, 0.6),
    ([("incident", "XCO", "XBE", 1.0, DAY)], 1.0, 1.0),
    ([("force", "XBE", "XDO", 1.0, DAY)], 1.0, 1.0),
    ([("force", "XAR", "XCO", 1.0, DAY)], 1.0, 1.0),
    ([("force", "XBE", "North", 0.8, DAY)], 0.2, 1.0),
    ([("force", "XBE", "XCO", 1.0, date(2000, 5, 2))], 1.0, 1.0),
    ([("force", "XBE", "XCO", 0.6, DAY), ("force", "XBE", "XCO", 0.2, DAY)], 0.4, 1.0),
    ([("force", "XBE", "XCO", 1.0, DAY)], None, 1.0),
)


@pytest.mark.parametrize(("acts", "of_belmar", "of_corvia"), ACTS)
def test_force_adds_what_nobody_has_seen_of_it(
    scenario: Scenario,
    acts: list[tuple[str, str, str, float, date]],
    of_belmar: float | None,
    of_corvia: float,
) -> None:
    """By either side: 1 less the visibility of what it is written to have done to the other that day."""
    changed = changing(scenario, [WAR])
    rows = [
        Event(id=f"written-{n}", kind=kind, principals=(actor,), targets=(target,), visibility=seen, date=day)
        for n, (kind, actor, target, seen, day) in enumerate(acts)
    ]
    changed = changed.model_copy(update={"events": (*changed.events, *rows)})
    wanted = {("XCO", "XBE"): of_corvia} | ({("XBE", "XCO"): of_belmar} if of_belmar else {})
    assert shown(changed) == pytest.approx(wanted)


def test_who_is_half_at_war_begins_none(scenario: Scenario) -> None:
    """From an intensity of 1/2 on; two wars of one day are two; one that follows on another is the same."""
    wars = [WAR | {"dyad": sides} for sides in (("XBE", "XEL"), ("XAR", "XDO"), ("XAR", "XCO"), ("XCO", "XBE"))]
    assert {*shown(changing(scenario, wars))} == {
        *(("XAR", "XCO"), ("XCO", "XAR"), ("XBE", "XCO"), ("XCO", "XBE")),
    }
    over = WAR | {"until": date(2000, 6, 1)}
    following, later = (WAR | {"date": date(2000, 6, day)} for day in (1, 2))
    assert [len(with_force(changing(scenario, [over, war])).events) for war in (following, later)] == [
        len(changing(scenario, []).events) + acts for acts in (2, 4)
    ]


GIVEN = """groups: {North: [XCO, XDO]}
pacts: {Alliance: {group: North, kind: middle, candidates: [XBE], rate: 0.000001}}
"""
ARM = """
  given:
    changes:
      - {date: 2000-03-01, agreement: {a: XCO, b: XEL, kind: deep, in_force: 2000-04-01}}
      - {date: 2000-04-01, agreement: {a: XEL, b: XCO, kind: middle}}
      - {date: 2000-05-01, agreement: {a: XEL, b: XCO, kind: deep}}
      - {date: 2000-06-01, agreement: {a: XAR, b: XDO, kind: shallow}}
      - {date: 2000-07-01, agreement: {a: XAR, b: XDO, kind: shallow}}
      - {date: 2000-08-01, pact: Alliance, joins: XEL, kind: middle}
      - {date: 2000-08-15, pact: North, joins: XBE, kind: shallow}
      - {date: 2000-10-01, agreement: second, ended: true}
report:"""
SIGNED = [  # dyad, kind, day, entry into force where it is given, how many of the dyad and kind were before
    ("XCO", "XEL", "deep", 60.0, 91.0, 0),
    ("XCO", "XEL", "middle", 91.0, None, 0),
    ("XCO", "XEL", "deep", 121.0, None, 1),
    ("XAR", "XDO", "shallow", 152.0, None, 0),
    ("XAR", "XDO", "shallow", 182.0, None, 1),
    ("XCO", "XEL", "middle", 213.0, 213.0, 1),
    ("XDO", "XEL", "middle", 213.0, 213.0, 0),
    ("XBE", "XCO", "shallow", 227.0, 227.0, 0),
    ("XBE", "XDO", "shallow", 227.0, 227.0, 0),
]
RUNS = 6


@dataclass(frozen=True)
class Given:
    """Six replications of an arm in which agreements are given, nothing else opens, and nothing ends of itself."""

    worlds: Worlds
    made: AgreementRows
    remembered: dict[float, np.ndarray]  # bilateral signatures of each dyad since the start, by day


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    text = PAPER.read_text(encoding="utf-8").replace("groups: {North: [XCO, XDO]}\n", GIVEN, 1)
    path = tmp_path_factory.mktemp("given") / "given.yaml"
    path.write_text(text.replace("\nreport:", ARM, 1), encoding="utf-8")
    quiet = {f"kinds.{kind}.ceiling": 1e-6 for kind in ("shallow", "middle", "deep")} | {"parameters.end_rate": 0.0}
    worlds = compile_worlds(with_values(load_scenario(path), quiet))
    runs, remembered = np.arange(RUNS, dtype=np.uint64), {}

    def look(world: World, state: BlockState, view: View) -> None:
        remembered[float(world.grid[view.step])] = state.experience - world.experience

    opportunities = draw_opportunities(worlds.reference, SEED, runs)
    thin = thinning(worlds.arms["given"], opportunities, worlds.bounds["given"])
    done = simulate(worlds.arms["given"], worlds.baseline, opportunities, thin, SEED, runs, look)
    return Given(worlds, done.agreements, remembered)


def test_what_changes_sign_has_the_dates_of_the_second_program(given: Given) -> None:
    """Its lag is its own: drawn for the dyad, the kind, and how many of both changes sign before, whatever the day."""
    world, made = given.worlds.arms["given"], given.made
    other = plain.Plain(given.worlds.scenario, "given")
    for run in range(RUNS):
        rows = np.flatnonzero(
            (made.run == run) & (made.opened == made.signed) & (made.origin == ORIGINS.index("scheduled"))
        )
        found = sorted(
            (world.codes[world.first[made.dyad[row]]], world.codes[world.second[made.dyad[row]]],
             world.ladder.names[made.kind[row]], float(made.signed[row]), float(made.in_force[row]))
            for row in rows
        )  # fmt: skip
        wanted = []
        for a, b, kind, day, in_force, number in SIGNED:
            key = other.own_key(SEED, run, frozenset((a, b)), kind, clocks.label(f"change-{number}"))
            wanted.append((a, b, kind, day, in_force or other.force(key, other.kinds[kind], day)))
        assert [row[:-1] for row in found] == [row[:-1] for row in sorted(wanted)]
        assert [row[-1] for row in found] == pytest.approx([row[-1] for row in sorted(wanted)])


def test_what_changes_sign_ends_talks_about_the_same(given: Given) -> None:
    """Corvia and Elland have talked about an agreement of the middle kind since before the start."""
    world, made = given.worlds.arms["given"], given.made
    dyad = world.dyad_index[world.codes.index("XCO"), world.codes.index("XEL")]
    talks = (made.dyad == dyad) & (made.kind == world.ladder.names.index("middle")) & (made.origin == 2)
    unsigned = talks & ~(made.signed < 91)
    assert (made.stage[unsigned] == 3).all() and (made.ended[unsigned] <= 91).all()
    assert (made.ended[unsigned] == 91).sum() > 1


def test_an_accession_that_is_given_is_no_experience(given: Given) -> None:
    """Of Arden and Dorn two signatures are remembered, faded since; of Elland and Dorn none."""
    world, half_life = given.worlds.arms["given"], given.worlds.scenario.parameters.experience_half_life_days
    i = {code: world.codes.index(code) for code in CODES}
    last = given.remembered[max(given.remembered)]
    of_arden, of_elland = (last[:, world.dyad_index[i[a], i["XDO"]]] for a in ("XAR", "XEL"))
    assert of_arden == pytest.approx(np.full(RUNS, 2 ** (152 / half_life) + 2 ** (182 / half_life)))
    assert of_elland == pytest.approx(np.zeros(RUNS), abs=1e-12)


def test_what_a_change_ends_ends_that_day_and_nothing_else(given: Given) -> None:
    world = given.worlds.arms["given"]
    ended = dict(zip(world.initial.ids, world.initial.ended.tolist(), strict=True))
    assert ended.pop("second") == 274.0
    assert world.initial.ids[int(world.endings[0])] == "second" and len(world.endings) == 1
    assert not {day for day in ended.values() if day == day and day >= 0}
    row = world.initial.ids.index("second")
    of_it = (given.made.origin == ORIGINS.index("in_force")) & (given.made.count == row)
    assert given.made.ended[of_it].tolist() == [274.0] * RUNS and (given.made.stage[of_it] == 3).all()


def test_a_state_has_the_effort_that_it_last_decided_on(scenario: Scenario) -> None:
    """Each state its own, whatever else changes about it: decisions do not add up."""
    rows = [
        {"date": date(2000, 3, 1), "state": "XDO", "effort": 0.3},
        {"date": date(2000, 4, 1), "state": "XAR", "effort": 0.2},
        {"date": date(2000, 5, 1), "state": "XDO", "democracy": 0.1},
        {"date": date(2000, 6, 1), "state": "XDO", "effort": 0.1},
    ]
    world = compiled(changing(scenario, rows))
    efforts = [dict(zip(world.codes, turned.decided_effort.tolist(), strict=True)) for _, turned in world.turns]
    assert [(one["XDO"], one["XAR"], sum(one.values())) for one in efforts] == [
        *((0.3, 0.0, 0.3), (0.3, 0.2, 0.5), (0.3, 0.2, 0.5), (0.1, 0.2, pytest.approx(0.3))),
    ]


def test_every_day_of_a_changing_world_is_what_is_written_of_it(scenario: Scenario) -> None:
    """Five histories of a dozen changes."""
    at_war = 0
    for rows in histories(5):
        version = changing(scenario, rows)
        at_war += held(version, compiled(version))
    assert at_war > 40

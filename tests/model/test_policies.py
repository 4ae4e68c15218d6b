"""Policies inside a run: when they act, and that an act is what a dated event or a change of that day is."""

import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.model import sights
from balance_sim.model.agents import BalanceModel
from balance_sim.model.baseline import Worlds, compile_beside, compile_worlds
from balance_sim.model.core import NEVER, DatedActs, World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View, perceive
from balance_sim.model.policies import _take_effect, _worth, affords, decided_effort, ended_by
from balance_sim.model.policies import acts_of as dated_acts_of
from balance_sim.model.prospects import Prospects
from balance_sim.model.record import worth
from balance_sim.model.state import BlockState, Enacted, Simulated
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.willingness import POLICIES, consent, levels, willingness
from balance_sim.scenario import arm_scenario, load_scenario, with_values
from balance_sim.scenario.conditions import OBSERVABLES
from balance_sim.scenario.defaults import record_prior
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.expected import Estimator, expected
from balance_sim.study.spans import course, in_spans, with_event
from direct_estimator import direct

PAPER = Path(__file__).parent / "by_hand"
SEED = 5
RUNS = np.arange(6, dtype=np.uint64)


@pytest.fixture(scope="module")
def paper() -> Scenario:
    return load_scenario(PAPER / "paper.yaml")


@pytest.fixture(scope="module")
def acting() -> Worlds:
    return compile_worlds(load_scenario(PAPER / "policies.yaml"))


def with_policy(scenario: Scenario, state: str = "XAR", **policy: object) -> Scenario:
    budget = policy.pop("budget", None)
    player = {"state": state, "budget": budget, "policies": {"one": policy}}
    return with_values(scenario, {"players": {"player": player}})


def simulated(
    worlds: Worlds, arm: str = "with", observe=None, *, runs: np.ndarray = RUNS, thinned: bool = False
) -> Simulated:
    opportunities = draw_opportunities(worlds.reference, SEED, runs, worlds.most if thinned else None)
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    return simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, SEED, runs, observe)


def acts_of(scenario: Scenario, arm: str = "with") -> tuple[list[float], np.ndarray]:
    """Days of the first policy's acts in the first replication, which in these tests are those of all; and the grid."""
    worlds = compile_worlds(scenario)
    enacted = simulated(worlds, arm).enacted
    assert enacted is not None
    days = enacted.days[:, 0]
    assert (days == days[0]).all()
    return days[0][days[0] < NEVER].tolist(), worlds.reference.grid


def begins(grid: np.ndarray, day: float) -> float:
    """Where the first step begins on or after a day."""
    return float(grid[np.searchsorted(grid, day)])


def same_agreements(one: Simulated, other: Simulated) -> bool:
    a, b = one.agreements, other.agreements
    return all(np.array_equal(getattr(a, part.name), getattr(b, part.name), equal_nan=True) for part in fields(a))


# --- when ---------------------------------------------------------------------------------------------------


def test_every_observable_that_can_be_written_is_seen() -> None:
    assert {*OBSERVABLES} == {*sights.SEEN}


def test_it_acts_where_a_step_begins_after_condition_and_delay(paper: Scenario) -> None:
    days, grid = acts_of(with_policy(paper, when="day > 40", delay=33.0, do={"effort": 0.1}))
    seen = float(grid[grid > 40][0])
    assert days == [begins(grid, seen + 33.0)]


def test_a_condition_has_to_last(paper: Scenario) -> None:
    """Seen first on the first step that begins after day 20, and for 45 days without a break."""
    days, grid = acts_of(with_policy(paper, when="day > 20 for 45 days", do={"effort": 0.1}))
    since = float(grid[grid > 20][0])
    due = begins(grid, since + 45.0)
    assert days == [float(grid[grid > due][0])]  # never in the step in which it looked


def test_a_break_begins_the_clock_anew(paper: Scenario) -> None:
    when = "(day < 30 or day > 90) for 60 days"
    days, grid = acts_of(with_policy(paper, when=when, do={"effort": 0.1}))
    due = begins(grid, float(grid[grid > 90][0]) + 60.0)
    assert days == [float(grid[grid > due][0])]


def test_what_has_lasted_has_to_last_anew_after_an_act(paper: Scenario) -> None:
    days, grid = acts_of(with_policy(paper, when="day >= 0 for 45 days", at_most=3, do={"effort": 0.1}))
    wanted = [0.0]
    for _ in range(3):  # it looks on the day on which it acts
        due = begins(grid, wanted[-1] + 45.0)
        wanted.append(float(grid[grid > due][0]))
    assert days == wanted[1:]


def test_it_acts_at_most_so_often_and_waits_for_delay_each_time(paper: Scenario) -> None:
    days, grid = acts_of(with_policy(paper, when="day >= 0", delay=50.0, at_most=3, do={"effort": 0.1}))
    wanted = [begins(grid, 50.0)]
    for _ in range(2):
        wanted.append(begins(grid, wanted[-1] + 50.0))
    assert days == wanted


def test_a_budget_is_what_acts_cost_in_365_days(paper: Scenario) -> None:
    terms = {"when": "day >= 0", "delay": 50.0, "at_most": 9, "do": {"effort": 0.01}}
    free, grid = acts_of(with_policy(paper, **terms))
    days, _ = acts_of(with_policy(paper, cost=0.4, budget=1.0, **terms))
    assert days[:2] == free[:2]
    assert days[2] == float(grid[grid >= days[0] + 365.0][0]) > free[2]
    for last in days:
        assert sum(last - 365.0 < day <= last for day in days) <= 2


def test_tit_for_tat_answers_each_act_once(paper: Scenario) -> None:
    """Arden's incident of November 1999 and its summit aimed at Corvia of day 101: in `without` the first alone. What
    is older than 365 days counts no more on either side."""
    policy = {"when": "acts(XAR) > done", "delay": 10.0, "at_most": 9, "do": {"kind": "incident", "targets": ["XAR"]}}
    with_parade, grid = acts_of(with_policy(paper, "XCO", **policy))
    assert with_parade == [begins(grid, 10.0), begins(grid, 111.0)]
    assert acts_of(with_policy(paper, "XCO", **policy), "without")[0] == with_parade[:1]


def test_two_that_answer_each_other_are_bounded(paper: Scenario) -> None:
    def player(state: str, other: str) -> dict[str, object]:
        do = {"kind": "incident", "targets": [other]}
        return {"state": state, "policies": {"back": {"when": f"acts({other}) > done", "do": do, "at_most": 7}}}

    players = {"one": player("XAR", "XCO"), "two": player("XCO", "XAR")}
    enacted = simulated(compile_worlds(with_values(paper, {"players": players}))).enacted
    assert enacted is not None
    assert enacted.count.max() <= 7 and enacted.count.min() >= 1


# --- what an act is -------------------------------------------------------------------------------------------

THAT_DAY, DATE = 166.0, "2000-06-15"
"""A step begins then: an event of the scenario is dated so."""
ON_THAT_DAY = {"when": "day >= 0", "delay": THAT_DAY}
PAIRS = np.array([(i, j) for i in range(5) for j in range(5) if i != j]).T


def looks(worlds: Worlds, arm: str = "with") -> tuple[Simulated, list[dict[str, np.ndarray]]]:
    """What is seen, felt and wanted in every step, copied: of the deepest type, what policies add left out."""
    seen: list[dict[str, np.ndarray]] = []
    run, (ego, alter) = np.repeat(RUNS.astype(np.int64), len(PAIRS[0])), np.tile(PAIRS, len(RUNS))

    def look(world: World, state: BlockState, view: View) -> None:
        kind = np.full(len(run), world.ladder.names.index("deep"))
        prospects = Prospects(world, worlds.baseline, view, state, run, ego, alter, kind)
        names = ("insecurity", "hostility", "sided", "defence", "alignment", "adversaries")
        step = {name: np.array(getattr(view, name)) for name in names}
        u = willingness(prospects) - levels(prospects).get(POLICIES, 0.0)
        seen.append(step | {"willingness": u, "effort": state.effort.copy(), "depth": state.depth.copy()})

    return simulated(worlds, arm, look), seen


def same_course(one: Worlds, other: Worlds) -> list[dict[str, np.ndarray]]:
    """What is seen in the first, which is what is seen in the second."""
    (ended, seen), (wanted, there) = looks(one), looks(other)
    assert ended.enacted is not None and set(ended.enacted.days[:, 0, 0]) == {THAT_DAY}
    for name in ("run", "dyad", "kind", "opened", "signed"):
        assert np.allclose(
            getattr(ended.agreements, name), getattr(wanted.agreements, name), rtol=1e-12, equal_nan=True
        )
    for here, beyond in zip(seen, there, strict=True):
        for name, values in here.items():
            assert np.allclose(values, beyond[name], rtol=1e-9, atol=1e-12), name
    return seen


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        ("incident", {"targets": ["XCO", "XDO"]}),
        ("joint_summit", {"guests": ["XEL", "XBE"], "targets": ["XCO"]}),
        ("reassurance", {"targets": ["North"]}),
    ],
)
def test_an_act_is_the_dated_event_of_its_day(paper: Scenario, kind: str, roles: dict[str, list[str]]) -> None:
    """Evidence on intent and alignment, as every audience heeds it, as others learn from it, fading: all that states
    see and want is that of an arm in which the act is dated. No later words: those of a date have a record of dates."""
    plain = paper.model_copy(update={"events": tuple(one for one in paper.events if one.id != "calm")})
    who = {role: tuple(plain.groups.get(codes[0], codes)) for role, codes in roles.items()}
    doubt = next(one for one in plain.events if one.id == "doubt")
    act = doubt.model_copy(update={"id": "act", "kind": kind, "principals": ("XAR",), "visibility": 0.7} | who)
    dated = plain.model_copy(update={"events": (*plain.events, act)})
    by_policy = with_policy(plain, do={"kind": kind, "visibility": 0.7, **roles}, **ON_THAT_DAY)
    seen = same_course(compile_worlds(by_policy), compile_worlds(dated))
    before = looks(compile_worlds(plain))[1]
    assert any(not np.allclose(a["sided"], b["sided"], rtol=1e-6) for a, b in zip(seen, before, strict=True))


@pytest.mark.parametrize("cost", [0.0, 0.1])
def test_words_are_weighed_by_their_senders_record(paper: Scenario, cost: float) -> None:
    """Three reassurances: those that cost something are kept, and weigh in full. Of those that cost nothing each weighs
    (a + b) / (a + b + n) of the first, n of which went before."""
    a, b = record_prior()
    do = {"kind": "reassurance", "targets": ["XCO"]}
    worlds = compile_worlds(with_policy(paper, when="day >= 0", delay=60.0, at_most=3, cost=cost, do=do))
    world, days = worlds.reference, simulated(worlds, "without").enacted.days[0, 0]  # type: ignore[union-attr]
    kind, policies = paper.event_kinds["reassurance"], worlds.reference.policies
    assert policies is not None
    codes, found = {code: i for i, code in enumerate(world.codes)}, {}

    def look(world: World, state: BlockState, view: View) -> None:
        if view.said is not None:
            column = policies.place_column[codes["XCO"] * world.n + codes["XAR"]]
            found[view.step] = np.log(view.said.intent[0, column])

    simulated(worlds, "without", look)
    heed = worlds.scenario.audiences["north"].attention["default"]
    for step, nats in found.items():
        start, middle = world.grid[step], (world.grid[step] + world.grid[step + 1]) / 2
        wanted = 0.0
        for number, day in enumerate(days):
            if day <= start:
                worth = 1.0 if cost else (a + b) / (a + b + number)
                wanted += worth * kind.intent * heed * 2.0 ** (-(middle - day) / kind.half_life_days)
        assert nats == pytest.approx(wanted, rel=1e-9)
    assert len(found) > 10


def test_a_rise_of_effort_is_the_change_of_its_day(tmp_path: Path) -> None:
    """Without spells of broken relations: a change would look at them again."""
    text = re.sub(r"no_relations:\n(  .*\n)+", "", (PAPER / "paper.yaml").read_text(encoding="utf-8"))
    change = f"\nchanges:\n  - {{date: {DATE}, state: XAR, effort: 0.12}}\n"
    for name, content in (("plain", text), ("changed", text + change)):
        (tmp_path / f"{name}.yaml").write_text(content, encoding="utf-8")
    plain, changed = (load_scenario(tmp_path / f"{name}.yaml") for name in ("plain", "changed"))
    by_policy = compile_worlds(with_policy(plain, do={"effort": 0.12}, **ON_THAT_DAY))
    seen = same_course(by_policy, compile_worlds(changed))
    assert seen[-1]["effort"][:, by_policy.reference.codes.index("XAR")].min() > 0.05


def test_agreements_that_end_are_those_in_force_between_the_two(paper: Scenario) -> None:
    """Two deep ones on record between Arden and Belmar; none of another type, and none of others."""
    plain, worlds = (
        compile_worlds(paper),
        compile_worlds(with_policy(paper, do={"end": "deep", "with": ["XBE"]}, **ON_THAT_DAY)),
    )
    world = worlds.reference
    arden, belmar, deep = world.codes.index("XAR"), world.codes.index("XBE"), world.ladder.names.index("deep")
    dyad, in_force = world.dyad_index[arden, belmar], {}
    for name, version in (("plain", plain), ("ended", worlds)):
        by_step: list[np.ndarray] = in_force.setdefault(name, [])
        simulated(version, "with", lambda world, state, view, by_step=by_step: by_step.append(state.in_force.copy()))
    step = int(np.searchsorted(world.grid, THAT_DAY))
    assert all(np.array_equal(a, b) for a, b in zip(in_force["plain"][:step], in_force["ended"][:step], strict=True))
    had, have = in_force["plain"][step], in_force["ended"][step]
    assert (had[:, dyad, deep] > 0).any() and not have[:, dyad, deep].any()
    others = np.delete(np.arange(had.shape[1]), dyad)
    assert np.array_equal(had[:, others], have[:, others])
    assert np.array_equal(np.delete(had[:, dyad], deep, axis=1), np.delete(have[:, dyad], deep, axis=1))


def test_talks_go_on_where_what_is_in_force_is_ended(paper: Scenario) -> None:
    """Arden and Elland talk of one that is called middle, and have none in force on the first days: to end it changes nothing."""
    end = with_policy(paper, when="day >= 0", delay=1.0, do={"end": "middle", "with": ["XEL"]})
    ended, plain = simulated(compile_worlds(end)), simulated(compile_worlds(paper))
    assert ended.enacted is not None and (ended.enacted.days[:, 0, 0] < 20.0).all()
    assert same_agreements(ended, plain) and np.isfinite(plain.agreements.signed).any()


@pytest.mark.parametrize(("nats", "wanted"), [(None, 100.0), (0.7, 0.7)])
def test_to_seek_is_worth_what_the_file_says(paper: Scenario, nats: float | None, wanted: float) -> None:
    seek = {"seek": "deep", "with": ["XEL"]} | ({} if nats is None else {"nats": nats})
    world = compile_worlds(with_policy(paper, when="day >= 0", do=seek)).reference
    assert world.policies is not None
    place = world.codes.index("XEL"), world.ladder.names.index("deep")
    assert world.policies.stance[0][place] == wanted == world.policies.stance.sum()


def test_a_stance_is_so_many_nats_on_its_own_willingness_and_adds_up(paper: Scenario) -> None:
    do = {"stance": -0.7, "toward": ["XCO", "XEL"]}
    worlds = compile_worlds(with_policy(paper, when="day >= 0", delay=60.0, at_most=2, do=do))
    world, found = worlds.reference, []

    def look(world: World, state: BlockState, view: View) -> None:
        kind = np.full(20, 9)
        prospects = Prospects(world, worlds.baseline, view, state, np.zeros(20, np.int64), *PAIRS, kind)
        found.append((state.enacted.count[0, 0], levels(prospects)[POLICIES]))  # type: ignore[union-attr]

    simulated(worlds, "with", look)
    arden, toward = world.codes.index("XAR"), [world.codes.index(code) for code in do["toward"]]
    wanted = np.where((PAIRS[0] == arden) & np.isin(PAIRS[1], toward), -0.7, 0.0)
    assert {count for count, _ in found} == {0, 1, 2}
    for count, nats in found:
        assert nats == pytest.approx(count * wanted)


def test_who_seeks_consents_to_the_types_that_it_seeks(paper: Scenario) -> None:
    worlds = compile_worlds(with_policy(paper, do={"seek": "security", "with": ["XEL"]}, **ON_THAT_DAY))
    asked: list[np.ndarray] = []

    def look(world: World, state: BlockState, view: View) -> None:
        kind = np.arange(len(world.ladder.names))
        ego, alter = (np.full(len(kind), world.codes.index(code)) for code in ("XAR", "XEL"))
        both = [
            Prospects(world, worlds.baseline, view, state, np.zeros_like(kind), a, b, kind)
            for a, b in ((ego, alter), (alter, ego))
        ]
        asked.append(np.stack([consent(willingness(prospects)) for prospects in both]))

    simulated(worlds, "with", look)
    step = int(np.searchsorted(worlds.reference.grid, THAT_DAY))
    security = worlds.reference.ladder.security
    assert (asked[step][0][security] == 1.0).all() and (asked[step][0][~security] < 1.0).all()
    assert (asked[step][1] < 1.0).all() and (asked[step - 1] < 1.0).all()


def test_many_acts_of_the_greatest_weight_are_bounded(paper: Scenario) -> None:
    """Hundreds of nats: a belief is certain long before, and no exponential ends."""
    loud = with_values(paper, {"event_kinds.incident.intent": 20.0, "event_kinds.incident.half_life_days": None})
    do = {"kind": "incident", "targets": ["North"]}
    worlds, seen = compile_worlds(with_policy(loud, when="day >= 0", at_most=100, do=do)), []

    def look(world: World, state: BlockState, view: View) -> None:
        seen.append((0.0 if view.said is None else np.log(view.said.intent.max()), view.insecurity.copy()))

    with np.errstate(over="raise", invalid="raise"):
        ended = simulated(worlds, "with", look)
    assert ended.enacted is not None and ended.enacted.count.max() > 20
    assert max(nats for nats, _ in seen) == pytest.approx(100.0)
    assert all(np.isfinite(insecurity).all() for _, insecurity in seen)


# --- the other faces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arm", "run"), [("with", 0), ("without", 3)])
def test_agents_have_the_policies_of_the_engine(acting: Worlds, arm: str, run: int) -> None:
    model = BalanceModel(acting.scenario, arm, SEED, run=run, worlds=acting).run_until_end()
    wanted = simulated(acting, arm, runs=np.array([run], dtype=np.uint64))
    found = model.simulated
    assert found.enacted is not None and wanted.enacted is not None
    assert np.array_equal(found.enacted.days, wanted.enacted.days) and np.isfinite(found.enacted.days).any()
    assert same_agreements(found, wanted) and np.allclose(found.consent, wanted.consent, rtol=1e-12, atol=1e-14)


def test_the_expected_estimator_acts_where_its_spans_begin(acting: Worlds) -> None:
    estimator = Estimator(acting)
    days = acting.reference.grid[estimator.edges]
    course = estimator.courses_of([acting.arms["with"]])[0]
    last = course.states[-1].enacted
    assert last is not None
    acted = last.days[np.isfinite(last.days)]
    assert len(acted) > 8 and np.isin(acted, days).all()
    counts = [state.enacted.count.sum() for state in course.states]  # type: ignore[union-attr]
    assert counts[0] == 0 and counts == sorted(counts)


def test_the_expected_estimator_is_what_it_was_while_nobody_acts(paper: Scenario) -> None:
    idle = with_policy(paper, when="day < 0", do={"effort": 0.5})
    wanted, found = (expected(compile_worlds(one), ["with", "without"]) for one in (paper, idle))
    for arm, numbers in wanted.items():
        for window, signed in numbers.signed.items():
            assert np.allclose(signed, found[arm].signed[window], rtol=1e-10, atol=0.0)


def test_the_expected_estimator_knows_what_a_stance_does(paper: Scenario) -> None:
    """Arden, which turns away from Elland in one version and seeks it in another, signs with it less, and more."""
    numbers = []
    for nats in (-3.0, 0.0, 3.0):
        stance = with_policy(paper, when="day >= 0", delay=20.0, do={"stance": nats, "toward": ["XEL"]})
        worlds = compile_worlds(stance)
        world = worlds.reference
        dyad = world.dyad_index[world.codes.index("XAR"), world.codes.index("XEL")]
        numbers.append(expected(worlds, ["with"])["with"].signed[300][dyad].sum())
    assert numbers[0] < 0.7 * numbers[1] and numbers[1] < 0.9 * numbers[2]


def test_a_course_begun_where_evidence_parts_is_the_whole_one(acting: Worlds) -> None:
    """Spans before the event are taken from the control arm's course, with what its policies had done by then; one event
    more is known to policies as a dated one is."""
    estimator = Estimator(acting)
    present = in_spans(acting.arms["with"], estimator.edges)
    whole, shared = course(present, acting.baseline), estimator.courses_of([acting.arms["with"]])[0]
    assert np.allclose(whole.consent, shared.consent, rtol=1e-12, atol=0.0)
    for one, other in zip(whole.states, shared.states, strict=True):
        assert one.enacted is not None and other.enacted is not None
        assert np.array_equal(one.enacted.days, other.enacted.days)
    control = in_spans(acting.reference, estimator.edges)
    parade = next(event for event in acting.scenario.events if event.id == "parade")
    one_more = with_event(control, arm_scenario(acting.scenario, "without"), parade)
    begun = course(one_more, acting.baseline, beside=course(control, acting.baseline))
    assert np.allclose(begun.consent, course(one_more, acting.baseline).consent, rtol=1e-12, atol=0.0)
    assert np.allclose(
        begun.consent, whole.consent, rtol=0.05
    )  # an event fades from the middle of a span, not of a step
    last = begun.states[-1].enacted
    assert last is not None and np.array_equal(last.days, whole.states[-1].enacted.days)  # type: ignore[union-attr]


def test_a_course_has_the_willingness_of_every_span(acting: Worlds) -> None:
    """Consent in a span is that of the state that the span finds: policies have ended agreements and taken stances."""
    estimator = Estimator(acting)
    world, wanted = in_spans(acting.arms["with"], estimator.edges), estimator.courses_of([acting.arms["with"]])[0]
    dyads, kind = np.arange(len(world.first)), np.full(len(world.first), world.ladder.names.index("middle"))
    for step, state in enumerate(wanted.states):
        view = perceive(world, state, step)
        sides = [
            consent(willingness(Prospects(world, acting.baseline, view, state, np.zeros_like(dyads), one, other, kind)))
            for one, other in ((world.first, world.second), (world.second, world.first))
        ]
        assert np.allclose(wanted.consent[step][:, kind[0]], sides[0] * sides[1], rtol=1e-9)
    first, last = wanted.states[0].in_force, wanted.states[-1].in_force
    assert last.sum() < first.sum()


def test_beside_the_control_arm_a_second_one_has_no_effect_and_policies_have_one() -> None:
    """Direct effects: an arm that is the control arm once more wants the same at every opportunity."""
    scenario = load_scenario(PAPER / "policies.yaml")
    again = {"again": scenario.arms["without"].model_copy(update={"reference": False})}
    calm = {"calm": again["again"].model_copy(update={"set": {"players": {}}})}
    worlds = compile_worlds(scenario.model_copy(update={"arms": scenario.arms | again | calm}))
    along, arms = direct(worlds, SEED, RUNS, ["again", "calm"])
    assert np.allclose(arms["again"].consent, along.consent, rtol=1e-12, atol=0.0)
    assert not np.allclose(arms["calm"].consent, along.consent, rtol=1e-3, atol=0.0)


def test_a_results_folder_holds_the_policies(tmp_path: Path) -> None:
    scenario = load_scenario(PAPER / "policies.yaml")
    made = bs.run(scenario, runs=4, seed=SEED, out=tmp_path / "results")
    found = bs.open_result(tmp_path / "results")
    assert found.scenario.players == scenario.players and found.scenario.sha256 == scenario.sha256
    for player in scenario.players:
        name = f"policy_acts_{player}"
        assert np.array_equal(found.by_run.column("with", name), made.by_run.column("with", name))
    more = bs.run(scenario, runs=6, seed=SEED, out=tmp_path / "results")
    assert (
        more.by_run.column("with", "policy_acts_corvia")[:4].tolist()
        == made.by_run.column("with", "policy_acts_corvia").tolist()
    )


# --- what it leaves alone -------------------------------------------------------------------------------------


def test_policies_that_never_act_change_no_bit(paper: Scenario) -> None:
    players = load_scenario(PAPER / "policies.yaml").players
    never = {
        name: player.model_copy(
            update={
                "policies": {
                    key: one.model_copy(update={"when": f"({one.when}) and day < 0"})
                    for key, one in player.policies.items()
                }
            }
        )
        for name, player in players.items()
    }
    plain, idle = compile_worlds(paper), compile_worlds(paper.model_copy(update={"players": never}))
    assert plain.bounds.keys() == idle.bounds.keys()
    assert all(np.array_equal(plain.bounds[arm], idle.bounds[arm]) for arm in plain.bounds)
    block, arms = Block(0, 12), ["without", "with"]
    wanted, found = (simulate_block(worlds, SEED, block, arms) for worlds in (plain, idle))
    assert found.agreements.equals(wanted.agreements)
    added = [name for name in found.runs.column_names if name.startswith("policy_")]
    filtered = [name for name in wanted.runs.column_names if name.startswith("filtered_")]
    assert len(added) == 2 * len(players)
    assert found.runs.drop_columns([*added, *filtered]).equals(wanted.runs.drop_columns(filtered))
    for name in filtered:  # what is expected of worlds with policies is added up in another order
        np.testing.assert_allclose(found.runs[name], wanted.runs[name], atol=1e-11)
    assert all(set(found.runs[name].to_pylist()) == {0.0} for name in added)


def test_what_a_replication_does_hangs_on_no_other(acting: Worlds) -> None:
    together = simulated(acting)
    for run in (1, 4):
        alone = simulated(acting, runs=RUNS[run : run + 1])
        assert together.enacted is not None and alone.enacted is not None
        assert np.array_equal(together.enacted.days[run], alone.enacted.days[0])
        rows = together.agreements.take(np.flatnonzero(together.agreements.run == run))
        for part in fields(rows):
            if part.name != "run":
                assert np.array_equal(getattr(rows, part.name), getattr(alone.agreements, part.name), equal_nan=True), (
                    part.name
                )


def of_runs(done: Simulated) -> np.ndarray:
    """(R,) sums of consent."""
    return np.bincount(done.opportunities.run, done.consent, len(RUNS))


def test_who_takes_a_stance_goes_on_with_every_opportunity(acting: Worlds) -> None:
    whole, thinned = simulated(acting), simulated(acting, thinned=True)
    assert same_agreements(whole, thinned) and not thinned.opportunities.thinned.any()
    np.testing.assert_array_equal(of_runs(thinned), of_runs(whole))


def test_opportunities_that_are_left_out_change_nothing(paper: Scenario) -> None:
    """All the same with thinned opportunities as with all, in replications within their bounds and beyond them."""
    policy = {"when": "day >= 0", "delay": 30.0, "at_most": 3, "do": {"kind": "reassurance", "targets": ["North"]}}
    worlds = compile_worlds(with_policy(paper, **policy))
    whole, thinned = simulated(worlds), simulated(worlds, thinned=True)
    assert same_agreements(whole, thinned) and (whole.enacted.count[:, 0] == 3).all()
    assert 0 < thinned.opportunities.thinned.sum() < len(RUNS)
    np.testing.assert_array_equal(of_runs(thinned), of_runs(whole))


def test_arms_begin_alike_and_keep_their_own_policies(paper: Scenario) -> None:
    """An arm without players beside one that has them: each is what it is alone."""
    both = load_scenario(PAPER / "policies.yaml")
    arms = {**both.arms, "with": both.arms["with"].model_copy(update={"set": {"players": {}}})}
    mixed = compile_worlds(both.model_copy(update={"arms": arms}))
    assert mixed.arms["with"].policies is None and mixed.arms["without"].policies is not None
    tables = simulate_block(mixed, SEED, Block(0, 6), ["without", "with"])
    rows = {
        arm: tables.agreements.filter(np.array(tables.agreements["arm"].to_pylist()) == arm)
        for arm in ("without", "with")
    }
    alone = simulate_block(compile_worlds(paper), SEED, Block(0, 6), ["without", "with"]).agreements
    assert (
        rows["with"]
        .drop_columns(["arm"])
        .equals(alone.filter(np.array(alone["arm"].to_pylist()) == "with").drop_columns(["arm"]))
    )
    acts = [
        tables.runs.filter(np.array(tables.runs["arm"].to_pylist()) == arm)["policy_acts_arden"]
        for arm in ("with", "without")
    ]
    assert set(acts[0].to_pylist()) == {0.0} and min(acts[1].to_pylist()) > 0


def test_outcomes_are_acts_and_what_they_cost(acting: Worlds) -> None:
    enacted = simulated(acting).enacted
    policies = acting.arms["with"].policies
    assert enacted is not None and policies is not None
    runs = simulate_block(acting, SEED, Block(0, 6), ["without", "with"]).runs
    runs = runs.filter(np.array(runs["arm"].to_pylist()) == "with")
    for place, player in enumerate(policies.players):
        own = [k for k in range(len(policies.ids)) if policies.player[k] == place]
        days = [[day for k in own for day in enacted.days[run, k] if day < NEVER] for run in range(6)]
        assert runs[f"policy_acts_{player}"].to_pylist() == [float(len(one)) for one in days]
        cost = [sum(policies.cost[k] * (enacted.days[run, k] < NEVER).sum() for k in own) for run in range(6)]
        assert runs[f"policy_cost_{player}"].to_pylist() == pytest.approx(cost)


# --- what is counted, by hand -----------------------------------------------------------------------------------


def enacted_on(days: list[list[list[float]]]) -> Enacted:
    """Acts of replications by policies, filled up with NEVER."""
    most = max(len(acts) for run in days for acts in run)
    filled = [[[*acts, *[NEVER] * (most - len(acts))] for acts in run] for run in days]
    return Enacted(np.zeros((len(days), 0)), np.full((len(days), len(days[0])), NEVER), np.array(filled))


def test_a_budget_is_that_of_a_player_and_all_its_policies_spend_it() -> None:
    """Two policies of one player cost 0.6 and 0.5 of 1.0, that of another 0.6 of 0.7. In the first replication the first
    has acted on day 10, in the second nobody has: there all fits. After 365 days the act counts no more."""
    policies = SimpleNamespace(player=np.array([0, 0, 1]), cost=np.array([0.6, 0.5, 0.6]), budget=np.array([1.0, 0.7]))
    world = SimpleNamespace(policies=policies)
    state = SimpleNamespace(enacted=enacted_on([[[10.0], [], []], [[], [], []]]))
    for day, first in ((374.0, [False, False, True]), (375.0, [True, True, True])):
        found = [affords(world, state, k, day).tolist() for k in range(3)]  # type: ignore[arg-type]
        assert found == [[fits, True] for fits in first]


def test_a_sender_is_believed_by_its_own_record_alone() -> None:
    """One state's free words of day 50 come after two of its own that cost something and are kept, of days 20 and 30, and a
    dated one of day 8 that is not; what others say, and what it says later, counts not. Its words that cost something come
    after the dated one on day 20, after one more of their own on day 30, and the free ones have been said on day 60."""
    policies = SimpleNamespace(
        words=np.array([True, True, True, False]), state=np.array([0, 0, 1, 0]), cost=np.array([0.0, 0.2, 0.0, 0.0])
    )
    dated = DatedActs(*(np.empty(0),) * 3, np.array([8.0, 5.0, 70.0]), np.array([0, 1, 0]), np.array([0.0, 1.0, 1.0]))
    world = SimpleNamespace(policies=policies, dated_acts=dated)
    days = enacted_on([[[50.0], [20.0, 30.0, 60.0], [10.0], [15.0]]]).days
    for k, records in ((0, [(2.0, 3.0)]), (1, [(0.0, 1.0), (1.0, 2.0), (2.0, 4.0)])):
        wanted = [float(worth(np.array(kept), np.array(sent))) for kept, sent in records]
        assert _worth(world, days, k)[0, : len(wanted)].tolist() == pytest.approx(wanted)  # type: ignore[arg-type]


def test_each_act_raises_effort_and_ends_what_it_ends() -> None:
    """State 1 has raised its effort by 0.1 twice and once by 0.05, where a change had decided on 0.2 for state 0."""
    policies = SimpleNamespace(
        state=np.array([1, 1]),
        effort=np.array([0.1, 0.05]),
        ends=np.array([[[True]], [[False]]]),
        player=np.array([0, 0]),
    )
    world = SimpleNamespace(n=2, policies=policies, decided_effort=np.array([[0.2, 0.0]]))
    enacted = enacted_on([[[1.0, 2.0], [3.0]], [[], [4.0]]])
    found = decided_effort(world, SimpleNamespace(enacted=enacted))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, [[0.2, 0.25], [0.2, 0.05]])
    assert ended_by(policies, enacted).tolist() == [[True]]  # type: ignore[arg-type]


def test_dated_acts_that_players_know_of(paper: Scenario) -> None:
    """Who does what to whom by the file: an act at a group is at each of its members that has no part in it. A signing is none, nor
    is an act that the target's audience does not heed; words are kept apart."""
    looked = with_policy(paper, when="day > 1", do={"effort": 0.1})
    doubt = next(one for one in looked.events if one.id == "doubt")
    update = {"id": "paper", "kind": "treaty", "principals": ("XAR",), "targets": ("XCO",), "accord": "waiting"}
    looked = looked.model_copy(update={"events": (*looked.events, doubt.model_copy(update=update))})
    codes, found = looked.codes, dated_acts_of(looked)
    assert found is not None
    acts = {
        (day, codes[actor], codes[target])
        for day, actor, target in zip(found.day.tolist(), found.actor, found.target, strict=True)
    }
    at_north = {(-42.0, "XAR", "XCO"), (-42.0, "XAR", "XDO")}
    assert acts == at_north | {
        (31.0, "XCO", "XDO"), (31.0, "XEL", "XDO"), (101.0, "XAR", "XCO"), (101.0, "XBE", "XCO"),
    }  # fmt: skip
    said = [found.word_day.tolist(), [codes[sender] for sender in found.sender], found.kept.tolist()]
    assert said == [[309.0], ["XAR"], [0.0]]
    deaf = dated_acts_of(with_values(looked, {"audiences.north.attention.incident": 0.0}))
    assert deaf is not None and len(deaf.day) == len(found.day) - len(at_north)


def test_an_act_takes_effect_in_its_own_replications() -> None:
    """In the second of two: state 0 arms by 0.1, and its stance puts that replication beyond the bounds."""
    policies = SimpleNamespace(
        effort=np.array([0.1]), state=np.array([0]), stances=np.array([0]), ends=np.zeros((1, 1, 1), dtype=bool)
    )
    state = SimpleNamespace(effort=np.full((2, 2), 0.3), within=np.array([True, True]))
    _take_effect(SimpleNamespace(policies=policies), state, 0, np.array([1]))  # type: ignore[arg-type]
    np.testing.assert_allclose(state.effort, [[0.3, 0.3], [0.4, 0.3]])
    assert state.within.tolist() == [True, False]


def test_what_is_said_of_intent_touches_the_dyads_of_who_acts(paper: Scenario) -> None:
    """An incident says nothing on who sides with whom; that Corvia, and those who fear as it does, see Arden otherwise does."""
    world = compile_worlds(with_policy(paper, when="day > 9", do={"kind": "incident", "targets": ["XCO"]})).reference
    policies, arden = world.policies, world.codes.index("XAR")
    assert policies is not None and not policies.dyads.size
    touched = {*np.flatnonzero(policies.touches[0]).tolist()}
    of_arden = {int(world.dyad_index[arden, k]) for k in range(world.n) if k != arden}
    assert world.dyad_index[arden, world.codes.index("XCO")] in touched and touched <= of_arden


CHANGES = "changes:\n  - {date: 2000-06-01, state: XEL, effort: 0.1}\n"


def test_what_was_at_the_start_is_known_to_placebos_and_channels(tmp_path: Path) -> None:
    """Their worlds are compiled beside those of the study, and a policy compares with the study's control arm."""
    text = (PAPER / "paper.yaml").read_text(encoding="utf-8")
    player = "{state: XCO, adversaries: [XAR], policies: [{id: arm, when: alarm(XAR) > 0 or change(insecurity) > 0, do: {effort: 0.1}}]}"
    path = tmp_path / "players.yaml"
    path.write_text(f"{text}\nplayers:\n  corvia: {player}\n{CHANGES}", encoding="utf-8")
    scenario = load_scenario(path)
    worlds = compile_worlds(scenario)
    fine = compile_beside(scenario, "without", worlds.reference.grid, worlds.reference, worlds.reference)
    assert fine.policies.at_start == worlds.reference.policies.at_start != ({},)
    summary = bs.run(scenario, runs=10, workers=1).summary()
    assert summary["placebos"]["dates"]["effects"] and summary["channels"]

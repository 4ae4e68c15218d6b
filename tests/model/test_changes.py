"""A world that changes: facts by day, pairing up to the first change, two programs, and what is refused where."""

import json
from datetime import date
from pathlib import Path

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.changes import efforts_on, turning_days, version_on
from balance_sim.model.engine import simulate
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.world import EVIDENCE, compile_world
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.study.spans import in_spans, with_event
from click.testing import CliRunner

PAPER = Path(__file__).parent / "by_hand" / "paper.yaml"
ARM = """
  changed:
    drop: [parade]
    changes:
      - {date: 2000-03-01, agreement: {a: XCO, b: XEL, kind: deep, in_force: 2000-04-01}}
      - {date: 2000-05-01, dyad: [XBE, XCO], war: true, until: 2000-09-01}
      - {date: 2000-06-01, state: XAR, democracy: 0.9, ideal_point: 0.8, effort: 0.2}
      - {date: 2000-07-01, agreement: old-pact, ended: true}
      - {date: 2000-08-01, pact: North, joins: XEL, kind: middle}
      - {date: 2000-10-01, dyad: [XAR, XDO], no_relations: sanctions}
report:"""


def with_arm(folder: Path, arm: str = ARM) -> Path:
    path = folder / "changing.yaml"
    path.write_text(PAPER.read_text(encoding="utf-8").replace("\nreport:", arm, 1), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return load_scenario(with_arm(tmp_path_factory.mktemp("changes")))


@pytest.fixture(scope="module")
def worlds(scenario: Scenario) -> Worlds:
    return compile_worlds(scenario)


def changed(scenario: Scenario) -> Scenario:
    arm = scenario.arms["changed"]
    return scenario.model_copy(update={"changes": arm.changes})


def simulated(worlds: Worlds, arm: str, runs: int = 6):
    numbers = np.arange(runs, dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, 5, numbers)
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    return simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, 5, numbers)


def test_facts_of_a_day(scenario: Scenario) -> None:
    version = changed(scenario)
    days = [date(2000, 5, 1), date(2000, 6, 1), date(2000, 9, 1), date(2000, 10, 1)]
    assert turning_days(version) == days
    wars = [{(r.a, r.b): r.war for r in version_on(version, day).disputes}["XBE", "XCO"] for day in days]
    assert wars == [1.0, 1.0, 0.0, 0.0]
    states = [next(s for s in version_on(version, day).states if s.id == "XAR") for day in days]
    assert [(s.democracy, s.ideal_point) for s in states] == [(0.2, -1.2), (0.9, 0.8), (0.9, 0.8), (0.9, 0.8)]
    assert efforts_on(version, days[0]).sum() == 0.0
    assert efforts_on(version, days[1]).tolist() == [0.2, 0.0, 0.0, 0.0, 0.0]


def test_a_world_without_changes_is_one_version(worlds: Worlds) -> None:
    assert worlds.reference.versions == (worlds.reference,) and worlds.reference.signings is None
    world = worlds.arms["changed"]
    assert [world.grid[step] for step, _ in world.turns] == [121, 152, 244, 274]
    assert world.at(0) is world and world.at(world.steps - 1) is world.turns[-1][1]


def test_war_frightens_both_while_it_lasts(worlds: Worlds, scenario: Scenario) -> None:
    """`eta_war` nats each way, and `eta_no_relations` for the spell. That a third state's ideal point moves is heard in
    the usual distance of both, in war and in peace."""
    world, parameters = worlds.arms["changed"], scenario.parameters
    first, war, moved, peace, _ = world.versions
    i, j = world.codes.index("XBE"), world.codes.index("XCO")
    for before, during in ((first, war), (peace, moved)):
        rise = np.log(during.intent_odds[-1][[i, j], [j, i]] / before.intent_odds[-1][[i, j], [j, i]])
        assert rise == pytest.approx(parameters.eta_war + parameters.eta_no_relations)


def test_nothing_differs_before_the_first_change(worlds: Worlds) -> None:
    """To the last bit: what was opened, signed or has failed before 1 March 2000, day 60."""
    ours, control = simulated(worlds, "changed").agreements, simulated(worlds, "without").agreements

    def early(rows, name: str) -> list[tuple[float, ...]]:
        days = getattr(rows, name)
        use = (days < 60) & (rows.origin < 5)  # one on record that ends in the arm is carried along there
        return sorted(zip(rows.run[use], rows.dyad[use], rows.kind[use], days[use], strict=True))

    for name in ("opened", "signed", "in_force"):
        assert early(ours, name) == early(control, name)
    assert early(ours, "signed")


def test_an_event_is_seen_in_what_the_world_turns_to(worlds: Worlds, scenario: Scenario) -> None:
    """As a world that was compiled with it, in every span; before and after the first change."""
    parade = next(one for one in scenario.events if one.id == "parade")
    grid, edges = worlds.reference.grid, np.arange(worlds.reference.steps + 1)
    turning = in_spans(worlds.arms["changed"], edges)
    having = with_event(turning, changed(scenario), parade)
    with_parade = compile_world(changed(scenario), "changed", grid, worlds.reference.focal_day)
    compiled = in_spans(with_parade, edges)
    assert turning.turns and compiled.turns
    for step in range(turning.steps):
        for name in EVIDENCE:
            seen, expected = (getattr(world.at(step), name)[step] for world in (having, compiled))
            np.testing.assert_allclose(seen, expected, rtol=1e-9)


def test_a_given_agreement_is_signed_in_every_replication(worlds: Worlds) -> None:
    made, world = simulated(worlds, "changed").agreements, worlds.arms["changed"]
    dyad = world.dyad_index[world.codes.index("XCO"), world.codes.index("XEL")]
    given = (made.dyad == dyad) & (made.kind == world.ladder.names.index("deep")) & (made.signed == 60)
    assert given.sum() == 6 and (made.in_force[given] == 91).all()
    middle = world.ladder.names.index("middle")
    joined = [world.dyad_index[world.codes.index("XEL"), world.codes.index(code)] for code in ("XCO", "XDO")]
    assert [((made.dyad == d) & (made.kind == middle) & (made.signed == 213)).sum() for d in joined] == [6, 6]


def test_an_agreement_ends_on_its_day(worlds: Worlds) -> None:
    made, world = simulated(worlds, "changed").agreements, worlds.arms["changed"]
    row = world.initial.ids.index("old-pact")
    assert world.initial.ended[row] == 182
    ended = made.ended[(made.count == row) & (made.origin == 5)]
    assert len(ended) == 6 and ended.max() <= 182


@pytest.mark.parametrize("run", [0, 1])
def test_agents_and_engine_have_the_same_dates(scenario: Scenario, worlds: Worlds, run: int) -> None:
    model = bs.BalanceModel(scenario, arm="changed", seed=5, run=run, worlds=worlds)
    efforts = []
    while model.why_ended is None:
        efforts.append((model.day, float(model.state.effort[0, model.world.codes.index("XAR")])))
        model.step()
    theirs, ours = model.simulated.agreements, simulated(worlds, "changed").agreements
    mine = ours.take(np.flatnonzero(ours.run == run))
    for name in ("dyad", "kind", "stage"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    np.testing.assert_allclose(mine.signed, theirs.signed, rtol=1e-9)
    jump = dict(efforts)[152.0] - max(effort for day, effort in efforts if day < 152)
    assert jump == pytest.approx(0.2, abs=0.02)


def test_expected_and_filtered_effects_of_a_change_agree(tmp_path: Path) -> None:
    """In sign and within a factor of two, where opportunities are rare: the expected estimator holds partners as at the
    start, and half of this world's agreements end within two years."""
    arm = "\n  changed:\n    drop: [parade]\n    changes:\n      - {date: 2000-05-01, dyad: [XBE, XCO], war: true}\nreport:"
    rare = {f"kinds.{name}.ceiling": rate for name, rate in (("shallow", 0.15), ("middle", 0.1), ("deep", 0.1))}
    scenario = with_values(load_scenario(with_arm(tmp_path, arm)), rare)
    expected = bs.effect(scenario, "changed")
    result = bs.run(scenario, runs=400, seed=2, arms=["without", "changed"])
    name = f"accords_all_{expected.window}"
    row = result.effects.set_index("outcome").loc[name]
    found = expected.outcomes[1][name] - expected.outcomes[0][name]
    assert row["lo"] > 0 and 0.5 < found / row["mean"] < 2


def test_a_study_with_changes_is_the_same_in_a_folder(scenario: Scenario, tmp_path: Path) -> None:
    arms = ["without", "changed"]
    first = bs.run(scenario, runs=8, seed=3, arms=arms)
    stored = bs.run(scenario, runs=8, seed=3, arms=arms, out=tmp_path / "kept", workers=2)
    again = bs.run(scenario, runs=12, seed=3, arms=arms, out=tmp_path / "kept", workers=1)
    assert stored.digest == first.digest and again.digest == bs.run(scenario, runs=12, seed=3, arms=arms).digest


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("{date: 2000-05-01, dyad: [XBE, XBE], war: true}", "E306"),
        ("{date: 2000-05-01, dyad: [XBE, XCO], war: true, until: 2000-04-01}", "E215"),
        ("{date: 2000-05-01, agreement: {a: XBE, b: XCO, kind: deep, in_force: 2000-04-01}}", "E215"),
        ("{date: 2000-08-01, pact: North, joins: XCO}", "E306"),
        ("{date: 2000-08-01, pact: South, joins: XEL}", "E107"),
        ("{date: 2000-07-01, agreement: no-such, ended: true}", "E309"),
        ("{date: 2000-07-01, agreement: old-pact}", "E212"),
        ("{date: 2000-07-01, agreement: lapsed, ended: true}", "E212"),
        ("{date: 2000-07-01, war: true}", "E103"),
        ("{date: 2000-07-01, state: XAR}", "E103"),
        ("{date: 2000-07-01}", "E212"),
        ("{date: 2000-07-01, state: XAR, democracy: 0.1, joins: XEL, pact: North}", "E212"),
        ("{date: 1999-07-01, state: XAR, democracy: 0.1}", "E203"),
        (
            "{date: 2000-07-01, state: XAR, democracy: 0.1}\n      - {date: 2000-07-01, state: XAR, democracy: 0.2}",
            "E308",
        ),
        (
            "{date: 2000-05-01, dyad: [XBE, XCO], war: true}\n      - {date: 2000-06-01, dyad: [XCO, XBE], war: true}",
            "E308",
        ),
        ("{date: 2000-08-01, pact: North, joins: North}", "E307"),
        ("{date: 2000-07-01, state: XYZ, democracy: 0.1}", "E301"),
        ("{date: 2000-07-01, state: XAR, democracy: 7}", "E203"),
    ],
)
@pytest.mark.parametrize("of_arm", [True, False])
def test_a_bad_change_is_refused_at_its_line(tmp_path: Path, row: str, code: str, of_arm: bool) -> None:
    arm = f"\n  changed:\n    drop: [parade]\n    changes:\n      - {row}\nreport:"
    path = with_arm(tmp_path, arm if of_arm else f"\nchanges:\n      - {row}\nreport:")
    lines = path.read_text(encoding="utf-8").splitlines()
    with pytest.raises(ScenarioError) as refused:
        load_scenario(path)
    found = refused.value.problems[0]
    assert found.code == code and "date" in lines[found.line - 1]


def test_check_says_what_changes(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["check", str(with_arm(tmp_path)), "--json", "--no-world"])
    (sentences,) = json.loads(done.stdout)["changes"].values()
    assert [sentence.partition(":")[0] for sentence in sentences] == [
        *("2000-03-01", "2000-05-01", "2000-06-01", "2000-07-01", "2000-08-01", "2000-10-01")
    ]
    assert "Belmar and Corvia" in sentences[1] and "2000-09-01" in sentences[1]


WAR = "{date: 2000-05-01, dyad: [XCO, XBE], war: true}"
FORCE = {
    "nobody's": "",
    "one side's": "{id: attack, date: 2000-05-01, kind: force, principals: [XBE], targets: [XCO]}",
    "the other's": "{id: attack, date: 2000-05-01, kind: force, principals: [XCO], targets: [XBE]}",
    "a part of one's": "{id: attack, date: 2000-05-01, kind: force, principals: [XBE], targets: [XCO], visibility: 0.3}",
    "a group's": "{id: attack, date: 2000-05-01, kind: force, principals: [XBE], targets: [North]}",
}


def at_war(folder: Path, act: str = "", changes: str = WAR) -> Worlds:
    arm = f"\n  changed:\n    drop: [parade]\n    add: [{act}]\n    changes: [{changes}]\nreport:"
    return compile_worlds(load_scenario(with_arm(folder, arm)))


def test_a_war_that_starts_is_force_used(tmp_path: Path) -> None:
    """By each side at the other, so that a third state learns of both: `force` times attention, what is left of it in the
    middle of a step, and the share that follows from nearness and pacts. A quarrel with the actor adds its own."""
    worlds = at_war(tmp_path)
    world, control, scenario = worlds.arms["changed"], worlds.reference, worlds.scenario
    p, kind = scenario.parameters, scenario.event_kinds["force"]
    km, depth = control.distance_km, np.zeros((control.n, control.n))
    depth[control.first, control.second] = control.at_start.depth
    depth = np.maximum(depth, depth.T)
    quarrel = {frozenset((row.a, row.b)) for row in scenario.disputes}
    heed = {"XAR": 0.5, "XBE": 0.5, "XCO": 0.9, "XDO": 0.9, "XEL": 0.9}
    for step in range(control.steps):
        begins, ends = control.grid[step : step + 2]
        rise = np.log(world.at(step).intent_odds[step] / control.intent_odds[step])
        left = kind.intent * 2 ** (-((begins + ends) / 2 - 121) / kind.half_life_days) if begins >= 121 else 0.0
        for actor, target in (("XBE", "XCO"), ("XCO", "XBE")):
            j, k = control.codes.index(target), control.codes.index(actor)
            between = p.eta_war + p.eta_no_relations if begins >= 121 else 0.0
            assert rise[j, k] == pytest.approx(between + left * heed[target], abs=1e-9)
            for i, third in enumerate(control.codes):
                if third in (actor, target):
                    continue
                share = p.spread_near / (1 + km[i, j] / 500) + p.spread_ally * (depth[i, j] >= 0.5)
                share = min(share + p.spread_quarrel * (frozenset((third, actor)) in quarrel), 1.0)
                assert rise[i, k] == pytest.approx(left * heed[third] * kind.spreads * share, abs=1e-9)


@pytest.mark.parametrize("whose", [*FORCE])
def test_force_that_is_written_too_is_one_act(tmp_path: Path, whose: str) -> None:
    """A war without an event of force, with one of either side, and with one that few have seen: the same beliefs."""
    alone, written = at_war(tmp_path), at_war(tmp_path, FORCE[whose])
    for step in range(alone.reference.steps):
        for name in EVIDENCE:
            world, other = (worlds.arms["changed"] for worlds in (alone, written))
            sides = [world.codes.index("XBE"), world.codes.index("XCO")]
            mine, theirs = (getattr(one.at(step), name)[step] for one in (world, other))
            if name == "intent_odds":  # of each other alone: the group's other member is attacked as well
                mine, theirs = (odds[np.ix_(sides, sides)] for odds in (mine, theirs))
            np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_who_is_at_war_already_begins_none(tmp_path: Path) -> None:
    """Nobody else learns anything from a war that goes on; from one that begins anew after a peace, once more."""
    path = with_arm(tmp_path, f"\n  changed:\n    drop: [parade]\n    changes: [{WAR}]\nreport:")
    path.write_text(
        path.read_text(encoding="utf-8").replace("\ndisputes:\n", "\ndisputes:\n  - {a: XBE, b: XCO, war: 1}\n")
    )
    worlds = compile_worlds(load_scenario(path))
    outside = [i for i, code in enumerate(worlds.reference.codes) if code not in ("XBE", "XCO")]
    world, control = worlds.arms["changed"], worlds.reference
    last = control.steps - 1
    np.testing.assert_array_equal(world.at(last).intent_odds[last][outside], control.intent_odds[last][outside])
    anew = f"{WAR.replace('true', 'true, until: 2000-06-01')}, {WAR.replace('05-01', '08-01')}"
    once, twice = at_war(tmp_path), at_war(tmp_path, changes=anew)
    third, actor = (once.reference.codes.index(code) for code in ("XDO", "XBE"))
    control_odds = once.reference.intent_odds[-1][third, actor]
    rises = [
        np.log(worlds.arms["changed"].at(last).intent_odds[-1][third, actor] / control_odds) for worlds in (once, twice)
    ]
    assert rises[1] > 1.9 * rises[0] > 0


def test_a_change_leaves_the_quarrels_of_others(tmp_path: Path) -> None:
    """Spells of the record count as at the start, in an arm with a change as in one without: Belmar and Elland break in
    April, Arden and Corvia make up in September, and it is Dorn that arms."""
    worlds = at_war(tmp_path, changes="{date: 2000-10-01, state: XDO, effort: 0.2}")
    world, control = worlds.arms["changed"], worlds.reference
    assert world.turns
    for step in range(control.steps):
        np.testing.assert_array_equal(world.at(step).intent_odds[step], control.intent_odds[step])


def test_players_see_a_war_that_starts_as_force(tmp_path: Path) -> None:
    """An act of each side at the other, known to players as an event is."""
    path = with_arm(tmp_path, f"\n  changed:\n    drop: [parade]\n    changes: [{WAR}]\nreport:")
    policy = (
        "players:\n  arden: {state: XAR, policies: [{id: arm, when: insecurity > 0.99, do: {effort: 0.1}}]}\nreport:"
    )
    path.write_text(path.read_text(encoding="utf-8").replace("\nreport:", f"\n{policy}", 1))
    worlds = compile_worlds(load_scenario(path))
    acts, world = worlds.arms["changed"].dated_acts, worlds.reference
    assert acts is not None
    seen = {(d, world.codes[a], world.codes[t]) for d, a, t in zip(acts.day, acts.actor, acts.target, strict=True)}
    assert {(121.0, "XBE", "XCO"), (121.0, "XCO", "XBE")} <= seen

"""Pacts in files, in studies and beside given accessions."""

import json
from pathlib import Path

import balance_sim as bs
import numpy as np
import pandas as pd
import pytest
from balance_sim.cli import main
from balance_sim.effects.explain.timeline import tell
from balance_sim.model import clocks
from balance_sim.model.accession import join_given, settle_accessions
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import World
from balance_sim.model.engine import Course, begin, proceed, simulate
from balance_sim.model.pipeline import ACCEDED
from balance_sim.model.prospects import MARGINS
from balance_sim.model.state import AgreementRows, Applications, BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.show.diary import diary
from click.testing import CliRunner

PAPER = Path(__file__).parent / "by_hand" / "paper.yaml"
PACT = "pacts:\n  Alliance: {group: North, kind: middle, candidates: [XBE, XEL], rate: 30}\n"
ARM = """
  joined:
    changes:
      - {date: 2000-08-01, pact: Alliance, joins: XEL, kind: middle}
report:"""


def written(folder: Path, pact: str = PACT, arm: str = "\nreport:") -> Path:
    text = PAPER.read_text(encoding="utf-8").replace("audiences:", f"{pact}audiences:", 1)
    path = folder / "pact.yaml"
    path.write_text(text.replace("\nreport:", arm, 1), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return load_scenario(written(tmp_path_factory.mktemp("pact"), arm=ARM))


@pytest.mark.parametrize(
    ("pact", "code", "place"),
    [
        ("{group: Nobody}", "E107", "group"),
        ("{group: North, candidates: [XCO]}", "E306", "candidates"),
        ("{group: North, candidates: [XYZ]}", "E301", "candidates"),
        ("{group: North, candidates: [XBE, XBE]}", "E306", "candidates"),
        ("{group: Alone}", "E212", "group"),
        ("{group: Everyone}", "E212", "group"),
        ("{group: North, kind: no_such}", "E211", "kind"),
        ("{group: North, consent: lot}", "E211", "consent"),
        ("{group: North, rate: -1}", "E203", "rate"),
        ("{candidates: [XBE]}", "E103", "Alliance"),
    ],
)
def test_a_bad_pact_is_refused_at_its_line(tmp_path: Path, pact: str, code: str, place: str) -> None:
    groups = "groups: {North: [XCO, XDO], Alone: [XCO], Everyone: [XAR, XBE, XCO, XDO, XEL]}"
    path = written(tmp_path, f"pacts:\n  Alliance: {pact}\n")
    text = path.read_text(encoding="utf-8").replace("groups: {North: [XCO, XDO]}", groups)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as refused:
        load_scenario(path)
    found = refused.value.problems[0]
    assert found.code == code and place in found.path
    assert "Alliance" in text.splitlines()[found.line - 1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("pact: Alliance, joins: XCO, kind: middle", "E306"),
        ("pact: Alliance, joins: XEL", "E212"),
        ("pact: Aliance, joins: XEL, kind: middle", "E107"),
    ],
)
def test_a_bad_accession_is_refused(tmp_path: Path, change: str, code: str) -> None:
    row = ARM.replace("pact: Alliance, joins: XEL, kind: middle", change)
    with pytest.raises(ScenarioError) as refused:
        load_scenario(written(tmp_path, arm=row))
    assert refused.value.problems[0].code == code


def test_a_scenario_without_pacts_is_what_it_was(tmp_path: Path) -> None:
    """Its digest has no word of them, and a pact that nobody can seek changes no result."""
    bare = load_scenario(PAPER)
    assert bare.pacts == {} and "pacts" not in bare.model_dump()
    idle = load_scenario(written(tmp_path, PACT.replace("rate: 30", "rate: 0")))
    assert idle.sha256 != bare.sha256
    results = [bs.run(one, runs=8, seed=3, workers=1) for one in (bare, idle)]
    tables = [one.by_run.frame(*one.by_run.names) for one in results]
    assert {*tables[1]} - {*tables[0]} == {
        f"{estimate}accessions_{window}" for window in (30, 90, 300) for estimate in ("", "filtered_")
    }
    for name in tables[0]:
        np.testing.assert_array_equal(tables[0][name], tables[1][name])


def test_bounds_hold_for_members_as_after_any_accession() -> None:
    """Candidates of thirty states come to more partners than the margins leave to a state without pacts."""
    scenario = load_scenario("scenarios/ukraine_2022.yaml", set=["pacts.NATO.rate=900"], drawn=False)
    worlds, numbers = compile_worlds(scenario, ["no_invasion", "invasion"]), np.arange(30, dtype=np.uint64)
    assert worlds.reference.pacts is not None
    joinable = dict(zip(worlds.reference.codes, worlds.reference.pacts.joinable, strict=True))
    assert (joinable["FIN"], joinable["USA"], joinable["JPN"]) == (19, 5, 0)
    world = worlds.arms["invasion"]
    opportunities = draw_opportunities(worlds.reference, 1, numbers, worlds.most)
    state = begin(world, worlds.baseline, 1, numbers)
    thin = thinning(world, opportunities, worlds.bounds["invasion"])
    course = Course(world, opportunities, thin, lambda *_: None)
    proceed([course], state, worlds.baseline, 1, range(world.steps))
    assert state.within.all() and (state.partners - worlds.baseline.partners).max() > MARGINS.partners


def test_a_given_accession_ends_an_application_and_makes_a_member(scenario: Scenario) -> None:
    worlds, numbers = compile_worlds(scenario), np.arange(60, dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, 5, numbers)
    world = worlds.arms["joined"]
    thin = thinning(world, opportunities, worlds.bounds["joined"])
    done = simulate(world, worlds.baseline, opportunities, thin, 5, numbers)
    assert done.accessions is not None
    terms, joins, day = done.accessions.applications.terms, world.codes.index("XEL"), 213.0
    of_it = done.accessions.applications.state == joins
    assert done.accessions.members[:, 0, joins].all()
    assert (terms.opened[of_it] < day).all() and of_it.sum() > 5
    stopped = of_it & (terms.ended == day) & ~np.isfinite(terms.signed)
    assert stopped.any() and not (terms.stage[of_it] < 2).any()
    other = world.codes.index("XBE")  # a member by accession is bound to it as well
    bound = world.dyad_index[joins, other]
    earlier = done.accessions.applications.state == other
    inside = terms.run[earlier & (terms.in_force < day) & (terms.ended > day) & (terms.stage == 2)]
    made, middle = done.agreements, world.ladder.names.index("middle")
    held = (made.dyad == bound) & (made.kind == middle) & (made.opened <= day) & (made.ended > day)
    assert len(inside) > 0 and {*inside.tolist()} <= {*made.run[held].tolist()}


def test_an_accession_is_not_thirty_decisions(scenario: Scenario) -> None:
    """Its agreements are in no count of new ones, nor in what states remember of each other."""
    result = bs.run(scenario, runs=40, seed=3, workers=1, arms=["without", "with"])
    frame = result.by_run.frame("accords_all_300", "declarations_all_300")
    made = result.agreements
    joined = made[(made["origin"] == "accession") & made["signed"].notna()]
    new = made[made["origin"].isin(["new", "assumed", "talks"])]
    days = (new["signed"].astype("datetime64[ns]") - np.datetime64("2000-04-11")).dt.days
    counted = new[(days >= 1) & (days <= 300)].groupby(["run", "arm"], observed=True).size()
    table = frame.set_index(["run", "arm"])
    total = table["accords_all_300"] + table["declarations_all_300"]
    assert (total[total > 0] == counted.reindex(total[total > 0].index)).all() and len(joined) > 20


def test_a_study_with_a_pact_goes_on_and_sweeps(scenario: Scenario, tmp_path: Path) -> None:
    first = bs.run(scenario, runs=8, seed=3, out=tmp_path / "kept", workers=2)
    again = bs.run(scenario, runs=12, seed=3, out=tmp_path / "kept", workers=1)
    assert again.digest == bs.run(scenario, runs=12, seed=3).digest and first.digest != again.digest
    name = "filtered_accessions_300"
    seldom = with_values(scenario, {"pacts.Alliance.rate": 1.0})
    assert seldom.sha256 != scenario.sha256
    means = [bs.run(one, runs=20, seed=3, workers=1).by_run.frame(name)[name].mean() for one in (scenario, seldom)]
    assert means[0] > 2 * means[1] > 0


def test_check_names_pacts_and_candidates(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["check", str(written(tmp_path)), "--json", "--no-world"])
    (sentence,) = json.loads(done.stdout)["pacts"]
    assert "Alliance" in sentence and "Belmar" in sentence and "Elland" in sentence


def test_a_replication_tells_each_accession_once(scenario: Scenario) -> None:
    """One sentence an accession, however many agreements it makes, and none for these."""
    result, seen = bs.run(scenario, runs=4, seed=3, arms=["without", "with"], workers=1), 0
    made = result.agreements
    joined = made[(made["origin"] == "accession") & (made["arm"] == "with")]
    for run in range(4):
        timeline = tell(result, run, "with")
        told = [one for one in timeline.entries if one.what == "accession" and one.mark != "reference only"]
        assert {one.origin for one in timeline.entries if one.what != "accession"} <= {"", *result_origins(made)}
        signed = joined[joined["run"] == run]
        bound = sorted(pair for one in told for pair in one.dyads if one.a in pair)
        assert bound == sorted(zip(signed["a"], signed["b"], strict=True))
        words = [text for _, text in diary(timeline, scenario) if "accession to Alliance" in text]
        assert len(words) == len([one for one in timeline.entries if one.what == "accession"])
        seen += len(told)
    assert seen > 3


def result_origins(made: pd.DataFrame) -> set[str]:
    return {*made["origin"].astype(str)} - {"accession"}


def begun_with(scenario: Scenario, rows: list[tuple[str, str, float]]) -> tuple[World, BlockState]:
    """One replication at its start, with signed applications: pact, applicant, day of entry into force."""
    worlds = compile_worlds(scenario)
    world = worlds.arms["joined"]
    state = begin(world, worlds.baseline, 5, np.zeros(1, dtype=np.uint64))
    assert world.pacts is not None and state.accessions is not None
    pact = np.array([world.pacts.names.index(name) for name, _, _ in rows])
    applicant = np.array([world.codes.index(code) for _, code, _ in rows])
    run, count = np.zeros_like(pact), np.arange(len(rows))
    key = clocks.absorb(np.uint64(1), count.astype(np.uint64))
    terms = AgreementRows.begun(ACCEDED, run, run - 1, world.pacts.kind[pact], count, key, np.zeros(len(rows)))
    terms.signed, terms.stage = np.zeros(len(rows)), np.ones(len(rows), dtype=np.int64)
    terms.in_force = np.array([day for _, _, day in rows])
    state.accessions.applications.add_rows(Applications(pact, applicant, terms))
    state.accessions.applying[0, applicant] = True
    return world, state


def test_two_who_enter_at_once_have_one_agreement_between_them(scenario: Scenario) -> None:
    world, state = begun_with(scenario, [("Alliance", "XBE", 3.0), ("Alliance", "XEL", 4.0)])
    state.day = 7.0
    settle_accessions(world, state)
    between = world.dyad_index[world.codes.index("XBE"), world.codes.index("XEL")]
    assert (state.agreements.dyad[state.agreements.origin == ACCEDED] == between).sum() == 1


def test_a_given_accession_leaves_the_application_to_another_pact(tmp_path: Path) -> None:
    """It is a member already by its first application, and seeks the second pact when a change makes it a member."""
    pacts = PACT + "  League: {group: North, kind: shallow, candidates: [XEL], rate: 20}\n"
    scenario = load_scenario(written(tmp_path, pacts, ARM))
    world, state = begun_with(scenario, [("Alliance", "XEL", 3.0), ("League", "XEL", 900.0)])
    assert state.accessions is not None
    joins, applications = world.codes.index("XEL"), state.accessions.applications
    applications.terms.stage[0], state.day = 2, 213.0
    join_given(world, state, 5)
    assert applications.terms.stage.tolist() == [3, 1] and state.accessions.applying[0, joins]
    assert state.accessions.members[0, 0, joins]

"""Accession to pacts: the engine against `plain.py`, and against numbers by hand."""

from pathlib import Path

import balance_sim as bs
import numpy as np
import plain  # as conftest.py found it
import pytest
from balance_sim.model.accession import chances
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.engine import simulate
from balance_sim.model.state import Accessions, AgreementRows
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario, load_scenario, with_values
from test_two_programs import row_of, rows_of

PAPER = Path(__file__).with_name("paper.yaml")
SEED = 5
PACTS = """
groups: {North: [XCO, XDO], Three: [XAR, XCO, XEL]}
pacts:
  Alliance: {group: North, kind: middle, candidates: [XBE, XEL], rate: 30}
  League: {group: Three, kind: shallow, consent: majority, rate: 20}
audiences:"""


def with_pacts(folder: Path, pacts: str = PACTS) -> Scenario:
    text = PAPER.read_text(encoding="utf-8").replace("groups: {North: [XCO, XDO]}\naudiences:", pacts.strip(), 1)
    path = folder / "pacts.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return with_pacts(tmp_path_factory.mktemp("pacts"))


@pytest.fixture(scope="module")
def worlds(scenario: Scenario) -> Worlds:
    return compile_worlds(scenario)


def simulated(worlds: Worlds, arm: str, runs: int) -> tuple[AgreementRows, Accessions]:
    numbers = np.arange(runs, dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, SEED, numbers)
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    done = simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, SEED, numbers)
    assert done.accessions is not None
    return done.agreements, done.accessions


def test_three_members_by_hand() -> None:
    """u of the candidate 1, 2, 3; of the members -2, 0, 1: sigma(2); the veto player at sigma(-2), the median at 1/2."""
    willing = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -2.0]])
    both = np.tile(willing, 2)
    found = chances(both, np.repeat([0, 1], 3), np.array([True, False]))
    wants = 1 / (1 + np.exp(-2.0))
    assert found == pytest.approx(np.array([[wants, 1 / (1 + np.exp(2.0))], [wants, 0.5]]))


def test_of_four_members_half_is_no_majority() -> None:
    willing = np.array([np.zeros(4), [3.0, 2.0, -1.0, -4.0]])
    decisive = chances(willing, np.zeros(4, dtype=int), np.array([False]))[0, 1]
    assert decisive == pytest.approx(1 / (1 + np.exp(1.0)))


def test_one_reluctant_member_stops_unanimity_and_no_majority() -> None:
    for member in (0, 1, 2):
        before = np.zeros((2, 3))
        after = before.copy()
        after[1, member] = -5.0
        whom = np.zeros(3, dtype=int)
        by_rule = [
            chances(willing, whom, np.array([rule]))[0, 1] for rule in (True, False) for willing in (before, after)
        ]
        assert by_rule[1] < 0.01 < by_rule[0] == by_rule[2] == by_rule[3] == 0.5


@pytest.mark.parametrize(("arm", "run"), [("without", 0), ("with", 1)])
def test_two_programs_have_the_same_dates(scenario: Scenario, worlds: Worlds, arm: str, run: int) -> None:
    other = plain.Plain(scenario, arm)
    begun = plain.Plain(scenario, "without").start()
    wanted = {(row_of(one), one.signed): one for one in other.live(SEED, run, begun) if one.origin == "accession"}
    made, accessions = simulated(worlds, arm, 3)
    mine = made.take(np.flatnonzero((made.run == run) & (made.origin == 6)))
    rows = sorted(zip(rows_of(worlds.arms[arm], mine), range(len(mine.run)), strict=True))
    theirs = [one for _, one in sorted(wanted.items(), key=lambda item: item[0])]
    assert [key for key, _ in rows] == [row_of(one) for one in theirs] and len(rows) > 3
    for (_, row), one in zip(rows, theirs, strict=True):
        for name in ("opened", "signed", "in_force", "fails", "ended"):
            assert getattr(mine, name)[row] == pytest.approx(getattr(one, name), rel=1e-7, abs=1e-6), name
    applications = accessions.applications
    of_run = applications.terms.run == run
    stages = {"talks": 0, "signed": 1, "in_force": 2, "over": 3}
    found = sorted(zip(applications.terms.opened[of_run], applications.terms.stage[of_run], strict=True))
    expected = sorted((one.opened, stages[one.stage]) for one in other.applications)
    assert [stage for _, stage in found] == [stage for _, stage in expected]
    assert [day for day, _ in found] == pytest.approx([day for day, _ in expected])
    names = worlds.reference.pacts.names
    members = {name: {worlds.reference.codes[i] for i in np.flatnonzero(accessions.members[run, k])}
               for k, name in enumerate(names)}  # fmt: skip
    assert members == other.members


@pytest.mark.parametrize("run", [0, 1])
def test_agents_answer_as_the_engine_does(scenario: Scenario, worlds: Worlds, run: int) -> None:
    model = bs.BalanceModel(scenario, arm="with", seed=SEED, run=run, worlds=worlds).run_until_end()
    made, accessions = simulated(worlds, "with", 2)
    mine, theirs = made.take(np.flatnonzero(made.run == run)), model.simulated
    for name in ("dyad", "kind", "origin", "stage", "opened", "signed", "in_force", "ended"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs.agreements, name), err_msg=name)
    assert theirs.accessions is not None
    of_run = accessions.candidacies.run == run
    np.testing.assert_array_equal(accessions.candidacies.chance[of_run], theirs.accessions.candidacies.chance)


def test_a_pact_changes_nothing_before_the_first_accession(scenario: Scenario, worlds: Worlds) -> None:
    without = compile_worlds(scenario.model_copy(update={"pacts": {}}))
    numbers = np.arange(20, dtype=np.uint64)
    opportunities = draw_opportunities(without.reference, SEED, numbers)
    thin = thinning(without.reference, opportunities, None)
    bare = simulate(without.reference, without.baseline, opportunities, thin, SEED, numbers)
    made, accessions = simulated(worlds, "without", 20)
    terms = accessions.applications.terms
    parted = 0
    for run in range(20):
        signed = terms.signed[terms.run == run].min(initial=np.inf)
        early = [
            sorted(rows.opened[(rows.run == run) & (rows.origin == 0) & (rows.opened < signed)])
            for rows in (bare.agreements, made)
        ]
        assert early[0] == early[1]
        parted += signed < worlds.reference.grid[-1]
    assert parted > 5


def test_an_accession_is_one_day_for_all_its_agreements(worlds: Worlds) -> None:
    made, accessions = simulated(worlds, "with", 30)
    terms = accessions.applications.terms
    seen = 0
    for row in np.flatnonzero(terms.signed < worlds.reference.grid[-1]):
        of_it = np.flatnonzero((made.key == terms.key[row]) & (made.origin == 6) & (made.signed == terms.signed[row]))
        assert len({*made.in_force[of_it]}) <= 1
        seen += len(of_it) > 1
        applicant = accessions.applications.state[row]
        sides = np.stack([worlds.reference.first[made.dyad[of_it]], worlds.reference.second[made.dyad[of_it]]])
        assert (sides == applicant).any(axis=0).all()
    assert seen > 3


def test_filtered_accessions_have_the_mean_of_those_counted(scenario: Scenario) -> None:
    """The mean of their difference within four of its standard errors, in either arm and window; of less variance."""
    result = bs.run(scenario, runs=1000, seed=7, workers=1)
    for window in (90, 300):
        name = f"accessions_{window}"
        frame = result.by_run.frame(name, f"filtered_{name}")
        frame["gap"] = frame[name] - frame[f"filtered_{name}"]
        means, errors = frame.groupby("arm")["gap"].agg(["mean", "sem"]).to_numpy().T
        assert (np.abs(means) < 4 * errors).all() and (errors > 0).all()
        spread = frame.groupby("arm")[[name, f"filtered_{name}"]].std()
        assert (spread[f"filtered_{name}"] < spread[name]).all()


def test_expected_accessions_where_they_are_rare(scenario: Scenario) -> None:
    """Within a tenth of the filtered estimate in either arm: what accessions and agreements change is left out."""
    rare = with_values(scenario, {"pacts.Alliance.rate": 0.3, "pacts.League.rate": 0.3})
    name = "accessions_300"
    expected = [found[name] for found in bs.effect(rare, "with").outcomes]
    filtered = bs.run(rare, runs=150, seed=2, workers=1).by_run.frame(f"filtered_{name}").groupby("arm")
    means = filtered[f"filtered_{name}"].mean()
    assert expected == pytest.approx([means["without"], means["with"]], rel=0.1)

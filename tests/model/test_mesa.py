"""`BalanceModel` as Mesa's users write it: seeds, `batch_run`, the data collector. Runs on Mesa 3.5 and, in `.ci/mesa`,
on Mesa 4, which has no `batch_run`."""

import multiprocessing

import balance_sim as bs
import mesa
import numpy as np
import pytest
from balance_sim.model.baseline import compile_worlds, worth_naming
from balance_sim.model.core import NEW
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.blocks import simulate_arms
from balance_sim.study.recorder import focal_recorder

SMOKE = "experiments/smoke/what_if.yaml"
SETTINGS = {"base_rate": 10.0, "end": "2025-12-08"}
"""Many agreements, in a world that ends with the longest window, 300 days after the event."""
COUNTS = ("agreements_counter", "agreements_with_participant", "agreements_other")
WITH_BATCH_RUN = pytest.mark.skipif(not hasattr(mesa, "batch_run"), reason="Mesa 4 has no batch_run")
pytestmark = pytest.mark.filterwarnings("ignore:The `iterations` keyword:DeprecationWarning")


@pytest.fixture(scope="module")
def worlds():
    return compile_worlds(bs.with_values(SMOKE, SETTINGS))


@pytest.fixture(autouse=True)
def start_method():
    """As it was: `mesa.batch_run` changes how the whole process starts others."""
    before = multiprocessing.get_start_method(allow_none=True)
    yield
    multiprocessing.set_start_method(before, force=True)


def model_of(worlds, arm="summit", **options):
    return bs.BalanceModel(worlds.scenario, arm, worlds=worlds, **options)


def batch(parameters, **options):
    """Rows of a batch, one for each model: those of its first agent at its end."""
    rows = mesa.batch_run(bs.BalanceModel, {"scenario": SMOKE} | parameters, display_progress=False, **options)
    return [row for row in rows if row["AgentID"] == 1]


@WITH_BATCH_RUN
def test_a_batch_runs_as_mesa_runs_any_model():
    once, twice = batch(parameters={}), batch(parameters={}, iterations=2)
    assert len(once) == 1 and len(twice) == 2
    drawn = {row["seed"] for row in (*once, *twice)}
    assert len(drawn) == 3, "without a seed each replication draws its own"
    rows = batch({"arm": ["no_summit", "summit"], "run": [0, 1]}, rng=[5, 6])
    assert [row["seed"] for row in rows] == [5] * 4 + [6] * 4
    assert {(row["arm"], row["run"], row["seed"]) for row in rows} == {
        (arm, run, seed) for arm in ("no_summit", "summit") for run in (0, 1) for seed in (5, 6)
    }


@WITH_BATCH_RUN
def test_a_drawn_seed_gives_its_replication_again():
    (row,) = batch({"base_rate": 10.0})
    again = bs.BalanceModel(SMOKE, seed=row["seed"], base_rate=10.0).run_until_end()
    assert again.agreements_signed == row["agreements_signed"] and again.polarisation == row["polarisation"]


@WITH_BATCH_RUN
def test_keys_of_the_scenario_are_parameters():
    rows = batch({"parameters.beta": [0.0, 0.4], "base_rate": 10.0}, rng=1)
    assert [row["parameters.beta"] for row in rows] == [0.0, 0.4]
    for row in rows:
        changed = bs.with_values(SMOKE, {"parameters.beta": row["parameters.beta"], "base_rate": 10.0})
        assert bs.BalanceModel(changed).run_until_end().polarisation == row["polarisation"]
    assert rows[0]["polarisation"] != rows[1]["polarisation"]


def test_a_wrong_key_is_refused_and_so_is_one_that_would_do_nothing(worlds):
    with pytest.raises(bs.ScenarioError) as refused:
        bs.BalanceModel(SMOKE, **{"parameters.bta": 0.1})
    assert "parameters.beta" in str(refused.value)
    with pytest.raises(WrongRequest, match=r"parameters\.beta"):
        model_of(worlds, **{"parameters.beta": 0.1})
    with pytest.raises(WrongRequest, match="batch_run"):
        bs.BalanceModel(next(iter(worlds.scenario)))


def test_rng_is_mesas_name_of_the_seed(worlds):
    """A whole number is the seed itself; of all else that NumPy takes a seed is drawn, the same from the same."""
    assert model_of(worlds).key == model_of(worlds, seed=1).key == model_of(worlds, rng=1).key == 1
    assert model_of(worlds, rng=5).key == model_of(worlds, seed=np.int64(5)).key == 5
    ended = [model_of(worlds, **five).run_until_end().agreements for five in ({"rng": 5}, {"seed": 5})]
    assert ended[0].equals(ended[1]) and not ended[0].equals(model_of(worlds).run_until_end().agreements)
    for given in (np.random.SeedSequence, np.random.default_rng, np.random.PCG64, lambda number: [number, 2]):
        same = model_of(worlds, rng=given(3)).key
        assert same == model_of(worlds, seed=given(3)).key != model_of(worlds, rng=given(4)).key
    assert model_of(worlds, rng=None).key != model_of(worlds, rng=None).key != model_of(worlds, seed=None).key
    for wrong in ({"rng": 5, "seed": 6}, {"rng": -1}, {"rng": 2**64}, {"seed": 1.5}, {"rng": "five"}, {"rng": [-1]}):
        with pytest.raises(WrongRequest, match=r"seed|rng"):
            model_of(worlds, **wrong)


@pytest.mark.parametrize("run", range(4))
def test_the_collector_counts_what_the_engine_counts(worlds, run):
    """At the end of the longest window, on which this world ends."""
    numbers = np.array([run], dtype=np.uint64)
    arms = ("no_summit", "summit")
    block = simulate_arms(worlds, 1, numbers, arms, focal_recorder(worlds))
    (wanted,) = block.rows(worlds, "summit", "no_summit").to_pylist()
    frame = model_of(worlds, run=run).run_until_end().datacollector.get_model_vars_dataframe()
    last = frame.iloc[-1]
    for direction in ("counter", "with_participant", "other"):
        assert last[f"agreements_{direction}"] == wanted[f"accords_{direction}_300"]
    assert last["polarisation"] == pytest.approx(wanted["polarisation_300"], abs=1e-11)
    assert frame["agreements_signed"].iloc[-1] > 0


def test_a_row_is_the_world_on_its_day(worlds):
    """The first is of the start, where nothing is signed and insecurity is the baseline's."""
    model = model_of(worlds, run=1)
    agents = list(model.agents)
    baseline = worlds.baseline.insecurity
    assert [agent.insecurity for agent in agents] == pytest.approx(baseline.tolist())
    model.run_until_end()
    frame = model.datacollector.get_model_vars_dataframe()
    assert frame["day"].tolist() == worlds.reference.grid.tolist()
    assert (frame[[*COUNTS, "agreements_signed"]].iloc[0] == 0).all()
    made = model.agreements
    for row in frame.to_dict("records"):
        signed = made[(made["signed"] >= 0) & (made["signed"] < row["day"])]
        assert row["agreements_signed"] == len(signed)
        security = np.array([worlds.scenario.kinds[kind].security for kind in signed["kind"]], dtype=bool)
        new = signed["origin"].isin(NEW) & (signed["signed"] >= worlds.reference.focal_day + 1)
        assert sum(row[name] for name in COUNTS) == (new & security).sum()
    by_agent = model.datacollector.get_agent_vars_dataframe()
    assert len(by_agent) == len(frame) * worlds.reference.n
    first = by_agent.xs(0, level="time" if "time" in by_agent.index.names else "Step")
    assert first["insecurity"].tolist() == pytest.approx(baseline.tolist())
    assert set(first["stance"]) == {"abstain"} and (first["effort"] == 0).all()


def stance_in_words(model, code, acted):
    """Walt, Schweller, Christensen and Snyder, Kuik, as `responses.stances` has them. acted: who signed what."""
    agent = next(agent for agent in model.agents if agent.code == code)
    participants = [place for place in model.participants if place != agent.index]
    against = code in acted["counter"] or agent.effort > 0.005
    tied = code in acted["with"] or model.state.depth[0, agent.index, participants].max() >= 0.2
    if against:
        return "hedge" if tied else "balance"
    if code in acted["with"]:
        return "bandwagon"
    is_passing = worlds_threaten(model, agent.index) and bool(acted["counter"] - {code})
    return "buck_pass" if is_passing else "abstain"


def worlds_threaten(model, place):
    return bool(model.worlds.baseline.threatened[place])


def test_agents_say_where_they_stand(worlds):
    """Stance, alignment with the participants and most feared state of each agent, from what can be seen of them."""
    found = set()
    for run in range(12):
        model = model_of(worlds, run=run).run_until_end()
        made, codes = model.agreements, model.world.codes
        security = np.array([worlds.scenario.kinds[kind].security for kind in made["kind"]], dtype=bool)
        after = made["signed"] >= worlds.reference.focal_day + 1
        new = made[made["origin"].isin(NEW) & after & (made["signed"] < model.day) & security]
        acted = {"counter": set(), "with": set()}
        for a, b in zip(new["a"], new["b"], strict=True):
            others = {a, b} - {"XAR", "XBE"}
            feared = all(worlds_threaten(model, codes.index(code)) for code in others)
            if len(others) < 2:
                acted["with"] |= {a, b}
            elif feared:
                acted["counter"] |= {a, b}
        for agent in model.agents:
            assert agent.stance == stance_in_words(model, agent.code, acted)
            found.add(agent.stance)
            participants = [place for place in model.participants if place != agent.index]
            own = model.view.own[0, agent.index]
            assert agent.alignment.tolist() == own.tolist()
            assert agent.alignment_with_participants == pytest.approx(sum(own[participants]) / len(participants))
            fear = model.fear[agent.index]
            is_named = fear.max() > worth_naming(model.world.rules.tau)
            assert agent.most_feared == (codes[int(fear.argmax())] if is_named else None)
    assert len(found) >= 3


def test_each_agent_looks_once_a_step(worlds):
    class Watched(bs.StateAgent):
        def perceive(self):
            super().perceive()
            self.looks = getattr(self, "looks", 0) + 1

    model = model_of(worlds, agent_class=Watched)
    for step in range(1, worlds.reference.steps):
        model.step()
        assert {agent.looks for agent in model.agents} == {step + 1}
    model.step()
    assert {agent.looks for agent in model.agents} == {worlds.reference.steps}
    before = model.day
    model.step()
    assert model.day == before and not model.running

"""What an outcome is, count, share or on a scale, is declared with it, and its interval has room accordingly."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.classes import Classes
from balance_sim.scenario import load_scenario
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.estimates import estimates_of
from balance_sim.study.outcomes import FILTERED, MEASURES, OutcomeType, known_outcome, least_jump
from balance_sim.study.recorder import share_steps
from balance_sim.study.tables import runs_table

SCENARIOS = Path(__file__).parents[2] / "scenarios"
STEPS = {"coalition": 0.25, "camps_frustration": 0.1}


@pytest.mark.parametrize("name", ["solomon_2022", "tripartite_1940"])
def test_every_outcome_of_a_run_is_declared_and_counts_are_whole(name: str) -> None:
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    runs = simulate_block(compile_worlds(scenario, tuple(scenario.arms)), 1, Block(0, 12), tuple(scenario.arms)).runs
    names = [one for one in runs.column_names if one not in ("run", "arm") and not one.startswith(FILTERED)]
    assert any(one.startswith("camps_moved_") for one in names)
    for one in (one for one in runs.column_names if one not in ("run", "arm")):
        found = known_outcome(one)
        assert found.name == one.removeprefix(FILTERED) and found.declared.unit and found.sentence.endswith("."), one
        assert (found.window is None) == (one == "first_counter_days")
    for one in names:
        values = runs[one].to_numpy()
        if known_outcome(one).declared.type is OutcomeType.COUNT:
            assert (values == np.floor(values)).all(), one
            assert (values >= 0).all(), one
    # A share is no count: some run's is no whole number.
    shares = np.concatenate(
        [runs[one].to_numpy() for one in names if known_outcome(one).declared.type is OutcomeType.SHARE]
    )
    assert (shares != np.floor(shares)).any()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("filtered_accords_counter_365", ("accords", "counter", None, None, 365)),
        ("states_buck_pass_us_allies_365", ("states", None, None, "us_allies", 365)),
        ("drawn_in_war_europe_host_90", ("drawn_in_war", None, None, "europe", 90)),
        ("first_counter_days", ("first_counter_days", None, None, None, None)),
    ],
)
def test_a_name_is_read_back_as_the_outcome_that_made_it(name: str, parts: tuple[object, ...]) -> None:
    one = known_outcome(name)
    assert (one.measure, one.direction, one.kind, one.group, one.window) == parts
    assert one.name == name.removeprefix(FILTERED)


def test_an_outcome_that_nobody_declared_is_refused() -> None:
    assert known_outcome("novel_365") is None
    with pytest.raises(LookupError, match="`novel_365` is not declared"):
        runs_table(np.arange(2, dtype=np.uint64), "a", {"novel_365": np.zeros(2)}, {})


def test_each_type_has_its_least_jump() -> None:
    assert least_jump("camps_moved_365", STEPS) == least_jump("room_host_90", STEPS) == 1.0
    assert least_jump("coalition_300", STEPS) == 0.25
    assert least_jump("camps_frustration_365", STEPS) == 0.1
    assert least_jump("room_rate_host_90", STEPS) == least_jump("camps_energy_365", STEPS) == 0.0
    assert set(share_steps(load_scenario(SCENARIOS / "solomon_2022.yaml"))) == {
        name for name, of in MEASURES.items() if of.type is OutcomeType.SHARE
    }


@pytest.mark.parametrize(
    ("outcome", "jump"), [("camps_moved_90", 1.0), ("coalition_90", 0.25), ("accords_all_90", 1.0)]
)
def test_nothing_seen_in_ten_runs_is_no_interval_of_no_length(outcome: str, jump: float) -> None:
    """Wilson's bound for none of ten, times one state or one agreement's share; it was [0, 0] for the first two."""
    values = pa.array([0.0] * 20)
    moved = pa.array([0.0] * 10 + [1e-9] * 10)  # the arms are not the same in everything
    arms, runs = pa.array(["ref"] * 10 + ["event"] * 10), pa.array([*range(10)] * 2)
    table = pa.table({"run": runs, "arm": arms, outcome: values, "camps_energy_90": moved})
    found = estimates_of([table], ["ref", "event"], steps=STEPS)
    row = found.effects_frame().set_index("outcome").loc[outcome]
    assert row["hi"] == pytest.approx(jump * 1.959964**2 / 10, rel=1e-6)
    assert row["lo"] == -row["hi"]


def four_states() -> Scenario:
    """D takes part, A and B are threatened, C is wary."""
    whole = load_scenario(SCENARIOS / "solomon_2022.yaml")
    states = [
        one.model_copy(update={"id": code, "capability": weight})
        for one, code, weight in zip(whole.states, "ABCD", (0.3, 0.2, 0.1, 0.4), strict=False)
    ]
    table = Classes(participants=("D",), threatened=("A", "B"), others=(), wary=("C",))
    return whole.model_copy(update={"states": tuple(states)}).counted_as(table)


def test_an_agreements_share_of_the_coalition_by_hand() -> None:
    """The participant weighs 0.4, so those who can sign against it, of 0.3, 0.2 and 0.1, are 0.75, 0.5 and 0.25 of it.
    Two are threatened, the third is wary: the dyads are 1.25, 1.0 and 0.75."""
    steps = share_steps(four_states())
    assert steps["coalition"] == pytest.approx(np.sqrt((1.25**2 + 1.0**2 + 0.75**2) / 3))
    assert steps["camps_frustration"] == pytest.approx(1 / 6)

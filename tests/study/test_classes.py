"""The yardstick is fixed: classes of dyads and roles come from the scenario as written, whatever is changed later."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from balance_sim.archive.verify import verify
from balance_sim.effects.compare import compare
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.effects.run import run
from balance_sim.model.baseline import classes_of, compile_worlds, with_classes
from balance_sim.model.classes import Classes
from balance_sim.scenario import Scenario, ScenarioError, arm_scenario, load_scenario, with_values
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.scenario.experiment import load_experiment
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task
from balance_sim.study.manifest import read_manifest, write_manifest
from balance_sim.study.scene import focal_roles
from balance_sim.study.sweep import sweep

BEIJING = "scenarios/beijing_2025.yaml"
INDIA_TOO = "events.parade.principals=[CHN,RUS,PRK,IND]"
OTHERS = {"events.summit.principals": ("XAR", "XCO")}


# --- the table -----------------------------------------------------------------------------------------------------


def test_the_table_by_hand() -> None:
    """A participant on either side; else both sides fear them, one of them threatened; else neither."""
    table = Classes(participants=("AAA",), threatened=("BBB", "CCC"), wary=("DDD",), others=("EEE",))
    with_a = {("AAA", code): "with_participant" for code in ("BBB", "CCC", "DDD", "EEE")}
    with_b = {("BBB", "CCC"): "counter", ("BBB", "DDD"): "counter", ("BBB", "EEE"): "other"}
    rest = {("CCC", "DDD"): "counter", ("CCC", "EEE"): "other", ("DDD", "EEE"): "other"}
    for (a, b), direction in (with_a | with_b | rest).items():
        assert table.direction(a, b) == table.direction(b, a) == direction
    assert table.direction("AAA", "ZZZ") is None
    calmer = replace(table, threatened=("BBB",), others=("CCC", "EEE"))
    assert table.unlike(calmer) == [(("BBB", "CCC"), "counter", "other"), (("CCC", "DDD"), "counter", "other")]
    assert Classes.read(json.loads(json.dumps(table.as_dict()))) == table


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["threatened"].pop(),
        lambda said: said["others"].append(said["threatened"][0]),
        lambda said: said.pop("host"),
        lambda said: said.update(host="CHN\x1b[2J"),
        lambda said: said.update(groups=[]),
        lambda said: said.update(wars=[["CHN"]]),
    ],
)
def test_a_table_that_is_none_is_refused(small: Scenario, change) -> None:
    said = classes_of(small).as_dict()
    assert Classes.read(said) == classes_of(small)
    change(said)
    with pytest.raises(ValueError, match=r"not the table|valid dictionary|match pattern|required"):
        Classes.read(said)


# --- what carries it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [INDIA_TOO, "parameters.beta=0.9", "events.parade.date=2025-09-10"])
def test_no_setting_moves_a_class(beijing: Scenario, setting: str) -> None:
    changed = load_scenario(BEIJING, set=[setting])
    assert changed.sha256 != beijing.sha256
    assert classes_of(changed) == classes_of(beijing)
    assert classes_of(changed.counted_as(None)) != classes_of(beijing) or "date" in setting


def test_the_share_from_which_a_threat_counts_is_a_part_of_the_measure(small: Scenario) -> None:
    """Another share counts the scenario as written from there on, with whatever else is changed; it moves no level
    of all agreements, and what a study carries it keeps."""
    alone, nobody = (with_values(small, {"parameters.tau": tau}) for tau in (1e-6, 1.0))
    assert classes_of(nobody).threatened == () != classes_of(small).threatened
    assert {*classes_of(small).threatened} <= {*classes_of(alone).threatened}
    for one in (with_values(nobody, OTHERS), with_values(with_values(small, OTHERS), {"parameters.tau": 1.0})):
        assert classes_of(one) == classes_of(nobody)
    own = small.model_copy(update={"parameters": nobody.parameters}).counted_as(None)
    assert classes_of(own) == classes_of(nobody)
    as_small, counted_anew = (expected_effect(one).outcomes[0] for one in (small, nobody))
    assert counted_anew["accords_all_300"] == as_small["accords_all_300"]
    assert counted_anew["accords_counter_300"] == 0.0 < as_small["accords_counter_300"]
    carried = with_values(with_classes(small), {"parameters.tau": 1.0})
    assert classes_of(carried) == classes_of(small)


def test_no_arm_and_no_factor_has_a_share_of_its_own(small: Scenario, lab) -> None:
    """All arms and points are measured alike, so it is refused there, by its name."""
    with pytest.raises(ScenarioError, match=r"arms\.summit\.set\.parameters\.tau.*which dyads count"):
        with_values(small, {"arms.summit.set": {"parameters.tau": 0.5}})
    lab.edit("  parameters.beta: [0.2, 0.4]\n", "  parameters.tau: [0.05, 0.9]\n")
    with pytest.raises(ScenarioError, match=r"E401.*parameters\.tau"):
        load_experiment(lab.path)


def test_copies_pickles_values_and_arms_keep_it(small: Scenario) -> None:
    table = classes_of(small)
    changed = with_values(small, OTHERS)
    twice = with_values(changed, {"parameters.beta": 0.9})
    by_hand = changed.model_copy(update={"title": "another"})
    for one in (changed, twice, by_hand, pickle.loads(pickle.dumps(twice)), arm_scenario(twice, "summit")):
        assert classes_of(one) == table
        assert classes_of(one.counted_as(None)) != table


def test_states_that_a_change_brings_in_are_refused(lab) -> None:
    """No value can bring one in; Python code can, and there is no class for its dyads: told, and not guessed."""
    scenario = lab.scenario
    with pytest.raises(ScenarioError, match="E101"):
        with_values(scenario, {"states.XEL.id": "XFO"})
    states = (*scenario.states, scenario.states[0].model_copy(update={"id": "XFO"}))
    everyone = scenario.audiences["rest"].model_copy(update={"members": tuple(state.id for state in states)})
    by_hand = scenario.model_copy(update={"states": states, "audiences": {"rest": everyone}})
    for study in (lambda: compile_worlds(by_hand, ["no_summit"]), lambda: run(by_hand, 2, 1)):
        with pytest.raises(ValueError, match="no dyad of XFO has a class"):
            study()
    assert "XFO" in classes_of(by_hand.counted_as(None)).list_of
    fewer = scenario.model_copy(update={"states": scenario.states[:-1]})
    assert run(fewer, 2, 1).runs == 2  # every dyad left has its class


def test_roles_stay_with_the_host_as_written(small: Scenario) -> None:
    """Host, partners and groups of the cast are those as written; the day is that of the changed event."""
    moved = with_values(small, OTHERS | {"events.summit.host": "XCO", "events.summit.date": "2025-03-01"})
    own, was = (focal_roles(compile_worlds(one, ["no_summit", "summit"])) for one in (moved, small))
    assert own.day == was.day + 19
    for name in ("participants", "host", "junior", "third", "wars", "war_parties"):
        assert getattr(own, name) == getattr(was, name)
    assert (own.direction == was.direction).all()
    assert (own.threatened == was.threatened).all()
    unfixed = focal_roles(compile_worlds(moved.counted_as(None), ["no_summit", "summit"]))
    assert unfixed.host != was.host


# --- studies ---------------------------------------------------------------------------------------------------------


def test_the_arm_without_the_event_does_not_change(small: Scenario, tmp_path: Path) -> None:
    """Who takes part in an event that the reference arm drops changes no outcome there, in no run."""
    changed = with_values(small, OTHERS)
    folders = tmp_path / "plain", tmp_path / "others"
    plain, others = (
        run(one, 24, 1, out=folder).outcomes for one, folder in zip((small, changed), folders, strict=True)
    )
    left, right = (frame.query("arm == 'no_summit'").reset_index(drop=True) for frame in (plain, others))
    assert list(left.columns) == list(right.columns)
    assert left.equals(right)
    found = compare(f"{folders[0]}:no_summit", f"{folders[1]}:no_summit").outcomes
    assert (found["difference"].fillna(0.0) == 0.0).all()
    assert not plain.query("arm == 'summit'").equals(others.query("arm == 'summit'"))
    unfixed = run(changed.counted_as(None), 24, 1, arms=["no_summit"]).outcomes
    assert not unfixed["accords_counter_300"].equals(left["accords_counter_300"])


def control_rows(scenario: Scenario, arms: tuple[str, ...], **values: object) -> pd.DataFrame:
    """Outcomes of the control arm, simulated among these arms."""
    task = Task(Block(0, 6), values=tuple((name.replace("__", "."), of) for name, of in values.items()))
    runs = Job(with_classes(scenario), 1, arms).live(task).runs.to_pandas()
    return runs[runs["arm"] == "no_parade"].drop(columns="arm").reset_index(drop=True)


def test_the_control_arm_among_others_sees_nothing_of_what_it_drops(beijing: Scenario) -> None:
    """To the last digit, however visible the event is; and alone it is what it is among others."""
    both = ("no_parade", "parade")
    among = control_rows(beijing, both)
    assert control_rows(beijing, both, events__parade__visibility=0.25).equals(among)
    assert not control_rows(beijing, both, states__USA__reliability=0.5).equals(among)
    alone = control_rows(beijing, both[:1])
    assert alone.equals(among[alone.columns])


def test_a_sweep_over_participants_has_one_table(lab) -> None:
    lab.edit("  events.summit.visibility: [0, 0.5, 1]\n", "  events.summit.principals: [[XAR, XBE], [XAR, XCO]]\n")
    lab.edit("  parameters.beta: [0.2, 0.4]\n", "")
    lab.edit("runs: 24", "runs: 6")
    result = sweep(load_experiment(lab.path), out=lab.folder / "out")
    assert result is not None
    tables = {classes_of(result.point(n).scenario).sha256 for n in result.table.numbers()}
    assert tables == {classes_of(lab.scenario).sha256} == {result.manifest.classes["sha256"]}
    for number in result.table.numbers():
        agreements = result.point(number).agreements
        wrong = [
            row for row in zip(agreements["a"], agreements["b"], agreements["direction"], strict=True)
            if classes_of(lab.scenario).direction(row[0], row[1]) != row[2]
        ]  # fmt: skip
        assert len(agreements) and not wrong
    assert not verify(result.folder).damage
    wide = result.levels.query("arm == 'no_summit'").pivot(index="point", columns="outcome", values="mean")
    assert (wide.nunique(dropna=False) == 1).all()


# --- results folders -------------------------------------------------------------------------------------------------


def test_a_changed_table_is_found(small: Scenario, tmp_path: Path) -> None:
    """Nobody threatened any more: its own sha256 tells it; with that made anew, the agreements do."""
    out = tmp_path / "out"
    run(small, 8, 1, out=out)
    read = read_manifest(out)
    assert read is not None
    manifest = read.model_dump()
    table = manifest["classes"]
    table["others"], table["threatened"] = sorted(table["others"] + table["threatened"]), []
    write_manifest(out, manifest)
    with pytest.raises(StoreDamaged, match="`classes`"):
        read_manifest(out)
    forged = replace(classes_of(small), threatened=tuple(table["threatened"]), others=tuple(table["others"]))
    write_manifest(out, manifest | {"classes": forged.as_dict()})
    assert verify(out).damage

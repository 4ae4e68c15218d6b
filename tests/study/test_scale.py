"""The scale of a world: what standard acts would do in it, and what states on record did."""

import json
from pathlib import Path

import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.effects.scale import ACTS, ELASTICITY, LARGEST, OFF, Scale, StandardAct, _World, scale
from balance_sim.model.engine import perceive
from balance_sim.model.exercises import mutual_alarm
from balance_sim.scenario import Scenario, load_scenario, new_scenario, with_values
from balance_sim.study.spans import course, with_event
from click.testing import CliRunner

LIKE_ORDER = 5.0
"""Answers to the same act are of like order where neither is more than so many times the other."""
RISING = (("statement", "joint_summit", "exercise", "treaty", LARGEST), ("display", "force", "war", LARGEST))


def only_alarm(scenario: Scenario, elasticity: float) -> Scenario:
    """Consent at an opportunity is e^-8 on each side, times what alarm makes of it."""
    values: dict[str, object] = {f"theory.weights.{name}": 0.0 for name in scenario.theory.weights}
    values |= {"theory.weights.alarm": 1.0, "base_rate": None}  # a world of its own
    for kind in scenario.kinds:
        values |= {f"kinds.{kind}.intercept": -8.0, f"kinds.{kind}.reaction": elasticity}
    return with_values(scenario, values)


def by_name(found: Scale) -> dict[str, StandardAct]:
    return {act.act: act for act in found.acts}


def test_states_that_react_as_on_record_answer_as_on_record(starter: Scenario) -> None:
    """Consent that is rare is e^u, so that alarm alone multiplies it by e^(kappa alarm), as it does on record."""
    found = scale(only_alarm(starter, ELASTICITY[0]))
    assert [act.act for act in found.acts] == [*ACTS]
    for act in found.acts:
        assert act.effect == pytest.approx(act.record[0], rel=2e-2), act.act
        assert act.record[1] < act.record[0] < act.record[2]
    assert not found.off_record


def test_without_weights_nothing_is_answered(starter: Scenario) -> None:
    found = scale(only_alarm(starter, 0.0))
    assert [act.effect for act in found.acts] == pytest.approx([0.0] * len(ACTS), abs=1e-12)
    assert all(act.alarm > 0 and act.record[0] > 0 for act in found.acts)
    assert {"force", "war", LARGEST} <= {act.act for act in found.off_record}


def test_graver_acts_alarm_and_move_more(starter: Scenario) -> None:
    """What is seen of an act rises along the ladder of signals and from a display to war; nothing exceeds the largest."""
    acts = by_name(scale(only_alarm(starter, ELASTICITY[0])))
    for names in RISING:
        for measure in ("alarm", "effect"):
            sizes = [getattr(acts[name], measure) for name in names]
            assert sizes == sorted(sizes) and sizes[0] > 0, (measure, sizes)


def test_who_acts_against_whom(starter: Scenario) -> None:
    """The participants against the targets; where it is aimed at nobody, against those that fear them; where no
    participant is simulated, the state that is feared most acts."""
    found = scale(starter)
    assert (found.by, found.against, found.direction) == (("XAR", "XBE"), ("XCO",), "counter")
    expected = expected_effect(starter)
    assert found.level == pytest.approx(expected.outcomes[0][expected.outcome], rel=0.05)  # in fewer spans
    aimless = with_values(starter, {"events.summit.targets": []})
    assert scale(aimless).against == ("XCO", "XDO")
    absent = {"principals": ("USA",), "host": None}
    events = [one.model_copy(update=absent) if one.id == starter.focal else one for one in starter.events]
    abroad = starter.model_copy(update={"events": tuple(events)})
    assert scale(abroad).by == ("XAR",)


def test_the_alarm_of_a_dyad_is_that_of_its_exercises(starter: Scenario) -> None:
    """Of all dyads after force was used: what each side fears that the other would not side with, the mean of both."""
    of = _World(only_alarm(starter, 0.3))
    of.dyads = np.arange(len(of.study.control.first))
    world = of.study.control
    for event in of._events("force"):
        world = with_event(world, of.study.scenario, event)
    after = course(world, of.study.worlds.baseline, of.dyads, start=of.study.start)
    alarm = of._alarm(after)
    assert alarm.shape == (len(after.states), 2, len(of.dyads)) and alarm.max() > 0.1
    for step in (0, of._day, len(after.states) - 1):
        view = perceive(world.at(step), after.states[step], step)
        start, floor = of.study.worlds.baseline.unsided, world.rules.alarm_floor
        mutual = mutual_alarm(view.total, view.sided, start, (world.first, world.second), floor)[0]
        np.testing.assert_allclose(alarm[step].mean(axis=0), mutual, atol=1e-12)


def test_where_nobody_is_left_to_balance(tmp_path: Path) -> None:
    """Two states that take part: all agreements count, and there is nobody to act against."""
    text = new_scenario("two")
    at = text.index("  - {id: XCO")
    text = text[:at] + "\n" + text[text.index("events:") :]
    text = text.replace(", targets: [North]", "").replace(", targets: [XCO]", "").replace(", groups: [North]", "")
    path = tmp_path / "two.yaml"
    path.write_text(text, encoding="utf-8")
    found = scale(load_scenario(path))
    assert found.direction == "all" and found.against == ()
    assert [act.effect for act in found.acts] == pytest.approx([0.0] * len(ACTS), abs=1e-9)


def test_off_the_record_is_by_a_factor() -> None:
    def with_act(effect: float, record: float) -> tuple[StandardAct, ...]:
        act = StandardAct("force", 0.5, effect, (record, 0.0, 1.0))
        return Scale(("XAR",), ("XCO",), "counter", 365, 2.0, (act,)).off_record

    assert not with_act(0.2, 0.2) and not with_act(0.2, 0.2 * OFF)
    assert with_act(0.2, 0.2 * OFF + 0.03) and with_act(0.2 * OFF + 0.03, 0.2)
    assert not with_act(0.0, 0.019) and with_act(-0.5, 0.021)


@pytest.mark.parametrize("base_rate", [None, 2.0])
def test_the_starter_is_of_like_order_to_beijing(tmp_path: Path, beijing: Scenario, base_rate: float | None) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(new_scenario("mine", base_rate), encoding="utf-8")
    found, there = scale(load_scenario(path)), scale(beijing)
    answers = by_name(there)
    for act in found.acts:
        ratio = found.ratio(act.effect) / there.ratio(answers[act.act].effect)
        assert 1 / LIKE_ORDER < ratio < LIKE_ORDER, (act.act, ratio)


def test_check_prints_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(new_scenario("mine"), encoding="utf-8")
    call = CliRunner().invoke
    text = call(main, ["check", str(path)])
    assert "\n  use of force " in text.stdout and max(map(len, text.stdout.splitlines()[1:])) <= 80
    deaf = call(main, ["check", str(path), "--theory", "null"])  # nobody answers anything
    assert "warning[W327] theory: " in deaf.stderr and "use of force 0.0 %" in deaf.stderr
    document = json.loads(call(main, ["check", str(path), "--json"]).stdout)["scale"]
    keys = {"by", "against", "direction", "window", "level", "elasticity", "acts", "off_record"}
    assert set(document) == keys and document["acts"][0]["act"] == "statement"
    assert set(document["acts"][0]) == {"act", "alarm", "effect", "record", "ratio", "record_ratio"}
    assert "scale" not in json.loads(call(main, ["check", str(path), "--json", "--no-world"]).stdout)


def test_the_largest_act_is_from_the_first_day_on_and_against_everybody(starter: Scenario) -> None:
    """Every other is one of the day of the focal event."""
    focal, world = next(one for one in starter.events if one.id == starter.focal), _World(starter)
    (largest,), (treaty,) = ([*world._events(name)] for name in (LARGEST, "treaty"))
    assert (largest.date, treaty.date) == (starter.start, focal.date)
    assert {*largest.targets} == {*starter.codes} - {*largest.principals}

"""The scenario one starts from is valid as it is, and says that it is made up."""

import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.scenario import ScenarioError, arm_scenario, check_scenario, load_scenario, new_scenario


def test_it_checks_without_a_warning(tmp_path):
    (tmp_path / "mine.yaml").write_text(new_scenario("mine"))
    scenario, found = check_scenario(tmp_path / "mine.yaml")
    assert scenario is not None and found == []
    assert len(scenario.states) == 5
    assert all("made up" in state.name for state in scenario.states)
    events = [{event.id for event in arm_scenario(scenario, arm).events} for arm in scenario.arms]
    assert events == [{"speech"}, {"speech", "summit"}]


def test_its_event_has_an_effect_through_its_targets(tmp_path):
    """Aimed at nobody the summit would change a third of it, by the picture of two states that have a treaty."""
    path = tmp_path / "mine.yaml"
    path.write_text(new_scenario("mine", 2.0))
    found = expected_effect(load_scenario(path))
    assert found.effect > 0.001 and found.channels["threat"] > 1.5 * abs(found.channels["picture"])
    aimless = expected_effect(load_scenario(path, set=["events.summit.targets=[]"]))
    assert aimless.effect == pytest.approx(aimless.channels["picture"]) and 0 < aimless.effect < found.effect / 2


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "x" * 65, "\0"])
def test_names_that_cannot_be_files(name):
    with pytest.raises(ScenarioError, match="E106"):
        new_scenario(name)

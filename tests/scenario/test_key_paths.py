"""A key path that leads nowhere is answered with the whole path that was meant, or with the few."""

from pathlib import Path

import pytest
from balance_sim.scenario import check_scenario

FIVE = Path(__file__).resolve().parents[2] / "experiments" / "smoke" / "five_states.yaml"


def suggestions(*settings: str) -> list[str]:
    scenario, problems = check_scenario(FIVE, set=[f"{path}=0.5" for path in settings])
    assert scenario is None
    return [one.suggestion for one in problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("summit.visibility", "events.summit.visibility"),
        ("events.summit.visibilty", "events.summit.visibility"),
        ("comon_threat", "theory.weights.common_threat"),
        ("XAR-XCO.rivalry", "disputes.XAR-XCO.rivalry"),
        ("base_rte", "base_rate"),
    ],
)
def test_the_whole_path_is_named_and_can_be_set(written, meant):
    assert suggestions(written) == [f"did you mean `{meant}`?"]
    _, problems = check_scenario(FIVE, set=[f"{meant}=0.5"])
    assert "E101" not in {one.code for one in problems}  # it leads somewhere, where 0.5 may be no value


def test_a_field_of_several_rows_is_that_of_the_focal_event():
    assert suggestions("visibility") == ["did you mean `events.summit.visibility`?"]
    (said,) = suggestions("intercept")
    assert said.startswith("did you mean `kinds.")


@pytest.mark.parametrize("written", ["qqq", "qqq.zzz", "calibration.file", "events.summit.id"])
def test_nothing_is_invented(written):
    assert "`" not in "".join(suggestions(written)) or written.startswith("events.summit")

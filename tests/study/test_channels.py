"""An event's channels: exact Shapley values over the picture and the threat."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.channels import Channels, channels_of, forms
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario import Scenario, load_scenario

from .conftest import FIVE_STATES

SCENARIOS = Path(__file__).parents[2] / "scenarios"
OUTCOME = "accords_counter_365"
ARMS = ("no_parade", "parade", "picture_only", "threat_only", "disunity", "parade_and_doubt", "washington_doubted")


@pytest.fixture(scope="module")
def found(beijing: Scenario) -> Channels:
    return channels_of(beijing, ARMS)


def parts(found: Channels, arm: str, outcome: str = OUTCOME) -> dict[str, float]:
    of = found.of(arm, outcome)
    assert of is not None
    return of


def test_parts_sum_to_the_effect(found: Channels) -> None:
    table = found.table
    assert set(table["arm"]) == set(ARMS) - {"no_parade", "washington_doubted"}, "the arms that have the event"
    np.testing.assert_allclose(table["picture"] + table["threat"] + table["rest"], table["total"], atol=1e-12)


def test_each_channel_alone_is_the_arm_that_has_it_alone(found: Channels) -> None:
    picture, threat, both = (parts(found, arm) for arm in ("picture_only", "threat_only", "parade"))
    assert picture["threat"] == 0.0 and threat["picture"] == 0.0
    # Shapley over two: the mean of what a channel adds to nothing and to the other, worked out by hand
    assert both["picture"] == pytest.approx((picture["total"] + both["total"] - threat["total"]) / 2, rel=1e-9)
    assert both["threat"] == pytest.approx((threat["total"] + both["total"] - picture["total"]) / 2, rel=1e-9)


def test_disunity_turns_the_picture_round_and_keeps_the_threat() -> None:
    """Of the uncalibrated scenario: where it is calibrated the threat is a tenth of the picture, and no part keeps its
    size."""
    plain = load_scenario(SCENARIOS / "beijing_2025.yaml", calibrated=False)
    found = channels_of(plain, ARMS)
    disunity, unity = parts(found, "disunity"), parts(found, "parade")
    assert disunity["picture"] < 0 < unity["picture"]
    assert disunity["threat"] == pytest.approx(unity["threat"], rel=0.2)


def test_what_the_arm_changes_besides_is_the_rest(beijing: Scenario, found: Channels) -> None:
    """Of the parade and doubt: as much as doubt adds alone, since each moves few nats of consent."""
    assert parts(found, "parade")["rest"] == pytest.approx(0.0, abs=1e-9)
    alone = expected_effect(beijing, "washington_doubted").effect
    assert alone > 0
    assert parts(found, "parade_and_doubt")["rest"] == pytest.approx(alone, rel=0.05)


def test_forms_keep_the_level_of_their_arm_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / "changing.yaml"
    change = "\nchanges:\n  - {date: 2025-04-01, state: XCO, democracy: 0.5}\n"
    path.write_text(FIVE_STATES.read_text(encoding="utf-8") + change, encoding="utf-8")
    worlds = compile_worlds(load_scenario(path, theory="balance_of_power"))
    levels = [[version.ladder.intercept.tolist() for version in form.versions] for form in forms(worlds, "summit")]
    assert len(levels[0]) == 2 and all(level == levels[-1] for level in levels)


@pytest.mark.parametrize("name", ["nolimits_2022", "solomon_2022", "sinosov_1950", "tripartite_1940"])
def test_the_historical_cases_have_channels(name: str) -> None:
    effect = expected_effect(load_scenario(SCENARIOS / f"{name}.yaml"))
    assert effect.channels is not None
    assert effect.channels["picture"] > 0 and effect.channels["threat"] > 0
    assert effect.channels["picture"] + effect.channels["threat"] + effect.channels["rest"] == pytest.approx(
        effect.channels["total"]
    )


def test_dyads_sum_to_the_effect(beijing: Scenario) -> None:
    effect = expected_effect(beijing)
    control, having = effect.outcomes
    counter = effect.dyads[effect.dyads["direction"] == "counter"]
    assert counter["effect"].sum() == pytest.approx(having[OUTCOME] - control[OUTCOME], rel=1e-9)
    assert effect.dyads["effect"].abs().is_monotonic_decreasing

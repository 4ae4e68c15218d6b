"""What `explain` and the map's replay say of policies: when they acted, on what they had seen, and how often."""

import json
from datetime import timedelta
from pathlib import Path

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.effects.explain.timeline import Entry, Timeline, tell
from balance_sim.show.diary import entry_sentence
from balance_sim.show.replay import replay_of

PAPER = Path(__file__).parents[1] / "model" / "by_hand"
RUN = 2


@pytest.fixture(scope="module")
def result():
    return bs.run(bs.load_scenario(PAPER / "policies.yaml"), runs=8, seed=5)


@pytest.fixture(scope="module")
def timeline(result) -> Timeline:
    return tell(result, RUN)


def acts(timeline: Timeline) -> list[Entry]:
    return [entry for entry in timeline.entries if entry.what == "policy"]


def test_every_act_of_either_arm_is_an_entry_once(result, timeline: Timeline) -> None:
    count = {
        mark: sum(entry.mark == mark for entry in acts(timeline)) for mark in ("both", "arm only", "reference only")
    }
    for arm, alone in ((timeline.arm, "arm only"), (timeline.reference, "reference only")):
        names = [f"policy_acts_{player}" for player in result.scenario.players]
        total = sum(result.by_run.column(arm, name)[RUN] for name in names)
        assert count["both"] + count[alone] == total > 0
    assert count["arm only"] >= 2  # Corvia answers the parade


def test_what_was_seen_is_what_the_condition_asks_for(timeline: Timeline) -> None:
    """Arden arms itself: `change(insecurity) > 0.0001 or change(threat) > 0.0001`, three days before."""
    rows = [entry for entry in acts(timeline) if entry.label == "arden, arms"]
    assert len(rows) == 2 and rows[0].date >= timeline.start + timedelta(days=3)
    for entry in rows:
        seen = dict(entry.seen)
        assert entry.looked is not None  # the first step, of ten days, when three days are over
        assert timedelta(days=3) <= entry.date - entry.looked < timedelta(days=13)
        assert [*seen] == ["change(insecurity)", "change(threat)"] and max(seen.values()) > 0.0001


def test_the_share_of_replications_in_which_a_player_acts(result, timeline: Timeline) -> None:
    for entry in acts(timeline):
        arm = timeline.reference if entry.mark == "reference only" else timeline.arm
        column = result.by_run.column(arm, f"policy_acts_{entry.label.partition(',')[0]}")
        assert entry.share == np.mean(column > 0)


def test_sentence_json_and_replay_hold_the_act(result, timeline: Timeline) -> None:
    entry = next(one for one in acts(timeline) if one.label == "corvia, answers")
    sentence = entry_sentence(entry, result.scenario)
    assert "Corvia" in sentence and "incident" in sentence and "acts(adversaries)" in sentence
    assert "adversaries" not in sentence.partition(";")[0]  # their names
    kept = json.loads(json.dumps(timeline.summary()))["entries"]
    row = next(one for one in kept if one["label"] == "corvia, answers")
    assert row["deed"]["kind"] == "incident" and dict(row["seen"]).keys() == {"acts(adversaries)", "done"}
    replay = replay_of(result)
    assert replay is not None and any("acts by its policy" in one["words"] for one in replay["entries"])

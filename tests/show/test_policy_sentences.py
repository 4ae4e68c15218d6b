"""What `check` says of policies: a sentence each, those of arms under a title of their own."""

from pathlib import Path

from balance_sim.cli.check import policies_of
from balance_sim.scenario import load_scenario
from balance_sim.show.diary import policy_sentences

PAPER = Path(__file__).parents[1] / "model" / "by_hand"


def test_every_policy_that_may_act_has_a_sentence_with_its_condition() -> None:
    scenario = load_scenario(PAPER / "policies.yaml", set=["players.elland.policies.shuns.at_most=0"])
    rows = {
        (name, key): policy
        for name, player in scenario.players.items()
        for key, policy in player.policies.items()
        if policy.at_most
    }
    sentences = [*policy_sentences(scenario)]
    assert len(sentences) == len(rows) == 8
    for (name, key), sentence in zip(rows, sentences, strict=True):
        assert sentence.startswith(f"{name}, {key}:") and rows[name, key].when in sentence


def test_arms_with_other_players_are_told_apart() -> None:
    scenario = load_scenario(PAPER / "policies.yaml", set=["arms.with.set.players={}"])
    by_title = policies_of(scenario)
    assert [len(rows) for rows in by_title.values()] == [9, 1]
    assert not policies_of(load_scenario(PAPER / "paper.yaml"))

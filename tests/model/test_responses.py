"""Rules of the other responses against numbers worked out by hand; the acts that make each stance."""

from __future__ import annotations

import numpy as np
import pytest

from balance_sim.model import responses
from balance_sim.model.responses import EFFORT_ACT, STANCES, TIE, Acts, stances


def acts(**given) -> Acts:
    none = {"counter": False, "joined": False, "threatened": False, "others_acted": False}
    none |= {"effort": 0.0, "tie": 0.0}
    return Acts(**{name: np.array([value]) for name, value in (none | given).items()})


@pytest.mark.parametrize(
    ("stance", "given"),
    [
        ("abstain", {}),
        ("abstain", {"threatened": True}),  # nobody acted, so there is no buck to pass
        ("abstain", {"others_acted": True}),
        ("buck_pass", {"threatened": True, "others_acted": True}),
        ("balance", {"counter": True, "threatened": True, "others_acted": True}),
        ("balance", {"effort": EFFORT_ACT * 1.01, "threatened": True, "others_acted": True}),
        ("buck_pass", {"effort": EFFORT_ACT, "threatened": True, "others_acted": True}),
        ("balance", {"counter": True, "tie": TIE * 0.99}),
        ("hedge", {"counter": True, "tie": TIE}),
        ("hedge", {"counter": True, "joined": True}),
        ("hedge", {"effort": 0.1, "joined": True}),
        ("bandwagon", {"joined": True}),
        ("bandwagon", {"joined": True, "threatened": True, "others_acted": True}),
        ("abstain", {"tie": 1.0}),  # a tie from before is no act
    ],
)
def test_acts_make_the_stance(stance: str, given: dict) -> None:
    assert STANCES[stances(acts(**given))[0]] == stance


def test_relations_run_from_enemy_to_friend() -> None:
    assert responses.relations(np.array([0.0, 1.0, 0.3]), np.array([1.0, 0.0, 0.3])) == pytest.approx(
        [-1, 1, 0]
    )


def test_credibility_by_hand() -> None:
    """(1 - max(0.2, 0.4)) (1 - |0.5 - (-0.3)| / 2) 0.5 = 0.6 x 0.6 x 0.5 = 0.18."""
    found = responses.credibility(*(np.array([x]) for x in (0.2, 0.4, 0.5, -0.3, 0.5)))
    assert found[0] == pytest.approx(0.18)


def test_credibility_is_highest_for_who_stands_evenly_and_unfeared() -> None:
    ones, noughts = np.ones(1), np.zeros(1)
    best = responses.credibility(noughts, noughts, 0.4 * ones, 0.4 * ones, ones)
    assert best[0] == 1.0
    assert responses.credibility(noughts, noughts, 0.4 * ones, 0.2 * ones, ones)[0] < 1.0
    assert responses.credibility(ones, noughts, 0.4 * ones, 0.4 * ones, ones)[0] == 0.0


def test_influence_is_a_share_of_defence_and_adds_up_to_dependence() -> None:
    backing, support = np.array([[0.0, 0.5, 0.2]]), np.array([[0.0, 0.4, 0.5]])
    shares = responses.influence(backing, support, np.array([[0.5]]))
    assert shares[0] == pytest.approx([0.0, 0.4, 0.2])
    assert responses.dependence(backing[None], support[None], np.array([[0.5]]))[0, 0] == pytest.approx(0.6)
    assert responses.influence(np.ones(1), np.ones(1), np.zeros(1))[0] == 0.0


def test_room_needs_gain_and_consent_for_the_same_kind() -> None:
    gain = np.array([[0.01, 0.0], [0.01, 0.0], [0.01, 0.01]])
    rate = np.array([[0.0, 0.5], [0.5, 0.0], [0.5, 0.5]])  # the first partner agrees to what is worth nothing
    assert responses.room(gain, rate) == 2
    assert responses.room(gain, rate, least_rate=0.5) == 0


def test_neutrality_gap_by_hand() -> None:
    at = responses.position(np.array([0.6]), np.array([-0.2]))
    assert at[0] == pytest.approx(0.4)
    assert responses.neutrality_gap(at, 0.0)[0] == pytest.approx(0.4)
    assert responses.neutrality_gap(at, -0.5)[0] == pytest.approx(0.9)


def test_polarisation_of_two_even_camps_and_of_concord() -> None:
    """Four equal states in two camps: 2 pairs at 1, 4 at -1; mean -1/3, deviation sqrt(1 - 1/9)."""
    camp = np.array([0, 0, 1, 1])
    relation = np.where(camp[:, None] == camp, 1.0, -1.0)
    assert responses.polarisation(relation, np.full(4, 0.25)) == pytest.approx(np.sqrt(8 / 9))
    assert responses.polarisation(np.full((4, 4), 0.7), np.full(4, 0.25)) == pytest.approx(0.0)

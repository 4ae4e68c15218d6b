"""Responses of states, camps and polarisation with numbers worked out by hand; the acts that make each stance."""

import numpy as np
import pytest
from balance_sim.model import landscape, responses
from balance_sim.model.responses import EFFORT_ACT, STANCES, TIE, Acts, stances

# Mutual relations: 0 and 1 (1.0 + 0.6) / 2 = 0.8; 0 and 2 (-0.2 - 0.6) / 2 = -0.4; 1 and 2 (0.1 + 0.3) / 2 = 0.2.
RELATION = np.array([[0.0, 1.0, -0.2], [0.6, 0.0, 0.1], [-0.6, 0.3, 0.0]])
CAPABILITY = np.array([0.5, 0.3, 0.2])


def mutual(relation: np.ndarray) -> np.ndarray:
    """Of the dyads of a matrix."""
    rows, columns = np.triu_indices(relation.shape[-1], 1)
    return responses.mutual(relation[..., rows, columns], relation[..., columns, rows])


def test_polarisation_weighs_dyads_by_capability() -> None:
    """Weights 0.15, 0.10, 0.06 of 0.31. Mean (0.12 - 0.04 + 0.012) / 0.31 = 0.296774; squared distances 0.253236,
    0.485494, 0.009365; variance (0.0379854 + 0.0485494 + 0.0005619) / 0.31 = 0.280957. Without weights 0.489898."""
    found = float(responses.polarisation(mutual(RELATION), CAPABILITY))
    assert found == pytest.approx(0.530054, abs=1e-5)
    assert abs(found - 0.489898) > 0.04
    many = responses.polarisation(mutual(np.stack([RELATION, 0.5 * RELATION])), CAPABILITY)
    assert many == pytest.approx([found, found / 2])


def test_two_camps_by_hand() -> None:
    """Terms s_i s_j p_ij: 0.12, -0.04, 0.012. From {0, 2} against {1}, changing sides moves the energy by
    2 s_i sum_j t_ij s_j: -0.32, -0.264, -0.104, so 0 goes over; then nobody gains. Across stand 0-2 and 1-2: energy
    2 (-0.04 + 0.012) = -0.056 of 2 (0.15 + 0.10 + 0.06) = 0.62. Of three dyads 1-2 are friends across: 1/3. One
    state has moved."""
    found = responses.in_camps(mutual(RELATION[None]), CAPABILITY, np.array([1.0, -1.0, 1.0]))
    assert found.energy == pytest.approx([-0.056 / 0.62])
    assert found.frustration == pytest.approx([1 / 3])
    assert found.moved.tolist() == [1.0]


def test_what_an_energy_is_a_share_of() -> None:
    """Sizes 1, 2, 3: ordered pairs 2 (2 + 3 + 6) = 22, the square of the sum less the squares."""
    assert landscape.weight_of_dyads(np.array([1.0, 2.0, 3.0])) == 22.0


def test_camps_have_no_names() -> None:
    """{0, 1} against {2} is at rest; told from the other side it is the same, and nobody has moved."""
    for before in ([1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]):
        found = responses.in_camps(mutual(RELATION[None]), CAPABILITY, np.array(before))
        assert (found.energy[0], found.moved[0]) == (pytest.approx(-0.056 / 0.62), 0.0)


def test_foes_within_a_camp_count_as_frustration() -> None:
    """All friends of 0 but foes of each other, 0.9, 0.9 and -0.1: all on one side, and one dyad of three is wrong."""
    relation = np.array([[0.0, 0.9, 0.9], [0.9, 0.0, -0.1], [0.9, -0.1, 0.0]])
    found = responses.in_camps(mutual(relation[None]), np.ones(3) / 3, np.ones(3))
    assert (found.energy[0], found.frustration[0], found.moved[0]) == pytest.approx((0.0, 1 / 3, 0.0))


def test_credibility_reads_the_side_that_fears_more() -> None:
    """(1 - max(0.5, 0.1)) (1 - |-0.2 - 0.4| / 2) 0.8 = 0.5 x 0.7 x 0.8 = 0.28."""
    assert responses.credibility(*(np.array([x]) for x in (0.5, 0.1, -0.2, 0.4, 0.8)))[0] == pytest.approx(0.28)


def test_room_begins_above_its_thresholds() -> None:
    """A gain of exactly 0.001 and a rate of exactly 0.1 a year are no room yet."""
    above = np.array([[0.0011]]), np.array([[0.11]])
    assert responses.room(*above) == 1
    assert responses.room(np.array([[0.001]]), above[1]) == 0
    assert responses.room(above[0], np.array([[0.1]])) == 0


def test_position_and_influence_by_hand() -> None:
    """(0.3 - (-0.5)) / 2 = 0.4. Of a defence of 0.8 a partner lends 0.5 x 0.6 = 0.3: three eighths."""
    assert responses.position(np.array(0.3), np.array(-0.5)) == pytest.approx(0.4)
    assert responses.influence(np.array([0.5]), np.array([0.6]), np.array([0.8])) == pytest.approx([0.375])
    lent, able = np.array([[0.0, 0.5, 0.25]]), np.array([[0.9, 0.6, 0.4]])
    assert responses.dependence(lent, able, np.array([0.8])) == pytest.approx([0.3 / 0.8 + 0.1 / 0.8])
    assert responses.influence(np.ones(1), np.ones(1), np.zeros(1))[0] == 0.0


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
    assert responses.relations(np.array([0.0, 1.0, 0.3]), np.array([1.0, 0.0, 0.3])) == pytest.approx([-1, 1, 0])


def test_credibility_by_hand() -> None:
    """(1 - max(0.2, 0.4)) (1 - |0.5 - (-0.3)| / 2) 0.5 = 0.6 x 0.6 x 0.5 = 0.18."""
    found = responses.credibility(*(np.array([x]) for x in (0.2, 0.4, 0.5, -0.3, 0.5)))
    assert found[0] == pytest.approx(0.18)


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
    assert responses.polarisation(mutual(relation), np.full(4, 0.25)) == pytest.approx(np.sqrt(8 / 9))
    assert responses.polarisation(np.full(6, 0.7), np.full(4, 0.25)) == pytest.approx(0.0)


def test_two_camps_of_more_states_than_can_be_tried() -> None:
    """Ten against eleven, 0.01 within and -0.01 across, whatever stands on the diagonal: 2 x 110 x -0.01."""
    side = np.array([1] * 10 + [-1] * 11)
    found = landscape.camps(0.01 * np.outer(side, side) + 5 * np.eye(21), np.ones(21))
    assert (found.sides.tolist(), found.exact) == (side.tolist(), False)
    assert found.energy == pytest.approx(-2.2)

"""Threat by supplier and by adversary, and support, worked out by hand on a few states; wrong forms are refused."""

import math
from datetime import date

import numpy as np
import pytest
from balance_sim.model import threat
from balance_sim.model.agents import BalanceModel
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Extremes, Prospects
from balance_sim.model.thinning import ranges
from balance_sim.model.willingness import TERMS
from balance_sim.model.world import offence, quarrels
from balance_sim.scenario.load import with_values
from balance_sim.scenario.schema import NoRelations, State

# Four states: 0 looks; it has a quarrel with 1 (h = 1/2) and none with 2 and 3. A treaty of depth 0.6 binds 2 to 1,
# and they stand together, a = 0.9, so that 2 lends its quarrels beta a = 0.27; 3 is a friend of 1 without a treaty,
# a = 0.5, and lends 0.15. 0 and 2 are strangers, a = 0.1; 3 is 0's ally
# by a treaty of depth 0.8, thought to be less of a friend than that (a = 0.7).
H = np.zeros((4, 4))
H[0, 1] = 0.5
DEPTH = np.zeros((4, 4))
DEPTH[1, 2] = DEPTH[2, 1] = 0.6
DEPTH[0, 3] = DEPTH[3, 0] = 0.8
A = np.eye(4)
for i, j, value in ((0, 1, 0.05), (0, 2, 0.1), (0, 3, 0.7), (1, 2, 0.9), (1, 3, 0.5), (2, 3, 0.2)):
    A[i, j] = A[j, i] = value
BETA = 0.3
STRENGTH = np.array([0.1, 0.2, 0.3, 0.4])  # c_k o_k p_0k
LEND = BETA * A * (1 - np.eye(4))
BACKING = threat.backing(DEPTH, A, BETA) * (1 - np.eye(4))
FREE = threat.unallied(DEPTH, A)


def q_of(h: np.ndarray) -> np.ndarray:
    free = threat.unopposed(h, FREE, h @ LEND)
    np.fill_diagonal(free, 1.0)
    return 1.0 - free


def test_own_hostility_is_one_less_the_chance_of_none() -> None:
    assert threat.own_hostility(np.array([0.0, math.log(2), math.log(10)])) == pytest.approx([0.0, 0.5, 0.9])


def test_a_defender_is_brought_a_treatys_depth_or_a_part_of_a_friend() -> None:
    assert BACKING[1, 2] == 0.6  # the treaty, not 0.3 x 0.9
    assert BACKING[1, 3] == pytest.approx(0.15)  # 0.3 x 0.5
    assert BACKING[0, 1] == pytest.approx(0.015)


def test_nobody_lends_against_its_own_friend() -> None:
    assert FREE[0, 3] == pytest.approx(0.2)  # 1 less the treaty's 0.8
    assert FREE[0, 2] == pytest.approx(0.9)  # 1 less a = 0.1
    assert (np.diag(FREE) == 0).all()


def test_threat_by_supplier_by_hand() -> None:
    """q_01 = 1/2. q_02 = 1 - e^(-0.9 x 0.5 x 0.27), q_03 = 1 - e^(-0.2 x 0.5 x 0.15); nobody fears anybody else."""
    q = q_of(H)
    assert q[0] == pytest.approx([0.0, 0.5, 1 - math.exp(-0.1215), 1 - math.exp(-0.015)])
    assert (q[1:] == 0).all()
    theta = threat.threat(STRENGTH[None], 1.0 - q[:1])[0]
    assert theta == pytest.approx([0.0, 0.1, 0.3 * (1 - math.exp(-0.1215)), 0.4 * (1 - math.exp(-0.015))])


def test_a_supplier_of_two_adversaries_counts_once_and_at_most_whole() -> None:
    """2 is hostile itself (h = 0.8) and lends 1 (h = 1/2) 0.27: 1 - 0.2 e^(-0.1215), below one, above either alone."""
    both = H.copy()
    both[0, 2] = 0.8
    assert q_of(both)[0, 2] == pytest.approx(1 - 0.2 * math.exp(-0.1215))
    assert q_of(both)[0, 1] == pytest.approx(1 - 0.5 * math.exp(-0.95 * 0.8 * 0.27))  # 1 lends 2 as much
    assert q_of(np.where(np.eye(4, dtype=bool), 0.0, 1.0)).max() == 1.0


def test_whoever_stands_beside_an_aggressor_no_longer_counts_whole() -> None:
    """The form before, 1 - e^-(L_ik + (1 - a_ik) sum_j L_ij a_jk): with L = 4 a stranger with a_12 = 0.9 was all
    but an enemy, 0.96; what it would lend without a treaty, 0.3 x 0.9, makes it a fifth of one."""
    h, none = np.zeros((3, 3)), np.zeros((3, 3))
    h[0, 1] = 1 - math.exp(-4)
    align = np.eye(3)
    align[1, 2] = align[2, 1] = 0.9
    align[0, 2] = align[2, 0] = 0.1
    lend = BETA * align * (1 - np.eye(3))
    now = 1 - threat.unopposed(h, threat.unallied(none, align), h @ lend)[0, 2]
    before = 1 - math.exp(-(1 - 0.1) * 4 * 0.9)
    assert now == pytest.approx(1 - math.exp(-0.9 * (1 - math.exp(-4)) * 0.27))
    assert before > 0.96 and now < 0.22


def test_threat_by_adversary_by_hand() -> None:
    """A_01 = 1/2 (0.2 + 0.27 x 0.9 x 0.3 + 0.15 x 0.2 x 0.4); nobody else is 0's adversary."""
    found = threat.by_adversary(H[:1], FREE[:1], STRENGTH[None], LEND)[0]
    assert found == pytest.approx([0.0, 0.5 * (0.2 + 0.0729 + 0.012), 0.0, 0.0])
    without = threat.by_adversary(H[:1], FREE[:1], STRENGTH[None], np.zeros((4, 4)))[0]
    assert without[1] == pytest.approx(0.1)  # its own strength alone


def test_threat_by_several_counts_each_supplier_once() -> None:
    """0 has a quarrel with 1 (h = 1/2) and 2 (h = 0.8), of whom each lends the other 0.27. Together they are the sum of
    what every supplier has against 0; alone, 1 is what was worked out above; and their A would count twice."""
    both = H.copy()
    both[0, 2] = 0.8

    def of(h: np.ndarray) -> float:
        return float(threat.by_several(h[:1], FREE[:1], STRENGTH[None], LEND)[0])

    assert of(H) == pytest.approx(0.1 + 0.3 * (1 - math.exp(-0.1215)) + 0.4 * (1 - math.exp(-0.015)))
    third = 0.2 * (0.5 * 0.15 + 0.8 * BETA * 0.2)  # what 3 lends 1 and 2, less its friendship with 0
    by_hand = 0.2 * (1 - 0.5 * math.exp(-0.2052)) + 0.3 * (1 - 0.2 * math.exp(-0.1215)) + 0.4 * (1 - math.exp(-third))
    assert of(both) == pytest.approx(by_hand)
    assert of(both) < threat.by_adversary(both[:1], FREE[:1], STRENGTH[None], LEND)[0].sum()


def test_support_reads_the_partners_own_hostility() -> None:
    """2 stands by 0's adversary and is not hostile to 0: it still helps against others; 1 half."""
    found = threat.support(STRENGTH, np.array([1.0, 1.0, 0.5, 1.0]), H[0])
    assert found == pytest.approx([0.1, 0.1, 0.15, 0.4])
    willing = (STRENGTH * BACKING[0] * (1 - H[0]))[None]
    sided, total = np.array([[0.0, 0.1, 0.2, 0.0]]), np.array([0.4])
    by_hand = 0.2 * 0.015 * 0.5 * 0.75 + 0.3 * 0.03 * 0.5 + 0.4 * 0.8
    assert threat.lent(willing, sided, total) == pytest.approx([by_hand])


def test_nuclear_weapons_count_from_the_day_a_state_has_them() -> None:
    states = [
        State(id="A", nuclear_since=date(1949, 8, 29)),
        State(id="B", nuclear_since=date(1964, 10, 16)),
        State(id="C"),
    ]
    assert offence(states, date(1950, 2, 13), 3.0).tolist() == [3.0, 1.0, 1.0]
    assert offence(states, date(1964, 10, 16), 3.0).tolist() == [3.0, 3.0, 1.0]
    assert offence(states, date(2000, 1, 1), 1.0).tolist() == [1.0, 1.0, 1.0]


# --- three states in the engine -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Ardens fears Belmar, its rival; Corvia has a pact with Belmar and nuclear weapons."""
    from balance_sim.scenario import load_scenario

    path = tmp_path_factory.mktemp("three") / "three.yaml"
    path.write_text(
        """
schema: 1
title: "Three states"
start: 2000-01-01
end: 2000-03-01
report: {windows: [30]}
focal: signal
states:
  - {id: XAR, name: Ardens, capability: 0.5, ideal_point: 0, latitude: 0, longitude: 0}
  - {id: XBE, name: Belmar, capability: 0.3, ideal_point: 1, latitude: 0, longitude: 10}
  - {id: XCO, name: Corvia, capability: 0.2, ideal_point: 1, latitude: 0, longitude: 20, nuclear_since: 1990-01-01}
disputes: [{a: XAR, b: XBE, rivalry: 1}]
distances: [{a: XAR, b: XBE, km: 0}, {a: XAR, b: XCO, km: 2000}, {a: XBE, b: XCO, km: 0}]
accords: [{id: pact, a: XBE, b: XCO, kind: defence_pact, status: in_force, in_force: 1999-01-01}]
audiences: {all: {members: [XAR, XBE, XCO]}}
events: [{id: signal, date: 2000-01-10, kind: incident, principals: [XBE], targets: [XAR]}]
parameters: {nuclear_offence: 3, eta0: -3.5, eta_x: 0.5, eta_rivalry: 2, eta_relative: 0}
arms: {without: {reference: true, drop: [signal]}, with: {}}
"""
    )
    return load_scenario(path)


def test_engine_agents_and_hand_agree_on_three_states(three) -> None:  # type: ignore[no-untyped-def]
    """Ardens looks. eta_AB = -3.5 + 0.5 + 2 = -1, alone: L = ln(1 + e^-1) - ln(1 + e^-3.5); eta_AC = -3, the same
    without the rivalry. Corvia is 3 x 0.2 x 1/2 = 0.3 strong at 2,000 km, free to act but for a = 1 / (1 + e^3.5); with
    the pact it stands by Belmar with a = 1 / (1 + e^(2.5 - 4)), and lends its quarrels 0.3 of that."""
    worlds = compile_worlds(three)
    world = worlds.reference
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    view = perceive(world, state, 0)
    a, b, c = (world.codes.index(code) for code in ("XAR", "XBE", "XCO"))
    floor = math.log1p(math.exp(-3.5))
    h_b = 1 - math.exp(floor - math.log1p(math.exp(-1)))
    h_c = 1 - math.exp(floor - math.log1p(math.exp(-3)))
    stranger = 1 / (1 + math.exp(3.5))
    free, lent = 1 - stranger, 0.3 / (1 + math.exp(2.5 - 4.0))
    assert view.hostility[0, a, [b, c]] == pytest.approx([h_b, h_c], rel=1e-12)
    q_b, q_c = 1 - (1 - h_b) * math.exp(-free * lent * h_c), 1 - (1 - h_c) * math.exp(-free * lent * h_b)
    assert view.threat[0, a, [b, c]] == pytest.approx([0.3 * q_b, 0.3 * q_c], rel=1e-12)
    feared = view.adversaries[0]
    assert feared[a, b] == pytest.approx(h_b * (0.3 + free * lent * 0.3), rel=1e-12)
    assert feared[a, c] == pytest.approx(h_c * (0.3 + free * lent * 0.3), rel=1e-12)
    sided = (0.3 * q_b + 0.3 * q_c * view.own[0, b, c]) / (0.3 * q_b + 0.3 * q_c)
    assert view.support[0, a, b] == pytest.approx(0.3 * (1 - sided) * (1 - h_b), rel=1e-9)
    model = BalanceModel(three, "without", 1, worlds=worlds)
    agent = next(one for one in model.agents if one.code == "XAR")
    agent.perceive()
    assert agent.threats == pytest.approx(view.threat[0, a]) and agent.adversaries == pytest.approx(feared[a])
    assert agent.hostility == pytest.approx(view.hostility[0, a])


@pytest.mark.parametrize(
    ("kind", "since", "until", "nats"),
    [
        ("sanctions", "1999-01-01", None, 2.7),  # a rivalry of 2, and 0.7
        ("no_diplomatic_relations", None, None, 2.7),
        ("war", "2000-01-01", "2000-01-02", 2.7),  # from its first day on
        ("sanctions", "2000-01-02", None, 2.0),  # begins after the start
        ("sanctions", None, "2000-01-01", 2.0),  # on its last day no more
        ("not_recognised", None, None, 2.0),
    ],
)
def test_broken_relations_at_the_start_are_evidence_of_hostility(three, kind, since, until, nats) -> None:  # type: ignore[no-untyped-def]
    """Once, however many spells there are; either side holds the other hostile."""
    spell = NoRelations(
        a="XBE",
        b="XAR",
        kind=kind,
        until=until and date.fromisoformat(until),
        **{"from": since and date.fromisoformat(since)},
    )
    parameters = three.parameters.model_copy(update={"eta_no_relations": 0.7})
    scenario = three.model_copy(update={"no_relations": (spell, spell), "parameters": parameters})
    found = quarrels(scenario, scenario.start)
    assert found[0, 1] == found[1, 0] == pytest.approx(nats)
    assert found.sum() == pytest.approx(2 * nats)


def test_the_likelihoods_terms_are_the_engines(three) -> None:  # type: ignore[no-untyped-def]
    from balance_sim.evidence.estimation.choices import terms_at

    names = ("hostility", "common_threat", "bandwagon")
    world, found = terms_at(three, names, ("defence_pact",), np.array([0]), np.array([1]))
    view = perceive(world, begin(world, compile_worlds(three).baseline, 0, np.zeros(1, dtype=np.uint64)), 0)
    a, b = (world.codes.index(code) for code in ("XAR", "XBE"))
    assert found["hostility"][0] == pytest.approx([-view.hostility[0, a, b], -view.hostility[0, b, a]])
    q = view.against[0, a, b]
    assert found["bandwagon"][0, 0] == pytest.approx(0.3 * q * q / view.balance[0, a])
    both = math.sqrt(view.balance[0, a] * view.balance[0, b])
    shared = math.sqrt(view.threat[0, a, 2] * view.threat[0, b, 2])
    assert found["common_threat"][0, 0] == pytest.approx(shared / both)


def test_a_gain_counts_as_at_the_start(three) -> None:  # type: ignore[no-untyped-def]
    worlds = compile_worlds(three)
    world, n = worlds.arms["with"], 3
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    ego, alter, kind = (grid.ravel() for grid in np.indices((n, n, len(world.ladder.names))))
    where = (np.zeros_like(ego), ego, alter, kind)
    gains = []
    for step in (0, int(np.searchsorted(world.grid, 9.0))):
        p = Prospects(world, worlds.baseline, perceive(world, state, step), state, *where)
        gains.append(p.log_gain.reshape(n, n, -1))
        assert np.array_equal(TERMS["security_gain"](p), worlds.baseline.first["security_gain"].ravel())
        low, high = ranges(world, worlds.baseline)["security_gain"]
        assert np.array_equal(low, high)
    off = ~np.eye(n, dtype=bool)
    assert np.abs(gains[1] - gains[0])[off].max() > 1e-3  # though the gain itself has moved


@pytest.mark.parametrize(("effort_max", "left"), [(0.25, 0.75), (1.2, 0.0)])
def test_the_least_balance_is_what_effort_leaves_of_a_state(three, effort_max: float, left: float) -> None:  # type: ignore[no-untyped-def]
    """Capability 0.5, 0.3 and 0.2, less what effort can fall by, and never below nothing; and s0 = 0.01."""
    worlds = compile_worlds(with_values(three, {"parameters.effort_max": effort_max}))
    least = Extremes(worlds.reference, worlds.baseline).balance
    assert least == pytest.approx([left * 0.5 + 0.01, left * 0.3 + 0.01, left * 0.2 + 0.01])

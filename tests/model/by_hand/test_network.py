"""Agreements in force as a network of four states, followed on paper."""

import math

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import World
from balance_sim.model.engine import begin, turn_of_step
from balance_sim.model.state import BlockState, begin_network, deepest
from balance_sim.scenario import load_scenario

LN2, LN3 = math.log(2), math.log(3)
NONE = np.zeros(1, dtype=np.uint64)


@pytest.fixture
def worlds(tmp_path) -> Worlds:  # type: ignore[no-untyped-def]
    """Four states. A and B have two agreements of one kind and a deeper one of another; B and C one; D has none."""
    path = tmp_path / "four.yaml"
    path.write_text(
        """
schema: 1
title: "Four states"
start: 2000-01-01
end: 2001-01-01
focal: signal
states:
  - {id: XAA, name: XAA, capability: 0.4, ideal_point: 0, latitude: 0, longitude: 0, autonomy: 0.5}
  - {id: XBB, name: XBB, capability: 0.3, ideal_point: 0, latitude: 0, longitude: 5, autonomy: 2}
  - {id: XCC, name: XCC, capability: 0.2, ideal_point: 0, latitude: 0, longitude: 9}
  - {id: XDD, name: XDD, capability: 0.1, ideal_point: 0, latitude: 0, longitude: 15}
accords:
  - {id: one, a: XAA, b: XBB, kind: logistics, status: in_force, in_force: 1999-01-01}
  - {id: two, a: XBB, b: XAA, kind: logistics, status: in_force, in_force: 1999-02-01}
  - {id: pact, a: XAA, b: XBB, kind: defence_pact, status: in_force, in_force: 1999-03-01}
  - {id: other, a: XBB, b: XCC, kind: logistics, status: in_force, in_force: 1999-01-01}
kinds: {logistics: {depth: 0.3, calm: 0.2}, defence_pact: {depth: 0.9, calm: 0.1}}
audiences: {all: {members: [XAA, XBB, XCC, XDD]}}
events: [{id: signal, date: 2000-01-10, kind: incident, principals: [XBB], targets: [XAA]}]
parameters: {end_rate: 0, collapse_rate: 0}
arms: {without: {reference: true, drop: [signal]}, with: {}}
"""
    )
    return compile_worlds(load_scenario(path))


def dyad(world: World, a: str, b: str) -> int:
    return int(world.dyad_index[world.codes.index(a), world.codes.index(b)])


def test_two_agreements_of_a_kind_are_two_and_the_deepest_kind_counts(worlds: Worlds) -> None:
    """Depth 0.9 and calm 0.2: the deepest and the most calming, here of different kinds."""
    world = worlds.reference
    ab, start = dyad(world, "XAA", "XBB"), world.at_start
    logistics, pact = (world.ladder.names.index(name) for name in ("logistics", "defence_pact"))
    assert (start.in_force[ab, logistics], start.in_force[ab, pact]) == (2, 1)
    assert (start.depth[ab], start.calm[ab]) == (0.9, 0.2)
    bc = dyad(world, "XBB", "XCC")
    assert (start.depth[bc], start.calm[bc], start.in_force[bc].sum()) == (0.3, 0.2, 1)
    assert start.depth.sum() == pytest.approx(1.2)


def test_no_agreement_no_depth(worlds: Worlds) -> None:
    depth, calm = deepest(
        worlds.reference.ladder, np.zeros((2, 8), dtype=np.int16)[:, : len(worlds.reference.ladder.names)]
    )
    assert (depth.tolist(), calm.tolist()) == ([0, 0], [0, 0])


def test_partners_and_what_two_share_at_the_start(worlds: Worlds) -> None:
    """A: 1 partner, B: 2, C: 1, D: none. A and C share B, so of six dyads one has ln 2: mean ln 2 / 6."""
    state = begin_network(worlds.reference, NONE)
    assert state.partners[0].tolist() == [1, 2, 1, 0]
    assert state.log_partners[0] == pytest.approx([LN2, LN3, LN2, 0])
    shared = np.zeros((4, 4))
    shared[0, 2] = shared[2, 0] = LN2
    assert state.log_shared[0] == pytest.approx(shared)
    assert state.shared_mean[0] == pytest.approx(LN2 / 6)
    assert (state.depth[0, 0, 1], state.depth[0, 1, 0], state.depth[0, 1, 2]) == (0.9, 0.9, 0.3)


def ends(worlds: Worlds, when: dict[str, float], day: float) -> BlockState:
    """The state on a day, where agreements of the record end on given days."""
    world = worlds.reference
    state = begin(world, worlds.baseline, 1, NONE)
    rows = state.agreements
    assert not (rows.origin == 5).any()  # nothing ends at rate 0, so nothing is carried along
    initial = world.initial
    at = [initial.ids.index(name) for name in when]
    from balance_sim.model.pipeline import IN_FORCE
    from balance_sim.model.state import AgreementRows

    run = np.zeros(len(at), dtype=np.int64)
    of = initial.dyad[at], initial.kind[at], np.array(at), initial.keys[at], initial.opened[at]
    one = AgreementRows.begun(IN_FORCE, run, *of)
    one.stage[:], one.ended, one.in_force = 2, np.array(list(when.values())), initial.in_force[at]
    state.agreements.add_rows(one)
    state.day = day
    turn_of_step(world, state)
    return state


def test_the_second_agreement_of_a_kind_outlasts_the_first(worlds: Worlds) -> None:
    """The pact and one of two logistics agreements end: A and B are partners still, at depth 0.3."""
    state = ends(worlds, {"pact": 3.0, "one": 4.0, "two": 30.0}, 10.0)
    assert state.depth[0, 0, 1] == state.depth[0, 1, 0] == 0.3
    assert state.calm[0, dyad(worlds.reference, "XAA", "XBB")] == 0.2
    assert state.partners[0].tolist() == [1, 2, 1, 0]


def test_an_agreement_that_ends_on_the_day_is_over_and_takes_partners_along(worlds: Worlds) -> None:
    """All three of A and B are over: B has C alone, nobody shares anybody."""
    state = ends(worlds, {"pact": 3.0, "one": 4.0, "two": 10.0}, 10.0)
    assert state.depth[0, 0, 1] == 0.0
    assert state.partners[0].tolist() == [0, 1, 1, 0]
    assert state.log_partners[0] == pytest.approx([0, LN2, LN2, 0])
    assert not state.log_shared.any() and state.shared_mean[0] == 0.0
    later = ends(worlds, {"pact": 3.0, "one": 4.0, "two": 10.01}, 10.0)
    assert later.depth[0, 0, 1] == 0.3


def test_autonomy_reads_the_deciding_states_own_partners(worlds: Worlds) -> None:
    """A, autonomy 0.5, one partner: -0.5 ln 2 whoever asks. B, autonomy 2, two partners: -2 ln 3. D has none: 0."""
    from balance_sim.model.engine import perceive
    from balance_sim.model.prospects import Prospects
    from balance_sim.model.willingness import TERMS

    world = worlds.reference
    state = begin(world, worlds.baseline, 1, NONE)
    view, zero = perceive(world, state, 0), np.zeros(3, dtype=np.int64)
    p = Prospects(world, worlds.baseline, view, state, zero, np.array([0, 1, 3]), np.array([1, 3, 1]), zero)
    assert TERMS["autonomy"](p) == pytest.approx([-0.5 * LN2, -2 * LN3, 0.0])
    log_mean = (2 * LN2 + LN3) / 4
    assert TERMS["popularity"](p) == pytest.approx([LN3 - log_mean, -log_mean, LN3 - log_mean])
    assert TERMS["ladder"](p) == pytest.approx([0.9, 0.0, 0.0])
    p = Prospects(world, worlds.baseline, view, state, zero, np.array([0, 0, 2]), np.array([2, 1, 3]), zero)
    assert TERMS["closure"](p) == pytest.approx([LN2 - LN2 / 6, -LN2 / 6, -LN2 / 6])

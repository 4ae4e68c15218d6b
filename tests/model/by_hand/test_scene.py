"""What is read off the states at one moment of a run, against `plain.py`: relations, credibility, influence, room."""

import math

import numpy as np
import pytest
from balance_sim.article.beliefs import Shift, association
from balance_sim.model.baseline import Worlds, compile_worlds, step_before
from balance_sim.model.core import World
from balance_sim.model.engine import begin, perceive, simulate
from balance_sim.model.perception import View
from balance_sim.model.responses import ROOM_GAIN, ROOM_RATE
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.outcomes import Outcome
from balance_sim.study.recorder import step_at
from balance_sim.study.scene import StateMetrics, focal_roles
from test_two_programs import OURS, SEED, as_plain, plain

STEP = 24


def test_a_scene_is_what_the_other_program_sees(scenario: Scenario, worlds: Worlds) -> None:
    """Of the second of two replications, every state and every two states in turn."""
    other, start = plain.Plain(scenario, "with"), plain.Plain(scenario, "without").start()
    world, runs = worlds.arms["with"], np.array([1, 2], dtype=np.uint64)
    looked = []

    def look(world: World, state: BlockState, view: View) -> None:
        if view.step != STEP:
            return
        looked.append(view.step)
        scene, codes = StateMetrics(world, worlds.baseline, state, view), world.codes
        made = as_plain(world, state, plain)
        effort = {code: float(state.effort[1, k]) for k, code in enumerate(codes)}
        seen = other.see(STEP, made, effort, other.acts(SEED, 2))
        depth = other.deepest(made, "depth")
        relation = {(i, k): seen.a[i, i, k] - seen.q[i, k] for i in codes for k in codes if i != k}
        for k, two in enumerate(codes):
            apart = [i for i in range(5) if i != k]
            assert scene.relation(k)[1, apart] == pytest.approx([relation[codes[i], two] for i in apart])
            assert scene.relation_of(k)[1, apart] == pytest.approx([relation[two, codes[i]] for i in apart])
            nats = [-math.log(1 - seen.h[codes[i], two]) for i in apart]
            assert scene.hostility(k)[1, apart] == pytest.approx(nats, abs=1e-12)
            drawn = [-math.log(1 - seen.q[codes[i], two]) - of for i, of in zip(apart, nats, strict=True)]
            assert scene.drawn_in(k)[1, apart] == pytest.approx(drawn, abs=1e-12)
            through = tuple(j for j in (0, 3) if j != k)
            by_hand = [
                (1 - max(depth[frozenset((codes[i], two))], seen.a[codes[i], codes[i], two]))
                * sum(seen.h[codes[i], codes[j]] * seen.lend[codes[i], codes[j], two] for j in through if j != i)
                for i in apart
            ]
            assert scene.drawn_in_through(k, (0, 3))[1, apart] == pytest.approx(by_hand, abs=1e-12)
            assert scene.support(k)[1, apart] == pytest.approx([seen.support[two, codes[i]] for i in apart])
            assert scene.backing(k)[1, apart] == pytest.approx([seen.backs[two, two, codes[i]] for i in apart])
            lent = [seen.backs[two, two, codes[i]] * seen.support[two, codes[i]] / seen.defence[two] for i in apart]
            assert scene.influence(k)[1, apart] == pytest.approx(lent)
            room, often = scene.room(k)
            partners, rate = 0, 0.0
            for i in apart:
                one, gains = codes[i], []
                for kind in OURS:
                    a_year = other.rate(frozenset((one, two)), kind) * other.openness(
                        frozenset((one, two)), seen.middle
                    )
                    agrees = a_year * plain.sigma(other.u(seen, made, start, one, two, kind))
                    gains.append((other.gain(seen, two, one, kind), agrees))
                worth = [agrees for gain, agrees in gains if gain > ROOM_GAIN]
                partners += any(agrees > ROOM_RATE for agrees in worth)
                rate += max(worth, default=0.0)
            assert (room[1], often[1]) == (partners, pytest.approx(rate, rel=1e-6))
        a, b, m = 3, 0, 2
        one, two, third = codes[a], codes[b], codes[m]
        even = 1 - abs(relation[one, third] - relation[two, third]) / 2
        wanted = (1 - max(seen.q[one, third], seen.q[two, third])) * even
        wanted *= min(other.reach(one, third), other.reach(two, third))
        assert scene.credibility(a, b)[1, m] == pytest.approx(wanted)
        stands = (relation[one, third] - relation[two, third]) / 2
        gap = scene.neutrality_gap(m, ((a, b, 0.1), (b, a, -0.3)))[1]
        assert gap == pytest.approx((abs(stands - 0.1) + abs(-stands + 0.3)) / 2)

    opportunities = draw_opportunities(worlds.reference, SEED, runs, None)
    simulate(
        world, worlds.baseline, opportunities, thinning(world, opportunities, worlds.bounds["with"]), SEED, runs, look
    )
    assert looked == [STEP]


def test_what_is_told_of_a_host_with_one_partner(worlds: Worlds) -> None:
    """Arden hosts Belmar: nobody is a junior or a third, so of influence on a junior there is nothing to tell."""
    runs = simulate_block(worlds, SEED, Block(0, 2), ("without", "with")).runs
    names = set(runs.column_names)
    assert {
        "insecurity_host_30",
        "room_host_300",
        "alignment_participants_north_90",
        "camps_energy_300",
    } <= names
    assert not {name for name in names if "junior" in name or "influence" in name or "credibility" in name}


def test_the_camps_that_runs_start_from(scenario: Scenario) -> None:
    """Of all sixteen ways to part five states the one of lowest energy: mutual relations, weighed by capability."""
    own = scenario.model_copy(update={"provocations": ()})
    worlds, other = compile_worlds(own), plain.Plain(own, "without")
    world, codes = worlds.reference, worlds.reference.codes
    step = step_before(world)
    made = list(other.record(0, 0))
    seen = other.see(step, made, dict.fromkeys(codes, 0.0), [])
    view = perceive(world, begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64)), step)
    energy = {}
    for number in range(16):
        sides = [1, *(1 if number >> k & 1 else -1 for k in range(4))]
        energy[tuple(sides)] = sum(
            other.capability[i] * other.capability[j]
            * (seen.a[i, i, j] - seen.q[i, j] + seen.a[j, j, i] - seen.q[j, i]) / 2
            for x, i in enumerate(codes) for y, j in enumerate(codes) if x != y and sides[x] != sides[y]
        )  # fmt: skip
    lowest = min(energy, key=energy.__getitem__)
    assert view.step == step and worlds.camps.exact
    assert worlds.camps.sides.tolist() == list(lowest)
    assert worlds.camps.energy == pytest.approx(energy[lowest], rel=1e-9)


def test_the_step_in_which_a_window_ends() -> None:
    """The step that holds the day; of the scenario's very end the last; beyond it none."""
    grid = np.array([0.0, 10.0, 20.0, 30.0])
    assert [step_at(grid, 5.0, window) for window in (4, 5, 14, 15, 24, 25, 26)] == [0, 1, 1, 2, 2, 2, None]


@pytest.mark.parametrize(
    ("drawn", "own", "share"), [(0.1, 0.3, 0.25), (0.2, 0.2, 0.5), (0.3, -0.3, math.nan), (0.0, 0.0, math.nan)]
)
def test_the_share_of_hostility_that_comes_through_partners(
    worlds: Worlds, drawn: float, own: float, share: float
) -> None:
    """What is drawn in, of it and one's own; no share of a sum that is nothing."""
    having = {Outcome("drawn_in", "outside_host"): drawn, Outcome("hostility", "outside_host"): own}
    shift = Shift(focal_roles(worlds), having, dict.fromkeys(having, 0.0))
    assert association(shift) == pytest.approx(share, nan_ok=True)

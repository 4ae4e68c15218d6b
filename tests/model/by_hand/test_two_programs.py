"""The engine against `plain.py`: the same page, docs/model.md, programmed twice."""

import math
import sys
from importlib import util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from balance_sim.model import state as state_module
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import ORIGINS, World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View, hostility_toward
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.willingness import TERMS, willingness
from balance_sim.scenario import Scenario

HERE = Path(__file__).parent
SEED = 5
OURS = ("shallow", "middle", "deep")  # the kinds of `paper.yaml` that are ever agreed on


def _plain() -> ModuleType:
    """`plain.py` beside this file, found under that name."""
    if "plain" not in sys.modules:
        spec = util.spec_from_file_location("plain", HERE / "plain.py")
        assert spec is not None and spec.loader is not None
        sys.modules["plain"] = util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["plain"])
    return sys.modules["plain"]


plain = _plain()


@pytest.fixture(scope="module")
def begun(scenario: Scenario):  # type: ignore[no-untyped-def]
    return plain.Plain(scenario, "without").start()


def test_the_frozen_start(worlds: Worlds, begun) -> None:  # type: ignore[no-untyped-def]
    world, base = worlds.reference, worlds.baseline
    for i, code in enumerate(world.codes):
        assert base.insecurity[i] == pytest.approx(begun.insecurity[code], rel=1e-9)
        for m, kind in enumerate(world.ladder.names):
            assert base.gain_norm[i, m] == pytest.approx(begun.gain_norm[code, kind], rel=1e-9)
    for dyad, (i, j) in enumerate(zip(world.first, world.second, strict=True)):
        for m, kind in enumerate(world.ladder.names):
            for side, (one, two) in enumerate(((i, j), (j, i))):
                wanted = begun.keen[world.codes[one], world.codes[two], kind]
                assert base.keen[dyad, side, m] == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize(("arm", "run"), [("without", 0), ("with", 1)])
def test_every_date_of_a_replication(scenario: Scenario, worlds: Worlds, begun, arm: str, run: int) -> None:  # type: ignore[no-untyped-def]
    other = plain.Plain(scenario, arm)
    wanted = {row_of(one): one for one in other.live(SEED, run, begun)}
    runs = np.array([run], dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, SEED, runs, None)
    assert len(opportunities.day) == len(other.opportunities(SEED, run))
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    efforts = []

    def look(world: World, state: BlockState, view: View) -> None:
        efforts.append(state.effort[0].copy())

    made = simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, SEED, runs, look).agreements
    world = worlds.arms[arm]
    found = {key: row for row, key in enumerate(rows_of(world, made))}
    gone = {key for key, one in wanted.items() if one.origin == "in_force" and one.ended >= world.grid[-1]}
    assert set(found) == set(wanted) - gone  # what outlasts the scenario is not carried along
    stages = {"talks": 0, "signed": 1, "in_force": 2, "over": 3}
    for key, row in found.items():
        one = wanted[key]
        assert made.stage[row] == stages[one.stage], key
        names = ("ended",) if one.origin == "in_force" else ("opened", "signed", "in_force", "fails", "ended")
        for name in names:
            if name == "opened" and one.opened == plain.NEVER:  # signed before the start
                continue
            there, here = getattr(made, name)[row], getattr(one, name)
            assert there == pytest.approx(here, rel=1e-7, abs=1e-6), (key, name)
    new = [one for one in wanted.values() if one.origin == "new"]
    assert sum(one.stage != "talks" for one in new) > 10  # much has happened
    assert {one.stage for one in new} == set(stages)
    assert max(abs(value) for value in other.effort.values()) > 0.001


def test_replications_together_a_few_at_a_time_are_those_alone(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five together, of whom two lie in the workspace at once, as many do not fit."""
    monkeypatch.setattr(state_module, "AT_ONCE", 2 * 5**2)
    world = worlds.arms["with"]

    def signed(runs: np.ndarray) -> list[dict[tuple[str, str, str, str, int], float]]:
        opportunities = draw_opportunities(worlds.reference, SEED, runs, None)
        thin = thinning(world, opportunities, worlds.bounds["with"])
        made = simulate(world, worlds.baseline, opportunities, thin, SEED, runs).agreements
        each = [made.take(np.flatnonzero((made.run == row) & (made.origin < 5))) for row in range(len(runs))]
        return [dict(zip(rows_of(world, of), of.signed.tolist(), strict=True)) for of in each]

    together = signed(np.arange(5, dtype=np.uint64))
    assert together == [signed(np.array([run], dtype=np.uint64))[0] for run in range(5)]
    assert min(map(len, together)) > 10


def rows_of(world: World, made: AgreementRows) -> list[tuple[str, str, str, str, int]]:
    return [
        (world.codes[world.first[p]], world.codes[world.second[p]], world.ladder.names[m], ORIGINS[o], int(n))
        for p, m, o, n in zip(made.dyad, made.kind, made.origin, made.count, strict=True)
    ]


def row_of(one) -> tuple[str, str, str, str, int]:  # type: ignore[no-untyped-def]
    return (*sorted(one.dyad), one.kind, one.origin, one.count)  # type: ignore[return-value]


@pytest.mark.parametrize("step", [0, 24, -1])
def test_everything_that_is_seen_and_wanted_in_a_step(scenario: Scenario, worlds: Worlds, begun, step: int) -> None:  # type: ignore[no-untyped-def]
    """Of the second of two replications simulated together: beliefs, threat, support, and the nineteen terms."""
    world, baseline = worlds.arms["with"], worlds.baseline
    step %= world.steps
    runs = np.array([1, 2], dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, SEED, runs, None)
    other = plain.Plain(scenario, "with")
    looked = []

    def look(world: World, state: BlockState, view: View) -> None:
        if view.step != step:
            return
        looked.append(step)
        effort = {code: float(state.effort[1, k]) for k, code in enumerate(world.codes)}
        made = as_plain(world, state, plain)
        seen = other.see(step, made, effort, other.acts(SEED, 2))
        whom_one_fears_and_who_lends(world, view, other, made, seen)
        for k, two in enumerate(world.codes):
            wanted = [-math.log(1 - seen.h[one, two]) if one != two else 0.0 for one in world.codes]
            assert hostility_toward(world, state, step, k)[1] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        for i, one in enumerate(world.codes):
            assert view.insecurity[1, i] == pytest.approx(seen.insecurity[one], rel=1e-9)
            assert view.defence[1, i] == pytest.approx(seen.defence[one], rel=1e-9)
            for j, two in enumerate(world.codes):
                if i == j:
                    continue
                for name, matrix in (
                    ("h", view.hostility),
                    ("q", view.against),
                    ("theta", view.threat),
                    ("support", view.support),
                ):
                    assert matrix[1, i, j] == pytest.approx(getattr(seen, name)[one, two], rel=1e-8, abs=1e-12), name
                for k, three in enumerate(world.codes):
                    wanted = seen.a[one, two, three]
                    assert view.alignment[1, world.audience[i], j, k] == pytest.approx(wanted, rel=1e-9)
                for m, kind in ((world.ladder.names.index(name), name) for name in OURS):
                    where = (np.array([1]), np.array([i]), np.array([j]), np.array([m]))
                    p = Prospects(world, baseline, view, state, *where)
                    by_hand = other.terms(seen, made, begun, one, two, kind)
                    for name, term in TERMS.items():
                        assert term(p)[0] == pytest.approx(by_hand[name], rel=1e-8, abs=1e-10), (
                            name,
                            one,
                            two,
                            kind,
                        )
                    u = other.u(seen, made, begun, one, two, kind)
                    assert willingness(p)[0] == pytest.approx(u, rel=1e-8)

    thin = thinning(world, opportunities, worlds.bounds["with"])
    simulate(world, baseline, opportunities, thin, SEED, runs, look)
    assert looked == [step]


def whom_one_fears_and_who_lends(world: World, view: View, other, made: list, seen) -> None:
    """Of the second replication: A_ij = h_ij (c_j o_j p_ij + sum_k lend_jk f_ik c_k o_k p_ik), and b_ij."""
    strength = {
        (i, k): other.capability[k] * other.offence(k) * other.reach(i, k)
        for i in world.codes for k in world.codes if i != k
    }  # fmt: skip
    depth = other.deepest(made, "depth")
    for i, one in enumerate(world.codes):
        assert (view.backing[1, i, i], view.adversaries[1, i, i]) == (0.0, 0.0)
        for j, two in enumerate(world.codes):
            if i == j:
                continue
            assert view.backing[1, i, j] == pytest.approx(seen.backs[one, one, two])
            lent = sum(
                seen.lend[one, two, k]
                * (1 - max(depth[frozenset((one, k))], seen.a[one, one, k])) * strength[one, k]
                for k in world.codes if k not in (one, two)
            )  # fmt: skip
            assert view.adversaries[1, i, j] == pytest.approx(seen.h[one, two] * (strength[one, two] + lent))


def as_plain(world: World, state: BlockState, plain: ModuleType) -> list:  # type: ignore[type-arg]
    """The agreements of the second replication as the other program has them."""
    stages, a = ("talks", "signed", "in_force", "over"), state.agreements
    there = [
        plain.Agreement(
            frozenset((world.codes[world.first[a.dyad[row]]], world.codes[world.second[a.dyad[row]]])),
            world.ladder.names[a.kind[row]], ORIGINS[a.origin[row]], int(a.count[row]), signed=float(a.signed[row]),
            stage=stages[a.stage[row]],
        )
        for row in np.flatnonzero(a.run == 1)
    ]  # fmt: skip
    initial, kept = world.initial, {one.count for one in there if one.origin == "in_force"}
    for row in np.flatnonzero(initial.stage == 2):  # those that outlast the scenario
        if row not in kept:
            dyad = frozenset(
                (world.codes[world.first[initial.dyad[row]]], world.codes[world.second[initial.dyad[row]]])
            )
            there.append(
                plain.Agreement(dyad, world.ladder.names[initial.kind[row]], "in_force", int(row), stage="in_force")
            )
    return there

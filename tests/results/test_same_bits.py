"""Filtered columns are the same to the last bit however runs are cut, in whatever order and with whatever arms."""

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from balance_sim.effects.run import run
from balance_sim.model import engine, state
from balance_sim.model.agents import BalanceModel
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import content_key
from balance_sim.model.engine import AFTER_START
from balance_sim.model.pipeline import agreements_at_start
from balance_sim.model.prospects import Margins
from balance_sim.model.thinning import within_margins
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study import blocks
from balance_sim.study.blocks import Block, BlockOptions, made_in, simulate_batches, simulate_block
from balance_sim.study.estimates import dyad_sums
from balance_sim.study.filtered import FilteredSums, filtered_outcomes, prospect_of
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.tables import BlockTables, joined, of_arms, with_states
from replications import SCENARIOS, SUMMIT, every_kind, simulated, small, windows_of

CONTROL, ARM = "no_summit", "summit"


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Kinds of different shapes, so that a block may hold opportunities of some of them alone."""
    folder = tmp_path_factory.mktemp("uneven")
    plain = small(folder, {})
    shapes = {
        f"kinds.{kind}.talks_shape": shape for kind, shape in zip(plain.kinds, (2, 3, 0.7, 2, 2, 5, 1), strict=True)
    }
    return small(folder, shapes | {"kinds.access.ceiling": 6.0})


def filtered_columns(tables: BlockTables, arm: str) -> dict[str, list[float]]:
    """By outcome, in the order of runs."""
    rows = tables.runs.filter(pa.compute.equal(tables.runs["arm"].cast(pa.string()), arm)).sort_by("run")
    return {name: rows[name].to_pylist() for name in rows.column_names if name.startswith(FILTERED)}


def lived(scenario: Scenario, cuts: list[int], arms: tuple[str, ...] = (CONTROL, ARM), **how: bool) -> BlockTables:
    worlds = compile_worlds(scenario, (CONTROL, *(arm for arm in arms if arm != CONTROL)))
    edges = [0, *cuts, 40]
    parts = [simulate_block(worlds, 3, Block(a, b), arms, options=BlockOptions(**how)) for a, b in pairwise(edges)]
    return joined(parts)


@pytest.mark.parametrize(
    ("cuts", "draws"),
    [
        ([13, 14, 39], False),
        ([1], True),
        *(
            pytest.param(cuts, draws, marks=pytest.mark.long)
            for cuts, draws in (
                ([1], False),
                ([13, 14, 39], True),
                (list(range(1, 40)), False),
                (list(range(1, 40)), True),
            )
        ),
    ],
)
def test_blocks_cut_anywhere(uneven: Scenario, cuts: list[int], draws: bool) -> None:
    """draws: with parameters of their own for each run."""
    whole, parts = (lived(uneven, at, draws=draws) for at in ([], cuts))
    for arm in (CONTROL, ARM):
        assert filtered_columns(parts, arm) == filtered_columns(whole, arm)
    assert dyad_sums([parts.dyads]).equals(dyad_sums([whole.dyads]))


def test_sums_by_state_of_a_replication_alone() -> None:
    """Of so many states that NumPy would add those of one replication in another order than those of several."""
    first, second = np.triu_indices(20, 1)
    by_dyad = np.random.default_rng(1).random((2, len(first)))
    alone = [with_states(run[None], first, second, 20) for run in by_dyad]
    np.testing.assert_array_equal(np.concatenate(alone), with_states(by_dyad, first, second, 20))


@pytest.mark.parametrize("few", [1, 7, 39])
def test_replications_perceived_a_few_at_a_time(uneven: Scenario, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """As worlds of many states are, which 40 replications of a small one are not: what one part leaves behind on the
    workspace is no other's business."""
    whole = lived(uneven, [])
    monkeypatch.setattr(state, "AT_ONCE", few * len(uneven.states) ** 2)
    parts = lived(uneven, [])
    assert parts.runs.to_pandas().equals(whole.runs.to_pandas())
    assert parts.agreements.equals(whole.agreements) and parts.dyads.equals(whole.dyads)


def test_order_and_subset_of_arms() -> None:
    scenario = load_scenario(SUMMIT)
    hasty = scenario.arms["half"].model_copy(update={"set": every_kind(scenario, intercept=-1.0)})
    scenario = scenario.model_copy(update={"arms": {**scenario.arms, "hasty": hasty}})
    whole = lived(scenario, [], (CONTROL, ARM, "half", "reassured", "hasty"))
    turned = lived(scenario, [], ("hasty", "reassured", "half", ARM, CONTROL))
    alone = lived(scenario, [], ("hasty", CONTROL, "half"))
    for arm in (CONTROL, "half", "hasty"):
        columns = filtered_columns(whole, arm)
        assert filtered_columns(turned, arm) == columns == filtered_columns(alone, arm)
        rows = of_arms(whole.agreements, [arm])
        assert of_arms(turned.agreements, [arm]).equals(rows) and of_arms(alone.agreements, [arm]).equals(rows)
    assert dyad_sums([whole.dyads]).loc["half"].equals(dyad_sums([alone.dyads]).loc["half"])


def test_bounds_that_are_exceeded(uneven: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiny margins some replications leave them. What is filtered of the others is the same, whichever replication
    comes with them; of those that left it has the same mean, for the counts are the same."""
    plain = lived(uneven, [])
    tiny = Margins(partners=2.0, agreements=1.0, signed=2.0, log_mean=0.3)
    left: list[np.ndarray] = []

    def narrow(world: object, baseline: object, state: object) -> np.ndarray:
        found = within_margins(world, baseline, state, tiny)
        left.append(~found)
        return found

    monkeypatch.setattr(engine, "within_margins", narrow)
    whole = lived(uneven, [])
    assert any(of.any() for of in left) and not all(of.all() for of in left)
    for cuts in ([7], list(range(1, 40))):
        parts = lived(uneven, cuts)
        for arm in (CONTROL, ARM):
            assert filtered_columns(parts, arm) == filtered_columns(whole, arm)
    drawn = [name for name in plain.runs.column_names if not name.startswith(FILTERED)]
    assert plain.runs.select(drawn).to_pandas().equals(whole.runs.select(drawn).to_pandas())
    here, there = (np.array(filtered_columns(of, ARM)[f"{FILTERED}accords_all_300"]) for of in (plain, whole))
    kept = here == there
    assert kept.any() and not kept.all()


def test_a_bound_holds_where_it_is_used(uneven: Scenario) -> None:
    """Within the margins no weight exceeds 1: a probability is never above its bound."""
    for scenario, arms in (
        (uneven, (CONTROL, ARM)),
        (load_scenario(SCENARIOS / "beijing_2025.yaml"), ("no_parade", "parade")),
    ):
        worlds = compile_worlds(scenario, arms)
        for arm in arms:
            found, _ = simulated(worlds, arm, np.arange(30, dtype=np.uint64), thinned=False)
            assert found.simulated.consent.min() >= 0.0 and found.simulated.consent.max() <= 1.0


@pytest.mark.parametrize("path", [SUMMIT, pytest.param(SCENARIOS / "beijing_2025.yaml", marks=pytest.mark.long)])
def test_an_event_that_nobody_sees_has_no_effect_at_all(path: Path) -> None:
    """`--set events.<focal>.visibility=0`: every filtered and counted outcome and every dyad, to the last bit."""
    scenario = load_scenario(path)
    unseen = with_values(scenario, {f"events.{scenario.focal}.visibility": 0.0})
    arm = next(name for name, one in scenario.arms.items() if not (one.drop or one.add or one.set))
    result = run(unseen, 12, 3, arms=[arm])
    effects = result.effects
    assert {"filtered", "count"} == set(effects["estimator"])
    known = effects[effects["mean"].notna()]
    assert len(known) > 50
    assert (known[["mean", "mcse", "lo", "hi", "share_positive", "share_negative"]] == 0).all(axis=None)
    assert (effects[["share_positive", "share_negative"]] == 0).all(axis=None)
    for frame in (result.dyads, result.states):
        assert len(frame) and (frame[["effect", "mcse", "lo", "hi", "z"]] == 0).all(axis=None)
    seen = run(scenario, 12, 3, arms=[arm])
    assert (seen.dyads["effect"] != 0).any()


@pytest.mark.parametrize("number", [0, 5])
def test_the_mesa_face_gives_the_same_filtered_sums(uneven: Scenario, number: int) -> None:
    worlds = compile_worlds(uneven, (CONTROL, ARM))
    for arm in (CONTROL, ARM):
        engines, _ = simulated(worlds, arm, np.array([number], dtype=np.uint64), seed=3)
        agents = BalanceModel(uneven, arm, 3, run=number, worlds=worlds).run_until_end()
        found = FilteredSums(
            worlds.arms[arm], agents.simulated,
            prospect_of(worlds, agents.opportunities, windows_of(worlds)), windows_of(worlds),
            worlds.baseline.direction, 1,
        )  # fmt: skip
        wanted = filtered_outcomes(engines)
        for name, values in filtered_outcomes(found).items():
            np.testing.assert_allclose(values, wanted[name], atol=1e-12, err_msg=name)
        assert engines.simulated.consent.sum() > 0


def test_arms_that_begin_alike_begin_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arm with other parameters begins on its own; the rest begin as the first did, and share the steps in which
    they do not differ, until a replication leaves the margins, to the last bit."""
    unseen = load_scenario(SUMMIT, set=["events.summit.visibility=0"])
    worlds = compile_worlds(unseen, (CONTROL, ARM))
    control, summit = worlds.arms[CONTROL], worlds.arms[ARM]
    assert content_key(control, AFTER_START) == content_key(summit, AFTER_START)
    assert content_key(control) != content_key(summit)
    slower = replace(summit, arm="slower", rules=replace(summit.rules, collapse_rate=summit.rules.collapse_rate + 0.5))
    assert content_key(control, AFTER_START) != content_key(slower, AFTER_START)
    apart = replace(
        worlds, arms={**worlds.arms, "slower": slower}, bounds={**worlds.bounds, "slower": worlds.bounds[ARM]}
    )
    arms, begun, reached, tiny = (CONTROL, ARM, "slower"), [], [], Margins(signed=1.0, log_mean=0.3)
    monkeypatch.setattr(engine, "within_margins", lambda *of: within_margins(*of, tiny))
    monkeypatch.setattr(blocks, "agreements_at_start", lambda *of: begun.append(of[0].arm) or agreements_at_start(*of))
    monkeypatch.setattr(blocks, "proceed", lambda *of: reached.append(engine.proceed(*of)) or reached[-1])
    together = simulate_block(apart, 5, Block(0, 30), arms)
    assert begun == [CONTROL, "slower"] and 0 < reached[0] < control.steps
    begun.clear()
    monkeypatch.setattr(blocks, "content_key", lambda *_: os.urandom(16))
    monkeypatch.setattr(blocks, "parting", lambda *_: 0)
    alone = simulate_block(apart, 5, Block(0, 30), arms)
    assert all(getattr(alone, name).to_pandas().equals(table.to_pandas()) for name, table in vars(together).items())
    assert begun == list(arms)


def test_what_an_arm_made_in_some_replications_is_taken_from_those_of_all() -> None:
    worlds = compile_worlds(load_scenario(SUMMIT), (CONTROL,))
    whole, part = (np.arange(0, 12, every, dtype=np.uint64) for every in (1, 4))
    batches = [*simulate_batches(worlds, 3, whole[:7], [CONTROL], BlockOptions()),
               *simulate_batches(worlds, 3, whole[7:], [CONTROL], BlockOptions())]  # fmt: skip
    taken = made_in(batches, CONTROL, part)
    (alone,) = simulate_batches(worlds, 3, part, [CONTROL], BlockOptions())
    for name, values in vars(alone.agreements[CONTROL]).items():
        orders = (np.lexsort((rows.key, rows.run)) for rows in (taken, alone.agreements[CONTROL]))
        np.testing.assert_array_equal(getattr(taken, name)[next(orders)], values[next(orders)], err_msg=name)

"""Ensembles on request, with a process of its own, against the study of the same scenario."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from balance_sim.app.arm_tables import ArmTables, beside, one_arm_tables
from balance_sim.app.controls import EnsembleRequest, read_request, run_controls
from balance_sim.app.ensembles import BlockCache, Service
from balance_sim.app.workers import EnsemblePart, PartFailed, Workers
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import Block, simulate_arms
from balance_sim.study.outcomes import NEW
from balance_sim.study.recorder import focal_recorder
from balance_sim.study.result import Result
from serving import LOUD, SCENARIO

ARMS = ("no_summit", "summit")
SMALL = load_scenario(SCENARIO, set=LOUD[1::2])


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it, in a loop and a thread of its own: tests in a browser leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def last(clerk: Service, wish: EnsembleRequest) -> Result:
    """The whole answer."""
    setting = await clerk.setting(wish)
    found = [one async for one in clerk.answers(setting, wish.runs)][-1]
    assert isinstance(found, Result)
    return found


@pytest.mark.slow
def test_a_study_that_draws_its_parameters() -> None:
    """What is lived anew draws them too; new agreements and outcomes are those of the study, table by table."""
    wish = read_request(run_controls(SMALL), 40, json.dumps({"values": {"visibility": 0.5}}).encode())
    study = run(with_values(SMALL, dict(wish.values)), 40, 3, draw_parameters=True)
    plain = run(with_values(SMALL, dict(wish.values)), 40, 3)
    workers = Workers(1, 3, draws=True)
    try:
        found = done(last(Service(SMALL, 3, ARMS, workers), wish))
    finally:
        workers.close()
    shown = found.outcomes
    assert shown.equals(study.outcomes[shown.columns])
    assert not shown.equals(plain.outcomes[shown.columns])
    rows = ["run", "arm", "a", "b", "kind", "signed"]
    new = study.agreements["origin"].isin(NEW) & study.agreements["signed"].notna()
    new &= pd.to_datetime(study.agreements["signed"]) > pd.Timestamp(study.focal_day, unit="D")
    assert 0 < new.sum() < len(new)
    mine, theirs = (
        one[rows].astype(str).sort_values(rows, ignore_index=True) for one in (found.agreements, study.agreements[new])
    )
    assert mine.equals(theirs)
    assert found.dyads.equals(study.dyads) and found.states.equals(study.states)
    assert (found.dyads["effect"] != 0).any()


@pytest.mark.slow
def test_blocks_that_overlap_or_are_cut_leave_each_dyad_the_sums_of_its_runs() -> None:
    """Two requests under way at once may live some runs twice, and fewer runs are asked for than a block holds."""
    study, worlds = run(SMALL, 33, 3), compile_arms(SMALL, ARMS)
    shelf = BlockCache()
    for arm in ARMS:
        for block in (Block(0, 12), Block(5, 20), Block(6, 9), Block(18, 40)):
            numbers = np.arange(block.first, block.stop, dtype=np.uint64)
            batch = simulate_arms(worlds, 3, numbers, (arm,), focal_recorder(worlds))
            shelf.put(arm, block, one_arm_tables(worlds, arm, batch))
    kept = {arm: shelf.first(arm, 33) for arm in ARMS}
    assert [len(one.dyads) for one in kept[ARMS[1]]] == [12, 8, 13]
    tables = beside(kept, SMALL.codes)
    found = Result(scenario=SMALL, runs=33, seed=3, arms=ARMS, version="", memory=(tables,))
    assert found.dyads.equals(study.dyads) and found.states.equals(study.states)
    told = study.effects["outcome"].isin(set(found.effects["outcome"]))
    assert found.effects.equals(study.effects[told].reset_index(drop=True))


class Deadly:
    """Unpacked, it takes its process with it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


@pytest.mark.slow
def test_a_part_that_kills_its_process_takes_no_other_part_with_it() -> None:
    """All that is under way dies with it, twice if they go on together; it alone is to blame."""
    workers = Workers(1, 3)
    workers.supersede(1)
    scenario, deadly = pickle.dumps(SMALL), pickle.dumps(Deadly())
    parts = [
        EnsemblePart("deadly" if k == 0 else "small", deadly if k == 0 else scenario, ARMS, ARMS[1], block, 1)
        for k, block in enumerate([Block(0, 9), Block(0, 20), Block(20, 40)])
    ]

    async def all_at_once() -> list[ArmTables | BaseException]:
        found = await asyncio.gather(*map(workers.ask, parts), return_exceptions=True)
        assert (await workers.ask(parts[1])).runs.equals(found[1].runs)  # and it goes on
        return found

    try:
        first, *others = done(all_at_once())
    finally:
        workers.close()
    assert isinstance(first, PartFailed)
    assert "runs 0 to 8 of arm summit killed their process twice" in str(first)
    assert [one.runs["run"].to_pylist() for one in others] == [
        list(range(part.block.first, part.block.stop)) for part in parts[1:]
    ]

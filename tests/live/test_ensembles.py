"""Ensembles on request, with a process of its own, against the study of the same scenario."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest
from serving import LOUD, SCENARIO

from balance_sim.live.dials import Wish, dials_round, read_wish
from balance_sim.live.ensembles import Clerk
from balance_sim.live.faults import BadRequest, PartFailed
from balance_sim.live.workers import Part, Workers
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.blocks import Block, BlockTables
from balance_sim.study.pairs import NEW_ORIGINS
from balance_sim.study.result import Result
from balance_sim.study.run import run

ARMS = ("no_summit", "summit")
SMALL = load_scenario(SCENARIO, set=LOUD[1::2])


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it, in a loop and a thread of its own: tests in a browser leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def last(clerk: Clerk, wish: Wish) -> Result:
    """The whole answer."""
    setting = await clerk.setting(wish)
    found = [one async for one in clerk.answers(setting, wish.runs)][-1]
    assert isinstance(found, Result)
    return found


@pytest.mark.slow
def test_a_study_that_draws_its_parameters() -> None:
    """What is lived anew draws them too; new accords and outcomes are those of the study, table by table."""
    wish = read_wish(dials_round(SMALL), 40, json.dumps({"values": {"visibility": 0.5}}).encode())
    study = run(with_values(SMALL, dict(wish.values)), 40, 3, draw_parameters=True)
    plain = run(with_values(SMALL, dict(wish.values)), 40, 3)
    workers = Workers(1, 3, draws=True)
    try:
        found = done(last(Clerk(SMALL, 3, ARMS, workers), wish))
    finally:
        workers.close()
    shown = found.outcomes
    assert shown.equals(study.outcomes[shown.columns])
    assert not shown.equals(plain.outcomes[shown.columns])
    rows = ["run", "arm", "a", "b", "kind", "signed"]
    new = study.accords["origin"].isin(NEW_ORIGINS) & study.accords["signed"].notna()
    new &= pd.to_datetime(study.accords["signed"]) > pd.Timestamp(study.focal_day, unit="D")
    assert 0 < new.sum() < len(new)
    mine, theirs = (
        one[rows].astype(str).sort_values(rows, ignore_index=True)
        for one in (found.accords, study.accords[new])
    )
    assert mine.equals(theirs)


@pytest.mark.slow
def test_few_lives_are_lived_in_one_go_and_many_are_told_in_between() -> None:
    """Once the reference arm is on the shelf, a setting that moves the event alone is half the work."""
    workers = Workers(1, 3)
    clerk = Clerk(SMALL, 3, ARMS, workers)

    async def told(visibility: float) -> list[int]:
        wish = read_wish(dials_round(SMALL), 180, json.dumps({"values": {"visibility": visibility}}).encode())
        answers = clerk.answers(await clerk.setting(wish), wish.runs)
        return [one.runs async for one in answers if isinstance(one, Result)]

    async def both() -> tuple[list[int], list[int]]:
        return await told(0.5), await told(0.25)

    try:
        assert done(both()) == ([50, 180], [180])
    finally:
        workers.close()


def test_a_setting_that_no_file_could_have_is_refused() -> None:
    """Each dial may be within its bounds and the whole still be no scenario."""
    workers = Workers(1, 1)  # starts no process before it is given something
    clerk = Clerk(SMALL, 1, ARMS, workers)
    wish = Wish((("events.summit.principals", ("XAR", "XAR")),), 10)
    with pytest.raises(BadRequest, match=r"events\.summit\.principals") as refused:
        done(clerk.setting(wish))
    assert "\n" not in str(refused.value)
    workers.close()


class Deadly:
    """Unpacked, it takes its process with it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


@pytest.mark.fault("F03")
@pytest.mark.slow
def test_a_part_that_kills_its_process_takes_no_other_part_with_it() -> None:
    """All that is under way dies with it, twice if they go on together; it alone is to blame."""
    workers = Workers(1, 3)
    workers.supersede(1)
    scenario, deadly = pickle.dumps(SMALL), pickle.dumps(Deadly())
    parts = [
        Part("deadly" if k == 0 else "small", deadly if k == 0 else scenario, ARMS, ARMS[1], block, 1)
        for k, block in enumerate([Block(0, 9), Block(0, 20), Block(20, 40)])
    ]

    async def all_at_once() -> list[BlockTables | BaseException]:
        found = await asyncio.gather(*map(workers.live, parts), return_exceptions=True)
        assert (await workers.live(parts[1])).runs.equals(found[1].runs)  # and it goes on
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

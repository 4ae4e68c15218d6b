"""Occasions kept from before are those that would be drawn anew, and nothing else is taken for them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from balance_sim.app.workers import OpportunityCache
from balance_sim.model.core import Opportunities
from balance_sim.model.thinning import draw_opportunities
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.arms import compile_arms
from serving import LOUD, SCENARIO

ARMS = ("no_summit", "summit")
SMALL = load_scenario(SCENARIO, set=LOUD[1::2])
RUNS = np.arange(3, 9, dtype=np.uint64)


def same(one: Opportunities, other: Opportunities) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"events.summit.visibility": 0.25}, True),
        ({"parameters.beta": 0.35}, False),
        ({"kinds.access.ceiling": 1.5}, False),
        ({"step_days": 5.0}, False),
        ({"end": "2026-06-01"}, False),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_only_what_moves_the_event_alone_leaves_them(values: dict[str, Any], kept: bool) -> None:
    occasions = OpportunityCache()
    worlds = compile_arms(SMALL, ARMS)
    first = occasions.draw(worlds.reference, 1, RUNS, worlds.most)
    moved = compile_arms(with_values(SMALL, values), ARMS)
    found = occasions.draw(moved.reference, 1, RUNS, moved.most)
    assert (found is first) is kept
    assert same(found, draw_opportunities(moved.reference, 1, RUNS, moved.most))


def test_runs_seed_and_screening_are_told_apart() -> None:
    occasions, worlds = OpportunityCache(), compile_arms(SMALL, ARMS)
    asked = [(1, RUNS, worlds.most), (2, RUNS, worlds.most), (1, RUNS[:-1], worlds.most), (1, RUNS, None)]
    found = [occasions.draw(worlds.reference, *one) for one in asked]
    assert len({id(one) for one in found}) == len(asked)
    for one, inputs in zip(found, asked, strict=True):
        assert same(one, draw_opportunities(worlds.reference, *inputs))
        assert occasions.draw(worlds.reference, *inputs) is one


def test_what_was_used_longest_ago_goes() -> None:
    worlds = compile_arms(SMALL, ARMS)
    size = len(draw_opportunities(worlds.reference, 1, RUNS, worlds.most).day) * 56
    occasions = OpportunityCache(most=round(2.6 * size))
    first = occasions.draw(worlds.reference, 1, RUNS, worlds.most)
    second = occasions.draw(worlds.reference, 2, RUNS, worlds.most)
    assert occasions.draw(worlds.reference, 1, RUNS, worlds.most) is first
    occasions.draw(worlds.reference, 3, RUNS, worlds.most)
    assert occasions.draw(worlds.reference, 1, RUNS, worlds.most) is first
    assert occasions.draw(worlds.reference, 2, RUNS, worlds.most) is not second

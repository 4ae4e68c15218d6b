"""The life of an agreement with days worked out by hand, on two states: lags, collapse, what is on record.

All lags are exponential, so that the lag of an agreement is -mean ln U with the uniform number U of its key, also given
that some of it has passed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import NEVER, ORIGINS
from balance_sim.model.engine import begin, turn_of_step
from balance_sim.model.perception import announcements, perceive
from balance_sim.model.pipeline import sign_talks
from balance_sim.model.state import BlockState
from balance_sim.scenario import load_scenario, with_values

SEED, RUN, MEAN, FORCE = 3, np.array([4], dtype=np.uint64), 80.0, 50.0
TEXT = """
schema: 1
title: "Two states"
start: 2000-01-01
end: 2002-01-01
focal: signal
step_days: 10
states:
  - {id: XAA, name: A, capability: 0.6, ideal_point: 0, latitude: 0, longitude: 0}
  - {id: XBB, name: B, capability: 0.4, ideal_point: 1, latitude: 0, longitude: 5}
audiences: {all: {members: [XAA, XBB], attention: {treaty: 0.5}}}
events: [{id: signal, date: 2000-03-01, kind: incident, principals: [XBB], targets: [XAA]}]
accords: [ACCORD]
kinds: {logistics: {depth: 0.3, talks_days: 80, talks_shape: 1, force_days: 50, force_shape: 1, at_once: 1}}
parameters: {collapse_rate: 0, end_rate: 0}
event_kinds: {treaty: {alignment: 0.3}}
arms: {without: {reference: true, drop: [signal]}, with: {}}
"""


def worlds(folder: Path, agreement: str = "", **values: Any) -> Worlds:
    """With one agreement of A and B on record, on logistics, if any is given."""
    path = folder / "two.yaml"
    row = f"{{id: it, a: XAA, b: XBB, kind: logistics, {agreement}}}" if agreement else ""
    path.write_text(TEXT.replace("ACCORD", row))
    return compile_worlds(with_values(load_scenario(path), {k.replace("__", "."): v for k, v in values.items()}))


def begun(found: Worlds) -> BlockState:
    """The state at the start with the record alone, whatever else would be under way."""
    state = begin(found.reference, found.baseline, SEED, RUN)
    state.agreements = state.agreements.take(np.flatnonzero(state.agreements.origin != ORIGINS.index("assumed")))
    state.busy[:] = False
    a = state.agreements
    under_way = a.stage < 2
    state.busy[a.run[under_way], a.dyad[under_way], a.kind[under_way]] = True
    return state


def key() -> Any:
    """Of the agreement's own clocks: seed and run, what for, dyad, kind, and its id."""
    out = clocks.absorb(clocks.absorb(clocks.label("balance-sim"), SEED), 4)
    for part in (
        clocks.label("accord"),
        clocks.label("XAA-XBB"),
        clocks.label("logistics"),
        clocks.label("it"),
    ):
        out = clocks.absorb(out, part)
    return out


def ln_u(at: Any) -> float:
    return -math.log(float(clocks.uniform(at)))


def test_talks_on_record_go_on_from_how_long_they_have_lasted(tmp_path: Path) -> None:
    """Opened on 1999-10-03, 90 days before the start: the whole length is 90 - 80 ln U, and not -80 ln U. Signed so
    many days after the start."""
    found = worlds(tmp_path, "status: talks, opened: 1999-10-03")
    a = begun(found).agreements
    rest = MEAN * ln_u(clocks.absorb(key(), 1))
    assert (a.opened[0], a.progress[0]) == (-90.0, 90.0)
    assert a.length[0] == pytest.approx(90.0 + rest)
    unknown = begun(worlds(tmp_path, "status: talks")).agreements
    assert (unknown.opened[0], unknown.length[0]) == (0.0, pytest.approx(rest))


def test_what_was_signed_before_the_start_is_not_in_force_at_once(tmp_path: Path) -> None:
    """Signed on 1999-12-02, 30 days before, of a kind that is always in force at once: it has not been, so the other
    lag holds, given 30 days: day -50 ln U."""
    found = worlds(tmp_path, "status: signed, signed: 1999-12-02")
    a = begun(found).agreements
    assert a.signed[0] == -30.0
    assert a.in_force[0] == pytest.approx(FORCE * ln_u(clocks.absorb(key(), 3)))
    today = begun(worlds(tmp_path, "status: signed, signed: 2000-01-01")).agreements
    assert (today.signed[0], today.in_force[0]) == (0.0, 0.0)


def test_a_fixed_date_holds_and_cannot_collapse_before(tmp_path: Path) -> None:
    """2000-02-10 is day 40. Without a date the collapse rate of 2 a year has its clock."""
    often = {"parameters__collapse_rate": 2.0}
    fixed = begun(worlds(tmp_path, "status: signed, signed: 1999-12-02, scheduled_in_force: 2000-02-10", **often))
    assert (fixed.agreements.in_force[0], fixed.agreements.fails[0]) == (40.0, NEVER)
    assert fixed.agreements.origin[0] == ORIGINS.index("scheduled")
    talks = begun(worlds(tmp_path, "status: talks, scheduled_signed: 2000-02-10", **often)).agreements
    assert (talks.signed[0], talks.fails[0]) == (40.0, NEVER)
    found = worlds(tmp_path, "status: signed, signed: 1999-12-02", **often)
    assert begun(found).agreements.fails[0] == pytest.approx(365.25 / 2 * ln_u(clocks.absorb(key(), 4)))
    found = worlds(tmp_path, "status: talks", **often)
    assert begun(found).agreements.fails[0] == pytest.approx(365.25 / 2 * ln_u(clocks.absorb(key(), 2)))


def test_an_announced_agreement_fades_and_counts_no_more_once_in_force(tmp_path: Path) -> None:
    """Treaty: 0.3 nats, half-life 730 days, depth 0.3. Signed 73 days before the start: on day 0 0.3 x 0.3 x 2^(-0.1),
    on day 292 2^(-0.5). What is signed later than the day is not announced."""
    found = worlds(tmp_path, "status: signed, signed: 1999-10-20, scheduled_in_force: 2001-06-01")
    world, state = found.reference, begun(found)
    assert state.agreements.signed[0] == -73.0
    assert announcements(world, state, 0.0)[0, 0] == pytest.approx(0.09 * 2**-0.1)
    assert announcements(world, state, 292.0)[0, 0] == pytest.approx(0.09 * 2**-0.5)
    state.agreements.signed[0] = 292.5
    assert announcements(world, state, 292.0)[0, 0] == 0.0
    state.agreements.signed[0] = -73.0
    state.day = 517.0  # 2001-06-01
    turn_of_step(world, state)
    assert announcements(world, state, 520.0)[0, 0] == 0.0 and state.depth[0, 0, 1] == 0.3
    # In the first step's middle, day 5: alpha = alpha0 - gap + 0.5 x the news.
    view = perceive(world, begun(found), 0)
    nats = -2.5 - 1.0 + 0.5 * 0.09 * 2 ** (-78 / 730)
    assert view.own[0, 0, 1] == pytest.approx(1 / (1 + math.exp(-nats)))


def at(found: Worlds, state: BlockState, first: int, steps: int) -> list[tuple[int, float, float]]:
    """Stage, day of signature and progress after each of some steps."""
    out, world = [], found.reference
    for step in range(first, first + steps):
        turn_of_step(world, state)
        sign_talks(world, state, world.grid[step], world.grid[step + 1])
        state.day = world.grid[step + 1]
        out.append(
            (int(state.agreements.stage[0]), float(state.agreements.signed[0]), float(state.agreements.progress[0]))
        )
    return out


def test_talks_are_signed_at_their_length_and_in_force_at_once(tmp_path: Path) -> None:
    """Length 90 + 12.5: with 90 days behind them they are at 100 after the first step of ten days and are signed on day
    12.5, in the second; in force the same day, from the next step on."""
    found = worlds(tmp_path, "status: talks, opened: 1999-10-03")
    state = begun(found)
    state.agreements.length[0] = 102.5
    assert at(found, state, 0, 2) == [(0, NEVER, 100.0), (1, 12.5, 110.0)]
    a = state.agreements
    assert (a.in_force[0], a.fails[0]) == (12.5, NEVER)
    assert (state.busy[0, 0].sum(), state.depth[0, 0, 1]) == (1, 0.0)
    turn_of_step(found.reference, state)
    assert (a.stage[0], state.busy[0, 0].sum(), state.depth[0, 0, 1]) == (2, 0, 0.3)


def test_a_signature_is_experience_that_fades_from_its_day(tmp_path: Path) -> None:
    """Signed on day 12.5: 2^(12.5 / half-life) scaled to day 0, for the dyad, for both states, and of late."""
    found = worlds(tmp_path, "status: talks, opened: 1999-10-03")
    state = begun(found)
    state.agreements.length[0] = 102.5
    at(found, state, 0, 2)
    whole, lately = 2 ** (12.5 / 3652.5), 2 ** (12.5 / 1095.75)
    assert state.experience[0].tolist() == pytest.approx([whole])
    assert state.engaged[0].tolist() == pytest.approx([whole, whole])
    assert state.active[0].tolist() == pytest.approx([lately, lately])
    assert state.touched.all()


def test_talks_signed_on_the_first_day_of_a_step_belong_to_it(tmp_path: Path) -> None:
    """Length 110: done exactly at day 20, which is no more in the step from 10 to 20, and in the next, of twice
    the length."""
    found = worlds(tmp_path, "status: talks, opened: 1999-10-03")
    state = begun(found)
    state.agreements.length[0] = 110.0
    assert at(found, state, 0, 3) == [(0, NEVER, 100.0), (0, NEVER, 110.0), (1, 20.0, 130.0)]


@pytest.mark.parametrize(("fails", "over"), [(12.4, True), (12.6, False)])
def test_talks_collapse_before_they_are_signed_or_not(tmp_path: Path, fails: float, over: bool) -> None:
    found = worlds(tmp_path, "status: talks, opened: 1999-10-03")
    state = begun(found)
    state.agreements.length[0], state.agreements.fails[0] = 102.5, fails
    stage, signed, _ = at(found, state, 0, 2)[-1]
    assert (stage, signed) == ((3, NEVER) if over else (1, 12.5))
    assert state.agreements.ended[0] == (fails if over else NEVER)
    assert state.busy[0, 0].sum() == (0 if over else 1)
    assert state.experience[0, 0] == (0.0 if over else pytest.approx(2 ** (12.5 / 3652.5)))


@pytest.mark.parametrize(("fails", "stage"), [(60.0, 3), (80.0, 2), (70.0, 2)])
def test_a_signed_agreement_collapses_only_before_it_is_in_force(tmp_path: Path, fails: float, stage: int) -> None:
    """In force on day 70."""
    found = worlds(tmp_path, "status: signed, signed: 1999-12-02")
    state = begun(found)
    a = state.agreements
    a.in_force[0], a.fails[0], state.day = 70.0, fails, 59.9
    turn_of_step(found.reference, state)
    assert a.stage[0] == 1
    state.day = 70.0
    turn_of_step(found.reference, state)
    assert a.stage[0] == stage and state.depth[0, 0, 1] == (0.0 if stage == 3 else 0.3)
    assert (a.ended[0], a.in_force[0]) == ((60.0, NEVER) if stage == 3 else (NEVER, 70.0))
    assert not state.busy.any()


def test_an_agreement_in_force_ends_on_its_own_clock(tmp_path: Path) -> None:
    """At 1.5 a year: day -365.25 / 1.5 ln U; one that outlasts the scenario is not carried along."""
    found = worlds(tmp_path, "status: in_force, in_force: 1990-01-01", parameters__end_rate=1.5)
    a, wanted = begun(found).agreements, 365.25 / 1.5 * ln_u(clocks.absorb(key(), 5))
    assert len(a.ended) == (1 if wanted < found.reference.grid[-1] else 0)
    assert a.ended == pytest.approx([wanted])

"""Arrays of a scenario are the same to the last bit, however they are put together and whatever was kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.model import baseline
from balance_sim.model import world as compiled
from balance_sim.model.baseline import Worlds, _all_prospects, compile_worlds, unfrozen
from balance_sim.model.beliefs import audiences_of, decay, members, prior_alignment, prior_intent, relative_gap
from balance_sim.model.changes import with_force
from balance_sim.model.core import OddsByStep, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.willingness import TERMS, willingness
from balance_sim.model.world import by_audience, compile_world, ground_of, quarrels
from balance_sim.scenario import Scenario, arm_scenario, load_scenario, with_values
from balance_sim.scenario.fingerprint import RecentResults, content_digest

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.yaml"))
BEIJING_PATH = next(path for path in SHIPPED if path.stem == "beijing_2025")
BEIJING = load_scenario(BEIJING_PATH)


def arrays(piece: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every array and plain value below a dataclass, with where it stands; the scenario and what is not compared left
    out."""
    if isinstance(piece, dict):
        for key, value in piece.items():
            yield from arrays(value, f"{path}.{key}")
    elif isinstance(piece, OddsByStep):
        yield from arrays(piece[:], path)
    elif is_dataclass(piece):
        for one in fields(piece):
            if one.compare and one.name != "scenario":
                yield from arrays(getattr(piece, one.name), f"{path}.{one.name}")
    elif isinstance(piece, np.ndarray):
        yield path, (piece.dtype.str, piece.shape, piece.tobytes())
    else:
        yield path, repr(piece)


def same(one: Any, other: Any) -> bool:
    mine, theirs = dict(arrays(one)), dict(arrays(other))
    assert len(mine) > 50
    assert mine.keys() == theirs.keys()
    assert not [path for path in mine if mine[path] != theirs[path]]
    return True


def forget() -> None:
    """Nothing of what was compiled before is held on to."""
    compiled._PARTS = RecentResults(most=32)
    baseline._stored.cache_clear()


def plain_evidence(scenario: Scenario, grid: Any) -> tuple[Any, Any, Any]:
    """Event by event into whole matrices: alignment (S, A, n, n), intent (S, n, n), reliability lost (S, n)."""
    roster = {code: i for i, code in enumerate(scenario.codes)}
    starts, moments = grid[:-1], (grid[:-1] + grid[1:]) / 2
    audiences, n = audiences_of(scenario), len(roster)
    align = np.zeros((len(starts), len(audiences.names), n, n))
    intent, lost = np.zeros((len(starts), n, n)), np.zeros((len(starts), n))
    for event in scenario.events:
        if event.accord is not None:
            continue
        kind, day = scenario.event_kinds[event.kind], (event.date - scenario.start).days
        left = np.where(starts >= day, decay(moments - day, kind.half_life_days), 0.0) * event.visibility
        heed = audiences.attention[event.kind]
        who, guests, targets = (
            members(getattr(event, role), scenario.groups, roster) for role in ("principals", "guests", "targets")
        )
        for i in who:
            for j in {*who, *guests} - {*targets, i}:
                if i not in targets and not (j in who and j < i):
                    dose = (event.sign * kind.alignment) * left[:, None] * heed
                    align[:, :, i, j] += dose
                    align[:, :, j, i] += dose
            lost[:, i] += kind.reliability * left
            scale = scenario.parameters.prior_tension if day < 0 else 1.0
            for target in set(targets) - {i}:
                intent[:, target, i] += (kind.intent * scale) * left * heed[audiences.of[target]]
    return align, intent, lost


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_beliefs_before_accords_are_those_of_whole_matrices(path):
    """Fear that spreads is left out here; tests/model/by_hand holds it."""
    given = BEIJING if path == BEIJING_PATH else load_scenario(path)
    scenario = with_values(given, {f"event_kinds.{kind}.spreads": 0.0 for kind in ("force", "annexation")})
    worlds, p = compile_worlds(scenario), scenario.parameters
    for arm, world in worlds.arms.items():
        version = by_audience(with_force(arm_scenario(scenario, arm)))
        align, intent, lost = plain_evidence(version, world.grid)
        prior = prior_alignment(world.gap, p.alpha0, p.alpha_x)
        odds = np.exp(-(prior + align)[..., world.first, world.second])
        assert np.array_equal(world.odds_against[:], odds)
        against = relative_gap(world.gap, p.eta_relative)
        quarrel = prior_intent(against, quarrels(version, version.start), p.eta0, p.eta_x)
        assert np.array_equal(world.intent_odds[:], np.exp(quarrel + intent))
        assert np.array_equal(world.reliability, np.array([s.reliability for s in version.states]) * np.exp(-lost))
        assert given is not BEIJING or (align.any() and intent.any())


POINTS: tuple[dict[str, object], ...] = (
    {"parameters.beta": 0.3},
    {"parameters.alpha_x": 0.8, "parameters.delta_km": 900.0},
    {"parameters.experience_half_life_days": 99.0},
    {"events.parade.visibility": 0.4},
    {"events.parade.date": "2025-09-10"},
    {"theory.weights.closure": 0.3},
    {"theory.preset": "hub_doubt"},
    {"theory.preset": "balance_of_power"},
    {"audiences.west.attention.default": 0.25},
    {"kinds.access.ceiling": 3.0, "kinds.access.depth": 0.9},
    {"states.USA.reliability": 0.2, "states.JPN.ideal_point": -3.0},
    {"trade.JPN-CHN.share": 0.01, "distances.CHN-JPN.km": 9.0},
    {f"accords.{BEIJING.agreements[0].id}.precision": "year"},
    {"step_days": 10.0},
    {"event_kinds.visit.half_life_days": 30.0, "event_kinds.visit.reliability": 0.2},
)


def test_what_is_kept_between_points_changes_no_bit():
    """Each point compiled with nothing kept, and then among the others, forwards and back."""
    arms = (BEIJING.reference_arm, "parade", "half_visibility")
    points = [with_values(BEIJING, values) for values in POINTS]
    alone = []
    for point in points:
        forget()
        alone.append(compile_worlds(point, arms))
    for point, expected in [*zip(points, alone, strict=True), *reversed([*zip(points, alone, strict=True)])]:
        assert same(compile_worlds(point, arms), expected)


def test_a_level_rests_on_weights_as_they_are_now() -> None:
    """Weights that are changed in place, and those whose level other theories keep, which the posterior estimates."""
    changed = BEIJING.model_copy(deep=True)
    levels = [compile_worlds(changed).reference.ladder.intercept]
    digests = [content_digest(changed)]
    changed.theory.weights["hostility"] /= 2
    levels.append(compile_worlds(changed).reference.ladder.intercept)
    digests.append(content_digest(changed))
    other = with_values(BEIJING, {"theory.preset": "balance_of_power"})
    values = {path: 1.5 * mean for path, mean in other.posterior.values.items()}
    posterior = other.posterior.model_copy(update={"values": values})
    for scenario in (other, other.model_copy(update={"posterior": posterior})):
        worlds = compile_worlds(scenario)
        levels.append(worlds.reference.ladder.intercept)
        forget()
        assert same(worlds, compile_worlds(scenario))
    assert not np.array_equal(levels[0], levels[1])
    assert not np.array_equal(levels[2], levels[3])
    assert digests[0] != digests[1]


def test_an_arm_that_differs_by_its_events_has_the_arrays_that_it_has_alone() -> None:
    scenario = load_scenario(BEIJING_PATH, drawn=False)  # without a level that all are shifted to
    worlds = compile_worlds(scenario, ("no_parade", "parade"), bounded=False)
    version, control = arm_scenario(scenario, "parade"), worlds.reference
    alone = compile_world(version, "parade", control.grid, control.focal_day)
    assert same(worlds.arms["parade"], alone)
    assert not np.array_equal(alone.intent_odds[:], control.intent_odds[:])


def test_threads_compile_what_one_compiles():
    points = [with_values(BEIJING, {"parameters.beta": beta}) for beta in (0.1, 0.2, 0.3, 0.4)] * 2
    arms = (BEIJING.reference_arm, "parade")
    forget()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda point: compile_worlds(point, arms), points))
    for point, worlds in zip(points, found, strict=True):
        assert same(worlds, compile_worlds(point, arms))


def everyone(worlds: Worlds) -> Any:
    world: World = worlds.reference
    state = begin(world, unfrozen(world), 0, np.zeros(1, dtype=np.uint64))
    return _all_prospects(world, worlds.baseline, state, perceive(world, state, 0))


@pytest.mark.parametrize("theory", ["balance_of_threat", "balance_of_power", "hub_doubt", "bandwagoning"])
@pytest.mark.parametrize("path", SHIPPED[::2], ids=lambda path: path.stem)
def test_a_dyad_asked_once_for_all_kinds_answers_as_for_each(path, theory):
    at_once = everyone(compile_worlds(load_scenario(path, theory=theory)))
    assert at_once.kinds_each > 1
    assert np.array_equal(willingness(at_once), willingness(replace(at_once, kinds_each=1)))


def test_terms_of_a_dyad_take_no_heed_of_the_kind_and_those_of_a_kind_do():
    prospects = replace(everyone(compile_worlds(BEIJING)), kinds_each=1)
    for name, term in TERMS.items():
        if name == "alarm":  # 0 at the start
            continue
        by_kind = term(prospects).reshape(-1, len(BEIJING.kinds))
        assert (by_kind != by_kind[:, :1]).any() == term.by_kind, name


def test_what_worlds_have_in_common_cannot_be_written_to():
    ground = ground_of(BEIJING)
    with pytest.raises(ValueError, match="read-only"):
        ground.distance_km[0, 1] = 0.0


def test_steps_grow_with_the_age_of_the_last_event() -> None:
    """Beijing 2025 by hand: events on days 1, 2, 4 and 32. From 4 on 7, at age 7 another 7; at age 14 a step of 14
    ends on the event of day 32. From there 7, 7, 14, 28, and at age 56 and more 56 each. The last one takes in what is
    left, since 312 + 56 is past the end."""
    grid = [0, 1, 2, 4, 11, 18, 32, 39, 46, 60, 88, 144, 200, 256, 312, 367]
    assert compile_worlds(BEIJING).reference.grid.tolist() == grid


def test_less_than_half_a_step_before_an_event_is_part_of_the_last_step() -> None:
    """Steps of 10 days: 10 from 0, 10 from 10, 20 from 20. With the end on day 52 more than half a step is left after
    day 40, which is a boundary; on day 49 less, and the step from 20 goes on to the end."""
    late = {"step_days": 10.0, "start": BEIJING.events[-1].date}
    for days, boundaries in ((49, [0, 10, 20]), (52, [0, 10, 20, 40])):
        quiet = BEIJING.model_copy(update=late | {"events": (), "arms": {}, "end": late["start"] + timedelta(days)})
        assert compiled.time_grid(quiet, []).tolist() == [*boundaries, days]

"""Placebos: ranks by hand, sets that are like the event's, how often one is called specific, targets by a rule."""

from datetime import timedelta
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.effects.participants import ALIKE, FEWEST, Participants, PlaceboComparison, PlaceboFamily, StateSet
from balance_sim.effects.placebos import of_dates, placebos
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.world import by_audience
from balance_sim.scenario import Scenario, arm_scenario, load_scenario, with_values
from balance_sim.show.headline import placebo_words
from balance_sim.study.arms import chosen_arms, headline_arm

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CASE, ARM = "tripartite_1940", "signal"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(SCENARIOS / f"{CASE}.yaml")


def participants_of(scenario: Scenario) -> Participants:
    arm = headline_arm(chosen_arms(scenario, None))
    assert arm is not None
    having, lacking = (arm_scenario(scenario, one) for one in (arm, scenario.reference_arm))
    event = next(one for one in having.events if one.id == scenario.focal)
    return Participants(compile_worlds(scenario, (scenario.reference_arm, arm)), by_audience(lacking), event)


@pytest.fixture(scope="module")
def participants(scenario: Scenario) -> Participants:
    return participants_of(scenario)


def effects_of(participants: Participants, step: int = 1) -> dict[StateSet, float]:
    """The effect of every so many-th set of three states for which any dyad would count."""
    every = combinations(range(participants.control.n), len(participants.real))
    dyads = {one: participants.dyads_of(one) for one in islice(every, None, None, step)}
    dyads = {one: counted for one, counted in dyads.items() if len(counted)}
    effects = participants.effects_of([*map(participants.event_of, dyads)], [*dyads.values()])
    return dict(zip(dyads, effects, strict=True))


@pytest.mark.parametrize(
    ("event", "others", "rank"),
    [
        (1.0, [0.5, 0.2, 0.1], 1),
        (1.0, [0.5, -2.0, 0.1], 2),
        (0.0, [0.0, 0.1], 3),
        (-3.0, [1.0] * 19, 1),
        (1.0, [np.nan, 2.0], 2),
    ],
)
def test_rank_by_hand(event: float, others: list[float], rank: int) -> None:
    assert PlaceboComparison(event, np.array(others)).rank == rank


def of_days(event: float, others: list[float]) -> PlaceboFamily:
    return PlaceboFamily(event, np.array(others), ALIKE, name="dates", window=1, by_rule=event, labels=())


def test_on_dates_a_like_effect_counts_as_large() -> None:
    others = [0.96, 0.94]
    assert PlaceboComparison(1.0, np.array(others)).rank == 1
    assert of_days(1.0, others).rank == 2


def test_an_effect_fades_that_is_smaller_on_most_other_days() -> None:
    assert of_days(1.0, [0.5] * 6 + [0.99] * 5).verdict == "fades"
    assert of_days(1.0, [0.5] * 5 + [0.99] * 5).verdict == "does not fade"
    assert of_days(1.0, [0.99] * 9).verdict == "too few"


def test_too_few_placebos_decide_nothing() -> None:
    smaller = np.zeros(FEWEST)
    assert PlaceboComparison(1.0, smaller[1:]).verdict == "too few"
    assert PlaceboComparison(1.0, smaller).verdict == "specific"
    assert PlaceboComparison(0.0, smaller).verdict == "not specific"


def test_of_two_hundred_the_tenth_is_specific_and_the_eleventh_is_not() -> None:
    def with_larger(count: int) -> str:
        return PlaceboComparison(1.0, np.repeat([2.0, 0.0], [count, 199 - count])).verdict

    assert (with_larger(9), with_larger(10)) == ("specific", "not specific")


def test_a_rank_says_nothing_of_size(scenario: Scenario) -> None:
    """Of an event that is seen by one in a thousand rank and verdict are the same: they are no evidence of an effect."""
    faint = {f"events.{scenario.focal}.visibility": 0.001}
    found = [placebos(one, ARM, most=60) for one in (scenario, with_values(scenario, faint))]
    strong, weak = (one.families[0] for one in found)
    assert abs(weak.event) < 0.01 * abs(strong.event)
    assert abs(weak.rank - strong.rank) <= 6 and weak.verdict == strong.verdict
    words = placebo_words(found[0].tests())
    assert "p =" not in words and "nothing of how large" in words


@pytest.mark.parametrize("name", ["tripartite_1940", "sinosov_1950", "beijing_2025"])
def test_the_headlines_number_is_ranked(name: str) -> None:
    """Among other participants the event has the effect that `effect` gives, and not that of other targets."""
    case = load_scenario(name)
    whole = expected_effect(case)
    found = placebos(case, whole.arm, most=4, dates=0)
    family = found.families[0]
    assert found.is_alone and family.window == whole.window
    assert family.event == pytest.approx(whole.effect, rel=1e-9)
    document = family.as_dict()
    assert document["effect"] == family.event and document["effect_by_rule"] == family.by_rule
    assert document["rank"] == 1 + (np.abs(family.placebos) >= abs(family.event) - 1e-9).sum()
    assert document["rank_by_rule"] == 1 + (np.abs(family.placebos) >= abs(family.by_rule) - 1e-9).sum()


def test_of_an_arm_that_changes_more_the_event_alone_is_ranked() -> None:
    """The war that the arm also begins is no part of what is compared with other attackers."""
    case = load_scenario("ukraine_2022")
    of_war, of_attack = (placebos(case, arm, most=2, dates=0) for arm in ("invasion", "attack_without_war"))
    assert not of_war.is_alone and of_attack.is_alone
    attack = expected_effect(case, "attack_without_war").effect
    for found in (of_war, of_attack):
        assert found.families[0].event == pytest.approx(attack, rel=1e-6)
    assert attack < expected_effect(case, "invasion").effect


def test_targets_are_those_of_the_worst_quarrels(participants: Participants) -> None:
    """Of the Axis as many as are coded, none of its own; every one is worse thought of than any that is left out."""
    hostility = participants.before.hostility[0]
    for principals in (participants.real, participants.like(20)[0]):
        targets = participants.targets(principals)
        event = participants.event_of(principals)
        assert len(targets) == len(participants.event.targets)
        assert not {*targets} & {*principals}
        assert {*event.targets} == {participants.control.codes[i] for i in targets}
        quarrel = hostility[:, list(principals)].max(axis=1)
        others = {*range(participants.control.n)} - {*targets} - {*principals}
        assert min(quarrel[targets]) >= max(quarrel[list(others)])


def test_the_rule_finds_most_of_the_targets_that_are_coded() -> None:
    """More than states drawn at random would: 34 of 56 in the five scenarios (measured 45)."""
    found = by_chance = 0.0
    for path in sorted(SCENARIOS.glob("*_????.yaml")):
        of = participants_of(load_scenario(path))
        coded, ruled = {*of.event.targets}, {*of.event_of(of.real).targets}
        found += len(coded & ruled)
        by_chance += len(coded) ** 2 / (of.control.n - len(of.real))
    assert found > by_chance + 8


def test_sets_are_like_the_event(participants: Participants) -> None:
    """As many states, at most half of the event's own among them, and of its stratum by capability."""
    capability, real = participants.control.capability, {*participants.real}
    few = participants.like(100)
    assert len(few) > 50 and len({*few}) == len(few)
    assert all(len(one) == len(real) and len({*one} & real) <= len(real) // 2 for one in few)
    total = np.array([capability[list(one)].sum() for one in few])
    own = capability[list(real)].sum()
    every = np.array([capability[list(one)].sum() for one in combinations(range(participants.control.n), len(real))])
    between = ((every > total.min()) & (every < total.max())).sum()
    assert between <= 2.5 * 100 and total.min() <= own * 1.2 and own <= total.max() * 1.2
    assert participants.like(100) == few, "the same whatever was asked before"


def test_an_event_that_moves_nothing_is_not_told_from_its_placebos(scenario: Scenario) -> None:
    nobody = with_values(scenario, {f"events.{scenario.focal}.visibility": 0.0})
    found = placebos(nobody, ARM, most=60, dates=50)
    for family in found.families:
        assert family.event == 0 and (family.placebos == 0).all()
        assert family.rank == 1 + len(family.placebos)
        assert family.verdict in ("not specific", "does not fade")


def test_another_date_is_no_other_event(scenario: Scenario, participants: Participants) -> None:
    """The model has no special days: the same event does nearly the same, a little more as states sign more, and dates
    say no."""
    family = of_dates(participants.worlds, participants.scenario, participants.event, 12)
    assert len(family.placebos) == 12 and len({*family.labels}) == 12
    np.testing.assert_allclose(family.placebos, family.event, rtol=0.12)
    np.testing.assert_allclose(np.diff(family.placebos), 0.0, atol=0.02 * family.event)
    assert family.rank == 13 and family.verdict == "does not fade"


def sized(effects: dict[StateSet, float], draws: int, seed: int, *, biased: bool = False) -> float:
    """Share of draws in which the event, any set at random, is called specific."""
    rng, sets, values = np.random.default_rng(seed), np.array(list(effects)), np.array(list(effects.values()))
    members = (sets[:, :, None] == np.arange(sets.max() + 1)).any(axis=1)
    shared = members.astype(int) @ members.T
    told = 0
    for _ in range(draws):
        real = rng.integers(len(sets))
        pool = np.flatnonzero(shared[real] <= sets.shape[1] // 2)
        found = values[pool[rng.choice(len(pool), 199, replace=False)]]
        placebo = found / 2 if biased else found
        family = PlaceboFamily(values[real], placebo, name="participants", window=1, by_rule=0.0, labels=())
        told += family.verdict == "specific"
    return told / draws


def test_one_set_in_twenty_is_specific(participants: Participants) -> None:
    """400 draws: 0.05 +- 0.035 leaves one false failure in a thousand. Against halved placebos more are."""
    half = effects_of(participants, 2)
    assert abs(sized(half, 400, 1) - 0.05) < 0.035
    assert sized(half, 400, 1, biased=True) > 0.1


@pytest.mark.long
def test_how_many_sets_are_specific_at_length(participants: Participants) -> None:
    """What docs/statistics.md publishes: more than one in twenty, since sets that share most members are no placebos."""
    effects = effects_of(participants)
    sizes = [sized(effects, 1000, seed) for seed in range(4)]
    assert 0.05 < np.mean(sizes) < 0.075, sizes


# What must not enter: a day that has an event, principals among targets, most of the event's own principals.


def test_no_placebo_date_has_an_event(participants: Participants) -> None:
    """Quiet events on all days but every seventh, and the focal one: those that are left are the dates."""
    event, lacking = participants.event, participants.scenario
    world = participants.worlds.reference
    days = range(int(world.focal_day), int(world.grid[-1]))
    free = {lacking.start + timedelta(days=day) for day in days if day % 7 == 0 and day != int(world.focal_day)}
    quiet = []
    for day in days:
        date = lacking.start + timedelta(days=day)
        if date not in free:
            dated = {"id": f"quiet{day}", "date": date, "visibility": 0.0, "targets": (), "accord": None}
            quiet.append(event.model_copy(update=dated))
    busy = lacking.model_copy(update={"events": tuple(quiet)})
    family = of_dates(participants.worlds, busy, event, 6)
    assert len(family.labels) == 6
    assert {*family.labels} <= {date.isoformat() for date in free}
    assert event.date.isoformat() not in family.labels
    assert np.isfinite(family.placebos).all()


def test_a_placebos_principals_are_not_its_targets(participants: Participants) -> None:
    """Of sets that hold a target of the event's own: nobody is both, the number of states stays, and where a principal
    is the host the most capable is. Guests, here two that the event was aimed at, stay where they are no principals, and
    nothing is aimed at them."""
    event = participants.event
    guests = {*event.targets[:2]}
    event = event.model_copy(update={"host": event.principals[0], "guests": tuple(sorted(guests))})
    participants = Participants(participants.worlds, participants.scenario, event)
    targets = {participants.roster[code] for code in event.targets if code in participants.roster}
    sets = [states for states in participants.like(300) if targets & {*states}]
    assert len(sets) > 10
    capability, codes = participants.control.capability, participants.control.codes
    for states in sets:
        placebo = participants.event_of(states)
        own = {codes[state] for state in states}
        assert {*placebo.principals} == own
        assert not own & {*placebo.targets}
        assert {*placebo.guests} == guests - own
        assert not guests & {*placebo.targets}
        assert len(own) == len(event.principals)
        assert placebo.host == codes[max(states, key=lambda state: capability[state])]


def test_the_events_own_day_is_no_placebo(participants: Participants) -> None:
    """Where every day is free."""
    event = participants.event
    bare = participants.scenario.model_copy(update={"events": ()})
    family = of_dates(participants.worlds, bare, event, 10)
    assert min(family.labels) > event.date.isoformat()


def test_a_placebo_shares_at_most_half_of_the_principals(participants: Participants) -> None:
    """So that the event's own set is none either."""
    real = {*participants.real}
    shared = [len({*states} & real) for states in participants.like(10_000)]
    assert len(shared) > 1000
    assert max(shared) == len(real) // 2


def test_dates_have_the_longest_window_that_leaves_room_for_them() -> None:
    """The report has windows of 30, 90 and 300 days; four days without an event leave 300 of the year."""
    found = placebos(load_scenario("experiments/smoke/five_states.yaml"), "summit", most=1, dates=4).family("dates")
    assert found is not None
    assert found.window == 300

"""Who is threatened, and so the class of every dyad: thresholds and combinations, on the states of `paper.yaml`."""

import math
from dataclasses import replace

import numpy as np
import pytest
from balance_sim.model.baseline import (
    NOBODY,
    aligned_with,
    classes_of,
    compile_worlds,
    fear_of,
    feared,
    most_feared,
    sorted_into,
    step_before,
    unfrozen,
    worth_naming,
)
from balance_sim.model.classes import Classes
from balance_sim.model.core import DIRECTIONS
from balance_sim.model.engine import begin, perceive
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.study.spans import at_start
from test_two_programs import HERE, plain

PARTICIPANTS = ("XAR", "XBE")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Without provocations, whose acts would have to be drawn."""
    return load_scenario(HERE / "paper.yaml").model_copy(update={"provocations": ()}).counted_as(None)


@pytest.fixture(scope="module")
def shares(scenario: Scenario) -> dict[str, float]:
    """Threat by the two participants as a share of the balance: each supplier once, of their quarrels alone."""
    other = plain.Plain(scenario, "without")
    step = next(k for k, day in enumerate(other.days) if day == 101.0) - 1
    seen = other.see(step, list(other.record(0, 0)), dict.fromkeys(other.codes, 0.0), [])
    depth, out = other.deepest(list(other.record(0, 0)), "depth"), {}
    for i in other.codes:
        total = 0.0
        for k in other.codes:
            if k == i:
                continue
            free = 1 - max(depth[frozenset((i, k))], seen.a[i, i, k])
            lent = sum(seen.h[i, j] * seen.lend[i, j, k] for j in PARTICIPANTS if j not in (i, k))
            own = seen.h[i, k] if k in PARTICIPANTS else 0.0
            q = 1 - (1 - own) * math.exp(-free * lent)
            total += other.capability[k] * other.offence(k) * other.reach(i, k) * q
        out[i] = total / seen.balance[i]
    return out


def view_of(scenario: Scenario):  # type: ignore[no-untyped-def]
    world = compile_worlds(scenario).reference
    return world, perceive(world, begin(world, unfrozen(world), 0, np.zeros(1, dtype=np.uint64)), step_before(world))


def test_the_step_is_the_last_before_the_focal_event(scenario: Scenario) -> None:
    """The focal event is on day 101, and 96 is no step: of steps of five days, four at a time once news is old."""
    world, view = view_of(scenario)
    assert world.focal_day == 101.0 and world.grid[view.step + 1] == 101.0
    early = replace(world, focal_day=0.0)
    assert step_before(early) == 0


def test_fear_of_the_participants_as_a_share_of_the_balance(scenario: Scenario, shares: dict[str, float]) -> None:
    world, view = view_of(scenario)
    inside = tuple(world.codes.index(code) for code in PARTICIPANTS)
    found = fear_of(view, inside)[0]
    for i, code in enumerate(world.codes):
        assert found[i] == pytest.approx(0.0 if code in PARTICIPANTS else shares[code], rel=1e-9)
    whole = feared(view)[0]
    assert np.diag(whole).tolist() == [0.0] * 5
    assert whole == pytest.approx(view.adversaries[0] / view.balance[0][:, None], rel=1e-12)


@pytest.mark.parametrize(
    ("tau", "of"),
    [(0.999, "threatened"), (1.001, "wary"), (4 * 0.999, "wary"), (4 * 1.001, "others")],
)
def test_the_thresholds_of_threatened_and_wary(
    scenario: Scenario, shares: dict[str, float], tau: float, of: str
) -> None:
    """Just below and above tau, and a quarter of it: Elland's own share."""
    found = classes_of(with_values(scenario, {"parameters.tau": tau * shares["XEL"]}).counted_as(None))
    assert "XEL" in getattr(found, of)
    assert found.participants == PARTICIPANTS


def test_exactly_at_the_threshold_is_below_it(scenario: Scenario) -> None:
    world, view = view_of(scenario)
    from balance_sim.model.baseline import LISTS, standing

    inside = tuple(world.codes.index(code) for code in PARTICIPANTS)
    elland, share = world.codes.index("XEL"), fear_of(view, inside)[0]
    for tau, of in ((float(share[elland]), "wary"), (4 * float(share[elland]), "others")):
        at = replace(view, world=replace(world, rules=replace(world.rules, tau=tau)))
        assert LISTS[standing(at, inside)[elland]] == of


def test_aligned_is_above_one_half_by_treaty_or_by_friendship() -> None:
    """Before its own eyes a = 0.5 is not above one half; a depth of 0.6 is."""
    own, depth = np.zeros((1, 5, 5)), np.zeros((1, 5, 5))
    own[0, 2, 0], own[0, 3, 1], depth[0, 4, 1], own[0, 4, 2] = 0.5, 0.51, 0.6, 0.99

    class Eyes:
        pass

    eyes = Eyes()
    eyes.own, eyes.depth = own, depth  # type: ignore[attr-defined]
    assert aligned_with(eyes, (0, 1))[0].tolist() == [False, False, False, True, True]  # type: ignore[arg-type]


def test_a_state_without_any_balance_fears_nothing() -> None:
    """No capability, no security that nobody supplies, no threat: a balance of 0, and a share of 0."""

    class Eyes:
        balance = np.array([[0.0, 0.5]])
        adversaries = np.array([[[0.0, 0.0], [0.2, 0.0]]])

        @staticmethod
        def threat_by(_: tuple[int, ...]) -> np.ndarray:
            return np.array([[0.0, 0.1]])

    assert feared(Eyes())[0].tolist() == [[0.0, 0.0], [0.4, 0.0]]  # type: ignore[arg-type]
    assert fear_of(Eyes(), ())[0].tolist() == [0.0, 0.2]  # type: ignore[arg-type]


def test_whom_a_state_fears_most_by_hand() -> None:
    """With tau of 0.04 a share is named above 0.01, where it alone would make its state wary."""
    share = np.array([[0.0, 0.02, 0.3], [0.011, 0.0, 0.0], [0.01, 0.01, 0.0]])
    assert most_feared(share, 0.04).tolist() == [2, 0, NOBODY]
    assert most_feared(share, 0.0399).tolist() == [2, 0, 0]
    assert most_feared(np.zeros((2, 3, 3)), 0.04).tolist() == [[NOBODY] * 3] * 2


@pytest.mark.parametrize("name", ["ukraine_2022", "nolimits_2022", "sinosov_1950"])
def test_nobody_much_is_feared_by_none_that_one_participant_threatens(name: str) -> None:
    """A state that the share of a single participant makes wary or threatened has somebody to name, so that names and
    classes never contradict each other."""
    worlds = compile_worlds(load_scenario(name), (load_scenario(name).reference_arm,))
    view = perceive(worlds.reference, at_start(worlds.reference), step_before(worlds.reference))
    share = feared(view)[0]
    tau, codes = worlds.reference.rules.tau, worlds.reference.codes
    most = most_feared(share, tau)
    for participant in worlds.classes.participants:
        alone = share[:, codes.index(participant)] > worth_naming(tau)
        assert (most[alone] != NOBODY).all()
    assert (most == NOBODY).any() and (share.max(axis=1)[most == NOBODY] <= worth_naming(tau)).all()


def test_who_is_aligned_with_a_participant_is_neither_threatened_nor_wary(scenario: Scenario) -> None:
    """tau 0: all that are not participants are threatened; with a pact with Belmar Elland is not."""
    none = with_values(scenario, {"parameters.tau": 0.0}).counted_as(None)
    assert classes_of(none).threatened == ("XCO", "XDO", "XEL")
    old = next(one for one in none.agreements if one.id == "old-pact")
    pact = old.model_copy(update={"id": "pact", "a": "XBE", "b": "XEL"})
    allied = none.model_copy(update={"accords": (*none.agreements, pact)}).counted_as(None)
    assert classes_of(allied).threatened == ("XCO", "XDO") and "XEL" in classes_of(allied).others


def test_the_class_of_a_dyad_of_every_combination(scenario: Scenario) -> None:
    """Arden takes part, Belmar and Corvia are threatened, Dorn is wary, Elland neither."""
    world = compile_worlds(scenario).reference
    table = classes_of(scenario)
    table = replace(
        table, participants=("XAR",), threatened=("XBE", "XCO"), wary=("XDO",), others=("XEL",)
    )  # fmt: skip
    threatened, direction = sorted_into(world, table)
    assert [code for code, one in zip(world.codes, threatened, strict=True) if one] == sorted(
        ("XBE", "XCO"), key=world.codes.index
    )
    found = {
        frozenset((world.codes[a], world.codes[b])): DIRECTIONS[of]
        for a, b, of in zip(world.first, world.second, direction, strict=True)
    }
    wanted = {frozenset(("XAR", code)): "with_participant" for code in ("XBE", "XCO", "XDO", "XEL")}
    wanted |= {frozenset(dyad): "counter" for dyad in (("XBE", "XCO"), ("XBE", "XDO"), ("XCO", "XDO"))}
    wanted |= {frozenset((code, "XEL")): "other" for code in ("XBE", "XCO", "XDO")}
    assert found == wanted
    # Two that are wary are no counter dyad: one has to be threatened.
    _, direction = sorted_into(world, replace(table, threatened=("XBE",), wary=("XCO", "XDO"), others=("XEL",)))
    at = world.dyad_index[world.codes.index("XCO"), world.codes.index("XDO")]
    assert DIRECTIONS[direction[at]] == "other"
    # A participant that is on the list of the threatened too stays one that takes part.
    _, direction = sorted_into(world, replace(table, threatened=("XAR", "XBE"), wary=(), others=("XCO", "XDO", "XEL")))
    assert (
        DIRECTIONS[direction[world.dyad_index[world.codes.index("XAR"), world.codes.index("XBE")]]]
        == "with_participant"
    )


def test_host_junior_and_third_guests_and_wars(scenario: Scenario) -> None:
    """Arden hosts. Beside it stands Belmar alone, so nobody is junior or third; with Elland and Corvia taking part the
    weakest of those beside the host is the junior, Elland, and the strongest the third, Corvia."""
    found = classes_of(scenario)
    assert (found.host, found.junior, found.third) == ("XAR", None, None)
    assert found.guests == ("XEL",)
    assert found.wars == ()  # an intensity of 0.1 is no war
    wider = tuple(
        one.model_copy(update={"principals": ("XAR", "XBE", "XEL", "XCO"), "guests": (), "targets": ()})
        if one.id == "parade"
        else one
        for one in scenario.events
    )
    row = scenario.disputes[2].model_copy(update={"war": 0.5})
    changed = scenario.model_copy(update={"events": wider, "disputes": (*scenario.disputes[:2], row)})
    more: Classes = classes_of(changed.counted_as(None))
    world = compile_worlds(changed.counted_as(None)).reference
    weight = {code: world.capability[world.codes.index(code)] for code in ("XBE", "XEL", "XCO")}
    assert more.junior == min(weight, key=weight.__getitem__) == "XEL"
    assert more.third == max(weight, key=weight.__getitem__) == "XCO"
    assert more.wars == (("XBE", "XEL"),)
    # Guests of another event of the same day and host stand in where the focal one has none; of other hosts not.
    by_id = {one.id: one for one in scenario.events}
    visit = by_id["visit"].model_copy(
        update={
            "id": "side",
            "date": by_id["parade"].date,
            "host": "XAR",
            "principals": ("XBE",),
            "guests": ("XDO",),
            "targets": (),
        }
    )
    elsewhere = visit.model_copy(update={"id": "far", "host": "XCO", "guests": ("XCO",)})
    earlier = visit.model_copy(update={"id": "early", "date": by_id["visit"].date, "guests": ("XCO",)})
    beside = changed.model_copy(update={"events": (*wider, visit, elsewhere, earlier)}).counted_as(None)
    assert classes_of(beside).guests == ("XDO",)

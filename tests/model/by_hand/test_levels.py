"""Rates and levels with numbers worked out by hand: opportunities, shares signed, and intercepts shifted to a rate."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balance_sim.model.baseline import compile_worlds, expected_a_year, freeze, own_theory, shift_to, unfrozen
from balance_sim.model.beliefs import attention_to, audiences_of
from balance_sim.model.core import Drawn, Openness
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import mean_openness, openness_at, openness_on, opportunity_rate, share_signed
from balance_sim.model.willingness import TERMS, parts, willingness
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.defaults import weights_under

HERE = Path(__file__).parent


def plain_consent(scenario: Scenario, **more: object) -> Scenario:
    """Weights and propensities zero: every state consents to a kind with sigma(intercept)."""
    values = {f"theory.weights.{name}": 0.0 for name in scenario.theory.weights} | more
    states = tuple(one.model_copy(update={"propensity": 0.0}) for one in scenario.states)
    return with_values(scenario, values).model_copy(update={"states": states})


def sigma(u: float) -> float:
    return 1 / (1 + math.exp(-u))


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_a_dyads_factor_times_the_kinds_ceiling(scenario: Scenario) -> None:
    world = compile_worlds(scenario).reference
    at = world.dyad_index[world.codes.index("XCO"), world.codes.index("XDO")]
    kinds = [world.ladder.names.index(name) for name in ("shallow", "middle")]
    assert opportunity_rate(world)[at, kinds] == pytest.approx([1.7 * 3, 1.7 * 2])
    none = world.dyad_index[world.codes.index("XAR"), world.codes.index("XBE")]
    assert opportunity_rate(world)[none, kinds[0]] == 3


def test_share_of_talks_that_are_signed(scenario: Scenario) -> None:
    """Collapse at 0.5 a year; middle: mean 90, shape 3: (1 + 0.5 x 90 / 3 / 365.25)^-3."""
    ladder = compile_worlds(scenario).reference.ladder
    at = ladder.names.index("middle")
    assert share_signed(ladder, 0.5)[at] == pytest.approx((1 + 15 / 365.25) ** -3)
    assert share_signed(ladder, 0.0)[at] == 1.0


def test_expected_agreements_a_year(scenario: Scenario) -> None:
    """Ten dyads, of which one has factor 1.7, one 0.6 and one, under sanctions, 0.08 at the start; three kinds: sum
    over kinds of ceiling sigma(intercept)^2 (1 + 0.5 mean / shape / 365.25)^-shape."""
    found = plain_consent(scenario)
    world = compile_worlds(found).reference
    kinds = ((3, 2.2, 60, 2), (2, 2.4, 90, 3), (2, 2.0, 120, 1.5))
    a_dyad = sum(c * sigma(u) ** 2 * (1 + 0.5 * m / k / 365.25) ** -k for c, u, m, k in kinds)
    dyads = 7 + 1.7 + 0.6 + found.parameters.factor_sanctions
    assert expected_a_year(world, freeze(world)) == pytest.approx(dyads * a_dyad, rel=1e-9)
    more = sum(c * sigma(u + 0.7) ** 2 * (1 + 0.5 * m / k / 365.25) ** -k for c, u, m, k in kinds)
    assert expected_a_year(world, freeze(world), 0.7) == pytest.approx(dyads * more, rel=1e-9)


def test_intercepts_are_shifted_to_the_rate_that_is_stated(scenario: Scenario) -> None:
    wanted = plain_consent(scenario).counted_as(None).model_copy(update={"base_rate": 20.0})
    worlds = compile_worlds(wanted)
    before = compile_worlds(plain_consent(scenario)).reference.ladder.intercept
    shifts = worlds.reference.ladder.intercept - before
    assert np.ptp(shifts) < 1e-12 and abs(shifts[0]) > 0.1
    assert expected_a_year(worlds.reference, freeze(worlds.reference)) == pytest.approx(20.0, rel=1e-9)
    assert worlds.arms["with"].ladder.intercept == pytest.approx(worlds.reference.ladder.intercept)


def test_the_shift_by_hand() -> None:
    """Two dyads of factors 1 and 3, all at u = 0 for the first kind and u = -1 for the second. 4 sigma(x)^2 = 2 for
    x = logit(sqrt(1/2)); 4 sigma(x - 1)^2 = 0.5 for x = 1 + logit(sqrt(1/8))."""
    keen = np.empty((2, 2, 2))
    keen[..., 0], keen[..., 1] = 0.5, sigma(-1.0)
    found = shift_to(np.array([2.0, 0.5]), keen, np.array([1.0, 3.0]))
    assert found == pytest.approx([logit(math.sqrt(0.5)), 1 + logit(math.sqrt(0.125))], abs=1e-9)


def test_a_theory_keeps_the_rate_of_each_kind(scenario: Scenario) -> None:
    """Under `network_only` other states agree, but as often, kind by kind: dyads times their factors and openness."""

    def often(found: Scenario) -> np.ndarray:
        world = compile_worlds(found).reference
        weight = world.frailty * openness_at(world, 0.0)
        assert weight.min() == pytest.approx(found.parameters.factor_sanctions) and weight.max() == 1.7
        return np.asarray(weight @ freeze(world).keen.prod(axis=1))

    path = HERE / "paper.yaml"
    lowered = load_scenario(path, theory="network_only")
    assert lowered.theory.weights["hostility"] == 0.0
    at = [compile_worlds(lowered).reference.ladder.names.index(name) for name in ("shallow", "middle", "deep")]
    theory = own_theory(lowered.theory, lowered.calibration.weights)
    wanted = lowered.model_copy(update={"theory": theory})
    assert often(lowered)[at] == pytest.approx(often(wanted)[at], rel=1e-8)


def test_openness_day_by_day_and_its_mean(scenario: Scenario) -> None:
    """One dyad: 1 until day 10, 0.2 to day 25, 1 again. From 5 to 15: (5 + 5 x 0.2) / 10; from 15 to 30:
    (10 x 0.2 + 5) / 15."""
    world = replace(
        compile_worlds(scenario).reference,
        openness=Openness(np.array([-np.inf, 10.0, 25.0]), np.array([[1.0], [0.2], [1.0]])),
    )
    day = np.array([0.0, 9.99, 10.0, 24.99, 25.0])
    assert openness_on(world, np.zeros(5, dtype=np.int64), day).tolist() == [1, 1, 0.2, 0.2, 1]
    assert [float(openness_at(world, one)[0]) for one in (9.99, 10.0, 25.0)] == [1, 0.2, 1]
    assert mean_openness(world, np.array([5.0, 15.0, 30.0]))[:, 0] == pytest.approx([0.6, 7 / 15])


def test_spells_and_the_least_of_several(scenario: Scenario) -> None:
    """Sanctions of Arden and Corvia to 2000-09-01, day 244; no relations of Belmar and Elland from day 91."""
    world = compile_worlds(scenario).reference
    p = scenario.parameters
    ac, be = (world.dyad_index[world.codes.index(a), world.codes.index(b)] for a, b in (("XAR", "XCO"), ("XBE", "XEL")))
    assert world.openness.days.tolist() == [-np.inf, 91.0, 244.0]
    assert world.openness.factor[:, ac].tolist() == [p.factor_sanctions, p.factor_sanctions, 1.0]
    assert world.openness.factor[:, be].tolist() == [1.0, p.factor_no_relations, p.factor_no_relations]
    war = scenario.no_relations[0].model_copy(update={"kind": "war", "until": None})
    both = compile_worlds(scenario.model_copy(update={"no_relations": (*scenario.no_relations, war)})).reference
    assert both.openness.factor[:, ac].tolist() == [p.factor_war] * 3
    assert p.factor_war < p.factor_sanctions


# --- theories, draws and readings ----------------------------------------------------------------------------


def test_power_alone_where_hostility_is_the_same_for_all() -> None:
    """Under `balance_of_power` L is 1/2 between any two states: h = 1 - e^(-1/2), whatever their quarrels."""
    world = compile_worlds(load_scenario(HERE / "paper.yaml", theory="balance_of_power")).arms["with"]
    state = begin(world, unfrozen(world), 5, np.zeros(1, dtype=np.uint64))
    for step in (0, 30):
        view = perceive(world, state, step)
        off = ~np.eye(5, dtype=bool)
        assert view.hostility[0][off] == pytest.approx(np.full(20, 1 - math.exp(-0.5)))
        assert not np.diag(view.hostility[0]).any()


def test_the_theory_that_others_are_set_to_the_level_of() -> None:
    """Weights of the default preset, over them those of a calibration, over these what the file gives otherwise than
    the preset in force: here all seventeen but for hostility, which `network_only` and the file both set."""
    lowered = load_scenario(HERE / "paper.yaml", theory="network_only").theory
    default = load_scenario(HERE / "paper.yaml").theory
    plain = own_theory(lowered)
    assert (plain.preset, plain.equal_hostility) == (default.preset, None)
    preset = weights_under("network_only")
    given = {name: weight for name, weight in lowered.weights.items() if weight != preset[name]}
    assert own_theory(lowered, {"hostility": 9.0}).weights == {
        **plain.weights,
        "hostility": given.get("hostility", 9.0),
    }
    assert plain.weights == {**weights_under(default.preset), **given}


def test_without_alarm_effort_stays(scenario: Scenario) -> None:
    own = compile_worlds(scenario).reference.rules
    assert own.effort_reaction == 0.3
    none = compile_worlds(with_values(scenario, {"theory.weights.alarm": 0.0})).reference.rules
    assert none.effort_reaction == 0.0
    assert none.effort_max == own.effort_max


def test_a_replication_with_parameters_of_its_own(scenario: Scenario) -> None:
    """Weight of size 0.3 in the scenario, 0.5 and -1 in two replications, and levels of 0.2 and -0.7 for one kind: what
    states want differs by (drawn less own weight) times the term, and by the level."""
    worlds = compile_worlds(scenario)
    world, runs = worlds.reference, np.arange(2, dtype=np.uint64)
    kind = world.ladder.names.index("middle")
    level = np.zeros((2, len(world.ladder.names)))
    level[:, kind] = 0.2, -0.7
    own = replace(world, drawn=Drawn(weights={"size": np.array([0.5, -1.0])}, level=level))
    state = begin(world, worlds.baseline, 5, runs)
    view = perceive(world, state, 0)
    run, ego, alter = np.array([0, 1, 0]), np.array([0, 0, 3]), np.array([2, 2, 1])
    plain, drawn = (
        Prospects(of, worlds.baseline, view, state, run, ego, alter, np.full(3, kind)) for of in (world, own)
    )
    size = TERMS["size"](plain)
    more = np.array([0.2 * size[0] + 0.2, -1.3 * size[1] - 0.7, 0.2 * size[2] + 0.2])
    assert willingness(drawn) == pytest.approx(willingness(plain) + more, rel=1e-10)
    weighed = dict(parts(drawn))
    assert weighed["size"] == pytest.approx(np.array([0.5, -1.0, 0.5]) * size)
    assert list(weighed) == [name for name in TERMS if world.rules.weights[name] != 0]


def test_a_term_of_weight_zero_is_left_out(scenario: Scenario) -> None:
    worlds = compile_worlds(with_values(scenario, {"theory.weights.size": 0.0}))
    state = begin(worlds.reference, worlds.baseline, 5, np.zeros(1, dtype=np.uint64))
    one = np.array([0]), np.array([0]), np.array([1]), np.array([0])
    p = Prospects(worlds.reference, worlds.baseline, perceive(worlds.reference, state, 0), state, *one)
    assert "size" not in dict(parts(p)) and len(dict(parts(p))) == 17
    assert willingness(p)[0] == pytest.approx(
        worlds.reference.ladder.intercept[0]
        + worlds.reference.propensity[0]
        + sum(float(x[0]) for x in dict(parts(p)).values())
    )


def test_audiences_that_heed_alike_read_alike(scenario: Scenario) -> None:
    """South as North but for its name: one reading. An audience that says nothing of a kind heeds it by its default,
    and without one at 1."""
    assert audiences_of(scenario).names == (("north",), ("south",))
    south = scenario.audiences["south"].model_copy(update={"attention": scenario.audiences["north"].attention})
    alike = scenario.model_copy(update={"audiences": {**scenario.audiences, "south": south}})
    assert audiences_of(alike).names == (("north", "south"),) and audiences_of(alike).of.tolist() == [0] * 5
    assert [attention_to(scenario, "south", kind) for kind in ("treaty", "visit")] == [0.4, 0.5]
    silent = scenario.audiences["south"].model_copy(update={"attention": {"treaty": 0.3}})
    quiet = scenario.model_copy(update={"audiences": {**scenario.audiences, "south": silent}})
    assert [attention_to(quiet, "south", kind) for kind in ("treaty", "visit")] == [0.3, 1.0]
    by_state = dict(zip(scenario.codes, audiences_of(scenario).of.tolist(), strict=True))
    assert by_state == {"XAR": 1, "XBE": 1, "XCO": 0, "XDO": 0, "XEL": 0}
    assert audiences_of(scenario).attention["treaty"].tolist() == [0.7, 0.4]


def test_provocations_as_numbers(scenario: Scenario) -> None:
    """Arden's incidents at Corvia and Dorn, 0.6 x visibility 0.8, which North heeds at 1; none at rate 0. Belmar, 700 km
    from Dorn, takes 0.9 x 0.3 / (1 + 700 / 500) of it, and heeds it by half."""
    world = compile_worlds(scenario).reference
    hazards = world.hazards
    assert hazards is not None
    dose = dict(zip((world.codes[at] for at in hazards.target), hazards.dose.tolist(), strict=True))
    assert hazards.rate.tolist() == [6.0] and set(dose) == {"XCO", "XDO", "XEL", "XBE"}
    assert (dose["XCO"], dose["XDO"], dose["XBE"]) == pytest.approx((0.48, 0.48, 0.48 * 0.9 * 0.125 * 0.5))
    assert {world.codes[at] for at in hazards.state} == {"XAR"} and hazards.half_life_days == (180.0,)
    none = tuple(one.model_copy(update={"rate": 0.0}) for one in scenario.provocations)
    assert compile_worlds(scenario.model_copy(update={"provocations": none})).reference.hazards is None

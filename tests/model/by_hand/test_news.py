"""What events and the record of signatures add to beliefs, with numbers worked out by hand, and the grid of steps."""

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from balance_sim.model import beliefs
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.beliefs import dyads_shown, evidence, members, pairs_aimed, signal_weights
from balance_sim.model.record import worth
from balance_sim.model.world import age_at_start, by_audience, capabilities, differences, lesser, time_grid
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.schema import Agreement, State

HERE = Path(__file__).parent
COSTS = {"statement": 0.0, "visit": 0.05, "joint_summit": 0.1, "treaty": 0.6, "fighting_together": 1.0}


def test_who_is_shown_with_whom_and_who_is_aimed_at() -> None:
    """Principals 0, 1, 4; guests 2, 1; targets 3, 4: 4 is a target and shown with nobody, 1 a principal already."""
    assert dyads_shown([0, 1, 4], [2, 1], [3, 4]) == [(0, 1), (0, 2), (1, 2)]
    assert dyads_shown([0], [2, 3], []) == [(0, 2), (0, 3)]
    assert pairs_aimed([0, 1, 4], [3, 4]) == [(3, 0), (3, 1), (3, 4), (4, 0), (4, 1)]
    roster = {"XAR": 0, "XCO": 1, "XDO": 2}
    assert members(["North", "XAR", "XZZ"], {"North": ("XDO", "XCO")}, roster) == [0, 1, 2]


def told(scenario: Scenario, name: str, moments: list, starts: list, **event: object):
    """Evidence of one of the scenario's events: by dyad, (S, A); by who looks at whom, (S,); reliability lost by state;
    and which reading is North's."""
    world = compile_worlds(scenario).reference
    one = next(one for one in scenario.events if one.id == name).model_copy(update=event)
    alone = by_audience(scenario.model_copy(update={"events": (one,)}))
    found = evidence(alone, np.array(moments), np.array(starts), world.dyad_index)
    states = [frozenset((world.codes[world.first[p]], world.codes[world.second[p]])) for p in found.dyads]
    dyads = {dyad: found.align[:, :, k] for k, dyad in enumerate(states)}
    codes = world.codes
    aimed = {(codes[at // 5], codes[at % 5]): found.intent[:, k] for k, at in enumerate(found.places)}
    lost = {code: found.lost[:, k] for k, code in enumerate(codes)}
    return dyads, aimed, lost, int(world.audience[codes.index("XCO")])


def test_a_joint_appearance_by_hand(scenario: Scenario) -> None:
    """Arden and Belmar on day 101, with Elland, at Corvia: half of the weights is left after a half-life. North
    heeds it at 0.9, South at 0.8; in a step that began before its day it is nothing."""
    kind = scenario.event_kinds["joint_summit"]
    half = kind.half_life_days
    assert half is not None
    moments, starts = [100.5, 101.5, 101.0 + half], [100.0, 101.0, 99.0 + half]
    dyads, aimed, lost, north = told(scenario, "parade", moments, starts)
    left = np.array([0.0, 2 ** (-0.5 / half), 0.5])
    assert set(dyads) == {frozenset(dyad) for dyad in (("XAR", "XBE"), ("XAR", "XEL"), ("XBE", "XEL"))}
    for nats in dyads.values():
        assert nats[:, north] == pytest.approx(0.9 * kind.alignment * left)
        assert nats[:, 1 - north] == pytest.approx(0.8 * kind.alignment * left)
    assert set(aimed) == {("XCO", "XAR"), ("XCO", "XBE")}
    for nats in aimed.values():
        assert nats == pytest.approx(0.9 * kind.intent * left)
    assert all((of == 0).all() for of in lost.values())


def test_what_a_signal_costs_is_what_it_tells(scenario: Scenario) -> None:
    """Gains are exponential with mean 1 for a benign host and 2 for a hostile one: whoever pays a cost c is e^(c/2)
    times as often hostile, so evidence is in proportion to cost. Half and half: between the given weight and that."""
    kinds = scenario.event_kinds
    top, summit = kinds["fighting_together"], kinds["joint_summit"]
    costly = with_values(scenario, {"theory.signal_cost": 1.0})
    weighs = {kind: signal_weights(costly, kind)[1] for kind in ("statement", "visit", "joint_summit", "treaty")}
    assert weighs["statement"] == 0.0 and signal_weights(costly, "fighting_together") == (top.alignment, top.intent)
    llr = {kind: math.log(math.exp(-cost / 2) / math.exp(-cost)) for kind, cost in COSTS.items()}
    for kind, nats in weighs.items():
        assert nats / top.intent == pytest.approx(llr[kind] / llr["fighting_together"])
    half = signal_weights(with_values(scenario, {"theory.signal_cost": 0.5}), "joint_summit")
    assert half == pytest.approx((summit.alignment / 2 + top.alignment / 20, summit.intent / 2 + top.intent / 20))
    assert signal_weights(costly, "incident") == (kinds["incident"].alignment, kinds["incident"].intent)


def test_the_step_that_is_under_way_on_the_day_takes_no_note(scenario: Scenario) -> None:
    dyads, _, _, north = told(scenario, "parade", [103.0, 103.0], [100.9, 101.0])
    assert [bool(x) for x in dyads[frozenset(("XAR", "XBE"))][:, north]] == [False, True]


def test_prior_tension_scales_what_is_dated_before_the_start(scenario: Scenario) -> None:
    """The incident of 20 November, 42 days before: 0.6 x 1.3 x visibility 0.6, which North heeds at 1, half-life 180
    days. On the first day of the scenario it would not be scaled."""
    _, aimed, _, _ = told(scenario, "before", [3.0], [0.0])
    assert set(aimed) == {("XCO", "XAR"), ("XDO", "XAR")}
    assert aimed["XDO", "XAR"] == pytest.approx([0.6 * 1.3 * 0.6 * 2 ** (-45 / 180)])
    _, aimed, _, _ = told(scenario, "before", [3.0], [0.0], date=scenario.start)
    assert aimed["XDO", "XAR"] == pytest.approx([0.6 * 0.6 * 2 ** (-3 / 180)])


def test_sign_retrenchment_and_the_agreements_of_the_table(scenario: Scenario) -> None:
    """A rift of Arden and Elland, -0.2 x 0.7 at its moment; doubt about Corvia, 0.3 x 0.5; an agreement of the table
    adds nothing."""
    between = frozenset(("XAR", "XEL"))
    dyads, _, _, north = told(scenario, "rift", [246.0], [246.0])
    assert dyads[between][0, north] == pytest.approx(-0.2 * 0.7 * 0.9)
    assert dyads[between][0, 1 - north] == pytest.approx(-0.2 * 0.7 * 0.5)
    assert not told(scenario, "rift", [246.0], [246.0], sign=0)[0][between].any()
    _, _, lost, _ = told(scenario, "doubt", [166.0 + 730.0], [500.0])
    assert lost["XCO"] == pytest.approx([0.3 * 0.5 * 0.5]) and lost["XDO"] == [0.0]
    signed, aimed, _, _ = told(scenario, "signing", [1.0], [0.0])
    assert signed == aimed == {}


def test_a_kind_may_speak_of_alignment_alone_or_of_intent_alone(scenario: Scenario) -> None:
    kinds = dict(scenario.event_kinds)
    kinds["joint_summit"] = kinds["joint_summit"].model_copy(update={"intent": 0.0})
    dyads, aimed, _, _ = told(scenario.model_copy(update={"event_kinds": kinds}), "parade", [102.0], [101.0])
    assert all(nats.all() for nats in dyads.values()) and not any(nats.any() for nats in aimed.values())
    kinds["joint_summit"] = kinds["joint_summit"].model_copy(update={"intent": 0.4, "alignment": 0.0})
    dyads, aimed, _, _ = told(scenario.model_copy(update={"event_kinds": kinds}), "parade", [102.0], [101.0])
    assert all(nats.all() for nats in aimed.values()) and not any(nats.any() for nats in dyads.values())


def test_reliability_after_a_retrenchment(scenario: Scenario) -> None:
    """0.9 e^-(0.3 x 0.5 x what is left), from the step that begins on its day, day 166."""
    world = compile_worlds(scenario).reference
    step = int(np.searchsorted(world.grid, 166.0))
    middle = (world.grid[step] + world.grid[step + 1]) / 2
    corvia = world.codes.index("XCO")
    assert world.grid[step] == 166.0 and world.reliability[step - 1, corvia] == 0.9
    assert world.reliability[step, corvia] == pytest.approx(0.9 * np.exp(-0.15 * 2 ** (-(middle - 166) / 730)))


def test_priors_and_decay() -> None:
    assert beliefs.decay(np.array([-0.1, 0.0, 45.0]), 90.0).tolist() == pytest.approx([0, 1, 2**-0.5])
    assert beliefs.prior_alignment(np.array([0.0, 2.0]), -2.5, 1.5).tolist() == [-2.5, -5.5]
    assert beliefs.prior_intent(np.array([2.0]), np.array([1.0]), -3.5, 0.5).tolist() == [-1.5]


def signed(**given: object) -> Agreement:
    return Agreement(id="x", a="XAA", b="XBB", kind="logistics", status="in_force", **given)  # type: ignore[arg-type]


def test_an_earlier_signature_fades_from_its_day_month_or_year() -> None:
    """100 days before the start with a half-life of 100: one half. Known to the month it is half a month younger, to
    the year half a year, never younger than today. Without a day of signature that of entry into force; not the
    future."""
    start, hundred = date(2000, 4, 10), date(2000, 1, 1)

    def left(agreement: Agreement) -> float:
        return 2.0 ** (-age_at_start(agreement, start) / 100.0)

    assert left(signed(signed=hundred)) == 0.5
    assert left(signed(in_force=hundred)) == 0.5
    month = left(signed(signed=hundred, precision="month"))
    assert month == pytest.approx(2 ** (-(100 - 365.25 / 24) / 100))
    assert left(signed(signed=hundred, precision="year")) == 1.0
    year = left(signed(signed=date(1999, 1, 1), precision="year"))
    assert year == pytest.approx(2 ** (-(465 - 365.25 / 2) / 100))
    assert left(signed(signed=start)) == 1.0
    assert left(signed(signed=date(2000, 4, 11))) == 0.0
    assert left(signed()) == 0.0


def test_experience_and_activity_at_the_start(scenario: Scenario) -> None:
    """Bilateral signatures alone. Arden and Belmar: 1,767 and 671 days before; Corvia and Dorn's treaty has more
    parties. Elland: with Corvia in 1997, known to the year, and with Dorn 2,375 days, known to the month, and 153
    days before."""
    world = compile_worlds(scenario).reference

    def at(a: str, b: str) -> float:
        return float(world.experience[world.dyad_index[world.codes.index(a), world.codes.index(b)]])

    assert at("XAR", "XBE") == pytest.approx(2 ** (-1767 / 900) + 2 ** (-671 / 900))
    assert at("XCO", "XDO") == 0.0
    corvia = 2 ** (-(1095 - 365.25 / 2) / 900)
    dorn = 2 ** (-(2375 - 365.25 / 24) / 900) + 2 ** (-153 / 900)
    assert (at("XCO", "XEL"), at("XDO", "XEL")) == (pytest.approx(corvia), pytest.approx(dorn))
    assert world.engaged[world.codes.index("XEL")] == pytest.approx(corvia + dorn)
    lately = 2 ** (-1767 / 300) + 2 ** (-671 / 300)
    assert world.active[world.codes.index("XAR")] == pytest.approx(lately)
    assert world.active[world.codes.index("XBE")] == pytest.approx(lately + 2 ** (-122 / 300))


def test_capability_of_three_states() -> None:
    """GDP 60, 30, 10; spending 10, 30, none; population 2, 1, 1; weights 0.4, 0.4, 0.2. First 0.4 x 0.6 + 0.4 x 0.25 +
    0.2 x 0.5 = 0.44; second 0.12 + 0.3 + 0.05 = 0.47; third (0.04 + 0.05) / 0.6 = 0.15; of 1.06."""
    states = (
        State(id="XAA", gdp_bn=60, milex_bn=10, population_m=2),
        State(id="XBB", gdp_bn=30, milex_bn=30, population_m=1),
        State(id="XCC", gdp_bn=10, population_m=1),
    )
    some = load_scenario(HERE / "paper.yaml").model_copy(update={"states": states})
    assert capabilities(some) == pytest.approx(np.array([0.44, 0.47, 0.15]) / 1.06)
    given = tuple(one.model_copy(update={"capability": c}) for one, c in zip(states, (1.0, 2.0, 5.0), strict=True))
    assert capabilities(some.model_copy(update={"states": given})).tolist() == [0.125, 0.25, 0.625]


def test_differences_and_the_mean_for_what_is_not_known() -> None:
    """0.2, 0.8, unknown: one known difference, 0.6, and one lesser value, 0.2, which stand for the others too."""
    off = ~np.eye(3, dtype=bool)
    apart = differences([0.2, 0.8, None])
    assert apart[off] == pytest.approx(np.full(6, 0.6)) and not np.diag(apart).any()
    assert lesser([0.2, 0.8, None])[off] == pytest.approx(np.full(6, 0.2))
    assert differences([1.0, 3.0, 6.0])[0].tolist() == [0, 2, 5]
    assert not differences([None, None]).any()


def test_the_grid_of_steps(scenario: Scenario) -> None:
    """Steps of five days and events on days 31, 101, 166, 246 and 309: 5 at ages 0 and 5, then as long as the age of
    the event, at most 55, which is eleven times five and no more than 56. From 20 a step of 20 would leave less than
    half of it before day 31; from 71, 40 less before 101; from 499, 55 less before the end."""
    grid = time_grid(scenario, [])
    assert [day for day in grid if day <= 101] == [0, 5, 10, 20, 31, 36, 41, 51, 71, 101]
    assert [day for day in grid if day > 309] == [314, 319, 329, 349, 389, 444, 499, 547]
    monthly = scenario.model_copy(update={"step_days": 30.0})
    assert [day for day in time_grid(monthly, []) if day > 309] == [*range(339, 520, 30), 547]
    ten = scenario.model_copy(update={"step_days": 10.0})  # at most 50
    assert [day for day in time_grid(ten, []) if day > 309] == [319, 329, 349, 389, 439, 489, 547]


def words(scenario: Scenario, *kept: bool) -> Scenario:
    """Reassurances of Dorvan by Arden, a month apart, in the place of the one there is."""
    calm = next(one for one in scenario.events if one.id == "calm")
    told = [
        calm.model_copy(update={"id": f"calm_{k}", "date": date(2000, 3 + k, 1), "kept": backed})
        for k, backed in enumerate(kept)
    ]
    others = [one for one in scenario.events if one.id != "calm"]
    events = sorted([*others, *told], key=lambda one: (one.date, one.id))
    return scenario.model_copy(update={"events": tuple(events)})


@pytest.mark.parametrize(
    ("kept", "last"),
    [
        ((False,), 1.0),
        ((False, False), (0.25 / 1.5) / 0.5),  # one word not kept: a third
        ((False, False, False), 0.2),  # (1/4) / (5/2) of the first's 1/2
        ((True, True, False), 1.0),  # a record of kept words: believed in full, and not more
        ((True, False, False), 2.0 * 1.25 / 2.5),  # one of two: as at first
        ((True, False, False, False), 2.0 * 1.25 / 3.5),
    ],
)
def test_a_word_is_worth_its_senders_record(scenario: Scenario, kept: tuple[bool, ...], last: float) -> None:
    """Of the last word alone, on its day and 100 days on: the difference that it makes to what Dorvan thinks of Arden."""
    told, before = words(scenario, *kept), words(scenario, *kept[:-1])
    world = compile_worlds(scenario).reference
    day = float((date(2000, 2 + len(kept), 1) - scenario.start).days)
    nats = []
    for version in (told, before):
        found = evidence(by_audience(version), np.array([day + 100]), np.array([day + 99]), world.dyad_index)
        place = world.codes.index("XDO") * 5 + world.codes.index("XAR")
        nats.append(found.intent[0, found.places == place].sum())
    kind = scenario.event_kinds["reassurance"]
    assert kind.half_life_days is not None
    attention = 0.9  # North's
    assert nats[0] - nats[1] == pytest.approx(attention * kind.intent * last * 2 ** (-100 / kind.half_life_days))


def test_words_of_one_day_and_of_others_do_not_count(scenario: Scenario) -> None:
    by_id = beliefs.worth_of_words(scenario, list(scenario.events), {code: k for k, code in enumerate(scenario.codes)})
    assert set(by_id) == {"calm"} and (by_id["calm"] == 1.0).all()
    told = words(scenario, False, False)
    same_day = [one.model_copy(update={"date": date(2000, 5, 1)}) for one in told.events]
    roster = {code: k for k, code in enumerate(scenario.codes)}
    assert all((found == 1.0).all() for found in beliefs.worth_of_words(told, same_day, roster).values())
    other = [one.model_copy(update={"principals": ("XBE",)}) if one.id == "calm_0" else one for one in told.events]
    assert all((found == 1.0).all() for found in beliefs.worth_of_words(told, other, roster).values())


def test_worth_falls_with_each_word_not_kept_and_never_exceeds_one() -> None:
    sent = np.arange(20.0)
    broken, all_kept = worth(np.zeros(20), sent), worth(sent, sent)
    assert (np.diff(broken) < 0).all() and broken[0] == 1.0 and (broken > 0).all()
    assert (all_kept == 1.0).all()

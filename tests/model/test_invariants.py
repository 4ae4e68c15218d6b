"""What no change of names, units, order, blocks or steps may move, on whole scenarios drawn by Hypothesis.

The same on the bare rules, and more of it: tests/model/test_rules.py (relabelling, scale, monotonicity,
powerless stranger), tests/model/test_engine.py (blocks, order of arms, unseen event),
tests/scenario/test_fingerprint.py (order of rows and columns), tests/model/test_landscape.py (camps)."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.run import run
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.engine import begin, perceive
from balance_sim.model.thinning import draw_opportunities
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.schema import Dispute, Scenario
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SUMMIT = load_scenario(Path(__file__).parents[1] / "scenario" / "data" / "summit.yaml")
ARMS = ("no_summit", "summit")
RUNS = 24
few = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)  # each example lives a study; the seed of Hypothesis is fixed, so that a run is the same everywhere


def worlds_of(scenario: Scenario) -> Worlds:
    """In classes of its own: what a change does to them is looked at here."""
    return compile_worlds(scenario.counted_as(None), ARMS)


def digest(scenario: Scenario, runs: int = RUNS, seed: int = 5) -> str:
    return run(scenario.counted_as(None), runs, seed, arms=["summit"]).digest


@pytest.fixture(scope="module")
def before() -> str:
    return digest(SUMMIT)


def test_a_study_differs_from_another_at_all(before: str) -> None:
    """The yardstick of this file: the digest sees one value of one state, one event, one seed."""
    for change in ({"states.JPN.gdp_bn": 5000.0}, {"events.aid.visibility": 0.5}):
        assert digest(with_values(SUMMIT, change)) != before
    assert digest(SUMMIT, seed=6) != before


# --- names, order, units ----------------------------------------------------------------------------


def by_code(worlds: Worlds) -> dict[str, object]:
    """What is frozen at the start, by the names of states and pairs instead of by place."""
    codes, base, world = worlds.reference.codes, worlds.baseline, worlds.reference
    dyads = [(codes[i], codes[j]) for i, j in zip(world.first, world.second, strict=True)]
    out: dict[str, object] = {}
    for at, code in enumerate(codes):
        out[code] = (base.insecurity[at], base.partners[at], base.threatened[at], *base.gain_norm[at])
    for at, (a, b) in enumerate(dyads):
        out[a, b, "direction"] = (base.direction[at],)
        out[a, b] = tuple(base.keen[at, 0])
        out[b, a] = tuple(base.keen[at, 1])
    return out


def renamed(scenario: Scenario, names: dict[str, str]) -> Scenario:
    """Every mention of a state's code replaced by its new one."""
    text = scenario.model_dump_json(exclude={"sha256"})
    text = re.sub(r'"([A-Z]{3})"', lambda hit: f'"{names.get(hit[1], hit[1])}"', text)
    found = Scenario.model_validate_json(text)
    return found.model_copy(update={"states": tuple(sorted(found.states, key=lambda one: one.id))})


@given(st.permutations(SUMMIT.codes))
@few
def test_renaming_the_states_renames_what_they_believe_and_want(codes: list[str]) -> None:
    """Luck is keyed by names; what states believe, fear and consent to at the start is not."""
    names = dict(zip(SUMMIT.codes, codes, strict=True))
    plain, moved = by_code(worlds_of(SUMMIT)), by_code(worlds_of(renamed(SUMMIT, names)))
    for key, values in plain.items():
        there = tuple(names.get(part, part) for part in key) if isinstance(key, tuple) else names[key]
        if isinstance(key, tuple) and len(key) == 3 and there not in moved:
            there = (there[1], there[0], there[2])
        np.testing.assert_allclose(moved[there], values, atol=1e-9, err_msg=str(key))


def test_a_matrix_kept_in_another_order_than_its_names_would_be_seen() -> None:
    """Headers in one order and values in another: the test above fails such a program."""
    plain = by_code(worlds_of(SUMMIT))
    values = [plain[code] for code in SUMMIT.codes]
    assert len({value[0] for value in values}) == len(values)


@given(st.integers(0, 10_000))
@few
def test_the_order_of_rows_changes_no_accord(seed: int) -> None:
    """Past the loader too, which sorts: the engine reads by name whatever order a Scenario keeps.

    Sums taken in another order may differ in the last digit; agreements and dates do not."""
    order = random.Random(seed)

    def shuffled(rows: tuple) -> tuple:
        return tuple(order.sample(rows, len(rows)))

    rows = ("states", "disputes", "trade", "accords", "events", "outside")
    update: dict[str, object] = {name: shuffled(getattr(SUMMIT, name)) for name in rows}
    for name in ("groups", "kinds", "event_kinds", "arms"):
        update[name] = dict(shuffled(tuple(getattr(SUMMIT, name).items())))
    plain, moved = (
        run(SUMMIT, RUNS, 5, arms=["summit"]),
        run(SUMMIT.model_copy(update=update), RUNS, 5, arms=["summit"]),
    )
    rows = [
        one.agreements.drop(columns="occasion").astype(str) for one in (plain, moved)
    ]  # the row number of an initial agreement
    assert rows[0].equals(rows[1])
    names = plain.outcome_names
    np.testing.assert_allclose(moved.outcomes[names], plain.outcomes[names], rtol=1e-9, atol=1e-12)


@given(st.integers(-6, 6))
@few
def test_the_unit_of_capability_changes_no_accord(before: str, power: int) -> None:
    """Shares have no unit; a power of two is exact in binary, so not even the last digit moves."""
    factor = 2.0**power
    components = ("gdp_bn", "milex_bn", "population_m")
    states = tuple(
        state.model_copy(update={name: getattr(state, name) * factor for name in components}) for state in SUMMIT.states
    )
    assert digest(SUMMIT.model_copy(update={"states": states})) == before


# --- blocks, arms, workers, steps -------------------------------------------------------------------


def without_feedback(step_days: float) -> Scenario:
    """A world in which nothing changes what states want: no news, and agreements that leave no trace."""
    quiet = {f"theory.weights.{n}": 0.0 for n in ("activity", "popularity", "closure", "experience", "ladder")}
    quiet |= {f"theory.weights.{n}": 0.0 for n in ("exposure", "hub_doubt")}
    quiet |= {f"kinds.{kind}.{field}": 0.0 for kind in SUMMIT.kinds for field in ("depth", "calm")}
    quiet |= {f"events.{event.id}.visibility": 0.0 for event in SUMMIT.events}
    quiet |= {"parameters.effort_max": 0.0, "step_days": step_days}
    treaty = SUMMIT.event_kinds["treaty"].model_copy(update={"alignment": 0.0})
    kinds = SUMMIT.event_kinds | {"treaty": treaty}
    return with_values(SUMMIT, quiet).model_copy(update={"provocations": (), "event_kinds": kinds})


@given(st.sampled_from([3.5, 1.0, 10.0, 30.0]))
@few
def test_splitting_a_step_changes_nothing_where_nothing_changes(step_days: float) -> None:
    """Occasions and lags live in continuous time; a step only says how often beliefs are looked at. Filtered estimates
    know by the step whether a clock is busy."""
    weekly, other = (run(without_feedback(days), 60, 2, arms=["summit"]) for days in (7.0, step_days))
    assert len(weekly.agreements) > 200 and other.agreements.equals(weekly.agreements)
    outcomes = (result.outcomes.set_index(["run", "arm"]) for result in (weekly, other))
    numbers, others = (frame.T.groupby(lambda name: name.startswith("filtered_")) for frame in outcomes)
    assert numbers.get_group(False).equals(others.get_group(False))
    estimates, of_others = (rows.get_group(True).mean(axis=1) for rows in (numbers, others))
    assert of_others.to_dict() == pytest.approx(estimates.to_dict(), rel=0.02)


def test_splitting_a_step_moves_no_occasion() -> None:
    runs = np.arange(4, dtype=np.uint64)
    found = [
        draw_opportunities(worlds_of(with_values(SUMMIT, {"step_days": days})).reference, 5, runs)
        for days in (7.0, 2.0)
    ]
    columns = [np.column_stack([f.run, f.dyad, f.kind, f.count, f.day, f.needs]) for f in found]
    first, second = (table[np.lexsort(table.T[::-1])] for table in columns)
    assert np.array_equal(first, second)


# --- events and states that say nothing -------------------------------------------------------------


@given(st.sampled_from([event.date for event in SUMMIT.events[1:]]), st.sampled_from(["treaty", "incident"]))
@few
def test_an_event_that_nobody_sees_changes_nothing(before: str, when: object, kind: str) -> None:
    """On a day that ends a step anyway, since a new date also cuts a step in two."""
    silent = SUMMIT.events[1].model_copy(
        update={"id": "silent", "date": when, "kind": kind, "visibility": 0.0, "host": None}
    )
    assert digest(SUMMIT.model_copy(update={"events": (*SUMMIT.events, silent)})) == before


@given(st.floats(0.05, 0.95))
@few
def test_one_event_or_two_that_share_its_visibility(share: float) -> None:
    """Evidence adds up: two acts of one day weigh as one as visible as both. Beliefs to the last digits."""
    aid = next(event for event in SUMMIT.events if event.id == "aid")
    rest = tuple(event for event in SUMMIT.events if event.id != "aid")
    halves = tuple(
        aid.model_copy(update={"id": name, "visibility": aid.visibility * part})
        for name, part in (("aid1", share), ("aid2", 1 - share))
    )
    one, two = (
        worlds_of(SUMMIT.model_copy(update={"events": (*rest, *parts)})).arms["summit"] for parts in ((aid,), halves)
    )
    np.testing.assert_allclose(one.odds_against[:], two.odds_against[:], rtol=1e-12)
    np.testing.assert_allclose(one.intent_odds[:], two.intent_odds[:], rtol=1e-12)
    np.testing.assert_allclose(one.reliability, two.reliability, rtol=1e-12)


def with_stranger(longitude: float) -> Scenario:
    """One more state, far off, without arms, wealth or people, and of nobody's quarrel."""
    model = SUMMIT.states[0].model_copy(
        update={
            "id": "NZL", "name": "Far", "gdp_bn": 0.0, "milex_bn": 0.0, "population_m": 0.0,
            "ideal_point": 0.0, "latitude": -41.0, "longitude": longitude, "patrons": (),
        }
    )  # fmt: skip
    states = tuple(sorted((*SUMMIT.states, model), key=lambda one: one.id))
    plain = SUMMIT.parameters.model_copy(update={"eta_x": 0.0})  # no enmity of ideas with a stranger
    apart = SUMMIT.audiences["rest"]
    audiences = SUMMIT.audiences | {"rest": apart.model_copy(update={"members": (*apart.members, "NZL")})}
    return SUMMIT.model_copy(update={"states": states, "parameters": plain, "audiences": audiences})


@given(st.floats(-180, 180))
@few
def test_a_far_powerless_state_changes_nobodys_insecurity(longitude: float) -> None:
    grown = with_stranger(longitude)
    alone = grown.model_copy(update={"states": tuple(s for s in grown.states if s.id != "NZL")})
    plain, wider = by_code(worlds_of(alone)), by_code(worlds_of(grown))
    for code in SUMMIT.codes:
        assert wider[code][0] == pytest.approx(plain[code][0], rel=1e-9)
        assert wider[code][2] == plain[code][2]
    assert {k: v for k, v in wider.items() if "direction" in k and "NZL" not in k} == {
        k: v for k, v in plain.items() if "direction" in k
    }
    assert wider["NZL"][1] == 0


# --- more of one thing never less of another --------------------------------------------------------


def felt(scenario: Scenario) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(threat, insecurity) at the start of the reference arm, and the states' order."""
    worlds = worlds_of(scenario)
    state = begin(worlds.reference, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    view = perceive(worlds.reference, state, 0)
    return view.threat[0], view.insecurity[0], worlds.reference.codes


dyad = st.sampled_from([(a, b) for a in SUMMIT.codes for b in SUMMIT.codes if a < b])


@given(dyad, st.floats(0.05, 1.0))
@few
def test_more_enmity_never_lowers_a_threat(two: tuple[str, str], rivalry: float) -> None:
    a, b = two
    kept = tuple(one for one in SUMMIT.disputes if {one.a, one.b} != {a, b})
    at = [felt(SUMMIT.model_copy(update={"disputes": (*kept, Dispute(a=a, b=b, rivalry=r, war=w))}))
          for r, w in ((rivalry / 2, 0.0), (rivalry, rivalry))]  # fmt: skip
    assert (at[1][0] >= at[0][0] - 1e-12).all()
    codes = at[0][2]
    assert at[1][0][codes.index(a), codes.index(b)] > at[0][0][codes.index(a), codes.index(b)]


@given(dyad, st.floats(0.0, 1.0))
@few
def test_a_pact_makes_no_enemy_of_the_two_and_by_itself_threatens_nobody(two: tuple[str, str], depth: float) -> None:
    """A pact promises help to the attacked; that alone (no calm, no alignment from it) draws neither side in against
    the other, and adds nothing to what others have to fear (Leeds 2003)."""
    a, b = two
    pact = next(one for one in SUMMIT.agreements if one.id == "usa-jpn")
    given_pact = pact.model_copy(update={"id": "more", "a": a, "b": b})
    plain = SUMMIT.parameters.model_copy(update={"alpha_acc": 0.0, "eta_acc": 0.0})
    kinds = {name: kind.model_copy(update={"calm": 0.0}) for name, kind in SUMMIT.kinds.items()}
    kinds[pact.kind] = kinds[pact.kind].model_copy(update={"depth": depth})
    scenario = SUMMIT.model_copy(update={"parameters": plain, "kinds": kinds})
    less, _, codes = felt(scenario)
    more = felt(scenario.model_copy(update={"accords": (*SUMMIT.agreements, given_pact)}))[0]
    inside = [codes.index(a), codes.index(b)]
    others = [k for k in range(len(codes)) if k not in inside]
    assert (more[inside] <= less[inside] + 1e-12).all()
    assert more[others] == pytest.approx(less[others], abs=1e-12)


def test_a_state_in_no_audience_is_refused_by_name() -> None:
    """A scenario changed by hand: without a reading of the news its beliefs would be memory nobody has filled."""
    fewer = {
        name: one.model_copy(update={"members": tuple(m for m in one.members if m != "KOR")})
        for name, one in SUMMIT.audiences.items()
    }
    with pytest.raises(ValueError, match=r"no audience for KOR: every state needs one"):
        run(SUMMIT.model_copy(update={"audiences": fewer}), 2, 1)
    with pytest.raises(ValueError, match=r"no audience for CHN, .*load_scenario"):
        compile_worlds(SUMMIT.model_copy(update={"audiences": {}}))

"""States that look ahead and whose talks are scarce: closed forms, bounds, both faces, and weight 0 is not there."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.model import threat
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import content_key
from balance_sim.model.engine import begin, perceive, simulate
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import draw_opportunities, ranges, thinning, usual_talks
from balance_sim.model.willingness import TERMS, expected_log
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.fingerprint import content_digest, posterior_digest
from balance_sim.study.arms import compile_arms
from balance_sim.study.blocks import simulate_runs
from balance_sim.study.draws import with_draws
from balance_sim.study.spans import course, in_spans, spans

ON = {"theory.weights.foresight": 6.0, "theory.weights.talks_budget": 0.8}
THREE = """
schema: 1
title: "Three states"
start: 2000-01-01
end: 2001-01-01
focal: signal
states:
  - {{id: {a}, name: Ardens, capability: 0.5, ideal_point: 0, latitude: 0, longitude: 0}}
  - {{id: {b}, name: Belmar, capability: 0.3, ideal_point: 1, latitude: 0, longitude: 10}}
  - {{id: {c}, name: Corvia, capability: 0.2, ideal_point: 1, latitude: 0, longitude: 20}}
disputes: [{{a: {a}, b: {b}, rivalry: 1}}]
audiences: {{all: {{members: [{a}, {b}, {c}]}}}}
events: [{{id: signal, date: 2000-01-10, kind: incident, principals: [{b}], targets: [{a}]}}]
theory: {{weights: {{foresight: 5}}}}
arms: {{without: {{reference: true, drop: [signal]}}, with: {{}}}}
report: {{windows: [30]}}
"""


def three(tmp_path: Path, a: str = "XAR", b: str = "XBE", c: str = "XCO"):  # type: ignore[no-untyped-def]
    path = tmp_path / f"{a}.yaml"
    path.write_text(THREE.format(a=a, b=b, c=c), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="module")
def beijing():  # type: ignore[no-untyped-def]
    return load_scenario("scenarios/beijing_2025.yaml", set=["end=2025-12-31"])


@pytest.fixture(scope="module")
def worlds(beijing) -> Worlds:  # type: ignore[no-untyped-def]
    return compile_worlds(with_values(beijing, ON))


def signed_by(agreements, run: int):  # type: ignore[no-untyped-def]
    own = agreements.take(np.flatnonzero(agreements.run == run))
    return own.take(np.lexsort((own.opened, own.kind, own.dyad)))


def test_a_loan_more_is_threat_with_it_less_threat_without() -> None:
    """q = 1 - (1 - h) e^(-f h_k lend): with 0.2 lent and 0.3 more, against one formula for both."""
    h, f, foe, strength = 0.4, 0.7, 0.5, 0.25

    def theta(lend: float) -> float:
        return strength * (1 - (1 - h) * math.exp(-f * foe * lend))

    before = np.array((1 - h) * math.exp(-f * foe * 0.2))
    found = threat.raised(np.array(strength), before, np.array(f), np.array(foe), np.array(0.3))
    assert float(found) == pytest.approx(theta(0.5) - theta(0.2), rel=1e-12)
    g, balance = 0.3, 0.8
    more = threat.marginal_loss(np.array(g), np.array(balance), np.array(0.05))
    assert float(more) == pytest.approx((g * balance + 0.05) / (balance + 0.05) - g, rel=1e-12)


def test_the_reply_in_a_world_of_three(tmp_path: Path) -> None:
    """Belmar signs with Corvia; Ardens, its rival, can reply with Corvia alone: one product of three numbers."""
    worlds = compile_worlds(three(tmp_path))
    world, base = worlds.reference, worlds.baseline
    ardens, belmar, corvia = (world.codes.index(code) for code in ("XAR", "XBE", "XCO"))
    view = perceive(world, begin(world, base, 0, np.zeros(1, dtype=np.uint64)), 0)

    def rise(x: int, foe: int, lender: int, kind: int) -> float:
        """Of x's insecurity where its adversary and `lender` stand closer; x has next to nothing against the lender."""
        threat_now, balance = view.total[0, x], view.balance[0, x]
        total = 0.0
        for k, j in ((foe, lender), (lender, foe)):
            a, deeper = view.alignment[0, 0, k, j], max(world.ladder.depth[kind] - view.depth[0, k, j], 0.0)
            closer = 1 / (1 + math.exp(-math.log(a / (1 - a)) - world.rules.alpha_acc * deeper))
            more = world.rules.beta * (closer - a)
            loss = math.exp(-view.free[0, x, j] * view.hostility[0, x, k] * more)
            total += world.offensive[x, j] * view.unopposed[0, x, j] * (1 - loss)
        return float((threat_now + total) / (balance + total) - threat_now / balance)

    dyad, kinds = world.dyad_index[ardens, corvia], len(world.ladder.names)
    for m in range(kinds):
        brought = sum(base.signs[dyad, k] * rise(belmar, ardens, corvia, k) for k in range(kinds))
        feared = rise(ardens, belmar, corvia, m) * brought
        found = base.first["foresight"][belmar, corvia, m]
        assert found == pytest.approx(-math.log(1 + feared / world.rules.gain_floor), rel=1e-9)
    assert base.first["foresight"][belmar, corvia].min() < -1e-5


def test_names_and_their_order_change_nothing_but_names(tmp_path: Path) -> None:
    one, other = (compile_worlds(three(tmp_path, *names)) for names in (("XAR", "XBE", "XCO"), ("XZZ", "XMM", "XAA")))
    place = [other.reference.codes.index(code) for code in ("XZZ", "XMM", "XAA")]
    moved = other.baseline.first["foresight"][np.ix_(place, place)]
    np.testing.assert_allclose(moved, one.baseline.first["foresight"], rtol=1e-10)
    np.testing.assert_allclose(other.baseline.talks[place], one.baseline.talks, rtol=1e-10)


def test_where_nobody_is_threatened_there_is_no_reply(tmp_path: Path) -> None:
    calm = compile_worlds(three(tmp_path).model_copy(update={"disputes": ()}))
    level = calm.baseline.first["foresight"].min()
    alike = with_values(three(tmp_path), {"theory.equal_hostility": 0.0})
    quiet = compile_worlds(alike)
    assert level > -1e-3 and (quiet.baseline.first["foresight"] == 0).all()


def test_more_talks_than_usual_lower_consent_and_fewer_raise_it(worlds: Worlds) -> None:
    """Ego with 0, 1, ... talks: ln(1 + N) by the count, and 0 on average where N is Poisson about its usual number."""
    world, base = worlds.reference, worlds.baseline
    state = begin(world, base, 1, np.arange(300, dtype=np.uint64))
    view = perceive(world, state, 0)
    japan = world.codes.index("JPN")
    run = np.arange(300)
    ego = np.full(300, japan)
    p = Prospects(world, base, view, state, run, ego, np.full(300, world.codes.index("PHL")), np.zeros(300, dtype=int))
    made = state.agreements
    with_japan = (world.first[made.dyad] == japan) | (world.second[made.dyad] == japan)
    count = np.bincount(made.run[(made.stage == 0) & with_japan], minlength=300)
    np.testing.assert_array_equal(p.talks, count)
    found = TERMS["talks_budget"](p)
    np.testing.assert_allclose(found[0] - found, np.log1p(count) - np.log1p(count[0]), atol=1e-12)
    poisson = np.random.default_rng(1).poisson(base.talks[japan], 20_000)
    assert abs((found[0] + np.log1p(count[0]) - np.log1p(poisson)).mean()) < 0.02
    assert len(set(count.tolist())) > 3


def test_expected_log_against_draws() -> None:
    mean = np.array([0.0, 0.3, 2.0, 199.0, 201.0])
    drawn = np.log1p(np.random.default_rng(1).poisson(mean, (200_000, 5))).mean(axis=0)
    np.testing.assert_allclose(expected_log(mean), drawn, atol=0.004)


def test_usual_talks_are_those_that_replications_begin_with(worlds: Worlds) -> None:
    """Of states without talks on record, mean over 400 replications of the talks nobody recorded."""
    world, runs = worlds.reference, np.arange(400, dtype=np.uint64)
    made = begin(world, worlds.baseline, 1, runs).agreements
    under_way = made.take(np.flatnonzero(made.stage == 0))
    sides = np.concatenate([world.first[under_way.dyad], world.second[under_way.dyad]])
    dyad = world.initial.dyad[world.initial.stage < 2]
    known = np.concatenate([world.first[dyad], world.second[dyad]])
    free = np.setdiff1d(np.arange(world.n), known)
    mean = np.bincount(sides, minlength=world.n)[free] / 400
    usual = worlds.baseline.talks[free]
    assert len(free) > 5
    assert (np.abs(mean - usual) < 4 * np.sqrt(usual / 400) + 0.01).all()
    np.testing.assert_array_equal(usual_talks(world, worlds.baseline.keen), worlds.baseline.talks)


def test_bounds_hold_and_thinning_changes_no_date(worlds: Worlds) -> None:
    world, base, runs = worlds.arms["parade"], worlds.baseline, np.arange(6, dtype=np.uint64)
    every = draw_opportunities(worlds.reference, 1, runs, None)
    some = draw_opportunities(worlds.reference, 1, runs, worlds.most)
    assert len(some.day) < 0.6 * len(every.day)
    whole = simulate(world, base, every, thinning(world, every, None), 1, runs).agreements

    def inside(world, state, view) -> None:  # type: ignore[no-untyped-def]
        ego, alter = np.divmod(np.flatnonzero(~np.eye(world.n, dtype=bool)), world.n)
        p = Prospects(world, base, view, state, np.full(len(ego), 3), ego, alter, np.zeros_like(ego))
        for name in ("foresight", "talks_budget"):
            low, high = (
                np.broadcast_to(bound, (world.n, world.n, 7))[ego, alter, 0] for bound in ranges(world, base)[name]
            )
            value = TERMS[name](p)
            assert (low - 1e-12 <= value).all() and (value <= high + 1e-12).all(), name

    thinned = simulate(world, base, some, thinning(world, some, worlds.bounds["parade"]), 1, runs, inside).agreements
    for run in range(6):
        one, other = signed_by(whole, run), signed_by(thinned, run)
        np.testing.assert_array_equal(one.signed, other.signed)
        np.testing.assert_array_equal(one.opened, other.opened)


def test_agents_make_the_engines_agreements(beijing, worlds: Worlds) -> None:  # type: ignore[no-untyped-def]
    made = simulate_runs(worlds, 1, np.arange(2, dtype=np.uint64), ("no_parade", "parade"))
    model = bs.BalanceModel(worlds.scenario, "parade", seed=1, run=1, worlds=worlds).run_until_end()
    mine, theirs = signed_by(model.state.agreements, 0), signed_by(made["parade"], 1)
    for name in ("dyad", "kind", "origin", "opened", "signed", "in_force", "ended", "stage"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)
    off = simulate_runs(compile_worlds(beijing), 1, np.arange(2, dtype=np.uint64), ("no_parade", "parade"))
    assert signed_by(off["parade"], 1).signed.tolist() != theirs.signed.tolist()


def test_weight_zero_is_not_there(beijing) -> None:  # type: ignore[no-untyped-def]
    """Said to be 0 or not said: one digest, so that what is kept stays good, and the same arrays."""
    said = with_values(beijing, dict.fromkeys(ON, 0.0))
    assert content_digest(said) == content_digest(beijing) and posterior_digest(said) == posterior_digest(beijing)
    assert content_key(compile_worlds(said).baseline) == content_key(compile_worlds(beijing).baseline)
    assert "foresight" not in compile_worlds(beijing).baseline.first
    for path, value in ON.items():
        other = with_values(beijing, {path: value})
        assert content_digest(other) != content_digest(beijing) and posterior_digest(other) != posterior_digest(beijing)
    older = beijing.model_copy(
        update={
            "theory": beijing.theory.model_copy(
                update={
                    "weights": {k: v for k, v in beijing.theory.weights.items() if k not in TERMS or k[:4] != "fore"}
                }
            )
        }
    )
    assert content_digest(older) == content_digest(beijing)


def test_one_arm_alone_may_look_ahead(tmp_path: Path) -> None:
    """The reply is frozen at the start for it too, though the control arm has no weight."""
    text = THREE.format(a="XAR", b="XBE", c="XCO").replace("theory: {weights: {foresight: 5}}\n", "")
    text = text.replace("with: {}", "with: {set: {theory.weights.foresight: 5}}")
    path = tmp_path / "arm.yaml"
    path.write_text(text, encoding="utf-8")
    scenario = load_scenario(path)
    worlds, wanted = compile_worlds(scenario), compile_worlds(three(tmp_path))
    np.testing.assert_array_equal(worlds.baseline.first["foresight"], wanted.baseline.first["foresight"])
    assert (worlds.baseline.keen > wanted.baseline.keen).any()
    assert (worlds.bounds["with"] <= worlds.bounds["without"]).all()
    assert content_key(compile_arms(scenario, ("without",)).baseline) == content_key(worlds.baseline)


def test_drawn_parameters_have_usual_talks_of_their_own(worlds: Worlds) -> None:
    runs = np.arange(4, dtype=np.uint64)
    drawn = with_draws(worlds, 1, runs)
    assert drawn.baseline.talks.shape == (4, worlds.reference.n) and len(set(drawn.baseline.talks[:, 0])) == 4
    world = drawn.reference
    opportunities = draw_opportunities(world, 1, runs, drawn.most)
    every = draw_opportunities(world, 1, runs, None)
    bound = drawn.bounds[world.arm]
    thinned, whole = (
        simulate(world, drawn.baseline, some, thinning(world, some, most), 1, runs).agreements
        for some, most in ((opportunities, bound), (every, None))
    )
    for run in range(4):
        np.testing.assert_array_equal(signed_by(thinned, run).signed, signed_by(whole, run).signed)


def test_some_dyads_expect_what_all_do(worlds: Worlds) -> None:
    """The expected estimator carries talks under way along: at the usual number where nothing is new."""
    control = in_spans(worlds.reference, spans(worlds))
    every, some = course(control, worlds.baseline), np.array([0, 9, 300])
    few = course(control, worlds.baseline, some)
    np.testing.assert_array_equal(few.consent, every.consent[:, some])
    talks = np.stack([state.talks[0] for state in every.states])
    np.testing.assert_allclose(talks[0], worlds.baseline.talks)
    assert np.abs(talks[1] / talks[0] - 1).max() < 0.05


def test_a_state_with_more_talks_expects_to_open_fewer(worlds: Worlds) -> None:
    """The event's arm, in which some open more: their talks rise above those of the control arm, and their consent is
    then lower than where talks do not count."""
    control, having = (in_spans(worlds.arms[arm], spans(worlds)) for arm in ("no_parade", "parade"))
    free = {**control.rules.weights, "talks_budget": 0.0}
    with_it, without = [], []
    for world in (control, having):
        with_it.append(course(world, worlds.baseline))
        without.append(course(replace(world, rules=replace(world.rules, weights=free)), worlds.baseline).consent)
    more = with_it[1].states[-1].talks[0] - with_it[0].states[-1].talks[0]
    assert more.max() > 0
    most = int(more.argmax())
    own = (control.first == most) | (control.second == most)
    gain, gain_free = ((two - one)[-1][own].sum() for one, two in ((with_it[0].consent, with_it[1].consent), without))
    assert gain < gain_free

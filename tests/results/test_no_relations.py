"""Whom one does not sign with: the factor by hand on four states, in every estimator, and the table's refusals.

Every state consents to everything with probability 1/2 (`by_hand`): weights 0, intercept 0, ceiling 1 a
year, talks exponential with a mean of 100 days, nothing collapses, 365 days from 2025-01-01, the event on day 40."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.run import run
from balance_sim.evidence.goodness.dyad_probabilities import Sought, probabilities_along
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.thinning import chance_under_way, mean_openness, openness_at, openness_on
from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.expected import expected
from balance_sim.study.filtered import FilteredSums, prospect_of
from direct_estimator import direct
from replications import by_hand, four_states, simulated
from scipy import stats

RUNS = np.arange(400, dtype=np.uint64)
DAYS = "2025-03-02"  # day 60 from the start


def scenario(folder: Path, spells: str, **values: object) -> Scenario:
    """Corvia and Dorn, and whatever else `spells` says."""

    def text(plain: str) -> str:
        whole = four_states(plain)
        return whole.replace("\ngroups:", f"\nno_relations:\n{spells}\ngroups:", 1)

    return by_hand(folder, text, **values)


def spell(a: str, b: str, kind: str, dates: str = "") -> str:
    return f"  - {{a: {a}, b: {b}, kind: {kind}{dates}}}\n"


WAR = spell("XBE", "XDO", "war", f", until: {DAYS}") + spell("XBE", "XCO", "sanctions", f", from: {DAYS}")
FACTORS = {"parameters__factor_war": 0.1, "parameters__factor_sanctions": 0.25}


def dyads(world) -> dict[str, int]:
    code = {name: i for i, name in enumerate(world.codes)}
    return {f"{a}-{b}": int(world.dyad_index[code[a], code[b]]) for a in code for b in code if a < b}


def test_the_factor_by_day(tmp_path: Path) -> None:
    """War to day 60, of two at once the least; sanctions from day 60; the mean over days 50 to 80."""
    both = WAR + spell("XBE", "XDO", "not_recognised")
    found = scenario(tmp_path, both, **FACTORS, parameters__factor_not_recognised=0.5)
    world = compile_worlds(found, (found.reference_arm,)).reference
    of = dyads(world)
    dyad = np.array([of["XBE-XDO"], of["XBE-XDO"], of["XBE-XCO"], of["XBE-XCO"], of["XAR-XBE"]])
    day = np.array([59.9, 60.0, 59.9, 60.0, 60.0])
    np.testing.assert_array_equal(openness_on(world, dyad, day), [0.1, 0.5, 1.0, 0.25, 1.0])
    np.testing.assert_array_equal(openness_at(world, 0.0)[dyad], [0.1, 0.1, 1.0, 1.0, 1.0])
    mean = mean_openness(world, np.array([0.0, 50.0, 80.0]))
    np.testing.assert_allclose(mean[:, of["XBE-XDO"]], [0.1, (0.1 + 2 * 0.5) / 3])
    np.testing.assert_allclose(mean[:, of["XBE-XCO"]], [1.0, (1.0 + 2 * 0.25) / 3])


def test_talks_open_at_the_factor_of_the_rate_in_every_estimator(tmp_path: Path) -> None:
    """With 1/4 a year and dyad and kind while idle, and a factor f: counts, filtered, expected and hazard have f of it.

    The ceiling is low, so hardly a clock is ever busy; talks on record are not touched."""
    values = {"kind_ceiling": 0.02, **FACTORS}
    spells = spell("XBE", "XDO", "war") + spell("XBE", "XCO", "sanctions")
    free = scenario(tmp_path, spells, **values | dict.fromkeys(FACTORS, 1.0))
    held = scenario(tmp_path, spells, **values)
    arm = held.reference_arm
    rows = {}
    for name, of in (("free", free), ("held", held)):
        worlds = compile_worlds(of, (arm,))
        filtered, _ = simulated(worlds, arm, RUNS, thinned=False)
        sought = Sought(np.ones(len(worlds.reference.ladder.names), dtype=bool), *filtered.windows.bounds(300))
        rows[name] = {
            "expected": expected(worlds, (arm,))[arm].by_dyad(300),
            "filtered": filtered.by_dyad(300).mean(axis=0),
            "hazard": probabilities_along(worlds, arm, 1, RUNS[:8], sought).openings.mean(axis=0),
            "under way": chance_under_way(worlds.reference, worlds.baseline)[0].reshape(6, -1).sum(axis=1),
        }
    of = dyads(compile_worlds(held, (arm,)).reference)
    for estimator, off in (("expected", 2e-3), ("filtered", 0.12), ("hazard", 2e-3), ("under way", 5e-3)):
        ratio = rows["held"][estimator] / rows["free"][estimator]
        assert ratio[of["XBE-XDO"]] == pytest.approx(0.1, rel=off), estimator
        assert ratio[of["XBE-XCO"]] == pytest.approx(0.25, rel=off), estimator
        assert ratio[of["XAR-XBE"]] == pytest.approx(1.0, rel=1e-12), estimator


def test_openings_are_binomial_in_the_factor_and_filtered_sums_them(tmp_path: Path) -> None:
    """Of the opportunities to which both consent, a tenth opens: Binomial(n, 0.1), where no factor opens all n."""
    values = {"kind_ceiling": 2.0, "kind_talks_days": 0.5, "kind_force_days": 0.0, "kind_at_once": 1.0}
    found = scenario(tmp_path, spell("XBE", "XDO", "war"), **values, **FACTORS)
    arm = found.reference_arm
    worlds = compile_worlds(found, (arm,))
    seen = simulated(worlds, arm, RUNS, thinned=False)[0].simulated
    dyad = dyads(worlds.reference)["XBE-XDO"]
    mine = (seen.opportunities.dyad == dyad) & (seen.opportunities.needs < 0.5).all(axis=1)
    made = seen.agreements
    opened = int(((made.dyad == dyad) & (made.origin == 0)).sum())
    n = int(mine.sum())
    assert n > 1000
    assert stats.binomtest(opened, n, 0.1).pvalue > 1e-4
    assert stats.binomtest(opened, n, 0.115).pvalue < 0.05 or opened / n < 0.115  # a wrong factor would show
    total = seen.consent[seen.opportunities.dyad == dyad].sum()
    assert abs(total - opened) < 4.9 * np.sqrt(opened)


def test_a_factor_of_nought_opens_nothing_and_one_of_one_changes_nothing(tmp_path: Path) -> None:
    spells = spell("XBE", "XDO", "no_diplomatic_relations")
    plain = by_hand(tmp_path, four_states)
    digest = {
        value: run(
            scenario(tmp_path, spells, parameters__factor_no_relations=value, parameters__eta_no_relations=0.0),
            runs=40,
            seed=3,
        )
        for value in (0.0, 1.0)
    }
    none = digest[0.0].agreements
    assert not ((none["a"] == "XBE") & (none["b"] == "XDO") & none["origin"].isin(["new", "assumed"])).any()
    same = run(plain, runs=40, seed=3)
    assert digest[1.0].outcomes.equals(same.outcomes) and len(same.outcomes) == 80


def test_arms_differ_by_the_factor_alone_where_it_alone_differs(tmp_path: Path) -> None:
    """An arm with the factor at 1 holds every agreement of one at 0.1 on these dyads, for it shares the uniforms; and
    the direct estimator, which works out both along the control arm, gives ten times its rate."""
    found = scenario(tmp_path, spell("XBE", "XDO", "war"), kind_ceiling=0.02, **FACTORS)
    peace = with_values(found, {"parameters.factor_war": 1.0})
    arm = found.reference_arm
    one, other = compile_worlds(found, (arm,)), compile_worlds(peace, (arm,))
    peaceful = replace(other.arms[arm], arm="peace")
    both = one.__class__(
        one.scenario, {arm: one.arms[arm], "peace": peaceful}, one.baseline,
        {arm: one.bounds[arm], "peace": other.bounds[arm]}, one.classes, one.start,
    )  # fmt: skip
    along, beside = direct(both, 1, RUNS, ("peace",))
    dyad, windows = dyads(one.reference)["XBE-XDO"], simulated(one, arm, RUNS[:1], thinned=False)[0].windows
    prospect = prospect_of(both, along.opportunities, windows)
    sums = [
        FilteredSums(both.arms[name], of, prospect, windows, both.baseline.direction, len(RUNS))
        .by_dyad(300)[:, dyad]
        .mean()
        - prospect.talks[300][0, dyad, one.reference.ladder.security].sum()
        for name, of in ((arm, along), ("peace", beside["peace"]))
    ]
    assert sums[1] == pytest.approx(10.0 * sums[0], rel=0.02)


# --- the table ---------------------------------------------------------------------------------------


REFUSED = [
    ("{a: XBE, b: XDO, kind: feud}", "E211"),
    ("{a: XBE, b: XDO, kind: war, from: 2025-03-01, until: 2025-03-01}", "E215"),
    ("{a: XBE, b: XDO, kind: war}\n  - {a: XDO, b: XBE, kind: war, from: 2025-01-01}", "E308"),
    ("{a: XBE, b: XDO, kind: war, until: 2025-02-01}\n  - {a: XDO, b: XBE, kind: war, from: 2025-01-31}", "E308"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "code"), REFUSED)
def test_refused_rows(tmp_path: Path, row: str, code: str) -> None:
    from balance_sim.scenario import check_scenario, new_scenario

    text = four_states(new_scenario("bad")).replace("\ngroups:", f"\nno_relations:\n  - {row}\n\ngroups:", 1)
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    refused, problems = check_scenario(path)
    errors = [one for one in problems if not one.is_warning]
    assert refused is None
    assert code in [one.code for one in errors], [one.text() for one in errors]
    found = next(one for one in errors if one.code == code)
    assert found.line >= text[: text.index("no_relations:")].count("\n") + 2

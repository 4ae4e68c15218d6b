"""Lives of members: who seeks a pact, who is asked, who enters, who leaves; and whom a change makes a member. Ten
replications of two arms of long steps against `plain.py`, date by date."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plain  # as conftest.py found it
import pytest
from balance_sim.model.accession import chances
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import ORIGINS
from balance_sim.model.engine import simulate
from balance_sim.model.state import Simulated
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario, load_scenario, with_values

PAPER = Path(__file__).with_name("paper.yaml")
SEED = 11
RUNS = 10
PACTS = """groups: {North: [XCO, XDO], Three: [XAR, XCO, XEL]}
pacts:
  Alliance: {group: North, kind: middle, candidates: [XBE, XEL, XAR], rate: 6}
  League: {group: Three, kind: shallow, consent: majority, rate: 9}
"""
GIVEN = """
  given:
    changes:
      - {date: 2000-08-01, pact: Alliance, joins: XBE, kind: middle}
      - {date: 2000-12-01, pact: League, joins: XDO, kind: shallow}
report:"""
BROKEN = "no_relations:\n  - {a: XCO, b: XEL, kind: sanctions, from: 2000-11-01, until: 2001-02-01}"
LIVELY = {"step_days": 28, "parameters.collapse_rate": 1.2, "parameters.end_rate": 1.5, "kinds.middle.intercept": 4.0}
LIVELY |= {f"kinds.{kind}.ceiling": 0.4 for kind in ("shallow", "middle", "deep")}
STAGES = ("talks", "signed", "in_force", "over")


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    text = PAPER.read_text(encoding="utf-8").replace("groups: {North: [XCO, XDO]}\n", PACTS, 1)
    text = text.replace("\nreport:", GIVEN, 1).replace("no_relations:", BROKEN, 1)
    path = tmp_path_factory.mktemp("members") / "members.yaml"
    path.write_text(text, encoding="utf-8")
    return with_values(load_scenario(path), LIVELY)


@dataclass(frozen=True)
class Lives:
    """An arm: its replications by the engine, and each by `plain.py` with what it made."""

    worlds: Worlds
    arm: str
    engine: Simulated
    others: list[tuple["plain.Plain", list["plain.Agreement"]]]

    def applications(self, run: int) -> list[tuple[str, str, int, str, list[float]]]:
        """Pact, state, number, stage, and days of opening, signature, entry into force and end, by the engine."""
        all_of = self.engine.accessions.applications
        terms, world = all_of.terms, self.worlds.reference
        return sorted(
            (
                world.pacts.names[all_of.pact[row]],
                world.codes[all_of.state[row]],
                int(terms.count[row]),
                STAGES[terms.stage[row]],
                [float(getattr(terms, name)[row]) for name in ("opened", "signed", "in_force", "ended")],
            )
            for row in np.flatnonzero(terms.run == run)
        )

    def legs(self, run: int, origin: str) -> list[tuple[str, str, str, str, list[float]]]:
        """Dyad, kind, stage, and days of agreements of an origin, by the engine."""
        made, world = self.engine.agreements, self.worlds.reference
        name = "scheduled" if origin == "joined" else origin
        is_new = made.count >= 0 if origin == "accession" else made.opened == made.signed
        rows = np.flatnonzero((made.run == run) & (made.origin == ORIGINS.index(name)) & is_new)
        return sorted(
            (
                world.codes[world.first[made.dyad[row]]],
                world.codes[world.second[made.dyad[row]]],
                world.ladder.names[made.kind[row]],
                STAGES[made.stage[row]],
                [float(getattr(made, name)[row]) for name in ("signed", "in_force", "ended")],
            )
            for row in rows
        )


def lived(scenario: Scenario, arm: str) -> Lives:
    worlds, runs = compile_worlds(scenario), np.arange(RUNS, dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, SEED, runs)
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    done = simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, SEED, runs)
    as_leveled = scenario.level_source or scenario  # values that are set keep the level: decision 50
    begun, others = plain.Plain(as_leveled, "without").start(), []
    for run in range(RUNS):
        other = plain.Plain(scenario, arm)
        others.append((other, other.live(SEED, run, begun)))
    return Lives(worlds, arm, done, others)


@pytest.fixture(scope="module", params=["with", "given"])
def lives(scenario: Scenario, request: pytest.FixtureRequest) -> Lives:
    """Where a change makes members, nothing ends, so that the keys of what it signs play no part."""
    lasting = {"parameters.end_rate": 0.0} if request.param == "given" else {}
    return lived(with_values(scenario, lasting), request.param)


def days(rows: list) -> list[float]:  # type: ignore[type-arg]
    return [day for row in rows for day in row[-1]]


def same(found: list, wanted: list) -> None:  # type: ignore[type-arg]
    assert [row[:-1] for row in found] == [row[:-1] for row in wanted]
    np.testing.assert_allclose(days(found), days(wanted), rtol=1e-7, atol=1e-6)


def test_every_application_has_the_dates_of_the_second_program(lives: Lives) -> None:
    seen = set()
    for run, (other, _) in enumerate(lives.others):
        wanted = sorted(
            (one.pact, one.state, one.count, one.stage, [one.opened, one.signed, one.in_force, one.ended])
            for one in other.applications
        )
        for row in wanted:  # of what failed there is no day in either program but that of the failure
            if row[3] == "over" and row[4][3] == plain.NEVER:
                row[4][3] = next(one.fails for one in other.applications if (one.pact, one.state, one.count) == row[:3])
        same(lives.applications(run), wanted)
        seen |= {(row[0], row[3]) for row in wanted}
    assert len(seen) >= 5  # of two pacts, in most stages


def test_every_agreement_that_an_accession_makes_is_that_of_the_second_program(lives: Lives) -> None:
    number = 0
    for run, (_, made) in enumerate(lives.others):
        for origin in ("accession", *(["joined"] if lives.arm == "given" else [])):
            wanted = sorted(
                (*sorted(one.dyad), one.kind, one.stage, [one.signed, one.in_force, one.ended])
                for one in made
                if one.origin == origin
            )
            same(lives.legs(run, origin), wanted)
            number += len(wanted)
    assert number > 25


def test_members_at_the_end_are_those_of_the_second_program(lives: Lives) -> None:
    world, members = lives.worlds.reference, lives.engine.accessions.members
    joined = left = 0
    for run, (other, _) in enumerate(lives.others):
        for place, (name, pact) in enumerate(other.s.pacts.items()):
            found = {world.codes[i] for i in np.flatnonzero(members[run, place])}
            assert found == other.members[name]
            joined += len(found - {*other.s.groups[pact.group]})
            left += sum(
                one.pact == name and one.in_force < one.ended < plain.NEVER and one.state not in found
                for one in other.applications
            )
    assert joined > 3 and (left > 2 or lives.arm == "given")


def test_how_likely_an_application_was_is_what_the_second_program_says(lives: Lives) -> None:
    """At every opportunity, of those that were not asked as well: 0."""
    world, all_of = lives.worlds.reference, lives.engine.accessions.candidacies
    twice = 0
    for run, (other, _) in enumerate(lives.others):
        rows = np.flatnonzero(all_of.run == run)
        assert len(rows) == len(other.seeks(SEED, run))
        for row in rows:
            key = world.pacts.names[all_of.pact[row]], world.codes[all_of.state[row]], int(all_of.count[row])
            assert all_of.chance[row] == pytest.approx(other.likely.get(key, 0.0), rel=1e-8), key
        steps = np.searchsorted(world.grid, all_of.day[rows], side="right")
        twice += len(rows) - len({*zip(steps, all_of.state[rows], strict=True)})
    assert twice > 50


@pytest.mark.parametrize("lives", ["given"], indirect=True)
def test_whom_a_change_makes_a_member_applies_no_more(lives: Lives) -> None:
    """From its day on, whatever it had sought before."""
    world, (other, _) = lives.worlds.arms["given"], lives.others[0]
    stopped = 0
    for change in other.s.changes:
        day, place = other.day(change.date), world.pacts.names.index(change.pact)
        assert lives.engine.accessions.members[:, place, world.codes.index(change.joins)].all()
        for run in range(RUNS):
            own = [row for row in lives.applications(run) if row[:2] == (change.pact, change.joins)]
            assert all(row[-1][0] < day and row[3] == "over" and row[-1][3] <= day for row in own)
            assert all(row[-1][1] < day or not np.isfinite(row[-1][1]) for row in own)
            stopped += sum(row[-1][3] == day for row in own)
    assert stopped > 2


def pivotal(rule: str, willing: np.ndarray) -> float:
    """Of all members held against one uniform, by counting votes at every uniform: sigma of where it turns."""
    sides = 1 / (1 + np.exp(-willing))
    for uniform in sorted(sides, reverse=True):
        votes = np.count_nonzero(uniform <= sides)
        if votes == len(sides) if rule == "unanimity" else 2 * votes > len(sides):
            return float(uniform)
    raise AssertionError("nobody consents to anything")


def ballots() -> Iterator[tuple[list[int], np.ndarray]]:
    draw = np.random.default_rng(3)
    for _ in range(60):
        sizes = draw.integers(1, 8, size=draw.integers(1, 5)).tolist()
        yield sizes, draw.normal(scale=2.0, size=(2, sum(sizes)))


def test_votes_are_counted_as_one_counts_them() -> None:
    """Sixty elections of one to four candidates by one to seven members each, either rule."""
    for sizes, willing in ballots():
        which = np.repeat(np.arange(len(sizes)), sizes)
        for rule in ("unanimity", "majority"):
            found = chances(willing, which, np.full(len(sizes), rule == "unanimity"))
            for place in range(len(sizes)):
                mine = willing[:, which == place]
                assert found[place, 0] == pytest.approx(1 / (1 + np.exp(-mine[0].mean())))
                assert found[place, 1] == pytest.approx(pivotal(rule, mine[1]))

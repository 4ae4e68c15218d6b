"""What coalitions of groups are worth, against sums over opportunities one by one, and against the filtered estimates
of whole arms."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from balance_sim.effects.explain.attribution import along_control
from balance_sim.effects.explain.coalitions import (
    GROUPS,
    Coalitions,
    CoalitionVariates,
    StepOfArm,
    groups_for,
    mixed,
)
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import ClockRows, Simulated
from balance_sim.model.thinning import mean_openness, openness_on
from balance_sim.model.willingness import account
from balance_sim.stats.variance import shapley
from balance_sim.study.control_variates import ControlVariates
from balance_sim.study.expected import Estimator
from balance_sim.study.filtered import FilteredSums, prospect_of
from balance_sim.study.spans import at_start, in_spans, walk
from direct_estimator import direct
from one_by_one import compiled, is_earlier_in_step, lively, of_idle_time, over_steps, sigma, step_of, within
from replications import windows_of

SEED = 4
RUNS = np.arange(6, dtype=np.uint64)
ARM = "other"
RATE = np.array([0.5, 1.0, 1.0, 1.5, 2.0, 0.25])
COUNTER = DIRECTIONS.index("counter")


@dataclass
class Seen:
    """One opportunity of the control arm's replications at which two states are asked: terms of both sides in both
    arms, and its weights."""

    row: int
    control: list[dict[str, float]]
    arm: list[dict[str, float]]
    kept: float
    openness: float


class Watch:
    """Notes, beside what is held, all that the opportunities of each step say."""

    def __init__(self, sums: Coalitions, worlds: Worlds) -> None:
        self.sums, self.worlds, self.seen = sums, worlds, []

    def look(self, step: StepOfArm) -> None:
        self.sums.look(step)
        c = step.opportunities
        clock = c.run[step.rows], c.dyad[step.rows], c.kind[step.rows]
        world, state = step.world, step.state
        terms = account(Prospects.of_both_sides(world, self.worlds.baseline, step.view, state, *clock))
        count = len(step.rows)
        sides = [
            [{name: float(of[side * count + k]) for name, of in terms.items()} for side in (0, 1)] for k in range(count)
        ]
        if step.world.arm == ARM:
            self.of_arm = sides
            return
        if step.view.step == 0:  # also where it is shown again
            self.seen, self.opportunities = [], c
        for k, row in enumerate(step.rows):
            kept = float(step.thin.bound[row]) if state.within[c.run[row]] else 1.0
            openness = float(openness_on(step.world, c.dyad[[row]], c.day[[row]])[0])
            self.seen.append(Seen(int(row), sides[k], self.of_arm[k], kept, openness))


@dataclass
class Found:
    worlds: Worlds
    groups: dict[str, tuple[str, ...]]
    sums: Coalitions
    simulated: Simulated
    watch: Watch


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return compiled(lively(tmp_path_factory.mktemp("coalitions")), "summit", ARM)


@pytest.fixture(scope="module")
def found(worlds: Worlds) -> Found:
    groups = dict(groups_for(worlds))
    sums = Coalitions(worlds, ARM, groups)
    watch = Watch(sums, worlds)
    return Found(worlds, groups, sums, along_control(worlds, SEED, RUNS, (ARM,), watch.look), watch)


def willing(
    arm: dict[str, float], control: dict[str, float], groups: dict[str, tuple[str, ...]], members: int
) -> float:
    """What a state wants where the terms of a coalition's groups are the arm's, and of the others' the control arm's."""
    grouped = {term: place for place, terms in enumerate(groups.values()) for term in terms}
    whole = 0.0
    for name in {*arm, *control}:
        is_of_control = name in grouped and not members >> grouped[name] & 1
        whole += (control if is_of_control else arm).get(name, 0.0)
    return whole


def opens(one: Seen, groups: dict[str, tuple[str, ...]], members: int | None) -> float:
    """Probability that talks open, over that of the opportunity to be kept; None: in the control arm itself."""
    chance = one.openness / one.kept
    for arm, control in zip(one.arm, one.control, strict=True):
        u = sum(control.values()) if members is None else willing(arm, control, groups, members)
        chance *= sigma(u)
    return chance


def is_counted(worlds: Worlds, dyad: int, kind: int) -> bool:
    return bool(worlds.baseline.direction[dyad] == COUNTER and worlds.reference.ladder.security[kind])


def test_worth_is_the_sum_over_opportunities(found: Found) -> None:
    """Every coalition of every group, in every replication."""
    worlds, c, groups = found.worlds, found.watch.opportunities, found.groups
    windows, world = windows_of(worlds), worlds.reference
    worth = np.zeros((len(RUNS), 1 << len(groups)))
    later = barred = 0
    for place, one in enumerate(found.watch.seen):
        run, dyad, kind = c.run[one.row], c.dyad[one.row], c.kind[one.row]
        barred += 0 < one.openness < 1
        if not is_counted(worlds, dyad, kind):
            continue
        before = found.watch.seen[max(place - 12, 0) : place]
        earlier = [other for other in before if is_earlier_in_step(c, world, other.row, one.row)]
        later += bool(earlier)
        signed = within(world, windows, 200, kind, c.day[one.row])
        having = []
        for members in (None, *range(1 << len(groups))):
            none_yet = 1.0
            for opportunity in (*earlier, one):
                chance, before = opens(opportunity, groups, members), none_yet
                none_yet *= 1.0 - chance
            having.append(chance * before)
        worth[run] += (np.array(having[1:]) - having[0]) * signed
    assert later > 2 and barred > 2 and (found.sums.worth != 0).all()
    np.testing.assert_allclose(found.sums.worth, worth, rtol=1e-9, atol=1e-12)


def test_probabilities_to_be_counted_are_of_counter_balancing_security_alone(found: Found) -> None:
    c, world = found.watch.opportunities, found.worlds.reference
    windows = windows_of(found.worlds)
    for row in range(len(c.day)):
        counted = is_counted(found.worlds, c.dyad[row], c.kind[row])
        wanted = counted * within(world, windows, 200, c.kind[row], c.day[row])
        assert found.sums.signed[row] == pytest.approx(wanted, abs=1e-12)


def corrected(found: Found, groups: dict[str, tuple[str, ...]] | None = None) -> np.ndarray:
    variates = CoalitionVariates(found.worlds, ARM, groups or found.groups)
    return variates.correction(found.simulated, found.sums.signed, RATE)


def gained(found: Found) -> list[np.ndarray]:
    """(2^k, P, M) by span: what each coalition adds to the probability that talks open with the network as at the
    start; each dyad and type by itself."""
    worlds, groups = found.worlds, found.groups
    edges = Estimator(worlds, in_windows=True).edges
    both = [in_spans(worlds.arms[arm], edges) for arm in (ARM, worlds.reference.arm)]
    openness = mean_openness(worlds.reference, worlds.reference.grid[edges])
    out = []
    walks = [walk(world, worlds.baseline, at_start(world)) for world in both]
    world, baseline = worlds.reference, worlds.baseline
    for span, moments in enumerate(zip(*walks, strict=True)):
        table = np.zeros((1 << len(groups), len(world.first), len(world.ladder.names)))
        for dyad, kind in np.argwhere(np.ones(table.shape[1:], dtype=bool)):
            if not is_counted(worlds, dyad, kind):
                continue
            clock = np.zeros(1, dtype=np.int64), np.array([dyad]), np.array([kind])
            accounts = [
                account(Prospects.of_both_sides(view.world, baseline, view, state, *clock)) for state, view in moments
            ]
            arm, control = (
                [{name: float(of[side]) for name, of in terms.items()} for side in (0, 1)] for terms in accounts
            )
            one = Seen(0, control, arm, 1.0, float(openness[span, dyad]))
            base = opens(one, groups, None)
            table[:, dyad, kind] = [opens(one, groups, members) - base for members in range(len(table))]
        out.append(table)
    return out


def test_the_correction_is_idle_time_less_opportunities(found: Found) -> None:
    """What the same openings would bring while clocks were idle, at each replication's rate, less what they bring at
    the opportunities that came."""
    worlds, world, simulated = found.worlds, found.worlds.reference, found.simulated
    edges, by_span = Estimator(worlds, in_windows=True).edges, gained(found)
    longest = 200
    integral = over_steps(world, windows_of(worlds), longest)

    def span_of(step: int) -> int:
        return min(max(k for k in range(len(edges) - 1) if edges[k] <= step), len(by_span) - 1)

    c, answers = simulated.opportunities, simulated.answers
    wanted = np.zeros((len(RUNS), 1 << len(found.groups)))
    for coalition in range(wanted.shape[1]):
        opens = [by_span[span_of(step)][coalition] for step in range(world.steps)]
        idle = of_idle_time(world, simulated.changes, len(RUNS), opens.__getitem__, integral)
        wanted[:, coalition] = RATE * idle.sum(axis=(1, 2))
    for row, kept in zip(answers.rows, answers.kept, strict=True):
        span = span_of(step_of(world, c.day[row]))
        of_each = by_span[span][:, c.dyad[row], c.kind[row]]
        wanted[c.run[row]] -= of_each * within(world, windows_of(worlds), longest, c.kind[row], c.day[row]) / kept
    correction = corrected(found)
    assert (correction != 0).all()
    np.testing.assert_allclose(correction, wanted, rtol=1e-6, atol=1e-9)


def test_the_grand_coalition_is_the_direct_effect(found: Found) -> None:
    """With and without control variates it is the arm's filtered number less the control arm's, beside the same
    replications; a coalition of nobody is worth nothing but for facts."""
    worlds, windows = found.worlds, windows_of(found.worlds)
    control, beside = direct(worlds, SEED, RUNS, (ARM,))
    prospect, variates = prospect_of(worlds, control.opportunities, windows), ControlVariates(worlds)
    measured = prospect, windows, worlds.baseline.direction, len(RUNS)

    def effect(controlled: bool) -> np.ndarray:
        numbers = [
            FilteredSums(worlds.arms[name], one, *measured, variates.of(name) if controlled else None)
            for name, one in ((ARM, beside[ARM]), (worlds.reference.arm, control))
        ]
        arm, reference = (sums.by_direction(200)[:, COUNTER] for sums in numbers)
        return arm - reference

    np.testing.assert_allclose(found.sums.worth[:, -1], effect(False), rtol=1e-9)
    variate = CoalitionVariates(worlds, ARM, found.groups)
    whole = found.sums.worth + variate.correction(found.simulated, found.sums.signed, np.ones(len(RUNS)))
    np.testing.assert_allclose(whole[:, -1], effect(True), rtol=1e-7)
    np.testing.assert_allclose(shapley(whole).sum(axis=1) + whole[:, 0], whole[:, -1], rtol=1e-9)


def test_no_order_of_groups_matters(found: Found) -> None:
    """Turned round, each group's share is its own, to rounding."""
    turned = dict(reversed(found.groups.items()))
    sums = Coalitions(found.worlds, ARM, turned)
    along_control(found.worlds, SEED, RUNS, (ARM,), sums.look)
    shares, same = shapley(found.sums.worth), shapley(sums.worth)
    np.testing.assert_allclose(same[:, ::-1], shares, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(
        shapley(corrected(found, turned))[:, ::-1], shapley(corrected(found)), rtol=1e-9, atol=1e-13
    )


def test_what_is_shown_again_from_the_first_step_on_counts_once(found: Found) -> None:
    """As where a replication leaves the margins of its bounds."""
    sums = Coalitions(found.worlds, ARM, found.groups)
    for _ in range(2):
        along_control(found.worlds, SEED, RUNS, (ARM,), sums.look)
    np.testing.assert_array_equal(sums.worth, found.sums.worth)


def test_an_arm_without_a_difference_has_none(found: Found) -> None:
    """Under another name, to the last bit; and its groups correct nothing."""
    worlds = found.worlds
    same = replace(worlds.reference, arm="same")
    alike = replace(worlds, arms={**worlds.arms, "same": same}, bounds={**worlds.bounds, "same": None})
    sums = Coalitions(alike, "same", found.groups)
    done = along_control(alike, SEED, RUNS, ("same",), sums.look)
    assert (sums.worth == 0).all()
    assert (CoalitionVariates(alike, "same", found.groups).correction(done, sums.signed, RATE) == 0).all()


def test_groups_whose_terms_the_arm_leaves_alone_add_nothing_to_any_coalition(found: Found) -> None:
    """A group without terms is a player that does nothing, in both sums."""
    idle = {**found.groups, "nothing": ()}
    sums = Coalitions(found.worlds, ARM, idle)
    along_control(found.worlds, SEED, RUNS, (ARM,), sums.look)
    half = 1 << len(found.groups)
    assert (sums.worth[:, :half] == found.sums.worth).all() and (sums.worth[:, half:] == found.sums.worth).all()
    assert (shapley(sums.worth)[:, -1] == 0).all()


def test_what_one_arm_lacks_counts_as_nothing() -> None:
    """A term that only one of both has; a group with two terms; and what is in no group, as the arm has it."""
    arm = {"hostility": np.array([2.0]), "size": np.array([7.0]), "own": np.array([3.0])}
    control = {"ladder": np.array([0.5]), "alarm": np.array([0.25]), "size": np.array([100.0])}
    rows = mixed(arm, control, {"fear": ("hostility", "ladder"), "alarm": ("alarm",)})[:, 0]
    assert rows.tolist() == [10.75, 12.25, 10.5, 12.0, 100.75]


def test_own_terms_are_a_group_of_their_own(found: Found) -> None:
    """But for those that read facts alone."""

    @dataclass
    class Own:
        reads: str

    terms = {"later": Own("beliefs"), "first": Own("network"), "fact": Own("facts")}
    arms = {name: replace(world, own_terms=terms) for name, world in found.worlds.arms.items()}
    assert groups_for(found.worlds) == GROUPS
    assert groups_for(replace(found.worlds, arms=arms)) == {**GROUPS, "own": ("first", "later")}


def test_changes_of_clocks_count_from_their_step_on(found: Found) -> None:
    """One clock of a replication is busy from a step on, in the middle of a span; another again idle later."""
    worlds, world = found.worlds, found.worlds.reference
    dyad = int(np.flatnonzero(worlds.baseline.direction == COUNTER)[1])
    other = int(np.flatnonzero(worlds.baseline.direction != COUNTER)[0])
    kind = int(np.flatnonzero(world.ladder.security)[-1])
    steps = np.array([3, 9, 14])
    runs, dyads, kinds = np.array([0, 0, 1]), np.array([dyad, dyad, other]), np.full(3, kind)
    changes = ClockRows(steps, runs, dyads, kinds, np.array([-1.0, 1.0, -1.0]))
    nobody = replace(found.simulated.answers, rows=np.zeros(0, dtype=int), opens=np.zeros(0), kept=np.zeros(0))
    made_up = replace(found.simulated, changes=changes, answers=nobody)
    by_run = CoalitionVariates(worlds, ARM, found.groups).correction(made_up, found.sums.signed, np.ones(len(RUNS)))
    np.testing.assert_array_equal(by_run[1], by_run[2])  # a clock that is not counted
    edges, by_span = Estimator(worlds, in_windows=True).edges, gained(found)
    integral = over_steps(world, windows_of(worlds), 200)

    def span_of(step: int) -> int:
        return min(max(k for k in range(len(edges) - 1) if edges[k] <= step), len(by_span) - 1)

    for coalition in (1, 5, len(by_span[0]) - 1):
        opens = [by_span[span_of(step)][coalition] for step in range(world.steps)]
        idle = of_idle_time(world, changes, 3, opens.__getitem__, integral)
        lost = idle[0].sum() - idle[2].sum()
        assert by_run[0, coalition] - by_run[2, coalition] == pytest.approx(lost, rel=1e-7, abs=1e-12)
        assert by_run[2, coalition] == pytest.approx(idle[2].sum(), rel=1e-7, abs=1e-12)

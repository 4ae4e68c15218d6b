"""What a player is paid by, on states of the record: whose agreements count, who influences whom, and the way from a
solution to the printed tables."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games.keep import PlayedGame
from balance_sim.games.plan import load_game
from balance_sim.games.players import (
    READ,
    Cast,
    Player,
    PlayerOutcome,
    counted_dyads,
    expected_outcomes,
    members_of,
    who_fears,
)
from balance_sim.games.schema import PayoffPart
from balance_sim.games.solve import OverParameters, over_parameters, payoffs, simulated_effects, solve
from balance_sim.games.study import play
from balance_sim.games.tables import answer, information_table, outcomes_table, strategies_table, two_digits
from balance_sim.model.baseline import Worlds, compile_worlds, standing, step_before
from balance_sim.model.classes import LISTS
from balance_sim.model.core import ORIGINS
from balance_sim.model.engine import begin, perceive
from balance_sim.model.state import AgreementRows
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.study.expected import Estimator
from balance_sim.study.scene import StateMetrics
from balance_sim.study.spans import course, in_spans

from .conftest import GAME, ROOT, game_in


@pytest.fixture(scope="module")
def solomon() -> Scenario:
    return load_scenario(ROOT / "scenarios" / "solomon_2022.yaml")


@pytest.fixture(scope="module")
def worlds(solomon: Scenario) -> Worlds:
    return compile_worlds(solomon)


def dyads(worlds: Worlds, measure: str, player: Player, members: tuple[str, ...] = ()) -> set[frozenset[str]]:
    world = worlds.reference
    rows = np.flatnonzero(counted_dyads(world, measure, player, members))
    return {frozenset({world.codes[world.first[row]], world.codes[world.second[row]]}) for row in rows}


def test_whose_agreements_count(worlds: Worlds) -> None:
    """Against: two others that fear the player, one of them threatened. With: one side is the player's, the other not.
    Among: both are members."""
    player = Player("host", ("CHN", "SLB"), threatened=("AUS", "JPN", "SLB"), wary=("NZL", "USA"))
    pairs = [("AUS", "JPN"), ("AUS", "NZL"), ("AUS", "USA"), ("JPN", "NZL"), ("JPN", "USA")]
    assert dyads(worlds, "agreements_against", player) == {frozenset(pair) for pair in pairs}
    partners = dyads(worlds, "agreements_with", player)
    assert len(partners) == 2 * (len(worlds.reference.codes) - 2)
    assert frozenset({"CHN", "SLB"}) not in partners
    assert all(len(pair & {"CHN", "SLB"}) == 1 for pair in partners)
    among = dyads(worlds, "agreements_among", player, ("AUS", "CHN", "USA"))
    assert among == {frozenset(pair) for pair in (("AUS", "CHN"), ("AUS", "USA"), ("CHN", "USA"))}


def test_a_player_is_not_toward_itself_but_among_a_group(solomon: Scenario) -> None:
    group = ("AUS", "CHN", "USA")
    scenario = solomon.model_copy(update={"groups": {"some": group}})
    for outcome in ("relations", "influence"):
        part = PayoffPart(outcome=outcome, of="some", weight=1.0, source="assumed")
        assert members_of(part, ("CHN",), scenario) == ("AUS", "USA")
    part = PayoffPart(outcome="agreements_among", of="some", weight=1.0, source="assumed")
    assert members_of(part, ("CHN",), scenario) == group


def test_who_is_threatened_and_who_is_wary(worlds: Worlds) -> None:
    """As the class table has it just before the event; nobody is both."""
    world = worlds.reference
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    classes = standing(perceive(world, state, step_before(world)), (world.codes.index("CHN"),))
    threatened, wary = who_fears(worlds, ("CHN",))
    for name, codes in (("threatened", threatened), ("wary", wary)):
        assert {*codes} == {code for code, at in zip(world.codes, classes, strict=True) if at == LISTS.index(name)}
    assert threatened
    assert not {*threatened} & {*wary}


def test_what_states_feel_is_read_off_the_right_side(worlds: Worlds) -> None:
    """Influence is the share of the *members'* defence that the player lends; dependence that of the *player's* that
    others lend, its own states left out."""
    world, baseline = worlds.reference, worlds.baseline
    state = begin(world, baseline, 0, np.zeros(1, dtype=np.uint64))
    scene = StateMetrics(world, baseline, state, perceive(world, state, 0))
    lent = np.array([scene.influence(k)[0] for k in range(world.n)])  # [whose defence, who lends]
    a, b = map(int, np.unravel_index(np.argmax(lent * (1 - np.eye(world.n))), lent.shape))
    assert lent[a, b] > 1.05 * lent[b, a] > 0
    c = next(k for k in np.argsort(-lent[a]) if k not in (a, b))

    def read(measure: str, own: list[int], members: list[int]) -> float:
        return float(READ[measure](scene, np.array(own), np.array(members))[0])

    assert read("influence", [b], [a]) == pytest.approx(lent[a, b])
    assert read("influence", [b], [a, c]) == pytest.approx((lent[a, b] + lent[c, b]) / 2)
    assert read("influence", [b, c], [a]) == pytest.approx(lent[a, b] + lent[a, c])
    assert read("dependence", [a], []) == pytest.approx(lent[a].sum() - lent[a, a])
    together = (lent[a].sum() - lent[a, [a, b]].sum() + lent[b].sum() - lent[b, [a, b]].sum()) / 2
    assert read("dependence", [a, b], []) == pytest.approx(together)
    seen = np.array([scene.relation(k)[0] for k in range(world.n)])  # [player's state, member]
    assert read("relations", [a], [b, c]) == pytest.approx((seen[a, b] + seen[a, c]) / 2)
    assert read("insecurity", [a, b], []) == pytest.approx(scene.view.insecurity[0, [a, b]].mean())
    assert read("credibility", [c], [a, b]) == pytest.approx(scene.credibility(a, b)[0, c])
    d = next(k for k in range(world.n) if k not in (a, b, c))
    assert read("credibility", [c, d], [a, b]) == pytest.approx(scene.credibility(a, b)[0, [c, d]].mean())
    state.effort[:] = np.arange(world.n)
    assert read("effort", [a, b], []) == (a + b) / 2


def test_new_security_agreements_of_a_player_are_counted_by_replication(worlds: Worlds) -> None:
    """With China: Australia's on day 1 and Japan's on the last day in the first replication. Not the declaration, what
    was signed on the day of the event or on record, nor what others sign; against it Australia's and Japan's in the second."""
    world, day = worlds.reference, worlds.reference.focal_day
    longest = max(worlds.scenario.report.windows)
    player = Player("host", ("CHN",), threatened=("AUS",), wary=("JPN",))
    cast = Cast((player,), (PlayerOutcome("agreements_with", "host"), PlayerOutcome("agreements_against", "host")))
    rows = [
        ("AUS", 0, day + 1, "access", "new"), ("JPN", 0, day + longest + 0.5, "access", "new"), ("JPN", 0, day + 0.5, "access", "new"),
        ("JPN", 0, day + 9, "political_declaration", "new"), ("JPN", 0, day + 9, "access", "signed"), ("USA", 1, day + longest + 1, "access", "new"),
    ]  # fmt: skip
    codes, kinds = world.codes, world.ladder.names
    dyad = [world.dyad_index[codes.index("CHN"), codes.index(code)] for code, *_ in rows]
    dyad.append(world.dyad_index[codes.index("AUS"), codes.index("JPN")])
    rows.append(("", 1, day + 30, "access", "new"))
    run, kind = np.array([row[1] for row in rows]), np.array([kinds.index(row[3]) for row in rows])
    count = np.arange(len(rows))
    made = AgreementRows.begun(0, run, np.array(dyad), kind, count, count.astype(np.uint64), np.zeros(len(rows)))
    made.signed = np.array([row[2] for row in rows])
    made.origin = np.array([ORIGINS.index(row[4]) for row in rows])
    found = [of.tolist() for of in cast.measures(worlds).counts(made, 3).values()]
    assert found == [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_what_a_player_may_expect_is_what_the_estimator_expects_at_the_end_of_the_window(worlds: Worlds) -> None:
    """Agreements of the dyads that a row counts, each by itself; what states feel once the window has ended."""
    player = Player("host", ("CHN",), threatened=("AUS", "JPN"), wary=("USA",))
    measures = ("agreements_with", "agreements_against")
    rows = [*(PlayerOutcome(measure, "host") for measure in measures), PlayerOutcome("insecurity", "afraid")]
    cast = Cast((player, Player("afraid", ("AUS",))), tuple(rows))
    arm = next(name for name in worlds.arms if name != worlds.scenario.reference_arm)
    estimator, world = Estimator(worlds), worlds.arms[arm]
    (found,) = expected_outcomes(worlds.scenario, cast, [arm])[0].tolist()
    longest = max(worlds.scenario.report.windows)
    by_dyad = estimator.of(world).by_dyad(longest)
    counted = [counted_dyads(world, measure, player, ()) for measure in measures]
    assert found[:2] == pytest.approx([by_dyad[rows].sum() for rows in counted]) and found[0] != found[1]
    spans = in_spans(world, estimator.edges)
    wanted = course(spans, estimator.baseline, np.arange(1))
    afraid, end = world.codes.index("AUS"), spans.grid.searchsorted(world.focal_day + longest, side="right") - 1
    step = min(int(end), spans.steps - 1)
    felt = [float(perceive(spans, wanted.states[k], k).insecurity[0, afraid]) for k in (0, step)]
    assert found[2] == pytest.approx(felt[1]) != pytest.approx(felt[0])


def test_acts_of_its_policies_cost_a_player() -> None:
    """Acts at 0.2 and 3 of state 1, at 10 of state 2: two of the first and one of the second, then one of the third."""
    policies = SimpleNamespace(state=np.array([1, 1, 2]), cost=np.array([0.2, 3.0, 10.0]))
    enacted = SimpleNamespace(count=np.array([[2, 1, 0], [0, 0, 1]]))
    scene = SimpleNamespace(world=SimpleNamespace(policies=policies), state=SimpleNamespace(enacted=enacted))
    assert READ["policy_cost"](scene, np.array([1, 3]), None) == pytest.approx([3.4, 0.0])
    assert READ["policy_cost"](scene, np.array([2]), None) == pytest.approx([0.0, 10.0])


# From payoffs to tables -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[PlayedGame, OverParameters]:
    """The small game with payoffs that hardly differ, so that what may be best is more than what is."""
    agreements = "      - {outcome: agreements_with, weight: 2, source: assumed}\nobserved:"
    game = load_game(game_in(tmp_path_factory.mktemp("tables"), GAME.replace("observed:", agreements)))
    study = play(game, 6, 3)
    over = over_parameters(game, prior_draws(game.scenario, 5))
    return PlayedGame(study, solve(study, over)), over


@pytest.fixture(scope="module")
def played(solved: tuple[PlayedGame, OverParameters]) -> PlayedGame:
    return solved[0]


def test_the_table_of_strategies_says_what_the_payoffs_are(solved: tuple[PlayedGame, OverParameters]) -> None:
    """Against payoffs worked out again: means, the best by the largest mean, ends over draws by their quantiles."""
    played, over = solved
    game, table = played.game, strategies_table(played)
    values = payoffs(game, simulated_effects(game, played.study.result))
    drawn = payoffs(game, over.effects)
    observed = [game.strategies[k].index(game.plan.observed[name]) for k, name in enumerate(game.players)]
    row = 0
    for player in range(len(game.players)):
        places = []
        for strategy in range(len(game.strategies[player])):
            place = list(observed)
            place[player] = strategy
            places.append((*place, player))
        means = [values[(slice(None), *place)].mean() for place in places]
        for strategy, place in enumerate(places):
            line = table.iloc[row]
            assert line["payoff"] == pytest.approx(means[strategy], abs=1e-12)
            assert line["best"] == (means[strategy] >= max(means) - 1e-9)
            assert line["observed"] == (strategy == observed[player])
            low, high = np.quantile(drawn[(slice(None), *place)], [0.025, 0.975])
            assert (line["draws_lo"], line["draws_hi"]) == pytest.approx((low, high))
            row += 1
    assert row == len(table)


def test_the_table_of_outcomes_names_each_effect(played: PlayedGame) -> None:
    game, table = played.game, outcomes_table(played)
    effects = simulated_effects(game, played.study.result).mean(axis=0)
    observed = tuple(game.plan.observed[name] for name in game.players)
    column = 0
    for player, name in enumerate(game.players):
        for part in game.plan.players[name].payoff:
            for strategy in game.strategies[player]:
                profile = list(observed)
                profile[player] = strategy
                effect = effects[game.profiles.index(tuple(profile)), column]
                rows = table[(table["weight"] == part.weight) & np.isclose(table["effect"], effect, atol=1e-12)]
                assert len(rows) >= 1
            column += 1
    by_name = table[table["outcome"].str.contains("nsecurity")]
    assert {*by_name["weight"]} == {-100.0}
    assert {*table[table["outcome"].str.contains("artners")]["weight"]} == {2.0}
    assert table.groupby(["player", "outcome"])["strategy"].nunique().eq(2).all()


def test_what_is_said_to_be_gained_is_the_regret(played: PlayedGame) -> None:
    """Over draws: who did what is best is named as content, who did not with the mean payoff of the best less that of
    what was observed, and who has no robust choice as such."""
    table, words = strategies_table(played), answer(played)
    content = words.partition(" could not have gained")[0].rpartition(": ")[2].rpartition("; ")[2]
    for player, rows in table.groupby("player"):
        best, did = rows.loc[rows["draws_mean"].idxmax()], rows[rows["observed"]].iloc[0]
        name = next(one for one in played.game.players if one.title() == player)
        if not played.solution["recommendations"][name]["is_robust"]:
            assert player in words.partition(" no robust choice")[0].rpartition("; ")[2]
        elif best["strategy"] == did["strategy"]:
            assert player in content
        else:
            gain = two_digits(best["draws_mean"] - did["draws_mean"])
            assert f"{player} would have gained {gain} (95 % interval" in words
    worth = information_table(played)
    assert isinstance(worth, pd.DataFrame)
    together = worth[worth["parameter"] == "all parameters together"]
    assert len(together) == 2
    assert (together["worth"] >= 0).all()

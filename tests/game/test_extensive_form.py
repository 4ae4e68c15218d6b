"""Play in turns: games that follow by hand, an independent check by the definition, and what is refused."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from balance_sim.games.extensive_form import Foresight, NoEquilibrium, Turn, TurnGame, rolling

TOGETHER, IN_TURN = [(0, 1)], [(0,), (1,)]


def stages(count, movers):
    return tuple(Turn(stage, by) for stage in range(count) for by in movers)


def leaf_game(leaves, turns, sizes, **known):
    """A game with the payoffs (types, n) of complete histories in a table."""
    return TurnGame(turns, sizes, lambda histories: np.array([leaves[h] for h in histories]), **known)


def random_leaves(rng, turns, sizes, players=2):
    ends = TurnGame(turns, sizes, np.asarray).ends((), turns[-1].stage)
    return {history: rng.normal(size=(1, players)) for history in ends}


# --- by hand --------------------------------------------------------------------------


def test_a_repeated_dilemma_unravels():
    """Prisoner's dilemma twice, payoffs added: (3, 3), (0, 5), (1, 1). In the second round both defect whatever
    happened, so the first is played as if it were the last: both defect, and gain 1 over cooperating."""
    once = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], float)
    turns = stages(2, TOGETHER)
    leaves = {(a, b): [once[a] + once[b]] for a in np.ndindex(2, 2) for b in np.ndindex(2, 2)}
    steps = [*rolling(leaf_game(leaves, turns, (2, 2)), 2)]
    assert [step.moves for step in steps] == [(1, 1), (1, 1)]
    assert [float(gain[0]) for step in steps for gain in step.choice.gains] == [1.0] * 4
    assert steps[0].choice.values.tolist() == [[2.0, 2.0]]


def test_a_threat_that_is_not_credible_is_not_believed():
    """The first stays out (0, 3) or enters; the second fights (-1, -1) or shares (1, 1). Out, for fear of a fight, is
    an equilibrium; in every subgame the second shares, so the first enters. By a glance at its own stage alone, where
    nothing follows entry, the first stays out: 0 to -2."""
    leaves = {((0,), (0,)): [[0, 3]], ((0,), (1,)): [[0, 3]], ((1,), (0,)): [[-1, -1]], ((1,), (1,)): [[1, 1]]}
    leaves |= {((0,),): [[0, 3]], ((1,),): [[-2, 3]]}
    game = leaf_game(leaves, (Turn(0, (0,)), Turn(1, (1,))), (2, 2))
    far, near = ([*rolling(game, horizon)] for horizon in (2, 1))
    assert [step.moves for step in far] == [(1,), (1,)]
    assert near[0].moves == (0,)
    assert [float(step.choice.gains[0][0]) for step in far] == [1.0, 2.0]


def test_matching_pennies_are_mixed_by_hand():
    """A sure 0.25 or pennies: who calls wins 1 or loses 1. The value of pennies is 0, by mixing half and half."""
    pennies = {(0, 0): 1, (1, 1): 1, (0, 1): -1, (1, 0): -1}
    turns = (Turn(0, (0,)), Turn(1, (0, 1)))
    leaves = {((0,), m): [[0.25, 0]] for m in pennies} | {((1,), m): [[w, -w]] for m, w in pennies.items()}
    game = leaf_game(leaves, turns, (2, 2))
    first = next(rolling(game, 2))
    assert first.moves == (0,)
    assert float(first.choice.gains[0][0]) == pytest.approx(0.25)
    called = Foresight(game, (), 1).choice(((1,),), (1.0,))
    assert np.allclose(called.played, 0.5)
    assert np.allclose(called.values, 0.0)


@pytest.mark.parametrize("better", [0, 1])
def test_of_several_equilibria_the_one_with_the_highest_sum_is_taken(better):
    """To meet at the better place brings 2 each, at the other 1, to miss each other nothing."""
    leaves = {((a, b),): [[(2.0 if a == better else 1.0) * (a == b)] * 2] for a, b in product((0, 1), repeat=2)}
    step = next(rolling(leaf_game(leaves, stages(1, TOGETHER), (2, 2)), 1))
    assert step.moves == (better, better)
    assert step.choice.equilibria == 2
    assert [float(gain[0]) for gain in step.choice.gains] == [2.0, 2.0]


def test_sums_are_of_shares_of_what_is_at_stake():
    """The first player's payoffs are in thousands: its 1,000 of 3,000 are a third, the second's 3 of 4 three quarters."""
    worth = {(0, 0): (3000, 1), (1, 1): (1000, 4), (0, 1): (0, 0), (1, 0): (0, 0)}
    step = next(rolling(leaf_game({(m,): [x] for m, x in worth.items()}, stages(1, TOGETHER), (2, 2)), 1))
    assert step.moves == (1, 1)  # 1/3 + 1 > 1 + 1/4, though 1,004 < 3,001


def chain_store(share, worth, deterred, count=2):
    """Kreps, Wilson 1982: an entrant (player 0) stays out or enters, then a store (player 1) gives way or fights.
    Entry is worth `worth` to the entrant where the store gives way, and `worth` - 1 in a fight. Without entry the store
    has `deterred`; the usual store gives way for 0 and fights for -1, the tough one (of the share) the other way
    round."""
    leaves = {}
    for moves in (stages for n in range(count) for stages in product(product((0, 1), repeat=2), repeat=n + 1)):
        history = tuple((move,) for pair in moves for move in pair)
        total = np.zeros((2, 2))
        for entry, fight in moves:
            usual, tough = ((-1, 0) if fight else (0, -1)) if entry else (deterred, deterred)
            total += [[entry * (worth - fight), usual], [entry * (worth - fight), tough]]
        leaves[history] = total
    known = {"prior": (1 - share, share), "typed": 1, "tremble": 1e-6}
    return leaf_game(leaves, stages(count, IN_TURN), (2, 2), **known)


def test_a_reputation_is_kept_where_it_is_worth_more_than_a_fight():
    """deterred = 2 > 1 and share 0.5 >= worth 0.4. In the last stage the entrant enters if share < worth. So a usual
    store that fights is taken for what it was, 0.5, and keeps the entrant out: -1 + 2 = 1. One that gives way shows that
    it is usual, as a tough one would lose more by that: then entry, 0 + 0. It fights, by 1, and nobody enters."""
    game = chain_store(0.5, 0.4, 2.0)
    fight = Foresight(game, (), 1).choice(((1,),), game.prior)
    assert fight.played[0].argmax(axis=1).tolist() == [1, 1]
    assert fight.gains[0].tolist() == pytest.approx([1.0, 3.0])
    for true_type in (0, 1):
        steps = [*rolling(game, 2, true_type)]
        assert [step.moves[0] for step in steps[::2]] == [0, 0]
        assert {step.belief for step in steps} == {(0.5, 0.5)}
    # who sees one stage only deters nobody by a fight, and gives way
    near = Foresight(game, (), 0).choice(((1,),), game.prior)
    assert near.played[0].argmax(axis=1).tolist() == [0, 1]


def test_which_type_is_named_first_does_not_matter():
    game = chain_store(0.5, 0.4, 2.0)
    turned = replace(game, payoffs=lambda histories: game.payoffs(histories)[:, ::-1], prior=game.prior[::-1])
    plain, mirrored = (Foresight(each, (), 1).choice(((1,),), each.prior) for each in (game, turned))
    assert mirrored.gains[0] == pytest.approx(plain.gains[0][::-1])
    assert (mirrored.played[0] == plain.played[0][::-1]).all()


@pytest.mark.parametrize(("share", "enters"), [(0.55, 1), (0.60, 0)])
def test_to_learn_the_type_is_worth_an_entry(share, enters):
    """deterred = 0.5 < 1: a usual store gives way whatever is thought of it, so an entry tells. It brings
    share * (0.4 - 1) + (1 - share) * 2 * 0.4, more than 0 below a share of 0.8 / 1.4 = 0.571. An entrant who learns
    nothing would stop at 0.4."""
    steps = [*rolling(chain_store(share, 0.4, 0.5), 2, 0)]
    assert steps[0].moves == (enters,)
    value = share * (0.4 - 1) + (1 - share) * 0.8
    assert float(steps[0].choice.gains[0][0]) == pytest.approx(abs(value), abs=1e-5)
    if enters:
        assert steps[2].belief[1] < 1e-5
        tough = [*rolling(chain_store(share, 0.4, 0.5), 2, 1)]
        assert tough[2].belief[1] > 1 - 1e-5
        assert [step.moves for step in tough][:3] == [(1,), (1,), (0,)]


def test_beliefs_follow_bayes_by_hand():
    """tremble 0.2: a usual store plays 0, a tough one 1. Seen 1: (0.3 * 0.9) / (0.3 * 0.9 + 0.7 * 0.1) = 0.794."""
    game = TurnGame((Turn(0, (1,)),), (2, 2), np.asarray, (0.7, 0.3), typed=1, tremble=0.2)
    separate = next(e for e in game.expectations(game.turns[0]) if e.moves == (0, 1))
    assert game.belief_after(game.turns[0], game.prior, game.likelihood(separate), (1,))[1] == pytest.approx(
        0.27 / 0.34
    )


def test_what_a_move_gains_is_over_the_next_best():
    """Of moves worth 3, 1 and 2 the first gains 1; a type to which they are worth 0, 5 and 1 gains 4 by the second."""
    turns, usual, other = (Turn(0, (0,)),), (3.0, 1.0, 2.0), (0.0, 5.0, 1.0)
    alone = leaf_game({((k,),): [[usual[k]]] for k in range(3)}, turns, (3,))
    (step,) = rolling(alone, 1)
    assert (step.moves, step.choice.gains[0].tolist()) == ((0,), [1.0])
    leaves = {((k,),): [[usual[k]], [other[k]]] for k in range(3)}
    typed = leaf_game(leaves, turns, (3,), prior=(0.5, 0.5), typed=0)
    for number, move in enumerate((0, 1)):
        (step,) = rolling(typed, 1, number)
        assert (step.moves, step.choice.gains[0].tolist()) == ((move,), [1.0, 4.0])


def test_a_mixture_pays_what_both_mix():
    """Rows like to match, 3 and 1, columns not to, 1 and 2. Columns are even at rows' 2/3, rows at columns' 1/4: they get
    3/4 and 2/3."""
    first, second = [[3.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 0.0]]
    leaves = {((a, b),): [[first[a][b], second[a][b]]] for a in (0, 1) for b in (0, 1)}
    (step,) = rolling(leaf_game(leaves, (Turn(0, (0, 1)),), (2, 2)), 1)
    rows, columns = (shares[0] for shares in step.choice.played)
    assert (rows[0], columns[0]) == pytest.approx((2 / 3, 1 / 4))
    assert step.choice.values[0] == pytest.approx([3 / 4, 2 / 3])


def test_a_weak_reputation_is_half_told():
    """deterred = 2, share 0.2 < worth 0.4. To fight always would deter nobody, never to fight would make a fight deter.
    So the usual store fights just so often, x, that a store that fought is tough with 0.4, where the entrant does not
    mind: 0.2 / (0.2 + 0.8 x) = 0.4, x = 0.375. And the entrant then stays out so often that -1 + 2 (1 - e) = 0, as
    giving way brings: e = 0.5."""
    game = chain_store(0.2, 0.4, 2.0)
    foresight = Foresight(game, (), 1)
    reply = foresight.choice(((1,),), game.prior)
    assert reply.played[0] == pytest.approx(np.array([[0.625, 0.375], [0, 1]]), abs=1e-5)
    assert reply.gains[0] == pytest.approx([0.0, 2.0], abs=1e-5)  # tough: 0 + 2 (1 - e) + 0 e, against -1 + 0
    believed = game.belief_after(game.turns[1], game.prior, reply.likelihood, (1,))
    assert believed[1] == pytest.approx(0.4, abs=1e-5)
    entry = foresight.choice(((1,), (1,)), believed)
    assert entry.played[0] == pytest.approx(np.full((2, 2), 0.5), abs=1e-5)
    assert entry.values[:, 1] == pytest.approx([0, 1], abs=1e-5)  # -1 + 2 / 2, and 0 + 2 / 2
    gave_way = game.belief_after(game.turns[1], game.prior, reply.likelihood, (0,))
    assert gave_way == (1.0, 0.0)


@pytest.mark.parametrize(("share", "count", "enters"), [(0.14, 2, 1), (0.18, 2, 0), (0.08, 3, 0)])
def test_a_small_doubt_deters_if_there_is_long_to_come(share, count, enters):
    """Kreps, Wilson 1982: with n stages to come an entrant enters if and only if the share is less than worth ** n;
    0.4 ** 2 = 0.16, 0.4 ** 3 = 0.064."""
    assert next(rolling(chain_store(share, 0.4, 2.0, count), count)).moves == (enters,)


# --- by the definition ----------------------------------------------------------------


def brute_force(leaves, turns, sizes):
    """Every subgame-perfect plan of a game in pure moves, by Selten's definition: of all plans, those of which no part
    that begins at any history can be bettered by any other plan of one player, all else as planned."""
    places = {}  # (player, history) -> where the plan says what the player does
    nodes = [()]
    for turn in turns:
        for history in [node for node in nodes if len(node) == turns.index(turn)]:
            places |= {(mover, history): len(places) + k for k, mover in enumerate(turn.movers)}
            nodes += [(*history, moves) for moves in product(*(range(sizes[m]) for m in turn.movers))]
    inner = [node for node in nodes if len(node) < len(turns)]

    def end(plan, history):
        while len(history) < len(turns):
            history = (*history, tuple(plan[places[m, history]] for m in turns[len(history)].movers))
        return leaves[history][0]

    ranges = [range(sizes[player]) for player, _ in sorted(places, key=places.get)]
    own = {
        (who, h): [k for (p, node), k in places.items() if p == who and node[: len(h)] == h]
        for who, h in product(range(len(sizes)), inner)
    }

    def gains(plan):
        for (player, history), changeable in own.items():
            reached = end(plan, history)[player]
            for other in product(*(ranges[k] for k in changeable)):
                changed = dict(enumerate(plan)) | dict(zip(changeable, other, strict=True))
                yield end(changed, history)[player] > reached + 1e-12

    for plan in product(*ranges):
        if not any(gains(plan)):
            yield {node: tuple(plan[places[m, node]] for m in turns[len(node)].movers) for node in inner}


@pytest.mark.parametrize("movers", [TOGETHER, IN_TURN], ids=["together", "in_turn"])
def test_play_is_subgame_perfect_by_the_definition(movers):
    """Two stages at once, or three turns: all plans of small random games."""
    turns, pure = stages(2, movers)[:3], 0
    for seed in range(8):
        leaves = random_leaves(np.random.default_rng(seed), turns, (2, 2))
        game = leaf_game(leaves, turns, (2, 2))
        foresight = Foresight(game, (), 1)
        plan = {h: foresight.choice(h, (1.0,)) for n in range(len(turns)) for h in histories(game, n)}
        perfect = [*brute_force(leaves, turns, (2, 2))]
        if all(shares.max() == 1.0 for choice in plan.values() for shares in choice.played):
            pure += 1
            assert {h: tuple(int(p[0].argmax()) for p in choice.played) for h, choice in plan.items()} in perfect
            if movers == IN_TURN:  # without ties there is one
                assert len(perfect) == 1
        else:
            assert movers == TOGETHER
    assert pure >= 3


def histories(game, length):
    return product(*(product(*map(range, game.shape(turn))) for turn in game.turns[:length]))


def test_names_of_players_and_moves_do_not_matter():
    leaves = random_leaves(np.random.default_rng(5), stages(2, TOGETHER), (2, 2))
    swapped = {tuple(m[::-1] for m in h): payoffs[:, ::-1] for h, payoffs in leaves.items()}
    turned = {tuple((1 - a, b) for a, b in h): payoffs for h, payoffs in leaves.items()}
    turns = stages(2, TOGETHER)
    plain, mirrored, renamed = (
        [step.moves for step in rolling(leaf_game(table, turns, (2, 2)), 2)] for table in (leaves, swapped, turned)
    )
    assert [m[::-1] for m in mirrored] == plain
    assert [(1 - a, b) for a, b in renamed] == plain


def test_three_who_chase_each_other_are_refused():
    """The first wants to do as the second, the second as the third, the third other than the first."""
    leaves = {(m,): [[m[0] == m[1], m[1] == m[2], m[2] != m[0]]] for m in product((0, 1), repeat=3)}
    leaves = {history: np.array(payoffs, float) for history, payoffs in leaves.items()}
    with pytest.raises(NoEquilibrium, match="sequential"):
        next(rolling(leaf_game(leaves, (Turn(0, (0, 1, 2)),), (2, 2, 2)), 1))

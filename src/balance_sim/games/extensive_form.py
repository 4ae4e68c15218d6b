"""Games in turns: moves that are best in every subgame, by backward induction over the
tree of moves, and what others believe of a player whose type they do not know.

Selten 1975, International Journal of Game Theory 4: 25-55; Fudenberg, Tirole 1991, Game
Theory, ch. 3 and 8; Kreps, Wilson 1982, Journal of Economic Theory 27: 253-279. Beliefs
follow Bayes' rule from what each type would play, and slips, so that no move is
impossible. A move that no type would play is read as a slip of the type that loses less
by it, since costlier slips are rarer (Myerson 1978, International Journal of Game
Theory 7: 73-80).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np

from balance_sim.games.equilibria import nash_equilibria
from balance_sim.games.normal_form import ROUNDING, TOLERANCE, pure_equilibria
from balance_sim.scenario.errors import WrongRequest
from balance_sim.stats import Floats

type Moves = tuple[int, ...]
"""A move of each mover of a turn."""
type History = tuple[Moves, ...]
"""The moves of all turns so far."""
type Belief = tuple[float, ...]
"""Shares of the types."""

HALVINGS = 20
"""Of the range in which a belief is sought that lets others mix."""


@dataclass(frozen=True)
class Turn:
    """Who moves, at the same time, at which stage; players and stages are counted from
    0."""

    stage: int
    movers: tuple[int, ...]


@dataclass(frozen=True)
class Expectation:
    """What others expect of a player whose type they do not know: by type the move that
    it plays, and by move of which type it is read to be a slip if no type plays it."""

    moves: Moves
    slips: tuple[int, ...]


@dataclass(frozen=True)
class TurnGame:
    """A game of n players in turns.

    Attributes
    ----------
    turns : in their order
    sizes : (n,) how many moves each player has
    payoffs : from N histories to their payoffs (N, types, n), if nobody moves any more
    prior : (types,) shares of the types of one player; (1.0,) if all is known
    typed : the player whose type the others do not know; it moves alone
    tremble : share of slips by which others read what they see
    """

    turns: tuple[Turn, ...]
    sizes: tuple[int, ...]
    payoffs: Callable[[Sequence[History]], Floats]
    prior: Belief = (1.0,)
    typed: int | None = None
    tremble: float = 0.01

    def shape(self, turn: Turn) -> tuple[int, ...]:
        """How many moves each mover has."""
        return tuple(self.sizes[mover] for mover in turn.movers)

    def is_typed(self, turn: Turn) -> bool:
        """Whether the typed player moves in a turn."""
        return turn.movers == (self.typed,)

    def ends(self, history: History, last: int) -> Iterator[History]:
        """Every history that follows, up to the end of a stage."""
        stages = [turn for turn in self.turns[len(history) :] if turn.stage <= last]
        by_turn = [product(*map(range, self.shape(turn))) for turn in stages]
        yield from (history + later for later in product(*by_turn))

    def likelihood(self, expected: Expectation) -> Floats:
        """(types, k) of each move, if each type plays what is expected.

        >>> two = TurnGame((), (2,), np.asarray, (0.5, 0.5), typed=0, tremble=0.2)
        >>> two.likelihood(Expectation((0, 0), (0, 1))).round(2).tolist()
        [[0.9, 0.01], [0.9, 0.1]]
        """
        slip = self.tremble / len(expected.slips)
        shares = np.full((len(self.prior), len(expected.slips)), slip)
        for move, slipping in enumerate(expected.slips):
            if move not in expected.moves:
                shares[:, move] = slip**2
                shares[slipping, move] = slip
        for number, move in enumerate(expected.moves):
            shares[number, move] = 1.0 - self.tremble / 2
        return shares

    def belief_after(
        self, turn: Turn, belief: Belief, likelihood: Floats, moves: Moves
    ) -> Belief:
        """Shares of the types once a turn is seen. likelihood: (types, k)."""
        if not self.is_typed(turn):
            return belief
        weights = np.array(belief) * likelihood[:, moves[0]]
        return tuple((weights / weights.sum()).round(12).tolist())

    def expectations(self, turn: Turn) -> Iterator[Expectation]:
        """Everything that may be expected of the types of the typed player in a turn of
        its own."""
        types, (size,) = range(len(self.prior)), self.shape(turn)
        for moves in product(range(size), repeat=len(types)):
            open_to = [(0,) if move in moves else types for move in range(size)]
            yield from (Expectation(moves, slips) for slips in product(*open_to))


@dataclass(frozen=True)
class Choice:
    """What is played in a turn.

    Attributes
    ----------
    played : by mover, (types, k) probabilities of its moves
    gains : by mover, (types,) what its move gains over its next best, all else as
        played; 0 where it mixes
    values : (types, n) expected payoffs
    likelihood : (types, k) of the typed player's moves, by which others read them
    equilibria : how many were found that would do
    """

    played: tuple[Floats, ...]
    gains: tuple[Floats, ...]
    values: Floats
    likelihood: Floats
    equilibria: int = 1


class Foresight:
    """Best moves after a history, and in all that may follow, up to the end of a stage,
    after which nobody moves."""

    def __init__(self, game: TurnGame, history: History, last: int) -> None:
        self.game, self.last = game, last
        ends = [*game.ends(history, last)]
        self._ends = dict(zip(ends, game.payoffs(ends), strict=True))
        self._choices: dict[tuple[History, Belief], Choice] = {}

    def values(self, history: History, belief: Belief) -> Floats:
        """(types, n) payoffs that are to be expected after a history."""
        if history in self._ends:
            return np.asarray(self._ends[history])
        return self.choice(history, belief).values

    def choice(self, history: History, belief: Belief) -> Choice:
        """What is played next. Raises NoEquilibrium."""
        if (history, belief) not in self._choices:
            self._choices[history, belief] = self._solved(history, belief)
        return self._choices[history, belief]

    def _solved(self, history: History, belief: Belief) -> Choice:
        """The equilibrium of a turn of the highest sum of payoffs, each as a share of
        its player's range in the turn; the first of those with equal sums.

        Each type of the typed player is expected to play a move, others believe
        accordingly, and it is an equilibrium if the move is its best then."""
        game, turn = self.game, self.game.turns[len(history)]
        tables: list[Floats] = []
        choices: list[Choice] = []
        if game.is_typed(turn):
            for expected in game.expectations(turn):
                likelihood = game.likelihood(expected)
                try:
                    table = self._table(history, belief, likelihood)
                except NoEquilibrium:  # of what would follow: it is not to be expected
                    continue
                tables.append(table)
                choices += types_choices(table, turn.movers[0], expected, likelihood)
            if not choices:
                return self._half_told(history, belief)
        else:
            nothing = np.ones((len(belief), 0))
            tables = [self._table(history, belief, nothing)]
            payoffs = np.einsum("...tn,t->...n", tables[0], np.array(belief))
            payoffs = payoffs[..., list(turn.movers)]
            choices = [*pure_choices(tables[0], payoffs)]
            if not choices and len(turn.movers) == 2:
                return mixed_choice(tables[0], payoffs)
            if not choices:
                raise NoEquilibrium.at(turn, is_typed=False)
        everything = np.stack(tables)
        axes = tuple(range(everything.ndim - 1))
        low, high = everything.min(axis=axes), everything.max(axis=axes)
        width = np.where(high > low, high - low, 1.0)
        means = [np.array(belief) @ choice.values for choice in choices]
        sums = [round(float(((mean - low) / width).sum()), 9) for mean in means]
        different = {tuple(p.tobytes() for p in choice.played) for choice in choices}
        return replace(choices[int(np.argmax(sums))], equilibria=len(different))

    def _table(self, history: History, belief: Belief, likelihood: Floats) -> Floats:
        """(k_1, ..., k_m, types, n) payoffs that are to be expected after each
        combination of the movers' moves. likelihood: (types, k) of a typed mover's."""
        game, turn = self.game, self.game.turns[len(history)]
        shape, later = game.shape(turn), []
        for moves in np.ndindex(*shape):
            then = game.belief_after(turn, belief, likelihood, moves)
            later.append(self.values((*history, moves), then))
        return np.reshape(later, (*shape, len(game.prior), len(game.sizes)))

    def _half_told(self, history: History, belief: Belief) -> Choice:
        """The equilibrium of a turn of the typed player alone, with two moves, in which
        one type always plays a move and the other sometimes: just so often that what
        others then believe lets them mix too, and the type does not mind which it
        plays. Kreps, Wilson 1982, sec. 3. Raises NoEquilibrium."""
        turn = self.game.turns[len(history)]
        if self.game.shape(turn) == (2,):
            for mixing, move in product(range(2), repeat=2):
                choice = self._half_told_by(history, belief, mixing, move)
                if choice is not None:
                    return choice
        raise NoEquilibrium.at(turn, is_typed=True)

    def _half_told_by(
        self, history: History, belief: Belief, mixing: int, move: int
    ) -> Choice | None:
        """Where the type that mixes does so between this move, which the other type
        always plays, and the other one, which tells what it is; None where it would
        not, or the other type would not play the move."""
        turn, then = self.game.turns[len(history)], (*history, (move,))
        player = turn.movers[0]
        telling = self.values((*history, (1 - move,)), shares_of(mixing, 1.0))

        def lead(share: float) -> Floats:
            """(types, n) by the move over the other, if the type then has a share."""
            return self.values(then, shares_of(mixing, share)) - telling

        low, high = 0.0, belief[mixing]
        if not lead(high)[mixing, player] < 0.0 < lead(low)[mixing, player]:
            return None
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_low = lead(middle)[mixing, player] > 0.0
            low, high = (middle, high) if is_low else (low, middle)
        best, worst = (float(lead(share)[mixing, player]) for share in (low, high))
        weight = best / (best - worst)  # of what follows where its share is high
        leads = (1 - weight) * lead(low) + weight * lead(high)
        if leads[1 - mixing, player] < 0.0:
            return None
        often = high * belief[1 - mixing] / (belief[mixing] * (1 - high))
        played = np.zeros((2, 2))
        played[1 - mixing, move] = 1.0
        played[mixing, [move, 1 - move]] = often, 1.0 - often
        below, above = (self.choice(then, shares_of(mixing, s)) for s in (low, high))
        key = self.game.belief_after(turn, belief, played, (move,))
        self._choices[then, key] = lottery(below, above, weight)
        gains = np.where(np.arange(2) == mixing, 0.0, leads[:, player])
        values = telling + played[:, [move]] * leads
        return Choice((played,), (gains,), values, played)


def shares_of(number: int, share: float) -> Belief:
    """Shares of two types, of which the one of this number has a share.

    >>> shares_of(1, 0.25)
    (0.75, 0.25)
    """
    pair = (round(share, 12), round(1.0 - share, 12))
    return pair if number == 0 else pair[::-1]


def lottery(first: Choice, second: Choice, weight: float) -> Choice:
    """The second of two choices with a probability, else the first."""
    pairs = zip(first.played, second.played, strict=True)
    played = tuple((1 - weight) * low + weight * high for low, high in pairs)
    values = (1 - weight) * first.values + weight * second.values
    gains = tuple(np.zeros_like(gain) for gain in first.gains)
    return replace(first, played=played, gains=gains, values=values)


class NoEquilibrium(WrongRequest):
    """A turn has no equilibrium that can be found."""

    @classmethod
    def at(cls, turn: Turn, *, is_typed: bool) -> Self:
        """Of which turn, and what to do."""
        hint = "write `order: sequential` in `play`, or let at most two players move"
        if is_typed:
            hint = "leave two moves to who has types"
        why = f"stage {turn.stage + 1} has no equilibrium that can be found"
        return cls(f"{why}: {hint}")


def pure_choices(table: Floats, payoffs: Floats) -> Iterator[Choice]:
    """Yield the equilibria in pure moves of a turn of players of whom all is known.

    table: (k_1, ..., k_m, types, n) of each combination of moves; payoffs: (k_1, ...,
    k_m, m) of the movers, by what they believe."""
    types = table.shape[-2]
    for place in np.argwhere(pure_equilibria(payoffs)):
        moves, played, gains = tuple(place.tolist()), [], []
        for number, move in enumerate(moves):
            line = np.moveaxis(payoffs, number, 0)[:, *np.delete(moves, number), number]
            gain = line[move] - np.delete(line, move).max()
            played.append(np.tile(np.eye(len(line))[move], (types, 1)))
            gains.append(np.full(types, gain))
        yield Choice(tuple(played), tuple(gains), table[moves], np.ones((types, 0)))


def mixed_choice(table: Floats, payoffs: Floats) -> Choice:
    """The first equilibrium in mixed moves of two movers that `nash_equilibria` names.
    table, payoffs: as in `pure_choices`."""
    equilibria = nash_equilibria(payoffs)
    rows, columns = equilibria[0].strategies
    values, types = np.einsum("abtn,a,b->tn", table, rows, columns), table.shape[-2]
    played = tuple(np.tile(shares, (types, 1)) for shares in (rows, columns))
    gains = (np.zeros(types),) * 2
    return Choice(played, gains, values, np.ones((types, 0)), len(equilibria))


def types_choices(
    table: Floats, player: int, expected: Expectation, likelihood: Floats
) -> Iterator[Choice]:
    """Yield what is expected of the types of a player that moves alone, if each type's
    move is its best then, and each slip is read as one of the type that loses less by
    it.

    table: (k, types, n) of each move, where that is expected; likelihood: (types, k)"""
    own, moves = table[..., player].T, list(expected.moves)
    types = range(len(own))
    losses = own[types, moves][:, None] - own
    width = TOLERANCE * float(np.ptp(own)) + ROUNDING * float(np.abs(own).max())
    is_best = bool((losses >= -width).all())
    for move, slipping in enumerate(expected.slips):
        if move not in moves:
            is_best &= bool(losses[slipping, move] <= losses[:, move].min() + width)
    if is_best:
        losses[types, moves] = np.inf
        played = np.eye(len(table))[moves]
        yield Choice((played,), (losses.min(axis=1),), table[moves, types], likelihood)


@dataclass(frozen=True)
class Step:
    """A turn as it was played.

    Attributes
    ----------
    turn : who moved, and when
    choice : what was to be played
    moves : what was played: the likeliest move of each
    belief : (types,) what the others believed before
    """

    turn: Turn
    choice: Choice
    moves: Moves
    belief: Belief


def rolling(game: TurnGame, horizon: int, true_type: int = 0) -> Iterator[Step]:
    """Play turn by turn: every mover looks some stages ahead, plays the first of the
    moves that are best then, and looks again once the turn is over.

    Parameters
    ----------
    game : in turns
    horizon : stages that are looked at, the present one among them; with as many as
        there are, play is best in every subgame
    true_type : of the typed player, counted from 0

    Yields
    ------
    Step : in the order of the turns

    Raises
    ------
    NoEquilibrium : where a turn has none that can be found

    Examples
    --------
    A chain store (Selten 1978): to fight an entrant costs it more than to give way, so
    it gives way, and the entrant, who moves first, enters.

    >>> after = {(0, 0): (2, 0), (0, 1): (2, 0), (1, 0): (1, 1), (1, 1): (0, -1)}
    >>> def store(histories):
    ...     return np.array([[after[entry, reply]] for (entry,), (reply,) in histories])
    >>> turns = (Turn(0, (1,)), Turn(0, (0,)))
    >>> [step.moves for step in rolling(TurnGame(turns, (2, 2), store), 1)]
    [(1,), (0,)]
    """
    history: History = ()
    belief, foresight = game.prior, None
    final = game.turns[-1].stage
    for turn in game.turns:
        last = min(turn.stage + horizon - 1, final)
        if foresight is None or foresight.last < last:
            foresight = Foresight(game, history, last)
        choice = foresight.choice(history, belief)
        moves = tuple(int(played[true_type].argmax()) for played in choice.played)
        yield Step(turn, choice, moves, belief)
        belief = game.belief_after(turn, belief, choice.likelihood, moves)
        history = (*history, moves)

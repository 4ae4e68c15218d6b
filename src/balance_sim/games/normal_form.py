"""Finite games in strategic form: best replies, regret, equilibria in pure strategies,
and players who move in turn.

A game is an array of payoffs of shape (k_1, ..., k_n, n): one axis of strategies a
player, and the player last. Where a function says "...", axes of further games may
stand in front. Payoffs of a player count as equal (a tie) where they differ by at most
1e-9 of the range of this player's payoffs in the game.

Nash 1951, Annals of Mathematics 54: 286-295; Fudenberg, Tirole 1991, Game Theory, ch. 1
and 3.

Logit quantal response equilibria along the principal branch.

In a logit quantal response equilibrium every player plays strategy s with probability

    p_s = exp(L u_s) / sum over t of exp(L u_t)

where u_s is what s gives against the others' probabilities, and L the *precision*, per
unit of payoff: 0 is uniform play, and with L to infinity players play best replies
(McKelvey, Palfrey 1995, Games and Economic Behavior 10: 6-38). One branch of solutions
starts at uniform play, and in almost every game ends in one Nash equilibrium. It is
followed by predictor and corrector along its arc, so that turning points are passed
(Turocy 2005, Games and Economic Behavior 51: 243-263; Allgower, Georg 1990, Numerical
Continuation Methods, ch. 2, 6 and 8), in logarithms of probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from balance_sim.stats import Bools, Floats, Ints

TOLERANCE = 1e-9
"""Of ties, relative to the range of a player's payoffs."""
ROUNDING = 64 * np.finfo(float).eps
"""Of ties, relative to the largest payoff: what rounding alone can make of equal
payoffs."""
LETTERS = "abcdefgh"


def number_of_players(payoffs: Floats) -> int:
    """How many players a game has. Raises ValueError for what is no game.

    Examples
    --------
    >>> number_of_players(np.zeros((2, 3, 2)))
    2
    """
    players = payoffs.shape[-1] if payoffs.ndim else 0
    if (
        not 1 <= players <= len(LETTERS)
        or payoffs.ndim < players + 1
        or 0 in payoffs.shape[-players - 1 :]
    ):
        raise ValueError(
            f"payoffs of shape {payoffs.shape}: not one axis of strategies a player and the players last"
        )
    if not np.isfinite(payoffs).all():
        raise ValueError("payoffs that are not finite")
    return players


def tie_width(payoffs: Floats) -> Floats:
    """How far two payoffs of a player may be apart and count as equal, (..., 1, ..., 1,
    n).

    Examples
    --------
    >>> tie_width(np.array([[0.0], [2e9]])).round(3).tolist()
    [[2.0]]
    """
    axes = tuple(range(-number_of_players(payoffs) - 1, -1))
    low, high = (
        payoffs.min(axis=axes, keepdims=True),
        payoffs.max(axis=axes, keepdims=True),
    )
    return np.asarray(
        TOLERANCE * (high - low) + ROUNDING * np.maximum(np.abs(low), np.abs(high))
    )


def best_replies(payoffs: Floats, player: int) -> Bools:
    """In which profiles a player's strategy is a best reply to those of the others: all
    that tie for the best are.

    Parameters
    ----------
    payoffs : (..., k_1, ..., k_n, n)
    player : counted from 0

    Returns
    -------
    (..., k_1, ..., k_n)

    Examples
    --------
    A prisoner's dilemma (0 cooperate, 1 defect): defection is the best reply to both.

    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> best_replies(dilemma, 0).tolist()
    [[False, False], [True, True]]
    """
    own = payoffs[..., player]
    best = own.max(axis=player - number_of_players(payoffs), keepdims=True)
    return np.asarray(own >= best - tie_width(payoffs)[..., player])


def regrets(payoffs: Floats) -> Floats:
    """What each player would gain by its best deviation from each profile, >= 0, and 0
    for a best reply.

    payoffs: (..., k_1, ..., k_n, n); the result has the same shape and units. A profile
    whose largest regret is e is an e-equilibrium.

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> regrets(dilemma)[0, 0].tolist()
    [2.0, 2.0]
    """
    players = number_of_players(payoffs)
    best = [
        payoffs[..., i].max(axis=i - players, keepdims=True) for i in range(players)
    ]
    gain = np.stack([best[i] - payoffs[..., i] for i in range(players)], axis=-1)
    return np.where(gain <= tie_width(payoffs), 0.0, gain)


def pure_equilibria(payoffs: Floats) -> Bools:
    """Which profiles are Nash equilibria in pure strategies: all play best replies,
    (..., k_1, ..., k_n).

    Examples
    --------
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> np.argwhere(pure_equilibria(dilemma)).tolist()
    [[1, 1]]
    """
    each = [
        best_replies(payoffs, player) for player in range(number_of_players(payoffs))
    ]
    return np.asarray(np.logical_and.reduce(each))


def expected_payoffs(
    payoffs: Floats, mixed: Sequence[Floats], player: int, other: int | None = None
) -> Floats:
    """What each strategy of a player gives against mixed strategies of the others,
    (..., k_player).

    Parameters
    ----------
    payoffs : (..., k_1, ..., k_n, n)
    mixed : one (..., k_i) array of probabilities for each player; the player's own is not used
    player : whose payoff
    other : if given, not averaged over: the result is (..., k_player, k_other), the first derivatives by the
        probabilities of that player

    Examples
    --------
    >>> pennies = np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]], dtype=float)
    >>> expected_payoffs(pennies, [np.array([0.5, 0.5]), np.array([0.75, 0.25])], 0).tolist()
    [0.5, -0.5]
    """
    left, value = LETTERS[: len(mixed)], payoffs[..., player]
    for i, probabilities in enumerate(mixed):
        if i not in (player, other):
            rest = left.replace(LETTERS[i], "")
            value = np.einsum(
                f"...{left},...{LETTERS[i]}->...{rest}", value, probabilities
            )
            left = rest
    return np.asarray(
        value if other is None or other > player else np.swapaxes(value, -1, -2)
    )


@dataclass(frozen=True)
class SequentialPlay:
    """What players do who move one after the other.

    Attributes
    ----------
    outcomes : (E, n) profiles that are played in some subgame-perfect equilibrium in pure strategies, in the order of
        the first mover's payoff, the highest first
    payoffs : (E, n) of these
    ties : in some situation more than one continuation is subgame-perfect: a mover is indifferent, and its payoffs do
        not say which way it goes
    """

    outcomes: Ints
    payoffs: Floats
    ties: bool


def sequential(payoffs: Floats, order: Sequence[int]) -> SequentialPlay:
    """Backward induction where players move one after the other, each seeing what came
    before.

    Ties are not broken: an action with one of its continuations is kept if some
    resolution of the ties after the other actions makes none of them better, that is if
    it gives the mover at least the largest, over other actions, of the least that a
    continuation there gives it. The profiles kept are exactly the outcomes of
    subgame-perfect equilibria in pure strategies (Selten 1975, International Journal of
    Game Theory 4: 25-55; von Stackelberg 1934, Marktform und Gleichgewicht; Osborne,
    Rubinstein 1994, A Course in Game Theory, ch. 6).

    Parameters
    ----------
    payoffs : (k_1, ..., k_n, n)
    order : the players, first mover first

    Examples
    --------
    Entry deterrence: the entrant (0: out, 1: in) moves first, and the incumbent (0:
    fight, 1: yield) yields.

    >>> entry = np.array([[[0, 2], [0, 2]], [[-1, 0], [1, 1]]], dtype=float)
    >>> sequential(entry, [0, 1]).outcomes.tolist()
    [[1, 1]]
    """
    players = number_of_players(payoffs)
    if payoffs.ndim != players + 1 or sorted(order) != list(range(players)):
        raise ValueError(
            f"order {list(order)} of {players} players in payoffs of shape {payoffs.shape}"
        )
    turned = np.transpose(payoffs, (*order, players))
    width = tie_width(payoffs).ravel()
    kept = np.ones(turned.shape[:-1], dtype=bool)
    ties = False
    for depth in reversed(range(players)):
        mover = order[depth]
        own = turned[..., mover]
        later = tuple(range(depth + 1, players))
        least = np.where(kept, own, np.inf).min(axis=later, keepdims=True)
        kept &= own >= _best_of_the_others(least, depth) - width[mover]
        ties |= bool((kept.sum(axis=(depth, *later)) > 1).any())
    profiles = np.argwhere(kept)[:, np.argsort(order)]  # back to the players' own order
    found = payoffs[tuple(profiles.T)]
    by_payoff = np.argsort(-found[:, order[0]], kind="stable")
    return SequentialPlay(profiles[by_payoff], found[by_payoff], ties)


def _best_of_the_others(worth: Floats, axis: int) -> Floats:
    """For each action on an axis the largest of the worths of the other actions; minus
    infinity if there is none."""
    size = worth.shape[axis]
    rest = [
        np.delete(worth, action, axis=axis).max(axis=axis, initial=-np.inf)
        for action in range(size)
    ]
    return np.stack(rest, axis=axis)


CLOSE = 1e-11
"""Largest last step of the corrector, in logarithms of probabilities."""
CORRECTIONS = 8
FAR = 0.1
"""Most that a probability may change in a step, and that the corrector may change
one."""
STRAIGHT = 0.97
"""Least cosine of the angle between the tangents at both ends of a step."""
SHORTEST, LONGEST = 1e-9, 1e6
FORK = 1e-5
"""A longer step does not pass a point where the determinant changes sign: it may have
missed a bend beside a fork. In games with symmetric players or strategies there are
forks, and the branch goes straight on."""
STEPS = 20_000


@dataclass(frozen=True)
class _Branch:
    """The equations x - log softmax(t u(exp x)) = 0 of a game whose payoffs have at
    most the range 1."""

    payoffs: Floats

    @cached_property
    def parts(self) -> list[slice]:
        return [
            slice(a, b)
            for a, b in pairwise(accumulate(self.payoffs.shape[:-1], initial=0))
        ]

    def probabilities(self, x: Floats) -> list[Floats]:
        return [np.exp(np.minimum(x[part], 1.0)) for part in self.parts]

    def equations(self, z: Floats) -> tuple[Floats, Floats]:
        """Errors (K,) at z = (x, t), and their derivatives (K, K + 1)."""
        x, t = z[:-1], z[-1]
        mixed = self.probabilities(x)
        error, slope = np.empty(len(x)), np.zeros((len(x), len(z)))
        slope[:, :-1] = np.eye(len(x))
        for i, here in enumerate(self.parts):
            u = expected_payoffs(self.payoffs, mixed, i)
            top = t * u - (t * u).max()
            logs = top - np.log(np.exp(top).sum())
            reply = np.exp(logs)
            error[here] = x[here] - logs
            slope[here, -1] = reply @ u - u
            for j, there in enumerate(self.parts):
                if j != i:
                    cross = expected_payoffs(self.payoffs, mixed, i, j) * mixed[j]
                    slope[here, there] = t * (reply @ cross - cross)
        return error, slope

    def corrected(self, z: Floats, direction: Floats) -> Floats | None:
        """The solution in the plane through z across a direction; None if Newton's
        steps do not settle on it."""
        start, last = self.probabilities(z[:-1]), np.inf
        for _ in range(CORRECTIONS):
            error, slope = self.equations(z)
            step = _solve(np.vstack([slope, direction]), np.append(error, 0.0))
            size = float(np.abs(step).max())
            if not size < max(2.0 * last, CLOSE):
                return None
            z, last = z - step, size
            if size < CLOSE * max(1.0, abs(float(z[-1]))):
                return z if self.moved(start, z) < FAR else None
        return None

    def moved(self, start: list[Floats], z: Floats) -> float:
        """The most by which a probability differs."""
        return max(
            float(np.abs(a - b).max())
            for a, b in zip(start, self.probabilities(z[:-1]), strict=True)
        )

    def tangent(self, z: Floats, before: Floats) -> Floats:
        """Unit vector along the branch, on the side of another one."""
        along = _solve(np.vstack([self.equations(z)[1], before]), _only_t(z))
        return np.asarray(along / np.linalg.norm(along))

    def step(
        self, z: Floats, along: Floats, length: float
    ) -> tuple[Floats, Floats] | None:
        """The next point and its tangent; None if the step was too long to be sure of
        the branch."""
        ahead = self.corrected(z + length * along, along)
        if ahead is None or self.moved(self.probabilities(z[:-1]), ahead) >= FAR:
            return None
        turned = self.tangent(ahead, along)
        forks = self.side(z, along) != self.side(ahead, turned)
        return (
            None
            if float(turned @ along) <= STRAIGHT or (forks and length > FORK)
            else (ahead, turned)
        )

    def side(self, z: Floats, along: Floats) -> float:
        """Sign of the determinant of the equations across the branch: constant along
        it, but where another crosses."""
        return float(np.linalg.slogdet(np.vstack([self.equations(z)[1], along]))[0])

    def between(self, z: Floats, ahead: Floats, targets: Floats) -> list[Floats] | None:
        """Logarithms of probabilities at each t on the way from one point to the next;
        None if one is not found."""
        shares = (targets - z[-1]) / (ahead[-1] - z[-1])
        found = [
            self.corrected(z + share * (ahead - z), _only_t(z)) for share in shares
        ]
        return (
            [at[:-1] for at in found if at is not None]
            if all(at is not None for at in found)
            else None
        )

    def points(self, targets: Floats) -> Floats:
        """(L, K) logarithms of probabilities where the branch first reaches each t,
        given in rising order.

        NaN if it is lost before."""
        sizes = np.array([part.stop - part.start for part in self.parts])
        z = np.append(-np.log(np.repeat(sizes, sizes)), 0.0)
        along, length = self.tangent(z, _only_t(z)), 0.01
        out = np.full((len(targets), len(z) - 1), np.nan)
        done = int(np.searchsorted(targets, 0.0, side="right"))
        out[:done] = z[:-1]
        for _ in range(STEPS):
            if done == len(targets) or length < SHORTEST:
                break
            gone = self.step(z, along, length)
            reached = (
                done
                if gone is None
                else max(int(np.searchsorted(targets, gone[0][-1], side="right")), done)
            )
            passed = self.between(z, gone[0], targets[done:reached]) if gone else None
            if gone is None or passed is None:
                length /= 2.0
                continue
            if passed:
                out[done:reached], done = passed, reached
            (z, along), length = gone, min(length * 1.5, LONGEST)
        return out


def _only_t(z: Floats) -> Floats:
    """The direction in which t grows and the probabilities stay."""
    return np.append(np.zeros(len(z) - 1), 1.0)


def _solve(matrix: Floats, right: Floats) -> Floats:
    """Solution of linear equations, the shortest if they are singular."""
    try:
        return np.asarray(np.linalg.solve(matrix, right))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right)[0])


def quantal_response(payoffs: Floats, precisions: npt.ArrayLike) -> tuple[Floats, ...]:
    """Probabilities of the logit quantal response equilibrium on the branch from
    uniform play.

    A player's best reply beats a strategy worse by d with odds exp(L d). Games in which
    strategies or players can be swapped keep this symmetry at any precision, also where
    a Nash equilibrium without it exists.

    Parameters
    ----------
    payoffs : (k_1, ..., k_n, n), not scaled: payoffs twice as large at half the precision give the same
    precisions : (L,) numbers from 0, in any order, per unit of payoff

    Returns
    -------
    One (L, k_i) for each player: the first passage of the branch, NaN where it could
    not be followed so far

    Examples
    --------
    Matching pennies in which one outcome is worth 9 to the first player (Ochs 1995): it
    plays the first strategy more often than the half of the Nash equilibrium.

    >>> pennies = np.array([[[9, 0], [0, 1]], [[0, 1], [1, 0]]], dtype=float)
    >>> first, second = quantal_response(pennies, [0.0, 1.0, 1000.0])
    >>> first.round(3).tolist()
    [[0.5, 0.5], [0.894, 0.106], [0.501, 0.499]]
    """
    players = number_of_players(payoffs)
    wanted = np.atleast_1d(np.asarray(precisions, dtype=float))
    if payoffs.ndim != players + 1 or not (
        np.isfinite(wanted).all() and (wanted >= 0).all()
    ):
        raise ValueError(
            "one game, (k_1, ..., k_n, n), and precisions that are numbers from 0"
        )
    high, low = (of(axis=tuple(range(players))) for of in (payoffs.max, payoffs.min))
    scale = float((high - low).max()) or 1.0
    branch = _Branch((payoffs - (high + low) / 2.0) / scale)
    targets, back = np.unique(wanted * scale, return_inverse=True)
    logs = branch.points(targets)[back]
    return tuple(np.exp(logs[:, part]) for part in branch.parts)

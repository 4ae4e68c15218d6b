"""Games whose payoffs are means over replications of a simulation: what can be said in spite of Monte Carlo error.

Payoffs of all profiles come from the same replications on common random numbers, so that errors of different profiles
are correlated, and what is known best are their differences. The bootstrap draws replications with all their profiles
and players together, and keeps that (Efron 1979, Annals of Statistics 7: 1-26).

A regret is the largest of many differences, and that of the noisiest is estimated too high. The upper bounds here hold
for all profiles, players and deviations at once:

    difference + c x standard error,   c: 95 % quantile of the largest |error| / standard error

(max-t: Romano, Wolf 2005, Econometrica 73: 1237-1282; Chernozhukov, Chetverikov, Kato 2013, Annals of Statistics 41:
2786-2819). Other uniform bounds, for payoffs of known range: Tuyls et al. 2020, Autonomous Agents and Multi-Agent
Systems 34(7); Viqueira, Cousins, Greenwald 2021, arXiv:2105.14197; survey: Wellman, Tuyls, Greenwald 2025, Journal of
Artificial Intelligence Research 82."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import ndtr, stdtrit

from . import Bools, Floats
from .games import best_replies, number_of_players, pure_equilibria, regrets

CONFIDENCE = 0.95
CONSTANT = 1e-10
"""A paired difference counts as known where its spread is below this share of its player's largest payoff."""


@dataclass(frozen=True)
class EmpiricalGame:
    """A game known from replications.

    With fewer than two replications errors, probabilities and bounds are NaN and everything may be best.

    Attributes
    ----------
    values : (R, k_1, ..., k_n, n) payoffs of each replication, with the same random numbers in all profiles
    seed : of the bootstrap; with the same R it draws the same replications, whatever the game
    resamples : how many bootstrap samples

    Examples
    --------
    A prisoner's dilemma, 200 replications with noise of which most is common to all profiles:

    >>> rng = np.random.default_rng(1)
    >>> dilemma = np.array([[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float)
    >>> noise = 5 * rng.normal(size=(200, 1, 1, 1)) + rng.normal(size=(200, 2, 2, 2))
    >>> game = EmpiricalGame(dilemma + noise)
    >>> game.mcse[0, 0].round(1).tolist()
    [0.3, 0.3]
    >>> game.equilibrium_probability.tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    >>> bool((game.regret_bound >= regrets(dilemma)).all())
    True
    """

    values: Floats
    seed: int = 0
    resamples: int = 1000

    def __post_init__(self) -> None:
        players = number_of_players(self.values)
        if self.values.ndim != players + 2 or not len(self.values):
            raise ValueError(f"values of shape {self.values.shape}: not (replications, k_1, ..., k_n, {players})")

    @property
    def replications(self) -> int:
        return len(self.values)

    @property
    def players(self) -> int:
        return int(self.values.shape[-1])

    @cached_property
    def mean(self) -> Floats:
        """(k_1, ..., k_n, n) estimated payoffs."""
        return np.asarray(self.values.mean(axis=0))

    @cached_property
    def mcse(self) -> Floats:
        """(k_1, ..., k_n, n) their Monte Carlo standard errors."""
        if self.replications < 2:
            return np.full(self.mean.shape, np.nan)
        return np.asarray(self.values.std(axis=0, ddof=1) / np.sqrt(self.replications))

    @cached_property
    def _weights(self) -> Floats:
        """(B, R) share of each replication in each bootstrap sample."""
        count = self.replications
        rng = np.random.default_rng([self.seed, count])
        drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=self.resamples)
        return np.asarray(drawn / count)

    @cached_property
    def resampled(self) -> Floats:
        """(B, k_1, ..., k_n, n) estimated payoffs in each bootstrap sample."""
        flat = (self.values - self.mean).reshape(self.replications, -1)
        distinct, place = np.unique(flat, axis=1, return_inverse=True)  # what is equal stays equal to the last bit
        return np.asarray((self._weights @ distinct)[:, place].reshape(self.resamples, *self.mean.shape) + self.mean)

    @cached_property
    def best_reply_probability(self) -> Floats:
        """(k_1, ..., k_n, n): share of bootstrap samples in which a player's strategy is the best reply; ties share.

        With many replications, also the posterior probability under a flat prior (Rubin 1981, Annals of Statistics 9:
        130-134)."""
        if self.replications < 2:
            return np.full(self.mean.shape, np.nan)
        best = [best_replies(self.resampled, player) for player in range(self.players)]
        shares = [one / one.sum(axis=k - self.players, keepdims=True) for k, one in enumerate(best)]
        return np.stack([one.mean(axis=0) for one in shares], axis=-1)

    @cached_property
    def equilibrium_probability(self) -> Floats:
        """(k_1, ..., k_n): in which share of bootstrap samples a profile is an equilibrium in pure strategies."""
        if self.replications < 2:
            return np.full(self.mean.shape[:-1], np.nan)
        return np.asarray(pure_equilibria(self.resampled).mean(axis=0))

    @cached_property
    def _deviations(self) -> list[tuple[Floats, Floats, Floats]]:
        """For each player what strategy b gives more than a, [b, a], (k, k, others), and its standard error.

        Third, (B,) the largest studentised error of these differences in each bootstrap sample."""
        return [self._differences(player) for player in range(self.players)]

    def _differences(self, player: int) -> tuple[Floats, Floats, Floats]:
        strategies = self.values.shape[player + 1]
        own = np.moveaxis(self.values[..., player], player + 1, 1).reshape(self.replications, strategies, -1)
        gain, error = np.zeros((2, strategies, strategies, own.shape[2]))
        largest = np.zeros(self.resamples)
        known = CONSTANT * np.abs(own).max()
        for a, b in combinations(range(strategies), 2):
            apart = own[:, b] - own[:, a]
            gain[b, a] = apart.mean(axis=0)
            gain[a, b] = -gain[b, a]
            spread = apart.std(axis=0, ddof=1)
            unsure = spread > known
            error[a, b] = error[b, a] = np.where(unsure, spread / np.sqrt(self.replications), 0.0)
            if unsure.any():
                centred = (apart - gain[b, a])[:, unsure] / error[b, a][unsure]
                np.maximum(largest, np.abs(self._weights @ centred).max(axis=1), out=largest)
        return gain, error, largest

    @cached_property
    def critical(self) -> float:
        """c: how many standard errors the simultaneous 95 % bounds are away; 0 where every difference is known.

        The quantile of the bootstrap, put on Student's scale for R - 1 degrees of freedom. NaN for one replication."""
        if self.replications < 2:
            return float("nan")
        largest = np.max([one for _, _, one in self._deviations], axis=0)
        quantile = float(np.quantile(largest, CONFIDENCE)) * np.sqrt(self.replications / (self.replications - 1))
        return float(stdtrit(self.replications - 1, ndtr(quantile))) if quantile > 0 else 0.0

    @cached_property
    def regret(self) -> Floats:
        """(k_1, ..., k_n, n) estimated gain of each player's best deviation from each profile, >= 0."""
        return regrets(self.mean)

    @cached_property
    def regret_bound(self) -> Floats:
        """(k_1, ..., k_n, n) upper bounds that hold all true regrets at once with probability 95 %.

        The largest over players bounds the e for which a profile is an e-equilibrium."""
        if self.replications < 2:
            return np.full(self.mean.shape, np.nan)
        return self._by_profile([(gain + self.critical * error).max(axis=0) for gain, error, _ in self._deviations])

    @cached_property
    def may_be_best(self) -> Bools:
        """(k_1, ..., k_n, n): whether a player's strategy is not told apart from the best reply to the others'.

        No other strategy is better by more than c standard errors. All true best replies are among these at once with
        probability 95 %."""
        if self.replications < 2:
            return np.ones(self.mean.shape, dtype=bool)
        width = [1e-9 * np.ptp(self.mean[..., player]) for player in range(self.players)]
        worse = [
            (gain - self.critical * error).max(axis=0) > tie
            for (gain, error, _), tie in zip(self._deviations, width, strict=True)
        ]
        return self._by_profile(worse) < 0.5

    def _by_profile(self, each: list[Floats] | list[Bools]) -> Floats:
        """One (k_player, others) array a player as (k_1, ..., k_n, n)."""
        sizes = self.mean.shape[:-1]
        out = np.empty(self.mean.shape)
        for player, table in enumerate(each):
            others = sizes[:player] + sizes[player + 1 :]
            out[..., player] = np.moveaxis(table.reshape(sizes[player], *others), 0, player)
        return out

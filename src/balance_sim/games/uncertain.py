"""Choices of strategies when not only chance but the model's parameters are uncertain.

Payoffs over D draws of parameters and theories, each the expected payoff under that
draw: which strategy has the smallest regret in the worst case (Savage 1951, Journal of
the American Statistical Association 46: 55-67), and what it would be worth to know a
parameter before choosing (Raiffa, Schlaifer 1961, Applied Statistical Decision Theory).

Games whose payoffs are means over replications of a simulation: what can be said in
spite of Monte Carlo error.

Payoffs of all profiles come from the same replications on common random numbers, so
that errors of different profiles are correlated, and what is known best are their
differences. The bootstrap draws replications with all their profiles and players
together, and keeps that (Efron 1979, Annals of Statistics 7: 1-26).

A regret is the largest of many differences, and that of the noisiest is estimated too
high. The upper bounds here hold for all profiles and players at once:

    difference + c x standard error,
    c: quantile of the largest error / standard error, of differences that can matter

(max-t: Romano, Wolf 2005, Econometrica 73: 1237-1282; Chernozhukov, Chetverikov, Kato
2013, Annals of Statistics 41: 2786-2819). Other uniform bounds, for payoffs of known
range: Tuyls et al. 2020, Autonomous Agents and Multi-Agent Systems 34(7); Viqueira,
Cousins, Greenwald 2021, arXiv:2105.14197; survey: Wellman, Tuyls, Greenwald 2025,
Journal of Artificial Intelligence Research 82.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
from scipy.special import ndtr, stdtrit

from balance_sim.games.normal_form import (
    best_reply_shares,
    pure_equilibria,
    regrets,
    tie_width,
)
from balance_sim.stats import Bools, Floats, Ints
from balance_sim.stats.variance import DEGREE, orthonormal, powers

UPPER = 0.95
"""The quantile over draws, and over permutations."""
PERMUTATIONS = 99


@dataclass(frozen=True)
class StrategyRegrets:
    """Regrets of one player's k strategies over draws and over what the others may
    play.

    Regret: what the strategy that is best in that draw against what the others play
    there would have given more.

    Attributes
    ----------
    worst : (k,) the largest regret
    draw : (k,) the first draw in which it is met
    profile : (k, n) the profile there, the player's own strategy included
    mean : (k,) over draws and profiles of the others, each counted alike
    upper : (k,) 95 % quantile over draws of the worst over profiles of the others
    choice : (k,) the strategies whose worst regret is smallest; several are a tie
    """

    worst: Floats
    draw: Ints
    profile: Ints
    mean: Floats
    upper: Floats
    choice: Bools


def minimax_regret(values: Floats) -> tuple[StrategyRegrets, ...]:
    """Minimax regret over draws and over what the others play, one for each player.

    values: (D, k_1, ..., k_n, n) payoffs in each draw; they tie as in `normal_form`.

    Examples
    --------
    One player, two draws: the first strategy is better by 1 in one draw and worse by 3
    in the other.

    >>> (regret,) = minimax_regret(np.array([[[1.0], [0.0]], [[0.0], [3.0]]]))
    >>> regret.worst.tolist(), regret.draw.tolist(), regret.choice.tolist()
    ([3.0, 1.0], [1, 0], [False, True])
    """
    everywhere = regrets(values)
    width = tie_width(values).max(axis=0).ravel()
    return tuple(
        _strategy_regrets(everywhere[..., player], player, width[player])
        for player in range(values.shape[-1])
    )


def _strategy_regrets(regret: Floats, player: int, width: float) -> StrategyRegrets:
    """Of one player, from its regrets (D, k_1, ..., k_n); those no further apart than
    the width are a tie."""
    table = np.moveaxis(regret, player + 1, 0)
    size, flat = len(table), table.reshape(len(table), -1)
    worst = flat.max(axis=1)
    first = (flat >= worst[:, None] - width).argmax(axis=1)
    draw, *others = np.unravel_index(first, table.shape[1:])
    profile = np.reshape(others, (-1, size)).astype(np.int64)
    by_draw = table.reshape(size, len(regret), -1).max(axis=2)
    return StrategyRegrets(
        worst=worst,
        draw=draw,
        profile=np.insert(profile, player, np.arange(size), axis=0).T,
        mean=table.reshape(size, len(regret), -1).mean(axis=(1, 2)),
        upper=np.quantile(by_draw, UPPER, axis=1),
        choice=worst <= worst.min() + width,
    )


@dataclass(frozen=True)
class InformationValue:
    """What it would be worth to know parameters before choosing, in units of payoff.

    Attributes
    ----------
    evpi : expected value of perfect information: of knowing all that varies over draws
    evpi_error : its standard error over draws
    evppi : (Q,) expected value of knowing one parameter alone, >= 0
    error : (Q,) standard errors over draws
    idle : what the largest of `evppi` stays below in 95 % of cases where no parameter
        matters, from 99 permutations of the draws against the parameters
    best : (K,) the strategies that are best without further information; several are a
        tie
    """

    evpi: float
    evpi_error: float
    evppi: Floats
    error: Floats
    idle: float
    best: Bools


def value_of_information(
    utilities: Floats, parameters: Floats, seed: int = 0
) -> InformationValue:
    r"""Expected value of perfect information, and of perfect information on single
    parameters.

    .. math:: EVPI = E[\max_k u_k] - \max_k E[u_k]
    .. math:: EVPPI_q = E[\max_k E[u_k | x_q]] - \max_k E[u_k]

    E[u_k | x_q] is found by regression of what a strategy gives more than the best one
    on a cubic polynomial of the parameter (Strong, Oakley, Brennan 2014, Medical
    Decision Making 34: 311-326). The maximum of fitted values is biased upwards, as
    fits follow noise. So each draw is left out of the fit that chooses its strategy
    (Allen 1974, Technometrics 16: 125-127), and the choice is valued by what it gave in
    that draw; and a strategy for which draws left out are predicted no better than by
    their mean is not chosen on the strength of the fit. The estimate is then of a rule
    that can be followed, and on average not above the true value.

    Parameters
    ----------
    utilities : (D, K) payoffs of a player's K strategies in each draw, what the others
        play being given
    parameters : (D, Q) what was drawn

    Examples
    --------
    A sure 0 or a gamble x + y, both standard normal: to know both is worth
    sd / sqrt(2 pi) = 0.56, one 0.40.

    >>> x = np.random.default_rng(1).normal(size=(20000, 3))
    >>> utilities = np.column_stack([np.zeros(20000), x[:, 0] + x[:, 1]])
    >>> information = value_of_information(utilities, x)
    >>> round(information.evpi, 2), information.evppi.round(2).tolist()
    (0.55, [0.39, 0.39, 0.0])
    """
    means = utilities.mean(axis=0)
    best = means >= means.max() - tie_width(utilities.reshape(-1, 1)).item()
    gain = utilities - utilities[:, [int(best.argmax())]]
    evpi, evpi_error = _mean_and_error(gain.max(axis=1))
    bases = _bases(parameters)
    worth = [_mean_and_error(values) for values in _chosen(gain, bases)]
    evppi, errors = np.array(worth).reshape(-1, 2).T
    rng = np.random.default_rng([seed, len(gain)])
    largest = []
    for _ in range(PERMUTATIONS):
        permuted = _chosen(rng.permutation(gain), bases)
        largest.append(permuted.mean(axis=1).max(initial=0.0))
    idle = float(np.sort(largest)[round(UPPER * (PERMUTATIONS + 1)) - 1])
    positive = np.maximum(evppi, 0.0)
    return InformationValue(evpi, evpi_error, positive, errors, idle, best)


def _bases(parameters: Floats) -> tuple[Floats, Floats]:
    """(Q, D, DEGREE + 1) orthonormal polynomials of each parameter, and (Q, D) the
    leverages of a fit of these."""
    fits = [orthonormal(features) for features in powers(parameters)]
    draws = len(parameters)
    bases = np.array([basis for basis, _ in fits]).reshape(-1, draws, DEGREE + 1)
    return bases, np.array([leverage for _, leverage in fits]).reshape(-1, draws)


def _chosen(gain: Floats, polynomials: tuple[Floats, Floats]) -> Floats:
    """(Q, D) the gain over the best strategy, in each draw, of the strategy that a fit
    to all other draws chooses."""
    bases, leverage = polynomials
    draws = len(gain)
    fitted = bases @ (np.swapaxes(bases, 1, 2) @ gain)
    residual = (gain - fitted) / (1.0 - leverage)[..., None]
    deviation = (gain - gain.mean(axis=0)) * draws / (draws - 1)
    squares = (residual**2).sum(axis=1, keepdims=True)
    is_better = squares < (deviation**2).sum(axis=0)
    predicted = gain - np.where(is_better, residual, deviation)
    return np.asarray(gain[np.arange(draws), predicted.argmax(axis=2)])


def _mean_and_error(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


CONFIDENCE = 0.95
CONSTANT = 1e-10
"""A paired difference counts as known where its spread is below this share of its
player's largest payoff."""


@lru_cache(maxsize=2)
def bootstrap_shares(count: int, seed: int, resamples: int) -> Floats:
    """(B, R) share of each of R things in each of B bootstrap samples."""
    rng = np.random.default_rng([seed, count])
    equal = np.full(count, 1.0 / count)
    return np.asarray(rng.multinomial(count, equal, size=resamples) / count)


@dataclass(frozen=True)
class EmpiricalGame:
    """A game known from replications.

    Attributes
    ----------
    values : (R, k_1, ..., k_n, n) payoffs of R >= 2 replications, with the same random
        numbers in all profiles
    seed : of the bootstrap; with the same R it draws the same replications, whatever
        the game
    resamples : how many bootstrap samples

    Examples
    --------
    A prisoner's dilemma, 200 replications with noise of which most is common to all
    profiles:

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

    @cached_property
    def mean(self) -> Floats:
        """(k_1, ..., k_n, n) estimated payoffs."""
        return np.asarray(self.values.mean(axis=0))

    @cached_property
    def mcse(self) -> Floats:
        """(k_1, ..., k_n, n) their Monte Carlo standard errors."""
        return np.asarray(self.values.std(axis=0, ddof=1) / np.sqrt(len(self.values)))

    @cached_property
    def _weights(self) -> Floats:
        """(B, R) share of each replication in each bootstrap sample."""
        return bootstrap_shares(len(self.values), self.seed, self.resamples)

    @cached_property
    def resampled(self) -> Floats:
        """(B, k_1, ..., k_n, n) estimated payoffs in each bootstrap sample.

        Columns that are equal stay equal to the last bit."""
        deviations = (self.values - self.mean).reshape(len(self.values), -1)
        distinct, column = np.unique(deviations, axis=1, return_inverse=True)
        drawn = (self._weights @ distinct)[:, column]
        return np.asarray(drawn.reshape(self.resamples, *self.mean.shape) + self.mean)

    @cached_property
    def best_reply_probability(self) -> Floats:
        """(k_1, ..., k_n, n): share of bootstrap samples in which a player's strategy
        is the best reply; ties share.

        With many replications, also the posterior probability under a flat prior (Rubin
        1981, Annals of Statistics 9: 130-134)."""
        return best_reply_shares(self.resampled)

    @cached_property
    def equilibrium_probability(self) -> Floats:
        """(k_1, ..., k_n): in which share of bootstrap samples a profile is an
        equilibrium in pure strategies."""
        return np.asarray(pure_equilibria(self.resampled).mean(axis=0))

    @cached_property
    def _deviations(self) -> list[tuple[Floats, Floats, Floats]]:
        """For each player what strategy b gives more than a, [b, a], (k, k, others),
        and its standard error.

        Third, (B, k, k, others) the studentised errors of these differences in each
        bootstrap sample."""
        return [self._differences(player) for player in range(self.values.shape[-1])]

    def _differences(self, player: int) -> tuple[Floats, Floats, Floats]:
        strategies = self.values.shape[player + 1]
        table, drawn = (
            np.moveaxis(values[..., player], player + 1, 1).reshape(
                len(values), strategies, -1
            )
            for values in (self.values, self.resampled - self.mean)
        )
        gain = np.zeros((strategies, strategies, table.shape[2]))
        error = np.zeros_like(gain)
        errors = np.zeros((self.resamples, *gain.shape))
        constant = CONSTANT * np.abs(table).max()
        for a, b in combinations(range(strategies), 2):
            difference = table[:, b] - table[:, a]
            gain[b, a] = difference.mean(axis=0)
            gain[a, b] = -gain[b, a]
            spread = difference.std(axis=0, ddof=1)
            varies = spread > constant
            error[b, a, varies] = spread[varies] / np.sqrt(len(self.values))
            error[a, b] = error[b, a]
            apart = drawn[:, b] - drawn[:, a]
            errors[:, b, a, varies] = apart[:, varies] / error[b, a, varies]
            errors[:, a, b] = -errors[:, b, a]
        return gain, error, errors

    def _quantile(self, largest: Floats) -> float:
        """The 95 % quantile of (B,) largest studentised errors; 0 where every
        difference is known."""
        share = np.sqrt(len(self.values) / (len(self.values) - 1))
        quantile = float(np.quantile(largest, CONFIDENCE)) * share
        return self._students(quantile) if quantile > 0 else 0.0

    def _students(self, quantile: float) -> float:
        """A quantile of the normal distribution on Student's scale, for R - 1 degrees
        of freedom."""
        return float(stdtrit(len(self.values) - 1, ndtr(quantile)))

    @cached_property
    def critical(self) -> float:
        """c: how many standard errors the two-sided 95 % bounds of all differences at
        once are away; 0 where every difference is known."""
        largest = np.zeros(self.resamples)
        for *_, errors in self._deviations:
            largest = np.maximum(largest, np.abs(errors).max(axis=(1, 2, 3)))
        return self._quantile(largest)

    @cached_property
    def regret_bound(self) -> Floats:
        """(k_1, ..., k_n, n) upper bounds that hold all true regrets at once with
        probability 95 %.

        A bound is too low only where a best reply looks worse than it is. So the
        quantile is one-sided, of errors of deviations to strategies that may be a best
        reply: those that no other one leads by sqrt(ln R) standard errors (moment
        selection: Andrews, Soares 2010, Econometrica 78: 119-157). The largest over
        players bounds the e for which a profile is an e-equilibrium."""
        may_be = self._not_ruled_out(self._students(np.sqrt(np.log(len(self.values)))))
        largest = np.zeros(self.resamples)
        for (*_, errors), candidates in zip(self._deviations, may_be, strict=True):
            too_low = np.where(candidates[:, None], -errors, 0.0).max(axis=(1, 2, 3))
            largest = np.maximum(largest, too_low)
        critical, bounds = self._quantile(largest), []
        for (gain, error, _), candidates in zip(self._deviations, may_be, strict=True):
            highest = np.where(candidates[:, None], gain + critical * error, 0.0)
            bounds.append(highest.max(axis=0))
        return self._by_profile(bounds)

    @cached_property
    def may_be_best(self) -> Bools:
        """(k_1, ..., k_n, n): whether a player's strategy is not told apart from the
        best reply to the others'.

        No other strategy is better by more than c standard errors. All true best
        replies are among these at once with probability 95 %."""
        return self._by_profile(self._not_ruled_out(self.critical)) > 0.5

    def _not_ruled_out(self, critical: float) -> list[Bools]:
        """Of each player (k, others) strategies than which none is better by more than
        so many standard errors."""
        candidates = []
        for player, (gain, error, _) in enumerate(self._deviations):
            width = 1e-9 * np.ptp(self.mean[..., player])
            candidates.append((gain - critical * error).max(axis=0) <= width)
        return candidates

    def _by_profile(self, tables: list[Floats] | list[Bools]) -> Floats:
        """The (k_player, others) arrays of all players as (k_1, ..., k_n, n)."""
        sizes = self.mean.shape[:-1]
        values = np.empty(self.mean.shape)
        for player, table in enumerate(tables):
            others = sizes[:player] + sizes[player + 1 :]
            by_strategy = table.reshape(sizes[player], *others)
            values[..., player] = np.moveaxis(by_strategy, 0, player)
        return values

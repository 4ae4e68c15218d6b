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
high. The upper bounds here hold for all profiles, players and deviations at once:

    difference + c x standard error,   c: 95 % quantile of the largest |error| / standard error

(max-t: Romano, Wolf 2005, Econometrica 73: 1237-1282; Chernozhukov, Chetverikov, Kato
2013, Annals of Statistics 41: 2786-2819). Other uniform bounds, for payoffs of known
range: Tuyls et al. 2020, Autonomous Agents and Multi-Agent Systems 34(7); Viqueira,
Cousins, Greenwald 2021, arXiv:2105.14197; survey: Wellman, Tuyls, Greenwald 2025,
Journal of Artificial Intelligence Research 82.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import ndtr, stdtrit

from balance_sim.games.normal_form import (
    best_replies,
    number_of_players,
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
    places : (k,) in how many draws and profiles of the others it is met: more than one is a tie
    mean : (k,) over draws and profiles of the others, each counted alike
    upper : (k,) 95 % quantile over draws of the worst over profiles of the others
    choice : (k,) the strategies whose worst regret is smallest; several are a tie
    """

    worst: Floats
    draw: Ints
    profile: Ints
    places: Ints
    mean: Floats
    upper: Floats
    choice: Bools


def minimax_regret(values: Floats) -> tuple[StrategyRegrets, ...]:
    """Minimax regret over draws and over what the others play, one for each player.

    values: (D, k_1, ..., k_n, n) payoffs in each draw; they tie as in `stats.games`.

    Examples
    --------
    One player, two draws: the first strategy is better by 1 in one draw and worse by 3
    in the other.

    >>> (found,) = minimax_regret(np.array([[[1.0], [0.0]], [[0.0], [3.0]]]))
    >>> found.worst.tolist(), found.draw.tolist(), found.choice.tolist()
    ([3.0, 1.0], [1, 0], [False, True])
    """
    players = number_of_players(values)
    if values.ndim != players + 2 or not len(values):
        raise ValueError(
            f"values of shape {values.shape}: not (draws, k_1, ..., k_n, {players})"
        )
    every = regrets(values)
    width = tie_width(values).max(axis=0).ravel()
    out = []
    for player in range(players):
        size = values.shape[player + 1]
        table = np.moveaxis(every[..., player], player + 1, 0).reshape(
            size, len(values), -1
        )
        worst = table.max(axis=(1, 2))
        met = table >= worst[:, None, None] - width[player]
        draw, others = np.divmod(met.reshape(size, -1).argmax(axis=1), table.shape[2])
        rest = values.shape[1 : player + 1] + values.shape[player + 2 : -1]
        profile = (
            np.column_stack(np.unravel_index(others, rest))
            if rest
            else np.empty((size, 0), dtype=np.int64)
        )
        out.append(
            StrategyRegrets(
                worst=worst,
                draw=draw,
                profile=np.insert(profile, player, np.arange(size), axis=1),
                places=met.sum(axis=(1, 2)),
                mean=table.mean(axis=(1, 2)),
                upper=np.quantile(table.max(axis=2), UPPER, axis=1),
                choice=worst <= worst.min() + width[player],
            )
        )
    return tuple(out)


@dataclass(frozen=True)
class InformationValue:
    """What it would be worth to know parameters before choosing, in units of payoff.

    Attributes
    ----------
    evpi : expected value of perfect information: of knowing all that varies over draws
    evpi_error : its standard error over draws
    evppi : (Q,) expected value of knowing one parameter alone, >= 0
    error : (Q,) standard errors over draws
    idle : what the largest of `evppi` stays below in 95 % of cases where no parameter matters, from 99 permutations of
        the draws against the parameters
    best : (K,) the strategies that are best without further information; several are a tie
    """

    evpi: float
    evpi_error: float
    evppi: Floats
    error: Floats
    idle: float
    best: Bools


def value_of_information(utilities: Floats, parameters: Floats) -> InformationValue:
    r"""Expected value of perfect information, and of perfect information on single parameters.

    .. math:: EVPI = E[\max_k u_k] - \max_k E[u_k], \qquad EVPPI_q = E[\max_k E[u_k | x_q]] - \max_k E[u_k]

    E[u_k | x_q] is found by regression of what a strategy gives more than the best one on a cubic polynomial of the
    parameter (Strong, Oakley, Brennan 2014, Medical Decision Making 34: 311-326). The maximum of fitted values is
    biased upwards, as fits follow noise. So each draw is left out of the fit that chooses its strategy (Allen 1974,
    Technometrics 16: 125-127), and the choice is valued by what it gave in that draw; and a strategy for which draws
    left out are predicted no better than by their mean is not chosen on the strength of the fit. The estimate is then
    of a rule that can be followed, and on average not above the true value.

    Parameters
    ----------
    utilities : (D, K) payoffs of a player's K strategies in each draw, what the others play being given
    parameters : (D, Q) what was drawn

    Examples
    --------
    A sure 0 or a gamble x + y, both standard normal: to know both is worth sd / sqrt(2 pi) = 0.56, one 0.40.

    >>> x = np.random.default_rng(1).normal(size=(20000, 3))
    >>> found = value_of_information(np.column_stack([np.zeros(20000), x[:, 0] + x[:, 1]]), x)
    >>> round(found.evpi, 2), found.evppi.round(2).tolist()
    (0.55, [0.39, 0.39, 0.0])
    """
    if (
        utilities.ndim != 2
        or parameters.ndim != 2
        or len(utilities) != len(parameters)
        or len(utilities) < 2
    ):
        raise ValueError(
            f"utilities {utilities.shape} and parameters {parameters.shape}: not (D, K) and (D, Q), D > 1"
        )
    means = utilities.mean(axis=0)
    best = means >= means.max() - tie_width(utilities.reshape(-1, 1)).item()
    more = utilities - utilities[:, [int(best.argmax())]]
    perfect, error = _mean_and_error(more.max(axis=1))
    fits = _fits(parameters)
    worth = [_mean_and_error(values) for values in _chosen(more, fits)]
    evppi, errors = np.array(worth).reshape(-1, 2).T
    rng = np.random.default_rng(len(more))
    idle = [
        _chosen(rng.permutation(more), fits).mean(axis=1).max(initial=0.0)
        for _ in range(PERMUTATIONS)
    ]
    floor = float(np.sort(idle)[round(UPPER * (PERMUTATIONS + 1)) - 1])
    return InformationValue(perfect, error, np.maximum(evppi, 0.0), errors, floor, best)


def _fits(parameters: Floats) -> tuple[Floats, Floats]:
    """(Q, D, DEGREE + 1) orthonormal polynomials of each parameter, and (Q, D) the
    leverages of a fit of these."""
    each, count = (
        [orthonormal(features) for features in powers(parameters)],
        len(parameters),
    )
    bases = np.array([basis for basis, _ in each]).reshape(-1, count, DEGREE + 1)
    return bases, np.array([leverage for _, leverage in each]).reshape(-1, count)


def _chosen(more: Floats, fits: tuple[Floats, Floats]) -> Floats:
    """(Q, D): what the strategy that a fit to all other draws chooses gives more in a
    draw than the best one."""
    bases, leverage = fits
    residual = (more - bases @ (np.swapaxes(bases, 1, 2) @ more)) / (1.0 - leverage)[
        ..., None
    ]
    alone = (more - more.mean(axis=0)) * len(more) / (len(more) - 1)
    told = (residual**2).sum(axis=1, keepdims=True) < (alone**2).sum(axis=0)
    choice = (more - np.where(told, residual, alone)).argmax(axis=2)
    return np.asarray(more[np.arange(len(more)), choice])


def _mean_and_error(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


CONFIDENCE = 0.95
CONSTANT = 1e-10
"""A paired difference counts as known where its spread is below this share of its
player's largest payoff."""


@dataclass(frozen=True)
class EmpiricalGame:
    """A game known from replications.

    With fewer than two replications errors, probabilities and bounds are NaN and
    everything may be best.

    Attributes
    ----------
    values : (R, k_1, ..., k_n, n) payoffs of each replication, with the same random numbers in all profiles
    seed : of the bootstrap; with the same R it draws the same replications, whatever the game
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

    def __post_init__(self) -> None:
        players = number_of_players(self.values)
        if self.values.ndim != players + 2 or not len(self.values):
            raise ValueError(
                f"values of shape {self.values.shape}: not (replications, k_1, ..., k_n, {players})"
            )

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
        distinct, place = np.unique(
            flat, axis=1, return_inverse=True
        )  # what is equal stays equal to the last bit
        return np.asarray(
            (self._weights @ distinct)[:, place].reshape(
                self.resamples, *self.mean.shape
            )
            + self.mean
        )

    @cached_property
    def best_reply_probability(self) -> Floats:
        """(k_1, ..., k_n, n): share of bootstrap samples in which a player's strategy
        is the best reply; ties share.

        With many replications, also the posterior probability under a flat prior (Rubin
        1981, Annals of Statistics 9: 130-134)."""
        if self.replications < 2:
            return np.full(self.mean.shape, np.nan)
        best = [best_replies(self.resampled, player) for player in range(self.players)]
        shares = [
            one / one.sum(axis=k - self.players, keepdims=True)
            for k, one in enumerate(best)
        ]
        return np.stack([one.mean(axis=0) for one in shares], axis=-1)

    @cached_property
    def equilibrium_probability(self) -> Floats:
        """(k_1, ..., k_n): in which share of bootstrap samples a profile is an
        equilibrium in pure strategies."""
        if self.replications < 2:
            return np.full(self.mean.shape[:-1], np.nan)
        return np.asarray(pure_equilibria(self.resampled).mean(axis=0))

    @cached_property
    def _deviations(self) -> list[tuple[Floats, Floats, Floats]]:
        """For each player what strategy b gives more than a, [b, a], (k, k, others),
        and its standard error.

        Third, (B,) the largest studentised error of these differences in each bootstrap
        sample."""
        return [self._differences(player) for player in range(self.players)]

    def _differences(self, player: int) -> tuple[Floats, Floats, Floats]:
        strategies = self.values.shape[player + 1]
        own = np.moveaxis(self.values[..., player], player + 1, 1).reshape(
            self.replications, strategies, -1
        )
        gain, error = np.zeros((2, strategies, strategies, own.shape[2]))
        largest = np.zeros(self.resamples)
        known = CONSTANT * np.abs(own).max()
        for a, b in combinations(range(strategies), 2):
            apart = own[:, b] - own[:, a]
            gain[b, a] = apart.mean(axis=0)
            gain[a, b] = -gain[b, a]
            spread = apart.std(axis=0, ddof=1)
            unsure = spread > known
            error[a, b] = error[b, a] = np.where(
                unsure, spread / np.sqrt(self.replications), 0.0
            )
            if unsure.any():
                centred = (apart - gain[b, a])[:, unsure] / error[b, a][unsure]
                np.maximum(
                    largest, np.abs(self._weights @ centred).max(axis=1), out=largest
                )
        return gain, error, largest

    @cached_property
    def critical(self) -> float:
        """c: how many standard errors the simultaneous 95 % bounds are away; 0 where
        every difference is known.

        The quantile of the bootstrap, put on Student's scale for R - 1 degrees of
        freedom. NaN for one replication."""
        if self.replications < 2:
            return float("nan")
        largest = np.max([one for _, _, one in self._deviations], axis=0)
        quantile = float(np.quantile(largest, CONFIDENCE)) * np.sqrt(
            self.replications / (self.replications - 1)
        )
        return (
            float(stdtrit(self.replications - 1, ndtr(quantile)))
            if quantile > 0
            else 0.0
        )

    @cached_property
    def regret(self) -> Floats:
        """(k_1, ..., k_n, n) estimated gain of each player's best deviation from each
        profile, >= 0."""
        return regrets(self.mean)

    @cached_property
    def regret_bound(self) -> Floats:
        """(k_1, ..., k_n, n) upper bounds that hold all true regrets at once with
        probability 95 %.

        The largest over players bounds the e for which a profile is an
        e-equilibrium."""
        if self.replications < 2:
            return np.full(self.mean.shape, np.nan)
        return self._by_profile(
            [
                (gain + self.critical * error).max(axis=0)
                for gain, error, _ in self._deviations
            ]
        )

    @cached_property
    def may_be_best(self) -> Bools:
        """(k_1, ..., k_n, n): whether a player's strategy is not told apart from the
        best reply to the others'.

        No other strategy is better by more than c standard errors. All true best
        replies are among these at once with probability 95 %."""
        if self.replications < 2:
            return np.ones(self.mean.shape, dtype=bool)
        width = [
            1e-9 * np.ptp(self.mean[..., player]) for player in range(self.players)
        ]
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
            out[..., player] = np.moveaxis(
                table.reshape(sizes[player], *others), 0, player
            )
        return out

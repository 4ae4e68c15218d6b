"""Choices of strategies when not only chance but the model's parameters are uncertain.

Payoffs over D draws of parameters and theories, each the expected payoff under that draw: which strategy has the
smallest regret in the worst case (Savage 1951, Journal of the American Statistical Association 46: 55-67), and what it
would be worth to know a parameter before choosing (Raiffa, Schlaifer 1961, Applied Statistical Decision Theory)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import Bools, Floats, Ints
from .games import number_of_players, regrets, tie_width
from .variance import DEGREE, orthonormal, powers

UPPER = 0.95
"""The quantile over draws, and over permutations."""
PERMUTATIONS = 99


@dataclass(frozen=True)
class StrategyRegrets:
    """Regrets of one player's k strategies over draws and over what the others may play.

    Regret: what the strategy that is best in that draw against what the others play there would have given more.

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
    One player, two draws: the first strategy is better by 1 in one draw and worse by 3 in the other.

    >>> (found,) = minimax_regret(np.array([[[1.0], [0.0]], [[0.0], [3.0]]]))
    >>> found.worst.tolist(), found.draw.tolist(), found.choice.tolist()
    ([3.0, 1.0], [1, 0], [False, True])
    """
    players = number_of_players(values)
    if values.ndim != players + 2 or not len(values):
        raise ValueError(f"values of shape {values.shape}: not (draws, k_1, ..., k_n, {players})")
    every = regrets(values)
    width = tie_width(values).max(axis=0).ravel()
    out = []
    for player in range(players):
        size = values.shape[player + 1]
        table = np.moveaxis(every[..., player], player + 1, 0).reshape(size, len(values), -1)
        worst = table.max(axis=(1, 2))
        met = table >= worst[:, None, None] - width[player]
        draw, others = np.divmod(met.reshape(size, -1).argmax(axis=1), table.shape[2])
        rest = values.shape[1 : player + 1] + values.shape[player + 2 : -1]
        profile = np.column_stack(np.unravel_index(others, rest)) if rest else np.empty((size, 0), dtype=np.int64)
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
    if utilities.ndim != 2 or parameters.ndim != 2 or len(utilities) != len(parameters) or len(utilities) < 2:
        raise ValueError(f"utilities {utilities.shape} and parameters {parameters.shape}: not (D, K) and (D, Q), D > 1")
    means = utilities.mean(axis=0)
    best = means >= means.max() - tie_width(utilities.reshape(-1, 1)).item()
    more = utilities - utilities[:, [int(best.argmax())]]
    perfect, error = _mean_and_error(more.max(axis=1))
    fits = _fits(parameters)
    worth = [_mean_and_error(values) for values in _chosen(more, fits)]
    evppi, errors = np.array(worth).reshape(-1, 2).T
    rng = np.random.default_rng(len(more))
    idle = [_chosen(rng.permutation(more), fits).mean(axis=1).max(initial=0.0) for _ in range(PERMUTATIONS)]
    floor = float(np.sort(idle)[round(UPPER * (PERMUTATIONS + 1)) - 1])
    return InformationValue(perfect, error, np.maximum(evppi, 0.0), errors, floor, best)


def _fits(parameters: Floats) -> tuple[Floats, Floats]:
    """(Q, D, DEGREE + 1) orthonormal polynomials of each parameter, and (Q, D) the leverages of a fit of these."""
    each, count = [orthonormal(features) for features in powers(parameters)], len(parameters)
    bases = np.array([basis for basis, _ in each]).reshape(-1, count, DEGREE + 1)
    return bases, np.array([leverage for _, leverage in each]).reshape(-1, count)


def _chosen(more: Floats, fits: tuple[Floats, Floats]) -> Floats:
    """(Q, D): what the strategy that a fit to all other draws chooses gives more in a draw than the best one."""
    bases, leverage = fits
    residual = (more - bases @ (np.swapaxes(bases, 1, 2) @ more)) / (1.0 - leverage)[..., None]
    alone = (more - more.mean(axis=0)) * len(more) / (len(more) - 1)
    told = (residual**2).sum(axis=1, keepdims=True) < (alone**2).sum(axis=0)
    choice = (more - np.where(told, residual, alone)).argmax(axis=2)
    return np.asarray(more[np.arange(len(more)), choice])


def _mean_and_error(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))

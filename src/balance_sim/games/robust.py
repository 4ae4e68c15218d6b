"""Decisions under deep uncertainty (Lempert, Popper, Bankes 2003, Shaping the Next One
Hundred Years, RAND): in which futures a strategy fails, how often it does well enough,
and by what one would see early that it is failing.

A *future* is a joint draw of the parameters and of how the focal event's targets are
coded, under one of the shipped theories, and what the other players do. Draw k is under
the k-th theory, over again, so that each theory has as many futures: shares of futures
are no probabilities. A strategy *fails* in a future where it pays less than the one
that was observed; the observed one where another would have paid more. All is by the
expected estimator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from scipy.special import pdtrc

from balance_sim.games.boxes import (
    Bounds,
    Factors,
    conditions,
    fit_of,
    quasi_p_values,
    require_trees,
)
from balance_sim.games.normal_form import regrets, tie_width
from balance_sim.games.plan import Game
from balance_sim.games.players import READ, expected_outcomes
from balance_sim.games.solution import Row
from balance_sim.games.solve import CHUNK, identity_of, payoffs
from balance_sim.model.core import Bools, Floats, Ints
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import presets
from balance_sim.study.draws import CODING, Draws, at
from balance_sim.study.jobs import Progress
from balance_sim.study.processes import map_in_order

THEORY = "theory.preset"
EARLY = (30, 90, 180)
"""Days after the focal event at which signposts are read."""
UPPER = 0.9
"""Of regret over futures: the quantile beside the largest."""
MOST_SIGNPOSTS = 3
LEVELS = np.linspace(0.05, 0.95, 19)
"""Quantiles that are tried as thresholds."""
MOST_COUNTED = 10
"""The largest number of agreements that is tried as a threshold."""
LEAST_SKILL = 0.3
"""What a signpost's share of failures caught is above its share of false alarms, in
draws from which its threshold was not found."""
AS_GOOD = 0.05
"""A signpost that is read earlier may have so much less skill and still be taken."""


@dataclass(frozen=True)
class Futures:
    """Every profile in every joint draw, each under one theory.

    Attributes
    ----------
    draws : D of them
    theories : (D,) the theory of each
    days : (W,) after the focal event; the last is the longest window
    outcomes : (D, W, 1 + N, Q) of the control arm and the profiles, as they stand then
    """

    draws: Draws
    theories: tuple[str, ...]
    days: tuple[int, ...]
    outcomes: Floats

    @property
    def effects(self) -> Floats:
        """(D, N, Q) each outcome in each profile less the control arm's, at the end."""
        return np.asarray(self.outcomes[:, -1, 1:] - self.outcomes[:, -1, :1])


def futures_of(
    game: Game, draws: Draws, workers: int = 1, progress: Progress | None = None
) -> Futures:
    """Every profile in every draw, draw k under theory k, k + 1, ... over again;
    whatever the number of workers."""
    longest = max(game.scenario.report.windows)
    days = (*(day for day in EARLY if day < longest), longest)
    shipped = tuple(presets())
    theories = tuple(shipped[k % len(shipped)] for k in range(len(draws)))
    chunks = [
        range(first, min(first + CHUNK, len(draws)))
        for first in range(0, len(draws), CHUNK)
    ]
    task = partial(_outcomes_of, game, draws, theories, days)
    rows: list[Floats] = []
    for chunk in map_in_order(task, chunks, workers):
        rows += chunk
        if progress:
            progress(len(rows), len(draws), 0)
    return Futures(draws, theories, days, np.stack(rows))


def _outcomes_of(
    game: Game,
    draws: Draws,
    theories: Sequence[str],
    days: Sequence[int],
    chunk: range,
) -> list[Floats]:
    """(W, 1 + N, Q) in each draw of a chunk."""
    versions = [
        with_values(at(game.scenario, draws, k), {THEORY: theories[k]}) for k in chunk
    ]
    return [
        expected_outcomes(version, game.cast, game.arms, days) for version in versions
    ]


# --- the futures of one player --------------------------------------------------------


@dataclass(frozen=True)
class Prospects:
    """What the strategies of one player come to in F = D x M futures, M of them for
    what the others may play.

    Attributes
    ----------
    factors : what is not known, of F futures
    payoffs : (F, K) of the player's K strategies
    regrets : (F, K) what the best of them would have brought more
    width : payoffs no further apart count as equal
    outcomes : (F, W, K, Q) as they stand on each day
    """

    factors: Factors
    payoffs: Floats
    regrets: Floats
    width: float
    outcomes: Floats

    @property
    def half(self) -> Bools:
        """(F,) which are of every other round of draws through the theories."""
        return np.asarray(self.factors.draw // len(presets()) % 2 == 0)

    def failing(self, strategy: int, observed: int) -> Bools:
        """(F,) where a strategy pays less than the observed one; of the observed one,
        less than another."""
        rival = self.payoffs[:, observed]
        if strategy == observed:
            rival = self.payoffs.max(axis=1)
        return np.asarray(rival - self.payoffs[:, strategy] > self.width)


def prospects(game: Game, futures: Futures, player: int) -> Prospects:
    """The futures as one player meets them: draws by what the others may play."""
    own_count, draws = len(game.strategies[player]), len(futures.draws)
    paid = payoffs(game, futures.effects)

    def by_future(table: Floats) -> Floats:
        """(F, K, ...) from (D, k_1, ..., k_n, ...)."""
        players = len(game.players)
        moved = np.moveaxis(table, player + 1, players)
        return moved.reshape(-1, own_count, *table.shape[players + 1 :])

    by_profile = np.moveaxis(futures.outcomes[:, :, 1:], 1, 2)
    shape = (draws, *paid.shape[1:-1], *by_profile.shape[2:])
    outcomes = np.swapaxes(by_future(by_profile.reshape(shape)), 1, 2)
    others = len(outcomes) // draws
    draw = np.repeat(np.arange(draws), others)
    return Prospects(
        factors=_factors(game, futures, player, draw),
        payoffs=by_future(paid[..., player]),
        regrets=by_future(regrets(paid)[..., player]),
        width=float(tie_width(paid[..., player].reshape(-1, 1)).item()),
        outcomes=outcomes,
    )


def _factors(game: Game, futures: Futures, player: int, draw: Ints) -> Factors:
    """Drawn parameters, the coding of targets, the theory, and what each other player
    plays; what is the same everywhere is none."""
    shipped = tuple(presets())
    theory = np.array([shipped.index(name) for name in futures.theories])
    names = [*futures.draws.paths, THEORY]
    columns = [*futures.draws.values.T[:, draw], theory[draw]]
    labels = {THEORY: shipped}
    if CODING in names:
        count = len(game.scenario.targets_alternatives)
        labels[CODING] = ("as written", *(f"alternative {k + 1}" for k in range(count)))
    sizes = [len(names) for names in game.strategies]
    sizes[player] = 1
    plays = np.indices(sizes).reshape(len(sizes), -1)
    for rival, name in enumerate(game.players):
        if rival != player:
            names.append(name)
            columns.append(np.tile(plays[rival], len(futures.draws)))
            labels[name] = game.strategies[rival]
    values = np.stack(columns, axis=1).astype(float)
    varies = np.ptp(values, axis=0) > 0
    varying = [name for name, is_kept in zip(names, varies, strict=True) if is_kept]
    return Factors(values[:, varies], tuple(varying), labels, draw)


# --- conditions, regret and satisficing -----------------------------------------------


def discover(
    game: Game, draws: Draws, workers: int = 1, progress: Progress | None = None
) -> dict[str, Row]:
    """`conditions` and `signposts` of a `Solution`: the futures in which each strategy
    of each player fails, and how one would see it early.

    Parameters
    ----------
    game : what `load_game` read
    draws : joint draws of its scenario's parameters
    workers : processes
    progress : called with draws done, asked for, failed

    Raises
    ------
    MissingExtra : where scikit-learn is not installed

    Examples
    --------
    >>> from balance_sim.evidence.posterior.parameter_draws import prior_draws
    >>> from balance_sim.games.plan import load_game
    >>> game = load_game("games/security_dilemma.yaml")
    >>> found = discover(game, prior_draws(game.scenario, 8))["conditions"]
    >>> found["players"]["arden"]["restrain"]["fails"]
    1.0
    """
    require_trees()
    futures = futures_of(game, draws, workers, progress)
    conditions_by_player, signposts_by_player = dict[str, Row](), dict[str, Row]()
    for player, name in enumerate(game.players):
        outlook = prospects(game, futures, player)
        observed = game.strategies[player].index(game.plan.observed[name])
        conditions_by_player[name], signposts_by_player[name] = {}, {}
        for place, strategy in enumerate(game.strategies[player]):
            fails = outlook.failing(place, observed)
            conditions_by_player[name][strategy] = _conditions_row(
                outlook, place, observed, fails
            )
            posts = _signposts(game, futures.days, outlook, place, fails)
            signposts_by_player[name][strategy] = posts
    about = {
        "draws": identity_of(draws),
        "theories": sorted({*futures.theories}),
        "players": conditions_by_player,
    }
    return {"conditions": about, "signposts": signposts_by_player}


def _conditions_row(outlook: Prospects, place: int, observed: int, fails: Bools) -> Row:
    """How often a strategy does well enough (the domain criterion of Starr 1963,
    Product Design and Decision Theory; satisficing: Lempert, Collins 2007, Risk
    Analysis 27(4)), its regret, and the boxes in which it fails."""
    paid, regret = outlook.payoffs[:, place], outlook.regrets[:, place]
    discovered = conditions(outlook.factors, fails, outlook.half)
    boxes, uncovered = [], np.ones(len(fails), dtype=bool)
    for box in discovered.boxes:
        boxes.append(_box_row(box, outlook.factors, fails, uncovered))
        uncovered &= ~box.hold(outlook.factors)
    at_least_observed = paid >= outlook.payoffs[:, observed] - outlook.width
    return {
        "futures": len(fails),
        "fails": float(fails.mean()),
        "meets_observed": float(at_least_observed.mean()),
        "meets_control": float((paid >= -outlook.width).mean()),
        "regret_largest": float(regret.max()),
        "regret_q90": float(np.quantile(regret, UPPER)),
        "method": discovered.method,
        **asdict(discovered.fit),
        "held_out": asdict(discovered.held_out),
        "boxes": boxes,
    }


def _box_row(box: Bounds, factors: Factors, fails: Bools, uncovered: Bools) -> Row:
    """A box in words of the file. uncovered: (F,) what the boxes before it do not hold,
    from which it was found."""
    p_values = quasi_p_values(box, factors.at(uncovered), fails[uncovered])
    restrictions = []
    for factor in box.factors(factors):
        name, values = factors.names[factor], factors.values[:, factor]
        alone = values[box.only(factors, factor).hold(factors)]
        row: Row = {"factor": name, "quasi_p": p_values[factor]}
        if name in factors.labels:
            options = factors.labels[name]
            row["among"] = [options[int(place)] for place in np.unique(alone)]
            row["options"] = [options[int(place)] for place in np.unique(values)]
        else:
            is_low, is_high = alone.min() > values.min(), alone.max() < values.max()
            row["least"] = float(alone.min()) if is_low else None
            row["largest"] = float(alone.max()) if is_high else None
            row["range"] = [float(values.min()), float(values.max())]
            below, up_to_top = values < alone.min(), values <= alone.max()
            row["shares"] = [float(below.mean()), float(up_to_top.mean())]
        restrictions.append(row)
    return {**asdict(fit_of(box.hold(factors), fails)), "restrictions": restrictions}


# --- signposts ------------------------------------------------------------------------


@dataclass(frozen=True)
class Alarm:
    """An observable and a threshold.

    Attributes
    ----------
    is_count : the observable is a number of agreements, of which the future has the
        expectation: what is seen is a Poisson number with that mean
    threshold : from which on it counts as high
    is_high : whether a high or a low value is the alarm
    """

    is_count: bool
    threshold: float
    is_high: bool = True

    def rings(self, values: Floats) -> Floats:
        """(F,) the probability of an alarm where the observable is, or is expected to
        be, so high."""
        high = (values >= self.threshold).astype(float)
        if self.is_count:
            high = pdtrc(self.threshold - 1, values)
        return np.asarray(high if self.is_high else 1.0 - high)

    def shares(self, values: Floats, fails: Bools) -> tuple[float, float]:
        """The share of failures that it catches, and of the other futures in which it
        rings as well; 0 of none."""
        alarm = self.rings(values)
        caught = float(alarm[fails].mean()) if fails.any() else 0.0
        return caught, 0.0 if fails.all() else float(alarm[~fails].mean())

    def skill(self, values: Floats, fails: Bools) -> float:
        """The first share less the second (Youden 1950, Cancer 3: 32-35)."""
        caught, false = self.shares(values, fails)
        return caught - false


def best_alarm(values: Floats, fails: Bools, *, is_count: bool) -> Alarm:
    """The threshold of the highest skill; values, fails: (F,).

    >>> best_alarm(np.arange(20.0), np.arange(20) >= 10, is_count=False)
    Alarm(is_count=False, threshold=10.0, is_high=True)
    """
    thresholds = np.unique(np.quantile(values, LEVELS, method="higher"))
    if is_count:
        thresholds = np.arange(1.0, MOST_COUNTED + 1)
    alarms = [
        Alarm(is_count, threshold, is_high)
        for threshold in thresholds.tolist()
        for is_high in (True, False)
    ]
    return max(alarms, key=lambda alarm: alarm.skill(values, fails))


def _signposts(
    game: Game, days: Sequence[int], outlook: Prospects, place: int, fails: Bools
) -> list[Row]:
    """The outcomes that tell early that a strategy fails, the most telling first, each
    on the first day on which it tells about as much as on any (adaptive pathways:
    Haasnoot, Kwakkel, Walker, ter Maat 2013, Global Environmental Change 23(2))."""
    if fails.all() or not fails.any():
        return []
    signposts = []
    for column, outcome in enumerate(game.cast.outcomes):
        by_day = []
        for number, day in enumerate(days[:-1]):
            values = outlook.outcomes[:, number, place, column]
            is_count = outcome.measure not in READ
            row = _signpost(values, fails, outlook.half, is_count=is_count)
            about = {"outcome": outcome.measure, "of": outcome.of, "day": day}
            ahead = {"player": outcome.player, "days_ahead": days[-1] - day}
            by_day.append(about | ahead | row)
        if by_day:
            least_skill = max(map(_skill_of, by_day)) - AS_GOOD
            earliest = next(row for row in by_day if _skill_of(row) >= least_skill)
            signposts.append(earliest)
    signposts = [row for row in signposts if _skill_of(row) >= LEAST_SKILL]
    return sorted(signposts, key=_skill_of, reverse=True)[:MOST_SIGNPOSTS]


def _skill_of(row: Row) -> float:
    """Of a signpost in draws from which its threshold was not found."""
    return float(row["held_out"]["caught"] - row["held_out"]["false_alarms"])


def _signpost(values: Floats, fails: Bools, half: Bools, *, is_count: bool) -> Row:
    """The best alarm of an observable, and what one half of the draws tells about the
    other."""
    alarm = best_alarm(values, fails, is_count=is_count)
    held_out = []
    for test in (half, ~half):
        trained = best_alarm(values[~test], fails[~test], is_count=is_count)
        held_out.append(trained.shares(values[test], fails[test]))
    names = ("caught", "false_alarms")
    means = np.mean(held_out, axis=0).tolist()
    return {
        "is_high": alarm.is_high,
        "threshold": alarm.threshold,
        **dict(zip(names, alarm.shares(values, fails), strict=True)),
        "held_out": dict(zip(names, means, strict=True)),
    }

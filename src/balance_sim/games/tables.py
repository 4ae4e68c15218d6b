"""What a game comes to, as tables of words: for the terminal and for the page.

Rows stand in the order of the file. `titles` says how players and strategies are
called: in short on a terminal, by their titles on a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pandas.api.types import is_numeric_dtype

from balance_sim.games.titles import Titles, outcome_titles, places_for
from balance_sim.show import wording as say

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.solution import (
        BreakEven,
        DrawsInterval,
        NamedEquilibrium,
        Solution,
    )

LITTLE = 0.005
"""A probability below which a strategy counts as not played."""
MARKS = "* best; ~ not told apart from it at 95 %; + smallest worst regret"


@dataclass(frozen=True)
class Table:
    """A table of words. align: `<` or `>` of each column."""

    title: str
    columns: tuple[str, ...]
    align: str
    rows: list[list[str]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return [side == ">" for side in self.align]


def strategies_table(played: PlayedGame, titles: Titles, player: str) -> Table:
    """A row a strategy of a player, the others doing what was observed: payoff, how
    surely it is best, and its worst regret."""
    solution, places = played.solution, places_for(played.solution, player)
    reply = solution.reply_to_observed(player)
    regret = None if solution.regret is None else solution.regret[player]
    rows = []
    for strategy in solution.players[player]:
        payoff = solution.beside_observed(player, strategy).payoffs[player]
        mark = "~" if strategy in reply.may_be else " "
        if strategy in reply.best:
            mark = "*"
        name = titles.strategies[player][strategy]
        if strategy == solution.observed[player]:
            name += " (observed)"
        worst = "-"
        if regret is not None:
            worst = say.number(regret.strategies[strategy].worst, max(places - 1, 1))
            worst += "+" if strategy in regret.choice else " "
        rows.append(
            [
                f"{mark} {name}",
                say.signed(payoff.mean, places),
                say.number(payoff.mcse, places + 1),
                _interval(payoff.draws, places),
                _share(reply.probability, [strategy]),
                _share(reply.over_draws, [strategy]),
                worst,
            ]
        )
    columns = (
        "strategy",
        "payoff",
        "mcse",
        "draws, 95 %",
        "best",
        "in draws",
        "regret",
    )
    title = f"{titles.players[player]}, to what the others were observed to do"
    return Table(title, columns, "<>>>>>>", rows)


def equilibria_table(played: PlayedGame, titles: Titles) -> Table:
    """A row an equilibrium: who plays what, payoffs, and how surely it is one."""
    solution = played.solution
    rows = []
    for equilibrium in solution.equilibria.found:
        over_draws = None
        if equilibrium.kind == "pure":
            over_draws = solution.profile(equilibrium.profile).over_draws
        rows.append(
            [
                _mixture(equilibrium, titles),
                equilibrium.kind,
                *_payoffs(solution, equilibrium.payoffs),
                say.percent(equilibrium.probability),
                say.percent(over_draws),
            ]
        )
    players = tuple(titles.players.values())
    columns = ("equilibrium", "kind", *players, "samples", "draws")
    title = "Nash equilibria of the mean payoffs"
    return Table(title, columns, "<<" + ">" * (len(players) + 2), rows)


def leaders_table(played: PlayedGame, titles: Titles) -> Table:
    """A row an outcome of moves in turn: the orders that lead to it, what is played,
    payoffs, and whether a mover is indifferent."""
    solution = played.solution
    orders: dict[tuple[str, ...], list[str]] = {}
    for leader in solution.leader:
        outcomes = [titles.acts(outcome) for outcome in leader.outcomes]
        payoffs = [_payoffs(solution, payoff) for payoff in leader.payoffs]
        cells = [
            say.listed([*dict.fromkeys(by_outcome)], "or")
            for by_outcome in zip(*payoffs, strict=True)
        ]
        row = (" or ".join(outcomes), *cells, "yes" if leader.ties else "no")
        order = ", then ".join(titles.players[player] for player in leader.order)
        orders.setdefault(row, []).append(order)
    rows = []
    for row, names in orders.items():
        order = "any order" if len(orders) == 1 else "; ".join(names)
        rows.append([order, *row])
    players = tuple(titles.players.values())
    title = "Where one moves first and the others see it"
    columns = ("order", "played", *players, "ties")
    return Table(title, columns, "<<" + ">" * len(players) + "<", rows)


def information_table(played: PlayedGame, titles: Titles) -> Table:
    """What knowing parameters before choosing is worth: all together, then the most
    valuable ones alone. Without rows where nothing was drawn."""
    rows = []
    for player, value in (played.solution.voi or {}).items():
        best = titles.any_of(player, value.best)
        total = {"all parameters together": (value.evpi, value.evpi_error)}
        for parameter, (worth, error) in (total | dict(value.parameters)).items():
            cells = [parameter, f"{worth:.2g}", f"{error:.2g}", best]
            rows.append([titles.players[player], *cells])
    columns = ("player", "parameter", "worth", "standard error", "best without")
    title = "What knowing parameters before choosing would be worth, in payoff"
    return Table(title, columns, "<<>><", rows)


def break_even_table(played: PlayedGame, titles: Titles, player: str) -> Table:
    """A row another strategy and outcome: with which weight what was observed pays
    more."""
    outcomes = outcome_titles(played.game, player)
    rows = []
    for item in played.solution.break_even[player]:
        against = titles.strategies[player][item.against]
        outcome = outcomes[item.outcome, item.of]
        rows.append([f"{against}, {outcome}", f"{item.weight:g}", needed(item)])
    observed = titles.strategies[player][played.solution.observed[player]]
    title = f"Weights with which {observed} pays {titles.players[player]} more"
    return Table(title, ("against, outcome", "weight", "pays more"), "<>>", rows)


def frame_table(title: str, frame: pd.DataFrame) -> Table:
    """A table of a figure in words, numbers with two significant digits."""
    rows = []
    sides = [">" if is_numeric_dtype(dtype) else "<" for dtype in frame.dtypes]
    for values in frame.itertuples(index=False):
        cells = [
            value if isinstance(value, str) else f"{value:.2g}" for value in values
        ]
        rows.append(cells)
    return Table(title, tuple(frame.columns), "".join(sides), rows)


def gap_table(played: PlayedGame, titles: Titles) -> Table:
    """By player: how far the expected estimator is off a simulated payoff at most,
    beside the range of these."""
    rows = []
    for player, gap in played.solution.gap.items():
        means = [row.payoffs[player].mean for row in played.solution.profiles]
        span = max(means) - min(means)
        rows.append([titles.players[player], f"{gap:.2g}", f"{span:.2g}"])
    columns = ("player", "off at most", "range of payoffs")
    title = "The expected estimator beside the simulated payoffs"
    return Table(title, columns, "<>>", rows)


def answer(played: PlayedGame, titles: Titles) -> str:
    """What each side would have gained, and whether what was observed is an
    equilibrium."""
    solution = played.solution
    regrets = solution.profile(solution.observed).regrets
    content, gains = [], []
    for player, strategy in solution.observed.items():
        name, reply = titles.players[player], solution.reply_to_observed(player)
        if strategy in reply.best:
            content.append(name)
            continue
        gain = say.number(regrets[player], places_for(solution, player))
        might = "might" if strategy in reply.may_be else "would"
        best = titles.any_of(player, reply.best)
        gains.append(f"{name} {might} have gained {gain} by “{best}”")
    if content:
        names = " and ".join(content)
        gains.append(f"{names} could not have gained by another strategy")
    start = "Under these payoffs, and given what the others were observed to do"
    return f"{start}: {'; '.join(gains)}. {equilibria_words(solution)}"


def equilibria_words(solution: Solution) -> str:
    """How many equilibria there are, and whether what was observed is one."""
    equilibria = solution.equilibria
    kinds = [equilibrium.kind for equilibrium in equilibria.found]
    if not kinds:
        return "No equilibrium was found."
    pure, mixed = kinds.count("pure"), kinds.count("mixed")
    number = f"There are {pure or 'no'} equilibria"
    if pure == 1:
        number = "There is one equilibrium"
    words = f"{number} in pure strategies"
    if mixed:
        words += f" and {mixed} mixed"
    if not equilibria.complete:
        words += " (mixed ones of three players or more are not sought)"
    is_equilibrium = solution.profile(solution.observed).equilibrium
    words += f"; what was observed is {'one' if is_equilibrium else 'none'}."
    if equilibria.degenerate:
        words += " There are ties: others are as good."
    return words


def observed_regret_words(solution: Solution) -> str:
    """How far from an equilibrium what was observed is."""
    profile = solution.profile(solution.observed)
    bound = ""
    if profile.bound is not None:
        bound = f" (95 % bound {profile.bound:.3g})"
    return f"epsilon-regret of what was observed: {profile.regret:.3g}{bound}"


def needed(item: BreakEven) -> str:
    """`above 0.3`; `always`."""
    return item.better if item.at is None else f"{item.better} {item.at:.3g}"


def _payoffs(solution: Solution, payoffs: Mapping[str, float]) -> list[str]:
    return [
        say.signed(payoffs[player], places_for(solution, player))
        for player in solution.players
    ]


def _interval(interval: DrawsInterval | None, places: int) -> str:
    """`0.01 to 0.05`; a dash where nothing was drawn."""
    if interval is None:
        return "-"
    return say.interval(interval.q025, interval.q975, places)


def _share(shares: Mapping[str, float] | None, strategies: Sequence[str]) -> str:
    """The share of samples or draws in which any of these is best; a dash where it is
    not known."""
    if shares is None:
        return "-"
    return say.percent(sum(shares[strategy] for strategy in strategies))


def _mixture(equilibrium: NamedEquilibrium, titles: Titles) -> str:
    """`Arden: wait 25 %, manoeuvre 75 %; Belmar: manoeuvre`."""
    by_player = []
    for player, shares in equilibrium.strategies.items():
        likely = {name: share for name, share in shares.items() if share > LITTLE}
        words = []
        for strategy, share in likely.items():
            title = titles.strategies[player][strategy]
            words.append(title if len(likely) == 1 else f"{title} {say.percent(share)}")
        by_player.append(f"{titles.players[player]}: {', '.join(words)}")
    return "; ".join(by_player)

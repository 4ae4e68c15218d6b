"""What a game comes to, as tidy tables: for the terminal, the page and the figures.

Rows stand in the order of the file. Players, strategies and outcomes are called by
their titles; where two have one title, the name in the file stands behind it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.games.choice import COST
from balance_sim.show import wording as say
from balance_sim.show.headline import BEFORE, KNOWN
from balance_sim.stats.intervals import FEWEST_RUNS

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.plan import Game
    from balance_sim.games.solution import Row, Solution

MOST = 1000
"""A factor on a weight above which it matters no more how large it is."""
NEXT_TO_NOTHING = 1e-100
LITTLE = 0.005
"""A probability below which a strategy counts as not played."""
DRAWN, SUMMARIES = ("draws_mean", "draws_lo", "draws_hi"), ("mean", "q025", "q975")
"""Columns of what is known over draws, and what they are called in a solution."""
OUTCOMES = {
    "insecurity": "own insecurity",
    "effort": "own rise of effort",
    "agreements_against": "agreements against it",
    "agreements_with": "partners gained",
    "agreements_among": "agreements among {of}",
    "relations": "relations: {of}",
    "influence": "influence over {of}",
    "dependence": "dependence on others",
    "credibility": "mediator: {of}",
    "policy_cost": "cost of its policies",
}
"""Outcomes of players as they are read; `of` as the file names it."""


@dataclass(frozen=True)
class Titles:
    """Titles of players, and of each player's strategies, by id."""

    players: Mapping[str, str]
    strategies: Mapping[str, Mapping[str, str]]

    def profile(self, strategies: Mapping[str, str]) -> str:
        """`Arden: stays at home; Belmar: holds manoeuvres`."""
        acts = []
        for player, strategy in strategies.items():
            acts.append(f"{self.players[player]}: {self.strategies[player][strategy]}")
        return "; ".join(acts)

    def any_of(self, player: str, strategies: Sequence[str]) -> str:
        """`“stays at home” or “holds manoeuvres”`."""
        acts = [f"“{self.strategies[player][name]}”" for name in strategies]
        return say.listed(acts, "or")


def titles_of(game: Game) -> Titles:
    """The titles in the file, with a capital; an id in words where there is none."""
    plans = game.plan.players
    players = {name: _title(plan.title, name) for name, plan in plans.items()}
    strategies = {}
    for player, plan in plans.items():
        acts = plan.strategies.items()
        titles = {name: _title(act.title, name) for name, act in acts}
        strategies[player] = distinct(titles)
    return Titles(distinct(players), strategies)


def _title(written: str, name: str) -> str:
    """What stands in the file, or the id in words."""
    return say.capital(say.printable(written) or say.arm_words(name))


def distinct(titles: Mapping[str, str]) -> dict[str, str]:
    """The titles by id, with the id behind those that several have.

    >>> distinct({"a": "Wait", "b": "Wait", "c": "Go"})
    {'a': 'Wait (a)', 'b': 'Wait (b)', 'c': 'Go'}
    """
    counts = Counter(titles.values())
    return {
        name: title if counts[title] == 1 else f"{title} ({name})"
        for name, title in titles.items()
    }


def outcome_title(game: Game, outcome: str, of: str) -> str:
    """An outcome and whom it is toward: `Relations: US Allies`."""
    names = say.state_names(game.scenario)
    words = names.get(of, of)
    if of in game.scenario.groups:
        words = say.group_words(of)
    elif outcome == "credibility":
        words = say.dyad_name(names, *of.split("-", 1))
    return say.capital(OUTCOMES[outcome].format(of=words))


def two_digits(value: float | None) -> str:
    """A number with two significant digits, whatever its size; a dash where it is not
    known.

    >>> [two_digits(value) for value in (0.01499, -0.2, 1234.0, 0.0, math.nan)]
    ['0.015', '-0.2', '1200', '0', '-']
    """
    if value is None or not math.isfinite(value):
        return "-"
    return np.format_float_positional(
        value + 0.0, precision=2, unique=False, fractional=False, trim="-"
    )


def factor_words(row: Row, key: str) -> str:
    """A factor of a break-even table: `0.25`, `over 1000`, or `never`."""
    if row[key] is None:
        return "never"
    return f"over {MOST}" if row[key] > MOST else two_digits(row[key])


def over_draws(row: Row) -> dict[str, float]:
    """Mean and central 95 % over draws of a payoff or an outcome; NaN where nothing was
    drawn."""
    draws, columns = row["draws"] or {}, zip(DRAWN, SUMMARIES, strict=True)
    return {column: draws.get(key, math.nan) for column, key in columns}


def strategies_table(played: PlayedGame) -> pd.DataFrame:
    """One row a player and strategy, the others doing what was observed.

    draws_mean, draws_lo, draws_hi: payoff over the control arm, its mean and central
    95 % over draws; payoff: at the point values, with its Monte Carlo standard error;
    best, may_be: whether it is a best reply, and not told apart from one at 95 %;
    samples, draws: in which share of bootstrap samples and
    of draws it is best; regret, mean_regret: the worst over draws, theories and the
    others' play, and the mean; where: that the worst is met. NaN without draws."""
    solution, titles, rows = played.solution, titles_of(played.game), []
    for player, strategies in titles.strategies.items():
        reply = solution.reply_to_observed(player)
        regrets = (solution["regret"] or {}).get(player, {"strategies": {}})
        for name, title in strategies.items():
            payoff = solution.beside_observed(player, name)["payoffs"][player]
            regret = regrets["strategies"].get(name, {})
            row = {
                "player": titles.players[player],
                "strategy": title,
                "observed": name == solution.observed[player],
                "payoff": payoff["mean"],
                "mcse": payoff["mcse"],
                "best": name in reply["best"],
                "may_be": name in reply["may_be"],
                "samples": reply["probability"][name],
                "draws": (reply["over_draws"] or {}).get(name, math.nan),
                "regret": regret.get("worst", math.nan),
                "mean_regret": regret.get("mean", math.nan),
                "where": regret.get("where", "").replace("_", " "),
            }
            rows.append(row | over_draws(payoff))
    return pd.DataFrame(rows)


def profiles_table(played: PlayedGame) -> pd.DataFrame:
    """One row a profile and player: payoff over the control arm, with its Monte Carlo
    standard error and the mean and central 95 % over draws (NaN without), and whether
    its strategy is a best reply; whether the profile is an equilibrium in pure
    strategies and what was observed."""
    solution, titles, rows = played.solution, titles_of(played.game), []
    for profile in solution["profiles"]:
        strategies = profile["strategies"]
        for player, payoff in profile["payoffs"].items():
            row = {
                "profile": titles.profile(strategies),
                "player": titles.players[player],
                "payoff": payoff["mean"],
                "mcse": payoff["mcse"],
                **over_draws(payoff),
                "best_reply": profile["regrets"][player] == 0.0,
                "equilibrium": profile["equilibrium"],
                "observed": strategies == solution.observed,
            }
            rows.append(row)
    return pd.DataFrame(rows)


def equilibria_table(played: PlayedGame) -> pd.DataFrame:
    """A row a Nash equilibrium of the mean payoffs: who plays what, payoffs, and in
    which share of bootstrap samples it is one."""
    titles, rows = titles_of(played.game), []
    for equilibrium in played.solution["equilibria"]["found"]:
        acts, payoffs = [], {}
        for player, shares in equilibrium["strategies"].items():
            name = titles.players[player]
            acts.append(f"{name}: {_mixture(shares, titles.strategies[player])}")
            payoffs[name] = equilibrium["payoffs"][player]
        row = {"equilibrium": "; ".join(acts), "kind": equilibrium["kind"]}
        rows.append(row | payoffs | {"samples": equilibrium["probability"]})
    return pd.DataFrame(rows).astype({"samples": float} if rows else {})


def outcomes_table(played: PlayedGame) -> pd.DataFrame:
    """A row a player, outcome that pays it and strategy: the effect over the control
    arm with its 95 % CI and the central 95 % over draws, the others as observed; the
    weight of the outcome, and where that comes from."""
    game, titles, rows = played.game, titles_of(played.game), []
    for player, sheet in played.solution["balance"].items():
        for number, part in enumerate(game.plan.players[player].payoff):
            outcome = {
                "player": titles.players[player],
                "outcome": outcome_title(game, part.outcome, part.of or ""),
                "weight": part.weight,
                "source": say.printable(part.source),
            }
            for strategy, items in sheet.items():
                item = items[number]
                row = {"strategy": titles.strategies[player][strategy]}
                row |= {"effect": item["mean"], "lo": item["lo"], "hi": item["hi"]}
                rows.append(outcome | row | over_draws(item))
    return pd.DataFrame(rows)


def information_table(played: PlayedGame) -> pd.DataFrame:
    """What knowing parameters before choosing would be worth to a player, in payoff:
    all together, then the most valuable ones alone. Empty where nothing was drawn."""
    titles, rows = titles_of(played.game), []
    for player, value in (played.solution["voi"] or {}).items():
        best = titles.any_of(player, value["best"])
        worths = {"all parameters together": (value["evpi"], value["evpi_error"])}
        for parameter, (worth, error) in (worths | value["parameters"]).items():
            rows.append((titles.players[player], parameter, worth, error, best))
    columns = ["player", "parameter", "worth", "standard_error", "best_without"]
    return pd.DataFrame(rows, columns=columns)


def row_title(game: Game, row: Row) -> str:
    """A row of a payoff, or what the strategy costs."""
    if row["outcome"] == COST:
        return "What it costs"
    return outcome_title(game, row["outcome"], row["of"])


def break_even_table(played: PlayedGame) -> pd.DataFrame:
    """A row a player, other strategy and row of its payoff: how many times its weight
    the row would have to count for that strategy to be as good as the choice; at the
    mean payoffs (factor) and the central 95 % of that in each draw (lo, hi). In words:
    `never` where no weight of the same sign does it, a dash without draws."""
    game, titles, rows = played.game, titles_of(played.game), []
    is_drawn = played.solution["draws"] is not None
    for player, choice in played.solution["recommendations"].items():
        for row in choice["break_even"]:
            words = {"factor": factor_words(row, "factor"), "lo": "-", "hi": "-"}
            if is_drawn:
                words |= {
                    "lo": factor_words(row, "q025"),
                    "hi": factor_words(row, "q975"),
                }
            line = {
                "player": titles.players[player],
                "choice": titles.strategies[player][choice["best"]],
                "instead": titles.strategies[player][row["strategy"]],
                "if_this_counted": row_title(game, row),
                **words,
                "distance": _distance(row["factor"]),
            }
            rows.append(line)
    return pd.DataFrame(rows)


def _distance(factor: float | None) -> float:
    """How far a factor is from 1, in nats; infinite for never, very far for 0."""
    if factor is None:
        return math.inf
    return abs(math.log(max(factor, NEXT_TO_NOTHING)))


def nearest_table(played: PlayedGame) -> pd.DataFrame:
    """Of each player and other strategy the row of the payoff that has to change
    least."""
    table = break_even_table(played)
    return table.loc[
        table.groupby(["player", "instead"], sort=False)["distance"].idxmin()
    ]


LEFT_OUT = {
    "payoff": "the weight of “{}”",
    "act": "what acts of the kind {} weigh",
    "targets": "the event's targets as {} has them",
}
"""What is left out, in words."""


def left_out_table(played: PlayedGame) -> pd.DataFrame:
    """A row a player and thing that is assumed: what the player would choose without
    it, and whether that is another choice."""
    game, titles, rows = played.game, titles_of(played.game), []
    for player, choice in played.solution["recommendations"].items():
        for row in choice["left_out"]:
            words, form = say.arm_words(row["outcome"]), LEFT_OUT[row["what"]]
            if row["outcome"] == COST:
                form = "what its strategies cost"
            elif row["what"] == "payoff":
                words = row_title(game, row)
            line = {
                "player": titles.players[player],
                "without": form.format(words),
                "choice": titles.any_of(player, row["best"]),
                "is_another": row["changes"],
            }
            rows.append(line)
    return pd.DataFrame(rows)


def waterfall_table(played: PlayedGame) -> pd.DataFrame:
    """Of each player what makes up the difference in payoff between its choice and what
    it was observed to do, or, where it chose that, the next best: a row of its payoff
    each, then their sum.

    value, lo, hi: mean and central 95 % over draws (NaN without); start: sum of the
    values above."""
    game, titles, rows = played.game, titles_of(played.game), []
    for player, choice in played.solution["recommendations"].items():
        names, start = titles.strategies[player], 0.0
        terms = [(row_title(game, row), row) for row in choice["parts"]]
        for title, row in (*terms, ("In all", choice["gain"])):
            is_sum = row is choice["gain"]
            line = {
                "player": titles.players[player],
                "choice": names[choice["best"]],
                "against": names[choice["against"]],
                "part": title,
                "value": row["mean"],
                "lo": math.nan if row["q025"] is None else row["q025"],
                "hi": math.nan if row["q975"] is None else row["q975"],
                "start": 0.0 if is_sum else start,
                "is_sum": is_sum,
                "is_observed": choice["best"] == played.solution.observed[player],
            }
            rows.append(line)
            start += row["mean"]
    return pd.DataFrame(rows).assign(finding=answer(played), n=played.solution["runs"])


def choice_sentences(played: PlayedGame, player: str) -> list[str]:
    """What a player would choose, how firm that is, and which single assumptions it
    hangs on."""
    titles, choice = titles_of(played.game), played.solution["recommendations"][player]
    name, act = titles.players[player], titles.strategies[player][choice["best"]]
    stability = f"the same in {say.percent(choice['same'])} of bootstrap samples"
    if choice["same"] is None:
        sentences = [f"{name}: “{act}”."]
    elif choice["is_robust"] is None:
        runs = say.plural(played.solution["runs"], "replication")
        sentences = [
            f"{name}: “{act}” has the highest mean. {runs} are too few to tell whether "
            f"that choice is robust: {FEWEST_RUNS} are the fewest."
        ]
    elif choice["is_robust"]:
        sentences = [f"{name}: “{act}”, {stability}."]
    else:
        sentences = [
            f"{name}: no robust choice. “{act}” has the highest mean, {stability}."
        ]
    table = left_out_table(played)
    decisive = table[(table["player"] == name) & table["is_another"]]
    words = [
        f"{row['without']} (else {row['choice']})"
        for row in decisive.to_dict("records")
    ]
    if len(words) == 1:
        sentences.append(f"One assumption decides it: {words[0]}.")
    elif words:
        count = f"Each of {len(words)} assumptions decides it by itself"
        sentences.append(f"{count}: {'; '.join(words)}.")
    else:
        sentences.append("No single assumption decides it.")
    return sentences


def answer(played: PlayedGame) -> str:
    """What each side would have gained by the strategy that is best over what is known
    of the parameters; at the point values where nothing was drawn. Nothing is said to
    be best where the choice is not robust, or not known to be."""
    solution, titles = played.solution, titles_of(played.game)
    content: list[str] = []
    unsure: list[str] = []
    unknown: list[str] = []
    gains: list[str] = []
    for player, choice in solution["recommendations"].items():
        name, best = titles.players[player], choice["best"]
        if choice["is_robust"] is None:
            unknown.append(name)
        elif not choice["is_robust"]:
            unsure.append(name)
        elif best == solution.observed[player]:
            content.append(name)
        else:
            row, act = choice["gain"], titles.strategies[player][best]
            gain = two_digits(row["mean"])
            if row["q025"] is not None:
                bounds = f"{two_digits(row['q025'])} to {two_digits(row['q975'])}"
                gain = f"{gain} (95 % interval {bounds})"
            gains.append(f"{name} would have gained {gain} by “{act}”")
    if content:
        names = say.listed(content)
        gains.append(f"{names} could not have gained by another strategy")
    if unsure:
        verb = "has" if len(unsure) == 1 else "have"
        gains.append(f"{say.listed(unsure)} {verb} no robust choice")
    if unknown:
        runs = say.plural(solution["runs"], "replication")
        names = say.listed(unknown)
        gains.append(f"{runs} are too few to tell how robust the choice of {names} is")
    where = say.AT_POINT
    if solution["draws"] is not None:
        where = KNOWN if solution["draws"]["source"] == "posterior" else BEFORE
    start = "Under these payoffs, and given what the others were observed to do"
    return f"{start}, {where}: {'; '.join(gains)}."


def equilibria_words(solution: Solution) -> str:
    """How many equilibria there are, whether what was observed is one, and how far from
    one it is."""
    equilibria, observed = solution["equilibria"], solution.profile(solution.observed)
    kinds = [equilibrium["kind"] for equilibrium in equilibria["found"]]
    words = f"At the point values, equilibria in pure strategies: {kinds.count('pure')}"
    if equilibria["complete"]:
        words += f", in mixed ones: {kinds.count('mixed')}"
    is_one = "an equilibrium" if observed["equilibrium"] else "no equilibrium"
    regret, bound = observed["regret"], observed["bound"]
    words += f". What was observed is {is_one}: by another strategy a side would gain "
    return f"{words}at most {regret:.3g} (epsilon-regret; 95 % bound {bound:.3g})"


def _mixture(shares: Mapping[str, float], titles: Mapping[str, str]) -> str:
    """`wait 25 %, manoeuvre 75 %`; of a pure strategy its title."""
    likely = {name: share for name, share in shares.items() if share > LITTLE}
    if len(likely) == 1:
        return titles[next(iter(likely))]
    played = likely.items()
    return ", ".join(f"{titles[name]} {say.percent(share)}" for name, share in played)

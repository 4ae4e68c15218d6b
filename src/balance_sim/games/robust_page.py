"""What `--discover` found, as tables and lines: how often each strategy does well
enough, in which futures it fails, its signposts, and the red team's worst plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from balance_sim.games.robust import THEORY
from balance_sim.games.tables import Titles, outcome_title, titles_of
from balance_sim.show import wording as say
from balance_sim.study.draws import CODING

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.solution import Row

FAILS = (
    "A strategy fails in a future where it pays less than the one that was observed. "
    "The observed one fails where another would have paid more. Each theory has as "
    "many futures as the others, so shares of futures are no probabilities."
)
FACTORS = {THEORY: "theory", CODING: "coding of the targets"}


def futures_table(played: PlayedGame) -> pd.DataFrame:
    """A row a player and strategy: share of futures in which it fails, pays at least
    as much as the observed strategy, and as nothing being done; regret, its 90 %
    quantile and the largest. Empty where nothing was discovered."""
    rows = [
        {
            "player": titles.players[player],
            "strategy": titles.strategies[player][strategy],
            "fails": row["fails"],
            "as_good_as_observed": row["meets_observed"],
            "as_good_as_nothing": row["meets_control"],
            "regret_q90": row["regret_q90"],
            "regret_largest": row["regret_largest"],
            "futures": row["futures"],
        }
        for titles, player, strategy, row in _found(played)
    ]
    return pd.DataFrame(rows)


def boxes_table(played: PlayedGame) -> pd.DataFrame:
    """A row a restriction of a box: player, strategy and whether it is what the side
    would choose or did; box (counted from 1) with its coverage and density; factor,
    least, largest (NaN where free), the range of the drawn values and which shares of
    them lie below and within (`begins`, `ends`), or the categories that it is among and
    all; its quasi-p-value."""
    rows = [
        {
            "player": titles.players[player],
            "strategy": titles.strategies[player][strategy],
            "is_read": strategy in _read(played, player),
            "box": number,
            "coverage": box["coverage"],
            "density": box["density"],
            "factor": factor_title(titles, bound["factor"]),
            "least": bound.get("least"),
            "largest": bound.get("largest"),
            "low": bound.get("range", [None, None])[0],
            "high": bound.get("range", [None, None])[1],
            "begins": bound.get("shares", [None, None])[0],
            "ends": bound.get("shares", [None, None])[1],
            "among": _categories(titles, bound, "among"),
            "options": _categories(titles, bound, "options"),
            "quasi_p": bound["quasi_p"],
        }
        for titles, player, strategy, row in _found(played)
        for number, box in enumerate(row["boxes"], start=1)
        for bound in box["restrictions"]
    ]
    numbers = ("least", "largest", "low", "high", "begins", "ends")
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers if rows else (), float))


def read_boxes(played: PlayedGame) -> pd.DataFrame:
    """The rows of `boxes_table` of what each side would choose, and did."""
    boxes = boxes_table(played)
    return boxes[boxes["is_read"]] if len(boxes) else boxes


def signposts_table(played: PlayedGame) -> pd.DataFrame:
    """A row a signpost: of which player's strategy, what is seen by which day, from
    which threshold on it is an alarm, the shares of failures and of other futures in
    which it rings (in draws from which the threshold was not found), and how many days
    before the end."""
    titles, rows = titles_of(played.game), []
    for player, strategies in (played.solution.get("signposts") or {}).items():
        for strategy, posts in strategies.items():
            for post in posts:
                outcome = outcome_title(played.game, post["outcome"], post["of"])
                side = "at or above" if post["is_high"] else "below"
                row = {
                    "player": titles.players[player],
                    "strategy": titles.strategies[player][strategy],
                    "seen": f"{titles.players[post['player']]}: {outcome}",
                    "day": post["day"],
                    "alarm": f"{side} {post['threshold']:.3g}",
                    "caught": post["held_out"]["caught"],
                    "false_alarms": post["held_out"]["false_alarms"],
                    "days_ahead": post["days_ahead"],
                }
                rows.append(row)
    return pd.DataFrame(rows)


def red_team_table(played: PlayedGame) -> pd.DataFrame:
    """A row a strategy of the player that the red team is against: its payoff, the same
    under the worst plan, the plan in words, and what it pays the opponent."""
    titles = titles_of(played.game)
    result: Row = played.solution.get("red_team") or {"against": "", "strategies": {}}
    rows = [
        {
            "strategy": titles.strategies[result["against"]][strategy],
            "payoff": row["payoff"],
            "under_worst_plan": row["worst"],
            "worst_plan": "; ".join(map(_event_words, row["events"])) or "nothing",
            "pays_opponent": row["opponent"],
        }
        for strategy, row in result["strategies"].items()
    ]
    return pd.DataFrame(rows)


def _found(played: PlayedGame) -> Iterator[tuple[Titles, str, str, Row]]:
    """Titles, player, strategy and what was found of it."""
    titles = titles_of(played.game)
    players = (played.solution.get("conditions") or {"players": {}})["players"]
    for player, strategies in players.items():
        for strategy, row in strategies.items():
            yield titles, player, strategy, row


def factor_title(titles: Titles, factor: str) -> str:
    """What a factor is called: a player's title, or the key path of a parameter."""
    name = FACTORS.get(factor, factor)
    return f"what {titles.players[name]} does" if name in titles.players else name


def _read(played: PlayedGame, player: str) -> tuple[str, str]:
    """The strategies of a player that a reader is told of first: what it would choose,
    and what it did."""
    choice = played.solution["recommendations"][player]["best"]
    return str(choice), played.solution.observed[player]


def _categories(titles: Titles, bound: Row, key: str) -> tuple[str, ...]:
    """The titles of categories of a restriction; none of a number."""
    names = titles.strategies.get(str(bound["factor"]), {})
    return tuple(names.get(name, say.arm_words(name)) for name in bound.get(key, ()))


def _event_words(event: Row) -> str:
    """`2025-03-01 sanction (XAR against XBE)`."""
    principals = ", ".join(map(str, event.get("principals", ())))
    targets = ", ".join(map(str, event.get("targets", ())))
    kind = str(event["kind"]).replace("_", " ")
    aim = f" against {targets}" if targets else ""
    return f"{event['date']} {kind} ({principals}{aim})"


def restriction_words(row: Mapping[Any, Any]) -> str:
    """`beta at most 0.087 (drawn: 0.0004 to 0.96)`, of a row of `boxes_table`."""
    factor = say.factor_words(row["factor"])
    if row["among"]:
        names = [say.arm_words(name) for name in row["among"]]
        return f"{factor}: {say.listed(names, 'or')}"
    low, high = (f"{row[key]:.3g}" for key in ("least", "largest"))
    words = f"{low} to {high}"
    if low == "nan":
        words = f"at most {high}"
    elif high == "nan":
        words = f"at least {low}"
    drawn = f"{row['low']:.3g} to {row['high']:.3g}"
    return f"{factor} {words} (drawn: {drawn})"


def discovered_tables(played: PlayedGame) -> dict[str, pd.DataFrame]:
    """By title, the tables of a page that have rows."""
    boxes = boxes_table(played)
    if len(boxes):
        conditions = [restriction_words(row) for row in boxes.to_dict("records")]
        shown = ["player", "strategy", "box", "coverage", "density", "quasi_p"]
        boxes = boxes[shown].assign(condition=conditions)
    by_title = {
        "How often each strategy does well enough, in shares of futures; regret": (
            futures_table(played)
        ),
        "Conditions under which a strategy fails": boxes,
        "Signposts: what would tell early that a strategy fails": (
            signposts_table(played)
        ),
        "The worst plan of the red team against each strategy": red_team_table(played),
    }
    return {title: table for title, table in by_title.items() if len(table)}


def robust_lines(played: PlayedGame) -> Iterator[str]:
    """Lines for a terminal; none where nothing was discovered."""
    futures = futures_table(played)
    if futures.empty:
        return
    yield from ["", "In which futures a strategy fails"]
    yield from _shares(futures)
    yield from say.wrapped(FAILS, "  ")
    boxes = read_boxes(played)
    for names, rows in (
        boxes.groupby(["player", "strategy"], sort=False) if len(boxes) else ()
    ):
        yield from ["", f"{names[0]}: “{names[1]}” fails most where"]
        for number, box in rows.groupby("box"):
            words = [restriction_words(row) for row in box.to_dict("records")]
            fit = box.iloc[0]
            shares = (
                f"{say.percent(fit['coverage'])} of failures lie there, "
                f"{say.percent(fit['density'])} of what lies there fails"
            )
            yield from say.wrapped(f"{number}. {'; '.join(words)}: {shares}", "  ")
    yield from _signpost_lines(played)
    yield from _red_team_lines(played)


def _shares(futures: pd.DataFrame) -> list[str]:
    """The table of shares and regrets."""
    rows = [
        [
            "strategy",
            "fails",
            "≥ observed",
            "≥ nothing",
            "regret 90 %",
            "largest",
        ]
    ]
    for row in futures.to_dict("records"):
        shares = [row["fails"], row["as_good_as_observed"], row["as_good_as_nothing"]]
        regrets = [f"{row[key]:.2g}" for key in ("regret_q90", "regret_largest")]
        rows.append([str(row["strategy"]), *map(say.percent, shares), *regrets])
    return list(say.table(rows, "<>>>>>", "  "))


def _signpost_lines(played: PlayedGame) -> Iterator[str]:
    """What would tell early that a strategy fails."""
    posts = signposts_table(played)
    if posts.empty:
        return
    yield from ["", "Signposts: what would tell early that a strategy fails"]
    for row in posts.to_dict("records"):
        caught, false = say.percent(row["caught"]), say.percent(row["false_alarms"])
        words = (
            f"“{row['strategy']}”, day {row['day']}: {row['seen']} {row['alarm']}; "
            f"rings in {caught} of failures and in {false} of the rest, "
            f"{row['days_ahead']} days ahead"
        )
        yield from say.wrapped(words, "  ")


def _red_team_lines(played: PlayedGame) -> Iterator[str]:
    """The worst plan against each strategy."""
    table, result = red_team_table(played), played.solution.get("red_team")
    if result is None:
        return
    titles = titles_of(played.game)
    opponent, player = (titles.players[result[key]] for key in ("by", "against"))
    yield from ["", f"The worst that {opponent} can do to {player} within the menu"]
    for row in table.to_dict("records"):
        words = (
            f"“{row['strategy']}” pays {row['payoff']:.2g}, and "
            f"{row['under_worst_plan']:.2g} under this plan: {row['worst_plan']}. The "
            f"plan pays {opponent} {row['pays_opponent']:.2g}."
        )
        yield from say.wrapped(words, "  ")
    best = titles.strategies[result["against"]][result["stands_best"]]
    yield f"  Under its worst plan “{best}” pays most."

"""A play as it is read: a short table on the terminal, and the JSON of
`balance-sim game FILE --play`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from balance_sim.games.extensive_form import Step
from balance_sim.games.keep import game_identity
from balance_sim.games.play import PathOfPlay
from balance_sim.games.schema import OtherType
from balance_sim.games.solution import Row
from balance_sim.games.tables import Titles, titles_of
from balance_sim.show import wording as say

READING = (
    "Gains: how much more a move brings its side than its next best one would, if all "
    "else is played as it is. What an act brings about is the model's; what it is "
    "worth to a side is the file's. Moves are best under these payoffs, if each side "
    "knows those of the others. They are not advice."
)


def play_document(played: PathOfPlay) -> dict[str, Any]:
    """The JSON of a play: see docs/json.md."""
    game, stages = played.game, played.stages
    plays = []
    for number, name in enumerate(played.types):
        steps = played.steps[number]
        rows = [row for step in steps for row in moves_in(played, step, number)]
        gained = dict(zip(game.players, played.payoffs[number].tolist(), strict=True))
        first = played.first_moves[number] if played.first_moves else None
        play = {"type": name or None, "payoffs": gained, "moves": rows, "first": first}
        plays.append(play)
    return {
        "game": game_identity(game),
        "scenario": {"name": game.scenario.name, "sha256": game.scenario.sha256},
        "estimator": "expected",
        "dates": [day.isoformat() for day in stages.dates],
        "horizon": stages.horizon,
        "paths": played.paths,
        "draws": played.draws,
        "plays": plays,
    }


def moves_in(played: PathOfPlay, step: Step, number: int) -> Iterator[Row]:
    """A row a mover of a turn, where the typed player is of the type of this number."""
    names = played.stages.moves
    for place, player in enumerate(step.turn.movers):
        shares = step.choice.played[place][number].tolist()
        yield {
            "date": played.stages.dates[step.turn.stage].isoformat(),
            "player": played.game.players[player],
            "move": names[player][step.moves[place]],
            "gain": float(step.choice.gains[place][number]),
            "shares": dict(zip(names[player], shares, strict=True)),
            "belief": None if len(step.belief) == 1 else step.belief[1],
            "equilibria": step.choice.equilibria,
        }


def play_lines(played: PathOfPlay) -> Iterator[str]:
    """Lines for a terminal, at 80 columns: the path of play by type, payoffs, and how
    sure the first moves are."""
    game, titles, document = played.game, titles_of(played.game), play_document(played)
    plays = document["plays"]
    places = say.digits(*(row["gain"] for play in plays for row in play["moves"]))
    yield say.printable(game.plan.title)
    stages = say.plural(len(document["dates"]), "stage")
    ahead = say.plural(document["horizon"], "stage")
    paths = say.plural(document["paths"], "path")
    yield f"  {stages}, {ahead} of foresight; {paths} by the expected estimator"
    for play in plays:
        yield from ["", f"{_heading(played, titles, play['type'])}:"]
        yield from _moves_table(titles, play["moves"], places)
        payoffs = [
            f"{titles.players[name]} {say.number(payoff, places)}"
            for name, payoff in play["payoffs"].items()
        ]
        yield from say.wrapped(f"  Payoffs over the control arm: {', '.join(payoffs)}")
        for row in play["moves"]:
            if row["equilibria"] > 1 or max(row["shares"].values()) < 1.0:
                yield from say.wrapped(f"  {_remark(titles, row)}")
        if play["first"] is not None:
            yield from say.wrapped(f"  {_sureness(titles, document, play)}")
    for player, other_type in played.stages.plan.types.items():
        words = f"{titles.players[player]} is {_type_words(other_type)}"
        believed = f"Believed: how sure the others are, before the move, that {words}."
        yield from ["", *say.wrapped(believed, "")]
    yield from ["", *say.wrapped(READING, "")]


def _heading(played: PathOfPlay, titles: Titles, type_name: str | None) -> str:
    """Whose play it is."""
    if type_name is None:
        return "What the sides do"
    player, other_type = next(iter(played.stages.plan.types.items()))
    is_other = other_type.name == type_name
    words = _type_words(other_type) if is_other else "of the usual type"
    return f"If {titles.players[player]} is {words}"


def _type_words(other: OtherType) -> str:
    """What a player of this type is."""
    return say.printable(other.title) or say.arm_words(other.name)


def _moves_table(titles: Titles, moves: list[Row], places: int) -> list[str]:
    """Day, who, what, what it gains over the next best, and what the others believed
    before."""
    heads, rows = ["day", "who", "move", "gains"], []
    believes = any(row["belief"] is not None for row in moves)
    for row in moves:
        player = row["player"]
        name, move = titles.players[player], titles.strategies[player][row["move"]]
        cells = [row["date"], name, move, say.number(row["gain"], places)]
        rows.append([*cells, say.percent(row["belief"])] if believes else cells)
    return say.table([heads + ["believed"] * believes, *rows], "<<<>", "  ")


def _remark(titles: Titles, row: Row) -> str:
    """That a mover mixes, or that another equilibrium would do."""
    player, words = row["player"], []
    if row["equilibria"] > 1:
        count = row["equilibria"]
        words.append(f"{count} equilibria, of which the sum of payoffs chose this one")
    if max(row["shares"].values()) < 1.0:
        names = titles.strategies[player]
        mixed = [f"{names[move]} {say.percent(p)}" for move, p in row["shares"].items()]
        words.append(f"mixes ({', '.join(mixed)}), and the likeliest is shown")
    return f"{row['date']}, {titles.players[player]}: {'; '.join(words)}"


def _sureness(titles: Titles, document: Row, play: Row) -> str:
    """In which share of draws each side's first move is the one that is shown."""
    draws, shown = document["draws"], dict[str, str]()
    for row in play["moves"]:
        shown.setdefault(row["player"], row["move"])
    shares = [
        f"{titles.players[player]} in {say.percent(moves[shown[player]])}"
        for player, moves in play["first"].items()
    ]
    count = f"{draws['count']} draws of the {draws['source']}"
    return f"Over {count} the first move is the same for {say.listed(shares)} of them"

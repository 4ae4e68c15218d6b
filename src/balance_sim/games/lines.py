"""A game on the terminal: what each side should do under the payoffs of the file, and
how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.wording import table, wrapped

if TYPE_CHECKING:
    from balance_sim.games.keep import PlayedGame
    from balance_sim.games.solution import (
        BreakEven,
        DrawsInterval,
        NamedEquilibrium,
        Reply,
    )

MOST_EQUILIBRIA = 4
LITTLE = 0.005  # a probability below which a strategy counts as not played; a share of the spread of payoffs
READ_SO = (
    "Best reply under these payoffs, which the file assumes: not advice. What an act brings about is the model's; what "
    "it is worth to a side is the file's."
)
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
}
"""Outcomes of players as they are read; `of` as the file names it."""


def player_title(played: PlayedGame, player: str) -> str:
    """As the file has it, or its name."""
    return say.printable(played.game.plan.players[player].title) or say.capital(
        say.arm_words(player)
    )


def strategy_title(played: PlayedGame, player: str, strategy: str) -> str:
    """As the file has it, or its name."""
    written = played.game.plan.players[player].strategies[strategy].title
    return say.printable(written) or say.capital(say.arm_words(strategy))


def equilibria_words(played: PlayedGame) -> str:
    """How many equilibria there are, and whether what was observed is one."""
    found = played.solution
    kinds = [one.kind for one in found.equilibria.found]
    if not kinds:
        return "No equilibrium was found."
    pure, mixed = kinds.count("pure"), kinds.count("mixed")
    number = (
        "There is one equilibrium"
        if pure == 1
        else f"There are {pure or 'no'} equilibria"
    )
    also = f" and {mixed} mixed" if mixed else ""
    more = (
        ""
        if found.equilibria.complete
        else " (with three players or more, mixed ones are not sought)"
    )
    is_one = "one" if found.profile(found.observed).equilibrium else "none"
    ties = " There are ties: others are as good." if found.equilibria.degenerate else ""
    return (
        f"{number} in pure strategies{also}{more}; what was observed is {is_one}.{ties}"
    )


def reply_to_observed(played: PlayedGame, player: str) -> Reply:
    """A player's best replies to what the others were observed to do."""
    others = {
        name: of for name, of in played.solution.observed.items() if name != player
    }
    return next(
        one
        for one in played.solution.best_replies
        if one.player == player and dict(one.others) == others
    )


def pure_profile(one: NamedEquilibrium) -> dict[str, str]:
    """What is played in an equilibrium in pure strategies."""
    return {
        player: max(of, key=lambda name: of[name])
        for player, of in one.strategies.items()
    }


def over_draws(of: DrawsInterval | None, places: int) -> str:
    """`0.01 to 0.05`; a dash where nothing was drawn."""
    return "-" if of is None else say.interval(of.q025, of.q975, places)


def share_of(shares: Mapping[str, float] | None, strategies: Sequence[str]) -> str:
    """Of samples or draws those in which any of these is best; a dash where they are
    not known."""
    return (
        "-" if shares is None else say.percent(sum(shares[name] for name in strategies))
    )


def game_lines(played: PlayedGame, *, verbose: bool = False) -> Iterator[str]:
    """For a terminal, at 80 columns: the answer, every side's replies and the
    equilibria; verbose: also what each outcome adds, what knowing more is worth, every
    profile, and what the intervals rest on."""
    game, found, result = played.game, played.solution, played.study.result
    yield say.printable(game.plan.title)
    what = f"{say.plural(len(game.players), 'player')}, {say.plural(len(found.profiles), 'profile')}, "
    yield f"  {what}{say.plural(found.runs, 'replication')} each, over the control arm"
    yield from ["", *wrapped(_finding(played), "")]
    for player in game.players:
        yield from ["", *_replies(played, player)]
    yield from ["", *_equilibria(played), "", *wrapped(_leaders(played), "")]
    if verbose:
        yield from _voi(played)
        for of_player in (_balance, _intervals):
            for player in game.players:
                yield from ["", *of_player(played, player)]
        yield from [
            "",
            *_profiles(played),
            "",
            *_break_even(played),
            "",
            *wrapped(_sources(played), ""),
        ]
    yield from ["", *wrapped(READ_SO, "")]
    if result.folder is not None:
        yield f"digest {result.digest[:12]}; wrote {result.folder}"


def _finding(played: PlayedGame) -> str:
    """The answer in a few sentences."""
    found, parts = played.solution, []
    regrets = found.profile(found.observed).regrets
    for player, strategy in found.observed.items():
        best, title = (
            reply_to_observed(played, player).best,
            player_title(played, player),
        )
        if strategy in best:
            tied = _either(one for one in best if one != strategy)
            words = f"{title}'s choice ({say.arm_words(strategy)}) was a best reply"
            parts.append(words + (f", tied with {tied}" if tied else ""))
        else:
            gain = say.number(regrets[player], _places(played, player))
            parts.append(
                f"{title} would have gained {gain} by playing `{_either(best)}`"
            )
    return f"Given what the others were observed to do: {'; '.join(parts)}. {equilibria_words(played)}"


def _either(strategies: Iterable[str]) -> str:
    return say.listed([say.arm_words(one) for one in strategies], "or")


def _profile(strategies: Mapping[str, str]) -> str:
    """`all three, nothing, exercise`: in the order of the players."""
    return ", ".join(say.arm_words(one) for one in strategies.values())


def _outcome(outcome: str, of: str | None) -> str:
    """`relations: Europe`."""
    return OUTCOMES[outcome].format(of=say.group_words(of) if of else "")


def _places(played: PlayedGame, player: str) -> int:
    """Decimals of a player's payoffs: two significant digits of the largest Monte Carlo
    error, four at most."""
    return say.decimals(
        max(one.payoffs[player].mcse or 0.0 for one in played.solution.profiles)
    )


def _payoffs(played: PlayedGame, of: Mapping[str, float]) -> list[str]:
    return [
        say.signed(of[player], _places(played, player))
        for player in played.solution.players
    ]


def _heads(played: PlayedGame, first: str, *others: str) -> list[str]:
    return [
        first,
        *(player_title(played, player) for player in played.solution.players),
        *others,
    ]


def _replies(played: PlayedGame, player: str) -> Iterator[str]:
    found, places = played.solution, _places(played, player)
    reply = reply_to_observed(played, player)
    regret = None if found.regret is None else found.regret[player]
    yield f"{player_title(played, player)}, to what the others were observed to do"
    rows = [
        ["  strategy", "payoff", "mcse", "draws, 95 %", "best", "in draws", "regret"]
    ]
    for strategy in found.players[player]:
        one = found.profile({**found.observed, player: strategy}).payoffs[player]
        mark = (
            "*" if strategy in reply.best else "~" if strategy in reply.may_be else " "
        )
        seen = " (observed)" if found.observed[player] == strategy else ""
        worst = None if regret is None else regret.strategies[strategy].worst
        least = "+" if regret is not None and strategy in regret.choice else " "
        rows.append(
            [
                f"{mark} {say.arm_words(strategy)}{seen}",
                say.signed(one.mean, places),
                say.number(one.mcse, places + 1),
                over_draws(one.draws, places),
                share_of(reply.probability, [strategy]),
                share_of(reply.over_draws, [strategy]),
                say.number(worst, max(places - 1, 1)) + least,
            ]
        )
    yield from table(rows, "<>")
    if player == played.game.players[0]:
        yield "  * best; ~ not told apart from it at 95 %; + least worst regret"


def _equilibria(played: PlayedGame) -> Iterator[str]:
    found = played.solution
    every = found.equilibria.found
    if every:
        rows = [_equilibrium(played, one) for one in every[:MOST_EQUILIBRIA]]
        yield from table(
            [_heads(played, "equilibrium", "sure", "in draws"), *rows], "<>"
        )
    if len(every) > MOST_EQUILIBRIA:
        yield f"  and {len(every) - MOST_EQUILIBRIA} more: --json"
    observed = found.profile(found.observed)
    bound = "" if observed.bound is None else f" (95 % bound {observed.bound:.3g})"
    yield f"epsilon-regret of what was observed: {observed.regret:.3g}{bound}"


def _equilibrium(played: PlayedGame, one: NamedEquilibrium) -> list[str]:
    payoffs = _payoffs(played, one.payoffs)
    if one.kind == "pure":
        profile = pure_profile(one)
        often = played.solution.profile(profile).over_draws
        return [
            _profile(profile),
            *payoffs,
            say.percent(one.probability),
            say.percent(often),
        ]
    mixtures = [
        [
            say.arm_words(name)
            + ("" if share > 1 - LITTLE else f" {100 * share:.0f} %")
            for name, share in of.items()
            if share > LITTLE
        ]
        for of in one.strategies.values()
    ]
    return ["; ".join(map(" ".join, mixtures)), *payoffs, "mixed", "-"]


def _leaders(played: PlayedGame) -> str:
    """What is played where one moves first and the others see it."""
    found = played.solution
    if not found.leader:
        return "One player: nobody moves before another."
    told = []
    for leader in found.players:
        of = [one for one in found.leader if one.order[0] == leader]
        ends = sorted({_profile(end) for one in of for end in one.outcomes})
        ties = any(one.ties for one in of)
        why = "a mover is indifferent" if ties else "it depends on who replies first"
        why = ("with ties on the way" if ties else "") if len(ends) == 1 else why
        told.append(
            (
                player_title(played, leader),
                say.listed(ends, "or") + (f" ({why})" if why else ""),
            )
        )
    if len({what for _, what in told}) == 1:
        return f"Whoever moves first and is seen to: {told[0][1]}."
    return f"If one moves first and is seen to: {'; '.join(f'{who} leads: {what}' for who, what in told)}."


def _voi(played: PlayedGame) -> Iterator[str]:
    """What knowing more would be worth, where parameters were drawn."""
    found, told = played.solution, []
    for player, of in (found.voi or {}).items():
        payoffs = [one.payoffs[player].mean for one in found.profiles]
        if of.evpi < LITTLE * (max(payoffs) - min(payoffs)):
            worth = f"{'nothing' if of.evpi <= 0 else 'next to nothing'}, as `{_either(of.best)}` is best anyway"
        else:
            alone = ", no single parameter any of it"
            for path, (one, error) in [*of.parameters.items()][:1]:
                alone = f", of which {path} alone {say.number(one, say.digits(one))} (standard error {error:.2g})"
            worth = say.number(of.evpi, say.digits(of.evpi)) + alone
        told.append(f"{player_title(played, player)}: {worth}")
    if found.voi is not None:
        yield from wrapped(
            f"Worth of knowing the parameters before choosing, in payoff: {'; '.join(told)}.",
            "",
        )


def _balance(played: PlayedGame, player: str) -> Iterator[str]:
    sheet = played.solution.balance[player]
    yield f"{player_title(played, player)}'s balance sheet, over the control arm, the others as observed"
    names = map(say.arm_words, sheet)
    rows = [
        [
            "  outcome",
            "weight",
            *(name if len(name) <= 10 else f"{name[:9].rstrip()}." for name in names),
        ]
    ]
    for at, part in enumerate(played.game.plan.players[player].payoff):
        means = [of[at].mean for of in sheet.values()]
        places = min(say.digits(*means), 4)
        cells = [say.signed(of, places) for of in means]
        rows.append(
            [f"  {_outcome(part.outcome, part.of)}", f"{part.weight:+g}", *cells]
        )
    yield from table(rows, "<>")


def _intervals(played: PlayedGame, player: str) -> Iterator[str]:
    """The same with intervals, an outcome and strategy a row."""
    rows = [
        [
            f"  {player_title(played, player)}: outcome, strategy",
            "effect",
            "95 % CI",
            "draws, 95 %",
        ]
    ]
    for name, items in played.solution.balance[player].items():
        for one in items:
            places = say.digits(one.mean, one.lo or 0.0, one.hi or 0.0) + 1
            label = f"  {_outcome(one.outcome, one.of)}, {say.arm_words(name)}"
            ci = say.interval(one.lo, one.hi, places)
            rows.append(
                [label, say.signed(one.mean, places), ci, over_draws(one.draws, places)]
            )
    yield from table(rows, "<>")


def _profiles(played: PlayedGame) -> Iterator[str]:
    rows = [_heads(played, "every profile", "regret", "bound")]
    for one in played.solution.profiles:
        payoffs = _payoffs(
            played, {player: of.mean for player, of in one.payoffs.items()}
        )
        mark = "=" if one.equilibrium else " "
        rows.append(
            [
                f"{mark} {_profile(one.strategies)}",
                *payoffs,
                f"{one.regret:.3g}",
                f"{one.bound or 0:.3g}",
            ]
        )
    yield from table(rows, "<>")
    yield "  = equilibrium in pure strategies of the estimated payoffs"


def _break_even(played: PlayedGame) -> Iterator[str]:
    """From which weight on the observed strategy pays more than another."""
    yield "What each side would have had to want: what was observed pays more than the other with a weight"
    rows = [["  player: against, outcome", "weight", "needed"]]
    for player, of in played.solution.break_even.items():
        for one in of:
            label = f"  {player_title(played, player)}: {say.arm_words(one.against)}, {_outcome(one.outcome, one.of)}"
            rows.append([label, f"{one.weight:g}", needed(one)])
    yield from table(rows, "<>")


def needed(one: BreakEven) -> str:
    """`above 0.3`; `always`."""
    return one.better if one.at is None else f"{one.better} {one.at:.3g}"


def _sources(played: PlayedGame) -> str:
    """What the intervals rest on."""
    found, off = played.solution, max(played.solution.gap.values())
    told = (
        "mcse: Monte Carlo error of the simulation, without doubt about the parameters."
    )
    if found.draws is None:
        return f"{told} Nothing was drawn (--draws 0): no regret over parameters."
    return (
        f"{told} Draws: {say.plural(found.draws.count, 'joint draw')} of the {found.draws.source}, by the expected "
        f"estimator, off a simulated payoff by {say.number(off, say.digits(off))} at most; regret is the worst "
        f"over draws, {say.plural(len(found.theories), 'theory', 'theories')} and the others' play."
    )

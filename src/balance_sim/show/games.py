"""A game on the terminal: what each side should do under the payoffs of the file, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.terminal import table, wrapped

if TYPE_CHECKING:
    from balance_sim.game.keep import PlayedGame
    from balance_sim.game.solution import EquilibriumSaid, OverDrawsOf, ProfileSaid, Reply

MOST_EQUILIBRIA, MOST_ROWS = 4, 12
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
    return say.printable(played.game.plan.players[player].title) or say.capital(say.arm_words(player))


def strategy_title(played: PlayedGame, player: str, strategy: str) -> str:
    """As the file has it, or its name."""
    written = played.game.plan.players[player].strategies[strategy].title
    return say.printable(written) or say.capital(say.arm_words(strategy))


def profile_words(strategies: Mapping[str, str]) -> str:
    """`all three, nothing, exercise`: in the order of the players."""
    return ", ".join(say.arm_words(one) for one in strategies.values())


def outcome_title(outcome: str, of: str) -> str:
    """`relations: Europe`."""
    return OUTCOMES[outcome].format(of=say.group_words(of) if of else "")


def finding(played: PlayedGame) -> str:
    """The answer in a few sentences."""
    found = played.solution
    observed = found.profile(found.observed)
    parts = []
    for player, strategy in found.observed.items():
        reply = reply_to_observed(played, player)
        if strategy in reply.best:
            tied = [say.arm_words(one) for one in reply.best if one != strategy]
            parts.append(
                f"{player_title(played, player)}'s choice ({say.arm_words(strategy)}) was a best reply"
                + (f", tied with {say_list(tied)}" if tied else "")
            )
        else:
            gain = say.number(observed.regrets[player], places_of(played, player))
            better = say_list([say.arm_words(one) for one in reply.best])
            parts.append(f"{player_title(played, player)} would have gained {gain} by playing `{better}`")
    told = f"Given what the others were observed to do: {'; '.join(parts)}."
    return f"{told} {equilibria_words(played)}"


def equilibria_words(played: PlayedGame) -> str:
    """How many equilibria there are, and whether what was observed is one."""
    found = played.solution
    every = found.equilibria.found
    pure = [one for one in every if one.kind == "pure"]
    if not every:
        return "No equilibrium was found."
    declared = found.profile(found.observed).equilibrium
    number = "There is one equilibrium" if len(pure) == 1 else f"There are {len(pure) or 'no'} equilibria"
    number += " in pure strategies"
    mixed = len(every) - len(pure)
    number += f" and {mixed} mixed" if mixed else ""
    ties = " There are ties: others are as good." if found.equilibria.degenerate else ""
    more = "" if found.equilibria.complete else " (with three players or more, mixed ones may have been missed)"
    return f"{number}{more}; what was observed is {'one' if declared else 'none'}.{ties}"


def say_list(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def reply_to_observed(played: PlayedGame, player: str) -> Reply:
    """A player's best replies to what the others were observed to do."""
    others = {name: of for name, of in played.solution.observed.items() if name != player}
    return next(one for one in played.solution.best_replies if one.player == player and dict(one.others) == others)


def places_of(played: PlayedGame, player: str) -> int:
    """Decimals of a player's payoffs: two significant digits of the largest Monte Carlo error, four at most."""
    errors = [one.payoffs[player].mcse or 0.0 for one in played.solution.profiles]
    return say.decimals(max(errors))


def game_lines(played: PlayedGame, *, verbose: bool = False) -> Iterator[str]:
    """For a terminal, at 80 columns: the answer, every side's replies and the equilibria; verbose: also what each
    outcome adds, what knowing more is worth, every profile, and what the intervals rest on."""
    game, found = played.game, played.solution
    yield say.printable(game.plan.title)
    what = f"{say.plural(len(game.players), 'player')}, {say.plural(len(found.profiles), 'profile')}, "
    yield f"  {what}{say.plural(found.runs, 'replication')} each, over the control arm"
    yield ""
    yield from wrapped(finding(played), indent="")
    for player in game.players:
        yield from ["", *_replies(played, player)]
    yield from ["", *_equilibria(played)]
    yield from ["", *wrapped(leader_words(played), indent="")]
    if verbose:
        if (voi := voi_words(played)) is not None:
            yield from wrapped(voi, indent="")
        for player in game.players:
            yield from ["", *_balance(played, player)]
        for player in game.players:
            yield from ["", *_intervals(played, player)]
        yield from ["", *_profiles(played), "", *_break_even(played)]
        yield from ["", *wrapped(sources(played), indent="")]
    yield ""
    yield from wrapped(READ_SO, indent="")
    if played.study.result.folder is not None:
        yield f"digest {played.study.result.digest[:12]}; wrote {played.study.result.folder}"


def sources(played: PlayedGame) -> str:
    """What the intervals rest on."""
    found = played.solution
    off = max(found.gap.values())
    told = "mcse: Monte Carlo error of the simulation, without doubt about the parameters. "
    if found.draws is not None:
        told += (
            f"Draws: {say.plural(found.draws.count, 'joint draw')} of the {found.draws.source}, by the expected "
            f"estimator, off a simulated payoff by {say.number(off, say.digits(off))} at most; regret is the worst "
            f"over draws, {say.plural(len(found.theories), 'theory', 'theories')} and the others' play."
        )
    else:
        told += "Nothing was drawn (--draws 0): no regret over parameters."
    return told


def over_draws(of: OverDrawsOf | None, places: int) -> str:
    """`0.01 to 0.05`."""
    return "-" if of is None else say.interval(of.q025, of.q975, places)


def _replies(played: PlayedGame, player: str) -> Iterator[str]:
    found, places = played.solution, places_of(played, player)
    reply = reply_to_observed(played, player)
    regret = None if found.regret is None else found.regret[player]
    yield f"{player_title(played, player)}, to what the others were observed to do"
    rows = [["  strategy", "payoff", "mcse", "draws, 95 %", "best", "in draws", "regret"]]
    for strategy in found.players[player]:
        one = found.profile({**found.observed, player: strategy}).payoffs[player]
        mark = "*" if strategy in reply.best else ("~" if strategy in reply.may_be else " ")
        worst = "-" if regret is None else say.number(regret.strategies[strategy].worst, max(places - 1, 1))
        worst += "+" if regret is not None and strategy in regret.choice else " "
        seen = " (observed)" if found.observed[player] == strategy else ""
        rows.append(
            [
                f"{mark} {say.arm_words(strategy)}{seen}",
                say.signed(one.mean, places),
                "-" if one.mcse is None else say.number(one.mcse, places + 1),
                over_draws(one.draws, places),
                "-" if reply.probability is None else say.percent(reply.probability[strategy]),
                "-" if reply.over_draws is None else say.percent(reply.over_draws[strategy]),
                worst,
            ]
        )
    yield from table(rows, "<>")
    if player == played.game.players[0]:
        yield "  * best; ~ not told apart from it at 95 %; + least worst regret"


def _equilibria(played: PlayedGame) -> Iterator[str]:
    found = played.solution
    rows = [["equilibrium", *(player_title(played, player) for player in found.players), "sure", "in draws"]]
    rows += [_equilibrium(played, one) for one in found.equilibria.found[:MOST_EQUILIBRIA]]
    if len(rows) > 1:
        yield from table(rows, "<>")
        if len(found.equilibria.found) > MOST_EQUILIBRIA:
            yield f"  and {len(found.equilibria.found) - MOST_EQUILIBRIA} more: --json"
    observed = found.profile(found.observed)
    bound = "" if observed.bound is None else f" (95 % bound {observed.bound:.3g})"
    yield f"epsilon-regret of what was observed: {observed.regret:.3g}{bound}"


def _equilibrium(played: PlayedGame, one: EquilibriumSaid) -> list[str]:
    found = played.solution
    payoffs = [say.signed(one.payoffs[player], places_of(played, player)) for player in found.players]
    if one.kind == "pure":
        profile = {player: max(of, key=lambda name: of[name]) for player, of in one.strategies.items()}
        said = found.profile(profile)
        often = "-" if said.over_draws is None else say.percent(said.over_draws)
        return [
            profile_words(profile),
            *payoffs,
            "-" if one.probability is None else say.percent(one.probability),
            often,
        ]
    return [mixture_words(one), *payoffs, "mixed", "-"]


def mixture_words(one: EquilibriumSaid) -> str:
    """`restrain 40 % manoeuvre 60 %; wait`."""
    return "; ".join(
        " ".join(
            say.arm_words(name) + ("" if share > 1 - LITTLE else f" {100 * share:.0f} %")
            for name, share in of.items()
            if share > LITTLE
        )
        for of in one.strategies.values()
    )


def leader_words(played: PlayedGame) -> str:
    """What is played where one moves first and the others see it."""
    found = played.solution
    if not found.leader:
        return "One player: nobody moves before another."
    told = []
    for leader in found.players:
        of = [one for one in found.leader if one.order[0] == leader]
        ends = {profile_words(end) for one in of for end in one.outcomes}
        ties = any(one.ties for one in of)
        title = player_title(played, leader)
        if len(ends) == 1:
            told.append(f"{title} leads: {next(iter(ends))}{' (with ties on the way)' if ties else ''}")
        else:
            why = "a mover is indifferent" if ties else "it depends on who replies first"
            told.append(f"{title} leads: {say_list(sorted(ends))} ({why})")
    if len({one.split(": ", 1)[1] for one in told}) == 1:
        return f"Whoever moves first and is seen to: {told[0].split(': ', 1)[1]}."
    return f"If one moves first and is seen to: {'; '.join(told)}."


def voi_words(played: PlayedGame) -> str | None:
    """What knowing more would be worth; None where nothing was drawn."""
    found = played.solution
    if found.voi is None:
        return None
    told = []
    for player, of in found.voi.items():
        title = player_title(played, player)
        if of.evpi < LITTLE * spread_of(played, player):
            best = say_list([say.arm_words(one) for one in of.best])
            told.append(f"{title}: {'nothing' if of.evpi <= 0 else 'next to nothing'}, as `{best}` is best anyway")
            continue
        all_of_it = say.number(of.evpi, say.digits(of.evpi))
        first = next(iter(of.parameters.items()), None)
        one = ""
        if first is not None:
            path, (worth, error) = first
            one = f", of which {path} alone {say.number(worth, say.digits(worth))} (standard error {error:.2g})"
        told.append(f"{title}: {all_of_it}{one or ', no single parameter any of it'}")
    return f"Worth of knowing the parameters before choosing, in payoff: {'; '.join(told)}."


def spread_of(played: PlayedGame, player: str) -> float:
    """Between the highest and the lowest payoff of a player."""
    payoffs = [one.payoffs[player].mean for one in played.solution.profiles]
    return max(payoffs) - min(payoffs)


def _balance(played: PlayedGame, player: str) -> Iterator[str]:
    sheet = played.solution.balance[player]
    yield f"{player_title(played, player)}'s balance sheet, over the control arm, the others as observed"
    rows = [["  outcome", "weight", *(shortened(say.arm_words(name)) for name in sheet)]]
    for at, part in enumerate(played.game.plan.players[player].payoff):
        means = [of[at].mean for of in sheet.values()]
        places = min(say.digits(*means), 4)
        cells = [say.signed(of, places) for of in means]
        rows.append([f"  {outcome_title(part.outcome, part.of or '')}", f"{part.weight:+g}", *cells])
    yield from table(rows, "<>")


def _intervals(played: PlayedGame, player: str) -> Iterator[str]:
    """The same with intervals, an outcome and strategy a row."""
    rows = [[f"  {player_title(played, player)}: outcome, strategy", "effect", "95 % CI", "draws, 95 %"]]
    for name, items in played.solution.balance[player].items():
        for one in items:
            places = say.digits(one.mean, one.lo or 0.0, one.hi or 0.0) + 1
            label = f"  {outcome_title(one.outcome, one.of)}, {say.arm_words(name)}"
            ci = "-" if one.lo is None or one.hi is None else say.interval(one.lo, one.hi, places)
            rows.append([label, say.signed(one.mean, places), ci, over_draws(one.draws, places)])
    yield from table(rows, "<>")


def shortened(words: str, most: int = 10) -> str:
    """At most so many letters, for the head of a column.

    >>> shortened("with reassurance")
    'with reas.'"""
    return words if len(words) <= most else words[: most - 1].rstrip() + "."


def _profiles(played: PlayedGame) -> Iterator[str]:
    found = played.solution
    rows = [["every profile", *(player_title(played, player) for player in found.players), "regret", "bound"]]
    rows += [
        [_marked(one), *_payoffs(played, one), f"{one.regret:.3g}", f"{one.bound or 0:.3g}"] for one in found.profiles
    ]
    yield from table(rows, "<>")
    yield "  = equilibrium in pure strategies of the estimated payoffs"


def _marked(one: ProfileSaid) -> str:
    return f"{'=' if one.equilibrium else ' '} {profile_words(one.strategies)}"


def _payoffs(played: PlayedGame, one: ProfileSaid) -> Iterable[str]:
    return (say.signed(of.mean, places_of(played, player)) for player, of in one.payoffs.items())


def _break_even(played: PlayedGame) -> Iterator[str]:
    """From which weight on the observed strategy pays more than another."""
    found = played.solution
    yield "What each side would have had to want: what was observed pays more than the other with a weight"
    rows = [["  player: against, outcome", "weight", "needed"]]
    for player, of in found.break_even.items():
        for one in of:
            needed = one.better if one.at is None else f"{one.better} {one.at:.3g}"
            label = (
                f"  {player_title(played, player)}: {say.arm_words(one.against)}, {outcome_title(one.outcome, one.of)}"
            )
            rows.append([label, f"{one.weight:g}", needed])
    yield from table(rows, "<>")

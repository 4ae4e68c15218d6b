"""What the page of a game says besides its figures: the answer, who could do what and wanted what, and every result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from balance_sim.game.keep import game_digest
from balance_sim.show import wording as say
from balance_sim.show.figures.games import draws_words, outcome_label, places_for, titles_of
from balance_sim.show.games import READ_SO, equilibria_words, player_title, reply_to_observed, say_list
from balance_sim.show.report import tables
from balance_sim.show.report.tables import Rows, cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from balance_sim.game.keep import PlayedGame
    from balance_sim.game.plan import Strategy
    from balance_sim.game.solution import EquilibriumSaid, OverDrawsOf, Payoff

LITTLE = 0.005  # a probability below which a strategy of a mixture is not named


def game_page(played: PlayedGame) -> dict[str, Any]:
    """What the template is filled with but for the figures."""
    game, found, result = played.game, played.solution, played.study.result
    page = _Words(played)
    return {
        "title": say.printable(game.plan.title),
        "question": say.printable(game.plan.question or game.scenario.question),
        "answer": page.answer(),
        "reading": READ_SO,
        "control": say.arm_title(game.scenario, game.scenario.reference_arm),
        "players": [page.titles_of_player[name] for name in game.players],
        "equilibria": page.equilibria(),
        "completeness": _completeness(played),
        "observed": page.observed(),
        "observed_regret": _observed_regret(played),
        "sides": page.sides(),
        "replies": page.replies(),
        "profiles": page.profiles(),
        "leaders": page.leaders(),
        "regrets": page.regrets(),
        "voi": page.voi(),
        "break_even": page.break_even(),
        "gap": page.gap(),
        "draws": draws_words(played),
        "theories": say.plural(len(found.theories), "theory", "theories"),
        "parameters": tables.parameter_rows(game.scenario),
        "events": tables.event_rows(game.scenario),
        "states": tables.state_rows(game.scenario),
        "made": _made(played),
        "source": say.printable(game.plan.source),
        "notes": say.printable(game.plan.notes),
        "failed": [f"replication {row['run']}" for row in result.failed[:20]],
        "failed_count": len(result.failed),
    }


def _completeness(played: PlayedGame) -> str:
    """What is known of equilibria that are not listed."""
    found = played.solution.equilibria
    told = "" if found.complete else "With three players or more, equilibria in mixed strategies may be missing. "
    return told + ("There are ties, so that others may be as near as one likes." if found.degenerate else "")


def _observed_regret(played: PlayedGame) -> str:
    """How far from an equilibrium what was observed is."""
    found = played.solution
    one = found.profile(found.observed)
    places = max(places_for(played, player) for player in found.players)
    bound = "" if one.bound is None else f" (at most {say.number(one.bound, places)} with 95 % confidence)"
    if one.regret == 0 and not one.bound:
        return "Nobody would have gained by another strategy, the others doing what was observed."
    return (
        "The most that one player would have gained by another strategy, the others doing what was observed, is "
        f"{say.number(one.regret, places)}{bound}: what was observed is an epsilon-equilibrium of that epsilon."
    )


def _made(played: PlayedGame) -> Rows:
    """How it was made, in a form that can be repeated."""
    game, found = played.game, played.solution
    head = [["game", f"{game.name}, sha256 {game_digest(game)}"], ["profiles", f"{len(found.profiles):,}"]]
    rows = [row for row in tables.made_rows(played.study.result) if row[0] != "arms"]
    drawn = [["draws", f"{draws_words(played)}, sha256 {found.draws.sha256}"]] if found.draws is not None else []
    theories = [["theories", ", ".join(map(say.arm_words, found.theories))]] if found.theories else []
    return [*head, *rows, *drawn, *theories]


def _changes(one: Strategy) -> str:
    """What a strategy changes of the scenario."""
    parts = [f"without {of}" for of in one.drop]
    parts += [f"with {of['id']} ({of['date']})" if isinstance(of, dict) else "with an event" for of in one.add]
    parts += [f"{path} = {say.printable(tables.listed(value))}" for path, value in one.set.items()]
    return "; ".join(map(str, parts)) or "nothing"


def _over(of: OverDrawsOf | None, places: int) -> str:
    return "-" if of is None else say.interval(of.q025, of.q975, places)


def _share(value: float | None) -> str:
    return "-" if value is None else say.percent(value)


def _two(value: float) -> str:
    """Two significant digits."""
    return cell(float(f"{value:.2g}"))


class _Words:
    """Tables of a game, with titles for names."""

    def __init__(self, played: PlayedGame) -> None:
        self.played, self.found = played, played.solution
        self.titles = titles_of(played)
        self.titles_of_player = {name: player_title(played, name) for name in self.found.players}
        self.places = {name: places_for(played, name) for name in self.found.players}

    def plays(self, strategies: Mapping[str, str]) -> list[str]:
        return [self.titles[player][name] for player, name in strategies.items()]

    def named(self, strategies: Mapping[str, str]) -> str:
        return "; ".join(f"{self.titles_of_player[who]}: {self.titles[who][what]}" for who, what in strategies.items())

    def those(self, player: str, names: Iterable[str]) -> str:
        return say_list([self.titles[player][name] for name in names])

    def payoff(self, player: str, of: Payoff) -> str:
        """`+0.045 (0.004)`: mean and Monte Carlo standard error."""
        places = self.places[player]
        error = "" if of.mcse is None else f" ({say.number(of.mcse, places + 1)})"
        return say.signed(of.mean, places) + error

    def answer(self) -> str:
        """What each side would have gained, and whether what was observed is an equilibrium."""
        found, content, told = self.found, [], []
        seen = found.profile(found.observed)
        for who, name in found.observed.items():
            reply, title = reply_to_observed(self.played, who), self.titles_of_player[who]
            if name in reply.best:
                content.append(title)
                continue
            gain, might = say.number(seen.regrets[who], self.places[who]), "might" if name in reply.may_be else "would"
            told.append(f"{title} {might} have gained {gain} by “{self.those(who, reply.best)}”")
        told += [f"{' and '.join(content)} could not have gained by another strategy"] if content else []
        start = "Under these payoffs, and given what the others were observed to do: "
        return f"{start}{'; '.join(told)}. {equilibria_words(self.played)}"

    def equilibria(self) -> Rows:
        rows = []
        for one in self.found.equilibria.found:
            payoffs = [say.signed(one.payoffs[who], self.places[who]) for who in self.found.players]
            over_draws = None
            if one.kind == "pure":
                played = {who: max(of, key=lambda name: of[name]) for who, of in one.strategies.items()}
                over_draws = self.found.profile(played).over_draws
            rows.append([self.mixture(one), one.kind, *payoffs, _share(one.probability), _share(over_draws)])
        return rows

    def mixture(self, one: EquilibriumSaid) -> str:
        parts = []
        for who, of in one.strategies.items():
            played = [(name, share) for name, share in of.items() if share > LITTLE]
            shares = [
                self.titles[who][name] + ("" if len(played) == 1 else f" {say.percent(share)}")
                for name, share in played
            ]
            parts.append(f"{self.titles_of_player[who]}: {', '.join(shares)}")
        return "; ".join(parts)

    def observed(self) -> Rows:
        """Each player: what it did, its payoff, what was best instead, and what that would have gained."""
        rows, seen = [], self.found.profile(self.found.observed)
        for who, name in self.found.observed.items():
            reply = reply_to_observed(self.played, who)
            gain = say.number(seen.regrets[who], self.places[who]) if name not in reply.best else "0"
            chance = None if reply.probability is None else reply.probability[name]
            drawn = None if reply.over_draws is None else reply.over_draws[name]
            best = self.those(who, reply.best)
            rows.append([
                self.titles_of_player[who], self.titles[who][name], self.payoff(who, seen.payoffs[who]), best, gain,
                _share(chance), _share(drawn),
            ])  # fmt: skip
        return rows

    def sides(self) -> list[dict[str, Any]]:
        """Each player: what it can do, and what it wants."""
        game, out = self.played.game, []
        names = say.state_names(game.scenario)
        for who, plan in game.plan.players.items():
            strategies = [
                [self.titles[who][name], _changes(of), f"{of.cost:g}", say.printable(of.source) or "not said"]
                for name, of in plan.strategies.items()
            ]
            wants = [
                [outcome_label(self.played, of.outcome, of.of or ""), f"{of.weight:+g}", say.printable(of.source)]
                for of in plan.payoff
            ]
            states = ", ".join(names.get(code, code) for code in plan.states)
            out.append(
                {"title": self.titles_of_player[who], "states": states, "strategies": strategies, "wants": wants}
            )
        return out

    def replies(self) -> Rows:
        """A row for each player and play of the others: best, not told apart, and how surely."""
        rows = []
        for one in self.found.best_replies:
            best = self.those(one.player, one.best)
            others = [name for name in one.may_be if name not in one.best]
            chance = "-" if one.probability is None else say.percent(sum(one.probability[name] for name in one.best))
            drawn = "-" if one.over_draws is None else say.percent(sum(one.over_draws[name] for name in one.best))
            rows.append([
                self.titles_of_player[one.player], self.named(one.others) or "alone", best,
                self.those(one.player, others) or "none", chance, drawn,
            ])  # fmt: skip
        return rows

    def profiles(self) -> Rows:
        """Every profile: strategies, payoffs, regret with its bound, and how surely it is an equilibrium."""
        places, rows = max(self.places.values()), []
        for one in self.found.profiles:
            payoffs = [self.payoff(who, of) for who, of in one.payoffs.items()]
            bound = "-" if one.bound is None else say.number(one.bound, places)
            kind = "yes" if one.equilibrium else "no"
            sure = [kind, _share(one.probability), _share(one.over_draws)]
            rows.append(
                [" / ".join(self.plays(one.strategies)), *payoffs, say.number(one.regret, places), bound, *sure]
            )
        return rows

    def leaders(self) -> Rows:
        """Orders of moves that come to the same, what is played, payoffs, and whether a mover is indifferent."""
        orders: dict[tuple[str, ...], list[str]] = {}
        for one in self.found.leader:
            ends = " or ".join(self.named(end) for end in one.outcomes)
            payoffs = [
                say_list([*dict.fromkeys(say.signed(of[who], self.places[who]) for of in one.payoffs)])
                for who in self.found.players
            ]
            row = (ends, *payoffs, "yes" if one.ties else "no")
            orders.setdefault(row, []).append(", then ".join(self.titles_of_player[who] for who in one.order))
        return [["any order" if len(orders) == 1 else "; ".join(of), *row] for row, of in orders.items()]

    def regrets(self) -> Rows:
        rows = []
        for who, of in (self.found.regret or {}).items():
            for name, one in of.strategies.items():
                where = f"{say.arm_words(one.where)}; {self.named(one.others)}" if one.worst > 0 else "nowhere"
                numbers = [say.number(value, self.places[who] + 1) for value in (one.worst, one.mean, one.q95)]
                least = "yes" if name in of.choice else "no"
                rows.append([self.titles_of_player[who], self.titles[who][name], *numbers, where, least])
        return rows

    def voi(self) -> Rows:
        """Of all parameters together, then of the most telling ones alone."""
        rows = []
        for who, of in (self.found.voi or {}).items():
            title, best = self.titles_of_player[who], self.those(who, of.best)
            rows.append([title, "all parameters together", _two(of.evpi), _two(of.evpi_error), best])
            rows += [[title, path, _two(worth), _two(error), best] for path, (worth, error) in of.parameters.items()]
        return rows

    def break_even(self) -> list[tuple[str, str, Rows]]:
        """By player: what was observed, and against each other strategy the weight from which it pays more."""
        out = []
        for who, of in self.found.break_even.items():
            rows = []
            for one in of:
                needed = f"{one.better} {one.at:.3g}" if one.at is not None else one.better
                outcome = outcome_label(self.played, one.outcome, one.of)
                rows.append([self.titles[who][one.against], outcome, f"{one.weight:g}", needed])
            out.append((self.titles_of_player[who], self.titles[who][self.found.observed[who]], rows))
        return out

    def gap(self) -> Rows:
        """By player: how far the expected estimator is off a simulated payoff at most, beside the range of these."""
        rows = []
        for who, off in self.found.gap.items():
            of = [one.payoffs[who].mean for one in self.found.profiles]
            rows.append([self.titles_of_player[who], _two(off), _two(max(of) - min(of))])
        return rows

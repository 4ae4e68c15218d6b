"""What the page of a game says besides its figures: the answer, who could do what and
wanted what, and every result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.games import figures, strategy_figures
from balance_sim.games.figures import draws_words, outcome_label, places_for, titles_of
from balance_sim.games.keep import PlayedGame, game_digest, open_played
from balance_sim.games.lines import (
    LITTLE,
    READ_SO,
    equilibria_words,
    needed,
    player_title,
    pure_profile,
    reply_to_observed,
    share_of,
)
from balance_sim.show import wording as say
from balance_sim.show.report import tables
from balance_sim.show.report.tables import Rows, cell
from balance_sim.show.study_types import Figures, StudyType
from balance_sim.study.store import Store

if TYPE_CHECKING:
    from balance_sim.games.plan import Strategy
    from balance_sim.games.solution import NamedEquilibrium, Payoff


def game_page(played: PlayedGame) -> dict[str, Any]:
    """What the template is filled with but for the figures."""
    page = {
        "game": played.game,
        "result": played.study.result,
        "page": GamePage(played),
        "reading": READ_SO,
    }
    return page | {"title": say.printable(played.game.plan.title)}


def _changes(one: Strategy) -> str:
    """What a strategy changes of the scenario."""
    added = [(of["id"], of["date"]) for of in one.add if isinstance(of, dict)]
    return tables.changes(
        one.drop,
        added,
        {path: say.printable(tables.listed(of)) for path, of in one.set.items()},
    )


def _two(value: float) -> str:
    """Two significant digits."""
    return cell(float(f"{value:.2g}"))


class GamePage:
    """Sentences and tables of a game, with titles for names."""

    def __init__(self, played: PlayedGame) -> None:
        self.played, self.found, self.draws = (
            played,
            played.solution,
            draws_words(played),
        )
        self.seen = self.found.profile(self.found.observed)
        self.titles = titles_of(played)
        self.players = {name: player_title(played, name) for name in self.found.players}
        self.places = {name: places_for(played, name) for name in self.found.players}

    def named(self, strategies: Mapping[str, str]) -> str:
        return "; ".join(
            f"{self.players[who]}: {self.titles[who][what]}"
            for who, what in strategies.items()
        )

    def those(self, player: str, names: Iterable[str]) -> str:
        return say.listed([self.titles[player][name] for name in names], "or")

    def payoff(self, player: str, of: Payoff) -> str:
        """`+0.045 (0.004)`: mean and Monte Carlo standard error."""
        places = self.places[player]
        error = "" if of.mcse is None else f" ({say.number(of.mcse, places + 1)})"
        return say.signed(of.mean, places) + error

    def answer(self) -> str:
        """What each side would have gained, and whether what was observed is an
        equilibrium."""
        content, told = [], []
        for who, name in self.found.observed.items():
            reply = reply_to_observed(self.played, who)
            if name in reply.best:
                content.append(self.players[who])
                continue
            gain = say.number(self.seen.regrets[who], self.places[who])
            might = "might" if name in reply.may_be else "would"
            told.append(
                f"{self.players[who]} {might} have gained {gain} by “{self.those(who, reply.best)}”"
            )
        told += (
            [f"{' and '.join(content)} could not have gained by another strategy"]
            if content
            else []
        )
        start = "Under these payoffs, and given what the others were observed to do: "
        return f"{start}{'; '.join(told)}. {equilibria_words(self.played)}"

    def completeness(self) -> str:
        """What is known of equilibria that are not listed."""
        every = self.found.equilibria
        told = (
            ""
            if every.complete
            else "With three players or more, equilibria in mixed strategies are not sought. "
        )
        return told + (
            "There are ties, so that others may be as near as one likes."
            if every.degenerate
            else ""
        )

    def observed_regret(self) -> str:
        """How far from an equilibrium what was observed is."""
        one, places = self.seen, max(self.places.values())
        bound = (
            ""
            if one.bound is None
            else f" (at most {say.number(one.bound, places)} with 95 % confidence)"
        )
        if one.regret == 0 and not one.bound:
            return "Nobody would have gained by another strategy, the others doing what was observed."
        return (
            "The most that one player would have gained by another strategy, the others doing what was observed, is "
            f"{say.number(one.regret, places)}{bound}: what was observed is an epsilon-equilibrium of that epsilon."
        )

    def equilibria(self) -> Rows:
        rows = []
        for one in self.found.equilibria.found:
            payoffs = [
                say.signed(one.payoffs[who], self.places[who]) for who in self.players
            ]
            often = (
                self.found.profile(pure_profile(one)).over_draws
                if one.kind == "pure"
                else None
            )
            shares = map(say.percent, (one.probability, often))
            rows.append([self.mixture(one), one.kind, *payoffs, *shares])
        return rows

    def mixture(self, one: NamedEquilibrium) -> str:
        parts = []
        for who, of in one.strategies.items():
            played = {
                self.titles[who][name]: share
                for name, share in of.items()
                if share > LITTLE
            }
            shares = (
                [*played]
                if len(played) == 1
                else [f"{name} {say.percent(of)}" for name, of in played.items()]
            )
            parts.append(f"{self.players[who]}: {', '.join(shares)}")
        return "; ".join(parts)

    def observed(self) -> Rows:
        """Each player: what it did, its payoff, what was best instead, and what that
        would have gained."""
        rows = []
        for who, name in self.found.observed.items():
            reply = reply_to_observed(self.played, who)
            gain = (
                say.number(self.seen.regrets[who], self.places[who])
                if name not in reply.best
                else "0"
            )
            front = [
                self.players[who],
                self.titles[who][name],
                self.payoff(who, self.seen.payoffs[who]),
            ]
            shares = [
                share_of(of, [name]) for of in (reply.probability, reply.over_draws)
            ]
            rows.append([*front, self.those(who, reply.best), gain, *shares])
        return rows

    def sides(self) -> list[dict[str, Any]]:
        """Each player: what it can do, and what it wants."""
        game, out = self.played.game, []
        names = say.state_names(game.scenario)
        for who, plan in game.plan.players.items():
            strategies = [
                [
                    self.titles[who][name],
                    _changes(of),
                    f"{of.cost:g}",
                    say.printable(of.source) or "not said",
                ]
                for name, of in plan.strategies.items()
            ]
            wants = [
                [
                    outcome_label(self.played, of.outcome, of.of or ""),
                    f"{of.weight:+g}",
                    say.printable(of.source),
                ]
                for of in plan.payoff
            ]
            states = ", ".join(names.get(code, code) for code in plan.states)
            out.append(
                {
                    "title": self.players[who],
                    "states": states,
                    "strategies": strategies,
                    "wants": wants,
                }
            )
        return out

    def replies(self) -> Rows:
        """A row for each player and play of the others: best, not told apart, and how
        surely."""
        rows = []
        for one in self.found.best_replies:
            others = self.those(
                one.player, [name for name in one.may_be if name not in one.best]
            )
            shares = [
                share_of(of, one.best) for of in (one.probability, one.over_draws)
            ]
            front = [self.players[one.player], self.named(one.others) or "alone"]
            rows.append(
                [*front, self.those(one.player, one.best), others or "none", *shares]
            )
        return rows

    def profiles(self) -> Rows:
        """Every profile: strategies, payoffs, regret with its bound, and how surely it
        is an equilibrium."""
        places, rows = max(self.places.values()), []
        for one in self.found.profiles:
            plays = " / ".join(
                self.titles[who][name] for who, name in one.strategies.items()
            )
            payoffs = [self.payoff(who, of) for who, of in one.payoffs.items()]
            regret = [say.number(of, places) for of in (one.regret, one.bound)]
            sure = [
                "yes" if one.equilibrium else "no",
                *map(say.percent, (one.probability, one.over_draws)),
            ]
            rows.append([plays, *payoffs, *regret, *sure])
        return rows

    def leaders(self) -> Rows:
        """Orders of moves that come to the same, what is played, payoffs, and whether a
        mover is indifferent."""
        orders: dict[tuple[str, ...], list[str]] = {}
        for one in self.found.leader:
            payoffs = [
                say.listed(
                    [
                        *dict.fromkeys(
                            say.signed(of[who], self.places[who]) for of in one.payoffs
                        )
                    ],
                    "or",
                )
                for who in self.players
            ]
            row = (
                " or ".join(map(self.named, one.outcomes)),
                *payoffs,
                "yes" if one.ties else "no",
            )
            orders.setdefault(row, []).append(
                ", then ".join(self.players[who] for who in one.order)
            )
        return [
            ["any order" if len(orders) == 1 else "; ".join(of), *row]
            for row, of in orders.items()
        ]

    def regrets(self) -> Rows:
        rows = []
        for who, of in (self.found.regret or {}).items():
            for name, one in of.strategies.items():
                where = (
                    f"{say.arm_words(one.where)}; {self.named(one.others)}"
                    if one.worst > 0
                    else "nowhere"
                )
                numbers = [
                    say.number(value, self.places[who] + 1)
                    for value in (one.worst, one.mean, one.q95)
                ]
                least = "yes" if name in of.choice else "no"
                rows.append(
                    [self.players[who], self.titles[who][name], *numbers, where, least]
                )
        return rows

    def voi(self) -> Rows:
        """Of all parameters together, then of the most telling ones alone."""
        return [
            [
                self.players[who],
                what,
                _two(worth),
                _two(error),
                self.those(who, of.best),
            ]
            for who, of in (self.found.voi or {}).items()
            for what, (worth, error) in {
                "all parameters together": (of.evpi, of.evpi_error),
                **of.parameters,
            }.items()
        ]

    def break_even(self) -> list[tuple[str, str, Rows]]:
        """By player: what was observed, and against each other strategy the weight from
        which it pays more."""
        out = []
        for who, of in self.found.break_even.items():
            rows = [
                [
                    self.titles[who][one.against],
                    outcome_label(self.played, one.outcome, one.of),
                    f"{one.weight:g}",
                    needed(one),
                ]
                for one in of
            ]
            out.append(
                (self.players[who], self.titles[who][self.found.observed[who]], rows)
            )
        return out

    def gap(self) -> Rows:
        """By player: how far the expected estimator is off a simulated payoff at most,
        beside the range of these."""
        payoffs = {
            who: [one.payoffs[who].mean for one in self.found.profiles]
            for who in self.found.gap
        }
        return [
            [self.players[who], _two(off), _two(max(payoffs[who]) - min(payoffs[who]))]
            for who, off in self.found.gap.items()
        ]

    def made(self) -> Rows:
        """How it was made, in a form that can be repeated."""
        game, found = self.played.game, self.found
        rows = [
            ["game", f"{game.name}, sha256 {game_digest(game)}"],
            ["profiles", f"{len(found.profiles):,}"],
        ]
        rows += [
            row
            for row in tables.made_rows(self.played.study.result)
            if row[0] != "arms"
        ]
        rows += (
            [["draws", f"{self.draws}, sha256 {found.draws.sha256}"]]
            if found.draws
            else []
        )
        return rows + (
            [["theories", ", ".join(map(say.arm_words, found.theories))]]
            if found.theories
            else []
        )


FIGURES = {
    figure.name: figure
    for figure in (
        strategy_figures.draw_balance,
        figures.draw_payoffs,
        strategy_figures.draw_regret,
    )
}


def _figures(played: PlayedGame) -> Figures:
    """All figures of a game: its players have a balance sheet each."""
    sheets = strategy_figures.sheets(played)
    return {"balance": sheets["balance"]} | FIGURES | sheets


def _is_folder(path: Path) -> bool:
    if not (path / "manifest.json").is_file():
        return False
    manifest = Store(path).read_manifest()
    return manifest is not None and manifest.game is not None


GAME = StudyType(
    title="game",
    named_by=_is_folder,
    read=open_played,
    is_one=lambda study: isinstance(study, PlayedGame),
    catalogue=FIGURES,
    figures=_figures,
    page=lambda played: ("games/templates/game.html", game_page(played)),
    replications=lambda played: played.study.result,
)

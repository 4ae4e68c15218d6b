"""What a game comes to: payoffs with their errors, best replies, equilibria, regret,
and what knowing more is worth, as plain data under the names of docs/json.md.

Players and strategies stand in it by their ids. Everything holds *under these payoffs*:
they are the file's, and nothing here is advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balance_sim.stats.frame import Frame

type Row = dict[str, Any]


class Solution(dict[str, Any]):
    """The JSON of `balance-sim game`, without the keys that say of which replications
    it is."""

    def _repr_html_(self) -> str:
        """What a notebook shows: a row for each profile."""
        rows = []
        for row in self["profiles"]:
            payoffs = {f"payoff of {n}": p["mean"] for n, p in row["payoffs"].items()}
            ends = {"regret": row["regret"], "equilibrium": row["equilibrium"]}
            rows.append(row["strategies"] | payoffs | ends)
        return Frame(rows)._repr_html_()

    @property
    def observed(self) -> dict[str, str]:
        """The strategy that was observed, by player."""
        return dict(self["observed"])

    def profile(self, strategies: Mapping[str, str]) -> Row:
        """The profile with these strategies."""
        rows = [row for row in self["profiles"] if row["strategies"] == strategies]
        return dict(rows[0])

    def beside_observed(self, player: str, strategy: str) -> Row:
        """The profile of a player's strategy, the others doing what was observed."""
        return self.profile(self.observed | {player: strategy})

    def reply_to_observed(self, player: str) -> Row:
        """A player's best replies to what the others were observed to do."""
        others = self.observed
        del others[player]
        for reply in self["best_replies"]:
            if reply["player"] == player and reply["others"] == others:
                return dict(reply)
        raise KeyError(player)

"""Goodness of fit as `gof` finds it: a comparison of networks."""

from __future__ import annotations

from typing import Any

from balance_sim.scenario.errors import plain_data


class GoodnessOfFit(dict[str, Any]):
    """A comparison of networks, under the names of docs/json.md: `about`, `span`,
    `replications`, `agreements`, `p`, `groups`, `notes`.

    Each group has `simulated` too, a list a statistic with its value in each
    replication, from which the figure is drawn. NaN, in a file null: not known."""

    def __repr__(self) -> str:
        return f"<GoodnessOfFit: {len(self['groups'])} groups, p {self['p']:.3g}>"

    def group(self, name: str) -> dict[str, Any]:
        """The group of that name."""
        return next(group for group in self["groups"] if group["name"] == name)

    def as_dict(self, *, simulated: bool = False) -> dict[str, Any]:
        """The JSON of `gof --json`. simulated: with every statistic of every
        replication, as the file has it."""
        groups = [dict(group) for group in self["groups"]]
        if not simulated:
            for group in groups:
                del group["simulated"]
        return dict(plain_data(self | {"groups": groups}))

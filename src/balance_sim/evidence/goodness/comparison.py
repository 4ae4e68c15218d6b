"""Goodness of fit as `gof` finds it: a comparison, written, and read back for a figure
and a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.files import regular_bytes

FILE = "gof.json"
LARGEST = 64 << 20  # bytes that are read at most
KEYS = ("about", "span", "replications", "agreements", "p", "groups", "states")


class GoodnessOfFit(dict[str, Any]):
    """A comparison of networks, under the names of docs/json.md: `about`, `span`,
    `replications`, `agreements`, `p`, `groups`, `states`, `notes`.

    Each group has `simulated` too, a list a statistic with its value in each
    replication, from which figures are drawn. NaN, in a file null: not known."""

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


def gof_path(path: Path) -> Path | None:
    """The file to read where a path names what `gof` wrote: that file, or a folder that
    holds it. Else None."""
    if path.name == FILE and path.is_file():
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_gof(path: Path) -> GoodnessOfFit:
    """The comparison in a file that `gof` wrote. Raises DataError where it is something
    else."""
    try:
        study = GoodnessOfFit(json.loads(regular_bytes(path, LARGEST)))
        missing = [key for key in KEYS if key not in study]
    except (OSError, ValueError, TypeError, RecursionError):
        missing = ["it"]
    if missing:
        message = f"this is not what `gof` wrote: {missing[0]} cannot be read"
        raise DataError(message, "Run `gof` again, into this folder or another", path)
    return study

"""Goodness of fit as `gof` finds it: a comparison with its residuals, written, and read
back for figures and reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from balance_sim.evidence.goodness.networks import GofComparison, Group, Span, Statistic
from balance_sim.evidence.goodness.residuals import Residuals
from balance_sim.evidence.goodness.statistics import MahalanobisFit
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.scenario.files import regular_bytes

FILE = "gof.json"
LARGEST = 64 << 20  # bytes that are read at most
NUMBERS = {"observed": "observed", "mean": "mean", "q05": "low", "q95": "high"}
TEST = {
    "p": "p",
    "p_sienagof": "p_published",
    "distance": "distance",
    "dimension": "dimension",
    "variances_alone": "diagonal",
}
ARRAYS = {
    "day": "day",
    "signed": "signed",
    "integrated_hazard": "expected",
    "rescaled_times": "times",
}
"""Keys of the file, and the fields they hold: of a statistic, of a test, of the
residuals."""
P_VALUES = ("level_p", "ks", "ks_p")


class NotGoodnessOfFit(ValueError):
    """A file that is no document of `gof`, or lacks a part of one."""


@dataclass(frozen=True, repr=False)
class GoodnessOfFit(OneLine):
    """A comparison of networks.

    Attributes
    ----------
    comparison : statistics as observed and as simulated
    residuals : if the model's hazards are known
    names : code -> name of a state
    about : what was compared: `subject`, `title`, `arm`, `seed`, `version`, `command`,
        each only where there is one
    notes : in words
    """

    comparison: GofComparison
    residuals: Residuals | None = None
    names: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self, *, simulated: bool = False) -> dict[str, Any]:
        """The JSON of `gof --json` (docs/json.md). simulated: with every statistic of
        every replication, as the file has it, from which figures are drawn."""
        comparison, span = self.comparison, self.comparison.span
        states = []
        for statistic in comparison.states:
            code = statistic.name
            row = {"state": code, "name": self.names.get(code, code)}
            states.append(row | _fields(statistic, NUMBERS))
        groups = [_group(group, simulated=simulated) for group in comparison.groups]
        document: dict[str, Any] = {
            "about": self.about,
            "span": {
                "first": span.first.isoformat(),
                "last": span.last.isoformat(),
                "years": span.years,
            },
            "replications": comparison.replications,
            "agreements": comparison.observed,
            "p": comparison.p,
            "groups": groups,
            "states": states,
            "residuals": None if self.residuals is None else _residuals(self.residuals),
            "notes": [*comparison.notes, *self.notes],
        }
        plain: dict[str, Any] = plain_data(document)
        return plain


def _fields(record: object, fields: Mapping[str, str]) -> dict[str, Any]:
    return {key: getattr(record, name) for key, name in fields.items()}


def _residuals(residuals: Residuals) -> dict[str, Any]:
    return {
        "start": residuals.start.isoformat(),
        "observed": residuals.signed[-1],
        "expected": residuals.expected[-1],
        **_fields(residuals, {key: key for key in P_VALUES}),
        **_fields(residuals, ARRAYS),
        "states": dict(zip(residuals.codes, residuals.by_state, strict=True)),
    }


def _group(group: Group, *, simulated: bool) -> dict[str, Any]:
    statistics = []
    for statistic in group.statistics:
        row = {"name": statistic.name, **_fields(statistic, NUMBERS)}
        statistics.append(row | {"outside": bool(statistic.outside)})
    test = dict.fromkeys(TEST) if group.fit is None else _fields(group.fit, TEST)
    plain = {"name": group.name, **test, "not_tested": group.why}
    plain["statistics"] = statistics
    if simulated:
        plain["simulated"] = group.simulated.T
    return plain


def gof_path(path: Path) -> Path | None:
    """The file to read where a path names what `gof` wrote: that file, or a folder that
    holds it. Else None."""
    if path.name == FILE and path.is_file():
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_gof(path: Path) -> GoodnessOfFit:
    """The comparison in a file that `gof` wrote. Raises NotGoodnessOfFit where it is
    something else."""
    wrong = (OSError, ValueError, TypeError, AttributeError, IndexError, RecursionError)
    try:
        return _read(json.loads(regular_bytes(path, LARGEST)))
    except KeyError as error:
        why = f"`{error.args[0]}` is missing"
    except wrong:
        why = "it cannot be read as one"
    raise NotGoodnessOfFit(f"this is not what `gof` wrote: {why}")


def _read(tree: dict[str, Any]) -> GoodnessOfFit:
    first = date.fromisoformat(tree["span"]["first"])
    last = date.fromisoformat(tree["span"]["last"])
    states, names = [], {}
    for row in tree["states"]:
        states.append(Statistic(row["state"], *_floats(row, NUMBERS)))
        names[row["state"]] = str(row["name"])
    comparison = GofComparison(
        span=Span(first, last + timedelta(days=1)),
        replications=int(tree["replications"]),
        observed=int(tree["agreements"]),
        groups=tuple(map(_read_group, tree["groups"])),
        states=tuple(states),
        p=float(tree["p"]),
    )
    residuals = None
    if tree["residuals"] is not None:
        residuals = _read_residuals(tree["residuals"])
    notes = tuple(map(str, tree["notes"]))
    return GoodnessOfFit(comparison, residuals, names, dict(tree["about"]), notes)


def _read_residuals(plain: dict[str, Any]) -> Residuals:
    arrays = {name: np.array(plain[key], float) for key, name in ARRAYS.items()}
    level_p, ks, ks_p = _floats(plain, P_VALUES)
    return Residuals(
        start=date.fromisoformat(plain["start"]),
        codes=tuple(plain["states"]),
        by_state=np.array([*plain["states"].values()], float),
        ks=ks,
        ks_p=ks_p,
        level_p=level_p,
        **arrays,
    )


def _floats(
    row: dict[str, Any], keys: Sequence[str] | Mapping[str, str]
) -> list[float]:
    """The numbers under some keys; NaN for null."""
    values: list[float] = np.array([row[key] for key in keys], float).tolist()
    return values


def _read_group(plain: dict[str, Any]) -> Group:
    statistics = [
        Statistic(row["name"], *_floats(row, NUMBERS)) for row in plain["statistics"]
    ]
    fit = None
    if plain["p"] is not None:
        p, published, distance = _floats(plain, ("p", "p_sienagof", "distance"))
        dimension, diagonal = int(plain["dimension"]), bool(plain["variances_alone"])
        fit = MahalanobisFit(p, published, distance, dimension, diagonal)
    simulated = np.array(plain["simulated"], float).T
    name, why = plain["name"], plain["not_tested"]
    return Group(name, tuple(statistics), simulated, fit, why)

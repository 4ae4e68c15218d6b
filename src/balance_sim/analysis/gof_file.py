"""What `gof` writes, and reads back for figures and reports: one comparison with its residuals."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.analysis.residuals import Residuals
from balance_sim.replications.gof import Comparison, Group, Span, StateRow, Statistic
from balance_sim.scenario.files import regular_bytes
from balance_sim.stats.networks import MahalanobisFit

Floats = npt.NDArray[np.float64]

FILE = "gof.json"
LARGEST = 64 << 20  # bytes that are read at most


class NotGoodnessOfFit(ValueError):
    """A file that is no document of `gof`, or lacks a part of one."""


@dataclass(frozen=True)
class GoodnessOfFit:
    """A comparison; residuals, if the model's hazards are known; names: code -> name of a state; about: what was

    compared: `subject`, `title`, `arm`, `seed`, `version`, `command`, each only where there is one; notes: in words."""

    comparison: Comparison
    residuals: Residuals | None = None
    names: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self, *, simulated: bool = False) -> dict[str, Any]:
        """The JSON of `gof --json` (docs/json.md). simulated: with every statistic of every replication, as the file

        has it, from which figures are drawn."""
        found = self.comparison
        out: dict[str, Any] = {
            "about": self.about,
            "span": {
                "first": found.span.first.isoformat(),
                "last": (found.span.stop - timedelta(days=1)).isoformat(),
                "years": found.span.years,
            },
            "replications": found.replications,
            "agreements": found.observed,
            "p": found.p,
            "groups": [_group(one, simulated=simulated) for one in found.groups],
            "states": [
                {"state": one.code, "name": self.names.get(one.code, one.code), **_row(one)}
                for one in found.states
            ],
            "residuals": None if self.residuals is None else _residuals(self.residuals),
            "notes": [*found.notes, *self.notes],
        }
        cleaned: dict[str, Any] = _finite(out)
        return cleaned


def _row(one: Statistic | StateRow) -> dict[str, float]:
    return {"observed": one.observed, "mean": one.mean, "q05": one.low, "q95": one.high}


def _group(one: Group, *, simulated: bool) -> dict[str, Any]:
    fit = one.fit
    out: dict[str, Any] = {
        "name": one.name,
        "p": None if fit is None else fit.p,
        "p_sienagof": None if fit is None else fit.p_published,
        "distance": None if fit is None else fit.distance,
        "dimension": None if fit is None else fit.dimension,
        "variances_alone": None if fit is None else fit.diagonal,
        "not_tested": one.why,
        "statistics": [
            {"name": each.name, **_row(each), "outside": bool(each.outside)} for each in one.statistics
        ],
    }
    return out | ({"simulated": one.simulated.T.tolist()} if simulated else {})


def _residuals(one: Residuals) -> dict[str, Any]:
    return {
        "start": one.start.isoformat(),
        "observed": float(one.signed[-1]),
        "expected": float(one.expected[-1]),
        "level_p": one.level_p,
        "ks": one.ks,
        "ks_p": one.ks_p,
        "day": one.day.tolist(),
        "signed": one.signed.tolist(),
        "integrated_hazard": one.expected.tolist(),
        "rescaled_times": one.times.tolist(),
        "states": {code: float(value) for code, value in zip(one.codes, one.by_state, strict=True)},
    }


def _finite(value: Any) -> Any:
    """The same with null for what is not a number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def gof_path(path: Path) -> Path | None:
    """The file to read where a path names what `gof` wrote: that file, or a folder that holds it. Else None."""
    if path.name == FILE and path.is_file():
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_gof(path: Path) -> GoodnessOfFit:
    """What stands in a file that `gof` wrote. Raises NotGoodnessOfFit where it is something else."""
    try:
        tree = json.loads(regular_bytes(path, LARGEST))
        return _read(tree)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        why = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else "it cannot be read as one"
        raise NotGoodnessOfFit(f"this is not what `gof` wrote: {why}") from None


def _read(tree: dict[str, Any]) -> GoodnessOfFit:
    last = date.fromisoformat(tree["span"]["last"])
    span = Span(date.fromisoformat(tree["span"]["first"]), last + timedelta(days=1))
    groups = tuple(_group_of(one) for one in tree["groups"])
    states = tuple(StateRow(one["state"], *_numbers_of(one)) for one in tree["states"])
    comparison = Comparison(
        span, int(tree["replications"]), int(tree["agreements"]), groups, states, float(tree["p"])
    )
    names = {one["state"]: str(one["name"]) for one in tree["states"]}
    held = tree["residuals"]
    return GoodnessOfFit(
        comparison,
        None if held is None else _residuals_of(held),
        names,
        dict(tree["about"]),
        tuple(map(str, tree["notes"])),
    )


def _numbers_of(one: dict[str, Any]) -> list[float]:
    return [_number(one[key]) for key in ("observed", "mean", "q05", "q95")]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _group_of(one: dict[str, Any]) -> Group:
    rows = tuple(Statistic(each["name"], *_numbers_of(each)) for each in one["statistics"])
    simulated = np.array([[_number(value) for value in column] for column in one["simulated"]]).T
    fit = None
    if one["p"] is not None:
        p, published, distance = (float(one[key]) for key in ("p", "p_sienagof", "distance"))
        fit = MahalanobisFit(p, published, distance, int(one["dimension"]), bool(one["variances_alone"]))
    return Group(one["name"], rows, simulated, fit, one["not_tested"])


def _residuals_of(held: dict[str, Any]) -> Residuals:
    def array(key: str) -> Floats:
        return np.array(held[key], dtype=np.float64)

    return Residuals(
        start=date.fromisoformat(held["start"]),
        day=array("day"),
        signed=array("signed"),
        expected=array("integrated_hazard"),
        times=array("rescaled_times"),
        codes=tuple(held["states"]),
        by_state=np.array(list(held["states"].values()), dtype=np.float64),
        ks=_number(held["ks"]),
        ks_p=_number(held["ks_p"]),
        level_p=_number(held["level_p"]),
    )

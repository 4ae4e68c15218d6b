"""A study's tables as tidy frames: outcomes by replication and arm, and new agreements
as they add up.

A study as labelled arrays: an xarray Dataset, and the draws of its parameters as ArviZ
1.0 reads them.

The extra `notebook` brings xarray.

What every outcome of a study is, a row each: the codebook of its tables, also kept in
the results folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache

from balance_sim.model.core import Floats, Ints, Keys
from balance_sim.scenario.defaults import SHARE, fitted_shares
from balance_sim.scenario.errors import MissingExtra, WrongRequest
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import deviations, distribution_of, joint_draws
from balance_sim.study.outcomes import FILTERED, fixed_beforehand, known_outcome

if TYPE_CHECKING:
    import xarray as xr

    from balance_sim.study.result import Result

DayCounts = npt.NDArray[np.int16]

HELD = (
    64 << 20
)  # bytes of outcomes that are held at once, but for those asked for together
EVERY_DAYS = 7  # between points of a curve
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
Tables = Callable[
    [Sequence[str] | None], Iterator[pa.Table]
]  # of these outcomes, in the order of runs


class Outcomes:
    """Outcomes by run and arm, read some columns at a time: a large study is never held
    whole."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.runs = 0  # that finished
        self.names: list[str] = []
        runs, places = [np.empty(0, np.int32)], [np.empty(0, np.int16)]
        number: dict[str, int] = {}  # of each arm, as they come
        for table in tables(()):
            self.runs += len(pc.unique(table["run"]))
            runs.append(table["run"].to_numpy())
            words = table["arm"].cast(pa.string()).combine_chunks().dictionary_encode()
            known = [
                number.setdefault(word, len(number))
                for word in words.dictionary.to_pylist()
            ]
            places.append(np.array(known, np.int16)[words.indices.to_numpy()])
        self.arms = sorted(number)
        rank = np.array([self.arms.index(arm) for arm in number], np.int16)
        run, place = np.concatenate(runs), np.concatenate(places)
        place = rank[place] if number else place
        self._order = np.lexsort((run, place))
        self._front = pd.DataFrame({"run": run[self._order].astype(np.int32)})
        self._front["arm"] = pd.Series(
            np.repeat(self.arms, np.bincount(place)), dtype=str
        )
        edges = np.searchsorted(place[self._order], np.arange(len(self.arms) + 1))
        self._rows = {
            arm: slice(*of) for arm, of in zip(self.arms, pairwise(edges), strict=True)
        }
        self._runs = {
            arm: pd.Index(self._front["run"].iloc[rows])
            for arm, rows in self._rows.items()
        }
        self._fits = max(HELD // max(8 * len(run), 1), 2)  # outcomes held at once
        self._held: LRUCache[str, Floats] = LRUCache(self._fits)
        if self.arms:
            first = next(iter(tables(None)))
            self.names = [
                name for name in first.column_names if name not in ("run", "arm")
            ]

    def frame(self, *names: str) -> pd.DataFrame:
        """One row a run and arm, sorted by arm and run: run, arm, and these outcomes.
        Raises KeyError."""
        found = self._values(*names)
        columns = pd.DataFrame(
            {name: found[name] for name in names}, index=self._front.index, copy=False
        )
        return pd.concat([self._front, columns], axis=1)

    def of(self, arm: str, name: str) -> pd.Series[float]:
        """An outcome of one arm, by run: a stretch of what is held, not a copy. Raises
        KeyError."""
        return pd.Series(
            self._values(name)[name][self._rows[arm]],
            index=self._runs[arm],
            name=name,
            copy=False,
        )

    def _values(self, *names: str) -> dict[str, Floats]:
        found = {name: self._held[name] for name in names if name in self._held}
        if lacking := [name for name in names if name not in found]:
            found |= self._read(lacking)
        return found

    def _read(self, lacking: Sequence[str]) -> dict[str, Floats]:
        """What is lacking of what is asked for, and what comes after it in the tables,
        which will be asked for next."""
        if unknown := [name for name in lacking if name not in self.names]:
            raise KeyError(unknown[0])
        start = self.names.index(lacking[0])
        after = [
            n
            for n in self.names[start:] + self.names[:start]
            if n not in {*self._held, *lacking}
        ]
        most = self._fits if len(self.names) <= self._fits else self._fits // 2
        wanted = list(dict.fromkeys([*lacking, *after[: max(most - len(lacking), 0)]]))
        parts: dict[str, list[Floats]] = {name: [] for name in wanted}
        for table in self._tables(wanted):
            for name in wanted:
                parts[name].append(table[name].to_numpy())
        found = {name: np.concatenate(parts.pop(name))[self._order] for name in wanted}
        for name in reversed(wanted):  # what was asked for is kept longest
            self._held[name] = found[name]
        return found


# -- curves ------------------------------------------------------------------------------------------


def day_axis(horizon: int) -> Ints:
    """Days after the focal date at which curves are given."""
    return np.unique(np.append(np.arange(0, horizon + 1, EVERY_DAYS), horizon))


def fan(parts: Iterable[dict[str, DayCounts]], horizon: int) -> pd.DataFrame:
    """Tidy: arm, day, mean, q05 ... q95, n, from counts of some runs each; only how
    often each count came is held."""
    days = day_axis(horizon)
    times: dict[str, Ints] = {}  # by arm, (days, counts)
    for part in parts:
        for arm, counts in part.items():
            held = times.setdefault(arm, np.zeros((len(days), 1), np.int64))
            if len(counts) and (more := int(counts.max()) + 1 - held.shape[1]) > 0:
                held = times[arm] = np.pad(held, ((0, 0), (0, more)))
            np.add.at(
                held, (np.broadcast_to(np.arange(len(days)), counts.shape), counts), 1
            )
    rows = []
    for arm, held in times.items():
        if n := int(held[0].sum()):
            below = held.cumsum(axis=1)
            # The smallest count that a share q of the runs does not exceed, as NumPy's
            # `inverted_cdf`.
            quantiles = {
                name: (below < max(np.ceil(n * q), 1)).sum(axis=1).astype(float)
                for name, q in QUANTILES.items()
            }
            mean = held @ np.arange(held.shape[1]) / n
            rows.append(
                pd.DataFrame(
                    {"arm": arm, "day": days, "mean": mean} | quantiles | {"n": n}
                )
            )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def survival(first_days: Floats, horizon: int) -> pd.DataFrame:
    """Share of runs without a first event by each day: Kaplan and Meier 1958, all
    censored at the horizon.

    first_days: (runs,), NaN where there was none. Columns: day, at_risk, events,
    share."""
    n = len(first_days)
    known = first_days[~np.isnan(first_days)].astype(int)
    events = np.bincount(known, minlength=horizon + 1)[: horizon + 1]
    at_risk = n - np.concatenate([[0], np.cumsum(events)[:-1]])
    left = 1.0 - np.cumsum(events) / n if n else np.full(horizon + 1, np.nan)
    return pd.DataFrame(
        {
            "day": np.arange(horizon + 1),
            "at_risk": at_risk,
            "events": events,
            "share": left,
        }
    )


def _xarray() -> Any:
    try:
        import xarray
    except ImportError:
        raise MissingExtra("labelled arrays", "notebook") from None
    return xarray


def dataset(result: Result) -> xr.Dataset:
    """The study's outcomes, dyads, states and curves with names on every axis.

    Returns
    -------
    xarray.Dataset
        each outcome by (arm, replication), filtered estimates too, with `long_name` and
        `units`; `dyad_expected` and
        `dyad_effect` by (arm, dyad), with the coordinates `a` and `b`; `state_expected` and `state_effect` by (arm,
        state); `counter_agreements` by (arm, replication, day), how many by each day
        after the focal date. What the control arm has no effect of, and what did not
        come by the horizon, is NaN

    Raises MissingExtra without xarray, WrongRequest where no replication finished."""
    labels_of = _xarray()
    frame, arms = result.outcomes, list(result.arms)
    if frame.empty:
        raise WrongRequest("no replication finished, so there is nothing to label")
    runs = np.unique(frame["run"].to_numpy())
    index = pd.MultiIndex.from_product([arms, runs], names=["arm", "run"])
    table = frame.set_index(["arm", "run"]).reindex(index)
    told = result.codebook.set_index("outcome")
    variables: dict[str, Any] = {}
    for name in table.columns:
        plain = name.removeprefix(FILTERED)
        said = told["meaning"][plain] + (" Filtered estimate." if plain != name else "")
        values = table[name].to_numpy(float).reshape(len(arms), len(runs))
        variables[name] = (
            ("arm", "replication"),
            values,
            {"long_name": said, "units": told["unit"][plain]},
        )
    coordinates: dict[str, Any] = {"arm": arms, "replication": runs}
    for what, frame, keys in (
        ("dyad", result.dyads, ["a", "b"]),
        ("state", result.states, ["state"]),
    ):
        if frame.empty:
            continue
        wide = frame.set_index([*keys, "arm"])[["mean", "effect"]].unstack("arm")
        for column, unit, words in (
            ("mean", "expected", "Expected"),
            ("effect", "effect", "Effect on expected"),
        ):
            values = (
                pd.DataFrame({arm: wide[column, arm] for arm in arms}).to_numpy(float).T
            )
            about = {
                "long_name": f"{words} new security agreements within {result.window} days",
                "units": "agreements",
            }
            variables[f"{what}_{unit}"] = (("arm", what), values, about)
        coordinates[what] = [
            "-".join(key) if isinstance(key, tuple) else key for key in wide.index
        ]
        if what == "dyad":
            coordinates |= {
                name: ("dyad", list(wide.index.get_level_values(name))) for name in keys
            }
    if (curves := result.curves()) and all(
        len(of) == len(runs) for of in curves.values()
    ):
        coordinates["day"] = day_axis(result.horizon)
        about = {
            "long_name": "New counter-balancing security agreements by the day",
            "units": "agreements",
        }
        by_day = np.stack([curves[arm] for arm in arms])
        variables["counter_agreements"] = (("arm", "replication", "day"), by_day, about)
    attributes = {
        "title": result.scenario.title,
        "scenario": result.scenario.name,
        "scenario_sha256": result.scenario.sha256,
        "control_arm": result.reference,
        "seed": str(result.seed),
        "digest": result.digest,
        "created_by": f"balance-sim {result.version}",
    }
    made: xr.Dataset = labels_of.Dataset(variables, coordinates, attributes)
    return made


def parameters_of(result: Result, runs: Keys) -> Mapping[str, Floats]:
    """(R,) value of every drawn parameter, by key path. Raises WrongRequest where
    replications have drawn none."""
    if isinstance(result.draws, str):
        draws = joint_draws(result.scenario, result.draws)
        return {
            path: draws.column(path)[runs % np.uint64(len(draws))]
            for path in draws.paths
        }
    if not result.draws:
        raise WrongRequest(
            "all replications have the same parameters: run with draw_parameters='posterior', --draws posterior"
        )
    out = {}
    for found in (distribution_of(result.scenario), fitted_shares()):
        for path, moved in deviations(found, result.seed, runs).items():
            value = float(value_at(result.scenario, path))
            if path.startswith(SHARE):  # as `draws.drawn_for` has it
                estimate = found.estimate[found.paths.index(path)]
                out[path] = np.maximum(
                    estimate + moved + value - max(estimate, 0.0), 0.0
                )
            elif value != 0 or ".weights." not in path:
                out[path] = value + moved
    return out


def inference_data(result: Result) -> xr.DataTree:
    """Draws of the parameters of a run with `draw_parameters`, and what each came to,
    as ArviZ reads them.

    Returns
    -------
    xarray.DataTree
        the groups `posterior` (`prior` where they were drawn from it), a variable a key
        path, by (chain, draw);
        `posterior_predictive` (`prior_predictive`), a variable an outcome, by (chain, draw, arm); `effects`, its paired
        difference from the control arm, by (chain, draw, arm). One chain; a draw is a
        replication

    Raises MissingExtra without xarray, WrongRequest where replications have drawn no
    parameters, or none finished."""
    labels_of = _xarray()
    whole = dataset(result)
    runs = whole["replication"].to_numpy()
    of = (
        "prior"
        if isinstance(result.draws, str) and result.draws.startswith("prior")
        else "posterior"
    )
    drawn = parameters_of(result, runs.astype(np.uint64))
    names = [name for name in result.by_run.names if name in whole]
    outcomes = (
        whole[names]
        .rename(replication="draw")
        .expand_dims(chain=[0])
        .transpose("chain", "draw", ...)
    )
    outcomes = outcomes.drop_vars(
        [name for name in outcomes.coords if name not in ("chain", "draw", "arm")]
    )
    variables = {
        path: (("chain", "draw"), values[None]) for path, values in drawn.items()
    }
    groups = {
        of: labels_of.Dataset(variables, {"chain": [0], "draw": runs}),
        f"{of}_predictive": outcomes,
        "effects": outcomes.sel(arm=[*result.arms[1:]])
        - outcomes.sel(arm=result.reference, drop=True),
    }
    named = {f"/{name}": one.assign_attrs(whole.attrs) for name, one in groups.items()}
    tree: xr.DataTree = labels_of.DataTree.from_dict(named)
    return tree


FILE = "codebook.csv"
COLUMNS = [
    "outcome",
    "meaning",
    "unit",
    "type",
    "estimator",
    "window_days",
    "direction",
    "kind",
    "group",
    "fixed",
]


def codebook(
    names: Iterable[str], meanings: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A row an outcome, in the order of the tables' columns `names`, those of filtered
    estimates among them.

    estimator: of `levels` and `effects`; direction, kind: of the agreements that are
    counted; fixed: whether no arm can change it. meanings: of outcomes of the user's
    own, by name without `own_`.

    >>> book = codebook(["accords_counter_30", "filtered_accords_counter_30", "own_first"], {"first": "Days to it."})
    >>> book[["outcome", "unit", "estimator"]].values.tolist()
    [['accords_counter_30', 'agreements', 'filtered'], ['own_first', 'as its author
    says', 'count']]
    """
    there = list(names)
    filtered = {
        name.removeprefix(FILTERED) for name in there if name.startswith(FILTERED)
    }
    rows = [
        _row(name, is_filtered=name in filtered, meanings=meanings or {})
        for name in there
        if not name.startswith(FILTERED)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"window_days": "Int64"})


def _row(
    name: str, *, is_filtered: bool, meanings: Mapping[str, str]
) -> dict[str, object]:
    row: dict[str, object] = {
        "outcome": name,
        "estimator": "filtered" if is_filtered else "count",
    }
    if (found := known_outcome(name)) is None:  # of another version
        return (
            row
            | dict.fromkeys(
                ("meaning", "unit", "type", "direction", "kind", "group"), ""
            )
            | {"fixed": False}
        )
    own = meanings.get(name.removeprefix("own_")) if found.measure == "own" else None
    return row | {
        "meaning": own or found.sentence,
        "unit": found.declared.unit,
        "type": found.declared.type.value,
        "window_days": found.window,
        "direction": found.direction or "",
        "kind": found.kind or "",
        "group": found.group or "",
        "fixed": fixed_beforehand(name),
    }

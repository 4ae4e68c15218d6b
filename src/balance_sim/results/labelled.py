"""A study as labelled arrays: an xarray Dataset, and the draws of its parameters as ArviZ 1.0 reads them.

The extra `notebook` brings xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.model.core import Floats, Keys
from balance_sim.pool.errors import MissingExtra, WrongRequest
from balance_sim.replications.draws import deviations, distribution_of, joint_draws
from balance_sim.replications.outcomes import FILTERED
from balance_sim.results.frames import day_axis
from balance_sim.scenario.assemble import value_at
from balance_sim.scenario.defaults import SHARE, fitted_shares

if TYPE_CHECKING:
    import xarray as xr

    from balance_sim.results.result import Result


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
        each outcome by (arm, replication), filtered estimates too, with `long_name` and `units`; `dyad_expected` and
        `dyad_effect` by (arm, dyad), with the coordinates `a` and `b`; `state_expected` and `state_effect` by (arm,
        state); `counter_agreements` by (arm, replication, day), how many by each day after the focal date. What the
        control arm has no effect of, and what did not come by the horizon, is NaN

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
        variables[name] = (("arm", "replication"), values, {"long_name": said, "units": told["unit"][plain]})
    coordinates: dict[str, Any] = {"arm": arms, "replication": runs}
    for what, frame, keys in (("dyad", result.dyads, ["a", "b"]), ("state", result.states, ["state"])):
        if frame.empty:
            continue
        wide = frame.set_index([*keys, "arm"])[["mean", "effect"]].unstack("arm")
        for column, unit, words in (("mean", "expected", "Expected"), ("effect", "effect", "Effect on expected")):
            values = pd.DataFrame({arm: wide[column, arm] for arm in arms}).to_numpy(float).T
            about = {"long_name": f"{words} new security agreements within {result.window} days", "units": "agreements"}
            variables[f"{what}_{unit}"] = (("arm", what), values, about)
        coordinates[what] = ["-".join(key) if isinstance(key, tuple) else key for key in wide.index]
        if what == "dyad":
            coordinates |= {name: ("dyad", list(wide.index.get_level_values(name))) for name in keys}
    if (curves := result.curves()) and all(len(of) == len(runs) for of in curves.values()):
        coordinates["day"] = day_axis(result.horizon)
        about = {"long_name": "New counter-balancing security agreements by the day", "units": "agreements"}
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
    """(R,) value of every drawn parameter, by key path. Raises WrongRequest where replications have drawn none."""
    if isinstance(result.draws, str):
        draws = joint_draws(result.scenario, result.draws)
        return {path: draws.column(path)[runs % np.uint64(len(draws))] for path in draws.paths}
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
                out[path] = np.maximum(estimate + moved + value - max(estimate, 0.0), 0.0)
            elif value != 0 or ".weights." not in path:
                out[path] = value + moved
    return out


def inference_data(result: Result) -> xr.DataTree:
    """Draws of the parameters of a run with `draw_parameters`, and what each came to, as ArviZ reads them.

    Returns
    -------
    xarray.DataTree
        the groups `posterior` (`prior` where they were drawn from it), a variable a key path, by (chain, draw);
        `posterior_predictive` (`prior_predictive`), a variable an outcome, by (chain, draw, arm); `effects`, its paired
        difference from the control arm, by (chain, draw, arm). One chain; a draw is a replication

    Raises MissingExtra without xarray, WrongRequest where replications have drawn no parameters, or none finished."""
    labels_of = _xarray()
    whole = dataset(result)
    runs = whole["replication"].to_numpy()
    of = "prior" if isinstance(result.draws, str) and result.draws.startswith("prior") else "posterior"
    drawn = parameters_of(result, runs.astype(np.uint64))
    names = [name for name in result.by_run.names if name in whole]
    outcomes = whole[names].rename(replication="draw").expand_dims(chain=[0]).transpose("chain", "draw", ...)
    outcomes = outcomes.drop_vars([name for name in outcomes.coords if name not in ("chain", "draw", "arm")])
    variables = {path: (("chain", "draw"), values[None]) for path, values in drawn.items()}
    groups = {
        of: labels_of.Dataset(variables, {"chain": [0], "draw": runs}),
        f"{of}_predictive": outcomes,
        "effects": outcomes.sel(arm=[*result.arms[1:]]) - outcomes.sel(arm=result.reference, drop=True),
    }
    named = {f"/{name}": one.assign_attrs(whole.attrs) for name, one in groups.items()}
    tree: xr.DataTree = labels_of.DataTree.from_dict(named)
    return tree

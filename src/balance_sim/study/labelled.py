"""A study as labelled arrays: an xarray Dataset, and the draws of its parameters as
ArviZ 1.0 reads them. The extra `notebook` brings xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.model.core import Floats, Keys
from balance_sim.scenario.defaults import SHARE, fitted_shares
from balance_sim.scenario.errors import MissingExtra, WrongRequest
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import deviations, distribution_of, joint_draws
from balance_sim.study.frames import day_axis
from balance_sim.study.outcomes import FILTERED

if TYPE_CHECKING:
    import xarray as xr

    from balance_sim.study.result import Result


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
        `dyad_effect` by (arm, dyad), with the coordinates `a` and `b`; `state_expected`
        and `state_effect` by (arm, state); `counter_agreements` by (arm, replication,
        day), how many by each day after the focal date. What the control arm has no
        effect of, and what did not come by the horizon, is NaN

    Raises MissingExtra without xarray, WrongRequest where no replication finished."""
    xarray = _xarray()
    frame, arms = result.outcomes, list(result.arms)
    if frame.empty:
        raise WrongRequest("no replication finished, so there is nothing to label")
    runs = np.unique(frame["run"].to_numpy())
    index = pd.MultiIndex.from_product([arms, runs], names=["arm", "run"])
    table = frame.set_index(["arm", "run"]).reindex(index)
    book = result.codebook.set_index("outcome")
    variables: dict[str, Any] = {}
    for name in table.columns:
        outcome = name.removeprefix(FILTERED)
        meaning = book["meaning"][outcome]
        if outcome != name:
            meaning += " Filtered estimate."
        values = table[name].to_numpy(float).reshape(len(arms), len(runs))
        about = {"long_name": meaning, "units": book["unit"][outcome]}
        variables[name] = (("arm", "replication"), values, about)
    coordinates: dict[str, Any] = {"arm": arms, "replication": runs}
    for axis, effects, keys in (
        ("dyad", result.dyads, ["a", "b"]),
        ("state", result.states, ["state"]),
    ):
        if not effects.empty:
            long = effects.set_index([*keys, "arm"])[["mean", "effect"]]
            wide = pd.DataFrame(long.unstack("arm"))
            variables |= _expected_variables(result, axis, wide)
            coordinates |= _coordinates(axis, wide.index, keys)
    curves = result.curves()
    if curves and all(len(counts) == len(runs) for counts in curves.values()):
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
    labelled: xr.Dataset = xarray.Dataset(variables, coordinates, attributes)
    return labelled


def _expected_variables(
    result: Result, axis: str, wide: pd.DataFrame
) -> dict[str, Any]:
    """Expected new agreements, and the effect on them, by arm and dyad or state."""
    variables: dict[str, Any] = {}
    for column, name, words in (
        ("mean", "expected", "Expected"),
        ("effect", "effect", "Effect on expected"),
    ):
        by_arm = pd.DataFrame({arm: wide[column, arm] for arm in result.arms})
        window = f"within {result.window} days"
        about = {
            "long_name": f"{words} new security agreements {window}",
            "units": "agreements",
        }
        variables[f"{axis}_{name}"] = (("arm", axis), by_arm.to_numpy(float).T, about)
    return variables


def _coordinates(axis: str, index: pd.Index, keys: list[str]) -> dict[str, Any]:
    """Names along an axis: dyads as `A-B`, with each of their states beside them."""
    names = ["-".join(key) if isinstance(key, tuple) else key for key in index]
    coordinates: dict[str, Any] = {axis: names}
    if axis == "dyad":
        for key in keys:
            coordinates[key] = (axis, list(index.get_level_values(key)))
    return coordinates


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
            "all replications have the same parameters: "
            "run with draw_parameters='posterior', --draws posterior"
        )
    parameters = {}
    for distribution in (distribution_of(result.scenario), fitted_shares()):
        drawn = deviations(distribution, result.seed, runs)
        for path, deviation in drawn.items():
            value = float(value_at(result.scenario, path))
            if path.startswith(SHARE):  # as `draws.drawn_for` has it
                estimate = distribution.estimate[distribution.paths.index(path)]
                share = estimate + deviation + value - max(estimate, 0.0)
                parameters[path] = np.maximum(share, 0.0)
            elif value != 0 or ".weights." not in path:
                parameters[path] = value + deviation
    return parameters


def inference_data(result: Result) -> xr.DataTree:
    """Draws of the parameters of a run with `draw_parameters`, and what each came to,
    as ArviZ reads them.

    Returns
    -------
    xarray.DataTree
        the groups `posterior` (`prior` where they were drawn from it), a variable a key
        path, by (chain, draw);
        `posterior_predictive` (`prior_predictive`), a variable an outcome, by (chain,
        draw, arm); `effects`, its paired difference from the control arm, by (chain,
        draw, arm). One chain; a draw is a replication

    Raises MissingExtra without xarray, WrongRequest where replications have drawn no
    parameters, or none finished."""
    xarray = _xarray()
    labelled = dataset(result)
    runs = labelled["replication"].to_numpy()
    is_prior = isinstance(result.draws, str) and result.draws.startswith("prior")
    group = "prior" if is_prior else "posterior"
    names = [name for name in result.by_run.names if name in labelled]
    outcomes = labelled[names].rename(replication="draw").expand_dims(chain=[0])
    outcomes = outcomes.transpose("chain", "draw", ...)
    axes = ("chain", "draw", "arm")
    outcomes = outcomes.drop_vars(
        [name for name in outcomes.coords if name not in axes]
    )
    variables = {
        path: (("chain", "draw"), values[None])
        for path, values in parameters_of(result, runs.astype(np.uint64)).items()
    }
    control = outcomes.sel(arm=result.reference, drop=True)
    groups = {
        group: xarray.Dataset(variables, {"chain": [0], "draw": runs}),
        f"{group}_predictive": outcomes,
        "effects": outcomes.sel(arm=[*result.arms[1:]]) - control,
    }
    nodes = {
        f"/{name}": labels.assign_attrs(labelled.attrs)
        for name, labels in groups.items()
    }
    tree: xr.DataTree = xarray.DataTree.from_dict(nodes)
    return tree

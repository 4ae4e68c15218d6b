"""Outcomes of the user's own: functions of one arm's simulated history, measured in
every replication as ours are.

    # mine.py
    def first_of_japan(history):
        "Days to the first new security agreement of Japan."
        made = history.agreements
        japan = (made["a"] == "JPN") | (made["b"] == "JPN")
        return history.first(made["new"] & made["security"] & japan)

`balance-sim run SCENARIO --outcomes mine` measures every public function of the module
and stores `own_first_of_japan` beside our outcomes: paired, with effects, intervals,
figures and exports. What a function returns of a replication has to follow from that
replication alone. One that returns `history.weighted_count(weights)` has a filtered
estimate too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS, Floats, Ints, Keys
from balance_sim.model.own.answers import described
from balance_sim.model.own.modules import (
    CodeReferences,
    module_named,
    object_named,
    place_of,
    reference_to,
    where_raised,
)
from balance_sim.model.own.terms import closed, numbers_of
from balance_sim.model.state import AgreementRows
from balance_sim.scenario.diagnostics import (
    Mark,
    ScenarioError,
    did_you_mean,
    refused,
    shown,
)
from balance_sim.scenario.errors import OneLine, WrongRequest
from balance_sim.stats.frame import Frame
from balance_sim.study.filtered import FilteredSums
from balance_sim.study.outcomes import Outcome, days_after, is_new

if TYPE_CHECKING:
    import pandas as pd

Function = Callable[["ArmHistory"], Any]
OutcomeFunctions = str | Function | Iterable[Function] | Mapping[str, Function]
"""Functions, or the name of a module that has them."""


@dataclass(frozen=True)
class WeightedCount:
    """New agreements of R replications, each counted with the weight of its dyad and
    type: (R,) of those that were drawn, and (R,) their filtered estimate."""

    drawn: Floats
    filtered: Floats


@dataclass(frozen=True, repr=False)
class ArmHistory(OneLine):
    """Some replications of one arm, R of them, as an outcome of one's own sees them.

    Attributes
    ----------
    arm : str
        its name
    runs : (R,)
        numbers of the replications
    states : tuple of str
        codes of all states
    horizon : float
        days from the focal date to the scenario's end
    outcomes : mapping of (R,)
        our own outcomes by name, to be read; missing where that did not come by the
        horizon

    Examples
    --------
    >>> import balance_sim as bs
    >>> def pacts(history):
    ...     made = history.agreements
    ...     return history.count(made["new"] & (made["kind"] == "defence_pact"))
    >>> scenario = bs.load_scenario("experiments/smoke/what_if.yaml")
    >>> result = bs.run(scenario, runs=2, outcomes={"pacts": pacts})
    >>> "own_pacts" in result.outcomes
    True
    """

    arm: str
    runs: Ints
    states: tuple[str, ...]
    horizon: float
    outcomes: Mapping[str, Floats]
    worlds: Worlds
    sums: FilteredSums

    @property
    def rows(self) -> AgreementRows:
        """The agreements as the engine has them."""
        return self.sums.simulated.agreements

    @cached_property
    def agreements(self) -> pd.DataFrame:
        """Every agreement under way or made, a row each.

        Columns: `row` (which of the R replications), `a`, `b`, `kind`, `security`,
        `direction`, `origin`, `new` (signed after the focal date, neither signed nor
        scheduled at the start), and `signed`, `in_force`, `ended` in days from the
        focal date; missing where not by the horizon."""
        world, rows = self.worlds.arms[self.arm], self.rows
        codes = np.array(self.states)
        direction = self.worlds.baseline.direction[rows.dyad]
        days_to = days_after(rows.signed, world.focal_day)
        columns = {
            "row": rows.run,
            "a": codes[world.first[rows.dyad]],
            "b": codes[world.second[rows.dyad]],
            "kind": np.array(world.ladder.names)[rows.kind],
            "security": world.ladder.security[rows.kind],
            "direction": np.array(DIRECTIONS)[direction],
            "origin": np.array(ORIGINS)[rows.origin],
            "new": is_new(rows.origin, days_to, self.horizon),
        }
        for name in ("signed", "in_force", "ended"):
            days = getattr(rows, name) - world.focal_day
            columns[name] = np.where(days < self.horizon, days, np.nan)
        return Frame(columns)

    def count(self, rows: Any) -> Floats:
        """(R,) how many agreements of a mask over `agreements`."""
        run = self.rows.run[np.asarray(rows, dtype=bool)]
        return np.bincount(run, minlength=len(self.runs)).astype(float)

    @cached_property
    def dyad_types(self) -> pd.DataFrame:
        """Every dyad with every agreement type, a row each: `a`, `b`, `kind`,
        `security`, `direction`."""
        world, direction = self.worlds.arms[self.arm], self.worlds.baseline.direction
        codes, types = np.array(self.states), len(world.ladder.names)
        dyad = np.repeat(np.arange(len(world.first)), types)
        kind = np.tile(np.arange(types), len(world.first))
        return Frame(
            {
                "a": codes[world.first[dyad]],
                "b": codes[world.second[dyad]],
                "kind": np.array(world.ladder.names)[kind],
                "security": world.ladder.security[kind],
                "direction": np.array(DIRECTIONS)[direction[dyad]],
            }
        )

    def weighted_count(self, weights: Any, window: int | None = None) -> WeightedCount:
        """New agreements, each counted with the weight of its dyad and type. Returned
        by an outcome of one's own, its effect is of the filtered estimate.

        Parameters
        ----------
        weights : (rows of `dyad_types`,)
            numbers, or a mask
        window : int, optional
            days after the event, one of the report's windows; the longest if not given

        Raises
        ------
        ValueError
            for another window, or weights that are not one finite number a row, or all
            0 where there are dyads of every direction
        """
        windows = self.sums.windows
        days = windows.longest if window is None else window
        if days not in windows.days:
            raise ValueError(f"window {shown(days)} is none of {list(windows.days)}")
        world = self.sums.world
        shape = len(world.first), len(world.ladder.names)
        values = numbers_of(weights)
        if values.shape != (shape[0] * shape[1],) or not np.isfinite(values).all():
            raise ValueError("weights are one finite number for each row of dyad_types")
        if not values.any() and {*DIRECTIONS} <= {*self.dyad_types["direction"]}:
            raise ValueError("weights are 0 for every row of dyad_types: none counts")
        by_dyad = values.reshape(shape)
        rows, after = self.rows, days_after(self.rows.signed, world.focal_day)
        new = is_new(rows.origin, after, min(days, self.horizon))
        weight = by_dyad[rows.dyad[new], rows.kind[new]]
        drawn = np.bincount(rows.run[new], weight, minlength=len(self.runs))
        drawn = drawn.astype(float)  # of no agreement it counts in integers
        return WeightedCount(drawn, self.sums.weighted(days, by_dyad))

    def first(self, rows: Any, date: str = "signed") -> Floats:
        """(R,) days from the focal date to the first of these agreements; missing where
        there is none."""
        days = self.agreements[date].to_numpy()
        dated = np.asarray(rows, dtype=bool) & np.isfinite(days)
        earliest = np.full(len(self.runs), np.inf)
        np.minimum.at(earliest, self.rows.run[dated], days[dated])
        return np.where(np.isfinite(earliest), earliest, np.nan)


def measured(
    worlds: Worlds,
    arm: str,
    sums: FilteredSums,
    runs: Keys,
    outcomes: Mapping[str, Floats],
    own: CodeReferences,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Each outcome of one's own, (R,), and the filtered estimates of those that have
    one. outcomes: ours. Raises ScenarioError, with file and line, for a function that
    returns none."""
    world = worlds.arms[arm]
    horizon = float(world.grid[-1] - world.focal_day)
    numbers = closed(runs.astype(np.int64))
    by_name = {name: closed(values) for name, values in outcomes.items()}
    columns, filtered = {}, {}
    for name, reference in own:
        # a history for each, so that none sees what another did to it
        history = ArmHistory(arm, numbers, world.codes, horizon, by_name, worlds, sums)
        column, function = Outcome("own", name).name, function_named(reference)
        values = _evaluated(name, function, history)
        if isinstance(values, WeightedCount):
            columns[column], filtered[column] = values.drawn, values.filtered
        else:
            columns[column] = values
    return columns, filtered


def refuse_unsteady(
    own: CodeReferences, alone: Mapping[str, float], together: Mapping[str, float]
) -> None:
    """Raises ScenarioError where an outcome of one replication depends on whether
    another is measured with it: where it counts replications, stores something from
    call to call, or draws random numbers."""
    for name, reference in own:
        column = Outcome("own", name).name
        first, second = alone[column], together[column]
        if first != second and not np.isnan([first, second]).all():
            mark = place_of(function_named(reference))
            why = f"gave {first} for a replication alone, and {second} beside another"
            hint = "what it gives of a replication has to follow from that one alone"
            raise _fault(mark, name, why, hint)


def _evaluated(
    name: str, function: Function, history: ArmHistory
) -> Floats | WeightedCount:
    """(R,) what a function returns of a history, checked."""
    mark, count = place_of(function), len(history.runs)
    try:
        given = function(history)
        if isinstance(given, WeightedCount):
            return given
    except (Exception, SystemExit) as error:
        hint = "repair the function"
        if isinstance(error, KeyError) and error.args:
            columns = history.agreements.columns
            hint = did_you_mean(str(error.args[0]), columns) or hint
        elif WeightedCount.__name__ in str(error):
            hint = "return weighted_count as it is: factors belong into its weights"
        why = f"ends in {type(error).__name__}: {error}"
        raise _fault(where_raised(error, mark), name, why, hint) from error
    hint = "return one number a replication: an array of len(history.runs)"
    try:
        values = numbers_of(given)
    except (TypeError, ValueError) as error:
        why = f"gave {described(given)}, no numbers, for {count} replications"
        raise _fault(mark, name, why, hint) from error
    if given is None or values.shape != (count,):
        why = f"gave {described(given)} for {count} replications"
        raise _fault(mark, name, why, hint)
    if np.isinf(values).any():
        raise _fault(mark, name, "gave an infinite number", "what is missing is NaN")
    return values


def _fault(at: Mark, name: str, why: str, hint: str) -> ScenarioError:
    return refused(at, f"outcome `{name}`", "E310", why, hint)


def function_named(reference: str) -> Function:
    """What `module:function` names, imported. Raises WrongRequest where it is not there
    or cannot be imported."""
    function: Function = object_named(reference, "outcomes")
    if not callable(function):
        raise WrongRequest(f"outcomes {reference}: that is no function")
    return function


def outcomes_named(given: OutcomeFunctions, *, elsewhere: bool) -> CodeReferences:
    """`module:function` of outcomes by name; of what is in no module a name that is
    good in this process alone.

    Parameters
    ----------
    given : a function, several, or by name; or the name of a module with public
        functions
    elsewhere : other processes are to find them too

    Raises
    ------
    WrongRequest : where they could not, a name is none, or there is no function
    """
    if isinstance(given, str):
        values = vars(module_named(given, "outcomes")).items()
        functions = {
            name: function
            for name, function in values
            if isinstance(function, FunctionType)
            and function.__module__ == given
            and not name.startswith("_")
        }
        if not functions:
            raise WrongRequest(
                f"outcomes {given}: it defines no function; write "
                "`def name(history): ...`"
            )
        return tuple((name, f"{given}:{name}") for name in sorted(functions))
    if callable(given) or not isinstance(given, Iterable):
        given = [given]
    if not isinstance(given, Mapping):
        given = {getattr(each, "__name__", repr(each)): each for each in given}
    named = []
    for name, function in sorted(given.items()):
        if not str(name).isidentifier():
            raise WrongRequest(f"outcome `{name}`: a name is letters, digits and _")
        if not callable(function):
            raise WrongRequest(f"outcome `{name}`: {shown(function)} is no function")
        reference = reference_to(function, "outcome", name, elsewhere=elsewhere)
        function_named(reference)
        named.append((name, reference))
    return tuple(named)


def meanings(own: CodeReferences) -> dict[str, str]:
    """By name, the first line of each function's docstring, as far as it can be
    imported."""
    lines = {}
    for name, reference in own:
        with suppress(WrongRequest):
            text = function_named(reference).__doc__ or ""
            lines[name] = text.strip().partition("\n")[0]
    return lines

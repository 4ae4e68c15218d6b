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
replication alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS, Floats, Ints, Keys
from balance_sim.model.own.modules import (
    NOWHERE,
    in_no_module,
    module_named,
    object_named,
    place_of,
    plugin,
    where_raised,
)
from balance_sim.model.own.terms import numbers_of
from balance_sim.model.state import AgreementRows
from balance_sim.scenario.diagnostics import did_you_mean, refused
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.outcomes import Outcome, days_after, is_new

if TYPE_CHECKING:
    import pandas as pd

CodeReferences = tuple[tuple[str, str], ...]
"""Names of outcomes, and `module:function` of each."""
LOCAL = "<here>"
_here: dict[str, Callable[[ArmHistory], Any]] = {}


@dataclass(frozen=True)
class ArmHistory:
    """Some replications of one arm, R of them, as an outcome of one's own sees them.

    Attributes
    ----------
    arm : its name
    runs : (R,) numbers of the replications
    states : codes of all states
    horizon : days from the focal date to the scenario's end
    outcomes : our own outcomes by name, (R,) each, to be read; missing where that did not come by the horizon

    Examples
    --------
    >>> import balance_sim as bs
    >>> def pacts(history):
    ...     return history.count(history.agreements["new"] & (history.agreements["kind"] == "defence_pact"))
    >>> result = bs.run(bs.load_scenario("experiments/smoke/what_if.yaml"), runs=2, outcomes={"pacts": pacts})
    >>> "own_pacts" in result.outcomes
    True
    """

    arm: str
    runs: Ints
    states: tuple[str, ...]
    horizon: float
    outcomes: Mapping[str, Floats]
    worlds: Worlds
    made: AgreementRows

    @cached_property
    def agreements(self) -> pd.DataFrame:
        """Every agreement under way or made, a row each: `row` (which of the R
        replications), `a`, `b`, `kind`,
        `security`, `direction`, `origin`, `new` (signed after the focal date, neither signed nor scheduled at the
        start), and `signed`, `in_force`, `ended` in days from the focal date; missing
        where not by the horizon."""
        import pandas as pd  # whoever has no outcomes of their own does without

        world, made, codes = (
            self.worlds.arms[self.arm],
            self.made,
            np.array(self.states),
        )
        days = {
            name: getattr(made, name) - world.focal_day
            for name in ("signed", "in_force", "ended")
        }
        columns = {
            "row": made.run,
            "a": codes[world.first[made.dyad]],
            "b": codes[world.second[made.dyad]],
            "kind": np.array(world.ladder.names)[made.kind],
            "security": world.ladder.security[made.kind],
            "direction": np.array(DIRECTIONS)[
                self.worlds.baseline.direction[made.dyad]
            ],
            "origin": np.array(ORIGINS)[made.origin],
            "new": is_new(
                made.origin, days_after(made.signed, world.focal_day), self.horizon
            ),
        }
        return pd.DataFrame(
            columns
            | {
                name: np.where(of < self.horizon, of, np.nan)
                for name, of in days.items()
            }
        )

    def count(self, rows: Any) -> Floats:
        """(R,) how many agreements of a mask over `agreements`."""
        return np.bincount(
            self.made.run[np.asarray(rows, dtype=bool)], minlength=len(self.runs)
        ).astype(float)

    def first(self, rows: Any, date: str = "signed") -> Floats:
        """(R,) days from the focal date to the first of these agreements; missing where
        there is none."""
        out, days = np.full(len(self.runs), np.inf), self.agreements[date].to_numpy()
        known = np.asarray(rows, dtype=bool) & np.isfinite(days)
        np.minimum.at(out, self.made.run[known], days[known])
        return np.where(np.isfinite(out), out, np.nan)


def measured(
    worlds: Worlds,
    arm: str,
    made: AgreementRows,
    runs: Keys,
    known: Mapping[str, Floats],
    own: CodeReferences,
) -> dict[str, Floats]:
    """Each outcome of one's own, (R,). Raises ScenarioError, with file and line, for a
    function that gives none."""
    world = worlds.arms[arm]
    horizon, closed = (
        float(world.grid[-1] - world.focal_day),
        {name: _closed(of) for name, of in known.items()},
    )
    out = {}
    for (
        name,
        reference,
    ) in (
        own
    ):  # each has a history of its own, so that none finds what another did to it
        history = ArmHistory(
            arm,
            _closed(runs.astype(np.int64)),
            world.codes,
            horizon,
            closed,
            worlds,
            made,
        )
        out[Outcome("own", name).name] = _evaluated(
            name, function_named(reference), history
        )
    return out


def _closed[Kind: np.generic](array: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    """The array, for reading alone."""
    view = array.view()
    view.flags.writeable = False
    return view


def refuse_unsteady(
    own: CodeReferences, alone: Mapping[str, float], beside: Mapping[str, float]
) -> None:
    """Raises ScenarioError where an outcome of one replication depends on whether
    another is measured beside it: where it counts replications, keeps something from
    call to call, or draws random numbers."""
    for name, reference in own:
        one, two = (values[Outcome("own", name).name] for values in (alone, beside))
        if not (one == two or (np.isnan(one) and np.isnan(two))):
            why = f"gave {one} for a replication alone, and {two} beside another"
            hint = "what it gives of a replication has to follow from that replication alone"
            raise refused(
                place_of(function_named(reference)),
                f"outcome `{name}`",
                "E310",
                why,
                hint,
            )


def _evaluated(
    name: str, function: Callable[[ArmHistory], Any], history: ArmHistory
) -> Floats:
    at, path, count = place_of(function), f"outcome `{name}`", len(history.runs)
    try:
        found = numbers_of(function(history))
    except TimeoutError:
        raise  # the time limit of a replication
    except (Exception, SystemExit) as error:
        is_key = isinstance(error, KeyError) and error.args
        near = (
            did_you_mean(str(error.args[0]), history.agreements.columns)
            if is_key
            else ""
        )
        why = f"ends in {type(error).__name__}: {error}"
        raise refused(
            where_raised(error, at), path, "E310", why, near or "repair the function"
        ) from error
    if found.shape != (count,):
        several = (
            f"numbers of shape {found.shape}"
            if found.ndim > 1
            else f"{found.size} numbers"
        )
        given = several if found.ndim else "a bare number, no array,"
        why = f"gave {given} for {count} replication{'s' * (count > 1)}"
        raise refused(
            at,
            path,
            "E310",
            why,
            "return one number a replication: an array of len(history.runs)",
        )
    if np.isinf(found).any():
        raise refused(
            at, path, "E310", "gave an infinite number", "what is missing is NaN"
        )
    return found


def function_named(reference: str) -> Callable[[ArmHistory], Any]:
    """What `module:function` names, imported. Raises WrongRequest where it is not there
    or cannot be imported."""
    module, _, name = reference.partition(":")
    if module == LOCAL:
        if name not in _here:
            raise WrongRequest(
                f"outcome `{name}` is a function of another process: put it into a module"
            )
        return _here[name]
    found = object_named(reference, "--outcomes")
    if not isinstance(found, FunctionType):
        raise WrongRequest(f"--outcomes {module}: `{name}` is no function")
    return found


def functions_of(name: str) -> CodeReferences:
    """Every public function of a module, by name; or what the plug-in of that name is.
    Raises WrongRequest for none."""
    module, _, function = (plugin("outcomes", name) or name).partition(":")
    if function:
        return ((name, f"{module}:{function}"),)
    there = sorted(vars(module_named(module, "--outcomes")).items())
    own = [
        key
        for key, one in there
        if isinstance(one, FunctionType) and one.__module__ == module and key[0] != "_"
    ]
    if not own:
        raise WrongRequest(
            f"--outcomes {module}: it defines no function; write `def name(history): ...`"
        )
    return tuple((key, f"{module}:{key}") for key in own)


def references(
    functions: Mapping[str, Callable[[ArmHistory], Any]], *, elsewhere: bool
) -> CodeReferences:
    """`module:function` of each; of what is in no module a name that is good in this
    process alone.

    elsewhere: other processes are to find them too. Raises WrongRequest where they
    could not, or a name is none."""
    out = []
    for name, one in sorted(functions.items()):
        if not name.isidentifier():
            raise WrongRequest(f"outcome `{name}`: a name is letters, digits and _")
        module, of = (
            getattr(one, "__module__", "") or "",
            getattr(one, "__qualname__", ""),
        )
        if module in NOWHERE or getattr(sys.modules.get(module), of, None) is not one:
            if elsewhere:
                raise WrongRequest(in_no_module("outcome", name))
            _here[name], module, of = one, LOCAL, name
        out.append((name, f"{module}:{of}"))
    return tuple(out)


def meaning(reference: str) -> str:
    """The first line of the function's docstring, as far as it can be imported."""
    try:
        return (function_named(reference).__doc__ or "").strip().partition("\n")[0]
    except WrongRequest:
        return ""

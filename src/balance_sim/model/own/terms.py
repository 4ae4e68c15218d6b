"""Terms of willingness of the user's own: a number for each side of each dyad, from a
function under `@bs.term`.

    # languages.py
    import balance_sim as bs
    import numpy as np

    @bs.term
    def shared_language(now):
        "1 where both states have Spanish as an official language."
        speaks = np.isin(now.states, ["ESP", "MEX", "ARG"])
        return speaks[:, None] & speaks

`balance-sim run SCENARIO --terms languages --set WEIGHT=0.8`, with the weight
`theory.weights.own_shared_language`, adds 0.8 nats to the willingness of both sides of
such dyads, as if the term were built in. A term that reads what changes in a
replication says the least and the most that it can be,
`@bs.term(between=(0, 1))`: thinning rests on it (`model/thinning.py`), and a value
beyond is an error, so that paired arms stay exact.

Which rules of the user's own a scenario uses, for the record of a study and for whoever
runs it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import Bools, Floats, World
from balance_sim.model.own import events
from balance_sim.model.own.events import not_registered
from balance_sim.model.own.modules import (
    NOWHERE,
    Registry,
    in_no_module,
    place_of,
    reference_of,
    where_raised,
)
from balance_sim.model.perception import View
from balance_sim.model.prospects import Extremes, Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.willingness import Bounds, Term
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.diagnostics import Mark, ScenarioError, refused
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario

TermFunction = Callable[["Situation"], Any]


@dataclass(frozen=True)
class Situation:
    """What a term of the user's own reads: facts of n states and, in R replications at
    once, what changes.

    In matrices the row is the state that decides and the column its partner. `x[..., :,
    None]` makes of a number a state the deciding state's, `x[..., None, :]` the
    partner's. Arrays cannot be written to.

    Attributes
    ----------
    states : (n,)
        codes
    capability : (n,)
        shares
    distance_km, ideal_point_gap : (n, n)
        distance; difference of ideal points
    democracy, democracy_gap : (n, n)
        the lesser of the two scores of democracy, and their difference
    trade : (n, n)
        share of the row's trade with the column
    day : float
        days from the focal date. This and all that follows changes: see `term`
    depth : (R, n, n)
        support promised by the agreements in force between the two, 0 to 1
    partners : (R, n)
        states with which a state has a security agreement in force
    hostility : (R, n, n)
        hostile intent of the column as the row sees it, 0 to 1
    alignment : (R, n, n)
        probability that the column stands with the row, as the row sees it
    against : (R, n, n)
        how far the column is against the row, with whom it is aligned taken into
        account, 0 to 1
    threat : (R, n, n)
        threat to the row by the column, capability shares
    insecurity, effort : (R, n)
        share of the balance against a state; rise of its capability by its own effort

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> now = Situation(bs.BalanceModel(scenario).world)
    >>> now.trade.shape, [str(code) for code in now.states[now.distance_km[0] < 500]]
    ((5, 5), ['XAR', 'XEL'])
    """

    world: World
    view: View | None = None
    state: BlockState | None = None

    @cached_property
    def states(self) -> npt.NDArray[np.str_]:
        return np.array(self.world.codes)

    @property
    def capability(self) -> Floats:
        return _closed(self.world.capability)

    @property
    def distance_km(self) -> Floats:
        return _closed(self.world.distance_km)

    @property
    def ideal_point_gap(self) -> Floats:
        return _closed(self.world.gap)

    @property
    def democracy(self) -> Floats:
        return _closed(self.world.democracy)

    @property
    def democracy_gap(self) -> Floats:
        return _closed(self.world.democracy_gap)

    @property
    def trade(self) -> Floats:
        return _closed(self.world.trade)

    @property
    def day(self) -> float:
        return self._now("day")[0].day - self.world.focal_day

    @property
    def depth(self) -> Floats:
        return _closed(self._now("depth")[1].depth)

    @property
    def partners(self) -> Floats:
        return _closed(self._now("partners")[1].partners)

    @property
    def hostility(self) -> Floats:
        return _closed(self._now("hostility")[0].hostility)

    @property
    def alignment(self) -> Floats:
        return _closed(self._now("alignment")[0].own)

    @property
    def against(self) -> Floats:
        return _closed(self._now("against")[0].against)

    @property
    def threat(self) -> Floats:
        return _closed(self._now("threat")[0].threat)

    @property
    def insecurity(self) -> Floats:
        return _closed(self._now("insecurity")[0].insecurity)

    @property
    def effort(self) -> Floats:
        return _closed(self._now("effort")[1].effort)

    def _now(self, name: str) -> tuple[View, BlockState]:
        if self.view is None or self.state is None:
            raise TypeError(
                f"`{name}` changes in a replication: say the least and the most that "
                "the term can be, as @bs.term(between=(0, 1))"
            )
        return self.view, self.state


def _closed(array: Floats) -> Floats:
    """The array, for reading alone."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Declared:
    """What a decorator said of a term. between: None for one that does not change in a
    replication."""

    between: tuple[float, float] | None = None
    symmetric: bool = False


REGISTERED: Registry[Declared] = Registry("terms", "term")


@overload
def term(name: TermFunction, /) -> TermFunction: ...
@overload
def term(
    name: str | None = None,
    /,
    *,
    between: tuple[float, float] | None = None,
    symmetric: bool = False,
) -> Callable[[TermFunction], TermFunction]: ...
def term(
    name: TermFunction | str | None = None,
    /,
    *,
    between: tuple[float, float] | None = None,
    symmetric: bool = False,
) -> TermFunction | Callable[[TermFunction], TermFunction]:
    """Register a term of willingness of your own; the function stays as it is.

    Its weight stands in the scenario as `theory.weights.own_<name>`, which `--set`,
    arms and sweeps take like any other; at weight 0, the default, nothing changes.
    Figures and `explain` show it among the built-in terms.

    Parameters
    ----------
    name : str, optional
        of the term; the function's name if not given
    between : (float, float), optional
        the least and the most that the term can be, for one that reads what changes in
        a replication: what is signed, beliefs, threat, the day. A value beyond them is
        an error. Without it the term is computed once for each arm, from facts alone
    symmetric : bool
        refuse a matrix that says other things of the two sides of a dyad

    Returns
    -------
    callable
        the decorated function. It takes a `Situation` and returns an (n, n) array of
        finite numbers, or what broadcasts to it, or (R, n, n) where it is a changing
        one; nats before the weight, the diagonal is not read. What it returns of a
        replication has to follow from that replication alone

    Raises
    ------
    ValueError
        for a name that is taken, or bounds that are none

    Examples
    --------
    >>> import balance_sim as bs
    >>> @bs.term
    ... def nearness(now):
    ...     return (now.distance_km < 1000) * 1.0
    >>> weight = ["theory.weights.own_nearness=0.5"]
    >>> file = "experiments/smoke/five_states.yaml"
    >>> bs.run(bs.load_scenario(file, set=weight), runs=2).runs
    2
    """
    if between is not None:
        low, high = between
        if not (isfinite(low) and isfinite(high) and low <= high):
            raise ValueError(f"between={between}: give two numbers, the least first")

    def entered(function: TermFunction) -> TermFunction:
        named = name if isinstance(name, str) else function.__name__
        REGISTERED.enter(named, function, Declared(between, symmetric))
        return function

    return entered(name) if callable(name) else entered


@dataclass(frozen=True)
class OwnTerm:
    """What a term of the user's own is in one arm: the function of a `Term`.

    low, high: (n, n), the same where it does not change; name: with `own_` in front."""

    name: str
    function: TermFunction
    declared: Declared
    low: Floats
    high: Floats

    @property
    def is_changing(self) -> bool:
        """Whether it reads what changes in a replication."""
        return self.declared.between is not None

    def as_term(self) -> Term:
        """The term, to stand among the built-in ones."""
        reads: Any = "beliefs" if self.is_changing else "facts"
        return Term(self.name, self.values, self.bounds, reads=reads)

    def values(self, p: Prospects) -> Floats:
        """(C,) before the weight."""
        if not self.is_changing:
            return self.low.take(p.apart)
        if not len(p.ego):
            return np.zeros(0)
        shape = (len(p.view.depth), p.world.n, p.world.n)
        situation = Situation(p.world, p.view, p.state)
        return self.evaluated(situation, shape).take(p.at)

    def bounds(self, _: Extremes) -> Bounds:
        """The least and the most, broadcast to (n, n, M)."""
        return self.low[:, :, None], self.high[:, :, None]

    def refuse_unsteady(self, p: Prospects) -> None:
        """Raises ScenarioError where the term is one number, and then another, for one
        state of the world."""
        if self.is_changing:
            values, again = self.values(p), self.values(p)
        else:
            values = self.low
            again = self.evaluated(Situation(p.world), self.low.shape)
        unlike = values != again
        if unlike.any():
            why = f"is {values[unlike][0]:g}, and {again[unlike][0]:g} when asked again"
            hint = "what it gives has to follow from `now` alone"
            raise self._fault(why, hint)

    def evaluated(self, situation: Situation, shape: tuple[int, ...]) -> Floats:
        """The term as a matrix with a diagonal of 0. shape: (n, n) or (R, n, n).

        Raises ScenarioError, with the function's file and line, for what is no such
        array, no number, out of bounds or asymmetric where it must not be."""
        values = np.broadcast_to(self._returned(situation, shape), shape).copy()
        diagonal = np.arange(shape[-1])
        values[..., diagonal, diagonal] = 0.0

        def refuse(wrong: Bools, why: str, hint: str, allowed: str = "") -> None:
            if wrong.any():
                place = tuple(np.argwhere(wrong)[0])
                ego, alter = (situation.world.codes[index] for index in place[-2:])
                dyad = f"{ego} about {alter}"
                why = why.format(value=values[place], dyad=dyad)
                raise self._fault(why, hint, allowed)

        refuse(
            ~np.isfinite(values),
            "is {value} for {dyad}",
            "give a finite number; 0 where nothing is known",
        )
        if self.declared.symmetric:
            refuse(
                values != values.swapaxes(-1, -2),
                "is {value:g} for {dyad}, and not the other way round",
                "leave out symmetric=True",
            )
        if self.declared.between is not None:
            low, high = self.declared.between
            beyond = (values < low) | (values > high)
            beyond[..., diagonal, diagonal] = False
            allowed = f"{low:g} to {high:g}"
            refuse(beyond, "is {value:g} for {dyad}", "widen `between`", allowed)
        return values

    def _returned(self, situation: Situation, shape: tuple[int, ...]) -> Floats:
        """The function's array, if it can be broadcast to the shape."""
        try:
            values = numbers_of(self.function(situation))
        except (Exception, SystemExit) as error:
            why = f"ends in {type(error).__name__}: {error}"
            mark = where_raised(error, place_of(self.function))
            raise self._fault(why, "repair the function", mark=mark) from error
        lacks = (
            f"gives an array of {values.shape}, not of {shape[-2:]} states by states"
        )
        if values.ndim < 2 or values.ndim > len(shape):
            raise self._fault(
                lacks, "x[None, :] makes of a number a state that of the partner"
            )
        try:
            np.broadcast_to(values, shape)
        except ValueError:
            hint = "rows decide, columns are partners, both in the order of `states`"
            raise self._fault(lacks, hint) from None
        return values

    def _fault(
        self, why: str, hint: str, allowed: str = "", mark: Mark | None = None
    ) -> ScenarioError:
        path = f"theory.weights.{self.name}"
        return refused(
            mark or place_of(self.function),
            path,
            "E310",
            f"the term {why}",
            hint,
            allowed,
        )


def numbers_of(values: Any) -> Floats:
    """What a function of the user's own returned, as numbers; what is masked is
    missing. Raises TypeError for complex."""
    if np.iscomplexobj(values):
        raise TypeError("complex numbers")
    if isinstance(values, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(values), np.nan, values.data)
    return np.asarray(values, dtype=np.float64)


def own_term(world: World, name: str, scenario: str) -> OwnTerm:
    """A term of the user's own, `own_<name>`, in a world. scenario: its name, for
    messages. Raises ScenarioError for one that is registered nowhere, and as
    `evaluated`."""
    entry = REGISTERED.find(name.removeprefix(OWN))
    if entry is None:
        path = f"theory.weights.{name}"
        raise not_registered(scenario, path, "term of willingness", name)
    function, declared = entry
    shape = (world.n, world.n)
    if declared.between is not None:
        low, high = (np.full(shape, end) for end in declared.between)
        return OwnTerm(name, function, declared, low, high)
    blank = np.zeros(shape)
    unbounded = OwnTerm(name, function, declared, blank, blank)
    fixed = _closed(unbounded.evaluated(Situation(world), shape))
    return replace(unbounded, low=fixed, high=fixed)


def own_terms(world: World, scenario: str) -> dict[str, OwnTerm]:
    """Terms of the user's own that have a weight in a world, by name. scenario: its
    name, for messages."""
    weights = world.rules.weights
    names = [name for name in weights if name.startswith(OWN) and weights[name] != 0]
    return {name: own_term(world, name, scenario) for name in names}


def with_own_terms(world: World, scenario: str) -> World:
    """The world with the terms of the user's own that have a weight in it. scenario:
    its name, for messages. Raises ScenarioError as `own_term`."""
    terms = {name: term.as_term() for name, term in own_terms(world, scenario).items()}
    return replace(world, own_terms=terms) if terms else world


WEIGHT = "theory.weights."


def rules_of(
    scenario: Scenario, paths: Iterable[str] = (), *, elsewhere: bool
) -> tuple[tuple[str, str], ...]:
    """Terms and kinds of event of the user's own in any arm: name, with `own_` in
    front, and `module:function`.

    paths: key paths that a design sets too. elsewhere: other processes are to find
    them.

    Raises WrongRequest where they could not. What is registered nowhere is left out:
    `compile_world` refuses it."""
    set_paths, set_values = {*paths}, set[str]()
    event_types = {event.kind for event in scenario.events}
    for arm in scenario.arms.values():
        set_paths |= arm.set.keys()
        set_values |= {str(value) for value in arm.set.values()}
        event_types |= {event.kind for event in arm.add}
    weights = scenario.theory.weights
    names = {name for name, weight in weights.items() if weight != 0}
    names |= {
        path.removeprefix(WEIGHT) for path in set_paths if path.startswith(WEIGHT)
    }
    names |= event_types | set_values
    rules = []
    for name in sorted(name for name in names if name.startswith(OWN)):
        reference = reference_of_rule(name)
        if elsewhere and reference and reference.partition(":")[0] in NOWHERE:
            raise WrongRequest(in_no_module("the rule", name.removeprefix(OWN)))
        if reference:
            rules.append((name, reference))
    return tuple(rules)


def reference_of_rule(name: str) -> str:
    """`module:function` of a term or kind of event of the user's own, `own_<name>`; ""
    where none is registered."""
    plain = name.removeprefix(OWN)
    entry = REGISTERED.find(plain) or events.REGISTERED.find(plain)
    return reference_of(entry[0]) if entry else ""

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
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import Floats, World
from balance_sim.model.own.events import not_registered
from balance_sim.model.own.modules import (
    Registry,
    place_of,
    where_raised,
)
from balance_sim.model.perception import View
from balance_sim.model.prospects import Extremes, Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.willingness import Bounds, Term
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.diagnostics import Mark, ScenarioError, refused

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

    def __getattr__(self, name: str) -> Any:
        """One of the attributes above, closed for writing."""
        if name not in READ:
            raise AttributeError(f"a term reads {', '.join(READ)}; not `{name}`")
        place = READ[name]
        if not place.startswith("world.") and self.view is None:
            raise TypeError(
                f"`{name}` changes in a replication: say the least and the most that "
                "the term can be, as @bs.term(between=(0, 1))"
            )
        value = attrgetter(place)(self)
        if name == "day":
            return value - self.world.focal_day
        return closed(np.asarray(value))


READ = {
    "states": "world.codes",
    "capability": "world.capability",
    "distance_km": "world.distance_km",
    "ideal_point_gap": "world.gap",
    "democracy": "world.democracy",
    "democracy_gap": "world.democracy_gap",
    "trade": "world.trade",
    "day": "view.day",
    "depth": "state.depth",
    "partners": "state.partners",
    "hostility": "view.hostility",
    "alignment": "view.own",
    "against": "view.against",
    "threat": "view.threat",
    "insecurity": "view.insecurity",
    "effort": "state.effort",
}
"""By attribute of a `Situation`, where its value stands."""


def closed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of the array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


Between = tuple[float, float] | None
"""The least and the most of a term that changes in a replication; None for others."""
REGISTERED: Registry[Between] = Registry("terms")


def term(name: TermFunction | str | None = None, /, *, between: Between = None) -> Any:
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
    if between is not None and not -np.inf < between[0] <= between[1] < np.inf:
        raise ValueError(f"between={between}: give two numbers, the least first")

    return REGISTERED.decorator(name, between)


@dataclass(frozen=True)
class OwnTerm:
    """A term of the user's own in one arm.

    Attributes
    ----------
    name : str
        with `own_` in front
    function : callable
        the user's
    between : (float, float) or None
        as declared
    low, high : (n, n)
        the least and the most; the same for a term that does not change
    """

    name: str
    function: TermFunction
    between: Between
    low: Floats
    high: Floats

    def values(self, p: Prospects) -> Floats:
        """Return (C,) values before the weight."""
        if self.between is None:
            return self.low.take(p.apart)
        if not len(p.ego):
            return np.zeros(0)
        shape = (len(p.view.depth), p.world.n, p.world.n)
        return self.evaluated(Situation(p.world, p.view, p.state), shape).take(p.at)

    def bounds(self, _: Extremes) -> Bounds:
        """Return the least and the most, broadcast to (n, n, M)."""
        return self.low[:, :, None], self.high[:, :, None]

    def refuse_unsteady(self, p: Prospects) -> None:
        """Raise ScenarioError where the term gives two values for one situation, or is
        0 always."""
        if self.between is None:
            values = self.low
            again = self.evaluated(Situation(p.world), self.low.shape)
            if not values.any() and not again.any():
                hint = "compare what it looks for with `now.states`"
                raise self._refused("is 0 for every two states", hint)
        else:
            values, again = self.values(p), self.values(p)
        differs = values != again
        if differs.any():
            why = (
                f"is {values[differs][0]:g}, and {again[differs][0]:g} when asked again"
            )
            raise self._refused(why, "what it gives has to follow from `now` alone")

    def evaluated(self, situation: Situation, shape: tuple[int, ...]) -> Floats:
        """Return the term as a matrix with a diagonal of 0, of a shape (n, n) or
        (R, n, n).

        Raises ScenarioError, with the function's file and line, for another shape and
        for numbers that are not finite or out of bounds."""
        values = self._returned(situation, shape)
        diagonal = np.arange(shape[-1])
        values[..., diagonal, diagonal] = 0.0
        hint, allowed = "give a finite number; 0 where nothing is known", ""
        wrong = ~np.isfinite(values)
        if self.between is not None and not wrong.any():
            low, high = self.between
            hint, allowed = "widen `between`", f"{low:g} to {high:g}"
            wrong = (values < low) | (values > high)
            wrong[..., diagonal, diagonal] = False
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0])
            ego, alter = (situation.world.codes[index] for index in place[-2:])
            why = f"is {values[place]:g} for {ego} about {alter}"
            raise self._refused(why, hint, allowed)
        return values

    def _returned(self, situation: Situation, shape: tuple[int, ...]) -> Floats:
        """Return the function's array, broadcast to the shape. Raises ScenarioError."""
        try:
            values = numbers_of(self.function(situation))
        except (Exception, SystemExit) as error:
            why = f"ends in {type(error).__name__}: {error}"
            mark = where_raised(error, place_of(self.function))
            raise self._refused(why, "repair the function", mark=mark) from error
        try:
            if values.ndim < 2:
                raise ValueError
            return np.broadcast_to(values, shape).copy()
        except ValueError:
            raise self._refused(
                f"gives an array of {values.shape}, not of {shape[-2:]} states by "
                "states",
                "rows decide, columns are partners, both in the order of `states`; "
                "x[None, :] makes of a number a state that of the partner",
            ) from None

    def _refused(
        self, why: str, hint: str, allowed: str = "", mark: Mark | None = None
    ) -> ScenarioError:
        """Return the error of the term, at its function or at a mark."""
        path = f"theory.weights.{self.name}"
        place = mark or place_of(self.function)
        return refused(place, path, "E310", f"the term {why}", hint, allowed)


def numbers_of(values: Any) -> Floats:
    """Return what a function of the user's own gave as numbers, NaN where it is masked.
    Raises TypeError for complex numbers."""
    if np.iscomplexobj(values):
        raise TypeError("complex numbers")
    numbers: Floats = np.ma.filled(np.asanyarray(values, dtype=np.float64), np.nan)
    return numbers


def own_terms(world: World, file: str) -> dict[str, OwnTerm]:
    """Return by name the terms of the user's own that have a weight in a world.

    file: of the scenario, for messages. Raises ScenarioError for one that is not
    registered, and as `OwnTerm.evaluated`."""
    terms, shape = {}, (world.n, world.n)
    for name, weight in world.rules.weights.items():
        if not name.startswith(OWN) or weight == 0:
            continue
        if name.removeprefix(OWN) not in REGISTERED.entries:
            path = f"theory.weights.{name}"
            raise not_registered(file, path, "term of willingness", name)
        function, bounds = REGISTERED.entries[name.removeprefix(OWN)]
        low, high = bounds or (0.0, 0.0)
        term = OwnTerm(
            name, function, bounds, np.full(shape, low), np.full(shape, high)
        )
        if bounds is None:
            fixed = closed(term.evaluated(Situation(world), shape))
            term = replace(term, low=fixed, high=fixed)
        terms[name] = term
    return terms


def with_own_terms(world: World, file: str) -> World:
    """Return the world with the terms of the user's own that have a weight in it.
    Raises ScenarioError as `own_terms`."""
    terms = {}
    for name, term in own_terms(world, file).items():
        reads: Any = "facts" if term.between is None else "beliefs"
        terms[name] = Term(name, term.values, term.bounds, reads=reads)
    return replace(world, own_terms=terms) if terms else world

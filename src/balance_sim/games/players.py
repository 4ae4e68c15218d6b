"""What a game's players are paid by: outcomes of states of their own, read off every
replication and arm.

A player is a set of states. Agreements against it are new security agreements between
two other states that both fear it (one is threatened, the other threatened or wary, and
neither is aligned with it), as fixed once in the control arm at the start: no strategy
moves agreements between classes. They are counted, and filtered, within the report's
longest window; what states feel is taken at its end.

Outcomes of one's own: functions of one arm's simulated history, measured in every
replication as ours are.

    # mine.py
    def first_of_japan(history):
        "Days to the first new security agreement of Japan." made = history.agreements
        return history.first(made["new"] & made["security"] & ((made["a"] == "JPN") |
        (made["b"] == "JPN")))

`balance-sim run SCENARIO --outcomes mine` measures every public function of the module, and stores `own_first_of_japan`
beside our outcomes: paired, with effects, intervals, figures and exports. What a
function gives of a replication has to follow from that replication alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from balance_sim.effects.expected import Estimator
from balance_sim.model.baseline import Worlds, standing, step_before
from balance_sim.model.classes import LISTS
from balance_sim.model.core import DIRECTIONS, ORIGINS, Bools, Floats, Ints, Keys, World
from balance_sim.model.engine import begin, perceive
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
from balance_sim.study.scene import StateMetrics
from balance_sim.study.spans import course, in_spans

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Player:
    """A side of a game. Codes of its states, and of those that are threatened by it and
    wary of it."""

    name: str
    states: tuple[str, ...]
    threatened: tuple[str, ...] = ()
    wary: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlayerOutcome:
    """A measure of MEASURES_OF_PLAYERS of a player, toward `members`, named `of`, if it
    is of that kind."""

    measure: str
    player: str
    of: str = ""
    members: tuple[str, ...] = ()

    def outcome(self, window: int) -> Outcome:
        """As it stands in tables.

        >>> PlayerOutcome("relations", "beijing", "europe").outcome(365).name
        'player_relations_beijing_europe_365'"""
        return Outcome(
            f"player_{self.measure}",
            "_".join(filter(None, (self.player, self.of))),
            window,
        )


@dataclass(frozen=True)
class Cast:
    """The players of a game and every outcome that pays one of them. Plain, so that it
    goes to workers as it is."""

    players: tuple[Player, ...]
    outcomes: tuple[PlayerOutcome, ...]


@dataclass(frozen=True)
class PlayerSides:
    """(n,) each: the player's own states, members that an outcome names, who is
    threatened, and who is wary too."""

    own: Bools
    members: Bools
    threatened: Bools
    fearful: Bools


Read = Callable[[StateMetrics, Ints, Ints], Floats]
Dyads = Callable[[World, PlayerSides], Bools]


@dataclass(frozen=True)
class MeasureOfPlayer:
    """How a measure is read, and whom the file has to name for it: members of a group,
    a dyad, or nobody.

    Either `dyads`: (P,) those whose new security agreements it counts; or `read`: (R,)
    of a scene, from the positions of the player's states and of the members."""

    toward: Literal["", "members", "pair"] = ""
    dyads: Dyads | None = None
    read: Read | None = None


def _against(world: World, of: PlayerSides) -> Bools:
    first, second = world.first, world.second
    both = ~of.own[first] & ~of.own[second] & of.fearful[first] & of.fearful[second]
    return np.asarray(both & (of.threatened[first] | of.threatened[second]))


def _relations(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """As the members see the player; of a player among them the others."""
    parts = [
        scene.relation(k)[:, members[~np.isin(members, own)]].mean(axis=1) for k in own
    ]
    return np.asarray(np.mean(parts, axis=0))


def _influence(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Emerson 1962: the share of the members' defence that the player lends."""
    return np.asarray(
        np.mean(
            [scene.influence(k)[:, own].sum(axis=1) for k in members if k not in own],
            axis=0,
        )
    )


def _dependence(scene: StateMetrics, own: Ints, _: Ints) -> Floats:
    """Emerson 1962: the share of the player's defence that others lend."""
    parts = []
    for i in own:
        lent = scene.influence(int(i)).copy()
        lent[:, own] = 0.0
        parts.append(lent.sum(axis=1))
    return np.asarray(np.mean(parts, axis=0))


def _credibility(scene: StateMetrics, own: Ints, members: Ints) -> Floats:
    """Kydd 2003: as a mediator between the two members, who are at odds."""
    a, b = members
    return np.asarray(scene.credibility(int(a), int(b))[:, own].mean(axis=1))


MEASURES_OF_PLAYERS: Mapping[str, MeasureOfPlayer] = {
    # Walt 1987: threat over threat and defence.
    "insecurity": MeasureOfPlayer(
        read=lambda scene, own, _: scene.view.insecurity[:, own].mean(axis=1)
    ),
    "effort": MeasureOfPlayer(
        read=lambda scene, own, _: scene.state.effort[:, own].mean(axis=1)
    ),
    "agreements_against": MeasureOfPlayer(dyads=_against),
    "agreements_with": MeasureOfPlayer(
        dyads=lambda world, of: of.own[world.first] != of.own[world.second]
    ),
    "agreements_among": MeasureOfPlayer(
        "members",
        dyads=lambda world, of: of.members[world.first] & of.members[world.second],
    ),
    "relations": MeasureOfPlayer("members", read=_relations),
    "influence": MeasureOfPlayer("members", read=_influence),
    "dependence": MeasureOfPlayer(read=_dependence),
    "credibility": MeasureOfPlayer("pair", read=_credibility),
}
"""What a payoff may be made of. What each is, and its unit: `outcomes.MEASURES`, under
`player_` and its name."""


class PlayerMeasures:
    """A cast in some worlds: positions of its states, and the dyads whose agreements
    are counted."""

    def __init__(self, worlds: Worlds, cast: Cast) -> None:
        world = worlds.reference
        self.worlds, self.cast, self.longest = (
            worlds,
            cast,
            max(worlds.scenario.report.windows),
        )
        at = {code: i for i, code in enumerate(world.codes)}
        sides = {one.name: one for one in cast.players}
        self._dyads: dict[str, Bools] = {}
        self._reads: list[tuple[PlayerOutcome, Read, Ints, Ints]] = []
        for one in cast.outcomes:
            side, measure = sides[one.player], MEASURES_OF_PLAYERS[one.measure]
            if measure.read is not None:
                own, members = (
                    np.array([at[c] for c in codes], np.int64)
                    for codes in (side.states, one.members)
                )
                self._reads.append((one, measure.read, own, members))
            if measure.dyads is not None:
                of = (
                    side.states,
                    one.members,
                    side.threatened,
                    (*side.threatened, *side.wary),
                )
                whose = PlayerSides(*(np.isin(world.codes, some) for some in of))
                self._dyads[one.outcome(self.longest).name] = measure.dyads(
                    world, whose
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.outcome(self.longest).name for one in self.cast.outcomes)

    @cached_property
    def counted(self) -> Ints:
        """Dyads of which any outcome counts agreements."""
        return (
            np.flatnonzero(np.any([*self._dyads.values()], axis=0))
            if self._dyads
            else np.empty(0, dtype=np.int64)
        )

    def filtered(self, dyads: Floats) -> dict[str, Floats]:
        """Filtered numbers of agreements, (R,) each; dyads: (R, P) those of every dyad
        in the longest window."""
        return {name: dyads[:, rows].sum(axis=1) for name, rows in self._dyads.items()}

    def counts(self, made: AgreementRows, runs: int) -> dict[str, Floats]:
        world = self.worlds.reference
        new = is_new(
            made.origin, days_after(made.signed, world.focal_day), self.longest
        )
        new &= world.ladder.security[made.kind]
        return {
            name: np.bincount(made.run[new & rows[made.dyad]], minlength=runs).astype(
                float
            )
            for name, rows in self._dyads.items()
        }

    def seen(self, scene: StateMetrics) -> dict[Outcome, Floats]:
        """What states feel, (R,) each, by outcome without a window's end: at the moment
        of the scene."""
        return {
            one.outcome(self.longest): read(scene, own, members)
            for one, read, own, members in self._reads
        }

    def expected(self, estimator: Estimator, world: World) -> dict[str, float]:
        """Every outcome of one arm by the expected estimator: no random numbers, and
        the network as at the start."""
        spans, out = in_spans(world, estimator.edges), {}
        found = course(
            spans,
            estimator.baseline,
            self.counted if len(self.counted) else np.arange(1),
        )
        if len(self.counted):
            signed = estimator.gives.signed(
                found, estimator.gives.idle(found), estimator.windows
            )
            of_dyad = np.zeros(len(self.worlds.reference.first))
            of_dyad[self.counted] = signed.by_dyad(self.longest)
            out = {
                name: float(of_dyad[rows].sum()) for name, rows in self._dyads.items()
            }
        if self._reads:
            at_end = (
                int(
                    np.searchsorted(
                        spans.grid, world.focal_day + self.longest, side="right"
                    )
                )
                - 1
            )
            last = min(at_end, spans.steps - 1)
            state = found.states[last]
            scene = StateMetrics(
                spans, estimator.baseline, state, perceive(spans, state, last)
            )
            out |= {
                outcome.name: float(of[0]) for outcome, of in self.seen(scene).items()
            }
        return out


def who_fears(
    worlds: Worlds, states: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes of those that some states together threaten, and of those that are wary of
    them, just before the focal event in the control arm."""
    world = worlds.reference
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    own = tuple(sorted(world.codes.index(code) for code in states))
    listed = standing(perceive(world, state, step_before(world)), own)
    threatened, wary = (
        tuple(
            code
            for code, at in zip(world.codes, listed, strict=True)
            if at == LISTS.index(name)
        )
        for name in ("threatened", "wary")
    )
    return threatened, wary


Own = tuple[tuple[str, str], ...]
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
    own: Own,
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
    own: Own, alone: Mapping[str, float], beside: Mapping[str, float]
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


def functions_of(name: str) -> Own:
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
) -> Own:
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

"""The Mesa face: one replication as agents, who follow the same rules on the same
arrays.

`BalanceModel` is a `mesa.Model` of `StateAgent`s. The step's matrices are worked out
once, as in the block engine; each agent perceives its own rows, assesses them and
decides. Nothing is drawn through Mesa.
"""

from __future__ import annotations

import mesa
import numpy as np
import pandas as pd

from balance_sim.model import accession, engine
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import ORIGINS, Bools, Floats, Ints, World
from balance_sim.model.own import answers
from balance_sim.model.own.modules import object_named
from balance_sim.model.perception import View
from balance_sim.model.policies import decided_effort
from balance_sim.model.prospects import Prospects
from balance_sim.model.sights import look
from balance_sim.model.state import (
    Answers,
    BlockState,
    InvalidNumber,
    Simulated,
    note_busy,
    refuse_invalid,
)
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.threat import effort_change, effort_share, insecurity
from balance_sim.model.willingness import consent, willingness
from balance_sim.scenario.errors import WrongRequest, checked_name, whole_number
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.stats.frame import Frame

DECIDES = (
    "willingness",
    "probabilities",
    "consents",
    "assess",
    "effort_after",
)  # what bounds rest on


class StateAgent(mesa.Agent):
    """A state. Each step it perceives its rows of the step's matrices, assesses them,
    and answers opportunities.

    Subclass it and override `willingness` (or `consents`, `effort_after`) for another
    way to decide; `balance-sim run --model module:Class` runs it through the same
    studies, arms and random numbers.

    Parameters
    ----------
    model : BalanceModel
        to which it belongs
    code : str
        the state's code, as in the scenario

    Attributes
    ----------
    index : int
        place of the state in the order of `model.world.codes`
    against, hostility, adversaries, threats, support, backing : (n,)
        its row of the step's view
    insecurity : float
        share of the balance against it, 0 to 1
    effort : float
        internal balancing, a change of capability as a share of it

    Examples
    --------
    A state that seldom consents:

    >>> class Aloof(StateAgent):
    ...     def willingness(self, prospects):
    ...         return super().willingness(prospects) - 2.0
    """

    model: BalanceModel

    def __init__(self, model: BalanceModel, code: str) -> None:
        super().__init__(model)
        self.code = code
        self.index = model.world.codes.index(code)
        nothing: Floats = np.zeros(0)
        self.against = self.hostility = self.adversaries = nothing
        self.threats = self.support = self.backing = nothing
        self.insecurity = 0.0
        self.effort = 0.0
        self.answers: Bools = np.zeros(0, dtype=bool)
        self.chances: Floats = nothing

    def __repr__(self) -> str:
        numbers = f"insecurity {self.insecurity:.2f}, effort {self.effort:.3f}"
        return f"<{type(self).__name__} {self.code}: {numbers}>"

    def perceive(self) -> None:
        """Take in this step's view: who is against it, whom it fears, who could help
        and who will."""
        view = self.model.view
        self.against = view.against[0, self.index]
        self.hostility = view.hostility[0, self.index]
        self.adversaries = view.adversaries[0, self.index]
        self.threats = view.threat[0, self.index]
        self.support = view.support[0, self.index]
        self.backing = view.backing[0, self.index]

    def assess(self) -> None:
        """How insecure it is: the ratio contest of what threatens it and what defends
        it."""
        view = self.model.view
        total, defence = view.total[0, self.index], view.defence[0, self.index]
        self.insecurity = float(insecurity(total, defence, self.model.world.rules.s0))

    def decide(self) -> None:
        """Answer this step's opportunities, all at once, and set next step's effort."""
        prospects, needs = self.model.opportunities_of(self.index)
        if type(self).consents is StateAgent.consents:
            given = self.probabilities(prospects)
            self.chances = answers.numbers(self, "probabilities", given, len(needs))
            self.answers = needs < self.chances
        else:  # of a way of its own the answer is all that is known
            said = self.consents(prospects, needs)
            self.answers = answers.flags(self, "consents", said, len(needs))
            self.chances = self.answers.astype(float)
        effort = self.effort_after(self.model.share_of_effort)
        self.effort = answers.number(self, "effort_after", effort)

    def willingness(self, prospects: Prospects) -> Floats:
        """(C,) u_ij in nats for each prospect. Override this for another theory of what
        states want."""
        return willingness(prospects)

    def consents(self, prospects: Prospects, needs: Floats) -> Bools:
        """(C,) yes where the probability to consent exceeds the opportunity's uniform.
        NaN raises InvalidNumber.

        Override this for decisions that no willingness can tell; filtered estimates are
        then counts."""
        return np.asarray(needs < self.probabilities(prospects))

    def probabilities(self, prospects: Prospects) -> Floats:
        """(C,) probability to consent to each prospect. NaN raises InvalidNumber."""
        wanted = self.wanted(prospects)
        if np.isnan(wanted).any():
            alter = self.model.world.codes[prospects.alter[np.isnan(wanted)][0]]
            day = self.model.day
            raise InvalidNumber(
                f"willingness of {self.code} for {alter} is nan on day {day:g} after "
                "the start"
            )
        return consent(wanted)

    def wanted(self, prospects: Prospects) -> Floats:
        """(C,) what `willingness` gives. Raises InvalidNumber where that is no number a
        prospect."""
        given = self.willingness(prospects)
        return answers.numbers(self, "willingness", given, len(prospects.alter))

    def effort_after(self, share: float) -> float:
        """Effort after this step: part of the way to a target that rises with
        alarm."""
        rules, baseline = self.model.world.rules, self.model.worlds.baseline
        total = self.model.view.total[0, self.index]
        at_start = baseline.threat[self.index]
        target = engine.effort_target(rules, total, at_start)
        decided = decided_effort(self.model.world, self.model.state)
        target = target + decided[0, self.index]
        effort = np.array(self.effort)
        return float(effort_change(effort, target, rules.effort_max, share))


class BalanceModel(mesa.Model):
    """One replication of one arm. `step()` simulates one step, `run_until_end()` all;
    `agents` are the states.

    Parameters
    ----------
    scenario : Scenario, or path or name of one
        a complete one
    arm : str, optional
        its name; the control arm if not given
    seed, run : int
        which random numbers; run k is the block engine's replication k
    worlds : Worlds, optional
        arrays compiled before, to save time
    agent_class : type
        StateAgent or a subclass

    Attributes
    ----------
    day : float
        days since the scenario's start
    agreements : DataFrame
        the agreements under way or made
    why_ended : str or None
        why the replication is over

    Raises
    ------
    WrongRequest
        for an unknown arm, a seed out of bounds, or a class of no agents
    InvalidNumber
        in a step, where an agent comes to a number that is none

    Examples
    --------
    >>> import balance_sim as bs
    >>> model = bs.BalanceModel("beijing_2025", arm="parade", seed=1)
    >>> model.step()
    >>> model
    <BalanceModel of beijing_2025: parade, day 1 of 367, 50 states, 0 agreements signed>
    """

    def __init__(
        self,
        scenario: ScenarioSource,
        arm: str | None = None,
        seed: int = 1,
        *,
        run: int = 0,
        worlds: Worlds | None = None,
        agent_class: type[StateAgent] = StateAgent,
    ) -> None:
        seed = whole_number("seed", seed, 0, 2**64 - 1)
        checked_agent_class(agent_class, repr(agent_class))
        super().__init__(rng=seed % 2**32)
        scenario = scenario_from(scenario)
        self.worlds = worlds if worlds is not None else compile_worlds(scenario)
        self.arm = checked_name(
            "arm", scenario.reference_arm if arm is None else arm, self.worlds.arms
        )
        self._arm: World = self.worlds.arms[self.arm]
        self.world: World = self._arm
        self.key = seed
        runs = np.array([whole_number("run", run, 0, 2**64 - 1)], dtype=np.uint64)
        self.opportunities = draw_opportunities(
            self.worlds.reference, seed, runs
        )  # all: no bound can be exceeded
        self.thin = thinning(
            self.world,
            self.opportunities,
            None if decides_otherwise(agent_class) else self.worlds.bounds[self.arm],
        )
        self.answers: list[Answers] = []
        self.state: BlockState = engine.begin(
            self.world, self.worlds.baseline, seed, runs
        )
        self.at = 0
        self.why_ended: str | None = None
        self.share_of_effort = 0.0
        self._rows: Ints = np.empty(0, dtype=np.int64)
        self._look()
        agent_class.create_agents(self, self.world.n, list(self.world.codes))
        self.datacollector = mesa.DataCollector(
            model_reporters={"day": "day", "agreements_signed": "agreements_signed"},
            agent_reporters={
                "code": "code",
                "insecurity": "insecurity",
                "effort": "effort",
            },
        )

    def __repr__(self) -> str:
        name, last = self.worlds.scenario.name, self.world.grid[-1]
        place = f"{self.arm}, day {self.day:g} of {last:g}"
        size = f"{len(self.agents)} states, {self.agreements_signed} agreements signed"
        return f"<{type(self).__name__} of {name}: {place}, {size}>"

    @property
    def day(self) -> float:
        """Days since the scenario's start."""
        return float(self.state.day)

    @property
    def agreements_signed(self) -> int:
        """Agreements signed during the replication so far."""
        signed = self.state.agreements.signed
        return int(((signed >= 0) & (signed < self.state.day)).sum())

    @property
    def agreements(self) -> pd.DataFrame:
        """Agreements under way or made, one row each, days since the start (NaN: not
        yet)."""
        a, world = self.state.agreements, self.world
        codes, days = (
            np.array(world.codes),
            {"signed": a.signed, "in_force": a.in_force, "ended": a.ended},
        )
        frame = Frame(
            {
                "a": codes[world.first[a.dyad]],
                "b": codes[world.second[a.dyad]],
                "kind": np.array(world.ladder.names)[a.kind],
                "origin": np.array(ORIGINS)[a.origin],
                "opened": a.opened,
            }
            | {
                name: np.where(day < self.state.day, day, np.nan)
                for name, day in days.items()
            }
        )
        return frame.sort_values(["opened", "a", "b", "kind"], ignore_index=True)

    def step(self) -> None:
        """One step of the grid: all perceive, assess and decide on the same view; then
        what they agreed is done."""
        if self.why_ended is not None:
            return
        world, state, opportunities = self.world, self.state, self.opportunities
        start, stop = world.grid[self.at], world.grid[self.at + 1]
        first_row, stop_row = opportunities.starts[self.at : self.at + 2]
        note_busy(state, self.at)
        self._rows = engine.open_to_consent(
            world, opportunities, self.thin, state, first_row, stop_row
        )
        self.share_of_effort = effort_share(stop - start, world.rules.effort_years)
        for turn in ("perceive", "assess", "decide"):
            self.agents.do(turn)
        agreed, sides = self._answers()
        kept = engine.probability_kept(opportunities, self.thin, state, self._rows)
        opens = engine.filtered(world, opportunities, self._rows, kept, sides)
        self.answers.append(Answers(self._rows, opens, kept))
        seekers = accession.seekers_in(world, state, self.at)
        willing = None if seekers is None else self._cast(seekers.ballots)
        rows = self._rows[agreed]
        engine.act(world, opportunities, state, self.at, rows, self.key)
        engine.accede(world, state, self.view, seekers, willing, self.key)
        for agent in self.agents:
            state.effort[0, agent.index] = agent.effort
        by_state = np.array([[agent.insecurity for agent in self.agents]])
        refuse_invalid("insecurity", by_state, world.codes, start, state.runs)
        refuse_invalid("effort", state.effort, world.codes, start, state.runs)
        state.day = stop
        self.at += 1
        if self.at == world.steps:
            engine.turn_of_step(world, state)
            self.why_ended = "the scenario's end"
            self.running = False
        else:
            self._look()
        self.datacollector.collect(self)

    def run_until_end(self) -> BalanceModel:
        """All steps to the scenario's end. Returns the model."""
        while self.why_ended is None:
            self.step()
        return self

    def opportunities_of(self, index: int) -> tuple[Prospects, Floats]:
        """This step's opportunities that a state has to answer: its prospects, and the
        uniforms it must exceed."""
        side, alter, which = self._sides(index)
        rows = self._rows[which]
        run, ego, kind = (
            np.zeros_like(rows),
            np.full(len(rows), index),
            self.opportunities.kind[rows],
        )
        moment = self.world, self.worlds.baseline, self.view, self.state
        prospects = Prospects(*moment, run, ego, alter, kind)
        return prospects, self.opportunities.needs[rows, side]

    def _answers(self) -> tuple[Bools, Floats]:
        """(K,) whether both sides consent at each of this step's opportunities, and
        (K, 2) how likely each side was to."""
        answers = np.zeros((len(self._rows), 2), dtype=bool)
        sides = np.zeros((len(self._rows), 2))
        for agent in self.agents:
            side, _, places = self._sides(agent.index)
            answers[places, side] = agent.answers
            sides[places, side] = agent.chances
        return answers.all(axis=1), sides

    def _cast(self, ballots: accession.Ballots) -> Floats:
        """(2, V) willingness of candidates and of members, each worked out by its own
        agent."""
        willing = np.zeros((2, len(ballots.which)))
        moment = self.world, self.worlds.baseline, self.view, self.state
        sides = ballots.candidate, ballots.member
        for side, (egos, alters) in enumerate((sides, sides[::-1])):
            for agent in self.agents:
                rows = np.flatnonzero(egos == agent.index)
                if len(rows):
                    places = ballots.run[rows], egos[rows], alters[rows]
                    prospects = Prospects(*moment, *places, ballots.kind[rows])
                    willing[side, rows] = agent.wanted(prospects)
        return willing

    def _sides(self, index: int) -> tuple[Ints, Ints, Ints]:
        """Which side a state is, who the other is, and at which of the step's
        opportunities."""
        first = self.world.first[self.opportunities.dyad[self._rows]]
        second = self.world.second[self.opportunities.dyad[self._rows]]
        which = np.flatnonzero((first == index) | (second == index))
        side = np.where(first[which] == index, 0, 1)
        return side, np.where(side == 0, second[which], first[which]), which

    @property
    def simulated(self) -> Simulated:
        """What the replication leaves behind so far, as `engine.simulate` returns
        it."""
        return Simulated.of(self.state, self.opportunities, self.answers)

    def _look(self) -> None:
        self.world = engine.take_turn(self._arm, self.state, self.at, self.key)
        for agent in self.agents:
            agent.effort = float(self.state.effort[0, agent.index])
        self.view: View = engine.perceive(self.world, self.state, self.at)
        engine.watch_margins(self.world, self.worlds.baseline, self.state)
        look(self.world, self.state, self.view)


def decides_otherwise(agent_class: type[StateAgent]) -> bool:
    """Whether its agents decide in another way than the engine's states."""
    return any(
        getattr(agent_class, name) is not getattr(StateAgent, name) for name in DECIDES
    )


def agent_class_named(name: str) -> type[StateAgent]:
    """The StateAgent subclass that `module:Class` names. Importing it runs that
    module's code.

    Raises WrongRequest where there is none, and where the module's code ends in
    whatever exception, SystemExit too."""
    return checked_agent_class(object_named(name, "model"), name)


def checked_agent_class(agent_class: object, name: str) -> type[StateAgent]:
    """The class itself. Raises WrongRequest where it is no subclass of StateAgent."""
    if not (isinstance(agent_class, type) and issubclass(agent_class, StateAgent)):
        raise WrongRequest(
            f"model {name}: not a subclass of balance_sim.StateAgent; give "
            "module:Class, as `mine.states:Cautious`"
        )
    if agent_class.step is not mesa.Agent.step:
        raise WrongRequest(
            f"model {name}: nothing calls `step` of an agent; override `willingness`, "
            "`consents` or `effort_after`"
        )
    return agent_class

"""The Mesa face: one replication as agents, who follow the same rules on the same
arrays.

`BalanceModel` is a `mesa.Model` of `StateAgent`s. The step's matrices are worked out
once, as in the block engine; each agent perceives its own rows, assesses them and
decides. Nothing is drawn through Mesa.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import mesa
import numpy as np
import pandas as pd

from balance_sim.model import accession, engine, responses
from balance_sim.model.baseline import (
    NOBODY,
    Worlds,
    compile_worlds,
    feared,
    most_feared,
)
from balance_sim.model.core import (
    DIRECTIONS,
    NEW,
    ORIGINS,
    Bools,
    Floats,
    Ints,
    World,
)
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
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import WrongRequest, checked_name, whole_number
from balance_sim.scenario.load import ScenarioSource, scenario_from, with_values
from balance_sim.stats.frame import Frame

DECIDES = (
    "willingness",
    "probabilities",
    "consents",
    "assess",
    "effort_after",
)  # what bounds rest on

Seed = (
    int
    | Sequence[int]
    | np.random.SeedSequence
    | np.random.BitGenerator
    | np.random.Generator
    | None
)
"""What Mesa takes as `rng`; None: drawn anew."""
SEED = 1
"""The seed where neither `seed` nor `rng` is given."""
LAST_SEED = 2**64 - 1


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
    against, hostility, adversaries, threats, support, backing, alignment : (n,)
        its row of the step's view
    insecurity : float
        share of the balance against it, 0 to 1
    effort : float
        internal balancing, a change of capability as a share of it
    stance : str
        towards the participants, from what it has done so far: balance, hedge,
        bandwagon, buck_pass or abstain
    most_feared : str or None
        code of the state that it fears most; None where it fears nobody much

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
        self.alignment = nothing
        self.insecurity = 0.0
        self.effort = float(model.state.effort[0, self.index])
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
        self.alignment = view.own[0, self.index]

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

    @property
    def stance(self) -> str:
        """Its stance towards the participants so far."""
        return responses.STANCES[int(self.model.stances[self.index])]

    @property
    def most_feared(self) -> str | None:
        """Code of the state that it fears most; None where it fears nobody much."""
        world = self.model.world
        place = int(most_feared(self.model.fear, world.rules.tau)[self.index])
        return None if place == NOBODY else world.codes[place]

    @property
    def alignment_with_participants(self) -> float:
        """Its mean alignment with the participants, without itself, as it sees them."""
        others = self.model.participants[self.model.participants != self.index]
        return float(self.alignment[others].mean()) if len(others) else np.nan

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

    `mesa.batch_run` takes it as any model: `datacollector` has a row at the start and
    one after each step. In a row insecurity, alignment and whom a state fears most are
    as on that day; in the last row, on which the world ends, as in the step before.

    Parameters
    ----------
    scenario : Scenario, or path or name of one
        a complete one
    arm : str, optional
        its name; the control arm if not given
    seed, rng : int, or what else Mesa takes as `rng`
        which random numbers; give one of the two. None: drawn anew each time
    run : int
        replication k is the block engine's replication k of the same seed
    worlds : Worlds, optional
        arrays compiled before, to save time
    agent_class : type
        StateAgent or a subclass
    values : any
        other values in the scenario by key path, as `with_values` takes them

    Attributes
    ----------
    day : float
        days since the scenario's start
    key : int
        the seed; its column in `datacollector` is `seed`
    agreements : DataFrame
        the agreements under way or made
    fear : (n, n)
        how much each state fears each other, as a share of its balance of threat
    why_ended : str or None
        why the replication is over

    Raises
    ------
    WrongRequest
        for an unknown arm, a seed out of bounds, or a class of no agents
    ScenarioError
        for a key or value that the scenario does not take
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
        seed: Seed = SEED,
        *,
        rng: Seed = SEED,
        run: int = 0,
        worlds: Worlds | None = None,
        agent_class: type[StateAgent] = StateAgent,
        **values: Any,
    ) -> None:
        if isinstance(scenario, tuple):
            raise WrongRequest(
                "scenario is a field of a Scenario: `mesa.batch_run` goes through it "
                "as through a list. Give it the scenario's name or path, or [scenario]"
            )
        if values and worlds is not None:
            keys = ", ".join(f"`{key}`" for key in values)
            raise WrongRequest(
                f"{keys}: `worlds` were compiled without. Give one of the two"
            )
        seed = chosen_seed(seed, rng)
        checked_agent_class(agent_class, repr(agent_class))
        super().__init__(rng=seed % 2**32)
        scenario = with_values(scenario, values) if values else scenario_from(scenario)
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
        abstain = responses.STANCES.index("abstain")
        self.stances: Ints = np.full(self.world.n, abstain)
        self._rows: Ints = np.empty(0, dtype=np.int64)
        states = enumerate(self.world.codes)
        classes = self.worlds.classes
        self.participants: Ints = np.array(
            [place for place, code in states if code in classes.participants], np.int64
        )
        self._look()
        agent_class.create_agents(self, self.world.n, list(self.world.codes))
        self._let_agents_look()
        self.datacollector = mesa.DataCollector(MODEL_REPORTERS, AGENT_REPORTERS)
        self._collect()

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
    def agreements_counter(self) -> int:
        """New counter-balancing security agreements since the event."""
        return self._new_agreements("counter")

    @property
    def agreements_with_participant(self) -> int:
        """New security agreements since the event with a participant."""
        return self._new_agreements("with_participant")

    @property
    def agreements_other(self) -> int:
        """New security agreements since the event between other states."""
        return self._new_agreements("other")

    @property
    def polarisation(self) -> float:
        """Spread of mutual relations over dyads, weighed by capability, 0 to 1."""
        relation = responses.relations(self.view.own[0], self.view.against[0])
        rows, columns = np.triu_indices(self.world.n, 1)
        mutual = responses.mutual(relation[rows, columns], relation[columns, rows])
        return float(responses.polarisation(mutual, self.world.capability))

    def _stances(self) -> Ints:
        """(n,) stance of each state towards the participants so far, as an index into
        `responses.STANCES`."""
        counter = self._new_signers("counter")
        others_acted = counter.sum() - counter > 0
        effort = np.array([agent.effort for agent in self.agents])
        tie = self.state.depth[0][:, self.participants].max(axis=-1, initial=0.0)
        joined = self._new_signers("with_participant")
        threatened = self.worlds.baseline.threatened
        acts = responses.Acts(counter, joined, effort, tie, threatened, others_acted)
        return responses.stances(acts)

    def _new_dyads(self, direction: str) -> Ints:
        """Dyads of new security agreements of a direction, signed from the day after
        the event until now: one for each agreement."""
        rows, world = self.state.agreements, self.world
        is_new = np.isin(rows.origin, [ORIGINS.index(origin) for origin in NEW])
        is_new &= (rows.signed >= world.focal_day + 1.0) & (rows.signed < self.day)
        is_new &= world.ladder.security[rows.kind]
        dyads = rows.dyad[is_new]
        of_direction = self.worlds.baseline.direction[dyads]
        return np.asarray(dyads[of_direction == DIRECTIONS.index(direction)])

    def _new_agreements(self, direction: str) -> int:
        """How many new security agreements of a direction are signed."""
        return len(self._new_dyads(direction))

    def _new_signers(self, direction: str) -> Bools:
        """(n,) who signed one."""
        dyads = self._new_dyads(direction)
        signed = np.zeros(self.world.n, dtype=bool)
        signed[self.world.first[dyads]] = True
        signed[self.world.second[dyads]] = True
        return signed

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
        self.agents.do("decide")
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
            self._let_agents_look()
        self._collect()

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
        self.fear: Floats = feared(self.view)[0]
        engine.watch_margins(self.world, self.worlds.baseline, self.state)
        look(self.world, self.state, self.view)

    def _collect(self) -> None:
        """Add a row to the data collector."""
        self.stances = self._stances()
        self.datacollector.collect(self)

    def _let_agents_look(self) -> None:
        """All perceive the step's view and assess it."""
        self.agents.do("perceive")
        self.agents.do("assess")


MODEL_REPORTERS = {
    "seed": "key",
    "day": "day",
    "agreements_signed": "agreements_signed",
    "agreements_counter": "agreements_counter",
    "agreements_with_participant": "agreements_with_participant",
    "agreements_other": "agreements_other",
    "polarisation": "polarisation",
}
"""What `mesa.DataCollector` keeps of the model, by column."""
AGENT_REPORTERS = {
    "code": "code",
    "insecurity": "insecurity",
    "effort": "effort",
    "alignment_with_participants": "alignment_with_participants",
    "stance": "stance",
    "most_feared": "most_feared",
}
"""What it keeps of each state."""


def chosen_seed(seed: Seed, rng: Seed) -> int:
    """The seed of a model that is given `seed` or, by Mesa's name, `rng`.

    A whole number is the seed itself; of anything else that NumPy takes one is drawn.
    None draws a new one each time, as everywhere in Mesa.

    Raises
    ------
    WrongRequest : for both, a number out of bounds, or what NumPy does not take

    Examples
    --------
    >>> chosen_seed(1, 5), chosen_seed(7, 1)
    (5, 7)
    """
    is_rng = not (isinstance(rng, int) and rng == SEED)
    if is_rng and not (isinstance(seed, int) and seed == SEED):
        raise WrongRequest("seed and rng: give one of the two")
    given: Any = rng if is_rng else seed
    name = "rng" if is_rng else "seed"
    if isinstance(given, Real):
        return whole_number(name, given, 0, LAST_SEED)
    try:
        generator = np.random.default_rng(given)
    except (TypeError, ValueError):
        raise WrongRequest(
            f"{name} must be a whole number from 0 to {LAST_SEED}, a sequence of them, "
            f"or a generator of NumPy's, got {shown(given)!r}"
        ) from None
    return int(generator.integers(LAST_SEED, dtype=np.uint64, endpoint=True))


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

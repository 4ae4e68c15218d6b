"""The Mesa face: one run as agents, living by the same rules on the same arrays.

`BalanceModel` is a `mesa.Model` of `StateAgent`s. The step's matrices are worked out once, as in the block
engine; each agent perceives its own rows, assesses them and decides. Subclass `StateAgent` and override
`willingness` (or `consents`, `effort_after`) for another way to decide; `balance-sim run --model
module:Class` runs it through the same studies, arms and random numbers. Nothing is drawn through Mesa.
"""

from __future__ import annotations

from typing import Any

import mesa
import numpy as np
import pandas as pd

from balance_sim.model import engine
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import ORIGINS, Bools, Floats, Ints, World
from balance_sim.model.perception import View
from balance_sim.model.pipeline import open_talks, sign_talks
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import Accords, Hastened, InvalidNumber, Simulated, State, refuse_invalid
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.threat import effort_change, effort_share, insecurity
from balance_sim.model.willingness import consent, willingness
from balance_sim.scenario.schema import Scenario

DECIDES = ("willingness", "probabilities", "consents", "assess", "effort_after")  # what bounds rest on


class StateAgent(mesa.Agent):
    """A state. Each step it perceives its rows of the step's matrices, assesses, and answers occasions."""

    model: BalanceModel

    def __init__(self, model: BalanceModel, code: str) -> None:
        super().__init__(model)
        self.code = code
        self.index = model.world.codes.index(code)
        self.against: Floats = np.zeros(0)
        self.hostility: Floats = np.zeros(0)
        self.adversaries: Floats = np.zeros(0)
        self.threats: Floats = np.zeros(0)
        self.support: Floats = np.zeros(0)
        self.backing: Floats = np.zeros(0)
        self.insecurity = 0.0
        self.effort = 0.0
        self.answers: Bools = np.zeros(0, dtype=bool)
        self.chances: Floats = np.zeros(0)

    def perceive(self) -> None:
        """Take in this step's view: who is against it, whom it fears, who could help and who will."""
        view = self.model.view
        self.against = view.against[0, self.index]
        self.hostility = view.hostility[0, self.index]
        self.adversaries = view.adversaries[0, self.index]
        self.threats = view.threat[0, self.index]
        self.support = view.support[0, self.index]
        self.backing = view.backing[0, self.index]

    def assess(self) -> None:
        """How insecure it is: the ratio contest of what threatens it and what defends it."""
        view = self.model.view
        total, defence = view.total[0, self.index], view.defence[0, self.index]
        self.insecurity = float(insecurity(total, defence, self.model.world.rules.s0))

    def decide(self) -> None:
        """Answer this step's occasions, all at once, and set next step's effort."""
        prospects, needs = self.model.occasions_of(self.index)
        if type(self).consents is StateAgent.consents:
            self.chances = self.probabilities(prospects)
            self.answers = needs < self.chances
        else:  # decides in a way of its own: the chance of what it did is all that is known
            self.answers = self.consents(prospects, needs)
            self.chances = self.answers.astype(float)
        self.effort = self.effort_after(self.model.share_of_effort)

    def willingness(self, prospects: Prospects) -> Floats:
        """(C,) u_ij in nats for each prospect. Override this for another theory of what states want."""
        return willingness(prospects)

    def consents(self, prospects: Prospects, needs: Floats) -> Bools:
        """(C,) yes where the probability to consent exceeds the opportunity's uniform. NaN raises InvalidNumber.

        Override this for decisions that no willingness can tell; filtered estimates are then counts."""
        return np.asarray(needs < self.probabilities(prospects))

    def probabilities(self, prospects: Prospects) -> Floats:
        """(C,) probability to consent to each prospect. NaN raises InvalidNumber."""
        wanted = np.asarray(self.willingness(prospects), dtype=float)
        if np.isnan(wanted).any():
            alter = self.model.world.codes[prospects.alter[np.isnan(wanted)][0]]
            day = self.model.day
            raise InvalidNumber(
                f"willingness of {self.code} for {alter} is nan on day {day:g} after the start"
            )
        return consent(wanted)

    def effort_after(self, share: float) -> float:
        """Effort after this step: part of the way to a target that rises with insecurity."""
        rules, start = self.model.world.rules, self.model.worlds.baseline.insecurity[self.index]
        now, at_start = np.array(self.insecurity), np.array(start)
        return float(
            effort_change(np.array(self.effort), now, at_start, rules.effort_slope, rules.effort_max, share)
        )


class BalanceModel(mesa.Model):
    """One run of one arm. `step()` lives one step, `run_until_end()` all; `agents` are the states.

    scenario: a complete Scenario. arm: its name; the reference if not given. seed, run: which random
    numbers; run k is the block engine's run k. worlds: arrays compiled before, to save time.
    agent_class: StateAgent or a subclass. `why_ended` says why the run is over, or None."""

    def __init__(
        self,
        scenario: Scenario,
        arm: str | None = None,
        seed: int = 1,
        *,
        run: int = 0,
        worlds: Worlds | None = None,
        agent_class: type[StateAgent] = StateAgent,
    ) -> None:
        super().__init__(rng=seed % 2**32)
        self.worlds = worlds if worlds is not None else compile_worlds(scenario)
        self.arm = arm if arm is not None else scenario.reference_arm
        self.world: World = self.worlds.arms[self.arm]
        self.key = seed
        runs = np.array([run], dtype=np.uint64)
        own_way = any(getattr(agent_class, name) is not getattr(StateAgent, name) for name in DECIDES)
        self.chances = draw_opportunities(self.worlds.reference, seed, runs)  # all: no bound can be exceeded
        self.thin = thinning(self.world, self.chances, None if own_way else self.worlds.bounds[self.arm])
        self.consent: list[Floats] = []
        self.state: State = engine.begin(self.world, self.worlds.baseline, seed, runs)
        self.at = 0
        self.why_ended: str | None = None
        self.share_of_effort = 0.0
        self._rows: Ints = np.empty(0, dtype=np.int64)
        self._look()
        agent_class.create_agents(self, self.world.n, list(self.world.codes))
        self.datacollector = mesa.DataCollector(
            model_reporters={"day": "day", "accords_signed": "accords_signed"},
            agent_reporters={"code": "code", "insecurity": "insecurity", "effort": "effort"},
        )

    @property
    def day(self) -> float:
        """Days since the scenario's start."""
        return float(self.state.day)

    @property
    def accords_signed(self) -> int:
        """Accords signed during the run so far."""
        made = self.state.accords
        return int(((made.signed >= 0) & (made.signed < self.state.day)).sum())

    @property
    def accords(self) -> pd.DataFrame:
        """Accords under way or made, one row each, days since the start (NaN: not yet)."""
        a: Accords = self.state.accords
        world = self.world
        frame = pd.DataFrame(
            {
                "a": np.array(world.codes)[world.first[a.pair]],
                "b": np.array(world.codes)[world.second[a.pair]],
                "kind": np.array(world.ladder.names)[a.kind],
                "origin": np.array(ORIGINS)[a.origin],
                "opened": a.opened,
                "signed": np.where(a.signed < self.state.day, a.signed, np.nan),
                "in_force": np.where(a.in_force < self.state.day, a.in_force, np.nan),
                "ended": np.where(a.ended < self.state.day, a.ended, np.nan),
            }
        )
        return frame.sort_values(["opened", "a", "b", "kind"], ignore_index=True)

    def step(self) -> None:
        """One step of the grid: all perceive, assess and decide on the same view; then what they agreed is done."""
        if self.why_ended is not None:
            return
        world, baseline, state = self.world, self.worlds.baseline, self.state
        start, stop = world.grid[self.at], world.grid[self.at + 1]
        first, last = self.chances.starts[self.at : self.at + 2]
        self._rows = engine.open_to_consent(world, self.chances, self.thin, state, first, last)
        self.share_of_effort = effort_share(stop - start, world.rules.effort_years)
        for turn in ("perceive", "assess", "decide"):
            self.agents.do(turn)
        agreed, sides = self._answers()
        consent_here = np.zeros(last - first)
        consent_here[self._rows - first] = engine.filtered(
            world, self.chances, self.thin, state, self._rows, sides
        )
        self.consent.append(consent_here)
        open_talks(world, baseline, self.chances, state, self.view, self._rows[agreed], self.key)
        sign_talks(world, baseline, state, self.view, start, stop)
        for agent in self.agents:
            state.effort[0, agent.index] = agent.effort
        felt = np.array([[agent.insecurity for agent in sorted(self.agents, key=lambda one: one.index)]])
        for name, values in (("insecurity", felt), ("effort", state.effort)):
            refuse_invalid(name, values, world.codes, start, state.runs)
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

    def occasions_of(self, index: int) -> tuple[Prospects, Floats]:
        """This step's occasions that a state has to answer: its prospects, and the uniforms it must exceed."""
        mine, other, which = self._sides(index)
        rows = self._rows[which]
        prospects = Prospects(
            self.world,
            self.worlds.baseline,
            self.view,
            self.state,
            np.zeros(len(rows), dtype=np.int64),
            np.full(len(rows), index),
            other,
            self.chances.kind[rows],
        )
        return prospects, self.chances.needs[rows, mine]

    def _sides(self, index: int) -> tuple[Ints, Ints, Ints]:
        first = self.world.first[self.chances.pair[self._rows]]
        second = self.world.second[self.chances.pair[self._rows]]
        which = np.flatnonzero((first == index) | (second == index))
        mine = np.where(first[which] == index, 0, 1)
        other = np.where(mine == 0, second[which], first[which])
        return mine, other, which

    @property
    def simulated(self) -> Simulated:
        """What the run leaves behind so far, as `engine.simulate` returns it."""
        rest = len(self.chances.day) - sum(map(len, self.consent))
        consent = np.concatenate([*self.consent, np.zeros(rest)])
        return Simulated(self.state.accords, consent, Hastened.joined(self.state.hastened))

    def _answers(self) -> tuple[Bools, Floats]:
        """(K,) whether talks open at each opportunity, and (K, 2) each side's probability to consent."""
        yes, sides = np.zeros((len(self._rows), 2), dtype=bool), np.zeros((len(self._rows), 2))
        for agent in self.agents:
            mine, _, which = self._sides(agent.index)
            yes[which, mine], sides[which, mine] = agent.answers, agent.chances
        return np.asarray(yes.all(axis=1) & engine.unbarred(self.world, self.chances, self._rows)), sides

    def _look(self) -> None:
        engine.turn_of_step(self.world, self.state)
        engine.watch_margins(self.world, self.worlds.baseline, self.chances, self.state)
        self.view: View = engine.perceive(self.world, self.state, self.at)


def agent_class_named(name: str) -> type[StateAgent]:
    """The StateAgent subclass that `module:Class` names. Importing it runs that module's code.

    Raises ValueError where there is none, and where the module's code ends in whatever exception, SystemExit too."""
    from importlib import import_module

    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise ValueError(
            f"--model {name}: not of the form module:Class, as `my_states:Cautious` or `mine.states:Cautious`; "
            "the module is looked for in the working directory and on PYTHONPATH"
        )
    try:
        found: Any = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"--model {name}: cannot be imported ({error}); write it as module:Class") from error
    except (Exception, SystemExit) as error:
        why = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"--model {name}: its module ends in {why}; mend it, and try `import {module}`"
        ) from error
    if not (isinstance(found, type) and issubclass(found, StateAgent)):
        raise ValueError(f"--model {name}: not a subclass of balance_sim.StateAgent")
    return found

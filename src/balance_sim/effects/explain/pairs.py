"""Why two states would sign: the parts of both sides' willingness in both arms, over
time, and the dyad's effect.

Who decides in the replications that are explained: the program's own rules, or agents
of another class.

Agents are told apart as the built-in terms and a part `agent`: what their `willingness`
has beside the terms' sum. They simulate one replication at a time. A class that
overrides `consents` or `probabilities` decides by no willingness, and cannot be
explained by its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.effects.direct import Along, Look, StepOfArm
from balance_sim.effects.expected_effect import largest_first
from balance_sim.effects.explain import compared_arm, run_numbers
from balance_sim.model import threat
from balance_sim.model.baseline import Worlds, step_before
from balance_sim.model.core import ORIGINS, Floats, Ints, Keys, Opportunities, World
from balance_sim.model.engine import open_to_consent, perceive, simulate
from balance_sim.model.perception import View
from balance_sim.model.pipeline import clock_of
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, Simulated
from balance_sim.model.thinning import (
    draw_opportunities,
    openness_at,
    opportunity_rate,
    thinning,
)
from balance_sim.model.willingness import ORDER, account, consent, summed
from balance_sim.scenario.errors import WrongRequest, plain_data
from balance_sim.study.arms import compile_arms
from balance_sim.study.draws import own_worlds
from balance_sim.study.outcomes import is_new
from balance_sim.study.result import Result

if TYPE_CHECKING:
    from balance_sim.model.agents import BalanceModel, StateAgent

AGENT = "agent"
"""The part of willingness that an agent of another class has beside the terms."""
Account = Callable[[Prospects], dict[str, Floats]]
Seen = Callable[[World, BlockState, View, Account], None]


def decides_by_willingness(model: str) -> type[StateAgent]:
    """The class that `module:Class` names. Raises WrongRequest for one that does not
    decide by its willingness."""
    from balance_sim.model.agents import StateAgent, agent_class_named

    found = agent_class_named(model)
    for name in ("consents", "probabilities"):
        if getattr(found, name) is not getattr(StateAgent, name):
            raise WrongRequest(
                f"{model} has a `{name}` of its own: it decides by no willingness that could be taken apart. Override "
                "`willingness` in its place, or look at the replications themselves: result.accords"
            )
    return found


def simulated(
    worlds: Worlds,
    arm: str,
    seed: int,
    runs: Keys,
    opportunities: Opportunities,
    observe: Seen,
    model: str | None,
) -> Simulated:
    """Replications of one arm, one alone with a model; `observe` sees each step, with
    what takes willingness apart.

    opportunities: of these replications, none thinned."""
    world = worlds.arms[arm]
    if model is None:
        thin = thinning(world, opportunities, None)
        look = lambda world, state, view: observe(world, state, view, account)  # noqa: E731
        return simulate(world, worlds.baseline, opportunities, thin, seed, runs, look)
    one = model_of(worlds, arm, seed, int(runs[0]), decides_by_willingness(model))
    while one.why_ended is None:
        observe(one.world, one.state, one.view, partial(account_of, one))
        one.step()
    return one.simulated


def model_of(
    worlds: Worlds, arm: str, seed: int, run: int, agent_class: type[StateAgent]
) -> BalanceModel:
    """One replication of one arm as agents of a class."""
    from balance_sim.model.agents import BalanceModel

    return BalanceModel(
        worlds.scenario, arm, seed, run=run, worlds=worlds, agent_class=agent_class
    )


def account_of(model: BalanceModel, p: Prospects) -> dict[str, Floats]:
    """Willingness of a model's agents taken apart, (C,) nats each: the terms, and last
    the part `agent`."""
    for turn in ("perceive", "assess"):
        model.agents.do(turn)
    parts = account(p)
    whole = summed(parts)
    wanted = whole.copy()
    for agent in model.agents:
        rows = np.flatnonzero(p.ego == agent.index)
        if len(rows):
            index = (p.run[rows], p.ego[rows], p.alter[rows], p.kind[rows])
            wanted[rows] = agent.willingness(
                Prospects(p.world, p.baseline, p.view, p.state, *index)
            )
    return parts | {AGENT: wanted - whole}


def along_agents(
    worlds: Worlds, seed: int, run: int, arm: str, look: Look, model: str
) -> Along:
    """What `along_control` gives of one replication that agents of another class
    decide, in both arms."""
    agent_class = decides_by_willingness(model)
    control, beside = (
        model_of(worlds, name, seed, run, agent_class)
        for name in (worlds.scenario.reference_arm, arm)
    )
    effort = control.state.effort.copy()

    def show(one: BalanceModel, rows: Ints) -> None:
        look(
            StepOfArm(
                one.world,
                one.state,
                one.view,
                control.opportunities,
                control.thin,
                rows,
                partial(account_of, one),
            )
        )

    while control.why_ended is None:
        state, at = control.state, control.at
        span = control.opportunities.starts[at : at + 2]
        rows = open_to_consent(
            control.world, control.opportunities, control.thin, state, *span
        )
        beside.state = replace(state, effort=effort)
        beside.view = perceive(beside.world, beside.state, at)
        show(beside, rows)
        rules, days = (
            beside.world.rules,
            control.world.grid[at + 1] - control.world.grid[at],
        )
        share = threat.effort_share(days, rules.effort_years)
        base, felt = worlds.baseline.insecurity, beside.view.insecurity
        effort = threat.effort_change(
            effort, felt, base, rules.effort_slope, rules.effort_max, share
        )
        control.view = perceive(
            control.world, state, at
        )  # the two share the room to work in
        show(control, rows)
        control.step()
    return Along(control.opportunities, control.simulated)


KEYS = (
    *(
        "a",
        "b",
        "kind",
        "arm",
        "reference",
        "runs",
        "terms",
        "differences",
        "rates",
        "adversaries",
    ),
    *("shares", "window", "record", "signing"),
)
"""Of the document of a dyad."""
START, BEFORE = "start", "before"
U, CONSENT = "u", "consent"
AFTER = (7, 30, 90, 365)
SHARES = ["mean", "mean_control", "effect", "mcse", "lo", "hi", "n"]
FEARED = ("arm", "moment", "date", "side", "adversary", "threat", "share")
MOST_FEARED = 3
MEAN_RUNS = 64
MEAN_RUNS_OF_AGENTS = 8
"""Runs averaged over where no number is given; of agents of another class, which
simulate them one by one."""

Rows = list[dict[str, Any]]
RowsByPair = dict[tuple[str, str], tuple[Rows, Rows, Rows]]


@dataclass(frozen=True)
class Signing:
    """Replications in which a dyad signs a new security agreement within the longest
    window: in the arm, in the control arm, and all that finished."""

    arm: int
    control: int
    of: int


@dataclass(frozen=True, repr=False)
class DyadTerms:
    """Both sides' willingness for one kind of agreement. `runs`: those averaged over,
    or the one run asked for.

    By arm, moment and date, terms: side, part, value, sd: each part in nats, then `u`
    and `consent`; rates: kind, rate (openings of talks a year if nothing is under way),
    busy (share of runs in which something is); adversaries: side, adversary, threat
    (A_ij, capability shares), share (of all that threatens the side): the
    MOST_FEARED."""

    a: str
    b: str
    kind: str
    arm: str
    reference: str
    runs: Keys
    terms: pd.DataFrame
    rates: pd.DataFrame
    adversaries: pd.DataFrame
    shares: (
        pd.DataFrame
    )  # the dyad's filtered effect in the whole study, one row or none
    record: pd.DataFrame  # agreements of the two on record at the start
    window: int  # days after the event within which `shares` counts
    signing: Signing

    def __repr__(self) -> str:
        return f"<DyadTerms of {self.a} and {self.b}, {self.kind}: {self.arm} beside {self.reference}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """moment, date, side, part, reference, arm, difference; parts in the order of
        the sum."""
        keys = ["moment", "date", "side", "part"]
        both = [
            self.terms[self.terms["arm"] == arm][[*keys, "value"]]
            for arm in (self.reference, self.arm)
        ]
        frame = both[0].merge(
            both[1], on=keys, how="outer", suffixes=("_reference", "_arm"), sort=False
        )
        frame = frame.rename(
            columns={"value_reference": "reference", "value_arm": "arm"}
        )
        frame[["reference", "arm"]] = frame[["reference", "arm"]].fillna(
            0.0
        )  # a term of weight 0 in one arm
        own = sorted({*frame["part"]} - {*ORDER, U, CONSENT})  # terms of the user's own
        order = {name: place for place, name in enumerate((*ORDER, *own, U, CONSENT))}
        frame = frame.assign(
            order=frame["part"].map(order), turn=frame["side"] != self.a
        )
        frame = frame.sort_values(
            ["date", "turn", "order"], kind="stable", ignore_index=True
        )
        return frame.drop(columns=["order", "turn"]).assign(
            difference=frame["arm"] - frame["reference"]
        )

    def main_difference(self, moment: str, side: str) -> tuple[float, str, float]:
        """(change of u, the part that changes most, its change) of one side at one
        moment; "": none does."""
        here = self.table[
            (self.table["moment"] == moment) & (self.table["side"] == side)
        ]
        change = dict(
            zip(here["part"].tolist(), here["difference"].tolist(), strict=True)
        )
        parts = {name: by for name, by in change.items() if name not in (U, CONSENT)}
        most = max(parts, key=lambda name: abs(parts[name]))
        return change[U], most if parts[most] else "", parts[most]

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        found = vars(self) | {
            "runs": self.runs.tolist(),
            "differences": self.table,
            "signing": asdict(self.signing),
        }
        return {
            name: _records(of) if isinstance(of := found[name], pd.DataFrame) else of
            for name in KEYS
        }


def explain_dyads(
    result: Result,
    pairs: Sequence[tuple[str, str]],
    *,
    arm: str | None = None,
    kind: str | None = None,
    runs: int | None = None,
    run: int | None = None,
) -> list[DyadTerms]:
    """The terms of some dyads, averaged over the first `runs` runs, or those of run
    number `run`. Raises WrongRequest.

    kind: if not given, for each dyad the kind of security agreement, or of any if there
    are none, on which talks would open most often at the start."""
    arm = compared_arm(result, arm)
    mean_runs = MEAN_RUNS if result.model is None else MEAN_RUNS_OF_AGENTS
    numbers = run_numbers(result, runs if runs is not None else mean_runs, run)
    pairs = [ordered_dyad(result, *dyad) for dyad in pairs]
    if kind is not None and kind not in result.scenario.kinds:
        raise WrongRequest(
            f"unknown kind `{kind}`; the scenario has: {', '.join(sorted(result.scenario.kinds))}"
        )
    worlds = own_worlds(
        compile_arms(result.scenario, (result.reference, arm)),
        result.seed,
        numbers,
        result.draws,
    )
    found: RowsByPair = {dyad: ([], [], []) for dyad in pairs}
    batches = [numbers] if result.model is None else np.split(numbers, len(numbers))
    for name, some in product((result.reference, arm), batches):
        _read(worlds, name, result.seed, some, found, result.model)
    ladder = worlds.reference.ladder
    secure = [
        name
        for name, counted in zip(ladder.names, ladder.security, strict=True)
        if counted
    ]
    out, dyads = [], result.dyads[result.dyads["arm"] == arm]
    for a, b in pairs:
        columns = zip(
            found[a, b],
            (("value",), ("rate", "busy"), ("threat", "share")),
            strict=True,
        )
        terms, rates, feared = (
            _over_runs(rows, values, len(batches)) for rows, values in columns
        )
        chosen = kind if kind is not None else _chosen_kind(rates, secure)
        terms = (
            terms[terms["kind"] == chosen].drop(columns="kind").reset_index(drop=True)
        )
        feared = feared.reindex(columns=FEARED) if feared.empty else feared
        shares = dyads.loc[(dyads["a"] == a) & (dyads["b"] == b), SHARES].reset_index(
            drop=True
        )
        frames = (terms, rates, feared, shares, dyad_record(result, a, b))
        of_dyad, signed = (
            (a, b, chosen, arm, result.reference, numbers),
            signing(result, a, b, arm),
        )
        out.append(DyadTerms(*of_dyad, *frames, window=result.window, signing=signed))
    return out


def moments_of(world: World) -> list[tuple[str, int]]:
    """Names and steps: the start, the last before the focal event if it is another,
    those that hold the days after."""
    before = step_before(world)
    days = {
        f"+{d}": world.focal_day + d
        for d in AFTER
        if world.focal_day + d <= world.grid[-1]
    }
    later = np.searchsorted(world.grid[:-1], [*days.values()], side="right") - 1
    return [
        (START, 0),
        *([(BEFORE, before)] if before else []),
        *zip(days, later.tolist(), strict=True),
    ]


def _read(
    worlds: Worlds,
    arm: str,
    seed: int,
    runs: Keys,
    pairs: RowsByPair,
    model: str | None,
) -> None:
    """Simulate one arm and add rows to each dyad's terms, rates and adversaries: all
    kinds, at all moments."""
    moments = moments_of(worlds.arms[arm])

    def observe(world: World, state: BlockState, view: View, account: Account) -> None:
        date = worlds.scenario.start + timedelta(days=int(world.grid[view.step]))
        for moment in (name for name, step in moments if step == view.step):
            stamp = {"arm": arm, "moment": moment, "date": date}
            for (a, b), (terms, rates, feared) in pairs.items():
                sides = {
                    a: _side(worlds, account, state, view, a, b),
                    b: _side(worlds, account, state, view, b, a),
                }
                for side, parts in sides.items():
                    terms += [
                        stamp
                        | {
                            "kind": kind,
                            "side": side,
                            "part": part,
                            "value": float(values[:, m].mean()),
                        }
                        | {
                            "sd": float(values[:, m].std(ddof=1))
                            if len(values) > 1
                            else float("nan")
                        }
                        for m, kind in enumerate(world.ladder.names)
                        for part, values in parts.items()
                    ]
                    feared += [
                        stamp | {"side": side} | row
                        for row in _feared(world, view, side)
                    ]
                both = sides[a][CONSENT] * sides[b][CONSENT]
                rates += [stamp | row for row in _rates(world, state, both, a, b)]

    opportunities = draw_opportunities(worlds.reference, seed, runs)
    simulated(worlds, arm, seed, runs, opportunities, observe, model)


def _over_runs(rows: Rows, values: Sequence[str], runs: int) -> pd.DataFrame:
    """Rows of replications that were read one by one, in one; `sd` is theirs. Others as
    they are."""
    frame = pd.DataFrame(rows)
    keys = [name for name in frame if name not in (*values, "sd")]
    if frame.empty or runs == 1 or not frame.duplicated(keys).any():
        return frame
    over = frame.groupby(keys, sort=False, as_index=False)
    out: pd.DataFrame = over[list(values)].mean()
    return out.assign(sd=over[values[0]].std()[values[0]]) if "sd" in frame else out


def _side(
    worlds: Worlds,
    account: Account,
    state: BlockState,
    view: View,
    ego: str,
    alter: str,
) -> dict[str, Floats]:
    """Parts, `u` and `consent` of one side, each (R, M)."""
    world = view.world
    shape = (len(state.runs), len(world.ladder.names))
    run, kind = (grid.ravel() for grid in np.indices(shape))
    i, j = (np.full(run.shape, world.codes.index(code)) for code in (ego, alter))
    parts = account(Prospects(world, worlds.baseline, view, state, run, i, j, kind))
    u = summed(parts)
    return {
        name: values.reshape(shape)
        for name, values in (parts | {U: u, CONSENT: consent(u)}).items()
    }


def _feared(world: World, view: View, side: str) -> Rows:
    """Whom a side fears most, mean over runs."""
    i = world.codes.index(side)
    threat, total = view.adversaries[:, i].mean(axis=0), float(view.total[:, i].mean())
    most = sorted(range(world.n), key=lambda j: (-threat[j], world.codes[j]))[
        :MOST_FEARED
    ]
    there = [(world.codes[j], float(threat[j])) for j in most if threat[j] > 0]
    return [
        {"adversary": code, "threat": of, "share": of / total} for code, of in there
    ]


def _rates(world: World, state: BlockState, both: Floats, a: str, b: str) -> Rows:
    """both: (R, M) probability that both sides consent."""
    dyad = world.dyad_index[world.codes.index(a), world.codes.index(b)]
    both = both * openness_at(world, state.day)[dyad]
    busy = state.busy.take(
        clock_of(world, np.arange(len(both))[:, None], dyad, np.arange(both.shape[1]))
    )
    often = opportunity_rate(world)[dyad]
    return [
        {
            "kind": kind,
            "rate": float(often[m] * both[:, m].mean()),
            "busy": float(busy[:, m].mean()),
        }
        for m, kind in enumerate(world.ladder.names)
    ]


def _chosen_kind(rates: pd.DataFrame, secure: Sequence[str]) -> str:
    """The kind on which talks would open most often at the start, among security
    agreements if there are any."""
    start = rates[
        (rates["moment"] == START) & (rates["kind"].isin(secure) | (not secure))
    ]
    return str(
        start.sort_values(["rate", "kind"], ascending=[False, True])["kind"].iloc[0]
    )


def leading_dyads(result: Result, arm: str, count: int) -> list[tuple[str, str]]:
    """The dyads with the largest filtered effects, of those whose 95 % CI excludes 0;
    ties by their codes."""
    dyads = result.dyads
    rows = dyads[(dyads["arm"] == arm) & ((dyads["lo"] > 0) | (dyads["hi"] < 0))]
    rows = largest_first(rows, rows["effect"]).head(count)
    return list(zip(rows["a"], rows["b"], strict=True))


def signing(result: Result, a: str, b: str, arm: str) -> Signing:
    """In how many replications the two sign a new security agreement within the longest
    window."""
    scenario, made = result.scenario, result.agreements
    focal = next(event.date for event in scenario.events if event.id == scenario.focal)
    rows = made[(made["a"] == a) & (made["b"] == b) & made["signed"].notna()]
    origins = np.array(
        [ORIGINS.index(str(one)) for one in rows["origin"]], dtype=np.int64
    )
    new = is_new(
        origins,
        np.array([(day - focal).days for day in rows["signed"]], dtype=float),
        result.window,
    )
    new &= np.array(
        [scenario.kinds[str(kind)].security for kind in rows["kind"]], dtype=bool
    )
    found = {
        name: rows[new & (rows["arm"] == name).to_numpy()]["run"].nunique()
        for name in (arm, result.reference)
    }
    return Signing(found[arm], found[result.reference], result.finished)


def dyad_record(result: Result, a: str, b: str) -> pd.DataFrame:
    """Agreements of the dyad on record at the start: id, name, kind, status, and their
    dates."""
    columns = [
        "id",
        "name",
        "kind",
        "status",
        "opened",
        "signed",
        "in_force",
        "scheduled_signed",
        "scheduled_in_force",
    ]
    theirs = [
        agreement
        for agreement in result.scenario.agreements
        if {agreement.a, agreement.b} == {a, b}
    ]
    return pd.DataFrame(
        [[getattr(agreement, name) for name in columns] for agreement in theirs],
        columns=columns,
    )


def ordered_dyad(result: Result, a: str, b: str) -> tuple[str, str]:
    """The dyad with the lesser code first. Raises WrongRequest."""
    for code in (a, b):
        if code not in result.scenario.codes:
            raise WrongRequest(
                f"unknown state `{code}`; the scenario has: {', '.join(result.scenario.codes)}"
            )
    if a == b:
        raise WrongRequest(f"a pair is of two states, got {a} twice")
    return (a, b) if a < b else (b, a)


def _records(frame: pd.DataFrame) -> Rows:
    """Rows for JSON: dates as text, what is missing as null."""
    rows = frame.to_dict("records")
    return [
        {
            str(k): v.isoformat() if isinstance(v, date) else plain_data(v)
            for k, v in row.items()
        }
        for row in rows
    ]

"""Why two states would sign: the parts of both sides' willingness in both arms, over
time, and the dyad's effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.expected_effect import largest_first
from balance_sim.effects.explain import compared_arm, run_numbers
from balance_sim.effects.explain.agents import Account, simulated
from balance_sim.model.baseline import Worlds, step_before
from balance_sim.model.core import ORIGINS, Floats, Keys, World
from balance_sim.model.perception import View
from balance_sim.model.pipeline import clock_of
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import (
    draw_opportunities,
    openness_at,
    opportunity_rate,
)
from balance_sim.model.willingness import ORDER, consent, summed
from balance_sim.scenario.errors import WrongRequest, plain_data
from balance_sim.study.arms import compile_arms
from balance_sim.study.draws import own_worlds
from balance_sim.study.outcomes import is_new
from balance_sim.study.result import Result

KEYS = (
    *("a", "b", "kind", "arm", "reference", "runs", "terms", "differences", "rates"),
    *("adversaries", "shares", "window", "record", "signing"),
)
"""Of the document of a dyad."""
START, BEFORE = "start", "before"
U, CONSENT = "u", "consent"
AFTER = (7, 30, 90, 365)
SHARES = ["mean", "mean_control", "effect", "mcse", "lo", "hi", "n"]
FEARED = ("arm", "moment", "date", "side", "adversary", "threat", "share")
RECORD = ["id", "name", "kind", "status", "opened", "signed", "in_force"]
RECORD += ["scheduled_signed", "scheduled_in_force"]
MOST_FEARED = 3
MEAN_RUNS = 64
MEAN_RUNS_OF_AGENTS = 8
"""Runs averaged over where no number is given; of agents of another class, which
simulate them one by one."""

Rows = list[dict[str, Any]]
Parts = dict[str, Floats]


@dataclass(frozen=True)
class Signing:
    """Replications in which a dyad signs a new security agreement within the longest
    window: in the arm, in the control arm, and all that finished."""

    arm: int
    control: int
    of: int


@dataclass(frozen=True, repr=False)
class DyadTerms:
    """Both sides' willingness for one agreement type.

    Attributes
    ----------
    runs : those averaged over, or the one run asked for
    terms : by arm, moment and date: side, part, value, sd; each part in nats, then `u`
        and `consent`
    rates : kind, rate (openings of talks a year if nothing is under way), busy (share
        of runs in which something is)
    adversaries : side, adversary, threat (A_ij, capability shares), share (of all that
        threatens the side): the MOST_FEARED
    shares : the dyad's filtered effect in the whole study, one row or none
    record : agreements of the two on record at the start
    window : days after the event within which `shares` counts
    signing : replications in which the two sign
    """

    a: str
    b: str
    kind: str
    arm: str
    reference: str
    runs: Keys
    terms: pd.DataFrame
    rates: pd.DataFrame
    adversaries: pd.DataFrame
    shares: pd.DataFrame
    record: pd.DataFrame
    window: int
    signing: Signing

    def __repr__(self) -> str:
        arms = f"{self.arm} beside {self.reference}"
        return f"<DyadTerms of {self.a} and {self.b}, {self.kind}: {arms}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """moment, date, side, part, reference, arm, difference; parts in the order of
        the sum."""
        keys = ["moment", "date", "side", "part"]
        by_arm = []
        for column, name in (("reference", self.reference), ("arm", self.arm)):
            rows = self.terms[self.terms["arm"] == name]
            by_arm.append(rows[[*keys, "value"]].rename(columns={"value": column}))
        frame = by_arm[0].merge(by_arm[1], on=keys, how="outer", sort=False)
        arms = ["reference", "arm"]
        frame[arms] = frame[arms].fillna(0.0)  # a term of weight 0 in one arm
        own_terms = sorted({*frame["part"]} - {*ORDER, U, CONSENT})
        order = [*ORDER, *own_terms, U, CONSENT]
        frame["order"] = frame["part"].map({name: k for k, name in enumerate(order)})
        frame["is_second"] = frame["side"] != self.a
        sort_columns = ["date", "is_second", "order"]
        frame = frame.sort_values(sort_columns, kind="stable", ignore_index=True)
        frame = frame.drop(columns=["order", "is_second"])
        return frame.assign(difference=frame["arm"] - frame["reference"])

    def main_difference(self, moment: str, side: str) -> tuple[float, str, float]:
        """(change of u, the part that changes most, its change) of one side at one
        moment; "": none does."""
        table = self.table
        rows = table[(table["moment"] == moment) & (table["side"] == side)]
        changes = dict(zip(rows["part"], rows["difference"].tolist(), strict=True))
        change_of_u = changes.pop(U)
        del changes[CONSENT]
        part = max(changes, key=lambda name: abs(changes[name]))
        return change_of_u, part if changes[part] else "", changes[part]

    def summary(self) -> dict[str, Any]:
        """For explain.json and `--json`."""
        values = vars(self) | {
            "runs": self.runs.tolist(),
            "differences": self.table,
            "signing": asdict(self.signing),
        }
        document = {}
        for name in KEYS:
            value = values[name]
            is_frame = isinstance(value, pd.DataFrame)
            document[name] = _records(value) if is_frame else value
        return document


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

    kind: if not given, for each dyad the type of security agreement, or of any if there
    are none, on which talks would open most often at the start."""
    arm = compared_arm(result, arm)
    mean_runs = MEAN_RUNS if result.model is None else MEAN_RUNS_OF_AGENTS
    numbers = run_numbers(result, mean_runs if runs is None else runs, run)
    dyads = [ordered_dyad(result, *dyad) for dyad in pairs]
    types = result.scenario.kinds
    if kind is not None and kind not in types:
        type_names = ", ".join(sorted(types))
        raise WrongRequest(f"unknown kind `{kind}`; the scenario has: {type_names}")
    worlds = compile_arms(result.scenario, (result.reference, arm))
    worlds = own_worlds(worlds, result.seed, numbers, result.draws)
    readings = _Readings(worlds, dyads)
    batches = [numbers] if result.model is None else np.split(numbers, len(numbers))
    for name in (result.reference, arm):
        for batch in batches:
            readings.read(name, result.seed, batch, result.model)
    return [
        _terms_of(result, readings.rows[dyad], dyad, arm, kind, numbers)
        for dyad in dyads
    ]


def _terms_of(
    result: Result,
    rows: DyadRows,
    dyad: tuple[str, str],
    arm: str,
    kind: str | None,
    runs: Keys,
) -> DyadTerms:
    a, b = dyad
    terms = _over_runs(rows.terms, ("value",))
    rates = _over_runs(rows.rates, ("rate", "busy"))
    feared = _over_runs(rows.feared, ("threat", "share"))
    chosen = kind or _chosen_type(result, rates)
    terms = terms[terms["kind"] == chosen].drop(columns="kind")
    effects = result.dyads[result.dyads["arm"] == arm]
    shares = effects.loc[(effects["a"] == a) & (effects["b"] == b), SHARES]
    return DyadTerms(
        a=a,
        b=b,
        kind=chosen,
        arm=arm,
        reference=result.reference,
        runs=runs,
        terms=terms.reset_index(drop=True),
        rates=rates,
        adversaries=feared.reindex(columns=FEARED) if feared.empty else feared,
        shares=shares.reset_index(drop=True),
        record=dyad_record(result, a, b),
        window=result.window,
        signing=signing(result, a, b, arm),
    )


def moments_of(world: World) -> list[tuple[str, int]]:
    """Names and steps: the start, the last before the focal event if it is another,
    those that hold the days after."""
    step = step_before(world)
    moments = [(START, 0)]
    if step:
        moments.append((BEFORE, step))
    for days in AFTER:
        day = world.focal_day + days
        if day <= world.grid[-1]:
            step = int(np.searchsorted(world.grid[:-1], day, side="right")) - 1
            moments.append((f"+{days}", step))
    return moments


@dataclass
class DyadRows:
    """Rows of a dyad's terms, rates of opening talks, and adversaries."""

    terms: Rows = field(default_factory=list)
    rates: Rows = field(default_factory=list)
    feared: Rows = field(default_factory=list)


class _Readings:
    """Replications of both arms, read at their moments for some dyads: all agreement
    types."""

    def __init__(self, worlds: Worlds, dyads: Sequence[tuple[str, str]]) -> None:
        self.worlds = worlds
        self.rows = {dyad: DyadRows() for dyad in dyads}

    def read(self, arm: str, seed: int, runs: Keys, model: str | None) -> None:
        """Simulate one arm and add its rows."""
        worlds, moments = self.worlds, moments_of(self.worlds.arms[arm])

        def observe(
            world: World, state: BlockState, view: View, account: Account
        ) -> None:
            days = timedelta(days=int(world.grid[view.step]))
            stamp = {"arm": arm, "date": worlds.scenario.start + days}
            for moment, step in moments:
                if step == view.step:
                    self._look({**stamp, "moment": moment}, state, view, account)

        opportunities = draw_opportunities(worlds.reference, seed, runs)
        simulated(worlds, arm, seed, runs, opportunities, observe, model)

    def _look(
        self, stamp: dict[str, Any], state: BlockState, view: View, account: Account
    ) -> None:
        stamp = {key: stamp[key] for key in ("arm", "moment", "date")}
        for (a, b), rows in self.rows.items():
            parts_a = self._parts(state, view, account, a, b)
            parts_b = self._parts(state, view, account, b, a)
            for side, side_parts in ((a, parts_a), (b, parts_b)):
                for row in _term_rows(view.world, side, side_parts):
                    rows.terms.append(stamp | row)
                for row in _feared_rows(view.world, view, side):
                    rows.feared.append(stamp | {"side": side} | row)
            both_consent = parts_a[CONSENT] * parts_b[CONSENT]
            for row in _rate_rows(view.world, state, both_consent, a, b):
                rows.rates.append(stamp | row)

    def _parts(
        self, state: BlockState, view: View, account: Account, ego: str, alter: str
    ) -> Parts:
        """Parts, `u` and `consent` of one side, each (R, M)."""
        world = view.world
        shape = (len(state.runs), len(world.ladder.names))
        run, kind = np.indices(shape).reshape(2, -1)
        i = np.full(run.shape, world.codes.index(ego))
        j = np.full(run.shape, world.codes.index(alter))
        baseline = self.worlds.baseline
        terms = account(Prospects(world, baseline, view, state, run, i, j, kind))
        u = summed(terms)
        terms = terms | {U: u, CONSENT: consent(u)}
        return {name: values.reshape(shape) for name, values in terms.items()}


def _term_rows(world: World, side: str, parts: Parts) -> Rows:
    """Mean and spread over runs of each part, for each agreement type."""
    rows = []
    for m, agreement_type in enumerate(world.ladder.names):
        for part, values in parts.items():
            column = values[:, m]
            sd = float(column.std(ddof=1)) if len(column) > 1 else float("nan")
            row: dict[str, Any] = {"kind": agreement_type, "side": side, "part": part}
            rows.append(row | {"value": float(column.mean()), "sd": sd})
    return rows


def _feared_rows(world: World, view: View, side: str) -> Rows:
    """Whom a side fears most, mean over runs."""
    i = world.codes.index(side)
    threat, total = view.adversaries[:, i].mean(axis=0), float(view.total[:, i].mean())
    order = sorted(range(world.n), key=lambda j: (-threat[j], world.codes[j]))
    rows = []
    for j in order[:MOST_FEARED]:
        size = float(threat[j])
        if size > 0:
            row = {"adversary": world.codes[j], "threat": size, "share": size / total}
            rows.append(row)
    return rows


def _rate_rows(world: World, state: BlockState, both: Floats, a: str, b: str) -> Rows:
    """Rates at which the two open talks. both: (R, M) probability that both sides
    consent."""
    dyad = world.dyad_index[world.codes.index(a), world.codes.index(b)]
    opening = both * openness_at(world, state.day)[dyad]
    runs, types = np.arange(len(both))[:, None], np.arange(both.shape[1])
    busy = state.busy.take(clock_of(world, runs, dyad, types))
    opportunities = opportunity_rate(world)[dyad]
    rows = []
    for m, agreement_type in enumerate(world.ladder.names):
        rate = float(opportunities[m] * opening[:, m].mean())
        share = float(busy[:, m].mean())
        rows.append({"kind": agreement_type, "rate": rate, "busy": share})
    return rows


def _over_runs(rows: Rows, values: Sequence[str]) -> pd.DataFrame:
    """Rows of replications that were read one by one, in one; `sd` is theirs. Others as
    they are."""
    frame = pd.DataFrame(rows)
    keys = [name for name in frame if name not in (*values, "sd")]
    if frame.empty or not frame.duplicated(keys).any():
        return frame
    by_key = frame.groupby(keys, sort=False, as_index=False)
    means: pd.DataFrame = by_key[list(values)].mean()
    if "sd" not in frame:
        return means
    return means.assign(sd=by_key[values[0]].std()[values[0]])


def _chosen_type(result: Result, rates: pd.DataFrame) -> str:
    """The type on which talks would open most often at the start, among security
    agreements if there are any."""
    types = result.scenario.kinds
    secure = [name for name in types if types[name].security]
    start = rates[rates["moment"] == START]
    if secure:
        start = start[start["kind"].isin(secure)]
    order = start.sort_values(["rate", "kind"], ascending=[False, True])
    return str(order["kind"].iloc[0])


def leading_dyads(result: Result, arm: str, count: int) -> list[tuple[str, str]]:
    """The dyads with the largest filtered effects, of those whose 95 % CI excludes 0;
    ties by their codes."""
    dyads = result.dyads
    is_clear = (dyads["lo"] > 0) | (dyads["hi"] < 0)
    rows = dyads[(dyads["arm"] == arm) & is_clear]
    rows = largest_first(rows, rows["effect"]).head(count)
    return list(zip(rows["a"], rows["b"], strict=True))


def signing(result: Result, a: str, b: str, arm: str) -> Signing:
    """In how many replications the two sign a new security agreement within the longest
    window."""
    scenario, agreements = result.scenario, result.agreements
    focal = next(event.date for event in scenario.events if event.id == scenario.focal)
    is_theirs = (agreements["a"] == a) & (agreements["b"] == b)
    rows = agreements[is_theirs & agreements["signed"].notna()]
    origins = [ORIGINS.index(str(origin)) for origin in rows["origin"]]
    days = [(day - focal).days for day in rows["signed"]]
    security = [scenario.kinds[str(name)].security for name in rows["kind"]]
    counts = is_new(
        np.array(origins, dtype=np.int64), np.array(days, dtype=float), result.window
    )
    counts &= np.array(security, dtype=bool)
    in_arm = rows[counts & (rows["arm"] == arm).to_numpy()]
    in_control = rows[counts & (rows["arm"] == result.reference).to_numpy()]
    return Signing(
        in_arm["run"].nunique(), in_control["run"].nunique(), result.finished
    )


def dyad_record(result: Result, a: str, b: str) -> pd.DataFrame:
    """Agreements of the dyad on record at the start: id, name, kind, status, and their
    dates."""
    rows = [
        [getattr(agreement, name) for name in RECORD]
        for agreement in result.scenario.agreements
        if {agreement.a, agreement.b} == {a, b}
    ]
    return pd.DataFrame(rows, columns=RECORD)


def ordered_dyad(result: Result, a: str, b: str) -> tuple[str, str]:
    """The dyad with the lesser code first. Raises WrongRequest."""
    codes = result.scenario.codes
    for code in (a, b):
        if code not in codes:
            raise WrongRequest(
                f"unknown state `{code}`; the scenario has: {', '.join(codes)}"
            )
    if a == b:
        raise WrongRequest(f"a pair is of two states, got {a} twice")
    return (a, b) if a < b else (b, a)


def _records(frame: pd.DataFrame) -> Rows:
    """Rows for JSON: dates as text, what is missing as null."""
    records = []
    for row in frame.to_dict("records"):
        record = {}
        for name, value in row.items():
            is_date = isinstance(value, date)
            record[str(name)] = value.isoformat() if is_date else plain_data(value)
        records.append(record)
    return records

"""Why two states would sign: the parts of both sides' willingness in both arms, over
time, and the dyad's effect.

Replications of both arms are simulated again and read at some moments; the parts sum to
the willingness that the engine used, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.expected_effect import largest_first
from balance_sim.effects.explain import compared_arm, run_numbers
from balance_sim.model.baseline import (
    Worlds,
    compile_worlds,
    feared,
    most_feared,
    step_before,
)
from balance_sim.model.core import Keys, World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import (
    draw_opportunities,
    drawn_rate,
    openness_at,
    opportunity_rate,
    rates_at_start,
    thinning,
)
from balance_sim.model.willingness import ORDER, account, consent, summed
from balance_sim.scenario.errors import OneLine, WrongRequest, checked_name, plain_data
from balance_sim.stats.frame import Frame
from balance_sim.study.draws import own_worlds
from balance_sim.study.result import Result
from balance_sim.study.tables import column_words, new_rows

START, BEFORE = "start", "before"
U, CONSENT = "u", "consent"
AFTER = (7, 30, 90, 365)
SHARES = ["mean", "mean_control", "effect", "mcse", "lo", "hi", "n"]
FEARED = ["arm", "moment", "date", "side", "adversary", "threat", "share", "is_most"]
MOST_FEARED = 3
MEAN_RUNS = 64
"""Replications averaged over where no number is given."""

Dyad = tuple[str, str]
Row = dict[str, Any]


@dataclass(frozen=True, repr=False)
class DyadTerms(OneLine):
    """Both sides' willingness for one agreement type.

    Attributes
    ----------
    runs : those averaged over, or the one run asked for
    table : moment, date, side, part, reference, arm, difference; parts in the order of
        the sum, in nats, then their sum `u` and the probability `consent`
    rates : of that type: rate (openings of talks a year if nothing is under way)
    adversaries : side, adversary, threat (A_ij, capability shares), share (of all that
        threatens the side), is_most (whom the side is said to fear most; where none is,
        it fears nobody much): the MOST_FEARED
    shares : the dyad's filtered effect in the whole study, one row or none
    window : days after the event within which `shares` counts
    signing : replications in which the two sign a new security agreement within the
        window, in the `arm` and the `control` arm, `of` all that finished
    """

    a: str
    b: str
    kind: str
    arm: str
    reference: str
    runs: Keys
    table: pd.DataFrame
    rates: pd.DataFrame
    adversaries: pd.DataFrame
    shares: pd.DataFrame
    window: int
    signing: dict[str, int]

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
        """For `explain --json`."""
        values = vars(self) | {"differences": self.table}
        values |= {"runs": self.runs.tolist()}
        del values["table"]
        return {
            name: _records(value) if isinstance(value, pd.DataFrame) else value
            for name, value in values.items()
        }


def explain_dyads(
    result: Result,
    pairs: Sequence[Dyad],
    *,
    arm: str | None = None,
    kind: str | None = None,
    runs: int | None = None,
    run: int | None = None,
) -> list[DyadTerms]:
    """The terms of some dyads.

    Parameters
    ----------
    result : the study
    pairs : codes of both states of each dyad
    arm : the headline arm if not given
    kind : if not given, for each dyad the type of security agreement, or of any if
        there are none, on which talks would open most often at the start
    runs : the first so many finished replications, averaged over
    run : number of the one to read instead

    Raises
    ------
    WrongRequest : for an arm, dyad, kind or replication that the study does not have
    """
    arm = compared_arm(result, arm)
    numbers = run_numbers(result, runs or MEAN_RUNS, run)
    dyads = [ordered_dyad(result, *pair) for pair in pairs]
    if kind is not None:
        checked_name("kind", kind, result.scenario.kinds)
    worlds = compile_worlds(result.scenario, (result.reference, arm))
    worlds = own_worlds(worlds, result.seed, numbers, result.draws)
    readings = [Readings(dyad, kind or likeliest_type(worlds, dyad)) for dyad in dyads]
    opportunities = draw_opportunities(worlds.reference, result.seed, numbers)
    moments = moments_of(worlds.reference)

    def observe(_: World, state: BlockState, view: View) -> None:
        for moment, step in moments:
            if step == view.step:
                for reading in readings:
                    reading.add(worlds, moment, state, view)

    for name in (result.reference, arm):
        world = worlds.arms[name]
        drawn = opportunities, thinning(world, opportunities, None), result.seed
        simulate(world, worlds.baseline, *drawn, numbers, observe)
    return [_terms_of(result, reading, arm, numbers) for reading in readings]


def moments_of(world: World) -> list[tuple[str, int]]:
    """Names and steps: the start, the last before the focal event if it is another,
    those that hold the days after."""
    moments, step = [(START, 0)], step_before(world)
    if step:
        moments.append((BEFORE, step))
    for days in AFTER:
        day = world.focal_day + days
        if day <= world.grid[-1]:
            step = int(np.searchsorted(world.grid[:-1], day, side="right")) - 1
            moments.append((f"+{days}", step))
    return moments


@dataclass
class Readings:
    """Means over replications, read for one dyad and agreement type at the moments of
    both arms: rows of its terms, its rates of opening talks, and its adversaries."""

    dyad: Dyad
    kind: str
    terms: list[Row] = field(default_factory=list)
    rates: list[Row] = field(default_factory=list)
    feared: list[Row] = field(default_factory=list)

    def add(self, worlds: Worlds, moment: str, state: BlockState, view: View) -> None:
        """Add the rows of one moment of one arm."""
        world, runs = view.world, np.arange(len(state.runs))
        sides = [world.codes.index(code) for code in self.dyad]
        place, kind = world.dyad_index[*sides], world.ladder.names.index(self.kind)
        date = worlds.scenario.start + timedelta(days=int(world.grid[view.step]))
        stamp = {"arm": world.arm, "moment": moment, "date": date}
        clocks = runs, np.full_like(runs, place), np.full_like(runs, kind)
        terms = account(
            Prospects.of_both_sides(world, worlds.baseline, view, state, *clocks)
        )
        u = summed(terms)
        for part, values in (terms | {U: u, CONSENT: consent(u)}).items():
            means = values.reshape(2, -1).mean(axis=1).tolist()
            for side, mean in zip(self.dyad, means, strict=True):
                self.terms.append(stamp | {"side": side, "part": part, "value": mean})
        openness = openness_at(world, state.day)[place]
        opening = consent(u).reshape(2, -1).prod(axis=0) * openness * drawn_rate(world)
        rate = float(opportunity_rate(world)[place, kind] * opening.mean())
        self.rates.append(stamp | {"kind": self.kind, "rate": rate})
        most = most_feared(feared(view).mean(axis=0), world.rules.tau)
        for side, i in zip(self.dyad, sides, strict=True):
            threat = view.adversaries[:, i].mean(axis=0)
            total = float(view.total[:, i].mean())
            order = np.lexsort((np.array(world.codes), -threat))[:MOST_FEARED]
            for adversary in order[threat[order] > 0].tolist():
                size = float(threat[adversary])
                row = {"side": side, "adversary": world.codes[adversary]}
                row |= {"threat": size, "share": size / total}
                row |= {"is_most": adversary == int(most[i])}
                self.feared.append(stamp | row)


def likeliest_type(worlds: Worlds, dyad: Dyad) -> str:
    """The type on which two states would open talks most often at the start of the
    control arm, among security agreements if there are any."""
    world = worlds.reference
    place = world.dyad_index[*map(world.codes.index, dyad)]
    rates = rates_at_start(world, worlds.baseline.keen)[..., place, :]
    by_type = rates.reshape(-1, rates.shape[-1]).mean(axis=0)
    is_asked = world.ladder.security if world.ladder.security.any() else True
    return world.ladder.names[np.where(is_asked, by_type, -1.0).argmax()]


def _terms_of(result: Result, readings: Readings, arm: str, runs: Keys) -> DyadTerms:
    """What was read for a dyad, with its effect and signatures in the study."""
    (a, b), effects = readings.dyad, result.dyads
    is_theirs = (effects["a"] == a) & (effects["b"] == b) & (effects["arm"] == arm)
    return DyadTerms(
        a=a,
        b=b,
        kind=readings.kind,
        arm=arm,
        reference=result.reference,
        runs=runs,
        table=_both_arms(readings, result.reference, arm),
        rates=Frame(readings.rates),
        adversaries=Frame(readings.feared, columns=FEARED),
        shares=effects.loc[is_theirs, SHARES].reset_index(drop=True),
        window=result.window,
        signing=signing(result, a, b, arm),
    )


def _both_arms(readings: Readings, reference: str, arm: str) -> pd.DataFrame:
    """The `table` of a dyad: its terms, the arms side by side; a term of
    weight 0 in one arm is 0 there."""
    terms = Frame(readings.terms)
    keys = ["date", "moment", "side", "part"]
    frame = terms.pivot(index=keys, columns="arm", values="value").fillna(0.0)
    frame = frame.rename(columns={reference: "reference", arm: "arm"}).reset_index()
    own_terms = sorted({*frame["part"]} - {*ORDER, U, CONSENT})
    order = {part: k for k, part in enumerate((*ORDER, *own_terms, U, CONSENT))}
    moments = {moment: k for k, moment in enumerate(dict.fromkeys(terms["moment"]))}
    places = frame["moment"].map(moments), frame["side"], frame["part"].map(order)
    frame = frame.iloc[np.lexsort(places[::-1])].reset_index(drop=True)
    frame = frame[["moment", "date", "side", "part", "reference", "arm"]]
    frame.columns.name = None
    return frame.assign(difference=frame["arm"] - frame["reference"])


def leading_dyads(result: Result, arm: str, count: int) -> list[Dyad]:
    """The dyads with the largest filtered effects, of those whose 95 % CI excludes 0;
    ties by their codes."""
    dyads = result.dyads
    is_clear = (dyads["lo"] > 0) | (dyads["hi"] < 0)
    rows = dyads[(dyads["arm"] == arm) & is_clear]
    rows = largest_first(rows, rows["effect"]).head(count)
    return list(zip(rows["a"], rows["b"], strict=True))


def signing(result: Result, a: str, b: str, arm: str) -> dict[str, int]:
    """In how many replications the two sign a new security agreement within the longest
    window."""
    kinds, counts = result.scenario.kinds, {arm: 0, result.reference: 0}
    secure = [name for name, kind in kinds.items() if kind.security]
    for _, agreements in result.blocks():
        is_theirs = new_rows(agreements, result.focal_day, result.window)
        is_theirs &= np.isin(column_words(agreements, "kind"), secure)
        is_theirs &= column_words(agreements, "a") == a
        is_theirs &= column_words(agreements, "b") == b
        runs, arms = agreements["run"].to_numpy(), column_words(agreements, "arm")
        for name in counts:
            counts[name] += len(np.unique(runs[is_theirs & (arms == name)]))
    control = counts[result.reference]
    return {"arm": counts[arm], "control": control, "of": result.finished}


def ordered_dyad(result: Result, a: str, b: str) -> Dyad:
    """The dyad with the lesser code first. Raises WrongRequest for what is none."""
    for code in (a, b):
        checked_name("state", code, result.scenario.codes)
    if a == b:
        raise WrongRequest(f"a dyad is of two states, got {a} twice")
    return (a, b) if a < b else (b, a)


def _records(frame: pd.DataFrame) -> list[Row]:
    """Rows for JSON: dates as text, what is missing as null."""
    return [
        {
            str(name): value.isoformat()
            if isinstance(value, date)
            else plain_data(value)
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]

"""The spiral: how many further accords an accord calls forth, at the start, from the model's own rates."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt

from balance_sim.analysis.mechanisms.readings import Found, Measured, Readings
from balance_sim.model.baseline import Worlds
from balance_sim.model.engine import begin
from balance_sim.model.network import enter, refresh
from balance_sim.model.perception import View, perceive
from balance_sim.model.pipeline import rates_at_start
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import Accords, State
from balance_sim.model.thinning import openness_at, opportunity_rate
from balance_sim.model.willingness import TERMS, consent, level, parts
from balance_sim.stats.intervals import mean_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NETWORK = tuple(name for name, term in TERMS.items() if term.group == "network")
SAMPLE = 32
MOST_WORK = 3e7  # states^3 x kinds x accords looked at


def spiral(r: Readings) -> Measured:
    """M16: loop gain, the expected further accords within a year per accord signed now."""
    worlds = r.worlds
    n, kinds = worlds.reference.n, len(worlds.reference.ladder.names)
    size = int(np.clip(MOST_WORK / (n**3 * kinds), 4, SAMPLE))
    pair, kind = sampled(worlds, size)
    total, frozen = loop_gains(worlds, pair, kind)
    mean, _, lo, hi = mean_interval(total)
    note = f"{size} accords drawn by rate; the interval is over these, not over runs"
    if size < SAMPLE:
        lo = hi = float("nan")
        note = f"{size} accords drawn by rate, where an interval needs {SAMPLE}: fewer states give them"
    if not np.isfinite(lo) or lo <= 0 <= hi or lo <= 1 <= hi:
        verdict = "not distinguishable"
    else:
        verdict = "as expected" if 0 < mean < 1 else "opposite"
    return Found(
        mean,
        lo,
        hi,
        len(total),
        verdict=verdict,
        detail={
            "network_frozen": {"value": float(frozen.mean()), "ci95": [None, None]},  # few make most of it
            "accords_looked_at": size,
            "unit": "talks opened within a year per accord in force now",
        },
        note=note,
    )


def rates(worlds: Worlds) -> Floats:
    """(P * M,) rate at which each pair opens talks on each kind at the start."""
    return rates_at_start(worlds.reference, worlds.baseline.keen).reshape(-1)


def sampled(worlds: Worlds, size: int, start: float = 0.5) -> tuple[Ints, Ints]:
    """Pairs and kinds that would sign now, by their rates at the start: a systematic sample.

    start: where in the first of `size` equal shares of the rates it begins, 0..1. Neighbours in the order of pairs
    are alike, so such a sample varies less than Student's t over its accords says: docs/statistics.md."""
    edges = np.cumsum(rates(worlds))
    marks = (np.arange(size) + start) / size * edges[-1]
    pair, kind = np.divmod(np.searchsorted(edges, marks), len(worlds.reference.ladder.names))
    return pair, kind


def loop_gains(worlds: Worlds, pair: Ints, kind: Ints) -> tuple[Floats, Floats]:
    """(K,) change of the sum of all pairs' rates, per year, if one more accord were in force.

    First in total, then with the network's terms held where they are without it.

    One world holds none of the accords, each other one of them. Talks that the accord's own pair and kind could
    open count too: once signed, it has little more to gain."""
    world, baseline = worlds.reference, worlds.baseline
    runs = len(pair) + 1
    state = begin(world, baseline, 0, np.zeros(runs, dtype=np.uint64))
    add_in_force(worlds, state, np.arange(1, runs), pair, kind)
    view = perceive(world, state, 0)
    parts = [_terms_of_all(worlds, state, view, run) for run in range(runs)]
    base = parts[0]
    whole = np.array([_rate(worlds, sum(of.values())) for of in parts])
    held = np.array(
        [_rate(worlds, sum(base[name] if name in NETWORK else of[name] for name in of)) for of in parts]
    )
    return whole[1:] - whole[0], held[1:] - held[0]


def add_in_force(worlds: Worlds, state: State, run: Ints, pair: Ints, kind: Ints) -> None:
    """One more accord in force, and one more signature of its pair, in each of some runs."""
    world = worlds.reference
    rows, count = len(state.accords.run), len(run)
    few = Accords(
        **{one.name: np.zeros(count, getattr(state.accords, one.name).dtype) for one in fields(Accords)}
    )
    few.run, few.pair, few.kind = run, pair, kind
    few.stage, few.ended = np.full(count, 2), np.full(count, np.inf)
    state.accords.append(few)
    added = np.arange(rows, rows + count)
    enter(state, added)
    refresh(world, state, added)
    np.add.at(state.experience, (run, pair), 1.0)


def _terms_of_all(worlds: Worlds, state: State, view: View, run: int) -> dict[str, Floats]:
    """Terms of every state for every other and kind in one run, (n * n * M,) each, and the constant part."""
    world = worlds.reference
    ego, alter, kind = (grid.ravel() for grid in np.indices((world.n, world.n, len(world.ladder.names))))
    p = Prospects(world, worlds.baseline, view, state, np.full(len(ego), run), ego, alter, kind)
    return dict(parts(p)) | {"constant": level(p)}


def _rate(worlds: Worlds, u: Floats | int) -> float:
    """Talks opened a year by all pairs, from everybody's willingness."""
    world = worlds.reference
    keen = consent(np.asarray(u)).reshape(world.n, world.n, -1)
    both = keen[world.first, world.second] * keen[world.second, world.first]
    return float((both * opportunity_rate(world) * openness_at(world, 0.0)[:, None]).sum())

"""M16, the security dilemma: how many further agreements one agreement calls forth."""

from __future__ import annotations

import numpy as np

from balance_sim.article.mechanisms.data import NAN, MechanismEstimate, StudyData
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Floats, Ints
from balance_sim.model.engine import begin
from balance_sim.model.perception import perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState, count_in_force, refresh
from balance_sim.model.thinning import openness_at, opportunity_rate, rates_at_start
from balance_sim.model.willingness import TERMS, consent, level, parts
from balance_sim.stats.intervals import mean_interval

NETWORK = tuple(name for name, term in TERMS.items() if term.group == "network")
SAMPLE = 32
MOST_WORK = 3e7  # states^3 x types x agreements looked at


def spiral(study: StudyData) -> MechanismEstimate:
    """M16: loop gain, the expected further agreements within a year per agreement
    signed now."""
    world = study.worlds.reference
    work = world.n**3 * len(world.ladder.names)
    size = int(np.clip(MOST_WORK / work, 4, SAMPLE))
    total, frozen = loop_gains(study.worlds, *sampled(study.worlds, size))
    mean, _, lo, hi = mean_interval(total)
    note = f"{size} agreements drawn by rate"
    if size < SAMPLE:
        lo, hi, note = NAN, NAN, f"{note}, where a CI needs {SAMPLE}"
    else:
        note = f"{note}; the CI is over these, not over replications"
    verdict = "as expected" if 0 < mean < 1 else "opposite"
    if not np.isfinite(lo) or lo <= 0 <= hi or lo <= 1 <= hi:
        verdict = "not distinguishable"
    # few agreements make most of the frozen network's gain: it has no interval
    gain = {"value": float(frozen.mean()), "ci95": [None, None]}
    details = {"network_frozen": gain, "accords_looked_at": size}
    return MechanismEstimate(mean, lo, hi, size, None, verdict, note, details)


def rates(worlds: Worlds) -> Floats:
    """(P * M,) rate at which each pair opens talks on each type at the start."""
    return rates_at_start(worlds.reference, worlds.baseline.keen).reshape(-1)


def sampled(worlds: Worlds, size: int, start: float = 0.5) -> tuple[Ints, Ints]:
    """Pairs and types that would sign now, by their rates at the start: a systematic
    sample.

    start: where in the first of `size` equal shares of the rates it begins, 0..1.
    Neighbours in the order of pairs are alike, so such a sample varies less than
    Student's t over its agreements says: docs/statistics.md."""
    edges = np.cumsum(rates(worlds))
    marks = (np.arange(size) + start) / size * edges[-1]
    places = np.searchsorted(edges, marks)
    return np.divmod(places, len(worlds.reference.ladder.names))


def loop_gains(worlds: Worlds, dyad: Ints, kind: Ints) -> tuple[Floats, Floats]:
    """What one more agreement in force changes at the start.

    One world holds none of the agreements, each other one. Talks that the agreement's
    clock could open count too.

    Parameters
    ----------
    worlds : of the control arm
    dyad, kind : (K,) of the agreements that are added, one at a time

    Returns
    -------
    tuple : (K,) change of the sum of all pairs' rates, per year: in total, and with
        the network's terms held where they are without it
    """
    world, runs = worlds.reference, len(dyad) + 1
    state = begin(world, worlds.baseline, 0, np.zeros(runs, dtype=np.uint64))
    add_in_force(worlds, state, np.arange(1, runs), dyad, kind)
    view = perceive(world, state, 0)
    shape = (world.n, world.n, len(world.ladder.names))
    ego, alter, types = np.indices(shape).reshape(3, -1)
    network: dict[str, Floats] = {}
    totals, frozen = np.zeros(runs), np.zeros(runs)
    for run in range(runs):
        place = np.full(len(ego), run)
        prospects = Prospects(
            world, worlds.baseline, view, state, place, ego, alter, types
        )
        terms = dict(parts(prospects)) | {"constant": level(prospects)}
        network = network or {name: terms[name] for name in terms if name in NETWORK}
        totals[run] = _rate(worlds, sum(terms.values()))
        frozen[run] = _rate(worlds, sum((terms | network).values()))
    return totals[1:] - totals[0], frozen[1:] - frozen[0]


def add_in_force(
    worlds: Worlds, state: BlockState, run: Ints, dyad: Ints, kind: Ints
) -> None:
    """Put one more agreement in force, with one more signature of its pair, in each of
    some runs."""
    rows, count = len(state.agreements.run), len(run)
    numbers = np.zeros(count, np.int64)
    agreements = AgreementRows.begun(
        0, run, dyad, kind, numbers, numbers.astype(np.uint64), np.zeros(count)
    )
    agreements.stage = np.full(count, 2)
    state.agreements.add_rows(agreements)
    added = np.arange(rows, rows + count)
    count_in_force(state, added, 1)
    refresh(worlds.reference, state, run, dyad)
    np.add.at(state.experience, (run, dyad), 1.0)


def _rate(worlds: Worlds, willingness: Floats | int) -> float:
    """Talks opened a year by all pairs, from everybody's willingness."""
    world = worlds.reference
    keen = consent(np.asarray(willingness)).reshape(world.n, world.n, -1)
    consents = keen[world.first, world.second] * keen[world.second, world.first]
    openness = openness_at(world, 0.0)[:, None]
    return float((consents * opportunity_rate(world) * openness).sum())

"""One run lived again in both arms: every accord, and what each side would have said at every occasion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from balance_sim.analysis.explain.account import account, summed
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import ORIGINS, Opportunities, World
from balance_sim.model.engine import one_side, simulate
from balance_sim.model.opportunities import draw_opportunities, thinning
from balance_sim.model.pipeline import clock_of
from balance_sim.model.state import Accords, State
from balance_sim.model.view import View
from balance_sim.model.willingness import consent
from balance_sim.replications.tables import accord_table

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """What both sides would say at each occasion of one run in one arm, in the order of the occasions, C.

    Asked of a pair that is already under way too: then the occasion passes, whatever they would say."""

    consent: Floats  # (C, 2) probability of the pair's first and second state
    busy: Bools  # (C,) something of that kind is under way
    parts: tuple[dict[str, Floats], dict[str, Floats]]  # each (C,) nats


@dataclass(frozen=True)
class Lived:
    """One run of one arm."""

    arm: str
    made: Accords
    answers: Answers
    acts: list[tuple[float, int]]  # provocations of the run: day, and which


def live_run(worlds: Worlds, arm: str, seed: int, run: int, chances: Opportunities) -> Lived:
    """One run, with every occasion answered. chances: of this run alone, none passed over."""
    world = worlds.arms[arm]
    seen: list[Answers] = []
    acts: list[tuple[float, int]] = []

    def observe(world: World, state: State, view: View) -> None:
        seen.append(_answers(worlds, world, chances, state, view))
        if view.step == 0 and state.provoked is not None:
            acts.extend(zip(state.provoked.day.tolist(), state.provoked.act.tolist(), strict=True))

    thin = thinning(world, chances, None)
    numbers = np.array([run], dtype=np.uint64)
    made = simulate(world, worlds.baseline, chances, thin, seed, numbers, observe).accords
    busy = np.concatenate([one.busy for one in seen])
    both = np.concatenate([one.consent for one in seen])
    first, second = (
        {name: np.concatenate([one.parts[side][name] for one in seen]) for name in seen[0].parts[side]}
        for side in (0, 1)
    )
    return Lived(arm, made, Answers(both, busy, (first, second)), sorted(acts))


def all_chances(worlds: Worlds, seed: int, run: int) -> Opportunities:
    """Every occasion of one run."""
    return draw_opportunities(worlds.reference, seed, np.array([run], dtype=np.uint64))


def accords_of(worlds: Worlds, lived: Lived, run: int) -> pd.DataFrame:
    """The run's accords as the study stores them: same rows, same whole days."""
    table: pa.Table = accord_table(worlds, lived.arm, lived.made, np.array([run], dtype=np.uint64))
    return as_stored(table.to_pandas(use_threads=False))


def as_stored(frame: pd.DataFrame) -> pd.DataFrame:
    """Accords with words as words and a fixed order of rows, so that two tables can be compared."""
    words = ["arm", "a", "b", "kind", "origin", "direction"]
    out = frame.astype(dict.fromkeys(words, str))
    keys = ["a", "b", "kind", "origin", "occasion", "opened"]
    return out.sort_values(keys, kind="stable", ignore_index=True)


def occasion_rows(chances: Opportunities, made: Accords) -> dict[tuple[int, int, int], int]:
    """(pair, kind, count) of the talks opened in the run, to the row of the occasion."""
    new = made.origin == ORIGINS.index("new")
    wanted = set(zip(made.pair[new].tolist(), made.kind[new].tolist(), made.count[new].tolist(), strict=True))
    keys = zip(chances.pair.tolist(), chances.kind.tolist(), chances.count.tolist(), strict=True)
    return {key: row for row, key in enumerate(keys) if key in wanted}


def _answers(worlds: Worlds, world: World, chances: Opportunities, state: State, view: View) -> Answers:
    rows = np.arange(*chances.starts[view.step : view.step + 2])
    busy = state.busy.take(clock_of(world, chances.run[rows], chances.pair[rows], chances.kind[rows]))
    first, second = (
        account(one_side(world, worlds.baseline, chances, state, view, rows, side)) for side in (0, 1)
    )
    both = np.stack([consent(summed(first)), consent(summed(second))], axis=1)
    return Answers(both, busy, (first, second))


def main_part(mine: dict[str, Any], theirs: dict[str, Any], row: int) -> tuple[str, float]:
    """The part that differs most between two accounts at one occasion, and by how much; "": none does."""
    names = list(dict.fromkeys([*mine, *theirs]))
    by = {
        n: float(mine[n][row] if n in mine else 0.0) - float(theirs[n][row] if n in theirs else 0.0)
        for n in names
    }
    most = max(by, key=lambda name: abs(by[name]))
    return (most, by[most]) if by[most] != 0 else ("", 0.0)

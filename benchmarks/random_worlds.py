"""Worlds drawn at random under relations that every world has to keep.

    uv run python benchmarks/random_worlds.py                     # 1,000 worlds, seed 1, as many processes as cores
    uv run python benchmarks/random_worlds.py --count 50 --seed 7

A world has three to nine invented states, quarrels, trade, agreements, players without a policy, events, and five to
seven arms, all drawn from its number and the seed; it is written to a file and read as a user's is. In each:

* bounds: joint exercises of every arm lie between the least and the greatest rate of its spans times the window;
* apart: an arm's replications are the same without the other arms, bit by bit, where those bring no date of their own;
  its exercises within one part in a thousand where they do;
* set: a value given by `--set` and the same value by an arm's `set` give the same numbers, bit by bit;
* names: what states fear and want at the start is that of the world whose states are named otherwise;
* order: rows of the file in another order give the same agreements;
* unseen: an event of visibility 0 on a day that is there already changes nothing;
* nothing: an arm that differs in nothing has no effect at all;
* blocks: replications in two blocks are those in one.

Printed: how often each relation was tried and failed, and the worlds in which it failed. Exit 1 where one did."""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.scenario.schema import Arm
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.expected import Estimator
from balance_sim.study.spans import at_start, in_spans, walk

Numbers = np.ndarray[Any, Any]
RUNS = 6
START = date(2024, 1, 1)
FOCAL = date(2024, 3, 1)
WINDOW = 180
COUNTED = f"exercises_all_{WINDOW}"
KINDS = (
    "joint_summit",
    "treaty",
    "exercise",
    "display",
    "force",
    "reassurance",
    "statement",
)
TYPES = (
    "defence_cooperation",
    "logistics",
    "information_sharing",
    "political_declaration",
)


# --- a world drawn -------------------------------------------------------------------


@dataclass
class Drawn:
    """A world's document, the value of a state that is changed in it, and the folder in
    which it and its like are written."""

    document: dict[str, Any]
    key: str
    value: float
    folder: Path

    @cached_property
    def scenario(self) -> Scenario:
        return self.loaded(self.document)

    @cached_property
    def worlds(self) -> Worlds:
        return compile_worlds(self.scenario)

    def loaded(self, document: dict[str, Any]) -> Scenario:
        path = self.folder / "world.yaml"
        text = json.dumps(document, default=str)  # YAML too, and without aliases
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)


def drawn_world(number: int, seed: int, folder: Path) -> Drawn:
    """The world of a number, drawn by a seed."""
    rng = random.Random(f"{seed}/{number}")
    codes = [
        f"X{letter}{letter}" for letter in rng.sample("ABCDEFGHIJ", rng.randint(3, 9))
    ]
    focal = event(rng, codes, "focal", FOCAL, "joint_summit")
    earlier = [
        event(rng, codes, f"before{k}", FOCAL - timedelta(days=rng.randint(1, 150)))
        for k in range(rng.randint(0, 3))
    ]
    later = [
        event(rng, codes, f"after{k}", FOCAL + timedelta(days=rng.randint(1, 200)))
        for k in range(rng.randint(0, 3))
    ]
    key = (
        f"states.{rng.choice(codes)}.{rng.choice(['autonomy', 'democracy', 'gdp_bn'])}"
    )
    value = round(rng.uniform(0.05, 1.0), 3)
    crowd = rng.randint(2, 8)
    first = FOCAL + timedelta(days=rng.randint(1, 120))
    crisis = [
        event(rng, codes, f"crisis{k}", first + timedelta(days=k)) for k in range(crowd)
    ]
    document = {
        "schema": 1,
        "title": f"Drawn world {number}",
        "start": START,
        "end": date(2025, 1, 1),
        "focal": "focal",
        "base_rate": round(
            rng.uniform(0.02, 0.6) * len(codes) * (len(codes) - 1) / 2, 2
        ),
        "states": [state(rng, code) for code in codes],
        "disputes": quarrels(rng, codes),
        "trade": trade(rng, codes),
        "accords": accords(rng, codes),
        "events": [*earlier, focal, *later],
        "arms": {
            "without": {"reference": True, "drop": ["focal"]},
            "with": {},
            "same": {"drop": ["focal"]},
            "valued": {"set": {key: value}},
            "plain": {},
            "crisis": {"add": crisis},
        },
        "report": {"windows": [30, WINDOW]},
    }
    return Drawn(document, key, value, folder)


def state(rng: random.Random, code: str) -> dict[str, Any]:
    size = rng.lognormvariate(0.0, 1.2)
    return {
        "id": code,
        "name": f"{code} (drawn)",
        "gdp_bn": round(500 * size, 2),
        "milex_bn": round(10 * size * rng.lognormvariate(0.0, 0.5), 3),
        "population_m": round(30 * size * rng.lognormvariate(0.0, 0.5), 3),
        "democracy": round(rng.random(), 3),
        "ideal_point": round(rng.gauss(0.0, 1.0), 3),
        "latitude": round(rng.uniform(-55, 65), 2),
        "longitude": round(rng.uniform(-179, 179), 2),
        "autonomy": round(rng.random(), 3),
    }


def dyads(rng: random.Random, codes: list[str], most: int) -> list[tuple[str, str]]:
    every = list(combinations(sorted(codes), 2))
    return rng.sample(every, min(rng.randint(0, most), len(every)))


def quarrels(rng: random.Random, codes: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "a": a,
            "b": b,
            "rivalry": round(rng.random(), 2),
            "claim": round(rng.random(), 2),
        }
        for a, b in dyads(rng, codes, 8)
    ]


def trade(rng: random.Random, codes: list[str]) -> list[dict[str, Any]]:
    share = 0.5 / len(codes)
    return [
        {"state": a, "partner": b, "share": round(rng.uniform(0.0, share), 3)}
        for a, b in dyads(rng, codes, 6)
    ]


def accords(rng: random.Random, codes: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"accord{k}",
            "a": a,
            "b": b,
            "kind": rng.choice(TYPES),
            "status": "in_force",
            "signed": START - timedelta(days=rng.randint(100, 6000)),
        }
        for k, (a, b) in enumerate(dyads(rng, codes, 8))
    ]


def event(
    rng: random.Random, codes: list[str], name: str, day: date, kind: str | None = None
) -> dict[str, Any]:
    kind = kind or rng.choice(KINDS)
    is_joint = kind in ("joint_summit", "treaty", "exercise")
    actors = rng.sample(codes, 2 if is_joint else 1)
    others = [code for code in codes if code not in actors]
    return {
        "id": name,
        "date": day,
        "kind": kind,
        "principals": actors,
        "targets": rng.sample(others, rng.randint(1, len(others))),
        "visibility": round(rng.uniform(0.1, 1.0), 2),
    }


# --- relations -----------------------------------------------------------------------


class Broken(AssertionError):
    """A relation that a world does not keep."""


def hold(truth: bool, what: str) -> None:
    if not truth:
        raise Broken(what)


def outcomes(worlds: Worlds, arm: str, first: int = 0, runs: int = RUNS) -> Numbers:
    """(R, O) outcomes of an arm of a world, by their names in order."""
    arms = list(dict.fromkeys(["without", arm]))
    table = simulate_block(worlds, 3, Block(first, first + runs), arms).runs.to_pandas()
    rows = table[table["arm"] == arm].sort_values("run")
    return rows[sorted(set(rows.columns) - {"run", "arm"})].to_numpy()


def same(one: Numbers, other: Numbers) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def bounds(drawn: Drawn) -> None:
    worlds = drawn.worlds
    estimator = Estimator(worlds)
    years = WINDOW / 365.25
    for arm, world in worlds.arms.items():
        present = in_spans(world, estimator.edges)
        rates = [
            float(estimator.joint.by_class(view.world, view).sum())
            for _, view in walk(present, worlds.baseline, at_start(present))
        ]
        found = estimator.exercises(world)[COUNTED]
        low = min(rates) * years * (1 - 1e-6) - 1e-6
        high = max(rates) * years * (1 + 1e-6) + 1e-6
        hold(low <= found <= high, f"{arm}: {found} not in {low}..{high}")


def apart(drawn: Drawn) -> None:
    arms = drawn.scenario.arms
    kept = {name: arms[name] for name in ("without", "with", "valued")}
    dateless = compile_worlds(drawn.scenario.model_copy(update={"arms": kept}))
    kept.pop("valued")
    alone = compile_worlds(drawn.scenario.model_copy(update={"arms": kept}))
    hold(same(outcomes(dateless, "with"), outcomes(alone, "with")), "with")
    of_all, of_two = (
        Estimator(worlds).exercises(worlds.arms["with"])[COUNTED]
        for worlds in (drawn.worlds, alone)
    )
    hold(abs(of_all - of_two) <= 1e-3 * of_two + 1e-6, f"exercises {of_all}, {of_two}")


def by_set(drawn: Drawn) -> None:
    scenario = drawn.scenario
    drop = scenario.arms["without"].drop
    update = {"valued": Arm(drop=drop, set={drawn.key: drawn.value})}
    by_arm = scenario.model_copy(update={"arms": scenario.arms | update})
    by_option = with_values(scenario, {drawn.key: drawn.value})
    in_arm = outcomes(compile_worlds(by_arm), "valued")
    hold(same(in_arm, outcomes(compile_worlds(by_option), "without")), drawn.key)


def names(drawn: Drawn) -> None:
    codes = [row["id"] for row in drawn.document["states"]]
    moved = random.Random(str(codes)).sample(codes, len(codes))
    new_name = dict(zip(codes, moved, strict=True))
    text = json.dumps(drawn.document, default=str)
    text = re.sub(r"X([A-J])\1", lambda hit: new_name[hit[0]], text)
    before = at_the_start(drawn.worlds)
    after = at_the_start(compile_worlds(drawn.loaded(json.loads(text))))
    for code, value in before.items():
        hold(abs(after[new_name[code]] - value) <= 1e-9, f"{code} -> {new_name[code]}")


def at_the_start(worlds: Worlds) -> dict[str, float]:
    """Insecurity by state."""
    world = worlds.reference
    return dict(zip(world.codes, worlds.baseline.insecurity.tolist(), strict=True))


def order(drawn: Drawn) -> None:
    rng = random.Random(drawn.key)
    document = dict(drawn.document)
    for section in ("states", "disputes", "trade", "accords", "events"):
        rows = document[section]
        document[section] = rng.sample(rows, len(rows))
    document["arms"] = dict(
        rng.sample([*document["arms"].items()], len(document["arms"]))
    )
    moved = compile_worlds(drawn.loaded(document))
    hold(same(outcomes(drawn.worlds, "crisis"), outcomes(moved, "crisis")), "crisis")


def unseen(drawn: Drawn) -> None:
    focal = next(row for row in drawn.document["events"] if row["id"] == "focal")
    silent = focal | {"id": "silent", "kind": "force", "visibility": 0.0}
    silent["principals"] = focal["principals"][:1]
    document = drawn.document | {"events": [*drawn.document["events"], silent]}
    beside = compile_worlds(drawn.loaded(document))
    hold(same(outcomes(beside, "with"), outcomes(drawn.worlds, "with")), "with")


def nothing(drawn: Drawn) -> None:
    for arm, other in (("same", "without"), ("plain", "with")):
        hold(same(outcomes(drawn.worlds, arm), outcomes(drawn.worlds, other)), arm)


def blocks(drawn: Drawn) -> None:
    half = RUNS // 2
    parts = [outcomes(drawn.worlds, "crisis", first, half) for first in (0, half)]
    hold(same(np.concatenate(parts), outcomes(drawn.worlds, "crisis")), "crisis")


Relation = Callable[[Drawn], None]
RELATIONS: dict[str, Relation] = {
    "bounds": bounds,
    "apart": apart,
    "set": by_set,
    "names": names,
    "order": order,
    "unseen": unseen,
    "nothing": nothing,
    "blocks": blocks,
}


def failures(number: int, seed: int) -> list[tuple[str, str]]:
    """Relations that a world does not keep, each with where."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        drawn = drawn_world(number, seed, Path(folder))
        for relation, keeps in RELATIONS.items():
            try:
                keeps(drawn)
            except Broken as broken:
                found.append((relation, str(broken)))
    return found


def in_all(
    count: int, seed: int, processes: int | None
) -> Iterator[list[tuple[str, str]]]:
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(partial(failures, seed=seed), range(count), chunksize=4)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=None)
    asked = parser.parse_args()
    failed: Counter[str] = Counter()
    rows = tqdm(in_all(asked.count, asked.seed, asked.processes), total=asked.count)
    for number, found in enumerate(rows):
        for relation, where in found:
            failed[relation] += 1
            print(f"world {number}: {relation}: {where}")
    for relation in RELATIONS:
        print(f"{relation:8} tried {asked.count}, failed {failed[relation]}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

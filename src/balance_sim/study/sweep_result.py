"""A finished sweep, or as much of it as there is, as tidy frames; one point of it as a
`Result`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.scenario import with_values
from balance_sim.scenario.errors import (
    PATH,
    WrongRequest,
    as_json,
    checked_type,
    whole_number,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.frame import Frame
from balance_sim.study.arms import chosen_arms
from balance_sim.study.digest import Digest, digest_of, sha256_of
from balance_sim.study.estimates import (
    EFFECTS,
    Columns,
    estimates_of,
    joined_columns,
)
from balance_sim.study.folder import scenario_of
from balance_sim.study.frames import codebook
from balance_sim.study.manifest import Manifest
from balance_sim.study.outcomes import Outcome
from balance_sim.study.points import PointTable, json_value
from balance_sim.study.result import Result, StudyResult
from balance_sim.study.store import Store, warn_lacking


@dataclass(frozen=True, repr=False)
class SweepResult(StudyResult):
    """What a sweep found. Frames are gathered point by point from the shards; memory
    does not grow with replications.

    Attributes
    ----------
    folder, name : where it is; the experiment's name
    scenario : before any factor
    table : the points of the design
    runs, seed : replications of every arm at every point, and their random numbers
    arms : the control arm first
    version : the balance-sim that made it
    manifest : of the folder
    failed : replications that did not finish; they are in no frame

    Examples
    --------
    >>> import balance_sim as bs
    >>> from tempfile import TemporaryDirectory
    >>> few = bs.load_experiment("experiments/smoke.yaml", runs=2)
    >>> with TemporaryDirectory() as folder:
    ...     swept = bs.sweep(few, out=folder)
    ...     swept.effects.query("outcome == 'accords_all_300'")["point"].tolist()
    [0, 1, 2, 3, 4, 5]
    """

    folder: Path
    name: str
    scenario: Scenario
    table: PointTable
    runs: int
    seed: int
    arms: tuple[str, ...]
    version: str
    manifest: Manifest
    failed: tuple[dict[str, Any], ...] = ()

    def __repr__(self) -> str:
        points = f"{len(self.table.points)} points"
        runs = f"{self.runs} replications of {len(self.arms)} arms each"
        return f"<SweepResult of {self.name}: {points}, {runs}, in {self.folder}>"

    @property
    def wanted(self) -> int:
        """Replications asked for, over all points."""
        return len(self.table.numbers()) * self.runs

    @cached_property
    def codebook(self) -> pd.DataFrame:
        """What every outcome is, a row each: as `Result.codebook`."""
        columns = (self._store.columns(number) for number in self.numbers_done)
        first = next(filter(None, columns), [])
        names = [name for name in first if name not in ("run", "arm")]
        return codebook(names, self.manifest.own_meanings)

    @property
    def question(self) -> str:
        """What the experiment asks, or its scenario."""
        return self.manifest.design.question or self.scenario.question

    @cached_property
    def paths(self) -> list[str]:
        """Key paths of the factors."""
        return self.table.paths()

    @cached_property
    def points(self) -> pd.DataFrame:
        """Tidy: point, place, key, label, part, and a column a factor."""
        return self.table.frame()

    @cached_property
    def _store(self) -> Store:
        return Store(self.folder)

    @property
    def numbers_done(self) -> list[int]:
        """Numbers of the design's points of which a block is done, in its order."""
        done = self._store.by_point
        return [number for number in self.table.numbers() if number in done]

    def blocks(self, number: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield (runs, agreements) tables of the point of that number, in the order of
        runs."""
        return self._store.blocks(number, self.runs)

    @overload
    def point(self, number: int) -> Result: ...

    @overload
    def point[Kind: Result](self, number: int, kind: type[Kind]) -> Kind: ...

    def point(self, number: int, kind: type[Result] = Result) -> Result:
        """Return one point as the study of a single scenario. kind: the type of
        result."""
        last = len(self.table.points) - 1
        number = whole_number("number of the point", number, 0, last)
        values, scenario = self.table.points[number].values, self.scenario
        if values:
            scenario = with_values(scenario, dict(values))
        return kind(
            scenario=scenario,
            runs=self.runs,
            seed=self.seed,
            arms=self.arms,
            version=self.version,
            folder=self.folder,
            failed=tuple(row for row in self.failed if row["point"] == number),
            point=number,
            draws=self.manifest.draw_parameters,
            model=self.manifest.model,
            meanings=self.manifest.own_meanings,
        )

    # -- estimates ---------------------------------------------------------------------

    @cached_property
    def _numbers(self) -> tuple[pd.DataFrame, pd.DataFrame, str]:
        """Levels, effects and the digest, in one pass over the shards."""
        tables: tuple[list[Columns], list[Columns]] = [], []
        nothing, fronts, lines = digest_of([], self.arms), [], []
        outcomes, done = self.manifest.design.outcomes, {*self.numbers_done}
        for number in self.table.numbers():
            point, digest = self.table.points[number], nothing
            if number in done:
                blocks = self.blocks(number)
                *columns, digest = numbers_of(blocks, self.arms, outcomes, self.steps)
                fronts.append({"point": number, **dict(point.values)})
                for of_point, of_all in zip(columns, tables, strict=True):
                    of_all.append(of_point)
            lines.append((point.key, digest))
        levels, effects = (behind(fronts, of_all) for of_all in tables)
        return levels, effects, combined(lines)

    @property
    def levels(self) -> pd.DataFrame:
        """Tidy: point, factors, arm, outcome, mean, sd, q05 ... q95, mcse, n."""
        return self._numbers[0]

    @property
    def effects(self) -> pd.DataFrame:
        """Tidy: point, factors, arm, outcome, mean, mcse, lo, hi, share_positive,
        share_negative, n."""
        return self._numbers[1]

    @property
    def digest(self) -> str:
        """sha256 over points and runs: the same whatever the workers, blocks, cluster
        or order of points."""
        return self._numbers[2]

    @cached_property
    def missing_runs(self) -> int:
        """Of the replications asked for, over all points, those that are neither there
        nor on record as failed."""
        return self._store.lacking_runs(self.table.numbers(), self.runs)

    @property
    def outcome_names(self) -> list[str]:
        """The outcomes asked for, or all."""
        present = dict.fromkeys(self.levels["outcome"]) if len(self.levels) else ()
        return self.manifest.design.outcomes or list(present)

    @property
    def headline_outcome(self) -> str:
        """The one that is printed and drawn: that of `Result` where it was asked for,
        else the first."""
        names = self.outcome_names
        wanted = Outcome("accords", "counter", max(self.scenario.report.windows)).name
        return wanted if wanted in names or not names else names[0]

    def summary(self) -> dict[str, Any]:
        """Return the JSON of `sweep --json`."""
        names, effects = self.outcome_names, self.effects
        if len(effects):
            effects = effects[effects["outcome"].isin(names)]
        return {
            "experiment": self.name,
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "points": len(self.table.numbers()),
            "runs": self.runs,
            "seed": self.seed,
            "version": self.version,
            "digest": self.digest,
            "reference": self.arms[0],
            "arms": list(self.arms),
            "factors": self.paths,
            "effects": effect_records(effects, self.paths),
            "failed_runs": len(self.failed),
            "missing_runs": self.missing_runs,
        }


def numbers_of(
    blocks: Iterable[tuple[pa.Table, pa.Table]],
    arms: Sequence[str],
    outcomes: Sequence[str] = (),
    steps: Mapping[str, float] | None = None,
) -> tuple[Columns, Columns, str]:
    """Return columns of levels and of effects, and the digest, of one point.

    Parameters
    ----------
    blocks : (outcomes, agreements) in the order of runs
    arms : the control arm first
    outcomes : those wanted; none: all
    steps : as in `least_jump`
    """
    digest, tables = Digest(arms), []
    for runs, agreements in blocks:
        digest.add(runs, agreements)
        tables.append(runs)
    estimates = estimates_of(tables, arms, outcomes, steps)
    return estimates.levels(), estimates.effects(), digest.hexdigest()


def behind(fronts: Sequence[dict[str, Any]], tables: Sequence[Columns]) -> Frame:
    """Return the tables of points one below the other, each behind its front."""
    lengths = [len(table.get("n", ())) for table in tables]
    having = [front for front, n in zip(fronts, lengths, strict=True) if n]
    front = Frame(having).loc[np.repeat(range(len(having)), [*filter(None, lengths)])]
    columns = pd.DataFrame(joined_columns(filter(None, tables)))
    return Frame(pd.concat([front.reset_index(drop=True), columns], axis=1))


def combined(digests: Iterable[tuple[str, str]]) -> str:
    """Return one digest of those of all points, each with its key, whatever their
    order."""
    lines = sorted(f"{key}\0{digest}\n" for key, digest in digests)
    return sha256_of("".join(lines).encode())


def effect_records(effects: pd.DataFrame, paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return effects for JSON: the point's number and values, then the numbers, NaN as
    null."""
    values: dict[int, str] = {}
    records = []
    for row in effects.to_dict("records"):
        number = int(row["point"])
        if number not in values:
            of_point = {path: row.get(path) for path in paths}
            values[number] = json.dumps(of_point, default=json_value)
        front = {"point": number, "values": json.loads(values[number])}
        records.append(front | as_json(row, *EFFECTS))
    return records


def open_study(folder: Path | str) -> SweepResult:
    """A study read back from its folder, finished or not; of a run its one point. A
    warning says how many replications are lacking. Raises WrongRequest for what is no
    path."""
    checked_type("folder", folder, PATH, "the path of a results folder")
    store = Store(Path(folder))
    manifest = store.manifest()
    scenario, runs = scenario_of(manifest), manifest.runs
    table = PointTable.load(store.folder, manifest)
    warn_lacking(store, table.numbers(), runs)
    inside = {*table.numbers()}
    failed = [row for row in store.failed() if row["run"] < runs]
    return SweepResult(
        folder=store.folder,
        name=manifest.name,
        scenario=scenario,
        table=table,
        runs=runs,
        seed=manifest.seed,
        arms=chosen_arms(scenario, manifest.arms),
        version=manifest.version,
        manifest=manifest,
        failed=tuple(row for row in failed if row["point"] in inside),
    )


def open_run[Kind: Result](folder: Path | str, kind: type[Kind]) -> Kind:
    """A run read back from its folder. kind: the type of result.

    Raises
    ------
    WrongRequest : where the folder holds no run
    StoreDamaged : where a file is not what it was written as
    """
    study = open_study(folder)
    if study.manifest.is_sweep:
        raise WrongRequest(
            f"{folder} holds a sweep, not a run "
            "(from Python: open_sweep(folder).point(0))"
        )
    return study.point(0, kind)


def open_sweep(folder: Path | str) -> SweepResult:
    """A sweep read back from its folder, finished or not; a warning says how many
    replications are lacking.

    Raises
    ------
    WrongRequest : where the folder holds no sweep
    StoreDamaged : where a file is not what it was written as

    Examples
    --------
    >>> import balance_sim as bs
    >>> from tempfile import TemporaryDirectory
    >>> few = bs.load_experiment("experiments/smoke.yaml", runs=2)
    >>> with TemporaryDirectory() as folder:
    ...     made = bs.sweep(few, out=folder)
    ...     bs.open_sweep(folder).digest == made.digest
    True
    """
    study = open_study(folder)
    if not study.manifest.is_sweep:
        raise WrongRequest(
            f"{folder} holds no sweep: give a folder of `balance-sim sweep`"
        )
    return study

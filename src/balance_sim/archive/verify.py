"""`verify`: a results folder against itself, and a sample of it against the model, bit
by bit."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.model.own.fingerprint import CodeFingerprint
from balance_sim.model.own.terms import reference_of_rule
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.files import bytes_if_any
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
from balance_sim.study.blocks import Block
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import refuse_code, scenario_of
from balance_sim.study.frames import FILE as CODEBOOK
from balance_sim.study.jobs import Job, Task, TaskResult, Values
from balance_sim.study.machine import arithmetic, arithmetic_here, version
from balance_sim.study.manifest import MadeWith, Manifest
from balance_sim.study.own_outcomes import LOCAL, function_named
from balance_sim.study.points import PointTable
from balance_sim.study.run import import_model, run_tasks
from balance_sim.study.status import command_of
from balance_sim.study.store import (
    Damage,
    Store,
    StoredBlock,
    came_to_its_end,
    read_summary,
)
from balance_sim.study.sweep_result import SweepResult, open_sweep
from balance_sim.study.tables import BlockTables, summed

SAMPLE = 4
RUNS_OF_A_BLOCK = 16
"""Runs that are simulated again of each block in a sample."""
ROUNDING = 1e-6
"""Relative difference of numbers that other arithmetic may show."""
AGREEMENT_KEY = ["run", "arm", "a", "b", "kind", "origin", "occasion"]


@dataclass
class Verified:
    """What was looked at and what is wrong.

    Attributes
    ----------
    blocks, runs : that are stored
    digest : of the study's results, made anew
    damage : empty if all is well
    rerun : parts of blocks that were run again, as plain data
    notes : what is no damage, and worth a word
    """

    folder: Path
    study: str
    blocks: int = 0
    runs: int = 0
    digest: str | None = None
    damage: list[Damage] = field(default_factory=list)
    rerun: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def runs_again(self) -> int:
        """Replications that were run again."""
        return sum(part["last"] - part["first"] + 1 for part in self.rerun)

    def as_dict(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return {
            "study": self.study,
            "ok": not self.damage,
            "blocks": self.blocks,
            "runs": self.runs,
            "digest": self.digest,
            "blocks_rerun": len(self.rerun),
            "runs_rerun": self.runs_again,
            "rerun": self.rerun,
            "damage": [{"file": item.file, "why": item.why} for item in self.damage],
            "notes": self.notes,
        }


def verify(
    folder: Path | str,
    *,
    sample: int | None = SAMPLE,
    model: str | None = None,
    outcomes: str | None = None,
    workers: int = 1,
) -> Verified:
    """Check every file of a results folder, and run a sample of its blocks again.

    sample: blocks of which a part is run again, drawn anew at each call; None: all of
    them, whole; 0: none. model, outcomes: allow the study's own code to run; without
    them such a study is not run again.

    Raises WrongRequest where there are no results or other code made them, StoreDamaged
    where not even the manifest can be read."""
    store = Store(Path(folder))
    manifest = store.manifest()
    values: dict[int, Values] = {0: ()}
    if manifest.is_sweep:
        table = PointTable.load(store, manifest.points)
        values = {number: table.points[number].values for number in table.numbers()}
    is_ended = came_to_its_end(read_summary(store.folder), manifest.runs, len(values))
    verified = Verified(store.folder, manifest.study)
    verified.damage = list(store.damage())
    if verified.damage:
        return verified
    stored = store.blocks_done()
    verified.blocks = len(stored)
    verified.runs = sum(len(each.block) for each in stored)
    for point, blocks in store.lacking(values, manifest.runs).items():
        span = f"runs {blocks[0].first} to {blocks[-1].stop - 1} of point {point}"
        if is_ended:
            verified.damage.append(Damage("runs", f"{span} are missing"))
    allowed = AllowedCode(model, outcomes)
    why = "--sample 0" if sample == 0 else allowed.what_is_missing(manifest)
    if why:
        verified.notes.append(f"no block was run again: {why}")
    else:
        refuse_other_version(manifest)
        made = made_on(manifest.versions[0])
        if made != arithmetic_here():
            here = f"made on {made}, this is {arithmetic_here()}"
            verified.notes.append(f"{here}: numbers may differ by {ROUNDING:g}")
        job = job_of(manifest, scenario_of(manifest), allowed)
        within = [each for each in stored if each.point in values]
        again = {
            Task(block, each.point, values[each.point]): each
            for each, block in sample_of(within, sample)
        }
        for result in run_tasks(job, again, workers):
            _compare(store, verified, again[result.task], result, manifest)
    if is_ended and not verified.damage:
        _check_summary(store, verified)
    elif not verified.damage:
        step = command_of(manifest, store.folder) or "the command that made it"
        verified.notes.append(f"the study is not finished; to go on: {step}")
    return verified


# -- running again ---------------------------------------------------------------------


def refuse_other_version(made: Manifest) -> None:
    """Raise WrongRequest where another version than this made a study, or other text of
    the package."""
    if made.version != version():
        raise WrongRequest(
            f"made by balance-sim {made.version}, this is {version()}: "
            f"pip install balance-sim=={made.version}"
        )
    refuse_code(CodeFingerprint(made.fingerprint.package))


@dataclass(frozen=True)
class AllowedCode:
    """Code of a study's own that may run here: a model, and the module of its
    outcomes."""

    model: str | None = None
    outcomes: str | None = None

    def what_is_missing(self, study: Manifest) -> str:
        """Return what has to be named first for a study with code of its own to run;
        nothing where all is."""
        if study.model is not None and self.model != study.model:
            return f"code of the study's own: --model {study.model} allows it to run"
        modules = {reference.partition(":")[0] for _, reference in study.own}
        if LOCAL in modules or len(modules) > 1:
            return "the study's own outcomes were defined in no one module"
        if modules - {self.outcomes}:
            return f"outcomes of its own: --outcomes {min(modules)} allows it to run"
        for name, reference in study.rules:
            if reference_of_rule(name) != reference:
                module = reference.partition(":")[0]
                return f"the study has rules of its own: --terms {module} allows it"
        return ""


def job_of(study: Manifest, scenario: Scenario, allowed: AllowedCode) -> Job:
    """Return the job that a manifest describes. Raises WrongRequest if its code is not
    allowed, not found, or has another text."""
    lacking = allowed.what_is_missing(study)
    if lacking:
        raise WrongRequest(lacking)
    import_model(study.model)
    for _, reference in study.own:
        function_named(reference)
    refuse_code(study.fingerprint)
    return Job(
        scenario,
        study.seed,
        chosen_arms(scenario, study.arms),
        study.model,
        has_extra_arms=study.mechanisms,
        draws=study.draw_parameters,
        further=study.further,
        own=study.own,
    )


def sample_of(
    stored: Sequence[StoredBlock], count: int | None
) -> list[tuple[StoredBlock, Block]]:
    """Return parts of `count` blocks, drawn anew each time, by no seed that the folder
    names: who edits a block must not know whether it is looked at. None: all blocks,
    whole."""
    if count is None:
        return [(each, each.block) for each in stored]
    rng = np.random.default_rng()
    parts = []
    for place in rng.permutation(len(stored))[:count]:
        block = stored[place].block
        last_first = max(block.stop - RUNS_OF_A_BLOCK, block.first)
        first = int(rng.integers(block.first, last_first + 1))
        stop = min(first + RUNS_OF_A_BLOCK, block.stop)
        parts.append((stored[place], Block(first, stop)))
    return parts


def made_on(made: MadeWith) -> str:
    """Return the arithmetic that a study was made with, in words."""
    return arithmetic(made.cpu, made.programs["numpy"])


def _compare(
    store: Store,
    verified: Verified,
    stored: StoredBlock,
    result: TaskResult,
    manifest: Manifest,
) -> None:
    """Note what differs between a stored block and a part of it run again; numbers may
    differ by ROUNDING where other arithmetic than ours made them."""
    block, point = result.task.block, stored.point
    name = f"runs/{stored.shard.path('runs').name}"
    part = {"file": name, "point": point, "first": block.first, "last": block.stop - 1}
    verified.rerun.append(part)
    failed = {row.run for row in stored.shard.record.failed if row.point == point}
    revived = sorted({*block.runs} & failed - {row["run"] for row in result.failed})
    if revived:
        runs = ", ".join(map(str, revived))
        why = "on record as failed, and without a fault when run again"
        verified.notes.append(f"{why}: run {runs} of point {point}")
    runs_there = sorted({*block.runs} - failed)
    if not runs_there:
        return
    is_whole = block == stored.block and not revived
    is_same = made_on(manifest.versions[0]) == arithmetic_here()
    tolerance = 0.0 if is_same else ROUNDING
    try:
        tables = store.tables(stored)
        why = _difference(tables, result, runs_there, tolerance, is_whole=is_whole)
    except (pa.ArrowException, LookupError, TypeError, ValueError) as error:
        why = f"not a table of this type ({error})"
    if why:
        reason = f"{name}: differs when run again: {why}"
        verified.damage.append(Damage(name, reason, stored.shard))


def _difference(
    stored: BlockTables,
    result: TaskResult,
    runs: Sequence[int],
    tolerance: float,
    *,
    is_whole: bool,
) -> str:
    """Return what differs in some replications of a block and of the same run again;
    agreements have to be the same, numbers of outcomes within a relative difference.
    is_whole: sums by dyad are of the same replications."""
    again = result.tables
    if again is None:
        return f"run {runs[0]} fails when run again"
    agreements = [
        _frame(table, AGREEMENT_KEY, runs)
        for table in (stored.agreements, again.agreements)
    ]
    outcomes = [
        _frame(table, ["arm", "run"], runs) for table in (stored.runs, again.runs)
    ]
    why = frame_difference(*agreements, tolerance=0)
    why = why or frame_difference(*outcomes, tolerance=tolerance)
    if not why and is_whole and summed([stored.dyads]) != summed([again.dyads]):
        why = "other sums by dyad"
    return why


def _frame(table: pa.Table, key: list[str], runs: Sequence[int]) -> pd.DataFrame:
    """Return the rows of some replications in order, with words as text."""
    plain = table.unify_dictionaries()
    frame: pd.DataFrame = plain.to_pandas(use_threads=False)
    words = frame.select_dtypes("category").columns
    frame = frame.astype(dict.fromkeys(words, "str"))
    return frame[frame["run"].isin(runs)].sort_values(key, ignore_index=True)


def frame_difference(
    left: pd.DataFrame, right: pd.DataFrame, *, tolerance: float
) -> str:
    """Return the first column that differs, with its values; nothing where all are the
    same, or numbers within a relative difference."""
    try:
        pd.testing.assert_frame_equal(
            left,
            right,
            rtol=tolerance,
            atol=tolerance,
            check_exact=tolerance == 0,
            check_dtype=False,
        )
    except AssertionError as error:
        return shown(" ".join(str(error).split()), 300)
    return ""


# -- what is made from the blocks ------------------------------------------------------


def open_study(folder: Path) -> tuple[AnalysedResult | SweepResult, dict[str, Any]]:
    """Return the study in a folder, and its summary without timing, made anew."""
    manifest = Store(folder).manifest()
    study: AnalysedResult | SweepResult
    if manifest.is_sweep:
        study = open_sweep(folder)
        summary = study.summary()
    elif manifest.game is not None:
        from balance_sim.games.keep import summary as game_summary
        from balance_sim.games.study import open_game

        game = open_game(folder)
        study, summary = game.result, game_summary(game)
    else:
        study = open_result(folder)
        summary = study.summary()
    summary.pop("timing", None)
    return study, json.loads(json.dumps(summary))


def _check_summary(store: Store, verified: Verified) -> None:
    """Make the summary and the tables beside it again, and compare them."""
    folder, stored = store.folder, read_summary(store.folder) or {}
    study, summary = open_study(folder)
    verified.digest = summary["digest"]
    stored.pop("timing", None)
    keys = sorted({*summary, *stored})
    unlike = [key for key in keys if stored.get(key) != summary.get(key)]
    if unlike:
        why = f"summary.json: `{unlike[0]}` is not what the runs give"
        verified.damage.append(Damage("summary.json", why))
    rows = store.failed()
    texts = {"failed.json": json.dumps(rows, indent=1) + "\n" if rows else ""}
    if os.path.lexists(folder / CODEBOOK):
        texts[CODEBOOK] = frame_csv(study.codebook)
    if isinstance(study, SweepResult):
        texts["levels.csv"] = frame_csv(study.levels)
        texts["effects.csv"] = frame_csv(study.effects)
    for name, text in texts.items():
        content = bytes_if_any(folder / name)
        if (content or b"") != text.encode():
            why = "is missing" if content is None else "is not what the runs give"
            verified.damage.append(Damage(name, f"{name}: {why}"))

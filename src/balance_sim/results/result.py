"""A finished study as tidy frames. It holds data; running, drawing and printing live elsewhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.analysis.channels import Channels, channels_of
from balance_sim.analysis.placebos import Placebos, placebos
from balance_sim.model.baseline import Worlds
from balance_sim.model.landscape import weight_of_pairs
from balance_sim.pool.faults import LacksOutcome, WrongRequest, no_results
from balance_sim.replications.arms import chosen_arms, compile_arms, headline_arm
from balance_sim.replications.blocks import EXTRA_EVERY, BlockTables
from balance_sim.replications.dyads import dyad_effects
from balance_sim.replications.extra_arms import READ
from balance_sim.replications.observed import share_steps
from balance_sim.replications.outcomes import FILTERED
from balance_sim.results import curves
from balance_sim.results.digest import digest_of
from balance_sim.results.estimates import Estimates, columns_by_arm, estimates_of, rounded
from balance_sim.results.folder import scenario_of
from balance_sim.results.frames import Outcomes
from balance_sim.results.store import Store, lacking_words, read_summary, runs_in, runs_of
from balance_sim.scenario.schema import Scenario

log = logging.getLogger(__name__)


def kept_summary(folder: Path | None, scenario: Scenario, version: str) -> dict[str, Any]:
    """What a folder's summary holds, if this version wrote it for this scenario: else nothing."""
    found = read_summary(folder) if folder is not None else None
    of = (found or {}).get("scenario")
    same = isinstance(of, dict) and of.get("sha256") == scenario.sha256
    return found if found and same and found.get("version") == version else {}


@dataclass(frozen=True)
class Result:
    """What a study of one scenario found. Frames are computed when asked for, from the block tables.

    `arms`: the reference first. A run that failed is in no frame; `failed` names it."""

    scenario: Scenario
    runs: int
    seed: int
    arms: tuple[str, ...]
    version: str
    folder: Path | None = None
    memory: tuple[BlockTables, ...] = ()
    failed: tuple[dict[str, Any], ...] = ()
    timing: dict[str, float] = field(default_factory=dict)
    draws: bool = False  # each run drew its parameters
    model: str | None = None  # `module:Class` of an agent of one's own that decided
    point: int = 0  # of a sweep's design; 0 in a single study
    recount: Callable[[pa.Table, pa.Table], tuple[pa.Table, pa.Table]] | None = None  # by another class table
    ahead: Callable[[], tuple[Placebos, Channels]] | None = field(
        default=None, compare=False
    )  # both have begun

    @cached_property
    def missing_runs(self) -> int:
        """Of the replications asked for, those that are neither there nor on record as failed."""
        return runs_of(Store(self.folder).lacking([self.point], self.runs)) if self.folder is not None else 0

    def blocks(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """(runs, accords) tables in the order of runs, of the study's own arms."""
        for runs, accords in self._stored():
            yield runs.filter(pc.is_in(runs["arm"].cast(pa.string()), pa.array(self.arms))), accords

    def _stored(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """The tables as they are kept, with the rows of extra arms; counted again where that is asked for."""
        kept = iter([(one.runs, one.accords) for one in self.memory])
        if self.folder is not None:
            kept = Store(self.folder).blocks(self.point, self.runs)
        yield from kept if self.recount is None else (self.recount(*pair) for pair in kept)

    def _outcomes(self, names: Sequence[str] | None) -> Iterator[pa.Table]:
        """Tables of some outcomes, with the rows of extra arms; counted again where that is asked for."""
        if self.folder is not None and self.recount is None:
            yield from Store(self.folder).outcomes(self.point, self.runs, names)
            return
        for runs, _ in self._stored():
            there = {*runs.column_names}
            yield runs if names is None else runs.select([n for n in ("run", "arm", *names) if n in there])

    def _of_arms(self, names: Sequence[str] | None, *, own: bool) -> Iterator[pa.Table]:
        for runs in self._outcomes(names):
            ours = pc.is_in(runs["arm"].cast(pa.string()), pa.array(self.arms))
            yield runs.filter(ours if own else pc.invert(ours))

    @cached_property
    def by_run(self) -> Outcomes:
        """Outcomes of the study's own arms, run by run, some at a time: `by_run.frame(name, ...)`."""
        return Outcomes(partial(self._of_arms, own=True), self.runs)

    @cached_property
    def extra_by_run(self) -> Outcomes:
        """The same of the extra arms behind some mechanisms, every fourth run."""
        return Outcomes(partial(self._of_arms, own=False), -(-self.runs // EXTRA_EVERY))

    @property
    def extra(self) -> pd.DataFrame:
        """Outcomes of the extra arms; the columns that mechanisms read."""
        return self.extra_by_run.frame(*(n for n in self.extra_by_run.names if n.startswith(READ)))

    def are_alike(self, arm: str, against: str) -> bool:
        """Whether two arms are the same to the last digit in every outcome of every run that both have; of an extra
        arm, in those that mechanisms read of it."""
        extra = not {arm, against} <= {*self.arms}
        names = [name for name in self.by_run.names if not extra or name.startswith(READ)]
        for table in self._outcomes(names):
            found = columns_by_arm(table, (arm, against))
            one, other = found[arm], found[against]
            if not all(np.array_equal(values, other[name], equal_nan=True) for name, values in one.items()):
                return False
        return True

    @property
    def finished(self) -> int:
        """Replications that finished, in every arm of the study's own."""
        return self.by_run.runs

    @cached_property
    def mechanisms(self) -> dict[str, dict[str, Any]]:
        """The mechanisms of the founding article, M1 to M17, as measured: see docs/mechanisms.md."""
        from balance_sim.analysis.mechanisms import measured

        return measured(self)

    @property
    def reference(self) -> str:
        return self.arms[0]

    @cached_property
    def worlds(self) -> Worlds:
        """The reference arm alone, compiled."""
        return compile_arms(self.scenario, (self.reference,))

    @cached_property
    def channels(self) -> Channels:
        """What the picture and the threat of the focal event add to each arm that has it, by exact Shapley values."""
        kept = self._kept.get("channels")
        if kept:
            return Channels.of_plain(kept)
        return self.ahead()[1] if self.ahead else channels_of(self.scenario, self.arms)

    @cached_property
    def placebos(self) -> Placebos:
        """The headline arm's effect among those of the same event with other participants, and on other dates."""
        kept = self._kept.get("placebos")
        if kept:
            return Placebos.of_plain(kept)
        return self.ahead()[0] if self.ahead else placebos(self.scenario, self.headline_arm)

    @cached_property
    def _kept(self) -> dict[str, Any]:
        """What the folder's summary holds, if this version wrote it for this scenario: else nothing."""
        return kept_summary(self.folder, self.scenario, self.version) if self.point == 0 else {}

    @property
    def camps(self) -> dict[str, Any]:
        """The two camps just before the event, which `camps_*` start from: codes, energy per unit of weight,
        and whether no configuration has less."""
        found, world = self.worlds.camps, self.worlds.reference
        sides = [
            [code for code, at in zip(world.codes, found.sides, strict=True) if at == side]
            for side in (1, -1)
        ]
        energy = found.energy / weight_of_pairs(world.capability)
        return {"camps": sides, "energy": energy, "exact": found.exact}

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """One row a run and arm: run, arm, and a column an outcome. NaN: not by the horizon.

        All of it is held in memory: `by_run` gives some outcomes at a time."""
        return self.by_run.frame(*self.by_run.names)

    @cached_property
    def accords(self) -> pd.DataFrame:
        """One row an accord under way or made, in every run and arm. Large: about 80 rows a run and arm."""
        tables = [accords for _, accords in self.blocks()]
        return (
            pa.concat_tables(tables).unify_dictionaries().to_pandas(use_threads=False)
            if tables
            else pd.DataFrame()
        )

    @property
    def outcome_names(self) -> list[str]:
        """What is counted and measured, without the columns of filtered estimates."""
        return [name for name in self.by_run.names if not name.startswith(FILTERED)]

    def need(self, outcome: str) -> None:
        """Raises LacksOutcome where runs finished, and none of them has it."""
        if self.finished and outcome not in self.by_run.names:
            raise LacksOutcome(outcome, self.version)

    @cached_property
    def _estimates(self) -> Estimates:
        """Levels and effects in one pass over the blocks."""
        return estimates_of((runs for runs, _ in self.blocks()), self.arms, steps=self.steps)

    @cached_property
    def steps(self) -> dict[str, float]:
        """By how much one event moves an outcome that is a share, as `outcomes.least_jump` takes it."""
        return share_steps(self.scenario)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Tidy: arm, outcome, estimator, mean, sd, q05, q25, q50, q75, q95, mcse, n.

        estimator: `filtered` where mean and mcse are of the filtered estimate; sd and quantiles are of the counts."""
        return self._estimates.levels_frame()

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Tidy: arm, outcome, estimator, mean, mcse, lo, hi (95 %), share_positive, share_negative, n; paired by run.

        The shares are of runs in which the count is larger, or smaller, than in the control arm."""
        return self._estimates.effects_frame()

    @property
    def alike(self) -> set[str]:
        """Arms that are the control arm to the last digit: no more runs would show a difference."""
        return self._estimates.alike

    @property
    def focal_day(self) -> int:
        """The focal date, in days from 1970-01-01."""
        focal = next(event for event in self.scenario.events if event.id == self.scenario.focal)
        return focal.date.toordinal() - 719163

    @property
    def window(self) -> int:
        """The longest window reported, in days from the focal date."""
        return max(self.scenario.report.windows)

    @property
    def horizon(self) -> int:
        """Days from the focal date to the scenario's end."""
        return self.scenario.end.toordinal() - 719163 - self.focal_day

    @cached_property
    def dyads(self) -> pd.DataFrame:
        """Tidy filtered effects by dyad: a, b, arm, mean, mean_control, effect, mcse, lo, hi, z, n.

        Expected new agreements within the longest window; empty where an earlier version wrote the folder."""
        frame = self._ties
        return frame[frame["b"] != ""].reset_index(drop=True)

    @cached_property
    def states(self) -> pd.DataFrame:
        """Tidy filtered effects by state: state, arm, mean, mean_control, effect, mcse, lo, hi, z, n."""
        frame = self._ties
        of_states = frame[frame["b"] == ""].drop(columns="b")
        return of_states.rename(columns={"a": "state"}).reset_index(drop=True)

    @cached_property
    def _ties(self) -> pd.DataFrame:
        if self.folder is not None:
            sums = Store(self.folder).dyads(self.point, self.runs)
        else:
            sums = ((one.dyads, runs_in(one.runs)) for one in self.memory)
        return dyad_effects(sums, self.arms)

    def curves(self, direction: str | None = "counter") -> dict[str, npt.NDArray[np.int16]]:
        """(runs, days) counts of new security agreements by day after the focal date, an array an arm."""
        numbered = ((accords, _run_numbers(runs)) for runs, accords in self.blocks())
        kinds = [name for name, kind in self.scenario.kinds.items() if kind.security]
        return curves.cumulative(numbered, self.arms, direction, self.focal_day, self.horizon, kinds)

    def fan(self, direction: str | None = "counter") -> pd.DataFrame:
        """Tidy: arm, day, mean, q05 ... q95 of the accords made by then, n."""
        kinds = [name for name, kind in self.scenario.kinds.items() if kind.security]
        parts = (
            curves.cumulative(
                [(accords, _run_numbers(runs))], self.arms, direction, self.focal_day, self.horizon, kinds
            )
            for runs, accords in self.blocks()
        )
        return curves.fan(parts, self.horizon)

    @cached_property
    def scheduled(self) -> pd.DataFrame:
        """Accords whose date was fixed beforehand: a, b, kind, name, date; the same in every arm."""
        rows = [
            {
                "a": accord.a,
                "b": accord.b,
                "kind": accord.kind,
                "name": accord.name,
                "stage": "in force" if accord.scheduled_in_force else "signed",
                "date": accord.scheduled_in_force or accord.scheduled_signed,
            }
            for accord in self.scenario.accords
            if accord.scheduled_in_force or accord.scheduled_signed
        ]
        return pd.DataFrame(rows, columns=["a", "b", "kind", "name", "stage", "date"])

    @property
    def headline_arm(self) -> str | None:
        """The arm that answers the question: the one that changes nothing, else the first after the reference."""
        return headline_arm(self.scenario, self.arms)

    @cached_property
    def digest(self) -> str:
        """sha256 of the tidy tables: the same for the same inputs, whatever the workers or the order of arms.

        Of the tables as they were lived, also where they are counted again by other classes."""
        return digest_of(replace(self, recount=None).blocks(), self.arms)

    def _repr_html_(self) -> str:
        """What a notebook shows: the headline and the fan chart. Found by name, so that nothing is drawn before."""
        card: str = import_module("balance_sim.show.report").card(self)
        return card

    def summary(self) -> dict[str, Any]:
        """The JSON of `run --json`: see docs/json.md."""
        levels, effects = self.levels, self.effects
        return {
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            "runs": self.runs,
            "seed": self.seed,
            "version": self.version,
            "digest": self.digest,
            "reference": self.reference,
            "arms": {
                arm: {
                    row["outcome"]: {"estimator": row["estimator"]}
                    | rounded({k: row[k] for k in ("mean", "sd", "q05", "q25", "q50", "q75", "q95", "mcse")})
                    for row in levels[levels["arm"] == arm].to_dict("records")
                }
                for arm in self.arms
            },
            "effects": {
                arm: {
                    row["outcome"]: {"estimator": row["estimator"]}
                    | rounded({k: row[k] for k in ("mean", "mcse")})
                    | {"ci95": list(rounded({"lo": row["lo"], "hi": row["hi"]}).values())}
                    | rounded({k: row[k] for k in ("share_positive", "share_negative")})
                    for row in effects[effects["arm"] == arm].to_dict("records")
                }
                for arm in self.arms[1:]
            },
            "dyads": self._dyads_json(),
            "scheduled": json.loads(
                self.scheduled.assign(date=self.scheduled["date"].astype(str)).to_json(orient="records")
            ),
            "channels": self.channels.as_dict(),
            "placebos": self.placebos.as_dict(),
            "mechanisms": self.mechanisms,
            "camps": self.camps,
            "timing": self.timing,
            "failed_runs": len(self.failed),
            "missing_runs": self.missing_runs,
        }

    def _dyads_json(self) -> list[dict[str, Any]]:
        """By dyad: expected new agreements in each arm, and the headline arm's effect."""
        out: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self.dyads.to_dict("records"):
            key = (row["a"], row["b"])
            pair = out.setdefault(key, {"a": key[0], "b": key[1], "expected": {}})
            pair["expected"][row["arm"]] = row["mean"]
            if row["arm"] == self.headline_arm:
                pair |= rounded({"effect": row["effect"], "mcse": row["mcse"]})
                pair |= {"ci95": list(rounded({"lo": row["lo"], "hi": row["hi"]}).values())}
        return [out[key] for key in sorted(out)]


def _run_numbers(runs: pa.Table) -> npt.NDArray[np.int64]:
    return np.unique(runs["run"].to_numpy()).astype(np.int64)


__all__ = ["Result"]


def open_result(folder: Path | str, runs: int | None = None) -> Result:
    """A study read back from its folder; `runs` cuts it to the first so many.

    Where replications that were asked for are lacking, by an interruption or a loss, a warning says how many."""
    store = Store(Path(folder))
    manifest = store.read_manifest()
    if manifest is None:
        raise no_results(folder)
    if manifest["study"] == "sweep":
        raise WrongRequest(f"{folder} holds a sweep, not a run (from Python: open_sweep(folder).point(0))")
    scenario = scenario_of(manifest)
    timing = (read_summary(Path(folder)) or {}).get("timing")
    wanted = manifest["runs"] if runs is None else min(manifest["runs"], runs)
    words = lacking_words(store, [0], wanted)
    if words is not None:
        log.warning("%s", words)
    return Result(
        scenario=scenario,
        runs=wanted,
        seed=manifest["seed"],
        arms=chosen_arms(scenario, manifest["arms"]),
        version=manifest["versions"]["balance_sim"],
        folder=Path(folder),
        draws=bool(manifest.get("draw_parameters")),
        model=manifest.get("model"),
        failed=tuple(row for row in store.failed() if row["run"] < wanted),
        timing=timing if isinstance(timing, dict) else {},
    )

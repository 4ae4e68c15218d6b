"""A finished study as tidy frames. It holds and reads data; running, analysing, drawing
and printing live elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS, Floats, Keys
from balance_sim.scenario.errors import WrongRequest, checked_name
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.frame import Frame
from balance_sim.study.arms import headline_arm
from balance_sim.study.outcomes import FILTERED, headline_outcome
from balance_sim.study.recorder import share_steps
from balance_sim.study.tables import (
    EPOCH,
    BlockTables,
    Memory,
    column_words,
    copy_marks,
    days_to_signature,
    new_rows,
    of_arms,
)

if TYPE_CHECKING:
    from balance_sim.study.estimates import Estimates
    from balance_sim.study.frames import Outcomes
    from balance_sim.study.store import Store


def agreement_frame(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """Return agreements of some blocks, a row each."""
    frames = [
        table.to_pandas(use_threads=False, strings_to_categorical=False)
        for table in tables
    ]
    frame = Frame(pd.concat(frames, ignore_index=True) if frames else None)
    words = [name for name, column in frame.items() if column.dtype == "category"]
    return frame.astype(dict.fromkeys(words, str))


class StudyResult:
    """What a study of one scenario and a sweep share."""

    scenario: Scenario
    arms: tuple[str, ...]
    card: ClassVar[Callable[[Any], str] | None] = None
    """HTML for a notebook: set by the package's front."""

    def _repr_html_(self) -> str | None:
        """What a notebook shows."""
        return None if StudyResult.card is None else StudyResult.card(self)

    @property
    def reference(self) -> str:
        """The control arm."""
        return self.arms[0]

    @property
    def headline_arm(self) -> str | None:
        """The arm that answers the question: the first after the control arm."""
        return headline_arm(self.arms)

    @cached_property
    def steps(self) -> dict[str, float]:
        """By how much one event moves an outcome that is a share, as
        `outcomes.least_jump` takes it."""
        return share_steps(self.scenario)


@dataclass(frozen=True, repr=False)
class Result(StudyResult):
    """What a study of one scenario found. Frames are computed when asked for, from the
    block tables.

    Attributes
    ----------
    scenario, runs, seed : what was simulated; the same three give the same result
    arms : the control arm first
    version : the balance-sim that made it
    folder, memory : where the block tables are
    failed : replications that did not finish, with tracebacks; they are in no frame
    draws : whether each replication drew its parameters from the fit; or the name of
        joint draws
    model : `module:Class` of an agent of one's own that decided
    point : of a sweep's design; 0 in a single study
    meanings : what outcomes of the user's own are, by name without `own_`

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> result = bs.run(scenario, runs=4, seed=1)
    >>> effects = result.effects.set_index("outcome")
    >>> int(effects.loc[result.headline_outcome, "n"])
    4
    """

    scenario: Scenario
    runs: int
    seed: int
    arms: tuple[str, ...]
    version: str
    folder: Path | None = None
    memory: tuple[BlockTables, ...] = ()
    failed: tuple[dict[str, Any], ...] = ()
    draws: bool | str = False
    model: str | None = None
    point: int = 0
    meanings: Mapping[str, str] = field(default_factory=dict)

    # -- tables ------------------------------------------------------------------------

    @cached_property
    def missing_runs(self) -> int:
        """Of the replications asked for, those that are neither there nor on record as
        failed."""
        return self.store.lacking_runs([self.point], self.runs)

    @property
    def store(self) -> Memory | Store:
        """Where the block tables are."""
        if self.folder is None:
            return Memory(self.memory)
        from balance_sim.study.store import Store

        return Store(self.folder)

    def blocks(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """(runs, agreements) tables in the order of runs, of the study's own arms."""
        for runs, agreements in self.store.blocks(self.point, self.runs):
            yield of_arms(runs, self.arms), agreements

    def outcome_tables(
        self, names: Sequence[str] | None = None, *, own: bool = True
    ) -> Iterator[pa.Table]:
        """Tables of some outcomes, of all if None, in the order of runs; of the study's
        own arms, or of extra arms."""
        for table in self.store.outcomes(self.point, self.runs, names):
            wanted = ["run", "arm", *(table.column_names if names is None else names)]
            columns = [name for name in table.column_names if name in wanted]
            yield of_arms(table.select(columns), self.arms, others=not own)

    @cached_property
    def by_run(self) -> Outcomes:
        """Outcomes of the study's own arms, run by run, some at a time:
        `by_run.frame(name, ...)`."""
        from balance_sim.study.frames import Outcomes

        return Outcomes(self.outcome_tables)

    @cached_property
    def extra_by_run(self) -> Outcomes:
        """The same of the extra arms behind some mechanisms, every fourth run."""
        from balance_sim.study.frames import Outcomes

        return Outcomes(partial(self.outcome_tables, own=False))

    @property
    def finished(self) -> int:
        """Replications that finished, in every arm of the study's own."""
        return self.by_run.runs

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """One row a run and arm: run, arm, a column an outcome; NaN: not by the
        horizon. In memory: see `by_run`."""
        return self.by_run.frame(*self.by_run.names)

    @cached_property
    def agreements(self) -> pd.DataFrame:
        """One row an agreement under way or made, in every run and arm. Large: about 80
        rows a run and arm."""
        return agreement_frame(agreements for _, agreements in self.blocks())

    def agreements_of(self, run: int) -> pd.DataFrame:
        """The agreements of one replication."""
        tables = (agreements for _, agreements in self.blocks())
        return agreement_frame(
            table.filter(pa.array(table["run"].to_numpy() == run)) for table in tables
        )

    @cached_property
    def codebook(self) -> pd.DataFrame:
        """What every outcome is, a row each: see `frames.codebook`."""
        from balance_sim.study.frames import codebook

        return codebook(self.by_run.names, self.meanings)

    @property
    def outcome_names(self) -> list[str]:
        """What is counted and measured, without the columns of filtered estimates."""
        return [name for name in self.by_run.names if not name.startswith(FILTERED)]

    def need(self, outcome: str) -> None:
        """Raises WrongRequest where replications finished, and none of them has it:
        another version made them."""
        if self.finished and outcome not in self.by_run.names:
            raise WrongRequest(
                f"these results, made by balance-sim {self.version}, have no outcome "
                f"`{outcome}`: run the scenario again into a new folder"
            )

    # -- what the study is -------------------------------------------------------------

    @property
    def headline_outcome(self) -> str:
        """The outcome that answers it: counter-balancing agreements within the longest
        window."""
        return headline_outcome(self.scenario)

    @cached_property
    def worlds(self) -> Worlds:
        """The control arm alone, compiled."""
        return compile_worlds(self.scenario, (self.reference,))

    @property
    def focal_day(self) -> int:
        """The focal date, in days from 1970-01-01."""
        dates = {event.id: event.date for event in self.scenario.events}
        return int(dates[self.scenario.focal].toordinal() - EPOCH)

    @property
    def window(self) -> int:
        """The longest window reported, in days from the focal date."""
        return max(self.scenario.report.windows)

    @property
    def horizon(self) -> int:
        """Days from the focal date to the scenario's end."""
        return self.scenario.end.toordinal() - EPOCH - self.focal_day

    @cached_property
    def scheduled(self) -> pd.DataFrame:
        """Agreements whose date was fixed beforehand: a, b, kind, name, stage, date;
        the same in every arm."""
        rows = []
        for agreement in self.scenario.agreements:
            day = agreement.scheduled_in_force or agreement.scheduled_signed
            stage = "in force" if agreement.scheduled_in_force else "signed"
            if day:
                dyad = agreement.a, agreement.b
                rows.append((*dyad, agreement.kind, agreement.name, stage, day))
        return Frame(rows, columns=["a", "b", "kind", "name", "stage", "date"])

    @cached_property
    def digest(self) -> str:
        """sha256 of the tables as simulated: the same for the same inputs, whatever the
        workers or order of arms."""
        from balance_sim.study.digest import digest_of

        return digest_of(self.blocks(), self.arms)

    def __repr__(self) -> str:
        arms = f"{len(self.arms)} arms"
        place = "in memory" if self.folder is None else f"in {self.folder}"
        runs = f"{self.runs} replications of {arms}, seed {self.seed}"
        if self.failed:
            runs += f", {len(self.failed)} of {self.runs} failed"
        return f"<Result of {self.scenario.name}: {runs}, {place}>"

    # -- estimates ---------------------------------------------------------------------

    @cached_property
    def _estimates(self) -> Estimates:
        """Levels and effects of the study's own arms."""
        from balance_sim.study.estimates import Estimates

        return Estimates(self.by_run, self.arms, steps=self.steps)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Tidy: arm, outcome, estimator, mean, sd, q05, q25, q50, q75, q95, mcse, n.

        estimator: `filtered` where mean and mcse are of the filtered estimate; sd and
        quantiles are of the counts."""
        return self._estimates.levels_frame()

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Tidy: arm, outcome, estimator, mean, mcse, lo, hi (95 %), share_positive,
        share_negative, n; paired by run.

        The shares are of runs in which the count is larger, or smaller, than in the
        control arm."""
        return self._estimates.effects_frame()

    @property
    def alike(self) -> set[str]:
        """Arms that are the control arm to the last digit: no more runs would show a
        difference."""
        return self._estimates.alike

    @cached_property
    def dyads(self) -> pd.DataFrame:
        """Tidy filtered effects by dyad: a, b, arm, mean, mean_control, effect, mcse,
        lo, hi, z, n.

        Expected new agreements within the longest window; empty where an earlier
        version wrote the folder."""
        return self._ties.loc[self._ties["b"] != ""].reset_index(drop=True)

    @cached_property
    def states(self) -> pd.DataFrame:
        """Tidy filtered effects by state: state, arm, mean, mean_control, effect, mcse,
        lo, hi, z, n."""
        of_states = self._ties.loc[self._ties["b"] == ""].drop(columns="b")
        return of_states.rename(columns={"a": "state"}).reset_index(drop=True)

    @cached_property
    def _ties(self) -> pd.DataFrame:
        """Both of these, a state's rows with an empty `b`."""
        from balance_sim.study.estimates import dyad_effects

        return dyad_effects(self.store.dyads(self.point, self.runs), self.arms)

    def fan(self, direction: str | None = "counter") -> pd.DataFrame:
        """Tidy: arm, day, mean, q05 ... q95, n of the new security agreements of a
        direction, of all if None, that are signed by then; every EVERY_DAYS days.

        The quantiles predict: they hold chance, the level of each year, and the
        parameters where the scenario's posterior says how the level moves with them;
        see `_levels`. Talks on record at the start are what they are at any level."""
        from balance_sim.stats.superposition import Marked
        from balance_sim.study.frames import EVERY_DAYS, FEWEST_LEVELS, fan

        if direction is not None:
            checked_name("direction", direction, DIRECTIONS)
        kinds = [name for name, kind in self.scenario.kinds.items() if kind.security]
        tables, runs = [], [np.empty(0, np.int64)]
        for table, agreements in self.blocks():
            is_counted = new_rows(agreements, self.focal_day)
            is_counted &= np.isin(column_words(agreements, "kind"), kinds)
            if direction is not None:
                is_counted &= column_words(agreements, "direction") == direction
            tables.append(agreements.filter(pa.array(is_counted)))
            runs.append(np.unique(table["run"].to_numpy()))
        run = np.concatenate(runs)
        if not len(run):
            return pd.DataFrame()
        rows = pa.concat_tables(tables)
        day = days_to_signature(rows, self.focal_day)
        days = np.unique([*range(0, self.horizon, EVERY_DAYS), self.horizon])
        to_focal = self.focal_day + EPOCH - self.scenario.start.toordinal()
        years = int((self.horizon + to_focal) / DAYS_PER_YEAR) + 1
        year = ((day + to_focal) / DAYS_PER_YEAR).astype(np.int64)
        is_on_record = column_words(rows, "origin") == "talks"
        marked = Marked(
            run=np.searchsorted(run, rows["run"].to_numpy()),
            bin=np.searchsorted(days, day),
            year=np.where(is_on_record, years, year),
            mark=copy_marks(rows, self.seed),
        )
        arm_of = column_words(rows, "arm")
        by_arm = {
            arm: Marked(*(column[arm_of == arm] for column in marked))
            for arm in self.arms
        }
        turns = np.arange(np.ceil(FEWEST_LEVELS / len(run)), dtype=np.uint64)
        keys = (turns[:, None] * 2**32 + run.astype(np.uint64)).ravel()
        is_counted = (arm_of == self.reference) & (day <= self.window)
        mean = is_counted.sum() / len(run)
        fixed = (is_counted & is_on_record).sum() / len(run)
        levels = self._levels(keys, years, float(mean), float(fixed))
        levels = np.column_stack([levels, np.ones(len(levels))])
        return fan(by_arm, len(run), levels, days)

    def _levels(self, keys: Keys, years: int, mean: float, fixed: float) -> Floats:
        """(L, Y) draws of the level of each year, of which each is a gamma factor of
        mean 1 on that of the year before, where a calibration has its variance.

        The posterior's draws hold the level of the first year beside the other
        parameters: where they are known, they stand in place of the first gamma, as the
        factor that brings the control arm's agreements to the draw's. Replications that
        drew their parameters have levels of their own.

        mean, fixed: agreements of the control arm in the longest window, and those of
        them that come of talks on record."""
        from balance_sim.stats.superposition import log_normal_through, rate_for
        from balance_sim.study.draws import drawn_levels, level_over_posterior

        if self.draws:
            return np.ones((len(keys), years))
        variance = self.scenario.calibration.level_variance
        level = level_over_posterior(self.scenario)
        if level is None:
            return drawn_levels(variance, self.seed, keys, years)

        def first(u: Floats) -> Floats:
            return rate_for(log_normal_through(u, *level), mean, fixed)

        return drawn_levels(variance, self.seed, keys, years, first)

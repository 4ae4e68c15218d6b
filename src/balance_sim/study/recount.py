"""Two results counted by one class table: refused where theirs differ, or counted again
from the stored agreements.

What follows from the direction of dyads is counted anew; what was read off states in
other roles is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb

import numpy as np
import pyarrow as pa

from balance_sim.model.baseline import classes_of
from balance_sim.model.classes import LISTS, Classes
from balance_sim.model.core import DIRECTIONS, Bools, Floats, Ints
from balance_sim.model.world import by_audience, capabilities
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.outcomes import (
    NewAgreements,
    Outcome,
    known_outcome,
    numbers_of_agreements,
    outcome_named,
)
from balance_sim.study.recorder import coalition
from balance_sim.study.result import Result
from balance_sim.study.tables import (
    column_words,
    days_to_signature,
    new_rows,
    numbers,
    of_arms,
    positions,
    words,
)

SIDES = ("left", "right")
NAMED = 3  # dyads that a refusal spells out
COUNTED = (
    "first_counter_days",
    "days_without_counter",
    "coalition",
)  # measures that follow from directions
Tables = tuple[pa.Table, pa.Table]


def is_counted(outcome: Outcome) -> bool:
    """Whether an outcome follows from the directions of dyads, and is counted again."""
    return outcome.direction is not None or outcome.measure in COUNTED


@dataclass(frozen=True)
class Counting:
    """How several results were counted. by: whose class table was taken for all, None
    where they are one.

    dyads: how many differ; kept: how many that table lacks; left_out: outcomes that
    stored tables do not tell by it."""

    by: str | None = None
    dyads: int = 0
    kept: int = 0
    left_out: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """In words; none where nothing was counted again or left out."""
        said = {
            f"all counted by the classes of the {self.by}; {self.dyads:,} dyads differ": self.by
            is not None,
            f"{self.kept:,} dyads that these lack keep the class of their own scenario": self.kept,
            f"left out, measured of other states: {', '.join(self.left_out)}": self.left_out,
        }
        return [line for line, holds in said.items() if holds]

    def joined(self, other: Counting) -> Counting:
        """The two together, for points of a design."""
        most = max(self.dyads, other.dyads), max(self.kept, other.kept)
        return Counting(
            self.by or other.by, *most, tuple(sorted({*self.left_out, *other.left_out}))
        )


def by_one_table(
    results: Sequence[Result], names: Sequence[str], of: str | None = None
) -> tuple[list[Result], Counting]:
    """The results by one class table: of `left`, the first, or `right`. Raises
    WrongRequest if none was chosen."""
    tables = [classes_of(one.scenario) for one in results]
    chosen = tables[-1] if of == "right" else tables[0]
    unlike = [
        (at, found)
        for at, table in enumerate(tables)
        if (found := tables[0].unlike(table))
    ]
    if unlike and of is None:
        at, found = unlike[0]
        states = len({*tables[0].list_of, *tables[at].list_of})
        few = [
            f"{a}-{b} ({one or 'none'} left, {two or 'none'} right)"
            for (a, b), one, two in found[:NAMED]
        ]
        more = ", ..." if len(found) > NAMED else ""
        raise WrongRequest(
            f"{names[0]} and {names[at]} count agreements by different class tables: {len(found):,} of "
            f"{states * (states - 1) // 2:,} dyads differ, {', '.join(few)}{more}. Both can be counted by one of the "
            "two: add --classes left, or --classes right"
        )
    counts = [Recount.of(one, chosen) for one in results]
    anew = [
        replace(one, recount=count, scenario=one.scenario.counted_as(count.by))
        if count.roles
        else one
        for one, count in zip(results, counts, strict=True)
    ]
    lost: set[str] = set()
    if any(count.roles for count in counts):
        both = set.intersection(*({*one.by_run.names} for one in results))
        lost = {name for count in counts for name in both if count.loses(name)}
    if not unlike:
        return anew, Counting(left_out=tuple(sorted(lost)))
    most = max(len(found) for _, found in unlike), max(count.kept for count in counts)
    return anew, Counting(of, *most, tuple(sorted(lost)))


@dataclass(frozen=True)
class Recount:
    """Counts the tables of one study by another class table.

    own: what they were counted by; by: the other one, laid over the study's states;
    kept: dyads that it lacks."""

    result: Result
    own: Classes
    by: Classes
    kept: int

    @staticmethod
    def of(result: Result, table: Classes) -> Recount:
        """Dyads of states that the table lacks keep the class they had."""
        own = classes_of(result.scenario)
        strangers = [code for code in own.list_of if code not in table.list_of]
        listed = {
            code: table.list_of.get(code, name) for code, name in own.list_of.items()
        }
        lists = {
            name: tuple(sorted(code for code in listed if listed[code] == name))
            for name in LISTS
        }
        kept = comb(len(own.list_of), 2) - comb(len(own.list_of) - len(strangers), 2)

        def here(name: str) -> dict[str, tuple[str, ...]]:
            """Members by name: the table's, and of states that it lacks those that they
            had."""
            mine = getattr(own, name)
            return {
                one: tuple(
                    sorted(
                        {code for code in codes if code in listed}
                        | {*strangers} & {*mine.get(one, ())}
                    )
                )
                for one, codes in getattr(table, name).items()
            }

        by = replace(
            table,
            **lists,  # type: ignore[arg-type]
            wars=tuple(dyad for dyad in table.wars if {*dyad} <= {*listed}),
            groups=here("groups"),
            audiences=here("audiences"),
        )
        return Recount(result, own, by, kept)

    @cached_property
    def roles(self) -> set[str]:
        """Roles that the two tables give to others; of groups and audiences, those that
        both know by name."""
        names = (*LISTS[:2], "host", "junior", "third", "wars")
        found = {
            name for name in names if getattr(self.own, name) != getattr(self.by, name)
        }
        for name in ("groups", "audiences"):
            mine, theirs = getattr(self.own, name), getattr(self.by, name)
            told = (
                {*self.result.scenario.report.groups} if name == "groups" else {*mine}
            )
            found |= (
                {name}
                if any(mine[one] != theirs[one] for one in told & {*mine} & {*theirs})
                else set()
            )
        return found

    def loses(self, name: str) -> bool:
        """Whether the stored tables do not tell an outcome by the other table."""
        if (outcome := known_outcome(name)) is None:
            return False
        if is_counted(outcome):
            return outcome.measure == "coalition" and not self._inside.any()
        return bool(outcome.declared.roles & self.roles)

    @cached_property
    def _codes(self) -> tuple[str, ...]:
        return by_audience(self.result.scenario).codes

    @cached_property
    def _inside(self) -> Bools:
        return np.isin(self._codes, self.by.participants)

    @cached_property
    def _directions(self) -> Ints:
        """(n, n) the direction of each dyad, an index into DIRECTIONS."""
        of = [
            [self.by.direction(a, b) or "other" for b in self._codes]
            for a in self._codes
        ]
        return np.array([[DIRECTIONS.index(name) for name in row] for row in of])

    def __call__(self, runs: pa.Table, agreements: pa.Table) -> Tables:
        """(runs, agreements) of the study's own arms, counted by the other table."""
        runs, agreements = (
            of_arms(table, self.result.arms) for table in (runs, agreements)
        )
        sides = [positions(agreements, side, self._codes) for side in ("a", "b")]
        direction = self._directions[*sides]
        at = agreements.column_names.index("direction")
        agreements = agreements.set_column(
            at, "direction", words(direction, DIRECTIONS)
        )
        counted = self._counted(runs, agreements, direction, sides)
        known = {
            name: known_outcome(name)
            for name in runs.column_names
            if not self.loses(name)
        }
        kept = [  # dyads are kept as sums over runs: counts stand in for estimates
            name
            for name, of in known.items()
            if not (of and of.estimator == "filtered" and is_counted(of))
        ]
        return pa.table(
            {
                name: numbers(counted[name]) if name in counted else runs[name]
                for name in kept
            }
        ), agreements

    def _counted(
        self, runs: pa.Table, agreements: pa.Table, direction: Ints, sides: list[Ints]
    ) -> dict[str, Floats]:
        """The outcomes that follow from directions, as `outcomes_of` and the recorder
        count them."""
        result, kinds = self.result, self.result.scenario.kinds
        new = np.flatnonzero(new_rows(agreements, result.focal_day))
        security = np.isin(
            column_words(agreements, "kind"),
            [name for name in kinds if kinds[name].security],
        )
        after = days_to_signature(agreements, result.focal_day).astype(float)
        row = self._rows(runs, agreements)
        found = NewAgreements(
            row[new], security[new], direction[new], after[new], len(runs)
        )
        counter = found.security & (found.direction == DIRECTIONS.index("counter"))
        windows = result.scenario.report.windows
        by_direction = {window: found.by_direction(window) for window in windows}
        out = numbers_of_agreements(
            by_direction, np.empty((len(runs), 0)), (), result.window
        )
        out |= found.first_counter(result.window, result.horizon)
        capability = capabilities(by_audience(result.scenario))
        for window in windows if self._inside.any() else ():
            signed = counter & (found.after <= window)
            signers = np.zeros((len(runs), len(self._codes)), dtype=bool)
            for side in sides:
                signers[found.row[signed], side[new][signed]] = True
            out[Outcome("coalition", "", window).name] = coalition(
                signers, capability, self._inside
            )
        return {
            name: of
            for name, of in out.items()
            if name in runs.column_names and is_counted(outcome_named(name))
        }

    def _rows(self, runs: pa.Table, agreements: pa.Table) -> Ints:
        """For each agreement, the row of its run and arm among the outcomes."""
        arms = self.result.arms
        mine, theirs = (
            positions(of, "arm", arms) * 2**32 + of["run"].to_numpy()
            for of in (runs, agreements)
        )
        order = np.argsort(mine)
        return np.asarray(order[np.searchsorted(mine[order], theirs)])

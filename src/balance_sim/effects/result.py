"""A finished study with what follows from it: placebos, channels, what plug-ins add,
and the summary document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim import registry
from balance_sim.effects.headline import Headline, headline_of, stored_uncertainty
from balance_sim.scenario.errors import as_json, plain_data
from balance_sim.stats.intervals import FEWEST_RUNS
from balance_sim.study.machine import give_back_freed_memory
from balance_sim.study.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.channels import Channels
    from balance_sim.effects.expected_effect import ExpectedEffect
    from balance_sim.effects.placebos import Placebos
    from balance_sim.study.processes import Background

LEVELS = ("estimator", "mean", "sd", "q05", "q25", "q50", "q75", "q95", "mcse")
EFFECTS = ("estimator", "mean", "mcse", "ci95", "share_positive", "share_negative")


@dataclass(frozen=True, repr=False)
class AnalysedResult(Result):
    """A result with what is worked out from it: `run` and `open_result` give one.

    Attributes
    ----------
    ahead : gives placebos and channels, which have been begun in a process of their
        own; further calls can be made there

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> result = bs.run(scenario, runs=4, seed=1)
    >>> [*result.summary()][:5]
    ['scenario', 'runs', 'seed', 'version', 'digest']
    """

    ahead: Background[tuple[Placebos, Channels]] | None = field(
        default=None, compare=False
    )

    @cached_property
    def additions(self) -> dict[str, Any]:
        """What the plug-ins that the scenario names add to the summary, by key: of
        `article` the mechanisms M1 to M17 (docs/mechanisms.md) and the two camps."""
        plugins = registry.of_plugins("summary", self.scenario.plugins)
        values: dict[str, Any] = {}
        for summarise in plugins.values():
            values |= summarise(self)
        return values

    @cached_property
    def channels(self) -> Channels:
        """What the picture and the threat of the focal event add to each arm that has
        it, by exact Shapley values."""
        if self.ahead:
            return self.ahead()[1]
        from balance_sim.effects.channels import channels_of

        return channels_of(self.scenario, self.arms)

    @cached_property
    def placebos(self) -> Placebos:
        """The headline arm's effect among those of the same event with other
        participants, and on other dates."""
        if self.ahead:
            return self.ahead()[0]
        from balance_sim.effects.placebos import placebos

        return placebos(self.scenario, self.headline_arm)

    @cached_property
    def uncertainty(self) -> dict[str, Any] | None:
        """Intervals of the headline effect over posterior and prior, theories, and what
        carries the width, where the scenario's posterior has them for this form of it;
        else None: `balance_sim.uncertainty` works them out."""
        return stored_uncertainty(self.scenario, self.headline_arm)

    @cached_property
    def headline(self) -> Headline | None:
        """The effect over what is known of the parameters, before the data and at the
        point values; None without an arm beside the control arm, or a replication."""
        if self.headline_arm is None or not self.finished:
            return None
        levels, effects = (
            frame[frame["outcome"] == self.headline_outcome].set_index("arm")
            for frame in (self.levels, self.effects)
        )
        effect = effects.loc[[self.headline_arm]].to_dict("records")[0]
        estimate = as_json(effect, "mean", "ci95", "mcse", "n")
        estimate["level"] = levels["mean"].to_dict()[self.reference]
        source = str(self.draws or "").partition(":")[0].replace("True", "fitted")
        return headline_of(
            self.scenario, self.headline_arm, self.uncertainty, estimate, source
        )

    @cached_property
    def expected(self) -> ExpectedEffect | None:
        """The headline arm's effect by the expected estimator at the point values, over
        time and by dyad; None where replications had agents of the user's own or drew
        their parameters, or where it is far from what they found."""
        if self.headline is None or self.model or self.draws:
            return None
        from balance_sim.effects.over_time import effect_over_time

        effect = effect_over_time(self.scenario, self.headline.arm)
        is_far = replace(self.headline, expected=effect.effect).is_far
        return None if is_far else effect

    def summary(self) -> dict[str, Any]:
        """The JSON of `run --json`: see docs/json.md."""
        give_back_freed_memory()
        scenario = self.scenario
        document = {
            "scenario": {"name": scenario.name, "sha256": scenario.sha256},
            "runs": self.runs,
            "seed": self.seed,
            "version": self.version,
            "digest": self.digest,
            "reference": self.reference,
            "arms": _by_arm(self.levels, self.arms, LEVELS),
            "effects": _by_arm(self.effects, self.arms[1:], EFFECTS),
            "dyads": [],
            "scheduled": self.scheduled.astype({"date": str}).to_dict("records"),
            "channels": self.channels.as_dict(),
            "placebos": self.placebos.as_dict(),
            "headline": self.headline and asdict(self.headline),
            "uncertainty": self.uncertainty,
            **self.additions,
            "too_few_runs": self.finished < FEWEST_RUNS,
            "failed_runs": len(self.failed),
            "missing_runs": self.missing_runs,
        }
        give_back_freed_memory()  # tables by dyad fill it
        return document | {"dyads": self._dyads_json()}

    def _dyads_json(self) -> list[dict[str, Any]]:
        """By dyad: expected new agreements in each arm, and the headline arm's
        effect."""
        by_arm = dict([*self.dyads.groupby("arm", sort=False)])
        if not by_arm:
            return []
        means = zip(*(rows["mean"].tolist() for rows in by_arm.values()), strict=True)
        of_control = next(iter(by_arm.values()))
        codes = of_control["a"].tolist(), of_control["b"].tolist()
        dyads: list[dict[str, Any]] = [
            {"a": a, "b": b, "expected": dict(zip(by_arm, of_arms, strict=True))}
            for a, b, of_arms in zip(*codes, means, strict=True)
        ]
        if self.headline_arm is not None:
            effects = _rows(by_arm[self.headline_arm], ("effect", "mcse", "ci95"))
            for dyad, effect in zip(dyads, effects, strict=True):
                dyad.update(effect)
        return dyads


def _by_arm(
    frame: pd.DataFrame, arms: Sequence[str], columns: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Rows of a tidy frame by arm, then by outcome."""
    values: dict[str, dict[str, Any]] = {arm: {} for arm in arms}
    places = frame["arm"].tolist(), frame["outcome"].tolist()
    for arm, outcome, row in zip(*places, _rows(frame, columns), strict=True):
        values[arm][outcome] = row
    return values


def _rows(frame: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """Some columns of a tidy frame for JSON, row by row; `ci95` stands for its
    bounds."""
    columns = {name: plain_data(frame[name]) for name in names if name != "ci95"}
    if "ci95" in names:
        ends = plain_data(frame["lo"]), plain_data(frame["hi"])
        columns["ci95"] = map(list, zip(*ends, strict=True))
    rows = zip(*(columns[name] for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def open_result(folder: Path | str) -> AnalysedResult:
    """A study read back from its folder, with what is worked out from it.

    Parameters
    ----------
    folder : of `run`, finished or not; where replications are lacking a warning says
        how many

    Raises
    ------
    WrongRequest : where the folder holds no study, a sweep, or one of another version
        of the format
    StoreDamaged : where a file is not what it was written as

    Examples
    --------
    >>> import balance_sim as bs
    >>> from tempfile import TemporaryDirectory
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> with TemporaryDirectory() as folder:
    ...     made = bs.run(scenario, runs=4, seed=1, out=folder)
    ...     bs.open_result(folder).digest == made.digest
    True
    """
    from balance_sim.study.sweep_result import open_run

    return open_run(folder, AnalysedResult)

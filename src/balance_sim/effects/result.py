"""A finished study with what follows from it: mechanisms, placebos, channels, and the
summary document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.article.mechanisms import measured
from balance_sim.effects.expected_effect import Channels, channels_of
from balance_sim.effects.placebos import Placebos, placebos
from balance_sim.evidence.posterior.effect_draws import Uncertainty, stored_uncertainty
from balance_sim.scenario.schema import Scenario
from balance_sim.study.estimates import as_json
from balance_sim.study.result import Result
from balance_sim.study.store import read_summary

if TYPE_CHECKING:
    import pandas as pd


def kept_summary(
    folder: Path | None, scenario: Scenario, version: str
) -> dict[str, Any]:
    """What a folder's summary holds, if this version wrote it for this scenario: else
    nothing."""
    found = (read_summary(folder) if folder is not None else None) or {}
    of = found.get("scenario")
    same = isinstance(of, dict) and of.get("sha256") == scenario.sha256
    return found if same and found.get("version") == version else {}


@dataclass(frozen=True, repr=False)
class AnalysedResult(Result):
    """A result with what is worked out from it: `run` and `open_result` give one.

    Attributes
    ----------
    ahead : gives placebos and channels, which have been begun in a process of their own

    Examples
    --------
    >>> import balance_sim as bs
    >>> result = bs.run(bs.load_scenario("experiments/smoke/five_states.yaml"), runs=4, seed=1)
    >>> [*result.summary()][:5]
    ['scenario', 'runs', 'seed', 'version', 'digest']
    """

    ahead: Callable[[], tuple[Placebos, Channels]] | None = field(
        default=None, compare=False
    )

    @cached_property
    def mechanisms(self) -> dict[str, dict[str, Any]]:
        """The mechanisms of the founding article, M1 to M17, as measured: see
        docs/mechanisms.md."""
        of = (self._kept.get("runs"), self._kept.get("digest"))
        if self.resumed and of == (self.runs, self.digest):
            return dict(self._kept["mechanisms"])
        return measured(self)

    @cached_property
    def channels(self) -> Channels:
        """What the picture and the threat of the focal event add to each arm that has
        it, by exact Shapley values."""
        if kept := self._kept.get("channels"):
            return Channels.of_plain(kept)
        return self.ahead()[1] if self.ahead else channels_of(self.scenario, self.arms)

    @cached_property
    def placebos(self) -> Placebos:
        """The headline arm's effect among those of the same event with other
        participants, and on other dates."""
        if kept := self._kept.get("placebos"):
            return Placebos.of_plain(kept)
        return (
            self.ahead()[0]
            if self.ahead
            else placebos(self.scenario, self.headline_arm)
        )

    @cached_property
    def uncertainty(self) -> Uncertainty | None:
        """Intervals of the headline effect over posterior and prior, theories, and what
        carries the width, where they are kept with the scenario; else None:
        `effect_draws.uncertainty` works them out."""
        if said := self._kept.get("uncertainty"):
            return Uncertainty.of_plain(said)
        return (
            stored_uncertainty(self.scenario, self.headline_arm)
            if self.point == 0
            else None
        )

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return (
            kept_summary(self.folder, self.scenario, self.version)
            if self.point == 0
            else {}
        )

    def summary(self) -> dict[str, Any]:
        """The JSON of `run --json`: see docs/json.md."""

        def by_arm(
            frame: pd.DataFrame, arms: tuple[str, ...], *names: str
        ) -> dict[str, dict[str, Any]]:
            rows = {arm: frame[frame["arm"] == arm].to_dict("records") for arm in arms}
            return {
                arm: {row["outcome"]: as_json(row, *names) for row in of}
                for arm, of in rows.items()
            }

        levels = ("estimator", "mean", "sd", "q05", "q25", "q50", "q75", "q95", "mcse")
        effects = (
            "estimator",
            "mean",
            "mcse",
            "ci95",
            "share_positive",
            "share_negative",
        )
        return {
            "scenario": {"name": self.scenario.name, "sha256": self.scenario.sha256},
            **{
                key: getattr(self, key)
                for key in ("runs", "seed", "version", "digest", "reference")
            },
            "arms": by_arm(self.levels, self.arms, *levels),
            "effects": by_arm(self.effects, self.arms[1:], *effects),
            "dyads": self._dyads_json(),
            "scheduled": json.loads(
                self.scheduled.assign(date=self.scheduled["date"].astype(str)).to_json(
                    orient="records"
                )
            ),
            "channels": self.channels.as_dict(),
            "placebos": self.placebos.as_dict(),
            "uncertainty": None
            if self.uncertainty is None
            else self.uncertainty.as_dict(),
            "mechanisms": self.mechanisms,
            "camps": self.camps,
            "timing": self.timing,
            "failed_runs": len(self.failed),
            "missing_runs": self.missing_runs,
        }

    def _dyads_json(self) -> list[dict[str, Any]]:
        """By dyad: expected new agreements in each arm, and the headline arm's
        effect."""
        out: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self.dyads.to_dict("records"):
            a, b = row["a"], row["b"]
            dyad = out.setdefault((a, b), {"a": a, "b": b, "expected": {}})
            dyad["expected"][row["arm"]] = row["mean"]
            if row["arm"] == self.headline_arm:
                dyad |= as_json(row, "effect", "mcse", "ci95")
        return [out[key] for key in sorted(out)]


def open_result(folder: Path | str, runs: int | None = None) -> AnalysedResult:
    """A study read back from its folder, with what is worked out from it.

    Parameters
    ----------
    folder : of `run`, finished or not; where replications are lacking a warning says how many
    runs : cuts the study to the first so many; all if not given

    Raises
    ------
    WrongRequest : where the folder holds no study, a sweep, or one of another version of the format
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
    return AnalysedResult.open(folder, runs)

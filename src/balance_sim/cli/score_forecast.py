"""What `balance-sim score` does with a forecast of pairs: get it, freeze it, score it, say it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.score_text import accord_lines, detectable_lines, gain_lines, wrapped

if TYPE_CHECKING:
    from datetime import datetime

    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario

ABOUT = ("first", "last", "kinds", "stage", "about")


@dataclass(frozen=True)
class Asked:
    """What the command was given."""

    forecast: Path
    outcomes: Path | None
    data: Path | None
    kinds: tuple[str, ...]
    stage: str
    arm: str | None
    window: int | None
    first: datetime | None
    until: datetime | None
    freeze: Path | None
    runs: int | None
    scenario: Path | None = None


def score_pairs(asked: Asked) -> tuple[dict[str, Any], list[str], int]:
    """The JSON, the lines for a terminal, and how many runs failed."""
    from balance_sim.evidence.forecast import forecast as pairs
    from balance_sim.evidence.forecast.score import finite

    made, frozen, failed = forecast_of(asked)
    kinds = kinds_of(asked.forecast)
    out: dict[str, Any] = {"frozen": frozen, "sha256": made.sha256, **{k: made.content[k] for k in ABOUT}}
    lines = [f"forecast of {len(made.pairs)} pairs, {made.first} to {made.last}, sha256 {made.sha256[:12]}"]
    if asked.freeze is not None:
        out["frozen"] = pairs.freeze(made, asked.freeze)["frozen"]
        lines.append(f"frozen on {out['frozen']} in {asked.freeze}")
    if asked.outcomes is not None:
        record = scenario_of(asked)
        scored = pairs.score_forecast(made, asked.outcomes, asked.data, kinds=kinds, scenario=record)
        out |= {name: finite(one.as_dict()) for name, one in scored.scores.items()}
        out["calibration"] = [finite(row) for row in scored.calibration]
        out["reference"] = scored.reference
        out["outcomes"] = scored.outcomes.as_dict()
        out["notes"] = list(scored.notes)
        one = scored.scores["model"]
        lines += [
            f"{one.n} pairs, {one.events} made an accord",
            *detectable_lines(one),
            "",
            *accord_lines(scored.scores),
            f"skill is against the {scored.reference}",
            *gain_lines(scored.scores),
        ]
        lines += [line for note in scored.notes for line in wrapped(f"note: {note}")]
    return out, lines, failed


def scenario_of(asked: Asked) -> Scenario | None:
    """The scenario on whose record baselines are trained: the one given, else that of a results folder."""
    from balance_sim.results.result import open_result
    from balance_sim.scenario.load import load_scenario

    if asked.scenario is not None:
        return load_scenario(asked.scenario)
    return open_result(asked.forecast).scenario if asked.forecast.is_dir() else None


def kinds_of(source: Path) -> tuple[str, ...]:
    """Kinds of accord that a results folder's scenario knows; none of another forecast."""
    from balance_sim.results.result import open_result

    return tuple(open_result(source).scenario.kinds) if source.is_dir() else ()


def forecast_of(asked: Asked) -> tuple[Forecast, str | None, int]:
    """The forecast, the date on which it was frozen, and how many runs failed."""
    from balance_sim.evidence.forecast.forecast import read_pairs, thaw

    source, first, until = asked.forecast, asked.first, asked.until
    if source.is_dir():
        made, failed = forecast_of_folder(asked)
        return made, None, failed
    if source.suffix.lower() == ".json":
        return *thaw(source), 0
    if first is None or until is None or first > until:
        raise click.UsageError("a CSV needs --from and --until, in this order: the days that it is about")
    return read_pairs(source, first.date(), until.date(), asked.kinds, asked.stage), None, 0


def forecast_of_folder(asked: Asked) -> tuple[Forecast, int]:
    """Each pair's probability of a new accord in an arm, from some of its replications simulated again."""
    from datetime import date, timedelta

    from balance_sim.analysis.chances import RUNS, dyad_chances
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.results.result import open_result

    result = open_result(asked.forecast)
    arm = _arm(result, asked.arm)
    unknown = [kind for kind in asked.kinds if kind not in result.scenario.kinds]
    if unknown:
        known = ", ".join(sorted(result.scenario.kinds))
        raise click.UsageError(f"the scenario has no kind {unknown[0]}; it has {known}")
    window = asked.window or result.window
    if window > result.horizon:
        raise click.UsageError(f"--window {window}: the runs end {result.horizon} days after the focal event")
    finished = int(result.outcomes["run"].nunique())
    if finished == 0:
        raise DataError(
            "no run has finished: there is nothing to score", "Run the study first", asked.forecast
        )
    focal = date.fromordinal(719163 + result.focal_day)
    p = dyad_chances(result, arm, window=window, kinds=asked.kinds, stage=asked.stage, runs=asked.runs)
    about = f"{result.scenario.name}, arm {arm}, {min(finished, asked.runs or RUNS)} runs simulated again"
    days = focal + timedelta(days=1), focal + timedelta(days=window)
    made = Forecast(tuple(p), tuple(p.values()), *days, asked.kinds, asked.stage, about)
    return made, len(result.failed)


def _arm(result: Result, wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in result.arms:
            raise click.UsageError(f"the results have no arm {wanted}; they have {', '.join(result.arms)}")
        return wanted
    if result.headline_arm is None:
        raise click.UsageError(f"the results hold the reference arm only; --arm {result.reference} scores it")
    return result.headline_arm

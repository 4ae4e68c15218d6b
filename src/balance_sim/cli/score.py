"""`balance-sim score FORECAST OUTCOMES`: a forecast of pairs against what is on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from balance_sim.evidence.forecast import Forecast
    from balance_sim.evidence.score import Scores
    from balance_sim.study.result import Result

FORECASTS = ("model", "base_rate", "earlier_accords")
MEASURES = ("average_precision", "auc", "brier")


@click.command()
@click.argument("forecast", type=click.Path(path_type=Path))
@click.argument("outcomes", type=click.Path(path_type=Path), required=False)
@click.option("--case", "case_id", metavar="CASE_ID", help="The case whose rows count, of several.")
@click.option("--data", type=click.Path(path_type=Path), help="Field data to train the five baselines on.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of accord. Repeatable.")
@click.option(
    "--stage", type=click.Choice(["signed", "in_force"]), default="signed", help="What counts as made."
)
@click.option(
    "--window", type=click.IntRange(min=1), help="Days after the focal event  [default: the longest]"
)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, for a CSV.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day, for a CSV.")
@click.option(
    "--freeze",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the forecast with its hash and today's date to this file.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    forecast: Path,
    outcomes: Path | None,
    case_id: str | None,
    data: Path | None,
    kinds: tuple[str, ...],
    stage: str,
    window: int | None,
    first: datetime | None,
    until: datetime | None,
    freeze: Path | None,
    as_json: bool,
) -> None:
    """Score the pairs of FORECAST against OUTCOMES.

    FORECAST is a results folder, a CSV (iso3_a, iso3_b, p) with --from and --until, or a file made by
    --freeze. OUTCOMES is a CSV of accords (iso3_a, iso3_b, kind, stage, date; or DCAD's columns), or a table
    of a case's responses (state_a, state_b, date, direction): see docs/evidence.md and docs/cases.md."""
    if outcomes is None and freeze is None:
        raise click.UsageError(
            "give OUTCOMES to score the forecast, or --freeze FILE to keep it until they come"
        )
    if outcomes is not None and freeze is None and is_case_table(outcomes):
        score_responses(ctx, forecast, outcomes, case_id, as_json)
        return
    from balance_sim.evidence import forecast as pairs

    made, frozen, failed = forecast_of(forecast, kinds, stage, window, first, until)
    out: dict[str, Any] = {"frozen": frozen, "sha256": made.sha256, **{k: made.content[k] for k in ABOUT}}
    lines = [f"forecast of {len(made.pairs)} pairs, {made.first} to {made.last}, sha256 {made.sha256[:12]}"]
    if freeze is not None:
        out["frozen"] = pairs.freeze(made, freeze)["frozen"]
        lines.append(f"frozen on {out['frozen']} in {freeze}")
    if outcomes is not None:
        scores, reliability, y = pairs.score_forecast(made, outcomes, data)
        out |= {name: finite(one.as_dict()) for name, one in scores.items()}
        out["calibration"] = [finite(row) for row in reliability]
        out["reference"] = (
            "base rate of the past" if data is not None else "share that made one, in hindsight"
        )
        lines += [*accord_lines(scores, int(y.sum())), f"skill is against the {out['reference']}"]
    click.echo(json.dumps(out, indent=1, allow_nan=False) if as_json else "\n".join(lines))
    if failed:
        click.echo(f"{failed} runs failed and are not in the forecast", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


ABOUT = ("first", "last", "kinds", "stage", "about")


def is_case_table(outcomes: Path) -> bool:
    """Whether the file is a table of responses: state_a and direction among its columns."""
    from balance_sim.evidence.readers.table import open_table

    probe = open_table(outcomes, "outcomes", {"a": ("state_a",), "direction": ("direction",)}, ())
    return probe.has("a", "direction")


def forecast_of(
    source: Path,
    kinds: tuple[str, ...],
    stage: str,
    window: int | None,
    first: datetime | None,
    until: datetime | None,
) -> tuple[Forecast, str | None, int]:
    """The forecast, the date on which it was frozen, and how many runs failed."""
    from balance_sim.evidence.forecast import read_pairs, thaw

    if source.is_dir():
        made, failed = forecast_of_folder(source, kinds, stage, window)
        return made, None, failed
    if source.suffix.lower() == ".json":
        return *thaw(source), 0
    if first is None or until is None or first > until:
        raise click.UsageError("a CSV needs --from and --until, in this order: the days that it is about")
    return read_pairs(source, first.date(), until.date(), kinds, stage), None, 0


def forecast_of_folder(
    source: Path, kinds: tuple[str, ...], stage: str, window: int | None
) -> tuple[Forecast, int]:
    """Share of the headline arm's runs in which a pair makes a new accord, drawn to the mean by one run's
    worth, so that nothing is held impossible."""
    from datetime import date
    from itertools import combinations

    import numpy as np

    from balance_sim.evidence.errors import DataError
    from balance_sim.evidence.forecast import Forecast, window_of
    from balance_sim.study.pairs import NEW_ORIGINS
    from balance_sim.study.run import open_result

    result = open_result(source)
    unknown = [kind for kind in kinds if kind not in result.scenario.kinds]
    if unknown:
        raise click.UsageError(f"the scenario has no kind {unknown[0]}")
    finished = int(result.outcomes["run"].nunique())
    if finished == 0:
        raise DataError("no run has finished: there is nothing to score", "Run the study first", source)
    first, last = window_of(date.fromordinal(719163 + result.focal_day), window or result.window)
    frame = result.accords
    frame = frame[(frame["arm"] == result.headline_arm) & frame[stage].notna()]
    frame = frame[frame["origin"].isin([*NEW_ORIGINS, *(["signed"] if stage == "in_force" else [])])]
    if kinds:
        frame = frame[frame["kind"].isin(kinds)]
    day = frame[stage].astype("datetime64[s]").dt.date
    frame = frame[(day >= first) & (day <= last)]
    sides = [frame[side].astype(str).to_numpy() for side in ("a", "b")]
    hits: dict[tuple[str, str], set[int]] = {}
    for a, b, run in zip(*sides, frame["run"], strict=True):
        hits.setdefault((min(a, b), max(a, b)), set()).add(int(run))
    every = tuple(combinations(sorted(result.scenario.codes), 2))
    share = np.array([len(hits.get(pair, ())) for pair in every], dtype=float)
    p = (share + share.mean() / finished) / (finished + 1)
    return Forecast(every, tuple(map(float, p)), first, last, kinds, stage, result.scenario.name), len(
        result.failed
    )


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """The same with null for what is not a number."""
    from balance_sim.evidence.hindcast import finite as clean

    return dict(clean(values))


def accord_lines(scores: dict[str, Scores], happened: int) -> list[str]:
    """One line a forecast."""
    one = scores["model"]
    lines = [
        f"{one.n} pairs, {happened} made an accord; smallest log skill seen 8 times in 10: {one.detectable:.3f}",
        "",
        f"{'':<18}{'log skill':<28}{'Brier skill':<14}{'average precision':<20}{'AUC':<8}{'expected':>8}",
    ]
    for name, s in scores.items():
        spread = f"{s.log_skill.value:.4f} ({s.log_skill.low:.4f}..{s.log_skill.high:.4f})"
        lines.append(
            f"{name:<18}{spread:<28}{s.brier_skill.value:<14.4f}{s.average_precision:<20.4f}{s.auc:<8.4f}"
            f"{s.expected:>8.1f}"
        )
    return lines


def score_responses(
    ctx: click.Context, results: Path, outcomes: Path, case_id: str | None, as_json: bool
) -> None:
    """A results folder against a case's responses."""
    from balance_sim.study.run import open_result

    scored = score_result(open_result(results), outcomes, case_id)
    if as_json:
        click.echo(json.dumps(scored, indent=2, allow_nan=False))
    else:
        click.echo(scores_text(scored))
    if scored["failed_runs"]:
        click.echo(f"{scored['failed_runs']} runs failed and are not in the scores", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def score_result(result: Result, outcomes: Path, case_id: str | None) -> dict[str, Any]:
    """The scores of a finished study, in the arm that changes nothing, with what was scored."""
    from balance_sim.evidence.case_responses import responses_of
    from balance_sim.evidence.case_scores import score_case
    from balance_sim.evidence.errors import DataError

    responses = responses_of(outcomes, case_id)
    finished = int(result.outcomes["run"].nunique())
    if finished == 0:
        raise DataError(
            "no run has finished: there is nothing to score", "Run the study first", result.folder
        )
    p, excess = chances(result)
    scored = score_case(result.scenario, p, responses, excess)
    return {
        "scenario": result.scenario.name,
        "case": responses[0].case_id or case_id,
        "arm": result.headline_arm,
        "runs": finished,
        "failed_runs": len(result.failed),
        **scored,
    }


def chances(result: Result) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Pair -> share of runs with a new accord of any kind in the headline arm, and its excess."""
    if result.headline_arm is None:
        raise click.UsageError("the results hold the reference arm only; run the arm with the event too")
    frame = result.dyads
    frame = frame[(frame["kind"] == "any") & (frame["arm"] == result.headline_arm)]
    pairs = [tuple(sorted(pair)) for pair in zip(frame["a"], frame["b"], strict=True)]
    keyed = [(str(a), str(b)) for a, b in pairs]
    p = dict(zip(keyed, frame["p"].astype(float), strict=True))
    return p, dict(zip(keyed, frame["excess"].astype(float), strict=True))


def scores_text(scored: dict[str, Any]) -> str:
    """The scores as lines for a terminal."""
    head = (
        f"{scored['scenario']}, arm {scored['arm']}, {scored['runs']} runs: "
        f"{scored['agreements']} agreements, {scored['responding_pairs']} of {scored['pairs']} pairs; "
        f"{scored['expected_accords']:.1f} pairs are expected to sign"
    )
    columns = "".join(f"{title:<26}" for title in ("average precision", "AUC", "Brier"))
    lines = [head, "", f"{'':<18}{columns}".rstrip()]
    lines += [
        f"{name:<18}" + "".join(f"{_cell(scored[name], m):<26}" for m in MEASURES).rstrip()
        for name in FORECASTS
    ]
    excess = scored.get("excess")
    if excess:
        by_excess = "".join(f"{number(excess[m]):<26}" for m in ("average_precision", "auc"))
        lines += [f"{'ranked by excess':<18}{by_excess}".rstrip()]
    lines += ["", "recorded responses, with the model's probability and the rank of the best pair:"]
    for row in scored["responses"]:
        who = ", ".join(f"{pair} {p:.3f}" for pair, p in zip(row["pairs"][:4], row["p"], strict=False))
        more = ", ..." if len(row["pairs"]) > 4 else ""
        lines.append(f"  {row['date']} {row['direction']:<10}{row['best_rank']:>4}  {who}{more}")
    for row in scored["not_scored"]:
        lines.append(f"  not scored: {row['state_a']}-{row['state_b']} {row['date']}: {row['reason']}")
    return "\n".join(lines)


def _cell(measures: dict[str, Any], name: str) -> str:
    interval = measures[f"{name}_ci95"]
    spread = f" ({number(interval[0])}..{number(interval[1])})" if interval else ""
    return number(measures[name]) + spread


def number(value: float | None) -> str:
    """Three decimals; `-` where a score is undefined."""
    return "-" if value is None else f"{value:.3f}"

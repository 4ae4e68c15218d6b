"""`balance-sim calibrate SCENARIO`: kinds, states, dyads and level from its own record, with a skill card."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.score_text import accord_lines, number, spread, wrapped

if TYPE_CHECKING:
    from datetime import datetime

    from balance_sim.evidence.estimation.calibration import Calibrated
    from balance_sim.evidence.forecast.baselines import SkillCard

SHOWN = 5


@click.command()
@click.argument("scenario")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write  [default: calibration.yaml in the scenario's folder of tables]",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day before which the record is complete  [default: the scenario's start]",
)
@click.option(
    "--window", type=click.IntRange(5, 60), default=20, show_default=True, help="Years of the record."
)
@click.option("--card/--no-card", default=True, help="Forecast the record's last five years, and score that.")
@json_option
def command(
    scenario: str, out: Path | None, until: datetime | None, window: int, card: bool, as_json: bool
) -> None:
    """Calibrate SCENARIO on its own record, and write what was found to a file that it names by `calibration:`.

    From the fitted weights as a prior and the dated agreements in the scenario's tables: the intercept of each kind,
    how readily each state signs, a factor on the rate of each dyad, and the level of a year. The skill card scores the
    same calibration on the record's last five years, each forecast from what was known before it, beside baselines."""
    from dataclasses import replace

    from balance_sim.evidence.data.text import calibration_text
    from balance_sim.evidence.estimation.calibration import FORM, calibrate, prior_of
    from balance_sim.evidence.estimation.choices import own_record
    from balance_sim.evidence.estimation.parameter_files import calibration_record
    from balance_sim.evidence.forecast.baselines import CARD_YEARS, skill_card
    from balance_sim.pool.whole_files import write_whole
    from balance_sim.results.folder import version
    from balance_sim.scenario.defaults import fitted_distribution
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario

    raw = load_scenario(scenario, calibrated=False)
    prior, form = prior_of(raw, fitted_distribution()), replace(FORM, window=window)
    path = Sources(scenario).path
    end = until.date() if until is not None else raw.start
    if end > raw.start:
        raise click.UsageError(f"--until {end} lies after the scenario's start, {raw.start}")
    record = own_record(raw, window + (CARD_YEARS if card else 0), until=end)
    last = record.years[-1]
    found = calibrate(record.within(last - window + 1, last), prior, form)
    told = ["balance-sim", "calibrate", f"{path.parent.name}/{path.name}"]
    told += ["--until", end.isoformat()] if end != raw.start else []
    told += ["--window", str(window)] if window != FORM.window else []
    kept = record.within(last - window + 1, last)
    written = calibration_record(raw, kept, found, prior, form, " ".join(told), version())
    target = out or _default(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, calibration_text(written).encode("utf-8"))
    skill = (
        skill_card(raw, record, prior, form, say=lambda line: click.echo(line, err=True)) if card else None
    )
    if as_json:
        head = {"file": str(target), **{key: written[key] for key in ("calibrated", "variances", "levels")}}
        document = {**head, "skill_card": None if skill is None else skill.as_dict()}
        click.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    for line in [*_found_lines(found), "", *(_card_lines(skill) if skill is not None else [])]:
        click.echo(line)
    name = target.relative_to(path.parent) if target.is_relative_to(path.parent) else target
    click.echo(f"wrote {target}; the scenario names it by `calibration: {name}`")
    sys.stdout.flush()


def _default(path: Path) -> Path:
    """Beside the tables if there is a folder of the scenario's name, else beside the scenario."""
    folder = path.with_suffix("")
    return folder / "calibration.yaml" if folder.is_dir() else path.with_name(f"{path.stem}_calibration.yaml")


def _found_lines(found: Calibrated) -> list[str]:
    import numpy as np

    readiness = {}
    for name, own in zip(("security agreements", "declarations"), found.propensity, strict=False):
        order = np.argsort(-own, kind="stable")
        most, least = (
            ", ".join(f"{found.states[k]} {own[k]:+.2f}" for k in part)
            for part in (order[:SHOWN], order[-SHOWN:])
        )
        readiness[name] = f"states that sign {name} most readily: {most}; least: {least}"
    factor = np.triu(found.factor, 1)
    first, second = np.unravel_index(np.argsort(-factor, axis=None, kind="stable")[:SHOWN], factor.shape)
    dyads = ", ".join(
        f"{found.states[i]}-{found.states[j]} {factor[i, j]:.2f}" for i, j in zip(first, second, strict=True)
    )
    return [
        f"{found.agreements} agreements between two states in {len(found.level)} years",
        f"variances: states {' and '.join(number(float(v)) for v in np.diag(found.state_variance))}, "
        f"dyads {number(found.dyad_variance)}, level of a year {number(found.level_variance)}",
        *(line for said in readiness.values() for line in wrapped(said)),
        *(wrapped(f"dyads with the largest factors: {dyads}") if found.dyad_variance > 0 else []),
    ]


def _card_lines(card: SkillCard) -> list[str]:
    rows = [
        f"{year}: {expected:.1f} expected, {came} came" for year, (expected, came) in card.expected.items()
    ]
    out = [
        "skill card: dyads that sign within a year, forecast from what was known before it",
        *wrapped("; ".join(rows)),
        "",
        *accord_lines(card.scores),
        "",
        "the model's gain on each, dyads resampled: log skill, average precision",
    ]
    for name, score in card.scores.items():
        if score.model_gains:
            gains = [spread(score.model_gains[of]) for of in ("log_skill", "average_precision")]
            out.append(f"  {name:<16} {gains[0]:<26} {gains[1]}")
    return [*out, *(line for note in card.notes for line in wrapped(f"note: {note}")), ""]

"""`balance-sim evidence calibrate SCENARIO`: types, states, dyads and level from a
scenario's own record, with a skill card."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.show.wording import state_names, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.estimation.calibration import Form
    from balance_sim.evidence.forecast.theories import TheoryScores
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.schema import Scenario

WINDOW = 20


@click.command()
@click.argument("scenario")
@click.option(
    "--out",
    type=options.FILE,
    help="File to write  [default: calibration.yaml in the scenario's folder of "
    "tables; here for a shipped one]",
)
@click.option(
    "--until",
    type=options.Day(),
    help="Day before which the record is complete  [default: the scenario's start]",
)
@click.option(
    "--window",
    type=click.IntRange(5, 60),
    default=WINDOW,
    show_default=True,
    help="Years of the record.",
)
@click.option(
    "--card/--no-card",
    default=True,
    help="Forecast the record's last five years, and score that.",
)
@click.option(
    "--theories",
    is_flag=True,
    help="Score and stack the shipped theories on the same years; theories.yaml. "
    "Minutes.",
)
@options.json_option
def calibrate(
    scenario: str,
    out: Path | None,
    until: date | None,
    window: int,
    card: bool,
    theories: bool,
) -> None:
    """Calibrate SCENARIO on its own record, and write what was found to a file that it
    names by `calibration:`.

    From the fitted weights as a prior and the dated agreements in the scenario's
    tables: the intercept of each type, how readily each state signs (its random
    intercept), the frailty of each dyad, and the level of a year. The skill card scores
    the same calibration on the record's last five years, each forecast from what was
    known before it, beside baselines."""
    from balance_sim.evidence.estimation import calibration
    from balance_sim.evidence.estimation.choices import own_record
    from balance_sim.evidence.estimation.parameter_files import (
        calibration_record,
        calibration_text,
    )
    from balance_sim.evidence.forecast.lines import (
        calibration_lines,
        card_lines,
        theory_lines,
    )
    from balance_sim.evidence.forecast.skill_card import CARD_YEARS, skill_card
    from balance_sim.scenario.defaults import fitted_distribution
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    raw = load_scenario(scenario, calibrated=False)
    prior = calibration.prior_of(raw, fitted_distribution())
    form = replace(calibration.FORM, window=window)
    sources, end = Sources(scenario), until or raw.start
    if end > raw.start:
        raise click.UsageError(
            f"--until {end} lies after the scenario's start, {raw.start}"
        )
    years = window + CARD_YEARS if card else window
    record = own_record(raw, years, until=end)
    last = record.years[-1]
    calibrated = record.within(last - window + 1, last)
    posterior = calibration.calibrate(calibrated, prior, form)
    words = _command(sources.path, "" if end == raw.start else end.isoformat(), window)
    written = calibration_record(
        raw, calibrated, posterior, prior, form, " ".join(words), version()
    )
    file = out or _usual_file(sources)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, calibration_text(written).encode("utf-8"))
    document: dict[str, Any] = {"file": str(file)}
    for key in ("calibrated", "variances", "levels"):
        document[key] = written[key]
    skill = None
    if card:
        with Steps({"skill card": 6.0 * CARD_YEARS}) as steps:
            steps.begin("skill card")
            skill = skill_card(raw, record, prior, form, say=steps.lines(CARD_YEARS))
    document["skill_card"] = None if skill is None else skill.as_dict()
    scores = None
    if theories:
        command = " ".join([*words, "--theories"])
        scores = _score_theories(scenario, raw, form, until, file.parent, command)
        document["theories"] = scores.as_dict()

    def lines() -> Iterator[str]:
        names = state_names(raw)
        yield from calibration_lines(posterior, names, end)
        if skill is not None:
            yield from card_lines(skill)
        if scores is not None:
            yield from theory_lines(scores)
        home = sources.path.parent
        named = file.relative_to(home) if file.is_relative_to(home) else file
        wrote = f"wrote {file}; the scenario names it by `calibration: {named}`"
        yield from ("", *wrapped(wrote, ""))

    options.answer(document, lines, indent=1)
    sys.stdout.flush()


def _command(path: Path, until: str, window: int) -> list[str]:
    """The words of the command that writes the same again, without options at their
    default."""
    scenario = f"{path.parent.name}/{path.name}"
    words = ["balance-sim", "evidence", "calibrate", scenario]
    if until:
        words += ["--until", until]
    if window != WINDOW:
        words += ["--window", str(window)]
    return words


def _usual_file(sources: Sources) -> Path:
    """Where a calibration is written: a folder of the scenario's name needs no more
    than that."""
    home, stem = sources.home(), sources.path.stem
    if home.name == stem:
        return home / "calibration.yaml"
    return home / f"{stem}_calibration.yaml"


def _score_theories(
    scenario: str,
    raw: Scenario,
    form: Form,
    until: date | None,
    folder: Path,
    command: str,
) -> TheoryScores:
    """Score the theories, and write what was found beside the calibration."""
    from balance_sim.evidence.forecast.skill_card import CARD_YEARS
    from balance_sim.evidence.forecast.theories import (
        NAME,
        score_theories,
        theories_text,
    )
    from balance_sim.scenario.defaults import presets
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    count = CARD_YEARS * len(presets())
    with Steps({"theories": 6.0 * count}) as steps:
        steps.begin("theories")
        scores = score_theories(
            scenario, form=form, until=until, say=steps.lines(count)
        )
    text = theories_text(raw, scores, command, version())
    write_atomic(folder / NAME, text.encode("utf-8"))
    return scores

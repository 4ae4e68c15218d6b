"""`balance-sim evidence calibrate SCENARIO`: types, states and level from a scenario's
own record, with a skill card."""

from __future__ import annotations

from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.show.wording import state_names, wrapped

if TYPE_CHECKING:
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
    "with_theories",
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
    with_theories: bool,
) -> None:
    """Calibrate SCENARIO on its own record, and write what was found to a file that it
    names by `calibration:`.

    From the fitted weights as a prior and the dated agreements in the scenario's
    tables: the intercept of each type, how readily each state signs (its random
    intercept), and the level of a year. The skill card scores the same calibration on
    the record's last five years, each forecast from what was known before it, beside
    baselines."""
    from balance_sim.evidence.estimation import calibration, choices, parameter_files
    from balance_sim.evidence.estimation.lines import calibration_lines
    from balance_sim.evidence.forecast import skill_card, theories
    from balance_sim.evidence.forecast.lines import card_lines
    from balance_sim.scenario.defaults import fitted_distribution, presets
    from balance_sim.scenario.errors import plain_data
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    card_years = skill_card.CARD_YEARS * card
    raw = load_scenario(scenario, calibrated=False)
    prior = calibration.prior_of(raw, fitted_distribution())
    sources, end = Sources(scenario), until or raw.start
    if end > raw.start:
        raise click.UsageError(
            f"--until {end} lies after the scenario's start, {raw.start}"
        )
    if card:
        options.require_package("sklearn")
    names = ["record", "calibration"] + ["skill card"] * card
    with Steps(names + ["theories"] * with_theories) as steps:
        record = choices.own_record(raw, window + card_years, until=end)
        steps.begin("calibration")
        last = record.years[-1]
        calibrated = record.within(last - window + 1, last)
        posterior = calibration.calibrate(calibrated, prior)
        command = _command(sources.path, raw, end, window)
        made_by = {"command": command, "version": version()}
        written: Any = parameter_files.calibration_record(
            raw, calibrated, posterior, prior, window, made_by
        )
        file = out or _usual_file(sources.home(), sources.path.stem)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = parameter_files.fitted_text(written, parameter_files.CALIBRATION_HEAD)
        write_atomic(file, text.encode("utf-8"))
        named = ("calibrated", "variances", "levels")
        document: dict[str, Any] = {"file": str(file), "skill_card": None}
        document |= {key: written[key] for key in named}
        lines = [calibration_lines(posterior, state_names(raw), end)]
        if card:
            steps.begin("skill card")
            progress = steps.lines(card_years)
            skill = skill_card.skill_card(raw, record, prior, window, say=progress)
            document["skill_card"] = plain_data(skill)
            lines.append(card_lines(skill))
        if with_theories:
            steps.begin("theories")
            progress = steps.lines(skill_card.CARD_YEARS * len(presets()))
            scores = theories.score_theories(
                scenario, f"{command} --theories", window, until, progress
            )
            text = theories.theories_text(scores)
            write_atomic(file.parent / theories.NAME, text.encode("utf-8"))
            document["theories"] = scores.model_dump(mode="json")["theories"]
    home = sources.path.parent
    place = file.relative_to(home) if file.is_relative_to(home) else file
    wrote = f"wrote {file}; the scenario names it by `calibration: {place}`"
    options.answer(document, chain(*lines, ["", *wrapped(wrote, "")]), indent=1)


def _command(path: Path, scenario: Scenario, until: date, window: int) -> str:
    """The command as the file names it: options that are not as usual."""
    place = Path(path.parent.name, path.name).as_posix()
    command = f"balance-sim evidence calibrate {place}"
    if until != scenario.start:
        command += f" --until {until}"
    return command if window == WINDOW else f"{command} --window {window}"


def _usual_file(home: Path, stem: str) -> Path:
    """Where a calibration is written: a folder of the scenario's name needs no more
    than that."""
    name = "calibration" if home.name == stem else f"{stem}_calibration"
    return home / f"{name}.yaml"

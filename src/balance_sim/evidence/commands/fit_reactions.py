"""`balance-sim evidence fit DATA --reactions` and `--hostility`: what states did after
uses of force, and how likely force is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.threads import use_one_thread

FIRST_YEAR, LAST_YEAR = 1946, 2003
FORECAST_FROM = 13
"""Years at the end of the period that a fit of hostility forecasts."""


def fit_reactions(data: Path, given: Mapping[str, Any], out: Path) -> None:
    """Measure elasticities in alarm, write them and print them. given: the command's
    options."""
    use_one_thread()
    from balance_sim.evidence.estimation.parameter_files import fitted_text
    from balance_sim.evidence.reactions.measure import measure_reactions
    from balance_sim.evidence.reactions.record import load_reactions
    from balance_sim.evidence.reactions.report import (
        REACTIONS_HEAD,
        reaction_lines,
        reactions_record,
    )
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    placebos = given["permutations"]
    with Steps({"reading": 8.0, "reactions": 30.0 + 3.0 * placebos}) as steps:
        steps.begin("reading")
        record = load_reactions(data, *_years(given))
        steps.begin("reactions")
        say = steps.counter("reactions")
        reactions = measure_reactions(
            record, placebos, given["seed"], lambda done: say(done, placebos)
        )
    written = reactions_record(record, reactions, options.command_line(), version())
    write_atomic(out, fitted_text(written, REACTIONS_HEAD).encode())

    def lines() -> Iterator[str]:
        yield from reaction_lines(record, reactions)
        yield f"wrote {out}"

    options.answer(written, lines, indent=1)


def fit_hostility(data: Path, given: Mapping[str, Any], out: Path) -> None:
    """Fit the logit of uses of force, write it and print it. given: the command's
    options."""
    use_one_thread()
    from balance_sim.evidence.estimation.parameter_files import fitted_text
    from balance_sim.evidence.reactions.hostility import (
        fit_hostility,
        hostility_rows,
        model_calibration,
        out_of_time,
    )
    from balance_sim.evidence.reactions.record import load_reactions
    from balance_sim.evidence.reactions.report import (
        HOSTILITY_HEAD,
        hostility_lines,
        hostility_record,
    )
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    with Steps({"reading": 8.0, "hostility": 20.0}) as steps:
        steps.begin("reading")
        record = load_reactions(data, *_years(given))
        steps.begin("hostility")
        rows, past = hostility_rows(record), _years(given)[1] - FORECAST_FROM
        parts = (
            fit_hostility(rows),
            out_of_time(rows, past),
            model_calibration(record, past + 1),
        )
    written = hostility_record(record, *parts, options.command_line(), version())
    write_atomic(out, fitted_text(written, HOSTILITY_HEAD).encode())

    def lines() -> Iterator[str]:
        yield from hostility_lines(*parts, past)
        yield f"wrote {out}"

    options.answer(written, lines, indent=1)


def _years(given: Mapping[str, Any]) -> tuple[int, int]:
    """Return first and last year: those given, else all that the sources share."""
    first = FIRST_YEAR if given["first"] is None else given["first"]
    return first, LAST_YEAR if given["last"] is None else given["last"]

"""`balance-sim evidence fit DATA --events`: multipliers of the weights of events from
dyadic event data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.threads import use_one_thread


def fit_events(data: Path, given: Mapping[str, Any], out: Path) -> None:
    """Fit the weights of events, write them and print them. given: the command's
    options."""
    use_one_thread()
    from balance_sim.evidence.estimation.parameter_files import fitted_text
    from balance_sim.evidence.events.lines import event_lines
    from balance_sim.evidence.events.load import load_events
    from balance_sim.evidence.events.measurement import measure
    from balance_sim.evidence.events.report import (
        HEAD,
        events_record,
        half_lives,
    )
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.machine import version

    permutations = given["permutations"]
    seconds = {"reading": 8.0, "estimates": 4 + 0.2 * permutations, "half-lives": 5.0}
    with Steps(seconds) as steps:
        steps.begin("reading")
        loaded = load_events(data, given["first"], given["last"], given["acts"])
        steps.begin("estimates")
        say = partial(steps.counter("permutations"), wanted=permutations)
        weights = measure(loaded.study, permutations, given["seed"], say)
        steps.begin("half-lives")
        halves = half_lives(loaded.study, weights.rho)
    command = options.command_line()
    record = events_record(loaded, weights, halves, command, version())
    write_atomic(out, fitted_text(record, HEAD).encode())

    def lines() -> Iterator[str]:
        yield from event_lines(loaded, weights, halves)
        yield f"wrote {out}"

    options.answer(record, lines, indent=1)

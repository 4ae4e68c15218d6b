"""`balance-sim evidence posterior SCENARIO`: joint draws of its parameters, written
beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.threads import use_one_thread
from balance_sim.show.wording import wrapped

DRAWS, SEED = 2000, 1


@click.command()
@click.argument("scenario")
@click.option(
    "--draws",
    type=click.IntRange(2, 100_000),
    default=DRAWS,
    show_default=True,
    help="Joint draws.",
)
@click.option(
    "--seed", type=options.SEED, default=SEED, show_default=True, help="Random numbers."
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder to write to  [default: the scenario's folder of tables; here for a "
    "shipped one]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Processes, for the headline effect of every draw.",
)
@options.json_option
def posterior(
    scenario: str, draws: int, seed: int, out: Path | None, workers: int
) -> None:
    """Draw SCENARIO's parameters from their posterior, and write the draws to a table
    that it names by `posterior:`.

    It combines the priors, the record of agreements, the scenario's own record where it
    is calibrated, and event data. It also works out the headline effect of every draw,
    and of as many draws of the prior, which takes minutes. posterior.csv.gz holds the
    draws, a line for each key path; posterior.yaml says how they were made and which
    parameters data inform. Written again, they have the same bytes."""
    use_one_thread()
    from balance_sim.evidence.forecast.theories import theory_scores_beside
    from balance_sim.evidence.posterior import files, power_scaling
    from balance_sim.evidence.posterior.joint import posterior_of
    from balance_sim.evidence.posterior.uncertainty import (
        finding,
        stored_record,
        uncertainty,
    )
    from balance_sim.scenario import load_scenario
    from balance_sim.scenario.diagnostics import Diagnostics
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import read_files
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.draws import draws_bytes

    loaded = load_scenario(scenario, drawn=False)
    options.require_package("sklearn")
    uncalibrated = load_scenario(scenario, calibrated=False)
    sources = Sources(scenario)
    path, folder = sources.path, out or sources.home()
    command = f"balance-sim evidence posterior {path.parent.name}/{path.name}"
    command += f" --draws {draws}" if draws != DRAWS else ""
    command += f" --seed {seed}" if seed != SEED else ""
    names = ("record of agreements", "the scenario's own record", "draws")
    with Steps(names) as steps:
        joint, origin = posterior_of(loaded, uncalibrated, draws, seed, steps.begin)
        as_written = read_files(Sources(scenario), Diagnostics(), calibrated=False)
        values = files.values_in_use(as_written, joint)
        head = files.posterior_head(loaded, joint, values, command) | origin
        in_use = files.at_values_in_use(loaded, values)
        steps.begin("draws")
        effect = uncertainty(
            in_use,
            draws=draws,
            workers=workers,
            posterior=joint,
            scores=theory_scores_beside(uncalibrated, path.with_suffix("")),
            with_placebos=True,
            progress=steps.counter("draws"),
        )
    head["headline"] = stored_record(in_use, effect)
    folder.mkdir(parents=True, exist_ok=True)
    head_file = folder / "posterior.yaml"
    write_atomic(folder / files.TABLE, draws_bytes(joint))
    write_atomic(head_file, files.head_text(head).encode("utf-8"))
    words = Counter(finding for finding, *_ in head["informed"].values())
    counts = {finding: words[finding] for finding in power_scaling.FINDINGS}
    document: dict[str, Any] = {"file": str(head_file)}
    by_parameter = ("informed", "values")
    document |= {key: head[key] for key in head if key not in by_parameter}
    document["parameters"] = counts

    def error_words(method: dict[str, Any]) -> str:
        """How far surrogates are off where the posterior lies."""
        records = {
            "the record of agreements": method["record_of_agreements"],
            "the scenario's own record": method.get("own_record"),
        }
        errors = [
            f"{record['error']:.2f} nats for {name} ({record['evaluations']} "
            "evaluations)"
            for name, record in records.items()
            if record
        ]
        return (
            "At fresh draws of the posterior the surrogate misses the log-likelihood "
            f"by {' and '.join(errors)}, root mean square."
        )

    def lines() -> Iterator[str]:
        method = head["method"]
        findings = ", ".join(f"{count} {finding}" for finding, count in counts.items())
        trust = "" if method["pareto_k"] < method["trusted_below"] else "not "
        is_inside = folder.is_relative_to(path.parent)
        named = head_file.relative_to(path.parent) if is_inside else head_file
        paragraphs = [
            f"{draws:,} joint draws of {len(joint.paths)} parameters from their "
            f"posterior: {findings} (what is believed of a prior-dominated one is all "
            "but its prior; of one that is not evaluated it is its prior).",
            error_words(method),
            *(finding(in_use, effect) if effect["arm"] else []),
            f"The importance weights are {trust}to be trusted: Pareto k "
            f"{method['pareto_k']:.2f} (trusted below {method['trusted_below']:.2f}).",
            f"wrote {folder / files.TABLE} and its head; the scenario names it by "
            f"`posterior: {named}`",
            f"next, once it does: balance-sim parameters {scenario}; "
            f"balance-sim run {scenario} --draws posterior",
        ]
        for paragraph in filter(None, paragraphs):
            yield from wrapped(paragraph, "")

    options.answer(document, lines, indent=1)

"""`balance-sim evidence posterior SCENARIO`: joint draws of its parameters, written
beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.threads import use_one_thread
from balance_sim.show.wording import wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.posterior.joint import JointPosterior

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
    "--headline/--no-headline",
    default=True,
    help="Also work out the headline effect of every draw, and of as many of the "
    "prior. Minutes.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Processes, for that.",
)
@options.json_option
def posterior(
    scenario: str, draws: int, seed: int, out: Path | None, headline: bool, workers: int
) -> None:
    """Draw SCENARIO's parameters from their posterior, and write the draws to a table
    that it names by `posterior:`.

    From the priors, the record of agreements, the scenario's own record where it is
    calibrated, and event data. posterior.csv.gz holds the draws, a line a key path,
    posterior.yaml how they were made and which parameters data inform. The same bytes
    whenever it is written."""
    use_one_thread()
    from balance_sim.evidence.forecast.theories import stacking_weights_beside
    from balance_sim.evidence.posterior.files import TABLE, head_text, posterior_head
    from balance_sim.evidence.posterior.joint import posterior_of
    from balance_sim.evidence.posterior.lines import draws_sentence
    from balance_sim.evidence.posterior.uncertainty import (
        stored_record,
        uncertainty,
    )
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.draws import draws_bytes
    from balance_sim.study.machine import version

    loaded = load_scenario(scenario, drawn=False)
    uncalibrated = load_scenario(scenario, calibrated=False)
    sources = Sources(scenario)
    folder = out or sources.home()
    seconds = {"record of agreements": 5.0, "the scenario's own record": 60.0}
    if headline:
        seconds["draws"] = 0.1 * draws
    doubt = None
    with Steps(seconds) as steps:
        joint = posterior_of(loaded, uncalibrated, draws, seed, steps.begin)
        command = _command(sources.path, draws, seed)
        head = posterior_head(loaded, joint, command, version())
        if headline:
            steps.begin("draws")
            home = sources.path.with_suffix("")
            doubt = uncertainty(
                loaded,
                draws=draws,
                workers=workers,
                posterior=joint.draws,
                weights=stacking_weights_beside(uncalibrated, home),
                with_placebos=True,
                progress=steps.counter("draws"),
            )
            head["headline"] = stored_record(loaded, doubt)
    folder.mkdir(parents=True, exist_ok=True)
    head_file = folder / "posterior.yaml"
    write_atomic(folder / TABLE, draws_bytes(joint.draws))
    write_atomic(head_file, head_text(head).encode("utf-8"))
    counts = _counts(joint)
    document: dict[str, Any] = {"file": str(head_file)}
    document |= {key: value for key, value in head.items() if key != "informed"}
    document["parameters"] = counts

    def lines() -> Iterator[str]:
        is_inside = folder.is_relative_to(sources.path.parent)
        named = head_file.relative_to(sources.path.parent) if is_inside else head_file
        paragraphs = [
            _counts_sentence(joint, counts),
            draws_sentence(doubt),
            *_reliability_sentences(joint),
            f"wrote {folder / TABLE} and its head; the scenario names it by "
            f"`posterior: {named}`",
            f"next, once it does: balance-sim parameters {scenario}; "
            f"balance-sim run {scenario} --draws posterior",
        ]
        for paragraph in filter(None, paragraphs):
            yield from wrapped(paragraph, "")

    options.answer(document, lines, indent=1)


def _command(path: Path, draws: int, seed: int) -> str:
    """The command line that draws the same again, without options at their default."""
    words = ["balance-sim evidence posterior", f"{path.parent.name}/{path.name}"]
    if draws != DRAWS:
        words += ["--draws", str(draws)]
    if seed != SEED:
        words += ["--seed", str(seed)]
    return " ".join(words)


def _counts(joint: JointPosterior) -> dict[str, int]:
    """The number of parameters by what power scaling finds of them."""
    from balance_sim.evidence.posterior.power_scaling import FINDINGS

    counts = Counter(scaling.word for scaling in joint.scaling.values())
    return {finding: counts[finding] for finding in FINDINGS}


def _counts_sentence(joint: JointPosterior, counts: dict[str, int]) -> str:
    from balance_sim.evidence.posterior.power_scaling import (
        IN_CONFLICT,
        INFORMED,
        PRIOR_DOMINATED,
    )

    return (
        f"{len(joint.draws):,} joint draws of {len(joint.draws.paths)} parameters from "
        f"their posterior: data inform {counts[INFORMED]}, {counts[PRIOR_DOMINATED]} "
        "are prior-dominated (what is believed of them is the prior), "
        f"{counts[IN_CONFLICT]} are in conflict with their prior."
    )


def _reliability_sentences(joint: JointPosterior) -> Iterator[str]:
    """How far the importance weights, and the surrogate of the own record, hold."""
    is_trusted = joint.pareto_k < joint.trusted
    yield (
        f"The importance weights are {'' if is_trusted else 'not '}to be trusted: "
        f"Pareto k {joint.pareto_k:.2f} (trusted below {joint.trusted:.2f}); they are "
        f"worth {joint.effective:,.0f} independent draws."
    )
    if joint.checked is not None:
        error, deviation = joint.checked
        yield (
            "The scenario's own record is read through a surrogate of its "
            f"log-likelihood, off by {error:.2f} nats (root mean square) at points "
            f"left out, which spread by {deviation:.2f}."
        )

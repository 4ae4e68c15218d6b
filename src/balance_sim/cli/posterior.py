"""`balance-sim posterior SCENARIO`: joint draws of its parameters, written beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.show.terminal import wrapped
from balance_sim.show.uncertainty import draws_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command()
@click.argument("scenario")
@click.option("--draws", type=click.IntRange(2, 100_000), default=2000, show_default=True, help="Joint draws.")
@click.option("--seed", type=options.SEED, default=1, show_default=True, help="Random numbers.")
@click.option(
    "--out", type=options.FOLDER,
    help="Folder to write to  [default: the scenario's folder of tables; here for a shipped one]",
)  # fmt: skip
@click.option(
    "--headline/--no-headline", default=True,
    help="Also work out the headline effect of every draw, and of as many of the prior. Minutes.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes, for that.")
@options.json_option
def posterior(scenario: str, draws: int, seed: int, out: Path | None, headline: bool, workers: int) -> None:
    """Draw SCENARIO's parameters from their posterior, and write the draws to a table that it names by `posterior:`.

    From the priors, the record of agreements, the scenario's own record where it is calibrated, and event data; draws
    under which the start of the control arm is not credible are ruled out. posterior.csv.gz holds the draws, a line a
    key path, posterior.yaml how they were made and which parameters data inform. The same bytes whenever it is
    written."""
    from balance_sim.cli.fit import one_thread

    one_thread()
    from balance_sim.analysis.effect_draws import to_keep, uncertainty
    from balance_sim.cli.progress import Steps
    from balance_sim.evidence.forecast.theories import stacking_weights_beside
    from balance_sim.evidence.posterior.files import TABLE, head_text, posterior_head
    from balance_sim.evidence.posterior.joint import posterior_of
    from balance_sim.pool.atomic import write_atomic
    from balance_sim.replications.parameter_draws import draws_bytes
    from balance_sim.results.folder import version
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.stats.power_scaling import IN_CONFLICT, INFORMED, PRIOR_DOMINATED

    loaded, raw = load_scenario(scenario, drawn=False), load_scenario(scenario, calibrated=False)
    sources = Sources(scenario)
    path, folder = sources.path, out or sources.home()
    told = ["balance-sim", "posterior", f"{path.parent.name}/{path.name}"]
    told += ["--draws", str(draws)] if draws != 2000 else []
    told += ["--seed", str(seed)] if seed != 1 else []
    plan = {"record of agreements": 5.0, "the scenario's own record": 60.0, "history matching": 30.0}
    doubt = None
    with Steps(plan | ({"draws": 0.1 * draws} if headline else {})) as steps:
        found = posterior_of(loaded, raw, draws, seed, say=steps.begin)
        head = posterior_head(loaded, found, " ".join(told), version())
        if headline:
            steps.begin("draws")
            weights = stacking_weights_beside(raw, path.with_suffix(""))
            doubt = uncertainty(
                loaded, draws=draws, workers=workers, posterior=found.draws, weights=weights, with_placebos=True,
                progress=steps.of("draws"),
            )  # fmt: skip
            head["headline"] = to_keep(loaded, doubt)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "posterior.yaml"
    write_atomic(folder / TABLE, draws_bytes(found.draws))
    write_atomic(file, head_text(head).encode("utf-8"))
    words = [one.word for one in found.scaling.values()]
    counts = {word: words.count(word) for word in (INFORMED, PRIOR_DOMINATED, IN_CONFLICT)}
    document = {"file": str(file), **{k: v for k, v in head.items() if k != "informed"}, "parameters": counts}

    def lines() -> Iterator[str]:
        told = [
            f"{len(found.draws):,} joint draws of {len(found.draws.paths)} parameters from their posterior: data "
            f"inform {counts[INFORMED]}, {counts[PRIOR_DOMINATED]} are prior-dominated (what is believed of them is "
            f"the prior), {counts[IN_CONFLICT]} are in conflict with their prior.",
            draws_sentence(doubt),
            f"The importance weights are {'' if found.pareto_k < found.trusted else 'not '}to be trusted: Pareto k "
            f"{found.pareto_k:.2f} (trusted below {found.trusted:.2f}); they are worth {found.effective:,.0f} "
            "independent draws.",
        ]
        if found.checked is not None:
            told.append(
                f"The scenario's own record is read through a surrogate of its log-likelihood, off by "
                f"{found.checked[0]:.2f} nats (root mean square) at points left out, which spread by "
                f"{found.checked[1]:.2f}."
            )
        name = file.relative_to(path.parent) if folder.is_relative_to(path.parent) else file
        told += [
            f"History matching ruled out {found.ruled_out:,} draws under which the start of the control arm is not "
            "credible.",
            f"wrote {folder / TABLE} and its head; the scenario names it by `posterior: {name}`",
            f"next, once it does: balance-sim parameters {scenario}; balance-sim run {scenario} --draws posterior",
        ]
        yield from (line for one in told if one for line in wrapped(one, ""))

    options.answer(document, lines, indent=1)

"""`balance-sim evidence hindcast EXPERIMENT`: fit on the past, forecast the years after, score
against what happened.

`balance-sim evidence posterior SCENARIO`: joint draws of its parameters, written beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.forecast.lines import (
    agreement_lines,
    detectable_lines,
    gain_lines,
)
from balance_sim.evidence.goodness.command import write_study
from balance_sim.evidence.posterior.lines import draws_sentence
from balance_sim.show.wording import plural, printable, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.hindcast import Hindcast


@click.command()
@click.argument("experiment", type=options.PATH)
@click.option(
    "--data",
    type=options.PATH,
    required=True,
    help="Folder with the field's data files.",
)
@click.option(
    "--outcomes",
    type=options.PATH,
    help="Agreements of the years forecast, in DCAD's columns or the generic ones, if DATA lacks them.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100_000),
    help="Replications forward  [default: as in EXPERIMENT]",
)
@click.option("--seed", type=options.SHORT_SEED, help="[default: as in EXPERIMENT]")
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/<experiment>-<key>]",
)
@options.figures_option
@options.verbose_option
@options.json_option
def hindcast(
    experiment: Path,
    data: Path,
    outcomes: Path | None,
    runs: int | None,
    seed: int | None,
    out: Path | None,
    figures: bool,
    verbose: bool,
) -> None:
    """Fit the model up to a year, forecast the years after, and score it beside five
    baselines.

    Two forecasts: one year ahead with the history known, and run forward from the last
    year of the fit. Scores, figures and the report go into the results folder.
    EXPERIMENT: see experiments/hindcast_dcad.yaml and docs/evidence.md."""
    from balance_sim.evidence.estimation.parameter_files import data_used
    from balance_sim.evidence.forecast.hindcast import (
        STEPS,
        hindcast_of,
        read_hindcast_plan,
        read_history,
    )
    from balance_sim.evidence.forecast.score import FILE
    from balance_sim.study.folder import version

    plan = read_hindcast_plan(experiment)
    asked = {"runs": runs or plan.runs, "seed": plan.seed if seed is None else seed}
    plan = plan.model_copy(update=asked)
    each = (1.0, 3.0, 60.0, 2.0, 2.0 + 0.05 * plan.runs * (plan.until - plan.last), 1.0)
    seconds = zip(("reading", *STEPS), each, strict=True)
    told = {name: one * (plan.until - plan.first + 1) / 10 for name, one in seconds}
    with Steps(told | ({"figures": 5.0} if figures else {})) as steps:
        steps.begin("reading")
        history = read_history(plan, data, outcomes)
        about = json.loads(
            json.dumps({"plan": plan.model_dump(), "data": data_used(history)})
        )
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        folder = out or Path("results") / f"{experiment.stem}-{key[:8]}"
        with held(folder, about):
            found = hindcast_of(plan, history, steps.begin)
            record = found.as_dict()
            record["about"] |= {"version": version(), "command": options.command_line()}
            if figures:
                steps.begin("figures")
            keep(record, folder, figures=figures)
    wrote = f"wrote {folder}/{FILE}" + ", figures and report.html" * figures
    options.answer(record, lambda: [*_lines(found, verbose=verbose), wrote], indent=1)


@contextmanager
def held(folder: Path, about: dict[str, Any]) -> Iterator[None]:
    """The folder, made if need be, is ours to write for as long as this lasts.

    Raises FolderBusy, CannotWrite, and WrongRequest if it holds another study or a
    hindcast of another plan or data."""
    from balance_sim.study.store import Store

    _refuse_other(folder, about)
    with Store(folder).lock(places=()):
        _refuse_other(folder, about)
        yield


def _refuse_other(folder: Path, about: dict[str, Any]) -> None:
    """Raise WrongRequest if the folder holds another study, or a hindcast with other
    values of these keys."""
    from balance_sim.evidence.forecast.score import FILE, read_scored_forecasts
    from balance_sim.scenario.errors import WrongRequest
    from balance_sim.study.folder import refuse_strange

    refuse_strange(folder, (FILE,))
    if (folder / "manifest.json").exists():
        raise WrongRequest(
            f"{folder} holds results of another kind: choose another --out"
        )
    if not (folder / FILE).exists():
        return
    there = read_scored_forecasts(folder / FILE).about
    other = [name for name, value in about.items() if there.get(name) != value]
    if other:
        raise WrongRequest(
            f"{folder} holds a hindcast with another {' and '.join(other)}: choose another --out"
        )


def keep(record: dict[str, Any], folder: Path, *, figures: bool) -> None:
    """The scores, and figures and report of them, into a folder that is held. Raises
    CannotWrite."""
    from balance_sim.evidence.forecast.score import FILE, read_scored_forecasts

    text = json.dumps(json.loads(json.dumps(record)), indent=1, allow_nan=False) + "\n"
    write_study(folder, FILE, text, read_scored_forecasts if figures else None)


def _lines(found: Hindcast, *, verbose: bool) -> Iterator[str]:
    """What was forecast from what; of both ways the model beside the best baseline,
    then every forecast."""
    plan = found.plan
    first, last = found.fit.years
    yield from wrapped(printable(plan.title), "") if plan.title else ()
    yield from wrapped(
        f"Fitted on {found.fit.agreements:,} agreements of {first}-{last}, forecast {plan.last + 1}-{plan.until}. "
        "Skills are over the base rate (0: no better, 1: perfect), CIs resample dyads.",
        "",
    )
    for way, scores in found.scores.items():
        one = scores["model"]
        head = "One year ahead, with the history known"
        if way == "simulated_forward":
            head = f"Simulated forward from {plan.last} in {plural(plan.runs, 'replication')}"
        yield from [
            "",
            *wrapped(
                f"{head}: {one.n:,} dyad-years, {one.events:,} with an agreement", ""
            ),
        ]
        yield from [
            *gain_lines(scores),
            *detectable_lines(one),
            *agreement_lines(scores),
        ]
        yield from _details(found, way) if verbose else ()
    yield ""
    if verbose:
        yield from (line for note in found.notes for line in wrapped(f"note: {note}"))
    else:
        notes = f" and {plural(len(found.notes), 'note')}" if found.notes else ""
        yield f"--verbose prints how the model follows the years{notes}."


def _details(found: Hindcast, way: str) -> Iterator[str]:
    """How the model follows states and dyads over the years."""
    plan = found.plan
    if way == "simulated_forward":
        if plan.drift and plan.persistence < 1:
            yield f"random intercepts of states persist by {plan.persistence:g} a year"
        return
    if plan.refit == "yearly":
        yield "model and baselines are fitted anew for each year ahead"
    if found.as_fitted is None:
        return
    if plan.drift:
        frailties = f", dyad frailties with variance {plan.pair_variance:g}" * (
            plan.pair_variance > 0
        )
        yield from wrapped(
            f"model: random intercepts and level follow the years, memory {found.memory:g}{frailties}"
        )
    skills = found.as_fitted.log_skill.value, found.as_fitted.brier_skill.value
    yield f"model left as fitted: log skill {skills[0]:.4f}, Brier skill {skills[1]:.4f}"


@click.command()
@click.argument("scenario")
@click.option(
    "--draws",
    type=click.IntRange(2, 100_000),
    default=2000,
    show_default=True,
    help="Joint draws.",
)
@click.option(
    "--seed", type=options.SEED, default=1, show_default=True, help="Random numbers."
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder to write to  [default: the scenario's folder of tables; here for a shipped one]",
)
@click.option(
    "--headline/--no-headline",
    default=True,
    help="Also work out the headline effect of every draw, and of as many of the prior. Minutes.",
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
    calibrated, and event data; draws under which the start of the control arm is not
    credible are ruled out. posterior.csv.gz holds the draws, a line a key path,
    posterior.yaml how they were made and which parameters data inform. The same bytes
    whenever it is written."""
    from balance_sim.evidence.estimation.command import one_thread

    one_thread()
    from balance_sim.cli.progress import Steps
    from balance_sim.evidence.forecast.theories import stacking_weights_beside
    from balance_sim.evidence.posterior.effect_draws import to_keep, uncertainty
    from balance_sim.evidence.posterior.files import TABLE, head_text, posterior_head
    from balance_sim.evidence.posterior.joint import posterior_of
    from balance_sim.evidence.posterior.statistics import (
        IN_CONFLICT,
        INFORMED,
        PRIOR_DOMINATED,
    )
    from balance_sim.scenario.files import Sources
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.atomic_files import write_atomic
    from balance_sim.study.draws import draws_bytes
    from balance_sim.study.folder import version

    loaded, raw = (
        load_scenario(scenario, drawn=False),
        load_scenario(scenario, calibrated=False),
    )
    sources = Sources(scenario)
    path, folder = sources.path, out or sources.home()
    told = ["balance-sim", "posterior", f"{path.parent.name}/{path.name}"]
    told += ["--draws", str(draws)] if draws != 2000 else []
    told += ["--seed", str(seed)] if seed != 1 else []
    plan = {
        "record of agreements": 5.0,
        "the scenario's own record": 60.0,
        "history matching": 30.0,
    }
    doubt = None
    with Steps(plan | ({"draws": 0.1 * draws} if headline else {})) as steps:
        found = posterior_of(loaded, raw, draws, seed, say=steps.begin)
        head = posterior_head(loaded, found, " ".join(told), version())
        if headline:
            steps.begin("draws")
            weights = stacking_weights_beside(raw, path.with_suffix(""))
            doubt = uncertainty(
                loaded,
                draws=draws,
                workers=workers,
                posterior=found.draws,
                weights=weights,
                with_placebos=True,
                progress=steps.of("draws"),
            )
            head["headline"] = to_keep(loaded, doubt)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "posterior.yaml"
    write_atomic(folder / TABLE, draws_bytes(found.draws))
    write_atomic(file, head_text(head).encode("utf-8"))
    words = [one.word for one in found.scaling.values()]
    counts = {
        word: words.count(word) for word in (INFORMED, PRIOR_DOMINATED, IN_CONFLICT)
    }
    document = {
        "file": str(file),
        **{k: v for k, v in head.items() if k != "informed"},
        "parameters": counts,
    }

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
        name = (
            file.relative_to(path.parent)
            if folder.is_relative_to(path.parent)
            else file
        )
        told += [
            f"History matching ruled out {found.ruled_out:,} draws under which the start of the control arm is not "
            "credible.",
            f"wrote {folder / TABLE} and its head; the scenario names it by `posterior: {name}`",
            f"next, once it does: balance-sim parameters {scenario}; balance-sim run {scenario} --draws posterior",
        ]
        yield from (line for one in told if one for line in wrapped(one, ""))

    options.answer(document, lines, indent=1)

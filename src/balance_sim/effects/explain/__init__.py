"""Why: the terms of an agreement, one run told in order, and through which terms an
effect goes.

explain.json in the results folder keeps what was explained last, for the report and the
figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.model.core import Keys
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.files import FileTooLarge, bytes_if_any
from balance_sim.study.manifest import too_large
from balance_sim.study.result import Result
from balance_sim.study.shards import is_changed, note_drawn
from balance_sim.study.store import Store

if TYPE_CHECKING:
    from balance_sim.effects.explain.attribution import Attribution
    from balance_sim.effects.explain.pairs import DyadTerms
    from balance_sim.effects.explain.timeline import Timeline

FILE = "explain.json"
LARGEST = 256 << 20  # bytes that are read at most


def explain(
    result: Result,
    dyad: str | None = None,
    run: int | None = None,
    *,
    arm: str | None = None,
    runs: int | None = None,
    workers: int = 1,
    model: str | None = None,
) -> Attribution | DyadTerms | Timeline:
    """Why: which terms an effect goes through, what moved a dyad, or one replication
    told in order.

    Parameters
    ----------
    result : of `run` or `open_result`
    dyad : two codes, as `JPN-AUS`: the terms of its willingness in both arms
    run : number of a replication: what happened in it, day by day; with `dyad`, its
        terms there
    arm : the headline arm if not given
    runs : replications attributed, up to 400 if not given; or that a dyad is averaged
        over, 64
    workers : processes, of the attribution
    model : `module:Class` of agents that decided in a study read from its folder: their
        code runs

    Returns
    -------
    Attribution, DyadTerms or Timeline
        each has a frame, `table`, and the document of `explain --json`, `summary()`

    Raises
    ------
    WrongRequest : for an arm, dyad or replication that the study does not have, or
        agents that cannot be explained
    StoreDamaged : where replications come out otherwise than in the folder

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/what_if.yaml")
    >>> result = bs.run(scenario, runs=8, seed=1)
    >>> bs.explain(result).table["group"].tolist()
    ['gain', 'hostility', 'network', 'retaliation', 'patron', 'outside', 'feedback',
    'effect']
    >>> bs.explain(result, "XCO-XDO")
    <DyadTerms of XCO and XDO, defence_cooperation: summit beside no_summit>
    """
    from balance_sim.effects.explain.attribution import attribute
    from balance_sim.effects.explain.pairs import explain_dyads
    from balance_sim.effects.explain.timeline import tell

    explainable(result, model)
    if dyad is not None:
        states = [part.strip().upper() for part in dyad.split("-")]
        if len(states) != 2:
            raise WrongRequest(f"dyad takes two codes, as in JPN-AUS, got `{dyad}`")
        pairs = [(states[0], states[1])]
        return explain_dyads(result, pairs, arm=arm, runs=runs, run=run)[0]
    if run is not None:
        return tell(result, run, arm)
    return attribute(result, arm, runs=runs, workers=workers)


def explained(folder: Path) -> dict[str, Any]:
    """The document of a results folder (docs/explain.md); empty where nothing was
    explained, or it cannot be read."""
    path = folder / FILE
    try:
        document = json.loads(bytes_if_any(path, LARGEST) or b"")
    except FileTooLarge as error:
        advice = "remove it: `explain` writes it again"
        raise too_large(path, error, advice) from None
    except (ValueError, RecursionError):
        return {}
    if is_changed(path):
        raise StoreDamaged(
            f"{path} is not as `explain` writes it: delete it, or explain again."
        )
    return dict(document) if isinstance(document, dict) else {}


def keep(result: Result, parts: dict[str, Any]) -> None:
    """Lay new parts over the folder's document, if there is a folder, and write it.

    What speaks of other runs is dropped; `pairs` and `timelines` are added to those
    there; anything else replaces."""
    if result.folder is None:
        return
    study = {"runs": result.runs, "seed": result.seed, "digest": result.digest}
    with Store(result.folder).lock() as store:
        stored = {} if is_changed(result.folder / FILE) else explained(result.folder)
        if any(stored.get(key) != value for key, value in study.items()):
            stored = {}
        document = stored | study | parts
        for key in ("pairs", "timelines"):
            if key in parts:
                document[key] = stored.get(key, {}) | parts[key]
        text = json.dumps(document, indent=1, allow_nan=False)
        store.write_text(FILE, text + "\n")
        note_drawn(store.folder, [store.folder / FILE])


def explainable(result: Result, model: str | None = None) -> None:
    """Raises WrongRequest where agents decided whose code may not run, or decides by no
    willingness."""
    from balance_sim.effects.explain.agents import decides_by_willingness

    if result.model is None:
        return
    if result.folder is not None and model != result.model:
        raise WrongRequest(
            f"{result.folder} was run with agents of another class: --model "
            f"{result.model} allows their code to run"
        )
    decides_by_willingness(result.model)


def other_replications(result: Result, what: str) -> StoreDamaged:
    """The error for a run that is not what the folder holds."""
    return StoreDamaged(
        f"{what}. They were made by version {result.version} or on another type of "
        "CPU; run the scenario again into a new folder."
    )


def compared_arm(result: Result, arm: str | None) -> str:
    """The arm to explain: the one given, or the headline arm. Raises WrongRequest."""
    arm = result.headline_arm if arm is None else arm
    if arm is None or arm == result.reference:
        others = ", ".join(result.arms[1:]) or "none was run"
        raise WrongRequest(
            f"there is nothing to compare {result.reference} with; other arms: {others}"
        )
    if arm not in result.arms:
        raise WrongRequest(
            f"unknown arm `{arm}`; the study has: {', '.join(result.arms)}"
        )
    return arm


def run_numbers(result: Result, runs: int, run: int | None = None) -> Keys:
    """The first `runs` finished runs, or the one asked for. Raises WrongRequest."""
    finished = np.unique(result.outcomes["run"].to_numpy()).astype(np.uint64)
    if not len(finished):
        raise WrongRequest("no run finished, so there is nothing to explain")
    if run is None:
        return finished[:runs]
    if run not in finished:
        raise WrongRequest(
            f"run {run} is not among the finished runs, {finished[0]} to {finished[-1]}"
        )
    return np.array([run], dtype=np.uint64)

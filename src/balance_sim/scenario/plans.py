"""What kind of file a YAML file is, by its top-level keys; and plans (experiments,
hindcasts, cases, games) as pydantic models."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

from balance_sim.scenario.diagnostics import (
    Diagnostics,
    ScenarioError,
    in_order,
    refused,
    shown,
)
from balance_sim.scenario.documents import read_document, read_mapping
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.files import (
    EXPERIMENTS,
    GAMES,
    SCENARIOS,
    Sources,
    named_files,
    shipped_files,
)
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.validation import read_piece

Kind = Literal["scenario", "experiment", "game", "cases", "hindcast", "estimates"]


class FileKind(NamedTuple):
    """A kind of file: one of `keys` at the top level tells it; `description` in words;
    `command` takes it, or what to do with it, with `{}` for the file."""

    name: Kind
    keys: frozenset[str]
    description: str
    command: str


FILE_KINDS = (
    FileKind(
        "scenario", frozenset(["focal", "extends"]), "a scenario", "balance-sim run {}"
    ),
    FileKind(
        "cases",
        frozenset(["cases"]),
        "a plan of cases",
        "balance-sim evidence cases {}",
    ),
    FileKind(
        "hindcast",
        frozenset(["until", "window", "baselines", "ways"]),
        "the plan of a hindcast",
        "balance-sim evidence hindcast {} --data DIR",
    ),
    FileKind(
        "estimates",
        frozenset(["priors_sha256"]),
        "the head of draws that `balance-sim evidence posterior` wrote",
        "name it in a scenario, `posterior: {}`; `balance-sim run SCENARIO --draws "
        "posterior` draws from it",
    ),
    FileKind(
        "estimates",
        frozenset(["calibrated", "fitted"]),
        "a file of estimates that `balance-sim evidence` wrote",
        "name it in a scenario, `calibration: {}`, which every command then reads",
    ),
    FileKind(
        "estimates",
        frozenset(["origins"]),
        "the scores of theories that `balance-sim evidence calibrate` wrote",
        "leave {} in the folder of the scenario's tables; `balance-sim evidence "
        "posterior SCENARIO` reads it there",
    ),
    FileKind("game", frozenset(["players"]), "a game", "balance-sim game {}"),
    FileKind(
        "experiment",
        frozenset(["factors", "points", "scenario"]),
        "an experiment",
        "balance-sim sweep {}",
    ),
)
"""In the order in which they are tried: a game names a scenario too."""
SHOWN_KINDS: dict[Kind, str] = {
    "scenario": "Scenarios",
    "experiment": "Experiments",
    "cases": "Cases from history",
    "hindcast": "Hindcasts, data not shipped",
    "game": "Games",
}
"""What files that are found by name are called where they are listed, in this order."""


def file_kind(keys: Collection[str]) -> FileKind | None:
    """The kind of a file with these keys at its top level; None where none of them
    tells."""
    return next((kind for kind in FILE_KINDS if not kind.keys.isdisjoint(keys)), None)


def kind_of_file(path: str | os.PathLike[str]) -> FileKind | None:
    """What kind of file this is, by its top-level keys.

    path: of the file, or its name in one of the folders. None where nothing tells, or
    the file cannot be read: whoever reads it then says why."""
    try:
        tree, _ = read_document(Sources(path).main(), os.fspath(path))
    except ScenarioError:
        return None
    return file_kind(tree.fields)


def no_results(folder: Path) -> WrongRequest:
    """The fault of a folder without a manifest; of a file, or the name of one, what
    makes results of it."""
    name, kind = shown(str(folder), 200), None
    if not folder.is_dir():
        kind = kind_of_file(folder) or _kind_of_name(str(folder))
    if kind is not None:
        makes = kind.command.format(name)
        why = f"{name} is {kind.description}, and this reads results: give the folder "
        return WrongRequest(f"{why}that `{makes}` writes")
    return WrongRequest(
        f"{name} holds no results: give a folder that holds manifest.json"
    )


def _kind_of_name(name: str) -> FileKind | None:
    """The kind of file that commands find by this name."""
    kinds = {offer.kind for offer in offered_files() if offer.name == name}
    return next((kind for kind in FILE_KINDS if kind.name in kinds), None)


def refuse_other_kind(tree: Node, wanted: Kind, file: str) -> None:
    """Raises ScenarioError, with what takes it, where a file has no key that tells the
    kind that is wanted, and one that tells another."""
    kinds = {kind.name: kind for kind in FILE_KINDS}
    kind, meant = file_kind(tree.fields), kinds[wanted]
    if kind is None or not meant.keys.isdisjoint(tree.fields):
        return
    why = f"this is {kind.description}, not {meant.description}"
    raise refused(tree, "", "E012", why, kind.command.format(file))


class Offered(NamedTuple):
    """A file that commands find by its name: what it is, what takes it, and whether it
    comes with the package."""

    name: str
    kind: Kind
    title: str
    command: str
    path: str
    is_shipped: bool


def offered_files() -> list[Offered]:
    """Scenarios, experiments and games in the folders here and of the package, each
    name once and a file here first."""
    shipped_paths = {os.path.realpath(path) for _, path in shipped_files()}
    offers: dict[tuple[str, str], Offered] = {}
    for folder, path in [*named_files(Path()), *shipped_files()]:
        try:
            tree, _ = read_document(Sources(path).main(), str(path))
        except ScenarioError:
            continue
        kind, title = file_kind(tree.fields), tree.get("title")
        if kind is None or kind.name not in SHOWN_KINDS:
            continue
        offer = Offered(
            path.stem,
            kind.name,
            title.text if title else "",
            kind.command.format(path.stem),
            str(path),
            os.path.realpath(path) in shipped_paths,
        )
        offers.setdefault((folder.name, path.stem), offer)
    order = [*SHOWN_KINDS]
    return sorted(offers.values(), key=lambda offer: order.index(offer.kind))


# --- plans ----------------------------------------------------------------------------

FOLDER_OF: dict[str | None, Path] = {"experiment": EXPERIMENTS, "game": GAMES}
"""Where files of a kind lie that are given by their names, if not with scenarios."""


def opened(
    path: str | os.PathLike[str], kind: Kind | None = None
) -> tuple[Sources, Node, Diagnostics]:
    """A plan's file: its sources, its tree, and what is wrong with single values.

    Parameters
    ----------
    path : of the file
    kind : that it is to be, if its keys tell

    Raises
    ------
    ScenarioError : where it cannot be read, is no mapping, or of another kind
    """
    sources = Sources(path, FOLDER_OF.get(kind, SCENARIOS))
    problems = Diagnostics()
    tree = read_mapping(sources.main(), sources.shown, problems)
    if kind is not None:
        refuse_other_kind(tree, kind, sources.shown)
    return sources, tree, problems


def read_plan[Plan: Strict](
    model: type[Plan], path: str | os.PathLike[str], kind: Kind | None = None
) -> Plan:
    """The plan in a YAML file, as a pydantic model.

    Parameters
    ----------
    model : of the plan
    path : of the file
    kind : that it is to be, if its keys tell

    Raises
    ------
    ScenarioError : with everything that is wrong: file, line, column, key, value,
        bound, next step
    """
    sources, tree, problems = opened(path, kind)
    plan = read_piece(model, tree, "", problems)
    if plan is None or problems:
        raise ScenarioError(in_order(problems, sources.shown))
    return plan

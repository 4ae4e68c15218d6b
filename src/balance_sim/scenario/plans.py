"""What kind of file a YAML file is, by its top-level keys; and plans (experiments,
hindcasts, cases, games) as pydantic models."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from balance_sim.scenario.diagnostics import ScenarioError, in_order, refused
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import Sources, named_files, shipped_files
from balance_sim.scenario.nodes import Node, descend
from balance_sim.scenario.schema import Strict
from balance_sim.scenario.validation import read_piece

Kind = Literal[
    "scenario", "experiment", "game", "cases", "hindcast", "manifest", "summary"
]
PlanKind = Literal["cases", "hindcast"]


class FileKind(NamedTuple):
    """A kind of file: one of `keys` at the top level tells it; `description` in words;
    `command` takes it."""

    name: Kind
    keys: tuple[str, ...]
    description: str
    command: str


_SCENARIO = FileKind("scenario", ("focal", "extends"), "a scenario", "balance-sim run")
FILE_KINDS = (
    FileKind(
        "manifest",
        ("manifest_version",),
        "the manifest of a results folder",
        "balance-sim verify",
    ),
    FileKind(
        "summary", ("digest",), "the summary of a results folder", "balance-sim report"
    ),
    _SCENARIO,
    FileKind("cases", ("cases",), "a plan of cases", "balance-sim evidence cases"),
    FileKind(
        "hindcast",
        ("until", "window", "baselines", "ways"),
        "the plan of a hindcast",
        "balance-sim evidence hindcast --data DIR",
    ),
    FileKind("game", ("players",), "a game", "balance-sim game"),
    FileKind(
        "experiment",
        ("scenario", "factors", "points"),
        "an experiment",
        "balance-sim sweep",
    ),
    _SCENARIO._replace(keys=("states", "arms")),
)
"""In the order in which they are tried: `states` also stands in plans, `arms` in
experiments."""
SHOWN_KINDS: dict[Kind, str] = {
    "scenario": "Scenarios",
    "experiment": "Experiments",
    "cases": "Cases from history",
    "hindcast": "Hindcasts, data not shipped",
    "game": "Games",
}
"""What files that are found by name are called where they are listed, in this order."""
PLAN_COMMANDS: dict[PlanKind, str] = {
    "cases": "balance-sim evidence cases",
    "hindcast": "balance-sim evidence hindcast",
}


def file_kind(keys: Collection[str]) -> FileKind | None:
    """The kind of a file with these keys at its top level; None where none of them
    tells."""
    for kind in FILE_KINDS:
        is_whole_scenario = "states" in keys and "arms" in keys
        if not {*kind.keys}.isdisjoint(keys):
            return kind
        if kind is _SCENARIO and is_whole_scenario:
            return kind
    return None


def kind_of_file(path: str | os.PathLike[str]) -> FileKind | None:
    """What kind of file this is, by its top-level keys; None where nothing tells."""
    try:
        tree, _ = read_document(Sources(path).main(), os.fspath(path))
    except ScenarioError:
        return None
    return file_kind(tree.fields)


def plan_kind(path: str | os.PathLike[str]) -> PlanKind | None:
    """Which command a file is a plan of, by keys at its top level that no scenario has;
    None if of none."""
    kind = kind_of_file(path)
    names = [name for name in PLAN_COMMANDS if kind is not None and name == kind.name]
    return names[0] if names else None


def refuse_other_kind(tree: Node, wanted: Kind, file: str) -> None:
    """Raises ScenarioError, with what takes it, where a file is of another kind than
    `wanted`."""
    kind = file_kind(tree.fields)
    meant = next(kind for kind in FILE_KINDS if kind.name == wanted)
    if kind is None or kind.name == wanted:
        return
    of_sweeps = {"factors", "points", "design"}
    if (
        wanted == "game"
        and "scenario" in tree.fields
        and of_sweeps.isdisjoint(tree.fields)
    ):
        return  # a game names its scenario as experiments do
    if not {*meant.keys}.isdisjoint(tree.fields):
        return  # it is meant as this kind, with a key too many
    of_folder = kind.name in ("manifest", "summary")
    argument = (file.rpartition("/")[0] or ".") if of_folder else file
    why, hint = (
        f"this is {kind.description}, not {meant.description}",
        f"{kind.command} {argument}",
    )
    raise refused(tree, "", "E012", why, hint)


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
        program, command, *options = kind.command.split()
        if command == "evidence":
            command, *options = f"{command} {options[0]}", *options[1:]
        line = " ".join([program, command, path.stem, *options])
        is_shipped = os.path.realpath(path) in shipped_paths
        text = title.text if title is not None else ""
        offer = Offered(path.stem, kind.name, text, line, str(path), is_shipped)
        offers.setdefault((folder.name, path.stem), offer)
    order = [*SHOWN_KINDS]
    return sorted(offers.values(), key=lambda offer: order.index(offer.kind))


Refuse = Callable[..., None]
"""`refuse(key path, code, message, suggestion="", allowed="")`: what holds between the
keys of a plan, and does not."""


def read_plan[Plan: Strict](
    model: type[Plan],
    path: str | os.PathLike[str],
    kind: Kind,
    *,
    rules: Callable[[Plan, Refuse], None] | None = None,
    held: Mapping[str, bytes] | None = None,
) -> Plan:
    """The plan in a YAML file, as a pydantic model.

    rules: what must hold between its keys. held: files by name to read from instead of
    the disk. Raises ScenarioError with everything that is wrong: file, line, column,
    key, value, bound, next step."""
    sources = Sources(path, held)
    tree, problems = read_document(sources.main(), sources.shown)
    refuse_other_kind(tree, kind, sources.shown)
    plan = read_piece(model, tree, "", problems, folder=sources.path.parent)

    def refuse(
        key_path: str, code: str, message: str, suggestion: str = "", allowed: str = ""
    ) -> None:
        words = [part for part in re.split(r"[.\[\]]+", key_path) if part]
        steps = [int(part) if part.isdigit() else part for part in words]
        node = descend(tree, steps)
        problems.add(node, key_path, code, message, suggestion, allowed)

    if plan is not None and rules is not None:
        rules(plan, refuse)
    if plan is None or problems:
        raise ScenarioError(in_order(problems, sources.shown))
    return plan

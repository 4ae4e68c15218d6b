"""The calibration and the posterior that a scenario names, as `balance-sim evidence
calibrate` and `posterior` wrote them.

What a calibration holds goes where it would stand in a scenario: intercepts under
`kinds`, propensities in `states`, weights under `theory`, factors of dyads in
`frailties`. A value that the scenario's file gives itself stays. A file of another
record is refused. A posterior is the head of a table of joint draws;
`evidence/posterior/parameter_draws.py` reads the table when draws are asked for."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import Field

from balance_sim.scenario.defaults import DEFAULT_PRESET, default_tree, presets
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    errors_in,
    near_or,
    problem,
    shown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.schema import TERMS, Scenario, Strict
from balance_sim.scenario.validation import read_piece


class Calibrated(Strict):
    """What was calibrated, and how."""

    command: Any
    version: Any
    start: Any
    years: Any
    agreements: Any
    data_sha256: Any
    weights_sha256: Any
    form: Any


class Variances(Strict):
    """Of the random intercepts, of the dyads' factors and of the year's level."""

    states: Any
    declarations: Any
    covariance: Any
    dyads: Any
    level: Any


class Estimated(Strict):
    """A number and its standard error."""

    estimate: float
    standard_error: float


class EstimatedWeight(Estimated):
    """The weight of a term, and what it was before."""

    prior: float


class Covariance(Strict):
    """Key paths and their posterior covariance, row by row."""

    names: tuple[Any, ...]
    matrix: tuple[tuple[float, ...], ...]


class CalibrationFile(Strict):
    """All sections of the file; all are required."""

    calibrated: Calibrated
    variances: Variances
    weights: dict[str, EstimatedWeight]
    intercepts: dict[str, Estimated]
    states: dict[str, Estimated]
    declarations: dict[str, Estimated]
    dyads: dict[str, tuple[float, float]]
    levels: dict[str, Any]
    covariance: Covariance


class PosteriorFile(Strict):
    """The head of a table of draws; all its sections are required.

    method, informed: for whoever reads it: how the draws were made, and what was found
    of each parameter. headline: what they make of the headline effect."""

    command: str
    version: str
    draws: str
    count: int
    sha256: str
    scenario_sha256: str
    priors_sha256: str
    method: dict[str, Any]
    informed: dict[str, tuple[str, float, float, float]]
    headline: dict[str, Any] = Field(default_factory=dict)


INTERCEPTS_OF_STATES = {
    "states": "propensity",
    "declarations": "propensity_declarations",
}
"""Sections of states' random intercepts, and the field of a state that each one
fills."""


class NamedFile(NamedTuple):
    """A file that a scenario names: its tree, its name, and what is wrong with it."""

    tree: Node
    name: str
    problems: Diagnostics


def _beside(tree: Node, key: str, sources: Sources) -> NamedFile | None:
    """The file that a key names; None where it names none. Raises ScenarioError for a
    file that is no YAML."""
    node = tree.get(key)
    if node is None or node.value in (None, REFUSED) or node.fields:
        return None
    base = sources.names.get(node.mark.file, sources.path.name)
    file = sources.beside(node.value, base, node.mark, key, LARGEST_SCENARIO)
    read, problems = read_document(decoded(file.data, file.shown), file.shown)
    return NamedFile(read, file.name, problems)


def _without_name(tree: Node, key: str) -> Node:
    """The tree without a key that names no file."""
    return tree.without(key) if tree.value_of(key) is None else tree


def _with_hint(problems: Diagnostics, hint: str) -> Diagnostics:
    """What is wrong with a file that a command wrote, with what to do, unless a name is
    misspelt."""
    return Diagnostics(
        problem
        if problem.suggestion.startswith("did you mean")
        else replace(problem, suggestion=hint)
        for problem in problems
    )


def with_calibration(tree: Node, sources: Sources, problems: Diagnostics) -> Node:
    """The tree with the calibration that it names laid below it. Raises ScenarioError
    for a file that is no YAML."""
    file = _beside(tree, "calibration", sources)
    if file is None:
        return _without_name(tree, "calibration")
    of_file = file.problems
    calibration = read_piece(
        CalibrationFile, file.tree, "", of_file, folder=sources.folder
    )
    if calibration is not None:
        of_file += _strangers(file.tree, calibration, tree)
    problems += _with_hint(of_file, _again(sources.shown))
    if calibration is None or errors_in(of_file):
        return tree.without("calibration")
    return _laid(tree.without("calibration"), file.tree, file.name)


def _again(file: str) -> str:
    return f"write it again: balance-sim evidence calibrate {file}"


def with_posterior(tree: Node, sources: Sources, problems: Diagnostics) -> Node:
    """The tree with what the head of draws says that it names. Raises ScenarioError for
    a file that is no YAML."""
    file = _beside(tree, "posterior", sources)
    if file is None:
        return _without_name(tree, "posterior")
    tree, of_file = tree.without("posterior"), file.problems
    head = read_piece(PosteriorFile, file.tree, "", of_file, folder=sources.folder)
    if head is not None and ({"/", "\\"} & {*head.draws} or not head.draws):
        why = "expected the name of a file beside this one"
        of_file.add(file.tree.fields["draws"], "draws", "E501", why)
    hint = f"write it again: balance-sim evidence posterior {sources.shown}"
    problems += _with_hint(of_file, hint)
    if head is None or errors_in(of_file):
        return tree
    values = head.model_dump(exclude={"version", "method", "informed"})
    draws = posixpath.join(posixpath.dirname(file.name), head.draws)
    values |= {"file": file.name, "draws": draws}
    return tree.with_fields({"posterior": from_plain(values, file.tree.mark)})


def stale(scenario: Scenario, tree: Node, file: str, problems: Diagnostics) -> None:
    """Report it if the scenario as written is not the one that was calibrated. tree:
    with the calibration laid below."""
    node_of_file, calibration = tree.below("calibration"), scenario.calibration
    if not calibration.data_sha256:
        return
    if calibration.data_sha256 != record_digest(scenario):
        why = "the scenario's states or record are not those that were calibrated"
        hint = f"{_again(file)}, or leave `calibration` out"
        node = node_of_file.get("data_sha256") or node_of_file
        problems.add(node, "calibration", "E505", why, hint)
    elif calibration.weights_sha256 not in ("", weights_digest()):
        why = "calibrated from other fitted weights than this version's"
        node = node_of_file.get("weights_sha256") or node_of_file
        problems.add(node, "calibration", "W311", why, _again(file))


def _strangers(
    read: Node, calibration: CalibrationFile, tree: Node
) -> Iterator[Diagnostic]:
    """What the file names that the scenario does not have."""
    roster = {str(row.value_of("id")) for row in tree.below("states").items}
    kinds = {**default_tree().below("kinds").fields, **tree.below("kinds").fields}
    names_of_parts = {
        "states": ("E301", roster),
        "declarations": ("E301", roster),
        "weights": ("E211", {*TERMS}),
        "intercepts": ("E211", {*kinds}),
    }
    for part, (code, names) in names_of_parts.items():
        for name, node in read.below(part).without(*names).fields.items():
            why, path = f"unknown name `{shown(name)}`", f"{part}.{shown(name)}"
            yield problem(node.at, path, code, why, near_or(name, names, ""))
    for name, node in read.below("dyads").fields.items():
        a, _, b = name.partition("-")
        if not {a, b} <= roster or a >= b:
            why = f"`{shown(name)}` is not a dyad of the roster, lesser code first"
            yield problem(node.at, f"dyads.{shown(name)}", "E301", why)
    count = len(calibration.covariance.names)
    if [len(row) for row in calibration.covariance.matrix] != [count] * count:
        node, why = read.below("covariance"), f"expected {count} rows of {count}"
        yield problem(node.below("matrix"), "covariance.matrix", "E201", why)


def _laid(tree: Node, read: Node, name: str) -> Node:
    """The scenario's tree over what the calibration says. name: of its file."""
    estimates = {
        part: {
            key: node.fields["estimate"]
            for key, node in read.below(part).fields.items()
        }
        for part in ("weights", "intercepts", *INTERCEPTS_OF_STATES)
    }
    head, covariance = read.below("calibrated"), read.below("covariance")
    matrix = covariance.below("matrix")
    below = {
        "kinds": {
            kind: {"intercept": node} for kind, node in estimates["intercepts"].items()
        },
        "theory": {
            "weights": _free_weights(tree.below("theory"), estimates["weights"])
        },
        "calibration": {
            "file": name,
            "data_sha256": head.fields["data_sha256"],
            "weights_sha256": head.fields["weights_sha256"],
            "weights": estimates["weights"],
            "level_variance": read.below("variances").fields["level"],
            "names": covariance.fields["names"],
            "covariance": [node for row in matrix.items for node in row.items],
        },
    }
    states = tree.below("states")
    rows = [_with_intercepts(row, estimates) for row in states.items]
    given_rows = tree.get("frailties") or Node([], read.mark)
    frailties = [*given_rows.items, *_new_frailties(given_rows, read.below("dyads"))]
    return merged(from_plain(below, read.mark), tree).with_fields(
        {
            "states": states.with_value(rows),
            "frailties": given_rows.with_value(frailties),
        }
    )


def _free_weights(theory: Node, weights: dict[str, Node]) -> dict[str, Node]:
    """Weights that the preset does not name, if it is another than the default."""
    preset = theory.get("preset")
    name = str(preset.value or preset.text) if preset else DEFAULT_PRESET
    if name == DEFAULT_PRESET or name not in presets():
        return weights
    named = presets()[name].weights
    return {term: node for term, node in weights.items() if term not in named}


def _with_intercepts(row: Node, estimates: dict[str, dict[str, Node]]) -> Node:
    """A state with the random intercepts that its row does not give."""
    code = str(row.value_of("id"))
    intercepts = {
        field: estimates[part][code]
        for part, field in INTERCEPTS_OF_STATES.items()
        if code in estimates[part] and row.value_of(field) is None
    }
    return row.with_fields(intercepts) if intercepts else row


def _new_frailties(given: Node, dyads: Node) -> Iterator[Node]:
    """Rows of dyads that the scenario gives no factor itself."""
    name = SECTIONS["frailties"].name
    given_dyads = {name((row.value_of("a"), row.value_of("b"))) for row in given.items}
    for dyad, node in dyads.fields.items():
        a, _, b = dyad.partition("-")
        if name((a, b)) not in given_dyads:
            factor, shape = node.items
            fields = {"a": a, "b": b, "factor": factor, "shape": shape}
            yield from_plain(fields, node.at)

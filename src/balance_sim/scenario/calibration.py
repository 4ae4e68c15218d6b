"""The calibration and the posterior that a scenario names, as `balance-sim evidence calibrate`
and `posterior` wrote them.

What a calibration holds goes where it would stand in a scenario: intercepts under
`kinds`, propensities in `states`, weights under `theory`, factors of dyads in
`frailties`. A value that the scenario's file gives itself stays. A file of another
record is refused. A posterior is the head of a table of joint draws;
`evidence/posterior/parameter_draws.py` reads the table when draws are asked for."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import Field

from balance_sim.scenario.defaults import DEFAULT_PRESET, default_tree, presets
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    did_you_mean,
    errors_in,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import record_digest, weights_digest
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


def _again(file: str) -> str:
    return f"write it again: balance-sim evidence calibrate {file}"


def _beside(
    tree: Node, key: str, sources: Sources
) -> tuple[Node, tuple[Node, str, Diagnostics] | None]:
    """The tree without a key that names a file beside it, and of the file its tree, its
    name and what is wrong with it.

    The tree as it is, and None, where no file is named. Raises ScenarioError for a file
    that is no YAML."""
    named = tree.get(key)
    if named is None or named.value is REFUSED or isinstance(named.value, dict):
        return tree, None
    if named.value is None:
        return tree.without(key), None
    base = sources.names.get(named.mark.file, sources.path.name)
    name, shown_as, data = sources.beside(
        named.value, base, named.mark, key, LARGEST_SCENARIO
    )
    read, problems = read_document(decoded(data, shown_as), shown_as)
    return tree.without(key), (read, name, problems)


def with_calibration(tree: Node, sources: Sources, found: Diagnostics) -> Node:
    """The tree with the calibration that it names laid below it. Raises ScenarioError
    for a file that is no YAML."""
    tree, document = _beside(tree, "calibration", sources)
    if document is None:
        return tree
    read, name, problems = document
    hint = _again(sources.shown)
    if isinstance(read.value, dict):
        of_file = Diagnostics()
        read_piece(CalibrationFile, read, "", of_file, folder=sources.folder)
        problems += _with_hint([*of_file, *_against(read, tree)], hint)
    else:
        problems.add(read, "calibration", "E012", "this is not a calibration", hint)
    found += problems
    return tree if errors_in(problems) else _laid(tree, read, name)


def _with_hint(problems: Iterable[Diagnostic], hint: str) -> list[Diagnostic]:
    """What is wrong with a file that a command wrote, with what to do, unless a name is
    misspelt."""
    return [
        one
        if one.suggestion.startswith("did you mean")
        else replace(one, suggestion=hint)
        for one in problems
    ]


def with_posterior(tree: Node, sources: Sources, found: Diagnostics) -> Node:
    """The tree with what the head of draws says that it names. Raises ScenarioError for
    a file that is no YAML."""
    tree, document = _beside(tree, "posterior", sources)
    if document is None:
        return tree
    read, name, problems = document
    hint = f"write it again: balance-sim evidence posterior {sources.shown}"
    of_file = Diagnostics()
    head = read_piece(PosteriorFile, read, "", of_file, folder=sources.folder)
    problems += _with_hint(of_file, hint)
    if head is not None and ("/" in head.draws or "\\" in head.draws or not head.draws):
        problems.add(
            read.fields["draws"],
            "draws",
            "E501",
            "expected the name of a file beside this one",
            hint,
        )
    found += problems
    if head is None or errors_in(problems):
        return tree
    said = head.model_dump(exclude={"version", "method", "informed"}) | {"file": name}
    said["draws"] = posixpath.join(posixpath.dirname(name), head.draws)
    return tree.with_fields({"posterior": from_plain(said, read.mark)})


def stale(scenario: Scenario, tree: Node, file: str, found: Diagnostics) -> None:
    """What is wrong if the scenario as written is not the one that was calibrated.
    tree: with the calibration laid."""
    given, said = tree.below("calibration"), scenario.calibration
    data, weights = given.get("data_sha256"), given.get("weights_sha256")
    if not said.data_sha256:
        return
    if data is not None and said.data_sha256 != record_digest(scenario):
        why = "the scenario's states or record are not those that were calibrated"
        found.add(
            data,
            "calibration",
            "E505",
            why,
            f"{_again(file)}, or leave `calibration` out",
        )
    elif weights is not None and said.weights_sha256 != weights_digest():
        why = "calibrated from other fitted weights than this version's"
        found.add(weights, "calibration", "W311", why, _again(file))


def _against(read: Node, tree: Node) -> Iterator[Diagnostic]:
    """What the file names that the scenario does not have."""
    roster = {
        str(child.value)
        for row in tree.below("states").items
        if (child := row.get("id")) is not None
    }
    for part in INTERCEPTS_OF_STATES:
        for code, node in read.below(part).without(*roster).fields.items():
            why, near = f"unknown state `{shown(code)}`", did_you_mean(code, roster)
            yield problem(node.at, f"{part}.{shown(code)}", "E301", why, near)
    for key, node in read.below("dyads").fields.items():
        a, _, b = key.partition("-")
        if a not in roster or b not in roster or a >= b:
            why = f"`{shown(key)}` is not a dyad of the roster, lesser code first"
            yield problem(node.at, f"dyads.{shown(key)}", "E301", why)
    kinds = sorted(
        {**default_tree().below("kinds").fields, **tree.below("kinds").fields}
    )
    for part, known, what in (
        ("weights", list(TERMS), "term"),
        ("intercepts", kinds, "kind"),
    ):
        for name, node in read.below(part).without(*known).fields.items():
            where, why = f"{part}.{shown(name)}", f"unknown {what} `{shown(name)}`"
            yield problem(node.at, where, "E211", why, allowed=listed(known, 30))
    names, matrix = (read.below("covariance").get(key) for key in ("names", "matrix"))
    if names is not None and matrix is not None:
        count = len(names.items)
        if [len(row.items) for row in matrix.items] != [count] * count:
            yield problem(
                matrix,
                "covariance.matrix",
                "E201",
                f"expected {count} rows of {count} numbers",
            )


def _laid(tree: Node, read: Node, name: str) -> Node:
    """The scenario's tree over what the calibration says."""
    estimates = {
        part: {
            key: node.fields["estimate"]
            for key, node in read.fields[part].fields.items()
        }
        for part in ("weights", "intercepts", *INTERCEPTS_OF_STATES)
    }
    intercepts = {
        kind: {"intercept": node} for kind, node in estimates["intercepts"].items()
    }
    rows = [_with_intercepts(row, estimates) for row in tree.below("states").items]
    given = tree.get("frailties") or from_plain([], read.mark)
    known = {
        "-".join(
            sorted(str(child.value) for key in ("a", "b") if (child := row.get(key)))
        )
        for row in given.items
    }
    dyads = []
    for key, node in read.fields["dyads"].fields.items():
        if key not in known:
            a, b = (
                Node(code, node.at, text=key, quoted=True) for code in key.split("-", 1)
            )
            dyads.append(
                node.with_value(
                    {"a": a, "b": b, "factor": node.items[0], "shape": node.items[1]}
                )
            )
    head, matrix = read.fields["calibrated"], read.fields["covariance"].fields["matrix"]
    calibration = {
        "file": Node(name, read.mark, text=name, quoted=True),
        "data_sha256": head.fields["data_sha256"],
        "weights_sha256": head.fields["weights_sha256"],
        "weights": read.fields["weights"].with_value(estimates["weights"]),
        "level_variance": read.fields["variances"].fields["level"],
        "names": read.fields["covariance"].fields["names"],
        "covariance": matrix.with_value(
            [one for row in matrix.items for one in row.items]
        ),
    }
    whole = {
        "kinds": merged(from_plain(intercepts), tree.below("kinds").with_fields({})),
        "states": (tree.get("states") or from_plain([])).with_value(rows),
        "frailties": given.with_value([*given.items, *dyads]),
        "theory": _with_weights(tree.below("theory"), estimates["weights"]),
        "calibration": read.with_value(calibration),
    }
    return tree.with_fields(whole)


def _with_intercepts(row: Node, estimates: dict[str, dict[str, Node]]) -> Node:
    code = row.get("id")
    for part, field in INTERCEPTS_OF_STATES.items():
        value, given = (
            estimates[part].get(str(code.value)) if code is not None else None,
            row.get(field),
        )
        if value is not None and (given is None or given.value is None):
            row = row.with_fields({field: value})
    return row


def _with_weights(theory: Node, weights: dict[str, Node]) -> Node:
    """Weights that neither the file nor its preset, if it is another than the default,
    names."""
    preset, given = theory.get("preset"), theory.below("weights")
    if not isinstance(theory.value, dict) or not isinstance(given.value, dict):
        return theory
    name = str(preset.value or preset.text) if preset is not None else DEFAULT_PRESET
    named = (
        presets()[name].weights if name in presets() and name != DEFAULT_PRESET else {}
    )
    below = {term: node for term, node in weights.items() if term not in named}
    return theory.with_fields({"weights": given.with_value({**below, **given.fields})})

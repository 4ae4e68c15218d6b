"""The calibration and the posterior that a scenario names, as `balance-sim evidence
calibrate` and `posterior` wrote them.

What a calibration holds goes where it would stand in a scenario: intercepts under
`kinds`, propensities in `states`, weights under `theory`, factors of dyads in
`frailties`. A value that the scenario's file gives itself stays. A file of another
record is refused. A posterior is the head of a table of joint draws;
`evidence/posterior/parameter_draws.py` reads the table when draws are asked for."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import ConfigDict, Field

from balance_sim.scenario.defaults import DEFAULT_PRESET, presets
from balance_sim.scenario.diagnostics import Diagnostics, errors_in
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.schema import Scenario, Strict
from balance_sim.scenario.validation import read_piece


class Written(Strict):
    """Part of a file that a command wrote: what only people read is let through."""

    model_config = ConfigDict(extra="ignore")


class Calibrated(Written):
    """What was calibrated: sha256 of the record and of the fitted weights."""

    data_sha256: str
    weights_sha256: str


class Variances(Written):
    """Of the year's level; those of states and dyads are in their estimates."""

    level: float


class Estimated(Written):
    """A number; its standard error is for people."""

    estimate: float


class Covariance(Written):
    """Key paths and their posterior covariance, row by row."""

    names: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


class CalibrationFile(Written):
    """What is read of a calibration; dyads: mean factor and shape by dyad."""

    calibrated: Calibrated
    variances: Variances
    weights: dict[str, Estimated]
    intercepts: dict[str, Estimated]
    states: dict[str, Estimated]
    declarations: dict[str, Estimated]
    dyads: dict[str, tuple[float, float]]
    covariance: Covariance


class PosteriorFile(Written):
    """The head of a table of draws. headline: what they make of the headline effect."""

    command: str
    draws: str = Field(pattern=r"^[^/\\]+$")
    count: int
    sha256: str
    scenario_sha256: str
    priors_sha256: str
    headline: dict[str, Any] = Field(default={})


INTERCEPTS_OF_STATES = {
    "states": "propensity",
    "declarations": "propensity_declarations",
}
"""Sections of states' random intercepts, and the field of a state that each one
fills."""


class NamedFile[Model: Strict](NamedTuple):
    """A file that a scenario names: its tree, its name, and what it holds; None where
    something is wrong with it."""

    tree: Node
    name: str
    content: Model | None


def _named_file[Model: Strict](
    model: type[Model], tree: Node, sources: Sources, problems: Diagnostics
) -> NamedFile[Model] | None:
    """The file that the scenario names under the key of that model, or None.

    Raises ScenarioError for a file that is no YAML."""
    key = model.__name__.removesuffix("File").lower()
    node = tree.get(key)
    if node is None or node.value in (None, REFUSED) or node.fields:
        return None
    base = sources.names.get(node.mark.file, sources.path.name)
    file = sources.beside(node.value, base, node.mark, key, LARGEST_SCENARIO)
    read, wrong = read_document(decoded(file.data, file.shown), file.shown)
    content = read_piece(model, read, "", wrong)
    if model is CalibrationFile:
        _check_states(read, tree, wrong)
    hint = f"write it again: balance-sim evidence {_COMMANDS[key]} {sources.shown}"
    problems += [replace(problem, suggestion=hint) for problem in wrong]
    return NamedFile(read, file.name, None if errors_in(wrong) else content)


_COMMANDS = {"calibration": "calibrate", "posterior": "posterior"}
"""Commands of `balance-sim evidence` that write the files, by key."""


def _check_states(read: Node, tree: Node, problems: Diagnostics) -> None:
    """States of a calibration are the scenario's."""
    roster = [str(row.value_of("id")) for row in tree.below("states").items]
    for part in INTERCEPTS_OF_STATES:
        for code, node in read.below(part).without(*roster).fields.items():
            why = f"`{code}` is no state of the scenario"
            problems.add(node.at, f"{part}.{code}", "E301", why)


def with_calibration(tree: Node, sources: Sources, problems: Diagnostics) -> Node:
    """The tree with the calibration that it names laid below it.

    Parameters
    ----------
    tree : of the scenario
    sources : its files
    problems : what is wrong with the calibration is added; the tree is without it then

    Raises
    ------
    ScenarioError : for a file that is no YAML
    """
    file = _named_file(CalibrationFile, tree, sources, problems)
    if file is None or file.content is None:
        is_named = file is not None or tree.value_of("calibration") is None
        return tree.without("calibration") if is_named else tree
    return _laid(tree.without("calibration"), file.tree, file.name)


def with_posterior(tree: Node, sources: Sources, problems: Diagnostics) -> Node:
    """The tree with what the head of draws says that it names; as with_calibration."""
    file = _named_file(PosteriorFile, tree, sources, problems)
    if file is None or file.content is None:
        is_named = file is not None or tree.value_of("posterior") is None
        return tree.without("posterior") if is_named else tree
    draws = posixpath.join(posixpath.dirname(file.name), file.content.draws)
    values = file.content.model_dump() | {"file": file.name, "draws": draws}
    return tree.with_fields({"posterior": from_plain(values, file.tree.mark)})


def stale(scenario: Scenario, tree: Node, file: str, problems: Diagnostics) -> None:
    """Report it if the scenario as written is not the one that was calibrated.

    Parameters
    ----------
    scenario, tree : as written, with the calibration laid below
    file : of the scenario
    problems : an error for another record, a warning for other fitted weights
    """
    node, calibration = tree.below("calibration"), scenario.calibration
    hint = f"write it again: balance-sim evidence calibrate {file}"
    if not calibration.data_sha256:
        return
    if calibration.data_sha256 != record_digest(scenario):
        why = "the scenario's states or record are not those that were calibrated"
        hint = f"{hint}, or leave `calibration` out"
        place = node.get("data_sha256") or node
        problems.add(place, "calibration", "E505", why, hint)
    elif calibration.weights_sha256 not in ("", weights_digest()):
        why = "calibrated from other fitted weights than this version's"
        place = node.get("weights_sha256") or node
        problems.add(place, "calibration", "W311", why, hint)


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
    matrix, intercepts = covariance.below("matrix"), estimates["intercepts"]
    weights = _free_weights(tree.below("theory"), estimates["weights"])
    below = {
        "kinds": {kind: {"intercept": node} for kind, node in intercepts.items()},
        "theory": {"weights": weights},
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
    changes = {"states": states.with_value(rows)}
    changes["frailties"] = _with_frailties(tree, read.below("dyads"))
    return merged(from_plain(below, read.mark), tree).with_fields(changes)


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


def _with_frailties(tree: Node, dyads: Node) -> Node:
    """The scenario's rows of dyads' factors, and those of dyads that it does not
    name."""
    given = tree.get("frailties") or Node([], dyads.mark)
    name, rows = SECTIONS["frailties"].name, list(given.items)
    given_dyads = {name((row.value_of("a"), row.value_of("b"))) for row in rows}
    for dyad, node in dyads.fields.items():
        a, _, b = dyad.partition("-")
        if name((a, b)) not in given_dyads:
            factor, shape = node.items
            fields = {"a": a, "b": b, "factor": factor, "shape": shape}
            rows.append(from_plain(fields, node.at))
    return given.with_value(rows)

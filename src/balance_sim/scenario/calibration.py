"""The calibration and the posterior that a scenario names, as `balance-sim evidence
calibrate` and `posterior` wrote them.

What a calibration holds goes where it would stand in a scenario: intercepts under
`kinds`, propensities in `states`, weights under `theory`, factors of dyads in
`frailties`. A value that the scenario's file gives itself stays. A file of another
record is refused. A posterior is the head of a table of joint draws;
`evidence/posterior/parameter_draws.py` reads the table when draws are asked for."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import NamedTuple

from balance_sim.scenario.defaults import DEFAULT_PRESET, presets
from balance_sim.scenario.diagnostics import Diagnostics, ScenarioError, refused
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.layout import row_path
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.schema import Scenario

CALIBRATION = dict.fromkeys(
    (
        *("calibrated", "variances", "weights", "intercepts"),
        *("states", "declarations", "dyads", "covariance"),
    ),
    dict,
)
"""Sections that a calibration has."""
POSTERIOR = {
    **dict.fromkeys(("command", "draws", "sha256"), str),
    **dict.fromkeys(("scenario_sha256", "priors_sha256"), str),
    "count": int,
}
"""Keys that the head of draws has; `headline` may be missing."""
INTERCEPTS_OF_STATES = {
    "states": "propensity",
    "declarations": "propensity_declarations",
}
"""Sections of states' random intercepts, and the field of a state that each one
fills."""
_AGAIN = "write it again: balance-sim evidence"


class NamedFile(NamedTuple):
    """A file that a scenario names: its tree, and its name within the folder."""

    tree: Node
    name: str


def _named_file(
    tree: Node, key: str, needs: Mapping[str, type], sources: Sources, again: str
) -> NamedFile | None:
    """The file that the scenario names under a key; None where it names none.

    Parameters
    ----------
    tree, sources : of the scenario
    key : under which it is named
    needs : keys that the file has to have, with the types of their values
    again : the next step where it lacks one

    Raises
    ------
    ScenarioError : for a file that cannot be read, or lacks a key
    """
    node = tree.get(key)
    if node is None or node.value in (None, REFUSED) or node.fields:
        return None
    base = sources.names.get(node.mark.file, sources.path.name)
    file = sources.beside(node.value, base, node.mark, key, LARGEST_SCENARIO)
    read, wrong = read_document(decoded(file.data, file.shown), file.shown)
    for name, value_type in needs.items():
        if not isinstance(read.value_of(name), value_type):
            place = read.get(name) or read
            wrong.add(place, name, "E103", f"`{name}` is required", again)
    if wrong:
        raise ScenarioError(wrong)
    return NamedFile(read, file.name)


def with_calibration(tree: Node, sources: Sources, problems: Diagnostics) -> Node:
    """The tree with the calibration that it names laid below it.

    What the calibration holds is validated with the scenario, at its place in the
    calibration's file.

    Parameters
    ----------
    tree : of the scenario
    sources : its files
    problems : states of the calibration that the scenario lacks are added

    Raises
    ------
    ScenarioError : for a file that is no calibration
    """
    again = f"{_AGAIN} calibrate {sources.shown}"
    file = _named_file(tree, "calibration", CALIBRATION, sources, again)
    if file is None:
        is_open = tree.value_of("calibration") is None
        return tree.without("calibration") if is_open else tree
    roster = [str(row.value_of("id")) for row in tree.below("states").items]
    for part in INTERCEPTS_OF_STATES:
        for code, node in file.tree.below(part).without(*roster).fields.items():
            why = f"`{code}` is no state of the scenario"
            problems.add(node.at, f"{part}.{code}", "E301", why, again)
    return _laid(tree.without("calibration"), file.tree, file.name)


def with_posterior(tree: Node, sources: Sources) -> Node:
    """The tree with what the head of draws says that it names; as with_calibration."""
    again = f"{_AGAIN} posterior {sources.shown}"
    file = _named_file(tree, "posterior", POSTERIOR, sources, again)
    if file is None:
        is_open = tree.value_of("posterior") is None
        return tree.without("posterior") if is_open else tree
    head = file.tree
    keys = [name for name in (*POSTERIOR, "headline") if name in head.fields]
    draws = head.fields["draws"].value
    if {"/", "\\"} & {*draws}:
        why = "expected the name of a file beside this one"
        raise refused(head.fields["draws"], "draws", "E501", why, again)
    path = posixpath.join(posixpath.dirname(file.name), draws)
    values = {name: head.fields[name] for name in keys} | {
        "file": file.name,
        "draws": path,
    }
    return tree.with_fields({"posterior": from_plain(values, head.mark)})


def stale(scenario: Scenario, tree: Node, file: str, problems: Diagnostics) -> None:
    """Report it if the scenario as written is not the one that was calibrated.

    Parameters
    ----------
    scenario, tree : as written, with the calibration laid below
    file : of the scenario
    problems : an error for another record, a warning for other fitted weights
    """
    node, calibration = tree.below("calibration"), scenario.calibration
    hint = f"{_AGAIN} calibrate {file}"
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
    """The scenario's tree over what the calibration says. name: of its file.

    Nodes keep their places, so that a value that is refused later is shown where the
    calibration has it."""
    estimates = {
        part: {
            key: node.below("estimate") for key, node in read.below(part).fields.items()
        }
        for part in ("weights", "intercepts", *INTERCEPTS_OF_STATES)
    }
    head, covariance = read.below("calibrated"), read.below("covariance")
    intercepts = estimates["intercepts"]
    weights = _free_weights(tree.below("theory"), estimates["weights"])
    below = {
        "kinds": {kind: {"intercept": node} for kind, node in intercepts.items()},
        "theory": {"weights": weights},
        "calibration": {
            "file": name,
            "data_sha256": head.below("data_sha256"),
            "weights_sha256": head.below("weights_sha256"),
            "weights": estimates["weights"],
            "level_variance": read.below("variances").below("level"),
            "names": covariance.below("names"),
            "covariance": [
                node for row in covariance.below("matrix").items for node in row.items
            ],
        },
    }
    states = tree.below("states")
    rows = [_with_intercepts(row, estimates) for row in states.items]
    changes = {"states": states.with_value(rows)}
    changes["frailties"] = _with_frailties(tree, read.below("dyads"))
    return merged(from_plain(below, read.mark), tree).with_fields(changes)


def _free_weights(theory: Node, weights: dict[str, Node]) -> dict[str, Node]:
    """Weights that the preset does not name, if it is another than the default: what a
    theory says of a term stays, and the calibration tells the others."""
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
    """The scenario's rows of dyads' factors, and those of dyads that it does not name:
    a factor that the file gives itself stays."""
    frailties = tree.get("frailties") or Node([], dyads.mark)
    rows = list(frailties.items)
    own_dyads = {row_path("frailties", row, 0) for row in rows}
    for dyad, node in dyads.fields.items():
        values = dict(zip(("factor", "shape"), node.items, strict=False))
        row = from_plain(
            dict(zip("ab", dyad.split("-"), strict=False)) | values, node.at
        )
        if row_path("frailties", row, 1) not in own_dyads:
            rows.append(row)
    return frailties.with_value(rows)

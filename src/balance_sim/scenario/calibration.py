"""The calibration that a scenario names: read strictly, and laid below what the scenario's own file says.

`calibration: NAME` names a file that `balance-sim calibrate` wrote. What it holds goes where it would stand in a
scenario: intercepts under `kinds`, propensities in `states`, weights under `theory`, factors of dyads in `frailties`.
A value that the scenario's file gives itself stays. A file of another record is refused: it says what to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from balance_sim.scenario.defaults import DEFAULT_PRESET, default_tree, presets
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import canonical
from balance_sim.scenario.nodes import REFUSED, Node, from_plain
from balance_sim.scenario.problems import Problem, did_you_mean, listed, problem, shown
from balance_sim.scenario.schema import TERMS, Scenario
from balance_sim.scenario.shipped import shipped

PARTS = {
    "calibrated": (
        "command",
        "version",
        "start",
        "years",
        "agreements",
        "data_sha256",
        "weights_sha256",
        "form",
    ),
    "variances": ("states", "declarations", "covariance", "dyads", "level"),
    "weights": (),
    "intercepts": (),
    "states": (),
    "declarations": (),
    "dyads": (),
    "levels": (),
    "covariance": ("names", "matrix"),
}
"""Sections of the file and, where they are fixed, their keys."""
PROPENSITIES = {"states": "propensity", "declarations": "propensity_declarations"}
"""Sections of states' random intercepts, and the field of a state that each one fills."""
HINT = "write it again: balance-sim calibrate {}"
RECORD = ("states", "disputes", "distances", "trade", "accords")
NOT_DATA = ("propensity", "propensity_declarations", "name", "source", "guesses", "confidence", "note")


def record_digest(scenario: Scenario) -> str:
    """sha256 of what a calibration is told: start, states, quarrels, distances, trade and agreements, without texts."""
    rows: dict[str, Any] = {"start": scenario.start}
    for section in RECORD:
        rows[section] = [
            {name: value for name, value in row.__dict__.items() if name not in NOT_DATA}
            for row in getattr(scenario, section)
        ]
    text = json.dumps(canonical(rows), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def weights_digest() -> str:
    """sha256 of the shipped fit, from which a calibration starts."""
    return hashlib.sha256(shipped("balance_sim.scenario", "fitted.yaml")).hexdigest()


def with_calibration(tree: Node, sources: Sources) -> tuple[Node, list[Problem]]:
    """The tree with the calibration that it names laid below it. Raises ScenarioError for a file that is no YAML."""
    named = tree.get("calibration")
    if named is None or named.value is REFUSED or isinstance(named.value, dict):
        return tree, []
    tree = tree.without(("calibration",))
    if named.value is None:
        return tree, []
    name, shown_as, data = sources.beside(
        named.value, sources.path.name, named.mark, "calibration", LARGEST_SCENARIO
    )
    read, problems = read_document(decoded(data, shown_as), shown_as)
    problems = [*problems, *_check(read, tree, sources.shown)]
    if any(not one.is_warning for one in problems):
        return tree, problems
    return _laid(tree, read, name), problems


def stale(scenario: Scenario, tree: Node, file: str) -> list[Problem]:
    """What is wrong if the scenario as written is not the one that was calibrated. tree: with the calibration laid."""
    given = tree.get("calibration")
    if given is None or not scenario.calibration.data_sha256:
        return []
    hint = HINT.format(file)
    data, weights = given.get("data_sha256"), given.get("weights_sha256")
    if data is not None and scenario.calibration.data_sha256 != record_digest(scenario):
        why = "the scenario's states or record are not those that were calibrated"
        return [
            problem(data.mark, "calibration", "E505", why, suggestion=f"{hint}, or leave `calibration` out")
        ]
    if weights is not None and scenario.calibration.weights_sha256 != weights_digest():
        why = "calibrated from other fitted weights than this version's"
        return [problem(weights.mark, "calibration", "W311", why, suggestion=hint)]
    return []


def _check(read: Node, tree: Node, file: str) -> Iterator[Problem]:
    hint = HINT.format(file)
    if not isinstance(read.value, dict):
        yield problem(read.mark, "calibration", "E012", "this is no calibration", suggestion=hint)
        return
    yield from _keys(read, "", tuple(PARTS), hint)
    for part, keys in PARTS.items():
        section = read.get(part)
        if section is None or section.value is REFUSED:
            continue
        if not isinstance(section.value, dict):
            yield problem(section.mark, part, "E201", "expected a mapping", suggestion=hint)
        elif keys:
            yield from _keys(section, part, keys, hint)
    roster = _codes(tree)
    yield from _states(read, roster, hint)
    yield from _dyads(read, roster, hint)
    for term, node in _fields(read, "weights"):
        if term not in TERMS:
            why = f"unknown term `{shown(term)}`"
            yield problem(node.at, f"weights.{shown(term)}", "E211", why, listed(TERMS, 30), hint)
        yield from _numbers(node, f"weights.{shown(term)}", ("estimate", "standard_error", "prior"), hint)
    kinds = {*default_tree().fields["kinds"].fields, *(tree.get("kinds") or from_plain({})).fields}
    for kind, node in _fields(read, "intercepts"):
        if kind not in kinds:
            why = f"unknown kind `{shown(kind)}`"
            yield problem(node.at, f"intercepts.{shown(kind)}", "E211", why, listed(sorted(kinds), 30), hint)
        yield from _numbers(node, f"intercepts.{shown(kind)}", ("estimate", "standard_error"), hint)
    yield from _covariance(read, hint)


def _states(read: Node, roster: set[str], hint: str) -> Iterator[Problem]:
    for part in PROPENSITIES:
        for code, node in _fields(read, part):
            if code not in roster:
                why, near = f"unknown state `{shown(code)}`", did_you_mean(code, roster)
                yield problem(node.at, f"{part}.{shown(code)}", "E301", why, suggestion=near or hint)
            yield from _numbers(node, f"{part}.{shown(code)}", ("estimate", "standard_error"), hint)


def _dyads(read: Node, roster: set[str], hint: str) -> Iterator[Problem]:
    for key, node in _fields(read, "dyads"):
        a, _, b = key.partition("-")
        if a not in roster or b not in roster or a >= b:
            why = f"`{shown(key)}` is no dyad of the roster, lesser code first"
            yield problem(node.at, f"dyads.{shown(key)}", "E301", why, suggestion=hint)
        if len(node.items) != 2 or not all(_is_number(one) for one in node.items):
            why = "expected [factor, shape], two numbers"
            yield problem(node.mark, f"dyads.{shown(key)}", "E201", why, suggestion=hint)


def _covariance(read: Node, hint: str) -> Iterator[Problem]:
    names, matrix = (((read.get("covariance") or from_plain({})).get(key)) for key in ("names", "matrix"))
    if names is not None and matrix is not None:
        count = len(names.items)
        if len(matrix.items) != count or any(
            len(row.items) != count or not all(_is_number(one) for one in row.items) for row in matrix.items
        ):
            why = f"expected {count} rows of {count} numbers"
            yield problem(matrix.mark, "covariance.matrix", "E201", why, suggestion=hint)


def _keys(node: Node, where: str, known: Sequence[str], hint: str) -> Iterator[Problem]:
    dot = f"{where}." if where else ""
    for key, child in node.fields.items():
        if key not in known:
            near = did_you_mean(key, known)
            why = f"unknown key `{shown(key)}`"
            yield problem(child.at, dot + shown(key), "E101", why, listed(known, 10), near or hint)
    for key in known:
        if node.get(key) is None:
            yield problem(node.mark, dot + key, "E103", f"`{key}` is required", suggestion=hint)


def _fields(read: Node, part: str) -> list[tuple[str, Node]]:
    section = read.get(part)
    return list(section.fields.items()) if section is not None else []


def _numbers(node: Node, path: str, known: Sequence[str], hint: str) -> Iterator[Problem]:
    if not isinstance(node.value, dict):
        yield problem(node.mark, path, "E201", f"expected {listed(known)}", suggestion=hint)
        return
    yield from _keys(node, path, known, hint)
    for key, child in node.fields.items():
        if key in known and not _is_number(child):
            why = f"expected a number, got `{shown(child.text)}`"
            yield problem(child.mark, f"{path}.{key}", "E201", why, suggestion=hint)


def _is_number(node: Node) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _codes(tree: Node) -> set[str]:
    states = tree.get("states")
    ids = [row.get("id") for row in (states.items if states is not None else [])]
    return {str(one.value) for one in ids if one is not None}


def _laid(tree: Node, read: Node, name: str) -> Node:
    """The scenario's tree over what the calibration says."""
    own = {key: tree.get(key) or from_plain({}) for key in ("kinds", "theory")}
    kinds = {kind: (own["kinds"].get(kind) or from_plain({})) for kind, _ in _fields(read, "intercepts")}
    for kind, node in _fields(read, "intercepts"):
        if isinstance(kinds[kind].value, dict) and kinds[kind].get("intercept") is None:
            kinds[kind] = kinds[kind].with_fields({"intercept": node.fields["estimate"]})
    changes = {"kinds": own["kinds"].with_fields(kinds)}
    states = tree.get("states")
    assert states is not None
    rows = list(states.items)
    for part, field in PROPENSITIES.items():
        found = {code: node.fields["estimate"] for code, node in _fields(read, part)}
        rows = [_with_propensity(row, field, found) for row in rows]
    changes["states"] = states.with_value(rows)
    given = tree.get("frailties")
    known = {
        "-".join(sorted(str(child.value) for key in ("a", "b") if (child := row.get(key))))
        for row in (given.items if given is not None else [])
    }
    dyads = [
        node.with_value(
            {
                "a": Node(key.partition("-")[0], node.at, text=key, quoted=True),
                "b": Node(key.partition("-")[2], node.at, text=key, quoted=True),
                "factor": node.items[0],
                "shape": node.items[1],
            }
        )
        for key, node in _fields(read, "dyads")
        if key not in known
    ]
    changes["frailties"] = (given or from_plain([], read.mark)).with_value(
        [*(given.items if given is not None else []), *dyads]
    )
    weights = {term: node.fields["estimate"] for term, node in _fields(read, "weights")}
    changes["theory"] = _with_weights(own["theory"], weights)
    head = read.fields["calibrated"]
    matrix = read.fields["covariance"].fields["matrix"]
    changes["calibration"] = read.with_value(
        {
            "file": Node(name, read.mark, text=name, quoted=True),
            "data_sha256": head.fields["data_sha256"],
            "weights_sha256": head.fields["weights_sha256"],
            "weights": read.fields["weights"].with_value(weights),
            "level_variance": read.fields["variances"].fields["level"],
            "names": read.fields["covariance"].fields["names"],
            "covariance": matrix.with_value([one for row in matrix.items for one in row.items]),
        }
    )
    return tree.with_fields(changes)


def _with_propensity(row: Node, field: str, found: dict[str, Node]) -> Node:
    code = row.get("id")
    value = found.get(str(code.value)) if code is not None else None
    given = row.get(field)
    if value is None or (given is not None and given.value is not None):
        return row
    return row.with_fields({field: value})


def _with_weights(theory: Node, weights: dict[str, Node]) -> Node:
    """Weights that neither the file nor its preset, if it is another than the default, names."""
    if not isinstance(theory.value, dict):
        return theory
    preset = theory.get("preset")
    name = str(preset.value or preset.text) if preset is not None else DEFAULT_PRESET
    named = set(presets()[name].weights) if name in presets() and name != DEFAULT_PRESET else set()
    given = theory.get("weights") or from_plain({})
    below = {term: node for term, node in weights.items() if term not in named}
    if not isinstance(given.value, dict):
        return theory
    return theory.with_fields({"weights": given.with_value({**below, **given.fields})})


__all__ = ["record_digest", "stale", "weights_digest", "with_calibration"]

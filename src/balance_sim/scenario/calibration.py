"""The calibration and the posterior that a scenario names, as `balance-sim evidence
calibrate` and `posterior` wrote them; in place of a calibration also a fit, as `fit`
wrote it.

What a calibration holds goes where it would stand in a scenario: intercepts under
`kinds`, propensities in `states`, weights under `theory`, factors of dyads in
`frailties`. A value that the scenario's file gives itself stays. A file of another
record is refused. A posterior is the head of a table of joint draws;
`evidence/posterior/parameter_draws.py` reads the table when draws are asked for. The
means of the draws are the values in use, where the file gives none; so are the
estimates of a fit, 0 for a term in conflict with theory."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from balance_sim.scenario.defaults import DEFAULT_PRESET, presets
from balance_sim.scenario.diagnostics import Diagnostics, ScenarioError, refused
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import Sources
from balance_sim.scenario.fingerprint import record_digest, weights_digest
from balance_sim.scenario.layout import row_path, with_its_company
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.schema import Scenario

NEEDED = {
    "calibration": "calibrated variances weights intercepts states declarations dyads "
    "covariance",
    "posterior": "command draws sha256 scenario_sha256 priors_sha256 count values",
    "fit": "fitted parameters",
}
"""Keys that the file has which stands under a key of a scenario; `headline` of a
posterior may be missing. A fit stands under `calibration`."""
INTERCEPTS_OF_STATES = {
    "states": "propensity",
    "declarations": "propensity_declarations",
}
"""Sections of states' random intercepts, and the field of a state that each one
fills."""


def with_results(tree: Node, sources: Sources, problems: Diagnostics) -> Node:
    """The tree with the calibration that it names laid below it, and with what the head
    of draws says that it names.

    What they hold is validated with the scenario, at its place in their files.

    Parameters
    ----------
    tree : of the scenario
    sources : its files
    problems : states of the calibration that the scenario lacks are added

    Raises
    ------
    ScenarioError : for a file that lacks a key
    """
    for key, overlay in (("posterior", _with_draws), ("calibration", laid)):
        node, hint = tree.below(key), _again(key, sources)
        if node.value is None:
            tree = tree.without(key)
        if node.value in (None, REFUSED) or isinstance(node.value, dict):
            continue
        tree = tree.without(key)
        base = sources.names.get(node.mark.file, sources.path.name)
        file = sources.beside(node, base, key)
        read, wrong = read_document(file.text, file.shown)
        is_fit = key == "calibration" and "fitted" in read.fields
        for name in NEEDED["fit" if is_fit else key].split():
            if read.get(name) is None:
                wrong.add(read, name, "E103", f"`{name}` is required", hint)
        if wrong:
            raise ScenarioError(wrong)
        roster = [str(row.value_of("id")) for row in tree.below("states").items]
        for part in INTERCEPTS_OF_STATES:
            for code, place in read.below(part).without(*roster).fields.items():
                why = "no state of the scenario"
                problems.add(place.at, f"{part}.{code}", "E301", why, hint)
        tree = _with_fit(tree, read) if is_fit else overlay(tree, read, file.name)
    return tree


def _again(key: str, sources: Sources) -> str:
    """The next step where a file that a scenario names is not as it was written."""
    command = "calibrate" if key == "calibration" else key
    return f"write it again: balance-sim evidence {command} {sources.shown}"


def _with_draws(tree: Node, head: Node, name: str) -> Node:
    """The scenario's tree with the head of its draws, over their means. name: of the
    head's file."""
    keys = [*NEEDED["posterior"].split(), "headline"]
    values: dict[str, object] = {key: head.fields[key] for key in keys if head.get(key)}
    draws = str(head.value_of("draws"))
    if {"/", "\\"} & {*draws}:
        raise refused(head.fields["draws"], "draws", "E501", "no file beside this one")
    values |= {"file": name, "draws": posixpath.join(posixpath.dirname(name), draws)}
    return _over_means(tree, head.below("values")).with_fields(
        {"posterior": from_plain(values, head.mark)}
    )


def _with_fit(tree: Node, read: Node) -> Node:
    """The scenario's tree over the estimates of a fit."""
    estimates = {
        path: node.below("estimate")
        for path, node in read.below("parameters").fields.items()
    }
    conflicts = read.below("in_conflict").fields.items()
    estimates |= {path: node.with_value(0.0) for path, node in conflicts}
    return _over_means(tree, read.with_value(estimates))


def _over_means(tree: Node, values: Node) -> Node:
    """The scenario's tree over means or estimates by key path. What the file gives
    stays, and what it fixes with that."""
    means, below = values.fields, Node({}, values.mark)
    for path in means.keys() - given_in(tree, means):
        below = below.with_path(path, means[path])
    weights = below.at_path("theory.weights")
    if weights is not None:
        free_weights = _free_weights(tree.below("theory"), weights.fields)
        below = below.with_path("theory.weights", weights.with_value(free_weights))
    return merged(below, tree)


def given_in(tree: Node, paths: Iterable[str]) -> set[str]:
    """Which of some key paths the scenario's file gives a value at, and what it fixes
    with that."""
    return with_its_company(path for path in paths if tree.at_path(path) is not None)


def stale(
    scenario: Scenario, tree: Node, sources: Sources, problems: Diagnostics
) -> None:
    """Report it if the scenario as written is not the one that was calibrated.

    Parameters
    ----------
    scenario, tree : as written, with the calibration laid below
    sources : files of the scenario
    problems : an error for another record, a warning for other fitted weights
    """
    node, calibration = tree.below("calibration"), scenario.calibration
    hint = f"{_again('calibration', sources)}, or leave `calibration` out"
    if calibration.data_sha256 not in ("", record_digest(scenario)):
        why = "the scenario's states or record are not those that were calibrated"
        place = node.get("data_sha256") or node
        problems.add(place, "calibration", "E505", why, hint)
    elif calibration.weights_sha256 not in ("", weights_digest()):
        why = "calibrated from other fitted weights than this version's"
        place = node.get("weights_sha256") or node
        problems.add(place, "calibration", "W311", why, hint)


def laid(tree: Node, read: Node, name: str) -> Node:
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
    name = theory.value_of("preset") or DEFAULT_PRESET
    is_default = name == DEFAULT_PRESET or name not in presets()
    named = () if is_default else presets()[name]["weights"]
    return {term: node for term, node in weights.items() if term not in named}


def _with_intercepts(row: Node, estimates: dict[str, dict[str, Node]]) -> Node:
    """A state with the random intercepts that its row does not give."""
    code = str(row.value_of("id"))
    intercepts = {
        field: estimates[part][code]
        for part, field in INTERCEPTS_OF_STATES.items()
        if code in estimates[part] and row.value_of(field) is None
    }
    return row.with_fields(intercepts)


def _with_frailties(tree: Node, dyads: Node) -> Node:
    """The scenario's rows of dyads' factors, and those of dyads that it does not name:
    a factor that the file gives itself stays."""
    frailties = tree.get("frailties") or Node([], dyads.mark)
    own_dyads = {row_path("frailties", row, 0) for row in frailties.items}
    names = ("a", "b", "factor", "shape")
    rows = [
        from_plain(
            dict(zip(names, (*dyad.split("-")[:2], *node.items), strict=False)), node.at
        )
        for dyad, node in dyads.fields.items()
    ]
    new_rows = [row for row in rows if row_path("frailties", row, 1) not in own_dyads]
    return frailties.with_value([*frailties.items, *new_rows])

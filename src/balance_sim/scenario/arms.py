"""The arms of a scenario: read with it, checked with it, and the version of the
scenario that each one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from balance_sim.scenario.actors import Names, check_identifier
from balance_sim.scenario.checks import findings_in, rules_due
from balance_sim.scenario.diagnostics import Diagnostics, Mark, did_you_mean, listed, shown
from balance_sim.scenario.layout import FIXED_IN_ARMS, SECTIONS
from balance_sim.scenario.nodes import REFUSED, Node, from_plain
from balance_sim.scenario.reading import Places, read_rows
from balance_sim.scenario.schema import Arm, Scenario
from balance_sim.scenario.setter import Editor, changes_in, value_at, without_row
from balance_sim.scenario.validation import read_piece

MOST_ARMS = 100


def read_arms(
    node: Node,
    names: Names,
    places: Places,
    problems: Diagnostics,
    most: int = MOST_ARMS,
) -> dict[str, Arm]:
    """The arms as written: what they add is read, what they set is kept as text.

    Parameters
    ----------
    node : Node
        Of all arms.
    names : Names
        What added events may refer to.
    places : Places
        Takes where added events were written.
    problems : Diagnostics
        Takes what is wrong.
    most : int
        How many there may be.
    """
    problem_count = len(problems)
    if not isinstance(node.value, dict) and node.value is not REFUSED:
        why = f"expected a mapping of arms, got {node.kind}"
        problems.add(node, "arms", "E201", why)
    elif len(node.fields) > most:
        why = f"{len(node.fields):,} arms, more than {most}"
        problems.add(node.at, "arms", "E022", why)
        return {}
    elif not node.fields:
        problems.add(node, "arms", "E212", "at least 1 arm needed, got 0")
    arms = {
        name: read_arm(name, arm, names, places, problems)
        for name, arm in node.fields.items()
    }
    if len(problems) == problem_count:
        controls = [node.fields[name] for name, arm in arms.items() if arm.reference]
        check_references(arms, [node, *controls][-1].at, problems)
    return arms


def check_references(
    arms: Mapping[str, Arm], mark: Mark, problems: Diagnostics
) -> None:
    """One arm is the control."""
    count = sum(arm.reference for arm in arms.values())
    if arms and count != 1:
        why = f"exactly one arm is the control, got {count}"
        problems.add(mark, "arms", "E111", why, "write `reference: true` in one arm")


def read_arm(
    name: str, node: Node, names: Names, places: Places, problems: Diagnostics
) -> Arm:
    """One arm as written."""
    path = f"arms.{shown(name)}"
    check_identifier(name, node, path, problems)
    arm = read_piece(Arm, node, path, problems, skip=("add", "set")) or Arm()
    settings, added = node.below("set"), node.get("add") or Node([], node.mark)
    if not isinstance(settings.value, dict) and settings.value is not REFUSED:
        hint = "write `key.path: value` pairs"
        problems.add(settings, f"{path}.set", "E201", f"got {settings.kind}", hint)
    events = read_rows("events", added, f"{path}.add", names, places, problems)
    update = {
        "add": SECTIONS["events"].sorted(events),
        "set": dict.fromkeys(sorted(settings.fields)),
    }
    return arm.model_copy(update=update)


def version_of(scenario: Scenario, name: str, arm: Node) -> Editor:
    """The scenario as it is in one arm, and what is wrong with its values.

    arm: as it is written, for the values that it sets. The version's arms keep titles
    and the reference mark only; its sha256 is missing."""
    declared, events = scenario.arms[name], scenario.events
    if declared.drop or declared.add:
        kept_events = [event for event in events if event.id not in declared.drop]
        events = SECTIONS["events"].sorted([*kept_events, *declared.add])
    bare_arms = {
        key: Arm(title=bare.title, reference=bare.reference)
        for key, bare in scenario.arms.items()
    }
    update = {"events": events, "arms": bare_arms, "sha256": ""}
    editor = Editor(scenario.model_copy(update=update))
    changes = changes_in(arm.below("set"), f"arms.{shown(name)}.set")
    editor.apply(changes, FIXED_IN_ARMS)
    return editor


def check_arms(
    scenario: Scenario,
    nodes: Mapping[str, Node],
    places: Places,
    problems: Diagnostics,
    changed: frozenset[str] | None = None,
) -> dict[str, Arm]:
    """The arms with their values in the form in which the schema holds them.

    Parameters
    ----------
    scenario : Scenario
        Whose arms they are.
    nodes : mapping of str to Node
        Arms as they are written, by name.
    places : Places
        Where the scenario was written.
    problems : Diagnostics
        Takes what is wrong in an arm alone.
    changed : frozenset of str, optional
        Key paths, as rules read them, of what was changed since the other arms were
        right: they are checked where that bears on them.
    """
    reported = {(item.file, item.line, item.col, item.code) for item in problems}
    arms, versions = dict(scenario.arms), dict[str, Scenario]()
    for name, arm in scenario.arms.items():
        moved = _moved_by(arm)
        causes = (moved,) if changed is None or name in nodes else (moved, changed)
        due = rules_due(*causes, is_arm=True)
        is_due = due or "audiences" in moved & (changed or frozenset())
        if name not in nodes and not is_due:
            continue
        node = nodes.get(name) or from_plain(arm, places.tree.mark)
        of_arm = Diagnostics()
        _check_events(scenario, name, node, of_arm)
        editor = version_of(scenario, name, node)
        of_arm += editor.problems
        if not of_arm:
            changes = changes_in(node.below("set"))
            findings = findings_in(editor.scenario, due)
            of_arm += [finding.at(places, changes) for finding in findings]
            versions[name] = editor.scenario
            settings = {path: _plain(value_at(editor.scenario, path)) for path in arm.set}
            arms[name] = arm.model_copy(update={"set": settings})
        for item in of_arm:
            if (item.file, item.line, item.col, item.code) not in reported:
                is_placed = item.path.startswith(f"arms.{name}")
                path = item.path if is_placed else f"arms.{shown(name)}: {item.path}"
                problems.append(replace(item, path=path))
    _warn(scenario, versions, nodes, problems)
    return arms


def _moved_by(arm: Arm) -> frozenset[str]:
    """What an arm changes, as rules read it: key paths without names of rows."""
    paths = {without_row(path) for path in arm.set}
    return frozenset(paths | ({"events"} if arm.drop or arm.add else set()))


def _check_events(
    scenario: Scenario, name: str, node: Node, problems: Diagnostics
) -> None:
    """Events that an arm drops are there, those that it adds are not."""
    present = {event.id for event in scenario.events}
    path = f"arms.{shown(name)}"
    for position, item in enumerate(node.below("drop").items):
        if item.value not in present:
            hint = did_you_mean(str(item.value), present)
            why, allowed = f"no event `{shown(item.value)}`", listed(sorted(present))
            place = f"{path}.drop[{position}]"
            problems.add(item, place, "E309", why, hint, allowed)
        present.discard(item.value)
    for item in node.below("add").items:
        event_id = item.value_of("id")
        if event_id in present:
            why, place = f"`{event_id}` already defined", f"events.{event_id}.id"
            problems.add(item.fields["id"], place, "E015", why, "remove one")


def _warn(
    scenario: Scenario,
    versions: Mapping[str, Scenario],
    nodes: Mapping[str, Node],
    problems: Diagnostics,
) -> None:
    """Warnings for a control arm that keeps the focal event, and for two arms that come
    to the same: usually a slip."""
    different: dict[str, Scenario] = {}
    for name, node in nodes.items():
        arm, version = scenario.arms[name], versions.get(name)
        if len(nodes) > 1 and arm.reference and scenario.focal not in arm.drop:
            why = f"the control arm keeps the focal event `{shown(scenario.focal)}`"
            hint = "effects are differences from the control arm, which drops it"
            problems.add(node.at, f"arms.{name}", "W307", why, hint)
        equal_arms = [key for key, other in different.items() if other == version]
        if equal_arms:
            why = f"arm `{name}` comes to the same as arm `{equal_arms[0]}`"
            problems.add(node.at, f"arms.{name}", "W302", why)
        elif version is not None:
            different[name] = version


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return value.isoformat() if isinstance(value, date) else value

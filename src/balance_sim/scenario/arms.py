"""The arms of a scenario: read with it, checked with it, and the version of the
scenario that each one is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from balance_sim.scenario.actors import Names, check_identifier
from balance_sim.scenario.checks import findings_in, rules_due
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    listed,
    near_or,
    problem,
    shown,
)
from balance_sim.scenario.layout import FIXED_IN_ARMS, SECTIONS
from balance_sim.scenario.nodes import REFUSED, Node, Refused, from_plain
from balance_sim.scenario.reading import Places, ValueChange
from balance_sim.scenario.rows import read_row
from balance_sim.scenario.schema import Arm, Scenario
from balance_sim.scenario.setter import Editor, changes_in, value_at
from balance_sim.scenario.tables import row_path
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_ARMS = 100


def read_arms(
    node: Node | None,
    names: Names,
    places: Places,
    problems: Diagnostics,
    most: int = MOST_ARMS,
) -> dict[str, Arm]:
    """The arms as written: what they add is read, what they set is kept as text.

    node: of all arms. most: that there may be."""
    if node is None or node.value is REFUSED:
        return {}
    if not isinstance(node.value, dict):
        why = f"expected a mapping of arms, got {node.kind}"
        problems.add(node, "arms", "E201", why)
        return {}
    if len(node.fields) > most:
        why = f"{len(node.fields):,} arms, more than {most}"
        problems.add(node.at, "arms", "E022", why)
        return {}
    arms = {
        name: read_arm(name, arm, names, places, problems)
        for name, arm in node.fields.items()
    }
    if arms:
        controls = [node.fields[name] for name, arm in arms.items() if arm.reference]
        check_references(arms, [node, *controls][-1].at, problems)
    else:
        problems.add(node, "arms", "E212", "at least 1 arm needed, got 0")
    return arms


def check_references(
    arms: Mapping[str, Arm], mark: Mark, problems: Diagnostics
) -> None:
    """One arm is the control."""
    count = sum(arm.reference for arm in arms.values())
    if count != 1:
        why = f"exactly one arm is the control, got {count}"
        problems.add(mark, "arms", "E111", why, "write `reference: true` in one arm")


def read_arm(
    name: str, node: Node, names: Names, places: Places, problems: Diagnostics
) -> Arm:
    """One arm as written."""
    path = f"arms.{shown(name)}"
    check_identifier(name, node, path, problems)
    fields = Arm.model_fields
    for key, child in node.without(*fields).fields.items():
        unknown_key(problems, child, path, key, fields, "arms.NAME")
    arm_node = node.without(*(node.fields.keys() - fields.keys()))
    arm = read_piece(Arm, arm_node, path, problems, skip=("add", "set"))
    settings = node.below("set")
    if not isinstance(settings.value, dict | Refused):
        hint = "write `key.path: value` pairs"
        problems.add(settings, f"{path}.set", "E201", f"got {settings.kind}", hint)
    added = _read_added(
        node.get("add") or from_plain([]), f"{path}.add", names, places, problems
    )
    arm = arm or Arm()
    values = dict.fromkeys(sorted(settings.fields))
    drop = tuple(sorted(arm.drop))
    return arm.model_copy(update={"drop": drop, "add": added, "set": values})


def _read_added(
    node: Node, path: str, names: Names, places: Places, problems: Diagnostics
) -> tuple[Any, ...]:
    """Events that an arm adds."""
    if not isinstance(node.value, list | Refused):
        why = f"expected a list of events, got {node.kind}"
        problems.add(node, path, "E201", why)
    events = []
    for position, item in enumerate(node.items):
        name = row_path("events", item, position).removeprefix("events")
        event = read_row("events", item, f"{path}{name}", names, problems)
        if event is not None:
            places.keep("events", event, item)
            events.append(event)
    return SECTIONS["events"].sorted(events)


@dataclass(frozen=True)
class ArmCheck:
    """One arm of a scenario that is checked: its node, and where the scenario was
    written."""

    name: str
    node: Node
    places: Places

    @property
    def path(self) -> str:
        """The key path of the arm."""
        return f"arms.{shown(self.name)}"

    def check_events(self, scenario: Scenario, problems: Diagnostics) -> None:
        """Events that are dropped are there, those that are added are not."""
        ids = {event.id for event in scenario.events}
        dropped: set[str] = set()
        for position, item in enumerate(self.node.below("drop").items):
            item_path = f"{self.path}.drop[{position}]"
            if item.value not in ids:
                hint = near_or(str(item.value), ids, "give the id of an event")
                why = f"no event `{shown(item.value)}`"
                allowed = listed(sorted(ids))
                problems.add(item, item_path, "E309", why, hint, allowed)
            elif item.value in dropped:
                why = f"`{item.value}` dropped twice"
                problems.add(item, item_path, "E015", why)
            dropped.add(item.value)
        present = ids - dropped
        for item in self.node.below("add").items:
            event_id = item.value_of("id")
            if event_id in present:
                why, path = f"`{event_id}` already defined", f"events.{event_id}.id"
                mark = item.fields["id"]
                problems.add(mark, f"{self.path}: {path}", "E015", why, "remove one")
            present.add(event_id)

    def report(self, problem: Diagnostic, problems: Diagnostics) -> None:
        """Add a problem of this arm, under the key path of the arm."""
        path = problem.path
        if not path.startswith(self.path):
            path = f"{self.path}: {path}"
        problems.append(replace(problem, path=path))

    def version(
        self,
        scenario: Scenario,
        problems: Diagnostics,
        changed: frozenset[str] | None = None,
    ) -> Scenario | None:
        """The scenario as it is in the arm, or None; what is wrong in the arm alone
        goes to `problems`.

        changed: key paths of the scenario that were changed since the arm was right;
        None: all of the arm is checked."""
        of_arm = Diagnostics()
        self.check_events(scenario, of_arm)
        changes = changes_in(self.node.below("set"), f"{self.path}.set")
        editor = Editor(_with_events(scenario, scenario.arms[self.name]))
        editor.apply(changes, FIXED_IN_ARMS)
        version = editor.result()
        problems += of_arm
        for fault in editor.problems:
            self.report(fault, problems)
        if of_arm or editor.problems:
            return None
        moved = moved_by(scenario.arms[self.name])
        since = (moved,) if changed is None else (moved, changed)
        for finding in findings_in(version, rules_due(*since, is_arm=True)):
            self.report(finding.at(self.places, changes), problems)
        return version


def moved_by(arm: Arm) -> frozenset[str]:
    """What an arm changes, as rules read it: key paths without names of rows."""
    paths = {without_row(path) for path in arm.set}
    return frozenset(paths | ({"events"} if arm.drop or arm.add else set()))


def without_row(path: str) -> str:
    """A key path as rules read it: `events.date` of `events.parade.date`."""
    head, _, steps = path.partition(".")
    return f"{head}.{steps.rpartition('.')[2]}" if head in SECTIONS else head


def check_arms(
    scenario: Scenario,
    nodes: Mapping[str, Node],
    places: Places,
    problems: Diagnostics,
) -> dict[str, Arm]:
    """The arms with their values in the form in which the schema holds them; what is
    wrong in an arm alone goes to `problems`. nodes: of the arms as written."""
    reported = {_place(problem) for problem in problems}
    arms, versions = dict(scenario.arms), dict[str, Scenario]()
    for name, node in nodes.items():
        of_arm = Diagnostics()
        version = ArmCheck(name, node, places).version(scenario, of_arm)
        problems += [item for item in of_arm if _place(item) not in reported]
        if version is None:
            continue
        versions[name] = version
        settings = {path: _plain(value_at(version, path)) for path in arms[name].set}
        arms[name] = arms[name].model_copy(update={"set": settings})
    _check_control(scenario, nodes, problems)
    problems += _same_arms(versions, nodes)
    return arms


def check_changed_arms(
    scenario: Scenario, changed: frozenset[str], places: Places, problems: Diagnostics
) -> None:
    """The arms of a scenario of which something was changed since they were right."""
    for name, arm in scenario.arms.items():
        moved = moved_by(arm)
        is_due = rules_due(moved, changed, is_arm=True)
        if is_due or "audiences" in moved & changed:
            node = from_plain(arm.model_dump(), places.tree.mark)
            ArmCheck(name, node, places).version(scenario, problems, changed)


def resolved(scenario: Scenario, name: str) -> Scenario:
    """The scenario as it is in one arm, of a scenario that was read and is right. Its
    sha256 is missing. Raises ScenarioError."""
    arm = scenario.arms[name]
    editor = Editor(_with_events(scenario, arm))
    mark = Mark(scenario.name, 1, 1)
    editor.apply(
        ValueChange(path, from_plain(value, mark), mark)
        for path, value in arm.set.items()
    )
    if editor.problems:
        raise ScenarioError(editor.problems)
    return editor.result()


def _with_events(scenario: Scenario, arm: Arm) -> Scenario:
    """The scenario without what an arm drops and with what it adds. Its arms keep
    titles and the reference mark only."""
    events = scenario.events
    if arm.drop or arm.add:
        kept_events = [event for event in events if event.id not in arm.drop]
        events = SECTIONS["events"].sorted([*kept_events, *arm.add])
    bare = {
        name: Arm(title=declared.title, reference=declared.reference)
        for name, declared in scenario.arms.items()
    }
    return scenario.model_copy(update={"events": events, "arms": bare, "sha256": ""})


def _place(problem: Diagnostic) -> tuple[str, int, int, str]:
    return (problem.file, problem.line, problem.col, problem.code)


def _check_control(
    scenario: Scenario, nodes: Mapping[str, Node], problems: Diagnostics
) -> None:
    """A warning where the control arm keeps the focal event."""
    for name, node in nodes.items():
        arm = scenario.arms[name]
        if len(nodes) > 1 and arm.reference and scenario.focal not in arm.drop:
            why = f"the control arm keeps the focal event `{shown(scenario.focal)}`"
            hint = "effects are differences from the control arm, which drops it"
            problems.add(node.at, f"arms.{name}", "W307", why, hint)


def _same_arms(
    versions: Mapping[str, Scenario], nodes: Mapping[str, Node]
) -> Iterator[Diagnostic]:
    """A warning where two arms come to the same: usually a slip."""
    different: dict[str, Scenario] = {}
    for name, version in versions.items():
        equal_arms = [key for key, compared in different.items() if compared == version]
        different.setdefault(name, version)
        if equal_arms:
            why = f"arm `{name}` comes to the same as arm `{equal_arms[0]}`"
            yield problem(nodes[name].at, f"arms.{name}", "W302", why)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return value.isoformat() if isinstance(value, date) else value

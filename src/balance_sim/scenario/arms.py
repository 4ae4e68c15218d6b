"""The arms of a scenario: checked with it, and the version of the scenario that each
one is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache

from pydantic_core import to_jsonable_python

from balance_sim.scenario.checks import RULES, findings_in
from balance_sim.scenario.diagnostics import Diagnostics, shown, unknown
from balance_sim.scenario.layout import FIXED_IN_ARMS
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.reading import Finding, Places
from balance_sim.scenario.schema import Arm, Scenario, SectionRow, sorted_rows
from balance_sim.scenario.setter import Editor, changes_in, value_at


def version_of(scenario: Scenario, name: str, arm: Node) -> Editor:
    """The scenario as it is in one arm, and what is wrong with its values.

    Parameters
    ----------
    scenario : Scenario
        That has the arm.
    name : str
        Of the arm.
    arm : Node
        As it is written, for the values that it sets.

    Returns
    -------
    Editor
        Its scenario keeps titles and the reference mark of arms only, and has no
        sha256.
    """
    declared = scenario.arms[name]
    events = tuple(event for event in scenario.events if event.id not in declared.drop)
    bare_arms = {
        key: _bare(bare.title, bare.reference) for key, bare in scenario.arms.items()
    }
    update = {
        "events": _with_rows(events, declared.add),
        "changes": _with_rows(scenario.changes, declared.changes),
        "arms": bare_arms,
        "sha256": "",
    }
    editor = Editor(scenario.model_copy(update=update))
    settings = changes_in(arm.below("set"), f"arms.{shown(name)}.set")
    editor.apply(settings, FIXED_IN_ARMS)
    return editor


@lru_cache(maxsize=256)
def _bare(title: str, reference: bool) -> Arm:  # noqa: FBT001
    """An arm that changes nothing."""
    return Arm(title=title, reference=reference)


def _with_rows[Row: SectionRow](
    rows: tuple[Row, ...], added: tuple[Row, ...]
) -> tuple[Row, ...]:
    """Rows of a section, sorted, with others among them."""
    return sorted_rows((*rows, *added)) if added else rows


def check_arms(
    scenario: Scenario,
    nodes: Mapping[str, Node],
    places: Places,
    reported: Collection[Finding] = (),
    changed: frozenset[str] | None = None,
) -> tuple[dict[str, Arm], Diagnostics]:
    """The arms with their values in the form in which the schema holds them, and what
    is wrong in one alone.

    Parameters
    ----------
    scenario : Scenario
        Whose arms they are.
    nodes : mapping of str to Node
        Arms as they are written, by name.
    places : Places
        Where the scenario was written.
    reported : collection of Finding
        What is wrong with the scenario itself.
    changed : frozenset of str, optional
        Parts of the scenario that were changed since the other arms were right: they
        are checked where that bears on them. An event that was changed bears on no
        other: its own row is read again where an arm sets a value in one.
    """
    arms, problems = dict[str, Arm](), Diagnostics()
    for name, arm in scenario.arms.items():
        parts_set = {path.partition(".")[0] for path in arm.set}
        moved = parts_set | ({"events"} if arm.drop or arm.add else set())
        moved |= {"changes"} if arm.changes else set()
        due = [rule for rule in RULES if rule.of_arms and rule.reads & moved]
        if changed is not None and name not in nodes:
            due = [rule for rule in due if rule.reads & (changed - {"events"})]
            if not due and parts_set.isdisjoint(changed):
                continue
        node = nodes.get(name) or from_plain(arm, places.tree.mark)
        of_arm = Diagnostics()
        check_events(scenario, name, node, of_arm)
        editor = version_of(scenario, name, node)
        of_arm += editor.problems
        if not of_arm:
            version, changes = editor.scenario, changes_in(node.below("set"))
            of_arm += [
                places.problem(finding, changes)
                for finding in findings_in(version, due)
                if finding not in reported
            ]
            settings = {path: value_at(version, path) for path in arm.set}
            arms[name] = arm.model_copy(update={"set": to_jsonable_python(settings)})
        for item in of_arm:
            is_placed = item.path.startswith(f"arms.{name}")
            path = item.path if is_placed else f"arms.{shown(name)}: {item.path}"
            problems.append(replace(item, path=path))
    return {**scenario.arms, **arms} if arms else scenario.arms, problems


def check_events(
    scenario: Scenario, name: str, node: Node, problems: Diagnostics
) -> None:
    """Events that an arm drops are there, those that it adds are not."""
    present, path = {event.id for event in scenario.events}, f"arms.{shown(name)}"
    dropped = node.below("drop").items
    for position, item in enumerate(dropped):
        if item.value not in present:
            texts = unknown("event", item.value, present)
            problems.add(item, f"{path}.drop[{position}]", "E309", *texts)
    present -= {item.value for item in dropped}
    for item in node.below("add").items:
        event_id = item.value_of("id")
        if event_id in present:
            why, place = f"`{event_id}` already defined", f"events.{event_id}.id"
            problems.add(item.fields["id"], place, "E015", why)
        present.add(event_id)

"""A file's tree, read and checked in every arm, becomes a frozen `Scenario` in its one canonical order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from balance_sim.scenario.actors import check_identifier
from balance_sim.scenario.checks import check
from balance_sim.scenario.draft import Draft, Reader
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.layout import SECTIONS, row_path
from balance_sim.scenario.nodes import REFUSED, Node
from balance_sim.scenario.problems import Problem, problem, shown
from balance_sim.scenario.refusals import kind_of, read_piece, unknown_key
from balance_sim.scenario.rows import tidy
from balance_sim.scenario.schema import Arm, Calibration, Report, Scenario
from balance_sim.scenario.values import apply_arm, value_at

MOST_ARMS = 100


@dataclass(slots=True)
class _Version:
    """One arm: what it was declared to be, and the draft of the scenario as it is in that arm."""

    arm: Arm
    draft: Draft


def assemble(tree: Node, name: str, reader: Reader | None = None) -> tuple[Scenario | None, list[Problem]]:
    """The scenario of `tree`, or None, and every problem of it and of any of its arms.

    reader: one that has read trees with the same nodes reads those no second time."""
    reader = reader or Reader()
    base = reader.draft(tree)
    problems = [*base.problems, *check(base)]
    versions = _read_arms(tree, base, reader, problems)
    drafts = [base, *(version.draft for version in versions.values())]
    if any(not one.is_warning for one in problems) or not all(map(_is_complete, drafts)):
        return None, problems
    built = {arm: _build(version.draft, name, {}) for arm, version in versions.items()}
    arms = {arm: _canonical(version, built[arm]) for arm, version in versions.items()}
    problems += _same_arms(tree, built)
    return _sealed(_build(base, name, arms), arms), problems


def assemble_arm(tree: Node, name: str, arm: str) -> tuple[Scenario | None, list[Problem]]:
    """The scenario as it is in one arm. Its `arms` keep their titles; their changes are made already."""
    reader = Reader()
    base = reader.draft(tree)
    declared = _declared(tree, base, reader, [])
    changed, problems = apply_arm(tree, arm, base.names)
    draft = reader.draft(changed)
    problems += [*draft.problems, *check(draft, is_arm=True)]
    if any(not one.is_warning for one in problems) or not _is_complete(draft):
        return None, problems
    bare = {key: Arm(title=value.title, reference=value.reference) for key, value in declared.items()}
    return _sealed(_build(draft, name, bare), bare), problems


def without_and_with(scenario: Scenario, arm: str, *, sealed: bool = True) -> Scenario:
    """The same for an arm that sets nothing: its events dropped and added, all of which was checked at loading.

    sealed: with a sha256 of its own; else with none."""
    change = scenario.arms[arm]
    kept = [event for event in scenario.events if event.id not in change.drop]
    events = tuple(sorted([*kept, *change.add], key=lambda event: (event.date, event.id)))
    bare = {key: Arm(title=value.title, reference=value.reference) for key, value in scenario.arms.items()}
    version = scenario.model_copy(update={"events": events})
    return _sealed(version, bare) if sealed else version.model_copy(update={"arms": bare, "sha256": ""})


def _read_arms(tree: Node, base: Draft, reader: Reader, problems: list[Problem]) -> dict[str, _Version]:
    declared = _declared(tree, base, reader, problems)
    seen = {_place(one) for one in problems}
    versions: dict[str, _Version] = {}
    for name, arm in declared.items():
        changed, found = apply_arm(tree, name, base.names)
        draft = reader.draft(changed)
        of_arm = check(draft, is_arm=True, base=base)
        inner = [one for one in (*draft.problems, *of_arm) if _place(one) not in seen]
        label = f"arms.{shown(name)}: "
        problems += [*found, *(replace(one, path=label + one.path) for one in inner)]
        versions[name] = _Version(arm, draft)
    return versions


def _place(one: Problem) -> tuple[str, int, int, str]:
    return (one.file, one.line, one.col, one.code)


def _declared(tree: Node, base: Draft, reader: Reader, problems: list[Problem]) -> dict[str, Arm]:
    """The arms as written, their added events read, and what is wrong with the list of them."""
    node = tree.get("arms")
    if node is None or node.value is REFUSED:
        return {}
    if not isinstance(node.value, dict):
        problems.append(
            problem(node.mark, "arms", "E201", f"expected a mapping of arms, got {kind_of(node)}")
        )
        return {}
    if len(node.fields) > MOST_ARMS:
        problems.append(problem(node.at, "arms", "E022", f"{len(node.fields):,} arms, more than {MOST_ARMS}"))
        return {}
    arms: dict[str, Arm] = {}
    for name, written in node.fields.items():
        path = f"arms.{shown(name)}"
        problems += check_identifier(name, written, path)
        problems += [
            unknown_key(child, path, key, list(Arm.model_fields), "arms.NAME")
            for key, child in written.fields.items()
            if key not in Arm.model_fields
        ]
        arm, found = read_piece(Arm, written, path, skip=("add", "set"))
        problems += [one for one in found if one.code not in ("E101", "E102", "E104", "E011")]
        added = _added(written, path, base, reader, problems)
        settings = written.get("set")
        if settings is not None and not isinstance(settings.value, dict):
            hint = "write `key.path: value` pairs"
            problems.append(
                problem(settings.mark, f"{path}.set", "E201", f"got {kind_of(settings)}", "", hint)
            )
        if arm is not None:
            arms[name] = arm.model_copy(
                update={
                    "drop": tuple(sorted(arm.drop)),
                    "add": added,
                    "set": dict.fromkeys(settings.fields if settings else ()),
                }
            )
        else:
            arms[name] = Arm()
    problems += _check_reference(node, tree, arms)
    return arms


def _added(written: Node, path: str, base: Draft, reader: Reader, problems: list[Problem]) -> tuple[Any, ...]:
    node = written.get("add")
    if node is None or node.value is REFUSED:
        return ()
    if not isinstance(node.value, list):
        problems.append(
            problem(node.mark, f"{path}.add", "E201", f"expected a list of events, got {kind_of(node)}")
        )
        return ()
    rows = []
    for at, item in enumerate(node.items):
        key = row_path("events", item, at).removeprefix("events")
        rows.append(reader.row("events", item, f"{path}.add{key}", base.names))
        problems += rows[-1].problems
    return tuple(sorted((row.value for row in rows if row.value is not None), key=lambda e: (e.date, e.id)))


def _check_reference(node: Node, tree: Node, arms: dict[str, Arm]) -> list[Problem]:
    if not arms:
        return [problem(node.mark, "arms", "E212", "at least 1 arm needed, got 0")]
    references = [name for name, arm in arms.items() if arm.reference]
    if len(references) != 1:
        why = f"exactly one arm is the reference, got {len(references)}"
        at = node.fields[references[1]].at if references else node.at
        return [problem(at, "arms", "E111", why, suggestion="write `reference: true` in one arm")]
    reference = arms[references[0]]
    focal = tree.get("focal")
    if focal is not None and focal.value not in reference.drop and len(arms) > 1:
        why = f"the reference arm keeps the focal event `{shown(focal.value)}`"
        hint = "effects are differences from the reference arm: it usually drops that event"
        return [problem(node.fields[references[0]].at, f"arms.{references[0]}", "W307", why, suggestion=hint)]
    return []


def _same_arms(tree: Node, built: dict[str, Scenario]) -> Iterable[Problem]:
    """Arms that come to the same: usually a slip."""
    arms = tree.get("arms")
    different: dict[str, Scenario] = {}
    for arm, scenario in built.items():
        twin = next((name for name, other in different.items() if other == scenario), None)
        if twin is None:
            different[arm] = scenario
        elif arms is not None:
            why = f"arm `{arm}` comes to the same as arm `{twin}`"
            yield problem(arms.fields[arm].at, f"arms.{arm}", "W302", why)


def _is_complete(draft: Draft) -> bool:
    """Whether every piece could be read; one that could not has been reported where it was found."""
    pieces = (
        draft.head,
        draft.capability,
        draft.parameters,
        draft.theory,
        draft.report,
        draft.calibration,
    )
    rows = (row.value for section in draft.rows.values() for row in section)
    return all(piece is not None for piece in (*pieces, *rows))


def _build(draft: Draft, name: str, arms: dict[str, Arm]) -> Scenario:
    """Every piece in its canonical order. All pieces have been validated: nothing is checked again."""
    assert draft.head
    assert draft.capability
    assert draft.parameters
    assert draft.theory
    rows = {section: [row.value for row in draft.rows[section]] for section in SECTIONS}
    report = draft.report or Report()
    return Scenario.model_construct(
        schema_version=1,
        name=name,
        **{key: getattr(draft.head, key) for key in type(draft.head).model_fields},
        capability=draft.capability,
        states=tuple(sorted(rows["states"], key=lambda s: s.id)),
        outside=tuple(sorted(draft.names.outside)),
        groups=dict(draft.names.groups),
        audiences={key: tidy(draft.audiences[key]) for key in sorted(draft.audiences)},
        disputes=tuple(sorted(rows["disputes"], key=lambda d: (d.a, d.b))),
        no_relations=tuple(
            sorted(rows["no_relations"], key=lambda r: (r.a, r.b, r.kind, r.since or date.min))
        ),
        distances=tuple(sorted(rows["distances"], key=lambda d: (d.a, d.b))),
        trade=tuple(sorted(rows["trade"], key=lambda t: (t.state, t.partner))),
        frailties=tuple(sorted(rows["frailties"], key=lambda f: (f.a, f.b))),
        accords=tuple(sorted(rows["accords"], key=lambda a: a.id)),
        events=tuple(sorted(rows["events"], key=lambda e: (e.date, e.id))),
        provocations=tuple(sorted(rows["provocations"], key=lambda p: p.id)),
        kinds={key: draft.kinds[key] for key in sorted(draft.kinds)},
        event_kinds={key: draft.event_kinds[key] for key in sorted(draft.event_kinds)},
        parameters=draft.parameters,
        theory=tidy(draft.theory),
        arms=arms,
        report=report.model_copy(
            update={"windows": tuple(sorted(report.windows)), "groups": tuple(sorted(report.groups))}
        ),
        calibration=tidy(draft.calibration or Calibration()),
        sha256="",
    )


def _canonical(version: _Version, scenario: Scenario) -> Arm:
    """The arm with the values it sets in the form in which the schema holds them."""
    settings = {path: _plain(value_at(scenario, path)) for path in sorted(version.arm.set)}
    return version.arm.model_copy(update={"set": settings})


def _plain(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _sealed(scenario: Scenario, arms: dict[str, Arm]) -> Scenario:
    whole = scenario.model_copy(update={"arms": arms})
    return whole.model_copy(update={"sha256": content_digest(whole)})

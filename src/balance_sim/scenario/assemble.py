"""A file's tree, changed by key path and checked in every arm, becomes a frozen
`Scenario` in its canonical order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import compress
from operator import attrgetter
from typing import Any

from balance_sim.scenario import schema
from balance_sim.scenario.actors import check_identifier
from balance_sim.scenario.arms import BY_DATE, keep_arms, tidy
from balance_sim.scenario.checks import check
from balance_sim.scenario.defaults import presets, weights_under
from balance_sim.scenario.diagnostics import (
    REFUSED,
    Diagnostic,
    Diagnostics,
    Mark,
    Node,
    Refused,
    did_you_mean,
    errors_in,
    from_plain,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.draft import Draft, Reader
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.layout import (
    FIXED_IN_ARMS,
    NoSuchPath,
    locate,
    replaced,
    what_was_meant,
)
from balance_sim.scenario.schema import Arm, Scenario, Strict
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_ARMS = 100


def assemble(
    tree: Node,
    name: str,
    found: Diagnostics,
    reader: Reader | None = None,
    *,
    most_arms: int = MOST_ARMS,
) -> Scenario | None:
    """The scenario of `tree`, or None; every problem of it and of any of its arms goes
    to `found`.

    It carries each of its arms, complete. reader: one that has read trees with the same
    nodes reads those no second time. most_arms: that it may have."""
    reader = reader or Reader()
    base = reader.draft(tree)
    problems = Diagnostics([*base.problems, *check(base)])
    declared = _declared(tree, base, reader, problems, most_arms)
    drafts = _arm_drafts(tree, [*declared], base, reader, problems)
    found += problems
    if errors_in(problems) or not all(
        one.is_complete for one in (base, *drafts.values())
    ):
        return None
    built = {arm: _build(draft, name) for arm, draft in drafts.items()}
    for (
        arm,
        one,
    ) in declared.items():  # what they set, in the form in which the schema holds it
        settings = {
            path: _plain(value_at(built[arm], path)) for path in sorted(one.set)
        }
        declared[arm] = one.model_copy(update={"set": settings})
    scenario = sealed(_build(base, name).model_copy(update={"arms": declared}))
    scenario._checked = scenario.sha256
    bare = {
        arm: Arm(title=one.title, reference=one.reference)
        for arm, one in declared.items()
    }
    versions = {
        arm: version.model_copy(update={"arms": bare}) for arm, version in built.items()
    }
    keep_arms(scenario, {(arm, False): version for arm, version in versions.items()})
    found += _same_arms(tree, versions)
    return scenario


def _arm_drafts(
    tree: Node, arms: Sequence[str], base: Draft, reader: Reader, found: Diagnostics
) -> dict[str, Draft]:
    """The scenario as it is in each arm, with what is wrong in that arm alone."""
    seen = {_place(one) for one in found}
    drafts: dict[str, Draft] = {}
    for name in arms:
        of_arm = Diagnostics()
        drafts[name] = reader.draft(apply_arm(tree, name, of_arm))
        inner = [*drafts[name].problems, *check(drafts[name], is_arm=True, base=base)]
        label = f"arms.{shown(name)}: "
        found += of_arm
        found += [
            replace(one, path=label + one.path)
            for one in inner
            if _place(one) not in seen
        ]
    return drafts


def _place(one: Diagnostic) -> tuple[str, int, int, str]:
    return (one.file, one.line, one.col, one.code)


def _declared(
    tree: Node, base: Draft, reader: Reader, found: Diagnostics, most: int
) -> dict[str, Arm]:
    """The arms as written, their added events read, and what is wrong with the list of
    them."""
    node = tree.get("arms")
    if node is None or not isinstance(node.value, dict):
        if node is not None and node.value is not REFUSED:
            found.add(
                node, "arms", "E201", f"expected a mapping of arms, got {node.kind}"
            )
        return {}
    if len(node.fields) > most:
        found.add(
            node.at, "arms", "E022", f"{len(node.fields):,} arms, more than {most}"
        )
        return {}
    arms: dict[str, Arm] = {}
    for name, written in node.fields.items():
        path = f"arms.{shown(name)}"
        check_identifier(name, written, path, found)
        for key, child in written.fields.items():
            if key not in Arm.model_fields:
                unknown_key(
                    found, child, path, key, list(Arm.model_fields), "arms.NAME"
                )
        of_arm = Diagnostics()
        arm = read_piece(Arm, written, path, of_arm, skip=("add", "set"))
        found += [
            one for one in of_arm if one.code not in ("E101", "E102", "E104", "E011")
        ]
        added = _added(written, path, base, reader, found)
        settings = written.get("set")
        if settings is not None and not isinstance(settings.value, dict):
            hint = "write `key.path: value` pairs"
            found.add(settings, f"{path}.set", "E201", f"got {settings.kind}", hint)
        given = dict.fromkeys(settings.fields if settings else ())
        changes = {
            "drop": tuple(sorted(arm.drop if arm else ())),
            "add": added,
            "set": given,
        }
        arms[name] = arm.model_copy(update=changes) if arm is not None else Arm()
    _check_reference(node, tree, arms, found)
    return arms


def _added(
    written: Node, path: str, base: Draft, reader: Reader, found: Diagnostics
) -> tuple[Any, ...]:
    node = written.get("add") or from_plain([])
    if not isinstance(node.value, list | Refused):
        found.add(
            node, f"{path}.add", "E201", f"expected a list of events, got {node.kind}"
        )
    rows = [
        reader.row("events", item, at, base.names, f"{path}.add")
        for at, item in enumerate(node.items)
    ]
    found += [one for row in rows for one in row.problems]
    return tuple(
        sorted((row.value for row in rows if row.value is not None), key=BY_DATE)
    )


def _check_reference(
    node: Node, tree: Node, arms: dict[str, Arm], found: Diagnostics
) -> None:
    references = [name for name, arm in arms.items() if arm.reference]
    focal = tree.get("focal")
    if not arms:
        found.add(node, "arms", "E212", "at least 1 arm needed, got 0")
    elif len(references) != 1:
        why = f"exactly one arm is the control, got {len(references)}"
        at = node.fields[references[1]].at if references else node.at
        found.add(at, "arms", "E111", why, "write `reference: true` in one arm")
    elif (
        focal is not None
        and focal.value not in arms[references[0]].drop
        and len(arms) > 1
    ):
        why = f"the control arm keeps the focal event `{shown(focal.value)}`"
        hint = "effects are differences from the control arm, which usually drops that event"
        found.add(
            node.fields[references[0]].at, f"arms.{references[0]}", "W307", why, hint
        )


def _same_arms(tree: Node, versions: Mapping[str, Scenario]) -> Iterator[Diagnostic]:
    """Arms that come to the same: usually a slip."""
    different: dict[str, Scenario] = {}
    for arm, scenario in versions.items():
        same = next(
            (name for name, other in different.items() if other == scenario), None
        )
        if same is None:
            different[arm] = scenario
        else:
            why = f"arm `{arm}` comes to the same as arm `{same}`"
            yield problem(
                tree.fields["arms"].fields[arm].at, f"arms.{arm}", "W302", why
            )


_BY_ID = attrgetter("id")
_ORDER: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("disputes", "distances", "frailties"), attrgetter("a", "b")),
    "no_relations": lambda row: (row.a, row.b, row.kind, row.since or date.min),
    "trade": attrgetter("state", "partner"),
    "events": BY_DATE,
}
"""How the rows of a section are sorted; others by their id."""


def _build(draft: Draft, name: str) -> Scenario:
    """Every piece in its canonical order, without arms. All pieces have been validated:
    nothing is checked again."""
    assert draft.head
    assert draft.report
    windows, groups = sorted(draft.report.windows), sorted(draft.report.groups)
    values: dict[str, Any] = {
        **dict(draft.head),
        "capability": draft.capability,
        "outside": tuple(sorted(draft.names.outside)),
        "groups": dict(draft.names.groups),
        "audiences": {
            key: tidy(draft.audiences[key]) for key in sorted(draft.audiences)
        },
        "kinds": dict(sorted(draft.kinds.items())),
        "event_kinds": dict(sorted(draft.event_kinds.items())),
        "parameters": draft.parameters,
        "theory": tidy(draft.theory),
        "report": draft.report.model_copy(
            update={"windows": tuple(windows), "groups": tuple(groups)}
        ),
        "calibration": tidy(draft.calibration),
        "posterior": draft.posterior,
    }
    for section, rows in draft.rows.items():
        order = _ORDER.get(section, _BY_ID)
        values[section] = tuple(sorted((row.value for row in rows), key=order))
    return Scenario.model_construct(
        schema_version=1, name=name, arms={}, sha256="", **values
    )


def _plain(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else value


# --- values by key path -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A new value for a key path. key: where the path was written; label: how messages
    name it."""

    path: str
    node: Node
    key: Mark
    label: str = ""


FIXED = {
    head: f"an arm cannot set `{head}`: it is the same in all arms"
    for head in FIXED_IN_ARMS
}
EXPANDED = {
    "groups": "`groups` were expanded when the file was read; change them with --set or in the file"
}


def changes_in(settings: Node, within: str = "") -> list[ValueChange]:
    """What a mapping of key paths to values sets. within: of the mapping, for
    messages."""
    told = settings.fields.items()
    return [
        ValueChange(path, child, child.at, f"{within}.{shown(path)}" if within else "")
        for path, child in told
    ]


def apply_changes(
    tree: Node,
    changes: Sequence[ValueChange],
    found: Diagnostics,
    fixed: Mapping[str, str] = {},
) -> Node:
    """The tree with every change made, in the order of their paths; a theory before its
    weights.

    fixed: first parts of paths that cannot be set here, and why."""
    for change in sorted(
        changes, key=lambda one: (one.path != "theory.preset", one.path)
    ):
        label, head = change.label or change.path, change.path.split(".")[0]
        if head in fixed:
            found.add(change.key, label, "E110", fixed[head])
            continue
        try:
            steps = locate(tree, change.path)
        except NoSuchPath as error:
            meant = what_was_meant(tree, change.path, error)
            found.add(change.key, label, "E101", shown(str(error), 120), meant)
            continue
        if change.node.value is REFUSED:
            continue
        tree = replaced(tree, steps, change.node)
        if change.path == "theory.preset":
            tree = _give_way(tree, str(change.node.value or change.node.text))
    return tree


def _give_way(tree: Node, preset: str) -> Node:
    """Weights of the file that a newly chosen theory names are the theory's; the file's
    others stay."""
    theory = tree.get("theory")
    if theory is None or preset not in presets():
        return tree
    theory = theory.without(*presets()[preset].beside_weights)
    weights = theory.get("weights")
    if weights is not None:
        theory = theory.with_fields(
            {"weights": weights.without(*presets()[preset].weights)}
        )
    return tree.with_fields({"theory": theory})


@lru_cache(maxsize=1)
def _ids_of(events: Node) -> tuple[list[str | None], set[str], bool]:
    """The id of each event, all ids, and whether every event could be read; kept, as
    all arms ask for the same."""
    named = [
        str(child.value) if (child := event.get("id")) else None
        for event in events.items
    ]
    is_whole = all(event.value is not REFUSED for event in events.items)
    return named, {name for name in named if name is not None}, is_whole


def apply_arm(tree: Node, name: str, found: Diagnostics) -> Node:
    """The tree as it is in one arm: without what it drops, with what it adds, with what
    it sets."""
    arm = tree.below("arms").get(name)
    if arm is None:
        return tree
    path = f"arms.{shown(name)}"
    events = tree.get("events") or from_plain([])
    dropped: set[str] = set()
    named, ids, is_whole = _ids_of(events)
    for at, item in enumerate(arm.below("drop").items):
        if not isinstance(item.value, str) or (item.value not in ids and not is_whole):
            continue
        where = f"{path}.drop[{at}]"
        if item.value not in ids:
            hint = did_you_mean(item.value, ids) or "give the id of an event"
            found.add(
                item,
                where,
                "E309",
                f"no event `{shown(item.value)}`",
                hint,
                listed(sorted(ids)),
            )
        elif item.value in dropped:
            found.add(item, where, "E015", f"`{item.value}` dropped twice")
        dropped.add(item.value)
    kept = compress(events.items, [name not in dropped for name in named])
    changed = tree.with_fields(
        {"events": events.with_value([*kept, *arm.below("add").items])}
    )
    return apply_changes(
        changed, changes_in(arm.below("set"), f"{path}.set"), found, FIXED
    )


def as_tree(scenario: Scenario) -> Node:
    """A complete scenario as the tree of a file that would give it; every place in it
    is line 1 of its name."""
    dumped = scenario.model_dump(exclude={"name", "sha256"})
    dumped["schema"] = dumped.pop("schema_version")
    theory = dumped["theory"]
    below = weights_under(theory["preset"])
    theory["weights"] = {
        term: value
        for term, value in theory["weights"].items()
        if value != below.get(term)
    }
    preset = presets().get(theory["preset"])
    for name, value in (preset.beside_weights if preset is not None else {}).items():
        if theory.get(name, 0.0) == value:
            theory.pop(name, None)
    if "rest" in dumped["audiences"]:
        dumped["audiences"]["rest"]["members"] = ()
    return from_plain(dumped, Mark(scenario.name, 1, 1))


def value_at(scenario: Scenario, path: str) -> Any:
    """The present value at a key path, as the models hold it. Raises LookupError where
    there is none.

    >>> from balance_sim.scenario import load_scenario
    >>> value_at(load_scenario("scenarios/beijing_2025.yaml"), "events.parade.visibility")
    1.0"""
    here: Any = scenario
    parts = path.split(".")
    while parts:
        part = parts.pop(0)
        if isinstance(here, Mapping):
            if part == "set" or part in here:
                here = here[part]
            else:
                whole = ".".join([part, *parts])
                here, parts = here[whole], []
        elif isinstance(here, tuple):
            here = _row_named(here, part)
        elif isinstance(here, Strict) and part in type(here).model_fields:
            here = getattr(here, part)
        else:
            raise LookupError(f"nothing at `{path}`")
    return here


def _row_named(rows: tuple[Any, ...], key: str) -> Any:
    for row in rows:
        if isinstance(row, schema.Dispute | schema.Distance | schema.Frailty):
            names: list[Any] = [f"{row.a}-{row.b}", f"{row.b}-{row.a}"]
        else:
            names = (
                [f"{row.state}-{row.partner}"]
                if isinstance(row, schema.Trade)
                else [getattr(row, "id", None)]
            )
        if key in names:
            return row
    raise LookupError(f"no item `{key}`")

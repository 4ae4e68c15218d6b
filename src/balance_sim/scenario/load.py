"""From files to a `Scenario`: read, lay over the defaults, change by `--set`, check;
and the same with other values."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from balance_sim.scenario.arms import (
    check_arms,
    check_changed_arms,
    check_references,
    read_arm,
    read_arms,
    resolved,
)
from balance_sim.scenario.calibration import stale, with_calibration, with_posterior
from balance_sim.scenario.checks import findings_in, rules_due
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    did_you_mean,
    errors_in,
    few_suggestions,
    in_order,
    listed,
    refused,
    shown,
)
from balance_sim.scenario.documents import EXAMPLE, no_space, read_document
from balance_sim.scenario.files import LARGEST_SCENARIO, LARGEST_TABLE, Sources, decoded
from balance_sim.scenario.fingerprint import sealed as with_digest
from balance_sim.scenario.layout import SECTIONS, TOP
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, iso_date, merged
from balance_sim.scenario.plans import refuse_other_kind
from balance_sim.scenario.reading import Places, ValueChange, names_in, read_draft
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import Editor
from balance_sim.scenario.tables import read_table

DEEPEST_EXTENDS = 8


def load_scenario(
    path: str | os.PathLike[str],
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
    calibrated: bool = True,
    drawn: bool = True,
) -> Scenario:
    """The scenario in a file, complete and frozen, checked in every arm.

    Parameters
    ----------
    path : of a YAML file, or the name of one in ./scenarios
    set : `key.path=value` texts laid over the file
    theory : a preset that replaces the file's
    held : files by name, `path` among them, to read from instead of the disk
    calibrated : with the calibration that the file names, else as if it named none, and
        no posterior
    drawn : with the posterior that the file names, else as if it named none

    Returns
    -------
    Scenario : every value, states sorted by code, with the sha256 of its content

    Raises
    ------
    ScenarioError : with everything that is wrong: file, line, column, key, value,
        bound, next step

    Examples
    --------
    >>> load_scenario("scenarios/beijing_2025.yaml").reference_arm
    'no_parade'
    """
    scenario, problems = check_scenario(
        path, set=set, theory=theory, held=held, calibrated=calibrated, drawn=drawn
    )
    if scenario is None:
        raise ScenarioError(errors_in(problems))
    return scenario


def check_scenario(
    path: str | os.PathLike[str],
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
    calibrated: bool = True,
    drawn: bool = True,
) -> tuple[Scenario | None, list[Diagnostic]]:
    """The scenario, or None if it is refused, and all problems and warnings: errors
    first, in the order of the file."""
    label = shown(os.fspath(path), 200)
    sources, problems = None, Diagnostics()
    with few_suggestions():
        try:
            sources = Sources(path, held)
            label = sources.shown
            tree = read_files(sources, problems, calibrated=calibrated, drawn=drawn)
            refuse_other_kind(tree, "scenario", label)
        except ScenarioError as error:
            refusals = _with_origin([*problems, *error.problems], sources)
            return None, in_order(refusals, label)
        changes = option_changes(set, theory, problems)
        scenario = _read_tree(tree, sources, changes, problems)
    problems = Diagnostics(_with_origin(problems, sources))
    if errors_in(problems) or scenario is None:
        return None, in_order(problems, label)
    if held is None:
        folder = os.fspath(sources.folder_of(scenario.posterior.file))
        scenario = scenario.model_copy(update={"folder": folder})
    return scenario, in_order(problems, label)


def _read_tree(
    tree: Node, sources: Sources, changes: Sequence[ValueChange], problems: Diagnostics
) -> Scenario | None:
    """The scenario of a tree with changes laid over it, or None."""
    tree, changes = _with_names(tree, changes)
    of_tree = Diagnostics()
    draft = read_draft(tree, of_tree)
    places, arms = draft.places, tree.get("arms")
    draft.values["arms"] = read_arms(arms, draft.names, places, of_tree)
    problems += of_tree
    written = draft.scenario(stem(sources.path.name))
    nodes = dict(tree.below("arms").fields)
    if errors_in(of_tree) or draft.incomplete:
        findings = findings_in(written, rules_due(), draft.incomplete)
        problems += [finding.at(places) for finding in findings]
        return None
    stale(written, tree, sources.shown, problems)
    if not changes:
        scenario = _checked(written, nodes, places, (), problems)
        return None if scenario is None else scenario.counted_as(scenario)
    editor = Editor(written, arms=nodes)
    editor.apply(changes)
    problems += editor.problems
    changed = _with_arms_read(editor, places, problems)
    scenario = _checked(changed, nodes, places, changes, problems)
    own_nodes = tree.below("arms").fields
    as_written = _checked(written, own_nodes, places, (), Diagnostics())
    return None if scenario is None else scenario.counted_as(as_written or scenario)


def _with_names(
    tree: Node, changes: Sequence[ValueChange]
) -> tuple[Node, list[ValueChange]]:
    """The tree with other groups and other actors outside, and the other changes:
    these are names that a file's rows use, and the rows are read after them."""
    kept_changes = []
    for change in changes:
        head, _, name = change.path.partition(".")
        groups = tree.below("groups")
        if head == "groups" and name in groups.fields:
            tree = tree.with_fields({"groups": groups.with_fields({name: change.node})})
        elif change.path == "outside":
            tree = tree.with_fields({"outside": change.node})
        else:
            kept_changes.append(change)
    return tree, kept_changes


def _with_arms_read(editor: Editor, places: Places, problems: Diagnostics) -> Scenario:
    """The changed scenario, its arms read again where they were changed."""
    scenario = editor.result()
    names, arms = names_in(scenario), dict(scenario.arms)
    for name, node in editor.arms.items():
        if f"arms.{name}" in editor.changed:
            arms[name] = read_arm(name, node, names, places, problems)
            check_references(arms, node.mark, problems)
    return scenario.model_copy(update={"arms": arms})


def _checked(
    scenario: Scenario,
    arms: Mapping[str, Node],
    places: Places,
    changes: Sequence[ValueChange],
    problems: Diagnostics,
) -> Scenario | None:
    """The scenario, by every rule and in every arm, with its sha256; None if it is
    refused. arms: as they are written."""
    findings = findings_in(scenario, rules_due())
    problems += [finding.at(places, changes) for finding in findings]
    checked_arms = check_arms(scenario, arms, places, problems)
    if errors_in(problems):
        return None
    return with_digest(scenario.model_copy(update={"arms": checked_arms}))


def scenario_files(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Every file the scenario is read from, by its name within the scenario's folder.

    Raises ScenarioError if one cannot be read."""
    sources, problems = Sources(path), Diagnostics()
    read_files(sources, problems)
    errors = errors_in(problems)
    if errors:
        raise ScenarioError(in_order(errors, sources.shown))
    return dict(sorted(sources.files.items()))


# --- values and arms ------------------------------------------------------------------


def with_values(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """The scenario with other values at some key paths. Its classes stay those as
    written.

    What is changed is validated, by every rule that reads it and in every arm; without
    values the whole scenario is.

    Parameters
    ----------
    scenario : that is changed; it stays as it is
    values : by key path, as `events.parade.visibility`

    Returns
    -------
    Scenario : a new one, with a sha256 of its own

    Raises
    ------
    ScenarioError : for a path that leads nowhere, or a value that is refused

    Examples
    --------
    >>> scenario = load_scenario("scenarios/beijing_2025.yaml")
    >>> with_values(scenario, {"parameters.beta": 0.5}).parameters.beta
    0.5
    """
    changes = []
    for number, (path, value) in enumerate(values.items(), 1):
        mark = Mark("values", number, 1)
        changes.append(ValueChange(path, from_plain(value, mark), mark))
    changed, problems = with_changes(scenario, changes)
    if changed is None:
        raise ScenarioError(in_order(errors_in(problems), scenario.name))
    return changed


def with_changes(
    scenario: Scenario, changes: Sequence[ValueChange]
) -> tuple[Scenario | None, Diagnostics]:
    """The scenario with some changes, or None if one is refused, and what is wrong."""
    editor = Editor(scenario)
    editor.apply(changes)
    problems = editor.problems
    places = Places(Node({}, Mark(scenario.name, 1, 1)))
    if problems:
        return None, problems
    changed = _with_arms_read(editor, places, problems)
    moved = frozenset(editor.changed)
    findings = findings_in(changed, rules_due(moved) if changes else rules_due())
    problems += [finding.at(places, changes) for finding in findings]
    nodes = {name: editor.arms[name] for name in editor.arms}
    if not changes:
        nodes = _arm_nodes(scenario)
    arms = check_arms(changed, nodes, places, problems)
    changed = changed.model_copy(update={"arms": arms})
    if changes:
        check_changed_arms(changed, moved, places, problems)
    if errors_in(problems):
        return None, problems
    return with_digest(changed).counted_as(scenario), problems


def with_arms(
    scenario: Scenario, arms: Node, most: int
) -> tuple[Scenario | None, Diagnostics]:
    """The scenario with other arms, or None if one is refused, and what is wrong.

    arms: nodes by name. most: that there may be."""
    problems, places = Diagnostics(), Places(arms)
    read = read_arms(arms, names_in(scenario), places, problems, most)
    if errors_in(problems):
        return None, problems
    changed = scenario.model_copy(update={"arms": read})
    checked = check_arms(changed, arms.fields, places, problems)
    if errors_in(problems):
        return None, problems
    sealed_scenario = with_digest(changed.model_copy(update={"arms": checked}))
    return sealed_scenario.counted_as(scenario), problems


def _arm_nodes(scenario: Scenario) -> dict[str, Node]:
    """Nodes that would give the scenario's arms."""
    mark = Mark(scenario.name, 1, 1)
    arms = {name: arm.model_dump() for name, arm in scenario.arms.items()}
    return from_plain(arms, mark).fields


def arm_scenario(scenario: Scenario, arm: str, *, sealed: bool = True) -> Scenario:
    """The scenario as it is in one arm: without what the arm drops, with what it adds
    and sets. Its `arms` keep titles and the reference mark only.

    sealed: with its sha256, which takes as long to work out as its arrays. Raises
    ScenarioError for an unknown arm."""
    if arm not in scenario.arms:
        hint, allowed = did_you_mean(arm, scenario.arms), listed(scenario.arms)
        mark, why = Mark(scenario.name, 1, 1), f"no arm `{shown(arm)}`"
        raise refused(mark, "arms", "E107", why, hint, allowed)
    version = resolved(scenario, arm)
    return with_digest(version) if sealed else version


# --- files ----------------------------------------------------------------------------


def stem(name: str) -> str:
    """The scenario's name from its file's: what no identifier may hold becomes `_`."""
    bare = os.path.splitext(name)[0]
    return re.sub(r"[^A-Za-z0-9_-]", "_", bare)[:64] or "scenario"


def read_files(
    sources: Sources,
    problems: Diagnostics,
    *,
    calibrated: bool = True,
    drawn: bool = True,
) -> Node:
    """The tree of a scenario file: its tables read in, the files it extends and its
    calibration laid below it.

    Raises ScenarioError where there is no tree to speak of."""
    tree = _read_mapping(sources.main(), sources.shown, problems)
    tree = _with_base(tree, sources.path.name, sources, [], problems)
    if not (calibrated and drawn):
        tree = tree.without("posterior")
    if not calibrated:
        tree = tree.without("calibration")
    tree = with_calibration(tree, sources, problems)
    return with_posterior(tree, sources, problems)


def _read_mapping(text: str, file: str, problems: Diagnostics) -> Node:
    """The tree of a file that is a mapping. Raises ScenarioError."""
    node, of_values = read_document(text, file)
    if isinstance(node.value, dict):
        problems += of_values
        return node
    if node.value is None:
        raise refused(Mark(file, 1, 1), "", "E004", "the file is empty", EXAMPLE)
    match = re.match(r"([A-Za-z_]\w*):(\S+)", str(node.value))
    if match:
        raise ScenarioError([no_space(node.mark, match[1], match[2])])
    why = f"expected a mapping with keys {listed(TOP, 4)}, got {node.kind}"
    raise refused(node, "", "E012", why, EXAMPLE)


def _with_base(
    tree: Node,
    name: str,
    sources: Sources,
    chain: list[tuple[str, int]],
    problems: Diagnostics,
) -> Node:
    """The tree over that of the file that it extends. chain: files from the first on,
    with the lines that extend."""
    tree = _with_tables(tree, name, sources, problems)
    extends = tree.get("extends")
    if extends is None or extends.value is REFUSED:
        return tree
    tree, chain = tree.without("extends"), [*chain, (name, extends.at.line)]
    file = sources.beside(
        extends.value, name, extends.mark, "extends", LARGEST_SCENARIO
    )
    _check_chain(extends, chain, file.name)
    place = f"{extends.mark.file}:{extends.at.line}"
    sources.included.setdefault(file.shown, place)
    base = _read_mapping(decoded(file.data, file.shown), file.shown, problems)
    below = _with_base(base, file.name, sources, chain, problems)
    rows = {
        section: _rows_over(rows, tree.fields[section], section, problems)
        for section, rows in below.fields.items()
        if section in SECTIONS and isinstance(tree.below(section).value, list)
    }
    return merged(below, tree).with_fields(rows)


def _check_chain(extends: Node, chain: Sequence[tuple[str, int]], base: str) -> None:
    """Refuse a file that extends itself in the end."""
    names = [name for name, _ in chain]
    if base in names:
        steps = [f"{name}:{line}" for name, line in chain[names.index(base) :]]
        why = f"cycle: {' -> '.join([*steps, base])}"
        raise refused(extends, "extends", "E502", why, "remove one `extends`")
    if len(chain) > DEEPEST_EXTENDS:
        why = f"more than {DEEPEST_EXTENDS} files extend each other"
        raise refused(extends, "extends", "E502", why, "merge some of them")


def _with_origin(
    problems: Iterable[Diagnostic], sources: Sources | None
) -> list[Diagnostic]:
    """Problems of an extended file with the line by which it came in. Warnings of one
    that comes with the package are left out: who extends it cannot mend it, and `check`
    of it says them."""
    if sources is None:
        return list(problems)
    placed = []
    for problem in problems:
        is_of_package = sources.names.get(problem.file) in sources.of_package
        if is_of_package and problem.is_warning:
            continue
        place = sources.included.get(problem.file)
        if place is not None and problem.code != "E502":
            message = f"{problem.message} (included from {place})"
            problem = replace(problem, message=message)  # noqa: PLW2901
        placed.append(problem)
    return placed


def _rows_over(below: Node, above: Node, section: str, problems: Diagnostics) -> Node:
    """Rows of a section over those of the extended file: rows with the same key are
    merged, new ones added."""
    rows = list(below.items)
    places = {_key(row, section): place for place, row in enumerate(rows)}
    places.pop(None, None)
    names = [name for name in places if name]
    for row in above.items:
        name = _key(row, section)
        if name in places:
            rows[places[name]] = merged(rows[places[name]], row)
        elif not _is_misspelt(row, name, section, names, problems):
            rows.append(row)
    return above.with_value(rows)


def _key(row: Node, section: str) -> str | None:
    """What names a row as it is written; None if its keys are not given as text."""
    keys = [row.value_of(key) for key in SECTIONS[section].keys]
    is_named = all(isinstance(key, str) and key for key in keys)
    return SECTIONS[section].name(keys) if is_named else None


def _is_misspelt(
    row: Node,
    name: str | None,
    section: str,
    inherited: Sequence[str],
    problems: Diagnostics,
) -> bool:
    """Whether a new row that lacks required keys has nearly the id of an inherited one,
    which is then reported."""
    fields = SECTIONS[section].model.model_fields
    needs = [key for key, info in fields.items() if info.is_required() and key != "id"]
    is_complete = all(key in row.fields for key in needs)
    if name is None or SECTIONS[section].keys != ("id",) or is_complete:
        return False
    near = did_you_mean(name, inherited)
    if near:
        row_type = section.removesuffix("s")
        why = f"no {row_type} `{shown(name)}` in the extended file"
        hint = f"{near} A new {row_type} needs {listed(needs)}"
        problems.add(row.fields["id"], f"{section}.{name}", "E309", why, hint)
    return bool(near)


def _with_tables(
    tree: Node, file: str, sources: Sources, problems: Diagnostics
) -> Node:
    """The tree with every `{table: ...}` item replaced by the rows of that table."""
    start = iso_date(tree.value_of("start"))
    year = getattr(start, "year", None)

    def expanded(node: Node, section: str) -> Node:
        """The list with the rows of its tables, each named once."""
        rows: list[Node] = []
        lines: dict[str, int] = {}
        for item in node.items:
            table = item.get("table")
            if table is None:
                rows.append(item)
                continue
            path = sources.path_of(table.value, file)
            if path in lines:
                why = f"`{shown(table.text)}` already given at line {lines[path]}"
                problems.add(table, f"{section}[].table", "E015", why, "remove one")
            else:
                lines[path] = table.mark.line
                rows += read_table(item, section, sources, file, problems, year)
        return node.with_value(rows) if lines else node

    for section in SECTIONS:
        if section in tree.fields:
            rows = expanded(tree.fields[section], section)
            tree = tree.with_fields({section: rows})
    arms = {
        name: arm.with_fields({"add": expanded(arm.fields["add"], "events")})
        for name, arm in tree.below("arms").fields.items()
        if "add" in arm.fields
    }
    if arms:
        tree = tree.with_fields({"arms": tree.fields["arms"].with_fields(arms)})
    return tree


# --- options --------------------------------------------------------------------------


def option_changes(
    settings: Sequence[str], theory: str | None, problems: Diagnostics
) -> list[ValueChange]:
    """Changes from `--set key.path=value` texts and `--theory`."""
    changes: dict[str, ValueChange] = {}
    for number, text in enumerate(settings):
        path, equals, value = text.partition("=")
        path, label = path.strip(), f"--set[{number}]"
        mark = Mark(label, 1, 1)
        if not equals or not path:
            why = f"expected key.path=value, got `{shown(text)}`"
            problems.add(mark, shown(path), "E101", why, "e.g. parameters.beta=0.2")
        elif path in changes:
            why = f"`{shown(path)}` already set by {changes[path].key.file}"
            problems.add(mark, shown(path), "E014", why, "give it once")
        else:
            column = len(text) - len(value) + 1
            node = _option_value(value, Mark(label, 1, column), problems)
            changes[path] = ValueChange(path, node, mark)
    mark = Mark("--theory", 1, 1)
    if theory is not None:
        preset = ValueChange("theory.preset", from_plain(theory, mark), mark)
        return [preset, *changes.values()]
    return [*changes.values()]


def _option_value(text: str, mark: Mark, problems: Diagnostics) -> Node:
    """The value of an option. mark: where it begins."""
    if not text.strip():
        return Node(None, mark)
    try:
        node, of_value = read_document(text, mark.file)
    except ScenarioError as error:
        problems += error.problems
        return Node(REFUSED, mark)
    problems += of_value
    is_nested = isinstance(node.value, dict | list)
    return node if is_nested else replace(node, mark=mark, key=mark)


# --- sealing --------------------------------------------------------------------------


def seal(path: str | os.PathLike[str]) -> list[str]:
    """Write the sha256 of each table into the scenario file that names it; gives back
    the names of those tables that lacked one.

    A sha256 that is declared and wrong stays: that is for a person to decide. Raises
    ScenarioError where the file cannot be read, or its layout is none that a sha256 can
    be written into."""
    sources = Sources(path)
    text = sources.main()
    lines = text.splitlines(keepends=True)
    tree, _ = read_document(text, sources.shown)
    lists = [tree.below(section) for section in SECTIONS]
    lists += [arm.below("add") for arm in tree.below("arms").fields.values()]
    items = [item for node in lists for item in node.items]
    unsealed = [
        item for item in items if "table" in item.fields and not item.get("sha256")
    ]
    names = []
    for item in sorted(unsealed, key=lambda item: item.mark, reverse=True):
        written = item.fields["table"]
        base, mark = sources.path.name, written.mark
        file = sources.beside(written.value, base, mark, "table", LARGEST_TABLE)
        digest = hashlib.sha256(file.data).hexdigest()
        line, key = written.mark.line - 1, written.at
        line_start = lines[line][: key.col - 1]
        if "{" in line_start:
            end = written.mark.col - 1 + len(written.text) + 2 * written.quoted
            line_end = lines[line][end:]
            lines[line] = f"{lines[line][:end]}, sha256: {digest}{line_end}"
        else:
            indent = " " * len(line_start)
            lines[line] = f"{lines[line].rstrip()}\n{indent}sha256: {digest}\n"
        names.append(written.text)
    sealed_text = "".join(lines)
    read_document(sealed_text, sources.shown)
    if names:
        part = sources.path.with_name(f".{sources.path.name}.part")
        Path(part).write_text(sealed_text, encoding="utf-8", newline="")
        os.replace(part, sources.path)
    return names[::-1]

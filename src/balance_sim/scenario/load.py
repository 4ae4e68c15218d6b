"""From files to a `Scenario`: read, lay over the defaults, change by `--set`, check;
and the same with other values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from balance_sim.scenario.arms import check_arms, check_events, version_of
from balance_sim.scenario.checks import RULES, findings_in
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    errors_in,
    in_order,
    refused,
    shown,
    unknown,
)
from balance_sim.scenario.documents import read_document, read_mapping
from balance_sim.scenario.errors import checked_type
from balance_sim.scenario.files import Sources
from balance_sim.scenario.fingerprint import sealed as with_digest
from balance_sim.scenario.layout import SECTIONS, row_path
from balance_sim.scenario.level import leveled_of
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.reading import (
    Places,
    ValueChange,
    names_in,
    read_draft,
    read_part,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import Editor

DEEPEST_EXTENDS = 8
type ScenarioSource = Scenario | str | os.PathLike[str]
"""A scenario; or the path of its file, or the name of one that is known."""
type Settings = str | Sequence[str] | Mapping[str, object]
"""`key.path=value`, several of them, or values by key path."""
THEORY = "theory.preset"


def load_scenario(
    path: str | os.PathLike[str],
    *,
    set: Settings = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    calibrated: bool | Mapping[str, object] = True,
    drawn: bool = True,
) -> Scenario:
    """The scenario in a file, complete and frozen, checked in every arm.

    Parameters
    ----------
    path : of a YAML file, or the name of one in ./scenarios
    set : `key.path=value` texts, or values by key path, laid over the file
    theory : a preset that replaces the file's
    calibrated : False: as if the file named neither calibration nor posterior; or the
        content of another calibration, as a file of it has it, without a posterior
    drawn : False: as if the file named no posterior

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
        path, set=set, theory=theory, calibrated=calibrated, drawn=drawn
    )
    if scenario is None:
        raise ScenarioError(errors_in(problems))
    return scenario


def scenario_from(source: ScenarioSource) -> Scenario:
    """The scenario itself, or as `load_scenario` reads it."""
    return source if isinstance(source, Scenario) else load_scenario(source)


def check_scenario(
    path: str | os.PathLike[str],
    *,
    set: Settings = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    calibrated: bool | Mapping[str, object] = True,
    drawn: bool = True,
) -> tuple[Scenario | None, list[Diagnostic]]:
    """The scenario, or None if it is refused, and all problems and warnings: errors
    first, in the order of the file."""
    problems, scenario = Diagnostics(), None
    try:
        sources = Sources(path)
    except ScenarioError as error:
        return None, [*error.problems]
    try:
        tree = read_files(sources, problems, calibrated=calibrated, drawn=drawn)
        if {"focal", "extends"}.isdisjoint(tree.fields):
            from balance_sim.scenario.plans import refuse_other_kind

            refuse_other_kind(tree, "scenario", sources.shown)
        changes = option_changes(set, theory, problems)
        scenario = _read_tree(tree, sources, changes, problems)
    except ScenarioError as error:
        problems += error.problems
    warnings = [  # who extends a shipped file cannot mend it
        item
        for item in problems
        if item.is_warning and sources.names.get(item.file) not in sources.of_package
    ]
    errors = errors_in(problems)
    if scenario is not None:
        folder = os.fspath(sources.folder_of(scenario.posterior.file))
        scenario = scenario.model_copy(update={"folder": folder})
    reported = in_order([*errors, *warnings], sources.shown)
    return None if errors else scenario, reported


def places_in(path: str | os.PathLike[str]) -> Places:
    """Where the pieces of a scenario were written, for what is found in its world.

    Raises ScenarioError where the file cannot be read."""
    return Places(read_files(Sources(path), Diagnostics()))


def _read_tree(
    tree: Node, sources: Sources, changes: Sequence[ValueChange], problems: Diagnostics
) -> Scenario | None:
    """The scenario of a tree with changes laid over it, or None."""
    written, incomplete = read_draft(tree, stem(sources.path.name), problems)
    places = Places(tree)
    if errors_in(problems):
        rules = [
            rule for rule in RULES if incomplete.isdisjoint(rule.reads - {rule.rows_of})
        ]
        problems += [places.problem(finding) for finding in findings_in(written, rules)]
        if incomplete.isdisjoint({"arms", "events"}):
            for name, arm in tree.below("arms").fields.items():
                check_events(written, name, arm, problems)
        return None
    if tree.get("calibration") is not None:
        from balance_sim.scenario.calibration import stale

        stale(written, tree, sources, problems)
    scenario = _checked(written, places, problems, arms=tree.below("arms").fields)
    if scenario is None or not changes:
        return scenario
    changed, of_changes = with_changes(scenario, changes, places)
    problems += of_changes
    return changed


def _checked(
    scenario: Scenario,
    places: Places,
    problems: Diagnostics,
    *,
    arms: Mapping[str, Node],
    changes: Sequence[ValueChange] = (),
    origin: Scenario | None = None,
    changed: frozenset[str] | None = None,
) -> Scenario | None:
    """The scenario, by the rules and in its arms, with its sha256; None if it is
    refused.

    arms: nodes of those that are checked. origin: that was changed; changed: parts that
    were, since all was right; None: everything is checked."""
    due = [rule for rule in RULES if changed is None or rule.reads & changed]
    findings = [*findings_in(scenario, due)]
    problems += [places.problem(finding, changes) for finding in findings]
    checked_arms, of_arms = check_arms(scenario, arms, places, findings, changed)
    problems += of_arms
    if errors_in(problems):
        return None
    checked = with_digest(scenario.model_copy(update={"arms": checked_arms}))
    return checked.counted_as(origin or checked)


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


def with_values(scenario: ScenarioSource, values: Settings) -> Scenario:
    """The scenario with other values at some key paths. Dyads stay in the classes that
    they have in the scenario as written, or with another `parameters.tau` in those that
    they would have there; its level is kept (decision 50).

    What is changed is validated, by every rule that reads it and in every arm. Without
    values the whole scenario is validated.

    Parameters
    ----------
    scenario : that is changed, or its path or name; it stays as it is
    values : by key path, as `events.parade.visibility`; or `key.path=value` texts

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
    scenario, problems = scenario_from(scenario), Diagnostics()
    changes = option_changes(values, None, problems)
    changed, of_changes = with_changes(scenario, changes)
    errors = errors_in([*problems, *of_changes])
    if changed is None or errors:
        raise ScenarioError(in_order(errors, scenario.name))
    return changed


def with_changes(
    scenario: Scenario, changes: Sequence[ValueChange], places: Places | None = None
) -> tuple[Scenario | None, Diagnostics]:
    """The scenario with some changes, or None if one is refused, and what is wrong.

    places: where the scenario was written, if that is known."""
    mark = Mark(scenario.name, 1, 1)
    places, editor = places or Places(Node({}, mark)), Editor(scenario)
    editor.apply(changes)
    arms, changed = editor.arms, frozenset(editor.parts) if changes else None
    if editor.problems:
        return None, editor.problems
    if not changes:
        arms = from_plain(scenario.arms, mark).fields
    leveled = leveled_of(editor.scenario, scenario, changes)
    checked = _checked(
        editor.scenario.model_copy(update={"leveled": leveled}),
        places,
        editor.problems,
        arms=arms,
        changes=changes,
        origin=_counted_at(editor.scenario.parameters.tau, scenario),
        changed=changed,
    )
    return checked, editor.problems


def _counted_at(tau: float, scenario: Scenario) -> Scenario:
    """The scenario, counted as from this share on: a value of `tau` says which dyads
    count and moves nothing else. A study that carries its classes keeps them."""
    written = scenario.written
    if tau == scenario.parameters.tau or not isinstance(written, Scenario):
        return scenario
    parameters = written.parameters.model_copy(update={"tau": tau})
    return written.model_copy(update={"parameters": parameters})


def with_arms(scenario: Scenario, arms: Node) -> tuple[Scenario | None, Diagnostics]:
    """The scenario with other arms, or None if one is refused, and what is wrong.

    arms: nodes by name."""
    problems, tree = Diagnostics(), Node({"arms": arms}, arms.mark)
    part = read_part("arms", tree, names_in(scenario), problems)
    if not part:
        return None, problems
    changed, places = scenario.model_copy(update=part), Places(tree)
    nothing: frozenset[str] = frozenset()
    checked = _checked(
        changed, places, problems, arms=arms.fields, origin=scenario, changed=nothing
    )
    return checked, problems


def arm_scenario(scenario: Scenario, arm: str, *, sealed: bool = True) -> Scenario:
    """The scenario as it is in one arm: without what the arm drops, with what it adds
    and sets. Its `arms` keep titles and the reference mark only.

    sealed: with its sha256, which takes as long to work out as its arrays. Raises
    ScenarioError for an unknown arm."""
    mark = Mark(scenario.name, 1, 1)
    if arm not in scenario.arms:
        raise refused(mark, "arms", "E107", *unknown("arm", arm, scenario.arms))
    settings = from_plain(scenario.arms[arm].set, mark)
    editor = version_of(scenario, arm, Node({"set": settings}, mark))
    if editor.problems:
        raise ScenarioError(editor.problems)
    return with_digest(editor.scenario) if sealed else editor.scenario


# --- files ----------------------------------------------------------------------------


def stem(name: str) -> str:
    """The scenario's name from its file's: what no identifier may hold becomes `_`."""
    bare = os.path.splitext(name)[0]
    return re.sub(r"[^A-Za-z0-9_-]", "_", bare)[:64] or "scenario"


def read_files(
    sources: Sources,
    problems: Diagnostics,
    *,
    calibrated: bool | Mapping[str, object] = True,
    drawn: bool = True,
) -> Node:
    """The tree of a scenario file: its tables read in, the files it extends and its
    calibration laid below it.

    Raises ScenarioError where there is no tree to speak of."""
    name = sources.path.name
    tree = read_mapping(sources.main(), sources.shown, problems)
    tree = _with_base(tree, [name], sources, problems)
    if calibrated is not True or not drawn:
        tree = tree.without("posterior")
    if calibrated is not True:
        tree = tree.without("calibration")
    if isinstance(calibrated, Mapping):
        from balance_sim.scenario.calibration import laid

        return laid(tree, from_plain(calibrated, tree.mark), "")
    if tree.get("calibration") is None and tree.get("posterior") is None:
        return tree
    from balance_sim.scenario.calibration import with_results

    return with_results(tree, sources, problems)


def _names_a_table(tree: Node) -> bool:
    """Whether a section has rows in a table beside the file."""
    rows = [row for key in SECTIONS for row in tree.below(key).items]
    return any(row.get("table") is not None for row in rows)


def _with_base(
    tree: Node, chain: Sequence[str], sources: Sources, problems: Diagnostics
) -> Node:
    """The tree over that of the file that it extends. chain: names of files, each of
    which extends the next; the last is that of the tree."""
    if _names_a_table(tree):
        from balance_sim.scenario.tables import with_tables

        tree = with_tables(tree, chain[-1], sources, problems)
    extends = tree.get("extends")
    if extends is None or extends.value is REFUSED:
        return tree
    tree = tree.without("extends")
    file = sources.beside(extends, chain[-1], "extends")
    if file.name in chain or len(chain) > DEEPEST_EXTENDS:
        why = f"cycle, or too long a chain: {' -> '.join([*chain, file.name])}"
        raise refused(extends, "extends", "E502", why, "remove one `extends`")
    base = read_mapping(file.text, file.shown, problems)
    below = _with_base(base, [*chain, file.name], sources, problems)
    rows = {
        section: _rows_over(below.fields[section], tree.fields[section], section)
        for section in SECTIONS
        if below.below(section).items and tree.below(section).items
    }
    return merged(below, tree).with_fields(rows)


def _rows_over(below: Node, above: Node, section: str) -> Node:
    """Rows of a section over those of the extended file: rows with the same key are
    merged, new ones added."""
    rows: dict[str, Node] = {}
    for position, row in enumerate([*below.items, *above.items]):
        name = row_path(section, row, position)
        rows[name] = merged(rows[name], row) if name in rows else row
    return above.with_value([*rows.values()])


# --- options --------------------------------------------------------------------------


def option_changes(
    settings: Settings, theory: str | None, problems: Diagnostics
) -> list[ValueChange]:
    """Changes from `--set key.path=value` texts and `--theory`."""
    changes: dict[str, ValueChange] = {}
    if isinstance(settings, Mapping):
        for number, (path, value) in enumerate(settings.items(), 1):
            mark, key = Mark("values", number, 1), str(path)
            changes[key] = ValueChange(key, from_plain(value, mark), mark)
        settings = ()
    elif isinstance(settings, str):
        settings = [settings]
    checked_type("set", settings, Iterable, "`key.path=value`, or values by key path")
    texts = {f"--set[{number}]": str(text) for number, text in enumerate(settings)}
    if theory is not None:
        texts = {"--theory": f"{THEORY}={theory}", **texts}
    for option, text in texts.items():
        path, equals, value = text.partition("=")
        path, mark = path.strip(), Mark(option, 1, 1)
        if not equals or not path:
            why = f"expected key.path=value, got `{shown(text)}`"
            problems.add(mark, shown(path), "E101", why, "e.g. parameters.beta=0.2")
        elif path in changes:
            why = f"`{shown(path)}` already set by {changes[path].key.file}"
            problems.add(mark, shown(path), "E014", why)
        else:
            place = mark._replace(col=len(text) - len(value) + 1)
            node = _option_value(value, place, problems)
            changes[path] = ValueChange(path, node, mark)
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
    return replace(node, mark=mark, key=mark)


# --- sealing --------------------------------------------------------------------------


def seal(path: str | os.PathLike[str]) -> list[str]:
    """Write the sha256 of each table into the scenario file that names it.

    A sha256 that is declared and wrong stays: that is for a person to decide.

    Parameters
    ----------
    path : of a YAML file, or the name of one in ./scenarios

    Returns
    -------
    list of str : names of those tables that lacked one

    Raises
    ------
    ScenarioError : where the file cannot be read, or its layout is none that a sha256
        can be written into
    """
    sources = Sources(path)
    text = sources.main()
    lines = text.splitlines(keepends=True)
    tree, _ = read_document(text, sources.shown)
    rows = [row for key in SECTIONS for row in tree.below(key).items]
    items = [row for row in rows if row.get("table")]
    tables = [item.fields["table"] for item in items if not item.get("sha256")]
    for table in sorted(tables, key=lambda node: node.mark, reverse=True):
        digest = sources.beside(table, sources.path.name, "table").sha256
        row = table.mark.line - 1
        lines[row] = _sealed_line(lines[row], table, digest)
    sealed_text = "".join(lines)
    read_document(sealed_text, sources.shown)
    if tables:
        part = sources.path.with_name(f".{sources.path.name}.part")
        Path(part).write_text(sealed_text, encoding="utf-8", newline="")
        os.replace(part, sources.path)
    return [table.text for table in tables]


def _sealed_line(line: str, table: Node, digest: str) -> str:
    """The line that names a table, with its sha256: in the same braces, or below."""
    line_start = line[: table.at.col - 1]
    end = table.mark.col - 1 + len(table.text) + 2 * table.quoted
    if "{" in line_start:
        return f"{line[:end]}, sha256: {digest}{line[end:]}"
    return f"{line.rstrip()}\n{' ' * len(line_start)}sha256: {digest}\n"

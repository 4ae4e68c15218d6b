"""A file's tree read piece by piece, so that one refused piece does not hide what is
wrong with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from balance_sim.scenario import schema
from balance_sim.scenario.actors import (
    Names,
    check_identifier,
    code_table,
    expanded,
    known,
    read_groups,
    read_outside,
    read_roster,
)
from balance_sim.scenario.defaults import (
    DEFAULT_PRESET,
    REPLACED_TERMS,
    default_tree,
    is_term,
    presets,
    weights_under,
)
from balance_sim.scenario.diagnostics import (
    Diagnostics,
    Mark,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.layout import OTHER_NAMES, REQUIRED, SECTIONS, SINGLES, TOP
from balance_sim.scenario.nodes import (
    REFUSED,
    Node,
    Refused,
    from_plain,
    iso_date,
    merged,
)
from balance_sim.scenario.rows import read_row
from balance_sim.scenario.schema import (
    SCHEMA_VERSION,
    TERMS,
    Audience,
    Scenario,
    ScenarioHead,
    SectionRow,
    Strict,
    Theory,
)
from balance_sim.scenario.tables import row_path
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_REFUSED = 500
MOST_KINDS = 200
NEEDED = {
    "title": "some text",
    "start": "a date, YYYY-MM-DD",
    "end": "a date after `start`, YYYY-MM-DD",
    "focal": "the id of one of the events",
    "states": "a list of 2 to 400",
    "arms": "a mapping, one of them with `reference: true`",
}


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A new value for a key path. key: where the path was written; label: how messages
    name it."""

    path: str
    node: Node
    key: Mark
    label: str = ""


@dataclass(slots=True)
class Places:
    """Where the pieces of a scenario were written: rows by themselves and by their
    names, all else in the tree."""

    tree: Node
    rows: dict[int, Node] = field(default_factory=dict)
    names: dict[tuple[str, str], Node] = field(default_factory=dict)

    def keep(self, section: str, row: SectionRow, node: Node) -> None:
        """Remember where a row was written."""
        self.rows[id(row)] = node
        self.names[section, SECTIONS[section].name_of(row)] = node

    def node(self, section: str, row: SectionRow | None) -> Node:
        """The node of a row, or of a whole section; else the whole tree."""
        if row is None:
            return self.tree.get(section) or self.tree
        name = SECTIONS[section].name_of(row)
        node = self.rows.get(id(row)) or self.names.get((section, name))
        return node or self.tree.get(section) or self.tree


@dataclass(slots=True)
class Draft:
    """What could be read of a tree.

    values : by field of the scenario; what could not be read is missing there
    incomplete : fields of which a part or all could not be read
    """

    tree: Node
    names: Names
    places: Places
    values: dict[str, Any]
    incomplete: set[str]

    def scenario(self, name: str) -> Scenario:
        """The scenario as far as it could be read, without arms."""
        return Scenario.model_construct(name=name, **self.values)


def read_draft(tree: Node, problems: Diagnostics) -> Draft:
    """Everything that a tree says, but for its arms, and every problem with a single
    piece of it."""
    names = _read_names(tree, problems)
    _check_top(tree, problems)
    places = Places(tree)
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "outside": tuple(sorted(names.outside)),
        "groups": names.groups,
        "arms": {},
        "sha256": "",
    }
    draft = Draft(tree, names, places, values, set())
    for section in SECTIONS:
        rows = _read_section(section, draft, problems)
        values[section] = SECTIONS[section].sorted(rows)
        node = tree.get(section)
        is_whole = node is None or isinstance(node.value, list)
        if node is not None and not (is_whole and len(rows) == len(node.items)):
            draft.incomplete.add(section)
    if not names.is_whole and len(names.roster) > 1:
        draft.incomplete |= {"states", "groups"}
    head = _read_head(tree, problems)
    pieces: dict[str, Any] = {
        "kinds": _read_kinds(tree, "kinds", schema.AgreementKind, problems),
        "event_kinds": _read_kinds(tree, "event_kinds", schema.EventKind, problems),
        "audiences": read_audiences(tree.below("audiences"), names, problems),
        "theory": read_theory(tree.below("theory"), problems),
    }
    for name, model in SINGLES.items():
        if name not in pieces:
            pieces[name] = _read_single(name, model, tree, problems)
    draft.incomplete |= {name for name, piece in pieces.items() if piece is None}
    if head is None:
        draft.incomplete |= {*ScenarioHead.model_fields}
    values |= {**(dict(head) if head else {}), **pieces}
    return draft


def names_in(scenario: Scenario) -> Names:
    """What the rows of a scenario may refer to."""
    return Names(
        frozenset(scenario.codes),
        frozenset(scenario.outside),
        scenario.groups,
        tuple(scenario.kinds),
        tuple(scenario.event_kinds),
    )


def _read_names(tree: Node, problems: Diagnostics) -> Names:
    """The names that a file's tree defines."""
    states, problem_count = tree.below("states"), len(problems)
    roster = read_roster(states, SECTIONS["states"].row_limit, problems)
    count = len(states.items)
    is_read = all(item.value is not REFUSED for item in states.items)
    if isinstance(states.value, list) and count < 2 and is_read:
        why = f"at least 2 states needed, got {count}"
        problems.add(states, "states", "E212", why)
    is_whole = len(problems) == problem_count and len(roster) == len(states.items) > 1
    year = getattr(iso_date(tree.value_of("start")), "year", None)
    is_whole = is_whole and not any(
        known(code, year) for code in roster if code in code_table()
    )
    outside = read_outside(tree.get("outside") or from_plain([]), roster, problems)
    groups = read_groups(tree.below("groups"), roster, problems)
    kinds, event_kinds = [
        tuple({**default_tree().below(head).fields, **tree.below(head).fields})
        for head in ("kinds", "event_kinds")
    ]
    return Names(
        frozenset(roster), frozenset(outside), groups, kinds, event_kinds, is_whole
    )


def _check_top(tree: Node, problems: Diagnostics) -> None:
    """Keys of the top level: known, none missing, the schema one that this version
    reads."""
    for key, child in tree.without(*TOP).fields.items():
        unknown_key(problems, child, "", key, TOP, "the top level")
    renamed = {OTHER_NAMES.get(key) for key in tree.fields}
    hint = f"write `schema: {SCHEMA_VERSION}`"
    for key in REQUIRED:
        if tree.get(key) is None and key not in renamed:
            need = f" ({NEEDED[key]})" if key in NEEDED else ""
            code = "E108" if key == "schema" else "E103"
            next_step = hint if key == "schema" else ""
            problems.add(tree, key, code, f"`{key}` is required{need}", next_step)
    check_version(tree, problems)


def check_version(tree: Node, problems: Diagnostics) -> None:
    """The file's `schema` is the one that this version reads."""
    version = tree.get("schema")
    if version is None or version.value is REFUSED:
        return
    if version.value != SCHEMA_VERSION or isinstance(version.value, bool):
        why = f"got {version.kind}: this version reads {SCHEMA_VERSION}"
        hint = f"write `schema: {SCHEMA_VERSION}`"
        problems.add(version, "schema", "E108", why, hint, str(SCHEMA_VERSION))


def _read_head(tree: Node, problems: Diagnostics) -> ScenarioHead | None:
    """Single values at the top; which are missing is told elsewhere."""
    fields = {"step_days": default_tree().fields["step_days"]}
    for name in ScenarioHead.model_fields:
        if name in tree.fields:
            fields[name] = tree.fields[name]
    of_head = Diagnostics()
    head = read_piece(ScenarioHead, tree.with_value(fields), "", of_head)
    problems += [problem for problem in of_head if problem.code != "E103"]
    return head


def _read_section(section: str, draft: Draft, problems: Diagnostics) -> list[Any]:
    """Rows of a section that could be read; every key names one."""
    node = draft.tree.get(section)
    if node is None or node.value is REFUSED:
        return []
    if not isinstance(node.value, list):
        hint = f"write `{section}:` and below it items that begin with `- `"
        code = "E207" if node.value is None else "E201"
        problems.add(node, section, code, f"expected a list, got {node.kind}", hint)
        return []
    rows: list[Any] = []
    keys: dict[str, Node] = {}
    refused_rows = 0
    for position, item in enumerate(node.items):
        problem_count, path = len(problems), row_path(section, item, position)
        row = read_row(section, item, path, draft.names, problems)
        if row is not None:
            draft.places.keep(section, row, item)
            _check_twice(section, row, item, keys, problems)
            rows.append(row)
        refused_rows += len(problems) > problem_count
        if refused_rows > MOST_REFUSED or position >= SECTIONS[section].row_limit:
            why = f"the rest of `{section}` after {position:,} rows was not read"
            problems.add(item, section, "E022", why)
            break
    return rows


def _check_twice(
    section: str,
    row: SectionRow,
    item: Node,
    keys: dict[str, Node],
    problems: Diagnostics,
) -> None:
    """Each id once, and each dyad: an undirected one whatever its order. keys: of the
    rows before it."""
    name = SECTIONS[section].name_of(row)
    earlier = keys.setdefault(name, item)
    if earlier is item or section in ("states", "no_relations"):
        return
    place = line_of(earlier.mark, item.mark)
    if SECTIONS[section].keys == ("id",):
        why, path = f"`{name}` already defined at {place}", f"{section}.{name}.id"
        problems.add(item.fields["id"], path, "E015", why, "remove one")
    else:
        why = f"the dyad conflicts with {place}: each dyad once"
        problems.add(item, f"{section}.{name}", "E308", why, "remove one")


def line_of(mark: Mark, reader: Mark) -> str:
    """`line 3`, or `line 3 of x.csv` for a reader in another file."""
    return f"line {mark.line}" + (
        f" of {mark.file}" if mark.file != reader.file else ""
    )


def _read_single[Model: Strict](
    name: str, model: type[Model], tree: Node, problems: Diagnostics
) -> Model | None:
    """A section that is one mapping, laid over its defaults."""
    node, below = tree.get(name), default_tree().get(name)
    if below is not None:
        node = merged(below, node) if node is not None else below
    piece = model() if node is None else read_piece(model, node, name, problems)
    return None if piece is None else tidy(piece)


def tidy[Model: Strict](piece: Model) -> Model:
    """The piece with its lists and mappings sorted."""
    changes: dict[str, object] = {}
    for name in ("members", "windows", "groups"):
        values = getattr(piece, name, None)
        if values is not None:
            changes[name] = tuple(sorted(values))
    for name in ("attention", "weights"):
        values = getattr(piece, name, None)
        if values is not None:
            changes[name] = dict(sorted(values.items()))
    return piece.model_copy(update=changes) if changes else piece


def _read_kinds[Kind: Strict](
    tree: Node, name: str, model: type[Kind], problems: Diagnostics
) -> dict[str, Kind] | None:
    """Kinds by name, the shipped ones among them; None where one is refused."""
    section, problem_count = tree.below(name), len(problems)
    if not isinstance(section.value, dict | Refused):
        why = f"expected a mapping of kinds, got {section.kind}"
        problems.add(section, name, "E201", why)
    if len(section.fields) > MOST_KINDS:
        why = f"{len(section.fields):,} kinds, more than {MOST_KINDS}"
        problems.add(section, name, "E022", why)
        return None
    nodes = merged(
        default_tree().fields[name], section.with_value(section.fields)
    ).fields
    kinds: dict[str, Kind] = {}
    for kind, node in sorted(nodes.items()):
        path = f"{name}.{shown(kind)}"
        check_identifier(kind, node, path, problems)
        piece = read_piece(model, node, path, problems)
        if piece is not None:
            kinds[kind] = piece
    return kinds if len(problems) == problem_count else None


# --- audiences ------------------------------------------------------------------------


def read_audiences(
    given: Node, names: Names, problems: Diagnostics
) -> dict[str, Audience] | None:
    """Audiences by name, each state in exactly one; `rest` takes those that no other
    names. None where one is refused."""
    problem_count = len(problems)
    if not isinstance(given.value, dict | Refused):
        why = f"expected a mapping, got {given.kind}"
        problems.add(given, "audiences", "E201", why)
    audiences: dict[str, Audience] = {}
    audience_of: dict[str, str] = {}
    for name, node in given.fields.items():
        audience = _read_audience(name, node, names, audience_of, problems)
        if audience is not None:
            audiences[name] = audience
    if len(problems) > problem_count:
        return None
    return with_rest(audiences, names.roster)


def _read_audience(
    name: str,
    node: Node,
    names: Names,
    audience_of: dict[str, str],
    problems: Diagnostics,
) -> Audience | None:
    """One audience. audience_of: by code, those of states so far."""
    path, members = f"audiences.{shown(name)}", node.get("members")
    check_identifier(name, node, path, problems)
    if members is not None:
        members = expanded(members, f"{path}.members", names, problems, outside=False)
        node = node.with_fields({"members": members})
    kinds = ["default", *names.event_kinds]
    for kind, child in node.below("attention").without(*kinds).fields.items():
        why, hint = f"unknown kind `{shown(kind)}`", did_you_mean(kind, kinds)
        kind_path = f"{path}.attention.{shown(kind)}"
        problems.add(child.at, kind_path, "E211", why, hint, listed(kinds, 30))
    for item in node.below("members").items:
        audience_name = audience_of.setdefault(str(item.value), name)
        if audience_name != name:
            why = f"`{item.value}` is in audience `{audience_name}` already"
            allowed = "each state in one audience"
            problems.add(item, f"{path}.members", "E306", why, allowed=allowed)
    audience = read_piece(Audience, node, path, problems)
    if audience is None:
        return None
    attention = {"default": 1.0, **audience.attention}
    return tidy(audience.model_copy(update={"attention": attention}))


def with_rest(
    audiences: Mapping[str, Audience], roster: frozenset[str]
) -> dict[str, Audience]:
    """The audiences, sorted, with the states that none of them names in `rest`."""
    named = {code for audience in audiences.values() for code in audience.members}
    members = audiences["rest"].members if "rest" in audiences else ()
    all_audiences = dict(audiences)
    if roster - named:
        rest_audience = all_audiences.get("rest") or Audience(
            attention={"default": 1.0}
        )
        members = tuple(sorted({*members, *(roster - named)}))
        all_audiences["rest"] = rest_audience.model_copy(update={"members": members})
    return dict(sorted(all_audiences.items()))


# --- theory ---------------------------------------------------------------------------


def read_theory(given: Node, problems: Diagnostics) -> Theory | None:
    """The theory, with every weight that the file does not give from its preset."""
    if given.value is REFUSED:
        return None
    if not isinstance(given.value, dict):
        hint = f"write preset: {given.text}" if given.text in presets() else ""
        why = f"expected a mapping, got {given.kind}"
        problems.add(given, "theory", "E201", why, hint)
        return None
    preset = given.get("preset") or from_plain(DEFAULT_PRESET)
    name = preset.value
    if name is None and preset.text in presets():  # the preset `null`
        name = preset.text
        preset = preset.with_value(name)
    if isinstance(name, str) and name not in presets():
        why, hint = f"unknown theory `{shown(name)}`", did_you_mean(name, presets())
        problems.add(preset, "theory.preset", "E211", why, hint, listed(presets()))
        preset = preset.with_value(REFUSED)
    for term, child in given.below("weights").fields.items():
        check_term(term, child, f"theory.weights.{shown(term)}", problems)
    chosen = presets().get(str(name))
    of_preset = chosen.beside_weights if chosen else {}
    below = from_plain({**of_preset, "weights": weights_under(str(name))})
    theory_node = merged(below, given).with_fields({"preset": preset})
    theory = read_piece(Theory, theory_node, "theory", problems)
    return None if theory is None else tidy(theory)


def check_term(term: str, node: Node, path: str, problems: Diagnostics) -> None:
    """A weight is that of a term of willingness, or of one of the user's own."""
    if term in REPLACED_TERMS:
        _, why, hint = REPLACED_TERMS[term]
        problems.add(node.at, path, "E104", why, hint)
    elif not is_term(term):
        unknown_key(problems, node, "theory.weights", term, TERMS, "theory.weights")

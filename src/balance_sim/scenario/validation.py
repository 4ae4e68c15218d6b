"""Nodes become pydantic models; what pydantic refuses becomes diagnostics: place, key
path, value, bound, next step.

The pieces of a scenario and every plan (experiment, hindcast, cases, coordination) are
read here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from balance_sim.scenario.defaults import units
from balance_sim.scenario.diagnostics import (
    REFUSED,
    Diagnostics,
    Node,
    ScenarioError,
    descend,
    did_you_mean,
    hint_for_number,
    in_order,
    listed,
    plain,
    refused,
    shown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import Sources, name_of, named_files, shipped_files
from balance_sim.scenario.layout import OTHER_NAMES, SECTIONS, bounds, homes, parts_of
from balance_sim.scenario.schema import (
    AgreementKind,
    CapabilityWeights,
    EventKind,
    Parameters,
    Strict,
)

UNITS = {
    **dict.fromkeys(("gdp_bn", "milex_bn"), "billions of US dollars"),
    "population_m": "millions of people",
    **dict.fromkeys(("latitude", "longitude"), "degrees"),
    "km": "km",
    "rate": "per year",
    **dict.fromkeys(("step_days", "windows"), "days"),
}
UNITLESS = ("factor", "share", "exponent", "weight")
LAID_OVER = (Parameters, CapabilityWeights, AgreementKind, EventKind)
"""What a file gives in part: the rest is shipped."""
_WANTED = {
    "string_type": "text",
    "float_type": "number",
    "int_type": "integer",
    "int_from_float": "integer",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "date_type": "a date",
}
_HINTS = {
    "a date": "write an ISO date, e.g. 2025-09-03",
    "text": "put it in quotes if it is text",
    "true or false": "write true or false",
}


def read_piece[Model: Strict](
    model: type[Model],
    node: Node,
    path: str,
    found: Diagnostics,
    skip: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
) -> Model | None:
    """`node` as a `model`, or None, with every reason why not added to `found`.

    path: of the node, for messages. skip: keys that are read elsewhere. folder: of a
    plan, for its validators."""
    if node.value is REFUSED:
        return None
    if not isinstance(node.value, dict):
        why = f"expected a mapping with keys {listed(model.model_fields, 6)}, got {node.kind}"
        found.add(node, path, "E207" if node.value is None else "E201", why)
        return None
    try:
        return model.model_validate(
            plain(node.without(*skip)), context=folder and {"folder": folder}
        )
    except ValidationError as error:
        why_not = Diagnostics()
        for entry in error.errors(include_url=False):
            _translate(entry, node, path, model, why_not, is_plan=folder is not None)
        meant = {
            joined(path, [OTHER_NAMES[key]])
            for key in node.fields
            if key in OTHER_NAMES
        }
        found += [
            one for one in why_not if not (one.code == "E103" and one.path in meant)
        ]
    return None


def refusal(
    code: str, message: str, suggestion: str = "", allowed: str = ""
) -> PydanticCustomError:
    """What a validator of a plan's field raises: a diagnostic at the place of that
    field."""
    return PydanticCustomError(
        code, "{said}", {"said": message, "suggestion": suggestion, "allowed": allowed}
    )


def unknown_key(
    found: Diagnostics,
    node: Node,
    path: str,
    key: str,
    known: Collection[str],
    here: str | None,
) -> None:
    """A key that does not belong where it stands; says where it does, or what was
    meant.

    here: the place, as `homes` spells it, for keys of another level; None: not in a
    scenario."""
    meant = OTHER_NAMES.get(key)
    whole, named = joined(path, [key]), shown(key)
    name, colon, rest = key.partition(":")
    homes_of = (
        [] if here is None else [home for home in homes().get(key, ()) if home != here]
    )
    if meant in known:
        found.add(
            node.at,
            whole,
            "E104",
            f"`{named}` is called `{meant}` here",
            f"write `{meant}`",
        )
    elif colon and name in known:
        found.add(
            node.at,
            whole,
            "E011",
            f"got text `{named}`",
            f"write `{name}: {shown(rest)}`",
        )
    elif homes_of:
        why = f"`{named}` belongs in {listed(homes_of)}, found in {path or here}"
        move = "move it there" if len(homes_of) == 1 else "move it to where it belongs"
        found.add(
            node.at, whole, "E102", why, did_you_mean(key, known, cutoff=0.8) or move
        )
    else:
        near = did_you_mean(key, known)
        found.add(
            node.at,
            whole,
            "E101",
            f"unknown key `{named}`",
            near,
            "" if near else listed(known, 40),
        )


def is_misspelt(
    row: Node,
    key: str | None,
    name: str,
    inherited: Collection[str],
    found: Diagnostics,
) -> bool:
    """Whether a new row that lacks required keys has nearly the id of an inherited one;
    that is then said."""
    section = SECTIONS[name]
    needs = [
        of
        for of, field in section.model.model_fields.items()
        if field.is_required() and of not in section.keys
    ]
    if key is None or section.keys != ("id",) or all(of in row.fields for of in needs):
        return False
    if near := did_you_mean(key, inherited):
        what = name.removesuffix("s")
        hint = f"{near} A new {what} needs {listed(needs)}"
        found.add(
            row.fields["id"],
            f"{name}.{key}",
            "E309",
            f"no {what} `{shown(key)}` in the extended file",
            hint,
        )
    return bool(near)


def joined(path: str, loc: Sequence[object]) -> str:
    """A path going on: names with dots, positions in brackets."""
    for step in loc:
        path += (
            f"[{step}]"
            if isinstance(step, int)
            else f".{shown(step)}"
            if path
            else shown(step)
        )
    return path


def _translate(
    entry: Any,
    root: Node,
    path: str,
    model: type[Strict],
    found: Diagnostics,
    *,
    is_plan: bool,
) -> None:
    """One pydantic error told; nothing where the reader has complained already."""
    loc = [step for step in entry["loc"] if step != "[key]"]
    node, kind = descend(root, loc), entry["type"]
    if node.value is REFUSED or (
        kind == "too_short" and len(node.items) >= entry["ctx"]["min_length"]
    ):
        return  # items that are refused are told one by one
    owner, name, inner = _field_of(model, loc)
    where, limits = joined(path, loc), bounds(owner, name) if name else ""
    unit = UNITS.get(name) or units().get(name, "")
    unit = "" if unit in UNITLESS or is_plan else unit
    need = ", ".join(filter(None, (unit, limits))) if name else ""
    written = (
        node.kind
        if isinstance(node.value, dict | list)
        else shown(node.text or node.value)
    )
    if kind == "missing":
        found.add(
            node, where, "E103", f"`{loc[-1]}` is required" + f" ({need})" * bool(need)
        )
    elif kind == "extra_forbidden":
        above = joined(path, loc[:-1])
        unknown_key(
            found,
            node,
            above,
            str(loc[-1]),
            inner.model_fields,
            None if is_plan else path,
        )
    elif node.value is None:
        field = (
            owner.model_fields.get(name)
            if len(loc) == 1 and owner not in LAID_OVER
            else None
        )
        must = field is not None and field.is_required() and name != "step_days"
        leave = "" if must else ", or leave the key out"
        found.add(
            node, where, "E207", "value missing", f"write {need or 'a value'}{leave}"
        )
    elif kind in _WANTED:
        _wrong_type(node, where, _WANTED[kind], written, limits, found)
    else:
        found.add(node, where, *_refused(entry, node, written, unit, limits))


def _refused(
    entry: Any, node: Node, written: str, unit: str, limits: str
) -> tuple[str, str, str, str]:
    """Code, message, suggestion and what is allowed, of a value of the right type that
    the schema refuses."""
    kind, context = entry["type"], entry.get("ctx", {})
    if re.fullmatch(r"[EW]\d{3}", kind):
        return kind, context["said"], context["suggestion"], context["allowed"]
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        limits = limits or shown(entry["msg"].removeprefix("Input should be "))
        return (
            "E203",
            f"{written} is outside {limits}" + f" ({unit})" * bool(unit),
            "",
            limits,
        )
    if kind == "finite_number":
        return (
            "E204",
            f"{written} must be finite",
            "",
            ", ".join(filter(None, (unit, limits))),
        )
    if kind == "literal_error":
        options = [
            part.strip(" '")
            for part in context["expected"].replace(" or ", ", ").split(",")
        ]
        why = f"`{written}` is none of {listed(options)}"
        return "E211", why, did_you_mean(written, options), listed(options)
    if kind == "string_pattern_mismatch":
        named = shown(
            str(entry["input"]), 80
        )  # a key's own text: `written` is what stands under it
        return (
            "E106",
            f"`{named}` is not a valid identifier",
            "",
            "[A-Za-z0-9_-], 1 to 64 characters",
        )
    if kind == "string_too_short":
        return "E207", "value missing", "write some text", ""
    if kind == "string_too_long":
        limit = f"at most {context['max_length']:,} characters"
        return "E203", f"{len(node.text):,} characters are too many", "", limit
    if kind == "too_short":
        return (
            "E212",
            f"at least {context['min_length']} needed, got {context['actual_length']}",
            "",
            "",
        )
    return "E203", shown(entry["msg"], 120), "", ""


def _field_of(
    model: type[Strict], loc: Sequence[object]
) -> tuple[type[Strict], str, type[Strict]]:
    """The model that owns the field where a location ends, the field's name, and the
    innermost model on the way."""
    owner, name, inner = model, "", model
    for step in loc:
        if isinstance(step, str) and step in inner.model_fields:
            owner, name = inner, step
            below = (part for part in parts_of(owner, name) if isinstance(part, type))
            nested = next((part for part in below if issubclass(part, Strict)), None)
            if nested is None:
                break
            inner = nested
    return owner, name, inner


def _wrong_type(
    node: Node, path: str, wanted: str, written: str, limits: str, found: Diagnostics
) -> None:
    value, code, hint = node.value, "E201", _HINTS.get(wanted, "")
    if wanted == "a date":
        found.add(
            node,
            path,
            "E209",
            f"`{written}` is not a date",
            hint,
            "a day that exists, as YYYY-MM-DD",
        )
        return
    if wanted in ("number", "integer") and isinstance(value, str):
        code, hint = hint_for_number(value)
        hint = hint.removesuffix(", with a point") if wanted == "integer" else hint
    elif wanted == "integer" and isinstance(value, float) and value.is_integer():
        hint = f"write {int(value)}"
    elif wanted == "a list" and isinstance(value, str):
        hint = f"write [{shown(value)}]"
    found.add(node, path, code, f"expected {wanted}, got {node.kind}", hint, limits)


# --- kinds of files, and plans ----------------------------------------------------------------------

Kind = Literal[
    "scenario", "experiment", "game", "cases", "hindcast", "manifest", "summary"
]
PlanKind = Literal["cases", "hindcast"]


class FileKind(NamedTuple):
    """keys: one of them at the top level tells the kind; what: in words; command: what
    takes it."""

    name: Kind
    keys: tuple[str, ...]
    what: str
    command: str


_SCENARIO = FileKind(
    "scenario", ("states", "focal", "extends", "arms"), "a scenario", "balance-sim run"
)
_HINDCAST = ("until", "window", "baselines", "ways")
FILE_KINDS = (
    FileKind(
        "manifest",
        ("manifest_version",),
        "the manifest of a results folder",
        "balance-sim verify",
    ),
    FileKind(
        "summary", ("digest",), "the summary of a results folder", "balance-sim report"
    ),
    FileKind("cases", ("cases",), "a plan of cases", "balance-sim evidence cases"),
    FileKind(
        "hindcast",
        _HINDCAST,
        "the plan of a hindcast",
        "balance-sim evidence hindcast --data DIR",
    ),
    FileKind("game", ("players",), "a game", "balance-sim game"),
    FileKind(
        "experiment",
        ("scenario", "factors", "points"),
        "an experiment",
        "balance-sim sweep",
    ),
    _SCENARIO,
)
"""In the order in which they are tried: `states` also stands in plans, `arms` in
experiments."""
SHOWN_KINDS: dict[Kind, str] = {
    "scenario": "Scenarios",
    "experiment": "Experiments",
    "cases": "Cases from history",
    "hindcast": "Hindcasts, from data that are not shipped",
    "game": "Games",
}
"""What files that are found by name are called where they are listed, in this order."""
PLAN_COMMANDS: dict[PlanKind, str] = {
    "cases": "balance-sim evidence cases",
    "hindcast": "balance-sim evidence hindcast",
}


def _is_meant(kind: FileKind, keys: Collection[str]) -> bool:
    """True if a file with these keys is meant as this kind, with or without a key too
    many."""
    if kind is _SCENARIO:
        return (
            "focal" in keys
            or "extends" in keys
            or ("states" in keys and "arms" in keys)
        )
    return not {*kind.keys}.isdisjoint(keys)


def file_kind(keys: Collection[str]) -> FileKind | None:
    """The kind of a file with these keys at its top level; None where none of them
    tells."""
    if _is_meant(_SCENARIO, keys) and not {"manifest_version", "digest"} & {*keys}:
        return _SCENARIO
    return next(
        (kind for kind in FILE_KINDS if not {*kind.keys}.isdisjoint(keys)), None
    )


def kind_of_file(path: str | os.PathLike[str]) -> FileKind | None:
    """What kind of file this is, by its top-level keys; None where nothing tells."""
    try:
        tree, _ = read_document(Sources(path).main(), os.fspath(path))
    except ScenarioError:
        return None
    return file_kind(tree.fields)


def plan_kind(path: str | os.PathLike[str]) -> PlanKind | None:
    """Which command a file is a plan of, by keys at its top level that no scenario has;
    None if of none."""
    found = kind_of_file(path)
    return next(
        (name for name in PLAN_COMMANDS if found is not None and name == found.name),
        None,
    )


def refuse_other_kind(tree: Node, wanted: Kind, file: str) -> None:
    """Raises ScenarioError, with what takes it, where a file is of another kind than
    `wanted`."""
    found, meant = (
        file_kind(tree.fields),
        next(kind for kind in FILE_KINDS if kind.name == wanted),
    )
    if wanted == "game" and not any(
        key in tree.fields for key in ("factors", "points", "design")
    ):
        found = (
            found if "scenario" not in tree.fields else meant
        )  # a game names its scenario as experiments do
    if found is not None and found is not meant and not _is_meant(meant, tree.fields):
        given = (
            file.rpartition("/")[0] or "."
            if found.name in ("manifest", "summary")
            else file
        )
        raise refused(
            tree,
            "",
            "E012",
            f"this is {found.what}, not {meant.what}",
            f"{found.command} {given}",
        )


class Offered(NamedTuple):
    """A file that commands find by its name: what it is, what takes it, and whether it
    comes with the package."""

    name: str
    kind: Kind
    title: str
    command: str
    path: str
    is_shipped: bool


def offered_files() -> list[Offered]:
    """Scenarios, experiments and games in the folders here and of the package, each
    name once and a file here first."""
    own = {os.path.realpath(path) for _, path in shipped_files()}
    found: dict[tuple[str, str], Offered] = {}
    for folder, path in [*named_files(Path()), *shipped_files()]:
        try:
            tree, _ = read_document(Sources(path).main(), str(path))
        except ScenarioError:
            continue
        kind, title, name = file_kind(tree.fields), tree.get("title"), name_of(path)
        if kind is not None and kind.name in SHOWN_KINDS:
            first, second, *more = kind.command.split()
            command = " ".join([first, second, name, *more])
            said = title.text if title is not None else ""
            one = Offered(
                name, kind.name, said, command, str(path), os.path.realpath(path) in own
            )
            found.setdefault((folder.name, name), one)
    return sorted(found.values(), key=lambda one: [*SHOWN_KINDS].index(one.kind))


Refuse = Callable[..., None]
"""`refuse(key path, code, message, suggestion="", allowed="")`: what holds between the
keys of a plan, and does not."""


def read_plan[Plan: Strict](
    model: type[Plan],
    path: str | os.PathLike[str],
    kind: Kind,
    *,
    rules: Callable[[Plan, Refuse], None] | None = None,
    held: Mapping[str, bytes] | None = None,
) -> Plan:
    """The plan in a YAML file, as a pydantic model.

    rules: what must hold between its keys. held: files by name to read from instead of
    the disk. Raises ScenarioError with everything that is wrong: file, line, column,
    key, value, bound, next step."""
    sources = Sources(path, held)
    tree, found = read_document(sources.main(), sources.shown)
    refuse_other_kind(tree, kind, sources.shown)
    plan = read_piece(model, tree, "", found, folder=sources.path.parent)

    def refuse(
        where: str, code: str, message: str, suggestion: str = "", allowed: str = ""
    ) -> None:
        steps = [
            int(step) if step.isdigit() else step
            for step in re.split(r"[.\[\]]+", where)
            if step
        ]
        found.add(descend(tree, steps), where, code, message, suggestion, allowed)

    if plan is not None and rules is not None:
        rules(plan, refuse)
    if plan is None or found:
        raise ScenarioError(in_order(found, sources.shown))
    return plan

"""Single values set in a scenario's own models, without its tree: the short way to an
arm and to a point of a sweep.

What is set is checked by the schema of its piece; all else is shared with the scenario.
Of a point only numbers are set here that no rule between pieces (`checks.py`) refuses;
of an arm whatever it sets, as that was checked when it was read with the scenario. The
answer is None for all else: then the tree is read as a file's is, and says what is
wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from balance_sim.scenario.defaults import is_term, presets, weights_under
from balance_sim.scenario.diagnostics import from_plain
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.schema import (
    MOST_A_YEAR,
    SIGNAL_ORDER,
    Arm,
    Audience,
    EventKind,
    Scenario,
    Theory,
)

UNREAD: dict[str, tuple[str, ...]] = {
    "states": ("reliability", "autonomy", "propensity", "propensity_declarations"),
    "disputes": ("rivalry", "claim", "militarised", "war"),
    "distances": ("km",),
    "frailties": ("factor", "shape"),
    "events": ("visibility",),
    "provocations": ("visibility",),
}
"""Numbers of rows that no rule reads."""
WARNED: dict[str, tuple[str, ...]] = {
    "states": ("democracy", "ideal_point"),
    "provocations": ("rate",),
}
"""Numbers of rows that rules read and refuse nothing for: a missing one, or a rate that
is high, is a warning."""


def tidy(piece: Any) -> Any:
    """A pair with its first code first; lists and mappings sorted."""
    changes: dict[str, object] = {}
    if hasattr(piece, "a") and piece.a > piece.b:
        changes |= {"a": piece.b, "b": piece.a}
    for field in ("patrons", "members"):
        value = getattr(piece, field, ())
        if tuple(sorted(value)) != value:
            changes[field] = tuple(sorted(value))
    for field in ("attention", "weights"):
        value = getattr(piece, field, None)
        if value is not None:
            changes[field] = dict(sorted(value.items()))
    return piece.model_copy(update=changes) if changes else piece


def with_numbers(scenario: Scenario, values: Mapping[str, object]) -> Scenario | None:
    """The scenario with these numbers by key path, or None where the short way cannot
    tell that all is well.

    scenario: as it was assembled, so that whatever is not set is known to be right. Its
    sha256 is the old one."""
    changed: Scenario | None = scenario
    for path in sorted(values):
        number = from_plain(values[path]).value  # NumPy's become Python's
        if type(number) not in (float, int) or not _is_free(path) or changed is None:
            return None
        changed = _with(changed, path, number)
    if changed is not None and changed.capability is not scenario.capability:
        weights = changed.capability
        if abs(weights.gdp + weights.milex + weights.population - 1.0) > 1e-9:
            return None
    if changed is None or changed.event_kinds is scenario.event_kinds:
        return changed
    # the order of the signals' weights is the one rule on numbers set here; arms may
    # set some of them too
    moved = any(
        path.startswith("event_kinds.")
        for arm in changed.arms.values()
        for path in arm.set
    )
    return None if moved or any(signals_out_of_order(changed.event_kinds)) else changed


def _is_free(path: str) -> bool:
    head, *rest = path.split(".")
    if head in SECTIONS:
        return len(rest) == 2 and rest[1] in (
            *UNREAD.get(head, ()),
            *WARNED.get(head, ()),
        )
    free = ("parameters", "capability", "kinds", "event_kinds", "theory", "audiences")
    return path == "base_rate" or (
        head in free and rest[-1:] not in (["preset"], ["members"])
    )


def signals_out_of_order(
    kinds: Mapping[str, EventKind],
) -> Iterator[tuple[str, str, str]]:
    """Costly signals that weigh no more than the next cheaper one: which weight, of
    which kind, and of which other."""
    for name in ("alignment", "intent"):
        known = [kind for kind in SIGNAL_ORDER if kind in kinds]
        for before, kind in pairwise(known):
            if abs(getattr(kinds[kind], name)) <= abs(getattr(kinds[before], name)):
                yield name, kind, before


def resolved(scenario: Scenario, arm: str, *, is_checked: bool) -> Scenario | None:
    """The scenario as it is in one arm, without a sha256, or None where the short way
    does not know how.

    is_checked: it is as it was assembled, so that whatever its arms set is known to be
    right."""
    change = scenario.arms[arm]
    kept = [event for event in scenario.events if event.id not in change.drop]
    events = tuple(
        sorted([*kept, *change.add], key=BY_DATE) if change.add else kept
    )  # kept in their order
    bare = {
        name: Arm(title=one.title, reference=one.reference)
        for name, one in scenario.arms.items()
    }
    version = scenario.model_copy(update={"events": events, "arms": bare, "sha256": ""})
    version._arms, version._arms_of, version._checked = {}, (), ""
    return with_settings(version, change.set, is_checked=is_checked)


def at_hand(scenario: Scenario) -> dict[tuple[str, bool], Scenario]:
    """The arms that were resolved for this very content, by name and by whether they
    have a sha256."""
    pairs = zip(scenario._arms_of, _content(scenario), strict=False)
    is_same = all(a is b or (type(a) is float and a == b) for a, b in pairs)
    return scenario._arms if is_same else {}


def keep_arms(scenario: Scenario, arms: Mapping[tuple[str, bool], Scenario]) -> None:
    """Have the scenario carry these arms; its copies share them for as long as they are
    like it."""
    scenario._arms, scenario._arms_of = dict(arms), _content(scenario)


def _content(scenario: Scenario) -> tuple[object, ...]:
    return tuple(
        [value for name, value in scenario.__dict__.items() if name != "sha256"]
    )


BY_DATE = attrgetter("date", "id")
"""How events are sorted."""
IN_EVENTS = ("date", "principals", "guests", "targets", "sign")
"""What an arm of any scenario may set beside the numbers that are free; an arm of one
that was checked may set all."""


def with_settings(
    scenario: Scenario, settings: Mapping[str, object], *, is_checked: bool = False
) -> Scenario | None:
    """The scenario with what an arm sets, or None where the short way does not know
    how. Its sha256 is the old one.

    settings: values as the schema holds them; what is dropped and added is out and in
    already."""
    changed: Scenario | None = scenario
    for path in sorted(settings, key=lambda path: (path != "theory.preset", path)):
        head, _, rest = path.partition(".")
        is_usual = _is_free(path) or (
            head == "events" and rest.partition(".")[2] in IN_EVENTS
        )
        changed = (
            _with(changed, path, settings[path])
            if changed and (is_checked or is_usual)
            else None
        )
    if changed is not None and changed.events is not scenario.events:
        events = tuple(sorted(changed.events, key=BY_DATE))
        changed = changed.model_copy(update={"events": events})
    return changed


def _with(scenario: Scenario, path: str, value: object) -> Scenario | None:
    """One value set; None if the path is none of those that can be set here, or the
    schema refuses the value."""
    head, *rest = path.split(".")
    value = tuple(value) if isinstance(value, list) else value
    is_term_of_theory = len(rest) == 2 and rest[0] == "weights" and is_term(rest[1])
    is_heeded = (
        len(rest) == 3
        and rest[1] == "attention"
        and rest[2] in (*scenario.event_kinds, "default")
    )
    new: Any = None
    if path == "base_rate":
        new = (
            value
            if isinstance(value, float | int) and 0 < value <= MOST_A_YEAR
            else None
        )
    elif head in SECTIONS and len(rest) == 2:
        new = _in_rows(scenario, head, rest[0], rest[1], value)
    elif path == "theory.preset":
        new = _theory(scenario.theory, str(value))
    elif head == "audiences" and rest[1:] == ["members"]:
        new = _with_members(scenario, rest[0], value)
    elif (
        len(rest)
        == {"parameters": 1, "capability": 1, "kinds": 2, "event_kinds": 2}.get(head)
        or (
            head == "theory"
            and (is_term_of_theory or rest in (["equal_hostility"], ["signal_cost"]))
        )
        or (head == "audiences" and is_heeded)
    ):
        new = _put(getattr(scenario, head), rest, value)
    return None if new is None else scenario.model_copy(update={head: new})


def _put(here: Any, steps: list[str], value: object) -> Any:
    """A piece or a mapping with a value at these steps, as it would be read; None if
    they lead nowhere, or refused."""
    step, below = steps[0], steps[1:]
    if below:
        inner = here.get(step) if isinstance(here, dict) else getattr(here, step, None)
        value = None if inner is None else _put(inner, below, value)
        if value is None:
            return None
    if isinstance(here, dict):
        return dict(sorted({**here, step: value}.items()))
    with suppress(ValidationError):
        return type(here).model_validate({**here.__dict__, step: value})
    return None


def _theory(theory: Theory, name: str) -> Theory | None:
    """Another preset. What the scenario says itself stays where the preset says
    nothing."""
    if (preset := presets().get(name)) is None:
        return None
    below = weights_under(theory.preset)
    own = {
        term: weight
        for term, weight in theory.weights.items()
        if weight != below.get(term)
    }
    weights = dict(
        sorted({**weights_under(preset.name), **own, **preset.weights}.items())
    )
    return theory.model_copy(
        update={"preset": preset.name, **preset.beside_weights, "weights": weights}
    )


def _with_members(scenario: Scenario, name: str, value: object) -> Any:
    """Audiences of which one has other members; `rest` takes those that no other
    names."""
    old = scenario.audiences
    if (
        name not in old
        or not isinstance(value, tuple)
        or not _are_actors(value, scenario.codes)
    ):
        return None
    members = {key: one.members for key, one in old.items() if key != "rest"} | {
        name: value
    }
    named = [code for codes in members.values() for code in codes]
    if len({*named}) < len(named):
        return None
    new = {
        key: one.model_copy(update={"members": members.get(key, ())})
        for key, one in old.items()
    }
    return dict(sorted(with_rest(new, {*scenario.codes} - {*named}).items()))


def with_rest(
    audiences: dict[str, Audience], left: Collection[str]
) -> dict[str, Audience]:
    """The audiences, with the states that are left over in `rest`."""
    if not left:
        return audiences
    rest = audiences.get("rest") or Audience(attention={"default": 1.0})
    return {
        **audiences,
        "rest": rest.model_copy(
            update={"members": tuple(sorted({*rest.members, *left}))}
        ),
    }


def _are_actors(codes: tuple[object, ...], known: tuple[str, ...]) -> bool:
    """Whether a list holds what a list of actors holds once it was read: known codes,
    sorted."""
    return list(codes) == sorted({one for one in known if one in codes})


def _in_rows(
    scenario: Scenario, head: str, name: str, field: str, value: object
) -> Any:
    rows, keys = getattr(scenario, head), SECTIONS[head].keys
    known = (
        scenario.codes if field == "patrons" else (*scenario.codes, *scenario.outside)
    )
    if field == "kind" and str(value) not in (
        scenario.kinds if head == "accords" else scenario.event_kinds
    ):
        return None
    if field in keys or (isinstance(value, tuple) and not _are_actors(value, known)):
        return None
    words = [name] if len(keys) == 1 else name.split("-")
    words = words if SECTIONS[head].directed else sorted(words)
    found = [
        at
        for at, row in enumerate(rows)
        if [getattr(row, key) for key in keys] == words
    ]
    new = _put(rows[found[0]], [field], value) if len(found) == 1 else None
    return (
        None if new is None else (*rows[: found[0]], tidy(new), *rows[found[0] + 1 :])
    )

"""What must hold between the pieces of a scenario: time, events, theory, arms' common ground.

Each check takes a `Draft` and yields problems; it looks only at pieces that could be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from balance_sim.scenario.checks_pairs import check_accords, check_no_relations, check_pairs
from balance_sim.scenario.draft import Draft
from balance_sim.scenario.nodes import NOWHERE, REFUSED, Node
from balance_sim.scenario.problems import Problem, closest, listed, problem, shown
from balance_sim.scenario.rows import Row
from balance_sim.scenario.schema import SIGNAL_ORDER, Event, EventKind

MOST_STEPS = 20_000
MOST_DAYS = (
    30_000  # a thousand of the shortest half-lives that states' agreements may have: 2^1024 is no number
)
MOST_WINDOWS = 100
type Rule = Callable[[Draft], Iterator[Problem]]
NEED_COMPANY = ("joint_summit", "exercise", "treaty", "fighting_together")


def check(draft: Draft, *, is_arm: bool = False, base: Draft | None = None) -> list[Problem]:
    """Every problem between the pieces of `draft`. is_arm: of one arm's version, which may lack the focal.

    base: a draft whose problems are known already: those of single rows that it holds are left out."""
    found = [one for rule in _RULES for one in rule(_changed(draft, base, rule))]
    if not is_arm:
        found += [*_check_focal(draft), *_check_report(draft), *_check_size(draft)]
    return found


def _changed(draft: Draft, base: Draft | None, rule: Rule) -> Draft:
    """The draft with those rows alone that `base` does not hold, for a rule that looks at each row by itself."""
    if base is None or rule not in _BY_ROW:
        return draft
    section, beside = _BY_ROW[rule]
    if beside(draft) != beside(base):
        return draft
    known = {id(row) for row in base.rows[section]}
    rows = [row for row in draft.rows[section] if id(row) not in known]
    return replace(draft, rows={**draft.rows, section: rows})


def _node(draft: Draft, *path: str) -> Node:
    node = draft.tree
    for step in path:
        child = node.get(step)
        if child is None:
            break
        node = child
    return node


def _check_span(draft: Draft) -> Iterator[Problem]:
    head = draft.head
    if head is None:
        return
    start, end = _node(draft, "start"), _node(draft, "end")
    if head.end <= head.start:
        why = f"`end` {head.end} is not after `start` {head.start} (line {start.mark.line})"
        yield problem(end.mark, "end", "E210", why)
        return
    days = (head.end - head.start).days
    if days > MOST_DAYS:
        why = f"{days:,} days from start to end exceed {MOST_DAYS:,}"
        yield problem(end.mark, "end", "E203", why, suggestion="take a shorter span")
        return
    steps = math.ceil(days / head.step_days)
    if steps > MOST_STEPS:
        why = f"{steps:,} steps from start to end exceed {MOST_STEPS:,}"
        step = _node(draft, "step_days")
        node = step if step is not draft.tree else end
        yield problem(node.mark, "step_days", "E203", why, suggestion="take a larger step or a shorter span")


def _check_base_rate(draft: Draft) -> Iterator[Problem]:
    """A stated level of at most one agreement a year and dyad."""
    if draft.head is None or draft.head.base_rate is None:
        return
    n = len(draft.rows["states"])
    if draft.head.base_rate > n * (n - 1) / 2:
        why = f"{draft.head.base_rate:g} agreements a year among {n} states; at most one a dyad, {n * (n - 1) // 2}"
        yield problem(_node(draft, "base_rate").mark, "base_rate", "E203", why, suggestion="give fewer")


def is_known_whole(draft: Draft, name: str) -> bool:
    """False if a table of the section could not be read: what it would hold is not missed then."""
    return all(row.node.value is not REFUSED for row in draft.rows[name])


def _events(draft: Draft) -> list[tuple[Event, Row]]:
    return [(row.value, row) for row in draft.rows["events"] if row.value is not None]


def _check_events(draft: Draft) -> Iterator[Problem]:
    accords = {row.value.id for row in draft.rows["accords"] if row.value is not None}
    accords |= {str(child.value) for row in draft.rows["accords"] if (child := row.node.get("id"))}
    are_accords_known = is_known_whole(draft, "accords")
    for event, row in _events(draft):
        yield from check_roles(event, row)
        if draft.head is not None and draft.head.start < draft.head.end <= event.date:
            yield problem(
                row.at("date").mark,
                f"{row.path}.date",
                "E203",
                f"{event.date} is outside ..{draft.head.end - timedelta(days=1)}: events lie before `end`",
            )
        if event.accord is not None and event.accord not in accords and are_accords_known:
            near = closest(str(event.accord), accords)
            hint = f"did you mean `{near}`?" if near else "give the id of an accord, or leave it out"
            yield problem(
                row.at("accord").mark,
                f"{row.path}.accord",
                "E309",
                f"no accord `{event.accord}`",
                suggestion=hint,
            )
        roster = draft.names.roster
        of_it = any(
            code in roster for part in (event.principals, event.targets, event.guests) for code in part
        )
        if not of_it and draft.names.is_whole:
            yield problem(
                row.at("principals").mark,
                f"{row.path}.principals",
                "W305",
                "no state of the roster takes part or is a target: the event acts on nothing",
            )


def check_roles(event: Event, row: Row) -> Iterator[Problem]:
    """Roles that make sense together."""
    both = event.guests and sorted({*event.principals} & {*event.guests})
    if both:
        yield problem(
            row.at("guests").mark,
            f"{row.path}.guests",
            "E306",
            f"{listed(f'`{code}`' for code in both)} among the principals already",
            suggestion="guests are seen with the principals; name each actor once",
        )
    own = event.targets and sorted({*event.principals, *event.guests} & {*event.targets})
    if own:
        yield problem(
            row.at("targets").mark,
            f"{row.path}.targets",
            "E306",
            f"{listed(f'`{code}`' for code in own)} takes part already, and cannot be a target",
            suggestion="name each actor once",
        )
    if event.kind not in NEED_COMPANY:
        return
    if len({*event.principals, *event.guests, *event.targets, event.host} - {None}) < 2:
        yield problem(
            row.at("principals").mark,
            f"{row.path}.principals",
            "E212",
            f"at least 2 take part in an event of kind `{event.kind}`, got {len(event.principals)}",
            suggestion="add a principal, guests or targets",
        )


def _check_ids(draft: Draft) -> Iterator[Problem]:
    for name in ("accords", "events", "provocations"):
        seen: dict[str, Node] = {}
        ids = [row.value.id for row in draft.rows[name] if row.value is not None]
        if len({*ids}) == len(draft.rows[name]):  # as nearly always, and for each of many arms
            continue
        for row in draft.rows[name]:
            child = row.node.get("id")
            if child is None or not isinstance(child.value, str):
                continue
            if child.value in seen:
                first = seen[child.value].mark
                where = f"line {first.line}" + (f" of {first.file}" if first.file != child.mark.file else "")
                yield problem(
                    child.mark,
                    f"{row.path}.id",
                    "E015",
                    f"`{child.value}` already defined at {where}",
                    "",
                    "remove one",
                )
            seen.setdefault(child.value, child)


def _check_states(draft: Draft) -> Iterator[Problem]:
    capability = draft.capability
    for row in draft.rows["states"]:
        state = row.value
        if state is None:
            continue
        if (state.latitude is None) != (state.longitude is None):
            given, lacks = ("latitude", "longitude") if state.longitude is None else ("longitude", "latitude")
            yield problem(
                row.at(given).mark, f"{row.path}.{lacks}", "E103", f"`{lacks}` is required beside `{given}`"
            )
        if state.id in state.patrons:
            yield problem(
                row.at("patrons").mark, f"{row.path}.patrons", "E306", f"`{state.id}` is its own patron"
            )
        measures = {"gdp_bn": "gdp", "milex_bn": "milex", "population_m": "population"}
        missing = [name for name in measures if getattr(state, name) is None]
        counted = [name for name in missing if capability is None or getattr(capability, measures[name]) > 0]
        if state.capability is not None or not counted:
            continue
        if len(missing) == len(measures):
            yield problem(
                row.at("id").mark,
                row.path,
                "E216",
                "neither `capability` nor any of `gdp_bn`, `milex_bn`, `population_m` is given",
                suggestion="give one of them",
            )
        else:
            why = f"{listed(f'`{name}`' for name in counted)} missing: its capability rests on the others"
            yield problem(row.at("id").mark, row.path, "W303", why)


def _check_capability(draft: Draft) -> Iterator[Problem]:
    """Shares can be formed: `capability` for all states or for none, and not all of it nought."""
    rows = [row for row in draft.rows["states"] if row.value is not None]
    if not draft.names.is_whole or len(rows) < len(draft.rows["states"]):
        return
    lacking = [row for row in rows if row.value.capability is None]
    if 0 < len(lacking) < len(rows):
        given = next(row for row in rows if row.value.capability is not None)
        names = listed((row.value.id for row in lacking), 5)
        why = f"`capability` is given for {given.value.id} and not for {names}: for all states or for none"
        yield problem(given.at("capability").mark, f"{given.path}.capability", "E217", why)
        return
    fields = ("gdp_bn", "milex_bn", "population_m") if lacking else ("capability",)
    if not any(getattr(row.value, name) for row in rows for name in fields):
        hint = "at least one state must have some"
        yield problem(_node(draft, "states").at, "states", "E213", "capabilities sum to 0", suggestion=hint)


def _check_gaps(draft: Draft) -> Iterator[Problem]:
    states = [row.value for row in draft.rows["states"] if row.value is not None]
    if not states:
        return
    node = _node(draft, "states")
    for name in ("ideal_point", "democracy"):
        missing = [state.id for state in states if getattr(state, name) is None]
        if missing:
            whom = listed(missing) if len(missing) < len(states) else "all states"
            yield problem(node.at, "states", "W303", f"`{name}` is missing for {whom}")
    if not draft.names.is_whole:
        return
    nowhere = {state.id for state in states if state.latitude is None}
    known = {
        frozenset((row.value.a, row.value.b)) for row in draft.rows["distances"] if row.value is not None
    }
    lacking = [
        f"{a}-{state.id}"
        for a in sorted(nowhere)
        for state in sorted(states, key=lambda s: s.id)
        if a != state.id
        and not (state.id in nowhere and state.id < a)
        and frozenset((a, state.id)) not in known
    ]
    if lacking:
        hint = "give `latitude` and `longitude`, or a row in `distances`"
        yield problem(
            node.at, "states", "W304", f"no distance known for {listed(lacking, 5)}", suggestion=hint
        )


def _check_weights(draft: Draft) -> Iterator[Problem]:
    capability = draft.capability
    if capability is not None:
        total = math.fsum((capability.gdp, capability.milex, capability.population))
        if abs(total - 1.0) > 1e-9:
            node = _node(draft, "capability")
            yield problem(node.mark, "capability", "E213", f"sum is {total:.12g}; must be 1 +- 1e-9")
    for name, kind, before in signals_out_of_order(draft.event_kinds):
        weights = [abs(getattr(draft.event_kinds[one], name)) for one in (kind, before)]
        node = _written(draft, kind, name) or _written(draft, before, name) or draft.tree
        yield problem(
            node.mark,
            f"event_kinds.{kind}.{name}",
            "E219",
            f"|{name}| of `{kind}` is {weights[0]:g}, not above `{before}` with {weights[1]:g}",
            " < ".join(SIGNAL_ORDER),
            "costly signals must rise along this order",
        )


def signals_out_of_order(kinds: Mapping[str, EventKind]) -> Iterator[tuple[str, str, str]]:
    """Costly signals that weigh no more than the next cheaper one: which weight, of which kind, and of which other."""
    for name in ("alignment", "intent"):
        known = [kind for kind in SIGNAL_ORDER if kind in kinds]
        for before, kind in pairwise(known):
            if abs(getattr(kinds[kind], name)) <= abs(getattr(kinds[before], name)):
                yield name, kind, before


def _written(draft: Draft, kind: str, name: str) -> Node | None:
    node: Node | None = draft.tree.get("event_kinds")
    for step in (kind, name):
        node = node.get(step) if node else None
    return node if node is not None and node.mark.file != NOWHERE.file else None


def _check_rates(draft: Draft) -> Iterator[Problem]:
    for row in draft.rows["provocations"]:
        provocation = row.value
        if provocation is None:
            continue
        if provocation.state in provocation.targets:
            yield problem(
                row.at("targets").mark,
                f"{row.path}.targets",
                "E306",
                f"`{provocation.state}` provokes itself",
            )
        step = draft.head.step_days if draft.head else 7.0
        per_step = provocation.rate * step / 365.25
        if per_step > 1.0:
            why = f"{provocation.rate:g} per year is {per_step:.3g} in every step of {step:g} days"
            yield problem(
                row.at("rate").mark, f"{row.path}.rate", "W214", why, suggestion="rates are per year"
            )


def _check_focal(draft: Draft) -> Iterator[Problem]:
    head = draft.head
    if head is None:
        return
    ids = [str(child.value) for row in draft.rows["events"] if (child := row.node.get("id"))]
    node = _node(draft, "focal")
    if not is_known_whole(draft, "events"):
        return
    if head.focal not in ids:
        near = closest(head.focal, ids)
        hint = f"did you mean `{near}`?" if near else "give the id of one of the events"
        yield problem(node.mark, "focal", "E309", f"no event `{head.focal}`", listed(sorted({*ids})), hint)
        return
    for event, row in _events(draft):
        if event.id == head.focal and event.date < head.start:
            at = row.at("date").mark
            why = f"the focal event on {event.date} is outside {head.start}..{head.end}"
            yield problem(at, f"{row.path}.date", "E203", why, suggestion="windows count from its date")


def _focal_date(draft: Draft) -> date | None:
    focal = draft.head.focal if draft.head else None
    return next((event.date for event, _ in _events(draft) if event.id == focal), None)


def _check_report(draft: Draft) -> Iterator[Problem]:
    if draft.report is None:
        return
    groups = draft.names.members
    for name in draft.report.groups:
        if name not in groups:
            near = closest(name, groups)
            hint = f"did you mean `{near}`?" if near else "name one of `groups`"
            node = next(
                (item for item in _node(draft, "report", "groups").items if item.value == name), draft.tree
            )
            yield problem(node.mark, "report.groups", "E107", f"unknown group `{name}`", listed(groups), hint)
    yield from _check_positions(draft)
    windows = draft.report.windows
    node = _node(draft, "report", "windows")
    if len(set(windows)) < len(windows):
        yield problem(node.mark, "report.windows", "E015", "a window is given twice", suggestion="remove one")
    if not windows:
        yield problem(node.mark, "report.windows", "E212", "at least 1 needed, got 0")
    if len(windows) > MOST_WINDOWS:
        why = f"{len(windows):,} windows; at most {MOST_WINDOWS}, as each has every outcome and table of its own"
        yield problem(node.mark, "report.windows", "E022", why, suggestion="give those that are reported")
    focal = _focal_date(draft)
    if focal is not None and draft.head is not None and focal < draft.head.end:
        late = [days for days in windows if days > (draft.head.end - focal).days]
        if late and node is not draft.tree:
            room = (draft.head.end - focal).days
            why = f"{listed(map(str, late))} days after {focal} is beyond `end`: {room} days are simulated"
            yield problem(node.mark, "report.windows", "W306", why)


def _check_positions(draft: Draft) -> Iterator[Problem]:
    assert draft.report is not None
    roster = {row.value.id for row in draft.rows["states"] if row.value is not None}
    for pair in draft.report.positions:
        a, dash, b = pair.partition("-")
        if not dash or a == b or not {a, b} <= roster:
            why = f"`{shown(pair)}` does not name two states of the roster"
            node = _node(draft, "report", "positions")
            yield problem(node.mark, "report.positions", "E107", why, suggestion="as RUS-UKR")


def _check_size(draft: Draft) -> Iterator[Problem]:
    states = _node(draft, "states")
    count = len(draft.rows["states"])
    if count < 2 and isinstance(states.value, list) and is_known_whole(draft, "states"):
        yield problem(states.mark, "states", "E212", f"at least 2 states needed, got {count}")
    few = []
    if len(draft.rows["states"]) == 2 and draft.names.is_whole:
        few.append("2 states")
    if len(draft.rows["events"]) < 2:
        few.append(f"{len(draft.rows['events'])} event" + "s" * (not draft.rows["events"]))
    if draft.head and 0 < (draft.head.end - draft.head.start).days <= draft.head.step_days:
        few.append("one step")
    arms = draft.tree.get("arms")
    if arms is not None and len(arms.fields) == 1:
        few.append("1 arm")
    if few:
        yield problem(
            draft.tree.mark, "", "W301", f"trivial scenario: {listed(few)}", suggestion="it still runs"
        )


_RULES: tuple[Rule, ...] = (
    _check_span,
    _check_base_rate,
    _check_ids,
    _check_events,
    _check_states,
    _check_capability,
    _check_gaps,
    _check_weights,
    _check_rates,
    check_pairs,
    check_no_relations,
    check_accords,
)

_BY_ROW: dict[Rule, tuple[str, Callable[[Draft], object]]] = {
    _check_events: ("events", lambda draft: (draft.head, draft.names, draft.rows["accords"])),
    _check_states: ("states", lambda draft: draft.capability),
    _check_rates: ("provocations", lambda draft: draft.head),
    check_accords: ("accords", lambda draft: draft.head),
}
"""Rules under which a row is right or wrong whatever the other rows of its section are: of which section, and what
else they look at."""

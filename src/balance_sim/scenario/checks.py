"""What must hold between the pieces of a scenario: time, events, states, dyads,
agreements, theory.

Each rule takes a `Draft` and yields problems; it looks only at pieces that could be
read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

from balance_sim.scenario.arms import signals_out_of_order
from balance_sim.scenario.diagnostics import (
    NOWHERE,
    REFUSED,
    Diagnostic,
    Mark,
    Node,
    closest,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.draft import Draft, Row
from balance_sim.scenario.schema import SIGNAL_ORDER, Agreement, Event

MOST_STEPS = 20_000
MOST_DAYS = 30_000  # a thousand of the shortest half-lives of states' agreements: 2^1024 is no number
MOST_WINDOWS = 100
type OfRows = Callable[[Draft, Sequence[Row]], Iterator[Diagnostic]]
NEED_COMPANY = ("joint_summit", "exercise", "treaty", "fighting_together")
MEASURES = {"gdp_bn": "gdp", "milex_bn": "milex", "population_m": "population"}
DONE = ("opened", "signed", "in_force", "ended")
NOT_WITH = {
    "talks": ("signed", "in_force", "ended"),
    "signed": ("in_force", "ended", "scheduled_signed"),
    "in_force": ("ended", "scheduled_signed", "scheduled_in_force"),
    "collapsed": ("in_force", "scheduled_signed", "scheduled_in_force"),
    "ended": ("scheduled_signed", "scheduled_in_force"),
}
"""Dates that an agreement of a status cannot have."""


def check(
    draft: Draft, *, is_arm: bool = False, base: Draft | None = None
) -> list[Diagnostic]:
    """Every problem between the pieces of `draft`. is_arm: of one arm's version, which
    may lack the focal.

    base: a draft whose problems are known already: those of single rows that it holds
    are left out."""
    found = [one for rule in _RULES for one in rule(draft)]
    for section, (of_rows, beside) in _OF_ROWS.items():
        is_like = base is not None and beside(draft) == beside(base)
        known = (
            {id(row) for row in base.rows[section]}
            if base is not None and is_like
            else ()
        )
        found += of_rows(
            draft, [row for row in draft.read(section) if id(row) not in known]
        )
    if not is_arm:
        found += [*_check_focal(draft), *_check_report(draft), *_check_size(draft)]
    return found


def _is_known_whole(draft: Draft, name: str) -> bool:
    """False if a table of the section could not be read: what it would hold is not
    missed then."""
    return all(row.node.value is not REFUSED for row in draft.rows[name])


def _near(word: str, options: Iterable[str], otherwise: str) -> str:
    near = closest(word, options)
    return f"did you mean `{near}`?" if near else otherwise


def _line_of(first: Mark, here: Mark) -> str:
    """`line 3`, or `line 3 of x.csv` from another file."""
    return f"line {first.line}" + (
        f" of {first.file}" if first.file != here.file else ""
    )


# --- time and the focal event -----------------------------------------------------------------------


def _check_head(draft: Draft) -> Iterator[Diagnostic]:
    """From start to end in so many steps, and a stated level of at most one agreement a
    year and dyad."""
    head = draft.head
    if head is None:
        return
    start, end, step = draft.node("start"), draft.node("end"), draft.node("step_days")
    days = (head.end - head.start).days
    steps = math.ceil(days / head.step_days)
    if days <= 0:
        why = f"`end` {head.end} is not after `start` {head.start} (line {start.mark.line})"
        yield problem(end, "end", "E210", why)
    elif days > MOST_DAYS:
        why = f"{days:,} days from start to end exceed {MOST_DAYS:,}"
        yield problem(end, "end", "E203", why, "take a shorter span")
    elif steps > MOST_STEPS:
        why = f"{steps:,} steps from start to end exceed {MOST_STEPS:,}"
        at = step if step is not draft.tree else end
        yield problem(
            at, "step_days", "E203", why, "take a larger step or a shorter span"
        )
    n = len(draft.rows["states"])
    if head.base_rate is not None and head.base_rate > n * (n - 1) / 2:
        why = f"{head.base_rate:g} agreements a year among {n} states; at most one a dyad, {n * (n - 1) // 2}"
        yield problem(draft.node("base_rate"), "base_rate", "E203", why, "give fewer")


def _check_focal(draft: Draft) -> Iterator[Diagnostic]:
    head = draft.head
    if head is None or not _is_known_whole(draft, "events"):
        return
    ids = [
        str(child.value)
        for row in draft.rows["events"]
        if (child := row.node.get("id"))
    ]
    if head.focal not in ids:
        hint, known = (
            _near(head.focal, ids, "give the id of one of the events"),
            listed(sorted({*ids})),
        )
        yield problem(
            draft.node("focal"),
            "focal",
            "E309",
            f"no event `{head.focal}`",
            hint,
            known,
        )
    for row in draft.read("events"):
        if row.value.id == head.focal and row.value.date < head.start:
            why = f"the focal event on {row.value.date} is outside {head.start}..{head.end}"
            yield row.problem("date", "E203", why, "windows count from its date")


def _check_report(draft: Draft) -> Iterator[Diagnostic]:
    if draft.report is None:
        return
    groups, roster = draft.names.members, {row.value.id for row in draft.read("states")}
    for name in draft.report.groups:
        if name not in groups:
            hint = _near(name, [*groups], "name one of `groups`")
            items = draft.node("report", "groups").items
            node = next((item for item in items if item.value == name), draft.tree)
            yield problem(
                node,
                "report.groups",
                "E107",
                f"unknown group `{name}`",
                hint,
                listed(groups),
            )
    for dyad in draft.report.positions:
        a, dash, b = dyad.partition("-")
        if not dash or a == b or not {a, b} <= roster:
            why = f"`{shown(dyad)}` does not name two states of the roster"
            yield problem(
                draft.node("report", "positions"),
                "report.positions",
                "E107",
                why,
                "as RUS-UKR",
            )
    windows, node = draft.report.windows, draft.node("report", "windows")
    if len(set(windows)) < len(windows):
        yield problem(
            node, "report.windows", "E015", "a window is given twice", "remove one"
        )
    if not windows:
        yield problem(node, "report.windows", "E212", "at least 1 needed, got 0")
    if len(windows) > MOST_WINDOWS:
        why = f"{len(windows):,} windows; at most {MOST_WINDOWS}, as each has every outcome and table of its own"
        yield problem(
            node, "report.windows", "E022", why, "give those that are reported"
        )
    head = draft.head
    focal = [
        row.value.date
        for row in draft.read("events")
        if head and row.value.id == head.focal
    ]
    room = (head.end - focal[0]).days if head and focal else 0
    late = [days for days in windows if days > room > 0]
    if late and node is not draft.tree:
        why = f"{listed(map(str, late))} days after {focal[0]} is beyond `end`: {room} days are simulated"
        yield problem(node, "report.windows", "W306", why)


def _check_size(draft: Draft) -> Iterator[Diagnostic]:
    states, count = draft.node("states"), len(draft.rows["states"])
    if (
        count < 2
        and isinstance(states.value, list)
        and _is_known_whole(draft, "states")
    ):
        yield problem(
            states, "states", "E212", f"at least 2 states needed, got {count}"
        )
    events, arms = len(draft.rows["events"]), draft.tree.get("arms")
    few = ["2 states"] if count == 2 and draft.names.is_whole else []
    few += ["no events"] if not events else []
    if (
        draft.head
        and 0 < (draft.head.end - draft.head.start).days <= draft.head.step_days
    ):
        few.append("one step")
    few += ["1 arm"] if arms is not None and len(arms.fields) == 1 else []
    if few:
        yield problem(
            draft.tree, "", "W301", f"trivial scenario: {listed(few)}", "it still runs"
        )


# --- events -----------------------------------------------------------------------------------------


def _check_twice(draft: Draft) -> Iterator[Diagnostic]:
    """Each id once, and each dyad: an undirected one whatever its order."""
    of_ids = ("accords", "events", "provocations", "targets_alternatives")
    for name in (*of_ids, "disputes", "distances", "trade", "frailties"):
        rows, seen = draft.rows[name], dict[str, Node]()
        if len({row.key for row in rows}) == len(rows):
            continue  # as nearly always, and for each of many arms
        for row in rows:
            at = row.at("id") if name in of_ids else row.node
            first = seen.setdefault(row.key, at) if row.key else at
            where = _line_of(first.mark, at.mark)
            if first is not at and name in of_ids:
                yield row.problem(
                    "id",
                    "E015",
                    f"`{row.key}` already defined at {where}",
                    "remove one",
                )
            elif first is not at:
                yield problem(
                    at,
                    row.path,
                    "E308",
                    f"the dyad conflicts with {where}: each dyad once",
                    "remove one",
                )


def _check_events(draft: Draft, rows: Sequence[Row]) -> Iterator[Diagnostic]:
    agreements = {
        str(child.value)
        for row in draft.rows["accords"]
        if (child := row.node.get("id"))
    }
    are_agreements_known, roster, head = (
        _is_known_whole(draft, "accords"),
        draft.names.roster,
        draft.head,
    )
    for row in rows:
        event: Event = row.value
        yield from check_roles(event, row)
        if head is not None and head.start < head.end <= event.date:
            last = head.end - timedelta(days=1)
            yield row.problem(
                "date",
                "E203",
                f"{event.date} is outside ..{last}: events lie before `end`",
            )
        if (
            event.accord is not None
            and event.accord not in agreements
            and are_agreements_known
        ):
            hint = _near(
                str(event.accord),
                sorted(agreements),
                "give the id of an agreement, or leave it out",
            )
            yield row.problem("accord", "E309", f"no agreement `{event.accord}`", hint)
        if draft.names.is_whole and roster.isdisjoint(
            (*event.principals, *event.targets, *event.guests)
        ):
            why = "no state of the roster takes part or is a target: the event acts on nothing"
            yield row.problem("principals", "W305", why)


def check_roles(event: Event, row: Row) -> Iterator[Diagnostic]:
    """Roles that make sense together."""
    both = event.guests and sorted({*event.principals} & {*event.guests})
    if both:
        why = f"{listed(f'`{code}`' for code in both)} among the principals already"
        hint = "guests are seen with the principals; name each actor once"
        yield row.problem("guests", "E306", why, hint)
    own = event.targets and sorted(
        {*event.principals, *event.guests} & {*event.targets}
    )
    if own:
        why = f"{listed(f'`{code}`' for code in own)} takes part already, and cannot be a target"
        yield row.problem("targets", "E306", why, "name each actor once")
    company = {*event.principals, *event.guests, *event.targets, event.host} - {None}
    if event.kind in NEED_COMPANY and len(company) < 2:
        why = f"at least 2 take part in an event of kind `{event.kind}`, got {len(event.principals)}"
        yield row.problem(
            "principals", "E212", why, "add a principal, guests or targets"
        )


def _check_rates(draft: Draft, rows: Sequence[Row]) -> Iterator[Diagnostic]:
    step = draft.head.step_days if draft.head else 7.0
    for row in rows:
        if row.value.state in row.value.targets:
            yield row.problem("targets", "E306", f"`{row.value.state}` provokes itself")
        per_step = row.value.rate * step / 365.25
        if per_step > 1.0:
            why = f"{row.value.rate:g} per year is {per_step:.3g} in every step of {step:g} days"
            yield row.problem("rate", "W214", why, "rates are per year")


# --- states -----------------------------------------------------------------------------------------


def _check_states(draft: Draft, rows: Sequence[Row]) -> Iterator[Diagnostic]:
    weights = draft.capability
    for row in rows:
        state = row.value
        if (state.latitude is None) != (state.longitude is None):
            given, lacks = (
                ("latitude", "longitude")
                if state.longitude is None
                else ("longitude", "latitude")
            )
            why = f"`{lacks}` is required beside `{given}`"
            yield problem(row.at(given), f"{row.path}.{lacks}", "E103", why)
        if state.id in state.patrons:
            yield row.problem("patrons", "E306", f"`{state.id}` is its own patron")
        missing = [name for name in MEASURES if getattr(state, name) is None]
        counted = [
            name
            for name in missing
            if weights is None or getattr(weights, MEASURES[name]) > 0
        ]
        if state.capability is not None or not counted:
            continue
        if len(missing) == len(MEASURES):
            why = "neither `capability` nor any of `gdp_bn`, `milex_bn`, `population_m` is given"
            yield problem(row.at("id"), row.path, "E216", why, "give one of them")
        else:
            why = f"{listed(f'`{name}`' for name in counted)} missing: its capability rests on the others"
            yield problem(row.at("id"), row.path, "W303", why)


def _check_capability(draft: Draft) -> Iterator[Diagnostic]:
    """Shares can be formed: `capability` for all states or for none, and not all of it
    nought."""
    rows = draft.read("states")
    if not draft.names.is_whole or len(rows) < len(draft.rows["states"]):
        return
    lacking = [row.value.id for row in rows if row.value.capability is None]
    if 0 < len(lacking) < len(rows):
        given = next(row for row in rows if row.value.capability is not None)
        whom = f"given for {given.value.id} and not for {listed(lacking, 5)}"
        yield given.problem(
            "capability", "E217", f"`capability` is {whom}: for all states or for none"
        )
        return
    fields = [*MEASURES] if lacking else ["capability"]
    if not any(getattr(row.value, name) for row in rows for name in fields):
        hint = "at least one state must have some"
        yield problem(
            draft.node("states").at, "states", "E213", "capabilities sum to 0", hint
        )


def _check_gaps(draft: Draft) -> Iterator[Diagnostic]:
    states, at = [row.value for row in draft.read("states")], draft.node("states").at
    for name in ("ideal_point", "democracy"):
        missing = [state.id for state in states if getattr(state, name) is None]
        if missing:
            whom = listed(missing) if len(missing) < len(states) else "all states"
            yield problem(at, "states", "W303", f"`{name}` is missing for {whom}")
    if not draft.names.is_whole:
        return
    nowhere = {state.id for state in states if state.latitude is None}
    known = {frozenset((row.value.a, row.value.b)) for row in draft.read("distances")}
    lacking = [
        f"{a}-{b}"
        for a in sorted(nowhere)
        for b in sorted(state.id for state in states)
        if a != b and not (b in nowhere and b < a) and frozenset((a, b)) not in known
    ]
    if lacking:
        hint = "give `latitude` and `longitude`, or a row in `distances`"
        yield problem(
            at, "states", "W304", f"no distance known for {listed(lacking, 5)}", hint
        )


def _check_sums(draft: Draft) -> Iterator[Diagnostic]:
    """Weights of the composite make 1, alternatives to the focal event's targets less,
    shares of trade 1 at most."""
    if weights := draft.capability:
        total = math.fsum((weights.gdp, weights.milex, weights.population))
        if abs(total - 1.0) > 1e-9:
            why = f"sum is {total:.12g}; must be 1 +- 1e-9"
            yield problem(draft.node("capability"), "capability", "E213", why)
    codings = draft.read("targets_alternatives")
    if (total := sum(row.value.weight for row in codings)) >= 1.0:
        why = f"the weights of all alternatives sum to {total:g}: nothing is left for the event's own coding"
        yield codings[0].problem("weight", "E203", why, "lower them", "a sum below 1")
    shares: defaultdict[str, list[Row]] = defaultdict(list)
    for row in draft.read("trade"):
        shares[row.value.state].append(row)
    for state, rows in shares.items():
        if (total := math.fsum(row.value.share for row in rows)) > 1.0 + 1e-9:
            why = f"the shares of `{state}` sum to {total:.6g}; must be 1 at most"
            yield rows[-1].problem("share", "E213", why)


def _check_signals(draft: Draft) -> Iterator[Diagnostic]:
    given = draft.tree.below("event_kinds")
    for name, kind, before in signals_out_of_order(draft.event_kinds):
        weights = [abs(getattr(draft.event_kinds[one], name)) for one in (kind, before)]
        written = [
            node for one in (kind, before) if (node := given.below(one).get(name))
        ]
        node = next(
            (one for one in written if one.mark.file != NOWHERE.file), draft.tree
        )
        why = f"|{name}| of `{kind}` is {weights[0]:g}, not above `{before}` with {weights[1]:g}"
        hint = "costly signals must rise along this order"
        yield problem(
            node,
            f"event_kinds.{kind}.{name}",
            "E219",
            why,
            hint,
            " < ".join(SIGNAL_ORDER),
        )


# --- dyads and agreements ---------------------------------------------------------------------------


def _check_no_relations(draft: Draft) -> Iterator[Diagnostic]:
    """Spells that end after they begin, and of one dyad and kind one at a time."""
    spells: defaultdict[str, list[Row]] = defaultdict(list)
    for row in draft.read("no_relations"):
        since, until = row.value.since, row.value.until
        if row.key is None:
            continue
        if since is not None and until is not None and until <= since:
            why = f"`until` {until} is not after `from` {since}"
            hint = (
                "`until` is the day on which it ended; leave it blank while it goes on"
            )
            yield row.problem("until", "E215", why, hint, "from < until")
        else:
            spells[row.key].append(row)
    for rows in spells.values():
        rows.sort(key=lambda row: row.value.since or date.min)
        for earlier, later in pairwise(rows):
            ended, begun = earlier.value.until, later.value.since
            if ended is None or begun is None or begun < ended:
                where = _line_of(earlier.node.mark, later.node.mark)
                why = f"the spell overlaps that of {where}: the same dyad and kind"
                yield problem(
                    later.node,
                    later.path,
                    "E308",
                    why,
                    "join the two, or correct a date",
                )


def _check_agreements(draft: Draft, rows: Sequence[Row]) -> Iterator[Diagnostic]:
    """Dates in order, what the status says matches the dates given, and what is on
    record lies before the start."""
    head = draft.head
    for row in rows:
        yield from _order(row)
        yield from _status(row)
        if head is not None and head.start < head.end:
            yield from _against_start(row, head.start)


def _order(row: Row) -> Iterator[Diagnostic]:
    agreement: Agreement = row.value
    dates = (
        agreement.signed or agreement.scheduled_signed,
        agreement.in_force or agreement.scheduled_in_force,
        agreement.ended,
    )
    given = [
        (name, day)
        for name, day in zip(DONE, (agreement.opened, *dates), strict=True)
        if day is not None
    ]
    known = ("year", "month", "day").index(agreement.precision) + 1
    for (before, early), (after, late) in pairwise(given):
        if late.timetuple()[:known] < early.timetuple()[:known]:
            at, why = (
                row.at(after, f"scheduled_{after}"),
                f"`{after}` {late} is before `{before}` {early}",
            )
            yield problem(
                at, f"{row.path}.{after}", "E215", why, allowed=" <= ".join(DONE)
            )


def _status(row: Row) -> Iterator[Diagnostic]:
    agreement: Agreement = row.value
    for name in NOT_WITH[agreement.status]:
        if getattr(agreement, name) is not None:
            is_planned = name in ("signed", "in_force") and agreement.status in (
                "talks",
                "signed",
            )
            hint = (
                f"a date fixed beforehand is `scheduled_{name}`"
                if is_planned
                else "correct the status or the date"
            )
            yield row.problem(
                name,
                "E215",
                f"an agreement with status `{agreement.status}` has no `{name}` date",
                hint,
            )
    at = row.at("status")
    for status in ("signed", "ended"):
        if agreement.status == status and getattr(agreement, status) is None:
            yield problem(
                at,
                f"{row.path}.{status}",
                "E103",
                f"`{status}` is required with status `{status}`",
            )
    if (
        agreement.status == "in_force"
        and agreement.signed is None
        and agreement.in_force is None
    ):
        yield problem(
            at,
            row.path,
            "W309",
            "in force since an unknown date: neither `signed` nor `in_force`",
        )


def _against_start(row: Row, start: date) -> Iterator[Diagnostic]:
    for name in DONE:
        day = getattr(row.value, name)
        if day is not None and day > start:
            why = f"`{name}` {day} is after `start` {start}: agreements are those on record then"
            hint = (
                f"a date fixed beforehand is `scheduled_{name}`"
                if name in ("signed", "in_force")
                else ""
            )
            yield row.problem(name, "E215", why, hint)
    for name in ("signed", "in_force"):
        planned = f"scheduled_{name}"
        day = getattr(row.value, planned)
        if day is not None and day < start:
            yield row.problem(
                planned,
                "E215",
                f"`{planned}` {day} is before `start` {start}",
                f"what has happened is `{name}`",
            )


_RULES = (
    *(
        _check_head,
        _check_twice,
        _check_capability,
        _check_gaps,
        _check_sums,
        _check_signals,
    ),
    _check_no_relations,
)
_OF_ROWS: dict[str, tuple[OfRows, Callable[[Draft], object]]] = {
    "events": (
        _check_events,
        lambda draft: (draft.head, draft.names, draft.rows["accords"]),
    ),
    "states": (_check_states, lambda draft: draft.capability),
    "provocations": (_check_rates, lambda draft: draft.head),
    "accords": (_check_agreements, lambda draft: draft.head),
}
"""Rules under which a row is right or wrong whatever the other rows of its section are,
and what else they look at."""

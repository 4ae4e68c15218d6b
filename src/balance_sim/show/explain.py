"""The answers of `explain`: a few sentences and one table, with states, terms and arms
in words; with `--verbose` every term of a dyad in nats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.show import wording as say
from balance_sim.show.diary import diary, fear_words, kind_words, mean_sentence
from balance_sim.show.wording import UNLIMITED, said, shortened, table, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.explain.attribution import Attribution
    from balance_sim.effects.explain.pairs import DyadTerms
    from balance_sim.effects.explain.timeline import Timeline
    from balance_sim.scenario.schema import Scenario

type Names = Mapping[str, str]

GROUP_WORDS = {
    "gain": "what a partner adds to one's security",
    "hostility": "what one fears of the partner itself",
    "network": "who is tied to whom",
    "retaliation": "fear for one's trade",
    "patron": "doubt about a patron of both",
    "own": "terms of your own",
    "agent": "what its agents want beside the terms",
    "outside": "terms in no group",
    "feedback": "agreements that differ, and the pace of talks",
}
"""Groups of terms as they are read; a group of the user's own has its name."""
SMALL = 0.00005  # nats: a change of willingness that rounds to none
MAIN = 0.9  # share of a change from which on one term is nearly all of it
SECOND = 0.05  # share of a change from which on a second term is named
METHOD = (
    "Shapley values of groups of terms, by the direct estimator: what a group adds to "
    "expected agreements along the control arm's replications, averaged over all "
    "orders "
    "in which the groups could come in. A group is out where its terms are those of "
    "the "
    "control arm at the same opportunity. alone: all other groups out; last: all "
    "others "
    "in. Agreements that differ, and the pace of talks: the effect less the direct "
    "effect. The rows sum to the effect."
)

# -- the effect ------------------------------------------------------------------------


def attribution_answer(
    attribution: Attribution,
    parts: pd.DataFrame,
    scenario: Scenario,
    width: int,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Through which groups of terms the effect of an arm goes.

    parts : the attribution's `table`
    verbose : with what each group adds alone and last, and which terms it holds
    """
    *rows, effect = parts.to_dict("records")
    errors = [row["mcse"] for row in [*rows, effect] if row["mcse"] > 0]
    smallest = min(errors, default=float("nan"))
    places = say.decimals(smallest, effect["lo"], effect["hi"])
    title = say.arm_titles(scenario)[attribution.arm]
    runs = f"{attribution.of_runs:,}"
    if len(attribution.runs) < attribution.of_runs:
        runs = f"{len(attribution.runs):,} of {runs}"
    size = say.signed(effect["value"], places)
    bounds = say.ci(effect["lo"], effect["hi"], places)
    outcome = say.outcome_words(attribution.outcome)
    yield from said(
        f"{title}: the effect on expected {outcome} is {size} ({bounds}), in {runs} "
        "replications.",
        width,
    )
    rows.sort(key=lambda row: -abs(row["value"]))
    main = rows[0]
    if main["value"]:
        part = say.signed(main["value"], places)
        words = f"Most of it is {_group(main['group'])}: {part} agreements."
        if main["group"] == "feedback":
            words += (
                " The channels that `run` prints count this to the picture or the "
                "threat that set it off."
            )
        yield from said(words, width)
    heads = ["part of the effect", "agreements", "95 % CI"]
    cells = [[*heads, "MCSE", "alone", "last"] if verbose else heads]
    nothing = []
    for row in rows:
        if row["value"] or row["mcse"]:
            cells.append(_part_cells(row, places, verbose=verbose))
        elif row["group"] != "outside":
            nothing.append(_group(row["group"]))
    yield from ["", *table(cells, "<>", width=UNLIMITED if verbose else width)]
    if nothing:
        yield from said(f"No part: {'; '.join(nothing)}.", width)
    if verbose:
        yield ""
        for group, terms in attribution.groups.items():
            yield from wrapped(f"{_group(group)}: {', '.join(terms)}", "  ", width)
        yield from ["", *said(METHOD, width)]


def _part_cells(row: Mapping[Any, Any], places: int, *, verbose: bool) -> list[str]:
    """A group's part of the effect as cells."""
    cells = [
        _group(row["group"]),
        say.signed(row["value"], places),
        say.interval(row["lo"], row["hi"], places),
    ]
    if verbose:
        cells.append(say.number(row["mcse"], places + 1))
        cells += [say.signed(row[name], places) for name in ("alone", "last")]
    return cells


def _group(name: str) -> str:
    return GROUP_WORDS.get(name, say.arm_words(name))


def dyads_answer(
    dyads: Sequence[DyadTerms], moment: str, scenario: Scenario, width: int
) -> Iterator[str]:
    """The dyads with the largest effects in a line each: what moved the side that
    changed more."""
    if not dyads:
        yield say.NO_DYAD
        return
    names = say.state_names(scenario)
    rows = [["largest effects on dyads", "effect", "whose mind changed, and why"]]
    for dyad in dyads:
        changes = {
            side: dyad.main_difference(moment, side) for side in (dyad.a, dyad.b)
        }
        side = max(changes, key=lambda side: abs(changes[side][0]))
        change, term, _ = changes[side]
        why = "nobody's: the pace of talks"
        if abs(change) >= SMALL and term:
            why = f"{names[side]}: {say.term_words(term)}"
        effect = say.effect_cells(dyad.shares.to_dict("records")[0])[0]
        rows.append([say.dyad_name(names, dyad.a, dyad.b), effect, why])
    yield from table(rows, "<><", width=width)


# -- a dyad ----------------------------------------------------------------------------


def dyad_answer(dyad: DyadTerms, scenario: Scenario, width: int) -> Iterator[str]:
    """Three sentences: what the two do with and without, what changed their minds, whom
    they fear; then by date how likely either consents, and how often they open
    talks."""
    names, titles = say.state_names(scenario), say.arm_titles(scenario)
    dates = _dates(dyad)
    later = [moment for moment in dates if moment.startswith("+")]
    moment = later[0] if later else list(dates)[-1]
    sentences = [
        _signing_words(dyad, names),
        _minds_words(dyad, moment, names),
        _feared_words(dyad, moment, scenario),
    ]
    for sentence in sentences:
        yield from said(sentence, width)
    yield ""
    with_event, without = titles[dyad.arm], titles[dyad.reference]
    yield from said(f"With: {with_event}. Without: {without}.", width)
    name_a, name_b = (f"{shortened(names[side], 12)}:" for side in (dyad.a, dyad.b))
    rows = [
        ["", name_a, "", name_b, "", "talks/year:", ""],
        ["probability of consent", *["without", "with"] * 3],
    ]
    of_kind = dyad.rates[dyad.rates["kind"] == dyad.kind]
    rates = of_kind.set_index(["moment", "arm"])["rate"]
    for name, date in dates.items():
        numbers = [
            *_parts(dyad, name, dyad.a)["consent"][:2],
            *_parts(dyad, name, dyad.b)["consent"][:2],
            rates[name, dyad.reference],
            rates[name, dyad.arm],
        ]
        words = name if name in ("start", "before") else f"{name} days"
        rows.append([f"{date} {words}", *(f"{value:.4f}" for value in numbers)])
    yield from table(rows, "<>", width=width)


def _dates(dyad: DyadTerms) -> dict[str, Any]:
    """The date of each moment at which the two are looked at."""
    frame = dyad.table
    return dict(zip(frame["moment"], frame["date"], strict=True))


def _parts(
    dyad: DyadTerms, moment: str, side: str
) -> dict[str, tuple[float, float, float]]:
    """By part of a side's willingness at a moment: in the control arm, in the arm, and
    the difference."""
    frame = dyad.table
    rows = frame[(frame["moment"] == moment) & (frame["side"] == side)]
    pieces = {}
    for row in rows.to_dict("records"):
        pieces[str(row["part"])] = (row["reference"], row["arm"], row["difference"])
    return pieces


def _expected_cells(row: Mapping[Any, Any]) -> list[str]:
    """Agreements expected of a dyad in the control arm and in the arm."""
    places = max(say.decimals(row["mcse"], row["lo"], row["hi"]), 2)
    return [say.number(row[name], places) for name in ("mean_control", "mean")]


def _signing_words(dyad: DyadTerms, names: Names) -> str:
    """How often the two sign with and without."""
    signing = dyad.signing
    subject = f"a new security agreement {say.within(dyad.window)}"
    counts = (signing.arm, signing.control, signing.of)
    words = mean_sentence(names, dyad.a, dyad.b, *counts, what=subject)
    if dyad.shares.empty:
        return f"{words}."
    row = dyad.shares.to_dict("records")[0]
    earlier_value, later_value = _expected_cells(row)
    effect = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
    return (
        f"{words}; expected are {later_value} agreements instead of {earlier_value} "
        f"({effect})."
    )


def _minds_words(dyad: DyadTerms, moment: str, names: Names) -> str:
    """How much readier either is, and by which terms."""
    sides = [_mind_words(dyad, moment, side, names) for side in (dyad.a, dyad.b)]
    when = "At the start"
    if moment.startswith("+"):
        when = f"{moment.removeprefix('+')} days after the event"
    return f"{when}, asked for {kind_words(dyad.kind)}, {'; '.join(sides)}."


def _mind_words(dyad: DyadTerms, moment: str, side: str, names: Names) -> str:
    """How much readier a side is, and by which terms."""
    pieces, state = _parts(dyad, moment, side), say.state_in_text(names, side)
    without, with_event, _ = pieces.pop("consent")
    _, _, change = pieces.pop("u")
    if abs(change) < SMALL:
        return f"{state} is as ready as without the change"
    verb = "readier" if change > 0 else "less ready"
    earlier_value, later_value = say.percent(without), say.percent(with_event)
    consent = f"{earlier_value} to {later_value}"
    if earlier_value == later_value:
        consent = f"{100 * without:.2f} to {100 * with_event:.2f} %"
    shares = sorted(
        ((difference / change, term) for term, (_, _, difference) in pieces.items()),
        reverse=True,
    )
    (share, term), (second_share, second) = shares[:2]
    if share >= MAIN:
        terms = f"nearly all of it by {say.term_words(term)}"
    else:
        terms = f"{say.percent(share)} of it by {say.term_words(term)}"
        if second_share > SECOND:
            terms += f", {say.percent(second_share)} by {say.term_words(second)}"
    return f"{state} is {verb} ({consent}), {terms}"


def _feared_words(dyad: DyadTerms, moment: str, scenario: Scenario) -> str:
    """Whom either fears most, and what the two have already."""
    adversaries = dyad.adversaries
    at_moment = adversaries["moment"] == moment
    rows = adversaries[(adversaries["arm"] == dyad.arm) & at_moment]
    largest = rows.drop_duplicates("side").set_index("side")["adversary"].to_dict()
    feared = (str(largest.get(dyad.a, "")), str(largest.get(dyad.b, "")))
    names = say.state_names(scenario)
    words = say.capital(fear_words(names, dyad.a, dyad.b, feared))
    record = dyad.record
    kinds = list(record.loc[record["status"] == "in_force", "kind"])
    if not kinds:
        return f"{words}; at the start they have no agreement in force."
    depths = {kind: scenario.kinds[kind].depth for kind in kinds}
    deepest = kind_words(max(depths, key=lambda kind: depths[kind]))
    have = f"{deepest} in force"
    if len(kinds) > 1:
        have = f"{len(kinds)} agreements in force, the deepest {deepest}"
    return f"{words}; at the start they have {have}."


# -- every term of a dyad --------------------------------------------------------------


def dyad_lines(dyad: DyadTerms, scenario: Scenario) -> Iterator[str]:
    """Both sides' parts in both arms over time, the rate, the effect on the dyad, and
    what is on record."""
    titles, names = say.arm_titles(scenario), say.state_names(scenario)
    arm, reference = titles[dyad.arm], titles[dyad.reference]
    count = len(dyad.runs)
    runs = f"run {dyad.runs[0]}"
    if count > 1:
        runs = f"mean of {say.plural(count, 'run')}"
    dates = _dates(dyad)
    steps = ", ".join(f"{_moment(name)} {date}" for name, date in dates.items())
    yield from said(f"Why in {arm}, and why in {reference}: {kind_words(dyad.kind)}")
    yield from said(
        f"Parts of willingness in nats, {runs}. They sum to u; a side consents with "
        "probability 1 / (1 + e^-u)."
    )
    yield from said(f"Steps beginning: {steps}.")
    heads = ["part", *map(_moment, dates)]
    for side, partner in ((dyad.a, dyad.b), (dyad.b, dyad.a)):
        title = f"{names[side]} towards {say.state_in_text(names, partner)}"
        values, changes = [heads], [heads]
        of_side = dyad.table[dyad.table["side"] == side]
        for part, moments in of_side.groupby("part", sort=False):
            by_moment = moments.set_index("moment").loc[list(dates)]
            shown = [say.number(value, 3) for value in by_moment["arm"]]
            values.append([str(part), *shown])
            if by_moment["difference"].abs().max() >= SMALL:
                shown = [say.signed(value, 4) for value in by_moment["difference"]]
                changes.append([str(part), *shown])
        yield from ["", *said(f"{title}: {arm}"), *_columns(values), ""]
        if len(changes) == 1:
            yield from said(f"{title}: nothing differs from {reference}")
            continue
        yield from said(
            f"{title}: the same less {reference}; parts that differ by 0.0001"
        )
        yield from _columns(changes)
    yield from ["", *_adversary_lines(dyad, names)]
    yield "Talks opened a year if nothing is under way"
    rows = [["", *map(_moment, dates)]]
    of_kind = dyad.rates[dyad.rates["kind"] == dyad.kind]
    for name in (dyad.reference, dyad.arm):
        rates = of_kind[of_kind["arm"] == name].set_index("moment").loc[list(dates)]
        shown = [say.number(rate, 4) for rate in rates["rate"]]
        rows.append([shortened(titles[name], 28), *shown])
    yield from [*_columns(rows), "", *_share_lines(dyad), "", *_record_lines(dyad)]


def _adversary_lines(dyad: DyadTerms, names: Names) -> Iterator[str]:
    """Whom either side fears, in the control arm at the start."""
    adversaries = dyad.adversaries[dyad.adversaries["arm"] == dyad.reference]
    if adversaries.empty:
        return
    start = adversaries["moment"].iloc[0]
    for side in (dyad.a, dyad.b):
        is_side = (adversaries["side"] == side) & (adversaries["moment"] == start)
        pieces = [
            f"{names[row['adversary']]} {say.percent(row['share'])}"
            for row in adversaries[is_side].to_dict("records")
        ]
        if pieces:
            state = say.state_in_text(names, side)
            yield from said(
                f"Whom {state} fears at the start, of all that threatens it: "
                f"{', '.join(pieces)}."
            )
    yield from said(
        "An adversary brings its own strength and what those who stand with it would "
        "lend its quarrels."
    )
    yield ""


def _share_lines(dyad: DyadTerms) -> Iterator[str]:
    """The dyad's effect."""
    window = say.within(dyad.window)
    if dyad.shares.empty:
        yield (
            f"No new security agreement of the two is expected {window} of the event."
        )
        return
    yield f"Expected new security agreements of the two {window} of the event"
    rows = [["control arm", "arm", "effect", "95 % CI", "MCSE"]]
    rows += [
        [*_expected_cells(row), *say.effect_cells(row)]
        for row in dyad.shares.to_dict("records")
    ]
    yield from _columns(rows)


def _record_lines(dyad: DyadTerms) -> Iterator[str]:
    """The agreements of the two on record at the start."""
    if dyad.record.empty:
        yield "On record at the start: nothing between the two."
        return
    yield "On record at the start"
    for row in dyad.record.to_dict("records"):
        days = [
            f"{say.arm_words(str(key))} {row[key]}" for key in list(row)[4:] if row[key]
        ]
        name = say.printable(str(row["name"])) or row["id"]
        words = [name, say.arm_words(row["status"]), ", ".join(days)]
        yield from wrapped(f"  {row['kind']}: {'; '.join(words)}", "    ")


def _moment(name: str) -> str:
    return {"start": "at start", "before": "before"}.get(name, f"{name} d")


def _columns(rows: list[list[str]]) -> list[str]:
    return table(rows, "<>", width=UNLIMITED)


# -- a replication ---------------------------------------------------------------------


def replication_answer(
    timeline: Timeline,
    scenario: Scenario,
    width: int,
    *,
    everything: bool,
    why: str = "",
) -> Iterator[str]:
    """A replication as a diary.

    why : of three that were chosen by rule, which it is; then only what differs between
        the arms is told
    """
    subject = f"Replication {timeline.run}"
    if why:
        subject += f", of {why} effect"
    words = say.outcome_words(timeline.outcome)
    if timeline.value == 1:
        words = words.replace("agreements", "agreement")
    value, control = (
        say.number(number, 0) for number in (timeline.value, timeline.value_reference)
    )
    counts = f"{value} {words}, {control} in its paired control run."
    yield from said(
        f"{subject}: {say.arm_titles(scenario)[timeline.arm]}. {counts}", width
    )
    only_differing = bool(why) and not everything
    entries = diary(timeline, scenario, everything=everything, differing=only_differing)
    lines = []
    for day, sentence in entries:
        lines += wrapped(f"{day}  {sentence}", " " * 12, width)
    yield from lines or ["  nothing differs between the two arms"]

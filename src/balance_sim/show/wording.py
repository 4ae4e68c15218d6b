"""Numbers, verdicts, states, dyads and arms in plain words, the same on the terminal,
in figures and in the report.

Text on a terminal: lines of a width, and tables in columns.
"""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

Verdict = Literal["nothing run", "one run", "none", "not detectable", "more", "fewer"]
COUNTER = "counter-balancing security agreements"
DIRECTIONS = {
    "counter": "counter-balancing",
    "with_participant": "with a participant",
    "other": "other",
    "all": "all",
}
NO_DYAD = "No dyad shows a detectable effect."
CAVEAT = "The CI reflects Monte Carlo error only."
SOURCES = {True: "their fit", "posterior": "their posterior", "prior": "their prior"}
"""What a study draws parameters from, in words."""
SHORT = {"us", "eu", "uk", "un", "nato"}


def caveat(draws: bool | str = False) -> str:  # noqa: FBT001, FBT002 - as a study has it
    """What a CI is of; draws: of `Result`, what each replication drew its parameters
    from."""
    if not draws:
        return CAVEAT
    source = SOURCES[draws.partition(":")[0] if isinstance(draws, str) else draws]
    return (
        f"Each replication draws its parameters from {source}: an effect is the mean over them, and its CI says how "
        "exactly that mean is known, not how far the effect varies over the parameters."
    )


def verdict(mean: float, lo: float, hi: float, n: int) -> Verdict:
    """What an effect with its 95 % CI allows to say: nothing is detected where it
    touches zero, and the effect is exactly none where it has no length there. NaN
    bounds: fewer than two replications."""
    if n < 1 or math.isnan(mean):
        return "nothing run"
    if n < 2 or math.isnan(lo) or math.isnan(hi):
        return "one run"
    if lo == hi == 0:
        return "none"
    if lo <= 0 <= hi:
        return "not detectable"
    return "more" if mean > 0 else "fewer"


def decimals(error: float, *bounds: float) -> int:
    """Decimals that show one or two significant digits of an error: 0.03 -> 2, 0.004 ->
    3; 1 to 4, or up to 6 where a bound of the interval that is not zero would print as
    zero."""
    known = math.isfinite(error) and error > 0
    places = min(max(math.ceil(-math.log10(error) - 1e-9), 1), 4) if known else 2
    while places < 6 and any(
        math.isfinite(b) and b != 0 and float(f"{b:.{places}f}") == 0 for b in bounds
    ):
        places += 1
    return places


def digits(*values: float) -> int:
    """Decimals for some values: two, or where none reaches 0.01 as many as show two
    significant digits of the largest: 0.0062 -> 4; 6 at most."""
    most = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(1 - math.floor(math.log10(most)), 6) if 0 < most < 0.01 else 2


def number(value: float | None, places: int = 2) -> str:
    """A number with fixed decimals; never "-0.00". A dash where it is not known."""
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def signed(value: float, places: int = 2) -> str:
    """A difference with its sign: +0.16, -0.07, 0.00."""
    text = number(value, places)
    return f"+{text}" if text != "-" and float(text) > 0 else text


def interval(lo: float | None, hi: float | None, places: int = 2) -> str:
    """`0.10 to 0.22`; a dash where either is not known."""
    ends = number(lo, places), number(hi, places)
    return "-" if "-" in ends else " to ".join(ends)


def ci(lo: float, hi: float, places: int = 2) -> str:
    """`95 % CI 0.10 to 0.22`."""
    return f"95 % CI {interval(lo, hi, places)}"


def effect_cells(row: Any, places: int | None = None) -> list[str]:
    """Effect (`mean` where it is of a table of effects), CI and Monte Carlo standard
    error of a row, as cells of a table. places: decimals; those that its error leaves
    if not given."""
    effect = float(row["effect"] if "effect" in row else row["mean"])
    lo, hi, mcse = (float(row[name]) for name in ("lo", "hi", "mcse"))
    places = decimals(mcse, lo, hi) if places is None else places
    return [signed(effect, places), interval(lo, hi, places), number(mcse, places + 1)]


def effect_words(mean: float, lo: float, hi: float, mcse: float) -> str:
    """An effect with its interval: `+0.12; 95 % CI 0.08 to 0.16`."""
    places = decimals(mcse, lo, hi)
    return (
        f"{signed(mean, places)}; {ci(lo, hi, places)}"
        if math.isfinite(lo)
        else signed(mean, places)
    )


def levels(without: float, with_it: float, most: int) -> tuple[str, str]:
    """Two means with one decimal, or as many (at most `most`) as show how far they are
    apart, to a quarter of it."""
    gap, places = with_it - without, 1
    while (
        places < most
        and abs(round(with_it, places) - round(without, places) - gap) > abs(gap) / 4
    ):
        places += 1
    return number(without, places), number(with_it, places)


def change_words(
    mean: float,
    lo: float,
    hi: float,
    mcse: float,
    n: int,
    without: float,
    with_it: float,
    what: str,
) -> str:
    """What an effect does to an expected number: `expected agreements rise from 23.5 to
    23.6 (+0.1; ...)`.

    n: paired replications; without, with_it: the number expected in the control arm and
    in the other."""
    found = verdict(mean, lo, hi, n)
    if found == "none":
        return f"no effect on expected {what}; {number(without, 1)} are expected with and without it"
    before, after = levels(without, with_it, decimals(mcse, lo, hi))
    if found == "one run":
        return f"{before} {what} without it and {after} with it, in one replication, which gives no confidence interval"
    told = effect_words(mean, lo, hi, mcse)
    if found == "not detectable":
        return f"no detectable effect on expected {what} ({told}); {before} are expected without it"
    return f"expected {what} {'rise' if found == 'more' else 'fall'} from {before} to {after} ({told})"


def within(days: int) -> str:
    """A window in words: `within a year`, `within 90 days`."""
    return "within a year" if days == 365 else f"within {plural(days, 'day')}"


def percent(share: float | None) -> str:
    """A share as per cent: one decimal below 10 %, none above; what is not 0 % or 100 %
    never prints so. A dash where it is not known."""
    if share is None or not math.isfinite(share):
        return "-"
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    if 99.95 <= value < 100:
        return "over 99.9 %"
    return f"{value:.{int(value != 0 and (value < 9.95 or 99.5 <= value < 100))}f} %"


def points(share: float, places: int = 1) -> str:
    """A difference of shares in percentage points, with its sign: +2.5."""
    return signed(100 * share, places)


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """One line without control characters, which a terminal could obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def arm_words(arm: str) -> str:
    """An arm's name as it is read aloud."""
    return arm.replace("_", " ")


_COUNTED = {"accords": "security agreements", "declarations": "declarations"}
_WAYS = {
    "counter": "counter-balancing {}",
    "with_participant": "{} with a participant",
    "other": "other {}",
    "all": "{} of any direction",
}


def outcome_words(outcome: str) -> str:
    """An outcome as it is read aloud: `accords_counter_365` is counter-balancing
    security agreements within a year."""
    from balance_sim.study.outcomes import known_outcome

    found = known_outcome(outcome)
    if found is None:
        return arm_words(outcome)
    if found.measure == "own":
        return arm_words(outcome.removeprefix("own_"))
    counted = _COUNTED.get(found.measure) if found.of in _WAYS else None
    if found.window is None or not (found.kind or counted):
        return arm_words(outcome)
    words = (
        _WAYS[found.of].format(counted)
        if counted
        else f"agreements of type {arm_words(found.of)}"
    )
    return f"{words} {within(found.window)}"


TERM_WORDS = {
    "security_gain": "what the agreement adds to its security",
    "common_threat": "fear of the same states",
    "hostility": "the partner's hostility",
    "similarity": "nearness of positions",
    "joint_democracy": "democracy on both sides",
    "democracy_gap": "likeness of the regimes",
    "proximity": "nearness in space",
    "size": "the partner's strength",
    "activity": "what the partner signed of late",
    "popularity": "how many partners the partner has",
    "closure": "partners in common",
    "experience": "earlier agreements of the two",
    "ladder": "what the two have in force already",
    "autonomy": "dislike of many partners",
    "exposure": "fear for its trade",
    "hub_doubt": "doubt about a patron of both",
    "bandwagon": "siding with what threatens it",
    "foresight": "the reply that it expects",
    "talks_budget": "talks under way already",
    "agent": "what its agent wants beside the terms",
}


def term_words(term: str) -> str:
    """A term of willingness as it is read, seen from the state that decides; its name
    where it is the user's own."""
    return TERM_WORDS.get(term, arm_words(term.removeprefix("own_")))


def factor_words(path: str) -> str:
    """A key path as it is read aloud: `events.parade.visibility` is parade
    visibility."""
    if path == "theory.preset":
        return "theory"
    head, _, rest = path.partition(".")
    if head == "theory" and rest.startswith("weights."):
        return (
            f"weight of {arm_words(rest.removeprefix('weights.').removeprefix('own_'))}"
        )
    return arm_words((rest or head).replace(".", " "))


def state_names(scenario: Scenario) -> dict[str, str]:
    """Names by code: `{"KOR": "South Korea"}`."""
    return {state.id: printable(state.name) or state.id for state in scenario.states}


def dyad_name(names: Mapping[str, str], a: str, b: str) -> str:
    """Both states of a dyad: `Japan\u2013South Korea`."""
    return f"{names.get(a, a)}\u2013{names.get(b, b)}"


_TAKES_THE = {
    "Netherlands",
    "Philippines",
    "Republic",
    "Union",
    "Islands",
    "Kingdom",
    "Emirates",
}  # as last words


def state_in_text(names: Mapping[str, str], code: str) -> str:
    """A state's name within a sentence: `Japan`, `the United States`.

    >>> state_in_text({"USA": "United States", "JPN": "Japan"}, "USA")
    'the United States'
    """
    name = names.get(code, code)
    words = name.split()
    return (
        f"the {name}"
        if words and (words[0] == "United" or words[-1] in _TAKES_THE)
        else name
    )


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return (
        f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
        if words
        else ""
    )


def with_article(words: str) -> str:
    """`an access agreement`, `a defence pact`."""
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def arm_title(scenario: Scenario, arm: str) -> str:
    """An arm's title; its key as words where it has none."""
    return printable(scenario.arms[arm].title) or capital(arm_words(arm))


def arm_titles(scenario: Scenario) -> dict[str, str]:
    """Titles of all arms by key."""
    return {arm: arm_title(scenario, arm) for arm in scenario.arms}


def treatment(result: Result, arm: str) -> str:
    """What an arm's effect is the effect of: the focal event where the arm is the
    scenario as it is, else its title."""
    scenario, changed = result.scenario, result.scenario.arms[arm]
    label = next(event.label for event in scenario.events if event.id == scenario.focal)
    return (
        printable(label)
        if label and not (changed.drop or changed.add or changed.set)
        else arm_title(scenario, arm)
    )


def group_words(name: str) -> str:
    """A group's name as it is read: `us_allies` is US Allies, `asia_others` Others in
    Asia."""
    if name.endswith("_others"):
        return f"Others in {group_words(name.removesuffix('_others'))}"
    return " ".join(
        word.upper() if word in SHORT else capital(word)
        for word in arm_words(name).split()
    )


def capital(words: str) -> str:
    """The same with a capital at the start."""
    return words[:1].upper() + words[1:]


def role(result: Result, arm: str) -> str:
    """Which part an arm plays in a figure: `reference` (the control), `headline` or
    `other`."""
    if arm == result.reference:
        return "reference"
    return "headline" if arm == result.headline_arm else "other"


def titled(table: pd.DataFrame, result: Result) -> pd.DataFrame:
    """A figure's table with what is said of each row's `arm`: role; title; control (the
    control arm's title); treatment (what the headline arm's effect is the effect of;
    empty without one); window (the longest)."""
    titles, arm = arm_titles(result.scenario), result.headline_arm
    return table.assign(
        role=[role(result, name) for name in table["arm"]],
        title=[titles[name] for name in table["arm"]],
        control=titles[result.reference],
        treatment=treatment(result, arm) if arm is not None else "",
        window=result.window,
    )


def arm_with_role(table: pd.DataFrame, wanted: str) -> str | None:
    """The arm of a figure's table that plays a part, or None."""
    arms = table.loc[table["role"] == wanted, "arm"]
    return str(arms.iloc[0]) if len(arms) else None


def first(table: pd.DataFrame, column: str) -> str:
    """What a column says in the first row: of columns that say the same in all."""
    return str(table[column].iloc[0])


WIDTH = 80
WIDEST = (
    100  # columns that are filled of a wider terminal: longer lines are hard to read
)
UNLIMITED = 1000  # columns, where no terminal says how many there are: a line a row, for other programs
NARROWEST = 16  # columns that the first one of a table keeps
NARROW = 64  # columns below which a table becomes lines


def terminal_width() -> int:
    """Columns of the terminal; UNLIMITED where there is none."""
    return shutil.get_terminal_size((UNLIMITED, 24)).columns


def page_width() -> int:
    """Columns to fill with sentences and tables for a person: WIDTH where no terminal
    says how many there are."""
    return min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST)


def shortened(text: str, width: int) -> str:
    """A text of at most `width` characters, or NARROWEST where that is more, cut at a
    word where it is longer."""
    width = max(width, NARROWEST)
    return (
        text if len(text) <= width else textwrap.shorten(text, width, placeholder="...")
    )


def wrapped(text: str, indent: str = "  ", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` characters, all but the first indented; a word that is
    longer stays whole."""
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def said(text: str, width: int = WIDTH) -> list[str]:
    """Lines of a paragraph, none of them indented; none where there is nothing to
    say."""
    return wrapped(text, "", width) if text else []


def table(
    rows: Sequence[Sequence[str]],
    align: str = "<",
    indent: str = "",
    width: int = WIDTH,
) -> list[str]:
    """Rows of cells, heads among them, in columns with two spaces between them; one
    where they would be too wide.

    align: `<` or `>` of each column, the last for those after it. A first cell for
    which there is still no room stands on a line of its own.

    >>> table([["dyad", "effect"], ["Japan - Australia", "+0.1"]], "<>")
    ['dyad               effect', 'Japan - Australia    +0.1']
    """
    if not rows:
        return []
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = "  " if len(indent) + sum(wide) + 2 * (len(wide) - 1) <= width else " "
    wide[0] = min(
        wide[0],
        max(width - len(indent) - sum(len(gap) + one for one in wide[1:]), NARROWEST),
    )
    sides = align.ljust(len(wide), align[-1])
    lines = []
    for row in rows:
        fits = len(row[0]) <= wide[0]
        if not fits:
            lines.append(indent + row[0])
            if not any(row[1:]):
                continue
        cells = [row[0] if fits else "", *row[1:]]
        told = gap.join(
            f"{cell:{side}{size}}"
            for cell, side, size in zip(cells, sides, wide, strict=True)
        )
        lines.append((indent + told).rstrip())
    return lines


def table_or_lines(
    rows: Sequence[Sequence[str]], align: str = "<", width: int = WIDTH
) -> list[str]:
    """A table of heads and rows; on a page narrower than NARROW a line a row, with the
    heads before the cells.

    >>> table_or_lines([["dyad", "effect"], ["Japan - Australia", "+0.1"]], width=40)
    ['Japan - Australia: effect +0.1']
    """
    if width >= NARROW:
        return table(rows, align, width=width)
    heads, lines = rows[0], []
    for first, *cells in rows[1:]:
        told = ", ".join(
            f"{head} {cell}"
            for head, cell in zip(heads[1:], cells, strict=True)
            if cell
        )
        lines += wrapped(f"{first}: {told}" if told else first, width=width)
    return lines

"""Numbers, verdicts, states, dyads and arms in plain words, the same on the terminal,
in figures and in the report.

Text on a terminal: lines of a width, and tables in columns.
"""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
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
ABBREVIATIONS = {"us", "eu", "uk", "un", "nato"}
MOST_DECIMALS = 6

# -- numbers ---------------------------------------------------------------------------


def caveat(draws: bool | str = False) -> str:  # noqa: FBT001, FBT002
    """What a CI is of; draws: of `Result`, what each replication drew its parameters
    from."""
    if not draws:
        return CAVEAT
    source = draws.partition(":")[0] if isinstance(draws, str) else draws
    return (
        f"Each replication draws its parameters from {SOURCES[source]}: an effect is "
        "the mean over them, and its CI says how exactly that mean is known, not how "
        "far the effect varies over the parameters."
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
    places = 2
    if math.isfinite(error) and error > 0:
        places = min(max(math.ceil(-math.log10(error) - 1e-9), 1), 4)
    far = [bound for bound in bounds if math.isfinite(bound) and bound != 0]
    while places < MOST_DECIMALS and any(prints_as_zero(b, places) for b in far):
        places += 1
    return places


def prints_as_zero(value: float, places: int) -> bool:
    """Whether a number with so many decimals is written as zero."""
    return float(f"{value:.{places}f}") == 0


def digits(*values: float) -> int:
    """Decimals for some values: two, or where none reaches 0.01 as many as show two
    significant digits of the largest: 0.0062 -> 4; 6 at most."""
    sizes = [abs(value) for value in values if math.isfinite(value)]
    largest = max(sizes, default=0.0)
    if not 0 < largest < 0.01:
        return 2
    return min(1 - math.floor(math.log10(largest)), MOST_DECIMALS)


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
    low, high = number(lo, places), number(hi, places)
    return "-" if "-" in (low, high) else f"{low} to {high}"


def ci(lo: float, hi: float, places: int = 2) -> str:
    """`95 % CI 0.10 to 0.22`."""
    return f"95 % CI {interval(lo, hi, places)}"


def effect_cells(row: Any, places: int | None = None) -> list[str]:
    """Effect (`mean` where it is of a table of effects), CI and Monte Carlo standard
    error of a row, as cells of a table. places: decimals; those that its error leaves
    if not given."""
    effect = float(row["effect"] if "effect" in row else row["mean"])
    lo, hi, mcse = float(row["lo"]), float(row["hi"]), float(row["mcse"])
    if places is None:
        places = decimals(mcse, lo, hi)
    return [signed(effect, places), interval(lo, hi, places), number(mcse, places + 1)]


def effect_words(mean: float, lo: float, hi: float, mcse: float) -> str:
    """An effect with its interval: `+0.12; 95 % CI 0.08 to 0.16`."""
    places = decimals(mcse, lo, hi)
    effect = signed(mean, places)
    return f"{effect}; {ci(lo, hi, places)}" if math.isfinite(lo) else effect


def levels(without: float, with_event: float, most: int) -> tuple[str, str]:
    """Two means with one decimal, or as many (at most `most`) as show how far they are
    apart, to a quarter of it."""
    gap = with_event - without
    places = 1
    while places < most:
        shown = round(with_event, places) - round(without, places)
        if abs(shown - gap) <= abs(gap) / 4:
            break
        places += 1
    return number(without, places), number(with_event, places)


def change_words(
    effect: Mapping[Any, Any], without: float, with_event: float, what: str
) -> str:
    """What an effect does to an expected number: `expected agreements rise from 23.5 to
    23.6 (+0.1; ...)`.

    effect : with mean, lo, hi, mcse, and n paired replications
    without, with_event : the number expected in the control arm and in the other
    """
    mean, lo, hi, mcse = (float(effect[key]) for key in ("mean", "lo", "hi", "mcse"))
    finding = verdict(mean, lo, hi, int(effect["n"]))
    if finding == "none":
        level = number(without, 1)
        return f"no effect on expected {what}; {level} are expected with and without it"
    earlier_value, later_value = levels(without, with_event, decimals(mcse, lo, hi))
    if finding == "one run":
        return (
            f"{earlier_value} {what} without it and {later_value} with it, in one "
            "replication, which "
            "gives no confidence interval"
        )
    size = effect_words(mean, lo, hi, mcse)
    if finding == "not detectable":
        return (
            f"no detectable effect on expected {what} ({size}); {earlier_value} are "
            "expected "
            "without it"
        )
    verb = "rise" if finding == "more" else "fall"
    return f"expected {what} {verb} from {earlier_value} to {later_value} ({size})"


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
    near_an_end = value < 9.95 or 99.5 <= value < 100
    return f"{value:.1f} %" if value != 0 and near_an_end else f"{value:.0f} %"


def points(share: float, places: int = 1) -> str:
    """A difference of shares in percentage points, with its sign: +2.5."""
    return signed(100 * share, places)


# -- words -----------------------------------------------------------------------------


def plural(count: int, singular: str, several: str = "") -> str:
    """`1 run`, `2 runs`."""
    noun = singular if count == 1 else several or singular + "s"
    return f"{count:,} {noun}"


def printable(text: str) -> str:
    """One line without control characters, which a terminal could obey."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())


def arm_words(arm: str) -> str:
    """An arm's name as it is read aloud."""
    return arm.replace("_", " ")


_COUNTED = {"accords": "security agreements", "declarations": "declarations"}
_BY_DIRECTION = {
    "counter": "counter-balancing {}",
    "with_participant": "{} with a participant",
    "other": "other {}",
    "all": "{} of any direction",
}


def outcome_words(name: str) -> str:
    """An outcome as it is read aloud: `accords_counter_365` is counter-balancing
    security agreements within a year."""
    from balance_sim.study.outcomes import known_outcome

    outcome = known_outcome(name)
    if outcome is None:
        return arm_words(name)
    if outcome.measure == "own":
        return arm_words(name.removeprefix("own_"))
    counted = _COUNTED.get(outcome.measure)
    if counted and outcome.of in _BY_DIRECTION:
        words = _BY_DIRECTION[outcome.of].format(counted)
    elif outcome.kind:
        words = f"agreements of type {arm_words(outcome.of)}"
    else:
        return arm_words(name)
    if outcome.window is None:
        return arm_words(name)
    return f"{words} {within(outcome.window)}"


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
    head, _, tail = path.partition(".")
    if head == "theory" and tail.startswith("weights."):
        term = tail.removeprefix("weights.").removeprefix("own_")
        return f"weight of {arm_words(term)}"
    return arm_words((tail or head).replace(".", " "))


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
}
"""Last words of names that have an article."""


def state_in_text(names: Mapping[str, str], code: str) -> str:
    """A state's name within a sentence: `Japan`, `the United States`.

    >>> state_in_text({"USA": "United States", "JPN": "Japan"}, "USA")
    'the United States'
    """
    name = names.get(code, code)
    words = name.split()
    has_article = bool(words) and (words[0] == "United" or words[-1] in _TAKES_THE)
    return f"the {name}" if has_article else name


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


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
    scenario = result.scenario
    changes = scenario.arms[arm]
    labels = {event.id: event.label for event in scenario.events}
    label = labels[scenario.focal]
    if label and not (changes.drop or changes.add or changes.set):
        return printable(label)
    return arm_title(scenario, arm)


def group_words(name: str) -> str:
    """A group's name as it is read: `us_allies` is US Allies, `asia_others` Others in
    Asia."""
    if name.endswith("_others"):
        return f"Others in {group_words(name.removesuffix('_others'))}"
    words = arm_words(name).split()
    return " ".join(
        word.upper() if word in ABBREVIATIONS else capital(word) for word in words
    )


def capital(words: str) -> str:
    """The same with a capital at the start."""
    return words[:1].upper() + words[1:]


# -- tables of figures -----------------------------------------------------------------


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
    """The text of a column in the first row: of columns that say the same in all."""
    return str(table[column].iloc[0])


# -- terminal --------------------------------------------------------------------------

WIDTH = 80
WIDEST = 100
"""Columns that are filled of a wider terminal: longer lines are hard to read."""
UNLIMITED = 1000
"""Columns where no terminal says how many there are: a line a row, for programs."""
NARROWEST = 16
"""Columns that the first one of a table keeps."""
NARROW = 64
"""Columns below which a table becomes lines."""


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
    if len(text) <= width:
        return text
    return textwrap.shorten(text, width, placeholder="...")


def wrapped(text: str, indent: str = "  ", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` characters, all but the first indented; a word that is
    longer stays whole."""
    lines = textwrap.wrap(
        text,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]


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
    where they would be too wide. A first cell for which there is still no room stands
    on a line of its own.

    align : `<` or `>` of each column, the last for those after it

    >>> table([["dyad", "effect"], ["Japan - Australia", "+0.1"]], "<>")
    ['dyad               effect', 'Japan - Australia    +0.1']
    """
    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    sides = align.ljust(len(widths), align[-1])
    gap = "  "
    if len(indent) + sum(widths) + len(gap) * (len(widths) - 1) > width:
        gap = " "
    room = width - len(indent) - sum(len(gap) + column for column in widths[1:])
    widths[0] = min(widths[0], max(room, NARROWEST))
    lines = []
    for first, *others in rows:
        if len(first) > widths[0]:
            lines.append(indent + first)
            if not any(others):
                continue
            first = ""  # noqa: PLW2901
        cells = zip((first, *others), sides, widths, strict=True)
        line = gap.join(f"{cell:{side}{columns}}" for cell, side, columns in cells)
        lines.append((indent + line).rstrip())
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
    lines = []
    for row in rows[1:]:
        named = zip(rows[0][1:], row[1:], strict=True)
        cells = ", ".join(f"{head} {cell}" for head, cell in named if cell)
        lines += wrapped(f"{row[0]}: {cells}" if cells else row[0], width=width)
    return lines

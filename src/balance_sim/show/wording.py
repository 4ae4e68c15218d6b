"""Numbers, verdicts, states, dyads and arms in plain words, the same on the terminal,
in figures and in the report; and text on a terminal: lines of a width, and tables in
columns.
"""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.expected_effect import ExpectedEffect
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

COUNTER = "counter-balancing security agreements"
DIRECTIONS = {
    "counter": "counter-balancing",
    "with_participant": "with a participant",
    "other": "other",
    "all": "all",
}
COUNTER_BALANCING = (
    "An agreement counts as counter-balancing if neither of its two states takes part "
    "in the event, both fear those who do, and neither is aligned with them."
)
CAVEAT = "The CI reflects Monte Carlo error only."
AT_POINT = "at the point values"
SOURCES = {
    "True": "the fit",
    "fitted": "the fit",
    "posterior": "the posterior",
    "prior": "the prior",
}
"""What a study draws parameters from, in words."""
ABBREVIATIONS = {"us", "eu", "uk", "un", "nato"}
MOST_DECIMALS = 6
NO_BREAK = "\u00a0"

# -- numbers ---------------------------------------------------------------------------


def values_words(source: object) -> str:
    """Return at which values of the parameters replications were simulated.

    Parameters
    ----------
    source : what each drew its parameters from, as `Result.draws` or `Headline.drawn`
        has it; empty or False at the point values
    """
    if not source:
        return AT_POINT
    return f"over draws of {SOURCES[str(source).partition(':')[0]]}"


def decimals(error: float, *bounds: float) -> int:
    """Return the decimals that show one or two significant digits of an error.

    There are 1 to MOST_DECIMALS, and more than the error leaves where a bound of the
    interval that is not zero would print as zero.

    >>> decimals(0.03), decimals(0.004), decimals(0.03, 0.0004)
    (2, 3, 4)
    """
    places = 2
    if math.isfinite(error) and error > 0:
        places = min(max(math.ceil(-math.log10(error) - 1e-9), 1), MOST_DECIMALS)
    sizes = [abs(bound) for bound in bounds if math.isfinite(bound) and bound != 0]
    smallest = min(sizes, default=math.inf)
    while places < MOST_DECIMALS and round(smallest, places) == 0:
        places += 1
    return places


def digits(*values: float) -> int:
    """Return decimals for some values: two, or where none reaches 0.01 as many as show
    two significant digits of the largest, 6 at most.

    >>> digits(1.5, 0.001), digits(0.0062)
    (2, 4)
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not 0 < largest < 0.01:
        return 2
    return min(1 - math.floor(math.log10(largest)), MOST_DECIMALS)


def effect_digits(*effects: float) -> int:
    """Return decimals for effects: three, or more as `digits` has them."""
    return max(digits(*effects), 3)


def number(value: float | None, places: int = 2) -> str:
    """Return a number with fixed decimals, never "-0.00"; a dash where it is not
    known."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:z.{places}f}"


def level(value: float) -> str:
    """Return an expected number: with two decimals, a small one with two digits.

    >>> level(8.594), level(0.0033)
    ('8.59', '0.0033')
    """
    return number(value, digits(value))


def signed(value: float, places: int = 2) -> str:
    """Return a difference with its sign.

    >>> signed(0.16), signed(-0.074), signed(0.001)
    ('+0.16', '-0.07', '0.00')
    """
    text = number(value, places)
    return f"+{text}" if text != "-" and float(text) > 0 else text


def interval(lo: float | None, hi: float | None, places: int = 2) -> str:
    """Return `0.10 to 0.22`; a dash where either bound is not known."""
    low, high = number(lo, places), number(hi, places)
    return "-" if "-" in (low, high) else f"{low} to {high}"


def ci(lo: float, hi: float, places: int = 2) -> str:
    """Return `95 % CI 0.10 to 0.22`."""
    return f"95 % CI {interval(lo, hi, places)}"


def effect_cells(row: Any, places: int | None = None) -> list[str]:
    """Return effect, CI and Monte Carlo standard error of a row as cells of a table.

    Parameters
    ----------
    row : with effect (`mean` in a table of effects), lo, hi, mcse
    places : decimals; where None, those that the error leaves
    """
    effect = float(row["effect"] if "effect" in row else row["mean"])
    lo, hi, mcse = float(row["lo"]), float(row["hi"]), float(row["mcse"])
    if places is None:
        places = decimals(mcse, lo, hi)
    smallest, error = 10 ** -(places + 1), number(mcse, places + 1)
    if 0 < mcse < math.inf and float(error) == 0:
        error = f"under {smallest:.{places + 1}f}"
    return [signed(effect, places), interval(lo, hi, places), error]


def effect_words(mean: float, lo: float, hi: float, mcse: float) -> str:
    """Return an effect with its interval: `+0.12; 95 % CI 0.08 to 0.16`."""
    places = decimals(mcse, lo, hi)
    effect = signed(mean, places)
    return f"{effect}; {ci(lo, hi, places)}" if math.isfinite(lo) else effect


def change_words(row: Mapping[str, Any], subject: str) -> str:
    """Return what an effect does to an expected number: `expected agreements rise by
    0.0204 from 6.21, or 0.3 %`.

    Parameters
    ----------
    row : mean, level (without the effect), ci95 (or None)
    subject : what is counted
    """
    mean, (low, high) = row["mean"], row["ci95"] or (None, None)
    control = level(row["level"])
    if mean == 0 and not low and not high:
        return f"no effect on expected {subject}: {control} with and without it"
    places = effect_digits(mean)
    verb, size = "rise" if mean > 0 else "fall", number(abs(mean), places)
    if mean != 0 and float(size) == 0:
        size = f"under {10**-places:.{places}f}"
    if low is not None and high is not None and low <= 0 <= high:
        verb, size = "change", signed(mean, places)
    share = f", or {percent(abs(mean) / row['level'])}" if row["level"] > 0 else ""
    return f"expected {subject} {verb} by {size} from {control}{share}"


def bounds_words(row: Mapping[str, Any], name: str) -> str:
    """Return median and interval of an effect: `median +0.0142; 95 % interval 0.0016 to
    0.0768`; empty without.

    Parameters
    ----------
    row : mean, ci95 (or None), median where there is one
    name : what the interval is called
    """
    (low, high), places = row["ci95"] or (None, None), effect_digits(row["mean"])
    notes = [f"median {signed(row['median'], places)}"] if "median" in row else []
    notes += [f"{name} {interval(low, high, places)}"] if low is not None else []
    return "; ".join(notes)


def spread_words(row: Mapping[str, Any]) -> str:
    """Return the standard error of a parameter of `parameter_table`, else its range;
    empty without."""
    if row["standard_error"] is not None:
        return f"s.e. {row['standard_error']:g}"
    bounds = row["range"]
    return f"{bounds[0]:g} to {bounds[1]:g}" if isinstance(bounds, list) else ""


def within(days: int) -> str:
    """Return a window in words: `within a year`, `within 90 days`."""
    return "within a year" if days == 365 else f"within {plural(days, 'day')}"


def about(count: float) -> str:
    """Return a number of things, rounded up to two digits.

    >>> about(10.0), about(161.2), about(25_001.0)
    ('10', '170', '26,000')
    """
    unit = 10 ** max(math.floor(math.log10(count)) - 1, 0)
    return f"{math.ceil(count / unit) * unit:,}"


def percent(share: float | None) -> str:
    """Return a share as per cent; a dash where it is not known.

    There is one decimal below 10 % and near 100 %, none elsewhere; what is not 0 % or
    100 % never prints so.

    >>> percent(0.0004), percent(0.034), percent(0.25), percent(1)
    ('under 0.1 %', '3.4 %', '25 %', '100 %')
    """
    if share is None or not math.isfinite(share):
        return "-"
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    if 99.95 <= value < 100:
        return "over 99.9 %"
    near_an_end = 0 < value < 9.95 or 99.5 <= value < 100
    return f"{value:.1f} %" if near_an_end else f"{value:.0f} %"


# -- words -----------------------------------------------------------------------------


def plural(count: int, singular: str) -> str:
    """Return `1 run`, `2 runs`."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """Return one line without control characters, which a terminal could obey."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())


def arm_words(arm: str) -> str:
    """Return an arm's name as it is read aloud."""
    return arm.replace("_", " ")


def capital(words: str) -> str:
    """Return the words with a capital at the start."""
    return words[:1].upper() + words[1:]


_COUNTED = {
    "accords": "security agreements",
    "declarations": "declarations",
    "exercises": "joint exercises",
}
_BY_DIRECTION = {
    "counter": "counter-balancing {}",
    "with_participant": "{} with a participant",
    "other": "other {}",
    "all": "{} of any direction",
}


def outcome_words(name: str) -> str:
    """Return an outcome as it is read aloud.

    >>> outcome_words("accords_counter_365")
    'counter-balancing security agreements within a year'
    """
    from balance_sim.study.outcomes import known_outcome

    outcome = known_outcome(name)
    if outcome is None or outcome.window is None or outcome.measure == "own":
        return arm_words(name.removeprefix("own_"))
    words = ""
    if outcome.kind:
        words = f"agreements of type {arm_words(outcome.of)}"
    elif outcome.measure in _COUNTED and outcome.of in _BY_DIRECTION:
        words = _BY_DIRECTION[outcome.of].format(_COUNTED[outcome.measure])
    return f"{words} {within(outcome.window)}" if words else arm_words(name)


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
    "alarm": "alarm at threat that is new",
    "agent": "what its agent wants beside the terms",
}
"""Terms of willingness as they are read, seen from the state that decides."""


def term_words(term: str) -> str:
    """Return a term of willingness in words; of the user's own its name."""
    return TERM_WORDS.get(term, arm_words(term.removeprefix("own_")))


FACTOR_WORDS = {
    "alpha0": "alignment of strangers",
    "alpha_x": "alignment by ideal points",
    "alpha_acc": "alignment by agreements",
    "beta": "help expected of friends",
    "delta_km": "distance at which strength is lost",
    "eta0": "hostility of strangers",
    "eta_x": "hostility by ideal points",
    "eta_militarised": "hostility after force",
    "eta_war": "hostility in war",
    "eta_acc": "reassurance by agreements",
    "gamma": "steepness of the loss of strength",
    "s0": "security that nobody supplies",
    "tau": "share from which a threat counts",
}
"""Parameters whose names do not say what they are."""


def factor_words(path: str) -> str:
    """Return a key path as it is read aloud.

    >>> factor_words("events.parade.visibility"), factor_words("parameters.beta")
    ('parade visibility', 'help expected of friends (beta)')
    """
    if path == "theory.preset":
        return "theory"
    head, _, tail = path.partition(".")
    if head == "theory" and tail.startswith("weights."):
        term = tail.removeprefix("weights.").removeprefix("own_")
        return f"weight of {arm_words(term)}"
    if tail in FACTOR_WORDS:
        return f"{FACTOR_WORDS[tail]} ({tail})"
    return arm_words((tail or head).removesuffix(".default").replace(".", " "))


def state_names(scenario: Scenario) -> dict[str, str]:
    """Return names by code: `{"KOR": "South Korea"}`."""
    return {state.id: printable(state.name) or state.id for state in scenario.states}


def dyad_name(names: Mapping[str, str], a: str, b: str) -> str:
    """Return both states of a dyad: `Japan\u2013South Korea`."""
    return f"{names.get(a, a)}\u2013{names.get(b, b)}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def arm_title(scenario: Scenario, arm: str) -> str:
    """Return an arm's title; its key as words where it has none."""
    return printable(scenario.arms[arm].title) or capital(arm_words(arm))


def arm_titles(scenario: Scenario) -> dict[str, str]:
    """Return titles of all arms by key."""
    return {arm: arm_title(scenario, arm) for arm in scenario.arms}


def treatment(result: Result | ExpectedEffect, arm: str) -> str:
    """Return what an arm's effect is the effect of.

    That is the focal event where the arm is the scenario as it is, else the arm's
    title.
    """
    scenario = result.scenario
    labels = {event.id: event.label for event in scenario.events}
    label = labels[scenario.focal]
    if label and scenario.arms[arm].is_as_written:
        return printable(label)
    return arm_title(scenario, arm)


def focal_words(scenario: Scenario) -> str:
    """Return what the focal event is, and its date."""
    event = next(event for event in scenario.events if event.id == scenario.focal)
    label = printable(event.label) or f"{arm_words(event.id)} ({arm_words(event.kind)})"
    return f"{label}, {event.date}"


def group_words(name: str) -> str:
    """Return a group's name as it is read.

    >>> group_words("us_allies"), group_words("asia_others")
    ('US Allies', 'Others in Asia')
    """
    if name.endswith("_others"):
        return f"Others in {group_words(name.removesuffix('_others'))}"
    words = arm_words(name).split()
    return " ".join(
        word.upper() if word in ABBREVIATIONS else capital(word) for word in words
    )


# -- tables of figures -----------------------------------------------------------------


def titled(table: pd.DataFrame, result: Result) -> pd.DataFrame:
    """Return a figure's table with what is said of each row's `arm`.

    Added are role: which part the arm plays, `reference` (the control), `headline` or
    `other`; title; control (the control arm's title); values (of the parameters, in
    words); treatment (what the headline arm's effect is the effect of; empty without
    one); window (the longest).
    """
    titles, arm = arm_titles(result.scenario), result.headline_arm
    roles = {arm: "headline", result.reference: "reference"}
    return table.assign(
        role=[roles.get(name, "other") for name in table["arm"]],
        title=[titles[name] for name in table["arm"]],
        control=titles[result.reference],
        values=values_words(result.draws),
        treatment="" if arm is None else treatment(result, arm),
        window=result.window,
    )


def first(table: pd.DataFrame, column: str) -> str:
    """Return the text of a column that says the same in all rows."""
    return str(table[column].iloc[0])


# -- terminal --------------------------------------------------------------------------

WIDTH = 80
WIDEST = 100
"""Columns that are filled of a wider terminal: longer lines are hard to read."""
NARROWEST = 16
"""Columns that the first one of a table keeps."""


def page_width() -> int:
    """Return the columns to fill: WIDTH where no terminal says how many there are."""
    return min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST)


def wrapped(text: str, indent: str = "  ", width: int = WIDTH) -> list[str]:
    """Return lines of at most `width` characters, all but the first indented; a longer
    word stays whole, and a per cent sign with its number."""
    lines = textwrap.wrap(
        text.replace(" %", f"{NO_BREAK}%"),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(f"{NO_BREAK}%", " %") for line in lines] or [""]


type Paragraph = str | tuple[list[list[str]], str]
"""A text, or the rows of a table and how its columns are aligned."""


def paragraph_lines(paragraphs: Iterable[Paragraph], width: int) -> Iterator[str]:
    """Yield paragraphs as lines of at most `width` characters, tables between blank
    ones."""
    for paragraph in paragraphs:
        if isinstance(paragraph, str):
            yield from said(paragraph, width)
        else:
            rows, align = paragraph
            yield from ["", *table(rows, align, width=width), ""]


def place_words(folder: Path, *, is_finished: bool) -> str:
    """Return what lies in the folder of a run."""
    files = "Manifest, summary.json and failed.json"
    if is_finished:
        has_page = (folder / "report.html").is_file()
        files = "Every arm and figure: report.html in" if has_page else "Results in"
    return f"{files} {folder}"


def said(text: str, width: int = WIDTH) -> list[str]:
    """Return lines of a paragraph, none of them indented; none of an empty text."""
    return wrapped(text, "", width) if text else []


def table(
    rows: Sequence[Sequence[str]],
    align: str = "<",
    indent: str = "",
    width: int = WIDTH,
) -> list[str]:
    """Return rows of cells, heads among them, in columns with two spaces between them.

    First cells are cut where the lines would be longer than `width`.

    Parameters
    ----------
    align : `<` or `>` of each column, the last for those after it

    Examples
    --------
    >>> table([["dyad", "effect"], ["Japan - Australia", "+0.1"]], "<>")
    ['dyad               effect', 'Japan - Australia    +0.1']
    """
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - len(indent) - sum(2 + columns for columns in widths[1:])
    widths[0] = min(widths[0], max(room, NARROWEST))
    sides = align.ljust(len(widths), align[-1])
    lines = []
    for name, *others in rows:
        if len(name) > widths[0]:
            name = f"{name[: widths[0] - 3].rstrip()}..."  # noqa: PLW2901
        cells = zip((name, *others), sides, widths, strict=True)
        line = "  ".join(f"{cell:{side}{columns}}" for cell, side, columns in cells)
        lines.append((indent + line).rstrip())
    return lines

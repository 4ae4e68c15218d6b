"""The effect of each arm with its channels, and the event's effect among those of
placebo events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import (
    VERDICTS,
    clear,
    effect_table,
    rank_words,
)

NAMES = 46  # letters of a title on a line


# -- of each arm -----------------------------------------------------------------------

PARTS = {
    "picture": (style.GREEN, "seen together"),
    "threat": (style.VERMILION, "threat to its targets"),
    "rest": (style.PALE, "what else the arm changes"),
}
"""Parts of an expected effect: colour and words."""


def arms_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the effect of each arm on counter-balancing agreements within the longest
    window.

    Returns
    -------
    A row an arm but the control, the largest effect first: mean paired effect with its
    95 % CI (lo, hi) and Monte Carlo standard error; level, control_level: expected in
    the arm and in the control; and the PARTS of its expected effect, exact Shapley
    values (NaN: the arm lacks the focal event)
    """
    table = effect_table(result, [result.headline_outcome])
    if table.empty or len(result.arms) < 2:
        return pd.DataFrame()
    shares = result.channels.table[["outcome", "arm", *PARTS]]
    table = table[table["role"] != "reference"].merge(shares, how="left")
    return table.sort_values("effect", ascending=False, kind="stable")


@style.figure(
    "arms",
    "How do the arms compare, and through which channels?",
    arms_table,
    page=lambda table: style.rows_page(len(table), 0.36),
    empty="No arm to compare, or no replication finished: there is no effect to show.",
    columns="title level effect lo hi mcse picture threat rest",
)
def draw_arms(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a row an arm: above, a dot with its CI and the numbers beside it; below, on
    the same axis, its parts as a bar."""
    ax = axes[0]
    labels = [style.folded(title, NAMES) for title in table["title"]]
    heights = draw_effects(ax, table, labels)
    window = style.within(table)
    ax.set_xlabel(f"additional {say.COUNTER} {window}")
    runs = style.runs_of(table, "paired replication")
    level = table["control_level"].iloc[0]
    small = (
        f"{runs}; control: {say.first(table, 'control')}, {say.level(level)} "
        f"agreements. "
        f"{say.CAVEAT}"
    )
    under = "Dots: simulated, with 95 % CI, open where it holds zero"
    if table["lo"].isna().all():
        under = "Dots: simulated; too few for a CI, so no dot is told from zero"
    if table["picture"].notna().any():
        _draw_parts(ax, table, heights - 0.32)
        under += ". Bars: what the expected effect is made of"
        small += " Bars are Shapley values, without Monte Carlo error."
    title = _extremes(table)
    return style.Words(title, under, small)


def _extremes(table: pd.DataFrame) -> str:
    """Return the headline arm, and the arm with the largest effect where it is
    another."""
    largest = table.loc[[table["effect"].abs().idxmax()]]
    rows = pd.concat([table[table["role"] == "headline"], largest])
    rows = rows.drop_duplicates("arm")
    places = say.effect_digits(*rows["effect"])
    words = [
        f"{title}, {say.signed(effect, places)}"
        for title, effect in zip(rows["title"], rows["effect"], strict=True)
    ]
    return "; largest: ".join(words)


def _draw_parts(ax: style.Axes, table: pd.DataFrame, heights: Any) -> None:
    """Draw the parts of each arm's expected effect, stacked from zero, each to its own
    side: those that lower the effect to the left, those that raise it to the right.

    Parameters
    ----------
    heights : of the bars, in the order of the rows
    """
    above, below = np.zeros(len(table)), np.zeros(len(table))
    for part, (colour, words) in PARTS.items():
        width = table[part].fillna(0.0).to_numpy(float)
        if not width.any():
            continue
        start = np.where(width >= 0, above, below)
        look: dict[str, Any] = {"color": colour, "label": words, "zorder": 2}
        ax.barh(heights, width, 0.24, left=start, **look)
        above, below = above + np.maximum(width, 0), below + np.minimum(width, 0)
    if ax.get_legend_handles_labels()[0]:  # no part moves where nothing can count
        ax.legend(loc="lower right", frameon=False, handlelength=0.9, handleheight=0.9)
    ends = [*ax.get_xlim(), above.max(), below.min()]
    ax.set(xlim=(min(ends), max(ends)))
    ax.set_ylim(bottom=min(-0.8, ax.get_ylim()[0]))


def draw_effects(ax: style.Axes, table: pd.DataFrame, labels: list[str]) -> Any:
    """Draw a row's effect with its CI on a line of its own, and the same in words at
    the right.

    Parameters
    ----------
    table : role, effect, lo, hi, mcse
    labels : of the rows

    Returns
    -------
    The heights of the rows
    """
    ax.axvline(0, color=style.INK, linewidth=1)
    places = say.decimals(table["mcse"].max(), *table["lo"], *table["hi"])
    heights = style.row_axis(ax, labels)
    rows = table.assign(clear=clear(table)).to_dict("records")
    for y, row in zip(heights, rows, strict=True):
        colour = style.BLUE if row["role"] == "headline" else style.QUIET
        face = "" if row["clear"] else "white"
        style.whisker(ax, y, row, colour, width=3, face=face)
        style.beside(ax, y, style.effect_label(row, places), color=colour)
    values = table[["effect", "lo", "hi"]].to_numpy(float)
    ax.set_xlim(style.limits(values, 0.06))
    return heights


# -- among placebo events --------------------------------------------------------------

FAMILIES = {
    "participants": "The same event with other participants",
    "dates": "The same participants on other dates",
}
BINS = 40
OF_FAMILY = ["name", "window", "by_rule", "rank_by_rule", "rank", "verdict"]
SMALL = {
    "participants": "The event has its targets as they are coded, the others by a rule "
    "those with whom they have the worst quarrels; by that rule the event has {}, and "
    "is number {} by size. ",
    "dates": "Of dates, effects less than 5 % nearer to zero count as large. ",
}


def placebos_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the event's effect among those of placebos.

    Returns
    -------
    A row a placebo, and one of each family for the event itself: family, label, effect
    on expected counter-balancing agreements, is_event; window: days in which agreements
    are counted; longest: those of the headline; by_rule, rank_by_rule: the event's
    effect and rank with its targets by the rule of the others; rank, verdict: of the
    event among its placebos; is_alone: the arm changes nothing else. Empty where there
    are none
    """
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    table = result.placebos.table()[["family", "label", "effect", "is_event"]]
    is_alone = result.placebos.is_alone
    event = say.treatment(result, arm) if is_alone else "The event alone"
    table["label"] = table["label"].mask(table["is_event"], event)
    tests = [
        [getattr(family, name) for name in OF_FAMILY]
        for family in result.placebos.families
        if len(family.placebos)
    ]
    of_family = pd.DataFrame(tests, columns=["family", *OF_FAMILY[1:]])
    table = table.merge(of_family, on="family")
    return table.assign(longest=result.window, is_alone=is_alone)


def placebos_title(table: pd.DataFrame) -> str:
    """Return where the event ranks in each family."""
    pieces = []
    for family, rows in table.groupby("family", sort=False):
        row, placebos = rows.iloc[0], int((~rows["is_event"]).sum())
        verdict = VERDICTS[str(row["verdict"])]
        pieces.append(f"{rank_words(str(family), row['rank'], placebos)} ({verdict})")
    return say.capital("; ".join(pieces))


def _placebos_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page with a panel a family, each with an axis of its own: windows of
    families differ, and so do the sizes of effects."""
    families = table["family"].nunique()
    return style.panels(families)


@style.figure(
    "placebos",
    "Is the effect larger than those of placebo events?",
    placebos_table,
    page=_placebos_page,
    empty="No placebo events were simulated: there is no effect to compare with.",
)
def draw_placebos(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw placebo effects as a histogram, the event as a labelled line; a panel a
    family."""
    families = table.groupby("family", sort=False)
    for ax, (family, rows) in zip(axes, families, strict=False):
        _draw_family(ax, rows)
        row = rows.iloc[0]
        count = say.plural(int((~rows["is_event"]).sum()), "placebo")
        words = FAMILIES.get(str(family), say.capital(str(family)))
        title = f"{words}: {count}, {say.within(int(row['window']))}"
        ax.set_title(title, loc="left", color=style.QUIET)
    axes[-1].set_xlabel(f"additional {say.COUNTER}")
    small = "Bars: placebo events. "
    for first in table.drop_duplicates("family").to_dict("records"):
        words = say.signed(first["by_rule"], say.effect_digits(first["by_rule"]))
        small += SMALL.get(first["family"], "").format(words, first["rank_by_rule"])
        if first["window"] < first["longest"]:
            small += (
                f"The headline's {first['longest']} days leave no room for other "
                f"{first['family']}, so agreements are counted here within "
                f"{first['window']}. "
            )
    small += f"All with partners as at the start, {say.AT_POINT}."
    under = ""
    if not table["is_alone"].all():
        under = (
            "Compared is the event alone, without what else the headline's arm changes"
        )
    return style.Words(placebos_title(table), under, small)


def _draw_family(ax: style.Axes, rows: pd.DataFrame) -> None:
    """Draw a histogram of placebo effects, and the event as a line with its words."""
    is_event = rows["is_event"]
    ends = min(0.0, rows["effect"].min()), max(0.0, rows["effect"].max())
    ax.hist(rows.loc[~is_event, "effect"], BINS, range=ends, color=style.PALE)
    ax.axvline(0, color=style.INK, linewidth=0.8)
    event = rows[is_event].to_dict("records")[0]
    effect = event["effect"]
    words = f"{event['label']} {say.signed(effect, say.effect_digits(effect))}"
    ax.axvline(effect, color=style.BLUE, linewidth=2.6)
    highest = ax.get_ylim()[1]
    ax.set_ylim(top=1.15 * highest)  # room for the words
    style.name_line(ax, effect, 1.06 * highest, words)
    ax.set_ylabel("placebos")
    ax.locator_params(axis="y", integer=True, nbins=4)

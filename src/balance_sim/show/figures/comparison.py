"""Studies side by side: the effect in each, what differs outcome by outcome, and the
dyads that differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import draw_effects, effect_by_run, has_rows
from balance_sim.show.headline import clear
from balance_sim.stats.intervals import (
    Sample,
    drawn_interval,
    mean_interval,
    spread_over,
    welch,
)
from balance_sim.study.outcomes import FILTERED, Outcome, known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from balance_sim.show.comparison import Comparison

MOST_ROWS, MOST_DYADS = 24, 16
THEORY = "theory.preset"
SHORT_NAME = 34  # letters of a label on a line

# -- the effect in each ----------------------------------------------------------------

STUDIES = [
    *("label", "theory", "arm", "reference", "level", "excess", "lo", "hi", "mcse"),
    *("differing", "n", "against_first", "against_lo", "against_hi"),
    *("against_differing", "paired", "window", "title", "control"),
]


@dataclass(frozen=True)
class NamedArm:
    """An arm of a study, and how figures call it."""

    name: str
    study: Result
    arm: str


def studies_table(comparison: Comparison) -> pd.DataFrame:
    """One row a study: mean paired effect on counter-balancing agreements of its
    headline arm, or of the arm named, within the longest window that all have; level:
    mean in the control. against_first: its effect less that of the first study,
    replication by replication where seeds match, else of independent ones (Welch).
    Sweeps have no effect of their own and no row."""
    studies: list[tuple[str, str | None, Result]] = []
    for name, side, study in zip(
        comparison.names, comparison.sides, comparison.studies, strict=True
    ):
        if isinstance(study, Result):
            studies.append((name, side.arm, study))
    return _effects(studies)


def theories_table(sweep: SweepResult) -> pd.DataFrame:
    """The same with a row a point of a sweep that varies the theory, at most MOST_ROWS
    of them."""
    studies: list[tuple[str, str | None, Result]] = []
    for point in sweep.table.numbers()[:MOST_ROWS]:
        values = dict(sweep.table.points[point].values)
        theory = str(values.pop(THEORY, sweep.scenario.theory.preset))
        pieces = [say.arm_words(theory)]
        for path, value in values.items():
            shown = f"{value:g}" if isinstance(value, float) else value
            pieces.append(f"{say.factor_words(path)} {shown}")
        studies.append((", ".join(pieces), None, sweep.point(point)))
    return _effects(studies)


def _effects(studies: Sequence[tuple[str, str | None, Result]]) -> pd.DataFrame:
    """Rows of (name, arm or None for the headline's, study)."""
    finished = [row for row in studies if row[2].finished]
    windows = [set(study.scenario.report.windows) for _, _, study in finished]
    common = set.intersection(*windows) if windows else set()
    if not common:
        return pd.DataFrame()
    window = max(common)
    outcome = Outcome("accords", "counter", window).name
    arms = []
    for name, wanted, study in finished:
        arm = wanted or study.headline_arm
        if arm is not None and arm != study.reference:
            study.need(outcome)
            arms.append(NamedArm(name, study, arm))
    rows = [_effect_row(arm, arms[0], outcome) for arm in arms]
    return pd.DataFrame(rows).assign(window=window).reindex(columns=STUDIES)


def _effect_row(named: NamedArm, first: NamedArm, outcome: str) -> dict[str, Any]:
    """The effect of an arm, and how far it is from that of the first."""
    study, arm = named.study, named.arm
    effects = study.effects.set_index(["arm", "outcome"])
    levels = study.levels.set_index(["arm", "outcome"])
    effect: Any = effects.loc[arm, outcome]
    return {
        "label": named.name,
        "theory": study.scenario.theory.preset,
        "arm": arm,
        "reference": study.reference,
        "level": float(levels["mean"][study.reference, outcome]),
        "excess": float(effect["mean"]),
        "lo": float(effect["lo"]),
        "hi": float(effect["hi"]),
        "mcse": float(effect["mcse"]),
        "differing": float(effect["share_positive"] + effect["share_negative"]),
        "n": int(effect["n"]),
        "title": say.arm_title(study.scenario, arm),
        "control": say.arm_title(study.scenario, study.reference),
        **_against(first, named, outcome),
    }


def _against(first: NamedArm, other: NamedArm, outcome: str) -> dict[str, Any]:
    """The other's mean effect less the first's with its 95 % CI, the share of
    replications in which it differs (NaN if they are not paired), and whether it is
    paired."""
    effects_a, levels_a = effect_by_run(first.study, first.arm, outcome)
    effects_b, levels_b = effect_by_run(other.study, other.arm, outcome)
    if first.study.seed != other.study.seed:
        first_state, two = (
            Sample.of(np.asarray(effects, dtype=np.float64))
            for effects in (effects_a, effects_b)
        )
        mean, _, lo, hi = welch(first_state, two)
        return _difference(mean, lo, hi, float("nan"), paired=False)
    pair = effects_a.index.intersection(effects_b.index)
    change = np.asarray(effects_b.loc[pair] - effects_a.loc[pair], dtype=np.float64)
    if _is_continuous(first, other, outcome):
        mean, _, lo, hi = mean_interval(change)
    else:
        spreads = [
            float(spread_over(*levels.to_numpy(float).T)) if len(levels) else 0.0
            for levels in (levels_a, levels_b)
        ]
        mean, _, lo, hi = drawn_interval(change, max(spreads))
    return _difference(mean, lo, hi, float((change != 0).mean()), paired=True)


def _difference(
    mean: float, lo: float, hi: float, differing: float, *, paired: bool
) -> dict[str, Any]:
    return {
        "against_first": mean,
        "against_lo": lo,
        "against_hi": hi,
        "against_differing": differing,
        "paired": paired,
    }


def _is_continuous(first: NamedArm, other: NamedArm, outcome: str) -> bool:
    """Whether the difference is none in every replication, or of filtered numbers: not
    of counts."""
    is_same = (
        first.study.outcomes.equals(other.study.outcomes) and first.arm == other.arm
    )
    filtered = FILTERED + outcome
    names = (first.study.by_run.names, other.study.by_run.names)
    return is_same or all(filtered in places_kept for places_kept in names)


def studies_title(table: pd.DataFrame) -> str:
    """The finding: of two the difference of their effects, of more where the effect can
    be detected."""
    if len(table) == 2:
        return _two_title(*table.to_dict("records"))
    sure = table[clear(table)]
    words = f"The effect is detectable in {len(sure)} of {len(table)}"
    return words if sure.empty else f"{words}; largest: {_largest(sure, 'excess')}"


def _two_title(first: dict[Any, Any], second: dict[Any, Any]) -> str:
    """The finding of two studies."""
    lo, hi = second["against_lo"], second["against_hi"]
    error = max(float(first["mcse"]), float(second["mcse"]))
    places = say.decimals(error, lo, hi)
    effects = " and ".join(
        f"{say.signed(row['excess'], places)} in {row['label']}"
        for row in (first, second)
    )
    if not np.isfinite(lo):
        return (
            f"The effect is {effects}; there are too few replications to compare the "
            "two"
        )
    if second["against_differing"] == 0:
        return f"The effect is the same in every replication: {effects}"
    verb = "differ" if lo > 0 or hi < 0 else "do not differ detectably"
    change = say.signed(second["against_first"], places)
    return (
        f"The effect is {effects}; the two {verb} ({change}; {say.ci(lo, hi, places)})"
    )


def _largest(rows: pd.DataFrame, name: str) -> str:
    """The row whose number is furthest from zero, with its interval in brackets."""
    row = rows.sort_values(name, key=abs, ascending=False, kind="stable").iloc[0]
    places = say.decimals(float(row["mcse"]), float(row["lo"]), float(row["hi"]))
    bounds = say.interval(row["lo"], row["hi"], places)
    return f"{row['label']}, {say.signed(row[name], places)} ({bounds})"


@style.figure(
    "studies",
    "How large is the effect in each study?",
    studies_table,
    fits=has_rows(studies_table),
    page=lambda table: style.panels(9.8, 2.5 + 0.6 * max(len(table), 2)),
    empty=(
        "No two studies with an arm to compare and a window in common: there is no "
        "effect to show."
    ),
    columns="label level excess lo hi mcse against_first against_lo against_hi n",
)
def draw_studies(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A dot and interval a study, the numbers beside it."""
    labels = []
    for label, level in zip(table["label"], table["level"], strict=True):
        name = style.folded(str(label), SHORT_NAME)
        labels.append(f"{name}\n{say.number(level, 1)} in the control")
    effects = table.assign(role="other", effect=table["excess"])
    draw_effects(axes[0], effects, labels)
    axes[0].set_xlabel(f"effect on expected {say.COUNTER} {style.within(table)}")
    arms = set(table["title"] + ", relative to " + table["control"])
    which = "each study's own arm relative to its control"
    if len(arms) == 1:
        which = arms.pop()
    smallest, largest = int(table["n"].min()), int(table["n"].max())
    runs = say.plural(largest, "replication")
    if smallest < largest:
        runs = f"{smallest:,} to {largest:,} replications"
    under = (
        f"Mean paired effect, {which}; {runs}. Bars: 95 % CI; open dots: it holds zero"
    )
    small = f"Under each name: agreements expected in the control. {say.CAVEAT}"
    return style.Words(studies_title(table), under, small)


draw_theories = replace(
    draw_studies,
    name="theories",
    question="Under which theory is there an effect?",
    table=theories_table,
    fits=lambda sweep: THEORY in sweep.paths,
)

# -- what differs, outcome by outcome --------------------------------------------------

SIDES = ["left_name", "right_name"]
OUTCOMES = [
    *("label", "arm", "outcome", "left", "right", "difference", "lo", "hi", "mcse"),
    *("n", "paired", *SIDES),
]
NO_OUTCOME = (
    "No agreements counted on both sides, or more than two sides: see the table of "
    "each."
)


def differences_table(comparison: Comparison) -> pd.DataFrame:
    """Tidy: every outcome of every arm (and point) that both sides have: both means,
    right less left, with its 95 % CI; arm: how the row is called. Counter-balancing
    agreements and their like come first. Empty for more than two."""
    pair = comparison.comparison
    if pair is None or pair.outcomes.empty:
        return pd.DataFrame()
    left_edge, right = (study.scenario for study in comparison.studies)
    labels = []
    for row in pair.outcomes.to_dict("records"):
        label = say.arm_title(right, str(row["right_arm"]))
        if row["left_arm"] != row["right_arm"]:
            label += f" less {say.arm_title(left_edge, str(row['left_arm']))}"
        labels.append(f"point {row['point']}, {label}" if "point" in row else label)
    frame = pair.outcomes.assign(
        label=labels, arm=pair.outcomes["right_arm"], paired=pair.paired
    )
    frame = frame.assign(**_names(comparison))
    shown = frame["outcome"].isin(_shown_outcomes(frame))
    if "point" in frame:  # two sweeps: of their many rows those asked for
        wanted = comparison.studies[-1].outcome_names
        places_kept = shown | frame["outcome"].isin(wanted)
        frame, shown = frame[places_kept], shown[places_kept]
    return pd.concat([frame[shown], frame[~shown]], ignore_index=True)[OUTCOMES]


def _names(comparison: Comparison) -> dict[str, str]:
    return dict(zip(SIDES, comparison.names, strict=True))


def _shown_outcomes(table: pd.DataFrame) -> list[str]:
    """accords_<direction>_<longest window>, those that there are."""
    names = set(table["outcome"])
    windows = []
    for name in names:
        outcome = known_outcome(name)
        if outcome and (outcome.measure, outcome.of) == ("accords", "all"):
            windows.append(outcome.window or 0)
    longest = max(windows, default=0)
    wanted = [Outcome("accords", way, longest).name for way in say.DIRECTIONS]
    return [name for name in wanted if name in names]


def differences_title(table: pd.DataFrame) -> str:
    """The finding: in how many rows the first outcome shown differs detectably, and
    where most."""
    shown = _shown_outcomes(table)
    outcome = shown[0] if shown else str(table["outcome"].iloc[0])
    rows = table[table["outcome"] == outcome]
    words = say.capital(say.outcome_words(outcome))
    count = say.plural(len(rows), "arm")
    if rows["label"].str.startswith("point ").any():
        count = say.plural(len(rows), "arm and point", "arms and points")
    sure = rows[clear(rows)]
    if sure.empty:
        return f"{words} do not differ detectably in any of {count}"
    largest = _largest(sure, "difference")
    return (
        f"{words}: they differ detectably in {len(sure)} of {count}; most in {largest}"
    )


def _shown_labels(table: pd.DataFrame) -> list[str]:
    """The rows that are drawn: of too many those that differ most."""
    labels, shown = list(dict.fromkeys(table["label"])), _shown_outcomes(table)
    if not shown or len(labels) <= MOST_ROWS:
        return labels
    rows = table[table["outcome"] == shown[0]]
    far = rows.sort_values("difference", key=abs, ascending=False, kind="stable")
    chosen = set(far["label"].head(MOST_ROWS))
    return [label for label in labels if label in chosen]


def _differences_page(table: pd.DataFrame) -> list[style.Axes]:
    columns, rows = len(_shown_outcomes(table)), len(_shown_labels(table))
    width, height = max(2.5 * columns + 2.0, 8.6), 2.4 + 0.4 * max(rows, 2)
    return style.panels(width, height, 1, max(columns, 1), sharey=True)


@style.figure(
    "differences",
    "What differs, arm by arm?",
    differences_table,
    page=_differences_page,
    empty=NO_OUTCOME,
    fits=lambda comparison: comparison.comparison is not None,
    columns="label outcome left right difference lo hi mcse n",
    download="label outcome left right difference lo hi mcse n",
)
def draw_differences(
    axes: list[style.Axes], table: pd.DataFrame
) -> style.Words | style.Figure:
    """A panel a direction of agreements: right less left in every arm, with its
    interval."""
    outcomes, labels = _shown_outcomes(table), _shown_labels(table)
    if not outcomes:
        return style.message(axes[0], NO_OUTCOME)
    folded = [style.folded(label, SHORT_NAME) for label in labels]
    quiet: dict[str, Any] = {"color": style.QUIET, "fontsize": style.SMALL}
    for ax, outcome in zip(axes, outcomes, strict=True):
        ax.axvline(0, color=style.INK, linewidth=1)
        heights = dict(zip(labels, style.row_axis(ax, folded), strict=True))
        rows = table[(table["outcome"] == outcome) & table["label"].isin(labels)]
        for row in rows.assign(clear=clear(rows)).to_dict("records"):
            width, face = (2.2, "") if row["clear"] else (1.3, "white")
            looks: dict[str, Any] = {"value": "difference", "markersize": 6}
            y = heights[row["label"]]
            style.whisker(ax, y, row, style.BLUE, width=width, face=face, **looks)
        title = style.folded(say.outcome_words(outcome), 22)
        ax.set_title(title, loc="left", **quiet)
        ax.locator_params(axis="x", nbins=4)
    how = "of independent replications, as the seeds differ"
    if table["paired"].iloc[0]:
        how = "replication by replication"
    right, left_edge = say.first(table, "right_name"), say.first(table, "left_name")
    small = (
        f"Means, {right} less {left_edge}, {how}. Bars: 95 % CI; open dots: it holds "
        "zero. "
        "Scales differ from panel to panel. All outcomes are in the table."
    )
    return style.Words(differences_title(table), "", small, 84, 124)


# -- the dyads that differ most --------------------------------------------------------

PAIRS = [
    *("a", "b", "dyad", "left", "right", "difference", "lo", "hi", "paired"),
    *("arm", "title", *SIDES),
]


def comparison_pairs_table(comparison: Comparison) -> pd.DataFrame:
    """One row a dyad with an expected agreement on either side: the filtered numbers,
    right less left, 95 % CI.

    Of the headline arm of the right side, or of the arms named; furthest from zero
    first. Empty for more than two."""
    pair, study = comparison.comparison, comparison.studies[-1]
    if pair is None or pair.dyads.empty or "point" in pair.dyads:
        return pd.DataFrame()
    arms = list(dict.fromkeys(pair.dyads["right_arm"]))
    arm = str(study.headline_arm if study.headline_arm in arms else arms[0])
    rows = pair.dyads[pair.dyads["right_arm"] == arm]
    names = say.state_names(study.scenario)
    codes = zip(rows["a"], rows["b"], strict=True)
    table = rows.assign(
        dyad=[say.dyad_name(names, a, b) for a, b in codes],
        paired=pair.paired,
        arm=arm,
        title=say.arm_title(study.scenario, arm),
    )
    return table.assign(**_names(comparison))[PAIRS].reset_index(drop=True)


def comparison_pairs_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads differ detectably, and which most."""
    sure, total = table[clear(table)], f"{len(table):,}"
    if sure.empty:
        return (
            f"No dyad of {total} differs detectably in its expected new security "
            "agreements"
        )
    top = sure.iloc[0]
    change = float(top["difference"])
    verb = "differs" if len(sure) == 1 else "differ"
    size = say.signed(change, say.digits(change))
    return (
        f"{say.plural(len(sure), 'dyad')} of {total} {verb} detectably; largest "
        f"difference: {top['dyad']}, {size}"
    )


def _pairs_page(table: pd.DataFrame) -> list[style.Axes]:
    return style.panels(9.4, 2.4 + 0.32 * max(min(len(table), MOST_DYADS), 3))


@style.figure(
    "pairs",
    "Which dyads differ most?",
    comparison_pairs_table,
    fits=has_rows(comparison_pairs_table),
    page=_pairs_page,
    empty=(
        "No expected agreement of any dyad on either side, or more than two sides: "
        "there is nothing to show."
    ),
    columns="dyad left right difference lo hi",
    download="dyad left right difference lo hi",
)
def draw_comparison_pairs(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """The dyads that differ most: both expected numbers on one line, the difference
    beside it."""
    ax, shown = axes[0], table.head(MOST_DYADS)
    places = say.digits(*shown["difference"])
    heights = style.row_axis(ax, list(shown["dyad"]))
    rows = shown.assign(clear=clear(shown)).to_dict("records")
    edge: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.4}
    for y, row in zip(heights, rows, strict=True):
        left_edge, right = row["left"], row["right"]
        line: dict[str, Any] = {
            "color": "#9a9a9a",
            "linewidth": 2 if row["clear"] else 1,
        }
        ax.plot([left_edge, right], [y, y], zorder=1, **line)
        ax.plot(left_edge, y, "o", color=style.QUIET, markersize=7, **edge)
        colour = style.BLUE if right >= left_edge else style.VERMILION
        ax.plot(right, y, "o", color=colour, markersize=7)
        change = say.signed(row["difference"], places)
        words = f"{change}  ({say.interval(row['lo'], row['hi'], places)})"
        style.beside(ax, y, words, fontweight="bold" if row["clear"] else "normal")
    ax.set_xlabel("expected new security agreements of the dyad")
    left_name, right_name = (say.first(table, side) for side in SIDES)
    under = (
        f"{say.first(table, 'title')}. Open: {left_name}; filled: {right_name} (blue "
        "more, red fewer). At the right: the difference with its 95 % CI; bold: it "
        "excludes zero"
    )
    small = (
        "Each CI is for one dyad by itself: of dyads that do not differ about 5 % "
        "seem to."
    )
    undrawn = len(table) - len(shown)
    if undrawn:
        small += f" {undrawn:,} dyads that differ less are in the table."
    return style.Words(comparison_pairs_title(table), under, small, wrap=78)

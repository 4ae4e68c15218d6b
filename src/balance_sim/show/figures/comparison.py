"""Studies side by side: the effect in each, what differs outcome by outcome, and the
dyads that differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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

STUDIES = [
    "label",
    "theory",
    "arm",
    "reference",
    "level",
    "excess",
    "lo",
    "hi",
    "mcse",
    "differing",
    "n",
    "against_first",
    "against_lo",
    "against_hi",
    "against_differing",
    "paired",
    "window",
    "title",
    "control",
]
MOST_ROWS, MOST_DYADS = 24, 16
THEORY = "theory.preset"


def studies_table(comparison: Comparison) -> pd.DataFrame:
    """One row a study: mean paired effect on counter-balancing agreements of its
    headline arm, or of the arm named, within the longest window that all have; level:
    mean in the control. against_first: its effect less that of the first study,
    replication by replication where seeds match, else of independent ones (Welch).
    Sweeps have no effect of their own and no row."""
    every = zip(comparison.names, comparison.sides, comparison.studies, strict=True)
    return _effects(
        [
            (name, side.arm, study)
            for name, side, study in every
            if isinstance(study, Result)
        ]
    )


def theories_table(sweep: SweepResult) -> pd.DataFrame:
    """The same with a row a point of a sweep that varies the theory, at most MOST_ROWS
    of them."""
    named: list[tuple[str, str | None, Result]] = []
    for point in sweep.table.numbers()[:MOST_ROWS]:
        values = dict(sweep.table.points[point].values)
        told = [say.arm_words(str(values.pop(THEORY, sweep.scenario.theory.preset)))]
        for path, value in values.items():
            told.append(
                f"{say.factor_words(path)} {f'{value:g}' if isinstance(value, float) else value}"
            )
        named.append((", ".join(told), None, sweep.point(point)))
    return _effects(named)


def _effects(studies: Sequence[tuple[str, str | None, Result]]) -> pd.DataFrame:
    """Rows of (name, arm or None for the headline's, study)."""
    named = [one for one in studies if one[2].finished]
    windows = [set(study.scenario.report.windows) for _, _, study in named]
    common = set.intersection(*windows) if windows else set()
    if not common:
        return pd.DataFrame()
    window, rows, base = max(common), [], None
    outcome = Outcome("accords", "counter", window).name
    for name, wanted, study in named:
        arm = wanted or study.headline_arm
        if arm is None or arm == study.reference:
            continue
        base = base or (study, arm)
        study.need(outcome)
        levels, effects = (
            frame.set_index(["arm", "outcome"])
            for frame in (study.levels, study.effects)
        )
        found: Any = effects.loc[arm, outcome]
        level = float(levels["mean"][study.reference, outcome])
        differing = float(found["share_positive"] + found["share_negative"])
        numbers = [
            level,
            *found[["mean", "lo", "hi", "mcse"]].astype(float),
            differing,
            int(found["n"]),
        ]
        titles = [say.arm_title(study.scenario, one) for one in (arm, study.reference)]
        front = [name, study.scenario.theory.preset, arm, study.reference]
        rows.append(
            [*front, *numbers, *_against(base, (study, arm), outcome), window, *titles]
        )
    return pd.DataFrame(rows, columns=STUDIES)


def _against(
    base: tuple[Result, str], other: tuple[Result, str], outcome: str
) -> list[Any]:
    """The other's mean effect less the first's with its 95 % CI, the share of
    replications in which it differs (NaN if they are not paired), and whether it is
    paired."""
    (one, values_one), (two, values_two) = (
        effect_by_run(*of, outcome) for of in (base, other)
    )
    if base[0].seed != other[0].seed:
        mean, _, lo, hi = welch(
            *(Sample.of(np.asarray(series, dtype=np.float64)) for series in (one, two))
        )
        return [mean, lo, hi, float("nan"), False]
    both = one.index.intersection(two.index)
    difference = np.asarray(two.loc[both] - one.loc[both], dtype=np.float64)
    alike = base[0].outcomes.equals(other[0].outcomes) and base[1] == other[1]
    if alike or all(
        FILTERED + outcome in study.by_run.names for study, _ in (base, other)
    ):
        mean, _, lo, hi = mean_interval(difference)
    else:
        spreads = (
            float(spread_over(*of.to_numpy(float).T)) if len(of) else 0.0
            for of in (values_one, values_two)
        )
        mean, _, lo, hi = drawn_interval(difference, max(spreads))
    return [mean, lo, hi, float((difference != 0).mean()), True]


def studies_title(table: pd.DataFrame) -> str:
    """The finding: of two the difference of their effects, of more where the effect can
    be detected."""
    if len(table) == 2:
        one, two = table.to_dict("records")
        lo, hi = two["against_lo"], two["against_hi"]
        places = say.decimals(max(float(one["mcse"]), float(two["mcse"])), lo, hi)
        words = " and ".join(
            f"{say.signed(row['excess'], places)} in {row['label']}"
            for row in (one, two)
        )
        far = f"{say.signed(two['against_first'], places)}; 95 % CI {say.interval(lo, hi, places)}"
        if not np.isfinite(lo):
            return f"The effect is {words}; there are too few replications to compare the two"
        if two["against_differing"] == 0:
            return f"The effect is the same in every replication: {words}"
        told = "differ" if lo > 0 or hi < 0 else "do not differ detectably"
        return f"The effect is {words}; the two {told} ({far})"
    sure = table[clear(table)]
    words = f"The effect is detectable in {len(sure)} of {len(table)}"
    return words if sure.empty else f"{words}; largest: {_largest(sure, 'excess')}"


def _largest(rows: pd.DataFrame, name: str) -> str:
    """The row whose number is furthest from zero, with its interval in brackets."""
    row = rows.sort_values(name, key=abs, ascending=False, kind="stable").iloc[0]
    places = say.decimals(float(row["mcse"]), float(row["lo"]), float(row["hi"]))
    return f"{row['label']}, {say.signed(row[name], places)} ({say.interval(row['lo'], row['hi'], places)})"


@style.figure(
    "studies",
    "How large is the effect in each study?",
    studies_table,
    fits=has_rows(studies_table),
    page=lambda table: style.panels(9.8, 2.5 + 0.6 * max(len(table), 2)),
    empty="No two studies with an arm to compare and a window in common: there is no effect to show.",
    columns="label level excess lo hi mcse against_first against_lo against_hi n",
)
def draw_studies(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A dot and interval a study, the numbers beside it."""
    rows = zip(table["label"], table["level"], strict=True)
    labels = [
        f"{style.folded(str(label), 34)}\n{say.number(level, 1)} in the control"
        for label, level in rows
    ]
    draw_effects(axes[0], table.assign(role="other", effect=table["excess"]), labels)
    axes[0].set_xlabel(f"effect on expected {say.COUNTER} {style.within(table)}")
    arms = set(table["title"] + ", relative to " + table["control"])
    which = (
        arms.pop() if len(arms) == 1 else "each study's own arm relative to its control"
    )
    least, most = int(table["n"].min()), int(table["n"].max())
    runs = (
        say.plural(most, "replication")
        if least == most
        else f"{least:,} to {most:,} replications"
    )
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

OUTCOMES = [
    "label",
    "arm",
    "outcome",
    "left",
    "right",
    "difference",
    "lo",
    "hi",
    "mcse",
    "n",
    "paired",
    "left_name",
    "right_name",
]
PAIRS = [
    "a",
    "b",
    "dyad",
    "left",
    "right",
    "difference",
    "lo",
    "hi",
    "paired",
    "arm",
    "title",
    "left_name",
    "right_name",
]


def differences_table(comparison: Comparison) -> pd.DataFrame:
    """Tidy: every outcome of every arm (and point) that both sides have: both means,
    right less left, with its 95 % CI; arm: how the row is called. Counter-balancing
    agreements and their like come first. Empty for more than two."""
    found = comparison.comparison
    if found is None or found.outcomes.empty:
        return pd.DataFrame()
    left, right = (study.scenario for study in comparison.studies)
    labels = []
    for row in found.outcomes.to_dict("records"):
        arms = say.arm_title(right, str(row["right_arm"]))
        arms += (
            f" less {say.arm_title(left, str(row['left_arm']))}"
            if row["left_arm"] != row["right_arm"]
            else ""
        )
        labels.append(arms if "point" not in row else f"point {row['point']}, {arms}")
    more: dict[str, Any] = {
        "arm": found.outcomes["right_arm"],
        "paired": found.paired,
        **_names(comparison),
    }
    frame = found.outcomes.assign(label=labels, **more)
    shown = frame["outcome"].isin(_shown_outcomes(frame))
    if "point" in frame:  # two sweeps: of their many rows those asked for
        asked = shown | frame["outcome"].isin(comparison.studies[-1].outcome_names)
        frame, shown = frame[asked], shown[asked]
    return pd.concat([frame[shown], frame[~shown]], ignore_index=True)[OUTCOMES]


def _names(comparison: Comparison) -> dict[str, str]:
    return dict(zip(("left_name", "right_name"), comparison.names, strict=True))


def _shown_outcomes(table: pd.DataFrame) -> list[str]:
    """accords_<direction>_<longest window>, those that there are."""
    names = set(table["outcome"])
    known = [one for name in names if (one := known_outcome(name)) is not None]
    longest = max(
        (
            one.window or 0
            for one in known
            if (one.measure, one.of) == ("accords", "all")
        ),
        default=0,
    )
    wanted = [
        Outcome("accords", direction, longest).name for direction in say.DIRECTIONS
    ]
    return [name for name in wanted if name in names]


def differences_title(table: pd.DataFrame) -> str:
    """The finding: in how many rows the first outcome shown differs detectably, and
    where most."""
    outcome = (_shown_outcomes(table) or [str(table["outcome"].iloc[0])])[0]
    rows, words = (
        table[table["outcome"] == outcome],
        say.capital(say.outcome_words(outcome)),
    )
    points = rows["label"].str.startswith("point ").any()
    count = say.plural(
        len(rows),
        "arm and point" if points else "arm",
        "arms and points" if points else "",
    )
    sure = rows[clear(rows)]
    if sure.empty:
        return f"{words} do not differ detectably in any of {count}"
    return f"{words}: they differ detectably in {len(sure)} of {count}; most in {_largest(sure, 'difference')}"


def _shown_labels(table: pd.DataFrame) -> list[str]:
    """The rows that are drawn: of too many those that differ most."""
    labels, shown = list(dict.fromkeys(table["label"])), _shown_outcomes(table)
    if not shown or len(labels) <= MOST_ROWS:
        return labels
    rows = table[table["outcome"] == shown[0]]
    far = rows.sort_values("difference", key=abs, ascending=False, kind="stable")[
        "label"
    ]
    return [label for label in labels if label in set(far.head(MOST_ROWS))]


def _differences_page(table: pd.DataFrame) -> list[style.Axes]:
    columns = len(_shown_outcomes(table))
    width, height = (
        max(2.5 * columns + 2.0, 8.6),
        2.4 + 0.4 * max(len(_shown_labels(table)), 2),
    )
    return style.panels(width, height, 1, max(columns, 1), sharey=True)


NO_OUTCOME = "No agreements counted on both sides, or more than two sides: see the table of each."


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
    shown, labels = _shown_outcomes(table), _shown_labels(table)
    if not shown:
        return style.message(axes[0], NO_OUTCOME)
    for ax, outcome in zip(axes, shown, strict=True):
        rows = table[table["outcome"] == outcome].set_index("label")
        ax.axvline(0, color=style.INK, linewidth=1)
        heights = style.row_axis(ax, [style.folded(label, 34) for label in labels])
        for y, label in zip(heights, labels, strict=True):
            if label in rows.index:
                row = rows.loc[[label]].to_dict("records")[0]
                looks: dict[str, Any] = {"width": 1.3, "face": "white"}
                looks = {"width": 2.2} if row["lo"] > 0 or row["hi"] < 0 else looks
                style.whisker(
                    ax, y, row, style.BLUE, value="difference", markersize=6, **looks
                )
        ax.set_title(
            style.folded(say.outcome_words(outcome), 22),
            loc="left",
            color=style.QUIET,
            fontsize=style.SMALL,
        )
        ax.locator_params(axis="x", nbins=4)
    left, right, paired = (
        table[name].iloc[0] for name in ("left_name", "right_name", "paired")
    )
    how = (
        "replication by replication"
        if paired
        else "of independent replications, as the seeds differ"
    )
    marks = (
        f"Means, {right} less {left}, {how}. Bars: 95 % CI; open dots: it holds zero. "
    )
    marks += "Scales differ from panel to panel. All outcomes are in the table."
    return style.Words(differences_title(table), "", marks, 84, 124)


def comparison_pairs_table(comparison: Comparison) -> pd.DataFrame:
    """One row a dyad with an expected agreement on either side: the filtered numbers,
    right less left, 95 % CI.

    Of the headline arm of the right side, or of the arms named; furthest from zero
    first. Empty for more than two."""
    found, study = comparison.comparison, comparison.studies[-1]
    if found is None or found.dyads.empty or "point" in found.dyads:
        return pd.DataFrame()
    arms = list(dict.fromkeys(found.dyads["right_arm"]))
    arm = str(study.headline_arm if study.headline_arm in arms else arms[0])
    rows, names = (
        found.dyads[found.dyads["right_arm"] == arm],
        say.state_names(study.scenario),
    )
    dyads = [
        say.dyad_name(names, a, b) for a, b in zip(rows["a"], rows["b"], strict=True)
    ]
    more = {
        "arm": arm,
        "title": say.arm_title(study.scenario, arm),
        **_names(comparison),
    }
    return rows.assign(dyad=dyads, paired=found.paired, **more)[PAIRS].reset_index(
        drop=True
    )


def comparison_pairs_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads differ detectably, and which most."""
    sure = table[clear(table)]
    if sure.empty:
        return f"No dyad of {len(table):,} differs detectably in its expected new security agreements"
    top = sure.iloc[0]
    far = f"{top['dyad']}, {say.signed(float(top['difference']), say.digits(float(top['difference'])))}"
    told = f"{say.plural(len(sure), 'dyad')} of {len(table):,} {'differs' if len(sure) == 1 else 'differ'} detectably"
    return f"{told}; largest difference: {far}"


@style.figure(
    "pairs",
    "Which dyads differ most?",
    comparison_pairs_table,
    fits=has_rows(comparison_pairs_table),
    page=lambda table: style.panels(
        9.4, 2.4 + 0.32 * max(min(len(table), MOST_DYADS), 3)
    ),
    empty="No expected agreement of any dyad on either side, or more than two sides: there is nothing to show.",
    columns="dyad left right difference lo hi",
    download="dyad left right difference lo hi",
)
def draw_comparison_pairs(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """The dyads that differ most: both expected numbers on one line, the difference
    beside it."""
    ax, shown = axes[0], table.head(MOST_DYADS)
    places = say.digits(*shown["difference"])
    heights = style.row_axis(ax, list(shown["dyad"]))
    for y, row, told in zip(
        heights, shown.to_dict("records"), clear(shown), strict=True
    ):
        left, right = row["left"], row["right"]
        ax.plot(
            [left, right], [y, y], color="#9a9a9a", linewidth=2 if told else 1, zorder=1
        )
        ax.plot(
            left,
            y,
            "o",
            color=style.QUIET,
            markerfacecolor="white",
            markersize=7,
            markeredgewidth=1.4,
        )
        ax.plot(
            right,
            y,
            "o",
            color=style.BLUE if right >= left else style.VERMILION,
            markersize=7,
        )
        words = f"{say.signed(row['difference'], places)}  ({say.interval(row['lo'], row['hi'], places)})"
        style.beside(ax, y, words, fontweight="bold" if told else "normal")
    ax.set_xlabel("expected new security agreements of the dyad")
    names = f"Open: {say.first(table, 'left_name')}; filled: {say.first(table, 'right_name')} (blue more, red fewer)."
    marks = "At the right: the difference with its 95 % CI; bold: it excludes zero"
    small = "Each CI is for one dyad by itself: of dyads that do not differ about 5 % seem to."
    if left_out := len(table) - len(shown):
        small += f" {left_out:,} dyads that differ less are in the table."
    return style.Words(
        comparison_pairs_title(table),
        f"{say.first(table, 'title')}. {names} {marks}",
        small,
        wrap=78,
    )

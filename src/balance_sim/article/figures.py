"""Figures of the article's outcomes: what was found of each mechanism, the change of
groups' relations with the host, and of the stances they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.article.lines import mechanism_rows
from balance_sim.effects.expected_effect import relations_by_week
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.baseline import classes_of
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import compares
from balance_sim.show.headline import clear
from balance_sim.stats.intervals import paired_interval
from balance_sim.study.outcomes import Outcome, known_outcome
from balance_sim.study.result import Result

FOUND = {"as expected": style.BLUE, "opposite": style.VERMILION}  # all else is grey


def mechanisms_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a mechanism: value, 95 % CI (NaN: none), tag, what was found, two-sided p
    among placebos with its verdict (NaN and empty: none), the numbers in words, and why
    there is none."""
    if result.headline_arm is None or not result.finished:
        return pd.DataFrame()
    rows = []
    for words, of in zip(
        mechanism_rows(result), result.mechanisms.values(), strict=True
    ):
        numbers = dict(
            zip(
                ("value", "lo", "hi", "p"),
                (of["value"], *of["ci95"], of["placebo_p"]),
                strict=True,
            )
        )
        row = {
            key: words[key] for key in ("id", "name", "tag", "found", "why")
        } | _known(numbers)
        told = (
            f"{words['value']} ({words['interval']})"
            if words["interval"]
            else words["value"]
        )
        more = {"verdict": of["placebo_verdict"] or "", "arm": result.headline_arm}
        rows.append(row | {"measure": of["measure"], "words": told} | more)
    return say.titled(pd.DataFrame(rows), result)


def _known(numbers: dict[str, float | None]) -> dict[str, float]:
    return {
        key: np.nan if value is None else float(value) for key, value in numbers.items()
    }


def mechanisms_title(table: pd.DataFrame) -> str:
    """The finding: of the mechanisms with an open sign how many are as the article
    expects; of those with placebos how many stand out from them."""
    open_sign = table[(table["tag"] == "emergent") & table["value"].notna()]
    expected, opposite = (int((open_sign["found"] == found).sum()) for found in FOUND)
    verb = "is" if expected == 1 else "are"
    words = f"Of {say.plural(len(open_sign), 'mechanism')} whose sign is open {expected} {verb} as expected"
    words += f", {opposite} opposite, {len(open_sign) - expected - opposite} not distinguishable from 0"
    compared = table[table["p"].notna()]
    if compared.empty:
        return words
    beyond = int((compared["verdict"] == "supported").sum())
    return f"{words}. Of {len(compared)} compared with placebos {beyond} {'is' if beyond == 1 else 'are'} supported"


COLUMNS: tuple[tuple[float, str, Callable[[dict[Any, Any]], str]], ...] = (
    (0.0, "", lambda row: row["id"]),
    (0.045, "mechanism", lambda row: row["name"]),
    (
        0.36,
        "value (95 % CI)",
        lambda row: "no value" if np.isnan(row["value"]) else row["words"],
    ),
    # Of a sign that is implied only the size is a finding.
    (
        0.61,
        "found",
        lambda row: row["found"] or ("" if np.isnan(row["value"]) else "size only"),
    ),
    (
        0.80,
        "placebo p",
        lambda row: (
            "\u2013"
            if np.isnan(row["p"])
            else f"{say.number(row['p'], 3)}, {row['verdict']}"
        ),
    ),
)
"""Of the typeset table: where a column starts, its head, and what it says of a row."""


@style.figure(
    "mechanisms",
    "Which mechanisms of the argument hold?",
    mechanisms_table,
    fits=compares,
    typeset=True,
    page=lambda table: style.panels(12.0, 2.3 + 0.27 * max(len(table), 3)),
    empty="No arm to compare, or no replication finished: there is no mechanism to measure.",
    download="id name value lo hi tag found p verdict measure",
    columns="id name words found p verdict measure",
    rows_read=lambda rows: rows.assign(
        found=rows["found"].where(rows["found"] != "", "size only")
    ),
    follows="pairs",
)
def draw_mechanisms(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A typeset table: a row a mechanism with its value and 95 % CI, what was found of
    its sign, and the placebo p."""
    ax, rows = axes[0], table.to_dict("records")
    ax.set(xlim=(0, 1), ylim=(-0.7, len(table) + 0.3))
    ax.set_axis_off()
    ax.axhline(len(table) - 0.45, color=style.INK, linewidth=1.2)
    heights = np.arange(len(table))[::-1].astype(float)
    for y in heights:
        ax.axhline(y - 0.5, color=style.GRID, linewidth=0.8)
    for at, name, cell in COLUMNS:
        ax.text(
            at,
            len(table) - 0.08,
            name,
            color=style.QUIET,
            fontsize=style.SMALL,
            va="center",
        )
        for y, row in zip(heights, rows, strict=True):
            told = row["found"] in FOUND and name == "found"
            looks: dict[str, Any] = {
                "fontweight": "bold" if told else "normal",
                "va": "center",
                "color": style.INK,
            }
            if told:
                looks["color"] = style.readable(FOUND[row["found"]])
            elif (name == "found" and not row["found"]) or (
                name == "placebo p" and row["verdict"] != "supported"
            ):
                looks["color"] = style.QUIET
            ax.text(at, y, cell(row), **looks)
    small = (
        "Size only: the sign is implied by the model, so only the size is a finding. Placebo p: two-sided, of the "
        "event among events with other participants (M2: among shuffles of who is threatened), supported up to 0.05; a "
        f"dash: no placebos. Control: {say.first(table, 'control')}. What each one measures: docs/mechanisms.md."
    )
    return style.Words(mechanisms_title(table), "", small, 100, 150)


RELATIONS = [
    "group",
    "day",
    "change",
    "lo",
    "hi",
    "level",
    "n",
    "estimator",
    "at",
    "arm",
    "title",
    "control",
    "treatment",
    "host",
]
STANCES = {
    "balance": "balancing",
    "hedge": "hedging",
    "buck_pass": "buck-passing",
    "bandwagon": "bandwagoning",
    "abstain": "abstaining",
}


def relations_table(result: Result) -> pd.DataFrame:
    """Tidy: group, day, change of the group's mean relation to the host, headline less
    control arm.

    estimator `simulated`: the mean paired change at the end of each window of the
    report, with 95 % CI; level: its mean in the control arm; at: the day on the axis,
    the middle of the step in which the window ends. `expected`: by week, without random
    numbers, at its first day."""
    arm, known = result.headline_arm, result.by_run.names
    outcomes = [
        one
        for name in known
        if (one := known_outcome(str(name))) and one.measure == "relations"
    ]
    names = dict.fromkeys(str(one.group) for one in outcomes)
    if arm is None or not result.finished or not names:
        return pd.DataFrame()
    weeks, at = relations_by_week(result.scenario, result.reference, arm)
    rows: list[dict[str, Any]] = []
    for group in names:
        for day in sorted(result.scenario.report.windows):
            outcome = Outcome("relations", f"{group}_host", day).name
            if outcome not in known:
                continue
            wide = result.by_run.frame(outcome).pivot(
                index="run", columns="arm", values=outcome
            )
            of_arm, base = wide[[arm, result.reference]].dropna().to_numpy(float).T
            change, _, low, high = paired_interval(
                of_arm, base, alike=arm in result.alike
            )
            level = float(base.mean()) if len(base) else np.nan
            found = {
                "change": change,
                "lo": low,
                "hi": high,
                "level": level,
                "n": len(base),
            }
            rows.append(
                {
                    "group": group,
                    "day": day,
                    "estimator": "simulated",
                    "at": at.get(day, float(day)),
                }
                | found
            )
    code = classes_of(result.scenario).host or ""
    host = say.state_names(result.scenario).get(code, code)
    weeks = weeks[
        weeks["group"].isin(list(names))
        & (weeks["day"] <= max(at.values(), default=0.0))
    ]
    table = pd.concat(
        [pd.DataFrame(rows), weeks.assign(estimator="expected", at=weeks["day"])],
        ignore_index=True,
    )
    return say.titled(table.assign(arm=arm, host=host), result).reindex(
        columns=RELATIONS
    )


def relations_title(table: pd.DataFrame) -> str:
    """The finding: whose relations fall most at once; at the last day how many groups'
    are worse, and whose most."""
    weeks, found = (
        table[table["estimator"] == one] for one in ("expected", "simulated")
    )
    last = found[found["day"] == found["day"].max()]
    host, day, n = (
        say.first(table, "host") or "the host",
        int(last["day"].iloc[0]),
        int(last["n"].iloc[0]),
    )
    worse, better = last[last["hi"] < 0], last[last["lo"] > 0]
    if last["change"].isna().all() or n < 2:
        return f"One replication gives no confidence interval for the change of relations with {host}"
    if not found[["change", "lo", "hi"]].to_numpy(float).any():
        return f"Relations with {host} change in no group, in none of {say.plural(n, 'replication')}"
    words = f"worse in {len(worse)} of {say.plural(len(last), 'group')}"
    words += f", better in {len(better)}" if len(better) else ""
    words += f", most in {_most(worse)}" if len(worse) else ""
    first = weeks[(weeks["day"] == weeks["day"].min()) & (weeks["change"] < 0)]
    if len(first):
        return f"Relations with {host} fall at once, most in {_most(first)}; by day {day} they are {words}"
    return f"By day {day} relations with {host} are {words}"


def _most(rows: pd.DataFrame) -> str:
    """The group with the largest fall, and how large it is."""
    row = rows.sort_values("change", kind="stable").iloc[0]
    return (
        f"{say.group_words(str(row['group']))} ({say.signed(float(row['change']), 3)})"
    )


@style.figure(
    "relations",
    "How do relations with the host change?",
    relations_table,
    fits=compares,
    page=lambda _: style.panels(9.8, 5.4),
    empty="No arm to compare, no host or no group: there is no relation to follow.",
    columns="group day estimator change lo hi level n",
    download="group day estimator change lo hi level n",
    rows_read=lambda rows: rows[rows["estimator"] == "simulated"],
    follows="attribution",
)
def draw_relations(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A staircase of weeks a group; what was simulated at the windows as dots with
    their CI; names at the right."""
    ax = axes[0]
    ax.axhline(0, color=style.INK, linewidth=1)
    looks = [(style.BLUE, "-"), *style.OTHERS, (style.SKY, "-"), (style.BASE, "--")]
    labels: list[tuple[float, str, Any]] = []
    last = float(table["at"].max())
    for (group, rows), (colour, dashes) in zip(
        table.groupby("group", sort=True), looks * 9, strict=False
    ):
        weeks, found = (
            rows[rows["estimator"] == one] for one in ("expected", "simulated")
        )
        if len(weeks):
            day = [-14.0, *weeks["at"], last]
            change = [0.0, *weeks["change"], weeks["change"].iloc[-1]]
            ax.step(
                day, change, where="post", color=colour, linestyle=dashes, linewidth=1.6
            )
        ax.plot(found["at"], found["change"], "o", color=colour, markersize=4.5)
        if np.isfinite(found["lo"]).all():
            ax.vlines(
                found["at"], found["lo"], found["hi"], color=colour, linewidth=1.4
            )
        end = float(found["change"].iloc[-1])
        told = say.signed(
            end, say.decimals(0.001, end)
        )  # more decimals where it would print as none
        labels.append((end, f"{told} {say.group_words(str(group))}", colour))
    low, high = style.limits(
        table[["change", "lo", "hi"]].to_numpy(float), 0.08, 0.12, flat=0.02
    )
    style.label_ends(ax, last, labels, 0.052 * (high - low), 9)
    ax.set(
        xlim=(-14, last * 1.01),
        xticks=[day for day in (0, 30, 60, 90, 120, 180, 240, 300, 360) if day <= last],
        ylim=(low, high),
        xlabel="days after the event",
        ylabel="change of the group's\nmean relation, -1 to 1",
    )
    marks = f"Paired difference from the control ({say.first(table, 'control')}). Lines: expected, by week. "
    marks += f"Dots: {say.plural(int(table['n'].max()), 'replication')}, with 95 % CI"
    small = (
        "Relation: how far a state thinks the host stands with it less how far against it. Groups may overlap. Dots "
        "stand in the middle of the step in which a window of the report ends."
    )
    return style.Words(relations_title(table), marks, small, small_wrap=120)


def stances_table(result: Result) -> pd.DataFrame:
    """Tidy: group, stance: mean share of the group's states that take the stance in the
    longest window, in the control arm and in the headline arm, and the paired
    difference with its 95 % CI. Group "": all states."""
    arm, outcomes = (
        result.headline_arm,
        {name: known_outcome(str(name)) for name in result.by_run.names},
    )
    found = {
        name: of
        for name, of in outcomes.items()
        if of and of.stance and of.window == result.window
    }
    if arm is None or not result.finished or not found:
        return pd.DataFrame()
    frame = result.by_run.frame(*found)
    of_arm, of_control = (
        frame[frame["arm"] == name].set_index("run").sort_index()
        for name in (arm, result.reference)
    )
    rows = []
    for group in dict.fromkeys(of.group or "" for of in found.values()):
        columns = {
            of.stance: name for name, of in found.items() if (of.group or "") == group
        }
        total = of_control[list(columns.values())].to_numpy(float).sum(axis=1)
        for stance in (one for one in STANCES if one in columns):
            values, base = (
                (of[columns[stance]] / total).to_numpy(float)
                for of in (of_arm, of_control)
            )
            keep = np.isfinite(values) & np.isfinite(base)
            if not keep.any():
                continue
            mean, _, lo, hi = paired_interval(
                values[keep], base[keep], alike=arm in result.alike
            )
            shares = {
                "share_control": float(base[keep].mean()),
                "share": float(values[keep].mean()),
            }
            effect = {
                "effect": mean,
                "lo": lo,
                "hi": hi,
                "n": int(keep.sum()),
                "arm": arm,
            }
            rows.append({"group": group, "stance": stance} | shares | effect)
    return say.titled(pd.DataFrame(rows), result) if rows else pd.DataFrame()


def stances_title(table: pd.DataFrame) -> str:
    """The finding: how the event changes balancing among all states, or in the first
    group if that is missing."""
    whole = "" if (table["group"] == "").any() else str(table["group"].iloc[0])
    rows = table[(table["group"] == whole) & (table["stance"] == "balance")]
    row, name = (rows if len(rows) else table).iloc[0], say.first(table, "treatment")
    what, effect = (
        STANCES[str(row["stance"])]
        + (f" in {say.group_words(whole)}" if whole else ""),
        row["effect"],
    )
    if not np.isfinite(row["lo"]):
        return "One replication gives no confidence interval for the change of stances"
    if row["lo"] <= 0 <= row["hi"]:
        return (
            f"{name}: no detectable change of {what} ({say.points(effect, 2)} points)"
        )
    told = f"{'rises' if effect > 0 else 'falls'} by {abs(100 * effect):.2f} points"
    return f"{name}: {what} {told}, from {100 * row['share_control']:.1f} % of states"


def _stances_page(table: pd.DataFrame) -> list[style.Axes]:
    height = 2.5 + 0.34 * max(table["group"].nunique(), 3)
    return style.panels(
        12.0, height, 1, table["stance"].nunique(), sharex=True, sharey=True
    )


@style.figure(
    "stances",
    "Which stances does the event change?",
    stances_table,
    page=_stances_page,
    fits=lambda result: (
        compares(result)
        and bool(len(table := stances_table(result)) and clear(table).any())
    ),
    empty="No arm to compare, or stances were not observed: there are no stances to show.",
    columns="group stance share_control share effect lo hi",
    download="group stance share_control share effect lo hi",
    follows="relations",
)
def draw_stances(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a stance, a row a group: the difference from the control arm in
    percentage points, with its 95 % CI."""
    groups, kinds = (
        list(dict.fromkeys(table["group"])),
        [k for k in STANCES if (table["stance"] == k).any()],
    )
    names = [say.group_words(group) if group else "All states" for group in groups]
    for ax, stance in zip(axes, kinds, strict=False):
        rows = table[table["stance"] == stance].set_index("group").reindex(groups)
        effect, lo, hi = (
            100 * rows[name].to_numpy(float) for name in ("effect", "lo", "hi")
        )
        edge, face = (
            np.where((lo > 0) | (hi < 0), style.BLUE, pale).tolist()
            for pale in (style.BASE, "white")
        )
        heights = style.row_axis(ax, names, -0.6, -0.4)
        ax.axvline(0, color=style.INK, linewidth=1)
        ax.hlines(heights, lo, hi, colors=edge, linewidth=2)
        ax.scatter(effect, heights, c=face, edgecolors=edge, s=34, zorder=3)
        ax.set_title(say.capital(STANCES[stance]), loc="left", color=style.QUIET)
        ax.locator_params(axis="x", nbins=4)
    axes[len(kinds) // 2].set_xlabel(
        "difference from the control, percentage points of the group's states"
    )
    n = say.plural(int(table["n"].max()), "paired replication")
    small = (
        f"Stances {style.within(table)}, {n}, of counts. Bars: 95 % CI; open dots: it holds zero. "
        f"Control: {say.first(table, 'control')}. Groups may overlap."
    )
    return style.Words(stances_title(table), "", small, 96, 150)

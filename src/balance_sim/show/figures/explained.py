"""Figures of what `explain` found: which terms the effect goes through, and single runs from day to day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.analysis.explain import explained
from balance_sim.pool.faults import StoreDamaged
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    head,
    head_over,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, decimals, interval, outcome_words, plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

OWNED = [
    "group",
    "terms",
    "value",
    "lo",
    "hi",
    "mcse",
    "alone",
    "last",
    "effect",
    "arm",
    "reference",
    "outcome",
    "runs",
]
DAYS = ["run", "chosen", "day", "signed", "signed_reference", "arm", "reference"]
STEPS = ["run", "day", "what", "mark", "a", "b", "kind", "direction", "day_reference"]
MOST_WORDS = 9
Table = Callable[["Result"], pd.DataFrame]


def document_of(result: Result) -> dict[str, Any]:
    """explain.json of a study's folder; empty where there is none or it speaks of other runs."""
    found = explained(result.folder) if result.folder is not None else {}
    same = (
        found.get("seed") == result.seed
        and found.get("runs") == result.runs
        and found.get("digest") == result.digest
    )
    return found if same else {}


def _from_document(table: Table) -> Table:
    """A table of explain.json. Raises StoreDamaged where the file is not as `explain` writes it."""

    @wraps(table)
    def read(result: Result) -> pd.DataFrame:
        try:
            return table(result)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if not document_of(result):
                raise
            raise StoreDamaged(
                f"{result.folder}/explain.json is not as `explain` writes it "
                f"({type(error).__name__}: {error}): delete it, or explain again."
            ) from error

    return read


@_from_document
def attribution_table(result: Result) -> pd.DataFrame:
    """One row a group of terms: its Shapley value with 95 % CI, alone and last; then `feedback`."""
    found = document_of(result).get("attribution")
    if not found:
        return pd.DataFrame(columns=OWNED)
    rows = []
    groups = list(found["groups"])
    if "feedback" in found:
        rest = found["feedback"]
        groups.append(
            {"group": "feedback", "terms": [], "value": rest["mean"], "alone": None, "last": None} | rest
        )
    for group in groups:
        lo, hi = (np.nan if v is None else float(v) for v in group["ci95"])
        numbers = {
            k: np.nan if group[k] is None else float(group[k]) for k in ("value", "mcse", "alone", "last")
        }
        rows.append(
            {"group": group["group"], "terms": ", ".join(group["terms"]), "lo": lo, "hi": hi} | numbers
        )
    more = {name: found[name] for name in ("arm", "reference", "outcome", "runs")}
    table = pd.DataFrame(rows).assign(effect=float(found["excess"]["mean"]), **more)[OWNED]
    nothing_left = (table["group"] == "outside") & (table["value"] == 0) & (table["mcse"] == 0)
    return table[~nothing_left].reset_index(drop=True)


def attribution_title(table: pd.DataFrame) -> str:
    """The finding: through which group the largest part of the effect goes."""
    whole = float(table["effect"].iloc[0])
    groups = table[table["group"] != "feedback"]
    top = groups.sort_values("value", key=abs, ascending=False, kind="stable").iloc[0]
    if float(top["value"]) == 0:
        return f"No group of terms has a part in the effect of {signed(whole)}"
    told = (
        ""
        if not np.isfinite(top["lo"])
        else "; its CI excludes 0"
        if top["lo"] > 0 or top["hi"] < 0
        else "; its CI holds 0"
    )
    places = max(2, decimals(float(top["mcse"])))
    part = signed(float(top["value"]), places)
    return (
        f"The largest part of the effect goes through {top['group']}: {part} of {signed(whole, places)}{told}"
    )


@styled
def draw_attribution(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A bar a group with its interval; ticks: what it adds alone and last."""
    own = ax is None
    ax = ax if ax is not None else sheet(9.4, 2.6 + 0.5 * max(len(table), 2)).subplots()
    if table.empty:
        return nothing(ax, "Nothing was explained yet, so there is no attribution: see balance-sim explain.")
    heights = np.arange(len(table))[::-1]
    some = table["mcse"][table["mcse"] > 0]
    places = decimals(float(some.min()) if len(some) else 0.0)
    ax.axvline(0, color=INK, linewidth=1)
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        sure = row["lo"] > 0 or row["hi"] < 0
        ax.barh(y, row["value"], height=0.62, color=BLUE if sure else "#c4c4c4")
        if np.isfinite(row["lo"]) and row["hi"] > row["lo"]:
            ax.plot([row["lo"], row["hi"]], [y, y], color=INK, linewidth=1.4)
        for name, marker in (("alone", "|"), ("last", "x")):
            if np.isfinite(row[name]):
                ax.plot(row[name], y, marker, color=INK, markersize=9 if marker == "|" else 5, linestyle="none",
                        label=f"{name}" if y == heights[0] else None)  # fmt: skip
        bounds = interval(row["lo"], row["hi"], places) if row["mcse"] != 0 else "no run differs"
        words = f"{signed(row['value'], places)}  ({bounds})"
        ax.annotate(words, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
                    fontsize=SMALL, annotation_clip=False)  # fmt: skip
    ax.set_yticks(heights, list(table["group"]))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.legend(loc="lower right", frameon=False)
    ax.set_xlabel(f"part of the effect on {outcome_words(str(table['outcome'].iloc[0]))}")
    arm, reference = (arm_words(str(table[name].iloc[0])) for name in ("arm", "reference"))
    marks = (
        f"{arm} against {reference}, {plural(int(table['runs'].iloc[0]), 'run')}. "
        "Line: 95 % CI. Grey: it holds 0"
    )
    head(ax, attribution_title(table), marks, own=own, wrap=78)
    small = (
        "Shapley values by the direct estimator: what a group of terms adds, averaged over all orders in which the "
        "groups could come in. alone: with all other groups out; last: with all others in. feedback: what agreements "
        "that differ and the pace of talks do. The parts sum to the effect."
    )
    note(ax, small, own=own, wrap=118)
    return owner(ax)


def timelines(result: Result) -> dict[str, dict[str, Any]]:
    """The runs that explain chose by rule, by what they were chosen for; else all that were told, by number."""
    found = document_of(result)
    told = found.get("timelines", {})
    chosen = {str(why): str(run) for why, run in (found.get("chosen") or {}).items() if str(run) in told}
    return (
        {why: told[run] for why, run in chosen.items()}
        if chosen
        else {f"run {run}": told[run] for run in told}
    )


@_from_document
def timeline_table(result: Result) -> pd.DataFrame:
    """Tidy: run, what it was chosen for, day after the event: counter-balancing security agreements signed by then in
    both arms."""
    parts, kinds = [pd.DataFrame(columns=DAYS)], result.scenario.kinds
    for why, told in timelines(result).items():
        signed_here = [e for e in told["entries"] if e["what"] == "signed" and e["direction"] == "counter"]
        entries = [e for e in signed_here if e["kind"] in kinds and kinds[e["kind"]].security]
        focal = date.fromisoformat(told["focal"])
        here = [_day(e["date"], focal) for e in entries if e["mark"] != "reference only"]
        there = [_day(e["date_reference"], focal) for e in entries if e["date_reference"]]
        last = (date.fromisoformat(told["end"]) - focal).days
        days = np.array(sorted({0, last, *here, *there}))
        days = days[days >= 0]
        counts = [[sum(0 < d <= day for d in of) for day in days] for of in (here, there)]
        part = pd.DataFrame({"day": days, "signed": counts[0], "signed_reference": counts[1]})
        parts.append(
            part.assign(run=told["run"], chosen=why, arm=told["arm"], reference=told["reference"])[DAYS]
        )
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


@_from_document
def timeline_steps_table(result: Result) -> pd.DataFrame:
    """Tidy: every step of an agreement that differs between the two arms of a told run."""
    rows = []
    for told in timelines(result).values():
        focal = date.fromisoformat(told["focal"])
        for e in told["entries"]:
            if e["mark"] == "both" or not e["a"]:
                continue
            there = _day(e["date_reference"], focal) if e["date_reference"] else np.nan
            rows.append(
                [
                    told["run"],
                    _day(e["date"], focal),
                    *(e[k] for k in ("what", "mark", "a", "b", "kind", "direction")),
                    there,
                ]
            )
    return pd.DataFrame(rows, columns=STEPS).drop_duplicates(ignore_index=True)


def _day(words: str, focal: date) -> int:
    return (date.fromisoformat(words) - focal).days


def timeline_title(table: pd.DataFrame) -> str:
    """The finding: by how many counter-agreements the told runs differ."""
    last = table.sort_values("day", kind="stable").groupby("chosen", sort=False).last()
    parts = [
        f"{why}, run {int(row['run'])}: {signed(float(row['signed'] - row['signed_reference']), 0)}"
        for why, row in last.iterrows()
    ]
    return "Runs chosen by rule; counter-agreements more than in the control run: " + "; ".join(parts)


@styled
def draw_timeline(table: pd.DataFrame, steps: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a run: counter-agreements as they are signed in both arms, and what differs in words at the right."""
    from matplotlib.ticker import MaxNLocator

    own = ax is None
    chosen = list(dict.fromkeys(table["chosen"])) if len(table) else []
    if ax is None:
        rows = max(1, len(chosen))
        ax = list(np.ravel(sheet(11.0, 2.5 * rows + 1.6).subplots(rows, 1, sharex=True, squeeze=False)))
    if table.empty:
        return nothing(ax[0], "No run was told yet, so there is no timeline: see balance-sim explain --run.")
    for axes, why in zip(ax, chosen, strict=False):
        part = table[table["chosen"] == why]
        arm, reference = (arm_words(str(part[name].iloc[0])) for name in ("arm", "reference"))
        run = int(part["run"].iloc[0])
        axes.step(
            part["day"], part["signed_reference"], where="post", color=INK, linewidth=2.6, label=reference
        )
        axes.step(
            part["day"],
            part["signed"],
            where="post",
            color="#56B4E9",
            linewidth=1.4,
            linestyle=(0, (4, 2)),
            label=arm,
        )
        axes.set_title(f"{why}: run {run}", loc="left", color=QUIET)
        axes.set_ylabel("counter-agreements\nsigned")
        axes.set_xlim(0, int(table["day"].max()))
        axes.set_ylim(0, None)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        lines = [
            _step_words(row)
            for row in steps[steps["run"] == run].sort_values("day", kind="stable").to_dict("records")
        ]
        left = len(lines) - MOST_WORDS
        lines = lines[:MOST_WORDS] + ([f"and {plural(left, 'further step')}"] if left > 0 else [])
        words = "\n".join(lines) or "No step of any agreement differs."
        axes.annotate(words, (1.0, 1.0), (10, 0), xycoords="axes fraction", textcoords="offset points", va="top",
                      fontsize=SMALL, annotation_clip=False)  # fmt: skip
    ax[0].legend(loc="upper left", frameon=False)
    ax[len(chosen) - 1].set_xlabel("days after the event")
    if own:
        head_over(ax[0], timeline_title(table), 92)
        small = (
            "At the right: steps that differ from the paired control run. + here alone, "
            "- there alone, < earlier, > later, by days."
        )
        note(ax[0], small, own=own, wrap=140)
    return owner(ax[0])


def _step_words(row: dict[Any, Any]) -> str:
    mark = {"arm only": "+", "reference only": "-", "earlier": "<", "later": ">", "changed": "~"}.get(
        row["mark"], "~"
    )
    shift = ""
    if row["mark"] in ("earlier", "later") and np.isfinite(row["day_reference"]):
        shift = f" by {abs(int(row['day'] - row['day_reference']))}"
    return f"day {row['day']}  {mark}{shift} {row['a']}-{row['b']} {str(row['kind']).replace('_', ' ')}, {row['what']}"

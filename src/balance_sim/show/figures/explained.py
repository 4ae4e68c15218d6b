"""Why: the terms that the effect goes through, and replications day by day."""

from __future__ import annotations

from datetime import date
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.explain import explained
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.show import wording as say
from balance_sim.show.diary import kind_words
from balance_sim.show.explain import GROUP_WORDS
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import has_rows


def _known(numbers: dict[str, float | None]) -> dict[str, float]:
    return {
        key: np.nan if value is None else float(value) for key, value in numbers.items()
    }


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
STEPS = [
    "run",
    "day",
    "what",
    "mark",
    "a",
    "b",
    "kind",
    "direction",
    "day_reference",
    "dyad",
]
MOST_WORDS = 9


def document_of(result: AnalysedResult) -> dict[str, Any]:
    """explain.json of a study's folder; empty where there is none or it speaks of other
    replications."""
    found = explained(result.folder) if result.folder is not None else {}
    same = all(
        found.get(key) == getattr(result, key) for key in ("seed", "runs", "digest")
    )
    return found if same else {}


def _from_document(table: style.Table) -> style.Table:
    """A table of explain.json. Raises StoreDamaged where the file is not as `explain`
    writes it."""

    @wraps(table)
    def read(result: AnalysedResult) -> pd.DataFrame:
        try:
            return table(result)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if not document_of(result):
                raise
            told = f"{result.folder}/explain.json is not as `explain` writes it"
            raise StoreDamaged(
                f"{told} ({type(error).__name__}: {error}): delete it, or explain again."
            ) from error

    return read


@_from_document
def attribution_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a group of terms: its Shapley value with 95 % CI, alone and last; then
    `feedback`."""
    found = document_of(result).get("attribution")
    if not found:
        return pd.DataFrame()
    groups, rest = list(found["groups"]), found.get("feedback")
    if rest is not None:
        groups.append(
            {"group": "feedback", "terms": [], "alone": None, "last": None}
            | rest
            | {"value": rest["mean"]}
        )
    rows = []
    for group in groups:
        numbers = {key: group[key] for key in ("value", "mcse", "alone", "last")}
        numbers |= dict(zip(("lo", "hi"), group["ci95"], strict=True))
        rows.append(
            _known(numbers)
            | {"group": group["group"], "terms": ", ".join(group["terms"])}
        )
    more = {name: found[name] for name in ("arm", "reference", "outcome", "runs")}
    table = pd.DataFrame(rows).assign(effect=float(found["excess"]["mean"]), **more)
    nothing_left = (
        (table["group"] == "outside") & (table["value"] == 0) & (table["mcse"] == 0)
    )
    return say.titled(table[~nothing_left].reset_index(drop=True), result)[
        [*OWNED, "title", "control"]
    ]


def attribution_title(table: pd.DataFrame) -> str:
    """The finding: through which group the largest part of the effect goes."""
    whole = float(table["effect"].iloc[0])
    groups = table[table["group"] != "feedback"]
    top = groups.sort_values("value", key=abs, ascending=False, kind="stable").iloc[0]
    if float(top["value"]) == 0:
        return f"No group of terms has a part in the effect of {say.signed(whole)}"
    places, what = (
        max(2, say.decimals(float(top["mcse"]))),
        GROUP_WORDS.get(top["group"], top["group"]),
    )
    part = f"{say.signed(float(top['value']), places)} of {say.signed(whole, places)}"
    told = (
        "; its CI excludes 0" if top["lo"] > 0 or top["hi"] < 0 else "; its CI holds 0"
    )
    return f"The largest part of the effect is {what}: {part}{told if np.isfinite(top['lo']) else ''}"


@style.figure(
    "attribution",
    "Which terms make up the effect?",
    attribution_table,
    fits=has_rows(attribution_table),
    page=lambda table: style.panels(9.4, 2.6 + 0.5 * max(len(table), 2)),
    empty="Nothing was explained yet, so there is no attribution: see balance-sim explain.",
)
def draw_attribution(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A bar a group with its interval; ticks: what it adds alone and last."""
    ax, some = axes[0], table["mcse"][table["mcse"] > 0]
    places = say.decimals(float(some.min()) if len(some) else 0.0)
    heights = style.row_axis(
        ax,
        [style.folded(GROUP_WORDS.get(one, one), 24) for one in table["group"]],
        grid=False,
    )
    ax.autoscale(axis="y")
    ax.axvline(0, color=style.INK, linewidth=1)
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        sure = row["lo"] > 0 or row["hi"] < 0
        ax.barh(y, row["value"], height=0.62, color=style.BLUE if sure else style.PALE)
        if np.isfinite(row["lo"]) and row["hi"] > row["lo"]:
            ax.plot([row["lo"], row["hi"]], [y, y], color=style.INK, linewidth=1.4)
        for name, marker, size in (("alone", "|", 9), ("last", "x", 5)):
            if np.isfinite(row[name]):
                label = name if y == heights[0] else None
                ax.plot(
                    row[name],
                    y,
                    marker,
                    color=style.INK,
                    markersize=size,
                    linestyle="none",
                    label=label,
                )
        bounds = (
            say.interval(row["lo"], row["hi"], places)
            if row["mcse"] != 0
            else "no replication differs"
        )
        style.beside(ax, y, f"{say.signed(row['value'], places)}  ({bounds})")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    ax.set_xlabel(
        f"part of the effect on {say.outcome_words(say.first(table, 'outcome'))}"
    )
    runs = say.plural(int(table["runs"].iloc[0]), "replication")
    small = (
        "Shapley values by the direct estimator: what a group of terms adds, averaged over all orders in which the "
        "groups could come in. alone: with all other groups out; last: with all others in. The last row is no group of "
        "terms. The parts sum to the effect."
    )
    under = (
        f"{say.first(table, 'title')}. Control: {say.first(table, 'control')}. {runs}. "
    )
    return style.Words(
        attribution_title(table),
        f"{under}Line: 95 % CI; grey: it holds 0",
        small,
        wrap=78,
    )


def timelines(result: AnalysedResult) -> dict[str, dict[str, Any]]:
    """The replications that explain chose by rule, by what they were chosen for; else
    all that were told, by number."""
    found = document_of(result)
    told, chosen = found.get("timelines", {}), dict[str, list[str]]()
    for why, run in (found.get("chosen") or {}).items():
        if str(run) in told:
            chosen.setdefault(str(run), []).append(str(why))
    reasons = chosen or {run: [f"replication {run}"] for run in told}
    return {" and ".join(of): told[run] for run, of in reasons.items()}


@_from_document
def timeline_table(result: AnalysedResult) -> pd.DataFrame:
    """Tidy: run, what it was chosen for, day after the event: counter-balancing
    security agreements signed by then in both arms."""
    parts, kinds = (
        [],
        {name for name, kind in result.scenario.kinds.items() if kind.security},
    )
    for why, told in timelines(result).items():
        signed = [
            e
            for e in told["entries"]
            if e["what"] == "signed" and e["direction"] == "counter"
        ]
        entries = [e for e in signed if e["kind"] in kinds]
        focal = date.fromisoformat(told["focal"])
        here = [
            _day(e["date"], focal) for e in entries if e["mark"] != "reference only"
        ]
        there = [
            _day(e["date_reference"], focal) for e in entries if e["date_reference"]
        ]
        days = [
            day
            for day in sorted({0, _day(told["end"], focal), *here, *there})
            if day >= 0
        ]
        counts = (
            [sum(0 < d <= day for d in of) for day in days] for of in (here, there)
        )
        part = pd.DataFrame(
            dict(
                zip(("day", "signed", "signed_reference"), (days, *counts), strict=True)
            )
        )
        parts.append(
            part.assign(
                run=told["run"],
                chosen=why,
                arm=told["arm"],
                reference=told["reference"],
            )[DAYS]
        )
    return (
        say.titled(pd.concat(parts, ignore_index=True), result)
        if parts
        else pd.DataFrame()
    )


@_from_document
def timeline_steps_table(result: AnalysedResult) -> pd.DataFrame:
    """Tidy: every step of an agreement that differs between the two arms of a told
    replication."""
    rows, names = [], say.state_names(result.scenario)
    for told in timelines(result).values():
        focal = date.fromisoformat(told["focal"])
        for e in (one for one in told["entries"] if one["mark"] != "both" and one["a"]):
            there = _day(e["date_reference"], focal) if e["date_reference"] else np.nan
            steps = [_day(e["date"], focal), *(e[key] for key in STEPS[2:-2]), there]
            rows.append([told["run"], *steps, say.dyad_name(names, e["a"], e["b"])])
    return pd.DataFrame(rows, columns=STEPS).drop_duplicates(ignore_index=True)


def _day(words: str, focal: date) -> int:
    return (date.fromisoformat(words) - focal).days


def timeline_title(table: pd.DataFrame) -> str:
    """The finding: by how many counter-balancing agreements the told replications
    differ."""
    last = table.sort_values("day", kind="stable").groupby("chosen", sort=False).last()
    more = (last["signed"] - last["signed_reference"]).map(
        lambda of: say.signed(float(of), 0)
    )
    told = "; ".join(
        last.index + ", replication " + last["run"].astype(str) + ": " + more
    )
    return f"Replications chosen by rule; counter-balancing agreements more than in the control run: {told}"


@style.figure(
    "timeline",
    "What happens in single replications?",
    timeline_table,
    fits=has_rows(timeline_table),
    more={"steps": timeline_steps_table},
    listed="steps",
    page=lambda table: style.panels(
        11.0, 2.5 * (n := table["chosen"].nunique()) + 1.6, n, sharex=True
    ),
    empty="No replication was told yet, so there is no timeline: see balance-sim explain --run.",
)
def draw_timeline(
    axes: list[style.Axes], table: pd.DataFrame, steps: pd.DataFrame
) -> style.Words:
    """A panel a replication: counter-balancing agreements as they are signed in both
    arms, and what differs in words at the right."""
    for ax, (why, part) in zip(axes, table.groupby("chosen", sort=False), strict=False):
        run = int(part["run"].iloc[0])
        base: dict[str, Any] = {
            "color": style.INK,
            "linewidth": 2.6,
            "label": say.first(part, "control"),
        }
        ax.step(part["day"], part["signed_reference"], where="post", **base)
        looks: dict[str, Any] = {
            "color": style.SKY,
            "linewidth": 1.4,
            "linestyle": style.DASHES,
        }
        ax.step(
            part["day"],
            part["signed"],
            where="post",
            label=say.first(part, "title"),
            **looks,
        )
        ax.set_title(f"{why}: replication {run}", loc="left", color=style.QUIET)
        ax.set(
            ylabel="counter-balancing\nagreements signed",
            xlim=(0, int(table["day"].max())),
            ylim=(0, None),
        )
        style.whole_ticks(ax.yaxis, 7)
        of_run = (
            steps[steps["run"] == run]
            .sort_values("day", kind="stable")
            .to_dict("records")
        )
        lines = [_step_words(row) for row in of_run]
        left = len(lines) - MOST_WORDS
        lines = lines[:MOST_WORDS] + (
            [f"and {say.plural(left, 'further step')}"] if left > 0 else []
        )
        words = "\n".join(lines) or "No step of any agreement differs."
        style.note(ax, words, (1.0, 1.0), (10, 0), xycoords="axes fraction", va="top")
    axes[0].legend(loc="upper left", frameon=False)
    ax.set_xlabel("days after the event")  # of the last one
    small = "At the right: what agreements do that differs from the control run; in brackets days after the event."
    return style.Words(timeline_title(table), "", small, 92, 140)


def _step_words(row: dict[Any, Any]) -> str:
    """A step of an agreement in words, and how the control run differs."""
    beside = {
        "arm only": "not in the control run",
        "reference only": "in the control run alone",
    }
    told = beside.get(row["mark"], "in another form")
    if row["mark"] in ("earlier", "later") and np.isfinite(row["day_reference"]):
        told = f"{say.plural(abs(int(row['day'] - row['day_reference'])), 'day')} {row['mark']}"
    return f"[{row['day']}] {row['dyad']}: {kind_words(str(row['kind']), article=False)}, {row['what']}; {told}"

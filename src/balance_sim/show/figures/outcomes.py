"""Distribution of the outcome over replications: overlaid cumulative shares of the arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import INK, OTHERS, folded, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.roles import arm_with_role, first, role, titled
from balance_sim.show.wording import COUNTER, percent, plural, within
from balance_sim.stats.scores import exact_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

COLUMNS = [
    "arm",
    "role",
    "count",
    "runs",
    "share",
    "cumulative",
    "lo",
    "hi",
    "n",
    "window",
    "title",
    "control",
    "treatment",
]


def outcomes_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, count; replications with so many counter-balancing agreements in the longest window, their share
    with its 95 % CI (Clopper, Pearson), the share with at most so many, n. Every count from the least to the most in
    any arm, also those never seen."""
    if not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    outcome = f"accords_counter_{result.window}"
    frame = result.by_run.frame(outcome)
    counts = np.arange(int(frame[outcome].min()), int(frame[outcome].max()) + 1)
    parts = []
    for arm in result.arms:
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(int)
        runs = np.bincount(values - counts[0], minlength=len(counts))
        share = runs / len(values)
        lo, hi = exact_share(np.rint(share * len(values)), np.array(float(len(values))))
        columns = {"count": counts, "runs": runs, "share": share, "cumulative": np.cumsum(runs) / len(values)}
        part = pd.DataFrame(columns | {"lo": lo, "hi": hi})
        parts.append(part.assign(arm=arm, role=role(result, arm), n=len(values), window=result.window))
    return titled(pd.concat(parts, ignore_index=True), result)[COLUMNS]


def middle_half(rows: pd.DataFrame) -> tuple[int, int]:
    """Counts between which at least half of an arm's replications lie: the quartiles."""
    cumulative, counts = rows["share"].cumsum().to_numpy(), rows["count"].to_numpy()
    return tuple(int(counts[np.searchsorted(cumulative, share - 1e-12)]) for share in (0.25, 0.75))  # type: ignore[return-value]


def overlap(table: pd.DataFrame, arm: str, reference: str) -> float:
    """Share that two arms' distributions have in common: the sum of the lesser of the two shares, 0 to 1."""
    one, other = (table.loc[table["arm"] == name, "share"].to_numpy() for name in (arm, reference))
    return float(np.minimum(one, other).sum())


def outcomes_title(table: pd.DataFrame) -> str:
    """The finding: where the middle half of the replications lies with and without, and what they have in common."""
    base, arm = table[table["role"] == "reference"], arm_with_role(table, "headline")
    half = _span(*middle_half(base))
    if arm is None:
        return f"{base['title'].iloc[0]}: half of the replications have {half} {COUNTER}"
    chosen = table[table["role"] == "headline"]
    if int(base["n"].iloc[0]) == 1:
        return f"One replication: {half} {COUNTER} in the control, {middle_half(chosen)[0]} with the event"
    if np.array_equal(base["runs"].to_numpy(), chosen["runs"].to_numpy()):
        return f"Half of the replications have {half} {COUNTER}; the two distributions are the same"
    common = percent(overlap(table, arm, str(base["arm"].iloc[0])))
    now = _span(*middle_half(chosen))
    both = (
        f"{half} {COUNTER} with and without the event"
        if now == half
        else f"{half} {COUNTER} in the control, {now} with the event"
    )
    return f"Half of the replications have {both}; the distributions overlap by {common}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


@styled
def draw_outcomes(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A step line an arm: the share of replications with at most so many agreements."""
    from matplotlib.ticker import MaxNLocator

    own = ax is None
    ax = ax if ax is not None else sheet(10.6, 5.4).subplots()
    if table.empty:
        return nothing(ax, "No replication finished: there are no counts to show.")
    others = list(dict.fromkeys(table.loc[table["role"] == "other", "arm"]))
    looks = [(arm, colour, dashes, 1.3) for arm, (colour, dashes) in zip(others, OTHERS, strict=False)]
    looks.insert(0, (str(table.loc[table["role"] == "reference", "arm"].iloc[0]), INK, "-", 2.8))
    if (chosen := arm_with_role(table, "headline")) is not None:
        looks.insert(1, (chosen, "#56B4E9", (0, (4, 2)), 1.8))
    for arm, colour, dashes, width in looks:
        rows = table[table["arm"] == arm]
        count, share = rows["count"].to_numpy(float), rows["cumulative"].to_numpy(float)
        edges = np.concatenate([[count[0] - 1], count, [count[-1] + 1]])
        steps = np.concatenate([[0.0], share, [1.0]])
        name = first(rows, "title") + (" (control)" if rows["role"].iloc[0] == "reference" else "")
        ax.step(
            edges,
            steps,
            where="post",
            color=colour,
            linestyle=dashes,
            linewidth=width,
            label=folded(name, 34),
        )
    ax.set_xlim(table["count"].min() - 1, table["count"].max() + 1)
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    ax.set_ylabel("share of replications\nwith at most so many")
    ax.set_xlabel(f"{COUNTER} {within(int(table['window'].iloc[0]))}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    n = plural(int(table["n"].iloc[0]), "replication")
    head(ax, outcomes_title(table), f"{n} per arm; not smoothed", own=own, wrap=84)
    left = len(others) - len(OTHERS)
    more = f" {plural(left, 'more arm is', 'more arms are')} in the table." if left > 0 else ""
    note(ax, f"The spread of replications does not shrink with more of them; the CI of the mean does.{more}",
         own=own, wrap=118)  # fmt: skip
    return owner(ax)

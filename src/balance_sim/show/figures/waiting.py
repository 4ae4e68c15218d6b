"""When a chosen dyad signs: `plot RESULTS --pair JPN-AUS`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.pool.errors import WrongRequest
from balance_sim.replications.tables import column_words, days_to_signature, new_rows
from balance_sim.results import frames
from balance_sim.results.result import Result
from balance_sim.results.sweep_result import SweepResult
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.scores import exact_share


def first_of(study: Result | SweepResult, pair: str) -> style.FigureSpec:
    """The figure of when the dyad `pair`, two codes with a dash between them, first signs a new security agreement.

    Raises WrongRequest for a sweep, and for what is no dyad of the scenario."""
    if not isinstance(study, Result):
        raise WrongRequest(f"--pair is of the replications of one point: name it, as {study.folder}@0")
    codes = study.scenario.codes
    a, _, b = (part.strip() for part in pair.partition("-"))
    for code in (a, b):
        if code not in codes:
            near = did_you_mean(code, codes) or f"there are: {listed(codes, 60)}"
            raise WrongRequest(f"--pair {pair}: no state `{code}`; write two codes as {codes[0]}-{codes[1]}; {near}")
    if a == b:
        raise WrongRequest(f"--pair {pair}: a dyad is of two states")
    names = say.state_names(study.scenario)
    dyad = f"{names[a]} and {names[b]}"
    return style.FigureSpec(
        f"first_{a}_{b}", f"When do {dyad} sign?", partial(first_table, a=a, b=b), partial(_draw, dyad=dyad),
        lambda _: style.panels(9.0, 4.8), "No replication finished: there is no first agreement to show.",
    )  # fmt: skip


def first_table(result: Result, a: str, b: str) -> pd.DataFrame:
    """Tidy: arm (the control and the headline arm), role, day 0 to the horizon: share of replications in which the dyad
    has signed a new security agreement by then, with its 95 % CI (Clopper, Pearson; each day by itself), and n.

    Every replication is watched to the horizon: one less the share is Kaplan and Meier's estimate as well."""
    if not result.finished:
        return pd.DataFrame()
    arms = [arm for arm in result.arms if arm in (result.reference, result.headline_arm)]
    kinds = [name for name, kind in result.scenario.kinds.items() if kind.security]
    firsts: dict[str, list[Any]] = {arm: [] for arm in arms}
    for runs, accords in result.blocks():
        numbers = np.unique(runs["run"].to_numpy())
        rows = new_rows(accords, result.focal_day) & np.isin(column_words(accords, "kind"), kinds)
        for side in ("a", "b"):
            rows &= np.isin(column_words(accords, side), [a, b])
        day, arm_of = days_to_signature(accords, result.focal_day), column_words(accords, "arm")
        place = np.searchsorted(numbers, accords["run"].to_numpy())
        for arm in arms:
            first = np.full(len(numbers), np.inf)
            of_arm = rows & (arm_of == arm)
            np.minimum.at(first, place[of_arm], day[of_arm].astype(float))
            firsts[arm].append(np.where(np.isinf(first), np.nan, first))
    parts = []
    for arm in arms:
        days = np.concatenate(firsts[arm])
        signed = 1.0 - frames.survival(days, result.horizon)["share"].to_numpy()
        lo, hi = exact_share(np.rint(signed * len(days)), np.array(float(len(days))))
        found = {"day": np.arange(len(signed)), "share": signed, "lo": lo, "hi": hi}
        parts.append(pd.DataFrame(found).assign(arm=arm, n=len(days)))
    return say.titled(pd.concat(parts, ignore_index=True), result)


def _draw(axes: list[style.Axes], table: pd.DataFrame, dyad: str) -> style.Words:
    """The share of replications in which the dyad has signed by each day, in two arms; the control's band in grey."""
    from matplotlib.ticker import PercentFormatter

    ax, ends = axes[0], table[table["day"] == table["day"].max()]
    highest = max(float(table["hi"].max()), 0.01)
    looks = {"reference": (style.INK, "-", 2.8), "headline": (style.SKY, style.DASHES, 1.8)}
    for role, (colour, dashes, width) in looks.items():
        rows = table[table["role"] == role]
        if rows.empty:
            continue
        if role == "reference":
            ax.fill_between(rows["day"], rows["lo"], rows["hi"], step="post", color="#e3e3e3", linewidth=0)
        drawn: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": width}
        ax.step(rows["day"], rows["share"], where="post", label=say.first(rows, "title"), **drawn)
    ax.set(xlim=(0, int(table["day"].max())), ylim=(0, min(1.05 * highest, 1.02)))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if highest > 0.05 else 1, symbol=" %"))
    ax.set(ylabel="share of replications\nin which they have signed", xlabel="days after the event")
    ax.legend(loc="upper left", frameon=False)
    shares = {row["role"]: say.percent(row["share"]) for row in ends.to_dict("records")}
    told = f"{dyad} sign a new security agreement in {shares['reference']} of replications"
    told += f" without and {shares['headline']} with the event" if "headline" in shares else ""
    under = f"{style.runs_of(table)} per arm. Grey: 95 % CI of the control, each day by itself"
    small = "The effect on the dyad, filtered and with its CI, is in the figure of dyads: counts tell far less of it."
    return style.Words(told, under, small, 78)

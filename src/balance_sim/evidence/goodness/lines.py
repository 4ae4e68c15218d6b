"""Goodness of fit in words, and in lines for a terminal."""

from __future__ import annotations

import math

from balance_sim.evidence.goodness.comparison import GoodnessOfFit
from balance_sim.evidence.goodness.networks import GofComparison, Group, Statistic
from balance_sim.evidence.goodness.residuals import Residuals
from balance_sim.show import wording as say

LEVEL = 0.05
STATES_SHOWN, GROUPS_NAMED = 12, 4
TITLES = {
    "degree": "States by partners",
    "isolates": "States without a partner",
    "geodesics": "Dyads by distance in the network",
    "shared_partners": "Dyads by shared partners",
    "triads": "Triads by ties",
    "transitivity": "Transitivity",
    "modularity": "Modularity",
    "repeats": "Repeats within a dyad",
    "distance": "Distance, km",
    "regimes": "Regimes of the two",
    "hostile": "In a dispute",
    "kinds": "Agreements by kind",
    "lags": "Lags",
    "years": "Agreements by year",
    "states": "Agreements by state",
}
BAND = "* outside the 5-95 % band. p: Mahalanobis Monte Carlo (docs/gof.md)"


def p_words(p: float, replications: int) -> str:
    """`p = 0.31`; the smallest that so many replications can give is `p < ...`."""
    smallest = 1 / (replications + 1)
    if p < smallest:
        return f"p < {say.number(smallest, 3)}"
    return f"p = {say.number(p, 3 if p < 0.1 else 2)}"


def group_words(group: Group, replications: int) -> str:
    """The p of a group; `not tested`."""
    return "not tested" if group.fit is None else p_words(group.fit.p, replications)


def span_words(comparison: GofComparison) -> str:
    """`2022-01-01 to 2025-08-31`."""
    return f"{comparison.span.first} to {comparison.span.last}"


def verdict_words(comparison: GofComparison) -> str:
    """The finding in a sentence."""
    p = {row.name: row.fit.p for row in comparison.groups if row.fit is not None}
    rejected = [TITLES[name] for name in p if p[name] <= LEVEL]
    replications = comparison.replications
    if 0.5 / (replications + 1) > LEVEL:
        return f"{replications} replications are too few to test the record at {LEVEL}"
    if not rejected:
        groups = f"all {len(p)} groups of statistics"
        return f"The record is like the simulated networks in {groups}"
    names = [title[:1].lower() + title[1:] for title in rejected[:GROUPS_NAMED]]
    words = ", ".join(names)
    if len(rejected) > GROUPS_NAMED:
        words += f" and {len(rejected) - GROUPS_NAMED} more"
    count = f"{len(rejected)} of {len(p)} groups"
    return f"The record differs from the simulated networks in {count}: {words}"


def residual_words(residuals: Residuals) -> str:
    """The finding of the residuals in a sentence."""
    signed, expected = residuals.signed[-1], residuals.expected[-1]
    is_level, is_timely = residuals.level_p > LEVEL, residuals.ks_p > LEVEL
    number = ""
    if not is_level:
        number = "more than " if signed > expected else "fewer than "
    number += f"{say.number(expected, 1)} expected"
    but = "and" if is_level == is_timely else "but"
    come = "come" if is_timely else "do not come"
    return (
        f"{say.number(signed, 0)} agreements, {number} (p = "
        f"{_p_number(residuals.level_p)}), {but} they {come} when the model expects "
        f"them (Kolmogorov-Smirnov p = {_p_number(residuals.ks_p)})"
    )


def _p_number(p: float) -> str:
    places = 2
    if p < 0.01:
        places = 4 if p < 0.001 else 3
    return say.number(p, places)


def gof_lines(study: GoodnessOfFit, *, verbose: bool = False) -> list[str]:
    """For a terminal, at 80 columns: each group of statistics in a line, with what lies
    outside of its band; verbose: every statistic, beside what was simulated."""
    comparison, about = study.comparison, study.about
    title = say.printable(str(about.get("title") or about.get("subject", "")))
    observed = say.plural(comparison.observed, "agreement")
    simulated = say.plural(comparison.replications, "replication")
    arm = say.printable(str(about.get("arm_title") or about.get("arm") or ""))
    of_arm = f" of: {arm}" if arm else ""
    head = f"{observed} observed, {span_words(comparison)}; {simulated}{of_arm}"
    lines = [title, *say.wrapped(head, "")]
    lines += [*say.wrapped(f"{verdict_words(comparison)} (p at most {LEVEL}).", ""), ""]
    lines += _statistics(study) if verbose else _groups(comparison)
    together = p_words(comparison.p, comparison.replications)
    lines.append(f"all groups together: {together}")
    if study.residuals is not None:
        lines += say.wrapped(f"residuals: {residual_words(study.residuals)}")
    lines.append(BAND)
    if not verbose:
        lines.append("--verbose prints every statistic, beside what was simulated.")
    for note in (*comparison.notes, *study.notes):
        lines += say.wrapped(f"note: {note}")
    return lines


def _groups(comparison: GofComparison) -> list[str]:
    rows = [["statistics", "p", "outside of the 5-95 % band"]]
    for group in comparison.groups:
        test = group_words(group, comparison.replications).removeprefix("p ")
        outside = sum(statistic.outside for statistic in group.statistics)
        count = f"{outside} of {len(group.statistics)}"
        rows.append([TITLES[group.name], test.removeprefix("= "), count])
    return say.table(rows, "<>")


def _statistics(study: GoodnessOfFit) -> list[str]:
    """Every statistic, and the states furthest from what is simulated."""
    comparison = study.comparison
    rows = [["", "observed", "simulated", "5-95 % band", ""]]
    for group in comparison.groups:
        test = group_words(group, comparison.replications)
        rows.append([f"{TITLES[group.name]}: {test}", "", "", "", ""])
        if group.name != "states":
            rows += [_row(row, row.name.replace("_", " ")) for row in group.statistics]
    rows.append(["agreements a year", "", "", "", ""])
    for state in comparison.states[:STATES_SHOWN]:
        name = study.names.get(state.name, state.name)
        rows.append(_row(state, say.printable(name)))
    lines = say.table(rows, "<>>><")
    nearer = len(comparison.states) - STATES_SHOWN
    if nearer > 0:
        lines.append(f"  {nearer} states nearer to what is simulated: --json")
    return lines


def _row(statistic: Statistic, name: str) -> list[str]:
    """Name, observed, mean, band and mark of one statistic."""
    label = f"  {name[:31]}"
    if not math.isfinite(statistic.observed) and not math.isfinite(statistic.mean):
        return [label, "-", "-", "-", ""]
    finite = [abs(number) for number in statistic.numbers if math.isfinite(number)]
    largest = max(finite, default=0.0)
    places = 2
    if largest >= 10:
        places = 0 if largest >= 100 else 1
    observed, mean, low, high = [
        say.number(number, places) for number in statistic.numbers
    ]
    mark = "*" if statistic.outside else ""
    return [label, observed, mean, f"{low} to {high}", mark]

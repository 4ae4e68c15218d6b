"""A goodness-of-fit comparison in words: titles of its groups, lines for a terminal, what fails and how."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from balance_sim.show.names import capital
from balance_sim.show.wording import number, plural, printable

if TYPE_CHECKING:
    from balance_sim.analysis.gof_file import GoodnessOfFit, Residuals
    from balance_sim.replications.gof import Comparison, Group, Statistic

LEVEL = 0.05
STATES_SHOWN = 12
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
SHARES = ("regimes", "hostile", "repeats")


def p_words(p: float, replications: int) -> str:
    """`p = 0.31`; the least that so many replications can give is told as such."""
    least = 1 / (replications + 1)
    return f"p < {number(least, 3)}" if p < least else f"p = {number(p, 3 if p < 0.1 else 2)}"


def statistic_words(name: str) -> str:
    """A statistic's name as it is read."""
    return name.replace("_", " ")


def decimals_of(one: Statistic) -> int:
    """Decimals that a statistic is shown with: none from 100 on, one from 10 on, else two."""
    most = max((abs(v) for v in (one.observed, one.mean, one.low, one.high) if math.isfinite(v)), default=0.0)
    return 0 if most >= 100 else 1 if most >= 10 else 2


def span_words(found: Comparison) -> str:
    """`2022-01-01 to 2025-08-31`."""
    return f"{found.span.first} to {found.span.stop - timedelta(days=1)}"


def failing(found: Comparison) -> list[Group]:
    """Groups in which the observed network is not like the simulated ones, at LEVEL."""
    return [one for one in found.groups if one.fit is not None and one.fit.p <= LEVEL]


def verdict_words(found: Comparison) -> str:
    """The finding in a sentence."""
    tested = [one for one in found.groups if one.fit is not None]
    bad = failing(found)
    if not bad:
        return f"The record is like the simulated networks in all {len(tested)} groups of statistics"
    names = [lower(TITLES[one.name]) for one in bad]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"The record differs from the simulated networks in {len(bad)} of {len(tested)} groups: {shown}"


def lower(title: str) -> str:
    """A title within a sentence."""
    return title[:1].lower() + title[1:]


def residual_words(one: Residuals) -> str:
    """The finding of the residuals in a sentence."""
    many = "" if one.level_p > LEVEL else "more than " if one.signed[-1] > one.expected[-1] else "fewer than "
    timely = one.ks_p > LEVEL
    in_time = (
        "they come when the model expects them" if timely else "they do not come when the model expects them"
    )
    link = "and" if (one.level_p > LEVEL) == timely else "but"
    return (
        f"{number(one.signed[-1], 0)} agreements, {many}{number(one.expected[-1], 1)} expected "
        f"(p = {small_p(one.level_p)}), {link} {in_time} (Kolmogorov-Smirnov p = {small_p(one.ks_p)})"
    )


def small_p(p: float) -> str:
    """A p with two decimals, or with three or four where it is small."""
    return number(p, 4 if p < 0.001 else 3 if p < 0.01 else 2)


def gof_lines(study: GoodnessOfFit) -> list[str]:
    """For a terminal, at 80 columns."""
    found = study.comparison
    title = printable(str(study.about.get("title") or study.about.get("subject", "")))
    arm = printable(str(study.about.get("arm_title") or study.about.get("arm") or ""))
    out = [
        title,
        f"observed: {plural(found.observed, 'agreement')}, {span_words(found)}",
        *_wrapped(f"simulated: {plural(found.replications, 'replication')}" + (f" of: {arm}" if arm else "")),
        "",
        f"{'':<34}{'observed':>9}{'simulated':>11}{'5-95 % band':>19}",
    ]
    for group in found.groups:
        fit = group.fit
        tested = "not tested" if fit is None else p_words(fit.p, found.replications)
        out.append(f"{TITLES[group.name]}: {tested}")
        out += [] if group.name == "states" else [statistic_line(one) for one in group.statistics]
    out += [f"all groups together: {p_words(found.p, found.replications)}", ""]
    out += [f"{'agreements a year':<34}{'observed':>9}{'simulated':>11}{'5-95 % band':>19}"]
    for row in found.states[:STATES_SHOWN]:
        name = printable(study.names.get(row.code, row.code))[:31]
        mark = " *" if not row.low <= row.observed <= row.high else ""
        band = f"{number(row.low)} to {number(row.high)}"
        out.append(f"  {name:<32}{number(row.observed):>9}{number(row.mean):>11}{band:>19}{mark}")
    left = len(found.states) - STATES_SHOWN
    out += [f"  {left} states nearer to what is simulated: --json"] if left > 0 else []
    if study.residuals is not None:
        out += ["", *_wrapped(f"residuals: {residual_words(study.residuals)}")]
    notes = [line for note in (*found.notes, *study.notes) for line in _wrapped(f"note: {note}")]
    out += ["", "* outside the band. p: Mahalanobis Monte Carlo (docs/gof.md)", *notes]
    return out


def statistic_line(one: Statistic) -> str:
    """Name, observed, mean and band of one statistic."""
    if not math.isfinite(one.observed) and not math.isfinite(one.mean):
        return f"  {capital(statistic_words(one.name))[:31]:<32}{'-':>9}{'-':>11}{'-':>19}"
    places = decimals_of(one)
    band = f"{number(one.low, places)} to {number(one.high, places)}"
    mark = " *" if one.outside else ""
    return (
        f"  {statistic_words(one.name)[:31]:<32}{number(one.observed, places):>9}"
        f"{number(one.mean, places):>11}{band:>19}{mark}"
    )


def _wrapped(words: str) -> list[str]:
    import textwrap

    return textwrap.wrap(words, 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

"""What is not known of the headline effect, in words: intervals over the posterior and the prior, theories, what
carries the width. The same on the terminal, in the report, and on the figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.terminal import table, wrapped

if TYPE_CHECKING:
    from balance_sim.analysis.effect_draws import DrawnEffect, Uncertainty

ROWS = {
    "total": "effect",
    "picture": "  picture: who stands together",
    "threat": "  threat to the event's targets",
    "rest": "  what else the arm changes",
    "level": "expected without it",
}
"""What is told over draws, by its name in `effect_draws.COLUMNS`."""
MOST_GROUPS = 4
TOO_SHORT = "The scenario's record is too short to score them."
NOT_WORKED_OUT = (
    "Doubt about the parameters is not in these numbers. For intervals over prior and posterior: "
    "balance-sim effect SCENARIO --draws 200"
)


def theory_words(name: str) -> str:
    """A theory's name as it is read aloud."""
    return name.replace("_", " ")


def places_of(found: Uncertainty) -> int:
    """Decimals for effects: two significant digits of the value in use, at least four."""
    return max(say.digits(found.estimate["total"]), 4)


def interval_words(found: Uncertainty) -> str:
    """The effect with its posterior and prior interval, in one clause."""
    places = places_of(found)
    told = [say.signed(found.estimate["total"], places)]
    told += [
        f"{name} 95 % interval {_interval(of, 'total', places)}"
        for name, of in (("posterior", found.posterior), ("prior", found.prior))
        if of is not None
    ]
    return f"{told[0]} ({'; '.join(told[1:])})"


def doubt_words(found: Uncertainty | None, draws: bool | str = False) -> str:  # noqa: FBT001, FBT002 - as a study has it
    """What the CI leaves out: how sure the effect is over the posterior of the parameters, where that is known.

    draws: of the study, see `wording.caveat`."""
    return " ".join(filter(None, (say.caveat(draws), draws_sentence(found))))


def draws_sentence(found: Uncertainty | None) -> str:
    """How sure the effect is over the posterior of the parameters, else the prior; empty where neither is known."""
    over = [(name, of) for name, of in _sources(found) if of is not None] if found is not None else []
    if found is None or not over:
        return ""
    name, drawn = over[0]
    places, of = places_of(found), drawn.of["total"]
    used, (low, high) = found.estimate["total"], of.ci95
    told = (
        f"Over the {name} of the parameters the effect is above 0 in {say.percent(of.positive)} of draws (95 % "
        f"interval {say.interval(low, high, places)} agreements)"
    )
    if low <= used <= high:
        return f"{told}."
    return f"{told}; the values in use, which give {say.signed(used, places)}, lie outside of their {name}."


def _interval(of: DrawnEffect, name: str, places: int) -> str:
    low, high = of.of[name].ci95
    return f"{say.signed(low, places)} to {say.signed(high, places)}"


def theories_words(found: Uncertainty, unscored: str = TOO_SHORT) -> str:
    """Each theory's effect with its stacking weight, and the effect averaged by them. unscored: why there are none."""
    places, scored = places_of(found), found.stacked is not None
    order = sorted(found.theories, key=lambda one: (-(one.weight or 0.0), one.name)) if scored else found.theories
    told = [
        f"{theory_words(one.name)} {say.signed(one.total, places)}"
        + (f" (weight {one.weight:.2f})" if one.weight is not None else "")
        for one in order
    ]
    if not told:
        return ""
    if found.stacked is None:
        return f"Theories, at one base rate: {', '.join(told)}. {unscored}"
    stacked = say.signed(found.stacked, places)
    return (
        f"Theories, at one base rate, stacked by forecasts of held-back years: {', '.join(told)}; together {stacked}."
    )


def width_words(found: Uncertainty) -> str:
    """Which groups of parameters carry the width, and what knowing the one parameter worth most would leave of it."""
    of = found.variance
    if of is None or not of.sd > 0:
        return ""
    order = sorted(of.shares.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} {say.percent(share)}" for name, share in order[:MOST_GROUPS] if share > 0.01]
    told = f"What carries the width of the {of.source}: {', '.join(shown)}"
    if not of.sd_if_known:
        return f"{told}."
    best, left = min(of.sd_if_known.items(), key=lambda item: item[1])
    places = max(say.digits(of.sd), 3)
    cut = f"from {say.number(of.sd, places)} to {say.number(left, places)}"
    what = f"Of single parameters {say.factor_words(best)} is worth most to know"
    return f"{told}. {what}: it would cut the standard deviation {cut} on average."


def placebo_words(found: Uncertainty) -> str:
    """What the placebos that were kept say."""
    told = [
        f"p = {of.p:.3f} against {say.plural(of.placebos, 'placebo')} with "
        f"{'other sets of states' if name == 'participants' else 'other dates'} ({of.verdict})"
        for name, of in found.placebos.items()
    ]
    return f"Placebos: {'; '.join(told)}." if told else ""


def uncertainty_lines(
    found: Uncertainty | None, width: int = 80, *, placebos: bool = False, unscored: str = TOO_SHORT
) -> Iterator[str]:
    """For a terminal. placebos: with theirs, where nothing else says them; unscored: why theories have no weights."""
    if found is None:
        yield from wrapped(NOT_WORKED_OUT, "", width)
        return
    if found.why:
        return
    yield from table(interval_rows(found), "<>", width=width)
    yield from wrapped(draws_words(found), "", width)
    for words in (width_words(found), theories_words(found, unscored), placebo_words(found) if placebos else ""):
        if words:
            yield from wrapped(words, "  ", width)


def interval_rows(found: Uncertainty) -> list[list[str]]:
    """Heads, then a row a number of ROWS: the value in use, and the 95 % interval over each distribution."""
    places, over = places_of(found), [(n, of) for n, of in _sources(found) if of is not None]
    rows = [["doubt about the parameters", "in use", *(f"{name} 95 %" for name, _ in over)]]
    for name, label in ROWS.items():
        if name == "rest" and abs(found.estimate[name]) < 1e-12:
            continue
        if name == "level":
            cells = [say.number(found.estimate[name], 2)]
            cells += [say.interval(*of.of[name].ci95, places=1) for _, of in over]
        else:
            cells = [say.signed(found.estimate[name], places), *(_interval(of, name, places) for _, of in over)]
        rows.append([label, *cells])
    return rows


def draws_words(found: Uncertainty) -> str:
    """How many draws, in how many of them the effect is above zero."""
    over = [(name, of) for name, of in _sources(found) if of is not None]
    shares = " and ".join(f"{say.percent(of.of['total'].positive)} of {name} draws" for name, of in over)
    counts = " and ".join(dict.fromkeys(f"{of.draws:,}" for _, of in over))
    return f"{counts} draws each, expected estimator; the effect is above 0 in {shares}."


def _sources(found: Uncertainty) -> tuple[tuple[str, DrawnEffect | None], ...]:
    return (("posterior", found.posterior), ("prior", found.prior))

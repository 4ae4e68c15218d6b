"""The finding of a run for the terminal: the effect over what is known of the
parameters in a sentence and three rows, and what was scheduled anyway.

Figures and pages are made of the same parts: `effect_table` has the level and the
effect of any outcome in every arm, `clear` and `detected` say which rows of a table
show an effect, and the sentences here stand in the report too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.headline import (
    NOT_WORKED_OUT,
    OTHER_ARM,
    OTHER_FORM,
    Headline,
)
from balance_sim.effects.participants import ALIKE as ALIKE_DATES
from balance_sim.scenario.defaults import exercise_distribution
from balance_sim.show import wording as say
from balance_sim.show.wording import WIDTH
from balance_sim.stats.intervals import FEWEST_RUNS, runs_to_tell
from balance_sim.study.outcomes import Outcome

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.placebos import PlaceboTest
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.study.result import Result

type Row = dict[Any, Any]

NEXT_TO_NOTHING = 1e-3
"""Effect, as a share of the level in the control arm, up to which it is asked whether
the scenario allows any."""
KNOWN, BEFORE = "over what is known (posterior)", "before the data (prior)"
ALIKE = 1.5
"""Times the headline, up to which a size at the point values may be read as it is."""
RARE = 0.5
"""Agreements: a smaller effect is said as one in so many worlds too."""
AVERAGED = "averaged over parameter values that data allow"
UNKNOWN = {
    NOT_WORKED_OUT: "There is no interval over the parameters of this scenario yet, so "
    "this is no finding to quote; `balance-sim evidence posterior {name}` works one "
    "out (extra `evidence`; in a clone `./balance-sim --with evidence evidence ...`).",
    OTHER_FORM: "The interval over the parameters was worked out for the scenario as "
    "it is written, not for this form of it: run `balance-sim effect {name} --draws "
    "200` with the same settings.",
    OTHER_ARM: "The interval over the parameters was worked out for another arm: run "
    "`balance-sim effect {name} --arm NAME --draws 200`.",
}
"""Why there is no posterior, and how to have one."""
FAR_WORDS = (
    "With partners as at the start the effect is more than a quarter off the simulated "
    "one: channels, placebos and what is said over draws rest on that, and say little."
)
TOO_FEW_WORDS = (
    f"Below {FEWEST_RUNS} replications are too few for an interval of what is "
    "simulated."
)
MOST_GROUPS = 4
SMALLEST_SHARE = 0.01
"""Of the variance, for a group that is named."""
DECLARED = {
    "declarations_counter": "declarations, counter-balancing",
    "declarations_all": "declarations, all",
}
PARTS = {
    "picture": "who stands together",
    "threat": "the threat to its targets",
    "rest": "the arm's other changes",
}
"""Channels of an effect in words."""
CHANNELS = (*PARTS, "total")
LEAST = 1e-9
"""Agreements: a smaller part of an effect is none."""
VERDICTS = {
    "specific": "specific to these participants",
    "not specific": "not specific to these participants",
    "fades": "it fades",
    "does not fade": "it does not fade",
    "too few": "too few to say more",
}
"""What the rank among placebos says, in words."""
EFFECT = ["effect", "lo", "hi", "mcse"]

# -- tables ----------------------------------------------------------------------------


def effect_table(result: Result, outcomes: Sequence[str]) -> pd.DataFrame:
    """Return level and effect of outcomes, by outcome and arm.

    Returns
    -------
    A row an outcome and arm, in the order of both: level (mean in the arm), n,
    control_level; effect with its 95 % CI (lo, hi) and Monte Carlo standard error
    (mcse), NaN for the control arm; and what `wording.titled` says of the arm. Empty
    where no replication finished
    """
    import pandas as pd

    if not result.finished:
        return pd.DataFrame()
    keys = ["outcome", "arm"]
    index = pd.MultiIndex.from_product([outcomes, result.arms], names=keys)
    levels = result.levels[result.levels["outcome"].isin(outcomes)]
    levels = levels.set_index(keys)[["mean", "n"]].reindex(index)
    table = levels.rename(columns={"mean": "level"}).dropna(subset="n")
    table[EFFECT] = np.nan
    if not result.effects.empty:
        effects = result.effects[result.effects["outcome"].isin(outcomes)]
        effects = effects.rename(columns={"mean": "effect"}).set_index(keys)
        table[EFFECT] = effects[EFFECT].reindex(table.index)
    table = table.reset_index()
    control = table[table["arm"] == result.reference].set_index("outcome")["level"]
    table["control_level"] = table["outcome"].map(control)
    return say.titled(table, result)


def by_size(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the effect furthest from zero first."""
    return effects.sort_values(
        "effect", key=lambda column: -column.abs(), kind="stable"
    )


def detected(frame: pd.DataFrame, noun: str, label: str) -> str:
    """Return how many rows have a CI that excludes zero, and which the largest, as the
    title of a figure: `3 of 10 arms differ from zero in the simulation; largest: Half,
    +0.1`.

    Parameters
    ----------
    frame : effect, lo, hi, mcse, n (replications)
    noun : what a row is, in the plural
    label : column with the name of a row
    """
    sure = frame[clear(frame)]
    if sure.empty:
        return untold_words(frame, f"any of {len(frame):,} {noun}") or (
            f"None of {len(frame):,} {noun} differs from zero in the simulation"
        )
    top = sure.iloc[int(sure["effect"].abs().argmax())]
    effect, bounds, _ = say.effect_cells(top)
    verb = "differs" if len(sure) == 1 else "differ"
    return (
        f"{len(sure):,} of {len(frame):,} {noun} {verb} from zero in the simulation; "
        f"largest: {top[label]}, {effect} ({bounds})"
    )


def untold_words(frame: pd.DataFrame, rows: str) -> str:
    """Return, of effects none of which is told from zero, that the replications are too
    few for that and how many would do; empty where none could differ.

    Parameters
    ----------
    frame : effect, lo, hi, mcse, n (replications); perhaps spread (standard deviation
        of the outcome), without which too few runs tell the least number alone
    rows : what is not told from zero, such as `any dyad`
    """
    unknown = frame[(frame["lo"] != 0) | (frame["hi"] != 0)]
    if unknown.empty:
        return ""
    runs = int(unknown["n"].max())
    numbers = unknown[["effect", "lo", "hi", "mcse"]].to_numpy(float)
    effect, low, high, error = numbers.T
    half = np.where(effect > 0, effect - low, high - effect)
    spread = np.zeros(len(unknown))
    if "spread" in unknown:
        spread = unknown["spread"].to_numpy(float)
    wanted = runs_to_tell(effect, half, error, runs, spread)
    words = f"{say.plural(runs, 'replication')} do not tell {rows} from zero"
    if runs < FEWEST_RUNS:
        words = (
            f"{say.plural(runs, 'replication')} are too few to tell {rows} from zero"
        )
    known = wanted[np.isfinite(wanted)]
    if len(known):
        enough = say.about(float(known.min()))
        seems = "if effects are as large as they seem"
        is_least = runs < FEWEST_RUNS and "spread" not in unknown
        how = "at least" if is_least else "about"
        return f"{words}; {how} {enough} would do, {seems}"
    if runs < FEWEST_RUNS:
        words += f"; {FEWEST_RUNS} are the fewest that give an interval"
    return words


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows have an interval that excludes zero.

    Parameters
    ----------
    frame : with lo and hi; where these are not known, a row is not clear
    """
    return (frame["lo"] > 0) | (frame["hi"] < 0)


# -- sentences -------------------------------------------------------------------------


def finding(result: AnalysedResult) -> str:
    """Return the headline in two sentences: the effect over what is known of the
    parameters, else at the point values; or why there is none.

    It is the effect on counter-balancing security agreements within the longest window,
    relative to the control arm.
    """
    if not result.finished:
        return "No replication finished, so there is nothing to report."
    if result.headline is not None:
        treatment = say.treatment(result, result.headline.arm)
        return headline_sentence(result.headline, treatment, result.window)
    control = effect_table(result, [result.headline_outcome]).iloc[0]
    level = say.level(control["level"])
    return (
        f"{control['title']}: {level} expected {say.COUNTER} "
        f"{say.within(result.window)}. There is no other arm to compare with."
    )


def headline_sentence(headline: Headline, treatment: str, window: int) -> str:
    """Return the headline: what the effect is, and over what with which bounds.

    Parameters
    ----------
    treatment : what has the effect
    window : days in which agreements are counted
    """
    subject = f"{say.COUNTER} {say.within(window)}"
    where, row, name = f"It is {AVERAGED}", headline.posterior, "95 % interval"
    if row is None:
        row, name = headline.estimate, "95 % CI"
        where = f"This is {say.values_words(row.get('source'))}"
    bounds = say.bounds_words(row, name)
    known = f"{where} ({bounds})" if bounds else where
    return f"{treatment}: {say.change_words(row, subject)}. {known}."


def doubts(headline: Headline, name: str, replications: str = "") -> list[str]:
    """Return what is to be known with the three rows: why there is no posterior and how
    to have one, how rare the change is, whose its sign is, and which row is simulated.

    Parameters
    ----------
    name : of the scenario
    replications : how many of how many arms, in words; empty without
    """
    sentences = [UNKNOWN[headline.why].format(name=name)] if headline.why else []
    posterior, prior = headline.posterior, headline.prior
    if posterior is not None and prior is not None:
        mean = posterior["mean"]
        if 0 < abs(mean) < RARE:
            side = "more" if mean > 0 else "fewer"
            times = f"{float(f'{1 / abs(mean):.1e}'):,.0f}"
            sentences.append(f"That is one agreement {side} in {times} such worlds.")
        prior_share, posterior_share = (
            say.percent(row["share_positive"]) for row in (prior, posterior)
        )
        sentences.append(
            f"The sign is the theory's, not the data's: {prior_share} of draws are "
            f"above zero before the data, {posterior_share} after."
            if headline.is_sign_assumed
            else "Under the scenario's theory the effect is above zero in "
            f"{posterior_share} of draws, and in {prior_share} before the data."
        )
    if headline.mcse is not None:
        places = say.decimals(headline.mcse) + 1
        error = say.number(headline.mcse, places)
        sentences.append(
            f"The last row is simulated ({replications}; Monte Carlo error {error})."
        )
        sentences += [TOO_FEW_WORDS] * headline.has_too_few_runs
        if headline.expected is not None:
            row = f" {say.AT_POINT}" if headline.drawn else ""
            note = (
                f"With partners as at the start, as in the other rows, it{row} would "
                f"be {say.signed(headline.expected, places - 1)}"
            )
            if headline.distance is not None:
                side = "more" if headline.distance > 0 else "less"
                note += f" ({say.percent(abs(headline.distance))} {side})"
            sentences.append(f"{note}.")
        sentences += [FAR_WORDS] * headline.is_far
    return sentences


def doubts_of(result: AnalysedResult) -> list[str]:
    """Return the `doubts` of a run; none where it has no headline."""
    if result.headline is None:
        return []
    runs = say.plural(result.finished, "replication")
    arms = say.plural(len(result.arms), "arm")
    return doubts(result.headline, result.scenario.name, f"{runs} of {arms}")


def headline_rows(headline: Headline) -> list[list[str]]:
    """Return the three rows of the headline as cells, with their heads: mean, median
    and 95 % interval over what is known, before the data and at the point values."""
    spreads = [(KNOWN, headline.posterior), (BEFORE, headline.prior)]
    estimate = headline.estimate
    first = headline.posterior or headline.prior or estimate
    places = say.effect_digits(first["mean"])
    rows = [["effect on their expected number", "mean", "median", "95 % interval"]]
    for label, row in (
        *spreads,
        (say.values_words(estimate.get("source")), estimate),
    ):
        cells = ["-", "", "not worked out"]
        if row is not None:
            low, high = row["ci95"] or (None, None)
            median = say.signed(row["median"], places) if "median" in row else ""
            bounds = say.interval(low, high, places)
            cells = [say.signed(row["mean"], places), median, bounds]
        rows.append([say.capital(label), *cells])
    if headline.has_too_few_runs:
        rows[-1][-1] = "too few runs"
    return rows


def known_words(headline: Headline) -> str:
    """Return, for what is drawn from replications, what it is worth beside the
    headline."""
    if headline.drawn is not None:
        source = say.SOURCES[headline.drawn["source"]]
        return (
            f"Each replication draws its parameters from {source}: an effect is the "
            "mean over them, and its CI says how exactly that mean is known, not how "
            "far the effect varies over the parameters."
        )
    return f"{say.CAVEAT} Simulated {say.AT_POINT}. {beside_words(headline)}".strip()


def beside_words(headline: Headline) -> str:
    """Return how sizes at the point values compare with the headline; empty without a
    posterior, or where the two are ALIKE."""
    size = (headline.point or {}).get("mean", headline.expected)
    if headline.posterior is None or size is None:
        return ""
    mean, (low, high) = headline.posterior["mean"], headline.posterior["ci95"]
    times = size / mean if mean else float("inf")
    if 1 / ALIKE <= times <= ALIKE:
        return ""
    places = say.effect_digits(mean)
    ratio = f"about {times:.2g} times" if 0 < times < float("inf") else "not that of"
    return (
        f"At these the effect is {ratio} the headline "
        f"({say.signed(mean, places)}; 95 % interval "
        f"{say.interval(low, high, places)}). Read which states and arms differ, not "
        "by how much."
    )


def why_nothing(result: AnalysedResult) -> tuple[str, ...]:
    """Return why there is next to no effect at the point values, where that follows
    from the scenario.

    Asked for only where the effect is below NEXT_TO_NOTHING of the control arm's level,
    since the world at the start has to be worked out for it.
    """
    headline = result.headline
    if headline is None:
        return ()
    effect, level = headline.estimate["mean"], headline.estimate["level"]
    if abs(effect) > NEXT_TO_NOTHING * level:
        return ()
    from balance_sim.effects.world_at_start import world_at_start

    reasons = world_at_start(result.scenario).why_nothing
    return tuple(reason.message for reason in reasons)


def channel_words(
    uncertainty: Mapping[str, Any] | None, channels: Mapping[str, float] | None
) -> str:
    """Return what the focal event's two channels make of an effect: of its mean over
    what is known, else at the point values; empty without the event.

    They are exact Shapley values of the expected effect, in which partners stay as at
    the start, so that their sum need not equal a simulated effect beside it.

    Parameters
    ----------
    uncertainty : what is known of the effect, with the posterior of its parts
    channels : picture, threat, rest, total, at the point values
    """
    where = say.AT_POINT
    if uncertainty is not None and uncertainty["posterior"]:
        where, effects = KNOWN, uncertainty["posterior"]["of"]
        channels = {name: effects[name]["mean"] for name in CHANNELS}
    if not channels:
        return ""
    places = say.effect_digits(channels["total"])
    words = {part: say.signed(effect, places) for part, effect in channels.items()}
    going = [name for name in PARTS if abs(channels[name]) >= LEAST]
    if len(going) == 1:
        return (
            f"All of the effect {where} ({words['total']}) comes from "
            f"{PARTS[going[0]]}, with partners as at the start."
        )
    others = ""
    if abs(channels["rest"]) >= LEAST:
        others = f", {words['rest']} from {PARTS['rest']}"
    return (
        f"Of the effect {where} {words['picture']} comes from {PARTS['picture']} and "
        f"{words['threat']} from {PARTS['threat']}{others}: {words['total']} in all, "
        "with partners as at the start."
    )


def how_sure(result: AnalysedResult) -> list[str]:
    """Return what makes the headline effect and what its width: channels, groups of
    parameters, placebos; none where `doubts` say that these say little."""
    arm, channels = result.headline_arm, None
    if result.headline is not None and result.headline.is_far:
        return []
    if arm is not None:
        channels = result.channels.of(arm, result.headline_outcome)
    sentences = (
        channel_words(result.uncertainty, channels),
        width_words(result.uncertainty),
        placebo_words(result.placebos.tests()),
    )
    return list(filter(None, sentences))


def width_words(uncertainty: Mapping[str, Any] | None) -> str:
    """Return which groups of parameters carry the width of the effect, and what knowing
    the one parameter worth most would leave of it; empty where that is not known."""
    variance = uncertainty and uncertainty["variance"]
    if not variance or not variance["sd"] > 0:
        return ""
    order = sorted(variance["shares"].items(), key=lambda item: (-item[1], item[0]))
    shares = [
        f"{name} ({say.percent(share)})"
        for name, share in order[:MOST_GROUPS]
        if share > SMALLEST_SHARE
    ]
    carriers = f"The width of the {variance['source']} comes from {say.listed(shares)}."
    if not variance["sd_if_known"]:
        return carriers
    path, sd = min(variance["sd_if_known"].items(), key=lambda item: item[1])
    places = say.effect_digits(variance["sd"])
    return (
        f"{carriers} Of single parameters {say.factor_words(path)} is worth most to "
        "know: it would cut the standard deviation from "
        f"{say.number(variance['sd'], places)} to {say.number(sd, places)} on average."
    )


def placebo_words(tests: Mapping[str, PlaceboTest]) -> str:
    """Return what the placebo tests say, a sentence for each family; empty without."""
    pieces = [
        f"{rank_words(family, test.rank, test.placebos)} ({VERDICTS[test.verdict]})"
        for family, test in tests.items()
    ]
    if not pieces:
        return ""
    return (
        f"Placebos: {'. '.join(pieces)}. A rank says nothing of how large an effect is."
    )


def rank_words(family: str, rank: int, placebos: int) -> str:
    """Return a place among an event and its placebos of a family, in words."""
    if family == "dates":
        return (
            f"{rank - 1:,} of {placebos:,} other dates have an effect at least "
            f"{say.percent(1 - ALIKE_DATES)} as large"
        )
    place = "the largest" if rank == 1 else f"number {rank:,} by size"
    return f"the event's effect is {place} of {placebos + 1:,} sets of {family}"


def _scheduled_words(result: AnalysedResult) -> str:
    """Return the agreements that were already scheduled: they come on the same day in
    every arm, so that no event has an effect on them."""
    names = say.state_names(result.scenario)
    pieces = []
    for row in result.scheduled.to_dict("records"):
        name = say.printable(str(row["name"])) or say.arm_words(str(row["kind"]))
        sides = names[row["a"]], names[row["b"]]
        if all(side in name for side in sides):
            piece = f"the {name}"
        else:
            piece = f"{say.dyad_name(names, row['a'], row['b'])}, {name}"
        pieces.append(f"{piece} ({row['stage']} on {row['date']})")
    if not pieces:
        return "No agreement had been scheduled in advance."
    return f"Already scheduled, so no part of the effect: {'; '.join(pieces)}."


# -- lines -----------------------------------------------------------------------------


def headline_lines(result: AnalysedResult, width: int = WIDTH) -> Iterator[str]:
    """Yield the finding and what belongs to it, in at most twenty lines.

    Parameters
    ----------
    width : columns of the page
    """
    yield from say.paragraph_lines(paragraphs(result), width)
    if result.folder is not None:
        yield say.place_words(result.folder, is_finished=bool(result.finished))


def paragraphs(result: AnalysedResult) -> Iterator[say.Paragraph]:
    """Yield the same for a page of any width, but for the place of the results."""
    yield say.printable(result.scenario.title)
    yield finding(result)
    for why in why_nothing(result):
        yield f"Why so little: {why}."
    if result.headline is not None:
        control = say.arm_title(result.scenario, result.reference)
        yield f"{say.COUNTER_BALANCING} Control arm: {control}."
        yield headline_rows(result.headline), "<>"
        yield " ".join(doubts_of(result))
    if result.finished:
        own_lines = own_rows(result)
        if own_lines:
            heads = ["outcome of your own", "arm", "mean", "effect", "95 % CI", "MCSE"]
            yield [heads, *own_lines], "<<>"
        yield _scheduled_words(result)
    if result.failed:
        failed = say.plural(len(result.failed), "replication")
        yield f"Failed, and in no number above: {failed}."


def agreement_rows(result: Result) -> list[list[str]]:
    """Return per arm and direction: expected number, effect, CI, Monte Carlo standard
    error; the longest window."""
    counted = {f"accords_{name}": words for name, words in say.DIRECTIONS.items()}
    outcomes = {
        f"{name}_{result.window}": words for name, words in (counted | DECLARED).items()
    }
    return _level_rows(result, outcomes)


def effort_rows(result: Result) -> list[list[str]]:
    """Return per window and arm: mean effort of the threatened states, effect, CI,
    Monte Carlo standard error; none where nobody is threatened."""
    windows = sorted(result.scenario.report.windows)
    outcomes = {
        Outcome("effort", "threatened", window).name: say.within(window)
        for window in windows
    }
    return _level_rows(result, outcomes)


def exercise_rows(result: Result) -> list[list[str]]:
    """Return per direction and arm: joint exercises, effect, CI, Monte Carlo standard
    error; the longest window, none where it ends after the scenario."""
    outcomes = {
        Outcome("exercises", name, result.window).name: words
        for name, words in say.DIRECTIONS.items()
    }
    return _level_rows(result, outcomes)


def exercise_words() -> str:
    """Return on what the effects on joint exercises rest."""
    measured = exercise_distribution()
    elasticity, error = measured.estimate[0], measured.covariance[0][0] ** 0.5
    return (
        f"1 % more alarm goes with {elasticity:.2f} % more exercises (standard error "
        f"{error:.2f}): even the sign is not known."
    )


def own_rows(result: Result) -> list[list[str]]:
    """Return of each outcome of the user's own, in its author's words, and arm: mean,
    effect, CI, Monte Carlo standard error."""
    meanings = result.codebook.set_index("outcome")["meaning"].map(str)
    outcomes = {
        name: f"{say.capital(say.outcome_words(name))}: {say.printable(meanings[name])}"
        for name in result.by_run.names
        if name.startswith("own_")
    }
    return _level_rows(result, outcomes)


def _level_rows(result: Result, words: Mapping[str, str]) -> list[list[str]]:
    """Return level and effect as cells, a row an outcome that was measured and arm.

    words : by outcome
    """
    measured = [name for name in words if name in result.by_run.names]
    table, rows = effect_table(result, measured), []
    for row in table.to_dict("records"):
        is_control = row["role"] == "reference"
        cells = ["control", "", ""] if is_control else say.effect_cells(row)
        level = say.level(row["level"])
        rows.append([words[row["outcome"]], row["title"], level, *cells])
    return rows

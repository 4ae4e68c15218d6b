"""What a run found, for the terminal: the finding in a sentence, the arms, the dyads, and what was scheduled anyway.

Everything is printed as plain text objects, so that brackets and colons in a scenario's words stay words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from balance_sim.replications.outcomes import Outcome
from balance_sim.show import wording as say
from balance_sim.show.uncertainty import uncertainty_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.results.result import Result

NARROW = 64  # columns below which tables become lines
TOP = 5  # dyads that are shown
NEXT_TO_NOTHING = 1e-3
"""Effect, as a share of the level in the control arm, up to which it is asked whether the scenario allows any."""
NO_DYAD = "No dyad shows a detectable effect."

DECLARED = {
    "declarations_counter": "declarations, counter-balancing",
    "declarations_all": "declarations, all",
}
ROWS = say.DIRECTIONS | DECLARED
"""What the rows of `direction_table` are: security agreements by direction, then declarations."""
DYADS = ["a", "b", "mean_control", "mean", "effect", "lo", "hi", "mcse", "z", "n"]


def direction_table(result: Result, arms: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, direction (a key of ROWS), mean, effect, lo, hi, mcse, n; new agreements within the longest window.

    The control arm's effect is NaN: it is what the others are measured against."""
    outcomes = {Outcome("accords", name, result.window).name: name for name in say.DIRECTIONS}
    outcomes |= {f"{name}_{result.window}": name for name in DECLARED}
    levels = result.levels[result.levels["outcome"].isin(outcomes)]
    frame = levels[["arm", "outcome", "mean", "n"]].copy()
    effects = result.effects
    if effects.empty:
        frame = frame.assign(**dict.fromkeys(("effect", "lo", "hi", "mcse"), float("nan")))
    else:
        columns = ["arm", "outcome", "effect", "lo", "hi", "mcse"]
        frame = frame.merge(effects.rename(columns={"mean": "effect"})[columns], on=["arm", "outcome"], how="left")
    frame["direction"] = frame["outcome"].map(outcomes)
    order = {(arm, name): k for k, (arm, name) in enumerate((a, d) for a in arms for d in ROWS)}
    frame = frame[frame["arm"].isin(arms)]
    place = [order[key] for key in zip(frame["arm"], frame["direction"], strict=True)]
    frame = frame.iloc[sorted(range(len(place)), key=place.__getitem__)]
    return frame[["arm", "direction", "mean", "effect", "lo", "hi", "mcse", "n"]].reset_index(drop=True)


def top_pairs(result: Result, arm: str, count: int | None = None) -> pd.DataFrame:
    """Dyads whose effect has a 95 % CI that excludes zero, furthest from zero first, ties in the order of the codes.

    The columns of DYADS: expected new security agreements within the longest window in the control arm and in `arm`,
    and the effect. count: at most so many; all if not given."""
    dyads = result.dyads
    part = dyads[dyads["arm"] == arm]
    ordered = by_size(part[clear(part)])
    return ordered[DYADS].head(len(ordered) if count is None else count).reset_index(drop=True)


def by_size(frame: pd.DataFrame) -> pd.DataFrame:
    """Dyads with the effect furthest from zero first, ties in the order of the codes."""
    keyed = frame.assign(far=frame["effect"].abs())
    ordered = keyed.sort_values(["far", "a", "b"], ascending=[False, True, True], kind="stable")
    return ordered.drop(columns="far")


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Rows whose interval excludes zero."""
    return (frame["lo"] > 0) | (frame["hi"] < 0)


def finding(result: AnalysedResult) -> str:
    """The effect of the headline arm in a sentence."""
    reference, arm = result.reference, result.headline_arm
    outcome = result.headline_outcome
    what = f"{say.COUNTER} {say.within(result.window)}"
    base = _row(result.levels, reference, outcome)
    if base is None or not base["n"]:
        return "No replication finished, so there is nothing to report."
    if arm is None:
        title = say.arm_title(result.scenario, reference)
        told = f"{title}: {say.number(base['mean'], 1)} expected {what}"
        return f"{told}. There is no other arm to compare with."
    row, with_it = _row(result.effects, arm, outcome), _row(result.levels, arm, outcome)
    if row is None or with_it is None or not row["n"]:
        return "No paired replication finished, so there is nothing to report."
    numbers = (row["mean"], row["lo"], row["hi"], row["mcse"], int(row["n"]), base["mean"], with_it["mean"])
    return f"{say.treatment(result, arm)}: {say.change_words(*numbers, what)}."


def why_nothing(result: AnalysedResult) -> tuple[str, ...]:
    """Where there is next to no effect, or nothing that could count: reasons that follow from the scenario, if any."""
    arm, outcome = result.headline_arm, result.headline_outcome
    base = _row(result.levels, result.reference, outcome)
    row = None if arm is None else _row(result.effects, arm, outcome)
    if not result.finished or base is None or row is None or abs(row["mean"]) > NEXT_TO_NOTHING * base["mean"]:
        return ()
    from balance_sim.analysis.world_at_start import world_at_start

    return world_at_start(result.scenario).why_nothing


def headline(result: AnalysedResult, console: Console | None = None, *, verbose: bool = False) -> None:
    """Print the finding and its tables. Readable at 80 columns; below 64 the tables become lines.

    verbose: also agreements of every direction, all dyads with an effect, and what is needed to repeat the run."""
    page, scenario = _Page(console), result.scenario
    page.text(say.printable(scenario.title), "bold")
    if scenario.question:
        page.text(say.printable(scenario.question))
    page.text(f"\n{finding(result)}")
    for reason in why_nothing(result):
        page.text(f"Why: {say.printable(reason)}.")
    if result.finished:
        for words in (channel_words(result), placebo_words(result)):
            if words:
                page.text(words)
        if result.uncertainty is not None or verbose:
            page.text("\n" + "\n".join(uncertainty_lines(result.uncertainty, page.console.width)))
        _arms(result, page)
        _declared(result, page)
        _own(result, page)
        _dyads(result, page, None if verbose else TOP)
        _scheduled(result, page)
        if verbose:
            _directions(result, page)
    _failed(result, page)
    page.text("")
    if verbose:
        made = f"{say.plural(result.runs, 'replication')} of {say.plural(len(result.arms), 'arm')}, seed {result.seed}"
        page.text(f"{made}\ndigest {result.digest}")
    if result.folder is not None:
        page.text(f"Results, figures and report.html: {result.folder}")


class _Page:
    """Where the text goes, and how wide it is."""

    def __init__(self, console: Console | None) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False)

    def text(self, words: str, style: str = "") -> None:
        from rich.text import Text

        self.console.print(Text(words, style=style))

    def heading(self, words: str) -> None:
        self.text(f"\n{words}", "bold")

    def table(self, heads: Sequence[str], rows: list[list[str]]) -> None:
        """A column of words, then of numbers; on a narrow page a line a row, with the heads before the numbers."""
        if self.console.width < NARROW:
            for first, *cells in rows:
                told = [f"{head} {cell}" for head, cell in zip(heads[1:], cells, strict=True) if cell]
                self.text(f"{first}: {', '.join(told)}")
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
        table.add_column(Text(heads[0]), overflow="fold")
        for name in heads[1:]:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)


def channel_words(result: AnalysedResult) -> str:
    """What the focal event's two channels make of the headline effect, in a sentence; empty without the event."""
    arm = result.headline_arm
    found = result.channels.of(arm, result.headline_outcome) if arm is not None else None
    if found is None:
        return ""
    places = say.decimals(abs(found["total"]) / 50)
    picture, threat, rest = (say.signed(found[name], places) for name in ("picture", "threat", "rest"))
    more = "" if abs(found["rest"]) < 1e-9 else f", what else the arm changes {rest}"
    return (
        f"Channels: the picture of who stands together adds {picture}, the threat to its targets {threat}{more} "
        "(exact Shapley values, expected estimator)."
    )


def placebo_words(result: AnalysedResult) -> str:
    """What the placebos say, in one sentence; empty where there are none."""
    told = []
    for of in result.placebos.families:
        if len(of.placebos):
            others = "other sets of states" if of.name == "participants" else "other dates"
            count = say.plural(len(of.placebos), "placebo")
            told.append(f"p = {of.p:.3f} against {count} with {others} ({of.verdict})")
    return f"Placebos: {'; '.join(told)}." if told else ""


def _arms(result: AnalysedResult, page: _Page) -> None:
    """Every arm: expected agreements, effect, CI and Monte Carlo standard error."""
    frame = direction_table(result, result.arms)
    frame = frame[frame["direction"] == "counter"]
    names = say.arm_titles(result.scenario)
    titles = [names[arm] + (" (control)" if arm == result.reference else "") for arm in frame["arm"]]
    runs = say.plural(result.runs, "replication")
    page.heading(f"{say.capital(say.COUNTER)} {say.within(result.window)}, {runs} per arm")
    _effects(page, "arm", titles, frame)
    page.text(f"Effects are paired with the control arm. {say.CAVEAT}" if len(titles) > 1 else say.CAVEAT)


def _own(result: AnalysedResult, page: _Page) -> None:
    """Outcomes of one's own: level in the control arm, and the headline arm's effect."""
    names = [name for name in result.by_run.names if name.startswith("own_")]
    arm = result.headline_arm
    if not names:
        return
    rows = []
    for name in names:
        base, row = _row(result.levels, result.reference, name), _row(result.effects, arm or "", name)
        cells = ["", "", ""]
        if row is not None and math.isfinite(row["mean"]):
            cells = say.effect_cells({**row, "effect": row["mean"]}, say.decimals(row["mcse"], row["lo"], row["hi"]))
        level = "-" if base is None else say.number(base["mean"], 2)
        rows.append([say.arm_words(name.removeprefix("own_")), level, *cells])
    page.heading(f"Outcomes of your own, {say.plural(result.runs, 'replication')} per arm")
    page.table(("outcome", "control", "effect", "95 % CI", "MCSE"), rows)


def _effects(page: _Page, head: str, names: Sequence[str], frame: pd.DataFrame) -> None:
    """Name, level, effect, CI and error of each row, with the same decimals in all; empty cells for the control arm."""
    places = say.decimals(frame["mcse"].max(), *frame["lo"], *frame["hi"])
    rows = []
    for name, row in zip(names, frame.to_dict("records"), strict=True):
        cells = say.effect_cells(row, places) if math.isfinite(row["effect"]) else [""] * 3
        rows.append([name, say.number(row["mean"], min(places, 2)), *cells])
    page.table((head, "expected", "effect", "95 % CI", "MCSE"), rows)


def _declared(result: AnalysedResult, page: _Page) -> None:
    """Declarations, which the table of arms leaves out: the level of the control arm, and the headline arm's effect."""
    outcome = Outcome("declarations", "counter", result.window).name
    front = "Declarations apart: {} counter-balancing ones are expected in the control arm"
    _level(result, page, outcome, front)


def _level(result: AnalysedResult, page: _Page, outcome: str, front: str) -> None:
    """What is expected of an outcome in the control arm, and the headline arm's effect on it."""
    base = _row(result.levels, result.reference, outcome)
    if base is None:
        return
    words = front.format(say.number(base["mean"], 1))
    row = _row(result.effects, result.headline_arm, outcome) if result.headline_arm else None
    if row is not None and math.isfinite(row["mean"]):
        words += f"; effect {say.effect_words(row['mean'], row['lo'], row['hi'], row['mcse'])}"
    page.text(f"{words}.")


def _dyads(result: AnalysedResult, page: _Page, most: int | None) -> None:
    """The dyads whose effect can be detected, or the one sentence that there is none."""
    arm = result.headline_arm
    if arm is None or result.dyads.empty:
        return
    frame, every = top_pairs(result, arm), int((result.dyads["arm"] == arm).sum())
    if frame.empty:
        page.text(f"\n{NO_DYAD}")
        return
    shown = frame if most is None else frame.head(most)
    which = "Dyads" if len(shown) == len(frame) else f"The {len(shown)} largest effects on dyads"
    page.heading(f"{which}: expected new security agreements {say.within(result.window)}")
    names, places = say.state_names(result.scenario), max(say.digits(*shown["effect"].tolist()), 3)
    rows = []
    for row in shown.to_dict("records"):
        expected = [say.number(row[name], places) for name in ("mean_control", "mean")]
        rows.append([say.dyad_name(names, row["a"], row["b"]), *expected, *say.effect_cells(row, places)[:2]])
    page.table(("dyad", "without", "with", "effect", "95 % CI"), rows)
    page.text(f"The 95 % CI of {len(frame):,} of {say.plural(every, 'dyad')} excludes zero.")


def _scheduled(result: AnalysedResult, page: _Page) -> None:
    names, told = say.state_names(result.scenario), []
    for one in result.scheduled.to_dict("records"):
        name = say.printable(str(one["name"])) or str(one["kind"]).replace("_", " ")
        told.append(f"{say.dyad_name(names, one['a'], one['b'])}, {name} ({one['stage']} on {one['date']})")
    its = "its effect is" if len(told) == 1 else "their effects are"
    known = f"Already scheduled, so {its} zero by construction: {'; '.join(told)}."
    page.text(f"\n{known if told else 'No agreement was already scheduled.'}")


def _directions(result: AnalysedResult, page: _Page) -> None:
    """New agreements of every direction in every arm, and those that come of negotiations under way at the start."""
    page.heading(f"New agreements {say.within(result.window)} by direction")
    frame = direction_table(result, result.arms)
    ways = zip(frame["arm"], frame["direction"], strict=True)
    titles = say.arm_titles(result.scenario)
    _effects(page, "arm and direction", [f"{titles[arm]}: {ROWS[way]}" for arm, way in ways], frame)
    page.text(
        "Counter-balancing: neither state takes part in the event, both fear the participants, and neither is aligned "
        "with them. Security agreements are binding and of the depth of information sharing or more; the other types "
        "are declarations."
    )
    what = "of the new security agreements in the control arm come from negotiations under way at the start"
    _level(result, page, Outcome("from_talks", "", result.window).name, f"{{}} {what}")


def _failed(result: AnalysedResult, page: _Page) -> None:
    if result.failed:
        numbers = ", ".join(str(row["run"]) for row in result.failed[:10])
        more = f" and {len(result.failed) - 10} more" if len(result.failed) > 10 else ""
        what = say.plural(len(result.failed), "replication failed and is", "replications failed and are")
        page.heading(f"{what} left out of every number above: {numbers}{more}.")


def _row(frame: pd.DataFrame, arm: str | None, outcome: str) -> dict[Any, Any] | None:
    """One row of a tidy table, or None."""
    rows = [] if frame.empty else frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict("records")
    return rows[0] if rows else None


STACKED = 76  # columns below which the table of mechanisms becomes lines
WIDE = 108  # columns from which each mechanism has one line
LONGEST = 39  # columns of the longest name


def mechanism_rows(result: AnalysedResult) -> list[dict[str, str]]:
    """Each mechanism in words: id, name, value, interval, tag, found, p among placebos, why, note; else empty."""
    rows = []
    for key, of in result.mechanisms.items():
        value, (lo, hi), p = of["value"], of["ci95"], of["placebo_p"]
        if None not in (value, lo, hi) and abs(value) < (hi - lo) / 1000:
            value = 0.0  # rounding error of the arithmetic
        bounds = "" if lo is None and hi is None else f"{_number(lo)} to {_number(hi)}"
        interval = "no replication differs" if lo == hi == 0 else bounds
        words = {name: of.get(name) or "" for name in ("name", "tag", "found", "why", "note")}
        told = {"id": key, "value": _number(value), "interval": interval}
        rows.append(words | told | {"placebos": "" if p is None else say.number(p, 3)})
    return rows


def mechanism_table(result: AnalysedResult, console: Console | None = None) -> None:
    """Print the mechanisms: value with its CI, tag, what was found, placebo p; and what must be known to read them.

    Where the page is too narrow for a table, a line each."""
    page, rows = _Page(console), mechanism_rows(result)
    titles = say.arm_titles(result.scenario)
    arm, control = titles[str(result.headline_arm)], titles[result.reference]
    page.heading(f"Mechanisms: {arm}, relative to {control}")
    narrow = page.console.width < STACKED
    if not narrow:
        _mechanisms(page, [row for row in rows if not row["why"]])
    for row in rows:
        if row["why"]:
            page.text(f"{row['id']} {row['name']}: no value: {row['why']}.")
        elif narrow:
            bounds = f" ({row['interval']})" if row["interval"] else ""
            placebos = f", placebo p {row['placebos']}" if row["placebos"] else ""
            found = f"{row['tag']}, {row['found'] or 'size only'}{placebos}"
            page.text(f"{row['id']} {row['name']}: {row['value']}{bounds}, {found}")
        elif row["note"]:
            page.text(f"{row['id']}: {row['note']}.")
    for line in _reading(result):
        page.text(line)


def _reading(result: AnalysedResult) -> list[str]:
    """What must be known to read the table."""
    compared = max((of["placebos"] for key, of in result.mechanisms.items() if key != "M2"), default=0)
    lines = [
        "Implied: the sign was the same in all draws of the guessed parameters (M2: not tested), so only the size, "
        "and how it compares with placebo events, is a finding."
    ]
    if compared:
        lines.append(
            f"Placebo p: two-sided, of the event among {say.plural(compared, 'set')} of other participants, with the "
            "network as at the start; M2: among shuffles of who is threatened."
        )
    if not result.extra_by_run.arms:
        return [*lines, "Without the extra replications behind M4, M8 and M11 (--no-mechanisms)."]
    simulated = result.extra_by_run.runs
    extra = say.plural(simulated * len({*result.extra_by_run.arms, result.reference}), "further replication")
    few = " So few give wide CIs." if simulated < 30 else ""
    what = f"{extra}, in every fourth replication ({simulated}); --no-mechanisms leaves them out.{few}"
    return [*lines, f"Behind M4, M8 and M11: {what}"]


def _number(value: float | None) -> str:
    """Three significant digits; small ones as powers of ten."""
    if value is None:
        return "-"
    if value != 0 and abs(value) < 1e-4:
        return f"{value:.1e}"
    return say.number(value, min(max(2 - math.floor(math.log10(abs(value))) if value != 0 else 1, 0), 6))


def _mechanisms(page: _Page, rows: list[dict[str, str]]) -> None:
    """Emergent rows with what was found, then the implied ones, which have a size only.

    Where the page is too narrow for a line each, the interval stands under its value."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide = page.console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    table.add_column("mechanism", min_width=LONGEST if wide else None, ratio=None if wide else 1)
    for name in ("value", "95 % CI") if wide else ("value\n95 % CI",):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("found", min_width=None if wide else 15, no_wrap=wide)
    table.add_column("placebo p" if wide else "placebo\np", justify="right", no_wrap=True)
    for tag, words in (("emergent", "emergent: sign open"), ("implied", "implied: size only")):
        inside = [row for row in rows if row["tag"] == tag]
        if inside:
            table.add_row("", Text(words, style="bold"))
        for row in inside:
            pair = [row["value"], row["interval"]]
            numbers = pair if wide else ["\n".join(filter(None, pair))]
            cells = [row["id"], row["name"], *numbers, row["found"], row["placebos"]]
            table.add_row(*(Text(cell) for cell in cells))
    page.console.print(table)

"""What each page says besides its figures: of a run, a sweep, a comparison, scored
forecasts, goodness of fit.

Of a game: `report.games`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.forecast import figures as scores
from balance_sim.evidence.forecast.score import ScoredForecasts
from balance_sim.evidence.goodness.comparison import (
    GoodnessOfFit,
    NotGoodnessOfFit,
    gof_path,
    read_gof,
)
from balance_sim.evidence.goodness.figures import (
    TITLES,
    p_words,
    residual_words,
    span_words,
    verdict_words,
)
from balance_sim.evidence.posterior.lines import (
    draws_words,
    interval_rows,
    placebo_words,
    theories_words,
    width_words,
)
from balance_sim.show import wording as say
from balance_sim.show.figures import comparison, fitting, is_game
from balance_sim.show.figures.sweeps import (
    headline_effects,
    multiples_table,
    multiples_title,
)
from balance_sim.show.headline import channel_words, clear, finding, placebos_said
from balance_sim.show.report import embedded, tables
from balance_sim.show.report.tables import Rows, cell
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.show.figures import Study
    from balance_sim.show.plots import Comparison

type Content = dict[str, Any]

MOST_INPUTS, MOST_LETTERS = 60, 160


def page_of(study: Study) -> tuple[str, Content]:
    """The template of a study's page, and what it is filled with but for the
    figures."""
    if isinstance(study, AnalysedResult):
        return "run.html", _run(study)
    if isinstance(study, SweepResult):
        return "sweep.html", _sweep(study)
    if isinstance(study, ScoredForecasts):
        return "score.html", _scores(study)
    if isinstance(study, GoodnessOfFit):
        return "gof.html", _gof(study)
    if not is_game(study):
        return "comparison.html", _comparison(cast("Comparison", study))
    from balance_sim.games.report import game_page

    return "game.html", game_page(study)


def _run(result: AnalysedResult) -> Content:
    compared = [
        arm for arm in result.arms if arm in (result.reference, result.headline_arm)
    ]
    return {
        "title": say.printable(result.scenario.title),
        "result": result,
        "scenario": result.scenario,
        "answer": finding(result),
        "agreements": tables.agreement_rows(result, compared)
        if result.finished
        else [],
        "others": [arm for arm in result.arms if arm not in compared],
        "own": tables.own_rows(result) if result.finished else [],
        "gof": _gof_beside(result.folder),
        **_sure(result),
    }


def _sure(result: AnalysedResult) -> Content:
    """Channels, placebos, and what is not known of the parameters: sentences, and a
    table of intervals."""
    told: list[str] = []
    sources: list[str] = []
    rows: Rows = []
    if result.finished:
        told = [channel_words(result), placebo_words(placebos_said(result))]
        if (found := result.uncertainty) is not None and not found.why:
            told += [draws_words(found), width_words(found), theories_words(found)]
            (_, _, *sources), *rows = interval_rows(found)
    return {
        "sure": [words for words in told if words],
        "intervals": rows,
        "sources": sources,
    }


def _sweep(sweep: SweepResult) -> Content:
    found, title = headline_effects(sweep), say.printable(sweep.scenario.title)
    return {
        "sweep": sweep,
        "title": say.printable(str(sweep.manifest.design.title or sweep.name)),
        "question": f"{title}{'' if title.endswith(('?', '.')) else '.'} {say.printable(sweep.question)}",
        "answer": _sweep_answer(sweep, found),
        "heads": [
            *map(say.factor_words, sweep.paths),
            "effect",
            "low",
            "high",
            "MCSE",
            "replications",
        ],
        "numeric": [False] * len(sweep.paths) + [True] * 5,
        "points": _point_rows(sweep, found),
        "count": len(found),
        "factors": _factor_rows(sweep),
    }


def _sweep_answer(sweep: SweepResult, found: pd.DataFrame) -> str:
    """The range of the effect over the points, at how many of them it can be detected,
    and which way."""
    if found.empty:
        return "No arm to compare, or no point finished, so there is nothing to report."
    sure = found[clear(found)]
    more, fewer = int((sure["mean"] > 0).sum()), int((sure["mean"] < 0).sum())
    told = (
        f" Of the detectable ones {more} are above zero and {fewer} below."
        if len(sure)
        else ""
    )
    arm, control = (
        say.arm_title(sweep.scenario, one)
        for one in (str(sweep.headline_arm), sweep.reference)
    )
    runs = f"{say.plural(sweep.runs, 'replication')} a point"
    return f"{multiples_title(multiples_table(sweep))}.{told} {arm}, relative to {control}; {runs}."


def _point_rows(sweep: SweepResult, found: pd.DataFrame) -> Rows:
    """The points with the largest and the smallest effect, in that order."""
    if found.empty:
        return []
    order = found.sort_values(["mean", "point"], ascending=[False, True], kind="stable")
    half = tables.MOST_ROWS // 2
    part = (
        order
        if len(order) <= tables.MOST_ROWS
        else order.iloc[[*range(half), *range(-half, 0)]]
    )
    columns = [*sweep.paths, "mean", "lo", "hi", "mcse", "n"]
    return [[cell(row[name]) for name in columns] for row in part.to_dict("records")]


def _factor_rows(sweep: SweepResult) -> Rows:
    """Each factor: key path, how many values, the least and the most, or the words."""
    rows = []
    for path in sweep.paths:
        distinct = sweep.points[path].unique().tolist()
        numbers = sorted(one for one in distinct if isinstance(one, int | float))
        values = [
            *numbers,
            *sorted(
                (one for one in distinct if not isinstance(one, int | float)), key=str
            ),
        ]
        ends = f"{cell(values[0])} to {cell(values[-1])}"
        rows.append(
            [
                path,
                str(len(values)),
                ", ".join(map(cell, values)) if len(values) <= 8 else ends,
            ]
        )
    return rows


def _comparison(several: Comparison) -> Content:
    names = several.names
    scenarios = dict.fromkeys(
        say.printable(study.scenario.title) for study in several.studies
    )
    title = f"{len(names)} studies side by side: {', '.join(names)}"
    return {
        "title": " and ".join(names) if len(names) == 2 else title,
        "question": "; ".join(scenarios),
        "answer": _comparison_answer(several),
        "inputs": [
            (f"{name}, against {names[0]}", input_rows(lines), len(lines))
            for name, lines in zip(names[1:], several.differences, strict=True)
        ],
        "made": [
            (name, tables.made_rows(study))
            for name, study in zip(names, several.studies, strict=True)
        ],
        "failed_count": sum(len(study.failed) for study in several.studies),
    }


def _comparison_answer(several: Comparison) -> str:
    """Two sentences: what is found, and in how many inputs the sides differ."""
    studies, differences = (
        comparison.studies_table(several),
        comparison.differences_table(several),
    )
    if len(studies):
        found = comparison.studies_title(studies)
    elif len(differences):
        found = comparison.differences_title(differences)
    else:
        found = "No outcome is in both, so there is nothing to report"
    count = [len(lines) for lines in several.differences]
    if not any(count):
        return f"{found}. The inputs are the same."
    least, most = min(count), max(count)
    values = (
        say.plural(most, "value") if least == most else f"{least:,} to {most:,} values"
    )
    return f"{found}. Their inputs differ in {values}, listed below."


def input_rows(lines: list[str]) -> Rows:
    """Key path, left, right of the inputs that differ; the number of replications and
    the versions last."""
    rows = []
    for line in lines:
        path, _, values = line.partition(": ")
        left, _, right = values.removesuffix(" right").rpartition(" left, ")
        rows.append([path, _input(left), _input(right)])
    rows.sort(
        key=lambda row: (row[0].startswith(("versions", "runs", "scenario.")), row[0])
    )
    return rows[:MOST_INPUTS]


def _input(text: str) -> str:
    text = "not there" if text == "None" else say.printable(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]  # words stand without their quotes
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def _scores(scored: ScoredForecasts) -> Content:
    about, hindcast = scored.about, scored.kind == "hindcast"
    given = about.get("plan", {}).get("title") if hindcast else about.get("about")
    errors, names = about.get("standard_errors", {}), list(scored.ways[0].scores)
    columns = ("source", "file", "rows", "sha256")
    return {
        "kind": "a hindcast" if hindcast else "a scored forecast",
        "title": say.printable(str(given)) if given else scored.path.stem,
        "question": _score_question(about, hindcast=hindcast),
        "answer": _score_answer(scored),
        "years": [
            [
                say.arm_words(way),
                year,
                *(cell(float(skills.get(one, math.nan))) for one in names),
            ]
            for way, years in about.get("log_skill_by_year", {}).items()
            for year, skills in years.items()
        ],
        "forecasts": names,
        "weights": [
            [name, cell(float(value)), cell(float(errors.get(name, math.nan)))]
            for name, value in about.get("weights", {}).items()
        ],
        "data": [
            [str(one.get(column, "")) for column in columns]
            for one in about.get("data", [])
        ],
        "notes": [say.printable(str(one)) for one in about.get("notes", [])],
        "made": _score_made(about),
    }


def _score_question(about: Content, *, hindcast: bool) -> str:
    """What the scores answer."""
    if hindcast:
        (first, last), (start, end) = about["fitted"], about["forecast"]
        who = f"who signs with whom from {start} to {end}"
        return f"Fitted on {first} to {last}, how well does the model forecast {who}?"
    days = (
        f" from {about['first']} to {about['last']}"
        if "first" in about and "last" in about
        else ""
    )
    return f"How well was it forecast who signs with whom{days}?"


def _score_answer(scored: ScoredForecasts) -> str:
    """Two sentences: the skill beside the best baseline's, and how far the counts
    agree."""
    table = scores.scorecard_table(scored)
    least = say.number(float(table["detectable"].iloc[0]), 3)
    known = f" Differences in log skill below {least} would be missed 2 times in 10 or more."
    told = f"{scores.scorecard_title(table)}. {scores.reliability_title(scores.reliability_table(scored))}."
    return told if least == "-" else told + known


def _score_made(about: Content) -> Rows:
    """The plan and what else the file says of how it was made."""
    more = (
        "version",
        "command",
        "first",
        "last",
        "kinds",
        "stage",
        "frozen",
        "sha256",
        "reference",
    )
    plan = {
        key.replace("_", " "): value
        for key, value in about.get("plan", {}).items()
        if key != "title"
    }
    rest = {key: about[key] for key in more if about.get(key) not in (None, [])}
    return [[key, _score_words(value)] for key, value in (*plan.items(), *rest.items())]


def _score_words(value: object) -> str:
    if value is None:
        return "all that the record can tell"
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else say.printable(str(value))
    )


def _gof(study: GoodnessOfFit) -> Content:
    found, about = study.comparison, study.about
    keys = ("subject", "scenario", "sha256", "arm", "seed", "version", "command")
    made = [["span", span_words(found)], ["replications", f"{found.replications:,}"]]
    return _gof_section(study) | {
        "title": say.printable(str(about.get("title") or "Goodness of fit")),
        "question": "Does the model make networks of new agreements like the one on record?",
        "made": made
        + [
            [key, say.printable(str(about[key]))]
            for key in keys
            if about.get(key) is not None
        ],
    }


def _gof_section(study: GoodnessOfFit) -> Content:
    """What the section shows: answer, tests, states, notes."""
    words, residuals = f"{verdict_words(study.comparison)}.", study.residuals
    return {
        "answer": words
        if residuals is None
        else f"{words} {residual_words(residuals)}.",
        "span": span_words(study.comparison),
        "tests": _test_rows(study),
        "states": [
            [
                say.printable(study.names.get(of.name, of.name)),
                *map(cell, (of.observed, of.mean, of.low, of.high)),
            ]
            for of in study.comparison.states
        ],
        "notes": [say.printable(note) for note in study.notes],
    }


def _gof_beside(folder: Path | None) -> Content | None:
    """The section for the report of a run, if a comparison stands in its folder; None
    where there is none."""
    if folder is None or (path := gof_path(folder / "gof")) is None:
        return None
    try:
        study = read_gof(path)
    except NotGoodnessOfFit:
        return None
    return _gof_section(study) | {"figures": embedded(study, fitting(study))}


def _test_rows(study: GoodnessOfFit) -> Rows:
    """Group, p, distance, statistics outside their band of how many."""
    found, rows = study.comparison, []
    for one in found.groups:
        outside = sum(each.outside for each in one.statistics)
        p = "not tested" if one.fit is None else p_words(one.fit.p, found.replications)
        distance = "-" if one.fit is None else say.number(one.fit.distance, 1)
        told = p.removeprefix("p = ").removeprefix("p ")
        rows.append(
            [TITLES[one.name], told, distance, f"{outside} of {len(one.statistics)}"]
        )
    return [
        *rows,
        [
            "All groups together",
            p_words(found.p, found.replications).removeprefix("p = "),
            "",
            "",
        ],
    ]

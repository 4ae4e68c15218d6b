"""The page of scored forecasts: a hindcast, or one forecast against what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim.show.figures.reliability import reliability_table, reliability_title
from balance_sim.show.figures.scorecard import scorecard_table, scorecard_title
from balance_sim.show.gallery import fitting
from balance_sim.show.report.page import plates_of, rendered
from balance_sim.show.report.tables import cell
from balance_sim.show.score_gallery import SCORE_FIGURES
from balance_sim.show.wording import arm_words, number, printable

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.score import Scored
    from balance_sim.show.report.facts import Rows

LIMITS = (
    "Skill is over the base rate. That a forecast beats it says that it knows which pairs sign at all, which distance, "
    "size and earlier accords tell too: the baselines are there to compare with.",
    "The intervals resample pairs of states. They do not know that pairs share states, and are some narrower for it.",
    "How well accords are forecast says nothing of whether an event makes more of them: that is a difference between "
    "two worlds, of which the record has one.",
    "What was chosen while looking at the same years is no clean test of them. The plan says which years were fitted.",
)


def score_html(scored: Scored) -> str:
    """The report of a hindcast or of a scored forecast as HTML; the same bytes for the same scores."""
    about = scored.about
    content: dict[str, Any] = {
        "kind": "a hindcast" if scored.kind == "hindcast" else "a scored forecast",
        "title": title_of(scored),
        "question": question_of(scored),
        "answer": answer(scored),
        "plates": plates_of(scored, fitting(scored, SCORE_FIGURES)),
        "years": year_rows(scored),
        "forecasts": list(scored.ways[0].scores),
        "weights": weight_rows(scored),
        "data": [
            [str(one.get(key, "")) for key in ("source", "file", "rows", "sha256")]
            for one in about.get("data", [])
        ],
        "notes": [printable(str(one)) for one in about.get("notes", [])],
        "limits": LIMITS,
        "made": made_rows(scored),
    }
    return rendered("score.html", content)


def title_of(scored: Scored) -> str:
    """The title of the plan, or what was scored."""
    given = (
        scored.about.get("plan", {}).get("title") if scored.kind == "hindcast" else scored.about.get("about")
    )
    return printable(str(given)) if given else scored.path.stem


def question_of(scored: Scored) -> str:
    """What the scores answer."""
    about = scored.about
    if scored.kind == "hindcast":
        (first, last), (start, end) = about["fitted"], about["forecast"]
        years = f"from {start} to {end}"
        return f"Fitted on {first} to {last}, how well does the model forecast who signs with whom {years}?"
    days = f" from {about['first']} to {about['last']}" if "first" in about and "last" in about else ""
    return f"How well was it forecast who signs with whom{days}?"


def answer(scored: Scored) -> str:
    """Two sentences: the skill beside the best baseline's, and how far the counts agree."""
    table = scorecard_table(scored)
    detectable = float(table["detectable"].iloc[0])
    known = (
        ""
        if detectable != detectable
        else (
            f" Differences in log skill below {number(detectable, 3)} would be missed 2 times in 10 or more."
        )
    )
    return f"{scorecard_title(table)}. {reliability_title(reliability_table(scored))}.{known}"


def year_rows(scored: Scored) -> Rows:
    """Way, year, then the log skill of each forecast."""
    names = list(scored.ways[0].scores)
    by_year = scored.about.get("log_skill_by_year", {})
    return [
        [arm_words(way), year, *(cell(float(skills[name])) if name in skills else "-" for name in names)]
        for way, years in by_year.items()
        for year, skills in years.items()
    ]


def weight_rows(scored: Scored) -> Rows:
    """Term, estimate, standard error of the fit."""
    errors = scored.about.get("standard_errors", {})
    return [
        [name, cell(float(value)), cell(float(errors[name])) if name in errors else "-"]
        for name, value in scored.about.get("weights", {}).items()
    ]


def made_rows(scored: Scored) -> Rows:
    """The plan and what else the file says of how it was made."""
    about = scored.about
    rows = [
        [key.replace("_", " "), _words(value)]
        for key, value in about.get("plan", {}).items()
        if key != "title"
    ]
    more = ("version", "command", "first", "last", "kinds", "stage", "frozen", "sha256", "reference")
    return [*rows, *([key, _words(about[key])] for key in more if about.get(key) not in (None, []))]


def _words(value: object) -> str:
    if value is None:
        return "all that the record can tell"
    return ", ".join(map(str, value)) if isinstance(value, list) else printable(str(value))

"""The README of a replication archive, in the sections of the Social Science Data Editors' template
(https://social-science-data-editors.github.io/template_README/)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balance_sim.archive.citations import DataSet, data_sets_of, named_sources
from balance_sim.scenario.schema import Scenario

TIMES = ((600.0, "less than 10 minutes"), (3600.0, "10 to 60 minutes"), (7200.0, "1 to 2 hours"),
         (28800.0, "2 to 8 hours"), (86400.0, "8 to 24 hours"), (259200.0, "1 to 3 days"))  # fmt: skip
WHAT = {
    "scenario.json": "the complete scenario that was run, after every default and option",
    "points.json": "the values of each point of the sweep",
    "parameters.csv": "every parameter: value here, default, unit, range, source",
    "sources.csv": "every source the scenario names, and how many rows rest on it",
    "requirements.txt": "versions of the programs, for pip",
    "results/summary.json": "levels, effects, pairs, digest",
    "results/levels.csv": "mean, spread and quantiles of each outcome in each arm",
    "results/effects.csv": "paired effect of each arm on each outcome, with its interval",
    "results/dyads.csv": "pairs of states: share of runs with a new accord, and its excess",
}
TIME = "Approximate time needed on the machine of the study: "
WHERE_DESCRIBED = (
    "What it does is described in its documentation (`docs/model.md`, and the ODD protocol `docs/odd.md`)."
)


@dataclass(frozen=True)
class Facts:
    """What the text is written from. command: by hand, if there is one. seconds: as measured, if it was."""

    about: dict[str, Any]
    scenario: Scenario
    command: str | None
    files: Mapping[str, str]  # text by name
    points: int
    seconds: float | None


def readme(facts: Facts) -> str:
    """The whole text; the same facts give the same text."""
    parts = [
        _overview(facts), _availability(facts), _data_files(facts), _requirements(facts), _programs(),
        _instructions(facts), _tables(facts), _references(facts),
    ]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _line(text: str) -> str:
    """Free text of a file on one line, with nothing that Markdown or HTML would act on."""
    plain = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#!" else "&amp;" if c == "&" else c for c in plain)


def _overview(facts: Facts) -> str:
    about, scenario = facts.about, facts.scenario
    points = f"{facts.points:,} points x " if about["study"] == "sweep" else ""
    lines = [
        f"# Replication package: {_line(scenario.title) or about['name']}",
        "## Overview",
        f"A {about['study']} of balance-sim {about['versions']['balance_sim']}: an agent-based simulation of "
        f"counter-balancing. {_line(scenario.question)}".strip(),
        (
            f"{points}{about['runs']:,} replications x {len(about['arms'])} arms "
            f"({', '.join(about['arms'])}), seed {about['seed']}. One command makes the runs and every "
            "table under `results/` again and compares them with those in this archive."
        ),
    ]
    if about["failed"]:
        lines.append(f"{len(about['failed'])} runs failed and are in no table; `package.json` names them.")
    if about["model"]:
        lines.append(
            f"The study used code of its own, `{about['model']}`, which is **not** in this archive: its author "
            "has to supply it."
        )
    return "\n\n".join(lines)


def _availability(facts: Facts) -> str:
    sources = named_sources(facts.scenario)
    details = "\n\n".join(
        f"### {one.name}\n\n{one.citation} *Terms:* {one.terms} *Provided:* values taken from it stand in "
        f"{_where(one, facts)}."
        for one in data_sets_of(source for _, source, _ in sources)
    )
    none = "The scenario names no data set that is known to balance-sim; `sources.csv` lists what it names."
    rows = sum(count for _, _, count in sources)
    bare = sum(count for _, source, count in sources if not source.strip())
    return "\n\n".join(
        [
            "## Data Availability and Provenance Statements",
            "### Statement about Rights",
            (
                "The author of the scenario has to certify that the data may be used and redistributed; this text "
                "cannot. Terms that are known are listed below with each data set."
            ),
            "### License for Data",
            "The data keep their authors' terms. The scenario files are their author's.",
            "### Summary of Availability",
            (
                f"All data that the results need are in this archive. Of {rows} rows of the scenario {rows - bare} "
                f"name a source; `sources.csv` lists and counts them. {_bare(bare)}"
            ).strip(),
            "## Details on each Data Source",
            details or none,
        ]
    )


def _bare(rows: int) -> str:
    if not rows:
        return ""
    return f"{rows} rows name none: whether they are data or made up is for their author to say."


def _where(one: DataSet, facts: Facts) -> str:
    """The files that name a data set."""
    named = [
        name for name, text in facts.files.items() if name.startswith("inputs/") and one.is_named_in(text)
    ]
    return ", ".join(f"`{name}`" for name in named) or "`scenario.json`"


def _data_files(facts: Facts) -> str:
    rows = ["| file | content | data sets in it | provided |", "| --- | --- | --- | --- |"]
    sets = data_sets_of(source for _, source, _ in named_sources(facts.scenario))
    for name, text in facts.files.items():
        is_input = name.startswith("inputs/")
        what = WHAT.get(name) or ("as its author wrote it" if is_input else "")
        named = ", ".join(one.name for one in sets if is_input and one.is_named_in(text))
        rows.append(f"| `{name}` | {what} | {named} | yes |")
    return "## Dataset list\n\n" + "\n".join(rows)


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "not recorded"
    return next((words for limit, words in TIMES if seconds < limit), "more than 3 days")


def seconds_said(text: str) -> float | None:
    """Seconds for which a README says what this one says of the time that the study took; None: not recorded."""
    said = text.partition(TIME)[2]
    likely = (0.0, *(limit for limit, _ in TIMES))
    return next((seconds for seconds in likely if said.startswith(f"{_took(seconds)}. ")), None)


def _requirements(facts: Facts) -> str:
    about = facts.about
    versions = about["versions"]
    took = _took(facts.seconds)
    return "\n\n".join(
        [
            "## Computational requirements",
            "### Software Requirements",
            "\n".join(
                f"- {name} {versions[key]}"
                for name, key in (
                    ("Python", "python"),
                    ("balance-sim", "balance_sim"),
                    ("NumPy", "numpy"),
                    ("SciPy", "scipy"),
                    ("pandas", "pandas"),
                    ("PyArrow", "pyarrow"),
                )
                if key in versions
            ),
            (
                "`requirements.txt` names them for pip, which brings the rest. Linux or macOS. No internet is needed "
                "after that."
            ),
            "### Controlled Randomness",
            (
                f"The seed is {about['seed']}. Every draw has a key made of seed, run, purpose and states, so results "
                "do not depend on the number of workers or on the order of arms, runs or points."
            ),
            "### Memory, Runtime, Storage Requirements",
            f"{TIME}{took}. Memory: 1 GB. Storage: 25 MB - 250 MB.",
            (
                f"The results were made on {about['cpu']}. On the same type of processor they are the same to the last "
                "bit. On another, or with another NumPy, the last digit of a number may differ: then accords and "
                "dates are compared exactly, means within a relative difference of 1e-9, and the tables under "
                "`results/` within 1e-6; the command says which."
            ),
        ]
    )


def _programs() -> str:
    return "\n\n".join(
        (
            "## Description of programs/code",
            "The program is balance-sim; this archive holds no code. " + WHERE_DESCRIBED,
            "### License for Code",
            "balance-sim is under the Apache License 2.0.",
        )
    )


def _instructions(facts: Facts) -> str:
    about = facts.about
    allow = f" --model {about['model']}" if about["model"] else ""
    lines = [
        "## Instructions to Replicators",
        (
            f"1. Install balance-sim {about['versions']['balance_sim']} with Python {about['versions']['python']} or "
            "one near it: `pip install -r requirements.txt`, or `pip install .` in its source tree.\n"
            f"2. Run: `balance-sim reproduce ARCHIVE.zip{allow}`, ARCHIVE.zip being this archive. It checks the "
            "archive, runs the study again and compares. Exit code 0: reproduced; 6: something differs, and it "
            "is named."
        ),
    ]
    if facts.command:
        lines.append(
            f"By hand, in the unpacked archive:\n\n    {facts.command}\n\nIt writes the results into `again/`, whose "
            "`summary.json` has to name the digest below."
        )
    else:
        lines.append(
            "The files as their author wrote them do not give the study, which was made from Python, and are left "
            "out; `scenario.json` is what was run, and `reproduce` runs it."
        )
    lines.append(f"The digest of the results is `{about['digest']}`.")
    return "\n\n".join(lines)


def _tables(facts: Facts) -> str:
    about = facts.about
    rows = ["| table or figure | made by |", "| --- | --- |"]
    rows += [f"| `{name}` | `balance-sim reproduce` |" for name in facts.files if name.startswith("results/")]
    if facts.command and about["study"] == "run":
        rows.append(
            "| `again/figures/*.png`, `*.svg`, `again/report.html` | the command by hand; again: "
            "`balance-sim plot again`, `balance-sim report again` |"
        )
    elif facts.command:
        rows.append("| `again/figures/*.png`, `*.svg` | the command by hand, then `balance-sim plot again` |")
        rows.append("| `again/report.html` | `balance-sim report again` |")
    about_figures = (
        "No figure is in this archive; all are drawn from the results. A figure of a paper bears the name that "
        "`balance-sim plot again --list` gives it."
    )
    return "## List of tables and programs\n\n" + "\n".join(rows) + "\n\n" + about_figures


def _references(facts: Facts) -> str:
    sets = data_sets_of(source for _, source, _ in named_sources(facts.scenario))
    version = facts.about["versions"]["balance_sim"]
    own = f"The balance-sim developers. balance-sim: agent-based simulation of counter-balancing. Version {version}."
    return "## References\n\n" + "\n\n".join(sorted([own, *(one.citation for one in sets)]))

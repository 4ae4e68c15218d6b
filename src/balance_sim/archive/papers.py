"""What an archive holds beside the results: README, parameters, sources, requirements,
and the inputs as written."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from balance_sim.archive.about import About
from balance_sim.scenario import parameter_table, value_at
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import NoSuchPath
from balance_sim.study.export import harmless
from balance_sim.study.folder import inputs_of

INPUTS = "inputs/"
INPUT_NAME = re.compile(r"inputs/.+\.(?:yaml|yml|csv|json)")
TIMES = (
    (600.0, "less than 10 minutes"),
    (3600.0, "10 to 60 minutes"),
    (7200.0, "1 to 2 hours"),
    (28800.0, "2 to 8 hours"),
    (86400.0, "8 to 24 hours"),
    (259200.0, "1 to 3 days"),
)
"""Seconds, and what the README says of a study that took less."""
CONTENTS = {
    "scenario.json": "the complete scenario that was run, after every default and "
    "option",
    "points.json": "the values of each point of the sweep",
    "parameters.csv": "every parameter: value here, default, unit, range, source",
    "sources.csv": "every source the scenario names, and how many rows rest on it",
    "requirements.txt": "versions of the programs, for pip",
    "results/summary.json": "levels, effects, dyads, digest",
    "results/levels.csv": "mean, spread and quantiles of each outcome in each arm",
    "results/effects.csv": "paired effect of each arm on each outcome, with its "
    "interval",
    "results/dyads.csv": "expected new agreements of each dyad and state, and the "
    "effect on them",
}
"""What each member holds, in words."""
PROGRAMS = {
    "python": "Python",
    "balance_sim": "balance-sim",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "pandas": "pandas",
    "pyarrow": "PyArrow",
}
SECTIONS = (
    "states",
    "accords",
    "events",
    "disputes",
    "no_relations",
    "distances",
    "trade",
    "provocations",
)
"""Tables of a scenario whose rows name sources."""
PARAMETER_COLUMNS = (
    "path",
    "value",
    "default",
    "unit",
    "range",
    "standard_error",
    "source",
)
DEVELOPERS = (
    "The balance-sim developers. balance-sim: agent-based simulation of "
    "counter-balancing. Version "
)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")


@dataclass(frozen=True)
class DataSet:
    """A data set that sources name.

    Attributes
    ----------
    pattern : how sources name it
    files : those of an archive that name it
    """

    name: str
    pattern: str
    citation: str
    terms: str = "Free for research with citation; no formal licence stated."
    files: tuple[str, ...] = ()


def data_sets_of(
    scenario: Scenario, files: Mapping[str, str] | None = None
) -> list[DataSet]:
    """Return those that the sources of a scenario name. files: inputs of an archive,
    text by name."""
    import yaml

    sources = "\n".join(source for _, source, _ in named_sources(scenario))
    rows = yaml.safe_load(shipped_text("balance_sim.archive", "data_sets.yaml"))
    data_sets = [DataSet(**row) for row in rows]
    named = [row for row in data_sets if re.search(row.pattern, sources)]
    return [replace(row, files=_naming(row.pattern, files or {})) for row in named]


def _naming(pattern: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of files whose text matches."""
    return tuple(name for name, text in files.items() if re.search(pattern, text))


def named_sources(scenario: Scenario) -> list[tuple[str, str, int]]:
    """Return (section, source as the scenario names it, rows), in order; rows without a
    source are counted too."""
    counts = Counter(
        (section, row.source)
        for section in SECTIONS
        for row in getattr(scenario, section)
    )
    return [
        (section, source, counts[section, source]) for section, source in sorted(counts)
    ]


def papers(
    about: About, scenario: Scenario, files: Mapping[str, bytes], points: int
) -> dict[str, bytes]:
    """Return every member that follows from the study and the other files.

    files: those that the README lists besides: inputs, points and results."""
    derived = derived_files(scenario)
    derived["requirements.txt"] = requirements(about.versions)
    text = readme(about, scenario, {**files, **derived}, points)
    return derived | {"README.md": text}


def readme(
    about: About, scenario: Scenario, files: Mapping[str, bytes], points: int
) -> bytes:
    """Return README.md in the sections of the Social Science Data Editors' template
    (https://social-science-data-editors.github.io/template_README/); the same facts
    give the same bytes.

    files: those that it lists."""
    from jinja2 import Environment, StrictUndefined

    texts = {
        name: content.decode("utf-8", "replace")
        for name, content in sorted(files.items())
    }
    inputs = {name: text for name, text in texts.items() if name.startswith(INPUTS)}
    data_sets = data_sets_of(scenario, inputs)
    sources = named_sources(scenario)
    citations = [data_set.citation for data_set in data_sets]
    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["line"] = _line
    template = shipped_text("balance_sim.archive", "readme.md.jinja")
    text = environment.from_string(template).render(
        about=about,
        scenario=scenario,
        files=[*texts],
        points=points,
        data_sets=data_sets,
        contents=CONTENTS,
        programs=PROGRAMS,
        rows=sum(rows for _, _, rows in sources),
        bare=sum(rows for _, source, rows in sources if not source.strip()),
        references=sorted([f"{DEVELOPERS}{about.version}.", *citations]),
    )
    return text.encode("utf-8", "backslashreplace")


def _line(text: str) -> str:
    """Return free text of a file on one line, with nothing that Markdown or HTML would
    act on."""
    escaped = re.sub(r"([\\`*_\[\]<>|#!])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;")


def duration(seconds: float | None) -> str:
    """Return what the README says of the time that a study took."""
    if seconds is None:
        return "not recorded"
    for limit, words in TIMES:
        if seconds < limit:
            return words
    return "more than 3 days"


def derived_files(scenario: Scenario) -> dict[str, bytes]:
    """Return what the archive says of the scenario, from the scenario alone."""
    rows = [
        PARAMETER_COLUMNS,
        *(_parameter(scenario, row) for row in parameter_table()),
    ]
    sources = [("section", "source", "rows"), *named_sources(scenario)]
    return {
        # the order of arms decides which comes first
        "scenario.json": json_bytes(inputs_of(scenario), in_order=True),
        "parameters.csv": _csv(rows),
        "sources.csv": _csv(sources),
    }


def _parameter(scenario: Scenario, row: Mapping[str, Any]) -> tuple[object, ...]:
    """Return the cells of a parameter, with its value in the scenario."""
    try:
        value = value_at(scenario, str(row["path"]))
    except (NoSuchPath, KeyError, ValueError):
        value = ""
    bounds = row["range"]
    span = f"{bounds[0]} to {bounds[1]}" if isinstance(bounds, list) else ""
    error = row["standard_error"] or ""
    return (row["path"], value, row["value"], row["unit"], span, error, row["source"])


def requirements(versions: Mapping[str, str]) -> bytes:
    """Return what pip has to install for the same arithmetic."""
    names = ("balance_sim", "numpy", "pandas", "pyarrow", "scipy")
    lines = [
        f"{name.replace('_', '-')}=={versions[name]}\n"
        for name in names
        if name in versions
    ]
    return "".join(lines).encode()


def json_bytes(content: Any, *, in_order: bool = False) -> bytes:
    """Return a JSON member of an archive."""
    text = json.dumps(
        content, indent=1, sort_keys=not in_order, allow_nan=False, ensure_ascii=False
    )
    return f"{text}\n".encode()


def cell(value: object) -> str:
    """Return the text of one cell: what a spreadsheet would take for a formula gets an
    apostrophe in front."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return harmless("" if value is None else str(value))


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table as CSV."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerows([cell(value) for value in row] for row in rows)
    return sink.getvalue().encode()


def input_files(files: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files as their author wrote them, by their names in the archive."""
    inputs = {}
    for name, text in sorted(files.items()):
        folders = [
            _UNSAFE.sub("_", part).lstrip(".") or "_" for part in name.split("/")
        ]
        inputs[INPUTS + "/".join(folders)] = text.encode()
    return inputs

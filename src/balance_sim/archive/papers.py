"""What an archive holds beside the results: README, parameters, sources, requirements,
and the inputs as written."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from balance_sim.archive.archive import INPUTS, About, ByHand
from balance_sim.games.plan import load_game
from balance_sim.model.baseline import classes_of
from balance_sim.scenario import ScenarioError, load_scenario, parameter_table, value_at
from balance_sim.scenario.design import Overrides
from balance_sim.scenario.errors import MissingExtra, WrongRequest
from balance_sim.scenario.experiment import load_experiment, scenario_named
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.load import stem
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import NoSuchPath
from balance_sim.study.arms import chosen_arms
from balance_sim.study.export import harmless
from balance_sim.study.folder import inputs_of
from balance_sim.study.manifest import Manifest
from balance_sim.study.points import design_points

TOOK = "Approximate time needed on the machine of the study: "
TIMES = (
    (600.0, "less than 10 minutes"),
    (3600.0, "10 to 60 minutes"),
    (7200.0, "1 to 2 hours"),
    (28800.0, "2 to 8 hours"),
    (86400.0, "8 to 24 hours"),
    (259200.0, "1 to 3 days"),
)
WHAT = {
    "scenario.json": "the complete scenario that was run, after every default and option",
    "points.json": "the values of each point of the sweep",
    "parameters.csv": "every parameter: value here, default, unit, range, source",
    "sources.csv": "every source the scenario names, and how many rows rest on it",
    "requirements.txt": "versions of the programs, for pip",
    "results/summary.json": "levels, effects, dyads, digest",
    "results/levels.csv": "mean, spread and quantiles of each outcome in each arm",
    "results/effects.csv": "paired effect of each arm on each outcome, with its interval",
    "results/dyads.csv": "expected new agreements of each dyad and state, and the effect on them",
}
PROGRAMS = (
    ("python", "Python"),
    ("balance_sim", "balance-sim"),
    ("numpy", "NumPy"),
    ("scipy", "SciPy"),
    ("pandas", "pandas"),
    ("pyarrow", "PyArrow"),
)
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
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")
_HOME = "scenario/"  # where a manifest keeps the files of an experiment's scenario


@dataclass(frozen=True)
class DataSet:
    """A data set that sources name. pattern: how; files: those of an archive that name
    it."""

    name: str
    pattern: str
    citation: str
    terms: str = "Free for research with citation; no formal licence stated."
    files: tuple[str, ...] = ()


def data_sets_of(
    scenario: Scenario, files: Mapping[str, str] | None = None
) -> list[DataSet]:
    """Those that the sources of a scenario name. files: inputs of an archive, text by
    name."""
    import yaml

    sources = "\n".join(source for _, source, _ in named_sources(scenario))
    known = [
        DataSet(**row)
        for row in yaml.safe_load(shipped_text("balance_sim.archive", "data_sets.yaml"))
    ]
    return [
        replace(
            one,
            files=tuple(
                name
                for name, text in (files or {}).items()
                if re.search(one.pattern, text)
            ),
        )
        for one in known
        if re.search(one.pattern, sources)
    ]


def named_sources(scenario: Scenario) -> list[tuple[str, str, int]]:
    """(section, source as the scenario names it, rows), in order; rows without a source
    are counted too."""
    counts = Counter(
        (section, row.source)
        for section in SECTIONS
        for row in getattr(scenario, section)
    )
    return [
        (section, source, rows) for (section, source), rows in sorted(counts.items())
    ]


def readme(
    about: About,
    scenario: Scenario,
    command: str | None,
    files: Mapping[str, bytes],
    points: int,
    seconds: float | None,
) -> bytes:
    """README.md in the sections of the Social Science Data Editors' template
    (https://social-science-data-editors.github.io/template_README/); the same facts
    give the same bytes.

    command: by hand, if there is one. seconds: as measured, if it was. files: those
    told of."""
    from jinja2 import Environment, StrictUndefined

    texts = {
        name: data.decode("utf-8", "replace") for name, data in sorted(files.items())
    }
    rows = [(count, source.strip()) for _, source, count in named_sources(scenario)]
    sets = data_sets_of(
        scenario,
        {name: text for name, text in texts.items() if name.startswith(f"{INPUTS}/")},
    )
    own = "The balance-sim developers. balance-sim: agent-based simulation of counter-balancing. Version "
    made = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    made.filters["line"] = _line
    template = made.from_string(shipped_text("balance_sim.archive", "readme.md.jinja"))
    return template.render(
        about=about,
        scenario=scenario,
        command=command,
        files=list(texts),
        points=points,
        data_sets=sets,
        what=WHAT,
        programs=PROGRAMS,
        took_words=TOOK,
        took=_took(seconds),
        rows=sum(count for count, _ in rows),
        bare=sum(count for count, source in rows if not source),
        references=sorted([f"{own}{about.version}.", *(one.citation for one in sets)]),
    ).encode()


def _line(text: str) -> str:
    """Free text of a file on one line, with nothing that Markdown or HTML would act
    on."""
    plain = " ".join(text.split())
    return "".join(
        f"\\{c}" if c in "\\`*_[]<>|#!" else "&amp;" if c == "&" else c for c in plain
    )


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "not recorded"
    return next(
        (words for limit, words in TIMES if seconds < limit), "more than 3 days"
    )


def seconds_said(text: str) -> float | None:
    """Seconds for which a README says what this one says of the time that the study
    took; None: not recorded."""
    said = text.partition(TOOK)[2]
    likely = (0.0, *(limit for limit, _ in TIMES))
    return next(
        (seconds for seconds in likely if said.startswith(f"{_took(seconds)}. ")), None
    )


def derived_files(scenario: Scenario) -> dict[str, bytes]:
    """What the archive says of the scenario, from the scenario alone."""
    rows: list[Sequence[object]] = [
        ("path", "value", "default", "unit", "range", "standard_error", "source")
    ]
    for row in parameter_table():
        try:
            value = value_at(scenario, str(row["path"]))
        except (NoSuchPath, KeyError, ValueError):
            value = ""
        bounds = row["range"]
        span = f"{bounds[0]} to {bounds[1]}" if isinstance(bounds, list) else ""
        rows.append(
            (
                row["path"],
                value,
                row["value"],
                row["unit"],
                span,
                row["standard_error"] or "",
                row["source"],
            )
        )
    return {
        # the order of arms decides which comes first
        "scenario.json": json_bytes(inputs_of(scenario), in_order=True),
        "parameters.csv": _csv(rows),
        "sources.csv": _csv([("section", "source", "rows"), *named_sources(scenario)]),
    }


def requirements(versions: Mapping[str, str], *, needs_sampler: bool = False) -> bytes:
    """What pip has to install for the same arithmetic; needs_sampler: the design is
    drawn by SALib."""
    ours = "balance-sim[sensitivity]" if needs_sampler else "balance-sim"
    names = {
        "balance_sim": ours,
        **{name: name for name in ("numpy", "pandas", "pyarrow", "scipy")},
    }
    return "".join(
        f"{pip}=={versions[name]}\n" for name, pip in names.items() if name in versions
    ).encode()


def json_bytes(content: Any, *, in_order: bool = False) -> bytes:
    """A JSON member of an archive."""
    text = json.dumps(
        content, indent=1, sort_keys=not in_order, allow_nan=False, ensure_ascii=False
    )
    return (text + "\n").encode()


def cell(value: object) -> str:
    """Text of one cell: what a spreadsheet would take for a formula gets an apostrophe
    in front."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return harmless("" if value is None else str(value))


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(
        [cell(value) for value in row] for row in rows
    )
    return sink.getvalue().encode()


def input_files(manifest: Manifest) -> tuple[dict[str, bytes], str | None]:
    """The files as their author wrote them, by their names in the archive, and the one
    that a command has to name, if it is known. An experiment stands to its scenario as
    it says itself, so that the command works where unpacked."""
    files = {name: text.encode() for name, text in sorted(manifest.files.items())}
    if (
        manifest.is_sweep or manifest.game is not None
    ):  # the scenario stands beside it, named by it
        mains = [name for name in files if not name.startswith(_HOME)]
        names = _beside(files, mains[0] if len(mains) == 1 else "")
    else:
        mains = [
            name
            for name in files
            if "/" not in name and stem(name) == manifest.scenario.name
        ]
        names = {name: name for name in files}
    placed = {
        name: "/".join(
            [
                INPUTS,
                *(_UNSAFE.sub("_", part).lstrip(".") or "_" for part in to.split("/")),
            ]
        )
        for name, to in names.items()
    }
    return {placed[name]: data for name, data in files.items()}, placed[
        mains[0]
    ] if len(mains) == 1 else None


def _beside(files: Mapping[str, bytes], main: str) -> dict[str, str]:
    """Where an experiment and the files of its scenario stand, by the path from one to
    the other."""
    as_kept = {name: name for name in files}
    said = scenario_named(files[main]) if main else None
    if said is None or posixpath.isabs(said) or "\\" in said or ":" in said:
        return as_kept
    path = posixpath.normpath(said)
    ups = path.split("/").count("..")  # at the front
    home = "/".join(["experiments", *["deeper"] * (ups - 1)][:ups])
    folder, found = (
        posixpath.join(home, posixpath.dirname(path)),
        posixpath.normpath(posixpath.join(home, path)),
    )
    names = {
        name: posixpath.normpath(posixpath.join(folder, name.removeprefix(_HOME)))
        for name in files
        if name != main
    }
    is_there = {found, f"{found}.yaml"} & {*names.values()}
    names[main] = posixpath.join(home, main)
    return names if is_there and len({*names.values()}) == len(files) else as_kept


def by_hand(
    manifest: Manifest,
    about: About,
    files: Mapping[str, bytes],
    main: str | None,
    points: Sequence[str],
) -> ByHand | None:
    """How the command line that made the study does so from these files; None where
    they do not give the study, as for one made from Python with a scenario that was
    changed there."""
    if main is None or isinstance(
        manifest.draw_parameters, str
    ):  # the table of joint draws is in no file
        return None
    said: dict[str, Any] = {"file": main, "set": [], "theory": None}
    try:
        words = shlex.split(manifest.command)
    except ValueError:
        return None
    for word, after in pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        value = value if equals else after
        if option == "--set":
            said["set"].append(value)
        elif option == "--theory":
            said["theory"] = value
        elif manifest.is_sweep and option in (
            "--runs",
            "--seed",
        ):  # laid over the experiment's own
            said[option.removeprefix("--")] = getattr(
                manifest, option.removeprefix("--")
            )
    found = ByHand.model_validate(said)
    return None if gives(found, about, files, points) is False else found


def command_by_hand(found: ByHand, about: About) -> str:
    """The command, to be given in the unpacked archive."""
    words = ["balance-sim", about.study if about.game is None else "game", found.file]
    numbers = {"runs": about.runs, "seed": about.seed}
    if about.study == "sweep":
        numbers = {
            name: value
            for name in numbers
            if (value := getattr(found, name)) is not None
        }
    words += [
        word for name, value in numbers.items() for word in (f"--{name}", str(value))
    ]
    words += (
        ["--arms", ",".join(about.arms)]
        if about.study == "run" and about.game is None
        else []
    )
    words += [word for text in found.settings for word in ("--set", text)]
    if about.study == "run":
        words += ["--theory", found.theory] if found.theory is not None else []
        words += ["--draws", "fitted"] if about.draw_parameters else []
    words += ["--model", about.model] if about.model else []
    words += ["--outcomes", about.own[0][1].partition(":")[0]] if about.own else []
    return shlex.join([*words, "--out", "again"])


class _Read(dict[str, bytes]):
    """Files by name that keep account of which were asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(files)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def gives(
    found: ByHand, about: About, held: Mapping[str, bytes], points: Sequence[str]
) -> bool | None:
    """Whether the inputs, read from memory, give the study of `about`, each of them
    being read for it.

    points: the keys of a sweep's points; a design of another size is not laid out.
    None: all but the points was compared, as the package that draws them is not
    installed."""
    files = _Read(
        {name: data for name, data in held.items() if name.startswith(f"{INPUTS}/")}
    )
    same: bool | None = True
    try:
        if about.game is not None:
            game = load_game(
                found.file, set=found.settings, theory=found.theory, held=files
            )
            scenario, same = game.scenario, game.cast == about.further
        elif about.study == "run":
            scenario = load_scenario(
                found.file, set=found.settings, theory=found.theory, held=files
            )
        else:
            over = Overrides(tuple(found.settings), found.runs, found.seed)
            experiment = load_experiment(
                found.file, held=files, max_runs=len(points) * about.runs, over=over
            )
            scenario, head = experiment.scenario, experiment.head
            arms = sorted(chosen_arms(scenario, head.arms))
            same = (head.runs, head.seed, arms) == (
                about.runs,
                about.seed,
                sorted(about.arms),
            )
        same = same and (
            about.classes is None
            or classes_of(scenario).sha256 == about.classes["sha256"]
        )
        same = same and scenario.sha256 == about.scenario.sha256
        if same and about.study == "sweep":
            same = experiment.count() == len(points)
            left = Counter(points)
            for point in (
                design_points(experiment) if same else ()
            ):  # no further than they are the same
                left[point.key] -= 1
                if left[point.key] < 0:
                    same = False
                    break
    except MissingExtra:
        same = None
    except (ScenarioError, WrongRequest):
        return False
    return same if files.names >= files.keys() else False

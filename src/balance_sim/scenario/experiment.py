"""An experiment file becomes a frozen `Experiment`: a scenario, what is varied in it,
how, and how often.

Checked as scenarios are: file, line and column of everything that is wrong, in one
pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from balance_sim.scenario.design import (
    EXAMPLE,
    MOST_FACTORS,
    Experiment,
    ExperimentHead,
    Factor,
    Overrides,
    SamplingDesign,
    check_factors,
    guessed_factors,
    read_factors,
    read_points,
)
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    did_you_mean,
    errors_in,
    few_suggestions,
    in_order,
    listed,
    refused,
    shown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import EXPERIMENTS, Sources, find
from balance_sim.scenario.load import (
    check_scenario,
    option_changes,
    scenario_files,
    stem,
    with_changes,
)
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.plans import refuse_other_kind
from balance_sim.scenario.reading import ValueChange, check_version
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import canonical_path, changes_in, check_path
from balance_sim.scenario.validation import read_piece, unknown_key

MOST_RUNS = 1_000_000
MOST_REFUSED = 500  # values: no more are tried then
AS_WRITTEN = Overrides()
TOP = (
    "schema",
    "title",
    "question",
    "notes",
    "scenario",
    "set",
    "theory",
    "design",
    "factors",
    "points",
    "guesses",
    "arms",
    "runs",
    "seed",
    "outcomes",
)


def load_experiment(
    path: str | os.PathLike[str],
    *,
    max_runs: int = MOST_RUNS,
    held: Mapping[str, bytes] | None = None,
    over: Overrides = AS_WRITTEN,
) -> Experiment:
    """The experiment in a file.

    Parameters
    ----------
    path : of the file; or the name of one in ./experiments, or of a shipped one
    max_runs : runs of all points together that are allowed
    held : files by name, `path` among them, to read from instead of the disk
    over : what options lay over the file

    Returns
    -------
    Experiment : with its scenario, complete and checked at every value of a factor

    Raises
    ------
    ScenarioError : with everything that is wrong

    Examples
    --------
    >>> load_experiment("experiments/smoke.yaml").count()
    6
    """
    experiment, problems = check_experiment(
        path, max_runs=max_runs, held=held, over=over
    )
    if experiment is None:
        raise ScenarioError(errors_in(problems))
    return experiment


def check_experiment(
    path: str | os.PathLike[str],
    *,
    max_runs: int = MOST_RUNS,
    held: Mapping[str, bytes] | None = None,
    over: Overrides = AS_WRITTEN,
) -> tuple[Experiment | None, list[Diagnostic]]:
    """The experiment, or None if it is refused, and all problems and warnings: errors
    first, in the order of the file."""
    label = shown(os.fspath(path), 200)
    with few_suggestions():
        try:
            file = path if held is not None else found_in(EXPERIMENTS, path)
            sources = Sources(file, held)
            label = sources.shown
            tree, problems = read_document(sources.main(), label)
            if not isinstance(tree.value, dict):
                keys = listed(TOP, 4)
                why = f"expected a mapping with keys {keys}, got {tree.kind}"
                raise refused(tree, "", "E012", why, EXAMPLE)
            refuse_other_kind(tree, "experiment", label)
        except ScenarioError as error:
            return None, in_order(error.problems, label)
        for place, problem in enumerate(problems):
            if problem.code == "E014" and problem.path.startswith("factors."):
                problems[place] = replace(problem, code="E404")  # two axes on one key
        reader = _ExperimentReader(tree, sources, over, problems)
        experiment = reader.experiment(max_runs)
    return None if errors_in(problems) else experiment, in_order(problems, label)


# --- files ----------------------------------------------------------------------------


def experiment_files(path: str | os.PathLike[str]) -> dict[str, str]:
    """The experiment file by its name, and the files of its scenario as
    `scenario/NAME`.

    Raises ScenarioError if one cannot be read."""
    return files_with_scenario(found_in(EXPERIMENTS, path))


def files_with_scenario(path: str | os.PathLike[str]) -> dict[str, str]:
    """A file by its name, and the files of the scenario that it names as
    `scenario/NAME`.

    Raises ScenarioError if one cannot be read."""
    sources = Sources(path)
    tree, _ = read_document(sources.main(), sources.shown)
    files, node = dict(sources.files), tree.get("scenario")
    if node is not None and isinstance(node.value, str):
        for name, data in scenario_files(_scenario_path(node, sources)).items():
            files[f"scenario/{name}"] = data
    return {name: data.decode("utf-8", "replace") for name, data in files.items()}


def scenario_named(data: bytes) -> str | None:
    """What an experiment file says its scenario is; None where it is no experiment that
    can be read."""
    name = "experiment.yaml"
    try:
        tree, _ = read_document(Sources(name, {name: data}).main(), name)
    except ScenarioError:
        return None
    value = tree.value_of("scenario")
    return value if isinstance(value, str) else None


def names_experiment(path: str | os.PathLike[str]) -> bool:
    """Whether a file names its scenario or factors at its top level, as experiments do
    and scenarios do not."""
    try:
        text = Sources(found_in(EXPERIMENTS, path)).main()
    except ScenarioError:
        return False
    keys = ("scenario:", "factors:", "points:")
    return any(line.startswith(keys) for line in text.splitlines())


def found_in(folder: Path, path: str | os.PathLike[str]) -> str:
    """The path as it is written; or of the file that it names in a folder, here or, for
    a bare name, of the package."""
    written = os.fspath(path)
    if os.path.lexists(written) or not written:
        return written
    file = folder / f"{written}.yaml"
    if not os.path.isfile(file):
        file = find(written, (folder,))
    return str(file) if os.path.isfile(file) else written


def _scenario_path(node: Node, sources: Sources) -> Path | str:
    """Where the scenario of an experiment lies. Raises ScenarioError where that is
    outside of what it may name.

    It may name what lies in its own folder or in the working directory, links resolved,
    and a YAML file in a folder beside its own (`../scenarios/x.yaml`). A name alone may
    be one of ./scenarios."""
    written = str(node.value)
    folder = sources.path.parent
    sibling = folder / written
    if sources.held is not None:
        return sibling
    if "\0" in written:
        return written
    path = sibling if os.path.lexists(sibling) else Path(written)
    real, own_folder = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    working_folder = Path(os.path.realpath("."))
    if any(
        root.parent != root and real.is_relative_to(root)
        for root in (own_folder, working_folder)
    ):
        return path if path is sibling else written
    steps = Path(os.path.normpath(written)).parts
    is_sibling = steps[0] == ".." and steps[1:2] not in ((), ("..",))
    is_file = real.suffix in (".yaml", ".yml") and real.is_relative_to(
        own_folder.parent
    )
    if is_sibling and is_file and own_folder.parent.parent != own_folder.parent:
        return sibling
    why = f"`{shown(node.text)}` lies outside this file's folder and the working one"
    hint = "copy the scenario beside it, or work in a folder that holds both"
    raise refused(node, "scenario", "E501", why, hint)


# --- reading --------------------------------------------------------------------------


def named_scenario(
    tree: Node,
    sources: Sources,
    of_file: str | None,
    problems: Diagnostics,
    *,
    settings: Sequence[str] = (),
    preset: str | None = None,
) -> Scenario | None:
    """The scenario that a file names, with the file's `theory` and `set` laid over it.

    of_file: its `theory`, if it has one. settings, preset: of options, laid over the
    scenario before that."""
    node = tree.get("scenario")
    if node is None or not isinstance(node.value, str) or not node.value.strip():
        why = f"expected a path, got {node.kind}" if node else "`scenario` is required"
        hint = "write the path of a scenario, as seen from this file"
        problems.add(node or tree, "scenario", "E201" if node else "E103", why, hint)
        return None
    try:
        if "://" in node.value:
            raise refused(node, "scenario", "E501", "URLs are not read", "write a path")
        path = _scenario_path(node, sources)
    except ScenarioError as error:
        problems += error.problems
        return None
    scenario, of_scenario = check_scenario(
        path, set=settings, theory=preset, held=sources.held
    )
    errors = errors_in(of_scenario)
    if [error.code for error in errors] == ["E001"]:
        file, line, col = node.mark
        errors = [replace(errors[0], file=file, line=line, col=col)]
    problems += errors
    if scenario is None:
        return None
    written, theory = tree.below("set"), tree.get("theory")
    if not isinstance(written.value, dict):
        problems.add(written, "set", "E201", "write `key.path: value` pairs")
        return scenario
    changes = changes_in(written)
    if of_file is not None and theory is not None:
        changes.append(ValueChange("theory.preset", theory, theory.at))
    return changed_scenario(scenario, changes, problems)


def changed_scenario(
    scenario: Scenario, changes: Sequence[ValueChange], problems: Diagnostics
) -> Scenario | None:
    """A scenario with changes, checked in every arm; what is wrong elsewhere in it
    points at the first change."""
    if not changes:
        return scenario
    changed, of_change = with_changes(scenario, changes)
    files = {change.key.file for change in changes}
    for error in errors_in(of_change):
        file, line, col = changes[0].key
        is_placed = error.file in files
        place = {} if is_placed else {"file": file, "line": line, "col": col}
        problems.append(replace(error, **place))  # type: ignore[arg-type]
    return changed


class _ExperimentReader:
    """Reads an experiment's tree; what is wrong goes to `problems`."""

    def __init__(
        self, tree: Node, sources: Sources, over: Overrides, problems: Diagnostics
    ) -> None:
        options = {"runs": over.runs, "seed": over.seed}
        overrides = {
            name: from_plain(value, Mark(f"--{name}", 1, 1))
            for name, value in options.items()
            if value is not None
        }
        self.tree = tree.with_fields(overrides)
        self.sources, self.over, self.problems = sources, over, problems

    def place(self, *keys: str) -> Node:
        """The first of these top-level keys that the file has, else all of it."""
        nodes = [self.tree.fields[key] for key in keys if key in self.tree.fields]
        return (nodes or [self.tree])[0]

    def experiment(self, max_runs: int) -> Experiment | None:
        """The experiment, or None where a part could not be read."""
        tree, problems = self.tree, self.problems
        self.check_top()
        fields = {
            key: child
            for key, child in tree.fields.items()
            if key in ExperimentHead.model_fields
        }
        head = read_piece(ExperimentHead, tree.with_value(fields), "", problems)
        design = read_piece(SamplingDesign, tree.below("design"), "design", problems)
        factors = read_factors(tree.below("factors"), problems)
        points, rows = read_points(tree.get("points"), problems)
        theory = head.theory if head else None
        scenario = named_scenario(tree, self.sources, theory, problems)
        if scenario is not None:
            varied = {factor.path for factor in factors}
            varied |= points[0].values.keys() if points else set()
            scenario = self.with_options(scenario, varied)
        if scenario is None or head is None or design is None:
            return None
        if head.guesses:
            taken = {factor.path for factor in factors} | {*tree.below("set").fields}
            factors += guessed_factors(scenario, taken, tree.fields["guesses"])
        marks = {name: self.place(name).mark for name in TOP}
        name = stem(self.sources.path.name)
        experiment = Experiment(
            name, head, design, scenario, tuple(factors), tuple(points), marks
        )
        self.check_design(experiment)
        self.check_names(head, scenario)
        is_of_design = [problem.code.startswith("E4") for problem in problems]
        if any(is_of_design) or len(factors) > MOST_FACTORS:
            return experiment
        count = experiment.count()
        if count * head.runs <= max_runs:
            self.check_values(scenario, factors, rows)
        else:  # of more there may be very many values
            why = f"{count:,} points x {head.runs:,} runs exceed {max_runs:,} runs"
            hint = "fewer values, fewer runs, or a sample"
            problems.add(self.place("design", "factors"), "design", "E405", why, hint)
        return experiment

    def check_top(self) -> None:
        """Keys of the top level are known, and the version is ours."""
        for key, child in self.tree.without(*TOP).fields.items():
            if key in SamplingDesign.model_fields:
                why = f"`{key}` belongs in design, found in the top level"
                hint = f"write `design: {{{key}: ...}}`"
                self.problems.add(child.at, key, "E102", why, hint)
            else:
                unknown_key(self.problems, child, "", key, TOP, "")
        if "schema" not in self.tree.fields:
            why, hint = "`schema` is required", "write `schema: 1`"
            self.problems.add(self.tree, "schema", "E108", why, hint, "1")
        check_version(self.tree, self.problems)

    def with_options(self, scenario: Scenario, varied: set[str]) -> Scenario | None:
        """The scenario with `--set` laid over it; what the experiment varies cannot be
        set."""
        changes = option_changes(self.over.settings, None, self.problems)
        for change in changes:
            if change.path in varied:
                why = f"`{shown(change.path)}` is varied by the experiment"
                hint = "leave it out, or change the factor"
                self.problems.add(change.key, change.path, "E404", why, hint)
        free_changes = [change for change in changes if change.path not in varied]
        return changed_scenario(scenario, free_changes, self.problems)

    def check_design(self, experiment: Experiment) -> None:
        """The method of the design fits factors and points."""
        design, factors, points = (
            experiment.design,
            experiment.factors,
            experiment.points,
        )
        problems, node = self.problems, self.place("design")
        method, samples = design.method, design.samples
        if points and method != "list":
            why = "`points` are a list: write `design: {method: list}`"
            problems.add(self.place("points").at, "points", "E407", why)
        if points and factors:
            why = "give `points`, or `factors`; not both"
            problems.add(self.place("factors").at, "factors", "E407", why)
        check_factors(self.tree, experiment, problems)
        lengths = {len(factor.takes.grid()) for factor in factors}
        if method == "list" and not points and len(lengths) > 1:
            sizes = listed(map(str, sorted(lengths)))
            why = f"the lists of a list design have one length; here {sizes}"
            problems.add(node, "design", "E402", why)
        if method not in ("grid", "list") and samples is None:
            problems.add(node, "design", "E103", "`samples` is required (1 or more)")
        elif method == "sobol" and samples is not None and samples & (samples - 1):
            low = 1 << (samples.bit_length() - 1)
            why, hint = f"samples {samples:,} is not a power of 2", f"write {low}"
            place = node.fields["samples"]
            problems.add(place, "design.samples", "E406", why, f"{hint} or {2 * low}")
        if method in ("sobol", "morris") and len(factors) < 2:
            why = f"{method} needs at least 2 factors, got {len(factors)}"
            hint = "add a factor, or take a grid"
            problems.add(node, "design", "E406", why, hint)

    def check_names(self, head: ExperimentHead, scenario: Scenario) -> None:
        """The arms asked for are the scenario's, each once; so is each outcome."""
        for name in ("arms", "outcomes"):
            names: set[str] = set()
            for place, item in enumerate(self.tree.below(name).items):
                path, word = f"{name}[{place}]", str(item.value)
                if word in names:
                    why = f"`{shown(word)}` given twice"
                    self.problems.add(item, path, "E015", why, "remove one")
                names.add(word)
                if name == "arms" and head.arms and word not in scenario.arms:
                    hint = did_you_mean(word, scenario.arms)
                    why, allowed = f"no arm `{shown(word)}`", listed(scenario.arms)
                    self.problems.add(item, path, "E107", why, hint, allowed)

    def check_values(
        self, scenario: Scenario, factors: Sequence[Factor], rows: Sequence[Node]
    ) -> None:
        """Every key path is one of the scenario, once; every value (of a range: both
        ends) is one it may take."""
        problem_count = len(self.problems)
        marks: dict[str, Mark] = {}
        keys = [(factor.path, factor.node.at) for factor in factors]
        for row in rows[:1]:
            keys += [(path, child.at) for path, child in row.fields.items()]
        for path, mark in keys:
            for problem in check_path(scenario, path, mark):
                self.problems.append(replace(problem, code="E401"))
            earlier = marks.setdefault(canonical_path(path), mark)
            if earlier is not mark:
                why = f"two axes on one key; also at line {earlier.line}"
                self.problems.add(mark, path, "E404", why)
        places = {
            (item.mark.line, item.mark.col): place
            for factor in factors
            for place, item in enumerate(factor.node.items, 1)
        }
        rounds = _rounds(factors, rows) if len(self.problems) == problem_count else ()
        for changes in rounds:
            of_round = Diagnostics()
            changed_scenario(scenario, changes, of_round)
            for problem in of_round:
                place = places.get((problem.line, problem.col))
                where = "" if place is None else f"at position {place}: "
                message = where + problem.message
                self.problems.append(replace(problem, message=message))
            if len(self.problems) - problem_count > MOST_REFUSED:
                break


def _rounds(
    factors: Sequence[Factor], rows: Sequence[Node]
) -> Iterator[list[ValueChange]]:
    """Sets of changes that together try every value, one of each factor at a time."""
    if rows:
        yield from map(changes_in, rows)
        return
    round_count = max((len(factor.takes.ends()) for factor in factors), default=0)
    for place in range(round_count):
        yield [factor.change(place) for factor in factors]

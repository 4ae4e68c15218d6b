"""An experiment file becomes a frozen `Experiment`: a scenario, what is varied in it,
how, and how often.

Checked as scenarios are: file, line and column of everything that is wrong, in one
pass."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from balance_sim.scenario.assemble import (
    ValueChange,
    apply_changes,
    as_tree,
    assemble,
    changes_in,
)
from balance_sim.scenario.design import (
    EXAMPLE,
    MOST_FACTORS,
    OF_DRAWS,
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
    Node,
    ScenarioError,
    did_you_mean,
    errors_in,
    few_suggestions,
    from_plain,
    in_order,
    listed,
    refused,
    shown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import EXPERIMENTS, Sources, find
from balance_sim.scenario.layout import NoSuchPath, locate, what_was_meant
from balance_sim.scenario.load import (
    check_scenario,
    option_changes,
    scenario_files,
    stem,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.validation import read_piece, refuse_other_kind, unknown_key

MOST_RUNS = 1_000_000
MOST_REFUSED = 500  # values: no more are tried then
AS_WRITTEN = Overrides()
TOP = (
    *(
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
    ),
    *("guesses", "arms", "runs", "seed", "outcomes"),
)


def load_experiment(
    path: str | os.PathLike[str],
    *,
    max_runs: int = MOST_RUNS,
    held: Mapping[str, bytes] | None = None,
    over: Overrides = AS_WRITTEN,
) -> Experiment:
    """The experiment in a file; `path` may also name one in ./experiments, or a shipped
    one. Raises ScenarioError.

    held: files by name, `path` among them, to read from instead of the disk. over: what
    options lay over the file.

    >>> load_experiment("experiments/smoke.yaml").count()
    6"""
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
    """The experiment, or None if it is refused, and all problems and warnings in the
    order of the file."""
    first = shown(os.fspath(path), 200)
    with few_suggestions():
        try:
            sources = Sources(
                path if held is not None else found_in(EXPERIMENTS, path), held
            )
            first = sources.shown
            tree, found = read_document(sources.main(), sources.shown)
            if not isinstance(tree.value, dict):
                why = f"expected a mapping with keys {listed(TOP, 4)}, got {tree.kind}"
                raise refused(tree, "", "E012", why, EXAMPLE)
            refuse_other_kind(tree, "experiment", first)
        except ScenarioError as error:
            return None, in_order(error.problems, first)
        for at, one in enumerate(found):
            if one.code == "E014" and one.path.startswith(
                "factors."
            ):  # two axes on one key
                found[at] = replace(
                    one,
                    code="E404",
                    message=one.message.replace("already given", "also"),
                )
        experiment = _read(tree, sources, max_runs, over, found)
    return None if errors_in(found) else experiment, in_order(found, first)


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
        found = scenario_files(_scenario_path(node, sources))
        files |= {f"scenario/{name}": data for name, data in found.items()}
    return {name: data.decode("utf-8", "replace") for name, data in files.items()}


def scenario_named(data: bytes) -> str | None:
    """What an experiment file says its scenario is; None where it is no experiment that
    can be read."""
    name = "experiment.yaml"
    try:
        node = read_document(Sources(name, {name: data}).main(), name)[0].get(
            "scenario"
        )
    except ScenarioError:
        return None
    return node.value if node is not None and isinstance(node.value, str) else None


def names_experiment(path: str | os.PathLike[str]) -> bool:
    """True if a file names its scenario or factors at its top level, as experiments do
    and scenarios do not."""
    try:
        text = Sources(found_in(EXPERIMENTS, path)).main()
    except ScenarioError:
        return False
    return any(
        line.startswith(("scenario:", "factors:", "points:"))
        for line in text.splitlines()
    )


def found_in(folder: Path, path: str | os.PathLike[str]) -> str:
    """The path as it is written; or of the file that it names in a folder, here or, for
    a bare name, of the package."""
    written = os.fspath(path)
    if os.path.lexists(written) or not written:
        return written
    here = folder / f"{written}.yaml"
    found = here if os.path.isfile(here) else find(written, (folder,))
    return str(found) if os.path.isfile(found) else written


def _read(
    tree: Node, sources: Sources, max_runs: int, over: Overrides, found: Diagnostics
) -> Experiment | None:
    given = {"runs": over.runs, "seed": over.seed}
    options = {
        name: from_plain(value, Mark(f"--{name}", 1, 1))
        for name, value in given.items()
        if value is not None
    }
    tree = tree.with_fields(options)
    for key, child in tree.without(*TOP).fields.items():
        if key in SamplingDesign.model_fields:
            why = f"`{key}` belongs in design, found in the top level"
            found.add(child.at, key, "E102", why, f"write `design: {{{key}: ...}}`")
        else:
            unknown_key(found, child, "", key, TOP, "")
    version = tree.get("schema")
    if version is None or version.value != 1 or isinstance(version.value, bool):
        why = (
            f"this version reads 1, got {version.kind}"
            if version
            else "`schema` is required"
        )
        found.add(version or tree, "schema", "E108", why, "write `schema: 1`", "1")
    plain_part = {
        key: child
        for key, child in tree.fields.items()
        if key in ExperimentHead.model_fields
    }
    head = read_piece(ExperimentHead, tree.with_value(plain_part), "", found)
    design = read_piece(SamplingDesign, tree.below("design"), "design", found)
    factors = read_factors(tree.below("factors"), found)
    points, rows = read_points(tree.get("points"), found)
    scenario = named_scenario(tree, sources, head.theory if head else None, found)
    if scenario is not None and over.settings:
        varied = {
            *(one.path for one in factors),
            *(path for point in points[:1] for path in point.values),
        }
        scenario = _with_options(scenario, over, varied, found)
    if scenario is None or head is None or design is None:
        return None
    if head.guesses:
        taken = {factor.path for factor in factors} | {*tree.below("set").fields}
        factors += guessed_factors(scenario, taken, tree.fields["guesses"])
    marks = {name: (tree.get(name) or tree).mark for name in TOP}
    name = stem(sources.path.name)
    experiment = Experiment(
        name, head, design, scenario, tuple(factors), tuple(points), marks
    )
    _check_axes(tree, experiment, found)
    _check_names(tree, head, scenario, found)
    if (
        not any(one.code.startswith("E4") for one in found)
        and len(factors) <= MOST_FACTORS
    ):
        if (
            total := (count := experiment.count()) * head.runs
        ) <= max_runs:  # of more there may be very many values
            _check_values(scenario, factors, rows, found)
        else:
            why = f"{count:,} points x {head.runs:,} runs: {total:,} runs exceeds {max_runs:,} (`--max-runs`)"
            at = tree.get("design") or tree.get("factors") or tree
            found.add(
                at, "design", "E405", why, "fewer values, fewer runs, or a sample"
            )
    return experiment


def named_scenario(
    tree: Node,
    sources: Sources,
    of_file: str | None,
    found: Diagnostics,
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
        found.add(node or tree, "scenario", "E201" if node else "E103", why, hint)
        return None
    try:
        if "://" in node.value:
            raise refused(node, "scenario", "E501", "URLs are not read", "write a path")
        path = _scenario_path(node, sources)
    except ScenarioError as error:
        found += error.problems
        return None
    scenario, problems = check_scenario(
        path, set=settings, theory=preset, held=sources.held
    )
    wrong = errors_in(problems)
    if [one.code for one in wrong] == ["E001"]:
        wrong = [
            replace(
                wrong[0], file=node.mark.file, line=node.mark.line, col=node.mark.col
            )
        ]
    found += wrong
    if scenario is None or wrong:
        return None
    written, theory = tree.get("set"), tree.get("theory")
    if written is not None and not isinstance(written.value, dict):
        found.add(written, "set", "E201", "write `key.path: value` pairs")
        return scenario
    changes = changes_in(tree.below("set"))
    if of_file is not None and theory is not None:
        changes.append(ValueChange("theory.preset", theory, theory.at))
    return _changed(scenario, changes, written or tree, found) if changes else scenario


def _with_options(
    scenario: Scenario, over: Overrides, varied: set[str], found: Diagnostics
) -> Scenario | None:
    """The scenario with `--set` laid over it; what the experiment varies cannot be
    set."""
    changes = option_changes(over.settings, None, found)
    for change in changes:
        if change.path in varied:
            why = f"`{shown(change.path)}` is varied by the experiment"
            found.add(
                change.key,
                shown(change.path),
                "E404",
                why,
                "leave it out, or change the factor",
            )
    changes = [change for change in changes if change.path not in varied]
    return _changed(scenario, changes, changes[0].node, found) if changes else scenario


def _scenario_path(node: Node, sources: Sources) -> Path | str:
    """Where the scenario of an experiment lies. Raises ScenarioError where that is
    outside of what it may name.

    It may name what lies in its own folder or in the working directory, links resolved,
    and a YAML file in a folder beside its own (`../scenarios/x.yaml`). A name alone may
    be one of ./scenarios."""
    written = str(node.value)
    beside = sources.path.parent / written
    if sources.held is not None:
        return beside
    if "\0" in written:
        return written
    path = beside if os.path.lexists(beside) else Path(written)
    real, own = (
        Path(os.path.realpath(path)),
        Path(os.path.realpath(sources.path.parent)),
    )
    roots = [own]
    with contextlib.suppress(FileNotFoundError):  # a working directory that is gone
        roots.append(Path.cwd())
    if any(root.parent != root and real.is_relative_to(root) for root in roots):
        return path if path is beside else written
    parts = Path(os.path.normpath(written)).parts
    is_sibling = (
        parts[0] == ".."
        and len(parts) > 1
        and parts[1] != ".."
        and own.parent.parent != own.parent
    )
    if (
        is_sibling
        and real.suffix in (".yaml", ".yml")
        and real.is_relative_to(own.parent)
    ):
        return beside
    why = f"`{shown(node.text)}` lies outside this file's folder and the working directory"
    hint = (
        "copy the scenario beside it, or give the command in a folder that holds both"
    )
    raise refused(node, "scenario", "E501", why, hint)


def _changed(
    scenario: Scenario, changes: Sequence[ValueChange], where: Node, found: Diagnostics
) -> Scenario | None:
    """A scenario with changes, checked in every arm; problems point at what was
    changed."""
    of_change = Diagnostics()
    changed = assemble(
        apply_changes(as_tree(scenario), changes, of_change), scenario.name, of_change
    )
    wrong, here = (
        errors_in(of_change),
        changes[0].key,
    )  # where the trouble shows elsewhere in the scenario
    own = where.mark.file
    found += [
        one
        if one.file == own or one.file.startswith("--")
        else replace(one, file=own, line=here.line, col=here.col)
        for one in wrong
    ]
    return None if wrong or changed is None else changed.counted_as(scenario)


# --- whether the parts fit together and fit the scenario --------------------------------------------


def _check_axes(tree: Node, experiment: Experiment, found: Diagnostics) -> None:
    design, factors, points = experiment.design, experiment.factors, experiment.points
    at, method, samples = tree.get("design") or tree, design.method, design.samples
    of_points, of_factors = tree.get("points") or tree, tree.get("factors") or tree
    if points and method != "list":
        found.add(
            of_points.at,
            "points",
            "E407",
            "`points` are a list: write `design: {method: list}`",
        )
    if points and factors:
        found.add(
            of_factors.at, "factors", "E407", "give `points`, or `factors`; not both"
        )
    if points and method in OF_DRAWS:
        found.add(
            at,
            "design",
            "E407",
            f"a {method} design draws its points itself",
            "leave `points` out",
        )
    check_factors(tree, experiment, found)
    lengths = (
        {len(factor.takes.grid()) for factor in factors}
        if method == "list" and not points
        else set()
    )
    if len(lengths) > 1:
        why = f"the lists of a list design have one length; here {listed(map(str, sorted(lengths)))}"
        found.add(at, "design", "E402", why)
    if method in ("lhs", "sobol", "morris", *OF_DRAWS) and samples is None:
        found.add(at, "design", "E103", "`samples` is required (1 or more)")
    elif method == "sobol" and samples is not None and samples & (samples - 1):
        low = 1 << (samples.bit_length() - 1)
        why = f"samples {samples:,} is not a power of 2"
        found.add(
            at.fields["samples"],
            "design.samples",
            "E406",
            why,
            f"write {low} or {2 * low}",
        )
    if method in ("sobol", "morris") and len(factors) < 2:
        why = f"{method} needs at least 2 factors, got {len(factors)}"
        found.add(at, "design", "E406", why, "add a factor, or take a grid")


def _check_names(
    tree: Node, head: ExperimentHead, scenario: Scenario, found: Diagnostics
) -> None:
    """The arms asked for are the scenario's, each once; so is each outcome."""
    for name in ("arms", "outcomes"):
        words = [item for item in tree.below(name).items if isinstance(item.value, str)]
        for at, item in enumerate(words):
            if item.value in [other.value for other in words[:at]]:
                found.add(
                    item,
                    f"{name}[{at}]",
                    "E015",
                    f"`{shown(item.value)}` given twice",
                    "remove one",
                )
    arms = scenario.arms
    for at, item in enumerate(
        tree.below("arms").items if head.arms is not None else ()
    ):
        if item.value not in arms:
            why, near = (
                f"no arm `{shown(item.value)}`",
                did_you_mean(str(item.value), arms),
            )
            found.add(item, f"arms[{at}]", "E107", why, near, listed(arms))


def _check_values(
    scenario: Scenario,
    factors: Sequence[Factor],
    rows: Sequence[Node],
    found: Diagnostics,
) -> None:
    """Every key path is one of the scenario, once; every value (of a range: both ends)
    is one it may take."""
    tree, before = as_tree(scenario), len(found)
    seen: dict[tuple[str | int, ...], Mark] = {}
    keys = [(factor.path, factor.node.at) for factor in factors]
    keys += [(path, child.at) for row in rows[:1] for path, child in row.fields.items()]
    for path, mark in keys:
        try:
            steps = tuple(locate(tree, path))
        except NoSuchPath as error:
            found.add(
                mark,
                shown(path),
                "E401",
                shown(str(error), 120),
                what_was_meant(tree, path, error),
            )
            continue
        if steps in seen:
            found.add(
                mark,
                shown(path),
                "E404",
                f"two axes on one key; also at line {seen[steps].line}",
            )
        seen[steps] = mark
    rounds = _rounds(factors, rows) if len(found) == before else ()
    places = {
        (item.mark.line, item.mark.col): at
        for factor in factors
        for at, item in enumerate(factor.node.items, 1)
    }
    for changes in rounds:
        of_round = Diagnostics()
        _changed(scenario, changes, changes[0].node, of_round)
        for one in of_round:  # a value of a list says which of them it is
            at = places.get((one.line, one.col))
            found.append(
                one
                if at is None
                else replace(one, message=f"at position {at}: {one.message}")
            )
        if len(found) - before > MOST_REFUSED:
            break


def _rounds(
    factors: Sequence[Factor], rows: Sequence[Node]
) -> Iterator[list[ValueChange]]:
    """Sets of changes that together try every value, one of each factor at a time."""
    if rows:
        yield from map(changes_in, rows)
        return
    for at in range(max((len(factor.takes.ends()) for factor in factors), default=0)):
        yield [factor.change(at) for factor in factors]

"""What several commands share: types of arguments, options, and how an answer is
printed."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.program import AS_JSON, ExitCode

if TYPE_CHECKING:
    from balance_sim.scenario import Scenario

MOST_WORKERS = 512
PATH = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
SEED = click.IntRange(0, 2**64 - 1)
SHORT_SEED = click.IntRange(0, 2**32 - 1)
RUNS = click.IntRange(1, 10_000_000)


class FiniteRange(click.FloatRange):
    """A range of numbers; `nan` and `inf` are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the number, within the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number: write one.", param, ctx)
        return number


class Day(click.DateTime):
    """A day, as in 2025-09-03."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the date."""
        if type(value) is date:
            return value
        return super().convert(value, param, ctx).date()


def cores() -> int:
    """Return how many cores this process may use, at most what --workers takes."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def _remember_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[AS_JSON] = ctx.meta.get(AS_JSON, False) or value


json_option = click.option(
    "--json",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_remember_json,
    help="Print one JSON document on stdout and nothing else.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Change a value of the scenario, e.g. events.parade.visibility=0.5. "
    "Repeatable.",
)
theory_option = click.option(
    "--theory", metavar="NAME", help="Take this theory's weights instead of the file's."
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=cores,
    help="Worker processes  [default: cores]",
)
figures_option = click.option(
    "--figures/--no-figures",
    default=True,
    help="Figures and report in the results folder.",
)
timeout_option = click.option(
    "--run-timeout",
    type=FiniteRange(min=0.001),
    metavar="SECONDS",
    help="Give up a replication that takes longer.",
)


def _find_code_here(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> str | None:
    """Let code that is named be found in the working directory too, by workers as
    well."""
    folder = os.getcwd()
    if value is not None and folder not in sys.path:
        sys.path.insert(0, folder)
        paths = (folder, os.environ.get("PYTHONPATH"))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return value


def _code_option(*names: str, metavar: str, words: str) -> Callable[[Any], Any]:
    """Return an option that names a module of one's own."""
    help_text = f"{words} (executes that module)."
    return click.option(
        *names, metavar=metavar, callback=_find_code_here, help=help_text
    )


own_model_option = _code_option(
    "--model",
    metavar="MODULE:CLASS",
    words="Your own StateAgent subclass, from a module in this folder or on "
    "PYTHONPATH; a study that has one needs it named again",
)
own_outcomes_option = _code_option(
    "--outcomes",
    "own",
    metavar="MODULE",
    words="A module of yours whose public functions are measured as outcomes too; a "
    "study that has some needs it named again",
)


def _load_terms(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if _find_code_here(ctx, param, value) is not None:
        from balance_sim.model.own.modules import load

        load(str(value))


terms_option = click.option(
    "--terms",
    metavar="MODULE",
    expose_value=False,
    callback=_load_terms,
    help="Load your own terms of willingness and types of event from a module in this "
    "folder (executes that module).",
)
"""Of every command that computes with the rules of a scenario."""


def answer(
    document: object | Callable[[], object],
    lines: Iterable[str] | Callable[[], Iterable[str]],
    *,
    indent: int | None = None,
) -> None:
    """Print an answer: with --json one document, else lines for a person. A function
    is called if its result is printed."""
    if click.get_current_context().meta.get(AS_JSON):
        content = document() if callable(document) else document
        click.echo(json.dumps(content, indent=indent, allow_nan=False))
        return
    for line in lines() if callable(lines) else lines:
        click.echo(line)


def telling(
    scenario: str,
    settings: tuple[str, ...],
    theory: str | None,
    say: Callable[[Iterable[str]], None],
) -> Scenario:
    """Return the scenario, once it is said what is given in it and changes nothing.

    Raises
    ------
    ScenarioError : as `load_scenario`
    """
    from balance_sim.scenario.diagnostics import ScenarioError, errors_in
    from balance_sim.scenario.idle import IDLE
    from balance_sim.scenario.load import check_scenario

    loaded, problems = check_scenario(scenario, set=settings, theory=theory)
    if loaded is None:
        raise ScenarioError(errors_in(problems))
    say(problem.text() for problem in problems if problem.code == IDLE)
    return loaded


def require_package(name: str) -> None:
    """Raise ModuleNotFoundError for a package of an extra that is not installed, before
    the work that it is needed for."""
    if find_spec(name) is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def leave_if_failed(
    failed: Sequence[Mapping[str, Any]], runs: int, folder: Path
) -> None:
    """End with the exit code for it, and say so, where some replications failed.

    Parameters
    ----------
    failed, runs : those that failed, and how many were asked for
    folder : of the results
    """
    if failed:
        from balance_sim.study.failures import failure_text

        click.echo(failure_text(failed, runs), err=True)
        click.echo(f"See {folder / 'failed.json'}", err=True)
        click.get_current_context().exit(ExitCode.FAILED_RUNS)


def command_line() -> str:
    """Return the command as it was given, for the record and to give it again."""
    return shlex.join(["balance-sim", *sys.argv[1:]])

"""What several commands share: kinds of arguments, options, and how an answer is
printed."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.program import AS_JSON, ExitCode

if TYPE_CHECKING:
    from balance_sim.study.result import Result

MOST_WORKERS = 512
PATH = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
SEED = click.IntRange(0, 2**64 - 1)
SHORT_SEED = click.IntRange(0, 2**32 - 1)


class FiniteRange(click.FloatRange):
    """A range of numbers; `nan` and `inf` are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """The number, within the range."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            what = "a number" if found != found else "a finite number"
            self.fail(
                f"{value!r} is not {what}: write one, or leave the option out.",
                param,
                ctx,
            )
        return found


class Day(click.DateTime):
    """A day, as in 2025-09-03."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """The date."""
        return (
            value if type(value) is date else super().convert(value, param, ctx).date()
        )


class Renamed(click.Option):
    """An option whose further names are old ones: they still work, and the help leaves
    them out."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The help under the first name alone."""
        names = self.opts, self.secondary_opts
        self.opts, self.secondary_opts = self.opts[:1], self.secondary_opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts, self.secondary_opts = names


def cores() -> int:
    """Cores this process may use, as many as --workers takes at the most."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def _remember(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[AS_JSON] = ctx.meta.get(AS_JSON, False) or value


json_option = click.option(
    "--json",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_remember,
    help="Print one JSON document on stdout and nothing else.",
)
verbose_option = click.option(
    "--verbose", "-v", is_flag=True, help="Print all there is, not the finding alone."
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Change a value of the scenario, e.g. events.parade.visibility=0.5. Repeatable.",
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
bytes_option = click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=10 << 30,
    show_default="10 GiB",
    help="Refuse a study that would fill more disk.",
)
timeout_option = click.option(
    "--run-timeout",
    type=FiniteRange(min=0.001),
    metavar="SECONDS",
    help="Give up a replication after so long.",
)


def _code_from_here(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> str | None:
    """Whoever names code of their own finds it in the working directory too, and so do
    workers."""
    here = os.getcwd()
    if value is not None and here not in sys.path:
        sys.path.insert(0, here)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, (here, os.environ.get("PYTHONPATH")))
        )
    return value


own_model_option = click.option(
    "--model",
    metavar="MODULE:CLASS",
    callback=_code_from_here,
    help="Use your own StateAgent subclass, from a module in this folder or on PYTHONPATH (executes that module).",
)
own_outcomes_option = click.option(
    "--outcomes",
    "own",
    metavar="MODULE",
    callback=_code_from_here,
    help="Measure the public functions of a module of yours as outcomes too (executes that module).",
)
study_outcomes_option = click.option(
    "--outcomes",
    "own",
    metavar="MODULE",
    callback=_code_from_here,
    help="Allow the study's own outcomes, if it has some (executes that module).",
)
study_model_option = click.option(
    "--model",
    metavar="MODULE:CLASS",
    callback=_code_from_here,
    help="Allow the study's own StateAgent subclass, if it has one (executes that module).",
)


def _load_terms(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if _code_from_here(ctx, param, value) is not None:
        from balance_sim.model.own.modules import load

        load(str(value))


terms_option = click.Option(
    ["--terms"],
    metavar="MODULE",
    expose_value=False,
    callback=_load_terms,
    help="Load your own terms of willingness and kinds of event from a module in this folder (executes that module).",
)
"""Of every command that computes with the rules of a scenario: `program.RULES` names
them."""


def answer(
    document: object | Callable[[], object],
    lines: Iterable[str] | Callable[[], Iterable[str]],
    *,
    indent: int | None = None,
) -> None:
    """Print what was found: with --json one document, else lines for a person. A
    function is called if needed."""
    if click.get_current_context().meta.get(AS_JSON):
        found = document() if callable(document) else document
        click.echo(json.dumps(found, indent=indent, allow_nan=False))
        return
    for line in lines() if callable(lines) else lines:
        click.echo(line)


def leave_if_failed(result: Result, folder: Path) -> None:
    """End with the exit code for it, and say so, where some replications failed."""
    if result.failed:
        failed = f"{len(result.failed)} of {result.runs} replications failed: see {folder / 'failed.json'}"
        click.echo(failed, err=True)
        click.get_current_context().exit(ExitCode.FAILED_RUNS)


def given(ctx: click.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def command_line() -> str:
    """The command as it was given, for the record and to give it again."""
    return shlex.join(["balance-sim", *sys.argv[1:]])

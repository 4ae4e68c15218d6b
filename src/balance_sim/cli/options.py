"""Options that several commands take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from balance_sim.cli.program import AS_JSON

Decorated = Callable[..., Any]


class FiniteRange(click.FloatRange):
    """A range of numbers; `nan` and `inf` are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, within the range."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            what = "a number" if found != found else "a finite number"
            self.fail(f"{value!r} is not {what}: write one, or leave the option out.", param, ctx)
        return found


def _remember(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value:
        ctx.meta[AS_JSON] = True
    return value


def json_option(function: Decorated) -> Decorated:
    """`--json`: one JSON document on stdout and nothing else, errors too."""
    option = click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_remember,
        help="Print one JSON document on stdout and nothing else.",
    )
    return option(function)


def classes_option(function: Decorated) -> Decorated:
    """`--classes left|right`."""
    option = click.option(
        "--classes",
        type=click.Choice(["left", "right"]),
        help="Where class tables differ: count all by that of the first, or of the last.",
    )
    return option(function)


def set_option(function: Decorated) -> Decorated:
    """`--set key.path=value`, repeatable."""
    option = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help="Change a value of the scenario, e.g. events.parade.visibility=0.5. Repeatable.",
    )
    return option(function)


def theory_option(function: Decorated) -> Decorated:
    """`--theory NAME`."""
    option = click.option(
        "--theory", metavar="NAME", help="Take this theory's weights instead of the file's."
    )
    return option(function)

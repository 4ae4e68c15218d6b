"""What to type instead, for words of other programs and for what people try first."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import click

COMMANDS: Mapping[str, str] = {
    **dict.fromkeys(("simulate", "execute", "start", "go", "study"), "run"),
    **dict.fromkeys(("validate", "lint", "inspect"), "check"),
    **dict.fromkeys(("init", "create", "scaffold"), "new"),
    **dict.fromkeys(("experiment", "grid", "scan"), "sweep"),
    **dict.fromkeys(("figures", "figure", "draw"), "plot"),
    **dict.fromkeys(("why", "attribution"), "explain"),
    **dict.fromkeys(("diff", "difference"), "compare"),
    **dict.fromkeys(("gui", "serve", "dashboard"), "app"),
    **dict.fromkeys(("estimate", "regress"), "evidence fit"),
}
"""Commands by what they are called elsewhere."""
OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(
        ("--replications", "--replicates", "--reps", "--n", "--iterations", "--nruns"),
        "--runs",
    ),
    **dict.fromkeys(("--output", "--folder", "--results", "--directory"), "--out"),
    **dict.fromkeys(("--jobs", "--cores", "--processes", "--threads"), "--workers"),
    **dict.fromkeys(("--param", "--parameter", "--override", "--value"), "--set"),
    **dict.fromkeys(("--random-seed", "--rng"), "--seed"),
    **dict.fromkeys(("--timeout", "--time-limit"), "--run-timeout"),
}
"""Options by what they are called elsewhere."""


def improve(error: click.ClickException, words: Sequence[str]) -> None:
    """Add to a mistake of use what to type instead, where that can be told.

    Parameters
    ----------
    error : that ends the command; its message is changed
    words : of the command line
    """
    if isinstance(error, click.NoSuchOption):
        meant = OPTIONS.get(error.option_name)
        offered = _options_of(error.ctx)
        if meant in offered:
            vars(error)["possibilities"] = [meant]
    elif isinstance(error, click.UsageError) and "extra argument" in error.message:
        settings = settings_meant(words)
        if settings:
            advice = f"{error.message}. A value stands behind `=`: {settings}"
            vars(error)["message"] = advice


def settings_meant(words: Sequence[str]) -> str:
    """The settings that `--set a b`, or `--set a=1 b=2`, probably mean, to type; empty
    where there are none of that kind."""
    settings: list[str] = []
    is_mistaken, place = False, 0
    while place < len(words):
        word = words[place]
        place += 1
        if word != "--set":
            continue
        values = []
        while place < len(words) and not words[place].startswith("-"):
            values.append(words[place])
            place += 1
        is_mistaken |= len(values) > 1
        settings += _joined(values)
    if not is_mistaken:
        return ""
    return "`" + " ".join(f"--set {shlex.quote(text)}" for text in settings) + "`"


def _joined(values: Sequence[str]) -> list[str]:
    """Settings from the words behind one `--set`: `a b` is `a=b`, and so is `a = b`."""
    bare = [value for value in values if value != "="]
    settings: list[str] = []
    while bare:
        key = bare.pop(0)
        if "=" not in key.rstrip("=") and bare and "=" not in bare[0]:
            key = f"{key.rstrip('=')}={bare.pop(0)}"
        settings.append(key)
    return settings


def _options_of(ctx: click.Context | None) -> set[str]:
    if ctx is None:
        return set()
    return {name for option in ctx.command.params for name in option.opts}
